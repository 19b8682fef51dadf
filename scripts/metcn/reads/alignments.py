"""BAM and CRAM in: with :mod:`metcn.io.fasta` all that knows pysam, and the one place a faster reader would replace.

Records leave here as chunks of one structured array (:data:`RECORD`), so that everything behind it is vectorised and
does not see how they were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pysam

from metcn.errors import InputError
from metcn.io import fasta as sequences
from metcn.reads import bgzf, cram_layout, index_files
from metcn.reads.sam import MATE_UNMAPPED, PAIRED

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
REQUIRED_FIELDS = b"required_fields=0x1fe"  # FLAG to TLEN; a CRAM's bases and qualities need not be decoded
WITH_NAMES = b"required_fields=0x1ff"
NOT_BY_PLACE = ("queryname", "unsorted")  # what a header says of records that are not sorted by coordinate


class Stretch(NamedTuple):
    """A part of a contig (by its number in the header), 0-based half-open."""

    contig: int
    start: int
    end: int


@dataclass(frozen=True)
class Alignment:
    """An open BAM or CRAM: its contigs (name to length, in header order) and what is odd but harmless about it.

    ``fields`` says to htslib what of a CRAM is decoded.
    """

    path: Path
    handle: pysam.AlignmentFile
    contigs: dict[str, int]
    warnings: tuple[str, ...]
    fasta: Path | None = None
    fields: bytes = REQUIRED_FIELDS

    @cached_property
    def index(self) -> index_files.Index:
        """Its index.

        Raises
        ------
        InputError
            If the index is damaged.
        """
        return index_files.read(index_files.find(self.path, "bam" if self.handle.is_bam else "cram"))

    @property
    def named(self) -> frozenset[str]:
        """The samples that the header's read groups name."""
        groups = self.handle.header.to_dict().get("RG", [])
        return frozenset(group["SM"] for group in groups if group.get("SM"))


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
        kind, complete = "bam", tail.endswith(bgzf.END)
    else:
        raise InputError(
            f"expected BAM or CRAM, {path} begins with {head[:8]!r}; convert it with `samtools sort -o out.bam`"
        )
    if not complete:
        raise InputError(f"{path} is truncated: its end-of-file block is missing; copy or make it again")
    return kind


def _index_warnings(path: Path, kind: str) -> Iterator[str]:
    """A warning if the index is older than the file."""
    if index_files.find(path, kind).stat().st_mtime < path.stat().st_mtime:
        yield f"the index of {path} is older than the file; run `samtools index {path}` unless both were copied"


def _header_warnings(path: Path, header: Mapping[str, Any]) -> Iterator[str]:
    """Warnings about an order that the header denies, and about reads of several samples."""
    order = header.get("HD", {}).get("SO", "unknown")
    if order in NOT_BY_PLACE:
        yield f"the header of {path} says SO:{order}; it has an index, so it is read, and its order is checked"
    samples = {group["SM"] for group in header.get("RG", []) if group.get("SM")}
    if len(samples) > 1:
        yield (
            f"the read groups of {path} name {len(samples)} samples, whose reads are counted together; make sure that "
            "they are of one specimen"
        )


def _handle(
    stream: BinaryIO, path: Path, kind: str = "bam", fasta: str | Path | None = None, fields: bytes = REQUIRED_FIELDS
) -> pysam.AlignmentFile:
    """The opened file, with its index if it is opened as a CRAM.

    A BAM is opened by number: given a name, htslib loads the index as well, and some damaged ones end the process. So
    is a CRAM of which only the header is read. A CRAM is decoded by one thread: with several, htslib takes some damage
    between containers for the end of the file.

    Raises
    ------
    InputError
        If it is not readable, or a CRAM that lacks slices which its index lists.
    """
    options: dict[str, Any] = {"mode": "rb"}
    if kind == "cram":
        index = index_files.find(path, "cram")
        size, reach = path.stat().st_size, index_files.read(index).reach
        if size < reach:  # cut between two containers and closed again, a CRAM looks whole
            raise InputError(
                f"expected {reach:,} bytes or more by its index, found {size:,} in {path}; copy or make both again"
            )
        options = {"mode": "rc", "format_options": [fields], "index_filename": str(index)}
        options |= {} if fasta is None else {"reference_filename": str(fasta)}
    try:
        source = stream.fileno() if kind == "bam" else str(path)
        return pysam.AlignmentFile(source, check_sq=False, **options)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a readable BAM or CRAM ({error}); copy or make it again") from error


def _check_index(path: Path, kind: str) -> None:
    """Pass if there is an index, without which nothing else can say that a file is sorted.

    Raises
    ------
    InputError
        If there is none.
    """
    if not index_files.beside(path, kind):
        with sequences.htslib_quiet(), open(path, "rb") as stream, _handle(stream, path) as handle:
            order = handle.header.to_dict().get("HD", {}).get("SO", "unknown")
        if order in NOT_BY_PLACE:
            raise InputError(
                f"expected {path} sorted by coordinate, its header says {order}; run `samtools sort` and index it"
            )
    index_files.find(path, kind)


def _check_reference(path: Path, fasta: str | Path | None) -> None:
    """Pass if a CRAM has the reference sequence that it needs.

    Raises
    ------
    InputError
        If not.
    """
    if fasta is not None:
        sequences.check_fasta(Path(fasta))
    elif cram_layout.needs_reference(path):
        raise InputError(f"{path} is CRAM, which needs its reference sequence; set fasta in the configuration")


def header(path: str | Path) -> tuple[str, dict[str, int]]:
    """``bam`` or ``cram``, and the contigs, name to length, of a complete file of which nothing else is read.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated or neither.
    """
    path = Path(path)
    kind = _container(path)
    with sequences.htslib_quiet(), open(path, "rb") as stream, _handle(stream, path) as handle:
        return kind, dict(zip(handle.references, handle.lengths, strict=True))


@contextmanager
def open_alignment(path: str | Path, fasta: str | Path | None = None, *, names: bool = False) -> Iterator[Alignment]:
    """An open, complete, coordinate-sorted and indexed BAM or CRAM; closed when the block ends.

    Parameters
    ----------
    path
        BAM or CRAM, told apart by content.
    fasta
        Reference sequence; required for a CRAM unless it was made without one or holds its own. None is ever looked for
        on the network.
    names
        Decode the reads' names of a CRAM too.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated, without index, or a CRAM without the ``fasta`` that it needs. Whether
        its records are sorted is found out while they are read.
    """
    path = Path(path)
    kind = _container(path)
    _check_index(path, kind)
    if kind == "cram":
        _check_reference(path, fasta)
    fields = WITH_NAMES if names else REQUIRED_FIELDS
    with sequences.htslib_quiet(), open(path, "rb") as stream:
        handle = _handle(stream, path, kind, fasta, fields)
        try:
            warnings = (*_index_warnings(path, kind), *_header_warnings(path, handle.header.to_dict()))
            contigs = dict(zip(handle.references, handle.lengths, strict=True))
            if not contigs:
                raise InputError(f"{path} names no contigs in its header; align the reads to a reference first")
            yield Alignment(path, handle, contigs, warnings, None if fasta is None else Path(fasta), fields)
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
    index = alignment.index
    return int(any(len(places) > 0 for places, _ in index.marks)) if index.records is None else index.records


def read_records(
    alignment: Alignment,
    stretches: Sequence[Stretch] | None = None,
    *,
    chunk: int = CHUNK_RECORDS,
    further: Callable[[pysam.AlignedSegment], None] | None = None,
) -> Iterator[np.ndarray]:
    """Every record, unmapped ones included, in file order: arrays of :data:`RECORD` of up to ``chunk`` rows.

    Given ``stretches`` (disjoint, in order), only the records that overlap one, each once; that needs a file opened
    with its index. ``further`` gets each of them as pysam gives it.

    Raises
    ------
    InputError
        If the file turns out to be damaged.
    """
    try:
        reads: Iterator[pysam.AlignedSegment] = (
            alignment.handle.fetch(until_eof=True) if stretches is None else _overlapping(alignment.handle, stretches)
        )
        if further is not None:
            reads = _shown(reads, further)
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


def _shown(
    reads: Iterator[pysam.AlignedSegment], further: Callable[[pysam.AlignedSegment], None]
) -> Iterator[pysam.AlignedSegment]:
    """The reads, each of which ``further`` has seen."""
    for read in reads:
        further(read)
        yield read


def first_record(alignment: Alignment) -> tuple[int, int] | None:
    """Contig and position of the first record; None without any. Call it once, before anything else is read."""
    for records in read_records(alignment, chunk=1):
        return int(records["reference_id"][0]), int(records["start"][0])
    return None


def _overlapping(handle: pysam.AlignmentFile, stretches: Sequence[Stretch]) -> Iterator[pysam.AlignedSegment]:
    """Reads that overlap the stretches; one that overlaps two of them comes with the first."""
    before = Stretch(-1, 0, 0)
    for stretch in stretches:
        seen = before.end if before.contig == stretch.contig else 0
        for read in handle.fetch(handle.get_reference_name(stretch.contig), stretch.start, stretch.end):
            if read.reference_start >= seen:
                yield read
        before = stretch
