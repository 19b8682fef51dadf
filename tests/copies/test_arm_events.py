"""Stretches that stand out of an arm, and waves: against loops with constants of their own."""

import itertools

import numpy as np
import pytest

from metcn.copies import arm_events


def slow_wave(value, sd, arm, length=60, apart=1):
    """SD that units share over a stretch, from differences of the means of stretches so many apart."""
    steps, errors = [], []
    for number in sorted(set(arm.tolist())):
        rows = np.flatnonzero(arm == number)
        means = []
        for first in range(0, len(rows) - length + 1, length):
            own = rows[first : first + length]
            weight = sum(1 / sd[row] ** 2 for row in own)
            means.append((sum(value[row] / sd[row] ** 2 for row in own) / weight, 1 / weight))
        for (one, own), (other, beside) in zip(means, means[apart:], strict=False):
            steps.append(other - one)
            errors.append(own + beside)
    if len(steps) < 20:
        return 0.0
    scatter = (1.4826 * np.median(np.abs(steps))) ** 2
    return np.sqrt(max(scatter - np.median(errors), 0) / 2)


WAVES = [
    # units of each arm, waves
    pytest.param((700, 659, 125, 30), 0.05, id="waves"),
    pytest.param((700, 700), 0.0, id="none"),
    pytest.param((1260,), 0.05, id="20 differences"),
    pytest.param((1259,), 0.05, id="19 differences"),
    pytest.param((), 0.05, id="nothing"),
]


@pytest.mark.parametrize(("sizes", "wave"), WAVES)
@pytest.mark.parametrize("seed", [1, 2])
def test_waves_equal_the_loop(sizes, wave, seed):
    random = np.random.default_rng(seed)
    arm = np.repeat(np.arange(len(sizes)), sizes)
    sd = random.uniform(0.05, 0.2, len(arm))
    value = random.normal(0, wave, len(arm) // 60 + 1)[np.arange(len(arm)) // 60] + sd * random.normal(size=len(arm))
    found, region = arm_events.waves_of(value, sd, arm), max(slow_wave(value, sd, arm), 0.005 / 1.5)
    assert found.region == pytest.approx(region)
    assert found.short == pytest.approx(max(slow_wave(value, sd, arm, 15), region))
    assert found.far == pytest.approx(max(slow_wave(value, sd, arm, 60, 4), region))


def slow_events(value, precision):
    """Events by trying every stretch: what it adds to twice the log likelihood, its own height and level apart."""
    value = value - np.average(value, weights=precision)
    found = []
    for _ in range(8):
        best = (30.0, None)
        for first, last in itertools.combinations(range(len(value) + 1), 2):
            if last - first == len(value):
                continue
            inside = np.zeros(len(value), dtype=bool)
            inside[first:last] = True
            height = np.average(value[inside], weights=precision[inside])
            height -= np.average(value[~inside], weights=precision[~inside])
            own, rest = precision[inside].sum(), precision[~inside].sum()
            gain = height**2 * own * rest / (own + rest)
            if gain >= best[0]:
                best = (gain, (first, last, height))
        if best[1] is None:
            return found
        found.append(best[1])
        value = value - best[1][2] * (np.isin(np.arange(len(value)), np.arange(*best[1][:2])))
        value = value - np.average(value, weights=precision)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_events_equal_the_loop(seed):
    random = np.random.default_rng(seed)
    precision = random.uniform(20, 100, 40)
    value = random.normal(0, 1 / np.sqrt(precision))
    for _ in range(seed):
        first = random.integers(0, 36)
        value[first : first + random.integers(1, 9)] += random.choice([-1.0, 0.6, 2.0])
    found = list(arm_events.events(value, precision))
    expected = slow_events(value, precision)
    assert [event[:2] for event in found] == [event[:2] for event in expected]
    np.testing.assert_allclose([event[2] for event in found], [event[2] for event in expected])


@pytest.mark.parametrize(("height", "count"), [(0.99, 0), (1.01, 1)])
def test_an_event_adds_thirty_to_the_likelihood(height, count):
    """Ten of forty units of equal precision: 10 * 30 / 40 of it, times the height squared."""
    value = np.r_[np.zeros(12), np.full(10, height * np.sqrt(30 / 7.5)), np.zeros(18)]
    assert len(list(arm_events.events(value, np.ones(40)))) == count


def test_no_more_than_eight_events_of_an_arm():
    value = np.where(np.arange(60) % 6 == 0, 9.0, 0.0)
    assert len(list(arm_events.events(value, np.ones(60)))) == 8
