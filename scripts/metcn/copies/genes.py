"""Copies of genes other than MET, estimated as MET's are: other ways to resist, MET's neighbours, losses as context."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from metcn.copies import detection_limit, focality, loci
from metcn.copies import posterior as estimating
from metcn.copies.estimates import GeneEstimate, GeneLoss
from metcn.copies.records import Mixture
from metcn.genome import build as genomes
from metcn.stats.estimate import Estimate

DRAWS, DRAWS_OF_ALTERNATIVES = 1024, 256  # fewer than for MET, since no verdict rests on these
BOUNDS = (5,)
ONE_LEFT = 1.5  # copies between one and two: below it at most one is left, whatever the ploidy
SURELY_LOST = 0.995  # probability from which a loss is stated: four genes are looked at, and one in 200 errs
SURELY_KEPT = 0.95


def copies_of(
    names: Iterable[str],
    bins: loci.Profile,
    mixture: Mixture,
    facts: genomes.Genome,
    *,
    alpha: float,
    decide: float,
) -> tuple[GeneEstimate, ...]:
    """Estimate of each gene that the build or the assay knows, in the order given; missing where no bin covers it.

    Focality is that of `metcn.copies.focality.classify`, with the gene's own arm and the other arm in the places of 7q
    and CEP7-like. Of so many genes noise always lifts one, so ``focal`` is said only of a gene that lies above its arm
    by more than noise does with probability ``alpha``.
    """
    return tuple(
        _estimate(locus, bins, mixture, facts, alpha=alpha, decide=decide)
        for locus in loci.locate(names, bins, facts)
        if locus.chromosome in genomes.AUTOSOMES  # the equation holds for two germline copies
    )


def losses_of(
    names: Iterable[str], bins: loci.Profile, mixture: Mixture, facts: genomes.Genome
) -> tuple[GeneLoss, ...]:
    """Loss of each gene that the build or the assay knows, in the order given.

    ``lost`` where at most one copy is left, surely (99.5 %) at every plausible purity and ploidy; ``not_lost`` where
    more are, by 95 %; else, as where purity is too low to tell, ``indeterminate``. A doubled genome that has lost two
    of four copies is not lost by this.
    """
    return tuple(
        _loss(locus, bins, mixture, facts)
        for locus in loci.locate(names, bins, facts)
        if locus.chromosome in genomes.AUTOSOMES
    )


def _loss(locus: loci.Locus, bins: loci.Profile, mixture: Mixture, facts: genomes.Genome) -> GeneLoss:
    """Loss of one gene; its focality is not told, so what it takes does not matter."""
    found = _estimate(locus, bins, mixture, facts, alpha=1 - SURELY_LOST, decide=SURELY_KEPT, bounds=(ONE_LEFT,))
    kept = found.reached[f"{ONE_LEFT:g}"]
    lost = Estimate(1 - kept.value, 1 - kept.high, 1 - kept.low)
    return GeneLoss(found, lost, status_of(lost))


def status_of(lost: Estimate) -> str:
    """Status by the probability of a loss; indeterminate where that is missing.

    >>> [status_of(Estimate(value, value, value)) for value in (1.0, 0.5, 0.0, float("nan"))]
    ['lost', 'indeterminate', 'not_lost', 'indeterminate']
    """
    if lost.low >= SURELY_LOST:
        return "lost"
    return "not_lost" if lost.high <= 1 - SURELY_KEPT else "indeterminate"


def _estimate(
    locus: loci.Locus,
    bins: loci.Profile,
    mixture: Mixture,
    facts: genomes.Genome,
    *,
    alpha: float,
    decide: float,
    bounds: tuple[float, ...] = BOUNDS,
) -> GeneEstimate:
    """Estimate of one gene."""
    own = bins.level(loci.own_bins(bins, locus))
    arm, other = loci.beside(bins, locus, facts)
    levels = {"met": own, "arm_q": arm, "cep7_p": other}
    measured = estimating.Measured(
        log2={name: level.log2 for name, level in levels.items()},
        se={name: level.se for name, level in levels.items()},
        baseline_se=bins.baseline_se,
        fragments={name: level.fragments for name, level in levels.items()},
    )
    alternatives = mixture.grid.group_count > 1
    draws = mixture.posterior(measured, DRAWS_OF_ALTERNATIVES if alternatives else DRAWS)
    extent = focality.focality(focality.classified(draws), decide=decide).name
    beside = arm if arm.bins else other
    if extent == "focal" and not detection_limit.detected(
        own.log2 - beside.log2, float(np.hypot(own.se, beside.se)), alpha=alpha
    ):
        extent = "indeterminate"
    return GeneEstimate(
        gene=locus.gene,
        chromosome=locus.chromosome,
        start=locus.start,
        end=locus.end,
        bins=own.bins,
        log2=own.log2,
        se=float(np.hypot(own.se, bins.baseline_se)),
        ratio=replace(draws.interval("depth_ratio"), value=float(2**own.log2)),
        copies=draws.interval("copies"),
        reached=draws.at_least("copies", bounds),
        focality=extent,
    )
