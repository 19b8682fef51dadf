"""Panels of normals: kernels against loops, masks on both sides of each bound, components with known truth."""

import math
import statistics
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metcn.cli import call
from metcn.counts import summary_file
from metcn.errors import InputError
from metcn.files import write_json
from metcn.reference import build, checks, panel_file, tangent
from metcn.reference import centre as centring
from metcn.reference.centre import BinStatistics
from metcn.reference.checks import CountedAs
from metcn.run.settings import ReferenceSettings
from support import made_depth

NAN = float("nan")
FRAME = made_depth.panel_bins(genes=40, tiles=9)
ASSAY = made_depth.assay(FRAME)  # three factors
KIND = FRAME["kind"].to_numpy(dtype=np.str_)
SEVEN = (FRAME["chromosome"] == "7").to_numpy()


def normals(count, seed=1):
    return ASSAY.normals(np.random.default_rng(seed), count)


@pytest.fixture
def bench(tmp_path):
    return made_depth.Bench(tmp_path, FRAME)


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    return made_depth.Bench(tmp_path_factory.mktemp("panel"), FRAME).panel(normals(24))


def matrix(seed, shape=(7, 30), missing=0.1):
    random = np.random.default_rng(seed)
    values = random.normal(5, 1, size=shape).astype(np.float32)
    values[random.random(shape) < missing] = np.nan
    return values


# Scale, centre and spread


def test_scaling_sets_each_kinds_own_median_to_zero():
    values = matrix(1, (4, 30))
    kind = np.array(["target"] * 18 + ["off_target"] * 12)
    use = np.random.default_rng(2).random(30) < 0.6
    found = build.scale(values.copy(), kind, use)
    for row, scaled in zip(values, found, strict=True):
        for name in ("target", "off_target"):
            chosen = [float(row[here]) for here in np.flatnonzero((kind == name) & use) if np.isfinite(row[here])]
            expected = row[kind == name] - statistics.median(chosen)
            np.testing.assert_allclose(scaled[kind == name], expected, atol=1e-5)


def test_scaling_leaves_what_it_is_given_and_takes_one_sample_as_well():
    values = matrix(1, (30,), missing=0.0)
    found = build.scale(values, np.array(["target"] * 30), np.ones(30, dtype=bool))
    np.testing.assert_array_equal(values, matrix(1, (30,), missing=0.0))
    assert np.median(found) == pytest.approx(0, abs=1e-6)


def test_a_kind_that_a_sample_lacks_stays_missing():
    values = matrix(1, (2, 30), missing=0.0)
    values[0, :10] = np.nan
    kind = np.array(["target"] * 10 + ["off_target"] * 20)
    found = build.scale(values, kind, np.ones(30, dtype=bool))
    assert np.isnan(found[0, :10]).all()
    assert np.isfinite(found[1]).all()
    assert np.isfinite(found[0, 10:]).all()


@given(st.integers(0, 500), st.integers(2, 9), st.sampled_from([0.0, 0.1, 0.6]))
def test_spread_and_missing_equal_the_loop(seed, count, missing):
    values = matrix(seed, (count, 12), missing)
    own = []
    for column in values.T.astype(float):
        known = [value for value in column if math.isfinite(value)]
        middle = statistics.median(known) if known else NAN
        own.append(1.4826 * statistics.median(abs(v - middle) for v in known) if len(known) > 1 else NAN)
    known = [value for value in own if math.isfinite(value)]
    typical = statistics.median(known) if known else NAN
    prior = centring.PRIOR_NORMALS
    leaning = [math.sqrt(((count - 1) * v**2 + prior * typical**2) / (count - 1 + prior)) for v in own]
    centre, spread, absent = build.centre_and_spread(values)
    np.testing.assert_allclose(spread, leaning, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(absent, np.mean(np.isnan(values), axis=0))
    np.testing.assert_array_equal(np.isnan(centre), np.isnan(values).all(axis=0))


@settings(max_examples=25)
@given(st.integers(0, 500), st.sampled_from([0.0, 0.2]))
def test_centre_lies_among_the_normals_bin_by_bin(seed, missing):
    values = matrix(seed, (8, 12), missing)
    centre = build.centre_and_spread(values)[0]
    assert np.all(centre >= np.nanmin(values, axis=0) - 1e-5)
    assert np.all(centre <= np.nanmax(values, axis=0) + 1e-5)
    alone = [build.centre_and_spread(values[:, [place]])[0][0] for place in range(12)]
    np.testing.assert_allclose(centre, alone, atol=1e-5)


def test_one_aneuploid_normal_hardly_moves_centre_and_spread():
    values = normals(12)
    centre, spread, _ = build.centre_and_spread(values)
    values[4, SEVEN] += 5
    moved, widened, _ = build.centre_and_spread(values)
    assert np.median(np.abs(moved - centre)[SEVEN]) < np.median(spread) / 2
    assert np.median(widened[SEVEN] / spread[SEVEN]) < 1.5


def test_blocks_of_bins_change_nothing(monkeypatch):
    values = matrix(3, (6, 50))
    whole = build.centre_and_spread(values)
    monkeypatch.setattr(tangent, "BLOCK", 7)
    for one, other in zip(whole, build.centre_and_spread(values), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


# Masks


def masked(**changes):
    """Mask of the first of eleven bins, of which only the first differs from the others."""
    arrays = {"given": "", "centre": 5.0, "spread": 0.3, "missing": 0.0}
    columns = {
        name: np.array([value] * 11, dtype="U20" if name == "given" else float) for name, value in arrays.items()
    }
    for name, value in changes.items():
        columns[name][0] = value
    layout = replace(made_depth.layout(np.arange(11)), mask=columns.pop("given").astype(object))
    found = build.mask_reasons(layout, BinStatistics(**columns), ReferenceSettings(min_relative_depth=0.125))
    assert found[1:].tolist() == [""] * 10
    return found[0]


MASKS = [
    pytest.param({}, "", id="usable"),
    pytest.param({"given": "blacklisted", "spread": 9.0}, "blacklisted", id="what was given comes first"),
    pytest.param({"missing": 0.25}, "", id="a quarter without reads"),
    pytest.param({"missing": 0.26}, "no_reads_in_normals", id="more than a quarter"),
    pytest.param({"centre": NAN, "spread": NAN}, "no_reads_in_normals", id="no reads at all"),
    pytest.param({"spread": NAN}, "no_reads_in_normals", id="reads in one normal only"),
    pytest.param({"centre": 2.0}, "", id="depth at the bound"),
    pytest.param({"centre": 1.99}, "low_depth_in_normals", id="depth below it"),
    pytest.param({"spread": 1.0}, "", id="spread at the bound"),
    pytest.param({"spread": 1.01}, "noisy_in_normals", id="spread above it"),
    pytest.param({"centre": 25.0}, "", id="there is no ceiling"),
]


@pytest.mark.parametrize(("changes", "reason"), MASKS)
def test_masks(changes, reason):
    assert masked(**changes) == reason


def test_low_depth_is_judged_within_a_kind():
    layout = made_depth.layout(np.arange(4), kind=["target", "target", "off_target", "off_target"])
    statistics = BinStatistics(np.array([9.0, 9.0, 1.0, 1.0]), np.full(4, 0.3), np.zeros(4))
    found = build.mask_reasons(layout, statistics, ReferenceSettings(min_relative_depth=0.5))
    assert found.tolist() == [""] * 4


def test_no_lowest_depth_masks_no_depth(bench):
    assert set(bench.panel(normals(3), min_relative_depth=0.0).mask) == {""}


# Panels, as the stage makes them


@pytest.mark.parametrize(("count", "learned"), [(1, False), (2, False), (3, True), (5, True)])
def test_few_normals(bench, count, learned):
    """Below three, noise is not learned: the sample's own then gives the scale."""
    found = bench.panel(normals(count))
    assert found.normals == count
    assert np.isfinite(found.centre).all()
    assert sorted(found.null) == (["off_target", "target"] if learned else [])
    assert np.all(found.spread == 1) != learned
    assert found.basis.shape[1] <= max(count - 2, 0)


def test_one_normal_is_the_centre(bench):
    values = normals(1)
    found = bench.panel(values)
    for kind in np.unique(KIND):
        members = (FRAME["kind"] == kind).to_numpy()
        shift = (values[0] - found.centre)[members]
        np.testing.assert_allclose(shift, shift[0], atol=1e-4)


def test_library_size_does_not_matter(bench):
    values = normals(6)
    first, second = bench.panel(values), bench.panel(values + np.arange(6)[:, None])
    np.testing.assert_allclose(first.centre, second.centre, atol=1e-3)
    np.testing.assert_allclose(first.spread, second.spread, rtol=0.02)


def test_the_same_normals_give_the_same_bytes(bench):
    first, second = (bench.reference(normals(6), name) for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_components_of_one_kind_are_zero_on_the_other(panel):
    assert set(panel.null) == {"target", "off_target"}
    for kind, null in panel.null.items():
        own = panel.basis[FRAME["kind"] == kind]
        assert own.shape[1] >= null.components > 0
        assert np.any(own[:, : null.components] != 0, axis=0).all()
        np.testing.assert_array_equal(own[:, null.components :], 0)


@pytest.mark.parametrize("kind", ["target", "off_target"])
def test_leaving_out_finds_that_three_factors_matter(panel, kind):
    """Fewer components are clearly worse, more hardly better: the knee lies at the truth."""
    errors = panel.null[kind].errors
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[2] > 1.2 * errors[3]
    rest = [error for count, error in errors.items() if count > 4]
    assert rest
    assert min(rest) > 0.9 * errors[4]
    assert panel.null[kind].components >= 3


def test_leaving_out_finds_that_nothing_is_shared(bench):
    nothing = replace(ASSAY, loadings=np.zeros_like(ASSAY.loadings))
    panel = bench.panel(nothing.normals(np.random.default_rng(1), 16))
    for null in panel.null.values():
        assert min(null.errors.values()) > 0.85 * null.errors[0]


def test_more_components_than_factors_do_not_hurt(bench):
    """Errors of genes on chromosome 7, on which nothing is fitted, in samples that the panel does not know."""
    random = np.random.default_rng(7)
    depth, samples = ASSAY.normals(random, 15), [ASSAY.sample(random) for _ in range(5)]
    found, chosen = {}, bench.reference(depth)
    for components in (0, 3, 12):
        path = bench.with_components(chosen, depth, components)
        ratios = [bench.ratios(sample, path).log2 for sample in samples]
        means = [
            np.nanmean(ratio[FRAME["gene"] == name])
            for ratio in ratios
            for name in ("MET", "EGFR", "CDK6", "BRAF", "HIP1")
        ]
        assert len(means) == 25
        found[components] = np.sqrt(np.mean(np.square(means)))
    assert found[3] < 0.5 * found[0]
    assert found[12] < 1.15 * found[3]


def test_missing_bins_are_masked_and_leave_the_others_alone(bench):
    values = normals(12)
    expected = bench.panel(values)
    values[:, 10] = np.nan
    values[:3, 20] = np.nan  # a quarter: still usable
    values[:4, 30] = np.nan
    found = bench.panel(values)
    assert found.mask[[10, 20, 30]].tolist() == ["no_reads_in_normals", "", "no_reads_in_normals"]
    assert np.isfinite(found.centre[[10, 20]]).tolist() == [False, True]
    others = np.setdiff1d(np.arange(len(FRAME)), [10, 20, 30])
    assert set(found.mask[others]) == {""}
    np.testing.assert_allclose(found.centre[others], expected.centre[others], atol=0.03)


def test_a_kind_that_no_normal_has_is_masked_whole(bench):
    values = normals(6)
    values[:, KIND == "off_target"] = np.nan
    found = bench.panel(values)
    assert set(found.mask[KIND == "off_target"]) == {"no_reads_in_normals"}
    assert set(found.mask[KIND == "target"]) == {""}
    assert set(found.null) == {"target"}


def test_a_kind_that_one_normal_lacks_stays_usable(bench):
    values = normals(8)
    values[2, KIND == "off_target"] = np.nan
    found = bench.panel(values)
    assert np.mean(found.mask == "") > 0.98
    assert np.isfinite(found.spread).all()
    assert all(np.isfinite([null.noise, null.excess]).all() for null in found.null.values())


def test_a_normal_given_several_times_still_makes_a_panel(bench):
    found = bench.panel(np.repeat(normals(1), 4, axis=0))
    assert np.isfinite(found.centre).all()
    assert np.isfinite(found.spread).all()


def test_bins_masked_from_the_start_do_not_count(tmp_path):
    mask = np.where(np.arange(len(FRAME)) % 7 == 0, "blacklisted", "")
    bench = made_depth.Bench(tmp_path, FRAME.assign(mask=mask))
    values = normals(6)
    first = bench.panel(values)
    values[:, mask != ""] += np.random.default_rng(1).normal(0, 5, size=(6, int((mask != "").sum())))
    second = bench.panel(values)
    assert set(first.mask[mask != ""]) == {"blacklisted"}
    np.testing.assert_array_equal(first.mask, second.mask)
    np.testing.assert_allclose(first.centre[mask == ""], second.centre[mask == ""], atol=1e-4)


def test_what_is_stored_of_the_normals(bench):
    frame, panel, facts = panel_file.read(bench.reference(normals(4)))
    assert panel.normals == 4
    assert facts["normals"] == ["N0", "N1", "N2", "N3"]
    assert (facts["genome"], facts["assay"]) == ("GRCh37", "panel")
    assert frame.drop(columns="mask").equals(FRAME.drop(columns="mask"))


def test_a_normal_without_reads_is_refused(bench):
    values = normals(3)
    values[1] = np.nan
    with pytest.raises(InputError, match=r"^normal N1 has no reads in any bin; remove it"):
        bench.reference(values)


OTHER_BINS = [
    pytest.param(lambda frame: frame.iloc[1:], id="a row missing"),
    pytest.param(lambda frame: frame.assign(start=frame["start"] + 1), id="a base further"),
    pytest.param(lambda frame: frame.assign(chromosome="chr" + frame["chromosome"]), id="other names"),
]


@pytest.mark.parametrize("change", OTHER_BINS)
def test_counts_of_other_bins_are_refused(bench, change):
    other = change(FRAME).reset_index(drop=True)
    path = made_depth.Bench(bench.folder, other).counts("other", np.zeros(len(other)))
    facts = {"genome": "GRCh37", "assay": "panel", "output": bench.folder / "reference.h5"}
    with pytest.raises(
        InputError, match=r"other\.cnn: its rows are not those of the bins in use; count this sample again"
    ):
        made_depth.run("reference", bins=bench.bins, counts=[path], **facts)


def summaries(folder, *units):
    """Summaries of counting, as far as units go."""
    paths = [folder / f"N{number}.json" for number in range(len(units))]
    for path, unit in zip(paths, units, strict=True):
        write_json(path, {"unit": unit})
    return paths


@pytest.mark.parametrize(
    ("units", "expected"),
    [(("bases", "bases"), "bases"), (("fragments", None), "fragments"), ((None, None), None), ((), None)],
)
def test_the_panel_remembers_what_depth_counts(bench, tmp_path, units, expected):
    depths = [bench.counts(f"N{row}", depth) for row, depth in enumerate(normals(4))]
    output = tmp_path / "reference.h5"
    made_depth.run("reference", bins=bench.bins, counts=depths, counts_summary=summaries(tmp_path, *units),
                   genome="GRCh37", assay="panel", output=output)  # fmt: skip
    assert panel_file.read(output)[2]["unit"] == expected
    assert call._facts_of(output).get("unit") == expected


def test_normals_of_two_units_are_refused(bench, tmp_path):
    with pytest.raises(
        InputError, match=r"one counts.unit, found bases in .*N0.json and fragments in .*N1.json; count"
    ):
        made_depth.run("reference", bins=bench.bins, counts=[bench.counts("N0", normals(1)[0])], genome="GRCh37",
                       counts_summary=summaries(tmp_path, "bases", "fragments"), assay="panel",
                       output=tmp_path / "reference.h5")  # fmt: skip


@pytest.mark.parametrize("asked", [None, "fragments"])
def test_a_call_counts_as_its_panel_does_unless_told(tmp_path, asked):
    with h5py.File(tmp_path / "panel.h5", "w") as handle:
        handle.attrs.update({"genome": "GRCh37", "assay": "panel", "unit": "bases", "keep_duplicates": True})
    path = tmp_path / "config.yaml"
    path.write_text("counts: {min_mapq: 30}\n")
    named = {"reference": tmp_path / "panel.h5", "unit": asked}
    expected = {"min_mapq": 30, "unit": asked or "bases", "keep_duplicates": True}
    assert call._given(path, dict(named))["counts"] == expected
    path.write_text("counts: {min_mapq: 30, unit: fragments, keep_duplicates: null}\n")
    assert call._given(path, dict(named))["counts"] == expected | {"unit": "fragments"}
    path.write_text("counts: {min_mapq: 30, keep_duplicates: false}\n")
    assert call._given(path, dict(named))["counts"] == expected | {"keep_duplicates": False}
    assert call._given(None, {"reference": None, "unit": asked}) == ({"counts": {"unit": asked}} if asked else {})


def counted(unit=None, keep_duplicates=None, **more):
    """How a sample or a panel was counted."""
    return {"unit": unit, "keep_duplicates": keep_duplicates, **more}


OTHERWISE = [
    pytest.param(counted("bases"), counted("fragments"),
                 "in fragments, the sample in bases; set counts.unit to fragments",
                 id="sample in bases"),
    pytest.param(counted("fragments"), counted("bases"), "in bases, the sample in fragments; set counts.unit to bases",
                 id="panel in bases"),
    pytest.param(counted("bases", True), counted("bases", False),
                 "without duplicates, the sample with duplicates; set counts.keep_duplicates to false",
                 id="sample with"),
    pytest.param(counted("bases", False), counted("bases", True),
                 "with duplicates, the sample without duplicates; set counts.keep_duplicates to true",
                 id="panel with"),
    pytest.param(counted("fragments", True), counted("fragments", assay="amplicon"),
                 "without duplicates, the sample with",
                 id="amplicon panel made before duplicates counted"),
]  # fmt: skip


@pytest.mark.parametrize(("own", "panel", "message"), OTHERWISE)
def test_a_panel_counted_otherwise_is_refused(own, panel, message):
    with pytest.raises(InputError, match=f"^p.h5 is of normals counted {message}"):
        checks.check_counted(CountedAs(**own), {"assay": "panel", **panel}, Path("p.h5"))


ALIKE = [
    pytest.param(counted("bases", True), counted("bases", True), id="alike"),
    pytest.param(counted(), counted("bases", True), id="sample's tables"),
    pytest.param(counted("fragments", True), counted(), id="panel's tables"),
    pytest.param(counted("fragments", True), counted(assay="amplicon"), id="tables of amplicons"),
    pytest.param(counted("fragments", False), counted("fragments", assay="amplicon"), id="old panel, old way"),
]


@pytest.mark.parametrize(("own", "panel"), ALIKE)
def test_what_agrees_or_is_not_known_passes(own, panel):
    checks.check_counted(CountedAs(**own), {"assay": "panel", **panel}, Path("p.h5"))


def test_normals_with_and_without_duplicates_are_refused(tmp_path):
    for name, keep in (("a", True), ("b", False)):
        write_json(tmp_path / f"{name}.json", {"unit": "fragments", "keep_duplicates": keep})
    message = r"one counts.keep_duplicates, found true in .*a.json and false in .*b.json; count"
    with pytest.raises(InputError, match=message):
        checks.counted_alike([summary_file.read(tmp_path / f"{name}.json") for name in ("a", "b")])


def test_a_sample_of_another_unit_is_refused(bench, tmp_path):
    depths = [bench.counts(f"N{row}", depth) for row, depth in enumerate(normals(4))]
    panel = tmp_path / "reference.h5"
    made_depth.run("reference", bins=bench.bins, counts=depths, counts_summary=summaries(tmp_path, "bases"),
                   genome="GRCh37", assay="panel", output=panel)  # fmt: skip
    with pytest.raises(InputError, match=r"reference.h5 is of normals counted in bases, the sample in fragments"):
        made_depth.run("ratios", sample="s", counts=depths[0], counts_summary=summaries(tmp_path, "fragments")[0],
                       bins=bench.bins, reference=panel, genome="GRCh37", assay="panel",
                       output=tmp_path / "s.cnr", summary=tmp_path / "s.json")  # fmt: skip
