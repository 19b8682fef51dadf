"""Aligned blocks straight from the bytes of a BAM: what :mod:`metcn.reads.blocks` gives, by a compiled loop.

A read waits for its mate from its own place to its mate's, so no more wait than overlap one place of the genome.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metcn.errors import InputError
from metcn.reads import sam
from metcn.reads.jit import compiled

ROWS = 1 << 18
LARGEST_GAIN = 1 << 17  # rows that one record can add: its own blocks, and those it shares with its mate
WAITING, POOL = 1 << 12, 1 << 17  # at first; both grow with the depth

_HEAD, _FIXED = 4, 32  # bytes of a record's size, and of its fields of fixed width
_DONE, _FULL, _CROWDED, _LONG = range(4)
_WRITTEN, _WAITING, _POOLED, _CONTIG = range(4)  # places in what is in use
_KEY, _START, _MATE, _FIRST, _COUNT, _NEXT = range(6)  # columns of the reads that wait
_F_PAIRED, _F_MATE_UNMAPPED = sam.PAIRED, sam.MATE_UNMAPPED
_REFUSED = sam.UNMAPPED | sam.SECONDARY | sam.SUPPLEMENTARY | sam.QC_FAILED
_INTO_BLOCK = 1 << 0 | 1 << 7 | 1 << 8  # CIGAR's M, = and X
_SKIPS = 1 << 2 | 1 << 3  # D and N
_CLIP_ALL, _SKIP_ALL = 4, 3  # S, then N: the real CIGAR is in a tag (SAM specification, section 4.2.2)


@compiled
def _int32(data, at):
    """Little-endian signed integer of four bytes."""
    value = (
        np.int64(data[at]) | np.int64(data[at + 1]) << 8 | np.int64(data[at + 2]) << 16 | np.int64(data[at + 3]) << 24
    )
    return (value ^ 0x80000000) - 0x80000000


@compiled
def _passes(data, at, flag, rules):
    """Whether a record passes the filters, whichever mate it is."""
    if flag & rules[0] or _int32(data, at) < 0 or data[at + 9] < rules[1]:
        return False
    length = abs(_int32(data, at + 28))
    if flag & (_F_PAIRED | _F_MATE_UNMAPPED) != _F_PAIRED or length == 0:
        return rules[2] <= 0
    return rules[2] <= length <= rules[3]


@compiled
def _hash(data, at):
    """FNV-1a of a record's name, 64 bits."""
    value = np.uint64(0xCBF29CE484222325)
    for place in range(at + _FIXED, at + _FIXED + data[at + 8]):
        value = (value ^ np.uint64(data[place])) * np.uint64(0x100000001B3)
    return np.int64(value)


@compiled
def _aligned(data, at, operations, rows, written):
    """Rows after those of a record's blocks, and where it ends on the contig; -1 if its CIGAR is not to be had."""
    contig, reach = _int32(data, at), _int32(data, at + 4)
    cigar = at + _FIXED + np.int64(data[at + 8])
    first = written
    for place in range(cigar, cigar + 4 * operations, 4):
        word = _int32(data, place) & 0xFFFFFFFF
        operation, length = word & 15, word >> 4
        if operations == 2 and place > cigar and operation == _SKIP_ALL and data[cigar] & 15 == _CLIP_ALL:
            return written, -1
        if _INTO_BLOCK >> operation & 1 and length > 0:
            if written > first and rows[written - 1, 2] == reach:
                rows[written - 1, 2] += length
            else:
                rows[written, 0], rows[written, 1], rows[written, 2] = contig, reach, reach + length
                written += 1
        if (_INTO_BLOCK | _SKIPS) >> operation & 1:
            reach += length
    return written, reach


@compiled
def _shared(rows, first, last, pool, begin, stop):
    """Rows after those that take off what the blocks ``first`` to ``last`` share with the pool's."""
    mine, written = first, last
    while mine < last and begin < stop:
        low, high = max(rows[mine, 1], pool[begin, 0]), min(rows[mine, 2], pool[begin, 1])
        if low < high:
            rows[written, 0], rows[written, 1], rows[written, 2] = rows[mine, 0], high, low
            written += 1
        if rows[mine, 2] < pool[begin, 1]:
            mine += 1
        else:
            begin += 1
    return written


@compiled
def _keep(waiting, pool, heads, used, position):
    """Only reads whose mates lie at ``position`` or beyond it keep waiting, in the same order."""
    heads[:] = -1
    kept = pooled = 0
    for row in range(used[_WAITING]):
        if waiting[row, _MATE] >= position:
            first, count = waiting[row, _FIRST], waiting[row, _COUNT]
            waiting[kept] = waiting[row]
            pool[pooled : pooled + count] = pool[first : first + count]
            bucket = waiting[kept, _KEY] & (len(heads) - 1)
            waiting[kept, _FIRST], waiting[kept, _NEXT], heads[bucket] = pooled, heads[bucket], kept
            kept += 1
            pooled += count
    used[_WAITING], used[_POOLED] = kept, pooled


class Room(NamedTuple):
    """What is collected; int64.

    Attributes
    ----------
    rows
        Contig, start and end of blocks, shape (room, 3).
    waiting, pool, heads
        Reads whose mates come later and may overlap them, the blocks of these reads, and the first one's number in each
        bucket of names.
    used
        How much of them is in use, and the contig of the reads that wait.
    """

    rows: np.ndarray
    waiting: np.ndarray
    pool: np.ndarray
    heads: np.ndarray
    used: np.ndarray


@compiled
def _collect(data, at, end, rules, room):
    """How far records were taken, and why no further.

    Parameters
    ----------
    data, at, end
        Bytes of records, and where in them the first begins and the last ends.
    rules
        int64: refused flags, lowest mapping quality, shortest and longest fragment.
    room
        `Room`.
    """
    rows, waiting, pool, heads, used = room
    while at < end:
        record = at + _HEAD
        operations = np.int64(data[record + 12]) | np.int64(data[record + 13]) << 8
        if used[_WRITTEN] > len(rows) - LARGEST_GAIN:
            return at, _FULL
        if used[_WAITING] == len(waiting) or used[_POOLED] + operations > len(pool):
            return at, _CROWDED
        at += _HEAD + _int32(data, at)
        flag = np.int64(data[record + 14]) | np.int64(data[record + 15]) << 8
        if not _passes(data, record, flag, rules):
            continue
        contig, start, mate = _int32(data, record), _int32(data, record + 4), _int32(data, record + 24)
        if contig != used[_CONTIG]:
            heads[:] = -1
            used[_WAITING], used[_POOLED], used[_CONTIG] = 0, 0, contig
        first = used[_WRITTEN]
        last, reach = _aligned(data, record, operations, rows, first)
        if reach < 0:
            return at, _LONG
        used[_WRITTEN] = last
        has_mate = flag & (_F_PAIRED | _F_MATE_UNMAPPED) == _F_PAIRED and _int32(data, record + 20) == contig
        if not has_mate or mate >= reach:
            continue
        key = _hash(data, record)
        bucket = key & (len(heads) - 1)
        other = heads[bucket] if mate <= start else -1
        while other >= 0 and (
            waiting[other, _KEY] != key or waiting[other, _START] != mate or waiting[other, _MATE] != start
        ):
            other = waiting[other, _NEXT]
        if other >= 0:
            begin = waiting[other, _FIRST]
            used[_WRITTEN] = _shared(rows, first, last, pool, begin, begin + waiting[other, _COUNT])
            waiting[other, _MATE] = -1
        elif mate >= start:
            row, begin = used[_WAITING], used[_POOLED]
            pool[begin : begin + last - first] = rows[first:last, 1:]
            waiting[row, _KEY], waiting[row, _START], waiting[row, _MATE] = key, start, mate
            waiting[row, _FIRST], waiting[row, _COUNT], waiting[row, _NEXT] = begin, last - first, heads[bucket]
            heads[bucket] = row
            used[_WAITING] += 1
            used[_POOLED] += last - first
    return at, _DONE


class Scan:
    """Aligned blocks of the reads that pass, handed to ``sink``; bytes of records go in."""

    def __init__(self, source: str, filters: sam.Filters, sink: sam.Blocks) -> None:
        self._source, self._sink = source, sink
        refused = _REFUSED if filters.keep_duplicates else _REFUSED | sam.DUPLICATE
        window = filters.min_fragment_bp, filters.max_fragment_bp
        self._rules = np.array([refused, filters.min_mapq, *window], dtype=np.int64)
        self._rows = np.empty((ROWS, 3), dtype=np.int64)
        self._waiting = np.empty((WAITING, _NEXT + 1), dtype=np.int64)
        self._pool = np.empty((POOL, 2), dtype=np.int64)
        self._heads = np.full(WAITING, -1, dtype=np.int64)
        self._used = np.array([0, 0, 0, -1], dtype=np.int64)

    def add(self, data: np.ndarray, begin: int, end: int) -> None:
        """Take the sound, whole records of ``data`` from byte ``begin`` to ``end``.

        Raises
        ------
        InputError
            If a read's CIGAR is too long for its field.
        """
        state = _FULL
        while state != _DONE:
            room = Room(self._rows, self._waiting, self._pool, self._heads, self._used)
            begin, state = _collect(data, begin, end, self._rules, room)
            if state == _FULL:
                self.flush()
            elif state == _CROWDED:
                self._make_room(int.from_bytes(data[begin + 8 : begin + 12].tobytes(), "little", signed=True))
            elif state == _LONG:
                raise InputError(
                    f"expected reads of at most 65,535 CIGAR operations, found a longer one in {self._source}; "
                    "set counts.unit to fragments"
                )

    def flush(self) -> None:
        """Hand over what has been collected."""
        rows = self._rows[: self._used[_WRITTEN]]
        self._sink(rows[:, 0], rows[:, 1], rows[:, 2])
        self._used[_WRITTEN] = 0

    def _make_room(self, position: int) -> None:
        """Forget reads whose mates did not come; if that does not help much, make the lists twice as long."""
        _keep(self._waiting, self._pool, self._heads, self._used, position)
        if 2 * self._used[_WAITING] > len(self._waiting) or 2 * self._used[_POOLED] > len(self._pool):
            self._waiting = np.concatenate([self._waiting, np.empty_like(self._waiting)])
            self._pool = np.concatenate([self._pool, np.empty_like(self._pool)])
            self._heads = np.empty(2 * len(self._heads), dtype=np.int64)
            _keep(self._waiting, self._pool, self._heads, self._used, position)
