"""Limits of detection: the promised error rates hold, and each formula is the mixture equation solved the other way."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.copies import detection_limit
from metcn.mixture import expected_ratio, tumour_copies
from metcn.purity import grid as purity
from metcn.stats import student_t

SE = st.floats(0.001, 1.0)
ALPHA, POWER = st.floats(1e-6, 0.4), st.floats(0.5, 0.999)
RATIO, PLOIDY, COPIES = st.floats(1.0005, 6), st.floats(1, 8), st.floats(0, 60)
NAN = float("nan")


def grid(of_purity, of_ploidy):
    return purity.PurityGrid.of(purity.axis(of_purity, (0.1, 1.0)), purity.axis(of_ploidy, (1.6, 5.0)))


def limit_of(se, where, alpha=0.001, power=0.95):
    return detection_limit.detectable_copies(
        detection_limit.detectable_ratio(se, alpha=alpha, power=power), se, where, power=power
    )


@given(SE, ALPHA, POWER)
def test_the_detectable_ratio_has_the_promised_error_rates(se, alpha, power):
    """A test at level alpha detects it with just that power, if errors are those of the posterior."""
    ratio = detection_limit.detectable_ratio(se, alpha=alpha, power=power)
    assert detection_limit.power_at(ratio, se, alpha=alpha) == pytest.approx(power, abs=1e-6)
    assert detection_limit.power_at(1.0, se, alpha=alpha) == pytest.approx(alpha, abs=1e-6)


ERRORS = [
    pytest.param(lambda random, size: student_t.UNIT * random.standard_t(student_t.FREEDOM, size), id="Student"),
    pytest.param(lambda random, size: random.normal(size=size), id="normal"),
]


@pytest.mark.parametrize("errors", ERRORS)
@pytest.mark.parametrize(("share", "ploidy", "se"), [(0.05, 2.0, 0.02), (0.3, 2.0, 0.05), (0.6, 3.4, 0.08)])
def test_the_limit_of_detection_is_true(errors, share, ploidy, se):
    """Tumours with as many copies as the limit says are seen in 93 to 97 %, normal samples in one in a thousand."""
    copies = limit_of(se, grid((share, share), (ploidy, ploidy)))
    error, shown = se * errors(np.random.default_rng(1), 20_000), math.log2(expected_ratio(copies, share, ploidy))
    seen = np.mean([detection_limit.detected(shown + each, se, alpha=0.001) for each in error])
    assert 0.93 <= seen <= 0.97
    assert np.mean([detection_limit.detected(each, se, alpha=0.001) for each in error]) <= 0.002


@given(SE, ALPHA, st.floats(0.1, 5), st.floats(0.1, 5))
def test_power_rises_with_the_ratio(se, alpha, first, second):
    low, high = (detection_limit.power_at(ratio, se, alpha=alpha) for ratio in sorted((first, second)))
    assert low <= high


@pytest.mark.parametrize(("log2", "se"), [(NAN, 0.1), (0.5, NAN), (0.0, 0.1), (-3.0, 0.1)])
def test_what_is_missing_or_not_above_neutral_is_not_detected(log2, se):
    assert not detection_limit.detected(log2, se, alpha=0.001)


@given(RATIO)
def test_each_plausible_purity_has_its_own_limit(ratio):
    where = grid(None, (2.0, 2.0))
    found = detection_limit.copies_by_group(ratio, 0.05, where, power=0.95)
    np.testing.assert_allclose(found, tumour_copies(ratio, where.purity, 2.0))
    assert (np.diff(found) < 0).all()  # groups stand in order of purity


@given(SE, SE, ALPHA, POWER)
def test_more_error_needs_more_ratio(first, second, alpha, power):
    low, high = (detection_limit.detectable_ratio(se, alpha=alpha, power=power) for se in sorted((first, second)))
    assert 1 <= low <= high


@pytest.mark.parametrize(("se", "ratio"), [(0.0, 1.0), (float("nan"), float("nan"))])
def test_no_error_and_no_measurement(se, ratio):
    np.testing.assert_equal(detection_limit.detectable_ratio(se, alpha=0.001, power=0.95), ratio)


@given(RATIO, PLOIDY, COPIES)
def test_purity_for_is_the_equation_solved_for_purity(ratio, ploidy, copies):
    found = detection_limit.purity_for(ratio, [copies], ploidy)[f"{copies:g}"]
    if math.isnan(found):
        purities = np.linspace(0.001, 1, 300)
        assert (expected_ratio(copies, purities, ploidy) < ratio).all()
    elif found > detection_limit.LOWEST_PURITY:
        assert 0 < found <= 1
        assert expected_ratio(copies, found, ploidy) == pytest.approx(ratio, rel=1e-9)
    else:
        assert expected_ratio(copies, found, ploidy) >= ratio - 1e-9


@given(RATIO, PLOIDY)
def test_more_copies_are_seen_at_lower_purity(ratio, ploidy):
    found = [
        value
        for value in detection_limit.purity_for(ratio, [5, 6, 10, 50, 500], ploidy).values()
        if not math.isnan(value)
    ]
    assert found == sorted(found, reverse=True)


FRAME = [
    # detectable ratio, copies, ploidy, purity
    pytest.param(1.075, 5, 2, 0.05, id="5 copies at 5 %"),
    pytest.param(1.8, 10, 2, 0.2, id="10 copies at 20 %"),
    pytest.param(2.5, 5, 2, 1.0, id="only in a pure tumour"),
    pytest.param(2.6, 5, 2, float("nan"), id="at no purity"),
    pytest.param(1.5, 2, 2, float("nan"), id="no gain at all"),
    pytest.param(1.1, 4, 4, float("nan"), id="four copies in a doubled genome are none"),
]


@pytest.mark.parametrize(("ratio", "copies", "ploidy", "expected"), FRAME)
def test_purity_for(ratio, copies, ploidy, expected):
    found = detection_limit.purity_for(ratio, [copies], ploidy)
    assert list(found) == [f"{copies:g}"]
    np.testing.assert_allclose(list(found.values()), [expected])


@given(SE, PLOIDY)
def test_what_a_pure_tumour_just_shows_needs_a_pure_tumour(se, ploidy):
    ratio = detection_limit.detectable_ratio(se, alpha=0.001, power=0.95)
    copies = detection_limit.detectable_copies(ratio, se, grid((1.0, 1.0), (ploidy, ploidy)), power=0.95)
    assert list(detection_limit.purity_for(ratio, [copies], ploidy).values()) == [pytest.approx(1.0)]


@given(RATIO, st.floats(0.01, 1), PLOIDY)
def test_detectable_copies_give_the_detectable_ratio(ratio, share, ploidy):
    copies = detection_limit.detectable_copies(ratio, 0.05, grid((share, share), (ploidy, ploidy)), power=0.95)
    assert expected_ratio(copies, share, ploidy) == pytest.approx(ratio)


@given(RATIO, SE, POWER)
def test_unknown_purity_gets_the_worst_case(ratio, se, power):
    worst = detection_limit.detectable_copies(ratio, se, grid(None, None), power=power)
    assert worst == pytest.approx(max(tumour_copies(ratio, p, q) for p in (0.1, 1.0) for q in (1.6, 5.0)))
    assert worst >= detection_limit.detectable_copies(ratio, se, grid((0.3, 0.5), (2.0, 2.5)), power=power) - 1e-6


RANGES = [
    # purity, ploidy, error
    pytest.param((0.3, 0.5), (2, 2), 0.05, id="purity by sight"),
    pytest.param((0.05, 0.15), (2, 2), 0.02, id="low purity"),
    pytest.param((0.4, 0.4), (1.8, 3), 0.05, id="ploidy"),
    pytest.param((0.2, 0.6), (2, 3), 0.1, id="both"),
]


@pytest.mark.parametrize(("of_purity", "of_ploidy", "se"), RANGES)
def test_the_limit_of_detection_is_true_over_a_range(of_purity, of_ploidy, se):
    """Tumours of any purity and ploidy within what is known, with as many copies as the limit says: 95 % are seen."""
    random, size = np.random.default_rng(6), 40_000
    copies = limit_of(se, grid(of_purity, of_ploidy))
    shown = np.log2(expected_ratio(copies, random.uniform(*of_purity, size), random.uniform(*of_ploidy, size)))
    error = se * student_t.UNIT * random.standard_t(student_t.FREEDOM, size)
    seen = np.mean(shown + error > se * student_t.quantile(1 - 0.001))
    assert 0.94 <= seen <= 0.96  # the middle of the range alone would give 60 to 92 %


@given(RATIO, SE, POWER)
def test_a_range_needs_more_than_its_middle_and_no_more_than_its_worst(ratio, se, power):
    found = detection_limit.detectable_copies(ratio, se, grid((0.2, 0.6), (2.0, 2.0)), power=power)
    assert found <= tumour_copies(ratio, 0.2, 2.0) + 1e-6
    assert found >= tumour_copies(ratio, 0.6, 2.0) - 1e-6
    if power >= 0.9:
        assert found >= tumour_copies(ratio, 0.4, 2.0) - 1e-6


def test_a_missing_ratio_has_no_limit():
    nan = float("nan")
    for known in (grid((0.4, 0.4), (2, 2)), grid((0.3, 0.5), (2, 2)), grid(None, None)):
        assert math.isnan(detection_limit.detectable_copies(nan, nan, known, power=0.95))
    assert all(math.isnan(value) for value in detection_limit.purity_for(nan, [5, 10], 2.0).values())


def test_without_error_a_range_needs_its_worst_point():
    assert detection_limit.detectable_copies(1.2, 0.0, grid((0.2, 0.4), (2, 2)), power=0.95) == tumour_copies(
        1.2, 0.2, 2
    )


def test_the_weight_of_a_group_is_no_matter():
    where = grid((0.3, 0.5), (2, 2))
    heavy = replace(where, weight=7 * where.weight)
    found = [detection_limit.detectable_copies(1.2, 0.05, each, power=0.95) for each in (where, heavy)]
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_a_purity_is_never_told_as_none():
    """A ratio of 1 is reached at any purity; the lowest that is told is 1 in 10,000."""
    assert detection_limit.purity_for(1.0, [5], 2.0) == {"5": 1e-4}
    assert detection_limit.purity_for(1.0003, [5], 2.0)["5"] == pytest.approx(2e-4)


KNOWN = [
    # log2 ratio, its error, alpha, detected: a Student's t with 8 degrees of freedom, scaled to unit variance, has its
    # 99.9 % point at 4.5008 * sqrt(6 / 8) = 3.8978 errors
    pytest.param(0.3897, 0.1, False, id="just below"),
    pytest.param(0.3899, 0.1, True, id="just above"),
]


@pytest.mark.parametrize(("log2", "se", "expected"), KNOWN)
def test_detected_at_the_known_quantile(log2, se, expected):
    assert detection_limit.detected(log2, se, alpha=0.001) is expected
    assert detection_limit.detectable_ratio(se, alpha=0.001, power=0.5) == pytest.approx(2**0.38978, rel=1e-4)
