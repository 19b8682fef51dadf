"""Copies that CNVkit's ratios stand for, as the benchmarks set them beside ours, and their errors."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from metcn.mixture import expected_ratio

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmarks' module."""
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    return importlib.import_module("levels")


@pytest.mark.parametrize(
    ("copies", "purity", "ploidy"), [(12, 0.5, 4), (6, 0.3, 3), (3, 0.8, 2), (0, 0.6, 2), (9, 1, 3)]
)
def test_copies_are_cnvkit_s_own_and_the_right_ones(levels, copies, purity, ploidy):
    from cnvlib.call import absolute_clonal
    from cnvlib.cnary import CopyNumArray

    log2 = float(np.log2(expected_ratio(copies, purity, ploidy)))
    found = levels.cnvkit_copies(*(pd.Series([value], dtype=float) for value in (log2, purity, ploidy))).iloc[0]
    row = {"chromosome": "chr7", "start": 1, "end": 9, "gene": "MET", "log2": log2, "depth": 1.0, "weight": 1.0}
    array = CopyNumArray(pd.DataFrame([row]), {"sample_id": "s"})
    own, untold = (float(absolute_clonal(array, told, purity, False, None, True).iloc[0]) for told in (ploidy, 2))
    assert found["CNVkit, own formula"] == pytest.approx(own, abs=1e-9)
    assert found["CNVkit, own formula, ploidy 2"] == pytest.approx(untold, abs=1e-9)
    assert found["CNVkit, right formula"] == pytest.approx(copies, abs=1e-9)


def test_table_counts_each_group_and_all(levels):
    found = pd.DataFrame(
        {"met_copies_true": [4.0, 5.0, 10.0, 2.0], "met_copies": [5.0, 4.0, 12.0, np.nan], "CNVkit, right formula": 5.0}
    )
    table = levels.copies_table(found, pd.Series(["a", "a", "b", "b"]))
    assert [tuple(row) for row in table.loc["a", "metcn"][["n", "TP", "FN", "FP", "TN"]].to_numpy()[None]] == [
        (2, 0, 1, 1, 0)
    ]
    assert table.loc[("a", "metcn"), "bias %"] == pytest.approx((25 - 20) / 2)
    assert table.loc[("b", "metcn"), "n"] == 1
    assert table.loc[("b", "metcn"), "RMS %"] == pytest.approx(20)
    assert tuple(table.loc["all", "CNVkit, right formula"][["TP", "FN", "FP", "TN"]]) == (2, 0, 2, 0)
