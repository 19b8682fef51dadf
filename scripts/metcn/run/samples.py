"""One sample as the sheet describes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SHEET_COLUMNS = (
    "sample",
    "role",
    "alignments",
    "coverage",
    "ratios",
    "specimen",
    "purity",
    "purity_error",
    "ploidy",
    "patient",
    "timepoint",
    "prior_tki",
    "matched_normal",
    "variants",
)
SAMPLE_ROLES = ("tumour", "normal")
TIMEPOINTS = ("", "baseline", "progression")
PRIOR_TKI = ("", "first", "second", "third")  # generation of the EGFR inhibitor before
INPUTS = ("alignments", "coverage", "ratios")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Sample:
    """One row of the sheet. Paths are absolute; purity and ploidy stay text (`parse_stated`)."""

    name: str
    role: str = "tumour"
    alignments: Path | None = None
    coverage: tuple[Path, ...] = ()
    ratios: Path | None = None
    specimen: str = "tissue"
    purity: str = ""
    purity_error: str = ""
    ploidy: str = ""
    patient: str = ""
    timepoint: str = ""
    prior_tki: str = ""
    matched_normal: str = ""
    variants: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file with this sample's own depth."""
        return tuple(path for path in (self.alignments, *self.coverage, self.ratios) if path)


@dataclass(frozen=True)
class Stated:
    """Lowest and highest value that a text states, and whether it says that the value is exact."""

    low: float
    high: float
    exact: bool


def parse_stated(text: str) -> Stated:
    """What ``"0.4"``, ``"0.4!"`` (exact) or ``"0.3-0.5"`` states; a range of one value is exact.

    Raises
    ------
    ValueError
        If the text is neither a number nor a range with the lower number first.

    >>> parse_stated("0.40!")
    Stated(low=0.4, high=0.4, exact=True)
    """
    number = r"\s*(\d+\.?\d*|\.\d+)\s*"
    match = re.fullmatch(f"{number}(?:-{number}|(!)\\s*)?", text)
    if not match:
        raise ValueError("a number or a range such as 0.3-0.5 (0.4! is exact)")
    low = float(match[1])
    high = float(match[2]) if match[2] else low
    if low > high:
        raise ValueError("a range with the lower number first")
    return Stated(low, high, bool(match[2] or match[3]) and low == high)


def parse_range(text: str) -> tuple[float, float]:
    """Lowest and highest value of what `parse_stated` reads.

    Raises
    ------
    ValueError
        If the text is neither a number nor a range with the lower number first.
    """
    stated = parse_stated(text)
    return stated.low, stated.high


def parse_error(text: str) -> float | None:
    """Standard error of a stated purity, None where none is stated.

    Raises
    ------
    ValueError
        If the text is no number below 1.
    """
    if not text.strip():
        return None
    if not re.fullmatch(r"\s*(0?\.\d+|0)\s*", text):
        raise ValueError("a standard error such as 0.05, of the fraction of tumour cells")
    return float(text)
