"""Stage ``ratios``: one sample against the panel of normals, with errors."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metcn import provenance
from metcn.bins import design, hdf5_file
from metcn.bins.layout import BinLayout, layout_of
from metcn.counts import depth_file
from metcn.errors import InputError
from metcn.files import write_json
from metcn.genome import build as genomes
from metcn.io import coverage_formats, tables
from metcn.ratios import levels, quality
from metcn.ratios import measured as against
from metcn.reference import checks, few_fragments, panel_file, sums
from metcn.reference.panel import FEWEST_NORMALS, Panel, flat
from metcn.stats import fragments

DEVIANT_SCATTER = 2.5  # bins of MET scatter this much more than expected: a part of the gene differs
UNLIKE_EXCESS = 2.0  # the sample's genes stray this much more than those of left-out normals
SMALLEST_EXCESS = 0.02  # log2; excess of very quiet normals, so that a ratio to it means something
UNLIKE_SHARE = 6.0  # a sample's largest share of a component, in SDs of the normals, beyond which it is unlike them


class _Given(NamedTuple):
    """A sample's depths, the fragments behind them, and what they are compared with."""

    log2: np.ndarray
    depth: np.ndarray
    behind: fragments.Counts
    notes: list[str]
    frame: pd.DataFrame
    panel: Panel
    made: dict[str, Any] | None
    mode: str


def ratios(
    *,
    sample: str,
    counts: Path | None,
    counts_summary: Path | None,
    bins: Path | None,
    reference: Path | None,
    imported: Path | None,
    matched_normal: Path | None,
    genome: str,
    assay: str,
    output: Path,
    summary: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write the ratio of every bin (``.cnr``) and the levels of MET and its surroundings with errors (``.json``).

    Raises
    ------
    InputError
        If a table is malformed, the panel of normals is for other bins, or there is nothing to take ratios of.
    """
    facts = genomes.load(genome)
    if imported:
        given = _imported(imported, facts, assay)
    elif counts and bins:
        frame, told = tables.read_bins(bins), [counts_summary]
        own = tables.read_depth(counts, frame)
        [behind] = depth_file.behind(frame, [own], told)
        of_run = (genome, assay, checks.counted_alike(told))
        given = _Given(
            depth_file.log2(frame, *own), own[0], behind, [], *_compared(frame, reference, matched_normal, *of_run)
        )
    else:
        raise InputError(f"sample {sample} has neither counts with bins nor imported ratios; give one of them")
    frame, panel, log2, parts = given.frame, given.panel, given.log2, layout_of(given.frame)
    how = {"curve": settings["curve"], "smallest": settings["min_backbone_bins"]}
    found = against.measured(parts, facts, log2, panel, counts=given.behind, **how)
    matched = None
    if matched_normal and given.mode == "panel_of_normals":
        own = tables.read_depth(matched_normal, frame)
        [theirs] = depth_file.behind(frame, [own], [counts_summary])
        matched = against.matched_normal(
            against.measured(parts, facts, depth_file.log2(frame, *own), panel, counts=theirs, **how).levels
        )
    resembles = checks.of_sample(found.corrected.shares, given.made["names"], panel) if given.made else None
    measured = {
        "sample": sample,
        "assay": assay,
        "genome": genome,
        "mode": given.mode,
        **found.levels,
        "qc": _quality(parts, log2, found, panel),
        "reference": given.made | {"resembles": resembles} if given.made else None,
        "matched_normal": matched,
        "notes": given.notes,
    }
    covered = bool(np.isfinite(log2[parts.met & (panel.mask == "")]).any())
    measured["reasons"] = _measured_reasons(parts, measured, settings, covered=covered)
    _write_ratios(output, frame.assign(depth=given.depth), panel.mask, found.bins)
    read = provenance.contents(**({"imported": imported} if imported else {"reference": reference}))
    write_json(summary, measured | {"inputs": read})


def _compared(
    frame: pd.DataFrame, reference: Path | None, matched: Path | None, genome: str, assay: str, alike: Mapping[str, Any]
) -> tuple:
    """Bins, what the sample is compared with, what is known of that, and the mode: panel, matched normal or nothing."""
    if reference is not None:
        stored, panel, facts = panel_file.read(reference)
        panel_file.check_facts(reference, facts, genome=genome, assay=assay)
        expected, found = facts["fingerprint"], hdf5_file.fingerprint(frame)
        if expected != found:
            raise InputError(
                f"{reference} was made for other bins (fingerprint {expected}) than this sample's ({found}); "
                "make the panel of normals again, or count the sample with the panel's own bins"
            )
        checks.check_counted(alike, facts, reference)
        made = {
            "normals": panel.normals,
            "components": {kind: null.components for kind, null in panel.null.items()},
            "fingerprint": expected,
            "names": facts["normals"],
            "belonging": {name: facts.get(name) for name in ("males", "batches", "strays", "deviant")},
            "check": facts.get("check"),  # a panel of an earlier version has none
        }
        return stored, panel, made, "panel_of_normals" if panel.normals >= FEWEST_NORMALS else "few_normals"
    if matched is not None:
        blank = flat(frame["mask"].to_numpy(dtype=np.str_))
        own = tables.read_depth(matched, frame)
        centre = depth_file.log2(frame, *own)
        mask = np.where((blank.mask == "") & ~np.isfinite(centre), "no_reads_in_normals", blank.mask)
        panel = Panel(centre, blank.spread, mask, blank.basis, {}, 1)
        parts, behind = layout_of(frame), depth_file.behind(frame, [own], [None])
        return (
            frame,
            few_fragments.with_sums(panel, parts, behind, few_fragments.kinds_of_few(parts, behind), 0.0),
            None,
            "matched_normal",
        )
    return frame, flat(frame["mask"].to_numpy(dtype=np.str_)), None, "no_normals"


def _imported(path: Path, facts: genomes.Genome, assay: str) -> _Given:
    """Bins and log2 ratios of a table normalised elsewhere; the notes on its reading are printed too."""
    rows, notes = coverage_formats.ratios(path)
    for note in notes:
        print(f"metcn: note: {note}", file=sys.stderr)
    table = coverage_formats.genome_order(rows, facts)
    off_target = table["gene"].isin(coverage_formats.OFF_TARGET_NAMES)
    table = table.assign(kind=np.where(off_target, "off_target", "target"))
    frame = design.annotated(design.bins_of_coverage(table, facts, assay=assay, where=str(path)), facts)
    unknown = np.full(len(frame), np.nan)
    behind = fragments.Counts(unknown, unknown)  # of ratios made elsewhere nothing is known
    return _Given(
        table["log2"].to_numpy(float),
        unknown,
        behind,
        list(notes),
        frame,
        flat(frame["mask"].to_numpy(dtype=np.str_)),
        None,
        "imported",
    )


def _measured_reasons(
    parts: BinLayout, measured: Mapping[str, Any], settings: Mapping[str, Any], *, covered: bool
) -> list[str]:
    """What is to be said against the measurement, in codes of the closed list.

    Without a baseline nothing is measured of MET, though it may be ``covered``.
    """
    own, base, tier = measured["met"], measured["baseline"], measured["cep7"]["tier"]
    kinds = np.unique(parts.kind[parts.met]) if parts.met.any() else np.unique(parts.kind)
    noise = max((measured["qc"]["noise"].get(str(kind), 0.0) for kind in kinds), default=0.0)
    narrow = base["from"] == "targets"
    excess = max((measured["qc"]["gene_excess_over_normals"].get(str(kind), 0.0) for kind in kinds), default=0.0)
    largest = max((abs(share) for shares in measured["qc"]["shares"].values() for share in shares), default=0.0)
    egfr = measured["egfr"]
    found = {
        "met_not_covered": own["bins"] == 0 and not covered,
        "low_depth": own["expected_fragments"] < settings["few_met_fragments"],
        "too_few_fragments": own["expected_fragments"] < settings["min_met_fragments"],
        "few_met_bins": 0 < own["bins"] < settings["min_met_bins"],
        "met_bins_deviate": own["scatter"] > DEVIANT_SCATTER,
        "few_backbone_bins": base["bins"] < levels.FEW_BACKBONE_BINS,
        "baseline_from_targets": narrow,
        "no_normals": measured["mode"] == "no_normals",
        "few_normals": measured["mode"] in ("few_normals", "matched_normal"),
        "normal_deviates": bool(((measured["reference"] or {}).get("belonging") or {}).get("deviant")),
        "matched_normal_deviates": bool(measured["matched_normal"] and measured["matched_normal"]["deviates"]),
        "gc_unknown": measured["mode"] in ("no_normals", "few_normals") and parts.frame["gc"].isna().all(),
        "ratios_imported": measured["mode"] == "imported",
        "unlike_normals": largest > UNLIKE_SHARE or excess > UNLIKE_EXCESS,
        "not_this_assay": any(share > checks.NOT_EXPLAINED for share in measured["qc"]["left_by_normals"].values()),
        "wavy": (measured["qc"]["waviness"] > settings["max_waviness"])
        or (measured["qc"]["autocorrelation"] > settings["max_autocorrelation"]),
        "noisy": settings["max_noise"] < noise <= settings["fail_noise"],
        "very_noisy": noise > settings["fail_noise"],
        "cep7_unavailable": tier == "none",
        "cep7_fallback": tier in ("proximal", "chr7"),
        "cep7_sides_disagree": measured["cep7"]["sides_disagree"],
        "egfr_gained": egfr["bins"] > 0 and egfr["log2"] - 3 * egfr["se"] > levels.GAINED_LOG2,
    }
    return [code for code, holds in found.items() if holds]


def _quality(parts: BinLayout, log2: np.ndarray, found: against.Measured, panel: Panel) -> dict[str, Any]:
    """Noise of the sample, what its genes and neighbours share, what normals explain, and how many bins are used."""
    corrected, bins = found.corrected, found.bins
    return {
        "left_by_normals": checks.left_by_normals(log2, parts, panel),
        "noise": corrected.noise,
        "noise_over_normals": corrected.scale,
        "gene_excess": bins.excess,
        "gene_excess_averaged": bins.averaged,
        "gene_excess_over_normals": _over_normals(bins.excess, panel),
        "shares": corrected.shares,
        **_evenness(parts, bins)._asdict(),
        "summed_kinds": list(bins.summed),
        "empty_bins": _empty(bins),
        "bins": len(bins.log2),
        "bins_used": int(np.isfinite(bins.log2).sum()),
    }


def _empty(bins: levels.Observed) -> float:
    """Share of usable bins without a fragment; NaN where fragments are not known."""
    if bins.number is None:
        return float("nan")
    known = np.isfinite(bins.log2) & np.isfinite(bins.number)
    return float(np.mean(bins.number[known] == 0)) if known.any() else float("nan")


def _evenness(parts: BinLayout, bins: levels.Observed) -> quality.Evenness:
    """How even the bins are that cover the autosomes evenly; NaN without them."""
    rows = np.flatnonzero(parts.wide & (parts.fit | parts.on_seven) & np.isfinite(bins.log2))
    log2, sd, chromosome, midpoint = (values[rows] for values in (bins.log2, bins.sd, parts.chromosome, parts.midpoint))
    if np.isin(parts.kind[rows], bins.summed).any() and bins.number is not None and bins.expected is not None:
        due = bins.expected[rows]
        label = fragments.pools(due, np.r_[True, chromosome[1:] != chromosome[:-1]], sums.POOLED)
        seen, due = (np.bincount(label, weights=values) for values in (bins.number[rows], due))
        first = np.unique(label, return_index=True)[1]
        log2, sd = fragments.log2_ratio(seen, due), fragments.sd(due)
        chromosome, midpoint = chromosome[first], midpoint[first]
    return quality.evenness(log2, sd, chromosome=chromosome, midpoint=midpoint)


def _over_normals(shared: Mapping[str, float], panel: Panel) -> dict[str, float]:
    """Gene-level excess of the sample over that of left-out normals, per kind that the normals could tell of."""
    known = {kind: null.excess for kind, null in panel.null.items() if np.isfinite(null.excess)}
    return {kind: value / max(known[kind], SMALLEST_EXCESS) for kind, value in shared.items() if kind in known}


def _write_ratios(path: Path, frame: pd.DataFrame, mask: np.ndarray, bins: levels.Observed) -> None:
    """Write the ``.cnr``: masked bins have no log2 and weight 0."""
    typical = np.nanmedian(bins.sd) if np.isfinite(bins.sd).any() else 1.0
    weight = np.where(np.isfinite(bins.sd), np.minimum((typical / np.maximum(bins.sd, 1e-6)) ** 2, 1.0), 0.0)
    mask = np.where((mask == "") & ~np.isfinite(bins.log2), "no_reads", mask)
    tables.write_ratios(
        path, frame.assign(log2=bins.log2, weight=weight, mask=mask, spread=bins.sd, expected=bins.expected)
    )
