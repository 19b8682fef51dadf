"""What BAI, CSI and CRAI indices tell without reading the alignment: how many records, and where their bytes lie.

Layouts: SAM specification, section 5.2 (BAI); CSI specification version 1; CRAM specification, section 12 (CRAI).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from metcn.errors import InputError
from metcn.io import decompress

SUFFIXES = {"bam": (".bai", ".csi"), "cram": (".crai",)}
BYTES_PER_INFLATED = 0.25
"""Typical compression of a BAM; it only places records within one block of at most 64 KiB."""

_BAI_SHIFT, _BAI_DEPTH = 14, 5
_CHUNK_BYTES = 16
_LAST_OFFSET = (1 << 64) - 1


class Range(NamedTuple):
    """Virtual offsets of a BAM between which records lie, the header too at 0; ``stop`` is None for the file's end."""

    start: int
    stop: int | None


class Places(NamedTuple):
    """Virtual offsets (a block's place in the file << 16 | place in the block) of one contig's records.

    Attributes
    ----------
    position, overlapping : ndarray
        Tiles in bp, ascending, and the offset of the first record that overlaps each.
    own_position, own : ndarray
        Tiles that hold whole records, and the offset of the first of those.
    begin, end : int
        Offset of the contig's first record, and that behind its last one; 0 without any, or where the index lacks it.
    starts : ndarray
        Offsets of some of its records, in any order: a BAI's ``overlapping``, the first of each of a CSI's bins.
    """

    position: np.ndarray
    overlapping: np.ndarray
    own_position: np.ndarray
    own: np.ndarray
    begin: int
    end: int
    starts: np.ndarray


@dataclass(frozen=True)
class Index:
    """Where each contig's bytes lie.

    Attributes
    ----------
    records : int or None
        Records counted when the index was made, unplaced ones included; None if the index does not count.
    mapped : int or None
        Those of them that are aligned.
    marks : list of (ndarray, ndarray)
        Per contig of the header: positions in bp, ascending, and byte of the file (as float) where records of that
        position begin. Bytes between two marks hold the records that begin between them.
    places : list of Places
        Per contig of the header: where to begin and to end reading; empty for a CRAM.
    reach : int
        Byte to which the last slice of a CRAM reaches at least; 0 for a BAM, whose records are counted.
    """

    records: int | None
    marks: list[tuple[np.ndarray, np.ndarray]]
    places: list[Places]
    reach: int = 0
    mapped: int | None = None


class _Cut(Exception):
    """The index ends early or holds an impossible number."""


def beside(path: Path, kind: str) -> list[Path]:
    """Index files beside an alignment, the preferred one first."""
    names = [name for suffix in SUFFIXES[kind] for name in (path.name + suffix, path.stem + suffix)]
    return [index for index in map(path.with_name, names) if index.exists()]


def find(path: Path, kind: str) -> Path:
    """The index of an alignment.

    Raises
    ------
    InputError
        If there is none.
    """
    found = beside(path, kind)
    if not found:
        raise InputError(f"{path} has no index ({' or '.join(SUFFIXES[kind])}); run `samtools index {path}`")
    return found[0]


def read(index: Path) -> Index:
    """The content of an index, told apart by what it contains.

    Raises
    ------
    InputError
        If it is damaged, or no index.
    """
    try:
        content = index.read_bytes()
        if not content:
            raise _Cut("it is empty")
        if content[:2] == b"\x1f\x8b":
            content = decompress.gunzip(content)
        if (index.suffix == ".crai") == (content[:4] in (b"BAI\1", b"CSI\1")):
            raise _Cut("it is none of its name's kind")
        if content[:4] == b"BAI\1":
            return _binned(content, 4, _BAI_SHIFT, _BAI_DEPTH, linear=True)
        if content[:4] == b"CSI\1":
            shift, depth, auxiliary = _numbers(content, 4, "iii")
            return _binned(content, 16 + auxiliary, shift, depth, linear=False)
        return _crai(content)
    except (_Cut, OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise InputError(f"the index {index} is damaged ({error}); run `samtools index` again") from error


def _numbers(content: bytes, at: int, layout: str) -> tuple[int, ...]:
    """Little-endian numbers at a place."""
    try:
        return struct.unpack_from("<" + layout, content, at)
    except struct.error as error:
        raise _Cut("it ends early") from error


def _count(content: bytes, at: int, item_bytes: int) -> int:
    """How many items follow a count, if they can fit into what is left."""
    (number,) = _numbers(content, at, "i")
    if not 0 <= number * item_bytes <= len(content) - at - 4:
        raise _Cut(f"{number} items at byte {at} cannot be")
    return number


def _binned(content: bytes, at: int, shift: int, depth: int, *, linear: bool) -> Index:
    """A BAI or, without ``linear`` offsets, a CSI; ``at`` is where the number of contigs stands."""
    if not (0 < shift < 40 and 0 < depth < 10):
        raise _Cut("its resolution cannot be")
    records, mapped, counted, marks, places = 0, 0, False, [], []
    contigs = _count(content, at, 4)
    at += 4
    for _ in range(contigs):
        leaves, starts, statistics, at = _bins(content, at, depth, linear=linear)
        begin = int(starts.min(where=starts > 0, initial=_LAST_OFFSET)) if starts.any() else 0
        end = statistics[1] if statistics else 0
        if statistics:
            records, mapped, counted = records + statistics[2] + statistics[3], mapped + statistics[2], True
            begin = min(begin, statistics[0]) if begin else 0
        if linear:
            tiles = _count(content, at, 8)
            tile, offset = np.arange(tiles), np.frombuffer(content, "<u8", tiles, at + 4)
            at += 4 + 8 * tiles
        else:
            tile, offset = leaves[0].astype(np.int64), leaves[1]
        marks.append(_marks(tile, offset, shift, end))
        held = offset > 0
        own = leaves[0].astype(np.int64) << shift, leaves[2]
        known = offset[held] if linear else starts
        places.append(Places(tile[held] << shift, offset[held], *own, begin, end, known))
    if counted and len(content) - at >= 8:
        records += _numbers(content, at, "Q")[0]
    return Index(records if counted else None, marks, places, mapped=mapped if counted else None)


def _bins(content: bytes, at: int, depth: int, *, linear: bool) -> tuple[np.ndarray, np.ndarray, tuple[int, ...], int]:
    """One contig's finest bins, the first offset of each bin, the statistics, and where its bins end.

    Of the finest bins, in order: number, smallest offset of an overlapping record, of an own one. The statistics, if
    there are any: first and last offset, records, unmapped ones.
    """
    first_leaf = ((1 << 3 * depth) - 1) // 7
    statistics_bin = ((1 << 3 * (depth + 1)) - 1) // 7 + 1
    found: list[int] = []
    statistics: tuple[int, ...] = ()
    last = len(content)
    bins = _count(content, at, 8)
    at += 4
    head = struct.Struct("<Ii" if linear else "<IQi")
    fields_at, first_at = head.unpack_from, struct.Struct("<Q").unpack_from
    try:
        for _ in range(bins):  # a hundred thousand of them: no call that can be spared
            fields = fields_at(content, at)
            number, chunks = fields[0], fields[-1]
            at += head.size
            end = at + chunks * _CHUNK_BYTES
            if not at <= end <= last:
                raise _Cut(f"{chunks} items at byte {at - 4} cannot be")
            if number == statistics_bin and chunks == 2:
                statistics = _numbers(content, at, "QQQQ")
            elif chunks:
                found += (number, 0 if linear else fields[1], *first_at(content, at))
            at = end
    except struct.error as error:
        raise _Cut("it ends early") from error
    held = np.array(found, dtype=np.uint64).reshape(-1, 3)
    leaves = held[held[:, 0] >= first_leaf] - np.array([first_leaf, 0, 0], dtype=np.uint64)
    return leaves[np.argsort(leaves[:, 0], kind="stable")].T, held[:, 2], statistics, at


def _marks(tile: np.ndarray, offset: np.ndarray, shift: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and bytes of the tiles that hold records, closed by the end of the contig's records."""
    held = offset > 0
    position = tile[held].astype(np.int64) << shift
    byte = _byte(offset[held])
    if len(position) and end:
        position = np.append(position, position[-1] + (1 << shift))
        byte = np.append(byte, _byte(np.array([end], dtype=np.uint64)))
    return position, np.maximum.accumulate(byte) if len(byte) else byte


def _byte(virtual: np.ndarray) -> np.ndarray:
    """Place in the file of virtual offsets, a block's inside by typical compression."""
    virtual = virtual.astype(np.uint64)
    return (virtual >> np.uint64(16)).astype(float) + (virtual & np.uint64(0xFFFF)).astype(float) * BYTES_PER_INFLATED


def _crai(content: bytes) -> Index:
    """A CRAI: one line per slice with contig, start, span, the container's and the slice's offset, and size."""
    rows: list[Sequence[int]] = [[int(cell) for cell in line.split(b"\t")] for line in content.splitlines()]
    if any(len(row) != 6 for row in rows):
        raise _Cut("expected lines of six numbers")
    if not rows:
        return Index(0, [], [])
    contig, start, span, container, within, size = np.array(rows, dtype=np.int64).T
    marks = []
    for number in range(max(int(contig.max()), -1) + 1):
        own = np.flatnonzero(contig == number)
        own = own[np.argsort(start[own], kind="stable")]
        if len(own) == 0:
            marks.append((np.empty(0, np.int64), np.empty(0)))
            continue
        position = np.append(start[own], (start[own] + span[own]).max()) - 1
        marks.append((position, np.concatenate([[0.0], np.cumsum(size[own], dtype=float)])))
    return Index(None, marks, [], int((container + within + size).max()))
