"""Which code stands behind a stage, as a digest, so that a change of it makes the stage run again.

Snakemake compares rule parameters between runs but does not look into the modules behind a command. The digest is such
a parameter: of the stage's folder, of the folders of earlier stages, whose results it reads and whose functions it may
use, and of what lies below them all. How the command line and the workflow start a stage is no part of it.
"""

from __future__ import annotations

import hashlib
from functools import cache

from metcn import files, provenance
from metcn.run.stages import STAGES

BELOW = ("genome", "io", "reads", "stats")  # folders that every stage may use, beside the package's own modules
SOURCES = (".py", ".html", ".js", ".css")
CRITERIA_STAGES = ("calls", "compare", "report", "cohort")  # whose results change with resources/criteria


@cache
def digest(stage: str, genome: str) -> str:
    """Digest of the code and of the project's own data that a stage's result depends on."""
    order = list(STAGES)
    folders = [files.PACKAGE / name for name in (*BELOW, *order[: order.index(stage) + 1])]
    sources = [*files.PACKAGE.glob("*.py"), *(path for folder in folders for path in folder.rglob("*"))]
    names = [str(path.relative_to(files.PACKAGE)) for path in sources if path.suffix in SOURCES]
    whole = hashlib.sha256(provenance.code_digest(*names).encode())
    data = [files.resource_root() / genome]
    data += [files.resource_root() / "criteria"] if stage in CRITERIA_STAGES else []
    for folder in data:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            whole.update(path.name.encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()[:16]
