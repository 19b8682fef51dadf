"""What the stage ``ratios`` says of one sample: exactly what stands in ``ratios/SAMPLE.json``.

Numbers that are not known are NaN here and null in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from metcn.reference.checks import Belonging, Resemblance
from metcn.reference.suspected import NormalsCheck
from metcn.stats.estimate import number

Record = Mapping[str, Any]  # a JSON object
KINASE_TEXTS = {"inside": "in that part", "outside": "in the rest", "partly": "in both"}


def _numbers(record: Record) -> dict[str, float]:
    return {name: number(value) for name, value in record.items()}


@dataclass(frozen=True)
class LocusLevel:
    """Level of some bins: log2 ratio with its error (without the baseline's), bins, and fragments seen in them."""

    log2: float
    se: float
    bins: int
    fragments: float

    def to_json(self) -> dict[str, Any]:
        """Its block of the JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Record) -> LocusLevel:
        """Level of which `to_json` gives ``record``."""
        return cls(number(record["log2"]), number(record["se"]), record["bins"], number(record["fragments"]))


@dataclass(frozen=True)
class ErrorParts:
    """Parts of MET's error, log2: bin noise, what bins of a gene share, the baseline, and a part that may differ."""

    bin_noise: float
    gene_excess: float
    baseline: float
    part: float = 0.0


@dataclass(frozen=True)
class ExonLevel:
    """Level of an exon: its number, log2 ratio with its error (without the baseline's), and bins."""

    exon: int
    log2: float
    se: float
    bins: int

    @classmethod
    def from_json(cls, record: Record) -> ExonLevel:
        """Exon of which ``dataclasses.asdict`` gives ``record``."""
        return cls(record["exon"], number(record["log2"]), number(record["se"]), record["bins"])


@dataclass(frozen=True)
class Part:
    """A run of exons that differs from the rest of MET.

    Attributes
    ----------
    first_exon, last_exon : int
    log2_difference, se : float
        Log2 ratio of the run over the rest, with its error.
    bins : int
        Bins of the run.
    p_value : float
        Of such a difference somewhere in the gene, if no part differed.
    kinase_domain : str or None
        Whether the exons of the kinase domain lie ``inside``, ``outside`` or ``partly`` in the run; None if unseen.
    """

    first_exon: int
    last_exon: int
    log2_difference: float
    se: float
    bins: int
    p_value: float
    kinase_domain: str | None

    @property
    def text(self) -> str:
        """What differs, in a sentence."""
        one = self.first_exon == self.last_exon
        exons = f"exon {self.first_exon} lies" if one else f"exons {self.first_exon}-{self.last_exon} lie"
        side = "above" if self.log2_difference > 0 else "below"
        half = 1.96 * self.se
        low, high = sorted(abs(self.log2_difference + sign * half) for sign in (-1, 1))
        domain = f"; the kinase domain is {KINASE_TEXTS[self.kinase_domain]}" if self.kinase_domain else ""
        return (
            f"MET {exons} {abs(self.log2_difference):.1f} log2 (95 % interval {low:.1f} to {high:.1f}) {side} the rest "
            f"of the gene{domain}."
        )

    @classmethod
    def from_json(cls, record: Record) -> Part:
        """Part of which ``dataclasses.asdict`` gives ``record``."""
        return cls(**{**record, **_numbers({name: record[name] for name in ("log2_difference", "se", "p_value")})})


@dataclass(frozen=True)
class MetLevel:
    """MET's level from its own bins.

    Attributes
    ----------
    chromosome : str or None
        Name of chromosome 7 in the sample's table.
    log2, se, ratio : float
        Log2 ratio with its whole error, and the ratio.
    bins, bins_masked : int
        Bins that it rests on, and those that are not used.
    fragments, expected_fragments : float
        Seen, and expected at ratio 1.
    scatter : float
        Scatter of the bins over what is expected, about the level of their side where a part differs.
    se_parts : ErrorParts
    exons : tuple of ExonLevel
        Exons that have bins; none of windows.
    part : Part or None
        Run of exons that differs from the rest.
    """

    chromosome: str | None
    log2: float
    se: float
    ratio: float
    bins: int
    bins_masked: int
    fragments: float
    expected_fragments: float
    scatter: float
    se_parts: ErrorParts
    exons: tuple[ExonLevel, ...] = ()
    part: Part | None = None

    def to_json(self) -> dict[str, Any]:
        """Its block of the JSON."""
        return asdict(self) | {"exons": [asdict(exon) for exon in self.exons]}

    @classmethod
    def from_json(cls, record: Record) -> MetLevel:
        """Level of which `to_json` gives ``record``."""
        parts = ErrorParts(**_numbers(record["se_parts"]))
        floats = ("log2", "se", "ratio", "fragments", "expected_fragments", "scatter")
        told = {
            "se_parts": parts,
            "exons": tuple(ExonLevel.from_json(exon) for exon in record.get("exons", ())),
            "part": Part.from_json(record["part"]) if record.get("part") else None,
        }
        return cls(**{**record, **_numbers({name: record[name] for name in floats}), **told})


@dataclass(frozen=True)
class CentromereLevel:
    """The CEP7-like level: tier, log2 ratio, error, bins and fragments; its two sides, and those that it rests on."""

    tier: str
    log2: float
    se: float
    ratio: float
    bins: int
    fragments: float
    p: LocusLevel
    q: LocusLevel
    sides: tuple[str, ...]
    sides_disagree: bool

    def to_json(self) -> dict[str, Any]:
        """Its block of the JSON."""
        return asdict(self) | {"sides": list(self.sides)}

    @classmethod
    def from_json(cls, record: Record) -> CentromereLevel:
        """Level of which `to_json` gives ``record``."""
        floats = _numbers({name: record[name] for name in ("log2", "se", "ratio", "fragments")})
        sides = {side: LocusLevel.from_json(record[side]) for side in ("p", "q")}
        return cls(**{**record, **floats, **sides, "sides": tuple(record["sides"])})


@dataclass(frozen=True)
class Baseline:
    """Common baseline: log2 level and error, what it rests on (``wide_bins`` or ``targets``), tie of targets, bins."""

    log2: float
    se: float
    rests_on: str
    tie: float
    tie_se: float
    bins: int

    def to_json(self) -> dict[str, Any]:
        """Its block of the JSON."""
        return {
            "log2": self.log2, "se": self.se, "from": self.rests_on, "tie": self.tie, "tie_se": self.tie_se,
            "bins": self.bins,
        }  # fmt: skip

    @classmethod
    def from_json(cls, record: Record) -> Baseline:
        """Baseline of which `to_json` gives ``record``."""
        log2, se, tie, tie_se = (number(record[name]) for name in ("log2", "se", "tie", "tie_se"))
        return cls(log2, se, record["from"], tie, tie_se, record["bins"])


@dataclass(frozen=True)
class LocusLevels:
    """Levels that a call rests on; ``arms`` are 7p and 7q without the neighbourhoods of EGFR and MET.

    ``correlation`` is that of the errors of `metcn.copies.posterior.SIDES`, without the baseline's; empty where it is
    not known.
    """

    met: MetLevel
    cep7: CentromereLevel
    arms: dict[str, LocusLevel]
    egfr: LocusLevel
    baseline: Baseline
    correlation: tuple[tuple[float, ...], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Their blocks of the JSON."""
        return {
            "met": self.met.to_json(),
            "cep7": self.cep7.to_json(),
            "arms": {name: level.to_json() for name, level in self.arms.items()},
            "egfr": self.egfr.to_json(),
            "baseline": self.baseline.to_json(),
            "correlation": [list(row) for row in self.correlation],
        }

    @classmethod
    def from_json(cls, record: Record) -> LocusLevels:
        """Levels of which `to_json` gives these keys of ``record``."""
        return cls(
            met=MetLevel.from_json(record["met"]),
            cep7=CentromereLevel.from_json(record["cep7"]),
            arms={name: LocusLevel.from_json(level) for name, level in record["arms"].items()},
            egfr=LocusLevel.from_json(record["egfr"]),
            baseline=Baseline.from_json(record["baseline"]),
            correlation=tuple(tuple(row) for row in record["correlation"]),
        )


@dataclass(frozen=True)
class Quality:
    """The QC block; mappings are from kinds of bins.

    Attributes
    ----------
    left_by_normals : mapping
        SD of the depth from bin to bin over what it was before the normals' was taken off.
    noise, noise_over_normals : mapping
        Bin noise, log2, and that over what the normals lead to expect.
    gene_excess, gene_excess_averaged, gene_excess_over_normals : mapping
        Error that the bins of a gene share, log2; its fall with the number of neighbouring genes; that over normals'.
    scores : mapping
        Scores of the components (``shares`` in the JSON).
    waviness, autocorrelation : float
        See `metcn.ratios.quality`.
    summed_kinds : tuple of str
        Kinds of few fragments.
    empty_bins : float
        Fraction of usable bins without a fragment.
    bins, bins_used : int
    """

    left_by_normals: dict[str, float]
    noise: dict[str, float]
    noise_over_normals: dict[str, float]
    gene_excess: dict[str, float]
    gene_excess_averaged: dict[str, dict[int, float]]
    gene_excess_over_normals: dict[str, float]
    scores: dict[str, list[float]]
    waviness: float
    autocorrelation: float
    summed_kinds: tuple[str, ...]
    empty_bins: float
    bins: int
    bins_used: int

    def to_json(self) -> dict[str, Any]:
        """The block ``qc`` of the JSON."""
        return {"shares" if name == "scores" else name: value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, record: Record) -> Quality:
        """Quality of which `to_json` gives ``record``."""
        return cls(
            left_by_normals=_numbers(record["left_by_normals"]),
            noise=_numbers(record["noise"]),
            noise_over_normals=_numbers(record["noise_over_normals"]),
            gene_excess=_numbers(record["gene_excess"]),
            gene_excess_averaged={
                kind: {int(groups): number(value) for groups, value in known.items()}
                for kind, known in record["gene_excess_averaged"].items()
            },
            gene_excess_over_normals=_numbers(record["gene_excess_over_normals"]),
            scores={kind: [number(value) for value in values] for kind, values in record["shares"].items()},
            waviness=number(record["waviness"]),
            autocorrelation=number(record["autocorrelation"]),
            summed_kinds=tuple(record["summed_kinds"]),
            empty_bins=number(record["empty_bins"]),
            bins=record["bins"],
            bins_used=record["bins_used"],
        )


@dataclass(frozen=True)
class PanelRecord:
    """The panel of normals that a sample was compared with.

    Attributes
    ----------
    normals : int
    components : mapping
        Kind of bins -> number of components.
    fingerprint : str
        Digest of the bins.
    names : tuple of str
        Of the normals.
    belonging : Belonging
    deviant : list of str or None
        Normals that look like tumours; None where a panel of an earlier version does not tell.
    check : NormalsCheck or None
    resembles : mapping
        Kind of bins -> normals that the sample resembles most.
    """

    normals: int
    components: dict[str, int]
    fingerprint: str
    names: tuple[str, ...]
    belonging: Belonging
    deviant: list[str] | None
    check: NormalsCheck | None
    resembles: dict[str, Resemblance]

    def to_json(self) -> dict[str, Any]:
        """The block ``reference`` of the JSON."""
        return {
            "normals": self.normals,
            "components": self.components,
            "fingerprint": self.fingerprint,
            "names": list(self.names),
            "belonging": {**asdict(self.belonging), "deviant": self.deviant},
            "check": self.check and self.check.to_json(),
            "resembles": {kind: asdict(one) for kind, one in self.resembles.items()},
        }

    @classmethod
    def from_json(cls, record: Record) -> PanelRecord:
        """Panel of which `to_json` gives ``record``."""
        belonging = {name: value for name, value in record["belonging"].items() if name != "deviant"}
        return cls(
            normals=record["normals"],
            components=dict(record["components"]),
            fingerprint=record["fingerprint"],
            names=tuple(record["names"]),
            belonging=Belonging(**belonging),
            deviant=record["belonging"]["deviant"],
            check=NormalsCheck.from_json(record["check"]) if record["check"] else None,
            resembles={
                kind: Resemblance(one["nearest"], number(one["distance"])) for kind, one in record["resembles"].items()
            },
        )


@dataclass(frozen=True)
class NormalLevel:
    """Level of a locus in the matched normal: log2 ratio, its error, and bins."""

    log2: float
    se: float
    bins: int


@dataclass(frozen=True)
class MatchedNormal:
    """Levels of the matched normal's own MET and CEP7-like bins, and whether either is not neutral."""

    met: NormalLevel
    cep7: NormalLevel
    deviates: bool

    @classmethod
    def from_json(cls, record: Record) -> MatchedNormal:
        """Matched normal of which ``dataclasses.asdict`` gives ``record``."""
        met, cep7 = (
            NormalLevel(number(record[name]["log2"]), number(record[name]["se"]), record[name]["bins"])
            for name in ("met", "cep7")
        )
        return cls(met, cep7, record["deviates"])


@dataclass(frozen=True)
class Measurement:
    """Everything that ``ratios/SAMPLE.json`` holds.

    Attributes
    ----------
    sample, assay, genome : str
    mode : str
        What the sample was compared with, see `metcn.vocabulary.MODES`.
    levels : LocusLevels
    quality : Quality
    reference : PanelRecord or None
        None without a panel of normals.
    matched_normal : MatchedNormal or None
    notes, reasons : tuple of str
        Remarks on how the input was read, and codes of the closed list.
    inputs : sequence of mapping
        Name, size and digest of the files that were read.
    """

    sample: str
    assay: str
    genome: str
    mode: str
    levels: LocusLevels
    quality: Quality
    reference: PanelRecord | None
    matched_normal: MatchedNormal | None
    notes: tuple[str, ...]
    reasons: tuple[str, ...]
    inputs: Sequence[Record]

    def to_json(self) -> dict[str, Any]:
        """Content of the file."""
        return {
            "sample": self.sample,
            "assay": self.assay,
            "genome": self.genome,
            "mode": self.mode,
            **self.levels.to_json(),
            "qc": self.quality.to_json(),
            "reference": self.reference and self.reference.to_json(),
            "matched_normal": self.matched_normal and asdict(self.matched_normal),
            "notes": list(self.notes),
            "reasons": list(self.reasons),
            "inputs": list(self.inputs),
        }

    @classmethod
    def from_json(cls, record: Record) -> Measurement:
        """Measurement of which `to_json` gives ``record``."""
        matched, panel = record["matched_normal"], record["reference"]
        return cls(
            **{name: record[name] for name in ("sample", "assay", "genome", "mode")},
            levels=LocusLevels.from_json(record),
            quality=Quality.from_json(record["qc"]),
            reference=PanelRecord.from_json(panel) if panel else None,
            matched_normal=MatchedNormal.from_json(matched) if matched else None,
            notes=tuple(record["notes"]),
            reasons=tuple(record["reasons"]),
            inputs=record["inputs"],
        )
