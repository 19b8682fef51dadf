"""Ratios: kernels against loops, and whole samples with known truth through the stage."""

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from metcn.bins import groups
from metcn.bins.layout import BLOCK_BP
from metcn.errors import InputError
from metcn.ratios import baseline, correct
from metcn.reference.panel import Panel
from metcn.vocabulary import REASONS
from support import made_depth

NAN = float("nan")
FRAME = made_depth.panel_bins(off_target_bp=2_500_000)
ASSAY = made_depth.assay(FRAME)
GENE = FRAME["gene"].to_numpy()
KIND = FRAME["kind"].to_numpy(dtype=np.str_)
SEVEN = (FRAME["chromosome"] == "7").to_numpy()
MET = GENE == "MET"
NONE_CHANGED = np.zeros(len(FRAME), dtype=bool)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return made_depth.Bench(tmp_path_factory.mktemp("bench"), FRAME)


@pytest.fixture(scope="module")
def reference(bench):
    return bench.reference(ASSAY.normals(np.random.default_rng(1), 12))


# Correction


def corrected(log2_depth, *, usable=None, gc=None, basis=None, seed=1):
    """Targets and wide bins by turns on three chromosomes, with spread and two components; genes of five bins."""
    random = np.random.default_rng(seed)
    count = len(log2_depth)
    gene = np.arange(count) // 10
    layout = made_depth.layout(
        np.where(np.arange(count) % 2, gene + count, gene),
        kind=np.tile(["target", "off_target"], count // 2),
        chromosome=np.repeat(["1", "2", "7"], count // 3),
        block=np.arange(count) // 10,
        fit=np.repeat([True, True, False], count // 3),
    )
    panel = Panel(
        centre=random.normal(5, 1, count),
        spread=random.uniform(0.1, 0.3, count),
        basis=random.normal(0, 0.2, size=(count, 2)) if basis is None else basis,
        mask=np.full(count, "") if usable is None else np.where(usable, "", "other"),
    )
    covariates = () if gc is None else ("gc",)
    return correct.correct(log2_depth, layout if gc is None else replace(layout, gc=gc), panel, covariates=covariates)


DEPTH = np.random.default_rng(2).normal(5, 1, 600)
ON_SEVEN = np.repeat([False, False, True], 200)
TARGET = np.arange(600) % 2 == 0


@settings(max_examples=40)
@given(st.floats(-15, 15))
def test_library_size_changes_no_ratio(shift):
    first, second = corrected(DEPTH), corrected(DEPTH + shift)
    np.testing.assert_allclose(second.log2_ratio, first.log2_ratio, atol=1e-8)
    np.testing.assert_allclose(second.sd, first.sd, rtol=1e-8)


@settings(max_examples=40)
@given(st.floats(-5, 10), st.sets(st.integers(0, 199), min_size=1, max_size=200))
def test_what_is_not_fitted_on_is_passed_on_whole(gain, members):
    """A gain on chromosome 7 adds to its own bins exactly what it is, and nothing to any other."""
    seven = np.flatnonzero(ON_SEVEN)[sorted(members)]
    depth = DEPTH.copy()
    depth[seven] += gain
    change = corrected(depth).log2_ratio - corrected(DEPTH).log2_ratio
    expected = np.zeros(600)
    expected[seven] = gain
    np.testing.assert_allclose(change, expected, atol=1e-9)


@settings(max_examples=40)
@given(st.sets(st.integers(0, 599), max_size=150), st.sets(st.integers(0, 599), max_size=150))
def test_missing_stays_missing_and_nothing_else_becomes_so(without_reads, masked):
    depth, usable = DEPTH.copy(), np.ones(600, dtype=bool)
    depth[list(without_reads)] = NAN
    usable[list(masked)] = False
    assume(all((np.isfinite(depth) & usable & ~ON_SEVEN & kind).sum() > 20 for kind in (TARGET, ~TARGET)))
    found = corrected(depth, usable=usable)
    np.testing.assert_array_equal(np.isnan(found.log2_ratio), np.isnan(depth) | ~usable)
    np.testing.assert_array_equal(np.isnan(found.sd), np.isnan(found.log2_ratio))


def test_a_kind_without_reads_stays_missing_whole():
    depth = DEPTH.copy()
    depth[TARGET] = NAN
    found = corrected(depth)
    assert np.isnan(found.log2_ratio[TARGET]).all()
    assert set(found.scale) == {"off_target"}
    np.testing.assert_array_equal(found.log2_ratio[~TARGET], corrected(DEPTH).log2_ratio[~TARGET])


def test_targets_do_not_move_the_bins_between_them():
    depth = DEPTH.copy()
    depth[TARGET] = depth[TARGET] * 2 + 9
    np.testing.assert_array_equal(corrected(depth).log2_ratio[~TARGET], corrected(DEPTH).log2_ratio[~TARGET])


def test_the_tumours_own_gains_are_not_taken_for_the_assays():
    """Chromosomes' copies that look like a component: what lies around the targets tells the two apart."""
    count = 6000
    random = np.random.default_rng(6)
    number, gene = np.arange(count) // 600, np.arange(count) // 20
    target = np.arange(count) % 2 == 0
    karyotype = np.where(number % 2, 0.6, -0.4)
    loading = np.where(target, random.normal(0, 0.2, gene.max() + 1)[gene] + 0.3 * karyotype, 0.0)
    score = 1.5
    layout = made_depth.layout(
        np.where(target, gene, gene + count), kind=np.where(target, "target", "off_target"),
        chromosome=number.astype(str), block=np.arange(count) // 25,
    )  # fmt: skip
    panel = Panel(np.zeros(count), np.full(count, 0.1), np.full(count, ""), loading[:, None])
    found = correct.correct(karyotype + score * loading + random.normal(0, 0.1, count), layout, panel, covariates=())
    assert found.scores["target"] == [pytest.approx(score, abs=0.05)]
    gap = np.array([found.log2_ratio[target & (number == name)].mean() for name in range(10)])
    np.testing.assert_allclose(gap - gap.mean(), karyotype[::600] - karyotype.mean(), atol=0.03)


def test_without_components_the_ratio_is_depth_over_centre():
    centre = np.random.default_rng(1).normal(5, 1, 600)  # the first numbers that `corrected` draws
    found = corrected(centre + 3.0, basis=np.zeros((600, 0)))
    np.testing.assert_allclose(found.log2_ratio, 0, atol=1e-9)


def test_a_samples_own_gc_slope_is_removed():
    """A third of the bins, those of chromosome 7, are not fitted on; their slope goes with that of the others."""
    gc = np.random.default_rng(8).uniform(0.3, 0.7, 6000)
    centre = np.random.default_rng(1).normal(5, 1, 6000)  # the first numbers that `corrected` draws
    depth = centre + np.random.default_rng(9).normal(0, 0.1, 6000)
    first, second = (corrected(depth + slope * gc, gc=gc, basis=np.zeros((6000, 0))).log2_ratio for slope in (0, 3))
    assert abs(np.polyfit(gc, second, 1)[0]) < 0.15
    np.testing.assert_allclose(np.std(second - first), 0, atol=0.06)


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_noise_scale_is_that_of_the_bins_and_blind_to_steps(noise):
    random = np.random.default_rng(4)
    spread = random.uniform(0.1, 0.3, 4000)
    ratio = noise * spread * random.normal(size=4000) + np.repeat(random.choice([0, 0.6, -1], 40), 100)
    chromosome = np.repeat(np.arange(20), 200).astype(str)
    assert correct.noise_scale(ratio, spread, chromosome) == pytest.approx(noise, rel=0.06)
    ratio[::9] = NAN
    assert correct.noise_scale(ratio, spread, chromosome) == pytest.approx(noise, rel=0.08)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_noise_of_next_to_no_bins_is_the_expected_one(count):
    assert correct.noise_scale(np.zeros(count), np.ones(count), np.array(["1"] * count)) == 1.0


# Levels and baselines


@st.composite
def profiles(draw):
    """Chromosome, midpoint, ratio, use, gene group and width of some bins in genome order."""
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from("12"), st.integers(0, 40), st.one_of(st.floats(-3, 5), st.just(NAN)), st.booleans(),
                st.integers(0, 5), st.integers(1, 9),
            ),
            min_size=1,
            max_size=60,
        )
    )  # fmt: skip
    rows.sort(key=lambda row: row[:2])
    chromosome, million, ratio, use, group, width = zip(*rows, strict=True)
    return (
        np.array(chromosome), np.array(million) * 1e6, np.array(ratio, dtype=float), np.array(use),
        np.array(group, dtype=np.intp), np.array(width, dtype=float),
    )  # fmt: skip


def slow_levels(chromosome, midpoint, ratio, use):
    """Median of the usable bins of each 5 Mb block, per bin, as a loop."""
    blocks = [(name, place // BLOCK_BP) for name, place in zip(chromosome, midpoint, strict=True)]
    found = {}
    for block in set(blocks):
        known = [r for own, r, u in zip(blocks, ratio, use, strict=True) if own == block and u and math.isfinite(r)]
        found[block] = statistics.median(known) if known else NAN
    return blocks, found


@settings(max_examples=40)
@given(profiles())
def test_local_level_equals_the_loop(profile):
    chromosome, midpoint, ratio, use, _, _ = profile
    blocks, expected = slow_levels(chromosome, midpoint, ratio, use)
    block = groups.blocks(chromosome=chromosome, midpoint=midpoint, size_bp=BLOCK_BP)
    local = correct.block_levels(ratio, block=block, use=use)[block]
    np.testing.assert_allclose(local, [expected[block] for block in blocks], atol=1e-12)


@settings(max_examples=40)
@given(profiles())
def test_wide_baseline_equals_the_loop(profile):
    chromosome, midpoint, ratio, use, _, width = profile
    blocks, level = slow_levels(chromosome, midpoint, ratio, use)
    weight = dict.fromkeys(level, 0.0)
    for block, r, u, w in zip(blocks, ratio, use, width, strict=True):
        weight[block] += w if u and math.isfinite(r) else 0.0
    total = sum(weight.values())
    noise = np.linspace(0.1, 0.5, len(ratio))
    raised = {}
    for number in weight:
        own = [float(sd) for b, sd, r, u in zip(blocks, noise, ratio, use, strict=True) if b == number and u and r == r]
        factor = 1.0 if len(own) < 3 else 1.25**2
        raised[number] = math.log(2) / 2 * factor * sum(sd**2 for sd in own) / len(own) ** 2 if own else NAN
    expected = NAN
    if total:
        expected = math.log2(sum(2 ** (level[block] - raised[block]) * w for block, w in weight.items() if w) / total)
    block = groups.blocks(chromosome=chromosome, midpoint=midpoint, size_bp=BLOCK_BP)
    assume((np.isfinite(ratio) & use).sum() != 1)
    found, error = baseline.wide_baseline(ratio, noise, block=block, width_bp=width, use=use)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert math.isnan(error) == math.isnan(expected)


@settings(max_examples=40)
@given(profiles())
def test_level_beside_equals_the_loop(profile):
    chromosome, midpoint, ratio, use, _, _ = profile
    block = groups.blocks(chromosome=chromosome, midpoint=midpoint, size_bp=BLOCK_BP)
    level = correct.block_levels(ratio, block=block, use=use)
    of = dict(zip(block.tolist(), chromosome.tolist(), strict=True))
    expected = {}
    for number, name in of.items():
        same = [other for other in of if of[other] == name and np.isfinite(level[other])]
        below, above = [o for o in same if o < number][-1:], [o for o in same if o > number][:1]
        expected[number] = statistics.mean(level[o] for o in below + above) if below + above else NAN
    found = baseline.level_beside(level, block=block, chromosome=chromosome)
    np.testing.assert_allclose(found, [expected[number] for number in block.tolist()])


def test_a_block_stands_for_its_unread_bins():
    """Of the second block one bin in ten is read: it weighs as much as the first, and the error tells the cost."""
    random = np.random.default_rng(7)
    block = np.repeat([0, 1], 100)
    ratio = np.where(block == 1, 1.0, 0.0) + 0.01 * random.normal(size=200)
    unread = (block == 1) & (np.arange(200) % 10 != 0)
    ratio[unread] = np.nan
    arrays = {"sd": np.full(200, 0.01), "block": block, "width_bp": np.full(200, 1e4), "use": ~unread}
    with_all, error = baseline.wide_baseline(ratio, **arrays, unread=unread)
    without, small = baseline.wide_baseline(ratio, **arrays)
    assert with_all == pytest.approx(math.log2(1.5), abs=0.02)
    assert without == pytest.approx(math.log2((100 + 10 * 2) / 110), abs=0.02)
    assert error > small + 0.1


@settings(max_examples=40)
@given(profiles())
def test_levels_of_groups_equal_the_loop(profile):
    _, _, ratio, use, group, _ = profile
    use = use & np.isfinite(ratio)
    noise = np.linspace(0.1, 0.5, len(ratio))
    assume(use.any())
    level, variance, size = baseline.group_means(ratio[use], noise[use], group[use])
    for place, number in enumerate(sorted(set(group[use].tolist()))):
        own = np.flatnonzero(use & (group == number))
        assert size[place] == len(own)
        assert level[place] == pytest.approx(statistics.median(ratio[own].tolist()))
        expected = sum(noise[row] ** 2 + correct.BIN_FLOOR**2 for row in own) / len(own) ** 2
        assert variance[place] == pytest.approx(expected * (1.25**2 if len(own) > 2 else 1.0))


TIES = [
    # groups and their bins each, error expected
    pytest.param([(600, 1)], 0.008, id="single targets alone"),
    pytest.param([(547, 1), (50, 2), (2, 5)], 0.008, id="hardly a gene of several"),
    pytest.param([(1800, 1), (280, 20)], 0.004, id="genes and single probes"),
    pytest.param([(40, 12)], 0.012, id="genes alone"),
]


@pytest.mark.parametrize(("sizes", "error"), TIES)
def test_tie_rests_on_every_group(sizes, error):
    """Bins of 0.15 that share 0.05 in a group; a twentieth of the groups is gained, as it is not in the bins around."""
    size = np.concatenate([np.full(count, bins) for count, bins in sizes])
    found = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        own = 0.05 * random.normal(size=len(size)) + np.where(random.random(len(size)) < 0.05, 0.8, 0.0)
        group = np.repeat(np.arange(len(size)), size)
        ratio = 0.3 + own[group] + random.normal(0, 0.15, len(group))
        arrays = {"local": np.zeros(len(group)), "targets": np.ones(len(group), dtype=bool), "group": group}
        found.append(baseline.tie_targets(ratio, np.full(len(group), 0.15), local_error=0.0, **arrays))
    tie, stated = np.array(found).T
    assert np.median(stated) == pytest.approx(error, rel=0.35)
    assert tie.std() < 1.6 * np.median(stated)
    assert tie.mean() == pytest.approx(0.3, abs=0.02)


def test_no_target_ties_nothing():
    none = {"local": np.zeros(3), "targets": np.zeros(3, dtype=bool), "group": np.arange(3)}
    tie, error = baseline.tie_targets(np.zeros(3), np.ones(3), local_error=0.1, **none)
    assert tie == 0.0
    assert math.isnan(error)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0, 0.3), st.floats(1, 100)), max_size=12))
def test_narrow_baseline_equals_the_loop(genes):
    total = linear = 0.0
    middle = statistics.median([level for level, *_ in genes]) if genes else NAN
    for level, variance, weight in genes:
        if abs(level - middle) <= 1:
            linear += weight * 2 ** (level - variance * math.log(2) / 2)
            total += weight
    found, error = baseline.narrow_baseline(*np.array(genes).reshape(-1, 3).T)
    np.testing.assert_allclose(found, math.log2(linear / total) if total else NAN, atol=1e-9)
    assert math.isnan(error) == (len(genes) < 2)


@pytest.mark.parametrize("seed", range(4))
def test_narrow_baseline_of_an_aneuploid_genome_is_its_mean_within_its_error(seed):
    """70 genes of segments at 1 to 4 copies: the mean, where the median gene is off by several times the error."""
    random = np.random.default_rng(seed)
    gaps, medians = [], []
    for _ in range(200):
        copies = random.choice([1.0, 2.0, 3.0, 4.0], 2_000, p=[0.3, 0.3, 0.1, 0.3])
        level = np.log2((0.5 * copies + 1) / (0.5 * copies + 1).mean())[random.choice(2_000, 70, replace=False)]
        level += random.normal(0, 0.04, 70)
        level[:2] += 2.0  # amplified genes
        found, error = baseline.narrow_baseline(level, np.full(70, 0.04**2), np.ones(70))
        gaps.append(found / error)
        medians.append(np.median(level) / error)
    assert abs(np.mean(gaps)) < 0.35
    assert 0.7 < np.std(gaps) < 1.2
    assert np.sqrt(np.mean(np.square(medians))) > 1.5 * np.sqrt(np.mean(np.square(gaps)))


@pytest.mark.parametrize("shared", [0.03, 0.1])
@pytest.mark.parametrize("copies", [[2], [1, 2, 3, 4], [2, 2, 6]], ids=["flat", "aneuploid", "gains"])
def test_a_tumours_own_changes_are_no_error_of_genes(shared, copies):
    """Arms of four genes at the same copies: their differences tell what genes share, the genome's level does not."""
    random = np.random.default_rng(8)
    found, plain = [], []
    for _ in range(40):
        arm = np.repeat(np.log2(random.choice(copies, 20) / 2 * 0.6 + 0.4), 4)
        group = np.repeat(np.arange(80), 6)
        ratio = (arm + shared * random.normal(size=80))[group] + random.normal(0, 0.1, 480)
        arrays = {"group": group, "use": np.ones(480, dtype=bool), "expected": shared}
        chromosome = np.repeat(np.arange(10).astype(str), 48)
        own = baseline.neighbours_excess(ratio, np.full(480, 0.1), chromosome=chromosome, **arrays)
        found.append(own.sd)
        assert own.groups < 2 / 3 * 70
        plain.append(baseline.group_excess(ratio, np.full(480, 0.1), local=np.zeros(480), local_error=0.0, **arrays).sd)
    assert np.median(found) == pytest.approx(shared, rel=0.35, abs=0.01)
    assert len(copies) == 1 or np.median(plain) > 1.5 * np.median(found)


@pytest.mark.parametrize("bins", [1, 2, 5, 30])
@pytest.mark.parametrize("noise", [0.0, 0.35, 0.6])
def test_wide_baseline_is_the_linear_mean_whatever_the_noise(noise, bins):
    """Half the genome at 3 copies and half at 2: 1.25 times the lower level, neither its log mean nor its median.

    With one bin a block, the mean of linear ratios would lie 0.12 log2 too high at the largest noise.
    """
    random = np.random.default_rng(5)
    level = np.repeat([0.0, math.log2(1.5)], 10_000)
    ratio = level + noise * random.normal(size=20_000)
    everywhere = {"width_bp": np.full(20_000, 1e5), "use": np.ones(20_000, bool)}
    found, error = baseline.wide_baseline(ratio, np.full(20_000, noise), block=np.arange(20_000) // bins, **everywhere)
    assert found == pytest.approx(math.log2(1.25), abs=0.015)
    assert 0 <= error < 0.05


@pytest.mark.parametrize("singles", [0, 500])
@pytest.mark.parametrize("shared", [0.0, 0.05, 0.2])
def test_what_bins_of_a_gene_share_is_found(shared, singles):
    random = np.random.default_rng(6)
    group = np.r_[np.repeat(np.arange(150), 20), 150 + np.arange(singles)]
    count = len(group)
    sd = random.uniform(0.1, 0.2, count)
    ratio = random.normal(0, sd) + shared * random.normal(size=150 + singles)[group]
    ratio[group < 6] += 2.0  # a few amplified genes do not count
    arguments = {"local": np.zeros(count), "group": group, "use": np.ones(count, dtype=bool)}
    found, genes = baseline.group_excess(ratio, sd, local_error=0.0, expected=shared, **arguments)
    assert (genes > 100) == (shared > 0.1)  # the less is shared, the less groups tell of it
    assert found == pytest.approx(shared, abs=0.03)
    assert baseline.group_excess(ratio, sd, local_error=0.5, expected=shared, **arguments)[0] == 0.0


@pytest.mark.parametrize(("genes", "known"), [(0, 0.0), (1, 0.0), (2, 1.0), (3, 2.0)])
def test_what_few_genes_share_counts_by_their_number(genes, known):
    group = np.repeat(np.arange(genes), 20)
    zero = np.zeros(len(group))
    arrays = {"local": zero, "group": group, "use": np.ones(len(group), dtype=bool)}
    found, rests_on = baseline.group_excess(zero, zero + 0.01, local_error=0.0, expected=0.5, **arrays)
    assert rests_on == pytest.approx(known, abs=0.01)
    assert math.isnan(found) == (genes == 0)


def test_single_bins_tell_little_of_an_excess():
    """600 of noise 0.15 tell of an excess of 0.05 what 6 groups without noise do."""
    ratio = 0.16 * np.random.default_rng(3).normal(size=600)
    arrays = {"local": np.zeros(600), "group": np.arange(600), "use": np.ones(600, dtype=bool)}
    _, rests_on = baseline.group_excess(ratio, np.full(600, 0.15), local_error=0.0, expected=0.05, **arrays)
    assert 3 < rests_on < 12


@given(st.floats(0, 1), st.floats(0, 500), st.floats(0, 1))
def test_blended_excess_lies_between_the_samples_and_the_normals(own, genes, expected):
    found = baseline.blend_excess(own, genes, expected)
    assert min(own, expected) - 1e-9 <= found <= max(own, expected) + 1e-9
    assert baseline.blend_excess(NAN, genes, expected) == expected


@given(st.floats(-2, 8))
def test_a_level_has_no_ceiling(height):
    noise = np.random.default_rng(7).normal(0, 0.1, 25)
    everywhere, sd = np.ones(25, dtype=bool), np.full(25, 0.1)
    low, high = correct.level(noise, sd, everywhere), correct.level(noise + height, sd, everywhere)
    assert high.log2 - low.log2 == pytest.approx(height, abs=1e-6)
    assert (high.se, high.bins) == (pytest.approx(low.se), 25)


@pytest.mark.parametrize(("bins", "most"), [(3, 1.35), (9, 1.2), (60, 1.15)])
def test_the_error_of_windows_is_the_scatter_of_their_means(bins, most):
    """Of windows of one noise whose spread is known to a fifth; of three the scatter may be taken for more."""
    random, means, errors = np.random.default_rng(8), [], []
    for _ in range(800):
        sd = 0.1 * random.uniform(0.8, 1.2, bins)
        found = correct.level(random.normal(0, 0.1, bins), sd, np.ones(bins, dtype=bool), alike=True)
        means.append(found.log2)
        errors.append(found.se)
    assert 0.97 <= np.mean(errors) / np.std(means) <= most


def test_a_few_quiet_bins_are_not_taken_for_the_gene():
    value, sd = np.array([1.0] + [0.0] * 9), np.array([0.001] + [0.1] * 9)
    for alike in (False, True):
        assert correct.level(value, sd, np.ones(10, dtype=bool), alike=alike).log2 < 0.2


# Whole samples


def of_seven(frame, low=0.0, high=np.inf):
    """Bins of chromosome 7 that begin in a stretch."""
    return ((frame["chromosome"] == "7") & (frame["start"] >= low) & (frame["start"] < high)).to_numpy()


GAINS = {
    "MET alone": lambda frame: (frame["role"] == "met").to_numpy() & (frame["kind"] != "off_target").to_numpy(),
    "5 Mb": lambda frame: of_seven(frame, 114e6, 119e6),
    "7q": lambda frame: of_seven(frame, made_depth.GRCH37.centromere["7"][1]),
    "chromosome 7": of_seven,
}
FOLDS = (0.5, 1.05, 1.5, 4.0, 20.0)
DESIGNS = {"panel with off-target": ("panel", FRAME), "even windows": ("swgs", made_depth.genome_windows())}


@pytest.fixture(scope="module", params=DESIGNS)
def gainful(request, tmp_path_factory):
    """A design with two panels of the same normals, one of them with twelve components whatever it can carry."""
    kind, frame = DESIGNS[request.param]
    bench, assay = made_depth.Bench(tmp_path_factory.mktemp("gains"), frame, assay=kind), made_depth.assay(frame)
    normals = assay.normals(np.random.default_rng(1), 16)
    chosen = bench.reference(normals)
    return bench, assay, {"chosen": chosen, "twelve": bench.with_components(chosen, normals, 12)}


@pytest.mark.parametrize("components", ["chosen", "twelve"])
@pytest.mark.parametrize("gained", GAINS.values(), ids=GAINS)
def test_a_gain_is_measured_as_large_as_it_is(gainful, gained, components):
    """The same noise with and without a gain of 1.05 to 20 times: what changes is the gain, with slope 1."""
    bench, assay, panels = gainful
    panel, normal = panels[components], assay.sample(np.random.default_rng(11))
    before = bench.ratios(normal, panel)
    if components == "twelve":
        assert all(len(shares) == 12 for shares in before.summary["qc"]["shares"].values())
    members, met = gained(bench.frame), (bench.frame["role"] == "met").to_numpy()
    truth, found = [], []
    for times in FOLDS:
        fold = np.where(members, times, 1.0)
        truth.append(np.log2(times) - np.log2(made_depth.mean_fold(bench.frame, fold)))
        found.append(bench.ratios(normal + np.log2(fold), panel).met - before.met)
    assert members[met].any()
    np.testing.assert_allclose(found, truth, atol=0.03)
    slope, _ = np.polyfit(truth, found, 1)
    assert 0.98 < slope < 1.02


def test_other_amplified_genes_do_not_move_met(bench, reference):
    normal = ASSAY.sample(np.random.default_rng(12))
    amplified = normal + np.where(np.isin(GENE, ["G1", "G7", "G20", "EGFR"]), 4.0, 0.0)
    before, after = bench.ratios(normal, reference), bench.ratios(amplified, reference)
    assert after.met == pytest.approx(before.met, abs=before.summary["met"]["se"])


def test_in_an_aneuploid_genome_the_baseline_is_the_mean(bench, reference):
    """Chromosomes 1 to 5 doubled: a third of the genome, so everything else lies below 1."""
    normal = ASSAY.sample(np.random.default_rng(13))
    fold = np.where(FRAME["chromosome"].isin(["1", "2", "3", "4", "5"]), 2.0, 1.0)
    before, after = bench.ratios(normal, reference), bench.ratios(normal + np.log2(fold), reference)
    expected = -np.log2(made_depth.mean_fold(FRAME, fold))
    assert expected < -0.4
    assert after.met - before.met == pytest.approx(expected, abs=before.summary["met"]["se"])


def test_library_size_changes_nothing(bench, reference):
    sample = ASSAY.sample(np.random.default_rng(14))
    first, second = bench.ratios(sample, reference), bench.ratios(sample + 3.7, reference)
    np.testing.assert_allclose(first.log2, second.log2, atol=2e-4)
    assert first.summary["met"]["se"] == pytest.approx(second.summary["met"]["se"], rel=1e-3)


def test_the_same_input_gives_the_same_bytes(bench, reference):
    sample = ASSAY.sample(np.random.default_rng(15))
    written = []
    for _ in range(2):
        bench.ratios(sample, reference)
        written.append([(bench.folder / name).read_bytes() for name in ("sample.cnr", "sample.json")])
    assert written[0] == written[1]


def test_chromosome_names_do_not_matter(bench, reference, tmp_path):
    other = made_depth.Bench(tmp_path, FRAME.assign(chromosome="chr" + FRAME["chromosome"]))
    sample = ASSAY.sample(np.random.default_rng(16))
    panel = other.reference(ASSAY.normals(np.random.default_rng(1), 12))
    found = other.ratios(sample, panel)
    np.testing.assert_array_equal(found.log2, bench.ratios(sample, reference).log2)
    assert found.summary["met"]["chromosome"] == "chr7"


def test_noise_of_the_sample_is_measured(bench, reference):
    random = np.random.default_rng(17)
    scales = []
    for times in (1.0, 2.0):
        noise = times * ASSAY.noise * random.normal(size=len(FRAME))
        summary = bench.ratios(ASSAY.efficiency + noise, reference).summary
        scales.append(summary["qc"]["noise_over_normals"]["target"])
    assert scales[1] == pytest.approx(2 * scales[0], rel=0.15)


MISSING = [
    # bins without reads, reasons that must be there, whether MET has a level
    pytest.param(np.arange(len(FRAME)) % 3 == 0, [], True, id="every third bin"),
    pytest.param(KIND == "off_target", ["baseline_from_targets"], True, id="off-target bins"),
    pytest.param(KIND == "target", ["met_not_covered"], False, id="targets"),
    pytest.param(MET, ["met_not_covered"], False, id="MET"),
    pytest.param(SEVEN & ~MET, ["cep7_unavailable"], True, id="the rest of chromosome 7"),
    pytest.param(~SEVEN, ["few_backbone_bins"], False, id="all other chromosomes"),
    pytest.param(
        np.ones(len(FRAME), bool), ["met_not_covered", "few_backbone_bins", "cep7_unavailable"], False, id="all"
    ),
]


@pytest.mark.parametrize(("gone", "reasons", "measured"), MISSING)
def test_missing_bins_stay_missing(bench, reference, gone, reasons, measured):
    depth = np.where(gone, NAN, ASSAY.sample(np.random.default_rng(18), np.where(MET, 8.0, 1.0)))
    found = bench.ratios(depth, reference)
    assert np.isnan(found.log2[gone]).all()
    assert (found.table["weight"].to_numpy()[np.isnan(found.log2)] == 0).all()
    assert set(found.table["mask"][gone & (KIND == "target")]) <= {"no_reads"}
    assert set(reasons) <= set(found.summary["reasons"]) <= set(REASONS)
    assert math.isfinite(found.met) == measured
    assert (found.summary["met"]["se"] is not None) == measured
    if measured:
        assert found.met == pytest.approx(3.0, abs=0.5)


def test_masked_bins_are_not_used(bench, reference, tmp_path):
    mask = np.where(np.arange(len(FRAME)) % 5 == 0, "blacklisted", "")
    other = made_depth.Bench(tmp_path, FRAME.assign(mask=mask))
    panel = other.reference(ASSAY.normals(np.random.default_rng(1), 12))
    sample = ASSAY.sample(np.random.default_rng(19))
    first, second = other.ratios(sample, panel), other.ratios(np.where(mask == "", sample, sample + 9), panel)
    np.testing.assert_array_equal(first.log2, second.log2)
    np.testing.assert_array_equal(np.isnan(first.log2), mask != "")
    assert (first.table["mask"] == mask).all()
    assert first.summary["met"] == second.summary["met"]


# What a sample is compared with

MODES = [
    # normals, mode, reasons
    pytest.param(0, "no_normals", ["no_normals"], id="none"),
    pytest.param(1, "few_normals", ["few_normals"], id="one"),
    pytest.param(2, "few_normals", ["few_normals"], id="two"),
    pytest.param(3, "panel_of_normals", [], id="three"),
    pytest.param(8, "panel_of_normals", [], id="eight"),
]


@pytest.mark.parametrize(("normals", "mode", "reasons"), MODES)
def test_more_normals_mean_less_error(tmp_path, normals, mode, reasons):
    bench, random = made_depth.Bench(tmp_path, FRAME), np.random.default_rng(21)
    panel = bench.reference(ASSAY.normals(random, normals)) if normals else None
    found = bench.ratios(ASSAY.sample(random, np.where(MET, 8.0, 1.0)), panel)
    assert found.summary["mode"] == mode
    assert (found.summary["reference"] or {"normals": 0})["normals"] == normals
    told = [code for code in found.summary["reasons"] if code in ("no_normals", "few_normals")]
    assert told == reasons
    error = found.summary["met"]["se"]
    assert abs(found.met - 3) < 5 * error  # three strong factors, and hardly a normal to learn them from
    assert error > (0.2 if normals < 3 else 0.02)


@pytest.mark.parametrize(("normals", "removed"), [(0, True), (2, True), (3, False), (6, False)])
def test_mappability_serves_where_normals_are_too_few(tmp_path, normals, removed):
    """A sample's slope on mappability goes only where fewer than three normals would show what bins lack."""
    random = np.random.default_rng(41)
    frame = made_depth.genome_windows(2_000_000)
    frame = frame.assign(mappability=np.round(random.uniform(0.3, 1, len(frame)), 4))
    flat = made_depth.Assay(frame, np.ones(len(frame)), np.zeros((0, len(frame))), np.full(len(frame), 0.1))
    bench = made_depth.Bench(tmp_path, frame, assay="swgs")
    panel = bench.reference(flat.normals(random, normals)) if normals else None
    found = bench.ratios(flat.sample(random) + 1.5 * frame["mappability"].to_numpy(), panel).log2
    slope = np.polyfit(frame["mappability"][np.isfinite(found)], found[np.isfinite(found)], 1)[0]
    assert slope == pytest.approx(0.0 if removed else 1.5, abs=0.15)


def test_a_matched_normal_takes_efficiency_away(bench):
    random = np.random.default_rng(22)
    scores, factor = random.normal(size=3), np.where(MET, 8.0, 1.0)
    own = ASSAY.efficiency + scores @ ASSAY.loadings
    sample, matched = (own + ASSAY.noise * random.normal(size=len(FRAME)) for _ in range(2))
    found = bench.ratios(sample + np.log2(factor), matched=matched + 2.0)
    assert found.summary["mode"] == "matched_normal"
    assert "few_normals" in found.summary["reasons"]
    assert found.met == pytest.approx(3, abs=0.15)
    without = bench.ratios(sample)
    assert np.nanstd(found.log2[~SEVEN]) < 0.7 * np.nanstd(without.log2[~SEVEN])


OWN_CHANGES = [
    pytest.param(NONE_CHANGED, 3.0, False, id="none"),
    pytest.param(MET, 1.5, True, id="a third copy of MET"),
    pytest.param(MET, 0.5, True, id="one copy of MET"),
    pytest.param(MET, 1.08, False, id="less than chance may do"),
    pytest.param(SEVEN, 1.5, True, id="a third chromosome 7"),
    pytest.param(GENE == "G3", 4.0, False, id="another gene"),
]


@pytest.mark.parametrize(("members", "times", "deviates"), OWN_CHANGES)
def test_a_matched_normal_beside_a_panel_is_checked_and_moves_nothing(bench, reference, members, times, deviates):
    random = np.random.default_rng(23)
    sample = ASSAY.sample(random, np.where(MET, 8.0, 1.0))
    matched = ASSAY.sample(random, np.where(members, times, 1.0), level=1.3)
    alone, both = bench.ratios(sample, reference), bench.ratios(sample, reference, matched=matched)
    assert both.summary["mode"] == "panel_of_normals"
    assert both.summary["matched_normal"]["deviates"] is deviates
    assert ("matched_normal_deviates" in both.summary["reasons"]) is deviates
    np.testing.assert_array_equal(both.log2, alone.log2)
    assert alone.summary["matched_normal"] is None
    assert both.summary["met"] == alone.summary["met"]


def test_a_matched_normal_that_lacks_met_is_no_reason(bench, reference):
    matched = np.where(SEVEN, NAN, ASSAY.sample(np.random.default_rng(23)))
    found = bench.ratios(ASSAY.sample(np.random.default_rng(24)), reference, matched=matched).summary
    assert found["matched_normal"]["met"] == {"log2": None, "se": None, "bins": 0}
    assert found["matched_normal"]["deviates"] is False


def test_bins_that_the_matched_normal_lacks_are_masked(bench):
    matched = ASSAY.sample(np.random.default_rng(23))
    matched[5] = NAN
    found = bench.ratios(ASSAY.sample(np.random.default_rng(24)), matched=matched)
    assert found.table["mask"][5] == "no_reads_in_normals"
    assert np.flatnonzero(np.isnan(found.log2)).tolist() == [5]


def test_imported_ratios_keep_their_profile(bench, reference, tmp_path):
    """Our own ratios read back in: the same level of MET, whatever their scale, and a reason."""
    first = bench.ratios(ASSAY.sample(np.random.default_rng(25), np.where(MET, 8.0, 1.0)), reference)
    table = first.table.assign(log2=first.table["log2"] + 0.7)
    path = tmp_path / "elsewhere.cnr"
    table[["chromosome", "start", "end", "gene", "log2", "depth", "weight"]].to_csv(path, sep="\t", index=False)
    found = bench.ratios(None, imported=path)
    assert found.summary["mode"] == "imported"
    assert "ratios_imported" in found.summary["reasons"]
    assert found.met == pytest.approx(first.met, abs=0.05)
    assert found.summary["met"]["bins"] == first.summary["met"]["bins"]


def test_a_panel_for_other_bins_is_refused(bench, reference, tmp_path):
    other = made_depth.Bench(tmp_path, FRAME.iloc[1:].reset_index(drop=True))
    message = (
        r"reference\.h5 was made for other bins \(fingerprint \w{16}\) than this sample's \(\w{16}\); make the panel"
    )
    with pytest.raises(InputError, match=message):
        other.ratios(np.zeros(len(other.frame)), reference)


def test_counts_of_other_bins_are_refused(bench, reference, tmp_path):
    counts = made_depth.Bench(tmp_path, FRAME.iloc[1:].reset_index(drop=True)).counts("short", np.zeros(len(FRAME) - 1))
    files = {"output": tmp_path / "s.cnr", "summary": tmp_path / "s.json", "counts": counts, "bins": bench.bins}
    with pytest.raises(InputError, match=r"short\.cnn: its rows are not those of the bins in use"):
        made_depth.run("ratios", sample="s", genome="GRCh37", assay="panel", **files)


def test_nothing_to_take_ratios_of_is_refused(tmp_path):
    files = {"output": tmp_path / "s.cnr", "summary": tmp_path / "s.json"}
    with pytest.raises(InputError, match="sample s has neither counts with bins nor imported ratios; give one"):
        made_depth.run("ratios", sample="s", genome="GRCh37", assay="panel", **files)


def test_a_noisy_sample_is_called_so(bench, reference):
    sample = ASSAY.sample(np.random.default_rng(26))
    noise = bench.ratios(sample, reference).summary["qc"]["noise"]["target"]
    verdicts = []
    for warn, fail in ((2.0, 3.0), (0.5, 3.0), (0.5, 0.7)):
        found = bench.ratios(sample, reference, max_noise=warn * noise, fail_noise=fail * noise)
        verdicts.append([code for code in found.summary["reasons"] if "noisy" in code])
    assert verdicts == [[], ["noisy"], ["very_noisy"]]


@pytest.mark.parametrize(("stray", "flagged"), [(0.0, False), (0.5, True)])
def test_a_sample_whose_genes_stray_is_unlike_the_normals(bench, reference, stray, flagged):
    """As a library made with another lot of probes does: gene by gene, along no component of the normals."""
    gene = np.unique(GENE, return_inverse=True)[1]
    shift = np.where(KIND == "target", np.random.default_rng(7).normal(0, stray, gene.max() + 1)[gene], 0.0)
    found = bench.ratios(ASSAY.sample(np.random.default_rng(8), fold=2.0**shift), reference).summary
    assert ("unlike_normals" in found["reasons"]) is flagged
    assert (found["qc"]["gene_excess_over_normals"]["target"] > 2) is flagged
