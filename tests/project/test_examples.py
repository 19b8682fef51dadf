"""Examples in docstrings show what the functions give."""

import doctest
import importlib

import pytest

MODULES = """
mixture stats.estimate purity.grid copies.posterior copies.focality copies.detection_limit calls.verdicts compare.course
""".split()


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(f"metcn.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
