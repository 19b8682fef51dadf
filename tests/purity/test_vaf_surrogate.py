"""Tumour fraction from the highest allele fraction of a driver mutation, and what is no evidence of it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from metcn.purity import vaf_surrogate
from metcn.purity.allele_fractions import COLUMNS
from metcn.purity.result import PurityResult, SourcedEstimate


def sites(*rows):
    return pd.DataFrame(rows, columns=list(COLUMNS))


EGFR, KRAS = ("7", 55_249_070, 120, 1200, True), ("12", 25_398_283, 40, 1000, True)
SNP = ("1", 1000, 500, 1000, False)
CASES = {  # sites, highest VAF, tumour fraction, drivers
    "one driver": ((EGFR,), 0.1, 0.2, 1),
    "the higher of two": ((KRAS, EGFR), 0.1, 0.2, 2),
    "no SNP": ((SNP, KRAS), 0.04, 0.08, 1),
    "at most 1": ((("7", 1, 900, 1000, True),), 0.9, 1.0, 1),
    "of two as high the deeper": ((("12", 2, 2, 20, True), EGFR), 0.1, 0.2, 2),
}


@pytest.mark.parametrize(("rows", "vaf", "fraction", "drivers"), CASES.values(), ids=list(CASES))
def test_highest_of_the_drivers(rows, vaf, fraction, drivers):
    [evidence] = vaf_surrogate.of_sites(sites(*rows), "plasma")
    assert (evidence.vaf.value, evidence.purity.value, evidence.drivers) == (vaf, fraction, drivers)
    assert evidence.vaf.low < vaf < evidence.vaf.high
    assert evidence.purity.low <= fraction <= evidence.purity.high <= 1
    assert evidence.reads / evidence.depth == vaf


def test_the_deeper_of_two():
    [evidence] = vaf_surrogate.of_sites(sites(("12", 2, 2, 20, True), EGFR), "plasma")
    assert (evidence.chromosome, evidence.position) == ("7", 55_249_070)


@pytest.mark.parametrize(
    ("rows", "specimen"), [((SNP,), "plasma"), ((), "plasma"), ((EGFR,), "tissue")], ids=["SNPs", "no site", "tissue"]
)
def test_no_evidence(rows, specimen):
    assert vaf_surrogate.of_sites(sites(*rows), specimen) == ()


def test_it_is_named_and_not_used_and_comes_back_from_json():
    [evidence] = vaf_surrogate.of_sites(sites(EGFR), "plasma")
    record = json.loads(json.dumps(evidence.to_json()))
    assert (record["source"], record["used"]) == ("highest_driver_vaf", False)
    result = PurityResult(SourcedEstimate(), SourcedEstimate(), sample="s", evidence=(evidence,))
    assert PurityResult.from_json(json.loads(json.dumps(result.to_json()))).evidence == (evidence,)
