"""BEDs of targets as vendors write them: what is read, what is passed over with a note, what is refused."""

import re

import pytest

from metcn.bins.targets import read_targets
from metcn.errors import InputError
from metcn.genome import build as genomes

GRCH37 = genomes.load("GRCh37")


def written(folder, text, encoding="utf-8"):
    path = folder / "targets.bed"
    path.write_bytes(text.encode(encoding))
    return path


BEDS = [
    pytest.param("chr7\t5\t9\nchr2\t1\t4\n", [("chr2", "-"), ("chr7", "-")], id="three columns, unsorted"),
    pytest.param("chr7\t5\t9\tMET_Exon14\t0\t+\n", [("chr7", "MET_Exon14")], id="six columns"),
    pytest.param(
        "track name=x\n#c\nchr7\t5\t9\tMET\n#d\nchr7\t5\t9\tMET\n", [("chr7", "MET")], id="comments and a repeat"
    ),
    pytest.param("chr2\t1\t4\nchr7\t5\t9\tMET\n", [("chr2", "-"), ("chr7", "MET")], id="names from the second row on"),
    pytest.param("chr2\t1\t4\tA\nchr7\t5\t9\n", [("chr2", "A"), ("chr7", "-")], id="names in the first row only"),
    pytest.param("chr7\t5\t9\tMET\t\nchr7\t19\t25\tMET\n", [("chr7", "MET")] * 2, id="one trailing tab"),
    pytest.param("chr7\t5\t9\tMET\r\n\r\n", [("chr7", "MET")], id="lines of Windows"),
]


@pytest.mark.parametrize(("text", "expected"), BEDS)
def test_targets(tmp_path, text, expected):
    frame, notes = read_targets(written(tmp_path, text), GRCH37)
    assert list(zip(frame["chromosome"], frame["gene"], strict=True)) == expected
    assert notes == []


NOTED = [
    pytest.param("chrom\tstart\tend\tname\nchr7\t5\t9\tMET\n", "line 1 of .* is a header", id="header"),
    pytest.param("chr7\t5\t9\tMET\nchr7\t7\t7\tSNP\n", "1 of 2 intervals of .* have no length", id="length 0"),
]


@pytest.mark.parametrize(("text", "message"), NOTED)
def test_rows_that_are_no_targets_are_passed_over_with_a_note(tmp_path, text, message):
    frame, (note,) = read_targets(written(tmp_path, text), GRCH37)
    assert frame[["chromosome", "start", "end", "gene"]].to_numpy().tolist() == [["chr7", 5, 9, "MET"]]
    assert re.search(message, note)


def test_a_name_may_hold_bytes_of_another_encoding(tmp_path):
    frame, _ = read_targets(written(tmp_path, "chr7\t5\t9\tMET_5\u00b4UTR\n", "latin-1"), GRCH37)
    assert frame["gene"].tolist() == ["MET_5\u00b4UTR"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("chr7 5 9 MET\n", "expected BED .* separated by tabs", id="blanks"),
        pytest.param("# only a comment\n", "expected BED", id="no rows"),
        pytest.param("#c\nchr7\t9\t5\n", "line 2, column end: expected an end above the start", id="reversed"),
        pytest.param("chr7\t5\t9\n7\t15\t19\n", "found both chr7 and 7", id="two styles"),
        pytest.param("chr7\t5\t9\nchr7\tstart\tend\n", "line 2, column start: .* number", id="a header further down"),
        pytest.param("chr7\t5\t9\nchr7\t5\n", "line 2, column end: expected a value", id="a row cut short"),
        pytest.param("chrom\tstart\tend\n", "column start: expected a finite number", id="a header alone"),
        pytest.param("chr7\t5\t5\n", "has no interval with a length", id="nothing of any length"),
        pytest.param("chr7\t5\t9\0\n", "binary data", id="binary"),
    ],
)
def test_faulty_targets_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_targets(written(tmp_path, text), GRCH37)
