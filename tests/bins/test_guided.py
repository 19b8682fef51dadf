"""A genome of which only a part is read: what is chosen, that it is read completely, and what it costs in precision."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.bins import guided, hdf5_file, layout, sampled
from metcn.bins.layout import layout_of
from metcn.counts import stage
from metcn.errors import InputError
from metcn.genome import build
from metcn.io import tables
from metcn.reads import alignments, index_files, index_ranges, reader, sam
from support import made_depth, raw_bam
from support.small_files import write_fasta

GRCH37 = build.load("GRCh37")
CONTIGS = {"chr" + name: length for name, length in GRCH37.contigs.items() if name != "MT"}
WINDOW = guided.WINDOW_BP
BINS = made_depth.genome_windows(10_000)
SAMPLED = sampled.sampled(BINS, GRCH37)
COARSE = made_depth.genome_windows(16_000)
COARSE = COARSE[COARSE["chromosome"].isin(["6", "7", "8"])].reset_index(drop=True)
COARSE_SAMPLED = sampled.sampled(COARSE, GRCH37)
FEW, FEW_SAMPLED = (f[f["chromosome"].isin(["7", "21", "22"])].reset_index(drop=True) for f in (BINS, SAMPLED))
READ = SAMPLED[SAMPLED["mask"] == ""]


def choose(length_bp, *, bin_bp=1000, gc=None, masked=(), whole=()):
    """Which bins of one chromosome are read."""
    start = np.arange(0, length_bp, bin_bp)
    usable, always = np.ones((2, len(start)), bool)
    usable[[*masked]] = False
    always[:] = False
    always[[*whole]] = True
    gc = np.full(len(start), np.nan) if gc is None else gc
    return guided.chosen(
        chromosome=np.zeros(len(start), int), start=start, end=start + bin_bp, whole=always, usable=usable, gc=gc
    )


# The choice


def test_a_window_of_each_stretch_is_chosen():
    read = choose(20 * guided.STRATUM_BP)
    stretch = np.flatnonzero(read) * 1000 // guided.STRATUM_BP
    assert np.bincount(stretch).tolist() == pytest.approx([130] * 20, abs=1)
    for number in range(20):
        start = np.flatnonzero(read)[stretch == number] * 1000
        assert start[0] // WINDOW == (start[-1] + 999) // WINDOW and np.diff(start).max() == 1000
    place = np.array([np.flatnonzero(read)[stretch == number][0] * 1000 for number in range(20)])
    assert len(set(np.floor(place % guided.STRATUM_BP / 500_000))) >= 8  # no fixed distance that could be a rhythm


def test_the_sample_has_the_gc_content_of_the_genome():
    random = np.random.default_rng(4)
    gc = np.repeat(random.normal(0.41, 0.05, 8000), WINDOW // 1000)[: 200 * 5000]
    read = choose(200 * guided.STRATUM_BP, gc=gc)
    levels = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(np.quantile(gc[read], levels), np.quantile(gc, levels), atol=0.008)


def test_windows_keep_off_what_is_masked_or_read_anyway():
    read = choose(3 * guided.STRATUM_BP, masked=range(1000, 14_000), whole=range(14_100, 15_000))
    assert read[14_100:].all() and not read[1000:14_000].any()
    assert (read[:1000].sum(), read[5000:10_000].sum()) == (pytest.approx(130, abs=1), 0)


@given(st.integers(1, 5000))
def test_radical_inverse_mirrors_the_digits(number):
    expected, base, left = 0.0, 0.5, number
    while left:
        expected += base * (left % 2)
        left, base = left // 2, base / 2
    assert guided.radical_inverse(number) == expected


def test_what_is_not_read_is_masked_not_dropped():
    chromosome = BINS["chromosome"].unique()
    whole, shorter = ((f["end"] - f["start"]).groupby(f["chromosome"]).sum() for f in (BINS, SAMPLED))
    assert (shorter[chromosome] >= whole[chromosome]).all()  # a row spans the centromere's gap too
    assert set(SAMPLED["mask"]) == {"", "not_read"}
    unread = SAMPLED[SAMPLED["mask"] == "not_read"]
    assert ((unread["end"] - unread["start"]) <= 5_010_000).all() and set(unread["role"]) == {"backbone", "sex"}
    assert (SAMPLED["start"].to_numpy()[1:] >= SAMPLED["end"].to_numpy()[:-1])[
        SAMPLED["chromosome"].to_numpy()[1:] == SAMPLED["chromosome"].to_numpy()[:-1]
    ].all()
    kept = BINS.merge(READ, on=["chromosome", "start", "end"])
    assert len(kept) == len(READ)  # bins that are read are exactly those of a whole pass
    assert (READ["chromosome"] == "7").sum() == (BINS["chromosome"] == "7").sum()
    for gene in GRCH37.resistance_genes.itertuples():
        own = READ[(READ["chromosome"] == gene.chromosome) & (READ["start"] < gene.end) & (READ["end"] > gene.start)]
        assert (own["end"] - own["start"]).sum() >= gene.end - gene.start, gene.gene
    share = (READ["end"] - READ["start"]).sum() / (BINS["end"] - BINS["start"]).sum()
    assert 0.06 < share < 0.1
    pd.testing.assert_frame_equal(sampled.sampled(BINS, GRCH37), SAMPLED)


def test_a_stretch_is_what_the_baseline_weighs():
    assert guided.STRATUM_BP == layout.BLOCK_BP


WANTED = [
    pytest.param("auto", "wgs", 1000, True, id="deep genome"),
    pytest.param("auto", "wgs", 16_385, False, id="bins too wide"),
    pytest.param("auto", "swgs", 1000, False, id="shallow genome"),
    pytest.param("whole", "wgs", 1000, False, id="asked to read all"),
    pytest.param("guided", "wgs", 16_384, True, id="asked for"),
]


@pytest.mark.parametrize(("how", "assay", "window_bp", "expected"), WANTED)
def test_when_a_part_is_read(how, assay, window_bp, expected):
    assert sampled.is_wanted(how, assay=assay, window_bp=window_bp) is expected


@pytest.mark.parametrize(
    ("assay", "window_bp", "message"),
    [("panel", 1000, "guided is for assay wgs, found panel"), ("wgs", 20_000, "at most 16,384 bp, found .* 20,000")],
)
def test_impossible_guidance_is_refused(assay, window_bp, message):
    with pytest.raises(InputError, match=message):
        sampled.is_wanted("guided", assay=assay, window_bp=window_bp)


# The reading


def some_records(random, contig, low, high, count):
    """Pairs, lone reads, spliced reads, duplicates and pairs too long to count, sorted."""
    start = np.sort(random.integers(low, high, count)).tolist()
    for at in start:
        kind = random.integers(10)
        length = int(random.integers(150, 1200))
        name = b"read%012d" % random.integers(1 << 39)
        common = {"contig": contig, "start": at, "name": name, "tags": b"XXZ" + random.bytes(20).hex().encode() + b"\0"}
        if kind == 0:
            yield raw_bam.record(**common, flag=0, cigar=[(50, "M"), (40_000, "N"), (50, "M")])
        elif kind == 1:
            yield raw_bam.record(**common, flag=1024 | 99, template_bp=length, cigar=[(100, "M")])
        elif kind < 5:
            yield raw_bam.record(**common, flag=147, template_bp=-length, cigar=[(100, "M")])
        else:
            yield raw_bam.record(**common, flag=99, template_bp=length, cigar=[(100, "M")])


def made_bam(path, seed=1, block_bytes=20_000):
    """Reads in parts of chr7, chr21 and chr22, and unplaced ones."""
    random = np.random.default_rng(seed)
    records = list(some_records(random, 6, 114_000_000, 118_000_000, 5000))
    records += some_records(random, 20, 9_000_000, 30_000_000, 20_000)
    records += some_records(random, 21, 20_000_000, 51_000_000, 20_000)
    records += [raw_bam.record(contig=-1, start=-1, flag=4)] * 500
    return raw_bam.write(path, records, block_bytes=[block_bytes], contigs=CONTIGS)


@pytest.fixture(scope="module")
def bam(tmp_path_factory):
    return made_bam(tmp_path_factory.mktemp("guided") / "s.bam")


def counted(folder, path, frame, *, fasta=None, **settings):
    """Counts and summary of an alignment in these bins."""
    tables.write_bins(folder / "bins.tsv", frame)
    stage.counts(
        sample="s", bins=folder / "bins.tsv", alignment=path, coverage=None, fasta=fasta, genome="GRCh37",
        output=folder / "s.cnn", summary=folder / "s.json", settings=settings,
    )  # fmt: skip
    return tables.read_counts(folder / "s.cnn"), json.loads((folder / "s.json").read_text())


def check_equal(whole, part):
    """Counts of the bins that were read are those of the whole file, to the fragment; all others are missing."""
    read = (FEW_SAMPLED["mask"] == "").to_numpy()
    assert part["count"][~read].isna().all() and part["depth"][~read].isna().all() and (~read).any()
    both = part[read].merge(whole, on=["chromosome", "start", "end"], suffixes=("", "_whole"))
    assert len(both) == read.sum() and (both["count"] > 0).sum() > 300
    assert (both["count"] == both["count_whole"]).all()


@pytest.mark.parametrize(("threads", "max_fragment_bp"), [(1, 1000), (2, 300), (1, 100_000)])
def test_counts_in_chosen_bins_equal_a_whole_pass(tmp_path, bam, threads, max_fragment_bp):
    settings = {"threads": threads, "max_fragment_bp": max_fragment_bp}
    whole, of_whole = counted(tmp_path, bam, FEW, **settings)
    part, of_part = counted(tmp_path, bam, FEW_SAMPLED, **settings)
    check_equal(whole, part)
    assert of_whole["reading"]["mode"] == "whole" and of_whole["reading"]["share"] == 1
    size = bam.stat().st_size
    assert of_part["reading"]["mode"] == "guided" and of_part["reading"]["bytes"] == size
    assert of_part["reading"]["share"] == of_part["reading"]["bytes_read"] / size < 0.6
    assert of_part["tallies"]["records"] < 0.6 * of_whole["tallies"]["records"]
    assert of_part["bins_not_read"] == (FEW_SAMPLED["mask"] == "not_read").sum() and of_whole["bins_not_read"] == 0


@pytest.mark.parametrize("max_fragment_bp", [1000, 150])
def test_base_depth_in_chosen_bins_equals_a_whole_pass(tmp_path, bam, max_fragment_bp):
    """Spliced reads reach 40 kb into a window, farther than any fragment that counts."""
    settings = {"unit": "bases", "max_fragment_bp": max_fragment_bp}
    (whole, _), (part, told) = (counted(tmp_path, bam, frame, **settings) for frame in (FEW, FEW_SAMPLED))
    read = (FEW_SAMPLED["mask"] == "").to_numpy()
    both = part[read].merge(whole, on=["chromosome", "start", "end"], suffixes=("", "_whole"))
    assert told["reading"]["mode"] == "guided" and len(both) == read.sum() and (both["depth"] > 0).sum() > 300
    assert (both["depth"] == both["depth_whole"]).all() and part["depth"][~read].isna().all()


@pytest.mark.parametrize("block_bytes", [700, 60_000])
def test_blocks_may_end_anywhere(tmp_path, block_bytes):
    path = made_bam(tmp_path / "s.bam", seed=2, block_bytes=block_bytes)
    check_equal(counted(tmp_path, path, FEW)[0], counted(tmp_path, path, FEW_SAMPLED)[0])


def test_csi_leads_to_the_same_records(tmp_path):
    path = made_bam(tmp_path / "s.bam", seed=3)
    whole, _ = counted(tmp_path, path, FEW)
    path.with_name("s.bam.bai").unlink()
    pysam.index("-c", str(path))
    part, summary = counted(tmp_path, path, FEW_SAMPLED)
    check_equal(whole, part)
    assert summary["reading"]["mode"] == "guided"


def test_without_a_compiler_the_file_is_read_whole(tmp_path, bam, monkeypatch):
    whole, _ = counted(tmp_path, bam, FEW)
    monkeypatch.setattr(reader, "_compiled", lambda: None)
    part, summary = counted(tmp_path, bam, FEW_SAMPLED)
    check_equal(whole, part)
    assert summary["reading"]["mode"] == "whole"


def test_cram_is_read_in_the_same_windows(tmp_path):
    sequence = write_fasta(tmp_path, chr1="A" * 6_000_000, chr22="C" * 100)
    contigs = {"chr1": 6_000_000, "chr22": 100}
    random = np.random.default_rng(5)
    plain = raw_bam.write(tmp_path / "s.bam", some_records(random, 0, 0, 5_900_000, 3000), contigs=contigs)
    cram = tmp_path / "s.cram"
    made = ["-C", "-T", str(sequence), "--output-fmt-option", "seqs_per_slice=100", "-o", str(cram), str(plain)]
    pysam.view(*made, catch_stdout=False)
    pysam.index(str(cram))
    stretches = [alignments.Stretch(0, 500_000, 600_000), alignments.Stretch(0, 620_000, 640_000),
                 alignments.Stretch(0, 3_000_000, 3_100_000)]  # fmt: skip
    found = {}
    for path in (plain, cram):
        with alignments.open_alignment(path, sequence) as opened:
            what = reader.plan(opened, sam.Filters(), stretches)
            points = np.concatenate([part[1].copy() for part in reader.fragments(opened, sam.Filters(), what=what)])
        found[path] = np.concatenate([np.sort(points[(points >= low) & (points < high)]) for _, low, high in stretches])
        assert what.mode == "guided" and 0 < what.bytes_read < 0.95 * what.bytes
    assert len(found[plain]) > 50
    np.testing.assert_array_equal(found[plain], found[cram])


def damaged_indices():
    """Seeds and ways to damage an index."""
    return [pytest.param(seed, id=f"seed {seed}") for seed in range(6)]


@pytest.mark.parametrize("seed", damaged_indices())
def test_a_damaged_index_never_loses_reads(tmp_path, bam, seed):
    """It is refused, or gives what the sound one gives: each place it names is checked against the file."""
    random = np.random.default_rng(seed)
    path, index = tmp_path / "s.bam", tmp_path / "s.bam.bai"
    path.symlink_to(bam)
    content = bytearray(bam.with_name("s.bam.bai").read_bytes())
    for at in random.integers(0, len(content), 30):
        content[at] ^= 1 << random.integers(8)
    index.write_bytes(content)
    try:
        part, _ = counted(tmp_path, path, FEW_SAMPLED)
    except InputError as error:
        assert "s.bam" in str(error)
    else:
        check_equal(counted(tmp_path, bam, FEW)[0], part)


def test_the_index_of_another_file_is_refused_or_does_no_harm(tmp_path, bam):
    path = tmp_path / "s.bam"
    path.symlink_to(bam)
    other = made_bam(tmp_path / "other.bam", seed=9)
    other.with_name("other.bam.bai").rename(tmp_path / "s.bam.bai")
    with pytest.raises(InputError, match=r"s.bam"):
        counted(tmp_path, path, FEW_SAMPLED)


def test_an_index_without_a_contig_that_has_reads_is_refused(tmp_path, bam, monkeypatch):
    genuine = index_files.read

    def lacking(path):
        found = genuine(path)
        nothing = np.empty(0, np.int64)
        found.places[6] = index_files.Places(nothing, nothing, nothing, nothing, 0, 0, nothing)
        return found

    monkeypatch.setattr(index_files, "read", lacking)
    with pytest.raises(InputError, match=r"the index of .*s.bam is damaged, or of another file"):
        counted(tmp_path, bam, FEW_SAMPLED)


def test_no_reads_where_some_are_wanted(tmp_path):
    """Stretches without any record are nothing to read; that is a finding, not an error."""
    records = [raw_bam.record(contig=7, start=100, cigar=[(50, "M")])] + [raw_bam.record(contig=-1, start=-1, flag=4)]
    counts, summary = counted(tmp_path, raw_bam.write(tmp_path / "s.bam", records, contigs=CONTIGS), FEW_SAMPLED)
    assert summary["reading"]["mode"] == "guided" and summary["reading"]["bytes_read"] == 0
    assert counts["count"].sum() == 0 and "no_reads" in summary["reasons"]


@pytest.mark.parametrize("known", [range(0), range(6), range(20)])
def test_an_index_that_knows_only_the_first_contigs_is_refused(tmp_path, bam, monkeypatch, known):
    genuine = index_files.read

    def lacking(path):
        found = genuine(path)
        nothing = np.empty(0, np.int64)
        absent = index_files.Places(nothing, nothing, nothing, nothing, 0, 0, nothing)
        found.places[:] = [each if number in known else absent for number, each in enumerate(found.places)]
        return found

    monkeypatch.setattr(index_files, "read", lacking)
    with pytest.raises(InputError, match=r"the index of .*s.bam is damaged, or of another file"):
        counted(tmp_path, bam, FEW_SAMPLED)


def test_ranges_are_disjoint_and_in_order(bam):
    with alignments.open_alignment(bam) as opened:
        wanted = sampled.stretches(READ, opened.contigs)
        found = index_ranges.ranges(opened, wanted)
    assert len(found) > 10
    assert all(one.stop < two.start for one, two in pairwise(found))


# What it costs


def measured(tmp_path, frame, fold, seed=1):
    """Levels of a sample of these folds, against nothing, with the noise of 30x."""
    noise = 0.05 * np.random.default_rng(seed).normal(size=len(frame))
    gone = (frame["mask"] != "").to_numpy()
    folder = tmp_path / str(len(frame))
    folder.mkdir()
    return made_depth.Bench(folder, frame).ratios(np.where(gone, np.nan, 5 + np.log2(fold) + noise)).summary


def folds(frame, *, seven=1.0, six=1.0):
    """Chromosome 7 and chromosome 6 at these levels."""
    return np.select([frame["chromosome"] == "7", frame["chromosome"] == "6"], [seven, six], 1.0)


@pytest.mark.parametrize(("seven", "six"), [(1.0, 1.0), (2.0, 1.0), (1.5, 0.5)])
def test_the_baseline_is_that_of_the_whole_genome(tmp_path, seven, six):
    """Chromosome 7 is read whole and everything else in part, yet it weighs no more than its length."""
    whole, part = (measured(tmp_path, frame, folds(frame, seven=seven, six=six)) for frame in (COARSE, COARSE_SAMPLED))
    assert part["met"]["log2"] == pytest.approx(whole["met"]["log2"], abs=3 * part["met"]["se"])
    assert part["met"]["log2"] == pytest.approx(whole["met"]["log2"], abs=0.02)
    assert part["baseline"]["from"] == "wide_bins"
    assert part["baseline"]["se"] > (2 if seven == six else 1) * whole["baseline"]["se"]
    assert part["baseline"]["bins"] < 0.5 * whole["baseline"]["bins"]


def test_what_windows_share_is_not_lost(tmp_path):
    """Each window's own deviation is part of MET's error, though no second window lies in its stretch."""
    random = np.random.default_rng(8)
    group = layout_of(COARSE_SAMPLED).group
    shared = 2 ** random.normal(0, 0.1, group.max() + 1)[group]
    excess = measured(tmp_path, COARSE_SAMPLED, shared)["qc"]["gene_excess"]["window"]
    assert 0.08 < excess < 0.16


def test_normals_read_in_the_same_windows_make_a_panel(tmp_path):
    """Masked rows stay masked in the panel, a tumour of those bins is compared with it, and MET's gain is seen."""
    random = np.random.default_rng(12)
    assay = made_depth.assay(COARSE_SAMPLED, noise=0.05)
    gone = (COARSE_SAMPLED["mask"] != "").to_numpy()
    normals = np.where(gone, np.nan, assay.normals(random, 8))
    fold = np.where(COARSE_SAMPLED["role"] == "met", 3.0, 1.0)
    bench = made_depth.Bench(tmp_path, COARSE_SAMPLED, assay="wgs")
    panel = bench.reference(normals)
    found = bench.ratios(np.where(gone, np.nan, assay.sample(random, fold)), panel).summary
    assert (hdf5_file.read_bins(panel)["mask"][gone] == "not_read").all()
    assert found["mode"] == "panel_of_normals"
    assert found["met"]["log2"] == pytest.approx(np.log2(3), abs=4 * found["met"]["se"])
    assert found["met"]["se"] < 0.3
