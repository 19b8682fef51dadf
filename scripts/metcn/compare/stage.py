"""Stage ``compare``: what changed between the samples of a patient."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from metcn import provenance
from metcn.compare import course as comparing
from metcn.copies import draws_file, limits
from metcn.copies.estimates import DetectionLimit
from metcn.copies.records import read_call
from metcn.errors import InputError
from metcn.files import write_json
from metcn.run import stages

ONE_VALUE = 0.001  # probabilities nearer to each other than this are one
ALIKE = {
    "patient": "of one patient",
    "specimen": "of one kind of specimen, since plasma and tissue sample a tumour in different ways",
    "assay": "of one kind of assay, whose bias they share",
    "genome": "aligned to one genome build",
    "default_criteria": "called by one default criteria set",
}


def compare(*, baseline: Path, progression: Path, output: Path, settings: Mapping[str, Any]) -> None:
    """Write the change of MET copies from a baseline to a later sample, and the probability of acquisition.

    The draws behind each call are looked for where the workflow puts them, in ``copies/`` beside ``calls/``.

    Raises
    ------
    InputError
        If an input is missing or damaged, or the samples cannot be compared.
    """
    first, later = read_call(baseline), read_call(progression)
    _check(first, later, baseline, progression)
    before, after = _sample(first, baseline), _sample(later, progression)
    low, high = comparing.acquired(before, after)
    told = {"baseline": first, "progression": later}
    write_json(
        output,
        {
            "patient": first["patient"],
            **{name: record["sample"] for name, record in told.items()},
            "copies": {name: record["copies"]["met_copies"] for name, record in told.items()},
            "calls": {name: record["call"] for name, record in told.items()},
            "lod_copies": {name: record["copies"]["lod"]["copies"] for name, record in told.items()},
            "baseline_below_limit": bool(before.blind.any()),
            "change": comparing.change(before, after).to_json(),
            "p_acquired": {"value": high if high - low < ONE_VALUE else float("nan"), "low": low, "high": high},
            "course": comparing.course(before, after, decide=settings["decide_course"]),
            "provenance": provenance.stamp(settings),
        },
    )


def _check(first: Mapping[str, Any], later: Mapping[str, Any], baseline: Path, path: Path) -> None:
    """Pass if two calls can be compared."""
    if first["timepoint"] == "progression":
        raise InputError(f"{baseline}: expected a sample at baseline, found one at progression; swap the two")
    if later["timepoint"] == "baseline":
        raise InputError(f"{path}: expected a sample after the baseline, found one at baseline; correct its timepoint")
    if first["sample"] == later["sample"]:
        raise InputError(f"{path}: expected two samples, found {later['sample']} twice; give the later one's calls")
    for key, expected in ALIKE.items():
        if first[key] != later[key]:
            raise InputError(
                f"{path}: expected samples {expected}, found {key} {later[key] or 'unknown'!r} beside "
                f"{first[key] or 'unknown'!r} of {baseline}; compare others"
            )


def _sample(record: Mapping[str, Any], path: Path) -> comparing.Sample:
    """Draws behind a call, with the groups that could not have shown an amplification; nothing known of a no-call."""
    if record["call"] == "no_call":
        return comparing.Sample.missing()
    place = path.resolve().parents[1] / "copies" / Path(stages.path("copies", "draws", record["sample"])).name
    draws = draws_file.read(place)
    limit = limits.of_verdicts(DetectionLimit.from_json(record["copies"]["lod"])).get("gcn", np.zeros(1))
    blind = np.broadcast_to(~(limit <= comparing.COPIES), (draws.group_count,))
    return comparing.Sample(draws, blind)
