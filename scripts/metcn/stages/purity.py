"""Stage ``purity``: what is known of a sample's purity and ploidy, as a grid of points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metcn import purity as mixing
from metcn.errors import InputError
from metcn.files import write_json
from metcn.samples import parse_range


def purity(
    *, sample: str, specimen: str, purity: str, ploidy: str, segments: Path, output: Path, settings: Mapping[str, Any]
) -> None:
    """Write what is known of a sample's purity and ploidy as a grid of points.

    Raises
    ------
    InputError
        If a given value is no number or range.
    """
    given = {name: _given(text, name, sample) for name, text in (("purity", purity), ("ploidy", ploidy))}
    of_purity = mixing.axis(given["purity"], (settings[f"{specimen}_low"], settings[f"{specimen}_high"]))
    of_ploidy = mixing.axis(given["ploidy"], (settings["ploidy_low"], settings["ploidy_high"]))
    reasons = []
    if not of_purity.known:
        reasons.append("purity_unknown")
    elif of_purity.span[0] < settings["floor"]:
        reasons.append("purity_below_floor")
    if not of_ploidy.known:
        reasons.append("ploidy_unknown")
    grid = mixing.grid(of_purity, of_ploidy)
    write_json(
        output,
        {
            "sample": sample,
            "purity": _axis(of_purity),
            "ploidy": _axis(of_ploidy),
            "known": of_purity.known and of_ploidy.known,
            "grid": grid,
            "evidence": [{"source": "sheet", "purity": purity, "ploidy": ploidy}],
            "reasons": reasons,
        },
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


def _axis(axis: mixing.Axis) -> dict[str, Any]:
    return {"value": axis.value, "low": axis.span[0], "high": axis.span[1], "source": axis.source}
