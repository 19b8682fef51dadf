"""Tumours whose answer is known: copies along the genome, purity, and what every bin should read.

A karyotype lists the tumour cells' copies along the whole genome; the presets are the situations a MET verdict has to
tell apart. Copies on X are those of a female tumour; a male's smaller dose is applied beside them, because the one
equation (`metcn.mixture`) holds for loci with two germline copies. Y is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metcn.errors import InputError
from metcn.mixture import expected_ratio

AUTOSOMES = tuple(str(number) for number in range(1, 23))
CHROMOSOMES = (*AUTOSOMES, "X")
PROFILES = ("diploid", "focal", "gain_7q", "polysomy", "met_egfr", "doubled")
TRUTH_COLUMNS = (
    "sample", "profile", "purity", "ploidy", "met_copies", "cep7_copies", "met_cep7", "met_ratio", "egfr_copies",
)  # fmt: skip


class Segment(NamedTuple):
    """A stretch of one chromosome (bare name, 0-based half-open) on which the tumour's copies are constant."""

    chromosome: str
    start: int
    end: int
    copies: float


Karyotype = list[Segment]


def diploid(genome: Any) -> Karyotype:
    """Two copies of every autosome and of X over their whole length."""
    return [Segment(name, 0, int(genome.contigs[name]), 2.0) for name in CHROMOSOMES]


def with_copies(karyotype: Karyotype, chromosome: str, start: int, end: int, copies: float) -> Karyotype:
    """The karyotype with ``copies`` on one interval and everything else as it was."""
    painted: Karyotype = []
    for segment in karyotype:
        left, right = max(start, segment.start), min(end, segment.end)
        if segment.chromosome != chromosome or left >= right:
            painted.append(segment)
            continue
        pieces = (
            Segment(chromosome, segment.start, left, segment.copies),
            Segment(chromosome, left, right, float(copies)),
            Segment(chromosome, right, segment.end, segment.copies),
        )
        painted += [piece for piece in pieces if piece.start < piece.end]
    return painted


def preset(genome: Any, profile: str, *, copies: float | None = None, size_bp: int = 3_000_000) -> Karyotype:
    """One of the situations in `PROFILES`, as a karyotype.

    ``copies`` are those of MET: by default 12 in an amplicon (``focal``, ``met_egfr``, ``doubled``), 5 on 7q
    (``gain_7q``) and 6 of the whole chromosome (``polysomy``). ``size_bp`` is the width of an amplicon centred on its
    gene. EGFR's is never wider than 2 Mb, so that it ends short of the stretch of 7p that stands in for CEP7.

    Raises
    ------
    InputError
        If ``profile`` is not one of `PROFILES`.
    """
    if profile not in PROFILES:
        raise InputError(
            f"expected a tumour profile out of {', '.join(PROFILES)}, found '{profile}'; choose one of them"
        )
    karyotype = diploid(genome)
    if profile == "doubled":
        karyotype = [segment._replace(copies=4.0) for segment in karyotype]
    elif profile == "gain_7q":
        arm = (genome.centromere["7"][1], genome.contigs["7"])
        karyotype = with_copies(karyotype, "7", *arm, 5.0 if copies is None else copies)
    elif profile == "polysomy":
        karyotype = with_copies(karyotype, "7", 0, genome.contigs["7"], 6.0 if copies is None else copies)
    amplicon_copies = 12.0 if copies is None else copies
    if profile in ("focal", "met_egfr", "doubled"):
        karyotype = with_copies(karyotype, "7", *_around(genome.met, size_bp), amplicon_copies)
    if profile == "met_egfr":
        karyotype = with_copies(karyotype, "7", *_around(genome.egfr, min(size_bp, 2_000_000)), amplicon_copies)
    return karyotype


def _around(gene: tuple[int, int], size_bp: int) -> tuple[int, int]:
    """Interval of ``size_bp`` centred on a gene."""
    start = (gene[0] + gene[1] - size_bp) // 2
    return start, start + size_bp


def with_background(karyotype: Karyotype, genome: Any) -> Karyotype:
    """The karyotype with alterations outside chromosome 7, as most tumours have: +1q, +8q, -9p, -17p."""
    for chromosome, arm, change in (("1", "q", 1), ("8", "q", 1), ("9", "p", -1), ("17", "p", -1)):
        left, right = genome.centromere[chromosome]
        start, end = (0, left) if arm == "p" else (right, genome.contigs[chromosome])
        copies = mean_copies_over(karyotype, chromosome, start, end) + change
        karyotype = with_copies(karyotype, chromosome, start, end, copies)
    return karyotype


def ploidy(karyotype: Karyotype) -> float:
    """Mean copies over the autosomes, weighted by length."""
    autosomal = [segment for segment in karyotype if segment.chromosome in AUTOSOMES]
    lengths = [segment.end - segment.start for segment in autosomal]
    return float(np.average([segment.copies for segment in autosomal], weights=lengths))


def copies_over(karyotype: Karyotype, chromosome: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Length-weighted mean copies over each interval; NaN where the karyotype says nothing about any of it.

    The integral of copies up to a position is piecewise linear, so two look-ups per interval give the exact mean
    however many breakpoints lie inside.
    """
    chromosome, start, end = (np.atleast_1d(np.asarray(array)) for array in (chromosome, start, end))
    mean = np.full(len(start), np.nan)
    for name in np.unique(chromosome):
        pieces = sorted(segment for segment in karyotype if segment.chromosome == name)
        if not pieces:
            continue
        at = np.flatnonzero(chromosome == name)
        edges = np.array([(piece.start, piece.end) for piece in pieces], float).ravel()
        lengths = np.array([(piece.end - piece.start, 0) for piece in pieces], float).ravel()
        known = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        total = np.concatenate([[0], np.cumsum(lengths * np.repeat([piece.copies for piece in pieces], 2))[:-1]])
        covered = np.interp(end[at], edges, known) - np.interp(start[at], edges, known)
        summed = np.interp(end[at], edges, total) - np.interp(start[at], edges, total)
        mean[at] = np.divide(summed, covered, out=np.full(len(at), np.nan), where=covered > 0)
    return mean


def mean_copies_over(karyotype: Karyotype, chromosome: str, start: int, end: int) -> float:
    """Length-weighted mean copies over one interval (NaN where the karyotype says nothing)."""
    return float(copies_over(karyotype, np.array([chromosome]), np.array([start]), np.array([end]))[0])


@dataclass(frozen=True)
class Sample:
    """One simulated sample: what it is, and what its row of the sample sheet says about it.

    ``purity`` is the true one; ``stated_purity`` and ``stated_ploidy`` are what the sheet says ("" = unknown; None =
    the truth). A normal is a sample of purity 0.
    """

    name: str
    karyotype: Karyotype
    purity: float = 0.0
    profile: str = "diploid"
    role: str = "tumour"
    specimen: str = "tissue"
    sex: str = "female"
    stated_purity: str | None = None
    stated_ploidy: str | None = None
    patient: str = ""
    timepoint: str = ""

    def sheet_purity(self) -> str:
        """Purity as the sample sheet states it."""
        return f"{self.purity:g}" if self.stated_purity is None else self.stated_purity

    def sheet_ploidy(self) -> str:
        """Ploidy as the sample sheet states it."""
        return f"{ploidy(self.karyotype):.3f}" if self.stated_ploidy is None else self.stated_ploidy


def normal(genome: Any, name: str, *, sex: str = "female") -> Sample:
    """A normal for the panel of normals: two copies of everything, no tumour cell."""
    return Sample(name, diploid(genome), role="normal", sex=sex, stated_purity="", stated_ploidy="")


def ratio_over(sample: Sample, chromosome: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Expected depth ratio of each interval (autosomal mean 1; a male's X reads half; NaN off the karyotype)."""
    copies = copies_over(sample.karyotype, chromosome, start, end)
    dose = np.where(np.asarray(chromosome) == "X", 0.5 if sample.sex == "male" else 1.0, 1.0)
    return dose * expected_ratio(copies, sample.purity, ploidy(sample.karyotype))


def truth(genome: Any, samples: list[Sample]) -> pd.DataFrame:
    """A row per tumour: what a perfect pipeline would say (columns `TRUTH_COLUMNS`)."""
    rows = []
    for sample in samples:
        if sample.role != "tumour":
            continue
        mean_ploidy = ploidy(sample.karyotype)
        met = mean_copies_over(sample.karyotype, "7", *genome.met)
        # The mean of both sides, not of all bases: a FISH probe on the centromere lies between them.
        sides = [mean_copies_over(sample.karyotype, "7", *side) for side in (genome.cep7_p, genome.cep7_q)]
        cep7 = float(np.mean(sides))
        ratio = float(expected_ratio(met, sample.purity, mean_ploidy))
        egfr = mean_copies_over(sample.karyotype, "7", *genome.egfr)
        numbers = [round(x, 4) for x in (mean_ploidy, met, cep7, met / cep7, ratio, egfr)]
        rows.append((sample.name, sample.profile, sample.purity, *numbers))
    return pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))
