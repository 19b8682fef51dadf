"""Panel of normals: each bin's centre, noise and usability, and the components that normals vary along."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from metcn import robust, tangent
from metcn.centring import centre_and_spread, scale
from metcn.panel import KindNull, Panel

CANDIDATES = (0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 30)  # numbers of components that are tried
BINS_PER_COMPONENT = 40  # a small amplicon assay has not the bins to fit many components, however many normals
FOLDS = 20  # normals are left out one by one up to this number, in that many groups beyond it
SAMPLE_BINS = 40_000  # bins of a kind on which the number of components is chosen: enough, and independent of size
MISSING_SHARE = 0.25  # a bin without reads in more of the normals than this is masked
SMALLEST_GROUP = 5  # bins a gene needs at the least before its mean counts in the choice
ENOUGH_GROUPS = 20  # genes of MET's size needed for them alone to decide
PRIOR_FACTOR = 10  # MET's own error in normals leans on that of the typical gene like this many normals
SMALLEST_ERROR = 1e-3  # log2
ERROR_CUT = 0.3  # log2; one deviant gene of one normal must not decide

Floats = NDArray[np.floating]


def mask_reasons(
    *,
    given: NDArray,
    kind: NDArray,
    centre: Floats,
    spread: Floats,
    missing: Floats,
    min_relative_depth: float,
    max_spread: float,
) -> NDArray[np.str_]:
    """Reason per bin why it is not used, "" where it is: what was ``given``, else what the normals show.

    ``min_relative_depth`` is relative to the kind's median bin (linear), ``max_spread`` in log2.
    """
    mask = given.astype("U32")
    low = np.zeros(len(mask), dtype=bool)
    for name in np.unique(kind):
        members = kind == name
        low |= members & (2 ** (centre - robust.median(centre[members])) < min_relative_depth)
    for bad, reason in (
        (missing > MISSING_SHARE, "no_reads_in_normals"),
        (low, "low_depth_in_normals"),
        (spread > max_spread, "noisy_in_normals"),
        (~np.isfinite(centre) | ~np.isfinite(spread), "no_reads_in_normals"),
    ):
        mask[(mask == "") & bad] = reason
    return mask


def build(
    log2_depth: Floats,
    *,
    kind: NDArray,
    group: NDArray[np.intp],
    fit: NDArray[np.bool_],
    learn: NDArray[np.bool_],
    met: NDArray[np.bool_],
    mask: NDArray,
    max_components: int,
    min_relative_depth: float,
    max_spread: float,
) -> Panel:
    """Panel of normals from log2 depths, which are consumed: the array is scaled and centred in place.

    Parameters
    ----------
    log2_depth : ndarray of float32, shape (normals, bins)
        NaN where a bin has no reads.
    kind, group, mask : ndarray, shape (bins,)
        Kind and gene group of each bin, and why it may not be used ("" where it may).
    fit : ndarray of bool, shape (bins,)
        Autosomal bins outside chromosome 7: the only ones that scale and coefficients rest on.
    learn : ndarray of bool, shape (bins,)
        Bins that components are learned on: all autosomes, since normals have no amplicon to protect.
    met : ndarray of bool, shape (bins,)
        MET's own bins: genes with at least half as many decide how many components are used.
    """
    normals = len(log2_depth)
    scale(log2_depth, kind, fit & (mask == ""))
    centre, spread, missing = centre_and_spread(log2_depth)
    reasons = mask_reasons(
        given=mask,
        kind=kind,
        centre=centre,
        spread=spread,
        missing=missing,
        min_relative_depth=min_relative_depth,
        max_spread=max_spread,
    )
    usable = reasons == ""
    if normals < 3:
        spread[:] = 1.0  # too few to learn it: the sample's own noise gives the scale
    null = {}
    for name in np.unique(kind) if normals >= 3 else ():
        members = np.flatnonzero((kind == name) & usable)
        if fit[members].any():
            rows = _sample(members, group, met)
            null[str(name)] = leave_out(
                log2_depth[:, rows],
                group=group[rows],
                fit=fit[rows],
                learn=learn[rows],
                met=met[rows],
                most=max_components,
                smallest=_smallest(group[rows], int(met[rows].sum())),
            )
            spread[kind == name] *= null[str(name)].noise
    log2_depth -= centre
    basis = _basis(log2_depth, spread, kind=kind, learn=usable & learn, null=null)
    return Panel(centre=centre, spread=spread, mask=reasons, basis=basis, null=null, normals=normals)


def _basis(
    residual: Floats, spread: Floats, *, kind: NDArray, learn: NDArray[np.bool_], null: dict[str, KindNull]
) -> Floats:
    """Components of every kind in one array, shape (bins, components): each bin has those of its own kind."""
    basis = np.zeros((residual.shape[1], max((part.components for part in null.values()), default=0)), dtype=np.float32)
    for name, found in null.items():
        members = kind == name
        part = residual if members.all() else residual[:, members]
        weight = tangent.bin_weights(spread[members])
        mix = tangent.mixing(tangent.gram(part, weight, learn[members]), found.components)
        basis[members, : mix.shape[1]] = tangent.components(part, weight, mix)
    return basis


def _sample(members: NDArray[np.intp], group: NDArray[np.intp], met: NDArray[np.bool_]) -> NDArray[np.intp]:
    """At most about ``SAMPLE_BINS`` of ``members``, whole groups at an even stride, and MET."""
    step = max(1, int(np.ceil(len(members) / SAMPLE_BINS)))
    return members if step == 1 else members[(group[members] % step == 0) | met[members]]


def _smallest(group: NDArray[np.intp], met_bins: int) -> int:
    """Bins a group must have to decide: half of MET's where at least ``ENOUGH_GROUPS`` have that many."""
    size = np.bincount(group)
    wanted = max(SMALLEST_GROUP, met_bins // 2)
    return wanted if np.sum(size >= wanted) >= ENOUGH_GROUPS else SMALLEST_GROUP


@dataclass
class _Trial:
    """What one number of components gave over all left-out normals."""

    means: list[Floats] = field(default_factory=list)  # gene means of each normal
    within: list[float] = field(default_factory=list)  # error that bin noise alone gives such a mean
    noise: list[float] = field(default_factory=list)  # bin noise over its raw spread
    met: list[float] = field(default_factory=list)  # MET's mean over the spread of the normal's genes

    def error(self) -> float:
        """RMS of gene means; where no gene has bins enough, bin noise instead."""
        means = np.concatenate(self.means)
        if not len(means):
            return float(np.mean(self.noise))
        return float(np.sqrt(np.mean(np.clip(means, -ERROR_CUT, ERROR_CUT) ** 2)))

    def summary(self, components: int, errors: dict[int, float]) -> KindNull:
        """Noise and excess at this number of components."""
        means = np.concatenate(self.means)
        variance = robust.spread(means) ** 2 - float(np.mean(self.within)) ** 2 if len(means) > 1 else float("nan")
        met = np.abs(np.array(self.met)[np.isfinite(self.met)])
        own = robust.MAD_TO_SD * float(np.median(met)) if len(met) else 1.0  # one deviant normal must not set it
        factor = np.sqrt((len(met) * own**2 + PRIOR_FACTOR) / (len(met) + PRIOR_FACTOR))
        return KindNull(
            components=components,
            errors=errors,
            noise=float(np.median(self.noise)),
            excess=float(np.sqrt(max(variance, 0.0))) if np.isfinite(variance) else float("nan"),
            met_factor=float(factor),
        )


def leave_out(
    log2_depth: Floats,
    *,
    group: NDArray[np.intp],
    fit: NDArray[np.bool_],
    learn: NDArray[np.bool_],
    met: NDArray[np.bool_],
    most: int,
    smallest: int,
) -> KindNull:
    """Number of components with the lowest error on normals that were left out, and the noise that then remains.

    The error is that of gene means, since a gene is what the pipeline reports. A number of components larger than the
    normals can carry makes left-out normals worse, and that is what is seen here.

    Parameters
    ----------
    log2_depth : ndarray, shape (normals, bins)
        Scaled log2 depth of one kind of bins.
    group, fit, learn, met : ndarray, shape (bins,)
        Gene group; bins that coefficients rest on; bins that components are learned on; MET's own bins.
    most, smallest : int
        Largest number of components; bins a gene needs for its mean to count.
    """
    normals = len(log2_depth)
    fold = np.arange(normals) % min(normals, FOLDS)
    largest = min(most, normals - 2, int(fit.sum()) // BINS_PER_COMPONENT)
    trials = {count: _Trial() for count in sorted({count for count in CANDIDATES if count < largest} | {largest})}
    label = np.unique(group, return_inverse=True)[1]
    for out in range(int(fold.max()) + 1):
        centre, spread, _ = centre_and_spread(log2_depth[fold != out])
        weight = tangent.bin_weights(spread)
        residual = log2_depth[fold != out] - centre
        full = tangent.components(residual, weight, tangent.mixing(tangent.gram(residual, weight, learn), largest))
        for row in np.flatnonzero(fold == out):
            own = log2_depth[row] - centre
            rows = fit & np.isfinite(own) & (weight > 0)
            if not rows.any():  # this normal lacks the kind
                continue
            for count, trial in trials.items():
                basis = full[:, :count]
                solution = tangent.coefficients(own[rows], weight[rows], basis[rows], iterations=3)
                rest = tangent.subtract(own, weight, basis, solution)
                means, within = _group_means(rest, weight, label, smallest)
                trial.means.append(means)
                trial.within.append(within)
                trial.noise.append(robust.spread(rest[rows] / np.maximum(spread[rows], SMALLEST_ERROR)))
                trial.met.append(_mean(rest, weight, met) / max(robust.spread(means), SMALLEST_ERROR))
    errors = {count: trial.error() for count, trial in trials.items()}
    best = min(trials, key=lambda count: errors[count])
    return trials[best].summary(best, errors)


def _mean(rest: Floats, weight: Floats, members: NDArray[np.bool_]) -> float:
    """Weighted mean of the finite values among ``members``; NaN without any."""
    keep = members & np.isfinite(rest) & (weight > 0)
    return float(np.average(np.clip(rest[keep], -1, 1), weights=weight[keep] ** 2)) if keep.any() else float("nan")


def _group_means(rest: Floats, weight: Floats, label: NDArray[np.intp], smallest: int) -> tuple[Floats, float]:
    """Weighted mean of each group with enough bins, and the typical error that bin noise alone gives such a mean."""
    keep = np.isfinite(rest) & (weight > 0)
    cut, precision = np.clip(rest[keep], -1, 1), weight[keep] ** 2
    size = np.bincount(label[keep], minlength=label.max() + 1)
    total = np.bincount(label[keep], weights=precision, minlength=len(size))
    mean = np.bincount(label[keep], weights=precision * cut, minlength=len(size)) / np.maximum(total, 1e-12)
    bin_variance = np.bincount(label[keep], weights=(precision * (cut - mean[label[keep]])) ** 2, minlength=len(size))
    large = size >= smallest
    error = np.sqrt(bin_variance[large]) / total[large]
    return mean[large], float(np.median(error)) if large.any() else 0.0
