"""What few fragments say: the error of counting as a floor, levels as ratios of sums, and no call below a minimum."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from metcn.copies import posterior
from metcn.purity.grid import PurityGrid
from metcn.ratios import correct
from metcn.reference import sums
from metcn.segments import segment
from metcn.stats import fragments
from support import made_depth

NAN = float("nan")
SOME = ("1", "2", "3", "7")
WINDOWS = made_depth.genome_windows(50_000).query("chromosome in @SOME").reset_index(drop=True)
MET_WINDOWS = (WINDOWS["role"] == "met").to_numpy()
COARSE = made_depth.genome_windows(500_000)

# The error of a count


@pytest.mark.parametrize("number", [0, 0.5, 1, 2, 3, 10, 100, 1e4, 1e8])
def test_sd_is_that_of_a_gamma_posterior(number):
    assert fragments.sd(number) == pytest.approx(np.sqrt(special.polygamma(1, number + 0.5)) / np.log(2), rel=1e-9)


def test_sd_of_an_unknown_number_is_unknown():
    assert np.isnan(fragments.sd(NAN))


@pytest.mark.parametrize("number", [0, 1, 3, 10, 100])
@pytest.mark.parametrize("probability", [0.025, 0.5, 0.975])
def test_quantile_is_that_of_the_gamma_posterior(number, probability):
    log2 = np.log2(stats.gamma(number + 0.5).ppf(probability) / (number + 0.5))
    found = fragments.quantile(number, np.array([probability]))[0] * fragments.sd(number)
    assert found == pytest.approx(log2, rel=1e-9)


@pytest.mark.parametrize("mean", [0.2, 1.0, 3.0, 10.0, 100.0])
def test_interval_of_counts_holds_the_mean_behind_them(mean):
    counts = np.arange(0, int(mean + 12 * np.sqrt(mean) + 20))
    low, high = (
        np.array([2 ** (fragments.log2_ratio(n, 1.0) + fragments.sd(n) * fragments.quantile(n, np.array([p]))[0])
                  for n in counts])
        for p in (0.025, 0.975)
    )  # fmt: skip
    inside = stats.poisson(mean).pmf(counts)[(low <= mean) & (mean <= high)].sum()
    assert 0.91 <= inside <= 1.0  # Jeffreys' intervals are right on average over means, not at each


@pytest.mark.parametrize(
    ("depth", "count", "bases", "number"),
    [
        pytest.param([2.0, 0.0, NAN], [2, 0, NAN], 150, [2, 0, NAN], id="counted"),
        pytest.param([300.0, 0.0], [2, 0], None, [2, 0], id="counted, depth in bases"),
        pytest.param([0.3, 0.0, NAN], [NAN] * 3, 150, [2, 0, NAN], id="mean depth"),
        pytest.param([0.3, 0.0], [NAN] * 2, None, [NAN, NAN], id="nothing known"),
        pytest.param([0.3, 0.0], [NAN] * 2, 0, [NAN, NAN], id="said to be unknown"),
    ],
)
def test_fragments_behind_depths(depth, count, bases, number):
    width = np.full(len(depth), 1000.0)
    found = fragments.behind(np.array(depth), np.array(count, dtype=float), width, bases_each=bases)
    np.testing.assert_allclose(found.number, number)


@pytest.mark.parametrize(
    "unit", [pytest.param(150.0, id="in bases"), pytest.param(0.01, id="in another unit: normalised")]
)
def test_depth_in_another_unit_is_not_taken_for_few_fragments(unit):
    count = np.random.default_rng(1).poisson(20, 4000)
    width, unknown = np.full(4000, 1000.0), np.full(4000, NAN)
    found = fragments.behind(count * unit / width, unknown, width, bases_each=150)
    assert found.number.sum() == pytest.approx(count.sum(), rel=0.1)


def reads(*, empty=slice(0, 0), mean=0.5, bins=2000, seed=3):
    count = np.random.default_rng(seed).poisson(mean, bins).astype(float)
    count[empty] = 0
    return fragments.Counts(count, np.ones(bins))


@pytest.mark.parametrize(
    ("empty", "compared", "even", "missing"),
    [
        pytest.param(slice(100, 130), False, True, 0, id="15 expected: chance may do it"),
        pytest.param(slice(100, 200), False, True, 100, id="50 expected: nothing aligns there"),
        pytest.param(slice(100, 200), True, True, 0, id="normals cover it: a loss"),
        pytest.param(slice(100, 130), False, False, None, id="targets that may not be captured"),
    ],
)
def test_an_empty_bin_is_an_observation_unless_nothing_could_lie_there(empty, compared, even, missing):
    counts = reads(empty=empty)
    everywhere = np.ones(2000, dtype=bool)
    found = fragments.covered(
        counts, usable=everywhere, even=everywhere & even, chromosome=np.repeat("1", 2000), compared=compared
    )
    if missing is None:
        np.testing.assert_array_equal(found, counts.number > 0)
    else:
        assert abs((~found).sum() - missing) <= 4  # an empty neighbour by chance belongs to the run


def slow_pools(expected, apart, least):
    """Pools by a plain loop: how many a stretch has, and that each bin lies in the one its middle falls into."""
    label, number, place = [], 0, 0
    while place < len(expected):
        after = place + 1
        while after < len(expected) and not apart[after]:
            after += 1
        total, seen, own = sum(expected[place:after]), 0.0, []
        for value in expected[place:after]:
            own.append(min(int((seen + value / 2) // least), max(int(total // least), 1) - 1))
            seen += value
        order = {value: rank for rank, value in enumerate(sorted(set(own)))}
        label += [number + order[value] for value in own]
        number, place = number + len(order), after
    return label


@given(
    st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=60),
)
def test_pools_are_those_of_a_plain_loop(bins):
    expected, apart = np.array([b[0] for b in bins], dtype=float), np.array([b[1] for b in bins])
    apart[0] = True
    found = fragments.pools(expected, apart, 8.0)
    assert found.tolist() == slow_pools(expected.tolist(), apart.tolist(), 8.0)
    assert (np.diff(found) >= 0).all() and (np.diff(found)[apart[1:]] == 1).all()


@pytest.mark.parametrize(("mean", "sd"), [(3.0, 0.0), (3.0, 0.3), (20.0, 0.1), (20.0, 0.3)])
def test_scatter_beyond_counting_is_found(mean, sd):
    random = np.random.default_rng(5)
    bins = 8000
    scatter = random.gamma(1 / sd**2, sd**2, bins) if sd else np.ones(bins)
    number, label = random.poisson(mean * scatter), np.repeat(np.arange(20), bins // 20)
    found = fragments.excess_variance(number, np.full(bins, mean), label, np.full(bins, np.inf))
    assert np.sqrt(found) == pytest.approx(sd, abs=0.1 if mean < 10 else 0.03)


# Levels


def level(number, expected, sd=None):
    number, expected = np.array(number, dtype=float), np.full(len(number), float(expected))
    return correct.summed_level(
        number, expected, fragments.sd(expected) if sd is None else np.full(len(number), sd), np.ones(len(number), bool)
    )


def test_a_level_is_a_ratio_of_sums():
    found = level([0, 3, 1], 0.5)
    assert found.log2 == pytest.approx(np.log2(4.5 / 1.5))
    assert (found.fragments, found.expected, found.bins) == (4, 1.5, 3)
    assert found.se == pytest.approx(fragments.sd(4))


def test_no_fragment_gives_a_level_with_an_honest_error():
    found = level([0, 0, 0], 4.0)
    assert np.isfinite(found.log2) and found.se == pytest.approx(fragments.sd(0))
    interval = fold_interval(found)
    assert interval[0] < 0.001 and 0.1 < interval[1] < 0.4  # of 12 expected none seen: not two copies


def test_scatter_beyond_counting_averages_out_over_bins_and_counting_does_not_fall_below_itself():
    one, many = level([20], 20.0, sd=0.6), level([20] * 9, 20.0, sd=0.6)
    assert one.se > fragments.sd(20) and many.se > fragments.sd(180)
    assert many.se == pytest.approx(one.se / 3, rel=0.02)


def fold_interval(found):
    measured = posterior.Measured(
        dict.fromkeys(posterior.SIDES, found.log2), dict.fromkeys(posterior.SIDES, found.se), 0.0,
        dict.fromkeys(posterior.SIDES, found.fragments),
    )  # fmt: skip
    drawn = posterior.posterior(measured, PurityGrid.point(1.0, 2.0), draw_count=4096)
    return np.percentile(drawn.depth_ratio, [2.5, 97.5])


@given(st.integers(0, 400), st.floats(0.5, 400))
@settings(max_examples=60, deadline=None)
def test_no_interval_of_a_level_is_narrower_than_counting_allows(number, expected):
    low, high = fold_interval(level([number], expected, sd=0.0))
    of_counting = stats.gamma(number + 0.5).ppf([0.025, 0.975]) / expected
    assert high - low >= 0.98 * (of_counting[1] - of_counting[0])


@pytest.mark.parametrize("number", [1e5, 1e7])
def test_many_fragments_leave_the_error_as_it_is(number):
    log2, se = dict.fromkeys(posterior.SIDES, 0.5), dict.fromkeys(posterior.SIDES, 0.05)
    noise, score = posterior.errors(4096, 5)[:, 0], posterior.scores(4096, 5)[:, 0]
    counted = posterior.Measured(log2, se, 0.0, {"met": number}).deviations("met", noise, score)
    np.testing.assert_allclose(counted, 0.05 * noise, atol=0.02 * 0.05 * 6)


# Thinning


def thinned(count, share, random):
    return random.binomial(count.astype(int), share)


def met_level(tmp_path, frame, count):
    per_kb = count * 1000 / (frame["end"] - frame["start"]).to_numpy()
    with np.errstate(divide="ignore"):
        bench = made_depth.Bench(tmp_path, frame, assay="swgs", counted=True)
        return bench.ratios(np.where(count > 0, np.log2(per_kb), NAN))


@pytest.mark.parametrize("fold", [1.0, 3.0])
def test_thinning_never_narrows_an_interval_and_the_truth_stays_inside(tmp_path, fold):
    random = np.random.default_rng(11)
    frame = COARSE
    ratio = np.where((frame["chromosome"] == "7") & (abs(frame["start"] - 116e6) < 2e6), fold, 1.0)
    whole = random.poisson(400 * ratio)
    widths, inside = [], []
    for share in (1.0, 0.2, 0.03, 0.006, 0.001):
        width = []
        for _ in range(2):
            found = met_level(tmp_path, frame, thinned(whole, share, random)).summary["met"]
            width.append(found["se"])
            inside.append(abs(found["log2"] - np.log2(fold)) <= 2.3 * found["se"])
        widths.append(np.mean(width))
    # of expectations: a thinning may show more fragments than its share, which one alone is told by its own
    assert (np.diff(widths) > 0).all()
    assert np.mean(inside) >= 0.9
    assert widths[-1] > 1.0  # half a fragment expected


# Reasons


@pytest.mark.parametrize(
    ("mean", "reason", "other"),
    [
        pytest.param(3.0, "too_few_fragments", None, id="9 expected"),
        pytest.param(4.0, "low_depth", "too_few_fragments", id="12 expected"),
        pytest.param(30.0, "low_depth", "too_few_fragments", id="90 expected"),
        pytest.param(40.0, None, "low_depth", id="120 expected"),
    ],
)
def test_what_is_expected_of_met_decides_not_what_is_seen(tmp_path, mean, reason, other):
    frame = WINDOWS
    assert MET_WINDOWS.sum() == 3
    count = np.random.default_rng(2).poisson(mean, len(frame))
    for in_met in (0 if mean < 5 else 1, 200):  # none of many would be a gap
        count[MET_WINDOWS] = in_met
        found = met_level(tmp_path, frame, count).summary
        assert found["met"]["expected_fragments"] == pytest.approx(3 * mean, rel=0.05)
        reasons = set(found["reasons"]) - {"met_not_covered"}
        assert reason is None or reason in reasons
        assert other not in reasons


def test_share_of_empty_bins_is_told(tmp_path):
    count = np.random.default_rng(2).poisson(0.5, len(WINDOWS))
    found = met_level(tmp_path, WINDOWS, count)
    assert found.summary["qc"]["empty_bins"] == pytest.approx(np.exp(-0.5), abs=0.01)
    empty = found.table["depth"] == 0
    assert np.isfinite(found.log2[empty & (found.table["mask"] == "")]).all()  # readable, and an observation


def test_few_and_many_fragments_give_one_level_where_they_meet(tmp_path):
    random = np.random.default_rng(4)
    whole = random.poisson(fragments.FEW * 1.1, len(WINDOWS))
    fewer = thinned(whole, 0.85, random)
    for count, kinds in ((whole, []), (fewer, ["window"])):
        found = met_level(tmp_path, WINDOWS, count).summary
        assert found["qc"]["summed_kinds"] == kinds
        seen = count[MET_WINDOWS].sum() / 3 / count.mean()
        assert found["met"]["log2"] == pytest.approx(np.log2(seen), abs=0.06)
        assert found["met"]["se"] == pytest.approx(fragments.sd(count[MET_WINDOWS].sum()), rel=0.5)


# Normals, curves, segments


def test_thin_normals_are_pooled_and_drawn_to_the_typical_bin():
    random = np.random.default_rng(7)
    true = random.lognormal(0, 0.2, 4000)
    number = random.poisson(5 * true, (6, 4000)).astype(float)
    everywhere, given_mask = np.ones(4000, dtype=bool), np.full(4000, "", dtype="U32")
    given_mask[0] = "blacklisted"
    number[:, 1] = 0
    centre, spread, mask = sums.centre(number, np.ones(4000), fit=everywhere, given=given_mask, least_relative=0.05)
    error = centre[2:] - np.log2(true[2:])
    assert np.std(error) < np.std(np.log2(true[2:]))  # better than nothing known
    assert np.std(error) == pytest.approx(np.median(spread[2:]), rel=0.2)
    assert mask[:3].tolist() == ["blacklisted", "no_reads_in_normals", ""]


def test_a_curve_of_few_fragments_is_found_and_not_made_of_noise():
    random = np.random.default_rng(8)
    gc, rows = random.uniform(0.3, 0.6, 60_000), np.ones(60_000, dtype=bool)
    height = 3 * (gc - 0.45)
    number = random.poisson(0.4 * 2**height)
    expected = np.full(60_000, number.mean())
    found = sums.curve(number.astype(float), expected, covariate=gc, rows=rows)
    away = found - height
    assert np.std(away) < 0.1
    few = np.arange(60_000) < 1000
    assert not sums.curve(number * 1.0, expected, covariate=gc, rows=few).any()  # 400 fragments make no curve


@pytest.mark.parametrize("mean", [0.05, 0.5, 5.0, 200.0])
def test_segments_of_a_flat_genome_err_by_no_less_than_their_fragments(tmp_path, mean):
    count = np.random.default_rng(9).poisson(mean, len(WINDOWS))
    found = met_level(tmp_path, WINDOWS, count)
    arm = (WINDOWS["chromosome"] + np.where(WINDOWS["start"] > 60e6, "q", "p")).to_numpy()
    table = segment.find(found.table, method="none", arm=arm)
    size = table["probes"] * mean
    assert (table["se"] >= 0.85 * fragments.sd(size.to_numpy(float))).all()
    z = (table["log2"] / table["se"]).to_numpy()
    assert np.sqrt(np.mean(z**2)) < 1.4


@pytest.mark.parametrize(
    ("targets", "wide", "kinds"),
    [
        pytest.param(6.0, 3.0, ["off_target", "target"], id="both thin"),
        pytest.param(400.0, 3.0, ["off_target"], id="targets deep, off-target thin"),
    ],
)
@pytest.mark.parametrize("fold", [1.0, 4.0])
def test_a_thin_panel_is_measured_against_normals_without_bias(tmp_path, targets, wide, kinds, fold):
    frame = made_depth.panel_bins(genes=60, tiles=12, off_target_bp=1_000_000)
    random = np.random.default_rng(6)
    target = (frame["kind"] == "target").to_numpy()
    mean = np.where(target, targets, wide) * random.lognormal(0, 0.3, len(frame))
    width_kb = ((frame["end"] - frame["start"]) / 1000).to_numpy()
    bench = made_depth.Bench(tmp_path, frame, counted=True)

    def log2(count):
        with np.errstate(divide="ignore"):
            return np.where(count > 0, np.log2(count / width_kb), NAN)

    normals = np.stack([log2(random.poisson(200 * mean)) for _ in range(6)])
    panel = bench.reference(normals)
    z, cep7 = [], []
    for _ in range(4):
        ratio = np.where((frame["role"] == "met").to_numpy(), fold, 1.0)
        found = bench.ratios(log2(random.poisson(mean * ratio)), panel).summary
        assert found["qc"]["summed_kinds"] == kinds
        z.append((found["met"]["log2"] - np.log2(fold)) / found["met"]["se"])
        cep7.append(found["cep7"]["log2"] / found["cep7"]["se"])
    assert max(map(abs, [*z, *cep7])) < 3
    assert abs(np.mean(z)) < 1.6 and abs(np.mean(cep7)) < 1.6


# Values and loops with constants of their own


def test_the_least_quantile_is_finite():
    """No fragment, probability 0: the least logarithm, -1074, less that of a half, over pi / sqrt(2) / log(2)."""
    expected = (-1074 + 1) * np.log(2) * np.sqrt(2) / np.pi
    np.testing.assert_allclose(fragments.quantile(0.0, np.array([0.0])), expected, rtol=1e-6)


def test_typical_is_the_mean_of_what_is_known():
    counts = fragments.Counts(np.array([4.0, np.nan, 8.0, 100.0]), np.ones(4))
    assert counts.typical(np.array([True, True, True, False])) == 6
    assert np.isnan(counts.typical(np.array([False, True, False, False])))


def test_counts_that_are_all_zero_tell_nothing():
    depth, width = np.array([1.0, 2.0]), np.array([100.0, 100.0])
    found = fragments.behind(depth, np.zeros(2), width, bases_each=50.0)
    np.testing.assert_allclose(found.number, [2, 4])
    np.testing.assert_allclose(found.per_depth, [2, 2])
    counted = fragments.behind(depth, np.array([3.0, 3.0]), width, bases_each=50.0)
    np.testing.assert_allclose(counted.number, [2, 4])  # six fragments of 300 bases
    assert np.isnan(fragments.behind(depth, np.zeros(2), width, bases_each=None).number).all()


def slow_most(size, width):
    """Median over 20 parts of the pairs of neighbours, of their squared differences over their sums."""
    pairs = [
        (first, second)
        for first, second, one, other in zip(size, size[1:], width, width[1:], strict=False)
        if abs(np.log(other / one)) < 0.2 and np.isfinite(first + second)
    ]
    if len(pairs) < 100:
        return np.inf
    cut, extra = divmod(len(pairs), 20)
    ends = np.cumsum([0] + [cut + 1] * extra + [cut] * (20 - extra))
    parts = [pairs[first:after] for first, after in itertools.pairwise(ends)]
    sums = [(sum((a - b) ** 2 for a, b in part), sum(a + b for a, b in part)) for part in parts]
    return np.median([square / total for square, total in sums if square > 0 and total > 0])


@pytest.mark.parametrize("bins", [100, 101, 400])
@pytest.mark.parametrize("flat", [0, 60], ids=["", "a stretch without scatter"])
def test_most_bases_of_a_fragment_equal_the_loop(bins, flat):
    random = np.random.default_rng(bins)
    width = np.where(np.arange(bins) // 50 % 2, 100.0, 110.0 if bins < 400 else 125.0)
    depth = random.poisson(4, bins) * 20 / width
    depth[:flat] = 1.0
    width[:flat] = 100.0
    if bins == 400:
        depth[[77, 200]] = np.nan
    most = slow_most(depth * width, width)
    assert np.isinf(most) == (bins == 100)
    found = fragments.behind(depth, np.full(bins, np.nan), width, bases_each=1000.0)
    np.testing.assert_allclose(found.number, depth * width / min(1000.0, most))


def slow_covered(number, per_depth, usable, even, chromosome):
    """Bins that are an observation, as a loop over runs of alike bins."""
    known = [bool(use) and np.isfinite(count) for use, count in zip(usable, number, strict=True)]
    seen = [own and count > 0 for own, count in zip(known, number, strict=True)]
    runs, before = [], None
    for row, key in enumerate(zip(seen, chromosome, even, strict=True)):
        runs = [*runs, [row]] if key != before else [*runs[:-1], [*runs[-1], row]]
        before = key
    kept = [own and (shown or flat) for own, shown, flat in zip(known, seen, even, strict=True)]
    for _ in range(3):
        rows = [row for row in range(len(number)) if kept[row] and even[row]]
        size = sum(per_depth[row] for row in rows)
        rate = sum(number[row] for row in rows) / size if size > 0 else 0.0
        for run in runs:
            expected = sum(per_depth[row] * rate for row in run if known[row] and even[row])
            for row in run:
                kept[row] = known[row] and (seen[row] or (bool(even[row]) and expected < 20))
    return kept


@pytest.mark.parametrize("seed", range(12))
def test_covered_equals_the_loop(seed):
    random = np.random.default_rng(seed)
    number = random.poisson(np.repeat(random.choice([0.0, 3.0, 8.0], 24), 5)).astype(float)
    number[random.random(120) < 0.03] = np.nan
    per_depth = random.uniform(0.5, 2, 120)
    even = np.repeat(random.random(30) < 0.7, 4)
    usable, chromosome = random.random(120) < 0.95, np.repeat([1, 2, 3], 40)
    counts = fragments.Counts(number, per_depth)
    found = fragments.covered(counts, usable=usable, even=even, chromosome=chromosome, compared=False)
    assert found.tolist() == slow_covered(number, per_depth, usable, even, chromosome)
    compared = fragments.covered(counts, usable=usable, even=even, chromosome=chromosome, compared=True)
    assert compared.tolist() == (usable & np.isfinite(number)).tolist()


VARIANCES = [
    # number, expected, part, groups of one level, relative variance
    pytest.param([14, 6], [10, 10], [0, 0], [2, 2], (16 * 2 - 14 + 16 * 2 - 6) / 200, id="half is lost with the level"),
    pytest.param([14, 6], [10, 10], [0, 0], [5, 5], (16 * 1.25 - 14 + 16 * 1.25 - 6) / 200, id="a quarter more"),
    pytest.param([18, 10], [10, 10], [0, 0], [1, 1], (64 * 2 - 18 - 10) / 200, id="a level of its own: as of two"),
    pytest.param([14, 6, 7], [10, 10, 0], [0, 0, 1], [2, 2, 2], 0.22, id="nothing expected: left out"),
    pytest.param([11, 9], [10, 10], [0, 0], [2, 2], 0.0, id="no more than counting"),
    pytest.param([14, 6, 20, 30, 10], [10, 10, 10, 10, 10], [0, 0, 1, 2, 2], [2] * 5, 0.22 + 1.58, id="median part"),
]


@pytest.mark.parametrize(("number", "expected", "label", "level", "variance"), VARIANCES)
def test_variance_beyond_counting(number, expected, label, level, variance):
    found = fragments.excess_variance(*(np.array(column) for column in (number, expected, label, level)))
    assert found == pytest.approx(variance)
