"""Normals that look like tumours: what fits without them leave over at MET, in other genes, and over chromosome arms.

A tumour among the normals lowers every sample's ratio where it is gained. Its own residual, from fits that it took no
part in, is held against what such residuals are in the other normals *and* elsewhere in the same normal: a normal of
poor quality errs everywhere, a tumour in some places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.stats import robust

FEWEST = 3  # normals of which MET is compared: with two, either may be the tumour
FEWEST_FOR_ARMS = 5  # with fewer, what one normal shows the others show mirrored
MET_BOUND = 6.0  # errors of MET beyond which it deviates; the oddest of 25 real normals has 5
MET_LOG2 = 0.2  # and a single copy more in 30 % of the cells at the least
MOST_FACTOR = 1.5  # as much MET may err more than the typical gene before a tumour can be what makes it err so
FOCAL_BOUND = 8.0  # errors beyond which another gene stands out: there are hundreds of them
FOCAL_LOG2 = 1.6  # three times the depth: beyond germline changes, and what few normals do not explain (1.3 at most)
ARMS_BOUND = 1.75  # mean deviation of the arms, in typical ones of normals; one in 300 simulated normals has 1.6
ARM_BOUND = 10.0  # deviation of one arm; real normals have 9 at the most
ARM_LOG2 = 0.05  # a single copy more in 7 % of the cells
NAMED_BOUND = 4.0  # deviation from which an arm is named
FEWEST_ARMS = 6  # arms with bins enough, below which their typical deviation is not known
FEWEST_GROUPS = 4  # groups of an arm
WINDOWS = (4, 1)  # groups whose mean tells of noise from place to place: the first number that there is enough of
FEWEST_STEPS = 50  # differences between neighbouring windows below which a normal may seem quiet by chance
LENGTHS = (1, 2, 4, 8)  # neighbouring groups of wide bins that an amplicon may fill
PRIOR_NORMALS = 4  # an arm's own spread over normals leans on that of the typical arm as on this many
PRIOR_FACTOR = 10  # MET's error leans on that of the typical gene like this many normals
GROUP_ERROR = 0.03  # log2; what a group errs by at the least, however many bins it has
CUT = 0.5  # log2; no single group decides about an arm
SMALLEST_ERROR = 0.005  # log2

# GC content of the arms, mean over windows of 10 kb of GRCh38 (UCSC); in GRCh37 it differs by 0.006 at the most but for
# 21p. Fragments rich in GC are lost or gained together, which lifts 17, 19 and 22 as no single event does.
ARM_GC = {
    "1p": 0.425, "1q": 0.409, "2p": 0.408, "2q": 0.399, "3p": 0.404, "3q": 0.391, "4p": 0.405, "4q": 0.375,
    "5p": 0.392, "5q": 0.396, "6p": 0.417, "6q": 0.385, "7p": 0.410, "7q": 0.405, "8p": 0.416, "8q": 0.396,
    "9p": 0.389, "9q": 0.425, "10p": 0.411, "10q": 0.417, "11p": 0.411, "11q": 0.418, "12p": 0.404, "12q": 0.409,
    "13q": 0.385, "14q": 0.409, "15q": 0.421, "16p": 0.459, "16q": 0.436, "17p": 0.460, "17q": 0.451, "18p": 0.410,
    "18q": 0.395, "19p": 0.497, "19q": 0.474, "20p": 0.418, "20q": 0.452, "21q": 0.409, "22q": 0.478,
}  # fmt: skip

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Residual:
    """Left-out gene means of the normals in one kind of bins, and where they lie.

    Attributes
    ----------
    rest : ndarray, shape (normals, groups)
        Log2, NaN where unknown.
    plain : ndarray, shape (normals, groups)
        The same without components, to which a tumour among the normals cannot lend itself.
    variance : ndarray, shape (groups,)
        What bin noise gives such a mean; NaN where unknown.
    judged : ndarray of bool, shape (groups,)
        Groups that are large enough to be judged singly.
    arm : ndarray of str, shape (groups,)
        Such as ``7q``; "" off the autosomes.
    met : ndarray of bool, shape (groups,)
        Groups that are MET's.
    gene : ndarray of str, shape (groups,)
        Name of each group for the reader.
    wide : bool
        Whether neighbouring groups may be taken together, as those of wide bins may.
    """

    rest: Floats
    plain: Floats
    variance: Floats
    judged: Mask
    arm: NDArray[np.str_]
    met: Mask
    gene: NDArray[np.str_]
    wide: bool
    named: bool


@dataclass(frozen=True)
class Deviation:
    """One thing that a normal shows and normals do not: its place, log2 level, and that over its bound."""

    place: str
    log2: float
    excess: float


@dataclass(frozen=True)
class Suspect:
    """A normal that looks like a tumour: its row, and its deviations, the worst first."""

    row: int
    deviations: tuple[Deviation, ...]


def find(kinds: Sequence[Residual], trusted: Mask | None = None, *, most: float = MOST_FACTOR) -> list[Suspect]:
    """Normals that look like tumours, in the order of their rows; none where fewer than three are ``trusted``.

    Parameters
    ----------
    kinds : sequence of Residual
        All with the same normals.
    trusted : ndarray of bool, shape (normals,)
        Normals that the residuals of all were taken against; default all.
    most : float
        By what factor MET may err more than the typical gene. A tumour makes MET of other normals err, so that as long
        as they are unchecked the factor they show is not believed beyond this.
    """
    if not kinds:
        return []
    trusted = np.ones(len(kinds[0].rest), dtype=bool) if trusted is None else trusted
    if trusted.sum() < FEWEST:
        return []
    found: dict[int, list[Deviation]] = {row: [] for row in range(len(trusted))}
    for seen in (kinds, [replace(kind, rest=kind.plain) for kind in kinds]):
        for kind in seen:
            for row, deviation in _focal(kind, levelled(kind.rest, trusted), trusted, most):
                found[row].append(deviation)
        for row, deviation in _arms(seen, trusted):
            found[row].append(deviation)
    return [Suspect(row, _worst(deviations)) for row, deviations in found.items() if deviations]


class Testable(NamedTuple):
    """Whether MET, and whether chromosome arms, can be compared in these normals and bins."""

    met: bool
    arms: bool


def testable(kinds: Sequence[Residual]) -> Testable:
    """Whether MET, and whether chromosome arms, can be compared in these normals and bins."""
    count = len(kinds[0].rest) if kinds else 0
    met = any(
        kind.met.any() and len(windows(kind.arm, kind.judged | kind.met, 1)) >= FEWEST_GROUPS and count >= FEWEST
        for kind in kinds
    )
    arms = deviations_of_arms(kinds, np.ones(count, dtype=bool)).names if kinds else []
    return Testable(met, len(arms) >= FEWEST_ARMS)


def _worst(deviations: Sequence[Deviation]) -> tuple[Deviation, ...]:
    """The worst deviation of each place, the worst place first, MET before all others."""
    order = sorted(deviations, key=lambda one: (one.place != "MET", -one.excess))
    return tuple({one.place: one for one in reversed(order)}[place] for place in dict.fromkeys(d.place for d in order))


def levelled(rest: Floats, trusted: Mask) -> Floats:
    """Each normal against the median normal, shape (normals, groups), of residuals against all *others*.

    Of ``n`` normals one that is gained by ``t`` shows ``t`` against the others, and each of these ``-t / (n - 1)``;
    against the median normal it shows ``t (n - 1) / n + t / n``.
    """
    count = int(trusted.sum())
    own = np.asarray(rest, dtype=float) * np.where(trusted, (count - 1) / count, 1.0)[:, None]
    return own - _median(own[trusted])


def _median(values: Floats) -> Floats:
    """Median over rows of each column's finite values; NaN without any."""
    known = np.isfinite(values).any(axis=0)
    out = np.full(values.shape[1], np.nan)
    out[known] = np.nanmedian(values[:, known], axis=0)
    return out


def _size(values: Floats, axis: int) -> Floats:
    """Robust SD about zero along an axis; NaN without finite values."""
    moved = np.moveaxis(values, axis, 0)
    return robust.MAD_TO_SD * _median(np.abs(moved))


def windows(arm: NDArray[np.str_], use: Mask, length: int) -> NDArray[np.intp]:
    """Rows of ``length`` neighbours among ``use`` that lie on one arm, shape (windows, length), one begun at each."""
    rows = np.flatnonzero(use & (arm != ""))
    if len(rows) < length:
        return np.zeros((0, length), dtype=np.intp)
    every = np.lib.stride_tricks.sliding_window_view(rows, length)
    return every[arm[every[:, 0]] == arm[every[:, -1]]]


def errors(level: Floats, trusted: Mask) -> Floats:
    """What each normal's means err by, shape (normals,): between its own scatter and that of the typical normal.

    Its own alone would hide a tumour whose genes scatter for its copies; that of the others alone would accuse a normal
    of poor quality.
    """
    own = np.array([robust.spread(row) for row in level])
    typical = robust.median(own[trusted])
    return np.maximum(np.sqrt(np.fmax(own, typical) * typical), SMALLEST_ERROR)


def _focal(kind: Residual, level: Floats, trusted: Mask, most: float) -> list[tuple[int, Deviation]]:
    """Row and deviation of normals of which MET, or another gene, stands out."""
    found = []
    for length in LENGTHS if kind.wide else LENGTHS[:1]:
        place = windows(kind.arm, kind.judged | kind.met, length)
        if len(place) < FEWEST_GROUPS:
            continue
        mean = level[:, place].mean(axis=2)
        standard = mean / errors(mean, trusted)[:, None]
        of_met = np.asarray(kind.met[place].any(axis=1))
        if of_met.any():
            factor = min(_factor(standard[trusted][:, of_met].mean(axis=1)), most)
            own = np.abs(standard) / factor
            for row, at in _beyond(own, np.abs(mean), MET_BOUND, MET_LOG2, of_met):
                found.append((row, Deviation("MET", float(mean[row, at]), float(own[row, at] / MET_BOUND))))
        for row, at in _beyond(standard, mean, FOCAL_BOUND, FOCAL_LOG2, ~of_met & kind.named):
            name = str(kind.gene[place[at, length // 2]])
            found.append((row, Deviation(name, float(mean[row, at]), float(standard[row, at] / FOCAL_BOUND))))
    return found


def _factor(standard: Floats) -> float:
    """MET's error over that of the typical gene, at least 1, which few normals do not tell."""
    standard = standard[np.isfinite(standard)]
    own = robust.MAD_TO_SD * float(np.median(np.abs(standard))) if len(standard) else 1.0
    return max(1.0, float(np.sqrt((len(standard) * own**2 + PRIOR_FACTOR) / (len(standard) + PRIOR_FACTOR))))


def _beyond(standard: Floats, level: Floats, bound: float, log2: float, use: Mask) -> list[tuple[int, int]]:
    """Row and column of each normal's largest value that is beyond both bounds."""
    beyond = (standard > bound) & (level > log2) & use
    best = np.where(beyond, standard, -np.inf).argmax(axis=1)
    return [(int(row), int(best[row])) for row in np.flatnonzero(beyond.any(axis=1))]


def _arms(kinds: Sequence[Residual], trusted: Mask) -> list[tuple[int, Deviation]]:
    """Row and deviation of normals whose arms differ: one by much, or many of them by more than normals' arms do."""
    names, level, standard = deviations_of_arms(kinds, trusted)
    if len(names) < FEWEST_ARMS:
        return []
    found = []
    for row in range(len(standard)):
        size = np.abs(np.nan_to_num(standard[row]))
        unrest, worst = size.mean() / ARMS_BOUND, int(size.argmax())
        clear = size[worst] > ARM_BOUND and abs(level[row, worst]) > ARM_LOG2
        if unrest > 1 or clear:
            named = np.argsort(-size, kind="stable")[: max(int((size > NAMED_BOUND).sum()), 1)]
            excess = max(float(unrest), float(size[worst] / ARM_BOUND)) / float(size[worst])
            found += [(row, Deviation(names[at], float(level[row, at]), excess * float(size[at]))) for at in named]
    return found


class ArmDeviations(NamedTuple):
    """Names of the arms, log2 level of each in each normal, and that over what is usual; shape (normals, arms) each."""

    names: list[str]
    log2: Floats
    standard: Floats


def deviations_of_arms(kinds: Sequence[Residual], trusted: Mask) -> ArmDeviations:
    """Names of the arms, log2 level of each in each normal, and that over what is usual; shape (normals, arms) each.

    What is usual is learned from neighbouring windows of the same normal, which an event of a whole arm does not
    change, and from the arms of the typical normal. It is not known of fewer than five normals, or where more than
    one of five is set aside: then there is no arm.
    """
    parts = [_levels(kind, trusted) for kind in kinds]
    names = sorted({name for part in parts for name in part})
    count = len(trusted)
    if count < FEWEST_FOR_ARMS or trusted.sum() < FEWEST_FOR_ARMS - 1 or not names:
        return ArmDeviations([], np.zeros((count, 0)), np.zeros((count, 0)))
    total, weight = np.zeros((count, len(names))), np.zeros((count, len(names)))
    for part in parts:
        for name, (level, error) in part.items():
            known = np.isfinite(level) & np.isfinite(error)
            total[:, names.index(name)] += np.where(known, level / error**2, 0.0)
            weight[:, names.index(name)] += np.where(known, error**-2.0, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = _without_gc(total / weight, weight, names)
        standard = level * np.sqrt(weight)
    typical = robust.median(_size(standard[trusted], 1))
    own = int(trusted.sum()) - 1
    arm = np.sqrt((own * _size(standard[trusted], 0) ** 2 + PRIOR_NORMALS * typical**2) / (own + PRIOR_NORMALS))
    return ArmDeviations(names, level, standard / np.maximum(arm, 0.7 * typical))


def _without_gc(level: Floats, weight: Floats, names: Sequence[str]) -> Floats:
    """Levels of the arms less a line in their GC content, robustly fitted in each normal; shape (normals, arms)."""
    gc = np.array([ARM_GC.get(name, np.nan) for name in names]) - np.mean(list(ARM_GC.values()))
    line = np.column_stack([np.ones(len(names)), gc])
    out = level.copy()
    for row, own in zip(out, weight, strict=True):
        known = np.isfinite(row) & np.isfinite(gc) & (own > 0)
        if known.sum() < FEWEST_ARMS:
            continue
        share = np.ones(int(known.sum()))
        for _ in range(5):
            root = np.sqrt(own[known] * share)
            fitted = np.linalg.lstsq(line[known] * root[:, None], row[known] * root, rcond=None)[0]
            share[:] = robust.huber_weights((row[known] - line[known] @ fitted) * np.sqrt(own[known]))
        row[known] -= line[known] @ fitted
    return out


def _levels(kind: Residual, trusted: Mask) -> Mapping[str, tuple[Floats, Floats]]:
    """Level of each arm in each normal and its error, shape (normals,) each; empty where there are few arms."""
    value = np.clip(levelled(kind.rest, trusted), -CUT, CUT)
    known = kind.variance[np.isfinite(kind.variance)]
    variance = np.where(np.isfinite(kind.variance), kind.variance, np.median(known) if len(known) else 0.0)
    weight = 1 / (variance + GROUP_ERROR**2)
    level, groups, members = {}, {}, []
    for name in np.unique(kind.arm[kind.arm != ""]):
        rows = np.flatnonzero(kind.arm == name)
        if len(rows) >= FEWEST_GROUPS:
            level[str(name)] = _mean(value[:, rows], weight[rows])
            groups[str(name)] = weight[rows].sum()
            members.append(rows)
    steps = _noise_steps(value, weight, members)
    if len(level) < FEWEST_ARMS or steps is None:
        return {}
    typical = float(np.median(list(groups.values())))
    width = {name: max(np.sqrt(typical / size), 0.7) for name, size in groups.items()}
    noise = np.fmax(_size(steps, 1), 1e-6)
    noise = np.sqrt(noise * robust.median(noise[trusted]))
    scatter = _size(np.stack([level[name] / width[name] for name in level], axis=1), 1)
    noise *= robust.median((scatter / noise)[trusted])
    return {name: (value, np.maximum(noise * width[name], SMALLEST_ERROR / 2)) for name, value in level.items()}


def _mean(value: Floats, weight: Floats) -> Floats:
    """Weighted mean of each row's finite values; NaN without any."""
    present = np.isfinite(value)
    total = (present * weight).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, np.nansum(value * weight, axis=1) / total, np.nan)


def _noise_steps(value: Floats, weight: Floats, arms: Sequence[NDArray[np.intp]]) -> Floats | None:
    """Differences between neighbouring windows over all arms, shape (normals, steps); None where they are too few."""
    for length in WINDOWS:
        steps = [_steps(value[:, rows], weight[rows], length) for rows in arms]
        if sum(part.shape[1] for part in steps) >= FEWEST_STEPS:
            return np.concatenate(steps, axis=1)
    return None


def _steps(value: Floats, weight: Floats, length: int) -> Floats:
    """Differences between adjoining windows of an arm, over what their weights say, shape (normals, windows - 1)."""
    count = value.shape[1] // length
    parts = [slice(number * length, (number + 1) * length) for number in range(count)]
    if count < 2:
        return np.zeros((len(value), 0))
    mean = np.stack([_mean(value[:, part], weight[part]) for part in parts], axis=1)
    total = np.array([weight[part].sum() for part in parts])
    return np.diff(mean, axis=1) / np.sqrt(1 / total[1:] + 1 / total[:-1])
