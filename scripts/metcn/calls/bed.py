"""The amplicon as BED: what IGV shows beside reads, and what bedtools intersects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metcn.calls.record import pick

HEADER = "#chrom\tchromStart\tchromEnd\tname\tscore\tstrand\tthickStart\tthickEnd\titemRgb\n"
COLOUR = "213,94,0"
MAX_SCORE = 1000  # BED's own limit


def text(call: Mapping[str, Any], *, chromosome: str) -> str:
    """The amplicon as one BED9 row below a comment, 0-based half-open; no row where there is none.

    Where the boundaries have intervals, the row spans the outer ends, and its thick part what all of them hold.
    The score is a hundred times the log2 ratio of MET, so that higher is darker.
    """
    extent = pick(call, "copies.amplicon")
    if not isinstance(extent, Mapping) or extent.get("start") is None or extent.get("end") is None:
        return HEADER
    start, end = int(extent["start"]), int(extent["end"])
    outer, inner = _interval(extent, "start", start)
    last, back = _interval(extent, "end", end)
    score = min(max(round(100 * (pick(call, "measurement.met.log2") or 0)), 0), MAX_SCORE)
    thick = (inner, last) if inner < last else (start, end)
    row = (chromosome, outer, back, f"MET_amplicon_{call['sample']}", score, ".", *thick, COLOUR)
    return HEADER + "\t".join(map(str, row)) + "\n"


def _interval(extent: Mapping[str, Any], side: str, value: int) -> tuple[int, int]:
    """Lowest and highest position of a boundary, itself where it has no interval."""
    low, high = (extent.get(f"{side}_{end}") for end in ("low", "high"))
    return (value if low is None else int(low)), (value if high is None else int(high))
