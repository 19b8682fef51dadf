"""Masked tangent: the part of a sample's depth that normal samples explain, fitted where the tumour cannot interfere.

Normals span the assay's own ways of going wrong (GC, fragment size, capture lots). A sample's score of each is fitted
on genes outside chromosome 7 and then subtracted everywhere, so an amplicon of MET, a gain of chromosome 7 or another
amplified gene is neither projected away nor allowed to drag the fit. The unit of the fit is the mean over a gene, not
the bin: what MET's level suffers from is what the bins of a gene share, and a gene of many bins counts no more than
its own error allows. Projecting on a panel of normals is the tangent normalisation of Tabak 2019
(doi:10.1101/566505); mask, groups and shrinkage are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metcn.stats import robust

SPREAD_FLOOR = 0.1  # log2; keeps a few very quiet bins from dominating
FEW_BINS = 64  # bins at which a group's variance is twice what its bins say: the fewer, the less their spread is known
ENOUGH_GROUPS = 50  # groups that a fit rests on at the least, where there are so many: few bins then count against less
HALVINGS = 20  # steps in which the penalty of few bins is found
WINSOR = 5.0  # spreads at which residuals of normals are cut: one bad bin must not become a component
GROUP_FLOOR = 0.03  # log2; error that the bins of a group share at the least, however many there are
BLOCK = 65_536  # bins handled at a time, so that no second whole matrix is ever held

Floats = NDArray[np.floating]


def bin_weights(spread: Floats) -> Floats:
    """Weight per bin, the inverse of its noise with a floor; 0 where the spread is not finite."""
    return np.where(np.isfinite(spread), 1 / np.hypot(spread, SPREAD_FLOOR), 0.0)


def winsorise(residual: Floats, weight: Floats, spreads: float = WINSOR) -> Floats:
    """Residuals (log2) cut at so many spreads; missing ones, and those of bins without weight, count as zero."""
    bound = np.where(weight > 0, spreads / np.maximum(weight, 1e-9), 0.0).astype(residual.dtype)
    return np.clip(np.nan_to_num(residual, nan=0.0), -bound, bound)


@dataclass(frozen=True, eq=False)
class Grouped:
    """Means over groups of bins.

    Attributes
    ----------
    means : ndarray, shape (..., groups)
    variance : ndarray, shape (groups,)
        Expected variance of a mean: bin noise over the group, and ``GROUP_FLOOR``, more in a group of few bins.
    label, size : ndarray of int, shape (groups,)
        Label of each group, ascending, and how many bins of weight it has.
    """

    means: NDArray[np.float64]
    variance: NDArray[np.float64]
    label: NDArray[np.intp]
    size: NDArray[np.intp]

    def present(self, among: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """Groups (``among`` some) that have a bin of weight; each takes part as its variance allows."""
        return (self.size > 0) if among is None else (self.size > 0) & among


def grouped(values: Floats, weight: Floats, label: NDArray[np.intp]) -> Grouped:
    """Weighted means of ``values``, shape (..., bins), over the bins of each group; bins without weight do not count.

    ``label`` must ascend from bin to bin (groups are runs of bins); values must be finite where weight is not 0.
    """
    starts = np.flatnonzero(np.r_[True, label[1:] != label[:-1]]) if len(label) else np.array([], dtype=np.intp)
    if len(starts) == 0:
        return Grouped(np.zeros((*values.shape[:-1], 0)), np.zeros(0), np.zeros(0, np.intp), np.zeros(0, np.intp))
    precision = np.asarray(weight, dtype=float) ** 2
    total = np.add.reduceat(precision, starts)
    rows = np.atleast_2d(values)
    sums = np.stack([np.add.reduceat(precision * row, starts) for row in rows])
    means = (sums / np.maximum(total, 1e-12)).reshape(*values.shape[:-1], len(starts))
    size = np.add.reduceat((precision > 0).astype(np.intp), starts)
    variance = GROUP_FLOOR**2 + 1 / np.maximum(total, 1e-12)
    penalty = few_bins(variance[size > 0], size[size > 0])
    variance = variance * (1 + penalty / np.maximum(size, 1))
    return Grouped(means, variance, np.asarray(label[starts]), size)


def few_bins(variance: Floats, size: NDArray[np.intp]) -> float:
    """Bins at which a group's variance is doubled: ``FEW_BINS``, or fewer where too few groups would decide a fit.

    Among thousands of targets, single ones may count for little beside genes of many. Where nearly all groups are
    single targets, they are what there is: the effective number of groups (Kish 1965, the squared sum of weights over
    the sum of their squares) stays at ``ENOUGH_GROUPS``, or at what equal treatment gives if that is less.

    Parameters
    ----------
    variance : ndarray, shape (groups,)
        What the bins' noise says of each group.
    size : ndarray of int, shape (groups,)
        Bins of each group, none of them 0.
    """
    if len(size) == 0:
        return float(FEW_BINS)
    enough = min(float(ENOUGH_GROUPS), (1 - 1e-9) * _effective_groups(variance, size, 0.0))
    if _effective_groups(variance, size, FEW_BINS) >= enough:
        return float(FEW_BINS)
    low, high = 0.0, float(FEW_BINS)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _effective_groups(variance, size, middle) >= enough else (low, middle)
    return low


def _effective_groups(variance: Floats, size: NDArray[np.intp], penalty: float) -> float:
    """How many groups of equal weight would tell as much."""
    weight = 1 / (variance * (1 + penalty / size))
    return float(weight.sum() ** 2 / (weight**2).sum())


def gram(means: Floats, variance: Floats, use: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Normals x normals matrix of inner products of standardised group means over the groups of ``use``."""
    standard = np.asarray(means, dtype=float)[:, use] / np.sqrt(variance[use])
    return np.asarray(standard @ standard.T)


def mixing(inner: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """How to combine normals into ``count`` orthogonal components, strongest first: shape (normals, count).

    Columns are scaled so that a normal's scores of the components have unit mean square.
    """
    strength, vectors = np.linalg.eigh(inner)
    strength, vectors = strength[::-1][:count], vectors[:, ::-1][:, :count]
    keep = strength > 1e-9 * max(float(strength[0]) if len(strength) else 0.0, 1e-300)
    return vectors[:, keep] / np.sqrt(len(inner))


def components(residuals: Floats, weight: Floats, mix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Components on every bin (log2 per unit score), shape (bins, count): ``mix`` of the winsorised residuals."""
    out = np.empty((residuals.shape[1], mix.shape[1]), dtype=np.float32)
    for begin in range(0, residuals.shape[1], BLOCK):
        part = slice(begin, begin + BLOCK)
        out[part] = winsorise(residuals[:, part], weight[part]).T @ mix
    return out


@dataclass(frozen=True, eq=False)
class Fit:
    """Robust scores of the components, the level last, and the groups' final weights."""

    scores: NDArray[np.float64]  # shape (components + 1,)
    weight: NDArray[np.float64]  # shape (groups,): inverse variance times Huber's weight
    noise: float  # robust SD of the groups' standardised residuals


def fit(means: Floats, variance: Floats, basis: Floats, *, iterations: int = 5) -> Fit:
    """Scores that explain the group means: Huber-weighted ridge regression on the components and a level.

    Normals have scores of unit mean square; with errors of the size observed the scores are shrunk as that prior asks,
    so a component that the sample cannot tell from noise hardly counts.

    Parameters
    ----------
    means, variance : ndarray, shape (groups,)
        Means of the sample (log2) and their expected variances.
    basis : ndarray, shape (groups, components)
        Means of the components over the same groups.
    """
    design = np.column_stack([basis, np.ones(len(means))])
    weight, noise = 1 / np.asarray(variance, dtype=float), 1.0
    scores = np.zeros(design.shape[1])
    for _ in range(iterations):
        scores = solve(design.T * weight @ design, design.T * weight @ means, noise)
        standard = (means - design @ scores) / np.sqrt(variance)
        size = np.abs(standard)
        noise = robust.MAD_TO_SD * robust.weighted_median(size, 1 / variance) if len(standard) else 1.0
        cut = robust.HUBER_BOUND * noise
        weight = np.where(size > cut, cut / np.maximum(size, 1e-12), 1.0) / variance
    return Fit(scores, weight, noise)


def solve(normal: NDArray[np.float64], right: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Solution of the normal equations with the prior's penalty on all but the level, which comes last."""
    penalty = np.full(len(normal), noise**2)
    penalty[-1] = 0.0
    return np.asarray(np.linalg.lstsq(normal + np.diag(penalty), right, rcond=None)[0])


def subtract(residual: Floats, basis: Floats, scores: NDArray[np.float64]) -> Floats:
    """The residual of every bin less what the components and the level explain; NaN stays NaN."""
    return residual - basis @ scores[:-1] - scores[-1]
