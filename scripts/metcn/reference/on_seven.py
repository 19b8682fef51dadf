"""What fits without each normal leave over of chromosome 7, and how noisy each normal is: the measure of a sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from metcn.bins import groups as regions
from metcn.bins.layout import WIDE_KINDS, BinLayout
from metcn.reference.panel import LeftOut, Rests
from metcn.stats import robust

MEDIAN_OVER_MEAN = 1.25  # error of a median over that of a mean
LEAST = 0.1  # of the scatter's square, below which what is shared cannot be told from noise

Floats = NDArray[np.floating]


def rests(left: Mapping[str, LeftOut], layout: BinLayout, trusted: NDArray[np.bool_]) -> dict[str, Rests]:
    """What is left of the panel's own normals (``trusted``) on chromosome 7, by kind of bins."""
    around = _levels_around(left, layout)
    kinds = {}
    for kind, one in left.items():
        seven = np.isin(one.label, layout.group[layout.on_seven])
        kinds[kind] = Rests(
            rest=one.rest[np.ix_(trusted, seven)].astype(np.float32),
            variance=one.variance[seven].astype(np.float32),
            label=one.label[seven],
            excess=np.array(
                [_excess(kind, one, around, layout, row) for row in np.flatnonzero(trusted).tolist()], dtype=np.float32
            ),
        )
    return kinds


def _levels_around(left: Mapping[str, LeftOut], layout: BinLayout) -> Floats:
    """Level of each normal around each block, shape (normals, blocks): the median of its wide groups, 0 without any."""
    wide = [one for kind, one in left.items() if kind in WIDE_KINDS]
    count = int(layout.block.max(initial=-1)) + 1
    if not wide:
        return np.zeros((len(next(iter(left.values())).rest) if left else 0, count))
    block = np.concatenate([_blocks(one, layout) for one in wide])
    rest = np.concatenate([np.where(one.regular, one.rest, np.nan) for one in wide], axis=1)
    return np.stack([regions.medians(row, block, count) for row in rest])


def _blocks(left: LeftOut, layout: BinLayout) -> NDArray[np.intp]:
    """Block of each group's first bin, shape (groups,)."""
    group, first = np.unique(layout.group, return_index=True)
    return np.asarray(layout.block[first[np.searchsorted(group, left.label)]])


def _excess(kind: str, left: LeftOut, around: Floats, layout: BinLayout, row: int) -> float:
    """SD of a normal's groups beyond bin noise, log2: wide ones from their neighbours, others from the level around."""
    block = _blocks(left, layout)
    if kind in WIDE_KINDS:
        group, first = np.unique(layout.group, return_index=True)
        chromosome = layout.chromosome_index[first[np.searchsorted(group, left.label)]]
        return step_excess(left.rest[row][left.regular], left.variance[left.regular], chromosome[left.regular])
    away = np.where(left.regular, left.rest[row] - around[row][block], np.nan)
    variance = left.variance
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
