"""``metcn triage``: which of many alignments look suspicious, from their indices alone, in milliseconds each."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from metcn.errors import InputError
from metcn.genome import build as genomes
from metcn.reads import alignments, index_files
from metcn.reads.triage import WINDOW_BP, Spread, Triage, judge, window_bytes

COLUMNS = ("file", "genome", "records", "met_over_chr7", "met_over_autosomes", "noise_log2", "flag", "why", "ms")
UNREADABLE = "unreadable"
TILE_SHIFT = 14
AWAY_BP = 5_000_000
"""Windows of chromosome 7 nearer to MET than this may lie in its amplicon."""


def triage(paths: Iterable[Path]) -> Iterator[str]:
    """Header and one tab-separated line per BAM or CRAM; a file that cannot be read has the flag ``unreadable``."""
    yield "\t".join(COLUMNS)
    for path in paths:
        begin = time.perf_counter()
        try:
            build, records, found = _one(path)
            cells = [build, "" if records is None else str(records)]
            cells += ["" if np.isnan(value) else f"{value:.3f}" for value in found[:3]] + [found.flag, found.why]
        except InputError as error:
            cells = ["", "", "", "", "", UNREADABLE, " ".join(str(error).split())]
        yield "\t".join([str(path), *cells, f"{1000 * (time.perf_counter() - begin):.0f}"])


def problem(line: str) -> str | None:
    """Why the file of a line could not be read; None if it could."""
    cells = dict(zip(COLUMNS, line.split("\t"), strict=True))
    return cells["why"] if cells["flag"] == UNREADABLE else None


def _one(path: Path) -> tuple[str, int | None, Triage]:
    """Build, number of records and verdict of one file."""
    kind, contigs = alignments.header(path)
    facts = _build(contigs, path)
    index = index_files.read(index_files.find(path, kind))
    marks = {genomes.bare(name): mark for name, mark in zip(contigs, index.marks, strict=False)}
    nothing = (np.empty(0, np.int64), np.empty(0))
    middle = sum(facts.met) // 2
    met_edges = np.array([middle - WINDOW_BP // 2, middle + WINDOW_BP // 2])
    position, byte = marks.get(genomes.MET_CHROMOSOME, nothing)
    seven = np.arange(0, facts.contigs[genomes.MET_CHROMOSOME], WINDOW_BP)
    near = (seven[1:] > facts.met[0] - AWAY_BP) & (seven[:-1] < facts.met[1] + AWAY_BP)
    others = [
        window_bytes(*marks.get(name, nothing), np.arange(0, facts.contigs[name], WINDOW_BP))
        for name in genomes.AUTOSOMES
        if name != genomes.MET_CHROMOSOME
    ]
    within = int(np.count_nonzero((position >= met_edges[0]) & (position < met_edges[1])))
    met = float(window_bytes(position, byte, met_edges)[0])
    found = judge(
        met,
        window_bytes(position, byte, seven)[~near],
        np.concatenate(others),
        marks=within,
        spread=_spread(index, contigs, facts),
    )
    return facts.name, index.records, found


def _spread(index: index_files.Index, contigs: Mapping[str, int], facts: genomes.Genome) -> Spread:
    """Aligned reads, and how many of the tiles of the chromosomes hold any."""
    of_genome = [genomes.bare(name) in facts.contigs for name in contigs]
    own = [each.own_position >> TILE_SHIFT for each, known in zip(index.places, of_genome, strict=False) if known]
    tiles = sum(length >> TILE_SHIFT for length, known in zip(contigs.values(), of_genome, strict=True) if known)
    held = sum(len(np.unique(tile)) for tile in own)
    return Spread(index.mapped if held else None, held, max(tiles, 1))


def _build(contigs: dict[str, int], path: Path) -> genomes.Genome:
    """The build that the contigs' lengths prove."""
    for name in genomes.BUILDS:
        facts = genomes.load(name)
        if contigs.get("chr7", contigs.get("7")) == facts.contigs[genomes.MET_CHROMOSOME]:
            return facts
    raise InputError(f"expected chromosome 7 of {' or '.join(genomes.BUILDS)} in {path}, found neither; give such data")
