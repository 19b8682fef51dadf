"""Calls: the one class of a sample under one criteria set, and the sentence a pathologist reads first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any


def overall(judged: Sequence[Any], *, blocking: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
    """Class of the sample under one criteria set, and the reasons where it has none.

    The set's categories stand from highest to lowest, and the first that is certain gives the call:

    ================================================================================  =========================
    state                                                                             call
    ================================================================================  =========================
    the measurement itself failed (``blocking``)                                      no_call, with those reasons
    the set does not apply to the specimen                                            no_call, criteria_not_applicable
    a category of amplification or polysomy is met (a higher one may be open)         that one
    gain or not_amplified is met, and every category above it is certainly not        that one
    all are certainly not met (a gain may be hidden below the limit of detection)     not_amplified
    anything else                                                                     indeterminate, with the reasons
    ================================================================================  =========================

    A high level that is open beside a certain amplification does not unmake it: 9 to 11 copies are an amplification. A
    gain does deny what lies above it, so it waits until that is excluded. In the default set this comes to:

    =======  ==============  ==================  =================================
    copies   MET/CEP7        focality            call
    =======  ==============  ==================  =================================
    >= 10    any             any                 high_level_amplification
    5 to 10  any             focal, arm or none  amplification
    5 to 10  any             polysomy            polysomy
    5 to 10  >= 2            indeterminate       amplification
    5 to 10  < 2 or missing  indeterminate       indeterminate: focality_undecided
    4 to 5   < 2             any                 gain
    4 to 5   >= 2            polysomy            gain
    < 5      >= 2            any but polysomy    amplification
    < 4      >= 2            polysomy            not_amplified
    < 4      < 2             any                 not_amplified
    < 5      missing         any but polysomy    indeterminate: cep7_unavailable
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
    for position, row in enumerate(applicable):
        excluded = all(above.verdict == "not_met" for above in applicable[:position])
        if row.verdict == "met" and (excluded or row.category.call not in ("gain", "not_amplified")):
            return row.category.call, ()
    unsettled = [row for row in applicable if row.verdict != "not_met"]
    # "not amplified" says nothing of a gain, so one too small to be seen does not stand against it
    if all(row.category.call == "gain" and row.reasons == ("below_limit_of_detection",) for row in unsettled):
        return "not_amplified", ()
    return "indeterminate", tuple(dict.fromkeys(reason for row in unsettled for reason in row.reasons))


OPENINGS = {
    "high_level_amplification": "MET is amplified at a high level",
    "amplification": "MET is amplified",
    "gain": "MET is gained, short of amplification",
    "polysomy": "MET is gained together with chromosome 7 (polysomy), not amplified by itself",
    "not_amplified": "MET is not amplified",
    "indeterminate": "It cannot be told whether MET is amplified",
    "no_call": "No call",
}
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
    explanations: Sequence[str] = (),
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
    explanations : sequence of str
        Sentences of the reasons, told where there is no class.
    """
    opening = OPENINGS[call]
    if call in ("no_call", "indeterminate") and explanations:
        opening += ": " + " ".join(explanations).rstrip(".")
    if call == "no_call":
        return opening + "."
    numbers = [_number(copies, "about {} copies per tumour cell", "{} copies per tumour cell", digits=3)]
    numbers.append(_number(ratio, "MET/CEP7-like {}", "MET/CEP7-like {}", digits=2))
    if call in ("high_level_amplification", "amplification", "gain"):
        numbers.append(EXTENTS.get(focality, ""))
    if call == "not_amplified" and _present(lod_copies):
        numbers.append(f"{_short(lod_copies, 3)} copies would have been seen")
    told = ", ".join(text for text in numbers if text)
    joint = ". Measured: " if call == "indeterminate" and explanations else ": "
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
