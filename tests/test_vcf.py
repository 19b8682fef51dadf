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
    vcf.write(
        path,
        path.with_name(path.name + ".tbi"),
        vcf.text(call, chromosome="chr7", length_bp=159_138_663, met=MET, build="GRCh37"),
    )
    return path


def record_of(path):
    with pysam.VariantFile(str(path)) as handle:
        records = list(handle.fetch("chr7", MET[0] - 10, MET[1]))  # by the index
    own = [record for record in records if record.id == "MET"]
    assert len(own) == 1
    return own[0]


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
    assert [round(sample[name], 4) for name in vcf.VALUES if name != "CICN"] == [
        *(14.1, 12.5, 15.9, 2.9, 4.9, 3.05),
        *(0.35, 2.6, 3.4),
    ]
    assert [round(distance, 4) for distance in sample["CICN"]] == [-1.6, 1.8]
    assert record.info["AMPLICON"] == (115_400_001, 117_300_000)


def test_missing_numbers_are_dots(tmp_path):
    record = record_of(written(tmp_path, no_call()))
    assert {record.samples[0][name] for name in vcf.VALUES} == {None, (None, None)}
    assert "AMPLICON" not in record.info and "FOCALITY" not in record.info


def test_every_reason_is_declared():
    text = vcf.text(amplified(), chromosome="7", length_bp=159_138_663, met=MET, build="GRCh37")
    assert [code for code in REASONS if f"##FILTER=<ID={code}," not in text] == []
    assert text.startswith("##fileformat=VCFv4.4\n")


def test_written_twice_is_the_same(tmp_path):
    first = written(tmp_path, amplified()).read_bytes()
    assert written(tmp_path, amplified()).read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["LC-0417.vcf.gz", "LC-0417.vcf.gz.tbi"]


def amplicon_of(path):
    with pysam.VariantFile(str(path)) as handle:
        return [record for record in handle if record.id == "MET_amplicon"]


def test_amplicon_is_a_record_of_its_own_before_the_gene(tmp_path):
    [record] = amplicon_of(written(tmp_path, amplified()))
    assert (record.pos, record.stop, record.alts) == (115_400_000, 117_300_000, ("<DUP>",))
    assert record.info["SVLEN"] == (1_900_000,) and record.info["IMPRECISE"]
    assert record.info["GENE"] == ("TFEC", "TES", "CAV2", "CAV1", "MET", "CAPZA2")
    assert (record.samples[0]["CN"], "CIPOS" in record.info) == (None, False)


def test_boundaries_and_copies_of_the_amplicon_are_given_where_known(tmp_path):
    call = amplified()
    call["copies"]["amplicon"] |= {
        "start_low": 115_300_000,
        "start_high": 115_450_000,
        "end_low": 117_200_000,
        "end_high": 117_900_000,
        "copies": {"value": 13.0, "low": 11.5, "high": 14.5},
    }
    [record] = amplicon_of(written(tmp_path, call))
    assert (record.info["CIPOS"], record.info["CIEND"]) == ((-100_000, 50_000), (-100_000, 600_000))
    assert (record.samples[0]["CN"], record.samples[0]["CICN"]) == (13.0, (-1.5, 1.5))


@pytest.mark.parametrize("made", [plasma, no_call])
def test_no_amplicon_no_record(made, tmp_path):
    assert amplicon_of(written(tmp_path, made())) == []


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
def test_bcftools_accepts_it(tmp_path):
    path = written(tmp_path, plasma())
    done = subprocess.run(["bcftools", "view", "-H", str(path)], capture_output=True, text=True, check=True)
    assert done.stderr == "" and done.stdout.count("\n") == 1


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
def test_bcftools_counts_queries_and_joins_samples(tmp_path):
    paths = [str(written(tmp_path, made)) for made in (amplified(), plasma())]
    stats = subprocess.run(["bcftools", "stats", paths[0]], capture_output=True, text=True, check=True)
    assert "number of records:\t2" in stats.stdout and stats.stderr == ""
    query = ["bcftools", "query", "-i", 'ID="MET"', "-f", "%CHROM:%POS %ALT %FILTER[ %CN %CICN]\n", paths[0]]
    assert subprocess.run(query, capture_output=True, text=True, check=True).stdout == (
        "chr7:116312443 <DUP> PASS 14.1 -1.6,1.8\n"
    )
    joined = subprocess.run(["bcftools", "merge", "-m", "none", *paths], capture_output=True, text=True, check=True)
    assert "LC-0417\tPL-22" in joined.stdout


@pytest.mark.skipif(shutil.which("vcf_validator") is None, reason="EBI's vcf_validator is not installed")
@pytest.mark.parametrize("made", [amplified, plasma, no_call])
def test_validator_accepts_it(made, tmp_path):
    call = made()
    text = vcf.text(call, chromosome="chr7", length_bp=159_138_663, met=MET, build="GRCh37")
    path = tmp_path / "plain.vcf"
    path.write_text(text)
    done = subprocess.run(["vcf_validator", "-i", str(path), "-r", "stdout"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
