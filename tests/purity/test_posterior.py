"""What a posterior over purity and ploidy decides, and what stays open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from metcn.purity import grid as mixing
from metcn.purity import posterior
from metcn.purity.grid import PurityGrid

PURITY, PLOIDY = np.linspace(0.1, 1, 37), np.linspace(1.6, 5.5, 79)


def peaks(*at, width=(0.03, 0.1)):
    """Log-likelihood with peaks at (purity, ploidy, height)."""
    first, second = PURITY[:, None], PLOIDY[None]
    shape = [
        height - ((first - purity) / width[0]) ** 2 / 2 - ((second - ploidy) / width[1]) ** 2 / 2
        for purity, ploidy, height in at
    ]
    return np.logaddexp.reduce(shape, axis=0)


def believed(*at, **options):
    return posterior.belief(posterior.posterior(peaks(*at, **options), PURITY, PLOIDY), PURITY, PLOIDY)


def test_one_peak_is_one_group():
    found = believed((0.6, 2.4, 0))
    assert len(found.modes) == 1
    assert set(found.grid.group) == {0}
    assert found.value["purity"] == pytest.approx(0.6, abs=0.01)
    assert found.value["ploidy"] == pytest.approx(2.4, abs=0.02)
    assert found.span["purity"][0] < 0.6 < found.span["purity"][1]


NAMED = [
    # weights of the peaks, modes that are named
    pytest.param((1, 1, 1), 3, id="equal"),
    pytest.param((0.49, 0.30, 0.21), 3, id="none has the majority"),
    pytest.param((0.985, 0.015), 1, id="below the least share: not named"),
]


@pytest.mark.parametrize(("weights", "named"), NAMED)
def test_every_mode_counts_by_its_weight(weights, named):
    places = list(zip((0.3, 0.55, 0.8), (2.2, 3.1, 4.0), np.log(weights), strict=False))
    found = believed(*places)
    assert set(found.grid.group) == {0}
    assert [mode["weight"] for mode in found.modes] == sorted((m["weight"] for m in found.modes), reverse=True)
    assert len(found.modes) == named
    for purity, _, height in places:
        near = np.abs(found.grid.purity - purity) < 0.1
        assert found.grid.weight[near].sum() == pytest.approx(np.exp(height) / sum(weights), abs=0.01)


STATED = [
    pytest.param(0.5, 0.58, True, id="modes of like purity"),
    pytest.param(0.4, 0.8, False, id="modes of unlike purity"),
]


@pytest.mark.parametrize(("first", "second", "stated"), STATED)
def test_purity_is_stated_only_if_modes_agree(first, second, stated):
    found = believed((first, 2.0, 0), (second, 3.0, 0))
    assert np.isfinite(found.value["purity"]) == stated
    assert np.isnan(found.value["ploidy"])
    assert found.span["purity"][0] < first < second < found.span["purity"][1]


@given(arrays.arrays(float, (6, 7), elements=st.floats(-20, 0)))
@settings(max_examples=50)
def test_groups_of_any_posterior_sum_to_one(log):
    purity, ploidy = np.linspace(0.2, 1, 6), np.linspace(1.6, 4, 7)
    share = posterior.posterior(log, purity, ploidy)
    assert share.sum() == pytest.approx(1)
    found = posterior.belief(share, purity, ploidy)
    np.testing.assert_allclose(np.bincount(found.grid.group, weights=found.grid.weight), 1)
    for name, axis in (("purity", purity), ("ploidy", ploidy)):
        low, high = found.span[name]
        assert axis[0] <= low <= high <= axis[-1]
    assert sum(mode["weight"] for mode in found.modes) <= 1 + 1e-9


def slow_labels(height):
    """Top that each point climbs to, by walking."""
    tops = {}
    for start in np.ndindex(height.shape):
        at = start
        while True:
            near = [
                (at[0] + row, at[1] + column)
                for row in (-1, 0, 1)
                for column in (-1, 0, 1)
                if 0 <= at[0] + row < height.shape[0] and 0 <= at[1] + column < height.shape[1]
            ]
            best = max(near, key=lambda place: height[place])
            if height[best] <= height[at]:
                break
            at = best
        tops[start] = at
    return tops


@given(arrays.arrays(int, (5, 6), elements=st.integers(0, 1000), unique=True))
@settings(max_examples=30)
def test_labels_are_the_tops_that_walks_reach(height):
    found, tops = posterior.labels(height.astype(float)), slow_labels(height)
    pairs = {(int(found[place]), top) for place, top in tops.items()}
    assert len(pairs) == len(set(tops.values())) == len(np.unique(found))


def test_posterior_does_not_depend_on_how_points_are_spread():
    uneven = np.concatenate([np.linspace(0.1, 0.5, 101)[:-1], np.linspace(0.5, 1, 11)])
    share = posterior.posterior(np.zeros((len(uneven), len(PLOIDY))), uneven, PLOIDY)
    assert share[uneven < 0.5].sum() == pytest.approx(0.4 / 0.9, abs=0.05)


def test_a_ploidy_tied_to_copies_weighs_the_step_of_a_copy():
    log = np.zeros((len(PURITY), len(PLOIDY)))
    found = np.exp(posterior.tied(log, PURITY, PLOIDY))
    for row, column in ((0, 0), (10, 40), (36, 78)):
        step = PURITY[row] / (PURITY[row] * PLOIDY[column] + 2 * (1 - PURITY[row]))
        assert found[row, column] == pytest.approx(step)
    np.testing.assert_array_equal(posterior.tied(log[:, :1], PURITY, PLOIDY[:1]), 0)  # that one was given


def test_a_wide_mode_of_low_purity_is_no_evidence_when_ploidy_is_tied():
    """Two solutions that explain the levels equally well, each as wide in ploidy as an error of 1 % of the level is."""
    purity, ploidy = (0.3, 0.6), (4.0, 2.0)  # a diploid genome, or a doubled one at half the purity
    error = [0.01 * (p * q + 2 * (1 - p)) / p for p, q in zip(purity, ploidy, strict=True)]
    shape = [
        -(((PURITY[:, None] - p) / 0.03) ** 2) / 2 - ((PLOIDY[None] - q) / (3 * e)) ** 2 / 2
        for p, q, e in zip(purity, ploidy, error, strict=True)
    ]
    log = np.logaddexp(*shape)
    low = {name: posterior.posterior(each, PURITY, PLOIDY)[PURITY < 0.45].sum()
           for name, each in (("free", log), ("tied", posterior.tied(log, PURITY, PLOIDY)))}  # fmt: skip
    assert low["free"] > 0.7
    assert low["tied"] == pytest.approx(0.5, abs=0.03)


def test_resolved_needs_a_step_above_the_noise_and_the_floor():
    clear = posterior.resolved(np.full((3, 1), 0.05), np.array([0.15, 0.25, 0.9]), np.array([2.0]), floor=0.2)
    assert clear.ravel().tolist() == [False, True, True]
    noisy = posterior.resolved(np.full((3, 1), 0.1), np.array([0.15, 0.25, 0.9]), np.array([2.0]), floor=0.2)
    assert noisy.ravel().tolist() == [False, False, True]


def test_unresolved_points_are_no_better_than_the_best_resolved():
    log, clear = np.array([[5.0, -3.0], [1.0, 0.0]]), np.array([[False, False], [True, True]])
    np.testing.assert_allclose(posterior.capped(log, clear), [[0, -4], [0, -1]])
    np.testing.assert_allclose(posterior.capped(log, np.zeros_like(clear)), 0)


def test_blur_widens_along_purity_only():
    log = np.full((len(PURITY), len(PLOIDY)), -50.0)
    log[20, 30] = 0.0
    seen = posterior.blurred(log, PURITY)
    assert (seen[:, 31] < -49).all()
    assert seen[21, 30] > -10


class TestPlausible:
    """Plausible points of an unknown purity are left out only where the profile contradicts them."""

    points = mixing.PurityGrid.of(mixing.axis(None, (0.1, 1.0)), mixing.axis(None, (1.6, 5.5)))

    def test_nothing_said_leaves_all(self):
        found = posterior.plausible(self.points, np.zeros((len(PURITY), len(PLOIDY))), PURITY, PLOIDY)
        assert found.to_json() == self.points.to_json()

    def test_the_contradicted_go(self):
        log = np.where(PLOIDY[None] > 3, -100.0, 0.0) + np.zeros((len(PURITY), 1))
        found = posterior.plausible(self.points, log, PURITY, PLOIDY)
        assert 0 < len(found.ploidy) < len(self.points.ploidy)
        assert found.ploidy.max() < 3.5
        assert sorted(set(found.group)) == list(range(len(found.group)))

    @pytest.mark.parametrize(("beyond", "stays"), [(1.05, True), (0.95, False)])
    def test_both_sides_of_the_bound(self, beyond, stays):
        """Purities above 0.5 hold a little more, or less, of the posterior than what the region leaves out."""
        high = np.zeros((len(PURITY), len(PLOIDY))) + (PURITY > 0.5)[:, None]
        area = posterior.posterior(np.zeros_like(high), PURITY, PLOIDY)[high > 0].sum()
        share = beyond * (1 - posterior.REGION)
        log = high * np.log(share / (1 - share) * (1 - area) / area)
        found = posterior.plausible(self.points, log, PURITY, PLOIDY)
        assert (found.purity.max() == 1.0) == stays


# Values by hand, on both sides of each bound


def one_row(share, ploidy):
    """Belief of a posterior over ploidy at one purity."""
    return posterior.belief(np.array([share], dtype=float), np.array([0.5]), np.array(ploidy, dtype=float))


def test_a_posterior_does_not_depend_on_the_likelihood_s_scale():
    log = peaks((0.3, 2.2, 0), (0.6, 3.1, 0.5))
    for shift in (-2000, 2000):
        np.testing.assert_allclose(
            posterior.posterior(log + shift, PURITY, PLOIDY), posterior.posterior(log, PURITY, PLOIDY), rtol=1e-9
        )


def test_a_point_that_is_out_of_the_question_has_no_share():
    share = posterior.posterior(np.array([[0.0, -1500.0]]), np.array([0.5]), np.array([2.0, 3.0]))
    assert share.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(("least", "named"), [(0.02, 2), (0.0199, 1)])
def test_a_mode_of_a_fiftieth_is_named(least, named):
    found = one_row((1 - least, 0, least), (2, 3, 4))
    assert [mode["weight"] for mode in found.modes] == [1 - least, least][:named]
    assert [mode["ploidy"] for mode in found.modes] == [2, 4][:named]


@pytest.mark.parametrize(("small", "kept"), [(1.01e-5, 3), (0.99e-5, 2)])
def test_negligible_points_are_left_out(small, kept):
    assert len(one_row((0.7, 0.3, 0.7 * small), (2, 3, 4)).grid.weight) == kept


STATED_BOUNDS = [
    # posterior of ploidies 1.6, 2.0, 2.4, 3.0 ..., stated
    pytest.param((0.1, 0.8, 0.1), (1.0, 2.0, 3.0), True, id="80 % near the mean"),
    pytest.param((0.105, 0.79, 0.105), (1.0, 2.0, 3.0), False, id="less"),
    pytest.param((0.3, 0.4, 0.3), (1.6, 2.0, 2.4), True, id="0.4 beside the mean is near"),
    pytest.param((0.3, 0.4, 0.3), (1.599, 2.0, 2.401), False, id="more is not"),
]


@pytest.mark.parametrize(("share", "ploidy", "stated"), STATED_BOUNDS)
def test_both_sides_of_what_is_stated(share, ploidy, stated):
    assert np.isfinite(one_row(share, ploidy).value["ploidy"]) == stated


@pytest.mark.parametrize(("reach", "stated"), [(0.1, True), (0.101, False)])
def test_a_purity_is_stated_within_a_tenth(reach, stated):
    found = posterior.belief(
        np.array([[0.3], [0.4], [0.3]]), np.array([0.5 - reach, 0.5, 0.5 + reach]), np.array([2.0])
    )
    assert np.isfinite(found.value["purity"]) == stated


def test_the_interval_leaves_a_fortieth_on_each_side():
    axis = np.linspace(2, 3, 1001)
    found = one_row(np.full(1001, 1 / 1001), axis)
    assert found.span["ploidy"] == (pytest.approx(2.025, abs=0.002), pytest.approx(2.975, abs=0.002))


def test_a_point_stands_for_the_half_steps_beside_it():
    assert one_row((0, 1, 0), (2, 2.4, 3)).span["ploidy"] == (pytest.approx(2.2), pytest.approx(2.7))
    assert one_row((1, 0, 0), (2, 2.4, 3)).span["ploidy"] == (pytest.approx(2.0), pytest.approx(2.2))
    assert one_row((0, 0, 1), (2, 2.4, 3)).span["ploidy"] == (pytest.approx(2.7), pytest.approx(3.0))


def test_a_copy_is_resolved_from_three_errors_on():
    """A step of 0.5 / 2 of the ratio; three times 0.12 log2 is 0.2495 of it."""
    for noise, clear in ((0.1201, True), (0.1204, False)):
        found = posterior.resolved(np.array([[noise]]), np.array([0.5]), np.array([2.0]), floor=0.5)
        assert found.tolist() == [[clear]]
    assert not posterior.resolved(np.array([[0.01]]), np.array([0.5]), np.array([2.0]), floor=0.501)


def test_blur_is_that_of_a_response_known_to_a_twentieth():
    purity = np.array([0.36, 0.4, 0.44, 0.8])
    log = np.array([[0.0], [-3.0], [-1.0], [-2.0]])
    width = np.array([0.04, 0.04, 0.2, 0.36])  # purities that a point stands for: half way to either neighbour
    np.testing.assert_allclose(np.gradient(purity), width)
    for row, centre in enumerate(purity):
        weight = width * np.exp(-0.5 * ((purity - centre) / (0.05 * centre)) ** 2)
        expected = np.log(np.sum(weight / weight.sum() * np.exp(log[:, 0])))
        assert posterior.blurred(log, purity)[row, 0] == pytest.approx(expected)


NEAR = [
    # plausible ploidies, ploidies of the fit, which of these fit, ploidies kept
    pytest.param((2, 4), (2, 4), (True, False), (2,), id="the point itself"),
    pytest.param((2, 4), (2, 2.8, 4), (False, True, False), (2,), id="up to half way by ratio, 2.83"),
    pytest.param((2, 4), (2, 2.86, 4), (False, True, False), (4,), id="beyond half way"),
    pytest.param((2, 4, 8), (3, 8, 9), (True, False, False), (2, 4), id="at least the nearest"),
    pytest.param((2, 4), (2.9, 3.9), (False, False), (2, 4), id="all alike leaves all"),
]


@pytest.mark.parametrize(("points", "ploidy", "fits", "kept"), NEAR)
def test_a_plausible_point_stands_for_what_is_near(points, ploidy, fits, kept):
    where = PurityGrid(
        np.full(len(points), 0.5), np.array(points, dtype=float), np.ones(len(points)), np.arange(len(points))
    )
    log = np.where([fits], 0.0, -100.0)
    found = posterior.plausible(where, log, np.array([0.5]), np.array(ploidy, dtype=float))
    assert found.ploidy.tolist() == list(kept)
    assert found.group.tolist() == list(range(len(kept)))


def test_what_holds_a_hundredth_is_not_contradicted():
    where = PurityGrid(np.full(2, 0.5), np.array([2.0, 4.0]), np.ones(2), np.arange(2))
    for small, kept in ((0.0101, 2), (0.0099, 1)):
        log = np.log([[1 - small, small]])
        assert len(posterior.plausible(where, log, np.array([0.5]), np.array([2.0, 4.0])).ploidy) == kept
