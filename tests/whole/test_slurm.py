"""A cohort through a real Slurm: one job per sample, killed jobs are sent again, results are those of one machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from metcn import simulate
from metcn.genome.build import load
from support import slurm_node

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(slurm_node.missing()), reason=slurm_node.missing() or "Slurm is there"),
]
# The reference's first attempt gets less memory than Python takes, so that it is killed for it.
STARVED = "reference:mem_mb=40 if attempt == 1 else 2000"


@pytest.fixture(scope="module")
def node():
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="sl") as base, slurm_node.running(Path(base)) as environment:
        yield environment


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    genome = load("GRCh37")
    tumours = [simulate.tumour(genome, "T1", "focal", purity=0.6, copies=14)]
    simulate.cohort(folder, genome=genome, normals=3, tumours=tumours, depth=300, as_="cnn", seed=3)
    return folder


def run(cohort: Path, out: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    where = ["--samples", cohort / "samples.tsv", "--configfile", cohort / "config.yaml", "--directory", out]
    command = [sys.executable, "-m", "metcn", "run", *map(str, where), *words]
    environment = {**environment, "PYTHONPATH": str(ROOT / "scripts")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=420, check=False)


def cancel_first(environment: dict[str, str], logs: Path, part: str, cancelled: list[str]) -> None:
    """Cancel the first job of ``part`` as soon as it writes its log, which is named by its number."""
    end = time.monotonic() + 300
    while time.monotonic() < end and not cancelled:
        for log in logs.glob(f"{part}*/*.log"):
            subprocess.run(["scancel", log.stem], env=environment, check=True)
            cancelled.append(log.stem)
            return
        time.sleep(0.1)


def results(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in (out / "results").rglob("*") if path.is_file()}


def test_cohort_with_two_jobs_killed(node, cohort, tmp_path):
    cancelled: list[str] = []
    watcher = threading.Thread(
        target=cancel_first, args=(node, tmp_path / "slurm/.snakemake/slurm_logs", "group_sample_T1", cancelled)
    )
    watcher.start()
    quick = ["--jobs", "2", "--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "2"]
    done = run(cohort, tmp_path / "slurm", node, "--profile", "slurm", "--", *quick, "--set-resources", STARVED)
    watcher.join(1)
    assert done.returncode == 0, done.stderr[-3000:]
    submitted = re.findall(r"has been submitted with SLURM jobid \d+ \(log: \S*/slurm_logs/(\w+)", done.stderr)
    assert len(cancelled) == 1
    parts = ("bins", "normals", "reference", "group_sample_T1")  # all stages of a tumour are one job
    times = {part: sum(part in name for name in submitted) for part in parts}
    assert times == {"bins": 1, "normals": 1, "reference": 2, "group_sample_T1": 2}

    local = run(cohort, tmp_path / "local", dict(os.environ), "--cores", "2")
    assert local.returncode == 0, local.stderr[-3000:]
    assert results(tmp_path / "slurm") == results(tmp_path / "local")
