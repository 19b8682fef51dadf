"""Base depth: aligned bases of reads that pass, what two mates share once; against sets and other tools."""

import os
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from itertools import count
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metcn.counts import counters
from metcn.errors import InputError
from metcn.reads import alignments, blocks, reader, sam
from support import raw_bam
from support.small_files import write_fasta

scan_blocks = pytest.importorskip("metcn.reads.scan_blocks", reason="needs numba", exc_type=ImportError)

WIDE = sam.Filters(max_fragment_bp=1_000_000)
LEFT, RIGHT = 99, 147  # proper pair, first read forward; its mate
BINS = np.array([[0, 50], [40, 300], [100, 101], [100, 1000], [0, 10_000], [9000, 9400], [300, 420], [420, 421]])


def pair(start, mate, first="50M", second="50M", *, name, length=None, flags=(LEFT, RIGHT), mapq=(60, 60), contig=0):
    """Two mates as fields of records, the one that starts first in front."""
    length = mate + 50 - start if length is None else length
    return [
        {"contig": contig, "start": at, "flag": flag, "mapq": quality, "template_bp": bp, "cigar": cigar,
         "mate": (contig, other), "name": name}
        for at, other, flag, quality, bp, cigar in (
            (start, mate, flags[0], mapq[0], length, first), (mate, start, flags[1], mapq[1], -length, second))
    ]  # fmt: skip


def cigar_of(text):
    """``5S20M`` as pairs."""
    return [(int(length), operation) for length, operation in re.findall(r"(\d+)([MIDNSHP=X])", text)]


def write(path, fields, **options):
    """A sorted BAM of records given by their fields."""
    order = sorted(fields, key=lambda row: (row["contig"] % 99, row["start"]))
    return raw_bam.write(path, [raw_bam.record(**{**row, "cigar": cigar_of(row["cigar"])}) for row in order], **options)


def bases(path, filters=sam.Filters(), bins=BINS, fasta=None, one_by_one=False, contig=0, **options):  # noqa: B008
    """Bases per bin of one contig."""
    counter = counters.BaseCounter(bins[:, 0], bins[:, 1])

    def take(where, start, end):
        counter.add(start[where == contig], end[where == contig])

    with pytest.MonkeyPatch.context() as patch, alignments.open_alignment(path, fasta, names=True) as opened:
        if one_by_one:
            patch.setattr(reader, "_compiled", lambda: None)
        for _ in reader.fragments(opened, filters, blocks=take, **options):
            pass
    return counter.counts.tolist()


def slow(path, filters=sam.Filters(), bins=BINS, contig=0):  # noqa: B008
    """The same by the set of positions that each fragment covers."""
    fragments, lone = defaultdict(set), count()
    with pysam.AlignmentFile(str(path)) as handle:
        for read in handle.fetch(until_eof=True):
            unfit = read.is_unmapped or read.is_secondary or read.is_supplementary or read.is_qcfail
            unfit |= read.is_duplicate and not filters.keep_duplicates
            paired = read.is_paired and not read.mate_is_unmapped
            size = abs(read.template_length) if paired else 0
            window = filters.min_fragment_bp <= size <= filters.max_fragment_bp if size else not filters.min_fragment_bp
            if unfit or read.mapping_quality < filters.min_mapq or not window or read.reference_id != contig:
                continue
            key = read.query_name if paired and read.next_reference_id == contig else next(lone)
            fragments[key] |= set(read.get_reference_positions())
    depth = Counter(place for covered in fragments.values() for place in covered)
    return [sum(depth[place] for place in range(start, end)) for start, end in bins.tolist()]


def lone(cigar, *, flag=0, start=100, name=b"r", **more):
    """A read without a mapped mate."""
    return [{"contig": 0, "start": start, "flag": flag, "cigar": cigar, "name": name, **more}]


CASES = {
    "one block": (lone("50M"), 50),
    "exact match and mismatch": (lone("20=1X20="), 41),
    "clips count nothing": (lone("10S40M5H"), 40),
    "inserted bases count nothing": (lone("20M7I20M"), 40),
    "deleted bases count nothing": (lone("20M7D20M"), 40),
    "a spliced read skips its intron": (lone("20M8860N20M"), 40),
    "padding": (lone("20M2P20M"), 40),
    "nothing aligned": (lone("40S"), 0),
    "no CIGAR": (lone(""), 0),
    "empty operations": (lone("20M0D0M20M"), 40),
    "mates apart": (pair(100, 300, name=b"a"), 100),
    "mates that touch": (pair(100, 150, name=b"a"), 100),
    "mates that overlap by one base": (pair(100, 149, name=b"a"), 99),
    "mates at one place": (pair(100, 100, name=b"a"), 50),
    "mates, the second inside the first": (pair(100, 110, second="20M30S", name=b"a"), 50),
    "overlap of indels": (pair(100, 120, "20M5D20M10I", "10M8D30M", name=b"a"), 20 + 48),
    "mate in a gap": (pair(100, 130, "20M80N20M", "40M", name=b"a"), 80),
    "mate across a gap": (pair(100, 110, "20M40N20M", "70M", name=b"a"), 80),
    "mates spliced alike": (pair(100, 105, "20M300N20M", "15M300N25M", name=b"a"), 45),
    "first of low quality": (pair(100, 120, name=b"a", mapq=(3, 60)), 50),
    "second of low quality": (pair(100, 120, name=b"a", mapq=(60, 3)), 50),
    "second marked as duplicate": (pair(100, 120, name=b"a", flags=(LEFT, RIGHT | 0x400)), 50),
    "both marked as duplicates": (pair(100, 120, name=b"a", flags=(LEFT | 0x400, RIGHT | 0x400)), 0),
    "not a proper pair": (pair(100, 120, name=b"a", flags=(LEFT & ~2, RIGHT & ~2)), 70),
    "no template length": (pair(100, 120, name=b"a", length=0), 70),
    "fragment too long": (pair(100, 120, name=b"a", length=1001), 0),
    "fragment of the largest size": (pair(100, 120, name=b"a", length=1000), 70),
    "mate unmapped": (lone("50M", flag=0x49, mate=(0, 100)), 50),
    "mate on another contig": (lone("50M", flag=65, mate=(1, 120)), 50),
    "unmapped": (lone("50M", flag=4), 0),
    "secondary": (lone("50M", flag=0x100), 0),
    "supplementary": (lone("50M", flag=0x800), 0),
    "QC fail": (lone("50M", flag=0x200), 0),
    "unpaired reads overlap, of one name": (lone("50M") + lone("50M", start=120), 100),
    "other pairs at the same places": (
        pair(100, 120, name=b"a") + pair(100, 120, "10M40S", "50M", name=b"b") + pair(100, 120, name=b"c"), 70 + 60 + 70
    ),
    "supplementary of the same name": (pair(100, 120, name=b"a") + lone("50M", flag=0x800 | 65, name=b"a"), 70),
}  # fmt: skip


@pytest.mark.parametrize("one_by_one", [False, True], ids=["compiled", "one by one"])
@pytest.mark.parametrize(("fields", "expected"), CASES.values(), ids=CASES)
def test_table(tmp_path, fields, expected, one_by_one):
    path = write(tmp_path / "s.bam", fields)
    found = bases(path, one_by_one=one_by_one)
    assert found == slow(path)
    assert found[4] == expected


@pytest.mark.parametrize(
    "filters",
    [
        sam.Filters(keep_duplicates=True),
        sam.Filters(0),
        sam.Filters(20, False, 90),
        sam.Filters(20, False, 0, 69),
        WIDE,
    ],
)
def test_filters_hold_for_each_read(tmp_path, filters):
    named = enumerate(fields for fields, _ in CASES.values())
    fields = [{**row, "name": row["name"] + b"%d" % number} for number, case in named for row in case]
    path = write(tmp_path / "s.bam", fields)
    expected = slow(path, filters)
    assert bases(path, filters) == bases(path, filters, one_by_one=True) == expected
    assert expected[4] > 0


CIGARS = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(raw_bam.OPERATIONS)), max_size=6).map(
    lambda parts: "".join(f"{length}{operation}" for length, operation in parts)
)


@st.composite
def fragments(draw):
    """Pairs and single reads with any CIGAR, near each other."""
    fields = []
    for number in range(draw(st.integers(1, 12))):
        start, name = draw(st.integers(0, 400)), b"%d" % number
        mapq = draw(st.tuples(*[st.sampled_from([60, 60, 60, 3])] * 2))
        if draw(st.booleans()):
            mate = start + draw(st.integers(0, 90))
            fields += pair(
                start, mate, draw(CIGARS), draw(CIGARS), name=name, mapq=mapq, contig=draw(st.integers(0, 1))
            )
        else:
            fields += lone(draw(CIGARS), start=start, name=name, mapq=mapq[0], flag=draw(st.sampled_from([0, 0x49, 4])))
    return fields


@settings(max_examples=80)
@given(fragments(), st.integers(1, 300), st.integers(0, 1))
def test_any_fragments_cover_what_their_sets_of_positions_hold(tmp_path_factory, fields, block_bytes, contig):
    path = write(tmp_path_factory.mktemp("blocks") / "s.bam", fields, block_bytes=[block_bytes])
    expected = slow(path, WIDE, contig=contig)
    assert bases(path, WIDE, contig=contig) == bases(path, WIDE, one_by_one=True, contig=contig) == expected


ANY = st.builds(
    dict, contig=st.integers(-1, 1), start=st.integers(0, 60), flag=st.integers(0, 0xFFF), mapq=st.integers(0, 255),
    template_bp=st.integers(-99, 99), cigar=CIGARS, mate=st.tuples(st.integers(-1, 1), st.integers(-1, 60)),
    name=st.sampled_from([b"a", b"b"]),
)  # fmt: skip


@settings(max_examples=80)
@given(st.lists(ANY, max_size=30))
def test_whatever_a_file_holds_both_ways_agree(tmp_path_factory, fields):
    """Even where mates contradict each other or more than two records have one name."""
    path = write(tmp_path_factory.mktemp("blocks") / "s.bam", fields)
    for contig in (0, 1):
        assert bases(path, WIDE, contig=contig) == bases(path, WIDE, one_by_one=True, contig=contig)


# Counting


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), max_size=12),
       st.lists(st.tuples(st.integers(0, 80), st.integers(1, 30)), max_size=9), st.integers(0, 1 << 38))  # fmt: skip
def test_bases_per_bin_equal_a_loop(spans, bins, offset):
    start, width = np.array(bins, dtype=np.int64).reshape(-1, 2).T
    counter = counters.BaseCounter(offset + start, offset + start + width)
    for half in (spans[::2], spans[1::2]):
        counter.add(*(offset + np.array(half, dtype=np.int64).reshape(-1, 2).T))
    expected = [
        sum((1 if begin < end else -1) * (low <= place < low + wide)
            for begin, end in spans for place in range(min(begin, end), max(begin, end)))
        for low, wide in bins
    ]  # fmt: skip
    assert counter.counts.tolist() == expected


# What waits for its mate


def deep(reads, *, come):
    """Pairs at one place, with or without their mates."""
    fields = []
    for number in range(reads):
        left, right = pair(100 + number // 100, 140 + number // 100, name=b"n%d" % number)
        fields += [left, right] if come else [left]
    return fields


@pytest.mark.parametrize("one_by_one", [False, True], ids=["compiled", "one by one"])
def test_deep_places_are_exact(tmp_path, one_by_one):
    path = write(tmp_path / "s.bam", deep(3 * scan_blocks.WAITING, come=True))
    assert bases(path, one_by_one=one_by_one)[4] == 3 * scan_blocks.WAITING * 90


@pytest.mark.parametrize(("kind", "fewest"), [(scan_blocks.Scan, 4096), (blocks.Reads, 0)])
def test_reads_whose_mates_never_come_are_forgotten(tmp_path, monkeypatch, kind, fewest):
    """Of 20,000 only the 4,000 of the last 40 places may still wait."""
    made, flush = [], kind.flush
    monkeypatch.setattr(kind, "flush", lambda self: made.append(self) or flush(self))
    found = bases(write(tmp_path / "s.bam", deep(20_000, come=False)), one_by_one=kind is blocks.Reads)
    assert found[4] == 20_000 * 50
    assert fewest <= len(made[-1]._waiting) <= 8192


@pytest.mark.parametrize("rows", [1, 1000])
def test_blocks_are_handed_over_in_parts(tmp_path, monkeypatch, rows):
    path = write(tmp_path / "s.bam", deep(3000, come=True))
    monkeypatch.setattr(scan_blocks, "ROWS", scan_blocks.LARGEST_GAIN + rows)
    monkeypatch.setattr(blocks, "ROWS", rows)
    assert bases(path) == bases(path, one_by_one=True) == slow(path)


def test_a_cigar_kept_in_a_tag_is_refused(tmp_path):
    path = write(tmp_path / "s.bam", lone("50S300N"))
    with pytest.raises(
        InputError, match=r"at most 65,535 CIGAR operations, found a longer one in .*set counts.unit to fr"
    ):
        bases(path)


# CRAM


def test_cram_gives_the_same(tmp_path):
    fields = [
        row for number in range(3000) for row in pair(number, number + number % 90, name=b"q%d" % (number * 7919))
    ]
    path = write(tmp_path / "s.bam", fields)
    fasta = write_fasta(tmp_path, chr1="A" * 10_000, chr7="A" * 20_000)
    cram = tmp_path / "s.cram"
    pysam.view("-C", "-T", str(fasta), "--output-fmt-option", "seqs_per_slice=500", "-o", str(cram), str(path),
               catch_stdout=False)  # fmt: skip
    pysam.index(str(cram))
    expected = slow(path)
    assert bases(cram, fasta=fasta) == bases(cram, fasta=fasta, one_by_one=True) == bases(path) == expected


# Other tools, on one simulated BAM each

TOOL_BINS = np.array([[start, start + 250] for start in range(0, 9750, 130)] + [[0, 10_000]])
FLAGS = [(0, 0)] * 12 + [(0x400, 0x400), (0x200, 0x200), (0x100, 0x100), (0x800, 0x800)]


def simulated(path, *, overlap, gaps=True, supplementary=True, seed=1):
    """Pairs, clipped and with indels, some of them to be left out; mates overlap or not."""
    random = np.random.default_rng(seed)
    cigars = ["100M", "20S80M", "70M30S", "40M3I57M", "60=1X39="] + ["50M6D50M", "30M900N70M", "20M1D30M2I48M"] * gaps
    fields = []
    for number in range(4000):
        first, second = random.choice(cigars, 2)
        start = int(random.integers(0, 7000))
        covers = sum(length for length, operation in cigar_of(first) if operation in "MDN=X")
        mate = start + (int(random.integers(0, 110)) if overlap else covers + int(random.integers(0, 90)))
        extra = FLAGS[random.integers(len(FLAGS) - (not supplementary))]
        quality = int(random.choice([60, 60, 60, 19, 20])), int(random.choice([60, 60, 60, 19, 20]))
        flags = LEFT | extra[0], RIGHT | extra[1]
        fields += pair(start, mate, first, second, name=b"s%d" % number, flags=flags, mapq=quality)
    return write(path, fields)


def tool(name):
    """Path of a program; without it the test is skipped."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs {name}")
    return path


def bed(folder, bins=TOOL_BINS):
    path = folder / "bins.bed"
    path.write_text("".join(f"chr1\t{start}\t{end}\tg{row}\n" for row, (start, end) in enumerate(bins.tolist())))
    return path


def test_bedcov(tmp_path):
    """``-j``: deleted and skipped bases are not depth; ``-G``: supplementary reads do not count."""
    path = simulated(tmp_path / "s.bam", overlap=False)
    command = [tool("samtools"), "bedcov", "-j", "-Q", "20", "-G", "0x800", str(bed(tmp_path)), str(path)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    expected = [int(line.split("\t")[4]) for line in text.splitlines()]
    assert len(expected) == len(TOOL_BINS) and min(expected[:40]) > 0
    assert bases(path, WIDE, TOOL_BINS) == expected


def test_mosdepth(tmp_path):
    """By default it counts what proper mates share once, and no deleted or skipped base."""
    path, program = simulated(tmp_path / "s.bam", overlap=True), tool("mosdepth")
    library = next(Path("/usr/lib").glob("*/libhts.so.3"), None)
    if library is not None:  # Debian's mosdepth asks for the name that only the development package has
        (tmp_path / "libhts.so").symlink_to(library)
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{tmp_path}:{os.environ.get('LD_LIBRARY_PATH', '')}"}
    command = [program, "-F", "3844", "-Q", "20", "--by", str(bed(tmp_path)), str(tmp_path / "m"), str(path)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    with pysam.BGZFile(str(tmp_path / "m.per-base.bed.gz")) as handle:
        rows = [line.decode().split("\t") for line in handle]
    depth = np.zeros(10_000, dtype=np.int64)
    for name, start, end, level in rows:
        if name == "chr1":
            depth[int(start) : int(end)] = int(level)
    assert bases(path, WIDE, TOOL_BINS) == [depth[start:end].sum() for start, end in TOOL_BINS]
    assert sum(bases(path, WIDE, TOOL_BINS)) < sum(bases(path, WIDE._replace(min_mapq=0), TOOL_BINS))


def test_cnvkit_coverage(tmp_path):
    """It counts deleted bases, supplementary reads and mates' overlap as well; without these it is the same."""
    coverage = pytest.importorskip("cnvlib.coverage", reason="needs CNVkit")
    path = simulated(tmp_path / "s.bam", overlap=False, gaps=False, supplementary=False)
    found = coverage.do_coverage(str(bed(tmp_path)), str(path), min_mapq=20)
    found = {(row.start, row.end): row.depth for row in found}
    width = TOOL_BINS[:, 1] - TOOL_BINS[:, 0]
    depth = counters.depth_per_base(np.array(bases(path, WIDE, TOOL_BINS)), width)
    expected = [found[start, end] for start, end in map(tuple, TOOL_BINS.tolist())]
    assert max(expected) > 20
    np.testing.assert_allclose(depth, expected, rtol=1e-12, atol=0)
