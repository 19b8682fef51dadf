"""Parts that differ within a gene: the level of each exon, and how surely a run of exons differs from the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from metcn.genome.build import Interval
from metcn.ratios.correct import Level
from metcn.ratios.measurement import ExonLevel, Part
from metcn.reference.panel import MetRests
from metcn.stats import robust

ALPHA = 0.005  # chance to tell a part of a gene that has none; at this p-value a part decides half of the gene's level
KINASE_DOMAIN = range(15, 22)  # exons of MET
MINORITY, EQUAL = 0.25, 0.4  # fractions of the bins up to which a part is left out, and from which it counts in full
PRIOR_NORMALS = 2  # what exons share leans on what genes share like this many normals
PRIOR_SPREAD = 3  # a bin's spread of n normals is known as well as that of so many more
PRIOR_STEPS = 10  # noise of neighbours within the gene leans on what is expected like this many of them
MOST_FREEDOM = 100.0  # degrees of freedom that are taken for no more: nothing is known better
COVERED = 0.5  # fraction of a gene's bins that a normal has to have

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class GeneBins:
    """Usable bins of one gene in genome order: arrays of shape (bins,).

    Attributes
    ----------
    log2, sd : ndarray of float
        Log2 ratios on the sample's baseline, and their SDs.
    weight : ndarray of float
        Of each bin in a mean; it does not depend on ``log2``.
    floor : float
        SD that is added to each bin whatever is known of it, log2.
    slot : ndarray of int
        Where each lies, see `slots`.
    """

    log2: Floats
    sd: Floats
    weight: Floats
    floor: float
    slot: NDArray[np.intp]

    @property
    def exons(self) -> list[int]:
        """Numbers of the exons that have bins, ascending."""
        return [int(slot) // 2 for slot in np.unique(self.slot) if slot % 2 == 0]

    def means(self, members: Mask) -> Floats:
        """Weights that make weighted means of bins, shape (means, bins), of ``members`` of that shape."""
        weight = members * self.weight
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Normals:
    """What is known of the errors that bins of a gene share.

    Attributes
    ----------
    rest : ndarray, shape (normals, bins)
        What is left of left-out normals, log2, without missing values; no row where no normal tells.
    spread : ndarray, shape (bins,)
        Noise of each bin in them, log2.
    typical : float
        Error that the bins of a gene share elsewhere, log2.
    noisier : float
        Noise of the sample over that of normals, at least 1.
    number : int
        Normals of the panel.
    """

    rest: Floats
    spread: Floats
    typical: float
    noisier: float
    number: int

    def shared_variance(self, means: Floats) -> Floats:
        """Variance beyond bin noise of linear combinations of bins, shape (combinations,), of such a sample."""
        prior, count = np.nan_to_num(self.typical) ** 2, len(self.rest)
        if not count:
            return np.full(len(means), prior)
        normal = np.mean((self.rest @ means.T) ** 2, axis=0)
        own = np.maximum(normal - means**2 @ self.spread**2, 0.0) * self.noisier**2
        return np.asarray((count * own + PRIOR_NORMALS * prior) / (count + PRIOR_NORMALS))


@dataclass(frozen=True, eq=False)
class Runs:
    """Every run of exons against the rest of the gene: arrays of shape (runs,) or (runs, bins).

    A run that reaches the last exon is not among them: it is the rest of one that begins with the first.

    Attributes
    ----------
    first, last : ndarray of int
        First and last exon of each.
    inside, rest : ndarray of bool, shape (runs, bins)
        Bins of either side. Those of an intron between a run and the rest are in neither: it may break there.
    fraction : ndarray of float
        Exons of the run over those of the gene.
    rest_level : ndarray of float
        Level of the rest, log2.
    difference, se : ndarray of float
        Log2 of the run over the rest, with its error.
    p_value : ndarray of float
        Of each difference, times the number of runs; at most 1.
    misfit : ndarray of float
        Squares that are left of the bins, in their variances, where the run and the rest have a level each.
    exons : tuple of int
        Exons that have bins.
    """

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    inside: Mask
    rest: Mask
    fraction: Floats
    rest_level: Floats
    difference: Floats
    se: Floats
    p_value: Floats
    misfit: Floats
    exons: tuple[int, ...]

    @property
    def any_p_value(self) -> float:
        """P-value of a gene that has a part: that of the run which differs most surely; 1 without a run."""
        return float(self.p_value.min(initial=1.0))

    @property
    def likely(self) -> Floats:
        """Probability of each run if one of them differs: of those that are significant the one that fits the bins.

        Zero for all where none differs by any chance.
        """
        odds = _odds(self.p_value)
        among = odds > 0
        if not among.any():
            return np.zeros(len(odds))
        nearer = np.exp(-np.where(among, self.misfit - self.misfit[among].min(), np.inf) / 2)
        own = odds / (1 + odds) * nearer
        return np.asarray(own / own.sum())

    @property
    def weight(self) -> Floats:
        """Weight of every run in the gene's level; what is missing to 1 is that of a gene without a part."""
        odds = float(_odds(np.array([self.any_p_value]))[0])
        return np.asarray(odds / (1 + odds) * self.likely)

    def _beside(self, run: int) -> bool:
        """Whether the exons beside a run are to be named: those that are fewer, of as many those off the baseline."""
        fraction = float(self.fraction[run])
        if min(fraction, 1 - fraction) < EQUAL:
            return fraction > 0.5
        return bool(abs(self.rest_level[run]) > abs(self.rest_level[run] + self.difference[run]))

    def part(self) -> Part | None:
        """The run that differs, or the exons beside it where these are fewer; None where none differs."""
        if self.any_p_value > ALPHA:
            return None
        best = int(np.argmax(self.likely))
        first, last, sign, members = int(self.first[best]), int(self.last[best]), 1.0, self.inside[best]
        if first == self.exons[0] and self._beside(best):
            first, last = self.exons[self.exons.index(last) + 1], self.exons[-1]
            sign, members = -1.0, self.rest[best]
        difference = sign * float(self.difference[best])
        return Part(
            first, last, difference, float(self.se[best]), int(members.sum()), self.any_p_value,
            kinase_domain(first, last, self.exons),
        )  # fmt: skip


def slots(start: NDArray[np.integer], end: NDArray[np.integer], exons: Sequence[Interval]) -> NDArray[np.intp]:
    """Place of each bin among the exons: twice the number of its exon, or odd between two; shape (bins,).

    A bin belongs to the exon that it overlaps most. Exons that no bin overlaps have those that lie nearest to them.

    >>> slots(np.array([0, 40, 95, 140]), np.array([10, 50, 120, 160]), [(100, 110), (150, 170)]).tolist()
    [1, 1, 2, 4]
    >>> slots(np.array([0, 140]), np.array([10, 160]), [(100, 110), (150, 170)]).tolist()
    [2, 4]
    """
    edges = np.asarray(exons)
    overlap = np.minimum(end[:, None], edges[None, :, 1]) - np.maximum(start[:, None], edges[None, :, 0])
    nearest, own = np.argmax(overlap, axis=1), overlap.max(axis=1) > 0
    missed = ~np.isin(np.arange(len(edges)), nearest[own])
    between = 2 * np.sum(edges[:, 0][None, :] < start[:, None], axis=1) + 1
    return np.asarray(np.where(own | missed[nearest], 2 * (nearest + 1), between), dtype=np.intp)


def kinase_domain(first: int, last: int, exons: Sequence[int]) -> str | None:
    """Whether the kinase domain's ``exons`` are ``inside`` a part, ``outside`` or ``partly``; None without any."""
    inside = {first <= exon <= last for exon in exons if exon in KINASE_DOMAIN}
    if not inside:
        return None
    return "partly" if len(inside) == 2 else ("inside" if inside.pop() else "outside")


def rests_at(of_met: MetRests | None, rows: NDArray[np.intp]) -> Floats:
    """What is left of left-out normals at some bins, shape (normals, rows), of those that have half of them.

    A bin that a normal lacks has the median of its others.
    """
    if of_met is None or not len(rows):
        return np.zeros((0, len(rows)))
    rest = np.full((len(of_met.rest), len(rows)), np.nan)
    column = {int(row): number for number, row in enumerate(of_met.bin)}
    for number, row in enumerate(rows.tolist()):
        if row in column:
            rest[:, number] = of_met.rest[:, column[row]]
    rest = rest[np.isfinite(rest).mean(axis=1) >= COVERED]
    return np.where(np.isfinite(rest), rest, np.nanmedian(rest, axis=1, keepdims=True)) if len(rest) else rest


def levels(bins: GeneBins, normals: Normals) -> tuple[ExonLevel, ...]:
    """Level of every exon that has bins, log2 on the sample's baseline, with its error but for the baseline's."""
    if not bins.exons:
        return ()
    members = np.array([bins.slot == 2 * exon for exon in bins.exons])
    means = bins.means(members)
    variance = means**2 @ (bins.sd**2 + bins.floor**2) + normals.shared_variance(means)
    return tuple(
        ExonLevel(exon, float(log2), float(np.sqrt(square)), int(count))
        for exon, log2, square, count in zip(bins.exons, means @ bins.log2, variance, members.sum(axis=1), strict=True)
    )


def runs(bins: GeneBins, normals: Normals) -> Runs:
    """Every run of exons against the rest, with the significance that is left after so many were looked at.

    The error of a difference is that of bin noise, widened where neighbouring bins of the gene differ by more, and
    what left-out normals show of the very same difference. Student's t has the degrees of freedom that few normals
    leave (Satterthwaite 1946, doi:10.2307/3002019).
    """
    exons = bins.exons
    count = len(exons)
    pairs = [(i, j) for i in range(count) for j in range(i, count - 1)]
    inside = np.array([_inside(bins.slot, exons, i, j) for i, j in pairs]).reshape(len(pairs), len(bins.slot))
    rest = np.array([_rest(bins.slot, exons, i, j) for i, j in pairs]).reshape(len(pairs), len(bins.slot))
    first, last = (np.array([exons[pair[at]] for pair in pairs], dtype=np.intp) for at in (0, 1))
    fraction = np.array([(j - i + 1) / count for i, j in pairs])
    nothing = np.zeros(len(pairs))
    found = Runs(first, last, inside, rest, fraction, nothing, nothing, nothing, nothing + 1, nothing, tuple(exons))
    if not pairs:
        return found
    of_run, of_rest = bins.means(inside), bins.means(rest)
    means = of_run - of_rest
    widened = _neighbour_noise(bins) ** 2
    noise, shared = widened * (means**2 @ bins.sd**2), normals.shared_variance(means)
    variance = noise + widened * (means**2 @ np.full(len(bins.slot), bins.floor**2)) + shared
    fewer = np.minimum(1 / np.sum(of_run**2, axis=1), 1 / np.sum(of_rest**2, axis=1))
    freedom = (normals.number + PRIOR_SPREAD) * fewer if normals.number else np.full(len(pairs), MOST_FREEDOM)
    of_shared = len(normals.rest) + PRIOR_NORMALS if len(normals.rest) else MOST_FREEDOM
    freedom = np.minimum(variance**2 / np.maximum(noise**2 / freedom + shared**2 / of_shared, 1e-12), MOST_FREEDOM)
    difference = means @ bins.log2
    se = np.sqrt(variance)
    p_value = np.minimum(2 * stdtr(freedom, -np.abs(difference) / se) * len(pairs), 1.0)
    level = of_rest @ bins.log2
    misfit = _misfit(bins, found, of_run @ bins.log2, level) / widened
    return replace(found, rest_level=level, difference=difference, se=se, p_value=p_value, misfit=misfit)


def _misfit(bins: GeneBins, found: Runs, level: Floats, of_rest: Floats) -> Floats:
    """Squared distance of the bins to the level of their side, over their variance, shape (runs,).

    Bins of an intron at the end of a run have the nearer level of the two.
    """
    precision = 1 / (bins.sd**2 + bins.floor**2)
    of_run, of_others = ((bins.log2[None, :] - side[:, None]) ** 2 * precision for side in (level, of_rest))
    square = np.where(found.inside, of_run, np.where(found.rest, of_others, np.minimum(of_run, of_others)))
    return np.asarray(square.sum(axis=1))


def _odds(p_value: Floats) -> Floats:
    """Odds of a part: `ALPHA` over its p-value, falling to none at a p-value of 1 without a step."""
    return np.asarray(ALPHA * (1 / np.maximum(p_value, 1e-300) - 1))


@dataclass(frozen=True)
class GeneLevel:
    """Level of a whole gene, log2: its error by bin noise, that which a part leaves open, and the bins' scatter."""

    log2: float
    noise: float
    part: float
    scatter: float


def gene_level(whole: Level, found: Runs, level_of: Callable[[Mask], Level]) -> GeneLevel:
    """Level of a gene that a part may differ in: the mean over having none (``whole``) and every run, by its evidence.

    Where a run or the exons beside it have few of the bins, the others are the gene. Where both have about as many the
    gene is their mean over bins, and the error covers both. ``level_of`` gives the level of bins.
    """
    weight = found.weight
    chosen = np.flatnonzero(weight > 0)
    if not len(chosen):
        return GeneLevel(whole.log2, whole.se, 0.0, whole.scatter)
    log2, noise, apart, scatter = [whole.log2], [whole.se], [0.0], [whole.scatter]
    for run in chosen.tolist():
        sides = [level_of(found.inside[run]), level_of(found.rest[run])]
        fraction = float(found.inside[run].sum() / (found.inside[run] | found.rest[run]).sum())
        fewer, more = sides if fraction <= 0.5 else sides[::-1]
        minority = min(fraction, 1 - fraction)
        counted = min(max((minority - MINORITY) / (EQUAL - MINORITY), 0.0), 1.0)
        log2.append(more.log2 + counted * minority * (fewer.log2 - more.log2))
        noise.append(float(np.hypot((1 - counted * minority) * more.se, counted * minority * fewer.se)))
        apart.append(counted * minority * (1 - minority) * (fewer.log2 - more.log2) ** 2)
        scatter.append(max(fewer.scatter, more.scatter))
    each = np.array([1 - weight.sum(), *weight[chosen]])
    mean = float(each @ log2)
    return GeneLevel(
        log2=mean,
        noise=float(np.sqrt(each @ np.square(noise))),
        part=float(np.sqrt(each @ ((np.array(log2) - mean) ** 2 + apart))),
        scatter=scatter[1 + int(np.argmax(weight[chosen]))] if found.part() else whole.scatter,
    )


def _inside(slot: NDArray[np.intp], exons: Sequence[int], i: int, j: int) -> Mask:
    """Bins of a run from the ``i``-th to the ``j``-th exon; those before the first exon are the first's."""
    low = 2 * exons[i] if i else 0
    return np.asarray((slot >= low) & (slot <= 2 * exons[j]))


def _rest(slot: NDArray[np.intp], exons: Sequence[int], i: int, j: int) -> Mask:
    """Bins of the exons, and introns, before and after such a run."""
    before = slot <= 2 * exons[i - 1] if i else np.zeros(len(slot), dtype=bool)
    after = slot >= 2 * exons[j + 1] if j + 1 < len(exons) else np.zeros(len(slot), dtype=bool)
    return np.asarray(before | after)


def _neighbour_noise(bins: GeneBins) -> float:
    """Noise of neighbouring bins of the gene over what is expected, at least 1: one step among them hardly moves it."""
    sd = np.hypot(bins.sd, bins.floor)
    step = np.diff(bins.log2) / np.hypot(sd[1:], sd[:-1])
    if not len(step):
        return 1.0
    own = robust.MAD_TO_SD * float(np.median(np.abs(step)))
    return max(1.0, float(np.sqrt((len(step) * own**2 + PRIOR_STEPS) / (len(step) + PRIOR_STEPS))))
