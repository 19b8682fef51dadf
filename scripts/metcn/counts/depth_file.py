"""One sample's depth per bin as later stages take it: logarithms, and the fragments behind them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.counts import counters
from metcn.counts.summary_file import CountsSummary
from metcn.io import tables
from metcn.stats import fragments


@dataclass(frozen=True, eq=False)
class SampleDepth:
    """One sample's depth over the bins: arrays of shape (bins,).

    Attributes
    ----------
    depth : ndarray
        As the counts have it.
    log2 : ndarray of float32
        Its logarithm; NaN where a bin has no reads.
    counts : Counts
        Fragments behind the depths, as far as they are known.
    """

    depth: NDArray[np.float64]
    log2: NDArray[np.float32]
    counts: fragments.Counts


def read(path: Path, frame: pd.DataFrame, summary: CountsSummary | None) -> SampleDepth:
    """Depth of the sample of a ``.cnn`` over the bins of ``frame``.

    Raises
    ------
    InputError
        If the table is malformed or has other rows than the bins.
    """
    depth, count = tables.read_depth(path, frame)
    width_bp = (frame["end"] - frame["start"]).to_numpy()
    log2 = counters.even_log2_depth(depth, count, width_bp).astype(np.float32)
    bases_each = summary.bases_per_fragment if summary else None
    return SampleDepth(depth, log2, fragments.behind(depth, count, width_bp, bases_each=bases_each))
