"""Sections of a sample's page: sentences from numbers, absent parts left out, other people's shapes tolerated."""

from __future__ import annotations

import pytest

from metcn.report import sections, wording
from support.made_up import amplified, criterion, no_call, plasma, unknown_purity


def test_limits_say_purity_noise_and_detection():
    told = sections.limits(amplified())
    assert told[0] == "Purity 0.35, given: were it 0.25, MET would have 20.2 copies; were it 0.45, 12.9."
    assert told[1].startswith(
        "MET's depth ratio (32 bins) is known to within 6\xa0%; the largest part is the error that"
    )
    assert told[2:] == [
        "3.4 or more copies would have been seen in this sample.",
        "Tumour cells needed at this noise: 16\xa0% for 5 copies, 6\xa0% for 10 copies.",
    ]


def test_limits_of_a_range_are_its_own_ends():
    told = sections.limits(plasma())
    assert told[0].startswith("Tumour fraction 0.04 (0.02 to 0.06), given as a range: were it 0.02, MET would have")
    assert "Tumour fraction needed" in told[-1]


def test_limits_count_one_bin_as_one():
    call = amplified()
    call["measurement"]["met"]["bins"] = 1
    assert sections.limits(call)[1].startswith("MET's depth ratio (1 bin) is known")


def test_limits_of_unknown_purity_name_what_was_allowed_for():
    told = sections.limits(unknown_purity())
    assert told[0] == "Any purity from 0.10 to 1.00 was allowed for."
    assert "at the lowest purity allowed for" in told[2]


def test_limits_of_several_fits_are_those_of_every_solution():
    call = unknown_purity()
    call["purity"]["purity"] |= {"low": 0.2, "high": 0.6, "source": "several_fits"}
    assert sections.limits(call)[0] == "Every solution with a purity from 0.20 to 0.60 was allowed for."


def test_limits_of_nothing_measured_are_none():
    assert sections.limits(no_call()) == []


def rows(*verdicts, name="set", bound="copies >= 5", **fields):
    return [
        criterion(name, category=f"c{at}", verdict=verdict, bound=bound, **fields)
        for at, verdict in enumerate(verdicts)
    ]


@pytest.mark.parametrize(
    ("items", "verdict", "category"),
    [
        (rows("not_met", "met", "not_met"), "met", "c1"),
        (rows("indeterminate", "met"), "met", "c1"),
        (rows("indeterminate", "not_met"), "indeterminate", ""),
        (rows("not_met", "not_met"), "not_met", ""),
        (rows("met"), "met", ""),
        ([*rows("not_met"), *rows("met", bound="copies < 4")], "not_met", ""),
    ],
    ids=["second", "open above", "open", "none", "only one", "a negative met is no positive"],
)
def test_glance_shows_the_highest_category_that_is_met(items, verdict, category):
    [entry] = sections.glance({"criteria": items})
    assert (entry["verdict"], entry["category"]) == (verdict, category)


def test_glance_leaves_out_other_specimens_and_puts_the_met_first():
    items = [*rows("not_met", name="a"), *rows("not_applicable", name="b"), *rows("met", name="c")]
    assert [entry["title"] for entry in sections.glance({"criteria": items})] == ["C", "A"]


def test_glance_marks_what_could_qualify_otherwise_unless_it_is_met():
    items = [*rows("not_met", name="a", other_limbs="IHC."), *rows("met", name="b", other_limbs="IHC.")]
    assert [entry["more"] for entry in sections.glance({"criteria": items})] == [False, True]


def test_glance_names_the_condition_of_a_category():
    [entry] = sections.glance({"criteria": rows("met", only_if="the tumour's genome is doubled")})
    assert entry["category"] == "only c0"


def test_what_else_could_qualify_stands_once_with_the_first_negative():
    items = rows("met", "not_met", "indeterminate", name="a", other_limbs="IHC.")
    [(_, [shown])] = sections.criteria({"specimen": "tissue", "criteria": items})
    assert [item["other_limbs"] for item in shown] == [None, "IHC.", None]


def test_evidence_and_its_solutions_are_rows():
    call = amplified()
    call["purity"]["evidence"] = [
        {"source": "sheet", "used": True, "purity": "0.3-0.4", "ploidy": ""},
        {
            "source": "segments",
            "used": False,
            "identified": False,
            "unresolved": 0.201,
            "log_likelihood_range": 49.0,
            "snps": 12,
            "purity": {"value": 0.33, "low": 0.28, "high": 0.37},
            "ploidy": 2.6,
            "modes": [{"purity": 0.33, "ploidy": 2.6, "weight": 0.8}, {"purity": 0.5, "ploidy": 4.1, "weight": 0.2}],
        },
        "not a record",
    ]
    found = sections.evidence(call)
    assert [row["source"] for row in found] == [
        "sample sheet",
        "segments",
        f"{wording.MISSING} solution 1",
        f"{wording.MISSING} solution 2",
    ]
    assert [row["purity"] for row in found] == ["0.3-0.4", "0.33 (0.28 to 0.37)", "0.33", "0.50"]
    assert found[0]["ploidy"] == wording.MISSING
    assert [row["told"] for row in found] == [
        "used",
        "not used; does not single out one solution; 20.1 % where whole copies cannot be told apart; snps 12",
        "80.0 % of its probability",
        "20.0 % of its probability",
    ]


EGFR = {"copies": {"value": 7.0, "low": 6.1, "high": 8.0}, "ratio": {"value": 2.1, "low": 1.9, "high": 2.3}}


def test_genes_of_resistance_and_neighbours_stand_once():
    call = amplified()
    call["copies"] |= {
        "genes": [{"gene": "EGFR", "bins": 20, **EGFR}],
        "neighbours": [{"gene": "EGFR", "bins": 20, **EGFR}, {"gene": "TES", "ratio": {"value": None}}],
    }
    shown = {"gene": "EGFR", "bins": 20, "copies": "7.0 (6.1 to 8.0)", "ratio": "2.10 (1.90 to 2.30)", "focality": None}
    assert sections.genes(call) == ([shown], [])
    call["copies"]["genes"] = None
    assert sections.genes(call) == ([], [shown])


def test_no_genes_no_rows():
    assert sections.genes(amplified()) == ([], [])
    assert sections.losses(amplified()) == []


@pytest.mark.parametrize(
    ("status", "shown"), [("lost", "lost"), ("not_lost", "not lost"), ("indeterminate", "undecided")]
)
def test_losses_of_genes_that_the_assay_covers(status, shown):
    call = amplified()
    rb1 = {"gene": "RB1", "bins": 20, "status": status, **EGFR}
    call["copies"]["losses"] = [rb1, {**rb1, "gene": "PTEN", "bins": 0}]
    [row] = sections.losses(call)
    assert (row["gene"], row["bins"], row["copies"], row["status"]) == ("RB1", "20", "7.0 (6.1 to 8.0)", shown)


def test_boundaries_with_intervals_and_what_the_assay_cannot_see():
    call = amplified()
    call["copies"]["amplicon"] |= {
        **{"start_low": 115_300_000, "start_high": 115_450_000, "end_low": None, "end_high": None},
        **{"start_censored": False, "end_censored": True, "size_bp": 1_900_000, "share_of_arm": 0.019},
        **{"copies": {"value": 13.0, "low": 11.0, "high": 15.0}, "p_value": 0.0002},
    }
    assert [value for _, value in sections.boundaries(call)][1:] == [
        "115,300,000 to 115,450,000",
        "117,300,000, or further right: the assay sees no further",
        "1.90 Mb, 2 % of 7q",
        "13.0 (11.0 to 15.0)",
        "0.0002",
    ]
    assert sections.boundaries(plasma()) == []


COMPARED = {
    "baseline": "B1",
    "progression": "LC-0417",
    "copies": {"baseline": {"value": 2.1, "low": 1.6, "high": 2.7}, "progression": {"value": 14.1}},
    "calls": {"baseline": "not_amplified", "progression": "amplification"},
    "lod_copies": {"baseline": 3.6, "progression": None},
    "change": {"value": 12.0, "low": 10.2, "high": 13.9},
    "p_acquired": {"value": None, "low": 0.2, "high": 0.9995},
    "course": "acquired",
    "baseline_below_limit": False,
}


def test_comparison_tells_both_samples_the_change_and_the_probability():
    facts = dict(sections.comparison(amplified(comparison=COMPARED)))
    assert facts["Amplification"] == "acquired since the baseline"
    assert facts["Baseline"] == "B1: 2.1 (1.6 to 2.7) copies, Not amplified; 3.6 would have been seen"
    assert facts["Progression"] == "LC-0417: 14.1 copies, Amplification"
    assert facts["Change of MET copies"] == "12.0 (10.2 to 13.9)"
    assert facts["Probability that it was acquired"] == "20.0 % to > 99.9 %"
    assert "Mind" not in facts


def test_comparison_warns_of_a_blind_baseline_and_is_empty_without_one():
    assert "Mind" in dict(sections.comparison(amplified(comparison={**COMPARED, "baseline_below_limit": True})))
    assert sections.comparison(amplified()) == []


def test_surroundings_are_what_focality_was_decided_on():
    call = amplified()
    call["copies"]["focality"]["levels"] = {"met": {"value": 14.1}, "cep7": {"value": 2.9}, "size_bp": 5}
    assert sections.surroundings(call) == [("Copies, MET", "14.1"), ("Copies, CEP7-like", "2.9")]


EXONS = [{"exon": exon, "log2": log2, "se": 0.1, "bins": 1} for exon, log2 in ((2, 1.6), (14, 0.2), (15, 1.7))]
LOST = {"first_exon": 14, "last_exon": 14, "log2_difference": -1.4, "se": 0.15, "bins": 1, "p_value": 1e-6,
        "kinase_domain": "outside"}  # fmt: skip


@pytest.mark.parametrize(
    ("call", "known", "said", "rows"),
    [
        pytest.param(amplified, {}, "", [], id="no exons"),
        pytest.param(amplified, {"exons": EXONS, "part": None}, "All exons of MET that", [], id="all alike"),
        pytest.param(
            amplified, {"exons": EXONS, "part": LOST}, "exon 14 lies 1.4 log2",
            [("2", "15.4"), ("14", "3.5"), ("15", "16.8")], id="one lost",
        ),
        pytest.param(
            unknown_purity, {"exons": EXONS, "part": LOST}, "Depth ratio of each exon",
            [("2", "3.03"), ("14", "1.15"), ("15", "3.25")], id="purity unknown",
        ),
        pytest.param(no_call, {}, "", [], id="nothing measured"),
    ],
)  # fmt: skip
def test_exons_are_told_where_some_differ(call, known, said, rows):
    document = call()
    document["measurement"]["met"] |= known
    sentence, told = sections.exons(document)
    assert said in sentence
    assert bool(sentence) == bool(said)
    assert told == rows
