"""Copies in the carriers of a gain, by how many of the tumour cells they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.copies import subclonality
from metcn.copies.posterior import Draws

CASES = [
    # copies in all, fraction, copies of the others, copies in the carriers
    pytest.param(10, 0.5, 2, 18, id="half of the cells"),
    pytest.param(10, 1.0, 2, 10, id="all of them"),
    pytest.param(6, 0.25, 4, 12, id="on a polysomy"),
    pytest.param(2, 0.3, 2, 2, id="no gain"),
]


@pytest.mark.parametrize(("copies", "fraction", "others", "carriers"), CASES)
def test_copies_in_carriers(copies, fraction, others, carriers):
    assert subclonality.in_carriers(copies, fraction, others) == pytest.approx(carriers)


@given(st.floats(0.05, 1), st.floats(2, 70), st.floats(0, 8))
def test_carriers_and_others_make_the_mean(fraction, copies, others):
    carriers = subclonality.in_carriers(copies, fraction, others)
    assert fraction * carriers + (1 - fraction) * others == pytest.approx(copies, abs=1e-6)


def drawn(copies, cep7=2.0, group=None):
    copies = np.asarray(copies, dtype=float)
    values = {"copies": copies, "cep7": np.full(len(copies), cep7), "weight": np.ones(len(copies))}
    return Draws.of(values if group is None else values | {"group": group})


def test_the_curve_ends_where_copies_become_implausible():
    """At 16 copies on 2, a fifth of the cells would carry 72 each, more than any gene is known to have."""
    points = subclonality.curve(drawn([15.9, 16.0, 16.1]))
    assert [point.fraction for point in points] == [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    assert [points[0].copies.value, points[5].copies.value] == [pytest.approx(16), pytest.approx(30)]
    assert subclonality.curve(drawn([15.6, 15.6]))[-1].fraction == 0.2  # 70.0 in a fifth is the last that is plausible
    assert subclonality.curve(drawn([15.7, 15.7]))[-1].fraction == 0.3


def test_others_have_two_copies_where_the_centromere_is_unknown():
    points = subclonality.curve(drawn([10.0, 10.0], cep7=np.nan))
    assert points[5].copies.value == pytest.approx(18)


NOTHING = [
    pytest.param(drawn([1.9, 2.0, 2.2]), id="no sure gain"),
    pytest.param(drawn([6.0, 6.0], cep7=6.0), id="polysomy"),
    pytest.param(drawn([9.0, 12.0], group=[0, 1]), id="purity is open"),
    pytest.param(drawn([np.nan, np.nan]), id="no copies"),
]


@pytest.mark.parametrize("draws", NOTHING)
def test_nothing_is_told(draws):
    assert subclonality.curve(draws) == ()
