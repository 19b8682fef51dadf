"""Bins as arrays, with the groups and roles that every later stage works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.bins import groups, tiles
from metcn.genome import build as genomes

BLOCK_BP = 5e6  # stretch over which a local level is taken: about 30 off-target bins of 150 kb
WIDE_KINDS = ("off_target", "window")  # kinds that cover the genome evenly and can carry the baseline


@dataclass(frozen=True, eq=False)
class BinLayout:
    """The bins as arrays, with the groups that errors are estimated on; see `layout_of`."""

    frame: pd.DataFrame
    chromosome: NDArray
    kind: NDArray
    midpoint: NDArray
    width_bp: NDArray
    block: NDArray
    group: NDArray
    fit: NDArray
    wide: NDArray
    on_seven: NDArray
    met: NDArray
    unread: NDArray


def layout_of(frame: pd.DataFrame) -> BinLayout:
    """Arrays of the bins' table.

    Targets are grouped by place (MET's are one group); wide bins in runs as long as MET has of them. Where targets
    overlap MET they alone count as MET's own; without any, the wide bins that overlap it do.
    """
    kind = frame["kind"].to_numpy(dtype=np.str_)
    start, end = frame["start"].to_numpy(), frame["end"].to_numpy()
    role = frame["role"].to_numpy(dtype=np.str_)
    codes, names = pd.factorize(frame["chromosome"])
    bare = np.array([genomes.bare(name) for name in names], dtype=np.str_)[codes]
    wide = np.isin(kind, WIDE_KINDS)
    met = role == "met"
    if (met & ~wide).any():  # a few stray intronic bins would only dilute the targets
        met &= ~wide
    unread = (frame["mask"] == tiles.NOT_READ).to_numpy()
    group = np.zeros(len(frame), dtype=np.intp)
    offset = 0
    for name in np.unique(kind):
        rows = np.flatnonzero(kind == name)
        if name in WIDE_KINDS:
            length = max(int(met[rows].sum()), 5 if name == "off_target" else 2)
            label = _runs(bare[rows], unread[rows], length)
        else:
            label = groups.clusters(chromosome=bare[rows], start=start[rows], end=end[rows], whole=met[rows])
        group[rows] = label + offset
        offset += int(label[-1]) + 1
    midpoint = (start + end) / 2
    block = groups.blocks(chromosome=bare, midpoint=midpoint, size_bp=BLOCK_BP)
    return BinLayout(
        frame=frame, chromosome=bare, kind=kind, midpoint=midpoint, width_bp=(end - start).astype(float), block=block,
        group=group, fit=role == "backbone", wide=wide, on_seven=bare == genomes.MET_CHROMOSOME, met=met, unread=unread,
    )  # fmt: skip


def _runs(chromosome: NDArray, unread: NDArray, length: int) -> NDArray[np.intp]:
    """Group number per wide bin: runs of ``length``, of equal parts where the genome was read in windows."""
    if not unread.any():
        return groups.runs(chromosome=chromosome, length=length)
    begins = np.r_[True, (chromosome[1:] != chromosome[:-1]) | unread[1:] | unread[:-1]]
    return groups.even_runs(stretch=np.cumsum(begins), length=length)
