"""The amplicon around MET: what the scan finds on 7q, in bp and with levels, or failing that where MET's level ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.copies import amplicon_scan, loci
from metcn.copies import arm_events as stretches
from metcn.copies import focality as amplicon
from metcn.genome import build as genomes
from metcn.stats import robust

OWN_SHARE = 0.1  # a gene may differ from its amplicon by this much of the amplicon's height over its surroundings
SIZES_BP = (500_000, 1_000_000, 3_000_000, 10_000_000)  # of which the smallest detectable ratio is told


@dataclass(frozen=True)
class Amplicon:
    """An amplicon around MET.

    Attributes
    ----------
    section : dict
        Its entry in ``copies/{sample}.json``: extent, intervals, significance and level, without copies.
    log2, se : float
        Level of the stretch that holds MET, from bins outside of MET, without the baseline's error; NaN without any.
    height : float
        How far that lies above its surroundings, log2.
    """

    section: dict[str, Any]
    log2: float
    se: float
    height: float


@dataclass(frozen=True, eq=False)
class Search:
    """The scan of 7q: its units, MET's place among them, the long waves, and what the scan found there."""

    units: Mapping[str, NDArray]
    place: tuple[int, int]
    wave: float
    found: amplicon_scan.Found

    def amplicon(self, facts: genomes.Genome) -> Amplicon | None:
        """The amplicon, if noise would hardly have made it."""
        if not self.found.significant:
            return None
        units, found = self.units, self.found
        stretches = amplicon_scan.nested(units["log2"], units["sd"], self.place, found, wave=self.wave)
        inner = stretches[-1]
        inside = _span(units, *inner)
        rest = units["log2"] - found.background
        outside = found.background[inner[0]] + np.average(rest[~inside], weights=units["sd"][~inside] ** -2.0)
        log2, se = _level(units, inside & ~_span(units, *self.place), self.wave)
        section = {
            **_extent(units, found, facts),
            "significant": True,
            "gain": found.gain,
            "bound": found.bound,
            "p_value": found.p_value,
            "levels": [_stretch(units, *stretch, self.wave) for stretch in stretches],
        }
        return Amplicon(section, log2, se, height=abs(log2 - float(outside)))

    def detectable(self, power: float) -> dict[int, tuple[float, float]]:
        """Ratio from which an amplicon of each of ``SIZES_BP``, centred on MET, would be found; its log2 error."""
        units, place = self.units, self.place
        middle = (units["start"] + units["end"]) / 2
        centre, found = middle[place[0] : place[1]].mean(), {}
        for size in SIZES_BP:
            members = (np.abs(middle - centre) <= size / 2) | _span(units, *place)
            height, error = amplicon_scan.detectable(
                self.found, units["sd"], place, members, wave=self.wave, power=power
            )
            found[size] = float(2**height), error
        return found


def search(bins: loci.Profile, facts: genomes.Genome, *, alpha: float) -> Search | None:
    """The scan of 7q around MET; None where MET has no bin or the arm too few."""
    seven = genomes.MET_CHROMOSOME
    arm = (bins.chromosome == seven) & (bins.start >= facts.centromere[seven][1])
    if not (arm & bins.met).any():
        return None
    units = loci.units(bins, arm)
    own = np.flatnonzero((units["start"] < facts.met[1]) & (units["end"] > facts.met[0]))
    place, wave = (int(own[0]), int(own[-1]) + 1), wave_of(bins, facts)
    found = amplicon_scan.scan(units["log2"], units["sd"], place, wave=wave, alpha=alpha)
    return None if found is None else Search(units, place, wave, found)


def wave_of(bins: loci.Profile, facts: genomes.Genome) -> float:
    """Long waves of the genome's wide bins outside of chromosome 7; the scan's floor where an assay has none."""
    others = np.isin(bins.chromosome, genomes.AUTOSOMES) & (bins.chromosome != genomes.MET_CHROMOSOME)
    rows = np.flatnonzero(bins.wide & others)
    if rows.size == 0:
        return stretches.WAVE_FLOOR
    if np.isin(bins.kind[rows], bins.summed).any():  # longer stretches than those that waves are learned from
        return stretches.WAVE_OF_FEW
    names, label = np.unique(bins.chromosome[rows], return_inverse=True)
    middle = np.array([facts.centromere[name][0] for name in names])[label]
    sd = np.maximum(bins.sd[rows], np.median(bins.sd[rows]))
    return stretches.wave_of(bins.log2[rows], sd, 2 * label + (bins.start[rows] >= middle))


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
    first = int(own[0] - amplicon.boundary(inside[: own[0]][::-1], outside[: own[0]][::-1]))
    last = int(own[-1] + amplicon.boundary(inside[own[-1] + 1 :], outside[own[-1] + 1 :]))
    low, high = int(start[first]), int(end[first : last + 1].max())
    section = {
        **_sizes(low, high, facts),
        "start_low": None, "start_high": None, "end_low": None, "end_high": None,
        "start_censored": first == 0, "end_censored": last == len(rows) - 1,
        "significant": False, "gain": None, "bound": None, "p_value": None, "levels": [],
    }  # fmt: skip
    return Amplicon(section, float("nan"), float("nan"), float("nan"))


def combined(log2: float, se: float, seen: Amplicon) -> tuple[float, float]:
    """MET's level from its own bins and its amplicon's, which may differ by a tenth of the amplicon's height.

    The two are weighed by their errors, so where MET's own bins say enough they alone count. The errors are those
    without the baseline's. The gene's own level where the amplicon has none.
    """
    variance = seen.se**2 + (OWN_SHARE * seen.height) ** 2
    if not np.isfinite(variance) or not np.isfinite(se) or se <= 0:
        return log2, se
    weight = variance / (variance + se**2)
    return weight * log2 + (1 - weight) * seen.log2, float(np.sqrt(variance * se**2 / (variance + se**2)))


def _level(units: Mapping[str, NDArray], members: NDArray[np.bool_], wave: float) -> tuple[float, float]:
    """Robust mean over units and its error, which does not fall below that of the long waves."""
    mean, error, _ = robust.huber_mean(units["log2"][members], units["sd"][members])
    return mean, float(np.hypot(error, wave))


def _stretch(units: Mapping[str, NDArray], first: int, last: int, wave: float) -> dict[str, Any]:
    """Extent and level of one of several nested stretches."""
    log2, se = _level(units, _span(units, first, last), wave)
    return {
        "start": int(units["start"][first]), "end": int(units["end"][first:last].max()),
        "units": last - first, "log2": log2, "se": se,
    }  # fmt: skip


def _span(units: Mapping[str, NDArray], first: int, last: int) -> NDArray[np.bool_]:
    """Units from one to before another."""
    place = np.arange(len(units["start"]))
    return (place >= first) & (place < last)


def _extent(units: Mapping[str, NDArray], found: amplicon_scan.Found, facts: genomes.Genome) -> dict[str, Any]:
    """Boundaries in bp with their intervals, which include the units on both sides: a breakpoint may lie within one."""
    start, end = units["start"], units["end"]
    low, high = int(start[found.first]), int(end[found.first : found.last].max())
    (first_low, first_high), (last_low, last_high) = found.first_range, found.last_range
    return {
        **_sizes(low, high, facts),
        "start_low": int(start[first_low - 1]),
        "start_high": int(end[first_high]),
        "end_low": int(start[last_low - 1]),
        "end_high": int(end[last_high]),
        "start_censored": first_low <= 1,
        "end_censored": last_high >= len(start) - 1,
    }


def _sizes(start: int, end: int, facts: genomes.Genome) -> dict[str, Any]:
    """Extent, size, and what share of the arm and of the chromosome that is."""
    whole = facts.contigs[genomes.MET_CHROMOSOME]
    arm = whole - facts.centromere[genomes.MET_CHROMOSOME][1]
    genes = facts.genes[(facts.genes["start"] < end) & (facts.genes["end"] > start)]
    size = end - start
    return {
        "start": start, "end": end, "size_bp": size,
        "share_of_arm": size / arm, "share_of_chromosome": size / whole, "genes": genes["gene"].tolist(),
    }  # fmt: skip
