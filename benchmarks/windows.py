"""Normals left out of random panels of other normals: how often the intervals of MET and its surroundings hold.

Every normal has two copies of everything. A table per quantity and size of the panel says how often the 95 % intervals
hold that, and how wide they would have to be. Everything is that of the posterior at purity 1, ploidy 2: copies over
two are depth ratios.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cohorts
import draws
import numpy as np
import options
import pandas as pd
from cohorts import Cohort
from draws import PanelDraw

from metcn.copies.posterior import posterior
from metcn.copies.records import levels
from metcn.purity.grid import PurityGrid
from metcn.run.samples import Sample
from metcn.stats import robust
from metcn.stats.estimate import Estimate

POSTERIOR = {
    "copies": ("MET", 2.0),
    "cep7": ("CEP7", 2.0),
    "cep7_p": ("CEP7 p", 2.0),
    "cep7_q": ("CEP7 q", 2.0),
    "arm_q": ("7q", 2.0),
    "arm_p": ("7p", 2.0),
    "met_cep7": ("MET/CEP7", 1.0),
}  # quantity of the draws: how it is called here, and its value in a normal
PAIRS = (("MET", "CEP7"), ("MET", "7q"), ("MET", "7p"), ("CEP7", "7q"), ("CEP7", "7p"))
DRAWS = 4096


def main() -> None:
    """Print the table of intervals and that of correlations."""
    parser = options.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[3, 5, 10, 15, 24], metavar="N",
                        help="normals of a panel (default: 3 5 10 15 24)")  # fmt: skip
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="seeds (default: 1)")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="times of --out per seed (default: 5)")
    parser.add_argument("--out", type=int, default=5, metavar="N", help="normals measured each time (default: 5)")
    parser.add_argument("--table", type=Path, metavar="TSV", help="also write every value with its interval")
    parser.set_defaults(workers=1)
    args = parser.parse_args()
    with options.workplace(args.work) as folder:
        cohort = draws.counted(folder, args.shared / "data" / "panel_hg19" / "normals", workers=args.workers)
        drawn = draws.panel_draws(list(cohort.samples), args.sizes, args.seeds, repeats=args.repeats, left_out=args.out)
        parts = cohorts.each(partial(left_out, cohort), drawn, args.workers, "panels")
    values = pd.concat(parts, ignore_index=True)
    if args.table:
        values.to_csv(args.table, sep="\t", index=False)
    show(values)


def left_out(cohort: Cohort, draw: PanelDraw) -> pd.DataFrame:
    """Values and intervals, log2 over the truth, of each normal left out: a row per normal and quantity."""
    panel = draws.make_panel(cohort, draw)
    cohort = cohort.joined(Sample(draw.name(normal), patient=normal) for normal in draw.left_out)
    rows = []
    for normal in draw.left_out:
        measured = draws.measurement(cohort, draw.name(normal), panel, counts=normal)
        cohort.at("ratios", draw.name(normal)).unlink()
        told = {"size": draw.size, "used": measured["reference"]["normals"], "draw": draw.number, "normal": normal}
        rows += [
            {**told, "quantity": quantity, "log2": found.value, "low": found.low, "high": found.high}
            for quantity, found in estimates(measured)
        ]
    panel.unlink()
    return pd.DataFrame(rows)


def estimates(measured: Mapping[str, Any]) -> Iterator[tuple[str, Estimate]]:
    """Each quantity with its 95 % interval, log2 over what a normal has."""
    drawn = posterior(levels(measured), PurityGrid.point(1.0, 2.0), draw_count=DRAWS)
    for quantity, (name, truth) in POSTERIOR.items():
        found = drawn.interval(quantity)
        with np.errstate(divide="ignore"):
            yield name, Estimate(*(float(np.log2(value / truth)) for value in (found.value, found.low, found.high)))


def show(values: pd.DataFrame) -> None:
    """Print what the intervals hold, and how the errors of the levels go together."""
    quantities = list(dict.fromkeys(values["quantity"]))
    table = {
        (quantity, size): of_intervals(values[(values["quantity"] == quantity) & (values["size"] == size)])
        for quantity in quantities
        for size in sorted(set(values["size"]))
    }
    options.show(
        "95 % intervals of left-out normals, log2, by quantity and normals of the panel",
        pd.DataFrame.from_dict(table, orient="index"),
    )
    wide = values.pivot(index=["size", "draw", "normal"], columns="quantity", values="log2")
    for method, title in (
        ("pearson", "correlation"),
        ("spearman", "rank correlation (one far normal moves it less)"),
    ):
        together = {
            size: {f"{one} and {other}": part[one].corr(part[other], method=method) for one, other in PAIRS}
            for size, part in wide.groupby("size")
        }
        options.show(f"{title} of errors, by normals of the panel", pd.DataFrame(together).T)
    show_normals(values)


def show_normals(values: pd.DataFrame) -> None:
    """Print, for each normal, the median error over all panels and how often its intervals miss the truth."""
    missed = (values["low"] > 0) | (values["high"] < 0)
    each = (
        values.assign(missed=missed)
        .groupby(["normal", "quantity"])
        .agg(log2=("log2", "median"), missed=("missed", "sum"))
    )
    table = each.unstack("quantity")[
        [(what, name) for name in ("MET", "CEP7", "MET/CEP7") for what in ("log2", "missed")]
    ]
    table.columns = [f"{name} {what}" for what, name in table.columns]
    table.insert(0, "panels", values[values["quantity"] == "MET"].groupby("normal").size())
    far = table.sort_values("MET log2", key=abs, ascending=False)
    options.show("each normal over all panels: median error, and intervals that miss the truth", far)


def of_intervals(part: pd.DataFrame) -> dict[str, float]:
    """How often intervals hold the truth, errors over what they say (z), widths, and the width that would do."""
    known = part.dropna(subset=["log2", "low", "high"])
    width = known["high"] - known["low"]
    z = known["log2"] / (width / 2 / 1.96)
    needed = 2 * float(np.percentile(known["log2"].abs(), 95)) if len(known) else float("nan")
    return {
        "n": len(known),
        "inside": ((known["low"] <= 0) & (known["high"] >= 0)).mean(),
        "z SD": z.std(ddof=0),
        "z robust SD": robust.spread(z.to_numpy()),
        "z median": z.median(),
        "error SD": known["log2"].std(ddof=0),
        "robust": robust.spread(known["log2"].to_numpy()),
        "width": width.median(),
        "needed": needed,
        "width/needed": width.median() / needed,
    }


if __name__ == "__main__":
    main()
