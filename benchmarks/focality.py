"""Focal, arm or polysomy: decided from bins of real karyotypes, against the class their segments themselves have.

The profiles of chromosome 7 are those a tumour would show in bins, with noise; the truth is computed from the absolute
segments, without bins, noise or scan. So the decision alone is tested, not the measurement.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import options
import pandas as pd

from metcn.copies import amplicon_scan, focality
from metcn.copies import posterior as estimating
from metcn.copies.arm_events import Waves
from metcn.genome import build as genomes
from metcn.mixture import expected_ratio
from metcn.purity.grid import PurityGrid
from metcn.stats import robust

BIN_BP = 100_000
MARGIN_BP = 5_000_000
DECIDE = 0.8
CLASSES = (*focality.CLASSES, "indeterminate")


def main() -> None:
    """Print the confusion table, the agreement, and the profiles on which the two differ."""
    parser = options.parser(__doc__)
    parser.add_argument("--purity", type=float, default=0.7, help="purity of the tumours (default: 0.7)")
    parser.add_argument("--noise", type=float, default=0.03, help="SD of a bin, log2 (default: 0.03)")
    args = parser.parse_args()
    table = compared(args.shared, share=args.purity, noise=args.noise)
    shown = pd.crosstab(table["truth"], table["decided"])
    options.show(f"focality of {len(table)} karyotypes", shown)
    options.show("where they differ", table[table["truth"] != table["decided"]], digits=2)
    print(f"\nagreement {np.mean(table['truth'] == table['decided']):.3f}")


def compared(shared: Path, *, share: float, noise: float, seed: int = 1) -> pd.DataFrame:
    """Truth and decision per karyotype, with the levels behind the truth."""
    facts = genomes.load("GRCh37")
    segments = pd.read_csv(shared / "data" / "karyotypes" / "segments.tsv.gz", sep="\t", dtype={"chromosome": str})
    random, rows = np.random.default_rng(seed), []
    for profile, karyotype in segments.groupby("profile"):
        autosomal = karyotype[karyotype["chromosome"].isin(genomes.AUTOSOMES)]
        ploidy = float(np.average(autosomal["copies"], weights=autosomal["end"] - autosomal["start"]))
        seven = karyotype[karyotype["chromosome"] == "7"].sort_values("start")
        truth, levels = of_segments(seven, facts)
        decided = of_bins(seven, facts, random, share=share, ploidy=ploidy, noise=noise)
        rows.append({"profile": profile, "truth": truth, "decided": decided, "ploidy": ploidy, **levels})
    return pd.DataFrame(rows)


def of_segments(seven: pd.DataFrame, facts: genomes.Genome) -> tuple[str, dict[str, float]]:
    """Class by the rules of `metcn.copies.focality.classify`, each level the mean over the stretch it stands for."""
    centre, end = facts.centromere["7"], facts.contigs["7"]
    near = (facts.met[0] - MARGIN_BP, facts.met[1] + MARGIN_BP)
    p_side, q_side = (_mean(seven, span) for span in (facts.cep7_p, facts.cep7_q))
    met = _mean(seven, facts.met)
    arm_q, arm_p = _median(seven, [(centre[1], near[0]), (near[1], end)]), _median(seven, [(0, centre[0])])
    around = focality.Around(*(np.array([level]) for level in (p_side, q_side, arm_q, arm_p)))
    number = focality.classify(np.array([met]), around, broad=_broad(seven, facts, met, arm_q))
    return focality.CLASSES[number[0]], {"met": met, "cep7": (p_side + q_side) / 2, "arm_q": arm_q}


def of_bins(
    seven: pd.DataFrame,
    facts: genomes.Genome,
    random: np.random.Generator,
    *,
    share: float,
    ploidy: float,
    noise: float,
) -> str:
    """Class decided as the stage does it: levels with errors, the scan for the amplicon's size, joint draws."""
    start = np.arange(0, facts.contigs["7"], BIN_BP)
    middle = start + BIN_BP / 2
    start = start[(middle < facts.centromere["7"][0]) | (middle >= facts.centromere["7"][1])]
    middle = start + BIN_BP / 2
    edges = (seven["start"].to_numpy()[1:] + seven["end"].to_numpy()[:-1]) / 2
    copies = seven["copies"].to_numpy()[np.searchsorted(edges, middle)]
    log2 = np.log2(np.maximum(expected_ratio(copies, share, ploidy), 1e-3)) + noise * random.normal(size=len(middle))
    near = (middle >= facts.met[0] - MARGIN_BP) & (middle < facts.met[1] + MARGIN_BP)
    q = middle >= facts.centromere["7"][1]
    members = {
        "met": (start < facts.met[1]) & (start + BIN_BP > facts.met[0]),
        "cep7_p": (middle >= facts.cep7_p[0]) & (middle < facts.cep7_p[1]),
        "cep7_q": (middle >= facts.cep7_q[0]) & (middle < facts.cep7_q[1]),
        "arm_q": q & ~near, "arm_p": ~q,
    }  # fmt: skip
    levels = {name: robust.huber_mean(log2[rows], np.full(rows.sum(), noise))[:2] for name, rows in members.items()}
    where = PurityGrid.point(share, ploidy)
    measured = estimating.Measured(
        {name: value for name, (value, _) in levels.items()},
        {name: error for name, (_, error) in levels.items()},
        0.005,
    )
    draws = estimating.posterior(measured, where, draw_count=4096)
    place = np.flatnonzero(members["met"][q])
    found = amplicon_scan.scan(
        log2[q], np.full(q.sum(), noise), (int(place[0]), int(place[-1]) + 1), waves=Waves(0.01), alpha=0.001
    )
    arm = facts.contigs["7"] - facts.centromere["7"][1]
    broad = found.significant and (found.last - found.first) * BIN_BP > focality.FOCAL_FRACTION * arm
    return focality.focality(focality.classified(draws, broad=broad), decide=DECIDE).name


def _broad(seven: pd.DataFrame, facts: genomes.Genome, met: float, arm_q: float) -> bool:
    """Whether the stretch around MET that lies nearer to MET's level than to the arm's is more than half of 7q."""
    middle = (met + arm_q) / 2
    low, high = facts.met
    beyond = seven[seven["end"] > facts.centromere["7"][1]]
    for _, row in beyond[beyond["start"] <= facts.met[0]][::-1].iterrows():
        if row["copies"] < middle:
            break
        low = max(int(row["start"]), facts.centromere["7"][1])
    for _, row in beyond[beyond["end"] >= facts.met[1]].iterrows():
        if row["copies"] < middle:
            break
        high = int(row["end"])
    return (high - low) > focality.FOCAL_FRACTION * (facts.contigs["7"] - facts.centromere["7"][1])


def _mean(seven: pd.DataFrame, span: tuple[int, int]) -> float:
    """Mean copies over a stretch; those of the nearest segment where none covers it."""
    overlap = np.minimum(seven["end"], span[1]) - np.maximum(seven["start"], span[0])
    if (overlap > 0).any():
        return float(np.average(seven["copies"], weights=overlap.clip(lower=0)))
    return float(seven["copies"].iloc[int(np.argmax(overlap))])


def _median(seven: pd.DataFrame, spans: list[tuple[int, int]]) -> float:
    """Length-weighted median of the copies over several stretches."""
    lengths = sum(
        (np.minimum(seven["end"], high) - np.maximum(seven["start"], low)).clip(lower=0) for low, high in spans
    )
    return robust.weighted_median(seven["copies"], lengths)


if __name__ == "__main__":
    main()
