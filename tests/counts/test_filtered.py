"""Reads that filters take: shares and effects on either side of each limit, named with their numbers and settings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.counts import filtered
from metcn.counts.filtered import EVERYWHERE, MET, REFUSED, WARNED, Limits, Rules
from metcn.reads.sam import FILTERED, TALLIES

BINS = 30


def tallies(**fates):
    """Records by fate, as many as their fates add up to."""
    return {"records": sum(fates.values()), **{name: fates.get(name, 0) for name in TALLIES[1:]}}


def bins(met=100, others=100, **lost):
    """Fragments counted in each of 4 bins of MET and 26 others, and left out there: ``fate=(in MET, elsewhere)``."""
    in_met = np.arange(BINS) < 4
    left_out = {fate: np.where(in_met, *lost.get(fate, (0, 0))) for fate in FILTERED}
    return filtered.Bins(np.where(in_met, met, others), left_out, in_met, ~in_met)


def found(given_tallies, given_bins=None, limits=None, **rules):
    """Filter, place and reason of each loss."""
    losses = filtered.losses(given_tallies, given_bins or bins(), Rules(**rules), limits or Limits())
    return [(loss.filter, loss.where, loss.reason) for loss in losses]


SOUND = tallies(unmapped=50, duplicate=300, low_mapping_quality=50, second_mate=300, fragments=300)
WEAK = "low_mapping_quality"
SHARES = [
    pytest.param(SOUND, {}, [], id="sound"),
    pytest.param(tallies(low_mapping_quality=500, fragments=500), {}, [], id="mapping quality at the limit"),
    pytest.param(tallies(low_mapping_quality=501, fragments=499), {}, [(WEAK, WARNED)], id="above it"),
    pytest.param(tallies(low_mapping_quality=900, fragments=100), {}, [(WEAK, WARNED)], id="at the next"),
    pytest.param(tallies(low_mapping_quality=901, fragments=99), {}, [(WEAK, REFUSED)], id="above that"),
    pytest.param(tallies(qc_failed=600, fragments=400), {}, [("qc_failed", WARNED)], id="failed quality control"),
    pytest.param(tallies(fragment_size=950, fragments=50), {}, [("fragment_size", REFUSED)], id="long fragments"),
    pytest.param(tallies(fragment_size=800, fragments=200), {"min_fragment_bp": 90}, [], id="a window that was chosen"),
    pytest.param(tallies(fragment_size=950, fragments=50), {"min_fragment_bp": 90}, [("fragment_size", WARNED)],
                 id="a window that leaves little"),
    pytest.param(tallies(duplicate=790, fragments=210), {}, [], id="many duplicates"),
    pytest.param(tallies(duplicate=960, fragments=40), {}, [("duplicate", WARNED)], id="very many duplicates"),
    pytest.param(tallies(duplicate=490, fragments=510), {"by_position": True}, [], id="duplicates of amplicons"),
    pytest.param(tallies(duplicate=510, fragments=490), {"by_position": True}, [("duplicate", REFUSED)],
                 id="many duplicates of amplicons"),
    pytest.param(tallies(unmapped=950, fragments=50), {}, [("unmapped", WARNED)], id="another organism"),
    pytest.param(tallies(secondary=950, fragments=50), {}, [("secondary", WARNED)], id="many places each"),
    pytest.param(tallies(supplementary=490, fragments=510), {}, [], id="long reads in pieces"),
    pytest.param(tallies(second_mate=700, fragments=300), {}, [], id="pairs, some of them halved"),
    pytest.param(tallies(second_mate=900, fragments=100), {}, [("second_mate", WARNED)], id="few first mates"),
    pytest.param(tallies(second_mate=980, fragments=20), {}, [("second_mate", REFUSED)], id="hardly a first mate"),
    pytest.param(tallies(second_mate=1000), {"each_read": True}, [], id="no first mate, reads count by themselves"),
    pytest.param(tallies(duplicate=96, fragments=3), {}, [], id="few reads"),
    pytest.param(tallies(low_mapping_quality=9), {}, [], id="hardly a read"),
    pytest.param(tallies(), {}, [], id="no read"),
    pytest.param(tallies(duplicate=850, low_mapping_quality=100, fragments=50), {},
                 [("duplicate", WARNED), ("low_mapping_quality", WARNED)], id="two filters, each of what came to it"),
]  # fmt: skip
SHARES += [
    pytest.param(tallies(**{fate: 40}, unmapped=3 + 40 * (fate == "unmapped")), {}, [(fate, REFUSED)], id=f"all {fate}")
    for fate in TALLIES[2:-1]
]


@pytest.mark.parametrize(("given_tallies", "rules", "expected"), SHARES)
def test_shares_of_all_reads(given_tallies, rules, expected):
    assert found(given_tallies, **rules) == [(name, EVERYWHERE, reason) for name, reason in expected]


IN_MET = [
    pytest.param(bins(duplicate=(300, 300)), [], id="the same share everywhere"),
    pytest.param(bins(duplicate=(124, 80)), [], id="1.24 times, at the limit"),
    pytest.param(bins(met=10_000, duplicate=(13_500, 80)), [("duplicate", WARNED)], id="1.3 times, for certain"),
    pytest.param(bins(met=30, duplicate=(40, 80)), [], id="1.3 times, by chance"),
    pytest.param(bins(met=10_000, duplicate=(25_000, 80)), [("duplicate", WARNED)], id="1.9 times"),
    pytest.param(bins(met=10_000, duplicate=(29_000, 80)), [("duplicate", REFUSED)], id="2.2 times"),
    pytest.param(bins(met=10_000, duplicate=(0, 80)), [("duplicate", WARNED)], id="none in MET"),
    pytest.param(bins(met=10_000, duplicate=(1000, 80)), [("duplicate", WARNED)], id="fewer in MET"),
    pytest.param(bins(low_mapping_quality=(150, 5)), [("low_mapping_quality", REFUSED)], id="mapped to two places"),
    pytest.param(bins(low_mapping_quality=(150, 150)), [("low_mapping_quality", WARNED)], id="as everything is"),
    pytest.param(bins(qc_failed=(40, 0)), [("qc_failed", WARNED)], id="failed in MET"),
    pytest.param(bins(met=0, low_mapping_quality=(3, 0)), [("low_mapping_quality", REFUSED)], id="all of MET"),
    pytest.param(bins(met=0, low_mapping_quality=(2, 0)), [], id="stray reads in a gene that is not covered"),
    pytest.param(bins(met=0, fragment_size=(9, 0)), [("fragment_size", REFUSED)], id="all of MET by their length"),
    pytest.param(bins(fragment_size=(900, 9)), [], id="lengths are chosen"),
    pytest.param(
        bins(met=1, duplicate=(50, 50), low_mapping_quality=(99, 0)),
        [(WEAK, REFUSED)],
        id="what one filter took is not laid on another",
    ),
    pytest.param(bins(met=10, low_mapping_quality=(12, 0)), [], id="few reads"),
    pytest.param(bins(others=0, duplicate=(300, 9)), [], id="nothing to compare with"),
]


@pytest.mark.parametrize(("given_bins", "expected"), IN_MET)
def test_losses_in_met(given_bins, expected):
    assert found(SOUND, given_bins) == [(name, MET, reason) for name, reason in expected]


def test_what_is_said_of_all_reads_is_not_said_of_met_again():
    lost = tallies(unmapped=10, qc_failed=900, fragments=20)
    assert found(lost, bins(met=1, qc_failed=(300, 300))) == [("qc_failed", EVERYWHERE, REFUSED)]


def test_limits_are_settings():
    limits = Limits(
        max_filtered=0.2, fail_filtered=0.3, max_duplicates=0.1, max_filter_effect=1.01, fail_filter_effect=1.5
    )
    low = tallies(duplicate=200, low_mapping_quality=250, fragments=750)
    assert found(low, limits=limits) == [("low_mapping_quality", EVERYWHERE, WARNED), ("duplicate", EVERYWHERE, WARNED)]
    assert found(SOUND, bins(met=9000, duplicate=(9000, 80)), limits)[0] == ("duplicate", MET, WARNED)


def test_the_sentence_has_filter_numbers_and_setting():
    (loss,) = filtered.losses(tallies(unmapped=5, low_mapping_quality=9500, fragments=500), bins(), Rules(), Limits())
    assert loss.text == (
        "9,500 of 10,000 reads (95%) have a mapping quality below 20; lower counts.min_mapq if the aligner gives no "
        "higher ones, else align again."
    )
    assert loss.row["setting"] == "counts.min_mapq" and loss.row["share"] == 0.95 and loss.row["effect"] is None
    (loss,) = filtered.losses(SOUND, bins(met=1000, duplicate=(5000, 100)), Rules(), Limits())
    assert loss.text.startswith(
        "In MET, 20,000 of 24,000 fragments (83%) are marked as duplicates, and without them MET's ratio is 0.33 times "
        "what it is with them; count them (counts.keep_duplicates: true) unless"
    )
    assert loss.effect == pytest.approx(3)


@given(
    st.lists(st.integers(0, 2000), min_size=len(TALLIES) - 1, max_size=len(TALLIES) - 1),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=5, max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_every_loss_is_a_share_and_has_words(numbers, per_bin, by_position, each_read):
    made = tallies(**dict(zip(TALLIES[1:], numbers, strict=True)))
    kept, *lost = per_bin
    rules = Rules(by_position=by_position, each_read=each_read)
    losses = filtered.losses(made, bins(*kept, **dict(zip(FILTERED, lost, strict=True))), rules, Limits())
    for loss in losses:
        assert 0 <= loss.lost <= loss.of and loss.filter in TALLIES and f"{loss.lost:,} of {loss.of:,}" in loss.text
    assert len({(loss.filter, loss.where) for loss in losses}) == len(losses)
