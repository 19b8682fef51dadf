"""Levels of named places in a sample's bin ratios: genes anywhere, and the arms they lie on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.bins import tiles as tiling
from metcn.bins.layout import layout_of
from metcn.genome import build as genomes
from metcn.ratios import correct as core
from metcn.ratios import levels
from metcn.reference import sums
from metcn.stats import fragments as counting

MARGIN_BP = 5_000_000  # bins this near to a gene may be in its amplicon and do not stand for its arm


@dataclass(frozen=True, eq=False)
class Profile(levels.Observed):
    """A sample's usable bins with their places and genes; ``baseline_se`` is the error of the common baseline."""

    chromosome: NDArray
    start: NDArray
    end: NDArray
    gene: NDArray
    wide: NDArray
    met: NDArray
    baseline_se: float

    def members(self, chromosome: str, start: float, end: float) -> NDArray[np.bool_]:
        """Bins that overlap a region."""
        return (self.chromosome == chromosome) & (self.start < end) & (self.end > start)


@dataclass(frozen=True, eq=False)
class Units:
    """What a scan counts as one observation each, in order of their midpoints.

    Attributes
    ----------
    start, end : ndarray of int, shape (units,)
        Extent in bp.
    log2, sd : ndarray of float, shape (units,)
        Log2 ratio and its error, with that which a group's targets share.
    met : ndarray of bool, shape (units,)
        Whether any of its bins is MET's.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    log2: NDArray[np.float64]
    sd: NDArray[np.float64]
    met: NDArray[np.bool_]

    def between(self, first: int, last: int) -> NDArray[np.bool_]:
        """Units from one to before another, shape (units,)."""
        index = np.arange(len(self.start))
        return (index >= first) & (index < last)


@dataclass(frozen=True)
class Locus:
    """A gene and where it lies: bare chromosome name and extent in bp."""

    gene: str
    chromosome: str
    start: int
    end: int


def profile(frame: pd.DataFrame, measured: Mapping[str, Any]) -> Profile:
    """Usable bins of a sample's ratios (a ``.cnr``), with the shared errors of its measurement."""
    design = layout_of(frame)
    rows = np.flatnonzero(frame["log2"].notna() & (frame["spread"] > 0))
    names, labels = np.unique(frame["gene"].to_numpy(dtype=np.str_)[rows], return_inverse=True)
    symbols = np.array([tiling.gene_symbol(name) for name in names], dtype=np.str_)
    quality, baseline = measured["qc"], measured["baseline"]["se"]
    start, end, log2, sd = (frame[name].to_numpy()[rows] for name in ("start", "end", "log2", "spread"))
    return Profile(
        chromosome=design.chromosome[rows], start=start, end=end, gene=symbols[labels], wide=design.wide[rows],
        met=(frame["role"] == "met").to_numpy()[rows], log2=log2.astype(float), sd=sd,
        kind=design.kind[rows], group=design.group[rows],
        excess={kind: float(value) for kind, value in quality["gene_excess"].items() if value is not None},
        averaged={
            kind: {int(groups): float(share) for groups, share in known.items()}  # JSON keeps numbers of groups as text
            for kind, known in quality["gene_excess_averaged"].items()
        },
        baseline_se=float("nan") if baseline is None else float(baseline),
        **_fragments(frame.iloc[rows], tuple(quality.get("summed_kinds", ()))),
    )  # fmt: skip


def _fragments(frame: pd.DataFrame, summed: tuple[str, ...]) -> dict[str, Any]:
    """Fragments seen and expected per bin, as the log2 ratio tells them, NaN where they are not known."""
    expected = frame["expected"].to_numpy(float)
    half = np.where(np.isin(frame["kind"].to_numpy(dtype=np.str_), summed), 0.5, 0.0)
    number = np.maximum(expected * 2 ** frame["log2"].to_numpy(float) - half, 0.0)
    return {"number": np.where(half > 0, np.round(number, 3), number), "expected": expected, "summed": summed}


def locate(names: Iterable[str], bins: Profile, facts: genomes.Genome) -> list[Locus]:
    """Where genes lie, in the order given: as the resources say, else where the assay's own targets of that name are.

    A gene that neither knows is left out, as is a name that targets on several chromosomes bear.
    """
    listed = {row.gene: Locus(row.gene, row.chromosome, row.start, row.end) for row in _rows(facts.placed_genes)}
    seven = {row.gene: Locus(row.gene, genomes.MET_CHROMOSOME, row.start, row.end) for row in _rows(facts.genes)}
    found = []
    for name in dict.fromkeys(names):
        known = listed.get(name) or seven.get(name)
        own = bins.gene == name
        if known is None and own.any() and len(np.unique(bins.chromosome[own])) == 1:
            known = Locus(name, str(bins.chromosome[own][0]), int(bins.start[own].min()), int(bins.end[own].max()))
        if known is not None:
            found.append(known)
    return found


def own_bins(bins: Profile, locus: Locus) -> NDArray[np.bool_]:
    """Bins of a gene: its targets where it has any, else the wide bins that overlap it."""
    inside = bins.members(locus.chromosome, locus.start, locus.end)
    targets = inside & ~bins.wide
    return targets if targets.any() else inside


def beside(bins: Profile, locus: Locus, facts: genomes.Genome) -> tuple[core.Level, core.Level]:
    """Level of the rest of the gene's arm, and of the other arm."""
    middle = facts.centromere.get(locus.chromosome, (0, 0))[0]
    near = bins.members(locus.chromosome, locus.start - MARGIN_BP, locus.end + MARGIN_BP)
    same = ((bins.start + bins.end) / 2 >= middle) == (locus.start >= middle)
    here = bins.chromosome == locus.chromosome
    return bins.level(here & ~near & same), bins.level(here & ~near & ~same)


def units(bins: Profile, members: NDArray[np.bool_]) -> Units:
    """What a scan counts as one observation each: a wide bin, or all targets of a group together.

    Wide bins of few fragments are joined with their neighbours, MET's own with each other alone.
    """
    rows = np.flatnonzero(members)
    wide = bins.wide[rows]
    apart = np.arange(len(rows)) + bins.group.max(initial=0) + 1  # each wide bin by itself
    label = np.unique(np.where(wide, apart, bins.group[rows]), return_inverse=True)[1]
    count = int(label.max(initial=-1)) + 1
    few = wide & np.isin(bins.kind[rows], bins.summed)
    if few.any():
        label = _pooled(bins, rows, few, label)
        count = int(label.max(initial=-1)) + 1
    weight = bins.sd[rows] ** -2.0
    precision = np.bincount(label, weights=weight, minlength=count)
    log2 = np.bincount(label, weights=bins.log2[rows] * weight, minlength=count) / precision
    shared = np.array(
        [0.0 if far else bins.excess.get(str(kind), 0.0) for far, kind in zip(wide, bins.kind[rows], strict=True)]
    )
    start, end = np.full(count, np.iinfo(np.int64).max), np.zeros(count, dtype=np.int64)
    np.minimum.at(start, label, bins.start[rows])
    np.maximum.at(end, label, bins.end[rows])
    variance = 1 / precision
    if few.any():
        level, error = _summed_units(bins, rows[few], label[few], count)
        log2, variance = np.where(np.isfinite(level), level, log2), np.where(np.isfinite(level), error, variance)
    elif wide.any():  # the spread of a few normals is too uncertain to take one window for quieter than the others
        far = np.bincount(label, weights=wide, minlength=count) > 0
        variance[far] = np.maximum(variance[far], np.median(variance[far]))
    variance += np.bincount(label, weights=shared**2, minlength=count) / np.bincount(label, minlength=count)
    order = np.argsort(start + end, kind="stable")
    met = np.bincount(label, weights=bins.met[rows], minlength=count) > 0
    return Units(start[order], end[order], log2[order], np.sqrt(variance)[order], met[order])


def _pooled(bins: Profile, rows: NDArray, few: NDArray[np.bool_], label: NDArray[np.intp]) -> NDArray[np.intp]:
    """Label of each bin's unit, those of ``few`` fragments being joined with their neighbours."""
    assert bins.expected is not None
    at, met = rows[few], bins.met[rows[few]]
    apart = np.r_[True, (bins.chromosome[at][1:] != bins.chromosome[at][:-1]) | (met[1:] != met[:-1])]
    found = label + len(rows) * 2
    found[few] = counting.pools(bins.expected[at], apart, sums.POOLED)
    return np.unique(found, return_inverse=True)[1]


def _summed_units(bins: Profile, rows: NDArray, label: NDArray, count: int) -> tuple[NDArray, NDArray]:
    """Log2 and its variance of each unit of few fragments, shape (units,), NaN for the others.

    The variance is that of what a unit expects: by what it shows, low ones would weigh less than high ones.
    """
    assert bins.number is not None and bins.expected is not None
    own = bins.expected[rows]
    beyond = np.maximum(bins.sd[rows] ** 2 - counting.sd(own) ** 2, 0.0)
    seen, due, extra = (
        np.bincount(label, weights=values, minlength=count) for values in (bins.number[rows], own, beyond * own**2)
    )
    some = due > 0
    variance = np.full(count, np.nan)
    variance[some] = counting.sd(due[some]) ** 2 + extra[some] / due[some] ** 2
    return np.asarray(counting.log2_ratio(seen, due)), variance


def _rows(table: pd.DataFrame) -> Iterable[Any]:
    return table.itertuples(index=False)
