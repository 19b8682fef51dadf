"""Panels of normals that hold few fragments per bin: their centre is one of sums, and nothing is learned of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from metcn.bins.layout import BinLayout
from metcn.reference import sums
from metcn.reference.panel import Panel
from metcn.stats import fragments, robust


def kinds_of_few(parts: BinLayout, behind: Sequence[fragments.Counts]) -> np.ndarray:
    """Bins of kinds of which the typical normal holds few fragments, shape (bins,)."""
    few = np.zeros(len(parts.kind), dtype=bool)
    used = parts.fit & (parts.frame["mask"] == "").to_numpy()
    for kind in np.unique(parts.kind):
        own = parts.kind == kind
        few |= own & (robust.median([one.typical(own & used) for one in behind]) < fragments.FEW)
    return few


def with_sums(
    panel: Panel, parts: BinLayout, behind: Sequence[fragments.Counts], few: np.ndarray, least: float
) -> Panel:
    """The panel with another centre, and nothing learned, for kinds of which the normals hold ``few`` fragments.

    Logarithms of few fragments tell of no normal that it deviates either, so nothing is left over of them.
    """
    given = parts.frame["mask"].to_numpy(dtype=np.str_)
    centre, spread, basis = (np.array(values) for values in (panel.centre, panel.spread, panel.basis))
    mask, null, shares = panel.mask.astype("U32"), dict(panel.null), dict(panel.shares)
    left_out = dict(panel.left_out)
    for kind in np.unique(parts.kind[few]):
        own = parts.kind == kind
        number = np.stack([one.number[own] for one in behind])
        centre[own], spread[own], mask[own] = sums.centre(
            number, behind[0].per_depth[own], fit=parts.fit[own], given=given[own], least_relative=least
        )
        basis[own] = 0.0
        null.pop(str(kind), None)
        shares.pop(str(kind), None)
        left_out.pop(str(kind), None)
    return replace(
        panel, centre=centre, spread=spread, basis=basis, mask=mask, null=null, shares=shares, left_out=left_out
    )
