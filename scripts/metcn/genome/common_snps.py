"""Common SNPs of a build as shipped with the project's facts, and what is known of their two bases.

Two lists in one (``resources/README.md``). Of a site of the genome's list the bases are those of the forward strand,
but which of them is the reference is not known: the more frequent one comes first. Of the exome's list the reference
comes first, but both may be those of the other strand, which of A/T and C/G cannot be told.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.errors import InputError
from metcn.files import common_snps
from metcn.genome.build import Genome

LISTS = ("genome", "exome", "both")
BEGINNING = b"#common SNPs of "
COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


def is_shipped(path: Path) -> bool:
    """Whether a file is a list of this form, whatever its name; False for one that cannot be read as gzip."""
    try:
        with gzip.open(path, "rb") as handle:
            return handle.read(len(BEGINNING)) == BEGINNING
    except (OSError, EOFError):
        return False


@lru_cache
def load(genome: Genome, path: Path | None = None) -> pd.DataFrame:
    """Sites in genome order, each place once: chromosome, start, end, ref, alt, maf, list, ref_known.

    Bare names; autosomes alone. ``maf`` is the frequency of the rarer base in 1000 Genomes, NaN where unknown (list
    ``exome``); ``ref_known`` whether ``ref`` is the reference base, on either strand, rather than the more frequent
    one. Read once per process: treat it as read-only.

    Raises
    ------
    InputError
        If ``path`` is the list of another build.

    >>> from metcn.genome import build
    >>> load(build.load("GRCh37")).iloc[2][["chromosome", "start", "ref", "alt", "list"]].tolist()
    ['1', 122871, 'T', 'G', 'genome']
    """
    path = path or common_snps(genome.name)
    with gzip.open(path, "rt", encoding="ascii") as handle:
        name = handle.readline().removeprefix(BEGINNING.decode()).strip()
        if name != genome.name:
            raise InputError(
                f"{path}: expected common SNPs of {genome.name}, found those of {name}; remove the key snps"
            )
        text = dict.fromkeys(("chromosome", "ref", "alt", "list"), str)
        table = pd.read_csv(handle, sep="\t", dtype={**text, "start": np.int64, "maf": np.float64})
    known = (table["list"] != "genome") & ~own_complement(table)
    return table.assign(end=table["start"] + 1, ref_known=known)[
        ["chromosome", "start", "end", "ref", "alt", "maf", "list", "ref_known"]
    ]


def own_complement(sites: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether the two bases of each site (``ref``, ``alt``) are each other's complement, so that strands look alike."""
    return (sites["ref"].map(COMPLEMENT) == sites["alt"]).to_numpy(bool)


def complemented(sites: pd.DataFrame, which: NDArray[np.bool_]) -> pd.DataFrame:
    """The sites with both bases of some of them replaced by those of the other strand."""
    return sites.assign(**{name: sites[name].mask(which, sites[name].map(COMPLEMENT)) for name in ("ref", "alt")})
