"""Which normals of a panel belong together, which of them a sample resembles, and whether depths are of one kind."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metcn.bins.layout import BinLayout
from metcn.errors import InputError
from metcn.files import read_json
from metcn.reference import sample_groups
from metcn.reference.panel import FEWEST_NORMALS, Panel
from metcn.stats import robust

NOT_EXPLAINED = 1.75  # normals add to the spread that they should take away; 50 real samples have at most 1.6
DEVIANT_LOG2 = 0.2  # a single copy more in 30 % of the cells
COUNTED: dict[str, dict[Any, str]] = {
    "unit": {"fragments": "in fragments", "bases": "in bases"},
    "keep_duplicates": {True: "with duplicates", False: "without duplicates"},
}
"""Settings of counts that make depths of different kinds, and how they are told."""
X_WITHOUT_ENDS = (2_800_000, 154_900_000)  # clear of the pseudoautosomal regions in GRCh37 and GRCh38


def name_copies(names: Sequence[str], depth: np.ndarray) -> None:
    """Say of each normal that has the depth of another in every bin; ``depth`` has a row for each."""
    remedy = "have the same depth in every bin; remove one, since noise looks smaller with a copy"
    first: dict[bytes, str] = {}
    for name, row in zip(names, depth, strict=True):
        other = first.setdefault(np.ascontiguousarray(row).tobytes(), name)
        if other != name:
            print(f"metcn: note: normals {other} and {name} {remedy}", file=sys.stderr)


def x_of(design: BinLayout) -> np.ndarray:
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
        label = sample_groups.batches(panel.shares[kind])
        if label.any():
            found["batches"][kind] = [[str(name) for name in np.array(names)[label == number]] for number in (0, 1)]
        found["strays"][kind] = [str(name) for name in np.array(names)[sample_groups.strays(np.array(null.scatter))]]
    return found


def of_sample(shares: Mapping[str, Sequence[float]], names: Sequence[str], panel: Panel) -> dict[str, Any]:
    """Per kind, the normals that a sample resembles most, and its distance from the first (see `batches.nearest`)."""
    found = {}
    for kind, own in shares.items():
        if kind in panel.shares:
            order, distance = sample_groups.nearest(np.array(own), panel.shares[kind][:, : len(own)])
            found[kind] = {"nearest": [names[row] for row in order], "distance": distance}
    return found


def left_by_normals(log2: np.ndarray, parts: BinLayout, panel: Panel) -> dict[str, float]:
    """Per kind of bins, what `sample_groups.left_by_normals` says; nothing without a panel that knows its own noise."""
    found = {}
    for kind in np.unique(parts.kind) if panel.normals >= FEWEST_NORMALS else ():
        rows = parts.fit & (parts.kind == kind) & (panel.mask == "")
        noise = robust.median(panel.spread[rows]) / np.sqrt(panel.normals) if rows.any() else float("nan")
        found[str(kind)] = sample_groups.left_by_normals(log2[rows], panel.centre[rows], centre_noise=noise)
    return found


def counted_alike(summaries: Iterable[Path | None]) -> dict[str, Any]:
    """How depth was counted by the summaries of samples: ``unit`` and ``keep_duplicates``; None where not known.

    Raises
    ------
    InputError
        If it is not the same in all of them.
    """
    first: dict[str, dict[Any, Path]] = {name: {} for name in COUNTED}
    for path in filter(None, summaries):
        record = read_json(path)
        for name, seen in first.items():
            if record.get(name) is not None:
                seen.setdefault(record[name], path)
    for name, seen in first.items():
        if len(seen) > 1:
            (one, path), (other, another) = list(seen.items())[:2]
            raise InputError(
                f"expected samples of one counts.{name}, found {shown(one)} in {path} and {shown(other)} in {another}; "
                "count all of them alike"
            )
    return {name: next(iter(seen), None) for name, seen in first.items()}


def check_counted(own: Mapping[str, Any], panel: Mapping[str, Any], reference: Path) -> None:
    """Nothing, unless a sample's depth is known to be counted in another way than the panel's.

    ``panel`` holds its facts. One of amplicons that does not know how duplicates were counted was made when they were
    left out.

    Raises
    ------
    InputError
        If so.
    """
    for name, words in COUNTED.items():
        theirs = panel.get(name)
        if name == "keep_duplicates" and theirs is None and panel.get("unit") and panel["assay"] == "amplicon":
            theirs = False
        if own[name] is not None and theirs is not None and own[name] != theirs:
            raise InputError(
                f"{reference} is of normals counted {words[theirs]}, the sample {words[own[name]]}; "
                f"set counts.{name} to {shown(theirs)}, or make the panel of normals again"
            )


def shown(value: Any) -> str:
    """A setting's value as it is written in the configuration."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def filtered(summaries: Iterable[Path]) -> dict[str, list[str]]:
    """What filters took of samples that they should not, a sentence each, by sample; those without are left out."""
    found = {path.stem: [loss["text"] for loss in read_json(path).get("filtered") or ()] for path in summaries}
    return {name: sentences for name, sentences in found.items() if sentences}
