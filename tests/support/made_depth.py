"""Made-up depths with known truth: bins of an assay, what normals share, and tumours whose every fold is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.bins.layout import BinLayout, layout_of
from metcn.files import read_json
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.reference import build as reference
from metcn.reference import panel_file, tangent
from metcn.reference.panel import Panel
from metcn.run import config
from metcn.run.runner import call_stage
from metcn.vocabulary import BIN_COLUMNS

GRCH37 = genomes.load("GRCh37")
CHR7_GENES = {"EGFR": (55_086_725, 15), "HIP1": (75_162_600, 10), "CDK6": (92_243_200, 10), "BRAF": (140_434_300, 10)}
MET_TILES = 25
TARGET_LEVEL, OFF_TARGET_LEVEL = 9.0, 1.0  # log2 depth


def panel_bins(
    *, genes: int = 42, tiles: int = 12, off_target_bp: int = 4_000_000, seven_bp: int = 1_000_000
) -> pd.DataFrame:
    """Bins of a capture panel: MET, four more genes of chromosome 7, ``genes`` elsewhere, and windows everywhere."""
    random = np.random.default_rng(3)
    rows: list[tuple] = []
    autosomes = [name for name in genomes.AUTOSOMES if name != "7"]
    for number in range(genes):
        name = autosomes[number % len(autosomes)]
        first = int(random.integers(5_000_000, GRCH37.contigs[name] - 5_000_000))
        rows += [(name, first + 1500 * tile, 250, f"G{number}", "target") for tile in range(tiles)]
    for gene, (first, count) in CHR7_GENES.items():
        rows += [("7", first + 1500 * tile, 250, gene, "target") for tile in range(count)]
    rows += [("7", GRCH37.met[0] + 4900 * tile + 1000, 250, "MET", "target") for tile in range(MET_TILES)]
    for name in [*genomes.AUTOSOMES, "X"]:
        rows += windows(name, seven_bp if name == "7" else off_target_bp, "Antitarget", "off_target")
    return finished(rows)


def genome_windows(window_bp: int = 1_000_000) -> pd.DataFrame:
    """Bins of a shallow genome: even windows over the autosomes and X."""
    return finished([row for name in [*genomes.AUTOSOMES, "X"] for row in windows(name, window_bp, "-", "window")])


def amplicon_bins(*, genes: int = 20, inserts: int = 6) -> pd.DataFrame:
    """Inserts of an amplicon assay, no windows: MET and EGFR, and genes elsewhere."""
    frame = panel_bins(genes=genes, tiles=inserts)
    kept = (frame["kind"] == "target") & ~frame["gene"].isin(["HIP1", "CDK6", "BRAF"])
    return frame[kept].assign(kind="amplicon").reset_index(drop=True)


def layout(
    group: NDArray, *, kind: Any = "target", chromosome: Any = "1", block: Any = 0, fit: Any = True, met: Any = False
) -> BinLayout:
    """A layout of bins of which only these are known, each an array or one value for all."""
    count = len(group)
    names = np.broadcast_to(np.asarray(chromosome, dtype=np.str_), count)
    text, unknown = np.full(count, "", dtype=object), np.full(count, np.nan)
    return BinLayout(
        chromosome=names, chromosome_index=np.unique(names, return_inverse=True)[1],
        start=np.arange(count) * 1000, end=np.arange(count) * 1000 + 500, gene=text,
        kind=np.broadcast_to(np.asarray(kind, dtype=np.str_), count), mask=text, gc=unknown, mappability=unknown,
        group=np.asarray(group, dtype=np.intp), block=np.broadcast_to(np.asarray(block, dtype=np.intp), count),
        fit=np.broadcast_to(fit, count), met=np.broadcast_to(met, count),
    )  # fmt: skip


def windows(name: str, width_bp: int, gene: str, kind: str) -> list[tuple]:
    """Even windows along a chromosome, clear of its centromere."""
    low, high = GRCH37.centromere[name]
    starts = range(0, GRCH37.contigs[name] - width_bp, width_bp)
    return [(name, start, width_bp, gene, kind) for start in starts if start + width_bp <= low or start >= high]


def finished(rows: list[tuple]) -> pd.DataFrame:
    """Rows of chromosome, start, width, gene and kind as a table of bins in genome order."""
    frame = pd.DataFrame(rows, columns=["chromosome", "start", "width", "gene", "kind"])
    frame["end"] = frame["start"] + frame.pop("width")
    frame["role"] = genomes.role_of(GRCH37, frame["chromosome"], frame["start"], frame["end"])
    order = {name: place for place, name in enumerate(GRCH37.contigs)}
    frame = frame.assign(gc=np.nan, mappability=np.nan, mask="", order=frame["chromosome"].map(order))
    return frame.sort_values(["order", "start", "end"], kind="stable").reset_index(drop=True)[list(BIN_COLUMNS)]


@dataclass(frozen=True, eq=False)
class Assay:
    """How an assay goes wrong: bins' efficiencies, latent factors that all samples share, and noise of each bin."""

    frame: pd.DataFrame
    efficiency: NDArray
    loadings: NDArray  # shape (factors, bins)
    noise: NDArray

    def sample(self, random: np.random.Generator, fold: NDArray | float = 1.0, level: float = 0.0) -> NDArray:
        """Log2 depth of one sample whose bins have ``fold`` times the depth of a normal's."""
        scores = random.normal(size=len(self.loadings))
        noise = self.noise * random.normal(size=len(self.frame))
        return self.efficiency + scores @ self.loadings + noise + np.log2(fold) + level

    def normals(self, random: np.random.Generator, count: int) -> NDArray:
        """Log2 depth of ``count`` normals of different library sizes."""
        return np.stack([self.sample(random, level=random.normal()) for _ in range(count)]).astype(np.float32)


def assay(frame: pd.DataFrame, *, factors: int = 3, noise: float = 0.15, seed: int = 5) -> Assay:
    """An assay whose factors move whole genes by about 0.15 log2 and single bins by about as much."""
    random = np.random.default_rng(seed)
    group = layout_of(frame).group
    shared = random.normal(0, 0.15, size=(factors, group.max() + 1))[:, group]
    wide = frame["kind"].isin(["off_target", "window"]).to_numpy()
    level = np.where(wide, OFF_TARGET_LEVEL, TARGET_LEVEL)
    return Assay(
        frame=frame,
        efficiency=level + random.normal(0, 0.4, len(frame)),
        loadings=shared + random.normal(0, 0.15, size=(factors, len(frame))),
        noise=noise * random.uniform(0.7, 1.3, len(frame)),
    )


def run(stage: str, settings: dict[str, Any] | None = None, **arguments: Any) -> None:
    """Run a stage with the schema's defaults, except for ``settings``."""
    call_stage(stage, arguments, config.defaults(stage) | (settings or {}))


@dataclass(frozen=True, eq=False)
class Bench:
    """A folder in which the stages from ``reference`` on are run on log2 depths of one design."""

    folder: Path
    frame: pd.DataFrame
    genome: str = "GRCh37"
    assay: str = "panel"
    counted: bool = False  # whether depths are fragments per kb, and tables tell how many

    @property
    def bins(self) -> Path:
        path = self.folder / "bins.tsv"
        if not path.exists():
            tables.write_bins(path, self.frame)
        return path

    def counts(self, name: str, log2_depth: NDArray) -> Path:
        """A ``.cnn`` of log2 depths; missing ones have depth 0."""
        path, known = self.folder / f"{name}.cnn", np.isfinite(log2_depth)
        depth = np.where(known, 2.0 ** np.where(known, log2_depth, 0.0), 0.0)
        table = self.frame[["chromosome", "start", "end", "gene"]].assign(log2=np.where(known, log2_depth, -20.0))
        width_kb = (self.frame["end"] - self.frame["start"]).to_numpy() / 1000
        count = pd.array(np.rint(depth * width_kb) if self.counted else [None] * len(table), dtype="Int64")
        tables.write_counts(path, table.assign(depth=depth, count=count))
        return path

    def reference(self, normals: NDArray, name: str = "reference", **settings: Any) -> Path:
        """A panel of normals of log2 depths, shape (normals, bins)."""
        output = self.folder / f"{name}.h5"
        counts = [self.counts(f"N{row}", depth) for row, depth in enumerate(normals)]
        facts = {"genome": self.genome, "assay": self.assay}
        run("reference", settings, bins=self.bins, counts=counts, output=output, **facts)
        return output

    def panel(self, normals: NDArray, **settings: Any) -> Panel:
        """The same as arrays."""
        return panel_file.read(self.reference(normals, **settings))[1]

    def with_components(self, reference_file: Path, normals: NDArray, components: int) -> Path:
        """The panel of these normals with so many components, whatever leaving normals out has chosen."""
        frame, panel, facts = panel_file.read(reference_file)
        design, usable = layout_of(frame), panel.mask == ""
        depth = reference.scale(np.array(normals, dtype=np.float32), design.kind, design.fit & usable) - panel.centre
        basis = np.zeros((len(frame), components), dtype=np.float32)
        for kind in np.unique(design.kind):
            members = design.kind == kind
            weight = tangent.bin_weights(panel.spread[members])
            known = tangent.grouped(tangent.winsorise(depth[:, members], weight), weight, design.group[members])
            inner = tangent.gram(known.means, known.variance, known.present())
            basis[members] = tangent.components(depth[:, members], weight, tangent.mixing(inner, components))
        path = self.folder / f"forced{components}.h5"
        panel_file.write(
            path, frame, Panel(panel.centre, panel.spread, panel.mask, basis, panel.null, panel.normals), facts
        )
        return path

    def ratios(
        self,
        log2_depth: NDArray | None,
        reference: Path | None = None,
        *,
        matched: NDArray | None = None,
        imported: Path | None = None,
        **settings: Any,
    ) -> Measured:
        """What the ``ratios`` stage makes of one sample."""
        inputs: dict[str, Any] = {"reference": reference, "imported": imported}
        if log2_depth is not None:
            inputs |= {"counts": self.counts("sample", log2_depth), "bins": self.bins}
        if matched is not None:
            inputs["matched_normal"] = self.counts("matched", matched)
        outputs = {"output": self.folder / "sample.cnr", "summary": self.folder / "sample.json"}
        run("ratios", settings, sample="s", genome=self.genome, assay=self.assay, **inputs, **outputs)
        return Measured(tables.read_ratios(outputs["output"]), read_json(outputs["summary"]))


@dataclass(frozen=True, eq=False)
class Measured:
    """Ratios of one sample and its measurement."""

    table: pd.DataFrame
    summary: dict[str, Any]

    @property
    def log2(self) -> NDArray:
        """Log2 ratio of every bin, NaN where masked."""
        return self.table["log2"].to_numpy(float)

    @property
    def met(self) -> float:
        """MET's log2 ratio, NaN where it could not be measured."""
        level = self.summary["met"]["log2"]
        return np.nan if level is None else level


def mean_fold(frame: pd.DataFrame, fold: NDArray) -> float:
    """Length-weighted linear mean of the folds over the autosomes, as far as windows cover them."""
    counted = frame["kind"].isin(["off_target", "window"]) & ~frame["role"].isin(["sex", "other"])
    return float(np.average(fold[counted], weights=(frame["end"] - frame["start"])[counted]))
