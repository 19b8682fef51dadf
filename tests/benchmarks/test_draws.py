"""Random panels of normals, as benchmarks draw them."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = [f"N{number:02d}" for number in range(25)]


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmarks' module."""
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    return importlib.import_module("draws")


@pytest.mark.parametrize("size", [3, 10, 22, 24])
def test_each_normal_is_left_out_equally_often_and_never_of_its_own_panel(draws, size):
    drawn = draws.panel_draws(NAMES, [size], [1], repeats=5, left_out=5)
    assert {draw.size for draw in drawn} == {size}
    assert not any({*draw.panel} & {*draw.left_out} for draw in drawn)
    assert Counter(name for draw in drawn for name in draw.left_out) == dict.fromkeys(NAMES, 1)
    assert [draw.number for draw in drawn] == list(range(len(drawn)))
    assert drawn == draws.panel_draws(NAMES, [size], [1], repeats=5, left_out=5)


def test_a_pair_of_normal_and_panel_occurs_once(draws):
    drawn = draws.panel_draws(NAMES, [24], [1, 2, 3], repeats=5, left_out=5)
    assert len(drawn) == 25
    assert len({draw.name(normal) for draw in drawn for normal in draw.left_out}) == 25


@pytest.mark.parametrize("size", [0, 25])
def test_a_size_that_leaves_nobody_out_is_refused(draws, size):
    with pytest.raises(ValueError, match="leaves none of 25"):
        draws.panel_draws(NAMES, [size], [1], repeats=1, left_out=5)
