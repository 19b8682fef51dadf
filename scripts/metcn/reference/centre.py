"""Where normals lie: samples on one scale, and the centre and spread of every bin over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.reference import tangent
from metcn.stats import robust

PRIOR_NORMALS = 4  # a bin's own spread counts as much as this many normals' worth of the typical one
CENTRE_BOUND = 2.0  # normals beyond this many SDs lose weight in a bin's centre; a mean is quieter than the median
CENTRE_STEPS = 3
SMALLEST_SPREAD = 0.05  # log2

Floats = NDArray[np.floating]


class BinStatistics(NamedTuple):
    """Robust mean and SD of every bin's log2 depth over the normals, and the fraction that lack it; shape (bins,)."""

    centre: Floats
    spread: Floats
    missing: Floats


def scale(log2_depth: Floats, kind: NDArray, use: NDArray[np.bool_]) -> Floats:
    """Log2 depth less the sample's median over ``use``, kind by kind; shape (samples, bins) or (bins,).

    Targets and off-target bins are scaled apart, since the share of reads on target differs between libraries.
    A kind without a finite value in ``use`` becomes NaN.
    """
    scaled = log2_depth.copy()
    rows = np.atleast_2d(scaled)
    for name in np.unique(kind):
        members = kind == name
        chosen = members & use
        for row in rows:
            row[members] -= robust.median(row[chosen])
    return scaled


def centre_and_spread(log2_depth: Floats) -> BinStatistics:
    """Robust mean (Huber), robust SD and fraction of missing values per bin over the normals, shape (bins,) each.

    Works through blocks of bins laid out normal-last, which is what makes the partial sort fast. The spread of a bin
    leans on the typical spread of all bins when normals are few (``PRIOR_NORMALS``).
    """
    normals, bins = log2_depth.shape
    centre, spread, missing = (np.full(bins, np.nan, dtype=np.float32) for _ in range(3))
    for begin in range(0, bins, tangent.BLOCK):
        part = slice(begin, begin + tangent.BLOCK)
        block = np.ascontiguousarray(log2_depth[:, part].T)
        present = np.isfinite(block)
        missing[part] = 1 - present.mean(axis=1)
        centre[part], spread[part] = _middle(block, np.asarray(present.all(axis=1)))
    typical = robust.median(spread)
    if np.isfinite(typical):
        own = normals - 1
        spread = np.sqrt((own * spread**2 + PRIOR_NORMALS * typical**2) / (own + PRIOR_NORMALS))
    return BinStatistics(centre, spread.astype(np.float32), missing)


def _middle(block: Floats, whole: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Huber mean and scaled MAD per row; rows with gaps go the slower way, rows with fewer than two values are NaN."""
    centre, spread = (np.full(len(block), np.nan, dtype=np.float32) for _ in range(2))
    full = block[whole]
    if full.size:
        middle = np.median(full, axis=1)
        size = robust.MAD_TO_SD * np.median(np.abs(full - middle[:, None]), axis=1)
        for _ in range(CENTRE_STEPS):
            away = np.abs(full - middle[:, None]) / np.maximum(size, SMALLEST_SPREAD)[:, None]
            weight = np.minimum(1.0, CENTRE_BOUND / np.maximum(away, CENTRE_BOUND))
            middle = np.sum(weight * full, axis=1) / np.sum(weight, axis=1)
        centre[whole], spread[whole] = middle, size
    for row in np.flatnonzero(~whole):
        centre[row], spread[row] = robust.median(block[row]), robust.spread(block[row])
    return centre, spread
