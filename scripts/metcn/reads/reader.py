"""Fragments of an alignment, by the fastest way there is for it, and proof that none was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from metcn.errors import InputError
from metcn.reads import alignments, cram, index_ranges
from metcn.reads import blocks as aligned
from metcn.reads.alignments import Alignment, Stretch
from metcn.reads.fragments import fragments as fragments_of
from metcn.reads.index_files import Range
from metcn.reads.sam import Blocks, Chunk, Disorder, Filters

NO_CONTIG = 0xFFFFFFFF


@dataclass(frozen=True)
class Reading:
    """What of an alignment is read: its size, how many bytes of it, and where they lie (None: it is read whole).

    ``expected`` is the fewest records there must be in what is read.
    """

    bytes: int
    bytes_read: int
    expected: int
    stretches: Sequence[Stretch] | None = None
    ranges: Sequence[Range] = ()

    @property
    def mode(self) -> str:
        """``whole`` or ``guided``."""
        return "whole" if self.stretches is None else "guided"

    def told(self) -> dict[str, Any]:
        """What the summary says of it."""
        return {"mode": self.mode, "bytes": self.bytes, "bytes_read": self.bytes_read,
                "share": self.bytes_read / self.bytes}  # fmt: skip


def plan(opened: Alignment, filters: Filters, stretches: Sequence[Stretch] | None) -> Reading:
    """What to read so that fragments with their midpoint in ``stretches`` are complete; None for the whole file.

    A fragment's first record begins up to half of its length before its midpoint, and the longest one that counts is
    ``max_fragment_bp``. Without a compiler for this Python, a BAM is read whole.

    Raises
    ------
    InputError
        If the index is damaged, or is not the file's own.
    """
    size = opened.path.stat().st_size
    is_bam = opened.handle.is_bam
    if stretches is None or (is_bam and _compiled() is None):
        ranges = [Range(0, None)] if is_bam else []
        return Reading(size, size, alignments.indexed_records(opened), ranges=ranges)
    wider = _widened(stretches, filters.max_fragment_bp)
    if not is_bam:
        part = index_ranges.slices_bytes(opened, wider)
        return Reading(size, part, int(part > 0), wider)
    ranges = index_ranges.ranges(opened, wider)
    return Reading(size, index_ranges.bytes_of(opened.path, ranges), int(bool(ranges)), wider, ranges)


def fragments(
    opened: Alignment,
    filters: Filters,
    *,
    threads: int = 1,
    what: Reading | None = None,
    blocks: Blocks | None = None,
) -> Iterator[Chunk]:
    """Fragments of a BAM or CRAM in chunks; the tallies add up to those of all that is read.

    ``blocks`` gets the aligned blocks of all reads that pass, the last ones before this ends.

    Raises
    ------
    InputError
        If the file is damaged, its records are not in order, or it has fewer of them than its index says.
    """
    what = plan(opened, filters, None) if what is None else what
    found = 0
    for chunk in _chunks(opened, filters, threads, what, blocks):
        found += chunk.tally["records"]
        yield chunk
    if found < what.expected:
        raise InputError(_too_few(opened, found, what.expected))


def _chunks(opened: Alignment, filters: Filters, threads: int, what: Reading, blocks: Blocks | None) -> Iterator[Chunk]:
    """Chunks by the compiled scan, or record by record."""
    if (parts := _compiled()) is None:
        yield from _one_by_one(opened, filters, what, blocks)
        return
    further = None
    if blocks is not None:
        from metcn.reads import scan_blocks  # like the scan, needs a compiler

        further = scan_blocks.Scan(str(opened.path), filters, blocks)
    if not opened.handle.is_bam:
        yield from cram.fragments(opened, filters, stretches=what.stretches, further=further)
    else:
        ranges = what.ranges if threads == 1 or further else index_ranges.split(opened, what.ranges, threads)
        yield from parts.fragments(opened, filters, ranges, threads=threads, further=further)
    if further is not None:
        further.flush()


def _one_by_one(opened: Alignment, filters: Filters, what: Reading, blocks: Blocks | None) -> Iterator[Chunk]:
    """Chunks of records that pysam reads."""
    further = None if blocks is None else aligned.Reads(filters, blocks)
    before = (0, -1)
    for part in alignments.read_records(opened, what.stretches, further=None if further is None else further.add):
        before = _in_order(opened, part, before)
        yield fragments_of(part, **filters._asdict())
    if further is not None:
        further.flush()


def _in_order(opened: Alignment, records: np.ndarray, before: tuple[int, int]) -> tuple[int, int]:
    """Contig and start of the last record, if none lies before the one in front of it; ``before`` is that of the first.

    Raises
    ------
    InputError
        Naming the first record that does.
    """
    contig = np.r_[before[0], records["reference_id"]].astype(np.uint32)  # those without a contig come last
    start = np.where(contig == NO_CONTIG, 0, np.r_[before[1], records["start"]])
    wrong = (contig[1:] < contig[:-1]) | ((contig[1:] == contig[:-1]) & (start[1:] < start[:-1]))
    if wrong.any():
        row, names = int(np.argmax(wrong)), list(opened.contigs)
        first = "reads without a place" if contig[row] == NO_CONTIG else f"{names[contig[row]]}:{start[row] + 1:,}"
        raise Disorder(str(opened.path), f"{names[contig[row + 1]]}:{start[row + 1] + 1:,}", first)
    return int(records["reference_id"][-1]), int(start[-1])


def _compiled() -> ModuleType | None:
    """The compiled scan; None where there is no compiler for this Python: the same numbers, slower."""
    with suppress(ImportError):
        from metcn.reads import parallel_scan as parts

        return parts
    return None


def _widened(stretches: Sequence[Stretch], by: int) -> list[Stretch]:
    """The stretches with ``by`` bases more in front, joined where they then touch."""
    joined: list[Stretch] = []
    for contig, start, end in stretches:
        start = max(0, start - by)
        if joined and joined[-1].contig == contig and start <= joined[-1].end:
            joined[-1] = Stretch(contig, joined[-1].start, max(end, joined[-1].end))
        else:
            joined.append(Stretch(contig, start, end))
    return joined


def _too_few(opened: Alignment, found: int, expected: int) -> str:
    """What to say of a file that ends early although it looks complete."""
    if opened.handle.is_bam:
        return (
            f"expected the {expected:,} records that its index counts, found {found:,} in {opened.path}; copy or make "
            "both again, or run `samtools index` if the records were taken out on purpose"
        )
    return (
        f"expected records, found none in {opened.path}, though its index has {expected:,} slices; its reference "
        "sequence may be another: set fasta to the one it was made with"
    )
