"""From copies to verdicts and the pages that show them."""


rule calls:
    """Verdict against each published criterion, and the overall call."""
    input:
        unpack(PLAN.input_of("calls")),
    output:
        **layout.OUTPUTS["calls"],
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
        options=PLAN.options("calls"),
        code=PLAN.code("calls"),
    shell:
        "metcn calls {params.told} {params.options} --output {output.output:q} 2> {log:q}"


rule compare:
    """Change of MET copies from the patient's baseline to a sample at progression."""
    input:
        unpack(PLAN.input_of("compare")),
    output:
        **layout.OUTPUTS["compare"],
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
        options=PLAN.options("compare"),
        code=PLAN.code("compare"),
    shell:
        "metcn compare {params.told} {params.options} --output {output.output:q} 2> {log:q}"


rule report:
    """HTML page of one sample."""
    input:
        unpack(PLAN.input_of("report")),
    output:
        output=report(
            layout.OUTPUTS["report"]["output"],
            caption="../report/sample.rst",
            category="Samples",
        ),
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
        options=PLAN.options("report"),
        code=PLAN.code("report"),
    shell:
        "metcn report {params.told} {params.options} --output {output.output:q} 2> {log:q}"


rule cohort:
    """Table and HTML page over all tumours."""
    input:
        unpack(PLAN.input_of("cohort")),
    output:
        output=layout.OUTPUTS["cohort"]["output"],
        page=report(
            layout.OUTPUTS["cohort"]["page"],
            caption="../report/cohort.rst",
            category="Cohort",
        ),
    log:
        layout.log("cohort"),
    benchmark:
        layout.benchmark("cohort")
    localrule: True
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("cohort"),
        options=PLAN.options("cohort"),
        code=PLAN.code("cohort"),
    shell:
        "metcn cohort {params.told} {params.options} --output {output.output:q} --page {output.page:q} 2> {log:q}"
