"""Allele fractions from a VCF: which sites tell of purity, and what is refused."""

import gzip

import pysam
import pytest

from metcn.errors import InputError
from metcn.genome.build import load
from metcn.purity import allele_fractions
from support import made_tumours

GRCH37 = load("GRCh37")
KINDS = [
    # id, INFO, reads of 100, what it is
    pytest.param("rs1", ".", 45, "snp", id="rs identifier"),
    pytest.param(".", "DB", 45, "snp", id="DB flag"),
    pytest.param("rs1", ".", 5, "snp", id="at the lower bound of heterozygous"),
    pytest.param("rs1", ".", 4, None, id="below it: absent"),
    pytest.param("rs1", ".", 95, "snp", id="at the upper bound"),
    pytest.param("rs1", ".", 96, None, id="above it: homozygous"),
    pytest.param(".", "GENE=EGFR", 30, "driver", id="driver gene"),
    pytest.param(".", "GENE=G|missense|KRAS|x", 30, "driver", id="driver gene in an annotation"),
    pytest.param(".", "GENE=KRASP1", 30, None, id="another gene of like name"),
    pytest.param("rs1", "GENE=EGFR", 30, None, id="known variant of a driver gene"),
    pytest.param("rs1;COSV5", "GENE=EGFR", 30, "driver", id="also in COSMIC"),
    pytest.param("rs1", "SOMATIC", 30, "driver", id="flagged somatic"),
    pytest.param(".", "GENE=EGFR", 0, None, id="driver without reads"),
    pytest.param(".", ".", 48, None, id="could be either"),
]


@pytest.mark.parametrize(("name", "info", "reads", "kind"), KINDS)
@pytest.mark.parametrize("formats", ["GT:AD", "AF:DP"])
def test_kind_of_site(tmp_path, name, info, reads, kind, formats):
    path = made_tumours.vcf(tmp_path / "v.vcf", [("chr3", 999, name, info, reads, 100)], formats=formats)
    found = allele_fractions.read(path, "s", GRCH37)
    expected = [] if kind is None else [("3", 999, reads, 100, kind == "driver")]
    assert list(found.itertuples(index=False, name=None)) == expected


ROW = ("chr3", 999, "rs1", ".", 50, 100)
LEFT_OUT = [
    pytest.param("chr3", "chrX", id="sex chromosome"),
    pytest.param("A\tG", "A\tGT", id="insertion"),
    pytest.param("A\tG", "A\t<DEL>", id="symbolic"),
    pytest.param("PASS", "weak", id="filtered"),
    pytest.param("50,50", ".", id="missing depths"),
    pytest.param("50,50", "50,.", id="one depth missing"),
    pytest.param("50,50", "9,10", id="shallow"),
]


@pytest.mark.parametrize(("old", "new"), LEFT_OUT)
def test_left_out(tmp_path, old, new):
    path = made_tumours.vcf(tmp_path / "v.vcf", [ROW], formats="AD")
    assert len(allele_fractions.read(path, "s", GRCH37)) == 1
    path.write_text(path.read_text().replace(old, new))
    assert len(allele_fractions.read(path, "s", GRCH37)) == 0


def test_least_depth_is_kept(tmp_path):
    path = made_tumours.vcf(tmp_path / "v.vcf", [("3", 9, "rs1", ".", 10, allele_fractions.LEAST_DEPTH)])
    assert len(allele_fractions.read(path, "s", GRCH37)) == 1


def test_column_of_the_sample(tmp_path):
    path = made_tumours.vcf(tmp_path / "v.vcf", [ROW], samples=("other", "s"))
    assert len(allele_fractions.read(path, "s", GRCH37)) == 1
    only = made_tumours.vcf(tmp_path / "o.vcf", [ROW], samples=("other",))
    assert len(allele_fractions.read(only, "s", GRCH37)) == 1


def test_compressed(tmp_path, capfd):
    path = made_tumours.vcf(tmp_path / "v.vcf", [ROW])
    pysam.tabix_compress(str(path), str(tmp_path / "b.vcf.gz"))
    assert allele_fractions.read(tmp_path / "b.vcf.gz", "s", GRCH37).equals(allele_fractions.read(path, "s", GRCH37))
    (tmp_path / "g.vcf.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert allele_fractions.read(tmp_path / "g.vcf.gz", "s", GRCH37).equals(allele_fractions.read(path, "s", GRCH37))
    with (
        pysam.VariantFile(str(path)) as old,
        pysam.VariantFile(str(tmp_path / "b.bcf"), "wb", header=old.header) as new,
    ):
        for record in old:
            new.write(record)
    assert allele_fractions.read(tmp_path / "b.bcf", "s", GRCH37).equals(allele_fractions.read(path, "s", GRCH37))
    assert capfd.readouterr() == ("", "")


def test_refused(tmp_path, capfd):
    both = made_tumours.vcf(tmp_path / "b.vcf", [ROW], samples=("a", "b"))
    with pytest.raises(InputError, match=r"b\.vcf: expected a column of sample s, found a, b; rename it"):
        allele_fractions.read(both, "s", GRCH37)
    bare = made_tumours.vcf(tmp_path / "g.vcf", [ROW], formats="GT")
    with pytest.raises(InputError, match=r"g\.vcf: expected FORMAT AD, or AF and DP, found GT; call variants"):
        allele_fractions.read(bare, "s", GRCH37)
    no_column = made_tumours.vcf(tmp_path / "n.vcf", [ROW], samples=())
    with pytest.raises(InputError, match=r"n\.vcf: .*"):
        allele_fractions.read(no_column, "s", GRCH37)


BAD = [
    pytest.param(b"chromosome\tstart\nchr7\t1\n", id="another table"),
    pytest.param(b"", id="empty"),
    pytest.param(b"\x00\x01\x02" * 50, id="binary"),
]


@pytest.mark.parametrize("content", BAD)
def test_malformed(tmp_path, content, capfd):
    path = tmp_path / "v.vcf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"v\.vcf: expected a VCF, it cannot be read") as raised:
        allele_fractions.read(path, "s", GRCH37)
    assert "\n" not in str(raised.value)


def test_malformed_record(tmp_path, capfd):
    path = made_tumours.vcf(tmp_path / "v.vcf", [ROW])
    path.write_text(path.read_text() + "chr3\tnowhere\n")
    with pytest.raises(InputError, match=r"v\.vcf: expected a VCF, it cannot be read"):
        allele_fractions.read(path, "s", GRCH37)


def test_missing_file(tmp_path, capfd):
    with pytest.raises(InputError, match=r"none\.vcf: expected a VCF, it cannot be read"):
        allele_fractions.read(tmp_path / "none.vcf", "s", GRCH37)


def test_another_build_is_refused(tmp_path):
    path = made_tumours.vcf(tmp_path / "v.vcf", [ROW])
    path.write_text(path.read_text().replace("<ID=chr3>", f"<ID=chr3,length={load('GRCh38').contigs['3']}>"))
    with pytest.raises(InputError, match=r"expected GRCh37 as configured, but .*v\.vcf is GRCh38: contig chr3"):
        allele_fractions.read(path, "s", GRCH37)


def test_nothing_of_the_file_is_printed(tmp_path, capfd):
    path = made_tumours.vcf(tmp_path / "v.vcf", [ROW])
    path.write_text(
        path.read_text().replace("\trs1\t", "\trs1;Mustermann\t").replace("\tPASS\t.\t", "\tPASS\tMUSTERMANN=1\t")
    )
    assert "MUSTERMANN" in path.read_text()
    assert len(allele_fractions.read(path, "s", GRCH37)) == 1
    assert capfd.readouterr() == ("", "")
