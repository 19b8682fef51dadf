"""What a result rests on: digests that change when, and only when, something changes."""

import json
import os
import platform
import re
from importlib import metadata

import pytest

from metcn import provenance

SAME = [
    pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, True, id="order of keys"),
    pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, True, id="order within"),
    pytest.param({"a": 1}, {"a": 2}, False, id="a value"),
    pytest.param({"a": 1}, {"b": 1}, False, id="a name"),
    pytest.param({"a": [1, 2]}, {"a": [2, 1]}, False, id="order of a list"),
    pytest.param({"a": None}, {}, False, id="null is not absent"),
    pytest.param({"a": "1"}, {"a": 1}, False, id="text is no number"),
]


@pytest.mark.parametrize(("first", "second", "same"), SAME)
def test_digest(first, second, same):
    assert (provenance.digest(first) == provenance.digest(second)) == same
    assert re.fullmatch("[0-9a-f]{16}", provenance.digest(first))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules instead of ours."""
    (tmp_path / "stages").mkdir()
    for name in ("ratios.py", "copies.py", "stages/ratios.py"):
        (tmp_path / name).write_text(f"# {name}\n")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    return tmp_path


CHANGES = [
    # what is digested, which file changes, does the digest
    pytest.param((), "stages/ratios.py", True, id="anything of the whole"),
    pytest.param(("ratios.py",), "ratios.py", True, id="the module"),
    pytest.param(("ratios.py",), "copies.py", False, id="another module"),
    pytest.param(("ratios.py",), "stages/ratios.py", False, id="one of the same name"),
    pytest.param(("copies.py", "ratios.py"), "copies.py", True, id="one of two"),
]


@pytest.mark.parametrize(("names", "changed", "differs"), CHANGES)
def test_code_digest(package, names, changed, differs):
    before = provenance.code_digest(*names)
    assert provenance.code_digest(*names) == before
    (package / changed).write_text("# other\n")
    assert (provenance.code_digest(*names) != before) == differs


def test_code_digest_knows_which_module_holds_what(package):
    before = provenance.code_digest()
    first, second = (package / name for name in ("ratios.py", "copies.py"))
    contents = first.read_bytes(), second.read_bytes()
    second.write_bytes(contents[0])
    first.write_bytes(contents[1])
    assert provenance.code_digest() != before


def test_code_digest_knows_what_a_module_is_called(package):
    before = provenance.code_digest()
    (package / "ratios.py").rename(package / "ratio.py")
    assert provenance.code_digest() != before


def test_code_digest_does_not_depend_on_the_order_of_names(package):
    names = ["ratios.py", "copies.py"]
    assert provenance.code_digest(*names) == provenance.code_digest(*reversed(names))


def test_libraries_are_those_installed(monkeypatch):
    monkeypatch.setattr(provenance, "CORE_LIBRARIES", ("numpy", "no-such-library"))
    assert provenance.libraries() == {"numpy": metadata.version("numpy")}


def test_stamp_names_all_that_counts_and_neither_time_nor_place():
    stamp = provenance.stamp({"max_components": 20})
    assert stamp == provenance.stamp({"max_components": 20})
    assert list(stamp) == ["metcn", "code", "settings", "python", "libraries"]
    assert stamp["metcn"] == provenance.VERSION
    assert stamp["python"] == platform.python_version()
    assert stamp["settings"] != provenance.stamp({"max_components": 19})["settings"]
    text = json.dumps(stamp)
    assert str(provenance.PACKAGE) not in text
    assert not re.search(r"\d\d:\d\d", text)


class TestContents:
    """Files that were read, by name, size and digest."""

    def test_of_a_small_file_is_that_of_sha256sum(self, tmp_path):
        (tmp_path / "a.vcf").write_bytes(b"abc")
        expected = {"argument": "variants", "name": "a.vcf", "bytes": 3, "digest": "ba7816bf8f01cfea", "of": "whole"}
        assert provenance.contents(variants=tmp_path / "a.vcf") == [expected]

    def test_by_argument_in_order(self, tmp_path):
        paths = [tmp_path / name for name in ("b", "a")]
        for path in paths:
            path.write_text(path.name)
        found = provenance.contents(bins=paths[1], fasta=None, coverage=paths, snps=())
        assert [(item["argument"], item["name"]) for item in found] == [
            ("bins", "a"),
            ("coverage", "b"),
            ("coverage", "a"),
        ]

    @pytest.mark.parametrize(
        ("place", "seen"),
        [(0, True), (499, True), (500, False), (5000, True), (6000, False), (9499, False), (9500, True), (9999, True)],
    )
    def test_parts_of_a_large_file(self, tmp_path, monkeypatch, place, seen):
        monkeypatch.setattr(provenance, "WHOLE_BYTES", 9_999)
        monkeypatch.setattr(provenance, "PART_BYTES", 500)
        path, content = tmp_path / "x.bam", bytearray(10_000)
        path.write_bytes(content)
        (before,) = provenance.contents(alignment=path)
        content[place] = 1
        path.write_bytes(content)
        (after,) = provenance.contents(alignment=path)
        assert (before["of"], before["bytes"]) == ("parts", 10_000)
        assert (before != after) == seen

    def test_neither_time_nor_folder_matters(self, tmp_path):
        for folder, time in (("a", 1), ("b", 2)):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "x").write_text("x")
            os.utime(tmp_path / folder / "x", (time, time))
        assert provenance.contents(bins=tmp_path / "a/x") == provenance.contents(bins=tmp_path / "b/x")
