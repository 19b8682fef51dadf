"""From copies to verdicts and the pages that show them."""

# What a stage writes, with what Snakemake's own report shows of it.
CALLS = layout.STAGES["calls"].outputs | {
    "output": report(
        layout.STAGES["calls"].outputs["output"],
        caption="../report/calls.rst",
        category="Data",
        labels={"sample": "{sample}"},
    )
}
REPORT = layout.STAGES["report"].outputs | {
    "output": report(
        layout.STAGES["report"].outputs["output"],
        caption="../report/sample.rst",
        category="Samples",
        labels={"sample": "{sample}"},
    )
}
COHORT = layout.STAGES["cohort"].outputs | {
    "output": report(
        layout.path("cohort"),
        caption="../report/table.rst",
        category="Cohort",
        labels={"file": "table"},
    ),
    "page": report(
        layout.path("cohort", "page"),
        caption="../report/cohort.rst",
        category="Cohort",
        labels={"file": "page"},
    ),
}


rule calls:
    """Verdict against each published criterion, and the overall call."""
    input:
        unpack(PLAN.input_of("calls")),
    output:
        **CALLS,
    log:
        layout.log("calls"),
    benchmark:
        layout.benchmark("calls")
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("calls"),
        facts=PLAN.marked("calls"),
        options=PLAN.options("calls"),
        code=PLAN.code("calls"),
    shell:
        "metcn calls {params.told} {params.options} --output {output.output:q} --vcf {output.vcf:q} "
        "--index {output.index:q} --bed {output.bed:q} 2> {log:q}"


rule compare:
    """Change of MET copies from the patient's baseline to a sample at progression."""
    input:
        unpack(PLAN.input_of("compare")),
    output:
        **layout.STAGES["compare"].outputs,
    log:
        layout.log("compare"),
    benchmark:
        layout.benchmark("compare")
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("compare"),
        facts=PLAN.marked("compare"),
        options=PLAN.options("compare"),
        code=PLAN.code("compare"),
    shell:
        "metcn compare {params.told} {params.options} --output {output.output:q} 2> {log:q}"


rule report:
    """HTML page of one sample."""
    input:
        unpack(PLAN.input_of("report")),
    output:
        **REPORT,
    log:
        layout.log("report"),
    benchmark:
        layout.benchmark("report")
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("report"),
        facts=PLAN.marked("report"),
        options=PLAN.options("report"),
        code=PLAN.code("report"),
    shell:
        "metcn report {params.told} {params.options} --output {output.output:q} 2> {log:q}"


rule cohort:
    """Table and HTML page over all tumours."""
    input:
        unpack(PLAN.input_of("cohort")),
    output:
        **COHORT,
    log:
        layout.log("cohort"),
    benchmark:
        layout.benchmark("cohort")
    localrule: True
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("cohort"),
        facts=PLAN.marked("cohort"),
        options=PLAN.options("cohort"),
        code=PLAN.code("cohort"),
    shell:
        "metcn cohort {params.told} {params.options} --output {output.output:q} --page {output.page:q} "
        "--complete {output.complete:q} --mqc {output.mqc:q} --mqc-general {output.mqc_general:q} --mqc-quality {output.mqc_quality:q} "
        "--mqc-versions {output.mqc_versions:q} 2> {log:q}"
