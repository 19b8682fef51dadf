"""Reference bias: found in made reads whatever the copies, with an error that holds, and nothing where nothing is."""

import numpy as np
import pytest
from scipy.special import expit, logit

from metcn.purity.reference_bias import LIKELY_SD, ReferenceBias, measured

BALANCED, MIXED, LOST = (0.5,), (0.5, 0.5, 0.3, 0.2, 0.35), (0.3, 0.2, 0.35)


def reads(random, sites, levels, bias):
    """Reads of the alternative base and depth at heterozygous sites whose alternative base lies on either haplotype."""
    fraction = random.choice(levels, sites)
    fraction = np.where(random.random(sites) < 0.5, fraction, 1 - fraction)
    expected = expit(logit(fraction) + logit(bias))
    depth = random.poisson(300, sites) + 20
    return random.binomial(depth, random.beta(200 * expected, 200 * (1 - expected))), depth


CASES = [
    pytest.param(BALANCED, 0.48, 200, 0.02, id="balanced"),
    pytest.param(MIXED, 0.48, 2000, 0.03, id="gains and losses"),
    pytest.param(LOST, 0.48, 5000, 0.03, id="nothing balanced"),
    pytest.param(MIXED, 0.5, 2000, 0.03, id="no bias"),
    pytest.param(BALANCED, 0.52, 200, 0.02, id="towards the alternative"),
]


@pytest.mark.parametrize(("levels", "bias", "sites", "se"), CASES)
def test_bias_is_found_within_its_error(levels, bias, sites, se):
    random = np.random.default_rng(1)
    found = [measured(*reads(random, sites, levels, bias)) for _ in range(60)]
    error = np.array([each.log_odds for each in found]) - logit(bias)
    assert abs(error.mean()) < 0.01
    assert all(each.se < se for each in found)
    inside = np.mean(np.abs(error) < 2 * np.array([each.se for each in found]))
    assert inside > 0.85


@pytest.mark.parametrize(("count", "depth"), [([], []), ([0, 0], [0, 0])], ids=["no sites", "no reads"])
def test_nothing_measured_is_no_shift(count, depth):
    assert measured(count, depth) == ReferenceBias(0.0, LIKELY_SD)


EXTREME = [
    pytest.param([50], [100], id="one site"),
    pytest.param([100] * 10, [100] * 10, id="alternative alone"),
    pytest.param([0] * 10, [100] * 10, id="reference alone"),
    pytest.param([0, 1_000_000], [1_000_000] * 2, id="one of each, very deep"),
    pytest.param([50] * 100, [100] * 100, id="all alike"),
]


@pytest.mark.parametrize(("count", "depth"), EXTREME)
def test_result_is_finite_and_never_certain(count, depth):
    found = measured(count, depth)
    assert np.isfinite([found.log_odds, found.se]).all()
    assert 0 < found.se <= LIKELY_SD


def test_alleles_in_exchange_are_the_bias_in_exchange():
    count, depth = reads(np.random.default_rng(2), 300, MIXED, 0.47)
    there, back = measured(count, depth), measured(depth - count, depth)
    assert there.log_odds == pytest.approx(-back.log_odds, abs=1e-9)
    assert there.se == pytest.approx(back.se)


def test_sites_of_one_haplotype_tell_less():
    count, depth = (np.repeat(each, 10) for each in reads(np.random.default_rng(3), 100, MIXED, 0.48))
    alone, together = measured(count, depth), measured(count, depth, np.repeat(np.arange(100), 10))
    assert together.se > 2 * alone.se


def test_corrected_undoes_expected():
    bias, fraction = ReferenceBias(-0.08, 0.01), np.array([0, 0.1, 0.5, 0.9, 1])
    np.testing.assert_allclose(bias.corrected(bias.expected(fraction)), fraction)
    assert (bias.expected(fraction)[1:-1] < fraction[1:-1]).all()
    assert bias.expected(0.5) == pytest.approx(expit(-0.08))
