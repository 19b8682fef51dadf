"""Which stage reads what, for each kind of input."""

from dataclasses import replace
from pathlib import Path

import pytest

from metcn import files
from metcn.errors import InputError
from metcn.run import config, plan, stages
from metcn.run.samples import Sample

T1 = Sample(name="T1", alignments=Path("/in/T1.bam"), purity="0.4", matched_normal="N1")
N1 = Sample(name="N1", role="normal", alignments=Path("/in/N1.cram"))
C1 = Sample(name="C1", coverage=(Path("/in/C1.cnn"), Path("/in/C1.anti.cnn")), patient="P 1", timepoint="baseline")
R1 = Sample(name="R1", ratios=Path("/in/R1.cnr"), specimen="plasma")


def planned(*samples, **keys):
    settings = config.complete({"genome": "GRCh37", "assay": "wgs", **keys}, Path("/base"))
    return plan.Plan(settings, {sample.name: sample for sample in samples})


FASTA = {"fasta": "/g.fa"}
OWN_SNPS = str(files.common_snps("GRCh37"))
INPUTS = {
    "bins by design": (planned(T1, targets="t.bed"), "bins", "", {"targets": "/base/t.bed"}),
    "bins with tracks": (
        planned(T1, bins={"gc": "gc.wig", "mappability": "/map.wig"}), "bins", "",
        {"gc": "/base/gc.wig", "mappability": "/map.wig"},
    ),
    "bins of whole genomes": (planned(T1), "bins", "", {}),
    "bins of coverage": (planned(R1, C1), "bins", "", {"coverage": ["/in/C1.cnn", "/in/C1.anti.cnn"]}),
    "bins of a ready panel": (
        planned(T1, N1, reference="p.h5", targets="t.bed"), "bins", "", {"reference": "/base/p.h5"},
    ),
    "counts of a BAM": (
        planned(T1, **FASTA), "counts", "T1",
        {"bins": "results/bins/bins.tsv", "alignment": "/in/T1.bam", "fasta": "/g.fa", "snps": OWN_SNPS},
    ),
    "counts of a BAM with a list of SNPs": (
        planned(T1, **FASTA, snps="l.bed"), "counts", "T1",
        {"bins": "results/bins/bins.tsv", "alignment": "/in/T1.bam", "snps": "/base/l.bed"},
    ),
    "counts of a CRAM": (
        planned(N1, **FASTA), "counts", "N1",
        {"bins": "results/bins/bins.tsv", "alignment": "/in/N1.cram", "fasta": "/g.fa"},
    ),
    "counts of tables": (
        planned(C1), "counts", "C1", {"bins": "results/bins/bins.tsv", "coverage": ["/in/C1.cnn", "/in/C1.anti.cnn"]},
    ),
    "reference": (
        planned(T1, N1), "reference", "",
        {
            "bins": "results/bins/bins.tsv",
            "counts": ["results/counts/N1.cnn"],
            "counts_summary": ["results/counts/N1.json"],
        },
    ),
    "ratios with normals": (
        planned(T1, N1), "ratios", "T1",
        {
            "counts": "results/counts/T1.cnn",
            "counts_summary": "results/counts/T1.json",
            "bins": "results/bins/bins.tsv",
            "reference": "results/reference/reference.h5",
            "matched_normal": "results/counts/N1.cnn",
        },
    ),
    "ratios without normals": (
        planned(C1), "ratios", "C1",
        {
            "counts": "results/counts/C1.cnn",
            "counts_summary": "results/counts/C1.json",
            "bins": "results/bins/bins.tsv",
        },
    ),
    "ratios made elsewhere": (planned(R1, T1, N1), "ratios", "R1", {"imported": "/in/R1.cnr"}),
    "cohort": (
        planned(T1, N1, R1), "cohort", "",
        {
            "calls": ["results/calls/T1.json", "results/calls/R1.json"],
            "seg": ["results/segments/T1.seg", "results/segments/R1.seg"],
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(("made", "stage", "sample", "inputs"), INPUTS.values(), ids=INPUTS)
def test_inputs(made, stage, sample, inputs):
    assert made.inputs(stage, sample) == inputs


N2 = replace(N1, name="N2")
ALLELES = {name: f"results/counts/{name}.alleles.tsv" for name in ("T1", "N1")}
SNPS = [
    # samples, keys, stage, sample, files of SNPs among its inputs
    pytest.param((T1, N1), {}, "counts", "T1", {"snps": OWN_SNPS}, id="the list of the build"),
    pytest.param((T1, N1), {"snps": "none"}, "counts", "T1", {}, id="none"),
    pytest.param((T1, N1), {"assay": "swgs"}, "counts", "T1", {}, id="a shallow genome without a list"),
    pytest.param((T1, N1), {"snps": "l.bed"}, "counts", "T1", {"snps": "/base/l.bed"}, id="a tumour"),
    pytest.param((T1, N1), {"snps": "l.bed"}, "counts", "N1", {"snps": "/base/l.bed"}, id="its matched normal"),
    pytest.param((T1, N1, N2), {"snps": "l.bed"}, "counts", "N2", {}, id="a normal that matches nobody"),
    pytest.param((C1,), {"snps": "l.bed"}, "counts", "C1", {}, id="a coverage table"),
    pytest.param((T1, N1), {"snps": "l.bed", "assay": "swgs"}, "counts", "T1", {}, id="a shallow genome"),
    pytest.param(
        (T1, N1), {"snps": "l.bed"}, "purity", "T1", {"alleles": ALLELES["T1"], "normal_alleles": ALLELES["N1"]},
        id="purity with a matched normal",
    ),
    pytest.param(
        (replace(T1, matched_normal=""),), {"snps": "l.bed"}, "purity", "T1", {"alleles": ALLELES["T1"]},
        id="purity without one",
    ),
    pytest.param((T1, N1), {"snps": "none"}, "purity", "T1", {}, id="purity without a list"),
    pytest.param((C1,), {"snps": "l.bed"}, "purity", "C1", {}, id="purity of a coverage table"),
]  # fmt: skip


@pytest.mark.parametrize(("samples", "keys", "stage", "sample", "files"), SNPS)
def test_snps_are_counted_where_they_are_used(samples, keys, stage, sample, files):
    found = planned(*samples, **keys).inputs(stage, sample)
    assert {name: path for name, path in found.items() if name in ("snps", "alleles", "normal_alleles")} == files


PLASMA = {"specimen": "plasma"}
LENGTHS = [
    # tumour, normals, names whose counts are read for the lengths of their fragments
    pytest.param(replace(T1, **PLASMA), (replace(N1, **PLASMA), replace(N2, **PLASMA)), ["N1", "N2"], id="all plasma"),
    pytest.param(replace(T1, **PLASMA), (replace(N1, **PLASMA), N2), ["N1"], id="one normal of plasma"),
    pytest.param(replace(T1, **PLASMA), (N1, N2), [], id="normals of tissue"),
    pytest.param(replace(C1, **PLASMA), (replace(N1, **PLASMA),), [], id="a coverage table"),
    pytest.param(T1, (replace(N1, **PLASMA),), [], id="tissue"),
]


@pytest.mark.parametrize(("tumour", "normals", "names"), LENGTHS)
def test_lengths_of_fragments_are_those_of_plasma(tumour, normals, names):
    found = planned(tumour, *normals).inputs("purity", tumour.name)
    told = {name: path for name, path in found.items() if name in ("counts_summary", "normal_summaries")}
    of_normals = [f"results/counts/{name}.json" for name in names]
    expected = {"counts_summary": f"results/counts/{tumour.name}.json", "normal_summaries": of_normals}
    assert told == (expected if names else {})


def test_ready_panel_goes_before_the_sheet_s_normals():
    assert planned(T1, N1, reference="p.h5").inputs("ratios", "T1")["reference"] == "/base/p.h5"


@pytest.mark.parametrize("sample", [C1, R1], ids=["counted", "imported"])
def test_tallies_only_where_something_was_counted(sample):
    assert ("counts_summary" in planned(sample).inputs("calls", sample.name)) == (sample is C1)


@pytest.mark.parametrize(
    ("sample", "stage", "facts"),
    [
        (T1, "purity", {"sample": "T1", "specimen": "tissue", "purity": "0.4", "genome": "GRCh37"}),
        (C1, "calls", {"sample": "C1", "specimen": "tissue", "patient": "P 1", "timepoint": "baseline"}),
        (R1, "ratios", {"sample": "R1", "genome": "GRCh37", "assay": "wgs"}),
        (R1, "report", {"genome": "GRCh37"}),
        (R1, "cohort", {}),
    ],
)
def test_facts(sample, stage, facts):
    told = planned(sample).facts(stage, sample.name)
    assert told.pop("configuration", None) == (planned(sample).configuration if stage == "calls" else None)
    assert told == facts


@pytest.mark.parametrize(
    ("keys", "same"),
    [
        ({}, True),
        ({"fasta": "/other.fa", "reference": "p.h5"}, True),  # inputs have digests of their own
        ({"report": {"title": "Our laboratory"}}, True),  # no call rests on it
        ({"segments": {"method": "haar"}}, False),
        ({"bins": {"window_bp": 2000}}, False),
        ({"copies": {"power": 0.9}}, False),
        ({"calls": {"decide": 0.9}}, False),
        ({"genome": "GRCh38"}, False),
        ({"assay": "swgs"}, False),
    ],
    ids=str,
)
def test_configuration_is_what_a_call_rests_on(keys, same):
    assert (planned(T1, **keys).configuration == planned(T1).configuration) == same


def test_a_patient_is_marked_and_not_named():
    def mark(patient):
        return planned(replace(C1, patient=patient)).mark("calls", "C1")

    assert "patient" not in mark("")
    assert mark("P 1") == mark("P 1") != mark("P 2")
    assert "P 1" not in mark("P 1")


def test_every_input_between_stages_is_an_output():
    made = planned(T1, N1, R1, C1)
    outputs = {stages.path(s, a, n) for s in stages.STAGES for a in stages.STAGES[s].outputs for n in made.samples}
    read = set()
    for stage in stages.STAGES:
        for name in made.samples if stage == "counts" else made.tumours:
            for paths in made.inputs(stage, name).values():
                read |= {paths} if isinstance(paths, str) else set(paths)
    between = {path for path in read if not path.startswith("/")}
    assert len(between) > 20
    assert between <= outputs


LATER = replace(C1, name="C2", timepoint="progression")
SERIAL = {
    "progression after baseline": ([C1, LATER], {"C2": "C1"}),
    "two later samples": ([C1, LATER, replace(LATER, name="C3")], {"C2": "C1", "C3": "C1"}),
    "no baseline": ([LATER], {}),
    "other patient": ([C1, replace(LATER, patient="P 2")], {}),
    "other kind of specimen": ([C1, replace(LATER, specimen="plasma")], {}),
    "no patient": ([replace(C1, patient=""), replace(LATER, patient="")], {}),
    "no timepoint": ([C1, replace(LATER, timepoint="")], {}),
}


@pytest.mark.parametrize(("samples", "expected"), SERIAL.values(), ids=list(SERIAL))
def test_later_samples_are_compared_with_their_baseline(samples, expected):
    made = planned(*samples)
    assert made.baselines == expected
    compared = [f"results/compare/{name}.json" for name in expected]
    assert made.inputs("cohort").get("comparisons", []) == compared
    for later, first in expected.items():
        files = {"baseline": f"results/calls/{first}.json", "progression": f"results/calls/{later}.json"}
        assert made.inputs("compare", later) == files


@pytest.mark.parametrize(
    ("assay", "keys", "message"),
    [
        ("panel", {}, "key targets: expected the BED file of the panel, received null; give it, or a ready panel"),
        (
            "wgs",
            {"fasta": "g.fa"},
            "key fasta: expected a file that exists, received .*g.fa; paths are relative to the",
        ),
        ("panel", {"targets": "t.bed"}, "key targets: expected a file that exists"),
        ("wes", {"reference": "p.h5"}, "key reference.file: expected a file that exists"),
        ("wgs", {"bins": {"mappability": "m.wig"}}, "key bins.mappability: expected a file that exists, .*m.wig"),
        ("amplicon", {"bins": {"min_mappability": 0.5}}, "key bins.min_mappability: expected a file of mappability"),
        ("wgs", {"bins": {"gc": __file__}, "fasta": __file__}, "key bins.gc: expected null beside fasta"),
    ],
)
def test_refused(tmp_path, assay, keys, message):
    settings = config.complete({"genome": "GRCh37", "assay": assay, **keys}, tmp_path)
    with pytest.raises(InputError, match=f"^here: {message}"):
        plan.make(settings, [T1, N1], "here")


def test_targets_are_not_needed_for_tables():
    settings = config.complete({"genome": "GRCh37", "assay": "panel"}, Path("/"))
    assert plan.make(settings, [C1, R1]).tumours == ["C1", "R1"]


def test_sheet_is_needed():
    with pytest.raises(InputError, match="key samples: expected a sample sheet, received nothing"):
        plan.load({"genome": "GRCh37", "assay": "wgs"}, Path("/"))


@pytest.mark.parametrize("path", ["/a/b.bam", "results/x.tsv", "/a b/$c/%d;e.bam", "/closing}"])
def test_a_path_that_snakemake_can_take_stands_for_itself(path):
    assert plan.stand_in(path) == path


def test_paths_with_braces_have_links_of_their_own():
    paths = ["/{a}/x.bam", "/{a}/y.bam", "/{{a}}/x.bam", "/{a", "/x{0}.bam"]
    links = [plan.stand_in(path) for path in paths]
    assert len(set(links)) == len(paths)
    assert not any("{" in link or "}" in link for link in links)
    assert [plan.stand_in(path) for path in paths] == links
