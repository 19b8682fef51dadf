"""What Snakemake keeps beside its results: by it corrections are noticed, and what has none is made again.

A result without a record, copied from elsewhere or written by ``metcn call``, would be taken for current whatever it
was made of, so Snakemake is told to make it. The names of records are those of Snakemake 9 (``FilePersistence``); were
they to change, everything would be made again, which a test tells.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

RECORDS = ".snakemake/metadata"
LONGEST_NAME = 255


def without(directory: Path, paths: Iterable[str]) -> list[str]:
    """Those of the results, given by paths relative to the output folder, that are there but have no record."""
    return [path for path in paths if (directory / path).exists() and not _record(directory, path).exists()]


def note(paths: Sequence[str]) -> str:
    """The beginning of a sentence on results without a record."""
    number = "a result" if len(paths) == 1 else f"{len(paths)} results"
    return f"no record in {RECORDS} tells what {number} such as {paths[0]} came from"


def forget(directory: Path, paths: Iterable[str]) -> None:
    """Remove the records of results that were written by something else than Snakemake."""
    for path in paths:
        _record(directory, path).unlink(missing_ok=True)


def _record(directory: Path, path: str) -> Path:
    """Where the record of a result is: its path in base 64, cut where it is longer than a file's name may be."""
    folder = directory / RECORDS
    name = base64.urlsafe_b64encode(path.encode()).decode()
    length = (os.pathconf(folder, "PC_NAME_MAX") if folder.is_dir() else LONGEST_NAME) - 1
    *first, last = [name[start : start + length] for start in range(0, len(name), length)]
    return folder.joinpath(*(f"@{part}" for part in first), last)
