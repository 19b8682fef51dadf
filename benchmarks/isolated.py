"""A panel of isolated targets, and MET: how well they are tied to off-target bins, and calls.

BAMs are simulated: 8 normals, a tumour without changes at purity 0.5 and one with 20 copies of MET at 0.2, per seed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import options
import pandas as pd
from cohorts import Cohort

from metcn.genome import build as genomes
from metcn.run.samples import Sample
from metcn.simulate import assays, contig_names, reads, tumour, tumours

TARGETS_OF_GENE = [1] * 547 + [2] * 50 + [5] * 2
TARGET_BP, APART_BP, WINDOW_BP = 200, 3000, 150_000
NORMALS = 8
ON_TARGET = 0.55
GENOME = genomes.load("GRCh37")
WANTED = {"neutral": "not_amplified", "amplified": "high_level_amplification"}


def main() -> None:
    """Print tie, MET and call of each tumour, and how many calls are as wanted."""
    parser = options.parser(__doc__, needs_shared=False)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--reads", type=int, default=500_000, help="of each sample (default: 500000)")
    args = parser.parse_args()
    with options.workplace(args.work) as folder:
        found = pd.concat([tumours_of(folder / str(seed), seed, args.reads, args.workers) for seed in args.seeds])
    single = TARGETS_OF_GENE.count(1)
    genes = f"{len(TARGETS_OF_GENE)} genes, {single} of one target, and MET"
    options.show(f"{genes}; {NORMALS} normals, {args.reads:,} reads", found)
    right = found["call"] == found["wanted"]
    options.show("calls as wanted", right.groupby(found["wanted"]).agg(["sum", "size"]))


def tumours_of(folder: Path, seed: int, wanted_reads: int, workers: int) -> pd.DataFrame:
    """What is measured and called of the two tumours of a seed."""
    truth = [
        tumour(GENOME, "neutral", "diploid", purity=0.5),
        tumour(GENOME, "amplified", "focal", purity=0.2, copies=20),
    ]
    normals = [tumours.normal(GENOME, f"N{number}") for number in range(NORMALS)]
    design = isolated(np.random.default_rng(seed))
    folder.mkdir(parents=True, exist_ok=True)
    bed = folder / "panel.bed"
    design.bins[design.bins.kind == "target"].to_csv(
        bed, sep="\t", header=False, index=False, columns=["chromosome", "start", "end", "gene"]
    )
    rows = [Sample(each.name, "normal", patient=each.name) for each in normals]
    rows += [Sample(each.name, "tumour", patient=each.name, purity=f"{each.purity}!", ploidy="2") for each in truth]
    cohort = Cohort.of(folder, rows, workers=workers, targets=str(bed))
    cohort.run("bins", targets=bed)
    for each in [*normals, *truth]:
        bam = folder / f"{each.name}.bam"
        write(bam, design, each, wanted_reads // 2, assays.stream(seed, each.name))
        cohort.run("counts", each.name, bins=cohort.at("bins"), alignment=bam)
        bam.unlink()
    cohort.make_panel(cohort.normals_of("neutral"))
    names = [each.name for each in truth]
    measured = {name: cohort.measured(name) for name in names}
    table = cohort.call(names)
    return pd.DataFrame(
        {
            "seed": seed, "wanted": [WANTED[name] for name in names], "call": table.loc[names, "call"],
            "tie_se": [measured[name]["baseline"]["tie_se"] for name in names],
            "gene_excess": [measured[name]["qc"]["gene_excess"]["target"] for name in names],
            "met_log2": [measured[name]["met"]["log2"] for name in names],
            "met_se": [measured[name]["met"]["se"] for name in names],
            "met_copies": table.loc[names, "met_copies"], "low": table.loc[names, "met_copies_low"],
            "high": table.loc[names, "met_copies_high"], "reasons": table.loc[names, "reasons"],
        },
        index=names,
    )  # fmt: skip


def isolated(rng: np.random.Generator) -> assays.Design:
    """The panel: genes of few targets at random places, MET's tiles, and windows between them."""
    lengths = np.array([GENOME.contigs[name] for name in genomes.AUTOSOMES])
    place = rng.choice(len(lengths), len(TARGETS_OF_GENE), p=lengths / lengths.sum())
    begin = 5_000_000 + (rng.random(len(place)) * (lengths[place] - 10_000_000)).astype(np.int64)
    rows = [
        (genomes.AUTOSOMES[where], start, start + TARGET_BP, f"GENE{number}", "target")
        for number, (where, first, count) in enumerate(zip(place, begin.tolist(), TARGETS_OF_GENE, strict=True))
        for start in range(first, first + count * APART_BP, APART_BP)
        if not (genomes.AUTOSOMES[where] == "7" and GENOME.met[0] - 1_000_000 < first < GENOME.met[1] + 1_000_000)
    ]
    rows += [("7", int(first), int(last), "MET", "target") for first, last in assays.met_tiles(GENOME, TARGET_BP)]
    targets = pd.DataFrame(rows, columns=["chromosome", "start", "end", "gene", "kind"])
    bins = pd.concat([targets, assays.windows_between(GENOME, targets, WINDOW_BP, "off_target")], ignore_index=True)
    rank = bins.chromosome.map({name: place for place, name in enumerate(GENOME.contigs)})
    bins = bins.assign(rank=rank).sort_values(["rank", "start"], ignore_index=True).drop(columns="rank")
    away = (bins.kind == "off_target").to_numpy()
    efficiency = (bins.end - bins.start).to_numpy() * np.exp2(np.where(away, 0.1, 0.4) * rng.standard_normal(len(bins)))
    share = efficiency * np.where(away, (1 - ON_TARGET) / efficiency[away].sum(), ON_TARGET / efficiency[~away].sum())
    gc, batch = rng.standard_normal((2, len(bins)))
    return assays.Design("panel", bins, share, gc, batch, ON_TARGET)


def write(path: Path, design: assays.Design, sample: tumours.Sample, fragments: int, rng: np.random.Generator) -> None:
    """The BAM of a sample of so many fragments."""
    counts = assays.draw_fragments(design, sample, fragments=fragments, rng=rng)
    reads.write_bam(
        path, sample=sample.name, contigs=contig_names(GENOME), bins=design.bins, fragments=counts,
        library=reads.TISSUE, rng=rng,
    )  # fmt: skip


if __name__ == "__main__":
    main()
