"""Which stretches stand for a genome of which only a part is read.

An index finds records to within 16 kb, so few long windows cost about what they hold, many short ones many times that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STRATUM_BP = 5_000_000
"""One window is read of each such stretch; in the baseline it stands for all of it."""

WINDOW_BP = 8 << 14
"""Width of a window: eight tiles of an index, beginning where a tile begins. MET with its introns is about as long."""

MIN_USABLE = 0.9

Numbers = NDArray[np.integer]
Mask = NDArray[np.bool_]


def chosen(*, chromosome: Numbers, start: Numbers, end: Numbers, whole: Mask, usable: Mask, gc: NDArray) -> Mask:
    """Whether each bin is read: all that must be, and one window in each stretch of :data:`STRATUM_BP`.

    Of the windows of a stretch, the one at a quantile of GC content is taken, where the quantiles of successive
    stretches spread evenly over 0 to 1 (van der Corput's sequence): the sample has the GC content of the genome, on
    every chromosome. Where GC is unknown, place takes its part. Nothing is drawn: the same bins give the same choice.

    Parameters
    ----------
    chromosome, start, end
        Bins in genome order, shape (bins,); chromosomes as numbers.
    whole
        Bins that are read in any case; no window is laid over them.
    usable
        Bins that are not masked. A window of which less than :data:`MIN_USABLE` is usable is not taken.
    gc
        GC content, NaN where unknown.
    """
    spot = start // WINDOW_BP
    inside = (end - 1) // WINDOW_BP == spot
    window = _labels(chromosome, spot)
    first = np.flatnonzero(np.r_[True, window[1:] != window[:-1]])[: len(window)]
    width = (end - start) * inside
    total, good = (np.bincount(window, weights=width * part) for part in (1, usable))
    begin = spot[first] * WINDOW_BP
    fits = begin // STRATUM_BP == (begin + WINDOW_BP - 1) // STRATUM_BP
    fits &= (total > 0) & (good >= MIN_USABLE * total) & (np.bincount(window, weights=whole) == 0)
    known = np.isfinite(gc) & usable & inside
    informed = np.maximum(np.bincount(window, weights=known), 1)
    content = np.bincount(window, weights=np.where(known, gc, 0)) / informed
    candidates = np.flatnonzero(fits)
    stratum = _labels(chromosome[first][candidates], begin[candidates] // STRATUM_BP)
    order = np.lexsort((candidates, content[candidates], stratum))
    size = np.bincount(stratum)
    quantile = np.array([radical_inverse(number) for number in range(1, len(size) + 1)])
    picked = candidates[order[np.cumsum(size) - size + (quantile * size).astype(np.intp)]]
    return whole | (np.isin(window, picked) & inside)


def rows(*, chromosome: Numbers, start: Numbers, read: Mask) -> NDArray[np.intp]:
    """Row number per bin in a shorter table: bins that are read keep one each, neighbours that are not share one.

    A shared row never reaches from one stretch of :data:`STRATUM_BP` into the next.
    """
    changes = np.ones(len(start), dtype=bool)
    stretch = _labels(chromosome, start // STRATUM_BP)
    changes[1:] = read[1:] | read[:-1] | (stretch[1:] != stretch[:-1])
    return np.cumsum(changes) - 1


def radical_inverse(number: int) -> float:
    """Van der Corput's sequence in base 2: the number's binary digits mirrored at the point, in [0, 1)."""
    return int(f"{number:b}"[::-1], 2) / 2 ** number.bit_length()


def _labels(chromosome: Numbers, place: Numbers) -> NDArray[np.intp]:
    """Number per row that grows by one wherever one of the two changes."""
    changes = np.zeros(len(place), dtype=bool)
    changes[1:] = (chromosome[1:] != chromosome[:-1]) | (place[1:] != place[:-1])
    return np.cumsum(changes)
