"""Facts of both builds hold together, and the build of an input is told right."""

from __future__ import annotations

import numpy as np
import pytest

from metcn.errors import InputError
from metcn.genome import build as genomes
from metcn.vocabulary import REASONS, ROLES

BUILDS = pytest.mark.parametrize("build", genomes.BUILDS)


@BUILDS
def test_facts_hold_together(build):
    facts = genomes.load(build)
    assert facts.name == build
    assert list(facts.contigs) == [*genomes.AUTOSOMES, "X", "Y", "MT"]
    assert set(facts.centromere) == {*genomes.AUTOSOMES, "X", "Y"}
    for table in (facts.cytobands, facts.blacklist, facts.placed_genes):
        assert table["chromosome"].isin(list(facts.contigs)).all()
        assert (table["start"] < table["end"]).all()
        assert (table["end"] <= table["chromosome"].map(facts.contigs)).all()
    for name, length in facts.contigs.items():
        bands = facts.cytobands[facts.cytobands["chromosome"] == name]
        if name != "MT":
            assert bands["start"].tolist() == [0, *bands["end"].tolist()[:-1]]
            assert bands["end"].iloc[-1] == length


@BUILDS
def test_landmarks_lie_in_order_along_chromosome_seven(build):
    facts = genomes.load(build)
    (p_end, q_start), met = facts.centromere["7"], facts.met
    assert facts.proximal_p[1] == facts.cep7_p[1] == facts.egfr_risk[0] == 53_000_000
    assert facts.proximal_p[0] < facts.cep7_p[0] < facts.cep7_p[1]
    assert facts.egfr_risk[0] < facts.egfr[0] < facts.egfr[1] < facts.egfr_risk[1] <= p_end
    assert q_start < facts.cep7_q[0] == facts.proximal_q[0] < facts.cep7_q[1] < facts.proximal_q[1] < met[0]


GENE_STARTS_MB = {  # (GRCh37, GRCh38), rounded down to 0.01 Mb
    "IKZF1": (50.34, 50.30),
    "HGF": (81.32, 81.69),
    "CDK6": (92.23, 92.60),
    "TFEC": (115.57, 115.93),
    "TES": (115.85, 116.21),
    "CAV1": (116.16, 116.52),
    "CAPZA2": (116.50, 116.86),
    "ST7": (116.59, 116.95),
    "WNT2": (116.91, 117.27),
    "CFTR": (117.12, 117.47),
    "SMO": (128.82, 129.18),
    "BRAF": (140.43, 140.73),
    "EZH2": (148.50, 148.80),
    "RP9": (33.13, 33.09),
}


@BUILDS
def test_chr7_genes(build):
    facts = genomes.load(build)
    genes = facts.genes.set_index("gene")
    assert genes.index.is_unique
    assert len(genes) > 800
    assert facts.genes["start"].is_monotonic_increasing
    assert not genes.index.str.contains(r"\.|^RP\d+-|^AC\d{5}|^TR[BG]V", regex=True).any()
    assert set(genes["strand"]) == {"+", "-"}
    for gene, expected in GENE_STARTS_MB.items():
        assert genes.at[gene, "start"] // 10_000 / 100 == expected[genomes.BUILDS.index(build)], gene
    for gene, extent in (("MET", facts.met), ("EGFR", facts.egfr)):
        assert extent[0] <= genes.at[gene, "start"] <= extent[0] + 250
        assert extent[1] == genes.at[gene, "end"]


@pytest.mark.parametrize(
    ("build", "exon_14"), [("GRCh37", (116_411_902, 116_412_043)), ("GRCh38", (116_771_848, 116_771_989))]
)
def test_met_exons(build, exon_14):
    facts = genomes.load(build)
    assert facts.met_exons.shape == (21, 2)
    assert tuple(facts.met_exons[13]) == exon_14
    assert exon_14[1] - exon_14[0] == 141  # exon 14 codes for 47 residues
    assert (facts.met_exons[:, 0] < facts.met_exons[:, 1]).all()
    assert (facts.met_exons[1:, 0] > facts.met_exons[:-1, 1]).all()
    assert facts.met[0] <= facts.met_exons[0, 0] < facts.met_exons[-1, 1] == facts.met[1]
    with pytest.raises(ValueError, match="read-only"):
        facts.met_exons[0, 0] = 1


RESISTANCE_GENES = ("EGFR", "ERBB2", "KRAS", "BRAF", "FGFR1", "CDK4", "CDK6", "CCND1", "MYC", "MDM2", "PIK3CA")


@BUILDS
def test_resistance_genes_are_the_same_in_both_builds_and_alike_in_size(build):
    genes = genomes.load(build).resistance_genes.set_index("gene")
    assert sorted(genes.index) == sorted(RESISTANCE_GENES)
    other = genomes.load("GRCh38" if build == "GRCh37" else "GRCh37").resistance_genes.set_index("gene")
    assert (genes["chromosome"] == other["chromosome"].reindex(genes.index)).all()
    sizes = (genes["end"] - genes["start"]) / (other["end"] - other["start"]).reindex(genes.index)
    assert sizes.between(0.7, 1.4).all()


MORE_GENES = ("ERBB3", "FGFR2", "FGFR3", "CCNE1", "RB1", "TP53", "CDKN2A", "PTEN")


@BUILDS
def test_further_genes_have_places_but_name_no_bins(build):
    facts = genomes.load(build)
    placed = facts.placed_genes.set_index("gene")
    assert sorted(placed.index) == sorted((*RESISTANCE_GENES, *MORE_GENES))
    assert (placed["end"] <= placed["chromosome"].map(facts.contigs)).all()
    other = genomes.load("GRCh38" if build == "GRCh37" else "GRCh37").placed_genes.set_index("gene")
    assert (placed["chromosome"] == other["chromosome"].reindex(placed.index)).all()
    sizes = (placed["end"] - placed["start"]) / (other["end"] - other["start"]).reindex(placed.index)
    assert sizes.between(0.7, 1.4).all()
    assert "HGF" in set(facts.genes["gene"])


def test_load_reads_once_and_refuses_other_builds():
    assert genomes.load("GRCh38") is genomes.load("GRCh38")
    with pytest.raises(InputError, match=r"one of GRCh37, GRCh38; got 'hg19'"):
        genomes.load("hg19")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("chr7", "7"), ("7", "7"), ("CHR7", "7"), ("Chr7", "7"), ("chrM", "MT"), ("M", "MT"), ("MT", "MT"),
     ("chrMT", "MT"), ("chrX", "X"), ("chrUn_gl000220", "Un_gl000220"), ("hs37d5", "hs37d5"),
     ("chr7_alt", "7_alt"), ("", "")],
)  # fmt: skip
def test_bare(name, expected):
    assert genomes.bare(name) == expected


MET_START, MET_END = 116_312_443, 116_438_440
ROLE_CASES = [  # GRCh37: chromosome, start, end, role
    ("7", MET_START - 100, MET_START, "chr7"),
    ("7", MET_START - 100, MET_START + 1, "met"),
    ("7", MET_END - 1, MET_END + 100, "met"),
    ("7", MET_END, MET_END + 100, "chr7"),
    ("7", MET_START - 10, MET_END + 10, "met"),
    ("7", 49_999_900, 50_000_099, "chr7"),  # midpoint half a base short of the window
    ("7", 49_999_900, 50_000_100, "cep7"),
    ("7", 52_999_900, 53_000_099, "cep7"),
    ("7", 52_999_900, 53_000_100, "chr7"),  # from here on EGFR's amplicon is near
    ("7", 55_100_000, 55_100_200, "chr7"),
    ("7", 62_452_750, 62_452_950, "cep7"),
    ("7", 65_999_900, 66_000_100, "chr7"),
    ("1", 116_312_443, 116_312_543, "backbone"),
    ("22", 50_000_000, 51_000_000, "backbone"),
    ("X", 50_000_000, 51_000_000, "sex"),
    ("Y", 1, 2, "sex"),
    ("MT", 1, 2, "other"),
    ("GL000220.1", 1, 2, "other"),
    ("7_KI270803v1_alt", MET_START, MET_END, "other"),
]


@pytest.mark.parametrize("prefix", ["", "chr"])
def test_role_of_is_the_same_with_both_names_styles(prefix):
    assert len(ROLE_CASES) == 19
    names, starts, ends, expected = zip(*ROLE_CASES, strict=True)
    roles = genomes.role_of(genomes.load("GRCh37"), [prefix + name for name in names], starts, ends)
    assert roles.tolist() == list(expected)
    assert set(roles) <= set(ROLES)


def test_role_of_nothing():
    assert genomes.role_of(genomes.load("GRCh38"), [], [], []).shape == (0,)


def test_role_of_agrees_with_a_slow_loop():
    facts = genomes.load("GRCh38")
    random = np.random.default_rng(7)
    start = np.concatenate([random.integers(40_000_000, 130_000_000, 300), random.integers(*facts.met, 50)])
    end = start + random.integers(1, 500_000, len(start))
    expected = []
    for low, high in zip(start, end, strict=True):
        middle = (low + high) / 2
        if low < facts.met[1] and high > facts.met[0]:
            expected.append("met")
        elif any(a <= middle < b for a, b in (facts.cep7_p, facts.cep7_q)):
            expected.append("cep7")
        else:
            expected.append("chr7")
    assert set(expected) == {"met", "cep7", "chr7"}
    assert genomes.role_of(facts, np.full(len(start), "chr7"), start, end).tolist() == expected


HG19, HG38 = (genomes.load(build).contigs for build in genomes.BUILDS)
STYLED_HG19 = {f"chr{name}": length for name, length in HG19.items() if name != "MT"}
BUILD_CASES = {
    "all contigs, bare": (HG19, []),
    "all contigs, chr, older mitochondrion": ({**STYLED_HG19, "chrM": 16571}, []),
    "decoys and alternatives": ({**HG19, "hs37d5": 35_477_943, "GL000220.1": 161_802, "chr7_alt": 1}, []),
    "chr7 alone": ({"chr7": 159_138_663}, []),
    "no chr7": ({"chr1": 249_250_621}, ["met_not_covered"]),
    "a cut-out of chr1": ({"chr1:1-2461623": 2_461_623}, ["build_not_verified", "met_not_covered"]),
    "chr1 shortened": ({"chr1": 2_461_623}, ["build_not_verified", "met_not_covered"]),
    "lengths unknown": ({"chr1": None, "chr7": None}, ["build_not_verified"]),
    "only the mitochondrion": ({"MT": 16_569}, ["build_not_verified", "met_not_covered"]),
    "nothing": ({}, ["build_not_verified", "met_not_covered"]),
}


@pytest.mark.parametrize(("contigs", "expected"), BUILD_CASES.values(), ids=list(BUILD_CASES))
def test_check_build(contigs, expected):
    reasons = genomes.check_build(contigs, genomes.load("GRCh37"))
    assert reasons == expected
    assert set(reasons) <= set(REASONS)


@pytest.mark.parametrize(
    ("contigs", "message"),
    [
        (HG38, r"expected GRCh37 as configured, but t\.bam is GRCh38: contig 1 has 248,956,422 bp, not 249,250,621; "
               r"set genome: GRCh38, or give data aligned to GRCh37"),
        ({"chr7": 159_345_973}, r"contig chr7 has 159,345,973 bp"),
        ({"chrY": 57_227_415, "chrM": 16_569}, r"t\.bam is GRCh38: contig chrY"),
        ({**HG19, "X": HG38["X"]}, r"t\.bam is GRCh38: contig X"),
        ({"chr1": 249_250_621, "chr7": 160_567_428}, r"expected 159,138,663 bp for contig chr7 of GRCh37"),
    ],
    ids=["whole genome", "chr7 alone", "chrY alone", "mixture", "another assembly"],
)  # fmt: skip
def test_check_build_refuses_another_build(contigs, message):
    with pytest.raises(InputError, match=message):
        genomes.check_build(contigs, genomes.load("GRCh37"), where="t.bam")


def test_check_build_refuses_the_older_build_too():
    with pytest.raises(InputError, match="set genome: GRCh37"):
        genomes.check_build(STYLED_HG19, genomes.load("GRCh38"))
