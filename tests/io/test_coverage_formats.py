"""Others' tables: recognised by content, converted to our columns, or refused with what was seen."""

import gzip

import h5py
import numpy as np
import pandas as pd
import pytest

from metcn.errors import InputError
from metcn.genome import build
from metcn.io import coverage_formats

GRCH37 = build.load("GRCh37")

TARGETS = (
    "chromosome\tstart\tend\tgene\tdepth\tlog2\n"
    + "chr10\t50\t60\tRET\t8\t3\nchr2\t5\t9\tALK\t0\t-20\nchr2\t5\t7\t.\t2\t1\n"
)
TARGETS_LOG2 = "chromosome\tstart\tend\tgene\tlog2\nchr2\t5\t9\tALK\t-20\nchr10\t50\t60\tRET\t3\n"
ANTITARGETS = "chromosome\tstart\tend\tgene\tlog2\nchr2\t7\t5000\tBackground\t-1\nchr2\t9000\t9900\tAntitarget\t-25\n"
MOSDEPTH5 = "chr2\t5\t9\tALK\t12.5\nchr10\t50\t60\t.\t0.00\n"
MOSDEPTH4 = "2\t5\t9\t12.5\n10\t50\t60\t0.00\n"
GATK_COUNTS = "@HD\tVN:1.6\n@SQ\tSN:2\tLN:9\nCONTIG\tSTART\tEND\tCOUNT\n2\t6\t9\t10\n"
GATK_RATIOS = "@HD\tVN:1.6\n@SQ\tSN:2\tLN:9\nCONTIG\tSTART\tEND\tLOG2_COPY_RATIO\n2\t6\t9\t-0.5\n2\t10\t19\tNaN\n"
BEDCOV5 = "chr2\t5\t9\tALK\t50\nchr10\t50\t60\t.\t0\n"
BEDCOV4 = "2\t5\t9\t50\n10\t50\t60\t0\n"
DRAGEN = (
    "#DRAGENVersion=x\ncontig\tstart\tstop\tname\tS1\timproper_pairs\n"
    "chr2\t5\t9\tALK_1\t10\t3\nchr10\t50\t60\ttarget-wgs-10-50\t0\t0\n"
)
CNR = "chromosome\tstart\tend\tgene\tdepth\tlog2\tweight\nchr7\t5\t9\tMET\t4\t1.5\t0.9\nchr7\t9\t19\t-\t0\t-24.6\t0.1\n"


def written(tmp_path, *texts):
    paths = [tmp_path / f"{'bedcov' if text in (BEDCOV4, BEDCOV5) else 'table'}{i}" for i, text in enumerate(texts)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


COVERAGE = [
    pytest.param(
        [TARGETS], ["chr2:5-7 - 2.0", "chr2:5-9 ALK 0.0", "chr10:50-60 RET 8.0"], id="cnvkit with depth, unsorted"
    ),
    pytest.param([TARGETS_LOG2], ["chr2:5-9 ALK 0.0", "chr10:50-60 RET 8.0"], id="cnvkit with log2 only"),
    pytest.param([MOSDEPTH5], ["chr2:5-9 ALK 12.5", "chr10:50-60 - 0.0"], id="mosdepth with names"),
    pytest.param([MOSDEPTH4], ["2:5-9 - 12.5", "10:50-60 - 0.0"], id="mosdepth without names"),
    pytest.param([GATK_COUNTS], ["2:5-9 - 2500.0"], id="gatk counts, per kb, 0-based"),
    pytest.param([BEDCOV5], ["chr2:5-9 ALK 12.5", "chr10:50-60 - 0.0"], id="bedcov with names: bases over width"),
    pytest.param([BEDCOV4], ["2:5-9 - 12.5", "10:50-60 - 0.0"], id="bedcov without names"),
    pytest.param([DRAGEN], ["chr2:5-9 ALK_1 2500.0", "chr10:50-60 - 0.0"], id="dragen counts, per kb"),
    pytest.param([DRAGEN.split("\n", 1)[1]], ["chr2:5-9 ALK_1 2500.0", "chr10:50-60 - 0.0"], id="dragen, no comment"),
]


@pytest.mark.parametrize(("texts", "expected"), COVERAGE)
def test_coverage_is_recognised(tmp_path, texts, expected):
    frame = coverage_formats.read_coverage(written(tmp_path, *texts), GRCH37)
    found = [f"{row.chromosome}:{row.start}-{row.end} {row.gene} {row.depth}" for row in frame.itertuples()]
    assert found == expected
    assert list(frame.columns) == ["chromosome", "start", "end", "gene", "kind", "depth", "count"]
    assert set(frame["kind"]) == {"target"}


def write_hdf5(path, *, counts=((10.0, 0.0),), contigs=("2", "10"), places=((0, 1), (6, 51), (9, 60)), leave_out=""):
    """Read counts as GATK lays them out: one row of counts, contigs by number, 1-based closed intervals."""
    content = {
        "counts/values": np.array(counts),
        "intervals/indexed_contig_names": np.array(contigs, dtype=object),
        "intervals/transposed_index_start_end": np.array(places, dtype=float),
        "sample_metadata/sample_name": np.array(["S1"], dtype=object),
    }
    with h5py.File(path, "w") as handle:
        for name, values in content.items():
            if name != leave_out:
                handle.create_dataset(name, data=values, dtype=h5py.string_dtype() if values.dtype == object else None)
    return path


def test_gatk_hdf5_is_recognised_whatever_its_name(tmp_path):
    frame = coverage_formats.read_coverage([write_hdf5(tmp_path / "table.tsv")], GRCH37)
    found = [f"{row.chromosome}:{row.start}-{row.end} {row.gene} {row.depth}" for row in frame.itertuples()]
    assert found == ["2:5-9 - 2500.0", "10:50-60 - 0.0"]


WRONG_HDF5 = [
    pytest.param({"leave_out": "counts/values"}, "expected GATK read counts in the HDF5 file", id="other HDF5"),
    pytest.param({"counts": [[1.0]]}, "expected GATK read counts in the HDF5 file", id="fewer counts than intervals"),
    pytest.param({"contigs": ["2"]}, "expected GATK read counts in the HDF5 file", id="contig that is not listed"),
    pytest.param({"counts": [[1.0, -1.0]]}, "line 2, column COUNT: expected a number of at least 0", id="negative"),
    pytest.param({"counts": [[0.5, 1.0]]}, "line 1, column COUNT: expected a whole number", id="half a read"),
]


@pytest.mark.parametrize(("content", "message"), WRONG_HDF5)
def test_wrong_hdf5_is_refused(tmp_path, content, message):
    path = write_hdf5(tmp_path / "s.hdf5", **content)
    with pytest.raises(InputError, match=message) as raised:
        coverage_formats.read_coverage([path], GRCH37)
    assert str(path) in str(raised.value)


def test_damaged_hdf5_is_refused(tmp_path):
    path = write_hdf5(tmp_path / "s.hdf5")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError, match="expected GATK read counts in the HDF5 file"):
        coverage_formats.read_coverage([path], GRCH37)


def test_pair_is_joined_in_genome_order_whichever_way_it_is_given(tmp_path):
    pair = written(tmp_path, TARGETS_LOG2, ANTITARGETS)
    frame = coverage_formats.read_coverage(pair, GRCH37)
    assert frame["kind"].tolist() == ["target", "off_target", "off_target", "target"]
    assert frame["depth"].tolist() == [0.0, 0.5, 0.0, 8.0]
    pd.testing.assert_frame_equal(frame, coverage_formats.read_coverage(pair[::-1], GRCH37))


@pytest.mark.parametrize("how", ["gzip", "crlf", "bom"])
def test_packaging_makes_no_difference(tmp_path, how):
    (plain,) = written(tmp_path, TARGETS)
    content = plain.read_bytes()
    other = tmp_path / "other"
    other.write_bytes(
        {"gzip": gzip.compress(content), "crlf": content.replace(b"\n", b"\r\n"), "bom": b"\xef\xbb\xbf" + content}[how]
    )
    pd.testing.assert_frame_equal(
        coverage_formats.read_coverage([other], GRCH37), coverage_formats.read_coverage([plain], GRCH37)
    )


FAULTS = [
    pytest.param("hello\nworld\n", "begins with 'hello' | 'world'", id="prose"),
    pytest.param("chr1\t1\t2\n", "expected one of CNVkit", id="BED without depth"),
    pytest.param("@HD\tVN:1.6\n", "expected one of CNVkit", id="header lines only"),
    pytest.param("contig\tstart\tstop\tname\tS1\tS2\n", "found 2 columns (S1, S2)", id="another DRAGEN table"),
    pytest.param(MOSDEPTH5.replace("0.00", "0.00\t7"), "not a regular tab-separated table", id="a field more"),
    pytest.param("CONTIG\tSTART\tEND\tMEAN\n1\t1\t2\t3\n", "expected column COUNT or LOG2", id="another GATK table"),
    pytest.param(CNR, "holds ratios or a reference", id="ratios given as coverage"),
    pytest.param(GATK_RATIOS, "holds ratios or a reference", id="GATK ratios given as coverage"),
    pytest.param(
        MOSDEPTH5.replace("12.5", "inf"), "line 1, column depth: expected a finite number, found 'inf'", id="inf"
    ),
    pytest.param(
        MOSDEPTH5.replace("0.00", "-1"), "line 2, column depth: expected a number of at least 0", id="negative"
    ),
    pytest.param(
        MOSDEPTH5.replace("0.00", "x"), "line 2, column depth: expected a finite number, found 'x'", id="text"
    ),
    pytest.param(MOSDEPTH5.replace("0.00", ""), "line 2, column depth: expected a value, found ''", id="empty"),
    pytest.param(
        MOSDEPTH5.replace("\t60", "\t49"), "line 2, column end: expected an end above the start", id="reversed"
    ),
    pytest.param(MOSDEPTH5.replace("\t50", "\t5e"), "line 2, column start: expected a finite number", id="start"),
    pytest.param(MOSDEPTH5 + "chr2\t5\t9\tALK\t3\n", "line 3, column start: expected each interval once", id="repeat"),
    pytest.param(MOSDEPTH5 + "2\t5\t9\tALK\t3.5\n", "chr2:5-9 is twice in", id="a bin under two names"),
    pytest.param(
        GATK_COUNTS.replace("\t6\t", "\t0\t"), "line 4, column START: expected a 1-based start", id="0-based GATK"
    ),
    pytest.param("chromosome\tstart\tend\tgene\tlog2\n", "has a header but no rows", id="no rows"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_faulty_coverage_is_refused(tmp_path, text, message):
    (path,) = written(tmp_path, text)
    with pytest.raises(InputError) as raised:
        coverage_formats.read_coverage([path], GRCH37)
    assert message in str(raised.value) and str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_the_same_table_twice_is_refused(tmp_path):
    (path,) = written(tmp_path, TARGETS)
    with pytest.raises(InputError, match="is in more than one of"):
        coverage_formats.read_coverage([path, path], GRCH37)


def test_no_table_is_refused():
    with pytest.raises(InputError, match="at least one coverage table"):
        coverage_formats.read_coverage([], GRCH37)


def test_cnvkit_ratios(tmp_path):
    (path,) = written(tmp_path, CNR)
    frame = coverage_formats.read_ratios(path)
    np.testing.assert_array_equal(frame["log2"], [1.5, np.nan])  # CNVkit's null is a missing ratio, not a deep loss
    assert frame["weight"].tolist() == [0.9, 0.1]
    assert frame["depth"].tolist() == [4.0, 0.0]
    assert frame["gene"].tolist() == ["MET", "-"]


def test_gatk_ratios(tmp_path):
    (path,) = written(tmp_path, GATK_RATIOS)
    frame = coverage_formats.read_ratios(path)
    assert frame[["chromosome", "start", "end", "gene"]].to_numpy().tolist() == [["2", 5, 9, "-"], ["2", 9, 19, "-"]]
    np.testing.assert_array_equal(frame["log2"], [-0.5, np.nan])


@pytest.mark.parametrize("text", [MOSDEPTH5, GATK_COUNTS, BEDCOV4, DRAGEN])
def test_depth_given_as_ratios_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="holds depth"):
        coverage_formats.read_ratios(written(tmp_path, text)[0])
