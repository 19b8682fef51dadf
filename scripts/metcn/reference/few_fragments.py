"""Panels of normals that hold few fragments per bin: their centre is one of sums, and nothing is learned of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import BinLayout
from metcn.reference import sums
from metcn.reference.panel import Panel
from metcn.stats import fragments, robust


def kinds_of_few(layout: BinLayout, counts: Sequence[fragments.Counts]) -> NDArray[np.bool_]:
    """Bins of kinds of which the typical normal holds few fragments, shape (bins,)."""
    few = np.zeros(len(layout), dtype=bool)
    used = layout.fit & layout.usable
    for kind in layout.kinds:
        own = layout.kind == kind
        few |= own & (robust.median([one.typical(own & used) for one in counts]) < fragments.FEW)
    return few


def with_sums(
    panel: Panel, layout: BinLayout, counts: Sequence[fragments.Counts], few: NDArray[np.bool_], least: float
) -> Panel:
    """The panel with another centre, and nothing learned, for kinds of which the normals hold ``few`` fragments.

    ``counts`` are the fragments behind each normal's depths; bins of a relative depth below ``least`` are masked.
    Logarithms of few fragments tell of no normal that it deviates either, so nothing is left over of them.
    """
    given = layout.mask.astype(np.str_)
    centre, spread, basis = (np.array(values) for values in (panel.centre, panel.spread, panel.basis))
    mask, null, scores = panel.mask.astype("U32"), dict(panel.null), dict(panel.scores)
    rests, left_out, of_met = dict(panel.rests), dict(panel.left_out), panel.met_rests
    for kind in np.unique(layout.kind[few]):
        own = layout.kind == kind
        number = np.stack([one.number[own] for one in counts])
        centre[own], spread[own], mask[own] = sums.centre(
            number, counts[0].per_depth[own], fit=layout.fit[own], given=given[own], least_relative=least
        )
        basis[own] = 0.0
        null.pop(str(kind), None)
        scores.pop(str(kind), None)
        rests.pop(str(kind), None)
        left_out.pop(str(kind), None)
        of_met = None if (own & layout.met).any() else of_met
    return replace(
        panel, centre=centre, spread=spread, basis=basis, mask=mask, null=null, scores=scores, rests=rests,
        met_rests=of_met, left_out=left_out,
    )  # fmt: skip
