"""Counting one alignment: fragments or bases per bin, and everything that is to be said about the reading."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metcn.bins import sampled
from metcn.bins import tiles as tiling
from metcn.counts import counters as counting
from metcn.counts import filtered, fragment_lengths, progress
from metcn.errors import InputError
from metcn.genome import axis
from metcn.genome import build as genomes
from metcn.reads import alignments, reader
from metcn.reads.sam import FILTERED, TALLIES, Filters
from metcn.run.settings import CountsSettings

CLASSES = ("met", "chr7", "backbone")
"""Where fragments' lengths are told apart: in MET, on the rest of chromosome 7, on the other autosomes."""

FRAGMENTS, BASES = "fragments", "bases"
DEPTH_UNITS = {FRAGMENTS: "fragments per kb", BASES: "bases per bp"}
PACE = ("records", "bytes_read", "seconds", "records_per_second", "bytes_per_second", "threads")


def settled(frame: pd.DataFrame, settings: CountsSettings) -> CountsSettings:
    """The settings with ``keep_duplicates`` decided: where it is left open, duplicates count in inserts of amplicons.

    Those begin at primers, so that reads of different molecules lie alike and are marked as duplicates nonetheless.
    """
    asked = settings.keep_duplicates
    return replace(settings, keep_duplicates=_by_position(frame) if asked is None else asked)


def _by_position(frame: pd.DataFrame) -> bool:
    """Whether fragments begin at primers."""
    return bool((frame["kind"] == "amplicon").any())


class CountedAlignment(NamedTuple):
    """Fragments and depth per bin, shape (bins,), the summary of the counts, and how fast they were read (`PACE`)."""

    number: np.ndarray
    depth: np.ndarray
    summary: dict[str, Any]
    pace: dict[str, float]


def count(
    frame: pd.DataFrame, facts: genomes.Genome, path: Path, fasta: Path | None, settings: CountsSettings
) -> CountedAlignment:
    """Fragments and depth per bin (NaN where the alignment lacks the contig or was not read), the summary, the pace.

    The pace (:data:`PACE`) is apart, since the summary of the same file is always the same.

    Raises
    ------
    InputError
        If the alignment is damaged, of another genome build, or holds no bin.
    """
    settings = settled(frame, settings)
    filters, threads, unit = Filters.of(settings), settings.threads, settings.unit
    left_out = (frame["mask"] == tiling.NOT_READ).to_numpy()
    with alignments.open_alignment(path, fasta, names=unit == BASES) as opened:
        reasons = genomes.check_build(opened.contigs, facts, where=str(path))
        absent = _absent(frame, opened.contigs, path)
        wanted = sampled.stretches(frame[~left_out], opened.contigs) if left_out.any() else None
        what = reader.plan(opened, filters, wanted)
        counter = _Counter(frame, facts, list(opened.contigs))
        blocks = counter.add_blocks if unit == BASES else None
        chunks = reader.fragments(opened, filters, threads=threads, what=what, blocks=blocks)
        known = what.expected if opened.handle.is_bam and what.mode == "whole" else None
        begin = time.perf_counter()
        for chunk in progress.followed(chunks, path.name, expected=known):
            counter.add(chunk)
        seconds = time.perf_counter() - begin
        warnings = [*opened.warnings, *_other_count(path, known, counter.tallies)]
    for warning in warnings:
        print(f"metcn: note: {warning}", file=sys.stderr)
    lost = counter.losses(settings)
    told = {
        "source": {"kind": "alignment", "files": [path.name]},
        **counter.told(),
        "keep_duplicates": filters.keep_duplicates,
        "duplicates": _duplicates(counter.tallies, settings),
        "filtered": [loss.row for loss in lost],
        "unit": unit,
        "depth_unit": DEPTH_UNITS[unit],
        "bins_without_contig": int(absent.sum()),
        "bins_not_read": int(left_out.sum()),
        "reading": what.told(),
        "warnings": warnings,
        "reasons": [*reasons, *dict.fromkeys(loss.reason for loss in lost)],
    }
    missing = absent | left_out
    count, depth = (np.where(missing, np.nan, values) for values in (counter.per_bin.counts, counter.depth(unit)))
    return CountedAlignment(count, depth, told, _pace(counter.tallies["records"], what.bytes_read, seconds, threads))


class _Counter:
    """Everything that is counted while an alignment is read."""

    def __init__(self, frame: pd.DataFrame, facts: genomes.Genome, contigs: list[str]) -> None:
        origins = axis.origins(frame["chromosome"].unique(), facts)
        start, end = axis.on_axis(frame, origins)
        near = (frame["kind"] != "off_target").to_numpy()
        bare = [genomes.bare(name) for name in contigs]
        # Reads on contigs without bins land below 0, where no bin is.
        self._origin = np.array([origins.get(name, -axis.STRIDE) for name in bare])
        self._frame = frame
        self._class = np.array([_class_of(name) for name in bare])
        self._met = facts.met
        self._width = end - start
        self.per_bin = counting.BinCounter(start, end)
        self._left_out = {fate: counting.BinCounter(start, end) for fate in FILTERED}
        self._bases = counting.BaseCounter(start, end)
        self._on_target = counting.BinCounter(*tiling.merge(start[near], end[near]))
        self._lengths = fragment_lengths.LengthCounter(CLASSES)
        self.tallies = dict.fromkeys(counting.TALLIES, 0)

    def add(self, chunk: counting.Chunk) -> None:
        """Count a chunk of fragments."""
        points = np.sort(
            self._origin[chunk.contig] + chunk.midpoint, kind="stable"
        )  # for both, nearly in order already
        self.per_bin.add(points, in_order=True)
        self._on_target.add(points, in_order=True)
        label = self._class[chunk.contig]
        in_met = (label == 1) & (chunk.midpoint >= self._met[0]) & (chunk.midpoint < self._met[1])
        self._lengths.add(np.where(in_met, 0, label), chunk.length)
        for name, number in chunk.tally.items():
            self.tallies[name] += number
        points = self._origin[chunk.filtered.contig] + chunk.filtered.midpoint
        for fate, counter in self._left_out.items():
            counter.add(points[chunk.filtered.fate == TALLIES.index(fate)])

    def add_blocks(self, contig: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
        """Count the bases of blocks."""
        self._bases.add(self._origin[contig] + start, self._origin[contig] + end)

    def depth(self, unit: str) -> np.ndarray:
        """Depth per bin."""
        if unit == BASES:
            return counting.depth_per_base(self._bases.counts, self._width)
        return counting.depth_per_kb(self.per_bin.counts, self._width)

    def losses(self, settings: CountsSettings) -> list[filtered.Loss]:
        """What the filters took that they should not."""
        usable = (self._frame["mask"] == "").to_numpy()
        met = usable & (self._frame["role"] == "met").to_numpy()
        kind = self._frame["kind"].to_numpy(object)
        alike = np.isin(kind, sorted(set(kind[met]) - {"off_target"} or {"off_target"}))
        left_out = {fate: counter.counts for fate, counter in self._left_out.items()}
        bins = filtered.Bins(self.per_bin.counts, left_out, met, usable & ~met & alike)
        rules = filtered.Rules(
            min_mapq=settings.min_mapq,
            min_fragment_bp=settings.min_fragment_bp,
            max_fragment_bp=settings.max_fragment_bp,
            by_position=_by_position(self._frame),
            each_read=settings.unit == BASES,
        )
        return filtered.losses(self.tallies, bins, rules, filtered.Limits.of(settings))

    def told(self) -> dict[str, Any]:
        """What was counted beside the bins."""
        fragments = self.tallies["fragments"]
        return {
            "fragments": fragments,
            "tallies": self.tallies,
            "on_target": int(self._on_target.counts.sum()) / fragments if fragments else None,
            "lengths": self._lengths.summary(),
        }


def _class_of(chromosome: str) -> int:
    """Place in :data:`CLASSES` of a chromosome as a whole; -1 for sex chromosomes and everything unplaced."""
    if chromosome == genomes.MET_CHROMOSOME:
        return CLASSES.index("chr7")
    return CLASSES.index("backbone") if chromosome in genomes.AUTOSOMES else -1


def _other_count(path: Path, expected: int | None, tallies: Mapping[str, int]) -> Iterator[str]:
    """The note that a file has more records than its index counts; old indices leave out those without a place."""
    if expected is not None and tallies["records"] - tallies["unmapped"] > expected:
        yield (
            f"{path} has {tallies['records']:,} records, its index counts {expected:,}: it is of another file, or of "
            f"this one before it grew; run `samtools index {path}`"
        )


def _pace(records: int, bytes_read: int, seconds: float, threads: int) -> dict[str, float]:
    """How fast records and compressed bytes were read."""
    values = records, bytes_read, seconds, records / seconds, bytes_read / seconds, threads
    return dict(zip(PACE, values, strict=True))


def _duplicates(tallies: Mapping[str, int], settings: CountsSettings) -> float | None:
    """Fraction of duplicates among primary, mapped, passing records; None where they are counted like any other."""
    primary = tallies["records"] - sum(
        tallies[fate] for fate in ("unmapped", "secondary", "supplementary", "qc_failed")
    )
    return tallies["duplicate"] / primary if primary and not settings.keep_duplicates else None


def _absent(frame: pd.DataFrame, contigs: Mapping[str, int], path: Path) -> np.ndarray:
    """Whether each bin lies outside the alignment's contigs, so that it was not measured (as opposed to: has no read).

    Raises
    ------
    InputError
        If this is so for every bin.
    """
    lengths = {genomes.bare(name): length for name, length in contigs.items()}
    length = frame["chromosome"].map(
        {name: lengths.get(genomes.bare(name), -1) for name in frame["chromosome"].unique()}
    )
    absent = (frame["end"] > length).to_numpy()
    if absent.all():
        raise InputError(
            f"expected contigs such as {frame['chromosome'].iloc[0]}, found {', '.join(list(contigs)[:3])} in {path}: "
            "none holds a bin; give data aligned to the configured genome"
        )
    return absent
