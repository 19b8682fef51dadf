"""The VCF: one valid record, filters from reasons, read back by pysam and bcftools."""

from __future__ import annotations

import re
import shutil
import subprocess

import pysam
import pytest

from metcn.calls import vcf
from metcn.vocabulary import REASONS
from support.made_up import amplified, no_call, plasma, unknown_purity

MET = (116_312_443, 116_438_440)


HEADER = re.compile(
    r"##(\w+)=<ID=([^,>]+)(?:,Number=([^,]+),Type=(\w+))?(?:,(?:Description=\"[^\"\\\\]+\"|length=\d+,assembly=\w+))>"
)
RESERVED = {  # VCF 4.4, sections 1.6.1, 3 and 4
    ("INFO", "END"): ("1", "Integer"),
    ("INFO", "SVLEN"): ("A", "Integer"),
    ("INFO", "SVCLAIM"): ("A", "String"),
    ("INFO", "IMPRECISE"): ("0", "Flag"),
    ("INFO", "CIPOS"): (".", "Integer"),
    ("INFO", "CIEND"): (".", "Integer"),
    ("INFO", "EVENT"): ("A", "String"),
    ("INFO", "EVENTTYPE"): ("A", "String"),
    ("FORMAT", "FT"): ("1", "String"),
    ("FORMAT", "CN"): ("1", "Float"),
    ("FORMAT", "CICN"): ("2", "Float"),
}
FORMS = {
    "Integer": re.compile(r"[-+]?\d+"),
    "Float": re.compile(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?"),
    "String": re.compile(r"[^\s;=,:%]+"),
}


def faults(text: str) -> list[str]:
    """Rules of VCF 4.4 that a file breaks which has one sample and one symbolic allele in each record."""
    found, declared, last, seen = [], {}, 0, set()
    lines = text.split("\n")
    if lines[0] != "##fileformat=VCFv4.4" or lines[-1] != "":
        found.append("the first line is the version, the last ends with a line feed")
    for line in lines[1:-1]:
        if line.startswith("##"):
            parts = HEADER.fullmatch(line)
            if "=<" in line and (parts is None or parts.group(1, 2) in declared):
                found.append(f"header line: {line}")
            elif parts is not None:
                declared[parts.group(1, 2)] = parts.group(3, 4)
        elif line.startswith("#"):
            if not re.fullmatch(r"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t\S+", line):
                found.append(f"names of columns: {line}")
        else:
            place = int(line.split("\t")[1])
            if place < last or line.split("\t")[2] in seen:
                found.append("positions ascend, names are unique")
            last, seen = place, seen | {line.split("\t")[2]}
            found += record_faults(line, declared)
    return found + [f"{key} is {declared[key]}" for key in RESERVED.keys() & declared if declared[key] != RESERVED[key]]


def record_faults(line: str, declared: dict) -> list[str]:
    """What one record breaks."""
    chromosome, place, _, base, allele, _, filters, info, names, values = line.split("\t")
    kind, given = allele.strip("<>"), dict((part.split("=") + [""])[:2] for part in info.split(";"))
    used = [("contig", chromosome), ("ALT", kind), *(("FILTER", name) for name in filters.split(";") if name != "PASS")]
    used += [*(("INFO", key) for key in given), *(("FORMAT", key) for key in names.split(":"))]
    found = [f"{key} is not declared" for key in used if key not in declared]
    if base != "N" or allele != f"<{kind}>" or kind not in ("DUP", "CNV"):
        found.append(f"alleles {base} and {allele}")
    if len(info.split(";")) != len(given) or len(names.split(":")) != len(values.split(":")):
        found.append("a key stands twice, or a value is lacking")
    pairs = [("INFO", *pair) for pair in given.items()]
    pairs += [("FORMAT", *pair) for pair in zip(names.split(":"), values.split(":"), strict=False)]
    for where, key, value in pairs:
        number, form = declared.get((where, key), (".", "String"))
        parts = value.split(",") if value else []
        if key == "FT":  # a list of filters, joined as in FILTER
            found += [f"{name} is no filter" for name in value.split(";") if ("FILTER", name) not in declared]
            parts = ["FT"] if value == "PASS" or len(set(value.split(";"))) == len(value.split(";")) else []
            found = [fault for fault in found if fault != "PASS is no filter"]
        wanted = len(parts) if number == "." else {"A": 1}.get(number) or int(number)
        if len(parts) != wanted or not all(part == "." or FORMS[form].fullmatch(part) for part in parts):
            found.append(f"{key}={value} is not {number} {form}")
    if int(given["END"]) != int(place) + int(given["SVLEN"]):
        found.append("END is POS + SVLEN")
    if given.get("SVCLAIM") != "D":
        found.append("a claim from depth is D")
    for key in ("CIPOS", "CIEND"):
        low, high = map(int, given.get(key, "0,0").split(","))
        if not low <= 0 <= high:
            found.append(f"{key} spans 0")
    return found


def with_ends(made=amplified, **ends):
    """A call whose amplicon has copies and intervals of its boundaries."""
    call = made()
    call["copies"]["amplicon"] |= {
        "start_low": 115_300_000,
        "start_high": 115_450_000,
        "end_low": 117_200_000,
        "end_high": 117_900_000,
        "copies": {"value": 13.0, "low": 11.5, "high": 14.5},
        **ends,
    }
    return call


CALLS = {
    "amplified": amplified(),
    "amplicon with ends": with_ends(),
    "amplicon beyond the interval of its start": with_ends(start_low=115_410_000),
    "plasma": plasma(),
    "unknown purity": unknown_purity(),
    "no call": no_call(),
    "huge and tiny": with_ends(copies={"value": 123456.0, "low": 1e-7, "high": 2e9}),
}


def text_of(call):
    return vcf.text(call, chromosome="chr7", length_bp=159_138_663, met=MET, build="GRCh37")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_file_keeps_the_rules_of_its_version(call):
    assert faults(text_of(call)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("VCFv4.4", "VCFv4.2", "the first line is the version, the last ends with a line feed"),
        ("CN,Number=1,Type=Float", "CN,Number=1,Type=Integer", "CN=13.5 is not 1 Integer"),
        ("ID=CICN,Number=2", "ID=CICN,Number=.", "('FORMAT', 'CICN') is ('.', 'Float')"),
        ("##ALT=<ID=DUP", "##ALT=<ID=DEL", "('ALT', 'DUP') is not declared"),
        ("SVLEN=1900000", "SVLEN=1899999", "END is POS + SVLEN"),
        ("CIPOS=-100000", "CIPOS=10", "CIPOS spans 0"),
        ("SVCLAIM=D;", "SVCLAIM=J;", "a claim from depth is D"),
        ("CN:CICN:CNLOW", "CN:CICN:CNLOW:CNLOW", "a key stands twice, or a value is lacking"),
        ("GENE=TFEC", "GENE=TF EC", "GENE=TF EC,TES,CAV2,CAV1,MET,CAPZA2 is not . String"),
        ("chr7\t115400000", "chr7\t116400000", "positions ascend, names are unique"),
    ],
)
def test_rules_find_what_breaks_them(old, new, fault):
    text = text_of(with_ends(copies={"value": 13.5, "low": 11.5, "high": 14.5}))
    assert old in text
    assert fault in faults(text.replace(old, new))


def written(tmp_path, call):
    path = tmp_path / f"{call['sample']}.vcf.gz"
    vcf.write(
        path,
        path.with_name(path.name + ".tbi"),
        text_of(call),
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
    sample = record.samples[0]
    assert (sample["CALL"], sample["FT"]) == (made()["call"], ";".join(filters))
    assert sample["REASONS"] == tuple(made()["reasons"])
    assert set(record.info) <= {"END", "SVLEN", "SVCLAIM", "IMPRECISE", "GENE", "EVENT", "EVENTTYPE"}


def test_numbers_are_copies_with_their_interval(tmp_path):
    record = record_of(written(tmp_path, amplified()))
    sample = record.samples["LC-0417"]
    assert [round(sample[name], 4) for name in vcf.VALUES if name != "CICN"] == [
        *(14.1, 12.5, 15.9, 2.9, 4.9, 3.05),
        *(0.35, 2.6, 3.4),
    ]
    assert [round(distance, 4) for distance in sample["CICN"]] == [-1.6, 1.8]
    assert (sample["AMPLICON"], sample["FOCALITY"]) == ((115_400_001, 117_300_000), "focal")


def test_missing_numbers_are_dots(tmp_path):
    record = record_of(written(tmp_path, no_call()))
    assert {record.samples[0][name] for name in vcf.VALUES} == {None, (None, None)}
    assert record.samples[0]["AMPLICON"] == (None, None) and record.samples[0]["FOCALITY"] in (None, ".")


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
    [record] = amplicon_of(path := written(tmp_path, with_ends()))
    assert record.info["EVENT"] == record_of(path).info["EVENT"] == ("MET_amplicon",)
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


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
@pytest.mark.parametrize("how", ["both", "none"])
def test_bcftools_merge_keeps_what_is_said_of_each_sample(how, tmp_path):
    """Also of two gains at one position, one with warnings, whose amplicons begin alike and end apart."""
    other = with_ends(end=117_000_000.0)
    other |= {"sample": "other", "call": "gain", "reasons": ["noisy", "egfr_gained"]}
    other["copies"]["focality"]["class"] = "indeterminate"
    calls = {call["sample"]: call for call in (with_ends(), other, plasma(), no_call())}
    paths = [str(written(tmp_path, call)) for call in calls.values()]
    done = subprocess.run(["bcftools", "merge", "-m", how, *paths], capture_output=True, text=True, check=True)
    (tmp_path / "all.vcf").write_text(done.stdout)
    with pysam.VariantFile(str(tmp_path / "all.vcf")) as handle:
        records = list(handle)
    assert done.stderr == "" and len(records) == 3  # the amplicon, and the gene as <DUP> and as <CNV>
    seen = set()
    for record in records:
        for name, sample in record.samples.items():
            if sample["CALL"] in (None, "."):
                continue  # another allele's or another record's sample
            call = calls[name]
            seen.add((record.id, name))
            assert (sample["CALL"], sample["REASONS"]) == (call["call"], tuple(call["reasons"]))
            assert sample["FT"] == dict(zip(vcf.FACTS, vcf._facts(call), strict=True))["FT"]
            extent = call["copies"]["amplicon"]
            assert sample["AMPLICON"] == ((None, None) if extent is None else (extent["start"] + 1, extent["end"]))
    amplified_names = ("LC-0417", "other")
    assert {name for place, name in seen if place == vcf.EVENT} == set(amplified_names)
    assert {name for place, name in seen if place == "MET"} == set(calls)


@pytest.mark.skipif(shutil.which("vcf-validator") is None, reason="vcf-validator of VCFtools is not installed")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_vcftools_validator_accepts_it(call, tmp_path):
    """It knows versions up to 4.2 and says so; nothing else may trouble it."""
    assert complaints(tmp_path, text_of(call)) == ['The version "4.4" not supported, assuming VCFv4.2']


@pytest.mark.skipif(shutil.which("vcf-validator") is None, reason="vcf-validator of VCFtools is not installed")
def test_vcftools_validator_would_object(tmp_path):
    text = text_of(amplified()).replace("SVLEN=1900000", "SVLEN=long").replace("##FORMAT=<ID=CN,", "##FORMAT=<ID=XX,")
    said = "\n".join(complaints(tmp_path, text))
    assert "Could not validate the int [long]" in said and "FORMAT tag [CN] not listed" in said


def complaints(folder, text: str) -> list[str]:
    """Everything that VCFtools' validator says of a file, once each."""
    path = folder / "plain.vcf"
    path.write_text(text)
    done = subprocess.run(["vcf-validator", "-u", str(path)], capture_output=True, text=True)
    said = (done.stdout + done.stderr).split("-----")[0]
    return [line for line in said.splitlines() if line.strip()]


@pytest.mark.skipif(shutil.which("vcf_validator") is None, reason="EBI's vcf_validator is not installed")
def test_ebi_validator_accepts_it(tmp_path):
    for number, call in enumerate(CALLS.values()):
        path = tmp_path / f"{number}.vcf"
        path.write_text(text_of(call))
        done = subprocess.run(["vcf_validator", "-i", str(path), "-r", "stdout"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
