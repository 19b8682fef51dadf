"""Bins as arrays, with the groups and roles that every later stage works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.bins import groups, tiles
from metcn.genome import build as genomes

BLOCK_BP = 5e6  # region over which a local level is taken: about 30 off-target bins of 150 kb
WIDE_KINDS = ("off_target", "window")  # kinds that cover the genome evenly and can carry the baseline
X_WITHOUT_ENDS = (2_800_000, 154_900_000)  # clear of the pseudoautosomal regions in GRCh37 and GRCh38

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class BinLayout:
    """The bins of an assay as arrays of shape (bins,), in genome order; see `layout_of`.

    Attributes
    ----------
    chromosome : ndarray of str
        Bare names (``7``).
    chromosome_index : ndarray of int
        Number of each chromosome among those of the whole table.
    start, end : ndarray of int
        0-based half-open coordinates, bp.
    gene, mask : ndarray of object
        Name of the gene, and why a bin may not be used ("" where it may).
    kind : ndarray of str
        ``target``, ``off_target``, ``window`` or ``amplicon``.
    gc, mappability : ndarray of float
        Fractions; NaN where unknown.
    group : ndarray of int
        Bins that share an error (a gene's targets, a run of windows); ascends within a kind.
    block : ndarray of int
        Region of ``BLOCK_BP`` that each bin lies in; ascends.
    fit : ndarray of bool
        Autosomal bins outside chromosome 7, the only ones that coefficients and scale rest on.
    met : ndarray of bool
        MET's own bins.
    spelling : mapping of str to str
        Bare name of a chromosome -> name in the table.
    """

    chromosome: NDArray[np.str_]
    chromosome_index: NDArray[np.intp]
    start: NDArray[np.integer]
    end: NDArray[np.integer]
    gene: NDArray[np.object_]
    kind: NDArray[np.str_]
    mask: NDArray[np.object_]
    gc: NDArray[np.floating]
    mappability: NDArray[np.floating]
    group: NDArray[np.intp]
    block: NDArray[np.intp]
    fit: Mask
    met: Mask
    spelling: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.chromosome)

    def at(self, rows: NDArray[np.intp] | Mask) -> BinLayout:
        """Layout of some of the bins, whose groups, blocks and numbers of chromosomes stay those of all bins."""
        arrays: dict[str, Any] = {
            item.name: getattr(self, item.name)[rows] for item in fields(self) if item.name != "spelling"
        }
        return replace(self, **arrays)

    @cached_property
    def kinds(self) -> list[str]:
        """Kinds of bins that occur, in alphabetical order."""
        return [str(name) for name in np.unique(self.kind)]

    @cached_property
    def midpoint(self) -> NDArray[np.float64]:
        """Middle of each bin, bp."""
        return np.asarray((self.start + self.end) / 2)

    @cached_property
    def width_bp(self) -> NDArray[np.float64]:
        """Width of each bin, bp."""
        return (self.end - self.start).astype(float)

    @cached_property
    def wide(self) -> Mask:
        """Bins of kinds that cover the genome evenly."""
        return np.isin(self.kind, WIDE_KINDS)

    @cached_property
    def target(self) -> Mask:
        """Bins that lie where the assay looks: targets of a panel, inserts of an amplicon assay."""
        return ~self.wide

    @cached_property
    def on_seven(self) -> Mask:
        """Bins on chromosome 7."""
        return np.asarray(self.chromosome == genomes.MET_CHROMOSOME)

    @cached_property
    def autosomal(self) -> Mask:
        """Bins on autosomes, on which components are learned: normals have no amplicon to protect."""
        return self.fit | self.on_seven

    @cached_property
    def x(self) -> Mask:
        """Bins of chromosome X of which a male has one copy."""
        inside = (self.midpoint >= X_WITHOUT_ENDS[0]) & (self.midpoint < X_WITHOUT_ENDS[1])
        return np.asarray((self.chromosome == "X") & inside)

    @cached_property
    def usable(self) -> Mask:
        """Bins without a mask."""
        return np.asarray(self.mask == "", dtype=bool)

    @cached_property
    def unread(self) -> Mask:
        """Bins whose reads are left on disk."""
        return np.asarray(self.mask == tiles.NOT_READ, dtype=bool)

    def within(self, interval: tuple[int, int]) -> Mask:
        """Bins whose midpoint lies in an interval (bp), on any chromosome."""
        return np.asarray((self.midpoint >= interval[0]) & (self.midpoint < interval[1]))

    def overlapping(self, interval: tuple[int, int]) -> Mask:
        """Bins that share a base with an interval (bp), on any chromosome."""
        return np.asarray((self.start < interval[1]) & (self.end > interval[0]))


def layout_of(frame: pd.DataFrame) -> BinLayout:
    """Arrays of the bins' table.

    Targets are grouped by place (MET's are one group); wide bins in runs as long as MET has of them. Where targets
    overlap MET they alone count as MET's own; without any, the wide bins that overlap it do.
    """
    kind = frame["kind"].to_numpy(dtype=np.str_)
    start, end = frame["start"].to_numpy(), frame["end"].to_numpy()
    role = frame["role"].to_numpy(dtype=np.str_)
    mask = frame["mask"].to_numpy(dtype=object)
    codes, written = pd.factorize(frame["chromosome"])
    names = np.array([genomes.bare(name) for name in written], dtype=np.str_)
    bare = names[codes]
    met = role == "met"
    if (met & ~np.isin(kind, WIDE_KINDS)).any():  # a few stray intronic bins would only dilute the targets
        met &= ~np.isin(kind, WIDE_KINDS)
    unread = np.asarray(mask == tiles.NOT_READ, dtype=bool)
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
    return BinLayout(
        chromosome=bare, chromosome_index=np.unique(names, return_inverse=True)[1][codes], start=start, end=end,
        gene=frame["gene"].to_numpy(dtype=object), kind=kind, mask=mask,
        gc=_fractions(frame, "gc"), mappability=_fractions(frame, "mappability"),
        group=group, block=groups.blocks(chromosome=bare, midpoint=(start + end) / 2, size_bp=BLOCK_BP),
        fit=role == "backbone", met=met,
        spelling={str(one): str(name) for one, name in reversed(list(zip(names, written, strict=True)))},
    )  # fmt: skip


def _fractions(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """A column of fractions; NaN where the table, as one of ratios, has none."""
    return frame[name].to_numpy(dtype=float) if name in frame else np.full(len(frame), np.nan)


def _runs(chromosome: NDArray, unread: NDArray, length: int) -> NDArray[np.intp]:
    """Group number per wide bin: runs of ``length``, of equal parts where the genome was read in windows."""
    if not unread.any():
        return groups.runs(chromosome=chromosome, length=length)
    begins = np.r_[True, (chromosome[1:] != chromosome[:-1]) | unread[1:] | unread[:-1]]
    return groups.even_runs(stretch=np.cumsum(begins), length=length)
