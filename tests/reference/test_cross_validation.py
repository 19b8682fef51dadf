"""Leaving normals out: what is found of their noise against what they were made with."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.reference import cross_validation, panel, tangent
from metcn.stats import robust
from support import made_depth

NAN = float("nan")
CHROMOSOMES, GENES, BINS = 12, 12, 8  # genes per chromosome, bins per gene
GROUPS = CHROMOSOMES * GENES
MET_GENE = 6 * GENES + 3


def places():
    """Twelve chromosomes; nothing is fitted on the seventh, which has MET."""
    group = np.repeat(np.arange(GROUPS), BINS)
    part = group // GENES
    fit = part != 6
    names = np.array([str(number + 1) for number in range(CHROMOSOMES)])[part]
    layout = made_depth.layout(group, chromosome=names, fit=fit, met=group == MET_GENE)
    return replace(layout, chromosome_index=part)


def normals(count=20, *, factors=3, excess=0.06, noise=0.15, neighbours=0.0, met=1.0, seed=1):
    """Log2 depths with shared factors, an error per gene (partly that of its stretch of four) and noise per bin."""
    random = np.random.default_rng(seed)
    loading = random.normal(0, 0.2, (factors, GROUPS))
    own = random.normal(0, excess, (count, GROUPS)) * np.sqrt(1 - neighbours)
    own += np.repeat(random.normal(0, excess, (count, GROUPS // 4)), 4, axis=1) * np.sqrt(neighbours)
    own[:, MET_GENE] *= met
    gene = random.normal(size=(count, factors)) @ loading + own
    depth = np.repeat(gene, BINS, axis=1) + random.normal(0, noise, (count, GROUPS * BINS))
    return depth.astype(np.float32)


@pytest.fixture(scope="module")
def found():
    return cross_validation.leave_out(normals(), places(), most=18)


def test_every_factor_is_worth_a_component(found):
    errors = found.errors
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert found.components >= 3


def test_more_components_than_factors_hardly_hurt(found):
    """Shrinkage keeps what cannot be told from noise small."""
    assert max(found.errors[count] for count in (4, 8, 18)) < 1.1 * found.errors[3]


def test_excess_is_what_the_genes_were_given(found):
    assert 0.055 < found.excess < 0.085  # the components' own error comes on top
    assert cross_validation.leave_out(normals(excess=0.0), places(), most=18).excess < 0.035


def test_genes_are_judged_by_fits_without_their_own_chromosomes():
    """With no factor at all, components could only look useful to genes that they were fitted on."""
    null = cross_validation.leave_out(normals(factors=0, excess=0.1), places(), most=18)
    assert min(null.errors.values()) > 0.95 * null.errors[0]


@pytest.mark.parametrize(("neighbours", "expected"), [(0.0, 0.5), (0.9, 0.9)])
def test_mean_of_four_neighbours(neighbours, expected):
    """Independent genes average out as the square root says; genes that share their error do not."""
    null = cross_validation.leave_out(normals(40, factors=0, excess=0.1, neighbours=neighbours), places(), most=3)
    assert null.averaged[4] == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(("met", "low", "high"), [(0.2, 1.0, 1.0), (1.0, 1.0, 1.4), (3.0, 1.4, 3.0)])
def test_met_is_never_taken_to_be_quieter_than_its_peers(met, low, high):
    factor = cross_validation.leave_out(normals(met=met), places(), most=8).met_factor
    assert low <= factor <= high


def test_a_normal_without_the_kind_is_passed_over():
    depth = normals(8)
    depth[3] = NAN
    null = cross_validation.leave_out(depth, places(), most=4)
    assert np.isfinite([null.noise, null.excess]).all()


def test_no_more_normals_are_judged_than_needed(monkeypatch):
    judged = []
    original = cross_validation._tried
    monkeypatch.setattr(cross_validation, "_tried", lambda *given: judged.append(1) or original(*given))
    cross_validation.leave_out(normals(50), places(), most=3)
    assert len(judged) == cross_validation.JUDGED


def test_what_is_left_of_every_normal_is_known_though_some_are_judged(monkeypatch):
    """Those that wait for the number of components get what judging them would have given."""
    depth = normals(24)
    every = cross_validation.judge(depth, places(), most=3)[1]
    monkeypatch.setattr(cross_validation, "JUDGED", 20)
    null, some = cross_validation.judge(depth, places(), most=3)
    assert np.isfinite(null.scatter).sum() == 20
    assert np.isfinite(some.rest).all() and some.rest.shape == (24, GROUPS)
    np.testing.assert_allclose(some.rest, every.rest, atol=1e-5)


def test_normals_set_aside_change_nothing_for_the_others():
    depth = normals(9)
    with_tumour = np.vstack([depth, depth[:1]])
    with_tumour[9, np.repeat(np.arange(GROUPS), BINS) == MET_GENE] += 1.5
    trusted = np.arange(10) < 9
    null, left = cross_validation.judge(with_tumour, places(), most=3, trusted=trusted)
    alone, expected = cross_validation.judge(depth, places(), most=3)
    np.testing.assert_allclose(left.rest[:9], expected.rest, atol=1e-6)
    assert (null.excess, null.errors) == (alone.excess, alone.errors) and len(null.scatter) == 9
    assert left.rest[9, MET_GENE] == pytest.approx(1.5, abs=0.4)


def test_a_high_amplicon_is_not_cut_as_a_poor_bin_is():
    depth = normals(12)
    depth[4, np.repeat(np.arange(GROUPS), BINS) == MET_GENE] += 3.0
    left = cross_validation.judge(depth, places(), most=3)[1]
    assert left.rest[4, MET_GENE] == pytest.approx(3.0, abs=0.5)


def test_a_group_that_a_normal_lacks_is_missing_there_alone():
    depth = normals(45)
    gone = np.repeat(np.arange(GROUPS), BINS) == 7
    depth[3, gone], depth[44, gone] = NAN, NAN
    left = cross_validation.judge(depth, places(), most=3)[1]
    assert np.argwhere(~np.isfinite(left.rest)).tolist() == [[3, 7], [44, 7]]


def test_held_out_errors_equal_fits_without_the_part():
    """The oracle fits each part's complement anew, with the whole fit's weights."""
    random = np.random.default_rng(3)
    group = np.repeat(np.arange(60), 6)
    values = np.vstack([random.normal(0, 0.2, 360), random.normal(0, 1, (2, 360))])
    sample = tangent.grouped(values, np.full(360, 5.0), group)
    part, use = np.arange(60) // 5, np.arange(60) % 9 != 0
    rest, scores = cross_validation._held_out(sample, 2, use, part)
    means, design = sample.means[0], np.c_[sample.means[1:].T, np.ones(60)]
    whole = tangent.fit(means[use], sample.variance[use], design[use, :2], iterations=3)
    np.testing.assert_array_equal(scores, whole.scores)
    for number in range(cross_validation.PARTS):
        own = part % cross_validation.PARTS == number
        kept = (use & ~own)[use]
        normal = design[use][kept].T * whole.weight[kept] @ design[use][kept]
        right = design[use][kept].T * whole.weight[kept] @ means[use][kept]
        part_scores = tangent.solve(normal, right, whole.noise)
        expected = means[own & use] - design[own & use] @ part_scores
        np.testing.assert_allclose(rest[own & use], expected, atol=1e-9)
    np.testing.assert_allclose(rest[~use], (means - design @ whole.scores)[~use], atol=1e-12)


def test_what_one_number_of_components_gives_does_not_rest_on_the_others(found, monkeypatch):
    monkeypatch.setattr(cross_validation, "CANDIDATES", (found.components,))
    alone = cross_validation.leave_out(normals(), places(), most=18)
    if alone.components == found.components:
        assert (alone.noise, alone.excess) == pytest.approx((found.noise, found.excess), rel=1e-3)
    assert 0.4 < found.noise < 1.0  # the spread of raw depths holds the factors too


@pytest.mark.parametrize("genes", [0, 20])
def test_single_targets_tell_what_they_can_of_the_excess(genes):
    """Of groups of one bin alone noise and excess cannot be told apart; a few genes of 8 can."""
    random = np.random.default_rng(1)
    size = np.r_[np.full(genes, 8), np.ones(500, dtype=int)]
    group = np.repeat(np.arange(len(size)), size)
    depth = random.normal(0, 0.1, (16, len(size)))[:, group] + random.normal(0, 0.2, (16, len(group)))
    single = replace(made_depth.layout(group, met=group == 0), chromosome_index=group % 22)
    null = cross_validation.leave_out(depth.astype(np.float32), single, most=1)
    expected = 0.1 if genes else 0.0
    assert null.excess == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("singles", [0, 400, 4000])
@pytest.mark.parametrize("size", [2, 6])
def test_variance_within_a_group_is_that_of_its_mean(size, singles):
    """Whatever groups share: bins of 0.3 about a group's own level, and single bins whose noise those alone tell."""
    random = np.random.default_rng(4)
    group = np.r_[np.repeat(np.arange(400), size), 400 + np.arange(singles)]
    count = len(group)
    rest = random.normal(0, 0.3, count) + 0.2 * random.normal(size=400 + singles)[group]
    found = cross_validation._within(rest, np.full(count, 0.2), np.ones(count), group, robust.spread(rest / 0.2))
    assert found[:400].mean() == pytest.approx(0.3**2 / size, rel=0.12)
    np.testing.assert_allclose(found[400:], 0.3**2, rtol=0.15)


def test_noise_of_single_bins_alone_is_all_noise():
    found = cross_validation._within(np.array([0.3, -0.1]), np.full(2, 0.2), np.ones(2), np.arange(2), 1.5)
    np.testing.assert_allclose(found, 0.3**2)
    assert np.isnan(cross_validation._within(np.zeros(1), np.ones(1), np.zeros(1), np.zeros(1, dtype=int), 1.0)).all()


SHARES = [
    # groups, share of the excess of one
    pytest.param(1, 1.0, id="one"),
    pytest.param(2, 0.8, id="as measured"),
    pytest.param(4, 0.6, id="the longest measured"),
    pytest.param(16, 0.3, id="beyond: falls with the square root"),
]


@pytest.mark.parametrize(("groups", "expected"), SHARES)
def test_share_of_a_stretch(groups, expected):
    assert panel.share_of({2: 0.8, 4: 0.6, 8: NAN}, groups) == pytest.approx(expected)


def test_share_of_a_stretch_where_nothing_was_measured():
    assert panel.share_of({}, 9) == pytest.approx(1 / 3)


WEIGHTED = [
    # weights of neighbouring groups, share of the excess of one where pairs, fours have .9, .8 of it
    pytest.param([3], 1.0, id="one"),
    pytest.param([2, 2], 0.9, id="as measured"),
    pytest.param([1] * 4, 0.8, id="the longest measured"),
    pytest.param([1, 0, 0, 1], np.sqrt(2 + 2 * 0.42) / 2, id="two as far apart as it reaches"),
    pytest.param([1, 0, 0, 0, 1], np.sqrt(1 / 2), id="two beyond"),
    pytest.param([3, 1], np.sqrt(9 + 1 + 6 * 0.62) / 4, id="a heavy one"),
]


@pytest.mark.parametrize(("weight", "expected"), WEIGHTED)
def test_share_of_a_weighted_mean(weight, expected):
    """Neighbours share .62 of the variance of one, .9^2 * 2 - 1; groups 2 and 3 apart .42."""
    assert panel.weighted_share({2: 0.9, 4: 0.8, 8: NAN}, np.array(weight, float)) == pytest.approx(expected)


def test_share_of_a_weighted_mean_where_nothing_was_measured():
    assert panel.weighted_share({}, np.array([1.0, 1.0, 2.0])) == pytest.approx(np.sqrt(6) / 4)


@pytest.mark.parametrize(
    ("averaged", "expected"),
    [
        pytest.param({2: 0.5}, np.sqrt(1 / 2), id="neighbours that go apart share nothing"),
        pytest.param({2: 0.9, 4: 0.9}, 0.9, id="as much far off"),
        pytest.param({2: 0.75, 4: 0.9}, 0.75, id="never more farther off"),
    ],
)
def test_what_groups_share_lies_between_nothing_and_what_nearer_ones_do(averaged, expected):
    far = max(averaged) - 1
    pair = np.zeros(far + 1)
    pair[[0, far]] = 1
    assert panel.weighted_share(averaged, pair) <= expected + 1e-12
    assert panel.weighted_share(averaged, np.ones(2)) == pytest.approx(max(averaged[2], np.sqrt(1 / 2)))


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.lists(st.floats(0, 5), min_size=1, max_size=24).filter(lambda weight: sum(weight) > 0.1),
)
def test_share_of_a_weighted_mean_equals_the_loop(falls, weight):
    """Groups whose covariance is known, falling after 1, 3, 7 and 15 steps; means of neighbours tell it all."""
    levels = np.cumprod([1.0, *falls])

    def covariance(one, other):
        return levels[min(abs(one - other).bit_length(), 5)] if abs(one - other) < 16 else 0.0

    def variance(weights):
        pairs = itertools.product(range(len(weights)), repeat=2)
        return sum(weights[a] * weights[b] * covariance(a, b) for a, b in pairs) / sum(weights) ** 2

    averaged = {length: np.sqrt(variance([1] * length)) for length in (2, 4, 8, 16)}
    found = panel.weighted_share(averaged, np.array(weight))
    assert found == pytest.approx(np.sqrt(variance(weight)), abs=1e-6)
