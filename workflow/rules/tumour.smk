"""From a tumour's depth to its page: one process, which makes again only what a change concerns.

Each rule below is one for tumours whose reads are counted by a job of their own or whose ratios are made elsewhere, with
a variant for those of coverage tables, whose depth is taken from there on the way. A later sample gets its page when
its baseline is called, with the comparison.
"""


rule tumour:
    """Ratios, segments, purity, copies, calls and the page of one tumour."""
    input:
        unpack(PLAN.input_of("tumour")),
    output:
        **MEASURED,
        **PAGE,
    log:
        "logs/tumour/{sample}.log",
    benchmark:
        "benchmarks/tumour/{sample}.tsv"
    wildcard_constraints:
        sample=PLAN.samples_of("tumour", tables=False, later=False),
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    params:
        facts=PLAN.marked("tumour"),
        options=PLAN.options("tumour"),
        code=PLAN.coded("tumour"),
        run=PLAN.words("tumour"),
    shell:
        "metcn job tumour {wildcards.sample} {params.run} 2> {log:q}"


use rule tumour as tumour_of_tables with:
    output:
        **COUNTS,
        **MEASURED,
        **PAGE,
    wildcard_constraints:
        sample=PLAN.samples_of("tumour", tables=True, later=False),


use rule tumour as later_tumour with:
    output:
        **MEASURED,
    wildcard_constraints:
        sample=PLAN.samples_of("tumour", tables=False, later=True),


use rule tumour as later_tumour_of_tables with:
    output:
        **COUNTS,
        **MEASURED,
    wildcard_constraints:
        sample=PLAN.samples_of("tumour", tables=True, later=True),


rule later:
    """Change of MET copies from the patient's baseline to a sample at progression, and its page."""
    input:
        unpack(PLAN.input_of("later")),
    output:
        **PAGE,
        compare=update("results/compare/{sample}.json"),
    log:
        "logs/later/{sample}.log",
    benchmark:
        "benchmarks/later/{sample}.tsv"
    wildcard_constraints:
        sample=PLAN.samples_of("later"),
    group:
        "sample_{sample}"
    conda:
        "../envs/metcn.yaml"
    params:
        facts=PLAN.marked("later"),
        options=PLAN.options("later"),
        code=PLAN.coded("later"),
        run=PLAN.words("later"),
    shell:
        "metcn job later {wildcards.sample} {params.run} 2> {log:q}"
