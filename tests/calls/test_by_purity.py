"""Purities at which the call changes: solved by hand, safe, and told in words."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.calls import by_purity, criteria, overall, record
from metcn.calls.by_purity import ByPurity, Plausible, Sample
from metcn.copies.posterior import Measured
from metcn.files import write_json
from metcn.mixture import expected_ratio, tumour_copies
from metcn.purity.grid import PurityGrid, axis
from metcn.purity.result import PurityResult
from metcn.run import config

NAN = float("nan")
DEFAULT = criteria.load()["metcn_default"]
WHOLE = (0.1, 1.0)


def sample(ratio, *, beside=1.0, se=0.001, above_neutral=True, specimen="tissue", **changes):
    """A sample of this depth ratio at MET, and another on the rest of chromosome 7."""
    log2 = dict.fromkeys(("cep7_p", "cep7_q", "arm_q", "arm_p"), float(np.log2(beside)))
    level = Measured({**log2, "met": float(np.log2(ratio))}, {**dict.fromkeys(log2, 0.001), "met": se}, 0.0)
    told = {"broad": False, "criterion": DEFAULT, "decide": 0.95, "power": 0.95, **changes}
    return Sample(level=level, met_se=se, above_neutral=above_neutral, specimen=specimen, **told)


def solved(ratio, *, purity=WHOLE, ploidy=(2.0, 2.0), **changes):
    return by_purity.by_purity(sample(ratio, **changes), Plausible(purity, ploidy))


def purity_of(copies, ratio, ploidy):
    """The mixture equation solved for purity."""
    return 2 * (ratio - 1) / (copies - 2 - ratio * (ploidy - 2))


SOLVED = {  # ratio, ploidy, copies from which MET is amplified: 4.5 where its ratio to CEP7 is 2 there, else 5
    "a ratio of 1.4": (1.4, 2.0, 4.5),
    "a ratio of 1.8": (1.8, 2.0, 4.5),
    "a ratio of 1.3": (1.3, 2.0, 4.5),
    "a ploidy of 3": (1.3, 3.0, 5.0),
    "a ploidy of 1.6": (1.6, 1.6, 4.5),
}


@pytest.mark.parametrize(("ratio", "ploidy", "copies"), SOLVED.values(), ids=list(SOLVED))
def test_purities_are_those_of_the_mixture_equation(ratio, ploidy, copies):
    found, by_hand = solved(ratio, ploidy=(ploidy, ploidy)), purity_of(copies, ratio, ploidy)
    assert tumour_copies(ratio, by_hand, ploidy) == pytest.approx(copies)
    assert found.amplified_below == pytest.approx(by_hand, abs=0.02) and found.amplified_below < by_hand
    assert found.excluded_above == pytest.approx(by_hand, abs=0.02) and found.excluded_above > by_hand


def test_without_a_ratio_to_cep7_five_copies_are_needed():
    found = solved(1.8, beside=1.3)
    assert found.amplified_below == 0.53 and found.excluded_above == 0.54
    assert purity_of(5, 1.8, 2.0) == pytest.approx(0.5333, abs=1e-4)


ENDS = {  # ratio, changes, both purities
    "amplified throughout": (3.0, {}, (1.0, NAN)),
    "amplified over all that is plausible": (1.8, {"purity": (0.1, 0.4)}, (0.4, 0.65)),
    "negative throughout": (1.0, {"above_neutral": False}, (NAN, 0.1)),
    "too noisy to say anything": (1.0, {"se": 1.0, "above_neutral": False}, (NAN, NAN)),
    "polysomy is neither": (2.9, {"beside": 2.9, "purity": (0.9, 1.0)}, (NAN, NAN)),
    "polysomy of ten copies is a high level": (1.5, {"beside": 1.5}, (0.12, 0.34)),
    "ploidy known to little": (1.8, {"ploidy": (1.6, 5.5)}, (0.49, NAN)),
    "one purity": (1.8, {"purity": (0.3, 0.3)}, (0.3, 0.65)),
    "plasma": (1.02, {"specimen": "plasma", "purity": (0.005, 1.0)}, (0.015, 0.017)),
}


@pytest.mark.parametrize(("ratio", "changes", "expected"), ENDS.values(), ids=list(ENDS))
def test_ends(ratio, changes, expected):
    found = solved(ratio, **changes)
    assert (found.amplified_below, found.excluded_above) == pytest.approx(expected, nan_ok=True)


@given(st.floats(1.02, 2.6), st.floats(0.0, 0.4), st.floats(1.7, 4.0))
def test_more_depth_never_lowers_a_purity(ratio, more, ploidy):
    """A higher ratio is amplified up to a higher purity, and excluded from a higher one."""
    less, found = (solved(value, ploidy=(ploidy, ploidy)) for value in (ratio, ratio + more))
    assert np.nan_to_num(found.amplified_below, nan=0) >= np.nan_to_num(less.amplified_below, nan=0)
    assert np.nan_to_num(found.excluded_above, nan=2) >= np.nan_to_num(less.excluded_above, nan=2)


@given(st.floats(1.05, 2.2), st.floats(0.01, 0.2))
def test_a_wider_error_says_less(ratio, se):
    narrow, wide = solved(ratio), solved(ratio, se=se)
    assert np.nan_to_num(wide.amplified_below, nan=0) <= np.nan_to_num(narrow.amplified_below, nan=0)
    assert np.nan_to_num(wide.excluded_above, nan=2) >= narrow.excluded_above
    assert not wide.amplified_below >= wide.excluded_above


def test_a_wider_ploidy_says_less():
    narrow, wide = solved(1.6), solved(1.6, ploidy=(1.7, 2.4))
    assert wide.amplified_below < narrow.amplified_below < narrow.excluded_above < wide.excluded_above


@given(st.floats(0.5, 4), st.floats(0.01, 1), st.floats(1.6, 5))
def test_copies_rise_with_ploidy(ratio, purity, ploidy):
    """So that the ends of its interval hold for what lies between."""
    assert tumour_copies(ratio, purity, ploidy + 0.5) > tumour_copies(ratio, purity, ploidy)


@pytest.mark.parametrize("ratio", [0.9, 1.0, 1.15, 1.4, 1.8, 2.4])
def test_every_purity_tried_one_by_one_agrees(ratio):
    """The bisection finds what a plain loop over all purities does."""
    plausible = Plausible(WHOLE, (2.0, 2.6))
    made = sample(ratio, se=0.04, above_neutral=ratio > 1.1)
    points = by_purity.tried(*WHOLE)
    states = [made.state(point, plausible.ploidies(point)) for point in points]
    run = next((index for index, state in enumerate(states) if state != "amplified"), len(points))
    back = next((index for index, state in enumerate(states[::-1]) if state != "excluded"), len(points))
    found = by_purity.by_purity(made, plausible)
    assert found.amplified_below == pytest.approx(points[run - 1] if run else NAN, nan_ok=True)
    assert found.excluded_above == pytest.approx(points[-back] if back else NAN, nan_ok=True)


def test_what_changes_more_than_once_ends_at_the_first_change():
    points = list(range(1, 101))
    assert by_purity.reach(points, lambda point: point < 30 or point > 60) == 29
    assert np.isnan(by_purity.reach(points, lambda point: point > 60))
    assert by_purity.reach(points, lambda _: True) == 100
    assert by_purity.reach([0.3], lambda _: True) == 0.3


def test_focality_that_is_undecided_is_no_amplification():
    """5 copies by amplification or polysomy: the call is the likelier, and nothing is said."""
    made = sample(2.9, beside=2.9)
    assert made.state(0.9, (2.0,)) == "open"
    blind = sample(2.9)
    levels = dict.fromkeys(("cep7_p", "cep7_q", "arm_q", "arm_p"), NAN) | {"met": np.log2(2.9)}
    blind = Sample(**{**vars(blind), "level": Measured(levels, {"met": 0.001}, 0.0)})
    assert blind.state(0.9, (2.0,)) == "open" and blind.state(0.2, (2.0,)) == "amplified"


# What is plausible


def result(purity, ploidy, grid):
    axes = {
        name: dict(zip(("value", "low", "high", "source"), of, strict=True))
        for name, of in (("purity", purity), ("ploidy", ploidy))
    }
    return PurityResult.from_json({**axes, "grid": grid.to_json()})


UNKNOWN = (None, 0.1, 1.0, "unknown")
PAIRS = PurityGrid(
    np.array([0.1, 0.1, 0.2, 0.2, 0.4]), np.array([1.6, 5.0, 1.8, 4.0, 2.0]), np.ones(5), np.arange(5)
)  # fmt: skip


def test_a_known_purity_may_be_in_error():
    given_both = result((0.3, 0.3, 0.3, "given"), (2.5, 2.0, 3.0, "given_range"), PurityGrid.point(0.3, 2.5))
    found = Plausible.of(given_both, "tissue")
    assert (found.purity, found.ploidies(0.7)) == ((0.1, 1.0), (2.0, 2.5, 3.0))
    low = result((0.04, 0.04, 0.04, "given"), (2.0, 2.0, 2.0, "given"), PurityGrid.point(0.04, 2.0))
    assert Plausible.of(low, "tissue").purity[0] == 0.04
    assert Plausible.of(low, "plasma").purity[0] == 0.005
    assert Plausible.of(low, "plasma").ploidies(0.3) == (2.0,)


PLOIDIES = {  # purity, lowest and highest ploidy
    "at a point": (0.2, ((1.6 * 1.8) ** 0.5, (4 * 5) ** 0.5)),
    "between two": (0.15, (1.6, 5.0)),
    "between the last": (0.3, ((1.6 * 1.8) ** 0.5, (4 * 5) ** 0.5)),
    "the last": (0.4, ((1.8 * 2) ** 0.5, (2 * 4) ** 0.5)),
    "beyond": (0.7, (1.6, 5.0)),
}


@pytest.mark.parametrize(("purity", "expected"), PLOIDIES.values(), ids=list(PLOIDIES))
def test_an_open_ploidy_has_those_of_the_grid_nearby(purity, expected):
    found = Plausible.of(result(UNKNOWN, (None, 1.6, 5.5, "unknown"), PAIRS), "tissue")
    assert (found.purity, found.ploidy) == ((0.1, 0.4), (1.6, 5.0))
    assert (found.ploidies(purity)[0], found.ploidies(purity)[-1]) == pytest.approx(expected)


@pytest.mark.parametrize("source", ["several_fits", "fit"])
def test_a_ploidy_that_was_fitted_belongs_to_its_purity(source):
    fits = result((None, 0.15, 0.35, "several_fits"), (None, 1.9, 4.1, source), PAIRS)
    found = Plausible.of(fits, "tissue")
    assert (found.purity, found.ploidy) == ((0.15, 0.35), by_purity.ANY_PLOIDY)
    assert found.ploidies(0.9) == (1.6, 3.55, 5.5)
    solution = by_purity.by_purity(sample(1.3), found)
    assert solution.purity_high == 0.35 and solution.ploidy_high == 5.5


def test_what_is_plausible_is_that_of_the_configuration():
    told = config.defaults("purity")
    assert (told["ploidy_low"], told["ploidy_high"]) == by_purity.ANY_PLOIDY
    assert {name: told[f"{name}_low"] for name in by_purity.LOWEST} == by_purity.LOWEST


def test_a_grid_of_unknown_purity_and_known_ploidy():
    grid = PurityGrid.of(axis(None, (0.1, 1.0)), axis((2.0, 2.0), (1.6, 5.0)))
    found = Plausible.of(result(UNKNOWN, (2.0, 2.0, 2.0, "given"), grid), "tissue")
    assert (found.purity, found.ploidies(0.5)) == ((0.1, 1.0), (2.0,))
    ratio = float(expected_ratio(5, 0.4, 2.0))
    assert by_purity.by_purity(sample(ratio, beside=1.2), found).amplified_below == pytest.approx(0.4, abs=0.011)


# On disk and in words


def test_json_and_row(tmp_path):
    write_json(tmp_path / "x.json", {"by_purity": solved(1.8, beside=1.3).to_json()})
    read = json.loads((tmp_path / "x.json").read_text())
    assert read["by_purity"] == {
        "amplified_below": 0.53,
        "excluded_above": 0.54,
        "purity_low": 0.1,
        "purity_high": 1.0,
        "ploidy_low": 2.0,
        "ploidy_high": 2.0,
        "direction": "gain",
    }
    row = record.row(read)
    assert (row["amplified_if_purity_below"], row["excluded_if_purity_above"]) == (0.53, 0.54)
    write_json(tmp_path / "x.json", {"by_purity": ByPurity().to_json()})
    read = json.loads((tmp_path / "x.json").read_text())
    assert set(read["by_purity"].values()) == {None}
    assert record.cell("amplified_if_purity_below", record.row(read)["amplified_if_purity_below"]) == ""


RATIO = {"value": 1.834, "low": 1.667, "high": 1.99}
BOTH = {"amplified_below": 0.55, "excluded_above": 0.78}
SENTENCES = {  # result, class of focality, name of purity, sentence
    "focal": (
        ByPurity(**BOTH, direction="gain"), "focal", "purity",
        "Focal gain of MET, ratio 1.83 (1.67-1.99); amplified if purity is at or below 0.55, "
        "not amplified if purity is at or above 0.78",
    ),
    "arm": (
        ByPurity(amplified_below=0.55, direction="gain"), "arm", "purity",
        "Gain of MET with the arm 7q, ratio 1.83 (1.67-1.99); amplified if purity is at or below 0.55",
    ),
    "chromosome": (
        ByPurity(excluded_above=0.78, direction="gain"), "polysomy", "purity",
        "Gain of MET with chromosome 7, ratio 1.83 (1.67-1.99); not amplified if purity is at or above 0.78",
    ),
    "plasma": (
        ByPurity(amplified_below=0.012, direction="gain"), "indeterminate", "tumour fraction",
        "Gain of MET, its extent undecided, ratio 1.83 (1.67-1.99); amplified if tumour fraction is at or below 0.012",
    ),
    "gain alone": (
        ByPurity(direction="gain"), "focal", "purity",
        "Focal gain of MET, ratio 1.83 (1.67-1.99); whether it is an amplification cannot be told",
    ),
    "ploidy alone is open": (
        ByPurity(**BOTH, direction="gain"), "focal", None,
        "Focal gain of MET, ratio 1.83 (1.67-1.99); whether it is an amplification cannot be told",
    ),
    "no gain": (
        ByPurity(excluded_above=0.14, direction="no_gain_seen"), "none", "purity",
        "No gain of MET seen, ratio 1.83 (1.67-1.99); not amplified if purity is at or above 0.14",
    ),
    "perhaps a gain": (
        ByPurity(amplified_below=0.11, direction="no_gain_seen"), "focal", "purity",
        "MET not surely gained, ratio 1.83 (1.67-1.99); amplified if purity is at or below 0.11",
    ),
    "at a purity of 1 only": (ByPurity(excluded_above=1.0, direction="no_gain_seen"), "none", "purity", ""),
    "nothing": (ByPurity(direction="no_gain_seen"), "none", "purity", ""),
    "not computed": (ByPurity(), "indeterminate", "purity", ""),
}  # fmt: skip


@pytest.mark.parametrize(("found", "focality", "name", "expected"), SENTENCES.values(), ids=list(SENTENCES))
def test_sentence(found, focality, name, expected):
    assert by_purity.sentence(found, ratio=RATIO, focality=focality, name=name) == expected


def test_a_missing_ratio_is_left_out():
    told = by_purity.sentence(ByPurity(direction="gain"), ratio={}, focality="focal", name="purity")
    assert told == "Focal gain of MET; whether it is an amplification cannot be told"


def test_what_is_certain_comes_first_in_the_headline():
    told = overall.headline(
        "indeterminate",
        numbers=overall.Numbers(copies={"value": None, "low": 3.1, "high": 29.6}),
        explanations=["Purity is unknown."],
        certain="Focal gain of MET, ratio 1.83 (1.67-1.99); amplified if purity is at or below 0.55",
    )
    assert told == (
        "Focal gain of MET, ratio 1.83 (1.67-1.99); amplified if purity is at or below 0.55. Purity is unknown. "
        "Measured: between 3.1 and 29.6 copies per tumour cell."
    )
    assert overall.headline("indeterminate", certain="Focal gain of MET") == "Focal gain of MET."
    assert overall.headline("not_amplified", certain="Focal gain of MET") == "MET is not amplified."
