"""Results in the output folder that are not of this run: of samples that left the sheet, or changed their role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from metcn import files
from metcn.run import stages
from metcn.run.jobs import outputs_of
from metcn.run.plan import Plan

MANY = 5  # names in a sentence
LIST = "logs/left_over.tsv"


def jobs(plan: Plan) -> set[tuple[str, str]]:
    """Every stage of a run with its sample, which is empty for stages of the whole run."""
    makers = {path: step for step in plan.job_of for path in outputs_of([step])}
    pending = [("cohort", ""), *(("report", sample) for sample in plan.tumours)]
    found: set[tuple[str, str]] = set()
    while pending:
        job = pending.pop()
        if job in found:
            continue
        found.add(job)
        pending += [makers[path] for path in stages.paths_of(plan.inputs(*job)) if path in makers]
    return found


def outputs(plan: Plan) -> list[str]:
    """Paths of all that a run writes, relative to the output folder."""
    return outputs_of(sorted(jobs(plan)))


def found(plan: Plan, directory: Path) -> list[tuple[str, str]]:
    """Sample (empty for a file of a whole run) and path, relative to the folder, of results that the run does not make.

    Only files named as results of a stage are looked for; whatever else lies in the folder is nobody's business.
    """
    own = set(outputs(plan))
    return sorted(item for item in set(_results(directory)) if item[1] not in own)


def note(left: list[tuple[str, str]], directory: Path) -> list[str]:
    """A sentence on results that are not of this run, none if there are none."""
    if not left:
        return []
    samples = list(dict.fromkeys(sample for sample, _ in left if sample))
    named = ", ".join(samples[:MANY]) + (f" and {len(samples) - MANY} more" if len(samples) > MANY else "")
    whose = f" of {named}" if named else ""
    number = "a result" if len(left) == 1 else f"{len(left)} results"
    return [
        f"{directory} holds {number}{whose} of an earlier run, such as {left[0][1]}: not of this sheet, and in no "
        "table or page of the cohort; delete what is not wanted, or give each sheet a --directory of its own"
    ]


def write(left: list[tuple[str, str]], directory: Path) -> None:
    """Write the list of results that are not of this run into its logs; without any, remove that of an earlier run."""
    if left:
        lines = ["sample\tfile", *("\t".join(item) for item in left)]
        files.write_text(directory / LIST, "".join(f"{line}\n" for line in lines))
    else:
        (directory / LIST).unlink(missing_ok=True)


def _results(directory: Path) -> Iterator[tuple[str, str]]:
    """Sample and relative path of every file that has the name of a stage's result."""
    for stage in stages.TABLE:
        for pattern in stage.outputs.values():
            before, _, after = pattern.partition("{sample}")
            for path in directory.glob(pattern.replace("{sample}", "*")):
                name = path.relative_to(directory).as_posix()
                sample = name[len(before) : len(name) - len(after)] if stage.per_sample else ""
                yield sample, name
