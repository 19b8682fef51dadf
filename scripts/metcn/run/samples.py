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
    "ploidy",
    "patient",
    "timepoint",
    "matched_normal",
    "variants",
)
SAMPLE_ROLES = ("tumour", "normal")
TIMEPOINTS = ("", "baseline", "progression")
INPUTS = ("alignments", "coverage", "ratios")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Sample:
    """One row of the sheet. Paths are absolute; purity and ploidy stay text: ``""``, ``"0.4"`` or ``"0.3-0.5"``."""

    name: str
    role: str = "tumour"
    alignments: Path | None = None
    coverage: tuple[Path, ...] = ()
    ratios: Path | None = None
    specimen: str = "tissue"
    purity: str = ""
    ploidy: str = ""
    patient: str = ""
    timepoint: str = ""
    matched_normal: str = ""
    variants: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file with this sample's own depth."""
        return tuple(path for path in (self.alignments, *self.coverage, self.ratios) if path)


def parse_range(text: str) -> tuple[float, float]:
    """Lowest and highest value of ``"0.4"`` or ``"0.3-0.5"``.

    Raises
    ------
    ValueError
        If the text is neither a number nor a range with the lower number first.
    """
    number = r"\s*(\d+\.?\d*|\.\d+)\s*"
    match = re.fullmatch(f"{number}(?:-{number})?", text)
    if not match:
        raise ValueError("a number or a range such as 0.3-0.5")
    low = float(match[1])
    high = float(match[2]) if match[2] else low
    if low > high:
        raise ValueError("a range with the lower number first")
    return low, high
