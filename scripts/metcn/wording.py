"""What a call is called: the one sentence a pathologist reads first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

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
        numbers.append(f"{lod_copies:.3g} copies would have been seen")
    told = ", ".join(text for text in numbers if text)
    joint = ". Measured: " if call == "indeterminate" and explanations else ": "
    return opening + (joint + told if told else "") + "."


def _number(estimate: Mapping[str, float | None] | None, point: str, span: str, *, digits: int) -> str:
    """An estimate in words, empty if it is missing."""
    value, low, high = ((estimate or {}).get(name) for name in ("value", "low", "high"))
    bounds = f"{_short(low, digits)}-{_short(high, digits)}" if _present(low) and _present(high) else ""
    if _present(value):
        return point.format(_short(value, digits)) + (f" (95 % interval {bounds})" if bounds else "")
    return span.format("between " + bounds.replace("-", " and ")) if bounds else ""


def _present(value: float | None) -> bool:
    """Whether a number is there at all."""
    return value is not None and isfinite(value)


def _short(value: float | None, digits: int) -> str:
    """One decimal, or whole numbers where decimals would feign precision."""
    return f"{value:.1f}" if value is not None and abs(value) < 10 ** (digits - 1) else f"{value:.0f}"
