"""Stage ``reference``: from the counts of the normals to a panel of normals."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn import provenance
from metcn.bins.layout import layout_of
from metcn.counts import depth_file, summary_file
from metcn.counts.summary_file import CountsSummary
from metcn.errors import InputError
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.reference import build as normals
from metcn.reference import checks, few_fragments, panel_file, suspected
from metcn.reference.panel import Panel
from metcn.run.settings import ReferenceSettings
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
    chosen = ReferenceSettings(**settings)
    frame = tables.read_bins(bins)
    summaries = {path.stem: summary_file.read(path) for path in counts_summary or ()}
    alike = checks.counted_alike(summaries.values())
    names = [path.name.removesuffix(".cnn") for path in counts]
    for name, summary in summaries.items():
        if summary.filtered:
            _say(f"note: normal {name}: {' '.join(summary.filtered)}")
    layout = layout_of(frame)
    depth, behind = _depths(frame, counts, [summaries.get(name) for name in names])
    _check_depths(depth, names, summaries)
    few = few_fragments.kinds_of_few(layout, behind)
    if not few.any():
        behind = []  # as large as the depths twice over, and not asked again

    def make(trusted: NDArray[np.bool_]) -> Panel:
        """Panel of these normals."""
        panel = normals.build(depth, layout, chosen, trusted=trusted)
        if not behind:
            return panel
        kept = [one for one, there in zip(behind, trusted, strict=True) if there]
        return few_fragments.with_sums(panel, layout, kept, few, chosen.min_relative_depth)

    build, keep = genomes.load(genome), chosen.on_suspicious == "keep"
    checked = suspected.build(make, len(names), layout, build, keep=keep)
    used = [name for name, there in zip(names, checked.used, strict=True) if there]
    check = suspected.check_of(names, checked, suspected.residuals(checked.panel, layout, build))
    _say(f"normals: {check.summary}")
    for remark in check.remarks:
        _say(f"note: {remark}")
    facts = {"genome": genome, "assay": assay, **asdict(alike), "normals": used}
    facts |= {"provenance": provenance.stamp(settings), **asdict(checks.of_normals(used, checked.panel))}
    facts |= {"deviant": [one.name for one in check.suspects], "check": check.to_json()}
    panel_file.write(output, frame, checked.panel, facts)


def _say(text: str) -> None:
    print(f"metcn: {text}", file=sys.stderr)


class _Depths(NamedTuple):
    """Log2 depths of the normals, shape (normals, bins), and the fragments behind those of each."""

    log2: NDArray[np.float32]
    counts: list[fragments.Counts]


def _depths(frame: pd.DataFrame, paths: Sequence[Path], summaries: Sequence[CountsSummary | None]) -> _Depths:
    """Depths of the normals; each table is read once."""
    rows, counts = [], []
    for path, summary in zip(paths, summaries, strict=True):
        read = depth_file.read(path, frame, summary)
        rows.append(read.log2)
        counts.append(read.counts)
    return _Depths(np.stack(rows), counts)


def _check_depths(depth: NDArray[np.floating], names: Sequence[str], summaries: Mapping[str, CountsSummary]) -> None:
    """Raise InputError if a normal has no reads; a normal that is a copy of another one is noted."""
    empty = [name for name, row in zip(names, depth, strict=True) if not np.isfinite(row).any()]
    if empty:
        summary = summaries.get(empty[0])
        why = f" ({' '.join(summary.filtered)})" if summary and summary.filtered else ""
        raise InputError(
            f"normal {empty[0]} has no reads in any bin{why}; remove it from the sample sheet or replace its file"
        )
    for sentence in checks.name_copies(names, depth):
        _say(f"note: {sentence}")
