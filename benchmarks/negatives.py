"""Calls of tumours made of normals that were left out of random panels: wrong negatives, wrong positives, undecided.

A left-out normal is a diploid tumour of any purity as it is. Amplified ones have more copies of 4.5 Mb around MET put
on its depths. A pair of one donor, first without the amplification and later with it, has to be called acquired. Purity
and ploidy are given.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

from metcn.files import read_json
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.mixture import NORMAL_COPIES, expected_ratio
from metcn.run.samples import Sample
from metcn.vocabulary import CALLS

AMPLIFIED = (114_000_000, 118_500_000)  # on chromosome 7, GRCh37
FIRST, LATER = (0.1, 2.0), (0.3, 8.0)  # purity and MET copies of the pair
MISSED = ("not_amplified", "gain")
GENOME = genomes.load("GRCh37")


@dataclass(frozen=True)
class Event:
    """A tumour to make: its purity, and copies of the region around MET; two are none."""

    purity: float
    copies: float

    @property
    def ploidy(self) -> float:
        """Mean copies over the autosomes."""
        total = sum(GENOME.contigs[name] for name in genomes.AUTOSOMES)
        return NORMAL_COPIES + (self.copies - NORMAL_COPIES) * (AMPLIFIED[1] - AMPLIFIED[0]) / total

    def name(self, base: str) -> str:
        """Name of the tumour made of a normal."""
        return f"{base}.{self.copies:g}.{self.purity:g}"

    def depths(self, counts: pd.DataFrame) -> pd.DataFrame:
        """The counts of a normal with the event put on them."""
        middle = (counts["start"] + counts["end"]) // 2
        inside = (genomes.bare_names(counts["chromosome"]) == "7") & middle.between(*AMPLIFIED)
        copies = np.where(inside, self.copies, NORMAL_COPIES)
        autosomal = np.isin(genomes.bare_names(counts["chromosome"]), genomes.AUTOSOMES)
        ratio = np.where(autosomal, expected_ratio(copies, self.purity, self.ploidy), 1.0)
        return counts.assign(depth=counts["depth"] * ratio, log2=counts["log2"] + np.log2(ratio))


def main() -> None:
    """Print how often each call is given, per size of the panel, copies and purity, and the courses of the pairs."""
    parser = options.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[3, 5, 10, 24], metavar="N",
                        help="normals of a panel (default: 3 5 10 24)")  # fmt: skip
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="seeds (default: 1)")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="times of --out per seed (default: 1)")
    parser.add_argument("--out", type=int, default=5, metavar="N", help="normals measured each time (default: 5)")
    parser.add_argument("--purities", type=float, nargs="+", default=[0.1, 0.2, 0.4, 0.7], metavar="P")
    parser.add_argument("--copies", type=float, nargs="+", default=[2, 5.5, 6, 8, 10], metavar="C",
                        help="copies of MET (default: 2 5.5 6 8 10)")  # fmt: skip
    parser.add_argument("--no-pairs", action="store_true", help="no pairs of baseline and progression")
    parser.add_argument("--table", type=Path, metavar="TSV", help="also write every call with its copies")
    parser.set_defaults(workers=1)
    args = parser.parse_args()
    with options.workplace(args.work) as folder:
        normals = args.shared / "data" / "panel_hg19" / "normals"
        cohort = draws.counted(folder, normals, workers=args.workers, copies={"genes": "EGFR"})
        drawn = draws.panel_draws(list(cohort.samples), args.sizes, args.seeds, repeats=args.repeats, left_out=args.out)
        events = [Event(purity, copies) for copies in args.copies for purity in args.purities]
        work = partial(of_panel, cohort, events=events, pairs=not args.no_pairs)
        called = pd.concat(cohorts.each(work, drawn, args.workers, "panels"), ignore_index=True)
    if args.table:
        called.to_csv(args.table, sep="\t", index=False)
    show(called, args)


def of_panel(cohort: Cohort, draw: PanelDraw, *, events: Sequence[Event], pairs: bool) -> pd.DataFrame:
    """Calls of every event put on every normal left out of a panel; the row of a pair's later sample has its course."""
    panel = draws.make_panel(cohort, draw)
    rows = [
        {"size": draw.size, "draw": draw.number, "normal": normal, **row}
        for normal in draw.left_out
        for row in of_normal(cohort, draw.name(normal), normal, panel, events, pairs=pairs)
    ]
    panel.unlink()
    return pd.DataFrame(rows)


def of_normal(
    cohort: Cohort, base: str, normal: str, panel: Path, events: Sequence[Event], *, pairs: bool
) -> Iterator[dict[str, Any]]:
    """Rows of the events put on a normal."""
    first, later = Event(*FIRST), Event(*LATER)
    wanted = dict.fromkeys([*events, *([first, later] if pairs else [])])
    cohort = cohort.joined(
        Sample(event.name(base), patient=normal, purity=f"{event.purity}!", ploidy=f"{event.ploidy:.4f}")
        for event in wanted
    )
    cohort = cohort.joined([Sample(base, patient=normal)])
    depths = tables.read_counts(cohort.at("counts", normal))
    draws.measurement(cohort, base, panel, counts=normal)
    for event in wanted:
        found = called(cohort, event, base, normal, panel, depths)
        row = {"purity": event.purity, "met": event.copies, "asked": event in events}
        estimates = {
            f"{name}_{end}": found["copies"][name][end]
            for name in ("met_copies", "cep7_copies", "met_cep7")
            for end in ("value", "low", "high")
        }
        yield {**row, "call": found["call"], "reasons": ";".join(found["reasons"]), **estimates}
    cohort.at("ratios", base).unlink()
    if pairs:
        told = {"baseline": cohort.at("calls", first.name(base)), "progression": cohort.at("calls", later.name(base))}
        cohort.run("compare", later.name(base), **told)
        yield {"course": read_json(cohort.at("compare", later.name(base)))["course"], "asked": False}


def called(cohort: Cohort, event: Event, base: str, normal: str, panel: Path, depths: pd.DataFrame) -> dict[str, Any]:
    """Call of an event put on a normal, whose measurement as it is has the name ``base``."""
    name = event.name(base)
    facts = {"patient": normal, "timepoint": "baseline" if event.copies == NORMAL_COPIES else "progression"}
    if event.copies == NORMAL_COPIES:
        return cohort.call_one(name, measured_as=base, counted_as=normal, **facts)
    counts = cohort.at("counts", name)
    tables.write_counts(counts, event.depths(depths))
    cohort.at("counts", name, "summary").write_bytes(cohort.at("counts", normal, "summary").read_bytes())
    draws.measurement(cohort, name, panel, counts=name)
    found = cohort.call_one(name, **facts)
    for path in (counts, cohort.at("ratios", name)):
        path.unlink()
    return found


def show(called: pd.DataFrame, args: argparse.Namespace) -> None:
    """Print the rates."""
    asked = called[called["asked"]]
    diploid = asked[asked["met"] == NORMAL_COPIES]
    amplified = asked[asked["met"] > NORMAL_COPIES]
    for title, part, by in (
        ("diploid tumours, share of each call, by normals of the panel and purity", diploid, ["size", "purity"]),
        ("amplified tumours, the same, by copies too", amplified, ["size", "met", "purity"]),
        ("amplified tumours, by normals of the panel", amplified, ["size"]),
    ):
        if len(part):
            options.show(
                title, pd.DataFrame.from_dict({key: rates(rows) for key, rows in part.groupby(by)}, orient="index")
            )
    if not args.no_pairs:
        pairs = called.dropna(subset=["course"])
        courses = pd.crosstab(pairs["size"], pairs["course"]).assign(pairs=pairs.groupby("size").size())
        courses["acquired share"] = (pairs["course"] == "acquired").groupby(pairs["size"]).mean()
        (purity, copies), (purity_later, copies_later) = FIRST, LATER
        title = f"{copies:g} copies at purity {purity} before {copies_later:g} at {purity_later}: course"
        options.show(title, courses)


def rates(part: pd.DataFrame) -> dict[str, float]:
    """Tumours, the share that is called as if nothing were amplified, and the share of each call."""
    shares = {call: (part["call"] == call).mean() for call in CALLS}
    return {"n": len(part), "missed": part["call"].isin(MISSED).mean(), **shares}


if __name__ == "__main__":
    main()
