"""What ``copies/{sample}.json`` holds: estimates of copies with intervals, limits of detection, focality, amplicon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from metcn.copies.amplicon import Extent, Region
from metcn.copies.focality import Focality
from metcn.copies.subclonality import Carriers
from metcn.stats.estimate import NAN, Estimate, Level, number

NAMES = ("met_copies", "cep7_copies", "met_cep7", "met_ratio", "plasma_copies", "gene_copies")
NOTHING = Estimate()


@dataclass(frozen=True)
class DetectionLimit:
    """Limits of detection of one sample.

    Attributes
    ----------
    alpha, power : accepted rate of false positives, and the probability with which a tumour at the limit is seen.
    ratio, copies : smallest detectable depth ratio, and fewest copies at the worst of the groups of purity and ploidy.
    purity_for : bound in copies, as text -> smallest purity at which so many copies would be seen; NaN where none is.
    detected, above_neutral : whether MET was told from two copies, at ``alpha`` and beyond all doubt.
    copies_by_group, ploidy_by_group : fewest copies and mean ploidy of each group.
    told_ratio : depth ratio from which a negative of an uncorrected quantity says anything.
    told_by_group : copies of each group from which a negative says anything.
    amplicon : the same limits for an amplicon around MET of several sizes, from the scan.
    """

    alpha: float | None = None
    power: float | None = None
    ratio: float = NAN
    copies: float = NAN
    purity_for: Mapping[str, float] | None = None
    detected: bool = False
    above_neutral: bool = False
    copies_by_group: tuple[float, ...] = ()
    ploidy_by_group: tuple[float, ...] = ()
    told_ratio: float = NAN
    told_by_group: tuple[float, ...] = ()
    amplicon: tuple[AmpliconLimit, ...] = ()

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> DetectionLimit:
        """The limits of a JSON; null is NaN, and an older one may lack some of them."""
        needed = record.get("purity_for")
        return cls(
            alpha=record.get("alpha"),
            power=record.get("power"),
            ratio=number(record.get("ratio")),
            copies=number(record.get("copies")),
            purity_for=None if needed is None else {bound: number(value) for bound, value in needed.items()},
            detected=bool(record.get("detected")),
            above_neutral=bool(record.get("above_neutral")),
            copies_by_group=tuple(map(number, record.get("copies_by_group") or ())),
            ploidy_by_group=tuple(map(number, record.get("ploidy_by_group") or ())),
            told_ratio=number(record.get("told_ratio")),
            told_by_group=tuple(map(number, record.get("told_by_group") or ())),
            amplicon=tuple(AmpliconLimit.from_json(each) for each in record.get("amplicon") or ()),
        )

    def to_json(self) -> dict[str, Any]:
        """All limits by name; the fewest copies alone, missing, of a sample without a result."""
        if self.alpha is None:
            return {"copies": None}
        return {
            "alpha": self.alpha,
            "power": self.power,
            "ratio": self.ratio,
            "copies": self.copies,
            "purity_for": self.purity_for,
            "detected": self.detected,
            "above_neutral": self.above_neutral,
            "copies_by_group": list(self.copies_by_group),
            "ploidy_by_group": list(self.ploidy_by_group),
            "told_ratio": self.told_ratio,
            "told_by_group": list(self.told_by_group),
            "amplicon": [each.to_json() for each in self.amplicon],
        }


@dataclass(frozen=True)
class AmpliconLimit:
    """Smallest depth ratio and fewest copies at which an amplicon of a size in bp would have been found."""

    size_bp: int
    ratio: float
    copies: float

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> AmpliconLimit:
        """The limit of a JSON; null is NaN."""
        return cls(record["size_bp"], number(record["ratio"]), number(record["copies"]))

    def to_json(self) -> dict[str, float]:
        """The three numbers by name."""
        return asdict(self)


@dataclass(frozen=True)
class Surroundings:
    """What focality was decided on: copies of MET and around it, and the amplicon's size (None without one).

    ``size_bp`` is the amplicon's length; ``share_of_arm`` and ``share_of_chromosome`` are the fractions that it takes.
    """

    met: Estimate
    cep7: Estimate
    arm_q: Estimate
    arm_p: Estimate
    size_bp: float | None = None
    share_of_arm: float | None = None
    share_of_chromosome: float | None = None

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Surroundings:
        """The surroundings of a JSON; an estimate that it lacks is missing."""
        met, cep7, arm_q, arm_p = (Estimate.from_json(record[name]) if record.get(name) else NOTHING for name in SIDES)
        size, of_arm, of_chromosome = (record.get(name) for name in ("size_bp", "share_of_arm", "share_of_chromosome"))
        return cls(met, cep7, arm_q, arm_p, size, of_arm, of_chromosome)

    def to_json(self) -> dict[str, Any]:
        """Estimates and sizes by name."""
        return {
            **{name: getattr(self, name).to_json() for name in SIDES},
            "size_bp": self.size_bp,
            "share_of_arm": self.share_of_arm,
            "share_of_chromosome": self.share_of_chromosome,
        }


SIDES = ("met", "cep7", "arm_q", "arm_p")


@dataclass(frozen=True)
class Decision:
    """A class of focality with the probability it had to reach, and what it was decided on."""

    focality: Focality
    decide: float | None = None
    levels: Surroundings | None = None

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Decision:
        """The decision of a JSON."""
        evidence = {name: number(value) for name, value in (record.get("evidence") or {}).items()}
        levels = record.get("levels")
        return cls(
            Focality(record.get("class") or "indeterminate", evidence),
            record.get("decide"),
            Surroundings.from_json(levels) if levels else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Class, cut-off, probabilities of all classes, and levels."""
        return {
            "class": self.focality.name,
            "decide": self.decide,
            "evidence": self.focality.evidence,
            "levels": None if self.levels is None else self.levels.to_json(),
        }


@dataclass(frozen=True)
class AmpliconLevel:
    """One of the nested regions of an amplicon with what its level comes to."""

    region: Region
    copies: Estimate
    ratio: Estimate
    plasma_copies: Estimate

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> AmpliconLevel:
        """The region of a JSON."""
        return cls(Region.from_json(record), *(Estimate.from_json(record[name]) for name in OF_LEVEL))

    def to_json(self) -> dict[str, Any]:
        """Extent and level of the region, and the estimates by name."""
        return self.region.to_json() | {name: getattr(self, name).to_json() for name in OF_LEVEL}


OF_LEVEL = ("copies", "ratio", "plasma_copies")


@dataclass(frozen=True)
class AmpliconEstimate:
    """An amplicon around MET: its extent, and copies of each of its nested regions, the widest first."""

    extent: Extent
    levels: tuple[AmpliconLevel, ...] = ()

    @property
    def copies(self) -> Estimate | None:
        """Copies of the innermost region, which holds MET; None where the scan found none."""
        return self.levels[-1].copies if self.levels else None

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> AmpliconEstimate:
        """The amplicon of a JSON."""
        return cls(
            Extent.from_json(record), tuple(AmpliconLevel.from_json(each) for each in record.get("levels") or ())
        )

    def to_json(self) -> dict[str, Any]:
        """Extent, nested regions, and the estimates of the innermost of them, null without one."""
        inner = self.levels[-1] if self.levels else None
        return {
            **self.extent.to_json(),
            "levels": [level.to_json() for level in self.levels],
            **{name: None if inner is None else getattr(inner, name).to_json() for name in OF_LEVEL},
        }


@dataclass(frozen=True)
class GeneEstimate:
    """Copies of a gene other than MET: its place (0-based, half-open), bins, level, estimates and class of focality."""

    gene: str
    chromosome: str
    start: int
    end: int
    bins: int
    log2: float
    se: float
    ratio: Estimate
    copies: Estimate
    reached: Mapping[str, Estimate]
    focality: str

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> GeneEstimate:
        """The gene of a JSON."""
        return cls(
            gene=record["gene"],
            chromosome=record["chromosome"],
            start=record["start"],
            end=record["end"],
            bins=record["bins"],
            log2=number(record["log2"]),
            se=number(record["se"]),
            ratio=Estimate.from_json(record["ratio"]),
            copies=Estimate.from_json(record["copies"]),
            reached=probabilities(record, "p_copies_ge"),
            focality=record["focality"],
        )

    def to_json(self) -> dict[str, Any]:
        """Place, level and estimates by name."""
        return {
            **{name: getattr(self, name) for name in ("gene", "chromosome", "start", "end", "bins", "log2", "se")},
            "ratio": self.ratio.to_json(),
            "copies": self.copies.to_json(),
            **shown_probabilities("p_copies_ge", self.reached),
            "focality": self.focality,
        }


@dataclass(frozen=True)
class GeneLoss:
    """Whether tumour cells have lost a gene: its estimate, the probability of at most one copy, and the status.

    ``status`` is ``lost``, ``not_lost`` or ``indeterminate``.
    """

    gene: GeneEstimate
    lost: Estimate
    status: str

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> GeneLoss:
        """The loss of a JSON."""
        gene = GeneEstimate.from_json({"focality": "none", **record})
        ends = record["p_lost_range"]
        lost = Estimate(number(record["p_lost"]), number(ends["low"]), number(ends["high"]))
        return cls(gene, lost, record["status"])

    def to_json(self) -> dict[str, Any]:
        """Place, level, estimates and status by name."""
        gene = self.gene.to_json()
        return {
            **{name: gene[name] for name in PLACED},
            "p_lost": self.lost.value,
            "p_lost_range": {"low": self.lost.low, "high": self.lost.high},
            "status": self.status,
        }


PLACED = ("gene", "chromosome", "start", "end", "bins", "log2", "se", "ratio", "copies")


@dataclass(frozen=True)
class CopyEstimates:
    """Everything that stage ``copies`` says of one sample.

    Attributes
    ----------
    met_copies, cep7_copies, met_cep7 : copies per tumour cell and their ratio, from all the evidence.
    met_ratio, plasma_copies, gene_copies : depth ratio, twice that, and copies, from MET's own bins alone.
    copies_reached, ratio_reached : bound as text -> probability that MET copies, or MET/CEP7-like, reach it.
    germline : copies of MET in normal cells -> their probability; None of a sample without a result.
    basis : ``gene``, or ``gene_and_amplicon`` where MET's few bins lean on those of its amplicon.
    level : MET's level that copies rest on, with its own error.
    lod : limits of detection.
    draw_count : draws asked for.
    focality : its class and evidence; None of a sample without a result.
    amplicon : None where there is none.
    carriers : copies in the tumour cells that carry a gain, by how many of them do; empty without one.
    neighbours, genes : other genes of chromosome 7, and those of resistance.
    losses : genes whose loss is told as context.
    reasons : codes of the closed list.
    """

    met_copies: Estimate = NOTHING
    cep7_copies: Estimate = NOTHING
    met_cep7: Estimate = NOTHING
    met_ratio: Estimate = NOTHING
    plasma_copies: Estimate = NOTHING
    gene_copies: Estimate = NOTHING
    copies_reached: Mapping[str, Estimate] | None = None
    ratio_reached: Mapping[str, Estimate] | None = None
    germline: Mapping[int, float] | None = None
    basis: str = ""
    level: Level | None = None
    lod: DetectionLimit = DetectionLimit()
    draw_count: int | None = None
    focality: Decision | None = None
    amplicon: AmpliconEstimate | None = None
    neighbours: tuple[GeneEstimate, ...] = ()
    genes: tuple[GeneEstimate, ...] = ()
    losses: tuple[GeneLoss, ...] = ()
    carriers: tuple[Carriers, ...] = ()
    reasons: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> CopyEstimates:
        """The estimates of a JSON; what a sample without a result lacks is missing."""
        level, decision, amplicon, germline = (
            record.get(name) for name in ("level", "focality", "amplicon", "germline")
        )
        return cls(
            **{name: Estimate.from_json(record[name]) if record.get(name) else NOTHING for name in NAMES},
            copies_reached=probabilities(record, "p_copies_ge"),
            ratio_reached=probabilities(record, "p_ratio_ge"),
            germline=None if germline is None else {int(copies): float(value) for copies, value in germline.items()},
            basis=record.get("basis") or "",
            level=Level.from_json(level) if level else None,
            lod=DetectionLimit.from_json(record.get("lod") or {}),
            draw_count=record.get("draw_count"),
            focality=Decision.from_json(decision) if decision else None,
            amplicon=AmpliconEstimate.from_json(amplicon) if amplicon else None,
            neighbours=tuple(map(GeneEstimate.from_json, record.get("neighbours") or ())),
            genes=tuple(map(GeneEstimate.from_json, record.get("genes") or ())),
            losses=tuple(map(GeneLoss.from_json, record.get("losses") or ())),
            carriers=tuple(map(Carriers.from_json, record.get("carriers") or ())),
            reasons=tuple(record.get("reasons") or ()),
        )

    def to_json(self) -> dict[str, Any]:
        """Everything by name; of a sample without a result the missing estimates, limit, focality and amplicon."""
        if self.level is None:
            return {
                **{name: getattr(self, name).to_json() for name in NAMES[:-1]},
                "p_copies_ge": {}, "p_ratio_ge": {}, "lod": self.lod.to_json(), "focality": None, "amplicon": None,
            }  # fmt: skip
        return {
            **{name: getattr(self, name).to_json() for name in NAMES},
            **shown_probabilities("p_copies_ge", self.copies_reached or {}),
            **shown_probabilities("p_ratio_ge", self.ratio_reached or {}),
            "germline": self.germline,
            "basis": self.basis,
            "level": self.level.to_json(),
            "lod": self.lod.to_json(),
            "draw_count": self.draw_count,
            "focality": None if self.focality is None else self.focality.to_json(),
            "amplicon": None if self.amplicon is None else self.amplicon.to_json(),
            "neighbours": [gene.to_json() for gene in self.neighbours],
            "genes": [gene.to_json() for gene in self.genes],
            "losses": [loss.to_json() for loss in self.losses],
            "carriers": [point.to_json() for point in self.carriers],
            "reasons": list(self.reasons),
        }


def probabilities(record: Mapping[str, Any], name: str) -> dict[str, Estimate]:
    """Bound -> probability with its ends over the groups, from two keys of a JSON: the values, and the ranges."""
    ends: Mapping[str, Mapping[str, float | None]] = record.get(f"{name}_range") or {}
    found = {}
    for bound, value in (record.get(name) or {}).items():
        low, high = (number(ends.get(bound, {}).get(end)) for end in ("low", "high"))
        found[bound] = Estimate(number(value), low, high)
    return found


def shown_probabilities(name: str, reached: Mapping[str, Estimate]) -> dict[str, Any]:
    """The two keys of a JSON that hold probabilities of bounds: the values, and the ranges."""
    return {
        name: {bound: each.value for bound, each in reached.items()},
        f"{name}_range": {bound: {"low": each.low, "high": each.high} for bound, each in reached.items()},
    }
