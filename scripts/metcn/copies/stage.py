"""Stage ``copies``: from levels, purity and ploidy to copies with intervals, focality and limit of detection."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from metcn.copies import amplicon as amplicons
from metcn.copies import draws_file, focality, genes, limits, loci
from metcn.copies.posterior import Draws, Measured
from metcn.copies.records import Mixture, levels, number
from metcn.files import read_json, write_json
from metcn.genome import build as genomes
from metcn.io import tables

RATIO_BOUNDS = (2,)
CORRECTED = {"met_copies": "copies", "cep7_copies": "cep7", "met_cep7": "met_cep7"}
UNCORRECTED = {"met_ratio": "depth_ratio", "plasma_copies": "plasma_copies"}  # of MET's own bins, not its amplicon's
SHALLOW = ("wgs", "swgs")  # assays whose few bins in MET may lean on those of its amplicon


def copies(
    *,
    measurement: Path,
    purity: Path,
    ratios: Path,
    segments: Path,
    genome: str,
    output: Path,
    draws: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write copies with intervals, focality and limit of detection (``.json``), and the draws behind (``.npz``)."""
    measured, known = read_json(measurement, with_key="baseline"), read_json(purity, with_key="grid")
    mixture, draw_count = Mixture.of(known), settings["draw_count"]
    facts, bins = genomes.load(genome), loci.profile(tables.read_ratios(ratios), measured)
    searched = amplicons.search(bins, facts, alpha=settings["alpha"])
    seen = None if searched is None else searched.amplicon(facts)
    significant = seen is not None
    own = levels(measured)
    level = _with_amplicon(own, seen) if measured["assay"] in SHALLOW else own
    found, alone = (mixture.posterior(each, draw_count) for each in (level, own))
    broad = seen is not None and seen.section["share_of_arm"] > focality.FOCAL_FRACTION
    extent = focality.focality(found, decide=settings["decide_focality"], broad=broad)
    if seen is None and extent.name == "focal":
        seen = amplicons.by_level(bins, measured, facts)
    told = {"alpha": settings["alpha"], "decide": settings["decide_focality"]}
    result = {
        **_estimates(found, alone, number(measured, "met", "ratio")),
        "basis": "gene" if level is own else "gene_and_amplicon",
        "level": {"log2": level.log2["met"], "se": level.se["met"]},
        "lod": limits.of_sample(
            {name: number(measured, "met", name) for name in ("log2", "se")},
            known["ploidy"]["value"],
            mixture.grid,
            {} if searched is None else searched.detectable(settings["power"]),
            found=significant,
            settings=settings,
        ),
        "draw_count": draw_count,
        "focality": {
            "class": extent.name,
            "decide": settings["decide_focality"],
            "evidence": extent.evidence,
            "levels": _surroundings(found, seen),
        },
        "amplicon": None if seen is None else _amplicon(seen, own, mixture, draw_count),
        "neighbours": genes.copies_of((*genomes.NEIGHBOURS, *genomes.CONTEXT), bins, mixture, facts, **told),
        "genes": genes.copies_of(_names(settings["genes"]), bins, mixture, facts, **told),
        "reasons": [],
    }
    write_json(output, result)
    draws_file.write(draws, found)


def _estimates(draws: Draws, alone: Draws, ratio: float) -> dict[str, Any]:
    """Copies by all the evidence, uncorrected values by MET's own bins ``alone``, and probabilities of the bounds."""
    uncorrected = {name: alone.interval(key).to_json() for name, key in UNCORRECTED.items()}
    uncorrected["met_ratio"]["value"] = ratio
    uncorrected["plasma_copies"]["value"] = 2 * ratio
    by_copies, by_ratio = draws.at_least("copies", limits.COPY_BOUNDS), draws.at_least("met_cep7", RATIO_BOUNDS)
    return {
        **{name: draws.interval(key).to_json() for name, key in CORRECTED.items()},
        **uncorrected,
        "gene_copies": alone.interval("copies").to_json(),
        "p_copies_ge": {bound: each.value for bound, each in by_copies.items()},
        "p_copies_ge_range": {bound: {"low": each.low, "high": each.high} for bound, each in by_copies.items()},
        "p_ratio_ge": {bound: each.value for bound, each in by_ratio.items()},
        "p_ratio_ge_range": {bound: {"low": each.low, "high": each.high} for bound, each in by_ratio.items()},
    }


def _with_amplicon(own: Measured, seen: amplicons.Amplicon | None) -> Measured:
    """The levels with MET's own and its amplicon's combined; unchanged where there is no amplicon beyond MET."""
    if seen is None or not np.isfinite(seen.log2):
        return own
    return own.with_met(*amplicons.combined(own.log2["met"], own.se["met"], seen))


def _amplicon(seen: amplicons.Amplicon, own: Measured, mixture: Mixture, draw_count: int) -> dict[str, Any]:
    """The amplicon with copies of each of its levels; those of the stretch that holds MET are the amplicon's."""
    levels = []
    for stretch in seen.section["levels"]:
        draws = mixture.posterior(own.with_met(stretch["log2"], stretch["se"]), draw_count)
        spans = {"copies": "copies", "ratio": "depth_ratio", "plasma_copies": "plasma_copies"}
        levels.append(stretch | {name: draws.interval(key).to_json() for name, key in spans.items()})
    blank = dict.fromkeys(("copies", "ratio", "plasma_copies"))
    inner = {name: levels[-1][name] for name in blank} if levels else blank
    return seen.section | inner | {"levels": levels}


def _surroundings(draws: Draws, seen: amplicons.Amplicon | None) -> dict[str, Any]:
    """What focality was decided on: copies of MET and of what lies around it, and the amplicon's size."""
    spans = {"met": "copies", "cep7": "cep7", "arm_q": "arm_q", "arm_p": "arm_p"}
    sizes = ("size_bp", "share_of_arm", "share_of_chromosome")
    return {
        **{name: draws.interval(key).to_json() for name, key in spans.items()},
        **{name: None if seen is None else seen.section[name] for name in sizes},
    }


def _names(text: str) -> list[str]:
    """Genes of a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]
