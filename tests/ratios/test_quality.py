"""Waves and neighbours that err together: nothing where there is nothing, what was put in where there is."""

import itertools

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


# Against a loop, with constants of its own


def slow_evenness(ratio, sd, chromosome, midpoint):
    """Waviness and autocorrelation as they are described."""
    keys = [(name, int(place // 5e6)) for name, place in zip(chromosome, midpoint, strict=True)]
    stretches = list(dict.fromkeys(keys))
    bins = {key: [row for row, other in enumerate(keys) if other == key] for key in stretches}
    level = {key: np.median(ratio[rows]) for key, rows in bins.items()}
    rest = np.array([value - level[key] for value, key in zip(ratio, keys, strict=True)])
    pairs = [
        (first, second)
        for first, second in itertools.pairwise(stretches)
        if first[0] == second[0] and min(len(bins[first]), len(bins[second])) >= 5
    ]
    waviness = np.nan
    if len(pairs) >= 2:
        steps = np.array([level[second] - level[first] for first, second in pairs])
        mad = 1.4826 * np.median(np.abs(rest - np.median(rest)))
        typical = np.median([len(rows) for rows in bins.values()])
        noise = (1.25 * mad) ** 2 / max(typical - 1, 1)
        seen = (1.4826 * np.median(np.abs(steps - np.median(steps)))) ** 2 / 2
        sure = seen > noise + 3 * 2.33 / np.sqrt(len(pairs)) * noise
        waviness = np.sqrt(seen - noise) if sure else 0.0
    cut = np.minimum(np.maximum(rest / sd, -3), 3)
    products = [cut[row] * cut[row + 1] for row in range(len(cut) - 1) if keys[row] == keys[row + 1]]
    square = np.mean(cut**2)
    return waviness, np.mean(products) / square if products and square > 0 else np.nan


PROFILES = [
    # bins per stretch, stretches, waves (log2), noise
    pytest.param((25,), 24, 0.5, 0.2, id="waves"),
    pytest.param((25,), 24, 0.0, 0.2, id="none"),
    pytest.param((4, 5, 6, 5, 5), 40, 0.5, 0.2, id="stretches of too few bins between"),
    pytest.param((4,), 24, 0.5, 0.2, id="all of too few bins"),
    pytest.param((5,), 24, 0.3, 0.1, id="just enough bins"),
    pytest.param((5,), 3, 0.5, 0.05, id="two steps"),
    pytest.param((5,), 2, 0.5, 0.05, id="one step"),
    pytest.param((1,), 9, 0.5, 0.05, id="single bins"),
    pytest.param((2, 1), 9, 0.5, 0.05, id="hardly more"),
    pytest.param((5, 5, 5, 1, 1, 1, 1), 21, 0.5, 0.05, id="mostly single bins"),
]


@pytest.mark.parametrize(("pattern", "count", "wave", "noise"), PROFILES)
@pytest.mark.parametrize("chromosomes", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_evenness_equals_the_loop(pattern, count, wave, noise, chromosomes, seed):
    random = np.random.default_rng(seed)
    size = np.resize(pattern, count)
    block = np.repeat(np.arange(count), size)
    midpoint = np.concatenate([5e6 * place + (np.arange(own) + 0.5) * 5e6 / own for place, own in enumerate(size)])
    ratio = np.tile(random.normal(0, wave, count)[block], chromosomes)
    ratio = ratio + noise * random.standard_t(3, len(ratio))
    sd = noise * random.uniform(0.5, 1.5, len(ratio))
    where = {"chromosome": np.repeat([str(n) for n in range(chromosomes)], len(block))}
    where["midpoint"] = np.tile(midpoint, chromosomes)
    found = quality.evenness(ratio, sd, **where)
    np.testing.assert_allclose(found, slow_evenness(ratio, sd, *where.values()), rtol=1e-9, atol=1e-12)


def steps_of(size, noise):
    """Fifty stretches of 26 bins, a third of their steps up by ``size`` and as many down; bins scatter by ``noise``."""
    level = np.repeat(np.cumsum(np.r_[0, np.tile([size, 0, -size], 16), 0]), 26)
    rest = np.tile(np.r_[-2.0, np.full(12, -1), np.full(12, 1), 2.0] * noise / 1.4826, 50)
    midpoint = np.repeat(np.arange(50) * 5e6, 26) + np.tile(np.arange(26) * 1e5, 50)
    return quality.evenness(level + rest, np.ones(1300), chromosome=np.full(1300, "1"), midpoint=midpoint).waviness


def test_waves_stand_out_from_three_errors_on():
    """Of a level's variance, 1.25^2 / 25 = 1/16 of a bin's: and 3 * 2.33 / sqrt(49) of that again."""
    scatter = 1.4826**2 / 2  # squared spread of steps of size 1, of which half is one level's
    bound = np.sqrt((1 + 3 * 2.33 / 7) / 16 / scatter)
    assert steps_of(0.99 * bound, 1.0) == 0
    assert steps_of(1.01 * bound, 1.0) == pytest.approx(np.sqrt(1.01**2 * bound**2 * scatter - 1 / 16))
