"""The common baseline of a profile, the tie between targets and wide bins, and the error that genes have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.bins import groups as regions
from metcn.bins.layout import BinLayout
from metcn.genome.build import Genome
from metcn.ratios import correct
from metcn.ratios.correct import CorrectedProfile
from metcn.ratios.measurement import Baseline
from metcn.reference import sums
from metcn.reference.panel import BESIDE_CENTROMERE, REGION_BP, REGION_WITHOUT_NORMALS, KindNull
from metcn.stats import fragments, robust

PRIOR_GROUPS = 20  # the reference's gene-level excess counts as much as this many genes of the sample
EXCESS_WITHOUT_NORMALS = 0.25  # log2; SD of gene means against a flat reference on a real capture panel
SMALLEST_SD = 1e-3  # log2; no bin is without noise
ANEUPLOIDY_FRACTION = 0.05  # baseline error per SD of block levels: what the genome's uncovered parts may add
REACH_BP = 20e6  # up to so far on either side a gene stands for the genome where nothing lies between genes
FARTHEST = 1.0  # log2 from the median gene: beyond it a gene's level is its own, as an amplicon's, not its region's

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


class Offset(NamedTuple):
    """A log2 level that others are taken from, and its standard error; NaN where it is not known."""

    log2: float
    se: float


UNKNOWN = Offset(float("nan"), float("nan"))


@dataclass(frozen=True, eq=False)
class BasedProfile:
    """Bins on the common baseline: arrays of shape (bins,).

    Attributes
    ----------
    log2_ratio : ndarray
        Log2 ratios, NaN where masked.
    local : ndarray
        Level around each bin, log2; 0 where the baseline rests on targets.
    baseline : Baseline
    """

    log2_ratio: Floats
    local: Floats
    baseline: Baseline


def on_baseline(profile: CorrectedProfile, layout: BinLayout, *, smallest: int) -> BasedProfile:
    """Log2 ratios on the common baseline, the level around each bin, and what the baseline rests on.

    Wide bins, which cover the genome evenly, carry the baseline, and targets are tied to them; with fewer than
    ``smallest`` of them it is the median gene.
    """
    wide = layout.wide & layout.autosomal & np.isfinite(profile.log2_ratio)
    return _on_wide_bins(profile, layout, wide) if wide.sum() >= smallest else _on_targets(profile, layout)


def _on_targets(profile: CorrectedProfile, layout: BinLayout) -> BasedProfile:
    """Ratios over the mean of the genome, as far as genes tell of it."""
    ratio, genes = profile.log2_ratio, _genes(profile, layout)
    level = narrow_baseline(genes.level, genes.variance, territories(genes.chromosome, genes.midpoint))
    bins, nan = int((layout.fit & np.isfinite(ratio)).sum()), float("nan")
    baseline = Baseline(log2=level.log2, se=level.se, rests_on="targets", tie=nan, tie_se=nan, bins=bins)
    return BasedProfile(ratio - level.log2, np.zeros(len(ratio)), baseline)


@dataclass(frozen=True, eq=False)
class _Genes:
    """Groups of targets outside chromosome 7, in genome order, with levels and their variance: shape (groups,)."""

    level: Floats
    variance: Floats
    chromosome: NDArray
    midpoint: Floats


def _genes(profile: CorrectedProfile, layout: BinLayout) -> _Genes:
    """Levels of the groups of targets that a baseline may rest on; ratios of sums where bins hold few fragments."""
    rows = np.flatnonzero(layout.fit & layout.target & np.isfinite(profile.log2_ratio) & np.isfinite(profile.sd))
    _, first, group = np.unique(layout.group[rows], return_index=True, return_inverse=True)
    if len(rows) == 0:
        return _Genes(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.str_), np.zeros(0))
    level, variance, size = group_means(profile.log2_ratio[rows], profile.sd[rows], group)
    if np.isin(layout.kind[rows], profile.summed).all():
        number, expected = profile.number[rows], profile.expected[rows]
        level = correct.summed_levels(number, expected, block=group, use=np.ones(len(rows), dtype=bool))
        variance = fragments.sd(np.bincount(group, weights=number)) ** 2
    midpoint = np.bincount(group, weights=layout.midpoint[rows]) / size
    chromosome = layout.chromosome[rows][first]
    order = np.lexsort((midpoint, layout.chromosome_index[rows][first]))
    return _Genes(level[order], variance[order], chromosome[order], midpoint[order])


def _on_wide_bins(profile: CorrectedProfile, layout: BinLayout, use: Mask) -> BasedProfile:
    """Ratios over the mean of the genome, as the wide bins of ``use`` measure it."""
    ratio = profile.log2_ratio.copy()
    each = correct.wide_levels(profile, layout)
    local = each[layout.block]
    if layout.unread.any():
        local = level_beside(each, block=layout.block, chromosome=layout.chromosome)
    tie = tie_targets(
        ratio,
        profile.sd,
        local=local,
        local_error=correct.wide_noise(profile, layout, ratio, local),
        targets=layout.target & layout.fit,
        group=layout.group,
    )
    ratio[layout.target] -= tie.log2
    if np.isin(layout.kind[use], profile.summed).all():
        level = summed_baseline(
            profile.number, profile.expected, block=layout.block, width_bp=layout.width_bp, use=use
        )  # fmt: skip
    else:
        unread = layout.unread & layout.autosomal if layout.unread.any() else None
        level = wide_baseline(
            ratio, profile.sd, block=layout.block, width_bp=layout.width_bp, use=use, unread=unread
        )  # fmt: skip
    tied = tie.se if (layout.met & layout.target).any() and np.isfinite(tie.se) else 0.0
    se = float(np.hypot(level.se, tied))
    baseline = Baseline(level.log2, se, rests_on="wide_bins", tie=tie.log2, tie_se=tie.se, bins=int(use.sum()))
    return BasedProfile(ratio - level.log2, local - level.log2, baseline)


def excess(
    profile: CorrectedProfile, layout: BinLayout, based: BasedProfile, null: Mapping[str, KindNull]
) -> dict[str, float]:
    """Gene-level excess error per kind of bins, log2: the sample's own, leaning on that of the normals (``null``)."""
    blended = {}
    ratio, local = based.log2_ratio, based.local
    noise = correct.wide_noise(profile, layout, ratio, local)
    for kind, scale in profile.scale.items():
        use, known = layout.fit & (layout.kind == kind), null.get(kind)
        expected = known.excess * scale if known and np.isfinite(known.excess) else EXCESS_WITHOUT_NORMALS
        if kind in profile.summed:
            own = _summed_excess(profile, layout, use)
        elif based.baseline.rests_on == "targets":
            own = neighbours_excess(
                ratio, profile.sd, group=layout.group, chromosome=layout.chromosome, use=use, expected=expected
            )
        else:
            own = group_excess(
                ratio, profile.sd, local=local, local_error=noise, group=layout.group, use=use, expected=expected
            )
        blended[kind] = blend_excess(own.sd, own.groups, expected)
    return blended


def region_errors(layout: BinLayout, genome: Genome) -> Floats | None:
    """Error, log2, that each window shares with all others near by, shape (bins,), where no normal shows what it is.

    None where there are targets: the gene-level excess assumed of these without normals is larger.
    """
    if not (layout.kind == "window").all():
        return None
    away = np.full(len(layout), np.inf)
    for name, (start, end) in genome.centromere.items():
        own = layout.chromosome == name
        away[own] = np.maximum(start - layout.midpoint[own], layout.midpoint[own] - end)
    return np.where(away < REGION_BP, BESIDE_CENTROMERE, REGION_WITHOUT_NORMALS)


def _summed_excess(profile: CorrectedProfile, layout: BinLayout, use: Mask) -> GroupExcess:
    """What `group_excess` gives, of bins of few fragments: groups' excess beyond that of their bins."""
    number = profile.number
    rows = np.flatnonzero(use & np.isfinite(number) & np.isfinite(profile.expected))
    if rows.size == 0:
        return GroupExcess(float("nan"), 0.0)
    group, due = layout.group[rows], profile.expected[rows]
    label = np.unique(group, return_inverse=True)[1]
    alone = np.maximum(profile.sd[rows] ** 2 - fragments.sd(due) ** 2, 0.0)
    size = np.bincount(label, weights=due)
    of_bins = np.bincount(label, weights=alone * due**2) / size**2
    whole = sums.excess(number[rows], due, group, layout.block[rows], layout.chromosome[rows])
    return GroupExcess(float(np.sqrt(max(whole**2 - float(np.median(of_bins)), 0.0))), float(len(size)))


def tie_targets(
    ratio: Floats, sd: Floats, *, local: Floats, local_error: float, targets: Mask, group: NDArray[np.intp]
) -> Offset:
    """How far targets lie above the off-target level around them, and the error of that: robust mean over groups.

    The two kinds are normalised apart; only a comparison in the same place puts them on one scale in a genome where
    a panel's genes are not an even sample. A group counts by the error of its level: noise of its bins (``sd``), that
    of the level around it (``local_error``), and what groups scatter beyond both. So a gene of many targets counts more
    than a single target, and hundreds of single targets still make a good tie. (0, NaN) without a target.
    """
    members = np.flatnonzero(targets & np.isfinite(ratio) & np.isfinite(local) & np.isfinite(sd))
    if members.size == 0:
        return Offset(0.0, float("nan"))
    each, variance, size = group_means((ratio - local)[members], sd[members], group[members])
    variance = variance + local_error**2
    beyond, _, _ = robust.excess(each - robust.weighted_median(each, 1 / variance), variance, size)
    tie, error, _ = robust.huber_mean(each, np.sqrt(variance + beyond**2))
    return Offset(tie, error)


class GroupMeans(NamedTuple):
    """Level of each group, the variance that bin noise gives it, and its bins: shape (groups,)."""

    level: Floats
    variance: Floats
    size: NDArray[np.intp]


def group_means(values: Floats, sd: Floats, group: NDArray[np.intp]) -> GroupMeans:
    """Level of each group that occurs, in ascending order, the variance that bin noise gives it, and its bins.

    A group's level is the median of its ``values`` and is as uncertain as a median is. ``BIN_FLOOR`` is added to the
    noise ``sd`` of every bin, since single bins err more than their spread over a few normals says.
    """
    label = np.unique(group, return_inverse=True)[1]
    count = int(label.max()) + 1
    size = np.bincount(label)
    own = np.bincount(label, weights=sd**2 + correct.BIN_FLOOR**2) / size**2
    return GroupMeans(regions.medians(values, label, count), own * np.where(size > 2, 1.25**2, 1.0), size)


def wide_baseline(
    ratio: Floats, sd: Floats, *, block: NDArray[np.intp], width_bp: Floats, use: Mask, unread: Mask | None = None
) -> Offset:
    """Log2 of the length-weighted linear mean over the autosomes, and its error.

    Blocks enter with their *median* log2 ratio, which has less noise than a bin's, and what is left of that is taken
    off: the linear mean of levels with errors of variance ``v`` (natural log) lies ``v / 2`` above the truth, as the
    mean of a lognormal variable does (3 % at an error of 0.35 log2). ``sd`` is the bins' noise. A block of which only
    a part was read stands for its ``unread`` bins too.
    """
    keep = use & np.isfinite(ratio)
    level = correct.block_levels(ratio, block=block, use=keep)
    count = len(level)
    weight = read = np.zeros(count) + np.bincount(block[keep], weights=width_bp[keep], minlength=count)
    has = np.isfinite(level) & (weight > 0)
    if unread is not None:
        weight = read + np.bincount(block[unread], weights=width_bp[unread], minlength=count)
    if not has.any():
        return UNKNOWN
    size = np.bincount(block[keep], minlength=count)
    own = np.bincount(block[keep], weights=sd[keep] ** 2, minlength=count)[has] / size[has] ** 2
    own *= np.where(size[has] > 2, 1.25**2, 1.0)  # variance of a median; of one or two it is the mean
    baseline = float(np.log2(np.average(2 ** (level[has] - own * np.log(2) / 2), weights=weight[has])))
    scatter = robust.spread((ratio - level[block])[keep])
    error = 1.25 * scatter / np.sqrt(keep.sum())
    if unread is not None:
        alone = 1.25 * scatter / np.sqrt(size[has])
        error = _sampling_error(level[has], weight[has], 1 - read[has] / weight[has], alone)
    variety = float(np.sqrt(np.average((level[has] - baseline) ** 2, weights=weight[has])))
    return Offset(baseline, float(np.hypot(error, ANEUPLOIDY_FRACTION * variety)))


def summed_baseline(
    number: Floats, expected: Floats, *, block: NDArray[np.intp], width_bp: Floats, use: Mask
) -> Offset:
    """`wide_baseline` from sums of counts: linear from the start, so that no bias of a logarithm is taken off."""
    keep, count = use & np.isfinite(number) & np.isfinite(expected), int(block.max(initial=-1)) + 1
    seen, due, weight = (
        np.bincount(block[keep], weights=values[keep], minlength=count) for values in (number, expected, width_bp)
    )
    has = due > 0
    if not has.any() or seen.sum() == 0:
        return UNKNOWN
    seen, due, weight = seen[has], due[has], weight[has] / weight[has].sum()
    mean = float(np.sum(weight * seen / due))
    variance = np.sum((weight / due) ** 2 * np.maximum(seen, 1)) / mean**2
    # what blocks differ by beyond chance: the karyotype
    variety = fragments.excess_variance(seen, mean * due, np.zeros(len(due), dtype=np.intp), np.full(len(due), np.inf))
    return Offset(float(np.log2(mean)), float(np.sqrt(variance + ANEUPLOIDY_FRACTION**2 * variety) / np.log(2)))


def _sampling_error(level: Floats, weight: Floats, unread: Floats, error: Floats) -> float:
    """Error of the weighted mean of blocks' levels, each with its own ``error`` and of each a fraction ``unread``.

    What was not read may differ from what was as much as blocks differ from their neighbours, steps included.
    """
    step = np.sqrt(np.mean(np.diff(level) ** 2) / 2) if len(level) > 1 else 0.0
    return float(np.sqrt(np.sum((weight * np.hypot(error, unread * step)) ** 2)) / weight.sum())


def level_beside(level: Floats, *, block: NDArray[np.intp], chromosome: NDArray) -> Floats:
    """Level around each bin without its own block: mean of the two nearest known blocks on its chromosome.

    Where a block is one window, its median would take along what the window's bins share. NaN where there is no other.
    """
    first = np.flatnonzero(np.r_[True, block[1:] != block[:-1]])
    known = np.flatnonzero(np.isfinite(level))
    of = chromosome[first]
    index = np.searchsorted(known, np.arange(len(level)))
    sides = []
    for neighbour in (index - 1, index + np.isfinite(level)):
        inside = (neighbour >= 0) & (neighbour < len(known))
        at = known[np.clip(neighbour, 0, len(known) - 1)] if len(known) else np.zeros(len(level), dtype=np.intp)
        sides.append(np.where(inside & (of[at] == of), level[at], np.nan))
    left, right = sides
    both = np.where(np.isfinite(left), np.where(np.isfinite(right), (left + right) / 2, left), right)
    return both[block]


def narrow_baseline(level: Floats, variance: Floats, weight: Floats) -> Offset:
    """Log2 of the mean of the genome as genes tell it without evenly spread bins, and its error.

    The linear mean over genes, each with the length of the genome that it stands for. The median gene is something
    else: in an aneuploid genome it lies at the commonest number of copies. A gene that is ``FARTHEST`` above or below
    the median one tells of its own amplicon or deletion and does not take part. The error is that of a sample of the
    genome: what genes differ by, which is not less than their noise, over how many of them carry the mean; NaN where
    one gene is all there is.

    Parameters
    ----------
    level, variance : ndarray, shape (genes,)
        Log2 levels and what noise gives them; the linear mean of levels lies half of that above the truth, see
        `wide_baseline`.
    weight : ndarray, shape (genes,)
        Length that each stands for, see `territories`.
    """
    if len(level) == 0:
        return UNKNOWN
    middle = robust.median(level)
    near = np.abs(level - middle) <= FARTHEST
    linear = np.average(2 ** (level - variance * np.log(2) / 2)[near], weights=weight[near])
    cut = np.clip(level, middle - FARTHEST, middle + FARTHEST)
    scatter = np.average((cut - np.average(cut, weights=weight)) ** 2, weights=weight)
    error = np.sqrt(np.sum(weight**2 * np.maximum(scatter, variance))) / weight.sum() if len(level) > 1 else np.nan
    return Offset(float(np.log2(linear)), float(error))


def territories(chromosome: NDArray, midpoint: Floats) -> Floats:
    """Length of the genome that each gene stands for, bp, shape (genes,): half way to its neighbours at the most.

    Genes stand in genome order. None reaches farther than ``REACH_BP``, or beyond the beginning of its chromosome.
    """
    step = np.diff(midpoint)
    same = chromosome[1:] == chromosome[:-1]
    half = np.where(same, np.minimum(step / 2, REACH_BP), REACH_BP)
    before = np.where(np.r_[True, ~same], np.minimum(midpoint, REACH_BP), np.r_[0.0, half])
    return np.maximum(before + np.r_[half, REACH_BP], 1.0)


class GroupExcess(NamedTuple):
    """SD that bins of a group share beyond their own noise, log2, and the number of quiet groups that tell as much."""

    sd: float
    groups: float


def group_excess(
    ratio: Floats,
    sd: Floats,
    *,
    local: Floats,
    local_error: float,
    group: NDArray[np.intp],
    use: Mask,
    expected: float,
) -> GroupExcess:
    """SD that bins of a group share beyond their own noise, log2, and the number of quiet groups that tell as much.

    Each group's mean is taken against the local level (whose error is ``local_error``); what scatters more than the
    noise of the two leads to expect is shared. Robust, so that genes that really are gained or lost do not count.
    Groups count by what they tell (`metcn.stats.robust.excess`): a single bin, whose noise drowns what it shares,
    little. So does their number, see `_quiet`.
    """
    keep = np.flatnonzero(use & np.isfinite(ratio) & np.isfinite(sd))
    if keep.size == 0:
        return GroupExcess(float("nan"), 0.0)
    mean, variance, size = _precise_means((ratio - np.nan_to_num(local))[keep], sd[keep], group[keep])
    variance = variance + local_error**2
    own, groups, noise = robust.excess(mean - robust.weighted_median(mean, size.astype(float)), variance, size)
    return GroupExcess(own, max(_quiet(groups, own, noise, expected) - 1.0, 0.0))  # one went into the level taken off


def neighbours_excess(
    ratio: Floats,
    sd: Floats,
    *,
    group: NDArray[np.intp],
    chromosome: NDArray,
    use: Mask,
    expected: float,
) -> GroupExcess:
    """What `group_excess` gives, without a local level: from what neighbouring groups of a chromosome differ by.

    Most neighbours lie on one segment, whatever the karyotype, and a robust estimate is told by most of them. The level
    of the whole genome would take the tumour's own gains and losses for an error of genes. Two differences share a
    group, so that three of them tell about as much as two groups do.
    """
    keep = np.flatnonzero(use & np.isfinite(ratio) & np.isfinite(sd))
    if keep.size == 0:
        return GroupExcess(float("nan"), 0.0)
    mean, variance, size = _precise_means(ratio[keep], sd[keep], group[keep])
    of = chromosome[keep][np.unique(group[keep], return_index=True)[1]]
    pair = of[1:] == of[:-1]
    if not pair.any():
        return GroupExcess(float("nan"), 0.0)
    both = 2 / (1 / size[1:] + 1 / size[:-1])
    own, pairs, noise = robust.excess(
        np.diff(mean)[pair] / np.sqrt(2), ((variance[1:] + variance[:-1]) / 2)[pair], both[pair]
    )
    return GroupExcess(own, _quiet(2 / 3 * pairs, own, noise, expected))


def _precise_means(values: Floats, sd: Floats, group: NDArray[np.intp]) -> GroupMeans:
    """Mean of each group weighed by its bins' precision, in ascending order, with variance and size."""
    label = np.unique(group, return_inverse=True)[1]
    precision = 1 / np.maximum(sd, SMALLEST_SD) ** 2
    total = np.bincount(label, weights=precision)
    return GroupMeans(np.bincount(label, weights=precision * values) / total, 1 / total, np.bincount(label))


def _quiet(groups: float, own: float, noise: float, expected: float) -> float:
    """Number of groups without noise that would tell as much of an excess, the own or the one ``expected``.

    Of an excess ``t``, groups of noise ``n`` tell as much as ``(t^2 / (t^2 + n^2))^2`` times as many.
    """
    told = max(own, expected) ** 2
    return groups * float(told / max(told + noise**2, robust.SMALLEST_VARIANCE)) ** 2


def blend_excess(own: float, groups: float, expected: float) -> float:
    """The sample's gene-level excess, leaning on what the normals lead to expect when it has few genes."""
    if not np.isfinite(own):
        return expected
    return float(np.sqrt((groups * own**2 + PRIOR_GROUPS * expected**2) / (groups + PRIOR_GROUPS)))
