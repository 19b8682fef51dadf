"""Exons of MET: where bins belong, which run of them differs, how surely, and what the whole gene then has."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.special import stdtr

from metcn.genome import build as genomes
from metcn.ratios import exons
from metcn.ratios.correct import Level, level
from metcn.ratios.exons import GeneBins, Normals
from metcn.ratios.measurement import ErrorParts, ExonLevel, MetLevel, Part
from metcn.reference.panel import MetRests

NAN = float("nan")
SD = 0.12
SLOT = np.array([2, 2, 3, 4, 6, 6, 7, 7, 8, 10, 12, 14, 15, 16, 18, 20])  # ten exons, four bins of introns


def gene(log2=0.0, *, slot=SLOT, sd=SD):
    """Bins of a gene on exons, of these log2 ratios."""
    sd = np.broadcast_to(np.asarray(sd, dtype=float), len(slot))
    log2 = np.broadcast_to(np.asarray(log2, dtype=float), len(slot))
    return GeneBins(log2, sd, 1 / (sd**2 + 0.1**2), 0.1, np.asarray(slot))


def normals(bins, *, rest=None, typical=0.03, noisier=1.0, number=20):
    """What such normals show; by default none tells of the bins."""
    rest = np.zeros((0, len(bins.slot))) if rest is None else rest
    return Normals(rest, bins.sd, typical, noisier, number)


def step(first, last, size, slot=SLOT):
    """A run of exons, with the introns in it, that lies higher."""
    return np.where((slot >= 2 * first) & (slot <= 2 * last), size, 0.0)


def found_of(log2, **known):
    bins = gene(log2)
    return exons.runs(bins, normals(bins, **known))


def level_of(log2):
    return lambda members: level(np.asarray(log2, dtype=float), np.full(len(SLOT), SD), members)


def gene_level(log2, **known):
    return exons.gene_level(level_of(log2)(np.ones(len(SLOT), dtype=bool)), found_of(log2, **known), level_of(log2))


# Where bins belong

EXONS = [(100, 200), (300, 400), (450, 500), (900, 1000)]


@pytest.mark.parametrize(
    ("bins", "expected"),
    [
        pytest.param([(100, 200), (310, 320), (450, 500), (850, 1100)], [2, 4, 6, 8], id="one each"),
        pytest.param([(0, 50), (100, 200), (220, 260)], [1, 2, 3], id="beside one that has its own"),
        pytest.param([(350, 480)], [4], id="overlaps two: the larger part"),
        pytest.param([(380, 490)], [6], id="overlaps two: the other"),
        pytest.param([(800, 850), (1050, 1060)], [8, 8], id="nearest to one that none overlaps"),
        pytest.param([(200, 210)], [2], id="only touches one that none overlaps"),
        pytest.param([(100, 200), (1050, 1060), (920, 930)], [2, 9, 8], id="beyond the last"),
    ],
)
def test_bins_belong_to_exons(bins, expected):
    start, end = np.array(bins).T
    assert exons.slots(start, end, EXONS).tolist() == expected


@pytest.mark.parametrize("build", ["GRCh37", "GRCh38"])
def test_every_exon_of_met_is_its_own(build):
    own = genomes.load(build).met_exons
    slot = exons.slots(own[:, 0], own[:, 1], [tuple(one) for one in own.tolist()])
    assert slot.tolist() == list(range(2, 43, 2))


@pytest.mark.parametrize(
    ("first", "last", "seen", "expected"),
    [
        (2, 13, range(1, 22), "outside"),
        (14, 14, range(1, 22), "outside"),
        (14, 21, range(1, 22), "inside"),
        (15, 21, range(1, 22), "inside"),
        (10, 16, range(1, 22), "partly"),
        (18, 18, range(1, 22), "partly"),
        (18, 18, [2, 14, 18], "inside"),
        (2, 2, [2, 14], None),
    ],
)
def test_kinase_domain(first, last, seen, expected):
    assert exons.kinase_domain(first, last, list(seen)) == expected


# Levels and errors of exons


def test_levels_are_weighted_means_with_errors():
    bins = gene(np.arange(len(SLOT)) / 10)
    told = exons.levels(bins, normals(bins))
    assert [one.exon for one in told] == list(range(1, 11))
    assert [one.bins for one in told] == [2, 1, 2, 1, 1, 1, 1, 1, 1, 1]
    assert told[0].log2 == pytest.approx(0.05)
    assert told[0].se == pytest.approx(np.sqrt((SD**2 + 0.1**2) / 2 + 0.03**2))
    assert told[1].se == pytest.approx(np.sqrt(SD**2 + 0.1**2 + 0.03**2))


def test_an_exon_that_is_noisy_in_normals_has_a_wide_error():
    random = np.random.default_rng(1)
    rest = random.normal(0, SD, (20, len(SLOT))) + random.normal(0, 0.6, (20, 1)) * (SLOT == 8)
    bins = gene()
    se = [one.se for one in exons.levels(bins, normals(bins, rest=rest))]
    assert se[3] > 0.45
    assert max(se[:3] + se[4:]) < 0.25
    noisier = [one.se for one in exons.levels(bins, normals(bins, rest=rest, noisier=2.0))]
    assert noisier[3] > 1.7 * se[3]


@pytest.mark.parametrize(("slot", "count"), [([1, 3, 3], 0), ([2, 2, 2], 1), ([2, 4], 2), ([], 0)])
def test_few_exons(slot, count):
    bins = gene(slot=np.array(slot, dtype=int))
    assert len(exons.levels(bins, normals(bins))) == count
    found = exons.runs(bins, normals(bins))
    assert (found.part(), len(found.first)) == (None, count * (count - 1) // 2)
    assert found.any_p_value == 1.0


def test_rests_of_normals_are_those_of_the_bins():
    given = MetRests(np.array([[1.0, 2, 3], [NAN, NAN, 3], [NAN, 5, 6]]), np.array([10, 11, 14]))
    assert exons.rests_at(given, np.array([14, 10])).tolist() == [[3, 1], [3, 3], [6, 6]]
    assert exons.rests_at(given, np.array([10, 11])).tolist() == [[1, 2], [5, 5]]
    assert exons.rests_at(given, np.array([12])).shape == (0, 1)
    assert exons.rests_at(None, np.array([10, 11])).shape == (0, 2)


# The search


def slowly(bins, known):
    """What `runs` gives, one run after the other: difference, error, p-value and misfit of each by its exons."""
    numbers = sorted({int(slot) // 2 for slot in bins.slot if slot % 2 == 0})
    steps = np.abs(np.diff(bins.log2)) / np.sqrt(bins.sd[1:] ** 2 + bins.sd[:-1] ** 2 + 2 * bins.floor**2)
    own = 1.4826 * np.median(steps)
    widened = max(1.0, (len(steps) * own**2 + 10) / (len(steps) + 10))
    tests = {}
    for i, first in enumerate(numbers):
        for j, last in enumerate(numbers):
            if j < i or j == len(numbers) - 1:
                continue
            inside, rest = [], []
            for row, slot in enumerate(bins.slot):
                if (i == 0 or slot >= 2 * first) and slot <= 2 * last:
                    inside.append(row)
                elif (i > 0 and slot <= 2 * numbers[i - 1]) or slot >= 2 * numbers[j + 1]:
                    rest.append(row)
            mean = {}
            for name, rows in (("inside", inside), ("rest", rest)):
                total = sum(bins.weight[row] for row in rows)
                mean[name] = {row: bins.weight[row] / total for row in rows}
            use = {**mean["inside"], **{row: -value for row, value in mean["rest"].items()}}
            difference = sum(value * bins.log2[row] for row, value in use.items())
            noise = widened * sum((value * bins.sd[row]) ** 2 for row, value in use.items())
            floor = widened * sum((value * bins.floor) ** 2 for value in use.values())
            squares = [sum(value * left[row] for row, value in use.items()) ** 2 for left in known.rest]
            beyond = np.mean(squares) - sum((value * known.spread[row]) ** 2 for row, value in use.items())
            count = len(squares)
            shared = (count * max(beyond, 0) * known.noisier**2 + 2 * known.typical**2) / (count + 2)
            fewer = min(1 / sum(value**2 for value in side.values()) for side in mean.values())
            total = noise + floor + shared
            freedom = total**2 / (noise**2 / ((known.number + 3) * fewer) + shared**2 / (count + 2))
            side = {name: sum(value * bins.log2[row] for row, value in means.items()) for name, means in mean.items()}
            misfit = 0.0
            for row, value in enumerate(bins.log2):
                own = [name for name, means in mean.items() if row in means] or list(side)
                nearest = min(abs(value - side[name]) for name in own)
                misfit += nearest**2 / (bins.sd[row] ** 2 + bins.floor**2) / widened
            tests[first, last] = (difference, np.sqrt(total), min(freedom, 100.0), misfit)
    return {
        run: (difference, se, min(2 * stdtr(freedom, -abs(difference) / se) * len(tests), 1.0), misfit)
        for run, (difference, se, freedom, misfit) in tests.items()
    }


@pytest.mark.parametrize("seed", range(4))
def test_runs_are_those_of_a_plain_loop(seed):
    random = np.random.default_rng(seed)
    sd = random.uniform(0.05, 0.3, len(SLOT))
    bins = gene(random.normal(0, 2 * sd) + step(3, 5, 0.7), sd=sd)
    known = normals(bins, rest=random.normal(0, 0.3, (7, len(SLOT))), noisier=1.3, number=8)
    found = exons.runs(bins, known)
    expected = slowly(bins, known)
    assert list(zip(found.first.tolist(), found.last.tolist(), strict=True)) == list(expected)
    told = np.column_stack([found.difference, found.se, found.p_value, found.misfit])
    np.testing.assert_allclose(told, list(expected.values()), rtol=1e-9)


@pytest.mark.parametrize(
    ("first", "last", "size", "base", "named"),
    [
        pytest.param(4, 4, -1.2, 0.0, (4, 4, -1.2), id="one exon lost"),
        pytest.param(3, 6, 1.0, 0.0, (3, 6, 1.0), id="a run within gained"),
        pytest.param(1, 3, 1.0, 0.0, (1, 3, 1.0), id="the first gained"),
        pytest.param(8, 10, 1.0, 0.0, (8, 10, 1.0), id="the last gained: the fewer are named"),
        pytest.param(1, 7, 1.0, 0.0, (8, 10, -1.0), id="all but the last gained"),
        pytest.param(1, 5, 1.0, 0.0, (1, 5, 1.0), id="the first half off the baseline"),
        pytest.param(6, 10, 1.0, 0.0, (6, 10, 1.0), id="the second half off the baseline"),
        pytest.param(1, 5, 1.0, -1.0, (6, 10, -1.0), id="the second half off the baseline, below it"),
    ],
)
def test_the_run_that_differs_is_named(first, last, size, base, named):
    part = found_of(step(first, last, size) + base).part()
    assert (part.first_exon, part.last_exon, part.log2_difference) == (*named[:2], pytest.approx(named[2]))
    assert part.p_value < exons.ALPHA


def at_p_value(wanted):
    """Loss of an exon at which the p-value is the one wanted."""
    low, high = 0.0, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if found_of(step(4, 4, -middle)).any_p_value > wanted else (low, middle)
    return -high


def test_both_sides_of_the_significance_bound():
    size = at_p_value(exons.ALPHA)
    told = [found_of(step(4, 4, size + beyond)).part() for beyond in (1e-6, -1e-6)]
    assert [part is not None for part in told] == [False, True]


def test_flat_genes_have_no_part():
    """At most one in 200 by chance: so many that six of 400 would be surprising (probability 0.02)."""
    random = np.random.default_rng(11)
    told = 0
    for _ in range(400):
        number = int(random.integers(3, 25))
        shared = random.normal(0, 0.06, (number + 1, len(SLOT)))
        every = random.normal(0, SD, (number + 1, len(SLOT))) + shared
        bins = gene(every[0])
        told += exons.runs(bins, normals(bins, rest=every[1:], number=number)).part() is not None
    assert told < 6


# The level of the whole gene


@pytest.mark.parametrize(
    ("first", "last", "size", "moved", "within"),
    [
        pytest.param(1, 1, 0.0, 0.0, 1e-9, id="no part"),
        pytest.param(4, 4, -1.0, 0.0, 0.05, id="one exon lost"),
        pytest.param(4, 4, -6.0, 0.0, 0.01, id="one exon lost altogether"),
        pytest.param(9, 10, 2.0, 0.0, 0.05, id="a fifth of them gained"),
        pytest.param(1, 4, 1.3, 1.3 * 9 / 16, 0.02, id="nine bins of 16 gained"),
        pytest.param(1, 3, 1.3, 1.3 * 6 / 14, 0.02, id="six bins of 14 gained, two at the break"),
        pytest.param(1, 5, 1.3, 1.3 * (1 - (0.375 - 0.25) / 0.15 * 6 / 16), 0.02, id="six bins of 16 not gained"),
        pytest.param(2, 10, 1.3, 1.3, 0.05, id="all but one gained"),
    ],
)
def test_the_gene_is_most_of_its_exons(first, last, size, moved, within):
    assert gene_level(step(first, last, size)).log2 == pytest.approx(moved, abs=within)


def test_the_error_covers_two_halves():
    told = gene_level(step(1, 5, 1.3))
    assert told.log2 - 1.96 * told.part < 0 and told.log2 + 1.96 * told.part > 1.3
    assert told.scatter < 1.5
    assert gene_level(step(4, 4, -3.0)).part < 0.01


def of_sides(first, last, size):
    """Level of a gene whose part differs for sure, where the errors and scatters of its sides are told by their bins.

    A side's error is .3 over its bins, its scatter the number of them.
    """

    def told(members):
        lifted = np.mean(step(first, last, size)[members])
        return Level(float(lifted), 0.3 / members.sum(), int(members.sum()), float(members.sum()))

    return exons.gene_level(told(np.ones(len(SLOT), dtype=bool)), found_of(step(first, last, size)), told)


SIDES = [
    # first and last exon, level, error by noise, and by the part, scatter; of a step of 6
    pytest.param(4, 4, 0.0, 0.3 / 13, 0.0, 13, id="one bin of 14, two at the break: the others are the gene"),
    pytest.param(
        1, 5, 6 * (1 - 5 / 6 * 3 / 8), np.hypot((1 - 5 / 16) * 0.03, 5 / 16 * 0.05), 6 * np.sqrt(5 / 16 * 5 / 8), 10,
        id="six bins of 16 without: five sixths of the way from .25 to .4",
    ),
    pytest.param(
        1, 4, 6 * 9 / 16, np.hypot(7 / 16 * 0.3 / 7, 9 / 16 * 0.3 / 9), 6 * np.sqrt(7 * 9) / 16, 9,
        id="nine of 16: a mean over bins",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("first", "last", "log2", "noise", "part", "scatter"), SIDES)
def test_level_and_errors_of_a_gene_of_two_sides(first, last, log2, noise, part, scatter):
    told = of_sides(first, last, 6.0)
    assert (told.log2, told.noise, told.part) == pytest.approx((log2, noise, part), abs=2e-3)
    assert told.scatter == scatter


def test_a_normal_with_just_half_of_the_bins_tells_of_them():
    given = MetRests(np.array([[1.0, NAN], [NAN, NAN]]), np.array([10, 11]))
    assert exons.rests_at(given, np.array([10, 11])).tolist() == [[1, 1]]


def test_a_gene_without_a_part_is_as_it_was():
    log2 = 0.02 * np.cos(np.arange(len(SLOT)))
    whole = level_of(log2)(np.ones(len(SLOT), dtype=bool))
    told = gene_level(log2)
    assert (told.log2, told.noise, told.part, told.scatter) == (whole.log2, whole.se, 0.0, whole.scatter)


@pytest.mark.parametrize(
    "run", [pytest.param((4, 4), id="an exon"), pytest.param((1, 5), id="half"), pytest.param((3, 5), id="a third")]
)
def test_level_and_error_do_not_jump(run):
    """A hundredth of log2 more of a part moves neither by more than a few hundredths, at the bound as elsewhere."""
    noise = np.random.default_rng(2).normal(0, SD / 2, len(SLOT))
    told = [gene_level(noise + step(*run, size)) for size in np.arange(0, 2, 0.005)]
    for values in ([one.log2 for one in told], [one.part for one in told], [one.noise for one in told]):
        assert np.abs(np.diff(values)).max() < 0.03


def test_at_the_bound_a_part_has_half_of_the_weight():
    found = found_of(step(4, 4, at_p_value(exons.ALPHA)))
    assert found.weight.sum() == pytest.approx(0.5, abs=0.01)
    assert found_of(step(4, 4, at_p_value(0.999))).weight.sum() == pytest.approx(0, abs=1e-4)


def test_one_level_of_no_bin():
    bins = gene(slot=np.zeros(0, dtype=int))
    told = exons.gene_level(Level(NAN, NAN, 0), exons.runs(bins, normals(bins)), level_of([]))
    assert np.isnan([told.log2, told.noise, told.scatter]).all()


# What is written


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "MET exons 2-13 lie 0.8 log2 (95 % interval 0.6 to 1.0) above the rest of the gene; the kinase domain is "
             "in the rest."),
        ({"first_exon": 14, "last_exon": 14, "log2_difference": -1.0, "kinase_domain": None},
         "MET exon 14 lies 1.0 log2 (95 % interval 0.8 to 1.2) below the rest of the gene."),
        ({"first_exon": 14, "last_exon": 21, "kinase_domain": "inside"},
         "MET exons 14-21 lie 0.8 log2 (95 % interval 0.6 to 1.0) above the rest of the gene; the kinase domain is in "
         "that part."),
    ],
)  # fmt: skip
def test_sentence(change, text):
    assert replace(Part(2, 13, 0.8, 0.1, 14, 1e-6, "outside"), **change).text == text


@pytest.mark.parametrize("part", [None, Part(14, 14, -1.0, 0.13, 1, 1e-4, "outside")])
def test_json_round_trip(part):
    parts = ErrorParts(0.02, 0.03, 0.01, 0.004)
    told = (ExonLevel(2, 0.1, 0.12, 1), ExonLevel(14, -0.9, 0.15, 2))
    given = MetLevel("chr7", 0.1, 0.04, 1.07, 30, 1, 900.0, 950.0, 1.1, parts, told, part)
    record = json.loads(json.dumps(given.to_json()))
    assert record["part"] == (part and asdict(part))
    assert MetLevel.from_json(record) == given


def test_a_measurement_of_an_earlier_version_has_no_exons():
    given = MetLevel("chr7", 0.1, 0.04, 1.07, 30, 1, 900.0, 950.0, 1.1, ErrorParts(0.02, 0.03, 0.01))
    record = given.to_json()
    del record["exons"], record["part"], record["se_parts"]["part"]
    assert MetLevel.from_json(record) == given
