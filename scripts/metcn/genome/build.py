"""Facts of a reference genome: contigs, bands, genes, MET's exons and the windows that stand in for CEP7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.errors import InputError
from metcn.files import resource_root

BUILDS = ("GRCh37", "GRCh38")
AUTOSOMES = tuple(str(number) for number in range(1, 23))
SEX_CHROMOSOMES = ("X", "Y")
MET_CHROMOSOME = "7"
NEIGHBOURS = ("TFEC", "TES", "CAV2", "CAV1", "CAPZA2", "ST7", "WNT2", "CFTR")  # within 1 Mb of MET, co-amplified
CONTEXT = ("EGFR", "HGF", "CDK6", "SMO", "BRAF", "EZH2")  # further off on chromosome 7

Interval = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Genome:
    """Facts of one build: bare chromosome names, 0-based half-open coordinates, everything on chr7 unless it says else.

    Attributes
    ----------
    name : str
        ``GRCh37`` or ``GRCh38``.
    contigs : dict of str to int
        Length in bp of 1-22, X, Y and MT.
    centromere : dict of str to (int, int)
        Extent of the ``acen`` bands.
    cytobands : DataFrame
        chromosome, start, end, band, stain.
    met, egfr : (int, int)
        Gene bodies.
    met_exons : array of int64, shape (21, 2)
        Start and end of exons 1 to 21 of NM_000245 (ENST00000397752).
    genes : DataFrame
        chr7 genes: gene, start, end, strand.
    cep7_p, cep7_q : (int, int)
        Windows beside the centromere (tier ``pericentromere``).
    proximal_p, proximal_q : (int, int)
        Wider windows (tier ``proximal``).
    egfr_risk : (int, int)
        Stretch of 7p that amplicons of EGFR reach.
    blacklist : DataFrame
        ENCODE blacklist: chromosome, start, end, reason.
    resistance_genes : DataFrame
        Genes whose gain is another way to resist, which name bins and which guided reading reads: gene, chromosome,
        start, end.
    placed_genes : DataFrame
        These and further genes whose copies are told where the assay's bins lie in them, in the same columns.
    """

    name: str
    contigs: dict[str, int]
    centromere: dict[str, Interval]
    cytobands: pd.DataFrame
    met: Interval
    egfr: Interval
    met_exons: NDArray[np.int64]
    genes: pd.DataFrame
    cep7_p: Interval
    cep7_q: Interval
    proximal_p: Interval
    proximal_q: Interval
    egfr_risk: Interval
    blacklist: pd.DataFrame
    resistance_genes: pd.DataFrame
    placed_genes: pd.DataFrame


@lru_cache
def load(name: str) -> Genome:
    """Facts of the build ``name``, read once per process; treat them as read-only.

    Raises
    ------
    InputError
        If ``name`` is not a known build.
    """
    if name not in BUILDS:
        raise InputError(f"genome must be one of {', '.join(BUILDS)}; got {name!r}; correct it in the configuration")
    folder = resource_root() / name
    cytobands = _read(folder / "cytobands.tsv")
    marks = _intervals(_read(folder / "landmarks.tsv"), "landmark")
    contigs = _read(folder / "contigs.tsv")
    exons = _read(folder / "met_exons.tsv")[["start", "end"]].to_numpy(dtype=np.int64)
    exons.flags.writeable = False
    listed = _read(folder.parent / "genes.tsv")
    placed = listed[listed["genome"] == name].drop(columns="genome").reset_index(drop=True)
    return Genome(
        name=name,
        contigs=dict(zip(contigs["chromosome"].tolist(), contigs["length"].tolist(), strict=True)),
        centromere=_intervals(cytobands[cytobands["stain"] == "acen"], "chromosome"),
        cytobands=cytobands,
        met_exons=exons,
        genes=_read(folder / "chr7_genes.tsv"),
        blacklist=_read(folder / "blacklist.tsv"),
        resistance_genes=placed[placed["guided"] == "yes"].drop(columns="guided").reset_index(drop=True),
        placed_genes=placed.drop(columns="guided"),
        **marks,
    )


def _read(path: Path) -> pd.DataFrame:
    """One of our own tab-separated fact tables."""
    return pd.read_csv(path, sep="\t", dtype={"chromosome": str}, keep_default_na=False)


def _intervals(table: pd.DataFrame, name: str) -> dict[str, Interval]:
    """Extent from the first start to the last end of the rows that share a name."""
    extent = table.groupby(name, sort=False).agg(start=("start", "min"), end=("end", "max"))
    spans = zip(extent["start"].tolist(), extent["end"].tolist(), strict=True)
    return dict(zip(extent.index.tolist(), spans, strict=True))


def bare(name: str) -> str:
    """Chromosome name without ``chr``, the mitochondrion as ``MT``: ``chrM`` -> ``MT``, ``chrx`` -> ``X``."""
    name = str(name)
    if name[:3].lower() == "chr":
        name = name[3:]
    if name.upper() in ("X", "Y", "M", "MT"):
        name = name.upper()
    return "MT" if name == "M" else name


def bare_names(chromosome: pd.Series) -> pd.Series:
    """`bare` of every name of a column, each looked at once: genomes have millions of bins on few chromosomes."""
    return chromosome.map({name: bare(name) for name in chromosome.unique()})


def ends(genome: Genome, chromosome: pd.Series) -> pd.Series:
    """Length of each chromosome that is the same in all distributions of the build, infinite for any other.

    The mitochondrion is none of these (see `check_build`), so nothing lies beyond its end.
    """
    known = {name: length for name, length in genome.contigs.items() if _wide_role(name) != "other"}
    return chromosome.map({name: known.get(bare(name), np.inf) for name in chromosome.unique()}).astype(float)


def role_of(genome: Genome, chromosome: Sequence[str] | Any, start: Any, end: Any) -> NDArray[np.str_]:
    """Role of each bin: met, cep7, chr7, backbone, sex or other.

    A bin is ``met`` if it overlaps MET's gene body by at least one base, ``cep7`` if its midpoint lies in a window
    beside the centromere, ``chr7`` elsewhere on chromosome 7; ``backbone`` are the other autosomes, ``sex`` X and Y,
    ``other`` whatever is left (mitochondrion, decoys, alternative and unplaced contigs).

    Parameters
    ----------
    genome : Genome
        Facts of the build.
    chromosome : array_like of str, shape (bins,)
        Names with or without ``chr``.
    start, end : array_like of int, shape (bins,)
        0-based half-open coordinates, in bp.

    Returns
    -------
    ndarray of str, shape (bins,)
    """
    codes, names = pd.factorize(np.asarray(chromosome, dtype=object))
    wide = np.array([_wide_role(bare(name)) for name in names] or [""], dtype="<U8")
    roles = wide[codes]
    start, end = np.asarray(start, dtype=np.int64), np.asarray(end, dtype=np.int64)
    # midpoints compared doubled, so that a bin of odd width needs no rounding
    doubled = start + end
    on_seven = roles == "chr7"
    near = np.zeros(len(roles), dtype=bool)
    for low, high in (genome.cep7_p, genome.cep7_q):
        near |= (doubled >= 2 * low) & (doubled < 2 * high)
    roles[on_seven & near] = "cep7"
    roles[on_seven & (start < genome.met[1]) & (end > genome.met[0])] = "met"
    return roles


def _wide_role(name: str) -> str:
    """Role of a bin as far as its chromosome alone tells it."""
    if name == MET_CHROMOSOME:
        return "chr7"
    if name in AUTOSOMES:
        return "backbone"
    return "sex" if name in SEX_CHROMOSOMES else "other"


def check_build(contigs: Mapping[str, int | None], genome: Genome, *, where: str = "the input") -> list[str]:
    """Reasons why the build stays unproven, empty if the contig lengths prove it.

    Only 1-22, X and Y are compared: the mitochondrion differs between two distributions of one build (hg19's chrM has
    16,571 bases, MT of GRCh37 has 16,569), and decoys, alternative and unplaced contigs come and go.

    Parameters
    ----------
    contigs : mapping of str to int or None
        Length in bp of every contig of the input, by its own name; None where the input does not tell.
    genome : Genome
        Facts of the build the user named.
    where : str
        What was looked at, for messages.

    Returns
    -------
    list of str
        ``build_not_verified`` if no contig has a length of this build, ``met_not_covered`` if chromosome 7 is absent.

    Raises
    ------
    InputError
        If a length is that of the other build, chromosome 7 has a length of neither, or a chromosome is there twice.
    """
    lengths = {name: int(length) for name, length in contigs.items() if length and _wide_role(bare(name)) != "other"}
    spelling: dict[str, str] = {}
    for name in lengths:
        if (other_name := spelling.setdefault(bare(name), name)) != name:
            raise InputError(
                f"expected one contig per chromosome in {where}, found both {other_name} and {name}; "
                "give data aligned to one reference"
            )
    right = [name for name, length in lengths.items() if length == genome.contigs[bare(name)]]
    for other in (load(build) for build in BUILDS if build != genome.name):
        wrong = [name for name, length in lengths.items() if length == other.contigs[bare(name)]]
        if wrong:
            raise InputError(
                f"expected {genome.name} as configured, but {where} is {other.name}: contig {wrong[0]} has "
                f"{lengths[wrong[0]]:,} bp, not {genome.contigs[bare(wrong[0])]:,}; set genome: {other.name}, "
                f"or give data aligned to {genome.name}"
            )
    for name, length in lengths.items():
        if bare(name) == MET_CHROMOSOME and name not in right:
            raise InputError(
                f"expected {genome.contigs[MET_CHROMOSOME]:,} bp for contig {name} of {genome.name}, but {where} has "
                f"{length:,}, which is no build known here; give data aligned to {' or '.join(BUILDS)}"
            )
    reasons = [] if right else ["build_not_verified"]
    if not any(bare(name) == MET_CHROMOSOME for name in contigs):
        reasons.append("met_not_covered")
    return reasons
