"""The shipped criteria sets keep to the schema, and every way to break a set is refused with a sentence."""

from __future__ import annotations

import dataclasses
import importlib.util
import re

import pytest
import yaml

from metcn.calls import criteria
from metcn.errors import InputError
from metcn.files import resource_root
from metcn.vocabulary import CALLS

SETS = criteria.load()
FILES = sorted((resource_root() / "criteria").glob("*.yaml"))


def test_all_sets_are_there_and_the_default_stands_first():
    assert len(FILES) == len(SETS) == 51
    assert next(iter(SETS)) == criteria.DEFAULT == "metcn_default"
    assert sorted(SETS) == sorted(path.stem for path in FILES)
    assert sum(len(criterion.categories) for criterion in SETS.values()) == 80


@pytest.mark.parametrize("criterion", SETS.values(), ids=list(SETS))
def test_set_is_whole(criterion):
    assert criterion.title
    assert criterion.citation
    assert "10.3390/cancers15030612" not in (criterion.doi or ""), "numbers are never attributed to the review"
    assert criterion.doi is None or re.fullmatch(r"10\.\d{4,}/\S+", criterion.doi)
    calls = [category.call for category in criterion.categories]
    assert set(calls) <= set(CALLS)
    order = [CALLS.index(call) for call in calls if call != "polysomy"]
    assert order == sorted(order), "categories stand from highest to lowest"
    if criterion.verified == "mixed":
        assert all(category.verified is not None for category in criterion.categories)
    if criterion.verified in (False, "mixed"):
        assert criterion.verified_note


def test_specimens():
    by_specimen = {
        specimen: {name for name, criterion in SETS.items() if criterion.specimen == specimen}
        for specimen in ("plasma", "both")
    }
    assert by_specimen["plasma"] == {
        "metcn_plasma",
        "insight2_plasma",
        "vision_b_plasma",
        "guardant_reportable",
        "oncomine_cfna",
    }
    assert by_specimen["both"] == {"metcn_default"}


STATUS = {  # all others were read in their source
    False: {
        *("metcn_plasma", "insight2_plasma", "vision_b_plasma", "tatton", "foundation_one"),
        *("saffron", "nci_match", "geometry_e", "caris", "chinese_consensus"),
    },
    "mixed": {"guardant_reportable", "msk_impact"},
    "secondary": {
        *("acse", "profile1001", "metros", "sachi", "five_panel_ngs", "insight2_tissue"),
        *("amg337", "nccn_ngs", "vision_b_tissue"),
    },
}


@pytest.mark.parametrize(("status", "names"), STATUS.items(), ids=map(str, STATUS))
def test_figures_that_were_not_read_in_their_source_say_so(status, names):
    assert {name for name, criterion in SETS.items() if criterion.verified == status} == names


def test_sets_that_immunohistochemistry_could_fulfil_say_so():
    told = {name for name, one in SETS.items() if "immunohistochemistry" in (one.other_limbs or "")}
    assert told == {
        *("insight", "savannah_screen", "savannah_high", "saffron", "tatton", "flowers_ngs", "flowers_fish"),
        *("schuler2020", "schuler2020_entry"),
    }


def test_conditions_that_nothing_here_measures():
    open_ = {(name, one.name) for name, each in SETS.items() for one in each.categories if one.only_if or one.prior_tki}
    assert open_ == {
        ("sachi", "after_third_generation_tki"),
        ("sachi", "after_first_or_second_generation_tki"),
        ("facets_suite", "doubled_genome"),
        ("facets_suite", "undoubled_genome"),
    }


def test_sets_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SETS["lai2019"].id = "other"
    assert hash(SETS["lai2019"]) == hash(criteria.read(resource_root() / "criteria" / "lai2019.yaml"))


@pytest.mark.parametrize(
    ("clause", "words"),
    [
        (criteria.Clause("gcn", lower=5), "copies >= 5"),
        (criteria.Clause("ratio", lower=2.2, lower_inclusive=False), "MET/CEP7 > 2.2"),
        (criteria.Clause("ratio", lower=1.8, upper=2.2, upper_inclusive=True), "1.8 <= MET/CEP7 <= 2.2"),
        (criteria.Clause("ratio", lower=2.2, lower_inclusive=False, upper=5), "2.2 < MET/CEP7 < 5"),
        (criteria.Clause("gcn", upper=4), "copies < 4"),
        (criteria.Clause("pcn", lower=2.3), "plasma copies >= 2.3"),
        (criteria.Clause("gcn_minus_ploidy", lower=4), "copies above ploidy >= 4"),
        (criteria.Clause("gcn_over_ploidy", lower=3), "copies / ploidy >= 3"),
        (criteria.Clause("pcn", lower=2.5, if_purity_open=True), "plasma copies >= 2.5 if tumour fraction is open"),
    ],
)
def test_bound_in_words(clause, words):
    assert clause.bound == words


def test_category_in_words():
    default, lai = SETS["metcn_default"].categories, SETS["lai2019"].categories
    assert default[1].bound == "copies >= 5 or MET/CEP7 >= 2 with copies >= 4.5; focality not polysomy"
    assert default[2].bound == "copies >= 5; focality polysomy"
    assert (lai[0].bound, lai[0].quantity) == ("copies >= 5 and MET/CEP7 >= 2", "gcn and ratio")


def tables():
    """The script that writes the tables of sets into the page on calls."""
    specification = importlib.util.spec_from_file_location("criteria_table", resource_root() / "criteria_table.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_page_lists_every_set_by_status_with_what_else_could_qualify():
    module = tables()
    text = module.PAGE.read_text(encoding="utf-8")
    assert module.page(text) == text, "run python resources/criteria_table.py"
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for name, criterion in SETS.items():
        [*found] = [row for row in rows if row.startswith(f"| `{name}`") and row.count(" | ") > 3]
        assert len(found) == (name not in module.OWN), name
        assert all(f"| {criterion.other_limbs or ''} |" in row for row in found)
    titles = [item["title"] for item in yaml.safe_load(WITHOUT_COPIES.read_text(encoding="utf-8"))]
    assert len(titles) == 4
    assert all(f"| {title} |" in text for title in titles)


WITHOUT_COPIES = resource_root() / "criteria_without_copies.yaml"


def test_trials_without_a_cut_off_in_copies_are_no_sets():
    listed = yaml.safe_load(WITHOUT_COPIES.read_text(encoding="utf-8"))
    assert not {item["id"] for item in listed} & set(SETS)
    assert all(set(item) == {"id", "title", "selects_by", "verified"} for item in listed)


def test_readme_has_the_number_of_published_sets():
    readme = (resource_root().parent / "README.md").read_text(encoding="utf-8")
    [number] = re.findall(r"(\d+) \[published sets of cut-offs\]", readme)
    assert int(number) == len(SETS) - len(tables().OWN)
    assert "every published" not in readme


GOOD = """\
id: mine
title: Mine
specimen: tissue
assay: FISH
citation: Own validation
doi: null
n: 20
verified: true
categories:
  - name: positive
    call: amplification
    clauses:
      - {quantity: gcn, lower: 6, lower_inclusive: true}
"""


def written(folder, text, name="mine.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_users_own_set_is_read_after_the_shipped_ones(tmp_path):
    sets = criteria.load([written(tmp_path, GOOD)])
    assert list(sets)[-1] == "mine"
    assert sets["mine"].categories[0].clauses == (criteria.Clause("gcn", lower=6),)


BAD = {
    "misspelt key": (GOOD.replace("doi:", "doy:"), r"mine\.yaml, top level: .*doy"),
    "misspelt key of a clause": (GOOD.replace("lower_inclusive", "inclusive"), "categories/0/clauses/0"),
    "unknown quantity": (GOOD.replace("gcn", "copies"), "'copies' is not one of"),
    "unknown inhibitor": (
        GOOD.replace("    call", "    prior_tki: [fourth]\n    call"),
        "categories/0/prior_tki/0: 'fourth' is not one of",
    ),
    "unknown status": (GOOD.replace("true\ncat", "maybe\ncat"), "'maybe' is not one of"),
    "unknown specimen": (GOOD.replace("tissue", "blood"), "'blood' is not one of"),
    "unknown call": (GOOD.replace("call: amplification", "call: huge"), "'huge' is not one of"),
    "inclusiveness left open": (GOOD.replace(", lower_inclusive: true", ""), "'lower_inclusive' is a dependency"),
    "no bound": (GOOD.replace(", lower: 6, lower_inclusive: true", ""), "clauses/0"),
    "no category": (GOOD[: GOOD.index("categories")] + "categories: []\n", "categories"),
    "doi as address": (GOOD.replace("null", "https://doi.org/10.1/x"), "doi"),
    "empty interval": (
        GOOD.replace("true}", "true, upper: 6, upper_inclusive: false}"),
        "6 <= copies < 6, an empty interval",
    ),
    "key twice": (GOOD + "title: Again\n", "the key 'title' stands twice"),
    "category twice": (GOOD + GOOD[GOOD.index("  - name") :], "category positive stands twice"),
    "id unlike the file": (
        GOOD.replace("id: mine", "id: other"),
        "expected id mine, as the file is named, found other",
    ),
    "plasma copies in tissue": (GOOD.replace("gcn", "pcn"), "plasma copies in specimen tissue"),
    "tumour copies in plasma": (
        GOOD.replace("tissue", "plasma"),
        "no category of this set for plasma asks for plasma copies",
    ),
    "depth ratio in plasma": (
        GOOD.replace("tissue", "plasma").replace("gcn", "fold"),
        "asks for depth ratio in specimen plasma",
    ),
    "not YAML": ("id: [", "is not YAML"),
    "not a mapping": ("- 1\n", "top level: .* is not of type 'object'"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=list(BAD))
def test_bad_set_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        criteria.read(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_missing_file_and_taken_id_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read criteria set .*No such file"):
        criteria.read(tmp_path / "mine.yaml")
    with pytest.raises(InputError, match="the id acse is taken"):
        criteria.load([written(tmp_path, GOOD.replace("id: mine", "id: acse"), "acse.yaml")])


def test_schema_is_closed_on_every_level():
    schema = yaml.safe_load((resource_root() / "criteria.schema.yaml").read_text(encoding="utf-8"))
    objects = [schema, *schema["$defs"].values()]
    assert len(objects) == 3
    assert all(item["additionalProperties"] is False for item in objects)


CHOICES = {  # default_criteria, specimen, set that is chosen
    "of tissue": (None, "tissue", "fang2018"),
    "of plasma": (None, "plasma", "insight2_plasma"),
    "one for both": ("lai2019", "plasma", "lai2019"),
    "an empty name is none": ("", "tissue", "fang2018"),
}


@pytest.mark.parametrize(("both", "specimen", "expected"), CHOICES.values(), ids=list(CHOICES))
def test_the_set_of_a_call_follows_the_specimen(both, specimen, expected):
    settings = {"default_criteria": both, "tissue_criteria": "fang2018", "plasma_criteria": "insight2_plasma"}
    assert criteria.chosen(settings, specimen) == criteria.default(settings, specimen).id == expected


@pytest.mark.parametrize("key", ["default_criteria", "plasma_criteria"])
def test_an_unknown_set_is_named_with_its_key(key):
    settings = {"default_criteria": None, "plasma_criteria": "metcn_plasma", key: "best"}
    with pytest.raises(InputError, match=rf"calls\.{key}: expected one of metcn_default, .*found 'best'"):
        criteria.default(settings, "plasma")
