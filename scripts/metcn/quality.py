"""How even a profile is, waves and neighbours that err together, and whether normals explain any of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metcn import regions, robust

BLOCK_BP = 5e6  # stretch whose level is compared with the next one's
SMALLEST_BLOCK = 5  # bins a stretch needs
MARGIN = 3.0  # standard errors by which steps must exceed what noise alone gives them
MAD_VARIANCE = 2.33  # relative standard error of a squared, scaled MAD, times the root of the number of values
CUT = 3.0  # standardised residuals are cut here: one amplified bin is no wave
FEWEST_BINS = 50  # with fewer, chance decides what normals explain
LEAST_CENTRE = 0.15  # log2; where normals vary less from bin to bin, there is nothing to explain
SMALLEST_SPREAD = 1e-3  # log2; of depths that are all alike

Floats = NDArray[np.floating]


def waviness(ratio: Floats, *, chromosome: NDArray, midpoint: Floats) -> float:
    """SD (log2) of the level of 5 Mb stretches from one to the next, beyond what bin noise gives it.

    Copy-number steps are few and the SD is robust, so this is what GC and replication timing leave behind; 0 where
    noise alone could have made it. NaN without pairs of neighbouring stretches. Arrays have shape (bins,), in genome
    order; ratios must be finite.
    """
    block = regions.blocks(chromosome=chromosome, midpoint=midpoint, size_bp=BLOCK_BP)
    count = int(block.max(initial=-1)) + 1
    level, size = regions.medians(ratio, block, count), np.bincount(block, minlength=count)
    if count < 2:
        return float("nan")
    first = np.searchsorted(block, np.arange(count))
    pair = (chromosome[first][1:] == chromosome[first][:-1]) & (np.minimum(size[1:], size[:-1]) >= SMALLEST_BLOCK)
    steps = np.diff(level)[pair]
    if len(steps) < 2:
        return float("nan")
    typical = float(np.median(size))
    # a bin pulls its stretch's median towards itself: with few bins the distance from it says too little
    noise = (1.25 * robust.spread(ratio - level[block])) ** 2 / max(typical - 1, 1)
    found = robust.spread(steps) ** 2 / 2
    chance = MARGIN * MAD_VARIANCE / np.sqrt(len(steps)) * noise
    return float(np.sqrt(found - noise)) if found > noise + chance else 0.0


def autocorrelation(ratio: Floats, sd: Floats, *, chromosome: NDArray, midpoint: Floats) -> float:
    """Correlation between neighbouring bins of what is left after the level of their 5 Mb stretch; NaN without any.

    Independent bins have about 0. What neighbours share does not average out over MET or the centromere's windows.
    """
    block = regions.blocks(chromosome=chromosome, midpoint=midpoint, size_bp=BLOCK_BP)
    level = regions.medians(ratio, block, int(block.max(initial=-1)) + 1)
    rest = np.clip((ratio - level[block]) / sd, -CUT, CUT)
    same = block[1:] == block[:-1]
    variance = float(np.mean(rest**2)) if len(rest) else 0.0
    return float(np.mean(rest[1:][same] * rest[:-1][same]) / variance) if same.any() and variance > 0 else float("nan")


def left_by_normals(log2_depth: Floats, centre: Floats, *, centre_noise: float) -> float:
    """Spread of a sample's depth from bin to bin after the normals' is taken off, over that before.

    Below 1 where the normals explain some of it. A sample of other bins, a table whose rows are mixed up, and numbers
    that are no depths have it well above 1. Arrays have shape (bins,), log2; NaN with few bins in both, or where the
    normals vary no more than ``centre_noise``, the error of a bin of their centre, gives them.
    """
    known = np.isfinite(log2_depth) & np.isfinite(centre)
    own, typical = log2_depth[known], centre[known]
    if len(own) < FEWEST_BINS or robust.spread(typical) < np.hypot(LEAST_CENTRE, centre_noise):
        return float("nan")
    return robust.spread(own - typical) / max(robust.spread(own), SMALLEST_SPREAD)
