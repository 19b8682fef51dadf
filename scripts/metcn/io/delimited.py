"""Delimited text in: decoded, split, typed and checked, with every complaint naming file, line and column; and out.

Both our own tables (:mod:`metcn.io.tables`) and others' (:mod:`metcn.io.coverage_formats`) are read through here.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metcn.errors import InputError
from metcn.io import decompress

REMAKE = "run the stage that makes it again"


NO_VALUE = frozenset("na n/a nan -nan <na> null none nil . - #n/a #na #div/0! #num! #value! #null!".split())
"""How programs and spreadsheets write a missing number, in lower case."""

INFINITE = frozenset("inf +inf -inf infinity +infinity -infinity".split())
"""How programs write a number divided by zero, or the logarithm of zero, in lower case."""

NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
"""Bytes that no text table has in any encoding of a byte per letter."""

PASSED_OVER = re.compile(r"^(?:[#@].*|(?:track|browser)(?:[ \t=].*)?|[ \t]+)$", re.MULTILINE)
"""Lines of a table that hold no row: comments, SAM headers, display settings, blanks."""


class Column(NamedTuple):
    """What one column may hold. Bounds are inclusive; ``optional`` means that a cell may be empty.

    ``words`` are what counts as an empty cell beside one that holds nothing, in lower case.
    """

    type: str = "float"  # "text", "integer" or "float"
    optional: bool = False
    low: float = -np.inf
    high: float = np.inf
    choices: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()


def sampled(path: str | Path, whole: Sequence[str], *, most: int) -> io.BytesIO:
    """A table with every row of one contig and, where it is long, about ``most`` of the others, evenly spread.

    Rows are not looked at: of a table of millions that is to be drawn, splitting them is most of the work.

    Parameters
    ----------
    path : plain text with a header, the contig's name first in a row.
    whole : names that the contig may have; the first that is found counts.
    most : rows that are wanted; of a table with less than twice as many, all are kept.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    text = Path(path).read_bytes()
    if text.count(b"\n") < 2 * most:
        return io.BytesIO(text)
    head, end, stride = text.find(b"\n") + 1, len(text), len(text) // most
    first, last = next((found for name in whole if (found := _stretch(text, name))), (end, end))
    parts = [text[:head], *_spread(text, head, first, stride), text[first:last], *_spread(text, last, end, stride)]
    return io.BytesIO(b"".join(parts))


def _spread(text: bytes, start: int, stop: int, stride: int) -> Iterator[bytes]:
    """The first row that begins in each ``stride`` bytes of a part of the text; the part begins and ends with a row."""
    for at in range(start, stop, stride):
        begin = text.find(b"\n", at - 1, stop) + 1
        end = text.find(b"\n", begin, stop) + 1
        if 0 < begin < min(at + stride, stop):
            yield text[begin : end or stop]


def _stretch(text: bytes, name: str) -> tuple[int, int] | None:
    """From the first row of a contig to the end of its last; None without one."""
    mark = f"\n{name}\t".encode()
    first = text.find(mark)
    if first < 0:
        return None
    end = text.find(b"\n", text.rfind(mark) + 1)
    return first + 1, len(text) if end < 0 else end + 1


def read_text(path: str | Path) -> str:
    """Text of a file, gzip-compressed or not (told by content), with Unix line ends and no byte-order mark.

    The text is UTF-8, UTF-16 with a byte-order mark, or, as names with accents from older programs, Windows' Latin-1.

    Raises
    ------
    InputError
        If the file is missing, empty, cut short or not text.
    """
    try:
        raw = Path(path).read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = decompress.gunzip(raw)
    except decompress.TooMuch as error:
        raise InputError(f"{path} is no table ({error}); give the table it was made from") from error
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path} is a damaged or truncated gzip file ({error}); copy or make it again") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path and its permissions") from error
    text = _decoded(raw, path)
    if "\0" in text:
        raise InputError(f"expected a text table, found binary data in {path}; give a table")
    if not text.strip():
        raise InputError(f"{path} is empty; {REMAKE}")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _decoded(raw: bytes, path: str | Path) -> str:
    """The bytes of a file as text.

    Raises
    ------
    InputError
        If they are none.
    """
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        if wide or NO_TEXT.search(raw):
            raise InputError(
                f"expected a text table, found binary data at byte {error.start} of {path}; give a table"
            ) from error
        return raw.decode("cp1252", errors="replace")


def without_comments(text: str) -> str:
    """The text with an empty line for each that holds no row (:data:`PASSED_OVER`): line numbers stay."""
    return PASSED_OVER.sub("", text)


def text_frame(text: str, path: str | Path, *, names: Sequence[str] | None = None, skip: int = 0) -> pd.DataFrame:
    """Frame of strings from tab-separated ``text``; its index is each row's 1-based line number.

    ``skip`` lines are passed over, and empty ones after them; the next one is the header unless ``names`` are given.
    Blank lines are left out, as are nameless columns without content; quotation marks around a cell are taken off.

    Raises
    ------
    InputError
        If a row has more fields than the header or a column name repeats.
    """
    skip += _blank_lines(text, skip)
    cells = _cells_of(text, path, skip, None if names is None else len(names))
    cells.index = pd.RangeIndex(skip + 1, skip + 1 + len(cells))
    if '"' in text:
        cells = cells.apply(_unquoted)
    if names is None and len(cells):
        names, cells = [str(cell).strip() for cell in cells.iloc[0]], cells.iloc[1:]
    names = list(names or [])
    blank = [place for place, name in enumerate(names) if name == "" and (cells.iloc[:, place].str.strip() == "").all()]
    kept = [place for place in range(len(names)) if place not in blank]
    names, cells = [names[place] for place in kept], cells.iloc[:, kept]
    if len(set(names)) < len(names):
        raise InputError(f"{path} line {skip + 1} repeats a column name; name each column once")
    cells.columns = pd.Index(names)
    return cells[(cells != "").any(axis=1)]


def _blank_lines(text: str, skip: int) -> int:
    """Number of lines without content that follow the first ``skip``."""
    start = 0
    for _ in range(skip):
        start = text.find("\n", start) + 1
    blank = re.compile(r"(?:[ \t]*\n)*").match(text, start)
    return text.count("\n", start, blank.end()) if blank else 0


def _cells_of(text: str, path: str | Path, skip: int, width: int | None) -> pd.DataFrame:
    """Every cell after ``skip`` lines; a row with fewer fields than ``width`` (else: than the first row) ends empty.

    Raises
    ------
    InputError
        Naming the first row with more fields, empty ones at its end aside.
    """
    try:
        frame = pd.read_csv(
            io.StringIO(text), sep="\t", header=None, dtype=str, keep_default_na=False, na_filter=False,
            skiprows=skip, skip_blank_lines=False, quoting=3,
        )  # fmt: skip
    except pd.errors.EmptyDataError:
        return pd.DataFrame(index=[], columns=range(width or 0), dtype=str)
    except pd.errors.ParserError:
        pass
    else:
        if width in (None, frame.shape[1]):
            # A missing trailing field arrives as NaN even without NA detection; as text it is empty like any other.
            return frame.fillna("")
    rows = [line.rstrip("\t ").split("\t") for line in text.split("\n")[skip:]]
    rows = rows[:-1] if rows and rows[-1] == [""] else rows
    width = width or len(rows[0])
    for number, row in enumerate(rows, skip + 1):
        if len(row) > width:
            raise InputError(
                f"{path} is not a regular tab-separated table (line {number} has {len(row)} fields, not {width}); "
                "give every row the same fields"
            )
    return pd.DataFrame([row + [""] * (width - len(row)) for row in rows], columns=range(width), dtype=str)


def _unquoted(cells: pd.Series) -> pd.Series:
    """Cells without the quotation marks around them."""
    return cells.str.replace(r'^\s*"([^"]*)"\s*$', r"\1", regex=True)


def tab_separated(table: pd.DataFrame) -> str:
    """The table as text with a header, six significant digits, and an empty cell for what is missing."""
    text: str = table.to_csv(sep="\t", index=False, lineterminator="\n", float_format="%.6g")
    return text


def refuse_rows(bad: Any, path: str | Path, column: str, values: Any, expected: str, remedy: str) -> None:
    """Raise for the first row where ``bad``; ``values`` is a series whose index holds 1-based line numbers.

    Raises
    ------
    InputError
        Naming file, line, column, what was expected and found, and what to do.
    """
    rows = np.flatnonzero(np.asarray(bad))
    if len(rows) == 0:
        return
    line, value = values.index[rows[0]], values.iloc[rows[0]]
    value = value if isinstance(value, str) else value.item()
    more = f" ({len(rows)} such rows)" if len(rows) > 1 else ""
    raise InputError(f"{path} line {line}, column {column}: expected {expected}, found {value!r}{more}; {remedy}")


def parse_column(cells: pd.Series, name: str, column: Column, path: str | Path, remedy: str = REMAKE) -> pd.Series:
    """``cells`` (text) as the type that ``column`` asks for; an empty optional number becomes NaN (or <NA>).

    Raises
    ------
    InputError
        For an empty cell that is not optional, a wrong type, an infinity, or a value out of bounds.
    """
    cells = cells.str.strip()
    if column.words:
        cells = cells.where(~cells.str.lower().isin(column.words), "")
    empty = cells == ""
    if not column.optional:
        refuse_rows(empty, path, name, cells, "a value", remedy)
    if column.type == "text":
        if column.choices:
            refuse_rows(~cells.isin(column.choices), path, name, cells, f"one of {', '.join(column.choices)}", remedy)
        return cells
    numbers = pd.to_numeric(cells.where(~empty, "nan"), errors="coerce").astype(float)
    refuse_rows(~np.isfinite(numbers) & ~empty, path, name, cells, "a finite number", remedy)
    if np.isfinite(column.low) or np.isfinite(column.high):
        outside = (numbers < column.low) | (numbers > column.high)
        refuse_rows(outside, path, name, cells, _bounds(column), remedy)
    if column.type == "integer":
        refuse_rows((numbers % 1 != 0) & numbers.notna(), path, name, cells, "a whole number", remedy)
        return numbers.astype("Int64") if column.optional else numbers.astype(np.int64)
    return numbers


def _bounds(column: Column) -> str:
    return f"a number of at least {column.low:g}" + (
        f" and at most {column.high:.10g}" if np.isfinite(column.high) else ""
    )


def check_intervals(frame: pd.DataFrame, path: str | Path, remedy: str = REMAKE, *, ordered: bool = True) -> None:
    """Nothing, if every row has ``start < end``, no row repeats and (when ``ordered``) rows are in genome order.

    Raises
    ------
    InputError
        For the first row that breaks a rule; the frame's index holds line numbers.
    """
    if ordered and _in_order(frame):
        return
    refuse_rows(frame["start"] >= frame["end"], path, "end", frame["end"], "an end above the start", remedy)
    repeated = frame.duplicated(["chromosome", "start", "end"])
    if repeated.any():
        place = frame["chromosome"] + ":" + frame["start"].astype(str) + "-" + frame["end"].astype(str)
        refuse_rows(repeated, path, "start", place, "each interval once", remedy)
    if not ordered:
        return
    new_block = frame["chromosome"] != frame["chromosome"].shift()
    returns = new_block & frame["chromosome"].duplicated()
    refuse_rows(returns, path, "chromosome", frame["chromosome"], "each chromosome's rows in one block", remedy)
    back = ~new_block & (frame["start"] < frame["start"].shift())
    refuse_rows(back, path, "start", frame["start"], "rows sorted by start", remedy)


def _in_order(frame: pd.DataFrame) -> bool:
    """Whether intervals begin one after the other, chromosome by chromosome: then none can repeat."""
    start, end, name = (np.asarray(frame[column]) for column in ("start", "end", "chromosome"))
    opens = np.flatnonzero(np.r_[True, name[1:] != name[:-1]]) if len(name) else np.array([], dtype=np.intp)
    rises = start[1:] > start[:-1]
    rises[opens[1:] - 1] = True
    return bool((start < end).all() and rises.all()) and len(set(name[opens])) == len(opens)
