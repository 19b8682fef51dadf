"""What a column of numbers is on the scale of: reads or their logarithm, sums or means, log2 ratios or copies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metcn.stats import robust

READ_BP = 100  # reads of 36 bp give a bin's depth a third of this scatter: `LEAST_OVER_CHANCE` allows for them
LEAST_OVER_CHANCE = 0.3  # of a real table's variance over that of chance; real panels have 13 and more, logarithms 0.05
FEWEST_ROWS = 20  # with fewer, no scale is judged
SUMS_FROM, MEANS_TO = 0.6, 0.25  # slope of log value on log width: about 1 and 0; real means have -0.6 to 0.1
MARGIN = 3.0  # standard errors of the slope by which it is on one side
CUT = 3.0  # spreads beyond which a row takes no part in the slope
CENTRED_BELOW = 0.75  # median of log2 ratios; that of linear ratios is 1, of copies 2 or more
LEAST_NEGATIVE = 0.05  # share of log2 ratios below 0; half of them are, and of copies hardly any

Floats = NDArray[np.floating]


def over_chance(depth: Floats, width_bp: Floats) -> float:
    """Variance of depth from bin to bin over what the number of reads behind it gives by chance alone.

    At least about 1 of mean depth per base, whatever the assay: a bin of width ``w`` at depth ``D`` shows some
    ``D (w / read + 1)`` reads, whose number varies as Poisson's does. Logarithms of depth, and ratios, have the mean
    of few reads and the scatter of many. NaN with fewer than `FEWEST_ROWS` bins with reads, or where half of them have
    one depth. Arrays have shape (bins,).
    """
    seen = np.isfinite(depth) & (depth > 0)
    if seen.sum() < FEWEST_ROWS or robust.spread(depth[seen]) == 0:
        return float("nan")
    reads = depth[seen] * (width_bp[seen] / READ_BP + 1)
    relative = robust.spread(depth[seen]) / robust.median(depth[seen])
    return float(relative**2 * np.median(reads))


def is_depth(depth: Floats, width_bp: Floats) -> bool:
    """Whether mean depths scatter as reads do; True where there are too few bins to tell."""
    return not over_chance(depth, width_bp) < LEAST_OVER_CHANCE


def are_sums(value: Floats, width_bp: Floats) -> bool | None:
    """Whether values are sums over the bases of their bin (True) or means (False); None where they do not tell.

    Sums grow with the width of the bin, means do not. Bins without reads take no part.
    """
    seen = np.isfinite(value) & (value > 0)
    if seen.sum() < FEWEST_ROWS:
        return None
    width, level = np.log(width_bp[seen].astype(float)), np.log(value[seen])
    slope = np.nan
    for _ in range(3):
        scatter = width.std()
        if len(width) < FEWEST_ROWS or np.ptp(width) == 0:
            return None
        slope = float(((width - width.mean()) * level).mean() / scatter**2)
        rest = level - level.mean() - slope * (width - width.mean())
        spread = max(robust.spread(rest), 1e-9)
        error = MARGIN * spread / scatter / np.sqrt(len(width))
        kept = np.abs(rest - robust.median(rest)) <= CUT * spread
        width, level = width[kept], level[kept]
    if slope - error > SUMS_FROM:
        return True
    return False if slope + error < MEANS_TO else None


def is_log_ratio(log2_ratio: Floats) -> bool:
    """Whether values are logarithms of ratios to a baseline; True where there are too few to tell.

    Logarithms lie on both sides of 0. Linear ratios (about 1) and copies (about 2) do not.
    """
    known = log2_ratio[np.isfinite(log2_ratio)]
    if len(known) < FEWEST_ROWS:
        return True
    return bool(robust.median(known) < CENTRED_BELOW or np.mean(known < 0) >= LEAST_NEGATIVE)
