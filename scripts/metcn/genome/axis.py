"""Chromosomes laid end to end on one axis, as tiling and counting want positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from metcn.genome import build as genomes

STRIDE = 1 << 33
"""Distance between the beginnings of two chromosomes; longer than any chromosome with all that is put around it."""


def origins(names: Iterable[str], facts: genomes.Genome) -> dict[str, int]:
    """Where each bare chromosome begins on the axis: those of the genome in its order, then any others by name."""
    others = sorted({genomes.bare(name) for name in names} - set(facts.contigs))
    return {name: rank * STRIDE for rank, name in enumerate([*facts.contigs, *others])}


def on_axis(frame: pd.DataFrame, origins: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of the rows on the axis."""
    origin = frame["chromosome"].map({name: origins[genomes.bare(name)] for name in frame["chromosome"].unique()})
    return (frame["start"] + origin).to_numpy(np.int64), (frame["end"] + origin).to_numpy(np.int64)


def off_axis(
    start: np.ndarray, end: np.ndarray, origins: Mapping[str, int], spelling: Mapping[str, str]
) -> pd.DataFrame:
    """The reverse: chromosome (as ``spelling`` writes it), start, end."""
    names = np.array([spelling[name] for name in origins], dtype=object)
    rank = start // STRIDE
    return pd.DataFrame({"chromosome": names[rank], "start": start - rank * STRIDE, "end": end - rank * STRIDE})


def spelling(names: Iterable[str], origins: Mapping[str, int]) -> dict[str, str]:
    """How the input writes each bare chromosome; one it does not name gets the input's habit."""
    written = {genomes.bare(name): name for name in names}
    prefix = "" if written and not any(name.lower().startswith("chr") for name in written.values()) else "chr"
    return {name: written.get(name, prefix + name) for name in origins}
