"""Simulated tumours with known copies: error and intervals of MET copies by purity, beside CNVkit with two formulas.

Needs nothing but this checkout. CNVkit's level of MET is turned into copies by its own formula for a known purity and
ploidy, ``(P r - 2 (1 - p)) / p``, and by the right one, in which a ratio of 1 stands for the mean over tumour and
normal cells (`metcn.mixture`). It is given each bin's simulated GC, which metcn has to do without.
"""

from __future__ import annotations

from pathlib import Path

import levels
import numpy as np
import options
import pandas as pd
from cohorts import Cohort

from metcn import genome as genomes
from metcn import mixture, simulate, tables
from metcn.samples import Sample
from metcn.simulate_assays import design

COPIES = (3, 4, 6, 10, 20)
PURITIES = (0.2, 0.4, 0.7)
PROFILES = ("focal", "doubled")
WINDOW_BP = 1_000_000


def main() -> None:
    """Print the tables."""
    parser = options.parser(__doc__, needs_shared=False)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="(default: 1)")
    args = parser.parse_args()
    with options.workplace(args.work) as folder:
        found = measured(folder, args.seed, args.workers)
    groups = {f"purity {purity:g}": part for purity, part in found.groupby("purity_true")}
    groups |= {f"ploidy of {profile} tumours": part for profile, part in found.groupby("profile")} | {"all": found}
    options.show(
        "MET copies of simulated tumours", pd.DataFrame({name: errors(part) for name, part in groups.items()}).T
    )
    options.show("5 copies or more, by point value", pd.DataFrame({way: decided(found, way) for way in WAYS}).T)


WAYS = {"metcn": "met_copies", "CNVkit, own formula": "cnvkit_own", "CNVkit, right formula": "cnvkit_right"}


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
               patient=row["sample"], purity=row["purity"], ploidy=row["ploidy"])
        for row in sheet.to_dict("records")
    ]  # fmt: skip
    cohort = Cohort.of(folder, samples, workers=workers, segments={"method": "none"})
    names = [tumour.name for tumour in made]
    cohort.measure(names)
    called = cohort.call(names).reset_index(drop=True)
    truth = pd.read_csv(inputs / "truth.tsv", sep="\t")
    found = truth.merge(called, on="sample", suffixes=("_true", ""))
    peer = levels.Cnvkit(cohort, _gc(cohort, seed)).prepared()
    ratio = 2 ** levels.of_peer(cohort, names, ["MET"], peer).loc["MET", found["sample"]].to_numpy()
    purity, ploidy = found["purity_true"], found["ploidy_true"]
    own = (ploidy * ratio - mixture.NORMAL_COPIES * (1 - purity)) / purity
    return found.assign(cnvkit_own=own, cnvkit_right=mixture.tumour_copies(ratio, purity, ploidy))


def _gc(cohort: Cohort, seed: int) -> Path:
    """Path of the simulated GC of each bin, as a share around 42 %."""
    plan = design(genomes.load("GRCh37"), "panel", seed=seed, window_bp=WINDOW_BP)
    place = ["chromosome", "start", "end"]
    gc = plan.bins[place].assign(gc=np.clip(0.42 + 0.06 * plan.gc, 0.2, 0.8).round(4))
    bins = tables.read_bins(cohort.at("bins"))[place].merge(gc, how="left", on=place, validate="one_to_one")
    path = cohort.folder / "gc.tsv"
    bins.to_csv(path, sep="\t", index=False)
    return path


def errors(part: pd.DataFrame) -> dict[str, float]:
    """Error of each way, and how often the interval holds the truth."""
    truth = part["met_copies_true"]
    inside = (part["met_copies_low"] <= truth) & (truth <= part["met_copies_high"])
    row: dict[str, float] = {"n": len(part), "in 95 %": inside.mean()}
    for way, column in WAYS.items():
        gap = (part[column] - truth) / truth
        row |= {f"{way}: bias %": 100 * gap.mean(), f"{way}: RMS %": 100 * float(np.sqrt((gap**2).mean()))}
    return row


def decided(found: pd.DataFrame, way: str) -> dict[str, int]:
    """The 2x2 table at 5 copies."""
    truth, test = found["met_copies_true"] >= 5, found[WAYS[way]] >= 5
    cells = {"TP": truth & test, "FN": truth & ~test, "FP": ~truth & test, "TN": ~truth & ~test}
    return {name: int(cell.sum()) for name, cell in cells.items()}


if __name__ == "__main__":
    main()
