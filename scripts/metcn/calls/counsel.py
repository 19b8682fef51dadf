"""Counsel: what a laboratory may consider next, by what the sample could have shown; never what to treat with.

A negative is *informative* only where an amplification would have been seen: the limit of detection reaches the copies
that the call asks for, it is known how much tumour there is, and nothing casts doubt on the measurement. Everything
else is told with what would make the sample answerable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from metcn.purity.result import SourcedEstimate
from metcn.stats.estimate import NAN, Estimate

COPIES = 5.0  # of an amplification, that a negative has to be able to exclude
NOTHING, PURITY_UNKNOWN = Estimate(), SourcedEstimate()
TUMOUR_FRACTION = 0.01  # from which a negative plasma is seldom contradicted by tissue
CLEAR_RATIO = 3.0  # MET/CEP7-like from which sequencing and FISH are taken to agree

OF_SAMPLE = "limit of detection and reasons of this sample"
OF_PLASMA = (
    "Clin Cancer Res 2024;30:2452, doi:10.1158/1078-0432.CCR-23-3321 (abstract read): drivers of any gene, tumour "
    "fraction as measured there"
)
OF_FISH = (
    "Front Oncol 2024;14:1470827, doi:10.3389/fonc.2024.1470827 (abstract read): sequencing and FISH differ mainly in "
    "polysomy; the ratio of 3 is unverified"
)
BELOW_ONE_PER_CENT = (
    "published: of 505 patients with lung cancer and no driver in plasma, tissue had one in 37 %, all of them below a "
    "tumour fraction of 1 %"
)

# What would make a sample answerable that got no call, by the first reason that it has of these.
NO_CALL = {
    "input_error": "Nothing was measured: with the named input mended, the sample can be run again.",
    "not_finished": "Nothing was measured: the same command, started again, may finish the sample.",
    "no_reads": "An input with reads in the assay's bins would answer: check file, targets and genome build.",
    "most_reads_filtered": "The reads that a filter left out would answer: check whether its setting suits the assay.",
    "met_not_covered": "Only an assay that covers MET can answer; FISH of tissue is one.",
    "too_few_fragments": "Deeper sequencing, or more input DNA, would answer; more tumour cells alone would not.",
    "few_backbone_bins": "Bins outside chromosome 7 would answer: off-target reads, or a wider panel.",
    "not_this_assay": "Normals of the sample's own assay would answer, if the table of depths is not damaged.",
    "very_noisy": "A new library or deeper sequencing would answer; more tumour cells alone would not.",
    "criteria_not_applicable": "A criteria set that holds for this kind of specimen would answer: choose another one.",
}


@dataclass(frozen=True)
class Doubt:
    """Why a negative is not relied on, and what to check first; empty where that is for another method to settle."""

    text: str
    check: str = ""


DOUBTS = {
    "met_part_differs": Doubt("some exons of MET differ from the rest"),
    "met_bins_deviate": Doubt("bins within MET disagree"),
    "purity_sources_disagree": Doubt("sources of purity or ploidy contradict each other"),
    "matched_normal_deviates": Doubt("the matched normal is not neutral"),
    "reads_filtered": Doubt("a filter left out more reads than usual, or more in MET", "its setting"),
    "build_not_verified": Doubt("the genome build could not be verified", "that it is the right one"),
    "normal_deviates": Doubt("a normal looks like a tumour", "that it was not swapped with this sample"),
    "unlike_normals": Doubt(
        "the sample lies outside the range of the normals", "that they were prepared and sequenced as it was"
    ),
}
# Doubts about a positive besides: FISH counts in each nucleus, whatever purity, ploidy and germline are.
DOUBTS_OF_GAIN = {
    "copies_implausible": "MET has more copies than any tumour is known to have",
    "could_be_germline": "a third copy in all cells would explain the depth as well",
    "focality_undecided": "an amplification is not told from polysomy",
}


@dataclass(frozen=True)
class Counsel:
    """What a laboratory may consider: a word of `metcn.vocabulary.COUNSELS`, a sentence, and what that rests on."""

    word: str
    sentence: str
    source: str = OF_SAMPLE

    def to_json(self) -> dict[str, str]:
        """The three by name."""
        return vars(self).copy()


@dataclass(frozen=True)
class Facts:
    """What is known of a sample when the next step is considered; NaN where missing.

    Attributes
    ----------
    specimen, call : str
    reasons : tuple of str
        Every code that limits the result.
    purity : SourcedEstimate
        In plasma tumour fraction.
    lod_copies : float
        Fewest copies that would have been seen, at the worst of the plausible purities.
    purity_needed : float
        Smallest purity at which ``copies`` would have been seen; NaN where none is enough.
    met_cep7 : Estimate
    focality : str
    gained : bool
        Whether MET surely lies above neutral, whatever the purity.
    copies : float
        Copies that an amplification has by the criteria set of the call, 5 at most.
    """

    specimen: str
    call: str
    reasons: tuple[str, ...] = ()
    purity: SourcedEstimate = PURITY_UNKNOWN
    lod_copies: float = NAN
    purity_needed: float = NAN
    met_cep7: Estimate = NOTHING
    focality: str = "indeterminate"
    gained: bool = False
    copies: float = COPIES

    @property
    def plasma(self) -> bool:
        """Whether it is plasma, on which FISH cannot be done."""
        return self.specimen == "plasma"

    @property
    def purity_told(self) -> bool:
        """Whether anything tells purity, be it a range; else its interval is what was allowed for."""
        return self.purity.source != "unknown" and isfinite(self.purity.low)

    @property
    def could_show(self) -> bool:
        """Whether an amplification would have been seen."""
        return self.lod_copies <= self.copies

    @property
    def more_tumour_helps(self) -> bool:
        """Whether an amplification would be seen with more tumour, of which there is not surely enough."""
        enough = self.purity_told and self.purity.low >= self.purity_needed
        return isfinite(self.purity_needed) and not enough


def counsel(facts: Facts) -> Counsel:
    """What a laboratory may consider next.

    ===========================  ===========================================  =====================================
    call                         state                                        word
    ===========================  ===========================================  =====================================
    no_call                      any                                          no_action, and what would answer
    not_amplified                a doubt (`DOUBTS`)                           no_action with a check, or another method
    not_amplified                an amplification would have been seen, and   informative_negative
                                 purity is told (plasma: 1 % or more)
    not_amplified, tissue        it would have been, purity is not told       no_action
    not_amplified, tissue        it would not, but with more tumour           repeat_with_more_tumour
    not_amplified                it would not                                 another method
    indeterminate, tissue        not surely gained, not seen without more     repeat_with_more_tumour
                                 tumour
    indeterminate                else                                         another method
    gain, polysomy               any                                          another method
    amplification                ratio surely 3 or more, no doubt             no_action
    amplification                else                                         another method
    ===========================  ===========================================  =====================================

    Another method is ``confirm_by_fish`` for tissue and ``tissue_after_plasma`` for plasma.

    >>> seen = Facts("tissue", "not_amplified", purity=SourcedEstimate(0.4, 0.4, 0.4, "given"), lod_copies=3.4)
    >>> counsel(seen).word
    'informative_negative'
    """
    return OF_CALL[facts.call](facts)


def _no_call(facts: Facts) -> Counsel:
    """What would make the sample answerable."""
    texts = [NO_CALL[code] for code in NO_CALL if code in facts.reasons]
    return Counsel("no_action", texts[0] if texts else "The reasons say what the sample lacks for a call.")


def _not_amplified(facts: Facts) -> Counsel:
    """Whether a negative is one."""
    doubts = [DOUBTS[code] for code in DOUBTS if code in facts.reasons]
    if doubts and not doubts[0].check:
        return _another_method(facts, f"the negative is open to doubt, since {doubts[0].text}")
    if doubts:
        return Counsel("no_action", f"The negative is open to doubt, since {doubts[0].text}: check {doubts[0].check}.")
    if facts.plasma:
        return _negative_plasma(facts)
    if not facts.could_show:
        return _not_shown(facts)
    if not facts.purity_told:
        return Counsel(
            "no_action",
            f"The negative holds if at least {_per_cent(facts.purity.low)} of the cells are tumour, which nothing here "
            "tells: a count of tumour cells would make it informative.",
        )
    return Counsel(
        "informative_negative",
        f"Informative negative: {_seen(facts)}, so a further test is unlikely to find {facts.copies:g} or more on "
        "average in the tumour cells of this specimen.",
    )


def _negative_plasma(facts: Facts) -> Counsel:
    """Whether a negative of plasma is one: it takes both a limit of detection and a tumour fraction."""
    if not facts.purity_told or facts.purity.low < TUMOUR_FRACTION:
        known = "is not surely 1 % or more" if facts.purity_told else "is unknown"
        return _tissue(f"the tumour fraction {known} ({BELOW_ONE_PER_CENT})", OF_PLASMA)
    if not facts.could_show:
        return _tissue(_would_take(facts))
    return Counsel(
        "informative_negative",
        f"Informative negative: {_seen(facts)}; published, a negative plasma of a tumour fraction of 1 % or more has a "
        "negative predictive value of 97 % for drivers in tissue.",
        OF_PLASMA,
    )


def _not_shown(facts: Facts) -> Counsel:
    """What would help a tissue sample that could not have shown an amplification."""
    if facts.more_tumour_helps:
        count = "" if facts.purity_told else "; a count of tumour cells may show that there are enough"
        return Counsel(
            "repeat_with_more_tumour",
            f"A specimen with more tumour may be considered: {_would_take(facts)}{count}.",
        )
    if isfinite(facts.purity_needed):
        return _another_method(facts, f"at some plausible ploidy {facts.copies:g} copies would not have been seen")
    return _another_method(
        facts,
        f"more tumour would not answer, since at this noise and ploidy {facts.copies:g} copies would not be seen even "
        "in tumour cells alone",
    )


def _indeterminate(facts: Facts) -> Counsel:
    """What may settle an open call."""
    if facts.gained:
        return _another_method(facts, "MET is gained, and depth alone does not tell how far", OF_FISH)
    if facts.plasma:
        return _open_plasma(facts)
    if not facts.could_show:
        return _not_shown(facts)
    return _another_method(facts, "the evidence does not decide on which side of the cut-off the tumour lies", OF_FISH)


def _open_plasma(facts: Facts) -> Counsel:
    """What plasma without an answer leaves to do."""
    if not facts.purity_told or facts.purity.low < TUMOUR_FRACTION:
        return _tissue(f"plasma has not answered ({BELOW_ONE_PER_CENT})", OF_PLASMA)
    return _tissue("plasma has not answered" if facts.could_show else f"plasma has not answered, {_would_take(facts)}")


def _gain(facts: Facts) -> Counsel:
    """A gain short of amplification, or in plasma one whose tumour fraction is open."""
    if "amplification_open" in facts.reasons:
        return _another_method(facts, "MET is gained, and depth alone does not tell how far", OF_FISH)
    return _another_method(facts, "the gain lies just short of an amplification, where methods part", OF_FISH)


def _polysomy(facts: Facts) -> Counsel:
    """Where sequencing and FISH part most."""
    return _another_method(facts, "in polysomy sequencing and FISH often differ", OF_FISH)


def _amplified(facts: Facts) -> Counsel:
    """Whether sequencing and FISH are likely to say the same of an amplification."""
    texts = {code: doubt.text for code, doubt in DOUBTS.items()} | DOUBTS_OF_GAIN
    doubts = [text for code, text in texts.items() if code in facts.reasons]
    if doubts:
        return _another_method(facts, doubts[0])
    if not facts.met_cep7.low >= CLEAR_RATIO or facts.focality not in ("focal", "arm"):
        ratio = f"surely {CLEAR_RATIO:g} or more" if isfinite(facts.met_cep7.low) else "known"
        why = f"MET/CEP7-like is not {ratio}" if not facts.met_cep7.low >= CLEAR_RATIO else "its extent is open"
        return _another_method(facts, f"{why}, and there sequencing and FISH often differ", OF_FISH)
    return Counsel(
        "no_action",
        "Sequencing and FISH are likely to agree on it: not polysomy, and MET/CEP7-like surely "
        f"{CLEAR_RATIO:g} or more.",
        OF_FISH,
    )


OF_CALL: dict[str, Callable[[Facts], Counsel]] = {
    "high_level_amplification": _amplified,
    "amplification": _amplified,
    "gain": _gain,
    "polysomy": _polysomy,
    "not_amplified": _not_amplified,
    "indeterminate": _indeterminate,
    "no_call": _no_call,
}


def _another_method(facts: Facts, why: str, source: str = OF_SAMPLE) -> Counsel:
    """FISH of tissue; of plasma, which has no nuclei, a test of tissue."""
    if facts.plasma:
        return _tissue(why, source)
    return Counsel("confirm_by_fish", f"FISH may be considered: {why}.", source)


def _tissue(why: str, source: str = OF_SAMPLE) -> Counsel:
    """A test of tissue, with its reason."""
    return Counsel("tissue_after_plasma", f"A test of tissue may be considered: {why}.", source)


def _seen(facts: Facts) -> str:
    """What would have been seen, and where."""
    name = "a tumour fraction" if facts.plasma else "a purity"
    return f"at {name} of {_span(facts.purity)} {facts.lod_copies:.1f} or more copies would have been seen"


def _would_take(facts: Facts) -> str:
    """What purity it would take to see an amplification."""
    name = "tumour fraction" if facts.plasma else "tumour cells"
    here = f"here {_span(facts.purity)}" if facts.purity_told else "here unknown"
    if not isfinite(facts.purity_needed):
        return f"at this noise {facts.copies:g} copies would not be seen at any {name.removesuffix('s')}"
    return f"to see {facts.copies:g} copies it would take {_per_cent(facts.purity_needed)} {name} ({here})"


def _span(purity: SourcedEstimate) -> str:
    """A purity in per cent, as a range where it has no value."""
    if isfinite(purity.value):
        return _per_cent(purity.value)
    return f"{_per_cent(purity.low)} to {_per_cent(purity.high)}"


def _per_cent(value: float) -> str:
    """A proportion in per cent, with a decimal where it is small."""
    return f"{100 * value:.0f} %" if value >= 0.0995 else f"{100 * value:.1f} %"
