"""Fourfold tables, kappa and limits of agreement."""

import numpy as np
import pytest

from metcn import agreement

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
