"""Reference sequences (FASTA): what bins are made of, and where nothing is known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pysam

from metcn.errors import InputError

FASTA_BLOCK_BP = 1 << 23


@contextmanager
def htslib_quiet() -> Iterator[None]:
    """Keep htslib from printing, and from asking the network for reference sequences, which REF_PATH may name.

    What matters is raised as an error that names the file.
    """
    before, asked = pysam.set_verbosity(0), os.environ.get("REF_PATH")
    os.environ["REF_PATH"] = os.devnull
    try:
        yield
    finally:
        pysam.set_verbosity(before)
        if asked is None:
            os.environ.pop("REF_PATH", None)
        else:
            os.environ["REF_PATH"] = asked


def check_fasta(path: Path) -> None:
    """Nothing, if the reference sequence and its index are there.

    Raises
    ------
    InputError
        If one of them is missing.
    """
    if not path.is_file():
        raise InputError(f"the reference sequence {path} does not exist; correct fasta in the configuration")
    if not path.with_name(path.name + ".fai").exists():
        raise InputError(f"{path} has no index; run `samtools faidx {path}`")


@contextmanager
def open_fasta(path: str | Path) -> Iterator[pysam.FastaFile]:
    """An open indexed FASTA; closed when the block ends.

    Raises
    ------
    InputError
        If the file or its index is missing or damaged.
    """
    path = Path(path)
    check_fasta(path)
    with htslib_quiet():
        try:
            handle = pysam.FastaFile(str(path))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is not a readable FASTA ({error}); run `samtools faidx {path}` again") from error
        with handle:
            yield handle


def _bases(fasta: pysam.FastaFile, contig: str, start: int, end: int) -> np.ndarray:
    """Upper-case bases as bytes; positions beyond the contig's end read as N."""
    stop = min(end, fasta.get_reference_length(contig))
    try:
        text = fasta.fetch(contig, start, stop).upper() if start < stop else ""
    except (OSError, ValueError) as error:
        path = os.fsdecode(fasta.filename)
        raise InputError(f"{path} is not as its index says ({error}); run `samtools faidx {path}` again") from error
    return np.frombuffer(text.ljust(end - start, "N").encode(), dtype=np.uint8)


def base_content(
    fasta: pysam.FastaFile, contig: str, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """GC share among known bases, and share of unknown bases, of intervals on one contig.

    Parameters
    ----------
    start, end
        Intervals, shape (n,), sorted by start; they may overlap.

    Returns
    -------
    gc, unknown
        Shape (n,). GC is NaN where every base is unknown.
    """
    gc_bp, known_bp = np.zeros(len(start), dtype=np.int64), np.zeros(len(start), dtype=np.int64)
    first = 0
    while first < len(start):  # consecutive intervals that lie within one block are read at once
        last = max(first + 1, int(np.searchsorted(start, start[first] + FASTA_BLOCK_BP)))
        origin, stop = int(start[first]), int(end[first:last].max())
        bases = np.append(_bases(fasta, contig, origin, stop), np.uint8(ord("N")))
        edges = np.column_stack([start[first:last], end[first:last]]).ravel() - origin
        is_gc = (bases == ord("G")) | (bases == ord("C"))
        is_known = is_gc | (bases == ord("A")) | (bases == ord("T"))
        gc_bp[first:last] = np.add.reduceat(is_gc, edges, dtype=np.int64)[::2]
        known_bp[first:last] = np.add.reduceat(is_known, edges, dtype=np.int64)[::2]
        first = last
    gc = np.divide(gc_bp, known_bp, out=np.full(len(start), np.nan), where=known_bp > 0)
    return gc, 1.0 - known_bp / np.maximum(end - start, 1)


def unknown_runs(fasta: pysam.FastaFile, contig: str) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of every run of unknown bases (N) of one contig, in order."""
    length = fasta.get_reference_length(contig)
    edges = []
    before = False
    for origin in range(0, length, FASTA_BLOCK_BP):
        unknown = _bases(fasta, contig, origin, min(origin + FASTA_BLOCK_BP, length)) == ord("N")
        edges.append(np.flatnonzero(np.diff(unknown, prepend=before)) + origin)
        before = bool(unknown[-1])
    positions = np.concatenate([*edges, [length] if before else []]).astype(np.int64)
    return positions[::2], positions[1::2]


def base(fasta: pysam.FastaFile, contig: str, place: int) -> str:
    """The base at a place (from 0) in capitals; N beyond the contig's end.

    Raises
    ------
    InputError
        If the file is not as its index says.
    """
    return bytes(_bases(fasta, contig, place, place + 1)).decode()
