"""The compiled scan against records read one by one: the same fragments, whatever they are, wherever blocks end."""

import os
import struct
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metcn.errors import InputError
from metcn.reads import alignments, bgzf, fragments, sam
from support import raw_bam

scan = pytest.importorskip("metcn.reads.scan", reason="needs numba", exc_type=ImportError)
compiled = pytest.importorskip("metcn.reads.jit", reason="needs numba", exc_type=ImportError)

SCRIPTS = Path(sam.__file__).parents[1]
USUAL = sam.Filters()


def joined(chunks):
    """Fragments, tally, and fragments that were left out, of all chunks together."""
    fragments, left_out, tallies = [], [], dict.fromkeys(sam.TALLIES, 0)
    for contig, midpoint, length, tally, filtered in chunks:
        fragments += zip(contig.tolist(), midpoint.tolist(), length.tolist(), strict=True)
        left_out += zip(*(values.tolist() for values in filtered), strict=True)
        tallies = {name: tallies[name] + tally[name] for name in tallies}
    return fragments, tallies, left_out


def scanned(opened, filters=USUAL, **options):
    """Chunks of the whole file."""
    return scan.fragments(bgzf.blocks(opened.path), str(opened.path), list(opened.contigs), filters, **options)


def both(path, filters=USUAL, **options):
    """What the scan gives, and what the records read one by one give."""
    with alignments.open_alignment(path) as opened:
        found = joined(scanned(opened, filters, **options))
    with alignments.open_alignment(path) as opened:
        slow = joined(fragments.fragments(part, **filters._asdict()) for part in alignments.read_records(opened))
    return found, slow


def in_order(records):
    """Records as a coordinate-sorted file has them: those without a contig last."""
    return [raw_bam.record(**fields) for fields in sorted(records, key=lambda row: (row["contig"] % 99, row["start"]))]


EVERY_FLAG = [
    {"contig": contig, "start": 50 + flag, "flag": flag, "template_bp": length, "mapq": mapq, "cigar": [(30, "M")]}
    for flag, (contig, length, mapq) in product(
        range(0x1000), [(0, 150, 60), (0, -150, 60), (1, 0, 60), (1, 2000, 60), (0, 150, 3)]
    )
]
FILTERS = [
    sam.Filters(),
    sam.Filters(min_mapq=0, keep_duplicates=True),
    sam.Filters(min_fragment_bp=90, max_fragment_bp=150),
    sam.Filters(min_fragment_bp=151, max_fragment_bp=2000),
]


@pytest.fixture(scope="module")
def every_flag(tmp_path_factory):
    return raw_bam.write(tmp_path_factory.mktemp("scan") / "flags.bam", in_order(EVERY_FLAG))


@pytest.mark.parametrize("filters", FILTERS)
def test_every_flag(every_flag, filters):
    found, slow = both(every_flag, filters, chunk=1000)
    assert found == slow
    assert found[1]["records"] == len(EVERY_FLAG) and found[1]["fragments"] > 0


CIGARS = {
    "clipped": [(10, "S"), (40, "M"), (5, "H")],
    "spliced": [(20, "M"), (4000, "N"), (20, "M")],
    "indels": [(20, "M"), (3, "I"), (10, "M"), (7, "D"), (9, "M")],
    "exact": [(20, "="), (1, "X"), (20, "=")],
    "padded": [(20, "M"), (2, "P"), (20, "M")],
    "nothing aligned": [(40, "S")],
    "no CIGAR": [],
    "long, kept in a tag": [(5, "S"), (300, "N")],
}


@pytest.mark.parametrize("cigar", CIGARS.values(), ids=CIGARS)
def test_extent_of_an_unpaired_read(tmp_path, cigar):
    tags = b""
    if cigar and cigar[-1] == (300, "N"):  # more operations than the field can count: SAM specification, section 4.2.2
        tags = b"CGBI" + struct.pack("<iII", 2, 5 << 4, 295 << 4 | 2)
    found, slow = both(raw_bam.write(tmp_path / "s.bam", [raw_bam.record(start=1001, cigar=cigar, tags=tags)]))
    covered = sum(length for length, operation in cigar if operation in "MDN=X")
    assert found == slow
    assert found[0] == [(0, 1001 + covered // 2, 0)]


RECORDS = st.lists(
    st.builds(
        dict,
        contig=st.integers(-1, 1),
        start=st.integers(0, 5000),
        flag=st.integers(0, 0xFFF),
        mapq=st.integers(0, 255),
        template_bp=st.one_of(st.just(0), st.integers(-1500, 1500)),
        cigar=st.lists(st.tuples(st.integers(0, 300), st.sampled_from(raw_bam.OPERATIONS)), max_size=5),
        mate=st.tuples(st.integers(-1, 1), st.integers(-1, 900)),
        name=st.binary(max_size=60).map(lambda name: name.replace(b"\0", b"x")),
        tags=st.binary(max_size=50).map(lambda value: b"XXZ" + value.replace(b"\0", b"x") + b"\0"),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(RECORDS, st.lists(st.integers(1, 700), min_size=1, max_size=9), st.integers(1, 30), st.integers(19, 3000))
def test_records_equal_those_read_one_by_one(tmp_path_factory, records, block_bytes, chunk, piece_bytes):
    path = raw_bam.write(tmp_path_factory.mktemp("scan") / "s.bam", in_order(records), block_bytes=block_bytes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bgzf, "PIECE_BYTES", piece_bytes)
        found, slow = both(path, chunk=chunk)
    assert found == slow


@pytest.mark.parametrize("block_bytes", [1, 37, 5000, 65_280])
def test_records_may_straddle_blocks(tmp_path, block_bytes):
    records = [{"contig": 0, "start": at, "template_bp": 150, "flag": 99, "cigar": [(100, "M")]} for at in range(40)]
    found, slow = both(raw_bam.write(tmp_path / "s.bam", in_order(records), block_bytes=[block_bytes]))
    assert found == slow and len(found[0]) == 40


def test_a_record_longer_than_many_blocks(tmp_path):
    long = raw_bam.record(start=1, cigar=[(200_000, "M")], tags=b"XXZ" + b"y" * 50_000 + b"\0")
    found, slow = both(raw_bam.write(tmp_path / "s.bam", [long, raw_bam.record(start=2, cigar=[(10, "M")])]))
    assert found == slow and found[0] == [(0, 100_001, 0), (0, 7, 0)]


def test_no_records(tmp_path):
    assert both(raw_bam.write(tmp_path / "s.bam", []))[0] == ([], dict.fromkeys(sam.TALLIES, 0), [])


def patched(at, layout, value):
    """A sound record but for one field."""
    record = bytearray(raw_bam.record(cigar=[(20, "M")]))
    struct.pack_into(layout, record, at, value)
    return bytes(record)


UNSOUND = [
    pytest.param(patched(0, "<i", 31), "one cannot be right", id="smaller than its fields"),
    pytest.param(patched(0, "<i", -5), "one cannot be right", id="negative size"),
    pytest.param(patched(0, "<i", (1 << 28) + 1), "one cannot be right", id="enormous size"),
    pytest.param(patched(0, "<i", 1000), "ends within a record", id="beyond the end"),
    pytest.param(patched(4, "<i", 2), "one cannot be right", id="contig that is not there"),
    pytest.param(patched(4, "<i", -2), "one cannot be right", id="contig below none"),
    pytest.param(patched(24, "<i", 2), "one cannot be right", id="mate on a contig that is not there"),
    pytest.param(patched(12, "<B", 255), "one cannot be right", id="name longer than the record"),
    pytest.param(patched(16, "<H", 9999), "one cannot be right", id="CIGAR longer than the record"),
    pytest.param(patched(20, "<i", 9999), "one cannot be right", id="more bases than the record holds"),
    pytest.param(patched(20, "<i", -1), "one cannot be right", id="negative number of bases"),
    pytest.param(b"\1\2\3", "ends within a record", id="three bytes left"),
]


@pytest.mark.parametrize(("wrong", "message"), UNSOUND)
def test_unsound_records_are_refused(tmp_path, wrong, message):
    path = raw_bam.write(tmp_path / "s.bam", [raw_bam.record(cigar=[(20, "M")])] * 3)
    raw_bam.write(path, [raw_bam.record(cigar=[(20, "M")])] * 3 + [wrong], index=False)
    with pytest.raises(InputError, match=message) as raised, alignments.open_alignment(path) as opened:
        list(scanned(opened))
    assert str(path) in str(raised.value) and "samtools quickcheck" in str(raised.value)


def test_one_machine_code_whatever_blocks_are_kept_in(tmp_path):
    path = raw_bam.write(tmp_path / "s.bam", [raw_bam.record(cigar=[(20, "M")])] * 3)
    with alignments.open_alignment(path) as opened:
        content = b"".join(bgzf.blocks(path))
        for kind in (bytes, bytearray):
            (chunk,) = scan.fragments(
                iter([content[:-9], kind(content[-9:])]), "s", list(opened.contigs), sam.Filters()
            )
            assert chunk.tally["records"] == 3
    assert len(scan.scan.signatures) == 1


def kept(folder):
    """Runs a compiled function in a process of its own that keeps it in ``folder``; what it gave and wrote."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import mine; found = mine.double(21); "
        "print(found, sum(mine.double.stats.cache_hits.values()))"
    )
    (folder / "mine.py").write_text(
        "from metcn.reads.jit import compiled\n\n@compiled\ndef double(number):\n    return 2 * number\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "kept"), "PYTHONPATH": str(SCRIPTS)}
    done = subprocess.run([sys.executable, "-c", code, folder], env=environment, capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def test_machine_code_is_kept_and_a_damaged_entry_is_made_again(tmp_path):
    assert [kept(tmp_path) for _ in range(2)] == [["42", "0"], ["42", "1"]]
    for pattern in ("*.nbi", "*.nbc"):
        (entry,) = (tmp_path / "kept").rglob(pattern)
        entry.write_bytes(entry.read_bytes()[:30])
        assert [kept(tmp_path) for _ in range(2)] == [["42", "0"], ["42", "1"]]


def test_a_full_disk_is_no_obstacle(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    @compiled.compiled
    def double(number):
        return 2 * number

    monkeypatch.setattr(compiled.FunctionCache, "save_overload", full)
    assert double(21) == 42


def test_no_folder_for_the_cache_is_no_obstacle(monkeypatch):
    asked = []

    def njit(**options):
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiled.numba, "njit", njit)
    assert compiled.compiled(np.sum) is np.sum
    assert asked == [{"cache": True, "nogil": True}, {"nogil": True}]
