"""What the ``ratios`` stage measures of a corrected profile: MET, CEP7-like, arms, other genes, and their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import WIDE_KINDS, BinLayout
from metcn.genome.locus import Locus, Target
from metcn.ratios import centromere, window_errors
from metcn.ratios import correct as core
from metcn.ratios import exons as parting
from metcn.ratios.centromere import Windows
from metcn.ratios.measurement import Baseline, CentromereLevel, ErrorParts, LocusLevel, MetLevel
from metcn.ratios.window_errors import WindowErrors
from metcn.reference import on_seven
from metcn.reference.panel import Panel, region_error, sides_error, weighted_share
from metcn.stats import fragments as counting

FEW_BACKBONE_BINS = 20  # an amplicon assay has no more than some tens of inserts
KINDS_ALIKE = 0.3
"""Correlation of what targets and off-target windows of one stretch share.

Left-out normals of a hybrid-capture panel of 25 show .2 to .4 over arms, more with 3 normals than with 10.
"""
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
        Kind -> what normals show of its fall with the number of groups (`metcn.reference.panel.weighted_share`).
    width_bp : ndarray of float, shape (bins,), or None
        Width of each bin; None where ``region`` is.
    outside : float
        How much more the sample errs as it lies beyond the range of the normals (`metcn.ratios.quality.extrapolated`).
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
    outside: float = field(default=1.0, kw_only=True)
    number: NDArray | None = field(default=None, kw_only=True)
    expected: NDArray | None = field(default=None, kw_only=True)
    summed: tuple[str, ...] = field(default=(), kw_only=True)

    def level(self, members: NDArray) -> core.Level:
        """Level of some bins without the baseline's error: bin noise, and what groups share over their number."""
        level = self.own_level(members)
        return replace(level, se=float(np.hypot(level.se, self.common(members)))) if level.bins else level

    def at(self, rows: NDArray[np.intp]) -> Observed:
        """Some of the bins alone."""
        return replace(
            self, log2=self.log2[rows], sd=self.sd[rows], kind=self.kind[rows], group=self.group[rows],
            number=None if self.number is None else self.number[rows],
            expected=None if self.expected is None else self.expected[rows],
            width_bp=None if self.width_bp is None else self.width_bp[rows],
            region=None if self.region is None else self.region[rows],
        )  # fmt: skip

    def common(self, members: NDArray) -> float:
        """Error that the groups of some bins share, log2, which falls with their number; NaN without a bin.

        What the kinds share, they share in part (`KINDS_ALIKE`).
        """
        rows = np.flatnonzero(members & np.isfinite(self.log2))
        if rows.size == 0:
            return float("nan")
        precision = 1 / np.hypot(self.sd[rows], core.BIN_FLOOR) ** 2
        parts = []
        for name in np.unique(self.kind[rows]):
            own = self.kind[rows] == name
            _, group = np.unique(self.group[rows][own], return_inverse=True)
            share = weighted_share(self.averaged.get(str(name), {}), np.bincount(group, weights=precision[own]))
            parts.append(precision[own].sum() / precision.sum() * share * self.excess.get(str(name), 0.0))
        alone = float(np.sum(np.square(parts)))
        common = np.sqrt(alone + KINDS_ALIKE * (float(np.sum(parts)) ** 2 - alone))
        span = 0.0 if self.width_bp is None else float(self.width_bp[rows].sum())
        return float(np.hypot(common, region_error(self.regional(members), span)))

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
    """Levels of a target's own bins, of what stands for its centromere, and of its arms without their confounders.

    ``correlation`` is that of the errors of the target, of the two sides of its centromere (p, q) and of the arms (q,
    p) without the baseline's, in this order; empty where it is not known.
    """

    own: MetLevel
    centromere: CentromereLevel
    p_arm: LocusLevel
    q_arm: LocusLevel
    correlation: tuple[tuple[float, ...], ...] = ()


def measure(
    target: Target, seen: Observed, layout: BinLayout, baseline: Baseline, panel: Panel, scale: Mapping[str, float]
) -> TargetLevels:
    """Levels of a target, of what stands for its centromere, and of its two arms.

    ``panel`` are the normals it is compared with, ``scale`` is the noise of each kind over what they lead to expect.
    """
    own = met(target, seen, layout, baseline, panel, scale)
    windows = centromere.windows_of(target, layout, np.isfinite(seen.log2) & np.isfinite(seen.sd))
    around = [seen.level(members) for members in windows.all]
    correlation: tuple[tuple[float, ...], ...] = ()
    errors = _errors(windows, seen, layout, panel)
    if errors is not None:
        alone = [seen.own_level(members) for members in windows.all]
        total = np.hypot([level.se for level in alone], errors.sd[1:])
        around = [replace(level, se=float(se)) for level, se in zip(around, total, strict=True)]
        of_met = float(np.linalg.norm([own.se_parts.bin_noise, own.se_parts.gene_excess, own.se_parts.part]))
        between = errors.between(np.array([of_met, *total]))
        correlation = tuple(tuple(row) for row in between.round(6).tolist())
    elif seen.region is not None and len(windows.sides) == 2:
        correlation = _of_sides(seen, windows, around)
    p_side, q_side, q_arm, p_arm = around
    return TargetLevels(
        own=own,
        centromere=centromere.level(windows, p_side, q_side, correlation[1][2] if correlation else 0.0),
        p_arm=p_arm.shown(),
        q_arm=q_arm.shown(),
        correlation=correlation,
    )


def _of_sides(seen: Observed, windows: Windows, around: Sequence[core.Level]) -> tuple[tuple[float, ...], ...]:
    """Correlation of errors where no normals show it: the two sides of the centromere share a part of theirs."""
    shared = 2 * sides_error(seen.regional(windows.cep7_p | windows.cep7_q)) ** 2
    matrix = np.eye(1 + len(around))
    matrix[1, 2] = matrix[2, 1] = shared / max(around[0].se * around[1].se, shared, 1e-12)
    return tuple(tuple(row) for row in matrix.round(6).tolist())


def _errors(windows: Windows, seen: Observed, layout: BinLayout, panel: Panel) -> WindowErrors | None:
    """Errors beyond bin noise of MET and of the windows around it, as normals show them; None where none does.

    A sample whose groups stray further from the level around them than those of normals strays as much further here.
    The prior is what as many groups of normals stray by elsewhere.
    """
    if not panel.rests:
        return None
    sd = np.hypot(seen.sd, core.BIN_FLOOR)
    weight = np.where(np.isfinite(seen.log2) & np.isfinite(sd), 1 / sd**2, 0.0)
    normal = {name: null.excess for name, null in panel.null.items() if np.isfinite(null.excess)}
    expected = replace(seen, excess={**seen.excess, **normal})
    members = [layout.met, *windows.all]
    typical = np.array([expected.common(one) for one in members])
    errors = window_errors.of_normals(panel.rests, layout.kind, layout.group, weight, members, typical, normal)
    if errors is None:
        return None
    kind = window_errors.judging(panel.rests)
    times = window_errors.relative(_excess_of(kind, seen, layout, weight), panel.rests[kind].excess)
    return replace(errors, sd=errors.sd * float(times))


def _excess_of(kind: str, seen: Observed, layout: BinLayout, weight: NDArray[np.floating]) -> float:
    """What groups of a kind stray by in a sample, as `metcn.reference.on_seven` has it of normals."""
    if kind not in WIDE_KINDS:
        return seen.excess.get(kind, float("nan"))
    rows = np.flatnonzero((layout.kind == kind) & layout.autosomal & (weight > 0))
    if rows.size == 0:
        return float("nan")
    _, first, label = np.unique(layout.group[rows], return_index=True, return_inverse=True)
    total = np.bincount(label, weights=weight[rows])
    level = np.bincount(label, weights=weight[rows] * seen.log2[rows]) / total
    variance = np.bincount(label, weights=(weight * seen.sd)[rows] ** 2) / total**2
    return on_seven.step_excess(level, variance, layout.chromosome_index[rows[first]])


def met(
    target: Target, seen: Observed, layout: BinLayout, baseline: Baseline, panel: Panel, scale: Mapping[str, float]
) -> MetLevel:
    """MET's level from its own bins, with each part of its error, and its exons; one that differs hardly moves it."""
    level = seen.own_level(layout.met)
    kinds, sizes = np.unique(layout.kind[layout.met & np.isfinite(seen.log2)], return_counts=True)
    kind = str(kinds[np.argmax(sizes)]) if len(kinds) else ""
    own = seen.excess.get(kind, float("nan")) * (panel.null[kind].met_factor if kind in panel.null else 1.0)
    own = float(np.hypot(own * seen.outside, seen.regional(layout.met)))
    usable = np.flatnonzero(layout.met & np.isfinite(seen.log2) & np.isfinite(seen.sd))
    bins = _of_gene(target, seen.at(usable), layout, usable, level.log2)
    normals = parting.Normals(
        rest=parting.rests_at(panel.met_rests, usable),
        spread=np.asarray(panel.spread[usable], dtype=float),
        typical=own,
        noisier=max(scale.get(kind, 1.0), 1.0),
        number=panel.normals,
    )
    runs, alone = parting.runs(bins, normals), seen.at(usable)
    gene = parting.gene_level(level, runs, alone.own_level)
    return MetLevel(
        chromosome=layout.spelling.get(target.locus.chromosome),
        log2=gene.log2,
        se=float(np.sqrt(gene.noise**2 + own**2 + baseline.se**2 + gene.part**2)),
        ratio=float(2**gene.log2),
        bins=level.bins,
        bins_masked=int(layout.met.sum()) - level.bins,
        fragments=level.fragments,
        expected_fragments=level.expected,
        scatter=gene.scatter,
        se_parts=ErrorParts(bin_noise=gene.noise, gene_excess=own, baseline=baseline.se, part=gene.part),
        exons=parting.levels(bins, normals),
        part=runs.part(),
    )


def _of_gene(
    target: Target, seen: Observed, layout: BinLayout, rows: NDArray[np.intp], level: float
) -> parting.GeneBins:
    """Usable bins of a gene, which are those ``seen`` at ``rows``, among its exons; windows lie in none.

    Of bins of few fragments the error of counting is that of those seen or those due at the gene's ``level``, whichever
    is larger: the few that chance leaves out must not be taken for surely few, nor the many for surely many.
    """
    spots = np.zeros(len(rows), dtype=np.intp)
    if target.exons and len(rows) and not layout.wide[rows].any():
        gene = np.flatnonzero(layout.met)
        where = parting.slots(layout.start[gene], layout.end[gene], target.exons)
        spots = where[np.searchsorted(gene, rows)]
    order = np.argsort(spots, kind="stable")
    log2, sd, floor = seen.log2[order], seen.sd[order], core.BIN_FLOOR
    weight = 1 / np.hypot(sd, floor) ** 2
    if seen.number is not None and seen.expected is not None and np.isin(seen.kind, seen.summed).any():
        number, due = seen.number[order], seen.expected[order]
        of_due = counting.sd(due)
        beyond = np.maximum(sd**2 - of_due**2, 0.0)
        sd = np.sqrt(np.maximum(counting.sd(number), counting.sd(due * 2**level)) ** 2 + beyond)
        weight, floor = 1 / (of_due**2 + beyond), 0.0
    return parting.GeneBins(log2, sd, weight, floor, spots[order])


def gene(locus: Locus, seen: Observed, layout: BinLayout) -> LocusLevel:
    """Level of a gene: of its targets where it has any, else of the wide bins that overlap it."""
    inside = (layout.chromosome == locus.chromosome) & layout.overlapping(locus.extent)
    targets = inside & layout.target
    return seen.level(targets if targets.any() else inside).shown()
