"""What is kept of left-out normals on chromosome 7, and how noisy each of them is."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.bins.layout import layout_of
from metcn.reference import build, on_seven
from metcn.reference.panel import LeftOut
from metcn.run.settings import ReferenceSettings
from support import made_depth

FRAME = made_depth.panel_bins(genes=24, tiles=8, off_target_bp=2_000_000, seven_bp=2_000_000).reset_index(drop=True)
LAYOUT = layout_of(FRAME)
NAN = float("nan")


def panel(noise, trusted=None):
    """Panel of normals with so much noise each, shared by the bins of a group."""
    random = np.random.default_rng(3)
    shared = random.normal(size=(len(noise), int(LAYOUT.group.max()) + 1))[:, LAYOUT.group]
    depth = 5 + np.array(noise)[:, None] * shared + 0.02 * random.normal(size=(len(noise), len(FRAME)))
    return build.build(depth.astype(np.float32), LAYOUT, ReferenceSettings(), trusted=trusted)


def test_rests_are_those_of_chromosome_7():
    made = panel([0.1] * 6)
    for kind, rests in made.rests.items():
        groups = np.unique(LAYOUT.group[LAYOUT.on_seven & (LAYOUT.kind == kind)])
        np.testing.assert_array_equal(rests.label, groups)
        assert rests.rest.shape == (6, len(groups)) and np.isfinite(rests.rest).all()
        assert rests.variance.shape == groups.shape and rests.excess.shape == (6,)


def test_normals_that_are_not_trusted_tell_nothing():
    trusted = np.array([True, True, False, True, True, True])
    made = panel([0.1] * 6, trusted)
    assert {len(rests.rest) for rests in made.rests.values()} == {5}


def test_a_noisy_normal_is_told_from_quiet_ones():
    made = panel([0.1] * 5 + [0.4])
    excess = made.rests["off_target"].excess
    assert excess[5] > 2.5 * np.median(excess[:5])
    assert excess[:5].max() < 2 * excess[:5].min()


def left_over(kind, rest, variance=1e-6):
    """What is left of normals in every group of a kind: all but MET's chromosome are alike."""
    label = np.unique(LAYOUT.group[LAYOUT.kind == kind])
    rest = np.broadcast_to(rest, (len(rest), len(label))).astype(float)
    yes = np.ones(len(label), dtype=bool)
    return LeftOut(rest, rest, np.full(len(label), variance), label, yes, yes)


def targets_of(strays, shift=0.0, windows=0.0):
    """Excess of normals whose targets stray evenly by up to so much about a level of their own."""
    group, wide = (np.unique(LAYOUT.group[LAYOUT.kind == kind]) for kind in ("target", "off_target"))
    block, known = (
        LAYOUT.block[on_seven.first_bins(kind, label, LAYOUT)]
        for kind, label in (("target", group), ("off_target", wide))
    )
    told = np.isin(block, known)
    away = np.zeros((len(strays), len(group)))
    away[:, told] = np.outer(strays, np.linspace(-1, 1, told.sum()))
    left = {"target": left_over("target", away + shift + windows)}
    left["off_target"] = left_over("off_target", np.full((len(strays), 1), windows))
    return on_seven.rests(left, LAYOUT, np.ones(len(strays), dtype=bool))["target"].excess


def test_targets_are_told_from_the_level_around_wherever_that_lies():
    """Half of the targets stray by less than .1 and .3, of an SD of 1.48 times that; no level of all counts."""
    expected = [0.148, 0.445]
    assert targets_of([0.2, 0.6]) == pytest.approx(expected, rel=0.1)
    assert targets_of([0.2, 0.6], shift=0.5) == pytest.approx(expected, rel=0.1)
    assert targets_of([0.2, 0.6], windows=-0.5) == pytest.approx(expected, rel=0.1)


def test_without_windows_targets_are_told_from_their_own_level():
    targets = len(np.unique(LAYOUT.group[LAYOUT.target]))
    away = 0.7 + np.linspace(-0.4, 0.4, targets)
    left = {"target": left_over("target", away[None])}
    assert on_seven.rests(left, LAYOUT, np.ones(1, dtype=bool))["target"].excess == pytest.approx([0.2965], rel=0.1)
    assert on_seven.rests({}, LAYOUT, np.ones(1, dtype=bool)) == {}


def slow_excess(level, variance, chromosome):
    known = [i for i in range(len(level)) if np.isfinite(level[i]) and np.isfinite(variance[i])]
    steps, noise = [], []
    for one, other in itertools.pairwise(known):
        if chromosome[one] == chromosome[other]:
            steps.append(abs(level[other] - level[one]))
            noise.append((variance[one] + variance[other]) / 2)
    if not steps:
        return NAN
    scatter = (1.4826 * np.median(steps)) ** 2 / 2
    return np.sqrt(max(scatter - np.median(noise), 0.1 * scatter))


VALUE = st.one_of(st.floats(-2, 2), st.just(NAN))
VARIANCE = st.one_of(st.floats(0, 0.1), st.just(NAN))


@given(st.lists(st.tuples(VALUE, VARIANCE, st.integers(0, 2)), max_size=20))
def test_excess_of_steps_equals_the_loop(rows):
    rows = sorted(rows, key=lambda row: row[2])
    level, variance, chromosome = (np.array([row[place] for row in rows]) for place in range(3))
    found = on_seven.step_excess(level.astype(float), variance.astype(float), chromosome.astype(int))
    np.testing.assert_allclose(found, slow_excess(level, variance, chromosome), rtol=1e-12)


@pytest.mark.parametrize("shared", [0.02, 0.1, 0.3])
def test_excess_of_steps_finds_what_groups_share_whatever_the_karyotype(shared):
    random = np.random.default_rng(5)
    arms = np.repeat(np.arange(40), 50)
    level = random.normal(0, 0.5, 40)[arms] + random.normal(0, np.hypot(shared, 0.05), 2000)
    assert on_seven.step_excess(level, np.full(2000, 0.05**2), arms // 2) == pytest.approx(shared, rel=0.2)
