"""The list of common SNPs of a build: what it holds, in which order, and how it is remade."""

import gzip
import importlib.util

import numpy as np
import pandas as pd
import pytest

from metcn.errors import InputError
from metcn.files import common_snps as path_of
from metcn.files import resource_root
from metcn.genome import build, common_snps

ROOT = resource_root().parent
SHARED = ROOT.parent / "shared" / "data" / "snps"
BUILDS = pytest.mark.parametrize("name", build.BUILDS)


@BUILDS
def test_sites_are_sorted_unique_and_within_autosomes(name):
    genome = build.load(name)
    sites = common_snps.load(genome)
    order = sites["chromosome"].map(build.AUTOSOMES.index).to_numpy()
    start = sites["start"].to_numpy()
    later = (np.diff(order) > 0) | ((np.diff(order) == 0) & (np.diff(start) > 0))
    assert later.all() and set(sites["chromosome"]) == set(build.AUTOSOMES)
    assert (start >= 0).all() and (sites["end"] <= sites["chromosome"].map(genome.contigs)).all()
    assert (sites["end"] - start == 1).all()
    assert sites["ref"].isin(list("ACGT")).all() and sites["alt"].isin(list("ACGT")).all()
    assert (sites["ref"] != sites["alt"]).all()
    counts = sites["list"].value_counts()
    assert set(counts.index) == set(common_snps.LISTS)
    assert counts["genome"] > 57_000 and counts["exome"] > 20_000


@BUILDS
def test_frequencies_and_references_are_known_by_list(name):
    sites = common_snps.load(build.load(name))
    of_exome = sites["list"] == "exome"
    assert sites["maf"].isna().equals(of_exome)
    assert sites["maf"][~of_exome].between(0.1, 0.5).all()
    assert not sites["ref_known"][sites["list"] == "genome"].any()
    assert not sites["ref_known"][common_snps.own_complement(sites)].any()
    assert sites["ref_known"].sum() > 17_000


def test_file_is_small_and_has_no_time_in_it():
    for name in build.BUILDS:
        content = path_of(name).read_bytes()
        assert len(content) < 500_000
        assert content[4:8] == bytes(4) and not content[3]


def test_list_is_told_by_its_content(tmp_path):
    (tmp_path / "x").write_bytes(path_of("GRCh37").read_bytes())
    assert common_snps.is_shipped(tmp_path / "x")
    for name, content in (
        ("plain", b"chr1\t5\t6\tA\tG\n"),
        ("gz", gzip.compress(b"chr1\t5\t6\tA\tG\n")),
        ("cut", b"\x1f\x8b"),
    ):
        (tmp_path / name).write_bytes(content)
        assert not common_snps.is_shipped(tmp_path / name)
    assert not common_snps.is_shipped(tmp_path / "absent")


def test_list_of_the_other_build_is_refused():
    with pytest.raises(InputError, match="expected common SNPs of GRCh38, found those of GRCh37"):
        common_snps.load(build.load("GRCh38"), path_of("GRCh37"))


def test_bases_of_the_other_strand():
    sites = pd.DataFrame({"ref": ["A", "C", "G"], "alt": ["G", "G", "T"]})
    assert common_snps.own_complement(sites).tolist() == [False, True, False]
    other = common_snps.complemented(sites, np.array([True, True, False]))
    assert other["ref"].tolist() == ["T", "G", "G"] and other["alt"].tolist() == ["C", "C", "T"]


def remake():
    specification = importlib.util.spec_from_file_location("remake", resource_root() / "remake.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


LISTS = {
    "genome": [
        ("#chromosome", "start", "end", "ref_or_major", "minor", "maf"),
        ("chr10", 9, 10, "A", "G", 0.25), ("chr2", 99, 100, "A", "G", 0.52), ("chr2", 50, 51, "C", "T", 0.1),
        ("chr2", 60, 61, "A", "T", 0.3), ("chr2", 70, 71, "A", "C", 0.3), ("chrX", 5, 6, "A", "G", 0.4),
    ],
    "exome": [
        ("chr1", 7, 8, "rs1", "A", "G"), ("chr1", 7, 8, "rs2", "A", "T"), ("chr1", 8, 10, "rs3", "A", "G"),
        ("chr1", 20, 21, "rs4", "A", "C,T"), ("chr2", 99, 100, "rs5", "C", "T"), ("chr2", 50, 51, "rs6", "A", "G"),
        ("chr2", 60, 61, "rs7", "T", "A"), ("chr2", 70, 71, "rs8", "A", "G"), ("1_alt", 5, 6, "rs9", "A", "G"),
    ],
}  # fmt: skip


def test_two_lists_become_one(tmp_path):
    """Places on both have the forward bases of the genome's, in the exome's order where strands can be told apart."""
    for name, rows in LISTS.items():
        text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
        (tmp_path / f"{name}_snps.GRCh37.bed.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "GRCh37").mkdir()
    remake().snps(tmp_path, tmp_path / "GRCh37")
    text = gzip.decompress((tmp_path / "GRCh37" / "snps.tsv.gz").read_bytes()).decode()
    assert text.splitlines()[2:] == [
        "1\t7\tA\tG\t\texome",
        "2\t50\tT\tC\t.10\tboth",
        "2\t60\tA\tT\t.30\tgenome",
        "2\t70\tA\tC\t.30\tgenome",
        "2\t99\tG\tA\t.48\tboth",
        "10\t9\tA\tG\t.25\tgenome",
    ]


@BUILDS
@pytest.mark.skipif(not SHARED.is_dir(), reason="the lists behind the resource are not at hand")
def test_the_resource_is_remade(tmp_path, name):
    (tmp_path / name).mkdir()
    remake().snps(SHARED, tmp_path / name)
    again, stored = (tmp_path / name / "snps.tsv.gz").read_bytes(), path_of(name).read_bytes()
    assert gzip.decompress(again) == gzip.decompress(stored)  # compressors differ, what is in them does not
