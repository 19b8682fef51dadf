"""What the ``ratios`` stage measures of a corrected profile: baseline, MET, CEP7-like, arms, EGFR, and their errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import BinLayout
from metcn.genome import build as genomes
from metcn.ratios import correct as core
from metcn.reference import sums
from metcn.reference.panel import Panel, share_of
from metcn.stats import fragments as counting

MET_MARGIN_BP = 5_000_000  # bins this near to MET may be in its amplicon and do not stand for the arm
SMALLEST_TIER = 4  # bins per side from which the centromere's level is trusted
SMALLEST_WIDE_TIER = 3  # bins from which the rest of the chromosome serves instead
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
        return replace(level, se=float(np.hypot(level.se, common)))

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


def _groups_alike(group: NDArray, weight: NDArray) -> float:
    """Number of groups of equal weight among which a mean would average as well as among these."""
    total = np.bincount(np.unique(group, return_inverse=True)[1], weights=weight)
    return float(total.sum() ** 2 / np.sum(total**2))


def baseline(
    design: BinLayout, corrected: core.Corrected, number: NDArray, *, smallest: int
) -> tuple[NDArray, NDArray, dict[str, Any]]:
    """Log2 ratios on the common baseline, the local level of each bin, and what the baseline rests on.

    Wide bins, which cover the genome evenly, carry the baseline, and targets are tied to them; without enough of
    them it is the median gene. ``number`` are the fragments behind the ratios, NaN where they are not known.
    """
    ratio = corrected.log2_ratio.copy()
    autosomal = design.fit | design.on_seven
    wide = design.wide & autosomal & np.isfinite(ratio)
    if wide.sum() < smallest:
        where = {"group": design.group, "use": design.fit & ~design.wide}
        if np.isin(design.kind[where["use"]], corrected.summed).all():
            level, error = core.summed_narrow_baseline(number, corrected.expected, **where)
        else:
            level, error = core.narrow_baseline(ratio, **where)
        found = {"log2": level, "se": error, "from": "targets", "tie": float("nan"), "tie_se": float("nan")}
        return ratio - level, np.zeros(len(ratio)), found | {"bins": int((design.fit & np.isfinite(ratio)).sum())}
    each = core.wide_levels(corrected, number, kind=design.kind, block=design.block, use=design.wide)
    local = each[design.block]
    if design.unread.any():
        local = core.level_beside(each, block=design.block, chromosome=design.chromosome)
    targets = ~design.wide
    fit = design.wide & design.fit
    tie, tie_error = core.tie_targets(
        ratio,
        corrected.sd,
        local=local,
        local_error=core.wide_noise(corrected, number, ratio, local, kind=design.kind, use=fit, block=design.block),
        targets=targets & design.fit,
        group=design.group,
    )
    ratio[targets] -= tie
    unread = design.unread & autosomal if design.unread.any() else None
    places = {"block": design.block, "width_bp": design.width_bp, "use": wide}
    if np.isin(design.kind[wide], corrected.summed).all():
        level, error = core.summed_baseline(number, corrected.expected, **places)
    else:
        level, error = core.wide_baseline(ratio, corrected.sd, **places, unread=unread)
    common = float(np.hypot(error, tie_error if design.met[targets].any() and np.isfinite(tie_error) else 0.0))
    found = {"log2": level, "se": common, "from": "wide_bins", "tie": tie, "tie_se": tie_error}
    return ratio - level, local - level, found | {"bins": int(wide.sum())}


def excess(
    design: BinLayout, corrected: core.Corrected, ratio: NDArray, local: NDArray, panel: Panel, number: NDArray
) -> dict[str, float]:
    """Gene-level excess error per kind of bins, log2: the sample's own, leaning on that of the normals."""
    found = {}
    wide = design.wide & design.fit
    noise = core.wide_noise(corrected, number, ratio, local, kind=design.kind, use=wide, block=design.block)
    for kind, scale in corrected.scale.items():
        use = design.fit & (design.kind == kind)
        null = panel.null.get(kind)
        expected = null.excess * scale if null and np.isfinite(null.excess) else core.EXCESS_WITHOUT_NORMALS
        if kind in corrected.summed:
            own, groups = _summed_excess(design, corrected, number, use)
        else:
            own, groups = core.group_excess(
                ratio, corrected.sd, local=local, local_error=noise, group=design.group, use=use, expected=expected
            )
        found[kind] = core.blend_excess(own, groups, expected)
    return found


def _summed_excess(
    design: BinLayout, corrected: core.Corrected, number: NDArray, use: NDArray[np.bool_]
) -> tuple[float, float]:
    """What `ratios.group_excess` gives, of bins of few fragments: groups' excess beyond that of their bins."""
    rows = np.flatnonzero(use & np.isfinite(number) & np.isfinite(corrected.expected))
    if rows.size == 0:
        return float("nan"), 0.0
    group, due = design.group[rows], corrected.expected[rows]
    label = np.unique(group, return_inverse=True)[1]
    alone = np.maximum(corrected.sd[rows] ** 2 - counting.sd(due) ** 2, 0.0)
    size = np.bincount(label, weights=due)
    of_bins = np.bincount(label, weights=alone * due**2) / size**2
    whole = sums.excess(number[rows], due, group, design.block[rows], design.chromosome[rows])
    return float(np.sqrt(max(whole**2 - float(np.median(of_bins)), 0.0))), float(len(size))


def met(design: BinLayout, seen: Observed, base: Mapping[str, Any], panel: Panel) -> dict[str, Any]:
    """MET's level from its own bins, with each part of its error."""
    level = seen.own_level(design.met)
    kinds, sizes = np.unique(design.kind[design.met & np.isfinite(seen.log2)], return_counts=True)
    kind = str(kinds[np.argmax(sizes)]) if len(kinds) else ""
    own = seen.excess.get(kind, float("nan")) * (panel.null[kind].met_factor if kind in panel.null else 1.0)
    names = design.frame["chromosome"].to_numpy()[design.on_seven]
    return {
        "chromosome": str(names[0]) if len(names) else None,
        "log2": level.log2,
        "se": float(np.sqrt(level.se**2 + own**2 + base["se"] ** 2)),
        "ratio": float(2**level.log2),
        "bins": level.bins,
        "bins_masked": int(design.met.sum()) - level.bins,
        "fragments": level.fragments,
        "expected_fragments": level.expected,
        "scatter": level.scatter,
        "se_parts": {"bin_noise": level.se, "gene_excess": own, "baseline": base["se"]},
    }


def centromere(design: BinLayout, facts: genomes.Genome, seen: Observed) -> dict[str, Any]:
    """The CEP7-like level from the nearest tier that has bins enough, its two sides, and whether they disagree."""
    outside = design.on_seven & ~_within(design, (facts.met[0] - MET_MARGIN_BP, facts.met[1] + MET_MARGIN_BP))
    middle = facts.centromere[genomes.MET_CHROMOSOME][0]
    risky = _within(design, facts.egfr_risk) | _within(design, facts.egfr)
    tiers = {
        "pericentromere": _within(design, facts.cep7_p) | _within(design, facts.cep7_q),
        "proximal": _within(design, facts.proximal_p) | _within(design, facts.proximal_q),
        "chr7": ~risky,
    }
    for tier, members in tiers.items():
        sides = [seen.level(outside & members & side) for side in (design.midpoint < middle, design.midpoint >= middle)]
        smallest = SMALLEST_WIDE_TIER if tier == "chr7" else SMALLEST_TIER
        if max(side.bins for side in sides) >= smallest:
            level, disagree = core.two_sided(*sides, smallest=smallest)
            break
    else:
        tier, disagree, level = "none", False, core.Level(float("nan"), float("nan"), 0)
    return {
        "tier": tier, "log2": level.log2, "se": level.se, "ratio": float(2**level.log2), "bins": level.bins,
        "fragments": level.fragments,
        "p": _shown(sides[0]), "q": _shown(sides[1]), "sides_disagree": disagree,
    }  # fmt: skip


def surroundings(design: BinLayout, facts: genomes.Genome, seen: Observed) -> dict[str, Any]:
    """Levels of the two arms without MET's and EGFR's neighbourhoods, and of EGFR itself."""
    middle = facts.centromere[genomes.MET_CHROMOSOME][0]
    near_met = _within(design, (facts.met[0] - MET_MARGIN_BP, facts.met[1] + MET_MARGIN_BP))
    near_egfr = _within(design, facts.egfr_risk)
    p_arm = design.on_seven & (design.midpoint < middle) & ~near_egfr
    q_arm = design.on_seven & (design.midpoint >= middle) & ~near_met
    egfr = design.on_seven & ~design.wide & _overlaps(design, facts.egfr)
    egfr = egfr if egfr.any() else design.on_seven & _overlaps(design, facts.egfr)
    return {
        "arms": {"7p": _shown(seen.level(p_arm)), "7q": _shown(seen.level(q_arm))},
        "egfr": _shown(seen.level(egfr)),
    }


def _within(design: BinLayout, interval: tuple[int, int]) -> NDArray[np.bool_]:
    return (design.midpoint >= interval[0]) & (design.midpoint < interval[1])


def _overlaps(design: BinLayout, interval: tuple[int, int]) -> NDArray[np.bool_]:
    start, end = design.frame["start"].to_numpy(), design.frame["end"].to_numpy()
    return (start < interval[1]) & (end > interval[0])


def _shown(level: core.Level) -> dict[str, Any]:
    return {"log2": level.log2, "se": level.se, "bins": level.bins, "fragments": level.fragments}
