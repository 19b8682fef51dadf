"""Samples that a run could not finish: why, by the logs of their jobs, and the list of them in the output folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from metcn import files

ERROR_MARK = "metcn: error: "  # how the command line begins a line about bad input
BEGUN_MARK = "metcn: stage "  # how the log of a job says which stage begins, of which sample
DEFECT_MARK = "Traceback "
NO_SPACE = "cannot write "  # begins a message about the disk, which is no fault of the sample
LIST = "results/failed.tsv"  # below the output folder, only while samples of the last run lack their result
COLUMNS = ("sample", "stage", "reason", "message")
CLOCK_S = 1.0  # file systems round times


@dataclass(frozen=True)
class Failure:
    """A sample without the result that it should have: the stage it stopped in, the reason's code, one or more lines.

    The reason is ``input_error`` where a stage refused its input, ``not_finished`` where a job ended in any other way.
    """

    sample: str
    stage: str
    reason: str
    messages: tuple[str, ...]


def by_log(sample: str, stage: str, log: Path, since: float) -> Failure | None:
    """What the log of a failed job says of its end; None if it says nothing, or is older than the run.

    It is of the stage and the sample that the log says were begun last ("" for a stage of the whole run), else of those
    given.

    A traceback is a defect of ours, whatever else stands in the log.
    """
    lines = read_log(log, since)
    stage, sample = begun(lines) or (stage, sample)
    if any(line.startswith(DEFECT_MARK) for line in lines):
        defect = f"a defect of metcn ended the stage {stage}; report it with {log}"
        return Failure(sample, stage, "not_finished", (defect,))
    told = marked(lines, ERROR_MARK)
    if not told:
        return None
    disk = any(line.startswith(NO_SPACE) for line in told)
    return Failure(sample, stage, "not_finished" if disk else "input_error", told)


def begun(lines: Iterable[str]) -> tuple[str, str] | None:
    """Stage and sample ("" for a stage of the whole run) that a job had begun last, by its log; None if none."""
    marks = [line.removeprefix(BEGUN_MARK).split(" of ", 1) for line in lines if line.startswith(BEGUN_MARK)]
    return (marks[-1][0], marks[-1][1] if len(marks[-1]) > 1 else "") if marks else None


def read_log(path: Path, since: float) -> list[str]:
    """Lines of a log; none if it is not there or was written before ``since`` (seconds since the epoch)."""
    try:
        if path.stat().st_mtime < since - CLOCK_S:
            return []
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def marked(lines: Iterable[str], mark: str) -> tuple[str, ...]:
    """What follows ``mark`` in the lines that begin with it, each once."""
    return tuple(dict.fromkeys(line.removeprefix(mark) for line in lines if line.startswith(mark)))


def sentences(failures: Sequence[Failure]) -> list[str]:
    """One line per message, with the samples that it concerns."""
    samples: dict[str, list[str]] = {}
    for failure in failures:
        for message in failure.messages:
            samples.setdefault(message, []).append(failure.sample)
    return [
        f"sample{'s' if len(names) > 1 else ''} {', '.join(names)}: {message.removeprefix(f'sample {names[0]}: ')}"
        for message, names in samples.items()
    ]


def write(folder: Path, failures: Sequence[Failure]) -> None:
    """Write the list of failures below an output folder, a row per message."""
    text = io.StringIO()
    rows = csv.writer(text, delimiter="\t", lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(
        (failure.sample, failure.stage, failure.reason, message) for failure in failures for message in failure.messages
    )
    files.write_text(folder / LIST, text.getvalue())


def read(folder: Path, since: float) -> list[Failure]:
    """The list of failures of a run that began at ``since``; empty if it wrote none."""
    path = folder / LIST
    if not path.is_file() or path.stat().st_mtime < since - CLOCK_S:
        return []
    with open(path, encoding="utf-8", newline="") as handle:
        return [
            Failure(row["sample"], row["stage"], row["reason"], (row["message"],))
            for row in csv.DictReader(handle, delimiter="\t")
        ]
