"""Profiles for clusters: what they ask for, how they read a scheduler's answers, runs through a stand-in for one."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from metcn import files, simulate
from metcn.genome.build import load
from support import scheduler, sound_files
from support.small_files import write_bam
from whole.test_slurm import results, run

PROFILES = files.workflow_root() / "profiles"
CLUSTERS = ("slurm", "lsf", "sge")
PLUGIN = "snakemake_executor_plugin_cluster_generic"


def profile(name: str) -> dict:
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


@pytest.mark.parametrize("name", CLUSTERS)
def test_clusters_are_asked_for_the_same(name):
    """Profiles cannot include one another."""
    own, slurm = profile(name), profile("slurm")
    common = [key for key in slurm if not key.startswith(("executor", "slurm-"))]
    assert len(common) >= 9
    assert {key: own.get(key) for key in common} == {key: slurm[key] for key in common}


@pytest.mark.parametrize("name", ["lsf", "sge"])
def test_a_command_asks_for_memory_time_and_cores_and_its_scripts_are_there(name):
    own = profile(name)
    for word in ("{threads}", "{resources.mem_mb}", "{resources.runtime}"):
        assert word in own["cluster-generic-submit-cmd"]
    for key in ("status", "cancel"):
        command = own[f"cluster-generic-{key}-cmd"]
        path = PROFILES / name / command
        assert (path.is_file() and os.access(path, os.X_OK)) or command == "qdel"


def answers(folder: Path, **programs: str) -> dict[str, str]:
    """An environment in which each of the programs is this shell script."""
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "METCN_RECORD_WAIT": "0"}


def said(script: str, environment: dict[str, str], *words: str) -> str:
    command = [str(PROFILES / script), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


LSF = [
    pytest.param("echo PEND", "running", id="waits"),
    pytest.param("echo RUN", "running", id="runs"),
    pytest.param("echo USUSP", "running", id="suspended"),
    pytest.param("echo DONE", "success", id="done"),
    pytest.param("echo EXIT", "failed", id="killed"),
    pytest.param('echo "Job <123> is not found" >&2; exit 255', "failed", id="forgotten"),
    pytest.param('echo "LSF is down. Please wait ..." >&2; exit 255', "running", id="no answer"),
    pytest.param('[ "$4" = 123 ] && echo DONE', "success", id="its number"),
]


@pytest.mark.parametrize(("answer", "status"), LSF)
def test_lsf_status(tmp_path, answer, status):
    environment = answers(tmp_path, bjobs=answer)
    assert said("lsf/status.sh", environment, "Job <123> is submitted to default queue <of 7>.") == f"{status}\n"


def test_lsf_cancel(tmp_path):
    environment = answers(tmp_path, bkill=f'echo "$@" >> {tmp_path}/killed')
    said("lsf/cancel.sh", environment, "Job <123> is submitted to queue <q1>.", "Job <45> is submitted to queue <q1>.")
    assert (tmp_path / "killed").read_text() == "123\n45\n"


KNOWN = (
    "echo 'job-ID prior name'; echo ' 1123 0.5 metcn.x me {0} 11/25/2026'; echo '  123 0.5 metcn.x me {1} 11/25/2026'"
)
RECORD = "[ $2 = 123 ] && printf 'failed       {}\\nexit_status  {}\\n'"
NO_RECORD = "echo 'error: job id 123 not found' >&2; exit 1"
SGE = [
    pytest.param(KNOWN.format("Eqw", "qw"), NO_RECORD, "running", id="waits"),
    pytest.param(KNOWN.format("Eqw", "r"), NO_RECORD, "running", id="runs"),
    pytest.param(KNOWN.format("r", "Eqw"), NO_RECORD, "failed", id="never starts"),
    pytest.param("true", RECORD.format("0", "0"), "success", id="done"),
    pytest.param("true", RECORD.format("0", "1"), "failed", id="ended with an error"),
    pytest.param("true", RECORD.format("100 : assumedly after job", "137"), "failed", id="killed"),
    pytest.param("true", RECORD.format("37  : qmaster enforced h_rt", "0"), "failed", id="killed for its time"),
    pytest.param("true", NO_RECORD, "failed", id="no record"),
    pytest.param("exit 1", NO_RECORD, "running", id="no answer"),
]


@pytest.mark.parametrize(("known", "record", "status"), SGE)
def test_sge_status(tmp_path, known, record, status):
    assert said("sge/status.sh", answers(tmp_path, qstat=known, qacct=record), "123") == f"{status}\n"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    genome = load("GRCh37")
    tumours = [simulate.tumour(genome, "T1", "focal", purity=0.6, copies=14)]
    simulate.cohort(folder, genome=genome, normals=2, tumours=tumours, depth=300, as_="cnn", seed=3)
    return folder


@pytest.fixture(scope="module")
def local(cohort, tmp_path_factory):
    """Results of a run on this machine."""
    out = tmp_path_factory.mktemp("local")
    done = run(cohort, out, dict(os.environ), "--cores", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    return results(out)


@pytest.mark.slow
def test_dry_run_of_a_thousand_samples(tmp_path):
    """CPU seconds, since the machine may have other things to do; a sample's stages are one group (test_workflow)."""
    lines = ["sample\trole\talignments"]
    for number in range(1000):
        reads = [(0, 5 + number, 0, 60, 0, "50M")]
        write_bam(tmp_path / f"S{number}.bam", reads, contigs=sound_files.CONTIGS)
        lines.append(f"S{number}\t{'normal' if number < 50 else 'tumour'}\tS{number}.bam")
    (tmp_path / "samples.tsv").write_text("\n".join([*lines, ""]))
    (tmp_path / "targets.bed").write_text(sound_files.BED)
    (tmp_path / "config.yaml").write_text("genome: GRCh37\nassay: panel\ntargets: targets.bed\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run(tmp_path, tmp_path / "out", dict(os.environ), "-n", "--", "--quiet", "all")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (tmp_path / "out/results").exists()
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec(PLUGIN) is None, reason="without snakemake-executor-plugin-cluster-generic"
)
@pytest.mark.parametrize("name", ["lsf", "sge"])
def test_cohort_with_a_job_killed(name, cohort, local, tmp_path):
    programs, jobs = tmp_path / "bin", tmp_path / "jobs"
    programs.mkdir()
    jobs.mkdir()
    for program in scheduler.PROGRAMS:
        (programs / program).write_text(f"#!{sys.executable}\n" + Path(scheduler.__file__).read_text())
        (programs / program).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "SCHEDULER": str(jobs)}
    environment |= {"KILL": "metcn.reference", "METCN_RECORD_WAIT": "0.1"}
    quick = ["--jobs", "2", "--latency-wait", "5", "--max-status-checks-per-second", "5"]
    done = run(cohort, tmp_path / "out", environment, "--profile", name, "--", *quick)
    assert done.returncode == 0, done.stderr[-3000:]
    asked = [" ".join(json.loads(path.read_text())) for path in jobs.glob("*.words")]
    times = {part: sum(f"metcn.{part}" in words for words in asked) for part in ("bins", "sample_", "reference")}
    assert times == {"bins": 1, "sample_": 1, "reference": 2}  # a job for each tumour, and the killed one again
    memory = [int(number) for words in asked if "reference" in words for number in re.findall(r"mem\w*=(\d+)M", words)]
    assert sorted(memory) == [2000, 4000]
    assert results(tmp_path / "out") == local
