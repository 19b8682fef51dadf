"""Common SNPs that a sample's bins show: which of a list are counted, and the table of their reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from metcn.bins import tiles as tiling
from metcn.counts import snps
from metcn.genome import build as genomes
from metcn.reads.sam import Filters
from metcn.run.settings import CountsSettings
from metcn.vocabulary import ALLELE_COLUMNS

NEAR_BP = 100  # how far beyond a target captured fragments still reach in number
MOST_SITES = 20_000  # a longer list is thinned evenly: each place costs a jump in the file, and purity needs far fewer


def none() -> pd.DataFrame:
    """The table without a site."""
    return pd.DataFrame(columns=list(ALLELE_COLUMNS))


def counted(
    listed: Path,
    frame: pd.DataFrame,
    facts: genomes.Genome,
    alignment: Path,
    fasta: Path | None,
    settings: CountsSettings,
) -> pd.DataFrame:
    """Reads of either allele (``ALLELE_COLUMNS``) at the listed SNPs that lie in or near usable bins.

    Raises
    ------
    InputError
        If the list or the alignment is unusable, or of another build.
    """
    sites = within(snps.read(listed, facts), frame)
    reads = snps.count(alignment, fasta, sites, Filters.of(settings), settings.min_base_quality)
    return sites.assign(**dict(zip(snps.READ_COLUMNS, reads.T, strict=True)))


def within(sites: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The sites in or near usable bins, off-target ones aside; of more than ``MOST_SITES``, an even choice."""
    usable = frame[(frame["mask"] == "") & (frame["kind"] != "off_target")]
    bare = genomes.bare_names(usable["chromosome"])
    chromosome, start = sites["chromosome"].to_numpy(str), sites["start"].to_numpy()
    seen = np.zeros(len(sites), dtype=bool)
    for name, part in usable.groupby(bare, sort=False):
        first, last = tiling.merge(part["start"].to_numpy() - NEAR_BP, part["end"].to_numpy() + NEAR_BP)
        rows = np.flatnonzero(chromosome == name)
        run = np.searchsorted(first, start[rows], side="right") - 1
        seen[rows] = (run >= 0) & (start[rows] < last[run])
    kept = np.flatnonzero(seen)
    if len(kept) > MOST_SITES:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_SITES).round().astype(int)]
    return sites.iloc[kept].reset_index(drop=True)
