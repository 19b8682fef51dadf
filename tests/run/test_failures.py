"""Why a job failed by its log, and the list of samples without a result."""

import os

import pytest

from metcn.run import failures
from metcn.run.failures import Failure

ERROR = "metcn: error: /data/T.bam: truncated; copy it again\n"
LOGS = [
    pytest.param(ERROR, "input_error", ["/data/T.bam: truncated; copy it again"], id="refused"),
    pytest.param(ERROR + "metcn: error: b\n" + ERROR, "input_error", 2, id="several lines, each once"),
    pytest.param("metcn: note: x\n" + ERROR, "input_error", 1, id="after a note"),
    pytest.param("Traceback (most recent call last):\nKeyError: 1\n", "not_finished", 1, id="defect"),
    pytest.param(ERROR + "Traceback (most recent call last):\n", "not_finished", 1, id="refused, and a defect"),
    pytest.param("Traceback (most recent call last):\nMemoryError\n", "not_finished", 1, id="no memory"),
    pytest.param("metcn: error: cannot write /o/x: No space left; free\n", "not_finished", 1, id="full disk"),
    pytest.param("", None, 0, id="killed: nothing in the log"),
    pytest.param("said metcn: error: x\n", None, 0, id="not at the beginning of the line"),
]


@pytest.mark.parametrize(("text", "reason", "messages"), LOGS)
def test_by_log(tmp_path, text, reason, messages):
    log = tmp_path / "T.log"
    log.write_text(text)
    found = failures.by_log("T", "counts", log, log.stat().st_mtime)
    assert (found.reason if found else None) == reason
    told = found.messages if found else ()
    assert len(told) == messages if isinstance(messages, int) else list(told) == messages


@pytest.mark.parametrize(("age_s", "counts"), [(0, True), (0.9, True), (1.1, False), (3600, False)])
def test_a_log_of_an_earlier_run_says_nothing(tmp_path, age_s, counts):
    log = tmp_path / "T.log"
    log.write_text(ERROR)
    os.utime(log, (5000 - age_s, 5000 - age_s))
    assert (failures.by_log("T", "counts", log, 5000) is not None) is counts


def test_no_log(tmp_path):
    assert failures.by_log("T", "counts", tmp_path / "absent.log", 0) is None


def test_list_comes_back(tmp_path):
    made = [
        Failure("A", "counts", "input_error", ("one\tmessage", 'and "another"')),
        Failure("B", "purity", "not_finished", ("x",)),
    ]
    failures.write(tmp_path, made)
    found = failures.read(tmp_path, (tmp_path / failures.LIST).stat().st_mtime)
    assert [(each.sample, each.stage, each.reason, *each.messages) for each in found] == [
        ("A", "counts", "input_error", "one\tmessage"),
        ("A", "counts", "input_error", 'and "another"'),
        ("B", "purity", "not_finished", "x"),
    ]
    assert failures.read(tmp_path, (tmp_path / failures.LIST).stat().st_mtime + 5) == []
    assert failures.read(tmp_path / "empty", 0) == []


def test_sentences_name_each_sample_and_repeat_no_message():
    made = [
        Failure("A", "counts", "input_error", ("sample A: a is empty",)),
        Failure("B", "reference", "input_error", ("normal N: b",)),
        Failure("C", "reference", "input_error", ("normal N: b",)),
    ]
    assert failures.sentences(made) == ["sample A: a is empty", "samples B, C: normal N: b"]
