"""Sites that are heterozygous in the germline, by the reads of a sample or of its matched normal at common SNPs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metcn.purity import allele_fractions
from metcn.vocabulary import ALLELE_COLUMNS

SITE_COLUMNS, READ_COLUMNS = ALLELE_COLUMNS[:5], ALLELE_COLUMNS[5:]
HETEROZYGOUS_NORMAL = (0.25, 0.75)  # shares of an allele in a normal, whose heterozygous sites lie at one half
ERROR_RATE = 0.002  # of a base read as the other allele
CHANCE = 1e-4  # of a homozygous site taken for a heterozygous one


def heterozygous(tumour: pd.DataFrame, normal: pd.DataFrame | None = None) -> pd.DataFrame:
    """Sites that are heterozygous in the germline, in the form of `metcn.purity.allele_fractions.read`.

    By the matched ``normal``'s reads where they are given (both: ``ALLELE_COLUMNS``): the tumour's own then take no
    part in the choice. Else by the tumour's own: both alleles have to lie within ``variants.HETEROZYGOUS`` and to be
    more than errors. A site whose second allele a pure tumour has lost is then missed, never misread.
    """
    if normal is None:
        judged, (low, high) = tumour, allele_fractions.HETEROZYGOUS
    else:
        place = list(SITE_COLUMNS)
        judged, (low, high) = tumour[place].merge(normal, how="left", on=place), HETEROZYGOUS_NORMAL
    first, second = (judged[name].fillna(0).to_numpy(float) for name in READ_COLUMNS[:2])
    depth, fewer = first + second, np.minimum(first, second)
    share = np.divide(second, depth, out=np.zeros(len(depth)), where=depth > 0)
    chosen = (share >= low) & (share <= high) & (depth >= allele_fractions.LEAST_DEPTH)
    if normal is None:
        from scipy.special import betainc  # only here, so that counting does not wait for SciPy

        chosen &= betainc(np.maximum(fewer, 1), depth - fewer + 1, ERROR_RATE) < CHANCE  # so many errors or more
    both = tumour["ref_reads"] + tumour["alt_reads"]
    found = tumour.assign(position=tumour["start"], reads=tumour["alt_reads"], depth=both, somatic=False)
    return found[chosen & (both >= allele_fractions.LEAST_DEPTH)][list(allele_fractions.COLUMNS)].reset_index(drop=True)
