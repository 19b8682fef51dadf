"""What the Snakemake files need from the package: the plan of the run and the way to start the command."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metcn import files
from metcn.commands import records
from metcn.run import config, leftovers, plan
from metcn.run.samples import NAME

CHECKED = "METCN_CHECKED"  # set by `metcn run`, which looks at the inputs before it starts Snakemake
SAMPLE_PATTERN = NAME.pattern
# One thread per job: jobs run side by side, and results must not depend on how a library splits its sums.
SINGLE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def load(given: Mapping[str, Any], workflow: Any) -> plan.Plan:
    """The plan of a workflow from Snakemake's merged configuration.

    Relative paths start from the folder of the last configuration file, or from where Snakemake was started if there
    is none. Snakemake reads YAML leniently, so each file is read again strictly.

    Raises
    ------
    InputError
        One line per problem of configuration, sheet or inputs.
    """
    configfiles = [Path(path).absolute() for path in workflow.configfiles]
    for path in configfiles:
        config.read(path)
    base = configfiles[-1].parent.resolve() if configfiles else Path(workflow.workdir_init)
    whole = plan.load(given, base, str(configfiles[-1]) if configfiles else "config")
    if workflow.is_main_process and CHECKED not in os.environ:
        from metcn.stages import (
            preflight,
        )  # brings the scientific stack, which the jobs of a cluster need not load here

        for note in preflight.check(whole, Path.cwd()):
            print(f"metcn: note: {note}", file=sys.stderr)
    if workflow.is_main_process and workflow.modifier.is_main_snakefile():
        for note in _earlier_results(whole, Path.cwd()):
            print(f"metcn: note: {note}", file=sys.stderr)
    return whole


def _earlier_results(whole: plan.Plan, directory: Path) -> list[str]:
    """What is to be said of results that are there already."""
    notes = leftovers.note(leftovers.found(whole, directory), directory)
    unknown = [] if CHECKED in os.environ else records.without(directory, leftovers.outputs(whole))
    if unknown:
        notes.append(
            f"{directory}: {records.note(unknown)}, so changes would go unnoticed; make them again with --forcerun or "
            "with `metcn run`, or take them as they are with --touch --forceall"
        )
    return notes


def shell_prefix(workflow: Any) -> str:
    """Bash that defines the command ``metcn`` for the rules: this very package, in this very Python, in one thread.

    Only this function sees the settings, so other rules of a workflow that uses this one as a module are untouched.
    Where Snakemake makes the rules' conda environment, that environment's Python is used.
    """
    methods = {str(method) for method in workflow.deployment_settings.deployment_method}
    python = "python" if "conda" in methods else shlex.quote(sys.executable)
    variables = " ".join(f"{name}=1" for name in SINGLE_THREAD)
    search = f"{shlex.quote(str(files.PACKAGE.parent))}${{PYTHONPATH:+:$PYTHONPATH}}"
    definition = f'metcn() {{ PYTHONPATH={search} {variables} {python} -m metcn "$@"; }}; '
    return definition.replace("{", "{{").replace("}", "}}")  # Snakemake formats the prefix
