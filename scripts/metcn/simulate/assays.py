"""Assays to simulate: where their bins lie, how well each bin is captured, and how many fragments a sample gives.

The built-in panel holds MET's exons, EGFR, other genes of chromosome 7 and 60 cancer genes elsewhere. Its reads beyond
the targets lie in windows over the rest of the genome. Yield, GC and batch sensitivity belong to the assay and are the
same for all its samples; the GC slope, the batch and the noise belong to the sample. GC is drawn, not read off a
reference: a pipeline without the sequence has to learn its effect from the normals.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from metcn.errors import InputError
from metcn.simulate.tumours import CHROMOSOMES, Sample, ratio_over

# gene, chromosome, GRCh37 start and end, GRCh38 start: the span of the coding targets (RefSeq), rounded to 100 bp.
GENES = """
MTOR 1 11167500 11319500 11107400;ARID1A 1 27022800 27107300 26696300;NTRK1 1 156785500 156851500 156815800
MYCN 2 16080400 16087200 15940500;ALK 2 29416000 30143600 29193200;MSH2 2 47630300 47710200 47403100
ERBB4 2 212248300 213403300 211383500;IDH1 2 209101700 209116300 208237000;MLH1 3 37035000 37092200 36993500
CTNNB1 3 41265500 41280900 41224000;FGFR3 4 1795600 1809100 1793900;PDGFRA 4 55124900 55163800 54258700
KIT 4 55524100 55605100 54657900;KDR 4 55946000 55991500 55079900;FBXW7 4 153244000 153333000 152322800
APC 5 112043300 112179900 112707600;CSF1R 5 149433600 149466100 150054000;FGFR4 5 176516300 176524700 177089500
ROS1 6 117609600 117746900 117288400;CCND3 6 41903600 41909500 41935900;MYC 8 128748800 128753300 127736500
CDKN2A 9 21968200 21994400 21968200;PTCH1 9 98209100 98279200 95446800;ABL1 9 133589200 133763100 130714200
NOTCH1 9 139390500 139440300 136496000;RET 10 43572600 43624100 43077200;PTEN 10 89624200 89726600 87863900
FGFR2 10 123239000 123353700 121479500;ATM 11 108098300 108236300 108227600;MEN1 11 64571700 64577700 64804300
CDK4 12 58141800 58145600 57750600;HNF1A 12 121416500 121439100 120978700;ERBB3 12 56474000 56497400 56080200
RB1 13 48878000 49054300 48303800;BRCA2 13 32890500 32973000 32318700;FLT3 13 28578100 28674700 28004000
AKT1 14 105236600 105259100 104770300;DICER1 14 95556800 95599900 95090400;MAP2K1 15 66679600 66783000 66387300
IDH2 15 90627400 90645700 90084200;NTRK3 15 88419900 88800000 87876900;TSC2 16 2098500 2138700 2048200
CDH1 16 68771200 68867500 68737300;CREBBP 16 3777600 3930000 3727600;TP53 17 7572900 7580000 7669500
NF1 17 29422300 29701200 31095200;BRCA1 17 41197200 41276200 43045000;SMAD4 18 48573300 48604900 51047000
BCL2 18 60795800 60986000 63128600;STK11 19 1206800 1226700 1206800;CCNE1 19 30303400 30315000 29812500
KEAP1 19 10597300 10610800 10486600;GNAS 20 57415100 57486000 58840000;SRC 20 36012500 36031900 37384100
RUNX1 21 36164400 36421300 34792100;CHEK2 22 29083800 29130800 28687800;NF2 22 29999900 30090900 29603900
SMARCB1 22 24129300 24176400 23787100;AR X 66764900 66943800 67545100;KDM6A X 44732700 44970700 44873500
RAC1 7 6414300 6442100 6374700;IKZF1 7 50344300 50472800 50304700;EGFR 7 55086700 55279400 55019000
GUSB 7 65425600 65447400 65960600;HIP1 7 75162600 75368300 75533200;HGF 7 81331800 81399400 81702500
CDK6 7 92243200 92462700 92615100;PIK3CG 7 106507900 106545900 106867500;SMO 7 128829000 128852400 129189100
BRAF 7 140434300 140624600 140734500;EZH2 7 148504700 148544500 148807600
"""
TILES = {"EGFR": 20, "IKZF1": 12, "GUSB": 10, "HIP1": 12}
TILES_PER_GENE = 10
MET_TILES = 25
UNSEQUENCED_STAINS = ("acen", "gvar", "stalk")  # centromeres, heterochromatin, acrocentric short arms
TARGET_PADDING_BP = 500
OFF_TARGET_GENE = "Antitarget"


def stream(seed: int, *names: str) -> np.random.Generator:
    """Random numbers of their own for each name, so that adding a sample changes no other."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence([seed, *np.frombuffer(digest, "<u4").tolist()]))


@dataclass(frozen=True)
class Noise:
    """How samples differ for reasons other than copies: standard deviations of log2 depth, 0 for none of it."""

    gc: float = 0.15
    batch: float = 0.10
    gene: float = 0.02
    bin: float = 0.05


TYPICAL = Noise()
SILENT = Noise(gc=0.0, batch=0.0, gene=0.0, bin=0.0)


@dataclass(frozen=True)
class Design:
    """An assay: its bins and, per bin, what all samples of the assay share.

    ``bins`` has chromosome (bare), start, end, gene, kind, ordered along the genome. ``share`` is each bin's share of
    a diploid sample's fragments (sums to 1), ``gc`` and ``batch`` are its standardised sensitivities, and
    ``on_target`` is the share of fragments within targets (1 where there is nothing else).
    """

    assay: str
    bins: pd.DataFrame
    share: np.ndarray
    gc: np.ndarray
    batch: np.ndarray
    on_target: float

    def fragments(self, depth: float, fragment_bp: float) -> float:
        """Fragments that give a mean fold ``depth`` over the targets (over the windows, if there are no targets)."""
        main = self.bins[self.bins.kind != "off_target"]
        return depth * float((main.end - main.start).sum()) / fragment_bp / self.on_target


def design(genome: Any, assay: str, *, seed: int = 1, window_bp: int | None = None) -> Design:
    """The built-in design of an assay: ``panel``, ``amplicon`` or ``swgs``.

    ``window_bp`` is the width of the windows beyond a panel's targets (default 100 kb) or of shallow whole-genome
    sequencing (default 50 kb). Reads are spread evenly within a window, so it is also the resolution of a breakpoint.

    Raises
    ------
    InputError
        If there is no built-in design of that assay.
    """
    rng = stream(seed, "assay", assay, genome.name)
    if assay == "swgs":
        bins, on_target = windows_between(genome, None, window_bp or 50_000, "window"), 1.0
    elif assay == "amplicon":
        bins, on_target = _targets(genome, rng, (100, 140), "amplicon"), 1.0
    elif assay == "panel":
        targets = _targets(genome, rng, (120, 250), "target")
        windows = windows_between(genome, targets, window_bp or 100_000, "off_target")
        bins, on_target = pd.concat([targets, windows], ignore_index=True), 0.55
    else:
        raise InputError(f"expected an assay out of panel, amplicon, swgs, found '{assay}'; choose one of them")
    rank = bins.chromosome.map({name: place for place, name in enumerate(CHROMOSOMES)})
    bins = bins.assign(rank=rank).sort_values(["rank", "start"], ignore_index=True).drop(columns="rank")
    # Probes differ in efficiency, windows only in mappability; both by width, since fragments fall on bases.
    spread = np.where(bins.kind.isin(["target", "amplicon"]), 0.4, 0.1)
    efficiency = (bins.end - bins.start).to_numpy() * np.exp2(spread * rng.standard_normal(len(bins)))
    share = np.zeros(len(bins))
    off_target = (bins.kind == "off_target").to_numpy()
    for group, part in ((~off_target, on_target), (off_target, 1 - on_target)):
        share[group] = part * efficiency[group] / max(efficiency[group].sum(), 1.0)
    gc, batch = rng.standard_normal((2, len(bins)))
    return Design(assay, bins, share, gc, batch, on_target)


def _targets(genome: Any, rng: np.random.Generator, width_bp: tuple[int, int], kind: str) -> pd.DataFrame:
    """Targets of the built-in panel: MET's exons, then tiles spread over each other gene."""
    rows = [("7", int(start), int(end), "MET", kind) for start, end in met_tiles(genome, width_bp[1])]
    for line in GENES.replace(";", "\n").split("\n"):
        if not line:
            continue
        gene, chromosome, *edges = line.split()
        start, end, start38 = (int(edge) for edge in edges)
        if genome.name == "GRCh38":
            start, end = start38, end - start + start38
        tiles = TILES.get(gene, TILES_PER_GENE)
        starts = np.linspace(start, end - width_bp[1], tiles).astype(int)
        widths = rng.integers(width_bp[0], width_bp[1], tiles, endpoint=True)
        rows += [(chromosome, int(s), int(s + w), gene, kind) for s, w in zip(starts, widths, strict=True)]
    return pd.DataFrame(rows, columns=["chromosome", "start", "end", "gene", "kind"])


def met_tiles(genome: Any, width_bp: int, smallest_bp: int = 100) -> list[tuple[int, int]]:
    """`MET_TILES` tiles over MET's exons; long exons give several, the untranslated end gives two at most."""
    tiles: list[tuple[int, int]] = []
    for start, end in np.asarray(genome.met_exons).tolist():
        pieces = max(1, min(3, round((end - start) / width_bp)))
        middle, reach = (start + end) // 2, max(smallest_bp, min(width_bp, (end - start) // pieces))
        first = start if pieces > 1 else middle - reach // 2
        tiles += [(first + piece * reach, first + (piece + 1) * reach) for piece in range(pieces)]
    keep = np.unique(np.linspace(0, len(tiles) - 1, MET_TILES).astype(int))
    return [tiles[place] for place in keep]


def windows_between(genome: Any, targets: pd.DataFrame | None, width_bp: int, kind: str) -> pd.DataFrame:
    """Windows over everything sequenced and not targeted; stretches below a tenth of the width are left out."""
    bands = genome.cytobands
    bands = bands[bands["stain"].isin(UNSEQUENCED_STAINS)]
    gene = "-" if kind == "window" else OFF_TARGET_GENE
    rows: list[tuple[str, int, int, str, str]] = []
    for name in CHROMOSOMES:
        here = bands[bands["chromosome"] == name]
        blocked = list(zip(here["start"], here["end"], strict=True))
        if targets is not None:
            own = targets[targets.chromosome == name]
            blocked += list(zip(own.start - TARGET_PADDING_BP, own.end + TARGET_PADDING_BP, strict=True))
        reached = 0
        for start, end in [*sorted(blocked), (int(genome.contigs[name]), 0)]:
            if start - reached >= max(width_bp // 10, 1):
                pieces = max(1, round((start - reached) / width_bp))
                edges = np.linspace(reached, start, pieces + 1).astype(int)
                rows += [(name, int(s), int(e), gene, kind) for s, e in pairwise(edges)]
            reached = max(reached, end)
    return pd.DataFrame(rows, columns=["chromosome", "start", "end", "gene", "kind"])


def expected_fragments(plan: Design, sample: Sample, *, fragments: float) -> np.ndarray:
    """Mean fragments per bin from capture and copies alone: ``fragments`` x share x expected ratio."""
    bins = plan.bins
    ratio = ratio_over(sample, bins.chromosome.to_numpy(), bins.start.to_numpy(), bins.end.to_numpy())
    return fragments * plan.share * ratio


def draw_fragments(
    plan: Design, sample: Sample, *, fragments: float, rng: np.random.Generator, noise: Noise = TYPICAL
) -> np.ndarray:
    """Fragments per bin: Poisson about the expectation, bent by the sample's GC slope, batch, gene and bin noise."""
    slope, curve = noise.gc * rng.standard_normal(2)
    batch = noise.batch * (rng.choice([-1.0, 1.0]) + 0.3 * rng.standard_normal())
    _, gene_of_bin = np.unique(plan.bins.gene.to_numpy(), return_inverse=True)
    gene = noise.gene * rng.standard_normal(gene_of_bin.max() + 1)[gene_of_bin]
    gene[plan.bins.kind.isin(["off_target", "window"])] = 0.0
    log2_bend = slope * plan.gc + 0.3 * curve * (plan.gc**2 - 1) + batch * plan.batch + gene
    log2_bend += noise.bin * rng.standard_normal(len(gene))
    return rng.poisson(expected_fragments(plan, sample, fragments=fragments) * np.exp2(log2_bend))
