"""Amplicon assays, which have no bins between genes: MET's error in diploid and aneuploid tumours."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

from metcn.mixture import expected_ratio
from metcn.simulate import tumours
from metcn.simulate.tumours import AUTOSOMES, Karyotype, Sample
from support.simulated_levels import GENOME, Laboratory, laboratory, met_log2

AROUND_MET = (112_000_000, 120_000_000)
TUMOURS = 8


@cache
def assay(normals: int, seed: int) -> Laboratory:
    return laboratory("amplicon", normals=normals, seed=seed, depth=1_000)


def karyotype(seed: int, *, aneuploid: bool, met: float) -> Karyotype:
    """Half of the arms at another number of copies than 2, if aneuploid, and MET at its own."""
    random, made = np.random.default_rng(seed), tumours.diploid(GENOME)
    for name in AUTOSOMES if aneuploid else ():
        left, right = GENOME.centromere[name]
        for start, end in ((0, left), (right, GENOME.contigs[name])):
            copies = random.choice([1.0, 2.0, 3.0, 4.0], p=[0.25, 0.4, 0.25, 0.1])
            made = tumours.with_copies(made, name, start, end, copies)
    return tumours.with_copies(made, "7", *AROUND_MET, met)


def seen(normals: int, purity: float, *, aneuploid: bool, met: float) -> tuple[np.ndarray, np.ndarray]:
    """Errors of MET's log2 over what is stated, and P(copies >= 5) where purity and ploidy are known."""
    scores, five = [], []
    for number in range(TUMOURS):
        made = karyotype(number, aneuploid=aneuploid, met=met)
        sample = Sample(f"{number}_{purity}_{met}_{aneuploid}", made, purity)
        level = assay(normals, 1 + number % 4).measured(sample).levels.met
        scores.append((level.log2 - met_log2(sample)) / level.se)
        bound = np.log2(expected_ratio(5, purity, tumours.ploidy(made)))
        five.append(stats.t(8).sf((bound - level.log2) / level.se))
    return np.array(scores), np.array(five)


@pytest.mark.parametrize("aneuploid", [False, True], ids=["diploid", "aneuploid"])
@pytest.mark.parametrize("purity", [0.3, 0.6])
@pytest.mark.parametrize("normals", [5, 20])
def test_two_copies_are_told_from_eight(normals, purity, aneuploid):
    """Of the tumours of 2 copies all are surely below 5, of those of 8 copies all above: errors allow both."""
    without, below = seen(normals, purity, aneuploid=aneuploid, met=2)
    amplified, above = seen(normals, purity, aneuploid=aneuploid, met=8)
    assert (below <= 0.05).all()
    assert (above >= 0.95).all()
    scores = np.r_[without, amplified]
    assert (np.abs(scores) < 3).all()
    assert np.sqrt(np.mean(scores**2)) > 0.4, "intervals are about twice too wide"


def test_a_tumours_gains_and_losses_widen_no_error_of_genes():
    """MET's error in a tumour of many arms gained and lost is nearly that in a flat one."""
    flat, changed = (
        assay(20, 1).measured(Sample("T", karyotype(3, aneuploid=aneuploid, met=2), 0.6)).levels.met.se_parts
        for aneuploid in (False, True)
    )
    assert changed.gene_excess < 2.5 * flat.gene_excess
