"""Purities at which the call changes: up to which MET is amplified, from which an amplification is excluded.

Where purity is open a call must hold at every plausible one, and mostly none does. What holds at a part of them is said
here: the call is made again at one purity after another, exactly as it would be if that purity were given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.calls.criteria import Criterion
from metcn.calls.overall import overall
from metcn.calls.verdicts import verdicts
from metcn.copies import focality, limits
from metcn.copies import posterior as estimating
from metcn.purity.grid import PurityGrid, Span
from metcn.purity.result import PurityResult

LOWEST = {"tissue": 0.1, "plasma": 0.005}  # purity from which to look where one is known: it may be in error
ANY_PLOIDY = (1.6, 5.5)  # of which any may be true at a purity that was not fitted
TAIL = 0.025  # weight beyond either end of an interval of ploidies
DRAWS = 1024  # for each ploidy
COARSE = 9  # purities at which it is seen whether the call changes once only
STEPS = ((0.001, 0.1), (0.01, 1.0))  # purities tried: in steps of so much up to so much
AMPLIFIED = ("high_level_amplification", "amplification")
EXCLUDED = ("gain", "not_amplified")
OPEN = ("purity_unknown", "ploidy_unknown", "several_fits")  # reasons for which results are ranges
NAMES = {"tissue": "purity", "plasma": "tumour fraction"}
GAINS = {
    "focal": "Focal gain of MET",
    "arm": "Gain of MET with the arm 7q",
    "polysomy": "Gain of MET with chromosome 7",
    "none": "Slight gain of MET",
    "indeterminate": "Gain of MET, its extent undecided",
}
NAN = float("nan")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ByPurity:
    """Purities at which the call changes; NaN where a statement holds at none.

    Attributes
    ----------
    amplified_below : float
        Highest purity up to which MET is amplified at every plausible purity and ploidy.
    excluded_above : float
        Lowest purity from which an amplification, and polysomy, is excluded up to a purity of 1.
    purity_low, purity_high : float
        Purities that were allowed for.
    ploidy_low, ploidy_high : float
        Ploidies that were allowed for.
    direction : str or None
        ``gain`` where MET surely lies above neutral at whatever purity, ``no_gain_seen`` where it does not.
    """

    amplified_below: float = NAN
    excluded_above: float = NAN
    purity_low: float = NAN
    purity_high: float = NAN
    ploidy_low: float = NAN
    ploidy_high: float = NAN
    direction: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Every field by its name."""
        return vars(self).copy()


@dataclass(frozen=True, eq=False)
class Plausible:
    """Purities and ploidies to allow for.

    Attributes
    ----------
    purity, ploidy : tuple of float
        Lowest and highest.
    grid : PurityGrid, or None
        Pairs that are plausible, where ploidy was not given.
    """

    purity: Span
    ploidy: Span
    grid: PurityGrid | None = None

    @classmethod
    def of(cls, result: PurityResult, specimen: str) -> Plausible:
        """Those of a result of stage ``purity``, which has its grid.

        A purity that is open is any plausible one; one that is known is allowed to be in error, up to any that a
        specimen may have. A ploidy that was given has its interval. One that was fitted belongs to the purity it was
        fitted with, so the grid says which are plausible, and beyond its purities any is. Where nothing was fitted, the
        ploidies of the grid are those that are plausible at all.

        >>> result = PurityResult.from_json({
        ...     "purity": {"value": 0.4, "low": 0.4, "high": 0.4, "source": "given"},
        ...     "ploidy": {"value": 2.8, "low": 2.6, "high": 3.0, "source": "given_range"},
        ...     "grid": PurityGrid.point(0.4, 2.8).to_json()})
        >>> Plausible.of(result, "tissue").purity, Plausible.of(result, "tissue").ploidy
        ((0.1, 1.0), (2.6, 3.0))
        """
        assert result.grid is not None
        known, grid = result.purity, result.grid
        purity = known.low, known.high
        if known.known:
            purity = min(LOWEST[specimen], known.low), 1.0
        elif known.source == "unknown":
            purity = float(grid.purity.min()), float(grid.purity.max())
        if result.ploidy.source.startswith("given"):
            return cls(purity, (result.ploidy.low, result.ploidy.high))
        low, high = float(grid.ploidy.min()), float(grid.ploidy.max())
        if result.ploidy.source != "unknown":
            low, high = min(low, ANY_PLOIDY[0]), max(high, ANY_PLOIDY[1])
        return cls(purity, (low, high), grid)

    def ploidies(self, purity: float) -> tuple[float, ...]:
        """Lowest, middle and highest ploidy plausible at a purity; one where they are the same.

        Copies rise with ploidy at a fixed ratio, and MET over its surroundings moves one way, so these are enough. Of a
        grid it is the interval of those of the purities on both sides, half a step wider, since a point stands for its
        surroundings; beyond its purities no ploidy of the grid is left out.
        """
        low, high = self.ploidy
        if self.grid is not None and self.grid.purity.min() <= purity <= self.grid.purity.max():
            at = self.grid.purity
            beside = (at == at[at <= purity].max()) | (at == at[at >= purity].min())
            steps = np.unique(self.grid.ploidy)
            first, last = np.searchsorted(steps, _interval(self.grid.ploidy[beside], self.grid.weight[beside]))
            ends = steps[[max(first - 1, 0), first, last, min(last + 1, len(steps) - 1)]]
            low, high = float(np.sqrt(ends[0] * ends[1])), float(np.sqrt(ends[2] * ends[3]))
        return (low,) if low == high else (low, (low + high) / 2, high)


def _interval(values: Floats, weight: Floats) -> Span:
    """Lowest and highest of values, without those in either tail of so little weight that a 95 % interval goes without.

    >>> _interval(np.array([5.0, 2.0, 4.0]), np.array([0.02, 1.0, 1.0]))
    (2.0, 4.0)
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    first, last = np.searchsorted(reached, [TAIL, 1 - TAIL])
    return float(values[order[first]]), float(values[order[min(last, len(order) - 1)]])


@dataclass(frozen=True, eq=False)
class Sample:
    """What a sample was measured with, and the rules of its call.

    Attributes
    ----------
    level : Measured
        Levels that copies rest on.
    met_se : float
        Error of MET's own log2 ratio over the baseline.
    above_neutral : bool
        Whether MET surely lies above neutral.
    broad : bool
        As in `metcn.copies.focality.classify`.
    specimen : str
    criterion : Criterion
        The set that the call follows.
    decide, power : float
    """

    level: estimating.Measured
    met_se: float
    above_neutral: bool
    broad: bool
    specimen: str
    criterion: Criterion
    decide: float
    power: float

    def state(self, purity: float, ploidies: Sequence[float]) -> str:
        """``amplified`` or ``excluded`` if that holds at the purity and at each of the ploidies, else ``open``."""
        count = len(ploidies)
        grid = PurityGrid(np.full(count, purity), np.array(ploidies), np.ones(count), np.arange(count))
        drawn = estimating.posterior(self.level, grid, draw_count=DRAWS * count)
        judged = verdicts(
            [self.criterion],
            focality.classified(drawn, broad=self.broad),
            specimen=self.specimen,
            decide=self.decide,
            lod=limits.of_verdicts_at(grid, self.met_se, power=self.power, above_neutral=self.above_neutral),
        )
        call, why = overall(judged)
        if call in EXCLUDED and "amplification_open" not in why:
            return "excluded"
        return "amplified" if call in AMPLIFIED and "focality_undecided" not in why else "open"


def sentence(result: ByPurity, *, ratio: Mapping[str, float | None], focality: str, name: str | None) -> str:
    """What is certain of MET although purity is open, without a full stop; empty if nothing is.

    Parameters
    ----------
    result : ByPurity
    ratio : mapping with value, low, high
        MET's depth ratio, which needs no purity.
    focality : str
        Class of focality, told for a gain.
    name : str or None
        What purity is called in this specimen; None where it is not what is open, so that it is not told.

    >>> solved = ByPurity(amplified_below=0.55, direction="gain")
    >>> sentence(solved, ratio={"value": 1.834, "low": 1.67, "high": 1.99}, focality="focal", name="purity")
    'Focal gain of MET, ratio 1.83 (1.67-1.99); amplified if purity is at or below 0.55'
    """
    limits = []
    if name and np.isfinite(result.amplified_below):
        limits.append(f"amplified if {name} is at or below {result.amplified_below:g}")
    if name and result.excluded_above < 1:
        limits.append(f"not amplified if {name} is at or above {result.excluded_above:g}")
    if result.direction == "gain":
        opening = GAINS[focality]
        limits = limits or ["whether it is an amplification cannot be told"]
    elif limits:
        opening = "MET not surely gained" if np.isfinite(result.amplified_below) else "No gain of MET seen"
    else:
        return ""
    value, low, high = (ratio.get(end) for end in ("value", "low", "high"))
    told = "" if value is None else f", ratio {value:.2f}"
    told += f" ({low:.2f}-{high:.2f})" if told and low is not None and high is not None else ""
    return f"{opening}{told}; {', '.join(limits)}"


def by_purity(sample: Sample, plausible: Plausible) -> ByPurity:
    """Purities at which the call changes, of a sample that has one.

    They are found to a step of .01, or .001 below .1, on the safe side, and where the call changes more than once
    nothing is said of what lies beyond the first change.
    """

    @cache
    def _state(purity: float) -> str:
        return sample.state(purity, plausible.ploidies(purity))

    low, high = plausible.purity
    points = tried(low, high)
    return ByPurity(
        amplified_below=reach([point for point in points if point <= high], lambda at: _state(at) == "amplified"),
        excluded_above=reach(points[::-1], lambda at: _state(at) == "excluded"),
        purity_low=low,
        purity_high=high,
        ploidy_low=plausible.ploidy[0],
        ploidy_high=plausible.ploidy[1],
        direction="gain" if sample.above_neutral else "no_gain_seen",
    )


def tried(low: float, high: float) -> list[float]:
    """Purities from the lowest plausible one to 1 at which a call may be made, the highest plausible one among them.

    >>> tried(0.985, 0.985)
    [0.985, 0.99, 1.0]
    """
    found, start = {low, high, 1.0}, 0.0
    for step, end in STEPS:
        found |= {round(number * step, 3) for number in range(round(start / step), round(end / step) + 1)}
        start = end
    return sorted(point for point in found if low <= point <= 1)


def reach(points: Sequence[float], holds: Callable[[float], bool]) -> float:
    """Last of the points, in their order, up to which something holds without a gap; NaN if not at the first.

    It is asked at a few of them, and bisected between the last at which it holds and the first at which it does not.

    >>> reach([1, 2, 3, 4, 5], lambda point: point < 4)
    3
    """
    coarse = np.unique(np.linspace(0, len(points) - 1, COARSE).round().astype(int)).tolist()
    failed = next((place for place, index in enumerate(coarse) if not holds(points[index])), None)
    if failed is None:
        return points[-1]
    if failed == 0:
        return NAN
    inside, outside = coarse[failed - 1], coarse[failed]
    while outside - inside > 1:
        middle = (inside + outside) // 2
        inside, outside = (middle, outside) if holds(points[middle]) else (inside, middle)
    return points[inside]
