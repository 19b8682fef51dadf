"""What a run with failed jobs leaves: a row and a page for every sample, and nothing that passes for a result."""

import csv
import json
import os
import time

import jsonschema
import pytest

from metcn.cli import finishing
from metcn.cli.finishing import Rest
from metcn.files import workflow_root
from metcn.run import failures, plan, stages
from support import sound_files

SCHEMA = json.loads((workflow_root() / "schemas" / "calls.schema.json").read_text(encoding="utf-8"))
CHAIN = ["counts", "ratios", "segments", "purity", "copies", "calls", "report"]
ERROR = "metcn: error: {}: truncated; copy it again\n"
DEFECT = "Traceback (most recent call last):\n"


@pytest.fixture
def made(tmp_path):
    """Plan of two tumours and two normals; nothing of it has been run."""
    for name in ("T", "U", "N", "M"):
        (tmp_path / name).write_text(sound_files.TABLES["cnn"].text)
    rows = "T\ttumour\tT\nU\ttumour\tU\nN\tnormal\tN\nM\tnormal\tM\n"
    (tmp_path / "samples.tsv").write_text("sample\trole\tcoverage\n" + rows)
    return plan.load({"genome": "GRCh37", "assay": "panel", "samples": "samples.tsv"}, tmp_path)


def jobs(*samples):
    return [(stage, sample) for sample in samples for stage in CHAIN]


def finish(made, folder, logs, failed, unfinished=None):
    """Finish a run of which nothing but the given logs is there."""
    for (stage, sample), text in logs.items():
        path = folder / made.job_of[stage, sample].log
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a") as log:
            log.write(f"metcn: stage {stage}{f' of {sample}' if sample else ''}\n{text}")
    rest = Rest([*(unfinished or jobs("T", "U")), ("cohort", "")], failed, time.time() - 5)
    return {each.sample: each for each in finishing.finish(made, folder, rest)}


def rows(folder):
    with open(folder / stages.path("cohort"), newline="") as handle:
        return {row["sample"]: row for row in csv.DictReader(handle, delimiter="\t")}


REFUSED, KILLED = "input_error", "not_finished"
SILENT = "counts ended without a word"
GROUP = [(stage, "T") for stage in CHAIN]
CASES = [
    pytest.param({("counts", "T"): ERROR.format("T")}, [("counts", "T")], REFUSED, "T: truncated", id="refused"),
    pytest.param({("counts", "T"): DEFECT}, [("counts", "T")], KILLED, "a defect of metcn", id="defect"),
    pytest.param({("counts", "T"): ""}, [("counts", "T")], KILLED, SILENT, id="killed"),
    pytest.param({}, [("counts", "T")], KILLED, SILENT, id="killed, no log at all"),
    pytest.param({("ratios", "T"): ERROR.format("T")}, GROUP, REFUSED, "T: truncated", id="group, second refuses"),
    pytest.param({("counts", "T"): "", ("ratios", "T"): DEFECT}, GROUP, KILLED, "a defect", id="group, defect"),
    pytest.param({("counts", "T"): "", ("purity", "T"): ""}, GROUP, KILLED, "purity ended without", id="group, killed"),
    pytest.param({("counts", "N"): ERROR.format("N")}, [("counts", "N")], REFUSED, "normal N of the", id="normal"),
    pytest.param({("counts", "N"): ""}, [("counts", "N")], KILLED, SILENT, id="normal killed"),
    pytest.param({("reference", ""): ERROR.format("x")}, [("reference", "")], REFUSED, "x: truncated", id="panel"),
    pytest.param({}, [], KILLED, "not begun", id="nothing failed"),
]  # fmt: skip


@pytest.mark.parametrize(("logs", "failed", "reason", "message"), CASES)
def test_why(made, tmp_path, logs, failed, reason, message):
    shared = [("counts", "N"), ("reference", "")] if not any(name == "T" for _, name in failed) else []
    found = finish(made, tmp_path, logs, failed, [*shared, *jobs("T", "U")])
    assert (found["T"].reason, message in found["T"].messages[0]) == (reason, True), found["T"]
    row = rows(tmp_path)["T"]
    assert (row["call"], row["reasons"], row["qc"], row["met_copies"]) == ("no_call", reason, "fail", "")
    record = json.loads((tmp_path / stages.path("calls", sample="T")).read_text())
    assert [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(record)] == []
    assert record["failure"]["messages"] == list(found["T"].messages)
    for page in (stages.path("report", sample="T"), stages.path("cohort", "page")):
        assert message in (tmp_path / page).read_text()
    assert {failure.sample for failure in failures.read(tmp_path, 0)} == {"T", "U"}


def test_a_message_is_escaped(made, tmp_path):
    finish(made, tmp_path, {("counts", "T"): ERROR.format("<script>")}, [("counts", "T")])
    for page in (stages.path("report", sample="T"), stages.path("cohort", "page")):
        text = (tmp_path / page).read_text()
        assert "&lt;script&gt;: truncated" in text
        assert "<script>: truncated" not in text


def test_nothing_of_an_earlier_run_passes_for_a_result(made, tmp_path):
    """Old files of the unfinished jobs go, of the sample, its normals and the run; what was made before stays."""
    old = [stages.path(s, a, "T") for s in CHAIN for a in stages.STAGES[s].outputs]
    old += [stages.path("cohort", "complete"), stages.path("reference")]
    for path in old:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("old")
    unfinished = [("reference", ""), *jobs("U"), *[job for job in jobs("T") if job[0] != "counts"]]
    finish(made, tmp_path, {("purity", "T"): ERROR.format("T")}, [("purity", "T")], unfinished)
    kept = {path for path in old if (tmp_path / path).exists()}
    new = {stages.path("calls", sample="T"), stages.path("report", sample="T")}
    assert kept == {stages.path("counts", a, "T") for a in stages.STAGES["counts"].outputs} | new
    assert [path for path in new if (tmp_path / path).read_text() == "old"] == []


@pytest.mark.parametrize(
    "unfinished",
    [
        pytest.param([("report", "T")], id="the cohort is there"),
        pytest.param([("bins", ""), *jobs("T", "U"), ("cohort", "")], id="no bins"),
        pytest.param([("counts", "N")], id="counts alone were asked for"),
    ],
)
def test_nothing_is_done(made, tmp_path, unfinished):
    before = sorted(os.listdir(tmp_path))
    assert finishing.finish(made, tmp_path, Rest(unfinished, [], 0)) == []
    assert sorted(os.listdir(tmp_path)) == before
