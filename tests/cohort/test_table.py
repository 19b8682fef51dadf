"""The cohort row: columns in the contract's order, values only from the calls JSON, missing empty."""

from __future__ import annotations

import csv
import io

import pytest

from metcn.calls import record
from metcn.cohort import table
from metcn.vocabulary import COHORT_COLUMNS
from support.made_up import amplified, no_call, plasma, unknown_purity


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def test_columns_are_the_contract_s_in_its_order():
    rows = [record.row(made()) for made in (amplified, unknown_purity, plasma, no_call)]
    lines = table.table(rows).splitlines()
    assert lines[0].split("\t") == COHORT_COLUMNS
    assert [len(line.split("\t")) for line in lines] == [len(COHORT_COLUMNS)] * 5


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        ("sample", "LC-0417"),
        ("purity", "0.35"),
        ("purity_source", "given"),
        ("met_copies", "14.1"),
        ("met_copies_low", "12.5"),
        ("cep7_copies_high", "3.3"),
        ("cep7_tier", "proximal"),
        ("p_copies_ge_10", "0.9993"),
        ("focality", "focal"),
        ("amplicon_start", "115400000"),
        ("amplicon_end", "117300000"),
        ("amplicon_genes", "TFEC,TES,CAV2,CAV1,MET,CAPZA2"),
        ("lod_copies", "3.4"),
        ("plasma_copies", "6.1"),
        ("reasons", "cep7_fallback;egfr_gained"),
        ("qc", "pass"),
        ("counsel", "no_action"),
    ],
)
def test_value_of_an_amplified_sample(column, shown):
    assert read(table.table([record.row(amplified())]))[0][column] == shown


def test_nothing_measured_is_empty_not_zero():
    found = read(table.table([record.row(no_call())]))[0]
    filled = {"sample", "specimen", "assay", "purity_source", "ploidy_source", "cep7_tier", "call", "reasons", "qc"}
    filled |= {"counsel"}
    assert {column for column, value in found.items() if value} == filled
    assert found["call"] == "no_call"


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("met_copies", None, ""),
        ("met_copies", 1 / 3, "0.333333"),
        ("met_copies", 123456.789, "123457"),
        ("met_copies", 0.0, "0"),
        ("amplicon_start", 116_312_443.0, "116312443"),
        ("amplicon_start", 116_312_443, "116312443"),
        ("reasons", [], ""),
        ("amplicon_genes", ["MET", "CAV1"], "MET,CAV1"),
        ("sample", "a\tb\nc", "a b c"),
    ],
)
def test_cell(column, value, shown):
    assert record.cell(column, value) == shown


@pytest.mark.parametrize(
    "path", ["absent", "copies.absent.value", "sample.value", "copies.met_copies.value.more", "number"]
)
def test_pick_is_none_where_a_step_is_missing(path):
    assert record.pick({**amplified(), "number": float("nan")}, path) is None
