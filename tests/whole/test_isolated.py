"""A panel of isolated targets is tied to its off-target bins as well as one of genes, and called."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metcn.genome import build as genomes
from support import made_depth

ROOT = Path(__file__).resolve().parents[2]
SIZES = [1] * 547 + [2] * 50 + [5] * 2  # targets of each gene
TIE = 0.3


def isolated_bins():
    """Bins of 599 genes of few targets, MET, and windows of 2 Mb."""
    random = np.random.default_rng(8)
    autosomes = [name for name in genomes.AUTOSOMES if name != "7"]
    rows = [("7", made_depth.GRCH37.met[0] + 4900 * tile + 1000, 250, "MET", "target") for tile in range(20)]
    for number, count in enumerate(SIZES):
        name = autosomes[number % len(autosomes)]
        first = int(random.integers(5_000_000, made_depth.GRCH37.contigs[name] - 5_000_000))
        rows += [(name, first + 1500 * tile, 250, f"G{number}", "target") for tile in range(count)]
    for name in genomes.AUTOSOMES:
        rows += made_depth.windows(name, 1_000_000 if name == "7" else 2_000_000, "Antitarget", "off_target")
    return made_depth.finished(rows)


FRAME = isolated_bins()


@pytest.mark.parametrize("fold", [1.0, 2.8])
def test_the_tie_rests_on_all_targets(tmp_path, fold):
    """Two genes of five targets, of which one is gained, do not carry it."""
    random = np.random.default_rng(3)
    target = (FRAME["kind"] == "target").to_numpy()

    def depth(folds):
        noise = np.where(target, 0.15, 0.2) * random.normal(size=len(FRAME))
        return np.where(target, 9.0, 1.0) + noise + np.log2(folds)

    bench = made_depth.Bench(tmp_path, FRAME)
    reference = bench.reference(np.stack([depth(1.0) for _ in range(8)]).astype(np.float32))
    gained = (FRAME["role"] == "met").to_numpy() | (FRAME["gene"] == "G597").to_numpy()
    found = bench.ratios(depth(np.where(gained, fold, 1.0) * np.where(target, 2**TIE, 1.0)), reference).summary
    assert found["baseline"]["tie_se"] < 0.015
    assert found["met"]["se"] < 0.1  # of a sample whose genes stray more than those of 8 quiet normals a little wider
    assert found["met"]["log2"] == pytest.approx(np.log2(fold), abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_tumours_on_isolated_targets_are_called(tmp_path, monkeypatch, seed):
    """8 normals of 500,000 reads: no change at purity 0.5 is told from 20 copies of MET at 0.2."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import isolated

    found: pd.DataFrame = isolated.tumours_of(tmp_path, seed, 500_000, 1)
    assert found["call"].tolist() == found["wanted"].tolist()
    assert (found["tie_se"] < 0.02).all()
    copies = pd.Series({"neutral": 2, "amplified": 20})[found.index]
    width = (found["high"] - found["low"]) / 2
    assert (abs(found["met_copies"] - copies) < 2 * width).all()  # of six 95 % intervals one may well miss by a little
