"""How log2 ratios err: Student's t of unit variance, since left-out normals have heavier tails than a normal."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

FREEDOM = 8  # degrees of freedom
UNIT = float(np.sqrt((FREEDOM - 2) / FREEDOM))  # scales Student's t to unit variance


def quantile(probability: Any) -> Any:
    """Error, in standard errors, that is not exceeded with ``probability`` (broadcast)."""
    return UNIT * stdtrit(FREEDOM, probability)


def exceeding(error: Any) -> Any:
    """Probability of an error above ``error`` standard errors (broadcast; NaN gives NaN)."""
    return stdtr(FREEDOM, -np.asarray(error, dtype=float) / UNIT)


def density(error: float) -> float:
    """Density of an error of so many standard errors, over that of none."""
    return float((1 + (error / UNIT) ** 2 / FREEDOM) ** (-(FREEDOM + 1) / 2))


def interval(freedom: float) -> float:
    """Half the width of the 95 % interval of a mean, in estimated errors that rest on so many degrees of freedom.

    >>> round(interval(4), 2), round(interval(1e6), 2)
    (2.78, 1.96)
    """
    return float(stdtrit(freedom, 0.975))
