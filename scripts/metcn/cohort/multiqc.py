"""MultiQC custom content: the calls, a few columns for its first table, the numbers behind QC, and versions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from metcn.calls.record import cell, pick

CALL_COLUMNS = (
    *("call", "qc", "purity", "met_ratio", "met_copies", "met_cep7", "plasma_copies", "focality", "lod_copies"),
    *("counsel", "reasons"),
)
GENERAL_COLUMNS = ("call", "met_copies", "met_cep7", "plasma_copies", "qc")

# Backgrounds that dark text can be read on; MultiQC's own is one decimal, which shows a purity of 0.15 as 0.1.
AMPLIFIED, GAINED, NEGATIVE, OPEN, FAILED = "#f6b26b", "#ffe599", "#d9ead3", "#d9d9d9", "#f4b6b6"
CALL_COLOURS = {
    **dict.fromkeys(("high_level_amplification", "amplification"), AMPLIFIED),
    **dict.fromkeys(("gain", "polysomy"), GAINED),
    "not_amplified": NEGATIVE,
    "indeterminate": OPEN,
    "no_call": FAILED,
}
QC_COLOURS = {"pass": NEGATIVE, "warn": GAINED, "fail": FAILED}
HEADERS: dict[str, dict[str, Any]] = {
    "call": {"title": "Call", "description": "Class by the default criteria", "bgcols": CALL_COLOURS, "scale": False},
    "qc": {"title": "QC", "description": "Worst of the reasons", "bgcols": QC_COLOURS, "scale": False},
    "purity": {"title": "Purity", "description": "Share of tumour cells; empty where unknown", "format": "{:,.2f}"},
    "met_ratio": {"title": "MET ratio", "description": "Depth ratio, not corrected for purity", "format": "{:,.2f}"},
    "met_copies": {"title": "MET copies", "description": "MET copies per tumour cell", "format": "{:,.1f}"},
    "met_cep7": {"title": "MET/CEP7-like", "description": "MET over CEP7-like copies", "format": "{:,.2f}"},
    "plasma_copies": {
        "title": "Plasma copies",
        "description": "2 x depth ratio, not corrected: the scale of plasma cut-offs",
        "format": "{:,.2f}",
    },
    "focality": {"title": "Focality", "description": "Extent of the gain", "scale": False},
    "lod_copies": {"title": "Detectable", "description": "Limit of detection in MET copies", "format": "{:,.1f}"},
    "counsel": {"title": "To consider", "description": "What a laboratory may consider next", "scale": False},
    "reasons": {"title": "Reasons", "description": "Everything that limits the result", "scale": False},
}
GENERAL_TITLES = {"call": "MET call", "qc": "metcn QC"}

# Number of QC -> (where the calls JSON has it, title, what it is)
QUALITY: dict[str, tuple[str, str, str]] = {
    "fragments": ("counts.fragments", "Fragments", "Fragments counted in bins"),
    "duplicates": ("counts.duplicates", "Duplicates", "Share of reads left out as duplicates"),
    "on_target": ("counts.on_target", "On target", "Share of fragments in targets"),
    "noise_target": ("measurement.qc.noise.target", "Noise, targets", "Robust SD of neighbouring log2 ratios"),
    "noise_off_target": (
        "measurement.qc.noise.off_target",
        "Noise, off-target",
        "Robust SD of neighbouring log2 ratios",
    ),
    "noise_window": ("measurement.qc.noise.window", "Noise, windows", "Robust SD of neighbouring log2 ratios"),
    "noise_amplicon": ("measurement.qc.noise.amplicon", "Noise, amplicons", "Robust SD of neighbouring log2 ratios"),
    "met_se": ("measurement.met.se", "MET error", "Standard error of MET's log2 ratio"),
    "met_bins": ("measurement.met.bins", "MET bins", "Usable bins in MET"),
    "bins_used": ("measurement.qc.bins_used", "Bins used", "Usable bins of the sample"),
    "met_expected": (
        "measurement.met.expected_fragments",
        "MET fragments expected",
        "Fragments that MET would hold at two copies",
    ),
    "empty_bins": ("measurement.qc.empty_bins", "Empty bins", "Share of usable bins without a fragment"),
    "lod_copies": ("copies.lod.copies", "Detectable", "Fewest MET copies that would have been seen"),
}

WHOLE = ("met_bins", "bins_used")  # beside those whose name says so


def calls(rows: Sequence[Mapping[str, Any]]) -> str:
    """Table of the calls, a section of its own."""
    about = "MET copies per tumour cell, MET against the CEP7-like level, and the call. Research use only."
    head = _table("metcn", "MET copy number", about) | {"headers": {name: HEADERS[name] for name in CALL_COLUMNS}}
    return _content(head, [{name: row[name] for name in ("sample", *CALL_COLUMNS)} for row in rows], CALL_COLUMNS)


def general(rows: Sequence[Mapping[str, Any]]) -> str:
    """Columns for MultiQC's general statistics."""
    changes: dict[str, dict[str, Any]] = {name: {"title": title} for name, title in GENERAL_TITLES.items()}
    changes["plasma_copies"] = {"hidden": not any(row["specimen"] == "plasma" for row in rows)}
    head = {
        "id": "metcn_general",
        "plot_type": "generalstats",
        "headers": [{name: HEADERS[name] | changes.get(name, {})} for name in GENERAL_COLUMNS],
    }
    return _content(head, [{name: row[name] for name in ("sample", *GENERAL_COLUMNS)} for row in rows], GENERAL_COLUMNS)


def quality(records: Sequence[Mapping[str, Any]]) -> str:
    """Table of the QC numbers that at least one sample has."""
    found = numbers(records)
    head = _table("metcn_qc", "MET copy number: quality", "What the calls rest on.") | {
        "headers": {
            name: {"title": QUALITY[name][1], "description": QUALITY[name][2], "format": _form(name)} for name in found
        }
    }
    rows = [
        {"sample": record["sample"], **{name: values[place] for name, values in found.items()}}
        for place, record in enumerate(records)
    ]
    return _content(head, rows, tuple(found))


def _form(name: str) -> str:
    """How a number of QC is shown: counts whole, copies with one decimal, shares and errors with three."""
    whole = name in WHOLE or name.endswith(("_bins", "fragments"))
    return "{:,.0f}" if whole else "{:,.1f}" if name.endswith("copies") else "{:,.3f}"


def versions(records: Sequence[Mapping[str, Any]]) -> str:
    """Versions of metcn and of the libraries that its numbers depend on, each once, as MultiQC's own YAML."""
    found: dict[str, list[str]] = {}
    for record in records:
        told = {"metcn": pick(record, "provenance.metcn"), **(pick(record, "provenance.libraries") or {})}
        for name, version in told.items():
            if version is not None and version not in found.setdefault(name, []):
                found[name].append(version)
    lines = [f"  {json.dumps(name)}: {json.dumps(sorted(seen))}" for name, seen in found.items() if seen]
    return "\n".join(["metcn:", *lines]) + "\n" if lines else "{}\n"


def numbers(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """QC numbers by name, one value per record (None where missing); names that no record has are left out."""
    found = {name: [pick(record, path) for record in records] for name, (path, _, _) in QUALITY.items()}
    return {name: values for name, values in found.items() if any(value is not None for value in values)}


def _table(name: str, title: str, description: str) -> dict[str, Any]:
    """Header of a table with a section of its own."""
    return {
        "id": name,
        "section_name": title,
        "description": description,
        "plot_type": "table",
        "pconfig": {"id": f"{name}_table", "title": title},
    }


def _content(head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Tab-separated text below a header of comments, which MultiQC reads as YAML; JSON is YAML."""
    comments = [f"# {key}: {json.dumps(value)}" for key, value in head.items()]
    names = ("sample", *columns)
    body = ["\t".join(cell(name, row[name]) for name in names) for row in rows]
    return "\n".join([*comments, "\t".join(names), *body]) + "\n"
