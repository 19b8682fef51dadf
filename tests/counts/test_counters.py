"""Each fragment once, at its midpoint; a slow loop is the oracle of every vectorised step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metcn.counts import counters
from metcn.reads import fragments
from metcn.reads.alignments import RECORD

PAIR = 0x1 | 0x2
FIRST, LAST = PAIR | 0x40, PAIR | 0x80


def record(reference_id=0, start=1000, end=-1, template_length=300, flag=FIRST, mapping_quality=60):
    return (reference_id, start, end, template_length, flag, mapping_quality)


def as_array(rows):
    return np.array(rows, dtype=RECORD)


FATES = [
    pytest.param(record(), {}, "fragments", id="left mate"),
    pytest.param(record(template_length=-300, flag=LAST), {}, "second_mate", id="right mate"),
    pytest.param(record(flag=0x4, reference_id=-1, start=-1), {}, "unmapped", id="unmapped"),
    pytest.param(record(reference_id=-1, start=-1), {}, "unmapped", id="mapped flag but no contig"),
    pytest.param(record(flag=FIRST | 0x100), {}, "secondary", id="secondary"),
    pytest.param(record(flag=FIRST | 0x800), {}, "supplementary", id="supplementary"),
    pytest.param(record(flag=FIRST | 0x200), {}, "qc_failed", id="qc failed"),
    pytest.param(record(flag=FIRST | 0x400), {}, "duplicate", id="duplicate"),
    pytest.param(record(flag=FIRST | 0x400), {"keep_duplicates": True}, "fragments", id="duplicate kept"),
    pytest.param(record(mapping_quality=19), {}, "low_mapping_quality", id="mapq below"),
    pytest.param(record(mapping_quality=20), {}, "fragments", id="mapq at the bound"),
    pytest.param(record(template_length=1000), {}, "fragments", id="longest"),
    pytest.param(record(template_length=1001), {}, "fragment_size", id="too long"),
    pytest.param(record(template_length=90), {"min_fragment_bp": 90}, "fragments", id="shortest"),
    pytest.param(record(template_length=89), {"min_fragment_bp": 90}, "fragment_size", id="too short"),
    pytest.param(record(template_length=0, end=1100, flag=0), {}, "fragments", id="unpaired"),
    pytest.param(record(template_length=0, end=9000, flag=0), {}, "fragments", id="long unpaired read"),
    pytest.param(
        record(template_length=0, end=1100, flag=0), {"min_fragment_bp": 1}, "fragment_size", id="size unknown"
    ),
    pytest.param(record(template_length=0, end=1100, flag=0x1 | 0x8 | 0x80), {}, "fragments", id="mate unmapped"),
    pytest.param(record(template_length=0, end=1100, flag=0x1 | 0x40), {}, "fragments", id="two contigs, first read"),
    pytest.param(record(template_length=0, end=1100, flag=0x1 | 0x80), {}, "second_mate", id="two contigs, last read"),
]


@pytest.mark.parametrize(("row", "options", "fate"), FATES)
def test_each_record_has_one_fate(row, options, fate):
    tally = fragments.fragments(as_array([row]), **options).tally
    assert {name for name, number in tally.items() if number} == {"records", fate}
    assert set(tally) == set(counters.TALLIES)


@pytest.mark.parametrize(
    ("row", "midpoint"),
    [
        pytest.param(record(start=1000, template_length=301), 1150, id="pair: template"),
        pytest.param(record(start=1000, template_length=0, end=1101, flag=0), 1050, id="unpaired: read"),
        pytest.param(record(start=1000, template_length=0, end=-1, flag=0), 1000, id="no aligned base"),
    ],
)
def test_midpoint(row, midpoint):
    contig, found, *_ = fragments.fragments(as_array([row]))
    assert (contig.tolist(), found.tolist()) == ([0], [midpoint])


def slow_fragments(rows, min_mapq, keep_duplicates, low, high):
    """Contig, midpoint and length of fragments, and contig, midpoint and fate of those that a filter leaves out."""
    found, left_out = [], []
    for reference_id, start, end, length, flag, mapq in rows:
        if flag & 0x4 or reference_id < 0 or flag & 0x100 or flag & 0x800:
            continue
        paired = flag & 0x1 and not flag & 0x8
        if paired and (length < 0 or (length == 0 and not flag & 0x40)):
            continue
        known = length if paired else 0
        stop = start + known if known else end
        place = reference_id, (start + max(stop, start)) // 2
        if flag & 0x200:
            left_out.append((*place, "qc_failed"))
        elif flag & 0x400 and not keep_duplicates:
            left_out.append((*place, "duplicate"))
        elif mapq < min_mapq:
            left_out.append((*place, "low_mapping_quality"))
        elif not low <= known <= high if known else low > 0:
            left_out.append((*place, "fragment_size"))
        else:
            found.append((*place, known))
    return found, left_out


ROWS = st.lists(
    st.tuples(
        st.integers(-1, 2),
        st.integers(0, 300),
        st.integers(-1, 400),
        st.integers(-200, 200),
        st.integers(0, 0xFFF),
        st.integers(0, 60),
    ),
    max_size=60,
)


@given(ROWS, st.integers(0, 60), st.booleans(), st.integers(0, 50), st.integers(50, 200))
def test_fragments_equal_the_loop(rows, min_mapq, keep_duplicates, low, high):
    contig, midpoint, length, tally, filtered = fragments.fragments(
        as_array(rows), min_mapq=min_mapq, keep_duplicates=keep_duplicates, min_fragment_bp=low, max_fragment_bp=high
    )
    expected, left_out = slow_fragments(rows, min_mapq, keep_duplicates, low, high)
    assert list(zip(contig.tolist(), midpoint.tolist(), length.tolist(), strict=True)) == expected
    fates = [counters.TALLIES[fate] for fate in filtered.fate.tolist()]
    assert list(zip(filtered.contig.tolist(), filtered.midpoint.tolist(), fates, strict=True)) == left_out
    assert tally["records"] == sum(number for name, number in tally.items() if name != "records") == len(rows)


BINS = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60)), max_size=20)
POINTS = st.lists(st.integers(-20, 300), max_size=60)


@given(BINS, POINTS, st.integers(1, 60))
def test_bin_counter_equals_the_loop(bins, points, chunk):
    """Bins in any order, overlapping, nested or repeated; points in any order and in any chunks."""
    start = np.array([low for low, _ in bins], dtype=np.int64)
    end = np.array([low + width for low, width in bins], dtype=np.int64)
    counter = counters.BinCounter(start, end)
    for first in range(0, len(points), chunk):
        counter.add(np.array(points[first : first + chunk], dtype=np.int64))
    expected = [sum(low <= point < high for point in points) for low, high in zip(start, end, strict=True)]
    assert counter.counts.tolist() == expected


def test_depth_and_log2():
    depth = counters.depth_per_kb(np.array([0, 50, np.nan]), np.array([100, 250, 100]))
    np.testing.assert_array_equal(depth, [0.0, 200.0, np.nan])
    np.testing.assert_allclose(counters.log2_depth(depth), [-20.0, np.log2(200.0), np.nan])


@pytest.mark.parametrize(
    ("depth", "count", "expected"),
    [
        pytest.param(0.0, 0, np.nan, id="no read is missing"),
        pytest.param(np.nan, np.nan, np.nan, id="missing"),
        pytest.param(4.0, 1, np.log2(4.0), id="a single fragment"),
        pytest.param(8.0, 2, np.log2(10.0), id="two in 250 bp"),
        pytest.param(40.0, 10, np.log2(42.0), id="ten fragments"),
        pytest.param(40.0, np.nan, np.log2(40.0), id="a table of others has no counts"),
        pytest.param(8.0, 10, np.log2(8.0), id="bases"),
        pytest.param(0.1, 0, np.log2(0.1), id="bases of a fragment counted next door"),
        pytest.param(4e6, 1_000_000, np.log2(4e6), id="many"),
    ],
)
def test_even_log2_depth(depth, count, expected):
    found = counters.even_log2_depth(np.array([depth]), np.array([count], dtype=float), np.array([250]))
    np.testing.assert_allclose(found, [expected], atol=1e-6)


@pytest.mark.parametrize(
    ("mean", "within"), [(3, 0.05), (4, 0.02), (5, 0.005), (10, 0.001), (100, 0.001), (1000, 0.001)]
)
def test_chance_does_not_move_the_mean_of_even_log2_depth(mean, within):
    """The mean over Poisson's own probabilities, zeros missing; of plain logarithms it is 0.72 / mean too low."""
    count = np.arange(1, 4 * mean + 60)
    share = np.diff(stats.poisson.cdf(np.arange(0, 4 * mean + 60), mean))
    width = np.full(len(count), 250)
    even = counters.even_log2_depth(counters.depth_per_kb(count, width), count, width)
    plain = counters.even_log2_depth(counters.depth_per_kb(count, width), np.full(len(count), np.nan), width)
    expected = np.log2(mean / 0.25)
    assert np.average(even, weights=share) == pytest.approx(expected, abs=within)
    assert np.average(plain, weights=share) < expected - 0.4 / mean


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_many_fragments_change_nothing(count, width):
    depth = counters.depth_per_kb(np.array([count]), np.array([width]))
    change = counters.even_log2_depth(depth, np.array([count]), np.array([width])) - np.log2(depth)
    assert -1e-12 <= change[0] <= 0.722 / count + 1e-12
    assert count < 1000 or abs(change[0]) < 1e-3
