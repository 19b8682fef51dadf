"""The one equation: exact cases, its inverse, its monotonicity, and what other tools' versions of it get wrong."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metcn.mixture import expected_ratio, mean_copies, tumour_copies

PURITY = st.floats(0.01, 1.0)
PLOIDY = st.floats(1.0, 8.0)
COPIES = st.floats(0.0, 200.0)
RATIO = st.floats(0.0, 50.0)

CASES = [
    # copies, purity, ploidy, ratio
    pytest.param(2, 0.3, 2, 1.0, id="nothing changed"),
    pytest.param(10, 0.2, 2, 1.8, id="FISH 10 copies at 20 %"),
    pytest.param(2, 0.2, 2, 1.0, id="its CEP7"),
    pytest.param(5, 0.05, 2, 1.075, id="5 copies at 5 %"),
    pytest.param(12, 0.5, 4, 7 / 3, id="doubled genome"),
    pytest.param(4, 0.5, 4, 1.0, id="doubled genome, unchanged locus"),
    pytest.param(2, 0.5, 4, 2 / 3, id="doubled genome, two copies are a loss"),
    pytest.param(0, 1, 2, 0.0, id="homozygous deletion"),
    pytest.param(0, 0.5, 2, 0.5, id="homozygous deletion at 50 %"),
    pytest.param(15, 1, 3, 5.0, id="cell line"),
    # Illumina, online help of TruSight Tumor 170, copy-number calling: a fold change of 2.2 at 30 % tumour cells
    pytest.param(10, 0.3, 2, 2.2, id="another's: TruSight Tumor 170"),
]


@pytest.mark.parametrize(("copies", "purity", "ploidy", "ratio"), CASES)
def test_known_cases_both_ways(copies, purity, ploidy, ratio):
    assert expected_ratio(copies, purity, ploidy) == pytest.approx(ratio, abs=1e-12)
    assert tumour_copies(ratio, purity, ploidy) == pytest.approx(copies, abs=1e-12)


@given(COPIES, PURITY, PLOIDY)
def test_round_trip(copies, purity, ploidy):
    assert tumour_copies(expected_ratio(copies, purity, ploidy), purity, ploidy) == pytest.approx(copies, abs=1e-9)


@given(RATIO, RATIO, PURITY, PLOIDY)
def test_copies_grow_with_the_ratio(first, second, purity, ploidy):
    low, high = sorted((first, second))
    assume(high - low > 1e-6)
    assert tumour_copies(low, purity, ploidy) < tumour_copies(high, purity, ploidy)


@given(st.floats(1.0, 50.0), PURITY, PURITY, PLOIDY)
def test_lower_purity_never_means_fewer_copies_of_a_gain(ratio, first, second, ploidy):
    low, high = sorted((first, second))
    assert tumour_copies(ratio, low, ploidy) >= tumour_copies(ratio, high, ploidy) - 1e-9


@given(RATIO, PURITY, PLOIDY, PLOIDY)
def test_higher_ploidy_never_means_fewer_copies(ratio, purity, first, second):
    low, high = sorted((first, second))
    assert tumour_copies(ratio, purity, high) >= tumour_copies(ratio, purity, low) - 1e-9


@given(st.lists(st.tuples(st.floats(1.0, 250.0), st.integers(0, 30)), min_size=1, max_size=30), PURITY)
def test_the_length_weighted_mean_ratio_of_a_karyotype_is_one(segments, purity):
    """This, and not a median, is the scale on which a depth ratio has to be given."""
    length, copies = (np.array(column, dtype=float) for column in zip(*segments, strict=True))
    ploidy = np.average(copies, weights=length)
    assume(mean_copies(purity, ploidy) > 0.01)
    assert np.average(expected_ratio(copies, purity, ploidy), weights=length) == pytest.approx(1)


def test_arrays_broadcast_and_missing_stays_missing():
    ratio, purity = np.array([1.0, 2.0, np.nan])[:, None], np.array([0.2, 0.5, np.nan, 1.0])
    copies = tumour_copies(ratio, purity, 2.0)
    assert copies.shape == (3, 4)
    np.testing.assert_array_equal(np.isnan(copies), np.isnan(ratio) | np.isnan(purity))
    np.testing.assert_allclose(copies[1], [12.0, 6.0, np.nan, 4.0])
    np.testing.assert_allclose(expected_ratio(copies, purity, 2.0)[0], [1.0, 1.0, np.nan, 1.0])


def test_noise_below_zero_is_not_clipped():
    assert tumour_copies(0.7, 0.2, 2.0) == pytest.approx(-1.0)


def cnvkit_copies(ratio, purity, ploidy):
    """What ``cnvkit.py call --purity --ploidy`` computes before it rounds: normal cells get the tumour's ploidy."""
    return (ploidy * ratio - ploidy * (1 - purity)) / purity


@given(COPIES, PURITY, PLOIDY)
def test_cnvkits_formula_is_wrong_in_proportion_to_ploidy_beyond_two(copies, purity, ploidy):
    ratio = expected_ratio(copies, purity, ploidy)
    told_ploidy = cnvkit_copies(ratio, purity, ploidy) - copies
    told_two = cnvkit_copies(ratio, purity, 2.0) - copies
    assert told_ploidy == pytest.approx((1 - purity) * (ploidy - 2) * (ratio - 1) / purity, abs=1e-6)
    assert told_two == pytest.approx(-ratio * (ploidy - 2), abs=1e-6)


@pytest.mark.parametrize(("told", "called"), [(4, 15), (2, 7)])
def test_cnvkit_itself_misses_twelve_copies(told, called):
    from cnvlib.call import do_call
    from cnvlib.cnary import CopyNumArray

    log2 = float(np.log2(expected_ratio(12, 0.5, 4)))
    row = {"chromosome": "chr7", "start": 1, "end": 9, "gene": "MET", "log2": log2, "depth": 1.0, "weight": 1.0}
    array = CopyNumArray(pd.DataFrame([row]), {"sample_id": "s"})
    assert do_call(array, method="clonal", ploidy=told, purity=0.5)["cn"].tolist() == [called]
