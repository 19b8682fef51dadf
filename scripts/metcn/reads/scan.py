"""Fragments straight from the bytes of a BAM: a compiled loop over its records (SAM specification, section 4.2).

It gives what :func:`metcn.reads.fragments.fragments` gives for the same records, without an object or a row per record:
some 10 ns each, so that a file is counted about as fast as it inflates. Importing this module needs numba; who cannot,
reads records with :mod:`metcn.reads.alignments` instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from metcn.errors import InputError
from metcn.reads import sam
from metcn.reads.jit import compiled as _compiled

CHUNK_FRAGMENTS = 1 << 17
LARGEST_RECORD = 1 << 28
"""Bytes. Whole chromosomes aligned as one read take less; a size beyond it is no size but noise."""

_HEAD, _FIXED = 4, 32  # bytes of a record's size, and of its fields of fixed width
_MORE, _FULL, _DAMAGED, _DISORDERED = range(4)
_WRITTEN, _LEFT_OUT, _PLACE = range(3)  # in the state of a scan: what it has written, and where the last record begins
_NOWHERE = 1 << 62  # place of records without a contig: behind all others
# Place in the tally of each fate, as constants that the compiler sees.
(_RECORDS, _UNMAPPED, _SECONDARY, _SUPPLEMENTARY, _QC_FAILED, _DUPLICATE, _LOW_MAPQ, _SECOND, _SIZE, _FRAGMENTS) = (
    range(len(sam.TALLIES))
)
_F_PAIRED, _F_UNMAPPED, _F_MATE_UNMAPPED, _F_FIRST = sam.PAIRED, sam.UNMAPPED, sam.MATE_UNMAPPED, sam.FIRST
_F_SECONDARY, _F_QC_FAILED, _F_DUPLICATE = sam.SECONDARY, sam.QC_FAILED, sam.DUPLICATE
_F_SUPPLEMENTARY = sam.SUPPLEMENTARY
_ON_REFERENCE = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 7 | 1 << 8  # CIGAR's M, D, N, = and X


@_compiled
def _int32(data, at):
    """Little-endian signed integer of four bytes."""
    place = np.uint64(at)  # unsigned, so that the compiler need not ask whether it counts from the end
    value = (
        np.int64(data[place])
        | np.int64(data[place + np.uint64(1)]) << 8
        | np.int64(data[place + np.uint64(2)]) << 16
        | np.int64(data[place + np.uint64(3)]) << 24
    )
    return (value ^ 0x80000000) - 0x80000000


@_compiled
def _is_sound(data, at, size, contigs):
    """Whether a record's parts fit into its size and its contigs exist, as htslib asks."""
    if size < _FIXED:
        return False
    contig, mate_contig, bases = _int32(data, at), _int32(data, at + 20), _int32(data, at + 16)
    operations = np.int64(data[at + 12]) | np.int64(data[at + 13]) << 8
    if contig < -1 or contig >= contigs or mate_contig < -1 or mate_contig >= contigs or bases < 0:
        return False
    return _FIXED + np.int64(data[at + 8]) + 4 * operations + (bases + 1) // 2 + bases <= size


@_compiled
def place_of(contig, start):
    """A number that grows with the place in a file that is sorted by coordinate."""
    return contig << 32 | (start + 1) if contig >= 0 else _NOWHERE


@_compiled
def _is_second(flag, length):
    """Whether a record is the mate by which its fragment is not represented."""
    if not flag & _F_PAIRED or flag & _F_MATE_UNMAPPED:
        return False
    return length < 0 or (length == 0 and not flag & _F_FIRST)


@_compiled
def _fate(flag, contig, mapq, length, limits):
    """Place in the tally of what becomes of a record."""
    if flag & _F_UNMAPPED or contig < 0:
        return _UNMAPPED
    if flag & _F_SECONDARY:
        return _SECONDARY
    if flag & _F_SUPPLEMENTARY:
        return _SUPPLEMENTARY
    if flag & _F_QC_FAILED:
        return _QC_FAILED
    if flag & _F_DUPLICATE and not limits[1]:
        return _DUPLICATE
    if mapq < limits[0]:
        return _LOW_MAPQ
    if _is_second(flag, length):
        return _SECOND
    if length == 0 or not flag & _F_PAIRED or flag & _F_MATE_UNMAPPED:
        return _SIZE if limits[2] > 0 else _FRAGMENTS
    return _FRAGMENTS if limits[2] <= length <= limits[3] else _SIZE


@_compiled
def _span(data, at):
    """Bases of the reference that a record covers, by its CIGAR."""
    operations = np.int64(data[at + 12]) | np.int64(data[at + 13]) << 8
    cigar = at + _FIXED + np.int64(data[at + 8])
    covered = 0
    for place in range(cigar, cigar + 4 * operations, 4):
        operation = _int32(data, place) & 0xFFFFFFFF
        if _ON_REFERENCE >> (operation & 15) & 1:
            covered += operation >> 4
    return covered


@_compiled
def scan(data, begin, limits, kept, left_out, state, tally):
    """How far whole records were read, and why the scan ended.

    Parameters
    ----------
    data
        Bytes of records, shape (bytes,), uint8; the last record may be cut.
    begin
        Byte of the first record.
    limits
        int64: the fields of :class:`metcn.reads.sam.Filters`, then the number of contigs in the header.
    kept
        Where fragments go: contig, midpoint and length (int32, int64 and int32, shape (room,) each).
    left_out
        Where fragments go that a filter leaves out: contig, midpoint and fate (int32, int64 and int8).
    state
        int64: how many of either are there already, and the place of the last record. Changed.
    tally
        int64, shape of :data:`metcn.reads.sam.TALLIES`, added to.
    """
    contigs, midpoints, lengths = kept
    left_contigs, left_midpoints, left_fates = left_out
    written, left, last = state[_WRITTEN], state[_LEFT_OUT], state[_PLACE]
    at, why = begin, _MORE
    while at + _HEAD <= len(data):
        size = _int32(data, at)
        record = at + _HEAD
        if size < _FIXED or size > LARGEST_RECORD:
            why = _DAMAGED
            break
        if record + size > len(data):
            break
        if written == len(contigs) or left == len(left_contigs):
            why = _FULL
            break
        if not _is_sound(data, record, size, limits[4]):
            why = _DAMAGED
            break
        contig, start, length = _int32(data, record), _int32(data, record + 4), _int32(data, record + 28)
        place = place_of(contig, start)
        if place < last:
            why = _DISORDERED
            break
        last = place
        flag = np.int64(data[record + 14]) | np.int64(data[record + 15]) << 8
        fate = _fate(flag, contig, np.int64(data[record + 9]), length, limits)
        tally[_RECORDS] += 1
        tally[fate] += 1
        if fate >= _QC_FAILED and fate != _SECOND and (fate == _FRAGMENTS or not _is_second(flag, length)):
            known = length if flag & _F_PAIRED and not flag & _F_MATE_UNMAPPED else 0
            covered = known if known else _span(data, record)
            middle = (2 * start + covered) // 2
            if fate == _FRAGMENTS:
                contigs[written], midpoints[written], lengths[written] = contig, middle, known
                written += 1
            else:
                left_contigs[left], left_midpoints[left], left_fates[left] = contig, middle, fate
                left += 1
        at = record + size
    state[_WRITTEN], state[_LEFT_OUT], state[_PLACE] = written, left, last
    return at, why


class Records:
    """Fragments of a stretch of BAM, found block by block; records may begin and end anywhere in the blocks."""

    def __init__(
        self, source: str, contigs: Sequence[str], filters: sam.Filters, chunk: int, further: sam.Further | None = None
    ) -> None:
        self._source, self._contigs, self._further = source, contigs, further
        self._limits = np.array([*filters, len(contigs)], dtype=np.int64)
        self._kept = tuple(np.empty(chunk, dtype=kind) for kind in (np.int32, np.int64, np.int32))
        self._left_out = tuple(np.empty(chunk, dtype=kind) for kind in (np.int32, np.int64, np.int8))
        self._tally = np.zeros(len(sam.TALLIES), dtype=np.int64)
        self._state = np.array([0, 0, -1], dtype=np.int64)
        self._first: tuple[int, int] | None = None
        self._pending: list[bytes] = []
        self._missing = 0

    def seam(self) -> tuple[tuple[int, int] | None, int]:
        """Contig and start of the first record since the last call, and the place of the last one; new ones may follow.

        The next record may lie anywhere, since it begins another stretch.
        """
        ends = self._first, int(self._state[_PLACE])
        self._first, self._state[_PLACE] = None, -1
        return ends

    def add(self, block: bytes, begin: int = 0) -> Iterator[sam.Chunk]:
        """Scan one more block from its byte ``begin``; whatever chunks of fragments became full."""
        if self._pending:  # a record that began earlier: joined once, when all of it is here
            self._pending.append(block)
            self._missing -= len(block)
            if self._missing > 0:
                return
            block, self._pending = b"".join(self._pending), []
        data = np.frombuffer(block, dtype=np.uint8)
        data.flags.writeable = False  # one type of array, so one machine code, whatever a library inflates into
        if self._first is None and len(data) >= begin + _HEAD + _FIXED:
            self._first = (_int32(data, begin + _HEAD), _int32(data, begin + _HEAD + 4))
        state = _FULL
        while state == _FULL:
            end, state = scan(data, begin, self._limits, self._kept, self._left_out, self._state, self._tally)
            if self._further is not None:
                self._further.add(data, begin, end)
            begin = end
            if state == _DAMAGED:
                raise self.damage(f"after {self._tally[_RECORDS]:,} records of this part, one cannot be right")
            if state == _DISORDERED:
                contig, start = _int32(data, begin + _HEAD), _int32(data, begin + _HEAD + 4)
                raise self.disorder(contig, start, int(self._state[_PLACE]))
            if state == _FULL:
                yield self.take()
        if begin < len(block):
            rest = block[begin:]
            size = int.from_bytes(rest[:_HEAD], "little") if len(rest) >= _HEAD else 0
            self._pending, self._missing = [rest], _HEAD + size - len(rest)

    def add_all(self, blocks: Iterator[bytes], start: int) -> Iterator[sam.Chunk]:
        """Scan blocks from the virtual offset ``start`` to the end of a record; the header is passed over at 0.

        Raises
        ------
        InputError
            If they end within a record, or one cannot be right or lies before the one in front of it.
        """
        if start:
            yield from self.add(next(blocks, b""), start & 0xFFFF)
        else:
            yield from self.add(*_after_header(blocks, self))
        for block in blocks:
            yield from self.add(block)
        if self._pending:
            raise self.damage("it ends within a record")

    def take(self) -> sam.Chunk:
        """Fragments and tally since the last time; the arrays are good until the next block is added."""
        tally = dict(zip(sam.TALLIES, self._tally.tolist(), strict=True))
        new, left = slice(self._state[_WRITTEN]), slice(self._state[_LEFT_OUT])
        self._state[:_PLACE] = 0
        self._tally[:] = 0
        contig, midpoint, length = (values[new] for values in self._kept)
        return sam.Chunk(contig, midpoint, length, tally, sam.Filtered(*(values[left] for values in self._left_out)))

    def damage(self, what: str) -> InputError:
        """The error for bytes that cannot be right."""
        return InputError(f"{self._source} is damaged ({what}); see `samtools quickcheck`, then copy or make it again")

    def disorder(self, contig: int, start: int, before: int) -> InputError:
        """The error for a record that comes after one at the place ``before``."""
        last, after = divmod(before, 1 << 32)
        first = f"{self._contigs[last]}:{after:,}" if before < _NOWHERE else "reads without a place"
        return sam.Disorder(self._source, f"{self._contigs[contig]}:{start + 1:,}", first)


def fragments(
    blocks: Iterator[bytes],
    source: str,
    contigs: Sequence[str],
    filters: sam.Filters,
    *,
    chunk: int = CHUNK_FRAGMENTS,
    further: sam.Further | None = None,
) -> Iterator[sam.Chunk]:
    """Fragments as of :func:`metcn.reads.fragments.fragments`, in chunks, of a BAM whose blocks come from anywhere.

    Parameters
    ----------
    source
        Its name.
    contigs
        Their names, as its header lists them.
    filters
        Which fragments count.
    chunk
        Most fragments of a chunk. Its arrays are good until the next chunk is asked for.
    further
        Gets every record that was scanned.

    Raises
    ------
    InputError
        If the blocks hold no sound BAM, or its records are not in order of their coordinates.
    """
    records = Records(source, contigs, filters, chunk, further)
    yield from records.add_all(blocks, 0)
    yield records.take()


def _after_header(blocks: Iterator[bytes], records: Records) -> tuple[bytes, int]:
    """Bytes from the beginning to the end of the header's last block, and where in them the first record begins."""
    read = b""

    def number(place: int) -> int:
        """Number at a place, for which as many blocks are read as are needed."""
        nonlocal read
        while len(read) < place + 4:
            block = next(blocks, None)
            if block is None:
                raise records.damage("it ends within the header")
            read += block
        return int.from_bytes(read[place : place + 4], "little")

    at = 8 + number(4)
    contigs = number(at)
    at += 4
    for _ in range(contigs):
        at += 8 + number(at)
    number(at - 4)
    return read, at
