"""Both sides of every clinical bound, and what missing, undecided or undetectable quantities do to a verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.calls import criteria
from metcn.calls.criteria import Category, Clause, Criterion
from metcn.calls.verdicts import DRAWN, MISSING, quantity, verdicts
from metcn.copies import limits
from metcn.copies.focality import CLASSES
from metcn.copies.posterior import Draws
from metcn.purity.grid import PurityGrid
from metcn.vocabulary import REASONS

SETS = criteria.load()
NEUTRAL = {"gcn": 2.0, "cep7": 2.0, "ratio": 1.0, "fold": 1.0, "pcn": 2.0, "ploidy": 2.0}
STEP = 1e-6


def draws(weight=None, group=None, **values):
    """Draws of a neutral tumour but for the given quantities."""
    size = max([np.size(value) for value in values.values()] + [1])
    shown = {DRAWN.get(name, name): value for name, value in {**NEUTRAL, **values}.items()}
    arrays = {name: np.broadcast_to(value, size) for name, value in shown.items()}
    arrays["weight"] = np.ones(size) if weight is None else weight
    return Draws.of(arrays if group is None else {**arrays, "group": group})


def judge(name, posterior, focality="focal", **options):
    """Verdicts of one set by category, all draws being of one class."""
    criterion = SETS[name] if isinstance(name, str) else name
    options = {"specimen": "plasma" if criterion.specimen == "plasma" else "tissue", **options}
    number = CLASSES.index(focality) if focality in CLASSES else -1
    posterior = replace(posterior, extent=np.full(len(posterior.weight), number))
    return {row.category.name: row for row in verdicts([criterion], posterior, **options)}


def one_set(*clauses, combine="or", specimen="tissue"):
    """A set of one category."""
    category = Category("positive", clauses, combine=combine, call="amplification")
    return Criterion("mine", "Mine", specimen, "FISH", "nobody", None, None, True, (category,))


# set, category, quantity, bound, verdict just below, at and just above it, other quantities
BOUNDS = [
    ("metcn_default", "high_level_amplification", "gcn", 10, "not met met", {}),
    ("metcn_default", "amplification", "gcn", 5, "not met met", {}),
    ("metcn_default", "amplification", "ratio", 2, "not met met", {"gcn": 4.5}),
    ("metcn_default", "amplification", "ratio", 2, "not not not", {"gcn": 4.499}),
    ("metcn_default", "gain", "gcn", 4, "not met met", {}),
    ("metcn_default", "gain", "gcn", 5, "met not not", {}),
    ("metcn_plasma", "high_level_amplification", "gcn", 10, "not met met", {}),
    ("metcn_plasma", "amplification", "gcn", 5, "not met met", {}),
    ("metcn_plasma", "amplification", "ratio", 2, "not met met", {"gcn": 4.5}),
    ("metcn_plasma", "gain", "gcn", 4, "not met met", {}),
    ("metcn_plasma", "gain", "gcn", 5, "met not not", {}),
    ("metcn_plasma", "plasma_gain", "pcn", 2.1, "not met met", {}),
    ("cappuzzo2009", "positive", "gcn", 5, "not met met", {}),
    ("colorado_ratio", "low", "ratio", 1.8, "not met met", {}),
    ("colorado_ratio", "low", "ratio", 2.2, "met met not", {}),
    ("colorado_ratio", "intermediate", "ratio", 2.2, "not not met", {}),
    ("colorado_ratio", "intermediate", "ratio", 5, "met not not", {}),
    ("colorado_ratio", "high", "ratio", 5, "not met met", {}),
    ("colorado_gcn", "low", "gcn", 5, "not met met", {}),
    ("colorado_gcn", "low", "gcn", 6, "met not not", {}),
    ("colorado_gcn", "intermediate", "gcn", 6, "not met met", {}),
    ("colorado_gcn", "intermediate", "gcn", 7, "met not not", {}),
    ("colorado_gcn", "high", "gcn", 7, "not met met", {}),
    ("profile1001", "low", "ratio", 1.8, "not met met", {}),
    ("profile1001", "low", "ratio", 2.2, "met met not", {}),
    ("profile1001", "medium", "ratio", 2.2, "not not met", {}),
    ("profile1001", "medium", "ratio", 4, "met not not", {}),
    ("profile1001", "high", "ratio", 4, "not met met", {}),
    ("schildhaus2015", "high", "ratio", 2, "not met met", {}),
    ("schildhaus2015", "high", "gcn", 6, "not met met", {}),
    ("overbeck2020_top", "top_level", "gcn", 10, "not met met", {}),
    ("fang2018", "amplified", "ratio", 2, "not met met", {}),
    ("fang2018", "amplified", "gcn", 5, "not met met", {}),
    ("fang2018", "gain", "gcn", 4, "not met met", {}),
    ("fang2018", "gain", "gcn", 5, "met not not", {}),
    ("fang2018", "negative", "gcn", 4, "met not not", {}),
    ("lai2019", "met_high", "gcn", 5, "not met met", {}),
    ("lai2019", "amplified", "gcn", 5, "not met met", {"ratio": 3}),
    ("lai2019", "amplified", "ratio", 2, "not met met", {"gcn": 8}),
    ("lai2019", "amplified", "gcn", 5, "not not not", {"ratio": 1.2}),
    ("lai2019", "amplified", "ratio", 2, "not not not", {"gcn": 4}),
    ("insight", "amplified", "gcn", 5, "not met met", {}),
    ("insight", "amplified", "ratio", 2, "not met met", {}),
    ("insight2_tissue", "amplified", "gcn", 5, "not met met", {}),
    ("insight2_tissue", "amplified", "ratio", 2, "not met met", {}),
    ("insight2_plasma", "amplified", "pcn", 2.3, "not met met", {}),
    ("vision_b_plasma", "high_level", "pcn", 2.5, "not met met", {}),
    ("tatton", "fish", "gcn", 5, "not met met", {}),
    ("tatton", "fish", "ratio", 2, "not met met", {}),
    ("tatton", "sequencing", "gcn", 7, "not met met", {}),
    ("tatton", "sequencing", "gcn", 8.5, "not met met", {"ploidy": 3.5}),
    ("savannah_screen", "positive", "gcn", 5, "not met met", {}),
    ("savannah_screen", "positive", "ratio", 2, "not met met", {}),
    ("savannah_high", "fish10", "gcn", 10, "not met met", {}),
    ("sachi", "after_first_or_second_generation_tki", "gcn", 5, "not met met", {}),
    ("sachi", "after_first_or_second_generation_tki", "ratio", 2, "not met met", {}),
    ("sachi", "after_third_generation_tki", "gcn", 10, "not met met", {}),
    ("flowers_ngs", "amplified", "gcn", 5, "not met met", {}),
    ("geometry_mono1", "below_four", "gcn", 4, "met not not", {}),
    ("geometry_mono1", "four_or_five", "gcn", 4, "not met met", {}),
    ("geometry_mono1", "four_or_five", "gcn", 6, "met not not", {}),
    ("geometry_mono1", "six_to_nine", "gcn", 6, "not met met", {}),
    ("geometry_mono1", "six_to_nine", "gcn", 10, "met not not", {}),
    ("geometry_mono1", "ten_or_more", "gcn", 10, "not met met", {}),
    ("schuler2020", "below_four", "gcn", 4, "met not not", {}),
    ("schuler2020", "four_or_five", "gcn", 4, "not not met", {}),
    ("schuler2020", "four_or_five", "gcn", 6, "met not not", {}),
    ("schuler2020", "six_or_more", "gcn", 6, "not met met", {}),
    ("metros", "amplified", "ratio", 2.2, "not not met", {}),
    ("acse", "amplified", "gcn", 6, "not met met", {}),
    ("foundation_one", "amplified", "gcn", 6, "not met met", {}),
    ("foundation_one", "amplified", "gcn", 7, "not met met", {"ploidy": 3}),
    ("msk_impact", "amplified", "fold", 2, "not met met", {}),
    ("msk_impact", "gain", "fold", 1.5, "not met met", {}),
    ("msk_impact", "gain", "fold", 2, "met not not", {}),
    ("five_panel_ngs", "amplified", "gcn", 6.55, "not met met", {}),
    ("tempus", "amplified", "gcn", 4, "not met met", {}),
    ("cologne_fold", "amplified", "fold", 2, "not met met", {}),
    ("genereader", "amplified", "fold", 3, "not met met", {}),
    ("guardant_reportable", "reportable", "pcn", 2.1, "not met met", {}),
    ("guardant_reportable", "enriched", "pcn", 2.7, "not met met", {}),
    ("guardant_reportable", "no_other_driver_seen", "pcn", 6.7, "not not met", {}),
    ("tst15", "amplified", "fold", 1.6, "not not met", {}),
    ("peng2021_ngs", "amplified", "gcn", 5, "not met met", {}),
    ("peng2021_fish", "amplified", "ratio", 2, "not not met", {}),
    ("peng2021_fish", "amplified", "gcn", 5, "not not met", {}),
    ("flowers_fish", "amplified", "gcn", 5, "not met met", {}),
    ("flowers_fish", "amplified", "ratio", 2, "not met met", {}),
    ("schuler2020_entry", "amplified", "gcn", 5, "not met met", {}),
    ("schuler2020_entry", "amplified", "ratio", 2, "not met met", {}),
    ("capmatinib_gefitinib", "amplified", "gcn", 6, "not met met", {}),
    ("amg337", "amplified", "ratio", 2, "not met met", {}),
    ("amg337", "stratum_four", "ratio", 4, "not met met", {}),
    ("tatton_ten", "ten_or_more", "gcn", 10, "not met met", {}),
    ("nccn_ngs", "high_level", "gcn", 10, "not not met", {}),
    ("osimertinib_ngs2024", "amplified", "gcn", 5, "not met met", {}),
    ("vision_b_tissue", "amplified", "gcn", 4, "not met met", {}),
    ("oncomine_cfna", "gain", "pcn", 2.3, "not not met", {}),
    ("pcgr", "by_copies", "gcn", 5, "not met met", {}),
    ("pcgr", "by_ploidy", "gcn", 5, "not met met", {}),
    ("pcgr", "by_ploidy", "gcn", 8.75, "not met met", {"ploidy": 3.5}),
    ("purple", "amplified", "gcn", 6, "not not met", {}),
    ("purple", "amplified", "gcn", 10.5, "not not met", {"ploidy": 3.5}),
    ("actin", "amplified", "gcn", 6, "not met met", {}),
    ("facets_suite", "undoubled_genome", "gcn", 5, "not met met", {}),
    ("facets_suite", "doubled_genome", "gcn", 6, "not met met", {}),
    ("saffron", "fish10", "gcn", 10, "not met met", {}),
    ("nci_match", "amplified", "gcn", 7, "not met met", {}),
    ("geometry_e", "amplified", "gcn", 5, "not met met", {}),
    ("caris", "amplified", "gcn", 6, "not met met", {}),
    ("chinese_consensus", "amplified", "gcn", 5, "not met met", {}),
    ("chinese_consensus", "amplified", "ratio", 2, "not met met", {}),
]


def test_every_bound_of_every_set_stands_in_the_table():
    assert len(BOUNDS) == 112
    tested = {(name, category, quantity) for name, category, quantity, *_ in BOUNDS}
    for criterion in SETS.values():
        for category in criterion.categories:
            if category.name == "polysomy":
                continue  # in the table of calls, since it hangs on focality
            for clause in category.clauses:
                if clause.if_purity_open:
                    continue  # in the table of calls in plasma
                quantity, _, relation = clause.quantity.partition("_")
                assert (criterion.id, category.name, quantity) in tested
                bounds = {row[3] for row in BOUNDS if row[:3] == (criterion.id, category.name, quantity)}
                added, times = {"minus_ploidy": (2, 1), "over_ploidy": (0, 2)}.get(relation, (0, 1))  # of ploidy 2
                assert {end * times + added for end in (clause.lower, clause.upper) if end is not None} <= bounds


@pytest.mark.parametrize(
    ("name", "category", "quantity", "bound", "expected", "others"),
    BOUNDS,
    ids=[f"{row[0]}-{row[1]}-{row[2]}-{row[3]:g}-{'-'.join(map(str, row[5].values()))}".rstrip("-") for row in BOUNDS],
)
def test_both_sides_of_a_bound(name, category, quantity, bound, expected, others):
    found = []
    for value in (bound - STEP, bound, bound + STEP):
        row = judge(name, draws(**{**others, quantity: value}))[category]
        assert row.probability == (1.0 if row.verdict == "met" else 0.0)
        found.append(row.verdict.removesuffix("_met"))
    assert found == expected.split()


TRAPS = {  # NCI-H2170: nine copies of MET with a ratio of about 1.2
    "cappuzzo2009": ("positive", "met"),
    "insight": ("amplified", "met"),
    "schildhaus2015": ("high", "met"),
    "lai2019": ("amplified", "not_met"),
    "colorado_ratio": ("low", "not_met"),
}


@pytest.mark.parametrize(("name", "expected"), TRAPS.items(), ids=list(TRAPS))
def test_polysomy_is_positive_by_copies_and_negative_by_ratio(name, expected):
    category, verdict = expected
    posterior = draws(gcn=9.0, cep7=7.5, ratio=1.2)
    assert judge(name, posterior, focality="polysomy")[category].verdict == verdict


@pytest.mark.parametrize(
    ("specimen", "applicable"),
    [("tissue", 46), ("plasma", 6)],
)
def test_tissue_and_plasma_sets_never_meet(specimen, applicable):
    rows = verdicts(SETS.values(), draws(gcn=12.0, pcn=12.0, fold=6.0), specimen=specimen)
    assert len(rows) == 80
    used = {row.criterion.id for row in rows if row.verdict != "not_applicable"}
    assert len(used) == applicable
    assert "metcn_default" in used
    for row in rows:
        if row.verdict == "not_applicable":
            assert np.isnan(row.probability)
            assert row.reasons == ()


@pytest.mark.parametrize(
    ("share", "verdict"),
    [(0.0, "not_met"), (0.05, "not_met"), (0.051, "indeterminate"), (0.5, "indeterminate"), (0.949, "indeterminate"),
     (0.95, "met"), (1.0, "met")],
)  # fmt: skip
def test_decide_is_inclusive_on_both_sides(share, verdict):
    posterior = draws(gcn=np.array([4.0, 6.0]), weight=np.array([1 - share, share]))
    row = judge("cappuzzo2009", posterior)["positive"]
    assert (row.verdict, row.probability) == (verdict, pytest.approx(share))
    assert row.reasons == (("interval_spans_bound",) if verdict == "indeterminate" else ())


NAN = np.nan
UNKNOWNS = {  # id: set, category, values, focality, verdict, probability, reasons
    "copies suffice": ("insight", "amplified", {"gcn": 6, "ratio": NAN}, "focal", "met", 1, ()),
    "ratio suffices": ("insight", "amplified", {"gcn": NAN, "ratio": 3}, "focal", "met", 1, ()),
    "the other might": ("insight", "amplified", {"ratio": NAN}, "focal", "indeterminate", NAN, ("cep7_unavailable",)),
    "both missing": (
        "insight", "amplified", {"gcn": NAN, "ratio": NAN}, "focal", "indeterminate", NAN,
        ("purity_below_floor", "cep7_unavailable"),
    ),
    "and: one is enough to deny": ("lai2019", "amplified", {"ratio": NAN}, "focal", "not_met", 0, ()),
    "and: one is not enough": (
        "lai2019", "amplified", {"gcn": 8, "ratio": NAN}, "focal", "indeterminate", NAN, ("cep7_unavailable",),
    ),
    "ploidy missing": (
        "foundation_one", "amplified", {"gcn": 12, "ploidy": NAN}, "focal", "indeterminate", NAN, ("ploidy_unknown",),
    ),
    "ploidy missing in a ratio": (
        "purple", "amplified", {"gcn": 12, "ploidy": NAN}, "focal", "indeterminate", NAN, ("ploidy_unknown",),
    ),
    "MET missing": ("cologne_fold", "amplified", {"fold": NAN}, "focal", "indeterminate", NAN, ("met_not_covered",)),
    "focality open": (
        "metcn_default", "amplification", {"gcn": 7}, "indeterminate", "indeterminate", NAN, ("focality_undecided",),
    ),
    "ratio clear": ("metcn_default", "amplification", {"gcn": 7, "ratio": 3}, "indeterminate", "met", 1, ()),
    "nothing to decide": ("metcn_default", "amplification", {"gcn": 3}, "indeterminate", "not_met", 0, ()),
    "polysomy": ("metcn_default", "amplification", {"gcn": 7, "ratio": 3}, "polysomy", "not_met", 0, ()),
    "polysomy without a ratio": ("metcn_default", "polysomy", {"gcn": 7, "ratio": NAN}, "polysomy", "met", 1, ()),
    "not polysomy": ("metcn_default", "polysomy", {"gcn": 7}, "arm", "not_met", 0, ()),
    "a class that is told is none that may be": ("metcn_default", "polysomy", {"gcn": 7}, "none", "not_met", 0, ()),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "category", "values", "focality", "verdict", "probability", "reasons"),
    UNKNOWNS.values(),
    ids=list(UNKNOWNS),
)
def test_unknown_is_neither_yes_nor_no(name, category, values, focality, verdict, probability, reasons):
    row = judge(name, draws(**values), focality=focality)[category]
    assert (row.verdict, row.reasons) == (verdict, reasons)
    np.testing.assert_equal(row.probability, probability)
    nothing = all(np.isnan(quantity(draws(**values), clause.quantity)).all() for clause in row.category.clauses)
    ends = (NAN, NAN) if nothing else (0, 1) if np.isnan(probability) else (probability, probability)
    np.testing.assert_equal((row.probability_low, row.probability_high), ends)


def test_copies_and_ratio_are_judged_draw_by_draw():
    # either alone holds in half of the draws, never in the same ones
    posterior = draws(gcn=np.array([6.0, 3.0]), ratio=np.array([1.0, 3.0]))
    assert judge("insight", posterior)["amplified"].probability == 1
    assert judge("lai2019", posterior)["amplified"].probability == 0


RANGES = {  # copies by plausible purity: verdict, probability (or its ends, where it is not one), reasons
    "all above": ([[6, 7], [20, 22]], "met", 1, ()),
    "all below": ([[2, 3], [3, 4]], "not_met", 0, ()),
    "one above, one below": ([[3, 3], [9, 9]], "indeterminate", (0, 1), ("purity_unknown",)),
    "one above, one between": ([[4, 6], [9, 9]], "indeterminate", (0.5, 1), ("purity_unknown",)),
    "all between": ([[4, 6], [4, 6]], "indeterminate", 0.5, ("interval_spans_bound",)),
}


@pytest.mark.parametrize(("copies", "verdict", "probability", "reasons"), RANGES.values(), ids=list(RANGES))
def test_unknown_purity_asks_for_agreement_over_its_whole_range(copies, verdict, probability, reasons):
    group = np.repeat(np.arange(2), 2)
    # one plausible purity may be ten times as dense in draws without outvoting the other
    weight = np.repeat([10.0, 1.0], 2)
    row = judge("cappuzzo2009", draws(gcn=np.ravel(copies).astype(float), group=group, weight=weight))["positive"]
    assert (row.verdict, row.reasons) == (verdict, reasons)
    low, high = probability if isinstance(probability, tuple) else (probability, probability)
    assert (row.probability_low, row.probability_high) == (low, high)
    np.testing.assert_equal(row.probability, low if low == high else NAN)


BELOW = "below_limit_of_detection"
LIMITS = {  # id: set, category, values, lod, options, verdict, reasons
    "limit above the bound": ("cappuzzo2009", "positive", {}, {"gcn": 5.1}, {}, "indeterminate", (BELOW,)),
    "limit at the bound": ("cappuzzo2009", "positive", {}, {"gcn": 5.0}, {}, "not_met", ()),
    "limit unknown": ("cappuzzo2009", "positive", {}, {"gcn": NAN}, {}, "indeterminate", (BELOW,)),
    "limit infinite": ("cappuzzo2009", "positive", {}, {"gcn": np.inf}, {}, "indeterminate", (BELOW,)),
    "limit of another quantity": ("cappuzzo2009", "positive", {}, {"pcn": 9.0}, {}, "not_met", ()),
    "positive all the same": ("cappuzzo2009", "positive", {"gcn": 6}, {"gcn": 9.0}, {}, "met", ()),
    "denied from above": ("colorado_gcn", "low", {"gcn": 9}, {"gcn": 8.0}, {}, "not_met", ()),
    "or: one limb blind": ("insight", "amplified", {}, {"gcn": 3.0, "ratio": 2.5}, {}, "indeterminate", (BELOW,)),
    "and: one limb blind": ("lai2019", "amplified", {}, {"gcn": 3.0, "ratio": 2.5}, {}, "not_met", ()),
    "and: the deciding limb blind": (
        "lai2019", "amplified", {"gcn": 8}, {"gcn": 3.0, "ratio": 2.5}, {}, "indeterminate", (BELOW,),
    ),
    "and: both blind": ("lai2019", "amplified", {}, {"gcn": 6.0, "ratio": 2.5}, {}, "indeterminate", (BELOW,)),
    "a category that is a negative": ("fang2018", "negative", {}, {"gcn": 4.5}, {}, "indeterminate", (BELOW,)),
    "a negative in sight": ("fang2018", "negative", {}, {"gcn": 3.5}, {}, "met", ()),
    "denied by focality": (
        "metcn_default", "amplification", {"gcn": 7}, {"gcn": 6.0, "ratio": 3.0}, {"focality": "polysomy"},
        "not_met", (),
    ),
    "plasma": ("insight2_plasma", "amplified", {}, {"pcn": 2.4}, {}, "indeterminate", (BELOW,)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "category", "values", "lod", "options", "verdict", "reasons"), LIMITS.values(), ids=list(LIMITS)
)
def test_a_negative_below_the_limit_of_detection_is_none(name, category, values, lod, options, verdict, reasons):
    row = judge(name, draws(**values), lod=lod, **options)[category]
    assert (row.verdict, row.reasons) == (verdict, reasons)


SURE, UNSURE = np.array([9.0] * 199 + [1.0]), np.array([9.0] * 198 + [1.0] * 2)  # more than two copies in 99.5, 99 %
POSITIVES = {  # set, category, draws, lod, verdict
    "below the limit": ("cappuzzo2009", "positive", {"gcn": UNSURE}, {"gcn": 30.0}, "indeterminate"),
    "limit unknown": ("cappuzzo2009", "positive", {"gcn": UNSURE}, {"gcn": NAN}, "indeterminate"),
    "more than two copies are sure": ("cappuzzo2009", "positive", {"gcn": SURE}, {"gcn": 30.0}, "met"),
    "limit at the bound": ("cappuzzo2009", "positive", {"gcn": UNSURE}, {"gcn": 5.0}, "met"),
    "surely above neutral": ("cappuzzo2009", "positive", {"gcn": UNSURE}, {}, "met"),
    "copies or ratio": (
        "metcn_default", "amplification", {"gcn": UNSURE, "ratio": np.full(200, 4.0)}, {"gcn": 30.0},
        "indeterminate",
    ),
    "of uncorrected copies": (
        "insight2_plasma", "amplified", {"gcn": UNSURE, "pcn": np.full(200, 2.4)}, {"gcn": 30.0}, "met",
    ),
    "a negative by its upper bound": ("fang2018", "negative", {"gcn": UNSURE - 8}, {"gcn": 3.5}, "met"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "category", "values", "lod", "verdict"), POSITIVES.values(), ids=list(POSITIVES))
def test_a_positive_below_the_limit_of_detection_asks_for_more_than_noise(name, category, values, lod, verdict):
    row = judge(name, draws(**values), lod=lod)[category]
    assert (row.verdict, row.reasons) == (verdict, (BELOW,) if verdict == "indeterminate" else ())


def test_limit_of_detection_by_group():
    posterior = draws(gcn=np.array([2.0, 2.0]), group=[0, 1])
    assert judge("acse", posterior, lod={"gcn": [3.0, 5.0]})["amplified"].verdict == "not_met"
    row = judge("acse", posterior, lod={"gcn": [3.0, 7.0]})["amplified"]
    assert (row.verdict, row.reasons) == ("indeterminate", (BELOW,))


def test_row_names_its_source():
    row = judge("geometry_mono1", draws(gcn=11.0))["ten_or_more"].row()
    assert row["bound"] == "copies >= 10"
    assert row["doi"] == "10.1056/NEJMoa2002787"
    assert row["verified"] is True
    assert judge("msk_impact", draws())["gain"].row()["verified"] is False
    assert set(row) >= {"id", "title", "category", "quantity", "bound", "specimen", "verdict", "probability", "reasons"}


OPEN = "the EGFR inhibitor before was of the {} generation"
PRIOR = {  # inhibitor before: verdict and condition after a third generation, and after a first or second, at 6 copies
    "": ("not_met", OPEN.format("third"), "met", OPEN.format("first or second")),
    "first": ("not_applicable", None, "met", None),
    "second": ("not_applicable", None, "met", None),
    "third": ("not_met", None, "not_applicable", None),
}


@pytest.mark.parametrize(("prior", "expected"), PRIOR.items(), ids=[name or "unknown" for name in PRIOR])
def test_category_hangs_on_the_inhibitor_before(prior, expected):
    found = judge("sachi", draws(gcn=6.0), prior_tki=prior)
    rows = [found[f"after_{name}_generation_tki"].row() for name in ("third", "first_or_second")]
    assert tuple(row[key] for row in rows for key in ("verdict", "only_if")) == expected
    assert judge("insight", draws(gcn=6.0), prior_tki=prior)["amplified"].row()["only_if"] is None


def test_a_condition_is_said_once_however_often_a_set_is_narrowed():
    once = criteria.narrowed(SETS["sachi"], "")
    assert criteria.narrowed(once, "") == once
    assert [category.name for category in criteria.narrowed(SETS["sachi"], "third").categories] == [
        "after_third_generation_tki"
    ]


def test_a_negative_says_what_else_could_qualify():
    row = judge("savannah_high", draws(gcn=4.0))["fish10"].row()
    assert row["verdict"] == "not_met"
    assert row["other_limbs"] == SETS["savannah_high"].other_limbs
    assert "immunohistochemistry" in row["other_limbs"]
    assert judge("cappuzzo2009", draws())["positive"].row()["other_limbs"] is None


def test_copies_over_ploidy_are_taken_draw_by_draw():
    posterior = draws(gcn=np.array([9.0, 9.0]), ploidy=np.array([2.0, 4.0]), weight=np.array([0.3, 0.7]))
    assert quantity(posterior, "gcn_over_ploidy").tolist() == [4.5, 2.25]
    row = judge("purple", posterior)["amplified"]
    assert (row.verdict, row.probability) == ("indeterminate", pytest.approx(0.3))


@pytest.mark.parametrize(("ploidy", "verdict"), [(3.0, "met"), (3.4, "not_met")])
def test_ten_copies_are_no_amplification_to_every_software(ploidy, verdict):
    assert judge("purple", draws(gcn=10.0, ploidy=ploidy))["amplified"].verdict == verdict
    assert judge("actin", draws(gcn=10.0, ploidy=ploidy))["amplified"].verdict == "met"


RELATIVE = {"gcn_minus_ploidy": (4.0, 7.0), "gcn_over_ploidy": (3.0, 9.0)}  # bound, and the copies it is at ploidy 3


@pytest.mark.parametrize(("name", "bound", "copies"), [(name, *pair) for name, pair in RELATIVE.items()])
def test_bounds_relative_to_ploidy_are_seen_as_well_as_their_copies(name, bound, copies):
    grid = PurityGrid.point(0.4, 3.0)
    told = limits.of_verdicts_at(grid, 0.1, power=0.95, above_neutral=False)
    assert told[name] == pytest.approx(told["gcn"] - 3 if name == "gcn_minus_ploidy" else told["gcn"] / 3)
    powers = [
        limits.power_of(Category("positive", (Clause(quantity, lower=value),)), 0.1, grid, 2.0, alpha=0.001)
        for quantity, value in ((name, bound), ("gcn", copies))
    ]
    assert powers[0] == pytest.approx(powers[1], abs=1e-12) and 0 < powers[0] < 1


@pytest.mark.parametrize(("lod", "verdict"), [(2.9, "not_met"), (3.1, "indeterminate")])
def test_negative_below_the_limit_relative_to_ploidy(lod, verdict):
    row = judge("purple", draws(gcn=2.0), lod={"gcn_over_ploidy": [lod]})["amplified"]
    assert (row.verdict, row.reasons) == (verdict, () if verdict == "not_met" else (BELOW,))


def test_reasons_are_of_the_closed_list():
    assert set(MISSING.values()) <= set(REASONS)


@pytest.mark.parametrize("decide", [0.5, 1.01, -1])
def test_decide_is_checked(decide):
    with pytest.raises(ValueError, match=r"\(0\.5, 1\]"):
        verdicts([], draws(), specimen="tissue", decide=decide)


copies_and_weights = st.lists(
    st.tuples(st.floats(0, 30), st.floats(0.015625, 1)), min_size=1, max_size=30
).map(lambda pairs: tuple(np.array(column) for column in zip(*pairs, strict=True)))  # fmt: skip


@given(copies_and_weights, st.floats(0, 30), st.floats(0, 30))
def test_probability_falls_as_the_bound_rises(sample, one, other):
    copies, weight = sample
    posterior = draws(gcn=copies, weight=weight)
    easy, hard = (
        judge(one_set(Clause("gcn", lower=bound)), posterior)["positive"].probability for bound in sorted((one, other))
    )
    assert easy >= hard - 1e-12


@given(copies_and_weights)
def test_disjoint_categories_share_what_there_is(sample):
    copies, weight = sample
    posterior = draws(gcn=copies, ratio=copies / 2, weight=weight)
    for name in ("colorado_gcn", "colorado_ratio", "profile1001", "geometry_mono1", "schuler2020"):
        total = sum(row.probability for row in judge(name, posterior).values())
        assert total <= 1 + 1e-9
        if name in ("geometry_mono1", "schuler2020"):
            assert total == pytest.approx(1)


@given(copies_and_weights, st.floats(1e-3, 1e3), st.sampled_from(sorted(SETS)))
def test_only_ratios_of_weights_matter(sample, scale, name):
    copies, weight = sample
    once, scaled = (
        judge(name, draws(gcn=copies, ratio=copies / 2, fold=copies / 4, pcn=copies / 2, weight=factor * weight))
        for factor in (1.0, scale)
    )
    for category, row in once.items():
        assert scaled[category].probability == pytest.approx(row.probability)


@given(
    st.lists(st.tuples(*[st.one_of(st.just(NAN), st.floats(0, 20))] * 2, st.integers(0, 2)), min_size=1, max_size=12),
    st.sampled_from(("focal", "arm", "polysomy", "none", "indeterminate")),
    st.sampled_from((None, 3.0, 7.0, NAN)),
    st.sampled_from(sorted(SETS)),
)
def test_no_verdict_comes_with_a_reason_and_only_then(rows, focality, limit, name):
    copies, ratio, group = (np.array(column) for column in zip(*rows, strict=True))
    posterior = draws(gcn=copies, ratio=ratio, fold=copies / 4, pcn=copies / 3, group=group)
    lod = None if limit is None else {"gcn": limit}
    for row in judge(name, posterior, focality=focality, lod=lod).values():
        assert bool(row.reasons) == (row.verdict == "indeterminate")
        assert set(row.reasons) <= set(REASONS)
        assert np.isnan(row.probability) or row.probability_low == row.probability <= row.probability_high + 1e-9
        assert np.isnan(row.probability_low) or 0 <= row.probability_low <= row.probability_high <= 1


@given(copies_and_weights, st.lists(st.booleans(), min_size=30, max_size=30))
def test_what_is_certain_stays_so_when_missing_draws_are_filled(sample, gaps):
    copies, weight = sample
    holed = np.where(np.array(gaps[: len(copies)]), NAN, copies)
    before, after = (judge("insight", draws(gcn=values, weight=weight))["amplified"] for values in (holed, copies))
    if before.verdict != "indeterminate":
        assert after.verdict == before.verdict


# At the bounds of probability

SURE_ENOUGH = [
    # copies of five in a thousand draws, of how many, limit of detection, verdict: more than two must be 99.5 % sure
    pytest.param(2.0, 5, "met", id="99.5 % above two"),
    pytest.param(2.0, 6, "indeterminate", id="99.4 % above two, two are not more than two"),
    pytest.param(2.001, 6, "met", id="a little more than two"),
]


@pytest.mark.parametrize(("copies", "count", "verdict"), SURE_ENOUGH)
def test_how_sure_more_than_two_copies_must_be_where_nothing_could_be_seen(copies, count, verdict):
    found = draws(gcn=[copies] * count + [9.0] * (1000 - count))
    assert judge("cappuzzo2009", found, lod={"gcn": 12.0})["positive"].verdict == verdict


def weighted(copies, weight, hits, n):
    """``hits`` of ``n`` draws of a weight have so many copies, the others two."""
    return draws(weight=np.full(n, weight), gcn=[copies] * hits + [2.0] * (n - hits))


@pytest.mark.parametrize("weight", [0.1, 0.3, 0.7, 1 / 3, 1e-3])
@pytest.mark.parametrize(("hits", "n"), [(9, 10), (19, 20), (97, 100)])
def test_a_probability_reaches_its_bound_whatever_rounding_makes_of_it(weight, hits, n):
    yes, no = (weighted(6.0, weight, count, n) for count in (hits, n - hits))
    options = {"decide": hits / n}
    assert judge("cappuzzo2009", yes, **options)["positive"].verdict == "met"
    assert judge("cappuzzo2009", no, **options)["positive"].verdict == "not_met"
    hidden = judge("cappuzzo2009", no, lod={"gcn": 9.0}, **options)["positive"]
    assert (hidden.verdict, hidden.reasons) == ("indeterminate", ("below_limit_of_detection",))


def test_what_is_missing_is_no_reason_where_it_would_not_matter():
    """The draw without a ratio is met by copies alone."""
    found = judge("metcn_default", draws(gcn=[6.0, 3.0], ratio=[np.nan, 1.0]))["amplification"]
    assert (found.verdict, found.reasons, found.probability) == ("indeterminate", ("interval_spans_bound",), 0.5)


@pytest.mark.parametrize("weight", [[3.0, -1.0], [1.0, np.inf], [1.0, np.nan], [0.0, 0.0]], ids=str)
def test_each_weight_is_checked(weight):
    with pytest.raises(ValueError, match="must be finite, not negative, and not all zero"):
        draws(weight=weight, gcn=[6.0, 3.0])


def test_a_quantity_missing_in_some_draws_is_a_reason():
    found = judge("metcn_default", draws(gcn=[np.nan, 3.0], ratio=1.0))["amplification"]
    assert (found.verdict, found.reasons) == ("indeterminate", ("purity_below_floor", "interval_spans_bound"))


def test_what_only_the_missing_leaves_open_does_not_span_the_bound():
    """A quarter of the draws is met and all may be: no more than a verdict of 75 % leaves for the opposite."""
    found = judge("cappuzzo2009", draws(gcn=[6.0, np.nan, np.nan, np.nan]), decide=0.75)["positive"]
    assert (found.verdict, found.reasons) == ("indeterminate", ("purity_below_floor",))


def test_a_clause_in_sight_rules_out_at_the_bound_of_probability():
    """One of ten draws has the ratio, which is as few as a verdict of 90 % allows."""
    found = judge("lai2019", draws(gcn=2.0, ratio=[2.5] + [1.0] * 9), lod={"gcn": 6.0, "ratio": 1.5}, decide=0.9)
    assert found["amplified"].verdict == "not_met"


def test_a_verdict_may_ask_for_certainty():
    posterior = draws(gcn=[6.0] * 9 + [4.0])
    assert judge("cappuzzo2009", posterior, decide=0.9)["positive"].verdict == "met"
    assert judge("cappuzzo2009", posterior, decide=1.0)["positive"].verdict == "indeterminate"
    assert judge("cappuzzo2009", draws(gcn=6.0), decide=1.0)["positive"].verdict == "met"


TOGETHER = {  # copies in two groups of draws: verdict of amplification and high level as one
    "both amplified": ([6.0, 12.0], "met"),
    "one is not": ([12.0, 3.0], "indeterminate"),
    "neither": ([3.0, 2.0], "not_met"),
}


@pytest.mark.parametrize(("copies", "expected"), TOGETHER.values(), ids=list(TOGETHER))
def test_categories_as_one_hold_in_every_group(copies, expected):
    found = judge("metcn_default", draws(gcn=copies, group=[0, 1]))
    assert found["amplification"].so_far == expected


def test_an_upper_bound_that_is_hidden_makes_no_positive_unsure():
    """Copies of at least five and a ratio below two: the ratio's limit says nothing of whether MET is gained."""
    both = one_set(Clause("gcn", lower=5), Clause("ratio", upper=2), combine="and")
    posterior = draws(gcn=UNSURE, ratio=np.ones(200))
    assert judge(both, posterior, lod={"ratio": 3.0})["positive"].verdict == "met"
    assert judge(both, posterior, lod={"gcn": 6.0})["positive"].verdict == "indeterminate"


@pytest.mark.parametrize(("copies", "told"), [(2.499, True), (2.5, False)])
def test_a_ratio_alone_is_remarked_on_below_a_gain(copies, told):
    found = judge("insight", draws(gcn=copies, ratio=3.0, cep7=copies / 3))["amplified"]
    assert found.verdict == "met"
    assert (found.remark is not None) is told


def test_focality_is_open_where_one_clause_asks_for_it():
    """Copies suffice if the class does; the ratio, which asks for none, is too low."""
    either = one_set(Clause("gcn", lower=5, focality=("focal",)), Clause("ratio", lower=2))
    found = judge(either, draws(gcn=7.0), focality="indeterminate")["positive"]
    assert (found.verdict, found.reasons) == ("indeterminate", ("focality_undecided",))
