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
