"""How much rarer the alternative base is read than it is there, since reads that carry it align worse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

LIKELY_SD = 0.1  # log-odds; before anything is measured. Fractions of .475 to .525 at what is one half
LEVELLED_DEPTH = 100.0  # reads; a site ten times as deep tells little more, since fractions scatter beyond chance
MOST_STEPS = 50
LARGEST = 2.0  # log-odds that are looked at on either side


@dataclass(frozen=True)
class ReferenceBias:
    """Log-odds by which fractions of the alternative base are shifted, below 0 if it is read too rarely; its error.

    ``se`` is that of ``log_odds``. Where nothing was measured there is no shift, with the error of not knowing it.

    >>> ReferenceBias().expected(0.5), ReferenceBias(log_odds=-0.08).expected(0.5).round(3)
    (np.float64(0.5), np.float64(0.48))
    """

    log_odds: float = 0.0
    se: float = LIKELY_SD

    def expected(self, fraction: ArrayLike) -> NDArray[np.float64]:
        """Fraction of reads with the alternative base, of the fraction of molecules with it; 0 and 1 stay."""
        return shifted(fraction, self.log_odds)

    def corrected(self, fraction: ArrayLike) -> NDArray[np.float64]:
        """Fraction of molecules with the alternative base, of the fraction of reads with it: undoes `expected`."""
        return shifted(fraction, -self.log_odds)


def shifted(fraction: ArrayLike, log_odds: ArrayLike) -> NDArray[np.float64]:
    """Fractions with their odds multiplied; the arguments broadcast."""
    share = np.asarray(fraction, dtype=np.float64)
    up, down = share * np.exp(log_odds), 1 - share
    return np.asarray(up / (up + down))


def measured(reads: ArrayLike, depth: ArrayLike, haplotype: ArrayLike | None = None) -> ReferenceBias:
    """Reference bias by heterozygous sites, whatever the copies of either haplotype.

    The alternative base lies on one haplotype or the other at random. So its log-odds lie around the bias as much on
    one side as on the other, gains and losses or not, and the bias is where the fractions corrected for it have a mean
    of one half. No site counts more than one half, so a few that are not heterozygous move little. The result is drawn
    to 0 as by a prior of standard deviation ``LIKELY_SD``.

    Parameters
    ----------
    reads, depth : array_like, shape (sites,)
        Reads of the alternative base, and of either. Sites without depth are left out. The base called alternative has
        to be that which differs from the reference: use sites with ``ref_known`` alone.
    haplotype : array_like, shape (sites,), optional
        The same value for sites so near each other that their alternative bases are inherited together. The error is
        larger for it. Default: every site for itself.

    >>> measured([240] * 50, [500] * 50).corrected(0.48).round(2)
    np.float64(0.5)
    >>> measured([], [])
    ReferenceBias(log_odds=0.0, se=0.1)
    """
    count, total = np.asarray(reads, dtype=np.float64), np.asarray(depth, dtype=np.float64)
    group = np.arange(len(total)) if haplotype is None else np.asarray(haplotype)
    used = total > 0
    count, total, group = count[used], total[used], group[used]
    if not len(total):
        return ReferenceBias()
    logit = np.log((count + 0.5) / (total - count + 0.5))
    weight = total / (total + LEVELLED_DEPTH)
    shift = _root(logit, weight)
    fraction = expit(logit - shift)
    scores = weight * (fraction - 0.5)
    by_group = np.bincount(np.unique(group, return_inverse=True)[1], weights=scores)
    slope = float((weight * fraction * (1 - fraction)).sum())
    floor = float((weight**2 * fraction * (1 - fraction) / total).sum())  # chance alone, where few sites agree too well
    variance = max(float((by_group**2).sum()), floor) / slope**2
    keep = LIKELY_SD**2 / (LIKELY_SD**2 + variance)
    return ReferenceBias(log_odds=keep * shift, se=float(LIKELY_SD * np.sqrt(1 - keep)))


def _root(logit: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """The shift at which corrected fractions have a weighted mean of one half; their mean falls with the shift."""
    low, high = -LARGEST, LARGEST
    for _ in range(MOST_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if (weight * (expit(logit - middle) - 0.5)).sum() > 0 else (low, middle)
    return (low + high) / 2
