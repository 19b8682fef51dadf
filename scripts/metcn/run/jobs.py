"""Jobs of a run: which stages share a process, and for which samples.

With the libraries loaded, all stages of a tumour take a second; a process for each stage takes several. So a job runs
what belongs together: everything of a tumour from its tables (or behind its counts, where reads are counted) to its
page; the counts of all normals that come as tables; a later sample's comparison and page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metcn.run import stages

if TYPE_CHECKING:
    from metcn.run.plan import Plan

Step = tuple[str, str]  # stage and sample ("" for a stage of the whole run)

MEASURED = ("ratios", "segments", "purity", "copies", "calls")
COMPARED = ("compare", "report")


@dataclass(frozen=True)
class Job:
    """One process.

    Attributes
    ----------
    rule : name of its rule in the workflow.
    sample : whose job it is; "" where it is of several samples, or of the whole run.
    steps : what it does, in this order.
    """

    rule: str
    sample: str
    steps: tuple[Step, ...]

    @property
    def log(self) -> str:
        """Path of its log, relative to the output folder."""
        return f"logs/{self.rule}/{self.sample}.log" if self.sample else f"logs/{self.rule}.log"


def all_jobs(plan: Plan) -> list[Job]:
    """All jobs of a run, in the order of the data."""
    tables = tables_of_normals(plan)
    found = [Job("bins", "", (("bins", ""),))]
    found += [Job("normals", "", tuple(("counts", name) for name in tables))] if tables else []
    found += [Job("counts", name, (("counts", name),)) for name in counted_alone(plan)]
    found.append(Job("reference", "", (("reference", ""),)))
    found += [Job("tumour", name, tuple((stage, name) for stage in chain(plan, name))) for name in plan.tumours]
    found += [Job("later", name, tuple((stage, name) for stage in COMPARED)) for name in plan.baselines]
    return [*found, Job("cohort", "", (("cohort", ""),))]


def chain(plan: Plan, sample: str) -> tuple[str, ...]:
    """Stages of a tumour's job."""
    first = ("counts",) if plan.samples[sample].coverage else ()
    return (*first, *MEASURED, *(() if sample in plan.baselines else ("report",)))


def tables_of_normals(plan: Plan) -> list[str]:
    """Normals that come as coverage tables, which one process reads; none where no panel is made of them."""
    return [name for name in sorted(plan.normals) if plan.samples[name].coverage]


def counted_alone(plan: Plan) -> list[str]:
    """Samples whose reads are counted, each by a process of its own."""
    return [name for name, row in plan.samples.items() if row.alignments]


def outputs_of(steps: Sequence[Step]) -> list[str]:
    """Paths that steps write, relative to the output folder, in their order."""
    return [path.format(sample=sample) for stage, sample in steps for path in stages.STAGES[stage].outputs.values()]


def inputs_of(plan: Plan, steps: Sequence[Step]) -> dict[str, list[str]]:
    """Files that steps read and do not write themselves, by stage and argument; each once."""
    known = set(outputs_of(steps))
    found: dict[str, list[str]] = {}
    for stage, sample in steps:
        for argument, paths in plan.inputs(stage, sample).items():
            fresh = [path for path in stages.several(paths) if path not in known]
            known |= set(fresh)
            if fresh:
                found.setdefault(f"{stage}_{argument}", []).extend(fresh)
    return found
