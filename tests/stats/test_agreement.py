"""Fourfold tables, kappa and limits of agreement."""

import numpy as np
import pytest

from metcn.stats import agreement

TRUTH = [1, 1, 1, 0, 0, 0, np.nan, 1, 0]
TEST = [1, 1, 0, 0, 0, 1, 1, np.nan, np.nan]


def test_cells():
    assert agreement.fourfold(TRUTH, TEST) == (2, 1, 1, 2, 1, 1)


@pytest.mark.parametrize(
    ("name", "hits", "n"),
    [("sensitivity", 2, 3), ("sensitivity_of_all", 2, 4), ("specificity", 2, 3), ("agreement", 4, 6)],
)
def test_shares(name, hits, n):
    assert getattr(agreement.fourfold(TRUTH, TEST), name)[:2] == (hits, n)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        # Peng 2021, tissue, copies >= 5: 10 TP, 15 FN, 0 FP, 15 TN; observed 0.625, by chance 0.4375.
        pytest.param((10, 15, 0, 15, 0, 0), (0.625 - 0.4375) / (1 - 0.4375), id="Peng 2021"),
        pytest.param((5, 0, 0, 5, 0, 0), 1.0, id="perfect"),
        pytest.param((5, 5, 5, 5, 0, 0), 0.0, id="chance"),
        pytest.param((0, 5, 5, 0, 0, 0), -1.0, id="opposite"),
    ],
)
def test_kappa(table, expected):
    found = agreement.kappa(agreement.Fourfold(*table))
    assert found.value == pytest.approx(expected)
    if abs(expected) == 1:  # the asymptotic error is 0, which no sample supports
        assert np.isnan(found[1:]).all()
    else:
        assert -1 <= found.low < found.value < found.high <= 1


@pytest.mark.parametrize("table", [(0, 0, 0, 0, 3, 3), (4, 0, 0, 0, 0, 0), (0, 0, 0, 4, 0, 0)])
def test_kappa_without_two_answers_is_missing(table):
    assert np.isnan(agreement.kappa(agreement.Fourfold(*table))).all()


def test_differences():
    found = agreement.differences([3, 5, 7, np.nan, 2], [2, 5, 8, 4, np.nan])
    assert found == (3, 0, pytest.approx(-1.959964), pytest.approx(1.959964))


@pytest.mark.parametrize("ours", [[], [1.0], [1.0, np.nan]])
def test_one_pair_has_no_limits(ours):
    assert np.isnan(agreement.differences(ours, np.ones(len(ours)))[1:]).all()


def test_ratios_are_differences_of_logarithms():
    ours, theirs = [2, 8, 9, np.nan, 5, 0, 0], [1, 4, 9, 3, np.nan, 2, 0]
    found = agreement.ratios(ours, theirs)
    logs = [float(np.log(2)), float(np.log(2)), 0.0]  # the slow way; 0 has no logarithm, and two pairs have one
    mean, spread = sum(logs) / 3, (sum((log - sum(logs) / 3) ** 2 for log in logs) / 2) ** 0.5
    expected = [float(np.exp(mean + times * 1.959963984540054 * spread)) for times in (0, -1, 1)]
    assert found == (3, 2, *map(pytest.approx, expected))


def test_limits_of_ratios_do_not_depend_on_the_scale():
    """Errors of 10 % of 2 and of 50 copies give one pair of limits, and those of the differences do not."""
    random = np.random.default_rng(1)
    error = np.exp(random.normal(0, 0.1, 400))
    few, many = (agreement.ratios(level * error, np.full(400, level)) for level in (2.0, 50.0))
    assert few == pytest.approx(many) and (few.low, few.high) == pytest.approx((0.82, 1.22), abs=0.05)


@pytest.mark.parametrize("ours", [[], [1.0], [1.0, np.nan], [1.0, 0.0]])
def test_one_ratio_has_no_limits(ours):
    assert np.isnan(agreement.ratios(ours, np.ones(len(ours)))[2:]).all()


def test_coverage_counts_whole_triples_and_both_ends():
    low, high, truth = [1, 1, 1, 1, np.nan, 1], [2, 2, 2, 2, 2, np.nan], [1, 2, 2.01, np.nan, 1.5, 1.5]
    assert agreement.coverage(low, high, truth)[:3] == (2, 3, pytest.approx(2 / 3))


def test_open_samples_are_counted_by_their_truth():
    found = agreement.fourfold([1, 1, 0, np.nan, 1], [np.nan, np.nan, np.nan, np.nan, 1])
    assert found == (1, 0, 0, 0, 2, 1)


INTERVALS = [
    # table, kappa, its error: 0.7 observed and 0.5 by chance of 50; sqrt(0.7 * 0.3 / 50) / 0.5 is 0.129615
    pytest.param((20, 5, 10, 15, 0, 0), 0.4, 1.959964 * 0.129615, id="within"),
    pytest.param((3, 0, 1, 0, 0, 0), 0.0, None, id="held at both ends"),
]


@pytest.mark.parametrize(("table", "value", "error"), INTERVALS)
def test_interval_of_kappa(table, value, error):
    found = agreement.kappa(agreement.Fourfold(*table))
    ends = (-1, 1) if error is None else (value - error, value + error)
    assert found == (pytest.approx(value), pytest.approx(ends[0], abs=1e-6), pytest.approx(ends[1], abs=1e-6))


def test_coverage_needs_both_ends():
    assert agreement.coverage([1, 1, 1], [2, 2, 2], [0.99, 1.5, 2.01])[:2] == (1, 3)
    assert agreement.coverage([1, np.nan], [np.nan, 2], [1.5, 1.5])[:2] == (0, 0)
