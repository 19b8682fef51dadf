"""A number with its interval, in the form that every JSON has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NAN = float("nan")


def number(value: float | None) -> float:
    """A number of a JSON, whose null is NaN here.

    >>> number(None)
    nan
    """
    return NAN if value is None else value


@dataclass(frozen=True)
class Estimate:
    """A value with the ends of its 95 % interval; NaN where missing.

    An interval without a value is a range: several possibilities between which nothing decides.

    >>> Estimate(5.2, 4.8, 5.7).to_json()
    {'value': 5.2, 'low': 4.8, 'high': 5.7}
    """

    value: float = NAN
    low: float = NAN
    high: float = NAN

    @classmethod
    def from_json(cls, record: Mapping[str, float | None]) -> Estimate:
        """The estimate of a JSON's ``value``, ``low`` and ``high``; null is NaN."""
        return cls(number(record["value"]), number(record["low"]), number(record["high"]))

    def to_json(self) -> dict[str, float]:
        """The three numbers by name; `metcn.files.write_json` makes null of NaN."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Level:
    """A log2 ratio and its error."""

    log2: float
    se: float

    @classmethod
    def from_json(cls, record: Mapping[str, float | None]) -> Level:
        """The level of a JSON; null is NaN."""
        return cls(number(record["log2"]), number(record["se"]))

    def to_json(self) -> dict[str, float]:
        """Both numbers by name."""
        return {"log2": self.log2, "se": self.se}
