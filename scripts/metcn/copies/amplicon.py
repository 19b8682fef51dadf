"""The amplicon around MET: what the scan finds on 7q, in bp and with levels, or failing that where MET's level ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.copies import amplicon_scan, arm_events, focality, loci
from metcn.genome import build as genomes
from metcn.stats import robust
from metcn.stats.estimate import Level, number

OWN_FRACTION = 0.1  # a gene may differ from its amplicon by this much of the amplicon's height over its surroundings
SIZES_BP = (500_000, 1_000_000, 3_000_000, 10_000_000)  # for which the smallest detectable ratio is given


@dataclass(frozen=True)
class Region:
    """One of several nested regions around MET: extent in bp (0-based, half-open), units of the scan, log2 level."""

    start: int
    end: int
    units: int
    log2: float
    se: float

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Region:
        """The region of a JSON; null is NaN."""
        return cls(record["start"], record["end"], record["units"], number(record["log2"]), number(record["se"]))

    def to_json(self) -> dict[str, float]:
        """The five numbers by name."""
        return {"start": self.start, "end": self.end, "units": self.units, "log2": self.log2, "se": self.se}


@dataclass(frozen=True)
class Extent:
    """Where an amplicon of MET lies, and how sure that is.

    Attributes
    ----------
    start, end : float
        Boundaries in bp, 0-based half-open.
    size_bp, share_of_arm, share_of_chromosome : float, or None
        Length, and the fractions of 7q and of chromosome 7 that it takes.
    genes : tuple of str
        Genes that it overlaps.
    start_low, start_high, end_low, end_high : float, or None
        95 % intervals of the boundaries; None where no scan gave any.
    start_censored, end_censored : bool
        Whether the assay sees no further.
    significant : bool
        Whether the scan found it; else it is how far MET's own level reaches.
    gain, bound, p_value : float, or None
        Of the scan (`metcn.copies.amplicon_scan.Amplicon`).
    """

    start: float
    end: float
    size_bp: float | None = None
    share_of_arm: float | None = None
    share_of_chromosome: float | None = None
    genes: tuple[str, ...] = ()
    start_low: float | None = None
    start_high: float | None = None
    end_low: float | None = None
    end_high: float | None = None
    start_censored: bool = False
    end_censored: bool = False
    significant: bool = False
    gain: float | None = None
    bound: float | None = None
    p_value: float | None = None

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Extent:
        """The extent of a JSON."""
        known = {field.name: record[field.name] for field in fields(cls) if field.name in record}
        return cls(**{**known, "genes": tuple(record.get("genes") or ())})

    def to_json(self) -> dict[str, Any]:
        """Every field by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"genes": list(self.genes)}


@dataclass(frozen=True)
class Amplicon:
    """An amplicon around MET.

    Attributes
    ----------
    extent : Extent
    regions : tuple of Region
        Nested regions of different levels, the widest first; the last holds MET. Empty where no scan found any.
    log2, se : float
        Level of the region that holds MET, from bins outside of MET, without the baseline's error; NaN without any.
    height : float
        How far that lies above its surroundings, log2.
    """

    extent: Extent
    regions: tuple[Region, ...]
    log2: float
    se: float
    height: float


@dataclass(frozen=True, eq=False)
class Search:
    """The scan of 7q: its units, first of MET's and the one after its last, waves, and the best amplicon."""

    units: loci.Units
    met: tuple[int, int]
    waves: arm_events.Waves
    best: amplicon_scan.Amplicon

    def amplicon(self, facts: genomes.Genome) -> Amplicon | None:
        """The amplicon, if noise would hardly have made it."""
        if not self.best.significant:
            return None
        units, best = self.units, self.best
        nested = amplicon_scan.nested(units.log2, units.sd, self.met, best, waves=self.waves)
        inner = nested[-1]
        inside = units.between(*inner)
        rest = units.log2 - best.background
        outside = best.background[inner[0]] + np.average(rest[~inside], weights=units.sd[~inside] ** -2.0)
        level = _level(units, inside & ~units.between(*self.met), self.waves.error)
        regions = tuple(_region(units, *ends, self.waves.error) for ends in nested)
        return Amplicon(_extent(units, best, facts), regions, level.log2, level.se, abs(level.log2 - float(outside)))

    def detectable(self, power: float) -> dict[int, amplicon_scan.Detectable]:
        """Smallest amplicon that would be found, centred on MET, by size in bp (``SIZES_BP``)."""
        units, met = self.units, self.met
        middle = (units.start + units.end) / 2
        centre = middle[met[0] : met[1]].mean()
        return {
            size: amplicon_scan.detectable(
                self.best,
                units.sd,
                met,
                (np.abs(middle - centre) <= size / 2) | units.between(*met),
                waves=self.waves,
                power=power,
            )
            for size in SIZES_BP
        }


def search(bins: loci.Profile, facts: genomes.Genome, *, alpha: float) -> Search | None:
    """The scan of 7q around MET; None where MET has no bin or the arm too few."""
    seven = genomes.MET_CHROMOSOME
    arm = (bins.chromosome == seven) & (bins.start >= facts.centromere[seven][1])
    if not (arm & bins.met).any():
        return None
    units = loci.units(bins, arm)
    own = np.flatnonzero((units.start < facts.met[1]) & (units.end > facts.met[0]))
    met, waves = (int(own[0]), int(own[-1]) + 1), waves_of(bins, facts)
    best = amplicon_scan.scan(units.log2, units.sd, met, waves=waves, alpha=alpha)
    return None if best is None else Search(units, met, waves, best)


def waves_of(bins: loci.Profile, facts: genomes.Genome) -> arm_events.Waves:
    """What neighbouring wide bins outside of chromosome 7 share; the scan's floor where an assay has none."""
    others = np.isin(bins.chromosome, genomes.AUTOSOMES) & (bins.chromosome != genomes.MET_CHROMOSOME)
    rows = np.flatnonzero(bins.wide & others)
    if rows.size == 0:
        return arm_events.LEAST
    if np.isin(bins.kind[rows], bins.summed).any():  # longer regions than those that waves are learned from
        return arm_events.Waves(arm_events.WAVE_OF_FEW / arm_events.WAVE_MARGIN)
    names, label = np.unique(bins.chromosome[rows], return_inverse=True)
    middle = np.array([facts.centromere[name][0] for name in names])[label]
    sd = np.maximum(bins.sd[rows], np.median(bins.sd[rows]))
    return arm_events.waves_of(bins.log2[rows], sd, 2 * label + (bins.start[rows] >= middle))


def by_level(bins: loci.Profile, measured: Mapping[str, Any], facts: genomes.Genome) -> Amplicon | None:
    """How far MET's own level reaches, against the arm's: the extent of a focal gain that no scan could calibrate."""
    seven = genomes.MET_CHROMOSOME
    rows = np.flatnonzero((bins.chromosome == seven) & (bins.start >= facts.centromere[seven][1]))
    start, end = bins.start[rows], bins.end[rows]
    own = np.flatnonzero((start < facts.met[1]) & (end > facts.met[0]))
    levels = [measured["met"]["log2"], measured["arms"]["7q"]["log2"]]
    if own.size == 0 or None in levels:
        return None
    inside, outside = (((bins.log2[rows] - level) / bins.sd[rows]) ** 2 for level in levels)
    first = int(own[0] - focality.boundary(inside[: own[0]][::-1], outside[: own[0]][::-1]))
    last = int(own[-1] + focality.boundary(inside[own[-1] + 1 :], outside[own[-1] + 1 :]))
    extent = replace(
        _sizes(int(start[first]), int(end[first : last + 1].max()), facts),
        start_censored=first == 0,
        end_censored=last == len(rows) - 1,
    )
    return Amplicon(extent, (), float("nan"), float("nan"), float("nan"))


def combined(log2: float, se: float, seen: Amplicon) -> Level:
    """MET's level from its own bins and its amplicon's, which may differ by a tenth of the amplicon's height.

    The two are weighed by their errors, so where MET's own bins say enough they alone count. The errors are those
    without the baseline's. The gene's own level where the amplicon has none.
    """
    variance = seen.se**2 + (OWN_FRACTION * seen.height) ** 2
    if not np.isfinite(variance) or not np.isfinite(se) or se <= 0:
        return Level(log2, se)
    weight = variance / (variance + se**2)
    error = float(np.sqrt(variance * se**2 / (variance + se**2)))
    return Level(weight * log2 + (1 - weight) * seen.log2, error)


def _level(units: loci.Units, members: NDArray[np.bool_], wave: float) -> Level:
    """Robust mean over units and its error, which does not fall below that of the long waves."""
    mean, error, _ = robust.huber_mean(units.log2[members], units.sd[members])
    return Level(mean, float(np.hypot(error, wave)))


def _region(units: loci.Units, first: int, last: int, wave: float) -> Region:
    """Extent and level of the units from one to before another."""
    level = _level(units, units.between(first, last), wave)
    start, end = int(units.start[first]), int(units.end[first:last].max())
    return Region(start, end, last - first, level.log2, level.se)


def _extent(units: loci.Units, best: amplicon_scan.Amplicon, facts: genomes.Genome) -> Extent:
    """Boundaries in bp with their intervals, which include the units on both sides: a breakpoint may lie within one."""
    start, end = units.start, units.end
    (first_low, first_high), (last_low, last_high) = best.first_range, best.last_range
    return replace(
        _sizes(int(start[best.first]), int(end[best.first : best.last].max()), facts),
        start_low=int(start[first_low - 1]),
        start_high=int(end[first_high]),
        end_low=int(start[last_low - 1]),
        end_high=int(end[last_high]),
        start_censored=first_low <= 1,
        end_censored=last_high >= len(start) - 1,
        significant=True,
        gain=best.gain,
        bound=best.bound,
        p_value=best.p_value,
    )


def _sizes(start: int, end: int, facts: genomes.Genome) -> Extent:
    """Extent, size, and the fractions of the arm and of the chromosome that it takes."""
    whole = facts.contigs[genomes.MET_CHROMOSOME]
    arm = whole - facts.centromere[genomes.MET_CHROMOSOME][1]
    genes = facts.genes[(facts.genes["start"] < end) & (facts.genes["end"] > start)]
    size = end - start
    return Extent(start, end, size, size / arm, size / whole, tuple(genes["gene"].tolist()))
