"""Values of a calls JSON by their path, and as the row of a sample in the cohort table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from metcn.vocabulary import COHORT_COLUMNS

# Column of the cohort table -> where the calls JSON has it. A value and its interval share a path.
PATHS = {
    "sample": "sample",
    "specimen": "specimen",
    "assay": "assay",
    "purity": "purity.purity.value",
    "purity_low": "purity.purity.low",
    "purity_high": "purity.purity.high",
    "purity_source": "purity.purity.source",
    "ploidy": "purity.ploidy.value",
    "ploidy_source": "purity.ploidy.source",
    **{
        column + end: f"copies.{column}.{bound}"
        for column in ("met_ratio", "met_copies", "cep7_copies", "met_cep7")
        for end, bound in (("", "value"), ("_low", "low"), ("_high", "high"))
    },
    "cep7_tier": "measurement.cep7.tier",
    "p_copies_ge_5": "copies.p_copies_ge.5",
    "p_copies_ge_6": "copies.p_copies_ge.6",
    "p_copies_ge_10": "copies.p_copies_ge.10",
    "p_ratio_ge_2": "copies.p_ratio_ge.2",
    "focality": "copies.focality.class",
    "amplicon_start": "copies.amplicon.start",
    "amplicon_end": "copies.amplicon.end",
    "amplicon_genes": "copies.amplicon.genes",
    "amplicon_copies": "copies.amplicon.copies.value",
    "amplicon_copies_low": "copies.amplicon.copies.low",
    "amplicon_copies_high": "copies.amplicon.copies.high",
    "lod_copies": "copies.lod.copies",
    "plasma_copies": "copies.plasma_copies.value",
    "call": "call",
    "reasons": "reasons",
    "qc": "qc",
    "patient": "patient",
    "timepoint": "timepoint",
    "baseline": "comparison.baseline",
    "copies_change": "comparison.change.value",
    "copies_change_low": "comparison.change.low",
    "copies_change_high": "comparison.change.high",
    "p_acquired": "comparison.p_acquired.value",
    "course": "comparison.course",
    "amplified_if_purity_below": "by_purity.amplified_below",
    "excluded_if_purity_above": "by_purity.excluded_above",
    "counsel": "counsel.word",
}
JOINED_BY = {"amplicon_genes": ",", "reasons": ";"}


def pick(record: Mapping[str, Any], path: str) -> Any:
    """Value at a dotted path of nested mappings; None where any step is missing or is not a mapping."""
    value: Any = record
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def row(call: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the cohort table for one sample, in the table's order; None where missing, lists as they are."""
    return {column: pick(call, PATHS[column]) for column in COHORT_COLUMNS}


def cell(column: str, value: Any) -> str:
    """Text of one value: lists joined, six significant digits, missing empty, white space as one blank."""
    if value is None:
        return ""
    if column in JOINED_BY:
        value = JOINED_BY[column].join(map(str, value))
    if isinstance(value, float):
        return f"{value:.0f}" if column in ("amplicon_start", "amplicon_end") else f"{value:.6g}"
    return " ".join(str(value).split())
