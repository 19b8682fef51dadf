"""Which normals of a panel belong together, which of them a sample resembles, and whether depths are of one kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import BinLayout
from metcn.counts.summary_file import CountsSummary
from metcn.errors import InputError
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


def name_copies(names: Sequence[str], depth: NDArray[np.floating]) -> list[str]:
    """A sentence on each normal that has the depth of another in every bin; ``depth`` has a row for each."""
    remedy = "have the same depth in every bin; remove one, since noise looks smaller with a copy"
    first: dict[bytes, str] = {}
    sentences = []
    for name, row in zip(names, depth, strict=True):
        other = first.setdefault(np.ascontiguousarray(row).tobytes(), name)
        if other != name:
            sentences.append(f"normals {other} and {name} {remedy}")
    return sentences


@dataclass(frozen=True)
class Belonging:
    """Which normals of a panel belong together, by name.

    Attributes
    ----------
    males : list of str or None
        None where sexes cannot be told apart.
    batches : mapping
        Kind of bins -> the two batches of normals, where there are two.
    strays : mapping
        Kind of bins -> normals that resemble the others least. Both are None where a panel does not tell.
    """

    males: list[str] | None
    batches: dict[str, list[list[str]]] | None
    strays: dict[str, list[str]] | None


def of_normals(names: Sequence[str], panel: Panel) -> Belonging:
    """Males, batches and strays among the normals."""
    named = np.array(names)
    batches, strays = {}, {}
    for kind, null in panel.null.items():
        label = sample_groups.batches(panel.scores[kind])
        if label.any():
            batches[kind] = [[str(name) for name in named[label == number]] for number in (0, 1)]
        strays[kind] = [str(name) for name in named[sample_groups.strays(np.array(null.scatter))]]
    males = None if panel.male is None else [name for name, male in zip(names, panel.male, strict=True) if male]
    return Belonging(males, batches, strays)


@dataclass(frozen=True)
class Resemblance:
    """Names of the normals that a sample resembles most, and its distance from the first (1: as between neighbours)."""

    nearest: list[str]
    distance: float


def of_sample(scores: Mapping[str, Sequence[float]], names: Sequence[str], panel: Panel) -> dict[str, Resemblance]:
    """Per kind of bins, the normals that a sample of these component scores resembles most."""
    resembled = {}
    for kind, own in scores.items():
        if kind in panel.scores:
            nearest = sample_groups.nearest(np.array(own), panel.scores[kind][:, : len(own)])
            resembled[kind] = Resemblance([names[row] for row in nearest.rows], nearest.distance)
    return resembled


def left_by_normals(log2: NDArray[np.floating], layout: BinLayout, panel: Panel) -> dict[str, float]:
    """Per kind of bins, what `sample_groups.left_by_normals` says; nothing without a panel that knows its own noise."""
    left = {}
    for kind in layout.kinds if panel.normals >= FEWEST_NORMALS else ():
        rows = layout.fit & (layout.kind == kind) & (panel.mask == "")
        noise = robust.median(panel.spread[rows]) / np.sqrt(panel.normals) if rows.any() else float("nan")
        left[kind] = sample_groups.left_by_normals(log2[rows], panel.centre[rows], centre_noise=noise)
    return left


@dataclass(frozen=True)
class CountedAs:
    """How depth was counted: its unit, and whether duplicates count; None where it is not known."""

    unit: str | None = None
    keep_duplicates: bool | None = None


def counted_alike(summaries: Iterable[CountsSummary]) -> CountedAs:
    """How the depth of all these samples was counted.

    Raises
    ------
    InputError
        If it is not the same in all of them.
    """
    first: dict[str, dict[Any, Path]] = {name: {} for name in COUNTED}
    for summary in summaries:
        for name, seen in first.items():
            if getattr(summary, name) is not None:
                seen.setdefault(getattr(summary, name), summary.path)
    for name, seen in first.items():
        if len(seen) > 1:
            (one, path), (other, another) = list(seen.items())[:2]
            raise InputError(
                f"expected samples of one counts.{name}, found {shown(one)} in {path} and {shown(other)} in {another}; "
                "count all of them alike"
            )
    return CountedAs(**{name: next(iter(seen), None) for name, seen in first.items()})


def check_counted(own: CountedAs, panel: Mapping[str, Any], reference: Path) -> None:
    """Raise InputError unless a sample's depth is counted as the panel's, as far as either is known.

    ``panel`` holds its facts. One of amplicons that does not know how duplicates were counted was made when they were
    left out.

    Raises
    ------
    InputError
        If it is known to be counted in another way.
    """
    for name, words in COUNTED.items():
        ours, theirs = getattr(own, name), panel.get(name)
        if name == "keep_duplicates" and theirs is None and panel.get("unit") and panel["assay"] == "amplicon":
            theirs = False
        if ours is not None and theirs is not None and ours != theirs:
            raise InputError(
                f"{reference} is of normals counted {words[theirs]}, the sample {words[ours]}; "
                f"set counts.{name} to {shown(theirs)}, or make the panel of normals again"
            )


def shown(value: Any) -> str:
    """A setting's value as it is written in the configuration."""
    return str(value).lower() if isinstance(value, bool) else str(value)
