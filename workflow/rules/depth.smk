"""Where depth is measured, and how much there is."""


rule bins:
    """Bins with gene, kind, role, GC content and, where a bin is not used, the reason."""
    input:
        unpack(PLAN.input_of("bins")),
    output:
        **layout.STAGES["bins"].outputs,
    log:
        layout.log("bins"),
    benchmark:
        layout.benchmark("bins")
    conda:
        "../envs/metcn.yaml"
    params:
        told=PLAN.told("bins"),
        facts=PLAN.marked("bins"),
        options=PLAN.options("bins"),
        code=PLAN.code("bins"),
    shell:
        "metcn bins {params.told} {params.options} --output {output.output:q} 2> {log:q}"


rule counts:
    """Fragments (or a table's depth) per bin of one sample."""
    input:
        unpack(PLAN.input_of("counts")),
    output:
        **layout.STAGES["counts"].outputs,
    log:
        layout.log("counts"),
    benchmark:
        layout.benchmark("counts")
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    threads: PLAN.settings["counts"]["threads"]
    params:
        told=PLAN.told("counts"),
        facts=PLAN.marked("counts"),
        options=PLAN.options("counts"),
        code=PLAN.code("counts"),
    shell:
        "metcn counts {params.told} {params.options} --threads={threads} --output {output.output:q} "
        "--summary {output.summary:q} --speed {output.speed:q} --alleles {output.alleles:q} 2> {log:q}"
