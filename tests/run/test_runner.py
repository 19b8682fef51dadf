"""A job makes again only what a change concerns, whatever changes, and never leaves a stale result."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from metcn import files
from metcn.errors import InputError
from metcn.run import plan, plan_file, runner, stages

STEPS = [("ratios", "T"), ("segments", "T"), ("purity", "T")]
SHEET = "sample\trole\tratios\tpurity\nT\ttumour\tT.cnr\t{}\n"


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Run the steps with stages that write what they were given; a function of configuration and purity."""

    def fake(stage, arguments, settings):
        for argument in stages.STAGES[stage].arguments:
            if argument.kind == "write":
                read = [arguments[one.name].read_text() for one in stages.STAGES[stage].arguments
                        if one.kind == "read" and arguments.get(one.name)]  # fmt: skip
                told = {
                    one.name: arguments.get(one.name) for one in stages.STAGES[stage].arguments if one.kind == "text"
                }
                files.write_text(arguments[argument.name], json.dumps([argument.name, told, settings, read]))

    monkeypatch.setattr(runner, "call_stage", fake)
    (tmp_path / "T.cnr").write_text("ratios")

    def run(keys=None, purity="0.4"):
        (tmp_path / "samples.tsv").write_text(SHEET.format(purity))
        made = plan.load({"genome": "GRCh37", "assay": "panel", "samples": "samples.tsv", **(keys or {})}, tmp_path)
        return [stage for stage, _ in runner.run_steps(made, STEPS, tmp_path / "out")]

    run.folder = tmp_path
    return run


def test_all_is_made_and_then_nothing(ran, capsys):
    assert ran() == ["ratios", "segments", "purity"]
    assert capsys.readouterr().err.splitlines()[0] == "metcn: stage ratios of T"
    assert ran() == []
    assert capsys.readouterr().err == ""


CHANGES = [
    pytest.param({"keys": {"purity": {"floor": 0.02}}}, ["purity"], id="a setting of the last"),
    pytest.param({"keys": {"segments": {"method": "none"}}}, ["segments", "purity"], id="a setting of the middle"),
    pytest.param({"keys": {"report": {"title": "x"}}}, [], id="a setting of none"),
    pytest.param({"purity": "0.5"}, ["purity"], id="a cell"),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_a_change_makes_what_rests_on_it(ran, change, expected):
    ran()
    assert ran(**change) == expected
    assert ran(**change) == []
    assert ran() == expected  # and back


def test_an_input_is_replaced(ran):
    ran()
    (ran.folder / "T.cnr").write_text("others")
    os.utime(ran.folder / "T.cnr", (10**9, 10**9))
    assert ran() == ["ratios", "segments", "purity"]


@pytest.mark.parametrize("damage", ["write_text", "unlink"])
def test_a_result_that_changed_hands_is_made_again(ran, damage):
    ran()
    path = ran.folder / "out" / stages.path("segments", sample="T")
    before = path.read_text()
    path.unlink() if damage == "unlink" else path.write_text("other")
    assert ran() == ["segments"]
    assert path.read_text() == before


def test_what_is_the_same_is_as_new_as_its_inputs(ran):
    """Snakemake goes by time stamps."""
    ran()
    path = ran.folder / "out" / stages.path("purity", sample="T")
    os.utime(path, (10**9, 10**9))
    assert ran() == []
    assert path.stat().st_mtime > 10**9 + 1


def test_a_step_that_failed_is_begun_again(ran, monkeypatch):
    ran()
    working = runner.call_stage

    def failing(stage, arguments, settings):
        if stage == "segments":
            raise InputError("no")
        working(stage, arguments, settings)

    monkeypatch.setattr(runner, "call_stage", failing)
    with pytest.raises(InputError):
        ran(keys={"segments": {"method": "none"}})
    monkeypatch.setattr(runner, "call_stage", working)
    assert ran(keys={"segments": {"method": "none"}}) == ["segments", "purity"]


def test_a_damaged_record_is_none(ran):
    ran()
    for path in (ran.folder / "out" / runner.DONE).iterdir():
        path.write_text("{")
    assert ran() == ["ratios", "segments", "purity"]


def test_threads_take_the_place_of_the_setting(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(runner, "call_stage", lambda stage, arguments, settings: seen.update(settings))
    (tmp_path / "samples.tsv").write_text("sample\trole\tcoverage\nT\ttumour\tT.cnn\n")
    (tmp_path / "T.cnn").write_text("x")
    made = plan.load({"genome": "GRCh37", "assay": "panel", "samples": "samples.tsv"}, tmp_path)
    runner.run(made, "counts", "T", tmp_path, threads=3)
    assert seen["threads"] == 3


class TestPlanFile:
    """Jobs take their plan from a file."""

    @pytest.fixture
    def made(self, tmp_path):
        for name in ("T.cnr", "a", "b", "c", "d", "v.vcf"):
            (tmp_path / name).write_text("x")
        rows = ["T\ttumour\tT.cnr\t\t0.3-0.5\tv.vcf\tP 1", "U\ttumour\t\ta;b\t\t\t", "N\tnormal\t\tc;d\t\t\t"]
        header = "sample\trole\tratios\tcoverage\tpurity\tvariants\tpatient\n"
        (tmp_path / "samples.tsv").write_text(header + "".join(f"{row}\n" for row in rows))
        return plan.load({"genome": "GRCh37", "assay": "swgs", "samples": "samples.tsv"}, tmp_path)

    def test_is_the_plan(self, made, tmp_path):
        plan_file.write(made, tmp_path)
        found = plan_file.read(tmp_path / made.file)
        assert found.settings == made.settings
        hidden = {name: replace(row, patient=plan_file.stand_in(row.patient)) for name, row in made.samples.items()}
        assert found.samples == hidden
        assert (found.jobs, found.baselines) == (made.jobs, made.baselines)

    def test_names_no_patient_but_knows_where_the_name_stands(self, made, tmp_path):
        plan_file.write(made, tmp_path)
        assert "P 1" not in (tmp_path / made.file).read_text()
        found = plan_file.read(tmp_path / made.file)
        assert [plan_file.patient_of(each, name) for each in (made, found) for name in ("T", "U")] == ["P 1", ""] * 2

    def test_of_another_plan_is_another_and_goes_when_asked(self, made, tmp_path):
        other = plan.Plan({**made.settings, "assay": "wgs"}, made.samples)
        for one in (made, other):
            plan_file.write(one, tmp_path)
        assert made.file != other.file
        plan_file.tidy(made, tmp_path)
        assert [path.name for path in (tmp_path / made.file).parent.iterdir()] == [(tmp_path / made.file).name]

    @pytest.mark.parametrize("content", [None, "{", "{}", '{"settings": {}, "samples": [{"name": "T"}]}'])
    def test_that_is_none(self, tmp_path, content):
        path = tmp_path / "plan.json"
        if content is not None:
            path.write_text(content)
        with pytest.raises(InputError, match=r"expected the plan of a run in .*plan\.json"):
            plan_file.read(path)
