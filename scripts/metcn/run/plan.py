"""What a run consists of: which stage reads what for which sample. The workflow and ``metcn call`` both follow it."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from metcn import files, provenance
from metcn.errors import InputError
from metcn.run import code, config, marks, sheet, stages
from metcn.run.jobs import Job, Step, all_jobs, inputs_of, outputs_of, tables_of_normals
from metcn.run.samples import Sample
from metcn.run.stages import Inputs

NOBODY = "(?!)"  # a pattern that no sample has
CRITERIA_FILES = (".yaml", ".yml")
NO_SNPS = "none"  # in place of a list of common SNPs
LINKS = ".snakemake/metcn"  # below the output folder: links to inputs whose own names Snakemake cannot take


@dataclass(frozen=True)
class Plan:
    """The complete configuration and the samples by name."""

    settings: Mapping[str, Any]
    samples: Mapping[str, Sample] = field(repr=False)

    @cached_property
    def tumours(self) -> list[str]:
        """Names of the samples that are called."""
        return [name for name, sample in self.samples.items() if sample.role == "tumour"]

    @cached_property
    def normals(self) -> list[str]:
        """Names of the samples that make the panel of normals."""
        return [name for name, sample in self.samples.items() if sample.role == "normal"]

    @cached_property
    def baselines(self) -> dict[str, str]:
        """Sample at progression -> the baseline of the same patient and kind of specimen, where there is one."""
        rows = [self.samples[name] for name in self.tumours if self.samples[name].patient]
        first = {(row.patient, row.specimen): row.name for row in rows if row.timepoint == "baseline"}
        later = [row for row in rows if row.timepoint == "progression" and (row.patient, row.specimen) in first]
        return {row.name: first[row.patient, row.specimen] for row in later}

    @property
    def own_criteria(self) -> list[str]:
        """Paths of the laboratory's criteria sets, by name; hidden files are left out."""
        return criteria_files(self.settings["calls"]["criteria_folder"])

    @property
    def panel(self) -> str | None:
        """Path of the panel of normals: the ready one, else the one made from the sheet's normals, else none."""
        return self.settings["reference"]["file"] or (stages.path("reference") if self.normals else None)

    def inputs(self, stage: str, sample: str = "") -> Inputs:
        """Files a stage reads for a sample (or for the run), by argument; absent ones left out."""
        found = stages.STAGES[stage].inputs(self, sample)
        return {argument: paths for argument, paths in found.items() if paths}

    def facts(self, stage: str, sample: str = "") -> dict[str, str]:
        """Facts a stage is told for a sample, by argument; unknown ones left out."""
        known = {"genome": self.settings["genome"], "assay": self.settings["assay"]}
        if stage == "calls":
            known["configuration"] = self.configuration
        if sample:
            row = self.samples[sample]
            known |= {"sample": sample, "specimen": row.specimen, "patient": row.patient, "timepoint": row.timepoint}
            known |= {"prior_tki": row.prior_tki}
            known |= {"purity": row.purity, "purity_error": row.purity_error, "ploidy": row.ploidy}
        return {argument: known[argument] for argument in stages.STAGES[stage].facts if known[argument]}

    @cached_property
    def configuration(self) -> str:
        """Digest of genome, assay and the settings of every stage that a call rests on, without any path."""
        order = list(stages.STAGES)
        sections = {name: self.result_settings(name) for name in order[: order.index("calls") + 1]}
        return provenance.digest({"genome": self.settings["genome"], "assay": self.settings["assay"], **sections})

    def result_settings(self, stage: str) -> dict[str, Any]:
        """Settings of a stage that its result depends on."""
        return {key: self.settings[stage][key] for key in config.result_keys(stage)}

    @cached_property
    def jobs(self) -> list[Job]:
        """Jobs of the run: which stages share a process."""
        return all_jobs(self)

    @cached_property
    def job_of(self) -> dict[Step, Job]:
        """Job in which each step is done."""
        return {step: job for job in self.jobs for step in job.steps}

    def job(self, rule: str, sample: str = "") -> Job:
        """The job of a rule for a sample, or for several of them if that is empty."""
        return self.by_rule[rule, sample]

    @cached_property
    def by_rule(self) -> dict[tuple[str, str], Job]:
        """Rule and sample -> job."""
        return {(job.rule, job.sample): job for job in self.jobs}

    @property
    def tables_of_normals(self) -> list[str]:
        """Normals that come as coverage tables."""
        return tables_of_normals(self)

    def samples_of(self, rule: str, *, tables: bool | None = None, later: bool | None = None) -> str:
        """Pattern of the samples that have a job of a rule; only those of tables, or with a baseline, if said."""
        names = [
            job.sample
            for job in self.jobs
            if job.rule == rule
            and tables in (None, bool(self.samples[job.sample].coverage))
            and later in (None, job.sample in self.baselines)
        ]
        return "|".join(map(re.escape, names)) or NOBODY

    def input_of(self, rule: str) -> Callable[[Any], dict[str, list[str]]]:
        """Input function of a rule: files that its job reads, under names that Snakemake can take."""

        def files(wildcards: Any) -> dict[str, list[str]]:
            """The inputs of one job."""
            read = inputs_of(self, self.job(rule, getattr(wildcards, "sample", "")).steps)
            return {argument: [stand_in(path) for path in paths] for argument, paths in read.items()}

        return files

    @cached_property
    def stand_ins(self) -> dict[str, str]:
        """Name of the link -> path of the input, for each that Snakemake cannot be told by its own name."""
        jobs = [
            (stage, name)
            for stage in stages.STAGES
            for name in (self.samples if stages.STAGES[stage].per_sample else ("",))
        ]
        paths = {path for job in jobs for path in stages.paths_of(self.inputs(*job))}
        return {stand_in(path): path for path in sorted(paths) if stand_in(path) != path}

    def mark(self, stage: str, sample: str = "") -> str:
        """Text that changes with every fact that a stage is told for a sample, and with every file that it reads."""
        return marks.mark(self.facts(stage, sample), self.inputs(stage, sample))

    def marked(self, rule: str) -> Callable[[Any], str]:
        """Parameter function of a rule: the marks of its steps.

        It depends on wildcards alone: a parameter made from the job's inputs makes nothing run again.
        """
        return lambda wildcards: " ".join(
            self.mark(*step) for step in self.job(rule, getattr(wildcards, "sample", "")).steps
        )

    def options(self, rule: str) -> Callable[[Any], str]:
        """Parameter function of a rule: the settings of its steps that their results depend on."""

        def told(wildcards: Any) -> str:
            """The settings of one job."""
            steps = self.job(rule, getattr(wildcards, "sample", "")).steps
            return " ".join(config.section_options(self.settings, stage) for stage in dict(steps))

        return told

    def code(self, stage: str) -> str:
        """Digest of the code behind a stage."""
        return code.digest(stage, self.settings["genome"])

    def coded(self, rule: str) -> Callable[[Any], str]:
        """Parameter function of a rule: the code behind the last of its steps, and so behind all of them."""
        return lambda wildcards: self.code(self.job(rule, getattr(wildcards, "sample", "")).steps[-1][0])

    def words(self, rule: str) -> Callable[[Any, Any], str]:
        """Parameter function of a rule: where its job finds the plan, and the folder its results lie below.

        That folder is not the working directory where another workflow uses this one with a prefix.
        """

        def told(wildcards: Any, output: Any) -> str:
            """The words of one job; being made from its outputs, they make nothing run again."""
            written = outputs_of(self.job(rule, getattr(wildcards, "sample", "")).steps)
            folder = next(str(output[0]).removesuffix(path) for path in written if str(output[0]).endswith(path))
            return f"--plan {self.file}" + (f" --output {shlex.quote(folder)}" if folder else "")

        return told

    @cached_property
    def file(self) -> str:
        """Path of the plan as a file (`metcn.run.plan_file`) from the working directory, named after its content."""
        rows = [repr(sample) for sample in self.samples.values()]
        return f"{LINKS}/plan-{provenance.digest([dict(self.settings), rows])}.json"

    @property
    def snps(self) -> str:
        """Path of the list of common SNPs whose reads are counted: that of the build unless named; empty for none."""
        named = self.settings["snps"]
        if named == NO_SNPS or self.settings["assay"] == "swgs":  # a read per site at most
            return ""
        return named or str(files.common_snps(self.settings["genome"]))

    def genotyped(self, sample: str) -> bool:
        """Whether a sample's reads are counted at common SNPs: a tumour's, and those of a tumour's matched normal."""
        row = self.samples.get(sample)
        if row is None or not self.snps:
            return False
        asked = row.role == "tumour" or any(each.matched_normal == sample for each in self.samples.values())
        return asked and row.alignments is not None

    def counted(self, sample: str) -> bool:
        """Whether a sample's depth is counted here rather than imported as ratios."""
        return not self.samples[sample].ratios


def criteria_files(folder: str | None) -> list[str]:
    """Paths of the criteria sets in a folder, by name; hidden files and folders below it are left out."""
    paths = Path(folder).glob("*.y*ml") if folder else ()
    return sorted(str(path) for path in paths if path.suffix in CRITERIA_FILES and path.name[0] != ".")


def stand_in(path: str) -> str:
    """A path without braces, which Snakemake would take for those of a wildcard and which cannot be quoted."""
    if "{" not in path:
        return path
    return f"{LINKS}/{hashlib.sha256(path.encode()).hexdigest()[:16]}-link"


def make(settings: Mapping[str, Any], samples: Sequence[Sample], source: str = "config.yaml") -> Plan:
    """The plan of a run.

    Raises
    ------
    InputError
        One line per file that the configuration names and that does not exist, or that the inputs need and it lacks.
    """
    plan = Plan(settings, {sample.name: sample for sample in samples})
    problems = list(_problems(plan))
    if problems:
        raise InputError("\n".join(f"{source}: {problem}" for problem in problems))
    return plan


def load(given: Mapping[str, Any], base: Path, source: str = "config.yaml") -> Plan:
    """The plan for a configuration as the user wrote it, with the sample sheet it names.

    Raises
    ------
    InputError
        One line per problem of the configuration or of the sheet.
    """
    settings = config.complete(given, base, source)
    if not settings["samples"]:
        raise InputError(
            f"{source}: key samples: expected a sample sheet, received nothing; give it here or as --samples"
        )
    return make(settings, sheet.read(settings["samples"]), source)


def _problems(plan: Plan) -> Iterator[str]:
    """Files that are missing, and keys that the inputs make necessary."""
    named = {key: plan.settings[key] for key in ("targets", "fasta", "snps")}
    named["snps"] = "" if named["snps"] == NO_SNPS else named["snps"]
    named["reference.file"] = plan.settings["reference"]["file"]
    named |= {f"bins.{name}": plan.settings["bins"][name] for name in ("gc", "mappability")}
    for key, path in named.items():
        if path and not Path(path).is_file():
            remedy = "paths are relative to the configuration file"
            yield f"key {key}: expected a file that exists, received {path}; {remedy}"
    folder = plan.settings["calls"]["criteria_folder"]
    if folder and not Path(folder).is_dir():
        remedy = "paths are relative to the configuration file"
        yield f"key calls.criteria_folder: expected a folder that exists, received {folder}; {remedy}"
    elif folder and not plan.own_criteria:
        remedy = "add them, or remove the key"
        yield f"key calls.criteria_folder: expected criteria sets (*.yaml) in {folder}, found none; {remedy}"
    if plan.settings["fasta"] and plan.settings["bins"]["gc"]:
        yield "key bins.gc: expected null beside fasta, which tells the GC content of bins exactly; remove one of them"
    told = plan.settings["bins"]["mappability"] or plan.settings["reference"]["file"]
    if plan.settings["bins"]["min_mappability"] and not told and plan.settings["assay"] not in ("wgs", "swgs"):
        yield "key bins.min_mappability: expected a file of mappability beside it, received null; give bins.mappability"
    by_targets = plan.settings["assay"] in ("panel", "wes", "amplicon")
    aligned = any(sample.alignments for sample in plan.samples.values())
    if by_targets and aligned and not (plan.settings["targets"] or plan.settings["reference"]["file"]):
        needed = f"the BED file of the {plan.settings['assay']}"
        yield f"key targets: expected {needed}, received null; give it, or a ready panel of normals as reference"
