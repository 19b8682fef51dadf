"""Tumours with known purity and copies, as segments and as allele fractions."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from metcn import mixture
from metcn.genome import build

ARMS = ("p", "q")
SHARES = ([1, 2, 3, 4, 6], [0.15, 0.5, 0.2, 0.1, 0.05])  # copies of an arm and how often
MET = build.load("GRCh37").met


@dataclass(frozen=True)
class Tumour:
    """Segments, with the truth behind: copies per segment, purity and ploidy."""

    segments: pd.DataFrame
    copies: np.ndarray
    purity: float
    ploidy: float


def tumour(*, purity, seed, noise=0.01, flat=False, chromosomes=build.AUTOSOMES, pieces=2):
    """A tumour whose chromosome arms are ``pieces`` segments of whole copies each; ``noise`` is in log2."""
    random, facts = np.random.default_rng(seed), build.load("GRCh37")
    rows = []
    for name in chromosomes:
        first, last = facts.centromere[name]
        for start, end in ((0, first), (last, facts.contigs[name])):
            edges = np.linspace(start, end, pieces + 1).astype(int)
            rows += [(f"chr{name}", *pair) for pair in pairwise(edges)]
    table = pd.DataFrame(rows, columns=["chromosome", "start", "end"])
    length = (table["end"] - table["start"]).to_numpy()
    copies = np.full(len(table), 2) if flat else random.choice(SHARES[0], len(table), p=SHARES[1])
    ploidy = float(np.average(copies, weights=length))
    log2 = np.log2(mixture.expected_ratio(copies, purity, ploidy)) + noise * random.standard_normal(len(table))
    filled = {"gene": "-", "log2": log2, "depth": 100.0, "probes": 100, "weight": 80.0, "se": 0.008}
    return Tumour(table.assign(**filled), copies, purity, ploidy)


def with_amplicon(segments, *, log2):
    """The segments with a focal one of 2 Mb that holds MET cut out of the one there is."""
    place = segments.index[(segments["chromosome"] == "chr7") & (segments["start"] < MET[0])][-1]
    whole = segments.loc[place]
    start, end = MET[0] - 1_000_000, MET[1] + 1_000_000
    parts = [
        whole.to_dict() | {"end": start},
        whole.to_dict() | {"start": start, "end": end, "log2": log2},
        whole.to_dict() | {"start": end},
    ]
    return pd.concat([segments.loc[: place - 1], pd.DataFrame(parts), segments.loc[place + 1 :]], ignore_index=True)


def snps(made, *, per_segment, depth, seed):
    """Rows for `vcf`: heterozygous SNPs of a tumour, whose smaller allele is lost first."""
    random = np.random.default_rng(seed)
    rows = []
    for (_, row), copies in zip(made.segments.iterrows(), made.copies, strict=True):
        minor = 0 if copies == 1 else int(copies // 2)
        below = made.purity * copies + 2 * (1 - made.purity)
        for place in np.linspace(row["start"] + 1000, row["end"] - 1000, per_segment).astype(int):
            carrying = minor if random.random() < 0.5 else copies - minor
            fraction = (made.purity * carrying + 1 - made.purity) / below
            reads = int(random.binomial(depth, fraction))
            rows.append((row["chromosome"], int(place), f"rs{len(rows) + 1}", "DB", reads, depth))
    return rows


def vcf(path, rows, *, samples=("s",), formats="AD"):
    """Path of a VCF with one line per (chromosome, position, id, info, reads, depth), written anew."""
    headers = {"AD": "Number=R,Type=Integer", "AF": "Number=A,Type=Float", "DP": "Number=1,Type=Integer"}
    lines = ["##fileformat=VCFv4.2", '##INFO=<ID=DB,Number=0,Type=Flag,Description="dbSNP">']
    lines += ['##INFO=<ID=SOMATIC,Number=0,Type=Flag,Description="x">']
    lines += ['##INFO=<ID=GENE,Number=.,Type=String,Description="x">']
    lines += ['##FILTER=<ID=weak,Description="x">', '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">']
    lines += [f'##FORMAT=<ID={name},{headers[name]},Description="x">' for name in formats.split(":") if name != "GT"]
    lines += [f"##contig=<ID={name}>" for name in dict.fromkeys(row[0] for row in rows)]
    lines.append("\t".join([*"#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".split(), *samples]))
    for chromosome, place, name, info, reads, depth in rows:
        known = {"GT": "0/1", "AD": f"{depth - reads},{reads}", "AF": f"{reads / max(depth, 1):.5f}", "DP": str(depth)}
        cell = ":".join(known[part] for part in formats.split(":"))
        fields = [chromosome, str(place + 1), name, "A", "G", ".", "PASS", info, formats, *[cell] * len(samples)]
        lines.append("\t".join(fields))
    path.write_text("\n".join(lines) + "\n")
    return path
