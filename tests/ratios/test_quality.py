"""Waves and neighbours that err together: nothing where there is nothing, what was put in where there is."""

import numpy as np
import pytest

from metcn.ratios import quality
from metcn.reference import sample_groups
from metcn.stats import robust
from support import made_depth

CHROMOSOME = np.repeat(["1", "2", "3"], 1000)
MIDPOINT = np.tile(np.arange(1000) * 2e5, 3)
NOISE = 0.2


def profile(seed=1, wave=0.0, correlation=0.0, steps=False):
    """Noise with a wave from one 5 Mb stretch to the next, correlated neighbours, or a karyotype."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=3000)
    for place in range(1, 3000):
        noise[place] = correlation * noise[place - 1] + np.sqrt(1 - correlation**2) * noise[place]
    level = np.repeat(random.normal(0, wave, 120), 25)
    return NOISE * noise + level + (np.where(np.arange(3000) // 300 % 2, 0.6, -0.3) if steps else 0.0)


def evenness(ratio):
    return quality.evenness(ratio, np.full(3000, NOISE), chromosome=CHROMOSOME, midpoint=MIDPOINT)


@pytest.mark.parametrize("bins", [6, 8, 25])
def test_noise_alone_is_no_wave(bins):
    """However few and noisy the bins of a stretch are."""
    place = {
        "chromosome": np.repeat(["1", "2", "3"], 40 * bins),
        "midpoint": np.tile(np.arange(40 * bins) * 5e6 / bins, 3),
    }
    sd = np.full(120 * bins, 0.5)
    found = [quality.evenness(np.random.default_rng(seed).normal(0, sd), sd, **place).waviness for seed in range(30)]
    assert np.mean(np.array(found) > 0.08) <= 0.1


@pytest.mark.parametrize("wave", [0.0, 0.15])
@pytest.mark.parametrize("steps", [False, True])
def test_waviness(wave, steps):
    found = [evenness(profile(seed, wave, steps=steps)).waviness for seed in range(5)]
    assert np.median(found) == pytest.approx(wave, abs=0.03)


@pytest.mark.parametrize(("correlation", "low", "high"), [(0.0, -0.08, 0.02), (0.6, 0.45, 0.65)])
@pytest.mark.parametrize("steps", [False, True])
def test_autocorrelation(correlation, low, high, steps):
    """The stretch's own level takes a little of it away."""
    assert low < evenness(profile(2, correlation=correlation, steps=steps)).autocorrelation < high


@pytest.mark.parametrize("bins", [0, 1, 2])
def test_too_few_bins_say_nothing(bins):
    where = {"chromosome": CHROMOSOME[:bins], "midpoint": np.arange(bins) * 1e7}
    assert np.isnan(quality.evenness(np.zeros(bins), np.ones(bins), **where)).all()


FRAME = made_depth.panel_bins(off_target_bp=500_000)
ASSAY = made_depth.assay(FRAME)


@pytest.mark.parametrize(("wave", "flagged"), [(0.0, False), (0.3, True)])
def test_a_wavy_sample_is_named(tmp_path, wave, flagged):
    bench = made_depth.Bench(tmp_path, FRAME)
    path = bench.reference(ASSAY.normals(np.random.default_rng(1), 10))
    stretch = (FRAME["chromosome"].astype(str) + ":" + (FRAME["start"] // 5_000_000).astype(str)).to_numpy()
    label = np.unique(stretch, return_inverse=True)[1]
    waves = np.random.default_rng(3).normal(0, wave, label.max() + 1)[label]
    found = bench.ratios(ASSAY.sample(np.random.default_rng(2)) + waves, path).summary
    assert ("wavy" in found["reasons"]) is flagged


CENTRE = np.random.default_rng(9).normal(0, 0.5, 400)
OWN_NOISE = np.random.default_rng(10).normal(0, 0.2, 400)
EXPLAINED = [
    # id, depth, lowest and highest share left
    pytest.param(CENTRE + OWN_NOISE, 0.3, 0.45, id="follows the normals"),
    pytest.param(CENTRE + 5 * OWN_NOISE, 0.8, 1.0, id="mostly noise"),
    pytest.param(np.where(np.arange(400) < 200, 0.58, 0.0) + CENTRE, 0.3, 0.9, id="half of the genome gained"),
    pytest.param(CENTRE[::-1], 1.25, 1.6, id="rows in reverse"),
    pytest.param(np.zeros(400), 100, 1000, id="all alike"),
    pytest.param(0.2 * CENTRE, 3.5, 4.5, id="logarithms for depths"),
    pytest.param(np.r_[CENTRE[:60], np.full(340, np.nan)] + 7, 0, 0.01, id="few, at another level"),
]


@pytest.mark.parametrize(("depth", "low", "high"), EXPLAINED)
def test_what_normals_explain(depth, low, high):
    assert low <= sample_groups.left_by_normals(depth, CENTRE, centre_noise=0.0) <= high


UNKNOWN = [
    pytest.param(CENTRE[:49], 1.0, 0.0, False, id="too few bins"),
    pytest.param(CENTRE[:50], 1.0, 0.0, True, id="enough"),
    pytest.param(CENTRE, 0.28, 0.0, False, id="normals hardly vary"),
    pytest.param(CENTRE, 0.34, 0.0, True, id="they vary enough"),
    pytest.param(CENTRE, 1.0, 0.6, False, id="by no more than their error"),
]


@pytest.mark.parametrize(("centre", "factor", "noise", "known"), UNKNOWN)
def test_where_normals_have_nothing_to_explain(centre, factor, noise, known):
    centre = centre / robust.spread(centre) * 0.5 * factor
    assert np.isfinite(sample_groups.left_by_normals(centre, centre, centre_noise=noise)) == known
