"""Shallow genomes down to a thousandth of a fold: whether intervals hold the truth, and flat genomes stay unknown.

Counts of 50 kb windows are drawn around the depth times the window's own efficiency, with a scatter beyond chance that
is the sample's own. Half of the tumours have a MET amplicon of 3 Mb, the others none; purity and ploidy are given. Flat
genomes of which nothing is given count how often a tumour fraction is fitted all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cohorts
import numpy as np
import options
import pandas as pd

from metcn.files import read_json, write_json
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.mixture import expected_ratio
from metcn.run import config
from metcn.run.runner import call_stage

FACTS = genomes.load("GRCh37")
DEPTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
BASES_EACH = 150  # of a fragment
PURITY, COPIES, SIZE_BP = 0.5, 8.0, 3_000_000
EFFICIENCY_SD = 0.06  # of windows, which normals show and nothing else does
SCATTER_SD = 0.03  # of a sample's windows beyond chance
QUANTITIES = ("met_ratio", "met_copies", "cep7_copies", "met_cep7")


@dataclass(frozen=True)
class Genome:
    """One simulated genome: its place in the design of the benchmark."""

    depth: float
    normals: int
    number: int
    given: bool  # whether purity and ploidy are told
    seed: int

    @property
    def name(self) -> str:
        """Unique name."""
        return f"d{self.depth:g}_n{self.normals}_{'known' if self.given else 'flat'}_{self.number}"

    @property
    def copies(self) -> float:
        """True copies of MET."""
        return COPIES if self.given and self.number % 2 else 2.0


def main() -> None:
    """Print how many intervals hold the truth and how wide they are, by depth, and what flat genomes are fitted."""
    parser = options.parser(__doc__, needs_shared=False)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed (default: 1)")
    parser.add_argument("--each", type=int, default=20, metavar="N", help="genomes per depth (default: 20)")
    parser.add_argument("--flat", type=int, default=10, metavar="N", help="flat genomes per depth (default: 10)")
    parser.add_argument("--depths", type=float, nargs="+", default=list(DEPTHS), metavar="X", help="folds")
    parser.add_argument("--normals", type=int, nargs="+", default=[0, 5], metavar="N", help="normals (default: 0 5)")
    parser.add_argument("--chromosomes", nargs="+", default=[*genomes.AUTOSOMES, "X"], metavar="NAME",
                        help="chromosomes of the genome, 7 among them (default: all)")  # fmt: skip
    args = parser.parse_args()
    design = [
        Genome(depth, normals, number, given, args.seed)
        for depth in args.depths
        for normals in args.normals
        for given, count in ((True, args.each), (False, args.flat))
        for number in range(count)
    ]
    with options.workplace(args.work) as folder:
        bins = folder / "bins.tsv"
        run("bins", output=bins)
        frame = tables.read_bins(bins)
        kept = frame["chromosome"].map(genomes.bare).isin(args.chromosomes)
        tables.write_bins(bins, frame[kept].reset_index(drop=True))
        rows = cohorts.each(partial(called, folder, bins), design, args.workers, "genomes")
    show(pd.DataFrame(rows))


def run(stage: str, settings: Mapping[str, Any] | None = None, **arguments: Any) -> None:
    """Run a stage with the schema's defaults, except for ``settings``."""
    facts = {"genome": "GRCh37", "assay": "swgs"}
    call_stage(stage, {**facts, **arguments}, config.defaults(stage) | dict(settings or {}))


def called(folder: Path, bins: Path, genome: Genome) -> dict[str, Any]:
    """What is found of one genome, with the truth."""
    own = folder / genome.name
    own.mkdir()
    frame = tables.read_bins(bins)
    random = np.random.default_rng([genome.seed, int(genome.depth * 1e4), genome.normals, genome.given, genome.number])
    efficiency = random.lognormal(-(EFFICIENCY_SD**2) / 2, EFFICIENCY_SD, len(frame))
    copies = copies_of(frame, genome.copies)
    autosomal = frame["chromosome"].map(genomes.bare).isin(genomes.AUTOSOMES).to_numpy()
    ploidy = float(copies[autosomal].mean())
    reference = None
    if genome.normals:
        paths = [own / f"N{number}.cnn" for number in range(genome.normals)]
        for path in paths:
            write(path, frame, efficiency, genome.depth, random)
        reference = own / "reference.h5"
        run("reference", bins=bins, counts=paths, output=reference)
    write(own / "counts.cnn", frame, efficiency * expected_ratio(copies, PURITY, ploidy), genome.depth, random)
    given = {"purity": f"{PURITY}!", "ploidy": f"{ploidy:.3f}"} if genome.given else {"purity": "", "ploidy": ""}
    record = stages(own, genome, bins, reference, given)
    truth = {
        "met_ratio": expected_ratio(genome.copies, PURITY, ploidy), "met_copies": genome.copies, "cep7_copies": 2.0,
        "met_cep7": genome.copies / 2,
    }  # fmt: skip
    return row_of(genome, record, truth)


def stages(own: Path, genome: Genome, bins: Path, reference: Path | None, given: Mapping[str, str]) -> dict[str, Any]:
    """The calls JSON of a counted genome."""
    at = {name: own / f"{name}.json" for name in ("measurement", "purity", "copies", "calls", "counted")}
    write_json(at["counted"], {"unit": "fragments", "reasons": []})
    name, ratios, segments, draws = genome.name, own / "s.cnr", own / "s.cns", own / "draws.npz"
    told = {"counts": own / "counts.cnn", "counts_summary": at["counted"]}
    run("ratios", sample=name, bins=bins, reference=reference, **told, output=ratios, summary=at["measurement"])
    method = {"method": "none"} if genome.given else {}
    run("segments", method, sample=name, ratios=ratios, output=segments, seg=own / "s.seg")
    run("purity", sample=name, specimen="plasma", **given, segments=segments, output=at["purity"])
    measured = {"measurement": at["measurement"], "purity": at["purity"]}
    run("copies", sample=name, **measured, ratios=ratios, output=at["copies"], draws=draws)
    run("calls", sample=name, specimen="plasma", **measured, counts_summary=at["counted"], copies=at["copies"],
        draws=draws, output=at["calls"])  # fmt: skip
    record: dict[str, Any] = read_json(at["calls"])
    return record


def copies_of(frame: pd.DataFrame, met: float) -> np.ndarray:
    """Copies of each window: two, but for those in an amplicon around MET."""
    middle = ((frame["start"] + frame["end"]) / 2).to_numpy()
    centre = sum(FACTS.met) / 2
    seven = (frame["chromosome"].map(genomes.bare) == genomes.MET_CHROMOSOME).to_numpy()
    return np.where(seven & (np.abs(middle - centre) < SIZE_BP / 2), met, 2.0)


def write(path: Path, frame: pd.DataFrame, ratio: np.ndarray, depth: float, random: np.random.Generator) -> None:
    """Write drawn counts; windows that the bins mask are empty, as sequence that nothing aligns to is."""
    width = (frame["end"] - frame["start"]).to_numpy()
    mean = depth * width / BASES_EACH * ratio * random.gamma(SCATTER_SD**-2, SCATTER_SD**2, len(frame))
    count = random.poisson(np.where(frame["mask"] == "", mean, 0))
    per_kb = count * 1000 / width
    table = frame[["chromosome", "start", "end", "gene"]].assign(depth=per_kb, count=pd.array(count, dtype="Int64"))
    with np.errstate(divide="ignore"):
        tables.write_counts(path, table.assign(log2=np.where(count > 0, np.log2(per_kb), -20.0)))


def row_of(genome: Genome, record: Mapping[str, Any], truth: Mapping[str, float]) -> dict[str, Any]:
    """One row of the benchmark's table: what is inside its interval, and how wide that is."""
    found: dict[str, Any] = {
        "depth": genome.depth, "normals": genome.normals, "given": genome.given, "copies": genome.copies,
        "call": record["call"], "fitted": record["purity"]["purity"]["source"] in ("fit", "several_fits"),
        "value": record["purity"]["purity"]["value"] if record["purity"]["purity"]["source"] == "fit" else None,
        "expected": record["measurement"]["met"].get("expected_fragments"),
    }  # fmt: skip
    for name in QUANTITIES:
        low, high = (record["copies"][name][end] for end in ("low", "high"))
        known = low is not None and high is not None
        found[name] = low <= truth[name] <= high if known else None
        found[f"{name}_width"] = high - low if known else None
    return found


def show(table: pd.DataFrame) -> None:
    """Print the tables."""
    known, flat = table[table["given"]], table[~table["given"]]
    columns: dict[str, Any] = {"n": ("depth", "size"), "MET fragments": ("expected", "median")}
    columns |= {name: (name, lambda values: values.dropna().astype(float).mean()) for name in QUANTITIES}
    columns["width"] = ("met_ratio_width", "median")
    columns |= {
        "no_call": ("call", lambda calls: (calls == "no_call").mean()),
        "wrong": ("wrong", "mean"),
    }
    amplified = known["call"].isin(["amplification", "high_level_amplification"])
    wrong = (amplified & (known["copies"] == 2)) | ((known["call"] == "not_amplified") & (known["copies"] > 2))
    if len(known):
        grouped = known.assign(wrong=wrong).groupby(["normals", "depth"])
        options.show("share of 95 % intervals that hold the truth", grouped.agg(**columns))
    if len(flat):
        columns = {"n": ("depth", "size"), "fitted": ("fitted", "sum"), "stated": ("value", "count"),
                   "median": ("value", "median")}  # fmt: skip
        options.show("flat genomes given a tumour fraction", flat.groupby(["normals", "depth"]).agg(**columns))


if __name__ == "__main__":
    main()
