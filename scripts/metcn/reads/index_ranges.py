"""Where in a BAM the records of some stretches lie, by its index; every place is checked against the file itself.

An index that was made for another file, or is damaged, sends its reader to wrong places, and too few reads look like a
loss of the genome. So the first record of a range must begin at or before its stretch, and the record behind the
range beyond it; where the index's nearest entry fails, the next one is tried.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from metcn.errors import InputError
from metcn.reads import alignments, bgzf, index_files
from metcn.reads.alignments import Alignment, Stretch
from metcn.reads.index_files import Range

PARTS_PER_THREAD = 16  # so many that threads end at about the same time
LARGEST_PART = 1 << 26  # bytes: reading may be given up after each part

_HEAD = struct.Struct("<4xii")  # a record's size, contig and position


def ranges(alignment: Alignment, stretches: Iterable[Stretch]) -> list[Range]:
    """Disjoint ranges, in file order, that hold every record that overlaps or begins in a stretch (and some others).

    Raises
    ------
    InputError
        If the index is damaged, or is not the file's own.
    """
    places = alignment.index.places
    first = alignments.first_record(alignment)
    found = []
    for stretch in stretches:
        own = places[stretch.contig] if stretch.contig < len(places) else None
        if own is not None and own.begin:
            start, stop = _start(alignment.path, own, stretch), _stop(alignment.path, own, stretch)
            if stop is not None and stop < start:
                raise _other_index(alignment.path)
            found.append(Range(start, stop))
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


def split(alignment: Alignment, whole: Sequence[Range], threads: int) -> list[Range]:
    """The same ranges in parts of about as many bytes, for ``threads`` to share; not in parts if the index is bad.

    An index has places where records begin. Whether each part ends at one is found out where it is scanned; a
    look at where they begin tells beforehand nearly every index that is damaged or of another file.
    """
    path, places = alignment.path, alignment.index.places
    ends = np.array([each.end for each in places], dtype=np.uint64)
    seams = np.sort(np.concatenate([ends, *(each.starts for each in places)]), kind="stable")
    seams = seams[seams < path.stat().st_size << 16]
    part = min(bytes_of(path, whole) // (PARTS_PER_THREAD * threads), LARGEST_PART) << 16
    parts = []
    for start, stop in whole:
        while (place := int(np.searchsorted(seams, np.uint64(start + part), side="right"))) < len(seams):
            seam = int(seams[place])
            if stop is not None and seam >= stop:
                break
            parts.append(Range(start, seam))
            start = seam
        parts.append(Range(start, stop))
    try:
        records = [_record(path, each.start) for each in parts if each.start]
    except InputError:
        return list(whole)
    contigs = [record[0] for record in records if record is not None]
    return parts if all(-1 <= contig < len(alignment.contigs) for contig in contigs) else list(whole)


def slices_bytes(alignment: Alignment, stretches: Iterable[Stretch]) -> int:
    """Bytes of a CRAM's slices that hold records of the stretches."""
    marks = alignment.index.marks
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


def _check_without(
    path: Path, contig: int, before: Sequence[index_files.Places], first: tuple[int, int] | None
) -> None:
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


def _start(path: Path, own: index_files.Places, stretch: Stretch) -> int:
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


def _stop(path: Path, own: index_files.Places, stretch: Stretch) -> int | None:
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
    if place >= path.stat().st_size:
        raise _other_index(path)
    blocks = bgzf.blocks(path, start=place, piece_bytes=bgzf.LARGEST_BLOCK)
    content = next(blocks, None)
    if content is None or inside > len(content):
        raise _other_index(path)
    content = content[inside:]
    while len(content) < _HEAD.size:  # a record's head may lie in the next block
        more = next(blocks, None)
        if more is None and not content:
            return None
        if more is None:
            raise _other_index(path)
        content += more
    contig, position = _HEAD.unpack_from(content)
    return contig, position


def _other_index(path: Path) -> InputError:
    """The error for an index that does not lead to the records it names."""
    return InputError(f"the index of {path} is damaged, or of another file; run `samtools index {path}`")
