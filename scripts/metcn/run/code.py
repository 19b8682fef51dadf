"""Which code stands behind a stage, as a digest, so that a change of it makes the stage run again.

Snakemake compares rule parameters between runs but does not look into the modules behind a command. The digest is such
a parameter: of the stage's folder, of the folders of earlier stages, whose results it reads and whose functions it may
use, and of what lies below them all. How the command line and the workflow start a stage is no part of it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from metcn import files
from metcn.run.stages import STAGES

BELOW = ("genome", "io", "reads", "stats", "")  # folders that every stage may use; "" is the package's own modules
SOURCES = (".py", ".html", ".js", ".css")
CRITERIA_STAGES = ("calls", "compare", "report", "cohort")  # whose results change with resources/criteria


@cache
def digest(stage: str, genome: str) -> str:
    """Digest of the code and of the project's own data that a stage's result depends on."""
    order = list(STAGES)
    whole = hashlib.sha256()
    for folder in (*BELOW, *order[: order.index(stage) + 1]):
        whole.update(_of_folder(files.PACKAGE / folder, deep=bool(folder)).encode())
    data = [files.resource_root() / genome]
    data += [files.resource_root() / "criteria"] if stage in CRITERIA_STAGES else []
    for folder_path in data:
        whole.update(_of_folder(folder_path, deep=True, endings=()).encode())
    return whole.hexdigest()[:16]


@cache
def _of_folder(folder: Path, *, deep: bool, endings: tuple[str, ...] = SOURCES) -> str:
    """Digest of the files of a folder, and of those below it if ``deep``, by name and content."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*") if deep else folder.glob("*")):
        if path.is_file() and (path.suffix in endings or not endings):
            found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
