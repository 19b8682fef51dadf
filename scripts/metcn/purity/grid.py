"""Purity and ploidy as a grid of points: given values as priors, missing ones as a range to hold throughout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PLAUSIBLE_POINTS = 7  # points of a range of which nothing is known, each an alternative of its own
RANGE_POINTS = 21  # points of a range that was given: its weight is spread evenly over them

Span = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """What is known of purity or of ploidy.

    ``known`` says whether the span was given (then it is a uniform prior) or is merely every plausible value (then
    nothing is known of which is true, and a statement counts only if it holds at all of them).
    """

    span: Span
    known: bool

    @property
    def source(self) -> str:
        """Where the value comes from, as outputs name it."""
        if not self.known:
            return "unknown"
        return "given" if self.span[0] == self.span[1] else "given_range"

    @property
    def value(self) -> float:
        """Middle of what was given; NaN where nothing was."""
        return (self.span[0] + self.span[1]) / 2 if self.known else float("nan")

    def points(self) -> NDArray[np.float64]:
        """Values to compute at: the one, an even set over a given range, or equal ratios over the plausible one.

        Copies change monotonically with purity and with ploidy, so for them the ends would do. MET/CEP7-like does not:
        where the CEP7-like level reaches 0 copies it has a pole, which may lie between the ends.
        """
        low, high = self.span
        if low == high:
            return np.array([low])
        return np.linspace(low, high, RANGE_POINTS) if self.known else np.geomspace(low, high, PLAUSIBLE_POINTS)


def axis(given: Span | None, plausible: Span) -> Axis:
    """What is known: the given span, else the plausible one."""
    return Axis(given, True) if given is not None else Axis(plausible, False)


def grid(purity: Axis, ploidy: Axis) -> dict[str, NDArray]:
    """Every pair of the two axes' points with weight and group.

    Returns
    -------
    dict of ndarray, shape (points,)
        ``purity``, ``ploidy``, ``weight`` (sums to 1 within each group) and ``group``: points of one group belong to
        one posterior, different groups are alternatives between which nothing decides.
    """
    first, second = (array.ravel() for array in np.meshgrid(purity.points(), ploidy.points(), indexing="ij"))
    of_purity = np.zeros(len(first), dtype=int) if purity.known else np.unique(first, return_inverse=True)[1]
    of_ploidy = np.zeros(len(first), dtype=int) if ploidy.known else np.unique(second, return_inverse=True)[1]
    group = np.unique(of_purity * (of_ploidy.max() + 1) + of_ploidy, return_inverse=True)[1]
    weight = 1 / np.bincount(group)[group]
    return {"purity": first, "ploidy": second, "weight": weight, "group": group}
