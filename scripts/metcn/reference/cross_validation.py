"""What normals look like when they are left out: how many components they can carry, and the noise that remains.

A left-out normal is treated as a patient's sample is, with one difference: each gene is judged by a fit without its own
quarter of the chromosomes, as MET is, on whose chromosome nothing is fitted. Otherwise more components would always
look better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import BinLayout
from metcn.reference import tangent
from metcn.reference.centre import centre_and_spread
from metcn.reference.panel import KindNull, LeftOut
from metcn.reference.tangent import Grouped
from metcn.stats import robust

CANDIDATES = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 40)  # numbers of components that are tried
GROUPS_PER_COMPONENT = 4  # a small amplicon assay has not the genes to fit many components, however many normals
FOLDS = 20  # normals are left out one by one up to this number, in that many folds beyond it
JUDGED = 40  # normals judged at the most: enough for an error, and independent of how many there are
PARTS = 4  # parts of the chromosomes that are kept out of the fit in turn
STRETCHES = (1, 2, 4, 8, 16, 32, 64, 128)  # numbers of neighbouring groups whose mean is measured
PRIOR_FACTOR = 10  # MET's own error in normals leans on that of the typical gene like this many normals
PRIOR_DEGREES = 4  # a group's own scatter is weighed against that of the typical bin as if this had so many bins more
PRIOR_BINS = 20  # and the typical bin's within its group against what it has in all
SMALLEST_ERROR = 1e-3  # log2
ENOUGH_GROUPS = 20  # groups as large as MET's from which they alone are compared
AMPLICON_CUT = 40.0  # spreads at which a left-out normal's bins are cut where its own amplicons are to be seen
ERROR_CUT = 0.3  # log2; one deviant gene of one normal must not decide

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of the bins of one kind: arrays of shape (groups,), in the order of the bins.

    Attributes
    ----------
    label, size : ndarray of int
        Number of each group, ascending, and its bins.
    part : ndarray of int
        Number of its chromosome.
    fit, learn, met : ndarray of bool
        Whether coefficients rest on it, whether components are learned on it, and whether it is MET's.
    regular : ndarray of bool
        Whether anything rests on it at all: others are only watched.
    """

    label: NDArray[np.intp]
    size: NDArray[np.intp]
    part: NDArray[np.intp]
    fit: Mask
    learn: Mask
    met: Mask
    regular: Mask

    @classmethod
    def of(cls, layout: BinLayout, watched: Mask | None = None) -> Groups:
        """Groups of a layout of one kind, of which those with ``watched`` bins are only watched."""
        label, first = np.unique(layout.group, return_index=True)
        regular = np.ones(len(label), dtype=bool) if watched is None else ~watched[first]
        size = np.bincount(np.searchsorted(label, layout.group), minlength=len(label))
        met = np.isin(label, layout.group[layout.met])
        return cls(
            label, size, layout.chromosome_index[first], layout.fit[first] & regular,
            layout.autosomal[first] & regular, met, regular,
        )  # fmt: skip


class Judgement(NamedTuple):
    """What left-out normals show of one kind of bins, and what is left of every normal (None where none has it)."""

    null: KindNull
    left_out: LeftOut | None


@dataclass(frozen=True, eq=False)
class _Fold:
    """Statistics of the normals that are kept while others are left out: arrays of shape (bins,)."""

    centre: Floats
    spread: Floats
    weight: Floats
    basis: Floats  # shape (bins, components)
    present: Mask  # groups that have a bin of weight and take part, shape (groups,)
    variance: Floats  # of the groups' means, shape (groups,)

    @classmethod
    def of(cls, log2_depth: Floats, layout: BinLayout, groups: Groups, *, most: int) -> _Fold:
        """Those of kept normals, with at most so many components."""
        centre, spread, _ = centre_and_spread(log2_depth)
        weight = tangent.bin_weights(spread)
        residual = log2_depth - centre
        known = tangent.grouped(tangent.winsorise(residual, weight), weight, layout.group)
        inner = tangent.gram(known.means, known.variance, known.present(groups.learn))
        basis = tangent.components(residual, weight, tangent.mixing(inner, most))
        return cls(centre, spread, weight, basis, known.present(groups.fit | groups.learn), known.variance)


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A left-out normal beyond those that are judged: its fit waits until the number of components is known."""

    row: int
    sample: Grouped  # group means of the normal alone
    basis: Floats  # means of the components, shape (components, groups): one array for all normals of a fold
    use: Mask
    beyond: Floats


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What one number of components gave for one left-out normal: arrays of shape (groups,)."""

    row: int
    rest: Floats  # what is left of each group's mean
    within: Floats  # variance that bin noise alone gives such a mean
    noise: float  # bin noise over its raw spread
    beyond: Floats  # what cutting bins took from the means; NaN where there is no bin
    met: Floats  # what is left of MET's own bins, shape (MET's bins,); NaN where there is no depth


@dataclass(frozen=True, eq=False)
class _Trial:
    """What one number of components gave over all left-out normals: arrays of shape (judged normals, groups)."""

    rows: list[int]  # which normals these are
    rest: Floats
    within: Floats
    noise: list[float]
    beyond: Floats
    met: Floats  # shape (judged normals, MET's bins)

    @classmethod
    def of(cls, outcomes: Sequence[_Outcome]) -> _Trial:
        """All outcomes of one number of components."""
        return cls(
            [one.row for one in outcomes],
            np.stack([one.rest for one in outcomes]),
            np.stack([one.within for one in outcomes]),
            [one.noise for one in outcomes],
            np.stack([one.beyond for one in outcomes]),
            np.stack([one.met for one in outcomes]),
        )

    @property
    def quiet_met(self) -> Floats:
        """What is left of MET's bins, of a normal noisier than the typical one over how much noisier it is."""
        typical = max(float(np.median(self.noise)), SMALLEST_ERROR)
        return np.asarray(self.met / np.maximum(np.array(self.noise) / typical, 1.0)[:, None])

    def error(self, weight: Floats) -> float:
        """RMS of the groups' means, each group with its ``weight``."""
        square = np.clip(self.rest, -ERROR_CUT, ERROR_CUT) ** 2
        return float(np.sqrt(np.average(square.mean(axis=0), weights=weight)))


def leave_out(log2_depth: Floats, layout: BinLayout, *, most: int) -> KindNull:
    """Number of components with the lowest error on normals that were left out, and the noise that then remains.

    The error is that of gene means, since a gene is what the pipeline reports. A number of components larger than the
    normals can carry makes left-out normals worse, and that is what is seen here.

    Parameters
    ----------
    log2_depth : ndarray, shape (normals, bins)
        Scaled log2 depth of one kind of bins.
    layout : BinLayout
        Those bins.
    most : int
        Largest number of components.
    """
    return judge(log2_depth, layout, most=most).null


def judge(
    log2_depth: Floats, layout: BinLayout, *, most: int, trusted: Mask | None = None, watched: Mask | None = None
) -> Judgement:
    """What `leave_out` says, and what is left of every normal by fits without it.

    Normals that are not ``trusted`` (shape (normals,); default all) take part in no fit and in no judgement, but are
    compared with the others all the same. At least three have to be trusted. So do groups of ``watched`` bins (shape
    (bins,); default none).
    """
    trusted = np.ones(len(log2_depth), dtype=bool) if trusted is None else trusted
    normals, folds = int(trusted.sum()), min(len(log2_depth), FOLDS)
    groups = Groups.of(layout, watched)
    largest = min(most, normals - 2, int(groups.fit.sum()) // GROUPS_PER_COMPONENT)
    counts = sorted({count for count in CANDIDATES if count < largest} | {largest})
    present = np.zeros(len(groups.label), dtype=bool)
    variance = np.full(len(groups.label), np.inf)
    outcomes: list[dict[int, _Outcome]] = []
    waiting: list[_Waiting] = []
    for out in range(folds):
        outside = np.arange(len(log2_depth)) % folds == out
        fold = _Fold.of(log2_depth[~outside & trusted], layout, groups, most=largest)
        present |= fold.present
        variance = np.minimum(variance, fold.variance)
        chosen = np.flatnonzero(outside & trusted)[: max(JUDGED // folds, 1)]
        for row in chosen:
            outcomes += filter(None, [_tried(int(row), log2_depth[row] - fold.centre, fold, layout, groups, counts)])
        others = np.setdiff1d(np.flatnonzero(outside), chosen)
        waiting += _wait(others, log2_depth[others] - fold.centre, fold, layout, groups)
    if not outcomes:
        return Judgement(KindNull(components=0, errors={}, noise=1.0, excess=float("nan")), None)
    trials = {count: _Trial.of([one[count] for one in outcomes]) for count in counts}
    weight = np.where(present, 1 / variance, 0.0)  # single bins tell little, large genes much
    errors = {count: trial.error(weight) for count, trial in trials.items()}
    best = min(trials, key=lambda count: errors[count])
    null = _summary(trials[best], groups, weight, trusted, components=best, errors=errors)
    comparable = _comparable(groups.size, present, met_bins=int(layout.met.sum()))
    rest, plain = (_left(trials[count], waiting, count, len(log2_depth), groups.part) for count in (best, min(trials)))
    variance = _typical(trials[best].within)
    left_out = LeftOut(rest, plain, variance, groups.label, comparable, groups.regular, trials[best].quiet_met)
    return Judgement(null, left_out)


def _wait(rows: NDArray[np.intp], log2_depth: Floats, fold: _Fold, layout: BinLayout, groups: Groups) -> list[_Waiting]:
    """Group means of left-out normals that are not judged; those without the kind are not among them.

    ``log2_depth`` of these normals is that over the fold's centre. The means of the components are taken over all bins
    of a group, whichever a normal lacks: that spares most of the work, and the groups that it lacks do not take part in
    its fit.
    """
    if len(rows) == 0:
        return []
    shared = tangent.grouped(fold.basis.T.astype(float), fold.weight, layout.group).means.astype(np.float32)
    waiting = []
    for row, values in zip(rows, log2_depth, strict=True):
        present = np.isfinite(values) & (fold.weight > 0)
        if (present & layout.fit).any():
            weights = np.where(present, fold.weight, 0.0)
            cut = tangent.winsorise(values, weights)
            own = tangent.grouped(cut[None], weights, layout.group)
            beyond = _cut_off(values, cut, weights, layout.group)
            waiting.append(_Waiting(int(row), own, shared, own.present(groups.fit), beyond))
    return waiting


def _left(
    trial: _Trial, waiting: list[_Waiting], components: int, normals: int, part: NDArray[np.intp]
) -> NDArray[np.float32]:
    """What is left of every normal at one number of components, shape (normals, groups)."""
    rest = np.full((normals, len(part)), np.nan, dtype=np.float32)
    rest[trial.rows] = trial.rest + trial.beyond
    for one in waiting:
        sample = replace(one.sample, means=np.vstack([one.sample.means, one.basis[:components]]))
        rest[one.row] = _held_out(sample, components, one.use, part).rest + one.beyond
    return rest


def _typical(within: Floats) -> Floats:
    """Median over normals of the variance that bin noise gives a group's mean; NaN where none knows it."""
    known = np.isfinite(within).any(axis=0)
    variance = np.full(within.shape[1], np.nan)
    variance[known] = np.nanmedian(within[:, known], axis=0)
    return variance


def _comparable(size: NDArray[np.intp], among: Mask, *, met_bins: int) -> Mask:
    """Groups whose rests may be compared: those with at least half as many bins as MET, where there are enough."""
    like_met = among & (size >= met_bins // 2)
    return like_met if like_met.sum() >= ENOUGH_GROUPS else among


def _tried(
    row: int, log2_depth: Floats, fold: _Fold, layout: BinLayout, groups: Groups, counts: Sequence[int]
) -> dict[int, _Outcome] | None:
    """What every number of components leaves of one normal (its depth over the centre); None if it lacks the kind."""
    present = np.isfinite(log2_depth) & (fold.weight > 0)
    used = present & layout.fit
    if not used.any():
        return None
    weight = np.where(present, fold.weight, 0.0)
    cut = tangent.winsorise(log2_depth, weight)
    sample = tangent.grouped(np.vstack([cut, fold.basis.T.astype(float)]), weight, layout.group)
    beyond = _cut_off(log2_depth, cut, weight, layout.group)
    outcomes = {}
    for count in counts:
        rest, scores = _held_out(sample, count, sample.present(groups.fit), groups.part)
        bins = tangent.subtract(log2_depth, fold.basis[:, :count], scores)
        noise = robust.spread(bins[used] / np.maximum(fold.spread[used], SMALLEST_ERROR))
        left = np.where(present, bins, 0.0)
        within = _within(left, np.where(present, fold.spread, 0.0), weight, layout.group, noise)
        of_met = np.where(present, bins, np.nan)[layout.met]
        outcomes[count] = _Outcome(row, rest, within, noise, beyond, of_met)
    return outcomes


def _cut_off(own: Floats, cut: Floats, weight: Floats, group: NDArray[np.intp]) -> Floats:
    """What cutting a normal's bins took from its group means: an amplicon lies beyond; NaN where it has no bin."""
    away = tangent.winsorise(own, weight, AMPLICON_CUT) - cut
    lost = tangent.grouped(away, weight, group)
    return np.where(lost.size > 0, lost.means, np.nan)


class _HeldOut(NamedTuple):
    """What is left of each group, shape (groups,), and the components' scores, the level last."""

    rest: Floats
    scores: NDArray[np.float64]


def _held_out(sample: Grouped, count: int, use: Mask, part: NDArray[np.intp]) -> _HeldOut:
    """What is left of each group by a fit without its own part of the chromosomes, and the scores of the whole fit.

    The parts' normal equations are what the whole fit's lack: Huber's weights are those of the whole fit.
    """
    means, basis = sample.means[0], sample.means[1 : 1 + count].T
    whole = tangent.fit(means[use], sample.variance[use], basis[use], iterations=3)
    design = np.column_stack([basis, np.ones(len(means))])
    rest = means - design @ whole.scores
    weight = np.zeros(len(means))
    weight[use] = whole.weight
    normal, right = design.T * weight @ design, design.T * weight @ means
    for number in range(PARTS):
        own = part % PARTS == number
        mine = design[own].T * weight[own]
        scores = tangent.solve(normal - mine @ design[own], right - mine @ means[own], whole.noise)
        touched = own & use
        rest[touched] = means[touched] - design[touched] @ scores
    return _HeldOut(rest, whole.scores)


def _within(rest: Floats, spread: Floats, weight: Floats, group: NDArray[np.intp], total: float) -> Floats:
    """Variance that bin noise gives the mean of each group; shape (groups,), NaN for one without a bin of weight.

    Bin noise is what bins differ by within their group. A group's own scatter tells of it as far as it has bins, and
    leans on the typical bin's (over the panel's ``spread``), which is all that a single bin has. Where hardly a group
    has two bins, that is the ``total`` noise, of which nothing can then be told to be shared.
    """
    label = np.cumsum(np.r_[0, group[1:] != group[:-1]])
    count = int(label[-1]) + 1
    has = weight > 0
    size = np.bincount(label, weights=has, minlength=count)
    precision = weight**2
    sums = np.bincount(label, weights=precision, minlength=count)
    safe = np.maximum(sums, 1e-12)
    mean = np.bincount(label, weights=precision * rest, minlength=count) / safe
    away = rest - mean[label]
    free = size / np.maximum(size - 1, 1)  # a mean of few bins lies near them
    paired = has & (size[label] > 1)
    told = max(float((size[size > 1] - 1).sum()), 0.0)
    score = np.abs(away[paired]) * np.sqrt(free[label[paired]]) / np.maximum(spread[paired], SMALLEST_ERROR)
    typical = robust.MAD_TO_SD * float(np.median(score)) if score.size else total
    noise = (told * typical**2 + PRIOR_BINS * total**2) / (told + PRIOR_BINS)
    expected = noise * np.bincount(label, weights=(precision * spread) ** 2, minlength=count) / safe**2
    own = np.bincount(label, weights=(precision * away) ** 2, minlength=count) / safe**2 * free
    degrees = np.maximum(size - 1, 0)
    blended = (degrees * own + PRIOR_DEGREES * expected) / (degrees + PRIOR_DEGREES)
    return np.where(size > 0, blended, np.nan)


def _summary(
    trial: _Trial, groups: Groups, weight: Floats, trusted: Mask, *, components: int, errors: dict[int, float]
) -> KindNull:
    """Noise and excess at this number of components, of one group and of runs of neighbouring ones."""
    judged = weight > 0
    means, within = trial.rest[:, judged], trial.within[:, judged]
    bins = groups.size[judged].astype(float)
    excess = {length: _excess(means, within, bins, groups.part[judged], length) for length in STRETCHES}
    one = excess[1]
    averaged = {
        length: min(value / one, 1.0) for length, value in excess.items() if length > 1 and one > 0 and value >= 0
    }
    scatter = np.full(len(trusted), np.nan)
    scatter[trial.rows] = [robust.weighted_spread(row, weight[judged]) for row in means]
    factor = _met_error(trial, groups, judged)
    own = robust.MAD_TO_SD * float(np.median(factor)) if len(factor) else 1.0  # one deviant normal must not set it
    return KindNull(
        components=components,
        errors=errors,
        noise=float(np.median(trial.noise)),
        excess=one,
        averaged=averaged,
        scatter=tuple(scatter[trusted].tolist()),
        met_factor=max(1.0, float(np.sqrt((len(factor) * own**2 + PRIOR_FACTOR) / (len(factor) + PRIOR_FACTOR)))),
    )


def _met_error(trial: _Trial, groups: Groups, judged: Mask) -> Floats:
    """MET's error in each left-out normal over that of a group of its bin noise there, as other groups err; finite."""
    met = groups.met
    if not met.any():
        return np.zeros(0)
    factors = []
    for rest, within in zip(trial.rest, trial.within, strict=True):
        others = judged & ~met
        shared = robust.excess(rest[others], within[others], groups.size[others])[0]
        expected = np.sqrt(np.nan_to_num(shared) ** 2 + within[met].mean())
        factors.append(abs(rest[met].mean()) / max(expected, SMALLEST_ERROR))
    factor = np.array(factors)
    return factor[np.isfinite(factor)]


def _excess(means: Floats, within: Floats, bins: Floats, part: NDArray[np.intp], length: int) -> float:
    """SD beyond bin noise of means over ``length`` neighbouring groups of a chromosome; NaN without such stretches."""
    if means.shape[1] < length:
        return float("nan")
    starts = np.arange(0, means.shape[1] - length + 1, max(length // 2, 1))
    starts = starts[part[starts] == part[starts + length - 1]]
    if len(starts) < 2:
        return float("nan")
    rows = starts[:, None] + np.arange(length)
    total, noise = means[:, rows].mean(axis=2), within[:, rows].sum(axis=2) / length**2
    size = np.broadcast_to(length**2 / (1 / bins[rows]).sum(axis=1), total.shape)  # of one group with as little noise
    return robust.excess((total - np.median(total)).ravel(), noise.ravel(), size.ravel())[0]
