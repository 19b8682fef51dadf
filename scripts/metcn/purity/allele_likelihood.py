"""How well purity and ploidy explain allele fractions: of heterozygous SNPs, and of clonal driver mutations.

At a locus with ``N`` tumour copies, ``m`` of them with the allele, at purity ``p`` the allele fraction is expected at
``(p*m + g*(1-p)) / (p*N + 2*(1-p))``, where ``g`` is 1 for a heterozygous germline SNP and 0 for a mutation of the
tumour. ``N`` follows from the depth ratio, ``m`` is unknown and summed over. Van Loo et al. 2010,
doi:10.1073/pnas.1009843107 (SNPs); McGranahan et al. 2015, doi:10.1126/scitranslmed.aaa1408 (mutations).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, logsumexp

from metcn.mixture import NORMAL_COPIES, tumour_copies

Floats = NDArray[np.float64]

MOST_COPIES = 10  # stretches with more are left out: their allele fractions hardly depend on purity
COPY_SD = 0.25  # copies; how far a level may lie from a whole number and still be taken for it
CONCENTRATION = 200.0  # of the beta-binomial: allele fractions scatter more than counts of reads alone would
UNEXPLAINED = 0.1  # share of stretches or mutations that are subclonal, artefacts, or no clonal heterozygous site
SITES_OF_STRETCH = 5.0  # sites of a stretch count together as no more than this many: they share artefacts


@dataclass(frozen=True)
class Sites:
    """Sites with reads of the allele, depth, number of their stretch, and whether they are mutations of the tumour."""

    reads: Floats
    depth: Floats
    stretch: NDArray[np.intp]
    somatic: NDArray[np.bool_]


def log_likelihood(sites: Sites, ratio: Floats, purity: Floats, ploidy: Floats) -> Floats:
    """Log-likelihood of allele fractions at every pair of ``purity`` and ``ploidy``, shape (purities, ploidies).

    Parameters
    ----------
    sites : Sites
    ratio : ndarray, shape (stretches,)
        Depth ratio of each stretch; sites of a stretch share its copies. NaN: the stretch is left out.
    purity, ploidy : ndarray
    """
    total = np.zeros((len(purity), len(ploidy)))
    for number in np.unique(sites.stretch):
        if not np.isfinite(ratio[number]):
            continue
        inside = sites.stretch == number
        copies = tumour_copies(ratio[number], purity[:, None], ploidy[None])
        germline = np.flatnonzero(inside & ~sites.somatic)
        if germline.size:
            weight = min(1.0, SITES_OF_STRETCH / len(germline))
            total += _stretch(sites, germline, copies, purity, weight)
        for site in np.flatnonzero(inside & sites.somatic):
            total += _stretch(sites, np.array([site]), copies, purity, 1.0)
    return total


def _stretch(sites: Sites, rows: NDArray[np.intp], copies: Floats, purity: Floats, weight: float) -> Floats:
    """Log-likelihood of sites that share copies and the number of them with the allele (or, for SNPs, without it)."""
    reads, depth = sites.reads[rows], sites.depth[rows]
    somatic = bool(sites.somatic[rows[0]])
    choose = weight * float((-np.log1p(depth) - betaln(depth - reads + 1, reads + 1)).sum())
    by_copies = np.full((len(purity), MOST_COPIES + 1), -np.inf)
    for whole in range(1 if somatic else 0, MOST_COPIES + 1):
        carried = range(1 if somatic else (whole + 1) // 2, whole + 1)
        states = np.array([_state(reads, depth, purity, whole, carrying, somatic) for carrying in carried])
        by_copies[:, whole] = logsumexp(weight * states, axis=0) - np.log(len(carried))
    near = np.exp(-0.5 * ((copies[..., None] - np.arange(MOST_COPIES + 1)) / COPY_SD) ** 2)
    near /= np.maximum(near.sum(axis=-1, keepdims=True), 1.0)  # purity, ploidy, copies
    best = by_copies.max(axis=1)
    explained = np.log(np.einsum("pqc,pc->pq", near, np.exp(by_copies - best[:, None])) + 1e-300) + best[:, None]
    # where the depth says no whole number of copies, or none within 0 and the most, any fraction is as likely
    nothing = np.log1p(-(1 - UNEXPLAINED) * near.sum(axis=-1)) - weight * np.log1p(depth).sum()
    return np.logaddexp(np.log1p(-UNEXPLAINED) + choose + explained, nothing)


def _state(reads: Floats, depth: Floats, purity: Floats, whole: int, carrying: int, somatic: bool) -> Floats:
    """Log-likelihood per purity of sites with ``carrying`` of ``whole`` copies, without the binomial coefficient."""
    log = _beta_binomial(reads, depth, _fraction(purity, whole, carrying, somatic))
    if not somatic:  # either of the two alleles may be the one that is counted
        other = _beta_binomial(reads, depth, _fraction(purity, whole, whole - carrying, somatic))
        log = np.logaddexp(log, other) - np.log(2)
    return np.asarray(log.sum(axis=1))


def _fraction(purity: Floats, whole: int, carrying: int, somatic: bool) -> Floats:
    """Expected allele fraction per purity, kept off 0 and 1 by a sequencing error."""
    normal = 0.0 if somatic else 1.0
    below = purity * whole + NORMAL_COPIES * (1 - purity)
    share = (purity * carrying + normal * (1 - purity)) / np.maximum(below, 1e-9)
    return np.clip(share, 0.005, 0.995)


def _beta_binomial(reads: Floats, depth: Floats, fraction: Floats) -> Floats:
    """Log-probability of reads at a depth, shape (purities, sites), without the binomial coefficient."""
    first, second = CONCENTRATION * fraction[:, None], CONCENTRATION * (1 - fraction)[:, None]
    return betaln(reads + first, depth - reads + second) - betaln(first, second)
