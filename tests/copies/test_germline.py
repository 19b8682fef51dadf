"""Copies of MET in normal cells: what a matched normal's level says, and what a germline gain would explain."""

from __future__ import annotations

import numpy as np
import pytest

from metcn.copies import germline
from metcn.copies.posterior import Measured
from metcn.purity.grid import PurityGrid

NAN = float("nan")


GERMLINE = [
    # level of the matched normal and its error, copies in normal cells -> their probability
    pytest.param(0.0, 0.05, {2: 1.0}, id="two"),
    pytest.param(np.log2(1.5), 0.05, {3: 1.0}, id="three"),
    pytest.param(-1.0, 0.05, {1: 1.0}, id="one"),
    pytest.param(0.15, 0.05, {2: 1.0}, id="a normal that errs by three errors has two"),
    pytest.param(NAN, 0.05, {2: 1.0}, id="no level"),
    pytest.param(0.58, 0.0, {2: 1.0}, id="no error"),
]


@pytest.mark.parametrize(("log2", "se", "expected"), GERMLINE)
def test_copies_in_the_germline(log2, se, expected):
    assert germline.probabilities(log2, se) == pytest.approx(expected, abs=5e-3)


def test_a_level_between_leaves_both_open():
    found = germline.probabilities(0.46, 0.1)
    assert set(found) == {2, 3} and 0.05 < found[3] < 0.95 and sum(found.values()) == pytest.approx(1)


def by_hand(log2, se):
    """Priors times Student's t of 8 degrees of freedom and unit variance, as a loop; those below .5 % are left out."""
    belief = {}
    for copies, prior in ((1, 5e-4), (2, 0.999), (3, 5e-4)):
        score = (log2 - np.log2(copies / 2)) / se * np.sqrt(8 / 6)
        belief[copies] = prior * (1 + score**2 / 8) ** -4.5
    kept = {copies: value for copies, value in belief.items() if value > 0.005 * sum(belief.values())}
    return {copies: value / sum(kept.values()) for copies, value in kept.items()}


@pytest.mark.parametrize("log2", [-1.3, -0.8, -0.5, 0.0, 0.2, 0.35, 0.45, 0.7, 1.5])
@pytest.mark.parametrize("se", [0.03, 0.1, 0.3])
def test_probabilities_equal_those_by_hand(log2, se):
    assert germline.probabilities(log2, se) == pytest.approx(by_hand(log2, se))


PROBABLE = [
    # level of the matched normal, with an error of .1, probability of a third copy; 0: no draw is made of it
    pytest.param(0.35, 0.0, id="too improbable for a draw"),
    pytest.param(0.36, 0.00563, id="just enough"),
    pytest.param(0.45, 0.1042, id="open"),
]


@pytest.mark.parametrize(("log2", "expected"), PROBABLE)
def test_what_is_less_probable_than_half_a_percent_is_left_out(log2, expected):
    found = germline.probabilities(log2, 0.1)
    assert found.get(3, 0.0) == pytest.approx(expected, abs=1e-4)
    assert sum(found.values()) == pytest.approx(1)


def level(log2, se=0.03, baseline_se=0.04):
    return Measured({"met": log2}, {"met": se}, baseline_se)


def at(purity, ploidy=2.0, weight=1.0):
    """Pairs of purity and ploidy."""
    count = np.size(purity)
    return PurityGrid(
        np.atleast_1d(np.array(purity, float)), np.full(count, ploidy), np.broadcast_to(weight, count) * 1.0,
        np.arange(count),
    )  # fmt: skip


THREE_OF_TWO = float(np.log2(1.5))
EXPLAINED = [
    # MET's level less that of three copies in all cells over a mean of two; explained with an error of .05
    pytest.param(0.0, True, id="at it"),
    pytest.param(0.099, True, id="within two errors above"),
    pytest.param(-0.099, True, id="and below"),
    pytest.param(0.101, False, id="beyond two above"),
    pytest.param(-0.101, False, id="and below, where nothing is gained"),
]


@pytest.mark.parametrize(("away", "expected"), EXPLAINED)
@pytest.mark.parametrize("purity", [0.1, 0.9])
def test_what_a_germline_gain_explains(away, expected, purity):
    """Errors of .03, of MET, and .04, of the baseline."""
    assert germline.explains(level(THREE_OF_TWO + away), at(purity)) is expected


def test_ploidy_lowers_what_a_germline_gain_gives():
    """At 50 % of ploidy 4 the mean is three copies: a third one in all cells is level."""
    assert germline.explains(level(0.0), at(0.5, 4.0))
    assert not germline.explains(level(THREE_OF_TWO), at(0.5, 4.0))


def test_one_plausible_purity_is_enough_and_others_do_not_count():
    assert germline.explains(level(0.0), at([0.1, 0.5], np.array([2.0, 4.0])))
    assert not germline.explains(level(0.0), at([0.1, 0.5], np.array([2.0, 4.0]), np.array([1.0, 0.0])))
