"""Passing-Bablok regression against a plain loop, a published example and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metcn.stats.passing_bablok import equivalents, line, passing_bablok

NAN = math.nan
# Data of Giavarina 2015, doi:10.11613/BM.2015.015, as reproduced by others; the result, 1.06 (1.02 to 1.09) and 7.08
# (-0.30 to 19.84), is recalled from there and was not read again. All six numbers come out.
ONE = [
    *(1, 5, 10, 20, 50, 40, 50, 60, 70, 80, 90, 100, 150, 200, 250),
    *(300, 350, 400, 450, 500, 550, 600, 650, 700, 750, 800, 850, 900, 950, 1000),
]
OTHER = [
    *(8, 16, 30, 24, 39, 54, 40, 68, 72, 62, 122, 80, 181, 259, 275),
    *(380, 320, 434, 479, 587, 626, 648, 738, 766, 793, 851, 871, 957, 1001, 960),
]


def test_published_example():
    found = passing_bablok(ONE, OTHER)
    assert found.n == 30
    slope, intercept = found.slope, found.intercept
    assert (round(slope.value, 2), round(slope.low, 2), round(slope.high, 2)) == (1.06, 1.02, 1.09)
    assert (round(intercept.value, 2), round(intercept.low, 2), round(intercept.high, 2)) == (7.08, -0.3, 19.84)


def by_hand(x, y):
    """Slope with its ends and intercept by plain loops, after the paper."""
    slopes = []
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            if x[i] == x[j] and y[i] == y[j]:
                continue
            if x[i] == x[j]:
                slopes.append(math.inf if y[i] > y[j] else -math.inf)
            elif (y[i] - y[j]) / (x[i] - x[j]) != -1:
                slopes.append((y[i] - y[j]) / (x[i] - x[j]))
    slopes.sort()
    shift, count, n = sum(slope < -1 for slope in slopes), len(slopes), len(x)
    if count % 2:
        slope = slopes[(count + 1) // 2 + shift - 1]
    else:
        slope = (slopes[count // 2 + shift - 1] + slopes[count // 2 + shift]) / 2
    rank = round((count - 1.959963984540054 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)) / 2)
    ends = slopes[rank + shift - 1], slopes[count - rank + 1 + shift - 1]
    heights = sorted(b - slope * a for a, b in zip(x, y, strict=True))
    return slope, *ends, (heights[(n - 1) // 2] + heights[n // 2]) / 2


@pytest.mark.parametrize("seed", range(12))
def test_against_plain_loops(seed):
    random = np.random.default_rng(seed)
    count = int(random.integers(8, 40))
    x = random.uniform(1, 12, count).round(seed % 3)  # ties in some
    y = (0.4 + 0.9 * x + random.normal(0, 0.8, count)).round(seed % 3)
    found = passing_bablok(x, y)
    expected = by_hand(x.tolist(), y.tolist())
    assert (found.slope.value, found.slope.low, found.slope.high, found.intercept.value) == pytest.approx(expected)
    assert line(x, y) == (found.intercept.value, found.slope.value)


@pytest.mark.parametrize("seed", range(4))
def test_order_and_missing_pairs_do_not_matter(seed):
    random = np.random.default_rng(seed)
    x = random.integers(1, 12, 30).astype(float)
    y = np.round(x + random.normal(0, 1, 30))
    order = random.permutation(30)
    assert passing_bablok(x[order], y[order]) == passing_bablok(x, y)
    assert passing_bablok([*x, NAN, 3], [*y, 5, NAN]) == passing_bablok(x, y)


def test_methods_change_places():
    random = np.random.default_rng(3)
    x = random.uniform(1, 12, 41)
    y = x + random.normal(0, 1, 41)
    assert passing_bablok(y, x).slope.value == pytest.approx(1 / passing_bablok(x, y).slope.value, 1e-4)


TOO_FEW = {
    "none": ([], [], 0),
    "two": ([1, 2], [1, 2], 2),
    "one point thrice": ([1, 1, 1], [2, 2, 2], 3),
    "upright": ([1, 1, 1], [1, 2, 3], 3),
}


@pytest.mark.parametrize(("x", "y", "count"), TOO_FEW.values(), ids=list(TOO_FEW))
def test_no_line(x, y, count):
    found = passing_bablok(x, y)
    assert found.n == count and math.isnan(found.slope.value) and math.isnan(found.intercept.value)


def test_three_points_have_a_line_without_an_interval():
    found = passing_bablok([1, 2, 3], [2, 4, 6.5])
    assert found.slope.value == 2.25 and math.isnan(found.slope.low) and math.isnan(found.intercept.high)


def test_intervals_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(11)
    held = 0
    for _ in range(300):
        truth = random.uniform(1.5, 14, 40)
        found = passing_bablok(truth + random.normal(0, 0.6, 40), 0.5 + 1.1 * truth + random.normal(0, 0.66, 40))
        held += found.slope.low <= 1.1 <= found.slope.high
    assert 0.92 <= held / 300 <= 0.98


def test_equivalents_hold_the_truth_and_stay_within_what_was_seen():
    random, held = np.random.default_rng(12), 0
    for seed in range(60):
        truth = random.uniform(1.5, 14, 40)
        known, ours = truth + random.normal(0, 0.5, 40), 0.5 + 1.1 * truth + random.normal(0, 0.55, 40)
        five, ten, beyond = equivalents(known, ours, [5, 10, 30], resamples=200, seed=seed)
        held += (five.low <= 6 <= five.high) + (ten.low <= 11.5 <= ten.high)
        assert math.isnan(beyond.value) and math.isnan(beyond.low)
    assert held >= 105
    assert equivalents(known, ours, [5], resamples=50) == equivalents(known, ours, [5], resamples=50)
    assert math.isnan(equivalents([], [], [5], resamples=5)[0].value)
