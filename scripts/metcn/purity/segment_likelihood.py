"""How well purity and ploidy explain a sample's segments: clonal whole copies plus a subclonal part.

At purity ``p`` and ploidy ``P`` a stretch with ``N`` copies shows one level of a comb (`metcn.mixture`). The likelihood
of a segment is a mixture over ``N`` with the shares of a kind of tumour, plus a part spread evenly over copies for
subclones; the likelihood of a sample sums over a few kinds of tumour and over the noise that its segments share beyond
their own standard errors. Carter et al. 2012, doi:10.1038/nbt.2203, use the same two parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from metcn.mixture import NORMAL_COPIES, mean_copies
from metcn.purity.allele_likelihood import Blocks

Floats = NDArray[np.float64]
Single = NDArray[np.float32]  # fine enough for densities, and twice as fast

# Share of the genome with 0, 1, 2 ... 12 copies in kinds of tumour. The first is without changes and the fourth near
# diploid with many, which tumours are more often than cell lines; six are learned from 188 profiles of cell lines by
# benchmarks/kinds.py, which says how well they explain profiles left out.
KINDS = np.array([
    [.0010, .0040, .9850, .0060, .0020, .0005, .0003, .0003, .0003, .0002, .0002, .0001, .0001],
    [.0005, .0084, .9720, .0171, .0015, .0003, .0002, .0001, .0001, .0001, .0001, .0001, .0001],
    [.0005, .0788, .7560, .1354, .0210, .0038, .0031, .0004, .0005, .0003, .0001, .0001, .0002],
    [.0060, .0900, .5600, .2500, .0600, .0170, .0060, .0040, .0030, .0010, .0010, .0010, .0010],
    [.0011, .0239, .4075, .3961, .1315, .0274, .0073, .0020, .0016, .0003, .0005, .0001, .0008],
    [.0003, .0047, .1525, .4309, .2847, .0801, .0317, .0084, .0044, .0007, .0003, .0003, .0009],
    [.0003, .0004, .0911, .1191, .6363, .0514, .0697, .0132, .0116, .0034, .0005, .0015, .0013],
    [.0003, .0009, .0180, .1536, .3033, .2469, .1800, .0315, .0436, .0125, .0054, .0014, .0024],
])  # fmt: skip
KINDS /= KINDS.sum(axis=1, keepdims=True)
KIND_WEIGHTS = np.array([0.05, 0.082, 0.160, 0.20, 0.204, 0.150, 0.082, 0.072])
FLAT_SUBCLONAL, SUBCLONAL = 0.03, 0.08  # share of segments between whole copies: of the first kind, of others
SUBCLONAL_SPAN = (-0.3, 8.3)  # copies over which the subclonal part is spread
SHARED_NOISE = np.array([0.008, 0.016, 0.03, 0.05])  # log2; noise of a segment that more bins do not reduce
COPY_SPREADS = np.array([0.01, 0.05])  # SD of a level around whole copies, relative to them: small subclones, response
FIRST_PAIRS = (5, 7)  # of shared noise and spread, .016 and .05 with .05: those that every point is judged by first
HOPELESS = 30.0  # of log-likelihood: points so far below the best are not computed at the other pairs
OUTLIERS, OUTLIER_SD = 0.1, 2.5  # share of segments with wider noise, and how much wider
FLAT = 0.9  # share of the genome at one number of copies, from which a kind is one without changes
MOVED = 0.1  # of the tumours of a kind have a copy more throughout, and as many a copy less
LEAST_SHARE = 1e-4  # of the genome at any number of copies, in a kind that is moved
TEMPER = 0.5  # segments are not independent: their joint log-likelihood counts half
FULL_BP = 20_000_000  # length from which a segment counts fully; shorter ones count in proportion
LEAST_BP, LEAST_BINS = 3_000_000, 5  # smaller segments are left out
MERGE_Z, MERGE_EXTRA = 2.0, 0.012  # neighbours closer than this many SD, of se and extra noise (log2), are one segment
BASELINE_SE = 0.016  # log2; error of the autosomal mean, which the ploidy of a profile rests on
MOST_LOG = 40.0  # of how much likelier allele fractions are at some copies: beyond it single precision ends
FLOOR_DENSITY = 1e-6  # density of a segment that nothing explains, so that no segment decides alone


@dataclass(frozen=True)
class Levels:
    """Segments as the fit sees them: linear ratio, standard error of its log2, and weight (0 to 1) each.

    ``of_row`` is the segment that each row of the table they come from became part of, -1 where it was left out.
    """

    ratio: Floats
    se: Floats
    weight: Floats
    of_row: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))


@dataclass(frozen=True, eq=False)
class Kinds:
    """Kinds of tumour: share of the genome at 0, 1, 2 ... copies, shape (kinds, copies); and how many are of each."""

    shares: Floats
    weight: Floats

    @property
    def subclonal(self) -> Floats:
        """Share of segments between whole copies, shape (kinds,); the first kind is the one without changes."""
        return np.where(np.arange(len(self.weight)) == 0, FLAT_SUBCLONAL, SUBCLONAL)

    def moved(self, by: int) -> Floats:
        """Shares one copy higher (1) or lower (-1), what falls off the ends kept there; shape (kinds, copies)."""
        moved = np.zeros_like(self.shares)
        inside = self.shares[:, :-1] if by > 0 else self.shares[:, 1:]
        moved[:, slice(1, None) if by > 0 else slice(None, -1)] = inside
        end = -1 if by > 0 else 0
        moved[:, end] += self.shares[:, end]
        moved += LEAST_SHARE
        return moved / moved.sum(axis=1, keepdims=True)

    def widened(self, unlike: Sequence[int] = ()) -> Kinds:
        """These kinds, each of them also one copy higher and lower, but for flat ones and those that are ``unlike`` it.

        At any purity below 2/3 a copy more throughout, at a slightly higher purity, explains a profile as well, so
        only the kinds tell the two apart. As few kinds as can be learned would be too sure of that. A genome without
        changes, however, has two copies.
        """
        still = np.isin(np.arange(len(self.weight)), unlike) | (self.shares.max(axis=1) > FLAT)
        weight = np.where(still, 0.0, MOVED * self.weight)
        kept = ~still
        shares = [self.shares, self.moved(1)[kept], self.moved(-1)[kept]]
        return Kinds(np.vstack(shares), np.concatenate([self.weight - 2 * weight, weight[kept], weight[kept]]))


NOT_LEARNED = (0, 3)  # the kinds that no cell line shows
LEARNED = Kinds(KINDS, KIND_WEIGHTS).widened(unlike=NOT_LEARNED)


@dataclass(frozen=True)
class Fit:
    """Tempered log-likelihood over (purity, ploidy), and the shared noise (log2) that goes with each point."""

    log_likelihood: Floats
    noise: Floats


def levels(chromosome: NDArray, start: NDArray, end: NDArray, log2: Floats, se: Floats, bins: NDArray) -> Levels:
    """Segments in genome order with neighbours of equal level joined and small ones left out.

    Rows may come in any order; rows with NaN in log2 or se are left out. All arguments have shape (segments,).
    """
    known = np.isfinite(log2) & np.isfinite(se)
    order = np.lexsort((start, chromosome))
    rows = order[known[order]]
    joined: list[list[float]] = []
    of_row = np.full(len(known), -1)
    previous = None
    for row in rows:
        length, level, variance = float(end[row] - start[row]), float(log2[row]), float(max(se[row], 1e-3) ** 2)
        last = joined[-1] if joined and chromosome[row] == previous else None
        previous = chromosome[row]
        limit = MERGE_Z * np.sqrt(variance + (last[2] if last else 0.0) + 2 * MERGE_EXTRA**2)
        if last is None or abs(last[1] - level) >= limit:
            last = [0.0, 0.0, 0.0, 0.0]
            joined.append(last)
        of_row[row] = len(joined) - 1
        share = last[0] / (last[0] + length)
        mean = share * last[1] + (1 - share) * level
        last[:] = [last[0] + length, mean, share**2 * last[2] + (1 - share) ** 2 * variance, last[3] + float(bins[row])]
    table = np.array(joined).reshape(-1, 4)
    kept = (table[:, 0] >= LEAST_BP) & (table[:, 3] >= LEAST_BINS)
    index = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)  # the last for rows without a level
    table = table[kept]
    return Levels(2 ** table[:, 1], np.sqrt(table[:, 2]), np.minimum(table[:, 0] / FULL_BP, 1.0), index[of_row])


def fit(
    observed: Levels, purity: Floats, ploidy: Floats, *, alleles: Blocks | None = None, kinds: Kinds = LEARNED
) -> Fit:
    """Log-likelihood of segments at every pair of ``purity`` and ``ploidy``, shape (purities, ploidies).

    ``alleles`` are the blocks of SNPs in the segments: how well a number of copies explains a segment's depth is then
    weighed with how well it explains their allele fractions. The noise is that of the shared-noise values weighted by
    how well they explain the segments at each point. Without a segment the log-likelihood is 0 everywhere.
    """
    total = mean_copies(purity[:, None], ploidy[None])
    between = np.mean(np.diff(ploidy)) / np.sqrt(12) if len(ploidy) > 1 else 0.0  # SD of a ploidy between the points
    comb = (purity[:, None] / total, NORMAL_COPIES * (1 - purity)[:, None] / total, purity[:, None] * between / total)
    step, origin, blur = (values.ravel().astype(np.float32) for values in comb)
    support = None if alleles is None else _support(alleles, purity, len(observed.ratio), kinds, len(ploidy))
    points = _Points(step, origin, blur, support)
    noises, spreads = (axis.ravel() for axis in np.meshgrid(SHARED_NOISE, COPY_SPREADS))
    log = np.full((len(noises), len(kinds.weight), len(step)), -np.inf)  # pair, kind, point
    order = [*FIRST_PAIRS, *(pair for pair in range(len(noises)) if pair not in FIRST_PAIRS)]
    kept = np.arange(len(step))
    for number, pair in enumerate(order):
        if number == len(FIRST_PAIRS):
            rough = logsumexp(log[list(FIRST_PAIRS)], axis=(0, 1))
            kept = np.flatnonzero(rough > rough.max() - HOPELESS)
            points = points.kept(kept)
        log[pair][:, kept] = _by_kind(observed, points, kinds, float(noises[pair]), float(spreads[pair]))
        log[pair] += np.log(kinds.weight)[:, None]
    whole = logsumexp(log, axis=(0, 1))
    share = np.exp(logsumexp(log, axis=1) - whole)
    noise = (share * noises[:, None]).sum(axis=0)
    return Fit(_blurred(whole.reshape(total.shape), np.log2(total)), noise.reshape(total.shape))


@dataclass(frozen=True, eq=False)
class _Points:
    """Levels of whole copies at each point: step of a copy, level of none, SD of the levels' common scale.

    ``support`` is that of allele fractions (`_support`), None without any.
    """

    step: Single
    origin: Single
    blur: Single
    support: list[Single] | None

    def kept(self, index: NDArray[np.intp]) -> _Points:
        """Some of the points."""
        support = None if self.support is None else [each[:, index] for each in self.support]
        return _Points(self.step[index], self.origin[index], self.blur[index], support)


def _support(alleles: Blocks, purity: Floats, segments: int, kinds: Kinds, ploidies: int) -> list[Single]:
    """How many times likelier each segment's allele fractions are at 0, 1, 2 ... copies than any fraction would be.

    One array of shape (segments, points) for each number of copies.
    """
    log = (alleles.by_copies(purity, copies, segments) for copies in range(kinds.shares.shape[1]))
    return [np.repeat(np.exp(np.clip(each, -MOST_LOG, MOST_LOG)), ploidies, axis=1).astype(np.float32) for each in log]


def _by_kind(observed: Levels, points: _Points, kinds: Kinds, noise: float, spread: float) -> Floats:
    """Tempered log-likelihood per kind of tumour and point at one shared noise and one spread of copies."""
    ratio, se = observed.ratio[:, None].astype(np.float32), observed.se[:, None].astype(np.float32)
    step, origin = points.step, points.origin
    own = ratio**2 * (np.float32(np.log(2) ** 2) * (se**2 + np.float32(noise**2)) + points.blur**2)
    by_copies = np.empty((kinds.shares.shape[1], len(ratio), len(step)), dtype=np.float32)
    for copies, density in enumerate(by_copies):
        variance = own + (np.float32(spread * max(copies, 1)) * step) ** 2
        square = (ratio - (origin + copies * step)) ** 2 / variance
        np.multiply(np.exp(-square / 2), 1 - OUTLIERS, out=density)
        density += OUTLIERS / OUTLIER_SD * np.exp(-square / (2 * OUTLIER_SD**2))
        density /= np.sqrt(np.float32(2 * np.pi) * variance)
        if points.support is not None:
            density *= points.support[copies]
    clonal = np.tensordot(kinds.shares.astype(np.float32), by_copies, axes=1)  # kind, segment, point
    low, high = SUBCLONAL_SPAN
    inside = (ratio > origin + low * step) & (ratio < origin + high * step)
    even = np.where(inside, np.float32(1 / (high - low)), np.float32(0.01)) / step
    share = kinds.subclonal.astype(np.float32)[:, None, None]
    clonal *= 1 - share
    clonal += share * even + np.float32(FLOOR_DENSITY)
    return TEMPER * np.einsum("s,ksg->kg", observed.weight, np.log(clonal, out=clonal))


def _blurred(log: Floats, log2_total: Floats) -> Floats:
    """Log-likelihood averaged along ploidy over the baseline's error: a shifted baseline is a shifted ploidy."""
    found = np.empty_like(log)
    for row, (values, place) in enumerate(zip(log, log2_total, strict=True)):
        kernel = -0.5 * ((place[:, None] - place[None]) / BASELINE_SE) ** 2
        kernel -= logsumexp(kernel, axis=1, keepdims=True)
        found[row] = logsumexp(kernel + values[None], axis=1)
    return found
