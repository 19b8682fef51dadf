"""Focality: each draw has one class, by the copies of its surroundings; an undecided sample is called so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.copies import focality, records
from metcn.copies.posterior import Draws
from metcn.vocabulary import FOCALITY

NAN = float("nan")
COPIES = st.one_of(st.floats(0, 60), st.just(NAN))


def around(cep7_p, cep7_q, arm_q, arm_p):
    return focality.Around(*(np.array(value, dtype=float, ndmin=1) for value in (cep7_p, cep7_q, arm_q, arm_p)))


def classify(met, cep7, arm_q, arm_p=None, *, cep7_q=None, broad=False):
    """Class where both sides of the centromere and 7p are alike unless it is said."""
    beside = around(cep7, cep7 if cep7_q is None else cep7_q, arm_q, cep7 if arm_p is None else arm_p)
    number = focality.classify(np.array([met], dtype=float), beside, broad=broad)[0]
    return focality.CLASSES[number] if number >= 0 else None


SIDED = [
    # MET, sides p and q of the centromere, rest of 7q, 7p, class
    pytest.param(6, 2, 6, 6, 2, "arm", id="gain of 7q whose centromere side is up"),
    pytest.param(6, 2, 2, 6, 2, "arm", id="gain of 7q that begins beyond the centromere"),
    pytest.param(6, 6, 6, 6, 6, "polysomy", id="polysomy"),
    pytest.param(6, 3, 6, 6, 6, "polysomy", id="a low side where all of 7p is up: the few bins err, or a small loss"),
    pytest.param(6, 6, 3, 6, 6, "polysomy", id="the same of the q side"),
    pytest.param(6, 6, 6, 6, 2, "polysomy", id="7p is lost, its side of the centromere is up"),
    pytest.param(6, NAN, 6, 6, 2, "polysomy", id="p side missing: with the q side"),
    pytest.param(6, 2, NAN, 6, 2, "arm", id="q side missing"),
    pytest.param(6, NAN, NAN, 6, 2, "arm", id="no centromere: over 7p"),
    pytest.param(6, NAN, NAN, 6, 6, "polysomy", id="no centromere: with 7p"),
    pytest.param(15, NAN, 2, NAN, NAN, "focal", id="over the q side alone"),
    pytest.param(15, 2, NAN, NAN, NAN, "focal", id="over the p side alone"),
]


@pytest.mark.parametrize(("met", "cep7_p", "cep7_q", "arm_q", "arm_p", "expected"), SIDED)
def test_sides_and_arms(met, cep7_p, cep7_q, arm_q, arm_p, expected):
    assert classify(met, cep7_p, arm_q, arm_p, cep7_q=cep7_q) == expected


CASES = [
    # MET, CEP7-like, rest of 7q, class
    pytest.param(2, 2, 2, "none", id="normal"),
    pytest.param(2.49, 1, 1, "none", id="two copies, whatever the ratio"),
    pytest.param(15, 2, 2, "focal", id="amplicon"),
    pytest.param(15, 4, 4, "focal", id="amplicon in a polysomic chromosome"),
    pytest.param(6, 6, 6, "polysomy", id="polysomy"),
    pytest.param(6, 2, 6, "arm", id="gain of 7q"),
    pytest.param(4.5, 3, 3, "focal", id="1.5 times the arm"),
    pytest.param(4.4, 3, 3, "arm", id="just less: above the centromere"),
    pytest.param(4, 3.2, 3, "polysomy", id="neither above the arm nor the centromere"),
    pytest.param(8, 2, NAN, "focal", id="no arm: over the centromere"),
    pytest.param(4, 3.2, NAN, "polysomy", id="no arm: with the centromere"),
    pytest.param(15, NAN, 2, "focal", id="no centromere: over the arm"),
    pytest.param(4, NAN, 4, None, id="no centromere: broad, but how far"),
    pytest.param(15, NAN, NAN, None, id="nothing to compare with"),
    pytest.param(2, NAN, NAN, "none", id="not gained needs no comparison"),
    pytest.param(NAN, 2, 2, None, id="MET missing"),
    pytest.param(2.5, 0, 0, "focal", id="all else lost"),
    pytest.param(2.5, NAN, NAN, None, id="gained, with nothing beside"),
]


@pytest.mark.parametrize(("met", "cep7", "arm_q", "expected"), CASES)
def test_classes(met, cep7, arm_q, expected):
    assert classify(met, cep7, arm_q) == expected


def slow_class(met, cep7_p, cep7_q, arm_q, arm_p):
    if not met >= 0:
        return None
    if met < focality.GAINED:
        return "none"
    beside = next((level for level in (arm_q, cep7_q, cep7_p) if not np.isnan(level)), NAN)
    if np.isnan(beside):
        return None
    if met >= focality.STANDS_OUT * beside:
        return "focal"
    sides = [level for level in (cep7_p, cep7_q) if not np.isnan(level)]
    levels = [level for level in ([min(sides)] if sides else []) + [arm_p] if not np.isnan(level)]
    if not levels:
        return None
    return "arm" if met >= focality.ARM_OVER_CENTROMERE * max(levels) else "polysomy"


@given(st.lists(st.tuples(*[COPIES] * 5), max_size=30))
def test_classes_equal_the_loop(draws):
    met, *levels = (np.array([draw[place] for draw in draws], dtype=float) for place in range(5))
    numbers = focality.classify(met, around(*levels))
    found = [focality.CLASSES[number] if number >= 0 else None for number in numbers]
    assert found == [slow_class(*draw) for draw in draws]


@given(*[st.floats(0, 60)] * 5)
def test_every_measured_draw_has_a_class(met, cep7_p, cep7_q, arm_q, arm_p):
    assert classify(met, cep7_p, arm_q, arm_p, cep7_q=cep7_q) is not None


def test_classes_are_those_that_outputs_name():
    assert {*focality.CLASSES, "indeterminate"} == set(FOCALITY)


def draws(rows, group):
    met, cep7, arm_q = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    named = {"copies": met, "arm_q": arm_q, **dict.fromkeys(("cep7", "cep7_p", "cep7_q", "arm_p"), cep7)}
    return Draws.of({**named, "group": np.array(group), "weight": np.ones(len(rows))})


def decided(rows, group, *, broad=False):
    return focality.focality(focality.classified(draws(rows, group), broad=broad), decide=0.8)


AMPLIFIED, BROAD, QUIET, LOST = (15, 2, 2), (6, 6, 6), (2, 2, 2), (NAN, NAN, NAN)
DECISIONS = [
    # draws, groups, class
    pytest.param([AMPLIFIED] * 9 + [BROAD], [0] * 10, "focal", id="nine of ten"),
    pytest.param([AMPLIFIED] * 8 + [BROAD] * 2, [0] * 10, "focal", id="at the bound"),
    pytest.param([AMPLIFIED] * 7 + [BROAD] * 3, [0] * 10, "indeterminate", id="below it"),
    pytest.param([AMPLIFIED] * 10, [0] * 5 + [1] * 5, "focal", id="the same in both groups"),
    pytest.param([AMPLIFIED] * 15 + [BROAD] * 5, [0] * 10 + [1] * 10, "indeterminate", id="not in the second"),
    pytest.param([QUIET] * 5, [0] * 5, "none", id="no gain"),
    pytest.param([LOST] * 5, [0] * 5, "indeterminate", id="missing"),
]


@pytest.mark.parametrize(("rows", "group", "expected"), DECISIONS)
def test_focality_has_to_hold_in_every_group(rows, group, expected):
    found = decided(rows, group)
    shares = found.evidence
    assert found.name == expected
    assert list(shares) == list(focality.CLASSES)
    assert all(0 <= share <= 1 or np.isnan(share) for share in shares.values())
    assert np.nansum(list(shares.values())) <= 1 + 1e-9


OPEN = [
    # one draw among nine without gain, broad, classes whose probability is missing
    pytest.param(AMPLIFIED, False, set(), id="told"),
    pytest.param((15, NAN, 2), False, set(), id="focal without a centromere"),
    pytest.param((4, NAN, 4), False, {"arm", "polysomy"}, id="no centromere"),
    pytest.param((15, NAN, NAN), False, {"focal", "arm", "polysomy"}, id="nothing beside"),
    pytest.param((15, NAN, 2), True, {"arm", "polysomy"}, id="no centromere beside a broad stretch"),
    pytest.param(LOST, False, set(focality.CLASSES), id="MET missing"),
]


@pytest.mark.parametrize(("row", "broad", "expected"), OPEN)
@pytest.mark.parametrize("group", [[0] * 10, [0] * 5 + [1] * 5], ids=["one group", "two groups"])
def test_a_class_that_cannot_be_told_has_no_probability(row, broad, expected, group):
    shares = decided([QUIET] * 9 + [row], group, broad=broad).evidence
    assert {name for name, share in shares.items() if np.isnan(share)} == expected


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0.5, 30), st.floats(0.5, 30)), min_size=1, max_size=30))
def test_shares_of_one_group_sum_to_one(rows):
    shares = decided(rows, [0] * len(rows)).evidence
    assert sum(shares.values()) == pytest.approx(1)


# Boundaries

BINS = st.lists(st.tuples(st.one_of(st.floats(0, 30), st.just(NAN)), st.floats(0, 30)), max_size=30)


def unlikeliness(bins, count):
    """Sum of squared distances when the first ``count`` bins are in the amplicon, as a loop."""
    known = [(inside, outside) if np.isfinite(inside + outside) else (0, 0) for inside, outside in bins]
    return sum(pair[0] for pair in known[:count]) + sum(pair[1] for pair in known[count:])


@given(BINS)
def test_boundary_is_the_likeliest(bins):
    inside, outside = (np.array([pair[place] for pair in bins], dtype=float) for place in (0, 1))
    found = focality.boundary(inside, outside)
    best = min(unlikeliness(bins, count) for count in range(len(bins) + 1))
    assert unlikeliness(bins, found) == pytest.approx(best, abs=1e-9)


BOUNDARIES = [
    pytest.param("", 0, id="no bin"),
    pytest.param("ooo", 0, id="ends at MET"),
    pytest.param("iiiooo", 3, id="ends within"),
    pytest.param("iii", 3, id="reaches the end"),
    pytest.param("ioiooo", 1, id="a single far bin is not enough"),
    pytest.param("ioiiooo", 4, id="one deviant bin within"),
    pytest.param("i?iooo", 3, id="masked within"),
    pytest.param("ii??oo", 2, id="masked at the edge"),
    pytest.param("??oo", 0, id="masked at MET"),
]


@pytest.mark.parametrize(("bins", "expected"), BOUNDARIES)
def test_boundary(bins, expected):
    inside = np.array([{"i": 0.0, "o": 9.0, "?": NAN}[letter] for letter in bins])
    outside = np.array([{"i": 9.0, "o": 0.0, "?": NAN}[letter] for letter in bins])
    assert focality.boundary(inside, outside) == expected


# Both sides of each bound, in copies

BROAD_CASES = [
    # MET, CEP7-like, rest of 7q, class where the stretch around MET is more than half of the arm
    pytest.param(15, 4, 2, "arm", id="however high over the arm"),
    pytest.param(15, 12, 2, "polysomy", id="with the centromere"),
    pytest.param(15, NAN, 2, None, id="no centromere: broad, but how far"),
    pytest.param(2.49, 1, 1, "none", id="no gain"),
    pytest.param(NAN, 2, 2, None, id="MET missing"),
]


@pytest.mark.parametrize(("met", "cep7", "arm_q", "expected"), BROAD_CASES)
def test_a_broad_gain_is_never_focal(met, cep7, arm_q, expected):
    assert classify(met, cep7, arm_q, broad=True) == expected


EDGES = [
    # MET, CEP7-like, rest of 7q, class
    pytest.param(2.4999, 1, 1, "none", id="below 2.5 copies"),
    pytest.param(2.5, 1, 1, "focal", id="at 2.5 copies"),
    pytest.param(14.99, 14, 10, "polysomy", id="below 1.5 times the arm"),
    pytest.param(15, 14, 10, "focal", id="at 1.5 times the arm"),
    pytest.param(12.99, 10, 10, "polysomy", id="below 1.3 times the centromere"),
    pytest.param(13, 10, 10, "arm", id="at 1.3 times the centromere"),
]


@pytest.mark.parametrize(("met", "cep7", "arm_q", "expected"), EDGES)
def test_both_sides_of_each_bound(met, cep7, arm_q, expected):
    assert classify(met, cep7, arm_q) == expected


SEVERAL_OPEN = [
    # draws that cannot be told, classes whose probability is missing
    pytest.param([(4, NAN, 4), (15, NAN, NAN)], {"focal", "arm", "polysomy"}, id="one of two with an arm"),
    pytest.param([(4, NAN, 4), LOST], set(focality.CLASSES), id="one of two without MET"),
]


@pytest.mark.parametrize(("rows", "expected"), SEVERAL_OPEN)
def test_one_draw_is_enough_to_open_a_class(rows, expected):
    probability = decided([QUIET] * 8 + rows, [0] * 10).evidence
    assert {name for name, value in probability.items() if np.isnan(value)} == expected


FRACTIONS = [
    # fraction of the arm, class, whether the stretch is broad
    pytest.param(0.5, "arm", False, id="half of the arm"),
    pytest.param(0.501, "arm", True, id="more than half"),
    pytest.param(0.501, "focal", False, id="of a focal gain"),
    pytest.param(None, "arm", False, id="no stretch seen"),
]


@pytest.mark.parametrize(("fraction", "named", "expected"), FRACTIONS)
def test_more_than_half_of_the_arm_is_broad(fraction, named, expected):
    assert records.is_broad({"focality": {"class": named, "levels": {"share_of_arm": fraction}}}) is expected
