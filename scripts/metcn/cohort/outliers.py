"""Samples whose QC numbers stand apart from the rest of their cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metcn.cohort import multiqc
from metcn.report import svg
from metcn.report.svg import Scale
from metcn.stats.robust import MAD_TO_SD

FAR = 3.5  # robust SDs from the median; Iglewicz and Hoaglin 1993
MAX_NAMED = 12  # samples named for each number; the rest are counted
FEWEST = 8  # samples below which a spread means nothing
WIDTH, HEIGHT, LEFT = 620, 34, 8
LOGARITHMIC = ("fragments", "met_se", "bins_used", "lod_copies", "met_bins", "noise_target", "noise_off_target")
"""Numbers that vary by factors; the others vary by amounts."""


def find(calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry per QC number that the cohort has: title, explanation, median, samples that lie far from it, figure.

    With fewer than ``FEWEST`` values nothing is called far. Where more than half of the values are equal, every other
    one would be infinitely far, so nothing is called far there either.
    """
    names = [str(call["sample"]) for call in calls]
    entries = []
    for name, values in multiqc.numbers(calls).items():
        known = [(sample, float(value)) for sample, value in zip(names, values, strict=True) if value is not None]
        number = np.array([value for _, value in known])
        away = np.abs(distance(number, logarithmic=name in LOGARITHMIC))
        far = away > FAR
        _, title, explanation = multiqc.QUALITY[name]
        entries.append(
            {
                "title": title,
                "explanation": explanation,
                "median": float(np.median(number)),
                "far": [
                    {"sample": known[at][0], "value": known[at][1]}
                    for at in np.argsort(-away, kind="stable")[: min(far.sum(), MAX_NAMED)]
                ],
                "more": max(int(far.sum()) - MAX_NAMED, 0),
                "figure": _strip(number, far, title, logarithmic=name in LOGARITHMIC),
            }
        )
    return entries


def distance(values: np.ndarray, *, logarithmic: bool = False) -> np.ndarray:
    """Distance of each value from the median in robust SDs (scaled MAD); 0 where a spread cannot be told."""
    scaled = np.log(np.maximum(values, 1e-12)) if logarithmic else values
    away = scaled - np.median(scaled) if len(values) else scaled
    spread = MAD_TO_SD * np.median(np.abs(away)) if len(values) >= FEWEST else 0.0
    return away / spread if spread > 0 else np.zeros(len(values))


def _strip(values: np.ndarray, far: np.ndarray, title: str, *, logarithmic: bool) -> str:
    """All values as posts on one axis, the far ones taller and in another colour."""
    shown = np.log(np.maximum(values, 1e-12)) if logarithmic else values
    low, high = float(shown.min()), float(shown.max())
    room = 0.05 * (high - low) or 1.0
    x = Scale(low - room, high + room, LEFT, WIDTH - LEFT)
    at = x(shown)
    middle = float(np.median(at))
    parts = [
        svg.line(LEFT, 18, WIDTH - LEFT, 18, "axis"),
        svg.posts(at[~far], np.full((~far).sum(), 11.0), np.full((~far).sum(), 25.0), "tally"),
        svg.posts(at[far], np.full(far.sum(), 4.0), np.full(far.sum(), 32.0), "tally far"),
        svg.polygon([(middle - 5, 2), (middle + 5, 2), (middle, 10)], "estimate"),
    ]
    return svg.figure(WIDTH, HEIGHT, parts, f"{title}: {len(values)} samples, {int(far.sum())} far from the others")
