"""Targets of an assay from a BED, as vendors write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from metcn.errors import InputError
from metcn.genome import build as genomes
from metcn.io import coverage_formats, table_kinds
from metcn.io.delimited import Column, check_intervals, parse_column, read_text

REMEDY = "correct the BED or ask its vendor for another"
POSITION = Column("integer", low=0, high=(1 << 31) - 1)  # as far as BAM can count
PASSED_OVER = ("#", "track", "browser")
WORD = re.compile(r"[A-Za-z_ ]+")


def read_targets(path: str | Path, genome: genomes.Genome) -> tuple[pd.DataFrame, list[str]]:
    """Targets of a BED file in genome order, and a note for each kind of row that was passed over.

    Comment, ``track``, ``browser`` and header lines are passed over; a target listed twice is kept once. BED allows
    intervals of length 0, which hold no base to measure: they are passed over with a note. Rows may have names or not,
    and more fields than others; bytes that are not UTF-8 stand in names alone.

    Returns
    -------
    frame : DataFrame
        chromosome, start, end, gene (the name as given, ``-`` if none).
    notes : list of str

    Raises
    ------
    InputError
        If the file is no BED or an interval is reversed.
    """
    text = read_text(path)
    rows = list(_rows(text))
    if not rows or len(rows[0][1]) < 3:
        raise InputError(
            f"expected BED (chromosome, start, end, separated by tabs), {path} begins with {table_kinds.shown(text)}; "
            "give a BED"
        )
    notes = []
    if len(rows) > 1 and all(WORD.fullmatch(cell) for cell in rows[0][1][1:3]):
        notes.append(f"line {rows[0][0]} of {path} is a header, not a target")
        rows = rows[1:]
    frame = _typed(rows, path)
    empty = frame["start"] == frame["end"]
    if empty.any():
        notes.append(f"{int(empty.sum())} of {len(frame)} intervals of {path} have no length and are left out")
        frame = frame[~empty]
    if frame.empty:
        raise InputError(f"{path} has no interval with a length; {REMEDY}")
    check_intervals(frame, path, REMEDY, ordered=False)
    ordered = coverage_formats.genome_order(frame, genome)
    coverage_formats.one_style(ordered["chromosome"], str(path))
    return ordered, notes


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line that is neither blank nor a comment."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith(PASSED_OVER):
            yield number, [cell.strip() for cell in line.split("\t")]


def _typed(rows: list[tuple[int, list[str]]], path: str | Path) -> pd.DataFrame:
    """Chromosome, start, end and name of rows, by line number, each interval once."""
    cells = pd.DataFrame(
        [(row + ["", "", ""])[:3] + [(row[3:4] or [""])[0]] for _, row in rows],
        index=[number for number, _ in rows],
        columns=["chromosome", "start", "end", "gene"],
        dtype=str,
    )
    cells = cells[~cells.duplicated(["chromosome", "start", "end"])]
    return pd.DataFrame(
        {
            "chromosome": parse_column(cells["chromosome"], "chromosome", Column("text"), path, REMEDY),
            "start": parse_column(cells["start"], "start", POSITION, path, REMEDY),
            "end": parse_column(cells["end"], "end", POSITION, path, REMEDY),
            "gene": cells["gene"].where(~cells["gene"].isin(["", "."]), "-"),
        }
    )
