"""Which of the accepted tables a file holds, told by its content, and its cells as text in one set of words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from metcn.errors import InputError
from metcn.io import decompress
from metcn.io.delimited import NO_VALUE, read_text, text_frame, without_comments

GATK = ("CONTIG", "START", "END")
REMEDY = "correct the table or make it again"
DRAGEN = ("contig", "start", "stop", "name")
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
ACCEPTED = (
    "CNVkit .cnn or .cnr, mosdepth regions.bed, samtools bedcov, GATK read counts or denoised copy ratios, "
    "DRAGEN target counts"
)
SYNONYMS = {
    **dict.fromkeys(("chromosome", "chrom", "chr", "contig", "seqname", "seqnames"), "chromosome"),
    **dict.fromkeys(("start", "chromstart", "startpos"), "start"),
    **dict.fromkeys(("end", "stop", "chromend", "endpos"), "end"),
    **dict.fromkeys(("gene", "name", "region"), "gene"),
    **dict.fromkeys(("depth", "mean", "meandepth", "mean_depth", "mean_coverage", "meancoverage"), "depth"),
}
"""What tables call their columns, in lower case, and what they are called here."""

BESIDE = ("gene", "strand", "score", "length", "gc", "mappability", "weight", "spread", "index")
"""Columns of a BED with a header that are no sample's depth."""

THRESHOLD = re.compile(r"\d+X")
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
SHOWN = 3
"""Columns and rows that a message names; the others are counted."""


def shown(text: str) -> str:
    """The first two lines, short enough for one line of a message."""
    return " | ".join(repr(line[:60]) for line in text.splitlines()[:2])


def _fields(line: str) -> list[str]:
    """Cells of one line without blanks, quotation marks, the sign of a comment and empty ones at its end."""
    cells = [cell.strip().strip('"').strip() for cell in line.rstrip().split("\t")]
    return [cells[0].lstrip("#").strip(), *cells[1:]]


def _words(fields: Sequence[str]) -> list[str]:
    """Names of columns in our words; those that are not known as they are."""
    return [SYNONYMS.get(name.lower(), name) for name in fields]


def _is_number(text: str) -> bool:
    return re.fullmatch(NUMBER, text) is not None


def _begins_as_row(fields: Sequence[str]) -> bool:
    """Whether a line holds an interval."""
    return len(fields) > 2 and _is_number(fields[1]) and _is_number(fields[2])


def _has_places(words: Sequence[str]) -> bool:
    return {"chromosome", "start", "end"} <= set(words)


def read(path: str | Path) -> tuple[str, pd.DataFrame]:
    """Kind of table (``cnvkit``, ``plain``, ``gatk``, ``dragen``) and its cells as text, columns in CNVkit's words.

    Raises
    ------
    InputError
        If the content is none of the accepted tables, or of several samples.
    """
    if _is_hdf5(path):
        return "gatk", _gatk_hdf5(path)
    given = read_text(path)
    text = without_comments(given)
    first = next((number for number, line in enumerate(text.split("\n")) if line), None)
    lines = given.split("\n")
    fields = _fields(lines[first]) if first is not None else []
    above = _fields(next((line for line in reversed(lines[:first]) if line.startswith("#")), ""))
    if _begins_as_row(fields):
        named = above if len(above) >= len(fields) and _has_places(_words(above)) else None
        return _plain(path, text, fields, named)
    if first is None and _has_places(_words(above)):  # a header behind a comment sign, and no row
        return _headed(path, "\t".join(above) + "\n")
    if not _has_places(_words(fields)):
        raise InputError(f"expected one of {ACCEPTED}; {path} begins with {shown(given)}; give one of these")
    return _headed(path, text)


def _headed(path: str | Path, text: str) -> tuple[str, pd.DataFrame]:
    """Kind and cells of a table whose first line names its columns."""
    frame = text_frame(text, path)
    names = [*_fields(str(frame.columns[0])), *map(str, frame.columns[1:])]
    frame.columns = pd.Index(names)
    if tuple(names[:3]) == GATK:
        return "gatk", _of_gatk(path, frame)
    if tuple(names[:4]) == DRAGEN and "improper_pairs" in names:
        return "dragen", _of_dragen(path, frame)
    words = _words(names)
    lower = {name: name.lower() for name in words if name.lower() in ("log2", "weight", "spread", "probes", "cn")}
    frame.columns = pd.Index([lower.get(name, name) for name in words])
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"{path}: expected each column once, found several of the meaning {twice}; name each once")
    if "log2" in frame.columns:
        return "cnvkit", frame if "gene" in frame.columns else frame.assign(gene="-")
    return "plain", _of_bed(path, frame, [name for name in frame.columns if name not in ("chromosome", "start", "end")])


def _of_gatk(path: str | Path, frame: pd.DataFrame) -> pd.DataFrame:
    """GATK's columns in our words."""
    found = [name for name in ("COUNT", "LOG2_COPY_RATIO") if name in frame.columns]
    if not found:
        names = _some(list(frame.columns[3:])) or "none"
        raise InputError(
            f"expected column COUNT or LOG2_COPY_RATIO after the intervals of {path}, found {names}; {REMEDY}"
        )
    if len(found) > 1:
        raise _several(path, found)
    return frame.rename(columns={"CONTIG": "chromosome", "START": "start", "END": "end"}).assign(gene="-")


def _of_dragen(path: str | Path, frame: pd.DataFrame) -> pd.DataFrame:
    """DRAGEN's columns in our words."""
    values = [name for name in frame.columns[4:] if name != "improper_pairs"]
    if len(values) != 1:
        raise _several(path, values)
    names = {"contig": "chromosome", "stop": "end", "name": "gene", values[0]: "COUNT"}
    frame = frame.rename(columns=names)
    return frame.assign(gene=frame["gene"].mask(frame["gene"].str.startswith("target-"), "-"))


def _several(path: str | Path, columns: Sequence[object]) -> InputError:
    """The refusal of a table with more than one column that might be the depth."""
    if any(THRESHOLD.fullmatch(str(name)) for name in columns):
        return InputError(
            f"expected depth, {path} tells the bases above a depth ({_some(columns)}), as mosdepth's thresholds; "
            "give its regions.bed.gz"
        )
    return InputError(
        f"expected the depth of one sample after the intervals of {path}, found {len(columns)} columns "
        f"({_some(columns)}); give a table for each sample, with its depth alone"
    )


def _some(names: Sequence[object]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(str, names[:SHOWN])) + more


def _plain(path: str | Path, text: str, fields: list[str], named: list[str] | None) -> tuple[str, pd.DataFrame]:
    """Kind and cells of a BED with depth, whose header, if it has one, is a comment."""
    if named:
        return _headed(path, "\t".join(named) + "\n" + text[_start_of_rows(text) :])
    width = len(fields)
    names = ["chromosome", "start", "end", *(f"column {number}" for number in range(4, width + 1))]
    if width < 4:
        raise InputError(f"expected one of {ACCEPTED}; {path} begins with {shown(text.lstrip())}; give one of these")
    frame = text_frame(text, path, names=names)
    if width == 7 and frame["column 6"].isin(["+", "-", "."]).all():  # BED6 and a value
        return "plain", _of_bed(path, frame.drop(columns=["column 5", "column 6"]), ["column 4", "column 7"])
    return "plain", _of_bed(path, frame, names[3:])


def _start_of_rows(text: str) -> int:
    """Where the first line with content begins."""
    found = re.search(r"^[^\n]", text, re.MULTILINE)
    return found.start() if found else len(text)


def _all_numbers(cells: pd.Series) -> bool:
    """Whether a column holds nothing but numbers, missing ones aside."""
    known = cells.str.strip()
    known = known[(known != "") & ~known.str.lower().isin(NO_VALUE)]
    return bool(len(known) and known.str.fullmatch(NUMBER).all())


def _of_bed(path: str | Path, frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Intervals with the name (``-`` without one), and one column: ``depth`` where a header says so, else ``value``.

    Raises
    ------
    InputError
        If more than one column may be the depth, or none.
    """
    beside = [name for name in columns if name.lower() in BESIDE]
    values = [name for name in columns if name not in beside]
    if "depth" in values:
        values = ["depth"]
    named = beside[0] if "gene" in beside else None
    if len(values) == 2 and not named and not _all_numbers(frame[values[0]]) and len(frame):
        named, *values = values
    if len(values) == 2 and not named:
        raise InputError(
            f"expected names or nothing in {values[0]} of {path}, found a number in every row, as `samtools bedcov` of "
            "two alignments writes it; give the depth of one sample as the only column after the intervals"
        )
    if len(values) != 1:
        raise _several(path, values)
    gene = frame[named] if named else "-"
    value = "depth" if values[0] == "depth" else "value"
    return frame[["chromosome", "start", "end"]].assign(gene=gene, **{value: frame[values[0]]})


def _is_hdf5(path: str | Path) -> bool:
    """Whether a file begins as HDF5 does; one that cannot be read is left to the next reader to complain about."""
    with suppress(OSError), open(path, "rb") as handle:
        return handle.read(len(HDF5_MAGIC)) == HDF5_MAGIC
    return False


def _gatk_hdf5(path: str | Path) -> pd.DataFrame:
    """GATK's read counts in HDF5 as the text of its TSV; row numbers count from 1.

    Raises
    ------
    InputError
        If the file is damaged or holds something else.
    """
    import h5py

    try:
        with h5py.File(path) as handle:
            decompress.check_hdf5(handle)
            counts = np.asarray(handle["counts/values"][()]).ravel()
            names = handle["intervals/indexed_contig_names"].asstr()[()]
            places = np.asarray(handle["intervals/transposed_index_start_end"][()])
            if not (np.abs(places) < 1 << 31).all():
                raise ValueError("an interval is beyond any chromosome")
            contig, start, end = places.astype(np.int64)
            frame = pd.DataFrame(
                {"chromosome": names[contig], "start": start, "end": end, "COUNT": counts.astype(str)}, dtype=str
            )
    except (OSError, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"expected GATK read counts in the HDF5 file {path}, found something else or damage ({reason}); {REMEDY}"
        ) from error
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame.assign(gene="-")
