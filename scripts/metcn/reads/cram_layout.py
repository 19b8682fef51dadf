"""Whether a CRAM needs a reference sequence, by the headers of its first records (CRAM specification, 6 to 8)."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import BinaryIO

from metcn.errors import InputError

FIRST_CONTAINER = 26  # bytes of the file's own definition
LARGEST_HEADER = 1 << 16  # bytes; that of a container takes some dozens, that of its compression some thousands
_RAW, _GZIP = 0, 1
_FLAGS, _SUBSTITUTIONS = (b"RN", b"AP", b"RR"), b"SM"


class _Unknown(Exception):
    """A layout that is not known here."""


class _Bytes:
    """Bytes that are read one number after the other."""

    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def take(self, count: int) -> bytes:
        """So many of them."""
        if count < 0 or self.at + count > len(self._content):
            raise _Unknown("it ends early")
        self.at += count
        return self._content[self.at - count : self.at]

    def number(self) -> int:
        """A number in ITF8: as many leading bits are set as bytes follow the first one."""
        first = self.take(1)[0]
        more = 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2 if first >= 0xC0 else 1 if first >= 0x80 else 0
        rest = int.from_bytes(self.take(more), "big")
        if more == 4:  # of the last byte only four bits count
            value = (first & 0x0F) << 28 | (rest >> 8) << 4 | rest & 0x0F
        else:
            value = (first & (0x7F >> more)) << 8 * more | rest
        return value - (1 << 32) if value >> 31 else value

    def skip_long(self) -> None:
        """Pass over a number in LTF8."""
        first = self.take(1)[0]
        self.take(next((bits for bits in range(8) if not first & 0x80 >> bits), 8))

    def numbers(self) -> list[int]:
        """An array of numbers, its length first."""
        return [self.number() for _ in range(self.number())]

    def block(self) -> _Bytes:
        """The content of the block that begins here."""
        method = self.take(2)[0]
        self.number()
        packed = self.number()
        self.number()
        content = self.take(packed)
        if method not in (_RAW, _GZIP):
            raise _Unknown("its headers are packed in another way")
        try:
            return _Bytes(content if method == _RAW else zlib.decompress(content, wbits=31))
        except zlib.error as error:
            raise _Unknown(str(error)) from error


def needs_reference(path: Path) -> bool:
    """Whether the first records' bases are told as differences from a sequence that the file does not hold.

    A layout that is not known here is taken to need one.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with open(path, "rb") as handle:
            head = handle.read(FIRST_CONTAINER)
            checksum = 4 if head[4] == 3 else 0
            if head[4] not in (2, 3):
                raise _Unknown(f"version {head[4]}")
            begin = _after_container(handle, FIRST_CONTAINER, checksum)
            handle.seek(begin)
            container = _Bytes(handle.read(LARGEST_HEADER))
            contig, records, landmarks = _container_header(container, checksum)
            if records == 0 or contig == -1:  # the end of the file, or reads without a place
                return False
            compression = container.at
            if not _is_based_on_reference(container.block()):
                return False
            container.at = compression + landmarks[0]
            return _embedded(container.block()) < 0
    except (_Unknown, IndexError):
        return True
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path and its permissions") from error


def _after_container(handle: BinaryIO, begin: int, checksum: int) -> int:
    """Where the container ends that begins at a byte."""
    handle.seek(begin)
    content = _Bytes(handle.read(LARGEST_HEADER))
    length = int.from_bytes(content.take(4), "little")
    content.at = 0
    _container_header(content, checksum)
    return begin + content.at + length


def _container_header(content: _Bytes, checksum: int) -> tuple[int, int, list[int]]:
    """Contig and number of records of a container, and where in it its slices begin."""
    content.take(4)
    contig = content.number()
    content.number()
    content.number()
    records = content.number()
    content.skip_long()
    content.skip_long()
    content.number()
    landmarks = content.numbers()
    content.take(checksum)
    return contig, records, landmarks


def _is_based_on_reference(content: _Bytes) -> bool:
    """What a compression header says of the need of a reference; yes by default."""
    content.number()
    for _ in range(content.number()):
        key = content.take(2)
        if key in _FLAGS:
            value = content.take(1) != b"\0"
            if key == b"RR":
                return value
        elif key == _SUBSTITUTIONS:
            content.take(5)
        else:
            content.take(content.number())
    return True


def _embedded(content: _Bytes) -> int:
    """Number of the block of a slice that holds its reference; -1 without."""
    for _ in range(4):
        content.number()
    content.skip_long()
    content.number()
    content.numbers()
    return content.number()
