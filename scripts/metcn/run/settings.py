"""Settings of each stage as one typed object: the section of its name in config.yaml.

Keys, types and defaults are those of ``workflow/schemas/config.schema.yaml``, which also describes them; a test
compares the two. Paths are inputs of a stage, not settings.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BinsSettings:
    """Section ``bins``: where depth is measured."""

    target_bp: int = 250
    off_target_bp: int = 150_000
    off_target_min_bp: int = 15_000
    off_target_padding_bp: int = 500
    window_bp: int | None = None
    reading: str = "auto"
    min_mappability: float = 0


@dataclass(frozen=True)
class CountsSettings:
    """Section ``counts``: which fragments are counted."""

    unit: str = "fragments"
    min_mapq: int = 20
    bases_per_fragment: float = 150
    min_base_quality: int = 20
    keep_duplicates: bool | None = None
    min_fragment_bp: int = 0
    max_fragment_bp: int = 1000
    max_filtered: float = 0.5
    fail_filtered: float = 0.9
    max_duplicates: float = 0.8
    max_filter_effect: float = 1.25
    fail_filter_effect: float = 2.0
    threads: int = 1


@dataclass(frozen=True)
class ReferenceSettings:
    """Section ``reference``: how a panel of normals is made."""

    max_components: int = 40
    min_relative_depth: float = 0.05
    max_spread: float = 1.0
    on_suspicious: str = "leave_out"


@dataclass(frozen=True)
class RatiosSettings:
    """Section ``ratios``: depth over what normals would have, and the bounds of its quality control."""

    curve: str = "medians"
    min_met_bins: int = 3
    min_met_fragments: float = 10
    few_met_fragments: float = 100
    min_backbone_bins: int = 200
    max_noise: float = 0.6
    max_waviness: float = 0.08
    max_autocorrelation: float = 0.35
    fail_noise: float = 1.2


@dataclass(frozen=True)
class SegmentsSettings:
    """Section ``segments``: copy-number segments."""

    method: str = "hmm"


@dataclass(frozen=True)
class PuritySettings:
    """Section ``purity``: purity and ploidy considered where the sample sheet leaves them open."""

    tissue_low: float = 0.1
    tissue_high: float = 1.0
    plasma_low: float = 0.005
    plasma_high: float = 1.0
    stated_error: float = 0.1
    plasma_stated_error: float = 0.2
    ploidy_low: float = 1.6
    ploidy_high: float = 5.5
    fit: bool = True
    tissue_fit_floor: float = 0.2
    plasma_fit_floor: float = 0.1
    floor: float = 0.01


@dataclass(frozen=True)
class CopiesSettings:
    """Section ``copies``: copies of MET and of the CEP7-like level."""

    draw_count: int = 4096
    decide_focality: float = 0.8
    alpha: float = 0.001
    power: float = 0.95
    genes: str = "EGFR, ERBB2, ERBB3, KRAS, BRAF, HGF, FGFR1, FGFR2, FGFR3, CDK4, CDK6, CCND1, CCNE1, MYC, MDM2, PIK3CA"
    losses: str = "RB1, TP53, CDKN2A, PTEN"


@dataclass(frozen=True)
class CallsSettings:
    """Section ``calls``: criteria and the overall call."""

    tissue_criteria: str = "metcn_default"
    plasma_criteria: str = "metcn_plasma"
    default_criteria: str | None = None
    decide: float = 0.95


@dataclass(frozen=True)
class CompareSettings:
    """Section ``compare``: samples at progression against the baseline of the same patient."""

    decide_course: float = 0.95


@dataclass(frozen=True)
class ReportSettings:
    """Section ``report``: the HTML page of a sample."""

    title: str = "MET copy number"


@dataclass(frozen=True)
class CohortSettings:
    """Section ``cohort``: the table and the page over all samples; it has no key yet."""


SETTINGS: dict[str, type] = {
    "bins": BinsSettings,
    "counts": CountsSettings,
    "reference": ReferenceSettings,
    "ratios": RatiosSettings,
    "segments": SegmentsSettings,
    "purity": PuritySettings,
    "copies": CopiesSettings,
    "calls": CallsSettings,
    "compare": CompareSettings,
    "report": ReportSettings,
    "cohort": CohortSettings,
}
"""Section of the configuration -> its class."""
