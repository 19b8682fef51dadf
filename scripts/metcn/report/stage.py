"""Stage ``report``: the page of one sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metcn.copies.records import read_call
from metcn.files import read_json, write_text
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.report import sample_page, whatif


def report(
    *,
    call: Path,
    comparison: Path | None,
    ratios: Path,
    segments: Path,
    genome: str,
    own_criteria: Sequence[Path] | None,
    output: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write the HTML page of one sample.

    Raises
    ------
    InputError
        If an input is missing, damaged, or of another version.
    """
    record = read_call(call) | {"comparison": read_json(comparison) if comparison else None}
    page = sample_page.sample_page(
        record,
        tables.read_drawn(ratios),
        tables.read_segments(segments),
        genomes.load(genome),
        title=settings["title"],
        whatif=whatif.of(record, own_criteria or ()),
    )
    write_text(output, page)
