"""Where depth is measured, how much there is, and what normals have."""


rule bins:
    """Bins with gene, kind, role, GC content and, where a bin is not used, the reason."""
    input:
        unpack(PLAN.input_of("bins")),
    output:
        bins=update("results/bins/bins.tsv"),
    log:
        "logs/bins.log",
    benchmark:
        "benchmarks/bins.tsv"
    conda:
        "../envs/metcn.yaml"
    params:
        facts=PLAN.marked("bins"),
        options=PLAN.options("bins"),
        code=PLAN.coded("bins"),
        run=PLAN.words("bins"),
    shell:
        "metcn job bins {params.run} 2> {log:q}"


rule counts:
    """Fragments per bin of one sample, counted in its alignments."""
    input:
        unpack(PLAN.input_of("counts")),
    output:
        **COUNTS,
    log:
        "logs/counts/{sample}.log",
    benchmark:
        "benchmarks/counts/{sample}.tsv"
    wildcard_constraints:
        sample=PLAN.samples_of("counts"),
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    threads: PLAN.settings["counts"]["threads"]
    params:
        facts=PLAN.marked("counts"),
        options=PLAN.options("counts"),
        code=PLAN.coded("counts"),
        run=PLAN.words("counts"),
    shell:
        "metcn job counts {wildcards.sample} {params.run} --threads {threads} 2> {log:q}"


if PLAN.tables_of_normals:

    rule normals:
        """Depth per bin of all normals that come as coverage tables."""
        input:
            unpack(PLAN.input_of("normals")),
        output:
            update(expand(list(COUNT_FILES.values()), sample=PLAN.tables_of_normals)),
        log:
            "logs/normals.log",
        benchmark:
            "benchmarks/normals.tsv"
        conda:
            "../envs/metcn.yaml"
        params:
            facts=PLAN.marked("normals"),
            options=PLAN.options("normals"),
            code=PLAN.coded("normals"),
            run=PLAN.words("normals"),
        shell:
            "metcn job normals {params.run} 2> {log:q}"


rule reference:
    """Panel of normals: what a bin's depth is without copy changes, its noise, and the noise bins share."""
    input:
        unpack(PLAN.input_of("reference")),
    output:
        reference=update("results/reference/reference.h5"),
    log:
        "logs/reference.log",
    benchmark:
        "benchmarks/reference.tsv"
    conda:
        "../envs/metcn.yaml"
    params:
        facts=PLAN.marked("reference"),
        options=PLAN.options("reference"),
        code=PLAN.coded("reference"),
        run=PLAN.words("reference"),
    shell:
        "metcn job reference {params.run} 2> {log:q}"
