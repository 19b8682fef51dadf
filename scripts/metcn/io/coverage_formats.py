"""Others' coverage and ratio tables in, told apart by what they contain, not by their names.

============================  ===========================================================  ===============
what                          first line that is no comment                                coordinates
============================  ===========================================================  ===============
CNVkit ``.cnn``, ``.cnr``     ``chromosome start end gene log2 [depth] [weight]``          0-based
mosdepth ``regions.bed``      no header; four columns (depth) or five (name, depth)        0-based
samtools ``bedcov``           the same, but whole numbers: summed depth of all bases       0-based
BED with depth                ``chrom start end [name] depth``, the header with ``#``      0-based
                              or without
GATK ``CollectReadCounts``    ``@`` lines, then ``CONTIG START END COUNT``                 1-based
GATK ``CollectReadCounts``    HDF5 with ``counts/values`` and ``intervals``                1-based
GATK ``DenoiseReadCounts``    ``@`` lines, then ``CONTIG START END LOG2_COPY_RATIO``       1-based
DRAGEN ``target.counts``      ``contig start stop name``, sample, ``improper_pairs``       0-based
============================  ===========================================================  ===============

A table is of one sample. Whole numbers without a header are sums of bases where the file is called ``bedcov`` or they
grow with the width of the bins as sums do, and means where they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from metcn.errors import InputError
from metcn.genome import build as genomes
from metcn.io import scales, table_kinds
from metcn.io.delimited import INFINITE, NO_VALUE, Column, check_intervals, parse_column, refuse_rows

NULL_LOG2 = -20.0
"""CNVkit writes log2 of a bin without any read as this."""

NULL_LOG2_RATIO = -15.0
"""Log2 ratios below this are of bins without any read.

CNVkit's ``fix`` takes the reference's log2 off -20, and drops bins whose reference is below -5: its own rule of a bin
of low coverage (``--drop-low-coverage``) is a log2 below -20 + 5, or a depth of 0.
"""

OFF_TARGET_NAMES = ("Antitarget", "Background")
"""Gene names by which CNVkit, now and before 0.9, marks bins between the targets."""

REMEDY = table_kinds.REMEDY
LARGEST = 1e12
"""More than any depth or count; a larger one would overflow further on, or is damage."""
POSITION = Column("integer", low=0, high=(1 << 31) - 1)  # as far as BAM can count


class Reading(NamedTuple):
    """Rows of a table, and what is to be said about the reading, a sentence each."""

    rows: pd.DataFrame
    notes: tuple[str, ...] = ()


def _meaning(path: str | Path, value: pd.Series, frame: pd.DataFrame) -> str:
    """``bases`` or ``depth``: whether the numbers of a BED without a header are sums of bases or means.

    Raises
    ------
    InputError
        If neither the file's name nor the numbers tell.
    """
    whole = value.str.strip()
    whole = whole[~whole.str.lower().isin(NO_VALUE)]
    if not whole.str.fullmatch(r"\d+").all():  # sums are whole; mosdepth writes decimals
        return "depth"
    if "bedcov" in Path(path).name.lower():
        return "bases"
    width = (frame["end"] - frame["start"])[whole.index].to_numpy()
    if len(np.unique(width)) <= 1:
        return "bases"  # of bins of one width, sums and means are in proportion
    sums = scales.are_sums(whole.to_numpy(float), width)
    if sums is None:
        raise InputError(
            f"expected mean depth or sums of bases in {path}, found whole numbers that may be either; "
            "end the file's name in .bedcov if `samtools bedcov` made it, or head the column of mean depth by 'depth'"
        )
    return "bases" if sums else "depth"


def _intervals(raw: pd.DataFrame, path: str | Path, kind: str) -> pd.DataFrame:
    """Typed chromosome, start, end and gene of ``raw``; an unnamed bin's gene is ``-``."""
    frame = pd.DataFrame(
        {
            "chromosome": parse_column(raw["chromosome"], "chromosome", Column("text"), path, REMEDY),
            "start": parse_column(raw["start"], "start", POSITION, path, REMEDY),
            "end": parse_column(raw["end"], "end", POSITION, path, REMEDY),
            "gene": parse_column(raw["gene"], "gene", Column("text", optional=True), path, REMEDY),
        }
    )
    if kind == "gatk":
        frame["start"] -= 1
        refuse_rows(frame["start"] < 0, path, "START", frame["start"] + 1, "a 1-based start", REMEDY)
    frame["gene"] = frame["gene"].where(~frame["gene"].isin(["", ".", "-"]), "-")
    return frame


def _without_repeats(raw: pd.DataFrame, path: str | Path, kind: str) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Cells and intervals without empty intervals and rows that stand twice, and what is to be said of these.

    Raises
    ------
    InputError
        For an interval whose end lies before its start, or that has two values.
    """
    frame = _intervals(raw, path, kind)
    empty = (frame["start"] == frame["end"]).to_numpy() & (kind != "gatk")
    repeated = frame.duplicated(["chromosome", "start", "end"]).to_numpy() & ~empty
    if repeated.any():
        repeated &= raw.apply(lambda cells: cells.str.strip()).duplicated().to_numpy()
    notes = [
        f"{path}: {int(rows.sum())} of {len(raw)} rows {what} and {'is' if rows.sum() == 1 else 'are'} passed over "
        f"(first: line {raw.index.to_numpy()[rows][0]})"
        for rows, what in ((empty, "without a base"), (repeated, "equal to an earlier one"))
        if rows.any()
    ]
    kept = ~(empty | repeated)
    frame = frame[kept]
    if len(frame):
        check_intervals(frame, path, REMEDY, ordered=False)
    return raw[kept], frame, notes


def _depth(raw: pd.DataFrame, frame: pd.DataFrame, path: str | Path, kind: str) -> pd.Series:
    """Depth of each row: given, from a count per kb of width, or from log2 (CNVkit's null log2 meaning zero)."""
    blank = kind != "plain"  # of a BED without a header, a row that ends early may have lost any column
    amount = Column(optional=True, low=0, high=LARGEST, words=NO_VALUE)
    remedy = "give depth as it was counted, no ratios or logarithms, and NA where it is unknown"
    width = frame["end"] - frame["start"]
    raw = raw.rename(columns={"value": _meaning(path, raw["value"], frame)} if "value" in raw.columns else {})
    name = next((name for name in ("depth", "COUNT", "bases") if name in raw.columns), "log2")
    if not blank:
        refuse_rows(raw[name].str.strip() == "", path, name, raw[name], "a value", REMEDY)
    if name == "log2":
        log2 = raw["log2"].where(~raw["log2"].str.strip().str.lower().isin(["-inf", "-infinity"]), str(NULL_LOG2))
        log2 = parse_column(log2, "log2", Column(optional=True, high=60, words=NO_VALUE), path, remedy)
        return log2.where(log2.isna(), np.where(log2 <= NULL_LOG2, 0.0, np.exp2(log2)))
    if name == "bases":
        return parse_column(raw[name], name, amount._replace(high=LARGEST**2), path, remedy) / width
    if name == "COUNT" and kind == "gatk":
        amount = amount._replace(type="integer", high=2.0**53)
    value = parse_column(raw[name], name, amount, path, remedy).astype("Float64").to_numpy(float, na_value=np.nan)
    known = np.isfinite(value)
    near = ~frame["gene"].isin(OFF_TARGET_NAMES).to_numpy()
    reads = value if name == "depth" else value * scales.READ_BP / (width + scales.READ_BP)
    if (value[known] % 1 != 0).any() and not scales.is_depth(reads[near], width.to_numpy()[near]):
        raise InputError(
            f"expected depth in column {name} of {path}, found numbers that vary less from bin to bin than the reads "
            "behind such depth would by chance: logarithms, or ratios to something; give depth as it was counted"
        )
    return pd.Series(value if name == "depth" else value * 1000.0 / width, index=frame.index)


def _one_coverage(path: str | Path) -> Reading:
    """Rows of one coverage table: chromosome, start, end, gene, kind, depth, count; none of a header alone."""
    kind, raw = table_kinds.read(path)
    if "LOG2_COPY_RATIO" in raw.columns or {"weight", "spread"} & set(raw.columns):
        raise InputError(f"expected depth, {path} holds ratios or a reference; give a sample's depth")
    raw, frame, notes = _without_repeats(raw, path, kind)
    frame["kind"] = np.where(frame["gene"].isin(OFF_TARGET_NAMES), "off_target", "target")
    frame["depth"] = _depth(raw, frame, path, kind)
    frame["count"] = _count(raw, path)
    missing = int(frame["depth"].isna().sum())
    if missing:
        notes.append(f"{path}: {missing} of {len(frame)} rows have no depth; their bins are missing, not empty")
    return Reading(frame, tuple(notes))


def _count(raw: pd.DataFrame, path: str | Path) -> pd.Series:
    """Fragments of each row, where a table tells them: GATK's, DRAGEN's and our own counts do, mean depths do not."""
    name = next((name for name in ("COUNT", "count") if name in raw.columns), None)
    if name is None:
        return pd.Series(np.nan, index=raw.index)
    return parse_column(
        raw[name], name, Column(optional=True, low=0, high=LARGEST, words=NO_VALUE), path, REMEDY
    ).astype(float)


def genome_order(frame: pd.DataFrame, genome: genomes.Genome) -> pd.DataFrame:
    """Rows by chromosome as in ``genome`` (others after, by name), start and end, with a fresh index."""
    bare = genomes.bare_names(frame["chromosome"])
    rank = bare.map({name: rank for rank, name in enumerate(genome.contigs)}).fillna(len(genome.contigs)).astype(int)
    ordered = frame.assign(_rank=rank, _bare=bare).sort_values(["_rank", "_bare", "start", "end"], kind="stable")
    return ordered.drop(columns=["_rank", "_bare"]).reset_index(drop=True)


def one_style(chromosome: pd.Series, where: str) -> None:
    """Nothing, if no chromosome is written in two ways.

    Raises
    ------
    InputError
        If, say, both ``chr7`` and ``7`` occur.
    """
    styles: dict[str, str] = {}
    for name in chromosome.unique():
        other = styles.setdefault(genomes.bare(name), name)
        if other != name:
            raise InputError(
                f"expected one name per chromosome in {where}, found both {other} and {name}; use one style"
            )


def _in_one_style(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with every chromosome written as its first row writes it: ``chr7`` and ``7`` are one."""
    bare = genomes.bare_names(frame["chromosome"])
    if bare.nunique() == frame["chromosome"].nunique():
        return frame
    return frame.assign(chromosome=frame["chromosome"].groupby(bare).transform("first"))


def read_coverage(paths: Sequence[str | Path], genome: genomes.Genome) -> pd.DataFrame:
    """The rows of `coverage`."""
    return coverage(paths, genome).rows


def coverage(paths: Sequence[str | Path], genome: genomes.Genome) -> Reading:
    """Depth of one sample from one or more tables: chromosome, start, end, gene, kind, depth, count in genome order.

    A missing depth is NaN. A table that holds a header alone adds no row.

    Parameters
    ----------
    paths
        Tables of one sample, in any order: a pair of CNVkit targets and antitargets, or a single table. ``kind`` is
        ``off_target`` where the gene is CNVkit's name for such bins and ``target`` elsewhere, whatever the file's name.
        Targets may overlap off-target bins and each other. ``count`` is NaN where a table tells no fragments.
    genome
        Gives the order of chromosomes.

    Raises
    ------
    InputError
        For a table of another format or of several samples, values that are no depths, or a repeated interval.
    """
    if not paths:
        raise InputError("expected at least one coverage table, found none; name it in the sample sheet")
    parts = [_one_coverage(path) for path in paths]
    files = ", ".join(str(path) for path in paths)
    rows = [part.rows for part in parts if len(part.rows)]
    if not rows:
        raise InputError(f"{files} has a header but no rows; {REMEDY}")
    frame = genome_order(_in_one_style(pd.concat(rows, ignore_index=True)), genome)
    repeated = frame.duplicated(["chromosome", "start", "end"])
    if repeated.any():
        row = frame[repeated].iloc[0]
        where = f"in more than one of {files}" if len(paths) > 1 else f"twice in {files}"
        raise InputError(f"{row.chromosome}:{row.start}-{row.end} is {where}; give each interval once")
    return Reading(frame, tuple(note for part in parts for note in part.notes))


def has_rows(path: str | Path) -> bool:
    """Whether a coverage table has more than its header; True where it cannot be read, which is for others to say."""
    with suppress(InputError):
        return len(table_kinds.read(path)[1]) > 0
    return True


def read_ratios(path: str | Path) -> pd.DataFrame:
    """The rows of `ratios`."""
    return ratios(path).rows


def ratios(path: str | Path) -> Reading:
    """Ratios normalised elsewhere: chromosome, start, end, gene, log2 and, if given, weight and depth, in file order.

    A missing log2 is NaN: an empty one, one in words (NA, NaN, inf), one below `NULL_LOG2_RATIO`, and that of a depth
    of 0, since a ratio without reads is none.

    Raises
    ------
    InputError
        For a table of another format, values that are no log2 ratios, or intervals that are reversed or repeated.
    """
    kind, raw = table_kinds.read(path)
    if kind in ("plain", "dragen") or "COUNT" in raw.columns:
        raise InputError(f"expected log2 ratios, {path} holds depth; give it in the sample sheet's column coverage")
    if {"probes", "cn"} & set(raw.columns):
        raise InputError(f"expected ratios of bins, {path} holds segments; give the .cnr that they were made of")
    raw, frame, notes = _without_repeats(raw, path, kind)
    if frame.empty:
        raise InputError(f"{path} has a header but no rows; {REMEDY}")
    name = "LOG2_COPY_RATIO" if kind == "gatk" else "log2"
    ratio = Column(optional=True, low=-60, high=60, words=NO_VALUE | INFINITE)
    log2 = parse_column(raw[name], name, ratio, path, REMEDY)
    for extra in ("weight", "depth"):
        if extra in raw.columns:
            amount = Column(optional=True, low=0, words=NO_VALUE)
            frame[extra] = parse_column(raw[extra], extra, amount, path, REMEDY)
    frame["log2"] = log2.where((log2 >= NULL_LOG2_RATIO) & ~_without_reads(frame, log2, path))
    _check_scale(frame, path, name)
    notes += _of_missing(frame["log2"], log2, path)
    return Reading(_in_one_style(frame).reset_index(drop=True), tuple(notes))


def _without_reads(frame: pd.DataFrame, log2: pd.Series, path: str | Path) -> pd.Series:
    """Whether the depth of each row is 0.

    Raises
    ------
    InputError
        If it is so in all rows, of which some have ratios: then the column is no depth.
    """
    if "depth" not in frame.columns:
        return pd.Series(False, index=frame.index)
    none = frame["depth"] == 0
    if none.all() and (log2 >= NULL_LOG2_RATIO).any():
        raise InputError(f"expected depth in column depth of {path}, found 0 in every row; leave the column out")
    return none


def _of_missing(log2: pd.Series, given: pd.Series, path: str | Path) -> Iterator[str]:
    """The notes on ratios that are missing, and on those that are taken for it."""
    without_reads, unknown = int((given.notna() & log2.isna()).sum()), int(given.isna().sum())
    if without_reads:
        yield (
            f"{path}: {without_reads} of {len(log2)} rows are of bins without reads (depth 0, or log2 below "
            f"{NULL_LOG2_RATIO:g}); their ratios are missing"
        )
    if unknown:
        yield f"{path}: {unknown} of {len(log2)} rows have no ratio; they are missing"


def _check_scale(frame: pd.DataFrame, path: str | Path, name: str) -> None:
    """Raise InputError unless the ratios of the autosomes lie around 0 as logarithms do."""
    autosomal = genomes.bare_names(frame["chromosome"]).isin(genomes.AUTOSOMES)
    values = frame.loc[autosomal, "log2"].to_numpy(float)
    if not scales.is_log_ratio(values):
        raise InputError(
            f"expected log2 ratios around 0 in column {name} of {path}, found values around "
            f"{np.nanmedian(values):.2g} of which {np.mean(values[np.isfinite(values)] < 0):.0%} are below 0: linear "
            "ratios or copies; give log2 of the ratio to a diploid sample, not corrected for purity"
        )
