"""Others' coverage and ratio tables in, told apart by what they contain, not by their names.

============================  ===========================================================  ===============
what                          first line that is no comment                                coordinates
============================  ===========================================================  ===============
CNVkit ``.cnn``, ``.cnr``     ``chromosome start end gene log2 [depth] [weight]``          0-based
mosdepth ``regions.bed``      no header; four columns (depth) or five (name, depth)        0-based
samtools ``bedcov``           the same, but whole numbers: summed depth of all bases       0-based
GATK ``CollectReadCounts``    ``@`` lines, then ``CONTIG START END COUNT``                 1-based
GATK ``CollectReadCounts``    HDF5 with ``counts/values`` and ``intervals``                1-based
GATK ``DenoiseReadCounts``    ``@`` lines, then ``CONTIG START END LOG2_COPY_RATIO``       1-based
DRAGEN ``target.counts``      ``contig start stop name``, sample, ``improper_pairs``       0-based
============================  ===========================================================  ===============
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from metcn import genome as genomes
from metcn import inflation
from metcn.delimited import Column, check_intervals, parse_column, read_text, refuse_rows, text_frame
from metcn.errors import InputError

NULL_LOG2 = -20.0
"""CNVkit writes log2 of a bin without any read as this."""

OFF_TARGET_NAMES = ("Antitarget", "Background")
"""Gene names by which CNVkit, now and before 0.9, marks bins between the targets."""

CNVKIT = ("chromosome", "start", "end", "gene", "log2")
GATK = ("CONTIG", "START", "END")
REMEDY = "correct the table or make it again"
DRAGEN = ("contig", "start", "stop", "name")
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
ACCEPTED = (
    "CNVkit .cnn or .cnr, mosdepth regions.bed, samtools bedcov, GATK read counts or denoised copy ratios, "
    "DRAGEN target counts"
)
LARGEST = 1e12
"""More than any depth or count; a larger one would overflow further on, or is damage."""
POSITION = Column("integer", low=0, high=(1 << 31) - 1)  # as far as BAM can count


def shown(text: str) -> str:
    """The first two lines, short enough for one line of a message."""
    return " | ".join(repr(line[:60]) for line in text.splitlines()[:2])


def _header_lines(text: str) -> int:
    """Number of leading lines of a SAM header (GATK) or of comments (DRAGEN)."""
    count = 0
    for line in text.splitlines():
        if not line.startswith(("@", "#")):
            break
        count += 1
    return count


def _raw(path: str | Path) -> tuple[str, pd.DataFrame]:
    """Kind of table (``cnvkit``, ``plain``, ``gatk``, ``dragen``) and its cells as text, columns in CNVkit's words.

    Raises
    ------
    InputError
        If the content is none of the accepted tables.
    """
    if _is_hdf5(path):
        return "gatk", _gatk_hdf5(path)
    text = read_text(path)
    skip = _header_lines(text)
    lines = text[: 1 << 20].splitlines() if skip == 0 else text.splitlines()[skip : skip + 1]
    fields = lines[0].split("\t") if lines else []
    if set(CNVKIT) <= set(fields):
        return "cnvkit", text_frame(text, path, skip=skip)
    if tuple(fields[:3]) == GATK and len(fields) == 4 and fields[3] in ("COUNT", "LOG2_COPY_RATIO"):
        frame = text_frame(text, path, skip=skip)
        return "gatk", frame.rename(columns={"CONTIG": "chromosome", "START": "start", "END": "end"}).assign(gene="-")
    if tuple(fields[:4]) == DRAGEN and len(fields) == 6 and fields[5] == "improper_pairs":
        names = ["chromosome", "start", "end", "gene", "COUNT", "improper_pairs"]
        frame = text_frame(text, path, names=names, skip=skip + 1)
        return "dragen", frame.assign(gene=frame["gene"].mask(frame["gene"].str.startswith("target-"), "-"))
    if skip == 0 and len(fields) in (4, 5) and fields[1].isdigit() and fields[2].isdigit():
        names = ["chromosome", "start", "end", *["gene"][: len(fields) - 4], "depth"]
        frame = text_frame(text, path, names=names)
        if frame["depth"].str.isdigit().all():  # mosdepth writes decimals, bedcov has none
            frame = frame.rename(columns={"depth": "bases"})
        return "plain", frame if "gene" in frame else frame.assign(gene="-")
    raise InputError(f"expected one of {ACCEPTED}; {path} begins with {shown(text)}; give one of these")


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
            inflation.check_hdf5(handle)
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
    if frame.empty:
        raise InputError(f"{path} has a header but no rows; {REMEDY}, or leave it out where nothing is off target")
    check_intervals(frame, path, REMEDY, ordered=False)
    return frame


def _depth(raw: pd.DataFrame, frame: pd.DataFrame, path: str | Path) -> pd.Series:
    """Depth of each row: given, from a count per kb of width, or from log2 (CNVkit's null log2 meaning zero)."""
    if "depth" in raw.columns:
        return parse_column(raw["depth"], "depth", Column(low=0, high=LARGEST), path, REMEDY)
    if "COUNT" in raw.columns:
        count = parse_column(raw["COUNT"], "COUNT", Column(low=0, high=LARGEST), path, REMEDY)
        return count * 1000.0 / (frame["end"] - frame["start"])
    if "bases" in raw.columns:
        bases = parse_column(raw["bases"], "bases", Column(low=0, high=LARGEST**2), path, REMEDY)
        return bases / (frame["end"] - frame["start"])
    log2 = parse_column(raw["log2"], "log2", Column(high=60), path, REMEDY)
    return pd.Series(np.where(log2 <= NULL_LOG2, 0.0, np.exp2(log2)), index=log2.index)


def _one_coverage(path: str | Path) -> pd.DataFrame:
    """Rows of one coverage table: chromosome, start, end, gene, kind, depth."""
    kind, raw = _raw(path)
    if "LOG2_COPY_RATIO" in raw.columns or {"weight", "spread"} & set(raw.columns):
        raise InputError(f"expected depth, {path} holds ratios or a reference; give a sample's depth")
    frame = _intervals(raw, path, kind)
    frame["kind"] = np.where(frame["gene"].isin(OFF_TARGET_NAMES), "off_target", "target")
    frame["depth"] = _depth(raw, frame, path)
    return frame


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


def read_coverage(paths: Sequence[str | Path], genome: genomes.Genome) -> pd.DataFrame:
    """Depth of one sample from one or more tables: chromosome, start, end, gene, kind, depth in genome order.

    Parameters
    ----------
    paths
        Tables of one sample, in any order: a pair of CNVkit targets and antitargets, or a single table. ``kind`` is
        ``off_target`` where the gene is CNVkit's name for such bins and ``target`` elsewhere, whatever the file's name.
        Targets may overlap off-target bins and each other.
    genome
        Gives the order of chromosomes.

    Raises
    ------
    InputError
        For a table of another format, a depth that is missing, negative or not finite, or a repeated interval.
    """
    if not paths:
        raise InputError("expected at least one coverage table, found none; name it in the sample sheet")
    parts = [_one_coverage(path) for path in paths]
    frame = genome_order(pd.concat(parts, ignore_index=True), genome)
    one_style(frame["chromosome"], ", ".join(str(path) for path in paths))
    repeated = frame.duplicated(["chromosome", "start", "end"])
    if repeated.any():
        row = frame[repeated].iloc[0]
        files = ", ".join(str(path) for path in paths)
        raise InputError(f"{row.chromosome}:{row.start}-{row.end} is in more than one of {files}; give each table once")
    return frame


def read_ratios(path: str | Path) -> pd.DataFrame:
    """Ratios normalised elsewhere: chromosome, start, end, gene, log2 and, if given, weight and depth, in file order.

    An empty, NaN or null (CNVkit's -20) log2 is a missing ratio and becomes NaN.

    Raises
    ------
    InputError
        For a table of another format, without log2 ratios, or with intervals that are reversed or repeated.
    """
    kind, raw = _raw(path)
    if kind == "plain" or "COUNT" in raw.columns:
        raise InputError(f"expected log2 ratios, {path} holds depth; give it in the sample sheet's column coverage")
    if {"probes", "cn"} & set(raw.columns):
        raise InputError(f"expected ratios of bins, {path} holds segments; give the .cnr that they were made of")
    frame = _intervals(raw, path, kind)
    name = "LOG2_COPY_RATIO" if kind == "gatk" else "log2"
    log2 = parse_column(
        raw[name].where(~raw[name].str.lower().isin(["nan", "na"]), ""),
        name,
        Column(optional=True, low=-60, high=60),
        path,
        REMEDY,
    )
    frame["log2"] = log2.where(log2 > NULL_LOG2)
    for extra in ("weight", "depth"):
        if extra in raw.columns:
            frame[extra] = parse_column(raw[extra], extra, Column(optional=True, low=0), path, REMEDY)
    return frame.reset_index(drop=True)
