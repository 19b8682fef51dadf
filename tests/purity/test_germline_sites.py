"""From which expected fraction on the choice of heterozygous sites by own reads leaves none out."""

import numpy as np
import pandas as pd
import pytest

from metcn.purity import germline_sites
from metcn.vocabulary import ALLELE_COLUMNS


def table(alt, depth):
    """Sites of so many reads of the alternative base at a depth."""
    start = 1000 * np.arange(len(alt))
    rows = ["1", start, start + 1, "A", "G", depth - alt, alt, 0, 1]
    return pd.DataFrame(dict(zip(ALLELE_COLUMNS, rows, strict=True)))


@pytest.mark.parametrize("depth", [20, 30, 64, 256, 2048])
def test_sites_are_kept_from_there_and_not_much_below(depth):
    random, lowest = np.random.default_rng(depth), float(germline_sites.kept_from(depth))
    kept = []
    for fraction in (lowest, 0.7 * lowest):
        drawn = random.beta(200 * fraction, 200 * (1 - fraction), 4000)
        kept.append(len(germline_sites.heterozygous(table(random.binomial(depth, drawn), depth))) / 4000)
    assert kept[0] == pytest.approx(1 - germline_sites.LOST, abs=0.007)
    assert kept[1] < 0.97


def test_deeper_sites_are_kept_from_lower_fractions():
    lowest = germline_sites.kept_from([20, 50, 100, 500, 5000, 1_000_000])
    assert (np.diff(lowest) <= 0).all() and lowest[-1] > 0.05


def test_none_is_kept_below_the_least_depth():
    assert np.isnan(germline_sites.kept_from([0, 19])).all()
    assert germline_sites.kept_from(np.zeros((2, 3))).shape == (2, 3)


def test_other_bases_in_the_normal_s_table_are_the_same_place():
    """The two samples' reads may have put a site on different strands: its place decides."""
    tumour, normal = table(np.array([50]), 100), table(np.array([50]), 100).assign(ref="T", alt="C")
    assert len(germline_sites.heterozygous(tumour, normal)) == 1


def test_whether_the_reference_is_known_stays_with_each_site():
    tumour = table(np.array([50, 50]), 100).assign(ref_known=[0, 1])
    assert germline_sites.heterozygous(tumour)["ref_known"].tolist() == [False, True]


def test_haplotypes_are_stretches_of_a_chromosome():
    sites = pd.DataFrame({"chromosome": ["1", "1", "1", "2"], "position": [10, 99_999, 100_000, 10]})
    assert germline_sites.haplotypes(sites).tolist() == [0, 0, 1, 2]
