"""What stands in place of a result: the calls JSON and the page of a sample that a run could not finish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metcn.calls import stage
from metcn.copies.estimates import CopyEstimates
from metcn.copies.records import SCHEMA
from metcn.files import write_json, write_text
from metcn.purity.result import PurityResult
from metcn.report import sample_page
from metcn.run.failures import Failure
from metcn.run.samples import Sample


def write(
    failure: Failure,
    sample: Sample,
    run: Mapping[str, Any],
    *,
    configuration: str,
    own_criteria: Sequence[Path],
    output: Path,
    page: Path,
) -> None:
    """Write the calls JSON and the page of a sample without a result: ``no_call``, the reason, and what was wrong.

    Parameters
    ----------
    failure, sample
        What happened to which row of the sheet.
    run
        The complete configuration of the run.
    configuration
        Digest of the run's settings, for the provenance.
    own_criteria
        Criteria sets of the laboratory.
    output, page
        Files to write.
    """
    rules = stage.Rules.of(run["calls"], sample.specimen, sample.prior_tki, own_criteria)
    record = document(failure, sample, run, rules) | {"failure": _told(failure)}
    record["provenance"] |= {"configuration": configuration, "reference": None}
    write_json(output, record)
    write_text(page, sample_page.failure_page(record, title=run["report"]["title"]))


def _told(failure: Failure) -> dict[str, Any]:
    """Where a sample failed, and the messages."""
    return {"stage": failure.stage, "messages": list(failure.messages)}


def document(failure: Failure, sample: Sample, run: Mapping[str, Any], rules: stage.Rules) -> dict[str, Any]:
    """The calls JSON of a sample without a result: every number missing, every criterion undecided."""
    asked = {"specimen": sample.specimen, "patient": sample.patient, "timepoint": sample.timepoint}
    asked |= {"prior_tki": sample.prior_tki}
    found = {
        "measurement": {
            "sample": sample.name,
            "assay": run["assay"],
            "genome": run["genome"],
            "mode": "not_measured",
            "met": {"ratio": None, "bins": 0},
            "cep7": {"tier": "none"},
            "qc": {},
            "reference": None,
            "reasons": [failure.reason],
        },
        "purity": PurityResult().to_json(),
        "copies": CopyEstimates().to_json(),
        "counts": None,
    }
    record = stage.record({"schema": SCHEMA, "sample": sample.name, **asked}, found, Path(), rules)
    record["headline"] = "No call: " + failure.messages[0]
    return record
