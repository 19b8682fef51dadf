"""The amplicon's BED: one row or none, wide where its boundaries are uncertain, thick where it surely is."""

from __future__ import annotations

import pytest

from metcn.calls import bed
from support.made_up import amplified, no_call, plasma


def test_amplicon_is_one_row_of_nine_columns():
    row = bed.text(amplified(), chromosome="chr7").removeprefix(bed.HEADER).rstrip("\n").split("\t")
    assert row[:4] == ["chr7", "115400000", "117300000", "MET_amplicon_LC-0417"]
    assert len(row) == 9 and row[4:8] == ["161", ".", "115400000", "117300000"]


@pytest.mark.parametrize(
    ("ends", "span", "thick"),
    [
        ((10, 20, 30, 40), (10, 40), (20, 30)),
        ((10, 35, 30, 40), (10, 40), (15, 38)),
        ((None, None, 30, 40), (15, 40), (15, 30)),
    ],
    ids=["apart", "overlapping", "one-sided"],
)
def test_intervals_of_the_boundaries(ends, span, thick):
    call = amplified()
    names = ("start_low", "start_high", "end_low", "end_high")
    call["copies"]["amplicon"] = {"start": 15, "end": 38, **dict(zip(names, ends, strict=True))}
    row = bed.text(call, chromosome="7").removeprefix(bed.HEADER).split("\t")
    assert (tuple(map(int, row[1:3])), tuple(map(int, row[6:8]))) == (span, thick)


@pytest.mark.parametrize("made", [plasma, no_call])
def test_no_amplicon_no_row(made):
    assert bed.text(made(), chromosome="7") == bed.HEADER
