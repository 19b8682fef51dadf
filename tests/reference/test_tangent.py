"""Masked tangent: kernels against loops, and a fit that finds the artefact and leaves the amplicon alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.reference import tangent

NORMALS, BINS = 6, 40
NAN = float("nan")


def residuals(seed=1, normals=NORMALS, bins=BINS, missing=0.05):
    """Residuals of normals, a weight per bin, and labels of groups of one to six bins."""
    random = np.random.default_rng(seed)
    values = random.normal(0, 0.5, size=(normals, bins))
    values[random.random(values.shape) < missing] = NAN
    weight = np.where(random.random(bins) < 0.1, 0.0, random.uniform(2, 10, bins))
    label = np.repeat(np.arange(bins) * 3, random.integers(1, 7, bins))[:bins]
    return values, weight, label


@given(st.integers(0, 1000))
def test_winsorising_equals_the_loop(seed):
    values, weight, _ = residuals(seed, bins=9)
    found = tangent.winsorise(values, weight)
    for (row, place), value in np.ndenumerate(values):
        bound = tangent.WINSOR / weight[place] if weight[place] else 0.0
        expected = 0.0 if np.isnan(value) else min(max(value, -bound), bound)
        assert found[row, place] == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 1000))
def test_group_means_equal_the_loop(seed):
    values, weight, label = residuals(seed, missing=0.0)
    totals = {name: sum(weight[label == name] ** 2) for name in label.tolist()}
    sizes = {name: ((label == name) & (weight > 0)).sum() for name in totals}
    own_noise = [tangent.GROUP_FLOOR**2 + 1 / totals[name] for name in totals if totals[name]]
    penalty = tangent.few_bins(np.array(own_noise), np.array([sizes[name] for name in totals if totals[name]]))
    found = tangent.grouped(values, weight, label)
    assert found.label.tolist() == sorted(set(label.tolist()))
    for place, name in enumerate(found.label):
        own = np.flatnonzero((label == name) & (weight > 0))
        assert found.size[place] == len(own)
        if len(own):
            total = sum(weight[row] ** 2 for row in own)
            assert found.variance[place] == pytest.approx(
                (tangent.GROUP_FLOOR**2 + 1 / total) * (1 + penalty / len(own))
            )
            for row in range(NORMALS):
                expected = sum(weight[column] ** 2 * values[row, column] for column in own) / total
                assert found.means[row, place] == pytest.approx(expected)


PANELS = [
    pytest.param([1] * 1900 + [20] * 340, tangent.FEW_BINS, id="genes and many single probes"),
    pytest.param(
        [1] * 22 + [2] * 5 + [3, 3, 4, 5, 10, 11, 29, 30, 69], 0.0, id="small panel, nearly all single targets"
    ),
    pytest.param([5] * 10, tangent.FEW_BINS, id="groups of one size, for which it does not matter"),
    pytest.param([], tangent.FEW_BINS, id="none"),
]


@pytest.mark.parametrize(("size", "expected"), PANELS)
def test_single_targets_count_for_little_where_others_are_enough(size, expected):
    size = np.array(size, dtype=np.intp)
    found = tangent.few_bins(tangent.GROUP_FLOOR**2 + 0.01 / np.maximum(size, 1), size)
    assert found == pytest.approx(expected, abs=1e-3)


def effective(size, variance, penalty):
    """Kish's number by a loop."""
    weight = [1 / (own * (1 + penalty / bins)) for own, bins in zip(variance, size, strict=True)]
    return sum(weight) ** 2 / sum(one**2 for one in weight)


@given(st.lists(st.tuples(st.integers(1, 70), st.floats(0.001, 1)), min_size=1, max_size=300))
def test_a_fit_rests_on_enough_groups_where_there_are_so_many(groups):
    size = np.array([bins for bins, _ in groups])
    variance = np.array([own for _, own in groups])
    penalty = tangent.few_bins(variance, size)
    assert 0 <= penalty <= tangent.FEW_BINS
    least = min(tangent.ENOUGH_GROUPS, effective(size, variance, 0.0))
    assert effective(size, variance, penalty) >= least - 1e-6
    if penalty < tangent.FEW_BINS:
        assert effective(size, variance, penalty + 1e-3) <= least + 1e-2


def test_one_row_and_no_bins():
    values, weight, label = residuals(missing=0.0)
    np.testing.assert_array_equal(
        tangent.grouped(values[0], weight, label).means, tangent.grouped(values, weight, label).means[0]
    )
    nothing = tangent.grouped(np.zeros((3, 0)), np.zeros(0), np.zeros(0, dtype=np.intp))
    assert nothing.means.shape == (3, 0)
    assert len(nothing.present()) == 0


def test_every_group_with_bins_takes_part():
    sizes = [1, 1, 0, 2, 9]
    label = np.repeat(np.arange(5), np.maximum(sizes, 1))
    weight = np.repeat(np.array(sizes) > 0, np.maximum(sizes, 1)).astype(float)
    known = tangent.grouped(np.zeros(len(label)), weight, label)
    assert known.present().tolist() == [True, True, False, True, True]
    assert known.present(np.arange(5) > 0).tolist() == [False, True, False, True, True]


def test_many_noisy_groups_do_not_hide_what_few_quiet_ones_show():
    """Single bins outnumber genes ten to one and err ten times as much: the share is that of the genes."""
    random = np.random.default_rng(2)
    quiet = np.arange(660) < 60
    basis = random.normal(size=(660, 1))
    sd = np.where(quiet, 0.05, 0.5)
    means = 0.8 * basis[:, 0] + sd * random.normal(size=660)
    found = tangent.fit(means, sd**2, basis)
    assert found.scores[0] == pytest.approx(0.8, abs=0.03)
    assert found.noise == pytest.approx(1.0, abs=0.2)


@given(st.integers(0, 1000))
def test_gram_equals_the_loop(seed):
    random = np.random.default_rng(seed)
    means, variance, use = random.normal(size=(4, 7)), random.uniform(0.1, 2, 7), random.random(7) < 0.6
    found = tangent.gram(means, variance, use)
    for first in range(4):
        for second in range(4):
            expected = sum(means[first, g] * means[second, g] / variance[g] for g in np.flatnonzero(use))
            assert found[first, second] == pytest.approx(expected)


def test_blocks_change_nothing(monkeypatch):
    values, weight, _ = residuals()
    mix = np.random.default_rng(1).normal(size=(NORMALS, 3))
    whole = tangent.components(values, weight, mix)
    monkeypatch.setattr(tangent, "BLOCK", 7)
    np.testing.assert_allclose(tangent.components(values, weight, mix), whole, rtol=1e-6)


def test_components_are_those_of_the_singular_value_decomposition():
    """With one bin per group; a normal's scores have unit mean square, so they read in SDs of the normals."""
    values, weight, _ = residuals(missing=0.0)
    weight = np.maximum(weight, 1.0)
    known = tangent.grouped(tangent.winsorise(values, weight), weight, np.arange(BINS))
    mix = tangent.mixing(tangent.gram(known.means, known.variance, known.present()), 3)
    found = tangent.components(values, weight, mix)
    scale = np.sqrt(known.variance)
    _left, strength, right = np.linalg.svd(tangent.winsorise(values, weight) / scale)
    expected = (right[:3] * strength[:3, None] / np.sqrt(NORMALS)).T * scale[:, None]
    np.testing.assert_allclose(found, expected * np.sign(np.sum(found * expected, axis=0)), atol=1e-5)
    standard = tangent.winsorise(values, weight) / scale
    scores = np.linalg.lstsq(found.astype(float) / scale[:, None], standard.T, rcond=None)[0]
    np.testing.assert_allclose(np.mean(scores**2, axis=1), 1.0, rtol=1e-4)


MIXINGS = [
    # inner products, asked for, given
    pytest.param(np.zeros((4, 4)), 3, 0, id="identical normals vary along nothing"),
    pytest.param(np.diag([3.0, 0.0, 2.0, 0.0]), 3, 2, id="no more than they vary along"),
    pytest.param(np.diag([3.0, 1.0, 2.0]), 0, 0, id="none wanted"),
    pytest.param(np.diag([3.0, 1.0, 2.0]), 2, 2, id="the strongest"),
]


@pytest.mark.parametrize(("inner", "asked", "count"), MIXINGS)
def test_mixing(inner, asked, count):
    mix = tangent.mixing(inner, asked)
    assert mix.shape == (len(inner), count)
    strength = np.einsum("nk,nm,mk->k", mix, inner, mix)
    assert sorted(strength, reverse=True) == list(strength)


def test_bin_weights_are_bounded_and_zero_where_the_noise_is_unknown():
    found = tangent.bin_weights(np.array([0.0, 0.1, 1.0, NAN, np.inf]))
    assert found[0] == pytest.approx(1 / tangent.SPREAD_FLOOR)
    assert np.all(np.diff(found[:3]) < 0)
    np.testing.assert_array_equal(found[3:], 0)


TRUTH = np.array([1.0, -2.0, 0.5, 0.3])  # scores, and the level


def made_sample(random, groups=400, amplified=0.0, noise=0.05):
    """Means, variance and basis of a sample; a tenth of its groups are ``amplified`` (log2)."""
    basis = random.normal(0, 0.3, size=(groups, 3))
    means = basis @ TRUTH[:-1] + TRUTH[-1] + random.normal(0, noise, groups)
    means[: groups // 10] += amplified
    return means, random.uniform(0.5, 2, groups) * noise**2, basis


@pytest.mark.parametrize("amplified", [0.0, 1.0, 4.0])
def test_scores_are_found_whatever_is_amplified(amplified):
    found = tangent.fit(*made_sample(np.random.default_rng(4), amplified=amplified))
    np.testing.assert_allclose(found.scores, TRUTH, atol=0.06)


def test_the_first_step_is_ridge_regression():
    """Against NumPy's least squares on rows that stand for the prior: a share of 0 with SD 1, none for the level."""
    means, variance, basis = made_sample(np.random.default_rng(7), groups=12)
    rows = np.vstack([np.c_[basis, np.ones(12)] / np.sqrt(variance)[:, None], np.eye(4)[:3]])
    expected = np.linalg.lstsq(rows, np.r_[means / np.sqrt(variance), np.zeros(3)], rcond=None)[0]
    np.testing.assert_allclose(tangent.fit(means, variance, basis, iterations=1).scores, expected, atol=1e-9)


@pytest.mark.parametrize(("noise", "kept"), [(0.01, 0.99), (100.0, 0.1)])
def test_scores_shrink_as_noise_drowns_them(noise, kept):
    means, variance, basis = made_sample(np.random.default_rng(8), noise=noise)
    found = np.abs(tangent.fit(means, variance, basis).scores[:-1]) / np.abs(TRUTH[:-1])
    assert np.all(found > kept) if kept > 0.5 else np.all(found < kept)


@pytest.mark.parametrize("columns", [0, 3])
def test_a_constant_goes_into_the_level(columns):
    means, variance, basis = made_sample(np.random.default_rng(6), amplified=2.0)
    first, second = (tangent.fit(means + shift, variance, basis[:, :columns]).scores for shift in (0.0, 3.0))
    np.testing.assert_allclose(second - first, [0.0] * columns + [3.0], atol=1e-8)


def test_a_fit_on_no_group_is_zero():
    assert tangent.fit(np.array([]), np.array([]), np.zeros((0, 2))).scores.tolist() == [0, 0, 0]


def test_subtracting_takes_the_explained_part_of_every_bin():
    random = np.random.default_rng(5)
    basis, rest = random.normal(size=(50, 3)), random.normal(size=50)
    rest[7] = NAN
    left = tangent.subtract(rest + basis @ TRUTH[:-1] + TRUTH[-1], basis, TRUTH)
    np.testing.assert_allclose(left, rest, atol=1e-9)


# Values by hand


def test_weights_and_cuts():
    np.testing.assert_allclose(tangent.bin_weights(np.array([0.0, 0.1, 0.24])), [10, 1 / np.sqrt(0.02), 1 / 0.26])
    values, weight = np.array([[0.7, 0.4, -3.0, 0.2, NAN]]), np.array([10.0, 10.0, 2.0, 0.0, 5.0])
    np.testing.assert_allclose(tangent.winsorise(values, weight), [[0.5, 0.4, -2.5, 0, 0]])


def test_variance_of_a_group_by_hand():
    """Groups of one bin, of nine and of none; with so few groups a bin's own noise alone would count, were it allowed.

    The penalty is 64 where it does not matter: a single group, or groups of one size.
    """
    weight, label = np.r_[5.0, np.full(9, 4.0), 0.0], np.r_[2, np.full(9, 5), 7]
    own = np.array([0.03**2 + 1 / 25, 0.03**2 + 1 / (9 * 16)])
    penalty = tangent.few_bins(own, np.array([1, 9]))
    found = tangent.grouped(np.ones(11), weight, label)
    np.testing.assert_allclose(found.variance[:2], own * (1 + penalty / np.array([1, 9])))
    np.testing.assert_allclose(found.means, [1, 1, 0])
    for bins in (1, 2, 8):
        one = tangent.grouped(np.ones(bins), np.full(bins, 10.0), np.zeros(bins, dtype=np.intp))
        np.testing.assert_allclose(one.variance, (0.0009 + 0.01 / bins) * (1 + 64 / bins))


def test_a_fit_rests_on_fifty_groups_where_there_are_so_many():
    """Between no penalty and all of it: 200 single targets beside 20 genes."""
    size = np.r_[np.ones(200, dtype=int), np.full(20, 40)]
    variance = np.r_[np.full(200, 0.02), np.full(20, 0.001)]
    penalty = tangent.few_bins(variance, size)
    assert 0 <= penalty < 64
    few = tangent.few_bins(variance[:30], size[:30])  # equal treatment is the best there is
    assert few == 64
    mixed = np.r_[np.full(200, 0.002), np.full(20, 0.001)]
    penalty = tangent.few_bins(mixed, size)
    assert 1 < penalty < 60
    assert effective(size, mixed, penalty) == pytest.approx(50, abs=0.01)


def slow_fit(means, variance, basis, iterations):
    """Ridge regression with Huber's weights, a loop over groups in each step."""
    design = np.c_[basis, np.ones(len(means))]
    trust, noise = np.ones(len(means)), 1.0
    for _ in range(iterations):
        rows = [row * np.sqrt(t / v) for row, t, v in zip(design, trust, variance, strict=True)]
        right = [mean * np.sqrt(t / v) for mean, t, v in zip(means, trust, variance, strict=True)]
        prior = noise * np.eye(design.shape[1])[:-1]
        shares = np.linalg.lstsq(np.vstack([rows, prior]), np.r_[right, np.zeros(len(prior))], rcond=None)[0]
        size = np.abs(means - design @ shares) / np.sqrt(variance)
        order = np.argsort(size)
        reached = np.cumsum((1 / variance)[order])
        noise = 1.4826 * size[order][np.flatnonzero(reached >= reached[-1] / 2)[0]]
        trust = np.array([1.0 if z <= 1.5 * noise else 1.5 * noise / z for z in size])
    return shares, trust / variance, noise


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_the_fit_equals_the_loop(iterations):
    made = made_sample(np.random.default_rng(9), groups=60, amplified=2.0, noise=0.2)
    found = tangent.fit(*made, iterations=iterations)
    for value, expected in zip((found.scores, found.weight, found.noise), slow_fit(*made, iterations), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-8)
    if iterations == 5:
        np.testing.assert_array_equal(tangent.fit(*made).scores, found.scores)


def test_no_group_has_nothing_of_anything():
    nothing = tangent.grouped(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.intp))
    assert {len(part) for part in (nothing.means, nothing.variance, nothing.label, nothing.size)} == {0}


def test_components_have_unit_mean_square_and_their_order():
    mix = tangent.mixing(np.diag([4.0, 9.0, 1.0]), 2)
    np.testing.assert_allclose(np.abs(mix), np.array([[0, 1], [1, 0], [0, 0]]) / np.sqrt(3))
