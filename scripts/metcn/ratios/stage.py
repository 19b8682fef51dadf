"""Stage ``ratios``: one sample against the panel of normals, with errors."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn import provenance
from metcn.bins import design, hdf5_file
from metcn.bins.layout import layout_of
from metcn.counts import depth_file, summary_file
from metcn.counts.depth_file import SampleDepth
from metcn.counts.summary_file import CountsSummary
from metcn.errors import InputError
from metcn.files import write_json
from metcn.genome import build as genomes
from metcn.io import coverage_formats, tables
from metcn.ratios import quality, sample_checks
from metcn.ratios.levels import Observed
from metcn.ratios.measured import matched_normal as check_of_normal
from metcn.ratios.measured import measured
from metcn.ratios.measurement import Measurement, PanelRecord
from metcn.reference import checks, few_fragments, panel_file
from metcn.reference.checks import Belonging, CountedAs
from metcn.reference.panel import FEWEST_NORMALS, Panel, flat
from metcn.reference.suspected import NormalsCheck
from metcn.run.settings import RatiosSettings
from metcn.stats import fragments


@dataclass(frozen=True, eq=False)
class _Compared:
    """Bins, and what a sample is compared with there.

    ``facts`` are those of a stored panel; ``mode`` says whether it is a panel, a matched normal or nothing.
    """

    frame: pd.DataFrame
    panel: Panel
    mode: str
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class _Given:
    """A sample's depths, what they are compared with, and notes on how they were read."""

    own: SampleDepth
    compared: _Compared
    notes: tuple[str, ...] = ()


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
    chosen, build = RatiosSettings(**settings), genomes.load(genome)
    counted = summary_file.read(counts_summary) if counts_summary and not imported else None
    if imported:
        given = _imported(imported, build, assay)
    elif counts and bins:
        frame = tables.read_bins(bins)
        own = depth_file.read(counts, frame, counted)
        given = _Given(own, _against(frame, reference, matched_normal, genome, assay, _counted_as(counted)))
    else:
        raise InputError(f"sample {sample} has neither counts with bins nor imported ratios; give one of them")
    compared, own = given.compared, given.own
    layout, panel = layout_of(compared.frame), compared.panel
    alone = panel.normals < FEWEST_NORMALS and compared.mode != "imported"
    result = measured(own.log2, own.counts, layout, panel, build, chosen, alone=alone)
    matched = None
    if matched_normal and compared.mode == "panel_of_normals":
        theirs = depth_file.read(matched_normal, compared.frame, counted)
        matched = check_of_normal(measured(theirs.log2, theirs.counts, layout, panel, build, chosen).levels)
    record = _panel_record(compared, result.profile.scores) if compared.facts else None
    qc = quality.quality(own.log2, layout, panel, result.profile, result.bins)
    reasons = sample_checks.reasons(
        layout, result.levels, qc, compared.mode, chosen,
        covered=bool(np.isfinite(own.log2[layout.met & (panel.mask == "")]).any()),
        deviant=bool(record and record.deviant),
        matched_deviates=bool(matched and matched.deviates),
    )  # fmt: skip
    read = provenance.contents(**({"imported": imported} if imported else {"reference": reference}))
    measurement = Measurement(
        sample, assay, genome, compared.mode, result.levels, qc, record, matched, given.notes, tuple(reasons), read
    )
    _write_ratios(output, compared.frame.assign(depth=own.depth), panel.mask, result.bins)
    write_json(summary, measurement.to_json())


def _counted_as(summary: CountsSummary | None) -> CountedAs:
    return checks.counted_alike([summary] if summary else [])


def _against(
    frame: pd.DataFrame, reference: Path | None, matched: Path | None, genome: str, assay: str, alike: CountedAs
) -> _Compared:
    """What a sample of the bins of ``frame`` is compared with: a panel, else a matched normal, else nothing."""
    if reference is not None:
        stored, panel, facts = panel_file.read(reference)
        panel_file.check_facts(reference, facts, genome=genome, assay=assay)
        expected, own = facts["fingerprint"], hdf5_file.fingerprint(frame)
        if expected != own:
            raise InputError(
                f"{reference} was made for other bins (fingerprint {expected}) than this sample's ({own}); "
                "make the panel of normals again, or count the sample with the panel's own bins"
            )
        checks.check_counted(alike, facts, reference)
        mode = "panel_of_normals" if panel.normals >= FEWEST_NORMALS else "few_normals"
        return _Compared(stored, panel, mode, facts)
    blank = flat(frame["mask"].to_numpy(dtype=np.str_))
    if matched is None:
        return _Compared(frame, blank, "no_normals")
    normal, layout = depth_file.read(matched, frame, None), layout_of(frame)
    mask = np.where((blank.mask == "") & ~np.isfinite(normal.log2), "no_reads_in_normals", blank.mask)
    panel = Panel(normal.log2, blank.spread, mask, blank.basis, {}, 1)
    few = few_fragments.kinds_of_few(layout, [normal.counts])
    return _Compared(frame, few_fragments.with_sums(panel, layout, [normal.counts], few, 0.0), "matched_normal")


def _panel_record(compared: _Compared, scores: Mapping[str, list[float]]) -> PanelRecord:
    """What the measurement says of the panel, and which of its normals a sample of these ``scores`` resembles."""
    facts, panel = compared.facts or {}, compared.panel
    return PanelRecord(
        normals=panel.normals,
        components={kind: null.components for kind, null in panel.null.items()},
        fingerprint=facts["fingerprint"],
        names=tuple(facts["normals"]),
        belonging=Belonging(*(facts.get(name) for name in ("males", "batches", "strays"))),
        deviant=facts.get("deviant"),
        check=NormalsCheck.from_json(facts["check"]) if facts.get("check") else None,  # earlier versions have none
        resembles=checks.of_sample(scores, facts["normals"], panel),
    )


def _imported(path: Path, build: genomes.Genome, assay: str) -> _Given:
    """Bins and log2 ratios of a table normalised elsewhere; the notes on its reading are printed too."""
    rows, notes = coverage_formats.ratios(path)
    for note in notes:
        print(f"metcn: note: {note}", file=sys.stderr)
    table = coverage_formats.genome_order(rows, build)
    off_target = table["gene"].isin(coverage_formats.OFF_TARGET_NAMES)
    table = table.assign(kind=np.where(off_target, "off_target", "target"))
    frame = design.annotated(design.bins_of_coverage(table, build, assay=assay, where=str(path)), build)
    unknown = np.full(len(frame), np.nan)
    depth = SampleDepth(unknown, table["log2"].to_numpy(float), fragments.Counts(unknown, unknown))
    compared = _Compared(frame, flat(frame["mask"].to_numpy(dtype=np.str_)), "imported")
    return _Given(depth, compared, tuple(notes))


def _write_ratios(path: Path, frame: pd.DataFrame, mask: NDArray[np.str_], bins: Observed) -> None:
    """Write the ``.cnr``: masked bins have no log2 and weight 0."""
    typical = np.nanmedian(bins.sd) if np.isfinite(bins.sd).any() else 1.0
    weight = np.where(np.isfinite(bins.sd), np.minimum((typical / np.maximum(bins.sd, 1e-6)) ** 2, 1.0), 0.0)
    mask = np.where((mask == "") & ~np.isfinite(bins.log2), "no_reads", mask)
    tables.write_ratios(
        path, frame.assign(log2=bins.log2, weight=weight, mask=mask, spread=bins.sd, expected=bins.expected)
    )
