"""Stage ``copies``: from levels, purity and ploidy to copies with intervals, focality and limit of detection."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metcn import amplicon, detection, tables
from metcn import copies as estimating
from metcn import genome as genomes
from metcn.files import read_json, write_json, writing

PLOIDY_OF_TABLE = 2.0  # ploidy at which the purity needed for a number of copies is tabulated when ploidy is unknown
COPY_BOUNDS = (5, 6, 10)
RATIO_BOUNDS = (2,)
LEVELS = {"met": ("met",), "cep7": ("cep7",), "arm_q": ("arms", "7q"), "arm_p": ("arms", "7p")}
QUANTITIES = {
    "met_copies": "gcn",
    "cep7_copies": "cep7",
    "met_cep7": "ratio",
    "met_ratio": "fold",
    "plasma_copies": "pcn",
}


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
    measured, mixture = read_json(measurement), read_json(purity)
    grid = {name: np.asarray(values) for name, values in mixture["grid"].items()}
    level = estimating.Measured(
        log2={name: _number(measured, *where, "log2") for name, where in LEVELS.items()},
        se={name: _own_error(measured, *where) for name, where in LEVELS.items()},
        baseline_se=_number(measured, "baseline", "se"),
    )
    found = estimating.posterior(level, grid, draw_count=settings["draw_count"])
    if "purity_below_floor" in mixture["reasons"]:  # depth says nothing of tumour copies: only uncorrected values stay
        found |= {name: np.full_like(found[name], np.nan) for name in ("gcn", "cep7", "arm_q", "arm_p", "ratio")}
    group = found["group"]
    chosen, shares = amplicon.focality(found, decide=settings["decide_focality"])
    limit = detection.detectable_ratio(_number(measured, "met", "se"), alpha=settings["alpha"], power=settings["power"])
    ploidy = mixture["ploidy"]["value"]
    extent = _extent(tables.read_ratios(ratios), measured, genomes.load(genome)) if chosen == "focal" else None
    result: dict[str, Any] = {name: estimating.interval(found[key], group) for name, key in QUANTITIES.items()}
    result["met_ratio"]["value"] = _number(measured, "met", "ratio")
    result["plasma_copies"]["value"] = 2 * result["met_ratio"]["value"]
    result |= {
        "p_copies_ge": estimating.at_least(found["gcn"], group, COPY_BOUNDS),
        "p_ratio_ge": estimating.at_least(found["ratio"], group, RATIO_BOUNDS),
        "lod": {
            "ratio": limit,
            "copies": detection.detectable_copies(limit, grid),
            "purity_for": detection.purity_for(limit, COPY_BOUNDS, PLOIDY_OF_TABLE if ploidy is None else ploidy),
        },
        "focality": {"class": chosen, "evidence": shares},
        "amplicon": extent,
        "reasons": [],
    }
    write_json(output, result)
    _write_draws(draws, found)


def _write_draws(path: Path, draws: Mapping[str, np.ndarray]) -> None:
    """Write the draws as ``.npz``: single precision is finer than any error they describe."""
    small = {
        name: values.astype(np.float32 if values.dtype.kind == "f" else np.int16) for name, values in draws.items()
    }
    with writing(path) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, **small)  # type: ignore[arg-type]


def _number(record: Mapping[str, Any], *names: str) -> float:
    """A number nested in a JSON record; null is NaN."""
    value: Any = record
    for name in names:
        value = value[name]
    return float("nan") if value is None else float(value)


def _own_error(measured: Mapping[str, Any], *where: str) -> float:
    """A level's error without the baseline's, which all levels share."""
    error = _number(measured, *where, "se")
    return float(np.sqrt(max(error**2 - _number(measured, "baseline", "se") ** 2, 0.0))) if where == ("met",) else error


def _extent(frame: pd.DataFrame, measured: Mapping[str, Any], facts: genomes.Genome) -> dict[str, Any] | None:
    """Extent of the focal amplicon in whole bins, and the genes of chromosome 7 within it."""
    seven = frame[frame["chromosome"].map(genomes.bare) == genomes.MET_CHROMOSOME]
    seven = seven[seven["start"] >= facts.centromere[genomes.MET_CHROMOSOME][1]]
    inside, outside = (
        ((seven["log2"] - _number(measured, *where, "log2")) / seven["spread"]).to_numpy() ** 2
        for where in (LEVELS["met"], LEVELS["arm_q"])
    )
    own = np.flatnonzero((seven["start"] < facts.met[1]) & (seven["end"] > facts.met[0]) & seven["log2"].notna())
    if own.size == 0:
        return None
    first = own[0] - amplicon.boundary(inside[: own[0]][::-1], outside[: own[0]][::-1])
    last = own[-1] + amplicon.boundary(inside[own[-1] + 1 :], outside[own[-1] + 1 :])
    start, end = int(seven["start"].iloc[first]), int(seven["end"].iloc[first : last + 1].max())
    genes = facts.genes[(facts.genes["start"] < end) & (facts.genes["end"] > start)]
    return {"start": start, "end": end, "genes": genes["gene"].tolist()}
