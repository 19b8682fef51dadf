"""Files of shares along the genome: one table whatever the format, and every fault named with its line."""

import gzip

import numpy as np
import pandas as pd
import pytest

from metcn.errors import InputError
from metcn.io import tracks

NAN = float("nan")
FIXED = """track type=wiggle_0
fixedStep chrom=1 start=1 step=10 span=10
0.5
-1
fixedStep chrom=chr7 start=21 step=10 span=5
1
0
"""
VARIABLE = """# a comment
variableStep chrom=1 span=10
1 0.5
11\t-1

variableStep chrom=chr7 span=5
21 1
31 0
"""
BEDGRAPH = "track type=bedGraph\n1\t0\t10\t0.5\n1\t10\t20\t-1\nchr7\t20\t25\t1\nchr7\t30\t35\t0\n"
BED = "1\t0\t10\ta b\t0.5\t+\n1\t10\t20\t.\t-1\t+\nchr7\t20\t25\t0.3\t1\t+\nchr7\t30\t35\tx\t0\t-\n"
SPACES = "1 0 10 0.5\n1 10 20 -1\nchr7 20 25 1\nchr7 30 35 0\n"
MIXED = "fixedStep chrom=1 start=1 step=10 span=10\n0.5\n-1\n" + VARIABLE[VARIABLE.index("variableStep chrom=chr7") :]
SAME = {
    "fixed": (FIXED, [3, 4, 6, 7]), "variable": (VARIABLE, [3, 4, 7, 8]), "bedGraph": (BEDGRAPH, [2, 3, 4, 5]),
    "BED": (BED, [1, 2, 3, 4]), "spaces": (SPACES, [1, 2, 3, 4]), "both": (MIXED, [2, 3, 5, 6]),
}  # fmt: skip


def read(folder, text):
    path = folder / "track"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return tracks.read(path)


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())], ids=["plain", "gzip"])
@pytest.mark.parametrize(("text", "lines"), SAME.values(), ids=SAME)
def test_every_format_says_the_same(tmp_path, text, lines, pack):
    found = read(tmp_path, pack(text))
    expected = pd.DataFrame(
        {"chromosome": ["1", "1", "chr7", "chr7"], "start": [0, 10, 20, 30], "end": [10, 20, 25, 35],
         "value": [0.5, NAN, 1.0, 0.0]}, index=lines,
    )  # fmt: skip
    pd.testing.assert_frame_equal(found, expected)


def test_step_and_span_are_one_where_they_are_not_given(tmp_path):
    found = read(tmp_path, "fixedStep chrom=1 start=4\n0.1\n0.2\n")
    assert found[["start", "end"]].to_numpy().tolist() == [[3, 4], [4, 5]]


HEAD = "fixedStep chrom=1 start=1 step=10\n"
FAULTS = [
    pytest.param("track\n\n", "has no value", id="nothing"),
    pytest.param("chromosome\tstart\tend\tvalue\n", "has no value", id="a header alone"),
    pytest.param("1\t0\t10\n", "expected wig, bedGraph or BED with values", id="BED without values"),
    pytest.param("1\t0\t10\t0.5\n1\t10\t20\t0.5\t9\n", "rows of different lengths", id="a longer row"),
    pytest.param("1\t0\t10\t0.5\n1\t10\t20\n", "line 2, column value: expected a value", id="a shorter row"),
    pytest.param("1\t0\t10\tx\n", "line 1, column value: expected a finite number, found 'x'", id="no number"),
    pytest.param("1\t0\t10\t41\n", "line 1, column value: .*found '41'; give shares between 0", id="percent"),
    pytest.param("1\t9\t8\t0.5\n", "line 1, column end: expected an end above the start", id="reversed"),
    pytest.param("1\t0\tx\t0.5\n", "line 1, column end: expected a finite number", id="no end"),
    pytest.param(HEAD + "0.5 7\n", "line 2, column value: expected a finite number", id="two numbers"),
    pytest.param("variableStep chrom=1\n7\n", "line 2, column value: expected a value", id="only a position"),
    pytest.param("variableStep chrom=1\n0 1\n", "line 2, column position: expected a number of at least 1", id="0"),
    pytest.param("fixedStep chrom=1 step=10\n1\n", "line 1: expected chrom=", id="no start"),
    pytest.param("fixedStep start=1\n1\n", "line 1: expected chrom=", id="no chromosome"),
    pytest.param(HEAD + "1\nfixedStep chrom=2 start=x\n1\n", "line 3: expected chrom=", id="start is no number"),
    pytest.param("fixedStep chrom=1 start=1 span=0\n1\n", "line 1: expected chrom=", id="span of nothing"),
    pytest.param(HEAD, "has no value", id="declaration only"),
    pytest.param(b"\x80\x01", "found binary data", id="binary"),
    pytest.param(gzip.compress(FIXED.encode())[:-9], "truncated gzip", id="cut"),
    pytest.param("", "is empty", id="empty"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_faults_are_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value)


def test_many_declarations(tmp_path):
    """As phastCons has them: a declaration per stretch of a few values."""
    random, text, expected = np.random.default_rng(1), [], []
    for block in range(500):
        text.append(f"fixedStep chrom=chr{1 + block // 100} start={1 + 100 * (block % 100)} step=3 span=2")
        for row in range(random.integers(1, 9)):
            value = round(float(random.random()), 3)
            text.append(str(value))
            expected.append((f"chr{1 + block // 100}", 100 * (block % 100) + 3 * row, value))
    found = read(tmp_path, "\n".join(text))
    assert list(zip(found["chromosome"], found["start"], found["value"], strict=True)) == expected
    assert (found["end"] - found["start"] == 2).all()
