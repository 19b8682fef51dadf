"""Samples of a run: samples.tsv read tolerantly and checked strictly, all problems reported at once."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from metcn.errors import InputError
from metcn.run.keywords import did_you_mean, shown
from metcn.run.samples import INPUTS, SHEET_COLUMNS, Sample
from metcn.run.sheet_checks import Row, paths, row_problems, sheet_problems

FROM_SHEET = "@"
"""Begins a path that stands for the patient whom that sheet names: command lines are logged, and seen by others."""


def read(path: str | Path, *, calling: bool = True) -> list[Sample]:
    """Samples of a sheet in its order.

    Windows line ends, a byte order mark, quotation marks, empty lines, empty columns at the end and lines starting with
    ``#`` are accepted. A sheet that is not for ``calling`` needs no tumour.

    Raises
    ------
    InputError
        One line per problem, each with row, sample, column, the value and what to do.
    """
    path = Path(path)
    rows, base = _rows(path), path.parent.resolve()
    problems = [problem for row in rows for problem in row_problems(row, base)]
    samples = [_sample(row.cells, base) for row in rows]
    problems += sheet_problems(rows, samples, calling=calling)
    if problems:
        raise InputError("\n".join(problems))
    return samples


def patient_of(path: str | Path, sample: str) -> str:
    """The patient of a sample by the sheet, empty if it names none; the rest of the sheet is not checked.

    Raises
    ------
    InputError
        If the sheet cannot be read or has no such sample.
    """
    for row in _rows(Path(path)):
        if row.cells["sample"] == sample:
            return row.cells["patient"]
    raise InputError(
        f"{path}: expected a row of sample {sample}, found none; give the sheet that the run was made with"
    )


def one(cells: Mapping[str, str], base: Path, source: str) -> Sample:
    """One sample given by its cells rather than in a sheet; absent cells are empty.

    Raises
    ------
    InputError
        One line per problem.
    """
    row = Row(source, 0, dict.fromkeys(SHEET_COLUMNS, "") | dict(cells))
    problems = list(row_problems(row, base))
    if problems:
        raise InputError("\n".join(problems))
    return _sample(row.cells, base)


def _text(path: Path) -> str:
    """The sheet as text, without byte order mark."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the path of a sample sheet") from error
    remedy = "save it as tab-separated UTF-8 text"
    if raw.startswith(b"PK"):
        raise InputError(f"{path}: expected tab-separated text, found a spreadsheet; {remedy}")
    try:
        return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8 text, found other bytes at {error.start}; {remedy}") from error


def _rows(path: Path) -> list[Row]:
    """Rows of the sheet with every known column present; problems of its form are raised here."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), delimiter="\t")
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise InputError(
            f"{path}: row {reader.line_num}: not tab-separated text ({error}); correct this row"
        ) from error
    lines = [(number, cells) for number, cells in lines if any(cells) and not cells[0].startswith("#")]
    if not lines:
        raise InputError(f"{path}: expected a header and a row per sample, found nothing; see config/README.md")
    header = lines[0][1]
    while header[-1] == "":  # columns that a spreadsheet left behind
        header = header[:-1]
    problems = list(_header_problems(path, header))
    rows = []
    for number, cells in lines[1:]:
        if any(cells[len(header) :]):
            found = f"expected {len(header)} cells as in the header, received {len(cells)}"
            problems.append(f"{path}: row {number}: {found}; remove the extra tabs")
        padded = cells + [""] * len(header)
        rows.append(Row(str(path), number, dict.fromkeys(SHEET_COLUMNS, "") | dict(zip(header, padded, strict=False))))
    if problems:
        raise InputError("\n".join(problems))
    if not rows:
        raise InputError(f"{path}: expected a row per sample, found only the header; add the samples")
    return rows


def _header_problems(path: Path, header: list[str]) -> Iterator[str]:
    """Problems of the column names."""
    separators = {",": "commas", ";": "semicolons", " ": "spaces"}
    for sign, word in separators.items():
        if len(header) == 1 and "sample" in header[0].split(sign) and header[0] != "sample":
            yield f"{path}: expected columns separated by tabs, found {word}; save the sheet as tab-separated text"
            return
    for column, times in Counter(header).items():
        if column not in SHEET_COLUMNS:
            yield f"{path}: expected known columns, received {shown(column)}; {did_you_mean(column, SHEET_COLUMNS)}"
        elif times > 1:
            yield f"{path}: expected each column once, received {column} {times} times; remove one"
    for column in ("sample", "role"):
        if column not in header:
            yield f"{path}: expected a column {column}, found {', '.join(header)}; add it"
    if not set(INPUTS) & set(header):
        yield f"{path}: expected one of the columns {', '.join(INPUTS)}, found {', '.join(header)}; add one"


def _sample(cells: dict[str, str], base: Path) -> Sample:
    """The row as a sample; only meaningful if the row has no problem."""
    alone = {column: next(iter(paths(cells, column, base)), None) for column in ("alignments", "ratios", "variants")}
    return Sample(
        name=cells["sample"],
        role=cells["role"],
        alignments=alone["alignments"],
        coverage=tuple(paths(cells, "coverage", base)),
        ratios=alone["ratios"],
        specimen=cells["specimen"] or "tissue",
        purity="".join(cells["purity"].split()),
        purity_error=cells["purity_error"].strip(),
        ploidy="".join(cells["ploidy"].split()),
        patient=cells["patient"],
        timepoint=cells["timepoint"],
        prior_tki=cells["prior_tki"],
        matched_normal=cells["matched_normal"],
        variants=alone["variants"],
    )
