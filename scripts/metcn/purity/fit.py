"""What a sample's segments and allele fractions say of purity and ploidy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.genome import build as genomes
from metcn.purity import allele_likelihood, posterior, segment_likelihood
from metcn.purity.result import FitEvidence
from metcn.stats.estimate import Estimate

MARGIN_BP = 5_000_000  # surroundings of MET that are left out with it: a focal gain fits no purity
FOCAL_BP = 20_000_000  # MET's own segment is left out as focal up to this length
ENOUGH = 5.0  # full segments (20 Mb each) below which no profile is fitted
PURITY_STEP, PLOIDY_STEP = 0.025, 0.05
LOWEST_EVEN = 0.1  # purity below which the points have equal ratios instead of equal distances
FEW_POINTS = 10

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """Segments in the form of the fit, and allele fractions with the depth ratio of the segment they lie in."""

    levels: segment_likelihood.Levels
    sites: allele_likelihood.Sites
    ratio: Floats

    @property
    def enough(self) -> bool:
        """Whether there are segments enough to fit."""
        return float(self.levels.weight.sum()) >= ENOUGH


@dataclass(frozen=True)
class Finding:
    """A belief, the log-likelihood behind it, and the posterior share of points where copies cannot be told apart."""

    belief: posterior.Belief
    log: Floats
    unresolved: float


def profile(segments: pd.DataFrame, variants: pd.DataFrame, facts: genomes.Genome) -> Profile:
    """Autosomal segments and sites; MET's surroundings, and its segment if focal, left out of both."""
    table = segments.assign(chromosome=genomes.bare_names(segments["chromosome"]))
    table = table[table["chromosome"].isin(genomes.AUTOSOMES) & table["log2"].notna() & table["se"].notna()]
    table = table[~_of_met(table, facts)].sort_values(["chromosome", "start"], kind="stable").reset_index(drop=True)
    columns = (table[name].to_numpy(float) for name in ("start", "end", "log2", "se", "probes"))
    observed = segment_likelihood.levels(table["chromosome"].to_numpy(str), *columns)
    stretch = np.full(len(variants), -1)
    for chromosome, part in table.groupby("chromosome", sort=False):
        on = np.flatnonzero((variants["chromosome"] == chromosome).to_numpy())
        place = variants["position"].to_numpy()[on]
        row = np.searchsorted(part["start"].to_numpy(), place, side="right") - 1
        inside = (row >= 0) & (place < part["end"].to_numpy()[row])
        stretch[on[inside]] = part.index.to_numpy()[row[inside]]
    kept = variants[stretch >= 0]
    sites = allele_likelihood.Sites(
        reads=kept["reads"].to_numpy(float),
        depth=kept["depth"].to_numpy(float),
        stretch=stretch[stretch >= 0],
        somatic=kept["somatic"].to_numpy(bool),
    )
    return Profile(observed, sites, 2 ** table["log2"].to_numpy(float))


def purity_points(low: float, high: float) -> Floats:
    """Purities to fit at from ``low`` to ``high``."""
    start = min(max(low, LOWEST_EVEN), high)
    even = np.linspace(start, high, round((high - start) / PURITY_STEP) + 1)
    return np.concatenate([np.geomspace(low, start, FEW_POINTS)[:-1], even]) if low < start else even


def ploidy_points(low: float, high: float) -> Floats:
    """Ploidies to fit at from ``low`` to ``high``."""
    return np.linspace(low, high, round((high - low) / PLOIDY_STEP) + 1)


def by_segments(found: Profile, purity: Floats, ploidy: Floats, *, floor: float, response: bool) -> Finding:
    """What the segments alone say; ``response`` adds the error of a fitted purity from the assay's response."""
    fit = segment_likelihood.fit(found.levels, purity, ploidy)
    clear = posterior.resolved(fit.noise, purity, ploidy, floor=floor)
    log = posterior.capped(fit.log_likelihood, clear) if found.enough else np.zeros_like(fit.log_likelihood)
    return _finding(log, clear & found.enough, purity, ploidy, response=response, tied=True)


def by_alleles(found: Profile, purity: Floats, ploidy: Floats) -> Finding | None:
    """What the allele fractions alone say; None where there are none."""
    if not len(found.sites.reads):
        return None
    log = allele_likelihood.log_likelihood(found.sites, found.ratio, purity, ploidy)
    return _stated(_finding(log, np.ones_like(log, dtype=bool), purity, ploidy, response=False, tied=False))


def together(first: Finding, second: Finding, purity: Floats, ploidy: Floats) -> Finding:
    """What segments and allele fractions say together, as far as the latter make purity definite or the former did."""
    everywhere = np.ones_like(first.log, dtype=bool)
    joint = _finding(first.log + second.log, everywhere, purity, ploidy, response=False, tied=True)
    return joint if first.belief.identified else _stated(joint)


def _finding(
    log: Floats, clear: NDArray[np.bool_], purity: Floats, ploidy: Floats, *, response: bool, tied: bool
) -> Finding:
    """Belief of a log-likelihood; not identified where too much of it lies at points that are not ``clear``.

    ``tied`` says that it comes from segments, whose copies fix the ploidy.
    """
    seen = posterior.blurred(log, purity) if response and len(purity) > 1 else log
    unresolved = float(posterior.posterior(seen, purity, ploidy)[~clear].sum())
    weighed = posterior.tied(seen, purity, ploidy) if tied else seen
    belief = posterior.belief(posterior.posterior(weighed, purity, ploidy), purity, ploidy)
    return Finding(replace(belief, identified=unresolved <= posterior.MOST_UNRESOLVED), seen, unresolved)


def _stated(found: Finding) -> Finding:
    """The finding, identified only if it gives a value of purity."""
    return replace(found, belief=replace(found.belief, identified=bool(np.isfinite(found.belief.value["purity"]))))


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
        modes=tuple(belief.modes),
        unresolved=found.unresolved,
        log_likelihood_range=float(np.ptp(found.log)),
    )
