"""What a run is told before any work: all problems at once, and what is odd but harmless."""

import os
import shutil

import pytest

import sound_files
from metcn import plan
from metcn.errors import InputError
from metcn.stages import preflight
from small_files import write_bam, write_fasta


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
    return preflight.check(plan.load(given, folder), folder / "not/yet/there")


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
    wanted = ("no build known here", "an end above the start", "is GRCh38", "has no index")
    assert len(lines) == len(wanted)
    assert all(words in line for words, line in zip(wanted, lines, strict=True))


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
    with pytest.raises(InputError, match=r"expected about 30 MB free for .*, found 29; free space"):
        check(folder)


def test_cram_needs_its_sequence_before_the_run(folder):
    sound_files.write_sound_cram(folder / "T.cram")
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
