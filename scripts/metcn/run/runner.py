"""Running stages: the workflow, ``metcn call``, titrations, benchmarks and tests all go through here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metcn.run import config, metadata_records, stages
from metcn.run.plan import Plan
from metcn.run.stages import STAGES, Inputs


def call_stage(stage: str, arguments: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Call a stage's function; the scientific libraries are imported here and not before.

    A fact that is not known is an empty text, as in the sheet; a file that is not there is None.
    """
    known = {}
    for argument in STAGES[stage].arguments:
        value = arguments.get(argument.name)
        known[argument.name] = "" if value is None and argument.kind == "text" else value
    STAGES[stage].function()(**known, settings=dict(settings))


def run(
    plan: Plan,
    stage: str,
    sample: str,
    output: Path,
    *,
    inputs: Inputs | None = None,
    omit: Sequence[str] = (),
) -> None:
    """Run a stage of the plan with its files below ``output``.

    ``inputs`` stands for those of the plan, where not all of them are there; outputs in ``omit`` are not written.

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
    kept = [argument for argument in STAGES[stage].outputs if argument not in omit]
    written = {argument: output / stages.path(stage, argument, sample) for argument in kept}
    settings = {key: plan.settings[stage][key] for key in config.settings_keys(stage)}
    metadata_records.forget(output, [stages.path(stage, argument, sample) for argument in STAGES[stage].outputs])
    call_stage(stage, {**plan.facts(stage, name), **read, **written}, settings)
