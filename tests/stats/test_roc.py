"""Cut-offs against known answers: plain loops, both sides of each cut-off, simulated truth."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest

from metcn.stats.roc import area, curve, full_specificity, youden

NAN = math.nan


def by_hand(high, low):
    """Area, Youden's cut-off and that of full specificity by plain loops."""
    won = sum((one > other) + (one == other) / 2 for one in high for other in low)
    values = sorted({*high, *low})
    cuts = [values[0], *((one + other) / 2 for one, other in itertools.pairwise(values))]
    best, chosen = -1.0, NAN
    for cut in cuts:
        index = sum(one >= cut for one in high) / len(high) + sum(one < cut for one in low) / len(low)
        if index >= best - 1e-12:
            best, chosen = max(best, index), cut
    above = [one for one in high if one > max(low)]
    return won / len(high) / len(low), chosen, (max(low) + min(above)) / 2 if above else NAN


@pytest.mark.parametrize("seed", range(10))
def test_against_plain_loops(seed):
    random = np.random.default_rng(seed)
    high = np.sort(random.normal(7, 2, 25).round(seed % 3))
    low = np.sort(random.normal(4, 2, 31).round(seed % 3))
    expected = by_hand(high.tolist(), low.tolist())
    assert (area(high, low), youden(high, low), full_specificity(high, low)) == pytest.approx(expected, nan_ok=True)
    found = curve(np.concatenate([high, low]), [1] * 25 + [0] * 31, resamples=20)
    assert (found.positives, found.negatives) == (25, 31)
    assert (found.area.value, found.youden.value.value) == pytest.approx(expected[:2])
    assert found.points[0] == (0, 0) and found.points[-1] == (1, 1)
    across, up = np.array(found.points).T
    assert found.area.value == pytest.approx(np.trapezoid(up, across))


PERFECT = [1, 2, 3, 6, 7, 8], [0, 0, 0, 1, 1, 1]
CASES = {  # values, truth: cut-off of Youden, of full specificity, sensitivity of the latter
    "apart": (*PERFECT, 4.5, 4.5, 1.0),
    "a negative among positives": ([1, 2, 7, 6, 8, 9], [0, 0, 0, 1, 1, 1], 7.5, 7.5, 2 / 3),
    "a negative above all": ([1, 2, 9, 6, 7, 8], [0, 0, 0, 1, 1, 1], 4.0, NAN, NAN),
    "a tie of positive and negative": ([1, 6, 6, 8], [0, 0, 1, 1], 7.0, 7.0, 0.5),
    "missing ones": ([1, NAN, 6, 3], [0, 0, 1, NAN], 3.5, 3.5, 1.0),
}


@pytest.mark.parametrize(("values", "truth", "best", "specific", "seen"), CASES.values(), ids=list(CASES))
def test_cut_offs(values, truth, best, specific, seen):
    found = curve(values, truth, resamples=10)
    assert found.youden.value.value == best
    assert found.specific.value.value == pytest.approx(specific, nan_ok=True)
    assert found.specific.sensitivity.value == pytest.approx(seen, nan_ok=True)
    if math.isfinite(specific):
        assert found.specific.specificity.value == 1


@pytest.mark.parametrize("truth", [[1, 1], [0, 0], [NAN, 1]])
def test_both_kinds_are_needed(truth):
    with pytest.raises(ValueError, match="expected positives and negatives"):
        curve([1, 2], truth, resamples=1)


def test_the_seed_decides():
    one, same, other = (curve(*PERFECT, resamples=50, seed=seed).youden.value for seed in (1, 1, 2))
    assert one == same != other


def test_an_area_of_one_has_no_interval():
    found = curve(*PERFECT, resamples=50)
    assert found.area.value == 1 and math.isnan(found.area.low) and math.isnan(found.area.high)
    mixed = curve([1, 2, 7, 6, 8, 9], [0, 0, 0, 1, 1, 1], resamples=50).area
    assert 0 <= mixed.low < mixed.value < mixed.high == 1


def test_intervals_hold_the_truth():
    """Two normal distributions with one SD, as many of each: the best cut-off lies midway."""
    random, held, areas = np.random.default_rng(5), 0, 0
    true_area = NormalDist().cdf(3 / math.sqrt(2))
    for seed in range(60):
        values = np.concatenate([random.normal(7, 1, 60), random.normal(4, 1, 60)])
        found = curve(values, [1] * 60 + [0] * 60, resamples=200, seed=seed)
        held += found.youden.value.low <= 5.5 <= found.youden.value.high
        areas += found.area.low <= true_area <= found.area.high
    assert held >= 51 and areas >= 51
