"""How well copies and purity explain allele fractions: of heterozygous SNPs, and of clonal driver mutations.

At a locus with ``N`` tumour copies, ``m`` of them with the allele, at purity ``p`` the allele fraction is expected at
``(p*m + g*(1-p)) / (p*N + 2*(1-p))``, where ``g`` is 1 for a heterozygous germline SNP and 0 for a mutation of the
tumour. SNPs join the likelihood of the segment they lie in (`metcn.purity.segment_likelihood`), copy number by copy
number; a mutation takes its copies from the depth ratio. ``m`` is unknown and summed over. Van Loo et al. 2010,
doi:10.1073/pnas.1009843107 (SNPs); McGranahan et al. 2015, doi:10.1126/scitranslmed.aaa1408 (mutations).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, logsumexp

from metcn.mixture import NORMAL_COPIES, tumour_copies
from metcn.purity.reference_bias import shifted

Floats = NDArray[np.float64]

CONCENTRATION = 200.0  # of the beta-binomial: allele fractions scatter more than counts of reads alone would
UNEXPLAINED = 0.1  # share of blocks or mutations that are subclonal, artefacts, or no clonal heterozygous site
SITES_OF_BLOCK = 5.0  # sites of a block count together as no more than this many: they share artefacts
EVEN = 0.7  # share of segments whose two alleles are as even as their copies allow; any other split is as likely
FRACTIONS = np.linspace(0.0, 0.5, 201)  # fractions of the rarer allele at which SNPs are looked up
ERROR = 0.005  # expected fractions are kept so far off 0 and 1: a base may be misread
STEPS_OF_DEPTH = 8  # of an octave, to which depths are rounded where only the chance of a site's choice hangs on them
LEAST_KEPT = 1e-6  # probability of a site's choice, from which it is no longer told
MOST_COPIES = 10  # mutations at more are left out: their fractions hardly depend on purity
COPY_SD = 0.25  # copies; how far a level may lie from a whole number and still be taken for it


@dataclass(frozen=True, eq=False)
class Snps:
    """Heterozygous SNPs, one value for each, shape (sites,).

    Attributes
    ----------
    reads, depth : reads of the counted allele, and of either.
    block : the block each lies in (of `Blocks`).
    log_odds : by how much reads of the counted allele are favoured (reference bias).
    fewest : reads of the rarer allele from which a site was taken for heterozygous; 0 if not by these reads.
    """

    reads: Floats
    depth: Floats
    block: NDArray[np.intp]
    log_odds: Floats
    fewest: Floats


@dataclass(frozen=True, eq=False)
class Blocks:
    """Log-likelihood of each block's SNPs at each of ``FRACTIONS``, and the segment each block lies in.

    A block is a stretch whose SNPs share an allelic state. ``log_likelihood`` has shape (blocks, fractions), up to a
    constant of each block.
    """

    log_likelihood: Floats
    segment: NDArray[np.intp]

    @classmethod
    def of(cls, snps: Snps, segment: NDArray[np.intp]) -> Blocks:
        """Blocks of SNPs; ``segment`` is the segment of each, shape (blocks,)."""
        rarer = np.clip(FRACTIONS, ERROR, None)[:, None]
        biased = [shifted(fraction, snps.log_odds) for fraction in (rarer, 1 - rarer)]
        # either of the two alleles may be the one that is counted
        site = np.logaddexp(*(_beta_binomial(snps.reads, snps.depth, fraction) for fraction in biased)).T
        site -= _log_kept(snps.depth, snps.fewest)
        number = np.bincount(snps.block, minlength=len(segment))
        total = np.zeros((len(segment), len(FRACTIONS)))
        np.add.at(total, snps.block, site)
        return cls(total * np.minimum(1.0, SITES_OF_BLOCK / np.maximum(number, 1))[:, None], segment)

    def by_copies(self, purity: Floats, copies: int, segments: int) -> Floats:
        """Log-likelihood of each segment's SNPs at whole ``copies``, shape (segments, purities); 0 without SNPs.

        The part of a block that nothing explains has any fraction; the result is relative to that.
        """
        any_fraction = logsumexp(self.log_likelihood, axis=1, keepdims=True) - np.log(len(FRACTIONS))
        rare = np.arange(copies // 2 + 1)
        expected = (purity[:, None] * rare + 1 - purity[:, None]) / np.maximum(
            purity * copies + NORMAL_COPIES * (1 - purity), 1e-9
        )[:, None]  # purity, copies of the rarer allele
        place = np.clip(expected, 0, 0.5) / FRACTIONS[1]
        left = np.minimum(place.astype(int), len(FRACTIONS) - 2)
        step = place - left
        at = self.log_likelihood[:, left] * (1 - step) + self.log_likelihood[:, left + 1] * step
        weight = np.full(len(rare), (1 - EVEN) / max(len(rare) - 1, 1))
        weight[-1] = EVEN if len(rare) > 1 else 1.0
        explained = logsumexp(at + np.log(weight), axis=2)
        relative = np.logaddexp(np.log1p(-UNEXPLAINED) + explained - any_fraction, np.log(UNEXPLAINED))
        total = np.zeros((segments, len(purity)))
        np.add.at(total, self.segment, relative)
        return total


@dataclass(frozen=True, eq=False)
class Mutations:
    """Clonal mutations of the tumour: reads, depth, and the depth ratio at each, shape (mutations,) each."""

    reads: Floats
    depth: Floats
    ratio: Floats


def of_mutations(mutations: Mutations, purity: Floats, ploidy: Floats) -> Floats:
    """Log-likelihood of mutations at every pair of ``purity`` and ``ploidy``, shape (purities, ploidies).

    A mutation whose ratio is NaN is left out.
    """
    total = np.zeros((len(purity), len(ploidy)))
    for reads, depth, ratio in zip(mutations.reads, mutations.depth, mutations.ratio, strict=True):
        if np.isfinite(ratio):
            total += _mutation(reads, depth, tumour_copies(ratio, purity[:, None], ploidy[None]), purity)
    return total


def _mutation(reads: float, depth: float, copies: Floats, purity: Floats) -> Floats:
    """Log-likelihood of one mutation, of which any number of the copies may carry it."""
    by_copies = np.full((len(purity), MOST_COPIES + 1), -np.inf)
    for whole in range(1, MOST_COPIES + 1):
        carried = np.arange(1, whole + 1)
        share = purity[:, None] * carried / (purity * whole + NORMAL_COPIES * (1 - purity))[:, None]
        log = _beta_binomial(np.array([reads]), np.array([depth]), np.clip(share, ERROR, 1 - ERROR)[..., None])[..., 0]
        by_copies[:, whole] = logsumexp(log, axis=1) - np.log(len(carried))
    near = np.exp(-0.5 * ((copies[..., None] - np.arange(MOST_COPIES + 1)) / COPY_SD) ** 2)
    near /= np.maximum(near.sum(axis=-1, keepdims=True), 1.0)  # purity, ploidy, copies
    choose = float(-np.log1p(depth) - betaln(depth - reads + 1, reads + 1))
    best = by_copies.max(axis=1)
    explained = np.log(np.einsum("pqc,pc->pq", near, np.exp(by_copies - best[:, None])) + 1e-300) + best[:, None]
    # where the depth says no whole number of copies, or none within 0 and the most, any fraction is as likely
    nothing = np.log1p(-(1 - UNEXPLAINED) * near.sum(axis=-1)) - np.log1p(depth)
    return np.logaddexp(np.log1p(-UNEXPLAINED) + choose + explained, nothing)


def _log_kept(depth: Floats, fewest: Floats) -> Floats:
    """Log-probability of a site of each depth to be kept at each of ``FRACTIONS``, shape (sites, fractions).

    Sites of like depth share one value, since it changes slowly with depth.
    """
    rounded = np.exp2(np.round(np.log2(np.maximum(depth, 1.0)) * STEPS_OF_DEPTH) / STEPS_OF_DEPTH).round()
    least = np.where(fewest > 0, np.maximum(np.round(fewest * rounded / np.maximum(depth, 1.0)), 1.0), 0.0)
    pairs, place = np.unique(np.stack([rounded, least]), axis=1, return_inverse=True)
    return np.stack([_log_kept_at(*pair) for pair in pairs.T])[place.ravel()]


def _log_kept_at(depth: float, fewest: float) -> Floats:
    """Log-probability at each of ``FRACTIONS`` that both alleles have the fewest reads, at one depth."""
    fraction = np.clip(FRACTIONS, ERROR, None)[:, None]
    few = np.arange(fewest)
    choose = -np.log1p(depth) - betaln(few + 1, depth - few + 1)
    lost = sum(
        np.exp(choose + _beta_binomial(few, np.array(depth), each)).sum(axis=1) for each in (fraction, 1 - fraction)
    )
    return np.log(np.maximum(1 - lost, LEAST_KEPT))


def _beta_binomial(reads: Floats, depth: Floats, fraction: Floats) -> Floats:
    """Log-probability of reads at a depth without the binomial coefficient; the arguments broadcast."""
    first, second = CONCENTRATION * fraction, CONCENTRATION * (1 - fraction)
    return betaln(reads + first, depth - reads + second) - betaln(first, second)
