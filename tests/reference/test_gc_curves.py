"""Curves of GC content and mappability: the shape that was put in, blind to chromosome 7 and to what is unknown."""

import numpy as np
import pytest

from metcn.reference import gc_curves
from metcn.run import config

NAN = float("nan")
METHODS = list(gc_curves.METHODS)


def made(count=3000, noise=0.05):
    """A covariate (some unknown), a bent curve on it, ratios around the curve, and the bins to rest on."""
    random = np.random.default_rng(3)
    covariate = random.uniform(0.3, 0.7, count)
    shape = 4 * (covariate - 0.5) ** 2 - 0.5 * covariate
    covariate[random.random(count) < 0.05] = NAN
    return covariate, shape, shape + random.normal(0, noise, count), random.random(count) < 0.8


@pytest.mark.parametrize("method", METHODS)
def test_the_curve_is_found(method):
    covariate, shape, ratio, rows = made()
    curve = gc_curves.explained(ratio, covariate=covariate, rows=rows, method=method)
    known = np.isfinite(covariate)
    np.testing.assert_allclose((curve - shape)[known & (np.abs(covariate - 0.5) < 0.18)], 0, atol=0.05)
    np.testing.assert_array_equal(curve[~known], 0)


@pytest.mark.parametrize("method", METHODS)
def test_bins_it_may_not_rest_on_do_not_move_it(method):
    covariate, _, ratio, rows = made()
    curve = gc_curves.explained(ratio, covariate=covariate, rows=rows, method=method)
    moved = np.where(rows, ratio, ratio + 9)
    np.testing.assert_array_equal(gc_curves.explained(moved, covariate=covariate, rows=rows, method=method), curve)


@pytest.mark.parametrize("method", METHODS)
def test_a_few_amplified_bins_hardly_move_it(method):
    covariate, _, ratio, rows = made()
    curve = gc_curves.explained(ratio, covariate=covariate, rows=rows, method=method)
    amplified = np.where(np.arange(3000) % 50 == 0, ratio + 5, ratio)
    found = gc_curves.explained(amplified, covariate=covariate, rows=rows, method=method)
    np.testing.assert_allclose(found, curve, atol=0.04)


def test_lowess_on_a_sample_of_the_bins_is_the_same_curve(monkeypatch):
    covariate, _, ratio, rows = made(20_000)
    whole = gc_curves.explained(ratio, covariate=covariate, rows=rows, method="lowess")
    monkeypatch.setattr(gc_curves, "LOWESS_BINS", 2_000)
    np.testing.assert_allclose(
        gc_curves.explained(ratio, covariate=covariate, rows=rows, method="lowess"), whole, atol=0.02
    )


ENOUGH = gc_curves.CLASSES * gc_curves.SMALLEST_CLASS
NOTHING = [
    pytest.param(np.full(600, NAN), False, id="unknown everywhere"),
    pytest.param(np.where(np.arange(600) < ENOUGH - 1, np.linspace(0, 1, 600), NAN), False, id="one bin too few"),
    pytest.param(np.where(np.arange(600) < ENOUGH, np.linspace(0, 1, 600), NAN), True, id="just enough"),
    pytest.param(np.full(600, 0.5), False, id="the same everywhere"),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("covariate", "corrected"), NOTHING)
def test_when_something_is_taken_away(covariate, corrected, method):
    ratio = np.random.default_rng(2).normal(0.5, 0.1, 600)
    found = gc_curves.explained(ratio, covariate=covariate, rows=np.ones(600, dtype=bool), method=method)
    assert found.any() == corrected


def test_the_configuration_offers_these_methods():
    assert config.defaults("ratios")["curve"] == METHODS[0]


@pytest.mark.parametrize(
    ("size", "smallest", "parts"),
    [(10, 20, []), (39, 20, []), (40, 20, [0.5]), (170, 20, [0.125, 0.25, 0.5]), (0, 20, [])],
)
def test_a_class_is_cut_into_halves_of_halves(size, smallest, parts):
    assert gc_curves.halvings(size, smallest).tolist() == parts


def test_the_few_bins_far_below_the_others_have_classes_of_their_own():
    """Most windows of a genome are about as mappable as can be, and depth falls as the logarithm of what is left."""
    random = np.random.default_rng(5)
    covariate = np.where(random.random(40_000) < 0.9, random.uniform(0.95, 1, 40_000), random.uniform(0.05, 1, 40_000))
    ratio, rows = np.log2(covariate) + random.normal(0, 0.1, 40_000), np.ones(40_000, dtype=bool)
    low = (covariate > 0.1) & (covariate < 0.6)
    left = {
        skewed: ratio - gc_curves.explained(ratio, covariate=covariate, rows=rows, skewed=skewed)
        for skewed in (False, True)
    }
    for place in (0.15, 0.3, 0.5):
        near = np.abs(covariate - place) < 0.03
        assert abs(np.median(left[True][near])) < 0.1
    assert np.std(left[True][low]) < 0.13 < 0.4 < np.std(left[False][low])
