"""Counsel: the next step for each call, specimen and state of purity, on both sides of each bound."""

from __future__ import annotations

import math

import pytest

from metcn.calls.counsel import DOUBTS, DOUBTS_OF_GAIN, NO_CALL, OF_CALL, Facts, counsel
from metcn.purity.result import SourcedEstimate
from metcn.stats.estimate import Estimate
from metcn.vocabulary import CALLS, COUNSELS, REASONS

NAN = math.nan
NEGATIVE, REPEAT, FISH, TISSUE, NOTHING = COUNSELS
HIGH, AMP, GAIN, POLY, NOT, OPEN, NO = CALLS


def given(value, low=None, high=None, source="given"):
    return SourcedEstimate(value, value if low is None else low, value if high is None else high, source)


UNKNOWN = given(NAN, 0.1, 1.0, "unknown")
UNKNOWN_PLASMA = given(NAN, 0.005, 1.0, "unknown")
KNOWN = {"purity": given(0.4), "lod_copies": 3.4, "purity_needed": 0.2}
SHED = {"purity": given(0.2), "lod_copies": 3.9, "purity_needed": 0.15}
CLEAR = {**KNOWN, "met_cep7": Estimate(4.9, 4.1, 5.8), "focality": "focal", "gained": True}

TISSUE_CASES = {  # call, facts, word
    "negative, seen": (NOT, KNOWN, NEGATIVE),
    "negative, limit at the cut-off": (NOT, KNOWN | {"lod_copies": 5.0}, NEGATIVE),
    "negative, limit above it": (NOT, KNOWN | {"lod_copies": 5.01, "purity_needed": 0.41}, REPEAT),
    "negative, limit above it by ploidy": (NOT, KNOWN | {"lod_copies": 5.01, "purity_needed": 0.4}, FISH),
    "negative, limit above the set's cut-off": (
        NOT, KNOWN | {"lod_copies": 4.5, "copies": 4.0, "purity_needed": 0.5}, REPEAT,
    ),
    "negative, no limit": (NOT, {"purity": given(0.4)}, FISH),
    "negative, too noisy for any purity": (NOT, KNOWN | {"lod_copies": 9.0, "purity_needed": NAN}, FISH),
    "negative, purity a range": (NOT, KNOWN | {"purity": given(NAN, 0.3, 0.5, "several_fits")}, NEGATIVE),
    "negative, purity not told": (NOT, KNOWN | {"purity": UNKNOWN}, NOTHING),
    "negative, purity not told and not seen": (NOT, KNOWN | {"purity": UNKNOWN, "lod_copies": 11.9}, REPEAT),
    "negative, a gain is open": (NOT, KNOWN | {"reasons": ("gain_open",)}, NEGATIVE),
    "gain": (GAIN, KNOWN, FISH),
    "polysomy": (POLY, KNOWN, FISH),
    "amplified, clear": (AMP, CLEAR, NOTHING),
    "amplified at a high level, clear": (HIGH, CLEAR, NOTHING),
    "amplified with the arm, clear": (AMP, CLEAR | {"focality": "arm"}, NOTHING),
    "amplified, ratio at 3": (AMP, CLEAR | {"met_cep7": Estimate(3.5, 3.0, 4.0)}, NOTHING),
    "amplified, ratio below 3": (AMP, CLEAR | {"met_cep7": Estimate(3.5, 2.99, 4.0)}, FISH),
    "amplified, ratio missing": (HIGH, CLEAR | {"met_cep7": Estimate()}, FISH),
    "amplified, extent open": (AMP, CLEAR | {"focality": "indeterminate"}, FISH),
    "high level in polysomy": (HIGH, CLEAR | {"focality": "polysomy"}, FISH),
    "open, gained": (OPEN, KNOWN | {"gained": True}, FISH),
    "open, would have been seen": (OPEN, KNOWN, FISH),
    "open, needs more tumour": (OPEN, {"purity": given(0.1), "lod_copies": 8.0, "purity_needed": 0.2}, REPEAT),
    "open, purity not told": (OPEN, {"purity": UNKNOWN, "lod_copies": 11.9, "purity_needed": 0.3}, REPEAT),
    "open, gained, purity not told": (
        OPEN, {"purity": UNKNOWN, "lod_copies": 11.9, "purity_needed": 0.3, "gained": True}, FISH,
    ),
    "open, too noisy": (OPEN, {"purity": given(0.4), "lod_copies": 9.0}, FISH),
}  # fmt: skip
PLASMA_CASES = {
    "negative, seen": (NOT, SHED, NEGATIVE),
    "negative, fraction of 1 %": (NOT, SHED | {"purity": given(0.012, 0.01, 0.014, "fit")}, NEGATIVE),
    "negative, fraction perhaps below 1 %": (NOT, SHED | {"purity": given(0.012, 0.0099, 0.014, "fit")}, TISSUE),
    "negative, limit at the cut-off": (NOT, SHED | {"lod_copies": 5.0}, NEGATIVE),
    "negative, limit above it": (NOT, SHED | {"lod_copies": 5.01, "purity_needed": 0.21}, TISSUE),
    "negative, limit above it at any fraction": (NOT, SHED | {"lod_copies": 9.0, "purity_needed": NAN}, TISSUE),
    "negative, no limit": (NOT, {"purity": given(0.2)}, TISSUE),
    "negative, fraction not told": (NOT, SHED | {"purity": UNKNOWN_PLASMA}, TISSUE),
    "negative, not told but plausible ones are high": (NOT, SHED | {"purity": given(NAN, 0.1, 1.0, "unknown")}, TISSUE),
    "negative, a range of fractions": (NOT, SHED | {"purity": given(NAN, 0.1, 0.3, "several_fits")}, NEGATIVE),
    "gain": (GAIN, SHED, TISSUE),
    "gain, amplification open": (GAIN, SHED | {"reasons": ("amplification_open",), "gained": True}, TISSUE),
    "polysomy": (POLY, SHED, TISSUE),
    "amplified, clear": (AMP, CLEAR, NOTHING),
    "amplified by plasma copies": (AMP, {"purity": UNKNOWN_PLASMA, "focality": "focal", "gained": True}, TISSUE),
    "amplified, ratio below 3": (HIGH, CLEAR | {"met_cep7": Estimate(3.5, 2.99, 4.0)}, TISSUE),
    "open, fraction not told": (OPEN, {"purity": UNKNOWN_PLASMA}, TISSUE),
    "open, fraction of 1 %": (OPEN, {"purity": given(0.01), "lod_copies": 40.0, "purity_needed": 0.15}, TISSUE),
    "open, gained": (OPEN, SHED | {"gained": True}, TISSUE),
    "open, too noisy": (OPEN, {"purity": given(0.4), "lod_copies": 9.0}, TISSUE),
}  # fmt: skip
CASES = {f"tissue, {name}": ("tissue", *case) for name, case in TISSUE_CASES.items()}
CASES |= {f"plasma, {name}": ("plasma", *case) for name, case in PLASMA_CASES.items()}


@pytest.mark.parametrize(("specimen", "call", "facts", "word"), CASES.values(), ids=list(CASES))
def test_word(specimen, call, facts, word):
    result = counsel(Facts(specimen, call, **facts))
    assert result.word == word
    assert result.sentence.endswith(".") and "nan" not in result.sentence and result.source


DOUBTED = [(code, specimen) for code in DOUBTS for specimen in ("tissue", "plasma")]


@pytest.mark.parametrize(("code", "specimen"), DOUBTED)
def test_no_doubtful_negative_is_informative(code, specimen):
    facts = KNOWN if specimen == "tissue" else SHED
    result = counsel(Facts(specimen, NOT, reasons=("gc_unknown", code), **facts))
    another = FISH if specimen == "tissue" else TISSUE
    assert result.word == (NOTHING if DOUBTS[code].check else another) and DOUBTS[code].text in result.sentence


@pytest.mark.parametrize("code", [*DOUBTS, *DOUBTS_OF_GAIN])
@pytest.mark.parametrize(("specimen", "word"), [("tissue", FISH), ("plasma", TISSUE)])
def test_no_doubtful_amplification_is_clear(code, specimen, word):
    assert counsel(Facts(specimen, HIGH, reasons=(code,), **CLEAR)).word == word


@pytest.mark.parametrize("specimen", ["tissue", "plasma"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("purity", [UNKNOWN, given(0.4), given(NAN, 0.3, 0.5, "several_fits"), SourcedEstimate()])
@pytest.mark.parametrize("lod", [NAN, 3.4, 30.0])
def test_a_negative_is_informative_only_where_an_amplification_would_have_been_seen(specimen, call, purity, lod):
    result = counsel(Facts(specimen, call, purity=purity, lod_copies=lod, purity_needed=0.2))
    assert result.word in COUNSELS
    informative = call == NOT and lod == 3.4 and purity.source in ("given", "several_fits")
    assert (result.word == NEGATIVE) == informative
    assert not (specimen == "plasma" and result.word in (FISH, REPEAT))
    assert not (specimen == "tissue" and result.word == TISSUE)


def test_every_reason_of_a_no_call_says_what_would_answer():
    failing = {code for code, reason in REASONS.items() if reason.severity == "fail"}
    assert set(NO_CALL) == failing | {"criteria_not_applicable"}
    assert set(OF_CALL) == set(CALLS) and set(DOUBTS) | set(DOUBTS_OF_GAIN) < set(REASONS)


@pytest.mark.parametrize("code", NO_CALL)
@pytest.mark.parametrize("specimen", ["tissue", "plasma"])
def test_no_call(code, specimen):
    result = counsel(Facts(specimen, NO, reasons=("gc_unknown", code)))
    assert (result.word, result.sentence) == (NOTHING, NO_CALL[code])


SENTENCES = {
    "seen": (
        Facts("tissue", NOT, **KNOWN),
        "Informative negative: at a purity of 40 % 3.4 or more copies would have been seen, so a further test is "
        "unlikely to find 5 or more on average in the tumour cells of this specimen.",
    ),
    "not seen": (
        Facts("tissue", OPEN, purity=given(0.08), lod_copies=9.0, purity_needed=0.17),
        "A specimen with more tumour may be considered: to see 5 copies it would take 17 % tumour cells (here 8.0 %).",
    ),
    "plasma": (
        Facts("plasma", NOT, purity=given(NAN, 0.03, 0.06, "given_range"), lod_copies=9.0, purity_needed=0.17),
        "A test of tissue may be considered: to see 5 copies it would take 17 % tumour fraction (here 3.0 % to 6.0 %).",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "sentence"), SENTENCES.values(), ids=list(SENTENCES))
def test_sentence(facts, sentence):
    assert counsel(facts).sentence == sentence


TREATMENT = ("treat", "therap", "inhibitor", "eligib", "drug")


@pytest.mark.parametrize(("specimen", "call", "facts", "word"), CASES.values(), ids=list(CASES))
def test_no_sentence_speaks_of_treatment(specimen, call, facts, word):
    result = counsel(Facts(specimen, call, **facts))
    assert not any(part in result.sentence.lower() for part in TREATMENT)


def test_the_first_cause_of_a_no_call_counts():
    result = counsel(Facts("tissue", NO, reasons=("met_not_covered", "no_reads")))
    assert result.sentence == NO_CALL["no_reads"]
