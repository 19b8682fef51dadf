"""How often the scan takes noise for an amplicon of MET, on thousands of arms that hold none.

Sources of arms: made-up windows of a shallow genome, independent, of heavy tails, or correlated; chromosome 7 of real
karyotypes in such windows, where no stretch with MET stands above both its sides, since broad steps must not raise the
rate; and the off-target windows of real normals, left out of their panel, with the poor windows these have.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cohorts
import numpy as np
import options
import pandas as pd
from cohorts import Cohort
from numpy.typing import NDArray

from metcn.copies import amplicon, amplicon_scan, loci
from metcn.copies.arm_events import LEAST, Waves
from metcn.files import read_json
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.mixture import expected_ratio
from metcn.run.samples import Sample
from metcn.stats import proportions

ALPHA = 0.001
UNSEEN = amplicon_scan.UNSEEN
FACTORS = (1.0, 1.1, 1.2, 1.3, 1.4)
SCREEN = 0.05  # the permutations of this alpha are the first of those of ALPHA: two that reach the gain settle it
WINDOW_BP, NOISE = 50_000, 0.1  # a genome at 0.5x
NEIGHBOURS = 0.2  # correlation of neighbouring windows in the correlated arms
WAVE, WAVE_BP = 0.008, 3_000_000  # SD of their long waves, log2, and how long these are
FREEDOM = 6  # of Student's t, for arms with heavy tails
SAME = 0.2  # copies by which a segment may lie below MET's and still not bound an event of MET
PURITIES = (0.05, 0.1, 0.3)
FOLDS = 5  # parts that the normals are left out in
FEWEST_UNITS, MARGIN = 250, 30  # windows of an arm, and between a made-up MET and its ends

Arm = tuple[NDArray, NDArray, tuple[int, int], Waves]  # log2 ratios, errors, MET's place, waves


def main() -> None:
    """Print the rate of false positives of each source with its exact interval."""
    parser = options.parser(__doc__)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed (default: 1)")
    parser.add_argument("--arms", type=int, default=2000, metavar="N", help="arms of each source (default: 2000)")
    parser.add_argument("--only", nargs="+", choices=SOURCES, default=list(SOURCES), help="sources (default: all)")
    args = parser.parse_args()
    rows = []
    with options.workplace(args.work) as folder:
        for name in args.only:
            jobs = SOURCES[name](args, folder)
            for number, found in enumerate(cohorts.each(_scanned, jobs, args.workers, name)):
                rows += [{"arms": name, "part": number, **row} for row in found]
    table = pd.DataFrame(rows)
    shown = {name: proportions.of(part["times"] > UNSEEN)._asdict()
             | {"p <= 0.05": np.mean(part["p_value"] <= SCREEN)}
             | {f"times {factor}": np.mean(part["times"] > factor) for factor in FACTORS}
             for name, part in table.groupby("arms", sort=False)}  # fmt: skip
    options.show(
        f"arms without an amplicon of MET in which one is found at alpha {ALPHA}; shares whose gain is so many times "
        f"the bound of the permutations, {UNSEEN} of which the scan demands", pd.DataFrame(shown).T, 5
    )  # fmt: skip
    options.show("those above that bound; a third copy has a height of 0.58", table[table["times"] > 1], index=False)


def compared(log2: NDArray, sd: NDArray, own: tuple[int, int], waves: Waves) -> dict[str, float]:
    """P-value of a scan of few permutations; how many times the bound of all of them the gain is, 0 if surely below it.

    Of those that reach it also units and log2 height.
    """
    first = amplicon_scan.scan(log2, sd, own, waves=waves, alpha=SCREEN)
    permutations = np.ceil(amplicon_scan.PERMUTATIONS_PER_ALPHA / SCREEN) - 1
    if first.p_value * (1 + permutations) > 2.5:
        return {"p_value": first.p_value, "times": 0.0}
    found = amplicon_scan.scan(log2, sd, own, waves=waves, alpha=ALPHA)
    inside = slice(found.first, found.last)
    height = np.average((log2 - found.background)[inside], weights=sd[inside] ** -2.0)
    return {"p_value": first.p_value, "times": found.gain / found.bound, "units": found.last - found.first,
            "height": height}  # fmt: skip


def _scanned(arms: partial[Iterator[Arm]]) -> list[dict[str, float]]:
    amplicon_scan.UNSEEN = 1.0  # in this process, so that the permutations' own bound is seen
    return [compared(*arm) for arm in arms()]


# Made-up windows


def _shape() -> tuple[NDArray, tuple[int, int]]:
    """Beginnings of the windows of 7q, and which are MET's."""
    facts = genomes.load("GRCh37")
    start = np.arange(facts.centromere["7"][1], facts.contigs["7"] - WINDOW_BP, WINDOW_BP)
    own = np.flatnonzero((start < facts.met[1]) & (start + WINDOW_BP > facts.met[0]))
    return start, (int(own[0]), int(own[-1]) + 1)


def _noise(random: np.random.Generator, count: int, kind: str) -> NDArray:
    """Log2 errors of the windows of an arm."""
    if kind == "independent":
        return random.normal(0, NOISE, count)
    if kind == "heavy tails":
        return NOISE * random.standard_t(FREEDOM, count) * np.sqrt((FREEDOM - 2) / FREEDOM)
    step = random.normal(0, 1, count + 1)
    beside = step[1:] + NEIGHBOURS / (1 - NEIGHBOURS) * step[:-1]
    length = WAVE_BP // WINDOW_BP
    wave = np.repeat(random.normal(0, WAVE, count // length + 2), length)[int(random.integers(length)) :][:count]
    return NOISE * beside / beside.std() + wave


def made_up(seed: list[int], count: int, kind: str) -> Iterator[Arm]:
    """Arms of noise alone; the long waves are those put in."""
    start, own = _shape()
    random = np.random.default_rng([*seed, len(kind)])
    waves = Waves(WAVE) if kind == "correlated" else LEAST
    for _ in range(count):
        yield _noise(random, len(start), kind), np.full(len(start), NOISE), own, waves


def karyotypes(seed: list[int], count: int, shared: Path) -> Iterator[Arm]:
    """Arms 7q of real karyotypes without an event of MET, at a few purities, with correlated noise."""
    start, own = _shape()
    random, (profiles, copies) = np.random.default_rng(seed), _eventless(shared, start, own)
    for number in range(count):
        ploidy, seven = profiles[number % len(profiles)], copies[number % len(profiles)]
        share = PURITIES[number // len(profiles) % len(PURITIES)]
        log2 = np.log2(expected_ratio(seven, share, ploidy))
        yield log2 + _noise(random, len(start), "correlated"), np.full(len(start), NOISE), own, Waves(WAVE)


def _eventless(shared: Path, start: NDArray, own: tuple[int, int]) -> tuple[list[float], list[NDArray]]:
    """Ploidy, and copies per window of 7q, of karyotypes that on one side of MET never fall below its own copies."""
    table = pd.read_csv(shared / "data" / "karyotypes" / "segments.tsv.gz", sep="\t", dtype={"chromosome": str})
    ploidies, kept = [], []
    for _, karyotype in table.groupby("profile"):
        autosomal = karyotype[karyotype["chromosome"].isin(genomes.AUTOSOMES)]
        seven = karyotype[karyotype["chromosome"] == "7"].sort_values("start")
        edges = (seven["start"].to_numpy()[1:] + seven["end"].to_numpy()[:-1]) / 2
        copies = seven["copies"].to_numpy()[np.searchsorted(edges, start + WINDOW_BP / 2)]
        level = copies[own[0] : own[1]].max()
        if max(copies[: own[0]].min(), copies[own[1] :].min()) >= level - SAME:
            ploidies.append(float(np.average(autosomal["copies"], weights=autosomal["end"] - autosomal["start"])))
            kept.append(np.maximum(copies, 0))
    return ploidies, kept


# Real normals


def normals(shared: Path, folder: Path, workers: int) -> Cohort:
    """The normals of the capture panel, each measured against those of the other folds."""
    pairs = cohorts.cnvkit_pairs(shared / "data" / "panel_hg19" / "normals")
    rows = [
        Sample(name, "normal", coverage=paths, patient=f"fold{number % FOLDS}")
        for number, (name, paths) in enumerate(pairs.items())
    ]
    cohort = Cohort.of(folder, rows, workers=workers)
    cohort.measure(list(cohort.samples))
    return cohort


def of_normal(cohort: Cohort, sample: str, seed: int, count: int) -> Iterator[Arm]:
    """Arms of the off-target windows of one normal, MET's place drawn at random."""
    measured, facts = read_json(cohort.at("ratios", sample, "summary")), genomes.load("GRCh37")
    bins = loci.profile(tables.read_ratios(cohort.at("ratios", sample)), measured)
    random, waves = np.random.default_rng([seed, *sample.encode()]), amplicon.waves_of(bins, facts)
    middle = (bins.start + bins.end) / 2
    arms = [
        loci.units(bins, members)
        for name in genomes.AUTOSOMES
        for members in (
            bins.wide & (bins.chromosome == name) & ((middle >= facts.centromere[name][0]) == upper)
            for upper in (False, True)
        )
        if members.sum() >= FEWEST_UNITS
    ]
    for number in range(count):
        units = arms[number % len(arms)]
        first = int(random.integers(MARGIN, len(units.log2) - MARGIN))
        yield units.log2, units.sd, (first, first + 1), waves


def _made_up(args: Any, folder: Path, kind: str) -> list[Any]:
    return [partial(made_up, [args.seed, part], size, kind) for part, size in enumerate(_parts(args.arms))]


def _karyotypes(args: Any, folder: Path) -> list[Any]:
    return [partial(karyotypes, [args.seed, part], size, args.shared) for part, size in enumerate(_parts(args.arms))]


def _normals(args: Any, folder: Path) -> list[Any]:
    cohort = normals(args.shared, folder, args.workers)
    each = -(-args.arms // len(cohort.samples))
    return [partial(of_normal, cohort, name, args.seed, each) for name in cohort.samples]


def _parts(count: int, size: int = 250) -> list[int]:
    """Sizes of the parts of a number."""
    return [min(size, count - begin) for begin in range(0, count, size)]


SOURCES = {
    **{kind: partial(_made_up, kind=kind) for kind in ("independent", "heavy tails", "correlated")},
    "karyotypes": _karyotypes,
    "real normals": _normals,
}


if __name__ == "__main__":
    main()
