"""Limit of detection: the smallest amplification that this sample, at its purity and noise, would have shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from metcn.mixture import expected_ratio, tumour_copies

LOWEST_PURITY = 1e-4


def detectable_ratio(se: float, *, alpha: float, power: float) -> float:
    """Smallest depth ratio told from 1 with false-positive rate ``alpha`` (one-sided) and ``power``.

    ``se`` is the standard error of MET's log2 ratio over the baseline; NaN gives NaN.
    """
    return float(2 ** (se * (ndtri(1 - alpha) + ndtri(power))))


def detectable_copies(ratio: float, grid: Mapping[str, NDArray]) -> float:
    """Copies behind the smallest detectable ``ratio``: the grid's mean where purity is known, else its worst point."""
    copies = tumour_copies(ratio, grid["purity"], grid["ploidy"])
    if len(np.unique(grid["group"])) == 1:
        return float(np.average(copies, weights=grid["weight"]))
    return float(np.max(copies))


def purity_for(ratio: float, copies: Sequence[float], ploidy: float) -> dict[str, float]:
    """Smallest purity at which each number of copies gives the detectable ``ratio``; NaN where no purity does.

    Solves the mixture equation for purity: ``p = 2 (r - 1) / (N - 2 - r (P - 2))``.
    """
    found = {}
    for number in copies:
        slope = number - 2 - ratio * (ploidy - 2)
        purity = 2 * (ratio - 1) / slope if slope > 0 else np.nan
        reachable = np.isfinite(purity) and purity <= 1 and expected_ratio(number, 1.0, ploidy) >= ratio
        found[f"{number:g}"] = max(float(purity), LOWEST_PURITY) if reachable else float("nan")
    return found
