"""Configuration: what is refused and in which words, what is filled in, and that the schema is the only source."""

import json
import shlex
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from metcn import files
from metcn.errors import InputError
from metcn.run import config, keywords
from metcn.run.samples import SAMPLE_ROLES, SHEET_COLUMNS, TIMEPOINTS
from metcn.run.stages import STAGES
from metcn.vocabulary import ASSAYS

ROOT = Path(__file__).resolve().parents[2]
LEAST = {"genome": "GRCh37", "assay": "panel"}
KEYS = [(section, key) for section in config.sections() for key in config.keys(section)]


def complete(keys=(), **more):
    return config.complete({**LEAST, **dict(keys), **more}, Path("/base"))


REFUSED = {
    "misspelt key": (
        {"genom": "GRCh37"},
        "config.yaml: key genom: expected a known key, received 'genom'; did you mean genome?",
    ),
    "misspelt key of a section": ({"ratios": {"max_nois": 1}}, "key ratios.max_nois: .* did you mean max_noise?"),
    "key outside its section": ({"max_noise": 1}, "key max_noise: .* move it into the section ratios"),
    "key far from any": ({"zzz": 1}, "key zzz: .* known: samples, genome, assay"),
    "key that is a number": ({7: 1}, "key 7: expected a known key, received 7"),
    "missing key": (
        {"genome": None},
        "key genome: expected one of 'GRCh37', 'GRCh38', received nothing; add 'genome: ...'",
    ),
    "other case": ({"assay": "Panel"}, "received 'Panel'; did you mean panel?"),
    "text for a number": ({"ratios": {"max_noise": "x"}}, "key ratios.max_noise: expected number > 0, received 'x'"),
    "exponent that YAML reads as text": ({"copies": {"alpha": "1e-3"}}, r"write 0.001 \(YAML takes '1e-3' for text\)"),
    "boolean for a number": ({"ratios": {"max_noise": True}}, "expected number > 0, received true; the default is 0.6"),
    "number for a boolean": ({"counts": {"keep_duplicates": 1}}, "expected true or false or null, received 1"),
    "fraction for a whole number": ({"bins": {"target_bp": 250.5}}, "expected whole number >= 20, received 250.5"),
    "not a number": ({"ratios": {"max_noise": float("nan")}}, "expected number > 0, received nan"),
    "infinite": ({"ratios": {"max_noise": float("inf")}}, "expected number > 0, received inf"),
    "at an exclusive bound": ({"copies": {"alpha": 0}}, "expected number > 0 and < 0.5, received 0"),
    "null where there is a default": ({"segments": {"method": None}}, "expected one of 'hmm', .*received null"),
    "section that is a list": ({"bins": [1]}, r"key bins: expected a section of keys, received \[1\]; indent"),
    "list for a path": ({"targets": ["a.bed"]}, r"key targets: expected text or null, received \['a.bed'\]"),
    "empty path": ({"targets": ""}, "key targets: expected text or null, received ''"),
    "bounds in the wrong order": (
        {"purity": {"tissue_low": 0.5, "tissue_high": 0.4}},
        r"key purity.tissue_low: expected at most tissue_high \(0.4\), received 0.5; change one of the two",
    ),
    "bound beyond the other's default": (
        {"ratios": {"max_noise": 2}},
        r"expected at most fail_noise \(1.2\), received 2",
    ),
    "unknown key of reference": ({"reference": {"fil": "a"}}, "key reference.fil: .* did you mean file?"),
}


@pytest.mark.parametrize(("keys", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(keys, message):
    with pytest.raises(InputError, match=message):
        complete(keys)


def test_all_problems_at_once():
    with pytest.raises(InputError) as raised:
        complete(genome="hg19", assay="exome", copies={"power": 2}, calls={"deside": 0.9})
    assert len(str(raised.value).splitlines()) == 4
    assert all(line.startswith("config.yaml: key ") for line in str(raised.value).splitlines())


NOT_YAML = {
    "key given twice": ("a: 1\nb: 2\na: 3\n", r"line 3: not plain YAML \(key a is given twice\)"),
    "key given twice in a section": ("a:\n  b: 1\n  b: 2\n", r"line 3: .*key b is given twice"),
    "anchor": ("a: &x 1\nb: 2\n", "line 1: .*anchors and aliases are not allowed"),
    "alias": ("a: 1\nb: *x\n", "line 2: .*anchors and aliases are not allowed"),
    "tag": ("a: !!python/object/apply:os.system ['true']\n", "line 1: not plain YAML"),
    "tab": ("a:\n\tb: 1\n", "line 2: not plain YAML"),
    "two documents": ("a: 1\n---\nb: 1\n", "not plain YAML"),
    "list": ("- a\n", r"expected 'key: value' lines, received \['a'\]"),
    "text": ("hello\n", "expected 'key: value' lines, received 'hello'"),
    "nested without end": ("[" * 5000, "not plain YAML"),
    "impossible date": ("a: 2024-13-45\n", "not plain YAML"),
}


@pytest.mark.parametrize(("text", "message"), NOT_YAML.values(), ids=NOT_YAML)
def test_file_refused(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        config.read(path)
    assert str(raised.value).startswith(str(path)) and "\n" not in str(raised.value)


def test_file_not_utf8(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"genome: \xff\n")
    with pytest.raises(InputError, match="expected UTF-8 text, found other bytes at 8"):
        config.read(tmp_path / "config.yaml")


def test_file_missing(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
        config.read(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["", "# nothing\n", "\ufeff"])
def test_empty_file_is_no_key(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    assert config.read(tmp_path / "config.yaml") == {}


def test_windows_file(tmp_path):
    (tmp_path / "config.yaml").write_bytes("\ufeffgenome: GRCh37\r\nassay: wes\r\n".encode())
    assert config.read(tmp_path / "config.yaml") == {"genome": "GRCh37", "assay": "wes"}


def test_defaults_are_filled_in():
    whole = complete()
    assert list(whole)[:7] == ["samples", "genome", "assay", "targets", "fasta", "snps", "bins"]
    for section in config.sections():
        assert {key: whole[section][key] for key in config.settings_keys(section)} == config.defaults(section)


@pytest.mark.parametrize(("given", "value"), [("none", "none"), ("l.bed", "/base/l.bed"), (None, None)])
def test_a_word_in_place_of_a_path_stays_a_word(given, value):
    assert config.complete({"genome": "GRCh37", "assay": "wes", "snps": given}, Path("/base"))["snps"] == value


def test_complete_twice_is_the_same():
    once = complete(targets="t.bed", reference="p.h5", bins={"target_bp": 100})
    assert config.complete(once, Path("/elsewhere")) == once


@pytest.mark.parametrize("reference", ["panel.h5", {"file": "panel.h5"}], ids=["text", "section"])
def test_reference_forms(reference):
    expected = {"file": "/base/panel.h5", **config.defaults("reference")}
    assert complete(reference=reference)["reference"] == expected


@pytest.mark.parametrize("section", [None, {}], ids=["null", "empty"])
def test_section_without_keys(section):
    assert complete(bins=section, reference=section) == complete()


@pytest.mark.parametrize(("path", "absolute"), [("a/b.bed", "/base/a/b.bed"), ("/x/b.bed", "/x/b.bed")])
def test_paths_start_from_the_configuration(path, absolute):
    assert complete(targets=path)["targets"] == absolute


CRITERIA = {  # section calls as it is written, set of tissue, of plasma, of both
    "nothing": ({}, "metcn_default", "metcn_plasma", None),
    "as one": ({"criteria": {"tissue": "a", "plasma": "b"}}, "a", "b", None),
    "as one, plasma alone": ({"criteria": {"plasma": "b"}}, "metcn_default", "b", None),
    "as two": ({"tissue_criteria": "a", "plasma_criteria": "b"}, "a", "b", None),
    "for both": ({"default_criteria": "c"}, "metcn_default", "metcn_plasma", "c"),
}


@pytest.mark.parametrize(("given", "tissue", "plasma", "both"), CRITERIA.values(), ids=list(CRITERIA))
def test_criteria_by_specimen(given, tissue, plasma, both):
    found = complete(calls=given)["calls"]
    assert (found["tissue_criteria"], found["plasma_criteria"], found["default_criteria"]) == (tissue, plasma, both)
    assert complete(calls=found)["calls"] == found


@pytest.mark.parametrize("given", [{"criteria": {"folder": "sets"}}, {"criteria_folder": "sets"}], ids=["in", "beside"])
def test_folder_of_criteria(given):
    assert complete(calls=given)["calls"]["criteria_folder"] == "/base/sets"
    assert complete()["calls"]["criteria_folder"] is None


@pytest.mark.parametrize(
    "given", [{"criteria": {"blood": "a"}}, {"criteria": "a"}, {"criteria": {"plasma": 3}}], ids=str
)
def test_criteria_of_no_specimen_are_refused(given):
    with pytest.raises(InputError, match=r"key calls\.(blood_criteria|criteria|plasma_criteria): expected"):
        complete(calls=given)


def test_whole_number_written_with_a_point_becomes_int():
    value = complete(copies={"draw_count": 128.0})["copies"]["draw_count"]
    assert (value, type(value)) == (128, int)


@pytest.mark.parametrize(
    ("section", "keys", "options"),
    [
        ("segments", {"method": "haar"}, "--method=haar"),
        ("report", {"title": "a 'b' $c"}, """--title='a '"'"'b'"'"' $c'"""),
        (
            "calls",
            {"default_criteria": "-x"},
            "--tissue-criteria=metcn_default --plasma-criteria=metcn_plasma --default-criteria=-x --decide=0.95",
        ),
        (
            "reference",
            "p.h5",
            "--max-components=40 --min-relative-depth=0.05 --max-spread=1.0 --on-suspicious=leave_out",
        ),
        ("cohort", {}, ""),
    ],
)
def test_options_of_a_section(section, keys, options):
    assert config.section_options(complete(**{section: keys}), section) == options
    assert all(word.startswith("--") for word in shlex.split(options))


@pytest.mark.parametrize("value", [True, False])
def test_option_of_a_boolean(value):
    words = config.section_options(complete(counts={"keep_duplicates": value}), "counts").split()
    assert ("--keep-duplicates" if value else "--no-keep-duplicates") in words


def test_null_is_no_option():
    assert "window" not in config.section_options(complete(), "bins")


class TestSchema:
    """What the schema file promises to the code that is made from it."""

    def test_sections_are_the_stages(self):
        assert config.sections() == list(STAGES)

    def test_lists_are_those_of_the_code(self):
        assert tuple(config.keys()["assay"]["enum"]) == ASSAYS

    @pytest.mark.parametrize(("section", "key"), KEYS, ids=[".".join(pair) for pair in KEYS])
    def test_key_is_complete(self, section, key):
        keyword = config.keys(section)[key]
        assert keyword["description"].endswith(".")
        assert keywords.accepts(keyword, keyword["default"])
        # a null option is left out of the command line, so null has to be what the command then assumes
        assert ("null" in str(keyword.get("type"))) == (keyword["default"] is None)
        assert keyword.get("type") not in ("array", "object"), "one option holds one value"
        assert ("x-unit" in keyword) or not key.endswith("_bp")

    def test_every_part_is_closed(self):
        whole = yaml.safe_load((files.workflow_root() / "schemas/config.schema.yaml").read_text())
        jsonschema.Draft202012Validator.check_schema(whole)
        parts = [whole, *whole["properties"].values(), *whole["properties"]["reference"]["oneOf"]]
        sections = [part for part in parts if part.get("type") == "object"]
        assert len(sections) == len(STAGES) + 1
        assert all(part["additionalProperties"] is False for part in sections)

    def test_example_is_the_defaults(self):
        path = ROOT / "config/config.yaml"
        assert config.complete(config.read(path), path.parent) == config.complete(
            {"genome": "GRCh38", "assay": "panel"}, path.parent
        )
        text = path.read_text()
        assert [key for _, key in KEYS if f"\n  {key}: " not in text] == []

    def test_sheet_schema_is_the_code(self):
        whole = yaml.safe_load((files.workflow_root() / "schemas/samples.schema.yaml").read_text())
        jsonschema.Draft202012Validator.check_schema(whole)
        properties = whole["properties"]
        assert tuple(properties) == SHEET_COLUMNS
        assert tuple(properties["role"]["enum"]) == SAMPLE_ROLES
        assert tuple(properties["timepoint"]["enum"]) == TIMEPOINTS
        header = (ROOT / "config/samples.tsv").read_text()
        assert header == "\t".join(SHEET_COLUMNS) + "\n"


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 2_000_000),
    st.floats(-10, 10),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
)


@given(pair=st.sampled_from(KEYS), value=VALUES)
def test_acceptance_agrees_with_a_json_schema_validator(pair, value):
    keyword = config.keys(pair[0])[pair[1]]
    assert keywords.accepts(keyword, value) == jsonschema.Draft202012Validator(keyword).is_valid(value)


@given(pair=st.sampled_from(KEYS), value=VALUES)
def test_any_value_is_taken_or_refused_in_one_line(pair, value):
    section, key = pair
    try:
        whole = config.complete({**LEAST, section: {key: value}}, Path("/base"))
    except InputError as error:
        assert str(error).startswith(f"config.yaml: key {section}.")
        assert "\n" not in str(error)
    else:
        assert json.loads(json.dumps(whole)) == whole
