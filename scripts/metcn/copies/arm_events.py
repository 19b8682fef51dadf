"""Regions that stand out of a chromosome arm, and the long waves that make noise look like such regions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from metcn.stats import robust

MOST_EVENTS = 8  # events of one arm
SURE_GAIN = 30.0  # twice the log likelihood an event has to add: some 10 more than the best of all pairs in noise
WAVE_UNITS = 60  # units of a region whose mean tells of waves: 3 Mb of a shallow genome
WAVE_MARGIN = 1.5  # longer waves than those: with it the scan keeps its error rate on arms without an event
WAVE_FLOOR = 0.005  # log2; no assay is better
WAVE_OF_FEW = 0.02  # log2; shallow genomes whose fragments tell of waves have .005 to .02
FEWEST_STEPS = 20

Floats = NDArray[np.float64]


def wave_of(value: Floats, sd: Floats, arm: NDArray[np.intp]) -> float:
    """SD of what neighbouring units share over a region of ``WAVE_UNITS``, log2, over a whole genome.

    From differences of the means of adjoining regions, of which few meet a copy-number step, robustly: what they
    scatter more than the errors of their units explain. ``arm`` numbers the arms; not below ``WAVE_FLOOR``.
    """
    steps, errors = [np.zeros(0)], [np.zeros(0)]
    for number in np.unique(arm):
        rows = np.flatnonzero(arm == number)
        region = rows[: len(rows) // WAVE_UNITS * WAVE_UNITS].reshape(-1, WAVE_UNITS)
        weight = (sd[region] ** -2.0).sum(axis=1)
        mean = (value[region] * sd[region] ** -2.0).sum(axis=1) / weight
        steps.append(np.diff(mean))
        errors.append(1 / weight[1:] + 1 / weight[:-1])
    if sum(map(len, steps)) < FEWEST_STEPS:
        return WAVE_FLOOR
    scatter = (robust.MAD_TO_SD * np.median(np.abs(np.concatenate(steps)))) ** 2
    shared = max(scatter - float(np.median(np.concatenate(errors))), 0.0) / 2
    return max(WAVE_MARGIN * float(np.sqrt(shared)), WAVE_FLOOR)


def events(value: Floats, precision: Floats) -> Iterator[tuple[int, int, float]]:
    """First unit, the one after the last, and height over the rest, of each region that stands out of its arm."""
    weight = np.concatenate([[0.0], np.cumsum(precision)])
    inside = weight[None, :] - weight[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where((inside > 0) & (inside < weight[-1]), 1 / (inside * (1 - inside / weight[-1])), 0.0)
    value = value - np.average(value, weights=precision)
    for _ in range(MOST_EVENTS):
        total = np.concatenate([[0.0], np.cumsum(precision * value)])
        gain = (total[None, :] - total[:, None]) ** 2 * scale
        best = int(np.argmax(gain))
        if gain.flat[best] < SURE_GAIN:
            return
        first, last = np.unravel_index(best, gain.shape)
        members = np.zeros(len(value), dtype=bool)
        members[first:last] = True
        height = np.average(value[members], weights=precision[members]) - np.average(
            value[~members], weights=precision[~members]
        )
        yield int(first), int(last), float(height)
        value = value - height * members
        value -= np.average(value, weights=precision)
