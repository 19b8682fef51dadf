"""Simulated samples of known truth, measured in this process: counts as the simulator draws them, panel, levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metcn import simulate
from metcn.bins import design
from metcn.bins.layout import BinLayout, layout_of
from metcn.genome import build as genomes
from metcn.io import coverage_formats
from metcn.ratios.measured import Measured, measured
from metcn.reference import build
from metcn.reference.panel import Panel
from metcn.run.settings import RatiosSettings, ReferenceSettings
from metcn.simulate import assays, tumours
from metcn.stats import fragments

GENOME = genomes.load("GRCh37")
FRAGMENT_BP = 200.0


@dataclass(frozen=True, eq=False)
class Laboratory:
    """An assay with its panel of normals; every sample has random numbers of its own, by its name and the seed."""

    plan: assays.Design
    layout: BinLayout
    panel: Panel
    seed: int
    depth: float
    noise: assays.Noise

    def counts(self, sample: tumours.Sample) -> fragments.Counts:
        """Fragments of a sample."""
        return _counts(self.plan, sample, self.seed, self.depth, self.noise)

    def measured(self, sample: tumours.Sample) -> Measured:
        """The sample against the panel."""
        counts = self.counts(sample)
        return measured(_log2(counts), counts, self.layout, self.panel, GENOME, RatiosSettings())

    def expected(self, sample: tumours.Sample) -> np.ndarray:
        """Log2 ratio that each bin has in truth, shape (bins,)."""
        place = (self.plan.bins[name].to_numpy() for name in ("chromosome", "start", "end"))
        return np.log2(tumours.ratio_over(sample, *place))


def laboratory(
    assay: str = "panel",
    *,
    normals: int = 12,
    seed: int = 1,
    depth: float = 200.0,
    window_bp: int = 1_000_000,
    noise: assays.Noise = assays.TYPICAL,
) -> Laboratory:
    """An assay of the simulator's with a panel of so many normals, half of them male."""
    plan = assays.design(GENOME, assay, seed=seed, window_bp=window_bp)
    place = plan.bins[["chromosome", "start", "end", "gene", "kind"]]
    table = coverage_formats.genome_order(place, GENOME)
    layout = layout_of(design.annotated(design.bins_of_coverage(table, GENOME, assay=assay, where="simulated"), GENOME))
    samples = [tumours.normal(GENOME, f"N{row}", sex=("female", "male")[row % 2]) for row in range(normals)]
    rows = [_log2(_counts(plan, sample, seed, depth, noise)) for sample in samples]
    panel = build.build(np.stack(rows).astype(np.float32), layout, ReferenceSettings())
    return Laboratory(plan, layout, panel, seed, depth, noise)


def met_log2(sample: tumours.Sample) -> float:
    """Log2 ratio of MET in truth."""
    return float(np.log2(simulate.tumours.truth(GENOME, [sample])["met_ratio"][0]))


def _counts(
    plan: assays.Design, sample: tumours.Sample, seed: int, depth: float, noise: assays.Noise
) -> fragments.Counts:
    random = assays.stream(seed, "sample", plan.assay, sample.name)
    drawn = assays.draw_fragments(
        plan, sample, fragments=plan.fragments(depth, FRAGMENT_BP), rng=random, noise=noise
    )  # fmt: skip
    width = (plan.bins["end"] - plan.bins["start"]).to_numpy()
    return fragments.Counts(drawn.astype(float), width / FRAGMENT_BP)


def _log2(counts: fragments.Counts) -> np.ndarray:
    with np.errstate(divide="ignore"):
        depth = np.log2(counts.number / counts.per_depth)
    return np.where(counts.number > 0, depth, np.nan)
