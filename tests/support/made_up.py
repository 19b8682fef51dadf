"""Made-up calls, bins and segments for tests of what people read, shaped like the real ones."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd

from metcn.mixture import expected_ratio


def interval(value: float | None, low: float | None, high: float | None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def criterion(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": name,
        "title": name.title(),
        "category": "positive",
        "quantity": "gcn",
        "bound": "MET copies >= 5",
        "specimen": "tissue",
        "verdict": "met",
        "probability": 0.9994,
        "citation": "Cappuzzo, J Clin Oncol 2009",
        "doi": "10.1200/JCO.2008.19.1635",
        "verified": True,
        "verified_note": "",
        **fields,
    }


AMPLIFIED: dict[str, Any] = {
    "schema": 1,
    "sample": "LC-0417",
    "specimen": "tissue",
    "patient": "P17",
    "timepoint": "progression",
    "prior_tki": "",
    "assay": "panel",
    "genome": "GRCh37",
    "call": "high_level_amplification",
    "headline": "High-level MET amplification: 14.1 copies (12.5 to 15.9), MET/CEP7-like 4.9, focal.",
    "counsel": {
        "word": "no_action",
        "sentence": "Sequencing and FISH are likely to agree on it.",
        "source": "Front Oncol 2024",
    },
    "by_purity": {
        "amplified_below": 0.71,
        "excluded_above": None,
        "purity_low": 0.1,
        "purity_high": 1.0,
        "ploidy_low": 2.6,
        "ploidy_high": 2.6,
        "direction": "gain",
    },
    "reasons": ["cep7_fallback", "egfr_gained"],
    "details": {},
    "qc": "pass",
    "measurement": {
        "sample": "LC-0417",
        "assay": "panel",
        "genome": "GRCh37",
        "mode": "panel_of_normals",
        "met": {
            "log2": 1.609,
            "se": 0.041,
            "ratio": 3.05,
            "bins": 32,
            "bins_masked": 1,
            "se_parts": {"bin_noise": 0.02, "gene_excess": 0.034, "baseline": 0.008},
        },
        "cep7": {"tier": "proximal", "log2": 0.2, "se": 0.05, "ratio": 1.15, "bins": 41, "sides_disagree": False},
        "qc": {"noise": 0.18, "gene_spread": 0.041, "backbone_bins": 14211},
        "reference": {
            "normals": 41,
            "components": 17,
            "fingerprint": "3f0c5a1be2d4",
            "check": {"summary": "41 used, 0 suspicious", "suspects": [], "left_out": []},
        },
        "reasons": ["cep7_fallback"],
    },
    "purity": {
        "purity": {"value": 0.35, "low": 0.35, "high": 0.35, "source": "given"},
        "ploidy": {"value": 2.6, "low": 2.6, "high": 2.6, "source": "given"},
        "known": True,
        "reasons": [],
        "evidence": [],
    },
    "copies": {
        "met_copies": interval(14.1, 12.5, 15.9),
        "cep7_copies": interval(2.9, 2.5, 3.3),
        "met_cep7": interval(4.9, 4.1, 5.8),
        "met_ratio": interval(3.05, 2.88, 3.23),
        "plasma_copies": interval(6.1, 5.76, 6.46),
        "p_copies_ge": {"5": 0.99998, "6": 0.9998, "10": 0.9993},
        "p_copies_ge_range": {
            "5": {"low": 0.99998, "high": 0.99998},
            "6": {"low": 0.9998, "high": 0.9998},
            "10": {"low": 0.9993, "high": 0.9993},
        },
        "p_ratio_ge": {"2": 0.9999},
        "p_ratio_ge_range": {"2": {"low": 0.9999, "high": 0.9999}},
        "lod": {
            "alpha": 0.001,
            "power": 0.95,
            "copies": 3.4,
            "purity_for": {"5": 0.16, "6": 0.12, "10": 0.06},
            "above_neutral": True,
            "copies_by_group": [3.4],
            "ploidy_by_group": [2.6],
            "told_by_group": [2.7],
        },
        "draw_count": 4096,
        "focality": {"class": "focal", "decide": 0.8, "evidence": {}},
        "amplicon": {
            "start": 115_400_000.0,
            "end": 117_300_000.0,
            "genes": ["TFEC", "TES", "CAV2", "CAV1", "MET", "CAPZA2"],
        },
        "reasons": ["egfr_gained"],
    },
    "genes": [],
    "notes": ["Copies are the mean over all tumour cells."],
    "criteria": [
        criterion("metcn_default"),
        criterion("colorado_ratio", quantity="ratio", bound="MET/CEP7 >= 5", verdict="indeterminate", probability=0.41),
        criterion(
            "metros", verdict="not_met", probability=0.02, verified=False, verified_note="secondary source", doi=None
        ),
        criterion(
            "insight2_plasma",
            specimen="plasma",
            quantity="pcn",
            bound="plasma copies >= 2.3",
            verdict="not_applicable",
            probability=None,
        ),
    ],
    "default_criteria": "metcn_default",
    "decide": 0.95,
    "counts": {"fragments": 18_204_113, "duplicates": 0.21, "reasons": []},
    "provenance": {"metcn": "0.1.0", "code": "aa01", "libraries": {"numpy": "2.4.6"}},
}


def amplified(**changes: Any) -> dict[str, Any]:
    """A tissue sample with a focal amplification, top-level fields replaced by ``changes``."""
    return {**copy.deepcopy(AMPLIFIED), **changes}


def unknown_purity() -> dict[str, Any]:
    """The same tumour without a purity: intervals only, and an undecided call."""
    made = amplified(sample="LC-0418", call="indeterminate", reasons=["purity_unknown", "interval_spans_bound"])
    made["headline"] = "Indeterminate: without a purity MET may have anything from 6.1 to 45 copies."
    made["counsel"] |= {"word": "confirm_by_fish", "sentence": "FISH may be considered: MET is gained."}
    made["purity"]["purity"] = {"value": None, "low": 0.1, "high": 1.0, "source": "unknown"}
    for name, low, high in (("met_copies", 6.1, 45.0), ("cep7_copies", 2.3, 5.1), ("met_cep7", 2.5, 9.7)):
        made["copies"][name] = interval(None, low, high)
    made["copies"] |= {
        "p_copies_ge": {"5": None, "6": None, "10": None},
        "p_copies_ge_range": {
            "5": {"low": 0.97, "high": 1.0},
            "6": {"low": 0.62, "high": 1.0},
            "10": {"low": 0.0004, "high": 1.0},
        },
        "p_ratio_ge": {"2": None},
        "p_ratio_ge_range": {"2": {"low": 0.991, "high": 0.9999}},
    }
    return made


def plasma() -> dict[str, Any]:
    """A plasma sample without an amplification and a limit of detection far above the bound."""
    made = amplified(
        sample="PL-22", specimen="plasma", assay="swgs", timepoint="baseline", call="indeterminate", qc="warn"
    )
    made["reasons"] = ["no_normals", "cep7_sides_disagree", "below_limit_of_detection"]
    made["headline"] = "Indeterminate: at a tumour fraction of 0.04 an amplification of 5 copies would not be seen."
    made["counsel"] |= {"word": "tissue_after_plasma", "sentence": "A test of tissue may be considered."}
    made["purity"]["purity"] = {"value": 0.04, "low": 0.02, "high": 0.06, "source": "given_range"}
    made["copies"] |= {
        "met_copies": interval(2.3, 1.1, 3.6),
        "plasma_copies": interval(2.01, 1.96, 2.06),
        "amplicon": None,
        "focality": {"class": "indeterminate", "decide": 0.8, "evidence": {}},
        "p_copies_ge": {"5": 0.0004, "6": 0.0001, "10": 0.0},
        "p_copies_ge_range": {
            "5": {"low": 0.0004, "high": 0.0004},
            "6": {"low": 0.0001, "high": 0.0001},
            "10": {"low": 0.0, "high": 0.0},
        },
        "lod": {"power": 0.95, "copies": 8.4, "purity_for": {"5": 0.11, "6": 0.08, "10": None}},
    }
    return made


def no_call() -> dict[str, Any]:
    """A sample of which next to nothing could be measured: every number missing, most mappings absent or null."""
    made = amplified(sample="empty.1", call="no_call", qc="fail", reasons=["met_not_covered", "few_backbone_bins"])
    missing = interval(None, None, None)
    made |= {
        "headline": "No call: the input does not cover MET.",
        "counsel": {"word": "no_action", "sentence": "Only an assay that covers MET can answer.", "source": "sample"},
        "by_purity": dict.fromkeys(AMPLIFIED["by_purity"]),
        "patient": "",
        "timepoint": "",
        "counts": None,
        "provenance": {},
    }
    made["measurement"] = {
        "met": {"log2": None, "se": None, "ratio": None, "bins": 0, "bins_masked": 0, "se_parts": {"baseline": None}},
        "cep7": {"tier": "none", "log2": None},
        "qc": {},
        "reference": None,
        "mode": "no_normals",
    }
    made["purity"] = {
        "purity": {**missing, "source": "unknown"},
        "ploidy": {**missing, "source": "unknown"},
        "known": False,
    }
    made["copies"] = {
        **dict.fromkeys(("met_copies", "cep7_copies", "met_cep7", "met_ratio", "plasma_copies"), missing),
        "p_copies_ge": {"5": None, "6": None, "10": None},
        "p_ratio_ge": {"2": None},
        "lod": {"copies": None, "purity_for": None},
        "focality": None,
        "amplicon": None,
        "reasons": [],
    }
    made["criteria"] = [criterion("metcn_default", verdict="indeterminate", probability=None, citation=None, doi=None)]
    return made


def profile(
    genome: object, *, spacing_bp: int, noise: float = 0.18, prefix: str = "chr"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bins and segments of a tumour with MET amplified 14-fold, at one bin per ``spacing_bp`` and 32 bins in MET."""
    random = np.random.default_rng(7)
    contigs = {name: length for name, length in genome.contigs.items() if name.isdigit() or name == "X"}  # type: ignore[attr-defined]
    spans = [
        (name, start, start + spacing_bp // 2)
        for name, length in contigs.items()
        for start in range(0, length - spacing_bp, spacing_bp)
    ]
    met = [("7", start, start + 120) for start in np.linspace(*genome.met, 33).astype(int)[:-1]]  # type: ignore[attr-defined]
    bins = pd.DataFrame([*spans, *met], columns=["chromosome", "start", "end"])
    bins["kind"] = ["off_target"] * len(spans) + ["target"] * len(met)
    bins["role"] = np.where(bins["kind"] == "target", "met", np.where(bins["chromosome"] == "7", "chr7", "backbone"))
    near = (bins["chromosome"] == "7") & bins["start"].between(genome.cep7_q[0], genome.cep7_q[1])  # type: ignore[attr-defined]
    bins.loc[near, "role"] = "cep7"
    within = (bins["chromosome"] == "7") & bins["start"].between(115_400_000, 117_300_000)
    copies = np.where(
        within, 14.1, np.where(bins["chromosome"] == "7", 2.9, np.where(bins["chromosome"] == "3", 4, 2.5))
    )
    level = np.log2(expected_ratio(copies, 0.35, 2.6))
    bins = bins.assign(
        gene="-",
        depth=100.0,
        weight=1.0,
        mask="",
        spread=noise,
        expected=np.nan,
        log2=level + random.normal(0, noise, len(bins)),
    )
    bins.loc[bins.index % 50 == 3, ["log2", "mask"]] = [np.nan, "low_mappability"]
    bins = bins.sort_values(["chromosome", "start"], kind="stable")
    ends = [("7", 0, 115_400_000, 2.9), ("7", 115_400_000, 117_300_000, 14.1), ("7", 117_300_000, contigs["7"], 2.9)]
    segments = pd.DataFrame(
        [(*row[:3], np.log2(expected_ratio(row[3], 0.35, 2.6))) for row in ends],
        columns=["chromosome", "start", "end", "log2"],
    )
    segments = segments.assign(gene="-", depth=100.0, probes=100, weight=1.0, se=0.01)
    for table in (bins, segments):
        table["chromosome"] = prefix + table["chromosome"]
    return bins.reset_index(drop=True), segments
