"""Copies: exact without errors, honest with them, missing where something is missing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.copies import draws_file, posterior
from metcn.copies.estimates import CopyEstimates
from metcn.errors import InputError
from metcn.files import write_json
from metcn.io import tables
from metcn.mixture import expected_ratio
from metcn.purity import grid as purity
from metcn.stats import student_t
from support import made_depth

NAN = float("nan")
PLAUSIBLE = (0.1, 1.0), (1.6, 5.0)
QUANTITIES = ("copies", "cep7", "cep7_p", "cep7_q", "arm_q", "arm_p", "met_cep7", "depth_ratio", "plasma_copies")


def measured(met=10.0, cep7=2.0, arm_q=2.0, arm_p=2.0, *, share=0.2, ploidy=2.0, se=0.0, baseline_se=0.0):
    """What a tumour of these copies measures, without the deviation that errors would give."""
    number = {"met": met, "cep7_p": cep7, "cep7_q": cep7, "arm_q": arm_q, "arm_p": arm_p}
    log2 = {name: float(np.log2(expected_ratio(value, share, ploidy))) for name, value in number.items()}
    return posterior.Measured(log2=log2, se=dict.fromkeys(number, se), baseline_se=baseline_se)


def grid(of_purity=(0.2, 0.2), of_ploidy=(2.0, 2.0)):
    return purity.PurityGrid.of(purity.axis(of_purity, PLAUSIBLE[0]), purity.axis(of_ploidy, PLAUSIBLE[1]))


def draws(level, where=None, count=512):
    return posterior.posterior(level, grid() if where is None else where, draw_count=count)


# Draws


@given(st.floats(0, 100), st.floats(0.5, 20), st.floats(0.02, 1), st.floats(1.2, 6))
def test_without_errors_the_copies_are_exact(met, cep7, share, ploidy):
    level = measured(met, cep7, cep7, cep7, share=share, ploidy=ploidy)
    found = draws(level, grid((share, share), (ploidy, ploidy)), count=4)
    np.testing.assert_allclose(found.copies, met, atol=1e-6)
    np.testing.assert_allclose(found.cep7, cep7, atol=1e-6)
    np.testing.assert_allclose(found.met_cep7, met / cep7, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.depth_ratio, expected_ratio(met, share, ploidy))


GRIDS = [
    pytest.param((0.2, 0.2), (2.0, 2.0), 1, id="point"),
    pytest.param((0.1, 0.3), (2.0, 2.4), 1, id="ranges"),
    pytest.param(None, (2.0, 2.0), purity.PLAUSIBLE_POINTS, id="purity unknown"),
    pytest.param(None, None, purity.PLAUSIBLE_POINTS**2, id="nothing known"),
]


@pytest.mark.parametrize(("of_purity", "of_ploidy", "groups"), GRIDS)
def test_each_group_is_a_posterior(of_purity, of_ploidy, groups):
    where = grid(of_purity, of_ploidy)
    found = draws(measured(se=0.05), where)
    assert {len(getattr(found, name)) for name in QUANTITIES} == {512 * groups}
    np.testing.assert_allclose(np.bincount(found.group, weights=found.weight), np.ones(groups))
    for number in range(groups):
        drawn, points = found.group == number, where.group == number
        assert set(found.purity[drawn].tolist()) == set(where.purity[points].tolist())
        assert set(found.ploidy[drawn].tolist()) == set(where.ploidy[points].tolist())


def test_points_are_drawn_in_proportion_to_their_weight_and_apart_from_errors():
    where = grid((0.1, 0.5))
    found = draws(measured(se=0.1, baseline_se=0.05), where, count=4096)
    share = [np.mean(found.purity == value) for value in where.purity]
    np.testing.assert_allclose(share, 1 / 21, rtol=0.03)
    assert abs(np.corrcoef(found.purity, found.depth_ratio)[0, 1]) < 0.03


def test_the_same_input_gives_the_same_bytes():
    first, second = (draws(measured(se=0.1, baseline_se=0.02), grid(None, (1.8, 2.6))) for _ in range(2))
    for name in (*posterior.QUANTITIES, "weight", "group"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


def test_errors_have_unit_variance_and_heavier_tails_than_normal():
    errors = posterior.errors(65_536, 5)
    np.testing.assert_allclose(errors.std(axis=0), 1, rtol=0.01)
    np.testing.assert_allclose(np.median(errors, axis=0), 0, atol=0.01)
    assert (np.mean(np.abs(errors) > 4, axis=0) > 5 * 6.3e-5).all()
    assert np.isfinite(errors).all()


def test_draws_agree_with_many_random_ones():
    level, where = measured(met=8, se=0.08, baseline_se=0.04), grid((0.15, 0.25))
    found, random = draws(level, where, count=4096), np.random.default_rng(1)
    errors = random.standard_t(student_t.FREEDOM, size=(400_000, 4)) * student_t.UNIT
    share = random.choice(where.purity, size=400_000)
    fold = {name: 2 ** (level.log2[name] + 0.08 * errors[:, place] + 0.04 * errors[:, 3])
            for place, name in enumerate(("met", "cep7_p", "cep7_q"))}  # fmt: skip
    met, *sides = (np.maximum((fold[name] * 2 - 2 * (1 - share)) / share, 0) for name in fold)
    cep7 = np.mean(sides, axis=0)
    expected = {"copies": met, "cep7": cep7, "met_cep7": met / np.maximum(cep7, posterior.LOWEST_DIVISOR)}
    for name, values in expected.items():
        for percentile, tolerance in ((2.5, 0.08), (25, 0.02), (50, 0.02), (75, 0.02), (97.5, 0.08)):
            assert np.percentile(getattr(found, name), percentile) == pytest.approx(
                np.percentile(values, percentile), tolerance
            )


def test_the_baselines_error_is_common_and_cancels_in_the_ratio():
    where = grid((1.0, 1.0))
    found = draws(measured(share=1.0, baseline_se=0.2), where)
    assert np.std(found.copies) > 1
    np.testing.assert_allclose(found.met_cep7, 5)


@pytest.mark.parametrize("se", [0.1, 0.5, 2.0])
def test_no_copies_are_negative_and_no_ratio_infinite(se):
    found = draws(measured(met=0.0, cep7=0.0, se=se), count=2048)
    for name in QUANTITIES:
        assert np.isfinite(getattr(found, name)).all()
        assert getattr(found, name).min() >= 0


MISSING = [
    pytest.param("met", {"copies", "met_cep7", "depth_ratio", "plasma_copies"}, id="MET"),
    pytest.param("cep7_p cep7_q", {"cep7", "cep7_p", "cep7_q", "met_cep7"}, id="CEP7-like"),
    pytest.param("cep7_p", {"cep7_p"}, id="one side of the centromere"),
    pytest.param("arm_q", {"arm_q"}, id="7q"),
    pytest.param("arm_p", {"arm_p"}, id="7p"),
]


@pytest.mark.parametrize(("levels", "lost"), MISSING)
def test_what_is_missing_stays_missing(levels, lost):
    whole, missing = measured(se=0.1), dict.fromkeys(levels.split(), NAN)
    found = draws(posterior.Measured({**whole.log2, **missing}, {**whole.se, **missing}, 0.05))
    assert {name for name in QUANTITIES if np.isnan(getattr(found, name)).any()} == lost
    assert all(np.isnan(getattr(found, name)).all() for name in lost)


def test_without_a_baseline_nothing_is_known():
    found = draws(posterior.Measured(measured().log2, measured().se, NAN))
    assert all(np.isnan(getattr(found, name)).all() for name in QUANTITIES)


def test_intervals_cover_the_truth_as_often_as_they_say():
    """400 samples of a tumour of 8 copies at 30 %, each with its own errors of the expected size."""
    random, where, covered = np.random.default_rng(2), grid((0.3, 0.3)), {"copies": [], "met_cep7": []}
    truth = measured(met=8, cep7=2, share=0.3)
    for _ in range(400):
        common = 0.03 * random.normal()
        log2 = {name: value + 0.05 * random.normal() + common for name, value in truth.log2.items()}
        found = draws(posterior.Measured(log2, dict.fromkeys(log2, 0.05), 0.03), where, count=256)
        for name, value in (("copies", 8), ("met_cep7", 4)):
            interval = found.interval(name)
            covered[name].append(interval.low <= value <= interval.high)
    for name, hits in covered.items():
        assert 0.91 < np.mean(hits) < 0.99, name


@given(st.floats(0.2, 5), st.floats(0.2, 5), st.floats(0.02, 1), st.floats(1.2, 6))
def test_a_higher_ratio_is_more_copies(first, second, share, ploidy):
    low, high = (
        posterior.Measured({**measured().log2, "met": float(np.log2(ratio))}, measured(se=0.1).se, 0.02)
        for ratio in sorted((first, second))
    )
    where = grid((share, share), (ploidy, ploidy))
    less, more = (draws(level, where, count=64) for level in (low, high))
    for name in ("copies", "met_cep7", "depth_ratio", "plasma_copies"):
        assert (getattr(less, name) <= getattr(more, name) + 1e-9).all()


@given(st.floats(1.0, 5), st.floats(0.02, 1), st.floats(0.02, 1))
def test_a_lower_purity_never_means_fewer_copies_of_a_gain(ratio, first, second):
    level = posterior.Measured({**measured().log2, "met": float(np.log2(ratio))}, measured().se, 0.0)
    low, high = (draws(level, grid((share, share)), count=4).copies for share in sorted((first, second)))
    assert (low >= high - 1e-9).all()


# Summaries


def of_copies(values, group):
    return posterior.Draws.of({"copies": values, "group": group, "weight": np.ones(len(values))})


VALUES = st.lists(st.floats(0, 100), min_size=1, max_size=60).map(np.array)


@given(VALUES, st.integers(1, 3), st.floats(0.5, 0.99))
def test_interval_brackets_the_median_of_every_group(values, groups, level):
    group = np.arange(len(values)) % groups
    found = of_copies(values, group).interval("copies", level=level)
    for number in set(group.tolist()):
        assert found.low - 1e-9 <= np.median(values[group == number]) <= found.high + 1e-9
    one = len(set(group.tolist())) == 1
    assert np.isnan(found.value) == (not one)
    assert not one or found.value == np.median(values)


@given(VALUES, st.integers(1, 3))
def test_interval_covers_that_of_each_group(values, groups):
    group = np.arange(len(values)) % groups
    found = of_copies(values, group).interval("copies")
    for number in set(group.tolist()):
        own = values[group == number]
        alone = of_copies(own, np.zeros(len(own), dtype=int)).interval("copies")
        assert found.low <= alone.low <= alone.high <= found.high


def test_a_wider_level_is_a_wider_interval():
    made = of_copies(np.random.default_rng(3).normal(10, 2, 5000), np.zeros(5000, dtype=int))
    found, wider = made.interval("copies"), made.interval("copies", level=0.99)
    assert (found.low, found.high) == (pytest.approx(10 - 3.92, abs=0.2), pytest.approx(10 + 3.92, abs=0.2))
    assert wider.low < found.low < found.high < wider.high


@given(VALUES, st.integers(1, 3), st.lists(st.floats(0, 100), min_size=2, max_size=6, unique=True))
def test_probability_of_reaching_a_bound_falls_with_the_bound(values, groups, bounds):
    made = of_copies(values, np.arange(len(values)) % groups)
    found = [each.value for each in made.at_least("copies", sorted(bounds)).values()]
    known = [value for value in found if not np.isnan(value)]
    assert known == sorted(known, reverse=True)
    assert all(0 <= value <= 1 for value in known)
    assert len(known) == (len(found) if min(groups, len(values)) == 1 else 0)


@given(VALUES, st.integers(1, 3), st.floats(0, 100))
def test_range_of_a_probability_spans_that_of_each_group(values, groups, bound):
    group = np.arange(len(values)) % groups
    [ends] = of_copies(values, group).at_least("copies", [bound]).values()
    shares = [sum(value >= bound for value in values[group == number]) / sum(group == number) for number in set(group)]
    assert (ends.low, ends.high) == (pytest.approx(min(shares)), pytest.approx(max(shares)))


SHARES = [
    # values, groups, bound, probability, lowest and highest
    pytest.param([4, 5, 6, 7], [0, 0, 0, 0], 5, 0.75, (0.75, 0.75), id="the bound itself is reached"),
    pytest.param([9] * 4 + [5, 5, 5, 1], [0] * 4 + [1] * 4, 5, NAN, (0.75, 1), id="groups above one half"),
    pytest.param([1] * 4 + [1, 1, 1, 9], [0] * 4 + [1] * 4, 5, NAN, (0, 0.25), id="groups below"),
    pytest.param([9] * 4 + [1] * 4, [0] * 4 + [1] * 4, 5, NAN, (0, 1), id="groups on both sides"),
    pytest.param([NAN] * 4, [0] * 4, 5, NAN, (NAN, NAN), id="missing"),
]


@pytest.mark.parametrize(("values", "group", "bound", "probability", "ends"), SHARES)
def test_probability_of_reaching_a_bound(values, group, bound, probability, ends):
    """A flat tumour of unknown purity has no probability: 0.4 would be one purity's and sort it above an amplified."""
    values, group = np.array(values, dtype=float), np.array(group)
    found = of_copies(values, group).at_least("copies", [bound])
    assert list(found) == ["5"]
    np.testing.assert_equal(found["5"].to_json(), {"value": probability, "low": ends[0], "high": ends[1]})


def test_a_missing_quantity_has_no_interval():
    found = of_copies(np.full(8, NAN), np.zeros(8, dtype=int)).interval("copies")
    assert all(np.isnan(value) for value in found.to_json().values())


@pytest.mark.parametrize("sizes", [(3, 3, 3), (2, 5, 1)], ids=["equally large", "of several sizes"])
def test_what_is_asked_of_groups_is_asked_of_each(sizes):
    """Draws of the groups lie in any order."""
    random = np.random.default_rng(4)
    group = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    values, weight = random.normal(size=len(group)), random.uniform(0.1, 1, size=len(group))
    made = posterior.Draws.of({"copies": values, "group": group, "weight": weight})
    of_groups = [group == number for number in range(len(sizes))]
    np.testing.assert_allclose(
        made.by_group(values, lambda rows: rows.max(axis=1)), [values[own].max() for own in of_groups]
    )
    np.testing.assert_allclose(
        made.fraction(values > 0), [weight[own & (values > 0)].sum() / weight[own].sum() for own in of_groups]
    )


WRONG = [
    ({"weight": [1.0, 1.0], "copies": [2.0]}, r"draws of copies have shape \(1,\); expected \(2,\)"),
    ({"weight": [0.0]}, "not all zero"),
    ({"weight": [1.0, -1.0]}, "not negative"),
    ({"weight": [NAN]}, "finite"),
    ({"weight": [1.0], "group": [0, 1]}, "draws of group"),
]


@pytest.mark.parametrize(("arrays", "message"), WRONG)
def test_draws_are_checked(arrays, message):
    with pytest.raises(ValueError, match=message):
        posterior.Draws.of(arrays)


def test_draws_of_no_weight_are_left_out():
    made = posterior.Draws.of({"copies": [1, 2, 3], "group": [0, 4, 7], "weight": [1, 0, 1]})
    assert (made.copies.tolist(), made.group.tolist(), made.group_count) == ([1, 3], [0, 1], 2)


def test_draws_come_back_from_their_file_in_single_precision(tmp_path):
    made = draws(measured(se=0.1), grid(None))
    draws_file.write(tmp_path / "s.npz", made)
    again = draws_file.read(tmp_path / "s.npz")
    for name in QUANTITIES:
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name).astype(np.float32).astype(float))
    np.testing.assert_array_equal(again.group, made.group)


def test_a_damaged_draws_file_is_refused(tmp_path):
    (tmp_path / "s.npz").write_bytes(b"PK damaged")
    with pytest.raises(InputError, match=r"s\.npz is not a draws file .*; delete it and run `metcn copies` again"):
        draws_file.read(tmp_path / "s.npz")


# The stage

FRAME = made_depth.panel_bins(genes=6, tiles=4, off_target_bp=10_000_000)
SEVEN_Q = (FRAME["chromosome"] == "7") & (FRAME["start"] > 61e6)
AMPLICON = (FRAME["chromosome"] == "7") & FRAME["start"].between(114_000_000, 119_999_999)


def measurement(level, *, se=0.02, baseline=0.01, **changes):
    """A ``ratios/SAMPLE.json`` of what ``level`` says."""

    def shown(name):
        value = level.log2[name]
        known = np.isfinite(value)
        error = float(np.hypot(se, baseline)) if name == "met" else se
        return {"log2": value if known else None, "se": error if known else None, "bins": 9 if known else 0}

    sides = {side: shown(f"cep7_{side}") for side in "pq"}
    cep7 = {**sides["p"], **sides, "sides": [side for side in "pq" if sides[side]["bins"]]}
    met = {**shown("met"), "ratio": 2 ** level.log2["met"] if np.isfinite(level.log2["met"]) else None}
    arms = {"7p": shown("arm_p"), "7q": shown("arm_q")}
    return {
        "sample": "s",
        "assay": "panel",
        "met": met,
        "cep7": cep7,
        "arms": arms,
        "baseline": {"se": baseline},
        "qc": {"gene_excess": {}, "gene_excess_averaged": {}},
        **changes,
    }


def run(folder, level, *, share="0.2", ploidy="2", specimen="tissue", log2=None, frame=FRAME, settings=None, **options):
    """Result and draws of the stage."""
    (folder / "ratios.json").write_text(json.dumps(measurement(level, **options)))
    profile = np.zeros(len(frame)) if log2 is None else log2
    tables.write_ratios(
        folder / "s.cnr", frame.assign(log2=profile, depth=1.0, weight=1.0, spread=0.1, expected=np.nan)
    )
    segments = {"ratios": folder / "s.cnr", "output": folder / "s.cns", "seg": folder / "s.seg"}
    made_depth.run("segments", {"method": "none"}, sample="s", genome="GRCh37", **segments)
    exact = f"{share}!" if share and "-" not in share else share
    inputs = {"specimen": specimen, "purity": exact, "ploidy": ploidy, "segments": folder / "s.cns"}
    made_depth.run("purity", {"fit": False}, sample="s", genome="GRCh37", output=folder / "purity.json", **inputs)
    files = {"measurement": "ratios.json", "purity": "purity.json", "ratios": "s.cnr"}
    outputs = {"output": folder / "copies.json", "draws": folder / "copies.npz"}
    made_depth.run(
        "copies", settings, genome="GRCh37", **{name: folder / file for name, file in files.items()}, **outputs
    )
    with np.load(folder / "copies.npz") as stored:
        return json.loads((folder / "copies.json").read_text()), dict(stored)


TUMOURS = [
    # copies of MET, CEP7-like, rest of 7q; purity, ploidy; class
    pytest.param(10, 2, 2, 0.2, 2.0, "focal", id="amplicon at 20 %"),
    pytest.param(12, 4, 4, 0.5, 4.0, "focal", id="amplicon in a doubled genome"),
    pytest.param(6, 6, 6, 0.6, 2.0, "polysomy", id="polysomy"),
    pytest.param(6, 2, 6, 0.6, 2.0, "arm", id="gain of 7q"),
    pytest.param(2, 2, 2, 0.6, 2.0, "none", id="normal"),
    pytest.param(4, 4, 4, 0.6, 4.0, "polysomy", id="doubled genome: FISH counts four"),
]


@pytest.mark.parametrize(("met", "cep7", "arm", "share", "ploidy", "focality"), TUMOURS)
def test_stage_finds_the_tumour(tmp_path, met, cep7, arm, share, ploidy, focality):
    level = measured(met, cep7, arm, share=share, ploidy=ploidy)
    found, stored = run(tmp_path, level, share=str(share), ploidy=str(ploidy))
    assert found["met_copies"]["value"] == pytest.approx(met, rel=0.03)
    assert found["cep7_copies"]["value"] == pytest.approx(cep7, rel=0.03)
    assert found["met_cep7"]["value"] == pytest.approx(met / cep7, rel=0.03)
    assert found["met_ratio"]["value"] == pytest.approx(expected_ratio(met, share, ploidy))
    assert found["plasma_copies"]["value"] == pytest.approx(2 * found["met_ratio"]["value"])
    assert found["focality"]["class"] == focality
    for name in ("met_copies", "cep7_copies", "met_cep7", "met_ratio", "plasma_copies"):
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
    assert found["p_copies_ge"]["5"] >= found["p_copies_ge"]["6"] >= found["p_copies_ge"]["10"]
    assert list(stored) == list(draws_file.NAMES.values())
    assert np.mean(stored["gcn"] >= 5) == pytest.approx(found["p_copies_ge"]["5"], abs=1e-3)


READ_BACK = [
    pytest.param({}, id="focal"),
    pytest.param({"share": ""}, id="purity unknown"),
    pytest.param({"share": "0.005", "specimen": "plasma"}, id="below the floor"),
]


@pytest.mark.parametrize("options", READ_BACK)
def test_estimates_come_back_from_their_json_to_the_byte(tmp_path, options):
    log2 = np.where(AMPLICON, 1.0, 0.0) + np.random.default_rng(1).normal(0, 0.1, len(FRAME))
    run(tmp_path, measured(), log2=log2, **options)
    written = tmp_path / "copies.json"
    write_json(tmp_path / "again.json", CopyEstimates.from_json(json.loads(written.read_text())).to_json())
    assert (tmp_path / "again.json").read_bytes() == written.read_bytes()


def test_estimates_of_a_sample_without_a_result_hold_nothing():
    written = CopyEstimates().to_json()
    assert written["lod"] == {"copies": None} and written["amplicon"] is None
    assert np.isnan(CopyEstimates.from_json(written).met_copies.value)


def test_stage_writes_the_same_bytes_twice(tmp_path):
    written = []
    for _ in range(2):
        run(tmp_path, measured(), share="0.1-0.3", ploidy="")
        written.append([(tmp_path / name).read_bytes() for name in ("copies.json", "copies.npz")])
    assert written[0] == written[1]


UNKNOWN = [
    pytest.param("", "2", id="purity"),
    pytest.param("0.2", "", id="ploidy"),
    pytest.param("", "", id="both"),
]


@pytest.mark.parametrize(("share", "ploidy"), UNKNOWN)
def test_what_is_unknown_gives_ranges_and_no_value(tmp_path, share, ploidy):
    found, stored = run(tmp_path, measured(), share=share, ploidy=ploidy)
    for name in ("met_copies", "cep7_copies", "met_cep7"):
        assert found[name]["value"] is None
        assert found[name]["low"] < found[name]["high"]
    assert found["met_copies"]["low"] < 10 < found["met_copies"]["high"]
    assert found["met_ratio"]["value"] == pytest.approx(1.8)  # depth ratios need neither
    assert len(np.unique(stored["group"])) > 1
    assert {*found["p_copies_ge"].values(), *found["p_ratio_ge"].values()} == {None}
    by_group = [np.mean(stored["gcn"][stored["group"] == number] >= 10) for number in np.unique(stored["group"])]
    ends = found["p_copies_ge_range"]["10"]
    assert (ends["low"], ends["high"]) == (pytest.approx(min(by_group)), pytest.approx(max(by_group)))
    assert ends["low"] < 0.2 < 0.8 < ends["high"]


def test_below_the_floor_only_uncorrected_values_stay(tmp_path):
    level = measured(share=0.005)
    found, stored = run(tmp_path, level, share="0.005", specimen="plasma")
    for name in ("met_copies", "cep7_copies", "met_cep7"):
        assert set(found[name].values()) == {None}
    assert set(found["p_copies_ge"].values()) == {None}
    assert found["focality"]["class"] == "indeterminate"
    assert found["plasma_copies"]["value"] == pytest.approx(2 * expected_ratio(10, 0.005, 2))
    assert np.isnan(stored["gcn"]).all()
    assert np.isfinite(stored["pcn"]).all()


LOST = [
    # missing level, what has no value, class
    pytest.param("met", ["met_copies", "met_cep7", "met_ratio", "plasma_copies"], "indeterminate", id="MET"),
    pytest.param("cep7_p cep7_q", ["cep7_copies", "met_cep7"], "focal", id="CEP7-like"),
    pytest.param("arm_q", [], "focal", id="7q"),
]


@pytest.mark.parametrize(("names", "lost", "focality"), LOST)
def test_missing_levels_are_null(tmp_path, names, lost, focality):
    whole = measured()
    found, _ = run(tmp_path, posterior.Measured({**whole.log2, **dict.fromkeys(names.split(), NAN)}, whole.se, 0.0))
    quantities = ("met_copies", "cep7_copies", "met_cep7", "met_ratio", "plasma_copies")
    assert [key for key in quantities if found[key]["value"] is None] == [key for key in quantities if key in lost]
    assert found["focality"]["class"] == focality
    assert (found["lod"]["copies"] is None) == (names == "met")


def test_less_error_sees_fewer_copies(tmp_path):
    limits = [run(tmp_path, measured(), se=se)[0]["lod"] for se in (0.01, 0.05)]
    assert limits[0]["copies"] < limits[1]["copies"]
    assert limits[0]["ratio"] < limits[1]["ratio"]
    assert limits[0]["purity_for"]["10"] < limits[1]["purity_for"]["10"]
    assert limits[0]["purity_for"]["10"] < limits[0]["purity_for"]["5"]


def test_the_extent_of_a_focal_amplicon(tmp_path):
    level = measured(met=15, share=0.5)
    log2 = np.where(AMPLICON, level.log2["met"], 0.0) + np.random.default_rng(1).normal(0, 0.1, len(FRAME))
    log2[np.flatnonzero(AMPLICON)[2]] = NAN  # a masked bin within
    found, _ = run(tmp_path, level, share="0.5", log2=log2)
    extent, inside = found["amplicon"], FRAME[AMPLICON]
    assert (extent["start"], extent["end"]) == (inside["start"].min(), inside["end"].max())
    assert {"MET", "CAV1", "CAPZA2", "WNT2", "CFTR"} <= set(extent["genes"])
    assert "EGFR" not in extent["genes"]


def test_a_shallow_genome_leans_on_the_amplicon_but_keeps_met_s_own_ratio(tmp_path):
    """MET's own bins say 12 copies with a wide error, 24 bins of its amplicon say 8."""
    frame = made_depth.genome_windows(250_000)
    inside = (frame["chromosome"] == "7") & frame["start"].between(113_000_000, 118_999_999)
    high = float(np.log2(expected_ratio(8, 0.3, 2.0)))
    log2 = np.where(inside, high, 0.0) + np.random.default_rng(1).normal(0, 0.05, len(frame))
    level = measured(met=12, share=0.3)
    found, stored = run(tmp_path, level, share="0.3", log2=log2, frame=frame, assay="swgs", se=0.3)
    assert found["basis"] == "gene_and_amplicon"
    assert found["met_ratio"]["value"] == pytest.approx(expected_ratio(12, 0.3, 2.0))
    assert found["gene_copies"]["value"] == pytest.approx(12, rel=0.05)
    assert found["met_copies"]["value"] == pytest.approx(8, rel=0.15)
    assert found["amplicon"]["copies"]["low"] < 8 < found["amplicon"]["copies"]["high"]
    assert np.median(stored["gcn"]) == pytest.approx(found["met_copies"]["value"], rel=0.01)
    assert found["lod"]["detected"]
    panel, _ = run(tmp_path, level, share="0.3", log2=log2, frame=frame, assay="panel", se=0.3)
    assert (panel["basis"], panel["met_copies"]) == ("gene", panel["gene_copies"])


def test_a_broad_gain_has_no_extent(tmp_path):
    level = measured(met=6, cep7=2, arm_q=6, share=0.6)
    log2 = np.where(SEVEN_Q, level.log2["met"], 0.0)
    found, _ = run(tmp_path, level, share="0.6", log2=log2)
    assert found["focality"]["class"] == "arm"
    assert found["amplicon"] is None


# Values by hand


def test_a_lost_centromere_divides_by_a_twentieth_of_a_copy():
    np.testing.assert_allclose(draws(measured(met=10, cep7=0)).met_cep7, 10 / 0.05)
    np.testing.assert_allclose(draws(measured(met=10, cep7=0.1)).met_cep7, 10 / 0.1)


@pytest.mark.parametrize(
    ("se", "counting"),
    [
        pytest.param(0.9120, 0.25, id="a quarter of the variance is counting"),
        pytest.param(0.4560, 1.0, id="all of it"),
        pytest.param(0.3000, 1.0, id="no more than all of it"),
    ],
)
def test_the_part_of_counting_has_the_shape_of_counts(se, counting):
    """Ten fragments: an SD of sqrt(trigamma(10.5)) / log(2) = 0.4560, and a median 0.0465 log2 below the mean's."""
    level = posterior.Measured({"met": 0.0}, {"met": se}, 0.0, {"met": 10.0})
    found = level.deviations("met", np.array([1.0, -2.0]), np.array([0.5, 0.5]))
    skew = np.log2(10.168719 / 10.5) / 0.45602
    np.testing.assert_allclose(found, se * ((1 - counting) * np.array([1, -2]) + counting * skew), atol=2e-4)


@pytest.mark.parametrize(("se", "seen"), [(0.0, 10.0), (0.3, NAN)])
def test_without_counts_or_without_error_the_shape_is_the_common_one(se, seen):
    level = posterior.Measured({"met": 0.0}, {"met": se}, 0.0, {"met": seen})
    np.testing.assert_array_equal(level.deviations("met", np.array([1.0, -2.0]), np.array([0.1, 0.9])), [se, -2 * se])


def test_what_all_share_cannot_be_changed():
    for shared in (posterior.scores(16, 5), posterior.errors(16, 5)):
        with pytest.raises(ValueError, match="read-only"):
            shared[0, 0] = 1.0


@pytest.mark.parametrize(
    ("groups", "asked", "each"),
    [(1, 100, 100), (2, 100, 100), (1, 2000, 2000), (2, 2000, 1000), (3, 2000, 666), (3, 1535, 512), (8, 2000, 512)],
)
def test_groups_part_the_draws_down_to_512(groups, asked, each):
    where = purity.PurityGrid(np.full(groups, 0.5), np.full(groups, 2.0), np.ones(groups), np.arange(groups))
    found = draws(measured(), where, count=asked)
    np.testing.assert_array_equal(found.group, np.repeat(np.arange(groups), each))
    np.testing.assert_allclose(found.weight, 1 / each)


@pytest.mark.parametrize("whole", [1.0, 6.0])
def test_points_are_taken_in_golden_order_by_their_part_of_the_weight(whole):
    where = purity.PurityGrid(
        np.array([0.2, 0.4, 0.6]), np.full(3, 2.0), whole * np.array([3, 2, 1]) / 6, np.zeros(3, dtype=int)
    )
    found = draws(measured(), where, count=8)
    # 0.309 0.927 0.545 0.163 0.781 0.399 0.017 0.635: up to a half, up to five sixths, and the rest
    assert found.purity.tolist() == [0.2, 0.6, 0.4, 0.2, 0.4, 0.2, 0.2, 0.4]


def of(values, group):
    """Draws of these copies."""
    ones = np.ones(len(values))
    names = [name for name in posterior.QUANTITIES if name != "copies"]
    extent = np.full(len(values), -1)
    rest = dict.fromkeys([*names, "weight"], ones)
    return posterior.Draws(copies=np.array(values), group=np.array(group), extent=extent, **rest)


def test_one_missing_draw_leaves_no_probability():
    found = of([6.0, NAN, 7.0, 8.0], [0, 0, 1, 1]).at_least("copies", [5])["5"]
    assert np.isnan([found.value, found.low, found.high]).all()


def test_probabilities_and_intervals_of_two_groups_by_hand():
    values, group = np.array([4.0, 5.0, 6.0, 7.0, 2.0, 3.0, 4.0, 5.0]), np.repeat([0, 1], 4)
    found = of(values, group).at_least("copies", [5, 6.5])
    assert [(one.low, one.high) for one in found.values()] == [(0.25, 0.75), (0.0, 0.25)]
    assert np.isnan([one.value for one in found.values()]).all()
    ends = of(values, group).interval("copies", level=0.5)
    assert (ends.low, ends.high) == (2.75, 6.25)
    assert np.isnan(ends.value)
    whole = of(values[:4], group[:4]).interval("copies")
    assert (whole.value, whole.low, whole.high) == pytest.approx((5.5, 4.075, 6.925))


# What lies over the centromere, in the germline, and what errors share


AMPLICONS = [
    # MET, sides p and q, 7q, 7p, CEP7-like
    pytest.param(2, 20, 20, 2, 2, 2, id="over both sides"),
    pytest.param(2, 20, 2, 2, 2, 2, id="over one"),
    pytest.param(6, 20, 6, 6, 2, 4, id="over the p side of a chromosome that has gained 7q"),
    pytest.param(2, 3.9, 2, 2, 2, 2.95, id="fewer than four copies are no amplicon"),
    pytest.param(6, 6, 6, 4.1, 4.1, 6, id="less than 1.5 times the arm"),
    pytest.param(6, 6, 6, 6, 2, 6, id="one arm is as high: a loss of the other"),
    pytest.param(2, 20, 2, NAN, NAN, 11, id="no arm to tell"),
    pytest.param(2, 20, NAN, 2, NAN, 2, id="the other arm where its own is missing"),
]


@pytest.mark.parametrize(("met", "cep7_p", "cep7_q", "arm_q", "arm_p", "expected"), AMPLICONS)
def test_an_arm_stands_for_a_side_in_an_amplicon(met, cep7_p, cep7_q, arm_q, arm_p, expected):
    copies = {"met": met, "cep7_p": cep7_p, "cep7_q": cep7_q, "arm_q": arm_q, "arm_p": arm_p}
    log2 = {name: float(np.log2(expected_ratio(value, 0.5, 2.0))) for name, value in copies.items()}
    found = draws(posterior.Measured(log2, dict.fromkeys(log2, 0.0), 0.0), grid((0.5, 0.5)))
    np.testing.assert_allclose(found.cep7, expected)
    lies_in_one = expected != np.nanmean([cep7_p, cep7_q])
    np.testing.assert_allclose(found.cep7_from_arm, float(lies_in_one))


def test_noise_at_a_low_purity_is_no_amplicon():
    """At 10 % an error of .1 log2 takes a side of two copies above four in one draw of twelve."""
    found = draws(measured(share=0.1, se=0.1), grid((0.1, 0.1)), count=4096)
    high = np.mean(found.cep7_p >= 4)
    assert 0.05 < high < 0.2
    assert found.cep7_from_arm.mean() < 0.01


@pytest.mark.parametrize(("share", "copies"), [(0.1, 3.0), (0.1, 12.0), (0.3, 5.0), (0.7, 1.0)])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_copies_in_normal_cells_enter_the_equation(number, share, copies):
    log2 = {**measured(share=share).log2, "met": float(np.log2(expected_ratio(copies, share, 2.0, germline=number)))}
    level = posterior.Measured(log2, dict.fromkeys(log2, 0.0), 0.0, germline={number: 1.0})
    np.testing.assert_allclose(draws(level, grid((share, share))).copies, copies)


def test_open_copies_in_normal_cells_are_drawn_in_proportion():
    log2 = {**measured(share=0.5).log2, "met": float(np.log2(1.5))}
    level = posterior.Measured(log2, dict.fromkeys(log2, 0.0), 0.0, germline={2: 0.7, 3: 0.3})
    found = draws(level, grid((0.5, 0.5)), count=4096)
    assert set(found.copies.round(6)) == {4.0, 3.0}
    assert np.mean(found.copies > 3.5) == pytest.approx(0.7, abs=0.01)


MATCHED = {"matched_normal": {"met": {"log2": 0.58, "se": 0.05}}}


@pytest.mark.parametrize(
    ("options", "copies", "suspected"),
    [
        pytest.param({}, 7.0, True, id="no matched normal: suspected"),
        pytest.param(MATCHED, 3.0, False, id="the matched normal has three: so has the tumour"),
        pytest.param({"matched_normal": {"met": {"log2": 0.02, "se": 0.05}}}, 7.0, False, id="it has two"),
    ],
)
def test_stage_takes_the_germline_from_the_matched_normal(tmp_path, options, copies, suspected):
    """A ratio of 1.5 at 20 % purity: seven copies in the tumour, or a third one in all cells."""
    found, _ = run(tmp_path, measured(met=7, share=0.2), share="0.2", **options)
    assert found["met_copies"]["value"] == pytest.approx(copies, rel=0.03)
    assert ("could_be_germline" in found["reasons"]) is suspected
    assert found["germline"] == ({"3": 1.0} if options is MATCHED else {"2": 1.0})


def test_stage_says_where_cep7_comes_from(tmp_path):
    level = measured(met=2, share=0.5)
    level = posterior.Measured({**level.log2, **dict.fromkeys(("cep7_p", "cep7_q"), 2.0)}, level.se, 0.0)
    found, _ = run(tmp_path, level, share="0.5")
    assert "cep7_in_amplicon" in found["reasons"]
    assert found["cep7_copies"]["value"] == pytest.approx(2, abs=0.1)
    assert found["met_cep7"]["value"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("correlation", [-0.8, 0.0, 0.8])
def test_errors_share_what_they_are_said_to(correlation):
    matrix = np.eye(5)
    matrix[0, 1] = matrix[1, 0] = correlation
    log2, se = dict.fromkeys(posterior.SIDES, 0.0), dict.fromkeys(posterior.SIDES, 0.05)
    level = posterior.Measured(log2, se, 0.0, correlation=tuple(map(tuple, matrix.tolist())))
    found = {name: np.log2(value) for name, value in posterior.depth_ratios(level, 8192).items()}
    together = np.corrcoef([found[name] for name in posterior.SIDES])
    np.testing.assert_allclose(together, matrix, atol=0.05)
    for values in found.values():
        assert values.std() == pytest.approx(0.05, rel=0.02)


def test_counting_s_shape_stays_with_errors_that_go_together():
    """Three fragments: the level is skewed downwards as much with a correlation as without."""
    matrix = 0.5 * np.eye(5) + 0.5
    log2, se = dict.fromkeys(posterior.SIDES, 0.0), dict.fromkeys(posterior.SIDES, 0.8)
    levels = [
        posterior.Measured(log2, se, 0.0, {"met": 3.0}, correlation=correlation)
        for correlation in ((), tuple(map(tuple, matrix.tolist())))
    ]
    ends = [np.percentile(posterior.depth_ratios(level, 8192)["met"], (2.5, 50, 97.5)) for level in levels]
    np.testing.assert_allclose(ends[0], ends[1], rtol=0.05)
