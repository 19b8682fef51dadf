"""Whole runs under bad conditions: the same bytes whatever the cores, faults and the disk; no network; no traces.

Every test compares the bytes of all results with those of one undisturbed run on one core. Results hold no time stamp;
what a job took stands in ``benchmarks/`` and in Snakemake's own folder, which are not compared.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from metcn import simulate
from metcn.genome.build import load
from metcn.run import stages

ROOT = Path(__file__).resolve().parents[2]
HANGS_S = 1200  # s; a run takes a minute or two on a quiet machine; one that takes this long never ends
PATIENT = "Mustermann1956"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Three normals and two tumours as coverage tables, with the patient's name in the sheet."""
    folder = tmp_path_factory.mktemp("cohort")
    genome = load("GRCh37")
    tumours = [
        simulate.tumour(genome, "T1", "focal", purity=0.6, copies=14, patient=PATIENT, timepoint="baseline"),
        simulate.tumour(genome, "T2", "polysomy", purity=0.5, copies=6, patient=PATIENT, timepoint="progression"),
    ]
    simulate.cohort(folder, genome=genome, normals=3, tumours=tumours, depth=300, as_="cnn", seed=3)
    return folder


def words(cohort: Path, out: Path, *more: object) -> list[str]:
    where = ["--samples", cohort / "samples.tsv", "--configfile", cohort / "config.yaml", "--directory", out]
    return [sys.executable, "-m", "metcn", "run", *map(str, where), *map(str, more)]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "scripts"), **more}


def run(
    cohort: Path, out: Path, *more: object, before: tuple[str, ...] = (), **variables: str
) -> subprocess.CompletedProcess:
    command, known = [*before, *words(cohort, out, *more)], environment(**variables)
    return subprocess.run(command, env=known, capture_output=True, text=True, timeout=HANGS_S, check=False)


def results(out: Path) -> dict[str, bytes]:
    """Content of every result by path."""
    return {str(path.relative_to(out)): path.read_bytes() for path in (out / "results").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(cohort, tmp_path_factory):
    """Folder of a run on one core, with its own folders for home and for temporary files."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    done = run(cohort, folder / "out", "--cores", "1", HOME=str(folder / "home"), TMPDIR=str(folder / "tmp"))
    assert done.returncode == 0, done.stderr
    (folder / "printed").write_text(done.stdout + done.stderr)
    return folder


@pytest.fixture(scope="module")
def expected(undisturbed):
    found = results(undisturbed / "out")
    expected_files = {
        stages.path(s, a, t) for s in stages.STAGES for a in stages.STAGES[s].outputs for t in ("T1", "T2")
    }
    expected_files = {name for name in expected_files if name.startswith("results/")}
    assert expected_files - {stages.path("compare", sample="T1")} <= set(found)  # T1 is what T2 is compared with
    return found


def test_two_runs_and_two_cores_give_the_same_bytes(cohort, expected, tmp_path):
    done = run(cohort, tmp_path / "out", "--cores", "2")
    assert done.returncode == 0, done.stderr
    found = results(tmp_path / "out")
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def test_nothing_is_left_outside_the_output_folder(undisturbed):
    assert [path for name in ("home", "tmp") for path in (undisturbed / name).rglob("*") if path.is_file()] == []
    assert list((undisturbed / "out").rglob(".part-*")) == []


def test_logs_tell_nothing_of_a_patient_but_the_sample(undisturbed, expected):
    told = [name for name, content in expected.items() if PATIENT.encode() in content]
    assert "results/calls/T1.json" in told  # the results do name the patient
    out, here = undisturbed / "out", undisturbed / "printed"
    logs = [path for path in out.rglob("*") if path.is_file() and out / "results" not in path.parents]
    assert len(logs) > 40  # those of jobs and of Snakemake, and what it keeps about jobs
    assert any("metcn job tumour T1" in path.read_text(errors="replace") for path in logs)
    assert [path for path in [*logs, here] if PATIENT.encode() in path.read_bytes()] == []


def test_as_a_module_of_another_workflow(cohort, expected, tmp_path):
    """Below a prefix and with a section of another's configuration, the same bytes."""
    main = {"met": {**yaml.safe_load((cohort / "config.yaml").read_text()), "samples": str(cohort / "samples.tsv")}}
    (cohort / "main.yaml").write_text(yaml.safe_dump(main))
    (tmp_path / "Snakefile").write_text(
        f'configfile: "{cohort / "main.yaml"}"\nmodule met:\n    snakefile: "{ROOT / "workflow/Snakefile"}"\n'
        '    config: config["met"]\n    prefix: "met"\nuse rule * from met as met_*\n'
        "rule all:\n    default_target: True\n    input: rules.met_all.input\n"
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    known = environment(XDG_CACHE_HOME=str(tmp_path / "cache"))
    done = subprocess.run(
        command, cwd=tmp_path, env=known, capture_output=True, text=True, timeout=HANGS_S, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert results(tmp_path / "met") == expected


def no_network() -> str:
    """Why a process cannot be cut off from the network here; empty if it can."""
    if shutil.which("unshare") is None:
        return "without unshare (util-linux)"
    done = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    return f"unshare --net: {done.stderr.strip()}" if done.returncode else ""


@pytest.mark.skipif(bool(no_network()), reason=no_network() or "it can")
def test_without_a_network(cohort, expected, tmp_path):
    done = run(cohort, tmp_path / "out", "--cores", "2", before=("unshare", "--net"))
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "out") == expected


def kill_group(process: subprocess.Popen, how: signal.Signals) -> None:
    os.killpg(process.pid, how)
    process.wait(60)


def listen() -> None:
    """Take Ctrl-C as a program does that was started by hand: a shell's job in the background ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(cohort: Path, out: Path) -> subprocess.Popen:
    command, known = words(cohort, out, "--cores", "2"), environment()
    with open(out.with_suffix(".log"), "ab") as log:
        return subprocess.Popen(command, env=known, stdout=log, stderr=log, start_new_session=True, preexec_fn=listen)


def wait_for(process: subprocess.Popen, pattern: str, out: Path, seconds: float = 120) -> None:
    """Return when a job's log or result of this pattern appears, or the run ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None and not list(out.glob(pattern)):
        time.sleep(0.02)
    assert list(out.glob(pattern)), pattern


def test_killed_in_every_stage(cohort, expected, tmp_path):
    """The run is killed (-9) as soon as each stage has begun; what is there then is whole, and a rerun goes on."""
    out, kills = tmp_path / "out", 0
    for pattern in ("bins.log", "normals.log", "reference.log", "tumour/*.log", "later/*.log", "cohort.log"):
        pattern = f"logs/{pattern}"
        for path in out.glob(pattern):
            path.unlink()
        process = started(cohort, out)
        try:
            wait_for(process, pattern, out)
        finally:
            if process.poll() is None:
                kill_group(process, signal.SIGKILL)
                kills += 1
        assert run(cohort, out, "--cores", "1", "--", "--unlock").returncode == 0
        found = results(out) if (out / "results").exists() else {}
        whole = {name: content for name, content in found.items() if "/.part-" not in name}
        assert [name for name, content in whole.items() if content != expected[name]] == []
    assert kills >= 4
    done = run(cohort, out, "--cores", "2")
    assert done.returncode == 0, done.stderr
    assert {name: content for name, content in results(out).items() if "/.part-" not in name} == expected


def test_interrupted(cohort, expected, tmp_path):
    """Ctrl-C ends the run in order: nothing to unlock, and the next run goes on."""
    out = tmp_path / "out"
    process = started(cohort, out)
    wait_for(process, "results/counts/*.cnn", out)
    kill_group(process, signal.SIGINT)
    assert process.returncode != 0
    done = run(cohort, out, "--cores", "2")
    assert done.returncode == 0, done.stderr
    assert results(out) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
class TestDisk:
    @pytest.fixture
    def mounted(self, tmp_path):
        def mount(options: str) -> Path:
            folder = tmp_path / "disk"
            folder.mkdir()
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True, check=False
            )
            if done.returncode:
                pytest.skip(f"mount: {done.stderr.strip()}")
            return folder

        yield mount
        subprocess.run(["umount", "-l", tmp_path / "disk"], check=True)

    def test_full(self, cohort, expected, mounted):
        """A stage that runs out of space says so in one line; with more space the run goes on."""
        disk = mounted("size=64m")
        out = disk / "out"
        filler = disk / "filler"
        process = started(cohort, out)
        wait_for(process, "logs/normals.log", out)
        with open(filler, "wb") as handle:
            try:
                while True:
                    handle.write(b"0" * 65536)
                    handle.flush()
            except OSError:
                pass
        process.wait(200)
        assert process.returncode != 0
        told = ("results/calls/", "results/report/", "results/qc/", "results/cohort.tsv", "results/failed.tsv")
        whole = {name: content for name, content in results(out).items() if "/.part-" not in name}
        made = {name: content for name, content in whole.items() if not name.startswith(told)}
        assert [name for name, content in made.items() if content != expected[name]] == []
        filler.unlink()
        assert run(cohort, out, "--cores", "1", "--", "--unlock").returncode == 0
        done = run(cohort, out, "--cores", "2")
        assert done.returncode == 0, done.stderr
        assert results(out) == expected

    def test_too_small_is_known_before(self, cohort, mounted):
        done = run(cohort, mounted("size=20m") / "out", "--cores", "2")
        assert done.returncode == 2
        assert re.fullmatch(r"metcn: error: expected about 3\d MB free for \S+, found \d+; .*\n", done.stderr)

    def test_read_only(self, cohort, mounted):
        done = run(cohort, mounted("size=100m,ro") / "out", "--cores", "2")
        assert done.returncode == 2
        assert re.fullmatch(r"metcn: error: cannot write \S+: Read-only file system; .*\n", done.stderr)
