"""Posterior of MET copies, CEP7-like copies and their ratio, over the ratios' errors and over purity and ploidy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metcn.mixture import tumour_copies
from metcn.purity.grid import PurityGrid
from metcn.stats import fragments, robust, student_t
from metcn.stats.estimate import Estimate

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
        """The levels with another one of MET."""
        return replace(self, log2={**self.log2, "met": log2}, se={**self.se, "met": se})

    def deviations(self, name: str, noise: Floats, score: Floats) -> Floats:
        """Errors of a level, log2, at fixed quantiles ``score`` of which ``noise`` are those of a Student's t.

        The part of the variance that counting makes has the shape of the fragments' gamma posterior: skewed where they
        are few, so that no fragment excludes many copies and leaves none possible.
        """
        seen, se = self.fragments.get(name, float("nan")), self.se[name]
        if not (np.isfinite(seen) and se > 0):
            return se * noise
        counted = min(float(fragments.sd(seen)) ** 2 / se**2, 1.0)  # fraction of the variance that counting makes
        return se * ((1 - counted) * noise + counted * fragments.quantile(seen, score))


QUANTITIES = ("copies", "cep7", "arm_q", "arm_p", "met_cep7", "depth_ratio", "plasma_copies", "purity", "ploidy")


@dataclass(frozen=True, eq=False)
class Draws:
    """Weighted joint draws of everything a verdict may ask for; NaN is missing.

    Attributes
    ----------
    copies, cep7, arm_q, arm_p : ndarray of float, shape (draws,)
        Copies per tumour cell of MET, of the CEP7-like level and of the rest of either arm.
    met_cep7 : ndarray of float, shape (draws,)
        MET copies over CEP7-like copies.
    depth_ratio, plasma_copies : ndarray of float, shape (draws,)
        MET's depth ratio, not corrected for purity, and twice that.
    purity, ploidy : ndarray of float, shape (draws,)
        What a draw is conditional on.
    weight : ndarray of float, shape (draws,)
        Not negative; only ratios between weights matter.
    group : ndarray of int, shape (draws,)
        Which plausible (purity, ploidy) a draw belongs to, from 0 without gaps. One group: the posterior. Several:
        nothing is known of which of them is true, so only what holds in all of them holds.

    Raises
    ------
    ValueError
        If lengths differ, there is no draw, groups have gaps, or weights are not finite, are negative, or are all zero.
    """

    copies: Floats
    cep7: Floats
    arm_q: Floats
    arm_p: Floats
    met_cep7: Floats
    depth_ratio: Floats
    plasma_copies: Floats
    purity: Floats
    ploidy: Floats
    weight: Floats
    group: NDArray[np.intp]

    def __post_init__(self) -> None:
        """Raise ValueError unless the arrays belong together."""
        shape = self.weight.shape
        for name in (*QUANTITIES, "group"):
            found = getattr(self, name).shape
            if found != shape or len(shape) != 1:
                raise ValueError(f"draws of {name} have shape {found}; expected {shape}, one row of weights")
        if not (np.isfinite(self.weight) & (self.weight >= 0)).all() or self.weight.sum() <= 0:
            raise ValueError("weights of draws must be finite, not negative, and not all zero")
        if self.group.min() < 0 or not np.bincount(self.group).all():
            raise ValueError("groups of draws must be numbered from 0 without gaps")

    @classmethod
    def of(cls, arrays: Mapping[str, ArrayLike]) -> Draws:
        """Draws from arrays by name: an absent quantity is missing, without ``group`` they are of one group.

        Draws of weight 0 are left out, and groups are numbered anew.

        Raises
        ------
        ValueError
            If lengths differ, or weights are not finite, are negative, or are all zero.
        """
        weight = np.asarray(arrays["weight"], dtype=float)
        blank = np.full(weight.shape, np.nan)
        values = {name: np.asarray(arrays.get(name, blank), dtype=float) for name in QUANTITIES}
        group = np.asarray(arrays.get("group", np.zeros(weight.shape, dtype=int)))
        label = np.unique(group, return_inverse=True)[1]
        whole = cls(**values, weight=weight, group=label)
        kept = whole.weight > 0
        if kept.all():
            return whole
        label = np.unique(label[kept], return_inverse=True)[1]
        return cls(**{name: value[kept] for name, value in values.items()}, weight=weight[kept], group=label)

    @property
    def group_count(self) -> int:
        """Number of alternatives; 1 for a posterior."""
        return int(self.group.max()) + 1

    def without_tumour(self) -> Draws:
        """The draws with everything missing that purity is needed for, where it is too low to say anything."""
        missing = np.full(self.weight.shape, np.nan)
        return replace(self, copies=missing, cep7=missing, arm_q=missing, arm_p=missing, met_cep7=missing)

    def rows(self, values: NDArray) -> list[NDArray]:
        """Values of each group, shape (groups, draws) in one array where groups are equally large, else one by one."""
        order, size = self._order
        if (size == size[0]).all():
            return [values[order].reshape(len(size), size[0])]
        return [part[None, :] for part in np.split(values[order], np.cumsum(size)[:-1])]

    def by_group(self, values: NDArray, reduce: Callable[[NDArray], Floats]) -> Floats:
        """What ``reduce`` makes of each group's values, in order of the groups; it reduces the last of two axes."""
        return np.concatenate([reduce(rows) for rows in self.rows(values)])

    def fraction(self, mask: NDArray[np.bool_]) -> Floats:
        """Weighted fraction of the draws in ``mask``, shape (groups,)."""
        fraction: Floats = np.bincount(self.group, self.weight * mask) / np.bincount(self.group, self.weight)
        return fraction

    def interval(self, name: str, *, level: float = 0.95) -> Estimate:
        """Median and interval of a quantity; with several groups no median, and the interval that covers all of theirs.

        NaN throughout where the quantity is missing.

        >>> Draws.of({"copies": [4, 5, 6], "weight": [1, 1, 1]}).interval("copies", level=0.5)
        Estimate(value=5.0, low=4.5, high=5.5)
        """
        values, tails = getattr(self, name), (50 * (1 - level), 100 - 50 * (1 - level))
        ends = self.by_group(values, lambda rows: np.percentile(rows, tails, axis=1).T)
        median = float(np.median(values)) if len(ends) == 1 else float("nan")
        return Estimate(median, float(ends[:, 0].min()), float(ends[:, 1].max()))

    def at_least(self, name: str, bounds: Sequence[float]) -> dict[str, Estimate]:
        """Probability that a quantity reaches each bound, by the bound's text; NaN where the quantity is missing.

        The value is NaN with several groups too: these are possibilities without weights, so what they give is no
        probability but a range, from the lowest over the groups to the highest. The groups hold the ends of what is
        plausible, and copies only fall or only rise between them, so these are the probabilities at the ends.

        >>> Draws.of({"copies": [4, 5, 6, 7], "weight": [1, 1, 1, 1]}).at_least("copies", [5])
        {'5': Estimate(value=0.75, low=0.75, high=0.75)}
        """
        return {f"{bound:g}": self._reaching(getattr(self, name), bound) for bound in bounds}

    def _reaching(self, values: Floats, bound: float) -> Estimate:
        """Probability that values reach one bound."""
        reached = self.by_group(values, lambda rows: np.mean(rows >= bound, axis=1))
        reached = np.full_like(reached, np.nan) if np.isnan(values).any() else reached
        low, high = float(reached.min()), float(reached.max())
        return Estimate(low if len(reached) == 1 else float("nan"), low, high)

    @cached_property
    def _order(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Order that brings the draws of each group together, and the size of each group."""
        return np.argsort(self.group, kind="stable"), np.bincount(self.group)


@lru_cache(maxsize=4)
def scores(count: int, dimensions: int) -> Floats:
    """Evenly spread points of the unit cube, shape (count, dimensions), the same for everyone and read-only."""
    points = robust.uniform_scores(count, dimensions)
    points.flags.writeable = False
    return points


@lru_cache(maxsize=4)
def errors(count: int, dimensions: int) -> Floats:
    """Errors of unit variance, shape (count, dimensions): fixed, evenly spread quantiles of a scaled Student's t.

    They are the same for everyone who asks, and read-only.
    """
    quantiles: Floats = student_t.quantile(scores(count, dimensions))
    quantiles.flags.writeable = False
    return quantiles


def posterior(measured: Measured, grid: PurityGrid, *, draw_count: int) -> Draws:
    """Joint draws of everything a verdict may ask for, per group of plausible purity and ploidy.

    Parameters
    ----------
    measured : Measured
    grid : PurityGrid
        Plausible purity and ploidy.
    draw_count : int
        Draws in all; several groups share them, with at least ``FEWEST_DRAWS`` each.

    Returns
    -------
    Draws
        Copies are not below 0, and weights sum to 1 within a group. The same input gives the same bytes.

    Examples
    --------
    A tumour of 10 copies at 20 % purity shows a depth ratio of 1.8:

    >>> level = Measured(dict.fromkeys(SIDES, 0.0) | {"met": np.log2(1.8)}, dict.fromkeys(SIDES, 0.0), 0.0)
    >>> posterior(level, PurityGrid.point(0.2, 2.0), draw_count=512).copies.mean().round(6)
    np.float64(10.0)
    """
    draw_count = max(draw_count // grid.group_count, min(FEWEST_DRAWS, draw_count))
    score, noise = scores(draw_count, len(SIDES) + 1), errors(draw_count, len(SIDES) + 1)
    common = measured.baseline_se * noise[:, -1]
    depth_ratios = {
        name: 2 ** (measured.log2[name] + measured.deviations(name, noise[:, index], score[:, index]) + common)
        for index, name in enumerate(SIDES)
    }
    groups = [_group(depth_ratios, grid, np.flatnonzero(grid.label == number)) for number in range(grid.group_count)]
    joined = {name: np.concatenate([part[name] for part in groups]) for name in groups[0]}
    return Draws(**joined, group=np.repeat(np.arange(len(groups)), draw_count))


def _group(depth_ratios: Mapping[str, Floats], grid: PurityGrid, rows: NDArray[np.intp]) -> dict[str, Floats]:
    """Draws of one group: each is assigned a point of the group's grid, in proportion to its weight."""
    count = len(depth_ratios["met"])
    reached = np.cumsum(grid.weight[rows]) / np.sum(grid.weight[rows])
    # a low-discrepancy order of the points, so that purity is not tied to any of the errors
    index = np.mod((np.arange(count) + 0.5) * (np.sqrt(5) - 1) / 2, 1.0)
    point = rows[np.minimum(np.searchsorted(reached, index), len(rows) - 1)]
    purity, ploidy = grid.purity[point], grid.ploidy[point]
    copies = {name: np.maximum(tumour_copies(ratio, purity, ploidy), 0.0) for name, ratio in depth_ratios.items()}
    return {
        "copies": copies["met"],
        "cep7": copies["cep7"],
        "arm_q": copies["arm_q"],
        "arm_p": copies["arm_p"],
        "met_cep7": copies["met"] / np.maximum(copies["cep7"], LOWEST_DIVISOR),
        "depth_ratio": depth_ratios["met"],
        "plasma_copies": 2 * depth_ratios["met"],
        "purity": purity,
        "ploidy": ploidy,
        "weight": np.full(count, 1 / count),
    }
