"""Damaged alignments and indices by the hundred: each is refused in one line, or gives what the sound one gave.

`make fuzz SEED=7` damages others than the usual ones.
"""

import os

import numpy as np
import pysam
import pytest

from metcn.errors import InputError
from metcn.io import fasta as sequences
from metcn.reads import alignments, reader, sam
from metcn.reads.alignments import Stretch
from support import raw_bam
from support.small_files import write_fasta

SEED = int(os.environ.get("METCN_FUZZ_SEED", "1000"))
RNG = np.random.default_rng(3)
BASES = {"chr1": 10_000, "chr7": 200_000}
READS = [
    raw_bam.record(contig=contig, start=start, flag=99, template_bp=150, cigar=[(100, "M")],
                   name=b"read%d" % RNG.integers(1 << 40), tags=b"XXZ" + RNG.bytes(30).hex().encode() + b"\0")
    for contig, ends in ((0, 9000), (1, 199_000)) for start in np.sort(RNG.integers(0, ends, 400)).tolist()
]  # fmt: skip
READS += [raw_bam.record(contig=-1, start=-1, flag=4)] * 30
PARTS = [Stretch(1, 20_000, 40_000), Stretch(1, 100_000, 150_000)]


def flipped(content, rng):
    """A few bits turned over."""
    for at in rng.integers(0, len(content), rng.integers(1, 4)):
        content[at] ^= 1 << rng.integers(8)


def shortened(content, rng):
    """The end cut off."""
    del content[rng.integers(0, len(content)) :]


def cut_but_closed(content, rng):
    """The end cut off and the closing block put back."""
    closing = raw_bam.END if content[:2] == b"\x1f\x8b" else content[-38:]
    shortened(content, rng)
    content += closing


def holed(content, rng):
    """A stretch in the middle taken out."""
    at = rng.integers(0, len(content))
    del content[at : at + rng.integers(1, 3000)]


def blanked(content, rng):
    """A stretch overwritten with zeros."""
    at = int(rng.integers(0, len(content)))
    stretch = min(int(rng.integers(1, 200)), len(content) - at)
    content[at : at + stretch] = bytes(stretch)


def bad_block_header(content, rng):
    """One byte of a block's header wrong."""
    begins = [at for at in range(len(content)) if content.startswith(b"\x1f\x8b\x08\x04", at)]
    if begins:  # BAI and CRAM have none
        content[rng.choice(begins) + rng.integers(0, 18)] = rng.integers(256)


def extended(content, rng):
    """Something put behind the end."""
    content += rng.bytes(rng.integers(1, 100))


WAYS_TO_DAMAGE = [flipped, shortened, cut_but_closed, holed, blanked, bad_block_header, extended]


def total(path, fasta=None, threads=1, parts=None):
    """Records, fragments, and sum of contigs and midpoints; of the fragments in ``parts`` alone if there are any."""
    fragments = places = records = 0
    with alignments.open_alignment(path, fasta) as opened:
        what = reader.plan(opened, sam.Filters(), parts)
        for chunk in reader.fragments(opened, sam.Filters(), threads=threads, what=what):
            inside = np.full(len(chunk.midpoint), parts is None)
            for contig, start, end in parts or ():
                inside |= (chunk.contig == contig) & (chunk.midpoint >= start) & (chunk.midpoint < end)
            fragments += int(inside.sum())
            places += int((1_000_003 * chunk.contig.astype(np.int64) + chunk.midpoint)[inside].sum())
            records += chunk.tally["records"] if parts is None else 0
    return records, fragments, places


def refusals(path, index, seeds, **how):
    """How many damaged files, or files with a damaged index, are refused; all others give what the sound one gave."""
    sound = {each: each.read_bytes() for each in (path, index)}
    expected, refused = total(path, **how), 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        damaged = index if seed % 4 == 3 else path
        damage = WAYS_TO_DAMAGE[seed % len(WAYS_TO_DAMAGE)]
        content = bytearray(sound[damaged])
        damage(content, rng)
        for each, good in sound.items():
            each.write_bytes(content if each is damaged else good)
        try:
            found = total(path, threads=1 + seed // 28 % 2, **how)  # each damage to either file meets both
            assert found == expected, f"seed {seed}: {damage.__name__} {damaged.name}"
        except InputError as error:
            assert path.name in str(error) and "\n" not in str(error)
            refused += 1
    return refused


def made_bam(folder, layout):
    """A BAM and its index."""
    path = raw_bam.write(folder / "s.bam", READS, block_bytes=[5000], contigs=BASES, index=False)
    pysam.index(*(["-c"] if layout == "csi" else []), str(path))
    return path, path.with_name(f"s.bam.{layout}")


def made_cram(folder, version):
    """A CRAM of some slices, its index and its FASTA."""
    fasta = write_fasta(folder, **{name: "A" * length for name, length in BASES.items()})
    plain = raw_bam.write(folder / "plain.bam", READS, contigs=BASES)
    path = folder / "s.cram"
    given = ["--output-fmt", f"cram,version={version}", "--output-fmt-option", "seqs_per_slice=100"]
    with sequences.htslib_quiet():
        pysam.view("-C", "-T", str(fasta), *given, "-o", str(path), str(plain), catch_stdout=False)
        pysam.index(str(path))
    return path, path.with_name("s.cram.crai"), fasta


@pytest.fixture(params=["compiled", "one by one"])
def way(request, monkeypatch):
    """Both ways of reading a BAM."""
    if request.param == "compiled":
        pytest.importorskip("metcn.reads.scan", reason="needs numba", exc_type=ImportError)
    else:
        monkeypatch.setattr(reader, "_compiled", lambda: None)


@pytest.mark.parametrize("layout", ["bai", "csi"])
def test_some_bams(tmp_path, way, layout):
    assert refusals(*made_bam(tmp_path, layout), range(60)) > 35


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["bai", "csi"])
def test_many_bams(tmp_path, way, layout):
    assert refusals(*made_bam(tmp_path, layout), range(SEED, SEED + 500)) > 300


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["bai", "csi"])
def test_many_bams_of_which_a_part_is_read(tmp_path, layout):
    pytest.importorskip("metcn.reads.scan", reason="needs numba", exc_type=ImportError)
    assert refusals(*made_bam(tmp_path, layout), range(SEED, SEED + 500), parts=PARTS) > 100


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.0", "3.1"])
@pytest.mark.parametrize("parts", [None, PARTS], ids=["whole", "in part"])
def test_many_crams(tmp_path, version, parts):
    path, index, fasta = made_cram(tmp_path, version)
    assert refusals(path, index, range(SEED, SEED + 50), fasta=fasta, parts=parts) > 20


def test_a_cram_cut_between_two_containers_and_closed_again_is_refused(tmp_path):
    path, index, fasta = made_cram(tmp_path, "3.0")
    with pysam.BGZFile(str(index)) as lines:
        offsets = sorted({int(line.split(b"\t")[3]) for line in lines})
    content = path.read_bytes()
    assert len(offsets) > 5
    for cut in (content[: offsets[3]] + content[-38:], content[: offsets[1]] + content[offsets[2] :]):
        path.write_bytes(cut)
        with pytest.raises(InputError, match=r"expected [\d,]+ bytes or more by its index, found [\d,]+ in .*s.cram"):
            total(path, fasta)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("damage", [holed, blanked])
def test_damage_between_a_cram_s_containers_is_no_end_of_the_file(tmp_path, way, damage, threads):
    path, _, fasta = made_cram(tmp_path, "3.0")
    content = bytearray(path.read_bytes())
    damage(content, np.random.default_rng({holed: 1004, blanked: 1145}[damage]))
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        total(path, fasta, threads=threads)
