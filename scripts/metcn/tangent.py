"""Masked tangent: the part of a sample's depth that normal samples explain, fitted where the tumour cannot interfere.

Normals span the assay's own ways of going wrong (GC, fragment size, capture lots). A sample's share of each is fitted
by robust regression on bins outside chromosome 7 and then subtracted everywhere, so an amplicon of MET, a gain of
chromosome 7 or another amplified gene is neither projected away nor allowed to drag the fit. The idea of projecting
on a panel of normals is the tangent normalisation of Tabak 2019 (doi:10.1101/566505); mask and weights are ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metcn import robust

SPREAD_FLOOR = 0.1  # log2; keeps a few very quiet bins from dominating the fit
WINSOR = 5.0  # standardised residuals of normals are cut here: one bad bin must not become a component
BLOCK = 65_536  # bins handled at a time, so that no second whole matrix is ever held

Floats = NDArray[np.floating]


def bin_weights(spread: Floats) -> Floats:
    """Weight per bin, the inverse of its noise with a floor; 0 where the spread is not finite."""
    return np.where(np.isfinite(spread), 1 / np.hypot(spread, SPREAD_FLOOR), 0.0)


def standardise(residual: Floats, weight: Floats) -> Floats:
    """Residuals times weight, cut at +-``WINSOR``; missing residuals count as zero (no evidence)."""
    return np.clip(np.nan_to_num(residual * weight, nan=0.0), -WINSOR, WINSOR)


def gram(residuals: Floats, weight: Floats, use: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Normals x normals matrix of inner products of standardised residuals over the bins of ``use``.

    Parameters
    ----------
    residuals : ndarray, shape (normals, bins)
        Centred log2 depth; NaN allowed.
    weight, use : ndarray, shape (bins,)
    """
    total = np.zeros((len(residuals), len(residuals)))
    for begin in range(0, residuals.shape[1], BLOCK):
        part = slice(begin, begin + BLOCK)
        chunk = standardise(residuals[:, part], weight[part])[:, use[part]].astype(np.float64)
        total += chunk @ chunk.T
    return total


def mixing(inner: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """How to combine normals into ``count`` orthogonal components, strongest first: shape (normals, count).

    Columns are scaled so that the components have unit mean square over the normals.
    """
    strength, vectors = np.linalg.eigh(inner)
    strength, vectors = strength[::-1][:count], vectors[:, ::-1][:, :count]
    keep = strength > 1e-9 * max(float(strength[0]) if len(strength) else 0.0, 1e-300)
    return vectors[:, keep] / np.sqrt(len(inner))


def components(residuals: Floats, weight: Floats, mix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Standardised components on every bin, shape (bins, count): ``mix`` applied to the standardised residuals."""
    out = np.empty((residuals.shape[1], mix.shape[1]), dtype=np.float32)
    for begin in range(0, residuals.shape[1], BLOCK):
        part = slice(begin, begin + BLOCK)
        out[part] = standardise(residuals[:, part], weight[part]).T @ mix
    return out


def coefficients(residual: Floats, weight: Floats, basis: Floats, *, iterations: int = 5) -> NDArray[np.float64]:
    """Robust share of each component in a sample, and its level last: shape (components + 1,).

    Iteratively re-weighted least squares with Huber weights. Rows are the fit's bins only: finite residuals, outside
    chromosome 7, at most so many per gene (the caller chooses).

    Parameters
    ----------
    residual, weight : ndarray, shape (bins,)
        Centred log2 depth of the sample and the bins' weights.
    basis : ndarray, shape (bins, components)
        Standardised components.
    """
    design = np.column_stack([basis, weight]).astype(np.float64)
    target = (residual * weight).astype(np.float64)
    downweight: Floats = np.ones(len(target))
    solution: Floats = np.zeros(design.shape[1])
    for _ in range(iterations):
        weighted = design * downweight[:, None]
        solution = np.linalg.lstsq(weighted.T @ design, weighted.T @ target, rcond=None)[0]
        downweight = robust.huber_weights(target - design @ solution)
    return np.asarray(solution, dtype=np.float64)


def subtract(residual: Floats, weight: Floats, basis: Floats, solution: NDArray[np.float64]) -> Floats:
    """The residual of every bin less what the components and the level explain; NaN stays NaN."""
    safe = np.where(weight > 0, weight, np.nan)
    return residual - (basis @ solution[:-1]) / safe - solution[-1]
