"""A corrected sheet, a changed setting and a replaced file rerun the stages that rest on them, and no other.

A step of a job runs if what it is told, its settings, its code or its inputs differ from those recorded, and then all
that reads its results does. Snakemake starts a job if any of its steps is to run (held in ``test_stale``).
"""

from __future__ import annotations

import csv
import os
import re
import shutil

import pytest

from metcn.run import config, plan, runner
from metcn.run import stages as layout
from metcn.run.samples import SHEET_COLUMNS

READS = [
    {"sample": "T1", "role": "tumour", "alignments": "T1.bam", "purity": "0.4", "ploidy": "2.8", "patient": "Smith",
     "timepoint": "baseline", "matched_normal": "N1", "variants": "T1.vcf"},
    {"sample": "T2", "role": "tumour", "alignments": "T2.bam", "purity": "0.3-0.5", "patient": "Smith",
     "timepoint": "progression", "matched_normal": "N1"},
    {"sample": "T3", "role": "tumour", "alignments": "T3.cram", "specimen": "plasma"},
    {"sample": "R1", "role": "tumour", "ratios": "R1.cnr"},
    {"sample": "N1", "role": "normal", "alignments": "N1.bam"},
    {"sample": "N3", "role": "normal", "alignments": "N3.bam"},
    {"sample": "N2", "role": "normal", "alignments": "N2.bam"},
]  # fmt: skip
TABLES = [
    {"sample": "T2", "role": "tumour", "coverage": "T2.cnn;T2.anti.cnn"},
    {"sample": "T1", "role": "tumour", "coverage": "T1.cnn;T1.anti.cnn", "purity": "0.4"},
    {"sample": "N2", "role": "normal", "coverage": "N2.cnn;N2.anti.cnn"},
    {"sample": "N1", "role": "normal", "coverage": "N1.cnn;N1.anti.cnn"},
]
SHEETS = {
    "reads": (READS, {"targets": "t.bed", "fasta": "g.fa", "snps": "s.bed", "bins": {"mappability": "m.wig"}}),
    "tables": (TABLES, {"bins": {"gc": "gc.wig"}}),
    "ready": (READS[:4], {"reference": {"file": "panel.h5"}, "fasta": "g.fa"}),
}
SHEETS["ready"] = ([{**row, "matched_normal": ""} for row in READS[:4]], SHEETS["ready"][1])
OTHERS = ("other.bam", "other.cnr", "other.vcf", "other.cnn", "other.bed", "other.fa", "other.wig", "other.h5")
FILE_COLUMNS = ("alignments", "coverage", "ratios", "variants")
INDICES = ("T1.bam.bai", "T2.bai", "T3.cram.crai", "g.fa.fai", "T1.cnn.bai")


def with_files(folder):
    """A folder with every file that the sheets and configurations name, all of one size."""
    cells = [cell for rows, _ in SHEETS.values() for row in rows for key, cell in row.items() if key in FILE_COLUMNS]
    names = {name for cell in cells for name in cell.split(";")}
    for name in (*names, "t.bed", "g.fa", "s.bed", "m.wig", "gc.wig", "panel.h5", *OTHERS, *INDICES):
        (folder / name).write_bytes(b"x" * 9)
    (folder / "sets").mkdir()
    (folder / "sets" / "mine.yaml").write_bytes(b"x" * 9)
    return folder


@pytest.fixture
def folder(tmp_path):
    return with_files(tmp_path)


def merged(first, second):
    """A mapping with another's keys put in, sections key by key."""
    both = {
        key: {**first[key], **value} if isinstance(first.get(key), dict) else value for key, value in second.items()
    }
    return {**first, **both}


def planned(folder, rows, keys, name="samples.tsv", columns=SHEET_COLUMNS):
    with open(folder / name, "w", newline="") as handle:
        writer = csv.DictWriter(handle, columns, delimiter="\t", restval="")
        writer.writeheader()
        writer.writerows(rows)
    return plan.load({"genome": "GRCh37", "assay": "panel", "samples": name, **keys}, folder)


def recorded(made, stage, sample):
    """What is compared of a step: all it is told, and inputs in no order."""
    told = runner.told(made, stage, sample)
    return repr([told[key] for key in ("mark", "settings", "code")]), paths_of(made.inputs(stage, sample))


def paths_of(inputs):
    return {path for paths in inputs.values() for path in ([paths] if isinstance(paths, str) else paths)}


def run_of(made):
    """Every job of a run, by name, with what Snakemake compares."""
    makers = {
        layout.path(stage, argument, sample): (stage, sample if layout.STAGES[stage].per_sample else "")
        for stage in layout.STAGES for argument in layout.STAGES[stage].outputs for sample in made.samples
    }  # fmt: skip
    pending, jobs = [("cohort", ""), *(("report", name) for name in made.tumours)], {}
    while pending:
        job = pending.pop()
        if job not in jobs:
            jobs[job] = recorded(made, *job)
            pending += [makers[path] for path in jobs[job][1] if path in makers]
    return jobs, makers


def rerun(before, after):
    """Jobs that run again, or for the first time, with the plan ``after`` where the results of ``before`` are."""
    old, (new, makers) = run_of(before)[0] if isinstance(before, plan.Plan) else before, run_of(after)
    again = {job for job, known in new.items() if old.get(job) != known}
    while True:
        behind = {job for job, (_, inputs) in new.items() if again & {makers.get(path) for path in inputs}}
        if behind <= again:
            return again
        again |= behind


def at(stages, *samples):
    """Jobs of stages for some samples, or for the run."""
    return {(stage, sample) for stage in stages.split() for sample in samples or [""]}


ALL = "ratios segments purity copies calls report"
TUMOURS, NORMALS = ("T1", "T2", "T3"), ("N1", "N2", "N3")
COHORT = at("cohort")
NOTHING: set[tuple[str, str]] = set()


def patient(stages):
    """Jobs from T1, whose later sample T2 is compared with it."""
    return at(stages, "T1") | at("compare report", "T2") | COHORT


PANEL_ON = at("reference cohort") | at(ALL, *TUMOURS) | at("compare", "T2")
BINS_ON = at("bins") | at("counts", *TUMOURS, *NORMALS) | PANEL_ON
TABLES_PANEL_ON = at("reference cohort") | at(ALL, "T1", "T2")
TABLES_ON = at("bins") | at("counts", "T1", "T2", "N1", "N2") | TABLES_PANEL_ON
READY_ON = at("bins cohort") | at("counts", *TUMOURS) | at(ALL, *TUMOURS) | at("compare", "T2")
# A call of ready ratios names the settings of all stages, though it rests on fewer.
NAMED = at("calls report", "R1")
IN_ALL = (*TUMOURS, "R1")
SEGMENTS_ON = at("segments purity copies calls report", *IN_ALL) | at("compare", "T2") | COHORT
PURITY_ON = at("purity copies calls report", *IN_ALL) | at("compare", "T2") | COHORT
COPIES_ON = at("copies calls report", *IN_ALL) | at("compare", "T2") | COHORT
CALLS_ON = at("calls report", *IN_ALL) | at("compare", "T2") | COHORT
RATIOS_ON = at("ratios", *IN_ALL) | SEGMENTS_ON
EVERYTHING = BINS_ON | RATIOS_ON

# Column of the sheet -> sheet, sample, new cell, what runs.
COLUMNS = [
    ("sample", "reads", "T3", "T4", at("counts " + ALL, "T4") | COHORT),
    # A normal that matches nobody is not counted at SNPs.
    ("role", "reads", "T3", "normal", at("counts", "T3") | PANEL_ON - at(ALL, "T3")),
    ("alignments", "reads", "T3", "other.bam", at("counts " + ALL, "T3") | COHORT),
    ("alignments", "reads", "N2", "other.bam", at("counts", "N2") | PANEL_ON),
    ("coverage", "tables", "T1", "T1.cnn;other.cnn", at("counts " + ALL, "T1") | COHORT),
    ("coverage", "tables", "T1", "T1.anti.cnn;T1.cnn", at("counts " + ALL, "T1") | COHORT),
    ("coverage", "tables", "N2", "N2.cnn;other.cnn", TABLES_PANEL_ON | at("counts", "N2")),
    ("ratios", "reads", "R1", "other.cnr", at(ALL, "R1") | COHORT),
    ("specimen", "reads", "T3", "tissue", at("purity copies calls report", "T3") | COHORT),
    ("specimen", "reads", "T3", "", at("purity copies calls report", "T3") | COHORT),
    ("specimen", "reads", "R1", "tissue", NOTHING),  # the default, spelt out
    ("purity", "reads", "T1", "0.3", patient("purity copies calls report")),
    ("purity", "reads", "T1", "", patient("purity copies calls report")),
    ("purity_error", "reads", "T1", "0.05", patient("purity copies calls report")),
    ("purity", "reads", "T3", "0.1", at("purity copies calls report", "T3") | COHORT),
    ("ploidy", "reads", "T1", "3", patient("purity copies calls report")),
    ("ploidy", "reads", "T1", "", patient("purity copies calls report")),
    ("ploidy", "reads", "R1", "2", at("purity copies calls report", "R1") | COHORT),
    ("patient", "reads", "T2", "Jones", at("calls report", "T2") | COHORT),
    ("patient", "reads", "T3", "Jones", at("calls report", "T3") | COHORT),
    ("timepoint", "reads", "T2", "", at("calls report", "T2") | COHORT),
    ("timepoint", "reads", "T1", "", at("calls report", "T1") | at("report", "T2") | COHORT),
    ("prior_tki", "reads", "T1", "third", patient("calls report")),
    ("prior_tki", "reads", "T3", "first", at("calls report", "T3") | COHORT),
    # Its SNPs are counted from now on, and it is a normal of the panel.
    ("matched_normal", "reads", "T1", "N2", at("counts", "N2") | PANEL_ON),
    ("matched_normal", "reads", "T1", "", patient(ALL)),
    ("matched_normal", "tables", "T1", "N2", at(ALL, "T1") | COHORT),
    ("variants", "reads", "T1", "other.vcf", patient("purity copies calls report")),
    ("variants", "reads", "T1", "", patient("purity copies calls report")),
]  # fmt: skip

# Key of the configuration -> sheet, new value, what runs.
KEYS = [
    ("samples", "reads", "moved.tsv", NOTHING),  # the same rows in a sheet of another name
    ("genome", "reads", "GRCh38", EVERYTHING),
    ("assay", "reads", "wes", EVERYTHING),
    ("targets", "reads", "other.bed", BINS_ON),
    ("targets", "ready", "other.bed", NOTHING),  # a ready panel has its bins
    ("fasta", "reads", "other.fa", BINS_ON),
    # The CRAM, and which base of a SNP is the reference.
    ("fasta", "ready", "other.fa", at("counts " + ALL, *TUMOURS) | at("compare", "T2") | COHORT),
    ("snps", "reads", "other.bed", at("counts", *TUMOURS, "N1") | PANEL_ON),
    ("snps", "reads", None, at("counts", *TUMOURS, "N1") | PANEL_ON),
    ("snps", "reads", "none", at("counts", *TUMOURS, "N1") | PANEL_ON),
    ("bins.target_bp", "reads", 200, BINS_ON | NAMED),
    ("bins.off_target_bp", "reads", 100000, BINS_ON | NAMED),
    ("bins.off_target_min_bp", "reads", 10000, BINS_ON | NAMED),
    ("bins.off_target_padding_bp", "reads", 400, BINS_ON | NAMED),
    ("bins.window_bp", "reads", 500, BINS_ON | NAMED),
    ("bins.reading", "reads", "whole", BINS_ON | NAMED),
    ("bins.gc", "tables", "other.wig", TABLES_ON),
    ("bins.mappability", "reads", "other.wig", BINS_ON),
    ("bins.min_mappability", "reads", 0.5, BINS_ON | NAMED),
    ("counts.unit", "reads", "bases", BINS_ON - at("bins") | NAMED),
    ("counts.min_mapq", "reads", 30, BINS_ON - at("bins") | NAMED),
    ("counts.min_base_quality", "reads", 30, BINS_ON - at("bins") | NAMED),
    ("counts.keep_duplicates", "reads", True, BINS_ON - at("bins") | NAMED),
    ("counts.min_fragment_bp", "reads", 90, BINS_ON - at("bins") | NAMED),
    ("counts.max_fragment_bp", "reads", 150, BINS_ON - at("bins") | NAMED),
    ("counts.max_filtered", "reads", 0.4, BINS_ON - at("bins") | NAMED),
    ("counts.fail_filtered", "reads", 0.95, BINS_ON - at("bins") | NAMED),
    ("counts.max_duplicates", "reads", 0.7, BINS_ON - at("bins") | NAMED),
    ("counts.max_filter_effect", "reads", 1.5, BINS_ON - at("bins") | NAMED),
    ("counts.fail_filter_effect", "reads", 3.0, BINS_ON - at("bins") | NAMED),
    ("counts.bases_per_fragment", "reads", 100, BINS_ON - at("bins") | NAMED),
    ("counts.threads", "reads", 4, NOTHING),
    ("reference.file", "reads", "panel.h5", BINS_ON - at("counts", "N2", "N3") - at("reference")),
    ("reference.file", "ready", "other.h5", READY_ON),
    ("reference.max_components", "reads", 10, PANEL_ON | NAMED),
    ("reference.max_components", "ready", 10, CALLS_ON),
    ("reference.min_relative_depth", "reads", 0.1, PANEL_ON | NAMED),
    ("reference.max_spread", "reads", 0.5, PANEL_ON | NAMED),
    ("reference.on_suspicious", "reads", "keep", PANEL_ON | NAMED),
    ("ratios.curve", "reads", "lowess", RATIOS_ON),
    ("ratios.min_met_bins", "reads", 4, RATIOS_ON),
    ("ratios.min_backbone_bins", "reads", 100, RATIOS_ON),
    ("ratios.few_met_fragments", "reads", 50, RATIOS_ON),
    ("ratios.min_met_fragments", "reads", 5, RATIOS_ON),
    ("ratios.max_noise", "reads", 0.5, RATIOS_ON),
    ("ratios.max_waviness", "reads", 0.1, RATIOS_ON),
    ("ratios.max_autocorrelation", "reads", 0.3, RATIOS_ON),
    ("ratios.fail_noise", "reads", 1.0, RATIOS_ON),
    ("segments.method", "reads", "haar", SEGMENTS_ON),
    ("purity.tissue_low", "reads", 0.2, PURITY_ON),
    ("purity.tissue_high", "reads", 0.9, PURITY_ON),
    ("purity.plasma_low", "reads", 0.01, PURITY_ON),
    ("purity.plasma_high", "reads", 0.9, PURITY_ON),
    ("purity.stated_error", "reads", 0.05, PURITY_ON),
    ("purity.plasma_stated_error", "reads", 0.3, PURITY_ON),
    ("purity.ploidy_low", "reads", 1.5, PURITY_ON),
    ("purity.ploidy_high", "reads", 5, PURITY_ON),
    ("purity.fit", "reads", False, PURITY_ON),
    ("purity.tissue_fit_floor", "reads", 0.3, PURITY_ON),
    ("purity.plasma_fit_floor", "reads", 0.2, PURITY_ON),
    ("purity.floor", "reads", 0.02, PURITY_ON),
    ("copies.draw_count", "reads", 8192, COPIES_ON),
    ("copies.decide_focality", "reads", 0.9, COPIES_ON),
    ("copies.alpha", "reads", 0.01, COPIES_ON),
    ("copies.power", "reads", 0.9, COPIES_ON),
    ("copies.genes", "reads", "EGFR", COPIES_ON),
    ("copies.losses", "reads", "RB1", COPIES_ON),
    ("calls.tissue_criteria", "reads", "other", CALLS_ON),
    ("calls.plasma_criteria", "reads", "other", CALLS_ON),
    ("calls.default_criteria", "reads", "other", CALLS_ON),
    ("calls.criteria_folder", "reads", "sets", CALLS_ON),
    ("calls.decide", "reads", 0.9, CALLS_ON),
    ("compare.decide_course", "reads", 0.9, at("compare report", "T2") | COHORT),
    ("report.title", "reads", "Our laboratory", at("report", *IN_ALL)),
]  # fmt: skip

# File replaced by another of the same size and an older time stamp -> sheet, what runs.
FILES = [
    ("T1.bam", "reads", at("counts " + ALL, "T1") | patient("report")),
    ("T1.bam.bai", "reads", at("counts " + ALL, "T1") | patient("report")),
    ("T2.bai", "reads", at("counts compare " + ALL, "T2") | COHORT),
    ("T3.cram.crai", "reads", at("counts " + ALL, "T3") | COHORT),
    ("N2.bam", "reads", at("counts", "N2") | PANEL_ON),
    ("R1.cnr", "reads", at(ALL, "R1") | COHORT),
    ("T1.vcf", "reads", patient("purity copies calls report")),
    ("t.bed", "reads", BINS_ON),
    ("g.fa", "reads", BINS_ON),
    ("g.fa.fai", "reads", BINS_ON),
    ("g.fa", "ready", at("counts " + ALL, *TUMOURS) | at("compare", "T2") | COHORT),
    ("s.bed", "reads", at("counts", *TUMOURS, "N1") | PANEL_ON),
    ("m.wig", "reads", BINS_ON),
    ("gc.wig", "tables", TABLES_ON),
    ("panel.h5", "ready", READY_ON),
    ("T2.anti.cnn", "tables", at("counts " + ALL, "T2") | COHORT),
    ("N1.cnn", "tables", TABLES_ON),  # bins are those of the first normal's table
    ("N2.cnn", "tables", TABLES_PANEL_ON | at("counts", "N2")),
    ("other.bam", "reads", NOTHING),
    ("T1.cnn.bai", "tables", NOTHING),
]


def name_of(value):
    return str(value) if not isinstance(value, set) else ""


@pytest.mark.parametrize(("column", "which", "sample", "cell", "expected"), COLUMNS, ids=name_of)
def test_a_corrected_cell(folder, column, which, sample, cell, expected):
    rows, keys = SHEETS[which]
    changed = [{**row, column: cell} if row["sample"] == sample else row for row in rows]
    assert changed != rows
    assert rerun(planned(folder, rows, keys), planned(folder, changed, keys)) == expected


@pytest.mark.parametrize(("key", "which", "value", "expected"), KEYS, ids=name_of)
def test_a_changed_setting(folder, key, which, value, expected):
    rows, keys = SHEETS[which]
    section, _, name = key.rpartition(".")
    before = planned(folder, rows, keys)
    old = before.settings[section][name] if section else before.settings[name]
    shutil.copy(folder / "samples.tsv", folder / "moved.tsv")
    after = planned(folder, rows, merged(keys, {section: {name: value}} if section else {name: value}))
    if key == "samples":
        after = plan.load({"genome": "GRCh37", "assay": "panel", **keys, "samples": value}, folder)
    assert old != (after.settings[section][name] if section else after.settings[name])
    assert rerun(before, after) == expected


def test_every_column_and_key_has_its_expectation():
    keys = [*config.keys(), *(f"{section}.{key}" for section in config.sections() for key in config.keys(section))]
    assert list(dict.fromkeys(column for column, *_ in COLUMNS)) == list(SHEET_COLUMNS)
    assert sorted({key for key, *_ in KEYS}) == sorted(keys)


@pytest.mark.parametrize(("name", "which", "expected"), FILES, ids=name_of)
def test_a_file_replaced_by_an_older_one_of_its_size(folder, name, which, expected):
    made = planned(folder, *SHEETS[which])
    before, _ = run_of(made)
    assert rerun(before, made) == NOTHING
    other = folder / "replacement"
    other.write_bytes(b"y" * 9)
    os.utime(other, (1_000_000_000, 1_000_000_000))
    os.replace(other, folder / name)
    assert rerun(before, made) == expected


OWN_SETS = {
    "other content": (lambda sets: (sets / "mine.yaml").write_bytes(b"y" * 9), CALLS_ON),
    "a second set": (lambda sets: (sets / "more.yml").write_bytes(b"x" * 9), CALLS_ON),
    "another name": (lambda sets: (sets / "mine.yaml").rename(sets / "ours.yaml"), CALLS_ON),
    "the same content, later": (lambda sets: (sets / "mine.yaml").write_bytes(b"x" * 9), NOTHING),
    "a file of another kind": (lambda sets: (sets / "notes.txt").write_bytes(b"x"), NOTHING),
    "a hidden file": (lambda sets: (sets / "._mine.yaml").write_bytes(b"x"), NOTHING),
}


@pytest.mark.parametrize(("work", "expected"), OWN_SETS.values(), ids=OWN_SETS)
def test_a_change_in_the_folder_of_criteria(folder, work, expected):
    rows, keys = SHEETS["reads"]
    keys = {**keys, "calls": {"criteria": {"folder": "sets"}}}
    before, _ = run_of(planned(folder, rows, keys))
    state = (folder / "sets" / "mine.yaml").stat()
    work(folder / "sets")
    if (folder / "sets" / "mine.yaml").exists() and expected:
        os.utime(folder / "sets" / "mine.yaml", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert rerun(before, planned(folder, rows, keys)) == expected


SAME_FILE = {
    "another size, the same time": (lambda path: path.write_bytes(b"x" * 10), True),
    "a later time": (lambda path: os.utime(path, ns=(0, path.stat().st_mtime_ns + 1)), True),
    "nothing": (lambda path: path.read_bytes(), False),
    "other permissions": (lambda path: path.chmod(0o400), False),
    "renamed and back": (lambda path: path.rename(path.with_name("z")).rename(path), False),
}


@pytest.mark.parametrize(("work", "noticed"), SAME_FILE.values(), ids=SAME_FILE)
def test_what_counts_as_another_file(folder, work, noticed):
    made, path = planned(folder, *SHEETS["reads"]), folder / "R1.cnr"
    (before, _), times = run_of(made), path.stat()
    work(path)
    if path.stat().st_size != times.st_size:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert rerun(before, made) == (at(ALL, "R1") | COHORT if noticed else NOTHING)


def test_a_link_is_its_target(folder):
    made, link = planned(folder, *SHEETS["reads"]), folder / "R1.cnr"
    link.rename(folder / "first.cnr")
    link.symlink_to("first.cnr")
    before, _ = run_of(made)
    link.unlink()
    link.symlink_to("first.cnr")
    assert rerun(before, made) == NOTHING
    os.utime(folder / "other.cnr", (1_000_000_000, 1_000_000_000))
    link.unlink()
    link.symlink_to("other.cnr")
    assert rerun(before, made) == at(ALL, "R1") | COHORT


def test_a_file_that_went_missing_is_noticed(folder):
    made = planned(folder, *SHEETS["reads"])
    before, _ = run_of(made)
    (folder / "T1.bam.bai").unlink()
    assert rerun(before, made) == at("counts " + ALL, "T1") | patient("report")


ORDERS = [
    # sheet, rows, columns, what runs: the table of the cohort has the sheet's order, and nothing else has one
    ("reads", [*READS[4:], *READS[:4]], SHEET_COLUMNS, NOTHING),
    ("reads", READS, SHEET_COLUMNS[::-1], NOTHING),
    ("reads", READS[::-1], SHEET_COLUMNS, COHORT),
    ("tables", TABLES[::-1], SHEET_COLUMNS, COHORT),
    ("tables", [*TABLES[:2], *TABLES[:1:-1]], SHEET_COLUMNS, NOTHING),
]


@pytest.mark.parametrize(("which", "rows", "columns", "expected"), ORDERS, ids=range(len(ORDERS)))
def test_order_of_rows_and_columns(folder, which, rows, columns, expected):
    before = planned(folder, *SHEETS[which])
    assert rerun(before, planned(folder, rows, SHEETS[which][1], columns=columns)) == expected


GONE = [
    # sample that leaves the sheet -> what runs for the others
    ("T3", COHORT),
    ("R1", COHORT),
    ("T2", COHORT),
    ("T1", at("report", "T2") | COHORT),  # a baseline: its later sample is compared with none
    ("N2", PANEL_ON),
]


@pytest.mark.parametrize(("sample", "expected"), GONE)
def test_a_sample_that_left_is_in_no_input(folder, sample, expected):
    rows, keys = SHEETS["reads"]
    after = planned(folder, [row for row in rows if row["sample"] != sample], keys)
    assert rerun(planned(folder, rows, keys), after) == expected
    read = {path for job in run_of(after)[0] for path in paths_of(after.inputs(*job))}
    assert [path for path in read if re.search(rf"/{sample}\.", path)] == []


def test_no_patient_is_named(folder):
    jobs, _ = run_of(planned(folder, *SHEETS["reads"]))
    assert [job for job, (params, _) in jobs.items() if any("Smith" in param for param in params)] == []


def test_marks_tell_what_changed(folder):
    made = planned(folder, *SHEETS["reads"])
    assert re.fullmatch(
        "genome=GRCh37 ploidy=2.8 purity=0.4 sample=T1 specimen=tissue files=[0-9a-f]{16}", made.mark("purity", "T1")
    )
