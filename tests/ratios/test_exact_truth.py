"""MET's ratio and copies where the truth is exact: no bias at any purity; one panel's own error is not one."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from metcn import simulate
from metcn.mixture import tumour_copies
from metcn.simulate import assays, tumours
from support.simulated_levels import GENOME, Laboratory, laboratory, met_log2

PURITIES = (0.2, 0.4, 0.7, 1.0)
COPIES = (3, 6, 20)


@cache
def quiet() -> Laboratory:
    """So many fragments, and samples so alike, that only what is wrong with the arithmetic would be left."""
    return laboratory(normals=6, depth=50_000, noise=assays.SILENT)


def made(profile: str, purity: float, copies: float, name: str = "T") -> tumours.Sample:
    return simulate.tumour(GENOME, name, profile, purity=purity, copies=copies, background=True)


def copies_of(ratio: float, sample: tumours.Sample) -> float:
    return float(tumour_copies(ratio, sample.purity, tumours.ploidy(sample.karyotype)))


@pytest.mark.parametrize("purity", PURITIES)
@pytest.mark.parametrize("profile", ["focal", "doubled", "polysomy", "gain_7q"])
def test_copies_are_right_where_only_counting_errs(profile, purity):
    gaps = []
    for copies in COPIES:
        sample = made(profile, purity, copies, f"{profile}_{copies}_{purity}")
        gaps.append(copies_of(quiet().measured(sample).levels.met.ratio, sample) / copies - 1)
    assert np.mean(gaps) == pytest.approx(0, abs=0.01)
    np.testing.assert_allclose(gaps, 0, atol=0.025)  # 7 % of the genome has no bin: it tells at 20 copies of a whole 7


def test_level_of_a_flat_genome_is_two_copies():
    flat = simulate.tumour(GENOME, "flat", "diploid", purity=0.5)
    seen = quiet().measured(flat)
    assert seen.levels.met.log2 == pytest.approx(0, abs=0.004)
    usable = np.isfinite(seen.bins.log2) & quiet().layout.autosomal
    assert np.median(seen.bins.log2[usable]) == pytest.approx(0, abs=0.002)


@pytest.mark.slow
def test_what_noise_adds_is_each_panels_own_and_cancels_over_panels():
    """Noisy tumours of one panel err alike; over panels their mean is 0 within its error, which is below 1 %."""
    gaps = []
    for seed in range(1, 25):
        lab = laboratory(seed=seed)
        samples = [made(*kind, name=f"{kind}") for kind in [("focal", 0.4, 6), ("doubled", 0.7, 10), ("focal", 0.7, 4)]]
        gaps.append(np.mean([lab.measured(one).levels.met.log2 - met_log2(one) for one in samples]))
    error = np.std(gaps, ddof=1) / np.sqrt(len(gaps))
    assert error < np.log2(1.01)
    assert abs(np.mean(gaps)) < min(2.5 * error, np.log2(1.01))
    assert np.std(gaps) > 0.008, "a panel of twelve normals has an error of its own"
