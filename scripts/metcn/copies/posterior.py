"""Posterior of MET copies, CEP7-like copies and their ratio, over the ratios' errors and over purity and ploidy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metcn.mixture import NORMAL_COPIES, tumour_copies
from metcn.purity.grid import PurityGrid
from metcn.stats import fragments, robust, student_t
from metcn.stats.estimate import Estimate

FEWEST_DRAWS = 512  # draws of a group below which its 2.5 % tails would rest on too few
LOWEST_DIVISOR = 0.05  # copies; a CEP7-like level drawn at or below 0 must not flip the ratio's sign
SIDES = (
    "met",
    "cep7_p",
    "cep7_q",
    "arm_q",
    "arm_p",
)  # levels with errors of their own; the baseline's is common to all
ARMS = {
    "cep7_p": ("arm_p", "arm_q"),
    "cep7_q": ("arm_q", "arm_p"),
}  # a side of the centromere -> its arm, the other arm
IN_AMPLICON = 4.0, 1.5  # copies, and times either arm, from which a side of the centromere lies in an amplicon
AMPLICONS_THERE = 0.02  # of tumours, before their bins are seen: a draw by chance must not pass for an amplicon

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Log2 ratios of the levels a call needs, with their own errors, and the error of the baseline they share.

    Attributes
    ----------
    log2, se : mapping
        With the keys of ``SIDES``; NaN, or no key, where a level could not be measured.
    baseline_se : float
    fragments : mapping
        Those seen in a level, for the levels of which that is known: they skew its error.
    correlation : tuple of tuple of float
        Between the levels' own errors, in the order of ``SIDES``; empty where they are independent.
    germline : mapping of int to float
        Copies of MET in normal cells -> their probability.
    """

    log2: Mapping[str, float]
    se: Mapping[str, float]
    baseline_se: float
    fragments: Mapping[str, float] = field(default_factory=dict)
    correlation: tuple[tuple[float, ...], ...] = ()
    germline: Mapping[int, float] = field(default_factory=lambda: {2: 1.0})

    def with_met(self, log2: float, se: float) -> Measured:
        """The levels with another one of MET."""
        return replace(self, log2={**self.log2, "met": log2}, se={**self.se, "met": se})

    def depth_ratios(self, noise: Floats, score: Floats, common: Floats) -> dict[str, Floats]:
        """Depth ratio of every level at each draw.

        Parameters
        ----------
        noise, score : ndarray, shape (draws, levels)
            Errors of unit variance, and the quantiles they are, both independent between levels.
        common : ndarray, shape (draws,)
            Error of the baseline, log2.
        """
        if self.correlation:
            noise = noise @ _root(self.correlation).T
            score = 1 - student_t.exceeding(noise)
        nan = float("nan")
        return {
            name: 2 ** (self.log2.get(name, nan) + self.deviations(name, noise[:, index], score[:, index]) + common)
            for index, name in enumerate(SIDES)
        }

    def deviations(self, name: str, noise: Floats, score: Floats) -> Floats:
        """Errors of a level, log2, at fixed quantiles ``score`` of which ``noise`` are those of a Student's t.

        The part of the variance that counting makes has the shape of the fragments' gamma posterior: skewed where they
        are few, so that no fragment excludes many copies and leaves none possible.
        """
        seen, se = self.fragments.get(name, float("nan")), self.se.get(name, float("nan"))
        if not (np.isfinite(seen) and se > 0):
            return se * noise
        counted = min(float(fragments.sd(seen)) ** 2 / se**2, 1.0)  # fraction of the variance that counting makes
        return se * ((1 - counted) * noise + counted * fragments.quantile(seen, score))


@lru_cache(maxsize=16)
def _root(correlation: tuple[tuple[float, ...], ...]) -> Floats:
    """Matrix that gives independent errors this correlation."""
    value, vector = np.linalg.eigh(np.array(correlation))
    root: Floats = vector * np.sqrt(np.maximum(value, 0.0)) @ vector.T
    return root


QUANTITIES = (
    "copies",
    "cep7",
    "cep7_p",
    "cep7_q",
    "cep7_from_arm",
    "arm_q",
    "arm_p",
    "met_cep7",
    "depth_ratio",
    "plasma_copies",
    "purity",
    "ploidy",
)


@dataclass(frozen=True, eq=False)
class Draws:
    """Weighted joint draws of everything a verdict may ask for; NaN is missing.

    Attributes
    ----------
    copies, cep7, cep7_p, cep7_q, arm_q, arm_p : ndarray of float, shape (draws,)
        Copies per tumour cell of MET, of the CEP7-like level and its two sides, and of the rest of either arm.
    cep7_from_arm : ndarray of float, shape (draws,)
        1 where a side of the centromere lies in an amplicon, so that its arm stands for it, else 0.
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
    extent : ndarray of int, shape (draws,)
        Index of each draw's class into `metcn.copies.focality.CLASSES`, -1 where it cannot be told.

    Raises
    ------
    ValueError
        If lengths differ, there is no draw, groups have gaps, or weights are not finite, are negative, or are all zero.
    """

    copies: Floats
    cep7: Floats
    cep7_p: Floats
    cep7_q: Floats
    cep7_from_arm: Floats
    arm_q: Floats
    arm_p: Floats
    met_cep7: Floats
    depth_ratio: Floats
    plasma_copies: Floats
    purity: Floats
    ploidy: Floats
    weight: Floats
    group: NDArray[np.intp]
    extent: NDArray[np.integer]

    def __post_init__(self) -> None:
        """Raise ValueError unless the arrays belong together."""
        shape = self.weight.shape
        for name in (*QUANTITIES, "group", "extent"):
            found = getattr(self, name).shape
            if found != shape or len(shape) != 1:
                raise ValueError(f"draws of {name} have shape {found}; expected {shape}, one row of weights")
        if not (np.isfinite(self.weight) & (self.weight >= 0)).all() or self.weight.sum() <= 0:
            raise ValueError("weights of draws must be finite, not negative, and not all zero")
        if self.group.min() < 0 or not np.bincount(self.group).all():
            raise ValueError("groups of draws must be numbered from 0 without gaps")

    @classmethod
    def of(cls, arrays: Mapping[str, ArrayLike]) -> Draws:
        """Draws from arrays by name: an absent quantity is missing, an absent extent open, an absent group the first.

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
        extent = np.asarray(arrays.get("extent", np.full(weight.shape, -1)))
        whole = cls(**values, weight=weight, group=label, extent=extent)
        kept = whole.weight > 0
        if kept.all():
            return whole
        label = np.unique(label[kept], return_inverse=True)[1]
        values = {name: value[kept] for name, value in values.items()}
        return cls(**values, weight=weight[kept], group=label, extent=extent[kept])

    @property
    def group_count(self) -> int:
        """Number of alternatives; 1 for a posterior."""
        return int(self.group.max()) + 1

    def without_tumour(self) -> Draws:
        """The draws with everything missing that purity is needed for, where it is too low to say anything."""
        missing = np.full(self.weight.shape, np.nan)
        of_tumour = ("copies", "cep7", "cep7_p", "cep7_q", "cep7_from_arm", "arm_q", "arm_p", "met_cep7")
        return replace(self, **dict.fromkeys(of_tumour, missing), extent=np.full(self.weight.shape, -1))

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
    ratios = depth_ratios(measured, draw_count)
    germline = _germline(measured.germline, draw_count)
    groups = [
        _group(ratios, germline, grid, np.flatnonzero(grid.label == number)) for number in range(grid.group_count)
    ]
    joined = {name: np.concatenate([part[name] for part in groups]) for name in groups[0]}
    count = len(groups) * draw_count
    return Draws(**joined, group=np.repeat(np.arange(len(groups)), draw_count), extent=np.full(count, -1))


def depth_ratios(measured: Measured, draw_count: int) -> dict[str, Floats]:
    """Depth ratio of each level (``SIDES``) at each of so many draws, shape (draws,)."""
    score, noise = scores(draw_count, len(SIDES) + 1), errors(draw_count, len(SIDES) + 1)
    levels = slice(len(SIDES))
    return measured.depth_ratios(noise[:, levels], score[:, levels], measured.baseline_se * noise[:, -1])


def sequence(count: int, offset: float = 0.0) -> Floats:
    """Evenly spread numbers from 0 to 1 in an order that is tied to no error, shape (count,); always the same."""
    numbers: Floats = np.mod((np.arange(count) + 0.5) * (np.sqrt(5) - 1) / 2 + offset, 1.0)
    return numbers


def _germline(probability: Mapping[int, float], count: int) -> Floats | float:
    """Copies of MET in normal cells at each draw, in proportion to their probabilities; one number where it is sure."""
    numbers = [number for number, chance in probability.items() if chance > 0]
    if len(numbers) == 1:
        return float(numbers[0])
    reached = np.cumsum([probability[number] for number in numbers])
    index = np.searchsorted(reached / reached[-1], sequence(count, np.sqrt(2)))
    copies: Floats = np.array(numbers, dtype=float)[np.minimum(index, len(numbers) - 1)]
    return copies


def _group(
    depth_ratios: Mapping[str, Floats], germline: Floats | float, grid: PurityGrid, rows: NDArray[np.intp]
) -> dict[str, Floats]:
    """Draws of one group: each is assigned a point of the group's grid, in proportion to its weight."""
    count = len(depth_ratios["met"])
    reached = np.cumsum(grid.weight[rows]) / np.sum(grid.weight[rows])
    point = rows[np.minimum(np.searchsorted(reached, sequence(count)), len(rows) - 1)]
    purity, ploidy = grid.purity[point], grid.ploidy[point]
    copies = {
        name: np.maximum(tumour_copies(ratio, purity, ploidy, germline if name == "met" else NORMAL_COPIES), 0.0)
        for name, ratio in depth_ratios.items()
    }
    sides = beside_amplicons(copies)
    return {
        "copies": copies["met"],
        **sides,
        "arm_q": copies["arm_q"],
        "arm_p": copies["arm_p"],
        "met_cep7": copies["met"] / np.maximum(sides["cep7"], LOWEST_DIVISOR),
        "depth_ratio": depth_ratios["met"],
        "plasma_copies": 2 * depth_ratios["met"],
        "purity": purity,
        "ploidy": ploidy,
        "weight": np.full(count, 1 / count),
    }


def beside_amplicons(copies: Mapping[str, Floats]) -> dict[str, Floats]:
    """CEP7-like copies and their two sides at each draw, with an arm for a side that lies in another gene's amplicon.

    A side lies in an amplicon in draws in which it has at least 4 copies and 1.5 times those of either arm (EGFR's, on
    7p, may reach over both sides). An amplicon there is rare, and noise draws some at a low purity, so they are
    believed as far as most draws agree: a fraction ``q`` of them with probability ``a q / (a q + (1 - a) (1 - q))`` for
    a rate ``a`` of such amplicons. CEP7-like is the mean of the sides that are known.
    """
    least, times = IN_AMPLICON
    taken, sides = np.zeros(len(copies["met"])), {}
    with np.errstate(invalid="ignore"):
        for name, (own, other) in ARMS.items():
            arm = np.where(np.isfinite(copies[own]), copies[own], copies[other])
            highest = np.fmax(copies[own], copies[other])
            inside = (copies[name] >= least) & (copies[name] >= times * highest)
            share = float(inside.mean())
            belief = AMPLICONS_THERE * share / (AMPLICONS_THERE * share + (1 - AMPLICONS_THERE) * (1 - share))
            inside &= sequence(len(inside), np.sqrt(3)) < belief
            sides[name] = np.where(inside, arm, copies[name])
            taken = np.where(inside, 1.0, taken)
    known = np.isfinite(sides["cep7_p"]).astype(int) + np.isfinite(sides["cep7_q"])
    total = np.nan_to_num(sides["cep7_p"]) + np.nan_to_num(sides["cep7_q"])
    with np.errstate(invalid="ignore", divide="ignore"):
        cep7 = total / known
    return {"cep7": cep7, **sides, "cep7_from_arm": np.where(known > 0, taken, np.nan)}
