"""All samples of a run."""


rule cohort:
    """Table and HTML page over all tumours."""
    input:
        unpack(PLAN.input_of("cohort")),
    output:
        **COHORT,
    log:
        "logs/cohort.log",
    benchmark:
        "benchmarks/cohort.tsv"
    localrule: True
    conda:
        "../envs/metcn.yaml"
    params:
        facts=PLAN.marked("cohort"),
        options=PLAN.options("cohort"),
        code=PLAN.coded("cohort"),
        run=PLAN.words("cohort"),
    shell:
        "metcn job cohort {params.run} 2> {log:q}"
