"""Masked tangent: kernels against loops, and a fit that finds the artefact and leaves the amplicon alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn import tangent

NORMALS, BINS = 6, 40


def residuals(seed=1, normals=NORMALS, bins=BINS, missing=0.05):
    random = np.random.default_rng(seed)
    values = random.normal(0, 0.5, size=(normals, bins))
    values[random.random(values.shape) < missing] = np.nan
    return values, random.uniform(0.5, 3.0, bins), random.random(bins) < 0.7


def slow_standard(value, weight):
    return 0.0 if np.isnan(value) else min(max(value * weight, -tangent.WINSOR), tangent.WINSOR)


@given(st.integers(0, 1000))
def test_gram_equals_the_loop(seed):
    values, weight, use = residuals(seed, bins=9)
    expected = np.zeros((NORMALS, NORMALS))
    for first in range(NORMALS):
        for second in range(NORMALS):
            for place in np.flatnonzero(use):
                expected[first, second] += slow_standard(values[first, place], weight[place]) * slow_standard(
                    values[second, place], weight[place]
                )
    np.testing.assert_allclose(tangent.gram(values, weight, use), expected, atol=1e-9)


def test_blocks_change_nothing(monkeypatch):
    values, weight, use = residuals()
    whole = tangent.gram(values, weight, use)
    parts = tangent.components(values, weight, tangent.mixing(whole, 3))
    monkeypatch.setattr(tangent, "BLOCK", 7)
    np.testing.assert_allclose(tangent.gram(values, weight, use), whole, rtol=1e-12)
    np.testing.assert_allclose(tangent.components(values, weight, tangent.mixing(whole, 3)), parts, rtol=1e-6)


def test_components_are_those_of_the_singular_value_decomposition():
    values, weight, _ = residuals(missing=0.0)
    everywhere = np.ones(BINS, dtype=bool)
    found = tangent.components(values, weight, tangent.mixing(tangent.gram(values, weight, everywhere), 3))
    _left, strength, right = np.linalg.svd(np.clip(values * weight, -tangent.WINSOR, tangent.WINSOR))
    expected = (right[:3] * strength[:3, None] / np.sqrt(NORMALS)).T
    signs = np.sign(np.sum(found * expected, axis=0))
    np.testing.assert_allclose(found, expected * signs, atol=1e-5)


def test_shares_of_the_normals_have_unit_mean_square():
    """So that a sample's share can be read in SDs of the normals."""
    values, weight, _ = residuals(missing=0.0)
    everywhere = np.ones(BINS, dtype=bool)
    basis = tangent.components(values, weight, tangent.mixing(tangent.gram(values, weight, everywhere), 3))
    standard = np.clip(values * weight, -tangent.WINSOR, tangent.WINSOR)
    shares = np.linalg.lstsq(basis.astype(float), standard.T, rcond=None)[0]
    np.testing.assert_allclose(np.mean(shares**2, axis=1), 1.0, rtol=1e-4)


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
    found = tangent.bin_weights(np.array([0.0, 0.1, 1.0, np.nan, np.inf]))
    assert found[0] == pytest.approx(1 / tangent.SPREAD_FLOOR)
    assert np.all(np.diff(found[:3]) < 0)
    np.testing.assert_array_equal(found[3:], 0)


def made_sample(random, bins=400, amplified=0.0, noise=0.05):
    """Residual, weight, basis and true shares of a sample; a tenth of its bins are ``amplified`` (log2)."""
    basis = random.normal(size=(bins, 3))
    weight = random.uniform(2, 4, bins)
    shares, level = np.array([1.0, -2.0, 0.5]), 0.3
    residual = (basis @ shares) / weight + level + random.normal(0, noise, bins)
    residual[: bins // 10] += amplified
    return residual, weight, basis, np.append(shares, level)


@pytest.mark.parametrize("amplified", [0.0, 1.0, 4.0])
def test_coefficients_are_found_whatever_is_amplified(amplified):
    residual, weight, basis, truth = made_sample(np.random.default_rng(4), amplified=amplified)
    np.testing.assert_allclose(tangent.coefficients(residual, weight, basis), truth, atol=0.06)


def test_subtracting_leaves_amplicon_and_gaps():
    residual, weight, basis, _ = made_sample(np.random.default_rng(5), amplified=4.0)
    residual[7], weight[9] = np.nan, 0.0
    used = np.isfinite(residual) & (weight > 0)
    solution = tangent.coefficients(residual[used], weight[used], basis[used])
    left = tangent.subtract(residual, weight, basis, solution)
    np.testing.assert_array_equal(np.flatnonzero(~np.isfinite(left)), [7, 9])
    assert np.nanmedian(left[:40]) == pytest.approx(4.0, abs=0.05)
    assert np.nanstd(left[40:]) < 0.06


@pytest.mark.parametrize("columns", [0, 3])
def test_a_constant_goes_into_the_level(columns):
    residual, weight, basis, _ = made_sample(np.random.default_rng(6), amplified=2.0)
    basis = basis[:, :columns]
    first, second = (tangent.coefficients(residual + shift, weight, basis) for shift in (0.0, 3.0))
    np.testing.assert_allclose(second - first, [0.0] * columns + [3.0], atol=1e-8)


def test_a_fit_on_no_bin_is_zero():
    assert tangent.coefficients(np.array([]), np.array([]), np.zeros((0, 2))).tolist() == [0, 0, 0]
