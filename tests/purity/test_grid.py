"""Purity and ploidy: what is given, what is not, and the grid of points that stands for it."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn import mixture
from metcn.errors import InputError
from metcn.files import write_json
from metcn.genome import build
from metcn.io import tables
from metcn.purity import allele_fractions as variants
from metcn.purity import fit
from metcn.purity import grid as purity
from metcn.purity.result import PurityResult
from metcn.run import config
from support import made_depth, made_tumours

N = purity.PLAUSIBLE_POINTS
NO_SITES = pd.DataFrame(columns=list(variants.COLUMNS))
ARRAYS = ("purity", "ploidy", "weight", "group")
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
    grid = purity.PurityGrid.of(purity.axis(of_purity, PURITY_SPAN), purity.axis(of_ploidy, PLOIDY_SPAN))
    assert {name: len(values) for name, values in grid.to_json().items()} == dict.fromkeys(ARRAYS, points)
    assert (sorted(set(grid.group.tolist())), grid.group_count) == (list(range(groups)), groups)
    np.testing.assert_allclose(np.bincount(grid.group, weights=grid.weight), 1)
    pairs = set(zip(grid.purity.tolist(), grid.ploidy.tolist(), strict=True))
    assert len(pairs) == points
    again = purity.PurityGrid.from_json(json.loads(json.dumps(grid.to_json())))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(grid, name), strict=True)


WRONG = [
    ({"ploidy": np.ones(2)}, r"ploidy of the grid has shape \(2,\); expected one value for each point"),
    ({"weight": np.array([-1.0])}, "finite and not negative"),
    ({"weight": np.array([float("nan")])}, "finite and not negative"),
    ({name: np.empty(0) for name in ARRAYS}, "expected one value for each point"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=["length", "negative", "missing", "no point"])
def test_a_grid_is_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        purity.PurityGrid(**{**{name: np.ones(1) for name in ARRAYS}, **changes})


SPAN = st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(lambda pair: tuple(sorted(pair)))


@given(st.one_of(st.none(), SPAN), st.one_of(st.none(), SPAN))
def test_points_of_a_group_differ_only_along_what_is_known(of_purity, of_ploidy):
    axes = purity.axis(of_purity, PURITY_SPAN), purity.axis(of_ploidy, PLOIDY_SPAN)
    grid = purity.PurityGrid.of(*axes)
    np.testing.assert_allclose(np.bincount(grid.group, weights=grid.weight), 1)
    np.testing.assert_allclose(grid.mean_by_group(2.0), 2)
    for number in np.unique(grid.group):
        for axis, name in zip(axes, ("purity", "ploidy"), strict=True):
            values = getattr(grid, name)[grid.group == number]
            assert axis.known or len(set(values.tolist())) == 1
            assert axis.span[0] - 1e-12 <= values.min() <= values.max() <= axis.span[1] + 1e-12


# The stage


def run(folder, specimen="tissue", purity="", ploidy="", segments=None, variants=None, purity_error="", **settings):
    frame = pd.DataFrame(columns=list(tables.SEGMENT_COLUMNS)) if segments is None else segments
    tables.write_segments(folder / "s.cns", frame)
    inputs = {"specimen": specimen, "purity": purity, "purity_error": purity_error, "ploidy": ploidy}
    inputs |= {"segments": folder / "s.cns"}
    inputs |= {"genome": "GRCh37", "variants": variants}
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
    told = {"source": "sheet", "used": bool(purity or ploidy), "purity": purity, "ploidy": ploidy}
    assert found["evidence"][0] == told
    assert not found["evidence"][1]["identified"]  # there is no segment to fit


@pytest.mark.parametrize(("given", "seed"), [("0.4", None), ("", None), ("", 1)], ids=["given", "unknown", "fitted"])
def test_results_come_back_from_their_json_to_the_byte(tmp_path, given, seed):
    run(tmp_path, purity=given, segments=None if seed is None else made_tumours.tumour(purity=0.6, seed=seed).segments)
    written = tmp_path / "s.json"
    write_json(tmp_path / "again.json", PurityResult.from_json(json.loads(written.read_text())).to_json())
    assert (tmp_path / "again.json").read_bytes() == written.read_bytes()


@pytest.mark.parametrize("specimen", ["tissue", "plasma"])
def test_what_is_plausible_depends_on_the_specimen(tmp_path, specimen):
    """A missing purity is missing: never 1, always the whole range."""
    defaults = config.defaults("purity")
    found = run(tmp_path, specimen)["purity"]
    assert (found["low"], found["high"]) == (defaults[f"{specimen}_low"], defaults[f"{specimen}_high"])
    assert (found["value"], found["source"]) == (None, "unknown")


REFUSED = [
    pytest.param(
        {"purity": "half"},
        "purity: expected a number or a range such as 0.3-0.5 (0.4! is exact), received 'half'",
        id="word",
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
    grid = purity.PurityGrid.of(purity.axis(None, (0.01, 1.0)), purity.axis((2.0, 2.0), PLOIDY_SPAN))
    met, cep7 = (mixture.tumour_copies(ratio, grid.purity, grid.ploidy) for ratio in (0.99, 0.96))
    ratio = met / np.maximum(cep7, 0.05)
    assert ratio[-1] < 1.1
    assert ratio.max() > 2


# What the sheet leaves open is fitted


def test_a_clear_profile_is_fitted(tmp_path):
    tumour = made_tumours.tumour(purity=0.6, seed=1)
    found = run(tmp_path, segments=tumour.segments)
    assert abs(found["purity"]["value"] - 0.6) <= 0.1
    assert found["purity"]["low"] <= 0.6 <= found["purity"]["high"]
    assert found["ploidy"]["low"] <= tumour.ploidy <= found["ploidy"]["high"]
    assert found["purity"]["source"] == "fit"
    assert "purity_unknown" not in found["reasons"]
    evidence = found["evidence"][1]
    assert evidence["used"] and evidence["source"] == "segments"
    weights = [mode["weight"] for mode in evidence["modes"]]
    assert weights == sorted(weights, reverse=True) and sum(weights) <= 1 + 1e-9


UNIDENTIFIABLE = [
    pytest.param({"purity": 0.6, "flat": True}, "tissue", id="flat profile"),
    pytest.param({"purity": 0.05}, "tissue", id="below the floor of the fit"),
    pytest.param({"purity": 0.03}, "plasma", id="plasma below its floor"),
    pytest.param({"purity": 0.6, "flat": True}, "plasma", id="flat plasma"),
    pytest.param({"purity": 0.6, "chromosomes": ("7",)}, "tissue", id="one chromosome"),
]


@pytest.mark.parametrize(("kind", "specimen"), UNIDENTIFIABLE)
def test_what_cannot_be_identified_stays_unknown(tmp_path, kind, specimen):
    found = run(tmp_path, specimen, segments=made_tumours.tumour(seed=2, noise=0.015, **kind).segments)
    assert found["reasons"] == ["purity_unknown", "ploidy_unknown"]
    assert (found["purity"]["value"], found["purity"]["source"], found["known"]) == (None, "unknown", False)
    defaults = config.defaults("purity")
    assert (found["purity"]["low"], found["purity"]["high"]) == (
        defaults[f"{specimen}_low"],
        defaults[f"{specimen}_high"],
    )


def test_a_flat_profile_contradicts_high_ploidy_at_high_purity(tmp_path):
    grid = run(tmp_path, segments=made_tumours.tumour(purity=0.6, seed=2, flat=True).segments)["grid"]
    high = [ploidy for purity, ploidy in zip(grid["purity"], grid["ploidy"], strict=True) if purity > 0.5]
    assert high and max(high) < 3


def test_an_exact_value_stays_and_a_contradiction_is_told(tmp_path):
    tumour = made_tumours.tumour(purity=0.8, seed=1)
    agreeing = run(tmp_path, purity="0.8!", segments=tumour.segments)
    contradicting = run(tmp_path, purity="0.2-0.2", segments=tumour.segments)
    for found, value in ((agreeing, 0.8), (contradicting, 0.2)):
        assert (found["purity"]["value"], found["purity"]["source"]) == (value, "given")
        assert (found["purity"]["low"], found["purity"]["high"]) == (value, value)
        assert set(found["grid"]["purity"]) == {value}
    assert "purity_sources_disagree" not in agreeing["reasons"]
    assert "purity_sources_disagree" in contradicting["reasons"]
    assert agreeing["contradiction"] == ""
    assert contradicting["contradiction"].startswith("Purity is given as 0.2-0.2, while the profile fits 0.")
    fitted = contradicting["evidence"][1]["purity"]
    assert fitted["low"] <= 0.8 <= fitted["high"]


def test_a_bare_value_is_an_estimate_that_the_profile_sharpens(tmp_path):
    found = run(tmp_path, purity="0.7", segments=made_tumours.tumour(purity=0.6, seed=1).segments)
    assert found["purity"]["source"] == "given_and_fit"
    assert found["purity"]["value"] == pytest.approx(0.6, abs=0.06)
    assert found["purity"]["high"] - found["purity"]["low"] < 0.35
    assert (found["known"], found["reasons"], found["contradiction"]) == (True, [], "")


def test_a_bare_value_keeps_its_error_where_the_profile_is_flat(tmp_path):
    flat = made_tumours.tumour(purity=0.6, seed=2, flat=True).segments
    found = run(tmp_path, purity="0.5", ploidy="2", segments=flat)
    assert found["purity"]["value"] == pytest.approx(0.5, abs=0.08)
    assert found["purity"]["low"] == pytest.approx(0.304, abs=0.08)
    assert found["purity"]["high"] == pytest.approx(0.696, abs=0.08)


def test_a_slip_of_the_pen_is_believed_no_more_than_the_profile(tmp_path):
    """0.06 for 0.6: the copies are those of 0.6, and the contradiction is told."""
    found = run(tmp_path, purity="0.06", segments=made_tumours.tumour(purity=0.6, seed=1).segments)
    assert found["purity"]["source"] == "fit"
    assert found["purity"]["value"] == pytest.approx(0.6, abs=0.06)
    assert "purity_sources_disagree" in found["reasons"]
    assert found["contradiction"].startswith("Purity is given as 0.06, while the profile fits 0.")


def test_an_error_of_its_own_narrows_an_estimate(tmp_path):
    flat = made_tumours.tumour(purity=0.6, seed=2, flat=True).segments
    wide, narrow = (
        run(tmp_path, purity="0.5", purity_error=error, ploidy="2", segments=flat)["purity"] for error in ("", "0.02")
    )
    assert narrow["high"] - narrow["low"] < 0.3 * (wide["high"] - wide["low"])


def test_ploidy_is_fitted_at_a_given_purity(tmp_path):
    tumour = made_tumours.tumour(purity=0.7, seed=3)
    found = run(tmp_path, purity="0.7", segments=tumour.segments)
    assert found["ploidy"]["source"] == "fit"
    assert abs(found["ploidy"]["value"] - tumour.ploidy) < 0.3
    assert (found["known"], found["reasons"]) == (True, [])


def test_tumour_fraction_of_plasma_is_fitted_above_its_floor(tmp_path):
    tumour = made_tumours.tumour(purity=0.35, seed=3, noise=0.005)
    found = run(tmp_path, "plasma", segments=tumour.segments)
    assert found["purity"]["low"] <= 0.35 <= found["purity"]["high"]
    assert abs(found["purity"]["value"] - 0.35) <= 0.1


def test_flagged_sources_are_both_in_the_evidence(tmp_path):
    tumour = made_tumours.tumour(purity=0.8, seed=1)
    rows = made_tumours.snps(made_tumours.tumour(purity=0.3, seed=1), per_segment=4, depth=400, seed=5)
    found = run(tmp_path, segments=tumour.segments, variants=made_tumours.vcf(tmp_path / "v.vcf", rows))
    assert "purity_sources_disagree" in found["reasons"]
    segments, alleles = (entry["purity"] for entry in found["evidence"][1:])
    assert alleles["value"] < segments["low"]


def test_fit_can_be_switched_off(tmp_path):
    found = run(tmp_path, segments=made_tumours.tumour(purity=0.6, seed=1).segments, fit=False)
    assert found["reasons"] == ["purity_unknown", "ploidy_unknown"]
    assert len(found["evidence"]) == 1
    assert len(found["grid"]["purity"]) == N * N


def test_mets_own_amplicon_is_left_out(tmp_path):
    plain = made_tumours.tumour(purity=0.6, seed=1).segments
    amplified = made_tumours.with_amplicon(plain, log2=3.0)
    assert len(amplified) == len(plain) + 2
    grids = [
        run(tmp_path, segments=frame)["grid"] for frame in (made_tumours.with_amplicon(plain, log2=0.0), amplified)
    ]
    assert grids[0] == grids[1]


def test_order_of_segments_changes_nothing(tmp_path):
    frame = made_tumours.tumour(purity=0.6, seed=1).segments
    first = run(tmp_path, segments=frame)
    bytes_first = (tmp_path / "s.json").read_bytes()
    assert run(tmp_path, segments=frame) == first
    assert (tmp_path / "s.json").read_bytes() == bytes_first
    shuffled = frame.sample(frac=1, random_state=1)
    profiles = [fit.profile(part, NO_SITES, build.load("GRCh37")) for part in (frame, shuffled)]
    for name in ("ratio", "se", "weight"):
        np.testing.assert_array_equal(*(getattr(profile.levels, name) for profile in profiles))


# Allele fractions


def test_allele_fractions_tell_what_a_flat_profile_cannot(tmp_path):
    vcf = made_tumours.vcf(tmp_path / "v.vcf", [("chr3", 60_000_000 + place, ".", "GENE=KRAS", 150, 600)
                                                for place in range(1)])  # fmt: skip
    found = run(tmp_path, segments=made_tumours.tumour(purity=0.5, seed=2, flat=True).segments, variants=vcf)
    told = {"snps": 0, "drivers": 1, "snps_chosen_by": "variants"}
    assert found["sites"] == told | {"reference_bias": 0, "reference_bias_se": 0.1}
    alleles = found["evidence"][2]
    assert alleles["source"] == "alleles"
    assert alleles["purity"]["low"] <= 0.5 <= alleles["purity"]["high"]


def test_allele_fractions_of_a_pure_loss_state_purity(tmp_path):
    tumour = made_tumours.tumour(purity=0.6, seed=1)
    rows = made_tumours.snps(tumour, per_segment=4, depth=400, seed=5)
    found = run(tmp_path, segments=tumour.segments, variants=made_tumours.vcf(tmp_path / "v.vcf", rows))
    assert abs(found["purity"]["value"] - 0.6) <= 0.08
    assert abs(found["ploidy"]["value"] - tumour.ploidy) <= 0.3
    assert found["sites"]["snps"] > 50
    assert len(found["baf"]["fraction"]) >= found["sites"]["snps"]
    assert "purity_sources_disagree" not in found["reasons"]


# Values by hand


def test_what_is_unknown_is_seven_points_of_equal_ratio_and_a_range_twenty_one():
    unknown = purity.axis(None, (0.1, 1.0)).points()
    np.testing.assert_allclose(unknown, [0.1 * 10 ** (step / 6) for step in range(7)])
    given_range = purity.axis((0.3, 0.5), (0.1, 1.0)).points()
    np.testing.assert_allclose(given_range, [0.3 + 0.01 * step for step in range(21)])


def test_groups_are_numbered_by_purity_and_within_it_by_ploidy():
    axes = {
        "nothing known": ((None, None), np.arange(49)),
        "ploidy unknown": (((0.4, 0.4), None), np.arange(7)),
        "purity unknown": ((None, (2.0, 3.0)), np.repeat(np.arange(7), 21)),
        "both ranges": (((0.3, 0.5), (2.0, 3.0)), np.zeros(441)),
    }
    for (of_purity, of_ploidy), expected in axes.values():
        found = purity.PurityGrid.of(purity.axis(of_purity, PURITY_SPAN), purity.axis(of_ploidy, PLOIDY_SPAN))
        np.testing.assert_array_equal(found.group, expected)
        np.testing.assert_allclose(found.weight, 1 / np.sum(expected == expected[0]))
        assert (np.diff(found.purity) >= 0).all()
