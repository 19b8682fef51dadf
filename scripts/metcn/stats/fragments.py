"""What a number of fragments says: the error that counting alone gives a log2 ratio, and its skewed distribution.

A Poisson count ``n`` under Jeffreys' prior leaves its mean a gamma posterior of shape ``n + 1/2``. That of no fragment
at all is honest too: it ends near zero below, and where chance would have shown a fragment above.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW = 30.0
"""Fragments of a typical bin below which counts are summed. The median of log2 counts is off by up to half a count
(.024 log2 at 30), and an empty bin has no logarithm; sums have neither fault."""
SURE = 20.0  # expected fragments whose absence chance does not explain: it has a probability of 2e-9
ALIKE = 0.2  # log of the ratio of two widths up to which bins are compared
PAIRS, PARTS = 50, 20  # fewest pairs of neighbours that tell of scatter, and parts of the genome
STEPS = 8  # of a recurrence, see `sd`
LEAST_LOG2 = -1074.0  # of a quantile that underflows

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Counts:
    """Fragments behind depths.

    Attributes
    ----------
    number : ndarray, shape (bins,)
        Fragments of each bin (those behind a mean depth need not be whole); NaN where they are not known.
    per_depth : ndarray, shape (bins,)
        Fragments of the bin per unit of its depth.
    """

    number: Floats
    per_depth: Floats

    def typical(self, rows: Mask) -> float:
        """Mean number over the bins of ``rows``; NaN where none is known."""
        known = self.number[rows & np.isfinite(self.number)]
        return float(known.mean()) if known.size else float("nan")


def sd(number: Any) -> Any:
    """SD that counting alone gives the log2 of a mean of which ``number`` fragments were seen (broadcast, NaN stays).

    1.44 / sqrt(n) for many; 3.2 for none.
    """
    # trigamma function: its recurrence up to where the asymptotic series is exact to ten digits
    at = np.asarray(number, dtype=float) + 0.5
    steps = sum((at + step) ** -2.0 for step in range(STEPS))
    far = 1 / (at + STEPS)
    series = far + far**2 / 2 + far**3 / 6 - far**5 / 30 + far**7 / 42
    return np.sqrt(steps + series) / np.log(2)


def log2_ratio(number: Any, expected: Any) -> Any:
    """Log2 of fragments seen over those expected, unbiased from some 3 on (Haldane 1956) and finite for none.

    doi:10.1111/j.1469-1809.1955.tb01285.x. NaN where nothing is expected.
    """
    number, expected = np.asarray(number, dtype=float), np.asarray(expected, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, np.log2((number + 0.5) / expected), np.nan)


def quantile(number: float, probability: Floats) -> Floats:
    """Error of `log2_ratio`, in `sd`, that is not exceeded with ``probability``, of ``number`` fragments seen."""
    from scipy.special import gammaincinv  # which half the stages do without

    with np.errstate(divide="ignore"):
        log2 = np.log2(gammaincinv(number + 0.5, probability))
    found: Floats = (np.maximum(log2, LEAST_LOG2) - np.log2(number + 0.5)) / sd(number)
    return found


def behind(depth: Floats, count: Floats, width_bp: Floats, *, bases_each: float | None) -> Counts:
    """Fragments behind the depths of bins; none are known without counts and without ``bases_each``.

    Counts give the number of fragments per unit of depth, whatever its unit; else a fragment adds ``bases_each`` bases
    to a mean depth, or fewer where neighbours lie closer together than so many bases a fragment allow: then the depth
    is in another unit, and rests on more. A bin without depth has 0, one whose depth is missing NaN.
    """
    size = depth * width_bp
    known = np.isfinite(count) & np.isfinite(size)
    total = float(size[known].sum())
    if total > 0 and count[known].sum() > 0:
        each = float(count[known].sum()) / total
    elif bases_each:
        each = 1 / min(bases_each, _most_each(size, width_bp))
    else:
        each = float("nan")
    return Counts(number=size * each, per_depth=width_bp * each)


def _most_each(size: Floats, width_bp: Floats) -> float:
    """Most bases that a fragment can have, as neighbouring bins scatter at least as counting fragments makes them.

    Variance over mean of ``size``, the bases of each bin: that of ``n`` fragments of ``b`` bases is at least ``b``. The
    median over parts of the genome; infinite where too few pairs of neighbours tell.
    """
    alike = np.abs(np.diff(np.log(np.maximum(width_bp, 1)))) < ALIKE
    pair = np.flatnonzero(alike & np.isfinite(size[1:]) & np.isfinite(size[:-1]))
    if len(pair) < PAIRS * 2:
        return float("inf")
    parts = np.array_split(pair, PARTS)
    total = np.array([np.sum(size[part] + size[part + 1]) for part in parts])
    square = np.array([np.sum((size[part] - size[part + 1]) ** 2) for part in parts])
    has = (total > 0) & (square > 0)
    return float(np.median(square[has] / total[has])) if has.any() else float("inf")


def covered(counts: Counts, *, usable: Mask, even: Mask, chromosome: NDArray, compared: bool) -> Mask:
    """Bins whose fragments, none included, are an observation, shape (bins,).

    What normals cover (``compared``) is. Without them nothing tells an empty target from one that the assay never
    captures, so it counts as missing; of windows that cover the genome evenly (``even``), a run of empty ones is
    missing where more than ``SURE`` fragments should lie in it: sequence that nothing aligns to.
    """
    known = usable & np.isfinite(counts.number)
    if compared:
        return known
    seen = known & (counts.number > 0)
    found = known & (seen | even)
    change = np.r_[True, (seen[1:] != seen[:-1]) | (chromosome[1:] != chromosome[:-1]) | (even[1:] != even[:-1])]
    run = np.cumsum(change) - 1
    for _ in range(3):  # what is missing must not lower what is expected
        kept = found & even
        size = float(counts.per_depth[kept].sum())
        rate = float(counts.number[kept].sum()) / size if size > 0 else 0.0
        expected = np.bincount(run, weights=np.where(known & even, counts.per_depth * rate, 0.0))
        found = known & (seen | (even & (expected[run] < SURE)))
    return found


def pools(expected: Floats, apart: NDArray[np.bool_], least: float) -> NDArray[np.intp]:
    """Number of the pool of each bin: neighbours are joined until they expect ``least`` fragments, shape (bins,).

    ``apart`` says where a pool may not reach across: it is true of a bin that may not be joined to the one before. The
    last of a stretch that falls short joins the pool before it, if there is one on its stretch.
    """
    label = np.empty(len(expected), dtype=np.intp)
    starts = np.flatnonzero(np.r_[True, apart[1:]]) if len(expected) else np.zeros(0, dtype=np.intp)
    number = 0
    for first, after in zip(starts, np.r_[starts[1:], len(expected)], strict=True):
        total = np.cumsum(expected[first:after])
        own = ((total - expected[first:after] / 2) // least).astype(np.intp)
        whole = max(int(total[-1] // least), 1)
        own = np.unique(np.minimum(own, whole - 1), return_inverse=True)[1]
        label[first:after] = own + number
        number += int(own[-1]) + 1
    return label


def excess_variance(number: NDArray, expected: NDArray, label: NDArray[np.intp], level: NDArray) -> float:
    """Relative variance of groups' means beyond what counting gives them; not below 0, NaN without groups.

    Moments rather than the spread of logarithms, which few fragments make meaningless: ``(n - m)**2 - n`` has the
    expectation ``m**2`` times this variance.

    Parameters
    ----------
    number, expected, label, level : ndarray, shape (groups,)
        Fragments seen and expected of each group; the part of the genome it lies in, of which the median one is
        taken, so that a few odd places do not count; and how many groups share the level that was taken off, which
        therefore leaves less than they have.
    """
    keep = expected > 0
    if not keep.any():
        return float("nan")
    number, expected, level = number[keep], expected[keep], level[keep]
    label = np.unique(label[keep], return_inverse=True)[1]
    lost = 1 + 1 / np.maximum(level - 1, 1)
    surplus = np.bincount(label, weights=(number - expected) ** 2 * lost - number)
    size = np.bincount(label, weights=expected**2)
    return max(float(np.median(surplus / size)), 0.0)
