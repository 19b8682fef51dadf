"""From depth to copies: normals, ratios, segments, purity, copies."""


rule reference:
    """Panel of normals: what a bin's depth is without copy changes, its noise, and the noise bins share."""
    input:
        unpack(PLAN.input_of("reference")),
    output:
        **layout.STAGES["reference"].outputs,
    log:
        layout.log("reference"),
    benchmark:
        layout.benchmark("reference")
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("reference"),
        facts=PLAN.marked("reference"),
        options=PLAN.options("reference"),
        code=PLAN.code("reference"),
    shell:
        "metcn reference {params.told} {params.options} --output {output.output:q} 2> {log:q}"


rule ratios:
    """Depth over what normals would have, per bin, and the MET and CEP7-like levels with their errors."""
    input:
        unpack(PLAN.input_of("ratios")),
    output:
        **layout.STAGES["ratios"].outputs,
    log:
        layout.log("ratios"),
    benchmark:
        layout.benchmark("ratios")
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("ratios"),
        facts=PLAN.marked("ratios"),
        options=PLAN.options("ratios"),
        code=PLAN.code("ratios"),
    shell:
        "metcn ratios {params.told} {params.options} --output {output.output:q} --summary {output.summary:q} 2> {log:q}"


rule segments:
    """Stretches of equal copy number."""
    input:
        unpack(PLAN.input_of("segments")),
    output:
        **layout.STAGES["segments"].outputs,
    log:
        layout.log("segments"),
    benchmark:
        layout.benchmark("segments")
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("segments"),
        facts=PLAN.marked("segments"),
        options=PLAN.options("segments"),
        code=PLAN.code("segments"),
    shell:
        "metcn segments {params.told} {params.options} --output {output.output:q} --seg {output.seg:q} 2> {log:q}"


rule purity:
    """Purity and ploidy with their uncertainty, from every source there is."""
    input:
        unpack(PLAN.input_of("purity")),
    output:
        **layout.STAGES["purity"].outputs,
    log:
        layout.log("purity"),
    benchmark:
        layout.benchmark("purity")
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("purity"),
        facts=PLAN.marked("purity"),
        options=PLAN.options("purity"),
        code=PLAN.code("purity"),
    shell:
        "metcn purity {params.told} {params.options} --output {output.output:q} 2> {log:q}"


rule copies:
    """Copies of MET and of the CEP7-like level, intervals and limits of detection."""
    input:
        unpack(PLAN.input_of("copies")),
    output:
        **layout.STAGES["copies"].outputs,
    log:
        layout.log("copies"),
    benchmark:
        layout.benchmark("copies")
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("copies"),
        facts=PLAN.marked("copies"),
        options=PLAN.options("copies"),
        code=PLAN.code("copies"),
    shell:
        "metcn copies {params.told} {params.options} --output {output.output:q} --draws {output.draws:q} 2> {log:q}"
