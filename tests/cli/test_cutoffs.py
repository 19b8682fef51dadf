"""A site's own cut-offs, on simulated tables whose truth is known."""

from __future__ import annotations

import csv
import math
import re

import numpy as np
import pandas as pd
import pytest

from metcn.cli import cutoffs
from metcn.cli import validate as stage
from metcn.cli.cutoffs import Question

FIVE = Question("MET copies >= 5", "met_copies", 5)
RATIO = Question("MET/CEP7 >= 2", "met_cep7", 2)
AMPLIFIED = Question("amplified", "amplified")


def site(positives=40, negatives=60, *, seed=1, slope=1.2, intercept=0.5, error=0.3):
    """A site whose sequencing says ``intercept + slope x FISH``, its FISH with little error."""
    random = np.random.default_rng(seed)
    copies = np.concatenate([random.uniform(5.2, 14, positives), random.uniform(1.8, 4.8, negatives)])
    ratio = copies / random.uniform(1.8, 2.2, len(copies))
    count = len(copies)
    return pd.DataFrame(
        {
            "sample": [f"S{number}" for number in range(count)],
            "met_copies": copies,
            "met_cep7": ratio,
            "amplified": (copies >= 5).astype(float),
            "our_met_copies": intercept + slope * copies + random.normal(0, error, count),
            "our_met_cep7": ratio + random.normal(0, 0.1, count),
            "our_met_ratio": 1 + 0.2 * (copies - 2) + random.normal(0, 0.3, count),
        }
    )


def by(found, standard, measure):
    [result] = [each for each in found.curves if (each.standard, each.measure) == (standard, measure)]
    return result


def test_cut_off_and_equivalents_of_a_known_line():
    found = cutoffs.of_site(site(), [AMPLIFIED, FIVE, RATIO], resamples=200)
    assert [(each.standard, each.measure) for each in found.curves[:3]] == [
        ("amplified", key) for key in cutoffs.MEASURES
    ]
    copies = by(found, FIVE.name, "met_copies")
    assert (copies.positives, copies.negatives) == (40, 60)
    assert copies.curve.youden.value.value == pytest.approx(6.5, abs=0.5) and copies.curve.area.value > 0.99
    assert by(found, FIVE.name, "met_ratio").curve.area.value < copies.curve.area.value
    five, ten, two = found.equivalents
    assert (five.fish, ten.fish, two.fish) == (5, 10, 2)
    for each, truth in ((five, 6.5), (ten, 12.5), (two, 2.0)):
        assert each.refused or each.ours.low <= truth <= each.ours.high, each.sentence()
    assert five.line.slope.value == pytest.approx(1.2, abs=0.05)
    assert (
        five.sentence()
        == f"FISH MET copies 5 is here {five.ours.value:.2f} ({five.ours.low:.2f}-{five.ours.high:.2f})."
    )
    assert two.sentence().startswith("FISH MET/CEP7 2 is here ")


NUMBERS = {  # positives, negatives, what is refused
    "enough of both": (20, 20, ""),
    "positives": (19, 60, "19 positives, of which 20 are needed"),
    "negatives": (40, 19, "19 negatives, of which 20 are needed"),
}


@pytest.mark.parametrize(("positives", "negatives", "refused"), NUMBERS.values(), ids=list(NUMBERS))
def test_refuses_below_twenty(positives, negatives, refused):
    found = by(cutoffs.of_site(site(positives, negatives), [FIVE], resamples=20), FIVE.name, "met_copies")
    assert found.refused.startswith(refused) and bool(found.refused) == bool(refused)
    assert (found.curve is None) == bool(refused)
    [first, *more] = found.rows()
    assert first["rule"] == ("" if refused else "youden") and len(more) == (0 if refused else 1)


def test_samples_without_a_value_are_no_positives():
    both = site(20, 30)
    both.loc[0, "our_met_copies"] = math.nan
    found = cutoffs.of_site(both, [FIVE], resamples=20)
    assert by(found, FIVE.name, "met_copies").refused.startswith("19 positives")
    assert by(found, FIVE.name, "met_ratio").refused == ""
    assert found.equivalents[0].refused.startswith("19 positives") and math.isnan(found.equivalents[0].ours.value)


def test_equivalent_of_ten_copies_needs_twenty_samples_of_ten():
    both = site(40, 40)
    both.loc[both["met_copies"] >= 10, "met_copies"] = 9.9
    five, ten, _ = cutoffs.of_site(both, [], resamples=20).equivalents
    assert five.refused == "" and ten.refused.startswith("0 positives")
    assert "not told: 0 positives" in ten.sentence()


def test_no_equivalent_below_what_was_seen():
    both = site(40, 40)
    both = both[both["met_copies"] >= 5]
    assert cutoffs.of_site(both, [], resamples=20).equivalents[0].refused == cutoffs.OUTSIDE


def test_a_negative_above_all_leaves_no_full_specificity():
    both = site(25, 25)
    both.loc[both.index[-1], "our_met_copies"] = 99
    rows = by(cutoffs.of_site(both, [FIVE], resamples=20), FIVE.name, "met_copies").rows()
    assert [row["refused"] for row in rows] == ["", cutoffs.HIGHEST_IS_NEGATIVE]
    assert math.isnan(rows[1]["cutoff"]) and rows[0]["cutoff"] > 0


def test_without_answers_or_depth_ratio():
    both = site(25, 25).drop(columns=["met_cep7", "our_met_ratio"])
    found = cutoffs.of_site(both, [FIVE], resamples=20)
    assert [each.measure for each in found.curves] == ["met_copies", "met_cep7"]
    assert [each.measure for each in found.equivalents] == ["met_copies", "met_copies"]
    assert {name: len(table) for name, table in found.tables().items()} == {"cutoffs": 4, "equivalence": 2}


def test_a_cut_off_holds_in_further_samples():
    """Chosen in one half of a site, it does nearly as well in the other."""
    found = by(cutoffs.of_site(site(100, 100, error=1.0), [FIVE], resamples=20), FIVE.name, "met_copies")
    other = site(100, 100, seed=2, error=1.0)
    positive = other["our_met_copies"] >= found.curve.youden.value.value
    assert (positive == (other["met_copies"] >= 5)).mean() > 0.85


@pytest.fixture
def written(tmp_path):
    """Truth and cohort of a site on disk, validated twice."""
    both = site(30, 40)
    cohort = pd.DataFrame({"sample": both["sample"], "call": "gain", "reasons": "", "met_ratio": both["our_met_ratio"]})
    for name in ("met_copies", "met_cep7"):
        cohort[name] = both[f"our_{name}"]
        cohort[f"{name}_low"], cohort[f"{name}_high"] = both[f"our_{name}"] - 0.5, both[f"our_{name}"] + 0.5
    cohort.to_csv(tmp_path / "cohort.tsv", sep="\t", index=False)
    both[["sample", "met_copies", "met_cep7"]].to_csv(tmp_path / "truth.tsv", sep="\t", index=False)
    for name in ("out", "again"):
        stage.validate(truth=tmp_path / "truth.tsv", cohort=tmp_path / "cohort.tsv", output=tmp_path / name)
    return tmp_path


def test_tables_and_page(written):
    with open(written / "out/cutoffs.tsv", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert list(rows[0]) == cutoffs.CUTOFF_COLUMNS
    assert {(row["standard"], row["measure"]) for row in rows} == {
        (standard, measure)
        for standard in ("MET copies >= 5", "MET copies >= 10", "MET/CEP7 >= 2")
        for measure in ("met_copies", "met_cep7", "met_ratio")
    }
    with open(written / "out/equivalence.tsv", newline="") as handle:
        told = list(csv.DictReader(handle, delimiter="\t"))
    assert list(told[0]) == cutoffs.EQUIVALENCE_COLUMNS
    page = (written / "out/validation.html").read_text()
    assert "FISH MET copies 5 is here 6." in page and "best accuracy (Youden)" in page and "full specificity" in page
    assert "Curves against MET copies &gt;= 5" in page and "doi:10.3389/fonc.2024.1470827" in page
    assert not re.search(r"\bnan\b", page)
    for name in ("cutoffs.tsv", "equivalence.tsv", "validation.html"):
        assert (written / "out" / name).read_bytes() == (written / "again" / name).read_bytes()
