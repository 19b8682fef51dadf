"""Posterior of MET copies, CEP7-like copies and their ratio, over the ratios' errors and over purity and ploidy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from metcn.mixture import tumour_copies
from metcn.stats import fragments, robust
from metcn.stats import student_t as tails

FEWEST_DRAWS = 512  # draws of a group below which its 2.5 % tails would rest on too few
LOWEST_DIVISOR = 0.05  # copies; a CEP7-like level drawn at or below 0 must not flip the ratio's sign
SIDES = ("met", "cep7", "arm_q", "arm_p")  # levels with errors of their own; the baseline's is common to all

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Log2 ratios of the levels a call needs, with their own errors, and the error of the baseline they share.

    ``log2`` and ``se`` have the keys of ``SIDES``; NaN where a level could not be measured. ``fragments`` are those
    seen in a level, for the levels of which that is known: they skew its error.
    """

    log2: Mapping[str, float]
    se: Mapping[str, float]
    baseline_se: float
    fragments: Mapping[str, float] = field(default_factory=dict)

    def with_met(self, log2: float, se: float) -> Measured:
        """The same with another level of MET."""
        return replace(self, log2={**self.log2, "met": log2}, se={**self.se, "met": se})

    def deviations(self, name: str, noise: Floats, score: Floats) -> Floats:
        """Errors of a level, log2, at fixed quantiles ``score`` of which ``noise`` are those of a Student's t.

        The part of the variance that counting makes has the shape of the fragments' gamma posterior: skewed where they
        are few, so that no fragment excludes many copies and leaves none possible.
        """
        seen, se = self.fragments.get(name, float("nan")), self.se[name]
        if not (np.isfinite(seen) and se > 0):
            return se * noise
        share = min(float(fragments.sd(seen)) ** 2 / se**2, 1.0)
        return se * ((1 - share) * noise + share * fragments.quantile(seen, score))


@lru_cache(maxsize=4)
def scores(count: int, dimensions: int) -> Floats:
    """Evenly spread points of the unit cube, shape (count, dimensions), the same for everyone and read-only."""
    found = robust.uniform_scores(count, dimensions)
    found.flags.writeable = False
    return found


@lru_cache(maxsize=4)
def errors(count: int, dimensions: int) -> Floats:
    """Errors of unit variance, shape (count, dimensions): fixed, evenly spread quantiles of a scaled Student's t.

    They are the same for everyone who asks, and read-only.
    """
    found: Floats = tails.quantile(scores(count, dimensions))
    found.flags.writeable = False
    return found


def posterior(measured: Measured, grid: Mapping[str, NDArray], *, draw_count: int) -> dict[str, NDArray]:
    """Joint draws of everything a verdict may ask for, per group of plausible purity and ploidy.

    Parameters
    ----------
    measured : Measured
    grid : mapping of ndarray, shape (points,)
        purity, ploidy, weight and group (see `metcn.purity.grid.grid`).
    draw_count : int
        Draws in all; several groups share them, with at least ``FEWEST_DRAWS`` each.

    Returns
    -------
    dict of ndarray, shape (draws,)
        ``gcn``, ``cep7``, ``arm_q``, ``arm_p`` (copies per tumour cell, not below 0), ``ratio`` (MET/CEP7-like),
        ``fold`` (depth ratio), ``pcn`` (plasma copies, ``2 * fold``), ``purity``, ``ploidy``, ``weight`` (sums to 1
        within a group) and ``group``. NaN where a level is missing. The same input gives the same bytes.
    """
    draw_count = max(draw_count // len(np.unique(grid["group"])), min(FEWEST_DRAWS, draw_count))
    score, noise = scores(draw_count, len(SIDES) + 1), errors(draw_count, len(SIDES) + 1)
    common = measured.baseline_se * noise[:, -1]
    folds = {
        name: 2 ** (measured.log2[name] + measured.deviations(name, noise[:, place], score[:, place]) + common)
        for place, name in enumerate(SIDES)
    }
    groups = [_group(folds, grid, np.flatnonzero(grid["group"] == number)) for number in np.unique(grid["group"])]
    joined = {name: np.concatenate([part[name] for part in groups]) for name in groups[0]}
    joined["group"] = np.repeat(np.arange(len(groups)), draw_count)
    return joined


def _group(folds: Mapping[str, Floats], grid: Mapping[str, NDArray], rows: NDArray[np.intp]) -> dict[str, Floats]:
    """Draws of one group: each is assigned a point of the group's grid, in proportion to its weight."""
    count = len(folds["met"])
    reached = np.cumsum(grid["weight"][rows]) / np.sum(grid["weight"][rows])
    # a low-discrepancy order of the points, so that purity is not tied to any of the errors
    place = np.mod((np.arange(count) + 0.5) * (np.sqrt(5) - 1) / 2, 1.0)
    point = rows[np.minimum(np.searchsorted(reached, place), len(rows) - 1)]
    purity, ploidy = grid["purity"][point], grid["ploidy"][point]
    copies = {name: np.maximum(tumour_copies(fold, purity, ploidy), 0.0) for name, fold in folds.items()}
    return {
        "gcn": copies["met"],
        "cep7": copies["cep7"],
        "arm_q": copies["arm_q"],
        "arm_p": copies["arm_p"],
        "ratio": copies["met"] / np.maximum(copies["cep7"], LOWEST_DIVISOR),
        "fold": folds["met"],
        "pcn": 2 * folds["met"],
        "purity": purity,
        "ploidy": ploidy,
        "weight": np.full(count, 1 / count),
    }


def interval(values: Floats, group: NDArray[np.intp], *, level: float = 0.95) -> dict[str, float]:
    """Median and interval of a quantity; with several groups no median, and the interval that covers all of theirs.

    NaN throughout where the quantity is missing.
    """
    tails = (50 * (1 - level), 100 - 50 * (1 - level))
    ends = np.array([np.percentile(rows, tails, axis=1).T for rows in _by_group(values, group)]).reshape(-1, 2)
    one = len(ends) == 1
    return {
        "value": float(np.median(values)) if one else float("nan"),
        "low": float(ends[:, 0].min()),
        "high": float(ends[:, 1].max()),
    }


def at_least(values: Floats, group: NDArray[np.intp], bounds: Sequence[float]) -> dict[str, float]:
    """Probability that a quantity reaches each bound, by the bound's text.

    NaN where the quantity is missing, and with several groups: these are possibilities without weights, so what they
    give is a range (`at_least_range`) and no probability.
    """
    ends = at_least_range(values, group, bounds)
    one = len(np.unique(group)) == 1
    return {bound: pair["low"] if one else float("nan") for bound, pair in ends.items()}


def at_least_range(values: Floats, group: NDArray[np.intp], bounds: Sequence[float]) -> dict[str, dict[str, float]]:
    """Lowest and highest probability over the groups that a quantity reaches each bound; NaN where it is missing.

    With one group both are the probability. The groups hold the ends of what is plausible, and copies only fall or only
    rise between them, so these are the probabilities at the ends.
    """
    found = {}
    for bound in bounds:
        shares = np.concatenate([np.mean(rows >= bound, axis=1) for rows in _by_group(values, group)])
        shares = np.full_like(shares, np.nan) if np.isnan(values).any() else shares
        found[f"{bound:g}"] = {"low": float(shares.min()), "high": float(shares.max())}
    return found


def _by_group(values: Floats, group: NDArray[np.intp]) -> list[Floats]:
    """Values with a row per group: one array where groups are equally large, as those of a posterior are."""
    order = np.argsort(group, kind="stable")
    size = np.unique(group, return_counts=True)[1]
    if (size == size[0]).all():
        return [values[order].reshape(len(size), size[0])]
    return [part[None, :] for part in np.split(values[order], np.cumsum(size)[:-1])]
