"""Plasma copies adjusted for the highest driver VAF: the arithmetic, its ends, and when there are none."""

from __future__ import annotations

import pandas as pd
import pytest

from metcn.calls import plasma_adjusted
from metcn.purity import vaf_surrogate
from metcn.purity.allele_fractions import COLUMNS
from metcn.stats.estimate import Estimate

CASES = {  # plasma copies, tumour fraction, copies: (plasma copies - 2 (1 - f)) / f
    "gain": (2.75, 0.1, 9.5),
    "neutral": (2.0, 0.1, 2.0),
    "all tumour": (6.0, 1.0, 6.0),
    "loss beyond none": (1.5, 0.1, 0.0),
}


@pytest.mark.parametrize(("plasma_copies", "fraction", "expected"), CASES.values(), ids=list(CASES))
def test_adjusted(plasma_copies, fraction, expected):
    found = plasma_adjusted.adjusted(Estimate(*[plasma_copies] * 3), Estimate(*[fraction] * 3))
    assert found == Estimate(*[pytest.approx(expected)] * 3)


@pytest.mark.parametrize("ends", [(2.6, 2.9), (1.8, 2.2), (1.5, 1.9)])
def test_the_ends_cover_both_intervals(ends):
    low, high = ends
    found = plasma_adjusted.adjusted(Estimate((low + high) / 2, low, high), Estimate(0.2, 0.1, 0.3))
    tried = [max((copies - 2 * (1 - at)) / at, 0) for copies in ends for at in (0.1, 0.3)]
    assert (found.low, found.high) == (pytest.approx(min(tried), abs=1e-5), pytest.approx(max(tried), abs=1e-5))


def purity(*rows):
    evidence = vaf_surrogate.of_sites(pd.DataFrame(rows, columns=list(COLUMNS)), "plasma")
    return {"evidence": [{"source": "sheet", "used": False}, *(one.to_json() for one in evidence)]}


COPIES = {"plasma_copies": {"value": 2.75, "low": 2.6, "high": 2.9}}
DRIVER = ("7", 55_249_070, 60, 1200, True)


def test_in_the_calls_json():
    found = plasma_adjusted.of_call(COPIES, purity(DRIVER))
    assert found["value"] == pytest.approx(9.5)
    assert found["low"] < 9.5 < found["high"]
    assert found["tumour_fraction"]["value"] == 0.1
    assert "highest driver VAF" in found["how"]


NOTHING = {
    "no driver": (COPIES, purity()),
    "no ratio of MET": ({"plasma_copies": {"value": None, "low": None, "high": None}}, purity(DRIVER)),
    "no evidence at all": (COPIES, {}),
}


@pytest.mark.parametrize(("copies", "evidence"), NOTHING.values(), ids=list(NOTHING))
def test_null_without_what_it_needs(copies, evidence):
    assert plasma_adjusted.of_call(copies, evidence) is None
