"""Stages ``calls``, ``report`` and ``cohort`` on written files: from estimates to pages."""

from __future__ import annotations

import copy
import csv
import json

import numpy as np
import pysam
import pytest

from metcn.calls import record as overview
from metcn.calls import stage
from metcn.cohort import stage as cohort_stage
from metcn.errors import InputError
from metcn.files import write_json
from metcn.genome import build as builds
from metcn.io import tables
from metcn.report import stage as pages
from metcn.report import wording
from metcn.report.sample_page import sample_page
from metcn.vocabulary import COHORT_COLUMNS, REASONS
from report.test_whatif import measured
from support.made_up import AMPLIFIED, amplified, no_call, plasma, profile, unknown_purity

SETTINGS = {"default_criteria": "metcn_default", "decide": 0.95}
TITLE = {"title": "MET copy number"}


def normal_draws(**levels: tuple[float, float]) -> dict[str, np.ndarray]:
    """Draws of each quantity around (centre, SD), all of one weight."""
    scores = np.random.default_rng(1).normal(size=(len(levels), 1024))
    made = {name: centre + sd * score for (name, (centre, sd)), score in zip(levels.items(), scores, strict=True)}
    return {**made, "ploidy": np.full(1024, 2.6), "weight": np.full(1024, 1 / 1024)}


DRAWS = normal_draws(gcn=(14.1, 0.9), cep7=(2.9, 0.2), ratio=(4.9, 0.4), fold=(3.05, 0.09), pcn=(6.1, 0.18))


def beside(path, suffix):
    """Path of the same sample with another suffix; names may hold dots."""
    return path.with_name(path.name.removesuffix(".json") + suffix)


def cohort_outputs(folder):
    """Every file that the stage ``cohort`` writes, by argument."""
    return {
        "output": folder / "cohort.tsv",
        "page": folder / "report" / "cohort.html",
        "mqc": folder / "qc" / "metcn_mqc.tsv",
        "mqc_general": folder / "qc" / "metcn_general_mqc.tsv",
        "mqc_quality": folder / "qc" / "metcn_quality_mqc.tsv",
        "mqc_versions": folder / "qc" / "metcn_mqc_versions.yml",
    }


class Files:
    """The inputs of ``calls`` for one sample, written below a folder."""

    def __init__(self, folder, sample="LC-0417", source=AMPLIFIED, draws=DRAWS, **changes):
        made = copy.deepcopy({**source, **changes})
        self.sample, self.results = sample, folder / "results"
        self.inputs = {
            name: self.results / name / f"{sample}.json" for name in ("ratios", "counts", "purity", "copies")
        }
        measured = {"assay": "panel", "genome": "GRCh37", "reasons": [], **made["measurement"]}
        for name, value in (("ratios", measured), ("counts", made["counts"]), ("copies", made["copies"])):
            write_json(self.inputs[name], value)
        write_json(
            self.inputs["purity"],
            {**made["purity"], "grid": {"purity": [0.35], "ploidy": [2.6], "weight": [1], "group": [0]}},
        )
        self.draws = self.results / "copies" / f"{sample}.draws.npz"
        np.savez(self.draws, **draws)
        self.output = self.results / "calls" / f"{sample}.json"

    def call(self, settings=SETTINGS, **changes):
        """Run the stage and give back its JSON."""
        arguments = {
            "sample": self.sample,
            "specimen": "tissue",
            "patient": "P1",
            "timepoint": None,
            "prior_tki": None,
            "configuration": "c0ffee",
            "measurement": self.inputs["ratios"],
            "counts_summary": self.inputs["counts"],
            "purity": self.inputs["purity"],
            "copies": self.inputs["copies"],
            "draws": self.draws,
            "own_criteria": None,
            "output": self.output,
            "vcf": beside(self.output, ".vcf.gz"),
            "index": beside(self.output, ".vcf.gz.tbi"),
            "bed": beside(self.output, ".amplicon.bed"),
            "settings": settings,
        }
        stage.calls(**{**arguments, **changes})
        return json.loads(self.output.read_text())


def verdict_of(record, name, category=None):
    found = [row for row in record["criteria"] if row["id"] == name and category in (None, row["category"])]
    assert len(found) == 1, f"{len(found)} rows of {name}"
    return found[0]["verdict"]


def test_call_of_an_amplified_tumour(tmp_path):
    record = Files(tmp_path).call()
    assert (record["call"], record["qc"], record["schema"]) == ("high_level_amplification", "pass", 1)
    assert record["reasons"] == ["cep7_fallback", "egfr_gained"]
    assert "14.1" in record["headline"] and "grid" not in record["purity"]
    assert verdict_of(record, "cappuzzo2009") == "met"
    assert verdict_of(record, "insight2_plasma") == "not_applicable"
    assert {"metcn", "code", "settings"} <= set(record["provenance"])
    assert (record["provenance"]["configuration"], record["provenance"]["reference"]) == ("c0ffee", "3f0c5a1be2d4")


def test_counsel_is_in_the_json_the_row_the_vcf_and_on_the_page(tmp_path):
    files = Files(tmp_path)
    told = files.call()
    assert told["counsel"]["word"] == "no_action" and "likely to agree" in told["counsel"]["sentence"]
    assert overview.row(told)["counsel"] == "no_action"
    with pysam.VariantFile(beside(files.output, ".vcf.gz")) as records:
        assert {next(iter(record.samples.values()))["COUNSEL"] for record in records} == {"no_action"}
    genome = builds.load("GRCh37")
    page = sample_page(told, *profile(genome, spacing_bp=5_000_000), genome)
    assert page.index(told["headline"]) < page.index(told["counsel"]["sentence"]) < page.index('class="cards"')


@pytest.mark.parametrize(
    ("chosen", "copies"), [("metcn_default", 5.0), ("tempus", 4.0), ("acse", 5.0), ("msk_impact", 5.0)]
)
def test_counsel_asks_for_the_copies_of_the_set_and_never_for_more_than_five(chosen, copies):
    made = copy.deepcopy(AMPLIFIED)
    settings = {**SETTINGS, "default_criteria": chosen}
    rules = stage.Rules.of(settings, "tissue", "", ())
    assert stage._facts("not_amplified", [], made, "tissue", rules).copies == copies


def test_files_that_were_read_are_in_the_provenance(tmp_path):
    def read(argument):
        return {"argument": argument, "name": f"{argument}.x", "bytes": 12345, "digest": "0" * 16, "of": "whole"}

    made = {name: {**AMPLIFIED[name]} for name in ("measurement", "counts", "purity")}
    made["counts"] |= {"inputs": [read("bins"), read("alignment")]}
    made["measurement"] |= {"inputs": [read("reference")]}
    made["purity"] |= {"inputs": [read("variants")]}
    record = Files(tmp_path, **made).call()
    named = ["bins", "alignment", "reference", "variants"]
    assert record["provenance"]["inputs"] == [read(name) for name in named]
    rows = dict(wording.flat(record["provenance"]))
    assert [rows[f"{name}, as it was read"] for name in named] == [f"{n}.x, 12,345 bytes, {'0' * 16}" for n in named]


def test_a_filter_that_took_all_reads_is_the_reason(tmp_path):
    """What follows from it, that MET is not covered and there is no baseline, is not said beside it."""
    made = no_call()
    made["measurement"]["reasons"] = ["met_not_covered", "few_backbone_bins"]
    text = "9 of 9 reads (100%) have a mapping quality below 20; lower counts.min_mapq."
    counts = {"fragments": 0, "reasons": ["most_reads_filtered"],
              "filtered": [{"reason": "most_reads_filtered", "text": text}]}  # fmt: skip
    record = Files(tmp_path, source=made, draws={"weight": np.empty(0)}, counts=counts).call()
    assert (record["call"], record["reasons"]) == ("no_call", ["most_reads_filtered"])
    assert record["details"] == {"most_reads_filtered": [text]} and text.rstrip(".") in record["headline"]


def test_exons_that_differ_are_a_detail(tmp_path):
    made = copy.deepcopy(AMPLIFIED)
    part = {"first_exon": 2, "last_exon": 13, "log2_difference": 0.8, "se": 0.1, "bins": 14, "p_value": 1e-6,
            "kinase_domain": "outside"}  # fmt: skip
    made["measurement"]["met"] |= {"exons": [{"exon": 2, "log2": 0.9, "se": 0.1, "bins": 1}], "part": part}
    made["measurement"]["reasons"] = ["met_part_differs"]
    record = Files(tmp_path, source=made).call()
    assert "met_part_differs" in record["reasons"]
    [text] = record["details"]["met_part_differs"]
    assert text.startswith("MET exons 2-13 lie 0.8 log2 (95 % interval 0.6 to 1.0) above the rest of the gene")


def test_sample_without_met_is_a_whole_document_with_no_call(tmp_path):
    made = no_call()
    made["measurement"]["reasons"] = ["met_not_covered"]
    record = Files(tmp_path, source=made, draws={"weight": np.empty(0)}, counts={"reasons": ["no_reads"]}).call()
    assert (record["call"], record["qc"]) == ("no_call", "fail")
    assert record["reasons"] == ["met_not_covered", "no_reads"]
    assert {row["verdict"] for row in record["criteria"]} == {"indeterminate", "not_applicable"}
    assert {row["probability"] for row in record["criteria"]} == {None}
    assert set(record) == set(AMPLIFIED)
    assert record["headline"].startswith("No call")


def test_met_without_a_ratio_is_no_call_even_when_no_reason_was_given(tmp_path):
    made = copy.deepcopy(AMPLIFIED)
    made["measurement"]["met"]["ratio"] = None
    assert Files(tmp_path, source=made).call()["call"] == "no_call"


def test_very_noisy_sample_gets_no_verdict_whatever_its_draws_say(tmp_path):
    made = copy.deepcopy(AMPLIFIED)
    made["measurement"]["reasons"] = ["very_noisy"]
    record = Files(tmp_path, source=made).call()
    assert record["call"] == "no_call"
    assert [row["id"] for row in record["criteria"] if row["verdict"] in ("met", "not_met")] == []


def test_negative_below_the_limit_of_detection_is_indeterminate(tmp_path):
    made = copy.deepcopy(AMPLIFIED)
    made["copies"]["lod"] |= {"copies": 8.4, "told_by_group": [5.4], "above_neutral": False}
    low = normal_draws(gcn=(2.3, 0.6), cep7=(2.2, 0.3), ratio=(1.05, 0.2), fold=(1.0, 0.02), pcn=(2.0, 0.04))
    record = Files(tmp_path, source=made, draws=low).call()
    assert record["call"] == "indeterminate"
    assert "below_limit_of_detection" in record["reasons"] and record["qc"] == "warn"
    assert "does not tell an amplification at the criterion's bound from two copies" in record["headline"]


def test_a_sample_above_neutral_is_not_below_its_limit(tmp_path):
    made = copy.deepcopy(AMPLIFIED)
    made["copies"]["lod"] |= {"copies": 8.4, "told_by_group": [5.4], "above_neutral": True}
    gained = normal_draws(gcn=(3.2, 0.3), cep7=(2.2, 0.1), ratio=(1.45, 0.1), fold=(1.3, 0.02), pcn=(2.6, 0.04))
    record = Files(tmp_path, source=made, draws=gained).call()
    assert record["call"] == "not_amplified"
    assert "below_limit_of_detection" not in record["reasons"]


def test_each_plausible_purity_has_a_limit_of_its_own(tmp_path):
    """At the first purity 5 copies are told from two, at the second they are not."""
    made = copy.deepcopy(AMPLIFIED)
    made["copies"]["lod"] |= {"told_by_group": [3.0, 20.0], "ploidy_by_group": [2.6, 2.6], "above_neutral": False}
    low = normal_draws(gcn=(2.0, 0.1), cep7=(2.0, 0.1), ratio=(1.0, 0.05), fold=(1.0, 0.02), pcn=(2.0, 0.04))
    groups = {"group": np.repeat([0, 1], 512)}
    assert Files(tmp_path, source=made, draws={**low, **groups}).call()["call"] == "indeterminate"
    made["copies"]["lod"]["told_by_group"] = [3.0, 3.5]
    assert Files(tmp_path, source=made, draws={**low, **groups}).call()["call"] == "not_amplified"


OPEN = {"group": np.repeat([0, 1], 512), "gcn": np.repeat([3.0, 12.0], 512)}  # the call differs between purities
WHERE_OPEN = [  # a tumour, its specimen, what its headline opens with
    pytest.param(
        unknown_purity, "tissue", "Focal gain of MET, ratio 3.05 (2.88-3.23); amplified if purity is at or below 0.68. "
        "Purity is unknown: results are ranges over every plausible purity.", id="tissue",
    ),
    pytest.param(
        plasma, "plasma", "Gain of MET, its extent undecided, ratio 3.05 (2.88-3.23); amplified if tumour fraction is "
        "at or below 0.68. ", id="plasma",
    ),
    pytest.param(
        amplified, "tissue", "It cannot be told whether MET is amplified: ", id="purity given",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("tumour", "specimen", "opening"), WHERE_OPEN)
def test_what_is_certain_is_said_where_purity_is_open(tumour, specimen, opening, tmp_path):
    made = measured(tumour, met=np.log2(1.8))
    made["copies"]["lod"] |= {"above_neutral": True, "power": 0.95, "told_by_group": [2.7, 2.7], "alpha": 0.001}
    if tumour is not amplified:
        made["purity"]["purity"] = {"value": None, "low": 0.1, "high": 0.8, "source": "several_fits"}
        made["purity"]["reasons"] = ["purity_unknown"]
    record = Files(tmp_path, source=made, draws={**DRAWS, **OPEN}).call(specimen=specimen)
    assert record["call"] == "indeterminate"
    assert record["headline"].startswith(opening), record["headline"]
    solved = record["by_purity"]
    assert solved["direction"] == "gain" and 0.5 < solved["amplified_below"] < 0.7
    assert solved["ploidy_low"] == solved["ploidy_high"] == 2.6


def test_power_stands_beside_each_criterion_that_applies(tmp_path):
    made = copy.deepcopy(AMPLIFIED)
    powers = []
    for se in (0.02, 0.2, 2.0):
        made["measurement"]["met"]["se"] = se
        rows = Files(tmp_path, source=made).call()["criteria"]
        powers.append({(row["id"], row["category"]): row["power"] for row in rows})
    assert {row["power"] for row in rows if row["verdict"] == "not_applicable"} == {None}
    assert powers[0][("cappuzzo2009", "positive")] > 0.99
    assert powers[0][("cappuzzo2009", "positive")] > powers[1][("cappuzzo2009", "positive")] > 0.001
    assert powers[1][("savannah_high", "fish10")] > powers[1][("cappuzzo2009", "positive")]


def test_the_document_says_that_copies_are_a_mean(tmp_path):
    assert any("mean over all tumour cells" in note for note in Files(tmp_path).call()["notes"])


def test_reasons_are_united_once_and_in_the_order_of_the_closed_list(tmp_path):
    made = copy.deepcopy(AMPLIFIED)
    made["measurement"]["reasons"] = ["noisy", "few_normals"]
    made["purity"]["reasons"] = ["ploidy_unknown"]
    made["copies"]["reasons"] = ["noisy"]
    record = Files(tmp_path, source=made, counts={"reasons": ["low_depth"]}).call()
    assert record["reasons"] == ["low_depth", "few_normals", "noisy", "ploidy_unknown"]
    assert record["reasons"] == [code for code in REASONS if code in record["reasons"]]


def test_calls_without_counts_and_twice_are_the_same_bytes(tmp_path):
    files = Files(tmp_path)
    files.call(counts_summary=None)
    first = {path: path.read_bytes() for path in files.output.parent.iterdir()}
    assert sorted(path.name for path in first) == [
        "LC-0417.amplicon.bed",
        "LC-0417.json",
        "LC-0417.vcf.gz",
        "LC-0417.vcf.gz.tbi",
    ]
    assert files.call(counts_summary=None)["counts"] is None
    assert {path: path.read_bytes() for path in files.output.parent.iterdir()} == first


def test_vcf_and_bed_are_written_only_where_asked_for(tmp_path):
    files = Files(tmp_path)
    files.call(vcf=None, index=None, bed=None)
    assert [path.name for path in files.output.parent.iterdir()] == ["LC-0417.json"]
    files.call(index=None, bed=None)
    assert sorted(path.suffix for path in files.output.parent.iterdir()) == [".gz", ".json", ".tbi"]


def test_vcf_stands_beside_a_sample_whose_name_has_dots(tmp_path):
    Files(tmp_path, sample="a.json.b").call()
    with pysam.VariantFile(str(tmp_path / "results/calls/a.json.b.vcf.gz")) as handle:
        assert [record.pos for record in handle if record.id == "MET"] == [builds.load("GRCh37").met[0]]
        assert list(handle.header.samples) == ["a.json.b"]


def test_unknown_criteria_set_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"default_criteria: expected one of metcn_default, .*found 'best'"):
        Files(tmp_path).call(settings={**SETTINGS, "default_criteria": "best"})


@pytest.mark.parametrize(("content", "message"), [(None, "does not exist; run"), (b"text", "is not a draws file")])
def test_missing_or_damaged_draws_are_refused(content, message, tmp_path):
    files = Files(tmp_path)
    files.draws.unlink() if content is None else files.draws.write_bytes(content)
    with pytest.raises(InputError, match=message):
        files.call()


@pytest.mark.parametrize("content", ["[]", '{"schema": 99}', "{}"])
def test_calls_of_another_version_are_refused(content, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(InputError, match="expected a calls JSON of schema 1"):
        cohort_stage.cohort(calls=[path], comparisons=None, seg=None, **cohort_outputs(tmp_path), settings={})


OWN = """\
id: mine
title: Mine
specimen: tissue
assay: Panel
citation: Own validation
doi: null
n: 20
verified: true
other_limbs: IHC 3+.
categories:
  - name: positive
    call: amplification
    clauses:
      - {quantity: gcn_over_ploidy, lower: 3, lower_inclusive: true}
"""


def test_a_set_of_the_laboratory_is_judged_and_may_be_the_default(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(OWN)
    record = Files(tmp_path).call(settings={**SETTINGS, "default_criteria": "mine"}, own_criteria=[path])
    row = record["criteria"][-1]
    assert (row["verdict"], row["bound"], row["other_limbs"]) == ("met", "copies / ploidy >= 3", "IHC 3+.")
    assert (record["call"], record["default_criteria"]) == ("amplification", "mine")
    assert row["id"] == "mine"
    [read] = [item for item in record["provenance"]["inputs"] if item["argument"] == "own_criteria"]
    assert (read["name"], read["bytes"]) == ("mine.yaml", len(OWN))
    path.write_text(OWN.replace("lower: 3", "lower: 9"))
    again = Files(tmp_path).call(own_criteria=[path])
    assert again["provenance"]["inputs"][-1]["digest"] != read["digest"]


def test_a_wrong_set_of_the_laboratory_is_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(OWN.replace("lower: 3", "lower: three"))
    with pytest.raises(InputError, match=r"mine\.yaml, categories/0/clauses/0/lower: 'three' is not of type 'number'"):
        Files(tmp_path).call(own_criteria=[path])


@pytest.mark.parametrize(("prior", "verdicts"), [
    (None, ["met", "met"]), ("first", ["not_applicable", "met"]), ("third", ["met", "not_applicable"]),
])  # fmt: skip
def test_inhibitor_before_reaches_the_verdicts(tmp_path, prior, verdicts):
    record = Files(tmp_path).call(prior_tki=prior)
    rows = [row for row in record["criteria"] if row["id"] == "sachi"]
    assert record["prior_tki"] == (prior or "")
    assert [row["verdict"] for row in rows] == verdicts
    assert [bool(row["only_if"]) for row in rows if row["verdict"] == "met"] == [prior is None] * verdicts.count("met")


@pytest.mark.parametrize(("prior", "call"), [("third", "high_level_amplification"), ("second", "amplification")])
def test_call_of_a_set_that_hangs_on_the_inhibitor_before(tmp_path, prior, call):
    assert Files(tmp_path).call(settings={**SETTINGS, "default_criteria": "sachi"}, prior_tki=prior)["call"] == call


def test_report_is_written_from_tables(tmp_path):
    files = Files(tmp_path)
    files.call()
    bins, segments = profile(builds.load("GRCh37"), spacing_bp=400_000)
    ratios, called = tmp_path / "s.cnr", tmp_path / "s.cns"
    order = bins["chromosome"].map({name: rank for rank, name in enumerate(dict.fromkeys(bins["chromosome"]))})
    tables.write_ratios(
        ratios, bins.iloc[np.lexsort((bins["start"], order))].drop_duplicates(["chromosome", "start", "end"])
    )
    tables.write_segments(called, segments)
    page = tmp_path / "report" / "s.html"
    inputs = {"call": files.output, "comparison": None, "ratios": ratios, "segments": called, "genome": "GRCh37"}
    inputs["own_criteria"] = None
    pages.report(**inputs, output=page, settings=TITLE)
    first = page.read_bytes()
    assert b"High-level amplification" in first and b"geometry_mono1" in first and len(first) < 1_000_000
    pages.report(**inputs, output=page, settings=TITLE)
    assert page.read_bytes() == first


def test_cohort_writes_table_page_and_multiqc_content(tmp_path):
    made = no_call()
    made["measurement"]["reasons"] = ["met_not_covered"]
    paths = []
    for files in (
        Files(tmp_path, sample="one"),
        Files(tmp_path, sample="two", source=made, draws={"weight": np.empty(0)}, counts={}),
    ):
        files.call()
        paths.append(files.output)
    output, page = tmp_path / "results/cohort.tsv", tmp_path / "results/report/cohort.html"
    cohort_stage.cohort(calls=paths, comparisons=None, seg=None, **cohort_outputs(output.parent), settings={})
    with output.open(newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert list(rows[0]) == COHORT_COLUMNS
    assert [(row["sample"], row["call"], row["met_copies"]) for row in rows] == [
        ("one", "high_level_amplification", "14.1"),
        ("two", "no_call", ""),
    ]
    assert 'href="./one.html"' in page.read_text()
    assert (tmp_path / "results/qc/metcn_mqc.tsv").read_text().startswith('# id: "metcn"\n')


def test_cohort_without_multiqc_writes_table_and_page_only(tmp_path):
    files = Files(tmp_path)
    files.call()
    asked = dict.fromkeys(("mqc", "mqc_general", "mqc_quality", "mqc_versions"))
    cohort_stage.cohort(
        calls=[files.output], comparisons=None, seg=None, **{**cohort_outputs(tmp_path / "out"), **asked}, settings={}
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cohort.tsv", "report"]


def test_cohort_draws_the_segments_it_is_given(tmp_path):
    files = Files(tmp_path)
    files.call()
    _, segments = profile(builds.load("GRCh37"), spacing_bp=2_000_000)
    tables.write_seg(tmp_path / "one.seg", "LC-0417", segments)
    tables.write_seg(tmp_path / "empty.seg", "none", segments.iloc[:0])
    written = cohort_outputs(tmp_path / "out")
    cohort_stage.cohort(
        calls=[files.output],
        comparisons=None,
        seg=[tmp_path / "one.seg", tmp_path / "empty.seg"],
        **written,
        settings={},
    )
    assert 'class="heat9"' in written["page"].read_text()


def test_cohort_refuses_a_sample_given_twice(tmp_path):
    files = Files(tmp_path)
    files.call()
    with pytest.raises(InputError, match="sample LC-0417 has 2 calls"):
        cohort_stage.cohort(
            calls=[files.output] * 2, comparisons=None, seg=None, **cohort_outputs(tmp_path), settings={}
        )
