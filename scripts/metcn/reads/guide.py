"""Where in a BAM the records of some stretches lie, by its index; every place is checked against the file itself.

An index that was made for another file, or is damaged, sends its reader to wrong places, and too few reads look like a
loss of the genome. So the first record of a range must begin at or before its stretch, and the record behind the
range beyond it; where the index's nearest entry fails, the next one is tried.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from metcn import sam
from metcn.errors import InputError
from metcn.reads import alignments, bgzf, indices
from metcn.reads.alignments import Alignment, Stretch

_HEAD = struct.Struct("<4xii")  # a record's size, contig and position


class Range(NamedTuple):
    """Virtual offsets between which records lie; ``stop`` is None for the end of the file."""

    start: int
    stop: int | None


def ranges(alignment: Alignment, stretches: Iterable[Stretch]) -> list[Range]:
    """Disjoint ranges, in file order, that hold every record that overlaps or begins in a stretch (and some others).

    Raises
    ------
    InputError
        If the index is damaged, or is not the file's own.
    """
    places = indices.read(indices.find(alignment.path, "bam")).places
    first = alignments.first_record(alignment)
    found = []
    for stretch in stretches:
        own = places[stretch.contig] if stretch.contig < len(places) else None
        if own is not None and own.begin:
            found.append(Range(_start(alignment.path, own, stretch), _stop(alignment.path, own, stretch)))
            continue
        _check_without(alignment.path, stretch.contig, places[: stretch.contig], first)
    joined: list[Range] = []
    for start, stop in sorted(found, key=lambda each: each.start):
        before = joined[-1] if joined else Range(0, 0)
        if before.stop is not None and before.stop < start:
            joined.append(Range(start, stop))
        elif before.stop is not None:
            joined[-1] = Range(before.start, None if stop is None else max(before.stop, stop))
    return joined


def slices_bytes(alignment: Alignment, stretches: Iterable[Stretch]) -> int:
    """Bytes of a CRAM's slices that hold records of the stretches."""
    marks = indices.read(indices.find(alignment.path, "cram")).marks
    total = 0.0
    reached: dict[int, int] = {}
    for contig, start, end in stretches:
        position, byte = marks[contig] if contig < len(marks) else (np.empty(0), np.empty(0))
        first = max(int(np.searchsorted(position, start, side="right")) - 1, reached.get(contig, 0))
        last = min(int(np.searchsorted(position, end)), len(byte) - 1)
        if first < last:
            total += byte[last] - byte[first]
            reached[contig] = last
    return round(total)


def bytes_of(path: Path, found: Sequence[Range]) -> int:
    """Bytes of the file that reading the ranges (disjoint, in order) takes."""
    size = path.stat().st_size
    total, limit = 0, size
    for start, stop in reversed(found):
        end = size if stop is None else (stop >> 16) + bgzf.LARGEST_BLOCK
        total += min(end, limit) - (start >> 16)
        limit = start >> 16
    return total


def fragments(
    alignment: Alignment,
    filters: sam.Filters,
    found: Iterable[Range],
    *,
    threads: int = 1,
    further: sam.Further | None = None,
) -> Iterator[sam.Chunk]:
    """Fragments as of :func:`metcn.reads.scan.fragments`, of the records of the ranges; ``further`` gets these too.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    from metcn.reads import scan  # needs numba; who cannot, reads the whole file

    records = scan.Records(str(alignment.path), len(alignment.contigs), filters, scan.CHUNK_FRAGMENTS, further)
    for each in found:
        start, begin = each.start >> 16, each.start & 0xFFFF
        stop, cut = (None, None) if each.stop is None else (each.stop >> 16, each.stop & 0xFFFF)
        blocks = bgzf.blocks(
            alignment.path, start=start, stop=stop + bool(cut) if stop is not None else None, threads=threads
        )
        held = next(blocks, None)
        for block in blocks:
            yield from records.add(held or b"", begin)
            held, begin = block, 0
        if held is not None:
            yield from records.add(held[: cut or None], begin)
        records.finish()
    yield records.take()


def _check_without(path: Path, contig: int, before: Sequence[indices.Places], first: tuple[int, int] | None) -> None:
    """Nothing, if the file has no records of a contig of which its index knows none.

    Parameters
    ----------
    before
        What the index knows of the contigs before it.
    first
        Contig and position of the file's first record.

    Raises
    ------
    InputError
        If it has some.
    """
    behind = max((each.end for each in before), default=0)
    if not behind and any(each.begin for each in before):
        return  # an index that does not tell where a contig's records end
    record = _record(path, behind) if behind else first
    if record is not None and 0 <= record[0] <= contig:
        raise _other_index(path)


def _start(path: Path, own: indices.Places, stretch: Stretch) -> int:
    """Offset at or before the first record that overlaps or begins in the stretch."""
    tile = int(np.searchsorted(own.position, stretch.start, side="right"))
    before = -1
    for offset in map(int, own.overlapping[:tile][::-1]):
        if own.begin < offset != before:  # tiles without records of their own repeat their neighbour's
            record = _record(path, offset)
            if record is not None and record[0] == stretch.contig and record[1] <= stretch.start:
                return offset
        before = offset
    record = _record(path, own.begin)
    if record is None or record[0] != stretch.contig:
        raise _other_index(path)
    return own.begin


def _stop(path: Path, own: indices.Places, stretch: Stretch) -> int | None:
    """Offset of a record beyond the stretch."""
    tile, own_tile = (int(np.searchsorted(side, stretch.end)) for side in (own.position, own.own_position))
    for most in (8, None):  # nearly always one of the next few entries
        near = own.overlapping[tile:][:most], own.own[own_tile:][:most]
        for offset in np.unique(np.concatenate(near)).tolist():
            record = _record(path, offset)
            if record is not None and record[0] == stretch.contig and record[1] >= stretch.end:
                return int(offset)
    if not own.end:
        return None
    record = _record(path, own.end)
    if record is not None and record[0] == stretch.contig:
        raise _other_index(path)
    return own.end


def _record(path: Path, offset: int) -> tuple[int, int] | None:
    """Contig and position of the record at a virtual offset; None at the end of the file.

    Raises
    ------
    InputError
        If nothing can be there.
    """
    place, inside = offset >> 16, offset & 0xFFFF
    size = path.stat().st_size
    if place >= size:
        raise _other_index(path)
    for reach in (1, bgzf.LARGEST_BLOCK + 1):  # a record's head may lie in the next block
        content = b"".join(bgzf.blocks(path, start=place, stop=place + reach))
        if len(content) >= inside + _HEAD.size:
            contig, position = _HEAD.unpack_from(content, inside)
            return contig, position
    if len(content) == inside and place + bgzf.LARGEST_BLOCK + len(bgzf.END) >= size:
        return None
    raise _other_index(path)


def _other_index(path: Path) -> InputError:
    """The error for an index that does not lead to the records it names."""
    return InputError(f"the index of {path} is damaged, or of another file; run `samtools index {path}`")
