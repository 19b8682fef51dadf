"""Names of genes for people: from a design where its names can serve, else from where a bin lies.

No number rests on them: bins are grouped by place (`metcn.regions.clusters`).
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
    names, label = np.unique(symbol.astype(np.str_), return_inverse=True)
    serves = np.zeros(len(names), dtype=bool)
    order = np.argsort(label, kind="stable")
    for number, rows in enumerate(np.split(order, np.cumsum(np.bincount(label, minlength=len(names)))[:-1])):
        places = set(chromosome[rows].tolist())
        if names[number] == UNNAMED or (len(places) > 1 and places != {"X", "Y"}):
            continue
        several = bool((start[rows][1:] > end[rows][:-1]).any()) or len(places) == 2
        near = len(places) == 2 or end[rows].max() - start[rows].min() <= LONGEST_BP
        serves[number] = near and (several or names[number] in known)
    return serves[label]


def widespread(symbol: NDArray, chromosome: NDArray) -> NDArray[np.bool_]:
    """Whether each bin's symbol stands on several chromosomes, other than X and Y together; shape (bins,)."""
    places: dict[str, set[str]] = {}
    for name, place in zip(symbol.tolist(), chromosome.tolist(), strict=True):
        places.setdefault(name, set()).add(place)
    wide = {name for name, found in places.items() if len(found) > 1 and found != {"X", "Y"}}
    return np.array([name in wide for name in symbol.tolist()], dtype=bool)
