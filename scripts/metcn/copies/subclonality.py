"""Copies of MET in the tumour cells that carry a gain, by how many of them do: depth alone tells their product.

The copies of a sample are the mean over all tumour cells. Where only a fraction ``f`` of them carries the gain and the
others have what the centromere's surroundings say, the carriers have ``(copies - (1 - f) * others) / f``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.copies.posterior import Draws
from metcn.mixture import NORMAL_COPIES
from metcn.stats.estimate import Estimate, number

IMPLAUSIBLE = 70.0  # copies; of 188 cell lines none has more than 67 of any gene, and of MET 39
FRACTIONS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
LEVEL = (2.5, 97.5)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Carriers:
    """Copies in the carriers of a gain if they are a fraction of the tumour cells."""

    fraction: float
    copies: Estimate

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Carriers:
        """The point of a JSON."""
        return cls(number(record["fraction"]), Estimate.from_json(record["copies"]))

    def to_json(self) -> dict[str, Any]:
        """Both by name."""
        return {"fraction": self.fraction, "copies": self.copies.to_json()}


def in_carriers(copies: Floats | float, fraction: float, others: Floats | float = NORMAL_COPIES) -> Floats | float:
    """Copies in the carriers of a gain, where the other tumour cells have ``others``.

    >>> in_carriers(10.0, 0.5)
    18.0
    """
    return (copies - (1 - fraction) * others) / fraction


def curve(drawn: Draws) -> tuple[Carriers, ...]:
    """Copies in the carriers by their fraction, as far down as they stay plausible; empty without a sure gain.

    The other tumour cells have as many copies as CEP7-like, 2 where that is unknown. Where purity or ploidy is open
    nothing is told, since the mean over all cells is not known either.
    """
    if drawn.group_count > 1 or not np.isfinite(drawn.copies).all():
        return ()
    others = np.where(np.isfinite(drawn.cep7), drawn.cep7, NORMAL_COPIES)
    if np.percentile(drawn.copies - others, LEVEL[0]) <= 0:
        return ()
    points = []
    for fraction in FRACTIONS:
        values = np.asarray(in_carriers(drawn.copies, fraction, others))
        if np.median(values) > IMPLAUSIBLE:
            break
        points.append(Carriers(fraction, Estimate(float(np.median(values)), *map(float, np.percentile(values, LEVEL)))))
    return tuple(points)
