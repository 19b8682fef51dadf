"""Stage ``segments``: stretches of equal copy number."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metcn.genome import build as genomes
from metcn.io import tables
from metcn.segments import segment as segmentation


def segments(*, sample: str, ratios: Path, genome: str, output: Path, seg: Path, settings: Mapping[str, Any]) -> None:
    """Write the segments of a sample's ratios for CNVkit (``.cns``) and IGV (``.seg``).

    Raises
    ------
    InputError
        If the ratios are malformed, or the method needs R and R is absent.
    """
    frame = tables.read_ratios(ratios)
    found = segmentation.find(frame, method=settings["method"], arm=_arms(frame, genomes.load(genome)))
    tables.write_segments(output, found)
    tables.write_seg(seg, sample, found)


def _arms(frame: pd.DataFrame, facts: genomes.Genome) -> np.ndarray:
    """Chromosome arm of each bin, such as ``chr7q``."""
    border = {name: facts.centromere.get(genomes.bare(name), (0, 0))[0] for name in frame["chromosome"].unique()}
    beyond = (frame["start"] + frame["end"]) / 2 >= frame["chromosome"].map(border)
    return (frame["chromosome"] + np.where(beyond, "q", "p")).to_numpy()
