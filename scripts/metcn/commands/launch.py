"""``metcn run``: check everything first, then hand over to Snakemake and translate how it ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from metcn import files
from metcn.commands import records, snakefile
from metcn.errors import InputError
from metcn.run import config, layout, leftovers, plan

ERROR_MARK = "metcn: error: "  # how the command line begins a line about bad input
NOTE_MARK = "metcn: note: "
FAILED = 1
COMPLETE = "logs/config.yaml"  # every key with its value and absolute paths: what the results were made with


def run(
    *,
    samples: Path | None,
    configfile: Path,
    directory: Path,
    cores: int | None,
    profile: str | None,
    dry_run: bool,
    snakemake: Sequence[str],
    keep: Sequence[int] = (),
) -> int:
    """Exit status of the workflow, after sample sheet and configuration were found to be right.

    ``snakemake`` holds further arguments of Snakemake, ``keep`` descriptors of files that stay open in it.

    Raises
    ------
    InputError
        If the sheet, the configuration or an input of a stage is wrong.
    """
    from metcn.stages import preflight  # brings the scientific stack, which --help must not

    given = config.read(configfile)
    if samples is not None:
        given["samples"] = str(samples.parent.resolve() / samples.name)
    checked = plan.load(given, configfile.parent.resolve(), str(configfile))
    notes = preflight.check(checked, directory)
    if checked.settings["reference"]["file"] and checked.normals:
        notes.append("a ready panel of normals is given, so the sheet's normals make none")
    unknown = records.without(directory, leftovers.outputs(checked))
    if unknown and "--touch" not in snakemake:
        notes.append(f"{records.note(unknown)}, so these are made again")
    for note in notes:
        print(f"{NOTE_MARK}{note}", file=sys.stderr)
    complete = directory.absolute() / COMPLETE
    files.write_text(complete, yaml.safe_dump(checked.settings, sort_keys=False, allow_unicode=True))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(files.workflow_root() / "Snakefile")]
    command += ["--forcerun", *unknown] if unknown else []
    command += ["--configfile", str(complete), "--directory", str(directory.absolute())]
    command += _profile(profile) + (["--cores", str(cores)] if cores else []) + (["--dry-run"] if dry_run else [])
    started = time.time()
    status = _wait([*command, *snakemake], _environment(directory), keep)
    for line in _lines(directory / "logs", started, NOTE_MARK):
        print(NOTE_MARK + line, file=sys.stderr)
    if status == 0:
        if not dry_run:
            leftovers.write(leftovers.found(checked, directory), directory)
        done = directory / layout.path("cohort")
        if done.is_file() and not dry_run:
            print(f"metcn: results are in {done}", file=sys.stderr)
        return 0
    problems = _input_errors(directory / "logs", since=started)
    if problems:
        raise InputError("\n".join(problems))
    print(f"metcn: the workflow failed; see the messages above and {directory / 'logs'}", file=sys.stderr)
    return FAILED


def _profile(name: str | None) -> list[str]:
    """Snakemake's options for one of our profiles, or for one of the user's."""
    if name is None:
        return []
    ours = files.workflow_root() / "profiles" / name
    return ["--workflow-profile", str(ours)] if ours.is_dir() else ["--profile", name]


def _environment(directory: Path) -> dict[str, str]:
    """The environment with Snakemake's cache and temporary files in the output folder: others may be full or shared."""
    cache, temporary = (directory.absolute() / ".snakemake" / name for name in ("cache", "tmp"))
    try:
        cache.mkdir(parents=True, exist_ok=True)
        temporary.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {directory}: {error.strerror}; choose another --directory") from error
    path = os.pathsep.join(filter(None, [str(files.PACKAGE.parent), os.environ.get("PYTHONPATH", "")]))
    return {
        **os.environ,
        snakefile.CHECKED: "1",
        "XDG_CACHE_HOME": str(cache),
        "TMPDIR": str(temporary),
        "PYTHONPATH": path,
    }


def _wait(command: list[str], environment: dict[str, str], keep: Sequence[int]) -> int:
    """Exit status of a command; an interrupt reaches it as well, and is left to it to end its jobs."""
    with subprocess.Popen(command, env=environment, pass_fds=keep) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _input_errors(logs: Path, since: float) -> list[str]:
    """What jobs of this run had to say about bad input, each sentence once."""
    if _lines(logs, since, "Traceback "):
        return []
    return _lines(logs, since, ERROR_MARK)


def _lines(logs: Path, since: float, mark: str) -> list[str]:
    """What follows ``mark`` in lines of logs of this run that begin with it, each once."""
    recent = [path for path in sorted(logs.rglob("*.log")) if path.stat().st_mtime >= since - 1]
    lines = [line for path in recent for line in path.read_text(errors="replace").splitlines()]
    return list(dict.fromkeys(line.removeprefix(mark) for line in lines if line.startswith(mark)))
