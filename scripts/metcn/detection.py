"""Limit of detection: the smallest amplification that this sample, at its purity and noise, would have shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from metcn import tails
from metcn.mixture import expected_ratio, tumour_copies

LOWEST_PURITY = 1e-4


def detected(log2: float, se: float, *, alpha: float) -> bool:
    """Whether a log2 ratio lies above 0 by more than noise does with probability ``alpha``; False where missing."""
    return bool(log2 > se * tails.quantile(1 - alpha))


def detectable_ratio(se: float, *, alpha: float, power: float) -> float:
    """Smallest depth ratio told from 1 with false-positive rate ``alpha`` (one-sided) and ``power``.

    ``se`` is the standard error of MET's log2 ratio over the baseline; NaN gives NaN. Errors are those of
    `metcn.tails`, as in the posterior.
    """
    return float(2 ** (se * (tails.quantile(1 - alpha) + tails.quantile(power))))


def power_at(ratio: NDArray[np.floating] | float, se: float, *, alpha: float) -> NDArray[np.floating] | float:
    """Probability that a true depth ``ratio`` would have been told from 1 (broadcast); NaN where one is missing."""
    with np.errstate(divide="ignore"):  # no copies at all: a ratio of 0 is never told from 1 upwards
        height = np.log2(np.asarray(ratio, dtype=float)) / se
    found: NDArray[np.floating] = tails.exceeding(tails.quantile(1 - alpha) - height)
    return found


def copies_by_group(ratio: float, grid: Mapping[str, NDArray]) -> NDArray[np.float64]:
    """Copies behind the smallest detectable ``ratio``, the weighted mean over each group of the grid."""
    copies = tumour_copies(ratio, grid["purity"], grid["ploidy"])
    label = np.unique(grid["group"], return_inverse=True)[1]
    return np.bincount(label, weights=grid["weight"] * copies) / np.bincount(label, weights=grid["weight"])


def detectable_copies(ratio: float, grid: Mapping[str, NDArray]) -> float:
    """Copies behind the smallest detectable ``ratio``: the grid's mean where purity is known, else its worst point."""
    return float(np.max(copies_by_group(ratio, grid)))


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
