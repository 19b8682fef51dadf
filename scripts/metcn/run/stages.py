"""The table of stages: what each is called, reads, is told and writes, in the order of the data.

The workflow's rules, the command line, ``metcn call`` and the tests all follow it. A stage lives in the folder of its
name, whose module ``stage`` has a function of its name; its parameters are the arguments listed here, and ``settings``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metcn.run.samples import PRIOR_TKI, TIMEPOINTS, Sample
from metcn.vocabulary import ASSAYS, SPECIMENS

if TYPE_CHECKING:
    from metcn.run.plan import Plan

Inputs = dict[str, str | list[str]]  # argument of a stage -> path(s), relative ones being results of earlier stages


@dataclass(frozen=True)
class Argument:
    """One argument of a stage that is not a setting.

    Attributes
    ----------
    name, help : its name in Python, and what the command line says of it.
    kind : ``read`` (a file), ``write`` (a file) or ``text`` (a fact that is told).
    required, many, choices : as the command line takes it.
    path : of a file to write, relative to the output folder, with ``{sample}`` where a stage has one for each.
    """

    name: str
    help: str
    kind: str = "read"
    required: bool = True
    many: bool = False
    choices: tuple[str, ...] = ()
    path: str = ""


@dataclass(frozen=True)
class Stage:
    """One row of the table.

    Attributes
    ----------
    name, help : word of the stage, also its folder and subcommand, and what the command line says of it.
    inputs : files it reads for a sample of a plan ("" for a stage of the whole run), by argument; empty if none.
    arguments : files and facts, in the order of the function's parameters.
    """

    name: str
    help: str
    inputs: Callable[[Plan, str], Inputs]
    arguments: tuple[Argument, ...]

    @property
    def outputs(self) -> dict[str, str]:
        """Argument -> path pattern of each file that it writes."""
        return {argument.name: argument.path for argument in self.arguments if argument.kind == "write"}

    @property
    def facts(self) -> list[str]:
        """Names of what it is told of sample and run, beside its files and its section of the configuration."""
        return [argument.name for argument in self.arguments if argument.kind == "text"]

    @property
    def per_sample(self) -> bool:
        """Whether it runs once per sample rather than once per run."""
        return "{sample}" in self.outputs["output"]

    def function(self) -> Callable[..., None]:
        """What does the work; the scientific libraries are imported here and not before."""
        return getattr(importlib.import_module(f"metcn.{self.name}.stage"), self.name)


SAMPLE = Argument("sample", "Name of the sample.", "text")
SPECIMEN = Argument("specimen", "Kind of specimen.", "text", choices=SPECIMENS)
GENOME = Argument("genome", "Genome build.", "text", choices=("GRCh37", "GRCh38"))
ASSAY = Argument("assay", "Kind of assay.", "text", choices=ASSAYS)
FASTA = Argument("fasta", "Genome FASTA with its .fai beside it.", required=False)
BINS = Argument("bins", "Table of bins (bins.tsv).")
RATIOS = Argument("ratios", "Bin ratios of the sample (.cnr).")
SEGMENTS = Argument("segments", "Segments of the sample (.cns).")
MEASUREMENT = Argument("measurement", "MET and CEP7-like levels of the sample (ratios/SAMPLE.json).")
TALLIES = Argument("counts_summary", "What was counted (counts/SAMPLE.json).", required=False)
PURITY = Argument("purity", "Purity and ploidy of the sample (purity/SAMPLE.json).")
PATIENT = Argument(
    "patient", "Patient, to join serial samples; @SHEET for the one that a sample sheet names.", "text", required=False
)

OWN_CRITERIA = Argument(
    "own_criteria", "Criteria sets of the laboratory (YAML), beside those of the project.", required=False, many=True
)


def _bins_inputs(plan: Plan, _: str) -> Inputs:
    if plan.settings["reference"]["file"]:  # a ready panel carries its bins
        return {"reference": plan.settings["reference"]["file"]}
    counted = [name for name in sorted(plan.normals) + sorted(plan.tumours) if plan.counted(name)]
    tables = plan.samples[counted[0]].coverage if counted else ()  # whichever: all have the same rows
    known = {"targets": plan.settings["targets"], "fasta": plan.settings["fasta"]}
    known |= {name: plan.settings["bins"][name] for name in ("gc", "mappability")}
    return {**known, "coverage": [str(path) for path in tables]}


def _counts_inputs(plan: Plan, sample: str) -> Inputs:
    row = plan.samples[sample]
    snps = plan.snps if plan.genotyped(sample) else ""
    # decodes CRAM; tells which base of a SNP is the reference, where the list is not the user's
    needed = (row.alignments and row.alignments.suffix.lower() == ".cram") or (snps and not plan.settings["snps"])
    fasta = plan.settings["fasta"] if needed else ""
    return {
        "bins": path("bins"),
        "alignment": str(row.alignments or ""),
        "coverage": [str(path) for path in row.coverage],
        "fasta": fasta,
        "snps": snps,
    }


def _reference_inputs(plan: Plan, _: str) -> Inputs:
    names = sorted(plan.normals)  # the order of the sheet's rows is no part of the panel
    return {
        "bins": path("bins"),
        "counts": [path("counts", sample=name) for name in names],
        "counts_summary": [path("counts", "summary", name) for name in names],
    }


def _ratios_inputs(plan: Plan, sample: str) -> Inputs:
    row = plan.samples[sample]
    if row.ratios:
        return {"imported": str(row.ratios)}
    return {
        "counts": path("counts", sample=sample),
        "counts_summary": path("counts", "summary", sample),
        "bins": path("bins"),
        "reference": plan.panel or "",
        "matched_normal": path("counts", sample=row.matched_normal) if row.matched_normal else "",
    }


def _segments_inputs(plan: Plan, sample: str) -> Inputs:
    return {"ratios": path("ratios", sample=sample)}


def _purity_inputs(plan: Plan, sample: str) -> Inputs:
    row = plan.samples[sample]
    normal = row.matched_normal
    return {
        "segments": path("segments", sample=sample),
        "variants": str(row.variants or ""),
        "alleles": path("counts", "alleles", sample) if plan.genotyped(sample) else "",
        "normal_alleles": path("counts", "alleles", normal) if plan.genotyped(normal) else "",
        **_lengths(plan, row),
    }


def _lengths(plan: Plan, row: Sample) -> Inputs:
    """Where lengths of fragments are, of a plasma sample and of the normals of plasma, if they were read."""
    both = [row, *(plan.samples[name] for name in sorted(plan.normals))]
    own, *normals = [one.specimen == "plasma" and bool(one.alignments) for one in both]
    if not own or not any(normals):
        return {}
    named = [path("counts", "summary", one.name) for one, there in zip(both[1:], normals, strict=True) if there]
    return {"counts_summary": path("counts", "summary", row.name), "normal_summaries": named}


def _copies_inputs(plan: Plan, sample: str) -> Inputs:
    return {
        "measurement": path("ratios", "summary", sample),
        "purity": path("purity", sample=sample),
        "ratios": path("ratios", sample=sample),
    }


def _calls_inputs(plan: Plan, sample: str) -> Inputs:
    return {
        "measurement": path("ratios", "summary", sample),
        "counts_summary": path("counts", "summary", sample) if plan.counted(sample) else "",
        "purity": path("purity", sample=sample),
        "copies": path("copies", sample=sample),
        "draws": path("copies", "draws", sample),
        "own_criteria": plan.own_criteria,
    }


def _compare_inputs(plan: Plan, sample: str) -> Inputs:
    first = plan.baselines.get(sample, "")
    named = {"baseline": first, "progression": sample if first else ""}
    return {argument: path("calls", sample=name) if name else "" for argument, name in named.items()}


def _report_inputs(plan: Plan, sample: str) -> Inputs:
    return {
        "call": path("calls", sample=sample),
        "comparison": path("compare", sample=sample) if sample in plan.baselines else "",
        "ratios": path("ratios", sample=sample),
        "segments": path("segments", sample=sample),
        "own_criteria": plan.own_criteria,
    }


def _cohort_inputs(plan: Plan, _: str) -> Inputs:
    return {
        "calls": [path("calls", sample=name) for name in plan.tumours],
        "comparisons": [path("compare", sample=name) for name in plan.baselines],
        "seg": [path("segments", "seg", name) for name in plan.tumours],
    }


TABLE = (
    Stage(
        "bins",
        "where depth is measured",
        _bins_inputs,
        (
            ASSAY,
            GENOME,
            Argument("targets", "BED of targets or inserts.", required=False),
            FASTA,
            Argument("coverage", "Coverage tables of one sample, to take their bins.", required=False, many=True),
            Argument("reference", "Ready panel of normals, to take its bins.", required=False),
            Argument(
                "gc", "GC content along the genome (wig, bedGraph, BED), where there is no FASTA.", required=False
            ),
            Argument("mappability", "Mappability along the genome (wig, bedGraph, BED).", required=False),
            Argument("output", "File to write.", "write", path="results/bins/bins.tsv"),
        ),
    ),
    Stage(
        "counts",
        "fragments (or a table's depth) per bin of one sample",
        _counts_inputs,
        (
            SAMPLE,
            BINS,
            Argument("alignment", "BAM or CRAM.", required=False),
            Argument("coverage", "Coverage tables of the sample.", required=False, many=True),
            FASTA,
            Argument(
                "snps",
                "Common SNPs (VCF, BCF, BED, or resources/BUILD/snps.tsv.gz) whose alleles are counted.",
                required=False,
            ),
            GENOME,
            Argument("output", "File to write.", "write", path="results/counts/{sample}.cnn"),
            Argument("summary", "JSON to write the tallies into.", "write", path="results/counts/{sample}.json"),
            Argument(
                "speed",
                "JSON to write the speed of reading into.",
                "write",
                required=False,
                path="benchmarks/counts/{sample}.json",
            ),
            Argument(
                "alleles",
                "Reads of either allele at the SNPs (.tsv) to write.",
                "write",
                required=False,
                path="results/counts/{sample}.alleles.tsv",
            ),
        ),
    ),
    Stage(
        "reference",
        "panel of normals",
        _reference_inputs,
        (
            BINS,
            Argument("counts", "Counts of the normals (.cnn).", many=True),
            replace(TALLIES, help="What was counted of the normals (counts/SAMPLE.json).", many=True),
            GENOME,
            ASSAY,
            Argument("output", "File to write.", "write", path="results/reference/reference.h5"),
        ),
    ),
    Stage(
        "ratios",
        "depth over what normals would have; MET and CEP7-like levels",
        _ratios_inputs,
        (
            SAMPLE,
            Argument("counts", "Counts of the sample (.cnn).", required=False),
            TALLIES,
            replace(BINS, required=False),
            Argument("reference", "Panel of normals (.h5).", required=False),
            Argument("imported", "Bin ratios normalised elsewhere, instead of counts.", required=False),
            Argument("matched_normal", "Counts of the matched normal (.cnn).", required=False),
            GENOME,
            ASSAY,
            Argument("output", "File to write.", "write", path="results/ratios/{sample}.cnr"),
            Argument(
                "summary",
                "JSON to write the MET and CEP7-like levels into.",
                "write",
                path="results/ratios/{sample}.json",
            ),
        ),
    ),
    Stage(
        "segments",
        "stretches of equal copy number",
        _segments_inputs,
        (
            SAMPLE,
            RATIOS,
            GENOME,
            Argument("output", "File to write.", "write", path="results/segments/{sample}.cns"),
            Argument("seg", "The same segments for IGV (.seg).", "write", path="results/segments/{sample}.seg"),
        ),
    ),
    Stage(
        "purity",
        "purity and ploidy with their uncertainty",
        _purity_inputs,
        (
            SAMPLE,
            SPECIMEN,
            Argument("purity", "Purity: 0.4, 0.4! (exact) or a range such as 0.3-0.5.", "text", required=False),
            Argument("purity_error", "Standard error of a purity given as one number.", "text", required=False),
            Argument("ploidy", "Ploidy: a number or a range such as 2.6-3.2.", "text", required=False),
            GENOME,
            SEGMENTS,
            Argument("variants", "VCF with driver mutations or heterozygous SNPs.", required=False),
            Argument("alleles", "Reads of the sample at common SNPs (counts/SAMPLE.alleles.tsv).", required=False),
            Argument("normal_alleles", "The same of the matched normal.", required=False),
            TALLIES,
            Argument("normal_summaries", "What was counted of normals of plasma.", required=False, many=True),
            Argument("output", "File to write.", "write", path="results/purity/{sample}.json"),
        ),
    ),
    Stage(
        "copies",
        "copies of MET and CEP7-like, intervals, limit of detection",
        _copies_inputs,
        (
            MEASUREMENT,
            PURITY,
            RATIOS,
            GENOME,
            Argument("output", "File to write.", "write", path="results/copies/{sample}.json"),
            Argument("draws", "Posterior draws (.npz) to write.", "write", path="results/copies/{sample}.draws.npz"),
        ),
    ),
    Stage(
        "calls",
        "verdict against each published criterion",
        _calls_inputs,
        (
            SAMPLE,
            SPECIMEN,
            PATIENT,
            Argument("timepoint", "Time of sampling.", "text", required=False, choices=tuple(filter(None, TIMEPOINTS))),
            Argument(
                "prior_tki",
                "Generation of the EGFR inhibitor before.",
                "text",
                required=False,
                choices=tuple(filter(None, PRIOR_TKI)),
            ),
            Argument("configuration", "Digest of the run's settings, for the provenance.", "text", required=False),
            MEASUREMENT,
            TALLIES,
            PURITY,
            Argument("copies", "Copies of the sample (copies/SAMPLE.json)."),
            Argument("draws", "Posterior draws of the sample (.npz)."),
            OWN_CRITERIA,
            Argument("output", "File to write.", "write", path="results/calls/{sample}.json"),
            Argument(
                "vcf",
                "The same as VCF (.vcf.gz) to write.",
                "write",
                required=False,
                path="results/calls/{sample}.vcf.gz",
            ),
            Argument(
                "index",
                "Its index (.vcf.gz.tbi) to write.",
                "write",
                required=False,
                path="results/calls/{sample}.vcf.gz.tbi",
            ),
            Argument(
                "bed",
                "The amplicon as BED to write; no row where there is none.",
                "write",
                required=False,
                path="results/calls/{sample}.amplicon.bed",
            ),
        ),
    ),
    Stage(
        "compare",
        "change of MET copies from baseline to progression",
        _compare_inputs,
        (
            Argument("baseline", "Call of the sample at baseline (calls/SAMPLE.json)."),
            Argument("progression", "Call of the later sample of the same patient (calls/SAMPLE.json)."),
            Argument("output", "File to write.", "write", path="results/compare/{sample}.json"),
        ),
    ),
    Stage(
        "report",
        "HTML page of one sample",
        _report_inputs,
        (
            Argument("call", "Call of the sample (calls/SAMPLE.json)."),
            Argument("comparison", "The sample against its baseline (compare/SAMPLE.json).", required=False),
            RATIOS,
            SEGMENTS,
            GENOME,
            OWN_CRITERIA,
            Argument("output", "File to write.", "write", path="results/report/{sample}.html"),
        ),
    ),
    Stage(
        "cohort",
        "table and HTML page over all samples",
        _cohort_inputs,
        (
            Argument("calls", "Calls of the tumours (calls/SAMPLE.json).", many=True),
            Argument(
                "comparisons", "Later samples against baselines (compare/SAMPLE.json).", required=False, many=True
            ),
            Argument(
                "seg", "Segments of the tumours (segments/SAMPLE.seg), drawn as a map.", required=False, many=True
            ),
            Argument("output", "File to write.", "write", path="results/cohort.tsv"),
            Argument("page", "HTML page over all samples to write.", "write", path="results/report/cohort.html"),
            Argument(
                "complete",
                "Marker of a run in which every sample has its result, to write.",
                "write",
                required=False,
                path="results/complete.txt",
            ),
            Argument(
                "mqc", "Calls for MultiQC (.tsv) to write.", "write", required=False, path="results/qc/metcn_mqc.tsv"
            ),
            Argument(
                "mqc_general",
                "Columns of MultiQC's general statistics (.tsv) to write.",
                "write",
                required=False,
                path="results/qc/metcn_general_mqc.tsv",
            ),
            Argument(
                "mqc_quality",
                "QC numbers for MultiQC (.tsv) to write.",
                "write",
                required=False,
                path="results/qc/metcn_quality_mqc.tsv",
            ),
            Argument(
                "mqc_versions",
                "Versions for MultiQC (_mqc_versions.yml) to write.",
                "write",
                required=False,
                path="results/qc/metcn_mqc_versions.yml",
            ),
        ),
    ),
)
STAGES = {stage.name: stage for stage in TABLE}


def path(stage: str, argument: str = "output", sample: str = "") -> str:
    """Path of one output of a stage for a sample, relative to the output folder."""
    return STAGES[stage].outputs[argument].format(sample=sample)


def several(paths: str | list[str]) -> list[str]:
    """One path or several as a list."""
    return [paths] if isinstance(paths, str) else paths


def paths_of(inputs: Inputs) -> list[str]:
    """Every path of a stage's inputs."""
    return [path for paths in inputs.values() for path in several(paths)]
