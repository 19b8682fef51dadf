"""Losses of genes as context: whether at most one copy is left, at the purity and noise that the sample has."""

from __future__ import annotations

import json
import math
from dataclasses import astuple

import numpy as np
import pytest

from metcn.copies import genes, loci
from metcn.copies.estimates import GeneLoss
from metcn.copies.genes import status_of
from metcn.copies.records import Mixture
from metcn.files import write_json
from metcn.mixture import expected_ratio
from metcn.purity import grid as purity
from metcn.stats.estimate import Estimate
from support import made_depth

FACTS = made_depth.GRCH37
FRAME = made_depth.genome_windows(250_000)
MEASURED = {
    "met": {"log2": 0.0, "se": 0.05},
    "arms": {"7q": {"log2": 0.0, "se": 0.01}},
    "baseline": {"se": 0.002},
    "qc": {"gene_excess": {"window": 0.005}, "gene_excess_averaged": {}},
}
NAMES = ("RB1", "TP53", "CDKN2A", "PTEN")


def grid(fraction, ploidy=2.0):
    """A known purity and ploidy, or a purity of any (None)."""
    span = None if fraction is None else (fraction, fraction)
    return purity.PurityGrid.of(purity.axis(span, (0.1, 1.0)), purity.axis((ploidy, ploidy), (1.6, 5.5)))


def losses(copies, *, true_purity=0.4, told=0.4, ploidy=2.0, noise=0.01, seed=None, known=True):
    """Losses of a genome whose RB1 has so many copies and all else as many as its ploidy; without a seed exactly so."""
    rb1 = (FRAME["chromosome"] == "13") & (FRAME["start"] < 50_000_000) & (FRAME["end"] > 48_000_000)
    number = np.where(rb1, copies, ploidy)
    log2 = np.log2(expected_ratio(number, true_purity, ploidy))
    log2 = log2 if seed is None else log2 + np.random.default_rng(seed).normal(0, noise, len(FRAME))
    bins = loci.profile(FRAME.assign(log2=log2, spread=noise, weight=1.0, expected=np.nan), MEASURED)
    return {each.gene.gene: each for each in genes.losses_of(NAMES, bins, Mixture(grid(told, ploidy), known), FACTS)}


CASES = {  # copies of RB1 and what is known, its status
    "none left": ({"copies": 0}, "lost"),
    "one left": ({"copies": 1}, "lost"),
    "both there": ({"copies": 2}, "not_lost"),
    "gained": ({"copies": 4}, "not_lost"),
    "one left, much noise": ({"copies": 1, "noise": 0.2}, "indeterminate"),
    "both there, much noise": ({"copies": 2, "noise": 0.2}, "indeterminate"),
    "one left, few tumour cells": ({"copies": 1, "true_purity": 0.05, "told": 0.05, "noise": 0.03}, "indeterminate"),
    "both there, few tumour cells": ({"copies": 2, "true_purity": 0.05, "told": 0.05, "noise": 0.03}, "indeterminate"),
    "one left, any purity": ({"copies": 1, "told": None}, "indeterminate"),
    "none left in nearly pure tumour, any purity": ({"copies": 0, "true_purity": 0.9, "told": None}, "lost"),
    "gained, any purity": ({"copies": 4, "told": None}, "not_lost"),
    "two of four left": ({"copies": 2, "ploidy": 4.0}, "not_lost"),
    "one of four left": ({"copies": 1, "ploidy": 4.0}, "lost"),
    "below the floor of purity": ({"copies": 0, "known": False}, "indeterminate"),
}


@pytest.mark.parametrize(("options", "status"), CASES.values(), ids=list(CASES))
def test_status(options, status):
    found = losses(**options)
    assert list(found) == list(NAMES)
    assert found["RB1"].status == status


def test_numbers_of_a_loss():
    found = losses(1)
    rb1, tp53 = found["RB1"], found["TP53"]
    assert rb1.gene.copies.low < 1 < rb1.gene.copies.high and rb1.gene.bins >= 1
    assert rb1.lost.value > 0.995 and tp53.lost.value < 0.05
    assert {each.status for name, each in found.items() if name != "RB1"} == {"not_lost"}
    several = losses(1, told=None)["RB1"].lost
    assert math.isnan(several.value) and 0 <= several.low < several.high <= 1


BOUNDS = {  # lowest and highest probability of a loss
    "surely lost": (0.995, 1.0, "lost"),
    "not quite": (0.9949, 1.0, "indeterminate"),
    "surely kept": (0.0, 0.05, "not_lost"),
    "not quite kept": (0.0, 0.0501, "indeterminate"),
    "anything": (0.0, 1.0, "indeterminate"),
    "not known": (math.nan, math.nan, "indeterminate"),
}


@pytest.mark.parametrize(("low", "high", "status"), BOUNDS.values(), ids=list(BOUNDS))
def test_both_sides_of_each_bound(low, high, status):
    assert status_of(Estimate(math.nan, low, high)) == status


def test_a_gene_that_no_bin_covers_is_undecided():
    frame = FRAME[FRAME["chromosome"] != "13"].reset_index(drop=True)
    bins = loci.profile(frame.assign(log2=0.0, spread=0.1, weight=1.0, expected=np.nan), MEASURED)
    [rb1] = genes.losses_of(["RB1"], bins, Mixture(grid(0.4), copies_known=True), FACTS)
    assert (rb1.gene.bins, rb1.status) == (0, "indeterminate")


@pytest.mark.parametrize(("copies", "wrong", "most"), [(2, "lost", 2), (1, "not_lost", 8)])
def test_noise_seldom_gives_the_wrong_status(copies, wrong, most):
    """Of 60 genes whose error is about half a copy: a loss is stated wrongly in .5 %, that there is none in 5 %."""
    statuses = [losses(copies, noise=0.05, seed=seed)["RB1"].status for seed in range(60)]
    assert statuses.count(wrong) <= most


def test_json(tmp_path):
    for options in ({}, {"told": None}, {"known": False}):
        each = losses(1, **options)["RB1"]
        write_json(tmp_path / "loss.json", each.to_json())
        record = json.loads((tmp_path / "loss.json").read_text())
        assert "focality" not in record and record["status"] == each.status
        again = GeneLoss.from_json(record)
        assert (again.status, again.gene.bins) == (each.status, each.gene.bins)
        assert astuple(again.lost) == pytest.approx(astuple(each.lost), nan_ok=True)
        assert again.to_json().keys() == record.keys()
