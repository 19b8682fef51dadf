"""The cohort's figures: the map of chromosome 7 and the samples that stand apart."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from metcn.calls import record
from metcn.cohort import heatmap, outliers
from metcn.cohort.page import cohort_page
from metcn.genome import build as builds
from support.made_up import amplified, no_call, plasma, unknown_purity

GENOME = builds.load("GRCh37")


def levels(sample: str, *rows: tuple[str, int, int, float]) -> pd.DataFrame:
    """A sample's ``.seg`` as read."""
    return pd.DataFrame([(sample, *row) for row in rows], columns=["ID", "chrom", "loc.start", "loc.end", "seg.mean"])


def test_colours_change_at_their_bounds():
    assert heatmap.colour(np.array([-2, -0.05, 0.0999, 0.1, 1.59, 1.6, 9.0])).tolist() == [0, 4, 4, 5, 8, 9, 9]


def test_lines_are_by_class_then_copies_and_only_chromosome_7_is_drawn():
    calls = [plasma(), amplified(), amplified(sample="more"), no_call()]
    calls[2]["copies"]["met_copies"]["value"] = 30.0
    made = [
        levels("LC-0417", ("7", 1, 80_000_000, 1.0), ("8", 1, 80_000_000, 3.0)),
        levels("more", ("chr7", 1, 80_000_000, 2.0)),
        levels("stranger", ("7", 1, 80_000_000, -3.0)),
    ]
    figure = heatmap.draw([record.row(call) for call in calls], made, GENOME)
    named = re.findall(r'class="tick end">([^<]+)<', figure)
    assert named[:4] == ["more", "LC-0417", "PL-22", "empty.1"]
    assert 'class="heat0"' not in figure
    drawn = re.findall(rf'd="M{heatmap.LEFT} ([0-9.]+)H[0-9.]+" class="(heat[0-9])"', figure)
    assert sorted(drawn) == [("28", "heat9"), ("44", "heat8")]


def test_map_of_many_samples_names_classes_instead_of_samples():
    calls = [amplified(sample=f"S{at}") for at in range(80)]
    figure = heatmap.draw([record.row(call) for call in calls], [], GENOME)
    assert "High-level amplification (80)" in figure and ">S1</text>" not in figure
    assert "<title>S1: high_level_amplification</title>" in figure


def test_far_is_three_and_a_half_robust_sds():
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 5 + 3.4 * 1.4826 * 2.5, 5 + 3.6 * 1.4826 * 2.5])
    away = np.abs(outliers.distance(values))
    middle, spread = np.median(values), 1.4826 * np.median(np.abs(values - np.median(values)))
    np.testing.assert_allclose(away, np.abs(values - middle) / spread)


@pytest.mark.parametrize("values", [[1.0, 9.0], [2.0] * 9 + [50.0], []], ids=["too few", "most of them equal", "none"])
def test_nothing_is_far_where_a_spread_cannot_be_told(values):
    assert not outliers.distance(np.array(values)).any()


def test_outliers_are_named_with_their_value_worst_first():
    calls = [amplified(sample=f"S{at}") for at in range(20)]
    for at, call in enumerate(calls):
        call["measurement"]["met"]["se"] = 0.04 * 1.05**at
    calls[3]["measurement"]["met"]["se"] = 3.0
    calls[9]["measurement"]["met"]["se"] = 9.0
    [entry] = [entry for entry in outliers.find(calls) if entry["title"] == "MET error"]
    assert entry["far"] == [{"sample": "S9", "value": 9.0}, {"sample": "S3", "value": 3.0}] and entry["more"] == 0
    assert "20 samples, 2 far" in entry["figure"]


def test_page_of_500_samples_is_small_and_whole():
    makes = (amplified, unknown_purity, plasma, no_call)
    calls = [{**makes[at % 4](), "sample": f"S{at}"} for at in range(500)]
    made = [levels(f"S{at}", ("7", 1, 58_000_000, 0.5), ("7", 62_000_000, 159_000_000, -0.3)) for at in range(500)]
    page = cohort_page(calls, levels=made)
    assert page.count("<tr data-call=") == 500 and len(page.encode()) < 1_500_000


HOSTILE = "<script>alert(1)</script>\"'&é漢"


def test_hostile_names_are_shown_not_run_in_every_figure():
    calls = [amplified(sample=f"{HOSTILE}{at}") for at in range(12)]
    calls[0]["measurement"]["met"]["se"] = 40.0
    for at, call in enumerate(calls[1:]):
        call["measurement"]["met"]["se"] = 0.04 + 0.001 * at
    made = [levels(f"{HOSTILE}0", ("7", 1, 9_000_000, 0.5))]
    page = cohort_page(calls, levels=made)
    assert page.count("<script") == 1 and "alert(1)</script>" not in page
    assert "%3Cscript%3E" in page
