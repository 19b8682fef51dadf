"""Pages: complete, escaped, self-contained, small, and the same bytes for the same input."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from metcn.cohort.page import cohort_page
from metcn.files import PACKAGE
from metcn.genome import build as builds
from metcn.report import estimate_plots, genome_tracks, sample_page, svg
from metcn.report import wording as words
from report.test_whatif import dump, needs_browser
from support.made_up import amplified, criterion, no_call, plasma, profile, unknown_purity

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}"
VOID = {"meta", "br", "wbr", "link", "img", "hr", "input"}
FETCHING = {"src", "srcset", "data", "poster", "action", "xlink:href"}


class Page(HTMLParser):
    """Tags, attributes and visible text of a page; raises where elements do not nest."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def genome():
    return builds.load("GRCh37")


@pytest.fixture(scope="module")
def tumour(genome):
    return profile(genome, spacing_bp=150_000)


CASES = {"amplified": amplified, "unknown_purity": unknown_purity, "plasma": plasma, "no_call": no_call}


@pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())
def test_page_is_whole_self_contained_and_free_of_missing_numbers(made, tumour, genome):
    page = Page(html := sample_page.sample_page(made(), *tumour, genome))
    assert made()["headline"] in page.text
    assert "For research use only" in page.text
    assert not re.search(r"\b(nan|None|inf|Undefined|null)\b", page.text)
    assert not re.search(r'="[^"]*\bnan\b', html)
    assert "Content-Security-Policy" in html
    assert [tag for tag, _, _ in page.attributes if tag in ("link", "img", "iframe", "object", "script")] == []
    assert [name for _, name, _ in page.attributes if name in FETCHING or name.startswith("on")] == []
    links = [(tag, value) for tag, name, value in page.attributes if name == "href"]
    assert all(tag == "a" and (value.startswith("https://doi.org/10.") or value == "#criteria") for tag, value in links)
    assert "url(" not in html and "@import" not in html


@pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())
def test_page_is_the_same_twice(made, tumour, genome):
    assert sample_page.sample_page(made(), *tumour, genome) == sample_page.sample_page(made(), *tumour, genome)


def test_page_says_estimates_with_intervals(tumour, genome):
    text = Page(sample_page.sample_page(amplified(), *tumour, genome)).text
    for phrase in (
        "14.1 95 %: 12.5 to 15.9",
        "4.90 95 %: 4.10 to 5.80",
        "P(≥ 5) > 99.9 %",
        "Fewest copies detectable 3.4",
    ):
        assert phrase in text.replace("\xa0", " ")
    assert "not yet checked against the original publication: secondary source" in text
    assert "MET/CEP7 ≥ 5 ◐ undecided 41.0 %" in text
    assert "Tissue criteria" in text and "Plasma criteria (this sample is tissue)" in text


def test_page_of_unknown_purity_gives_ranges_and_no_copies_axis(tumour, genome):
    text = Page(sample_page.sample_page(unknown_purity(), *tumour, genome)).text
    assert "6.1 to 45.0 range, no single value" in text
    assert "unknown assumed 0.10 to 1.00" in text
    assert "tumour copies" not in text


def test_page_gives_the_purities_at_which_the_call_changes(tumour, genome):
    call = amplified()
    assert "Amplified up to / not amplified from a purity of 0.71 / \N{EN DASH}" in page_text(call, tumour, genome)
    call = plasma()
    call["by_purity"] |= {"amplified_below": None, "excluded_above": 0.014}
    assert "not amplified from a fraction of \N{EN DASH} / 0.014" in page_text(call, tumour, genome)
    del call["by_purity"]  # a document of an earlier version
    assert "not amplified from" not in page_text(call, tumour, genome)


def page_text(call, tumour, genome):
    """What a reader sees of a sample's page."""
    return Page(sample_page.sample_page(call, *tumour, genome)).text


def test_plasma_page_puts_plasma_criteria_first_and_shows_uncorrected_copies(tumour, genome):
    text = Page(sample_page.sample_page(plasma(), *tumour, genome)).text
    assert text.index("Plasma criteria") < text.index("Tissue criteria (this sample is plasma)")
    assert "Plasma copies, uncorrected 2.01" in text
    assert text.index("Plasma copies, uncorrected") < text.index("MET copies per tumour cell 2.3")
    assert "adjusted by the highest driver VAF" not in text
    assert "Sets for tissue are not read on plasma" in text


def test_plasma_page_names_the_evidence_that_is_only_compared(tumour, genome):
    call = plasma()
    fraction = {"value": 0.1, "low": 0.08, "high": 0.12}
    call["copies"]["plasma_adjusted"] = {
        "value": 2.1,
        "low": 1.6,
        "high": 2.6,
        "tumour_fraction": fraction,
        "how": "so",
    }
    call["purity"]["evidence"] = [
        {"source": "highest_driver_vaf", "used": False, "vaf": {"value": 0.05, "low": 0.04, "high": 0.06},
         "purity": fraction, "drivers": 1},
        {"source": "fragment_lengths", "used": False, "enrichment": 1.31, "z": 4.2, "normals": 8},
    ]  # fmt: skip
    text = page_text(call, tumour, genome)
    assert "adjusted by the highest driver VAF: 2.1 (1.6 to 2.6)" in text
    assert "highest allele fraction of a driver, doubled 0.10 (0.08 to 0.12)" in text
    assert "short fragments \N{EN DASH} \N{EN DASH} not used; enrichment 1.31; z 4.2; normals 8" in text


@pytest.mark.parametrize(
    ("made", "shown"), [([amplified, plasma], True), ([amplified], False)], ids=["plasma", "tissue"]
)
def test_cohort_page_has_plasma_copies_where_there_is_plasma(made, shown):
    text = Page(cohort_page([each() for each in made])).text
    assert ("Plasma copies" in text) == shown
    assert ("2.01" in text) == shown


def test_reasons_are_sentences_with_their_severity(tumour, genome):
    text = Page(sample_page.sample_page(plasma(), *tumour, genome)).text
    assert "warn No normal samples: bins are not corrected for the assay's own bias." in text
    assert "below_limit_of_detection" not in text


@pytest.mark.parametrize(
    "field", ["sample", "patient", "timepoint", "assay", "specimen", "headline", "default_criteria", "genome"]
)
def test_hostile_text_is_shown_not_run(field, tumour, genome):
    html = sample_page.sample_page(amplified(**{field: HOSTILE}), *tumour, genome)
    assert HOSTILE in Page(html).text
    assert "<script" not in html and "49" not in re.findall(r"alert\(1\)[^<]{0,60}", html)


def test_hostile_text_in_nested_fields_and_bins_is_shown_not_run(tumour, genome):
    call = amplified()
    call["criteria"] = [
        criterion(
            HOSTILE,
            title=HOSTILE,
            category=HOSTILE,
            bound=HOSTILE,
            citation=HOSTILE,
            doi=HOSTILE,
            verified_note=HOSTILE,
            verdict="not_met",
            other_limbs=HOSTILE,
            only_if=HOSTILE,
        )
    ]
    call["copies"]["amplicon"]["genes"] = [HOSTILE]
    call["counts"] = {HOSTILE: HOSTILE}
    call["provenance"] = {HOSTILE: HOSTILE}
    call["purity"]["purity"]["source"] = HOSTILE
    html = sample_page.sample_page(
        call, tumour[0].assign(gene=HOSTILE), tumour[1].assign(gene=HOSTILE), genome, title=HOSTILE
    )
    Page(html)
    assert "<script" not in html
    assert "https://doi.org/%3Cscript" in html


def test_page_says_with_the_verdict_what_else_could_qualify_and_on_what_it_hangs(tumour, genome):
    call = amplified()
    call["criteria"] = [
        criterion("sachi", only_if="the EGFR inhibitor before was of the third generation"),
        criterion("savannah_high", verdict="not_met", other_limbs="MET overexpression by immunohistochemistry alone."),
    ]
    text = page_text(call, tumour, genome)
    assert "Sachi : only positive met" in text
    assert "Savannah_High* not met" in text and "“not met” does not say “not eligible”" in text
    assert "Only if the EGFR inhibitor before was of the third generation." in text
    assert "Could also qualify, not measured here: MET overexpression by immunohistochemistry alone." in text
    call["criteria"][1]["verdict"] = "met"
    text = page_text(call, tumour, genome)
    assert "Could also qualify" not in text and "not eligible" not in text


def test_hostile_name_cannot_leave_the_style_sheet(tumour, genome):
    name = '</style>\\"}*{display:none}/*é'
    html = sample_page.sample_page(amplified(sample=name), *tumour, genome)
    style = html[html.index("<style>") : html.index("</style>")]
    assert 'content:"\\3c \\2f style\\3e ' in style and "display:none}/*" not in style
    assert name in Page(html).text


def test_sections_that_others_add_are_shown(tumour, genome):
    call = amplified(comparison={"baseline": "LC-0301", "course": "acquired", "change": {"value": 11.4}})
    call["copies"]["genes"] = [{"gene": "EGFR", "copies": 7.0, "ratio": 2.0, "bins": 20}]
    call["copies"]["amplicon"]["copies"] = {"value": 13.0, "low": 11.0, "high": 15.0}
    call["notes"] = ["Copies are a mean."]
    call["criteria"][0]["power"] = 0.97
    baf = {"chromosome": ["chr7", "1", "weird"], "position": [5e7, 3e7, 1], "fraction": [0.5, 0.31, 0.2]}
    call["purity"]["baf"] = baf
    text = Page(sample_page.sample_page(call, *tumour, genome)).text
    assert "Serial samples Amplification acquired since the baseline" in text
    assert "Change of MET copies 11.4" in text
    assert "Against the baseline LC-0301: acquired since the baseline; change of MET copies 11.4." in text
    assert "Genes of other ways to resist" in text and "EGFR 20 7.0 2.00" in text
    assert "Copies of the amplicon 13.0 (11.0 to 15.0)" in text
    assert "Copies are a mean." in text and "power 97.0 %" in text
    assert "Allele fractions of heterozygous SNPs" in text


def test_page_of_nothing_measured_says_so(tumour, genome):
    empty = tumour[0].assign(log2=np.nan)
    text = Page(sample_page.sample_page(no_call(), empty, tumour[1].iloc[:0], genome)).text
    assert text.count("no usable bin here") == 3
    assert "not available" in text


def test_bands_are_named_first_those_of_met_and_egfr(tumour, genome):
    html = sample_page.sample_page(amplified(), *tumour, genome)
    names = re.findall(r'<text x="([\d.]+)" y="238" class="tiny middle( strong)?">([pq][\d.]+)<', html)
    assert [name for _, strong, name in names if strong] == ["p11.2", "q31.2"]
    places = sorted(float(x) for x, _, _ in names)
    assert len(places) > 12 and min(np.diff(places)) > genome_tracks.BAND_ROOM


def test_bins_of_met_lie_above_the_segment(tumour, genome):
    html = sample_page.sample_page(amplified(), *tumour, genome)
    figures = html.split("<figure>")[1:4]
    assert [figure.index('class="segment"') < figure.index('class="bin met-bin"') for figure in figures] == [True] * 3


def luminance(colour):
    """Relative luminance of #rgb or #rrggbb by WCAG 2."""
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_has_contrast_enough_to_be_read():
    """4.5 to 1 on white and on its own background, as WCAG 2 AA asks of text."""
    style = (PACKAGE / "report" / "templates" / "style.css").read_text()
    named = dict(re.findall(r"--(\w+):(#\w+)", style))
    style = re.sub(r"var\(--(\w+)\)", lambda found: named[found[1]], style)
    texts = re.findall(r"[{;](?:color:(#\w+)(?:;background:(#\w+))?|font-[^}]*fill:(#\w+))", style)
    texts += [(colour, "", "") for colour in re.findall(r"-text\{fill:(#\w+)", style)]
    assert len(texts) > 15
    for colour, behind, drawn in texts:
        bright, dark = luminance(behind or "#fff"), luminance(colour or drawn)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (colour or drawn, behind)


@pytest.mark.parametrize("prefix", ["", "chr"])
def test_chromosome_names_with_and_without_prefix_draw_the_same(prefix, genome, tumour):
    bare = profile(genome, spacing_bp=150_000, prefix=prefix)
    assert sample_page.sample_page(amplified(), *bare, genome) == sample_page.sample_page(amplified(), *tumour, genome)


@pytest.mark.parametrize(("spacing_bp", "limit"), [(15_000, 1_000_000), (3_000, 2_000_000)], ids=["panel", "wgs"])
def test_page_stays_small_however_many_bins(spacing_bp, limit, genome):
    html = sample_page.sample_page(amplified(), *profile(genome, spacing_bp=spacing_bp, noise=0.4), genome)
    assert len(html.encode()) < limit


def test_high_bins_are_drawn_within_the_figure(genome, tumour):
    """No ceiling: a 200-fold amplicon stretches the axis instead of leaving it."""
    bins = tumour[0].copy()
    bins.loc[bins["role"] == "met", "log2"] = 7.6
    html = sample_page.sample_page(amplified(), bins, tumour[1], genome)
    assert ">128</text>" in html
    heights = [
        float(y)
        for path in re.findall(r'<path d="([^"]+)" class="bin met-bin"', html)
        for y in re.findall(r"M[\d.]+ (-?[\d.]+)h0", path)
    ]
    assert len(heights) == 3 * 32 - 3 * 1 or len(heights) > 80
    assert min(heights) > 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, words.MISSING),
        (float("nan"), words.MISSING),
        (0.0, "< 0.1 %"),
        (0.0009, "< 0.1 %"),
        (0.5, "50.0 %"),
        (0.9995, "> 99.9 %"),
        (1.0, "> 99.9 %"),
    ],
)
def test_probability_is_never_rounded_to_certainty(value, shown):
    assert words.probability(value) == shown


RECORD = {
    "one": 0.5, "one_low": 0.5, "one_high": 0.5,
    "open": None, "open_low": 0.0, "open_high": 0.426,
    "sure": None, "sure_low": 0.99999, "sure_high": 1.0,
    "none": None, "none_low": None, "none_high": None,
    "p": {"5": None, "6": 0.25}, "p_range": {"5": {"low": 0.03, "high": 0.97}, "6": {"low": 0.25, "high": 0.25}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "bound", "shown"),
    [
        ("one", None, "50.0 %"),
        ("open", None, "< 0.1 % to 42.6 %"),
        ("sure", None, "> 99.9 %"),
        ("none", None, words.MISSING),
        ("absent", None, words.MISSING),
        ("p", "5", "3.0 % to 97.0 %"),
        ("p", "6", "25.0 %"),
        ("p", "10", words.MISSING),
        ("older", "5", words.MISSING),
    ],
)
def test_a_probability_that_is_not_one_number_shows_both_ends(name, bound, shown):
    assert words.chance(RECORD, name, bound) == shown


def test_pages_show_both_ends_where_purity_is_unknown():
    call, genome = unknown_purity(), builds.load("GRCh37")
    page = Page(sample_page.sample_page(call, *profile(genome, spacing_bp=5_000_000), genome)).text
    assert "P(≥ 5) 97.0 % to > 99.9 % · P(≥ 10) < 0.1 % to > 99.9 %" in page and "P(≥ 2) 99.1 % to > 99.9 %" in page
    assert "97.0 % to > 99.9 %" in Page(cohort_page([call])).text


@needs_browser
def test_missing_values_of_the_cohort_stand_last_in_both_directions(tmp_path):
    """A flat tumour of unknown purity has no P(>= 5), so it neither leads nor parts those that have one."""
    flat, negative, nothing = unknown_purity(), amplified(sample="negative", patient=""), no_call()
    flat["copies"]["p_copies_ge_range"]["5"] = {"low": 0.0, "high": 0.426}
    negative["copies"] |= {"p_copies_ge": {"5": 0.0004}, "focality": None}
    text = cohort_page([flat, amplified(), nothing, negative])
    script = """<script>const orders = {};
for (const [at, head] of heads.entries()) for (const way of ["up", "down"]) {
  head.firstElementChild.click();
  orders[`${head.textContent} ${way}`] = [...table.tBodies[0].rows].map(row => row.cells[0].textContent);
}
document.body.textContent = "RESULT" + JSON.stringify(orders) + "END";</script></body>"""
    page = tmp_path / "cohort.html"  # without its policy, which lets no script but its own run
    page.write_text(re.sub(r"<meta http-equiv[^>]*>", "", text).replace("</body>", script), encoding="utf-8")
    orders = json.loads(unescape(re.search(r"RESULT(.*)END", dump(tmp_path, page), re.DOTALL)[1]))
    for way, first in (("down", ["LC-0417", "negative"]), ("up", ["negative", "LC-0417"])):
        order = orders[f"P(≥ 5) {way}"]
        assert (order[:2], set(order[2:])) == (first, {"LC-0418", "empty.1"})
    assert {*orders["Focality up"][2:], *orders["Focality down"][2:]} == {"negative", "empty.1"}
    assert {*orders["MET copies up"][2:], *orders["MET copies down"][2:]} == {"LC-0418", "empty.1"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, words.MISSING),
        (0.0, "0.00"),
        (9.994, "9.99"),
        (9.995, "10.0"),
        (-12.34, "-12.3"),
        (99.95, "100"),
        (113.1, "113"),
    ],
)
def test_ratio_has_no_digits_that_it_does_not_know(value, shown):
    assert words.ratio(value) == shown


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ([True, True], True),
        ([False], False),
        ([True, False], "mixed"),
        (["mixed"], "mixed"),
        ([None], "mixed"),
        (["secondary"], "secondary"),
        ([True, "secondary"], "mixed"),
    ],
)
def test_a_set_counts_as_verified_only_if_all_of_it_is(statuses, shown):
    assert words.checked([{"verified": status} for status in statuses]) == shown


def test_a_note_is_said_once_within_a_set(tumour, genome):
    rows = [criterion("set", category=name, note=f"Only {name}. Said by both.") for name in ("high", "low")]
    text = Page(sample_page.sample_page(amplified(criteria=rows), *tumour, genome)).text
    assert [text.count(phrase) for phrase in ("Only high.", "Only low.", "Said by both.")] == [1, 1, 1]


def test_thinned_agrees_with_a_loop():
    random = np.random.default_rng(3)
    column, value = random.integers(0, 20, 500), random.normal(size=500)
    columns, low, middle, high = svg.thinned(column, value)
    assert columns.tolist() == sorted(set(column.tolist()))
    for at, *found in zip(columns, low, middle, high, strict=True):
        ranked = sorted(value[column == at])
        assert found == [ranked[round(q * (len(ranked) - 1))] for q in (0.1, 0.5, 0.9)]


def test_figure_refuses_a_missing_coordinate():
    with pytest.raises(ValueError, match="has to be finite, got nan"):
        svg.line(0, float("nan"), 1, 1, "axis")


def test_cohort_page_links_escapes_and_fetches_nothing():
    made = [amplified(), unknown_purity(), plasma(), no_call(), amplified(sample=HOSTILE, patient=HOSTILE)]
    page = Page(html := cohort_page(made))
    assert html == cohort_page(made)
    assert html.count("<script") == 1
    links = [value for tag, name, value in page.attributes if name == "href"]
    assert links[:4] == ["./LC-0417.html", "./LC-0418.html", "./PL-22.html", "./empty.1.html"]
    assert links[4].startswith("./%3Cscript%3E") and len(links) == 5
    assert [name for _, name, _ in page.attributes if name in FETCHING or name.startswith("on")] == []
    assert not re.search(r"\b(nan|None|inf|Undefined|null)\b", page.text)
    assert "5 samples · High-level amplification 2 · Indeterminate 2 · No call 1" in page.text
    assert "met_<wbr>not_<wbr>covered" in html and "met_not_covered" in page.text


SUSPICIOUS = f"40 used, 1 suspicious, left out: N7 (MET +0.82 log2) {HOSTILE}"
CHECKS = [
    pytest.param({"summary": SUSPICIOUS}, SUSPICIOUS, id="a suspect"),
    pytest.param({"summary": "41 used, 0 suspicious"}, "41 used, 0 suspicious", id="none"),
    pytest.param(None, "41 used, not checked for tumours among them", id="a panel of an earlier version"),
]


@pytest.mark.parametrize(("check", "words"), CHECKS)
def test_pages_say_how_many_normals_are_suspicious(tumour, genome, check, words):
    call = amplified()
    call["measurement"]["reference"]["check"] = check
    page = Page(sample_page.sample_page(call, *tumour, genome))
    assert f"Panel of normals {words}" in page.text
    assert (f"Normals: {words}" in Page(cohort_page([call, call])).text) == bool(check)


def placed(count, **columns):
    """Rows of samples side by side, far enough apart for their names."""
    numbers = {"met_copies_low": None, "met_copies_high": None, "cep7_copies_high": None, "call": "gain", **columns}
    return [
        {**numbers, "sample": f"S{n}", "met_copies": 2.0 + n % 8, "cep7_copies": 0.5 * 2 ** (n // 8)}
        for n in range(count)
    ]


def test_scatter_names_its_points_where_there_is_room():
    few = estimate_plots.scatter(placed(estimate_plots.MAX_NAMES))
    assert [n for n in range(estimate_plots.MAX_NAMES) if f">S{n}</text>" not in few] == []
    assert ">S1</text>" not in estimate_plots.scatter(placed(estimate_plots.MAX_NAMES + 1))
    same = [{**row, "met_copies": 3.0, "cep7_copies": 3.0} for row in placed(3)]
    assert len(re.findall(r">S\d</text>", estimate_plots.scatter(same))) == 2  # right and left of the point
    long = estimate_plots.scatter([{**placed(1)[0], "sample": "<" * 60}])
    assert "&lt;" * (estimate_plots.LONGEST_NAME - 1) + "…</text>" in long


def test_cohort_of_hundreds_stays_a_small_page():
    calls = [amplified(sample=f"S{number}", patient=f"P{number // 2}") for number in range(500)]
    columns = "ID chrom loc.start loc.end num.mark seg.mean".split()
    levels = [pd.DataFrame([[call["sample"], "7", 1, 159_000_000, 900, 0.4]], columns=columns) for call in calls]
    html = cohort_page(calls, levels=levels)
    assert len(html.encode()) < 1_000_000 and html.count("<tr data-call") == 500


def test_cohort_page_of_no_sample_is_a_page():
    assert "0 samples" in Page(cohort_page([])).text
