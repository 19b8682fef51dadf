"""Groups, runs and blocks of bins: each against a loop that walks along the genome."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn import regions

NAN = float("nan")
GENES = st.sampled_from(["MET", "EGFR", "-", "Antitarget", ""])


@st.composite
def bins(draw):
    """Chromosome, start and gene of bins in genome order."""
    rows = draw(st.lists(st.tuples(st.sampled_from("137X"), st.integers(0, 400), GENES), max_size=40))
    rows.sort(key=lambda row: ("137X".index(row[0]), row[1]))
    chromosome = np.array([row[0] for row in rows], dtype=np.str_)
    start = np.array([row[1] for row in rows], dtype=np.int64)
    return chromosome, start, np.array([row[2] for row in rows], dtype=np.str_)


def slow_groups(chromosome, start, gene, gap_bp, largest):
    labels, label, size = [], -1, 0
    for here in range(len(start)):
        before = here - 1
        new = (
            here == 0
            or chromosome[here] != chromosome[before]
            or gene[here] != gene[before]
            or (gene[here] in regions.UNNAMED and start[here] - start[before] >= gap_bp)
            or size == largest
        )
        label, size = (label + 1, 1) if new else (label, size + 1)
        labels.append(label)
    return labels


@given(bins(), st.integers(1, 200), st.integers(1, 12))
def test_gene_groups_equal_the_loop(table, gap_bp, largest):
    chromosome, start, gene = table
    found = regions.gene_groups(chromosome=chromosome, start=start, gene=gene, gap_bp=gap_bp, largest=largest)
    assert found.tolist() == slow_groups(chromosome, start, gene, gap_bp, largest)


GROUPS = [
    pytest.param("77", [0, 10], ["MET", "MET"], [0, 0], id="one gene"),
    pytest.param("77", [0, 10], ["MET", "CAV1"], [0, 1], id="two genes"),
    pytest.param("78", [0, 10], ["MET", "MET"], [0, 1], id="a name on two chromosomes"),
    pytest.param("77", [0, 10_000_000], ["MET", "MET"], [0, 0], id="a gene may have a gap"),
    pytest.param("77", [0, 499_999], ["-", "-"], [0, 0], id="unnamed neighbours"),
    pytest.param("77", [0, 500_000], ["-", "-"], [0, 1], id="unnamed far apart"),
    pytest.param("777", [0, 10, 20], ["MET", "-", "MET"], [0, 1, 2], id="a gene interrupted"),
    pytest.param("", [], [], [], id="no bin"),
]


@pytest.mark.parametrize(("chromosome", "start", "gene", "expected"), GROUPS)
def test_gene_groups(chromosome, start, gene, expected):
    arrays = {"start": np.array(start, dtype=int), "gene": np.array(gene, dtype=np.str_)}
    assert regions.gene_groups(chromosome=np.array(list(chromosome)), **arrays).tolist() == expected


@given(bins(), st.integers(1, 10))
def test_runs_equal_the_loop(table, length):
    chromosome = table[0]
    labels, label, size = [], -1, 0
    for here in range(len(chromosome)):
        new = here == 0 or chromosome[here] != chromosome[here - 1] or size == length
        label, size = (label + 1, 1) if new else (label, size + 1)
        labels.append(label)
    assert regions.runs(chromosome=chromosome, length=length).tolist() == labels


EVEN = [
    pytest.param("aaaaaaaa", 4, [0, 0, 0, 0, 1, 1, 1, 1], id="even parts"),
    pytest.param("aaaaabc", 4, [0, 0, 0, 0, 0, 1, 2], id="a short rest is no part of its own"),
    pytest.param("aaaaaaabb", 4, [0, 0, 0, 0, 1, 1, 1, 2, 2], id="a long rest is"),
    pytest.param("ab", 1, [0, 1], id="single bins"),
    pytest.param("", 3, [], id="none"),
]


@pytest.mark.parametrize(("stretch", "length", "labels"), EVEN)
def test_even_runs(stretch, length, labels):
    assert regions.even_runs(stretch=np.array(list(stretch)), length=length).tolist() == labels


@given(bins(), st.integers(1, 150))
def test_blocks_equal_the_loop(table, size_bp):
    chromosome, start, _ = table
    places = [(name, position // size_bp) for name, position in zip(chromosome, start, strict=True)]
    order = {place: number for number, place in enumerate(dict.fromkeys(places))}
    found = regions.blocks(chromosome=chromosome, midpoint=start.astype(float), size_bp=size_bp)
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
    np.testing.assert_allclose(regions.medians(values, label, 8), expected, atol=1e-12)


def test_medians_without_labels_are_none():
    assert regions.medians(np.array([]), np.array([], dtype=np.intp), 0).shape == (0,)
