"""Stages bins and counts from files to files, on small designs, tables and alignments made here."""

import json

import h5py
import numpy as np
import pandas as pd
import pysam
import pytest

from metcn.bins import hdf5_file
from metcn.bins import stage as bins_stage
from metcn.bins import tiles as tiling
from metcn.counts import alignment as counted
from metcn.counts import counters as counting
from metcn.counts import stage
from metcn.errors import InputError
from metcn.genome import build
from metcn.io import tables
from support.small_files import write_bam, write_fasta

GRCH37 = build.load("GRCh37")
MET = GRCH37.met[0]
PANEL = f"""\
1\t1000000\t1000250\tNOC2L_Exon1_NM1
1\t1001000\t1001001\trs123
7\t55241610\t55241741\tEGFR_Exon18_NM2
7\t{MET + 1000}\t{MET + 1500}\tMET_Exon2_NM3
7\t{MET + 5000}\t{MET + 5200}\t.
7\t140453100\t140453300\t.
X\t1000000\t1000200\tAR
"""
TARGETS = [f"chr1\t{start}\t{start + 100}\t.\t{start / 1000:g}" for start in range(1000, 5000, 100)]
COVERAGE = "\n".join([*TARGETS, f"chr7\t{MET + 5}\t{MET + 200}\tMET\t50", ""])


def make_bins(
    folder,
    *,
    assay="panel",
    targets=PANEL,
    coverage=None,
    fasta=None,
    reference=None,
    settings=None,
    gc=None,
    mapp=None,
):
    """Path and content of the bins made from the text of a BED or of a coverage table."""
    paths = {}
    for name, text in (("targets", targets), ("coverage", coverage), ("gc", gc), ("mapp", mapp)):
        paths[name] = None
        if text is not None:
            paths[name] = folder / name
            paths[name].write_text(text)
    output = folder / "bins.tsv"
    bins_stage.bins(
        assay=assay,
        genome="GRCh37",
        targets=paths["targets"],
        fasta=fasta,
        coverage=[paths["coverage"]] if coverage else None,
        reference=reference,
        gc=paths["gc"],
        mappability=paths["mapp"],
        output=output,
        settings=settings or {},
    )
    return output, tables.read_bins(output)


def make_counts(folder, bins, *, alignment=None, coverage=None, settings=None):
    """Counts and summary of one sample."""
    stage.counts(
        sample="s",
        bins=bins,
        alignment=alignment,
        coverage=coverage,
        fasta=None,
        genome="GRCh37",
        output=folder / "s.cnn",
        summary=folder / "s.json",
        settings=settings or {},
    )
    return tables.read_counts(folder / "s.cnn"), json.loads((folder / "s.json").read_text())


def test_panel_bins(tmp_path):
    _, frame = make_bins(tmp_path)
    targets = frame[frame["kind"] == "target"]
    assert (targets["chromosome"] + " " + targets["gene"] + " " + targets["role"]).tolist() == [
        "1 NOC2L backbone",
        "1 - backbone",
        "7 EGFR chr7",
        "7 MET met",
        "7 MET met",
        "7 MET met",  # unnamed in the BED
        "7 BRAF chr7",  # unnamed in the BED
        "X AR sex",
    ]
    assert (targets["end"] - targets["start"]).tolist() == [250, 100, 131, 250, 250, 200, 200, 200]
    off_target = frame[frame["kind"] == "off_target"]
    assert set(off_target["gene"]) == {"Antitarget"}
    assert (off_target["end"] - off_target["start"]).between(15_000, 300_000).all()
    assert set(frame["chromosome"]) == {*build.AUTOSOMES, "X", "Y"}  # spelled as in the BED
    assert (frame["mask"] == "").all() and frame["gc"].isna().all()
    neighbours = frame["chromosome"].iloc[1:].to_numpy() == frame["chromosome"].iloc[:-1].to_numpy()
    assert (frame["start"].to_numpy()[1:] >= frame["end"].to_numpy()[:-1])[neighbours].all()


def test_panel_settings_are_used(tmp_path):
    _, frame = make_bins(tmp_path, settings={"target_bp": 125, "off_target_bp": 1_000_000})
    targets = frame[frame["kind"] == "target"]
    assert (targets["end"] - targets["start"]).tolist()[:3] == [125, 125, 100]
    assert 2500 < (frame["kind"] == "off_target").sum() < 4000


def test_amplicon_bins_are_the_inserts(tmp_path):
    inserts = f"chr7\t{MET + 10}\t{MET + 150}\tMET_1\nchr7\t{MET + 100}\t{MET + 260}\tMET_2\nchr2\t50\t60\t.\n"
    _, frame = make_bins(tmp_path, assay="amplicon", targets=inserts)
    assert frame[["chromosome", "start", "gene", "kind", "role"]].to_numpy().tolist() == [
        ["chr2", 50, "-", "amplicon", "backbone"],
        ["chr7", MET + 10, "MET", "amplicon", "met"],
        ["chr7", MET + 100, "MET", "amplicon", "met"],
    ]


def test_window_bins(tmp_path):
    _, frame = make_bins(tmp_path, assay="swgs", targets=None, settings={"window_bp": None})
    assert set(frame["chromosome"]) == {"chr" + name for name in (*build.AUTOSOMES, "X", "Y")}
    last = frame.groupby("chromosome", sort=False)["end"].max()
    assert {build.bare(name): length for name, length in last.items()}.items() <= GRCH37.contigs.items()
    assert {"centromere", "blacklisted", ""} == set(frame["mask"])
    inside = frame[(frame["chromosome"] == "chr7") & (frame["start"] >= 58_100_000) & (frame["end"] <= 61_500_000)]
    assert len(inside) and set(inside["mask"]) == {"centromere"}
    assert frame.loc[frame["role"] == "met", ["gene", "mask"]].drop_duplicates().to_numpy().tolist() == [["MET", ""]]


def test_coverage_bins_are_the_rows(tmp_path):
    _, frame = make_bins(tmp_path, coverage=COVERAGE, targets=None)
    assert len(frame) == len(TARGETS) + 1
    assert set(frame["kind"]) == {"target"}
    assert frame["role"].value_counts().to_dict() == {"backbone": len(TARGETS), "met": 1}
    _, windows = make_bins(tmp_path, assay="wgs", coverage=COVERAGE, targets=None)
    assert set(windows["kind"]) == {"window"}


def test_bins_of_a_ready_reference_come_first(tmp_path):
    _, frame = make_bins(tmp_path, coverage=COVERAGE, targets=None)
    with h5py.File(tmp_path / "reference.h5", "w") as handle:
        hdf5_file.write_bins(handle, frame)
    _, found = make_bins(tmp_path, reference=tmp_path / "reference.h5")
    pd.testing.assert_frame_equal(found, frame)


def test_unplaced_contigs_are_masked_not_dropped(tmp_path):
    _, frame = make_bins(
        tmp_path, assay="amplicon", targets="chrUn_gl1\t5\t50\tX1\nchrM\t5\t50\tND1\nchr1\t5\t50\tA1\n"
    )
    assert frame[["chromosome", "mask"]].to_numpy().tolist() == [
        ["chr1", ""],
        ["chrM", "unplaced"],
        ["chrUn_gl1", "unplaced"],
    ]


def test_sequence_gives_gc_and_masks_unknown_stretches(tmp_path):
    fasta = write_fasta(tmp_path, **{"2": "G" * 100 + "A" * 100 + "N" * 1800})
    windows = "".join(f"2\t{start}\t{start + 100}\t.\t9\n" for start in (50, 900))
    _, frame = make_bins(tmp_path, assay="wgs", targets=None, coverage=windows, fasta=fasta)
    np.testing.assert_array_equal(frame["gc"], [0.5, np.nan])
    assert frame["mask"].tolist() == ["", "unsequenced"]
    _, panel = make_bins(tmp_path, targets="2\t1010000\t1010200\tA1\n", fasta=fasta)
    assert panel.loc[panel["chromosome"] == "2", "start"].iloc[0] == 2000  # the run of N is left out


GRID = "".join(f"chr2\t{start}\t{start + 100}\t.\t9\n" for start in range(1000, 1500, 100))
SHARES = "fixedStep chrom=2 start=1001 step=50 span=50\n0.4\n0.6\n0\n0.3\n-1\n0.9\n-1\n-1\n1\n"


def test_tracks_give_gc_and_mappability(tmp_path):
    """Rows of half a bin: two known, one unknown, both unknown, one beyond the file's end."""
    _, frame = make_bins(tmp_path, assay="swgs", targets=None, coverage=GRID, gc=SHARES, mapp=SHARES)
    np.testing.assert_allclose(frame["mappability"], [0.5, 0.15, 0.9, np.nan, 1.0])
    np.testing.assert_allclose(frame["gc"], [0.5, 0.3, 0.9, np.nan, 1.0])  # GC of 0 means that nothing is known
    assert (frame["mask"] == "").all()


@pytest.mark.parametrize(("least", "masked"), [(0.15, []), (0.16, [1]), (0.5, [1]), (0.51, [0, 1])])
def test_bins_of_low_mappability_are_masked(tmp_path, least, masked):
    settings = {"min_mappability": least}
    _, frame = make_bins(tmp_path, assay="swgs", targets=None, coverage=GRID, mapp=SHARES, settings=settings)
    assert np.flatnonzero(frame["mask"] == "low_mappability").tolist() == masked
    assert len(frame) == 5


def test_targets_are_not_masked_for_repeats(tmp_path):
    everywhere = "".join(f"{name}\t0\t{length}\t0.1\n" for name, length in GRCH37.contigs.items())
    _, frame = make_bins(tmp_path, mapp=everywhere, settings={"min_mappability": 0.5})
    masks = frame.groupby("kind")["mask"].unique()
    assert masks["target"].tolist() == [""]
    assert "low_mappability" in masks["off_target"] and "" not in masks["off_target"]


def test_gc_of_wide_stretches_is_not_that_of_a_target(tmp_path):
    """Off-target bins of 150 kb have the GC content of rows of 10 kb, targets of 250 bp do not."""
    text = "".join(f"fixedStep chrom={name} start=1 step=10000 span=10000\n" + "0.4\n" * 9000 for name in ("1", "7"))
    _, frame = make_bins(tmp_path, gc=text, mapp=text)
    known = frame[frame["chromosome"].isin(["chr7", "7"]) & (frame["end"] < 9e7)]
    assert known.loc[known["kind"] == "off_target", "gc"].unique().tolist() == [0.4]
    assert frame.loc[frame["kind"] == "target", "gc"].isna().all()
    assert frame["mappability"].notna().sum() > frame["gc"].notna().sum()


WRONG_TRACKS = [
    pytest.param(f"chr2\t{GRCH37.contigs['2']}\t{GRCH37.contigs['2'] + 9}\t0.5\n", "begins beyond the", id="build"),
    pytest.param("2\t1000\t1200\t0.5\nchr2\t1100\t1300\t0.5\n", "2:1100 is in two rows", id="overlap"),
    pytest.param("3\t1000\t1200\t0.5\n", "of no bin of this assay", id="another chromosome"),
    pytest.param("2\t1000\t1200\t-1\n", "of no bin of this assay", id="nothing known"),
    pytest.param("2\t1000\t1200\t50\n", "give shares between 0 and 1", id="percent"),
]


@pytest.mark.parametrize("name", ["gc", "mapp"])
@pytest.mark.parametrize(("text", "message"), WRONG_TRACKS)
def test_wrong_tracks_are_refused(tmp_path, text, message, name):
    with pytest.raises(InputError, match=message) as raised:
        make_bins(tmp_path, assay="swgs", targets=None, coverage=GRID, **{name: text})
    assert str(tmp_path / name) in str(raised.value)


def test_gc_of_rows_wider_than_every_bin_is_refused(tmp_path):
    with pytest.raises(InputError, match="tells the gc of no bin of this assay; give one whose rows"):
        make_bins(tmp_path, assay="swgs", targets=None, coverage=GRID, gc="2\t0\t10000\t0.5\n")


def test_the_last_window_of_a_grid_may_overhang_its_chromosome(tmp_path):
    end = GRCH37.contigs["7"]
    grid = f"chr7\t{end - 600}\t{end - 100}\t.\t9\nchr7\t{end - 100}\t{end + 400}\t.\t9\n"
    _, frame = make_bins(tmp_path, assay="wgs", targets=None, coverage=grid)
    assert frame["end"].tolist() == [end - 100, end + 400]


WRONG_BINS = [
    pytest.param(
        {"assay": "wgs", "targets": None, "coverage": "chr7\t159138663\t159139000\t.\t9\n"},
        "ends beyond the chromosome in GRCh37",
        id="window beyond the chromosome",
    ),
    pytest.param({"targets": None}, "assay panel needs the places it measures", id="no targets"),
    pytest.param(
        {"targets": "chr7\t116672000\t116672200\tMET_2\n"}, "is named MET, but MET of GRCh37 is at", id="build by MET"
    ),
    pytest.param(
        {"targets": "chr7\t159200000\t159200200\tX\n"}, "ends beyond the chromosome in GRCh37", id="build by length"
    ),
    pytest.param(
        {"coverage": "chr7\t116672000\t116672200\tMET\t9\n"}, "is named MET, but MET of GRCh37", id="coverage build"
    ),
    pytest.param({"fasta": "none.fa"}, "none.fa does not exist; correct fasta", id="no FASTA"),
]


@pytest.mark.parametrize(("given", "message"), WRONG_BINS)
def test_wrong_input_for_bins_is_refused(tmp_path, given, message):
    with pytest.raises(InputError, match=message):
        make_bins(tmp_path, **given)


def pair(contig, start, length, *, flag=0, mapq=60):
    """Both mates of one fragment."""
    return [
        (contig, start, 99 | flag, mapq, length, "50M"),
        (contig, start + length - 50, 147 | flag, mapq, -length, "50M"),
    ]


def whole_genome(prefix="chr"):
    return {prefix + name: length for name, length in GRCH37.contigs.items() if name != "MT"}


def some_bam(folder, *, prefix="chr", fragments=200):
    contigs = whole_genome(prefix)
    one, seven = list(contigs).index(prefix + "1"), list(contigs).index(prefix + "7")
    reads = [read for offset in range(7) for read in pair(one, 1_000_000 + 10 * offset, 200)]
    reads += pair(one, 1_000_005, 200, flag=0x400)
    for offset in range(fragments):
        reads += pair(seven, MET + 1000 + offset % 50, 200)
    reads += pair(seven, MET + 90_000, 200) + pair(seven, MET + 5000, 200, mapq=3)
    return write_bam(folder / "s.bam", sorted(reads, key=lambda read: read[:2]), contigs=contigs)


def test_speed_is_told_apart_from_the_results(tmp_path):
    """Two runs differ in their speed alone."""
    bins, _ = make_bins(tmp_path)
    written = []
    for turn in ("one", "two"):
        paths = {name: tmp_path / turn / name for name in ("output", "summary", "speed")}
        stage.counts(sample="s", bins=bins, alignment=some_bam(tmp_path), coverage=None, fasta=None, genome="GRCh37",
                     **paths, settings={"threads": 2})  # fmt: skip
        written.append([paths[name].read_bytes() for name in ("output", "summary")])
        pace = json.loads(paths["speed"].read_text())
        assert (pace["sample"], pace["records"], pace["threads"]) == ("s", 420, 2)
        assert pace["bytes_read"] == (tmp_path / "s.bam").stat().st_size
        assert pace["records_per_second"] * pace["seconds"] == pytest.approx(420)
        assert pace["bytes_per_second"] * pace["seconds"] == pytest.approx(pace["bytes_read"])
    assert written[0] == written[1]


def test_a_coverage_table_has_no_speed(tmp_path):
    bins, _ = make_bins(tmp_path, coverage=COVERAGE, targets=None)
    speed = tmp_path / "speed.json"
    stage.counts(sample="s", bins=bins, alignment=None, coverage=[tmp_path / "coverage"], fasta=None,
                 genome="GRCh37", output=tmp_path / "s.cnn", summary=tmp_path / "s.json", speed=speed,
                 settings={})  # fmt: skip
    assert json.loads(speed.read_text()) == {"sample": "s", **dict.fromkeys(counted.PACE)}


@pytest.mark.parametrize("prefix", ["chr", ""])
def test_alignment_is_counted_whichever_way_contigs_are_spelled(tmp_path, prefix):
    bins, frame = make_bins(tmp_path)
    counts, summary = make_counts(tmp_path, bins, alignment=some_bam(tmp_path, prefix=prefix))
    assert counts[["chromosome", "start", "end", "gene"]].equals(frame[["chromosome", "start", "end", "gene"]])
    filled = counts[counts["count"] > 0]
    assert (filled["gene"] + " " + filled["count"].astype(str)).tolist() == ["NOC2L 7", "MET 200", "Antitarget 1"]
    np.testing.assert_allclose(filled["depth"], filled["count"] * 1000 / (filled["end"] - filled["start"]), rtol=1e-5)
    assert (counts.loc[counts["count"] == 0, "log2"] == -20).all()
    assert summary["source"] == {"kind": "alignment", "files": ["s.bam"]}
    assert summary["tallies"] == {
        **dict.fromkeys(counting.TALLIES, 0),
        "records": 420,
        "duplicate": 2,
        "low_mapping_quality": 2,
        "second_mate": 208,
        "fragments": 208,
    }
    assert summary["fragments"] == 208
    assert summary["duplicates"] == 2 / 420
    assert summary["on_target"] == 207 / 208
    assert summary["bins_without_contig"] == 0
    assert summary["reasons"] == []
    lengths = summary["lengths"]
    assert {name: lengths[name]["fragments"] for name in ("met", "chr7", "backbone")} == {
        "met": 201, "chr7": 0, "backbone": 7,
    }  # fmt: skip
    assert lengths["met"]["mode_bp"] == 200 and lengths["met"]["share_short"] == 0


def test_filters_come_from_the_settings(tmp_path):
    bins, _ = make_bins(tmp_path)
    settings = {"min_mapq": 0, "keep_duplicates": True, "min_fragment_bp": 0, "max_fragment_bp": 1000}
    _, summary = make_counts(tmp_path, bins, alignment=some_bam(tmp_path), settings=settings)
    assert summary["fragments"] == 210 and summary["duplicates"] is None


def test_base_depth_is_bases_over_width(tmp_path):
    """``count`` and everything else that is told of fragments stays as it is."""
    bins, _ = make_bins(tmp_path)
    alignment = some_bam(tmp_path)
    by_fragments, of_fragments = make_counts(tmp_path, bins, alignment=alignment)
    counts, summary = make_counts(tmp_path, bins, alignment=alignment, settings={"unit": "bases"})
    assert counts["count"].equals(by_fragments["count"])
    rows = counts[["start", "end"]].to_numpy()
    with pysam.AlignmentFile(str(alignment)) as handle:
        reads = [read for read in handle if read.mapping_quality >= 20 and not read.is_duplicate]
        chromosomes = [read.reference_name.removeprefix("chr") for read in reads]
    for (start, end), chromosome, found in zip(rows, counts["chromosome"], counts["depth"], strict=True):
        bases = sum(
            read.get_overlap(start, end) for read, own in zip(reads, chromosomes, strict=True) if own == chromosome
        )
        assert found == pytest.approx(bases / (end - start), rel=1e-5)
    assert (counts["depth"] > 0).sum() >= 3
    assert (of_fragments.pop("unit"), summary.pop("unit")) == ("fragments", "bases")
    assert (of_fragments.pop("depth_unit"), summary.pop("depth_unit")) == ("fragments per kb", "bases per bp")
    assert of_fragments.pop("mean_depth") != summary.pop("mean_depth") and of_fragments == summary


def test_same_input_same_bytes(tmp_path):
    bins, _ = make_bins(tmp_path)
    alignment = some_bam(tmp_path)
    once, again = (
        [make_counts(tmp_path, bins, alignment=alignment), (tmp_path / "s.cnn").read_bytes()][1] for _ in range(2)
    )
    assert once == again


def test_few_fragments_in_met_are_low_depth(tmp_path):
    bins, _ = make_bins(tmp_path)
    for fragments, reasons in ((98, ["low_depth"]), (99, [])):  # one more lies between MET's targets
        _, summary = make_counts(tmp_path, bins, alignment=some_bam(tmp_path, fragments=fragments))
        assert summary["reasons"] == reasons


def test_contigs_without_met_are_missing_not_zero(tmp_path):
    bins, frame = make_bins(tmp_path)
    path = write_bam(tmp_path / "s.bam", pair(0, 1_000_000, 200), contigs={"chr1": 2_461_623})
    counts, summary = make_counts(tmp_path, bins, alignment=path)
    beyond = (frame["chromosome"] != "1") | (frame["end"] > 2_461_623)
    np.testing.assert_array_equal(counts["depth"].isna(), beyond)
    assert summary["bins_without_contig"] == beyond.sum()
    assert set(summary["reasons"]) == {"met_not_covered", "build_not_verified"}


def test_alignment_without_reads_is_a_result(tmp_path):
    bins, _ = make_bins(tmp_path)
    unmapped = [(-1, -1, 4, 0, 0, None)]
    counts, summary = make_counts(
        tmp_path, bins, alignment=write_bam(tmp_path / "s.bam", unmapped, contigs=whole_genome())
    )
    assert (counts["depth"] == 0).all()
    assert summary["tallies"]["unmapped"] == 1 and summary["on_target"] is None
    assert set(summary["reasons"]) == {"met_not_covered", "no_reads"}


AMPLICONS = "".join(f"7\t{start}\t{start + 150}\tMET\n" for start in range(116_340_000, 116_346_000, 1000))
AMPLICONS += "".join(f"1\t{start}\t{start + 150}\tG{start}\n" for start in range(2_000_000, 2_020_000, 1000))


def of_amplicons(folder, *, met=40, others=40, own=4, mapq=60, flag=0):
    """Pairs of every insert, all but ``own`` of which are marked as duplicates."""
    contigs, reads = whole_genome(), []
    for line in AMPLICONS.splitlines():
        chromosome, start, _, gene = line.split("\t")
        pairs = met if gene == "MET" else others
        for number in range(pairs):
            marked = flag | (0x400 if number >= own else 0)
            contig, place = list(contigs).index("chr" + chromosome), int(start)
            quality = mapq if gene == "MET" else 60
            reads += [(contig, place, 99 | marked, quality, 150, "50M"),
                      (contig, place + 100, 147 | marked, quality, -150, "50M")]  # fmt: skip
    return write_bam(folder / "s.bam", sorted(reads), contigs=contigs)


POLICIES = [
    pytest.param("amplicon", None, True, {}, id="amplicons by default"),
    pytest.param("amplicon", False, False, {"duplicate": "most_reads_filtered"}, id="amplicons, left out"),
    pytest.param("panel", None, False, {"duplicate": "reads_filtered"}, id="panel by default"),
    pytest.param("panel", True, True, {}, id="panel, counted"),
]


@pytest.mark.parametrize(("assay", "asked", "kept", "lost"), POLICIES)
def test_duplicates_count_where_fragments_begin_at_primers(tmp_path, assay, asked, kept, lost):
    bins, frame = make_bins(tmp_path, assay=assay, targets=AMPLICONS)
    path = of_amplicons(tmp_path)
    counts, summary = make_counts(tmp_path, bins, alignment=path, settings={"keep_duplicates": asked})
    on_target = (frame["kind"] != "off_target").to_numpy()
    assert counts["count"][on_target].sum() == (40 if kept else 4) * 26
    assert (summary["keep_duplicates"], summary["duplicates"]) == (kept, None if kept else 0.9)
    assert {loss["filter"]: loss["reason"] for loss in summary["filtered"]} == lost
    assert set(lost.values()) <= set(summary["reasons"])


def test_saturated_duplicates_are_found_by_the_ratio_without_them(tmp_path):
    """160 pairs in MET and 40 elsewhere leave 20 and 10 unmarked: a ratio of 4 reads 2."""
    bins, _ = make_bins(tmp_path, targets=AMPLICONS)
    path = of_amplicons(tmp_path, met=160, others=40, own=20)
    _, summary = make_counts(tmp_path, bins, alignment=path)
    (everywhere,) = [loss for loss in summary["filtered"] if loss["where"] == "MET"]
    assert everywhere["filter"] == "duplicate" and everywhere["effect"] == pytest.approx(4)
    assert everywhere["reason"] == "most_reads_filtered" and "counts.keep_duplicates" in everywhere["text"]


FILTERED = [
    pytest.param({"mapq": 3}, "low_mapping_quality", "MET", "counts.min_mapq", id="mapping quality in MET"),
    pytest.param({"flag": 0x200}, "qc_failed", "input", None, id="failed quality control"),
    pytest.param({"own": 0}, "duplicate", "input", "counts.keep_duplicates", id="all duplicates"),
]


@pytest.mark.parametrize(("made", "name", "where", "setting"), FILTERED)
def test_reads_that_a_filter_took_are_not_a_gene_that_is_not_covered(tmp_path, made, name, where, setting):
    bins, _ = make_bins(tmp_path, targets=AMPLICONS)
    path = of_amplicons(tmp_path, **{"own": 40, **made})
    _, summary = make_counts(tmp_path, bins, alignment=path)
    worst = summary["filtered"][-1 if where == "input" else 0]
    assert (worst["filter"], worst["where"], worst["setting"]) == (name, where, setting)
    assert worst["share"] > 0.99 and f"{worst['lost']:,} of {worst['of']:,}" in worst["text"]
    assert "most_reads_filtered" in summary["reasons"]
    assert not {"met_not_covered", "no_reads"} & set(summary["reasons"])


def test_an_index_of_fewer_records_is_a_note(tmp_path, capsys):
    bins, _ = make_bins(tmp_path)
    path = some_bam(tmp_path)
    index = path.with_name(path.name + ".bai").read_bytes()
    for own in (True, False):
        some_bam(tmp_path, fragments=200 if own else 250)
        path.with_name(path.name + ".bai").write_bytes(index)
        _, summary = make_counts(tmp_path, bins, alignment=path)
        assert [f"run `samtools index {path}`" in note for note in summary["warnings"]] == [True] * (not own)
    assert "metcn: note:" in capsys.readouterr().err


def test_coverage_passes_through(tmp_path):
    bins, _ = make_bins(tmp_path, coverage=COVERAGE, targets=None)
    counts, summary = make_counts(tmp_path, bins, coverage=[tmp_path / "coverage"])
    assert counts["depth"].tolist()[:3] == [1.0, 1.1, 1.2]
    assert counts["count"].isna().all()
    assert summary["reasons"] == []  # a bin named MET lies in MET, which proves the build
    assert summary["source"]["kind"] == "coverage" and summary["fragments"] is None


def test_coverage_without_names_cannot_prove_the_build(tmp_path):
    bins, _ = make_bins(tmp_path, coverage=COVERAGE.replace("MET", "."), targets=None)
    _, summary = make_counts(tmp_path, bins, coverage=[tmp_path / "coverage"])
    assert summary["reasons"] == ["build_not_verified"]


OTHER_ROWS = [
    pytest.param(
        COVERAGE.replace("chr1\t1200\t", "chr1\t1201\t"), "bin 3: chr1:1200-1300 against chr1:1201-1300", id="moved"
    ),
    pytest.param(COVERAGE.split("\n", 1)[1], "bin 1: chr1:1000-1100 against chr1:1100-1200", id="first row gone"),
    pytest.param(COVERAGE + "chr8\t1\t5\t.\t3\n", "bin 42: no further row against chr8:1-5", id="one more"),
    pytest.param(
        COVERAGE.rsplit("\n", 2)[0] + "\n", f"bin 41: chr7:{MET + 5}-{MET + 200} against no further row", id="one less"
    ),
]


@pytest.mark.parametrize(("text", "message"), OTHER_ROWS)
def test_coverage_of_another_design_is_refused(tmp_path, text, message):
    bins, _ = make_bins(tmp_path, coverage=COVERAGE, targets=None)
    (tmp_path / "other").write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        make_counts(tmp_path, bins, coverage=[tmp_path / "other"])
    assert str(bins) in str(raised.value) and str(tmp_path / "other") in str(raised.value)


WRONG_ALIGNMENTS = [
    pytest.param({"NC_000007.13": 159138663}, "expected contigs such as 1, found NC_000007.13", id="accessions"),
    pytest.param({"chr7": 159345973}, "is GRCh38", id="other build"),
]


@pytest.mark.parametrize(("contigs", "message"), WRONG_ALIGNMENTS)
def test_wrong_alignments_are_refused(tmp_path, contigs, message):
    bins, _ = make_bins(tmp_path)
    with pytest.raises(InputError, match=message):
        make_counts(tmp_path, bins, alignment=write_bam(tmp_path / "s.bam", contigs=contigs))


def test_a_sample_needs_a_source(tmp_path):
    bins, _ = make_bins(tmp_path)
    with pytest.raises(InputError, match="sample s has neither alignments nor coverage"):
        make_counts(tmp_path, bins)


def test_cnvkit_reads_our_counts(tmp_path):
    cnvlib = pytest.importorskip("cnvlib")
    bins, frame = make_bins(tmp_path)
    make_counts(tmp_path, bins, alignment=some_bam(tmp_path))
    assert len(cnvlib.read(str(tmp_path / "s.cnn"))) == len(frame)


def test_gene_symbols_of_a_design_survive_a_second_pass():
    assert all(tiling.gene_symbol(name) == name for name in ("MET", "EGFR", "-", "HLA-A"))
