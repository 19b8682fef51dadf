"""Loci whose level is measured, and what stands for their centromere and arms."""

from __future__ import annotations

from dataclasses import dataclass

from metcn.genome.build import MET_CHROMOSOME, Genome, Interval

MARGIN_BP = 5_000_000  # bins this near to a gene may be in its amplicon and do not stand for the arm
SMALLEST_TIER = 4  # bins per side from which the centromere's level is trusted
SMALLEST_WIDE_TIER = 3  # bins from which the rest of the chromosome serves instead


@dataclass(frozen=True)
class Locus:
    """A gene and where it lies: bare name of the chromosome, 0-based half-open extent in bp."""

    name: str
    chromosome: str
    start: int
    end: int

    @property
    def extent(self) -> Interval:
        """Start and end."""
        return self.start, self.end

    @property
    def neighbourhood(self) -> Interval:
        """Extent with ``MARGIN_BP`` on either side, which an amplicon of the gene may reach."""
        return self.start - MARGIN_BP, self.end + MARGIN_BP


@dataclass(frozen=True)
class Tier:
    """Windows that stand for a centromere (none: the rest of the chromosome), and the bins that a side needs."""

    name: str
    windows: tuple[Interval, ...]
    smallest: int


@dataclass(frozen=True)
class CentromereProxy:
    """What stands for a centromere's level.

    Attributes
    ----------
    middle : int
        Where the two arms meet, bp.
    tiers : tuple of Tier
        The nearest first.
    confounders : tuple of (int, int)
        Regions that amplicons of another gene reach; they take no part where the whole chromosome serves.
    """

    middle: int
    tiers: tuple[Tier, ...]
    confounders: tuple[Interval, ...] = ()


@dataclass(frozen=True)
class Target:
    """A gene whose level is measured, what stands for its centromere, and the regions that stand for neither arm.

    ``exons`` are those of the gene in the order of its transcript; none where they are not told apart.
    """

    locus: Locus
    centromere: CentromereProxy
    beside_arm_p: tuple[Interval, ...]
    beside_arm_q: tuple[Interval, ...]
    exons: tuple[Interval, ...] = ()


def met(genome: Genome) -> Target:
    """MET, with the CEP7-like windows; EGFR's amplicons confound 7p."""
    locus = Locus("MET", MET_CHROMOSOME, *genome.met)
    tiers = (
        Tier("pericentromere", (genome.cep7_p, genome.cep7_q), SMALLEST_TIER),
        Tier("proximal", (genome.proximal_p, genome.proximal_q), SMALLEST_TIER),
        Tier("chr7", (), SMALLEST_WIDE_TIER),
    )
    proxy = CentromereProxy(genome.centromere[MET_CHROMOSOME][0], tiers, (genome.egfr_risk, genome.egfr))
    exons = tuple((start, end) for start, end in genome.met_exons.tolist())
    return Target(locus, proxy, beside_arm_p=(genome.egfr_risk,), beside_arm_q=(locus.neighbourhood,), exons=exons)


def egfr(genome: Genome) -> Locus:
    """EGFR."""
    return Locus("EGFR", MET_CHROMOSOME, *genome.egfr)
