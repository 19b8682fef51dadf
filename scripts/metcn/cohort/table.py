"""The cohort table: a header and a row per sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from metcn.calls.record import cell
from metcn.vocabulary import COHORT_COLUMNS


def table(rows: Sequence[Mapping[str, Any]], columns: Iterable[str] = COHORT_COLUMNS) -> str:
    """Tab-separated text: a header and a line per row."""
    columns = tuple(columns)
    lines = ["\t".join(columns), *("\t".join(cell(name, values[name]) for name in columns) for values in rows)]
    return "\n".join(lines) + "\n"
