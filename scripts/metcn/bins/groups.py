"""Which bins belong together: clusters of neighbouring targets, and blocks for levels that vary slowly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def _run_labels(changes: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Label 0, 1, 2 ... that grows by one wherever ``changes`` is true (its first entry always starts label 0)."""
    changes = changes.copy()
    changes[:1] = False
    return np.cumsum(changes)


def clusters(
    *,
    chromosome: NDArray,
    start: NDArray,
    end: NDArray,
    whole: NDArray[np.bool_],
    gap_bp: int = 100_000,
    span_bp: int = 150_000,
) -> NDArray[np.intp]:
    """Group number per target: neighbours less than ``gap_bp`` apart, in stretches about as long as a gene.

    Targets near each other share more than their own noise (capture, GC, fragment size), which is why the cluster, not
    the bin, is the unit that errors are estimated on. Coordinates alone decide: the names that a design gives its
    targets (a panel's name for all, a number for each) do not tell genes apart. A cluster longer than ``span_bp`` is
    cut into parts of equal length nearest to it; MET's gene body has 126 kb.

    Parameters
    ----------
    chromosome, start, end : ndarray, shape (bins,)
        Bins in genome order.
    whole : ndarray of bool, shape (bins,)
        Bins of a gene that is known to be one (MET): they share a group that no other bin is in, whatever its length.

    Returns
    -------
    ndarray of int, shape (bins,)
    """
    if len(start) == 0:
        return np.zeros(0, dtype=np.intp)
    first = np.r_[True, (chromosome[1:] != chromosome[:-1]) | (whole[1:] != whole[:-1])]
    run = np.cumsum(first) - 1
    low = int(start.min())
    stride = int(end.max()) - low + gap_bp + 1  # keeps the ends of one run below those of the next
    reach = np.maximum.accumulate(end - low + run * stride) - run * stride + low
    apart = np.zeros(len(start), dtype=bool)
    apart[1:] = (start[1:] - reach[:-1] >= gap_bp) & ~whole[1:]
    cluster = np.cumsum(first | apart) - 1
    begin = np.flatnonzero(first | apart)
    extent = np.maximum.reduceat(end, begin) - start[begin]
    parts = np.where(whole[begin], 1, np.maximum(np.rint(extent / span_bp), 1)).astype(np.int64)
    doubled = (start + end - 2 * start[begin][cluster]) * parts[cluster]
    part = np.minimum(doubled // (2 * extent[cluster]), parts[cluster] - 1)
    part = np.maximum.accumulate(part + cluster * (parts.max() + 1)) - cluster * (parts.max() + 1)
    return _run_labels(np.r_[True, (cluster[1:] != cluster[:-1]) | (part[1:] != part[:-1])])


def runs(*, chromosome: NDArray, length: int) -> NDArray[np.intp]:
    """Group number per bin: runs of ``length`` neighbours on one chromosome; its last may be shorter."""
    changes = np.ones(len(chromosome), dtype=bool)
    changes[1:] = chromosome[1:] != chromosome[:-1]
    first = np.flatnonzero(changes)
    label = _run_labels(changes)
    position = np.arange(len(chromosome)) - first[label] if len(first) else label
    return _run_labels(changes | (position % max(length, 1) == 0))


def even_runs(*, stretch: NDArray, length: int) -> NDArray[np.intp]:
    """Group number per bin: each run of equal ``stretch`` cut into equal parts of about ``length`` neighbours."""
    changes = np.ones(len(stretch), dtype=bool)
    changes[1:] = stretch[1:] != stretch[:-1]
    label = _run_labels(changes)
    size = np.bincount(label)
    parts = np.maximum(np.rint(size / max(length, 1)).astype(np.intp), 1)
    position = np.arange(len(stretch)) - (np.cumsum(size) - size)[label]
    return (np.cumsum(parts) - parts)[label] + position * parts[label] // size[label]


def blocks(*, chromosome: NDArray, midpoint: NDArray, size_bp: float) -> NDArray[np.intp]:
    """Block number per bin: stretches of ``size_bp`` of each chromosome, numbered in order of appearance."""
    changes = np.ones(len(chromosome), dtype=bool)
    stretch = (midpoint // size_bp).astype(np.int64)
    changes[1:] = (chromosome[1:] != chromosome[:-1]) | (stretch[1:] != stretch[:-1])
    return _run_labels(changes)


def medians(values: NDArray[np.floating], label: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Median of the finite ``values`` per label 0 .. count-1; NaN for a label without one.

    Labels mostly ascend from bin to bin, so sorting each one's values by itself beats sorting all by label and value.
    """
    keep = np.flatnonzero(np.isfinite(values))
    value, label = values[keep], label[keep]
    if (label[1:] < label[:-1]).any():
        order = np.argsort(label.astype(np.min_scalar_type(count)), kind="stable")
        value, label = value[order], label[order]
    size = np.bincount(label, minlength=count)
    begin = np.cumsum(size) - size
    has = np.flatnonzero(size > 0)
    for first, after in zip(begin[has].tolist(), (begin + size)[has].tolist(), strict=True):
        value[first:after].sort()
    out = np.full(count, np.nan)
    low, high = begin[has] + (size[has] - 1) // 2, begin[has] + size[has] // 2
    out[has] = (value[low] + value[high]) / 2
    return out
