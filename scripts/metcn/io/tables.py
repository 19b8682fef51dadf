"""Our own tables on disk: bins, counts, ratios and segments, checked when read and byte-identical when rewritten.

Every table is tab-separated text with a header, 0-based half-open coordinates and an empty cell for a missing number.
Counts (``.cnn``), ratios (``.cnr``) and segments (``.cns``) keep CNVkit's leading columns, so its tools read them too.
A frame with the columns named in :mod:`metcn.vocabulary` is the only currency; other modules never parse text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.errors import InputError
from metcn.files import writing
from metcn.io.delimited import REMAKE, Column, check_intervals, parse_column, read_text, sampled, text_frame
from metcn.vocabulary import ALLELE_COLUMNS, BIN_COLUMNS, COUNT_COLUMNS, KINDS, MASKS, RATIO_COLUMNS, ROLES

SEGMENT_COLUMNS = ("chromosome", "start", "end", "gene", "log2", "depth", "probes", "weight", "se")
DRAWN_COLUMNS = ("chromosome", "start", "end", "log2", "kind", "role")
# CNVkit takes the mean of every column beyond its own, so words stand in a .cnr as their place in a closed list.
CODED = {"kind": KINDS, "role": ROLES, "mask": MASKS}
FLOAT_FORMAT = "%.6g"
MOST_DRAWN = 100_000  # bins beyond chromosome 7 that are drawn of a genome
WRITTEN_ROWS = 1 << 16  # at a time: as text a genome takes ten times the memory


POSITION, SHARE, AMOUNT = (
    Column("integer", low=0, high=(1 << 31) - 1),
    Column(optional=True, low=0, high=1),
    Column(optional=True, low=0),
)
SPECIFICATIONS: dict[str, Column] = {
    "chromosome": Column("text"),
    "start": POSITION,
    "end": POSITION,
    "gene": Column("text"),
    "kind": Column("text", choices=KINDS),
    "role": Column("text", choices=ROLES),
    "mask": Column("text", optional=True),
    "gc": SHARE,
    "mappability": SHARE,
    **{f"{name}_code": Column("integer", low=0, high=len(words) - 1) for name, words in CODED.items()},
    "log2": Column(optional=True),
    "depth": AMOUNT,
    "count": Column("integer", optional=True, low=0, high=1 << 53),
    "weight": AMOUNT,
    "spread": AMOUNT,
    "expected": AMOUNT,
    "se": AMOUNT,
    "probes": Column("integer", optional=True, low=0, high=1 << 53),
    **dict.fromkeys(("ref", "alt"), Column("text", choices=("A", "C", "G", "T"))),
    **dict.fromkeys(("ref_reads", "alt_reads", "other_reads"), Column("integer", low=0, high=1 << 53)),
    "ref_known": Column("integer", low=0, high=1),
}


def _read(path: str | Path, columns: Sequence[str], *, may_be_empty: bool = False) -> pd.DataFrame:
    """Checked frame of ``columns``; further columns of the file are left out."""
    text = read_text(path)
    frame = _read_good(text, columns)
    return _read_any(text, path, columns, may_be_empty=may_be_empty) if frame is None else frame


def _read_good(text: str, columns: Sequence[str]) -> pd.DataFrame | None:
    """The table, parsed straight into its types, if there is nothing to complain about; else None.

    Genomes have millions of bins: this is several times faster than :func:`_read_any`, which can say what is wrong.
    """
    header = text.split("\n", 1)[0].rstrip("\r").split("\t")
    if len(set(header)) < len(header):
        return None
    wanted = {name: SPECIFICATIONS[name] for name in columns}
    types = {name: _stored_type(wanted[name]) if name in wanted else str for name in header}
    try:
        frame = _parsed(text, types, [name for name, column in wanted.items() if column.type != "text"])
        if not isinstance(
            frame.index, pd.RangeIndex
        ):  # rows longer than the header: pandas takes the excess for an index
            return None
        frame = frame[list(columns)]
        check_intervals(frame, "")
    except (ValueError, KeyError, InputError):
        return None
    return frame if len(frame) and all(_fits(frame[name], column) for name, column in wanted.items()) else None


def _parsed(text: str, types: dict[str, Any], numbers: Sequence[str], **choice: Any) -> pd.DataFrame:
    """The table as ``types`` say, an empty cell of ``numbers`` being a missing one; a ValueError if it has others."""
    with np.errstate(invalid="ignore"):  # an infinity where a whole number belongs is an error later, not a warning
        return pd.read_csv(
            io.StringIO(text), sep="\t", quoting=csv.QUOTE_NONE, dtype=types, keep_default_na=False,
            na_values={name: [""] for name in numbers}, **choice,
        )  # fmt: skip


def _stored_type(column: Column) -> Any:
    """Type of a column in a frame; only the nullable integer can hold a missing count."""
    if column.type == "integer":
        return "Int64" if column.optional else np.int64
    return str if column.type == "text" else np.float64


def _fits(values: pd.Series, column: Column) -> bool:
    """Whether every value is one that ``column`` allows."""
    if column.type == "text":
        values = pd.Series(values.unique())
        padded = (values != values.str.strip()).any()
        return (
            not padded
            and (column.optional or "" not in set(values))
            and (not column.choices or set(values) <= set(column.choices))
        )
    known = values.dropna()
    finite = np.isfinite(known.to_numpy(float)).all()
    return bool(
        finite
        and ((known >= column.low) & (known <= column.high)).all()
        and (column.optional or len(known) == len(values))
    )


def _read_any(text: str, path: str | Path, columns: Sequence[str], *, may_be_empty: bool) -> pd.DataFrame:
    """The same table, cell by cell, raising for the first fault with its line."""
    raw = text_frame(text, path)
    absent = [name for name in columns if name not in raw.columns]
    if absent:
        raise InputError(f"{path} lacks column {absent[0]}; found {', '.join(raw.columns)}; {REMAKE}")
    if raw.empty and not may_be_empty:
        raise InputError(f"{path} has a header but no rows; {REMAKE}")
    frame = pd.DataFrame({name: parse_column(raw[name], name, SPECIFICATIONS[name], path) for name in columns})
    check_intervals(frame, path)
    return frame.reset_index(drop=True)


def _write(path: str | Path, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Write ``columns`` of ``frame``; a column it lacks is an error of ours, hence a KeyError."""
    table = frame[list(columns)].copy()
    for name in columns:
        if SPECIFICATIONS[name].type == "integer":
            table[name] = table[name].astype("Int64")
    _write_text(path, table)


def _write_text(path: str | Path, table: pd.DataFrame) -> None:
    """Write ``table`` with fixed number formats, so that the same numbers always give the same bytes."""
    with writing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as handle:
        handle.write("\t".join(table.columns) + "\n")
        for begin in range(0, len(table), WRITTEN_ROWS):
            cells = [_cells(table[name].iloc[begin : begin + WRITTEN_ROWS]) for name in table.columns]
            handle.writelines(f"{line}\n" for line in map("\t".join, zip(*cells, strict=True)))


def _cells(values: pd.Series) -> list[str]:
    """Text of every value, "" where it is missing; for millions of them several times faster than ``to_csv``."""
    if values.dtype.kind == "f":
        text = list(map(FLOAT_FORMAT.__mod__, values.tolist()))
    else:
        text = list(map(str, values.tolist()))
    for row in np.flatnonzero(values.isna()):
        text[row] = ""
    return text


def read_bins(path: str | Path) -> pd.DataFrame:
    """Bins, one row each in genome order (columns ``BIN_COLUMNS``; unknown gc and mappability NaN, no mask "")."""
    return _read(path, BIN_COLUMNS)


def write_bins(path: str | Path, frame: pd.DataFrame) -> None:
    """Write bins as ``bins.tsv``."""
    _write(path, frame, BIN_COLUMNS)


def read_counts(path: str | Path) -> pd.DataFrame:
    """Depth per bin of one sample (columns ``COUNT_COLUMNS``); NaN depth where the input lacks the bin's contig."""
    return _read(path, COUNT_COLUMNS)


def read_depth(path: str | Path, bins: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Depth and fragments per bin of one sample, NaN where missing; the rows of its counts must be those of ``bins``.

    A panel is made of hundreds of such tables, so only the columns that matter here are parsed; where anything about
    them is odd, `read_counts` says what.

    Raises
    ------
    InputError
        If the table is malformed or has other rows.
    """
    text = read_text(path)
    header, lines = text.split("\n", 1)[0].split("\t"), text.count("\n") + (not text.endswith("\n"))
    numbers = {"depth": np.float64, "count": "Int64"}
    types: dict[str, Any] = {"chromosome": str, "start": np.int64, "end": np.int64, **numbers}
    regular = len(set(header)) == len(header) and text.count("\t") == lines * (len(header) - 1)
    if regular and types.keys() <= set(header):
        try:
            table = _parsed(text, {**dict.fromkeys(header, str), **types}, list(numbers), usecols=list(types))
        except ValueError:
            table = None
        if table is not None and _same_rows(table, bins) and all(_fits(table[n], SPECIFICATIONS[n]) for n in numbers):
            return table["depth"].to_numpy(float), table["count"].to_numpy(float, na_value=np.nan)
    table = read_counts(path)
    if not _same_rows(table, bins):
        raise InputError(f"{path}: its rows are not those of the bins in use; count this sample again with those bins")
    return table["depth"].to_numpy(float), table["count"].to_numpy(float, na_value=np.nan)


def _same_rows(table: pd.DataFrame, bins: pd.DataFrame) -> bool:
    """Whether two tables have the same intervals in the same order."""
    if len(table) != len(bins):
        return False
    return all(
        np.array_equal(np.asarray(table[name]), np.asarray(bins[name])) for name in ("start", "end", "chromosome")
    )


def write_counts(path: str | Path, frame: pd.DataFrame) -> None:
    """Write one sample's depth as CNVkit-readable ``.cnn``."""
    _write(path, frame, COUNT_COLUMNS)


def read_alleles(path: str | Path) -> pd.DataFrame:
    """Reads of either allele at common SNPs (columns ``ALLELE_COLUMNS``); none where none were to be counted."""
    return _read(path, ALLELE_COLUMNS, may_be_empty=True)


def write_alleles(path: str | Path, frame: pd.DataFrame) -> None:
    """Write one sample's reads of either allele."""
    _write(path, frame, ALLELE_COLUMNS)


def read_ratios(path: str | Path) -> pd.DataFrame:
    """Log2 ratio per bin of one sample (columns ``RATIO_COLUMNS``); masked bins have log2 NaN."""
    frame = _read(path, [_on_disk(name) for name in RATIO_COLUMNS])
    for name, words in CODED.items():
        frame[_on_disk(name)] = np.array(words, dtype=object)[frame[_on_disk(name)].to_numpy()]
    return frame.set_axis(list(RATIO_COLUMNS), axis="columns")


def _on_disk(name: str) -> str:
    """What a column of the ratios is called in its file."""
    return f"{name}_code" if name in CODED else name


def read_drawn(path: str | Path) -> pd.DataFrame:
    """The columns of a sample's ratios that figures need (``DRAWN_COLUMNS``), names as categories.

    A genome has millions of bins and a page shows thousands: what the stage before has written is read without the
    checks of `read_ratios`, which is asked only where this cannot be parsed, and of the bins beyond chromosome 7
    only some ``MOST_DRAWN`` where they are far more.
    """
    types: dict[str, Any] = {"chromosome": "category", "start": np.int64, "end": np.int64, "log2": np.float64}
    types |= {"kind_code": np.int64, "role_code": np.int64}
    try:
        rows = sampled(path, ("chr7", "7"), most=MOST_DRAWN)
        frame = pd.read_csv(rows, sep="\t", usecols=list(types), dtype=types, quoting=csv.QUOTE_NONE)
        for name in ("kind", "role"):
            words = pd.CategoricalDtype(list(CODED[name]))
            frame[name] = pd.Categorical.from_codes(frame[f"{name}_code"].to_numpy(), dtype=words)
    except (ValueError, OSError):
        return read_ratios(path)[list(DRAWN_COLUMNS)]
    complete = len(frame) and not frame[["chromosome", "kind", "role"]].isna().any(axis=None)
    return frame[list(DRAWN_COLUMNS)] if complete else read_ratios(path)[list(DRAWN_COLUMNS)]


def write_ratios(path: str | Path, frame: pd.DataFrame) -> None:
    """Write one sample's ratios as CNVkit-readable ``.cnr``."""
    known = frame["mask"].isin(MASKS)
    coded = frame.assign(mask=frame["mask"].where(known, "other"))
    for name, words in CODED.items():
        coded[_on_disk(name)] = coded[name].map({word: place for place, word in enumerate(words)})
    _write(path, coded, [_on_disk(name) for name in RATIO_COLUMNS])


def read_segments(path: str | Path) -> pd.DataFrame:
    """Segments of one sample (columns ``SEGMENT_COLUMNS``); none where no bin of the sample is usable."""
    return _read(path, SEGMENT_COLUMNS, may_be_empty=True)


def write_segments(path: str | Path, frame: pd.DataFrame) -> None:
    """Write one sample's segments as CNVkit-readable ``.cns``."""
    _write(path, frame, SEGMENT_COLUMNS)


def write_seg(path: str | Path, sample: str, frame: pd.DataFrame) -> None:
    """Write segments as IGV's ``.seg``, whose starts are 1-based and which cannot hold a missing level."""
    known = frame[frame["log2"].notna()]
    table = pd.DataFrame(
        {
            "ID": sample,
            "chrom": known["chromosome"],
            "loc.start": known["start"] + 1,
            "loc.end": known["end"],
            "num.mark": known["probes"],
            "seg.mean": known["log2"],
        }
    )
    _write_text(path, table)


def read_seg(path: str | Path) -> pd.DataFrame:
    """Segments of a ``.seg`` file (columns ``ID chrom loc.start loc.end seg.mean``), 1-based starts as they stand."""
    raw = text_frame(read_text(path), path)
    wanted = {name: Column("text") for name in ("ID", "chrom")}
    wanted |= {name: Column("integer", low=1) for name in ("loc.start", "loc.end")} | {"seg.mean": Column()}
    absent = [name for name in wanted if name not in raw.columns]
    if absent:
        raise InputError(f"{path} lacks column {absent[0]}; found {', '.join(raw.columns)}; {REMAKE}")
    return pd.DataFrame({name: parse_column(raw[name], name, column, path) for name, column in wanted.items()})
