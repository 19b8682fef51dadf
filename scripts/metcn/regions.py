"""Which bins belong together: groups that share a gene, and blocks of the genome for levels that vary slowly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNNAMED = ("", "-", ".", "Antitarget", "Background")


def _run_labels(changes: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Label 0, 1, 2 ... that grows by one wherever ``changes`` is true (its first entry always starts label 0)."""
    changes = changes.copy()
    changes[:1] = False
    return np.cumsum(changes)


def gene_groups(
    *, chromosome: NDArray, start: NDArray, gene: NDArray, gap_bp: int = 500_000, largest: int = 10_000
) -> NDArray[np.intp]:
    """Group number per bin: bins of one gene, or unnamed neighbours less than ``gap_bp`` apart, share a number.

    Bins must be in genome order. A group ends where the chromosome or the gene name changes, where unnamed bins lie
    ``gap_bp`` or more apart, and after ``largest`` bins. Bins of a gene share more than their own noise (capture,
    GC, fragment size), which is why the gene, not the bin, is the unit that errors are estimated on.

    Returns
    -------
    ndarray of int, shape (bins,)
    """
    named = ~np.isin(gene, UNNAMED)
    changes = np.ones(len(start), dtype=bool)
    changes[1:] = (chromosome[1:] != chromosome[:-1]) | (gene[1:] != gene[:-1])
    changes[1:] |= ~named[1:] & (np.diff(start) >= gap_bp)
    labels = _run_labels(changes)
    first = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]]) if len(labels) else np.array([], dtype=int)
    position = np.arange(len(labels)) - first[labels] if len(labels) else labels
    return _run_labels(changes | (position % largest == 0))


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
