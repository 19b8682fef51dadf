"""Short fragments as evidence of tumour DNA in plasma: how many more a sample has than the normals.

Tumour fragments in plasma are shorter: those of 90 to 150 bp are enriched in tumour DNA (Mouliere et al. 2018,
doi:10.1126/scitranslmed.aat4921; abstract read). Blood draw, extraction and library move the same number, so it is told
only against normals of the same assay, and joins no fit: how much tumour an enrichment stands for differs by patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.files import read_json
from metcn.stats.estimate import Estimate, number

SOURCE = "fragment_lengths"
CLASS = "backbone"  # fragments outside chromosome 7, so that MET's own gain is no part of it
FEWEST_NORMALS = 5  # whose scatter is the error; with fewer it is not known
FEWEST_FRAGMENTS = 30  # in either stratum, for a normal error of the logit
NORMAL_TAIL = 1.96  # of a 95 % interval


@dataclass(frozen=True)
class Strata:
    """Short fragments of one sample (90-150 bp), and those of about the usual length (151-220 bp)."""

    short: int
    long: int

    @property
    def logit(self) -> float:
        """Log odds of a short fragment."""
        return float(np.log(self.short / self.long))

    @property
    def variance(self) -> float:
        """That of the logit, by counting alone."""
        return 1 / self.short + 1 / self.long


@dataclass(frozen=True)
class ShortFragmentEvidence:
    """Short fragments of a sample beside those of the normals.

    Attributes
    ----------
    short : Estimate
        Fraction of short fragments among both strata, with its 95 % interval by counting.
    expected : Estimate
        That of a normal: the mean of the normals' logits, and the interval that a further normal has.
    enrichment : float
        Odds of a short fragment over those of the normals; 1 in a normal.
    z : float
        Distance of the logits in errors of the sample and of the normals together.
    normals : int
        Normals that it is compared with.
    """

    short: Estimate
    expected: Estimate
    enrichment: float
    z: float
    normals: int

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ShortFragmentEvidence:
        """The evidence of a JSON."""
        estimates = {name: Estimate.from_json(record[name]) for name in ("short", "expected")}
        return cls(
            **estimates, enrichment=number(record["enrichment"]), z=number(record["z"]), normals=record["normals"]
        )

    def to_json(self) -> dict[str, Any]:
        """The evidence with its source; it is never used."""
        estimates = {name: getattr(self, name).to_json() for name in ("short", "expected")}
        return {"source": SOURCE, "used": False, **vars(self), **estimates}


def strata(summary: Mapping[str, Any]) -> Strata | None:
    """Strata in the JSON of a sample's counts; None where lengths are not known or fragments are too few.

    >>> strata({"lengths": {"backbone": {"short": 200, "long": 800}}})
    Strata(short=200, long=800)
    >>> strata({"lengths": None}) is None
    True
    """
    figures = (summary.get("lengths") or {}).get(CLASS) or {}
    both = Strata(int(figures.get("short") or 0), int(figures.get("long") or 0))
    return both if min(both.short, both.long) >= FEWEST_FRAGMENTS else None


def against(sample: Strata | None, normals: Sequence[Strata | None]) -> tuple[ShortFragmentEvidence, ...]:
    """Enrichment of a sample over normals; empty where the sample, or too many normals, have no lengths.

    Normals differ by more than counting, so their scatter is the error; the sample's own counting error is added where
    it is larger than theirs.

    >>> normals = [Strata(200 + each, 800) for each in (-8, -4, 0, 4, 8)]
    >>> [evidence] = against(Strata(300, 800), normals)
    >>> round(evidence.enrichment, 2), evidence.z > 3
    (1.5, True)
    """
    known = [each for each in normals if each is not None]
    if sample is None or len(known) < FEWEST_NORMALS:
        return ()
    logits = np.array([each.logit for each in known])
    counted = float(np.mean([each.variance for each in known]))
    centre = float(logits.mean())
    scatter = max(float(logits.var(ddof=1)), counted)  # a scatter below that of counting is chance
    further = scatter * (1 + 1 / len(known))
    total = further + max(sample.variance - counted, 0.0)
    away = sample.logit - centre
    own = NORMAL_TAIL * sample.variance**0.5, NORMAL_TAIL * further**0.5
    return (
        ShortFragmentEvidence(
            short=_interval(sample.logit, own[0]),
            expected=_interval(centre, own[1]),
            enrichment=float(np.exp(away)),
            z=away / total**0.5,
            normals=len(known),
        ),
    )


def of_files(sample: Path | None, normals: Sequence[Path], specimen: str) -> tuple[ShortFragmentEvidence, ...]:
    """Evidence from the counts JSONs of a sample and of normals of plasma; empty in tissue, or without lengths.

    Raises
    ------
    InputError
        If a file is missing or is not JSON.
    """
    if specimen != "plasma" or sample is None:
        return ()
    return against(strata(read_json(sample)), [strata(read_json(path)) for path in normals if path != sample])


def _interval(logit: float, half: float) -> Estimate:
    """Fraction behind a logit, with the ends ``half`` on either side of it."""
    odds: NDArray[np.float64] = np.exp(np.array([logit, logit - half, logit + half]))
    value, low, high = (odds / (1 + odds)).tolist()
    return Estimate(value, low, high)
