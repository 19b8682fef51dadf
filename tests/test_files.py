"""Files are written whole or not at all, and missing numbers are null."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn import files
from metcn.errors import InputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_roots_are_the_folders_of_the_project():
    assert (files.resource_root() / "GRCh37" / "landmarks.tsv").is_file()
    assert (files.workflow_root() / "Snakefile").is_file()


def test_writing_makes_folders_and_the_file(tmp_path):
    path = tmp_path / "new" / "deeper" / "table.tsv.gz"
    with files.writing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.endswith(path.name)  # writers choose their format by the suffix
        temporary.write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"
    assert names(path.parent) == ["table.tsv.gz"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), files.writing(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table.tsv"]


def test_a_reader_never_sees_a_part(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("old")
    with files.writing(path) as temporary:
        temporary.write_text("new, half")
        assert path.read_text() == "old"
        temporary.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_permissions_follow_the_umask(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        files.write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == mode


def test_a_full_disk_is_one_line(tmp_path):
    message = r"cannot write .*a\.tsv: No space left on device; free space"
    with pytest.raises(InputError, match=message), files.writing(tmp_path / "a.tsv"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert names(tmp_path) == []


def test_a_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*a\.tsv: .*; choose a folder that can be written"):
        files.write_json(tmp_path / "file" / "a.tsv", {})


def test_a_result_that_is_a_folder_is_one_line(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*a\.json: Is a directory"):
        files.write_json(tmp_path / "a.json", {})
    assert names(tmp_path) == ["a.json"]


JSON = [
    pytest.param(float("nan"), None, id="NaN"),
    pytest.param(float("inf"), None, id="infinity"),
    pytest.param(np.float32("nan"), None, id="NumPy NaN"),
    pytest.param(np.float64(1.5), 1.5, id="NumPy number"),
    pytest.param(np.int64(3), 3, id="NumPy whole number"),
    pytest.param(np.bool_(True), True, id="NumPy truth"),
    pytest.param(np.str_("x"), "x", id="NumPy text"),
    pytest.param(np.array([[1.0, np.nan], [np.inf, 2.0]]), [[1.0, None], [None, 2.0]], id="array"),
    pytest.param((1, [2, (3,)]), [1, [2, [3]]], id="nested tuples"),
    pytest.param({5: np.array([np.nan])}, {"5": [None]}, id="number as key"),
    pytest.param(Path("a/b"), "a/b", id="path"),
    pytest.param([True, None, "µ"], [True, None, "µ"], id="JSON's own"),
]


@pytest.mark.parametrize(("value", "expected"), JSON)
def test_json(tmp_path, value, expected):
    files.write_json(tmp_path / "a.json", {"value": value})
    assert files.read_json(tmp_path / "a.json") == {"value": expected}
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "NaN" not in text


def test_json_keeps_the_order_of_keys(tmp_path):
    files.write_json(tmp_path / "a.json", {"z": 1, "a": 2})
    assert list(files.read_json(tmp_path / "a.json")) == ["z", "a"]


def test_what_json_cannot_hold_is_our_error(tmp_path):
    with pytest.raises(TypeError):
        files.write_json(tmp_path / "a.json", {"value": object()})
    assert names(tmp_path) == []


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_to_the_last_bit(tmp_path_factory, number):
    path = tmp_path_factory.getbasetemp() / "number.json"
    files.write_json(path, number)
    assert files.read_json(path) == number


BROKEN = [
    pytest.param(None, "does not exist; run the stage that makes it first", id="missing"),
    pytest.param(b"", "is not JSON", id="empty"),
    pytest.param(b'{"a": 1', "is not JSON", id="cut short"),
    pytest.param(b"\xff\xfe\x00", "is not JSON", id="binary"),
]


@pytest.mark.parametrize(("content", "message"), BROKEN)
def test_broken_json_is_refused(tmp_path, content, message):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        files.read_json(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


OF_ANOTHER_STAGE = [
    pytest.param("{}", "found nothing in", id="empty"),
    pytest.param("[1]", "found list in", id="a list"),
    pytest.param("NaN", "found float in", id="no number"),
    pytest.param('{"a": 1, "b": 2}', "found a, b in", id="other keys"),
]


@pytest.mark.parametrize(("content", "message"), OF_ANOTHER_STAGE)
def test_json_of_another_stage_is_refused(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=f"expected JSON with the key grid, {message}"):
        files.read_json(tmp_path / "a.json", with_key="grid")
    (tmp_path / "a.json").write_text('{"grid": {"p": 1}}')
    assert files.read_json(tmp_path / "a.json", with_key="grid") == {"grid": {"p": 1}}


def test_sha256(tmp_path):
    content = json.dumps(list(range(100_000))).encode()
    (tmp_path / "a").write_bytes(content)
    assert files.sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


class TestAlone:
    def test_nobody_else_gets_in_while_the_block_runs(self, tmp_path):
        for _ in range(2):  # the lock of a block that has ended, well or not, is free
            with pytest.raises(ZeroDivisionError), files.alone(tmp_path / "new"):
                with pytest.raises(InputError, match=r"new: expected a folder of this command's own, found another at"):
                    files.alone(tmp_path / "new").__enter__()
                raise ZeroDivisionError

    def test_a_child_that_was_handed_it_keeps_it_until_it_is_killed(self, tmp_path):
        with files.alone(tmp_path) as lock:
            child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock])
        with child:
            with pytest.raises(InputError, match="found another at work in it; wait for it"), files.alone(tmp_path):
                pass
            child.kill()
        with files.alone(tmp_path):
            pass

    def test_a_folder_that_cannot_be(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match=r"cannot write .*file/below: .*; choose another --directory"):
            files.alone(tmp_path / "file" / "below").__enter__()
