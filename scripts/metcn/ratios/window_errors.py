"""How far levels of a sample stray, and how they stray together, as left-out normals show at the very same windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metcn.reference.panel import Rests
from metcn.stats import student_t

PRIOR_NORMALS = 2  # a window's own error leans on that of the typical window like this many normals
PRIOR_PAIRS = 5  # and what two windows have in common on their having nothing
DEVIANT = 2.5  # SDs beyond which one normal says no more of what two windows have in common
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
) -> WindowErrors | None:
    """Errors of levels that are weighted means of bins; None where no normal tells of them.

    Each left-out normal's mean is taken with the sample's own weights. The square of what it strays beyond bin noise,
    averaged over normals, is blended with that of the ``typical`` window of as many groups, and widened as a Student's
    t of as many degrees of freedom has a wider interval than one of known variance: three normals hardly know.

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
        Error beyond bin noise that windows like these have elsewhere, log2; NaN where a level has no bin.
    """
    normals = max((len(left.rest) for left in rests.values()), default=0)
    if normals == 0:
        return None
    means = [_mean_rest(rests, kind, group, np.where(members, weight, 0.0), normals) for members in levels]
    rest = np.stack([mean.rest for mean in means], axis=1)
    noise = np.array([mean.noise for mean in means])
    count = np.isfinite(rest).sum(axis=0)
    squares = np.where(count > 0, np.nansum(rest**2, axis=0) / np.maximum(count, 1), 0.0)
    own = np.maximum(squares - noise**2, 0.0)
    variance = (count * own + PRIOR_NORMALS * typical**2) / (count + PRIOR_NORMALS)
    certain = float(student_t.quantile(0.975))
    widened = np.array([student_t.interval(number + PRIOR_NORMALS) / certain for number in count.tolist()])
    return WindowErrors(widened * np.sqrt(variance), noise, _correlation(rest))


@dataclass(frozen=True, eq=False)
class _MeanRest:
    """Weighted mean of what is left of each normal, shape (normals,), NaN where unknown, and its SD by bin noise."""

    rest: Floats
    noise: float


def _mean_rest(
    rests: Mapping[str, Rests], kind: NDArray[np.str_], group: NDArray[np.intp], weight: Floats, normals: int
) -> _MeanRest:
    """Mean over the groups of all kinds; unknown of normals that have less than half of the weight."""
    total = float(weight.sum())
    part, reached, noise = np.zeros(normals), np.zeros(normals), 0.0
    for name, left in rests.items():
        own = np.flatnonzero((kind == name) & (weight > 0))
        place = np.searchsorted(left.label, group[own])
        inside = place < len(left.label)
        inside[inside] = left.label[place[inside]] == group[own][inside]
        of_group = np.bincount(place[inside], weights=weight[own][inside], minlength=len(left.label))
        known = np.isfinite(left.rest)
        part += np.where(known, left.rest, 0.0) @ of_group
        reached += known @ of_group
        noise += float(np.nansum(left.variance * of_group**2))
    enough = reached > COVERED * total if total > 0 else np.zeros(normals, dtype=bool)
    rest = np.where(enough, part / np.where(enough, reached, 1.0), np.nan)
    return _MeanRest(rest, float(np.sqrt(noise) / reached.max()) if enough.any() else 0.0)


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
