"""BAM, CRAM and FASTA: records as arrays equal what was written, and every unusable file is refused by name."""

import os

import numpy as np
import pytest

from metcn.errors import InputError
from metcn.io import fasta as sequences
from metcn.reads import alignments, cram_layout
from support.small_files import CONTIGS, write_bam, write_fasta

READS = [
    (0, 10, 99, 60, 150, "50M"),
    (0, 110, 147, 60, -150, "50M"),
    (1, 5, 0, 7, 0, "5S20M5D10M"),
    (-1, -1, 4, 0, 0, None),
]
EXPECTED = [(0, 10, -1, 150, 99, 60), (0, 110, -1, -150, 147, 60), (1, 5, 40, 0, 0, 7), (-1, -1, -1, 0, 4, 0)]


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_records(tmp_path, chunk):
    path = write_bam(tmp_path / "s.bam", READS)
    with alignments.open_alignment(path) as opened:
        chunks = list(alignments.read_records(opened, chunk=chunk))
    assert opened.contigs == CONTIGS and opened.warnings == ()
    assert all(len(part) <= chunk and part.dtype == alignments.RECORD for part in chunks)
    assert [tuple(row) for row in np.concatenate(chunks).tolist()] == EXPECTED


def test_no_reads(tmp_path):
    with alignments.open_alignment(write_bam(tmp_path / "s.bam")) as opened:
        assert list(alignments.read_records(opened)) == []


def test_cram_gives_the_same_records(tmp_path):
    fasta = write_fasta(tmp_path, chr1="A" * 1000, chr7="A" * 2000)
    path = write_bam(tmp_path / "s.cram", READS, mode="wc", reference_filename=str(fasta))
    with alignments.open_alignment(path, fasta) as opened:
        records = np.concatenate(list(alignments.read_records(opened)))
    assert [tuple(row) for row in records.tolist()] == EXPECTED
    with (
        pytest.raises(InputError, match="is CRAM, which needs its reference sequence; set fasta"),
        alignments.open_alignment(path),
    ):
        pass
    with (
        pytest.raises(InputError, match="does not exist; correct fasta"),
        alignments.open_alignment(path, tmp_path / "no.fa"),
    ):
        pass


def test_cram_needs_no_reference_for_what_is_counted(tmp_path):
    """Neither bases nor qualities are decoded, so another sequence of the same contigs changes nothing."""
    fasta = write_fasta(tmp_path, chr1="A" * 1000, chr7="A" * 2000)
    path = write_bam(tmp_path / "s.cram", READS, mode="wc", reference_filename=str(fasta))
    other = write_fasta(tmp_path, chr1="C" * 1000, chr7="G" * 2000)
    with alignments.open_alignment(path, other) as opened:
        assert len(np.concatenate(list(alignments.read_records(opened)))) == len(READS)


def test_cram_reference_needs_its_index(tmp_path):
    fasta = write_fasta(tmp_path, chr1="A" * 1000, chr7="A" * 2000)
    path = write_bam(tmp_path / "s.cram", READS, mode="wc", reference_filename=str(fasta))
    fasta.with_name(fasta.name + ".fai").unlink()
    with pytest.raises(InputError, match="has no index; run `samtools faidx"), alignments.open_alignment(path, fasta):
        pass


def test_records_the_index_counts(tmp_path):
    with alignments.open_alignment(write_bam(tmp_path / "s.bam", READS)) as opened:
        assert alignments.indexed_records(opened) == len(READS)
    fasta = write_fasta(tmp_path, chr1="A" * 1000, chr7="A" * 2000)
    for reads, least in ((READS, 1), ([], 0)):
        path = write_bam(tmp_path / "s.cram", reads, mode="wc", reference_filename=str(fasta))
        with alignments.open_alignment(path, fasta) as opened:
            assert alignments.indexed_records(opened) == least


ORDERS = [
    pytest.param("coordinate", [], id="coordinate"),
    pytest.param("unknown", [], id="unknown"),
    pytest.param("unsorted", ["says SO:unsorted; it has an index, so it is read"], id="unsorted"),
    pytest.param("queryname", ["says SO:queryname"], id="queryname"),
]


@pytest.mark.parametrize(("order", "notes"), ORDERS)
def test_an_index_outweighs_what_the_header_says_of_the_order(tmp_path, order, notes):
    with alignments.open_alignment(write_bam(tmp_path / "s.bam", READS, order=order)) as opened:
        assert sum(map(len, alignments.read_records(opened))) == len(READS)
    assert [words in note for words, note in zip(notes, opened.warnings, strict=True)] == [True] * len(notes)


CRAMS = [
    pytest.param([], True, id="differences from a sequence"),
    pytest.param([b"embed_ref=1"], False, id="with its sequence"),
    pytest.param([b"no_ref=1"], False, id="bases as they are"),
    pytest.param([b"version=2.1"], True, id="version 2"),
    pytest.param([b"version=2.1", b"embed_ref=1"], False, id="version 2, with its sequence"),
    pytest.param([b"version=3.1", b"embed_ref=1"], False, id="version 3.1, with its sequence"),
    pytest.param([b"version=3.1", b"no_ref=1", b"multi_seq_per_slice=1"], False, id="slices of several contigs"),
]


@pytest.mark.parametrize(("options", "needed"), CRAMS)
@pytest.mark.parametrize("asked", ["http://127.0.0.1:9/%s", None])
def test_cram_without_a_sequence_at_hand(tmp_path, monkeypatch, options, needed, asked):
    if asked:
        monkeypatch.setenv("REF_PATH", asked)
    fasta = write_fasta(tmp_path, chr1="ACGT" * 250, chr7="GGCA" * 500)
    made = {"mode": "wc", "reference_filename": str(fasta), "format_options": options}
    path = write_bam(tmp_path / "s.cram", READS, **made)
    fasta.unlink()
    if needed:
        message = "s.cram is CRAM, which needs its reference sequence; set fasta"
        with pytest.raises(InputError, match=message), alignments.open_alignment(path):
            pass
        return
    with alignments.open_alignment(path) as opened:
        assert os.environ["REF_PATH"] == os.devnull
        records = np.concatenate(list(alignments.read_records(opened)))
    assert [tuple(row) for row in records.tolist()] == EXPECTED
    assert os.environ.get("REF_PATH") == asked


@pytest.mark.parametrize("reads", [[], READS[-1:]], ids=["empty", "unplaced only"])
def test_cram_without_a_placed_read_needs_no_sequence(tmp_path, reads):
    fasta = write_fasta(tmp_path, chr1="A" * 1000, chr7="A" * 2000)
    path = write_bam(tmp_path / "s.cram", reads, mode="wc", reference_filename=str(fasta))
    assert not cram_layout.needs_reference(path)


@pytest.mark.parametrize("size", [*range(5, 120, 7), 200, 400])
def test_cram_of_an_unknown_layout_is_taken_to_need_one(tmp_path, size):
    fasta = write_fasta(tmp_path, chr1="A" * 1000, chr7="A" * 2000)
    path = write_bam(tmp_path / "s.cram", READS, mode="wc", reference_filename=str(fasta))
    path.write_bytes(path.read_bytes()[:size])
    assert cram_layout.needs_reference(path)


@pytest.mark.parametrize("content", [b"", b"BAI\1", b"nonsense", b"BAI\1\xff\xff\xff\xff"])
def test_damaged_index_is_refused(tmp_path, content):
    path = write_bam(tmp_path / "s.bam", READS)
    (tmp_path / "s.bam.bai").write_bytes(content)
    with (
        pytest.raises(InputError, match=r"the index .*s.bam.bai is damaged .* run `samtools index`"),
        alignments.open_alignment(path) as opened,
    ):
        alignments.indexed_records(opened)


def test_older_index_is_a_warning(tmp_path):
    path = write_bam(tmp_path / "s.bam", READS)
    os.utime(tmp_path / "s.bam.bai", (1, 1))
    with alignments.open_alignment(path) as opened:
        (warning,) = opened.warnings
    assert warning.startswith(f"the index of {path} is older than the file; run `samtools index")


def test_index_may_replace_the_suffix(tmp_path):
    path = write_bam(tmp_path / "s.bam", READS)
    (tmp_path / "s.bam.bai").rename(tmp_path / "s.bai")
    with alignments.open_alignment(path) as opened:
        assert opened.warnings == ()


def damaged(path, how):
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[:-28],
            "empty": b"",
            "text": b"@HD\tVN:1.6\n",
            "header": content[:18] + b"\xff" * 60 + content[-28:],
        }[how]
    )
    return path


UNUSABLE = [
    pytest.param(lambda p: write_bam(p, READS, index=False), "has no index .* run `samtools index", id="no index"),
    pytest.param(
        lambda p: write_bam(p, READS, order="queryname", index=False),
        "sorted by coordinate, its header says queryname; run `samtools sort`",
        id="by name, no index",
    ),
    pytest.param(lambda p: write_bam(p, contigs={}), "names no contigs", id="unaligned"),
    pytest.param(lambda p: damaged(write_bam(p, READS), "cut"), "is truncated", id="truncated"),
    pytest.param(lambda p: damaged(write_bam(p, READS), "empty"), "is empty", id="empty"),
    pytest.param(lambda p: damaged(write_bam(p, READS), "text"), "expected BAM or CRAM", id="SAM"),
    pytest.param(lambda p: damaged(write_bam(p, READS), "header"), "is damaged near byte", id="damaged header"),
    pytest.param(lambda p: p, "cannot read .*No such file", id="missing"),
    pytest.param(lambda p: p.parent, "cannot read .*Is a directory", id="folder"),
]


@pytest.mark.parametrize(("make", "message"), UNUSABLE)
def test_unusable_files_are_refused(tmp_path, make, message):
    path = make(tmp_path / "s.bam")
    with pytest.raises(InputError, match=message) as raised, alignments.open_alignment(path):
        pass
    assert str(path) in str(raised.value)


def test_damage_within_the_file_is_refused(tmp_path):
    rng = np.random.default_rng(1)
    reads = [(0, int(start), 0, int(rng.integers(60)), 0, "50M") for start in np.sort(rng.integers(0, 900, 20_000))]
    path = write_bam(tmp_path / "s.bam", reads)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    with (
        pytest.raises(InputError, match=r"is damaged .*samtools quickcheck"),
        alignments.open_alignment(path) as opened,
    ):
        list(alignments.read_records(opened))


def test_base_content(tmp_path, monkeypatch):
    path = write_fasta(tmp_path, chr1="GGCCaattNNNNgR")
    cases = [  # start, end, GC share of known bases, share of unknown bases
        (0, 4, 1.0, 0.0),
        (2, 6, 0.5, 0.0),
        (4, 12, 0.0, 0.5),
        (8, 12, np.nan, 1.0),
        (12, 14, 1.0, 0.5),
        (12, 16, 1.0, 0.75),
        (20, 24, np.nan, 1.0),
    ]
    start, end, gc, unknown = (np.array(column) for column in zip(*cases, strict=True))
    for block in (1, 5, 100):
        monkeypatch.setattr(sequences, "FASTA_BLOCK_BP", block)
        with sequences.open_fasta(path) as fasta:
            found = sequences.base_content(fasta, "chr1", start, end)
        np.testing.assert_array_equal(found, [gc, unknown])


@pytest.mark.parametrize("block", [1, 3, 100])
@pytest.mark.parametrize(
    ("sequence", "runs"),
    [("NNACGTNNNA", [(0, 2), (6, 9)]), ("ACGT", []), ("ANN", [(1, 3)]), ("NNNN", [(0, 4)])],
)
def test_unknown_runs(tmp_path, monkeypatch, block, sequence, runs):
    monkeypatch.setattr(sequences, "FASTA_BLOCK_BP", block)
    with sequences.open_fasta(write_fasta(tmp_path, chr1=sequence)) as fasta:
        start, end = sequences.unknown_runs(fasta, "chr1")
    assert list(zip(start.tolist(), end.tolist(), strict=True)) == runs


def test_unusable_fasta_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist; correct fasta"), sequences.open_fasta(tmp_path / "no.fa"):
        pass
    (tmp_path / "new.fa").write_text(">chr1\nACGT\n")
    with (
        pytest.raises(InputError, match="has no index; run `samtools faidx"),
        sequences.open_fasta(tmp_path / "new.fa"),
    ):
        pass
