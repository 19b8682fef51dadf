"""The VCF: one valid record, filters from reasons, read back by pysam and bcftools."""

from __future__ import annotations

import shutil
import subprocess

import pysam
import pytest

from made_up import amplified, no_call, plasma, unknown_purity
from metcn import vcf
from metcn.columns import REASONS

MET = (116_312_443, 116_438_440)


def written(tmp_path, call):
    path = tmp_path / f"{call['sample']}.vcf.gz"
    vcf.write(path, vcf.text(call, chromosome="chr7", length_bp=159_138_663, met=MET, build="GRCh37"))
    return path


def record_of(path):
    with pysam.VariantFile(str(path)) as handle:
        records = list(handle.fetch("chr7", MET[0] - 10, MET[1]))  # by the index
    assert len(records) == 1
    return records[0]


@pytest.mark.parametrize(
    ("made", "alternative", "filters"),
    [
        (amplified, "<DUP>", ["PASS"]),
        (unknown_purity, "<CNV>", ["indeterminate"]),
        (plasma, "<CNV>", ["indeterminate", "no_normals", "cep7_sides_disagree", "below_limit_of_detection"]),
        (no_call, "<CNV>", ["no_call", "met_not_covered", "few_backbone_bins"]),
    ],
)
def test_record(made, alternative, filters, tmp_path):
    record = record_of(written(tmp_path, made()))
    assert (record.chrom, record.pos, record.stop, record.ref, record.alts) == (
        "chr7",
        MET[0],
        MET[1],
        "N",
        (alternative,),
    )
    assert list(record.filter) == filters
    assert record.info["SVLEN"] == (MET[1] - MET[0],)
    assert record.info["CALL"] == made()["call"]
    assert record.info.get("REASONS", ()) == tuple(made()["reasons"])


def test_numbers_are_copies_with_their_interval(tmp_path):
    record = record_of(written(tmp_path, amplified()))
    sample = record.samples["LC-0417"]
    assert [round(sample[name], 4) for name in vcf.VALUES] == [14.1, 12.5, 15.9, 2.9, 4.9, 3.05]
    assert record.info["AMPLICON"] == (115_400_001, 117_300_000)


def test_missing_numbers_are_dots(tmp_path):
    record = record_of(written(tmp_path, no_call()))
    assert [record.samples[0][name] for name in vcf.VALUES] == [None] * len(vcf.VALUES)
    assert "AMPLICON" not in record.info and "FOCALITY" not in record.info


def test_every_reason_is_declared():
    text = vcf.text(amplified(), chromosome="7", length_bp=159_138_663, met=MET, build="GRCh37")
    assert [code for code in REASONS if f"##FILTER=<ID={code}," not in text] == []
    assert text.startswith("##fileformat=VCFv4.4\n")


def test_written_twice_is_the_same(tmp_path):
    first = written(tmp_path, amplified()).read_bytes()
    assert written(tmp_path, amplified()).read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["LC-0417.vcf.gz", "LC-0417.vcf.gz.tbi"]


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
def test_bcftools_accepts_it(tmp_path):
    path = written(tmp_path, plasma())
    done = subprocess.run(["bcftools", "view", "-H", str(path)], capture_output=True, text=True, check=True)
    assert done.stderr == "" and done.stdout.count("\n") == 1
