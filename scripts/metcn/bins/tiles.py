"""Where depth is measured: tiles of the targets, windows in the gaps between them, windows along the genome.

Intervals are half-open and lie on one axis on which the caller has laid the chromosomes end to end, so no function here
loops over chromosomes. An interval never crosses from one chromosome into the next because its parent did not.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from metcn.run.settings import BinsSettings

MIN_TARGET_BP = 100
UNNAMED = "-"
NOT_READ = "not_read"  # mask of bins whose reads are left on disk
SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9.-]+")
NO_SYMBOL = re.compile(
    r"(chr[0-9XYMUn]\w*|N[MRPGCT]|X[MR]|rs\d+|region|target|exon|amplicon|probe|na|none|unknown|antitarget|background)",
    re.IGNORECASE,
)
"""First words that are no gene: contigs, accession prefixes, variant names and generic labels."""


class Intervals(NamedTuple):
    """Half-open intervals on one axis: start and end, shape (intervals,)."""

    start: np.ndarray
    end: np.ndarray


class Tiles(NamedTuple):
    """Parts of intervals: start, end, and the number of the interval each is of, shape (parts,)."""

    start: np.ndarray
    end: np.ndarray
    source: np.ndarray


def gene_symbol(name: str) -> str:
    """Gene that a target's name begins with, or ``-`` if it names none.

    Designs decorate symbols: ``MET_Exon14_NM000245``, ``MET:p.1``, ``ref|MET,ens|ENST..``. The text before the first
    ``_ : ; , | ( )`` or blank is the gene if it looks like a symbol; a leading ``ref|`` or ``gn|`` tag is passed over.
    """
    first = re.split(r"[_:;,|()\s]", re.sub(r"^(ref|gn)\|", "", name.strip()), maxsplit=1)[0]
    return first if SYMBOL.fullmatch(first) and not NO_SYMBOL.fullmatch(first) else UNNAMED


def merge(start: np.ndarray, end: np.ndarray) -> Intervals:
    """Union of intervals: disjoint, sorted, touching ones joined."""
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    if len(start) == 0:
        return Intervals(start, end)
    reach = np.maximum.accumulate(end)
    opens = np.r_[True, start[1:] > reach[:-1]]
    return Intervals(start[opens], reach[np.r_[opens[1:], True]])


def gaps(start: np.ndarray, end: np.ndarray, taken_start: np.ndarray, taken_end: np.ndarray) -> Intervals:
    """Parts of disjoint, sorted intervals that no taken interval covers."""
    taken_start, taken_end = merge(taken_start, taken_end)
    # Between two neighbouring taken intervals lies a hole; cut the holes at the edges of the given intervals.
    edges = np.sort(np.concatenate([start, end, taken_start, taken_end]))
    left, right = edges[:-1], edges[1:]
    middle_is_free = (left < right) & _inside(left, start, end) & ~_inside(left, taken_start, taken_end)
    return merge(left[middle_is_free], right[middle_is_free])


def _inside(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whether each point lies in one of the disjoint, sorted intervals."""
    return np.searchsorted(start, points, side="right") > np.searchsorted(end, points, side="right")


def covered_bp(start: np.ndarray, end: np.ndarray, by_start: np.ndarray, by_end: np.ndarray) -> np.ndarray:
    """Bases of each interval that the union of the others covers, shape as ``start``."""
    by_start, by_end = merge(by_start, by_end)
    return _covered_before(end, by_start, by_end) - _covered_before(start, by_start, by_end)


def _covered_before(
    position: np.ndarray, start: np.ndarray, end: np.ndarray, weight: np.ndarray | int = 1
) -> np.ndarray:
    """Bases of the disjoint, sorted intervals that lie before each position, a base counting as its weight."""
    weight = np.broadcast_to(weight, start.shape)
    total = np.r_[0, np.cumsum((end - start) * weight)]
    index = np.searchsorted(start, position, side="right")
    reach = np.r_[np.iinfo(np.int64).min // 2, end][index]  # end of the last interval that begins at or before
    return total[index] - np.maximum(reach - position, 0) * np.r_[0, weight][index]


def mean_over(
    start: np.ndarray, end: np.ndarray, by_start: np.ndarray, by_end: np.ndarray, value: np.ndarray
) -> np.ndarray:
    """Mean ``value`` over the bases of each interval, those outside all the others left out; shape as ``start``.

    NaN where less than half of an interval lies in the others, which are disjoint, sorted and have finite values.
    """
    covered = covered_bp(start, end, by_start, by_end)
    total = _covered_before(end, by_start, by_end, value) - _covered_before(start, by_start, by_end, value)
    enough = (2 * covered >= end - start) & (covered > 0)
    return np.where(enough, np.round(total / np.maximum(covered, 1), 9), np.nan)  # sums of 3 Gb err in the tenth digit


def tile(start: np.ndarray, end: np.ndarray, width_bp: float) -> Tiles:
    """Each interval cut into equal parts of about ``width_bp``: start, end and the index of the interval."""
    span = end - start
    parts = np.maximum(np.rint(span / width_bp).astype(np.int64), 1)
    source = np.repeat(np.arange(len(start)), parts)
    part = np.arange(len(source)) - np.repeat(np.cumsum(parts) - parts, parts)
    cut = span[source], parts[source]
    return Tiles(start[source] + cut[0] * part // cut[1], start[source] + cut[0] * (part + 1) // cut[1], source)


def disjoint(start: np.ndarray, end: np.ndarray) -> Tiles:
    """Union of intervals without overlaps, each part with its source; where they overlap, the first keeps the bases."""
    order = np.lexsort((end, start))
    start, end = start[order], end[order]
    if len(start):
        reach = np.maximum.accumulate(end)
        start = np.r_[start[:1], np.maximum(start[1:], reach[:-1])]
    kept = start < end
    return Tiles(start[kept], end[kept], order[kept])


def widen(start: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> Intervals:
    """Targets, those narrower than ``MIN_TARGET_BP`` (single SNPs) widened around their middle, within [low, high).

    Fragments are counted by midpoint, and the midpoints of captured fragments lie spread around a narrow probe.
    """
    grow = np.maximum(MIN_TARGET_BP - (end - start), 0)
    return Intervals(np.maximum(start - grow // 2, low), np.minimum(end + (grow + 1) // 2, high))


def target_bins(start: np.ndarray, end: np.ndarray, *, target_bp: int = 250) -> Tiles:
    """Tiles of about ``target_bp`` over the targets: start, end and target, sorted and disjoint.

    Touching targets are tiled as one, whatever their names; a tile's target is the one that its middle lies in.

    Parameters
    ----------
    start, end
        Targets, shape (targets,), in any order, overlapping or not.
    target_bp
        Mean tile width wanted.
    """
    start, end, source = disjoint(start, end)
    tile_start, tile_end, _ = tile(*merge(start, end), target_bp)
    middle = (tile_start + tile_end) // 2
    return Tiles(tile_start, tile_end, source[np.searchsorted(start, middle, side="right") - 1])


def off_target_bins(
    chromosomes: Intervals, targets: Intervals, excluded: Intervals, settings: BinsSettings
) -> Intervals:
    """Windows of about ``off_target_bp`` in what targets and excluded regions leave of the chromosomes.

    Parameters
    ----------
    chromosomes
    targets
        ``off_target_padding_bp`` on both sides stay free, since captured fragments reach beyond the probe.
    excluded
        Centromeres, blacklisted and unsequenced regions.
    settings
        Mean width wanted (``off_target_bp``), the narrowest region that is used (``off_target_min_bp``), and padding.
    """
    padding_bp = settings.off_target_padding_bp
    taken_start = np.concatenate([targets.start - padding_bp, excluded.start])
    taken_end = np.concatenate([targets.end + padding_bp, excluded.end])
    free = gaps(*chromosomes, taken_start, taken_end)
    wide = free.end - free.start >= settings.off_target_min_bp
    return Intervals(*tile(free.start[wide], free.end[wide], settings.off_target_bp)[:2])


def windows(start: np.ndarray, end: np.ndarray, window_bp: int) -> Intervals:
    """Windows of exactly ``window_bp`` along the chromosomes: start and end.

    A remainder at a chromosome's end is a window of its own if it is at least half as wide, else part of the last one.
    """
    span = end - start
    number = np.maximum((span + window_bp // 2) // window_bp, 1)
    source = np.repeat(np.arange(len(start)), number)
    index = np.arange(len(source)) - np.repeat(np.cumsum(number) - number, number)
    window_start = start[source] + index * window_bp
    last = index == number[source] - 1
    return Intervals(window_start, np.where(last, end[source], window_start + window_bp))


def overlapping_gene(start: np.ndarray, end: np.ndarray, gene_start: np.ndarray, gene_end: np.ndarray) -> np.ndarray:
    """Index of the gene that shares most bases with each interval, the longer gene on a tie, -1 if none does.

    Intervals are sorted by start and may overlap. Long genes win ties because antisense and read-through transcripts
    within them are short.
    """
    best, best_bp = np.full(len(start), -1), np.zeros(len(start), dtype=np.int64)
    reach = np.maximum.accumulate(end) if len(end) else end
    for gene in np.argsort(gene_end - gene_start, kind="stable"):
        near = slice(np.searchsorted(reach, gene_start[gene], side="right"), np.searchsorted(start, gene_end[gene]))
        shared = np.minimum(end[near], gene_end[gene]) - np.maximum(start[near], gene_start[gene])
        better = (shared > 0) & (shared >= best_bp[near])
        best[near] = np.where(better, gene, best[near])
        best_bp[near] = np.where(better, shared, best_bp[near])
    return best
