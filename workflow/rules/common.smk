"""The package, the plan of this run, and how the command is started."""

import sys
from pathlib import Path

# In a checkout the package lies beside the workflow; in a wheel the workflow lies inside the package, which is installed.
CHECKOUT = Path(str(workflow.current_basedir)).parents[1] / "scripts"
if (CHECKOUT / "metcn").is_dir() and str(CHECKOUT) not in sys.path:
    sys.path.insert(0, str(CHECKOUT))

from metcn.cli import snakefile

PLAN = snakefile.load(config, workflow)

shell.prefix(snakefile.shell_prefix(workflow))


wildcard_constraints:
    sample=snakefile.SAMPLE_PATTERN,


# What rules write, with what Snakemake's own report shows of it. An updated file is left to its job, which sees by what
# it was made of whether to make it again.
COUNT_FILES = {
    "counts": "results/counts/{sample}.cnn",
    "counts_summary": "results/counts/{sample}.json",
    "counts_speed": "benchmarks/counts/{sample}.json",
    "counts_alleles": "results/counts/{sample}.alleles.tsv",
}
COUNTS = {name: update(path) for name, path in COUNT_FILES.items()}
MEASURED = {
    "ratios": update("results/ratios/{sample}.cnr"),
    "ratios_summary": update("results/ratios/{sample}.json"),
    "segments": update("results/segments/{sample}.cns"),
    "segments_seg": update("results/segments/{sample}.seg"),
    "purity": update("results/purity/{sample}.json"),
    "copies": update("results/copies/{sample}.json"),
    "copies_draws": update("results/copies/{sample}.draws.npz"),
    "calls": report(
        update("results/calls/{sample}.json"),
        caption="../report/calls.rst",
        category="Data",
        labels={"sample": "{sample}"},
    ),
    "calls_vcf": update("results/calls/{sample}.vcf.gz"),
    "calls_index": update("results/calls/{sample}.vcf.gz.tbi"),
    "calls_bed": update("results/calls/{sample}.amplicon.bed"),
}
CALLED = ("json", "vcf.gz", "vcf.gz.tbi", "amplicon.bed")
PAGE = {
    "report": report(
        update("results/report/{sample}.html"),
        caption="../report/sample.rst",
        category="Samples",
        labels={"sample": "{sample}"},
    )
}
COHORT = {
    "cohort": report(
        update("results/cohort.tsv"),
        caption="../report/table.rst",
        category="Cohort",
        labels={"file": "table"},
    ),
    "cohort_page": report(
        update("results/report/cohort.html"),
        caption="../report/cohort.rst",
        category="Cohort",
        labels={"file": "page"},
    ),
    "cohort_complete": update("results/complete.txt"),
    "cohort_mqc": update("results/qc/metcn_mqc.tsv"),
    "cohort_mqc_general": update("results/qc/metcn_general_mqc.tsv"),
    "cohort_mqc_quality": update("results/qc/metcn_quality_mqc.tsv"),
    "cohort_mqc_versions": update("results/qc/metcn_mqc_versions.yml"),
}
