"""Depth ratios: a sample against the normals, its baseline, and the levels of MET and its surroundings with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metcn.bins import groups as regions
from metcn.bins import layout
from metcn.reference import gc_curves, sums, tangent
from metcn.stats import fragments, robust

BIN_FLOOR = 0.1  # log2; a few very quiet bins must not be taken for the gene
LEVEL_BOUND = 3.0  # SDs from the others in its gene at which a bin loses weight: dropout does, real signal does not
PRIOR_GROUPS = 20  # the reference's gene-level excess counts as much as this many genes of the sample
EXCESS_WITHOUT_NORMALS = 0.25  # log2; spread of gene means against a flat reference on a real capture panel
SMALLEST_SD = 1e-3  # log2; no bin is without noise
ANEUPLOIDY_SHARE = 0.05  # baseline error per SD of block levels: what the genome's uncovered parts may add

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Corrected:
    """A sample's log2 ratios after correction, NaN where masked, and the SD expected of each bin."""

    log2_ratio: Floats
    sd: Floats
    noise: dict[str, float]  # kind -> bin noise of this sample, log2
    scale: dict[str, float]  # kind -> that noise over what the normals lead to expect
    shares: dict[str, list[float]]  # kind -> share of each component, in SDs of the normals
    expected: Floats  # fragments expected of each bin at ratio 1; NaN where they are not known
    summed: tuple[str, ...] = ()  # kinds of so few fragments that sums of counts take the place of logarithms


@dataclass(frozen=True)
class Level:
    """A robust mean of log2 ratios with its standard error, NaN where there are no bins.

    ``fragments`` were seen in those bins and ``expected`` there at ratio 1; NaN where that is not known.
    """

    log2: float
    se: float
    bins: int
    scatter: float = float("nan")
    fragments: float = float("nan")
    expected: float = float("nan")


def correct(
    log2_depth: Floats,
    *,
    centre: Floats,
    spread: Floats,
    basis: Floats,
    kind: NDArray,
    chromosome: NDArray,
    block: NDArray[np.intp],
    group: NDArray[np.intp],
    usable: Mask,
    fit: Mask,
    covariates: Sequence[Floats] = (),
    curve: str = "medians",
    counts: fragments.Counts | None = None,
    summed: Sequence[str] = (),
) -> Corrected:
    """Log2 ratios of one sample: centred on the normals, less what components and curves explain, level 0 per kind.

    Kinds that cover the genome evenly come first. Targets are then fitted on what is left of them after the level that
    those bins have around them is taken away: so the tumour's own gains and losses are not taken for the assay's.

    Parameters
    ----------
    log2_depth, centre, spread : ndarray, shape (bins,)
        NaN where a bin has no reads (it stays NaN).
    basis : ndarray, shape (bins, components)
        Components, log2 per unit share; may have no column.
    block : ndarray of int, shape (bins,)
        Stretch of ``layout.BLOCK_BP`` that each bin lies in (`metcn.bins.groups.blocks`).
    group : ndarray of int, shape (bins,)
        Gene of each bin; ascending within a kind.
    usable, fit : ndarray of bool, shape (bins,)
        Bins that are not masked, and those outside chromosome 7 that the fit may rest on.
    covariates : sequence of ndarray, shape (bins,)
        GC content, mappability: what a curve of its own is taken away for, one after the other; NaN where unknown.
    curve : str
        How the curves are made, see `metcn.reference.gc_curves.explained`.
    counts : Counts, optional
        Fragments behind the depths, as far as they are known: the error that counting them gives a bin is a floor.
    summed : sequence of str
        Kinds of bins that hold few of them, see `metcn.ratios.sums`.
    """
    residual = np.where(usable, log2_depth - centre, np.nan)
    blank = np.full(len(residual), np.nan)
    ratio, number = blank.copy(), blank if counts is None else counts.number
    found = Corrected(ratio, blank.copy(), {}, {}, {}, blank.copy(), tuple(summed))
    wide = np.isin(kind, layout.WIDE_KINDS)
    local: Floats = np.zeros(len(residual))
    error = 0.0
    for name in sorted(np.unique(kind), key=lambda name: (name not in layout.WIDE_KINDS, name)):
        members = np.flatnonzero(kind == name)
        if name not in layout.WIDE_KINDS and (fit & wide & np.isfinite(ratio)).any():
            local = wide_levels(found, number, kind=kind, block=block, use=wide)[block]
            error = wide_noise(found, number, ratio, local, kind=kind, use=wide & fit, block=block)
        used = members[(fit & np.isfinite(residual) & np.isfinite(local))[members]]
        if used.size == 0:
            continue
        columns = np.any(basis[members] != 0, axis=0)
        if counts is not None and name in summed:
            seen, due = np.where(np.isfinite(residual), number, np.nan), counts.per_depth * 2**centre
            own = sums.Bins(seen, due, basis[:, columns].astype(float), local, fit, chromosome, block).at(members)
            fitted = sums.fitted(own, [each[members] for each in covariates])
            _add_summed(found, str(name), members, fitted, number, spread, used)
            continue
        part = basis[members][:, columns].astype(float)
        rows = np.searchsorted(members, used)
        shares = _shares((residual - local)[used], spread[used], part[rows], group[used], error)
        ratio[members] = tangent.subtract(residual[members], part, shares)
        for covariate in covariates:
            ratio[members] -= gc_curves.explained(
                ratio[members], covariate=covariate[members], rows=fit[members], method=curve
            )
        found.scale[str(name)] = noise_scale(ratio[members], spread[members], chromosome[members])
        found.expected[members] = np.maximum(number[members], 0.5) / 2 ** ratio[members]  # an empty bin has half a one
        learned = spread[members] * found.scale[str(name)]
        floor = np.fmax(learned, fragments.sd(found.expected[members]))
        found.sd[members] = np.where(np.isfinite(ratio[members]) & np.isfinite(learned), floor, np.nan)
        found.noise[str(name)] = robust.median(found.sd[used])
        found.shares[str(name)] = [float(share) for share in shares[:-1]]
    return found


def _add_summed(
    found: Corrected,
    name: str,
    members: NDArray[np.intp],
    fitted: sums.Fitted,
    number: Floats,
    spread: Floats,
    used: NDArray[np.intp],
) -> None:
    """Enter what sums of counts say of a kind."""
    found.expected[members], found.sd[members] = fitted.expected, fitted.sd
    found.log2_ratio[members] = fragments.log2_ratio(number[members], fitted.expected)
    found.shares[name] = fitted.shares
    found.noise[name] = robust.median(found.sd[used])
    found.scale[name] = found.noise[name] / robust.median(spread[used])


def _shares(
    residual: Floats, spread: Floats, basis: Floats, group: NDArray[np.intp], error: float
) -> NDArray[np.float64]:
    """Shares of the components, and the level, from group means with an ``error`` besides their own."""
    weight = tangent.bin_weights(spread)
    known = tangent.grouped(np.vstack([residual, basis.T]), weight, group)
    use = known.present()
    return tangent.fit(known.means[0, use], known.variance[use] + error**2, known.means[1:, use].T).shares


def noise_scale(ratio: Floats, spread: Floats, chromosome: NDArray) -> float:
    """Noise of a sample over the expected one, from differences of neighbours, which copy-number steps hardly touch."""
    keep = np.flatnonzero(np.isfinite(ratio) & np.isfinite(spread))
    if keep.size < 3:
        return 1.0
    step = np.diff(ratio[keep]) / np.hypot(spread[keep][1:], spread[keep][:-1])
    same = chromosome[keep][1:] == chromosome[keep][:-1]
    scale = float(robust.MAD_TO_SD * np.median(np.abs(step[same]))) if same.any() else robust.spread(step)
    return max(scale, 1e-3)


def block_levels(ratio: Floats, *, block: NDArray[np.intp], use: Mask) -> Floats:
    """Level of every block, shape (blocks,): the median of its ``use`` bins, NaN without any."""
    return regions.medians(np.where(use, ratio, np.nan), block, int(block.max(initial=-1)) + 1)


def wide_levels(corrected: Corrected, number: Floats, *, kind: NDArray, block: NDArray[np.intp], use: Mask) -> Floats:
    """`block_levels` of wide bins, from sums where they hold few of the fragments behind the ratios (``number``)."""
    if not np.isin(kind[use], corrected.summed).all() or not use.any():
        return block_levels(corrected.log2_ratio, block=block, use=use)
    return summed_levels(number, corrected.expected, block=block, use=use)


def wide_noise(
    corrected: Corrected,
    number: Floats,
    ratio: Floats,
    local: Floats,
    *,
    kind: NDArray,
    use: Mask,
    block: NDArray[np.intp],
) -> float:
    """Typical error of `wide_levels`: that of a median of bins, or of a block's fragments where they are summed."""
    if not use.any() or not np.isin(kind[use], corrected.summed).all():
        return local_noise(ratio, corrected.sd, local, use=use, block=block)
    keep = use & np.isfinite(number) & np.isfinite(corrected.expected)
    seen, size = np.bincount(block[keep], weights=number[keep]), np.bincount(block[keep])
    return robust.median(fragments.sd(seen[size > 0])) if keep.any() else 0.0


def summed_levels(number: Floats, expected: Floats, *, block: NDArray[np.intp], use: Mask) -> Floats:
    """Log2 of the fragments of every block's ``use`` bins over those expected, shape (blocks,); NaN without any."""
    keep, count = use & np.isfinite(number) & np.isfinite(expected), int(block.max(initial=-1)) + 1
    seen, due = (np.bincount(block[keep], weights=values[keep], minlength=count) for values in (number, expected))
    return np.asarray(fragments.log2_ratio(seen, due))


def tie_targets(
    ratio: Floats, sd: Floats, *, local: Floats, local_error: float, targets: Mask, group: NDArray[np.intp]
) -> tuple[float, float]:
    """How far targets lie above the off-target level around them, and the error of that: robust mean over groups.

    The two kinds are normalised apart; only a comparison in the same place puts them on one scale in a genome where
    a panel's genes are not an even sample. A group counts by the error of its level: noise of its bins (``sd``), that
    of the level around it (``local_error``), and what groups scatter beyond both. So a gene of many targets counts more
    than a single target, and hundreds of single targets still make a good tie. (0, NaN) without a target.
    """
    members = np.flatnonzero(targets & np.isfinite(ratio) & np.isfinite(local) & np.isfinite(sd))
    if members.size == 0:
        return 0.0, float("nan")
    each, variance, size = group_means((ratio - local)[members], sd[members], group[members])
    variance = variance + local_error**2
    beyond, _, _ = robust.excess(each - robust.weighted_median(each, 1 / variance), variance, size)
    tie, error, _ = robust.huber_mean(each, np.sqrt(variance + beyond**2))
    return tie, error


def group_means(values: Floats, sd: Floats, group: NDArray[np.intp]) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Level of each group that occurs, in ascending order, the variance that bin noise gives it, and its bins.

    A group's level is the median of its ``values`` and is as uncertain as a median is. ``BIN_FLOOR`` is added to the
    noise ``sd`` of every bin, since single bins err more than their spread over a few normals says.
    """
    label = np.unique(group, return_inverse=True)[1]
    count = int(label.max()) + 1
    size = np.bincount(label)
    own = np.bincount(label, weights=sd**2 + BIN_FLOOR**2) / size**2
    return regions.medians(values, label, count), own * np.where(size > 2, 1.25**2, 1.0), size


def wide_baseline(
    ratio: Floats, sd: Floats, *, block: NDArray[np.intp], width_bp: Floats, use: Mask, unread: Mask | None = None
) -> tuple[float, float]:
    """Log2 of the length-weighted linear mean over the autosomes, and its error.

    Blocks enter with their *median* log2 ratio, which has less noise than a bin's, and what is left of that is taken
    off: the linear mean of levels with errors of variance ``v`` (natural log) lies ``v / 2`` above the truth, as the
    mean of a lognormal variable does (3 % at an error of 0.35 log2). ``sd`` is the bins' noise. A block of which only
    a part was read stands for its ``unread`` bins too.
    """
    keep = use & np.isfinite(ratio)
    level = block_levels(ratio, block=block, use=keep)
    count = len(level)
    weight = read = np.zeros(count) + np.bincount(block[keep], weights=width_bp[keep], minlength=count)
    has = np.isfinite(level) & (weight > 0)
    if unread is not None:
        weight = read + np.bincount(block[unread], weights=width_bp[unread], minlength=count)
    if not has.any():
        return float("nan"), float("nan")
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
    return baseline, float(np.hypot(error, ANEUPLOIDY_SHARE * variety))


def summed_baseline(
    number: Floats, expected: Floats, *, block: NDArray[np.intp], width_bp: Floats, use: Mask
) -> tuple[float, float]:
    """The same from sums of counts: linear from the start, so that no bias of a logarithm needs to be taken off."""
    keep, count = use & np.isfinite(number) & np.isfinite(expected), int(block.max(initial=-1)) + 1
    seen, due, weight = (
        np.bincount(block[keep], weights=values[keep], minlength=count) for values in (number, expected, width_bp)
    )
    has = due > 0
    if not has.any() or seen.sum() == 0:
        return float("nan"), float("nan")
    seen, due, weight = seen[has], due[has], weight[has] / weight[has].sum()
    mean = float(np.sum(weight * seen / due))
    variance = np.sum((weight / due) ** 2 * np.maximum(seen, 1)) / mean**2
    # what blocks differ by beyond chance: the karyotype
    variety = fragments.excess_variance(seen, mean * due, np.zeros(len(due), dtype=np.intp), np.full(len(due), np.inf))
    return float(np.log2(mean)), float(np.sqrt(variance + ANEUPLOIDY_SHARE**2 * variety) / np.log(2))


def _sampling_error(level: Floats, weight: Floats, unread: Floats, error: Floats) -> float:
    """Error of the weighted mean of blocks' levels, each with its own ``error`` and of each a share ``unread``.

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
    place = np.searchsorted(known, np.arange(len(level)))
    sides = []
    for neighbour in (place - 1, place + np.isfinite(level)):
        inside = (neighbour >= 0) & (neighbour < len(known))
        at = known[np.clip(neighbour, 0, len(known) - 1)] if len(known) else np.zeros(len(level), dtype=np.intp)
        sides.append(np.where(inside & (of[at] == of), level[at], np.nan))
    left, right = sides
    both = np.where(np.isfinite(left), np.where(np.isfinite(right), (left + right) / 2, left), right)
    return both[block]


def narrow_baseline(ratio: Floats, *, group: NDArray[np.intp], use: Mask) -> tuple[float, float]:
    """Median over genes of their median log2 ratio, and its error: all that is left without evenly spread bins."""
    keep = np.flatnonzero(use & np.isfinite(ratio))
    if keep.size == 0:
        return float("nan"), float("nan")
    label = np.unique(group[keep], return_inverse=True)[1]
    each = regions.medians(ratio[keep], label, int(label.max()) + 1)
    return robust.median(each), 1.25 * robust.spread(each) / np.sqrt(len(each))


def summed_narrow_baseline(
    number: Floats, expected: Floats, *, group: NDArray[np.intp], use: Mask
) -> tuple[float, float]:
    """`narrow_baseline` of genes whose bins hold few fragments: the median over genes of their ratio of sums."""
    each = summed_levels(number, expected, block=group, use=use)
    each = each[np.isfinite(each)]
    if each.size == 0:
        return float("nan"), float("nan")
    seen = float(number[use & np.isfinite(number) & np.isfinite(expected)].sum())
    scatter = 1.25 * robust.spread(each) / np.sqrt(len(each))
    return robust.median(each), float(np.fmax(scatter, fragments.sd(seen)))


def group_excess(
    ratio: Floats,
    sd: Floats,
    *,
    local: Floats,
    local_error: float,
    group: NDArray[np.intp],
    use: Mask,
    expected: float,
) -> tuple[float, float]:
    """SD that bins of a group share beyond their own noise, log2, and the number of quiet groups that tell as much.

    Each group's mean is taken against the local level (whose error is ``local_error``); what scatters more than the
    noise of the two leads to expect is shared. Robust, so that genes that really are gained or lost do not count.
    Groups count by what they tell (`metcn.stats.robust.excess`): a single bin, whose noise drowns what it shares,
    little. So does their number: of an excess ``t``, the own or the one ``expected``, groups of noise ``n`` tell as
    much as ``(t^2 / (t^2 + n^2))^2`` times as many without noise.
    """
    keep = np.flatnonzero(use & np.isfinite(ratio) & np.isfinite(sd))
    if keep.size == 0:
        return float("nan"), 0.0
    label = np.unique(group[keep], return_inverse=True)[1]
    precision = 1 / np.maximum(sd[keep], SMALLEST_SD) ** 2
    total = np.bincount(label, weights=precision)
    mean = np.bincount(label, weights=precision * (ratio - np.nan_to_num(local))[keep]) / total
    variance = 1 / total + local_error**2
    size = np.bincount(label)
    own, groups, noise = robust.excess(mean - robust.weighted_median(mean, size.astype(float)), variance, size)
    told = max(own, expected) ** 2
    groups *= (told / max(told + noise**2, robust.SMALLEST_VARIANCE)) ** 2
    return own, max(groups - 1.0, 0.0)  # one went into the level that they are taken from


def local_noise(ratio: Floats, sd: Floats, local: Floats, *, use: Mask, block: NDArray[np.intp]) -> float:
    """Typical error of the local level, log2: that of a median over the ``use`` bins of a block; 0 without any.

    How far bins lie from their block's median says so where a block has three of them; with fewer it would say too
    little, and the bins' own expected ``sd`` serves.
    """
    keep = use & np.isfinite(ratio) & np.isfinite(local)
    if not keep.any():
        return 0.0
    size = np.bincount(block[keep])
    told = keep & (np.pad(size, (0, int(block.max()) + 1 - len(size)))[block] >= 3)
    if told.sum() > 1:
        return float(1.25 * robust.spread((ratio - local)[told]) / np.sqrt(np.median(size[size > 0])))
    return float(robust.median(sd[keep]) / np.sqrt(np.median(size[size > 0])))  # of one or two the median is the mean


def blend_excess(own: float, groups: float, expected: float) -> float:
    """The sample's gene-level excess, leaning on what the normals lead to expect when it has few genes."""
    if not np.isfinite(own):
        return expected
    return float(np.sqrt((groups * own**2 + PRIOR_GROUPS * expected**2) / (groups + PRIOR_GROUPS)))


def level(ratio: Floats, sd: Floats, members: Mask, *, alike: bool = False) -> Level:
    """Robust mean of the finite log2 ratios among ``members`` with the error that bin noise gives it.

    There is no ceiling: a bin is weighed by its distance from its neighbours in the gene, never by its height. Of bins
    that are ``alike``, as windows of a genome, none is quieter than their median; others have ``BIN_FLOOR`` added.
    """
    keep = members & np.isfinite(ratio) & np.isfinite(sd)
    noise = np.maximum(sd[keep], robust.median(sd[keep])) if alike else np.hypot(sd[keep], BIN_FLOOR)
    mean, error, scatter = robust.huber_mean(ratio[keep], noise, LEVEL_BOUND)
    return Level(log2=mean, se=error, bins=int(keep.sum()), scatter=scatter)


def summed_level(number: Floats, expected: Floats, sd: Floats, members: Mask) -> Level:
    """Log2 of the fragments among ``members`` over those expected, with the error of counting and of what bins add.

    ``sd`` is the bins' own: what it exceeds counting by averages out over them. Where no fragment is seen the level is
    that of half a one, and its error is wide.
    """
    keep = members & np.isfinite(number) & np.isfinite(expected) & np.isfinite(sd) & (expected > 0)
    if not keep.any():
        return Level(float("nan"), float("nan"), 0)
    number, expected, sd = number[keep], expected[keep], sd[keep]
    seen, due = float(number.sum()), float(expected.sum())
    beyond = np.maximum(sd**2 - fragments.sd(expected) ** 2, 0.0)
    error = float(np.sqrt(fragments.sd(seen) ** 2 + np.sum(beyond * (expected / due) ** 2)))
    log2 = float(fragments.log2_ratio(seen, due))
    mean = expected * (seen + 0.5) / due
    spare = np.sum((number - mean) ** 2 / (mean + (mean * np.log(2)) ** 2 * beyond)) / max(len(number) - 1, 1)
    scatter = float(np.sqrt(spare)) if len(number) > 2 else 1.0
    return Level(log2, error, len(number), scatter, seen, due)


def joined(one: Level, other: Level) -> Level:
    """Mean of two levels of the same place, weighed by their errors; one alone where the other has no bins."""
    if not one.bins or not other.bins:
        return one if one.bins else other
    weight = other.se**2 / (one.se**2 + other.se**2) if one.se + other.se > 0 else 0.5
    return Level(
        weight * one.log2 + (1 - weight) * other.log2,
        float(np.hypot(weight * one.se, (1 - weight) * other.se)),
        one.bins + other.bins,
        max(one.scatter, other.scatter),
        one.fragments + other.fragments,
        one.expected + other.expected,
    )


def two_sided(p_side: Level, q_side: Level, *, smallest: int) -> tuple[Level, bool]:
    """Level of the centromere from its two sides, and whether they disagree by more than three errors.

    With enough bins on both sides the linear mean of the two is taken: where they agree it is the common level, where
    they do not it is as far from the one as from the other, and the error covers both.
    """
    if min(p_side.bins, q_side.bins) < smallest:
        return (q_side if q_side.bins >= p_side.bins else p_side), False
    linear = (2**p_side.log2 + 2**q_side.log2) / 2
    gap = abs(p_side.log2 - q_side.log2)
    error = np.hypot(p_side.se, q_side.se)
    disagree = bool(gap > 3 * error)
    combined = float(np.hypot(error / 2, gap / 2 if disagree else 0.0))
    seen, due = p_side.fragments + q_side.fragments, p_side.expected + q_side.expected
    return Level(float(np.log2(linear)), combined, p_side.bins + q_side.bins, fragments=seen, expected=due), disagree
