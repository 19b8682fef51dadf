"""Stage ``purity``: what is known of a sample's purity and ploidy, as a grid of points."""

from __future__ import annotations

from collections.abc import Mapping
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
from metcn.purity import fit, germline_sites, posterior
from metcn.purity import grid as mixing
from metcn.purity.grid import PurityGrid
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
    sites, chosen_by = _sites(offer, alleles, normal_alleles)
    profile = fit.profile(tables.read_segments(segments), sites, facts)
    told: dict[str, Any] = {"source": "sheet", "used": bool(purity or ploidy), "purity": purity, "ploidy": ploidy}
    evidence, free = [told], {name: _free(name, specimen, settings) for name in AXES}
    found = _findings(profile, free, floor=settings[f"{specimen}_fit_floor"]) if settings["fit"] else {}
    belief, grid = _believed(known, profile, found)
    evidence += [
        {"source": name, **fit.summary(one, used=belief is not None and (one.belief.identified or len(found) > 1))}
        for name, one in found.items()
    ]
    result = _result(known, belief, grid, settings["floor"])
    if _disagree([known.axes, *(one.belief for one in found.values() if one.belief.identified)]):
        result["reasons"].append("purity_sources_disagree")
    drivers = int(profile.sites.somatic.sum())
    counted = {"snps": len(profile.sites.somatic) - drivers, "drivers": drivers, "snps_chosen_by": chosen_by}
    told_of_sites = {"sites": counted, "variants": _offered(offer), "baf": _baf(sites)}
    read = provenance.contents(variants=variants)
    write_json(output, {"sample": sample, **result, "evidence": evidence, **told_of_sites, "inputs": read})


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


def _sites(offer: reading.Offer | None, alleles: Path | None, normal_alleles: Path | None) -> tuple[pd.DataFrame, str]:
    """Heterozygous SNPs and driver mutations, and by what the SNPs were found to be heterozygous.

    SNPs counted in the alignment take the place of the VCF's, of which then only the drivers are used.
    """
    listed = offer.sites if offer else pd.DataFrame(columns=list(reading.COLUMNS))
    if alleles is None:
        return listed, "variants" if offer else ""
    normal = None if normal_alleles is None else tables.read_alleles(normal_alleles)
    found = germline_sites.heterozygous(tables.read_alleles(alleles), normal)
    drivers = listed[listed["somatic"].astype(bool)]
    joined = pd.concat([found, drivers], ignore_index=True) if len(drivers) else found
    return joined, "own_reads" if normal is None else "matched_normal"


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
    found = {"segments": fit.by_segments(profile, *both, floor=floor, response=response)}
    of_alleles = fit.by_alleles(profile, *both)
    return found if of_alleles is None else {**found, "alleles": of_alleles}


def _believed(
    known: Known, profile: fit.Profile, found: dict[str, fit.Finding]
) -> tuple[posterior.Belief | None, PurityGrid]:
    """What the sources say of what the sheet leaves open, None if nothing definite; and the grid to compute with.

    ``found`` is what the sources say where the sheet gives nothing; it is empty if nothing is to be fitted.
    """
    given = {name for name in AXES if known.axes[name].known}
    points = PurityGrid.of(known.axes["purity"], known.axes["ploidy"])
    if not found or len(given) == len(AXES):
        return None, points
    if given:
        found = _findings(profile, known.points, floor=known.floor, response="purity" not in given)
    both = known.points["purity"], known.points["ploidy"]
    best = fit.together(found["segments"], found["alleles"], *both) if "alleles" in found else found["segments"]
    if best.belief.identified:
        return best.belief, best.belief.grid
    return None, posterior.plausible(points, best.log, *both)


def _result(known: Known, belief: posterior.Belief | None, grid: PurityGrid, floor: float) -> dict[str, Any]:
    """Both axes, the grid, and the reasons: given values as they are, open ones as fitted, or unknown."""
    of_purity = known.axes["purity"]
    reasons = ["purity_below_floor"] if of_purity.known and of_purity.span[0] < floor else []
    if belief is None:
        reasons += [f"{name}_unknown" for name in AXES if not known.axes[name].known]
    elif grid.group_count > 1 or not all(
        np.isfinite(belief.value[name]) for name in AXES if not known.axes[name].known
    ):
        reasons.append("several_fits")
    stated = {name: _axis(known.axes[name], name, belief) for name in AXES}
    definite = all(np.isfinite(axis["value"]) for axis in stated.values())
    return {**stated, "known": definite, "grid": grid.to_json(), "reasons": reasons}


def _axis(axis: mixing.Axis, name: str, belief: posterior.Belief | None) -> dict[str, Any]:
    """Value, interval and source of purity or ploidy."""
    if axis.known or belief is None:
        return {"value": axis.value, "low": axis.span[0], "high": axis.span[1], "source": axis.source}
    low, high = belief.span[name]
    source = "fit" if np.isfinite(belief.value[name]) else "several_fits"
    return {"value": belief.value[name], "low": low, "high": high, "source": source}


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


def _baf(sites: pd.DataFrame) -> dict[str, list[Any]]:
    """Allele fractions of heterozygous SNPs for pictures, thinned evenly where they are many."""
    known = sites[~sites["somatic"].astype(bool)]
    known = known.iloc[:: max(1, -(-len(known) // MOST_SITES))]
    fraction = known["reads"].astype(float) / known["depth"].astype(float)
    return {
        "chromosome": known["chromosome"].tolist(),
        "position": known["position"].tolist(),
        "fraction": fraction.round(4).tolist(),
        "depth": known["depth"].tolist(),
    }


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
