"""Stages ``reference``, ``ratios``, ``segments``, ``purity`` and ``copies``: from counts to copies with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metcn import amplicon, detection, formats, panel_file, provenance, tables
from metcn import copies as estimating
from metcn import genome as genomes
from metcn import purity as mixing
from metcn import ratios as core
from metcn import reference as normals
from metcn import segments as segmentation
from metcn.errors import InputError
from metcn.files import read_json, write_json, writing
from metcn.panel import Panel
from metcn.samples import parse_range
from metcn.stages import design, measure

PLOIDY_OF_TABLE = 2.0  # ploidy at which the purity needed for a number of copies is tabulated when ploidy is unknown
COPY_BOUNDS = (5, 6, 10)
RATIO_BOUNDS = (2,)
DEVIANT_SCATTER = 2.5  # bins of MET scatter this much more than expected: a part of the gene differs
UNLIKE_SHARE = 6.0  # a sample's largest share of a component, in SDs of the normals, beyond which it is unlike them
LEVELS = {"met": ("met",), "cep7": ("cep7",), "arm_q": ("arms", "7q"), "arm_p": ("arms", "7p")}


def reference(
    *, bins: Path, counts: Sequence[Path], genome: str, assay: str, output: Path, settings: Mapping[str, Any]
) -> None:
    """Write the panel of normals (HDF5) made of the counts of the normals.

    Raises
    ------
    InputError
        If a table is malformed, has other rows than the bins, or no normal has reads.
    """
    frame = tables.read_bins(bins)
    depth = np.stack([_log2_depth(path, frame) for path in counts])
    names = [path.name.removesuffix(".cnn") for path in counts]
    empty = [name for name, row in zip(names, depth, strict=True) if not np.isfinite(row).any()]
    if empty:
        raise InputError(f"normal {empty[0]} has no reads in any bin; remove it from the sample sheet or replace its file")
    parts = measure.design_of(frame)
    panel = normals.build(
        depth,
        kind=parts.kind,
        group=parts.group,
        fit=parts.fit,
        mask=frame["mask"].to_numpy(dtype=np.str_),
        max_components=settings["max_components"],
        min_relative_depth=settings["min_relative_depth"],
        max_spread=settings["max_spread"],
        met_bins=int(parts.met.sum()),
    )
    facts = {"genome": genome, "assay": assay, "normals": names, "provenance": provenance.stamp(settings)}
    panel_file.write(output, frame, panel, facts)


def _log2_depth(path: Path, frame: pd.DataFrame) -> np.ndarray:
    """Log2 depth per bin of one counts table, NaN where it has no reads; the rows must be those of the bins."""
    table = tables.read_counts(path)
    same = len(table) == len(frame) and all(
        np.array_equal(table[name].to_numpy(), frame[name].to_numpy()) for name in ("chromosome", "start", "end")
    )
    if not same:
        raise InputError(f"{path}: its rows are not those of the bins in use; count this sample again with those bins")
    depth = table["depth"].to_numpy(float)
    with np.errstate(divide="ignore"):
        log2 = np.log2(depth)
    return np.where(np.isfinite(log2), log2, np.nan).astype(np.float32)


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
        panel, made, mode = _flat(frame), None, "imported"
    elif counts and bins:
        frame = tables.read_bins(bins)
        log2 = _log2_depth(counts, frame)
        frame, panel, made, mode = _compared(frame, reference, matched_normal)
    else:
        raise InputError(f"sample {sample} has neither counts with bins nor imported ratios; give one of them")
    parts = measure.design_of(frame)
    usable = panel.mask == ""
    rows = core.fit_rows(
        fit=parts.fit, usable=usable & np.isfinite(log2), group=parts.group, most=settings["max_bins_per_gene"]
    )
    corrected = core.correct(
        log2.astype(float),
        centre=panel.centre,
        spread=panel.spread.astype(float),
        basis=panel.basis,
        kind=parts.kind,
        chromosome=parts.chromosome,
        usable=usable,
        rows=rows,
        gc=frame["gc"].to_numpy(float),
    )
    ratio, local, base = measure.baseline(parts, corrected.log2_ratio, smallest=settings["min_backbone_bins"])
    shared = measure.excess(parts, corrected, ratio, local, panel)
    measured = {
        "sample": sample,
        "assay": assay,
        "genome": genome,
        "mode": mode,
        "met": measure.met(parts, corrected, ratio, shared, base),
        "cep7": measure.centromere(parts, facts, corrected, ratio, shared),
        **measure.surroundings(parts, facts, corrected, ratio, shared),
        "baseline": base,
        "qc": {
            "noise": corrected.noise,
            "noise_over_normals": corrected.scale,
            "gene_excess": shared,
            "shares": corrected.shares,
            "bins": len(frame),
            "bins_used": int(np.isfinite(ratio).sum()),
        },
        "reference": made,
    }
    measured["reasons"] = _measured_reasons(parts, measured, settings)
    _write_ratios(output, frame, panel, corrected, ratio, None if imported else counts)
    write_json(summary, measured)


def _compared(frame: pd.DataFrame, reference: Path | None, matched: Path | None) -> tuple:
    """Bins, what the sample is compared with, what is known of that, and the mode: panel, matched normal or nothing."""
    if reference is not None:
        stored, panel, facts = panel_file.read(reference)
        expected, found = panel_file.fingerprint(stored), panel_file.fingerprint(frame)
        if expected != found:
            raise InputError(
                f"{reference} was made for other bins (fingerprint {expected}) than this sample's ({found}); "
                "make the panel of normals again, or count the sample with the panel's own bins"
            )
        made = {
            "normals": panel.normals,
            "components": {kind: null.components for kind, null in panel.null.items()},
            "fingerprint": expected,
            "names": facts.get("normals", []),
        }
        return stored, panel, made, "panel_of_normals" if panel.normals >= 3 else "few_normals"
    if matched is not None:
        flat = _flat(frame)
        centre = _log2_depth(matched, frame)
        mask = np.where((flat.mask == "") & ~np.isfinite(centre), "no_reads_in_normals", flat.mask)
        return frame, Panel(centre, flat.spread, mask, flat.basis, {}, 1), None, "matched_normal"
    return frame, _flat(frame), None, "no_normals"


def _flat(frame: pd.DataFrame) -> Panel:
    """A panel that says nothing: every centre 0, every spread 1 (the sample's own noise then gives the scale)."""
    count = len(frame)
    return Panel(
        centre=np.zeros(count), spread=np.ones(count), mask=frame["mask"].to_numpy(dtype=np.str_), basis=np.zeros((count, 0))
    )


def _imported(path: Path, facts: genomes.Genome, assay: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Bins and log2 ratios of a table normalised elsewhere."""
    table = formats.genome_order(formats.read_ratios(path), facts)
    off_target = table["gene"].isin(["Antitarget", "Background"])
    table = table.assign(kind=np.where(off_target, "off_target", "target"))
    frame = design.annotated(design.bins_of_coverage(table, facts, assay=assay, where=str(path)), facts, None)
    return frame, table["log2"].to_numpy(float)


def _measured_reasons(parts: measure.Design, measured: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """What is to be said against the measurement, in codes of the closed list."""
    own, base, tier = measured["met"], measured["baseline"], measured["cep7"]["tier"]
    kinds = np.unique(parts.kind[parts.met]) if parts.met.any() else np.unique(parts.kind)
    noise = max((measured["qc"]["noise"].get(str(kind), 0.0) for kind in kinds), default=0.0)
    narrow = base["from"] == "targets"
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
        "gc_unknown": measured["mode"] in ("no_normals", "few_normals") and parts.frame["gc"].isna().all(),
        "ratios_imported": measured["mode"] == "imported",
        "unlike_normals": largest > UNLIKE_SHARE,
        "noisy": settings["max_noise"] < noise <= settings["fail_noise"],
        "very_noisy": noise > settings["fail_noise"],
        "cep7_unavailable": tier == "none",
        "cep7_fallback": tier in ("proximal", "chr7"),
        "cep7_sides_disagree": measured["cep7"]["sides_disagree"],
        "egfr_gained": egfr["bins"] > 0 and egfr["log2"] - 3 * egfr["se"] > measure.GAINED_LOG2,
    }
    return [code for code, holds in found.items() if holds]


def _write_ratios(
    path: Path, frame: pd.DataFrame, panel: Panel, corrected: core.Corrected, ratio: np.ndarray, counts: Path | None
) -> None:
    """Write the ``.cnr``: masked bins have no log2 and weight 0."""
    typical = np.nanmedian(corrected.sd) if np.isfinite(corrected.sd).any() else 1.0
    weight = np.where(np.isfinite(corrected.sd), np.minimum((typical / np.maximum(corrected.sd, 1e-6)) ** 2, 1.0), 0.0)
    mask = np.where((panel.mask == "") & ~np.isfinite(ratio), "no_reads", panel.mask)
    depth = tables.read_counts(counts)["depth"].to_numpy(float) if counts else np.full(len(frame), np.nan)
    tables.write_ratios(
        path, frame.assign(log2=ratio, depth=depth, weight=weight, mask=mask, spread=corrected.sd)
    )


def segments(*, sample: str, ratios: Path, genome: str, output: Path, seg: Path, settings: Mapping[str, Any]) -> None:
    """Write the segments of a sample's ratios for CNVkit (``.cns``) and IGV (``.seg``).

    Raises
    ------
    InputError
        If the ratios are malformed, or the method needs R and R is absent.
    """
    frame = tables.read_ratios(ratios)
    found = segmentation.find(frame, method=settings["method"], arm=_arms(frame, genomes.load(genome)))
    tables.write_segments(output, found)
    tables.write_seg(seg, sample, found)


def _arms(frame: pd.DataFrame, facts: genomes.Genome) -> np.ndarray:
    """Chromosome arm of each bin, such as ``chr7q``."""
    border = {name: facts.centromere.get(genomes.bare(name), (0, 0))[0] for name in frame["chromosome"].unique()}
    beyond = (frame["start"] + frame["end"]) / 2 >= frame["chromosome"].map(border)
    return (frame["chromosome"] + np.where(beyond, "q", "p")).to_numpy()


def purity(
    *, sample: str, specimen: str, purity: str, ploidy: str, segments: Path, output: Path, settings: Mapping[str, Any]
) -> None:
    """Write what is known of a sample's purity and ploidy as a grid of points.

    Raises
    ------
    InputError
        If a given value is no number or range.
    """
    given = {name: _given(text, name, sample) for name, text in (("purity", purity), ("ploidy", ploidy))}
    of_purity = mixing.axis(given["purity"], (settings[f"{specimen}_low"], settings[f"{specimen}_high"]))
    of_ploidy = mixing.axis(given["ploidy"], (settings["ploidy_low"], settings["ploidy_high"]))
    reasons = []
    if not of_purity.known:
        reasons.append("purity_unknown")
    elif of_purity.span[0] < settings["floor"]:
        reasons.append("purity_below_floor")
    if not of_ploidy.known:
        reasons.append("ploidy_unknown")
    grid = mixing.grid(of_purity, of_ploidy)
    write_json(
        output,
        {
            "sample": sample,
            "purity": _axis(of_purity),
            "ploidy": _axis(of_ploidy),
            "known": of_purity.known and of_ploidy.known,
            "grid": grid,
            "evidence": [{"source": "sheet", "purity": purity, "ploidy": ploidy}],
            "reasons": reasons,
        },
    )


def _given(text: str, name: str, sample: str) -> tuple[float, float] | None:
    """The span that the sheet gives, None where it gives none."""
    if not text:
        return None
    try:
        low, high = parse_range(text)
    except ValueError as error:
        raise InputError(f"sample {sample}, {name}: expected {error}, received {text!r}; correct it or leave it empty") from error
    if low <= 0 or (name == "purity" and high > 1):
        raise InputError(f"sample {sample}, {name}: expected a value above 0{' and at most 1' if name == 'purity' else ''}, received {text!r}")
    return low, high


def _axis(axis: mixing.Axis) -> dict[str, Any]:
    return {"value": axis.value, "low": axis.span[0], "high": axis.span[1], "source": axis.source}


def copies(
    *,
    measurement: Path,
    purity: Path,
    ratios: Path,
    segments: Path,
    genome: str,
    output: Path,
    draws: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write copies with intervals, focality and limit of detection (``.json``), and the draws behind them (``.npz``)."""
    measured, mixture = read_json(measurement), read_json(purity)
    grid = {name: np.asarray(values) for name, values in mixture["grid"].items()}
    level = estimating.Measured(
        log2={name: _number(measured, *where, "log2") for name, where in LEVELS.items()},
        se={name: _own_error(measured, *where) for name, where in LEVELS.items()},
        baseline_se=_number(measured, "baseline", "se"),
    )
    found = estimating.posterior(level, grid, draw_count=settings["draw_count"])
    if "purity_below_floor" in mixture["reasons"]:  # depth says nothing of tumour copies: only uncorrected values stay
        found |= {name: np.full_like(found[name], np.nan) for name in ("gcn", "cep7", "arm_q", "arm_p", "ratio")}
    group = found["group"]
    chosen, shares = amplicon.focality(found, decide=settings["decide_focality"])
    limit = detection.detectable_ratio(_number(measured, "met", "se"), alpha=settings["alpha"], power=settings["power"])
    ploidy = mixture["ploidy"]["value"]
    extent = _extent(tables.read_segments(segments), genomes.load(genome)) if chosen in ("focal", "arm") else None
    quantities = {"met_copies": "gcn", "cep7_copies": "cep7", "met_cep7": "ratio", "met_ratio": "fold", "plasma_copies": "pcn"}
    result = {name: estimating.interval(found[key], group) for name, key in quantities.items()}
    result["met_ratio"]["value"] = _number(measured, "met", "ratio")
    result["plasma_copies"]["value"] = 2 * result["met_ratio"]["value"]
    result |= {
        "p_copies_ge": estimating.at_least(found["gcn"], group, COPY_BOUNDS),
        "p_ratio_ge": estimating.at_least(found["ratio"], group, RATIO_BOUNDS),
        "lod": {
            "ratio": limit,
            "copies": detection.detectable_copies(limit, grid),
            "purity_for": detection.purity_for(limit, COPY_BOUNDS, PLOIDY_OF_TABLE if ploidy is None else ploidy),
        },
        "focality": {"class": chosen, "evidence": shares},
        "amplicon": extent,
        "reasons": [],
    }
    write_json(output, result)
    with writing(draws) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, **{name: values.astype(np.float32 if values.dtype.kind == "f" else np.int16) for name, values in found.items()})  # fmt: skip


def _number(record: Mapping[str, Any], *names: str) -> float:
    """A number nested in a JSON record; null is NaN."""
    value: Any = record
    for name in names:
        value = value[name]
    return float("nan") if value is None else float(value)


def _own_error(measured: Mapping[str, Any], *where: str) -> float:
    """A level's error without the baseline's, which all levels share."""
    error = _number(measured, *where, "se")
    return float(np.sqrt(max(error**2 - _number(measured, "baseline", "se") ** 2, 0.0))) if where == ("met",) else error


def _extent(segments: pd.DataFrame, facts: genomes.Genome) -> dict[str, Any] | None:
    """Extent of the segments that overlap MET, and the genes of chromosome 7 within it."""
    seven = segments["chromosome"].map(genomes.bare) == genomes.MET_CHROMOSOME
    over = segments[seven & (segments["start"] < facts.met[1]) & (segments["end"] > facts.met[0])]
    if over.empty:
        return None
    start, end = int(over["start"].min()), int(over["end"].max())
    inside = facts.genes[(facts.genes["start"] < end) & (facts.genes["end"] > start)]
    return {"start": start, "end": end, "genes": inside["gene"].tolist()}
