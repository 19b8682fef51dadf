"""The workflow as people start it: with ``metcn run``, with plain Snakemake, and as a module of another workflow."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from metcn import files
from metcn.run import stages as layout
from metcn.vocabulary import CALLS, COHORT_COLUMNS
from support import sound_files

ROOT = Path(__file__).resolve().parents[2]
SNAKEFILE = ROOT / "workflow" / "Snakefile"


def python(*words, cwd=None, **environment):
    """A finished process of this Python, with the checkout on its path only where the words ask for it."""
    environment = {**os.environ, **environment}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def metcn(*words, cwd=None):
    return python("-m", "metcn", *words, cwd=cwd, PYTHONPATH=str(ROOT / "scripts"))


def snakemake(*words, cwd=None, cache):
    return python("-m", "snakemake", *words, cwd=cwd, PYTHONPATH="", XDG_CACHE_HOME=str(cache))


def jobs(output):
    """Number of jobs of each rule in Snakemake's table."""
    table = output.split("Job stats:")[1].split("\n\n")[0]
    return {rule: int(number) for rule, number in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def commands(output):
    """Shell command of every job."""
    return re.findall(r"^Shell command: (metcn .*)$", output, re.MULTILINE)


EXPECTED_JOBS = {
    "bins": 1, "counts": 4, "reference": 1, "tumour": 3, "cohort": 1, "all": 1, "total": 11,
}  # fmt: skip


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Sheet and configuration whose names and folders need quoting."""
    folder = tmp_path_factory.mktemp("in put")
    for number, name in enumerate(("T 1's $HOME.bam", "T2.bam", "N1.bam", "N2.bam")):
        sound_files.write_sound_bam(folder / name, 1 + number)
    (folder / "T3.cnr").write_text(sound_files.TABLES["cnr"].text)
    (folder / "p&q.bed").write_text(sound_files.BED)
    rows = [
        ["sample", "role", "alignments", "ratios", "purity", "matched_normal"],
        ["T1", "tumour", "T 1's $HOME.bam", "", "0.4", "N1"],
        ["T2", "tumour", "T2.bam", "", "0.3-0.5", ""],
        ["N1", "normal", "N1.bam", "", "", ""],
        ["N2", "normal", "N2.bam", "", "", ""],
        ["T3", "tumour", "", "T3.cnr", "", ""],
    ]
    (folder / "samples #1.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    (folder / "con fig.yaml").write_text("genome: GRCh37\nassay: panel\ntargets: p&q.bed\nsamples: 'samples #1.tsv'\n")
    return folder


@pytest.fixture(scope="module")
def dry_run(inputs, tmp_path_factory):
    """``metcn run --dry-run`` with paths relative to a third folder."""
    folder = tmp_path_factory.mktemp("else where")
    words = ["--samples", Path("..") / inputs.name / "samples #1.tsv", "--configfile", inputs / "con fig.yaml"]
    return folder, metcn("run", *words, "--directory", "out put", "-n", cwd=folder)


class TestDryRun:
    def test_jobs(self, dry_run):
        _, done = dry_run
        assert done.returncode == 0, done.stderr
        assert jobs(done.stdout + done.stderr) == EXPECTED_JOBS

    def test_writes_nothing(self, dry_run):
        folder, _ = dry_run
        assert list(folder.iterdir()) == []

    def test_commands_name_neither_paths_nor_patients(self, dry_run):
        found = commands(dry_run[1].stdout + dry_run[1].stderr)
        assert [
            line for line in found if re.match(r"metcn job counts T1 --plan \.snakemake/metcn/plan-\w{16}\.json ", line)
        ]
        assert [line for line in found if "/" in line.replace(".snakemake/metcn/", "").split(" 2> ")[0]] == []


def test_plain_snakemake_does_the_same(inputs, dry_run, tmp_path):
    words = ["--snakefile", SNAKEFILE, "--configfile", inputs / "con fig.yaml", "--directory", tmp_path / "out", "-n"]
    done = snakemake(*words, cwd=tmp_path, cache=tmp_path)
    assert done.returncode == 0, done.stderr
    ours = dry_run[1].stdout + dry_run[1].stderr
    assert len(commands(ours)) == EXPECTED_JOBS["total"] - 1
    assert Counter(commands(done.stdout + done.stderr)) == Counter(commands(ours))


def test_lint(inputs, tmp_path):
    words = ["--snakefile", SNAKEFILE, "--configfile", inputs / "con fig.yaml", "--directory", tmp_path, "--lint"]
    done = snakemake(*words, cwd=tmp_path, cache=tmp_path)
    assert "your workflow is in a good condition" in done.stdout + done.stderr


def test_as_a_module_of_another_workflow(inputs, tmp_path):
    (tmp_path / "Snakefile").write_text(
        f'configfile: "main.yaml"\n\n\n'
        f'module met:\n    snakefile:\n        "{SNAKEFILE}"\n'
        '    config:\n        config["met"]\n    prefix:\n        "met"\n\n\n'
        "use rule * from met as met_*\n\n\n"
        "rule all:\n    input:\n        rules.met_all.input,\n    default_target: True\n"
    )
    main = {"met": {"genome": "GRCh37", "assay": "panel", "targets": str(inputs / "p&q.bed")}}
    main["met"]["samples"] = str(inputs / "samples #1.tsv")
    (tmp_path / "main.yaml").write_text(json.dumps(main))
    done = snakemake("--cores", "1", "-n", "-p", cwd=tmp_path, cache=tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    expected = {rule if rule in ("all", "total") else f"met_{rule}": number for rule, number in EXPECTED_JOBS.items()}
    assert jobs(done.stdout + done.stderr) == expected
    assert "localrules" not in done.stdout + done.stderr
    assert re.search(r"metcn job cohort --plan \S+ --output met/ 2> met/logs/cohort.log", done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("genome: GRCh37\nassay: panle\n", "metcn: error: {}: key assay: .* did you mean panel?"),
        ("genome: GRCh37\nassay: wgs\nratio:\n  max_noise: 1\n", "key ratio: .* did you mean ratios?"),
        ("genome: GRCh37\nassay: wgs\ngenome: GRCh38\n", "line 3: .*key genome is given twice"),
        ("genome: GRCh37\nassay: panel\n", "key targets: expected the BED file of the panel"),
    ],
)
def test_bad_input_is_found_before_snakemake_starts(inputs, tmp_path, config, message):
    path = tmp_path / "config.yaml"
    path.write_text(config)
    words = ["--samples", inputs / "samples #1.tsv", "--configfile", path, "--directory", tmp_path / "out"]
    done = metcn("run", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert re.search(message.format(re.escape(str(path))), done.stderr)
    assert not (tmp_path / "out").exists()


def test_plain_snakemake_refuses_in_our_words(inputs, tmp_path):
    (tmp_path / "config.yaml").write_text("genome: GRCh37\nassay: wgs\nassay: wes\n")
    words = ["--snakefile", SNAKEFILE, "--configfile", "config.yaml", "--directory", "out", "-n"]
    done = snakemake(*words, cwd=tmp_path, cache=tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path}/config.yaml: line 3: not plain YAML (key assay is given twice)" in done.stdout + done.stderr


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_profiles_name_rules_that_exist(profile):
    text = (files.workflow_root() / "profiles" / profile / "config.yaml").read_text()
    named = re.findall(r"^  (\w+):\n    ", text, re.MULTILINE)
    assert named
    assert set(named) <= set(RULES)


RULES = {
    rule: body
    for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for rule, body in re.findall(r"^ *rule (\w+):\n((?: +.*\n|\n(?! *\n))+)", path.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("rule", ["bins", "counts", "normals", "reference", "tumour", "later", "cohort"])
def test_rules_are_thin(rule):
    assert len(RULES[rule].splitlines()) <= 28
    for word in ('"""', "input:", "output:", "log:", "benchmark", "params:", "code=", "conda:", "shell:"):
        assert word in RULES[rule]
    assert ("group:" in RULES[rule]) == (rule in ("counts", "tumour", "later"))


def test_rules_write_what_their_stages_write(inputs):
    """Every output of the table of stages stands in a rule, and no other."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    written = set(re.findall(r'"((?:results|benchmarks/counts)/[^"]+\.\w+)"', text))
    expected = [path for stage in layout.TABLE for path in stage.outputs.values()]
    assert sorted(written - {"benchmarks/counts/{sample}.tsv"}) == sorted(expected)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """A simulated cohort as coverage tables, called with ``metcn run``."""
    from metcn import simulate
    from metcn.genome.build import load

    folder = tmp_path_factory.mktemp("cohort")
    genome = load("GRCh37")
    tumours = [
        simulate.tumour(genome, "T1", "focal", purity=0.6, copies=14),
        simulate.tumour(genome, "T2", "diploid", purity=0.6),
    ]
    simulate.cohort(folder / "in", genome=genome, normals=5, tumours=tumours, depth=300, as_="cnn", seed=3)
    return folder, call_cohort(folder)


def call_cohort(folder, *words):
    where = ["--samples", folder / "in/samples.tsv", "--configfile", folder / "in/config.yaml"]
    return metcn("run", *where, "--directory", folder / "out", "--cores", "2", *words)


def rows(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def state(folder):
    """Time and size of every file below a folder, by path."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    }


class TestRun:
    def test_calls(self, cohort):
        folder, done = cohort
        assert done.returncode == 0, done.stderr
        called = rows(folder / "out/results/cohort.tsv")
        assert [row["sample"] for row in called] == ["T1", "T2"]
        assert set(COHORT_COLUMNS) <= set(called[0])
        assert [row["call"] for row in called] == ["high_level_amplification", "not_amplified"]
        assert {row["call"] for row in called} <= set(CALLS)

    def test_the_complete_configuration_is_kept(self, cohort):
        folder, _ = cohort
        text = (folder / "out/logs/config.yaml").read_text()
        assert f"samples: {folder}/in/samples.tsv" in text.replace("'", "")
        assert "min_mapq: 20" in text

    def test_every_result_is_there(self, cohort):
        out = cohort[0] / "out"
        stages = [stage for stage in layout.STAGES if stage != "compare"]  # nobody here has two samples
        paths = [out / layout.path(s, a, t) for s in stages for a in layout.STAGES[s].outputs for t in ("T1", "T2")]
        assert [path for path in paths if not (path.is_file() and path.stat().st_size)] == []
        assert list(out.rglob(".part-*")) == []

    def test_second_run_has_nothing_to_do(self, cohort):
        folder, _ = cohort
        before = (folder / "out/results/cohort.tsv").stat().st_mtime_ns
        done = call_cohort(folder)
        assert done.returncode == 0
        assert "Nothing to be done" in done.stderr + done.stdout
        assert (folder / "out/results/cohort.tsv").stat().st_mtime_ns == before

    def test_a_setting_reruns_from_its_stage_on(self, cohort):
        folder, _ = cohort
        path = folder / "changed.yaml"
        path.write_text((folder / "in/config.yaml").read_text() + "calls:\n  decide: 0.9\n")
        (folder / "in/changed.yaml").write_text(path.read_text())
        words = ["--samples", folder / "in/samples.tsv", "--configfile", folder / "in/changed.yaml"]
        before = state(folder / "out")
        done = metcn("run", *words, "--directory", folder / "out", "-n")
        assert state(folder / "out") == before
        assert jobs(done.stdout + done.stderr) == {"tumour_of_tables": 2, "cohort": 1, "all": 1, "total": 4}

    def test_snakemake_s_own_report_has_everything_by_category_with_captions(self, cohort, tmp_path):
        folder, _ = cohort
        words = ["--snakefile", SNAKEFILE, "--configfile", folder / "in/config.yaml", "--directory", folder / "out"]
        words += ["--config", f"samples={folder / 'in/samples.tsv'}", "--report", tmp_path / "report.zip"]
        done = snakemake(*words, cwd=tmp_path, cache=tmp_path)
        assert done.returncode == 0, done.stderr
        with zipfile.ZipFile(tmp_path / "report.zip") as packed:
            names = [Path(name).name for name in packed.namelist()]
            text = packed.read("report/report.html").decode()
        wanted = ["T1.html", "T2.html", "T1.json", "T2.json", "cohort.html", "cohort.tsv"]
        assert [name for name in wanted if names.count(name) != 1] == []
        for said in ('"Samples"', '"Cohort"', '"Data"', "All evidence for T1", "One row per tumour"):
            assert said in text

    def test_call_of_one_sample_gives_the_same(self, cohort, tmp_path):
        folder, _ = cohort
        (row,) = [row for row in rows(folder / "in/samples.tsv") if row["sample"] == "T1"]
        tables = [folder / "in" / name for name in row["coverage"].split(";")]
        panel = folder / "out/results/reference/reference.h5"
        words = ["--coverage", *tables, "--reference", panel, "--purity", row["purity"], "--ploidy", row["ploidy"]]
        done = metcn("call", *words, "--sample", "T1", "-o", tmp_path)
        assert done.returncode == 0, done.stderr
        (alone,) = rows(tmp_path / "results/cohort.tsv")
        assert alone == rows(folder / "out/results/cohort.tsv")[0]
        tables = [folder / f"in/coverage/T2.{kind}coverage.cnn" for kind in ("target", "antitarget")]
        done = metcn("call", "--coverage", *tables, "--reference", panel, "--sample", "T2", "-o", tmp_path)
        assert done.returncode == 0, done.stderr
        called = rows(tmp_path / "results/cohort.tsv")
        assert ([row["sample"] for row in called], called[0]) == (["T1", "T2"], alone)

    def test_a_corrected_sheet_gives_what_a_fresh_call_gives(self, cohort, tmp_path):
        """One purity was wrong, and the other tumour is no sample of this sheet after all."""
        folder, _ = cohort
        out = tmp_path / "out"
        shutil.copytree(folder / "out", out, symlinks=True)
        header, *lines = (folder / "in/samples.tsv").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("T1\t")]
        row = dict(zip(header.split("\t"), line.split("\t"), strict=True)) | {"purity": "0.3"}
        kept = [line for line in lines if not line.startswith(("T1\t", "T2\t"))]
        sheet = folder / "in/corrected.tsv"
        sheet.write_text("\n".join([header, "\t".join(row.values()), *kept, ""]))
        words = ["--samples", sheet, "--configfile", folder / "in/config.yaml", "--directory", out, "--cores", "2"]
        done = metcn("run", *words)
        assert done.returncode == 0, done.stderr
        assert jobs(done.stdout + done.stderr) == {"tumour_of_tables": 1, "cohort": 1, "all": 1, "total": 3}
        log = (out / "logs/tumour/T1.log").read_text().splitlines()
        assert [line.split()[2] for line in log if line.startswith("metcn: stage ")] == [
            "purity", "copies", "calls", "report"
        ]  # fmt: skip
        tables = [folder / "in" / name for name in row["coverage"].split(";")]
        words = ["--coverage", *tables, "--reference", out / "results/reference/reference.h5", "--purity", "0.3"]
        fresh = metcn("call", *words, "--ploidy", row["ploidy"], "--sample", "T1", "-o", tmp_path / "fresh")
        assert fresh.returncode == 0, fresh.stderr
        assert rows(out / "results/cohort.tsv") == rows(tmp_path / "fresh/results/cohort.tsv")
        assert "of T2 of an earlier run" in done.stderr
        assert "T2\tresults/report/T2.html\n" in (out / "logs/left_over.tsv").read_text()
        written = [out / path for path in layout.STAGES["cohort"].outputs.values()]
        assert [path.name for path in written if re.search(r"\bT2\b", path.read_text())] == []
        record = json.loads((out / "results/calls/T1.json").read_text())
        assert {item["argument"] for item in record["provenance"]["inputs"]} == {"bins", "coverage", "reference"}

    def test_bad_data_of_two_samples(self, cohort, tmp_path):
        """The others keep their rows and pages, and the next run makes what is lacking."""
        folder, _ = cohort
        header, *lines = (folder / "in/samples.tsv").read_text().splitlines()
        (folder / "in/broken.cnn").write_text("chromosome\tstart\nchr7\tx\n")
        (folder / "in/broken2.cnn").write_text("chromosome\tstart\nchr7\ty\n")
        (folder / "in/broken.cnr").write_text(sound_files.TABLES["cnr"].text.replace("\t", " ", 40))
        given = [{"coverage": "broken.cnn;broken2.cnn", "timepoint": "baseline"}, {"ratios": "broken.cnr"}]
        for name, cells in zip(("BAD", "WORSE"), given, strict=True):
            cells |= {"sample": name, "role": "tumour", "patient": name if "timepoint" in cells else ""}
            lines.append("\t".join(cells.get(column, "") for column in header.split("\t")))
        (folder / "in/bad.tsv").write_text("\n".join([header, *lines, ""]))
        words = ["--samples", folder / "in/bad.tsv", "--configfile", folder / "in/config.yaml"]
        words += ["--directory", folder / "out", "--cores", "2"]
        good = {name: seen for name, seen in state(folder / "out/results").items() if "T1" in name or "T2" in name}
        done = metcn("run", *words, "--", "--quiet", "all")
        assert done.returncode == 2
        last = done.stderr.splitlines()[-3:]
        patterns = [
            r"metcn: results are in .*cohort\.tsv",
            r"metcn: error: sample BAD: .*broken.*\.cnn",
            "metcn: error: sample WORSE: .*broken",
        ]
        assert all(re.match(pattern, line) for pattern, line in zip(patterns, last, strict=True)), last
        assert "Traceback" not in done.stderr
        self.check_bad(folder / "out", good)
        done = metcn("run", *words, "-n")
        assert done.returncode == 2  # the check before a run finds both
        assert jobs(done.stdout + done.stderr) | {"tumour_of_tables": 1, "tumour": 1, "cohort": 1} == jobs(
            done.stdout + done.stderr
        )
        assert "bins" not in jobs(done.stdout + done.stderr)

    def check_bad(self, out, good):
        """What lies in the folder after two of four samples failed."""
        called = {row["sample"]: row for row in rows(out / "results/cohort.tsv")}
        assert [row["call"] for row in called.values()] == [
            "high_level_amplification", "not_amplified", "no_call", "no_call",
        ]  # fmt: skip
        assert {called[name]["reasons"] for name in ("BAD", "WORSE")} == {"input_error"}
        assert (called["BAD"]["patient"], called["BAD"]["timepoint"]) == ("BAD", "baseline")
        found = state(out / "results")
        assert {name: found.get(name) for name in good} == good
        assert {name for name in found if "BAD" in name or "WORSE" in name} == {
            f"{kind}/{name}.{ending}"
            for name in ("BAD", "WORSE")
            for kind, ending in (("calls", "json"), ("report", "html"))
        }
        assert "broken" in (out / "results/report/cohort.html").read_text()
        assert not (out / "results/complete.txt").exists()

    def test_a_second_run_at_the_same_time_is_refused(self, cohort):
        folder, _ = cohort
        from metcn.cli import output_lock

        with output_lock.held(folder / "out", "metcn run", []):
            done = call_cohort(folder)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert re.search(
            rf"process {os.getpid()} on \S+ \(metcn run, since .*\) at work in it; wait until it ends", line
        )
        assert call_cohort(folder, "--unlock").returncode == 0
