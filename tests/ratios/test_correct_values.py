"""Kernels of the ratios with values by hand and loops whose constants are their own: a changed constant is noticed."""

import math

import numpy as np
import pytest

from metcn.ratios import baseline, correct
from metcn.stats import fragments, robust

NAN = float("nan")


def array(*values):
    return np.array(values, dtype=float)


def labels(*values):
    return np.array(values, dtype=np.intp)


def everywhere(count):
    return np.ones(count, dtype=bool)


# Noise


def test_noise_is_that_of_neighbours_on_one_chromosome():
    """Steps of 1, 2 and 1 expected errors; that from one chromosome to the next, of 15, does not count."""
    spread = np.full(5, 0.5 / math.sqrt(2))
    chromosome = np.array(["1", "1", "1", "2", "2"])
    assert correct.noise_scale(array(0, 0.5, 1.5, 9, 9.5), spread, chromosome) == pytest.approx(1.4826)
    assert correct.noise_scale(array(0, 0.5, NAN, 9, 9.5), spread, chromosome) == pytest.approx(1.4826)
    alone = np.array(["1", "2", "3", "4", "5"])  # steps of 1, 2, 15 and 1: their spread
    assert correct.noise_scale(array(0, 0.5, 1.5, 9, 9.5), spread, alone) == pytest.approx(1.4826 * 0.5)
    assert correct.noise_scale(np.zeros(5), spread, chromosome) == 1e-3
    assert correct.noise_scale(array(0, 0.4, 0.8), array(0.3, 0.4, 0.3), chromosome[:3]) == pytest.approx(1.4826 * 0.8)


def test_noise_of_a_local_level():
    """Of blocks of three and more, how far their bins lie from them; else the bins' own noise."""
    block, local = labels(0, 0, 0, 1, 1, 1, 2), np.zeros(7)
    ratio, sd = array(-0.2, 0, 0.2, -0.4, 0, 0.4, 9), np.full(7, 0.3)
    found = correct.local_noise(ratio, sd, local, use=everywhere(7), block=block)
    assert found == pytest.approx(1.25 * 1.4826 * 0.2 / math.sqrt(3))
    pairs = labels(0, 0, 1, 1, 2, 2, 3)
    assert correct.local_noise(ratio, sd, local, use=everywhere(7), block=pairs) == pytest.approx(0.3 / math.sqrt(2))
    assert correct.local_noise(ratio, sd, local, use=~everywhere(7), block=block) == 0
    gap = labels(0, 0, 0, 4, 4, 4, 7)  # blocks without a bin in use do not count
    assert correct.local_noise(ratio, sd, local, use=everywhere(7), block=gap) == pytest.approx(found)


@pytest.mark.parametrize(("block", "typical"), [((0, 0, 0, 1, 1, 2, 2), 2), ((0, 0, 0, 1, 2, 3, 4), 1)])
def test_only_blocks_of_three_tell_of_the_noise_and_all_of_its_size(block, typical):
    ratio, sd = array(-0.2, 0, 0.2, -0.4, 0, 0.4, 9), np.full(7, 0.3)
    found = correct.local_noise(ratio, sd, np.zeros(7), use=everywhere(7), block=labels(*block))
    assert found == pytest.approx(1.25 * 1.4826 * 0.2 / math.sqrt(typical))


def test_variance_of_a_groups_level():
    level, variance, size = baseline.group_means(
        array(1, 5, 2, 4, 3, 3), array(0.1, 0.1, 0.3, 0.3, 0.3, 0.2), labels(7, 7, 2, 2, 2, 9)
    )
    np.testing.assert_allclose(level, [3, 3, 3])
    np.testing.assert_allclose(variance, [3 * 0.1 / 9 * 1.25**2, 2 * 0.02 / 4, 0.05])
    assert size.tolist() == [3, 2, 1]


# What bins of a gene share


@pytest.mark.parametrize(
    ("own", "groups", "expected", "blended"),
    [(0.3, 20, 0.1, math.sqrt(0.05)), (0.3, 60, 0.1, math.sqrt(0.07)), (0.3, 0, 0.1, 0.1), (NAN, 9, 0.1, 0.1)],
)
def test_an_excess_leans_on_twenty_genes_of_the_normals(own, groups, expected, blended):
    assert baseline.blend_excess(own, groups, expected) == pytest.approx(blended)


def slow_excess(ratio, sd, local, local_error, group, use, expected):
    """Excess of groups, and how many quiet ones tell as much, with a loop over groups."""
    rows = [row for row in range(len(ratio)) if use[row] and np.isfinite(ratio[row] + sd[row])]
    means, variances, sizes = [], [], []
    for number in sorted({group[row] for row in rows}):
        own = [row for row in rows if group[row] == number]
        weight = [1 / max(sd[row], 1e-3) ** 2 for row in own]
        away = [ratio[row] - (local[row] if np.isfinite(local[row]) else 0) for row in own]
        means.append(sum(w * value for w, value in zip(weight, away, strict=True)) / sum(weight))
        variances.append(1 / sum(weight) + local_error**2)
        sizes.append(float(len(own)))
    middle = robust.weighted_median(means, sizes)
    excess, count, noise = robust.excess([mean - middle for mean in means], variances, sizes)
    told = max(excess, expected) ** 2
    return excess, max(count * (told / (told + noise**2)) ** 2 - 1, 0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("local_error", "expected"), [(0.0, 0.05), (0.1, 0.05), (0.0, 0.8)])
def test_excess_of_genes_equals_the_loop(seed, local_error, expected):
    random = np.random.default_rng(seed)
    group = np.sort(random.integers(0, 25, 90))
    ratio = random.normal(0, 0.3, 25)[group] + random.normal(0, 0.1, 90)
    sd = random.uniform(0.05, 0.2, 90)
    sd[:4] = 1e-5
    ratio[random.random(90) < 0.05] = NAN
    local = np.where(random.random(90) < 0.1, NAN, random.normal(0, 0.2, 90))
    use = random.random(90) < 0.8
    found = baseline.group_excess(
        ratio, sd, local=local, local_error=local_error, group=group, use=use, expected=expected
    )
    np.testing.assert_allclose(found, slow_excess(ratio, sd, local, local_error, group, use, expected), rtol=1e-9)


def test_bins_that_are_not_to_be_used_move_no_excess():
    random = np.random.default_rng(3)
    group, use = np.repeat(np.arange(30), 4), np.repeat(np.arange(30) < 20, 4)
    ratio = random.normal(0, 0.1, 120)
    arrays = {"local": np.zeros(120), "local_error": 0.0, "group": group, "use": use, "expected": 0.1}
    wild = np.where(use, ratio, 9 * random.normal(size=120))
    found = [baseline.group_excess(values, np.full(120, 0.1), **arrays) for values in (ratio, wild)]
    assert found[0] == found[1]


def test_a_tie_is_the_robust_mean_of_groups():
    random = np.random.default_rng(4)
    group = np.repeat(np.arange(12), random.integers(1, 5, 12))
    count = len(group)
    ratio, sd = 0.3 + random.normal(0, 0.2, count), random.uniform(0.1, 0.2, count)
    local, targets = random.normal(0, 0.1, count), np.arange(count) != 5
    found = baseline.tie_targets(ratio, sd, local=local, local_error=0.07, targets=targets, group=group)
    each, variance, size = [], [], []
    for number in range(12):
        own = [row for row in range(count) if group[row] == number and targets[row]]
        if own:
            each.append(float(np.median([ratio[row] - local[row] for row in own])))
            factor = 1.25**2 if len(own) > 2 else 1.0
            variance.append(factor * sum(sd[row] ** 2 + 0.1**2 for row in own) / len(own) ** 2 + 0.07**2)
            size.append(len(own))
    away = np.array(each) - robust.weighted_median(each, 1 / np.array(variance))
    beyond = robust.excess(away, variance, size)[0]
    np.testing.assert_allclose(found, robust.huber_mean(each, np.sqrt(np.array(variance) + beyond**2))[:2])


# Baselines

EVEN = {"block": labels(0, 0, 0, 1, 1, 1), "width_bp": array(2, 2, 2, 1, 1, 1), "use": np.ones(6, dtype=bool)}
STEPPED = array(-0.1, 0, 0.1, 0.9, 1, 1.1)


def test_a_baseline_and_its_error_by_hand():
    """Levels 0 and 1 weighed 2 to 1; what is left of noise comes off, 1.25^2 / 3 of a bin's variance."""
    found, error = baseline.wide_baseline(STEPPED, np.full(6, 0.2), **EVEN)
    own = 1.25**2 * 0.04 / 3
    expected = math.log2((2 * 2**0 + 2**1) / 3) - own * math.log(2) / 2
    variety = math.sqrt((2 * expected**2 + (1 - expected) ** 2) / 3)
    assert found == pytest.approx(expected)
    assert error == pytest.approx(math.hypot(1.25 * 1.4826 * 0.1 / math.sqrt(6), 0.05 * variety))


def test_a_block_read_in_part_errs_by_what_neighbours_differ():
    unread = np.array([False, False, False, False, True, True])
    arrays = {**EVEN, "use": ~unread, "unread": unread}
    found, error = baseline.wide_baseline(STEPPED, np.zeros(6), **arrays)
    levels, weight = array(0, 0.9), array(6, 3)
    expected = math.log2((6 * 2**0 + 3 * 2**0.9) / 9)
    assert found == pytest.approx(expected)
    scatter = 1.4826 * 0.05  # of -0.1, 0, 0.1 and 0
    alone = 1.25 * scatter / np.sqrt([3, 1])
    each = np.hypot(alone, array(0, 2 / 3) * math.sqrt(0.9**2 / 2))
    variety = math.sqrt(np.average((levels - expected) ** 2, weights=weight))
    own = math.sqrt(np.sum((weight * each) ** 2)) / 9
    assert error == pytest.approx(math.hypot(own, 0.05 * variety))


def test_a_single_block_read_in_part_has_no_neighbour_to_differ_from():
    arrays = {**EVEN, "block": labels(0, 0, 0, 0, 0, 0), "use": np.arange(6) < 3, "unread": np.arange(6) >= 3}
    found, error = baseline.wide_baseline(STEPPED, np.zeros(6), **arrays)
    assert (found, error) == (pytest.approx(0), pytest.approx(1.25 * 1.4826 * 0.1 / math.sqrt(3)))


def test_no_bin_gives_no_baseline():
    none = {**EVEN, "use": np.zeros(6, dtype=bool)}
    assert np.isnan(baseline.wide_baseline(STEPPED, np.ones(6), **none)).all()
    assert np.isnan(baseline.summed_baseline(np.ones(6), np.ones(6), **none)).all()
    assert np.isnan(baseline.summed_baseline(np.zeros(6), np.ones(6), **EVEN)).all()
    assert np.isnan(baseline.narrow_baseline(*np.zeros((3, 0)))).all()


def test_a_baseline_of_sums_by_hand():
    """80 seen of 60 expected and 40 of 20: 4/3 and 2, weighed 2 to 1."""
    number, expected = array(20, 30, 30, 20, 10, 10), array(20, 20, 20, 5, 5, 10)
    found, error = baseline.summed_baseline(number, expected, **EVEN)
    mean = (2 * 4 / 3 + 2) / 3
    due = mean * array(60, 20)
    variance = ((2 / 3 / 60) ** 2 * 80 + (1 / 3 / 20) ** 2 * 40) / mean**2
    variety = max(np.sum((array(80, 40) - due) ** 2 - array(80, 40)) / np.sum(due**2), 0)
    assert found == pytest.approx(math.log2(mean))
    assert error == pytest.approx(math.sqrt(variance + 0.05**2 * variety) / math.log(2))


def test_an_empty_block_errs_as_one_fragment():
    arrays = {**EVEN, "width_bp": np.ones(6)}
    found, error = baseline.summed_baseline(array(5, 5, 5, 0, 0, 0), np.full(6, 5.0), **arrays)
    assert found == pytest.approx(-1)
    variance = ((0.5 / 15) ** 2 * 15 + (0.5 / 15) ** 2) / 0.5**2
    variety = 2 * 7.5**2 - 15  # (15 - 7.5)^2 - 15 and (0 - 7.5)^2, over twice 7.5^2
    assert error == pytest.approx(math.sqrt(variance + 0.05**2 * variety / (2 * 7.5**2)) / math.log(2))


def test_a_narrow_baseline_by_hand():
    """Ratios 1, 1 and 2 of weights 1, 2 and 1, of noise; the gene 4 log2 up tells of the error alone, as if at 1."""
    level, weight = array(0, 0, 1, 4), array(1, 2, 1, 1)
    found, error = baseline.narrow_baseline(level, np.zeros(4), weight)
    assert found == pytest.approx(math.log2(5 / 4))
    cut = array(0, 0, 1, 1.0)  # the median gene is at 0.5: 1.5 at the most
    cut[3] = 1.5
    middle = np.average(cut, weights=weight)
    scatter = np.average((cut - middle) ** 2, weights=weight)
    assert error == pytest.approx(math.sqrt(scatter * 7) / 5)
    alike, error = baseline.narrow_baseline(np.zeros(4), np.full(4, 0.04), np.ones(4))
    assert alike == pytest.approx(-0.02 * math.log(2))  # the linear mean of noisy levels is taken down
    assert error == pytest.approx(0.1)  # never below what their noise gives


def test_a_gene_stands_for_the_genome_half_way_to_its_neighbours():
    chromosome = np.array(["1", "1", "1", "2", "3"])
    found = baseline.territories(chromosome, array(5e6, 15e6, 95e6, 60e6, 0))
    np.testing.assert_allclose(found, [10e6, 25e6, 40e6, 40e6, 20e6])
    assert len(baseline.territories(np.array([], dtype=str), np.zeros(0))) == 0


def test_neighbours_differ_by_hand():
    """Pairs of one chromosome differ by 0.2, 0.2 and 0.4 and by nothing: the median square of 0.2 counts, halved."""
    level = array(0, 0.2, 0.4, 0.8, 9, 9)
    found = baseline.neighbours_excess(
        np.repeat(level, 3), np.full(18, 1e-3), group=np.repeat(np.arange(6), 3),
        chromosome=np.repeat(np.array(["1", "1", "1", "1", "2", "2"]), 3), use=np.ones(18, dtype=bool), expected=0.1,
    )  # fmt: skip
    assert found.sd == pytest.approx(1.4826 * 0.2 / math.sqrt(2), rel=1e-3)
    assert found.groups == pytest.approx(2 / 3 * 4, rel=1e-3)


@pytest.mark.parametrize("genes", [0, 1, 3])
def test_genes_of_chromosomes_of_their_own_tell_nothing(genes):
    names = np.arange(genes).astype(str)
    arrays = {"group": np.arange(genes), "use": np.ones(genes, dtype=bool), "expected": 0.1}
    found = baseline.neighbours_excess(np.zeros(genes), np.ones(genes), chromosome=names, **arrays)
    assert math.isnan(found.sd)
    assert found.groups == 0


# Levels


def test_a_level_is_cut_at_three_errors_and_no_bin_is_quieter_than_a_tenth():
    ratio, sd = array(0, 0.1, -0.1, 0.2, 5, NAN, 7), array(0.05, 0.1, 0.2, 0.3, 0.1, 0.1, NAN)
    members = everywhere(7)
    found = correct.level(ratio, sd, members)
    mean, error, scatter = robust.huber_mean(ratio[:5], np.hypot(sd[:5], 0.1), 3.0)
    assert (found.log2, found.se, found.bins, found.scatter) == (mean, error, 5, scatter)
    found = correct.level(ratio, sd, members, alike=True)
    mean, error, scatter = robust.huber_mean(ratio[:5], np.maximum(sd[:5], 0.1), 3.0)
    assert (found.log2, found.se, found.bins, found.scatter) == (mean, error, 5, scatter)


def test_a_level_of_sums_by_hand():
    number, expected = array(12, 7, 20, NAN, 9), array(10, 10, 10, 10, 0)
    sd = np.sqrt(fragments.sd(expected) ** 2 + array(0.1, 0.2, 0, 0, 0) ** 2)
    found = correct.summed_level(number, expected, sd, everywhere(5))
    assert (found.bins, found.fragments, found.expected) == (3, 39, 30)
    assert found.log2 == pytest.approx(math.log2(39.5 / 30))
    assert found.se == pytest.approx(math.sqrt(fragments.sd(39) ** 2 + (0.1**2 + 0.2**2) / 9))
    mean = 39.5 / 3
    spare = [
        (seen - mean) ** 2 / (mean + (mean * math.log(2)) ** 2 * beyond**2)
        for seen, beyond in zip((12, 7, 20), (0.1, 0.2, 0), strict=True)
    ]
    assert found.scatter == pytest.approx(math.sqrt(sum(spare) / 2))
    assert correct.summed_level(number, expected, sd, np.arange(5) < 2).scatter == 1
    none = correct.summed_level(number, expected, sd, np.arange(5) > 2)
    assert (none.bins, math.isnan(none.log2), math.isnan(none.se)) == (0, True, True)
    quiet = correct.summed_level(number, expected, np.zeros(5), everywhere(5))
    assert quiet.se == pytest.approx(fragments.sd(39))


def of(log2, se, bins=10, scatter=1.0, seen=NAN, due=NAN):
    return correct.Level(log2, se, bins, scatter, seen, due)


def test_joined_levels_weigh_by_their_errors():
    found = correct.joined(of(1, 0.3, 4, 1.5, 30, 20), of(2, 0.4, 6, 1.2, 12, 9))
    assert (found.log2, found.se) == (pytest.approx(0.64 * 1 + 0.36 * 2), pytest.approx(0.24))
    assert (found.bins, found.scatter, found.fragments, found.expected) == (10, 1.5, 42, 29)
    assert correct.joined(of(1, 0.0), of(2, 0.0)).log2 == 1.5
    one, none = of(1, 0.3, 4), of(NAN, NAN, 0)
    assert correct.joined(one, none) is one
    assert correct.joined(none, one) is one


# Sums of counts


def test_levels_of_sums():
    number, expected = array(3, 4, NAN, 9, 5), array(2, 2, 2, NAN, 2)
    found = correct.summed_levels(number, expected, block=labels(0, 0, 0, 1, 2), use=np.arange(5) < 4)
    np.testing.assert_allclose(found, [math.log2(7.5 / 4), NAN, NAN])


# The whole correction
