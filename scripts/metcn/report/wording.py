"""Words and numbers as reports show them: what classes are called, and how much of a number is worth printing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import ChainableUndefined

from metcn.calls.record import pick
from metcn.vocabulary import REASONS

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
COUNSEL_WORDS = {
    "informative_negative": "Informative negative",
    "repeat_with_more_tumour": "Repeat with more tumour",
    "confirm_by_fish": "FISH",
    "tissue_after_plasma": "Tissue after plasma",
    "no_action": "See the sample",
}
LOSS_WORDS = {"lost": "lost", "not_lost": "not lost", "indeterminate": "undecided"}
VERDICT_WORDS = {
    "met": "● met",
    "not_met": "○ not met",
    "indeterminate": "◐ undecided",
    "not_applicable": "\N{EN DASH} not applicable",
}
VERIFIED_WORDS: dict[bool | str, str] = {
    True: "verified",
    "secondary": "read in a secondary source, not in the original publication",
    "mixed": "verified in part",
    False: "not yet checked against the original publication",
}
SOURCE_WORDS = {
    "given": "given",
    "given_range": "given as a range",
    "given_and_fit": "given and fitted",
    "fit": "fitted",
    "several_fits": "fitted, several values",
    "unknown": "unknown",
}
EVIDENCE_WORDS = {
    "sheet": "sample sheet",
    "segments": "segments",
    "alleles": "segments and allele fractions",
    "highest_driver_vaf": "highest allele fraction of a driver, doubled",
    "fragment_lengths": "short fragments",
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
    "not_measured": "nothing: it was not measured",
}
ERROR_WORDS = {
    "bin_noise": "noise of MET's own bins",
    "gene_excess": "error that the bins of one gene share",
    "baseline": "error of the baseline",
    "part": "exons that differ from the rest of MET",
}
FOCALITY_WORDS = {
    "focal": "focal, an amplicon within 7q",
    "arm": "gain of the arm 7q",
    "polysomy": "polysomy of chromosome 7",
    "none": "none: MET is not gained",
    "indeterminate": "undecided",
}
PROVENANCE_WORDS = {
    "metcn": "metcn, version",
    "code": "code, digest",
    "settings": "settings of the call, digest",
    "configuration": "settings of all stages, digest",
    "reference": "panel of normals, digest",
}
GLOBALS = {
    "call_words": CALL_WORDS,
    "counsel_words": COUNSEL_WORDS,
    "verdict_words": VERDICT_WORDS,
    "verified_words": VERIFIED_WORDS,
    "source_words": SOURCE_WORDS,
    "tier_words": TIER_WORDS,
    "mode_words": MODE_WORDS,
    "error_words": ERROR_WORDS,
    "focality_words": FOCALITY_WORDS,
    "provenance_words": PROVENANCE_WORDS,
    "missing": MISSING,
    "texts": REASONS,
}


def absent(value: Any) -> bool:
    """Whether a value is missing: None, NaN, or a key that a template did not find."""
    return value is None or isinstance(value, ChainableUndefined) or value != value


def copies(value: Any) -> str:
    """Copy number with one decimal, none from 100 on."""
    return MISSING if absent(value) else f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"


def ratio(value: Any) -> str:
    """Ratio with two decimals, one from 10 and none from 100 on."""
    if absent(value):
        return MISSING
    return f"{value:.2f}" if abs(value) < 9.995 else copies(value)


def whole(value: Any) -> str:
    """Whole number with thousands apart."""
    return MISSING if absent(value) else f"{value:,.0f}"


def probability(value: Any) -> str:
    """Probability in per cent, never rounded to certainty."""
    if absent(value):
        return MISSING
    if value < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if value > 0.999 else f"{100 * value:.1f} %"


def chance(record: Any, name: str, bound: str | None = None) -> str:
    """Probability ``name`` of a record (of its ``bound``) in words; both ends where it is not one number."""
    paths = (name, f"{name}_low", f"{name}_high")
    if bound is not None:
        paths = (f"{name}.{bound}", f"{name}_range.{bound}.low", f"{name}_range.{bound}.high")
    value, low, high = (pick(record, path) for path in paths)
    if not absent(value) or absent(low) or absent(high):
        return probability(value)
    first, last = probability(low), probability(high)
    return first if first == last else f"{first} to {last}"


def span(interval: Any, form: str = "copies") -> str:
    """Both ends of an interval in words, missing if either end is."""
    if absent(interval) or absent(interval.get("low")) or absent(interval.get("high")):
        return MISSING
    show = {"copies": copies, "ratio": ratio}[form]
    return f"{show(interval['low'])} to {show(interval['high'])}"


def plain(value: Any) -> str:
    """Any value of a JSON file for a table cell: missing as a dash, numbers to four digits, lists joined."""
    if absent(value):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1000 <= abs(value) < 1e12 else f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain, value)) or MISSING
    return str(value)


def checked(items: Sequence[Mapping[str, Any]]) -> bool | str:
    """Where the figures of a whole set were read: True, ``secondary``, False, or ``mixed`` where rows differ."""
    found = {item.get("verified") for item in items}
    return next((status for status in VERIFIED_WORDS if found == {status}), "mixed")


def _content(item: Mapping[str, Any]) -> str:
    """A file that was read: name, size and digest."""
    return f"{item['name']}, {whole(item['bytes'])} bytes, {item['digest']}"


def flat(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested values as (dotted name, value) pairs; lists of reasons are shown elsewhere and left out."""
    pairs: list[tuple[str, Any]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            pairs += flat(value, f"{prefix}{name}.")
        elif name == "inputs" and isinstance(value, (list, tuple)):
            pairs += [(f"{item['argument']}, as it was read", _content(item)) for item in value]
        elif name != "reasons":
            pairs.append((prefix + name, value))
    return pairs


FILTERS = {
    "copies": copies,
    "ratio": ratio,
    "probability": probability,
    "chance": chance,
    "span": span,
    "whole": whole,
    "plain": plain,
    "checked": checked,
}
