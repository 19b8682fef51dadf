"""Names of genes for people: from a design where its names can serve, else from where a bin lies.

No number rests on them: bins are grouped by place (`metcn.bins.groups.clusters`).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

UNNAMED = "-"
LONGEST_BP = 3_000_000  # the longest human gene has 2.3 Mb


def usable(
    symbol: NDArray, *, chromosome: NDArray, start: NDArray, end: NDArray, known: Collection[str]
) -> NDArray[np.bool_]:
    """Whether each bin's symbol can be a gene's: a known one's, or borne by several targets in one place.

    The name of a panel, or ``Covered``, stands on many chromosomes; a probe's own name stands once. Neither is a gene.

    Parameters
    ----------
    symbol, chromosome, start, end : ndarray, shape (bins,)
        What names begin with, ``-`` where that is no symbol, and bare chromosomes; bins in genome order.
    known : collection of str
        Genes that the build's resources place.

    Returns
    -------
    ndarray of bool, shape (bins,)
    """
    if len(symbol) == 0:
        return np.zeros(0, dtype=bool)
    names, label = np.unique(symbol.astype(np.str_), return_inverse=True)
    order = np.argsort(label, kind="stable")
    begin = np.flatnonzero(np.r_[True, np.diff(label[order]) > 0])
    apart = np.r_[True, start[order][1:] > end[order][:-1]]
    apart[begin] = False
    extent = np.maximum.reduceat(end[order], begin) - np.minimum.reduceat(start[order], begin)
    several = np.logical_or.reduceat(apart, begin) & (extent <= LONGEST_BP)
    on_both = chromosome[order][begin] != chromosome[order][np.r_[begin[1:], len(order)] - 1]  # X and Y
    serves = several | on_both | np.isin(names, list(known))
    return (serves & (names != UNNAMED))[label] & ~widespread(symbol, chromosome)


def widespread(symbol: NDArray, chromosome: NDArray) -> NDArray[np.bool_]:
    """Whether each bin's symbol stands on several chromosomes, other than X and Y together; shape (bins,)."""
    names, label = np.unique(symbol.astype(np.str_), return_inverse=True)
    places, place = np.unique(chromosome.astype(np.str_), return_inverse=True)
    pairs = np.unique(label * len(places) + place)
    of, where = pairs // max(len(places), 1), pairs % max(len(places), 1)
    count = np.bincount(of, minlength=len(names))
    sexes = np.bincount(of, weights=np.isin(places, ["X", "Y"])[where], minlength=len(names))
    return ((count > 1) & ~((count == 2) & (sexes == 2)))[label]
