"""Stage ``reference``: from the counts of the normals to a panel of normals."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metcn import provenance
from metcn.bins.layout import BinLayout, layout_of
from metcn.counts import depth_file
from metcn.errors import InputError
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.reference import build as normals
from metcn.reference import checks, few_fragments, panel_file, suspected
from metcn.reference.panel import Panel
from metcn.stats import fragments


def reference(
    *,
    bins: Path,
    counts: Sequence[Path],
    counts_summary: Sequence[Path] | None,
    genome: str,
    assay: str,
    output: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write the panel of normals (HDF5) made of the counts of the normals.

    Raises
    ------
    InputError
        If a table is malformed, has other rows than the bins, a normal has no reads, or units differ.
    """
    frame = tables.read_bins(bins)
    alike = checks.counted_alike(counts_summary or ())
    names = [path.name.removesuffix(".cnn") for path in counts]
    lost = checks.filtered(counts_summary or ())
    for name, sentences in lost.items():
        print(f"metcn: note: normal {name}: {' '.join(sentences)}", file=sys.stderr)
    parts = layout_of(frame)
    told = {path.stem: path for path in counts_summary or ()}
    depth, behind = _depths(frame, counts, [told.get(name) for name in names])
    _check_depths(depth, names, lost)
    few = few_fragments.kinds_of_few(parts, behind)
    if not few.any():
        behind = []  # as large as the depths twice over, and not asked again

    def make(trusted: np.ndarray) -> Panel:
        """Panel of these normals, from a copy of their depths, since a build consumes them."""
        panel = _panel(parts, depth.copy(), trusted, settings)
        if not behind:
            return panel
        kept = [one for one, there in zip(behind, trusted, strict=True) if there]
        return few_fragments.with_sums(panel, parts, kept, few, settings["min_relative_depth"])

    build, keep = genomes.load(genome), settings["on_suspicious"] == "keep"
    checked = suspected.build(make, len(names), parts, build, keep=keep)
    used = [name for name, there in zip(names, checked.used, strict=True) if there]
    facts = {"genome": genome, "assay": assay, **alike, "normals": used, "provenance": provenance.stamp(settings)}
    facts |= checks.of_normals(used, checked.panel)
    found = suspected.facts_of(names, checked, suspected.residuals(checked.panel, parts, build))
    suspected.say(found)
    facts |= {"deviant": [one["name"] for one in found["suspects"]], "check": found}
    panel_file.write(output, frame, checked.panel, facts)


def _depths(
    frame: pd.DataFrame, counts: Sequence[Path], summaries: Sequence[Path | None]
) -> tuple[np.ndarray, list[fragments.Counts]]:
    """Log2 depths of the normals, shape (normals, bins), and the fragments behind them; each table is read once."""
    rows, behind = [], []
    for path, summary in zip(counts, summaries, strict=True):
        read = tables.read_depth(path, frame)
        rows.append(depth_file.log2(frame, *read))
        behind += depth_file.behind(frame, [read], [summary])
    return np.stack(rows), behind


def _check_depths(depth: np.ndarray, names: Sequence[str], lost: Mapping[str, Sequence[str]]) -> None:
    """Raise InputError if a normal has no reads; a normal that is a copy of another one is noted."""
    empty = [name for name, row in zip(names, depth, strict=True) if not np.isfinite(row).any()]
    if empty:
        why = f" ({' '.join(lost[empty[0]])})" if empty[0] in lost else ""
        raise InputError(
            f"normal {empty[0]} has no reads in any bin{why}; remove it from the sample sheet or replace its file"
        )
    checks.name_copies(names, depth)


def _panel(parts: BinLayout, depth: np.ndarray, trusted: np.ndarray, settings: Mapping[str, Any]) -> Panel:
    """Panel of the trusted normals."""
    return normals.build(
        depth,
        kind=parts.kind,
        group=parts.group,
        chromosome=parts.chromosome,
        fit=parts.fit,
        learn=parts.fit | parts.on_seven,
        met=parts.met,
        x=checks.x_of(parts),
        mask=parts.frame["mask"].to_numpy(dtype=np.str_),
        max_components=settings["max_components"],
        min_relative_depth=settings["min_relative_depth"],
        max_spread=settings["max_spread"],
        trusted=trusted,
    )
