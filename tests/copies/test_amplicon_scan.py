"""The scan around MET: its likelihoods equal a slow loop's, it finds what is there, and noise it takes for noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metcn.copies import amplicon_scan
from metcn.copies import arm_events as stretches
from metcn.copies.arm_events import LEAST, Waves

OWN = (60, 63)
SIZE = 120
PROFILES = st.lists(st.tuples(st.floats(-2, 2), st.floats(0.05, 0.5)), min_size=6, max_size=14)


def unlikeliness(value, sd, edges):
    """Sum of squared distances from the mean of each stretch between ``edges``, in SDs, as a loop."""
    total = 0.0
    for begin, end in zip([0, *edges], [*edges, len(value)], strict=True):
        weight = [1 / sd[place] ** 2 for place in range(begin, end)]
        mean = sum(w * value[begin + k] for k, w in enumerate(weight)) / sum(weight)
        total += sum(w * (value[begin + k] - mean) ** 2 for k, w in enumerate(weight))
    return total


def mean(value, sd, begin, end):
    return np.average(value[begin:end], weights=sd[begin:end] ** -2.0)


@given(PROFILES)
@settings(max_examples=40)
def test_gains_equal_the_loop(rows):
    value, sd = (np.array(column) for column in zip(*rows, strict=True))
    starts, ends = np.arange(1, 4), np.arange(4, len(rows))
    found = amplicon_scan.gains(value, sd**-2.0, starts, ends)
    for i, start in enumerate(starts):
        for k, end in enumerate(ends):
            sides = max(mean(value, sd, 0, start), mean(value, sd, end, len(value)))
            inside = mean(value, sd, start, end)
            if abs(inside - sides) < 1e-9:  # a tie that rounding decides
                continue
            expected = unlikeliness(value, sd, []) - unlikeliness(value, sd, [start, end]) if inside > sides else 0.0
            assert found[i, k] == pytest.approx(expected, abs=1e-6)


@given(PROFILES)
@settings(max_examples=40)
def test_step_gain_equals_the_loop(rows):
    value, sd = (np.array(column) for column in zip(*rows, strict=True))
    expected = unlikeliness(value, sd, []) - min(unlikeliness(value, sd, [edge]) for edge in range(1, len(value)))
    assert amplicon_scan.step_gain((value / sd)[None], sd**-2.0)[0] == pytest.approx(expected, abs=1e-6)


@given(PROFILES, st.floats(0, 0.5), st.floats(0, 0.5))
@settings(max_examples=40)
def test_a_wave_only_takes_from_a_gain(rows, first, second):
    value, sd = (np.array(column) for column in zip(*rows, strict=True))
    starts, ends = np.arange(1, 4), np.arange(4, len(rows))
    less, more = (amplicon_scan.gains(value, sd**-2.0, starts, ends, Waves(wave)) for wave in sorted((first, second)))
    assert (more <= less + 1e-9).all()
    assert (more >= -1e-9).all()


def noise(seed, *events, size=SIZE, sd=0.1):
    """A profile of noise with ``(first, last, height)`` added."""
    value = np.random.default_rng(seed).normal(0, sd, size)
    for first, last, height in events:
        value[first:last] += height
    return value


def scan(value, own=OWN, sd=0.1, waves=LEAST, alpha=0.01):
    return amplicon_scan.scan(value, np.full(len(value), sd), own, waves=waves, alpha=alpha)


EVENTS = [
    # events, the one that is MET's
    pytest.param([(50, 75, 0.4)], (50, 75), id="amplicon"),
    pytest.param([(60, 63, 1.0)], (60, 63), id="MET alone"),
    pytest.param([(55, 70, 0.5), (20, 30, 1.5)], (55, 70), id="beside a higher amplicon"),
    pytest.param([(0, 120, 0.5), (55, 70, 0.5)], (55, 70), id="on a gained arm"),
    pytest.param([(40, 120, 0.5), (55, 70, 0.5)], (55, 70), id="on a gain that reaches the telomere"),
    pytest.param([(90, 120, -0.5), (55, 70, 0.5)], (55, 70), id="beside a loss"),
    pytest.param([(20, 90, 0.4), (55, 70, 0.6)], (55, 70), id="peak on a broad gain"),
]


@pytest.mark.parametrize(("events", "expected"), EVENTS)
@pytest.mark.parametrize("seed", [1, 2])
def test_finds_the_amplicon_of_met(events, expected, seed):
    found = scan(noise(seed, *events))
    assert found.significant
    assert found.p_value <= 0.01
    assert abs(found.first - expected[0]) <= 1
    assert abs(found.last - expected[1]) <= 1
    assert found.first_range[0] <= found.first <= found.first_range[1] <= OWN[0]
    assert OWN[1] <= found.last_range[0] <= found.last <= found.last_range[1]


NOTHING = [
    pytest.param([], id="noise"),
    pytest.param([(0, 120, 0.8)], id="whole arm"),
    pytest.param([(30, 120, 0.8)], id="to the telomere"),
    pytest.param([(20, 30, 1.5)], id="another amplicon"),
    pytest.param([(55, 70, -0.5)], id="loss"),
    pytest.param([(66, 100, 0.8)], id="gain that begins behind MET"),
]


@pytest.mark.parametrize("events", NOTHING)
@pytest.mark.parametrize("seed", [1, 2])
def test_takes_nothing_else_for_it(events, seed):
    assert not scan(noise(seed, *events), alpha=0.001).significant


def test_noise_is_found_as_rarely_as_promised():
    """Heavy-tailed noise in which neighbours are correlated: 200 profiles at 5 %."""
    random = np.random.default_rng(3)
    found = []
    for _ in range(200):
        value = 0.1 * random.standard_t(5, SIZE + 1)
        found.append(scan(value[1:] + 0.3 * value[:-1], alpha=0.05).p_value)
    assert np.mean(np.array(found) <= 0.05) <= 0.09
    assert np.mean(np.array(found) <= 0.5) >= 0.3


def test_intervals_of_boundaries_hold_the_truth():
    inside = []
    for seed in range(60):
        found = scan(noise(seed, (45, 80, 0.2)), alpha=0.2)
        inside += [found.first_range[0] <= 45 <= found.first_range[1], found.last_range[0] <= 80 <= found.last_range[1]]
    assert np.mean(inside) >= 0.92


def test_a_higher_amplicon_is_more_certain():
    gains = [scan(noise(4, (50, 75, height))).gain for height in (0.1, 0.2, 0.4, 0.8, 3.0)]
    assert gains == sorted(gains)
    assert gains[-1] > 1000  # no ceiling


def test_the_same_profile_gives_the_same_result():
    first, second = (scan(noise(5, (50, 75, 0.2))) for _ in range(2))
    assert (first.gain, first.bound, first.p_value) == (second.gain, second.bound, second.p_value)


# What it would have found


def members(size, own=OWN, count=SIZE):
    """An amplicon of so many units, centred on MET."""
    middle = (own[0] + own[1]) // 2
    return (np.arange(count) >= middle - size // 2) & (np.arange(count) < middle - size // 2 + size)


@pytest.mark.parametrize("waves", [Waves(0.003), Waves(0.03), Waves(0.02, 0.04, 0.03)], ids=["no", "one", "several"])
def test_the_detectable_height_is_true(waves):
    """Amplicons of just that height, on noise and waves of their own: 93 to 97 % are found, over forty samples."""
    random, found, precision = np.random.default_rng(21), [], np.full(SIZE, 100.0)
    starts, ends = (amplicon_scan._spread(edge, first=edge == OWN[0], size=SIZE) for edge in OWN)
    for seed in range(40):
        seen = scan(noise(seed), waves=waves)
        for size in (5, 20, 40):
            inside = members(size)
            least = amplicon_scan.detectable(seen, np.full(SIZE, 0.1), OWN, inside, waves=waves, power=0.95)
            height = np.log2(least.ratio)
            assert height > least.se > 0
            heights = height + random.normal(0, np.sqrt(waves.variance(np.array(size))), (40, 1))
            value = random.normal(0, 0.1, (40, SIZE)) + heights * inside
            found.append(amplicon_scan._statistic(value / 0.1, precision, starts, ends, waves) > seen.bound)
    assert np.shape(found) == (120, 40)
    assert 0.93 <= np.mean(found) <= 0.97


def test_larger_amplicons_and_less_power_need_less_height():
    seen = scan(noise(22))
    by_size, by_power = (
        [
            amplicon_scan.detectable(seen, np.full(SIZE, 0.1), OWN, members(size), waves=LEAST, power=power).ratio
            for size, power in cases
        ]
        for cases in ([(5, 0.95), (10, 0.95), (20, 0.95), (40, 0.95)], [(10, 0.99), (10, 0.95), (10, 0.8), (10, 0.5)])
    )
    assert by_size == sorted(by_size, reverse=True)
    assert by_power == sorted(by_power, reverse=True)


def test_a_sure_amplicon_is_no_noise_to_the_next():
    quiet, loud = (scan(noise(23, *events)) for events in ([], [(50, 75, 2.0)]))
    heights = [
        np.log2(amplicon_scan.detectable(seen, np.full(SIZE, 0.1), OWN, members(20), waves=LEAST, power=0.95).ratio)
        for seen in (quiet, loud)
    ]
    assert heights[0] == pytest.approx(heights[1], rel=0.15)


FEW = [
    pytest.param(29, (10, 12), id="short arm"),
    pytest.param(60, (1, 3), id="next to the beginning"),
    pytest.param(60, (57, 59), id="next to the end"),
    pytest.param(60, (30, 30), id="no unit of MET"),
]


@pytest.mark.parametrize(("size", "own"), FEW)
def test_too_little_to_tell(size, own):
    assert scan(noise(6, size=size), own) is None


def test_many_units_are_searched_coarsely_and_ended_finely():
    value = noise(7, (4990, 5300, 0.5), size=9000)
    found = scan(value, own=(5100, 5110))
    assert abs(found.first - 4990) <= 1
    assert abs(found.last - 5300) <= 1


def test_a_peak_and_the_gain_it_stands_on():
    value = noise(8, (40, 90, 0.5), (54, 70, 1.0))
    found = scan(value)
    stretches = amplicon_scan.nested(value, np.full(SIZE, 0.1), OWN, found, waves=LEAST)
    assert len(stretches) == 2
    assert stretches[-1] == (54, 70)
    np.testing.assert_allclose(stretches[0], (40, 90), atol=1)


def test_a_plain_amplicon_has_one_level():
    value = noise(9, (50, 75, 0.5))
    found = scan(value)
    assert amplicon_scan.nested(value, np.full(SIZE, 0.1), OWN, found, waves=LEAST) == [(found.first, found.last)]


# Waves

ARMS = np.repeat(np.arange(20), 300)


@pytest.mark.parametrize("true", [0.0, 0.02, 0.05])
def test_waves_are_told_from_noise(true):
    random = np.random.default_rng(10)
    wave = np.repeat(random.normal(0, true, len(ARMS) // 60), 60)
    found = stretches.waves_of(wave + random.normal(0, 0.1, len(ARMS)), np.full(len(ARMS), 0.1), ARMS)
    assert found.region == pytest.approx(max(true, stretches.LEAST.region), rel=0.35, abs=0.005)
    assert found.error == pytest.approx(1.5 * found.region)
    assert found.short == pytest.approx(max(true, found.region), rel=0.35, abs=0.01)
    assert found.far == pytest.approx(max(true, found.region), rel=0.35, abs=0.01)


@pytest.mark.parametrize(("length", "longer"), [(15, "short"), (600, "far")])
def test_quick_and_slow_waves_are_told_apart(length, longer):
    """Quick ones average out over a region, slow ones lift regions beside each other alike."""
    random = np.random.default_rng(12)
    arms, wave = np.repeat(np.arange(40), 1_200), np.repeat(random.normal(0, 0.04, 48_000 // length), length)
    found = stretches.waves_of(wave + random.normal(0, 0.1, len(arms)), np.full(len(arms), 0.1), arms)
    assert getattr(found, longer) > 1.4 * found.region


def test_copy_number_steps_are_no_waves():
    random = np.random.default_rng(11)
    steps = np.repeat(random.choice([0, 0.5, 1.0], 20), 300)
    found = stretches.waves_of(steps + random.normal(0, 0.1, len(ARMS)), np.full(len(ARMS), 0.1), ARMS)
    assert max(found.region, found.far) < 0.015


def test_without_a_genome_the_floor():
    assert stretches.waves_of(np.zeros(100), np.ones(100), np.zeros(100, dtype=int)).error == stretches.WAVE_FLOOR


@pytest.mark.parametrize("waves", [Waves(0.02), Waves(0.02, 0.05, 0.02), Waves(0.02, 0.02, 0.06), stretches.NO_WAVES])
@pytest.mark.parametrize("units", [1, 5, 15, 40, 60, 100, 300, 900])
def test_variance_of_a_region_is_that_of_drawn_waves(waves, units):
    drawn = waves.drawn(np.random.default_rng(13), 6_000, 900)[:, :units]
    assert waves.variance(np.array(units)) == pytest.approx(drawn.mean(axis=1).var(), rel=0.12, abs=1e-12)


def false_alarms(waves, told, alpha=0.05):
    """Share of arms with waves and no amplicon in which one is found, told of some waves."""
    random, alarms = np.random.default_rng(14), 0
    for _ in range(60):
        value = waves.drawn(random, 1, 600)[0] + random.normal(0, 0.1, 600)
        alarms += scan(value, (300, 303), waves=told, alpha=alpha).significant
    return alarms / 60


@pytest.mark.parametrize("waves", [Waves(0.02, 0.04, 0.02), Waves(0.02, 0.02, 0.05)], ids=["quick", "slow"])
def test_waves_of_any_length_make_no_amplicon(waves):
    """At 5 % a few of 60 arms; where only those of a region are known, several times as many."""
    assert false_alarms(waves, waves) <= 0.1
    assert false_alarms(waves, Waves(waves.region)) > false_alarms(waves, waves)
