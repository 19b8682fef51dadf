"""Sites that are heterozygous in the germline, by the reads of a sample or of its matched normal at common SNPs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from metcn.purity import allele_fractions
from metcn.vocabulary import ALLELE_COLUMNS

PLACE_COLUMNS, READ_COLUMNS = ALLELE_COLUMNS[:3], ALLELE_COLUMNS[5:8]
HETEROZYGOUS_NORMAL = (0.25, 0.75)  # shares of an allele in a normal, whose heterozygous sites lie at one half
ERROR_RATE = 0.002  # of a base read as the other allele
CHANCE = 1e-4  # of a homozygous site taken for a heterozygous one
LOST = 0.01  # probability that a site is left out, below which it is kept for sure
FRACTIONS = np.linspace(0.001, 0.5, 500)
DEEP = 5000  # reads, from which the depth no longer matters
STEPS = 16  # depths that are told apart within a factor of two
HAPLOTYPE_BP = 100_000  # in which alternative bases are often inherited together
COLUMNS = (*allele_fractions.COLUMNS, "ref_known")


def heterozygous(tumour: pd.DataFrame, normal: pd.DataFrame | None = None) -> pd.DataFrame:
    """Sites that are heterozygous in the germline, in the form of `metcn.purity.allele_fractions.read`.

    By the matched ``normal``'s reads where they are given (both: ``ALLELE_COLUMNS``): the tumour's own then take no
    part in the choice. Else by the tumour's own: both alleles have to lie within ``variants.HETEROZYGOUS`` and to be
    more than errors. A site whose second allele a pure tumour has lost is then missed, never misread: a likelihood must
    leave out what lies beyond `kept_from`. ``ref_known`` says whether ``reads`` are those of the base that differs from
    the reference, rather than of either.
    """
    if normal is None:
        judged, (low, high) = tumour, allele_fractions.HETEROZYGOUS
    else:
        place = list(PLACE_COLUMNS)
        judged, (low, high) = tumour[place].merge(normal, how="left", on=place), HETEROZYGOUS_NORMAL
    first, second = (judged[name].fillna(0).to_numpy(float) for name in READ_COLUMNS[:2])
    depth, fewer = first + second, np.minimum(first, second)
    share = np.divide(second, depth, out=np.zeros(len(depth)), where=depth > 0)
    chosen = (share >= low) & (share <= high) & (depth >= allele_fractions.LEAST_DEPTH)
    if normal is None:
        chosen &= ~_may_be_errors(fewer, depth)
    both = tumour["ref_reads"] + tumour["alt_reads"]
    known = tumour["ref_known"].astype(bool)
    found = tumour.assign(
        position=tumour["start"], reads=tumour["alt_reads"], depth=both, somatic=False, ref_known=known
    )
    return found[chosen & (both >= allele_fractions.LEAST_DEPTH)][list(COLUMNS)].reset_index(drop=True)


def kept_from(depth: ArrayLike, concentration: float = 200.0) -> NDArray[np.float64]:
    """Lowest expected fraction of the rarer allele at which `heterozygous` keeps a site by own reads with 99 %.

    Below it, and above one minus it, sites are left out because of their reads, so that those which stay have more of
    the rarer allele than was expected. Shape of ``depth``; NaN below the least depth, at which none is kept.

    Parameters
    ----------
    depth : array_like
        Reads of either allele.
    concentration : float
        Of the beta-binomial by which fractions scatter.

    >>> kept_from([30, 100, 1000]).round(2)
    array([0.28, 0.14, 0.1 ])
    """
    given = np.minimum(np.asarray(depth, dtype=np.float64), DEEP)
    rounded = np.exp2(np.floor(np.log2(np.maximum(given, 1)) * STEPS) / STEPS)
    judged = np.where(given >= 2 * allele_fractions.LEAST_DEPTH, np.ceil(rounded), np.floor(given))
    unique, place = np.unique(judged, return_inverse=True)
    lowest = [
        np.nan if each < allele_fractions.LEAST_DEPTH else _kept_from(int(each), concentration) for each in unique
    ]
    return np.array(lowest)[place].reshape(given.shape)


def _kept_from(depth: int, concentration: float) -> float:
    """Lowest expected fraction at which a site of one depth is kept for sure; one half if none is."""
    from scipy.special import betaln, gammaln, logsumexp

    reads, first = np.arange(fewest(depth), dtype=np.float64)[:, None], concentration * FRACTIONS
    second = concentration - first
    choose = gammaln(depth + 1) - gammaln(reads + 1) - gammaln(depth - reads + 1)
    log = choose + betaln(reads + first, depth - reads + second) - betaln(first, second)
    kept = logsumexp(log, axis=0) <= np.log(LOST)
    return float(FRACTIONS[np.argmax(kept)]) if kept.any() else 0.5


def haplotypes(sites: pd.DataFrame) -> NDArray[np.int64]:
    """A number per site, the same for sites (``COLUMNS``) within 100 kb, for `metcn.purity.reference_bias.measured`."""
    name = sites["chromosome"].astype(str) + ":" + (sites["position"] // HAPLOTYPE_BP).astype(str)
    return np.asarray(pd.factorize(name)[0], dtype=np.int64)


def fewest(depth: float) -> int:
    """Fewest reads of the rarer allele with which a site of a depth is kept."""
    counts = np.arange(int(depth) // 2 + 2, dtype=np.float64)
    low, _ = allele_fractions.HETEROZYGOUS
    return int(np.argmax((counts >= low * depth) & ~_may_be_errors(counts, np.full(len(counts), depth))))


def _may_be_errors(fewer: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether so many reads of the rarer allele may be errors of a homozygous site."""
    from scipy.special import betainc  # only here, so that counting does not wait for SciPy

    return np.asarray(betainc(np.maximum(fewer, 1), depth - fewer + 1, ERROR_RATE) >= CHANCE)
