"""Errors of windows: those that left-out normals show there, blended with the typical, and what two windows share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.ratios import correct, levels, window_errors
from metcn.reference.panel import Rests
from metcn.stats import student_t

NAN = float("nan")
KIND = np.array(["target"] * 6)
GROUP = np.array([3, 3, 5, 5, 8, 8])
WEIGHT = np.array([1.0, 3.0, 2.0, 2.0, 1.0, 1.0])
LEFT, RIGHT = np.arange(6) < 4, np.arange(6) >= 4


def rests(rest, variance=0.0, noisiness=None):
    """Rests of groups 3, 5 and 8 of normals that are alike unless their ``noisiness`` is said."""
    rest = np.array(rest, dtype=float)
    excess = np.ones(len(rest)) if noisiness is None else np.array(noisiness, dtype=float)
    return {"target": Rests(rest, np.full(rest.shape[1], variance), np.array([3, 5, 8]), excess)}


def errors(rest, variance=0.0, typical=(0.1, 0.1), levels=(LEFT, RIGHT), excess=NAN, noisiness=None):
    known = rests(rest, variance, noisiness)
    return window_errors.of_normals(known, KIND, GROUP, WEIGHT, levels, np.array(typical), {"target": excess})


def widened(normals):
    """An interval of so many degrees of freedom: the normals and two for what is typical; three at least."""
    return student_t.interval(max(normals + 2, 3)) / student_t.quantile(0.975)


def test_an_error_by_hand():
    """Two normals: weights 4 and 4 of groups 3 and 5 give means .2 and -.4; group 8 is the other window's."""
    found = errors([[0.1, 0.3, 0.5], [-0.4, -0.4, 0.1]])
    squares = np.array([(0.2**2 + 0.4**2) / 2, (0.5**2 + 0.1**2) / 2])
    np.testing.assert_allclose(found.sd, widened(2) * np.sqrt((2 * squares + 2 * 0.1**2) / 4))
    np.testing.assert_allclose(found.noise, 0)


def test_bin_noise_is_no_error_that_is_shared():
    """Of the window's variance that of its groups' noise is taken away: (4^2 + 4^2) / 8^2 of .08 is .04."""
    found = errors([[0.1, 0.3, 0.5], [-0.4, -0.4, 0.1]], variance=0.08, typical=(0.0, 0.0))
    assert found.noise[0] == pytest.approx(0.2)
    assert found.sd[0] == pytest.approx(widened(2) * np.sqrt(2 * (0.1 - 0.04) / 4))
    quiet = errors([[0.1, 0.0, 0.1]] * 2, variance=0.08, typical=(0.0, 0.0))
    assert quiet.sd[0] == 0


def test_groups_that_are_noisier_than_others_raise_what_is_typical():
    """Rests of .1 and .3, three normals, where .1 is due: squares 1 and 6.25 (2.5 SDs at most), five of 1 before."""
    found = errors([[0.1, 0.3, 0.1]] * 3, typical=(0.1, 0.1), excess=0.1)
    noisier = np.sqrt((5 + 3 * 1 + 3 * 6.25) / (5 + 6))
    assert found.sd[0] == pytest.approx(widened(3) * np.sqrt((3 * 0.2**2 + 2 * (0.1 * noisier) ** 2) / 5))
    assert found.sd[1] == pytest.approx(widened(3) * np.sqrt((3 * 0.1**2 + 2 * 0.1**2) / 5))


def test_a_noisy_normal_counts_in_its_own_units():
    """Of normals twice as noisy as the typical one half of what they stray by counts."""
    found = errors([[0.1] * 3, [0.1] * 3, [0.2] * 3], typical=(0.0, 0.0), noisiness=[1, 1, 2])
    np.testing.assert_allclose(found.sd, widened(3) * np.sqrt(3 * 0.1**2 / 5))


NOISINESS = [(1.0, 1.0), (2.0, 2.0), (9.0, 4.0), (0.5, 0.7), (NAN, 1.0)]


@pytest.mark.parametrize(("excess", "times"), NOISINESS)
def test_noise_over_that_of_normals_has_bounds(excess, times):
    assert window_errors.relative(excess, np.array([0.5, 1.0, 8.0])) == times
    assert window_errors.relative(excess, np.array([NAN])) == 1.0


def test_bins_that_cover_the_genome_evenly_tell_the_noise():
    one = rests([[0.1] * 3])["target"]
    assert window_errors.judging({"target": one, "off_target": one}) == "off_target"
    assert window_errors.judging({"target": one}) == "target"


MISSING = [
    pytest.param([[NAN, NAN, 0.1], [0.2, 0.2, 0.1]], 1, id="a normal without the window"),
    pytest.param([[NAN, 0.4, 0.1], [0.2, 0.2, 0.1]], 1, id="with just half of its weight"),
    pytest.param([[NAN] * 3] * 2, 0, id="none has it"),
]


@pytest.mark.parametrize(("rest", "count"), MISSING)
def test_normals_without_a_window_say_nothing_of_it(rest, count):
    found = errors(rest)
    expected = np.sqrt((count * 0.2**2 + 2 * 0.1**2) / (count + 2))
    assert found.sd[0] == pytest.approx(widened(count) * expected)


def test_a_window_that_no_normal_has_shares_no_noise_with_them():
    assert errors([[NAN] * 3] * 2, variance=0.08).noise[0] == 0


def test_one_far_normal_does_not_make_windows_go_together():
    """Nine normals in which two windows go apart and one far out in both: beyond 2.5 SDs it says no more."""
    apart = [[0.1, NAN, -0.1], [-0.1, NAN, 0.1]] * 4 + [[0.1, NAN, -0.1]]
    one, other = (np.arange(6) < 2, RIGHT)
    found = errors([*apart, [3.0, NAN, 3.0]], levels=(one, other)).correlation[0, 1]
    columns = [[row[place] for row in apart] + [3.0] for place in (0, 2)]
    assert found == pytest.approx(slow_correlation(columns)[0, 1])
    near = 0.1 / np.sqrt((9 * 0.1**2 + 3.0**2) / 10)
    assert found == pytest.approx((2.5**2 - 9 * near**2) / (2.5**2 + 9 * near**2) * 10 / 15)


def test_without_rests_nothing_is_known():
    assert window_errors.of_normals({}, KIND, GROUP, WEIGHT, [LEFT], np.array([0.1]), {}) is None


def test_kinds_that_normals_do_not_tell_of_lean_on_the_typical():
    other = np.array(["off_target"] * 4 + ["target"] * 2)
    found = window_errors.of_normals(
        rests([[0.1, 0.1, 0.3]] * 3), other, GROUP, WEIGHT, [LEFT, RIGHT], np.array([0.1, 0.1]), {}
    )
    np.testing.assert_allclose(found.sd, [widened(0) * 0.1, widened(3) * np.sqrt((3 * 0.3**2 + 2 * 0.1**2) / 5)])


def slow_correlation(columns):
    """Plain loops over pairs of windows and normals."""
    size = [np.sqrt(np.mean(np.square(column))) for column in columns]
    score = [
        [min(max(value / scale, -2.5), 2.5) for value in column] for column, scale in zip(columns, size, strict=True)
    ]
    found = np.eye(len(columns))
    for one in range(len(columns)):
        for other in range(len(columns)):
            if one != other:
                product = sum(a * b for a, b in zip(score[one], score[other], strict=True))
                scale = np.sqrt(sum(a * a for a in score[one]) * sum(b * b for b in score[other]))
                found[one, other] = product / scale * len(columns[0]) / (len(columns[0]) + 5)
    return found


@given(
    st.lists(st.tuples(*[st.floats(0.01, 1).flatmap(lambda x: st.sampled_from((x, -x)))] * 3), min_size=3, max_size=9)
)
def test_correlation_equals_the_loop_and_is_one(rows):
    singles = [np.arange(6) // 2 == number for number in range(3)]
    found = errors(rows, typical=(0.1,) * 3, levels=singles).correlation
    np.testing.assert_allclose(found, slow_correlation(list(zip(*rows, strict=True))), atol=1e-9)
    assert np.linalg.eigvalsh(found).min() > -1e-9


def test_noise_of_the_sample_s_own_is_not_shared():
    found = errors([[0.2, 0.2, -0.2], [-0.2, -0.2, 0.2], [0.2, 0.2, -0.2]])
    shared = found.correlation[0, 1]
    assert shared == pytest.approx(-3 / 8)
    total = np.hypot(found.sd, found.noise)
    np.testing.assert_allclose(found.between(total)[0, 1], shared)
    np.testing.assert_allclose(found.between(2 * total)[0, 1], shared / 4)
    np.testing.assert_allclose(found.between(np.array([NAN, 1.0])), np.eye(2))


@pytest.mark.parametrize("normals", [3, 5, 10, 24])
def test_intervals_hold_as_often_as_they_say(normals):
    """Windows whose error is 1.5 times the typical, known from few normals: the blend errs, its interval holds."""
    random, true = np.random.default_rng(normals), 0.15
    inside = []
    for _ in range(2000):
        found = errors(random.normal(0, true, (normals, 3)), levels=(RIGHT, RIGHT))
        reach = found.sd[0] * student_t.quantile(0.975)
        inside.append(abs(random.normal(0, true)) < reach)
    assert 0.90 < np.mean(inside) < 0.985


ARM_GROUPS = 40, 70  # targets of unequal weight, and wide windows
ARM_FRACTIONS = 0.3, 0.7


def made_arm():
    """Bins of an arm, one per group, and what left-out normals would tell of such a field."""
    kind = np.repeat(["target", "off_target"], ARM_GROUPS)
    heavy = np.where(np.arange(ARM_GROUPS[0]) % 8 == 0, 25.0, 1.0)
    weight = np.r_[heavy / heavy.sum() * ARM_FRACTIONS[0], np.full(ARM_GROUPS[1], ARM_FRACTIONS[1] / ARM_GROUPS[1])]
    return levels.Observed(
        log2=np.zeros(len(kind)), sd=np.sqrt(1 / weight), kind=kind, group=np.arange(len(kind)),
        excess={"target": 0.16, "off_target": 0.12}, averaged={name: fall_off() for name in ("target", "off_target")},
    )  # fmt: skip


def fall_off():
    """Part of the excess of one group in a mean over neighbours, of which 16 share a fifth of their variance."""
    return {length: float(np.sqrt(0.2 + 0.8 / length)) for length in (2, 4, 8, 16)}


def field(random, seen, count):
    """What groups of ``count`` normals stray by: a part of their own, and one of each 16 neighbours, by kind."""
    parts = []
    for name, groups in zip(("target", "off_target"), ARM_GROUPS, strict=True):
        own = random.normal(size=(count, groups))
        shared = np.repeat(random.normal(size=(count, groups // 16 + 1)), 16, axis=1)[:, :groups]
        parts.append(seen.excess[name] * (np.sqrt(0.8) * own + np.sqrt(0.2) * shared))
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("normals", [3, 5, 10])
def test_intervals_of_arms_are_as_wide_as_needed(normals):
    """Arms of two kinds: errors about as far from the typical as those of real panels, never much too wide."""
    random, seen = np.random.default_rng(normals), made_arm()
    whole = np.ones(len(seen.kind), dtype=bool)
    weight, typical = 1 / np.hypot(seen.sd, correct.BIN_FLOOR) ** 2, seen.common(whole)
    scores = []
    for _ in range(600):
        noise = np.sqrt(3 / random.chisquare(3))  # of this arm over the typical one
        strays = noise * field(random, seen, normals + 1)
        told = {
            name: Rests(strays[1:, own], np.zeros(own.sum()), np.flatnonzero(own), np.ones(normals))
            for name in ("target", "off_target")
            for own in [seen.kind == name]
        }
        found = window_errors.of_normals(told, seen.kind, seen.group, weight, [whole], np.array([typical]), seen.excess)
        scores.append(np.average(strays[0], weights=weight) / found.sd[0])
    assert 0.7 < np.std(scores) < 1.05
    assert 0.93 < np.mean(np.abs(scores) < student_t.quantile(0.975)) < 0.995


def test_what_the_kinds_of_a_window_share_adds_up_in_part():
    """Parts .3 * .16 * root(1/2) and .7 * .12: of the product of both three tenths count, twice."""
    kind = np.array(["target", "target", "off_target"])
    seen = levels.Observed(
        np.zeros(3), np.sqrt(1 / np.array([15.0, 15.0, 70.0]) - correct.BIN_FLOOR**2), kind, np.arange(3),
        {"target": 0.16, "off_target": 0.12}, {},
    )  # fmt: skip
    one, other = 0.3 * 0.16 * np.sqrt(1 / 2), 0.7 * 0.12
    together = np.sqrt(one**2 + other**2 + 2 * 0.3 * one * other)
    assert seen.common(np.ones(3, dtype=bool)) == pytest.approx(together)
    assert seen.common(kind == "off_target") == pytest.approx(0.12)
    assert np.isnan(seen.common(np.zeros(3, dtype=bool)))
