"""One sample against a panel of normals: its corrected ratios and the levels taken from them, tumour or normal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metcn.bins.layout import BinLayout
from metcn.genome import build as genomes
from metcn.ratios import correct as core
from metcn.ratios import levels as measure
from metcn.reference import checks
from metcn.reference.panel import FEWEST_NORMALS, Panel
from metcn.stats import fragments

CERTAIN_SD = 4.0  # errors beyond which a matched normal's level is no chance; of 50 on real normals one is beyond 3


@dataclass(frozen=True, eq=False)
class Measured:
    """A sample's corrected ratios, its bins on the common baseline, and the levels."""

    corrected: core.Corrected
    bins: measure.Observed
    levels: dict[str, Any]  # met, cep7, arms, egfr and baseline


def measured(
    parts: BinLayout,
    facts: genomes.Genome,
    log2: np.ndarray,
    panel: Panel,
    *,
    counts: fragments.Counts,
    curve: str,
    smallest: int,
) -> Measured:
    """What a sample of log2 depths ``log2``, shape (bins,), shows against the panel; see `metcn.ratios.levels`.

    ``counts`` are the fragments behind the depths. A bin without any is an observation where some were to be expected.
    """
    counts = _observations(parts, counts, panel)
    with np.errstate(divide="ignore", invalid="ignore"):
        log2 = np.where(np.isnan(log2) & (counts.number == 0), np.log2(0.5 / counts.per_depth), log2)
    corrected = _corrected(parts, log2, panel, curve, counts)
    ratio, local, base = measure.baseline(parts, corrected, counts.number, smallest=smallest)
    excess = measure.excess(parts, corrected, ratio, local, panel, counts.number)
    averaged = {kind: null.averaged for kind, null in panel.null.items()}
    with np.errstate(invalid="ignore"):
        expected = corrected.expected * 2 ** (corrected.log2_ratio - ratio)  # on the common baseline, as the ratios
    seen = measure.Observed(
        ratio, corrected.sd, parts.kind, parts.group, excess, averaged,
        number=counts.number, expected=expected, summed=corrected.summed,
    )  # fmt: skip
    levels = {
        "met": measure.met(parts, seen, base, panel),
        "cep7": measure.centromere(parts, facts, seen),
        **measure.surroundings(parts, facts, seen),
        "baseline": base,
    }
    return Measured(corrected, seen, levels)


def _observations(parts: BinLayout, counts: fragments.Counts, panel: Panel) -> fragments.Counts:
    """The fragments, NaN where a bin is no observation: one that normals do not cover, or that nothing tells of."""
    seen = fragments.covered(
        counts,
        usable=panel.mask == "",
        even=parts.wide,
        chromosome=parts.chromosome,
        compared=panel.normals > 0,
    )
    return replace(counts, number=np.where(seen, counts.number, np.nan))


def _corrected(
    parts: BinLayout, log2: np.ndarray, panel: Panel, curve: str, counts: fragments.Counts
) -> core.Corrected:
    """The sample's ratios against the panel.

    What mappability takes from a bin it takes from normals too, so its curve serves only where these are too few.
    """
    covariates = ("gc", "mappability") if panel.normals < FEWEST_NORMALS else ("gc",)
    kinds = [str(kind) for kind in np.unique(parts.kind)]
    few = [kind for kind in kinds if counts.typical(parts.fit & (parts.kind == kind)) < fragments.FEW]
    return core.correct(
        log2.astype(float),
        centre=panel.centre,
        spread=panel.spread.astype(float),
        basis=panel.basis,
        kind=parts.kind,
        chromosome=parts.chromosome,
        block=parts.block,
        group=parts.group,
        usable=panel.mask == "",
        fit=parts.fit,
        covariates=[parts.frame[name].to_numpy(float) for name in covariates],
        curve=curve,
        counts=counts,
        summed=few,
    )


def matched_normal(levels: Mapping[str, Any]) -> dict[str, Any]:
    """What a matched normal's own levels say of the tumour's: MET, CEP7-like, and whether either is not neutral.

    A germline change, or tumour in the normal, breaks the assumption of two copies in all cells that are not tumour.
    """
    shown = {name: {key: levels[name][key] for key in ("log2", "se", "bins")} for name in ("met", "cep7")}
    with np.errstate(invalid="ignore"):
        deviates = any(
            abs(level["log2"]) > max(checks.DEVIANT_LOG2, CERTAIN_SD * level["se"]) for level in shown.values()
        )
    return {**shown, "deviates": bool(deviates)}
