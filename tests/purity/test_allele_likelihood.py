"""The likelihood of allele fractions: against slow sums, and on sites with known truth."""

import numpy as np
import pytest
from scipy.stats import betabinom

from metcn.mixture import expected_ratio, tumour_copies
from metcn.purity import allele_likelihood
from metcn.purity.allele_likelihood import Blocks, Mutations, Snps

PURITY, PLOIDY = np.linspace(0.1, 1, 19), np.linspace(1.6, 4.0, 13)
# The constants by their values, not by their names: who changes one changes purities.
CONCENTRATION, UNEXPLAINED, SITES, EVEN, ERROR, COPY_SD, MOST = 200.0, 0.1, 5.0, 0.7, 0.005, 0.25, 10


def blocks(reads, depth, *, block=None, log_odds=0.0, fewest=0):
    """Blocks of SNPs at one depth, each block in the segment of its number."""
    reads = np.atleast_1d(np.asarray(reads, dtype=float))
    block = np.zeros(len(reads), dtype=int) if block is None else np.asarray(block)
    shift, zero = np.full(len(reads), log_odds), np.zeros(len(reads))
    found = Snps(reads, np.full(len(reads), float(depth)), block, shift, zero + fewest)
    return Blocks.of(found, np.arange(block.max() + 1))


def fraction(purity, copies, carrying, normal=1):
    return (purity * carrying + normal * (1 - purity)) / (purity * copies + 2 * (1 - purity))


def pmf(reads, depth, share):
    share = np.clip(share, ERROR, 1 - ERROR)
    return betabinom.pmf(reads, depth, CONCENTRATION * share, CONCENTRATION * (1 - share))


def slow_snps(reads, depth, purity, copies):
    """How much likelier SNPs of one block are at whole copies than at any fraction, written as it is described."""
    weight = min(1.0, SITES / len(reads))

    def of(share):
        return np.prod([(pmf(each, depth, share) + pmf(each, depth, 1 - share)) / 2 for each in reads]) ** weight

    any_fraction = np.mean([of(share) for share in np.linspace(0, 0.5, 201)])
    rare = range(copies // 2 + 1)
    shares = [1.0] if len(rare) == 1 else [*[(1 - EVEN) / (len(rare) - 1)] * (len(rare) - 1), EVEN]
    explained = sum(share * of(fraction(purity, copies, number)) for number, share in zip(rare, shares, strict=True))
    return np.log((1 - UNEXPLAINED) * explained / any_fraction + UNEXPLAINED)


@pytest.mark.parametrize("copies", [0, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("reads", [[70], [70, 66, 129, 75, 60, 71, 140]], ids=["one", "seven"])
def test_snps_are_the_slow_sum(reads, copies):
    purity = np.array([0.3, 0.7, 0.95])
    found = blocks(reads, 200).by_copies(purity, copies, segments=1)
    expected = [slow_snps(reads, 200, each, copies) for each in purity]
    np.testing.assert_allclose(found[0], expected, atol=0.02)  # fractions are looked up in a table


@pytest.mark.parametrize("purity", [0.3, 0.5, 0.8])
def test_snps_of_a_loss_tell_purity(purity):
    # one of two copies lost: the remaining allele of each SNP is as likely the counted one as the other
    share = np.array([fraction(purity, 1, carrying) for carrying in (0, 1, 0, 1, 1, 0)])
    found = blocks(np.round(500 * share), 500).by_copies(PURITY, 1, segments=1)
    assert abs(PURITY[np.argmax(found[0])] - purity) <= 0.051


def test_even_snps_tell_two_copies_from_one_and_three():
    one, two, three = (blocks([251, 249, 250], 500).by_copies(np.array([0.6]), n, 1)[0, 0] for n in (1, 2, 3))
    assert two > max(one, three) + 2
    assert max(one, three) == pytest.approx(np.log(UNEXPLAINED), abs=0.1)


def test_many_sites_of_a_block_count_as_few():
    depth, share = 400, fraction(0.6, 1, 1)
    totals = [np.ptp(blocks(np.full(count, round(depth * share)), depth).by_copies(PURITY, 1, 1)) for count in (5, 50)]
    np.testing.assert_allclose(*totals, rtol=1e-9)
    assert np.ptp(blocks(np.full(4, round(depth * share)), depth).by_copies(PURITY, 1, 1)) < totals[0] - 0.05


def test_order_of_sites_changes_nothing():
    reads, block = np.array([120, 260, 200, 90.0]), np.array([0, 1, 0, 1])
    order = np.array([2, 3, 0, 1])
    found = [blocks(reads[o], 400, block=block[o]).by_copies(PURITY, 3, 2) for o in (np.arange(4), order)]
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_blocks_of_a_segment_have_states_of_their_own():
    """A loss of heterozygosity that depth does not show lies beside even alleles in one segment of two copies."""
    lost, even = [20.0, 22.0, 380.0], [200.0, 198.0, 201.0]
    seen = Snps(np.array(lost + even), np.full(6, 400.0), np.array([0, 0, 0, 1, 1, 1]), np.zeros(6), np.zeros(6))
    apart = Blocks.of(seen, np.array([0, 0])).by_copies(np.array([0.9]), 2, segments=1)[0, 0]
    alone = [blocks(reads, 400).by_copies(np.array([0.9]), 2, segments=1)[0, 0] for reads in (lost, even)]
    assert apart == pytest.approx(sum(alone))
    assert min(alone) > 1


def test_a_segment_without_snps_says_nothing():
    found = Blocks(np.zeros((1, 201)), np.array([1])).by_copies(PURITY, 2, segments=3)
    np.testing.assert_allclose(found[[0, 2]], 0)


@pytest.mark.parametrize("log_odds", [-0.2, 0.0, 0.3])
def test_a_known_bias_of_reads_is_no_imbalance(log_odds):
    odds = np.exp(log_odds)
    reads = np.full(5, round(600 * odds / (1 + odds)))
    aware = blocks(reads, 600, log_odds=log_odds).by_copies(np.array([0.6]), 2, 1)[0, 0]
    exact = blocks(np.full(5, 300), 600).by_copies(np.array([0.6]), 2, 1)[0, 0]
    assert aware == pytest.approx(exact, abs=0.15)


@pytest.mark.parametrize("fewest", [0, 20])
def test_a_site_is_weighed_by_its_chance_to_be_chosen(fewest):
    """Of sites expected at .02 only those whose reads stray by chance are kept; they are no evidence against it."""
    seen = blocks([26, 372], 400, fewest=fewest)
    share = np.array([0.02, 0.06, 0.3])
    slow = []
    for each in share:
        kept = 1 - sum(pmf(np.arange(fewest), 400, end).sum() for end in (each, 1 - each))
        slow.append(sum(np.log((pmf(n, 400, each) + pmf(n, 400, 1 - each)) / 2 / kept) for n in (26, 372)))
    at = [int(np.argmin(np.abs(allele_likelihood.FRACTIONS - each))) for each in share]
    np.testing.assert_allclose(np.diff(seen.log_likelihood[0, at]), np.diff(slow), atol=0.15)  # depths are rounded


# Mutations


def mutations(reads, depth, ratio):
    return Mutations(np.array([float(reads)]), np.array([float(depth)]), np.array([ratio]))


def slow_mutation(reads, depth, ratio, purity, ploidy):
    """Log-likelihood of one mutation, written as it is described."""
    away = (tumour_copies(ratio, purity, ploidy) - np.arange(MOST + 1)) / COPY_SD
    weights = np.exp(-0.5 * away**2)
    weights /= max(weights.sum(), 1)
    total = 0.0
    for copies, weight in enumerate(weights):
        carried = range(1, copies + 1)
        total += weight * sum(pmf(reads, depth, fraction(purity, copies, each, 0)) for each in carried) / max(copies, 1)
    anything = 1 - (1 - UNEXPLAINED) * weights.sum()  # also where the depth says no whole number of copies
    return np.log((1 - UNEXPLAINED) * total + anything / (depth + 1))


def test_a_mutation_is_the_slow_sum():
    purity, ploidy = np.array([0.3, 0.7]), np.array([2.0, 3.1])
    found = allele_likelihood.of_mutations(mutations(70, 200, 1.2), purity, ploidy)
    expected = [[slow_mutation(70, 200, 1.2, first, second) for second in ploidy] for first in purity]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(("purity", "copies", "carrying"), [(0.4, 2, 1), (0.4, 2, 2), (0.6, 4, 3)])
def test_a_mutation_is_explained_at_the_truth_whatever_copies_carry_it(purity, copies, carrying):
    reads = round(800 * fraction(purity, copies, carrying, 0))
    seen = mutations(reads, 800, expected_ratio(copies, purity, 2.0))
    found = allele_likelihood.of_mutations(seen, PURITY, np.array([2.0]))[:, 0]
    assert found[np.argmin(np.abs(PURITY - purity))] > found.max() - 2
    assert np.ptp(found) > 1


def test_one_mutation_leaves_alternatives():
    """An allele fraction of 0.2 on two copies: 40 % purity with one of them mutated, 20 % with both."""
    found = allele_likelihood.of_mutations(mutations(160, 800, 1.0), PURITY, np.array([2.0]))[:, 0]
    low, between, high = (found[np.argmin(np.abs(PURITY - purity))] for purity in (0.2, 0.3, 0.4))
    assert min(low, high) > between + 1
    assert abs(low - high) < 0.7


def test_a_mutation_without_ratio_is_left_out():
    np.testing.assert_array_equal(allele_likelihood.of_mutations(mutations(70, 200, np.nan), PURITY, PLOIDY), 0)
