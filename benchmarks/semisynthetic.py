"""Tumours made of real normals and real karyotypes, with known MET copies: error and interval coverage by purity.

Ten of the shared normals (by a seeded permutation, or the first ten) carry the tumours, the other fifteen are the
reference. How far MET strays in each donor decides most of the error, so the choice of donors matters.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import cohorts
import levels
import numpy as np
import options
import pandas as pd
from cohorts import Cohort

from metcn.run.samples import Sample

DONORS = 10
CLOSE = 0.1  # purity; how near a stated one must lie to the truth
DECIDE = 0.95  # probability from which a decision counts as made
QUANTITIES = ("met_ratio", "met_copies", "cep7_copies", "met_cep7")


def main() -> int:
    """Print scores per seed and pooled; 1 where the pooled scores miss a bound that was given."""
    parser = options.parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2], metavar="N", help="seeds (default: 1 2)")
    parser.add_argument("--donors", choices=("random", "first"), default="random",
                        help="normals that carry the tumours: ten at random per seed, or the first ten")  # fmt: skip
    parser.add_argument("--unknown", action="store_true", help="withhold purity and ploidy from the pipeline")
    parser.add_argument("--stated-error", type=float, default=0.0, metavar="SD",
                        help="tell purity wrong by so much of it, as an estimate (default: exactly)")  # fmt: skip
    parser.add_argument("--purities", default="", metavar="P,...", help="purities of the tumours (default: the tool's)")
    parser.add_argument("--segments", default="none", metavar="METHOD",
                        help="segmentation, which no score here depends on (default: none, the fastest)")  # fmt: skip
    parser.add_argument("--cnvkit", action="store_true", help="also copies by CNVkit, by its own and the right formula")
    parser.add_argument("--max-rmse", default="", metavar="P:E,...", help="bounds on the error of MET copies by purity")
    parser.add_argument("--coverage", default="", metavar="LOW,HIGH", help="bounds on the share of truths in intervals")
    args = parser.parse_args()
    tools = args.shared / "tools"
    with options.workplace(args.work) as folder:
        tables = []
        for seed in args.seeds:
            tables.append(one(args, seed, folder / f"seed_{seed}"))
            print(f"\nseed {seed}", flush=True)
            score(tools, *tables[-1], folder)
        truth, cohort = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
        print(f"\nseeds {' '.join(map(str, args.seeds))}, pooled", flush=True)
        status = score(tools, truth, cohort, folder, f"--max-rmse={args.max_rmse}", f"--coverage={args.coverage}")
    merged = truth.merge(cohort, on="sample", suffixes=("_true", ""))
    groups = {f"purity {purity}": part for purity, part in merged.groupby("purity_true")} | {"all": merged}
    if args.cnvkit:
        options.show("MET copies by purity", levels.copies_table(merged, merged["purity_true"]), digits=1)
    for quantity in QUANTITIES:
        table = pd.DataFrame({name: intervals(part, quantity) for name, part in groups.items()}).T
        options.show(f"95 % intervals of {quantity}", table)
    if args.unknown:
        options.show("purity, and the decision on 5 copies", pd.DataFrame({k: unknown(v) for k, v in groups.items()}).T)
    far = merged.assign(log2_error=np.log2(merged["met_ratio"] / merged["met_ratio_true"]), **of_z(merged))
    columns = [
        "sample",
        "normal",
        "profile",
        "purity_true",
        "met_copies_true",
        "met_copies",
        "log2_error",
        "z",
        "reasons",
    ]
    options.show(
        "farthest from the truth", far.sort_values("z", key=abs, ascending=False)[columns].head(12), index=False
    )
    by_donor = far.groupby("normal").agg(n=("z", "size"), log2_error=("log2_error", "median"), z=("z", "median"))
    options.show("by the normal that carries them", by_donor.T)
    return status


def one(args: argparse.Namespace, seed: int, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Truth and cohort table of one seed, samples named after it."""
    data = args.shared / "data"
    pairs = cohorts.cnvkit_pairs(data / "panel_hg19" / "normals")
    order = sorted(pairs)
    if args.donors == "random":
        order = list(np.random.default_rng(seed).permutation(order))
    donors, made = folder / "donors", folder / "tumours"
    donors.mkdir(parents=True, exist_ok=True)
    for path in (path for name in order[:DONORS] for path in pairs[name]):
        if not (donors / path.name).exists():
            (donors / path.name).symlink_to(path)
    command = [sys.executable, args.shared / "tools" / "make_semisynthetic_panel.py", f"--seed={seed}"]
    command += [f"--purities={args.purities}"] if args.purities else []
    karyotypes = data / "karyotypes"
    subprocess.run(
        [*command, f"--normals={donors}", f"--karyotypes={karyotypes}", f"--out={made}"], check=True, stdout=sys.stderr
    )
    truth = pd.read_csv(made / "truth.tsv", sep="\t").set_index("sample", drop=False)
    told = truth[["purity", "ploidy"]].astype(str)  # as a sample sheet tells it
    told["purity"] += "!"
    if args.stated_error:
        wrong = 1 + args.stated_error * np.random.default_rng(seed).normal(size=len(truth))
        told["purity"] = (truth["purity"] * wrong).clip(0.02, 1).round(3).astype(str)
    if args.unknown:
        told[:] = ""
    tumours = [
        Sample(name, coverage=paths, patient=name, purity=told.at[name, "purity"], ploidy=told.at[name, "ploidy"])
        for name, paths in cohorts.cnvkit_pairs(made).items()
    ]
    normals = [Sample(name, "normal", coverage=pairs[name], patient=name) for name in order[DONORS:]]
    cohort = Cohort.of(folder, [*tumours, *normals], workers=args.workers, segments={"method": args.segments})
    names = [tumour.name for tumour in tumours]
    cohort.measure(names)
    called = cohort.call(names)
    if args.cnvkit:
        peer = levels.Cnvkit(cohort, data / "panel_hg19" / "bins_gc.tsv.gz").prepared()
        log2 = levels.of_peer(cohort, names, ["MET"], peer).loc["MET"]
        called = called.join(levels.cnvkit_copies(log2, truth["purity"], truth["ploidy"]))
    return truth.assign(sample=f"{seed}-" + truth["sample"]), called.assign(sample=f"{seed}-" + called["sample"])


def score(tools: Path, truth: pd.DataFrame, cohort: pd.DataFrame, folder: Path, *bounds: str) -> int:
    """Exit status of the shared scoring tool, which prints its table."""
    paths = {"truth": folder / "truth.tsv", "cohort": folder / "cohort.tsv"}
    truth.to_csv(paths["truth"], sep="\t", index=False)
    cohort.to_csv(paths["cohort"], sep="\t", index=False)
    named = [f"--{name}={path}" for name, path in paths.items()]
    return subprocess.run([sys.executable, tools / "score_cohort.py", *named, *bounds], check=False).returncode


def intervals(part: pd.DataFrame, quantity: str) -> dict[str, float]:
    """Share of truths in, below and above their intervals, and the intervals' median width relative to the truth."""
    truth, low, high = (part[name] for name in (f"{quantity}_true", f"{quantity}_low", f"{quantity}_high"))
    known = low.notna()
    below, above = (truth < low)[known].mean(), (truth > high)[known].mean()
    width = ((high - low) / truth)[known & (truth > 0)].median()
    return {
        "n": int(known.sum()),
        "inside": 1 - below - above,
        "truth below": below,
        "truth above": above,
        "width": width,
    }


def unknown(part: pd.DataFrame) -> dict[str, float]:
    """Purities stated and how many of them are right, purities in their intervals, and decisions on 5 copies.

    Truths within half a copy of 5 are left out of the decisions, as the shared scoring tool leaves them out.
    """
    stated, truth = part["purity"].notna(), part["purity_true"]
    near = (part["purity"] - truth).abs() <= CLOSE
    held = (part["purity_low"] <= truth) & (truth <= part["purity_high"])
    clear = (part["met_copies_true"] - 5).abs() > 0.5
    reached, missed = part["p_copies_ge_5"] >= DECIDE, part["p_copies_ge_5"] <= 1 - DECIDE
    wrong = (reached & (part["met_copies_true"] < 5)) | (missed & (part["met_copies_true"] >= 5))
    return {
        "n": len(part),
        "stated": int(stated.sum()),
        "within 0.1": int((stated & near).sum()),
        "in interval": held.mean(),
        "decidable": int(clear.sum()),
        "decided": int((clear & (reached | missed)).sum()),
        "wrong": int((clear & wrong).sum()),
    }


def of_z(merged: pd.DataFrame) -> dict[str, pd.Series]:
    """Error of the log2 MET ratio over what its interval says the error is."""
    log2 = np.log2(merged[["met_ratio_true", "met_ratio", "met_ratio_low", "met_ratio_high"]])
    error = (log2["met_ratio_high"] - log2["met_ratio_low"]) / (2 * 1.96)
    return {"z": (log2["met_ratio"] - log2["met_ratio_true"]) / error}


if __name__ == "__main__":
    sys.exit(main())
