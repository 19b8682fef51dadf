"""How far a sample lies outside the range of its normals, and what that does to its error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.ratios import quality

CASES = [
    # scores of components, excess over normals, times the border
    pytest.param({}, {}, 1.0, id="nothing known"),
    pytest.param({"target": [1.0, -5.9]}, {"target": 1.9}, 1.0, id="within"),
    pytest.param({"target": [6.0]}, {"target": 2.0}, 1.0, id="at the border"),
    pytest.param({"target": [1.0], "off_target": [-9.0]}, {"target": 1.0}, 1.5, id="a score beyond it"),
    pytest.param({"target": [1.0]}, {"target": 5.0}, 2.5, id="genes that stray beyond it"),
    pytest.param({"target": [12.0]}, {"target": 5.0}, 2.5, id="the farther of the two"),
]


@pytest.mark.parametrize(("scores", "excess", "expected"), CASES)
def test_outside(scores, excess, expected):
    assert quality.outside(scores, excess) == expected


@pytest.mark.parametrize(("normals", "expected"), [(0, 1.0), (20, 1.4), (60, 1.6), (3_980, 1.796)])
def test_few_normals_hardly_know_their_range(normals, expected):
    assert quality.extrapolated(1.8, normals) == pytest.approx(expected)
    assert quality.extrapolated(9.0, normals) == quality.extrapolated(2.0, normals)


@given(st.floats(0, 20), st.integers(0, 200))
def test_an_error_grows_from_the_border_without_a_step(beyond, normals):
    found = [
        quality.extrapolated(quality.outside({"target": [score]}, {}), normals) for score in (beyond, beyond + 1e-6)
    ]
    assert 1 <= found[0] <= found[1] <= found[0] + 1e-6
    assert np.isfinite(found).all()
