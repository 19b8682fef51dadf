"""How stages are started: by their arguments, through Snakemake, or one after the other in one process."""
