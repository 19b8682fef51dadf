"""What a sample's segments and allele fractions say of purity and ploidy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from metcn.genome import build as genomes
from metcn.purity import allele_likelihood, posterior, segment_likelihood
from metcn.purity.grid import Axis, PurityGrid
from metcn.purity.result import FitEvidence
from metcn.stats.estimate import Estimate

MARGIN_BP = 5_000_000  # surroundings of MET that are left out with it: a focal gain fits no purity
FOCAL_BP = 20_000_000  # MET's own segment is left out as focal up to this length
BLOCK_BP = 20_000_000  # stretch whose SNPs share an allelic state: depth does not show where that changes alone
ENOUGH = 5.0  # full segments (20 Mb each) below which no profile is fitted
PURITY_STEP, PLOIDY_STEP = 0.025, 0.05
LOWEST_EVEN = 0.1  # purity below which the points have equal ratios instead of equal distances
FEW_POINTS = 10
PLOIDY_SD, PLOIDIES_AROUND = 0.05, 9  # copies; error of a ploidy given as one number, and points it is summed over
WRONG = 0.02  # probability that a given estimate is a mistake, and any plausible value may be true

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Profile:
    """Segments in the form of the fit, the blocks of SNPs in them (None without any), and mutations."""

    levels: segment_likelihood.Levels
    blocks: allele_likelihood.Blocks | None
    mutations: allele_likelihood.Mutations
    snps: int = 0

    @property
    def enough(self) -> bool:
        """Whether there are segments enough to fit."""
        return float(self.levels.weight.sum()) >= ENOUGH

    @property
    def has_alleles(self) -> bool:
        """Whether there are allele fractions of either kind."""
        return self.blocks is not None or len(self.mutations.reads) > 0


@dataclass(frozen=True, eq=False)
class Likelihoods:
    """Log-likelihood of what was seen at every pair of purities and ploidies, shape (purities, ploidies) each.

    Attributes
    ----------
    purity, ploidy : ndarray of float, one-dimensional
    segments : ndarray of float
        Of the segments alone.
    alleles : ndarray of float, or None
        What allele fractions add to that.
    noise : ndarray of float
        Noise that segments share (log2).
    enough : bool
        Whether there are segments enough to say anything.
    """

    purity: Floats
    ploidy: Floats
    segments: Floats
    alleles: Floats | None
    noise: Floats
    enough: bool


@dataclass(frozen=True, eq=False)
class Findings:
    """What the segments alone say, and what they say with allele fractions (the same where there are none)."""

    segments: Finding
    joint: Finding

    @property
    def has_alleles(self) -> bool:
        """Whether there are allele fractions."""
        return self.joint is not self.segments


@dataclass(frozen=True, eq=False)
class Finding:
    """A belief, the log-likelihood behind it, and the posterior share of points where copies cannot be told apart."""

    belief: posterior.Belief
    log: Floats
    unresolved: float


def profile(segments: pd.DataFrame, sites: pd.DataFrame, facts: genomes.Genome) -> Profile:
    """Autosomal segments and sites; MET's surroundings, and its segment if focal, left out of both.

    ``sites`` has the columns of `metcn.purity.allele_fractions`, and may have ``log_odds`` (by how much reads of a
    SNP's counted allele are favoured) and ``fewest`` (reads of the rarer allele by which it was chosen), else 0.
    """
    table = segments.assign(chromosome=genomes.bare_names(segments["chromosome"]))
    table = table[table["chromosome"].isin(genomes.AUTOSOMES) & table["log2"].notna() & table["se"].notna()]
    table = table[~_of_met(table, facts)].sort_values(["chromosome", "start"], kind="stable").reset_index(drop=True)
    columns = (table[name].to_numpy(float) for name in ("start", "end", "log2", "se", "probes"))
    levels = segment_likelihood.levels(table["chromosome"].to_numpy(str), *columns)
    row, somatic = _rows(table, sites), sites["somatic"].to_numpy(bool)
    ratio = 2 ** table["log2"].to_numpy(float)
    drivers = somatic & (row >= 0)
    reads, depth = (_column(sites, name)[drivers] for name in ("reads", "depth"))
    mutations = allele_likelihood.Mutations(reads, depth, ratio[row[drivers]])
    snps = ~somatic & (np.append(levels.of_row, -1)[row] >= 0)
    return Profile(levels, _blocks(sites[snps], row[snps], table, levels), mutations, int(snps.sum()))


def _blocks(
    snps: pd.DataFrame, row: NDArray[np.intp], table: pd.DataFrame, levels: segment_likelihood.Levels
) -> allele_likelihood.Blocks | None:
    """Blocks of SNPs, each of which lies in a row of the table of segments; None without any."""
    if snps.empty:
        return None
    number = (_column(snps, "position") - table["start"].to_numpy()[row]) // BLOCK_BP
    names, block = np.unique(np.stack([row, number.astype(int)]), axis=1, return_inverse=True)
    reads, depth, log_odds, fewest = (_column(snps, name) for name in ("reads", "depth", "log_odds", "fewest"))
    counted = allele_likelihood.Snps(reads, depth, block.ravel(), log_odds, fewest)
    return allele_likelihood.Blocks.of(counted, levels.of_row[names[0]])


def _column(table: pd.DataFrame, name: str) -> Floats:
    """Numbers of a column, 0 throughout where there is none."""
    return table[name].to_numpy(float) if name in table else np.zeros(len(table))


def _rows(table: pd.DataFrame, sites: pd.DataFrame) -> NDArray[np.intp]:
    """Row of the segment that each site lies in, -1 where it lies in none."""
    row = np.full(len(sites), -1)
    for chromosome, part in table.groupby("chromosome", sort=False):
        on = np.flatnonzero((sites["chromosome"] == chromosome).to_numpy())
        place = sites["position"].to_numpy()[on]
        nearest = np.searchsorted(part["start"].to_numpy(), place, side="right") - 1
        inside = (nearest >= 0) & (place < part["end"].to_numpy()[nearest])
        row[on[inside]] = part.index.to_numpy()[nearest[inside]]
    return row


def purity_points(low: float, high: float) -> Floats:
    """Purities to fit at from ``low`` to ``high``."""
    start = min(max(low, LOWEST_EVEN), high)
    even = np.linspace(start, high, round((high - start) / PURITY_STEP) + 1)
    return np.concatenate([np.geomspace(low, start, FEW_POINTS)[:-1], even]) if low < start else even


def ploidy_points(low: float, high: float) -> Floats:
    """Ploidies to fit at from ``low`` to ``high``."""
    return np.linspace(low, high, round((high - low) / PLOIDY_STEP) + 1)


def likelihoods(seen: Profile, purity: Floats, ploidy: Floats) -> Likelihoods:
    """What segments and allele fractions say at each pair of purity and ploidy.

    A single ploidy was given by someone, with an error of ``PLOIDY_SD``: its neighbours are summed over.
    """
    if len(ploidy) > 1:
        return _likelihoods(seen, purity, ploidy)
    away = np.linspace(-2, 2, PLOIDIES_AROUND)
    around = _likelihoods(seen, purity, ploidy + PLOIDY_SD * away)
    weight = posterior.tied(-0.5 * np.repeat(away[None] ** 2, len(purity), axis=0), purity, around.ploidy)
    segments = logsumexp(around.segments + weight, axis=1, keepdims=True)
    noise = around.noise[:, PLOIDIES_AROUND // 2 :][:, :1]
    alleles = around.alleles
    if alleles is not None:
        alleles = logsumexp(around.segments + alleles + weight, axis=1, keepdims=True) - segments
    return Likelihoods(purity, ploidy, segments, alleles, noise, seen.enough)


def _likelihoods(seen: Profile, purity: Floats, ploidy: Floats) -> Likelihoods:
    """The same at ploidies that lie close together."""
    alone = segment_likelihood.fit(seen.levels, purity, ploidy)
    alleles = allele_likelihood.of_mutations(seen.mutations, purity, ploidy)
    if seen.blocks is not None:
        both = segment_likelihood.fit(seen.levels, purity, ploidy, alleles=seen.blocks)
        alleles += both.log_likelihood - alone.log_likelihood
    told = alleles if seen.has_alleles else None
    return Likelihoods(purity, ploidy, alone.log_likelihood, told, alone.noise, seen.enough)


def log_prior(given: Axis, purity: Floats, plausible: float) -> Floats:
    """Log of the prior density at each purity: 0 unless an estimate is given.

    The estimate may be a mistake, with a probability of ``WRONG``: then any purity is possible over a width of
    ``plausible``.
    """
    if not given.sd:
        return np.zeros(len(purity))
    return np.log((1 - WRONG) * _density(given, purity) + WRONG / plausible)


def mistaken(given: Axis, found: PurityGrid, plausible: float) -> float:
    """Probability that a given estimate is a mistake, by a posterior; 0 without an estimate."""
    if not given.sd:
        return 0.0
    right = (1 - WRONG) * _density(given, found.purity)
    return float(found.weight @ (WRONG / plausible / (right + WRONG / plausible)))


def _density(estimate: Axis, values: Floats) -> Floats:
    """Probability density of an estimate at each value."""
    density: Floats = estimate.weight(values) / (estimate.sd * np.sqrt(2 * np.pi))
    return density


def findings(found: Likelihoods, *, floor: float, prior: Floats | None = None) -> Findings:
    """What the segments say, and what everything says together.

    ``floor`` is the lowest purity that segments may claim, and ``prior`` the log of a density at each purity.
    """
    clear = posterior.resolved(found.noise, found.purity, found.ploidy, floor=floor) & found.enough
    segments = posterior.capped(found.segments if found.enough else np.zeros_like(found.segments), clear)
    weighed = replace(found, segments=segments)
    prior = np.zeros(len(found.purity)) if prior is None else prior
    by_segments = _finding(weighed, segments, clear, prior)
    if found.alleles is None:
        return Findings(by_segments, by_segments)
    # allele fractions tell what depth alone does not, as far as they make purity definite
    joint = _finding(weighed, segments + found.alleles, np.ones_like(clear), prior)
    return Findings(by_segments, joint if by_segments.belief.identified else _stated(joint))


def _finding(over: Likelihoods, log: Floats, clear: NDArray[np.bool_], prior: Floats) -> Finding:
    """Belief of a log-likelihood; not identified where too much of it lies at points that are not ``clear``."""
    axes = over.purity, over.ploidy
    seen = (posterior.blurred(log, over.purity) if len(over.purity) > 1 else log) + prior[:, None]
    unresolved = float(posterior.posterior(seen, *axes)[~clear].sum())
    share = posterior.posterior(posterior.tied(seen, *axes), *axes)
    return Finding(posterior.belief(share, *axes, identified=unresolved <= posterior.MOST_UNRESOLVED), seen, unresolved)


def _stated(found: Finding) -> Finding:
    """The finding, identified only if it gives a value of purity."""
    definite = found.belief.identified and bool(np.isfinite(found.belief.value["purity"]))
    return replace(found, belief=replace(found.belief, identified=definite))


def _of_met(table: pd.DataFrame, facts: genomes.Genome) -> NDArray[np.bool_]:
    """Segments within MET's surroundings, and the one that holds MET if it is focal."""
    on_seven = table["chromosome"] == genomes.MET_CHROMOSOME
    first, last = facts.met
    holds = (table["start"] < last) & (table["end"] > first) & (table["end"] - table["start"] < FOCAL_BP)
    near = (table["start"] >= first - MARGIN_BP) & (table["end"] <= last + MARGIN_BP)
    return (on_seven & (holds | near)).to_numpy()


def summary(found: Finding, source: str, *, used: bool) -> FitEvidence:
    """Evidence of a finding for the JSON: what may be stated, with intervals, and all modes, best first."""
    belief = found.belief
    return FitEvidence(
        source=source,
        used=used,
        identified=belief.identified,
        purity=Estimate(belief.value["purity"], *belief.span["purity"]),
        ploidy=Estimate(belief.value["ploidy"], *belief.span["ploidy"]),
        modes=belief.modes,
        unresolved=found.unresolved,
        log_likelihood_range=float(np.ptp(found.log)),
    )
