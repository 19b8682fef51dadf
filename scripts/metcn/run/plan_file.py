"""The plan of a run as a file, from which its jobs take what they are to do.

It is named after its content, so a job begun with one plan never follows another. Patients are not named in it, for
it lies beside the logs, which are sent around: where a stage is told the patient, the name comes from the sheet.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from metcn import files
from metcn.errors import InputError
from metcn.run import sheet
from metcn.run.plan import Plan
from metcn.run.samples import Sample

STAND_IN = re.compile(f"{sheet.FROM_SHEET}[0-9a-f]{{16}}")
PATHS, SEVERAL = ("alignments", "ratios", "variants"), ("coverage",)


def write(plan: Plan, folder: Path) -> None:
    """Write the plan below a folder, if it is not there yet."""
    path = folder / plan.file
    if not path.is_file():
        files.write_text(path, json.dumps(_content(plan)))


def tidy(plan: Plan, folder: Path) -> None:
    """Take away the plans of other runs, when nothing else is at work in the folder."""
    for path in (folder / plan.file).parent.glob("plan-*.json"):
        if path != folder / plan.file:
            path.unlink(missing_ok=True)


def read(path: Path) -> Plan:
    """The plan in a file.

    Raises
    ------
    InputError
        If the file is not there, or is no plan of this version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Plan(content["settings"], {row["name"]: _sample(row) for row in content["samples"]})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"expected the plan of a run in {path} ({error}); start the run again") from error


def _content(plan: Plan) -> dict[str, Any]:
    """Settings and samples as JSON holds them."""
    hidden = [replace(sample, patient=stand_in(sample.patient)) for sample in plan.samples.values()]
    rows = [{key: _text(value) for key, value in asdict(sample).items()} for sample in hidden]
    return {"settings": dict(plan.settings), "samples": rows}


def stand_in(patient: str) -> str:
    """What stands for a patient's name, the same for the same patient; empty for none."""
    return f"{sheet.FROM_SHEET}{hashlib.sha256(patient.encode()).hexdigest()[:16]}" if patient else ""


def patient_of(plan: Plan, sample: str) -> str:
    """Name of a sample's patient, from the sheet where the plan came from a file."""
    told = plan.samples[sample].patient
    return sheet.patient_of(plan.settings["samples"], sample) if STAND_IN.fullmatch(told) else told


def _text(value: Any) -> Any:
    """Paths as text."""
    if isinstance(value, tuple):
        return [str(path) for path in value]
    return str(value) if isinstance(value, Path) else value


def _sample(row: dict[str, Any]) -> Sample:
    """A sample as JSON holds it."""
    known = {field.name: row[field.name] for field in fields(Sample)}
    known |= {key: Path(known[key]) for key in PATHS if known[key] is not None}
    known |= {key: tuple(Path(path) for path in known[key]) for key in SEVERAL}
    return Sample(**known)
