"""No record is lost unnoticed: not to a missing compiler, not to an index that knows better, not to damage.

Damage of every kind is in test_fuzz.py.
"""

import builtins
import sys

import numpy as np
import pysam
import pytest

from metcn.errors import InputError
from metcn.io import fasta as sequences
from metcn.reads import alignments, reader, sam
from support import raw_bam
from support.small_files import write_bam, write_fasta

RNG = np.random.default_rng(3)
READS = [
    raw_bam.record(contig=contig, start=start, flag=99, template_bp=150, cigar=[(100, "M")],
                   name=b"read%d" % RNG.integers(1 << 40), tags=b"XXZ" + RNG.bytes(30).hex().encode() + b"\0")
    for contig, ends in ((0, 9000), (1, 19_000)) for start in np.sort(RNG.integers(0, ends, 400)).tolist()
]  # fmt: skip
READS += [raw_bam.record(contig=-1, start=-1, flag=4)] * 30


@pytest.fixture(params=["compiled", "one by one"])
def way(request, monkeypatch):
    """Both ways of reading a BAM."""
    if request.param == "compiled":
        pytest.importorskip("metcn.reads.scan", reason="needs numba", exc_type=ImportError)
        return
    genuine = builtins.__import__

    def without_numba(name, *rest, **options):
        if name == "numba":
            raise ImportError("no numba")
        return genuine(name, *rest, **options)

    for name in ("metcn.reads.scan", "metcn.reads.jit"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delattr(name, raising=False)
    monkeypatch.setattr(builtins, "__import__", without_numba)


def total(path, fasta=None, threads=1):
    """Tally, and sum of contigs and midpoints, of a whole file."""
    tally, places = dict.fromkeys(sam.TALLIES, 0), 0
    with alignments.open_alignment(path, fasta) as opened:
        for contig, midpoint, _, part, _ in reader.fragments(opened, sam.Filters(), threads=threads):
            places += int((1_000_003 * contig.astype(np.int64) + midpoint).sum())
            tally = {name: tally[name] + part[name] for name in tally}
    return tally, places


@pytest.mark.parametrize("block_bytes", [900, 60_000])
def test_both_ways_agree(tmp_path, way, block_bytes):
    tally, places = total(raw_bam.write(tmp_path / "s.bam", READS, block_bytes=[block_bytes]))
    assert (tally["records"], tally["fragments"], tally["unmapped"]) == (830, 800, 30)
    starts = [int.from_bytes(read[8:12], "little") for read in READS[:800]]
    assert places == 400 * 1_000_003 + sum(start + 75 for start in starts)


def test_fewer_records_than_the_index_counts_are_refused(tmp_path, way):
    """A file whose middle went missing at the seam of two blocks looks whole in every other way."""
    path = raw_bam.write(tmp_path / "s.bam", READS)
    raw_bam.write(path, READS[:500] + READS[600:], index=False)
    with pytest.raises(InputError, match=r"expected the 830 records that its index counts, found 730 in .*s.bam"):
        total(path)


def test_more_records_than_an_old_index_counts_are_read(tmp_path, way):
    path = raw_bam.write(tmp_path / "s.bam", READS[:100])
    raw_bam.write(path, READS, index=False)
    assert total(path)[0]["records"] == 830


def test_cram_and_bam_agree(tmp_path):
    fasta = write_fasta(tmp_path, chr1="A" * 1000, chr7="A" * 2000)
    reads = [(0, start, 99, 60, 150, "50M") for start in range(0, 500, 7)] + [(1, 5, 0, 60, 0, "5S20M5D10M")]
    cram = write_bam(tmp_path / "s.cram", reads, mode="wc", reference_filename=str(fasta))
    assert total(cram, fasta, threads=2) == total(write_bam(tmp_path / "s.bam", reads))


def made_cram(folder, version, reads=20_000):
    """A BAM, the same as a CRAM of this version, and their FASTA; far more than a pipe holds at once."""
    fasta = write_fasta(folder, chr1="A" * 10_000, chr7="A" * 20_000)
    starts = np.sort(np.random.default_rng(6).integers(0, 9000, reads)).tolist()
    records = [
        raw_bam.record(contig=0, start=at, flag=99, template_bp=150 + at % 9, cigar=[(50, "M")]) for at in starts
    ]
    bam, cram = raw_bam.write(folder / "s.bam", records), folder / "s.cram"
    with sequences.htslib_quiet():
        pysam.view("-C", "-T", str(fasta), "--output-fmt", f"cram,version={version}", "-o", str(cram), str(bam),
                   catch_stdout=False)  # fmt: skip
        pysam.index(str(cram))
    return bam, cram, fasta


@pytest.mark.parametrize("version", ["3.0", "3.1"])
def test_cram_of_either_version_gives_the_same_fragments(tmp_path, version):
    bam, cram, fasta = made_cram(tmp_path, version)
    assert cram.read_bytes()[4:6] == bytes(map(int, version.split(".")))
    expected = total(bam)
    assert expected[0]["fragments"] == 20_000
    assert total(cram, fasta) == total(cram, fasta, threads=2) == expected


def test_cram_is_read_record_by_record_without_a_compiler(tmp_path, monkeypatch):
    bam, cram, fasta = made_cram(tmp_path, "3.0", reads=2000)
    expected = total(bam)
    monkeypatch.setattr(reader, "_compiled", lambda: None)
    assert total(cram, fasta) == expected


def test_a_damaged_cram_is_refused(tmp_path):
    _, cram, fasta = made_cram(tmp_path, "3.0")
    content = bytearray(cram.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 500] = bytes(500)
    cram.write_bytes(content)
    with pytest.raises(InputError, match=r"s.cram is damaged .*samtools quickcheck") as raised:
        total(cram, fasta)
    assert "\n" not in str(raised.value)


def test_leaving_a_cram_early_stops_its_decoder(tmp_path):
    _, cram, fasta = made_cram(tmp_path, "3.0", reads=150_000)
    with alignments.open_alignment(cram, fasta) as opened:
        chunks = reader.fragments(opened, sam.Filters(min_mapq=0))
        next(chunks)
        chunks.close()


def test_cram_without_any_record_although_its_index_lists_slices_is_refused(tmp_path, monkeypatch):
    fasta = write_fasta(tmp_path, chr1="A" * 1000, chr7="A" * 2000)
    cram = write_bam(tmp_path / "s.cram", [(0, 5, 0, 60, 0, "50M")], mode="wc", reference_filename=str(fasta))
    monkeypatch.setattr(reader.cram, "fragments", lambda *_, **__: iter(()))
    monkeypatch.setattr(alignments, "read_records", lambda *_, **__: iter(()))
    with pytest.raises(InputError, match=r"expected records, found none in .*s.cram.* set fasta"):
        total(cram, fasta)


@pytest.mark.parametrize("option", [b"embed_ref=1", b"no_ref=1"])
@pytest.mark.parametrize("compiled", [True, False])
def test_cram_that_needs_no_reference_gives_the_same(tmp_path, monkeypatch, option, compiled):
    fasta = write_fasta(tmp_path, chr1="A" * 1000, chr7="A" * 2000)
    reads = [(0, 5, 99, 60, 150, "50M"), (0, 105, 147, 60, -150, "50M"), (1, 300, 0, 30, 0, "20M10D30M")]
    expected = total(write_bam(tmp_path / "s.bam", reads), None)
    made = {"mode": "wc", "reference_filename": str(fasta), "format_options": [option]}
    cram = write_bam(tmp_path / "s.cram", reads, **made)
    fasta.unlink()
    if not compiled:
        monkeypatch.setattr(reader, "_compiled", lambda: None)
    assert total(cram, None) == expected


@pytest.mark.parametrize("compiled", [True, False])
def test_cram_out_of_order_is_refused_by_name(tmp_path, monkeypatch, compiled):
    reads = [(0, start, 0, 60, 0, "50M") for start in (5, 300, 200)]
    made = {"mode": "wc", "format_options": [b"no_ref=1"]}
    cram = write_bam(tmp_path / "s.cram", sorted(reads), **made)
    write_bam(cram, reads, index=False, **made)
    if not compiled:
        monkeypatch.setattr(reader, "_compiled", lambda: None)
    with pytest.raises(InputError, match=r"found chr1:201 after chr1:301 in .*s\.cram; run `samtools sort`"):
        total(cram, None)
