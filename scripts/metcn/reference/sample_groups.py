"""Which normals belong together: sexes, batches and strays among them, and the ones a sample resembles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.stats import robust

FEWEST_BINS = 50  # with fewer, chance decides what normals explain
LEAST_CENTRE = 0.15  # log2; where normals vary less from bin to bin, there is nothing to explain
SMALLEST_SPREAD = 1e-3  # log2; of depths that are all alike

SEX_GAP = 0.5  # log2 between the X of the two sexes at the least; one copy against two is 1
STRAY = 2.5  # a normal's genes stray this much more than the typical normal's when it is left out
SEPARATE = 0.8  # fraction of a component's variance between two groups of normals; an even cloud reaches about 0.64
SMALLEST_BATCH = 3

Floats = NDArray[np.floating]


def males(level: Floats) -> NDArray[np.bool_] | None:
    """Whether each normal is male, from its level on chromosome X (log2, shape (normals,)); None if it cannot be told.

    The two sexes lie one apart in log2. It cannot be told where all levels are alike, as in a panel of one sex. NaN
    (a normal without reads on X) counts as not male.
    """
    known = np.sort(level[np.isfinite(level)])
    if len(known) < 2:
        return None
    gaps = np.diff(known)
    widest = int(np.argmax(gaps))
    if gaps[widest] < SEX_GAP:
        return None
    return np.asarray(level < (known[widest] + known[widest + 1]) / 2)


def strays(scatter: Floats) -> NDArray[np.bool_]:
    """Normals whose genes stray ``STRAY`` times as much as the typical normal's when left out; NaN is no stray."""
    with np.errstate(invalid="ignore"):
        return np.asarray(scatter > STRAY * robust.median(scatter))


def batches(scores: Floats) -> NDArray[np.intp]:
    """Batch 0 or 1 of each normal: two groups along the component that separates them best; all 0 without any.

    Parameters
    ----------
    scores : ndarray, shape (normals, components)
        Scores of the components in the normals.
    """
    best, label = SEPARATE, np.zeros(len(scores), dtype=np.intp)
    for column in scores.T:
        order = np.argsort(column, kind="stable")
        value = column[order] - column.mean()
        total = float(np.sum(value**2))
        for first in range(SMALLEST_BATCH, len(value) - SMALLEST_BATCH + 1):
            between = first * value[:first].mean() ** 2 + (len(value) - first) * value[first:].mean() ** 2
            if total > 0 and between / total > best:
                best, label = between / total, np.zeros(len(scores), dtype=np.intp)
                label[order[first:]] = 1
    return label


class Nearest(NamedTuple):
    """Rows of the normals that a sample resembles most, and its distance from the first (1: as between neighbours)."""

    rows: NDArray[np.intp]
    distance: float


def nearest(own: Floats, scores: Floats, count: int = 3) -> Nearest:
    """The normals a sample resembles most, and its distance from the first over that between neighbouring normals.

    Parameters
    ----------
    own : ndarray, shape (components,)
        The sample's scores of the components.
    scores : ndarray, shape (normals, components)
        Those of the normals. Without components or with one normal the distance is NaN.
    """
    away = np.linalg.norm(scores - own, axis=1)
    order = np.argsort(away, kind="stable")[:count]
    if scores.shape[1] == 0 or len(scores) < 2:
        return Nearest(order, float("nan"))
    between = np.linalg.norm(scores[:, None] - scores[None], axis=2)
    np.fill_diagonal(between, np.inf)
    typical = float(np.median(between.min(axis=1)))
    return Nearest(order, float(away[order[0]] / typical) if typical > 0 else float("nan"))


def left_by_normals(log2_depth: Floats, centre: Floats, *, centre_noise: float) -> float:
    """Spread of a sample's depth from bin to bin after the normals' is taken off, over that before.

    Below 1 where the normals explain some of it. A sample of other bins, a table whose rows are mixed up, and numbers
    that are no depths have it well above 1. Arrays have shape (bins,), log2; NaN with few bins in both, or where the
    normals vary no more than ``centre_noise``, the error of a bin of their centre, gives them.
    """
    known = np.isfinite(log2_depth) & np.isfinite(centre)
    own, typical = log2_depth[known], centre[known]
    if len(own) < FEWEST_BINS or robust.spread(typical) < np.hypot(LEAST_CENTRE, centre_noise):
        return float("nan")
    return robust.spread(own - typical) / max(robust.spread(own), SMALLEST_SPREAD)
