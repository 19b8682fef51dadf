"""Common SNPs that a sample's bins show: which of a list are counted, and the table of their reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from metcn.bins import tiles as tiling
from metcn.counts import snps
from metcn.genome import build as genomes
from metcn.genome import common_snps
from metcn.io import fasta as sequences
from metcn.reads.sam import Filters
from metcn.run.settings import CountsSettings
from metcn.vocabulary import ALLELE_COLUMNS

NEAR_BP = 100  # how far beyond a target captured fragments still reach in number
MOST_SITES = 2_500  # of a longer list: each place costs a jump in the file, and purity needs no more
UNKNOWN_FREQUENCY = 0.15  # taken for the rarer base of a site whose frequency is not known


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

    Of the list that comes with metcn, bases are put on the forward strand, by the ``fasta`` if there is one, else by
    the reads themselves; sites that show neither base on either strand are left out.

    Raises
    ------
    InputError
        If the list or the alignment is unusable, or of another build.
    """
    rules = Filters.of(settings), settings.min_base_quality
    if not common_snps.is_shipped(listed):
        sites = within(snps.read(listed, facts).assign(ref_known=True), frame)
        reads = snps.count(alignment, fasta, sites, *rules)
    else:
        sites = within(_shipped(listed, frame, facts), frame)
        sites = sites if fasta is None else by_reference(sites, fasta)
        tally = snps.bases(alignment, fasta, sites, *rules)
        sites = by_reads(sites, tally)
        reads = snps.of_alleles(tally, sites)
        shown = reads[:, 2] <= snps.MOST_OTHER * reads.sum(axis=1)
        sites, reads = sites[shown].reset_index(drop=True), reads[shown]
    table = sites.assign(**dict(zip(snps.READ_COLUMNS, reads.T, strict=True)))
    return table.assign(ref_known=table["ref_known"].astype(np.int64))[list(ALLELE_COLUMNS)]


def _shipped(path: Path, frame: pd.DataFrame, facts: genomes.Genome) -> pd.DataFrame:
    """The list that comes with metcn; of even windows over a genome, its sites that are spread as evenly."""
    sites = common_snps.load(facts, path)
    return sites[sites["list"] != "exome"] if (frame["kind"] == "window").any() else sites


def within(sites: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The sites in or near usable bins, off-target ones aside; of more than ``MOST_SITES``, an even choice.

    Of neighbours, the one whose rarer base is the most frequent (``maf``) is chosen, if frequencies are given.
    """
    usable = frame[(frame["mask"] == "") & (frame["kind"] != "off_target")]
    bare = genomes.bare_names(usable["chromosome"])
    chromosome, start = sites["chromosome"].to_numpy(str), sites["start"].to_numpy()
    seen = np.zeros(len(sites), dtype=bool)
    for name, part in usable.groupby(bare, sort=False):
        first, last = tiling.merge(part["start"].to_numpy() - NEAR_BP, part["end"].to_numpy() + NEAR_BP)
        rows = np.flatnonzero(chromosome == name)
        run = np.searchsorted(first, start[rows], side="right") - 1
        seen[rows] = (run >= 0) & (start[rows] < last[run])
    return _thinned(sites[seen]).reset_index(drop=True)


def _thinned(sites: pd.DataFrame) -> pd.DataFrame:
    """At most ``MOST_SITES`` of the sites: the most informative one of each of as many runs of equal number."""
    if len(sites) <= MOST_SITES:
        return sites
    run = np.arange(len(sites)) * MOST_SITES // len(sites)
    given = sites["maf"].fillna(UNKNOWN_FREQUENCY) if "maf" in sites else pd.Series(0.0, index=sites.index)
    order = np.lexsort((np.arange(len(sites)), -given.to_numpy(float), run))
    best = order[np.unique(run[order], return_index=True)[1]]
    return sites.iloc[best]


def by_reference(sites: pd.DataFrame, fasta: Path) -> pd.DataFrame:
    """The sites with the reference's base as ``ref``, on the forward strand; those without it are left out.

    Raises
    ------
    InputError
        If the sequence is damaged.
    """
    with sequences.open_fasta(fasta) as handle:
        name_of = {genomes.bare(name): name for name in handle.references}
        base = np.array(
            [
                sequences.base(handle, name_of[name], place) if name in name_of else "N"
                for name, place in zip(sites["chromosome"].tolist(), sites["start"].tolist(), strict=True)
            ],
            dtype=str,
        )
    other = common_snps.complemented(sites, np.ones(len(sites), dtype=bool))
    here, there = (side[["ref", "alt"]].to_numpy(str) for side in (sites, other))
    reverse = ~(here == base[:, None]).any(axis=1)
    forward = np.where(reverse[:, None], there, here)
    alt = np.where(forward[:, 0] == base, forward[:, 1], forward[:, 0])
    known = (forward == base[:, None]).any(axis=1)
    return sites.assign(ref=base, alt=alt, ref_known=True)[known].reset_index(drop=True)


def by_reads(sites: pd.DataFrame, tally: np.ndarray) -> pd.DataFrame:
    """The sites with the bases of the other strand where more of the reads (`snps.bases`) show those."""
    other = common_snps.complemented(sites, np.ones(len(sites), dtype=bool))
    shown = [snps.of_alleles(tally, side)[:, :2].sum(axis=1) for side in (sites, other)]
    return common_snps.complemented(sites, shown[1] > shown[0])
