"""Chromosome 7 of a whole cohort: a line per sample, its segments coloured by their depth ratio."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from metcn.genome.build import MET_CHROMOSOME, bare_names
from metcn.report import genome_tracks, svg
from metcn.report.svg import Scale
from metcn.report.wording import CALL_WORDS
from metcn.vocabulary import CALLS

WIDTH, LEFT, RIGHT, TOP = 1000, 185, 990, 20
STEPS = (-0.8, -0.4, -0.2, -0.1, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Bounds of the colours in log2; the CSS class ``heat0`` is the lowest, the middle one is blank."""
MAX_NAMED = 60  # samples up to which each line carries its name
LONGEST_NAME = 27  # letters that fit beside the map
GUTTER = 46  # width of the column beside the map that shows MET's own ratio


def draw(rows: Sequence[Mapping[str, Any]], levels: Sequence[pd.DataFrame], genome: Any) -> str:
    """The map, samples with the highest class and most copies on top; samples without segments are blank lines.

    Parameters
    ----------
    rows : rows of the cohort table.
    levels : segments by sample (`metcn.io.tables.read_seg`).
    genome : facts of the build.
    """
    ordered = sorted(rows, key=_rank)
    height = 16.0 if len(ordered) <= MAX_NAMED else max(900 / len(ordered), 1.5)
    x = Scale(0, genome.contigs[MET_CHROMOSOME], LEFT, RIGHT - GUTTER)
    place = {str(row["sample"]): at for at, row in enumerate(ordered)}
    bottom = TOP + height * len(ordered)
    parts = [svg.rect(LEFT, TOP, RIGHT - GUTTER, bottom, "blank")]
    parts += _strokes(_spans(levels, place, x), height)
    parts += _strokes(_met(ordered), height)
    for at, row in enumerate(ordered):
        middle = TOP + height * (at + 0.5)
        if len(ordered) <= MAX_NAMED:
            parts.append(svg.text(LEFT - 6, middle + 4, svg.shortened(str(row["sample"]), LONGEST_NAME), "tick end"))
        tip = f"{row['sample']}: {row['call']}"
        parts.append(svg.rect(LEFT, middle - height / 2, RIGHT, middle + height / 2, "touch", tip))
    parts += _groups(ordered, height)
    for name, span in (("EGFR", genome.egfr), ("MET", genome.met)):
        middle = float(x(sum(span) / 2))
        parts.append(svg.line(middle, TOP - 3, middle, bottom, "guide"))
        parts.append(svg.text(middle, TOP - 7, name, "tick middle strong"))
    for start, end in (genome.cep7_p, genome.cep7_q):
        parts.append(svg.rect(x(start), TOP - 4, x(end), TOP, "cep7-zone", "CEP7-like windows"))
    parts.append(svg.text(RIGHT - GUTTER / 2 + 3, TOP - 7, "MET itself", "tiny middle"))
    parts += genome_tracks.ideogram(genome.cytobands, x, bottom + 4) + genome_tracks.positions(x, bottom + 20)
    label = f"Depth ratio along chromosome 7 of {len(ordered)} samples, one line each, by class and copies"
    return svg.figure(WIDTH, bottom + 42, parts, label)


def colour(log2: np.ndarray) -> np.ndarray:
    """Index of the colour of each level, 0 (lost) to ``len(STEPS)`` (amplified)."""
    return np.searchsorted(STEPS, log2, side="right")


def _rank(row: Mapping[str, Any]) -> tuple[int, float, str]:
    """Order of samples: class, then copies from high to low, then name."""
    copies = row["met_copies"] if isinstance(row["met_copies"], (int, float)) else row["met_ratio"]
    known = float(copies) if isinstance(copies, (int, float)) and math.isfinite(copies) else -1.0
    return (CALLS.index(row["call"]) if row["call"] in CALLS else len(CALLS), -known, str(row["sample"]))


def _spans(levels: Sequence[pd.DataFrame], place: Mapping[str, int], x: Scale) -> pd.DataFrame:
    """Start and end in pixels, line and colour of every segment of chromosome 7."""
    held = pd.concat(list(levels), ignore_index=True) if levels else pd.DataFrame(columns=["ID", "chrom"])
    held = held[(bare_names(held["chrom"]) == MET_CHROMOSOME) & held["ID"].isin(place)]
    return pd.DataFrame(
        {
            "left": x(held["loc.start"].to_numpy(float) - 1) if len(held) else np.empty(0),
            "right": x(held["loc.end"].to_numpy(float)) if len(held) else np.empty(0),
            "line": held["ID"].map(place).to_numpy(int) if len(held) else np.empty(0, int),
            "colour": colour(held["seg.mean"].to_numpy(float)) if len(held) else np.empty(0, int),
        }
    )


def _met(ordered: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The column of MET's own ratio, which a segment may dilute."""
    ratios = [(at, row["met_ratio"]) for at, row in enumerate(ordered) if isinstance(row["met_ratio"], (int, float))]
    level = np.log2([max(float(ratio), 1e-3) for _, ratio in ratios]) if ratios else np.empty(0)
    left, right = np.full(len(ratios), RIGHT - GUTTER + 10.0), np.full(len(ratios), float(RIGHT))
    lines = np.array([at for at, _ in ratios], dtype=int)
    return pd.DataFrame({"left": left, "right": right, "line": lines, "colour": colour(level)})


def _strokes(spans: pd.DataFrame, height: float) -> list[str]:
    """One path per colour: a stroke as wide as a line is high."""
    paths: dict[int, list[str]] = defaultdict(list)
    for left, right, line, shade in spans.itertuples(index=False, name=None):
        y = svg.pixel(TOP + height * (line + 0.5))
        paths[shade].append(f"M{svg.pixel(left)} {y}H{svg.pixel(right)}")
    middle = len(STEPS) // 2
    width = svg.pixel(max(height - (1 if height > 6 else 0), 0.5))
    return [
        f'<path d="{"".join(moves)}" class="heat{shade}" stroke-width="{width}"/>'
        for shade, moves in sorted(paths.items())
        if shade != middle
    ]


def _groups(ordered: Sequence[Mapping[str, Any]], height: float) -> list[str]:
    """Lines between the classes and, where samples have no names of their own, the classes' names."""
    parts: list[str] = []
    start = 0
    for at in range(1, len(ordered) + 1):
        if at < len(ordered) and ordered[at]["call"] == ordered[start]["call"]:
            continue
        y = TOP + height * at
        if at < len(ordered):
            parts.append(svg.line(LEFT - 4, y, RIGHT, y, "guide"))
        if len(ordered) > MAX_NAMED and height * (at - start) > 10:
            label = f"{CALL_WORDS.get(ordered[start]['call'], '')} ({at - start})"
            parts.append(svg.text(LEFT - 8, TOP + height * (start + at) / 2 + 4, label, "tick end"))
        start = at
    return parts
