"""Agreement of two methods: fourfold tables with kappa, and differences with their limits of agreement."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from metcn.stats import proportions
from metcn.stats.proportions import Share

Z95 = 1.959963984540054


class Fourfold(NamedTuple):
    """A 2x2 table of test against truth, samples without a result of the test kept apart."""

    tp: int
    fn: int
    fp: int
    tn: int
    open_positive: int
    open_negative: int

    @property
    def sensitivity(self) -> Share:
        """Share of positives found, of those with a result."""
        return proportions.share(self.tp, self.tp + self.fn)

    @property
    def sensitivity_of_all(self) -> Share:
        """Share of positives found, one without a result counting as missed."""
        return proportions.share(self.tp, self.tp + self.fn + self.open_positive)

    @property
    def specificity(self) -> Share:
        """Share of negatives left alone, of those with a result."""
        return proportions.share(self.tn, self.tn + self.fp)

    @property
    def agreement(self) -> Share:
        """Share of samples with a result on which both say the same."""
        return proportions.share(self.tp + self.tn, self.tp + self.fn + self.fp + self.tn)


class Kappa(NamedTuple):
    """Cohen's kappa and its 95 % interval.

    All NaN where both methods say the same one thing of every sample; no interval where they agree, or differ, on each.
    """

    value: float
    low: float
    high: float


class Ratios(NamedTuple):
    """Geometric mean of ours over theirs, and the limits between which 95 % of these ratios lie; NaN below two pairs.

    ``n`` counts the pairs used, ``left_out`` those with a 0 on one side, whose ratio has no logarithm.
    """

    n: int
    left_out: int
    mean: float
    low: float
    high: float


class Differences(NamedTuple):
    """Mean difference and the limits between which 95 % of differences lie; NaN below two pairs."""

    n: int
    mean: float
    low: float
    high: float


def fourfold(truth: ArrayLike, test: ArrayLike) -> Fourfold:
    """The 2x2 table of two arrays of 1 (positive), 0 (negative) and NaN (no result).

    Samples whose truth is missing are in no cell; those whose test is missing are counted apart, by their truth.
    """
    truth, test = np.asarray(truth, dtype=float), np.asarray(test, dtype=float)
    cells = [((truth == t) & (test == x)).sum() for t, x in ((1, 1), (1, 0), (0, 1), (0, 0))]
    return Fourfold(*map(int, [*cells, *(((truth == t) & np.isnan(test)).sum() for t in (1, 0))]))


def kappa(table: Fourfold) -> Kappa:
    """Cohen's kappa of a 2x2 table with its asymptotic 95 % interval.

    Cohen 1960, doi:10.1177/001316446002000104; error: Fleiss, Cohen and Everitt 1969, doi:10.1037/h0028106, in its
    short form ``sqrt(po (1 - po) / n) / (1 - pe)``, which is 0 at full agreement: then there is no interval. Ends are
    held within -1 and 1.
    """
    n = table.tp + table.fn + table.fp + table.tn
    if not n:
        return Kappa(np.nan, np.nan, np.nan)
    observed = (table.tp + table.tn) / n
    by_chance = (table.tp + table.fn) / n * (table.tp + table.fp) / n
    by_chance += (table.fp + table.tn) / n * (table.fn + table.tn) / n
    if by_chance == 1:
        return Kappa(np.nan, np.nan, np.nan)
    value = (observed - by_chance) / (1 - by_chance)
    if observed in (0, 1):
        return Kappa(float(value), np.nan, np.nan)
    error = Z95 * np.sqrt(observed * (1 - observed) / n) / (1 - by_chance)
    return Kappa(float(value), float(max(value - error, -1)), float(min(value + error, 1)))


def differences(ours: ArrayLike, theirs: ArrayLike) -> Differences:
    """Mean of ours less theirs and its 95 % limits of agreement, over pairs that have both (NaN: missing).

    Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8.
    """
    gap = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    gap = gap[np.isfinite(gap)]
    if len(gap) < 2:
        return Differences(len(gap), np.nan, np.nan, np.nan)
    mean, reach = float(gap.mean()), Z95 * float(gap.std(ddof=1))
    return Differences(len(gap), mean, mean - reach, mean + reach)


def ratios(ours: ArrayLike, theirs: ArrayLike) -> Ratios:
    """Geometric mean of ours over theirs with its 95 % limits of agreement, over pairs that have both (NaN: missing).

    Copies differ by more the more there are, so limits of plain differences would be too wide for few copies and too
    narrow for many; on the logarithm they hold for all. Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8, and
    1999, doi:10.1177/096228029900800204.
    """
    one, other = (np.asarray(values, dtype=float) for values in (ours, theirs))
    known, positive = np.isfinite(one) & np.isfinite(other), (one > 0) & (other > 0)
    both = known & positive
    found = differences(np.log(one[both]), np.log(other[both]))
    return Ratios(found.n, int((known & ~positive).sum()), *(float(np.exp(value)) for value in found[1:]))


def coverage(low: ArrayLike, high: ArrayLike, truth: ArrayLike) -> Share:
    """Share of intervals, both ends included, that hold the true value; pairs with a missing number do not count."""
    low, high, truth = (np.asarray(values, dtype=float) for values in (low, high, truth))
    known = np.isfinite(low) & np.isfinite(high) & np.isfinite(truth)
    return proportions.share(int((known & (low <= truth) & (truth <= high)).sum()), int(known.sum()))
