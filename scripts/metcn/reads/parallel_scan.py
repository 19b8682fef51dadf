"""Fragments of the records in some ranges of a BAM, which several threads inflate and scan, each a range at a time.

The first range begins where a record does. Each must end where a record of its own ends, and the blocks before its last
one where that begins, or the file is refused. So the ranges that a stretch is cut into begin with records as well, and
hold all of it once, whatever the index was that said where to cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import Queue

from metcn.reads import bgzf, sam, scan
from metcn.reads.alignments import Alignment
from metcn.reads.index_files import Range

_Seam = tuple[int, tuple[int, int] | None, int]  # a range's start, and what `scan.Records.seam` says of it


def fragments(
    alignment: Alignment,
    filters: sam.Filters,
    ranges: Sequence[Range],
    *,
    threads: int = 1,
    chunk: int = scan.CHUNK_FRAGMENTS,
    further: sam.Further | None = None,
) -> Iterator[sam.Chunk]:
    """Fragments as of :func:`metcn.reads.fragments.fragments`, in chunks, of the records of the ranges.

    Parameters
    ----------
    alignment
        An open BAM.
    filters
        Which fragments count.
    ranges
        Disjoint, in file order.
    threads
        Threads that scan a range each, so that chunks come in no order; for a single range, or with ``further``,
        threads that inflate.
    chunk
        Most fragments of a chunk. Its arrays are good until the next chunk is asked for.
    further
        Gets every record that was scanned, in order.

    Raises
    ------
    InputError
        If the file is damaged, its records are not in order, or a range does not end where a record does.
    """
    new = partial(scan.Records, str(alignment.path), list(alignment.contigs), filters, chunk, further)
    if threads == 1 or len(ranges) < 2 or further is not None:
        yield from _scanned(alignment.path, new(), ranges, threads)
    else:
        yield from _shared_out(alignment.path, [new() for _ in range(threads)], ranges)


def _scanned(path: Path, records: scan.Records, ranges: Iterable[Range], threads: int = 1) -> Iterator[sam.Chunk]:
    """Chunks of the ranges, one after the other."""
    for each in ranges:
        yield from records.add_all(_blocks(path, each, threads), each.start)
    yield records.take()


def _blocks(path: Path, each: Range, threads: int) -> Iterator[bytes]:
    """Blocks of a range, the last one as far as the range goes."""
    place, cut = (None, 0) if each.stop is None else divmod(each.stop, 1 << 16)
    yield from bgzf.blocks(path, start=each.start >> 16, stop=place, threads=threads)
    if cut:
        last = next(bgzf.blocks(path, start=place or 0, piece_bytes=bgzf.LARGEST_BLOCK), b"")
        yield last[:cut]


def _shared_out(path: Path, scans: Sequence[scan.Records], ranges: Sequence[Range]) -> Iterator[sam.Chunk]:
    """The same by as many threads as there are ``scans``, each of which takes the next range when it is ready."""
    left = iter([ranges[-1], *ranges[:-1]])  # what has no place in the genome comes last, and cannot be cut
    seams: list[_Seam] = []
    found: Queue[sam.Chunk | None] = Queue(2)  # so short that memory does not grow with what nobody has fetched yet

    def work(records: scan.Records) -> None:
        """Scan ranges until none is left."""
        try:
            for each in left:
                for part in _scanned(path, records, [each]):
                    found.put(_copied(part))
                seams.append((each.start, *records.seam()))
        finally:
            deque(left, maxlen=0)  # after damage, the others end with the ranges that they are at
            found.put(None)

    working = len(scans)
    bgzf.keep_freed_memory()
    with ThreadPoolExecutor(working) as pool:
        jobs = [pool.submit(work, records) for records in scans]
        try:
            while working:
                if (part := found.get()) is None:
                    working -= 1
                else:
                    yield part
        finally:  # nobody may want the rest
            deque(left, maxlen=0)
            while working:
                working -= found.get() is None
    for job in jobs:
        job.result()
    _check_order(seams, scans[0])


def _copied(chunk: sam.Chunk) -> sam.Chunk:
    """The chunk with arrays of its own."""
    contig, midpoint, length, tally, filtered = chunk
    own = sam.Filtered(*(values.copy() for values in filtered))
    return sam.Chunk(contig.copy(), midpoint.copy(), length.copy(), tally, own)


def _check_order(seams: Iterable[_Seam], records: scan.Records) -> None:
    """Pass if each range begins where the one before it ends or behind; within each, its scan has seen to that.

    Raises
    ------
    InputError
        Naming the first record of the first range that does not.
    """
    before = -1
    for _, first, last in sorted(seams, key=lambda seam: seam[0]):
        if first is not None:
            if scan.place_of(*first) < before:
                raise records.disorder(*first, before)
            before = last
