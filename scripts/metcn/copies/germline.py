"""Copies of MET in normal cells: what a matched normal says, and whether a germline gain would explain a tumour."""

from __future__ import annotations

import numpy as np

from metcn.copies.posterior import Measured
from metcn.mixture import expected_ratio
from metcn.purity.grid import PurityGrid
from metcn.stats import student_t

PRIOR = {1: 5e-4, 2: 0.999, 3: 5e-4}  # germline deletions and duplications of MET are rare: at most some in a thousand
CERTAIN = 5e-3  # of a number of copies less probable than this no draw is made
GAINED = 3  # copies of a germline duplication
WITHIN = 2.0  # errors from its level within which a germline duplication explains a level


def probabilities(log2: float, se: float) -> dict[int, float]:
    """Copies of MET in normal cells -> their probability, from the matched normal's level; two where it has none.

    >>> probabilities(0.56, 0.05)
    {3: 1.0}
    >>> probabilities(float("nan"), float("nan"))
    {2: 1.0}
    """
    if not (np.isfinite(log2) and se > 0):
        return {2: 1.0}
    belief = {
        copies: prior * student_t.density((log2 - float(np.log2(copies / 2))) / se) for copies, prior in PRIOR.items()
    }
    total = sum(belief.values())
    kept = {copies: value for copies, value in belief.items() if value > CERTAIN * total}
    whole = sum(kept.values())
    return {copies: value / whole for copies, value in kept.items()}


def explains(level: Measured, grid: PurityGrid) -> bool:
    """Whether a third copy in all cells, normal and tumour, explains MET's level at some plausible purity and ploidy.

    Its depth ratio is three copies over the mean of the sample. A focal gain of the tumour that gives as much is as
    good an explanation, and only a normal of the patient tells the two apart.
    """
    expected = np.log2(expected_ratio(GAINED, grid.purity, grid.ploidy, germline=GAINED))
    error = float(np.hypot(level.se["met"], level.baseline_se))
    return bool((np.abs(level.log2["met"] - expected[grid.weight > 0]) <= WITHIN * error).any())
