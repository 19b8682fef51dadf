"""Which bins stand for the two sides of a target's centromere and for its arms, and the level of the centromere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import BinLayout
from metcn.genome.build import Interval
from metcn.genome.locus import Target
from metcn.ratios.correct import Level
from metcn.ratios.measurement import CentromereLevel


@dataclass(frozen=True, eq=False)
class Windows:
    """Bins that stand for the centromere's two sides and for the arms, each of shape (bins,), and the sides' tier.

    ``sides`` names those that have bins enough; a tier that is ``none`` has none.
    """

    tier: str
    sides: tuple[str, ...]
    cep7_p: NDArray[np.bool_]
    cep7_q: NDArray[np.bool_]
    arm_q: NDArray[np.bool_]
    arm_p: NDArray[np.bool_]

    @property
    def all(self) -> tuple[NDArray[np.bool_], ...]:
        """Sides p and q, arms q and p."""
        return self.cep7_p, self.cep7_q, self.arm_q, self.arm_p


def windows_of(target: Target, layout: BinLayout, usable: NDArray[np.bool_]) -> Windows:
    """Bins around a target: those of the nearest tier that has bins enough on a side, and the arms.

    ``usable`` bins, shape (bins,), count; a tier is given with the others too.
    """
    proxy, on_chromosome = target.centromere, layout.chromosome == target.locus.chromosome
    p_half = on_chromosome & (layout.midpoint < proxy.middle)
    q_half = on_chromosome & (layout.midpoint >= proxy.middle)
    arm_p = p_half & ~_within(layout, target.beside_arm_p)
    arm_q = q_half & ~_within(layout, target.beside_arm_q)
    outside = ~layout.within(target.locus.neighbourhood)
    for tier in proxy.tiers:
        members = _within(layout, tier.windows) if tier.windows else ~_within(layout, proxy.confounders)
        p_side, q_side = p_half & outside & members, q_half & outside & members
        bins = {"p": int((p_side & usable).sum()), "q": int((q_side & usable).sum())}
        sides = tuple(side for side, number in bins.items() if number >= tier.smallest)
        if sides:
            return Windows(tier.name, sides, p_side, q_side, arm_q, arm_p)
    return Windows("none", (), p_side, q_side, arm_q, arm_p)


def level(windows: Windows, p_side: Level, q_side: Level, correlation: float = 0.0) -> CentromereLevel:
    """The centromere's level: the linear mean of its sides, or the one that is known, and whether they disagree.

    The error is that of the mean: where the sides differ, both are carried on apart. ``correlation`` is that of theirs.
    They disagree where they differ by more than three errors.
    """
    known = [side for name, side in (("p", p_side), ("q", q_side)) if name in windows.sides]
    nan = float("nan")
    if not known:
        mean, disagree = Level(nan, nan, 0), False
    elif len(known) == 1:
        mean, disagree = known[0], False
    else:
        weight = [2**one.log2 / (2**p_side.log2 + 2**q_side.log2) for one in known]
        parts = [part * one.se for part, one in zip(weight, known, strict=True)]
        error = np.sqrt(parts[0] ** 2 + parts[1] ** 2 + 2 * correlation * parts[0] * parts[1])
        apart = np.sqrt(max(p_side.se**2 + q_side.se**2 - 2 * correlation * p_side.se * q_side.se, 0.0))
        disagree = bool(abs(p_side.log2 - q_side.log2) > 3 * apart)
        linear = (2**p_side.log2 + 2**q_side.log2) / 2
        mean = Level(
            float(np.log2(linear)),
            float(error),
            p_side.bins + q_side.bins,
            fragments=p_side.fragments + q_side.fragments,
        )
    return CentromereLevel(
        tier=windows.tier, log2=mean.log2, se=mean.se, ratio=float(2**mean.log2), bins=mean.bins,
        fragments=mean.fragments, p=p_side.shown(), q=q_side.shown(), sides=windows.sides, sides_disagree=disagree,
    )  # fmt: skip


def _within(layout: BinLayout, intervals: Iterable[Interval]) -> NDArray[np.bool_]:
    """Bins whose midpoint lies in one of the intervals."""
    inside = np.zeros(len(layout), dtype=bool)
    for interval in intervals:
        inside |= layout.within(interval)
    return inside
