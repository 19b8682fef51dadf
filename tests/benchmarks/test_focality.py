"""Focality on real karyotypes, where the shared data are at hand."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "data" / "karyotypes").is_dir(), reason="the shared karyotypes are not at hand")
def test_the_decision_is_that_of_the_segments(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import focality

    table = focality.compared(SHARED, share=0.7, noise=0.03)
    assert len(table) > 100
    assert np.mean(table["truth"] == table["decided"]) >= 0.97
