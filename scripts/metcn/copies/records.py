"""What earlier stages found, as it lies on disk: levels, purity and ploidy, draws, calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metcn.copies import focality, germline
from metcn.copies import posterior as estimating
from metcn.errors import InputError
from metcn.files import read_json
from metcn.purity.grid import PurityGrid
from metcn.purity.result import PurityResult

SCHEMA = 1
LEVELS = {
    "met": ("met",),
    "cep7_p": ("cep7", "p"),
    "cep7_q": ("cep7", "q"),
    "arm_q": ("arms", "7q"),
    "arm_p": ("arms", "7p"),
}


@dataclass(frozen=True, eq=False)
class Mixture:
    """Plausible purity and ploidy of a sample.

    Attributes
    ----------
    grid : PurityGrid
    copies_known : bool
        False where purity is too low for tumour copies: then only uncorrected values say anything.
    """

    grid: PurityGrid
    copies_known: bool = True

    @classmethod
    def of(cls, result: PurityResult) -> Mixture:
        """Plausible purity and ploidy of a result of stage ``purity``, which has its grid."""
        assert result.grid is not None
        return cls(result.grid, result.copies_known)

    def posterior(self, level: estimating.Measured, draw_count: int) -> estimating.Draws:
        """Joint draws (`metcn.copies.posterior.posterior`), tumour copies missing where they are not known."""
        draws = estimating.posterior(level, self.grid, draw_count=draw_count)
        return draws if self.copies_known else draws.without_tumour()


def levels(measured: Mapping[str, Any]) -> estimating.Measured:
    """Log2 ratios and own errors of the levels a call needs, from a ratios JSON; NaN for a side without bins enough."""
    used = {
        name: where for name, where in LEVELS.items() if where[0] != "cep7" or where[1] in measured["cep7"]["sides"]
    }
    return estimating.Measured(
        log2={name: number(measured, *where, "log2") for name, where in used.items()},
        se={name: _own_error(measured, *where) for name, where in used.items()},
        baseline_se=number(measured, "baseline", "se"),
        fragments={name: _fragments(measured, where) for name, where in used.items()},
        correlation=tuple(tuple(row) for row in measured.get("correlation") or ()),
        germline=_germline(measured),
    )


def levels_of_copies(measured: Mapping[str, Any], copies: Mapping[str, Any]) -> estimating.Measured:
    """The levels that copies rest on: where MET's own leans on its amplicon's, the two together.

    ``measured`` is a ratios JSON, ``copies`` a copies JSON.
    """
    own, used = levels(measured), copies.get("level")
    if not used or used["log2"] is None or used["se"] is None:
        return own
    return own.with_met(used["log2"], used["se"])


def is_broad(copies: Mapping[str, Any]) -> bool:
    """Whether the amplicon that the scan found around MET takes more of the arm than a focal one: of a copies JSON."""
    decided = copies.get("focality") or {}
    share = (decided.get("levels") or {}).get("share_of_arm")
    return share is not None and share > focality.FOCAL_FRACTION and decided.get("class") != "focal"


def _germline(measured: Mapping[str, Any]) -> dict[int, float]:
    """Copies of MET in normal cells, as the matched normal shows them beside a panel of normals."""
    matched = measured.get("matched_normal")
    if not matched:
        return {2: 1.0}
    return germline.probabilities(number(matched, "met", "log2"), number(matched, "met", "se"))


def _fragments(measured: Mapping[str, Any], where: tuple[str, ...]) -> float:
    """Fragments that a level rests on; NaN where that is not known."""
    level = measured
    for name in where:
        level = level[name]
    value = level.get("fragments")
    return float("nan") if value is None else float(value)


def number(record: Mapping[str, Any], *names: str) -> float:
    """A number nested in a JSON record; null is NaN."""
    value: Any = record
    for name in names:
        value = value[name]
    return float("nan") if value is None else float(value)


def _own_error(measured: Mapping[str, Any], *where: str) -> float:
    """A level's error without the baseline's, which all levels share."""
    error = number(measured, *where, "se")
    return float(np.sqrt(max(error**2 - number(measured, "baseline", "se") ** 2, 0.0))) if where == ("met",) else error


def read_call(path: Path) -> dict[str, Any]:
    """A calls JSON of the version this code writes.

    Raises
    ------
    InputError
        If it is missing, damaged or of another version.
    """
    record = read_json(path)
    found = record.get("schema") if isinstance(record, dict) else None
    if found != SCHEMA:
        raise InputError(f"{path}: expected a calls JSON of schema {SCHEMA}, found {found!r}; run `metcn calls` again")
    return record
