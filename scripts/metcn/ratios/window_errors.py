"""How far levels of a sample stray, and how they stray together, as left-out normals show at the very same windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metcn.bins.layout import WIDE_KINDS
from metcn.reference.panel import FEWEST_NORMALS, Rests
from metcn.stats import robust, student_t

PRIOR_NORMALS = 2
"""A window's own error leans on that of the typical window like this many normals.

That is how far windows differ: in 45 random panels of 3 to 10 normals the mean squares of left-out normals at windows
of 2 Mb to a whole arm scatter about the typical like inverse chi squares of 2 to 4.5 degrees of freedom.
"""
PRIOR_GROUPS = 5  # and a window's groups on being as noisy as others
PRIOR_PAIRS = 5  # and what two windows have in common on their having nothing
DEVIANT = 2.5  # SDs beyond which one normal says no more of what two windows have in common
NOISINESS = 0.7, 4.0  # bounds of a sample's noise over that of normals, by which its errors are scaled
COVERED = 0.5  # fraction of a window's weight that normals have to tell of

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class WindowErrors:
    """Errors of levels that normals share with a sample, beside those of bin noise.

    Attributes
    ----------
    sd : ndarray, shape (levels,)
        Error beyond bin noise, log2, with what so few normals leave uncertain of it.
    noise : ndarray, shape (levels,)
        That of bin noise in the typical normal.
    correlation : ndarray, shape (levels, levels)
        Between the whole errors of normals.
    """

    sd: NDArray[np.float64]
    noise: NDArray[np.float64]
    correlation: NDArray[np.float64]

    def between(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        """Correlation of a sample's errors of SD ``total``: bin noise of its own beyond the normals' is independent."""
        with np.errstate(invalid="ignore", divide="ignore"):
            fraction = np.nan_to_num(np.minimum(np.hypot(self.sd, self.noise) / total, 1.0))
        correlation: NDArray[np.float64] = self.correlation * np.outer(fraction, fraction)
        np.fill_diagonal(correlation, 1.0)
        return correlation


def of_normals(
    rests: Mapping[str, Rests],
    kind: NDArray[np.str_],
    group: NDArray[np.intp],
    weight: Floats,
    levels: Sequence[Mask],
    typical: Floats,
    excess: Mapping[str, float],
) -> WindowErrors | None:
    """Errors of levels that are weighted means of bins; None where no normal tells of them.

    Each left-out normal's mean is taken with the sample's own weights, in units of how far its groups stray from the
    level around them over the whole genome: noisy normals stray further. Its square beyond bin noise, averaged over
    normals, is blended with that of the ``typical`` window of as many groups as noisy as these, and
    widened as a Student's t of as many degrees of freedom as both have has a wider interval than one of known variance:
    three normals hardly know.

    Parameters
    ----------
    rests : mapping
        Kind of bins -> what is left of normals.
    kind, group : ndarray, shape (bins,)
    weight : ndarray, shape (bins,)
        Of each bin in a mean; 0 where it is not used.
    levels : sequence of ndarray of bool, shape (bins,)
        Bins of each level.
    typical : ndarray, shape (levels,)
        Error beyond bin noise that as many groups have elsewhere, log2; NaN where a level has no bin.
    excess : mapping
        Kind of bins -> the same of a single group.
    """
    if not rests:
        return None
    means = [_mean_rest(rests, kind, group, np.where(members, weight, 0.0), excess) for members in levels]
    rest = np.stack([mean.rest for mean in means], axis=1)
    noise = np.array([mean.noise for mean in means])
    count = np.isfinite(rest).sum(axis=0)
    excess_of_each = rests[judging(rests)].excess
    even = rest / relative(excess_of_each, excess_of_each)[:, None]
    squares = np.where(count > 0, np.nansum(even**2, axis=0) / np.maximum(count, 1), 0.0)
    own = np.maximum(squares - noise**2, 0.0)
    typical = typical * np.array([mean.noisier for mean in means])
    variance = (count * own + PRIOR_NORMALS * typical**2) / (count + PRIOR_NORMALS)
    certain = float(student_t.quantile(0.975))
    freedom = np.maximum(count + PRIOR_NORMALS, FEWEST_NORMALS)
    widened = np.array([student_t.interval(number) / certain for number in freedom.tolist()])
    return WindowErrors(widened * np.sqrt(variance), noise, _correlation(rest))


@dataclass(frozen=True, eq=False)
class _MeanRest:
    """Weighted mean of what is left of each normal, shape (normals,), NaN where unknown, and its SD by bin noise.

    ``noisier`` is what single groups of the window stray by over what those elsewhere do.
    """

    rest: Floats
    noise: float
    noisier: float


def _mean_rest(
    rests: Mapping[str, Rests],
    kind: NDArray[np.str_],
    group: NDArray[np.intp],
    weight: Floats,
    excess: Mapping[str, float],
) -> _MeanRest:
    """Mean over the groups of all kinds; unknown of normals that have less than half of the weight."""
    normals = len(next(iter(rests.values())).rest)
    total = float(weight.sum())
    part, reached, noise = np.zeros(normals), np.zeros(normals), 0.0
    squares, expected = float(PRIOR_GROUPS), float(PRIOR_GROUPS)
    for name, left in rests.items():
        own = np.flatnonzero((kind == name) & (weight > 0))
        place = np.searchsorted(left.label, group[own])
        inside = place < len(left.label)
        inside[inside] = left.label[place[inside]] == group[own][inside]
        of_group = np.bincount(place[inside], weights=weight[own][inside], minlength=len(left.label))
        known = np.isfinite(left.rest)
        rest = np.where(known, left.rest, 0.0)
        part += rest @ of_group
        reached += known @ of_group
        noise += float(np.nansum(left.variance * of_group**2))
        due = excess.get(name, float("nan")) ** 2 + left.variance
        told = np.isfinite(due) & (due > 0) & (of_group > 0)
        squares += float((np.minimum(rest[:, told] ** 2 / due[told], DEVIANT**2)).sum())
        expected += float(known[:, told].sum())
    enough = reached > COVERED * total if total > 0 else np.zeros(normals, dtype=bool)
    rest = np.where(enough, part / np.where(enough, reached, 1.0), np.nan)
    return _MeanRest(
        rest,
        noise=float(np.sqrt(noise) / reached.max()) if enough.any() else 0.0,
        noisier=float(np.sqrt(squares / expected)),
    )


def judging(rests: Mapping[str, Rests]) -> str:
    """Kind of bins whose groups tell a noisy sample from a quiet one: one that covers the genome evenly, if any."""
    return next((kind for kind in WIDE_KINDS if kind in rests), min(rests))


def relative(excess: ArrayLike, normals: Floats) -> Floats:
    """What groups of a sample stray by (``excess``) over those of the typical normal, within bounds; 1 if unknown."""
    typical = robust.median(normals)
    with np.errstate(invalid="ignore", divide="ignore"):
        times = np.asarray(excess, dtype=float) / typical
    return np.where(np.isfinite(times), np.clip(times, *NOISINESS), 1.0)


def _correlation(rest: Floats) -> NDArray[np.float64]:
    """Correlation between the columns of ``rest``, shape (normals, levels), shrunk to none by the number of normals."""
    known = np.isfinite(rest).astype(float)
    rest = np.nan_to_num(rest)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = np.nan_to_num(rest / np.sqrt((rest**2).sum(axis=0) / known.sum(axis=0)))
    score = np.clip(score, -DEVIANT, DEVIANT)
    product = score.T @ score
    size = np.sqrt(np.diag(product))
    scale = np.outer(size, size)
    pairs = known.T @ known
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation: NDArray[np.float64] = np.nan_to_num(product / scale) * pairs / (pairs + PRIOR_PAIRS)
    np.fill_diagonal(correlation, 1.0)
    return correlation
