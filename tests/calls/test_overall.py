"""The decision table of the sample's call, row by row, and the sentence that tells it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from metcn.calls import criteria, overall
from metcn.calls.verdicts import verdicts
from metcn.copies.focality import CLASSES
from metcn.copies.posterior import Draws
from metcn.vocabulary import CALLS, FOCALITY

SETS = criteria.load()
NAN = np.nan
BELOW = "below_limit_of_detection"


def call_of(copies, ratio, focality, name="metcn_default", specimen="tissue", blocking=(), **options):
    """Call of a sample with given draws of copies and ratio, equally probable."""
    copies, ratio = np.broadcast_arrays(np.atleast_1d(copies).astype(float), np.atleast_1d(ratio).astype(float))
    group = options.pop("group", np.zeros(copies.shape, dtype=int))
    arrays = {
        "copies": copies,
        "met_cep7": ratio,
        "ploidy": np.full(copies.shape, 2.0),
        "weight": np.ones(copies.shape),
    }
    extent = np.full(copies.shape, CLASSES.index(focality) if focality in CLASSES else -1)
    arrays |= {"depth_ratio": copies / 4, "plasma_copies": copies / 2, "group": group, "extent": extent}
    judged = verdicts([SETS[name]], Draws.of(arrays), specimen=specimen, **options)
    return overall.overall(judged, blocking=blocking)


HIGH, AMP, GAIN, POLY, NOT = CALLS[:5]
WAVERS = ("indeterminate", ("interval_spans_bound",))
TABLE = {  # id: copies, MET/CEP7, focality, call
    "10 focal": (10, 5, "focal", HIGH),
    "10 polysomy": (10, 1.2, "polysomy", HIGH),
    "10 undecided": (10, 1.5, "indeterminate", HIGH),
    "10 without a ratio": (10, NAN, "focal", HIGH),
    "just below 10": (9.999, 5, "focal", AMP),
    "just below 10, polysomy": (9.999, 1.2, "polysomy", POLY),
    "5 focal": (5, 1.9, "focal", AMP),
    "5 arm": (5, 1.9, "arm", AMP),
    "5 none": (5, 1.9, "none", AMP),
    "5 polysomy": (5, 1.2, "polysomy", POLY),
    "5 polysomy with a ratio of 2": (5, 2, "polysomy", POLY),
    "5 polysomy without a ratio": (5, NAN, "polysomy", POLY),
    "5 undecided": (5, 1.9, "indeterminate", (AMP, ("focality_undecided",))),
    "5 undecided with a ratio of 2": (5, 2, "indeterminate", AMP),
    "5 undecided without a ratio": (5, NAN, "indeterminate", (AMP, ("focality_undecided",))),
    "5 focal without a ratio": (5, NAN, "focal", AMP),
    "just below 5": (4.999, 1.999, "focal", GAIN),
    "just below 5, polysomy": (4.999, 1.2, "polysomy", GAIN),
    "just below 5, polysomy with a ratio of 2": (4.999, 2, "polysomy", GAIN),
    "just below 5, undecided": (4.999, 1.999, "indeterminate", GAIN),
    "4.5 with a ratio of 2": (4.5, 2, "focal", AMP),
    "just below 4.5 with a ratio of 2": (4.499, 2, "focal", GAIN),
    "4 with a ratio of 2": (4, 2, "focal", GAIN),
    "4 with a ratio just below 2": (4, 1.999, "focal", GAIN),
    "4.6 without a ratio": (4.6, NAN, "focal", ("indeterminate", ("cep7_unavailable",))),
    "4 without a ratio": (4, NAN, "focal", GAIN),
    "just below 4": (3.999, 1.999, "none", NOT),
    "just below 4 with a ratio of 2": (3.999, 2, "focal", NOT),
    "just below 4, polysomy with a ratio of 2": (3.999, 2, "polysomy", NOT),
    "2": (2, 1, "none", NOT),
    "2 undecided": (2, 1, "indeterminate", NOT),
    "2 without a ratio": (2, NAN, "none", NOT),
    "0": (0, 0, "none", NOT),
    "nothing known": (NAN, NAN, "indeterminate", (
        "indeterminate", ("purity_below_floor", "cep7_unavailable"),
    )),
    "9 or 11": ([9, 11], 4, "focal", AMP),
    "9 or 11, polysomy": ([9, 11], 1.2, "polysomy", POLY),
    "4.5 or 5.5": ([4.5, 5.5], 1.5, "focal", WAVERS),
    "4.5 or 5.5, polysomy": ([4.5, 5.5], 1.2, "polysomy", WAVERS),
    "3.5 or 4.4": ([3.5, 4.4], 1.5, "focal", (NOT, ("gain_open",))),
    "4.4 twice as likely as 3.5": ([3.5, 4.4, 4.4], 1.5, "focal", (GAIN, ("gain_open",))),
    "5.5, ratio 1.9 or 2.1, undecided": (5.5, [1.9, 2.1], "indeterminate", (AMP, ("focality_undecided",))),
    "3, ratio 1.9 or 2.1": (3, [1.9, 2.1], "focal", NOT),
    "4.7, ratio 1.9 or 2.1": (4.7, [1.9, 2.1], "focal", WAVERS),
}  # fmt: skip


def test_table_has_not_lost_rows():
    assert len(TABLE) == 43
    assert {row[3] if isinstance(row[3], str) else row[3][0] for row in TABLE.values()} == set(CALLS) - {"no_call"}


@pytest.mark.parametrize(("copies", "ratio", "focality", "expected"), TABLE.values(), ids=list(TABLE))
def test_call(copies, ratio, focality, expected):
    assert call_of(copies, ratio, focality) == ((expected, ()) if isinstance(expected, str) else expected)


def oracle(copies, ratio, focality):
    """The contract's sentence about the default criteria, in the order it is written."""
    if copies >= 10:
        return HIGH
    if (copies >= 5 or (ratio >= 2 and copies >= 4.5)) and focality != "polysomy":
        return AMP
    if copies >= 5:
        return POLY
    return GAIN if copies >= 4 else NOT


@pytest.mark.parametrize("focality", [name for name in FOCALITY if name != "indeterminate"])
def test_certain_numbers_follow_the_contract_to_the_letter(focality):
    grid = list(itertools.product((0, 1, 3.9, 4, 4.1, 4.4, 4.5, 4.9, 5, 5.1, 9.9, 10, 40), (0.3, 1, 1.9, 2, 2.1, 8)))
    assert len(grid) == 78
    for copies, ratio in grid:
        assert call_of(copies, ratio, focality) == (oracle(copies, ratio, focality), ()), (copies, ratio)


@pytest.mark.parametrize("specimen", ["tissue", "plasma"])
def test_the_default_set_is_for_both_specimens(specimen):
    assert call_of(12, 5, "focal", specimen=specimen) == (HIGH, ())


LIMITS = {  # limits of detection, call of a sample with two copies
    "none given": (None, (NOT, ())),
    "all in sight": ({"gcn": 3.0, "ratio": 1.5}, (NOT, ())),
    "a gain hidden": ({"gcn": 4.5, "ratio": 1.5}, (NOT, ("gain_open",))),
    "an amplification at its bound just seen": ({"gcn": 5.0, "ratio": 2.0}, (NOT, ("gain_open",))),
    "an amplification hidden by copies": ({"gcn": 5.1, "ratio": 1.5}, ("indeterminate", (BELOW,))),
    "an amplification hidden by the ratio": ({"gcn": 3.0, "ratio": 2.1}, ("indeterminate", (BELOW,))),
    "everything hidden": ({"gcn": np.inf, "ratio": np.inf}, ("indeterminate", (BELOW,))),
}


@pytest.mark.parametrize(("lod", "expected"), LIMITS.values(), ids=list(LIMITS))
def test_a_negative_below_the_limit_of_detection_is_no_negative(lod, expected):
    assert call_of(2, 1, "none", lod=lod) == expected


RANGES = {  # copies at each of two plausible purities
    "amplified at both": ([6, 30], "focal", (AMP, ())),
    "high at both": ([12, 30], "focal", (HIGH, ())),
    "amplified at one": ([3, 12], "focal", ("indeterminate", ("purity_unknown",))),
    "not at either": ([2, 2.5], "none", (NOT, ())),
}


@pytest.mark.parametrize(("copies", "focality", "expected"), RANGES.values(), ids=list(RANGES))
def test_unknown_purity(copies, focality, expected):
    assert call_of(copies, 1, focality, group=[0, 1]) == expected


OTHER_SETS = {  # set, copies, ratio, call
    "fang amplified by ratio": ("fang2018", 3, 2, (AMP, ())),
    "fang gain": ("fang2018", 4, 1, (GAIN, ())),
    "fang gain waits for the ratio": ("fang2018", 4, NAN, ("indeterminate", ("cep7_unavailable",))),
    "fang negative": ("fang2018", 2, 1, (NOT, ())),
    "fang negative waits for the ratio": ("fang2018", 2, NAN, ("indeterminate", ("cep7_unavailable",))),
    "lai amplified": ("lai2019", 6, 3, (AMP, ())),
    "lai MET-high": ("lai2019", 6, 1, (GAIN, ())),
    "lai MET-high waits for the ratio": ("lai2019", 6, NAN, ("indeterminate", ("cep7_unavailable",))),
    "geometry 10": ("geometry_mono1", 10, 1, (HIGH, ())),
    "geometry 6": ("geometry_mono1", 6, 1, (AMP, ())),
    "geometry 4": ("geometry_mono1", 4, 1, (GAIN, ())),
    "geometry below": ("geometry_mono1", 3, 1, (NOT, ())),
    "savannah high only": ("savannah_high", 9, 5, (NOT, ())),
}


@pytest.mark.parametrize(("name", "copies", "ratio", "expected"), OTHER_SETS.values(), ids=list(OTHER_SETS))
def test_any_set_can_give_the_call(name, copies, ratio, expected):
    assert call_of(copies, ratio, "focal", name=name) == expected


def test_no_call():
    assert call_of(12, 5, "focal", blocking=["very_noisy", "met_not_covered", "very_noisy"]) == (
        "no_call",
        ("very_noisy", "met_not_covered"),
    )
    assert call_of(12, 5, "focal", name="insight2_tissue", specimen="plasma") == (
        "no_call",
        ("criteria_not_applicable",),
    )


COPIES = {"value": 11.2, "low": 9.8, "high": 12.7}
RATIO = {"value": 4.9, "low": 4.1, "high": 5.8}
HEADLINES = {
    "high level": (
        (HIGH, {"copies": COPIES, "ratio": RATIO, "focality": "focal"}),
        "MET is amplified at a high level: about 11.2 copies per tumour cell (95 % interval 9.8-12.7), "
        "MET/CEP7-like 4.9 (95 % interval 4.1-5.8), focal.",
    ),
    "arm": (
        (GAIN, {"copies": {"value": 4.5, "low": 4.2, "high": 4.8}, "focality": "arm"}),
        "MET is gained, short of amplification: about 4.5 copies per tumour cell (95 % interval 4.2-4.8), "
        "with a gain of the arm 7q.",
    ),
    "polysomy": (
        (POLY, {"copies": {"value": 6.0}, "ratio": {"value": NAN, "low": NAN, "high": NAN}, "focality": "polysomy"}),
        "MET is gained together with chromosome 7 (polysomy), not amplified by itself: "
        "about 6.0 copies per tumour cell.",
    ),
    "negative": (
        (NOT, {"copies": {"value": 2.1, "low": 1.8, "high": 2.4}, "lod_copies": 3.17, "focality": "none"}),
        "MET is not amplified: about 2.1 copies per tumour cell (95 % interval 1.8-2.4), "
        "3.2 copies would have been seen.",
    ),
    "negative, limit above the bound": (
        (NOT, {"copies": {"value": 2.1, "low": 1.0, "high": 4.2}, "lod_copies": 7.2, "why": ["gain_open"]}),
        "MET is not amplified: about 2.1 copies per tumour cell (95 % interval 1.0-4.2), "
        "whether it is gained short of that is open.",
    ),
    "amplification or polysomy": (
        (AMP, {"copies": {"value": 6.5, "low": 5.4, "high": 7.8}, "focality": "indeterminate",
               "why": ["focality_undecided"]}),
        "MET is gained to 5 copies or more, by amplification or polysomy (it cannot be told which): "
        "about 6.5 copies per tumour cell (95 % interval 5.4-7.8).",
    ),
    "negative, limit unknown": ((NOT, {"lod_copies": NAN}), "MET is not amplified."),
    "range": (
        ("indeterminate", {"copies": {"value": None, "low": 3.1, "high": 125}, "explanations": ["Purity is unknown."]}),
        "It cannot be told whether MET is amplified: Purity is unknown. "
        "Measured: between 3.1 and 125 copies per tumour cell.",
    ),
    "indeterminate without reasons": (
        ("indeterminate", {"ratio": RATIO}),
        "It cannot be told whether MET is amplified: MET/CEP7-like 4.9 (95 % interval 4.1-5.8).",
    ),
    "no call": (
        ("no_call", {"copies": COPIES, "explanations": ["The input does not cover MET.", "It is noisy."]}),
        "No call: The input does not cover MET. It is noisy.",
    ),
    "no call without reasons": (("no_call", {}), "No call."),
}  # fmt: skip


def headline(call, **options):
    numbers = {name: options.pop(name) for name in ("copies", "ratio", "plasma") if name in options}
    return overall.headline(call, numbers=overall.Numbers(**numbers), **options)


@pytest.mark.parametrize(("given", "expected"), HEADLINES.values(), ids=list(HEADLINES))
def test_headline(given, expected):
    call, options = given
    assert headline(call, **options) == expected


@pytest.mark.parametrize("call", CALLS)
def test_every_call_has_an_opening(call):
    assert overall.headline(call).endswith(".")


NUMBERS = [
    # copies, MET/CEP7-like, as they are told
    pytest.param(99.94, 9.94, "about 99.9 copies per tumour cell, MET/CEP7-like 9.9", id="decimals"),
    pytest.param(
        100.4, 10.4, "about 100 copies per tumour cell, MET/CEP7-like 10", id="decimals would feign precision"
    ),
    pytest.param(-100.4, -10.4, "about -100 copies per tumour cell, MET/CEP7-like -10", id="below 0"),
]


@pytest.mark.parametrize(("copies", "ratio", "expected"), NUMBERS)
def test_numbers_are_told_with_the_decimals_they_bear(copies, ratio, expected):
    told = headline(POLY, copies={"value": copies}, ratio={"value": ratio})
    assert told.partition(": ")[2] == f"{expected}."


@pytest.mark.parametrize("ends", [{"low": 4.0}, {"high": 6.0}, {"low": 4.0, "high": NAN}], ids=str)
def test_an_interval_with_one_end_is_none(ends):
    assert headline(POLY, copies={"value": 5.0, **ends}).endswith(": about 5.0 copies per tumour cell.")
    assert headline(POLY, copies=ends) == f"{overall.OPENINGS[POLY]}."
