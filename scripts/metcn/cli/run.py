"""``metcn run``: check everything first, then hand over to Snakemake and translate how it ended."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from metcn import files
from metcn.cli import output_lock, snakefile
from metcn.errors import InputError
from metcn.run import config, failures, leftovers, metadata_records, plan, stages

NOTE_MARK = "metcn: note: "
DONE, FAILED = 0, 1
COMPLETE = "logs/config.yaml"  # every key with its value and absolute paths: what the results were made with
DRY_RUN = frozenset({"-n", "--dry-run", "--dryrun"})
STATE = ("metadata", "incomplete")  # what Snakemake keeps of earlier runs, from which it tells what is to be done


def run(
    *,
    samples: Path | None,
    configfile: Path,
    directory: Path,
    cores: int | None,
    profile: str | None,
    dry_run: bool,
    unlock: bool,
    snakemake: Sequence[str],
    keep: Sequence[int] = (),
) -> int:
    """Exit status of the workflow, after sample sheet and configuration were found to be right.

    ``snakemake`` holds further arguments of Snakemake, ``keep`` descriptors of files that stay open in it, of which one
    is a lock that keeps others off the folder.

    Raises
    ------
    InputError
        If the sheet, the configuration or an input of a stage is wrong, or another run is at work in the folder.
    """
    if unlock or "--unlock" in snakemake:
        output_lock.unlock(directory)
        print(f"metcn: {directory} is unlocked; start the run again without --unlock", file=sys.stderr)
        return DONE
    from metcn.cli import preflight  # brings the scientific stack, which --help must not

    given = config.read(configfile)
    if samples is not None:
        given["samples"] = str(samples.parent.resolve() / samples.name)
    checked = plan.load(given, configfile.parent.resolve(), str(configfile))
    notes, faults = preflight.check(checked, directory)
    if checked.settings["reference"]["file"] and checked.normals:
        notes.append("a ready panel of normals is given, so the sheet's normals make none")
    for note in notes:
        print(f"{NOTE_MARK}{note}", file=sys.stderr)
    dry_run = dry_run or bool(DRY_RUN & set(snakemake))
    words = [*_profile(profile), *(["--cores", str(cores)] if cores else []), *(["--dry-run"] if dry_run else [])]
    words += ["--keep-going", *snakemake]
    if dry_run:
        return _show(directory, checked.settings, [*_earlier(checked, directory), *words], faults)
    if keep:
        return _work(directory, checked.settings, [*_earlier(checked, directory), *words], faults, keep)
    named = ["--samples", str(samples)] if samples is not None else []
    again = ["metcn", "run", *named, "--configfile", str(configfile), "--directory", str(directory), "--unlock"]
    with output_lock.held(directory, "metcn run", again) as lock:
        words = [*_earlier(checked, directory), *words]
        leftovers.write(leftovers.found(checked, directory), directory)
        return _work(directory, checked.settings, words, faults, [lock])


def _earlier(checked: plan.Plan, directory: Path) -> list[str]:
    """Options of Snakemake for results that lie in the folder already, after notes on them.

    Of those without a record nobody knows what they were made of, so that they are made again.
    """
    notes = leftovers.note(leftovers.found(checked, directory), directory)
    unknown = metadata_records.without(directory, leftovers.outputs(checked))
    if unknown:
        notes.append(f"{metadata_records.note(unknown)}, so these are made again")
    for note in notes:
        print(f"{NOTE_MARK}{note}", file=sys.stderr)
    return ["--forcerun", *unknown] if unknown else []


def _work(
    directory: Path, settings: Mapping[str, Any], words: Sequence[str], faults: Sequence[str], keep: Sequence[int]
) -> int:
    """Exit status of the workflow in its folder; ``faults`` were found in the data before.

    Raises
    ------
    InputError
        If an input turned out to be wrong: a line per message, after everything else was done.
    """
    started = time.time()
    status = _snakemake(directory, settings, words, keep)
    for line in _lines(directory / "logs", started, NOTE_MARK):
        print(NOTE_MARK + line, file=sys.stderr)
    done = directory / stages.path("cohort")
    lost = failures.read(directory, started) if status else []
    if done.is_file() and (status == 0 or lost):
        print(f"metcn: results are in {done}", file=sys.stderr)
    if status == 0 and faults:  # no stage met them again
        raise InputError("\n".join(faults))
    if status == 0:
        return DONE
    if lost:
        return _told(lost)
    problems = _input_errors(directory / "logs", since=started)
    if problems:
        raise InputError("\n".join(problems))
    print(f"metcn: the workflow failed; see the messages above and {directory / 'logs'}", file=sys.stderr)
    return FAILED


def _told(lost: Sequence[failures.Failure]) -> int:
    """Exit status of a run in which samples failed, if it is not bad input alone that failed them.

    Raises
    ------
    InputError
        If it is: a line per message.
    """
    lines = failures.sentences(lost)
    if all(failure.reason == "input_error" for failure in lost):
        raise InputError("\n".join(lines))
    for line in lines:
        print(f"{failures.ERROR_MARK}{line}", file=sys.stderr)
    return FAILED


def _show(directory: Path, settings: Mapping[str, Any], words: Sequence[str], faults: Sequence[str]) -> int:
    """Exit status of a dry run, which leaves no trace: Snakemake is shown the folder's content in another place.

    Raises
    ------
    InputError
        If the data of a sample are at fault, after the rest was shown.
    """
    with tempfile.TemporaryDirectory(prefix="metcn-") as name:
        seen = Path(name)
        for path in directory.absolute().iterdir() if directory.is_dir() else ():
            if path.name not in (".snakemake", "logs"):
                (seen / path.name).symlink_to(path)
        (seen / ".snakemake").mkdir()
        for state in STATE:
            path = directory.absolute() / ".snakemake" / state
            if path.is_dir():
                (seen / ".snakemake" / state).symlink_to(path)
        status = _snakemake(seen, settings, words, ())
    if faults:
        raise InputError("\n".join(faults))
    return FAILED if status else DONE


def _snakemake(directory: Path, settings: Mapping[str, Any], words: Sequence[str], keep: Sequence[int]) -> int:
    """Exit status of Snakemake in a folder, into which the complete configuration is written."""
    complete = directory.absolute() / COMPLETE
    files.write_text(complete, yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(files.workflow_root() / "Snakefile")]
    command += ["--configfile", str(complete), "--directory", str(directory.absolute()), *words]
    if "{" in str(directory.resolve()):  # Snakemake looks for its locks by a pattern that the folder is a part of
        command.append("--nolock")  # ours is held
    return _wait(command, _environment(directory), keep)


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
        **_identity(temporary),
    }


def _identity(folder: Path) -> dict[str, str]:
    """Name and folders of a user whom the system does not know, as in a container; nothing of one whom it knows.

    Snakemake asks for both, and has no use for either here.
    """
    named = {} if "HOME" in os.environ else {"HOME": str(folder)}
    try:
        getpass.getuser()
    except (KeyError, OSError):
        user = f"user{os.getuid()}"
        named |= {"USER": user, "LOGNAME": user, "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    return named


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
    if _lines(logs, since, failures.DEFECT_MARK):
        return []
    return _lines(logs, since, failures.ERROR_MARK)


def _lines(logs: Path, since: float, mark: str) -> list[str]:
    """What follows ``mark`` in lines of logs of this run that begin with it, each once."""
    lines = [line for path in sorted(logs.rglob("*.log")) for line in failures.read_log(path, since)]
    return list(failures.marked(lines, mark))
