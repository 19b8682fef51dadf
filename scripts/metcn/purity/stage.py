"""Stage ``purity``: what is known of a sample's purity and ploidy, as a grid of points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn import provenance
from metcn.files import write_json
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.purity import allele_fractions as reading
from metcn.purity import (
    fit,
    germline_sites,
    posterior,
    reference_bias,
    short_fragments,
    stated,
    vaf_surrogate,
)
from metcn.purity.grid import Axis, PurityGrid, Span
from metcn.purity.reference_bias import ReferenceBias
from metcn.purity.result import (
    AlleleFractions,
    FitEvidence,
    PurityResult,
    SheetEvidence,
    SiteCounts,
    SourcedEstimate,
)
from metcn.run.settings import PuritySettings

Floats = NDArray[np.float64]

AXES = ("purity", "ploidy")
TOLERANCE = {"purity": 0.05, "ploidy": 0.3}  # how far beyond an interval is near it
CONTRADICTED = 0.02  # share of a belief near an interval, below which it contradicts that
HALF = 0.5
MOST_SITES = 5000  # allele fractions kept for pictures


@dataclass(frozen=True, eq=False)
class Known:
    """Both axes as the sheet gives them, the points of what it leaves open, and the lowest purity a fit may claim."""

    purity: Axis
    ploidy: Axis
    free: tuple[Floats, Floats]
    floor: float

    @property
    def axes(self) -> dict[str, Axis]:
        """The two axes by name."""
        return {"purity": self.purity, "ploidy": self.ploidy}

    @property
    def plausible(self) -> float:
        """Width of the plausible purities."""
        return float(np.ptp(self.free[0])) or 1.0


@dataclass(frozen=True)
class Sites:
    """Sites that tell of purity (`fit.profile`), by what SNPs were found to be heterozygous, and the bias of reads."""

    table: pd.DataFrame
    snps_chosen_by: str
    bias: ReferenceBias


@dataclass(frozen=True, eq=False)
class Decision:
    """What sheet, segments and allele fractions say together, None if they add nothing definite to the sheet.

    ``grid`` are the points to compute with, ``mistaken`` the probability that an estimate of the sheet is a mistake.
    """

    belief: posterior.Belief | None
    grid: PurityGrid
    mistaken: float = 0.0


def purity(
    *,
    sample: str,
    specimen: str,
    purity: str,
    purity_error: str,
    ploidy: str,
    genome: str,
    segments: Path,
    variants: Path | None,
    alleles: Path | None = None,
    normal_alleles: Path | None = None,
    counts_summary: Path | None = None,
    normal_summaries: Sequence[Path] | None = None,
    output: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write what is known of a sample's purity and ploidy as a grid of points, with the evidence of every source.

    A purity that the sheet gives as one number is an estimate with an error, which segments and allele fractions
    sharpen; a range is an even prior; an exact value is used as it is. What the sheet leaves open is fitted; where that
    does not identify it, it stays unknown and the grid holds every plausible point that is not contradicted.

    Raises
    ------
    InputError
        If a given value is no number or range, or an input is damaged.
    """
    chosen = PuritySettings(**settings)
    known = _known((purity, purity_error, ploidy), sample, specimen, chosen)
    facts = genomes.load(genome)
    offer = reading.offer(variants, sample, facts) if variants else None
    sites = _sites(offer, alleles, normal_alleles)
    profile = fit.profile(tables.read_segments(segments), sites.table, facts)
    free = fit.findings(fit.likelihoods(profile, *known.free), floor=known.floor) if chosen.fit else None
    decision = _decided(known, profile, free)
    reasons = _reasons(known, decision, chosen.floor)
    contradiction = "" if free is None else _contradiction(known, free, {"purity": purity, "ploidy": ploidy})
    if contradiction or (free is not None and _sources_apart(free)):
        reasons.append("purity_sources_disagree")
    drivers, used = len(profile.mutations.reads), decision.belief is not None
    axes = {name: _axis(known.axes[name], name, decision) for name in AXES}
    result = PurityResult(
        **axes,
        known=all(axis.known for axis in axes.values()),
        reasons=tuple(reasons),
        sample=sample,
        grid=decision.grid,
        evidence=(
            SheetEvidence(bool(purity or ploidy), purity, ploidy),
            *_fitted(free, used=used),
            *vaf_surrogate.of_sites(sites.table, specimen),
            *short_fragments.of_files(counts_summary, normal_summaries or (), specimen),
        ),
        sites=SiteCounts(profile.snps, drivers, sites.snps_chosen_by, sites.bias.log_odds, sites.bias.se),
        contradiction=contradiction,
        variants=_offered(offer),
        baf=_baf(sites.table),
        inputs=provenance.contents(variants=variants),
    )
    write_json(output, result.to_json())


def _offered(offer: reading.Offer | None) -> dict[str, Any]:
    """What the VCF offered, as numbers by reason and in words; empty without one."""
    if offer is None:
        return {}
    drivers = int(offer.sites["somatic"].sum())
    return {
        "column": offer.column,
        "formats": list(offer.formats),
        "records": offer.records,
        "used": {"snps": len(offer.sites) - drivers, "drivers": drivers},
        "left_out": offer.left_out,
        "sentence": offer.sentence,
    }


def _sites(offer: reading.Offer | None, alleles: Path | None, normal_alleles: Path | None) -> Sites:
    """Heterozygous SNPs and driver mutations, with the bias of reads and what the SNPs were chosen by.

    SNPs counted in the alignment take the place of the VCF's, of which then only the drivers are used.
    """
    listed = offer.sites if offer else pd.DataFrame(columns=list(reading.COLUMNS))
    if alleles is None:
        snps = listed[~listed["somatic"].astype(bool)].assign(ref_known=True)
        chosen_by, judged = ("variants" if offer else ""), snps
    else:
        normal = None if normal_alleles is None else tables.read_alleles(normal_alleles)
        snps = germline_sites.heterozygous(tables.read_alleles(alleles), normal)
        chosen_by = "own_reads" if normal is None else "matched_normal"
        judged = snps if normal is None else germline_sites.heterozygous(normal)
    bias = _bias(judged)
    own = chosen_by != "matched_normal"
    snps = snps.assign(
        log_odds=np.where(snps["ref_known"].astype(bool), bias.log_odds, 0.0),
        fewest=[germline_sites.fewest(depth) if own else 0 for depth in snps["depth"]],
    )
    drivers = listed[listed["somatic"].astype(bool)].assign(ref_known=True, log_odds=0.0, fewest=0)
    parts = [part for part in (snps, drivers) if len(part)]
    return Sites(pd.concat(parts, ignore_index=True) if parts else snps, chosen_by, bias)


def _bias(sites: pd.DataFrame) -> ReferenceBias:
    """Bias of reads against alternative bases, by heterozygous SNPs of which the reference's base is known."""
    known = sites[sites["ref_known"].astype(bool)]
    return reference_bias.measured(known["reads"], known["depth"], germline_sites.haplotypes(known))


def _known(given: tuple[str, str, str], sample: str, specimen: str, settings: PuritySettings) -> Known:
    """Axes of purity and ploidy, from the texts of purity, its error and ploidy."""
    return Known(
        stated.purity(given[0], given[1], specimen=specimen, sample=sample, settings=settings),
        stated.ploidy(given[2], sample=sample, settings=settings),
        (
            fit.purity_points(*stated.plausible_purity(specimen, settings)),
            fit.ploidy_points(settings.ploidy_low, settings.ploidy_high),
        ),
        settings.plasma_fit_floor if specimen == "plasma" else settings.tissue_fit_floor,
    )


def _fitted(found: fit.Findings | None, *, used: bool) -> list[FitEvidence]:
    """Evidence of each source that was fitted, by itself."""
    if found is None:
        return []
    sources = {"segments": found.segments} | ({"alleles": found.joint} if found.has_alleles else {})
    return [
        fit.summary(each, name, used=used and (each.belief.identified or found.has_alleles))
        for name, each in sources.items()
    ]


def _decided(known: Known, profile: fit.Profile, free: fit.Findings | None) -> Decision:
    """What all sources say together, and the grid to compute with.

    ``free`` are what the sources say where the sheet gives nothing; None if nothing is to be fitted.
    """
    points = PurityGrid.of(known.purity, known.ploidy)
    if free is None or (known.purity.exact and known.ploidy.exact):
        return Decision(None, points)
    if not known.purity.known and not known.ploidy.known:
        found, axes = free.joint, known.free
    else:
        axes = _points(known)
        prior = fit.log_prior(known.purity, axes[0], known.plausible)
        floor = 0.0 if known.purity.known else known.floor
        found = fit.findings(fit.likelihoods(profile, *axes), floor=floor, prior=prior).joint
    if not found.belief.identified:
        return Decision(None, posterior.plausible(points, found.log, *axes))
    grid = found.belief.grid
    return Decision(found.belief, grid, fit.mistaken(known.purity, grid, known.plausible))


def _points(known: Known) -> tuple[Floats, Floats]:
    """Purities and ploidies to fit at: what is given, and every plausible purity beside an estimate of it."""
    first, second = (
        axis.points() if axis.known else free for axis, free in zip(known.axes.values(), known.free, strict=True)
    )
    return (np.unique(np.concatenate([first, known.free[0]])) if known.purity.sd else first), second


def _reasons(known: Known, decision: Decision, floor: float) -> list[str]:
    """Codes of what limits purity and ploidy: too low, unknown, or several solutions."""
    of_purity, belief = known.purity, decision.belief
    lowest = of_purity.value if of_purity.sd else of_purity.span[0]
    reasons = ["purity_below_floor"] if of_purity.known and lowest < floor else []
    open_axes = [name for name in AXES if not known.axes[name].known]
    if belief is None:
        reasons += [f"{name}_unknown" for name in open_axes]
    elif not all(np.isfinite(belief.value[name]) for name in open_axes):
        reasons.append("several_fits")
    return reasons


def _axis(axis: Axis, name: str, decision: Decision) -> SourcedEstimate:
    """Value, interval and source of purity or ploidy: as given, sharpened or fitted, else unknown."""
    belief = decision.belief
    if axis.exact or belief is None:
        return SourcedEstimate(axis.value, *axis.interval, axis.source)
    if not axis.known:
        source = "fit" if np.isfinite(belief.value[name]) else "several_fits"
        return SourcedEstimate(belief.value[name], *belief.span[name], source)
    value = float(decision.grid.weight @ getattr(decision.grid, name))
    source = "fit" if name == "purity" and decision.mistaken > HALF else "given_and_fit"
    return SourcedEstimate(value, *belief.span[name], source)


def _contradiction(known: Known, free: fit.Findings, told: Mapping[str, str]) -> str:
    """A sentence on what the sheet tells of purity or ploidy and lies outside all solutions of what was seen."""
    belief, parts = free.joint.belief, []
    if not belief.identified:
        return ""
    for name, axis in known.axes.items():
        if axis.known and _apart(belief, name, axis.interval):
            first, last = (f"{end:.2g}" for end in belief.span[name])
            parts.append(f"{name} is given as {told[name]}, while the profile fits {first}-{last}")
    sentence = " and ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]}: check the sample sheet and the sample." if parts else ""


def _sources_apart(free: fit.Findings) -> bool:
    """Whether allele fractions lead to what segments alone rule out."""
    alone, joint = free.segments.belief, free.joint.belief
    both = free.has_alleles and alone.identified and joint.identified
    return both and any(_apart(alone, name, joint.span[name]) for name in AXES)


def _apart(belief: posterior.Belief, name: str, interval: Span) -> bool:
    """Whether next to nothing of a belief in purity or ploidy lies in or near an interval."""
    low, high = interval
    values = getattr(belief.grid, name)
    near = (values >= low - TOLERANCE[name]) & (values <= high + TOLERANCE[name])
    return bool(belief.grid.weight @ near < CONTRADICTED)


def _baf(sites: pd.DataFrame) -> AlleleFractions:
    """Allele fractions of heterozygous SNPs for pictures, thinned evenly where they are many."""
    known = sites[~sites["somatic"].astype(bool)]
    known = known.iloc[:: max(1, -(-len(known) // MOST_SITES))]
    fraction = known["reads"].astype(float) / known["depth"].astype(float)
    return AlleleFractions(
        chromosome=known["chromosome"].tolist(),
        position=known["position"].tolist(),
        fraction=fraction.round(4).tolist(),
        depth=known["depth"].tolist(),
    )
