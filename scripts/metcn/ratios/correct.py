"""One sample against the normals: its log2 ratios after correction, and the levels taken from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metcn.bins import groups as regions
from metcn.bins.layout import WIDE_KINDS, BinLayout
from metcn.ratios.measurement import LocusLevel
from metcn.reference import gc_curves, sums, tangent
from metcn.reference.panel import Panel
from metcn.stats import fragments, robust

BIN_FLOOR = 0.1  # log2; a few very quiet bins must not be taken for the gene
LEVEL_BOUND = 3.0  # SDs from the others in its gene at which a bin loses weight: dropout does, real signal does not

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CorrectedProfile:
    """A sample's log2 ratios after correction: arrays of shape (bins,), and a mapping from each kind of bins.

    Attributes
    ----------
    log2_ratio, sd : ndarray
        Log2 ratios, NaN where masked, and the SD expected of each.
    number, expected : ndarray
        Fragments behind each depth, and those expected of the bin at ratio 1; NaN where they are not known.
    noise : mapping
        Kind -> bin noise of this sample, log2.
    scale : mapping
        Kind -> that noise over what the normals lead to expect.
    scores : mapping
        Kind -> score of each component, in SDs of the normals.
    summed : tuple of str
        Kinds of so few fragments that sums of counts take the place of logarithms.
    """

    log2_ratio: Floats
    sd: Floats
    number: Floats
    expected: Floats
    noise: dict[str, float]
    scale: dict[str, float]
    scores: dict[str, list[float]]
    summed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Level:
    """A robust mean of log2 ratios with its standard error, NaN where there are no bins.

    ``fragments`` were seen in those bins and ``expected`` there at ratio 1; NaN where that is not known.
    """

    log2: float
    se: float
    bins: int
    scatter: float = float("nan")
    fragments: float = float("nan")
    expected: float = float("nan")

    def shown(self) -> LocusLevel:
        """What the measurement says of it."""
        return LocusLevel(self.log2, self.se, self.bins, self.fragments)


@dataclass(frozen=True, eq=False)
class _Surroundings:
    """Level that wide bins have around each bin, log2, shape (bins,), and its typical error."""

    log2: Floats
    error: float


@dataclass(frozen=True, eq=False)
class _Part:
    """Corrected bins of one kind: arrays of their shape; the rest as in `CorrectedProfile`."""

    log2_ratio: Floats
    sd: Floats
    expected: Floats
    noise: float
    scale: float
    scores: list[float]


@dataclass(frozen=True, eq=False)
class _Correction:
    """A sample, the normals, and how the one is corrected by the other: arrays of shape (bins,).

    ``residual`` is the log2 depth less the normals' centre, NaN where masked; ``counts`` are the fragments behind it.
    """

    layout: BinLayout
    panel: Panel
    residual: Floats
    counts: fragments.Counts | None
    covariates: Sequence[str]
    curve: str
    summed: Sequence[str]

    @property
    def number(self) -> Floats:
        """Fragments of each bin; NaN where they are not known."""
        return np.full(len(self.layout), np.nan) if self.counts is None else self.counts.number

    def parts(self, kinds: Sequence[str], around: _Surroundings) -> dict[str, _Part]:
        """Corrected bins of some kinds; a kind without a bin to fit on is not among them."""
        known = self.layout.fit & np.isfinite(self.residual) & np.isfinite(around.log2)
        parts = {}
        for name in kinds:
            members = np.flatnonzero(self.layout.kind == name)
            if known[members].any():
                few = self.counts is not None and name in self.summed
                parts[name] = (self._by_sums if few else self._by_logarithms)(members, known[members], around)
        return parts

    def _components(self, members: NDArray[np.intp]) -> Mask:
        """Columns of the basis that are components of these bins."""
        return np.any(self.panel.basis[members] != 0, axis=0)

    def _by_sums(self, members: NDArray[np.intp], used: Mask, around: _Surroundings) -> _Part:
        """Corrected bins of few fragments; the fit rests on those ``used``."""
        assert self.counts is not None
        number, layout = self.counts.number, self.layout.at(members)
        seen = np.where(np.isfinite(self.residual), number, np.nan)[members]
        due = (self.counts.per_depth * 2**self.panel.centre)[members]
        basis = self.panel.basis[:, self._components(members)].astype(float)[members]
        fitted = sums.fitted(
            sums.Bins(layout, seen, due, basis, around.log2[members]),
            {name: getattr(layout, name) for name in self.covariates},
        )
        noise = robust.median(fitted.sd[used])
        return _Part(
            log2_ratio=fragments.log2_ratio(number[members], fitted.expected),
            sd=fitted.sd,
            expected=fitted.expected,
            noise=noise,
            scale=noise / robust.median(self.panel.spread.astype(float)[members][used]),
            scores=fitted.scores,
        )

    def _by_logarithms(self, members: NDArray[np.intp], used: Mask, around: _Surroundings) -> _Part:
        """Corrected bins of many fragments; the fit rests on those ``used``."""
        layout, residual = self.layout.at(members), self.residual[members]
        spread = self.panel.spread[members].astype(float)
        basis = self.panel.basis[members][:, self._components(members)].astype(float)
        left = (residual - around.log2[members])[used]
        scores = _scores(left, spread[used], basis[used], layout.group[used], around.error)
        ratio = tangent.subtract(residual, basis, scores)
        for name in [*self.covariates] * (sums.STEPS if len(self.covariates) > 1 else 1):
            skewed = name in gc_curves.SKEWED
            ratio -= gc_curves.explained(
                ratio, covariate=getattr(layout, name), rows=layout.fit, method=self.curve, skewed=skewed
            )
        scale = noise_scale(ratio, spread, layout.chromosome)
        expected = np.maximum(self.number[members], 0.5) / 2**ratio  # an empty bin has half a fragment
        learned = spread * scale
        floor = np.fmax(learned, fragments.sd(expected))
        sd = np.where(np.isfinite(ratio) & np.isfinite(learned), floor, np.nan)
        return _Part(ratio, sd, expected, robust.median(sd[used]), scale, [float(score) for score in scores[:-1]])

    def profile(self, parts: Mapping[str, _Part]) -> CorrectedProfile:
        """Corrected kinds in the order of the bins; NaN for those that are not among them."""
        ratio, sd, expected = (np.full(len(self.layout), np.nan) for _ in range(3))
        for name, part in parts.items():
            own = self.layout.kind == name
            ratio[own], sd[own], expected[own] = part.log2_ratio, part.sd, part.expected
        return CorrectedProfile(
            log2_ratio=ratio,
            sd=sd,
            number=self.number,
            expected=expected,
            noise={name: part.noise for name, part in parts.items()},
            scale={name: part.scale for name, part in parts.items()},
            scores={name: part.scores for name, part in parts.items()},
            summed=tuple(self.summed),
        )


def correct(
    log2_depth: Floats,
    layout: BinLayout,
    panel: Panel,
    counts: fragments.Counts | None = None,
    *,
    covariates: Sequence[str] = ("gc",),
    curve: str = "medians",
    summed: Sequence[str] = (),
) -> CorrectedProfile:
    """Log2 ratios of one sample: centred on the normals, less what components and curves explain, level 0 per kind.

    Kinds that cover the genome evenly come first. Targets are then fitted on what is left of them after the level that
    those bins have around them is taken away: so the tumour's own gains and losses are not taken for the assay's.

    Parameters
    ----------
    log2_depth : ndarray, shape (bins,)
        NaN where a bin has no reads (it stays NaN).
    layout : BinLayout
    panel : Panel
        What normals have in these bins; its mask says which of them are used.
    counts : Counts, optional
        Fragments behind the depths, as far as they are known: the error that counting them gives a bin is a floor.
    covariates : sequence of str
        ``gc``, ``mappability``: what a curve of its own is taken away for, one after the other; of two, twice, since
        GC content and mappability go together.
    curve : str
        How the curves are made, see `metcn.reference.gc_curves.explained`.
    summed : sequence of str
        Kinds of bins that hold few fragments, see `metcn.reference.sums`.
    """
    residual = np.where(panel.mask == "", np.asarray(log2_depth, dtype=float) - panel.centre, np.nan)
    task = _Correction(layout, panel, residual, counts, covariates, curve, summed)
    around = _Surroundings(np.zeros(len(layout)), 0.0)
    parts = task.parts([name for name in layout.kinds if name in WIDE_KINDS], around)
    profile = task.profile(parts)
    if layout.target.any() and (layout.fit & layout.wide & np.isfinite(profile.log2_ratio)).any():
        local = wide_levels(profile, layout)[layout.block]
        around = _Surroundings(local, wide_noise(profile, layout, profile.log2_ratio, local))
    return task.profile(parts | task.parts([name for name in layout.kinds if name not in WIDE_KINDS], around))


def _scores(
    residual: Floats, spread: Floats, basis: Floats, group: NDArray[np.intp], error: float
) -> NDArray[np.float64]:
    """Scores of the components, and the level, from group means with an ``error`` besides their own."""
    weight = tangent.bin_weights(spread)
    known = tangent.grouped(np.vstack([residual, basis.T]), weight, group)
    use = known.present()
    return tangent.fit(known.means[0, use], known.variance[use] + error**2, known.means[1:, use].T).scores


def noise_scale(ratio: Floats, spread: Floats, chromosome: NDArray) -> float:
    """Noise of a sample over the expected one, from differences of neighbours, which copy-number steps hardly touch."""
    keep = np.flatnonzero(np.isfinite(ratio) & np.isfinite(spread))
    if keep.size < 3:
        return 1.0
    step = np.diff(ratio[keep]) / np.hypot(spread[keep][1:], spread[keep][:-1])
    same = chromosome[keep][1:] == chromosome[keep][:-1]
    scale = float(robust.MAD_TO_SD * np.median(np.abs(step[same]))) if same.any() else robust.spread(step)
    return max(scale, 1e-3)


def block_levels(ratio: Floats, *, block: NDArray[np.intp], use: Mask) -> Floats:
    """Level of every block, shape (blocks,): the median of its ``use`` bins, NaN without any."""
    return regions.medians(np.where(use, ratio, np.nan), block, int(block.max(initial=-1)) + 1)


def wide_levels(profile: CorrectedProfile, layout: BinLayout) -> Floats:
    """`block_levels` of wide bins, shape (blocks,), from sums where they hold few fragments."""
    if not np.isin(layout.kind[layout.wide], profile.summed).all() or not layout.wide.any():
        return block_levels(profile.log2_ratio, block=layout.block, use=layout.wide)
    return summed_levels(profile.number, profile.expected, block=layout.block, use=layout.wide)


def wide_noise(profile: CorrectedProfile, layout: BinLayout, ratio: Floats, local: Floats) -> float:
    """Typical error of `wide_levels`: that of a median of bins, or of a block's fragments where they are summed.

    ``ratio`` and ``local`` are the bins' log2 ratios and the level around them, on one baseline.
    """
    use = layout.wide & layout.fit
    if not use.any() or not np.isin(layout.kind[use], profile.summed).all():
        return local_noise(ratio, profile.sd, local, use=use, block=layout.block)
    keep = use & np.isfinite(profile.number) & np.isfinite(profile.expected)
    seen, size = np.bincount(layout.block[keep], weights=profile.number[keep]), np.bincount(layout.block[keep])
    return robust.median(fragments.sd(seen[size > 0])) if keep.any() else 0.0


def summed_levels(number: Floats, expected: Floats, *, block: NDArray[np.intp], use: Mask) -> Floats:
    """Log2 of the fragments of every block's ``use`` bins over those expected, shape (blocks,); NaN without any."""
    keep, count = use & np.isfinite(number) & np.isfinite(expected), int(block.max(initial=-1)) + 1
    seen, due = (np.bincount(block[keep], weights=values[keep], minlength=count) for values in (number, expected))
    return np.asarray(fragments.log2_ratio(seen, due))


def local_noise(ratio: Floats, sd: Floats, local: Floats, *, use: Mask, block: NDArray[np.intp]) -> float:
    """Typical error of the local level, log2: that of a median over the ``use`` bins of a block; 0 without any.

    How far bins lie from their block's median says so where a block has three of them; with fewer it would say too
    little, and the bins' own expected ``sd`` serves.
    """
    keep = use & np.isfinite(ratio) & np.isfinite(local)
    if not keep.any():
        return 0.0
    size = np.bincount(block[keep])
    told = keep & (np.pad(size, (0, int(block.max()) + 1 - len(size)))[block] >= 3)
    if told.sum() > 1:
        return float(1.25 * robust.spread((ratio - local)[told]) / np.sqrt(np.median(size[size > 0])))
    return float(robust.median(sd[keep]) / np.sqrt(np.median(size[size > 0])))  # of one or two the median is the mean


def level(ratio: Floats, sd: Floats, members: Mask, *, alike: bool = False) -> Level:
    """Robust mean of the finite log2 ratios among ``members`` with the error that bin noise gives it.

    There is no ceiling: a bin is weighed by its distance from its neighbours in the gene, never by its height. Of bins
    that are ``alike``, as windows of a genome, none is quieter than their median; others have ``BIN_FLOOR`` added.
    """
    keep = members & np.isfinite(ratio) & np.isfinite(sd)
    noise = np.maximum(sd[keep], robust.median(sd[keep])) if alike else np.hypot(sd[keep], BIN_FLOOR)
    mean, error, scatter = robust.huber_mean(ratio[keep], noise, LEVEL_BOUND)
    return Level(log2=mean, se=error, bins=int(keep.sum()), scatter=scatter)


def summed_level(number: Floats, expected: Floats, sd: Floats, members: Mask) -> Level:
    """Log2 of the fragments among ``members`` over those expected, with the error of counting and of what bins add.

    ``sd`` is the bins' own: what it exceeds counting by averages out over them. Where no fragment is seen the level is
    that of half a one, and its error is wide.
    """
    keep = members & np.isfinite(number) & np.isfinite(expected) & np.isfinite(sd) & (expected > 0)
    if not keep.any():
        return Level(float("nan"), float("nan"), 0)
    number, expected, sd = number[keep], expected[keep], sd[keep]
    seen, due = float(number.sum()), float(expected.sum())
    beyond = np.maximum(sd**2 - fragments.sd(expected) ** 2, 0.0)
    error = float(np.sqrt(fragments.sd(seen) ** 2 + np.sum(beyond * (expected / due) ** 2)))
    log2 = float(fragments.log2_ratio(seen, due))
    mean = expected * (seen + 0.5) / due
    spare = np.sum((number - mean) ** 2 / (mean + (mean * np.log(2)) ** 2 * beyond)) / max(len(number) - 1, 1)
    scatter = float(np.sqrt(spare)) if len(number) > 2 else 1.0
    return Level(log2, error, len(number), scatter, seen, due)


def joined(one: Level, other: Level) -> Level:
    """Mean of two levels of the same place, weighed by their errors; one alone where the other has no bins."""
    if not one.bins or not other.bins:
        return one if one.bins else other
    weight = other.se**2 / (one.se**2 + other.se**2) if one.se + other.se > 0 else 0.5
    return Level(
        weight * one.log2 + (1 - weight) * other.log2,
        float(np.hypot(weight * one.se, (1 - weight) * other.se)),
        one.bins + other.bins,
        max(one.scatter, other.scatter),
        one.fragments + other.fragments,
        one.expected + other.expected,
    )
