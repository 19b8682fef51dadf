"""What is known of the sequence in each bin: its GC content, how much of it is unknown, and its mappability.

GC content comes from a FASTA or a file, mappability from a file; of bins that cover a genome evenly the build's own
windows of 10 kb tell whichever of them is not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from metcn.bins import tiles as tiling
from metcn.errors import InputError
from metcn.genome import axis, windows
from metcn.genome import build as genomes
from metcn.io import fasta as sequences
from metcn.io import tracks

COARSEST = 2  # GC of a stretch more than so many times as wide as a bin says nothing of the bin


def of_sequence(frame: pd.DataFrame, facts: genomes.Genome, fasta: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """GC share and share of unknown bases per bin; GC NaN and unknown 0 where no sequence is given.

    Raises
    ------
    InputError
        If the FASTA is of another build.
    """
    gc, unknown = np.full(len(frame), np.nan), np.zeros(len(frame))
    if fasta is None:
        return gc, unknown
    with sequences.open_fasta(fasta) as handle:
        lengths = dict(zip(handle.references, handle.lengths, strict=True))
        genomes.check_build(lengths, facts, where=str(fasta))
        contigs = {genomes.bare(name): name for name in handle.references}
        for chromosome, rows in frame.groupby("chromosome", sort=False).indices.items():
            contig = contigs.get(genomes.bare(str(chromosome)))
            if contig is not None:
                part = frame.iloc[rows]
                gc[rows], unknown[rows] = sequences.base_content(
                    handle, contig, part["start"].to_numpy(), part["end"].to_numpy()
                )
    return gc, unknown


def track(path: Path, facts: genomes.Genome) -> pd.DataFrame:
    """Rows of a file of shares along the genome, see `metcn.io.tracks.read`.

    Raises
    ------
    InputError
        If it is of another format or build, or has a base in two rows.
    """
    rows = tracks.read(path)
    beyond = np.flatnonzero(rows["start"] >= genomes.ends(facts, rows["chromosome"]))
    if len(beyond):
        row = rows.iloc[beyond[0]]
        raise InputError(
            f"{path} line {rows.index[beyond[0]]}: {row.chromosome}:{row.start}-{row.end} begins beyond the chromosome "
            f"in {facts.name}; set the genome it was made for, or give one for {facts.name}"
        )
    start, end = axis.on_axis(rows, axis.origins(rows["chromosome"].unique(), facts))
    order = np.argsort(start, kind="stable")
    twice = np.flatnonzero(start[order][1:] < end[order][:-1])
    if len(twice):
        row = rows.iloc[order[twice[0] + 1]]
        raise InputError(f"{path}: {row.chromosome}:{row.start} is in two rows; give each base once")
    return rows.iloc[order]


def of_tracks(frame: pd.DataFrame, facts: genomes.Genome, paths: Mapping[str, Path | None]) -> dict[str, np.ndarray]:
    """Share per bin of each file that is given, by name (``gc``, ``mappability``); NaN where it is unknown.

    GC of exactly 0 is that of a stretch without known bases. Bins of which less than half is known have none, nor, for
    GC, have bins much narrower than the file's rows.

    Raises
    ------
    InputError
        If a file is wrong (see `track`) or knows nothing of any bin.
    """
    found = {}
    for name, path in paths.items():
        if path is None:
            continue
        rows = track(path, facts)
        known = rows[rows["value"].notna() & ((rows["value"] > 0) | (name != "gc"))]
        share = _means(frame, facts, known, "value")
        if name == "gc" and len(known):
            narrow = (frame["end"] - frame["start"]) * COARSEST < (known["end"] - known["start"]).median()
            share[narrow.to_numpy()] = np.nan
        if not np.isfinite(share).any():
            raise InputError(
                f"{path} tells the {name} of no bin of this assay; give one whose rows cover the bins and are no wider"
            )
        found[name] = share
    return found


def of_build(frame: pd.DataFrame, facts: genomes.Genome, name: str) -> np.ndarray:
    """``gc`` or ``mappability`` per bin from the build's windows of 10 kb (`metcn.genome.windows`); NaN where unknown.

    The mean over the bases of a bin; one that is narrower than a window has that of the window it lies in.

    >>> bin = pd.DataFrame({"chromosome": ["chr7"], "start": [116_310_000], "end": [116_330_000]})
    >>> of_build(bin, genomes.load("GRCh37"), "gc").tolist()
    [0.4]
    """
    rows = windows.load(facts)
    return _means(frame, facts, rows[rows[name].notna()], name)


def _means(frame: pd.DataFrame, facts: genomes.Genome, rows: pd.DataFrame, name: str) -> np.ndarray:
    """Mean of a column of ``rows`` over the bases of each bin, NaN where less than half of it lies in them."""
    origins = axis.origins([*frame["chromosome"].unique(), *rows["chromosome"].unique()], facts)
    where = (*axis.on_axis(frame, origins), *axis.on_axis(rows, origins))
    return tiling.mean_over(*where, rows[name].to_numpy(float))
