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


# The constants by their values, not by their names: who changes one changes purities.
NOISES, SPREADS = (0.008, 0.016, 0.03, 0.05), (0.01, 0.05)
SPAN, SUBCLONAL = (-0.3, 8.3), [0.03] + [0.08] * 17
OUTLIERS, OUTLIER_SD, FLOOR, TEMPER = 0.1, 2.5, 1e-6, 0.5


def slow(observed, purity, ploidy, between):
    """Log-likelihood at one point, written as it is described, and its noise; the baseline's error left out."""
    step = purity / mean_copies(purity, ploidy)
    low, high = SPAN
    total = []
    for noise in NOISES:
        for spread in SPREADS:
            for kind, shares in enumerate(segment_likelihood.LEARNED.shares):
                log = np.log(segment_likelihood.LEARNED.weight[kind])
                for ratio, se, weight in zip(observed.ratio, observed.se, observed.weight, strict=True):
                    density = 0.0
                    for copies, share in enumerate(shares):
                        sd = ratio * np.log(2) * np.hypot(se, noise)
                        variance = sd**2 + (spread * max(copies, 1) * step) ** 2 + (ratio * step * between) ** 2
                        level = expected_ratio(copies, purity, ploidy)
                        density += share * (
                            (1 - OUTLIERS) * normal(ratio, level, variance)
                            + OUTLIERS * normal(ratio, level, variance * OUTLIER_SD**2)
                        )
                    level = (ratio * mean_copies(purity, ploidy) - 2 * (1 - purity)) / purity
                    even = (1 / (high - low) if low < level < high else 0.01) / step
                    part = SUBCLONAL[kind]
                    density = (1 - part) * density + part * even + FLOOR
                    log += TEMPER * weight * np.log(density)
                total.append((noise, log))
    noises, logs = np.array(total).T
    whole = np.logaddexp.reduce(logs)
    return whole, np.sum(noises * np.exp(logs - whole))


SEGMENTS = {
    "levels as tumours have": ([1.0, 1.3, 0.72, 2.9], [0.01, 0.02, 0.005, 0.1], [1, 0.5, 1, 0.2]),
    "below no copies": ([0.06, 1.0], [0.3, 0.01], [1, 1]),
    "around the most copies of subclones": ([3.48, 3.56], [0.01, 0.01], [1, 1]),
    "nothing explains it": ([12.0, 1.0], [0.001, 0.01], [1, 1]),
}
GRID = np.array([0.3, 0.8]), np.array([2.0, 2.4, 2.8])


@pytest.mark.parametrize("columns", SEGMENTS.values(), ids=list(SEGMENTS))
def test_likelihood_and_noise_are_the_slow_sum(monkeypatch, columns):
    monkeypatch.setattr(segment_likelihood, "BASELINE_SE", 1e-9)  # then ploidies do not mix
    observed = segment_likelihood.Levels(*(np.array(column, dtype=float) for column in columns))
    between = 0.4 / np.sqrt(12)
    expected = np.array([[slow(observed, first, second, between) for second in GRID[1]] for first in GRID[0]])
    found = segment_likelihood.fit(observed, *GRID)
    np.testing.assert_allclose(found.log_likelihood, expected[:, :, 0], rtol=1e-4)
    np.testing.assert_allclose(found.noise, expected[:, :, 1], rtol=1e-3)
    single = segment_likelihood.fit(observed, GRID[0], GRID[1][:1])  # one ploidy has no neighbours between which to lie
    assert single.log_likelihood[0, 0] == pytest.approx(slow(observed, 0.3, 2.0, 0.0)[0], rel=1e-4)


def test_a_shifted_baseline_is_a_shifted_ploidy(monkeypatch):
    """Averaged over ploidies whose mean copies differ by an error of 0.016 log2."""
    observed = segment_likelihood.Levels(*(np.array(column) for column in SEGMENTS["levels as tumours have"]))
    ploidy = np.linspace(2, 2.2, 9)
    blurred = segment_likelihood.fit(observed, GRID[0], ploidy).log_likelihood
    monkeypatch.setattr(segment_likelihood, "BASELINE_SE", 1e-9)
    sharp = segment_likelihood.fit(observed, GRID[0], ploidy).log_likelihood
    for row, purity in enumerate(GRID[0]):
        place = np.log2(mean_copies(purity, ploidy))
        for column in range(9):
            weight = np.exp(-0.5 * ((place - place[column]) / 0.016) ** 2)
            expected = np.log(np.sum(weight / weight.sum() * np.exp(sharp[row] - sharp.max()))) + sharp.max()
            assert blurred[row, column] == pytest.approx(expected, abs=1e-6)


def test_the_learned_kinds_are_those_that_were_learned():
    """Sums with unlike weights: what benchmarks/kinds.py learns anew is a change of numbers."""
    rank = np.sqrt(np.arange(1, 8 * 13 + 1)).reshape(8, 13)
    assert float((segment_likelihood.KINDS * rank).sum()) == pytest.approx(52.39752442061805, rel=1e-9)
    assert segment_likelihood.KIND_WEIGHTS.tolist() == [0.05, 0.082, 0.160, 0.20, 0.204, 0.150, 0.082, 0.072]


def test_learned_kinds_also_lie_a_copy_higher_and_lower():
    shares = [[0.0, 0.05, 0.91, 0.04], [0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.3, 0.2]]
    few = segment_likelihood.Kinds(np.array(shares), np.array([0.3, 0.6, 0.1]))
    wide = few.widened(unlike=(2,))  # the first is flat
    np.testing.assert_allclose(wide.weight, [0.3, 0.48, 0.1, 0.06, 0.06])
    np.testing.assert_allclose(wide.shares[3:], [[0, 0.1, 0.2, 0.7], [0.3, 0.3, 0.4, 0]], atol=2e-4)
    np.testing.assert_allclose(wide.shares[:3], few.shares)
    nearly = segment_likelihood.Kinds(np.array([[0.02, 0.05, 0.89, 0.04]]), np.ones(1))
    assert len(nearly.widened().weight) == 3


def test_a_copy_more_throughout_is_not_ruled_out_by_the_kinds_alone():
    """Purity p at ploidy P and 2p / (2 - p) at P + 1 give the same levels; the kinds only prefer one of them."""
    few = made_tumours.tumour(purity=0.3, seed=1, noise=0.0)
    purity, ploidy = np.array([0.3, 0.6 / 1.7]), np.array([few.ploidy, few.ploidy + 1])
    log = segment_likelihood.fit(levels_of(few.segments), purity, ploidy).log_likelihood
    assert 0 < log[0, 0] - log[1, 1] < 4


def test_kinds_are_distributions():
    np.testing.assert_allclose(segment_likelihood.LEARNED.shares.sum(axis=1), 1)
    np.testing.assert_allclose(segment_likelihood.LEARNED.weight.sum(), 1)
    assert len(segment_likelihood.LEARNED.weight) == 8 + 2 * 5
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
        first, second = levels_of(frame), levels_of(frame.iloc[list(order)])
        for name in ("ratio", "se", "weight"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        np.testing.assert_array_equal(first.of_row[list(order)], second.of_row)


# Joining and sifting by hand


def joined(*rows):
    """Levels of segments (length in Mb, log2, error, bins) that follow each other on one chromosome."""
    length, log2, se, bins = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    end = np.cumsum(length) * 1e6
    return segment_likelihood.levels(np.full(len(rows), "1"), end - length * 1e6, end, log2, se, bins)


def test_joined_neighbours_weigh_by_their_length():
    found = joined((9, 0.30, 0.02, 4), (3, 0.34, 0.04, 3))
    np.testing.assert_allclose(np.log2(found.ratio), [0.31])
    np.testing.assert_allclose(found.se, np.sqrt(0.75**2 * 0.02**2 + 0.25**2 * 0.04**2))
    np.testing.assert_allclose(found.weight, 12 / 20)
    three = joined((9, 0.30, 0.02, 4), (3, 0.34, 0.04, 3), (12, 0.31, 0.01, 9))
    np.testing.assert_allclose(three.se, np.sqrt(0.5**2 * found.se**2 + 0.5**2 * 0.01**2))
    np.testing.assert_allclose(three.weight, 1)


@pytest.mark.parametrize(("apart", "count"), [(0.0441, 1), (0.0442, 2)])
def test_neighbours_within_two_errors_are_one(apart, count):
    """Two errors of 0.01 and 0.012 each: 2 * sqrt(2 * 0.01^2 + 2 * 0.012^2) = 0.04418."""
    assert len(joined((9, 0.0, 0.01, 9), (9, apart, 0.01, 9)).ratio) == count


KEPT = [
    # length in Mb, bins, kept
    pytest.param(3, 5, True, id="at both bounds"),
    pytest.param(2.999999, 5, False, id="too short"),
    pytest.param(3, 4, False, id="too few bins"),
]


@pytest.mark.parametrize(("length", "bins", "kept"), KEPT)
def test_bounds_of_length_and_bins(length, bins, kept):
    assert joined((length, 0.0, 0.01, bins)).weight.tolist() == [pytest.approx(0.15)] * kept


def test_no_error_is_none():
    assert joined((9, 0.0, 0.0, 9)).se.tolist() == [pytest.approx(1e-3)]
