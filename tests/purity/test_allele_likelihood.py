"""The likelihood of allele fractions: against a slow sum, and on sites with known truth."""

import numpy as np
import pytest
from scipy.stats import betabinom

from metcn.mixture import expected_ratio, tumour_copies
from metcn.purity import allele_likelihood

PURITY, PLOIDY = np.linspace(0.1, 1, 19), np.linspace(1.6, 4.0, 13)


def sites(reads, depth, *, somatic, stretch=None):
    reads = np.atleast_1d(np.asarray(reads, dtype=float))
    return allele_likelihood.Sites(
        reads=reads,
        depth=np.full(len(reads), float(depth)),
        stretch=np.zeros(len(reads), dtype=int) if stretch is None else np.asarray(stretch),
        somatic=np.full(len(reads), somatic),
    )


def fraction(purity, copies, carrying, normal):
    return (purity * carrying + normal * (1 - purity)) / (purity * copies + 2 * (1 - purity))


def slow(reads, depth, ratio, purity, ploidy, somatic):
    """Log-likelihood of one site, written as it is described."""
    level = tumour_copies(ratio, purity, ploidy)
    away = (level - np.arange(allele_likelihood.MOST_COPIES + 1)) / allele_likelihood.COPY_SD
    weights = np.exp(-0.5 * away**2)
    weights /= max(weights.sum(), 1)
    total = 0.0
    for copies, weight in enumerate(weights):
        carried = range(1, copies + 1) if somatic else range((copies + 1) // 2, copies + 1)
        for carrying in carried:
            counted = [carrying] if somatic else [carrying, copies - carrying]
            parts = []
            for number in counted:
                share = np.clip(fraction(purity, copies, number, 0 if somatic else 1), 0.005, 0.995)
                shape = allele_likelihood.CONCENTRATION * share, allele_likelihood.CONCENTRATION * (1 - share)
                parts.append(betabinom.pmf(reads, depth, *shape))
            total += weight * np.mean(parts) / len(carried)
    anything = (
        1 - (1 - allele_likelihood.UNEXPLAINED) * weights.sum()
    )  # also where the depth says no whole number of copies
    return np.log((1 - allele_likelihood.UNEXPLAINED) * total + anything / (depth + 1))


@pytest.mark.parametrize("somatic", [True, False], ids=["mutation", "SNP"])
def test_likelihood_is_the_slow_sum(somatic):
    purity, ploidy = np.array([0.3, 0.7]), np.array([2.0, 3.1])
    found = allele_likelihood.log_likelihood(sites(70, 200, somatic=somatic), np.array([1.2]), purity, ploidy)
    expected = [[slow(70, 200, 1.2, first, second, somatic) for second in ploidy] for first in purity]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("purity", [0.3, 0.5, 0.8])
def test_snps_of_a_loss_tell_purity(purity):
    # one of two copies lost: the remaining allele of each SNP is as likely the counted one as the other
    share = np.array([fraction(purity, 1, carrying, 1) for carrying in (0, 1, 0, 1, 1, 0)])
    ratio = np.array([expected_ratio(1, purity, 2.0)])
    found = allele_likelihood.log_likelihood(
        sites(np.round(500 * share), 500, somatic=False), ratio, PURITY, np.array([2.0])
    )
    assert abs(PURITY[np.argmax(found[:, 0])] - purity) <= 0.051


@pytest.mark.parametrize(("purity", "copies", "carrying"), [(0.4, 2, 1), (0.4, 2, 2), (0.6, 4, 3)])
def test_a_mutation_is_explained_at_the_truth_whatever_copies_carry_it(purity, copies, carrying):
    reads = round(800 * fraction(purity, copies, carrying, 0))
    ratio = np.array([expected_ratio(copies, purity, 2.0)])
    found = allele_likelihood.log_likelihood(sites(reads, 800, somatic=True), ratio, PURITY, np.array([2.0]))[:, 0]
    assert found[np.argmin(np.abs(PURITY - purity))] > found.max() - 2
    assert np.ptp(found) > 1


def test_one_mutation_leaves_alternatives():
    """An allele fraction of 0.2 on two copies: 40 % purity with one of them mutated, 20 % with both."""
    ratio = np.array([1.0])
    found = allele_likelihood.log_likelihood(sites(160, 800, somatic=True), ratio, PURITY, np.array([2.0]))[:, 0]
    low, between, high = (found[np.argmin(np.abs(PURITY - purity))] for purity in (0.2, 0.3, 0.4))
    assert min(low, high) > between + 1
    assert abs(low - high) < 0.7


def test_even_snps_of_two_copies_tell_next_to_nothing_of_purity():
    found = allele_likelihood.log_likelihood(
        sites([251, 249, 250], 500, somatic=False), np.array([1.0]), PURITY, np.array([2.0])
    )
    assert np.ptp(found) < 0.2


def test_many_sites_of_a_stretch_count_as_few():
    depth, share = 400, fraction(0.6, 1, 1, 1)
    totals = [
        np.ptp(allele_likelihood.log_likelihood(
            sites(np.full(count, round(depth * share)), depth, somatic=False), np.array([0.7]), PURITY, PLOIDY
        ))
        for count in (5, 50)
    ]  # fmt: skip
    np.testing.assert_allclose(*totals, rtol=0.05)


def test_order_of_sites_changes_nothing():
    reads, stretch = np.array([120, 260, 200, 90.0]), np.array([0, 1, 0, 1])
    order = np.array([2, 3, 0, 1])
    found = [
        allele_likelihood.log_likelihood(
            sites(reads[o], 400, somatic=False, stretch=stretch[o]), np.ones(2), PURITY, PLOIDY
        )
        for o in (np.arange(4), order)
    ]
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_a_stretch_without_ratio_is_left_out():
    found = allele_likelihood.log_likelihood(sites(70, 200, somatic=True), np.array([np.nan]), PURITY, PLOIDY)
    np.testing.assert_array_equal(found, 0)
