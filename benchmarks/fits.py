"""Purity and ploidy fitted to real karyotypes that the fit has not seen, from segments alone and with SNPs.

The kinds of tumour are learned from one half of the cell lines, and profiles of the other half are fitted, and the
other way round. Depth has the noise of a capture panel; alleles of a segment are drawn, since profiles tell total
copies only. MET's copies follow from an exact level with an error of its own, so that what they miss is purity's and
ploidy's doing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from unittest import mock

import kinds as learning
import numpy as np
import options
import pandas as pd
from numpy.typing import NDArray

from metcn.genome.build import AUTOSOMES
from metcn.genome.build import load as genome
from metcn.mixture import expected_ratio, tumour_copies
from metcn.purity import fit, segment_likelihood
from metcn.purity.grid import Axis, PurityGrid, axis

BINS_PER_MB, BIN_NOISE = 9.0, 0.25  # of a capture panel with off-target bins of 100 kb
SHARED_NOISE, BASELINE_NOISE, MET_ERROR = 0.012, 0.01, 0.03  # log2
SCATTER = 300.0  # concentration of the beta-binomial of allele fractions
EVEN = 0.6  # share of segments whose alleles are as even as their copies allow
DRAWS = 4000
CLOSE, FAR_PLOIDY = 0.1, 0.6
DECIDE = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A profile at a purity, with its truth."""

    profile: str
    segments: pd.DataFrame  # chromosome, start, end, copies
    ploidy: float
    met: float
    purity: float


def main() -> int:
    """Print tables by number of SNPs and by purity."""
    parser = options.parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="seeds (default: 1)")
    parser.add_argument("--snps", type=int, nargs="+", default=[0, 500, 2000], metavar="N", help="heterozygous SNPs")
    parser.add_argument("--depth", type=float, default=250.0, metavar="N", help="mean depth at a SNP (default: 250)")
    parser.add_argument("--purities", type=float, nargs="+", default=[0.25, 0.4, 0.6, 0.8], metavar="P")
    parser.add_argument("--profiles", type=int, default=60, metavar="N", help="profiles per seed (default: 60)")
    parser.add_argument("--stated-error", type=float, default=0.0, metavar="SD",
                        help="tell purity with an error of so much of it (default: tell nothing)")  # fmt: skip
    args = parser.parse_args()
    rows = [row for seed in args.seeds for row in of_seed(args, seed)]
    table = pd.DataFrame(rows)
    for number, part in table.groupby("snps"):
        groups = {f"purity {purity:g}": of for purity, of in part.groupby("purity_true")} | {"all": part}
        options.show(f"{number} SNPs", pd.DataFrame({name: score(of) for name, of in groups.items()}).T, 3)
    return 0


def of_seed(args, seed: int) -> list[dict[str, float]]:
    """A row per profile, purity and number of SNPs."""
    path = args.shared / "data" / "karyotypes"
    table = pd.read_csv(path / "segments.tsv.gz", sep="\t", dtype={"chromosome": str})
    table = table[table["chromosome"].isin(AUTOSOMES)]
    shares, line = learning.profiles(path / "segments.tsv.gz")
    summary = pd.read_csv(path / "summary.tsv", sep="\t").set_index("profile")
    random = np.random.default_rng(seed)
    half = np.isin(line, random.permutation(np.unique(line))[::2])
    learned = {side: of_half(shares[half != side]) for side in (False, True)}
    names = np.array(sorted(table["profile"].unique()))
    side_of = dict(zip(names, half, strict=True))
    rows = []
    for name in random.permutation(names)[: args.profiles]:
        segments = table[table["profile"] == name].reset_index(drop=True)
        for purity in args.purities:
            case = Case(name, segments, float(summary.at[name, "ploidy"]), float(summary.at[name, "MET_CN"]), purity)
            with mock.patch.object(
                segment_likelihood.fit, "__kwdefaults__", {"alleles": None, "kinds": learned[side_of[name]]}
            ):
                rows += of_case(case, args, random)
    return rows


def of_half(shares: Floats) -> segment_likelihood.Kinds:
    """Kinds learned from a half, beside the two that no cell line shows."""
    weight, kinds = learning.learn(shares, 6)
    rows = list(segment_likelihood.NOT_LEARNED)
    beside = segment_likelihood.KIND_WEIGHTS[rows]
    learned = segment_likelihood.Kinds(
        np.vstack([segment_likelihood.KINDS[rows], kinds]),
        np.concatenate([beside, (1 - beside.sum()) * weight / weight.sum()]),
    )
    return learned.widened(unlike=range(len(rows)))


def of_case(case: Case, args, random: np.random.Generator) -> list[dict[str, float]]:
    """Rows of one profile at one purity, for each number of SNPs."""
    part = case.segments
    length = (part["end"] - part["start"]).to_numpy(float)
    probes = np.maximum(length / 1e6 * BINS_PER_MB, 1.0)
    se = BIN_NOISE / np.sqrt(probes)
    level = np.log2(expected_ratio(part["copies"].to_numpy(), case.purity, case.ploidy))
    noise = random.normal(size=len(part)) * np.hypot(se, SHARED_NOISE) + random.normal() * BASELINE_NOISE
    segments = part.assign(log2=level + noise, se=se, probes=probes)
    met = expected_ratio(case.met, case.purity, case.ploidy) * 2 ** (random.normal() * MET_ERROR)
    sd = args.stated_error * case.purity
    given = axis(None, (0.1, 1.0))
    if sd:
        given = Axis.estimated(float(np.clip(case.purity + random.normal() * sd, 0.02, 1)), 0.1, 1.0)
    rows = []
    for number in args.snps:
        sites = snps(case, number, args.depth, random)
        seen = fit.profile(segments, sites, genome("GRCh37"))
        rows.append({"snps": number, **truth(case), **fitted(seen, given, met, random)})
    return rows


def snps(case: Case, number: int, depth: float, random: np.random.Generator) -> pd.DataFrame:
    """Heterozygous SNPs spread evenly over the segments, their rarer allele drawn segment by segment."""
    part = case.segments
    length = (part["end"] - part["start"]).to_numpy(float)
    copies = np.maximum(part["copies"].to_numpy(), 0.0)
    whole = np.round(copies).astype(int)
    rare = np.where(random.random(len(part)) < EVEN, whole // 2, random.integers(0, whole // 2 + 1))
    row = random.choice(len(part), number, p=length / length.sum())
    fraction = (case.purity * rare + 1 - case.purity) / (case.purity * copies + 2 * (1 - case.purity))
    fraction = np.clip(fraction[row], 0.002, 0.998)
    fraction = np.where(random.random(number) < 0.5, fraction, 1 - fraction)
    reads = random.poisson(depth, number)
    alternative = random.binomial(reads, random.beta(SCATTER * fraction, SCATTER * (1 - fraction)))
    position = (part["start"].to_numpy()[row] + random.random(number) * length[row]).astype(int)
    table = pd.DataFrame({"chromosome": part["chromosome"].to_numpy()[row], "position": position,
                          "reads": alternative, "depth": reads, "somatic": False})  # fmt: skip
    share = alternative / np.maximum(reads, 1)
    return table[(share > 0.05) & (share < 0.95)].reset_index(drop=True)


def truth(case: Case) -> dict[str, float]:
    """Columns of the truth."""
    return {"purity_true": case.purity, "ploidy_true": case.ploidy, "met_true": case.met}


def fitted(seen: fit.Profile, given: Axis, met: float, random: np.random.Generator) -> dict[str, float]:
    """What the fit says of purity, ploidy and MET."""
    ploidies, free = fit.ploidy_points(1.6, 5.5), fit.purity_points(0.1, 1.0)
    purities = np.unique(np.concatenate([free, given.points()])) if given.known else free
    prior = fit.log_prior(given, purities, 0.9)
    found = fit.findings(fit.likelihoods(seen, purities, ploidies), floor=0.0 if given.known else 0.2, prior=prior)
    belief = found.joint.belief
    row = {"identified": belief.identified, **{name: belief.value[name] for name in belief.value}}
    for name, (low, high) in belief.span.items():
        row |= {f"{name}_low": low, f"{name}_high": high}
    copies = drawn(belief.grid, met, random)
    row |= {"copies_low": np.quantile(copies, 0.025), "copies_high": np.quantile(copies, 0.975)}
    return row | {"p5": float(np.mean(copies >= 5))}


def drawn(grid: PurityGrid, met: float, random: np.random.Generator) -> Floats:
    """MET copies over the posterior and the error of MET's level."""
    point = random.choice(len(grid.weight), DRAWS, p=grid.weight / grid.weight.sum())
    level = met * 2 ** (random.normal(size=DRAWS) * MET_ERROR)
    copies: Floats = tumour_copies(level, grid.purity[point], grid.ploidy[point])
    return copies


def score(part: pd.DataFrame) -> dict[str, float]:
    """Shares of profiles stated and right, and of truths in intervals; of decisions on 5 copies."""
    known = part[part["identified"]]
    stated, told = known[known["purity"].notna()], known[known["ploidy"].notna()]
    clear = known[(known["met_true"] - 5).abs() > 0.5]
    yes, no = clear["p5"] >= DECIDE, clear["p5"] <= 1 - DECIDE
    wrong = (yes & (clear["met_true"] < 5)) | (no & (clear["met_true"] >= 5))
    decidable = int(((part["met_true"] - 5).abs() > 0.5).sum())

    def held(name: str, true: str) -> float:
        return float(((known[f"{name}_low"] <= known[true]) & (known[true] <= known[f"{name}_high"])).mean())

    return {
        "n": len(part),
        "identified": len(known) / len(part),
        "stated": len(stated) / len(part),
        "within .1": float(((stated["purity"] - stated["purity_true"]).abs() <= CLOSE).mean()),
        "purity in": held("purity", "purity_true"),
        "ploidy stated": len(told) / len(part),
        "ploidy wrong": float(((told["ploidy"] - told["ploidy_true"]).abs() > FAR_PLOIDY).mean()),
        "ploidy in": held("ploidy", "ploidy_true"),
        "copies in": held("copies", "met_true"),
        "decided": float((yes | no).sum()) / max(decidable, 1),
        "wrong": float(wrong.sum()) / max(float((yes | no).sum()), 1.0),
        "wrong negatives": int((no & (clear["met_true"] >= 5)).sum()),
    }


if __name__ == "__main__":
    sys.exit(main())
