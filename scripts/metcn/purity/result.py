"""What ``purity/{sample}.json`` holds: purity and ploidy with their source, the grid of points, and all evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from metcn.purity import short_fragments, vaf_surrogate
from metcn.purity.grid import PurityGrid
from metcn.purity.short_fragments import ShortFragmentEvidence
from metcn.purity.vaf_surrogate import VafEvidence
from metcn.stats.estimate import NAN, Estimate, number


@dataclass(frozen=True)
class SourcedEstimate(Estimate):
    """Purity or ploidy with its interval, and where it comes from.

    ``source`` is ``given``, ``given_range``, ``given_and_fit``, ``fit``, ``several_fits`` or ``unknown``.
    """

    source: str = "unknown"

    @property
    def known(self) -> bool:
        """Whether there is one value."""
        return isfinite(self.value)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> SourcedEstimate:
        """The estimate of a JSON; null is NaN."""
        value, low, high = (number(record[name]) for name in ("value", "low", "high"))
        return cls(value, low, high, record["source"])

    def to_json(self) -> dict[str, Any]:
        """The three numbers and the source by name."""
        return super().to_json() | {"source": self.source}


@dataclass(frozen=True)
class SheetEvidence:
    """What the sample sheet says, as it is written there."""

    used: bool
    purity: str
    ploidy: str

    def to_json(self) -> dict[str, Any]:
        """The evidence with its source."""
        return {"source": "sheet", "used": self.used, "purity": self.purity, "ploidy": self.ploidy}


@dataclass(frozen=True)
class FitEvidence:
    """What segments say by themselves, or with allele fractions.

    Attributes
    ----------
    source : ``segments``, or ``alleles`` (segments and allele fractions together).
    used : whether the result rests on it.
    identified : whether it says anything definite.
    purity, ploidy : what may be stated, with intervals over all its solutions.
    modes : purity, ploidy and weight (probability) of each solution, best first.
    unresolved : probability of points at which whole copies cannot be told apart.
    log_likelihood_range : difference of the best and the worst point.
    """

    source: str
    used: bool
    identified: bool
    purity: Estimate
    ploidy: Estimate
    modes: tuple[Mapping[str, float], ...]
    unresolved: float
    log_likelihood_range: float

    def to_json(self) -> dict[str, Any]:
        """Every field by its name."""
        return {**asdict(self), "modes": list(self.modes)}


Evidence = SheetEvidence | FitEvidence | VafEvidence | ShortFragmentEvidence


def _evidence(record: Mapping[str, Any]) -> Evidence:
    """Evidence of a JSON, of whichever kind."""
    if record["source"] == "sheet":
        return SheetEvidence(record["used"], record["purity"], record["ploidy"])
    if record["source"] == vaf_surrogate.SOURCE:
        return VafEvidence.from_json(record)
    if record["source"] == short_fragments.SOURCE:
        return ShortFragmentEvidence.from_json(record)
    return FitEvidence(
        source=record["source"],
        used=record["used"],
        identified=record["identified"],
        purity=Estimate.from_json(record["purity"]),
        ploidy=Estimate.from_json(record["ploidy"]),
        modes=tuple(record["modes"]),
        unresolved=number(record["unresolved"]),
        log_likelihood_range=number(record["log_likelihood_range"]),
    )


@dataclass(frozen=True)
class SiteCounts:
    """Number of SNPs and of driver mutations used.

    ``snps_chosen_by`` says by what SNPs were found to be heterozygous: ``variants``, ``own_reads``,
    ``matched_normal``, or empty. ``reference_bias`` is by how much reads of the alternative base are favoured
    (log-odds), with its standard error.
    """

    snps: int
    drivers: int
    snps_chosen_by: str
    reference_bias: float = 0.0
    reference_bias_se: float = NAN

    def to_json(self) -> dict[str, Any]:
        """Every field by its name."""
        return asdict(self)


@dataclass(frozen=True)
class AlleleFractions:
    """Allele fractions of heterozygous SNPs for pictures: chromosome, position (0-based), fraction, depth of each."""

    chromosome: Sequence[str] = ()
    position: Sequence[int] = ()
    fraction: Sequence[float] = ()
    depth: Sequence[int] = ()

    def to_json(self) -> dict[str, Any]:
        """The four lists by name."""
        return {name: list(values) for name, values in vars(self).items()}


@dataclass(frozen=True, eq=False)
class PurityResult:
    """Everything that stage ``purity`` says of one sample.

    Attributes
    ----------
    purity, ploidy : SourcedEstimate
    known : bool
        Whether both have one value.
    reasons : tuple of str
        Codes of the closed list.
    sample : str
        Empty for a sample without a result, of which the rest is missing too.
    grid : PurityGrid, or None
        Points to compute with; the calls JSON goes without.
    evidence : tuple
        Of the sheet, and of each source that was fitted.
    sites : SiteCounts, or None
    contradiction : str
        A sentence on what the sheet tells and everything else contradicts; empty where nothing does.
    variants : mapping
        What the VCF offered (`metcn.purity.stage`); empty without one.
    baf : AlleleFractions
    inputs : sequence of mapping
        Files that were read (`metcn.provenance.contents`).
    """

    purity: SourcedEstimate = SourcedEstimate()
    ploidy: SourcedEstimate = SourcedEstimate()
    known: bool = False
    reasons: tuple[str, ...] = ()
    sample: str = ""
    grid: PurityGrid | None = None
    evidence: tuple[Evidence, ...] = ()
    sites: SiteCounts | None = None
    contradiction: str = ""
    variants: Mapping[str, object] | None = None
    baf: AlleleFractions = AlleleFractions()
    inputs: Sequence[Mapping[str, object]] = ()

    @property
    def copies_known(self) -> bool:
        """False where purity is too low for tumour copies: then only uncorrected values say anything."""
        return "purity_below_floor" not in self.reasons

    @property
    def range_reason(self) -> str:
        """Why results are ranges, where alternatives of purity and ploidy lead to different verdicts."""
        if "several_fits" in self.reasons:
            return "several_fits"
        return "ploidy_unknown" if self.purity.known else "purity_unknown"

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> PurityResult:
        """The result of a purity JSON, or of the part of a calls JSON; what it lacks is missing."""
        sites, baf, grid = (record.get(name) for name in ("sites", "baf", "grid"))
        return cls(
            purity=SourcedEstimate.from_json(record["purity"]),
            ploidy=SourcedEstimate.from_json(record["ploidy"]),
            known=bool(record.get("known")),
            reasons=tuple(record.get("reasons") or ()),
            sample=record.get("sample") or "",
            grid=PurityGrid.from_json(grid) if grid else None,
            evidence=tuple(map(_evidence, record.get("evidence") or ())),
            sites=SiteCounts(**sites) if sites else None,
            contradiction=record.get("contradiction") or "",
            variants=record.get("variants"),
            baf=AlleleFractions(**baf) if baf else AlleleFractions(),
            inputs=record.get("inputs") or (),
        )

    def to_json(self) -> dict[str, Any]:
        """Everything by name; of a sample without a result purity and ploidy alone, missing."""
        axes = {"purity": self.purity.to_json(), "ploidy": self.ploidy.to_json()}
        if not self.sample:
            return axes
        return {
            "sample": self.sample,
            **axes,
            "known": self.known,
            **({} if self.grid is None else {"grid": self.grid.to_json()}),
            "reasons": list(self.reasons),
            "evidence": [each.to_json() for each in self.evidence],
            "sites": None if self.sites is None else self.sites.to_json(),
            "contradiction": self.contradiction,
            "variants": dict(self.variants or {}),
            "baf": self.baf.to_json(),
            "inputs": list(self.inputs),
        }
