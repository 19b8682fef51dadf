"""The likelihood of segments over purity and ploidy: against a slow sum, and on profiles with known truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metcn.mixture import expected_ratio, mean_copies
from metcn.purity import segment_likelihood
from support import made_tumours

PURITY, PLOIDY = np.linspace(0.1, 1, 19), np.linspace(1.6, 4.0, 25)


def levels_of(frame):
    """Levels of a table of segments."""
    columns = [frame[name].to_numpy(float) for name in ("start", "end", "log2", "se", "probes")]
    return segment_likelihood.levels(frame["chromosome"].to_numpy(str), *columns)


def normal(value, mean, variance):
    return np.exp(-((value - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def slow(observed, purity, ploidy, between):
    """Log-likelihood at one point, written as it is described; the baseline's error left out."""
    step = purity / mean_copies(purity, ploidy)
    low, high = segment_likelihood.SUBCLONAL_SPAN
    total = []
    for noise in segment_likelihood.SHARED_NOISE:
        for spread in segment_likelihood.COPY_SPREADS:
            for kind, shares in enumerate(segment_likelihood.KINDS):
                log = np.log(segment_likelihood.KIND_WEIGHTS[kind])
                for ratio, se, weight in zip(observed.ratio, observed.se, observed.weight, strict=True):
                    density = 0.0
                    for copies, share in enumerate(shares):
                        sd = ratio * np.log(2) * np.hypot(se, noise)
                        variance = sd**2 + (spread * max(copies, 1) * step) ** 2 + (ratio * step * between) ** 2
                        level = expected_ratio(copies, purity, ploidy)
                        density += share * (
                            (1 - segment_likelihood.OUTLIERS) * normal(ratio, level, variance)
                            + segment_likelihood.OUTLIERS
                            * normal(ratio, level, variance * segment_likelihood.OUTLIER_SD**2)
                        )
                    level = (ratio * mean_copies(purity, ploidy) - 2 * (1 - purity)) / purity
                    even = (1 / (high - low) if low < level < high else 0.01) / step
                    part = segment_likelihood.SUBCLONAL[kind]
                    density = (1 - part) * density + part * even + segment_likelihood.FLOOR_DENSITY
                    log += segment_likelihood.TEMPER * weight * np.log(density)
                total.append(log)
    return np.logaddexp.reduce(total)


def test_likelihood_is_the_slow_sum(monkeypatch):
    monkeypatch.setattr(segment_likelihood, "BASELINE_SE", 1e-9)  # then ploidies do not mix
    observed = segment_likelihood.Levels(
        np.array([1.0, 1.3, 0.72, 2.9]), np.array([0.01, 0.02, 0.005, 0.1]), np.array([1, 0.5, 1, 0.2])
    )
    purity, ploidy = np.array([0.3, 0.8]), np.array([2.0, 2.4, 2.8])
    between = 0.4 / np.sqrt(12)
    expected = [[slow(observed, first, second, between) for second in ploidy] for first in purity]
    np.testing.assert_allclose(segment_likelihood.fit(observed, purity, ploidy).log_likelihood, expected, rtol=1e-4)


def test_kinds_are_distributions():
    assert segment_likelihood.KINDS.shape == (len(segment_likelihood.KIND_WEIGHTS), 13)
    np.testing.assert_allclose(segment_likelihood.KINDS.sum(axis=1), 1)
    np.testing.assert_allclose(segment_likelihood.KIND_WEIGHTS.sum(), 1)


@pytest.mark.parametrize("purity", [0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_best_point_is_the_truth(purity, seed):
    tumour = made_tumours.tumour(purity=purity, seed=seed)
    ploidy = np.linspace(1.6, 5.5, 79)
    log = segment_likelihood.fit(levels_of(tumour.segments), PURITY, ploidy).log_likelihood
    at = np.unravel_index(np.argmax(log), log.shape)
    assert abs(PURITY[at[0]] - purity) <= 0.05 + 1e-9
    assert abs(ploidy[at[1]] - tumour.ploidy) <= 0.1


def test_noise_is_estimated():
    few, much = (
        segment_likelihood.fit(levels_of(made_tumours.tumour(purity=0.7, seed=1, noise=noise).segments), PURITY, PLOIDY)
        for noise in (0.003, 0.04)
    )
    best = np.unravel_index(np.argmax(few.log_likelihood), few.noise.shape)
    assert few.noise[best] < 0.02 < much.noise[best]
    assert (
        segment_likelihood.SHARED_NOISE.min() <= few.noise.min()
        and much.noise.max() <= segment_likelihood.SHARED_NOISE.max()
    )


def test_no_segment_says_nothing():
    found = segment_likelihood.fit(segment_likelihood.Levels(*np.zeros((3, 0))), PURITY, PLOIDY)
    assert np.ptp(found.log_likelihood) < 1e-5


class TestLevels:
    """Segments are joined, sorted and sifted."""

    def test_oversegmentation_changes_little(self):
        whole = made_tumours.tumour(purity=0.6, seed=1, noise=0.0)
        parts = whole.segments.loc[whole.segments.index.repeat(2)].reset_index(drop=True)
        middle = (parts["start"] + parts["end"]) // 2
        parts.loc[::2, "end"], parts.loc[1::2, "start"] = middle[::2], middle[1::2]
        one, two = levels_of(whole.segments), levels_of(parts)
        assert len(one.ratio) == len(two.ratio)
        np.testing.assert_allclose(one.ratio, two.ratio)
        np.testing.assert_allclose(one.weight, two.weight)

    def test_what_is_left_out(self):
        frame = made_tumours.tumour(purity=0.6, seed=1).segments.iloc[:6].assign(chromosome=list("123456"))
        kept = len(levels_of(frame).ratio)
        frame.loc[0, "log2"], frame.loc[1, "se"] = np.nan, np.nan
        frame.loc[2, "end"] = frame.loc[2, "start"] + segment_likelihood.LEAST_BP - 1
        frame.loc[3, "probes"] = segment_likelihood.LEAST_BINS - 1
        assert (kept, len(levels_of(frame).ratio)) == (6, 2)

    def test_at_the_bounds_kept(self):
        frame = made_tumours.tumour(purity=0.6, seed=1).segments.iloc[:1].copy()
        frame.loc[0, "end"] = frame.loc[0, "start"] + segment_likelihood.LEAST_BP
        frame.loc[0, "probes"] = segment_likelihood.LEAST_BINS
        assert levels_of(frame).weight == pytest.approx(segment_likelihood.LEAST_BP / segment_likelihood.FULL_BP)

    def test_chromosomes_are_not_joined(self):
        frame = made_tumours.tumour(purity=0.6, seed=1, flat=True, noise=0.0).segments
        assert len(levels_of(frame).ratio) == frame["chromosome"].nunique()

    @given(st.permutations(range(40)))
    @settings(max_examples=10)
    def test_order_does_not_matter(self, order):
        frame = made_tumours.tumour(purity=0.6, seed=1).segments.iloc[:40]
        for first, second in zip(
            vars(levels_of(frame)).values(), vars(levels_of(frame.iloc[list(order)])).values(), strict=True
        ):
            np.testing.assert_array_equal(first, second)
