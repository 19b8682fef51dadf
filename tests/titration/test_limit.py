"""Halves, thinned and added fragments, errors, and limits of detection with a known answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from metcn.titration import limit

PURITIES = np.array([0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8])


@given(count=st.integers(0, 40), seed=st.integers(0, 1000))
def test_halves_share_nothing_and_leave_nothing(count, seed):
    one, other = limit.halves(count, np.random.default_rng(seed))
    assert sorted([*one, *other]) == list(range(count))
    assert len(one) - len(other) == count % 2


class TestReweighted:
    @pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7, 6.0])
    def test_mean_and_scatter(self, factor):
        random = np.random.default_rng(1)
        count = random.poisson(50, 40_000)
        found = limit.reweighted(count, np.full(count.shape, factor), random)
        # Var(n + Poisson(n (f - 1))) of Poisson n is f^2 + f - 1 means; binomial thinning of Poisson is Poisson.
        variance = 50 * (factor if factor <= 1 else factor**2 + factor - 1)
        assert found.mean() == pytest.approx(50 * factor, rel=0.01)
        assert found.var() == pytest.approx(variance, rel=0.04)

    def test_a_factor_of_one_changes_nothing(self):
        count = np.array([0, 3, 1000])
        assert limit.reweighted(count, np.ones(3), np.random.default_rng(1)).tolist() == count.tolist()

    def test_the_same_stream_gives_the_same(self):
        drawn = [limit.reweighted([9, 90], [0.5, 2.5], np.random.default_rng(7)).tolist() for _ in range(2)]
        assert drawn[0] == drawn[1]

    @pytest.mark.parametrize(("count", "factor"), [([np.nan], [1]), ([-1], [1]), ([1], [np.nan]), ([1], [-0.1])])
    def test_refuses(self, count, factor):
        with pytest.raises(ValueError, match="counts and factors must be known"):
            limit.reweighted(count, factor, np.random.default_rng(1))


class TestErrors:
    def test_of_three(self):
        found = limit.errors([5, 5, 5, 5], [6, 5, 3, np.nan], [4, 4, 2, np.nan], [8, 6, 4, np.nan])
        assert found == (3, pytest.approx(-1 / 3), pytest.approx(np.sqrt(5 / 3)), pytest.approx(2 / 3))

    def test_without_an_estimate_nothing_is_known(self):
        found = limit.errors([5], [np.nan], [np.nan], [np.nan])
        assert found.known == 0
        assert np.isnan(found[1:]).all()


class TestDetectionLimit:
    @pytest.mark.parametrize(("middle", "spread"), [(0.12, 0.3), (0.2, 0.15), (0.1, 0.5)])
    def test_recovers_a_probit_curve(self, middle, spread):
        n = np.full(len(PURITIES), 4000)
        share = ndtr((np.log(PURITIES) - np.log(middle)) / spread)
        found = limit.detection_limit(PURITIES, np.random.default_rng(2).binomial(n, share), n)
        truth = middle * np.exp(spread * ndtri(0.95))
        assert found.value == pytest.approx(truth, rel=0.05)
        assert found.low <= truth <= found.high

    def test_intervals_hold_the_truth_as_often_as_they_say(self):
        random, n = np.random.default_rng(3), np.full(len(PURITIES), 10)
        share = ndtr((np.log(PURITIES) - np.log(0.13)) / 0.35)
        truth = 0.13 * np.exp(0.35 * ndtri(0.95))
        ends = [limit.detection_limit(PURITIES, random.binomial(n, share), n) for _ in range(200)]
        assert 0.90 <= np.mean([found.low <= truth <= found.high for found in ends]) <= 0.99

    @pytest.mark.parametrize(
        ("seen", "expected"),
        [
            pytest.param([10] * 7, "all seen: below the tested", id="all"),
            pytest.param([0] * 7, "none seen: above the tested", id="none"),
        ],
    )
    def test_outside_the_tested_purities(self, seen, expected):
        found = limit.detection_limit(PURITIES, seen, [10] * 7)
        assert (found.value, found.low) == ((0, 0) if "below" in expected else (np.inf, np.inf))

    def test_a_sudden_rise_lies_between_its_purities(self):
        found = limit.detection_limit(PURITIES, [0, 0, 0, 10, 10, 10, 10], [10] * 7)
        assert 0.14 < found.low < found.value < found.high < 0.3

    @pytest.mark.parametrize("n", [[0, 0, 0], [5, 0, 0]])
    def test_one_purity_says_nothing(self, n):
        assert np.isnan(limit.detection_limit([0.1, 0.2, 0.3], [0, 0, 0], n)).all()

    def test_a_weight_counts_as_so_many_tumours_fewer(self):
        seen = np.array([0, 1, 4, 8, 10, 10, 10])
        whole = limit.detection_limit(PURITIES, seen, np.full(7, 10))
        assert limit.detection_limit(PURITIES, 4 * seen, np.full(7, 40), weight=0.25) == whole

    def test_more_tumours_narrow_the_interval(self):
        seen = np.array([0, 1, 4, 8, 10, 10, 10])
        few, many = (limit.detection_limit(PURITIES, k * seen, np.full(7, 10 * k)) for k in (1, 10))
        assert few.low < many.low < many.high < few.high


# Against a plain sum over a fine grid


def slow_limit(purity, seen, n, sensitivity, confidence, weight=1.0):
    """Quantiles of the purity at which a share is seen, over a fine grid of the curve's middle and spread."""
    place = np.log(np.array(purity))
    middle = np.linspace(place.min() - np.log(8), place.max() + np.log(8), 900)
    spread = np.exp(np.linspace(np.log(0.02), np.log(2), 300))
    log = np.zeros((900, 300))
    for at, yes, whole in zip(place, seen, n, strict=True):
        share = np.clip(ndtr((at - middle[:, None]) / spread), 1e-300, 1)
        missed = np.clip(ndtr((middle[:, None] - at) / spread), 1e-300, 1)
        log += weight * (yes * np.log(share) + (whole - yes) * np.log(missed))
    mass = np.exp(log - log.max()).ravel()
    value = (middle[:, None] + spread * ndtri(sensitivity)).ravel()
    order = np.argsort(value)
    reached = np.cumsum(mass[order]) / mass.sum()
    return [
        np.exp(value[order][np.searchsorted(reached, q)]) for q in (0.5, (1 - confidence) / 2, (1 + confidence) / 2)
    ]


@pytest.mark.parametrize("sensitivity", [0.5, 0.95])
@pytest.mark.parametrize("confidence", [0.95, 0.5])
@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_limit_and_interval_are_those_of_a_plain_sum(sensitivity, confidence, weight):
    seen, n = [0, 3, 8, 17, 26, 30, 30], [30] * 7
    options = {"sensitivity": sensitivity, "confidence": confidence, "weight": weight}
    found = limit.detection_limit(PURITIES, seen, n, **options)
    np.testing.assert_allclose(found, slow_limit(PURITIES, seen, n, **options), rtol=0.02)


def test_a_wide_posterior_is_that_of_the_whole_range():
    """One tumour at each of two purities: any curve will do, within 8 times the purities and spreads of 0.02 to 2."""
    found = limit.detection_limit([0.3, 0.6], [0, 1], [1, 1], sensitivity=0.5, confidence=0.2)
    np.testing.assert_allclose(found, slow_limit([0.3, 0.6], [0, 1], [1, 1], 0.5, 0.2), rtol=0.03)


def test_levels_without_a_tumour_say_nothing():
    seen = [0, 3, 8, 9]
    whole = limit.detection_limit([0.1, 0.2, 0.3, 0.5], seen, [9] * 4)
    assert limit.detection_limit([0.1, 0.15, 0.2, 0.3, 0.5], [0, 0, 3, 8, 9], [9, 0, 9, 9, 9]) == whole


def test_the_bounds_of_an_interval_count_as_inside():
    assert limit.errors([5, 5, 5], [5, 6, 7], [5, 4, 5.1], [6, 5, 9]) == (3, 1.0, pytest.approx(np.sqrt(5 / 3)), 2 / 3)
