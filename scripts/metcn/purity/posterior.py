"""What a likelihood over purity and ploidy says: weighed points, modes, what may be stated, what it cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from metcn.mixture import mean_copies
from metcn.purity.grid import PurityGrid

Floats = NDArray[np.float64]

RESOLVED = 3.0  # a copy must change the ratio by this many SD of the shared noise for whole copies to be told apart
MOST_UNRESOLVED = 0.2  # posterior share of unresolved points above which the profile says nothing definite
LEAST_SHARE = 0.02  # modes of a smaller share are not named
WINDOW = {"purity": 0.1, "ploidy": 0.4}  # a value is stated if this much to each side of it ...
IN_WINDOW = 0.8  # ... holds this share of the posterior
REGION = 0.99  # share of the posterior that holds what is not contradicted, where the profile says nothing definite
RESPONSE = 0.05  # relative error of a fitted purity from the assay's response, which no number of segments reduces
NEGLIGIBLE = 1e-5  # weight relative to the mode's best point, below which a point is left out of the grid
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Belief:
    """Points of purity and ploidy with their posterior weights, the modes among them, and what may be stated.

    ``value`` is NaN where the posterior is too wide to state one; ``span`` is the 95 % interval; ``modes`` are
    (purity, ploidy, weight), best first. ``identified`` is False where the profile tells nothing definite.
    """

    identified: bool
    grid: PurityGrid
    modes: tuple[Mapping[str, float], ...]
    value: Mapping[str, float]
    span: Mapping[str, tuple[float, float]]


def resolved(noise: Floats, purity: Floats, ploidy: Floats, *, floor: float) -> NDArray[np.bool_]:
    """Where whole copies can be told apart: at ``noise`` (log2, shape (purities, ploidies)) and from ``floor`` on."""
    step = purity[:, None] / mean_copies(purity[:, None], ploidy[None])
    return (step >= RESOLVED * np.log(2) * noise) & (purity[:, None] >= floor)


def capped(log: Floats, clear: NDArray[np.bool_]) -> Floats:
    """Log-likelihood with unresolved points no better than the best resolved one; the best point is 0.

    Where levels lie closer than the noise, they explain any noise: that is no evidence for them.
    """
    limited = np.where(clear, log, np.minimum(log, log[clear].max())) if clear.any() else np.zeros_like(log)
    return limited - limited.max()


def blurred(log: Floats, purity: Floats) -> Floats:
    """Log-likelihood averaged along a fitted ``purity`` over the error of the assay's response."""
    kernel = -0.5 * ((purity[:, None] - purity[None]) / (RESPONSE * purity[:, None])) ** 2
    kernel += np.log(_widths(purity))[None]
    kernel -= logsumexp(kernel, axis=1, keepdims=True)
    return logsumexp(kernel[:, :, None] + log[None], axis=1)


def tied(log: Floats, purity: Floats, ploidy: Floats) -> Floats:
    """Log-likelihood with ploidy tied to the copies of the segments, whose mean it is.

    At each purity the segments fix the ploidy up to the error of their levels, which is wider in copies the smaller the
    step of a copy is. Under an even prior over ploidy that width would count as evidence: of low purities, and of
    profiles doubled at half the purity. The size of the step takes it out. One ploidy alone was not found by segments.
    """
    if len(ploidy) == 1:
        return log
    return log + np.log(purity[:, None] / mean_copies(purity[:, None], ploidy[None]))


def posterior(log: Floats, purity: Floats, ploidy: Floats) -> Floats:
    """Posterior shares (sum 1) under an even prior over the spans of both axes, whatever their spacing."""
    width = _widths(purity)[:, None] * _widths(ploidy)[None]
    weight = width * np.exp(log - log.max())
    return weight / weight.sum()


def labels(height: Floats) -> NDArray[np.intp]:
    """Number of the mode that each point belongs to, by steepest ascent over its eight neighbours."""
    padded = np.pad(height, 1, constant_values=-np.inf)
    place = np.arange(padded.size).reshape(padded.shape)
    best, parent = padded.copy(), place.copy()
    for shift in ((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)):
        neighbour = np.roll(padded, shift, (0, 1))
        higher = neighbour > best
        best[higher], parent[higher] = neighbour[higher], np.roll(place, shift, (0, 1))[higher]
    top = parent.reshape(-1)
    while not np.array_equal(top[top], top):
        top = top[top]
    return np.unique(top.reshape(padded.shape)[1:-1, 1:-1], return_inverse=True)[1].reshape(height.shape)


def belief(share: Floats, purity: Floats, ploidy: Floats, *, identified: bool = True) -> Belief:
    """What a posterior over (purity, ploidy) says, every mode weighed by its share."""
    first, second = (axis.ravel() for axis in np.meshgrid(purity, ploidy, indexing="ij"))
    flat = share.ravel()
    held = np.flatnonzero(flat > NEGLIGIBLE * flat.max())
    grid = PurityGrid(first[held], second[held], flat[held] / flat[held].sum(), np.zeros(len(held), dtype=np.intp))
    marginal = {"purity": (purity, share.sum(axis=1)), "ploidy": (ploidy, share.sum(axis=0))}
    value = {name: _stated(*marginal[name], WINDOW[name]) for name in marginal}
    span = {"purity": _span(grid, grid.purity, purity), "ploidy": _span(grid, grid.ploidy, ploidy)}
    return Belief(identified, grid, _modes(share, first, second), value, span)


def _modes(share: Floats, purity: Floats, ploidy: Floats) -> tuple[Mapping[str, float], ...]:
    """Mean purity and ploidy of each mode worth naming, and its weight, best first."""
    flat, owner = share.ravel(), labels(share).ravel()
    mass = np.bincount(owner, weights=flat)
    modes = []
    for mode in np.argsort(-mass, kind="stable"):
        if mass[mode] < LEAST_SHARE:
            break
        inside = np.where(owner == mode, flat, 0)
        means = {name: float(inside @ axis / inside.sum()) for name, axis in (("purity", purity), ("ploidy", ploidy))}
        modes.append({**means, "weight": float(mass[mode])})
    return tuple(modes)


def plausible(points: PurityGrid, log: Floats, purity: Floats, ploidy: Floats) -> PurityGrid:
    """The plausible points that a log-likelihood does not contradict, groups numbered anew.

    A point stands for its surroundings: it is dropped only if no point of the fit near it lies in the region that holds
    ``REGION`` of the posterior. If none were left, all stay.
    """
    order = np.argsort(-log, axis=None)
    held = np.cumsum(posterior(log, purity, ploidy).ravel()[order])
    lowest = log.ravel()[order][held >= min(REGION, held[-1])][0]
    near = _near(points.purity, purity), _near(points.ploidy, ploidy)
    fits = log >= lowest
    keep = np.einsum("gp,pq,gq->g", near[0].astype(int), fits.astype(int), near[1].astype(int)) > 0
    keep = np.isin(points.group, points.group[keep])
    return points.kept(keep) if keep.any() else points


def _near(points: Floats, axis: Floats) -> NDArray[np.bool_]:
    """Which values of ``axis`` each point stands for: up to half way to its neighbours, by ratio; at least the nearest.

    Shape (points, values).
    """
    different = np.log(np.unique(points))
    reach = np.max(np.diff(different), initial=0.0) / 2 + 1e-9
    distance = np.abs(np.log(points)[:, None] - np.log(axis)[None])
    return distance <= np.maximum(reach, distance.min(axis=1, keepdims=True))


def _widths(axis: Floats) -> Floats:
    """Length of the axis that each of its points stands for."""
    return np.gradient(axis) if len(axis) > 1 else np.ones(1)


def _stated(axis: Floats, share: Floats, window: float) -> float:
    """Mean of a marginal posterior, NaN if too little of it lies near its mean."""
    mean = float(axis @ share)
    return mean if share[np.abs(axis - mean) <= window + 1e-9].sum() >= IN_WINDOW else float("nan")


def _span(grid: PurityGrid, coordinate: Floats, axis: Floats) -> tuple[float, float]:
    """95 % interval of a coordinate of a grid of one group; a point stands for half a step around."""
    borders = np.concatenate([axis[:1], (axis[1:] + axis[:-1]) / 2, axis[-1:]])
    order = np.argsort(coordinate, kind="stable")
    values, reached = coordinate[order], np.cumsum(grid.weight[order])
    tails = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    ends = values[np.minimum(np.searchsorted(reached, tails), len(values) - 1)]
    first, last = np.searchsorted(axis, ends)
    return float(borders[first]), float(borders[last + 1])
