"""How even a profile is: waves, and neighbours that err together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.bins import groups
from metcn.stats import robust

BLOCK_BP = 5e6  # stretch whose level is compared with the next one's
SMALLEST_BLOCK = 5  # bins a stretch needs
MARGIN = 3.0  # standard errors by which steps must exceed what noise alone gives them
MAD_VARIANCE = 2.33  # relative standard error of a squared, scaled MAD, times the root of the number of values
CUT = 3.0  # standardised residuals are cut here: one amplified bin is no wave

Floats = NDArray[np.floating]


class Evenness(NamedTuple):
    """How even a profile is: waves, and the correlation of neighbouring bins; NaN where there are too few bins."""

    waviness: float
    autocorrelation: float


def evenness(ratio: Floats, sd: Floats, *, chromosome: NDArray, midpoint: Floats) -> Evenness:
    """Waviness (log2) and autocorrelation of a profile, from the levels of its 5 Mb stretches.

    Waviness is the SD of the level from one stretch to the next, beyond what bin noise gives it. Copy-number steps are
    few and the SD is robust, so this is what GC and replication timing leave behind; 0 where noise alone could have
    made it, NaN without pairs of neighbouring stretches. Autocorrelation is that between neighbouring bins of what is
    left after the level of their stretch: about 0 of independent bins, NaN without any. What neighbours share does not
    average out over MET or the centromere's windows.

    Parameters
    ----------
    ratio, sd, chromosome, midpoint : ndarray, shape (bins,)
        In genome order; ratios must be finite.
    """
    block = groups.blocks(chromosome=chromosome, midpoint=midpoint, size_bp=BLOCK_BP)
    level = groups.medians(ratio, block, int(block.max(initial=-1)) + 1)
    rest = ratio - level[block]
    return Evenness(_waviness(rest, level, block, chromosome), _autocorrelation(rest / sd, block))


def _waviness(rest: Floats, level: Floats, block: NDArray[np.intp], chromosome: NDArray) -> float:
    """SD of stretches' ``level`` from one to the next beyond that of the bins, which lie ``rest`` away from it."""
    count = len(level)
    size = np.bincount(block, minlength=count)
    if count < 2:
        return float("nan")
    first = np.searchsorted(block, np.arange(count))
    pair = (chromosome[first][1:] == chromosome[first][:-1]) & (np.minimum(size[1:], size[:-1]) >= SMALLEST_BLOCK)
    steps = np.diff(level)[pair]
    if len(steps) < 2:
        return float("nan")
    typical = float(np.median(size))
    # a bin pulls its stretch's median towards itself: with few bins the distance from it says too little
    noise = (1.25 * robust.spread(rest)) ** 2 / max(typical - 1, 1)
    found = robust.spread(steps) ** 2 / 2
    chance = MARGIN * MAD_VARIANCE / np.sqrt(len(steps)) * noise
    return float(np.sqrt(found - noise)) if found > noise + chance else 0.0


def _autocorrelation(standardised: Floats, block: NDArray[np.intp]) -> float:
    """Correlation between neighbouring residuals of one stretch."""
    rest = np.clip(standardised, -CUT, CUT)
    same = block[1:] == block[:-1]
    variance = float(np.mean(rest**2)) if len(rest) else 0.0
    return float(np.mean(rest[1:][same] * rest[:-1][same]) / variance) if same.any() and variance > 0 else float("nan")
