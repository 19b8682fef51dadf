"""Running stages: the workflow, ``metcn call``, titrations, benchmarks and tests all go through here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metcn import files, provenance
from metcn.light_imports import lighten
from metcn.run import config, metadata_records, plan_file, stages
from metcn.run.failures import BEGUN_MARK
from metcn.run.jobs import Step, outputs_of
from metcn.run.plan import Plan
from metcn.run.stages import STAGES, Inputs, paths_of

DONE = ".snakemake/metcn/done"  # below the output folder: what each step was made of, and what it made


def call_stage(stage: str, arguments: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Call a stage's function; the scientific libraries are imported here and not before.

    A fact that is not known is an empty text, as in the sheet; a file that is not there is None.
    """
    known = {}
    for argument in STAGES[stage].arguments:
        value = arguments.get(argument.name)
        known[argument.name] = "" if value is None and argument.kind == "text" else value
    lighten("numpy.f2py")  # SciPy imports all that NumPy has, also its compiler of Fortran
    STAGES[stage].function()(**known, settings=dict(settings))


def run(
    plan: Plan,
    stage: str,
    sample: str,
    output: Path,
    *,
    inputs: Inputs | None = None,
    omit: Sequence[str] = (),
    threads: int | None = None,
) -> None:
    """Run a stage of the plan with its files below ``output``.

    ``inputs`` stands for those of the plan, where not all of them are there; outputs in ``omit`` are not written;
    ``threads`` stands for the setting of that name.

    Raises
    ------
    InputError
        If an input is wrong.
    """
    name = sample if STAGES[stage].per_sample else ""
    read = {
        argument: [output / path for path in paths] if isinstance(paths, list) else output / paths
        for argument, paths in (plan.inputs(stage, name) if inputs is None else inputs).items()
    }
    written = {
        argument: output / stages.path(stage, argument, sample)
        for argument in STAGES[stage].outputs
        if argument not in omit
    }
    settings = {key: plan.settings[stage][key] for key in config.settings_keys(stage)}
    if threads is not None and "threads" in settings:
        settings["threads"] = threads
    facts = plan.facts(stage, name)
    if "patient" in facts:
        facts["patient"] = plan_file.patient_of(plan, name)
    call_stage(stage, {**facts, **read, **written}, settings)


def run_alone(plan: Plan, stage: str, sample: str, output: Path, **options: Any) -> None:
    """Run a stage as :func:`run` does, outside of the workflow: Snakemake's records of its results are taken away."""
    metadata_records.forget(output, outputs_of([(stage, sample)]))
    run(plan, stage, sample, output, **options)


def run_steps(plan: Plan, steps: Sequence[Step], output: Path, *, threads: int | None = None) -> list[Step]:
    """Steps of a job that were run; the others have, to the byte, what they would make of the same files.

    What each step read and wrote is kept below ``DONE``, so that a changed setting makes only what rests on it,
    although one process does all. Where a result has changed hands since, or is lacking, it is made again.

    Raises
    ------
    InputError
        If an input is wrong; later steps are not run.
    """
    ran: list[Step] = []
    for stage, sample in steps:
        record = output / DONE / f"{stage}.{sample}.json"
        key = _made_of(plan, stage, sample, output)
        results = [output / path for path in outputs_of([(stage, sample)])]
        if _read(record) == {"made_of": key, "results": _digests(results)}:
            for path in results:
                os.utime(path)
            continue
        print(f"{BEGUN_MARK}{stage}{f' of {sample}' if sample else ''}", file=sys.stderr, flush=True)
        record.unlink(missing_ok=True)
        run(plan, stage, sample, output, threads=threads)
        files.write_text(record, json.dumps({"made_of": key, "results": _digests(results)}))
        ran.append((stage, sample))
    return ran


def told(plan: Plan, stage: str, sample: str) -> dict[str, Any]:
    """All that a step's result depends on but for the content of earlier results, which ``earlier`` names."""
    return {
        "mark": plan.mark(stage, sample),
        "settings": plan.result_settings(stage),
        "code": plan.code(stage),
        "earlier": [path for path in paths_of(plan.inputs(stage, sample)) if not Path(path).is_absolute()],
    }


def _made_of(plan: Plan, stage: str, sample: str, output: Path) -> str:
    """Digest of all that a step's result depends on: facts, files of the user, settings, code, earlier results."""
    known = told(plan, stage, sample)
    return provenance.digest([known, _digests([output / path for path in known["earlier"]])])


def _digests(paths: Sequence[Path]) -> list[str | None]:
    """Digest of each file; None of one that is not there."""
    return [files.sha256(path) if path.is_file() else None for path in paths]


def _read(path: Path) -> Any:
    """What a record holds; None if there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
