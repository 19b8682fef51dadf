"""A genome called from a part of its bytes: what is read, what it costs, and what it costs in precision.

    python benchmarks/bench_guided.py [--depth 0.7] [--window-bp 10000] [--contigs chr7 chr21] [--seed 1] [--folder DIR]

A BAM of every chromosome is built (1 GB at depth 0.7) with MET at three times the depth of the rest. It is counted
whole and guided, and both go through ``metcn ratios``. Counts in the bins that were read must be equal; the two ratios
must agree within twice the error that the guided one states. At that depth a window holds 40 kB, and what is read
beyond its ends weighs much; the share at depth 30 is nearly that of the bases, which a few ``--contigs`` show.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "benchmarks")]

import make_bam  # noqa: E402
from bench_counts import Cost, apart, run  # noqa: E402

from metcn.genome import build as genomes  # noqa: E402

WAYS = ("whole", "guided")


class Outcome(NamedTuple):
    """What one way of reading gave."""

    cost: Cost
    summary: dict[str, Any]
    measured: dict[str, Any]
    counts: pd.DataFrame
    bins: pd.DataFrame


def command(stage: str, **options: Any) -> list[str]:
    """Command of a stage."""
    named = {f"--{name.replace('_', '-')}": str(value) for name, value in options.items()}
    return [sys.executable, "-m", "metcn", stage, *(word for pair in named.items() for word in pair)]


def table(path: Path) -> pd.DataFrame:
    """One of our own tables."""
    return pd.read_csv(path, sep="\t", dtype={"chromosome": str, "mask": str}, keep_default_na=True)


def read(way: str, bam: Path, folder: Path, window_bp: int, repeats: int, contigs: Sequence[str]) -> Outcome:
    """Bins (of some contigs), counts and ratios one way."""
    bins, counts, summary = (folder / f"{way}.{kind}" for kind in ("bins.tsv", "cnn", "json"))
    ratios, measured = folder / f"{way}.cnr", folder / f"{way}.ratios.json"
    run(command("bins", assay="wgs", genome="GRCh38", window_bp=window_bp, reading=way, output=bins))
    if contigs:
        made = table(bins)
        kept = made["chromosome"].map(genomes.bare).isin([genomes.bare(name) for name in contigs])
        made[kept].to_csv(bins, sep="\t", index=False)
    words = command("counts", sample="s", genome="GRCh38", bins=bins, alignment=bam, output=counts, summary=summary)
    costs = [run(words) for _ in range(repeats + 1)][1:]  # the first run fills the caches of files and compiled code
    run(command("ratios", sample="s", genome="GRCh38", assay="wgs", counts=counts, counts_summary=summary, bins=bins,
                output=ratios, summary=measured))  # fmt: skip
    middle = Cost(*(statistics.median(side) for side in zip(*costs, strict=True)))
    return Outcome(
        middle, json.loads(summary.read_text()), json.loads(measured.read_text()), table(counts), table(bins)
    )


def main() -> None:
    """Build or take the BAM, read it both ways, compare."""
    parser = argparse.ArgumentParser(description="Reading a part of a genome against reading all of it.")
    parser.add_argument("bam", nargs="?", type=Path, help="indexed BAM of a genome, GRCh38 (default: one is built)")
    parser.add_argument("--depth", type=float, default=0.7, help="depth of the BAM that is built (default: 0.7)")
    parser.add_argument("--window-bp", type=int, default=10_000, help="width of bins (default: 10000)")
    parser.add_argument("--contigs", nargs="+", default=[], metavar="NAME", help="read these alone, chr7 among them")
    parser.add_argument("--seed", type=int, default=1, help="seed of the BAM that is built (default: 1)")
    parser.add_argument("--repeats", type=int, default=1, help="timed runs of each way (default: 1)")
    parser.add_argument("--folder", type=Path, help="folder to work in and to keep (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bam = options.bam or folder / "genome.bam"
        if not bam.exists():
            print(f"building {bam} at depth {options.depth:g}", flush=True)
            apart(make_bam.write_genome, bam, depth=options.depth, only=options.contigs, seed=options.seed)
        asked = options.window_bp, options.repeats, options.contigs
        compare({way: read(way, bam, folder, *asked) for way in WAYS}, bam)


def compare(found: dict[str, Outcome], bam: Path) -> None:
    """Print both ways side by side; leave with an error if counts differ or ratios are further apart than stated."""
    print(f"{bam}: {bam.stat().st_size / 1e6:,.0f} MB, {found['whole'].summary['tallies']['records']:,} records")
    rows = {}
    for way, outcome in found.items():
        met, base, bins = outcome.measured["met"], outcome.measured["baseline"], outcome.bins
        kept = bins["mask"].isna()
        width = (bins["end"] - bins["start"]).to_numpy()
        rows[way] = {
            "share of bytes read": outcome.summary["reading"]["share"],
            "share of bases in bins": width[bins["mask"] != "not_read"].sum() / width.sum(),
            "usable bins": int(kept.sum()),
            "CPU s": outcome.cost.cpu_s,
            "wall s": outcome.cost.wall_s,
            "peak MiB": outcome.cost.peak_mib,
            "MET ratio": met["ratio"],
            "se of log2 MET ratio": met["se"],
            "se of log2 baseline": base["se"],
        }
    print(pd.DataFrame(rows).to_string(float_format=lambda value: f"{value:.4g}"))
    both = (
        found["guided"]
        .counts.dropna(subset="count")
        .merge(found["whole"].counts, on=["chromosome", "start", "end"], suffixes=("", "_whole"))
    )
    if not len(both) or not np.array_equal(both["count"], both["count_whole"]):
        sys.exit("counts of the bins that were read differ from those of the whole file")
    whole, guided = (found[way].measured["met"] for way in WAYS)
    apart = abs(whole["log2"] - guided["log2"])
    print(f"counts of {len(both):,} bins are equal; log2 MET ratios are {apart:.4f} apart")
    if apart > 2 * guided["se"]:
        sys.exit("that is more than two errors of the guided one")


if __name__ == "__main__":
    main()
