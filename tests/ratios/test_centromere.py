"""The centromere's level from those of its two sides, and which bins stand for them."""

import numpy as np
import pytest

from metcn.ratios import centromere, correct

NAN = float("nan")


def level(log2, se=0.05, bins=10):
    return correct.Level(log2, se, bins, fragments=7.0)


def of_sides(p_side, q_side, sides="pq", correlation=0.0):
    nothing = np.zeros(0, dtype=bool)
    windows = centromere.Windows(
        "pericentromere" if sides else "none", tuple(sides), nothing, nothing, nothing, nothing
    )
    return centromere.level(windows, p_side, q_side, correlation)


MEANS = [
    # p side, q side, sides with bins enough, level
    pytest.param(0.3, 0.3, "pq", 0.3, id="agree"),
    pytest.param(0.0, 1.0, "pq", np.log2(1.5), id="halfway between their ratios"),
    pytest.param(0.0, 1.0, "q", 1.0, id="q alone"),
    pytest.param(1.0, 0.0, "p", 1.0, id="p alone"),
    pytest.param(1.0, 0.0, "", NAN, id="neither"),
]


@pytest.mark.parametrize(("p_side", "q_side", "sides", "expected"), MEANS)
def test_the_centromere_is_the_mean_of_its_sides(p_side, q_side, sides, expected):
    found = of_sides(level(p_side), level(q_side), sides)
    np.testing.assert_allclose(found.log2, expected)
    assert found.bins == 10 * len(sides)
    assert (found.p.log2, found.q.log2) == (p_side, q_side)


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 0.025), (1.0, 0.035), (-1.0, 0.005)])
def test_the_error_of_the_mean(correlation, expected):
    """Of errors .03 and .04: the root of half of each squared, and twice the product of the halves in common."""
    found = of_sides(level(0.0, 0.03), level(0.0, 0.04), correlation=correlation)
    assert found.se == pytest.approx(expected)


@pytest.mark.parametrize(("errors", "apart"), [(2.95, False), (3.05, True)])
def test_sides_disagree_beyond_three_errors_and_nothing_jumps_there(errors, apart):
    gap = errors * np.hypot(0.03, 0.04)
    found = of_sides(level(0.0, 0.03), level(gap, 0.04))
    assert found.sides_disagree is apart
    weights = np.array([1, 2**gap]) / (1 + 2**gap)
    assert found.se == pytest.approx(np.hypot(*(weights * [0.03, 0.04])))


def test_errors_of_the_sides_change_smoothly_with_their_gap():
    """What the gap may not do is to switch: a step of .001 log2 moves no error by more than that."""
    found = [of_sides(level(0.0, 0.03), level(gap, 0.04)) for gap in np.arange(0, 2, 0.001)]
    assert np.abs(np.diff([each.se for each in found])).max() < 1e-4
    assert np.abs(np.diff([each.log2 for each in found])).max() < 1e-3
