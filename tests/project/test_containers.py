"""Recipes of containers: what they copy is there and is all that installing takes, and both do the same."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "containers/Dockerfile").read_text()
DEFINITION = (ROOT / "containers/metcn.def").read_text()
INSTALL = "containers/install.sh"


def copied() -> list[str]:
    """Paths that the Dockerfile copies out of the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [path for line in lines for path in line.split()]


def section(name: str) -> list[str]:
    """Lines of a section of the Apptainer definition."""
    body = DEFINITION.split(f"\n%{name}\n")[1].split("\n%")[0]
    return [line.strip() for line in body.splitlines() if line.strip()]


def test_everything_copied_is_tracked():
    tracked = subprocess.run(
        ["git", "ls-files", "--", *copied()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip(f"git: {tracked.stderr.strip()}")
    files = tracked.stdout.splitlines()
    assert len(copied()) >= 8
    assert [path for path in copied() if not any(file == path or file.startswith(f"{path}/") for file in files)] == []


def test_both_recipes_copy_the_same_and_run_the_same():
    assert dict(line.split() for line in section("files")) == {path: f"/src/{path}" for path in copied()}
    runs = re.findall(r"^RUN (.+)$", DOCKERFILE, re.MULTILINE)
    assert runs == [f"{INSTALL} /opt/metcn"]
    assert section("post") == [f"/src/{runs[0]}", "rm -rf /src"]
    images = {
        *re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE),
        *re.findall(r"^From: (\S+)", DEFINITION, re.MULTILINE),
    }
    assert len(images) == 1
    assert re.fullmatch(r"python:3\.(11|12|13)-slim-\w+", images.pop())  # a Python that the lock holds for


def test_the_image_runs_as_nobody_and_the_engine_is_sent_no_more_than_is_copied():
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1] == "65534:65534"
    sent = (ROOT / "containers/Dockerfile.dockerignore").read_text()
    assert re.findall(r"^!(\S+)$", sent, re.MULTILINE) == copied()


@pytest.fixture
def context(tmp_path):
    """A folder with what the recipes copy, and nothing else."""
    for path in copied():
        source, target = ROOT / path, tmp_path / "src" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return tmp_path / "src"


@pytest.mark.slow
def test_the_steps_install_what_calls_a_cohort(context, tmp_path):
    prefix = tmp_path / "opt/metcn"
    known = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    known["PYTHON"] = sys.executable
    done = subprocess.run([context / INSTALL, prefix], env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    shutil.rmtree(context)  # the final image does not have it
    known["PATH"] = f"{prefix}/bin:/usr/bin:/bin"
    tumour = ["--tumour", "focal:0.6:20"]
    for words in (
        ["simulate", "cohort", "--format", "cnn", *tumour, "--output", "in"],
        ["run", "--samples", "in/samples.tsv", "--configfile", "in/config.yaml", "--directory", "out", "--cores", "2"],
    ):
        done = subprocess.run(["metcn", *words], env=known, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    assert "high_level_amplification" in (tmp_path / "out/results/cohort.tsv").read_text()


def test_installing_needs_a_place():
    done = subprocess.run([ROOT / INSTALL], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "expected the folder of the new environment" in done.stderr
