"""Bins of a genome of which only a part is read: chromosome 7, genes of interest, and a sample of all the rest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from metcn.bins import guided
from metcn.bins import tiles as tiling
from metcn.errors import InputError
from metcn.genome import build as genomes
from metcn.reads.alignments import Stretch

AROUND_GENE_BP = 100_000
WIDEST_BIN_BP = guided.WINDOW_BP // 8


def is_wanted(reading: str, *, assay: str, window_bp: int) -> bool:
    """Whether only a part of the genome is read: ``auto`` reads a part of deep genomes, which ``wgs`` stands for.

    Raises
    ------
    InputError
        If ``guided`` is asked for where windows cannot stand for the genome.
    """
    if reading != "guided":
        return reading == "auto" and assay == "wgs" and window_bp <= WIDEST_BIN_BP
    if assay != "wgs":
        raise InputError(f"bins.reading guided is for assay wgs, found {assay}; set auto, which reads all of it")
    if window_bp > WIDEST_BIN_BP:
        raise InputError(
            f"bins.reading guided needs bins of at most {WIDEST_BIN_BP:,} bp, found bins.window_bp {window_bp:,}; "
            "make them narrower, or set bins.reading whole"
        )
    return True


def sampled(frame: pd.DataFrame, facts: genomes.Genome) -> pd.DataFrame:
    """The bins that are read, and between them a masked row for each stretch that is not (at most 5 Mb long)."""
    codes, _ = pd.factorize(frame["chromosome"])
    place = {"chromosome": codes, "start": frame["start"].to_numpy()}
    read = guided.chosen(
        **place,
        end=frame["end"].to_numpy(),
        whole=_always_read(frame, facts),
        usable=(frame["mask"] == "").to_numpy(),
        gc=frame["gc"].to_numpy(float),
    )
    row = guided.rows(**place, read=read)
    first = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
    shorter = frame.iloc[first].assign(end=frame["end"].to_numpy()[np.r_[first[1:], len(frame)] - 1])
    unread = ~read[first]
    shorter.loc[unread, "gene"], shorter.loc[unread, "mask"] = tiling.UNNAMED, tiling.NOT_READ
    shorter.loc[unread, ["gc", "mappability"]] = np.nan
    return shorter.reset_index(drop=True)


def stretches(frame: pd.DataFrame, contigs: Iterable[str]) -> list[Stretch]:
    """The parts of an alignment's contigs that bins cover, in the order of its header; neighbours are one."""
    number = {genomes.bare(name): place for place, name in enumerate(contigs)}
    found = []
    for chromosome, part in frame.groupby("chromosome", sort=False):
        place = number.get(genomes.bare(str(chromosome)))
        if place is not None:
            start, end = tiling.merge(part["start"].to_numpy(), part["end"].to_numpy())
            found += [Stretch(place, *span) for span in zip(start.tolist(), end.tolist(), strict=True)]
    return sorted(found)


def _always_read(frame: pd.DataFrame, facts: genomes.Genome) -> np.ndarray:
    """Bins on chromosome 7, and those near the genes whose gain is another way to resist."""
    bare = genomes.bare_names(frame["chromosome"])
    wanted = (bare == genomes.MET_CHROMOSOME).to_numpy(copy=True)
    start, end = frame["start"].to_numpy(), frame["end"].to_numpy()
    genes = facts.resistance_genes
    places = zip(genes["chromosome"].astype(str), genes["start"].tolist(), genes["end"].tolist(), strict=True)
    for chromosome, first, last in places:
        near = (start < last + AROUND_GENE_BP) & (end > first - AROUND_GENE_BP)
        wanted |= (bare == chromosome).to_numpy() & near
    return wanted
