"""The page of one sample: one self-contained HTML file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import ChainableUndefined, Environment
from markupsafe import Markup

from metcn.calls.record import cell, pick
from metcn.report import genome_plots, sections, wording
from metcn.report.html import document, environment
from metcn.vocabulary import REASONS


def sample_page(
    call: Mapping[str, Any],
    ratios: pd.DataFrame,
    segments: pd.DataFrame,
    genome: Any,
    *,
    title: str = "MET copy number",
    whatif: Mapping[str, Any] | None = None,
) -> str:
    """Report of one sample as one HTML document.

    Parameters
    ----------
    call : the sample's calls JSON.
    ratios, segments : its bins and segments; rows without a finite log2 are not drawn.
    genome : facts of the build (``metcn.genome.build.Genome``).
    title : heading of the page.
    whatif : results at other purities (``rows``) and what the page's script redoes them with (``payload``), or None.
    """
    mixture = sections.mixture(call)
    seen = genome_plots.view(ratios, segments, genome, mixture=mixture, amplicon=sections.amplicon(call))
    return document(
        templates(),
        "sample.html",
        scripts=("whatif.js",) if whatif else (),
        title=title,
        call=call,
        figures={
            "chromosome": genome_plots.chromosome_profile(seen),
            "surroundings": genome_plots.surroundings(seen),
            "gene": genome_plots.gene(seen),
            "genome": genome_plots.genome_strip(seen),
        },
        rulers=sections.rulers(call),
        reasons=[(code, REASONS[code]) for code in call["reasons"]],
        components=_components(call),
        limits=sections.limits(call),
        glance=sections.glance(call),
        criteria=sections.criteria(call),
        evidence=sections.evidence(call),
        genes=sections.genes(call)[0],
        neighbours=sections.genes(call)[1],
        losses=sections.losses(call),
        copies_axis=mixture is not None,
        whatif=whatif,
        qc_numbers=wording.flat({**(pick(call, "measurement.qc") or {}), **(call.get("counts") or {})}),
        provenance=wording.flat(call.get("provenance") or {}),
        comparison=sections.comparison(call),
        boundaries=sections.boundaries(call),
        surroundings=sections.surroundings(call),
        exons=sections.exons(call),
        baf=genome_plots.allele_fractions(pick(call, "purity.baf"), genome),
    )


def failure_page(call: Mapping[str, Any], *, title: str = "MET copy number") -> str:
    """Page of a sample that has no result, as one HTML document: what was wrong, and what to do.

    Parameters
    ----------
    call : the sample's calls JSON, with the key ``failure``.
    title : heading of the page.
    """
    reasons = [(code, REASONS[code]) for code in call["reasons"]]
    return document(templates(), "failure.html", title=title, call=call, failure=call["failure"], reasons=reasons)


def _components(call: Mapping[str, Any]) -> Any:
    """Number of components removed, one number per kind of bin where they differ."""
    found = pick(call, "measurement.reference.components")
    return (
        ", ".join(f"{count} {kind.replace('_', '-')}" for kind, count in found.items())
        if isinstance(found, dict)
        else found
    )


@cache
def templates() -> Environment:
    """Templates of calls, in which an absent key is missing and prints as such."""
    found = environment(ChainableUndefined)
    found.filters.update(wording.FILTERS, path=quote, data=_data, css_text=_css_text, dict=dict)
    found.globals.update(wording.GLOBALS, cell=cell)
    return found


def _data(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in; missing numbers are null."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _css_text(value: Any) -> Markup:
    """A CSS string in which all but letters and digits is escaped, so that it can end neither string nor style."""
    return Markup('"' + "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in str(value)) + '"')
