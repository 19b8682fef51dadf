"""A change of code reruns the stages that rest on it, and no other."""

import shutil

import pytest

from metcn import files
from metcn.run import reach
from metcn.run.stages import STAGES


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package and its data that may be changed, and a function that gives all digests."""
    shutil.copytree(files.PACKAGE, tmp_path / "metcn", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(files.resource_root(), tmp_path / "resources")
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "metcn")
    monkeypatch.setattr("metcn.provenance.PACKAGE", tmp_path / "metcn")
    monkeypatch.setattr(files, "resource_root", lambda: tmp_path / "resources")

    def digests():
        reach.stage_digest.cache_clear()
        return {stage: reach.stage_digest(stage, "GRCh37") for stage in STAGES}

    yield tmp_path, digests
    reach.stage_digest.cache_clear()


def append(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


CHANGES = {
    "the equation": ("metcn/mixture.py", {"copies"}, {"bins", "counts"}),
    "bins": ("metcn/bins.py", {"bins"}, {"purity", "calls", "report", "cohort"}),
    "the pages": ("metcn/pages/render.py", {"report", "cohort"}, {"bins", "counts", "ratios", "copies"}),
    "the command line": ("metcn/cli.py", set(), set(STAGES)),
    "errors": ("metcn/errors.py", {"bins", "counts", "calls"}, set()),
    "criteria": ("resources/criteria/new.yaml", {"calls", "report"}, set(STAGES) - {"calls", "report"}),
    "another genome": ("resources/GRCh38/new.tsv", set(), set(STAGES)),
    "this genome": ("resources/GRCh37/new.tsv", set(STAGES), set()),
}


@pytest.mark.parametrize(("path", "change", "stay"), CHANGES.values(), ids=CHANGES)
def test_change_reaches_its_stages(copy, path, change, stay):
    root, digests = copy
    before = digests()
    target = root / path
    append(target, "\nADDED = 1\n") if target.exists() else target.write_text("x")
    after = digests()
    changed = {stage for stage in STAGES if before[stage] != after[stage]}
    assert change <= changed
    assert not stay & changed


def test_change_of_one_stage_s_function_is_its_own(copy):
    root, digests = copy
    before = digests()
    path = root / "metcn/stages/depth.py"
    path.write_text(path.read_text().replace("def counts(\n", "def counts(  # changed\n"))
    after = digests()
    assert {stage for stage in STAGES if before[stage] != after[stage]} == {"counts"}


def test_nothing_changed(copy):
    _, digests = copy
    assert digests() == digests()


@pytest.mark.parametrize("stage", STAGES)
def test_modules_exist(stage):
    modules = reach.modules(stage)
    assert "errors.py" in modules
    assert all((files.PACKAGE / module).is_file() for module in modules)
    assert not {"cli.py", "launch.py", "plan.py", "config.py", "sheet.py"} & modules
