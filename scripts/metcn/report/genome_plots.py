"""Figures along the genome: chromosome 7, MET's surroundings, MET's exons and the whole genome."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from metcn.genome.build import bare, bare_names
from metcn.mixture import expected_ratio
from metcn.report import genome_tracks, svg
from metcn.report.svg import Scale

WIDTH, LEFT, RIGHT = 1000, 50, 950
TOP, PLOT = 22, 190
MAX_DOTS = 2500
MB = 1e6
RATIO_TICKS = (0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)
COPY_TICKS = (2, 5, 10, 20, 50, 100, 4, 1, 3, 15, 30, 8, 6, 0)  # in order of preference where they would collide
LOWEST_LOG2 = -2.5  # lower bins are drawn on the lower edge; there is no ceiling
SURROUNDINGS_BP = 3_000_000


@dataclass(frozen=True)
class View:
    """What every figure along the genome draws from: bins and segments with numbers, genome facts, mixture.

    ``mixture`` is (purity, ploidy) where both are point values, else None: only then has a ratio one copy number.
    """

    bins: pd.DataFrame
    segments: pd.DataFrame
    genome: Any
    mixture: tuple[float, float] | None = None
    amplicon: tuple[float, float] | None = None


def view(
    ratios: pd.DataFrame,
    segments: pd.DataFrame,
    genome: Any,
    *,
    mixture: tuple[float, float] | None = None,
    amplicon: tuple[float, float] | None = None,
) -> View:
    """The drawable part of the tables: bare chromosome names, a middle per bin, rows without a finite log2 left out."""
    return View(_drawable(ratios), _drawable(segments), genome, mixture, amplicon)


def _drawable(table: pd.DataFrame) -> pd.DataFrame:
    """Rows with a finite log2, their columns that figures use, and their middle."""
    drawn = [name for name in ("chromosome", "start", "end", "log2", "kind", "role") if name in table]
    kept = table.loc[np.isfinite(table["log2"].to_numpy(float)), drawn]
    chromosome = bare_names(kept["chromosome"].astype(object))
    return kept.assign(chromosome=chromosome, middle=(kept["start"] + kept["end"]) / 2).reset_index(drop=True)


def chromosome_profile(seen: View) -> str:
    """Chromosome 7: bins, segments, CEP7-like windows, EGFR, MET, amplicon and cytobands."""
    genome = seen.genome
    x = Scale(0, genome.contigs["7"], LEFT, RIGHT)
    height = TOP + PLOT
    shades = [
        svg.rect(x(start), TOP, x(end), height, "cep7-zone", "CEP7-like windows")
        for start, end in (genome.cep7_p, genome.cep7_q)
    ]
    shades.append(svg.rect(x(genome.egfr[0]), TOP, x(genome.egfr[1]), height, "egfr-zone", "EGFR"))
    labels = [
        svg.text(x(sum(genome.egfr) / 2) - 4, TOP + 12, "EGFR", "mark egfr-text end"),
        svg.text(x(genome.cep7_q[0]) + 2, TOP + 12, "CEP7-like", "mark cep7-text"),
        svg.text(x(sum(genome.met) / 2), TOP + 12, "MET", "mark met-text middle"),
    ]
    named = (sum(genome.met) / 2, sum(genome.egfr) / 2)
    track = genome_tracks.ideogram(genome.cytobands, x, height + 6, named=named) + genome_tracks.positions(
        x, height + 34
    )
    label = "Depth ratio of bins along chromosome 7 with segments, CEP7-like windows, EGFR and MET"
    return _locus(seen, x, label, shades + [svg.rect(*_met(x, genome), "met-zone", "MET")], labels + track, height + 58)


def surroundings(seen: View) -> str:
    """MET with its neighbouring genes, wide enough for the amplicon: what tells a focal gain from a broad one."""
    start, end = _reach(seen)
    x = Scale(start, end, LEFT, RIGHT)
    height = TOP + PLOT
    track = genome_tracks.genes(seen.genome.genes, x, height + 6) + genome_tracks.positions(x, height + 28)
    zones = [svg.rect(*_met(x, seen.genome), "met-zone", "MET")]
    label = f"Depth ratio of bins around MET, chromosome 7 from {start / MB:.1f} to {end / MB:.1f} megabases"
    return _locus(seen, x, label, zones, track, height + 46)


def gene(seen: View) -> str:
    """MET and a quarter of its length on both sides, with its exons."""
    start, end = seen.genome.met
    margin = (end - start) / 4
    x = Scale(start - margin, end + margin, LEFT, RIGHT)
    height = TOP + PLOT
    track = genome_tracks.exons(np.asarray(seen.genome.met_exons), x, height + 18) + genome_tracks.positions(
        x, height + 30
    )
    zones = [svg.rect(*_met(x, seen.genome), "met-zone", "MET")]
    return _locus(seen, x, "Depth ratio of bins in MET, above its exons", zones, track, height + 50)


def allele_fractions(found: Mapping[str, Any] | None, genome: Any) -> str:
    """Allele fractions of SNPs along the genome; empty where there are none."""
    if not found or not found.get("fraction"):
        return ""
    x, offset = _end_to_end(genome)
    names = [bare(str(name)) for name in found["chromosome"]]
    kept = [at for at, name in enumerate(names) if name in offset and found["fraction"][at] is not None]
    at = np.array([float(x(offset[names[place]] + found["position"][place])) for place in kept])
    y = Scale(0, 1, TOP + 70, TOP)
    parts = _chromosomes(genome, x, offset, 70)
    for tick in (0, 0.5, 1):
        parts.append(svg.line(LEFT, float(y(tick)), RIGHT, float(y(tick)), "grid base" if tick == 0.5 else "grid"))
        parts.append(svg.text(LEFT - 6, float(y(tick)) + 4, f"{tick:g}", "tick end"))
    parts.append(svg.text(14, TOP + 35, "allele fraction", "tick middle", turn=-90))
    parts.append(svg.dots(at, y(np.array([found["fraction"][place] for place in kept], float)), "bin baf"))
    return svg.figure(WIDTH, TOP + 92, parts, f"Allele fractions of {len(kept)} heterozygous SNPs along the genome")


def _end_to_end(genome: Any) -> tuple[Scale, dict[str, float]]:
    """Scale over all chromosomes end to end, and where each begins."""
    names = [name for name in (*map(str, range(1, 23)), "X", "Y") if name in genome.contigs]
    lengths = np.array([genome.contigs[name] for name in names], float)
    starts = np.concatenate(([0.0], np.cumsum(lengths)[:-1]))
    return Scale(0, lengths.sum(), LEFT, RIGHT), dict(zip(names, starts.tolist(), strict=True))


def _chromosomes(genome: Any, x: Scale, offset: Mapping[str, float], height: float) -> list[str]:
    """Stripes of the chromosomes with their names below; chromosome 7 stands out."""
    parts = []
    for number, (name, start) in enumerate(offset.items()):
        left, right = float(x(start)), float(x(start + genome.contigs[name]))
        parts.append(svg.rect(left, TOP, right, TOP + height, "chr7-zone" if name == "7" else f"stripe{number % 2}"))
        if right - left > 10:
            css = "tick middle strong" if name == "7" else "tick middle"
            parts.append(svg.text((left + right) / 2, TOP + height + 14, name, css))
    return parts


def genome_strip(seen: View) -> str:
    """All chromosomes end to end, one median per pixel column, chromosome 7 standing out."""
    x, offset = _end_to_end(seen.genome)
    bins = seen.bins[seen.bins["chromosome"].isin(list(offset))]
    along = bins["middle"].to_numpy(float) + bins["chromosome"].map(offset).to_numpy(float)
    column, low, middle, high = svg.thinned(np.rint(x(along) * 1.5), bins["log2"].to_numpy(float))
    y = _vertical(np.concatenate([middle, [0.0]]), TOP, TOP + 90)
    parts = _chromosomes(seen.genome, x, offset, 90)
    parts += _grid(y, None)
    held = np.clip(np.array([low, middle, high]), y.low, y.high)
    on7 = (column / 1.5 > x(offset["7"])) & (column / 1.5 < x(offset["7"] + seen.genome.contigs["7"]))
    for chosen, css in ((~on7, "bin"), (on7, "bin chr7-bin")):
        parts.append(svg.posts(column[chosen] / 1.5, y(held[0, chosen]), y(held[2, chosen]), "whisker"))
        parts.append(svg.dots(column[chosen] / 1.5, y(held[1, chosen]), css))
    return svg.figure(WIDTH, TOP + 112, parts, "Depth ratio along the genome, one median for each position")


def _reach(seen: View) -> tuple[float, float]:
    """MET and ``SURROUNDINGS_BP`` on both sides, more where the amplicon is larger, within the chromosome."""
    start, end = seen.genome.met
    start, end = start - SURROUNDINGS_BP, end + SURROUNDINGS_BP
    if seen.amplicon is not None:
        room = 0.15 * (seen.amplicon[1] - seen.amplicon[0])
        start, end = min(start, seen.amplicon[0] - room), max(end, seen.amplicon[1] + room)
    return max(start, 0), min(end, seen.genome.contigs["7"])


def _locus(seen: View, x: Scale, label: str, zones: list[str], track: list[str], height: float) -> str:
    """A figure of chromosome 7 between the ends of ``x``: zones, bins, segments, MET's bins, and a track underneath."""
    here = (seen.bins["chromosome"] == "7") & (seen.bins["end"] > x.low) & (seen.bins["start"] < x.high)
    bins = seen.bins[here]
    other, beyond = _bins(bins[bins["role"] != "met"], x)
    of_met, within = _bins(bins[bins["role"] == "met"], x)
    there = (seen.segments["chromosome"] == "7") & (seen.segments["end"] > x.low) & (seen.segments["start"] < x.high)
    segments = seen.segments[there]
    level = segments["log2"].to_numpy(float)
    y = _vertical(np.concatenate([beyond, within, level, [0.0]]), TOP, TOP + PLOT)
    parts = [*zones, *_grid(y, seen.mixture), *(layer(y) for layer in other)]
    left = x(np.clip(segments["start"].to_numpy(float), x.low, x.high))
    right = x(np.clip(segments["end"].to_numpy(float), x.low, x.high))
    parts.append(svg.strokes(left, right, y(np.clip(level, y.low, y.high)), "segment"))
    parts += [layer(y) for layer in of_met]  # above the segment, which would hide a single bin
    if seen.amplicon is not None and seen.amplicon[1] > x.low and seen.amplicon[0] < x.high:
        parts.append(
            svg.rect(x.clipped(seen.amplicon[0]), TOP - 6, x.clipped(seen.amplicon[1]), TOP - 2, "amplicon", "amplicon")
        )
    if bins.empty:
        parts.append(svg.text((LEFT + RIGHT) / 2, TOP + 0.4 * PLOT, "no usable bin here", "mark middle"))
    return svg.figure(WIDTH, height, parts + track, label)


def _bins(bins: pd.DataFrame, x: Scale) -> tuple[list[Callable[[Scale], str]], np.ndarray]:
    """Drawing functions of the bins, and the values that the y axis has to hold.

    Up to ``MAX_DOTS`` bins are drawn one by one; of more, each pixel column and role shows its median and the range of
    its middle 80 %.
    """
    layers: list[Callable[[Scale], str]] = []
    drawn: list[np.ndarray] = [np.empty(0)]
    many = len(bins) > MAX_DOTS
    targets = bins["kind"].isin(("target", "amplicon"))
    groups = (
        ("bin off-target", ~bins["role"].isin(("met", "cep7")) & ~targets),
        ("bin", ~bins["role"].isin(("met", "cep7")) & targets),
        ("bin cep7-bin", bins["role"] == "cep7"),
        ("bin met-bin", bins["role"] == "met"),
    )
    for css, chosen in groups:
        some = bins[chosen]
        at, value = x(some["middle"].to_numpy(float)), some["log2"].to_numpy(float)
        if many and len(some) > MAX_DOTS // 10:
            at, low, value, high = svg.thinned(np.rint(at), value)
            layers.append(_drawing(svg.posts, at, (low, high), "whisker"))
        elif len(some) <= 60:  # few bins: their width is information
            left, right = x(some["start"].to_numpy(float)), x(some["end"].to_numpy(float))
            layers.append(_widths(np.clip(left, LEFT, RIGHT), np.clip(right, LEFT, RIGHT), value, css))
        layers.append(_drawing(svg.dots, np.clip(at, LEFT, RIGHT), (value,), css))
        drawn.append(value)
    return layers, np.concatenate(drawn)


def _drawing(
    mark: Callable[..., str], at: np.ndarray, values: tuple[np.ndarray, ...], css: str
) -> Callable[[Scale], str]:
    """Function of the y scale that draws ``mark`` at ``at``; values below the axis are held at its lower edge."""
    return lambda y: mark(at, *(y(np.clip(value, y.low, y.high)) for value in values), css)


def _widths(left: np.ndarray, right: np.ndarray, value: np.ndarray, css: str) -> Callable[[Scale], str]:
    """Function of the y scale that draws each bin over its own width."""
    return lambda y: svg.strokes(left, right, y(np.clip(value, y.low, y.high)), css + " width")


def _vertical(values: np.ndarray, top: float, bottom: float) -> Scale:
    """Scale of log2 that holds every value upwards, and downwards as far as ``LOWEST_LOG2``."""
    low = min(max(float(values.min()) - 0.25, LOWEST_LOG2), -1.2)
    return Scale(low, max(float(values.max()) + 0.3, 1.2), bottom, top)


def _grid(y: Scale, mixture: tuple[float, float] | None) -> list[str]:
    """Ratio ticks on the left and, where purity and ploidy are points, tumour copies on the right."""
    parts = [svg.text(14, (y.start + y.end) / 2, "depth ratio", "tick middle", turn=-90)]
    for ratio in RATIO_TICKS:
        if y.holds(math.log2(ratio)):
            at = float(y(math.log2(ratio)))
            parts += [svg.line(LEFT, at, RIGHT, at, "grid base" if ratio == 1 else "grid")]
            parts += [svg.text(LEFT - 6, at + 4, f"{ratio:g}", "tick end")]
    taken: list[float] = []
    for copies in COPY_TICKS if mixture else ():
        ratio = float(expected_ratio(copies, *mixture)) if mixture else 0.0
        if ratio <= 0 or not y.holds(math.log2(ratio)):
            continue
        at = float(y(math.log2(ratio)))
        if all(abs(at - other) >= 11 for other in taken):
            taken.append(at)
            parts.append(svg.line(RIGHT, at, RIGHT + 4, at, "axis"))
            parts.append(svg.text(RIGHT + 7, at + 4, copies, "tick strong" if copies in (5, 10) else "tick"))
            if copies in (5, 10):
                parts.append(svg.line(LEFT, at, RIGHT, at, "bound"))
    if mixture:
        parts.append(svg.text(988, (y.start + y.end) / 2, "tumour copies", "tick middle", turn=90))
    return parts


def _met(x: Scale, genome: Any) -> tuple[float, float, float, float]:
    """Corners of MET's zone."""
    return float(x(genome.met[0])), TOP, float(x(genome.met[1])), TOP + PLOT
