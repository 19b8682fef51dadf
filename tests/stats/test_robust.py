"""Robust estimates against slow loops, against what a few wrong values could do, and against simulated truth."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metcn.stats import robust

NAN, INF = float("nan"), float("inf")
VALUES = st.lists(st.one_of(st.floats(-100, 100), st.just(NAN)), max_size=30)
PAIRS = st.lists(st.tuples(st.floats(-100, 100), st.floats(0.01, 10)), min_size=1, max_size=30)

MIDDLES = [
    # values, median, spread
    pytest.param([], NAN, NAN, id="nothing"),
    pytest.param([NAN, NAN], NAN, NAN, id="all missing"),
    pytest.param([3.0], 3.0, NAN, id="one value"),
    pytest.param([3.0, NAN, INF], 3.0, NAN, id="one finite value"),
    pytest.param([1.0, 3.0], 2.0, 1.4826, id="two values"),
    pytest.param([5.0, 5.0, 5.0], 5.0, 0.0, id="constant"),
    pytest.param([1.0, 2.0, 3.0, 4.0, 1e9], 3.0, 1.4826, id="one wild value"),
]


@pytest.mark.parametrize(("values", "middle", "spread"), MIDDLES)
def test_median_and_spread(values, middle, spread):
    np.testing.assert_allclose([robust.median(values), robust.spread(values)], [middle, spread])


@given(VALUES)
def test_median_and_spread_equal_the_loop(values):
    known = [value for value in values if math.isfinite(value)]
    middle = statistics.median(known) if known else NAN
    away = [abs(value - middle) for value in known]
    spread = 1.4826 * statistics.median(away) if len(known) > 1 else NAN
    np.testing.assert_allclose([robust.median(values), robust.spread(values)], [middle, spread], atol=1e-12)


def slow_weighted_median(values, weights):
    pairs = sorted((v, w) for v, w in zip(values, weights, strict=True) if math.isfinite(v) and w > 0)
    half, reached = sum(w for _, w in pairs) / 2, 0
    for value, weight in pairs:
        reached += weight
        if reached >= half:
            return value
    return NAN


@given(st.lists(st.tuples(st.one_of(st.floats(-9, 9), st.just(NAN)), st.integers(0, 5)), max_size=30))
def test_weighted_median_equals_the_loop(pairs):
    values, weights = [value for value, _ in pairs], [weight for _, weight in pairs]
    expected = slow_weighted_median(values, weights)
    np.testing.assert_array_equal(robust.weighted_median(values, weights), expected)


WEIGHTS = [
    pytest.param([], [], id="nothing"),
    pytest.param([0.0, 0.0, 0.0], [1, 1, 1], id="no residual at all"),
    pytest.param([0.0, 0.0, 7.0], [1, 1, 1], id="no scale to judge by"),
    pytest.param([1.0, -1.0, 1.0, 100.0], [1, 1, 1, 1.5 * 1.4826 / 100], id="one wild residual"),
    pytest.param([1.0, -1.0, 2.0, -2.0], [1, 1, 1, 1], id="ordinary residuals"),
]


@pytest.mark.parametrize(("residuals", "weights"), WEIGHTS)
def test_huber_weights(residuals, weights):
    np.testing.assert_allclose(robust.huber_weights(np.array(residuals), 1.5), weights)


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=30), st.floats(0.1, 50))
def test_huber_weights_do_not_depend_on_the_unit(residuals, unit):
    values = np.array(residuals)
    assume(np.median(np.abs(values)) > 1e-3)
    np.testing.assert_allclose(robust.huber_weights(values * unit), robust.huber_weights(values), rtol=1e-6)


def slow_huber_mean(pairs, bound):
    """Iteratively re-weighted mean, as a loop over the values."""
    precision = [1 / sd**2 for _, sd in pairs]
    mean = slow_weighted_median([value for value, _ in pairs], precision)
    weights = precision
    for _ in range(10):
        size = [abs(value - mean) / sd for value, sd in pairs]
        cut = bound * 1.4826 * statistics.median(size)
        trust = [1.0 if cut == 0 or z <= cut else cut / z for z in size]
        weights = [p * t for p, t in zip(precision, trust, strict=True)]
        mean = sum(w * value for w, (value, _) in zip(weights, pairs, strict=True)) / sum(weights)
    scatter = 1.4826 * statistics.median(abs(v - mean) / sd for v, sd in pairs) if len(pairs) > 2 else 1.0
    error = math.sqrt(sum((w * sd) ** 2 for w, (_, sd) in zip(weights, pairs, strict=True))) / sum(weights)
    return mean, error * max(scatter, 1.0), scatter


@given(PAIRS)
def test_huber_mean_equals_the_loop(pairs):
    values, sd = zip(*pairs, strict=True)
    # the smallest difference between a scale of zero and almost zero would send the two different ways
    assume(len(set(values)) == len(values))
    expected = slow_huber_mean(pairs, robust.HUBER_BOUND)
    np.testing.assert_allclose(robust.huber_mean(values, sd), expected, rtol=1e-6, atol=1e-6)


UNUSABLE = [
    pytest.param([], [], id="nothing"),
    pytest.param([NAN], [1.0], id="value missing"),
    pytest.param([1.0], [NAN], id="error missing"),
    pytest.param([1.0], [0.0], id="no error"),
]


@pytest.mark.parametrize(("values", "sd"), UNUSABLE)
def test_huber_mean_of_nothing_is_missing(values, sd):
    assert all(math.isnan(part) for part in robust.huber_mean(values, sd))


def test_huber_mean_of_one_value_is_that_value_with_its_error():
    assert robust.huber_mean([2.0, NAN], [0.3, 0.1]) == (2.0, pytest.approx(0.3), 1.0)


@given(PAIRS, st.floats(-50, 50))
def test_huber_mean_lies_among_the_values_and_moves_with_them(pairs, shift):
    values, sd = (np.array(column) for column in zip(*pairs, strict=True))
    assume(len(values) == 1 or np.diff(np.sort(values)).min() > 1e-3)
    mean, error, scatter = robust.huber_mean(values, sd)
    assert values.min() - 1e-9 <= mean <= values.max() + 1e-9
    moved = robust.huber_mean(values + shift, sd)
    np.testing.assert_allclose(moved, (mean + shift, error, scatter), rtol=1e-6, atol=1e-6)


def test_one_dropped_out_bin_hardly_moves_the_mean():
    values = np.random.default_rng(1).normal(2.0, 0.1, 25)
    mean, _, _ = robust.huber_mean(values, np.full(25, 0.1))
    values[3] = -15.0
    assert robust.huber_mean(values, np.full(25, 0.1))[0] == pytest.approx(mean, abs=0.04)


@pytest.mark.parametrize("told", [pytest.param(1.0, id="noise as expected"), pytest.param(0.5, id="twice as noisy")])
def test_the_error_of_the_mean_is_the_scatter_of_means(told):
    """``told`` is what the caller expects of the noise over what it is: too little is noticed."""
    random = np.random.default_rng(2)
    sd = random.uniform(0.1, 0.4, 30)
    means, errors, _ = zip(*(robust.huber_mean(random.normal(0, sd), told * sd) for _ in range(600)), strict=True)
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.15)


@pytest.mark.parametrize("dimensions", [1, 2, 5, 6])
def test_uniform_scores_fill_the_cube_evenly(dimensions):
    scores = robust.uniform_scores(4096, dimensions)
    assert scores.shape == (4096, dimensions)
    assert 0 < scores.min() < scores.max() < 1
    reach = (np.arange(4096) + 0.5) / 4096
    assert np.abs(np.sort(scores, axis=0) - reach[:, None]).max() < 0.01  # random draws: about 0.02
    apart = np.corrcoef(scores.T).reshape(dimensions, dimensions) - np.eye(dimensions)
    assert np.abs(apart).max() < 0.06


def test_uniform_scores_are_the_same_every_time_and_in_any_number():
    first = robust.uniform_scores(100, 3)
    assert first.tobytes() == robust.uniform_scores(100, 3).tobytes()
    np.testing.assert_array_equal(robust.uniform_scores(40, 3), first[:40])


def test_uniform_scores_integrate_better_than_chance():
    """Mean of a product of five cosines."""
    truth = (np.sin(1.0)) ** 5
    found = np.prod(np.cos(robust.uniform_scores(4096, 5)), axis=1).mean()
    chance = np.prod(np.cos(np.random.default_rng(3).random((4096, 5))), axis=1).std() / 64
    assert abs(found - truth) < chance / 2


@pytest.mark.parametrize("truth", [0.0, 0.1, 0.3])
def test_excess_beyond_known_noise(truth):
    """Means of 1 to 30 values of SD 0.2 whose variances are known to a third, a twentieth of them outliers."""
    found = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        size = random.integers(1, 31, 400)
        variance = 0.2**2 / size
        values = random.normal(0, np.sqrt(truth**2 + variance)) + 3.0 * (random.random(400) < 0.05)
        found.append(robust.excess(values, variance * np.exp(0.3 * random.normal(size=400)), size))
    excess, count, noise = np.array(found).mean(axis=0)
    assert excess == pytest.approx(truth, abs=0.02 + 0.1 * truth)
    assert 20 < count <= 400
    assert 0.2 / np.sqrt(30) <= noise < 0.2


def test_excess_of_nothing_is_unknown():
    excess, count, noise = robust.excess([NAN, 1.0], [1.0, NAN])
    assert np.isnan([excess, noise]).all()
    assert count == 0


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 9)), min_size=1, max_size=30))
def test_weighted_spread_of_equal_weights_is_between_the_middle_values(pairs):
    values = np.array([value for value, _ in pairs])
    weighted = robust.weighted_spread(values, np.ones(len(values)))
    away = np.sort(np.abs(values - robust.weighted_median(values, np.ones(len(values)))))
    assert weighted == pytest.approx(robust.MAD_TO_SD * away[(len(away) - 1) // 2])


# Against values and loops with constants of their own


def test_uniform_scores_are_those_of_the_golden_ratios():
    """0.618 in one dimension; in two 0.755 and 0.570, powers of the real root of x ** 3 == x + 1."""
    np.testing.assert_allclose(robust.uniform_scores(3, 1)[:, 0], np.mod(0.5 + 0.6180339887498949 * np.arange(1, 4), 1))
    steps = np.array([0.7548776662466927, 0.5698402909980532])
    np.testing.assert_allclose(robust.uniform_scores(4, 2), np.mod(0.5 + np.arange(1, 5)[:, None] * steps, 1))


def slow_excess(deviations, variances, sizes, iterations=8):
    """Excess, number and noise of values as it is described, a loop over them."""
    scale = statistics.median(variance * size for variance, size in zip(variances, sizes, strict=True))
    typical = [scale / size for size in sizes]
    gaps = [(1.4826 * value) ** 2 - variance for value, variance in zip(deviations, variances, strict=True)]
    beyond = max(statistics.median(gaps), 0)
    for _ in range(iterations):
        weights = [1 / (beyond + own + 1e-6) ** 2 for own in typical]
        beyond = max(slow_weighted_median(gaps, weights), 0)
    whole = sum(weights)
    noise = sum(weight * own for weight, own in zip(weights, typical, strict=True)) / whole
    return math.sqrt(beyond), whole**2 / sum(weight**2 for weight in weights), math.sqrt(noise)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("quiet", [1.0, 1e-6])
def test_excess_equals_the_loop(seed, quiet):
    random = np.random.default_rng(seed)
    size = random.integers(1, 9, 31)
    variance = quiet * random.uniform(0.5, 2, 31) / size
    deviations = random.normal(0, np.sqrt(variance + 0.3 * quiet * (seed % 3)))
    found = robust.excess(deviations, variance, size)
    np.testing.assert_allclose(found, slow_excess(deviations, variance, size), rtol=1e-9)


def test_excess_of_equal_values_by_hand():
    excess, count, noise = robust.excess([1.0, -1.0, 1.0, -1.0], [0.36] * 4)
    assert excess == pytest.approx(math.sqrt(1.4826**2 - 0.36))
    assert (count, noise) == (pytest.approx(4), pytest.approx(0.6))
    assert robust.excess([0.1, -0.1], [0.36] * 2)[0] == 0


def test_huber_constants():
    """A cut at 1.5 of 1.4826 times the median size."""
    cut = 1.5 * 1.4826
    np.testing.assert_allclose(robust.huber_weights(np.array([1.0, -1, 1, cut, 1.01 * cut])), [1, 1, 1, 1, 1 / 1.01])
    values = [0.0, 1.0, 2.5, 9.0]
    np.testing.assert_allclose(
        robust.huber_mean(values, [1, 2, 1, 2]), slow_huber_mean(list(zip(values, [1, 2, 1, 2], strict=True)), 1.5)
    )


@pytest.mark.parametrize(
    ("values", "scatter"), [([0.0, 9.0], 1.0), ([0.0, 0.0, 9.0], 1.4826 * 3), ([0.0, 4.5, 9.0], 1.4826 * 4.5)]
)
def test_scatter_needs_three_values(values, scatter):
    assert robust.huber_mean(values, np.ones(len(values)))[2] == pytest.approx(scatter)


def test_weighted_spread_by_hand():
    """Median 2 (three of six parts are reached there), distances 1 0 2 6 of weights 1 2 1 2: half of them within 1."""
    assert robust.weighted_spread([1, 2, 4, 8], [1, 2, 1, 2]) == pytest.approx(1.4826)
    assert robust.weighted_spread([1, 2, 4, 8, NAN], [1, 1, 1, 3, 9]) == pytest.approx(1.4826 * 3)


def test_values_without_a_variance_do_not_count():
    deviations, variances = [1.0, -0.5, 2.0, NAN, 5.0], [0.1, 0.2, 0.3, 0.4, NAN]
    assert robust.excess(deviations, variances) == robust.excess(deviations[:3], variances[:3])
