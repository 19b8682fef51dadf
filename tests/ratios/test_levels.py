"""What is measured of a profile: which bins stand for MET and for CEP7, and what must not move them."""

import numpy as np
import pandas as pd
import pytest

from metcn.bins.layout import layout_of
from metcn.genome import build as genomes
from support import made_depth

GRCH37 = made_depth.GRCH37
NAN = float("nan")
NOISE = 0.02
DENSE = made_depth.panel_bins(genes=24, tiles=8, off_target_bp=2_000_000, seven_bp=400_000)
SPARSE = made_depth.panel_bins(genes=24, tiles=8, off_target_bp=2_000_000, seven_bp=20_000_000)
AMPLICON = made_depth.amplicon_bins()


def on_seven(frame, low=0.0, high=200e6):
    middle = (frame["start"] + frame["end"]) / 2
    return ((frame["chromosome"] == "7") & (middle >= low) & (middle < high)).to_numpy(copy=True)


@pytest.fixture
def ratios(tmp_path):
    """Measurement of a sample of these folds, against nothing, with hardly any noise."""

    def run(frame, fold=1.0, gone=False, **options):
        log2 = 5 + np.log2(fold) + NOISE * np.random.default_rng(1).normal(size=len(frame))
        return made_depth.Bench(tmp_path, frame, **options).ratios(np.where(gone, NAN, log2)).summary

    return run


# Which bins are MET's


@pytest.mark.parametrize(
    ("frame", "bins"),
    [
        pytest.param(DENSE, made_depth.MET_TILES, id="panel: its targets"),
        pytest.param(AMPLICON, made_depth.MET_TILES, id="amplicons: its inserts"),
        pytest.param(made_depth.genome_windows(50_000), 3, id="windows of 50 kb"),
    ],
)
def test_bins_of_met(frame, bins):
    design = layout_of(frame.reset_index(drop=True))
    assert design.met.sum() == bins
    own = frame.reset_index(drop=True)[design.met]
    assert ((own["start"] < GRCH37.met[1]) & (own["end"] > GRCH37.met[0])).all()
    assert len(set(own["kind"])) == 1


def test_groups_keep_kinds_and_genes_apart():
    design = layout_of(DENSE)
    table = pd.DataFrame({"group": design.group, "kind": design.kind, "chromosome": design.chromosome})
    table["gene"] = DENSE["gene"]
    assert (table.groupby("group")[["kind", "chromosome", "gene"]].nunique() == 1).all(axis=None)
    named = table[table["kind"] == "target"]
    assert (named.groupby("gene")["group"].nunique() == 1).all()
    assert sorted(set(design.group.tolist())) == list(range(design.group.max() + 1))


def test_only_autosomes_without_seven_are_fitted_on():
    design = layout_of(DENSE.assign(chromosome="chr" + DENSE["chromosome"]))
    assert set(design.chromosome[design.fit]) == {name for name in genomes.AUTOSOMES if name != "7"}
    assert set(design.chromosome[design.on_seven]) == {"7"}


# Baseline

KARYOTYPES = [
    # fold of chromosomes 1 to 4, of 5 to 9, of all else
    pytest.param(1.0, 1.0, 1.0, id="diploid"),
    pytest.param(1.5, 1.5, 1.5, id="everything gained is nothing gained"),
    pytest.param(1.5, 1.0, 1.0, id="some gained"),
    pytest.param(2.0, 1.5, 1.0, id="most gained"),
    pytest.param(0.5, 1.0, 1.0, id="some lost"),
]


@pytest.mark.parametrize(("first", "second", "rest"), KARYOTYPES)
@pytest.mark.parametrize(
    "frame", [pytest.param(DENSE, id="panel"), pytest.param(made_depth.genome_windows(), id="genome")]
)
def test_baseline_is_the_mean_of_the_genome(ratios, frame, first, second, rest):
    chromosome = frame["chromosome"]
    fold = np.select([chromosome.isin(list("1234")), chromosome.isin(list("56789"))], [first, second], rest)
    met = frame["role"] == "met"
    found = ratios(frame, fold)
    expected = np.log2(fold[met][0]) - np.log2(made_depth.mean_fold(frame, fold))
    assert found["baseline"]["from"] == "wide_bins"
    assert found["met"]["log2"] == pytest.approx(expected, abs=0.05)  # in windows of 1 Mb, MET is a single bin


def test_the_x_chromosome_does_not_count(ratios):
    found = [ratios(DENSE, np.where(DENSE["chromosome"] == "X", fold, 1.0)) for fold in (0.5, 1.0)]
    assert found[0]["met"]["log2"] == pytest.approx(found[1]["met"]["log2"], abs=1e-3)


def test_without_windows_the_median_gene_is_the_baseline(ratios):
    fold = np.where(AMPLICON["gene"].isin(["G1", "G2", "MET"]), 4.0, 1.0)
    found = ratios(AMPLICON, fold, assay="amplicon")
    assert found["baseline"]["from"] == "targets"
    assert "baseline_from_targets" in found["reasons"]
    assert found["met"]["log2"] == pytest.approx(2, abs=0.03)


def test_targets_are_tied_to_the_windows_around_them(ratios):
    """The share of reads on target differs between libraries; copies next to each other do not."""
    on_target = (DENSE["kind"] == "target").to_numpy()
    fold = np.where(on_seven(DENSE), 3.0, 1.0)
    found = [ratios(DENSE, fold * np.where(on_target, efficiency, 1.0)) for efficiency in (1.0, 40.0)]
    for name in ("met", "egfr"):
        assert found[0][name]["log2"] == pytest.approx(found[1][name]["log2"], abs=1e-3)


# CEP7-like


def cep7(found):
    return found["cep7"]["tier"], found["cep7"]["log2"]


TIERS = [
    # bins, which have no reads, tier
    pytest.param(DENSE, None, "pericentromere", id="windows beside the centromere"),
    pytest.param(DENSE, (49e6, 66.5e6), "proximal", id="none there: wider"),
    pytest.param(DENSE, (45e6, 78e6), "chr7", id="none there either: the whole chromosome"),
    pytest.param(DENSE, (0.0, 160e6), "none", id="nothing on the chromosome"),
    pytest.param(SPARSE, None, "proximal", id="no windows, but genes of 7q11"),
    pytest.param(SPARSE, (60e6, 80e6), "chr7", id="no such genes"),
    pytest.param(AMPLICON, None, "none", id="MET and EGFR alone"),
]


@pytest.mark.parametrize(("frame", "gone", "tier"), TIERS)
def test_tiers(ratios, frame, gone, tier):
    """MET's own bins stay: it is the rest of the chromosome that is taken away."""
    absent = on_seven(frame, *gone) & (frame["gene"] != "MET").to_numpy() if gone else False
    found = ratios(frame, gone=absent)
    assert found["cep7"]["tier"] == tier
    assert (found["cep7"]["log2"] is None) == (tier == "none")
    assert ("cep7_unavailable" in found["reasons"]) == (tier == "none")
    assert ("cep7_fallback" in found["reasons"]) == (tier in ("proximal", "chr7"))
    if tier != "none":
        assert found["cep7"]["log2"] == pytest.approx(0, abs=0.05)
        assert found["cep7"]["bins"] > 0


KARYOTYPES_OF_SEVEN = [
    # gained stretches with their folds, CEP7-like fold, sides disagree, EGFR gained
    pytest.param([(0, 200e6, 3.0)], 3.0, False, True, id="polysomy"),
    pytest.param([(115e6, 118e6, 8.0)], 1.0, False, False, id="amplicon of MET"),
    pytest.param([(54e6, 56e6, 8.0)], 1.0, False, True, id="amplicon of EGFR"),
    pytest.param([(53e6, 58e6, 8.0)], 1.0, False, True, id="amplicon of EGFR up to the centromere"),
    pytest.param([(80e6, 200e6, 2.0)], 1.0, False, False, id="7q beyond the centromere's windows"),
    pytest.param([(61e6, 200e6, 3.0)], 2.0, True, False, id="all of 7q: halfway between the sides"),
    pytest.param([(0, 60e6, 3.0)], 2.0, True, True, id="all of 7p"),
]


@pytest.mark.parametrize(("gains", "expected", "disagree", "egfr"), KARYOTYPES_OF_SEVEN)
def test_what_may_move_the_centromere(ratios, gains, expected, disagree, egfr):
    fold = np.ones(len(DENSE))
    for low, high, times in gains:
        fold[on_seven(DENSE, low, high)] = times
    found = ratios(DENSE, fold)
    scale = np.log2(made_depth.mean_fold(DENSE, fold))
    tier, log2 = cep7(found)
    assert tier == "pericentromere"
    assert log2 + scale == pytest.approx(np.log2(expected), abs=0.05)
    assert found["cep7"]["sides_disagree"] is disagree
    assert ("cep7_sides_disagree" in found["reasons"]) is disagree
    assert ("egfr_gained" in found["reasons"]) is egfr
    sides = [found["cep7"][side]["log2"] + scale for side in ("p", "q")]
    assert bool(abs(sides[0] - sides[1]) > 1) is disagree


@pytest.mark.parametrize("tier", ["proximal", "chr7"])
def test_no_tier_takes_mets_amplicon_or_egfrs_for_the_centromere(ratios, tier):
    gone = on_seven(DENSE, 49e6, 66.5e6) if tier == "proximal" else on_seven(DENSE, 45e6, 78e6)
    gone &= ~on_seven(DENSE, 53e6, 58e6)  # where EGFR's amplicon is
    fold = np.where(on_seven(DENSE, 53e6, 58e6) | on_seven(DENSE, 112e6, 121e6), 10.0, 1.0)
    found = ratios(DENSE, fold, gone)
    assert found["cep7"]["tier"] == tier
    assert found["cep7"]["log2"] + np.log2(made_depth.mean_fold(DENSE[~gone], fold[~gone])) == pytest.approx(
        0, abs=0.06
    )


@pytest.mark.parametrize(("side", "low", "high"), [("p", 61e6, 78e6), ("q", 45e6, 53e6)])
def test_one_side_is_enough(ratios, side, low, high):
    found = ratios(DENSE, np.where(on_seven(DENSE), 2.0, 1.0), on_seven(DENSE, low, high))["cep7"]
    other = "q" if side == "p" else "p"
    assert found["tier"] == "pericentromere"
    assert (found[side]["log2"], found[side]["bins"]) == (found["log2"], found["bins"])
    assert (found[other]["log2"], found[other]["bins"]) == (None, 0)
    assert found["sides_disagree"] is False


# Surroundings


def test_arms_leave_out_the_two_amplicons(ratios):
    """Both genes with 4 Mb around them are amplified; the arms are what they were, 7q at 3 and 7p at 2 copies."""
    fold = np.select(
        [on_seven(DENSE, 112.5e6, 120.5e6), on_seven(DENSE, 53e6, 58e6), on_seven(DENSE, 61e6)], [12.0, 9.0, 1.5], 1.0
    )
    found = ratios(DENSE, fold)
    scale = np.log2(made_depth.mean_fold(DENSE, fold))
    levels = {name: found["arms"][name]["log2"] + scale for name in ("7p", "7q")}
    assert levels == {"7p": pytest.approx(0, abs=0.05), "7q": pytest.approx(np.log2(1.5), abs=0.05)}
    assert found["egfr"]["log2"] + scale == pytest.approx(np.log2(9), abs=0.05)
    assert found["met"]["log2"] + scale == pytest.approx(np.log2(12), abs=0.05)


def test_egfr_without_targets_is_the_windows_over_it(ratios):
    frame = made_depth.panel_bins(genes=24, tiles=8, seven_bp=150_000)
    frame = frame[frame["gene"] != "EGFR"].reset_index(drop=True)
    found = ratios(frame, np.where(on_seven(frame, 54e6, 56e6), 4.0, 1.0))["egfr"]
    assert found["bins"] in (1, 2)
    assert found["log2"] == pytest.approx(2, abs=0.1)


# Errors


def test_errors_add_up_and_name_their_parts(ratios):
    found = ratios(DENSE)["met"]
    parts = found["se_parts"]
    assert list(parts) == ["bin_noise", "gene_excess", "baseline", "part"]
    assert all(part > 0 for name, part in parts.items() if name != "part")
    assert found["se"] == pytest.approx(np.sqrt(sum(part**2 for part in parts.values())))
    assert found["bins"] + found["bins_masked"] == made_depth.MET_TILES


def test_what_genes_share_averages_out_over_many(ratios):
    """With an error of 0.4 per gene, a level over a whole arm is far better known than that of one gene."""
    design = layout_of(DENSE)
    shared = np.random.default_rng(2).normal(0, 0.4, design.group.max() + 1)[design.group]
    found = ratios(DENSE, 2.0**shared)
    assert found["met"]["se_parts"]["gene_excess"] > 0.2
    for arm in ("7p", "7q"):
        assert found["arms"][arm]["se"] < 0.5 * found["egfr"]["se"]


def test_fewer_bins_have_a_larger_error_and_a_reason(ratios):
    met = np.flatnonzero(DENSE["gene"] == "MET")
    found = []
    for kept in (25, 5, 2, 0):
        gone = np.isin(np.arange(len(DENSE)), met[kept:])
        found.append(ratios(DENSE, gone=gone))
    assert [each["met"]["bins"] for each in found] == [25, 5, 2, 0]
    noise = [each["met"]["se_parts"]["bin_noise"] for each in found[:3]]
    assert noise == sorted(noise)
    assert ["few_met_bins" in each["reasons"] for each in found] == [False, False, True, False]
    assert ["met_not_covered" in each["reasons"] for each in found] == [False, False, False, True]


def test_a_part_of_the_gene_is_noticed(ratios):
    tiles = np.flatnonzero(DENSE["gene"] == "MET")
    half = np.isin(np.arange(len(DENSE)), tiles[:12])
    reasons = [ratios(DENSE, np.where(half, fold, 1.0))["reasons"] for fold in (1.0, 6.0)]
    assert ["met_part_differs" in each for each in reasons] == [False, True]
    assert not any("met_bins_deviate" in each for each in reasons)


@pytest.mark.parametrize("build", ["GRCh37", "GRCh38"])
def test_both_builds_measure(tmp_path, build):
    facts = genomes.load(build)
    frame = made_depth.genome_windows()
    frame = frame[frame["end"] <= frame["chromosome"].map(facts.contigs)].reset_index(drop=True)
    frame["role"] = genomes.role_of(facts, frame["chromosome"], frame["start"], frame["end"])
    fold = np.where(on_seven(frame, 112e6, 121e6), 4.0, 1.0)
    log2 = np.log2(fold) + NOISE * np.random.default_rng(1).normal(size=len(frame))
    found = made_depth.Bench(tmp_path, frame, genome=build, assay="swgs").ratios(log2).summary
    scale = np.log2(made_depth.mean_fold(frame, fold))
    assert found["met"]["log2"] + scale == pytest.approx(2, abs=0.05)
    assert found["cep7"]["log2"] + scale == pytest.approx(0, abs=0.05)


def drawn(frame, random, fold, fragments=10.0):
    """Log2 of fragments per kb of a sample with so many fragments in a bin of ratio 1."""
    with np.errstate(divide="ignore"):
        log2 = np.log2(random.poisson(fragments * np.broadcast_to(fold, len(frame))) / width_kb(frame))
    return np.where(np.isfinite(log2), log2, NAN)


def width_kb(frame):
    return (frame["end"] - frame["start"]).to_numpy() / 1000


@pytest.mark.parametrize(
    ("counted", "too_far"),
    [pytest.param(True, (-0.06, 0.06), id="counted"), pytest.param(False, (0.1, 0.25), id="depths alone")],
)
def test_few_fragments_do_not_drive_gain_and_loss_apart(tmp_path, counted, too_far):
    """How much too far apart MET lies, log2, at 8 and 0.5 times its depth, of ten fragments in a bin."""
    frame = made_depth.panel_bins(genes=30, tiles=10, off_target_bp=4_000_000, seven_bp=4_000_000)
    met, random = (frame["role"] == "met").to_numpy(), np.random.default_rng(11)
    bench = made_depth.Bench(tmp_path, frame, counted=counted)
    apart = []
    for panel in range(2):
        reference = bench.reference(np.stack([drawn(frame, random, 1.0) for _ in range(8)]), f"panel{panel}")
        for _ in range(10):
            gain, loss = (
                bench.ratios(drawn(frame, random, np.where(met, fold, 1.0)), reference).met for fold in (8.0, 0.5)
            )
            apart.append(gain - loss - 4)
    assert too_far[0] < np.mean(apart) < too_far[1]
