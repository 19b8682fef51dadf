"""Titration: normals in two halves, tumours made of their depth, and the limit of detection that follows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

GRID = 50  # points of the spread on the probit's grid; twice as many of its middle
STEEPEST, SHALLOWEST = 0.02, 2.0  # spread of the sensitivity curve, in natural logarithms of purity
REACH = 8.0  # how far beyond the tested purities the curve's middle may lie


class Limit(NamedTuple):
    """Purity from which a share of tumours is seen, with its interval.

    An end beyond the tested range cannot be told from the data and is infinite (above) or 0 (below).
    """

    value: float
    low: float
    high: float


class Errors(NamedTuple):
    """How far estimates lie from the truth; NaN where no tumour has an estimate."""

    known: int
    bias: float
    rmse: float
    inside: float


def halves(count: int, random: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of ``count`` items in two halves drawn at random; the first is the larger where the number is odd."""
    order = random.permutation(count)
    middle = (count + 1) // 2
    return np.sort(order[:middle]), np.sort(order[middle:])


def reweighted(count: ArrayLike, factor: ArrayLike, random: np.random.Generator) -> NDArray[np.int64]:
    """Fragments per bin of a sample whose bins have ``factor`` times the depth of the one that was counted.

    Below 1 fragments are left out at random (binomial), which is what a smaller input gives exactly. Above 1 all are
    kept and others added (Poisson about the count times ``factor - 1``): the mean is exact, and the scatter a little
    larger than a real sample's, since the added fragments repeat the chance of those counted.

    Parameters
    ----------
    count : array of int, shape (bins,)
        Not negative.
    factor : array of float, shape (bins,)
        Not negative and finite.

    Raises
    ------
    ValueError
        If a count or a factor is negative or missing.
    """
    count, factor = np.asarray(count), np.asarray(factor, dtype=float)
    if not ((count >= 0).all() and np.isfinite(factor).all() and (factor >= 0).all()):
        raise ValueError("counts and factors must be known and not negative")
    count = count.astype(np.int64)
    kept = random.binomial(count, np.minimum(factor, 1))
    return np.asarray(kept + random.poisson(count * np.maximum(factor - 1, 0)), dtype=np.int64)


def errors(truth: ArrayLike, value: ArrayLike, low: ArrayLike, high: ArrayLike) -> Errors:
    """Bias (mean), root-mean-square error and share of truths inside their intervals, of those that have a value.

    A tumour whose value is missing (NaN) counts in none of them; one without an interval counts as outside.
    """
    truth, value, low, high = (np.asarray(part, dtype=float) for part in (truth, value, low, high))
    known = np.isfinite(value)
    if not known.any():
        return Errors(0, np.nan, np.nan, np.nan)
    gap = (value - truth)[known]
    inside = ((low <= truth) & (truth <= high))[known]
    return Errors(int(known.sum()), float(gap.mean()), float(np.sqrt(np.mean(gap**2))), float(inside.mean()))


def detection_limit(
    purity: ArrayLike,
    seen: ArrayLike,
    n: ArrayLike,
    *,
    weight: float = 1.0,
    sensitivity: float = 0.95,
    confidence: float = 0.95,
) -> Limit:
    """Purity from which ``sensitivity`` of the tumours are seen: a probit over the logarithm of purity.

    The share seen is the normal distribution's at ``(ln purity - middle) / spread``. Both parameters lie on a grid with
    even prior weight (the spread on a logarithmic one), so that curves without a partly seen purity, where a maximum
    likelihood fit has no answer, only get a wider interval. The value is the posterior's median. Probit of dilution
    series: Finney 1971, Probit Analysis, 3rd ed.; CLSI EP17-A2 (2012).

    Parameters
    ----------
    purity : array of float, shape (levels,)
        Purities within 0 and 1, exclusive and inclusive.
    seen, n : array of int, shape (levels,)
        Tumours seen and tumours made; levels with ``n`` 0 say nothing.
    weight : float
        Independent observations per tumour, at most 1: tumours of one donor share its noise, so donors over tumours.

    Returns
    -------
    Limit
        NaN where fewer than two purities have a tumour. An end above the highest tested purity is infinite, one below
        the lowest is 0.
    """
    from scipy.special import log_ndtr, ndtri

    purity, seen, n = (np.asarray(part, dtype=float) for part in (purity, seen, n))
    used = n > 0
    if len(np.unique(purity[used])) < 2:
        return Limit(np.nan, np.nan, np.nan)
    place, seen, n = np.log(purity[used]), weight * seen[used], weight * n[used]
    first = (place.min() - np.log(REACH), place.max() + np.log(REACH))
    second = (np.log(STEEPEST), np.log(SHALLOWEST))
    for _ in range(2):  # the whole range, then what of it matters
        middle, spread = np.linspace(*first, 2 * GRID), np.linspace(*second, GRID)
        z = (place - middle[:, None, None]) / np.exp(spread)[:, None]
        posterior = (seen * log_ndtr(z) + (n - seen) * log_ndtr(-z)).sum(axis=2)
        posterior = np.exp(posterior - posterior.max())
        first, second = _matters(middle, posterior.max(axis=1)), _matters(spread, posterior.max(axis=0))
    limit = middle[:, None] + np.exp(spread) * ndtri(sensitivity)
    ends = _quantiles(limit.ravel(), posterior.ravel(), np.array([0.5, (1 - confidence) / 2, (1 + confidence) / 2]))
    return Limit(*(_within(end, place) for end in ends))


def _matters(value: Floats, weight: Floats) -> tuple[float, float]:
    """Ends of the values whose weight is above a millionth of the highest, with a point more on each side."""
    places = np.flatnonzero(weight > 1e-6)
    return float(value[max(places[0] - 1, 0)]), float(value[min(places[-1] + 1, len(value) - 1)])


def _quantiles(value: Floats, weight: Floats, share: Floats) -> Floats:
    """Weighted quantiles of values: the first at which the summed weight reaches each share."""
    order = np.argsort(value, kind="stable")
    summed = np.cumsum(weight[order])
    return value[order][np.searchsorted(summed, share * summed[-1]).clip(max=len(order) - 1)]


def _within(logarithm: float, tested: Floats) -> float:
    """The purity, if it lies in the tested range (a millionth beyond it counts as in it); else 0 or infinity."""
    if logarithm > tested.max() + 1e-6:
        return float("inf")
    return 0.0 if logarithm < tested.min() - 1e-6 else float(np.exp(logarithm))
