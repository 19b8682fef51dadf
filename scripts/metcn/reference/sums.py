"""Ratios of bins that hold few fragments: sums of counts over sums of what is expected, never means of logarithms.

The logarithm of a count of 0, 1 or 2 says little of the mean behind it, its median less, and the spread of neighbours
can be nothing at all. What is fitted here rests on pools of neighbours that expect enough fragments, on classes of
bins, or on moments of the counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import BinLayout
from metcn.reference import gc_curves, tangent
from metcn.stats import fragments

POOLED = 30.0  # fragments that a pool of neighbours expects; its log2 is then within .001 of unbiased
CLASSES = 20  # classes of a covariate whose sums make the curve ...
PER_CLASS = 400.0  # ... of at least so many fragments: 5 %
FEWEST_CLASSES = 3  # two points would make a straight line of noise
STEPS = 2  # rounds of curve and components, which are not orthogonal

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What is expected of each bin at ratio 1, in fragments, and what it errs by.

    Attributes
    ----------
    expected : ndarray, shape (bins,)
        NaN where the bin is no observation.
    sd : ndarray, shape (bins,)
        Of the log2 ratio: counting, and what bins scatter beyond it.
    scores : list of float
        Score of each component.
    """

    expected: Floats
    sd: Floats
    scores: list[float]


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins of one kind: arrays of shape (bins,).

    Attributes
    ----------
    layout : BinLayout
    number : ndarray
        Fragments; NaN where the bin is no observation.
    expected : ndarray
        Fragments expected, at any scale.
    basis : ndarray, shape (bins, components)
        Components, log2 per unit score.
    local : ndarray
        Log2 level of the tumour where it is known, else 0.
    """

    layout: BinLayout
    number: Floats
    expected: Floats
    basis: Floats
    local: Floats


def fitted(bins: Bins, covariates: Mapping[str, Floats]) -> Fitted:
    """What bins expect after level, components and curves (of covariates, by name) are fitted outside chromosome 7."""
    seen = np.isfinite(bins.number) & np.isfinite(bins.expected) & np.isfinite(bins.local) & (bins.expected > 0)
    use, chromosome = seen & bins.layout.fit, bins.layout.chromosome
    blank = np.full(len(seen), np.nan)
    if not use.any() or bins.number[use].sum() == 0:
        return Fitted(blank, blank, [0.0] * bins.basis.shape[1])
    expected = np.where(seen, bins.expected, 0.0) * 2 ** np.nan_to_num(bins.local)
    expected *= bins.number[use].sum() / expected[use].sum()
    number = np.where(seen, bins.number, 0.0)
    scores = np.zeros(bins.basis.shape[1])
    for _ in range(STEPS):
        step = _components(number, expected, bins.basis, use, chromosome)
        expected = expected * 2 ** (bins.basis @ step[:-1] + step[-1])
        scores += step[:-1]
        for name, covariate in covariates.items():
            skewed = name in gc_curves.SKEWED
            expected = expected * 2 ** curve(number, expected, covariate=covariate, rows=use, skewed=skewed)
    beyond = excess(number[use], expected[use], np.arange(use.sum()), bins.layout.block[use], chromosome[use])
    expected = np.where(seen, expected / 2 ** np.nan_to_num(bins.local), np.nan)
    return Fitted(expected, np.hypot(fragments.sd(expected), beyond), [float(score) for score in scores])


def curve(number: Floats, expected: Floats, *, covariate: Floats, rows: Mask, skewed: bool = False) -> Floats:
    """Log2 ratio that a covariate alone explains, per bin, from sums over classes; 0 where it is unknown.

    As `metcn.reference.gc_curves.explained`, for bins of few fragments: classes hold equally many of those expected.
    """
    keep = np.flatnonzero(rows & np.isfinite(covariate))
    if keep.size == 0 or np.ptp(covariate[keep]) == 0:
        return np.zeros(len(covariate))
    keep = keep[np.argsort(covariate[keep], kind="stable")]
    total = np.cumsum(expected[keep])
    classes = min(CLASSES, int(total[-1] // PER_CLASS))
    if classes < FEWEST_CLASSES:
        return np.zeros(len(covariate))
    parts = gc_curves.halvings(total[-1] / classes, PER_CLASS) if skewed else np.zeros(0)
    edges = np.r_[parts, np.arange(1, classes)]
    label = np.searchsorted(edges, (total - expected[keep] / 2) / total[-1] * classes, side="right")
    seen, due, place = (
        np.bincount(label, weights=values, minlength=len(edges) + 1)
        for values in (number[keep], expected[keep], expected[keep] * covariate[keep])
    )
    filled = due > 0
    height = fragments.log2_ratio(seen[filled], due[filled])
    return np.nan_to_num(np.interp(covariate, place[filled] / due[filled], height), nan=0.0)


def excess(
    number: Floats, expected: Floats, group: NDArray[np.intp], block: NDArray[np.intp], chromosome: NDArray
) -> float:
    """SD, log2, of groups of bins about the level of their block, beyond what counting gives them; NaN without any."""
    part, group = (np.unique(values, return_inverse=True)[1] for values in (block, group))
    level = np.bincount(part, weights=number) / np.maximum(np.bincount(part, weights=expected), 1e-300)
    mean = expected * level[part]
    first = np.unique(group, return_index=True)[1]
    seen, due = np.bincount(group, weights=number), np.bincount(group, weights=mean)
    alike = np.bincount(part[first])[part[first]]
    label = np.unique(chromosome[first], return_inverse=True)[1]
    several = alike > 1
    variance = fragments.excess_variance(seen[several], due[several], label[several], alike[several].astype(float))
    return float(np.sqrt(variance) / np.log(2)) if np.isfinite(variance) else float("nan")


def _components(number: Floats, expected: Floats, basis: Floats, use: Mask, chromosome: NDArray) -> NDArray[np.float64]:
    """Scores of the components, and the level, from pools of neighbours."""
    rows = np.flatnonzero(use)
    apart = np.r_[True, chromosome[rows][1:] != chromosome[rows][:-1]]
    label = fragments.pools(expected[rows], apart, POOLED)
    seen, due = (np.bincount(label, weights=values[rows]) for values in (number, expected))
    means = fragments.log2_ratio(seen, due)
    weighed = [np.bincount(label, weights=expected[rows] * column[rows]) / due for column in basis.T]
    design = np.array(weighed).reshape(basis.shape[1], len(due)).T
    variance = fragments.sd(due) ** 2 + tangent.GROUP_FLOOR**2
    return tangent.fit(means, variance, design).scores


class PooledCentre(NamedTuple):
    """Centre and SD (log2) of every bin over the normals' pool, and why it is not used; shape (bins,)."""

    centre: Floats
    spread: Floats
    mask: NDArray[np.str_]


def centre(number: Floats, per_depth: Floats, *, fit: Mask, given: NDArray, least_relative: float) -> PooledCentre:
    """Centre and spread, log2, and mask of bins of one kind of which normals hold few fragments, shape (bins,) each.

    Normals are pooled. What their pool says of a bin is drawn towards the typical bin as far as counting alone could
    have moved it: a gamma prior whose variance is that of bins beyond counting. The spread is the error left of that.

    Parameters
    ----------
    number : ndarray, shape (normals, bins)
        Fragments, NaN where a bin was not measured.
    per_depth : ndarray, shape (bins,)
        Fragments of a bin per unit of depth.
    fit : ndarray of bool, shape (bins,)
        Bins that the scale rests on.
    given : ndarray of str, shape (bins,)
        Why a bin may not be used; "" where it may.
    least_relative : float
        Relative depth below which a bin is masked, where the pool is large enough to tell.
    """
    usable = (given == "") & np.isfinite(number).any(axis=0)
    typical = usable & fit
    rate = np.nansum(number[:, typical], axis=1) / per_depth[typical].sum()
    due = np.sum(np.where(np.isfinite(number), rate[:, None], 0.0), axis=0) * per_depth
    seen = np.nansum(number, axis=0)
    whole = np.zeros(int(typical.sum()), dtype=np.intp)
    variance = fragments.excess_variance(seen[typical], due[typical], whole, np.full(len(whole), np.inf))
    prior = 1 / max(variance, 1e-6) if np.isfinite(variance) else 1e6
    log2 = np.log2((seen + prior) / (due + prior))
    mask = given.astype("U32")
    enough = usable & (due >= fragments.SURE)
    mask[enough & (seen < least_relative * due)] = "low_depth_in_normals"
    mask[(enough & (seen == 0)) | ((given == "") & ~usable)] = "no_reads_in_normals"
    spread = np.where(usable, fragments.sd(seen + prior), np.nan)
    return PooledCentre(np.where(usable, log2, np.nan), spread, mask)
