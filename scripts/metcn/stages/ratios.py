"""Stages ``reference`` and ``ratios``: from counts to a panel of normals, and from both to ratios with errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metcn import counts as counting
from metcn import formats, panel_file, provenance, quality, tables
from metcn import genome as genomes
from metcn import reference as normals
from metcn.errors import InputError
from metcn.files import write_json
from metcn.normalisation.panel import FEWEST_NORMALS, Panel
from metcn.stages import against, belonging, design, measure, suspected

DEVIANT_SCATTER = 2.5  # bins of MET scatter this much more than expected: a part of the gene differs
UNLIKE_EXCESS = 2.0  # the sample's genes stray this much more than those of left-out normals
SMALLEST_EXCESS = 0.02  # log2; excess of very quiet normals, so that a ratio to it means something
UNLIKE_SHARE = 6.0  # a sample's largest share of a component, in SDs of the normals, beyond which it is unlike them


def reference(
    *,
    bins: Path,
    counts: Sequence[Path],
    counts_summary: Sequence[Path] | None,
    genome: str,
    assay: str,
    output: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write the panel of normals (HDF5) made of the counts of the normals.

    Raises
    ------
    InputError
        If a table is malformed, has other rows than the bins, a normal has no reads, or units differ.
    """
    frame = tables.read_bins(bins)
    unit = belonging.unit_of(counts_summary or ())
    names = [path.name.removesuffix(".cnn") for path in counts]
    parts = measure.design_of(frame)

    def make(trusted: np.ndarray) -> Panel:
        """Panel of these normals; depths are read each time, since a build consumes them."""
        return _panel(parts, _depths(frame, counts, names, name_copies=bool(trusted.all())), trusted, settings)

    build, keep = genomes.load(genome), settings["on_suspicious"] == "keep"
    checked = suspected.build(make, len(names), parts, build, keep=keep)
    used = [name for name, there in zip(names, checked.used, strict=True) if there]
    facts = {"genome": genome, "assay": assay, "unit": unit, "normals": used, "provenance": provenance.stamp(settings)}
    facts |= belonging.of_normals(used, checked.panel)
    found = suspected.facts_of(names, checked, suspected.residuals(checked.panel, parts, build))
    suspected.say(found)
    facts |= {"deviant": [one["name"] for one in found["suspects"]], "check": found}
    panel_file.write(output, frame, checked.panel, facts)


def _depths(frame: pd.DataFrame, counts: Sequence[Path], names: Sequence[str], *, name_copies: bool) -> np.ndarray:
    """Log2 depths of the normals, shape (normals, bins).

    Raises
    ------
    InputError
        If a normal has no reads.
    """
    depth = np.stack([_log2(frame, *tables.read_depth(path, frame)) for path in counts])
    empty = [name for name, row in zip(names, depth, strict=True) if not np.isfinite(row).any()]
    if empty:
        raise InputError(
            f"normal {empty[0]} has no reads in any bin; remove it from the sample sheet or replace its file"
        )
    if name_copies:
        belonging.name_copies(names, depth)
    return depth


def _panel(parts: measure.Design, depth: np.ndarray, trusted: np.ndarray, settings: Mapping[str, Any]) -> Panel:
    """Panel of the trusted normals."""
    return normals.build(
        depth,
        kind=parts.kind,
        group=parts.group,
        chromosome=parts.chromosome,
        fit=parts.fit,
        learn=parts.fit | parts.on_seven,
        met=parts.met,
        x=belonging.x_of(parts),
        mask=parts.frame["mask"].to_numpy(dtype=np.str_),
        max_components=settings["max_components"],
        min_relative_depth=settings["min_relative_depth"],
        max_spread=settings["max_spread"],
        trusted=trusted,
    )


def _log2(frame: pd.DataFrame, depth: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Log2 depth per bin, NaN where it has no reads."""
    width_bp = (frame["end"] - frame["start"]).to_numpy()
    return counting.even_log2_depth(depth, count, width_bp).astype(np.float32)


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
        frame, log2 = _imported(imported, facts, assay)
        depth = np.full(len(frame), np.nan)
        panel, made, mode = _flat(frame), None, "imported"
    elif counts and bins:
        frame = tables.read_bins(bins)
        depth, count = tables.read_depth(counts, frame)
        log2 = _log2(frame, depth, count)
        of_run = (genome, assay, belonging.unit_of([counts_summary]))
        frame, panel, made, mode = _compared(frame, reference, matched_normal, *of_run)
    else:
        raise InputError(f"sample {sample} has neither counts with bins nor imported ratios; give one of them")
    parts = measure.design_of(frame)
    how = {"curve": settings["curve"], "smallest": settings["min_backbone_bins"]}
    found = against.measured(parts, facts, log2, panel, **how)
    matched = None
    if matched_normal and mode == "panel_of_normals":
        own = _log2(frame, *tables.read_depth(matched_normal, frame))
        matched = against.matched_normal(against.measured(parts, facts, own, panel, **how).levels)
    resembles = belonging.of_sample(found.corrected.shares, made["names"], panel) if made else None
    measured = {
        "sample": sample,
        "assay": assay,
        "genome": genome,
        "mode": mode,
        **found.levels,
        "qc": _quality(parts, log2, found, panel),
        "reference": made | {"resembles": resembles} if made else None,
        "matched_normal": matched,
    }
    measured["reasons"] = _measured_reasons(parts, measured, settings)
    _write_ratios(output, frame.assign(depth=depth), panel.mask, found.bins)
    write_json(summary, measured)


def _compared(
    frame: pd.DataFrame, reference: Path | None, matched: Path | None, genome: str, assay: str, unit: str | None
) -> tuple:
    """Bins, what the sample is compared with, what is known of that, and the mode: panel, matched normal or nothing."""
    if reference is not None:
        stored, panel, facts = panel_file.read(reference)
        panel_file.check_facts(reference, facts, genome=genome, assay=assay)
        expected, found = facts["fingerprint"], panel_file.fingerprint(frame)
        if expected != found:
            raise InputError(
                f"{reference} was made for other bins (fingerprint {expected}) than this sample's ({found}); "
                "make the panel of normals again, or count the sample with the panel's own bins"
            )
        belonging.check_unit(unit, facts.get("unit"), reference)
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
        flat = _flat(frame)
        centre = _log2(frame, *tables.read_depth(matched, frame))
        mask = np.where((flat.mask == "") & ~np.isfinite(centre), "no_reads_in_normals", flat.mask)
        return frame, Panel(centre, flat.spread, mask, flat.basis, {}, 1), None, "matched_normal"
    return frame, _flat(frame), None, "no_normals"


def _flat(frame: pd.DataFrame) -> Panel:
    """A panel that says nothing: every centre 0, every spread 1 (the sample's own noise then gives the scale)."""
    count = len(frame)
    return Panel(
        centre=np.zeros(count),
        spread=np.ones(count),
        mask=frame["mask"].to_numpy(dtype=np.str_),
        basis=np.zeros((count, 0)),
    )


def _imported(path: Path, facts: genomes.Genome, assay: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Bins and log2 ratios of a table normalised elsewhere."""
    table = formats.genome_order(formats.read_ratios(path), facts)
    off_target = table["gene"].isin(formats.OFF_TARGET_NAMES)
    table = table.assign(kind=np.where(off_target, "off_target", "target"))
    frame = design.annotated(design.bins_of_coverage(table, facts, assay=assay, where=str(path)), facts)
    return frame, table["log2"].to_numpy(float)


def _measured_reasons(parts: measure.Design, measured: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """What is to be said against the measurement, in codes of the closed list."""
    own, base, tier = measured["met"], measured["baseline"], measured["cep7"]["tier"]
    kinds = np.unique(parts.kind[parts.met]) if parts.met.any() else np.unique(parts.kind)
    noise = max((measured["qc"]["noise"].get(str(kind), 0.0) for kind in kinds), default=0.0)
    narrow = base["from"] == "targets"
    excess = max((measured["qc"]["gene_excess_over_normals"].get(str(kind), 0.0) for kind in kinds), default=0.0)
    largest = max((abs(share) for shares in measured["qc"]["shares"].values() for share in shares), default=0.0)
    egfr = measured["egfr"]
    found = {
        "met_not_covered": own["bins"] == 0,
        "few_met_bins": 0 < own["bins"] < settings["min_met_bins"],
        "met_bins_deviate": own["scatter"] > DEVIANT_SCATTER,
        "few_backbone_bins": base["bins"] < measure.FEW_BACKBONE_BINS,
        "baseline_from_targets": narrow,
        "no_normals": measured["mode"] == "no_normals",
        "few_normals": measured["mode"] in ("few_normals", "matched_normal"),
        "normal_deviates": bool(((measured["reference"] or {}).get("belonging") or {}).get("deviant")),
        "matched_normal_deviates": bool(measured["matched_normal"] and measured["matched_normal"]["deviates"]),
        "gc_unknown": measured["mode"] in ("no_normals", "few_normals") and parts.frame["gc"].isna().all(),
        "ratios_imported": measured["mode"] == "imported",
        "unlike_normals": largest > UNLIKE_SHARE or excess > UNLIKE_EXCESS,
        "not_this_assay": any(share > belonging.NOT_EXPLAINED for share in measured["qc"]["left_by_normals"].values()),
        "wavy": (measured["qc"]["waviness"] > settings["max_waviness"])
        or (measured["qc"]["autocorrelation"] > settings["max_autocorrelation"]),
        "noisy": settings["max_noise"] < noise <= settings["fail_noise"],
        "very_noisy": noise > settings["fail_noise"],
        "cep7_unavailable": tier == "none",
        "cep7_fallback": tier in ("proximal", "chr7"),
        "cep7_sides_disagree": measured["cep7"]["sides_disagree"],
        "egfr_gained": egfr["bins"] > 0 and egfr["log2"] - 3 * egfr["se"] > measure.GAINED_LOG2,
    }
    return [code for code, holds in found.items() if holds]


def _quality(parts: measure.Design, log2: np.ndarray, found: against.Measured, panel: Panel) -> dict[str, Any]:
    """Noise of the sample, what its genes and neighbours share, what normals explain, and how many bins are used."""
    corrected, bins = found.corrected, found.bins
    return {
        "left_by_normals": belonging.left_by_normals(log2, parts, panel),
        "noise": corrected.noise,
        "noise_over_normals": corrected.scale,
        "gene_excess": bins.excess,
        "gene_excess_averaged": bins.averaged,
        "gene_excess_over_normals": _over_normals(bins.excess, panel),
        "shares": corrected.shares,
        **_evenness(parts, bins)._asdict(),
        "bins": len(bins.log2),
        "bins_used": int(np.isfinite(bins.log2).sum()),
    }


def _evenness(parts: measure.Design, bins: measure.Observed) -> quality.Evenness:
    """How even the bins are that cover the autosomes evenly; NaN without them."""
    rows = np.flatnonzero(parts.wide & (parts.fit | parts.on_seven) & np.isfinite(bins.log2))
    return quality.evenness(
        bins.log2[rows], bins.sd[rows], chromosome=parts.chromosome[rows], midpoint=parts.midpoint[rows]
    )


def _over_normals(shared: Mapping[str, float], panel: Panel) -> dict[str, float]:
    """Gene-level excess of the sample over that of left-out normals, per kind that the normals could tell of."""
    known = {kind: null.excess for kind, null in panel.null.items() if np.isfinite(null.excess)}
    return {kind: value / max(known[kind], SMALLEST_EXCESS) for kind, value in shared.items() if kind in known}


def _write_ratios(path: Path, frame: pd.DataFrame, mask: np.ndarray, bins: measure.Observed) -> None:
    """Write the ``.cnr``: masked bins have no log2 and weight 0."""
    typical = np.nanmedian(bins.sd) if np.isfinite(bins.sd).any() else 1.0
    weight = np.where(np.isfinite(bins.sd), np.minimum((typical / np.maximum(bins.sd, 1e-6)) ** 2, 1.0), 0.0)
    mask = np.where((mask == "") & ~np.isfinite(bins.log2), "no_reads", mask)
    tables.write_ratios(path, frame.assign(log2=bins.log2, weight=weight, mask=mask, spread=bins.sd))
