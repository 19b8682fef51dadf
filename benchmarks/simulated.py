"""Simulated tumours with known copies: error and intervals of MET copies by purity, beside CNVkit with two formulas.

Needs nothing but this checkout. Purity and ploidy are told; CNVkit's level of MET becomes copies by its own formula and
by the right one (`levels.cnvkit_copies`). It is given each bin's simulated GC, which metcn has to do without.

Tumours of one cohort share the error that its panel of normals has at MET, so a mean over them is no nearer to the
method's own bias than one panel is: it is taken over several cohorts, each of its own assay, normals and tumours.
"""

from __future__ import annotations

from pathlib import Path

import levels
import numpy as np
import options
import pandas as pd
from cohorts import Cohort

from metcn import simulate
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.run.samples import Sample
from metcn.simulate.assays import design

COPIES = (3, 4, 6, 10, 20)
PURITIES = (0.2, 0.4, 0.7)
PROFILES = ("focal", "doubled")
WINDOW_BP = 1_000_000


def main() -> None:
    """Print the tables."""
    parser = options.parser(__doc__, needs_shared=False)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the first cohort (default: 1)")
    parser.add_argument("--cohorts", type=int, default=20, metavar="N", help="(default: 20)")
    args = parser.parse_args()
    seeds = range(args.seed, args.seed + args.cohorts)
    with options.workplace(args.work) as folder:
        parts = [measured(folder / f"seed_{seed}", seed, args.workers).assign(cohort=seed) for seed in seeds]
    found = pd.concat(parts, ignore_index=True)
    for title, groups in (("purity", found["purity_true"]), ("kind of tumour", found["profile"])):
        options.show(f"MET copies of simulated tumours, by {title}", levels.copies_table(found, groups), digits=1)
    ways = levels.errors(found).groupby(found["cohort"]).mean()
    options.show("bias of MET copies by cohort, %: each has a panel of twelve normals", over_cohorts(ways), digits=1)
    truth = found["met_copies_true"]
    inside = (found["met_copies_low"] <= truth) & (truth <= found["met_copies_high"])
    print(f"\n{inside.sum()} of {len(found)} truths lie in the 95 % interval of metcn", flush=True)


def over_cohorts(bias: pd.DataFrame) -> pd.DataFrame:
    """Mean bias over cohorts with its error, and how far cohorts lie apart: a row per column of ``bias``."""
    error = bias.std() / np.sqrt(len(bias))
    named = {"mean": bias.mean(), "its error": error, "SD": bias.std(), "lowest": bias.min(), "highest": bias.max()}
    return pd.DataFrame(named).assign(cohorts=len(bias))


def measured(folder: Path, seed: int, workers: int) -> pd.DataFrame:
    """Truth and what was found, a row per tumour."""
    facts = genomes.load("GRCh37")
    made = [
        simulate.tumour(facts, f"{profile}_{copies}_{purity:g}", profile, purity=purity, copies=copies, background=True)
        for profile in PROFILES
        for copies in COPIES
        for purity in PURITIES
    ]
    inputs = folder / "inputs"
    simulate.cohort(inputs, normals=12, tumours=made, as_="cnn", seed=seed, window_bp=WINDOW_BP)
    sheet = pd.read_csv(inputs / "samples.tsv", sep="\t", dtype=str, keep_default_na=False)
    samples = [
        Sample(row["sample"], row["role"], coverage=tuple(inputs / path for path in row["coverage"].split(";")),
               patient=row["sample"], purity=row["purity"] and f"{row['purity']}!", ploidy=row["ploidy"])
        for row in sheet.to_dict("records")
    ]  # fmt: skip
    cohort = Cohort.of(folder, samples, workers=workers, segments={"method": "none"})
    names = [tumour.name for tumour in made]
    cohort.measure(names)
    called = cohort.call(names).reset_index(drop=True)
    truth = pd.read_csv(inputs / "truth.tsv", sep="\t")
    found = truth.merge(called, on="sample", suffixes=("_true", ""))
    peer = levels.Cnvkit(cohort, _gc(cohort, seed)).prepared()
    log2 = found["sample"].map(levels.of_peer(cohort, names, ["MET"], peer).loc["MET"])
    return found.join(levels.cnvkit_copies(log2, found["purity_true"], found["ploidy_true"]))


def _gc(cohort: Cohort, seed: int) -> Path:
    """Path of the simulated GC of each bin, as a share around 42 %."""
    plan = design(genomes.load("GRCh37"), "panel", seed=seed, window_bp=WINDOW_BP)
    place = ["chromosome", "start", "end"]
    gc = plan.bins[place].assign(gc=np.clip(0.42 + 0.06 * plan.gc, 0.2, 0.8).round(4))
    bins = tables.read_bins(cohort.at("bins"))[place].merge(gc, how="left", on=place, validate="one_to_one")
    path = cohort.folder / "gc.tsv"
    bins.to_csv(path, sep="\t", index=False)
    return path


if __name__ == "__main__":
    main()
