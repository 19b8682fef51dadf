"""One sample's depth per bin as later stages take it: logarithms, and the fragments behind them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from metcn.counts import counters
from metcn.files import read_json
from metcn.stats import fragments


def behind(
    frame: pd.DataFrame, read: Sequence[tuple[np.ndarray, np.ndarray]], summaries: Sequence[Path | None]
) -> list[fragments.Counts]:
    """Fragments behind the depths of each of some samples, which have ``summaries`` or None."""
    return [
        fragments.behind(*one, width(frame), bases_each=_bases_each(path))
        for one, path in zip(read, summaries, strict=True)
    ]


def log2(frame: pd.DataFrame, depth: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Log2 depth per bin, NaN where it has no reads."""
    return counters.even_log2_depth(depth, count, width(frame)).astype(np.float32)


def width(frame: pd.DataFrame) -> np.ndarray:
    """Width of each bin, bp."""
    return (frame["end"] - frame["start"]).to_numpy()


def _bases_each(summary: Path | None) -> float | None:
    """Bases that a fragment adds to the mean depth of a coverage table; None where that, or the table, is not known."""
    value = read_json(summary).get("bases_per_fragment") if summary else None
    return None if value is None else float(value)
