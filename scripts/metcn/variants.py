"""Allele fractions that tell of purity, from a VCF: heterozygous germline SNPs and driver mutations."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pysam

from metcn.errors import InputError
from metcn.genome import AUTOSOMES, Genome, bare, check_build
from metcn.sequences import htslib_quiet

# Genes whose mutations are mostly clonal, so that their allele fraction tells the purity. Those of MET lie in the
# amplicon that is to be judged and are left out by their place.
DRIVERS = frozenset("EGFR KRAS NRAS HRAS BRAF ERBB2 ALK RET ROS1 PIK3CA MAP2K1 TP53 STK11 KEAP1 CTNNB1 IDH1".split())
ANNOTATIONS = ("ANN", "CSQ", "BCSQ", "FUNCOTATION", "GENE", "Gene", "SYMBOL", "GENEINFO", "Gene.refGene")
COMMON = ("DB", "DBSNP", "COMMON", "RS", "POPAF_COMMON")  # INFO flags of known germline variants
COLUMNS = ("chromosome", "position", "reads", "depth", "somatic")
LEAST_DEPTH = 20
HETEROZYGOUS = (0.05, 0.95)  # allele fractions outside are homozygous, or absent


def read(path: Path, sample: str, genome: Genome) -> pd.DataFrame:
    """Sites of a sample's VCF that tell of purity, in its order (columns ``COLUMNS``; position 0-based).

    Single-nucleotide variants with one alternative allele, on autosomes, not filtered, at a depth of at least
    ``LEAST_DEPTH``. A driver mutation (``somatic``) carries a gene of ``DRIVERS`` in its annotation, or INFO/SOMATIC,
    and no mark of a known germline variant. A heterozygous SNP carries such a mark (an rs identifier without a COSMIC
    one, or INFO/DB and the like) and an allele fraction within ``HETEROZYGOUS``. Everything else is left out: a variant
    that could be either tells nothing.

    Raises
    ------
    InputError
        If the file is no VCF, of another build, lacks the sample, or has neither AD nor AF with DP.
    """
    remedy = "give a VCF, uncompressed or compressed by bgzip, or leave the column variants empty"
    try:
        with htslib_quiet(), pysam.VariantFile(str(path)) as file:
            check_build(
                {str(name): contig.length for name, contig in file.header.contigs.items()}, genome, where=str(path)
            )
            column = _column(path, list(file.header.samples), sample)
            formats = set(file.header.formats)
            if "AD" not in formats and not {"AF", "DP"} <= formats:
                raise InputError(
                    f"{path}: expected FORMAT AD, or AF and DP, found {', '.join(sorted(formats)) or 'none'}; "
                    "call variants with allele depths, or leave the column variants empty"
                )
            rows = [row for record in file if (row := _row(record, column)) is not None]
    except (OSError, ValueError, NotImplementedError) as error:  # the last: gzip other than bgzip
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: expected a VCF, it cannot be read ({reason}); {remedy}") from error
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _column(path: Path, names: list[str], sample: str) -> str:
    """Name of the VCF's column for a sample: the only one, or the one of that name."""
    if sample in names:
        return sample
    if len(names) == 1:
        return names[0]
    found = ", ".join(names) or "none"
    raise InputError(f"{path}: expected a column of sample {sample}, found {found}; rename it or keep one sample")


def _row(record: Any, column: str) -> tuple[str, int, int, int, bool] | None:
    """One site as a row of the table; None if it tells nothing."""
    alleles = record.alleles or ()
    plain = len(alleles) == 2 and all(re.fullmatch("[ACGT]", allele or "") for allele in alleles)
    chromosome = bare(record.chrom)
    if not plain or chromosome not in AUTOSOMES or set(record.filter.keys()) - {"PASS", "."}:
        return None
    counted = _reads(record.samples[column])
    if counted is None or counted[1] < LEAST_DEPTH:
        return None
    reads, depth = counted
    known, driver = _known(record), _driver(record)
    if not known and driver and reads > 0:
        return (chromosome, record.pos - 1, reads, depth, True)
    if known and HETEROZYGOUS[0] <= reads / depth <= HETEROZYGOUS[1]:
        return (chromosome, record.pos - 1, reads, depth, False)
    return None


def _reads(call: Any) -> tuple[int, int] | None:
    """Reads of the alternative allele and depth, None where missing."""
    depths = call.get("AD")
    if isinstance(depths, tuple) and len(depths) == 2 and all(isinstance(value, int) for value in depths):
        return (int(depths[1]), int(sum(depths))) if min(depths) >= 0 else None
    fraction, depth = call.get("AF"), call.get("DP")
    fraction = fraction[0] if isinstance(fraction, tuple) else fraction
    if fraction is None or depth is None or not 0 <= fraction <= 1 or depth < 0:
        return None
    return round(fraction * depth), int(depth)


def _known(record: Any) -> bool:
    """Whether a variant is marked as a known germline one."""
    names = (record.id or "").split(";")
    if any(name.upper().startswith(("COS", "CM")) for name in names) or _info(record, "SOMATIC"):
        return False
    return any(re.fullmatch(r"rs\d+", name) for name in names) or any(_info(record, flag) for flag in COMMON)


def _driver(record: Any) -> bool:
    """Whether a variant is a mutation of the tumour: flagged so, or annotated with a driver gene."""
    if _info(record, "SOMATIC"):
        return True
    for key in ANNOTATIONS:
        value = _info(record, key)
        parts = value if isinstance(value, tuple) else (value,)
        if any(DRIVERS & set(re.split(r"[|,:;&()\s]", str(part))) for part in parts if part):
            return True
    return False


def _info(record: Any, key: str) -> Any:
    """Value of an INFO key, None where the record or the header lacks it."""
    return record.info.get(key) if key in record.header.info else None
