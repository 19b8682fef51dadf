"""Calls as pages for people: one self-contained HTML file per sample and one per cohort."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import ChainableUndefined, Environment, PackageLoader

from metcn import gauges, profiles
from metcn.cohort import cell, pick, row
from metcn.columns import CALLS, COHORT_COLUMNS, REASONS

MISSING = "\N{EN DASH}"
CALL_WORDS = {
    "high_level_amplification": "High-level amplification",
    "amplification": "Amplification",
    "gain": "Gain",
    "polysomy": "Polysomy",
    "not_amplified": "Not amplified",
    "indeterminate": "Indeterminate",
    "no_call": "No call",
}
VERDICT_WORDS = {
    "met": "● met",
    "not_met": "○ not met",
    "indeterminate": "◐ undecided",
    "not_applicable": "\N{EN DASH} not applicable",
}
VERIFIED_WORDS = {True: "verified", "mixed": "verified in part", False: "recalled, not re-read"}
SOURCE_WORDS = {
    "given": "given",
    "given_range": "given as a range",
    "fit": "fitted",
    "several_fits": "fitted, several values",
    "unknown": "unknown",
}
TIER_WORDS = {
    "pericentromere": "bins next to the centromere on both arms",
    "proximal": "bins of the proximal arms, as far as 7q11",
    "chr7": "all of chromosome 7 away from MET and EGFR",
    "none": "no usable bins",
}
MODE_WORDS = {
    "panel_of_normals": "a panel of normals",
    "few_normals": "fewer than three normals (centred, noise assumed)",
    "matched_normal": "the patient's matched normal",
    "no_normals": "no normals (GC and mappability only)",
    "imported": "another tool, before this pipeline",
}
ERROR_WORDS = {
    "bin_noise": "noise of MET's own bins",
    "gene_excess": "error that the bins of one gene share",
    "baseline": "error of the baseline",
}


def sample_page(
    call: Mapping[str, Any],
    ratios: pd.DataFrame,
    segments: pd.DataFrame,
    genome: Any,
    *,
    title: str = "MET copy number",
) -> str:
    """Report of one sample as one HTML document.

    Parameters
    ----------
    call : the sample's calls JSON.
    ratios, segments : its bins and segments; rows without a finite log2 are not drawn.
    genome : facts of the build (``metcn.genome.Genome``).
    title : heading of the page.
    """
    seen = profiles.view(ratios, segments, genome, mixture=_mixture(call), amplicon=_amplicon(call))
    figures = {
        "chromosome": profiles.chromosome_profile(seen),
        "surroundings": profiles.surroundings(seen),
        "gene": profiles.gene(seen),
        "genome": profiles.genome_strip(seen),
    }
    return (
        _environment()
        .get_template("sample.html")
        .render(
            title=title,
            call=call,
            figures=figures,
            rulers=_rulers(call),
            reasons=[(code, REASONS[code]) for code in call["reasons"]],
            criteria=_criteria(call),
            dominant=_dominant(call),
            copies_axis=seen.mixture is not None,
            qc_numbers=_flat({**(pick(call, "measurement.qc") or {}), **(call.get("counts") or {})}),
            provenance=_flat(call.get("provenance") or {}),
        )
    )


def cohort_page(calls: Sequence[Mapping[str, Any]], *, title: str = "MET copy number") -> str:
    """Overview of a cohort as one HTML document: sortable table, MET against CEP7-like copies, links to the samples."""
    rows = [row(call) for call in calls]
    for values, call in zip(rows, calls, strict=True):
        values.update(patient=call.get("patient"), timepoint=call.get("timepoint"))
    found = Counter(values["call"] for values in rows)
    return (
        _environment()
        .get_template("cohort.html")
        .render(
            title=title,
            rows=rows,
            columns=COHORT_COLUMNS,
            tally=[(name, found[name]) for name in CALLS if found[name]],
            scatter=gauges.scatter(rows),
            serial=any(values["patient"] or values["timepoint"] for values in rows),
            reasons=[(code, REASONS[code]) for code in REASONS if any(code in (v["reasons"] or ()) for v in rows)],
        )
    )


@cache
def _environment() -> Environment:
    """Jinja environment: everything is escaped unless marked safe, an absent key is missing and prints as such."""
    found = Environment(
        loader=PackageLoader("metcn", "templates"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["cell"] = cell
    found.filters.update(
        copies=copies,
        ratio=ratio,
        probability=probability,
        span=span,
        whole=whole,
        path=quote,
        plain=plain,
        checked=checked,
    )
    found.globals.update(
        call_words=CALL_WORDS,
        verdict_words=VERDICT_WORDS,
        verified_words=VERIFIED_WORDS,
        missing=MISSING,
        source_words=SOURCE_WORDS,
        tier_words=TIER_WORDS,
        mode_words=MODE_WORDS,
        error_words=ERROR_WORDS,
        texts=REASONS,
    )
    return found


def _absent(value: Any) -> bool:
    return value is None or isinstance(value, ChainableUndefined) or value != value


def copies(value: Any) -> str:
    """Copy number with one decimal, none from 100 on."""
    return MISSING if _absent(value) else f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"


def ratio(value: Any) -> str:
    """Ratio with two decimals."""
    return MISSING if _absent(value) else f"{value:.2f}"


def whole(value: Any) -> str:
    """Whole number with thousands apart."""
    return MISSING if _absent(value) else f"{value:,.0f}"


def probability(value: Any) -> str:
    """Probability in per cent, never rounded to certainty."""
    if _absent(value):
        return MISSING
    if value < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if value > 0.999 else f"{100 * value:.1f} %"


def span(interval: Any, form: str = "copies") -> str:
    """Both ends of an interval in words, missing if either end is."""
    if _absent(interval) or _absent(interval.get("low")) or _absent(interval.get("high")):
        return MISSING
    show = {"copies": copies, "ratio": ratio}[form]
    return f"{show(interval['low'])} to {show(interval['high'])}"


def plain(value: Any) -> str:
    """Any value of a JSON file for a table cell: missing as a dash, numbers to four digits, lists joined."""
    if _absent(value):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain, value)) or MISSING
    return str(value)


def checked(items: Sequence[Mapping[str, Any]]) -> bool | str:
    """Whether the figures of a whole set were read in their source: True, False, or ``mixed`` where rows differ."""
    found = {item.get("verified") for item in items}
    return bool(found.pop()) if found in ({True}, {False}) else "mixed"


def _mixture(call: Mapping[str, Any]) -> tuple[float, float] | None:
    """Purity and ploidy where both are point values."""
    purity, ploidy = (pick(call, f"purity.{name}.value") for name in ("purity", "ploidy"))
    return (purity, ploidy) if purity and ploidy else None


def _amplicon(call: Mapping[str, Any]) -> tuple[float, float] | None:
    start, end = (pick(call, f"copies.amplicon.{side}") for side in ("start", "end"))
    return None if start is None or end is None else (start, end)


def _rulers(call: Mapping[str, Any]) -> dict[str, str]:
    """Interval figures of the four estimates; the bounds marked are those of the default and plasma criteria."""
    wanted = {
        "met_copies": ((5, 10), 16, "MET copies"),
        "met_cep7": ((2,), 5, "MET/CEP7-like"),
        "cep7_copies": ((), 8, "CEP7-like copies"),
        "plasma_copies": ((2.3,), 5, "Plasma copies, uncorrected"),
    }
    return {
        name: gauges.ruler(
            pick(call, f"copies.{name}") or {}, bounds=bounds, top=top, label=f"{label} with 95 % interval"
        )
        for name, (bounds, top, label) in wanted.items()
    }


def _criteria(call: Mapping[str, Any]) -> list[tuple[str, list[list[Mapping[str, Any]]]]]:
    """Criteria by specimen and set, the sample's own specimen first; tissue and plasma cut-offs are never compared.

    Sets that hold for both specimens stand with the sample's own.
    """
    own = str(call.get("specimen") or "tissue")
    groups: dict[str, list[Mapping[str, Any]]] = {own: [], "tissue": [], "plasma": []}
    for item in call.get("criteria") or ():
        groups[item["specimen"] if item.get("specimen") in groups else own].append(item)
    by_set = {
        name: [_said_once(list(items)) for _, items in groupby(found, itemgetter("id"))]
        for name, found in groups.items()
    }
    return [(name, sets) for name, sets in by_set.items() if sets]


def _said_once(items: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Categories of one set, each note without the sentences that a category above it has said already."""
    said: set[str] = set()
    shown: list[Mapping[str, Any]] = []
    for item in items:
        sentences = [part for part in re.split(r"(?<=\.)\s+", item.get("note") or "") if part not in said]
        said.update(sentences)
        shown.append({**item, "note": " ".join(sentences)})
    return shown


def _dominant(call: Mapping[str, Any]) -> str | None:
    """Name of the largest part of the error of MET's ratio."""
    parts = {name: part for name, part in (pick(call, "measurement.met.se_parts") or {}).items() if part is not None}
    return max(parts, key=lambda name: parts[name]) if parts else None


def _flat(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested values as (dotted name, value) pairs; lists of reasons are shown elsewhere and left out."""
    pairs: list[tuple[str, Any]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{name}.")
        elif name != "reasons":
            pairs.append((prefix + name, value))
    return pairs
