"""Purity and ploidy as a grid of points: given values as priors, missing ones as a range to hold throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

PLAUSIBLE_POINTS = 7  # points of a range of which nothing is known, each an alternative of its own
RANGE_POINTS = 21  # points of a range that was given, or of an estimate with its error
Z = 1.96  # standard errors to either side of an estimate that hold the value with 95 %
REACH = 3.0  # standard errors to either side of an estimate that are computed
MOST_ERROR = 1 / 3  # of a value: the largest error of an estimate, which a larger one would make a number below 0
LEAST_OF = 0.1  # of a value: the smallest number that it may stand for

Span = tuple[float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """What is known of purity or of ploidy.

    Attributes
    ----------
    span : tuple of float
        Lowest and highest value that is possible.
    known : bool
        Whether it was given. A given span is an even prior, or, with an error, that of an estimate; else it is merely
        every plausible value: then nothing is known of which is true, and a statement counts only if it holds at all.
    value : float
        The estimate; the middle of a span that was given without one, NaN where nothing was given.
    sd : float
        Standard error of the estimate, 0 where the span says all.
    """

    span: Span
    known: bool
    value: float
    sd: float = 0.0

    @classmethod
    def estimated(cls, value: float, sd: float, highest: float) -> Axis:
        """An estimate with its error, above 0 and at most ``highest``.

        The error is at most a third of the value: more would stand for numbers below 0.
        """
        sd = min(sd, MOST_ERROR * value)
        return cls((max(value - REACH * sd, LEAST_OF * value), min(value + REACH * sd, highest)), True, value, sd)

    @property
    def source(self) -> str:
        """Where the value comes from, as outputs name it."""
        if not self.known:
            return "unknown"
        return "given" if self.sd or self.span[0] == self.span[1] else "given_range"

    @property
    def exact(self) -> bool:
        """Whether there is one value and no error."""
        return self.known and self.span[0] == self.span[1]

    def points(self) -> Floats:
        """Values to compute at: the one, an even set over a given range, or equal ratios over the plausible one.

        Copies change monotonically with purity and with ploidy, so for them the ends would do. MET/CEP7-like does not:
        where the CEP7-like level reaches 0 copies it has a pole, which may lie between the ends.
        """
        low, high = self.span
        if low == high:
            return np.array([low])
        return np.linspace(low, high, RANGE_POINTS) if self.known else np.geomspace(low, high, PLAUSIBLE_POINTS)

    def weight(self, points: Floats) -> Floats:
        """Density of what was given at each point, relative to its highest; 1 throughout without an estimate."""
        return np.exp(-0.5 * ((points - self.value) / self.sd) ** 2) if self.sd else np.ones(len(points))

    @property
    def interval(self) -> Span:
        """95 % interval of an estimate, else the span."""
        if not self.sd:
            return self.span
        return max(self.value - Z * self.sd, self.span[0]), min(self.value + Z * self.sd, self.span[1])


def axis(given: Span | None, plausible: Span) -> Axis:
    """What is known: the given span, else the plausible one."""
    return Axis(plausible, False, float("nan")) if given is None else Axis(given, True, (given[0] + given[1]) / 2)


@dataclass(frozen=True, eq=False)
class PurityGrid:
    """Plausible pairs of purity and ploidy.

    Attributes
    ----------
    purity, ploidy : ndarray of float, shape (points,)
        Tumour fraction (above 0, at most 1) and mean copies per tumour cell.
    weight : ndarray of float, shape (points,)
        Probability of a point within its group; the weights of a group sum to 1 up to rounding.
    group : ndarray of int, shape (points,)
        Points of one group belong to one posterior; different groups are alternatives between which nothing decides.

    Raises
    ------
    ValueError
        If the arrays differ in shape, are not one-dimensional or empty, or a weight is negative or not finite.
    """

    purity: Floats
    ploidy: Floats
    weight: Floats
    group: NDArray[np.intp]

    def __post_init__(self) -> None:
        """Raise ValueError unless the arrays belong together."""
        for name, values in self._arrays().items():
            if values.ndim != 1 or values.shape != self.purity.shape or values.size == 0:
                raise ValueError(f"{name} of the grid has shape {values.shape}; expected one value for each point")
        if not (np.isfinite(self.weight) & (self.weight >= 0)).all():
            raise ValueError("weights of a grid must be finite and not negative")

    @classmethod
    def of(cls, purity: Axis, ploidy: Axis) -> PurityGrid:
        """Every pair of the two axes' points with their weights; a group for each point of what is not known.

        >>> PurityGrid.of(axis((0.3, 0.3), (0.1, 1.0)), axis((2.0, 2.0), (1.6, 5.0))).to_json()
        {'purity': [0.3], 'ploidy': [2.0], 'weight': [1.0], 'group': [0]}
        >>> PurityGrid.of(axis(None, (0.1, 1.0)), axis((2.0, 2.0), (1.6, 5.0))).group_count
        7
        """
        points = purity.points(), ploidy.points()
        first, second = (array.ravel() for array in np.meshgrid(*points, indexing="ij"))
        weight = np.outer(purity.weight(points[0]), ploidy.weight(points[1])).ravel()
        of_purity = np.zeros(len(first), dtype=int) if purity.known else np.unique(first, return_inverse=True)[1]
        of_ploidy = np.zeros(len(first), dtype=int) if ploidy.known else np.unique(second, return_inverse=True)[1]
        group = np.unique(of_purity * (of_ploidy.max() + 1) + of_ploidy, return_inverse=True)[1]
        return cls(first, second, weight / np.bincount(group, weight)[group], group)

    @classmethod
    def point(cls, purity: float, ploidy: float) -> PurityGrid:
        """The grid of one purity and one ploidy."""
        return cls(np.array([purity]), np.array([ploidy]), np.ones(1), np.zeros(1, dtype=np.intp))

    @classmethod
    def from_json(cls, record: Mapping[str, Sequence[float]]) -> PurityGrid:
        """The grid of a purity JSON."""
        floats = {name: np.asarray(record[name], dtype=float) for name in ("purity", "ploidy", "weight")}
        return cls(**floats, group=np.asarray(record["group"], dtype=np.intp))

    def to_json(self) -> dict[str, list[float]]:
        """The four arrays as lists by name."""
        return {name: values.tolist() for name, values in self._arrays().items()}

    @cached_property
    def label(self) -> NDArray[np.intp]:
        """Index of each point's group in the order of their numbers, shape (points,)."""
        return np.unique(self.group, return_inverse=True)[1]

    @property
    def group_count(self) -> int:
        """Number of groups: 1 where nothing is left open but what the weights say."""
        return int(self.label.max()) + 1

    def mean_by_group(self, values: NDArray[np.floating] | float) -> Floats:
        """Weighted mean over the points of each group, shape (groups,); NaN where a point of the group has NaN."""
        mean: Floats = np.bincount(self.label, weights=self.weight * values) / np.bincount(
            self.label, weights=self.weight
        )
        return mean

    def kept(self, chosen: NDArray[np.bool_]) -> PurityGrid:
        """The chosen points, their groups numbered anew from 0."""
        arrays = {name: values[chosen] for name, values in self._arrays().items()}
        return PurityGrid(**{**arrays, "group": np.unique(arrays["group"], return_inverse=True)[1]})

    def _arrays(self) -> dict[str, NDArray]:
        """The four arrays by name, in the order of the JSON."""
        return {"purity": self.purity, "ploidy": self.ploidy, "weight": self.weight, "group": self.group}
