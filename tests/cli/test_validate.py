"""``metcn validate``: known answers against a cohort table."""

import csv
import math
import statistics

import pytest

from metcn.cli import main
from metcn.cli import validate as stage
from metcn.errors import InputError
from metcn.genome import build as builds
from metcn.simulate import tumour, tumours

COHORT = """\
sample	call	reasons	met_copies	met_copies_low	met_copies_high	met_cep7	met_cep7_low	met_cep7_high	qc
A	high_level_amplification		14	12	16	6	5	7	pass
B	amplification	noisy	6.4	5.2	7.7	2.6	2.1	3.1	warn
C	not_amplified		2.1	1.8	2.4	1	0.9	1.1	pass
D	indeterminate	interval_spans_bound;purity_unknown				1.9	1.2	2.9	pass
E	polysomy		6.1	5.5	6.7	1.1	1	1.2	pass
F	not_amplified		3	2.5	3.5	1.2	1	1.4	pass
"""
TRUTH = """\
sample	met_copies	met_cep7	amplified
A	12	5	yes
B	4.5	1.9	no
C	2	1	no
D	8	3	yes
E	6	1	no
"""


@pytest.fixture
def given(tmp_path):
    """Paths of the two tables, and the folder to write into."""
    (tmp_path / "cohort.tsv").write_text(COHORT)
    (tmp_path / "truth.tsv").write_text(TRUTH)
    return {"truth": tmp_path / "truth.tsv", "cohort": tmp_path / "cohort.tsv", "output": tmp_path / "out"}


def rows(path, key):
    """Rows of a table by a column."""
    with open(path, newline="") as handle:
        return {row[key]: row for row in csv.DictReader(handle, delimiter="\t")}


def test_tables(given):
    stage.validate(**given)
    found = rows(given["output"] / "validation.tsv", "question")
    cells = "tp fn fp tn open_positive open_negative".split()
    counted = {name: tuple(int(row[cell]) for cell in cells) for name, row in found.items()}
    assert counted == {
        "amplified": (1, 0, 1, 2, 1, 0),
        "MET copies >= 5": (2, 0, 1, 1, 1, 0),
        "MET copies >= 6": (2, 0, 1, 1, 1, 0),
        "MET copies >= 10": (1, 0, 0, 3, 0, 1),
        "MET/CEP7 >= 1.8": (3, 0, 0, 2, 0, 0),
        "MET/CEP7 >= 2": (1, 1, 1, 2, 0, 0),
    }
    assert float(found["amplified"]["sensitivity_of_all"]) == 0.5
    row = {name: float(value) for name, value in found["MET copies >= 5"].items() if name != "question"}
    assert row["difference"] == pytest.approx((2 + 1.9 + 0.1 + 0.1) / 4)
    logs = [math.log(14 / 12), math.log(6.4 / 4.5), math.log(2.1 / 2), math.log(6.1 / 6)]
    mean, reach = math.fsum(logs) / 4, 1.959964 * statistics.stdev(logs)
    assert row["ratio"] == pytest.approx(math.exp(mean))
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx(
        (math.exp(mean - reach), math.exp(mean + reach)), 1e-5
    )
    assert (row["covered"], row["intervals"], row["coverage"]) == (3, 4, 0.75)  # 4.5 is not within 5.2 to 7.7
    assert found["amplified"]["coverage"] == found["amplified"]["ratio"] == ""


INTERVALS = {  # interval without a point value, known copies: cell of "MET copies >= 5", what the list says
    "above the bound": (("6.1", "45"), "12", "tp", None),
    "from the bound on": (("5", "45"), "12", "tp", None),
    "below the bound": (("1.8", "4.9"), "2", "tn", None),
    "up to the bound": (("1.8", "5"), "2", "open_negative", "missing"),
    "on both sides": (("2.1", "45"), "12", "open_positive", "missing"),
    "wrongly above": (("6.1", "45"), "2", "fp", "at least 5"),
    "wrongly below": (("1.8", "4.2"), "8", "fn", "below 5"),
    "none": (("", ""), "8", "open_positive", "missing"),
}


@pytest.mark.parametrize(("ends", "known", "cell", "told"), INTERVALS.values(), ids=list(INTERVALS))
def test_an_interval_counts_where_it_decides(given, ends, known, cell, told):
    given["cohort"].write_text(COHORT + f"G\tindeterminate\tpurity_unknown\t\t{ends[0]}\t{ends[1]}\t\t\t\tpass\n")
    given["truth"].write_text(f"sample\tmet_copies\nG\t{known}\n")
    stage.validate(**given)
    row = rows(given["output"] / "validation.tsv", "question")["MET copies >= 5"]
    assert {name for name in "tp fn fp tn open_positive open_negative".split() if row[name] == "1"} == {cell}
    listed = rows(given["output"] / "disagreements.tsv", "question")
    assert listed.get("MET copies >= 5", {}).get("ours") == told
    assert row["intervals"] == ("0" if ends == ("", "") else "1")


def test_columns_that_are_no_answers_are_ignored(given):
    stage.validate(**given)
    plain = (given["output"] / "validation.tsv").read_bytes()
    lines = [line.split("\t") for line in TRUTH.splitlines()]
    more = [[line[0], f"block {place}", *line[1:], "x,y"] for place, line in enumerate(lines)]
    more[0][1], more[0][-1] = "id", "pathologist"
    given["truth"].write_text("".join("\t".join(line) + "\n" for line in more))
    stage.validate(**given)
    assert (given["output"] / "validation.tsv").read_bytes() == plain


def test_truth_of_a_simulated_cohort_is_taken_as_it_is(given):
    made = [tumour(builds.load("GRCh37"), name, "focal", purity=0.5, copies=12) for name in "AB"]
    tumours.truth(builds.load("GRCh37"), made).to_csv(given["truth"], sep="\t", index=False)
    stage.validate(**given)
    found = rows(given["output"] / "validation.tsv", "question")
    assert set(found) == {question.name for question in stage.QUESTIONS} - {"amplified"}
    assert (found["MET copies >= 10"]["tp"], found["MET copies >= 10"]["fn"]) == ("1", "1")


def test_disagreements_carry_their_reasons(given):
    stage.validate(**given)
    with open(given["output"] / "disagreements.tsv", newline="") as handle:
        listed = {(row["sample"], row["question"]): row for row in csv.DictReader(handle, delimiter="\t")}
    assert listed["B", "amplified"] == {
        "sample": "B", "question": "amplified", "known": "no", "ours": "amplification", "interval": "",
        "bound_in_interval": "", "call": "amplification", "reasons": "noisy",
    }  # fmt: skip
    assert listed["D", "MET copies >= 5"]["ours"] == "missing"
    assert listed["D", "MET copies >= 5"]["reasons"] == "interval_spans_bound;purity_unknown"
    assert (listed["D", "MET copies >= 5"]["interval"], listed["D", "MET copies >= 5"]["bound_in_interval"]) == ("", "")
    # 6.4 (5.2 to 7.7) where the answer is 4.5: the bound of 5 lies outside the interval, that of 6 inside.
    told = {name: listed["B", name]["bound_in_interval"] for name in ("MET copies >= 5", "MET copies >= 6")}
    assert told == {"MET copies >= 5": "no", "MET copies >= 6": "yes"}
    assert [sample for sample, _ in listed] == sorted(sample for sample, _ in listed)
    assert {sample for sample, _ in listed} == {"B", "D"}


@pytest.mark.parametrize(
    ("answer", "cells", "known", "unknown"),
    [("no", (0, 0, 0, 2), "specificity", "sensitivity"), ("yes", (2, 0, 0, 0), "sensitivity", "specificity")],
    ids=["no positive", "no negative"],
)
def test_answers_of_one_class_leave_the_other_share_empty(given, answer, cells, known, unknown):
    samples = {"no": "CF", "yes": "AB"}[answer]
    given["truth"].write_text("sample\tamplified\n" + "".join(f"{name}\t{answer}\n" for name in samples))
    stage.validate(**given)
    row = rows(given["output"] / "validation.tsv", "question")["amplified"]
    assert tuple(int(row[cell]) for cell in "tp fn fp tn".split()) == cells
    assert (row[known], row[unknown], row[f"{unknown}_low"], row["kappa"]) == ("1", "", "", "")
    assert "None." in (given["output"] / "validation.html").read_text()


def test_page_stands_alone(given):
    stage.validate(**given)
    page = (given["output"] / "validation.html").read_text()
    assert "MET copies: ours over the known answer, 4 samples" in page
    assert "MET copies: our 95 % interval holds the known answer in 3 of 4 (75 %, 19 to 99 %)." in page
    assert "Bin noise is above the configured bound." in page
    assert "1 further ones" in page
    assert "http" not in page.split("</footer>")[0].replace("http-equiv", "")


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("truth", TRUTH, "sample\tfish\nA\t12\n", r"expected column sample and at least one of .* found sample, fish;"),
        ("truth", "sample\t", "tumour\t", r"truth.tsv: expected column sample and .* found tumour, met_copies"),
        ("truth", "sample\t", "sample_id\t", "expected a column sample, found 'sample_id'; rename it sample"),
        ("truth", "sample\t", "Sample\t", "expected a column sample, found 'Sample'; rename it sample"),
        ("truth", "met_copies", "MET copies", "expected a column met_copies, found 'MET copies'; rename it"),
        ("truth", "\tamplified", "\tAmplified", "expected a column amplified, found 'Amplified'; rename it"),
        ("truth", TRUTH, TRUTH.replace("\t", ","), "expected columns separated by tabs, found commas; save the table"),
        ("truth", TRUTH, TRUTH.replace("\t", ";"), "expected columns separated by tabs, found semicolons; save"),
        ("truth", "12\t5\tyes", "12\t5\tmaybe", "line 2, column amplified: expected yes, no or nothing, found 'maybe'"),
        ("truth", "12\t5", "-1\t5", "line 2, column met_copies: expected a number of at least 0, found '-1'"),
        ("truth", "E\t6", "A\t6", "line 6, column sample: expected each sample once, found 'A'"),
        (
            "truth",
            "E\t6",
            "Z\t6",
            r"samples of .*cohort.tsv, found 1 that it lacks \(Z\); write names as in the sample sheet",
        ),
        (
            "truth",
            TRUTH.split("\n", 1)[1],
            "".join(f"Z{i}\t1\t1\tno\n" for i in range(6)),
            r"found 6 .* \(Z0, Z1, Z2, Z3, Z4, \.\.\.\)",
        ),
        (
            "truth",
            TRUTH.split("\n", 1)[1],
            "A\t\t\t\nB\t\t\t\n",
            "expected an answer for at least one sample, found only empty",
        ),
        ("truth", "12\t5", "x\t5", "column met_copies: expected a finite number, found 'x'; .*leave a cell empty"),
        ("truth", "12\t5", ">10\t5", "line 2, column met_copies: expected a finite number, found '>10'"),
        ("truth", TRUTH.split("\n", 1)[1], "", "truth.tsv: expected a row per sample, found only the header"),
        ("cohort", "call\t", "verdict\t", r"cohort.tsv lacks column call; .* give results/cohort.tsv"),
        ("cohort", "polysomy", "poly", "line 6, column call: expected one of high_level_amplification"),
        ("cohort", "F\t", "E\t", "line 7, column sample: expected each sample once, found 'E'"),
    ],
)
def test_refuses(given, table, old, new, message):
    text = given[table].read_text()
    assert old in text
    given[table].write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message) as raised:
        stage.validate(**given)
    assert "\n" not in str(raised.value)


def test_command(given, capsys):
    words = [f"--{name}={path}" for name, path in given.items()]
    assert main.main(["validate", *words]) == 0
    assert "validation.html" in capsys.readouterr().err
