"""Progress: a terminal sees it every second, a log one line at the end, and the fragments pass unchanged."""

import io
from itertools import count

import numpy as np
import pytest

from metcn.counts import progress
from metcn.reads.sam import Chunk, Filtered

NOTHING = np.empty(0, np.int64)
TALLIES = [
    {"records": 1_000_000, "duplicate": number, "fragments": 1_000_000 - number}
    for number in (300_000, 200_000, 100_000)
]
CHUNKS = [Chunk(NOTHING, NOTHING, NOTHING, tally, Filtered(NOTHING, NOTHING, NOTHING)) for tally in TALLIES]


class Terminal(io.StringIO):
    """A stream that someone watches."""

    def isatty(self):
        return True


def shown(stream, chunks=CHUNKS, *, expected=None, step_s=1.0):
    """What is written while the clock moves on by ``step_s`` at each look."""
    ticks = count()
    passed = progress.followed(chunks, "s.bam", expected=expected, stream=stream, clock=lambda: step_s * next(ticks))
    assert list(passed) == chunks
    return stream.getvalue()


LAST = "s.bam: 3,000,000 records in 4.0 s, 0.75 million a second: duplicate 600,000, fragments 2,400,000\n"


def test_a_log_gets_one_line():
    assert shown(io.StringIO()) == LAST


def test_a_terminal_sees_every_second():
    lines = shown(Terminal(), expected=4_000_000).split("\r\x1b[K")
    assert lines[1:] == [
        "s.bam: 1,000,000 records (25%), 1.00 million a second",
        "s.bam: 2,000,000 records (50%), 1.00 million a second",
        "s.bam: 3,000,000 records (75%), 1.00 million a second",
        LAST,
    ]


@pytest.mark.parametrize(("step_s", "times"), [(0.25, 0), (0.5, 1), (1.0, 3)])
def test_not_more_often_than_every_second(step_s, times):
    assert shown(Terminal(), step_s=step_s).count("\r") == times + 1


def test_more_records_than_expected_are_no_more_than_all():
    assert "(100%)" in shown(Terminal(), expected=10) and "%" not in shown(Terminal())


def test_nothing_to_read():
    assert shown(io.StringIO(), []) == "s.bam: 0 records in 1.0 s, 0.00 million a second\n"
