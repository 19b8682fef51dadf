"""Fragment lengths by class: figures equal a slow loop, strata have both bounds, unknown lengths do not count."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.counts import fragment_lengths

NAMES = ("met", "backbone")
FRAGMENTS = st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 900)), max_size=80)


def counted(fragments, chunk=1000):
    """Summary of (class, length) pairs, added in chunks."""
    counter = fragment_lengths.LengthCounter(NAMES)
    for first in range(0, len(fragments), chunk):
        part = np.array(fragments[first : first + chunk]).reshape(-1, 2)
        counter.add(part[:, 0], part[:, 1].astype(np.int32))
    return counter.summary()


@given(FRAGMENTS, st.integers(1, 100))
def test_figures_equal_the_loop(fragments, chunk):
    found = counted(fragments, chunk)
    if not any(label >= 0 and length > 0 for label, length in fragments):
        assert found is None
        return
    for place, name in enumerate(NAMES):
        own = [length for label, length in fragments if label == place and length > 0]
        short, long = (sum(low <= length <= high for length in own) for low, high in ((90, 150), (151, 220)))
        assert (found[name]["fragments"], found[name]["short"], found[name]["long"]) == (len(own), short, long)
        assert found[name]["share_short"] == (short / (short + long) if short + long else None)
        middle = min(statistics.median_low(own), 601) if own else None
        assert found[name]["median_bp"] == middle
        coarse = [sum(step <= length < step + 5 for length in own) for step in range(0, 600, 5)]
        assert found["histogram"]["counts"][name] == [*coarse, sum(length >= 600 for length in own)]


@pytest.mark.parametrize(
    ("length", "stratum"),
    [(89, None), (90, "short"), (150, "short"), (151, "long"), (220, "long"), (221, None), (0, None)],
)
def test_bounds_of_the_strata(length, stratum):
    found = counted([(0, length), (1, 300)])["met"]
    assert {name for name in ("short", "long") if found[name]} == ({stratum} if stratum else set())


def test_mode_is_not_moved_by_the_helix():
    """Plasma's lengths jump every ten bases below 150; the mode is where they are dense, not the highest jump."""
    random = np.random.default_rng(2)
    plasma = random.normal(167, 12, 20_000).astype(int)
    found = counted([(1, int(length)) for length in plasma] + [(1, 143)] * 800)["backbone"]
    assert found["mode_bp"] == pytest.approx(167, abs=3)
    share, both = found["share_short"], found["short"] + found["long"]
    assert found["share_short_se"] == pytest.approx(math.sqrt(share * (1 - share) / both))
