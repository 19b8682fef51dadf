"""Common SNPs of an alignment: the list of sites, and the reads of either allele at each.

A list is a VCF or BCF, of which only places and alleles are read, or a BED whose fourth and fifth columns (behind a
name: fifth and sixth) are the reference and the alternative base. It is told apart by its content.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pysam
from numpy.typing import NDArray

from metcn.errors import InputError
from metcn.genome import build as genomes
from metcn.io import delimited
from metcn.io import fasta as sequences
from metcn.reads import alignments, index_files, sam
from metcn.vocabulary import ALLELE_COLUMNS

SITE_COLUMNS, READ_COLUMNS = ALLELE_COLUMNS[:5], ALLELE_COLUMNS[5:8]
BASES = ("A", "C", "G", "T")
TOGETHER_BP = 200  # sites closer than this are piled up in one go: they share most of their reads
MOST_READS = 1_000_000  # depth of a column; deeper ones would be cut
MOST_ODD = 0.1  # share of rows of a BED that are not of one base, from which it is no list of single bases
MOST_OTHER = 0.1  # share of bases that are neither allele, from which the list is of another build
ENOUGH_BASES = 200  # bases by which that is judged
CONTIG = re.compile(r"##contig=<(?:[^>]*,)?ID=([^,>]+),(?:[^>]*,)?length=(\d{1,10})[,>]")
REMEDY = "give a VCF, BCF or a BED with the two bases in columns 4 and 5, of single-base sites"


def read(path: Path, facts: genomes.Genome) -> pd.DataFrame:
    """Single-base sites with two alleles on the autosomes, in genome order, each place once (``SITE_COLUMNS``).

    Chromosomes have bare names.

    Raises
    ------
    InputError
        If the list is neither VCF nor BED, of another genome build, or holds no such site.
    """
    table = _listed(path, facts)
    table["chromosome"] = genomes.bare_names(table["chromosome"])
    plain = table["ref"].isin(BASES) & table["alt"].isin(BASES) & (table["ref"] != table["alt"])
    table = table[plain & table["chromosome"].isin(genomes.AUTOSOMES)]
    if table.empty:
        raise InputError(f"{path}: expected single-base sites on autosomes, found none; {REMEDY}")
    beyond = table[table["start"] >= table["chromosome"].map(facts.contigs)]
    if len(beyond):
        row = beyond.iloc[0]
        raise InputError(
            f"{path}: {row.chromosome}:{row.start + 1} lies beyond the chromosome in {facts.name}; "
            "give a list of that build"
        )
    order = table["chromosome"].map(genomes.AUTOSOMES.index)
    table = table.iloc[np.lexsort((table["start"], order))].drop_duplicates(["chromosome", "start"])
    return table.assign(end=table["start"] + 1)[list(SITE_COLUMNS)].reset_index(drop=True)


def _listed(path: Path, facts: genomes.Genome) -> pd.DataFrame:
    """Chromosome, start, ref and alt of a list, whatever its name; told apart by how it begins, gzip or not."""
    try:
        with open(path, "rb") as handle:
            packed = handle.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else open(path, "rb") as content:
            start = content.read(64)
            if start.startswith(b"BCF"):
                return _of_bcf(path, facts)
            if start.removeprefix(b"\xef\xbb\xbf").startswith((b"##fileformat=VCF", b"#CHROM\t")):
                content.seek(0)
                with io.TextIOWrapper(content, "utf-8-sig", errors="replace") as lines:
                    return _of_vcf(path, lines, facts)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: expected a list of SNPs, it cannot be read ({error}); {REMEDY}") from error
    return _of_bed(path)


def _of_bcf(path: Path, facts: genomes.Genome) -> pd.DataFrame:
    """Places and alleles of the records of a BCF with one alternative allele."""
    try:
        with sequences.htslib_quiet(), pysam.VariantFile(str(path), drop_samples=True) as file:
            lengths = {str(name): contig.length for name, contig in file.header.contigs.items()}
            rows = [(each.chrom, each.pos - 1, *alleles) for each in file if len(alleles := each.alleles or ()) == 2]
    except (OSError, ValueError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: expected a list of SNPs, it cannot be read ({reason}); {REMEDY}") from error
    genomes.check_build(lengths, facts, where=str(path))
    return _bases(pd.DataFrame(rows, columns=["chromosome", "start", "ref", "alt"]))


def _of_vcf(path: Path, lines: Iterator[str], facts: genomes.Genome) -> pd.DataFrame:
    """Places and alleles of the records of a VCF with one alternative allele, from its text.

    Only the first five columns are read, so a header that lacks contigs or fields is no matter, nor what packed it.
    """
    lengths: dict[str, int | None] = {}
    rows = []
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            contig = CONTIG.match(line)
            lengths |= {contig[1]: int(contig[2])} if contig else {}
            continue
        cells = line.rstrip("\r\n").split("\t", 5)
        if not line.strip():
            continue
        if len(cells) < 5 or not cells[1].isdecimal():
            raise InputError(
                f"{path} line {number}: expected chromosome, position, identifier and two alleles separated by tabs, "
                f"found {line.rstrip()[:60]!r}; {REMEDY}"
            )
        rows.append((cells[0], int(cells[1]) - 1, cells[3], cells[4]))
    genomes.check_build(lengths, facts, where=str(path))
    return _bases(pd.DataFrame(rows, columns=["chromosome", "start", "ref", "alt"]))


def _of_bed(path: Path) -> pd.DataFrame:
    """Places and alleles of the rows of a BED; comment lines, and one that names the columns, are left out.

    The bases stand in columns 4 and 5, or behind a name in 5 and 6.

    Raises
    ------
    InputError
        If they do not, or many intervals are not of one base, as where positions count from 1. A few are left out.
    """
    text = delimited.without_comments(delimited.read_text(path))
    width = max((len(line.rstrip().split("\t")) for line in text.splitlines()), default=0)
    if width < 5:
        raise InputError(f"{path}: expected five columns separated by tabs, found {width}; {REMEDY}")
    raw = delimited.text_frame(text, path, names=[*SITE_COLUMNS, *map(str, range(5, width))])
    if len(raw) and str(raw.iloc[0, 1]).strip().lower() in ("start", "chromstart"):
        raw = raw.iloc[1:]
    named = width > 5 and _share_of_bases(raw["alt"]) > _share_of_bases(raw["ref"])
    place = delimited.Column("integer", low=0, high=(1 << 31) - 1)
    name = delimited.Column("text")
    table = _bases(
        pd.DataFrame(
            {
                "chromosome": delimited.parse_column(raw["chromosome"], "chromosome", name, path, REMEDY),
                "start": delimited.parse_column(raw["start"], "start", place, path, REMEDY),
                "ref": raw["alt" if named else "ref"],
                "alt": raw["5" if named else "alt"],
            }
        )
    )
    end = delimited.parse_column(raw["end"], "end", place, path, REMEDY)
    delimited.refuse_rows(end < table["start"], path, "end", end, "an end above the start", REMEDY)
    odd = end != table["start"] + 1
    if odd.mean() > MOST_ODD:
        refused = "the start plus 1, as of one base in a BED"
        delimited.refuse_rows(odd, path, "end", end, refused, REMEDY)
    table = table[~odd]
    return table


def _share_of_bases(cells: pd.Series) -> float:
    return float(cells.str.strip().str.upper().isin(BASES).mean())


def _bases(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its alleles in capitals."""
    return table.assign(**{name: table[name].astype(str).str.strip().str.upper() for name in ("ref", "alt")})


def count(
    path: Path, fasta: Path | None, sites: pd.DataFrame, filters: sam.Filters, min_base_quality: int
) -> NDArray[np.int64]:
    """Reads of the reference base, of the alternative and of others at each site, shape (sites, 3).

    What counts is as in `bases`.

    Raises
    ------
    InputError
        If the alignment is damaged, or the reads show neither allele: then the list is of another build.
    """
    result = of_alleles(bases(path, fasta, sites, filters, min_base_quality), sites)
    total, other = result.sum(), result[:, 2].sum()
    if total >= ENOUGH_BASES and other > MOST_OTHER * total:
        raise InputError(
            f"{path}: expected one of two bases at each SNP, {other / total:.0%} of the reads show another; "
            "give a list of SNPs of the build the reads were aligned to"
        )
    return result


def of_alleles(tally: NDArray[np.int64], sites: pd.DataFrame) -> NDArray[np.int64]:
    """Reads of ``ref``, of ``alt`` and of others, shape (sites, 3), of those of each base (`bases`)."""
    rows = np.arange(len(sites))
    either = [tally[rows, sites[name].map(BASES.index).to_numpy(np.intp)] for name in ("ref", "alt")]
    return np.stack([*either, tally.sum(axis=1) - either[0] - either[1]], axis=1)


def bases(
    path: Path, fasta: Path | None, sites: pd.DataFrame, filters: sam.Filters, min_base_quality: int
) -> NDArray[np.int64]:
    """Reads of A, C, G, T and of anything else at each site, shape (sites, 5).

    The two mates of a fragment count once where they overlap. What ``filters`` says of fragments' lengths is not asked.

    Raises
    ------
    InputError
        If the alignment is damaged.
    """
    result = np.zeros((len(sites), len(BASES) + 1), dtype=np.int64)
    flags = sam.UNMAPPED | sam.SECONDARY | sam.QC_FAILED | sam.SUPPLEMENTARY
    options: dict[str, Any] = {
        "flag_filter": flags if filters.keep_duplicates else flags | sam.DUPLICATE,
        "min_mapping_quality": filters.min_mapq,
        "min_base_quality": min_base_quality,
        "max_depth": MOST_READS,
        "ignore_orphans": False,
        "truncate": True,
        "multiple_iterators": False,  # which a CRAM does not know; only one is at work
    }
    with _opened(path, fasta) as handle:
        name_of, start = {genomes.bare(name): name for name in handle.references}, sites["start"].to_numpy()
        for chromosome, rows in _together(sites):
            if chromosome not in name_of:
                continue
            place = start[rows]
            row_of = dict(zip(place.tolist(), rows.tolist(), strict=True))
            for column in handle.pileup(name_of[chromosome], int(place[0]), int(place[-1]) + 1, **options):
                row = row_of.get(column.reference_pos)
                if row is not None:
                    letters = [base.upper() for base in column.get_query_sequences() if base]
                    known = [letters.count(base) for base in BASES]
                    result[row] = (*known, len(letters) - sum(known))
    return result


@contextmanager
def _opened(path: Path, fasta: Path | None) -> Iterator[pysam.AlignmentFile]:
    """An alignment opened with its index, to read bases; closed when the block ends.

    Raises
    ------
    InputError
        If the file or its index is damaged or missing, also while it is read.
    """
    kind, _ = alignments.header(path)
    index = index_files.find(path, kind)
    index_files.read(index)  # raises for a damaged one, some of which end the process when htslib reads them
    options: dict[str, Any] = {"mode": "rb" if kind == "bam" else "rc"}
    if kind == "cram" and fasta is not None:
        options["reference_filename"] = str(fasta)
    with sequences.htslib_quiet():
        try:
            with pysam.AlignmentFile(str(path), index_filename=str(index), **options) as handle:
                yield handle
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path} is damaged ({error}); check it with `samtools quickcheck` and make it again"
            ) from error


def _together(sites: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Chromosome and rows of each run of neighbouring sites."""
    chromosome, start = sites["chromosome"].to_numpy(str), sites["start"].to_numpy()
    breaks = (chromosome[1:] != chromosome[:-1]) | (np.diff(start) > TOGETHER_BP)
    for rows in np.split(np.arange(len(sites)), np.flatnonzero(breaks) + 1) if len(sites) else ():
        yield chromosome[rows[0]], rows
