"""The MET-anchored scan: is there an amplicon around MET, how far does it reach, and could noise have made it.

Every pair of boundaries to the left and right of MET gives a profile of three levels. Its likelihood comes from
cumulative sums, so all pairs together are one expression. The best of them is held against the best profile with at
most one step, and what that difference comes to in noise is learned from permuted residuals of the same sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metcn.copies import arm_events
from metcn.copies.arm_events import NO_WAVES, Waves
from metcn.stats import student_t

FEWEST_UNITS = 30  # units of the arm below which permuting them says nothing
FEWEST_BESIDE = 2  # units a side needs before it can show where an amplicon ends
COARSE_UNITS = 1000  # units per side that all pairs of boundaries are taken of
PEEL_UNITS = 300  # units of the arm that all pairs of ends are taken of when other events are looked for
GROWTH = 1.12  # distances from MET of the boundaries that noise is judged by: each so much larger than the last
BLOCK = 5  # units that are permuted together, so that neighbours stay correlated
PERMUTATIONS_PER_ALPHA = 2.0  # permutations are this many over alpha, so that the bound is not the largest of them
BATCH = 50  # permutations at a time; with more, their arrays no longer stay in the cache
TRIALS = 200  # permutations that an amplicon is put on to learn what height of it is found; a multiple of ``BATCH``
UNSEEN = 1.2  # the bound on null arms over that of permutations, which break up clusters of poor bins
SEED = 7
BOUNDARY_DROP = 7.35  # twice the log likelihood a boundary may lose within its 95 % interval

Floats = NDArray[np.float64]
Range = tuple[int, int]


@dataclass(frozen=True)
class Amplicon:
    """The best amplicon around MET, in units counted from the beginning of the arm.

    Attributes
    ----------
    first, last : int
        First unit of the amplicon and the one after its last.
    first_range, last_range : (int, int)
        95 % profile-likelihood intervals of these, both ends included.
    gain, bound : float
        Twice the log likelihood by which it beats the best profile of at most one step, and what noise reaches with
        probability ``alpha``.
    p_value : float
        Share of permutations, this sample counted among them, that reach as much.
    background : ndarray, shape (units,)
        Log2 level of the arm's other events relative to the arm, which was taken off before.
    noise : ndarray, shape (units,)
        What is left without those and a sure amplicon, log2.
    """

    first: int
    last: int
    first_range: Range
    last_range: Range
    gain: float
    bound: float
    p_value: float
    background: Floats
    noise: Floats

    @property
    def significant(self) -> bool:
        """Whether noise would hardly have made it."""
        return self.gain > self.bound


def scan(value: Floats, sd: Floats, own: Range, *, waves: Waves, alpha: float) -> Amplicon | None:
    """The best amplicon around MET with its calibrated significance; None where the arm has too few units to tell.

    Parameters
    ----------
    value, sd : ndarray, shape (units,)
        Log2 ratios of the arm in genome order and their errors, all finite.
    own : (int, int)
        First unit of MET and the one after its last.
    waves : Waves
        What neighbouring units share (`metcn.copies.arm_events.waves_of`): permuted units do not show it, so that it
        is added to them.
    alpha : float
        Accepted rate of false positives.
    """
    left, right = own[0], len(value) - own[1]
    if len(value) < FEWEST_UNITS or min(left, right) < FEWEST_BESIDE or own[0] >= own[1]:
        return None
    precision = 1 / sd**2
    background = _background(value, precision, own)
    rest = value - background
    first, last = _best(rest, precision, own, waves)
    first, last, first_range, last_range = _boundaries(rest, precision, own, (first, last))
    sure = gains(rest, precision, np.array([first]), np.array([last]))[0, 0] >= arm_events.SURE_GAIN
    # what may be noise has to stay among the noise, or the permutations would be quieter than the sample
    noise = rest - _levels(rest, precision, [first, last] if sure else [])
    starts, ends = _spread(own[0], first=True, size=len(value)), _spread(own[1], first=False, size=len(value))
    weighted = rest * np.sqrt(precision)
    gain = float(_statistic(weighted[None], precision, starts, ends, waves)[0])
    null = _null(noise * np.sqrt(precision), precision, starts, ends, waves=waves, alpha=alpha)
    return Amplicon(
        first, last, first_range, last_range, gain,
        bound=float(np.quantile(null, 1 - alpha, method="higher")),
        p_value=float((1 + np.sum(null >= gain)) / (1 + len(null))),
        background=background,
        noise=noise,
    )  # fmt: skip


@dataclass(frozen=True)
class Detectable:
    """The smallest amplicon of some units that would be found: its depth ratio, and the error of its log2."""

    ratio: float
    se: float


def detectable(
    found: Amplicon, sd: Floats, own: Range, members: NDArray[np.bool_], *, waves: Waves, power: float
) -> Detectable:
    """The depth ratio from which an amplicon of these units is found with ``power``, and the error of its log2.

    It is put on permuted noise, at a height that what long regions share makes uncertain. The root of the statistic
    is all but linear in the height and errs as a normal value does, so that few steps bring its quantile to the bound.
    """
    precision = sd**-2.0
    shape = np.where(members, np.sqrt(precision), 0.0)
    starts, ends = _spread(own[0], first=True, size=len(sd)), _spread(own[1], first=False, size=len(sd))
    random = np.random.default_rng(SEED)
    shared = np.sqrt(waves.variance(np.array(members.sum())))
    shared = shared * student_t.quantile(random.permutation((np.arange(TRIALS) + 0.5) / TRIALS))
    slope = float(np.sqrt(_statistic(shape[None], precision, starts, ends, waves)[0]))
    height, mixed = np.sqrt(found.bound) / slope, _permuted(found.noise * np.sqrt(precision), random, TRIALS)
    for _ in range(3):
        profiles = (height + shared)[:, None] * shape + mixed
        parts = [_statistic(part, precision, starts, ends, waves) for part in np.split(profiles, TRIALS // BATCH)]
        reached = np.sqrt(np.concatenate(parts))
        height += (np.sqrt(found.bound) - reached.mean() + student_t.quantile(power) * reached.std()) / slope
    return Detectable(2 ** float(height), 1 / slope)


def nested(value: Floats, sd: Floats, own: Range, found: Amplicon, *, waves: Waves) -> list[Range]:
    """Regions around MET that each lie above what surrounds them, the widest first; the amplicon is one of them.

    A peak within the amplicon, or a broader gain that it stands on, has to beat the best single step by
    ``found.bound``.
    """
    precision, rest = 1 / sd**2, value - found.background
    regions = [(found.first, found.last)]
    inner = slice(found.first, found.last)
    own_inside = own[0] - found.first, own[1] - found.first
    if min(own_inside[0], found.last - own[1]) >= FEWEST_BESIDE:
        first, last, gain = _within(rest[inner], precision[inner], own_inside, waves)
        if gain > found.bound:
            regions.append((found.first + first, found.first + last))
    without, weight = (np.delete(values, np.arange(found.first, found.last)) for values in (rest, precision))
    if min(found.first, len(value) - found.last) >= FEWEST_BESIDE:
        first, last, gain = _within(without, weight, (found.first, found.first), waves)
        if gain > found.bound:
            regions.insert(0, (first, last + found.last - found.first))
    return regions


def _within(value: Floats, precision: Floats, own: Range, waves: Waves) -> tuple[int, int, float]:
    """Best boundaries and the gain of that amplicon over the best single step."""
    with np.errstate(invalid="ignore", divide="ignore"):  # an amplicon of no unit adds nothing
        first, last = _best(value, precision, own, waves)
        gain = gains(value, precision, np.array([first]), np.array([last]), waves)[0, 0]
    return first, last, float(gain - step_gain((value * np.sqrt(precision))[None], precision, waves)[0])


def gains(
    value: Floats, precision: Floats, starts: NDArray[np.intp], ends: NDArray[np.intp], waves: Waves = NO_WAVES
) -> Floats:
    """Twice the log likelihood that each amplicon adds to a single level, shape (starts, ends).

    0 where the amplicon does not lie above both its sides. ``starts`` and ``ends`` are boundaries before units: an
    amplicon is ``start <= unit < end``, with at least one unit on either side. ``waves`` count as errors of regions'
    levels that fall more slowly with the number of their units than noise does.
    """
    return _gains((value * np.sqrt(precision))[None], precision, starts, ends, waves)[0]


def _gains(
    weighted: Floats, precision: Floats, starts: NDArray[np.intp], ends: NDArray[np.intp], waves: Waves
) -> Floats:
    """Gains (`gains`) of several profiles given as ``value * sqrt(precision)``, shape (profiles, starts, ends).

    Twice the log likelihood of three levels rather than one is the sum of two squares, each over its variance: of the
    amplicon's height over all others, with the variance ``1 / c`` where ``c = W * (1 - W / W_all)`` and ``W`` is a sum
    of weights, and of what the left of the others differs from their right. Waves of variance ``v`` over a region of
    that many units widen either to ``1 / c + v``, the second over the shorter of the two sides.
    """
    weight = np.concatenate([[0.0], np.cumsum(precision)])
    total = np.zeros((len(weighted), len(weight)))
    np.cumsum(weighted * np.sqrt(precision), axis=1, out=total[:, 1:])
    whole, all_weight = total[:, -1:], weight[-1]
    left, left_weight = total[:, starts], weight[starts]
    right, right_weight = whole - total[:, ends], all_weight - weight[ends]
    inside = total[:, None, ends] - left[:, :, None]
    inside_weight = weight[ends][None, :] - left_weight[:, None]
    level = inside / inside_weight
    sides = (left / left_weight)[:, :, None], (right / right_weight)[:, None, :]
    outer_weight = left_weight[:, None] + right_weight[None, :]
    height = level - (left[:, :, None] + right[:, None, :]) / outer_weight
    contrast = inside_weight * outer_weight / all_weight
    found = height**2 * contrast / (1 + waves.variance(ends - starts[:, None]) * contrast)
    beside = left_weight[:, None] * right_weight[None, :] / outer_weight
    shared = waves.variance(np.minimum(starts[:, None], len(precision) - ends))
    found += (sides[0] - sides[1]) ** 2 * (beside / (1 + shared * beside))
    return np.where(level > np.maximum(*sides), found, 0.0)


def step_gain(weighted: Floats, precision: Floats, waves: Waves = NO_WAVES) -> Floats:
    """Twice the log likelihood that the best single step adds to one level, per profile.

    ``waves`` are as in `gains`, over the shorter side.

    A step after a unit leaves two regions. Their ``left**2 / W_l + right**2 / W_r - whole**2 / W`` is
    ``(left - whole * W_l / W)**2 / c`` with ``c = W_l * (1 - W_l / W)``, which needs one cumulative sum.
    """
    weight = np.cumsum(precision)
    total = np.cumsum(weighted * np.sqrt(precision), axis=1)
    apart = total[:, :-1] - weight[:-1] / weight[-1] * total[:, -1:]
    contrast = weight[:-1] * (1 - weight[:-1] / weight[-1])
    units = np.arange(1, len(precision))
    shared = waves.variance(np.minimum(units, len(precision) - units))
    return np.max(apart**2 / (contrast * (1 + shared * contrast)), axis=1)


def _statistic(
    weighted: Floats, precision: Floats, starts: NDArray[np.intp], ends: NDArray[np.intp], waves: Waves
) -> Floats:
    """Gain of the best amplicon over the best profile without one, per profile; not below 0."""
    best = _gains(weighted, precision, starts, ends, waves).max(axis=(1, 2))
    return np.maximum(best - step_gain(weighted, precision, waves), 0.0)


def _spread(edge: int, *, first: bool, size: int) -> NDArray[np.intp]:
    """Boundaries at growing distances from MET's own: near ones all, far ones some, at least one unit from the end."""
    reach = edge - 1 if first else size - 1 - edge
    steps = np.unique(np.round(GROWTH ** np.arange(np.log(max(reach, 1)) / np.log(GROWTH) + 1)).astype(np.intp))
    steps = np.concatenate([[0], steps[steps <= reach]])
    return np.sort(edge - steps) if first else edge + steps


def _best(value: Floats, precision: Floats, own: Range, waves: Waves) -> Range:
    """Best boundaries among all pairs; where there are more units than ``COARSE_UNITS`` a side, among every k-th."""
    starts = np.arange(own[0], 0, -max(own[0] // COARSE_UNITS, 1))[::-1]
    ends = np.arange(own[1], len(value))[:: max((len(value) - own[1]) // COARSE_UNITS, 1)]
    gain = gains(value, precision, starts, ends, waves)
    place = np.unravel_index(int(np.argmax(gain)), gain.shape)
    return int(starts[place[0]]), int(ends[place[1]])


def _boundaries(value: Floats, precision: Floats, own: Range, best: Range) -> tuple[int, int, Range, Range]:
    """Boundaries at full resolution, each given the other, and their profile-likelihood intervals.

    The drop in twice the log likelihood that an interval allows is that of a change point, not of a regular parameter:
    ``(1 - exp(-x / 2))**2 = 0.95`` at x = 7.35 (Hansen 2000, doi:10.1111/1468-0262.00124).
    """
    first, last = best
    starts, ends = np.arange(1, own[0] + 1), np.arange(own[1], len(value))
    for _ in range(4):
        by_start = gains(value, precision, starts, np.array([last]))[:, 0]
        first = int(starts[np.argmax(by_start)])
        by_end = gains(value, precision, np.array([first]), ends)[0]
        last = int(ends[np.argmax(by_end)])
    by_start = gains(value, precision, starts, np.array([last]))[:, 0]
    within = starts[by_start >= by_start.max() - BOUNDARY_DROP], ends[by_end >= by_end.max() - BOUNDARY_DROP]
    return first, last, *((int(places.min()), int(places.max())) for places in within)  # type: ignore[return-value]


def _levels(value: Floats, precision: Floats, edges: Sequence[int]) -> Floats:
    """Weighted mean of each region between ``edges``."""
    fitted = np.empty(len(value))
    for part in map(slice, [0, *edges], [*edges, len(value)]):
        fitted[part] = np.average(value[part], weights=precision[part])
    return fitted


def _null(
    residual: Floats,
    precision: Floats,
    starts: NDArray[np.intp],
    ends: NDArray[np.intp],
    *,
    waves: Waves,
    alpha: float,
) -> Floats:
    """Statistic of the residuals (in SDs) in permuted order, with waves; always the same."""
    random, count = np.random.default_rng(SEED), int(np.ceil(PERMUTATIONS_PER_ALPHA / alpha)) - 1
    statistics = []
    for begin in range(0, count, BATCH):
        size = min(BATCH, count - begin)
        mixed = _permuted(residual, random, size) + waves.drawn(random, size, len(precision)) * np.sqrt(precision)
        statistics.append(UNSEEN * _statistic(mixed, precision, starts, ends, waves))
    return np.concatenate(statistics)


def _permuted(residual: Floats, random: np.random.Generator, count: int) -> Floats:
    """Residuals in random order, blocks of neighbours staying together, shape (count, units)."""
    blocks = len(residual) // BLOCK
    moved, fixed = residual[: blocks * BLOCK].reshape(blocks, BLOCK), residual[blocks * BLOCK :]
    order = random.permuted(np.tile(np.arange(blocks), (count, 1)), axis=1)
    mixed = moved[order].reshape(count, -1)
    return np.concatenate([mixed, np.broadcast_to(fixed, (count, len(fixed)))], axis=1)


def _background(value: Floats, precision: Floats, own: Range) -> Floats:
    """Level of the arm's events other than a focal gain of MET, relative to the rest of the arm; 0 without any.

    Events are found one after the other, the strongest first, until none is left. One around MET belongs to the
    background only if it reaches an end of the arm, is as long as half of it, or is a loss.
    """
    joined = max(len(value) // PEEL_UNITS, 1)
    edges = np.arange(0, len(value), joined)
    weight = np.add.reduceat(precision, edges)
    level = np.add.reduceat(precision * value, edges) / weight
    background = np.zeros(len(edges))
    for first, last, height in arm_events.events(level, weight):
        around = edges[first] < own[1] and (edges[last] if last < len(edges) else len(value)) > own[0]
        broad = first == 0 or last == len(edges) or last - first >= len(edges) / 2
        if not around or broad or height < 0:
            background[first:last] += height
    return np.repeat(background, np.diff(np.append(edges, len(value))))
