"""Purity and ploidy: what is given, what is not, and the grid of points that stands for it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made_depth
from metcn import config, mixture, purity
from metcn.errors import InputError

N = purity.PLAUSIBLE_POINTS
PURITY_SPAN, PLOIDY_SPAN = (0.1, 1.0), (1.6, 5.0)

AXES = [
    # given, source, value, points
    pytest.param((0.4, 0.4), "given", 0.4, [0.4], id="a value"),
    pytest.param((0.3, 0.5), "given_range", 0.4, np.linspace(0.3, 0.5, purity.RANGE_POINTS), id="a range"),
    pytest.param(None, "unknown", float("nan"), np.geomspace(0.1, 1.0, N), id="nothing: all that is plausible"),
]


@pytest.mark.parametrize(("given", "source", "value", "points"), AXES)
def test_axis(given, source, value, points):
    found = purity.axis(given, PURITY_SPAN)
    assert found.source == source
    np.testing.assert_allclose(found.value, value)
    np.testing.assert_allclose(found.points(), points)


GRIDS = [
    # purity, ploidy, points, groups
    pytest.param((0.4, 0.4), (2.0, 2.0), 1, 1, id="both given"),
    pytest.param((0.3, 0.5), (2.0, 2.0), 21, 1, id="range of purity"),
    pytest.param((0.3, 0.5), (2.0, 3.0), 441, 1, id="both ranges"),
    pytest.param(None, (2.0, 2.0), N, N, id="purity unknown"),
    pytest.param((0.4, 0.4), None, N, N, id="ploidy unknown"),
    pytest.param((0.3, 0.5), None, 21 * N, N, id="range of purity, ploidy unknown"),
    pytest.param(None, (2.0, 3.0), 21 * N, N, id="purity unknown, range of ploidy"),
    pytest.param(None, None, N * N, N * N, id="both unknown"),
]


@pytest.mark.parametrize(("of_purity", "of_ploidy", "points", "groups"), GRIDS)
def test_grid(of_purity, of_ploidy, points, groups):
    grid = purity.grid(purity.axis(of_purity, PURITY_SPAN), purity.axis(of_ploidy, PLOIDY_SPAN))
    assert {name: len(values) for name, values in grid.items()} == dict.fromkeys(grid, points)
    assert sorted(set(grid["group"].tolist())) == list(range(groups))
    np.testing.assert_allclose(np.bincount(grid["group"], weights=grid["weight"]), 1)
    pairs = set(zip(grid["purity"].tolist(), grid["ploidy"].tolist(), strict=True))
    assert len(pairs) == points


SPAN = st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(lambda pair: tuple(sorted(pair)))


@given(st.one_of(st.none(), SPAN), st.one_of(st.none(), SPAN))
def test_points_of_a_group_differ_only_along_what_is_known(of_purity, of_ploidy):
    axes = purity.axis(of_purity, PURITY_SPAN), purity.axis(of_ploidy, PLOIDY_SPAN)
    grid = purity.grid(*axes)
    np.testing.assert_allclose(np.bincount(grid["group"], weights=grid["weight"]), 1)
    for number in np.unique(grid["group"]):
        for axis, name in zip(axes, ("purity", "ploidy"), strict=True):
            values = grid[name][grid["group"] == number]
            assert axis.known or len(set(values.tolist())) == 1
            assert axis.span[0] - 1e-12 <= values.min() <= values.max() <= axis.span[1] + 1e-12


# The stage


def run(folder, specimen="tissue", purity="", ploidy="", **settings):
    inputs = {"specimen": specimen, "purity": purity, "ploidy": ploidy, "segments": folder / "s.cns"}
    made_depth.run("purity", settings, sample="s", output=folder / "s.json", **inputs)
    return json.loads((folder / "s.json").read_text())


CASES = [
    # specimen, purity, ploidy, known, reasons
    pytest.param("tissue", "0.4", "2", True, [], id="both given"),
    pytest.param("tissue", "0.3-0.5", "2.0-2.4", True, [], id="ranges"),
    pytest.param("tissue", "", "2", False, ["purity_unknown"], id="no purity"),
    pytest.param("tissue", "0.4", "", False, ["ploidy_unknown"], id="no ploidy"),
    pytest.param("plasma", "", "", False, ["purity_unknown", "ploidy_unknown"], id="neither"),
    pytest.param("plasma", "0.01", "2", True, [], id="at the floor"),
    pytest.param("plasma", "0.0099", "2", True, ["purity_below_floor"], id="below the floor"),
    pytest.param("plasma", "0.005-0.05", "2", True, ["purity_below_floor"], id="range reaching below"),
    pytest.param("tissue", "1", "2", True, [], id="a cell line"),
]


@pytest.mark.parametrize(("specimen", "purity", "ploidy", "known", "reasons"), CASES)
def test_stage(tmp_path, specimen, purity, ploidy, known, reasons):
    found = run(tmp_path, specimen, purity, ploidy, floor=0.01)
    assert (found["known"], found["reasons"]) == (known, reasons)
    assert (found["purity"]["value"] is None) == (purity == "")
    assert (found["ploidy"]["value"] is None) == (ploidy == "")
    assert found["evidence"] == [{"source": "sheet", "purity": purity, "ploidy": ploidy}]


@pytest.mark.parametrize("specimen", ["tissue", "plasma"])
def test_what_is_plausible_depends_on_the_specimen(tmp_path, specimen):
    """A missing purity is missing: never 1, always the whole range."""
    defaults = config.defaults("purity")
    found = run(tmp_path, specimen)["purity"]
    assert (found["low"], found["high"]) == (defaults[f"{specimen}_low"], defaults[f"{specimen}_high"])
    assert (found["value"], found["source"]) == (None, "unknown")


REFUSED = [
    pytest.param(
        {"purity": "half"}, "purity: expected a number or a range such as 0.3-0.5, received 'half'", id="word"
    ),
    pytest.param({"purity": "40%"}, "purity: expected a number or a range", id="per cent"),
    pytest.param({"purity": "40"}, "purity: expected a value above 0 and at most 1, received '40'", id="forty"),
    pytest.param({"purity": "0"}, "purity: expected a value above 0 and at most 1, received '0'", id="zero"),
    pytest.param({"purity": "0.5-0.3"}, "purity: expected a range with the lower number first", id="reversed"),
    pytest.param({"purity": "0.5-1.3"}, "purity: expected a value above 0 and at most 1", id="beyond 1"),
    pytest.param({"ploidy": "-2"}, "ploidy: expected a number or a range", id="negative"),
    pytest.param({"ploidy": "0"}, "ploidy: expected a value above 0, received '0'", id="no chromosomes"),
    pytest.param({"ploidy": "nan"}, "ploidy: expected a number or a range", id="nan"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_stage_refuses(tmp_path, given, message):
    with pytest.raises(InputError) as raised:
        run(tmp_path, **given)
    assert f"sample s, {message}" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "s.json").exists()


def test_a_pole_between_the_ends_is_seen():
    # at purity 0.05 the CEP7-like level is near 0 copies and MET/CEP7-like far above 2; at both ends it is near 1
    grid = purity.grid(purity.axis(None, (0.01, 1.0)), purity.axis((2.0, 2.0), PLOIDY_SPAN))
    met, cep7 = (mixture.tumour_copies(ratio, grid["purity"], grid["ploidy"]) for ratio in (0.99, 0.96))
    ratio = met / np.maximum(cep7, 0.05)
    assert ratio[-1] < 1.1
    assert ratio.max() > 2
