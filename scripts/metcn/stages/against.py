"""One sample against a panel of normals: its corrected ratios and the levels taken from them, tumour or normal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metcn import genome as genomes
from metcn import ratios as core
from metcn.normalisation.panel import FEWEST_NORMALS, Panel
from metcn.stages import belonging, measure

CERTAIN_SD = 4.0  # errors beyond which a matched normal's level is no chance; of 50 on real normals one is beyond 3


@dataclass(frozen=True, eq=False)
class Measured:
    """A sample's corrected ratios, its bins on the common baseline, and the levels."""

    corrected: core.Corrected
    bins: measure.Observed
    levels: dict[str, Any]  # met, cep7, arms, egfr and baseline


def measured(
    parts: measure.Design, facts: genomes.Genome, log2: np.ndarray, panel: Panel, *, curve: str, smallest: int
) -> Measured:
    """What a sample of log2 depths ``log2``, shape (bins,), shows against the panel; see `metcn.stages.measure`."""
    corrected = _corrected(parts, log2, panel, curve)
    ratio, local, base = measure.baseline(parts, corrected.log2_ratio, corrected.sd, smallest=smallest)
    excess = measure.excess(parts, corrected, ratio, local, panel)
    averaged = {kind: null.averaged for kind, null in panel.null.items()}
    seen = measure.Observed(ratio, corrected.sd, parts.kind, parts.group, excess, averaged)
    levels = {
        "met": measure.met(parts, seen, base, panel),
        "cep7": measure.centromere(parts, facts, seen),
        **measure.surroundings(parts, facts, seen),
        "baseline": base,
    }
    return Measured(corrected, seen, levels)


def _corrected(parts: measure.Design, log2: np.ndarray, panel: Panel, curve: str) -> core.Corrected:
    """The sample's ratios against the panel.

    What mappability takes from a bin it takes from normals too, so its curve serves only where these are too few.
    """
    covariates = ("gc", "mappability") if panel.normals < FEWEST_NORMALS else ("gc",)
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
    )


def matched_normal(levels: Mapping[str, Any]) -> dict[str, Any]:
    """What a matched normal's own levels say of the tumour's: MET, CEP7-like, and whether either is not neutral.

    A germline change, or tumour in the normal, breaks the assumption of two copies in all cells that are not tumour.
    """
    shown = {name: {key: levels[name][key] for key in ("log2", "se", "bins")} for name in ("met", "cep7")}
    with np.errstate(invalid="ignore"):
        deviates = any(
            abs(level["log2"]) > max(belonging.DEVIANT_LOG2, CERTAIN_SD * level["se"]) for level in shown.values()
        )
    return {**shown, "deviates": bool(deviates)}
