"""Simulated cohorts for tests: ``python tests/simulate.py OUT [SEED]`` writes the demonstration cohort by hand.

Tests import the ready-made tumours below; the simulator itself is `metcn.simulate`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from metcn import simulate
from metcn.genome.build import Genome, load


def standard_tumours(genome: Genome) -> list[simulate.Sample]:
    """One tumour per situation that a verdict has to tell apart, named by its profile."""
    return [
        simulate.tumour(genome, "focal", "focal", purity=0.6, copies=15),
        simulate.tumour(genome, "focal_low_purity", "focal", purity=0.2, copies=12),
        simulate.tumour(genome, "polysomy", "polysomy", purity=0.6),
        simulate.tumour(genome, "gain_7q", "gain_7q", purity=0.7),
        simulate.tumour(genome, "met_egfr", "met_egfr", purity=0.6, copies=14),
        simulate.tumour(genome, "doubled", "doubled", purity=0.6, copies=12),
        simulate.tumour(genome, "diploid", "diploid", purity=0.6),
    ]


def coverage_cohort(output: Path, *, genome: str = "GRCh37", normals: int = 12, **options: Any) -> Path:
    """Coverage tables of normals and `standard_tumours`, in about a second; the folder they are in."""
    build = load(genome)
    options = {"as_": "cnn", "tumours": standard_tumours(build)} | options
    simulate.cohort(output, genome=build, normals=normals, **options)
    return output


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python tests/simulate.py OUT [SEED]")
    simulate.demo(sys.argv[1], seed=int(sys.argv[2]) if len(sys.argv) == 3 else 1)
