"""Stage ``bins``: where depth is measured."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from metcn.bins import design, sampled
from metcn.genome import build as genomes
from metcn.io import coverage_formats, tables
from metcn.run.settings import BinsSettings


def bins(
    *,
    assay: str,
    genome: str,
    targets: Path | None,
    fasta: Path | None,
    coverage: Sequence[Path] | None,
    reference: Path | None,
    gc: Path | None,
    mappability: Path | None,
    output: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write ``bins.tsv``: those of a ready panel of normals, else the rows of a coverage table, else the design's.

    Raises
    ------
    InputError
        If an input is malformed, of another genome build, or missing where the assay needs it.
    """
    chosen, facts = BinsSettings(**settings), genomes.load(genome)
    tracks = {"gc": gc, "mappability": mappability}
    left = design.content_of_build(assay, fasta=fasta, tracks=tracks)
    annotated = partial(
        design.annotated,
        facts=facts,
        fasta=fasta,
        tracks=tracks,
        min_mappability=chosen.min_mappability,
        of_build=left,
    )
    if reference:
        from metcn.bins import hdf5_file  # brings HDF5, which counting does not need

        frame = hdf5_file.read_bins(reference)
    elif coverage:
        frame = design.bins_of_coverage(
            coverage_formats.read_coverage(coverage, facts), facts, assay=assay, where=", ".join(map(str, coverage))
        )
        frame = annotated(frame)
    else:
        frame = design.bins_of_design(facts, assay=assay, targets=targets, fasta=fasta, settings=chosen)
        frame = annotated(frame)
        wide = int(np.median((frame["end"] - frame["start"]).to_numpy()))
        if sampled.is_wanted(chosen.reading, assay=assay, window_bp=wide):
            frame = sampled.sampled(frame, facts)
    if left and not reference:  # no note of the run, which would be one of nearly every genome; it stands in the log
        print(f"metcn: bins: {' and '.join(left)} are those of the {genome} windows of 10 kb", file=sys.stderr)
    tables.write_bins(output, frame)
