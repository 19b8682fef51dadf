"""What the ``ratios`` stage measures of a corrected profile: MET, CEP7-like, arms, other genes, and their errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import BinLayout
from metcn.genome.build import Interval
from metcn.genome.locus import Locus, Target
from metcn.ratios import correct as core
from metcn.ratios.measurement import Baseline, CentromereLevel, ErrorParts, LocusLevel, MetLevel
from metcn.reference.panel import KindNull, region_error, share_of, sides_error
from metcn.stats import fragments as counting

FEW_BACKBONE_BINS = 20  # an amplicon assay has no more than some tens of inserts
GAINED_LOG2 = 0.15  # EGFR at least this much above baseline, beyond three errors, counts as gained


@dataclass(frozen=True, eq=False)
class Observed:
    """Bins of a sample on the common baseline, with what each errs by alone and what the bins of a group share.

    Attributes
    ----------
    log2, sd : ndarray of float, shape (bins,)
        Log2 ratios, NaN where masked, and their expected SDs.
    kind, group : ndarray, shape (bins,)
        Kind of each bin, and the group (gene or run) whose bins share an error.
    excess : mapping
        Kind -> the error that the bins of one group share, log2.
    averaged : mapping
        Kind -> what normals show of its fall with the number of groups (`metcn.reference.panel.share_of`).
    width_bp : ndarray of float, shape (bins,), or None
        Width of each bin; None where ``region`` is.
    region : ndarray of float, shape (bins,), or None
        Error, log2, that windows share with all others near by (`metcn.reference.panel.region_error`). None where
        normals show what there is of it.
    number, expected : ndarray of float, shape (bins,), or None
        Fragments seen, and expected at ratio 1; NaN where they are not known. None: of no bin.
    summed : sequence of str
        Kinds of so few fragments that a level is a ratio of sums.
    """

    log2: NDArray
    sd: NDArray
    kind: NDArray
    group: NDArray
    excess: Mapping[str, float]
    averaged: Mapping[str, Mapping[int, float]]
    width_bp: NDArray | None = field(default=None, kw_only=True)
    region: NDArray | None = field(default=None, kw_only=True)
    number: NDArray | None = field(default=None, kw_only=True)
    expected: NDArray | None = field(default=None, kw_only=True)
    summed: tuple[str, ...] = field(default=(), kw_only=True)

    def level(self, members: NDArray) -> core.Level:
        """Level of some bins without the baseline's error: bin noise, and what groups share over their number."""
        level = self.own_level(members)
        if level.bins == 0:
            return level
        rows = np.flatnonzero(members & np.isfinite(self.log2))
        precision = 1 / np.hypot(self.sd[rows], core.BIN_FLOOR) ** 2
        common = 0.0  # what the kinds share is not known, so their errors add up
        for name in np.unique(self.kind[rows]):
            own = self.kind[rows] == name
            share = share_of(self.averaged.get(str(name), {}), _groups_alike(self.group[rows][own], precision[own]))
            common += precision[own].sum() / precision.sum() * share * self.excess.get(str(name), 0.0)
        span = 0.0 if self.width_bp is None else float(self.width_bp[rows].sum())
        return replace(
            level, se=float(np.hypot(np.hypot(level.se, common), region_error(self.regional(members), span)))
        )

    def regional(self, members: NDArray) -> float:
        """Error that some windows share with all others near by, log2; 0 where normals show it."""
        rows = members & np.isfinite(self.log2)
        return float(self.region[rows].mean()) if self.region is not None and rows.any() else 0.0

    def own_level(self, members: NDArray) -> core.Level:
        """Level of some bins with the error of bin noise alone, which is not below that of counting their fragments.

        Windows of one width differ in noise by chance alone, which targets do not.
        """
        few = members & np.isin(self.kind, self.summed)
        rest = members & ~few
        alike = bool((self.kind[rest] == "window").all())
        level = core.level(self.log2, self.sd, rest, alike=alike)
        if self.number is None or self.expected is None:
            return level
        known = rest & np.isfinite(self.log2) & np.isfinite(self.sd) & np.isfinite(self.number)
        if level.bins and known.sum() == level.bins:
            seen, due = float(self.number[known].sum()), float(self.expected[known].sum())
            level = replace(level, se=max(level.se, float(counting.sd(seen))), fragments=seen, expected=due)
        return core.joined(level, core.summed_level(self.number, self.expected, self.sd, few))


@dataclass(frozen=True)
class TargetLevels:
    """Levels of a target's own bins, of what stands for its centromere, and of its arms without their confounders."""

    own: MetLevel
    centromere: CentromereLevel
    p_arm: LocusLevel
    q_arm: LocusLevel


def _groups_alike(group: NDArray, weight: NDArray) -> float:
    """Number of groups of equal weight among which a mean would average as well as among these."""
    total = np.bincount(np.unique(group, return_inverse=True)[1], weights=weight)
    return float(total.sum() ** 2 / np.sum(total**2))


def measure(
    target: Target, seen: Observed, layout: BinLayout, baseline: Baseline, null: Mapping[str, KindNull]
) -> TargetLevels:
    """Levels of a target, of what stands for its centromere, and of its two arms; ``null`` is the panel's."""
    on_chromosome = layout.chromosome == target.locus.chromosome
    middle = target.centromere.middle
    p_arm = on_chromosome & (layout.midpoint < middle) & ~_within(layout, target.beside_arm_p)
    q_arm = on_chromosome & (layout.midpoint >= middle) & ~_within(layout, target.beside_arm_q)
    return TargetLevels(
        own=met(target, seen, layout, baseline, null),
        centromere=centromere(target, seen, layout),
        p_arm=shown(seen.level(p_arm)),
        q_arm=shown(seen.level(q_arm)),
    )


def met(
    target: Target, seen: Observed, layout: BinLayout, baseline: Baseline, null: Mapping[str, KindNull]
) -> MetLevel:
    """MET's level from its own bins, with each part of its error."""
    level = seen.own_level(layout.met)
    kinds, sizes = np.unique(layout.kind[layout.met & np.isfinite(seen.log2)], return_counts=True)
    kind = str(kinds[np.argmax(sizes)]) if len(kinds) else ""
    own = seen.excess.get(kind, float("nan")) * (null[kind].met_factor if kind in null else 1.0)
    own = float(np.hypot(own, seen.regional(layout.met)))
    return MetLevel(
        chromosome=layout.spelling.get(target.locus.chromosome),
        log2=level.log2,
        se=float(np.sqrt(level.se**2 + own**2 + baseline.se**2)),
        ratio=float(2**level.log2),
        bins=level.bins,
        bins_masked=int(layout.met.sum()) - level.bins,
        fragments=level.fragments,
        expected_fragments=level.expected,
        scatter=level.scatter,
        se_parts=ErrorParts(bin_noise=level.se, gene_excess=own, baseline=baseline.se),
    )


def centromere(target: Target, seen: Observed, layout: BinLayout) -> CentromereLevel:
    """The centromere's level from the nearest tier that has bins enough, its two sides, and whether they disagree."""
    proxy = target.centromere
    outside = (layout.chromosome == target.locus.chromosome) & ~layout.within(target.locus.neighbourhood)
    for tier in proxy.tiers:
        members = _within(layout, tier.windows) if tier.windows else ~_within(layout, proxy.confounders)
        p_side = seen.level(outside & members & (layout.midpoint < proxy.middle))
        q_side = seen.level(outside & members & (layout.midpoint >= proxy.middle))
        if max(p_side.bins, q_side.bins) >= tier.smallest:
            name, (level, disagree) = tier.name, core.two_sided(p_side, q_side, smallest=tier.smallest)
            if min(p_side.bins, q_side.bins) >= tier.smallest:
                level = replace(level, se=float(np.hypot(level.se, sides_error(seen.regional(outside & members)))))
            break
    else:
        name, level, disagree = "none", core.Level(float("nan"), float("nan"), 0), False
    return CentromereLevel(
        tier=name, log2=level.log2, se=level.se, ratio=float(2**level.log2), bins=level.bins,
        fragments=level.fragments, p=shown(p_side), q=shown(q_side), sides_disagree=disagree,
    )  # fmt: skip


def gene(locus: Locus, seen: Observed, layout: BinLayout) -> LocusLevel:
    """Level of a gene: of its targets where it has any, else of the wide bins that overlap it."""
    inside = (layout.chromosome == locus.chromosome) & layout.overlapping(locus.extent)
    targets = inside & layout.target
    return shown(seen.level(targets if targets.any() else inside))


def shown(level: core.Level) -> LocusLevel:
    """What the measurement says of a level."""
    return LocusLevel(level.log2, level.se, level.bins, level.fragments)


def _within(layout: BinLayout, intervals: Iterable[Interval]) -> NDArray[np.bool_]:
    """Bins whose midpoint lies in one of the intervals."""
    inside = np.zeros(len(layout), dtype=bool)
    for interval in intervals:
        inside |= layout.within(interval)
    return inside
