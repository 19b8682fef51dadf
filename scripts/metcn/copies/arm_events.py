"""Regions that stand out of a chromosome arm, and the long waves that make noise look like such regions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metcn.stats import robust

MOST_EVENTS = 8  # events of one arm
SURE_GAIN = 30.0  # twice the log likelihood an event has to add: some 10 more than the best of all pairs in noise
WAVE_UNITS = 60  # units of a region whose mean tells of waves: 3 Mb of a shallow genome
SHORT_UNITS = 15  # units of a region whose mean tells of quick waves
FAR = 4  # regions between two whose difference tells of slow waves
WAVE_MARGIN = 1.5  # longer waves than those: with it the scan keeps its error rate on arms without an event
WAVE_FLOOR = 0.005  # log2; error of a region's level at the least
WAVE_OF_FEW = 0.02  # log2; shallow genomes whose fragments tell of waves have .005 to .02
FEWEST_STEPS = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Waves:
    """SDs of what neighbouring units share, log2: the error of a region's level that does not fall with its units.

    Attributes
    ----------
    region : float
        Over a region of ``WAVE_UNITS``, as it differs from those beside it.
    short : float
        Over a region of ``SHORT_UNITS``.
    far : float
        Over a region of ``WAVE_UNITS``, as it differs from those ``FAR`` regions away: slow waves lift neighbours
        alike, and so stand up from an arm over a longer way.
    """

    region: float
    short: float = 0.0
    far: float = 0.0

    @property
    def error(self) -> float:
        """Error of an amplicon's level, with a margin for waves longer than a region."""
        return WAVE_MARGIN * self.region

    def variance(self, units: NDArray[np.intp]) -> Floats:
        """Variance that waves give the mean of so many neighbouring units (broadcast).

        Of steps of length ``l`` and variance 1, in any phase, the mean over ``n <= l`` units has ``1 - n / 3l``, and
        over more ``l/n - (l/n)^2 / 3``.
        """
        total = np.zeros(np.shape(units))
        for variance, length in self._parts():
            times = np.asarray(units) / length
            more = 1 / np.maximum(times, 1.0)
            total += variance * np.where(times <= 1, 1 - times / 3, more - more**2 / 3)
        return total

    def drawn(self, random: np.random.Generator, count: int, units: int) -> Floats:
        """Random waves of these SDs, shape (count, units): steps of three lengths, in any phase."""
        drawn = np.zeros((count, units))
        for variance, length in self._parts():
            step = np.sqrt(variance) * random.standard_normal((count, units // length + 2))
            at = (random.integers(length, size=(count, 1)) + np.arange(units)) // length
            drawn += np.take_along_axis(step, at, axis=1)
        return drawn

    def _parts(self) -> list[tuple[float, int]]:
        """Variance of each of the steps, and their lengths, of which waves are made up."""
        slow = max(self.far**2 - self.region**2, 0.0)
        quick = max(self.short**2 - self.region**2 - slow, 0.0)
        parts = ((quick, SHORT_UNITS), (self.region**2, WAVE_UNITS), (slow, FAR * WAVE_UNITS))
        return [(variance, length) for variance, length in parts if variance > 0]


NO_WAVES = Waves(0.0)
LEAST = Waves(WAVE_FLOOR / WAVE_MARGIN)  # no assay is better


def waves_of(value: Floats, sd: Floats, arm: NDArray[np.intp]) -> Waves:
    """What neighbouring units share in a genome, from differences of regions' means, of which few meet a step.

    Robustly: what they scatter more than the errors of their units explain. ``arm`` numbers the arms.
    """
    region = _shared(value, sd, arm, WAVE_UNITS, 1)
    region = max(region, LEAST.region)
    short, far = _shared(value, sd, arm, SHORT_UNITS, 1), _shared(value, sd, arm, WAVE_UNITS, FAR)
    return Waves(region, max(short, region), max(far, region))


def _shared(value: Floats, sd: Floats, arm: NDArray[np.intp], units: int, apart: int) -> float:
    """SD of what regions of so many units share, from pairs so many regions apart on an arm; 0 where these are few."""
    steps, errors = [np.zeros(0)], [np.zeros(0)]
    for number in np.unique(arm):
        rows = np.flatnonzero(arm == number)
        region = rows[: len(rows) // units * units].reshape(-1, units)
        weight = (sd[region] ** -2.0).sum(axis=1)
        mean = (value[region] * sd[region] ** -2.0).sum(axis=1) / weight
        steps.append(mean[apart:] - mean[:-apart])
        errors.append(1 / weight[apart:] + 1 / weight[:-apart])
    if sum(map(len, steps)) < FEWEST_STEPS:
        return 0.0
    scatter = (robust.MAD_TO_SD * np.median(np.abs(np.concatenate(steps)))) ** 2
    return float(np.sqrt(max(scatter - float(np.median(np.concatenate(errors))), 0.0) / 2))


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
