"""Shallow genomes with a known answer: is the amplicon of MET found, where does it end, and how often noise makes one.

Two kinds of truth. Samples of ``make_swgs_cohort.py`` go through every stage. And arms of other chromosomes of those
of them that are diploid stand in for 7q, with MET's place drawn at random: as they are, to count false positives, and
with an amplicon added to their ratios, to count those found.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import cohorts
import numpy as np
import options
import pandas as pd
from cohorts import Cohort

from metcn.copies import amplicon, amplicon_scan, loci
from metcn.files import read_json
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.mixture import expected_ratio
from metcn.run.samples import Sample

WINDOW_BP = 50_000
ALPHA = 0.001
MET_WINDOWS = 3
MARGIN = 100  # windows between a made-up MET and the ends of its arm
ARMS = [name for name in genomes.AUTOSOMES[:12] if name != "7"]  # q arms of 1,000 windows or more
ADDED = {  # title -> copies, purity, size in windows
    "6 copies, 5 %, 1 Mb": (6, 0.05, 20),
    "10 copies, 3 %, 3 Mb": (10, 0.03, 60),
    "6 copies, 10 %, 3 Mb": (6, 0.10, 60),
    "10 copies, 10 %, 1 Mb": (10, 0.10, 20),
}


def main() -> None:
    """Print what was found of the cohorts' amplicons and of those added to other arms, and the false positives."""
    parser = options.parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="seeds (default: 1)")
    parser.add_argument("--per-purity", type=int, default=18, metavar="N", help="tumours per purity (default: 18)")
    parser.add_argument("--arms", type=int, default=6, metavar="N", help="arms per diploid sample (default: 6)")
    args = parser.parse_args()
    made, added = [], []
    with options.workplace(args.work) as folder:
        for seed in args.seeds:
            cohort, truth = make(args, seed, folder / f"seed_{seed}")
            names = list(truth.index)
            cohort.measure(names)
            found = cohort.call(names).add_suffix("_found").assign(p_value=p_values(cohort, names))
            made.append(truth.join(found))
            diploid = [name for name in names if truth.loc[name, "profile"].startswith(("amplicon", "neutral"))]
            rows = cohorts.each(partial(arms, cohort, seed, args.arms), diploid, args.workers, "other arms")
            added += [row for part in rows for row in part]
    show(pd.concat(made), pd.DataFrame(added))


def make(args: Any, seed: int, folder: Path) -> tuple[Cohort, pd.DataFrame]:
    """A cohort of normals and tumours, and the truth by sample."""
    data = folder / "data"
    command = [sys.executable, args.shared / "tools" / "make_swgs_cohort.py", "--purities", "0.03,0.05,0.1"]
    places = {"genome": args.shared / "data" / "genome", "karyotypes": args.shared / "data" / "karyotypes", "out": data}
    for name, value in {**places, "per-purity": args.per_purity, "seed": seed}.items():
        command += [f"--{name}", value]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    truth = pd.read_csv(data / "truth.tsv", sep="\t").set_index("sample", drop=False)
    samples = [
        Sample(path.name.split(".")[0], "normal", patient=path.name, coverage=(path,))
        for path in sorted(data.glob("N*"))
    ]
    samples += [
        Sample(name, specimen="plasma", purity=f"{row['purity']}!", ploidy=str(row["ploidy"]), patient=name,
               coverage=(data / f"{name}.regions.bed.gz",))
        for name, row in truth.iterrows()
    ]  # fmt: skip
    made = Cohort.of(folder, samples, workers=args.workers, assay="swgs", segments={"method": "none"})
    return made, truth


def p_values(cohort: Cohort, names: list[str]) -> list[float]:
    """P-value of each sample's scan; NaN where nothing significant was found."""
    found = [read_json(cohort.at("calls", name))["copies"]["amplicon"] or {} for name in names]
    return [section.get("p_value") or np.nan for section in found]


def arms(cohort: Cohort, seed: int, count: int, sample: str) -> list[dict[str, Any]]:
    """Scans of some arms of a diploid sample, as they are and with amplicons added."""
    random = np.random.default_rng([seed, *sample.encode()])
    measured, facts = read_json(cohort.at("ratios", sample, "summary")), genomes.load("GRCh37")
    bins = loci.profile(tables.read_ratios(cohort.at("ratios", sample)), measured)
    waves, rows = amplicon.waves_of(bins, facts), []
    for name in random.choice(ARMS, count, replace=False):
        units = loci.units(bins, (bins.chromosome == name) & (bins.start >= facts.centromere[name][1]))
        first = int(random.integers(MARGIN, len(units.log2) - MARGIN))
        own = first, first + MET_WINDOWS
        scan = partial(amplicon_scan.scan, sd=units.sd, own=own, waves=waves, alpha=ALPHA)
        nothing = scan(units.log2)
        rows.append({"added": "nothing", "found": nothing.significant, "p_value": nothing.p_value})
        for title, (copies, purity, size) in ADDED.items():
            begin = own[0] - int(random.integers(0, size - MET_WINDOWS + 1))
            log2 = units.log2.copy()
            log2[begin : begin + size] += np.log2(expected_ratio(copies, purity, 2.0))
            seen = scan(log2)
            off = max(abs(seen.first - begin), abs(seen.last - begin - size))
            inside = (seen.first_range[0] - 1 <= begin <= seen.first_range[1] + 1,
                      seen.last_range[0] - 1 <= begin + size <= seen.last_range[1] + 1)  # fmt: skip
            rows.append({"added": title, "found": seen.significant, "p_value": seen.p_value, "within_two": off <= 2,
                         "in_interval": np.mean(inside)})  # fmt: skip
    return rows


def show(made: pd.DataFrame, added: pd.DataFrame) -> None:
    """Print the tables."""
    size = (made["amplicon_end"] - made["amplicon_start"]) / 1e6
    found = made["p_value"].notna()
    off = pd.concat(
        [(made[f"amplicon_{end}_found"] - made[f"amplicon_{end}"]).abs() for end in ("start", "end")], axis=1
    )
    table = pd.DataFrame({
        "purity": made["purity"], "copies": made["met_copies"], "Mb": size, "found": found,
        "within_two": (off.max(axis=1) <= 2.5 * WINDOW_BP).where(found),  # a true end lies anywhere within its window
        "error": made["met_copies_found"] - made["met_copies"],
    })  # fmt: skip
    for name, value in (("met", "met_copies"), ("amplicon", "amplicon_copies")):
        low, high = (made[f"{value}_{bound}_found"] for bound in ("low", "high"))
        table[f"{name}_covered"] = ((low <= made["met_copies"]) & (made["met_copies"] <= high)).where(low.notna())
    amplified = table[size.notna()]
    columns = {"n": ("found", "size"), "found": ("found", "mean"), "within_two": ("within_two", "mean"),
               "covered": ("met_covered", "mean"), "amplicon_covered": ("amplicon_covered", "mean"),
               "rms_error": ("error", lambda values: np.sqrt(np.mean(values**2)))}  # fmt: skip
    options.show("amplicons of MET in the cohorts", amplified.groupby(["purity", "copies", "Mb"]).agg(**columns))
    options.show("the same by purity", amplified.groupby("purity").agg(**columns))
    quiet = made["profile"].str.startswith("neutral")
    print(f"\nneutral samples in which one was found: {int(found[quiet].sum())} of {int(quiet.sum())}")
    columns = {"n": ("found", "size"), **{name: (name, "mean") for name in ("found", "within_two", "in_interval")}}
    options.show("other arms", added.groupby("added", sort=False).agg(**columns))
    nothing = added.loc[added["added"] == "nothing", "p_value"]
    shares = {bound: (nothing <= bound).mean() for bound in (0.001, 0.002, 0.005, 0.01, 0.05, 0.1)}
    options.show("share of arms without anything whose p-value is at most", pd.Series(shares), digits=4)


if __name__ == "__main__":
    main()
