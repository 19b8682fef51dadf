"""Shares and their exact intervals, against sums of the binomial distribution itself."""

import math

import numpy as np
import pytest

from metcn.stats import proportions


def at_most(hits, n, p):
    """Probability of so many hits or fewer."""
    return sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(hits + 1))


@pytest.mark.parametrize(("hits", "n"), [(1, 5), (4, 10), (19, 20), (50, 100)])
def test_each_end_leaves_half_of_the_error(hits, n):
    found = proportions.share(hits, n)
    assert found.value == hits / n
    assert 1 - at_most(hits - 1, n, found.low) == pytest.approx(0.025)
    assert at_most(hits, n, found.high) == pytest.approx(0.025)


@pytest.mark.parametrize(("hits", "low", "high"), [(0, 0.0, 0.3085), (10, 0.6915, 1.0)])
def test_none_and_all(hits, low, high):
    assert proportions.share(hits, 10)[3:] == pytest.approx((low, high), abs=1e-4)


def test_of_nothing_nothing_is_known():
    assert np.isnan(proportions.of([])[2:]).all()


def test_of_a_mask():
    assert proportions.of([True, False, True])[:3] == (2, 3, pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("hits", "n", "confidence", "message"),
    [(3, 2, 0.95, "hits must lie within"), (-1, 2, 0.95, "hits must lie"), (1, 2, 1.0, "confidence must lie within")],
)
def test_refuses(hits, n, confidence, message):
    with pytest.raises(ValueError, match=message):
        proportions.share(hits, n, confidence=confidence)


def test_a_share_of_nothing_has_no_hits():
    found = proportions.share(0, 0)
    assert found[:2] == (0, 0)
    assert np.isnan(found[2:]).all()


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 1.5])
def test_confidence_lies_between_none_and_all(confidence):
    with pytest.raises(ValueError, match="confidence"):
        proportions.share(1, 5, confidence=confidence)
