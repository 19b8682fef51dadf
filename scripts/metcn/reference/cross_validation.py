"""What normals look like when they are left out: how many components they can carry, and the noise that remains.

A left-out normal is treated as a patient's sample is, with one difference: each gene is judged by a fit without its own
quarter of the chromosomes, as MET is, on whose chromosome nothing is fitted. Otherwise more components would always
look better.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

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
STRETCHES = (1, 2, 4, 8, 16, 32)  # numbers of neighbouring groups whose mean is measured
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
class Places:
    """What is known of the bins of one kind: arrays of shape (bins,).

    ``group`` (gene) ascends; ``part`` numbers the chromosomes; ``fit`` says which bins coefficients rest on, ``learn``
    which bins components are learned on; ``met`` are MET's own.
    """

    group: NDArray[np.intp]
    part: NDArray[np.intp]
    fit: Mask
    learn: Mask
    met: Mask

    def of_groups(self, label: NDArray[np.intp]) -> tuple[NDArray[np.intp], Mask, Mask, Mask]:
        """Chromosome of each group, and whether it is fitted, learned from, and MET's."""
        first = np.searchsorted(self.group, label)
        return self.part[first], self.fit[first], self.learn[first], np.isin(label, self.group[self.met])


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A left-out normal beyond those that are judged: its fit waits until the number of components is known."""

    row: int
    sample: Grouped  # its means alone
    basis: Floats  # means of the components, shape (components, groups): one array for all normals of a fold
    use: Mask
    beyond: Floats


@dataclass
class _Trial:
    """What one number of components gave over all left-out normals."""

    errors: list[Floats] = field(default_factory=list)  # what is left of each group's mean, one array per normal
    within: list[Floats] = field(default_factory=list)  # variance that bin noise alone gives such a mean
    noise: list[float] = field(default_factory=list)  # bin noise over its raw spread
    beyond: list[Floats] = field(default_factory=list)  # what cutting bins took from these; NaN where there is no bin
    rows: list[int] = field(default_factory=list)  # which normals these are

    def error(self, weight: Floats) -> float:
        """RMS of the groups' means, each group with its ``weight``."""
        square = np.clip(np.stack(self.errors), -ERROR_CUT, ERROR_CUT) ** 2
        return float(np.sqrt(np.average(square.mean(axis=0), weights=weight)))


def leave_out(log2_depth: Floats, places: Places, *, most: int) -> KindNull:
    """Number of components with the lowest error on normals that were left out, and the noise that then remains.

    The error is that of gene means, since a gene is what the pipeline reports. A number of components larger than the
    normals can carry makes left-out normals worse, and that is what is seen here.

    Parameters
    ----------
    log2_depth : ndarray, shape (normals, bins)
        Scaled log2 depth of one kind of bins.
    places : Places
    most : int
        Largest number of components.
    """
    return judge(log2_depth, places, most=most)[0]


def judge(
    log2_depth: Floats, places: Places, *, most: int, trusted: Mask | None = None
) -> tuple[KindNull, LeftOut | None]:
    """What `leave_out` says, and what is left of every normal by fits without it; None where none has the kind.

    Normals that are not ``trusted`` (shape (normals,); default all are) take part in no fit and in no judgement, but
    are compared with the others all the same. At least three have to be trusted.
    """
    trusted = np.ones(len(log2_depth), dtype=bool) if trusted is None else trusted
    normals = int(trusted.sum())
    folds = min(len(log2_depth), FOLDS)
    label = np.unique(places.group)
    part, fitted, learned, met = places.of_groups(label)
    largest = min(most, normals - 2, int(fitted.sum()) // GROUPS_PER_COMPONENT)
    trials = {count: _Trial() for count in sorted({count for count in CANDIDATES if count < largest} | {largest})}
    present = np.zeros(len(label), dtype=bool)
    variance = np.full(len(label), np.inf)
    size = np.bincount(np.searchsorted(label, places.group), minlength=len(label))
    waiting: list[_Waiting] = []
    for out in range(folds):
        outside = np.arange(len(log2_depth)) % folds == out
        kept = ~outside & trusted
        centre, spread, _ = centre_and_spread(log2_depth[kept])
        weight = tangent.bin_weights(spread)
        residual = log2_depth[kept] - centre
        known = tangent.grouped(tangent.winsorise(residual, weight), weight, places.group)
        present |= known.present(fitted | learned)
        variance = np.minimum(variance, known.variance)
        inner = tangent.gram(known.means, known.variance, known.present(learned))
        basis = tangent.components(residual, weight, tangent.mixing(inner, largest))
        chosen = np.flatnonzero(outside & trusted)[: max(JUDGED // folds, 1)]
        for row in chosen:
            if _try(trials, log2_depth[row] - centre, spread, weight, basis, places, part, fitted):
                for trial in trials.values():
                    trial.rows.append(int(row))
        others = np.setdiff1d(np.flatnonzero(outside), chosen)
        waiting += _wait(others, log2_depth[others] - centre, weight, basis, places, fitted)
    if not any(trial.errors for trial in trials.values()):
        return KindNull(components=0, errors={}, noise=1.0, excess=float("nan")), None
    group_weight = np.where(present, 1 / variance, 0.0)  # single bins tell little, large genes much
    errors = {count: trial.error(group_weight) for count, trial in trials.items()}
    best = min(trials, key=lambda count: errors[count])
    null = _summary(trials[best], best, errors, len(log2_depth), group_weight, size, part, met)
    null = replace(null, scatter=tuple(np.array(null.scatter)[trusted].tolist()))
    comparable = _comparable(size, present, met_bins=int(places.met.sum()))
    rest, plain = (_left(trials[count], waiting, count, len(log2_depth), part) for count in (best, min(trials)))
    return null, LeftOut(rest, plain, _typical(trials[best].within), label, comparable)


def _wait(
    rows: NDArray[np.intp], own: Floats, weight: Floats, basis: Floats, places: Places, fitted: Mask
) -> list[_Waiting]:
    """Group means of left-out normals that are not judged; those without the kind are not among them.

    The means of the components are taken over all bins of a group, whichever a normal lacks: that spares most of the
    work, and the groups that it lacks do not take part in its fit.
    """
    if len(rows) == 0:
        return []
    shared = tangent.grouped(basis.T.astype(float), weight, places.group).means.astype(np.float32)
    waiting = []
    for row, values in zip(rows, own, strict=True):
        present = np.isfinite(values) & (weight > 0)
        if (present & places.fit).any():
            weights = np.where(present, weight, 0.0)
            cut = tangent.winsorise(values, weights)
            mine = tangent.grouped(cut[None], weights, places.group)
            beyond = _cut_off(values, cut, weights, places.group)
            waiting.append(_Waiting(int(row), mine, shared, mine.present(fitted), beyond))
    return waiting


def _left(
    trial: _Trial, waiting: list[_Waiting], components: int, normals: int, part: NDArray[np.intp]
) -> NDArray[np.float32]:
    """What is left of every normal at one number of components, shape (normals, groups)."""
    rest = np.full((normals, len(part)), np.nan, dtype=np.float32)
    rest[trial.rows] = np.stack(trial.errors) + np.stack(trial.beyond)
    for one in waiting:
        sample = replace(one.sample, means=np.vstack([one.sample.means, one.basis[:components]]))
        rest[one.row] = _held_out(sample, components, one.use, part)[0] + one.beyond
    return rest


def _typical(within: list[Floats]) -> Floats:
    """Median over normals of the variance that bin noise gives a group's mean; NaN where none knows it."""
    rows = np.stack(within)
    known = np.isfinite(rows).any(axis=0)
    variance = np.full(rows.shape[1], np.nan)
    variance[known] = np.nanmedian(rows[:, known], axis=0)
    return variance


def _comparable(size: NDArray[np.intp], among: Mask, *, met_bins: int) -> Mask:
    """Groups whose rests may be compared: those with at least half as many bins as MET, where there are enough."""
    like_met = among & (size >= met_bins // 2)
    return like_met if like_met.sum() >= ENOUGH_GROUPS else among


def _try(
    trials: dict[int, _Trial],
    own: Floats,
    spread: Floats,
    weight: Floats,
    basis: Floats,
    places: Places,
    part: NDArray[np.intp],
    fitted: Mask,
) -> bool:
    """Add what every number of components leaves of one normal; False, and nothing, if it lacks the kind."""
    present = np.isfinite(own) & (weight > 0)
    if not (present & places.fit).any():
        return False
    weight = np.where(present, weight, 0.0)
    cut = tangent.winsorise(own, weight)
    sample = tangent.grouped(np.vstack([cut, basis.T.astype(float)]), weight, places.group)
    beyond = _cut_off(own, cut, weight, places.group)
    for count, trial in trials.items():
        rest, shares = _held_out(sample, count, sample.present(fitted), part)
        bins = tangent.subtract(own, basis[:, :count], shares)
        trial.errors.append(rest)
        trial.beyond.append(beyond)
        used = present & places.fit
        noise = robust.spread(bins[used] / np.maximum(spread[used], SMALLEST_ERROR))
        left = np.where(present, bins, 0.0)
        trial.within.append(_within(left, np.where(present, spread, 0.0), weight, places.group, noise))
        trial.noise.append(noise)
    return True


def _cut_off(own: Floats, cut: Floats, weight: Floats, group: NDArray[np.intp]) -> Floats:
    """What cutting a normal's bins took from its group means: an amplicon lies beyond; NaN where it has no bin."""
    away = tangent.winsorise(own, weight, AMPLICON_CUT) - cut
    lost = tangent.grouped(away, weight, group)
    return np.where(lost.size > 0, lost.means, np.nan)


def _held_out(sample: Grouped, count: int, use: Mask, part: NDArray[np.intp]) -> tuple[Floats, NDArray[np.float64]]:
    """What is left of each group by a fit without its own part of the chromosomes, and the shares of the whole fit.

    The parts' normal equations are what the whole fit's lack: Huber's weights are those of the whole fit.
    """
    means, basis = sample.means[0], sample.means[1 : 1 + count].T
    whole = tangent.fit(means[use], sample.variance[use], basis[use], iterations=3)
    design = np.column_stack([basis, np.ones(len(means))])
    rest = means - design @ whole.shares
    weight = np.zeros(len(means))
    weight[use] = whole.weight
    normal, right = design.T * weight @ design, design.T * weight @ means
    for number in range(PARTS):
        own = part % PARTS == number
        mine = design[own].T * weight[own]
        shares = tangent.solve(normal - mine @ design[own], right - mine @ means[own], whole.noise)
        touched = own & use
        rest[touched] = means[touched] - design[touched] @ shares
    return rest, whole.shares


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
    trial: _Trial,
    components: int,
    errors: dict[int, float],
    normals: int,
    weight: Floats,
    size: NDArray[np.intp],
    part: NDArray[np.intp],
    met: Mask,
) -> KindNull:
    """Noise and excess at this number of components, of one group and of stretches of neighbouring ones."""
    judged = weight > 0
    means, within = np.stack(trial.errors)[:, judged], np.stack(trial.within)[:, judged]
    bins = size[judged].astype(float)
    excess = {length: _excess(means, within, bins, part[judged], length) for length in STRETCHES}
    one = excess[1]
    averaged = {
        length: min(value / one, 1.0) for length, value in excess.items() if length > 1 and one > 0 and value >= 0
    }
    spread = np.array([robust.weighted_spread(row, weight[judged]) for row in means])
    scatter = np.full(normals, np.nan)
    scatter[trial.rows] = spread
    factor = _met_error(trial, size, judged, met)
    own = robust.MAD_TO_SD * float(np.median(factor)) if len(factor) else 1.0  # one deviant normal must not set it
    return KindNull(
        components=components,
        errors=errors,
        noise=float(np.median(trial.noise)),
        excess=one,
        averaged=averaged,
        scatter=tuple(scatter.tolist()),
        met_factor=max(1.0, float(np.sqrt((len(factor) * own**2 + PRIOR_FACTOR) / (len(factor) + PRIOR_FACTOR)))),
    )


def _met_error(trial: _Trial, size: NDArray[np.intp], judged: Mask, met: Mask) -> Floats:
    """MET's error in each left-out normal over that of a group of its bin noise there, as other groups err; finite."""
    if not met.any():
        return np.zeros(0)
    found = []
    for errors, within in zip(trial.errors, trial.within, strict=True):
        others = judged & ~met
        shared = robust.excess(errors[others], within[others], size[others])[0]
        expected = np.sqrt(np.nan_to_num(shared) ** 2 + within[met].mean())
        found.append(abs(errors[met].mean()) / max(expected, SMALLEST_ERROR))
    factor = np.array(found)
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
