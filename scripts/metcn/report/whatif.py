"""Copies and verdicts at any purity and ploidy, from the errors a sample was measured with: what the page can redo."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from metcn.calls import criteria, verdicts
from metcn.calls import overall as calling
from metcn.calls.record import pick
from metcn.copies import detection_limit, focality, limits
from metcn.copies import posterior as estimating
from metcn.copies.records import is_broad, levels_of_copies
from metcn.mixture import NORMAL_COPIES, tumour_copies
from metcn.purity.grid import PurityGrid
from metcn.stats import student_t

MOST_DRAWS = 16_384  # draws that a page carries at most: 0.5 MB
NEEDED = (
    "decide",
    "default_criteria",
    "copies.focality.decide",
    "copies.draw_count",
    "copies.lod.power",
)  # what the call was decided with
SHOWN_PURITIES = {"tissue": (0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0), "plasma": (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)}
PLOIDY = 2.0  # at which the page starts when ploidy is unknown


def of(call: Mapping[str, Any], own_criteria: Iterable[Path] = ()) -> dict[str, Any] | None:
    """Everything the page needs to redo copies and verdicts at another purity; None where it could not.

    That is where MET has no ratio, and where the document does not tell what it was decided with: the page would then
    contradict the call above it.

    Parameters
    ----------
    call : mapping
        The sample's calls JSON.
    own_criteria : iterable of Path
        Files of the laboratory's own criteria sets.

    Returns
    -------
    dict
        ``payload`` for the script, and ``rows``, the results at a few purities for readers on paper.
    """
    measured = call["measurement"]
    blocked = call["call"] == "no_call" or pick(measured, "met.ratio") is None or pick(measured, "met.se") is None
    if blocked or pick(measured, "baseline.se") is None or any(pick(call, path) is None for path in NEEDED):
        return None
    level = levels_of_copies(measured, call["copies"])
    purity, ploidy = (pick(call, f"purity.{name}.value") for name in ("purity", "ploidy"))
    settings = {
        "decide": call["decide"],
        "decide_focality": pick(call, "copies.focality.decide"),
        "draw_count": min(pick(call, "copies.draw_count"), MOST_DRAWS),
        "lod_ratio": pick(call, "copies.lod.ratio"),
        "met_se": pick(call, "measurement.met.se"),
        "power": pick(call, "copies.lod.power"),
        "above_neutral": bool(pick(call, "copies.lod.above_neutral")),
        "broad": is_broad(call["copies"]),
        "specimen": call["specimen"],
        "prior_tki": str(call.get("prior_tki") or ""),
        "default": call["default_criteria"],
    }
    sets = _applicable(settings["specimen"], settings["prior_tki"], tuple(own_criteria))
    shown = sorted({*SHOWN_PURITIES.get(call["specimen"], SHOWN_PURITIES["tissue"]), *([purity] if purity else [])})
    rows = [
        {"purity": value, "own": value == purity, **at(level, value, ploidy or PLOIDY, settings, sets)}
        for value in shown
    ]
    payload = {
        **settings,
        "purity": purity,
        "ploidy": ploidy,
        "folds": {name: _packed(values) for name, values in _depth_ratios(level, settings["draw_count"]).items()},
        "told_factor": 2 ** (settings["met_se"] * student_t.quantile(settings["power"])),
        "sets": _sets(sets),
        "normal_copies": NORMAL_COPIES,
        "germline": list(level.germline.items()),
        "lowest_divisor": estimating.LOWEST_DIVISOR,
        "in_amplicon": estimating.IN_AMPLICON,
        "amplicons_there": estimating.AMPLICONS_THERE,
        "gained": focality.GAINED,
        "stands_out": focality.STANDS_OUT,
        "arm_over_centromere": focality.ARM_OVER_CENTROMERE,
        "rounding": verdicts.ROUNDING,
        "surely_gained": detection_limit.SURELY_GAINED,
        "two": verdicts.TWO,
    }
    return {"payload": payload, "rows": rows, "ploidy": ploidy or PLOIDY}


def at(
    level: estimating.Measured,
    purity: float,
    ploidy: float,
    settings: Mapping[str, Any],
    sets: Iterable[criteria.Criterion] | None = None,
) -> dict[str, Any]:
    """Copies, limit of detection, focality, call and verdicts if purity and ploidy were exactly these.

    ``sets`` are the criteria to judge by, as far as they are for this patient; by default the project's.
    """
    grid = PurityGrid.point(purity, ploidy)
    drawn = estimating.posterior(level, grid, draw_count=settings["draw_count"])
    draws = focality.classified(drawn, broad=settings["broad"])
    extent = focality.focality(draws, decide=settings["decide_focality"]).name
    ratio = settings["lod_ratio"]
    limit = float("nan") if ratio is None else float(tumour_copies(ratio, purity, ploidy))
    judged = verdicts.verdicts(
        _applicable(settings["specimen"], settings["prior_tki"]) if sets is None else sets,
        draws,
        specimen=settings["specimen"],
        decide=settings["decide"],
        lod=limits.of_verdicts_at(
            grid, settings["met_se"], power=settings["power"], above_neutral=settings["above_neutral"]
        ),
    )
    call, _ = calling.overall([row for row in judged if row.criterion.id == settings["default"]])
    return {
        "met_copies": draws.interval("copies").to_json(),
        "cep7_copies": draws.interval("cep7").to_json(),
        "met_cep7": draws.interval("met_cep7").to_json(),
        "lod": limit,
        "focality": extent,
        "call": call,
        "verdicts": [(row.verdict, row.probability, row.probability_low, row.probability_high) for row in judged],
    }


def _depth_ratios(level: estimating.Measured, draw_count: int) -> dict[str, np.ndarray]:
    """Depth ratios of MET and of what lies around it as the posterior draws them, by the names of its levels."""
    return estimating.depth_ratios(level, draw_count)


def _packed(values: np.ndarray) -> str | None:
    """Little-endian doubles as base64; None where the level is missing."""
    return None if np.isnan(values).any() else base64.b64encode(values.astype("<f8").tobytes()).decode()


def _applicable(
    specimen: str, prior_tki: str = "", own_criteria: tuple[Path, ...] = ()
) -> tuple[criteria.Criterion, ...]:
    """The sets that hold for a specimen and a patient, the default one first."""
    return tuple(
        criteria.narrowed(criterion, prior_tki)
        for criterion in criteria.load(own_criteria).values()
        if criterion.specimen in (specimen, "both")
    )


def _sets(sets: Iterable[criteria.Criterion]) -> list[dict[str, Any]]:
    """Categories of the applicable sets, in the order of the verdicts."""
    return [
        {
            "id": criterion.id,
            "title": criterion.title,
            "name": category.name,
            "only_if": category.only_if,
            "call": category.call,
            "combine": category.combine,
            "clauses": [asdict(clause) for clause in category.clauses if not clause.if_purity_open],
        }
        for criterion in sets
        for category in criterion.categories
    ]
