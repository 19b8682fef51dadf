"""Titration and validation as pages for people: one self-contained HTML file each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from metcn.report import accuracy_plots
from metcn.report.html import document, environment
from metcn.report.wording import CALL_WORDS, MISSING
from metcn.vocabulary import REASONS

CALL = "call"
NONE = "none"
POINT = ("purity", "sensitivity", "sensitivity_low", "sensitivity_high", "positives")


def titration_page(
    tables: Mapping[str, pd.DataFrame], *, title: str, notes: Sequence[str], shown: Sequence[str], unlike: Sequence[str]
) -> str:
    """Report of a titration: curves of the overall call, then tables of every criterion.

    Parameters
    ----------
    tables : ``titration``, ``limits``, ``false_positives`` and ``donors`` as `metcn.titration.outcomes` makes them.
    notes : what the reader has to know of how the tumours were made.
    shown : criteria in the order of the page.
    unlike : donors that lie outside the range of the other normals.
    """
    strata = tables["titration"]
    positive = strata[(strata["extent"] != NONE) & (strata["criterion"] == CALL)]
    figures = []
    for (extent, depth), part in positive.groupby(["extent", "depth"], sort=False):
        lines = {
            f"{copies:g} copies": [
                accuracy_plots.Point(*map(float, numbers))
                for numbers in group[list(POINT)].itertuples(index=False, name=None)
            ]
            for copies, group in part.groupby("copies")
            if group["positives"].any()
        }
        where = f"extent {words(str(extent))}, depth {depth:g} of the donors'"
        if lines:
            figures.append((where, accuracy_plots.sensitivity(lines, label=f"Sensitivity over purity, {where}")))
    return document(
        _templates(),
        "titration.html",
        title=title,
        notes=notes,
        figures=figures,
        limits=_records(tables["limits"], shown),
        strata=_records(positive, shown),
        unchanged=_records(tables["false_positives"], shown),
        unlike=unlike,
        donors=[{**row, "texts": _texts(row["reasons"])} for row in tables["donors"].to_dict("records")],
    )


@dataclass(frozen=True)
class SiteSection:
    """A site's own cut-offs: a row each, equivalents in sentences, curves by heading, and what others publish."""

    rows: Sequence[Mapping[str, float | str]]
    sentences: Sequence[str]
    figures: Sequence[tuple[str, str]]
    published: Sequence[Mapping[str, str]]


def validation_page(
    questions: pd.DataFrame,
    figures: Sequence[tuple[str, str]],
    disagreements: Sequence[Mapping[str, Any]],
    *,
    site: SiteSection,
    title: str,
    notes: Sequence[str],
) -> str:
    """Report of a validation: fourfold tables, differences, the site's own cut-offs, and every disagreement."""
    listed = [{**row, "texts": _texts(row["reasons"])} for row in disagreements]
    return document(
        _templates(),
        "validation.html",
        title=title,
        notes=notes,
        figures=figures,
        questions=questions.to_dict("records"),
        site=site,
        disagreements=listed,
        call_words=CALL_WORDS,
        missing=MISSING,
    )


def _texts(reasons: str) -> list[tuple[str, str]]:
    """Codes of joined reasons, each with its sentence."""
    return [(code, REASONS[code].text) for code in reasons.split(";") if code in REASONS]


def _records(table: pd.DataFrame, shown: Sequence[str]) -> list[dict[Any, Any]]:
    """Rows with the criteria in the order given, else as they are."""
    if table.empty:
        return []
    rank = {name: place for place, name in enumerate(shown)}
    order = table["criterion"].map(rank).argsort(kind="stable")
    return table.iloc[order].to_dict("records")


@cache
def _templates() -> Environment:
    """Templates of tables made here, in which an absent name is our error."""
    found = environment(StrictUndefined)
    for each in (share, spread, number, words, limit, between, criterion):
        found.filters[each.__name__] = each
    return found


def share(value: float) -> str:
    """Share in per cent; a dash where it is missing."""
    return MISSING if value != value else f"{100 * value:.0f} %"


def spread(row: Mapping[str, Any], name: str) -> str:
    """Interval of a share in brackets; nothing where it is missing."""
    low, high = (row[f"{name}_{end}"] for end in ("low", "high"))
    return "" if low != low or high != high else f"({share(low)} to {share(high)})"


def number(value: float, form: str = ".2f") -> str:
    """Number with two decimals; a dash where it is missing."""
    return MISSING if value != value else format(value, form)


def limit(value: float) -> str:
    """Purity of a limit of detection in words, also where it lies outside the tested range."""
    if value != value:
        return MISSING
    return "above tested" if value == float("inf") else "below tested" if value == 0 else f"{value:.2f}"


def between(row: Mapping[str, Any], name: str) -> str:
    """Interval of a limit of detection in words; a dash where there is none."""
    low, high = (row[f"{name}_{end}"] for end in ("low", "high"))
    return MISSING if low != low or high != high else f"{limit(low)} to {limit(high)}"


def criterion(name: str) -> str:
    """Set and category of a criterion as people read them."""
    return "overall call" if name == CALL else name.replace(":", ": ").replace("_", " ")


def words(extent: str) -> str:
    """Extent of a gain in words: a number of bases in Mb, else the word itself."""
    return f"{int(extent) / 1e6:g} Mb" if str(extent).isdecimal() else str(extent)
