"""Normals that look like tumours: found on both sides of each bound, and nothing else accused."""

import dataclasses
import itertools

import numpy as np
import pytest

from metcn.reference import suspects
from metcn.reference.suspects import ARM_GC, Residual
from metcn.stats import robust

ARMS = np.repeat(list(ARM_GC), 24)
MET = np.flatnonzero(ARMS == "7q")[10]
NORMALS = 12


def residual(rest, *, plain=None, wide=False, named=True, judged=None):
    """A kind of bins with one group in 24 of each arm, MET the eleventh of 7q."""
    groups = rest.shape[1]
    return Residual(
        rest=rest,
        plain=rest if plain is None else plain,
        variance=np.full(groups, 0.03**2),
        judged=np.ones(groups, dtype=bool) if judged is None else judged,
        arm=ARMS,
        met=np.arange(groups) == MET,
        gene=np.array([f"G{number}" for number in range(groups)]),
        wide=wide,
        named=named,
    )


def noise(count=NORMALS, *, sd=0.05, seed=1):
    return np.random.default_rng(seed).normal(0, sd, (count, len(ARMS)))


def against_others(level):
    """What leaving out shows of levels: each normal less the mean of the others."""
    count = len(level)
    return (level - level.mean(axis=0)) * count / (count - 1)


def found(level, **changes):
    return {
        one.row: [d.place for d in one.deviations]
        for one in suspects.find([residual(against_others(level), **changes)])
    }


@pytest.mark.parametrize("count", [3, 5, 8, 12, 25])
def test_noise_alone_accuses_nobody(count):
    for seed in range(12):
        assert found(noise(count, seed=seed)) == {}


@pytest.mark.parametrize("count", [3, 5, 12])
@pytest.mark.parametrize("log2", [0.7, -0.7], ids=["gain", "loss"])
def test_met_is_found_and_only_in_the_normal_that_has_it(count, log2):
    level = noise(count)
    level[1, MET] += log2
    assert found(level) == {1: ["MET"]}


@pytest.mark.parametrize(("log2", "there"), [(0.25, False), (0.42, True)])
def test_met_has_to_be_beyond_its_bound(log2, there):
    """Six errors of 0.05 are 0.3."""
    level = noise()
    level[3, MET] = log2
    assert found(level) == ({3: ["MET"]} if there else {})


@pytest.mark.parametrize(("sd", "there"), [(0.002, True), (0.05, False)])
def test_met_has_to_be_beyond_the_errors_of_its_normals(sd, there):
    """Quiet normals show a small change; it takes 0.2 log2 however quiet they are."""
    level = noise(sd=sd)
    level[3, MET] = 0.23
    assert found(level) == ({3: ["MET"]} if there else {})
    level[3, MET] = 0.18
    assert found(level) == {}


def test_a_normal_of_poor_quality_is_no_tumour():
    """MET of a normal that errs five times as much everywhere may lie away as far."""
    level = noise()
    level[3] *= 5
    level[3, MET] = 0.5
    assert found(level) == {}


def test_a_met_that_errs_in_all_normals_accuses_none():
    level = noise()
    level[:, MET] *= 5
    assert suspects.find([residual(against_others(level))], most=np.inf) == []


def test_a_tumour_does_not_hide_behind_what_it_does_to_the_others():
    """It makes them err at MET, which is believed only up to a factor."""
    level = noise(6)
    level[:5, MET] = [0.3, -0.3, 0.2, -0.2, 0.25]
    level[5, MET] = 2.0
    assert 5 in found(level)


@pytest.mark.parametrize("where", ["rest", "plain"])
def test_what_components_hide_shows_without_them_and_the_other_way_round(where):
    level, quiet = noise(), noise(seed=2)
    level[3, MET] += 1.0
    rest, plain = (level, quiet) if where == "rest" else (quiet, level)
    found = suspects.find([residual(against_others(rest), plain=against_others(plain))])
    assert [(one.row, one.deviations[0].place) for one in found] == [(3, "MET")]


@pytest.mark.parametrize(("log2", "there"), [(1.4, False), (2.0, True)])
@pytest.mark.parametrize("named", [True, False])
def test_another_gene_has_to_be_beyond_what_germline_changes_give(log2, there, named):
    level = noise()
    level[2, 40] += log2
    assert found(level, named=named) == ({2: ["G40"]} if there and named else {})


def test_a_loss_of_one_other_gene_may_be_of_the_germline():
    level = noise()
    level[2, 40] -= 3
    assert found(level) == {}


def test_small_genes_are_not_judged():
    level, judged = noise(), np.arange(len(ARMS)) != 40
    level[2, 40] += 3
    assert found(level, judged=judged) == {}


def of_arms(level, names, log2):
    out = level.copy()
    for name in names:
        out[2, name == ARMS] += log2
    return out


@pytest.mark.parametrize("count", [5, 12, 25])
def test_a_gained_arm_is_found(count):
    assert found(of_arms(noise(count), ["7p"], 0.2)) == {2: ["7p"]}


def test_many_small_events_are_found_together():
    """Purity 0.1: a copy more or less of ten arms."""
    names = ["1q", "3p", "5q", "7p", "7q", "8q", "10q", "13q", "18q", "20q"]
    level = of_arms(of_arms(noise(), names[::2], 0.07), names[1::2], -0.07)
    assert set(found(level)) == {2}
    assert set(found(level)[2]) <= {*names}


def test_gc_content_is_no_event():
    """Arms that differ as their GC content does are of one library, not of a tumour."""
    level = noise()
    level[2] += 4 * (np.array([ARM_GC[name] for name in ARMS]) - 0.41)
    assert found(level) == {}


def test_arms_of_four_normals_are_not_compared():
    level = of_arms(noise(4), ["1q", "8q"], 0.5)
    assert found(level) == {}
    names, _, _ = suspects.deviations_of_arms([residual(level)], np.ones(4, dtype=bool))
    assert names == []


def test_the_fifth_normal_is_compared_with_four():
    """As it was before it was set aside, or its arms would be forgotten."""
    level = of_arms(noise(5), ["7p"], 0.3)
    trusted = np.arange(5) != 2
    rest = level - level[trusted].mean(axis=0)
    rest[trusted] = against_others(level[trusted])
    assert [one.row for one in suspects.find([residual(rest)], trusted)] == [2]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_of_two_normals_either_may_be_the_tumour(count):
    level = noise(count)
    level[:1, MET] += 3
    kinds = [residual(level)]
    assert suspects.find(kinds) == []


FEW = np.isin(ARMS, ["1p", "1q", "7q"])
TESTABLE = [
    pytest.param(12, None, (True, True), id="all"),
    pytest.param(4, None, (True, False), id="few normals"),
    pytest.param(2, None, (False, False), id="two normals"),
    pytest.param(12, FEW, (True, False), id="few arms"),
    pytest.param(12, None, (False, True), id="no MET"),
]


@pytest.mark.parametrize(("count", "only", "expected"), TESTABLE)
def test_what_can_be_compared(count, only, expected):
    kind = residual(noise(count))
    if expected == (False, True):
        kind = dataclasses.replace(kind, met=np.zeros(len(ARMS), dtype=bool))
    elif only is not None:
        parts = {name: getattr(kind, name)[only] for name in ("variance", "judged", "arm", "met", "gene")}
        kind = dataclasses.replace(kind, rest=kind.rest[:, only], plain=kind.plain[:, only], **parts)
    assert suspects.testable([kind]) == expected
    assert suspects.testable([]) == (False, False)


def test_without_any_kind_nothing_is_found():
    assert suspects.find([]) == []


def test_a_kind_that_a_normal_lacks_says_nothing_of_it():
    level = against_others(noise())
    level[4] = np.nan
    assert suspects.find([residual(level)]) == []


def test_an_amplicon_of_several_windows_is_seen_where_one_would_be_noise():
    level = noise(sd=0.12)
    level[1, MET - 3 : MET + 4] = 0.48
    assert found(level) == {}
    assert found(level, wide=True) == {1: ["MET"]}


def test_normals_set_aside_do_not_set_the_scale():
    """Two tumours among seven: what they show is held against the five."""
    level = noise(7)
    level[5:, MET] += 1.0
    rest = level - level[:5].mean(axis=0)
    trusted = np.arange(7) < 5
    assert [one.row for one in suspects.find([residual(rest)], trusted)] == [5, 6]


def test_levels_are_those_against_the_median_normal():
    level = np.zeros((5, 3))
    level[0] = 1.0
    got = suspects.levelled(against_others(level), np.ones(5, dtype=bool))
    assert got == pytest.approx(level)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_windows_are_those_of_a_plain_loop(length):
    random = np.random.default_rng(length)
    arm = np.repeat(["1p", "", "1q", "2p"], [5, 3, 2, 6])
    use = random.random(len(arm)) < 0.7
    rows = [row for row in range(len(arm)) if use[row] and arm[row]]
    plain = [
        rows[at : at + length] for at in range(len(rows) - length + 1) if arm[rows[at]] == arm[rows[at + length - 1]]
    ]
    assert suspects.windows(arm, use, length).tolist() == plain


@pytest.mark.parametrize("length", [1, 4])
def test_steps_are_those_of_a_plain_loop(length):
    random = np.random.default_rng(3)
    value, weight = random.normal(size=(3, 18)), random.uniform(1, 5, 18)
    value[1, 2] = np.nan if length > 1 else value[1, 2]
    plain = []
    for row in value:
        means, totals = [], []
        for begin in range(0, 18 - length + 1, length):
            inside = [at for at in range(begin, begin + length) if np.isfinite(row[at])]
            means.append(sum(row[at] * weight[at] for at in inside) / sum(weight[at] for at in inside))
            totals.append(sum(weight[begin : begin + length]))
        plain.append(
            [(b - a) / np.sqrt(1 / u + 1 / v) for (a, u), (b, v) in itertools.pairwise(zip(means, totals, strict=True))]
        )
    assert suspects._steps(value, weight, length) == pytest.approx(np.array(plain))


@pytest.mark.parametrize(("arms", "groups", "steps"), [(39, 24, 39 * 5), (39, 4, 39 * 3), (10, 4, None)])
def test_noise_is_told_by_windows_where_there_are_enough(arms, groups, steps):
    members = [np.arange(groups) + groups * number for number in range(arms)]
    found = suspects._noise_steps(np.zeros((3, arms * groups)), np.ones(arms * groups), members)
    assert (found is None) if steps is None else (found.shape == (3, steps))


def test_a_line_in_gc_is_taken_off_and_an_arm_stays():
    names = list(ARM_GC)
    gc = np.array(list(ARM_GC.values()))
    random = np.random.default_rng(2)
    own = random.normal(0, 0.01, (2, len(names)))
    own[:, names.index("8q")] += 0.3
    level = own + np.array([[1.5], [-2.0]]) * (gc - gc.mean()) + 0.1
    left = suspects._without_gc(level, np.full(level.shape, 1e4), names)
    assert left[:, names.index("8q")] == pytest.approx(0.3, abs=0.03)
    assert np.abs(np.delete(left, names.index("8q"), axis=1)).max() < 0.04
    assert robust.median(left) == pytest.approx(0, abs=0.01)
