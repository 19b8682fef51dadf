"""How far the reading of a long file has come, for who is watching, and how fast it went, for the log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TextIO

from metcn.reads.sam import Chunk

EVERY_S = 1.0


def followed(
    chunks: Iterable[Chunk],
    name: str,
    *,
    expected: int | None,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Chunk]:
    """The chunks unchanged. While they pass, a terminal shows records, share and speed; at the end a line is left.

    Parameters
    ----------
    name
        What is read.
    expected
        Records there are in all, if that is known.
    stream
        Where to write, by default the standard error. Nothing but the last line is written to what is no terminal.
    """
    out = sys.stderr if stream is None else stream
    watched = out.isatty()
    begin = shown = clock()
    tallies: dict[str, int] = {}
    for chunk in chunks:
        for fate, number in chunk.tally.items():
            tallies[fate] = tallies.get(fate, 0) + number
        now = clock()
        if watched and now - shown >= EVERY_S:
            shown = now
            out.write(f"\r\x1b[K{name}: {_state(tallies['records'], expected, now - begin)}")
            out.flush()
        yield chunk
    out.write(("\r\x1b[K" if watched else "") + f"{name}: {_outcome(tallies, clock() - begin)}\n")
    out.flush()


def _state(records: int, expected: int | None, seconds: float) -> str:
    """Records so far, their share of all, and records a second."""
    share = f" ({min(records / expected, 1):.0%})" if expected else ""
    return f"{records:,} records{share}, {_speed(records, seconds)}"


def _outcome(tallies: Mapping[str, int], seconds: float) -> str:
    """Records in all, how fast they were read, and what became of them."""
    records = tallies.get("records", 0)
    fates = ", ".join(
        f"{fate.replace('_', ' ')} {number:,}" for fate, number in tallies.items() if number and fate != "records"
    )
    return f"{records:,} records in {seconds:.1f} s, {_speed(records, seconds)}" + (f": {fates}" if fates else "")


def _speed(records: int, seconds: float) -> str:
    """Millions of records a second."""
    return f"{records / max(seconds, 1e-6) / 1e6:.2f} million a second"
