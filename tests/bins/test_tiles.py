"""Interval arithmetic against a base-by-base oracle, and the bins that come of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.bins import tiles
from metcn.run.settings import BinsSettings

SIZE = 120
INTERVALS = st.lists(st.tuples(st.integers(0, SIZE - 20), st.integers(1, 20)), max_size=12)


def arrays(intervals):
    start = np.array([low for low, _ in intervals], dtype=np.int64)
    return start, start + np.array([width for _, width in intervals], dtype=np.int64)


def painted(start, end):
    """How many intervals cover each base."""
    axis = np.zeros(SIZE, dtype=int)
    for low, high in zip(start, end, strict=True):
        axis[low:high] += 1
    return axis


@given(INTERVALS)
def test_merge(intervals):
    start, end = tiles.merge(*arrays(intervals))
    np.testing.assert_array_equal(painted(start, end), painted(*arrays(intervals)) > 0)
    assert (start[1:] > end[:-1]).all()


@given(INTERVALS, INTERVALS)
def test_gaps(within, taken):
    within = tiles.merge(*arrays(within))
    start, end = tiles.gaps(*within, *arrays(taken))
    np.testing.assert_array_equal(painted(start, end), (painted(*within) > 0) & (painted(*arrays(taken)) == 0))
    assert (start < end).all()


@given(INTERVALS, INTERVALS)
def test_covered_bp(intervals, others):
    start, end = arrays(intervals)
    covered = painted(*arrays(others)) > 0
    expected = [covered[low:high].sum() for low, high in zip(start, end, strict=True)]
    assert tiles.covered_bp(start, end, *arrays(others)).tolist() == expected


@given(INTERVALS, INTERVALS, st.integers(0, 99))
def test_mean_over(intervals, others, seed):
    start, end = arrays(intervals)
    by_start, by_end = tiles.merge(*arrays(others))
    value = np.random.default_rng(seed).random(len(by_start))
    base = np.full(SIZE, np.nan)
    for low, high, share in zip(by_start, by_end, value, strict=True):
        base[low:high] = share
    expected = [
        np.nanmean(base[low:high]) if 2 * np.isfinite(base[low:high]).sum() >= high - low else np.nan
        for low, high in zip(start, end, strict=True)
    ]
    np.testing.assert_allclose(tiles.mean_over(start, end, by_start, by_end, value), expected, atol=1e-8)


@given(INTERVALS)
def test_disjoint(intervals):
    given_start, given_end = arrays(intervals)
    start, end, source = tiles.disjoint(given_start, given_end)
    np.testing.assert_array_equal(painted(start, end), painted(given_start, given_end) > 0)
    assert (start[1:] >= end[:-1]).all()
    assert ((start >= given_start[source]) & (end <= given_end[source])).all()


@given(INTERVALS, st.integers(1, 30))
def test_tile(intervals, width_bp):
    given_start, given_end = arrays(intervals)
    start, end, source = tiles.tile(given_start, given_end, width_bp)
    np.testing.assert_array_equal(painted(start, end), painted(given_start, given_end))
    span, parts = given_end - given_start, np.bincount(source, minlength=len(intervals))
    assert parts.tolist() == [max(round(each / width_bp), 1) for each in span.tolist()]
    assert (
        np.abs(end - start - (span / np.maximum(parts, 1))[source]) < 1
    ).all()  # parts of one interval differ by 1 bp


def slow_best_gene(low, high, genes):
    shared = [(min(high, stop) - max(low, begin), stop - begin, -rank) for rank, (begin, stop) in enumerate(genes)]
    best = max(shared, default=(0, 0, 0))
    return best if best[0] > 0 else None


@given(INTERVALS, INTERVALS)
def test_overlapping_gene(intervals, genes):
    start, end = arrays(sorted(intervals))
    gene_start, gene_end = arrays(genes)
    found = tiles.overlapping_gene(start, end, gene_start, gene_end)
    for low, high, index in zip(start.tolist(), end.tolist(), found.tolist(), strict=True):
        best = slow_best_gene(low, high, list(zip(gene_start.tolist(), gene_end.tolist(), strict=True)))
        if best is None:
            assert index == -1
        else:
            shared = min(high, gene_end[index]) - max(low, gene_start[index])
            assert (shared, gene_end[index] - gene_start[index]) == best[:2]


WINDOWS = [
    pytest.param([0], [100], 50, [(0, 50), (50, 100)], id="even"),
    pytest.param([0], [124], 50, [(0, 50), (50, 124)], id="short rest joins the last"),
    pytest.param([0], [125], 50, [(0, 50), (50, 100), (100, 125)], id="half a window stands alone"),
    pytest.param([0], [10], 50, [(0, 10)], id="contig shorter than a window"),
    pytest.param([0, 1000], [60, 1090], 50, [(0, 60), (1000, 1050), (1050, 1090)], id="two chromosomes"),
]


@pytest.mark.parametrize(("start", "end", "window_bp", "expected"), WINDOWS)
def test_windows(start, end, window_bp, expected):
    found = tiles.windows(np.array(start), np.array(end), window_bp)
    assert list(zip(*(side.tolist() for side in found), strict=True)) == expected


TARGETS = [
    pytest.param([(0, 500)], [(0, 250, 0), (250, 500, 0)], id="tiled"),
    pytest.param([(0, 100), (100, 500)], [(0, 250, 1), (250, 500, 1)], id="touching ones as one, by their middle"),
    pytest.param([(0, 100), (100, 300)], [(0, 300, 1)], id="touching, too short"),
    pytest.param([(0, 200), (199, 400)], [(0, 200, 0), (200, 400, 1)], id="overlap by a base"),
    pytest.param([(50, 100), (0, 200)], [(0, 200, 1)], id="nested"),
    pytest.param([(900, 1000), (0, 100)], [(0, 100, 1), (900, 1000, 0)], id="unsorted"),
    pytest.param([(0, 100), (110, 200)], [(0, 100, 0), (110, 200, 1)], id="a gap"),
    pytest.param([], [], id="none"),
]


@pytest.mark.parametrize(("targets", "expected"), TARGETS)
def test_target_bins(targets, expected):
    start, end = (np.array([row[side] for row in targets], dtype=np.int64) for side in (0, 1))
    found = tiles.target_bins(start, end)
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


def test_narrow_targets_are_widened_within_their_chromosome():
    start, end = np.array([3, 500, 600, 995]), np.array([4, 501, 800, 996])
    found = tiles.widen(start, end, np.zeros(4, dtype=int), np.full(4, 1000))
    assert list(zip(*(side.tolist() for side in found), strict=True)) == [(0, 54), (451, 551), (600, 800), (946, 1000)]


def intervals(*pairs):
    return tiles.Intervals(*np.array(pairs).T)


def test_off_target_bins_keep_clear_of_targets_and_excluded_regions():
    start, end = tiles.off_target_bins(
        intervals((0, 5_000), (10_000, 11_000)),
        intervals((2_000, 2_100)),
        intervals((4_000, 4_500), (10_000, 10_600)),
        BinsSettings(off_target_bp=1_000, off_target_min_bp=450, off_target_padding_bp=100),
    )
    expected = [(0, 950), (950, 1_900), (2_200, 3_100), (3_100, 4_000), (4_500, 5_000)]
    assert list(zip(start.tolist(), end.tolist(), strict=True)) == expected  # 10,600 to 11,000 is too narrow


SYMBOLS = [
    ("MET", "MET"),
    ("MET_exon14", "MET"),
    ("CARD11_Exon25_NM032415", "CARD11"),
    ("MET:p.D1010", "MET"),
    ("MET;CAPZA2", "MET"),
    ("MET,CAPZA2", "MET"),
    ("MET (intron 13)", "MET"),
    ("ref|MET,ref|NM_000245", "MET"),
    ("HLA-A_Exon2", "HLA-A"),
    ("C7orf10", "C7orf10"),
    ("NPSR1-AS1", "NPSR1-AS1"),
    ("MT-ND1", "MT-ND1"),
    (".", "-"),
    ("-", "-"),
    ("", "-"),
    ("NM_000245", "-"),
    ("chr7_116411708", "-"),
    ("chr7:116411708-116412000", "-"),
    ("rs12345", "-"),
    ("Target_17", "-"),
    ("12345", "-"),
    ("_MET", "-"),
    ("Antitarget", "-"),
]


@pytest.mark.parametrize(("name", "symbol"), SYMBOLS)
def test_gene_symbol(name, symbol):
    assert tiles.gene_symbol(name) == symbol
