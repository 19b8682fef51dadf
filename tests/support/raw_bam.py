"""BAM files byte by byte, for tests that decide where a block ends, what a record holds and what is wrong."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pysam

CONTIGS = {"chr1": 10_000, "chr7": 20_000}
END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
QUERY_BASES = "MIS=X"  # CIGAR operations that take bases of the read
OPERATIONS = "MIDNSHP=X"

Cigar = Sequence[tuple[int, str]]


def record(
    contig: int = 0, start: int = 100, flag: int = 0, *, mapq: int = 60, template_bp: int = 0, cigar: Cigar = (),
    mate: tuple[int, int] = (-1, -1), name: bytes = b"r", tags: bytes = b"", bases: int | None = None,
) -> bytes:  # fmt: skip
    """One alignment record, its size first."""
    if bases is None:
        bases = sum(length for length, operation in cigar if operation in QUERY_BASES)
    packed = b"".join(struct.pack("<I", length << 4 | OPERATIONS.index(operation)) for length, operation in cigar)
    body = struct.pack(
        "<iiBBHHHiiii", contig, start, len(name) + 1, mapq, 0, len(cigar), flag, bases, *mate, template_bp
    )
    body += name + b"\0" + packed + b"\x11" * ((bases + 1) // 2) + b"\x25" * bases + tags
    return struct.pack("<i", len(body)) + body


def header(contigs: Mapping[str, int] = CONTIGS) -> bytes:
    """The header in BAM's own form."""
    text = "@HD\tVN:1.6\tSO:coordinate\n" + "".join(f"@SQ\tSN:{name}\tLN:{bp}\n" for name, bp in contigs.items())
    parts = [b"BAM\1", struct.pack("<i", len(text)), text.encode(), struct.pack("<i", len(contigs))]
    for name, bp in contigs.items():
        parts += [struct.pack("<i", len(name) + 1), name.encode() + b"\0", struct.pack("<i", bp)]
    return b"".join(parts)


def block(content: bytes, *, extra: bytes = b"") -> bytes:
    """One BGZF block; ``extra`` are further subfields in front of the one that tells its size."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = deflate.compress(content) + deflate.flush()
    size = 12 + len(extra) + 6 + len(packed) + 8
    fields = extra + b"BC" + struct.pack("<HH", 2, size - 1)
    head = b"\x1f\x8b\x08\x04" + bytes(4) + b"\0\xff" + struct.pack("<H", len(fields))
    return head + fields + packed + struct.pack("<II", zlib.crc32(content), len(content))


def cut(content: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """The content in parts of these sizes, the last one repeated as often as needed."""
    at, size = 0, 1
    steps = iter(sizes)
    while at < len(content):
        size = next(steps, size)
        yield content[at : at + size]
        at += size


def write(
    path: Path, records: Iterable[bytes], *, block_bytes: Iterable[int] = (60_000,),
    contigs: Mapping[str, int] = CONTIGS, extra: bytes = b"", index: bool = True,
) -> Path:  # fmt: skip
    """A BAM whose blocks hold ``block_bytes`` each, whatever begins or ends there."""
    content = header(contigs) + b"".join(records)
    path.write_bytes(b"".join(block(part, extra=extra) for part in cut(content, block_bytes)) + END)
    if index:
        pysam.index(str(path))
    return path
