"""The page over all samples of a run: one self-contained HTML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from metcn.calls.record import pick, row
from metcn.cohort import heatmap, outliers
from metcn.genome import build as genomes
from metcn.report import estimate_plots
from metcn.report.html import document
from metcn.report.sample_page import templates
from metcn.vocabulary import CALLS, COHORT_COLUMNS, REASONS

Levels = Sequence[pd.DataFrame]


def cohort_page(calls: Sequence[Mapping[str, Any]], *, levels: Levels = (), title: str = "MET copy number") -> str:
    """Overview of a cohort as one HTML document: sortable table, MET against CEP7-like, chromosome 7, QC outliers.

    Parameters
    ----------
    calls : calls JSONs.
    levels : segments of samples as ``.seg`` tables (`metcn.io.tables.read_seg`), drawn as a map of chromosome 7.
    title : heading of the page.
    """
    rows = [row(call) for call in calls]
    for values, call in zip(rows, calls, strict=True):
        values.update(patient=call.get("patient"), timepoint=call.get("timepoint"))
    found = Counter(values["call"] for values in rows)
    build = next((call["genome"] for call in calls if call.get("genome") in genomes.BUILDS), None)
    return document(
        templates(),
        "cohort.html",
        scripts=("cohort.js",),
        title=title,
        rows=rows,
        messages={call["sample"]: call["failure"]["messages"] for call in calls if call.get("failure")},
        result=[call.get("copies") or {} for call in calls],
        sentences=[pick(call, "counsel.sentence") or "" for call in calls],
        columns=COHORT_COLUMNS,
        tally=[(name, found[name]) for name in CALLS if found[name]],
        scatter=estimate_plots.scatter(rows),
        map=heatmap.draw(rows, levels, genomes.load(build)) if build and levels else "",
        normals=sorted({text for call in calls if (text := pick(call, "measurement.reference.check.summary"))}),
        outliers=outliers.find(calls),
        plasma=any(values["specimen"] == "plasma" for values in rows),
        serial=any(values["patient"] or values["timepoint"] for values in rows),
        reasons=[(code, REASONS[code]) for code in REASONS if any(code in (v["reasons"] or ()) for v in rows)],
    )
