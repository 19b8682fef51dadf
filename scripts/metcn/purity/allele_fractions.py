"""Allele fractions that tell of purity, from a VCF: heterozygous germline SNPs and driver mutations."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from metcn.errors import InputError
from metcn.genome.build import AUTOSOMES, Genome, bare, check_build
from metcn.purity import variant_depths, variant_file, variant_kinds
from metcn.purity.variant_file import Header, Record

COLUMNS = ("chromosome", "position", "reads", "depth", "somatic")
LEAST_DEPTH = 20
HETEROZYGOUS = (0.05, 0.95)  # allele fractions outside are homozygous, or absent
MOST_UNNAMED = 5  # mutations of no driver gene that are used; of many, most are not known to be in every tumour cell
TUMOUR_NAMES, NORMAL_NAMES = ("tumor", "tumour"), ("normal",)
# Why a record tells nothing, in the order in which it is asked.
LEFT_OUT = {
    "filtered": "filtered by the caller",
    "no_alternative": "without an alternative allele",
    "no_single_base": "no single-base change with one alternative allele",
    "off_autosomes": "not on autosomes",
    "no_depth": "without depths of both alleles",
    "shallow": f"below {LEAST_DEPTH} reads",
    "unmarked": "without a mark of SNP or driver",
    "ambiguous": "germline SNP or mutation alike",
    "homozygous": "homozygous or absent",
    "unnamed": f"mutations of no driver gene, of which there are more than {MOST_UNNAMED}",
}
HALF = 0.5
FEW_SNPS = 20  # with fewer, nothing is said of where their fractions lie
FAR = 4.0  # standard errors of a fraction from one half


@dataclass(frozen=True)
class Offer:
    """What a VCF offers about the purity of a sample.

    Parameters
    ----------
    sites : DataFrame
        Columns ``COLUMNS``, position 0-based.
    column : str
        Name of the column that was read.
    own : str
        Why it was: ``name`` (it is the sample's), ``tumour`` (the file marks it as the tumour's), ``only``.
    formats : tuple of str
        FORMAT keys of the records, in alphabetical order.
    records : int
        Number of records that were read.
    left_out : dict of str to int
        Number by reason, of those that are not among the sites.
    whole : bool
        False if the file goes on.
    """

    sites: pd.DataFrame
    column: str
    own: str
    formats: tuple[str, ...]
    records: int
    left_out: dict[str, int]
    whole: bool

    @property
    def sentence(self) -> str:
        """The numbers in words: ``column T, 2 of 9 sites used (7 below 20 reads)``."""
        why = ", ".join(f"{number} {LEFT_OUT[reason]}" for reason, number in self.left_out.items())
        of = f"{self.records}" if self.whole else f"the first {self.records}"
        return f"column {self.column}, {len(self.sites)} of {of} sites used" + (f" ({why})" if why else "")

    @property
    def is_balanced(self) -> bool:
        """Whether all of many SNPs lie at one half and no mutation is seen, as in blood."""
        if len(self.sites) < FEW_SNPS or self.sites["somatic"].any():
            return False
        depth = self.sites["depth"].astype(float)
        away = (self.sites["reads"].astype(float) / depth - HALF).abs() / (HALF / depth**0.5)
        return bool((away < FAR).all())


def read(path: Path, sample: str, genome: Genome) -> pd.DataFrame:
    """Sites of a sample's VCF that tell of purity, in its order: those of `offer`."""
    return offer(path, sample, genome).sites


def offer(path: Path, sample: str, genome: Genome, most: int | None = None) -> Offer:
    """Sites of a sample's VCF that tell of purity, in its order, and why the other records do not.

    Single-base variants with one alternative allele, on autosomes, not filtered, at a depth of at least
    ``LEAST_DEPTH``; `variant_kinds.kind` says which are SNPs or mutations. A SNP counts with an allele fraction within
    ``HETEROZYGOUS``. Mutations that are only flagged somatic count where the file has at most ``MOST_UNNAMED`` of them.
    A variant that could be either tells nothing. At most ``most`` records are read, None for all.

    Raises
    ------
    InputError
        If the file is no VCF, of another build, has no column that is certainly the sample's, or no depths.
    """
    with variant_file.lines_of(path) as lines:
        header = variant_file.header(path, lines)
        check_build(header.contigs, genome, where=str(path))
        column, own = _column(path, header, sample)
        read_from = variant_file.records(path, lines, header.samples.index(column))
        rows: list[tuple[str, int, int, int, bool]] = []
        unnamed: list[bool] = []
        left_out: Counter[str] = Counter()
        forms: dict[str, bool] = {}
        number = 0
        for record in itertools.islice(read_from, most):
            number += 1
            forms[record.raw[1]] = forms.get(record.raw[1], False) or "DP4=" in record.raw[0]
            _check_place(path, record, genome)
            found = _row(record, header)
            if isinstance(found, str):
                left_out[found] += 1
            else:
                rows.append(found[0])
                unnamed.append(found[1])
        whole = most is None or number < most or next(lines, None) is None
    formats = tuple(sorted({key for form in forms for key in form.split(":")} - {"."}))
    if number and not variant_depths.told(formats) and not (len(header.samples) == 1 and any(forms.values())):
        raise InputError(
            f"{path}: expected FORMAT AD, or AF and DP, found {', '.join(formats) or 'none'}; "
            f"call variants with allele depths ({', '.join(variant_depths.WAYS)}), or leave the column variants empty"
        )
    if sum(unnamed) > MOST_UNNAMED:
        left_out["unnamed"] = sum(unnamed)
        rows = [row for row, alone in zip(rows, unnamed, strict=True) if not alone]
    counted = {reason: left_out[reason] for reason in LEFT_OUT if left_out[reason]}
    return Offer(pd.DataFrame(rows, columns=list(COLUMNS)), column, own, formats, number, counted, whole)


def plain(name: str) -> str:
    """A column's name in lower case without a folder and the ending of an alignment, which some callers write."""
    return re.sub(r"\.(bam|cram)$", "", name.replace("\\", "/").rpartition("/")[2].strip().casefold())


def foreign(found: Offer, sample: str, others: Iterable[str]) -> str:
    """Name of the other sample of a sheet whose column was read; empty if it is of none."""
    if found.own == "name":
        return ""
    return next((other for other in others if other != sample and plain(other) == plain(found.column)), "")


def _column(path: Path, header: Header, sample: str) -> tuple[str, str]:
    """Name of the column for a sample, and why it is that one.

    It is the one of the sample's name, the one that the header or its name marks as the tumour's, the only one beside
    that of the normal, or the only one, unless that is marked as the normal's.
    """
    names = header.samples
    normals = {name for name in names if name in header.normals or plain(name) in NORMAL_NAMES}
    rest = [name for name in names if name not in normals]
    marked = [name for name in rest if name in header.tumours or plain(name) in TUMOUR_NAMES]
    exact, alike = [name for name in names if name == sample], [name for name in names if plain(name) == plain(sample)]
    found = ", ".join(names) or "none"
    for chosen, why in ((exact or alike, "name"), (marked, "tumour"), (rest, "tumour" if normals else "only")):
        if len(chosen) != 1:
            continue
        if chosen[0] in header.normals:
            break
        return chosen[0], why
    told = "".join(f" ({name} is the normal's)" for name in sorted(normals))
    raise InputError(f"{path}: expected a column of sample {sample}, found {found}{told}; rename it or keep one sample")


def _check_place(path: Path, record: Record, genome: Genome) -> None:
    """Nothing, if the record lies on its chromosome."""
    length = genome.contigs.get(bare(record.chromosome))
    if length is not None and bare(record.chromosome) in AUTOSOMES and record.position >= length:
        raise InputError(
            f"{path}: {record.chromosome}:{record.position + 1} lies beyond the chromosome in {genome.name}; "
            "give variants called on that build"
        )


def _row(record: Record, header: Header) -> tuple[tuple[str, int, int, int, bool], bool] | str:
    """One site as a row of the table, and whether it is a mutation of no driver gene; a reason if it tells nothing."""
    chromosome = bare(record.chromosome)
    if record.filtered:
        return "filtered"
    if not record.alts:
        return "no_alternative"
    if len(record.alts) > 1 or not all(re.fullmatch("[ACGT]", allele) for allele in (record.ref, *record.alts)):
        return "no_single_base"
    if chromosome not in AUTOSOMES:
        return "off_autosomes"
    counted = variant_depths.reads(record, alone=len(header.samples) == 1)
    if counted is None:
        return "no_depth"
    reads, depth = counted
    if depth < LEAST_DEPTH:
        return "shallow"
    kind = variant_kinds.kind(record, header)
    if kind in ("unmarked", "ambiguous"):
        return kind
    mutation = kind != "snp"
    if reads == 0 or not (mutation or HETEROZYGOUS[0] <= reads / depth <= HETEROZYGOUS[1]):
        return "homozygous"
    return (chromosome, record.position, reads, depth, mutation), kind == "somatic"
