"""Common SNPs: what a list may hold, which reads count at a site, which sites are taken for heterozygous."""

import json

import numpy as np
import pandas as pd
import pysam
import pytest

from metcn import files
from metcn.counts import sites, snps
from metcn.errors import InputError
from metcn.genome import build, common_snps
from metcn.io import tables
from metcn.purity import germline_sites
from metcn.reads import sam
from metcn.run.settings import CountsSettings
from metcn.vocabulary import ALLELE_COLUMNS
from support import made_alleles, made_depth, made_tumours
from support.made_alleles import Read, at, pair

FACTS = build.load("GRCh37")
SITE = 10_000
FILTERS = sam.Filters()
SETTINGS = CountsSettings(keep_duplicates=False)


def listed(*places, chromosome="1", ref="A", alt="G"):
    rows = [(chromosome, place, place + 1, ref, alt) for place in places]
    return pd.DataFrame(rows, columns=list(snps.SITE_COLUMNS))


# The list

ROWS = [("chr2", 500, "A", "G"), ("chr1", 900, "C", "T"), ("chr1", 100, "G", "C")]


@pytest.mark.parametrize("style", ["chr", ""])
@pytest.mark.parametrize("kind", ["bed", "vcf", "vcf.gz"])
def test_list_in_genome_order_with_bare_names(tmp_path, kind, style):
    path = tmp_path / f"l.{kind.removesuffix('.gz')}"
    getattr(made_alleles, kind[:3])(path, [(style + row[0][3:], *row[1:]) for row in ROWS])
    if kind.endswith("gz"):
        pysam.tabix_compress(str(path), str(path) + ".gz")
        path = tmp_path / "l.vcf.gz"
    found = snps.read(path, FACTS)
    assert list(found.itertuples(index=False, name=None)) == [
        ("1", 100, 101, "G", "C"), ("1", 900, 901, "C", "T"), ("2", 500, 501, "A", "G"),
    ]  # fmt: skip


LEFT_OUT = [
    pytest.param(("chrX", 5, "A", "G"), id="sex chromosome"),
    pytest.param(("chr1", 5, "AT", "G"), id="deletion"),
    pytest.param(("chr1", 5, "A", "GT"), id="insertion"),
    pytest.param(("chr1", 5, "A", "G,T"), id="three alleles"),
    pytest.param(("chr1", 100, "A", "T"), id="a place listed twice: the first stays"),
]


@pytest.mark.parametrize("row", LEFT_OUT)
def test_sites_left_out(tmp_path, row):
    for made in (
        made_alleles.vcf(tmp_path / "l.vcf", [*ROWS, row]),
        made_alleles.bed(tmp_path / "l.bed", [*ROWS, row]),
    ):
        found = snps.read(made, FACTS)
        assert len(found) == len(ROWS)
        assert found["alt"].tolist() == ["C", "T", "G"]


REFUSED = [
    pytest.param("l.bed", "chr1\t5\t6\trs1\n", r"expected five columns .*, found 4; give", id="no bases"),
    pytest.param("l.bed", "chr1\tx\t6\tA\tG\n", r"line 1, column start: expected a finite number", id="no number"),
    pytest.param("l.bed", "chrX\t5\t6\tA\tG\n", r"expected single-base sites .*, found none", id="none left"),
    pytest.param("l.bed", "chr1\t249250621\t249250622\tA\tG\n", r"1:249250622 lies beyond the chromosome", id="beyond"),
    pytest.param("l.vcf", "chr1\t5\n", r"expected five columns .*, found 2; give a VCF", id="no VCF"),
]


@pytest.mark.parametrize(("name", "content", "message"), REFUSED)
def test_list_refused(tmp_path, name, content, message, capfd):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message) as raised:
        snps.read(tmp_path / name, FACTS)
    assert "\n" not in str(raised.value)


def test_last_base_of_a_chromosome_is_accepted(tmp_path):
    assert len(snps.read(made_alleles.bed(tmp_path / "l.bed", [("1", 249_250_620, "A", "G")]), FACTS)) == 1


def test_list_of_another_build_is_refused(tmp_path):
    path = made_alleles.vcf(tmp_path / "l.vcf", [ROWS[1]], chr1=build.load("GRCh38").contigs["1"])
    with pytest.raises(InputError, match=r"l\.vcf is GRCh38"):
        snps.read(path, FACTS)


# The reads

COUNTED = [
    # reads, reference, alternative and other reads
    pytest.param(at(SITE, 3, 2), (3, 2, 0), id="either allele"),
    pytest.param([Read("r", SITE - 5, {SITE: "T"})], (0, 0, 1), id="another base"),
    pytest.param([Read("r", SITE - 5, {SITE: "A"}, 0x10)], (1, 0, 0), id="reverse strand"),
    pytest.param([Read("r", SITE - 5, {SITE: "A"}, 0x400)], (0, 0, 0), id="duplicate"),
    pytest.param([Read("r", SITE - 5, {SITE: "A"}, 0x200)], (0, 0, 0), id="failed"),
    pytest.param([Read("r", SITE - 5, {SITE: "A"}, 0x100)], (0, 0, 0), id="secondary"),
    pytest.param([Read("r", SITE - 5, {SITE: "A"}, 0x800)], (0, 0, 0), id="supplementary"),
    pytest.param([Read("r", SITE - 5, {SITE: "A"}, 0x9)], (1, 0, 0), id="mate unmapped"),
    pytest.param([Read("r", SITE - 5, {SITE: "A"}, mapq=19)], (0, 0, 0), id="below the mapping quality"),
    pytest.param([Read("r", SITE - 5, {SITE: "A"}, mapq=20)], (1, 0, 0), id="at the mapping quality"),
    pytest.param([Read("r", SITE - 5, {SITE: "A"}, quality=19)], (0, 0, 0), id="below the base quality"),
    pytest.param([Read("r", SITE - 5, {SITE: "A"}, quality=20)], (1, 0, 0), id="at the base quality"),
    pytest.param(pair("f", SITE - 40, SITE - 10, {SITE: "G"}, {SITE: "G"}), (0, 1, 0), id="mates overlap: once"),
    pytest.param(pair("f", SITE - 60, SITE - 10, {}, {SITE: "G"}), (0, 1, 0), id="only one mate is there"),
    pytest.param(
        pair("f", SITE - 40, SITE - 10, {SITE: "A"}, {SITE: "G"}, low=(SITE,)), (0, 0, 0), id="mates poor: not at all"
    ),
]


@pytest.mark.parametrize(("reads", "expected"), COUNTED)
def test_reads_that_count(tmp_path, reads, expected):
    path = made_alleles.write(tmp_path / "s.bam", reads)
    assert tuple(snps.count(path, None, listed(SITE), FILTERS, 20)[0]) == expected


def test_duplicates_count_where_wanted(tmp_path):
    path = made_alleles.write(tmp_path / "s.bam", [Read("r", SITE - 5, {SITE: "A"}, 0x400)])
    assert tuple(snps.count(path, None, listed(SITE), FILTERS._replace(keep_duplicates=True), 20)[0]) == (1, 0, 0)


def test_sites_that_share_reads_and_sites_far_apart(tmp_path):
    near, far = SITE + 9, SITE + 5000
    reads = [Read(f"r{number}", SITE - 5, {SITE: "A", near: "AG"[number % 2]}) for number in range(7)]
    path = made_alleles.write(tmp_path / "s.bam", [*reads, *at(far, 1, 3)])
    places = listed(SITE, near, SITE + 300, far)
    found = snps.count(path, None, places, FILTERS, 20)
    np.testing.assert_array_equal(found, [(7, 0, 0), (4, 3, 0), (0, 0, 0), (1, 3, 0)])
    one_by_one = [snps.count(path, None, places.iloc[[row]], FILTERS, 20)[0] for row in range(len(places))]
    np.testing.assert_array_equal(found, one_by_one)


def test_deep_sites_are_not_cut(tmp_path):
    path = made_alleles.write(tmp_path / "s.bam", at(SITE, 6000, 4000))
    assert tuple(snps.count(path, None, listed(SITE), FILTERS, 20)[0]) == (6000, 4000, 0)


def test_contig_that_is_not_there(tmp_path):
    path = made_alleles.write(tmp_path / "s.bam", at(SITE, 1, 1))
    np.testing.assert_array_equal(snps.count(path, None, listed(SITE, chromosome="3"), FILTERS, 20), [(0, 0, 0)])


def test_cram_counts_as_its_bam(tmp_path):
    fasta = tmp_path / "g.fa"
    fasta.write_text(">chr1\n" + "C" * 20_000 + "\n")
    pysam.faidx(str(fasta))
    reads = [*at(SITE, 3, 2), *pair("f", SITE - 40, SITE - 10, {SITE: "G"}, {SITE: "G"})]
    options = {"contigs": {"chr1": 20_000}}
    bam = made_alleles.write(tmp_path / "s.bam", reads, **options)
    cram = made_alleles.write(tmp_path / "s.cram", reads, mode="wc", reference_filename=str(fasta), **options)
    for path in (bam, cram):
        assert tuple(snps.count(path, fasta, listed(SITE), FILTERS, 20)[0]) == (3, 3, 0)


def test_reads_that_show_neither_base_refuse_the_list(tmp_path):
    fine = made_alleles.write(tmp_path / "f.bam", [*at(SITE, 500, 400), *at(SITE, 0, 100, other="T")[-100:]])
    assert snps.count(fine, None, listed(SITE), FILTERS, 20).sum() == 1000
    wrong = made_alleles.write(tmp_path / "w.bam", at(SITE, 899, 101, other="T"))
    with pytest.raises(InputError, match=r"w\.bam: expected one of two bases .*, 10% of the reads show another"):
        snps.count(wrong, None, listed(SITE), FILTERS, 20)


@pytest.mark.parametrize(("bases", "judged"), [(snps.ENOUGH_BASES, True), (snps.ENOUGH_BASES - 1, False)])
def test_few_bases_do_not_refuse_a_list(tmp_path, bases, judged):
    path = made_alleles.write(tmp_path / "s.bam", at(SITE, 0, bases, other="T"))
    if not judged:
        assert tuple(snps.count(path, None, listed(SITE), FILTERS, 20)[0]) == (0, 0, bases)
        return
    with pytest.raises(InputError, match=r"100% of the reads show another"):
        snps.count(path, None, listed(SITE), FILTERS, 20)


def test_damaged_index_is_refused(tmp_path):
    path = made_alleles.write(tmp_path / "s.bam", at(SITE, 1, 1))
    (tmp_path / "s.bam.bai").write_bytes(b"BAI\1" + b"\xff" * 4)
    with pytest.raises(InputError, match=r"the index .* is damaged"):
        snps.count(path, None, listed(SITE), FILTERS, 20)


# Which of them are counted

BINS = [
    ("chr1", 9_000, 9_500, "target", ""),
    ("chr1", 20_000, 30_000, "off_target", ""),
    ("chr1", 40_000, 40_500, "target", "not_captured"),
    ("chr7", 50_000, 50_500, "target", ""),
]
WITHIN = [
    pytest.param("1", 9_200, True, id="in a target"),
    pytest.param("1", 9_000 - sites.NEAR_BP, True, id="at its margin"),
    pytest.param("1", 9_000 - sites.NEAR_BP - 1, False, id="before its margin"),
    pytest.param("1", 9_500 + sites.NEAR_BP - 1, True, id="at the end of its margin"),
    pytest.param("1", 9_500 + sites.NEAR_BP, False, id="behind its margin"),
    pytest.param("1", 25_000, False, id="off target"),
    pytest.param("1", 40_200, False, id="masked"),
    pytest.param("7", 50_200, True, id="on another chromosome"),
    pytest.param("1", 50_200, False, id="there on the wrong chromosome"),
]


def frame(rows=BINS):
    return pd.DataFrame(rows, columns=["chromosome", "start", "end", "kind", "mask"])


@pytest.mark.parametrize(("chromosome", "place", "kept"), WITHIN)
def test_sites_within_bins(chromosome, place, kept):
    assert len(sites.within(listed(place, chromosome=chromosome), frame())) == int(kept)


def test_a_long_list_is_thinned_evenly(monkeypatch):
    monkeypatch.setattr(sites, "MOST_SITES", 5)
    found = sites.within(listed(*range(9_000, 9_009)), frame())
    assert found["start"].tolist() == [9_000, 9_002, 9_004, 9_006, 9_008]


def test_of_neighbours_the_most_frequent_is_chosen(monkeypatch):
    monkeypatch.setattr(sites, "MOST_SITES", 3)
    places = listed(*range(9_000, 9_006)).assign(maf=[0.1, 0.2, np.nan, 0.1, 0.3, 0.3])
    assert sites.within(places, frame())["start"].tolist() == [9_001, 9_002, 9_004]


# The list that comes with metcn

SHIPPED = common_snps.load(FACTS)


def first_of(chromosome, of_list, own_complement=False):
    """The first site of a list on a chromosome."""
    chosen = (SHIPPED["chromosome"] == chromosome) & (SHIPPED["list"] == of_list)
    return SHIPPED[chosen & (common_snps.own_complement(SHIPPED) == own_complement)].iloc[0]


SITES = {
    "coding": first_of("1", "exome"),
    "genome": first_of("1", "genome"),
    "strands alike": first_of("1", "exome", own_complement=True),
}
OTHER = common_snps.COMPLEMENT
ORIENTED = [
    # kind of site, strand and order of the bases that reads show; which base is in the column ref; whether it is known
    pytest.param("coding", False, "ref", 1, id="a coding site"),
    pytest.param("coding", True, "ref", 1, id="a coding site on the other strand"),
    pytest.param("genome", False, "ref", 0, id="a site of the genome"),
    pytest.param("genome", True, "ref", 0, id="a site of the genome, turned over"),
    pytest.param("strands alike", False, "ref", 0, id="strands alike"),
]


def bins_at(*places, kind="target"):
    """Bins of 200 bp around sites."""
    return frame([("chr" + each.chromosome, each.start - 100, each.start + 100, kind, "") for each in places])


def counted(folder, site, ref, alt, *, kind="target", fasta=None):
    """The table of 30 reads of one base and 20 of the other at a site of the list."""
    path = made_alleles.write(folder / "s.bam", at(site.start, 30, 20, base=ref, other=alt))
    return sites.counted(files.common_snps("GRCh37"), bins_at(site, kind=kind), FACTS, path, fasta, SETTINGS)


@pytest.mark.parametrize(("kind", "turned", "column", "known"), ORIENTED)
def test_bases_are_those_of_the_strand_that_reads_show(tmp_path, kind, turned, column, known):
    site = SITES[kind]
    ref, alt = (OTHER[base] if turned else base for base in (site.ref, site.alt))
    row = counted(tmp_path, site, ref, alt).set_index("start").loc[site.start]
    assert (row["ref"], row["alt"]) == (ref, alt)
    assert (row["ref_reads"], row["alt_reads"], row["other_reads"], row["ref_known"]) == (30, 20, 0, known)


def test_a_site_that_shows_other_bases_is_left_out(tmp_path):
    site = SITES["strands alike"]
    odd = next(base for base in "ACGT" if base not in (site.ref, site.alt))
    assert site.start in counted(tmp_path, site, site.ref, site.alt)["start"].tolist()
    assert site.start not in counted(tmp_path, site, site.ref, odd)["start"].tolist()


def test_even_windows_are_counted_at_the_sites_spread_over_the_genome(tmp_path):
    of_genome, coding = SITES["genome"], SITES["coding"]
    table = counted(tmp_path, of_genome, of_genome.ref, of_genome.alt, kind="window")
    assert of_genome.start in table["start"].tolist()
    assert counted(tmp_path, coding, coding.ref, coding.alt, kind="window").empty


BY_FASTA = [
    pytest.param("G", ("G", "A"), id="the more frequent base is not the reference"),
    pytest.param("A", ("A", "G"), id="it is"),
    pytest.param("T", ("T", "C"), id="on the other strand"),
    pytest.param("C", ("C", "T"), id="on the other strand, in exchange"),
]


@pytest.mark.parametrize(("base", "expected"), BY_FASTA)
def test_the_sequence_tells_the_reference(tmp_path, base, expected):
    (tmp_path / "g.fa").write_text(">chr1\nNN" + base.lower() + "NN\n")
    pysam.faidx(str(tmp_path / "g.fa"))
    places = pd.concat([listed(2, 3, 99), listed(2, chromosome="2")], ignore_index=True).assign(ref_known=False)
    found = sites.by_reference(places, tmp_path / "g.fa")
    assert list(found.itertuples(index=False, name=None)) == [("1", 2, 3, *expected, True)]
    alike = sites.by_reference(listed(2, ref=base, alt=OTHER[base]), tmp_path / "g.fa")
    turned = sites.by_reference(listed(2, ref=OTHER[base], alt=base), tmp_path / "g.fa")
    assert [tuple(each.iloc[0, 3:5]) for each in (alike, turned)] == [(base, OTHER[base])] * 2


def test_a_matched_list_of_one_s_own_has_the_reference_first(tmp_path):
    path = made_alleles.write(tmp_path / "s.bam", at(SITE, 3, 2))
    listing = made_alleles.bed(tmp_path / "l.bed", [("chr1", SITE, "A", "G")])
    bins = frame([("chr1", SITE - 50, SITE + 50, "target", "")])
    table = sites.counted(listing, bins, FACTS, path, None, SETTINGS)
    assert table.iloc[0].tolist() == ["1", SITE, SITE + 1, "A", "G", 3, 2, 0, 1]
    assert tuple(table.columns) == ALLELE_COLUMNS


# Which of them are heterozygous


def table(*rows):
    """Sites of (reference reads, alternative reads)."""
    places = listed(*(1000 * number for number in range(len(rows))))
    reads = dict(zip(snps.READ_COLUMNS, np.array([(*row, 0) for row in rows]).T, strict=True))
    return places.assign(**reads, ref_known=1)


OWN = [
    pytest.param((50, 50), True, id="half"),
    pytest.param((190, 10), True, id="at the lower bound"),
    pytest.param((191, 9), False, id="below the lower bound"),
    pytest.param((10, 190), True, id="at the upper bound"),
    pytest.param((9, 191), False, id="above the upper bound"),
    pytest.param((10, 10), True, id="at the least depth"),
    pytest.param((10, 9), False, id="below the least depth"),
    pytest.param((18, 2), False, id="two reads that may be errors"),
    pytest.param((17, 3), True, id="three that are not"),
]


@pytest.mark.parametrize(("reads", "chosen"), OWN)
def test_heterozygous_by_own_reads(reads, chosen):
    assert len(germline_sites.heterozygous(table(reads))) == int(chosen)


BY_NORMAL = [
    pytest.param((100, 0), (50, 50), True, id="allele lost in the tumour"),
    pytest.param((50, 50), (100, 0), False, id="homozygous in the normal"),
    pytest.param((50, 50), (75, 25), True, id="at the bound of the normal"),
    pytest.param((50, 50), (76, 24), False, id="beyond the bound of the normal"),
    pytest.param((50, 50), (10, 9), False, id="shallow normal"),
    pytest.param((10, 9), (50, 50), False, id="shallow tumour"),
]


@pytest.mark.parametrize(("reads", "normal", "chosen"), BY_NORMAL)
def test_heterozygous_by_the_matched_normal(reads, normal, chosen):
    found = germline_sites.heterozygous(table(reads), table(normal))
    assert (
        list(found.itertuples(index=False, name=None)) == [("1", 0, reads[1], sum(reads), False, True)][: int(chosen)]
    )


def test_a_site_that_the_normal_lacks_is_left_out():
    assert len(germline_sites.heterozygous(table((50, 50), (50, 50)), table((50, 50)))) == 1


# Both stages

DEPTH = 60


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tumour at 60 % purity and its normal through ``counts``, and a function that runs ``purity`` on them."""
    folder = tmp_path_factory.mktemp("snps")
    tumour = made_tumours.tumour(purity=0.6, seed=1, noise=0.008, pieces=1)
    random, reads, rows = np.random.default_rng(3), {"T": [], "N": []}, []
    for name, place, _, _, count, deep in made_tumours.snps(tumour, per_segment=3, depth=4000, seed=4):
        contig = list(FACTS.contigs).index(build.bare(name))
        rows += [(name, place, "A", "G"), (name, place + 200, "A", "G")]  # a heterozygous site and a homozygous one
        for sample, share in (("T", count / deep), ("N", 0.5)):
            alt = random.binomial(DEPTH, share)
            reads[sample] += at(place, DEPTH - alt, alt, contig=contig) + at(place + 200, DEPTH, 0, contig=contig)
    bins = made_depth.panel_bins()
    wide = bins.iloc[[0] * len(rows)].assign(
        chromosome=[row[0] for row in rows], start=[row[1] - 100 for row in rows], end=[row[1] + 100 for row in rows]
    )
    tables.write_bins(folder / "bins.tsv", wide.assign(mask="", kind="target", role="backbone"))
    contigs = {f"chr{name}": length for name, length in FACTS.contigs.items()}
    listing = made_alleles.vcf(folder / "l.vcf", rows)
    for sample in reads:
        path = made_alleles.write(folder / f"{sample}.bam", reads[sample], contigs=contigs)
        written = {"output": folder / f"{sample}.cnn", "summary": folder / f"{sample}.json"}
        written["alleles"] = folder / f"{sample}.alleles.tsv"
        facts = {"sample": sample, "genome": "GRCh37", "bins": folder / "bins.tsv", "alignment": path, "snps": listing}
        made_depth.run("counts", **facts, **written)
    tables.write_segments(folder / "T.cns", tumour.segments)

    def purity(**files):
        """What the stage ``purity`` writes."""
        facts = {"sample": "T", "specimen": "tissue", "genome": "GRCh37", "segments": folder / "T.cns"}
        files = {name: folder / file for name, file in files.items()}
        made_depth.run("purity", **facts, **files, output=folder / "purity.json")
        return tumour, json.loads((folder / "purity.json").read_text())

    return purity


TABLES = [
    pytest.param({"alleles": "T.alleles.tsv"}, "own_reads", id="by own reads"),
    pytest.param({"alleles": "T.alleles.tsv", "normal_alleles": "N.alleles.tsv"}, "matched_normal", id="by the normal"),
]


@pytest.mark.parametrize(("files", "chosen_by"), TABLES)
def test_reads_at_snps_tell_of_purity(run, files, chosen_by):
    tumour, found = run(**files)
    heterozygous = 3 * len(tumour.copies)
    assert found["sites"]["snps_chosen_by"] == chosen_by
    assert 0.9 * heterozygous <= found["sites"]["snps"] <= heterozygous
    alleles = found["evidence"][2]
    assert alleles["source"] == "alleles" and alleles["identified"]
    assert alleles["purity"]["low"] <= tumour.purity <= alleles["purity"]["high"]
    assert abs(found["purity"]["value"] - tumour.purity) <= 0.05
    assert found["reasons"] == []


def test_drivers_of_a_vcf_stay_beside_snps_of_the_reads_and_its_snps_do_not(run, tmp_path):
    rows = [("chr3", 60_000_000, ".", "GENE=KRAS", 100, 400), ("chr3", 60_001_000, "rs1", "DB", 20, 400)]
    made_tumours.vcf(tmp_path / "v.vcf", rows)
    _, found = run(alleles="T.alleles.tsv", normal_alleles="N.alleles.tsv", variants=tmp_path / "v.vcf")
    _, without = run(alleles="T.alleles.tsv", normal_alleles="N.alleles.tsv")
    assert (found["sites"]["drivers"], found["sites"]["snps"]) == (1, without["sites"]["snps"])


def test_without_a_list_the_table_is_empty(tmp_path):
    tables.write_alleles(tmp_path / "a.tsv", sites.none())
    assert tables.read_alleles(tmp_path / "a.tsv").empty
