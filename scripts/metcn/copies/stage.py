"""Stage ``copies``: from levels, purity and ploidy to copies with intervals, focality and limit of detection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from metcn.copies import amplicon as amplicons
from metcn.copies import draws_file, focality, genes, germline, limits, loci, subclonality
from metcn.copies.estimates import (
    AmpliconEstimate,
    AmpliconLevel,
    CopyEstimates,
    Decision,
    DetectionLimit,
    Surroundings,
)
from metcn.copies.posterior import Draws, Measured
from metcn.copies.records import Mixture, levels, number
from metcn.files import read_json, write_json
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.purity.grid import PurityGrid
from metcn.purity.result import PurityResult
from metcn.stats.estimate import Level

RATIO_BOUNDS = (2,)
MOSTLY = 0.5  # of the draws of a group
SHALLOW = ("wgs", "swgs")  # assays whose few bins in MET may lean on those of its amplicon


def copies(
    *,
    measurement: Path,
    purity: Path,
    ratios: Path,
    genome: str,
    output: Path,
    draws: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write copies with intervals, focality and limit of detection (``.json``), and the draws behind (``.npz``)."""
    measured = read_json(measurement, with_key="baseline")
    known = PurityResult.from_json(read_json(purity, with_key="grid"))
    mixture, draw_count = Mixture.of(known), settings["draw_count"]
    facts, bins = genomes.load(genome), loci.profile(tables.read_ratios(ratios), measured)
    searched = amplicons.search(bins, facts, alpha=settings["alpha"])
    scanned = None if searched is None else searched.amplicon(facts)
    own = levels(measured)
    level = _with_amplicon(own, scanned) if measured["assay"] in SHALLOW else own
    drawn, alone = (mixture.posterior(each, draw_count) for each in (level, own))
    drawn = focality.classified(drawn, broad=_is_broad(scanned))
    extent = focality.focality(drawn, decide=settings["decide_focality"])
    seen = amplicons.by_level(bins, measured, facts) if scanned is None and extent.name == "focal" else scanned
    alpha, decide = settings["alpha"], settings["decide_focality"]
    of_genes = partial(genes.copies_of, bins=bins, mixture=mixture, facts=facts, alpha=alpha, decide=decide)
    lod = _limit(measured, known.ploidy.value, mixture.grid, searched, settings)
    ratio = number(measured, "met", "ratio")  # of MET's own bins, whatever its amplicon says
    result = CopyEstimates(
        met_copies=drawn.interval("copies"),
        cep7_copies=drawn.interval("cep7"),
        met_cep7=drawn.interval("met_cep7"),
        met_ratio=replace(alone.interval("depth_ratio"), value=ratio),
        plasma_copies=replace(alone.interval("plasma_copies"), value=2 * ratio),
        gene_copies=alone.interval("copies"),
        copies_reached=drawn.at_least("copies", limits.COPY_BOUNDS),
        ratio_reached=drawn.at_least("met_cep7", RATIO_BOUNDS),
        germline=own.germline,
        basis="gene" if level is own else "gene_and_amplicon",
        level=Level(level.log2["met"], level.se["met"]),
        lod=lod,
        draw_count=draw_count,
        focality=Decision(extent, settings["decide_focality"], _surroundings(drawn, seen)),
        amplicon=None if seen is None else _amplicon(seen, own, mixture, draw_count),
        neighbours=of_genes((*genomes.NEIGHBOURS, *genomes.CONTEXT)),
        genes=of_genes(_names(settings["genes"])),
        losses=genes.losses_of(_names(settings["losses"]), bins, mixture, facts),
        carriers=subclonality.curve(drawn),
        reasons=_reasons(drawn, own, mixture, measured, lod, extent),
    )
    write_json(output, result.to_json())
    draws_file.write(draws, drawn)


def _reasons(
    drawn: Draws,
    own: Measured,
    mixture: Mixture,
    measured: Mapping[str, Any],
    lod: DetectionLimit,
    extent: focality.Focality,
) -> tuple[str, ...]:
    """Codes of what a reader must know of the estimates: another amplicon over CEP7, a possible germline gain."""
    alone = measured.get("matched_normal") is None and measured.get("mode") != "matched_normal"
    gain = lod.detected and extent.name not in ("arm", "polysomy")
    told = {
        "copies_implausible": drawn.interval("copies").value > subclonality.IMPLAUSIBLE,
        "cep7_in_amplicon": bool((drawn.fraction(drawn.cep7_from_arm > 0) > MOSTLY).any()),
        "could_be_germline": alone and gain and germline.explains(own, mixture.grid),
    }
    return tuple(code for code, holds in told.items() if holds)


def _limit(
    measured: Mapping[str, Any],
    ploidy: float,
    grid: PurityGrid,
    searched: amplicons.Search | None,
    settings: Mapping[str, Any],
) -> DetectionLimit:
    """Limits of detection of MET's own bins, and of an amplicon where 7q was searched for one."""
    return limits.of_sample(
        Level(number(measured, "met", "log2"), number(measured, "met", "se")),
        ploidy,
        grid,
        {} if searched is None else searched.detectable(settings["power"]),
        found=searched is not None and searched.best.significant,
        settings=settings,
    )


def _with_amplicon(own: Measured, seen: amplicons.Amplicon | None) -> Measured:
    """The levels with MET's own and its amplicon's combined; unchanged where there is no amplicon beyond MET."""
    if seen is None or not np.isfinite(seen.log2):
        return own
    level = amplicons.combined(own.log2["met"], own.se["met"], seen)
    return own.with_met(level.log2, level.se)


def _is_broad(seen: amplicons.Amplicon | None) -> bool:
    """Whether an amplicon takes more of the arm than a focal one."""
    return seen is not None and (seen.extent.share_of_arm or 0.0) > focality.FOCAL_FRACTION


def _amplicon(seen: amplicons.Amplicon, own: Measured, mixture: Mixture, draw_count: int) -> AmpliconEstimate:
    """The amplicon with copies of each of its regions; those of the region that holds MET are the amplicon's."""
    regions = []
    for region in seen.regions:
        drawn = mixture.posterior(own.with_met(region.log2, region.se), draw_count)
        estimates = (drawn.interval(name) for name in ("copies", "depth_ratio", "plasma_copies"))
        regions.append(AmpliconLevel(region, *estimates))
    return AmpliconEstimate(seen.extent, tuple(regions))


def _surroundings(drawn: Draws, seen: amplicons.Amplicon | None) -> Surroundings:
    """What focality was decided on: copies of MET and of what lies around it, and the amplicon's size."""
    extent = None if seen is None else seen.extent
    return Surroundings(
        met=drawn.interval("copies"),
        cep7=drawn.interval("cep7"),
        arm_q=drawn.interval("arm_q"),
        arm_p=drawn.interval("arm_p"),
        size_bp=None if extent is None else extent.size_bp,
        share_of_arm=None if extent is None else extent.share_of_arm,
        share_of_chromosome=None if extent is None else extent.share_of_chromosome,
    )


def _names(text: str) -> list[str]:
    """Genes of a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]
