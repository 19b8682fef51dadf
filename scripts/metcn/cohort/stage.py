"""Stage ``cohort``: the table and the page over all samples of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from metcn.calls.record import row
from metcn.cohort import multiqc
from metcn.cohort.page import cohort_page
from metcn.cohort.table import table
from metcn.copies.records import read_call
from metcn.errors import InputError
from metcn.files import read_json, write_text
from metcn.io import tables
from metcn.run import failures


def cohort(
    *,
    calls: Iterable[Path],
    comparisons: Iterable[Path] | None,
    seg: Iterable[Path] | None,
    output: Path,
    page: Path,
    complete: Path | None = None,
    mqc: Path | None,
    mqc_general: Path | None,
    mqc_quality: Path | None,
    mqc_versions: Path | None,
    settings: Mapping[str, Any],
) -> None:
    """Write ``cohort.tsv``, the cohort's HTML page, and those of MultiQC's four files that a path is given for.

    ``complete`` gets a line that says so; the list of failed samples of an earlier run, beside it, is taken away.

    Raises
    ------
    InputError
        If an input is missing, damaged, of another version, or a sample stands twice.
    """
    records = [read_call(path) for path in calls]
    names = [record["sample"] for record in records]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"sample {name} has {names.count(name)} calls; give each sample's calls JSON once")
    later = {record["progression"]: record for record in map(read_json, comparisons or ())}
    records = [record | {"comparison": later.get(record["sample"])} for record in records]
    rows = [row(record) for record in records]
    write_text(output, table(rows))
    for path, content in (
        (mqc, multiqc.calls(rows)),
        (mqc_general, multiqc.general(rows)),
        (mqc_quality, multiqc.quality(records)),
        (mqc_versions, multiqc.versions(records)),
    ):
        if path is not None:
            write_text(path, content)
    levels = [tables.read_seg(path) for path in seg or ()]
    write_text(page, cohort_page(records, levels=levels))
    if complete is not None:
        complete.with_name(Path(failures.LIST).name).unlink(missing_ok=True)
        write_text(complete, f"{len(rows)} of {len(rows)} samples have their result\n")
