"""Sample sheets: what is tolerated, what is refused, and in which words."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn.errors import InputError
from metcn.run import sheet
from metcn.run.samples import Sample, parse_range

FILES = ("a.bam", "b.bam", "n.bam", "m.bam", "a.cnn", "a.antitarget.cnn", "b.cnn", "r.cnr", "v.vcf", "x.sam", "c d.bam")


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        (tmp_path / name).touch()
    (tmp_path / "dir.bam").mkdir()
    return tmp_path


def write(folder, columns, *rows, name="samples.tsv"):
    """A sheet of space-separated columns; ``_`` is an empty cell, ``~`` a space."""
    lines = [columns, *rows]
    cells = [["" if cell == "_" else cell.replace("~", " ") for cell in line.split()] for line in lines]
    path = folder / name
    path.write_text("".join("\t".join(line) + "\n" for line in cells))
    return path


def test_whole_row(folder):
    path = write(
        folder,
        "sample role alignments coverage ratios specimen purity ploidy patient timepoint prior_tki matched_normal "
        "variants",
        "T1 tumour a.bam _ _ plasma 0.3-0.5 2.8 P1 progression third N1 v.vcf",
        "N1 normal n.bam _ _ _ _ _ P1 _ _ _ _",
    )
    tumour, normal = sheet.read(path)
    assert tumour == Sample(
        name="T1",
        role="tumour",
        alignments=folder / "a.bam",
        specimen="plasma",
        purity="0.3-0.5",
        ploidy="2.8",
        patient="P1",
        timepoint="progression",
        prior_tki="third",
        matched_normal="N1",
        variants=folder / "v.vcf",
    )
    assert normal == Sample(name="N1", role="normal", alignments=folder / "n.bam", patient="P1")


def test_coverage_tables_of_one_sample(folder):
    (sample,) = sheet.read(write(folder, "sample role coverage", "T1 tumour a.cnn;~a.antitarget.cnn"))
    assert sample.coverage == (folder / "a.cnn", folder / "a.antitarget.cnn")


def test_ratios_beside_alignments(folder):
    rows = ("T1 tumour a.bam _", "T2 tumour _ r.cnr")
    assert [s.name for s in sheet.read(write(folder, "sample role alignments ratios", *rows))] == ["T1", "T2"]


def test_samples_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sample(name="T1").name = "T2"


def test_relative_paths_start_from_the_sheet(folder, monkeypatch):
    path = write(folder, "sample role alignments", "T1 tumour a.bam")
    monkeypatch.chdir(folder.parent)
    (sample,) = sheet.read(Path(folder.name) / path.name)
    assert sample.alignments == folder / "a.bam"


PLAIN = "sample\trole\talignments\nT1\ttumour\ta.bam\n"
TOLERATED = {
    "plain": PLAIN.encode(),
    "Windows line ends": PLAIN.replace("\n", "\r\n").encode(),
    "old Macintosh line ends": PLAIN.replace("\n", "\r").encode(),
    "byte order mark": PLAIN.encode("utf-8-sig"),
    "spreadsheet's Unicode text": PLAIN.encode("utf-16"),
    "no last line end": PLAIN.rstrip("\n").encode(),
    "empty lines": PLAIN.replace("\n", "\n\n\t\t\n").encode(),
    "comments": ("# made by hand\n" + PLAIN + "#T2\ttumour\tb.bam\n").encode(),
    "spaces around cells": PLAIN.replace("T1\t", " T1 \t ").encode(),
    "quoted cells": PLAIN.replace("a.bam", '"a.bam"').encode(),
    "empty trailing cells": PLAIN.replace("a.bam\n", "a.bam\t\t\n").encode(),
    "missing trailing cells": PLAIN.replace("alignments\n", "alignments\tpurity\n").encode(),
}


@pytest.mark.parametrize("content", TOLERATED.values(), ids=TOLERATED)
def test_tolerated(folder, content):
    (folder / "samples.tsv").write_bytes(content)
    assert sheet.read(folder / "samples.tsv") == [Sample(name="T1", alignments=folder / "a.bam")]


FORM = {
    "commas": (b"sample,role,alignments\nT1,tumour,a.bam\n", "separated by tabs, found commas"),
    "semicolons": (b"sample;role;alignments\nT1;tumour;a.bam\n", "separated by tabs, found semicolons"),
    "spaces": (b"sample role alignments\nT1 tumour a.bam\n", "separated by tabs, found spaces"),
    "spreadsheet": (b"PK\x03\x04...", "expected tab-separated text, found a spreadsheet"),
    "other encoding": (b"sample\trole\nM\xfcller\ttumour\n", "expected UTF-8 text, found other bytes at 13"),
    "empty": (b"", "expected a header and a row per sample, found nothing"),
    "header only": (b"sample\trole\talignments\n", "found only the header; add the samples"),
    "unknown column": (
        b"sample\trole\talignment\nT1\ttumour\ta.bam\n",
        "received 'alignment'; did you mean alignments?",
    ),
    "column twice": (b"sample\trole\trole\tratios\nT1\ttumour\t\tr.cnr\n", "each column once, received role 2 times"),
    "no sample column": (b"role\talignments\ntumour\ta.bam\n", "expected a column sample, found role, alignments"),
    "no input column": (b"sample\trole\nT1\ttumour\n", "expected one of the columns alignments, coverage, ratios"),
    "too many cells": (PLAIN.replace("a.bam", "a.bam\t0.4").encode(), "row 2: expected 3 cells .* received 4"),
    "no names": (b"T1\ttumour\ta.bam\n", "received 'T1'"),
}


@pytest.mark.parametrize(("content", "message"), FORM.values(), ids=FORM)
def test_form_refused(folder, content, message):
    (folder / "samples.tsv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        sheet.read(folder / "samples.tsv")


def test_missing_sheet(tmp_path):
    with pytest.raises(InputError, match=r"none.tsv: cannot be read \(No such file"):
        sheet.read(tmp_path / "none.tsv")


A = "sample role alignments "
ROWS = {
    "name with a space": (A, ["T~1 tumour a.bam"], "row 2, sample T 1, column sample: .*received 'T 1'; rename"),
    "name with a slash": (A, ["T/1 tumour a.bam"], "column sample: expected a name of"),
    "name that starts with a dot": (A, [".T1 tumour a.bam"], "column sample: expected a name of"),
    "no name": (A, ["_ tumour a.bam"], "row 2, sample without name, column sample"),
    "long name": (A, ["T" * 201 + " tumour a.bam"], "at most 200"),
    "reserved name": (A, ["Cohort tumour a.bam"], "a name other than cohort"),
    "name twice": (A, ["T1 tumour a.bam", "T1 tumour b.bam"], "row 3, sample T1, .*unique names.* as in row 2"),
    "names alike but for case": (A, ["T1 tumour a.bam", "t1 tumour b.bam"], "row 3, sample t1, .*unique names"),
    "American spelling": (A, ["T1 tumor a.bam"], "column role: expected tumour or normal, .*did you mean tumour?"),
    "no role": (A, ["T1 _ a.bam"], "column role: expected tumour or normal, received ''"),
    "specimen": (A + "specimen", ["T1 tumour a.bam blood"], "expected tissue or plasma, or nothing, received 'blood'"),
    "timepoint": (A + "patient timepoint", ["T1 tumour a.bam P1 base-line"], "did you mean baseline?"),
    "inhibitor before": (
        A + "prior_tki",
        ["T1 tumour a.bam osimertinib"],
        "row 2, sample T1, column prior_tki: expected first or second or third, or nothing, received 'osimertinib'",
    ),
    "timepoint without patient": (A + "timepoint", ["T1 tumour a.bam baseline"], "fill the column patient"),
    "two baselines": (
        A + "patient timepoint",
        ["T1 tumour a.bam P1 baseline", "T2 tumour b.bam P1 baseline"],
        "one tissue sample at baseline of patient P1, received 2",
    ),
    "no input": (A, ["T1 tumour _"], "exactly one of alignments, coverage, ratios, received none"),
    "two inputs": (A + "ratios", ["T1 tumour a.bam r.cnr"], "received alignments and ratios; fill one of them"),
    "missing file": (A, ["T1 tumour z.bam"], "column alignments: expected files that exist, .*z.bam does not exist"),
    "folder": (A, ["T1 tumour dir.bam"], "dir.bam is a folder"),
    "missing one of two tables": ("sample role coverage", ["T1 tumour a.cnn;z.cnn"], "z.cnn does not exist"),
    "missing variants": (A + "variants", ["T1 tumour a.bam z.vcf"], "column variants: .*z.vcf does not exist"),
    "SAM": (A, ["T1 tumour x.sam"], "expected a BAM or CRAM file, received 'x.sam'"),
    "file twice": (
        A,
        ["T1 tumour a.bam", "T2 tumour a.bam"],
        "row 3, sample T2, .*each file once.*a.bam is also in row 2",
    ),
    "file by two paths": (A, ["T1 tumour a.bam", "T2 tumour ../{folder}/a.bam"], "also in row 2"),
    "table twice in a cell": ("sample role coverage", ["T1 tumour a.cnn;a.cnn"], "each file once"),
    "alignments and coverage": (
        A + "coverage",
        ["T1 tumour a.bam _", "T2 tumour _ a.cnn"],
        "T1 has alignments and T2 has coverage; count all in the same way",
    ),
    "normals only": (A, ["N1 normal n.bam"], "at least one sample of role tumour, found none"),
    "ratios of a normal": ("sample role ratios", ["N1 normal r.cnr"], "a panel of normals is made from depth"),
    "purity of a normal": (A + "purity", ["N1 normal n.bam 0.5"], "column purity: expected nothing for a normal"),
    "matched normal unknown": (A + "matched_normal", ["T1 tumour a.bam N9", "N1 normal n.bam _"], "known: N1"),
    "matched normal is a tumour": (
        A + "matched_normal",
        ["T1 tumour a.bam T2", "T2 tumour b.bam _"],
        "the name of a normal",
    ),
    "matched normal of a normal": (A + "matched_normal", ["N1 normal n.bam N2", "N2 normal m.bam _"], "for a tumour"),
    "matched normal of ratios": (
        "sample role ratios alignments matched_normal",
        ["T1 tumour r.cnr _ N1", "N1 normal _ n.bam _"],
        "nothing for ratios normalised elsewhere",
    ),
}


@pytest.mark.parametrize(("columns", "rows", "message"), ROWS.values(), ids=ROWS)
def test_row_refused(folder, columns, rows, message):
    path = write(folder, columns, *(row.replace("{folder}", folder.name) for row in rows))
    with pytest.raises(InputError, match=message) as raised:
        sheet.read(path)
    assert all(line.startswith(str(path)) for line in str(raised.value).splitlines())


NUMBERS = {
    ("purity", "0.4"): None,
    ("purity", "1"): None,
    ("purity", "1.0"): None,
    ("purity", "0.3-0.5"): None,
    ("purity", ".3~-~.5"): None,
    ("purity", "0.4-0.4"): None,
    ("ploidy", "1"): None,
    ("ploidy", "8"): None,
    ("ploidy", "2.5-3.1"): None,
    ("purity", "0"): "expected numbers above 0 and at most 1",
    ("purity", "0-0.5"): "expected numbers above 0 and at most 1",
    ("purity", "40"): "write 0.4 for 40 %",
    ("purity", "40%"): "write 0.4",
    ("purity", "30-50%"): "write 0.3-0.5",
    ("purity", "0,4"): "write 0.4",
    ("purity", "0.3\N{EN DASH}0.5"): "write 0.3-0.5",
    ("purity", "0.5-0.3"): "expected a range with the lower number first",
    ("purity", "-0.4"): "expected a number or a range such as 0.3-0.5",
    ("purity", "NA"): "leave the cell empty if it is unknown",
    ("purity", "nan"): "leave the cell empty if it is unknown",
    ("purity", "1e-1"): "expected a number or a range",
    ("ploidy", "0.9"): "expected numbers from 1 to 8",
    ("ploidy", "8.1"): "expected numbers from 1 to 8",
    ("ploidy", "2-9"): "expected numbers from 1 to 8",
    ("ploidy", "diploid"): "leave the cell empty if it is unknown",
}


@pytest.mark.parametrize(("column", "text", "message"), [(*cell, message) for cell, message in NUMBERS.items()])
def test_numbers(folder, column, text, message):
    path = write(folder, A + column, f"T1 tumour a.bam {text}")
    if message is None:
        (sample,) = sheet.read(path)
        assert getattr(sample, column) == text.replace("~", "")
    else:
        with pytest.raises(InputError, match=f"sample T1, column {column}: .*{message}"):
            sheet.read(path)


def test_all_problems_at_once(folder):
    path = write(folder, A + "purity", "T1 tumor z.bam 40", "T1 tumour b.bam _", "N1 normal n.bam _")
    with pytest.raises(InputError) as raised:
        sheet.read(path)
    problems = str(raised.value).splitlines()
    assert [line.split("column ")[1].split(":")[0] for line in problems] == ["role", "alignments", "purity", "sample"]


def test_one_sample_without_a_sheet(folder):
    cells = {"sample": "T1", "role": "tumour", "alignments": "c d.bam", "purity": "0.4"}
    assert sheet.one(cells, folder, "here") == Sample(name="T1", alignments=folder / "c d.bam", purity="0.4")
    with pytest.raises(InputError, match=r"^here: sample T1, column purity: .*write 0\.4"):
        sheet.one(cells | {"purity": "0,4"}, folder, "here")


@given(low=st.decimals(0, 9, places=3), high=st.decimals(0, 9, places=3))
def test_range_is_read_as_written(low, high):
    low, high = sorted((low, high))
    assert parse_range(f"{low}-{high}") == (float(low), float(high))
    assert parse_range(str(low)) == (float(low), float(low))


@given(st.text(alphabet="0123456789.-, ~\t", max_size=12))
def test_any_text_is_a_range_or_refused(text):
    try:
        low, high = parse_range(text)
    except ValueError as error:
        assert "range" in str(error)
    else:
        assert 0 <= low <= high


@given(st.binary(max_size=200))
def test_any_bytes_are_a_sheet_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "samples.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError):
        sheet.read(path)


def test_patient_of_a_sample(folder):
    path = write(folder, "sample role alignments patient", "T1 tumour a.bam P~1", "T2 tumour gone.bam _")
    assert (sheet.patient_of(path, "T1"), sheet.patient_of(path, "T2")) == ("P 1", "")
    with pytest.raises(InputError, match=r"samples\.tsv: expected a row of sample T3, found none; give the sheet"):
        sheet.patient_of(path, "T3")
