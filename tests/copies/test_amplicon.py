"""The amplicon in a sample's bins, MET's level with its help, and the copies of other genes."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.copies import amplicon, genes, loci
from metcn.copies.records import Mixture
from metcn.mixture import expected_ratio
from metcn.purity import grid as purity
from support import made_depth

FACTS = made_depth.GRCH37
FRAME = made_depth.genome_windows(250_000)
SEVEN = FRAME["chromosome"] == "7"
MIDPOINT = (FRAME["start"] + FRAME["end"]) / 2
MEASURED = {
    "met": {"log2": 0.5, "se": 0.05},
    "arms": {"7q": {"log2": 0.0, "se": 0.01}},
    "baseline": {"se": 0.002},
    "qc": {"gene_excess": {"window": 0.01}, "gene_excess_averaged": {}},
}
GRID = purity.PurityGrid.of(purity.axis((0.3, 0.3), (0.1, 1.0)), purity.axis((2.0, 2.0), (0.1, 1.0)))
AMPLICON = (112_000_000, 119_000_000)


def profile(*events, noise=0.05, seed=1, frame=FRAME):
    """A shallow genome whose stretches ``(chromosome, start, end, copies)`` differ from two copies, at 30 % purity."""
    copies = np.full(len(frame), 2.0)
    for chromosome, start, end, number in events:
        copies[(frame["chromosome"] == chromosome) & MIDPOINT.between(start, end, inclusive="left")] = number
    log2 = np.log2(expected_ratio(copies, 0.3, 2.0)) + np.random.default_rng(seed).normal(0, noise, len(frame))
    return loci.profile(frame.assign(log2=log2, spread=noise, weight=1.0, expected=np.nan), MEASURED)


def found(*events, **options):
    return amplicon.search(profile(*events, **options), FACTS, alpha=0.001)


def test_an_amplicon_is_found_with_its_place_size_and_genes():
    seen = found(("7", *AMPLICON, 8)).amplicon(FACTS)
    extent = seen.extent
    assert (extent.start, extent.end) == AMPLICON
    assert extent.start_low <= extent.start <= extent.start_high
    assert extent.end_low <= extent.end <= extent.end_high
    assert extent.size_bp == AMPLICON[1] - AMPLICON[0]
    assert extent.share_of_arm == pytest.approx(7 / 97.5, rel=0.02)
    assert extent.share_of_chromosome == pytest.approx(7 / 159.1, rel=0.01)
    assert {"TES", "CAV1", "MET", "CFTR"} <= set(extent.genes)
    assert "EGFR" not in extent.genes
    assert not extent.start_censored and not extent.end_censored
    assert len(seen.regions) == 1
    assert seen.log2 == pytest.approx(np.log2(expected_ratio(8, 0.3, 2.0)), abs=0.05)


def test_a_peak_on_a_gain_has_two_levels():
    regions = found(("7", 100_000_000, 130_000_000, 4), ("7", *AMPLICON, 12)).amplicon(FACTS).regions
    assert [region.units for region in regions] == sorted((region.units for region in regions), reverse=True)
    assert (regions[-1].start, regions[-1].end) == AMPLICON


@pytest.mark.parametrize(
    ("last", "end_censored", "scanned"),
    [
        pytest.param(160_000_000, False, True, id="the whole arm"),
        pytest.param(121_000_000, False, True, id="bins beyond the amplicon"),
        pytest.param(119_000_000, True, True, id="the assay ends with the amplicon"),
        pytest.param(117_500_000, True, True, id="the assay ends within it"),
        pytest.param(116_500_000, True, False, id="the assay ends with MET"),
    ],
)
def test_an_amplicon_that_reaches_the_end_of_the_assay_is_censored(last, end_censored, scanned):
    frame = FRAME[~SEVEN | (FRAME["end"] <= last)].reset_index(drop=True)
    copies = np.where((frame["chromosome"] == "7") & frame["start"].between(*AMPLICON, inclusive="left"), 8, 2)
    log2 = np.log2(expected_ratio(copies, 0.3, 2.0)) + np.random.default_rng(1).normal(0, 0.05, len(frame))
    bins = loci.profile(frame.assign(log2=log2, spread=0.05, weight=1.0, expected=np.nan), MEASURED)
    searched = amplicon.search(bins, FACTS, alpha=0.001)
    assert (searched is not None) == scanned
    seen = (searched and searched.amplicon(FACTS)) or amplicon.by_level(bins, MEASURED | {"met": {"log2": 0.93}}, FACTS)
    assert (seen.extent.start, seen.extent.start_censored) == (AMPLICON[0], False)
    assert seen.extent.end == min(last, AMPLICON[1])
    assert seen.extent.end_censored == end_censored


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing"),
        pytest.param([("7", 0, 160_000_000, 6)], id="polysomy"),
        pytest.param([("7", 61_000_000, 160_000_000, 6)], id="arm"),
        pytest.param([("7", 90_000_000, 94_000_000, 12)], id="CDK6"),
    ],
)
def test_nothing_else_is_an_amplicon_of_met(events):
    assert found(*events).amplicon(FACTS) is None


def test_larger_amplicons_are_seen_at_lower_ratios():
    ratios = [least.ratio for least in found().detectable(0.95).values()]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] > 1


def test_without_bins_in_met_there_is_no_search():
    bare = FRAME.assign(role=FRAME["role"].replace("met", "chr7"))
    assert amplicon.search(profile(frame=bare), FACTS, alpha=0.001) is None


def seen_at(log2, se, height):
    return amplicon.Amplicon(amplicon.Extent(0, 1), (), log2, se, height)


@given(st.floats(-1, 3), st.floats(0.001, 0.5), st.floats(-1, 3), st.floats(0.001, 0.5), st.floats(0, 3))
def test_the_combined_level_lies_between_the_two_and_is_surer(own, own_se, log2, se, height):
    level, error = astuple(amplicon.combined(own, own_se, seen_at(log2, se, height)))
    assert min(own, log2) - 1e-9 <= level <= max(own, log2) + 1e-9
    assert error <= own_se


def test_precise_own_bins_count_alone():
    level, error = astuple(amplicon.combined(1.0, 0.001, seen_at(0.8, 0.01, 1.0)))
    assert (level, error) == (pytest.approx(1.0, abs=1e-3), pytest.approx(0.001, rel=0.01))


@pytest.mark.parametrize(
    ("own_se", "log2"), [(float("nan"), 0.5), (0.1, float("nan"))], ids=["MET missing", "only MET"]
)
def test_what_is_missing_changes_nothing(own_se, log2):
    missing = seen_at(log2, 0.1 if np.isfinite(log2) else float("nan"), log2)
    level, error = astuple(amplicon.combined(1.0, own_se, missing))
    assert level == 1.0
    np.testing.assert_equal(error, own_se)


def test_extent_by_level_where_no_scan_is_possible():
    extent = amplicon.by_level(profile(("7", *AMPLICON, 8)), MEASURED | {"met": {"log2": 0.93}}, FACTS).extent
    assert (extent.start, extent.end) == AMPLICON
    assert not extent.significant


# Genes


def copies_of(bins, *names, grid=GRID, copies_known=True, alpha=0.001):
    return genes.copies_of(names, bins, Mixture(grid, copies_known), FACTS, alpha=alpha, decide=0.8)


def test_genes_have_copies_intervals_and_focality():
    bins = profile(("17", 36_000_000, 40_000_000, 12), ("12", 0, 34_000_000, 5), noise=0.02)
    rows = {row.gene: row for row in copies_of(bins, "ERBB2", "KRAS", "MYC", "NOSUCH")}
    assert list(rows) == ["ERBB2", "KRAS", "MYC"]
    for name, expected, focality in (("ERBB2", 12, "focal"), ("KRAS", 5, "arm"), ("MYC", 2, "none")):
        row = rows[name]
        assert row.copies.low < expected < row.copies.high
        assert row.focality == focality
    assert rows["ERBB2"].reached["5"].value > 0.99
    assert rows["ERBB2"].ratio.value == pytest.approx(expected_ratio(12, 0.3, 2.0), rel=0.05)


def test_a_gene_that_no_bin_covers_is_missing():
    frame = FRAME[FRAME["chromosome"] != "17"].reset_index(drop=True)
    bins = loci.profile(frame.assign(log2=0.0, spread=0.1, expected=np.nan), MEASURED)
    (row,) = copies_of(bins, "ERBB2")
    assert row.bins == 0
    assert all(np.isnan(getattr(row.copies, name)) for name in ("value", "low", "high"))
    assert row.focality == "indeterminate"


def test_a_gene_of_the_assay_needs_no_coordinates():
    frame = made_depth.panel_bins(genes=6, tiles=4, off_target_bp=10_000_000)
    bins = loci.profile(frame.assign(log2=0.0, spread=0.1, expected=np.nan), MEASURED)
    (row,) = copies_of(bins, "G3")
    own = frame[frame["gene"] == "G3"]
    assert (row.bins, row.start, row.end) == (4, own["start"].min(), own["end"].max())


def test_below_the_floor_a_gene_has_only_its_ratio():
    (row,) = copies_of(profile(), "MYC", copies_known=False)
    assert np.isnan(row.copies.value)
    assert row.ratio.value == pytest.approx(1, abs=0.05)


def test_unknown_purity_gives_a_gene_a_range():
    grid = purity.PurityGrid.of(purity.axis(None, (0.1, 1.0)), purity.axis((2.0, 2.0), (0.1, 1.0)))
    (row,) = copies_of(profile(("17", 36_000_000, 40_000_000, 12)), "ERBB2", grid=grid)
    assert np.isnan(row.copies.value)
    assert row.copies.low < 12 < row.copies.high


LOW = purity.PurityGrid.of(purity.axis((0.03, 0.03), (0.1, 1.0)), purity.axis((2.0, 2.0), (0.1, 1.0)))


@pytest.mark.parametrize(("alpha", "most"), [(0.001, 0), (0.4, 24)])
def test_noise_at_low_purity_is_no_focal_gain_of_a_gene(alpha, most):
    """In 120 genes of diploid genomes at 3 % purity noise often reaches five copies; it is no focal gain."""
    names = ("ERBB2", "KRAS", "MYC", "CCND1", "FGFR1", "CDK4", "MDM2", "PIK3CA")
    rows = [row for seed in range(15) for row in copies_of(profile(seed=seed), *names, grid=LOW, alpha=alpha)]
    assert len(rows) == 120
    assert sum(row.copies.value > 5 for row in rows) > 10
    focal = sum(row.focality == "focal" for row in rows)
    assert (focal > 0) == (most > 0)
    assert focal <= most


def test_a_focal_gain_of_a_gene_is_seen_at_low_purity():
    high = profile(("17", 36_000_000, 40_000_000, 400))  # as 4,000 copies at 3 %: far above any noise
    assert copies_of(high, "ERBB2", grid=LOW)[0].focality == "focal"
