"""What holds across modules, for any tumour: from purity and ratios to copies, and from depth to copies."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metcn.copies import detection_limit, focality, loci, posterior
from metcn.genome import locus
from metcn.mixture import expected_ratio, tumour_copies
from metcn.purity import grid as purity
from support import made_depth

SPANS = {"purity": (0.1, 1.0), "ploidy": (1.6, 5.0)}
COUNT = 128
BOUNDS = (3, 5, 6, 10)


def within(name):
    """A value, or a range, inside the plausible span."""
    ends = st.floats(*SPANS[name])
    return st.one_of(
        ends.map(lambda value: (value, value)), st.tuples(ends, ends).map(lambda pair: tuple(sorted(pair)))
    )


LEVEL = st.floats(-0.5, 4)
LEVELS = st.builds(
    lambda met, cep7, arm, se, common: posterior.Measured(
        {"met": met, "cep7_p": cep7, "cep7_q": cep7, "arm_q": arm, "arm_p": cep7},
        dict.fromkeys(posterior.SIDES, se),
        common,
    ),
    LEVEL, LEVEL, LEVEL, st.floats(0, 0.2), st.floats(0, 0.1),
)  # fmt: skip


def grid(of_purity, of_ploidy):
    return purity.PurityGrid.of(purity.axis(of_purity, SPANS["purity"]), purity.axis(of_ploidy, SPANS["ploidy"]))


def draws(level, of_purity, of_ploidy):
    return posterior.posterior(level, grid(of_purity, of_ploidy), draw_count=COUNT)


def intervals(found, names):
    return {name: found.interval(name) for name in names}


# Known and unknown purity and ploidy

KNOWLEDGE = [
    pytest.param(True, False, id="purity unknown"),
    pytest.param(False, True, id="ploidy unknown"),
    pytest.param(True, True, id="both unknown"),
]


@pytest.mark.parametrize(("hide_purity", "hide_ploidy"), KNOWLEDGE)
@given(level=LEVELS, of_purity=within("purity"), of_ploidy=within("ploidy"))
def test_not_knowing_never_narrows_an_interval(hide_purity, hide_ploidy, level, of_purity, of_ploidy):
    """Whatever the truth within the plausible range, the interval without it covers the one with it."""
    known = intervals(draws(level, of_purity, of_ploidy), ("copies", "cep7"))
    hidden = draws(level, None if hide_purity else of_purity, None if hide_ploidy else of_ploidy)
    for name, unknown in intervals(hidden, ("copies", "cep7")).items():
        slack = 1e-6 + 0.02 * known[name].high  # a range's draws fall on other points than its ends'
        assert unknown.low <= known[name].low + slack
        assert unknown.high >= known[name].high - slack


@given(level=LEVELS, share=st.floats(0.1, 1), ploidy=st.floats(1.6, 5))
def test_not_knowing_never_narrows_the_ratio_where_the_centromere_is_not_lost(level, share, ploidy):
    assume(level.log2["cep7_p"] >= 0)
    level = posterior.Measured(level.log2, {**dict.fromkeys(level.se, 0.0), "met": level.se["met"]}, 0.0)
    known = intervals(draws(level, (share, share), (ploidy, ploidy)), ["met_cep7"])["met_cep7"]
    unknown = intervals(draws(level, None, None), ["met_cep7"])["met_cep7"]
    assert unknown.low <= known.low * (1 + 1e-9) + 1e-9
    assert unknown.high >= known.high * (1 - 1e-9) - 1e-9


@given(LEVELS, st.floats(0.1, 1), st.floats(1.6, 5))
def test_a_statement_made_without_purity_holds_at_every_purity(level, share, ploidy):
    """A probability below 5 % or above 95 % without purity and ploidy is so with any."""
    unknown, known = draws(level, None, None), draws(level, (share, share), (ploidy, ploidy))
    without = unknown.at_least("copies", BOUNDS)
    having = known.at_least("copies", BOUNDS)
    for bound, ends in without.items():
        if ends.low >= 0.95:
            assert having[bound].value >= 0.95 - 1 / COUNT
        if ends.high <= 0.05:
            assert having[bound].value <= 0.05 + 1 / COUNT


@given(LEVELS, st.floats(0.1, 1), st.floats(0.1, 1), st.floats(1.6, 5))
def test_lower_purity_means_more_copies_of_a_gain(level, first, second, ploidy):
    low, high = sorted((first, second))
    more, fewer = (draws(level, (share, share), (ploidy, ploidy)).copies for share in (low, high))
    gained = draws(level, (1.0, 1.0), (ploidy, ploidy)).depth_ratio >= 1
    assert (more[gained] >= fewer[gained] - 1e-9).all()


@given(LEVELS, st.floats(0.1, 1), st.floats(1.6, 5), st.floats(0.01, 2))
def test_a_higher_ratio_means_more_copies_and_a_higher_probability(level, share, ploidy, step):
    higher = posterior.Measured({**level.log2, "met": level.log2["met"] + step}, level.se, level.baseline_se)
    one, other = (draws(each, (share, share), (ploidy, ploidy)) for each in (level, higher))
    assert (other.copies >= one.copies).all()
    assert (other.met_cep7 >= one.met_cep7).all()
    below, above = (each.at_least("copies", BOUNDS) for each in (one, other))
    assert all(above[bound].value >= below[bound].value for bound in below)


@given(LEVELS, within("purity"), within("ploidy"))
def test_uncorrected_copies_need_neither_purity_nor_ploidy(level, of_purity, of_ploidy):
    known, unknown = draws(level, of_purity, of_ploidy), draws(level, None, None)
    first = known.interval("plasma_copies")
    second = unknown.interval("plasma_copies")
    assert (first.low, first.high) == (second.low, second.high)
    np.testing.assert_array_equal(known.plasma_copies, 2 * known.depth_ratio)


@given(LEVELS, within("purity"), within("ploidy"))
def test_every_draw_has_a_class_and_the_classes_share_the_whole(level, of_purity, of_ploidy):
    found = draws(level, of_purity, of_ploidy)
    shares = focality.focality(focality.classified(found), decide=0.8).evidence
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["none"] == pytest.approx(np.mean(found.copies < focality.GAINED))


@given(st.floats(0.002, 0.3), st.floats(0.1, 1), st.floats(1.6, 5))
def test_the_limit_of_detection_is_consistent(se, share, ploidy):
    """The copies detectable at a purity are detectable from that purity on."""
    ratio = detection_limit.detectable_ratio(se, alpha=0.001, power=0.95)
    limit = detection_limit.detectable_copies(ratio, se, grid((share, share), (ploidy, ploidy)), power=0.95)
    assert expected_ratio(limit, share, ploidy) == pytest.approx(ratio)
    again = next(iter(detection_limit.purity_for(ratio, [limit], ploidy).values()))
    assert again == pytest.approx(share, rel=1e-6)


# From depth to copies

FRAME = made_depth.panel_bins(genes=70, tiles=8, off_target_bp=2_000_000)
ASSAY = made_depth.assay(FRAME)
MET = (FRAME["gene"] == "MET").to_numpy()
SEVEN = (FRAME["chromosome"] == "7").to_numpy()
AROUND_MET = MET | (SEVEN & FRAME["start"].between(115_000_000, 118_000_000).to_numpy())


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return made_depth.Bench(tmp_path_factory.mktemp("bench"), FRAME)


@pytest.fixture(scope="module")
def reference(bench):
    return bench.reference(ASSAY.normals(np.random.default_rng(1), 16))


def karyotype(random, met):
    """Copies per bin of an aneuploid tumour: whole chromosomes at 1 to 4 copies, and MET's surroundings at ``met``."""
    names = FRAME["chromosome"].unique()
    each = dict(zip(names, random.choice([1, 2, 2, 2, 3, 3, 4], size=len(names)), strict=True))
    return np.where(AROUND_MET, met, FRAME["chromosome"].map(each)).astype(float)


def test_copies_of_aneuploid_tumours_are_found_within_their_errors(bench, reference):
    """Sixteen tumours of any purity and karyotype: errors are honest, and copies right where MET is high."""
    random = np.random.default_rng(2)
    deviation, relative = [], []
    for number in range(16):
        share, met = random.uniform(0.3, 0.9), [2, 6, 15, 40][number % 4]
        copy = karyotype(random, met)
        ploidy = made_depth.mean_fold(FRAME, copy)
        fold = expected_ratio(copy, share, ploidy)
        found = bench.ratios(ASSAY.sample(random, fold, random.normal()), reference)
        log2 = math.log2(expected_ratio(met, share, ploidy))
        deviation.append((found.met - log2) / found.summary["met"]["se"])
        relative.append(tumour_copies(found.summary["met"]["ratio"], share, ploidy) / met)
    assert len(deviation) == 16
    assert np.max(np.abs(deviation)) < 3.5
    assert np.std(deviation) < 1.3
    high = np.arange(16) % 4 >= 2
    np.testing.assert_allclose(np.array(relative)[high], 1, atol=0.25)
    assert np.median(np.array(relative)[high]) == pytest.approx(1, abs=0.06)


def test_false_gains_are_rare(bench, reference):
    """Twelve normals that the panel does not know: none beyond its limit of detection, the errors about as stated."""
    random = np.random.default_rng(3)
    found = [bench.ratios(ASSAY.sample(random), reference).summary["met"] for _ in range(12)]
    deviation = np.array([met["log2"] / met["se"] for met in found])
    assert len(deviation) == 12
    assert np.std(deviation) < 1.2
    limits = [detection_limit.detectable_ratio(met["se"], alpha=0.001, power=0.95) for met in found]
    assert all(met["ratio"] < limit for met, limit in zip(found, limits, strict=True))


def test_a_level_has_one_error_wherever_it_is_taken(bench, reference):
    """EGFR from the written ratios, as other genes are taken, is what was measured; so is the level of an arm."""
    found = bench.ratios(ASSAY.sample(np.random.default_rng(4)), reference)
    averaged = found.summary["qc"]["gene_excess_averaged"]["off_target"]
    assert abs(averaged["8"] * np.sqrt(8) - 1) > 0.1  # else the square root alone would do
    bins, facts = loci.profile(found.table, found.summary), made_depth.GRCH37
    seven, middle = bins.chromosome == "7", (bins.start + bins.end) / 2
    near = (middle >= facts.met[0] - locus.MARGIN_BP) & (middle < facts.met[1] + locus.MARGIN_BP)
    places = {
        "7q": (found.summary["arms"]["7q"], seven & (middle >= facts.centromere["7"][0]) & ~near),
        "EGFR": (found.summary["egfr"], bins.gene == "EGFR"),
    }
    for measured, members in places.values():
        level = bins.level(members)
        assert level.bins == measured["bins"] > 0
        assert level.log2 == pytest.approx(measured["log2"], abs=1e-5)
    assert level.se == pytest.approx(found.summary["egfr"]["se"], abs=1e-5)  # normals tell more of an arm's error


SHALLOW = made_depth.genome_windows(1_000_000)
ASSAYS = [
    # bins, assay, noise of a bin, samples
    pytest.param(FRAME, "panel", 0.15, 8, id="panel"),
    pytest.param(SHALLOW, "swgs", 0.06, 3, id="shallow genome"),
]


@pytest.mark.parametrize(("frame", "kind", "noise", "samples"), ASSAYS)
def test_the_limit_of_detection_is_true_of_measured_samples(tmp_path, frame, kind, noise, samples):
    """Genes, or runs of windows, raised to the limit of their own measured error are detected in 93 to 98.5 %.

    Errors are rather too wide than too small.
    """
    here, assay = made_depth.Bench(tmp_path, frame, assay=kind), made_depth.assay(frame, noise=noise)
    random, seen, false = np.random.default_rng(5), [], []
    panel = here.reference(assay.normals(random, 16))
    for _ in range(samples):
        found = here.ratios(assay.sample(random), panel)
        bins = loci.profile(found.table, found.summary)
        autosomal = np.isin(bins.chromosome, made_depth.genomes.AUTOSOMES)
        for group in np.unique(bins.group[autosomal & np.isin(bins.kind, ["target", "window"])]):
            level = bins.level(bins.group == group)
            se = math.hypot(level.se, bins.baseline_se)
            limit = math.log2(detection_limit.detectable_ratio(se, alpha=0.001, power=0.95))
            seen.append(detection_limit.detected(level.log2 + limit, se, alpha=0.001))
            false.append(detection_limit.detected(level.log2, se, alpha=0.001))
    assert len(seen) > 500
    assert 0.93 <= np.mean(seen) <= 0.985, np.mean(seen)
    assert np.mean(false) <= 0.004
