"""Calls: the one class of a sample under one criteria set, and the sentence a pathologist reads first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias

Interval: TypeAlias = Mapping[str, float | None] | None  # value, low, high


def overall(judged: Sequence[Any], *, blocking: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
    """Class of the sample under one criteria set, and the reasons where it has none.

    The set's categories stand from highest to lowest. Those of amplification and polysomy come first:

    ==============================================================================  =========================
    state                                                                           call
    ==============================================================================  =========================
    the measurement itself failed (``blocking``)                                    no_call, with those reasons
    the set does not apply to the specimen                                          no_call, criteria_not_applicable
    a category of amplification or polysomy is met (a higher one may be open)       that one
    one of them is met, but it cannot be told which                                 the likelier, focality_undecided
    none of them is, and a gain is met or likelier than not                         gain
    none of them is                                                                 not_amplified
    else plasma copies meet a gain                                                  gain, amplification_open
    anything else                                                                   indeterminate, with the reasons
    ==============================================================================  =========================

    A high level that is open beside a certain amplification does not unmake it: 9 to 11 copies are an amplification. A
    gain that is neither sure nor excluded is told by ``gain_open``. A gain of plasma copies says nothing of copies per
    tumour cell, so it is one beside an amplification that is open. In the default set of tissue this comes to:

    =======  ==============  ==================  =================================
    copies   MET/CEP7        focality            call
    =======  ==============  ==================  =================================
    >= 10    any             any                 high_level_amplification
    5 to 10  any             focal, arm or none  amplification
    5 to 10  any             polysomy            polysomy
    5 to 10  any             cannot be told      the likelier, focality_undecided
    4.5 to 5 >= 2            any but polysomy    amplification
    4 to 5   any             otherwise           gain
    < 4      any             any                 not_amplified
    =======  ==============  ==================  =================================

    Parameters
    ----------
    judged : sequence of Verdict
        Verdicts of that one set, highest category first.
    blocking : sequence of str
        Reasons for which no verdict may be given.
    """
    if blocking:
        return "no_call", tuple(dict.fromkeys(blocking))
    applicable = [row for row in judged if row.verdict != "not_applicable" and row.category.call is not None]
    if not applicable:
        return "no_call", ("criteria_not_applicable",)
    above = [row for row in applicable if row.category.call not in LOW]
    for row in above:
        if row.verdict == "met":
            return row.category.call, ()
        if row.so_far == "met":
            return _likelier(above[: above.index(row) + 1])
    if not above or above[-1].so_far == "not_met":
        return _below([row for row in applicable if row.category.call in LOW])
    if any(row.verdict == "met" and _of_plasma(row) for row in applicable if row.category.call == "gain"):
        return "gain", ("amplification_open",)
    unsettled = [row for row in applicable if row.verdict != "not_met"]
    reasons = dict.fromkeys(reason for row in unsettled for reason in row.reasons)
    return "indeterminate", tuple(reasons) or ("interval_spans_bound",)


LOW = ("gain", "not_amplified")  # calls that deny an amplification


def _likelier(rows: Sequence[Any]) -> tuple[str, tuple[str, ...]]:
    """Call where it is sure that one of the categories is met and not which: of classes of focality the likelier.

    Of steps of one quantity the lowest is sure.
    """
    by_class = [row for row in rows if any(clause.focality is not None for clause in row.category.clauses)]
    if rows[-1] not in by_class:
        return rows[-1].category.call, ()
    best = max(by_class, key=lambda row: row.probability_low + row.probability_high)
    return best.category.call, ("focality_undecided",)


def _of_plasma(row: Any) -> bool:
    """Whether a category asks for plasma copies alone."""
    quantity: str = row.category.quantity
    return quantity == "pcn"


def _below(rows: Sequence[Any]) -> tuple[str, tuple[str, ...]]:
    """Call where an amplification is excluded: that of a category which is met, else a gain if that is likelier.

    A gain of plasma copies that is not met leaves nothing open.
    """
    for row in rows:
        if row.verdict == "met":
            return row.category.call, ()
    gains = [
        row for row in rows if row.category.call == "gain" and row.verdict == "indeterminate" and not _of_plasma(row)
    ]
    likely = any(row.probability_low + row.probability_high > 1 for row in gains)
    return "gain" if likely else "not_amplified", ("gain_open",) if gains else ()


BOUND = 5.0  # copies of an amplification: a limit of detection above it would seem to contradict a negative
OPENINGS = {
    "high_level_amplification": "MET is amplified at a high level",
    "amplification": "MET is amplified",
    "gain": "MET is gained, short of amplification",
    "polysomy": "MET is gained together with chromosome 7 (polysomy), not amplified by itself",
    "not_amplified": "MET is not amplified",
    "indeterminate": "It cannot be told whether MET is amplified",
    "no_call": "No call",
}
OPEN_CLASS = "MET is gained to 5 copies or more, by amplification or polysomy (it cannot be told which)"
IN_PLASMA = {  # openings where only plasma copies tell
    "high_level_amplification": OPENINGS["high_level_amplification"],
    "amplification": "MET is amplified by plasma copies",
    "polysomy": "MET is gained in plasma together with chromosome 7 (polysomy), not amplified by itself",
    "gain": OPENINGS["gain"],
}
OPEN_CLASS_IN_PLASMA = "MET is gained in plasma, by amplification or polysomy (it cannot be told which)"
AMPLIFICATION_OPEN = "MET is gained in plasma; whether the tumour has an amplification is open"
GAIN_OPEN = "whether it is gained short of that is open"
EXTENTS = {
    "focal": "focal",
    "arm": "with a gain of the arm 7q",
    "indeterminate": "focality undecided",
}


@dataclass(frozen=True)
class Numbers:
    """Estimates with their ends (value, low, high) that a headline tells, where they are known.

    Attributes
    ----------
    copies, ratio : MET copies per tumour cell and MET/CEP7-like.
    plasma : plasma copies, of plasma alone, where they come first.
    """

    copies: Interval = None
    ratio: Interval = None
    plasma: Interval = None

    def told(self) -> list[str]:
        """Each in words, empty if it is missing."""
        return [
            _plasma(self.plasma),
            _number(self.copies, "about {} copies per tumour cell", "{} copies per tumour cell", digits=3),
            _number(self.ratio, "MET/CEP7-like {}", "MET/CEP7-like {}", digits=2),
        ]


NO_NUMBERS = Numbers()


def headline(
    call: str,
    *,
    numbers: Numbers = NO_NUMBERS,
    focality: str = "indeterminate",
    lod_copies: float | None = None,
    why: Sequence[str] = (),
    explanations: Sequence[str] = (),
    certain: str = "",
    fraction_open: bool = False,
) -> str:
    """One sentence for a pathologist: the call, the numbers with their 95 % intervals, and what it rests on.

    Parameters
    ----------
    call : str
        Class of the sample.
    numbers : Numbers
        Missing numbers (None, NaN) are left out; an interval without a value reads as a range.
    focality : str
        Class of focality, told for gains.
    lod_copies : float, optional
        Limit of detection in copies, told beside a negative.
    why : sequence of str
        Codes of what the call leaves open (`overall`).
    explanations : sequence of str
        Sentences of the reasons, told where there is no class.
    certain : str
        What is certain although purity is open (`metcn.calls.by_purity.sentence`): told first where there is no class,
        and last of a call that plasma copies give.
    fraction_open : bool
        Whether it is plasma whose tumour fraction is open.
    """
    undecided = call in ("amplification", "polysomy") and "focality_undecided" in why
    by_plasma = fraction_open and call in IN_PLASMA
    opening = _opening(call, why, by_plasma=by_plasma)
    opening = certain if call == "indeterminate" and certain else opening
    if call in ("no_call", "indeterminate") and explanations:
        opening += (". " if opening == certain else ": ") + " ".join(explanations).rstrip(".")
    if call == "no_call":
        return opening + "."
    facts = numbers.told()
    if call in ("high_level_amplification", "amplification", "gain") and not undecided:
        facts.append(EXTENTS.get(focality, ""))
    if call == "not_amplified" and lod_copies is not None and lod_copies <= BOUND:
        facts.append(f"{short(lod_copies, 3)} copies would have been seen")
    if call == "not_amplified" and "gain_open" in why:
        facts.append(GAIN_OPEN)
    told = ", ".join(text for text in facts if text)
    joint = ". Measured: " if call == "indeterminate" and (explanations or certain) else ": "
    last = f". By copies per tumour cell: {certain[0].lower()}{certain[1:]}" if by_plasma and certain else ""
    return opening + (joint + told if told else "") + last + "."


def _opening(call: str, why: Sequence[str], *, by_plasma: bool) -> str:
    """First words: the call, and that it is one of plasma copies if tumour fraction is open."""
    if call == "gain" and "amplification_open" in why:
        return AMPLIFICATION_OPEN
    if call in ("amplification", "polysomy") and "focality_undecided" in why:
        return OPEN_CLASS_IN_PLASMA if by_plasma else OPEN_CLASS
    return IN_PLASMA[call] if by_plasma else OPENINGS[call]


def _plasma(estimate: Interval) -> str:
    """Plasma copies in words, to the second decimal, since cut-offs have one."""
    value, low, high = ((estimate or {}).get(name) for name in ("value", "low", "high"))
    if not _present(value):
        return ""
    return f"plasma copies {value:.2f}" + (f" (95 % interval {low:.2f}-{high:.2f})" if _present(low) else "")


def _number(estimate: Interval, point: str, span: str, *, digits: int) -> str:
    """An estimate in words, empty if it is missing."""
    value, low, high = ((estimate or {}).get(name) for name in ("value", "low", "high"))
    bounded = _present(low) and _present(high)
    if _present(value):
        interval = f" (95 % interval {short(low, digits)}-{short(high, digits)})" if bounded else ""
        return point.format(short(value, digits)) + interval
    return span.format(f"between {short(low, digits)} and {short(high, digits)}") if bounded else ""


def _present(value: float | None) -> bool:
    """Whether a number is there at all."""
    return value is not None and isfinite(value)


def short(value: float | None, digits: int) -> str:
    """One decimal, or whole numbers where decimals would feign precision."""
    return f"{value:.1f}" if value is not None and abs(value) < 10 ** (digits - 1) else f"{value:.0f}"
