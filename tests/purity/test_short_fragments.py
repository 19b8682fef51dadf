"""Enrichment of short fragments over normals, its error, and when there is none to state."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from metcn.io import tables
from metcn.purity import short_fragments
from metcn.purity.result import PurityResult, SourcedEstimate
from metcn.purity.short_fragments import Strata, against
from support import made_depth

NORMALS = [Strata(short, 80_000) for short in (18_000, 19_000, 20_000, 21_000, 22_000)]


@pytest.mark.parametrize("times", [0.5, 1.0, 1.5, 3.0])
def test_enrichment_is_the_ratio_of_odds(times):
    same = [Strata(20_000, 80_000)] * 5
    [evidence] = against(Strata(int(20_000 * times), 80_000), same)
    assert evidence.enrichment == pytest.approx(times)
    assert np.sign(evidence.z) == np.sign(times - 1)
    assert evidence.expected.value == pytest.approx(0.2)
    assert evidence.short.low < evidence.short.value < evidence.short.high


def test_the_error_is_the_normals_scatter():
    [evidence] = against(Strata(24_000, 80_000), NORMALS)
    logits = np.log([each.short / each.long for each in NORMALS])
    sd = logits.std(ddof=1) * np.sqrt(1 + 1 / 5)
    assert evidence.z == pytest.approx((np.log(0.3) - logits.mean()) / sd, rel=1e-6)


def test_few_fragments_widen_the_error():
    [many], [few] = against(Strata(24_000, 80_000), NORMALS), against(Strata(48, 160), NORMALS)
    assert few.enrichment == pytest.approx(many.enrichment)
    assert few.z < many.z / 2


def test_left_out_normals_are_within_their_error():
    generator = np.random.default_rng(5)
    odds = np.exp(np.log(0.25) + 0.08 * generator.standard_normal(200))
    normals = [Strata(int(generator.poisson(50_000 * each)), 50_000) for each in odds]
    parts = [normals[start : start + 10] for start in range(0, 200, 10)]
    z = [
        against(part[index], part[:index] + part[index + 1 :])[0].z for part in parts for index in range(len(part))
    ]  # each left out of a panel of ten
    assert np.mean(np.abs(z) < 2.31) == pytest.approx(0.95, abs=0.04)  # Student's t of 8 degrees of freedom
    assert abs(np.mean(z)) < 0.1


NOTHING = {  # sample, normals
    "no lengths": (None, NORMALS),
    "no normals": (NORMALS[0], []),
    "too few normals": (NORMALS[0], NORMALS[:4]),
    "too few normals with lengths": (NORMALS[0], [*NORMALS[:4], None]),
}


@pytest.mark.parametrize(("sample", "normals"), NOTHING.values(), ids=list(NOTHING))
def test_no_evidence_without_what_it_needs(sample, normals):
    assert against(sample, normals) == ()


SUMMARIES = {  # lengths in the JSON of counts, strata
    "both": ({"backbone": {"short": 200, "long": 800}}, Strata(200, 800)),
    "single ends": (None, None),
    "a hundred fragments": ({"backbone": {"short": 20, "long": 80}}, None),
    "none short": ({"backbone": {"short": 0, "long": 800}}, None),
    "an older form": ({}, None),
}


@pytest.mark.parametrize(("lengths", "expected"), SUMMARIES.values(), ids=list(SUMMARIES))
def test_strata_of_a_sample(lengths, expected):
    assert short_fragments.strata({"lengths": lengths}) == expected


def written(folder, name, short):
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"lengths": {"backbone": {"short": short, "long": 80_000}}}))
    return path


def test_evidence_of_files(tmp_path):
    normals = [written(tmp_path, f"N{number}", 20_000 + 100 * number) for number in range(6)]
    sample = written(tmp_path, "T", 30_000)
    [evidence] = short_fragments.of_files(sample, normals, "plasma")
    assert (evidence.normals, evidence.enrichment > 1.4, evidence.z > 3) == (6, True, True)
    assert short_fragments.of_files(sample, normals, "tissue") == ()
    assert short_fragments.of_files(None, normals, "plasma") == ()
    [own] = short_fragments.of_files(normals[0], normals, "plasma")
    assert own.normals == 5, "a normal is not compared with itself"


def test_the_stage_names_it_and_fits_nothing_to_it(tmp_path):
    normals = [written(tmp_path, f"N{number}", 20_000 + 100 * number) for number in range(5)]
    lengths = {"counts_summary": written(tmp_path, "T", 30_000), "normal_summaries": normals}
    tables.write_segments(tmp_path / "s.cns", pd.DataFrame(columns=list(tables.SEGMENT_COLUMNS)))
    found = []
    for files in (lengths, {}):
        facts = {"sample": "s", "specimen": "plasma", "purity": "", "ploidy": "", "genome": "GRCh37", "variants": None}
        made_depth.run("purity", {}, **facts, segments=tmp_path / "s.cns", output=tmp_path / "s.json", **files)
        found.append(json.loads((tmp_path / "s.json").read_text()))
    [evidence] = [one for one in found[0]["evidence"] if one["source"] == "fragment_lengths"]
    assert (evidence["used"], evidence["normals"]) == (False, 5)
    assert evidence["z"] > 3
    assert {**found[0], "evidence": found[1]["evidence"]} == found[1]


def test_it_is_named_and_not_used_and_comes_back_from_json():
    evidence = against(Strata(24_000, 80_000), NORMALS)
    record = json.loads(json.dumps(evidence[0].to_json()))
    assert (record["source"], record["used"]) == ("fragment_lengths", False)
    result = PurityResult(SourcedEstimate(), SourcedEstimate(), sample="s", evidence=evidence)
    assert PurityResult.from_json(json.loads(json.dumps(result.to_json()))).evidence == evidence
