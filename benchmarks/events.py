"""Tumours with designed events on chromosome 7, made of real normals: are their calls right.

Per seed five of the shared normals carry the tumours and the other twenty are the panel. A design says which calls are
right and which must not be given.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import cohorts
import numpy as np
import options
import pandas as pd
from cohorts import Cohort

from metcn.run.samples import Sample
from metcn.vocabulary import CALLS

DONORS = 5  # normals that carry tumours


def main() -> int:
    """Print right, forbidden and other calls; 1 where they miss a bound that was given."""
    parser = options.parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], metavar="N", help="(default: 1 2 3)")
    parser.add_argument("--each", type=int, default=4, metavar="N",
                        help=f"tumours per design and purity, at most {DONORS} (default: 4)")  # fmt: skip
    parser.add_argument("--only", default="", metavar="DESIGN,...", help="designs (default: all)")
    parser.add_argument("--unknown-ploidy", action="store_true", help="withhold the ploidy from the pipeline")
    parser.add_argument("--min-right", type=float, metavar="SHARE", help="least share of right calls over all designs")
    parser.add_argument("--min-design", type=float, metavar="SHARE", help="least share of right calls of each design")
    parser.set_defaults(workers=1)
    args = parser.parse_args()
    with options.workplace(args.work) as folder:
        called = pd.concat([one(args, seed, folder / f"seed_{seed}") for seed in args.seeds], ignore_index=True)
    table = summary(called)
    options.show(f"calls, seeds {' '.join(map(str, args.seeds))}", table)
    show_wrong(called)
    return status(table, args.min_right, args.min_design)


def one(args: argparse.Namespace, seed: int, folder: Path) -> pd.DataFrame:
    """Truth and call of each tumour of a seed."""
    pairs = cohorts.cnvkit_pairs(args.shared / "data" / "panel_hg19" / "normals")
    chosen = sorted(np.random.default_rng(seed).choice(sorted(pairs), DONORS, replace=False))
    donors, made = folder / "donors", folder / "tumours"
    donors.mkdir(parents=True, exist_ok=True)
    for path in (path for name in chosen for path in pairs[name]):
        if not (donors / path.name).exists():
            (donors / path.name).symlink_to(path)
    tool = [sys.executable, args.shared / "tools" / "make_events.py", f"--normals={donors}", f"--out={made}"]
    asked = [f"--seed={seed}", f"--donors={args.each}", f"--only={args.only}"]
    subprocess.run([*tool, *asked], check=True, stdout=sys.stderr)
    truth = pd.read_csv(made / "truth.tsv", sep="\t", keep_default_na=False).set_index("sample", drop=False)
    ploidy = truth["ploidy"].map(lambda value: "" if args.unknown_ploidy else str(value))
    tumours = [
        Sample(name, coverage=paths, patient=name, purity=f"{truth.at[name, 'purity']}!", ploidy=ploidy[name])
        for name, paths in cohorts.cnvkit_pairs(made).items()
    ]
    normals = [Sample(name, "normal", coverage=pairs[name], patient=name) for name in pairs if name not in chosen]
    fast = {"segments": {"method": "none"}, "copies": {"genes": "EGFR"}}
    cohort = Cohort.of(folder, [*tumours, *normals], workers=args.workers, **fast)
    names = [tumour.name for tumour in tumours]
    cohort.measure(names)
    called = cohort.call(names).drop(columns=["sample", "purity", "ploidy"])
    told = truth.rename(columns={"met_copies": "met_copies_true", "cep7_copies": "cep7_copies_true"})
    return told.join(called, validate="1:1").assign(seed=seed)


def summary(called: pd.DataFrame) -> pd.DataFrame:
    """Tumours, share of right calls, forbidden and undecided ones, and the number of each call: per design, and all."""
    told = called.assign(
        right=[call in want.split("|") for call, want in zip(called["call"], called["want"], strict=True)],
        forbidden=[call in forbid.split("|") for call, forbid in zip(called["call"], called["forbid"], strict=True)],
    )
    rows = {str(design): _counts(part) for design, part in told.groupby("design", sort=False)}
    return pd.DataFrame.from_dict({**rows, "all": _counts(told)}, orient="index")


def _counts(part: pd.DataFrame) -> dict[str, float]:
    """A row of the summary."""
    calls = {call: int((part["call"] == call).sum()) for call in CALLS}
    return {"n": len(part), "right": part["right"].mean(), "forbidden": int(part["forbidden"].sum()), **calls}


def show_wrong(called: pd.DataFrame) -> None:
    """Print a line for each tumour whose call is not a right one."""
    wrong = called[[call not in want.split("|") for call, want in zip(called["call"], called["want"], strict=True)]]
    spans = {
        name: [f"{row[name]:.2f} ({row[name + '_low']:.2f}-{row[name + '_high']:.2f})" for _, row in wrong.iterrows()]
        for name in ("met_copies", "met_cep7")
    }
    columns = ["seed", "sample", "design", "normal", "purity", "call", "reasons", "focality"]
    options.show("not right", wrong[columns].assign(**spans), index=False)


def status(table: pd.DataFrame, least_right: float | None, least_design: float | None) -> int:
    """0 if no call is forbidden and enough are right, else 1, with a line that says what is not so."""
    designs = table.drop(index="all")
    missed = [f"{name}: {row['forbidden']:.0f} forbidden" for name, row in designs.iterrows() if row["forbidden"]]
    if least_right is not None and table.at["all", "right"] < least_right:
        missed.append(f"right: {table.at['all', 'right']:.3f} < {least_right}")
    if least_design is not None:
        few = designs[designs["right"] < least_design]
        missed += [f"{name}: right {row['right']:.3f} < {least_design}" for name, row in few.iterrows()]
    for line in missed:
        print(f"missed: {line}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
