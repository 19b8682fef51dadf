"""Where each stage's results lie below the output folder; the workflow and ``metcn call`` share these names."""

from __future__ import annotations

# Stage -> the module of metcn.stages it lives in, in the order of the data.
STAGES = {
    "bins": "depth",
    "counts": "depth",
    "reference": "ratios",
    "ratios": "ratios",
    "segments": "segments",
    "purity": "purity",
    "copies": "copies",
    "calls": "calls",
    "compare": "compare",
    "report": "report",
    "cohort": "report",
}

# Stage -> its output arguments and their paths, relative to the output folder.
OUTPUTS: dict[str, dict[str, str]] = {
    "bins": {"output": "results/bins/bins.tsv"},
    "counts": {
        "output": "results/counts/{sample}.cnn",
        "summary": "results/counts/{sample}.json",
        "speed": "benchmarks/counts/{sample}.json",  # differs from run to run, as no result does
        "alleles": "results/counts/{sample}.alleles.tsv",
    },
    "reference": {"output": "results/reference/reference.h5"},
    "ratios": {"output": "results/ratios/{sample}.cnr", "summary": "results/ratios/{sample}.json"},
    "segments": {"output": "results/segments/{sample}.cns", "seg": "results/segments/{sample}.seg"},
    "purity": {"output": "results/purity/{sample}.json"},
    "copies": {"output": "results/copies/{sample}.json", "draws": "results/copies/{sample}.draws.npz"},
    "calls": {
        "output": "results/calls/{sample}.json",
        "vcf": "results/calls/{sample}.vcf.gz",
        "index": "results/calls/{sample}.vcf.gz.tbi",
        "bed": "results/calls/{sample}.amplicon.bed",
    },
    "compare": {"output": "results/compare/{sample}.json"},
    "report": {"output": "results/report/{sample}.html"},
    "cohort": {
        "output": "results/cohort.tsv",
        "page": "results/report/cohort.html",
        "complete": "results/complete.txt",  # there only if every sample of the run has its result
        "mqc": "results/qc/metcn_mqc.tsv",
        "mqc_general": "results/qc/metcn_general_mqc.tsv",
        "mqc_quality": "results/qc/metcn_quality_mqc.tsv",
        "mqc_versions": "results/qc/metcn_mqc_versions.yml",
    },
}


def path(stage: str, argument: str = "output", sample: str = "") -> str:
    """Path of one output of a stage for a sample, relative to the output folder."""
    return OUTPUTS[stage][argument].format(sample=sample)


def per_sample(stage: str) -> bool:
    """Whether a stage runs once per sample rather than once per run."""
    return "{sample}" in OUTPUTS[stage]["output"]


def log(stage: str) -> str:
    """Path pattern of a stage's log, relative to the output folder."""
    return f"logs/{stage}/{{sample}}.log" if per_sample(stage) else f"logs/{stage}.log"


def benchmark(stage: str) -> str:
    """Path pattern of the time and memory a stage took, relative to the output folder."""
    return log(stage).replace("logs/", "benchmarks/", 1).removesuffix(".log") + ".tsv"
