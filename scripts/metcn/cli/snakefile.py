"""What the Snakemake files need from the package: the plan of the run and the way to start the command."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from metcn import files
from metcn.cli import finishing, output_lock
from metcn.errors import InputError
from metcn.run import config, leftovers, metadata_records, plan, plan_file, runner
from metcn.run import stages as layout
from metcn.run.jobs import Step
from metcn.run.samples import NAME

CHECKED = "METCN_CHECKED"  # set by `metcn run`, which looks at the inputs before it starts Snakemake
# Rules of the workflow that are variants of another one.
JOB_OF = dict.fromkeys(("tumour_of_tables", "later_tumour", "later_tumour_of_tables"), "tumour")
STARTED = time.time()
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
    _link(whole)
    if workflow.is_main_process:
        plan_file.write(whole, Path.cwd())
    if workflow.is_main_process and CHECKED not in os.environ:
        from metcn.cli import preflight  # brings the scientific stack, which the jobs of a cluster need not load here

        checked = preflight.check(whole, Path.cwd())
        for line in [*checked.notes, *checked.faults]:
            print(f"metcn: note: {line}", file=sys.stderr)
        if workflow.modifier.is_main_snakefile():
            for line in _earlier_results(whole, Path.cwd()):
                print(f"metcn: note: {line}", file=sys.stderr)
    return whole


def _earlier_results(whole: plan.Plan, directory: Path) -> list[str]:
    """What is to be said of results that are there already."""
    notes = leftovers.note(leftovers.found(whole, directory), directory)
    unknown = metadata_records.without(directory, leftovers.outputs(whole))
    if unknown:
        notes.append(
            f"{directory}: {metadata_records.note(unknown)}, so changes would go unnoticed; make them again "
            "with --forcerun or with `metcn run`, or take them as they are with --touch --forceall"
        )
    return notes


def _link(whole: plan.Plan) -> None:
    """Make the links that stand for inputs with braces in their paths, where they are not there yet.

    One that is right stays as it is: a new one would look like a new input.
    """
    for name, path in whole.stand_ins.items():
        link = Path(name)
        if not (link.is_symlink() and os.readlink(link) == path):
            with suppress(FileExistsError):  # another job was faster
                link.parent.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(path)


def hold(whole: plan.Plan, workflow: Any) -> None:
    """Say who works in this folder, for a `metcn run` that comes later; one that started this Snakemake has said so.

    What Snakemake was told to make again in any case is made, though nothing it rests on has changed.
    """
    if CHECKED not in os.environ:
        with suppress(InputError):  # only where Snakemake was told to do without a lock
            output_lock.take(Path.cwd(), "snakemake")
    plan_file.tidy(whole, Path.cwd())
    asked = workflow.dag_settings
    if asked.forceall or asked.forcerun or asked.forcetargets:
        shutil.rmtree(runner.DONE, ignore_errors=True)


def leave() -> None:
    """Say that the work in this folder has come to its end."""
    if CHECKED not in os.environ:
        output_lock.leave(Path.cwd())


def finish(whole: plan.Plan, workflow: Any) -> None:
    """Give the samples with a result their table and pages, after Snakemake ended with failed jobs.

    A run that was stopped before all that could be done was done, as by Ctrl-C, is left as it is.
    """
    dag = workflow.dag
    unfinished, failed = set(dag.needrun_jobs()), set()
    for job in workflow.scheduler.failed:
        failed |= set(job.jobs) if job.is_group() else {job}
    if any(job not in failed and not unfinished & set(dag.dependencies[job]) for job in unfinished):
        return
    rest = finishing.Rest(_steps(whole, unfinished), _steps(whole, failed & unfinished), STARTED)
    try:
        finishing.finish(whole, Path.cwd(), rest)
    except InputError as error:
        for line in str(error).splitlines():
            print(f"metcn: error: {line}", file=sys.stderr)


def _steps(whole: plan.Plan, jobs: Iterable[Any]) -> list[Step]:
    """Stage and sample of all that Snakemake's jobs do, in the order of the data."""
    stages = list(layout.STAGES)
    rules = [(JOB_OF.get(job.rule.name, job.rule.name), str(job.wildcards_dict.get("sample", ""))) for job in jobs]
    steps = {step for rule in rules if rule in whole.by_rule for step in whole.by_rule[rule].steps}
    return sorted(steps, key=lambda step: (stages.index(step[0]), step[1]))


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
