"""What is still done when jobs of a workflow failed: the samples that have a result get their table and pages.

Snakemake makes nothing that depends on a failed job, so one unreadable file would cost the whole cohort its table. A
failed sample gets a calls JSON and a page that say what is wrong. Its other files, and the marker of a complete run,
are not there, so the next run makes them, and with them the sample, without being told.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from metcn.errors import InputError
from metcn.run import failures, runner
from metcn.run import stages as layout
from metcn.run.failures import Failure
from metcn.run.jobs import COMPARED, MEASURED, Job, Step, outputs_of
from metcn.run.plan import Plan


@dataclass(frozen=True)
class Rest:
    """What a workflow left undone.

    Attributes
    ----------
    unfinished : steps of jobs that had to run and have no result.
    failed : those of jobs that ran, and of others of their group.
    since : when the workflow began, in seconds since the epoch; older logs tell of other runs.
    """

    unfinished: Collection[Step]
    failed: Collection[Step]
    since: float


def finish(plan: Plan, folder: Path, rest: Rest) -> list[Failure]:
    """Write the cohort's table and pages after all, and return the samples that have no result.

    Nothing is done, and nothing returned, where the cohort was not asked for or its bins could not be laid out: then
    no sample has a result. ``folder`` is the output folder.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    if ("cohort", "") not in rest.unfinished or ("bins", "") in rest.unfinished:
        return []
    lost = {name: failure for name in plan.tumours if (failure := _failure(plan, name, folder, rest))}
    for stage, sample in rest.unfinished:
        if stage != "cohort" and (sample in lost or sample not in plan.tumours):
            _remove(folder, stage, sample)
    _write_lost(plan, folder, lost)
    others = [failure for name in plan.tumours if name not in lost for failure in _pages(plan, name, folder, rest)]
    _cohort(plan, folder)
    found = [*lost.values(), *others]
    failures.write(folder, found)
    return found


def _failure(plan: Plan, sample: str, folder: Path, rest: Rest) -> Failure | None:
    """Why a sample has no calls; None if it has them."""
    own = [(stage, sample) for stage in ("counts", *MEASURED) if (stage, sample) in rest.unfinished]
    if not own:
        return None
    for stage, name in [*own, *_shared(plan, sample)]:
        if (stage, name) in rest.failed:
            log = folder / plan.job_of[stage, name].log
            told = failures.by_log(name, stage, log, rest.since)
            if told:
                return replace(told, sample=sample) if told.sample in ("", sample) else _of_normal(told, sample)
    ran = [job for job in [*_shared(plan, sample), *own] if job in rest.failed]
    if not ran:
        return Failure(sample, own[0][0], "not_finished", ("it was not begun; start the same command again",))
    jobs = list(dict.fromkeys(plan.job_of[step] for step in ran))
    job = next((job for job in jobs if _began(job, folder, rest)), jobs[-1])
    stage = (failures.begun(failures.read_log(folder / job.log, rest.since)) or job.steps[0])[0]
    where = job.log
    words = f"the stage {stage} ended without a word, as a job does that is killed for its memory or time, see {where}"
    return Failure(sample, stage, "not_finished", (f"{words}; start the same command again",))


def _shared(plan: Plan, sample: str) -> list[Step]:
    """Jobs of others that a sample's ratios rest on: counts of normals, the panel."""
    row = plan.samples[sample]
    if row.ratios:
        return []
    panel = [] if plan.settings["reference"]["file"] else plan.normals
    matched = [row.matched_normal] if row.matched_normal else []
    return [*(("counts", name) for name in dict.fromkeys([*matched, *panel])), ("reference", "")]


def _of_normal(told: Failure, sample: str) -> Failure:
    """The failure of a normal as that of a ``sample`` that is compared with it.

    The panel is not made of the other normals instead: that would be another panel than the sheet describes, with other
    numbers, and they would change again, for every sample, when the file is mended.
    """
    words = [message.removeprefix(f"sample {told.sample}: ") for message in told.messages]
    messages = tuple(f"normal {told.sample} of the sheet: {message}" for message in words)
    return Failure(sample, told.stage, told.reason, messages)


def _began(job: Job, folder: Path, rest: Rest) -> bool:
    """Whether a job of a failed group was begun and not finished: its log is new, and an output is lacking."""
    log = folder / job.log
    there = all((folder / path).exists() for path in outputs_of(job.steps))
    return log.is_file() and log.stat().st_mtime >= rest.since - failures.CLOCK_S and not there


def _remove(folder: Path, stage: str, sample: str) -> None:
    """Take away what an earlier run made in place of an unfinished job: it does not belong to this input."""
    for path in outputs_of([(stage, sample)]):
        (folder / path).unlink(missing_ok=True)


def _write_lost(plan: Plan, folder: Path, lost: dict[str, Failure]) -> None:
    """Write calls JSON and page of the samples without a result."""
    from metcn.report import failed  # brings the scientific stack

    for name, failure in lost.items():
        failed.write(
            failure,
            plan.samples[name],
            plan.settings,
            configuration=plan.configuration,
            own_criteria=[Path(path) for path in plan.own_criteria],
            output=folder / layout.path("calls", sample=name),
            page=folder / layout.path("report", sample=name),
        )


def _pages(plan: Plan, sample: str, folder: Path, rest: Rest) -> Iterator[Failure]:
    """Make the comparison and the page that a sample with calls lacks; what fails of them is returned.

    A baseline without a result is compared with as any no-call is: the course stays undecided.
    """
    for stage in COMPARED:
        if (stage, sample) not in rest.unfinished:
            continue
        inputs = {name: path for name, path in plan.inputs(stage, sample).items() if (folder / str(path)).exists()}
        try:
            runner.run_alone(plan, stage, sample, folder, inputs=inputs)
        except InputError as error:
            _remove(folder, stage, sample)
            yield Failure(sample, stage, "input_error", tuple(str(error).splitlines()))
        except Exception:
            _remove(folder, stage, sample)
            traceback.print_exc()
            yield Failure(sample, stage, "not_finished", (f"a defect of metcn ended the stage {stage}; report it",))


def _cohort(plan: Plan, folder: Path) -> None:
    """Write table and page of all samples, without the marker of a complete run."""
    (folder / layout.path("cohort", "complete")).unlink(missing_ok=True)
    inputs = plan.inputs("cohort")
    there = {name: [path for path in paths if (folder / path).exists()] for name, paths in inputs.items()}
    runner.run_alone(
        plan, "cohort", "", folder, inputs={name: paths for name, paths in there.items() if paths}, omit=("complete",)
    )
