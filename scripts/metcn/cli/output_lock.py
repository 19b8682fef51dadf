"""Who works in an output folder: one run at a time, and what a run that ended hard leaves behind.

A run holds the folder by a lock of the system, which vanishes with the process however it ends, and writes into the
locked file who it is. What it writes is taken away at an orderly end, so what is found there without the lock tells of
a run that was killed, or of one on another machine, which the lock may not reach.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from metcn.errors import InputError

FILE = ".snakemake/metcn.lock"
SNAKEMAKE = ".snakemake/locks"  # Snakemake's own, which outlives its process
UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # file systems without locks


@dataclass(frozen=True)
class Holder:
    """A process that works in a folder, or did when it was last heard of."""

    host: str
    pid: int
    command: str
    since: str

    @classmethod
    def me(cls, command: str) -> Holder:
        """This very process."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return cls(host=socket.gethostname(), pid=os.getpid(), command=command, since=now)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.command}, since {self.since})"

    @property
    def lives_here(self) -> bool:
        """Whether a process of that number runs on this machine."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:  # another user's
            return True
        return True


@contextmanager
def held(folder: Path, command: str, unlock: Sequence[str]) -> Iterator[int]:
    """Descriptor of the lock of an output folder, which no other run has while the block runs.

    The folder is made if it is not there. What a run left that was killed on this machine is taken away.

    Parameters
    ----------
    folder : Path
        Output folder.
    command : str
        How this run is called in the message that another one gets.
    unlock : sequence of str
        Command line that unlocks the folder, for the message about a holder that cannot be seen from here.

    Raises
    ------
    InputError
        If another run is at work in the folder, or may be on another machine, or the folder cannot be written.
    """
    handle = _opened(folder)
    try:
        locked = _lock(handle, folder)
        _release_dead(handle, folder, unlock, locked)
        _write(handle, Holder.me(command))
        try:
            yield handle
        finally:
            _write(handle, None)
    finally:
        os.close(handle)


def take(folder: Path, command: str) -> None:
    """Hold a folder until this process ends: for a Snakemake that was started by hand and has its own lock already."""
    handle = _opened(folder)
    _lock(handle, folder)
    _write(handle, Holder.me(command))


def leave(folder: Path) -> None:
    """Say that the work in a folder came to its end."""
    handle = _opened(folder)
    _write(handle, None)
    os.close(handle)


def unlock(folder: Path) -> None:
    """Take away what keeps a folder locked, whoever held it.

    Raises
    ------
    InputError
        If a run is at work in the folder on this machine.
    """
    if not (folder / ".snakemake").is_dir():
        return
    handle = _opened(folder)
    try:
        _lock(handle, folder)
        shutil.rmtree(folder / SNAKEMAKE, ignore_errors=True)
        _write(handle, None)
    finally:
        os.close(handle)


def _opened(folder: Path) -> int:
    """Descriptor of the file that is locked."""
    path = folder / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}; choose another --directory") from error


def _lock(handle: int, folder: Path) -> bool:
    """Whether this process has the lock now; False on a file system without locks.

    Raises
    ------
    InputError
        If another process has it.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(_at_work(folder, _read(handle))) from error
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return False
        raise
    return True


def _release_dead(handle: int, folder: Path, command: Sequence[str], locked: bool) -> None:
    """Take away what a run that was killed on this machine left.

    Raises
    ------
    InputError
        If the last holder may still be at work: it is on another machine, or is not known.
    """
    holder, left = _read(handle), _left(folder)
    if holder is None and not left:
        return
    remedy = f"if it no longer runs, unlock the folder with: {shlex.join(command)}"
    if holder is None:
        raise InputError(f"{folder}: expected a folder in which nothing works, found Snakemake's lock; {remedy}")
    if holder.host != socket.gethostname():
        here = socket.gethostname()
        raise InputError(
            f"{folder}: expected a folder in which nothing works, found {holder}, which cannot be seen from {here}; "
            f"{remedy}"
        )
    if not locked and holder.lives_here:
        raise InputError(_at_work(folder, holder))
    if left:
        shutil.rmtree(folder / SNAKEMAKE, ignore_errors=True)
        print(f"metcn: note: {folder} was left locked by {holder}, which no longer runs; unlocked", file=sys.stderr)


def _left(folder: Path) -> bool:
    """Whether Snakemake's lock is there."""
    return any((folder / SNAKEMAKE).glob("*.lock"))


def _at_work(folder: Path, holder: Holder | None) -> str:
    """The message about a run that is at work."""
    who = holder or "another run"
    return (
        f"{folder}: expected a folder in which nothing works, found {who} at work in it; wait until it ends, or choose "
        "another --directory"
    )


def _read(handle: int) -> Holder | None:
    """Who is written in the locked file; None if nobody is, or it cannot be understood."""
    try:
        return Holder(**json.loads(os.pread(handle, 4096, 0)))
    except (ValueError, TypeError):
        return None


def _write(handle: int, holder: Holder | None) -> None:
    """Write who holds the folder, or nobody."""
    os.ftruncate(handle, 0)
    if holder:
        os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)
