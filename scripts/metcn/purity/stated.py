"""Purity and ploidy as a sheet states them: a value with its error, a range, an exact value, or nothing."""

from __future__ import annotations

from metcn.errors import InputError
from metcn.purity.grid import Axis, Span, axis
from metcn.run.samples import Stated, parse_error, parse_stated
from metcn.run.settings import PuritySettings

REMEDY = "correct it or leave it empty"


def purity(text: str, error: str, *, specimen: str, sample: str, settings: PuritySettings) -> Axis:
    """What is known of purity: a bare value is an estimate with the error beside it, or the configured one.

    ``0.40!`` and ``0.4-0.4`` are exact, a range is an even prior, and an empty text leaves every plausible value.

    Raises
    ------
    InputError
        If the value is no number or range, or not above 0 and at most 1, or the error is no number above 0.
    """
    where = f"sample {sample}, purity"
    given = _parsed(text, where, most=1.0)
    if given is None or given.exact or given.low != given.high:
        return axis(None if given is None else (given.low, given.high), plausible_purity(specimen, settings))
    relative, absolute = settings.plasma_stated_error * given.low, settings.stated_error
    configured = relative if specimen == "plasma" else absolute
    try:
        own = parse_error(error)
    except ValueError as problem:
        raise InputError(f"{where}_error: expected {problem}, received {error!r}; {REMEDY}") from problem
    sd = configured if own is None else own
    return Axis.estimated(given.low, sd, highest=1.0) if sd else axis((given.low, given.low), (0.0, 1.0))


def plausible_purity(specimen: str, settings: PuritySettings) -> Span:
    """Lowest and highest purity that a kind of specimen may have."""
    if specimen == "plasma":
        return settings.plasma_low, settings.plasma_high
    return settings.tissue_low, settings.tissue_high


def ploidy(text: str, *, sample: str, settings: PuritySettings) -> Axis:
    """What is known of ploidy: the value or range as it is given, else every plausible one.

    Raises
    ------
    InputError
        If the text is no number or range above 0.
    """
    given = _parsed(text, f"sample {sample}, ploidy", most=float("inf"))
    return axis(None if given is None else (given.low, given.high), (settings.ploidy_low, settings.ploidy_high))


def _parsed(text: str, where: str, *, most: float) -> Stated | None:
    """What a text says; None for an empty one."""
    if not text:
        return None
    try:
        given = parse_stated(text)
    except ValueError as error:
        raise InputError(f"{where}: expected {error}, received {text!r}; {REMEDY}") from error
    if given.low <= 0 or given.high > most:
        expected = "a value above 0 and at most 1" if most == 1 else "a value above 0"
        raise InputError(f"{where}: expected {expected}, received {text!r}; {REMEDY}")
    return given
