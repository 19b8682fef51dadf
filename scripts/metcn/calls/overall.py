"""Calls: the one class of a sample under one criteria set, and the sentence a pathologist reads first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any


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
    anything else                                                                   indeterminate, with the reasons
    ==============================================================================  =========================

    A high level that is open beside a certain amplification does not unmake it: 9 to 11 copies are an amplification. A
    gain that is neither sure nor excluded is told by ``gain_open``. In the default set this comes to:

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


def _below(rows: Sequence[Any]) -> tuple[str, tuple[str, ...]]:
    """Call where an amplification is excluded: that of a category which is met, else a gain if that is likelier."""
    for row in rows:
        if row.verdict == "met":
            return row.category.call, ()
    gains = [row for row in rows if row.category.call == "gain" and row.verdict == "indeterminate"]
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
GAIN_OPEN = "whether it is gained short of that is open"
EXTENTS = {
    "focal": "focal",
    "arm": "with a gain of the arm 7q",
    "indeterminate": "focality undecided",
}


def headline(
    call: str,
    *,
    copies: Mapping[str, float | None] | None = None,
    ratio: Mapping[str, float | None] | None = None,
    focality: str = "indeterminate",
    lod_copies: float | None = None,
    why: Sequence[str] = (),
    explanations: Sequence[str] = (),
    certain: str = "",
) -> str:
    """One sentence for a pathologist: the call, the numbers with their 95 % intervals, and what it rests on.

    Parameters
    ----------
    call : str
        Class of the sample.
    copies, ratio : mapping with value, low, high, optional
        MET copies per tumour cell and MET/CEP7-like. Missing numbers (None, NaN) are left out; an interval without a
        value reads as a range.
    focality : str
        Class of focality, told for gains.
    lod_copies : float, optional
        Limit of detection in copies, told beside a negative.
    why : sequence of str
        Codes of what the call leaves open (`overall`).
    explanations : sequence of str
        Sentences of the reasons, told where there is no class.
    certain : str
        What is certain although there is no class (`metcn.calls.by_purity.sentence`), told first.
    """
    undecided = call in ("amplification", "polysomy") and "focality_undecided" in why
    opening = OPEN_CLASS if undecided else OPENINGS[call]
    opening = certain if call == "indeterminate" and certain else opening
    if call in ("no_call", "indeterminate") and explanations:
        opening += (". " if opening == certain else ": ") + " ".join(explanations).rstrip(".")
    if call == "no_call":
        return opening + "."
    numbers = [_number(copies, "about {} copies per tumour cell", "{} copies per tumour cell", digits=3)]
    numbers.append(_number(ratio, "MET/CEP7-like {}", "MET/CEP7-like {}", digits=2))
    if call in ("high_level_amplification", "amplification", "gain") and not undecided:
        numbers.append(EXTENTS.get(focality, ""))
    if call == "not_amplified" and lod_copies is not None and lod_copies <= BOUND:
        numbers.append(f"{_short(lod_copies, 3)} copies would have been seen")
    if call == "not_amplified" and "gain_open" in why:
        numbers.append(GAIN_OPEN)
    told = ", ".join(text for text in numbers if text)
    joint = ". Measured: " if call == "indeterminate" and (explanations or certain) else ": "
    return opening + (joint + told if told else "") + "."


def _number(estimate: Mapping[str, float | None] | None, point: str, span: str, *, digits: int) -> str:
    """An estimate in words, empty if it is missing."""
    value, low, high = ((estimate or {}).get(name) for name in ("value", "low", "high"))
    bounded = _present(low) and _present(high)
    if _present(value):
        interval = f" (95 % interval {_short(low, digits)}-{_short(high, digits)})" if bounded else ""
        return point.format(_short(value, digits)) + interval
    return span.format(f"between {_short(low, digits)} and {_short(high, digits)}") if bounded else ""


def _present(value: float | None) -> bool:
    """Whether a number is there at all."""
    return value is not None and isfinite(value)


def _short(value: float | None, digits: int) -> str:
    """One decimal, or whole numbers where decimals would feign precision."""
    return f"{value:.1f}" if value is not None and abs(value) < 10 ** (digits - 1) else f"{value:.0f}"
