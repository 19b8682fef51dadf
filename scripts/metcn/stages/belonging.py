"""Which normals of a panel belong together, which of them a sample resembles, and whether depths are of one kind."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metcn import quality, robust
from metcn.errors import InputError
from metcn.files import read_json
from metcn.normalisation import batches
from metcn.normalisation.panel import FEWEST_NORMALS, Panel
from metcn.stages.measure import Design

NOT_EXPLAINED = 1.75  # normals add to the spread that they should take away; 50 real samples have at most 1.6
DEVIANT_LOG2 = 0.2  # a single copy more in 30 % of the cells
X_WITHOUT_ENDS = (2_800_000, 154_900_000)  # clear of the pseudoautosomal regions in GRCh37 and GRCh38


def name_copies(names: Sequence[str], depth: np.ndarray) -> None:
    """Say of each normal that has the depth of another in every bin; ``depth`` has a row for each."""
    remedy = "have the same depth in every bin; remove one, since noise looks smaller with a copy"
    first: dict[bytes, str] = {}
    for name, row in zip(names, depth, strict=True):
        other = first.setdefault(np.ascontiguousarray(row).tobytes(), name)
        if other != name:
            print(f"metcn: note: normals {other} and {name} {remedy}", file=sys.stderr)


def x_of(design: Design) -> np.ndarray:
    """Bins of chromosome X of which a male has one copy."""
    inside = (design.midpoint >= X_WITHOUT_ENDS[0]) & (design.midpoint < X_WITHOUT_ENDS[1])
    return np.asarray((design.chromosome == "X") & inside)


def of_normals(names: Sequence[str], panel: Panel) -> dict[str, Any]:
    """Males, batches and strays among the normals; males is None where sexes cannot be told apart."""
    found: dict[str, Any] = {
        "males": None if panel.male is None else [name for name, male in zip(names, panel.male, strict=True) if male],
        "batches": {},
        "strays": {},
    }
    for kind, null in panel.null.items():
        label = batches.batches(panel.shares[kind])
        if label.any():
            found["batches"][kind] = [[str(name) for name in np.array(names)[label == number]] for number in (0, 1)]
        found["strays"][kind] = [str(name) for name in np.array(names)[batches.strays(np.array(null.scatter))]]
    return found


def of_sample(shares: Mapping[str, Sequence[float]], names: Sequence[str], panel: Panel) -> dict[str, Any]:
    """Per kind, the normals that a sample resembles most, and its distance from the first (see `batches.nearest`)."""
    found = {}
    for kind, own in shares.items():
        if kind in panel.shares:
            order, distance = batches.nearest(np.array(own), panel.shares[kind][:, : len(own)])
            found[kind] = {"nearest": [names[row] for row in order], "distance": distance}
    return found


def left_by_normals(log2: np.ndarray, parts: Design, panel: Panel) -> dict[str, float]:
    """Per kind of bins, what `quality.left_by_normals` says; nothing without a panel that knows its own noise."""
    found = {}
    for kind in np.unique(parts.kind) if panel.normals >= FEWEST_NORMALS else ():
        rows = parts.fit & (parts.kind == kind) & (panel.mask == "")
        noise = robust.median(panel.spread[rows]) / np.sqrt(panel.normals) if rows.any() else float("nan")
        found[str(kind)] = quality.left_by_normals(log2[rows], panel.centre[rows], centre_noise=noise)
    return found


def unit_of(summaries: Iterable[Path | None]) -> str | None:
    """What depth counts (``fragments`` or ``bases``) by the summaries of samples; None where that is not known.

    Raises
    ------
    InputError
        If it is not the same in all of them.
    """
    first: dict[str, Path] = {}
    for path in filter(None, summaries):
        unit = read_json(path).get("unit")
        if unit:
            first.setdefault(unit, path)
    if len(first) > 1:
        (one, path), (other, another) = list(first.items())[:2]
        raise InputError(
            f"expected samples of one counts.unit, found {one} in {path} and {other} in {another}; "
            "count all of them alike"
        )
    return next(iter(first), None)


def check_unit(own: str | None, panel: str | None, reference: Path) -> None:
    """Nothing, unless a sample's depth is known to count something else than the panel's.

    Raises
    ------
    InputError
        If so.
    """
    if own and panel and own != panel:
        raise InputError(
            f"{reference} is of normals counted in {panel}, the sample in {own}; "
            f"set counts.unit to {panel}, or make the panel of normals again"
        )
