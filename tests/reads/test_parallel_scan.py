"""A BAM in parts that threads share: the same fragments wherever it is cut, and never fewer without a word."""

import struct
import threading
from itertools import pairwise

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metcn.errors import InputError
from metcn.reads import alignments, bgzf, fragments, index_ranges, reader, sam
from metcn.reads.alignments import Stretch
from metcn.reads.index_files import Range
from support import raw_bam

parts = pytest.importorskip("metcn.reads.parallel_scan", reason="needs numba", exc_type=ImportError)

CONTIGS = {"chr1": 10_000, "chr2": 50_000, "chr7": 600_000}


def some_records(seed=1, count=600, unplaced=40, tag_bytes=60):
    """Pairs, lone and spliced reads on two of three contigs, and reads without a place."""
    random = np.random.default_rng(seed)
    records = []
    for contig, length in ((0, 9000), (2, 590_000)):
        for start in np.sort(random.integers(0, length, count)).tolist():
            kinds = [(99, 170, False), (147, -170, False), (0, 0, True), (1024 | 99, 150, False)]
            flag, bp, spliced = kinds[random.integers(len(kinds))]
            tags = b"XXZ" + random.bytes(int(random.integers(1, tag_bytes))).hex().encode() + b"\0"
            cigar = [(50, "M"), (3000, "N"), (50, "M")] if spliced else [(50, "M")]
            records.append(
                raw_bam.record(contig=contig, start=start, flag=flag, template_bp=bp, tags=tags, cigar=cigar)
            )
    return records + [raw_bam.record(contig=-1, start=-1, flag=4)] * unplaced


def written(path, records=None, block_bytes=3000, layout="bai"):
    """A BAM whose records straddle its blocks, and its index."""
    path = raw_bam.write(path, some_records() if records is None else records, block_bytes=[block_bytes],
                         contigs=CONTIGS, index=False)  # fmt: skip
    pysam.index(*(["-c"] if layout == "csi" else []), str(path))
    return path


def summed(chunks):
    """Fragments in order of their place, and the tally, of all chunks together."""
    fragments, tallies = [], dict.fromkeys(sam.TALLIES, 0)
    for contig, midpoint, length, tally, filtered in chunks:
        fragments += zip(contig.tolist(), midpoint.tolist(), length.tolist(), strict=True)
        fragments += [("left out", *row) for row in zip(*(values.tolist() for values in filtered), strict=True)]
        tallies = {name: tallies[name] + tally[name] for name in tallies}
    return sorted(fragments, key=str), tallies


def one_by_one(path):
    """The same of records that pysam reads."""
    with alignments.open_alignment(path) as opened:
        return summed(fragments.fragments(part) for part in alignments.read_records(opened))


def cut_at(path, seams, threads=2, **options):
    """The same of the parts between these virtual offsets."""
    ranges = [Range(*ends) for ends in pairwise([0, *seams, None])]
    with alignments.open_alignment(path) as opened:
        return summed(parts.fragments(opened, sam.Filters(), ranges, threads=threads, **options))


def total(path, threads, stretches=None):
    """The same of a file that is read as a run does it."""
    with alignments.open_alignment(path) as opened:
        what = reader.plan(opened, sam.Filters(), stretches)
        return summed(reader.fragments(opened, sam.Filters(), threads=threads, what=what))


def begins_of(records, block_bytes, path):
    """Virtual offset of each record, as an index may name it: by the block that it begins in."""
    places, content = [], path.read_bytes()
    at = 0
    while at < len(content):
        places.append(at)
        at += struct.unpack_from("<H", content, at + 16)[0] + 1
    begin = np.cumsum([len(raw_bam.header(CONTIGS)), *map(len, records)])[:-1]
    return [places[at // block_bytes] << 16 | at % block_bytes for at in begin.tolist()]


@settings(max_examples=50)
@given(st.data(), st.integers(40, 4000), st.integers(1, 6), st.integers(1, 200))
def test_any_cut_between_records_gives_the_same(tmp_path_factory, data, block_bytes, threads, chunk):
    records = some_records(seed=block_bytes, count=60)
    path = written(tmp_path_factory.mktemp("parts") / "s.bam", records, block_bytes)
    seams = data.draw(st.sets(st.sampled_from(begins_of(records, block_bytes, path)), max_size=12))
    assert cut_at(path, sorted(seams), threads, chunk=chunk) == one_by_one(path)


@pytest.mark.parametrize("block_bytes", [150, 40_000], ids=["records straddle blocks", "one block"])
def test_any_other_cut_is_refused_or_gives_the_same(tmp_path, block_bytes):
    """Every place of a small file, with an offset in its block that is right somewhere; each offset in two blocks."""
    records = some_records(count=6, unplaced=3)
    path = written(tmp_path / "s.bam", records, block_bytes)
    expected, right = one_by_one(path), begins_of(records, block_bytes, path)
    inside = [right[2] >> 16 << 16 | offset for offset in range(700)] + [
        right[-1] >> 16 << 16 | at for at in range(700)
    ]
    refused = accepted = 0
    for seam in {*inside, *(place << 16 | right[3] & 0xFFFF for place in range(path.stat().st_size + 50))}:
        try:
            assert cut_at(path, [seam]) == expected
            accepted += 1
        except InputError as error:
            assert "s.bam is damaged" in str(error) and seam not in right
            refused += 1
    assert refused > 700 and accepted >= 2


@pytest.mark.parametrize("threads", [2, 8])
@pytest.mark.parametrize("block_bytes", [200, 3000])
@pytest.mark.parametrize(("layout", "tag_bytes", "at_least"), [("bai", 60, 12), ("csi", 4000, 6)])
def test_as_an_index_cuts_it(tmp_path, layout, tag_bytes, at_least, threads, block_bytes):
    """A CSI has no bins of less than 64 KiB below its widest ones."""
    path = written(tmp_path / "s.bam", some_records(tag_bytes=tag_bytes), block_bytes, layout)
    with alignments.open_alignment(path) as opened:
        ranges = index_ranges.split(opened, [Range(0, None)], threads)
    assert len(ranges) >= at_least and ranges[0].start == 0 and ranges[-1].stop is None
    assert all(one.stop == other.start > one.start for one, other in pairwise(ranges))
    expected = one_by_one(path)
    assert expected[1]["records"] == 1240 and expected[1]["unmapped"] == 40
    assert total(path, threads) == expected


@pytest.mark.parametrize("records", [[], some_records(count=0), some_records(count=2, unplaced=0)],
                         ids=["nothing", "nothing placed", "hardly anything"])  # fmt: skip
def test_files_with_nothing_to_cut(tmp_path, records):
    path = written(tmp_path / "s.bam", records)
    assert total(path, 4) == one_by_one(path)


def test_a_part_of_the_genome_is_cut_too(tmp_path):
    path, wanted = written(tmp_path / "s.bam"), [Stretch(2, 100_000, 300_000), Stretch(2, 400_000, 450_000)]
    with alignments.open_alignment(path) as opened:
        whole = index_ranges.ranges(opened, wanted)
        ranges = index_ranges.split(opened, whole, 2)
    assert len(ranges) > len(whole) == 2
    assert [each for each in ranges if each.start == whole[1].start or each.stop == whole[0].stop]
    found = total(path, 2, wanted)
    assert found == total(path, 1, wanted) and 100 < found[1]["records"] < 500
    assert total(path, 2, [Stretch(1, 0, 9)]) == ([], dict.fromkeys(sam.TALLIES, 0))


def test_parts_are_of_about_as_many_bytes(tmp_path):
    path = written(tmp_path / "s.bam", some_records(count=4000))
    with alignments.open_alignment(path) as opened:
        ranges = index_ranges.split(opened, [Range(0, None)], 1)
    bytes_each = np.diff([each.start >> 16 for each in ranges])
    tile = path.stat().st_size / 2 / (600_000 / (1 << 14))  # no cut within one; contig 1 lies in a single one
    assert (
        len(ranges) >= 8
        and np.sort(bytes_each[1:])[-2] < path.stat().st_size / index_ranges.PARTS_PER_THREAD + 2 * tile
    )


def test_an_index_of_another_file_is_not_followed(tmp_path):
    path, other = written(tmp_path / "s.bam"), written(tmp_path / "other.bam", some_records(seed=2, count=500))
    other.with_name("other.bam.bai").replace(tmp_path / "s.bam.bai")
    with alignments.open_alignment(path) as opened:
        assert index_ranges.split(opened, [Range(0, None)], 2) == [Range(0, None)]
    assert total(path, 2) == one_by_one(path)


def damaged(path, at):
    """Overwrite a few bytes."""
    content = bytearray(path.read_bytes())
    content[at : at + 3] = b"\0\xff\0"
    path.write_bytes(content)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97], ids=["first", "middle", "last"])
def test_damage_in_any_part_is_refused_and_ends_all_threads(tmp_path, share):
    path = written(tmp_path / "s.bam")
    with alignments.open_alignment(path) as opened:
        ranges = index_ranges.split(opened, [Range(0, None)], 3)
        damaged(path, int(share * path.stat().st_size))
        before = threading.active_count()
        with pytest.raises(InputError, match=r"s.bam is damaged near byte"):
            summed(parts.fragments(opened, sam.Filters(), ranges, threads=3))
    assert threading.active_count() == before


def test_reading_may_stop_early(tmp_path):
    path = written(tmp_path / "s.bam", some_records(count=5000))
    before = threading.active_count()
    with alignments.open_alignment(path) as opened:
        chunks = parts.fragments(
            opened, sam.Filters(), index_ranges.split(opened, [Range(0, None)], 4), threads=4, chunk=10
        )
        assert len(next(chunks).contig) <= 10
        chunks.close()
    assert threading.active_count() == before


def test_threads_do_share_the_work(tmp_path, monkeypatch):
    path, seen, both = written(tmp_path / "s.bam"), set(), threading.Barrier(2, timeout=20)
    genuine = bgzf.blocks

    def watched(*given, **options):
        if threading.current_thread() not in seen:
            seen.add(threading.current_thread())
            both.wait()  # each thread waits in its first range until the other has one too
        return genuine(*given, **options)

    with alignments.open_alignment(path) as opened:
        ranges = index_ranges.split(opened, [Range(0, None)], 2)
        monkeypatch.setattr(bgzf, "blocks", watched)
        found = summed(parts.fragments(opened, sam.Filters(), ranges, threads=2))
    monkeypatch.undo()
    assert len(seen) == 2 and threading.main_thread() not in seen and found == one_by_one(path)


def misplaced(at):
    """Records in order but for one, which begins before its neighbours."""
    places = [(0, start) for start in range(0, 9000, 30)] + [(2, start) for start in range(0, 9000, 30)]
    contig, start = places[at]
    places[at] = (contig, start - 31)
    return [raw_bam.record(contig=contig, start=max(start, 0), cigar=[(50, "M")]) for contig, start in places]


@pytest.mark.parametrize("way", ["1 thread", "2 threads", "8 threads", "one by one"])
@pytest.mark.parametrize(("at", "named"), [(7, "chr1:180 after chr1:181"), (299, "chr1:8,940 after chr1:8,941"),
                                           (500, "chr7:5,970 after chr7:5,971")])  # fmt: skip
def test_records_out_of_order_are_refused_by_name(tmp_path, monkeypatch, way, at, named):
    """An index of the records in order leads to them: cut before each record, the order of seams is checked too."""
    sound = [raw_bam.record(contig=c, start=s, cigar=[(50, "M")]) for c in (0, 2) for s in range(0, 9000, 30)]
    path = written(tmp_path / "s.bam", sound, 300)
    index = path.with_name(path.name + ".bai").read_bytes()
    raw_bam.write(path, misplaced(at), block_bytes=[300], contigs=CONTIGS, index=False)
    path.with_name(path.name + ".bai").write_bytes(index)
    if way == "one by one":
        monkeypatch.setattr(reader, "_compiled", lambda: None)
    found = f"found {named} in .*s.bam; run `samtools sort` and `samtools index`"
    with pytest.raises(InputError, match=found):
        if way == "8 threads":
            cut_at(path, begins_of(misplaced(at), 300, path)[1:], 8)
        else:
            total(path, 2 if way == "2 threads" else 1)


def test_contigs_out_of_order_are_refused(tmp_path):
    records = [raw_bam.record(contig=contig, start=5, cigar=[(50, "M")]) for contig in (2, 0)]
    records += [raw_bam.record(contig=-1, start=-1, flag=4)]
    path = raw_bam.write(tmp_path / "s.bam", [], contigs=CONTIGS)
    raw_bam.write(path, records, contigs=CONTIGS, index=False)
    places = begins_of(records, 60_000, path)
    with pytest.raises(InputError, match="found chr1:6 after chr7:6"):
        cut_at(path, places[1:])
    records = [records[-1], records[0]]
    raw_bam.write(path, records, contigs=CONTIGS, index=False)
    with pytest.raises(InputError, match="found chr7:6 after reads without a place"):
        cut_at(path, [])
