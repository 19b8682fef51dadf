"""One run at a time in a folder: who is refused, what a killed run leaves, and what another machine holds."""

import json
import os
import re
import socket
import subprocess
import sys

import pytest

from metcn.cli import output_lock
from metcn.errors import InputError

UNLOCK = ["metcn", "run", "--directory", "an output", "--unlock"]
PROGRAM = (
    "import sys; from pathlib import Path; from metcn.cli import output_lock\n"
    "with output_lock.held(Path(sys.argv[1]), 'metcn run', []): print('in', flush=True); sys.stdin.read()\n"
)


def held(folder):
    return output_lock.held(folder, "metcn run", UNLOCK)


def leave(folder, *, host=None, pid=2**22 + 1, locks=True):
    """What a run that ended hard leaves."""
    (folder / output_lock.SNAKEMAKE).mkdir(parents=True)
    if locks:
        (folder / output_lock.SNAKEMAKE / "0.output.lock").write_text("x\n")
    if host:
        told = {"host": host, "pid": pid, "command": "metcn run", "since": "2026-01-01 00:00 UTC"}
        (folder / output_lock.FILE).write_text(json.dumps(told))


@pytest.fixture
def other(tmp_path):
    """Another process that holds the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "in\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_is_refused_by_name(tmp_path, other):
    name = f"process {other.pid} on {socket.gethostname()} \\(metcn run, since .* UTC\\) at work in it; wait"
    with pytest.raises(InputError, match=name), held(tmp_path):
        pytest.fail("two in one folder")
    with pytest.raises(InputError, match=name):
        output_lock.unlock(tmp_path)
    other.communicate()
    with held(tmp_path):
        assert output_lock.Holder(**json.loads((tmp_path / output_lock.FILE).read_text())).pid == os.getpid()
    assert (tmp_path / output_lock.FILE).read_text() == ""


@pytest.mark.parametrize("locks", [True, False], ids=["with Snakemake's lock", "before Snakemake's lock"])
def test_what_a_killed_run_leaves_is_taken_away(tmp_path, other, capsys, locks):
    (tmp_path / output_lock.SNAKEMAKE).mkdir(parents=True)
    if locks:
        (tmp_path / output_lock.SNAKEMAKE / "0.output.lock").write_text("x\n")
    other.kill()
    other.communicate()
    with held(tmp_path):
        assert not list((tmp_path / output_lock.SNAKEMAKE).glob("*")) or not locks
    assert capsys.readouterr().err.count(f"was left locked by process {other.pid}") == locks


@pytest.mark.parametrize("locks", [True, False], ids=["with Snakemake's lock", "before Snakemake's lock"])
def test_another_machine_may_be_at_work(tmp_path, locks):
    leave(tmp_path, host="elsewhere", pid=os.getpid(), locks=locks)
    command = re.escape("unlock the folder with: metcn run --directory 'an output' --unlock")
    with (
        pytest.raises(
            InputError, match=f"process {os.getpid()} on elsewhere .* cannot be seen from .*{command}"
        ) as told,
        held(tmp_path),
    ):
        pytest.fail("held by another machine")
    assert "\n" not in str(told.value)
    output_lock.unlock(tmp_path)
    with held(tmp_path):
        assert not (tmp_path / output_lock.SNAKEMAKE).exists() or not locks


def test_a_lock_of_nobody_is_not_taken_away(tmp_path):
    leave(tmp_path)
    with pytest.raises(InputError, match="found Snakemake's lock; if it no longer runs, unlock"), held(tmp_path):
        pytest.fail("Snakemake may be at work")
    assert (tmp_path / output_lock.SNAKEMAKE / "0.output.lock").exists()


@pytest.mark.parametrize(("pid", "refused"), [(os.getpid(), True), (2**22 + 1, False)], ids=["lives", "dead"])
def test_without_locks_of_the_system_the_process_is_looked_for(tmp_path, monkeypatch, pid, refused):
    def unsupported(handle, how):
        raise OSError(output_lock.UNSUPPORTED[0], "No locks available")

    monkeypatch.setattr(output_lock.fcntl, "flock", unsupported)
    leave(tmp_path, host=socket.gethostname(), pid=pid)
    if refused:
        with pytest.raises(InputError, match="at work in it"), held(tmp_path):
            pytest.fail("two in one folder")
    else:
        with held(tmp_path):
            assert not (tmp_path / output_lock.SNAKEMAKE).exists()


def test_an_error_within_leaves_nothing_behind(tmp_path):
    with pytest.raises(InputError, match="within"), held(tmp_path):
        raise InputError("within")
    assert (tmp_path / output_lock.FILE).read_text() == ""


def test_to_unlock_what_is_not_there_makes_nothing(tmp_path):
    output_lock.unlock(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*; choose another --directory"), held(tmp_path / "file"):
        pytest.fail("a file is no folder")
