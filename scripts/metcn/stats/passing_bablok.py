"""Passing-Bablok regression: the line between two methods that both have errors, by the median of slopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metcn.stats.agreement import Z95
from metcn.stats.estimate import NAN, Estimate

LEAST_PAIRS = 3  # of methods' values below which there is no line
SEED = 20_270_117

Floats = NDArray[np.float64]


class Line(NamedTuple):
    """Intercept and slope of a line."""

    intercept: float
    slope: float

    def at(self, x: float) -> float:
        """Height of the line."""
        return self.intercept + self.slope * x


@dataclass(frozen=True)
class Regression:
    """Line of a test method over a known one, with rank-based 95 % intervals; NaN where there is none.

    Attributes
    ----------
    n : int
        Pairs that have both values.
    intercept, slope : Estimate
        The methods agree where these intervals hold 0 and 1.
    """

    n: int
    intercept: Estimate
    slope: Estimate


def passing_bablok(known: ArrayLike, ours: ArrayLike) -> Regression:
    """Line of ``ours`` over ``known`` by Passing and Bablok, with their rank-based 95 % intervals.

    Neither method is taken as free of error, and no distribution is assumed; the relation has to be a line with a slope
    near 1. Passing and Bablok 1983, doi:10.1515/cclm.1983.21.11.709.

    Parameters
    ----------
    known, ours : array_like of shape (n,)
        Values of both methods; a pair that lacks one (NaN) is left out.

    Returns
    -------
    Regression
        All NaN below three pairs, or where no slope is left; without an interval where there are too few for one.

    Examples
    --------
    >>> line = passing_bablok([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.4, 2.6, 3.8, 5.0, 6.2, 7.4])
    >>> round(line.slope.value, 3), round(line.intercept.value, 3)
    (1.2, 0.2)
    """
    x, y = _pairs(known, ours)
    slopes, shift = _slopes(x, y)
    if len(x) < LEAST_PAIRS or not len(slopes):
        return Regression(len(x), Estimate(), Estimate())
    count, pairs = len(slopes), len(x)
    reach = Z95 * np.sqrt(pairs * (pairs - 1) * (2 * pairs + 5) / 18)
    first = round((count - reach) / 2)  # rank of the lower end, counted from 1
    value, low, high = _shifted_median(slopes, shift), NAN, NAN
    if first >= 1 and count - first + shift < count:
        low, high = float(slopes[first - 1 + shift]), float(slopes[count - first + shift])
    return Regression(
        pairs,
        Estimate(_intercept(x, y, value), _intercept(x, y, high), _intercept(x, y, low)),
        Estimate(value, low, high),
    )


def line(known: ArrayLike, ours: ArrayLike) -> Line:
    """The line alone, as `passing_bablok` has it."""
    x, y = _pairs(known, ours)
    slopes, shift = _slopes(x, y)
    slope = _shifted_median(slopes, shift) if len(x) >= LEAST_PAIRS and len(slopes) else NAN
    return Line(_intercept(x, y, slope), slope)


def equivalents(
    known: ArrayLike, ours: ArrayLike, at: ArrayLike, *, resamples: int, seed: int = SEED
) -> list[Estimate]:
    """What ``ours`` says on the line where the known method says each of ``at``, with percentile bootstrap intervals.

    Pairs are drawn with replacement. Missing (NaN) where ``at`` lies outside the known values: a line is no evidence of
    what was never seen.
    """
    x, y = _pairs(known, ours)
    points = np.asarray(at, dtype=float)
    whole, random = line(x, y), np.random.default_rng(seed)
    drawn = np.full((resamples, len(points)), np.nan)
    for row in drawn:
        chosen = random.integers(max(len(x), 1), size=len(x))
        one = line(x[chosen], y[chosen])
        row[:] = one.intercept + one.slope * points
    found = []
    for point, values in zip(points.tolist(), drawn.T, strict=True):
        inside = len(x) > 0 and x.min() <= point <= x.max()
        ends = np.percentile(values[np.isfinite(values)], [2.5, 97.5]) if np.isfinite(values).any() else [NAN, NAN]
        found.append(Estimate(whole.at(point), float(ends[0]), float(ends[1])) if inside else Estimate())
    return found


def _pairs(known: ArrayLike, ours: ArrayLike) -> tuple[Floats, Floats]:
    """Pairs that have both values."""
    x, y = np.asarray(known, dtype=float), np.asarray(ours, dtype=float)
    both = np.isfinite(x) & np.isfinite(y)
    return x[both], y[both]


def _slopes(x: Floats, y: Floats) -> tuple[Floats, int]:
    """Sorted slopes between all pairs of points, and how many of them lie below -1, by which the median is shifted.

    Two equal points have no slope, and one of -1 is left out. Where only ``x`` is equal the slope is infinite; of
    which sign does not matter, since a slope moved from one end to the other moves the median's rank with it.
    """
    first, second = np.triu_indices(len(x), 1)
    across, up = x[second] - x[first], y[second] - y[first]
    upright = across == 0
    slopes = np.where(upright, np.inf, up / np.where(upright, 1.0, across))
    slopes = np.sort(slopes[((across != 0) | (up != 0)) & (slopes != -1)])
    return slopes, int((slopes < -1).sum())


def _shifted_median(slopes: Floats, shift: int) -> float:
    """Median of sorted slopes, ``shift`` ranks higher; NaN where that lies beyond them or is no finite slope."""
    middle = [(len(slopes) - 1) // 2 + shift, len(slopes) // 2 + shift]
    if middle[1] >= len(slopes) or not np.isfinite(slopes[middle]).all():
        return NAN
    return float(slopes[middle].mean())


def _intercept(x: Floats, y: Floats, slope: float) -> float:
    """Median intercept of lines of one slope through all points; NaN where the slope is not finite."""
    return float(np.median(y - slope * x)) if np.isfinite(slope) else NAN
