"""Stage ``counts``: how deep one sample is in each bin."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metcn import provenance
from metcn.bins import design
from metcn.counts import alignment as counted
from metcn.counts import counters as counting
from metcn.counts import filtered, sites
from metcn.errors import InputError
from metcn.files import write_json
from metcn.genome import build as genomes
from metcn.io import coverage_formats, tables
from metcn.run.settings import CountsSettings
from metcn.stats import fragments
from metcn.vocabulary import COUNT_COLUMNS, REASONS

LOW_MET_FRAGMENTS = 100
"""Below this, chance alone (Poisson) moves MET's ratio by more than 10 %."""


def counts(
    *,
    sample: str,
    bins: Path,
    alignment: Path | None,
    coverage: Sequence[Path] | None,
    fasta: Path | None,
    snps: Path | None = None,
    genome: str,
    output: Path,
    summary: Path,
    speed: Path | None = None,
    alleles: Path | None = None,
    settings: Mapping[str, Any],
) -> None:
    """Write one sample's depth per bin (``.cnn``), what is to be said about it (``.json``), and how fast it was read.

    ``alleles`` gets the reads at the ``snps``; it is empty without a list of them, or without an alignment.

    Raises
    ------
    InputError
        If an input is malformed, of another genome build, or a coverage table has other rows than the bins.
    """
    facts = genomes.load(genome)
    frame = tables.read_bins(bins)
    chosen = counted.settled(frame, CountsSettings(**settings))
    pace: Mapping[str, float | None] = dict.fromkeys(counted.PACE)
    if alignment:
        count, depth, told, pace = counted.count(frame, facts, alignment, fasta, chosen)
    elif coverage:
        depth, count, told = _depth_of_coverage(frame, facts, coverage, bins, chosen)
    else:
        raise InputError(f"sample {sample} has neither alignments nor coverage; give one of them in the sample sheet")
    result = frame.assign(
        depth=depth, log2=counting.log2_depth(depth), count=pd.array(count, dtype="Float64").astype("Int64")
    )
    tables.write_counts(output, result[list(COUNT_COLUMNS)])
    if alleles is not None:
        found = sites.counted(snps, frame, facts, alignment, fasta, chosen) if snps and alignment else sites.none()
        tables.write_alleles(alleles, found)
    told["reasons"] = _reasons(frame, depth, count, told)
    read = provenance.contents(bins=bins, alignment=alignment, coverage=coverage, fasta=fasta, snps=snps)
    write_json(summary, {"sample": sample, **told, "mean_depth": _mean_depth(frame, depth), "inputs": read})
    if speed:
        write_json(speed, {"sample": sample, **pace})


def _names(paths: Iterable[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def _width(frame: pd.DataFrame) -> np.ndarray:
    return (frame["end"] - frame["start"]).to_numpy()


class _CoverageDepth(NamedTuple):
    """Depth and fragments per bin, shape (bins,), and the summary of the counts."""

    depth: np.ndarray
    number: np.ndarray
    summary: dict[str, Any]


def _depth_of_coverage(
    frame: pd.DataFrame,
    facts: genomes.Genome,
    paths: Sequence[Path],
    bins_path: Path,
    settings: CountsSettings,
) -> _CoverageDepth:
    """Depth per bin as the tables give it, fragments where they tell them, and the summary.

    Where they tell none, a depth is taken for a mean over bases, to which a fragment adds ``bases_per_fragment``.

    Raises
    ------
    InputError
        If the tables' rows are not exactly the bins.
    """
    table, notes = coverage_formats.coverage(paths, facts)
    for note in notes:
        print(f"metcn: note: {note}", file=sys.stderr)
    _check_same_rows(frame, table, bins_path, _names(paths))
    verified = design.check_place(table, facts, _names(paths), overhang=True)
    told = {
        "source": {"kind": "coverage", "files": [Path(path).name for path in paths]},
        "fragments": None,
        "tallies": {},
        "keep_duplicates": None,
        "duplicates": None,
        "filtered": [],
        "on_target": None,
        "lengths": None,
        "unit": None,
        "depth_unit": "as in the source",
        "bases_per_fragment": None if table["count"].notna().any() else settings.bases_per_fragment,
        "bins_without_contig": 0,
        "bins_not_read": 0,
        "reading": None,
        "warnings": list(notes),
        "reasons": [] if verified else ["build_not_verified"],
    }
    return _CoverageDepth(table["depth"].to_numpy(), np.rint(table["count"].to_numpy(float)), told)


def _check_same_rows(frame: pd.DataFrame, table: pd.DataFrame, bins_path: Path, where: str) -> None:
    """Nothing, if the table's rows are the bins.

    Raises
    ------
    InputError
        Naming the first row that differs.
    """
    rows = min(len(frame), len(table))
    ours, theirs = (genomes.bare_names(side["chromosome"][:rows]).to_numpy() for side in (frame, table))
    differs = ours != theirs
    for side in ("start", "end"):
        differs |= frame[side].to_numpy()[:rows] != table[side].to_numpy()[:rows]
    first = int(np.argmax(differs)) if differs.any() else rows
    if first == len(frame) == len(table):
        return
    expected, found = (
        f"{side.chromosome[first]}:{side.start[first]}-{side.end[first]}" if first < len(side) else "no further row"
        for side in (frame, table)
    )
    raise InputError(
        f"expected the {len(frame)} bins of {bins_path}, found {len(table)} rows in {where}, first different at bin "
        f"{first + 1}: {expected} against {found}; make all coverage tables with one design, that of a ready "
        "panel of normals where one is given"
    )


def _reasons(frame: pd.DataFrame, depth: np.ndarray, count: np.ndarray, told: Mapping[str, Any]) -> list[str]:
    """Codes that hold for this sample, in the order of the closed list.

    A filter that took all reads is the reason why nothing covers MET, or any bin: then that is not said as well.
    """
    met = ((frame["role"] == "met") & (frame["mask"] == "")).to_numpy()
    found = set(told["reasons"])
    empty = {loss["where"] for loss in told["filtered"] if loss["reason"] == filtered.REFUSED}
    if not (depth[met] > 0).any() and not empty and not _by_chance(frame, count, met):
        found.add("met_not_covered")
    if not (depth > 0).any():
        found |= set() if filtered.EVERYWHERE in empty else {"no_reads"}
    elif np.isfinite(count[met]).any() and np.nansum(count[met]) < LOW_MET_FRAGMENTS:
        found.add("low_depth")
    return [code for code in REASONS if code in found]


def _by_chance(frame: pd.DataFrame, count: np.ndarray, met: np.ndarray) -> bool:
    """Whether so few fragments lie in windows like MET's that none in MET is no sign of a gap in the assay."""
    if not (met.any() and (frame["kind"][met] == "window").all()):
        return False
    used = ((frame["kind"] == "window") & (frame["mask"] == "")).to_numpy() & np.isfinite(count)
    width = _width(frame)
    return bool(used.any() and count[used].sum() / width[used].sum() * width[met].sum() < fragments.SURE)


def _mean_depth(frame: pd.DataFrame, depth: np.ndarray) -> float:
    """Width-weighted mean depth of the measured targets, windows or inserts; NaN if there are none."""
    used = (frame["kind"] != "off_target").to_numpy() & np.isfinite(depth)
    return float(np.average(depth[used], weights=_width(frame)[used])) if used.any() else float("nan")
