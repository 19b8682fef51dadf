"""Blocks of a BGZF file (SAM specification, section 4.1), inflated in order, each one checked.

Inflating is nearly all the work of reading a BAM. It is done outside the interpreter's lock, so that threads
help. The file is read in pieces: memory does not depend on its size.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from metcn.errors import InputError
from metcn.reads import deflate

PIECE_BYTES = 1 << 19
LARGEST_BLOCK = 1 << 16
END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that a complete file ends with."""

_MAGIC = b"\x1f\x8b\x08\x04"
_USUAL = struct.Struct("<4s6xH2sHH")  # magic, length of the extra field, its only subfield: name, length, block size
_SUBFIELD = struct.Struct("<2sH")
_TRAILER = struct.Struct("<II")  # CRC32 and size of the inflated bytes
_FIXED_BYTES = 12
_ENGINE = deflate.fastest()

Span = tuple[int, int, int]  # where a block's compressed data begin and end in its piece, and where the block ends


def blocks(
    path: str | Path, *, start: int = 0, stop: int | None = None, threads: int = 1, piece_bytes: int | None = None
) -> Iterator[bytes]:
    """Inflated content of each block from byte ``start`` (a block's first) of the file, in order.

    Parameters
    ----------
    start, stop
        The first block begins at ``start``; the last one ends at ``stop``, or is the file's last.
    threads
        Threads that inflate; 1 inflates in the caller's own.
    piece_bytes
        Bytes to read at a time, :data:`PIECE_BYTES` by default.

    Raises
    ------
    InputError
        If a block is malformed or cut, or does not inflate to what its checksum says; if none ends at ``stop``.
    """
    pieces = _pieces(Path(path), start, stop, piece_bytes or PIECE_BYTES)
    if threads == 1:
        for piece, spans, offset in pieces:
            yield from _inflated(path, piece, spans, offset)
        return
    keep_freed_memory()
    pool = ThreadPoolExecutor(threads)
    try:
        ahead: deque[Future[list[bytes]]] = deque()
        for piece, spans, offset in pieces:
            ahead.append(pool.submit(_all_inflated, path, piece, spans, offset))
            if len(ahead) > threads + 1:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def damage(path: str | Path, offset: int, what: str) -> InputError:
    """The error for a file whose bytes at ``offset`` cannot be right."""
    return InputError(
        f"{path} is damaged near byte {offset:,} ({what}); see `samtools quickcheck`, then copy or make it again"
    )


def _pieces(path: Path, start: int, stop: int | None, most: int) -> Iterator[tuple[bytes, list[Span], int]]:
    """Stretches of the file that hold whole blocks: bytes, the blocks in them, and the offset of the first."""
    with open(path, "rb") as handle:
        if start:  # a pipe cannot seek
            handle.seek(start)
        rest, offset, at = b"", start, start
        while new := handle.read(most if stop is None else max(0, min(most, stop - at))):
            at += len(new)
            piece = rest + new
            spans, used = _spans(path, piece, offset)
            yield piece, spans, offset
            rest, offset = piece[used:], offset + used
        if rest or (stop is not None and at != stop):
            raise damage(path, offset, "the last block is cut")


def _spans(path: Path, piece: bytes, offset: int) -> tuple[list[Span], int]:
    """Whole blocks of a piece, and how many bytes they take."""
    spans: list[Span] = []
    at, limit = 0, len(piece) - _USUAL.size
    while at <= limit:
        magic, extra, name, length, size = _USUAL.unpack_from(piece, at)
        if magic != _MAGIC:
            raise damage(path, offset + at, "no block begins where one should")
        if extra != 6 or name != b"BC" or length != 2:
            found = _block_size(piece, at, extra)
            if found is None:  # either there is no such field, or it has not been read yet
                if len(piece) - at >= _FIXED_BYTES + extra:
                    raise damage(path, offset + at, "a block does not tell its size")
                break
            size = found
        end = at + size + 1
        data = at + _FIXED_BYTES + extra
        if end - _TRAILER.size < data:
            raise damage(path, offset + at, "a block is smaller than its own header")
        if end > len(piece):
            break
        spans.append((data, end - _TRAILER.size, end))
        at = end
    return spans, at


def _block_size(piece: bytes, at: int, extra: int) -> int | None:
    """Size (less one) of a block with further extra fields; None if none of them tells it."""
    field, end = at + _FIXED_BYTES, min(at + _FIXED_BYTES + extra, len(piece))
    while field + _SUBFIELD.size + 2 <= end:
        name, length = _SUBFIELD.unpack_from(piece, field)
        if name == b"BC" and length == 2:
            return int.from_bytes(piece[field + 4 : field + 6], "little")
        field += _SUBFIELD.size + length
    return None


def _inflated(path: str | Path, piece: bytes, spans: list[Span], offset: int) -> Iterator[bytes]:
    """Inflated content of a piece's blocks, one after the other: what is scanned at once is still in the cache."""
    view, (inflated, checksum_of, not_deflate) = memoryview(piece), _ENGINE
    for begin, end, _ in spans:
        checksum, size = _TRAILER.unpack_from(piece, end)
        if size > LARGEST_BLOCK:
            raise damage(path, offset + begin, f"a block claims {size:,} bytes")
        try:
            content = inflated(view[begin:end], size or 1)
        except not_deflate as error:
            raise damage(path, offset + begin, f"a block does not inflate: {error}") from error
        if len(content) != size or checksum_of(content) != checksum:
            raise damage(path, offset + begin, "a block's content is not what its checksum says")
        yield content


def _all_inflated(path: str | Path, piece: bytes, spans: list[Span], offset: int) -> list[bytes]:
    """The same of a whole piece, for a thread of its own."""
    return list(_inflated(path, piece, spans, offset))


def keep_freed_memory() -> None:
    """Make glibc keep what is freed for the next blocks, instead of handing it back and fetching it page by page.

    It does so after a large block of memory came and went (mallopt(3), M_TRIM_THRESHOLD); this one is never touched.
    """
    bytearray(1 << 24)
