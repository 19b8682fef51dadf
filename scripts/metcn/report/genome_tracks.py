"""What lies under a profile: cytobands, exons, genes and positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from metcn.genome.build import CONTEXT, NEIGHBOURS, bare
from metcn.report import svg
from metcn.report.svg import Scale

MB = 1e6
DRAWN_GENES = ("MET", "IKZF1", *NEIGHBOURS, *CONTEXT)
BAND_ROOM = 34  # pixels that the name of a band takes
SKIPPED_EXON = 14  # its skipping is MET's other actionable change
TICK_STEPS = (2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7)


def ideogram(cytobands: pd.DataFrame, x: Scale, top: float, *, named: Sequence[float] | None = None) -> list[str]:
    """Cytobands of chromosome 7, the centromere as two triangles.

    Bands have names below where there is room if ``named`` is given: first those that hold one of its positions.
    """
    parts, labels = [], []
    bands = cytobands[[bare(str(name)) == "7" for name in cytobands["chromosome"]]]
    for start, end, name, stain in _rows(bands, "start", "end", "band", "stain"):
        left, right = float(x(start)), float(x(end))
        if stain == "acen":
            wide, tight = (left, right) if name.startswith("p") else (right, left)
            parts.append(svg.polygon([(wide, top), (wide, top + 10), (tight, top + 5)], "acen"))
            continue
        parts.append(svg.rect(left, top, right, top + 10, f"band {stain}", f"7{name}"))
        if named is not None:
            wanted = any(start <= place < end for place in named)
            labels.append((not wanted, left - right, (left + right) / 2, name, wanted))
    taken: list[float] = []
    for *_, middle, name, wanted in sorted(labels):
        if all(abs(middle - other) > BAND_ROOM for other in taken):
            taken.append(middle)
            parts.append(svg.text(middle, top + 20, name, "tiny middle strong" if wanted else "tiny middle"))
    return parts


def exons(spans: np.ndarray, x: Scale, middle: float) -> list[str]:
    """MET's exons on a line, numbered from 1 along the gene where there is room; exon 14 stands out."""
    parts = [svg.line(float(x(spans[:, 0].min())), middle, float(x(spans[:, 1].max())), middle, "intron")]
    taken: list[float] = []
    for number, (start, end) in sorted(enumerate(spans, start=1), key=lambda exon: exon[0] != SKIPPED_EXON):
        left, right = float(x(start)), float(x(end))
        skipped = number == SKIPPED_EXON
        parts.append(
            svg.rect(left, middle - 5, right, middle + 5, "exon skipped" if skipped else "exon", f"exon {number}")
        )
        at = (left + right) / 2
        if all(abs(at - other) > 14 for other in taken):
            taken.append(at)
            parts.append(svg.text(at, middle - 8, number, "tiny middle strong" if skipped else "tiny middle"))
    return parts


def genes(table: pd.DataFrame, x: Scale, top: float) -> list[str]:
    """Genes that matter around MET, named where there is room; MET itself always."""
    wanted = table[table["gene"].isin(DRAWN_GENES)]
    wanted = wanted[(wanted["end"] > x.low) & (wanted["start"] < x.high)].sort_values("start")
    parts: list[str] = []
    taken: list[tuple[float, float]] = []
    for name, start, end in sorted(_rows(wanted, "gene", "start", "end"), key=lambda row: row[0] != "MET"):
        left, right = x.clipped(start), x.clipped(end)
        parts.append(svg.rect(left, top, right, top + 5, "gene met-gene" if name == "MET" else "gene", name))
        middle, half = (left + right) / 2, 3.6 * len(name) + 3
        if all(abs(middle - other) > half + room for other, room in taken):
            taken.append((middle, half))
            parts.append(svg.text(middle, top + 16, name, "tiny middle strong" if name == "MET" else "tiny middle"))
    return parts


def positions(x: Scale, y: float) -> list[str]:
    """Ticks with positions in megabases, about eight of them, and the chromosome's name."""
    step = next((step for step in TICK_STEPS if (x.high - x.low) / step <= 9), TICK_STEPS[-1])
    digits = 0 if step >= MB else 2 if step < 1e5 else 1
    parts = [svg.line(x.start, y, x.end, y, "axis")]
    for at in np.arange(np.ceil(x.low / step) * step, x.high, step):
        parts.append(svg.line(float(x(at)), y, float(x(at)), y + 4, "axis"))
        parts.append(svg.text(float(x(at)), y + 16, f"{at / MB:.{digits}f}", "tick middle"))
    parts.append(svg.text(x.start - 8, y + 16, "Mb", "tick end"))
    return parts


def _rows(table: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of the named columns as plain tuples."""
    return list(table[list(columns)].itertuples(index=False, name=None))
