"""Two samples of one patient: how far MET copies changed, and how probable it is that an amplification was acquired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metcn.copies.posterior import Draws
from metcn.stats.estimate import Estimate

# bounds that most trials of acquired resistance share, copies or MET/CEP7-like, and the copies that a ratio needs
COPIES, RATIO, LEAST_COPIES = 5.0, 2.0, 4.5
SEED = 11
COURSES = ("acquired", "present_at_both", "lost", "absent_at_both", "indeterminate")

Floats = NDArray[np.float64]
Span = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Sample:
    """Draws of one sample, and which groups of them could not have shown an amplification.

    ``blind`` has shape (groups,): true of a group in which the sample does not tell the bound from two copies, while
    MET was not seen above neutral.
    """

    draws: Draws
    blind: NDArray[np.bool_]

    @classmethod
    def missing(cls) -> Sample:
        """A sample of which nothing is known."""
        return cls(Draws.of({"weight": [1.0]}), np.ones(1, dtype=bool))

    @property
    def rows(self) -> Floats:
        """MET copies with a row per group, cut to the smallest group."""
        rows = [row for part in self.draws.rows(self.draws.copies) for row in part]
        return np.stack([row[: min(map(len, rows))] for row in rows])

    @property
    def amplified(self) -> Span:
        """Lowest and highest probability of an amplification over the groups: from 0 where it could not be seen."""
        if not np.isfinite(self.draws.copies).all():
            return 0.0, 1.0
        by_ratio = (self.draws.met_cep7 >= RATIO) & (self.draws.copies >= LEAST_COPIES)
        seen = (self.draws.copies >= COPIES) | by_ratio
        probability = self.draws.by_group(seen, lambda rows: rows.mean(axis=1))
        highest = np.where(self.blind, 1.0, probability)
        return float(probability.min()), float(highest.max())


def change(baseline: Sample, progression: Sample) -> Estimate:
    """Copies at progression less those at baseline: median and 95 % interval, NaN where either is missing.

    With several groups no median, and the interval that covers every pair of them. The two samples' errors are
    independent, so draws are paired at random, with a fixed seed.
    """
    before, after = (sample.rows for sample in (baseline, progression))
    size = min(before.shape[1], after.shape[1])
    order = np.random.default_rng(SEED).permutation(after.shape[1])[:size]
    apart = after[None, :, order] - before[:, None, :size]
    ends = np.percentile(apart, (2.5, 97.5), axis=2)
    one = apart.shape[:2] == (1, 1)
    return Estimate(float(np.median(apart)) if one else float("nan"), float(ends[0].min()), float(ends[1].max()))


def acquired(baseline: Sample, progression: Sample) -> Span:
    """Lowest and highest probability that an amplification is there at progression and was not at baseline.

    They differ where purity is not known, or where the baseline lies below its limit of detection: such a sample cannot
    show that an amplification was absent.
    """
    (low, high), (later_low, later_high) = baseline.amplified, progression.amplified
    return (1 - high) * later_low, (1 - low) * later_high


def course(baseline: Sample, progression: Sample, *, decide: float) -> str:
    """One word of ``COURSES``, given only where both ends of the probability agree on it.

    >>> before, after = (Draws.of({"copies": [copies] * 4, "weight": [1.0] * 4}) for copies in (2.0, 12.0))
    >>> seeing = np.zeros(1, dtype=bool)
    >>> course(Sample(before, seeing), Sample(after, seeing), decide=0.95)
    'acquired'
    """
    before, after = (_state(sample.amplified, decide) for sample in (baseline, progression))
    known: Mapping[tuple[str, str], str] = {
        ("no", "yes"): "acquired",
        ("yes", "yes"): "present_at_both",
        ("yes", "no"): "lost",
        ("no", "no"): "absent_at_both",
    }
    return known.get((before, after), "indeterminate")


def _state(probability: Span, decide: float) -> str:
    """Whether an amplification is there: yes, no, or unknown."""
    if probability[0] >= decide:
        return "yes"
    return "no" if probability[1] <= 1 - decide else "unknown"
