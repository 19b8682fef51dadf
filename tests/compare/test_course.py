"""Serial samples: what was acquired, what was there before, and what a baseline could not have shown."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.calls import criteria
from metcn.compare import course as compare
from metcn.compare import stage
from metcn.copies import draws_file
from metcn.copies.posterior import Draws
from metcn.errors import InputError
from metcn.files import write_json
from support.made_up import amplified, no_call

NAN = float("nan")


def sample(*groups, ratio=1.0, sd=0.3, blind=(), count=512, seed=1):
    """Draws around one number of copies per group."""
    random = np.random.default_rng(seed)
    copies = np.concatenate([copies + sd * random.normal(size=count) for copies in groups])
    label = np.repeat(np.arange(len(groups)), count)
    hidden = np.isin(np.arange(len(groups)), blind)
    return compare.Sample(drawn(copies, ratio, label), hidden)


def drawn(copies, ratio, group=None):
    """Draws of copies and MET/CEP7-like."""
    group = np.zeros(len(copies), dtype=int) if group is None else group
    return Draws.of({
        "copies": copies, "met_cep7": np.full(len(copies), ratio), "group": group, "weight": np.ones(len(copies)),
    })  # fmt: skip


SEEING = np.zeros(1, dtype=bool)
MISSING = compare.Sample.missing()
COURSES = [
    # baseline, progression, course, lowest and highest probability of acquisition
    pytest.param(sample(2), sample(12), "acquired", (1, 1), id="acquired"),
    pytest.param(sample(11), sample(12), "present_at_both", (0, 0), id="there before"),
    pytest.param(sample(12), sample(2), "lost", (0, 0), id="lost"),
    pytest.param(sample(2), sample(2.2), "absent_at_both", (0, 0), id="never there"),
    pytest.param(sample(2), sample(4.9, ratio=2.5, sd=0.1), "acquired", (1, 1), id="acquired by the ratio"),
    pytest.param(sample(5), sample(12), "indeterminate", (0.4, 0.6), id="baseline at the bound"),
    pytest.param(sample(2, blind=[0]), sample(12), "indeterminate", (0, 1), id="baseline below its limit"),
    pytest.param(sample(2), sample(2, blind=[0]), "indeterminate", (0, 1), id="progression below its limit"),
    pytest.param(sample(2, 2.5, blind=[1]), sample(12), "indeterminate", (0, 1), id="below it at one purity"),
    pytest.param(sample(2, 2.5), sample(8, 20), "acquired", (1, 1), id="the same at every purity"),
    pytest.param(sample(2, 7), sample(12), "indeterminate", (0, 1), id="baseline depends on purity"),
    pytest.param(MISSING, sample(12), "indeterminate", (0, 1), id="no baseline"),
    pytest.param(sample(2), MISSING, "indeterminate", (0, 1), id="no progression"),
]


@pytest.mark.parametrize(("before", "after", "course", "probability"), COURSES)
def test_courses(before, after, course, probability):
    assert compare.course(before, after, decide=0.95) == course
    low, high = compare.acquired(before, after)
    assert probability[0] - 0.06 <= low <= high <= probability[1] + 0.06


BOUNDS = [
    # copies, MET/CEP7-like, amplified
    pytest.param(5.0, 1.0, True, id="at five copies"),
    pytest.param(4.999, 1.0, False, id="below five copies"),
    pytest.param(4.5, 2.0, True, id="at a ratio of two"),
    pytest.param(4.5, 1.999, False, id="below a ratio of two"),
    pytest.param(4.499, 2.0, False, id="a ratio of two, but few copies"),
    pytest.param(5.0, NAN, True, id="five copies, no ratio"),
    pytest.param(4.999, NAN, False, id="neither, no ratio"),
]


@pytest.mark.parametrize(("copies", "ratio", "amplified"), BOUNDS)
def test_what_counts_as_amplified(copies, ratio, amplified):
    one = compare.Sample(drawn(np.full(8, copies), ratio), SEEING)
    assert one.amplified == (float(amplified), float(amplified))
    assert compare.course(one, sample(12), decide=0.95) == ("present_at_both" if amplified else "acquired")


@pytest.mark.parametrize(("decide", "course"), [(0.75, "acquired"), (0.76, "indeterminate")])
def test_a_course_needs_the_probability_that_decides(decide, course):
    """Three of four draws of the later sample are amplified."""
    later = compare.Sample(drawn(np.array([6.0, 6, 6, 2]), 1.0), SEEING)
    assert compare.course(sample(2), later, decide=decide) == course


@given(st.floats(0, 20), st.floats(0, 20), st.booleans(), st.booleans())
def test_the_probability_of_acquisition_is_one(before, after, first_blind, later_blind):
    """Its ends lie within 0 and 1, in order, and a blind sample only ever widens them."""
    blind = [[0] if hidden else [] for hidden in (first_blind, later_blind)]
    low, high = compare.acquired(sample(before, blind=blind[0]), sample(after, blind=blind[1]))
    seen_low, seen_high = compare.acquired(sample(before), sample(after))
    assert 0 <= low <= seen_low <= seen_high <= high <= 1


def test_probability_is_that_of_two_independent_samples():
    before, after = sample(4.7, seed=2), sample(5.2, seed=2)  # the same draws: pairing them would be wrong
    absent, present = np.mean(before.draws.copies < 5), np.mean(after.draws.copies >= 5)
    np.testing.assert_allclose(compare.acquired(before, after), absent * present)


def test_bounds_are_those_of_the_default_set():
    [copies, ratio] = criteria.load()["metcn_default"].categories[1].clauses
    assert (copies.lower, ratio.lower, ratio.least_copies) == (compare.COPIES, compare.RATIO, compare.LEAST_COPIES)


def test_change_has_the_spread_of_both():
    found = compare.change(sample(3, sd=0.3, count=4096), sample(9, sd=0.4, count=4096))
    assert found.value == pytest.approx(6, abs=0.05)
    assert (found.low, found.high) == (pytest.approx(6 - 0.98, abs=0.08), pytest.approx(6 + 0.98, abs=0.08))


def test_change_covers_every_pair_of_purities():
    found = compare.change(sample(3, 5, sd=0.1), sample(9, 20, sd=0.1))
    assert np.isnan(found.value)
    assert found.low == pytest.approx(4, abs=0.4)
    assert found.high == pytest.approx(17, abs=0.4)


def test_a_missing_sample_has_no_change():
    assert all(np.isnan(value) for value in compare.change(MISSING, sample(9)).to_json().values())


@given(st.floats(0, 20), st.floats(0, 20), st.floats(0, 20))
def test_more_copies_later_are_never_less_probably_acquired(before, first, second):
    low, high = (compare.acquired(sample(before), sample(value)) for value in sorted((first, second)))
    assert low[0] <= high[0] + 1e-12
    assert low[1] <= high[1] + 1e-12


def test_the_same_samples_give_the_same_change():
    assert compare.change(sample(3), sample(9)) == compare.change(sample(3), sample(9))


def test_change_is_that_of_draws_paired_at_random():
    """Value and ends by hand: the later draws in the order that the seed 11 gives, the 2.5 and 97.5 % points."""
    before, after = sample(3, count=400, seed=5), sample(9, count=301, seed=6)
    order = np.random.default_rng(11).permutation(301)
    apart = sorted(after.draws.copies[later] - before.draws.copies[first] for first, later in enumerate(order))
    ends = [apart[7] + 0.5 * (apart[8] - apart[7]), apart[292] + 0.5 * (apart[293] - apart[292])]  # of 0 to 300
    found = compare.change(before, after)
    np.testing.assert_allclose([found.value, found.low, found.high], [apart[150], *ends], rtol=1e-12)


def test_groups_of_unlike_size_keep_their_own_draws():
    values, group = np.arange(7.0), np.array([4, 4, 4, 9, 9, 4, 9])
    one = drawn(values, 1.0, (group > 4).astype(int))
    assert [part.tolist() for part in one.rows(values)] == [[[0, 1, 2, 5]], [[3, 4, 6]]]


def test_a_sample_with_some_draws_missing_is_not_known():
    gcn = np.array([12.0, 12, NAN, 12])
    one = compare.Sample(drawn(gcn, 1.0), np.zeros(1, dtype=bool))
    assert one.amplified == (0.0, 1.0)


@pytest.mark.parametrize(("count", "course"), [(95, "present_at_both"), (94, "indeterminate"), (5, "lost")])
def test_a_state_is_certain_from_the_bound_on_either_side(count, course):
    gcn = np.repeat([6.0, 2.0], [count, 100 - count])
    later = compare.Sample(drawn(gcn, 1.0), np.zeros(1, dtype=bool))
    assert compare.course(sample(12), later, decide=0.95 if count > 50 else 0.9375) == course


# The stage


def write(folder, name, copies=12.0, *, timepoint, source=None, limit=3.4, above=False, **changes):
    """A call and its draws where the workflow puts them; the path of the call."""
    made = source or amplified()
    lod = {
        "copies": limit,
        "copies_by_group": [limit],
        "told_by_group": [limit],
        "ploidy_by_group": [2.0],
        "above_neutral": above,
    }
    made["copies"]["lod"] = lod
    made |= {"sample": name, "timepoint": timepoint, "default_criteria": "metcn_default", **changes}
    call = folder / "results" / "calls" / f"{name}.json"
    write_json(call, made)
    random = np.random.default_rng(len(name))
    draws = folder / "results" / "copies" / f"{name}.draws.npz"
    draws.parent.mkdir(exist_ok=True)
    draws_file.write(draws, drawn(copies + 0.2 * random.normal(size=512), 1.0))
    return call


def run(baseline, progression, folder):
    output = folder / "compared.json"
    stage.compare(baseline=baseline, progression=progression, output=output, settings={"decide_course": 0.95})
    return json.loads(output.read_text())


def test_stage_tells_an_acquired_amplification(tmp_path):
    first = write(tmp_path, "B", 2.0, timepoint="baseline")
    found = run(first, write(tmp_path, "P1", 12.0, timepoint="progression"), tmp_path)
    assert (found["patient"], found["baseline"], found["progression"]) == ("P17", "B", "P1")
    assert found["course"] == "acquired"
    assert found["p_acquired"]["value"] == pytest.approx(1)
    assert found["change"]["low"] < 10 < found["change"]["high"]
    assert not found["baseline_below_limit"]


@pytest.mark.parametrize(("above", "course"), [(False, "indeterminate"), (True, "acquired")])
def test_a_baseline_below_its_limit_shows_no_absence(tmp_path, above, course):
    first = write(tmp_path, "B", 2.0, timepoint="baseline", limit=9.0, above=above)
    found = run(first, write(tmp_path, "P1", 12.0, timepoint="progression"), tmp_path)
    assert found["course"] == course
    assert found["baseline_below_limit"] == (not above)
    assert (found["p_acquired"]["value"] is None) == (not above)


def test_a_no_call_leaves_the_course_open(tmp_path):
    first = write(tmp_path, "B", timepoint="baseline", source=no_call(), patient="P17", call="no_call")
    found = run(first, write(tmp_path, "P1", timepoint="progression"), tmp_path)
    assert found["course"] == "indeterminate"
    assert set(found["change"].values()) == {None}


REFUSED = [
    pytest.param({"patient": "P18"}, "of one patient, found patient 'P18' beside 'P17'", id="other patient"),
    pytest.param({"specimen": "plasma"}, "of one kind of specimen, .* found specimen 'plasma'", id="other specimen"),
    pytest.param({"assay": "wgs"}, "of one kind of assay, .* found assay 'wgs' beside 'panel'", id="other assay"),
    pytest.param({"genome": "GRCh38"}, "aligned to one genome build, found genome 'GRCh38'", id="other build"),
    pytest.param({"default_criteria": "lai2019"}, "called by one default criteria set", id="other criteria"),
    pytest.param({"timepoint": "baseline"}, "expected a sample after the baseline, found one at", id="two baselines"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_what_cannot_be_compared_is_refused(tmp_path, changes, message):
    first = write(tmp_path, "B", timepoint="baseline")
    later = write(tmp_path, "P1", **{"timepoint": "progression", **changes})
    with pytest.raises(InputError, match=message):
        run(first, later, tmp_path)


def test_a_sample_is_not_compared_with_itself(tmp_path):
    only = write(tmp_path, "B", timepoint="")
    with pytest.raises(InputError, match="expected two samples, found B twice"):
        run(only, only, tmp_path)


def test_samples_in_the_wrong_order_are_refused(tmp_path):
    first = write(tmp_path, "B", timepoint="progression")
    with pytest.raises(InputError, match="expected a sample at baseline, found one at progression; swap the two"):
        run(first, write(tmp_path, "P1", timepoint="progression"), tmp_path)


def test_draws_that_are_not_there_are_asked_for(tmp_path):
    first, later = write(tmp_path, "B", timepoint="baseline"), write(tmp_path, "P1", timepoint="progression")
    (tmp_path / "results/copies/P1.draws.npz").unlink()
    with pytest.raises(InputError, match=r"P1\.draws\.npz does not exist; run `metcn copies` first"):
        run(first, later, tmp_path)
