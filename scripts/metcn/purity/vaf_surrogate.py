"""Tumour fraction of plasma as others state it: from the highest allele fraction of a mutation.

Siravegna et al. 2019, doi:10.1158/1078-0432.CCR-18-3389, take the maximum mutant allele fraction as a surrogate of
tumour content (abstract read; that a heterozygous mutation has half the tumour fraction is common use, not read there).
It is evidence to compare with and joins no fit: the likelihood of allele fractions already rests on the same reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from metcn.stats import proportions
from metcn.stats.estimate import Estimate

SOURCE = "highest_driver_vaf"
ALLELES = 2.0  # of a cell; a mutation on one of them in all tumour cells has this part of the tumour fraction


@dataclass(frozen=True)
class VafEvidence:
    """Highest allele fraction of the driver mutations, and the tumour fraction that it stands for.

    Attributes
    ----------
    vaf : Estimate
        With the exact interval of its reads.
    purity : Estimate
        Twice that, at most 1: a heterozygous mutation of all tumour cells where nothing is gained or lost.
    drivers : int
        Mutations among which it is the highest.
    chromosome, position : str, int
        Where it is (0-based).
    reads, depth : int
        Reads of the mutation, and all.
    """

    vaf: Estimate
    purity: Estimate
    drivers: int
    chromosome: str
    position: int
    reads: int
    depth: int

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> VafEvidence:
        """The evidence of a JSON."""
        rest = (record[name] for name in ("drivers", "chromosome", "position", "reads", "depth"))
        return cls(Estimate.from_json(record["vaf"]), Estimate.from_json(record["purity"]), *rest)

    def to_json(self) -> dict[str, Any]:
        """The evidence with its source; it is never used."""
        numbers = {name: getattr(self, name).to_json() for name in ("vaf", "purity")}
        return {"source": SOURCE, "used": False, **vars(self), **numbers}


def of_sites(sites: pd.DataFrame, specimen: str) -> tuple[VafEvidence, ...]:
    """Highest allele fraction of the driver mutations in plasma; empty in tissue, and without a mutation.

    Parameters
    ----------
    sites : DataFrame
        As `metcn.purity.allele_fractions` has them: ``chromosome``, ``position``, ``reads``, ``depth``, ``somatic``.
    specimen : str

    Examples
    --------
    >>> rows = [("12", 25398283, 40, 1000, True), ("7", 55249070, 120, 1200, True), ("1", 10, 500, 1000, False)]
    >>> sites = pd.DataFrame(rows, columns=["chromosome", "position", "reads", "depth", "somatic"])
    >>> [evidence] = of_sites(sites, "plasma")
    >>> evidence.chromosome, evidence.drivers, round(evidence.purity.value, 3)
    ('7', 2, 0.2)
    """
    drivers = sites[sites["somatic"].astype(bool)]
    if specimen != "plasma" or drivers.empty:
        return ()
    reads, depth = drivers["reads"].astype(int).tolist(), drivers["depth"].astype(int).tolist()
    best = max(range(len(reads)), key=lambda index: (reads[index] / depth[index], depth[index]))
    seen = proportions.share(reads[best], depth[best])
    ends = (seen.value, seen.low, seen.high)
    return (
        VafEvidence(
            vaf=Estimate(*ends),
            purity=Estimate(*(min(ALLELES * end, 1.0) for end in ends)),
            drivers=len(drivers),
            chromosome=str(drivers["chromosome"].iloc[best]),
            position=int(drivers["position"].iloc[best]),
            reads=reads[best],
            depth=depth[best],
        ),
    )
