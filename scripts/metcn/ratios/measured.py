"""One sample against a panel of normals: its corrected ratios and the levels taken from them, tumour or normal."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import BinLayout
from metcn.genome import locus
from metcn.genome.build import Genome
from metcn.ratios import baseline, levels, quality
from metcn.ratios.correct import CorrectedProfile, correct
from metcn.ratios.measurement import LocusLevels, MatchedNormal, NormalLevel
from metcn.reference import checks
from metcn.reference.panel import FEWEST_NORMALS, Panel
from metcn.run.settings import RatiosSettings
from metcn.stats import fragments

CERTAIN_SD = 4.0  # errors beyond which a matched normal's level is no chance; of 50 on real normals one is beyond 3

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Measured:
    """A sample's corrected ratios, its bins on the common baseline, and the levels."""

    profile: CorrectedProfile
    bins: levels.Observed
    levels: LocusLevels


def measured(
    log2: Floats,
    counts: fragments.Counts,
    layout: BinLayout,
    panel: Panel,
    genome: Genome,
    settings: RatiosSettings,
    *,
    alone: bool = False,
) -> Measured:
    """What a sample of log2 depths ``log2``, shape (bins,), shows against the panel; see `metcn.ratios.levels`.

    ``counts`` are the fragments behind the depths. A bin without any is an observation where some were to be expected.
    A sample that is ``alone`` has too few normals to show what the regions of a genome read in windows share.
    """
    counts = _observations(counts, layout, panel)
    with np.errstate(divide="ignore", invalid="ignore"):
        log2 = np.where(np.isnan(log2) & (counts.number == 0), np.log2(0.5 / counts.per_depth), log2)
    profile = _corrected(log2, counts, layout, panel, settings.curve)
    based = baseline.on_baseline(profile, layout, smallest=settings.min_backbone_bins)
    with np.errstate(invalid="ignore"):  # on the common baseline, as the ratios
        expected = profile.expected * 2 ** (profile.log2_ratio - based.log2_ratio)
    excess = baseline.excess(profile, layout, based, panel.null)
    own = {kind: value for kind, value in excess.items() if kind in layout.kind[layout.met]}
    seen = levels.Observed(
        based.log2_ratio,
        profile.sd,
        layout.kind,
        layout.group,
        excess,
        {kind: null.averaged for kind, null in panel.null.items()},
        width_bp=layout.width_bp,
        region=baseline.region_errors(layout, genome) if alone else None,
        number=counts.number,
        expected=expected,
        summed=profile.summed,
        outside=quality.extrapolated(quality.outside(profile.scores, quality.over_normals(own, panel)), panel.normals),
    )
    met = levels.measure(locus.met(genome), seen, layout, based.baseline, panel, profile.scale)
    egfr = levels.gene(locus.egfr(genome), seen, layout)
    arms = {"7p": met.p_arm, "7q": met.q_arm}
    return Measured(profile, seen, LocusLevels(met.own, met.centromere, arms, egfr, based.baseline, met.correlation))


def _observations(counts: fragments.Counts, layout: BinLayout, panel: Panel) -> fragments.Counts:
    """The fragments, NaN where a bin is no observation: one that normals do not cover, or that nothing tells of."""
    seen = fragments.covered(
        counts,
        usable=panel.mask == "",
        even=layout.wide,
        chromosome=layout.chromosome,
        compared=panel.normals > 0,
    )
    return replace(counts, number=np.where(seen, counts.number, np.nan))


def _corrected(log2: Floats, counts: fragments.Counts, layout: BinLayout, panel: Panel, curve: str) -> CorrectedProfile:
    """The sample's ratios against the panel.

    What mappability takes from a bin it takes from normals too, so its curve serves only where these are too few.
    """
    covariates = ("gc", "mappability") if panel.normals < FEWEST_NORMALS else ("gc",)
    few = [name for name in layout.kinds if counts.typical(layout.fit & (layout.kind == name)) < fragments.FEW]
    return correct(log2, layout, panel, counts, covariates=covariates, curve=curve, summed=few)


def matched_normal(own: LocusLevels) -> MatchedNormal:
    """What a matched normal's own levels say of the tumour's: MET, CEP7-like, and whether either is not neutral.

    A germline change, or tumour in the normal, breaks the assumption of two copies in all cells that are not tumour.
    """
    met, cep7 = (NormalLevel(level.log2, level.se, level.bins) for level in (own.met, own.cep7))
    with np.errstate(invalid="ignore"):
        deviates = any(abs(level.log2) > max(checks.DEVIANT_LOG2, CERTAIN_SD * level.se) for level in (met, cep7))
    return MatchedNormal(met, cep7, deviates=bool(deviates))
