"""BGZF blocks: all of them, in order, and nothing that is not what its checksum says."""

import random
import struct
import sys

import pytest

from metcn.errors import InputError
from metcn.reads import bgzf, deflate
from support import raw_bam

PARTS = [bytes([number]) * (number * 700) for number in range(1, 60)]


@pytest.fixture(params=deflate.ENGINES)
def engine(request, monkeypatch):
    monkeypatch.setattr(bgzf, "_ENGINE", deflate.ENGINES[request.param]())


def written(tmp_path, parts=PARTS, **options):
    path = tmp_path / "s.gz"
    path.write_bytes(b"".join(raw_bam.block(part, **options) for part in parts) + raw_bam.END)
    return path


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("piece_bytes", [1, 19, 100, 1 << 20])
def test_blocks_come_in_order(tmp_path, monkeypatch, threads, piece_bytes):
    monkeypatch.setattr(bgzf, "PIECE_BYTES", piece_bytes)
    assert list(bgzf.blocks(written(tmp_path), threads=threads)) == [*PARTS, b""]


@pytest.mark.parametrize("piece_bytes", [1, 19, 1 << 20])
@pytest.mark.parametrize("extra", [b"XY\1\0z", b"XY\4\0zzzzAB\0\0"])
def test_further_extra_fields_are_passed_over(tmp_path, monkeypatch, extra, piece_bytes):
    monkeypatch.setattr(bgzf, "PIECE_BYTES", piece_bytes)
    assert list(bgzf.blocks(written(tmp_path, extra=extra))) == [*PARTS, b""]


def test_a_stretch_of_blocks(tmp_path):
    begins = [0]
    for part in PARTS:
        begins.append(begins[-1] + len(raw_bam.block(part)))
    path = written(tmp_path)
    assert list(bgzf.blocks(path, start=begins[3], stop=begins[7])) == PARTS[3:7]
    assert list(bgzf.blocks(path, start=begins[3], stop=begins[3])) == []
    assert list(bgzf.blocks(path, start=begins[57])) == [*PARTS[57:], b""]


@pytest.mark.parametrize(
    ("first", "beyond"),
    [(7, 1), (7, -1), (2, 0), (60, 1)],
    ids=["in a block", "in its last byte", "before the first block", "behind the file"],
)
def test_a_stretch_ends_where_a_block_does(tmp_path, first, beyond):
    begins = [0]
    for part in [*PARTS, b""]:
        begins.append(begins[-1] + len(raw_bam.block(part) if part else raw_bam.END))
    with pytest.raises(InputError, match="the last block is cut"):
        list(bgzf.blocks(written(tmp_path), start=begins[3], stop=begins[first] + beyond))


def altered(content, at, value):
    return content[:at] + value + content[at + len(value) :]


GOOD = raw_bam.block(b"A" * 5000)
DAMAGED = [
    pytest.param(altered(GOOD, 0, b"\0"), "no block begins where one should", id="magic"),
    pytest.param(altered(GOOD, 12, b"XX"), "does not tell its size", id="no size"),
    pytest.param(altered(GOOD, 16, b"\5\0"), "smaller than its own header", id="size too small"),
    pytest.param(altered(GOOD, 16, struct.pack("<H", len(GOOD))), "no block begins", id="size one too large"),
    pytest.param(altered(GOOD, 16, b"\xff\xff"), "the last block is cut", id="size beyond the end"),
    pytest.param(altered(GOOD, 20, b"\xff\xff\xff"), "does not inflate|checksum", id="compressed data"),
    pytest.param(altered(GOOD, len(GOOD) - 8, b"\0"), "not what its checksum says", id="checksum"),
    pytest.param(altered(GOOD, len(GOOD) - 4, b"\1\0"), "does not inflate|checksum", id="inflated size"),
    pytest.param(altered(GOOD, len(GOOD) - 4, b"\1\0\1\0"), "claims 65,537 bytes", id="inflated size above the bound"),
    pytest.param(GOOD[:-1], "no block begins|checksum", id="a byte short"),
    pytest.param(GOOD + b"\0", "no block begins", id="a byte more"),
]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("content", "message"), DAMAGED)
def test_damage_is_refused(tmp_path, content, message, threads):
    path = tmp_path / "s.gz"
    path.write_bytes(GOOD + content + raw_bam.END)
    with pytest.raises(InputError, match=message) as raised:
        list(bgzf.blocks(path, threads=threads))
    assert str(path) in str(raised.value) and "near byte" in str(raised.value)


@pytest.mark.parametrize("tail", [1, 11, 17, 27])
def test_a_cut_end_is_refused(tmp_path, tail):
    path = tmp_path / "s.gz"
    path.write_bytes(GOOD + raw_bam.END[:tail])
    with pytest.raises(InputError, match="the last block is cut"):
        list(bgzf.blocks(path))


@pytest.mark.parametrize("threads", [1, 3])
def test_reading_may_stop_early(tmp_path, threads):
    blocks = bgzf.blocks(written(tmp_path), threads=threads)
    assert next(blocks) == PARTS[0]
    blocks.close()


@pytest.mark.parametrize(
    ("missing", "expected"),
    [((), "libdeflate"), (("deflate",), "ISA-L")],
    ids=["PyPI", "conda"],
)
def test_the_fastest_engine_there_is(monkeypatch, missing, expected):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    assert deflate.fastest().error is deflate.ENGINES[expected]().error


def test_no_engine_is_an_error(monkeypatch):
    for name in ("deflate", "isal.isal_zlib"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError):
        deflate.fastest()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("claimed", [0, 1, 4999, 5001, 65536])
def test_a_block_of_another_size_than_it_claims_is_refused(tmp_path, claimed):
    path = tmp_path / "s.gz"
    path.write_bytes(altered(GOOD, len(GOOD) - 4, struct.pack("<I", claimed)) + raw_bam.END)
    with pytest.raises(InputError, match=r"does not inflate|checksum"):
        list(bgzf.blocks(path))


@pytest.mark.usefixtures("engine")
def test_every_damaged_byte_of_the_compressed_data_is_found_or_without_effect(tmp_path):
    content = bytes(random.Random(1).choices(b"ACGT", k=600))
    good, path = raw_bam.block(content), tmp_path / "s.gz"
    for at in range(18, len(good) - 8):
        path.write_bytes(altered(good, at, bytes([good[at] ^ 0x11])) + raw_bam.END)
        try:
            assert list(bgzf.blocks(path)) == [content, b""]
        except InputError as error:
            assert "near byte" in str(error)
