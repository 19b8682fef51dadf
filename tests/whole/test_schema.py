"""The published schema of the calls JSON: our own documents satisfy it, wrong ones do not."""

from __future__ import annotations

import json

import jsonschema
import pytest

from metcn.files import workflow_root
from metcn.report.wording import MODE_WORDS
from metcn.vocabulary import ASSAYS, CALLS, FOCALITY, QC, SPECIMENS, TIERS
from report.test_stage import Files
from support.made_up import amplified, no_call, plasma, unknown_purity

SCHEMA = json.loads((workflow_root() / "schemas" / "calls.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_schema_is_one():
    VALIDATOR.check_schema(SCHEMA)


@pytest.mark.parametrize("made", [amplified, plasma, unknown_purity])
def test_calls_stage_writes_what_the_schema_says(made, tmp_path):
    record = Files(tmp_path, source=made()).call(specimen=made()["specimen"])
    assert [error.message for error in VALIDATOR.iter_errors(record)] == []


def test_a_no_call_satisfies_it_too(tmp_path):
    made = no_call()
    made["measurement"]["reasons"] = ["met_not_covered"]
    record = Files(tmp_path, source=made, counts={"reasons": []}).call()
    assert [error.message for error in VALIDATOR.iter_errors(record)] == []


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (("call",), CALLS),
        (("qc",), QC),
        (("specimen",), SPECIMENS),
        (("assay",), ASSAYS),
        (("measurement", "mode"), MODE_WORDS),
        (("measurement", "cep7", "tier"), TIERS),
        (("copies", "focality", "class"), FOCALITY),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) and len(value) < 4 else "",
)
def test_closed_lists_are_the_code_s(path, allowed):
    node = SCHEMA
    for name in path:
        node = node["properties"][name]
    assert tuple(node["enum"]) == tuple(allowed)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"call": "positive"}, "'positive' is not one of"),
        ({"schema": 2}, "1 was expected"),
        ({"reasons": ["noisy", "noisy"]}, "non-unique"),
        ({"criteria": []}, "should be non-empty"),
        ({"decide": 0.4}, "less than or equal to the minimum"),
        ({"headline": ""}, "should be non-empty"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_refused(change, complaint):
    messages = [error.message for error in VALIDATOR.iter_errors(amplified(**change))]
    assert any(complaint in message for message in messages), messages


def test_a_missing_section_is_refused():
    made = amplified()
    del made["copies"]["lod"]
    assert [error.message for error in VALIDATOR.iter_errors(made)] == ["'lod' is a required property"]
