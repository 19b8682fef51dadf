"""Shares along the genome in: GC content or mappability as wig, bedGraph or BED, told apart by what they contain.

=============  ===========================================================  ===========
what           lines                                                        coordinates
=============  ===========================================================  ===========
wig            ``fixedStep chrom= start= step= [span=]``, then values       1-based
wig            ``variableStep chrom= [span=]``, then position and value     1-based
bedGraph       chromosome, start, end, value                                0-based
BED            chromosome, start, end, name, value                          0-based
=============  ===========================================================  ===========

Lines that begin with ``track``, ``browser`` or ``#`` are passed over, as are a line of column names and rows without
a base. An unknown share is written as -1, NA or NaN.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd

from metcn.errors import InputError
from metcn.io.delimited import INFINITE, NO_VALUE, Column, parse_column, read_text, refuse_rows, without_comments

REMEDY = "correct the file or make it again"
NAMES = re.compile(r"(chrom|chr|chromosome|contig)\s+(start|chromstart)\b", re.IGNORECASE)
DECLARATIONS = ("fixedStep", "variableStep")
POSITION = Column("integer", low=0, high=(1 << 31) - 1)
VALUE = Column(optional=True, low=-1, high=1, words=NO_VALUE | INFINITE)  # -1 is how makers of such files write unknown


def read(path: str | Path) -> pd.DataFrame:
    """Rows of a file in its order: chromosome, start, end (0-based half-open), value; a negative value becomes NaN.

    The index holds line numbers.

    Raises
    ------
    InputError
        If the file is of another format, or a value is no share between 0 and 1.
    """
    lines = pd.Series(without_comments(read_text(path)).split("\n"), dtype="str")
    lines.index += 1
    lines = lines.str.strip()
    if any('"' in line for line in lines):
        lines = lines.str.replace('"', "")
    lines = lines[lines != ""]
    if len(lines) and NAMES.match(lines.iloc[0]):
        lines = lines.iloc[1:]
    if lines.empty:
        raise InputError(f"{path} has no value; {REMEDY}")
    raw = _wig(lines, path) if lines.iloc[0].startswith(DECLARATIONS) else _bed(lines, path)
    frame = pd.DataFrame({"chromosome": parse_column(raw["chromosome"], "chromosome", Column("text"), path, REMEDY)})
    for name in ("start", "end"):
        frame[name] = parse_column(raw[name], name, POSITION, path, REMEDY)
    refuse_rows(frame["start"] > frame["end"], path, "end", frame["end"], "an end above the start", REMEDY)
    refuse_rows(raw["value"].str.strip() == "", path, "value", raw["value"], "a value", REMEDY)
    value = parse_column(raw["value"], "value", VALUE, path, "give shares between 0 and 1, and -1 where unknown")
    return frame.assign(value=value.where(value >= 0))[frame["start"] < frame["end"]]


def _bed(lines: pd.Series, path: str | Path) -> pd.DataFrame:
    """Cells of a bedGraph or BED as text."""
    separator = "\t" if "\t" in lines.iloc[0] else r"\s+"
    text = io.StringIO("\n".join(lines))
    try:
        cells = pd.read_csv(text, sep=separator, header=None, dtype=str, na_filter=False, quoting=csv.QUOTE_NONE)
    except pd.errors.ParserError as error:
        reason = str(error).strip().rsplit("error: ", 1)[-1]
        raise InputError(f"{path} has rows of different lengths ({reason}); give every row the same fields") from error
    if cells.shape[1] < 4 or not re.fullmatch(r"[-+.0-9eE]+", str(cells.iloc[0, 1]).strip()):
        raise InputError(
            f"expected wig, bedGraph or BED with values, {path} begins with {lines.iloc[0][:60]!r}; give one of these"
        )
    value = 4 if cells.shape[1] > 4 else 3  # BED has a name before its value
    cells = cells[[0, 1, 2, value]].fillna("").set_axis(["chromosome", "start", "end", "value"], axis=1)
    return cells.set_index(lines.index)


def _wig(lines: pd.Series, path: str | Path) -> pd.DataFrame:
    """Cells of a wig as text, each value with the place that the declaration above it gives."""
    declared = lines.str.startswith(DECLARATIONS).to_numpy()
    block = np.cumsum(declared)[~declared] - 1
    rows = lines[~declared]
    if rows.empty:
        raise InputError(f"{path} has no value; {REMEDY}")
    facts = [_declaration(line, number, path) for number, line in lines[declared].items()]
    known = {key: np.array([fact[key] for fact in facts])[block] for key in ("fixed", "start", "step", "span")}
    first = np.searchsorted(block, block)  # where the block of each row begins
    fixed = known["start"] + (np.arange(len(rows)) - first) * known["step"]
    position, value = pd.Series(fixed.astype(str), index=rows.index, dtype="str"), rows
    if not known["fixed"].all():
        listed = pd.Series(~known["fixed"].astype(bool), index=rows.index)
        cells = rows[listed].str.split(n=1, expand=True).reindex(columns=[0, 1], fill_value="").fillna("")
        position[listed], value = cells[0], rows.where(~listed, cells[1].reindex(rows.index))
    start = parse_column(position, "position", Column("integer", low=1, high=POSITION.high), path, REMEDY) - 1
    names = np.array([fact["chromosome"] for fact in facts], dtype=object)[block]
    return pd.DataFrame(
        {"chromosome": names, "start": start.astype(str), "end": (start + known["span"]).astype(str), "value": value}
    )


def _declaration(line: str, number: object, path: str | Path) -> dict[str, int | str]:
    """What a declaration of a wig says."""
    kind, *words = line.split()
    given = dict(word.partition("=")[::2] for word in words)
    fixed = kind == "fixedStep"
    try:
        numbers = {key: int(given.get(key, default)) for key, default in (("start", 0), ("step", 1), ("span", 1))}
        if not given.get("chrom") or min(numbers["step"], numbers["span"]) < 1 or numbers["start"] < fixed:
            raise ValueError
    except ValueError:
        raise InputError(
            f"{path} line {number}: expected chrom=, step= and span= of a wig, found {line[:80]!r}; {REMEDY}"
        ) from None
    return {"chromosome": given["chrom"], "fixed": fixed, **numbers}
