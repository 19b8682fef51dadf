"""Panels of normals of a few bins, by values: sexes, trusted normals, noise by kind, and which genes are judged."""

import numpy as np
import pytest

from metcn.bins.layout import BinLayout
from metcn.reference import build
from metcn.run.settings import ReferenceSettings

CHROMOSOME = np.repeat(["1", "2", "3", "4", "7", "X"], 40)
COUNT = len(CHROMOSOME)
KIND = np.where(np.arange(COUNT) % 2 == 0, "target", "off_target")
GROUP = np.where(KIND == "target", np.arange(COUNT) // 8, np.arange(COUNT) // 8 + COUNT)
ON_X, MET = CHROMOSOME == "X", (CHROMOSOME == "7") & (np.arange(COUNT) % 40 < 8) & (KIND == "target")
EFFICIENCY = np.random.default_rng(3).normal(0, 1, COUNT)
NOISE = np.where(KIND == "target", 0.1, 0.3)


def made(log2_depth, trusted=None, kind=KIND, group=GROUP):
    """The panel of such normals."""
    place = 5_000_000 + np.arange(COUNT) % 40 * 3_000_000
    layout = BinLayout(
        chromosome=CHROMOSOME, chromosome_index=np.unique(CHROMOSOME, return_inverse=True)[1],
        start=place, end=place + 1,
        gene=np.full(COUNT, "-", dtype=object), kind=kind, mask=np.full(COUNT, "", dtype=object),
        gc=np.full(COUNT, np.nan), mappability=np.full(COUNT, np.nan), group=group, block=np.arange(COUNT),
        fit=~np.isin(CHROMOSOME, ["7", "X"]), met=MET,
    )  # fmt: skip
    settings = ReferenceSettings(max_components=2, min_relative_depth=0.0, max_spread=9.0)
    return build.build(log2_depth.astype(np.float32), layout, settings, trusted=trusted)


def depths(male=(), normals=6, seed=1):
    """Log2 depths of normals, of which some are male and one varies along a factor of its own."""
    random = np.random.default_rng(seed)
    factor = np.outer(random.normal(size=normals), 0.3 * np.sin(GROUP))
    return (
        EFFICIENCY
        + factor
        + NOISE * random.normal(size=(normals, COUNT))
        - np.isin(np.arange(normals), male)[:, None] * ON_X
    )


def test_a_males_x_is_raised_to_two_copies():
    men, women = made(depths(male=(1, 4, 5))), made(depths())
    assert men.male.tolist() == [False, True, False, False, True, True]
    assert women.male is None
    np.testing.assert_allclose(men.centre[ON_X], women.centre[ON_X], atol=0.05)
    np.testing.assert_allclose(men.spread[ON_X], women.spread[ON_X], rtol=0.1)
    np.testing.assert_allclose(men.centre[~ON_X], women.centre[~ON_X], atol=1e-5)


def test_sexes_are_told_though_normals_lack_unlike_bins():
    """Those that lack the bins of least depth lie higher on X, sex or not."""
    values = depths(male=(1, 4), normals=9)
    order = np.flatnonzero(ON_X)[np.argsort(EFFICIENCY[ON_X])]
    values[np.ix_([1], order[:25])] = np.nan
    values[np.ix_([0], order[-25:])] = np.nan
    assert np.flatnonzero(made(values).male).tolist() == [1, 4]


def test_normals_that_are_not_trusted_are_no_part_of_the_panel():
    values = depths(male=(1, 4, 5), normals=8)
    trusted = np.arange(8) < 6
    part, alone = made(values, trusted), made(values[:6])
    assert part.normals == 6
    assert part.male.tolist() == alone.male.tolist()
    np.testing.assert_array_equal(part.centre, alone.centre)
    assert {len(rest.rest) for rest in part.left_out.values()} == {8}
    women = made(depths(normals=8), trusted)
    assert women.male is None


@pytest.mark.parametrize("normals", [3, 6])
def test_noise_of_a_kind_is_what_leaving_out_says_of_that_kind(normals):
    values = depths(normals=normals)
    panel = made(values.copy())
    scaled = build.scale(values.astype(np.float32), KIND, ~np.isin(CHROMOSOME, ["7", "X"]))
    spread = build.centre_and_spread(scaled)[1]
    assert len({null.noise for null in panel.null.values()}) == 2
    for name, null in panel.null.items():
        np.testing.assert_allclose(panel.spread[name == KIND], (spread * null.noise)[name == KIND], rtol=1e-5)


def test_a_kind_learns_its_components_from_its_own_bins_on_autosomes():
    """What happens to bins between the targets, or on X, hardly changes what is learned of targets.

    Hardly, since a bin's spread leans on that of all.
    """
    values = depths(normals=12)
    own, before = (KIND == "target") & ~ON_X, made(values.copy())
    wild = 3 * np.random.default_rng(9).normal(size=values.shape)
    for elsewhere in (KIND == "off_target", ON_X):
        after = made(np.where(elsewhere, values + wild, values))
        assert before.null["target"].components == after.null["target"].components > 0
        count = before.null["target"].components
        np.testing.assert_allclose(after.basis[own, :count], before.basis[own, :count], atol=5e-3)
        np.testing.assert_allclose(after.scores["target"], before.scores["target"], atol=0.05)


def test_shares_of_the_normals_have_unit_mean_square():
    panel = made(depths(normals=12))
    assert max(null.components for null in panel.null.values()) > 0
    for name, null in panel.null.items():
        assert panel.scores[name].shape == (12, null.components)
        np.testing.assert_allclose(np.mean(panel.scores[name] ** 2, axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize(("most", "step"), [(COUNT, 1), (COUNT - 1, 2), (COUNT // 2, 2), (COUNT // 3, 3)])
def test_of_many_bins_whole_stretches_of_64_groups_are_judged(monkeypatch, most, step):
    """Every other stretch where a kind has twice as many bins as are enough, MET always; chromosome 7 is watched."""
    seen, watched, original = [], [], build.judge

    def judge(values, places, **options):
        seen.append(places.group[~options["watched"]])
        watched.append(places.group[options["watched"]])
        return original(values, places, **options)

    kind, group = np.full(COUNT, "target"), np.arange(COUNT)
    monkeypatch.setattr(build, "judge", judge)
    monkeypatch.setattr(build, "SAMPLE_BINS", most)
    made(depths(), kind=kind, group=group)
    expected = [number for number in range(COUNT) if step == 1 or number // 64 % step == 0 or MET[number]]
    assert [numbers.tolist() for numbers in seen] == [expected]
    seven = [number for number in np.flatnonzero(CHROMOSOME == "7").tolist() if number not in expected]
    assert [numbers.tolist() for numbers in watched] == [seven]


def test_the_sum_of_a_panel_is_that_of_its_normals():
    """A panel of three that do not vary is their depth, and every bin is used."""
    values = np.repeat(EFFICIENCY[None], 3, axis=0)
    panel = made(values)
    for name in ("target", "off_target"):
        own = name == KIND
        fit = own & ~np.isin(CHROMOSOME, ["7", "X"])
        np.testing.assert_allclose(panel.centre[own], (EFFICIENCY - np.median(EFFICIENCY[fit]))[own], atol=1e-5)
    assert set(panel.mask) == {""}
