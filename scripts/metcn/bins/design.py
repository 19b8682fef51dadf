"""The bins of an assay: placed, named, given roles, base content and masks."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metcn.bins import base_content
from metcn.bins import tiles as tiling
from metcn.bins.targets import read_targets
from metcn.errors import InputError
from metcn.genome import axis, names
from metcn.genome import build as genomes
from metcn.io import coverage_formats
from metcn.io import fasta as sequences
from metcn.run.settings import BinsSettings

WINDOW_BP = {"wgs": 1000, "swgs": 50_000}
KIND_OF_ASSAY = {"panel": "target", "wes": "target", "amplicon": "amplicon", "wgs": "window", "swgs": "window"}
ELSEWHERE_BP = 5_000_000  # MET lies within 2 Mb of its place here in every build that there has been
MASKED_FRACTION = 0.5
"""A window is masked when more than this fraction of it cannot be measured."""


def check_place(frame: pd.DataFrame, facts: genomes.Genome, where: str, *, overhang: bool = False) -> bool:
    """Whether bins named MET lie in MET, which proves the build.

    ``overhang`` lets a bin end beyond its chromosome if it begins on it: the last one of an even grid often does.

    Raises
    ------
    InputError
        If no bin lies on a known chromosome, bins reach beyond a chromosome's end, or most bins named MET lie near it
        but none in it: another build.
    """
    bare = genomes.bare_names(frame["chromosome"])
    length = genomes.ends(facts, frame["chromosome"])
    if not bare.isin(facts.contigs).any():
        found = ", ".join(frame["chromosome"].unique()[:3].astype(str))
        raise InputError(f"{where}: expected chromosomes such as chr7 or 7, found {found}; rename them")
    beyond = frame[(frame["start"] >= length) if overhang else (frame["end"] > length)]
    remedy = f"set the genome it was made for, or give one for {facts.name}"
    if len(beyond):
        row = beyond.iloc[0]
        raise InputError(
            f"{where}: {row.chromosome}:{row.start}-{row.end} ends beyond the chromosome in {facts.name}; {remedy}"
        )
    named = frame[frame["gene"].map({name: tiling.gene_symbol(name) for name in frame["gene"].unique()}) == "MET"]
    near = (named["start"] < facts.met[1] + ELSEWHERE_BP) & (named["end"] > facts.met[0] - ELSEWHERE_BP)
    near &= bare[named.index] == genomes.MET_CHROMOSOME
    if not 2 * near.sum() > len(named):  # names that are anywhere do not tell where genes are
        return False
    named = named[near]
    inside = (named["start"] < facts.met[1]) & (named["end"] > facts.met[0])
    if not inside.any():
        row, (start, end) = named.iloc[0], facts.met
        raise InputError(
            f"{where}: {row.chromosome}:{row.start}-{row.end} is named MET, "
            f"but MET of {facts.name} is at {start}-{end}; {remedy}"
        )
    return True


def bins_of_coverage(table: pd.DataFrame, facts: genomes.Genome, *, assay: str, where: str) -> pd.DataFrame:
    """Bins that are exactly the rows of a coverage table."""
    check_place(table, facts, where, overhang=True)
    kind = np.where(table["kind"] == "off_target", "off_target", KIND_OF_ASSAY[assay])
    return table.assign(kind=kind)[["chromosome", "start", "end", "gene", "kind"]]


def bins_of_design(
    facts: genomes.Genome, *, assay: str, targets: Path | None, fasta: Path | None, settings: BinsSettings
) -> pd.DataFrame:
    """Bins made for counting alignments: windows, inserts, or tiles of targets with windows between them."""
    if KIND_OF_ASSAY[assay] == "window":
        return _window_bins(facts, fasta, settings.window_bp or WINDOW_BP[assay])
    if targets is None:
        raise InputError(
            f"assay {assay} needs the places it measures; set targets in the configuration to its BED file"
        )
    listed, notes = read_targets(targets, facts)
    for note in notes:
        print(f"metcn: note: {note}", file=sys.stderr)
    check_place(listed, facts, str(targets))
    if assay == "amplicon":
        return listed.assign(kind="amplicon")
    origins = axis.origins(listed["chromosome"], facts)
    spelling = axis.spelling(listed["chromosome"].unique(), origins)
    start, end = axis.on_axis(listed, origins)
    low = start // axis.STRIDE * axis.STRIDE
    high = low + genomes.ends(facts, listed["chromosome"]).clip(upper=axis.STRIDE).astype(np.int64).to_numpy()
    start, end = tiling.widen(start, end, low, high)
    tile_start, tile_end, target = tiling.target_bins(start, end, target_bp=settings.target_bp)
    name = listed["gene"].to_numpy(object)[target]
    on_target = axis.off_axis(tile_start, tile_end, origins, spelling).assign(gene=name, kind="target")
    tiles = tiling.Intervals(tile_start, tile_end)
    away_start, away_end = _away_from_targets(tiles, facts, origins, fasta, settings)
    away = axis.off_axis(away_start, away_end, origins, spelling).assign(gene="Antitarget", kind="off_target")
    return coverage_formats.genome_order(pd.concat([on_target, away], ignore_index=True), facts)


@contextmanager
def _of_build(fasta: Path, facts: genomes.Genome) -> Iterator[Any]:
    """An open FASTA, by whose lengths it is not of another build."""
    with sequences.open_fasta(fasta) as handle:
        genomes.check_build(dict(zip(handle.references, handle.lengths, strict=True)), facts, where=str(fasta))
        yield handle


def _measured_chromosomes(facts: genomes.Genome) -> list[str]:
    return [*genomes.AUTOSOMES, *genomes.SEX_CHROMOSOMES]


def _away_from_targets(
    targets: tiling.Intervals,
    facts: genomes.Genome,
    origins: Mapping[str, int],
    fasta: Path | None,
    settings: BinsSettings,
) -> tiling.Intervals:
    """Off-target windows on the axis, clear of centromeres, blacklisted and (given a FASTA) unsequenced regions."""
    chromosomes = _measured_chromosomes(facts)
    start = np.array([origins[name] for name in chromosomes])
    excluded = [axis.on_axis(regions, origins) for regions in (_centromeres(facts), facts.blacklist)]
    if fasta:
        excluded.append(axis.on_axis(_unsequenced(fasta, facts), origins))
    return tiling.off_target_bins(
        tiling.Intervals(start, start + [facts.contigs[name] for name in chromosomes]),
        targets,
        tiling.Intervals(*(np.concatenate(side) for side in zip(*excluded, strict=True))),
        settings,
    )


def _window_bins(facts: genomes.Genome, fasta: Path | None, window_bp: int) -> pd.DataFrame:
    """Even windows along 1-22, X and Y, named as the FASTA names them (``chr7`` without one)."""
    origins = axis.origins([], facts)
    written = []
    if fasta:
        with _of_build(fasta, facts) as handle:
            written = list(handle.references)
    chromosomes = _measured_chromosomes(facts)
    start = np.array([origins[name] for name in chromosomes])
    window_start, window_end = tiling.windows(start, start + [facts.contigs[name] for name in chromosomes], window_bp)
    frame = axis.off_axis(window_start, window_end, origins, axis.spelling(written, origins))
    return frame.assign(gene=tiling.UNNAMED, kind="window")


def _centromeres(facts: genomes.Genome) -> pd.DataFrame:
    return pd.DataFrame(
        [(name, *extent) for name, extent in facts.centromere.items()], columns=["chromosome", "start", "end"]
    )


def _unsequenced(fasta: Path, facts: genomes.Genome) -> pd.DataFrame:
    """Runs of N in the chromosomes of a FASTA: chromosome, start, end."""
    parts = []
    with _of_build(fasta, facts) as handle:
        for contig in handle.references:
            if genomes.bare(contig) in facts.contigs:
                start, end = sequences.unknown_runs(handle, contig)
                parts.append(pd.DataFrame({"chromosome": contig, "start": start, "end": end}))
    return pd.concat(parts, ignore_index=True) if parts else _centromeres(facts).iloc[:0]


def annotated(
    frame: pd.DataFrame,
    facts: genomes.Genome,
    fasta: Path | None = None,
    *,
    tracks: Mapping[str, Path | None] | None = None,
    min_mappability: float = 0.0,
    of_build: Collection[str] = (),
) -> pd.DataFrame:
    """``frame`` with gene, role, gc, mappability and mask; ``tracks`` names files that tell gc or mappability.

    Columns ``of_build`` are told by the build's own windows where bins are windows (see `content_of_build`).
    """
    frame = frame.reset_index(drop=True)
    gc, unknown = base_content.of_sequence(frame, facts, fasta)
    role = genomes.role_of(facts, frame["chromosome"], frame["start"], frame["end"])
    frame = frame.assign(gene=_genes(frame, facts), role=role, gc=gc, mappability=np.nan)
    frame = frame.assign(**base_content.of_tracks(frame, facts, tracks or {}))
    even = (frame["kind"] == "window").to_numpy()
    for name in of_build:
        frame.loc[even, name] = base_content.of_build(frame[even], facts, name)
    return frame.assign(mask=_masks(frame, facts, unknown, min_mappability))


def content_of_build(assay: str, *, fasta: Path | None, tracks: Mapping[str, Path | None]) -> list[str]:
    """Which of gc and mappability the build's own windows have to tell: those that no file of the user's does.

    Only of genomes read in windows. Capture changes what GC content does to depth, so targets, and the off-target bins
    beside them, have what the user gives.
    """
    if KIND_OF_ASSAY[assay] != "window":
        return []
    given = {"gc": fasta or tracks.get("gc"), "mappability": tracks.get("mappability")}
    return [name for name, path in given.items() if not path]


def _genes(frame: pd.DataFrame, facts: genomes.Genome) -> np.ndarray:
    """Gene of each bin: the symbol its name begins with where that can be one, else the known gene that lies there."""
    off_target = (frame["kind"] == "off_target").to_numpy()
    symbols = {name: tiling.gene_symbol(name) for name in frame["gene"].unique()}
    gene = np.where(off_target, tiling.UNNAMED, frame["gene"].map(symbols).to_numpy(object))
    known = pd.concat([facts.genes.assign(chromosome=genomes.MET_CHROMOSOME), facts.resistance_genes])
    start, end = frame["start"].to_numpy(), frame["end"].to_numpy()
    chromosome = genomes.bare_names(frame["chromosome"]).to_numpy(np.str_)
    serves = names.usable(gene, chromosome=chromosome, start=start, end=end, known=set(known["gene"]))
    gene[names.widespread(gene, chromosome)] = tiling.UNNAMED
    for place, genes in known.groupby("chromosome"):
        rows = np.flatnonzero((chromosome == place) & ~serves & ~off_target)
        genes = genes.sort_values(["start", "end"], kind="stable")
        best = tiling.overlapping_gene(start[rows], end[rows], genes["start"].to_numpy(), genes["end"].to_numpy())
        gene[rows[best >= 0]] = genes["gene"].to_numpy(object)[best[best >= 0]]
    unnamed = ~serves & ~off_target & (chromosome == genomes.MET_CHROMOSOME)
    gene[unnamed & (start < facts.met[1]) & (end > facts.met[0])] = "MET"
    return np.where(off_target, "Antitarget", gene)


def _masks(frame: pd.DataFrame, facts: genomes.Genome, unknown: np.ndarray, min_mappability: float) -> np.ndarray:
    """Why each bin must not be used, "" where it may. Targets are not masked for repeats: design chose them."""
    origins = axis.origins([*frame["chromosome"].unique(), *facts.blacklist["chromosome"].unique()], facts)
    start, end = axis.on_axis(frame, origins)
    uniform = frame["kind"].isin(["off_target", "window"]).to_numpy()
    measured = {name for name in frame["chromosome"].unique() if genomes.bare(name) in _measured_chromosomes(facts)}
    mask = np.full(len(frame), "", dtype=object)
    mask[uniform & (frame["mappability"] < min_mappability).to_numpy()] = "low_mappability"
    for reason, regions in (("blacklisted", facts.blacklist), ("centromere", _centromeres(facts))):
        covered = tiling.covered_bp(start, end, *axis.on_axis(regions, origins))
        mask[uniform & (covered > MASKED_FRACTION * (end - start))] = reason
    mask[uniform & (unknown > MASKED_FRACTION)] = "unsequenced"
    mask[~frame["chromosome"].isin(measured).to_numpy()] = "unplaced"
    return mask
