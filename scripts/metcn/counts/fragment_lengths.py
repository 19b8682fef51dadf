"""How long fragments are, by where they lie: tumour fragments in plasma are shorter than the others.

Source of the short stratum: Mouliere et al. 2018, doi:10.1126/scitranslmed.aat4921 (90 to 150 bp enriches tumour DNA).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHORT_BP, LONG_BP = (90, 150), (151, 220)
"""Both bounds inclusive: fragments around one nucleosome, below and about its usual length of 167 bp."""

LONGEST_BP = 600
STEP_BP = 5
TRIANGLE = np.array([1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1])
"""Weights of neighbouring lengths for the mode: single lengths alternate with the turns of the helix, each 10 bp."""


class LengthCounter:
    """Running histogram of fragment lengths, per class.

    Parameters
    ----------
    names
        The classes.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._counts = np.zeros((len(self._names), LONGEST_BP + 2), dtype=np.int64)

    def add(self, label: NDArray[np.integer], length: NDArray[np.integer]) -> None:
        """Count fragments of class ``label`` (negative: none) and ``length`` in bp (0: unknown)."""
        cells = label * np.int64(self._counts.shape[1]) + np.minimum(length, LONGEST_BP + 1)
        known = cells[(label >= 0) & (length > 0)]
        self._counts += np.bincount(known, minlength=self._counts.size).reshape(self._counts.shape)

    def summary(self) -> dict[str, Any] | None:
        """Histogram and figures per class; None if no length is known.

        ``share_short`` is that of :data:`SHORT_BP` among the fragments of both strata, with its binomial error; None
        without any. The last number of ``counts`` is of everything from ``to_bp`` on.
        """
        if not self._counts.any():
            return None
        return {
            "short_bp": list(SHORT_BP),
            "long_bp": list(LONG_BP),
            "histogram": {"step_bp": STEP_BP, "to_bp": LONGEST_BP,
                          "counts": {name: _coarse(row) for name, row in zip(self._names, self._counts, strict=True)}},
            **{name: _figures(row) for name, row in zip(self._names, self._counts, strict=True)},
        }  # fmt: skip


def _coarse(counts: NDArray[np.int64]) -> list[int]:
    """Counts of 0-4 bp, 5-9 bp and so on, and of everything longer."""
    steps = counts[:LONGEST_BP].reshape(-1, STEP_BP).sum(axis=1)
    return [*steps.tolist(), int(counts[LONGEST_BP:].sum())]


def _figures(counts: NDArray[np.int64]) -> dict[str, Any]:
    """Number, mode, median and strata of one class."""
    total = int(counts.sum())
    short, long = (int(counts[low : high + 1].sum()) for low, high in (SHORT_BP, LONG_BP))
    both = short + long
    share = short / both if both else None
    nearby = np.convolve(counts[: LONGEST_BP + 1], TRIANGLE, mode="same")
    return {
        "fragments": total,
        "mode_bp": int(np.argmax(nearby)) if nearby.any() else None,
        "median_bp": int(np.searchsorted(np.cumsum(counts), (total + 1) // 2)) if total else None,
        "short": short,
        "long": long,
        "share_short": share,
        "share_short_se": None if share is None else float(np.sqrt(share * (1 - share) / both)),
    }
