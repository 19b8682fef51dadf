"""Aligned blocks of reads that pass, and what two mates share, read by read: base depth by a plain loop.

:mod:`metcn.reads.scan_blocks` does the same for the bytes of a BAM; this is for reads as pysam
gives them, and its oracle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pysam

from metcn.reads import sam

ROWS = 1 << 17
TIDY_FROM = 1 << 12

Spans = Sequence[tuple[int, int]]


def passes(read: pysam.AlignedSegment, filters: sam.Filters) -> bool:
    """Whether a read passes the filters of :func:`metcn.reads.fragments.fragments`, whichever mate it is."""
    refused = sam.UNMAPPED | sam.SECONDARY | sam.SUPPLEMENTARY | sam.QC_FAILED
    refused |= 0 if filters.keep_duplicates else sam.DUPLICATE
    if read.flag & refused or read.reference_id < 0 or read.mapping_quality < filters.min_mapq:
        return False
    length = abs(read.template_length)
    if read.flag & (sam.PAIRED | sam.MATE_UNMAPPED) != sam.PAIRED or length == 0:
        return filters.min_fragment_bp <= 0
    return filters.min_fragment_bp <= length <= filters.max_fragment_bp


def shared(one: Spans, other: Spans) -> Iterator[tuple[int, int]]:
    """What the blocks of two reads have in common."""
    for start, end in one:
        for begin, stop in other:
            if max(start, begin) < min(end, stop):
                yield max(start, begin), min(end, stop)


class Reads:
    """Aligned blocks (M, = and X) of the reads that pass, handed to ``sink``; reads in the order of the file go in.

    Mates are found by name and by each other's place. What both of them cover is handed over once more with its ends
    exchanged: to be taken off.
    """

    def __init__(self, filters: sam.Filters, sink: sam.Blocks) -> None:
        self._filters, self._sink = filters, sink
        self._rows: list[tuple[int, int, int]] = []
        self._waiting: dict[tuple[str | None, int, int], list[Spans]] = {}
        self._contig, self._tidy_at = -1, TIDY_FROM

    def add(self, read: pysam.AlignedSegment) -> None:
        """Take a read."""
        if not passes(read, self._filters):
            return
        if read.reference_id != self._contig:
            self._contig = read.reference_id
            self._waiting.clear()
        own = read.get_blocks()
        self._rows += [(self._contig, *span) for span in own]
        if read.flag & (sam.PAIRED | sam.MATE_UNMAPPED) == sam.PAIRED and read.next_reference_id == self._contig:
            self._pair(read, own)
        if len(self._rows) > ROWS:
            self.flush()

    def flush(self) -> None:
        """Hand over what has been collected."""
        self._sink(*np.array(self._rows, dtype=np.int64).reshape(-1, 3).T)
        self._rows.clear()

    def _pair(self, read: pysam.AlignedSegment, own: Spans) -> None:
        """Take off what a read shares with its mate, or remember it until its mate comes."""
        start, mate = read.reference_start, read.next_reference_start
        others = self._waiting.get((read.query_name, mate, start)) if mate <= start else None
        if others:
            self._rows += [(self._contig, end, begin) for begin, end in shared(own, others.pop())]
        elif start <= mate < (read.reference_end or start):
            self._waiting.setdefault((read.query_name, start, mate), []).append(own)
            if len(self._waiting) > self._tidy_at:  # mates that did not pass never come
                self._waiting = {key: value for key, value in self._waiting.items() if value and key[2] >= start}
                self._tidy_at = max(TIDY_FROM, 2 * len(self._waiting))
