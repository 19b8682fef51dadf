"""What a run is told before any work: all problems at once, and what is odd but harmless."""

import gzip
import os
import re
import shutil

import pytest

from metcn.cli import preflight
from metcn.errors import InputError
from metcn.run import plan
from support import sound_files
from support.small_files import write_bam, write_fasta


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate("TN", start=20):
        sound_files.write_sound_bam(tmp_path / f"{name}.bam", number)
    (tmp_path / "targets.bed").write_text(sound_files.BED)
    sheet = "sample\trole\talignments\nT\ttumour\tT.bam\nN\tnormal\tN.bam\n"
    (tmp_path / "samples.tsv").write_text(sheet)
    return tmp_path


def check(folder, **keys):
    given = {"genome": "GRCh37", "assay": "panel", "targets": "targets.bed", "samples": "samples.tsv", **keys}
    found = preflight.check(plan.load(given, folder), folder / "not/yet/there")
    assert found.faults == []
    return found.notes


def test_sound_inputs_pass(folder):
    assert check(folder) == []
    assert not (folder / "not").exists()


def test_all_problems_at_once(folder):
    write_bam(folder / "T.bam", contigs={"chr7": 159_345_973})
    (folder / "N.bam.bai").unlink()
    (folder / "targets.bed").write_text("chr7\t9\t5\n")
    write_fasta(folder, **{"7": "ACGT"})
    with pytest.raises(InputError) as raised:
        check(folder, fasta="genome.fa")
    lines = str(raised.value).splitlines()
    wanted = ("no build known here", "an end above the start", "sample T: .*is GRCh38", "sample N: .*has no index")
    assert len(lines) == len(wanted)
    assert all(re.search(words, line) for words, line in zip(wanted, lines, strict=True))


def test_a_criteria_set_that_is_not_there(folder):
    with pytest.raises(
        InputError, match=r"default_criteria: expected one of .*metcn_default.*; found 'nobody'; correct"
    ):
        check(folder, calls={"default_criteria": "nobody"})
    with pytest.raises(InputError, match=r"calls\.plasma_criteria: expected one of .*found 'nobody'"):
        check(folder, calls={"criteria": {"plasma": "nobody"}})


def test_a_criteria_set_for_the_other_specimen(folder):
    with pytest.raises(InputError, match=r"tissue_criteria: expected a set for tissue; found 'metcn_plasma', which is"):
        check(folder, calls={"tissue_criteria": "metcn_plasma"})


OWN = """\
id: mine
title: Mine
specimen: tissue
assay: Panel
citation: Own validation
doi: null
n: 20
verified: true
categories:
  - name: positive
    call: amplification
    clauses:
      - {quantity: gcn, lower: 6, lower_inclusive: true}
"""
FOLDER = {"criteria": {"folder": "sets", "tissue": "mine"}}


def own_sets(folder, **texts):
    (folder / "sets").mkdir()
    for name, text in texts.items():
        (folder / "sets" / f"{name}.yaml").write_text(text)


def test_a_set_of_the_laboratory_may_be_the_default(folder):
    own_sets(folder, mine=OWN)
    assert check(folder, calls=FOLDER) == []


def test_every_set_of_the_laboratory_that_is_wrong_is_named(folder):
    own_sets(
        folder,
        mine=OWN,
        acse=OWN.replace("mine", "acse"),
        other=OWN.replace("mine", "other").replace("gcn", "copies"),
    )
    with pytest.raises(InputError) as raised:
        check(folder, calls=FOLDER)
    taken, wrong = str(raised.value).splitlines()
    assert re.search(r"sets/acse\.yaml: the id acse is taken by another set; rename", taken)
    assert re.search(r"sets/other\.yaml, categories/0/clauses/0/quantity: 'copies' is not one of .*see", wrong)


def test_two_sets_of_the_laboratory_with_one_id(folder):
    own_sets(folder, mine=OWN)
    (folder / "sets" / "mine.yml").write_text(OWN)
    with pytest.raises(InputError, match=r"mine\.yml: the id mine is taken by another set"):
        check(folder, calls=FOLDER)


@pytest.mark.parametrize(("make", "words"), [
    (lambda path: None, "expected a folder that exists, received .*sets; paths are"),
    (lambda path: path.touch(), "expected a folder that exists"),
    (lambda path: path.mkdir(), r"expected criteria sets \(\*\.yaml\) in .*sets, found none; add them"),
], ids=["none", "a file", "empty"])  # fmt: skip
def test_a_folder_of_criteria_without_any(folder, make, words):
    make(folder / "sets")
    with pytest.raises(InputError, match=f"key calls.criteria_folder: {words}"):
        check(folder, calls=FOLDER)


def write_empty(folder):
    (folder / "T.bam").write_bytes(b"")


def write_other_build(folder):
    write_bam(folder / "T.bam", contigs={"chr7": 159_345_973})


def write_no_vcf(folder):
    (folder / "v.vcf").write_text("chr7\t5\n")


CNR = "chromosome\tstart\tend\tgene\tdepth\tlog2\tweight\nchr7\t116339000\t116340000\tMET\t100\t0.1\t1\n"

DATA_FAULTS = [
    pytest.param(lambda folder: (folder / "T.bam.bai").unlink(), r"T\.bam has no index", id="no index"),
    pytest.param(write_empty, r"T\.bam", id="empty"),
    pytest.param(write_other_build, r"T\.bam is GRCh38", id="another build"),
    pytest.param(write_no_vcf, r"expected a VCF, .*v\.vcf begins with", id="variants are none"),
]


class TestDataOfOneSample:
    SHEET = "sample\trole\talignments\tvariants\nT\ttumour\tT.bam\tv.vcf\nU\t{}\tU.bam\t\nN\tnormal\tN.bam\t\n"

    @pytest.fixture
    def three(self, folder):
        sound_files.write_sound_bam(folder / "U.bam", 30)
        (folder / "v.vcf").write_text(VCF.format("", 159_138_663))
        return folder

    def checked(self, three, role):
        (three / "samples.tsv").write_text(self.SHEET.format(role))
        given = {"genome": "GRCh37", "assay": "panel", "targets": "targets.bed", "samples": "samples.tsv"}
        return preflight.check(plan.load(given, three), three)

    @pytest.mark.parametrize(("damage", "message"), DATA_FAULTS)
    def test_costs_that_sample_alone(self, three, damage, message):
        damage(three)
        (fault,) = self.checked(three, "tumour").faults
        assert re.match(f"sample T: .*{message}", fault)

    @pytest.mark.parametrize(("damage", "message"), DATA_FAULTS)
    def test_refuses_the_run_where_no_other_is_called(self, three, damage, message):
        damage(three)
        with pytest.raises(InputError, match=message):
            self.checked(three, "normal")

    def test_of_a_normal_refuses_the_run(self, three):
        (three / "N.bam.bai").unlink()
        with pytest.raises(InputError, match=r"N\.bam has no index"):
            self.checked(three, "tumour")

    def test_of_a_normal_costs_a_tumour_of_ratios_nothing(self, three):
        (three / "N.bam.bai").unlink()
        (three / "t.cnr").write_text(CNR)
        rows = "sample\trole\talignments\tratios\nT\ttumour\tT.bam\t\nR\ttumour\t\tt.cnr\nN\tnormal\tN.bam\t\n"
        (three / "samples.tsv").write_text(rows)
        given = {"genome": "GRCh37", "assay": "panel", "targets": "targets.bed", "samples": "samples.tsv"}
        (fault,) = preflight.check(plan.load(given, three), three).faults
        assert re.match(r"sample N: .*N\.bam has no index", fault)

    def test_exchanged_files_are_the_sheet_s_fault(self, three):
        for number, (name, named) in enumerate((("T", "U"), ("U", "T")), start=1):
            reads = [(0, 5, 0, 60, 0, "50M")] * number
            write_bam(three / f"{name}.bam", reads, contigs=sound_files.CONTIGS, named=[named])
        with pytest.raises(InputError, match="exchange the files"):
            self.checked(three, "tumour")


@pytest.mark.parametrize("name", ["gc", "mappability"])
def test_a_track_of_another_build_is_a_problem(folder, name):
    (folder / "track.wig").write_text("fixedStep chrom=7 start=159200001 step=10000\n0.5\n")
    with pytest.raises(InputError, match=r"track\.wig line 2: 7:159200000-159200001 begins beyond the chromosome"):
        check(folder, bins={name: "track.wig"})
    (folder / "track.wig").write_text("fixedStep chrom=7 start=159100001 step=10000\n0.5\n")
    assert check(folder, bins={name: "track.wig"}) == []


def test_older_index_is_a_note(folder):
    os.utime(folder / "T.bam.bai", (1, 1))
    (note,) = check(folder)
    assert "T.bam is older than the file" in note


@pytest.mark.parametrize(
    ("bed", "notes"),
    [
        pytest.param(sound_files.BED.split("chr7")[0], ["does not cover MET"], id="without MET"),
        pytest.param(sound_files.BED.splitlines()[-1] + "\n", ["only 1 targets"], id="few"),
        pytest.param("chr1\t5\t9\n", ["only 1 targets", "does not cover MET"], id="one elsewhere"),
    ],
)
def test_targets_that_cannot_give_a_call_are_a_note(folder, bed, notes):
    (folder / "targets.bed").write_text(bed)
    found = check(folder)
    assert len(found) == len(notes)
    assert all(words in note for words, note in zip(notes, found, strict=True))


def test_full_disk(folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 29_999_999))
    with pytest.raises(InputError, match=r"expected about 34 MB free for .*, found 29; free space"):
        check(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 34_999_999))
    assert check(folder) == []


OTHER = {**sound_files.CONTIGS, "chrUn_decoy": 5000}
LACKING = {name: length for name, length in sound_files.CONTIGS.items() if name != "chr1"}
SHORT = {**sound_files.CONTIGS, "chr1": 20_000}


@pytest.mark.parametrize(
    ("contigs", "notes"),
    [
        pytest.param(sound_files.CONTIGS, [], id="all there"),
        pytest.param(
            {name.removeprefix("chr"): length for name, length in sound_files.CONTIGS.items()}, [], id="without chr"
        ),
        pytest.param(OTHER | {"hs37d5": 9}, [], id="and decoys"),
        pytest.param(
            LACKING, [r"^40 of 42 targets of .* lie on contigs that are lacking in .*\(chr1\)"], id="chr1 lacks"
        ),
        pytest.param(
            SHORT, [r"^21 of 42 targets of .* end beyond their contigs in .*T\.bam and 1 more \(chr1\)"], id="short"
        ),
    ],
)
def test_targets_against_the_contigs(folder, contigs, notes):
    for name, size in (("T", 1), ("N", 2)):
        write_bam(folder / f"{name}.bam", [(0, 5, 0, 60, 0, "50M")] * size, contigs=contigs)
    found = check(folder)
    assert len(found) == len(notes)
    assert all(re.search(pattern, note) for pattern, note in zip(notes, found, strict=True))


def test_no_target_in_any_contig(folder):
    for name, size in (("T", 1), ("N", 2)):
        write_bam(folder / f"{name}.bam", [(0, 5, 0, 60, 0, "50M")] * size, contigs={"chr21": 48_129_895})
    with pytest.raises(
        InputError, match=r"expected contigs such as chr1, chr7 of .*targets\.bed, found chr21 in .*T\.bam"
    ):
        check(folder)


def test_alignments_to_two_references_are_a_note(folder):
    write_bam(folder / "N.bam", contigs=OTHER)
    (note,) = check(folder)
    assert re.match(r"alignments have 2 different lists of contigs, as in .*T\.bam and .*N\.bam", note)


NAMES = [
    pytest.param(["T"], ["N"], None, [], id="their own"),
    pytest.param(["patient 1"], ["patient 2"], None, [], id="another register's"),
    pytest.param(["T", "T"], ["N"], None, [], id="two groups of one sample"),
    pytest.param(["T", "x"], ["N"], None, ["T.bam name 2 samples, whose reads are counted together"], id="two in one"),
    pytest.param(["T", "N"], ["N"], None, ["name 2 samples", "name the same sample"], id="own and another"),
    pytest.param(["x"], ["x"], None, ["name the same sample; make sure"], id="one twice"),
    pytest.param(["N"], ["T"], "sample T: .*T.bam name sample N", [], id="exchanged"),
    pytest.param(["N"], [], "sample T: .*T.bam name sample N", [], id="another row's"),
]


@pytest.mark.parametrize(("tumour", "normal", "problem", "expected"), NAMES)
def test_samples_named_in_read_groups(folder, tumour, normal, problem, expected):
    for name, named, size in (("T", tumour, 1), ("N", normal, 2)):
        reads = [(0, 5, 0, 60, 0, "50M")] * size
        write_bam(folder / f"{name}.bam", reads, contigs=sound_files.CONTIGS, named=named)
    if problem:
        with pytest.raises(InputError, match=problem):
            check(folder)
        return
    notes = check(folder)
    assert [words in note for words, note in zip(expected, notes, strict=True)] == [True] * len(expected)
    assert not any("patient" in note or "sample x" in note for note in notes)  # names of another register are not told


def test_older_index_of_the_sequence_is_a_note(folder):
    path = write_fasta(folder, **{"21": "ACGT"})
    os.utime(f"{path}.fai", (1, 1))
    (note,) = check(folder, fasta="genome.fa")
    assert re.match(r"the index of .*genome\.fa is older than the file; run `samtools faidx", note)


@pytest.mark.parametrize(
    ("keys", "least", "most"),
    [
        pytest.param({"assay": "panel", "targets": "targets.bed"}, 10_000, 40_000, id="panel"),
        pytest.param({"assay": "swgs"}, 60_000, 63_000, id="shallow genome"),
        pytest.param({"assay": "wgs"}, 200_000, 300_000, id="genome in part"),
        pytest.param({"assay": "wgs", "bins": {"reading": "whole"}}, 3_000_000, 3_200_000, id="whole genome"),
        pytest.param({"assay": "swgs", "bins": {"window_bp": 500_000}}, 6_000, 6_300, id="wide windows"),
    ],
)
def test_space_follows_the_bins(folder, keys, least, most):
    made = plan.load({"genome": "GRCh37", "samples": "samples.tsv", **keys}, folder)
    assert least < preflight._rows(made, sound_files.GRCH37) < most


def test_space_follows_the_tables(tmp_path):
    text = sound_files.TABLES["cnn"].text
    (tmp_path / "a").write_text(text)
    (tmp_path / "b").write_bytes(gzip.compress(text.encode()))
    for name in "ab":
        (tmp_path / "samples.tsv").write_text(f"sample\trole\tcoverage\nT\ttumour\t{name}\n")
        made = plan.load({"genome": "GRCh37", "assay": "panel", "samples": "samples.tsv"}, tmp_path)
        assert 0.5 < preflight._rows(made, sound_files.GRCH37) / len(sound_files.ROWS) < 2


VCF = "##fileformat=VCFv4.2\n##contig=<ID=chr7,{}length={}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tT\n"


@pytest.mark.parametrize(
    ("more", "length", "refused"),
    [
        pytest.param("", 159_138_663, False, id="this build"),
        pytest.param("", 159_345_973, True, id="another"),
        pytest.param("assembly=hg38,", 159_345_973, True, id="another, with more about it"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_variants_of_another_build(folder, more, length, refused, packed):
    content = VCF.format(more, length).encode()
    (folder / "v.vcf").write_bytes(gzip.compress(content) if packed else content)
    (folder / "samples.tsv").write_text("sample\trole\talignments\tvariants\nT\ttumour\tT.bam\tv.vcf\n")
    if refused:
        with pytest.raises(InputError, match=r"v\.vcf is GRCh38: contig chr7 has 159,345,973 bp"):
            check(folder)
    else:
        assert check(folder) == ["sample T: v.vcf: column T, 0 of 0 sites used"]


def test_cram_needs_its_sequence_before_the_run(folder):
    fasta = write_fasta(folder, chr7="ACGT" * 500)
    reads = [(0, 5, 0, 60, 0, "50M")]
    write_bam(folder / "T.cram", reads, contigs={"chr7": 2000}, mode="wc", reference_filename=str(fasta))
    (folder / "samples.tsv").write_text("sample\trole\talignments\nT\ttumour\tT.cram\n")
    with pytest.raises(InputError, match=r"T\.cram is CRAM, which needs its reference sequence; set fasta"):
        check(folder)


def test_tables_of_two_kinds_of_assay(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    (tmp_path / "samples.tsv").write_text("sample\trole\tcoverage\nT\ttumour\ta;b\nN\tnormal\tc\n")
    with pytest.raises(InputError, match="as many coverage tables for each sample, N has 1 and T has 2"):
        check(tmp_path, targets=None)


def test_empty_table(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "samples.tsv").write_text("sample\trole\tcoverage\nT\ttumour\ta\n")
    with pytest.raises(InputError, match=r"sample T: .*a is empty"):
        check(tmp_path, targets=None)


SNP_LISTS = [
    pytest.param({}, [], id="panel with alignments"),
    pytest.param({"assay": "swgs", "targets": None}, ["is not used"], id="shallow genomes"),
]


@pytest.mark.parametrize(("keys", "notes"), SNP_LISTS)
def test_a_list_of_snps_that_is_not_used_is_a_note(folder, keys, notes):
    (folder / "l.bed").write_text("chr1\t5\t6\tA\tG\n")
    found = check(folder, snps="l.bed", **keys)
    assert [words in note for words, note in zip(notes, found, strict=True)] == [True] * len(notes)


@pytest.mark.parametrize("snps", [None, "none"], ids=["of the build", "none"])
def test_nothing_is_said_of_a_list_that_nobody_named(folder, snps):
    assert check(folder, assay="swgs", targets=None, snps=snps) == []
