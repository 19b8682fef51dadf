"""VCFs as callers write them: depths, columns, marks of SNPs and mutations, and what a run says of them before."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from metcn import simulate
from metcn.cli import preflight
from metcn.errors import InputError
from metcn.files import read_json
from metcn.genome.build import load
from metcn.purity import allele_fractions, offered, variant_file, variant_kinds
from metcn.run import plan
from support import made_tumours

GRCH37 = load("GRCh37")
LINES = "##fileformat=VCFv4.2\n{}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{}\n"
KRAS = ("12", 25398284)
STRELKA = "DP:FDP:SDP:SUBDP:AU:CU:GU:TU"
TVC = "GT:GQ:DP:FDP:RO:FRO:AO:FAO:AF"


def write(path, rows, columns=("s",), lines=""):
    """A VCF of rows (id, ref, alt, info, format, cells), each at its own place beside KRAS codon 12."""
    text = LINES.format(lines, "\t".join(columns))
    for place, (name, ref, alt, info, form, *cells) in enumerate(rows):
        fields = [KRAS[0], str(KRAS[1] + place), name, ref, alt, ".", "PASS", info, form, *cells]
        text += "\t".join(fields) + "\n"
    path.write_text(text)
    return path


def found(path, sample="s"):
    return list(allele_fractions.read(path, sample, GRCH37)[["reads", "depth"]].itertuples(index=False, name=None))


DEPTHS = [
    # ref, alt, info beside SOMATIC, format, cell, reads and depth or None
    pytest.param("C", "A", "", STRELKA, "100:0:0:0:30,31:70,72:0,0:0,0", (30, 100), id="Strelka, first tier"),
    pytest.param("C", "A", "", STRELKA, "100:0:0:0:.,.:70,72:0,0:0,0", None, id="Strelka, tier missing"),
    pytest.param("C", "CA", "", "DP:TAR:TIR", "100:70,70:30,30", None, id="Strelka, indel"),
    pytest.param("C", "A", "", "GT:AD:AF:DP", "0/1:280,120:0.3:400", (120, 400), id="Mutect2, DRAGEN, Sentieon"),
    pytest.param("C", "A", "", "GT:DP:RD:AD:FREQ", "0/1:400:280:120:30%", (120, 400), id="VarScan2"),
    pytest.param("C", "A", "", "GT:DP:AD:FREQ", "0/1:400:120:30%", (120, 400), id="VarScan2 without RD"),
    pytest.param("C", "A", "", "GT:DP:FREQ", "0/1:400:30,5%", (122, 400), id="per cent with a comma"),
    pytest.param("C", "A", "", "GT:DP:FREQ", "0/1:400:130%", None, id="more than all"),
    pytest.param("C", "A", "", "GT:AD", "0/1:120", None, id="one depth of two"),
    pytest.param("C", "A", "", "GT:DP:AD:RO:QR:AO", "0/1:400:280,120:280:9:120", (120, 400), id="FreeBayes"),
    pytest.param("C", "A", "", "GT:DP:RO:AO", "0/1:400:280:120", (120, 400), id="FreeBayes of old"),
    pytest.param("C", "A", "", TVC, "0/1:9:410:400:283:280:121:120:0.3", (120, 400), id="TVC, flow-corrected"),
    pytest.param("C", "A", "", "GT:FDP:FAO", "0/1:400:120", (120, 400), id="TVC, FDP"),
    pytest.param("C", "A", "", "GT:FDP:FAO", "0/1:100:120", None, id="TVC, more than all"),
    pytest.param("C", "A", "", "GT:NR:NV", "0/1:400:120", (120, 400), id="Platypus"),
    pytest.param("C", "A", "", "GT:VAF:DP", "0/1:0.3:400", (120, 400), id="DeepVariant"),
    pytest.param("C", "A", "", "GT:DP4", "0/1:140,140,60,60", (120, 400), id="DP4"),
    pytest.param("C", "A", "DP4=140,140,60,60;", "GT:PL", "0/1:9,0,9", (120, 400), id="samtools, DP4 in INFO"),
    pytest.param("C", "A,<NON_REF>", "", "GT:AD", "0/1:280,120,0", (120, 400), id="GVCF"),
    pytest.param("C", "<NON_REF>,A", "", "GT:AD", "0/1:280,0,120", (120, 400), id="GVCF, the other order"),
    pytest.param("C", "A,<*>", "", "GT:AD", "0/1:280,120,0", (120, 400), id="bcftools gVCF"),
    pytest.param("C", "<NON_REF>", "", "GT:AD", "0/0:400,0", None, id="GVCF, a block without variant"),
    pytest.param("C", "A,T", "", "GT:AD", "1/2:200,120,80", None, id="two alternatives"),
    pytest.param("c", "a", "", "GT:AD", "0/1:280,120", (120, 400), id="lower case"),
    pytest.param("C", "A", "", "GT:AD", ".:.,.", None, id="missing"),
    pytest.param("C", "A", "", "GT:AD", "0/1", None, id="cell cut short"),
    pytest.param("C", "A", "", "GT:AD", "0/1:-280,120", None, id="negative"),
]


@pytest.mark.parametrize(("ref", "alt", "info", "form", "cell", "expected"), DEPTHS)
def test_depths(tmp_path, capfd, ref, alt, info, form, cell, expected):
    sound = ("COSV1", "C", "A", "SOMATIC", "GT:AD", "0/1:50,50")
    path = write(tmp_path / "v.vcf", [(".", ref, alt, info + "SOMATIC", form, cell), sound])
    assert found(path) == [*([] if expected is None else [expected]), (50, 100)]
    assert capfd.readouterr() == ("", "")


def test_depths_of_two_samples_are_not_told_by_info(tmp_path):
    row = (".", "C", "A", "DP4=140,140,60,60;SOMATIC", "GT", "0/1", "0/0")
    with pytest.raises(InputError, match=r"expected FORMAT AD, or AF and DP, found GT; call variants with"):
        found(write(tmp_path / "v.vcf", [row], ("s", "n")))


@pytest.mark.parametrize("declared", ["Number=R,Type=String", "Number=.,Type=Integer", "Number=1,Type=Float"])
def test_what_the_header_declares_is_no_matter(tmp_path, declared, capfd):
    line = f'##FORMAT=<ID=AD,{declared},Description="x">\n'
    assert found(write(tmp_path / "v.vcf", [(".", "C", "A", "SOMATIC", "AD", "280,120")], lines=line)) == [(120, 400)]
    assert capfd.readouterr() == ("", "")


MUTECT = "##normal_sample=blood\n##tumor_sample=ffpe\n"
CHOICES = [
    # columns, header lines, the one that is read or None, why
    pytest.param(("s", "n"), "", "s", "name", id="the sample's name"),
    pytest.param(("n", "S"), "", "S", "name", id="in another case"),
    pytest.param(("n", "/data/s.bam"), "", "/data/s.bam", "name", id="as a path"),
    pytest.param(("NORMAL", "TUMOR"), "", "TUMOR", "tumour", id="Strelka, VarScan2"),
    pytest.param(("tumor", "normal"), "", "tumor", "tumour", id="lower case"),
    pytest.param(("Tumour", "x"), "", "Tumour", "tumour", id="British"),
    pytest.param(("NORMAL", "x"), "", "x", "tumour", id="beside NORMAL"),
    pytest.param(("blood", "ffpe"), MUTECT, "ffpe", "tumour", id="Mutect2"),
    pytest.param(("blood", "ffpe"), "##normal_sample=blood\n", "ffpe", "tumour", id="Mutect2, normal alone named"),
    pytest.param(("x",), "", "x", "only", id="one column"),
    pytest.param(("x", "y"), "", None, "found x, y; rename", id="two without names"),
    pytest.param(("NORMAL", "x", "y"), "", None, "found NORMAL, x, y", id="two beside the normal"),
    pytest.param(("TUMOR", "TUMOUR"), "", None, "found TUMOR, TUMOUR", id="two tumours"),
    pytest.param(("NORMAL",), "", None, r"NORMAL is the normal's", id="the normal alone"),
    pytest.param(("blood",), MUTECT, None, r"blood is the normal's", id="Mutect2, the normal alone"),
    pytest.param(("s", "ffpe"), "##normal_sample=s\n", None, r"s is the normal's", id="the sample called normal"),
    pytest.param((), "", None, "found none", id="no column"),
]


@pytest.mark.parametrize(("columns", "lines", "expected", "why"), CHOICES)
def test_column(tmp_path, columns, lines, expected, why):
    cells = ["280,120" if name == expected else "400,0" for name in columns]
    path = write(tmp_path / "v.vcf", [(".", "C", "A", "SOMATIC", "AD", *cells)], columns, lines)
    if expected is None:
        with pytest.raises(InputError, match=why):
            allele_fractions.offer(path, "s", GRCH37)
    else:
        offer = allele_fractions.offer(path, "s", GRCH37)
        assert (offer.column, offer.own, found(path)) == (expected, why, [(120, 400)])


MISSENSE = "ANN=G|missense_variant|MODERATE|EGFR|ENSG1"
QUIET = "ANN=G|intron_variant|MODIFIER|EGFR|ENSG1"
VEP = "CSQ=G|missense_variant|MODERATE|TP53|{}|{}"
ANNOVAR = "Func.refGene=exonic;Gene.refGene=TP53;ExonicFunc.refGene={}"
FUNCOTATION = "FUNCOTATION=[EGFR|hg19|chr7|55259515|55259515|{}||SNP]"
DESCRIBED = {
    "CSQ": "Consequences from Ensembl VEP. Format: Allele|Consequence|IMPACT|SYMBOL|Existing_variation|gnomADe_AF",
    "POPAF": "negative log 10 population allele frequencies of alt alleles",
}
KINDS = [
    pytest.param("rs1", MISSENSE, "ambiguous", id="dbSNP lists mutations too"),
    pytest.param(".", MISSENSE, "driver", id="without a number"),
    pytest.param("rs1;COSV1", MISSENSE, "driver", id="in COSMIC"),
    pytest.param("rs1;COSV1", MISSENSE + ";gnomAD_AF=0.7", "snp", id="in COSMIC, common"),
    pytest.param("rs1;CM950001", MISSENSE, "ambiguous", id="HGMD lists inherited variants"),
    pytest.param("rs1", MISSENSE + ";SOMATIC", "driver", id="somatic"),
    pytest.param("rs1", MISSENSE + ";SS=2", "driver", id="VarScan2, somatic"),
    pytest.param(".", MISSENSE + ";SS=1", "ambiguous", id="VarScan2, germline"),
    pytest.param("rs1", MISSENSE + ";STATUS=StrongSomatic", "driver", id="VarDict"),
    pytest.param("rs1", MISSENSE + ";SOMATIC;gnomAD_AF=0.2", "ambiguous", id="somatic and common"),
    pytest.param("rs1", MISSENSE + ";gnomAD_AF=0.00009", "driver", id="rare"),
    pytest.param("rs1", MISSENSE + ";gnomAD_AF=0.0001", "ambiguous", id="less rare"),
    pytest.param(".", MISSENSE + ";gnomAD_AF=0.0001", "ambiguous", id="less rare, without a number"),
    pytest.param("rs1", MISSENSE + ";AF_EXOMES=0.01", "snp", id="common"),
    pytest.param("rs1", MISSENSE + ";gnomAD_AF=0.00001;MAX_AF=0.02", "snp", id="common in one population"),
    pytest.param("rs1", MISSENSE + ";dbNSFP_ExAC_AF=0.5", "snp", id="dbNSFP"),
    pytest.param("rs1", MISSENSE + ";ExAC_ALL=0.5", "snp", id="ANNOVAR's frequency"),
    pytest.param("rs1", MISSENSE + ";ExAC_pLI=0.9;gnomAD_nhomalt=1", "ambiguous", id="numbers that are no frequency"),
    pytest.param("rs1", MISSENSE + ";AF=0.5", "ambiguous", id="the caller's own fraction"),
    pytest.param("rs1", MISSENSE + ";CAF=0.99999,0.00001", "driver", id="dbSNP: reference first, rare"),
    pytest.param("rs1", MISSENSE + ";CAF=[0.6,0.4]", "snp", id="dbSNP: reference first, common"),
    pytest.param("rs1", MISSENSE + ";TOPMED=0.99999,0.00001", "driver", id="TOPMED: reference first"),
    pytest.param("rs1", MISSENSE + ";COMMON=1", "snp", id="COMMON=1"),
    pytest.param("rs1", MISSENSE + ";COMMON=0", "ambiguous", id="COMMON=0: below 1 % only"),
    pytest.param("rs1", MISSENSE + ";POPAF=5.4", "driver", id="Mutect2's POPAF, rare"),
    pytest.param("rs1", MISSENSE + ";POPAF=1.0", "snp", id="Mutect2's POPAF, common"),
    pytest.param("rs1", MISSENSE + ";POPAF=7.30", "ambiguous", id="Mutect2's POPAF, not known"),
    pytest.param("rs1", QUIET, "snp", id="intronic"),
    pytest.param(".", QUIET, "unmarked", id="intronic, without a number"),
    pytest.param(".", "ANN=G|synonymous_variant|LOW|KRAS|x", "unmarked", id="synonymous"),
    pytest.param(".", QUIET + "," + MISSENSE[4:], "driver", id="one transcript of two"),
    pytest.param("rs1", "ANN=G|missense_variant|MODERATE|TTN|x", "snp", id="another gene"),
    pytest.param("rs1", MISSENSE.replace("EGFR", "TTN") + "," + QUIET[4:], "snp", id="changes another gene"),
    pytest.param("rs1", "GENE=EGFR", "ambiguous", id="consequence not told"),
    pytest.param("rs1", "DB;GENEINFO=EGFR:1956", "ambiguous", id="dbSNP's gene"),
    pytest.param("rs1", ".", "snp", id="not annotated"),
    pytest.param(".", "DB", "snp", id="flag of dbSNP"),
    pytest.param(".", "gnomAD_AF=0.3", "snp", id="common without a number"),
    pytest.param("COSV1", ".", "unmarked", id="COSMIC alone"),
    pytest.param(".", "SOMATIC", "somatic", id="somatic without a gene"),
    pytest.param(".", VEP.format("rs1&COSV1", ""), "ambiguous", id="VEP: known at the place"),
    pytest.param(".", VEP.format("", ""), "driver", id="VEP: not known"),
    pytest.param(".", VEP.format("rs1", "0.7"), "snp", id="VEP: common"),
    pytest.param(".", VEP.format("rs1", "1e-5"), "driver", id="VEP: rare"),
    pytest.param(".", ANNOVAR.format("nonsynonymous_SNV"), "driver", id="ANNOVAR"),
    pytest.param(".", ANNOVAR.format("synonymous_SNV"), "unmarked", id="ANNOVAR, synonymous"),
    pytest.param(".", ANNOVAR.format("stopgain") + ";avsnp150=rs1", "ambiguous", id="ANNOVAR, in dbSNP"),
    pytest.param(".", FUNCOTATION.format("MISSENSE"), "driver", id="Funcotator"),
    pytest.param(".", FUNCOTATION.format("SILENT"), "unmarked", id="Funcotator, silent"),
]


def kind(name, info, tumours=()):
    header = variant_file.Header({}, ("s",), frozenset(tumours), frozenset(), DESCRIBED)
    record = variant_file.Record("7", 1, tuple(name.split(";")), "T", ("G",), 1, False, (info, "AD", "50,50"))
    return variant_kinds.kind(record, header)


@pytest.mark.parametrize(("name", "info", "expected"), KINDS)
def test_kind(name, info, expected):
    assert kind(name, info) == expected


def test_a_number_of_dbsnp_makes_no_snp_of_a_call_of_mutect2():
    assert kind("rs1", ".", tumours=["s"]) == "ambiguous"
    assert kind("rs1", "POPAF=1.0", tumours=["s"]) == "snp"


@pytest.mark.parametrize(
    ("number", "used"), [(allele_fractions.MOST_UNNAMED, 5), (allele_fractions.MOST_UNNAMED + 1, 0)]
)
def test_many_mutations_of_no_driver_gene(tmp_path, number, used):
    named = (".", "C", "A", "SOMATIC;" + MISSENSE, "AD", "70,30")
    path = write(tmp_path / "v.vcf", [named, *[(".", "C", "A", "SOMATIC", "AD", "90,10")] * number])
    offer = allele_fractions.offer(path, "s", GRCH37)
    assert len(offer.sites) == used + 1
    assert offer.left_out == ({} if used else {"unnamed": number})


def test_numbers_by_reason(tmp_path):
    rows = [
        (".", "C", "A", ".", "AD", "50,50"),
        (".", "C", "A", ".", "AD", "50,50"),
        ("rs1", "C", "A", ".", "AD", "9,10"),
        ("rs1", "C", "A", ".", "AD", "100,0"),
        ("rs1", "C", "CA", ".", "AD", "50,50"),
        ("rs1", "C", "A", ".", "AD", "."),
        ("rs1", "C", "A", "GENE=EGFR", "AD", "50,50"),
        ("rs1", "C", "A", ".", "AD", "50,50"),
    ]
    offer = allele_fractions.offer(write(tmp_path / "v.vcf", rows), "s", GRCH37)
    assert offer.left_out == dict.fromkeys(("no_single_base", "no_depth", "shallow"), 1) | {
        "unmarked": 2, "ambiguous": 1, "homozygous": 1
    }  # fmt: skip
    assert offer.records == len(offer.sites) + sum(offer.left_out.values())
    assert offer.sentence == (
        "column s, 1 of 8 sites used (1 no single-base change with one alternative allele, 1 without depths of both "
        "alleles, 1 below 20 reads, 2 without a mark of SNP or driver, 1 germline SNP or mutation alike, "
        "1 homozygous or absent)"
    )


@pytest.mark.parametrize(("most", "whole"), [(2, False), (3, True), (None, True)])
def test_no_more_than_the_first_records(tmp_path, most, whole):
    path = write(tmp_path / "v.vcf", [("rs1", "C", "A", ".", "AD", "50,50")] * 3)
    offer = allele_fractions.offer(path, "s", GRCH37, most)
    assert (offer.records, offer.whole) == (most or 3, whole)
    assert ("the first 2 sites" in offer.sentence) is not whole


def test_beyond_the_chromosome(tmp_path):
    path = write(tmp_path / "v.vcf", [("rs1", "C", "A", ".", "AD", "50,50")])
    path.write_text(path.read_text().replace(str(KRAS[1]), "133851896"))
    with pytest.raises(InputError, match=r"v\.vcf: 12:133851896 lies beyond the chromosome in GRCh37"):
        allele_fractions.read(path, "s", GRCH37)


@pytest.mark.parametrize(
    ("reads", "more", "balanced"),
    [
        pytest.param([50] * 20, "", True, id="as in blood"),
        pytest.param([50] * 19, "", False, id="few"),
        pytest.param([50] * 19 + [29], "", False, id="one away"),
        pytest.param([50] * 20, "SOMATIC", False, id="with a mutation"),
    ],
)
def test_fractions_at_one_half(tmp_path, reads, more, balanced):
    rows = [("rs1", "C", "A", ".", "AD", f"{100 - each},{each}") for each in reads]
    rows += [(".", "C", "A", more, "AD", "70,30")] if more else []
    assert allele_fractions.offer(write(tmp_path / "v.vcf", rows), "s", GRCH37).is_balanced is balanced


SNPS = [("rs1", "C", "A", ".", "AD", "60,40")] * 5


@pytest.fixture
def sheet(tmp_path):
    """A sheet of two tumours and a normal; coverage tables are simulated."""
    genome = load("GRCh37")
    tumours = [simulate.tumour(genome, name, "diploid", purity=0.5) for name in ("T", "U")]
    simulate.cohort(tmp_path, genome=genome, normals=1, tumours=tumours, depth=300, as_="cnn", seed=3)
    table = pd.read_csv(tmp_path / "samples.tsv", sep="\t", dtype=str, keep_default_na=False)
    for column in ("purity", "ploidy"):
        table[column] = ""
    table["variants"] = ""

    def checked(vcf_of):
        table["variants"] = [vcf_of.get(name, "") for name in table["sample"]]
        table.to_csv(tmp_path / "samples.tsv", sep="\t", index=False)
        given = {"genome": "GRCh37", "assay": "panel", "samples": "samples.tsv"}
        return preflight.check(plan.load(given, tmp_path), tmp_path)

    checked.folder, checked.normal = tmp_path, table.loc[table["role"] == "normal", "sample"].iloc[0]
    return checked


def test_the_file_of_another_row(sheet):
    for other in (sheet.normal, "U", f"/x/{sheet.normal}.bam"):
        write(sheet.folder / "T.vcf", SNPS, [other])
        with pytest.raises(
            InputError, match=r"sample T, column variants: expected its own VCF, .*another row"
        ) as raised:
            sheet({"T": "T.vcf"})
        assert "\n" not in str(raised.value)


def test_a_column_of_another_name_is_noted(sheet):
    write(sheet.folder / "T.vcf", SNPS, ["x"])
    checked = sheet({"T": "T.vcf"})
    assert checked.faults == []
    assert checked.notes[0] == "sample T: T.vcf: column x, 5 of 5 sites used"
    assert "its only one, x, is used" in checked.notes[1]
    write(sheet.folder / "T.vcf", SNPS, ["T"])
    assert sheet({"T": "T.vcf"}).notes[0] == "sample T: T.vcf: column T, 5 of 5 sites used"


def test_one_file_of_two_rows(sheet):
    write(sheet.folder / "T.vcf", SNPS, ["x"])
    with pytest.raises(
        InputError, match=r"sample U, column variants: expected a VCF of each sample, .* also that of sam"
    ):
        sheet({"T": "T.vcf", "U": "T.vcf"})
    shutil.copy(sheet.folder / "T.vcf", sheet.folder / "U.vcf")
    with pytest.raises(InputError, match=r"expected a VCF of each sample, .*U\.vcf is also that of sample T"):
        sheet({"T": "T.vcf", "U": "U.vcf"})
    write(sheet.folder / "T.vcf", [(*row, "70,30") for row in SNPS], ["T", "U"])
    assert sheet({"T": "T.vcf", "U": "T.vcf"}).faults == []


def test_an_unreadable_file_costs_its_sample_alone(sheet):
    write(sheet.folder / "T.vcf", [("rs1", "C", "A", ".", "GT", "0/1")], ["T"])
    (fault,) = sheet({"T": "T.vcf"}).faults
    assert fault.startswith("sample T: ") and "expected FORMAT AD, or AF and DP, found GT" in fault


def test_long_files_are_read_in_part(sheet, monkeypatch):
    monkeypatch.setattr(offered, "MOST_RECORDS", 3)
    write(sheet.folder / "T.vcf", SNPS, ["T"])
    assert "column T, 3 of the first 3 sites used" in sheet({"T": "T.vcf"}).notes[0]


def run(folder, *more):
    command = [sys.executable, "-m", "metcn", "run", "--samples", "samples.tsv", "--configfile", "config.yaml"]
    command += ["--directory", "out", "--cores", "2", *more]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "scripts")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def strelka(folder):
    cell, normal = "100:0:0:0:30,30:70,70:0,0:0,0", "100:0:0:0:0,0:100,100:0,0:0,0"
    write(folder / "T.vcf", [(".", "C", "A", "SOMATIC", STRELKA, normal, cell)], ["NORMAL", "TUMOR"])


def test_run_is_refused_before_any_work(sheet):
    strelka(sheet.folder)
    sheet({"T": "T.vcf"})
    shown = run(sheet.folder, "-n")
    assert shown.returncode == 0, shown.stderr
    assert "note: sample T: T.vcf: column TUMOR, 1 of 1 sites used" in shown.stderr
    write(sheet.folder / "T.vcf", SNPS, [sheet.normal])
    refused = run(sheet.folder)
    assert refused.returncode == 2
    assert f"has the column {sheet.normal} of sample {sheet.normal}, which is another row" in refused.stderr
    assert not (sheet.folder / "out/results").exists()


@pytest.mark.slow
def test_run_of_strelka(sheet):
    strelka(sheet.folder)
    sheet({"T": "T.vcf"})
    done = run(sheet.folder)
    assert done.returncode == 0, done.stderr
    told = read_json(sheet.folder / "out/results/purity/T.json")["variants"]
    assert told["used"] == {"snps": 0, "drivers": 1}
    assert (told["column"], told["records"], told["left_out"]) == ("TUMOR", 1, {})
    assert "column TUMOR, 1 of 1 sites used" in (sheet.folder / "out/results/report/T.html").read_text()


def test_the_stage_writes_why(tmp_path):
    rows = [("chr3", 999, ".", ".", 50, 100)]
    offer = allele_fractions.offer(made_tumours.vcf(tmp_path / "v.vcf", rows), "s", GRCH37)
    assert offer.sentence == "column s, 0 of 1 sites used (1 without a mark of SNP or driver)"
