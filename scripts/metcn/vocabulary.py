"""Names that stages, outputs and users share: columns, roles, classes and the closed list of reasons."""

from __future__ import annotations

from typing import NamedTuple

BIN_COLUMNS = ("chromosome", "start", "end", "gene", "kind", "role", "gc", "mappability", "mask")
COUNT_COLUMNS = ("chromosome", "start", "end", "gene", "log2", "depth", "count")
ALLELE_COLUMNS = (
    "chromosome", "start", "end", "ref", "alt", "ref_reads", "alt_reads", "other_reads", "ref_known"
)  # fmt: skip
RATIO_COLUMNS = (
    "chromosome", "start", "end", "gene", "log2", "depth", "weight", "kind", "role", "mask", "spread", "expected"
)  # fmt: skip

KINDS = ("target", "off_target", "window", "amplicon")
MASKS = (
    *("", "low_mappability", "unsequenced", "unplaced", "not_read", "no_reads", "no_reads_in_normals"),
    *("low_depth_in_normals", "noisy_in_normals", "blacklisted", "other"),
)  # why a bin is not used, "" where it is; ``other`` stands for a word that bins.tsv was given elsewhere
ROLES = ("met", "cep7", "chr7", "backbone", "sex", "other")
ASSAYS = ("panel", "wes", "amplicon", "wgs", "swgs")
SPECIMENS = ("tissue", "plasma")

CALLS = (
    "high_level_amplification",
    "amplification",
    "gain",
    "polysomy",
    "not_amplified",
    "indeterminate",
    "no_call",
)
COUNSELS = (
    "informative_negative",
    "repeat_with_more_tumour",
    "confirm_by_fish",
    "tissue_after_plasma",
    "no_action",
)
FOCALITY = ("focal", "arm", "polysomy", "none", "indeterminate")
TIERS = ("pericentromere", "proximal", "chr7", "none")
QC = ("pass", "warn", "fail")

COHORT_COLUMNS = (
    "sample specimen assay purity purity_low purity_high purity_source ploidy ploidy_source met_ratio met_ratio_low "
    "met_ratio_high met_copies met_copies_low met_copies_high cep7_copies cep7_copies_low cep7_copies_high cep7_tier "
    "met_cep7 met_cep7_low met_cep7_high p_copies_ge_5 p_copies_ge_6 p_copies_ge_10 p_ratio_ge_2 focality "
    "amplicon_start amplicon_end amplicon_genes amplicon_copies amplicon_copies_low amplicon_copies_high "
    "lod_copies plasma_copies call reasons qc "
    "patient timepoint baseline copies_change copies_change_low copies_change_high p_acquired course "
    "amplified_if_purity_below excluded_if_purity_above counsel"
).split()


class Reason(NamedTuple):
    """One entry of the closed list: how grave it is for QC, and the sentence a reader gets."""

    severity: str  # "info", "warn" or "fail"
    text: str


REASONS: dict[str, Reason] = {
    "input_error": Reason(
        "fail",
        "An input that the sample needs cannot be used, so nothing was measured; the message says which, and why.",
    ),
    "not_finished": Reason(
        "fail", "The last run ended without a result of the sample, though no input was refused; the message says how."
    ),
    "met_not_covered": Reason("fail", "No usable bin lies in MET: the input does not cover it."),
    "few_met_bins": Reason("warn", "MET rests on fewer bins than the configured minimum."),
    "met_part_differs": Reason(
        "warn", "Some exons of MET differ from the rest of the gene by more than their noise: see which."
    ),
    "met_bins_deviate": Reason(
        "warn", "Bins within MET disagree more than their noise allows, and no run of exons explains it (dropout)."
    ),
    "no_reads": Reason("fail", "The input has no usable read in any bin."),
    "reads_filtered": Reason(
        "warn",
        "One filter left out more reads than usual, or more in MET than elsewhere: see the filter and its numbers.",
    ),
    "most_reads_filtered": Reason(
        "fail",
        "One filter left out so many reads that the rest proves nothing: see the filter, its numbers and its setting.",
    ),
    "low_depth": Reason("warn", "Too few fragments for a stable result."),
    "too_few_fragments": Reason(
        "fail", "So few fragments are to be expected in MET that chance alone could make a gain or hide one."
    ),
    "build_not_verified": Reason("warn", "The genome build could not be verified from the contigs present."),
    "few_backbone_bins": Reason("fail", "Too few usable autosomal bins outside chromosome 7 to set the baseline."),
    "baseline_from_targets": Reason(
        "warn", "No off-target bins: the baseline rests on targets and may be shifted by the panel's choice of genes."
    ),
    "no_normals": Reason("warn", "No normal samples: bins are not corrected for the assay's own bias."),
    "few_normals": Reason(
        "warn", "Fewer than three normals: bins are centred, but noise is assumed rather than learned."
    ),
    "normal_deviates": Reason(
        "warn",
        "A sample given as a normal looks like a tumour: check its role and whether it was swapped with its tumour.",
    ),
    "matched_normal_deviates": Reason(
        "warn",
        "The matched normal is not neutral at MET or the centromere of chromosome 7: copies of MET allow for one whole "
        "germline copy more or less, CEP7-like assumes two.",
    ),
    "gc_unknown": Reason("info", "GC content of bins is unknown, so no GC correction was made."),
    "ratios_imported": Reason(
        "warn",
        "Ratios were normalised elsewhere: their noise is judged from the sample alone, and that they are log2 is "
        "taken on trust.",
    ),
    "wavy": Reason(
        "warn", "Stretches of the genome differ by more than copies explain, or neighbouring bins err together."
    ),
    "unlike_normals": Reason("warn", "The sample lies outside the range of the normals it is compared with."),
    "not_this_assay": Reason(
        "fail", "Depths do not follow those of the normals at all: another assay, or a damaged table."
    ),
    "noisy": Reason("warn", "Bin noise is above the configured bound."),
    "very_noisy": Reason("fail", "Bin noise is above the bound beyond which no verdict is given."),
    "cep7_unavailable": Reason("warn", "No bins for a CEP7-like level: MET/CEP7-like cannot be given."),
    "cep7_fallback": Reason(
        "info", "Too few bins near the centromere: CEP7-like rests on a wider stretch of chromosome 7."
    ),
    "cep7_sides_disagree": Reason(
        "warn", "The 7p and 7q sides of the centromere differ: CEP7-like is a mixture of two levels."
    ),
    "cep7_in_amplicon": Reason(
        "warn",
        "An amplicon of another gene, such as EGFR, reaches the bins beside the centromere: CEP7-like is taken from "
        "the arm beyond it.",
    ),
    "could_be_germline": Reason(
        "warn",
        "A third copy of MET in all cells, as a germline duplication gives, would explain the depth as well: a normal "
        "sample of the patient would tell.",
    ),
    "egfr_gained": Reason(
        "info", "EGFR is gained as well; the stretch of 7p next to the centromere is left out of CEP7-like."
    ),
    "purity_unknown": Reason("info", "Purity is unknown: results are ranges over every plausible purity."),
    "ploidy_unknown": Reason("info", "Ploidy is unknown: results are ranges over every plausible ploidy."),
    "several_fits": Reason(
        "info", "Several combinations of purity and ploidy explain the profile: results cover all of them."
    ),
    "purity_sources_disagree": Reason(
        "warn",
        "Sources of purity or ploidy contradict each other: one of them, or the sample, may be mistaken for another.",
    ),
    "copies_implausible": Reason(
        "warn",
        "MET has more copies than any tumour is known to have: purity is likely higher than it is taken to be.",
    ),
    "purity_below_floor": Reason("warn", "Purity is below the floor at which copies can be computed."),
    "criteria_not_applicable": Reason(
        "warn", "The criteria set chosen for the overall call does not apply to this kind of specimen."
    ),
    "interval_spans_bound": Reason(
        "info", "The evidence does not decide on which side of the criterion's bound the tumour lies."
    ),
    "focality_undecided": Reason(
        "info", "The evidence does not tell a focal gain from a gain of the arm or the chromosome."
    ),
    "gain_open": Reason("info", "An amplification is excluded; whether MET has a gain short of it cannot be told."),
    "amplification_open": Reason(
        "info", "MET is gained in plasma; whether the tumour has an amplification depends on the tumour fraction."
    ),
    "below_limit_of_detection": Reason(
        "warn", "The sample does not tell an amplification at the criterion's bound from two copies."
    ),
}
