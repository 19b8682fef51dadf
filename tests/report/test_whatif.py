"""What-if: the page's script computes what Python computes, and both what the pipeline does."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from copies import test_posterior as test_copies
from metcn.copies import detection_limit
from metcn.files import PACKAGE, resource_root
from metcn.genome import build as builds
from metcn.purity.grid import PurityGrid
from metcn.report import sample_page, whatif
from metcn.run import config
from support import made_depth
from support.made_up import AMPLIFIED, amplified, no_call, plasma, profile, unknown_purity

NAN = float("nan")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
POINTS = [(purity, ploidy) for purity in (0.01, 0.1, 0.2, 0.35, 0.73, 1.0) for ploidy in (1.6, 2.0, 3.3, 5.0)]


def measured(made=amplified, *, met=1.609, cep7=0.2, cep7_q=NAN, arm_q=0.25, arm_p=0.1, baseline_se=0.02, **changes):
    """A call whose measurement has every level that copies rest on; a level that is None is missing."""
    call, extra = made(), {name: changes.pop(name) for name in ("correlation", "matched_normal") if name in changes}
    call |= changes

    def level(log2):
        return {"bins": 30, "se": None if log2 is None else 0.05, "log2": log2}

    sides = {"p": cep7, "q": cep7 if cep7_q is not None and np.isnan(cep7_q) else cep7_q}
    call["measurement"] |= {
        "met": {**AMPLIFIED["measurement"]["met"], "log2": met, "ratio": 2**met, "se": 0.06},
        "cep7": {
            **{side: level(log2) for side, log2 in sides.items()},
            "sides": [side for side, log2 in sides.items() if log2 is not None],
            "tier": "proximal",
        },
        "arms": {"7q": level(arm_q), "7p": level(arm_p)},
        "baseline": {"se": baseline_se},
        **extra,
    }
    call["copies"]["lod"]["ratio"] = 1.19
    return call


def broad(call):
    """The same with a stretch around MET that is most of the arm, and surely above neutral."""
    call["copies"]["focality"] = {"class": "arm", "decide": 0.8, "levels": {"share_of_arm": 0.7}}
    call["copies"]["lod"]["above_neutral"] = True
    return call


def faint(call):
    """The same at a limit of detection that it does not reach: dozens of copies at a low purity, or nothing."""
    call["copies"]["lod"] |= {"ratio": 1.28, "above_neutral": False}
    return call


CORRELATED = (0.5 * np.eye(5) + 0.5 - 0.9 * (np.arange(5)[:, None] * np.arange(5) == 0) * (1 - np.eye(5))).tolist()
CASES = {
    "amplified": measured(),
    "errors that go together": measured(met=0.8, correlation=CORRELATED),
    "sides that differ": measured(met=0.8, cep7=0.0, cep7_q=0.8, arm_q=0.8, arm_p=0.0),
    "one side": measured(met=0.7, cep7_q=None),
    "whole arms": measured(met=0.8, cep7=None, cep7_q=None, arm_q=0.8, arm_p=0.0),
    "an amplicon over the centromere": measured(met=0.02, cep7=1.5, cep7_q=1.4, arm_q=0.0, arm_p=0.0),
    "an amplicon that may be noise": measured(met=0.3, cep7=0.3, arm_q=0.1, arm_p=0.0),
    "a third copy in the germline": measured(met=0.585, matched_normal={"met": {"log2": 0.585, "se": 0.05}}),
    "perhaps a third copy": measured(met=0.585, matched_normal={"met": {"log2": 0.28, "se": 0.1}}),
    "polysomy": measured(met=0.8, cep7=0.78, arm_q=0.8),
    "negative": measured(met=0.01, cep7=0.0, arm_q=0.0),
    "near the bound": measured(met=0.55, cep7=0.1, arm_q=0.1),
    "a gain of the arm": measured(met=0.5, cep7=0.0, arm_q=0.5),
    "most of the arm": broad(measured(met=0.5, cep7=0.0, arm_q=0.1)),
    "no CEP7-like": measured(cep7=None, cep7_q=None),
    "nothing else on 7q": measured(met=0.6, arm_q=None),
    "neither": measured(met=0.6, cep7=None, cep7_q=None, arm_q=None, arm_p=None),
    "plasma": measured(plasma, met=0.2, cep7=0.0, arm_q=0.0),
    "after a third-generation inhibitor": measured(met=0.8, prior_tki="third"),
    "after a first-generation inhibitor": measured(met=0.8, prior_tki="first"),
    "faint": faint(measured(plasma, met=0.15, cep7=0.0, arm_q=0.0)),
}
PREPARED = {name: whatif.of(call)["payload"] for name, call in CASES.items()}


def run_script(folder, script: str) -> str:
    """What a page of nothing but ``script`` leaves as its text, in a browser without a network."""
    page = folder / "page.html"
    page.write_text(f"<!DOCTYPE html><meta charset='utf-8'><body><script>{script}</script>", encoding="utf-8")
    return dump(folder, page)


def dump(folder, page) -> str:
    """The document of a page after its scripts have run."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def numbers(result) -> list[float]:
    """All numbers of a result in one order; missing is NaN."""
    estimates = [result[name] for name in ("met_copies", "cep7_copies", "met_cep7")]
    ends = [estimate[end] for estimate in estimates for end in ("value", "low", "high")]
    probabilities = [
        value
        for row in result["verdicts"]
        for value in ((row["probability"], *row["ends"]) if isinstance(row, dict) else row[1:])
    ]
    return [float("nan") if value is None else float(value) for value in (*ends, result["lod"], *probabilities)]


def words_of(result) -> list[str]:
    """All words of a result."""
    verdicts = [row["verdict"] if isinstance(row, dict) else row[0] for row in result["verdicts"]]
    return [result["call"], result["focality"], *verdicts]


@pytest.fixture(scope="module")
def expected():
    """What Python computes for every case and point."""
    found = {}
    for name, call in CASES.items():
        level, settings = whatif.levels_of_copies(call["measurement"], call["copies"]), PREPARED[name]
        found[name] = [whatif.at(level, purity, ploidy, settings) for purity, ploidy in POINTS]
    return found


def test_many_copies_that_noise_makes_at_a_low_purity_are_no_amplification():
    level, settings = (
        whatif.levels_of_copies(CASES["faint"]["measurement"], CASES["faint"]["copies"]),
        PREPARED["faint"],
    )
    found = whatif.at(level, 0.01, 2.0, settings)
    assert found["met_copies"]["value"] > 20 and found["call"] == "indeterminate"
    assert whatif.at(level, 0.01, 2.0, {**settings, "above_neutral": True})["call"] == "amplification"


@needs_browser
def test_script_equals_python_on_a_grid(tmp_path, expected):
    script = (PACKAGE / "report" / "templates" / "whatif.js").read_text(encoding="utf-8")
    script += f"""
const payloads = {json.dumps(PREPARED)}, points = {json.dumps(POINTS)}, found = {{}};
for (const [name, payload] of Object.entries(payloads)) {{
  const data = whatif.unpack(payload);
  found[name] = points.map(([purity, ploidy]) => whatif.at(data, purity, ploidy));
}}
const short = (key, value) => key === "clauses" ? undefined : value;
document.body.textContent = "RESULT" + JSON.stringify(found, short) + "END";
"""
    found = json.loads(html.unescape(re.search(r"RESULT(.*)END", run_script(tmp_path, script), re.DOTALL)[1]))
    assert set(found) == set(CASES)
    for name, results in found.items():
        for point, result, by_python in zip(POINTS, results, expected[name], strict=True):
            assert words_of(result) == words_of(by_python), (name, point)
            np.testing.assert_allclose(
                numbers(result), numbers(by_python), rtol=1e-6, atol=1e-6, err_msg=f"{name} at {point}"
            )


def test_grid_reaches_every_call_and_verdict(expected):
    """What the browser is compared on is not all of one kind."""
    results = [result for found in expected.values() for result in found]
    calls = {"high_level_amplification", "amplification", "polysomy", "gain", "not_amplified", "indeterminate"}
    assert {result["call"] for result in results} == calls
    assert {result["focality"] for result in results} == {"focal", "arm", "polysomy", "none", "indeterminate"}
    assert {verdict for row in results for verdict, *_ in row["verdicts"]} == {"met", "not_met", "indeterminate"}


@needs_browser
def test_page_with_the_script_runs_it_under_its_policy(tmp_path):
    genome = builds.load("GRCh37")
    call = measured()
    page = tmp_path / "sample.html"
    page.write_text(
        sample_page.sample_page(call, *profile(genome, spacing_bp=400_000), genome, whatif=whatif.of(call)),
        encoding="utf-8",
    )
    document = dump(tmp_path, page)
    row = next(row for row in whatif.of(call)["rows"] if row["own"])
    shown = re.search(r'id="whatif-met">([^<]+)<', document)[1]
    assert shown.startswith(f"{row['met_copies']['value']:.1f} (")
    assert 'id="whatif-live" hidden' not in document and 'class="curve"' in document


@needs_browser
def test_page_runs_no_script_but_its_own(tmp_path):
    genome = builds.load("GRCh37")
    call = measured(sample="</script><script>document.title='owned'</script>")
    made = whatif.of(call)
    made["payload"]["sets"][0]["title"] = "</script><script>document.title='owned'</script>"
    text = sample_page.sample_page(call, *profile(genome, spacing_bp=2_000_000), genome, whatif=made)
    page = tmp_path / "sample.html"
    page.write_text(text.replace("</body>", "<script>document.title='owned'</script></body>"), encoding="utf-8")
    assert text.count("<script") == 3
    assert "<title>owned" not in dump(tmp_path, page)


def test_own_point_is_the_posterior_s():
    """At the sample's own purity and ploidy the table shows what the stage ``copies`` reports."""
    call = measured()
    own = next(row for row in whatif.of(call)["rows"] if row["own"])
    level, grid = whatif.levels_of_copies(call["measurement"], call["copies"]), PurityGrid.point(0.35, 2.6)
    draws = whatif.estimating.posterior(level, grid, draw_count=4096)
    assert own["met_copies"] == draws.interval("copies").to_json()
    assert own["purity"] == 0.35 and own["call"] == "high_level_amplification"


def test_copies_fall_as_purity_rises():
    copies = [row["met_copies"]["value"] for row in whatif.of(measured())["rows"]]
    assert len(copies) == 8 and copies == sorted(copies, reverse=True)


def test_unknown_purity_starts_nowhere_and_ploidy_at_two():
    made = whatif.of(measured(unknown_purity))
    assert made["payload"]["purity"] is None and not any(row["own"] for row in made["rows"])
    call = measured(unknown_purity)
    call["purity"]["ploidy"]["value"] = None
    assert whatif.of(call)["ploidy"] == 2.0


@pytest.mark.parametrize("made", [no_call, amplified], ids=["no call", "no baseline error"])
def test_nothing_to_vary_without_a_measurement(made):
    assert whatif.of(made()) is None


@pytest.mark.parametrize("path", whatif.NEEDED)
def test_nothing_to_vary_where_the_document_does_not_say_what_it_was_decided_with(path):
    call = measured()
    *above, last = path.split(".")
    place = call
    for name in above:
        place = place[name]
    del place[last]
    assert whatif.of(call) is None


def test_plasma_is_read_against_plasma_and_common_sets_only():
    found = {entry["id"] for entry in whatif.of(CASES["plasma"])["payload"]["sets"]}
    assert "insight2_plasma" in found and "metcn_default" in found and "cappuzzo2009" not in found


SACHI = {  # inhibitor before -> categories of SACHI that the page judges
    "": ["after_third_generation_tki", "after_first_or_second_generation_tki"],
    "second": ["after_first_or_second_generation_tki"],
    "third": ["after_third_generation_tki"],
}


@pytest.mark.parametrize(("prior", "names"), SACHI.items(), ids=[name or "unknown" for name in SACHI])
def test_page_judges_by_what_is_for_the_patient(prior, names):
    made = whatif.of(measured(prior_tki=prior))
    shown = [entry for entry in made["payload"]["sets"] if entry["id"] == "sachi"]
    assert [entry["name"] for entry in shown] == names
    assert all(bool(entry["only_if"]) == (not prior) for entry in shown)
    assert len(made["rows"][0]["verdicts"]) == len(made["payload"]["sets"])


def test_page_judges_by_the_laboratory_s_sets(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((resource_root() / "criteria" / "acse.yaml").read_text().replace("id: acse", "id: mine"))
    made = whatif.of(measured(), [path])
    assert made["payload"]["sets"][-1]["id"] == "mine"
    assert len(made["rows"][0]["verdicts"]) == len(made["payload"]["sets"])


# Settings of the configuration


def called(folder, level, settings=None, *, share="0.4", se=0.05):
    """The calls JSON of a tumour of known levels, by the stages themselves; settings are ``{(stage, key): value}``."""
    settings = settings or {}
    of_stage = {stage: {key: value for (own, key), value in settings.items() if own == stage} for stage in CHANGING}
    facts = {"genome": "GRCh37", "reference": None}
    test_copies.run(folder, level, share=share, se=se, settings=of_stage["copies"], **facts)
    names = {"measurement": "ratios.json", "purity": "purity.json", "copies": "copies.json", "draws": "copies.npz"}
    absent = dict.fromkeys(
        ("patient", "timepoint", "prior_tki", "configuration", "counts_summary", "own_criteria", "vcf", "index", "bed"),
    )
    files = {name: folder / file for name, file in names.items()} | absent
    output = folder / "calls.json"
    specimen = "plasma" if ("calls", "plasma_criteria") in settings else "tissue"
    made_depth.run("calls", of_stage["calls"], sample="s", specimen=specimen, output=output, **files)
    return json.loads(output.read_text())


def limit_at(**settings):
    """Limit of detection as a ratio, for the error of MET that ``called`` measures with."""
    return detection_limit.detectable_ratio(float(np.hypot(0.05, 0.01)), **{"alpha": 0.001, "power": 0.95, **settings})


CHANGING = ("copies", "calls")
# Setting -> a value that is not the default, what the page then computes with, and where it has that
SETTINGS = {
    ("copies", "draw_count"): (512, 512, lambda page, _: page["draw_count"]),
    ("copies", "decide_focality"): (0.93, 0.93, lambda page, _: page["decide_focality"]),
    ("copies", "alpha"): (0.02, pytest.approx(limit_at(alpha=0.02)), lambda page, _: page["lod_ratio"]),
    ("copies", "power"): (0.8, pytest.approx(limit_at(power=0.8)), lambda page, _: page["lod_ratio"]),
    ("copies", "genes"): ("CFTR", ["CFTR"], lambda _, call: [gene["gene"] for gene in call["genes"]]),
    ("copies", "losses"): ("PTEN", ["PTEN"], lambda _, call: [gene["gene"] for gene in call["copies"]["losses"]]),
    ("calls", "tissue_criteria"): ("cappuzzo2009", "cappuzzo2009", lambda page, _: page["default"]),
    ("calls", "plasma_criteria"): ("insight2_plasma", "insight2_plasma", lambda page, _: page["default"]),
    ("calls", "default_criteria"): ("cappuzzo2009", "cappuzzo2009", lambda page, _: page["default"]),
    ("calls", "decide"): (0.8, 0.8, lambda page, _: page["decide"]),
}
GENE_TUMOUR = test_copies.measured(met=5.3, cep7=2.4, arm_q=2.9, share=0.4)


def test_every_setting_of_copies_and_calls_is_looked_for_on_the_page():
    assert set(SETTINGS) == {(stage, key) for stage in CHANGING for key in config.defaults(stage)}


@pytest.mark.parametrize("setting", SETTINGS, ids=".".join)
def test_a_changed_setting_reaches_the_page(setting, tmp_path):
    value, expected, find = SETTINGS[setting]
    found = []
    for settings in ({}, {setting: value}):
        call = called(tmp_path, GENE_TUMOUR, settings)
        found.append(find(whatif.of(call)["payload"], call))
    assert found[1] == expected and found[0] != expected


def test_a_page_carries_no_more_draws_than_it_can_hold(tmp_path):
    payload = whatif.of(called(tmp_path, GENE_TUMOUR, {("copies", "draw_count"): 65_536}))["payload"]
    assert payload["draw_count"] == whatif.MOST_DRAWS == 16_384
    assert len(payload["folds"]["met"]) == 4 * -(-8 * whatif.MOST_DRAWS // 3)


TUMOURS = {
    "amplified, hardly focal": test_copies.measured(met=6.0, cep7=4.0, arm_q=3.92, share=0.4),
    "near 5 copies": test_copies.measured(met=5.3, cep7=2.0, arm_q=2.2, share=0.4),
}
PLASMA = (2.0, 2.6, 3.4, 4.6, 12.0)  # MET copies of samples read as plasma
STRICT = [
    {},
    {("copies", "decide_focality"): 0.51},
    {("copies", "decide_focality"): 0.97},
    {("calls", "decide"): 0.6, ("copies", "draw_count"): 256},
    {("calls", "decide"): 0.999},
    {("calls", "default_criteria"): "cappuzzo2009"},
    {("copies", "alpha"): 0.02, ("copies", "power"): 0.999},
]


@needs_browser
def test_at_the_sheet_s_purity_the_page_says_what_the_call_says(tmp_path):
    calls = [called(tmp_path, level, settings) for level in TUMOURS.values() for settings in STRICT]
    calls.append(called(tmp_path, test_copies.measured(met=2.0, share=0.4)))
    plasma = {("calls", "plasma_criteria"): "metcn_plasma"}
    calls += [called(tmp_path, test_copies.measured(met=copies, share=0.4), plasma) for copies in PLASMA]
    assert {call["call"] for call in calls[-len(PLASMA) :]} == {"not_amplified", "gain", "high_level_amplification"}
    assert any("amplification_open" in call["reasons"] for call in calls)
    script = (PACKAGE / "report" / "templates" / "whatif.js").read_text(encoding="utf-8")
    script += f"""
const found = {json.dumps([whatif.of(call)["payload"] for call in calls])}.map(payload =>
  whatif.at(whatif.unpack(payload), payload.purity, payload.ploidy));
const short = (key, value) => key === "clauses" ? undefined : value;
document.body.textContent = "RESULT" + JSON.stringify(found, short) + "END";
"""
    found = json.loads(html.unescape(re.search(r"RESULT(.*)END", run_script(tmp_path, script), re.DOTALL)[1]))
    for result, call in zip(found, calls, strict=True):
        own = {(row["id"], row["category"]): row for row in call["criteria"]}
        assert (result["call"], result["focality"]) == (call["call"], call["copies"]["focality"]["class"])
        assert len(result["verdicts"]) > 10
        for row in result["verdicts"]:
            static = own[row["id"], row["name"]]
            assert row["verdict"] == static["verdict"], row["id"]
            assert row["probability"] == pytest.approx(static["probability"], abs=1e-3), row["id"]
            assert row["ends"][0] == pytest.approx(static["probability_low"], abs=1e-3), row["id"]
        for name in ("met_copies", "cep7_copies", "met_cep7"):
            assert result[name] == pytest.approx(call["copies"][name], rel=1e-5)
    spread = {(call["call"], call["copies"]["focality"]["class"]) for call in calls}
    assert len(spread) >= 5, spread  # the settings do change what is said
