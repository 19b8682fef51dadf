"""What fits without each normal leave over of chromosome 7, and how noisy each normal is: the measure of a sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from metcn.bins import groups as regions
from metcn.bins.layout import WIDE_KINDS, BinLayout
from metcn.reference.panel import LeftOut, Rests
from metcn.stats import robust

LEAST = 0.1  # of the scatter's square, below which what is shared cannot be told from noise

Floats = NDArray[np.floating]


def rests(left: Mapping[str, LeftOut], layout: BinLayout, trusted: NDArray[np.bool_]) -> dict[str, Rests]:
    """What is left of the panel's own normals (``trusted``) on chromosome 7, by kind of bins."""
    if not left:
        return {}
    around = _levels_around(left, layout)
    kinds = {}
    for kind, one in left.items():
        seven = np.isin(one.label, layout.group[layout.on_seven])
        kinds[kind] = Rests(
            rest=one.rest[np.ix_(trusted, seven)].astype(np.float32),
            variance=one.variance[seven].astype(np.float32),
            label=one.label[seven],
            excess=_excesses(kind, one, around, layout)[trusted].astype(np.float32),
        )
    return kinds


def first_bins(kind: str, label: NDArray[np.intp], layout: BinLayout) -> NDArray[np.intp]:
    """First bin of each group of a kind, by the groups' numbers, shape (groups,)."""
    rows = np.flatnonzero(layout.kind == kind)
    return np.asarray(rows[np.searchsorted(layout.group[rows], label)])


def _levels_around(left: Mapping[str, LeftOut], layout: BinLayout) -> Floats:
    """Level of each normal around each block, shape (normals, blocks): the median of its wide groups, 0 without any."""
    wide = {kind: one for kind, one in left.items() if kind in WIDE_KINDS}
    count = int(layout.block.max()) + 1
    if not wide:
        return np.zeros((len(next(iter(left.values())).rest), count))
    block = np.concatenate([layout.block[first_bins(kind, one.label, layout)] for kind, one in wide.items()])
    rest = np.concatenate([np.where(one.regular, one.rest, np.nan) for one in wide.values()], axis=1)
    return np.stack([regions.medians(row, block, count) for row in rest])


def _excesses(kind: str, left: LeftOut, around: Floats, layout: BinLayout) -> NDArray[np.float64]:
    """SD of each normal's groups beyond bin noise, log2, shape (normals,).

    Wide groups are told from their neighbours, others from the level around.
    """
    first, regular = first_bins(kind, left.label, layout), left.regular
    if kind in WIDE_KINDS:
        chromosome = layout.chromosome_index[first][regular]
        each = [step_excess(rest[regular], left.variance[regular], chromosome) for rest in left.rest]
    else:
        away = np.where(regular, left.rest - around[:, layout.block[first]], np.nan)
        each = [_excess(row, left.variance) for row in away]
    return np.array(each)


def _excess(away: Floats, variance: Floats) -> float:
    """SD of groups ``away`` from the level around them beyond their noise; NaN without a group to tell it."""
    known = np.isfinite(away) & np.isfinite(variance)
    if not known.any():
        return float("nan")
    away = away - robust.median(away)
    return robust.excess(away[known], variance[known])[0]


def step_excess(level: Floats, variance: Floats, chromosome: NDArray[np.integer]) -> float:
    """SD of groups beyond the noise of their own ``variance``, log2, from differences of neighbours; NaN without any.

    Few neighbours have a copy-number step between them, so tumours and normals are measured alike.
    """
    known = np.flatnonzero(np.isfinite(level) & np.isfinite(variance))
    step, noise = np.diff(level[known]), (variance[known][1:] + variance[known][:-1]) / 2
    same = chromosome[known][1:] == chromosome[known][:-1]
    if not same.any():
        return float("nan")
    scatter = (robust.MAD_TO_SD * float(np.median(np.abs(step[same])))) ** 2 / 2
    return float(np.sqrt(max(scatter - float(np.median(noise[same])), LEAST * scatter)))
