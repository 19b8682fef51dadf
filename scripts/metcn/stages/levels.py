"""Levels that copies rest on, as the stage ``ratios`` measured them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from metcn import copies as estimating

LEVELS = {"met": ("met",), "cep7": ("cep7",), "arm_q": ("arms", "7q"), "arm_p": ("arms", "7p")}


def levels(measured: Mapping[str, Any]) -> estimating.Measured:
    """Log2 ratios and own errors of the levels a call needs, from what was measured of a sample."""
    return estimating.Measured(
        log2={name: number(measured, *where, "log2") for name, where in LEVELS.items()},
        se={name: _own_error(measured, *where) for name, where in LEVELS.items()},
        baseline_se=number(measured, "baseline", "se"),
    )


def number(record: Mapping[str, Any], *names: str) -> float:
    """A number nested in a JSON record; null is NaN."""
    value: Any = record
    for name in names:
        value = value[name]
    return float("nan") if value is None else float(value)


def _own_error(measured: Mapping[str, Any], *where: str) -> float:
    """A level's error without the baseline's, which all levels share."""
    error = number(measured, *where, "se")
    return float(np.sqrt(max(error**2 - number(measured, "baseline", "se") ** 2, 0.0))) if where == ("met",) else error
