"""What makes a result stale: the facts and files behind a stage as one text, which Snakemake compares between runs.

Of a rule's parameters Snakemake compares only those that do not depend on its inputs, and of input files it notices
only newer time stamps. So each rule has a parameter of its own with everything told to its stage, and the state of each
file that the user gave: a corrected cell, or a file put in the place of another, whatever its age, is a new mark.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from metcn import provenance
from metcn.run.stages import several

# Argument -> endings of the files beside an input by which it is read, and whether they may take its ending's place.
INDICES = {"alignment": ((".bai", ".csi", ".crai"), True), "fasta": ((".fai", ".gzi"), False)}

SMALL = ("own_criteria",)  # arguments whose files are compared by their content


def mark(facts: Mapping[str, str], inputs: Mapping[str, str | list[str]]) -> str:
    """Readable text that changes with any fact or input file, e.g. ``purity=0.4 specimen=tissue files=0f3a...``.

    Parameters
    ----------
    facts
        What a stage is told, by argument. A patient's name is replaced by a digest, since Snakemake shows what changed.
    inputs
        Paths by argument; absolute ones are files of the user, relative ones results of earlier stages, whose changes
        Snakemake follows by itself.
    """
    words = [f"{name}={_unnamed(value) if name == 'patient' else value}" for name, value in sorted(facts.items())]
    states = {name: [[path, *_states(name, Path(path))] for path in several(paths)] for name, paths in inputs.items()}
    return " ".join([*words, f"files={provenance.digest(states)}"])


def _unnamed(name: str) -> str:
    """Eight digits that stand for a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _states(argument: str, path: Path) -> Iterator[tuple[int, int] | str]:
    """Size and time stamp of a file of the user and of its indices, links followed; nothing of what does not exist.

    The content is not read, since an alignment may have 100 GB, and there may be hundreds; of criteria sets it is what
    counts.
    """
    if argument in SMALL and path.is_file():
        yield hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        return
    for each in (path, *_beside(argument, path)) if path.is_absolute() else ():
        try:
            state = each.stat()
        except OSError:
            continue
        yield state.st_size, state.st_mtime_ns


def _beside(argument: str, path: Path) -> list[Path]:
    """Where the indices of a file may lie."""
    suffixes, either = INDICES.get(argument, ((), False))
    names = (path.name, path.stem) if either else (path.name,)
    return [path.with_name(name + suffix) for suffix in suffixes for name in names]
