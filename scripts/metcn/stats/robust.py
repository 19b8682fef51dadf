"""Estimates that a few wrong values cannot move, and deterministic normal scores. NumPy only, no project knowledge."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAD_TO_SD = 1.4826  # SD of a normal distribution over its median absolute deviation
SMALLEST_VARIANCE = 1e-6  # keeps the weight of a value without noise finite
HUBER_BOUND = 1.5  # residuals beyond this many SD lose weight; 96 % efficiency on normal noise


def median(values: ArrayLike) -> float:
    """Median of the finite values; NaN when there is none."""
    kept = np.asarray(values, dtype=float)
    kept = kept[np.isfinite(kept)]
    return float(np.median(kept)) if kept.size else float("nan")


def spread(values: ArrayLike) -> float:
    """Robust standard deviation (scaled MAD) of the finite values; NaN for fewer than two."""
    kept = np.asarray(values, dtype=float)
    kept = kept[np.isfinite(kept)]
    return float(MAD_TO_SD * np.median(np.abs(kept - np.median(kept)))) if kept.size > 1 else float("nan")


def weighted_median(values: ArrayLike, weights: ArrayLike) -> float:
    """Smallest value at which half of the total weight is reached; NaN when no finite value has weight."""
    given, weight = np.asarray(values, dtype=float), np.asarray(weights, dtype=float)
    keep = np.isfinite(given) & (weight > 0)
    if not keep.any():
        return float("nan")
    order = np.argsort(given[keep], kind="stable")
    reached = np.cumsum(weight[keep][order])
    return float(given[keep][order][np.searchsorted(reached, reached[-1] / 2)])


def weighted_spread(values: ArrayLike, weights: ArrayLike) -> float:
    """Robust standard deviation (scaled MAD) of the finite values that have weight; NaN when there is none."""
    given, weight = np.asarray(values, dtype=float), np.asarray(weights, dtype=float)
    return MAD_TO_SD * weighted_median(np.abs(given - weighted_median(given, weight)), weight)


def excess(
    deviations: ArrayLike, variances: ArrayLike, sizes: ArrayLike = 1.0, iterations: int = 8
) -> tuple[float, float, float]:
    """SD that deviations have in common beyond their own known ``variances``, how many values tell it, and their noise.

    The robust answer to: which ``t`` makes the median of ``deviation^2 / (t^2 + variance)`` that of a squared normal
    score? Each value counts by what it tells of ``t``, the inverse of its squared total variance, so that noisy values
    need not be left out: many of them hardly move what a few quiet ones say. That weight is taken from the typical
    variance of means over so many values, not from each one's own: one that is taken for too quiet by chance would
    otherwise count most.

    Parameters
    ----------
    deviations, variances : array_like, shape (n,)
        Entries where either is not finite are left out.
    sizes : array_like, shape (n,) or ()
        How many values each is a mean of.

    Returns
    -------
    excess, count, noise : float
        ``count`` is the number of values of equal weight that would tell as much, ``noise`` the typical SD of those
        that count. NaN, 0 and NaN without a value.
    """
    given, known = np.asarray(deviations, dtype=float), np.asarray(variances, dtype=float)
    keep = np.isfinite(given) & np.isfinite(known)
    if not keep.any():
        return float("nan"), 0.0, float("nan")
    square, variance = (MAD_TO_SD * given[keep]) ** 2, known[keep]
    size = np.broadcast_to(np.asarray(sizes, dtype=float), given.shape)[keep]
    typical = np.median(variance * size) / size
    beyond = max(float(np.median(square - variance)), 0.0)
    weight = np.ones(len(variance))
    for _ in range(iterations):
        weight = (beyond + typical + SMALLEST_VARIANCE) ** -2.0
        beyond = max(weighted_median(square - variance, weight), 0.0)
    noise = np.average(typical, weights=weight)
    return float(np.sqrt(beyond)), float(weight.sum() ** 2 / np.sum(weight**2)), float(np.sqrt(noise))


def huber_weights(standardised: NDArray[np.floating], bound: float = HUBER_BOUND) -> NDArray[np.floating]:
    """Weights 1 within ``bound`` robust SDs of zero and ``bound / |z|`` beyond (Huber 1964).

    doi:10.1214/aoms/1177703732.

    The scale is the residuals' own (MAD about zero), so the call works whatever their unit.
    """
    size = np.abs(standardised)
    cut = bound * MAD_TO_SD * np.median(size) if size.size else 0.0
    return np.where(size <= cut, 1.0, cut / np.maximum(size, 1e-12)) if cut > 0 else np.ones_like(size)


def huber_mean(
    values: ArrayLike, sd: ArrayLike, bound: float = HUBER_BOUND, iterations: int = 10
) -> tuple[float, float, float]:
    """Robust weighted mean, its standard error, and the scatter of the values over what ``sd`` leads to expect.

    Parameters
    ----------
    values, sd : array_like, shape (n,)
        Values and their expected standard deviations; entries where either is not finite are left out.

    Returns
    -------
    mean, error, scatter : float
        ``error`` is that of independent values, scaled by ``scatter`` where the values scatter more than expected.
        NaN, NaN, NaN for no value; ``scatter`` is 1 for a single one.
    """
    given, size = np.asarray(values, dtype=float), np.asarray(sd, dtype=float)
    keep = np.isfinite(given) & np.isfinite(size) & (size > 0)
    if not keep.any():
        return float("nan"), float("nan"), float("nan")
    given, size = given[keep], size[keep]
    precision = 1 / size**2
    mean = weighted_median(given, precision)
    weights = precision
    for _ in range(iterations):
        weights = precision * huber_weights((given - mean) / size, bound)
        mean = float(np.sum(weights * given) / np.sum(weights))
    scatter = float(MAD_TO_SD * np.median(np.abs(given - mean) / size)) if given.size > 2 else 1.0
    error = float(np.sqrt(np.sum((weights * size) ** 2)) / np.sum(weights)) * max(scatter, 1.0)
    return mean, error, scatter


def uniform_scores(count: int, dimensions: int) -> NDArray[np.float64]:
    """Evenly spread points of the unit cube, shape (count, dimensions): the same ones every time.

    Kronecker sequence on powers of the generalised golden ratio (Roberts 2018), centred in its cells: lower error than
    random draws, and two runs give the same bytes.
    """
    ratio = 2.0
    for _ in range(64):  # fixed point of ratio ** (dimensions + 1) == ratio + 1
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1, dimensions + 1)
    return np.mod(0.5 + np.arange(1, count + 1)[:, None] * steps[None, :], 1.0)
