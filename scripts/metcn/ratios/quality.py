"""Quality of a profile: its noise, waves, neighbours that err together, and what normals explain of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.bins import groups
from metcn.bins.layout import BinLayout
from metcn.ratios.correct import CorrectedProfile
from metcn.ratios.levels import Observed
from metcn.ratios.measurement import Quality
from metcn.reference import checks, sums
from metcn.reference.panel import Panel
from metcn.stats import fragments, robust

BLOCK_BP = 5e6  # stretch whose level is compared with the next one's
SMALLEST_BLOCK = 5  # bins a stretch needs
MARGIN = 3.0  # standard errors by which steps must exceed what noise alone gives them
MAD_VARIANCE = 2.33  # relative standard error of a squared, scaled MAD, times the root of the number of values
SMALLEST_EXCESS = 0.02  # log2; excess of very quiet normals, so that a ratio to it means something
UNLIKE_EXCESS = 2.0  # the sample's genes stray this much more than those of left-out normals: beyond their range
UNLIKE_SCORE = 6.0  # a sample's largest score of a component, in SDs of the normals, beyond which it is unlike them
PRIOR_NORMALS = 20  # of which a range is known half
FARTHEST = 2.0  # times its border, beyond which a sample errs no more: its own genes then tell of its errors
CUT = 3.0  # standardised residuals are cut here: one amplified bin is no wave

Floats = NDArray[np.floating]


class Evenness(NamedTuple):
    """How even a profile is: waves, and the correlation of neighbouring bins; NaN where there are too few bins."""

    waviness: float
    autocorrelation: float


def evenness(ratio: Floats, sd: Floats, *, chromosome: NDArray, midpoint: Floats) -> Evenness:
    """Waviness (log2) and autocorrelation of a profile, from the levels of its 5 Mb stretches.

    Waviness is the SD of the level from one stretch to the next, beyond what bin noise gives it. Copy-number steps are
    few and the SD is robust, so this is what GC and replication timing leave behind; 0 where noise alone could have
    made it, NaN without pairs of neighbouring stretches. Autocorrelation is that between neighbouring bins of what is
    left after the level of their stretch: about 0 of independent bins, NaN without any. What neighbours share does not
    average out over MET or the centromere's windows.

    Parameters
    ----------
    ratio, sd, chromosome, midpoint : ndarray, shape (bins,)
        In genome order; ratios must be finite.
    """
    block = groups.blocks(chromosome=chromosome, midpoint=midpoint, size_bp=BLOCK_BP)
    level = groups.medians(ratio, block, int(block.max(initial=-1)) + 1)
    rest = ratio - level[block]
    return Evenness(_waviness(rest, level, block, chromosome), _autocorrelation(rest / sd, block))


def _waviness(rest: Floats, level: Floats, block: NDArray[np.intp], chromosome: NDArray) -> float:
    """SD of stretches' ``level`` from one to the next beyond that of the bins, which lie ``rest`` away from it."""
    count = len(level)
    size = np.bincount(block, minlength=count)
    if count < 2:
        return float("nan")
    first = np.searchsorted(block, np.arange(count))
    pair = (chromosome[first][1:] == chromosome[first][:-1]) & (np.minimum(size[1:], size[:-1]) >= SMALLEST_BLOCK)
    steps = np.diff(level)[pair]
    if len(steps) < 2:
        return float("nan")
    typical = float(np.median(size))
    # a bin pulls its stretch's median towards itself: with few bins the distance from it says too little
    noise = (1.25 * robust.spread(rest)) ** 2 / max(typical - 1, 1)
    variance = robust.spread(steps) ** 2 / 2
    chance = MARGIN * MAD_VARIANCE / np.sqrt(len(steps)) * noise
    return float(np.sqrt(variance - noise)) if variance > noise + chance else 0.0


def _autocorrelation(standardised: Floats, block: NDArray[np.intp]) -> float:
    """Correlation between neighbouring residuals of one stretch."""
    rest = np.clip(standardised, -CUT, CUT)
    same = block[1:] == block[:-1]
    variance = float(np.mean(rest**2)) if len(rest) else 0.0
    return float(np.mean(rest[1:][same] * rest[:-1][same]) / variance) if same.any() and variance > 0 else float("nan")


def quality(log2: Floats, layout: BinLayout, panel: Panel, profile: CorrectedProfile, bins: Observed) -> Quality:
    """Noise of a sample of log2 depths ``log2``, what its genes and neighbours share, and what normals explain."""
    evenness = profile_evenness(layout, bins)
    return Quality(
        left_by_normals=checks.left_by_normals(log2, layout, panel),
        noise=profile.noise,
        noise_over_normals=profile.scale,
        gene_excess=dict(bins.excess),
        gene_excess_averaged={kind: dict(known) for kind, known in bins.averaged.items()},
        gene_excess_over_normals=over_normals(bins.excess, panel),
        scores=profile.scores,
        waviness=evenness.waviness,
        autocorrelation=evenness.autocorrelation,
        summed_kinds=tuple(bins.summed),
        empty_bins=_empty(bins),
        bins=len(bins.log2),
        bins_used=int(np.isfinite(bins.log2).sum()),
    )


def _empty(bins: Observed) -> float:
    """Fraction of usable bins without a fragment; NaN where fragments are not known."""
    if bins.number is None:
        return float("nan")
    known = np.isfinite(bins.log2) & np.isfinite(bins.number)
    return float(np.mean(bins.number[known] == 0)) if known.any() else float("nan")


def profile_evenness(layout: BinLayout, bins: Observed) -> Evenness:
    """How even the bins are that cover the autosomes evenly; NaN without them."""
    rows = np.flatnonzero(layout.wide & layout.autosomal & np.isfinite(bins.log2))
    log2, sd, chromosome, midpoint = bins.log2[rows], bins.sd[rows], layout.chromosome[rows], layout.midpoint[rows]
    if np.isin(layout.kind[rows], bins.summed).any() and bins.number is not None and bins.expected is not None:
        due = bins.expected[rows]
        label = fragments.pools(due, np.r_[True, chromosome[1:] != chromosome[:-1]], sums.POOLED)
        seen, due = (np.bincount(label, weights=values) for values in (bins.number[rows], due))
        first = np.unique(label, return_index=True)[1]
        log2, sd = fragments.log2_ratio(seen, due), fragments.sd(due)
        chromosome, midpoint = chromosome[first], midpoint[first]
    return evenness(log2, sd, chromosome=chromosome, midpoint=midpoint)


def outside(scores: Mapping[str, Sequence[float]], over_normals: Mapping[str, float]) -> float:
    """How far a sample lies beyond the range of the normals, 1 within it and at its border.

    By its largest ``scores`` of a component, in SDs of the normals, or by what its genes stray by ``over_normals``.
    """
    score = max((abs(value) for values in scores.values() for value in values), default=0.0)
    return max(1.0, score / UNLIKE_SCORE, max(over_normals.values(), default=0.0) / UNLIKE_EXCESS)


def extrapolated(outside: float, normals: int) -> float:
    """How much more a correction errs that extrapolates beyond the range of so many normals.

    As far as the sample lies beyond that range, up to twice, but few normals hardly know their own range.

    >>> extrapolated(1.0, 5), extrapolated(2.0, 20)
    (1.0, 1.5)
    """
    return 1 + (min(outside, FARTHEST) - 1) * normals / (normals + PRIOR_NORMALS)


def over_normals(excess: Mapping[str, float], panel: Panel) -> dict[str, float]:
    """Gene-level excess of the sample over that of left-out normals, per kind that the normals could tell of."""
    known = {kind: null.excess for kind, null in panel.null.items() if np.isfinite(null.excess)}
    return {kind: value / max(known[kind], SMALLEST_EXCESS) for kind, value in excess.items() if kind in known}
