"""Limit of detection: the smallest amplification that this sample, at its purity and noise, would have shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metcn.mixture import NORMAL_COPIES, expected_ratio, tumour_copies
from metcn.purity.grid import PurityGrid
from metcn.stats import student_t

SURELY_GAINED = 0.995  # probability that MET is gained from which no verdict is below the limit of detection

LOWEST_PURITY = 1e-4
LOWEST_RATIO = 1e-6  # copies below 0, where a bisection may pass, have no ratio
ROUNDING = 1e-9  # fraction by which a ratio may lie below the one asked for
HALVINGS = 40  # of the copies between which a limit lies


def detected(log2: float, se: float, *, alpha: float) -> bool:
    """Whether a log2 ratio lies above 0 by more than noise does with probability ``alpha``; False where missing.

    >>> detected(0.5, 0.05, alpha=0.001), detected(0.1, 0.05, alpha=0.001)
    (True, False)
    """
    return bool(log2 > se * student_t.quantile(1 - alpha))


def detectable_ratio(se: float, *, alpha: float, power: float) -> float:
    """Smallest depth ratio told from 1 with false-positive rate ``alpha`` (one-sided) and ``power``.

    ``se`` is the standard error of MET's log2 ratio over the baseline; NaN gives NaN. Errors are those of
    `metcn.stats.student_t`, as in the posterior.

    >>> round(detectable_ratio(0.05, alpha=0.001, power=0.95), 2)
    1.21
    """
    return float(2 ** (se * (student_t.quantile(1 - alpha) + student_t.quantile(power))))


def power_at(ratio: NDArray[np.floating] | float, se: float, *, alpha: float) -> NDArray[np.floating] | float:
    """Probability that a true depth ``ratio`` would have been told from 1 (broadcast); NaN where one is missing."""
    with np.errstate(divide="ignore"):  # no copies at all: a ratio of 0 is never told from 1 upwards
        height = np.log2(np.asarray(ratio, dtype=float)) / se
    power: NDArray[np.floating] = student_t.exceeding(student_t.quantile(1 - alpha) - height)
    return power


def copies_by_group(ratio: float, se: float, grid: PurityGrid, *, power: float) -> NDArray[np.float64]:
    """Fewest copies detected with ``power`` on the weighted mean over each group of the grid; NaN where one is missing.

    ``ratio`` is the smallest depth ratio detected with ``power`` and ``se`` the error of its log2. Where a group is one
    point these are the copies behind ``ratio``. Where it is a range they are more than those at its middle, since the
    power lost at its lower purities is not won back at its higher ones.
    """
    label, weight = grid.label, grid.weight
    whole = np.bincount(label, weights=weight)
    if not np.isfinite(ratio):
        return np.full(len(whole), np.nan)
    copies = tumour_copies(ratio, grid.purity, grid.ploidy)
    low, high = np.full(len(whole), np.inf), np.full(len(whole), -np.inf)
    np.minimum.at(low, label, copies)  # at the lowest all points fall short, at the highest none does
    np.maximum.at(high, label, copies)
    if se == 0:
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        shown = np.maximum(expected_ratio(middle[label], grid.purity, grid.ploidy), LOWEST_RATIO)
        each = student_t.exceeding(np.log2(ratio / shown) / se - student_t.quantile(power))
        enough = np.bincount(label, weights=weight * each) >= power * whole
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def told_ratio(se: float, *, power: float) -> float:
    """Smallest depth ratio that the sample tells from 1, as `told_from_two` has it in copies; NaN for a missing ``se``.

    >>> round(told_ratio(0.05, power=0.95), 3)
    1.057
    """
    return float(2 ** (se * student_t.quantile(power)))


def told_from_two(se: float, grid: PurityGrid, *, power: float) -> NDArray[np.float64]:
    """Fewest copies that the sample tells from two, per group of the grid, shape (groups,); NaN for a missing ``se``.

    Those at which a tumour with two copies is as often as not found with fewer than so many by a test of level
    ``1 - power``. A negative answer below them would be as probable at the bound as at two copies; above them, at a
    ``power`` of .95, it is ten times as probable at two.

    >>> told_from_two(0.05, PurityGrid.point(0.2, 2.0), power=0.95).round(2)
    array([2.57])
    """
    neutral = expected_ratio(NORMAL_COPIES, grid.purity, grid.ploidy)
    copies = tumour_copies(neutral * told_ratio(se, power=power), grid.purity, grid.ploidy)
    return grid.mean_by_group(copies)


def detectable_copies(ratio: float, se: float, grid: PurityGrid, *, power: float) -> float:
    """Fewest copies detected with ``power`` over all of the grid: of several groups, the worst (`copies_by_group`)."""
    return float(np.max(copies_by_group(ratio, se, grid, power=power)))


def purity_for(ratio: float, copies: Sequence[float], ploidy: float) -> dict[str, float]:
    """Smallest purity at which each number of copies gives the detectable ``ratio``; NaN where no purity does.

    Solves the mixture equation for purity: ``p = 2 (r - 1) / (N - 2 - r (P - 2))``.

    >>> purity_for(1.8, [5, 10], ploidy=2.0)
    {'5': 0.5333333333333333, '10': 0.2}
    """
    needed = {}
    for number in copies:
        slope = number - 2 - ratio * (ploidy - 2)
        purity = 2 * (ratio - 1) / slope if slope > 0 else np.nan
        reachable = slope > 0 and expected_ratio(number, 1.0, ploidy) >= ratio * (1 - ROUNDING)
        needed[f"{number:g}"] = min(max(float(purity), LOWEST_PURITY), 1.0) if reachable else float("nan")
    return needed
