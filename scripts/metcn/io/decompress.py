"""Compressed files are inflated only as far as honest ones go: a small file must not fill the memory."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

HONEST_BYTES = 1 << 26  # below this nothing is asked
HONEST_FACTOR = 200  # text tables shrink to a tenth or a thirtieth; deflate's most is 1032
_PIECE = 1 << 16  # of input, so at most 64 MiB come out at a time
_GZIP = 31  # window bits that mean a gzip wrapper


class TooMuch(ValueError):
    """A file is compressed beyond anything a table or an index is."""


def check(inflated: int, stored: int) -> None:
    """Pass if so many bytes may honestly come out of so many stored ones.

    Raises
    ------
    TooMuch
        If they are both many and many times those stored.
    """
    if inflated > HONEST_BYTES and inflated > HONEST_FACTOR * stored:
        raise TooMuch(f"its {stored:,} bytes inflate to more than {HONEST_FACTOR} times as many")


def check_hdf5(handle: Any) -> None:
    """Pass if the arrays of an open HDF5 file are of an honest size; they can claim any without being stored.

    Raises
    ------
    TooMuch
        If they are not.
    """
    sizes = [0]
    handle.visititems(lambda _, item: sizes.append(getattr(item, "nbytes", 0)))
    check(sum(sizes), Path(handle.filename).stat().st_size)


def gunzip(raw: bytes) -> bytes:
    """The content of a gzip file of one or more members.

    Raises
    ------
    TooMuch
        If it is a decompression bomb; at most about its honest share has then been inflated.
    EOFError, zlib.error
        If it is cut or damaged.
    """
    whole, at = io.BytesIO(), 0
    end = len(raw.rstrip(b"\0"))  # some writers pad with zeros
    while at < end:
        inflate = zlib.decompressobj(_GZIP)
        while not inflate.eof:
            piece = raw[at : at + _PIECE]
            if not piece:
                raise EOFError("it ends before its end-of-stream marker was reached")
            whole.write(inflate.decompress(piece))
            check(whole.tell(), len(raw))
            at += len(piece) - len(inflate.unused_data)
    return whole.getvalue()
