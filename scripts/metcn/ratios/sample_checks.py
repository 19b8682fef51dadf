"""What is to be said against a measurement, in codes of the closed list."""

from __future__ import annotations

import numpy as np

from metcn.bins.layout import BinLayout
from metcn.ratios import levels as measuring
from metcn.ratios.measurement import LocusLevels, Quality
from metcn.ratios.quality import outside
from metcn.reference import checks
from metcn.run.settings import RatiosSettings

DEVIANT_SCATTER = 2.5  # bins of MET scatter this much more than expected, which no run of exons explains


def reasons(
    layout: BinLayout,
    levels: LocusLevels,
    quality: Quality,
    mode: str,
    settings: RatiosSettings,
    *,
    covered: bool,
    deviant: bool,
    matched_deviates: bool,
) -> list[str]:
    """Codes that hold for a measurement, in their order.

    Without a baseline nothing is measured of MET, though it may be ``covered``. ``deviant`` says that some of the
    panel's normals look like tumours, ``matched_deviates`` that the matched normal is not neutral.
    """
    met, baseline, egfr = levels.met, levels.baseline, levels.egfr
    kinds = np.unique(layout.kind[layout.met]) if layout.met.any() else np.unique(layout.kind)
    noise = max((quality.noise.get(str(kind), 0.0) for kind in kinds), default=0.0)
    excess = {kind: value for kind, value in quality.gene_excess_over_normals.items() if kind in kinds}
    holds = {
        "met_not_covered": met.bins == 0 and not covered,
        "low_depth": met.expected_fragments < settings.few_met_fragments,
        "too_few_fragments": met.expected_fragments < settings.min_met_fragments,
        "few_met_bins": 0 < met.bins < settings.min_met_bins,
        "met_part_differs": met.part is not None,
        "met_bins_deviate": met.scatter > DEVIANT_SCATTER,
        "few_backbone_bins": baseline.bins < measuring.FEW_BACKBONE_BINS,
        "baseline_from_targets": baseline.rests_on == "targets",
        "no_normals": mode == "no_normals",
        "few_normals": mode in ("few_normals", "matched_normal"),
        "normal_deviates": deviant,
        "matched_normal_deviates": matched_deviates,
        "gc_unknown": mode in ("no_normals", "few_normals") and bool(np.isnan(layout.gc).all()),
        "ratios_imported": mode == "imported",
        "unlike_normals": outside(quality.scores, excess) > 1.0,
        "not_this_assay": any(left > checks.NOT_EXPLAINED for left in quality.left_by_normals.values()),
        "wavy": quality.waviness > settings.max_waviness or quality.autocorrelation > settings.max_autocorrelation,
        "noisy": settings.max_noise < noise <= settings.fail_noise,
        "very_noisy": noise > settings.fail_noise,
        "cep7_unavailable": levels.cep7.tier == "none",
        "cep7_fallback": levels.cep7.tier in ("proximal", "chr7"),
        "cep7_sides_disagree": levels.cep7.sides_disagree,
        "egfr_gained": egfr.bins > 0 and egfr.log2 - 3 * egfr.se > measuring.GAINED_LOG2,
    }
    return [code for code, true in holds.items() if true]
