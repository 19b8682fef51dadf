"""Triage by index alone: what the bytes of windows say, and that it never says more than an index can."""

import struct

import numpy as np
import pysam
import pytest

from metcn.cli import main
from metcn.cli import triage as indexed
from metcn.errors import InputError
from metcn.genome import build
from metcn.reads import index_files, triage
from support import raw_bam
from support.small_files import write_bam, write_fasta

GRCH37 = build.load("GRCh37")
CONTIGS = {name: length for name, length in GRCH37.contigs.items() if name != "MT"}
RNG = np.random.default_rng(5)
LEVEL = 1000 * np.exp2(RNG.normal(0, 0.05, 3000))
NOISY = 1000 * np.exp2(RNG.normal(0, 0.25, 3000))
WILD = 1000 * np.exp2(RNG.normal(0, 0.5, 3000))
CROWDED = np.where(np.arange(3000) % 5 == 0, 20_000.0, 1000.0)

VERDICTS = [
    pytest.param(1000, LEVEL[:300], LEVEL, 8, "looks_neutral", "no high gain", id="level"),
    pytest.param(1240, LEVEL[:300], LEVEL, 8, "looks_neutral", "no high gain", id="just below neutral's bound"),
    pytest.param(1300, LEVEL[:300], LEVEL, 8, "cannot_tell", "neither clearly up", id="between"),
    pytest.param(1470, LEVEL[:300], LEVEL, 8, "cannot_tell", "neither clearly up", id="just below the bound"),
    pytest.param(1530, LEVEL[:300], LEVEL, 8, "looks_amplified", "at least 1.5 times", id="just above the bound"),
    pytest.param(300, LEVEL[:300], LEVEL, 8, "cannot_tell", "neither clearly up", id="lost"),
    pytest.param(2000, LEVEL[:300] * 2, LEVEL, 8, "cannot_tell", "chromosome 7 is up", id="polysomy"),
    pytest.param(2000, LEVEL[:300], NOISY, 8, "cannot_tell", "neither clearly up", id="up, within the noise"),
    pytest.param(3000, LEVEL[:300], NOISY, 8, "looks_amplified", "at least 1.5 times", id="up, above the noise"),
    pytest.param(1000, LEVEL[:300], NOISY, 8, "cannot_tell", "windows scatter", id="level, but noisy"),
    pytest.param(9000, LEVEL[:300], WILD, 8, "cannot_tell", "scatter too much", id="too noisy"),
    pytest.param(20_000, LEVEL[:300], CROWDED, 8, "cannot_tell", "as in a panel", id="panel"),
    pytest.param(9000, LEVEL[:300], LEVEL, 1, "cannot_tell", "too coarse", id="coarse index"),
    pytest.param(9000, LEVEL[:300], LEVEL[:199], 8, "cannot_tell", "too little", id="few windows"),
    pytest.param(9000, LEVEL[:19], LEVEL, 8, "cannot_tell", "too little", id="few windows on chromosome 7"),
    pytest.param(1000, LEVEL[:300], np.append(LEVEL, np.zeros(9000)), 8, "looks_neutral", "", id="gaps are left out"),
]


SPREADS = [
    pytest.param(triage.Spread(2_000_000, 170_000, 185_000), LEVEL, "looks_neutral", "no high gain", id="genome"),
    pytest.param(
        triage.Spread(580_000, 175_000, 185_000), LEVEL, "looks_neutral", "no high gain", id="just enough reads"
    ),
    pytest.param(triage.Spread(570_000, 175_000, 185_000), LEVEL, "cannot_tell", "too few reads", id="just too few"),
    pytest.param(triage.Spread(20_000, 18_000, 185_000), CROWDED, "cannot_tell", "too few reads", id="a thin genome"),
    pytest.param(triage.Spread(20_000, 8_000, 185_000), LEVEL, "cannot_tell", "as in a panel", id="a thin panel"),
    pytest.param(triage.Spread(50_000_000, 80_000, 185_000), LEVEL, "cannot_tell", "as in a panel", id="a deep panel"),
    pytest.param(triage.Spread(1000, 990, 185_000), LEVEL[:9], "cannot_tell", "too few reads", id="hardly a window"),
    pytest.param(triage.Spread(1000, 60, 185_000), LEVEL[:9], "cannot_tell", "as in a panel", id="hardly a target"),
    pytest.param(triage.Spread(0, 0, 185_000), LEVEL[:9], "cannot_tell", "too few reads", id="no read"),
    pytest.param(triage.Spread(None), CROWDED, "cannot_tell", "as in a panel", id="an index that does not count"),
]


@pytest.mark.parametrize(("spread", "autosomes", "flag", "why"), SPREADS)
def test_few_reads_are_no_panel(spread, autosomes, flag, why):
    found = triage.judge(1000, LEVEL[:300], autosomes, marks=8, spread=spread)
    assert found.flag == flag and why in found.why


@pytest.mark.parametrize("layout", ["bai", "csi"])
@pytest.mark.parametrize(("reads", "places", "why"), [
    pytest.param(300, None, "too few reads", id="300 of a genome"),
    pytest.param(6000, None, "too few reads", id="6,000 of a genome"),
    pytest.param(300, 20, "as in a panel", id="300 of amplicons"),
    pytest.param(6000, 20, "as in a panel", id="6,000 of amplicons"),
])  # fmt: skip
def test_a_genome_and_a_panel_of_few_reads(tmp_path, layout, reads, places, why):
    random, names = np.random.default_rng(reads), list(CONTIGS)
    lengths = np.array(list(CONTIGS.values()))

    def drawn(count):
        contig = random.choice(len(names), count, p=lengths / lengths.sum())
        return np.column_stack([contig, (random.random(count) * (lengths[contig] - 100)).astype(int)])

    rows = drawn(reads) if places is None else drawn(places)[random.integers(0, places, reads)]
    made = [raw_bam.record(contig=contig, start=start, cigar=[(50, "M")]) for contig, start in sorted(rows.tolist())]
    path = raw_bam.write(tmp_path / "s.bam", made, contigs=CONTIGS, index=False)
    pysam.index(*(["-c"] if layout == "csi" else []), str(path))
    _, line = indexed.triage([path])
    row = dict(zip(indexed.COLUMNS, line.split("\t"), strict=True))
    assert row["flag"] == "cannot_tell" and why in row["why"] and row["records"] == str(reads)


def test_missing_and_broken_files_are_told_and_the_others_judged(tmp_path, capsys):
    good = whole_genome_bai(tmp_path / "good.bam")
    unindexed = raw_bam.write(tmp_path / "unindexed.bam", [], index=False)
    assert main.main(["triage", str(tmp_path / "missing.bam"), str(good), str(unindexed)]) == 2
    out, err = capsys.readouterr()
    assert [line.split("\t")[6] for line in out.splitlines()[1:]] == ["unreadable", "looks_neutral", "unreadable"]
    first, second = err.splitlines()
    assert first.startswith("metcn: error: cannot read") and "missing.bam" in first
    assert "expected chromosome 7" in second
    assert main.main(["triage", str(good)]) == 0


@pytest.mark.parametrize(("met", "chr7", "autosomes", "marks", "flag", "why"), VERDICTS)
def test_flag(met, chr7, autosomes, marks, flag, why):
    found = triage.judge(met, chr7, autosomes, marks=marks)
    assert found.flag == flag and why in found.why


def test_bytes_of_windows_lie_on_straight_lines_between_marks():
    position, byte = np.array([100, 200, 400]), np.array([0.0, 50.0, 60.0])
    found = triage.window_bytes(position, byte, np.array([0, 100, 150, 300, 500, 600]))
    np.testing.assert_allclose(found, [0, 25, 30, 5, 0])
    assert triage.window_bytes(position[:1], byte[:1], np.array([0, 9])).tolist() == [0]


def whole_genome_bai(path, *, met=1.0, chr7=1.0):
    """A BAI whose linear offsets grow with depth, and a header that goes with it."""
    content, at = [b"BAI\1", struct.pack("<i", len(CONTIGS))], 1000.0
    for name, length in CONTIGS.items():
        tiles = length >> 14
        step = np.full(tiles, 40_000.0 * (chr7 if name == "7" else 1)) * np.exp2(RNG.normal(0, 0.05, tiles))
        if name == "7":
            step[(GRCH37.met[0] - 200_000) >> 14 : (GRCH37.met[1] + 200_000) >> 14] *= met
        offsets = (at + np.concatenate([[0], np.cumsum(step)])).astype(np.uint64) << np.uint64(16)
        at += step.sum()
        content.append(struct.pack("<iIiQQQQ", 1, 37450, 2, int(offsets[0]), int(offsets[-1]), 10 * tiles, tiles))
        content.append(struct.pack("<i", tiles) + offsets[:-1].astype("<u8").tobytes())
    raw_bam.write(path, [], contigs=CONTIGS, index=False)
    path.with_name(path.name + ".bai").write_bytes(b"".join(content) + struct.pack("<Q", 7))
    return path


def test_files(tmp_path):
    files = [
        whole_genome_bai(tmp_path / "neutral.bam"),
        whole_genome_bai(tmp_path / "amplified.bam", met=4.0),
        whole_genome_bai(tmp_path / "polysomy.bam", chr7=2.0),
        raw_bam.write(tmp_path / "other.bam", [raw_bam.record(cigar=[(50, "M")])]),
        tmp_path / "missing.bam",
    ]
    header, *lines = indexed.triage(files)
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    assert header.split("\t") == list(indexed.COLUMNS)
    assert [row["file"] for row in rows] == [str(path) for path in files]
    assert [row["flag"] for row in rows] == [
        "looks_neutral", "looks_amplified", "cannot_tell", "unreadable", "unreadable",
    ]  # fmt: skip
    assert float(rows[1]["met_over_autosomes"]) == pytest.approx(4, rel=0.1)
    assert float(rows[2]["met_over_autosomes"]) == pytest.approx(2, rel=0.1)
    assert float(rows[2]["met_over_chr7"]) == pytest.approx(1, rel=0.1)
    assert rows[0]["genome"] == "GRCh37"
    assert int(rows[0]["records"]) == sum(11 * (length >> 14) for length in CONTIGS.values()) + 7
    assert "expected chromosome 7" in rows[3]["why"] and "cannot read" in rows[4]["why"]
    assert all(int(row["ms"]) >= 0 for row in rows)


READS = [raw_bam.record(start=start, cigar=[(50, "M")]) for start in range(0, 9000, 10)]
READS += [raw_bam.record(contig=1, start=start, cigar=[(50, "M")]) for start in range(0, 1000, 10)]
READS += [raw_bam.record(contig=-1, start=-1, flag=4)] * 5


@pytest.mark.parametrize("layout", ["bai", "csi"])
def test_records_and_marks(tmp_path, layout):
    contigs = {"chr1": 100_000, "chr7": 50_000, "chr8": 9}
    path = raw_bam.write(tmp_path / "s.bam", READS, block_bytes=[500], contigs=contigs, index=False)
    pysam.index(*(["-c"] if layout == "csi" else []), str(path))
    index = index_files.read(index_files.find(path, "bam"))
    assert index.records == 1005
    assert [position.tolist() for position, _ in index.marks] == [[0, 16384], [0, 16384], []]
    (_, one), (_, seven), _ = index.marks
    assert 0 < one[0] < one[1] <= seven[0] < seven[1] <= path.stat().st_size


def test_crai(tmp_path):
    fasta = write_fasta(tmp_path, chr1="A" * 1000, chr7="A" * 2000)
    reads = [(0, 5, 0, 60, 0, "50M"), (1, 100, 0, 60, 0, "50M"), (1, 300, 0, 60, 0, "50M")]
    path = write_bam(tmp_path / "s.cram", reads, mode="wc", reference_filename=str(fasta))
    index = index_files.read(index_files.find(path, "cram"))
    assert index.records is None
    assert [position.tolist() for position, _ in index.marks] == [[5, 55], [100, 350]]
    assert all(byte[0] == 0 < byte[1] for _, byte in index.marks)


BAI = b"BAI\1" + struct.pack("<i", 1)
DAMAGED = [
    pytest.param(b"", "it is empty", id="empty"),
    pytest.param(b"BAI\1", "it ends early", id="cut after the magic"),
    pytest.param(BAI, "1 items at byte 4 cannot be", id="cut after the contigs"),
    pytest.param(BAI + struct.pack("<i", 1000), "1000 items at byte 8 cannot be", id="more bins than bytes"),
    pytest.param(BAI + struct.pack("<iIi", 1, 4681, -1), "-1 items", id="negative chunks"),
    pytest.param(b"CSI\1" + struct.pack("<iii", 14, 99, 0), "its resolution cannot be", id="CSI of depth 99"),
    pytest.param(b"1\t2\t3\n", "expected lines of six numbers", id="short CRAI"),
    pytest.param(b"a\tb\tc\td\te\tf\n", "is damaged", id="words"),
    pytest.param(b"\x1f\x8b\x08\x04nonsense", "is damaged", id="gzip"),
]


@pytest.mark.parametrize(("content", "message"), DAMAGED)
def test_damaged_index_is_refused(tmp_path, content, message):
    path = tmp_path / ("s.crai" if b"\t" in content else "s.bai")
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        index_files.read(path)
    assert str(path) in str(raised.value) and "samtools index" in str(raised.value)
