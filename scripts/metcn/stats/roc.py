"""Cut-offs of a number against a yes or no: area under the curve, best accuracy and full specificity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metcn.stats import proportions
from metcn.stats.estimate import NAN, Estimate
from metcn.stats.proportions import Share

SEED = 20_270_118

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class CutOff:
    """A value from which a sample counts as positive, with what it reaches in the samples that it was chosen in.

    ``value`` has a percentile bootstrap interval, the two shares exact ones. NaN where there is none.
    """

    value: Estimate
    sensitivity: Share
    specificity: Share


@dataclass(frozen=True)
class Curve:
    """How well a number tells positives from negatives.

    Attributes
    ----------
    positives, negatives : int
        Samples with a value.
    area : Estimate
        Under the curve, with a bootstrap interval: probability that a positive has more than a negative.
    youden : CutOff
        Where sensitivity and specificity together are highest; of several the highest.
    specific : CutOff
        The lowest without a false positive.
    points : tuple of (float, float)
        False-positive rate and sensitivity from the highest value down.
    """

    positives: int
    negatives: int
    area: Estimate
    youden: CutOff
    specific: CutOff
    points: tuple[tuple[float, float], ...]


def curve(values: ArrayLike, positive: ArrayLike, *, resamples: int, seed: int = SEED) -> Curve:
    """Curve of a number against known answers, with both cut-offs and bootstrap intervals.

    A sample counts as positive from the cut-off on. A cut-off lies midway between two values that were seen. Positives
    and negatives are drawn with replacement, each for themselves. A bootstrap never sees a value above the highest
    negative, so the interval of full specificity is a lower bound of what further samples may ask for.

    Parameters
    ----------
    values : array_like of shape (n,)
        NaN: no value, left out.
    positive : array_like of shape (n,)
        1, 0 or NaN (not known, left out).

    Raises
    ------
    ValueError
        If there is no positive or no negative.

    Examples
    --------
    >>> result = curve([1, 2, 3, 4, 6, 7], [0, 0, 1, 0, 1, 1], resamples=10)
    >>> result.specific.value.value, round(result.area.value, 3)
    (5.0, 0.889)
    """
    values, truth = np.asarray(values, dtype=float), np.asarray(positive, dtype=float)
    known = np.isfinite(values) & np.isfinite(truth)
    high, low = np.sort(values[known & (truth == 1)]), np.sort(values[known & (truth == 0)])
    if not len(high) or not len(low):
        raise ValueError(f"expected positives and negatives; got {len(high)} and {len(low)}")
    random = np.random.default_rng(seed)
    drawn = np.empty((resamples, 3))
    for row in drawn:
        one, other = (np.sort(random.choice(part, len(part))) for part in (high, low))
        row[:] = area(one, other), youden(one, other), full_specificity(one, other)
    names = (area(high, low), youden(high, low), full_specificity(high, low))
    whole, best, specific = (_estimate(value, column) for value, column in zip(names, drawn.T, strict=True))
    return Curve(
        len(high), len(low), whole, _reached(best, high, low), _reached(specific, high, low), _points(high, low)
    )


def area(high: Floats, low: Floats) -> float:
    """Probability that a positive has more than a negative, ties half; both sorted."""
    below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(below.mean() / 2 / len(low))


def youden(high: Floats, low: Floats) -> float:
    """Cut-off of the highest sensitivity and specificity together, the highest such one; both sorted."""
    cuts = _between(high, low)
    seen = 1 - np.searchsorted(high, cuts, "left") / len(high)
    spared = np.searchsorted(low, cuts, "left") / len(low)
    index = seen + spared
    return float(cuts[np.flatnonzero(index >= index.max() - 1e-12)[-1]])


def full_specificity(high: Floats, low: Floats) -> float:
    """Lowest cut-off without a false positive, midway to the next positive; NaN without a positive above it."""
    above = high[high > low[-1]]
    return float((low[-1] + above[0]) / 2) if len(above) else NAN


def _between(high: Floats, low: Floats) -> Floats:
    """Cut-offs midway between neighbouring values, and the lowest value."""
    values = np.unique(np.concatenate([high, low]))
    return np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])


def _reached(value: Estimate, high: Floats, low: Floats) -> CutOff:
    """A cut-off with its sensitivity and specificity; none of a missing one."""
    if not np.isfinite(value.value):
        return CutOff(Estimate(), proportions.share(0, 0), proportions.share(0, 0))
    seen, spared = int((high >= value.value).sum()), int((low < value.value).sum())
    return CutOff(value, proportions.share(seen, len(high)), proportions.share(spared, len(low)))


def _estimate(value: float, drawn: Floats) -> Estimate:
    """A value with the ends of 95 % of what was drawn, missing draws left out.

    No ends where all draws are one, as the area is where both kinds lie apart: that is no certainty.
    """
    known = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(known):
        return Estimate(value)
    low, high = np.percentile(known, [2.5, 97.5])
    return Estimate(value, float(low), float(high)) if low < high else Estimate(value)


def _points(high: Floats, low: Floats) -> tuple[tuple[float, float], ...]:
    """Corners of the curve, from (0, 0) to (1, 1)."""
    cuts = np.unique(np.concatenate([high, low]))[::-1]
    wrong = 1 - np.searchsorted(low, cuts, "left") / len(low)
    seen = 1 - np.searchsorted(high, cuts, "left") / len(high)
    return ((0.0, 0.0), *zip(wrong.tolist(), seen.tolist(), strict=True))
