"""No stale row survives: what Snakemake itself runs again, and what becomes of results of another sheet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from metcn import files
from metcn.cli import snakefile
from metcn.run import leftovers, metadata_records, stages
from metcn.run.jobs import inputs_of, outputs_of
from whole import test_rerun
from whole.test_rerun import ALL, COHORT, COLUMNS, FILES, KEYS, NOTHING, SHEETS, at, merged, name_of, planned
from whole.test_workflow import SNAKEFILE, metcn

# Snakemake's own way to take results for current, without its pause after every job.
TOUCH = (
    "from snakemake.executors import touch; touch.Executor.SLEEPING_TIME = 0; from snakemake.cli import main; main()"
)
SHEET = [
    {"sample": "T1", "role": "tumour", "coverage": "T1.cnn", "matched_normal": "N1", "purity": "0.4"},
    {"sample": "T2", "role": "tumour", "coverage": "T2.cnn", "purity": "0.4"},
    {"sample": "R1", "role": "tumour", "ratios": "R1.cnr", "purity": "0.4"},
    {"sample": "R2", "role": "tumour", "ratios": "R2.cnr", "ploidy": "3", "patient": "Smith", "timepoint": "baseline"},
    {"sample": "R3", "role": "tumour", "ratios": "R3.cnr", "patient": "Smith", "timepoint": "progression"},
    {"sample": "N1", "role": "normal", "coverage": "N1.cnn"},
    {"sample": "N2", "role": "normal", "coverage": "N2.cnn"},
]
CONFIG = "genome: GRCh37\nassay: panel\n"


@pytest.fixture
def folder(tmp_path):
    """Every file that the sheets of the expectations name."""
    return test_rerun.with_files(tmp_path)


def snakemake(folder, config, *words, code=("-m", "snakemake")):
    """Snakemake alone, with inputs that are no more than names."""
    command = [sys.executable, *code, "--snakefile", SNAKEFILE, "--configfile", config, "--directory", folder / "out"]
    environment = {**os.environ, "PYTHONPATH": "", "XDG_CACHE_HOME": str(folder / "cache"), "METCN_CHECKED": "1"}
    done = subprocess.run(
        [*map(str, command), *map(str, words)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def taken_for_done(folder, made, config):
    """A run's results as empty files, with Snakemake's records of them."""
    for path in leftovers.outputs(made):
        files.write_text(folder / "out" / path, "x")
    snakemake(folder, config, "--touch", "--forceall", "--cores", "1", code=("-c", TOUCH))


def jobs_in(output):
    """Rule and sample of every job that Snakemake would run; variants of a rule have its name."""
    blocks = re.findall(r"^ *(?:local)?rule (\w+):\n((?: +[a-z]+: .*\n)+)", output, re.MULTILINE)
    sample = [re.search(r"^ +wildcards: sample=(\S+)$", block, re.MULTILINE) for _, block in blocks]
    rules = [snakefile.JOB_OF.get(rule, rule) for rule, _ in blocks]
    found = {(rule, name[1] if name else "") for rule, name in zip(rules, sample, strict=True)}
    return found - {("all", "")}


def jobs_of(made, steps):
    """Rule and sample of the jobs that are started when steps are to run: theirs, and all that reads what those write.

    Those find by themselves whether there is anything to do (`metcn.run.runner.run_steps`).
    """
    found, written = set(), set()
    for job in made.jobs:  # in the order of the data
        read = {path for paths in inputs_of(made, job.steps).values() for path in paths}
        if set(job.steps) & steps or read & written:
            found.add((job.rule, job.sample))
            written |= set(outputs_of(job.steps))
    return found & {(job.rule, job.sample) for step, job in made.job_of.items() if step in leftovers.jobs(made)}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder in which everything of a sheet is done."""
    folder = tmp_path_factory.mktemp("done")
    for number, name in enumerate(("T1.cnn", "T2.cnn", "R1.cnr", "R2.cnr", "R3.cnr", "N1.cnn", "N2.cnn", "older.cnn")):
        row = f"7\t116312000\t116313000\tMET\t{number + 1}\t0\n"
        (folder / name).write_text("chromosome\tstart\tend\tgene\tdepth\tlog2\n" + row)
    os.utime(folder / "older.cnn", (1_000_000_000, 1_000_000_000))
    (folder / "config.yaml").write_text(CONFIG + "samples: samples.tsv\n")
    taken_for_done(folder, planned(folder, SHEET, {}), "config.yaml")
    return folder


def test_what_is_corrected_in_a_sheet_runs_again(done):
    corrected = {
        "T1": {"matched_normal": "N2"},
        "T2": {"purity": ""},
        "R1": {"purity": "0.3", "specimen": "plasma"},
        "R2": {"ploidy": "2"},
        "R3": {"timepoint": ""},
    }
    rows = [{**row, **corrected.get(row["sample"], {})} for row in SHEET]
    made = planned(done, rows, {}, name="corrected.tsv")
    words = ["--samples", done / "corrected.tsv", "--configfile", done / "config.yaml", "--directory", done / "out"]
    found = metcn("run", *words, "-n")
    assert found.returncode == 0, found.stderr
    expected = at(ALL, "T1") | at("purity copies calls report", "T2", "R1", "R2") | at("calls report", "R3") | COHORT
    assert jobs_in(found.stdout + found.stderr) == jobs_of(made, expected)
    assert "out holds a result of R3 of an earlier run, such as results/compare/R3.json" in found.stderr
    assert "Smith" not in found.stdout + found.stderr


@pytest.mark.nightly
@pytest.mark.parametrize(("key", "value"), [("assay", "wes"), ("genome", "GRCh38")])
def test_another_kind_of_run_does_all_again(done, key, value):
    (done / f"{key}.yaml").write_text(re.sub(rf"{key}: .*", f"{key}: {value}", CONFIG) + "samples: samples.tsv\n")
    made = planned(done, SHEET, {})
    assert jobs_in(snakemake(done, f"{key}.yaml", "-n")) == jobs_of(made, leftovers.jobs(made))


def test_an_older_file_and_a_result_without_a_record(done):
    """Snakemake's own time stamps tell of neither."""
    target, kept = done / "T2.cnn", done / "kept"
    target.rename(kept)
    (done / "older.cnn").rename(target)
    record = metadata_records._record(done / "out", "results/purity/R1.json")
    record.rename(done / "record")
    words = ["--samples", done / "samples.tsv", "--configfile", done / "config.yaml", "--directory", done / "out"]
    found = metcn("run", *words, "-n")
    target.rename(done / "older.cnn")
    kept.rename(target)
    (done / "record").rename(record)
    assert found.returncode == 0, found.stderr
    assert (
        "note: no record in .snakemake/metadata tells what a result such as results/purity/R1.json came from, so these "
        "are made again"
    ) in found.stderr
    expected = at("counts " + ALL, "T2") | at("purity copies calls report", "R1") | COHORT
    assert jobs_in(found.stdout + found.stderr) == jobs_of(planned(done, SHEET, {}), expected)


class TestLeftovers:
    """What the folder holds of another sheet."""

    def found(self, folder, rows, keys=None):
        before = planned(folder, *SHEETS["reads"])
        for path in leftovers.outputs(before):
            files.write_text(folder / path, "x")
        return leftovers.found(planned(folder, rows, keys or SHEETS["reads"][1]), folder)

    def test_jobs_are_those_of_the_run(self, folder):
        for rows, keys in SHEETS.values():
            made = planned(folder, rows, keys)
            assert leftovers.jobs(made) == set(test_rerun.run_of(made)[0])

    def test_nothing_of_the_sheet_itself(self, folder):
        assert self.found(folder, SHEETS["reads"][0]) == []

    def test_a_sample_that_left(self, folder):
        left = self.found(folder, [row for row in SHEETS["reads"][0] if row["sample"] != "T3"])
        assert {sample for sample, _ in left} == {"T3"}
        assert {path for _, path in left} == {
            stages.path(stage, argument, "T3")
            for stage in ("counts", *ALL.split())
            for argument in stages.STAGES[stage].outputs
        }

    def test_a_tumour_that_became_a_normal(self, folder):
        rows = [{**row, "role": "normal"} if row["sample"] == "T3" else row for row in SHEETS["reads"][0]]
        left = [path for _, path in self.found(folder, rows)]
        assert "results/report/T3.html" in left
        assert "results/counts/T3.cnn" not in left

    def test_a_panel_that_is_no_longer_made(self, folder):
        left = self.found(folder, *SHEETS["ready"])
        assert ("", "results/reference/reference.h5") in left

    def test_other_files_are_nobody_s_business(self, folder):
        for name in ("results/notes.txt", "results/report/old/T9.html", "results/calls/T9.txt", "results/T9.json"):
            files.write_text(folder / name, "x")
        assert self.found(folder, SHEETS["reads"][0]) == []

    def test_a_list_is_kept_while_there_is_something_to_list(self, tmp_path):
        leftovers.write([("T2", "results/calls/T2.json")], tmp_path)
        assert (tmp_path / leftovers.LIST).read_text() == "sample\tfile\nT2\tresults/calls/T2.json\n"
        leftovers.write([], tmp_path)
        assert not (tmp_path / leftovers.LIST).exists()

    @pytest.mark.parametrize(
        ("samples", "said"),
        [
            ([], None),
            (["T1"], "a result of T1 of an earlier run, such as file 0:"),
            (["T1", "T1"], "2 results of T1 of an earlier run"),
            ([""], "a result of an earlier run"),
            (list("abcde"), "5 results of a, b, c, d, e of an earlier run"),
            (list("abcdefg"), "7 results of a, b, c, d, e and 2 more of an earlier run"),
        ],
    )
    def test_note(self, samples, said):
        notes = leftovers.note([(name, f"file {place}") for place, name in enumerate(samples)], Path("OUT"))
        assert len(notes) == (said is not None)
        assert all(text.startswith(f"OUT holds {said}") for text in notes)


def test_a_record_is_found_where_snakemake_keeps_it(done):
    """Short names and such as are longer in base 64 than a file's name may be."""
    paths = leftovers.outputs(planned(done, SHEET, {}))
    assert metadata_records.without(done / "out", paths) == []
    assert metadata_records.without(done, paths) == []  # no result is there
    long = f"results/purity/{'x' * 200}.json"
    assert metadata_records._record(done / "out", long).parent.name.startswith("@")


def test_a_result_without_a_record_is_one_that_is_there(tmp_path):
    for path in ("results/a.json", "results/b.json", ".snakemake/metadata/cmVzdWx0cy9hLmpzb24="):
        files.write_text(tmp_path / path, "x")
    paths = ["results/a.json", "results/b.json", "results/c.json"]
    assert metadata_records.without(tmp_path, paths) == ["results/b.json"]
    metadata_records.forget(tmp_path, paths)
    assert metadata_records.without(tmp_path, paths) == ["results/a.json", "results/b.json"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Sheet of the expectations -> a folder in which everything of it is done."""
    made = {}
    for name, (rows, keys) in SHEETS.items():
        made[name] = test_rerun.with_files(tmp_path_factory.mktemp(name))
        write_config(made[name], "config.yaml", {**keys, "samples": "samples.tsv"})
        taken_for_done(made[name], planned(made[name], rows, keys), "config.yaml")
    return made


def write_config(folder, name, keys):
    (folder / name).write_text(yaml.safe_dump({"genome": "GRCh37", "assay": "panel", **keys}))


@pytest.mark.nightly
class TestSnakemakeAgrees:
    """Every expectation of the sheet, the configuration and the files, held against Snakemake itself."""

    @pytest.mark.parametrize("which", SHEETS)
    def test_nothing_is_to_be_done(self, folders, which):
        assert jobs_in(snakemake(folders[which], "config.yaml", "-n")) == NOTHING

    @pytest.mark.parametrize(("column", "which", "sample", "cell", "expected"), COLUMNS, ids=name_of)
    def test_columns(self, folders, column, which, sample, cell, expected):
        rows, keys = SHEETS[which]
        changed = [{**row, column: cell} if row["sample"] == sample else row for row in rows]
        made = planned(folders[which], changed, keys, name="changed.tsv")
        write_config(folders[which], "changed.yaml", {**keys, "samples": "changed.tsv"})
        assert jobs_in(snakemake(folders[which], "changed.yaml", "-n")) == jobs_of(made, expected)

    @pytest.mark.parametrize(("key", "which", "value", "expected"), KEYS, ids=name_of)
    def test_keys(self, folders, key, which, value, expected):
        keys, (section, _, name) = {**SHEETS[which][1], "samples": "samples.tsv"}, key.rpartition(".")
        (folders[which] / "moved.tsv").write_bytes((folders[which] / "samples.tsv").read_bytes())
        change = {section: {name: value}} if section else {name: value}
        write_config(folders[which], "changed.yaml", merged(keys, change))
        made = planned(folders[which], SHEETS[which][0], merged(SHEETS[which][1], change))
        assert jobs_in(snakemake(folders[which], "changed.yaml", "-n")) == jobs_of(made, expected)

    @pytest.mark.parametrize(("name", "which", "expected"), FILES, ids=name_of)
    def test_files(self, folders, name, which, expected):
        target, kept = folders[which] / name, folders[which] / "kept"
        target.rename(kept)
        target.write_bytes(b"y" * 9)
        os.utime(target, (1_000_000_000, 1_000_000_000))
        output = snakemake(folders[which], "config.yaml", "-n")
        kept.replace(target)
        assert jobs_in(output) == jobs_of(planned(folders[which], *SHEETS[which]), expected)
