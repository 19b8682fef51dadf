"""BAM, CRAM and FASTA in: the only module that knows pysam, and the one place a faster reader would replace.

Records leave here as chunks of one structured array (:data:`RECORD`), so that everything behind it is vectorised and
does not see how they were read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pysam

from metcn import bgzf, indices
from metcn.errors import InputError
from metcn.sam import MATE_UNMAPPED, PAIRED

RECORD = np.dtype(
    [
        ("reference_id", np.int32),
        ("start", np.int64),
        ("end", np.int64),
        ("template_length", np.int32),
        ("flag", np.uint16),
        ("mapping_quality", np.uint8),
    ]
)
"""One alignment record. ``end`` is -1 where ``template_length`` tells the fragment's extent (reading it costs)."""

HAS_MATE = PAIRED | MATE_UNMAPPED

CHUNK_RECORDS = 1 << 18
FASTA_BLOCK_BP = 1 << 23
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
REQUIRED_FIELDS = b"required_fields=0x1fe"  # FLAG to TLEN; a CRAM's bases and qualities need not be decoded


@dataclass(frozen=True)
class Alignment:
    """An open BAM or CRAM: its contigs (name to length, in header order) and what is odd but harmless about it."""

    path: Path
    handle: pysam.AlignmentFile
    contigs: dict[str, int]
    warnings: tuple[str, ...]


@contextmanager
def _htslib_quiet() -> Iterator[None]:
    """Keep htslib from printing: what matters is raised as an error that names the file."""
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)


def _inflated_start(path: Path) -> bytes:
    """First four bytes of a BGZF file."""
    start = b""
    for block in bgzf.blocks(path):
        start += block
        if len(start) >= 4:
            break
    return start[:4]


def _container(path: Path) -> str:
    """``bam`` or ``cram``, by content, of a file that is complete.

    Raises
    ------
    InputError
        If the file is missing, empty, neither, damaged at its beginning, or lacks its end-of-file marker.
    """
    try:
        with open(path, "rb") as handle:
            head = handle.read(18)
            size = handle.seek(0, 2)
            handle.seek(max(0, size - 64))
            tail = handle.read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path and its permissions") from error
    if size == 0:
        raise InputError(f"{path} is empty; copy or make it again")
    if head[:4] == b"CRAM":
        kind, complete = "cram", b"EOF" in tail
    elif head[:4] == b"\x1f\x8b\x08\x04" and _inflated_start(path) == b"BAM\1":
        kind, complete = "bam", tail.endswith(BGZF_END)
    else:
        raise InputError(
            f"expected BAM or CRAM, {path} begins with {head[:8]!r}; convert it with `samtools sort -o out.bam`"
        )
    if not complete:
        raise InputError(f"{path} is truncated: its end-of-file block is missing; copy or make it again")
    return kind


def _index_warnings(path: Path, kind: str) -> tuple[str, ...]:
    """A warning if the index is older than the file."""
    if indices.find(path, kind).stat().st_mtime < path.stat().st_mtime:
        return (f"the index of {path.name} is older than the file",)
    return ()


def _check_fasta(path: Path) -> None:
    """Nothing, if the reference sequence and its index are there."""
    if not path.is_file():
        raise InputError(f"the reference sequence {path} does not exist; correct fasta in the configuration")
    if not path.with_name(path.name + ".fai").exists():
        raise InputError(f"{path} has no index; run `samtools faidx {path}`")


def _handle(stream: BinaryIO, path: Path, fasta: str | Path | None, threads: int) -> pysam.AlignmentFile:
    """The opened file, as a CRAM if there is a ``fasta``.

    It is opened by number: given a name, htslib loads the index as well, and some damaged ones end the process.
    """
    options: dict[str, Any] = {"mode": "rb"}
    if fasta is not None:
        options = {"mode": "rc", "reference_filename": str(fasta), "format_options": [REQUIRED_FIELDS]}
        options["threads"] = threads
    try:
        return pysam.AlignmentFile(stream.fileno(), check_sq=False, **options)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a readable BAM or CRAM ({error}); copy or make it again") from error


def header(path: str | Path) -> tuple[str, dict[str, int]]:
    """``bam`` or ``cram``, and the contigs, name to length, of a complete file of which nothing else is read.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated or neither.
    """
    path = Path(path)
    kind = _container(path)
    with _htslib_quiet(), open(path, "rb") as stream, _handle(stream, path, None, 1) as handle:
        return kind, dict(zip(handle.references, handle.lengths, strict=True))


@contextmanager
def open_alignment(path: str | Path, fasta: str | Path | None = None, *, threads: int = 1) -> Iterator[Alignment]:
    """An open, complete, coordinate-sorted and indexed BAM or CRAM; closed when the block ends.

    Parameters
    ----------
    path
        BAM or CRAM, told apart by content.
    fasta
        Reference sequence; required for CRAM, so that htslib never looks for one on the network.
    threads
        Threads that decode a CRAM.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated, without index, not sorted by coordinate, or a CRAM without ``fasta``.
    """
    path = Path(path)
    kind = _container(path)
    warnings = _index_warnings(path, kind)
    if kind == "cram" and fasta is None:
        raise InputError(f"{path} is CRAM, which needs its reference sequence; set fasta in the configuration")
    if kind == "cram":
        _check_fasta(Path(str(fasta)))
    with _htslib_quiet(), open(path, "rb") as stream:
        handle = _handle(stream, path, fasta if kind == "cram" else None, threads)
        try:
            order = handle.header.to_dict().get("HD", {}).get("SO", "unknown")
            if order in ("queryname", "unsorted"):
                raise InputError(
                    f"expected {path} sorted by coordinate, its header says {order}; run `samtools sort` and index it"
                )
            contigs = dict(zip(handle.references, handle.lengths, strict=True))
            if not contigs:
                raise InputError(f"{path} names no contigs in its header; align the reads to a reference first")
            yield Alignment(path, handle, contigs, warnings)
        finally:
            with suppress(OSError):  # closing a damaged file fails as well, after its damage has been reported
                handle.close()


def indexed_records(alignment: Alignment) -> int:
    """Fewest records there must be: as many as a BAM's index counts; of a CRAM one, if its index lists a slice.

    Raises
    ------
    InputError
        If the index is damaged.
    """
    kind = "bam" if alignment.handle.is_bam else "cram"
    index = indices.read(indices.find(alignment.path, kind))
    return int(any(len(places) > 0 for places, _ in index.marks)) if index.records is None else index.records


def read_records(alignment: Alignment, *, chunk: int = CHUNK_RECORDS) -> Iterator[np.ndarray]:
    """Every record, unmapped ones included, in file order: arrays of :data:`RECORD` of up to ``chunk`` rows.

    Raises
    ------
    InputError
        If the file turns out to be damaged.
    """
    try:
        reads = alignment.handle.fetch(until_eof=True)
        fields = (
            (
                read.reference_id,
                read.reference_start,
                -1 if read.template_length and read.flag & HAS_MATE == PAIRED else read.reference_end or -1,
                read.template_length,
                read.flag,
                read.mapping_quality,
            )
            for read in reads
        )
        while len(records := np.fromiter(islice(fields, chunk), dtype=RECORD)):
            yield records
    except (OSError, ValueError) as error:
        raise InputError(
            f"{alignment.path} is damaged ({error}); check it with `samtools quickcheck` and make it again"
        ) from error


@contextmanager
def open_fasta(path: str | Path) -> Iterator[pysam.FastaFile]:
    """An open indexed FASTA; closed when the block ends.

    Raises
    ------
    InputError
        If the file or its index is missing or damaged.
    """
    path = Path(path)
    _check_fasta(path)
    with _htslib_quiet():
        try:
            handle = pysam.FastaFile(str(path))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is not a readable FASTA ({error}); run `samtools faidx {path}` again") from error
        with handle:
            yield handle


def _bases(fasta: pysam.FastaFile, contig: str, start: int, end: int) -> np.ndarray:
    """Upper-case bases as bytes; positions beyond the contig's end read as N."""
    stop = min(end, fasta.get_reference_length(contig))
    text = fasta.fetch(contig, start, stop).upper() if start < stop else ""
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
