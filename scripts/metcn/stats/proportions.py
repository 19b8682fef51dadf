"""Shares with their exact intervals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Share(NamedTuple):
    """A share of ``n`` and its interval; all NaN where ``n`` is 0."""

    hits: int
    n: int
    value: float
    low: float
    high: float


def share(hits: int, n: int, *, confidence: float = 0.95) -> Share:
    """Share ``hits / n`` with its exact (Clopper-Pearson) interval, which holds the truth at least so often.

    Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404, by quantiles of the beta distribution.

    Raises
    ------
    ValueError
        If ``hits`` is not within 0 and ``n``, or ``confidence`` not within 0 and 1.
    """
    from scipy.special import betaincinv  # scipy.stats takes a second to import, and the command line imports this

    if not 0 <= hits <= n:
        raise ValueError(f"hits must lie within 0 and n; got {hits} of {n}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie within 0 and 1; got {confidence}")
    if n == 0:
        return Share(0, 0, np.nan, np.nan, np.nan)
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1 - tail))
    return Share(hits, n, hits / n, low, high)


def of(mask: Any, *, confidence: float = 0.95) -> Share:
    """Share of a mask that is true, with its exact interval."""
    mask = np.asarray(mask, dtype=bool)
    return share(int(mask.sum()), mask.size, confidence=confidence)
