#!/usr/bin/env python3
"""LSF or Grid Engine of this one machine, as far as Snakemake speaks to them: called as bsub, bjobs, qsub and so on.

Jobs are processes; what is known of job N lies in the folder $SCHEDULER: ``N.words`` (the command line), ``N.pid`` and,
once it has ended by itself, ``N.end`` (its status). The first job whose name holds $KILL is killed as soon as it runs,
as a cluster does with one that takes too much: it leaves no status.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("bsub", "bjobs", "bkill", "qsub", "qstat", "qacct", "qdel")


def submit(folder: Path, program: str, words: list[str]) -> None:
    """Start a job and say its number in the scheduler's own words."""
    number = len(list(folder.glob("*.words"))) + 1
    end = folder / f"{number}.end"
    command = f'"$0" > /dev/null 2>&1; echo $? > {end}.new && mv {end}.new {end}'
    nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    job = subprocess.Popen(["sh", "-c", command, words[-1]], start_new_session=True, **nowhere)
    (folder / f"{number}.pid").write_text(str(job.pid))
    (folder / f"{number}.words").write_text(json.dumps([program, *words]))
    part = os.environ.get("KILL")
    if part and part in " ".join(words) and not (folder / "killed").exists():
        (folder / "killed").write_text(str(number))
        time.sleep(0.5)
        os.killpg(job.pid, signal.SIGKILL)
    print(f"Job <{number}> is submitted to default queue <of 7>." if program == "bsub" else number)


def state(folder: Path, number: str) -> str:
    """``DONE``, ``EXIT`` or ``RUN``; empty for a job that never was."""
    with suppress(FileNotFoundError):
        return "DONE" if (folder / f"{number}.end").read_text().strip() == "0" else "EXIT"
    with suppress(FileNotFoundError):
        pid = (folder / f"{number}.pid").read_text()
        with suppress(FileNotFoundError):
            return "EXIT" if Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z" else "RUN"
        return "EXIT"
    return ""


def main() -> int:
    """Exit status of the program whose name this was called by."""
    folder, program, words = Path(os.environ["SCHEDULER"]), Path(sys.argv[0]).name, sys.argv[1:]
    if program in ("bsub", "qsub"):
        submit(folder, program, words)
    elif program in ("bkill", "qdel"):
        for number in words:
            os.killpg(int((folder / f"{number}.pid").read_text()), signal.SIGKILL)
    elif program == "bjobs":
        print(state(folder, words[-1]) or f"Job <{words[-1]}> is not found")
    elif program == "qstat":
        for path in sorted(folder.glob("*.pid")):
            if state(folder, path.stem) == "RUN":
                print(f"{path.stem:>7} 0.55500 metcn.x    someone      r     11/25/2026 10:00:00 all.q@node   1")
    elif program == "qacct":
        ended = {"DONE": (0, 0), "EXIT": (100, 137)}.get(state(folder, words[-1]))
        if ended is None:
            print(f"error: job id {words[-1]} not found", file=sys.stderr)
            return 1
        print(f"qname        all.q\nfailed       {ended[0]}\nexit_status  {ended[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
