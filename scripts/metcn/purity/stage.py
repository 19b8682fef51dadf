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
from metcn.errors import InputError
from metcn.files import write_json
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.purity import allele_fractions as reading
from metcn.purity import fit, germline_sites, posterior, short_fragments, vaf_surrogate
from metcn.purity import grid as mixing
from metcn.purity.grid import PurityGrid
from metcn.purity.result import AlleleFractions, PurityResult, SheetEvidence, SiteCounts, SourcedEstimate
from metcn.run.samples import parse_range

AXES = ("purity", "ploidy")
TOLERANCE = {"purity": 0.05, "ploidy": 0.3}  # sources whose intervals come closer than this do not disagree
MOST_SITES = 5000  # allele fractions kept for pictures


@dataclass(frozen=True)
class Known:
    """Both axes as the sheet gives them, the points to fit at, and the lowest purity that a fit may claim."""

    axes: dict[str, mixing.Axis]
    points: dict[str, NDArray[np.float64]]
    floor: float


@dataclass(frozen=True)
class Sites:
    """Sites that tell of purity (`metcn.purity.allele_fractions`), and by what SNPs were found to be heterozygous."""

    table: pd.DataFrame
    snps_chosen_by: str


@dataclass(frozen=True)
class Decision:
    """What the sources say of what the sheet leaves open, None if nothing definite; and the grid to compute with."""

    belief: posterior.Belief | None
    grid: PurityGrid


def purity(
    *,
    sample: str,
    specimen: str,
    purity: str,
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

    What the sheet gives is used as it is. What it leaves open is fitted to segments and allele fractions; where they do
    not identify it, it stays unknown and the grid holds every plausible point that they do not contradict.

    Raises
    ------
    InputError
        If a given value is no number or range, or an input is damaged.
    """
    known = _known({"purity": purity, "ploidy": ploidy}, sample, specimen, settings)
    facts = genomes.load(genome)
    offer = reading.offer(variants, sample, facts) if variants else None
    sites = _sites(offer, alleles, normal_alleles)
    profile = fit.profile(tables.read_segments(segments), sites.table, facts)
    free = {name: _free(name, specimen, settings) for name in AXES}
    findings = _findings(profile, free, floor=settings[f"{specimen}_fit_floor"]) if settings["fit"] else {}
    decision = _decided(known, profile, findings)
    fitted = [
        fit.summary(each, name, used=decision.belief is not None and (each.belief.identified or len(findings) > 1))
        for name, each in findings.items()
    ]
    reasons = _reasons(known, decision, settings["floor"])
    if _disagree([known.axes, *(each.belief for each in findings.values() if each.belief.identified)]):
        reasons.append("purity_sources_disagree")
    drivers = int(profile.sites.somatic.sum())
    stated = {name: _axis(known.axes[name], name, decision.belief) for name in AXES}
    result = PurityResult(
        **stated,
        known=all(axis.known for axis in stated.values()),
        reasons=tuple(reasons),
        sample=sample,
        grid=decision.grid,
        evidence=(
            SheetEvidence(bool(purity or ploidy), purity, ploidy),
            *fitted,
            *vaf_surrogate.of_sites(sites.table, specimen),
            *short_fragments.of_files(counts_summary, normal_summaries or (), specimen),
        ),
        sites=SiteCounts(len(profile.sites.somatic) - drivers, drivers, sites.snps_chosen_by),
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
    """Heterozygous SNPs and driver mutations.

    SNPs counted in the alignment take the place of the VCF's, of which then only the drivers are used.
    """
    listed = offer.sites if offer else pd.DataFrame(columns=list(reading.COLUMNS))
    if alleles is None:
        return Sites(listed, "variants" if offer else "")
    normal = None if normal_alleles is None else tables.read_alleles(normal_alleles)
    counted = germline_sites.heterozygous(tables.read_alleles(alleles), normal)
    drivers = listed[listed["somatic"].astype(bool)]
    joined = pd.concat([counted, drivers], ignore_index=True) if len(drivers) else counted
    return Sites(joined, "own_reads" if normal is None else "matched_normal")


def _known(given: Mapping[str, str], sample: str, specimen: str, settings: Mapping[str, Any]) -> Known:
    """Axes of purity and ploidy, and the points at which they are fitted or held."""
    lowest = {"purity": f"{specimen}_low", "ploidy": "ploidy_low"}
    axes = {
        name: mixing.axis(
            _given(given[name], name, sample), (settings[lowest[name]], settings[lowest[name].replace("low", "high")])
        )
        for name in AXES
    }
    points = {name: axes[name].points() if axes[name].known else _free(name, specimen, settings) for name in AXES}
    return Known(axes, points, 0.0 if axes["purity"].known else settings[f"{specimen}_fit_floor"])


def _free(name: str, specimen: str, settings: Mapping[str, Any]) -> NDArray[np.float64]:
    """Points of an axis of which nothing is given."""
    if name == "purity":
        return fit.purity_points(settings[f"{specimen}_low"], settings[f"{specimen}_high"])
    return fit.ploidy_points(settings["ploidy_low"], settings["ploidy_high"])


def _findings(
    profile: fit.Profile, points: Mapping[str, NDArray[np.float64]], *, floor: float, response: bool = True
) -> dict[str, fit.Finding]:
    """What each source says by itself."""
    both = points["purity"], points["ploidy"]
    of_segments, of_alleles = (
        fit.by_segments(profile, *both, floor=floor, response=response),
        fit.by_alleles(profile, *both),
    )
    return {"segments": of_segments} if of_alleles is None else {"segments": of_segments, "alleles": of_alleles}


def _decided(known: Known, profile: fit.Profile, findings: dict[str, fit.Finding]) -> Decision:
    """What the sources say of what the sheet leaves open, and the grid to compute with.

    ``findings`` are what the sources say where the sheet gives nothing; empty if nothing is to be fitted.
    """
    given = {name for name in AXES if known.axes[name].known}
    points = PurityGrid.of(known.axes["purity"], known.axes["ploidy"])
    if not findings or len(given) == len(AXES):
        return Decision(None, points)
    if given:
        findings = _findings(profile, known.points, floor=known.floor, response="purity" not in given)
    both = known.points["purity"], known.points["ploidy"]
    best = findings["segments"]
    if "alleles" in findings:
        best = fit.together(best, findings["alleles"], *both)
    if best.belief.identified:
        return Decision(best.belief, best.belief.grid)
    return Decision(None, posterior.plausible(points, best.log, *both))


def _reasons(known: Known, decision: Decision, floor: float) -> list[str]:
    """Codes of what limits purity and ploidy: too low, unknown, or several solutions."""
    of_purity, belief = known.axes["purity"], decision.belief
    reasons = ["purity_below_floor"] if of_purity.known and of_purity.span[0] < floor else []
    open_axes = [name for name in AXES if not known.axes[name].known]
    if belief is None:
        reasons += [f"{name}_unknown" for name in open_axes]
    elif decision.grid.group_count > 1 or not all(np.isfinite(belief.value[name]) for name in open_axes):
        reasons.append("several_fits")
    return reasons


def _axis(axis: mixing.Axis, name: str, belief: posterior.Belief | None) -> SourcedEstimate:
    """Value, interval and source of purity or ploidy: as given, else as fitted, else unknown."""
    if axis.known or belief is None:
        return SourcedEstimate(axis.value, *axis.span, axis.source)
    source = "fit" if np.isfinite(belief.value[name]) else "several_fits"
    return SourcedEstimate(belief.value[name], *belief.span[name], source)


def _disagree(sources: list[Any]) -> bool:
    """Whether the intervals of any two sources lie apart, in purity or in ploidy."""
    for name in AXES:
        spans = [
            source.span[name] if isinstance(source, posterior.Belief) else source[name].span
            for source in sources
            if isinstance(source, posterior.Belief) or source[name].known
        ]
        if spans and max(low for low, _ in spans) - min(high for _, high in spans) > TOLERANCE[name]:
            return True
    return False


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


def _given(text: str, name: str, sample: str) -> tuple[float, float] | None:
    """The span that the sheet gives, None where it gives none."""
    if not text:
        return None
    where = f"sample {sample}, {name}"
    try:
        low, high = parse_range(text)
    except ValueError as error:
        raise InputError(f"{where}: expected {error}, received {text!r}; correct it or leave it empty") from error
    if low <= 0 or (name == "purity" and high > 1):
        expected = "a value above 0 and at most 1" if name == "purity" else "a value above 0"
        raise InputError(f"{where}: expected {expected}, received {text!r}; correct it or leave it empty")
    return low, high
