"""Groups, runs and blocks of bins: each against a loop that walks along the genome."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.bins import groups

NAN = float("nan")


@st.composite
def bins(draw):
    """Chromosome, start and end of bins in genome order."""
    rows = draw(st.lists(st.tuples(st.sampled_from("137X"), st.integers(0, 400), st.integers(1, 30)), max_size=40))
    rows.sort(key=lambda row: ("137X".index(row[0]), row[1], row[2]))
    chromosome = np.array([row[0] for row in rows], dtype=np.str_)
    start = np.array([row[1] for row in rows], dtype=np.int64)
    return chromosome, start, start + np.array([row[2] for row in rows], dtype=np.int64)


def slow_clusters(chromosome, start, end, whole, gap_bp, span_bp):
    clusters = []
    for here in range(len(start)):
        own = clusters[-1] if clusters else []
        same = bool(own) and chromosome[here] == chromosome[own[0]] and whole[here] == whole[own[0]]
        if same and (whole[here] or start[here] - max(end[row] for row in own) < gap_bp):
            own.append(here)
        else:
            clusters.append([here])
    labels, label = [], -1
    for own in clusters:
        first = start[own[0]]
        extent = max(end[row] for row in own) - first
        parts = 1 if whole[own[0]] else max(round(extent / span_bp), 1)
        reached = -1
        for row in own:
            part = max(min(int((start[row] + end[row] - 2 * first) * parts // (2 * extent)), parts - 1), reached)
            label += part != reached
            reached = part
            labels.append(label)
    return labels


@given(bins(), st.integers(1, 200), st.integers(1, 300), st.data())
def test_clusters_equal_the_loop(table, gap_bp, span_bp, data):
    chromosome, start, end = table
    whole = (chromosome == "7") & (start >= 100) & (start < data.draw(st.integers(100, 400)))
    arrays = {"chromosome": chromosome, "start": start, "end": end, "whole": whole}
    found = groups.clusters(**arrays, gap_bp=gap_bp, span_bp=span_bp)
    assert found.tolist() == slow_clusters(*arrays.values(), gap_bp, span_bp)


CLUSTERS = [
    pytest.param("77", [0, 100_199], "..", [0, 0], id="neighbours"),
    pytest.param("77", [0, 100_200], "..", [0, 1], id="far apart"),
    pytest.param("78", [0, 10], "..", [0, 1], id="two chromosomes"),
    pytest.param("77", [0, 1_000_000], "mm", [0, 0], id="MET may have a gap"),
    pytest.param("7777", [0, 300, 600, 900], ".mm.", [0, 1, 1, 2], id="MET shares its group with no other"),
    pytest.param("777", [0, 90_000, 180_000], "...", [0, 0, 0], id="not much longer than a gene"),
    pytest.param("7777", [0, 90_000, 180_000, 270_000], "....", [0, 0, 1, 1], id="as long as two genes"),
    pytest.param("", [], "", [], id="no bin"),
]


@pytest.mark.parametrize(("chromosome", "start", "whole", "expected"), CLUSTERS)
def test_clusters(chromosome, start, whole, expected):
    start = np.array(start, dtype=int)
    met = np.array([letter == "m" for letter in whole], dtype=bool)
    found = groups.clusters(chromosome=np.array(list(chromosome)), start=start, end=start + 200, whole=met)
    assert found.tolist() == expected


@given(bins(), st.integers(1, 10))
def test_runs_equal_the_loop(table, length):
    chromosome = table[0]
    labels, label, size = [], -1, 0
    for here in range(len(chromosome)):
        new = here == 0 or chromosome[here] != chromosome[here - 1] or size == length
        label, size = (label + 1, 1) if new else (label, size + 1)
        labels.append(label)
    assert groups.runs(chromosome=chromosome, length=length).tolist() == labels


EVEN = [
    pytest.param("aaaaaaaa", 4, [0, 0, 0, 0, 1, 1, 1, 1], id="even parts"),
    pytest.param("aaaaabc", 4, [0, 0, 0, 0, 0, 1, 2], id="a short rest is no part of its own"),
    pytest.param("aaaaaaabb", 4, [0, 0, 0, 0, 1, 1, 1, 2, 2], id="a long rest is"),
    pytest.param("ab", 1, [0, 1], id="single bins"),
    pytest.param("", 3, [], id="none"),
]


@pytest.mark.parametrize(("stretch", "length", "labels"), EVEN)
def test_even_runs(stretch, length, labels):
    assert groups.even_runs(stretch=np.array(list(stretch)), length=length).tolist() == labels


@given(bins(), st.integers(1, 150))
def test_blocks_equal_the_loop(table, size_bp):
    chromosome, start, _ = table
    places = [(name, position // size_bp) for name, position in zip(chromosome, start, strict=True)]
    order = {place: number for number, place in enumerate(dict.fromkeys(places))}
    found = groups.blocks(chromosome=chromosome, midpoint=start.astype(float), size_bp=size_bp)
    assert found.tolist() == [order[place] for place in places]


LABELLED = st.lists(st.tuples(st.one_of(st.floats(-50, 50), st.just(NAN)), st.integers(0, 6)), max_size=60)


@given(LABELLED)
def test_medians_equal_the_loop(pairs):
    values = np.array([value for value, _ in pairs], dtype=float)
    label = np.array([number for _, number in pairs], dtype=np.intp)
    expected = []
    for number in range(8):
        known = [value for value, own in pairs if own == number and math.isfinite(value)]
        expected.append(statistics.median(known) if known else NAN)
    np.testing.assert_allclose(groups.medians(values, label, 8), expected, atol=1e-12)


def test_medians_without_labels_are_none():
    assert groups.medians(np.array([]), np.array([], dtype=np.intp), 0).shape == (0,)
