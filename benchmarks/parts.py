"""Parts of MET that differ, put into left-out normals: how often they are told, and how far the whole gene moves.

Depths of some bins of a real normal are multiplied by what copies in the tumour would make of them. Without a part
anything told is false.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import cohorts
import draws
import numpy as np
import options
import pandas as pd
from cohorts import Cohort
from draws import PanelDraw

from metcn.bins.layout import BinLayout, layout_of
from metcn.counts import depth_file, summary_file
from metcn.counts.depth_file import SampleDepth
from metcn.genome import build as genomes
from metcn.mixture import expected_ratio
from metcn.ratios import exons
from metcn.ratios.measured import measured
from metcn.ratios.measurement import MetLevel
from metcn.reference import panel_file
from metcn.reference.panel import Panel
from metcn.run import config
from metcn.run.settings import RatiosSettings
from metcn.stats import fragments

PURITY = 0.5
PARTS = {"exon 14 lost": (14, 14, 0.0), "exons 2-13 at 8": (2, 13, 8.0), "exons 14-21 at 8": (14, 21, 8.0)}
DROPPED = 0.25  # fold of a dropped target


def main() -> None:
    """Print what was told of each part, and of none."""
    parser = options.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5, 24], metavar="N", help="normals of a panel")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="times of --out (default: 5)")
    parser.add_argument("--out", type=int, default=5, metavar="N", help="normals measured each time (default: 5)")
    parser.add_argument("--table", type=Path, metavar="TSV", help="also write every value")
    parser.set_defaults(workers=1)
    args = parser.parse_args()
    with options.workplace(args.work) as folder:
        cohort = draws.counted(folder, args.shared / "data" / "panel_hg19" / "normals", workers=args.workers)
        drawn = draws.panel_draws(list(cohort.samples), args.sizes, [1], repeats=args.repeats, left_out=args.out)
        tables = cohorts.each(partial(left_out, cohort), drawn, args.workers, "panels")
    values = pd.concat(tables, ignore_index=True)
    if args.table:
        values.to_csv(args.table, sep="\t", index=False)
    groups = values.groupby(["part", "size"], sort=False)
    options.show("parts put into left-out normals", groups.agg(
        n=("told", "size"), told=("told", "mean"), right=("right", "mean"), deviate=("deviate", "mean"),
        moved=("moved", "median"), farthest=("moved", lambda moved: moved.abs().max()), se=("se", "median"),
        difference=("difference", "median"), p_value=("p_value", "median"),
    ))  # fmt: skip


def folds(layout: BinLayout, genome: genomes.Genome) -> Iterator[tuple[str, np.ndarray]]:
    """Name and fold of every bin of each part, with that of none first."""
    met = np.flatnonzero(layout.met)
    slot = exons.slots(layout.start[met], layout.end[met], [tuple(one) for one in genome.met_exons.tolist()])
    yield "none", np.ones(len(layout))
    for name, (first, last, copies) in PARTS.items():
        fold = np.ones(len(layout))
        fold[met[(slot >= 2 * first) & (slot <= 2 * last)]] = expected_ratio(copies, PURITY, 2.0)
        yield name, fold
    fold = np.ones(len(layout))
    fold[met[slot == 2 * 8]] = DROPPED
    yield "a target dropped", fold


def left_out(cohort: Cohort, draw: PanelDraw) -> pd.DataFrame:
    """What is told of each left-out normal with each part."""
    path = draws.make_panel(cohort, draw)
    stored = panel_file.read(path)
    layout, genome = layout_of(stored.frame), genomes.load("GRCh37")
    rows: list[Mapping[str, object]] = []
    for normal in draw.left_out:
        summary = summary_file.read(cohort.at("counts", normal, "summary"))
        own = depth_file.read(cohort.at("counts", normal), stored.frame, summary)
        whole = float("nan")
        for part, fold in folds(layout, genome):
            met = level(own, fold, layout, stored.panel, genome)
            whole = met.log2 if part == "none" else whole
            first, last, _ = PARTS.get(part, (8, 8, 0))
            ends = {(first, last), (15, 21), (1, 13)} if first == 14 and last == 21 else {(first, last)}
            rows.append({
                "size": draw.size, "normal": normal, "part": part, "told": met.part is not None,
                "right": met.part is not None and (met.part.first_exon, met.part.last_exon) in ends,
                "ends": met.part and f"{met.part.first_exon}-{met.part.last_exon}",
                "moved": met.log2 - whole, "se": met.se, "log2": met.log2, "deviate": met.scatter > 2.5,
                "difference": met.part.log2_difference if met.part else np.nan,
                "p_value": met.part.p_value if met.part else np.nan,
            })  # fmt: skip
    path.unlink()
    return pd.DataFrame(rows)


def level(own: SampleDepth, fold: np.ndarray, layout: BinLayout, panel: Panel, genome: genomes.Genome) -> MetLevel:
    """MET's level of a sample whose depths are multiplied."""
    counts = fragments.Counts(own.counts.number * fold, own.counts.per_depth)
    settings = RatiosSettings(**config.defaults("ratios"))
    return measured(own.log2 + np.log2(fold), counts, layout, panel, genome, settings).levels.met


if __name__ == "__main__":
    main()
