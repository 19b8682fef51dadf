"""What a panel of normals is: arrays with one entry per bin, and what leaving normals out showed of their noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

REGION_BP = 5e6
REGION_WITHOUT_NORMALS = 0.035
"""Log2 error that windows within 5 Mb of each other share where no normal shows what their place does to depth.

In two real plasma genomes of a tenth of a fold (1 Mb windows, corrected for GC content and mappability; the tumour's
part taken out by their difference, or nearly absent) means of 5 neighbours scatter by .030 to .034 beyond counting,
robustly, single windows by .060. A sample's own scatter does not show it: its genes are compared with what is around.
"""
REGION_AVERAGED = {2: 0.85, 4: 0.7, 8: 0.55}  # of a mean over 10, 20 and 40 Mb; .028, .023 and .018 in those genomes
BESIDE_CENTROMERE = 0.055  # the same within 5 Mb of a centromere; .053 and .054 on the two sides of 17 and 15 autosomes
FEWEST_NORMALS = 3  # of which a panel learns noise rather than assuming it

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class KindNull:
    """What leaving normals out shows of one kind of bins: errors by number of components, and what remains."""

    components: int
    errors: dict[int, float]  # number of components -> RMS of the left-out normals' gene means, log2
    noise: float  # robust SD of a left-out bin after correction, over what its raw spread said
    excess: float  # SD that bins of a gene share beyond their own noise, log2
    averaged: dict[int, float] = field(default_factory=dict)  # neighbouring groups -> excess of their mean, over one's
    scatter: tuple[float, ...] = ()  # of each normal's genes when it is left out, log2; NaN where it was not judged
    met_factor: float = 1.0  # MET's error in left-out normals over that of their typical gene, at least 1


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What fits without each normal leave over of its gene means, for one kind of bins.

    Attributes
    ----------
    rest : ndarray, shape (normals, groups)
        Log2; NaN where a normal has no bin of a group.
    plain : ndarray, shape (normals, groups)
        The same without components: they take the assay's bias away, but a tumour among the normals is one of them and
        rubs off on the others.
    variance : ndarray, shape (groups,)
        What bin noise gives such a mean in the typical normal; NaN where that is not known.
    label : ndarray of int, shape (groups,)
        Numbers of the groups, ascending.
    judged : ndarray of bool, shape (groups,)
        Groups that have about as many bins as MET, by which a gene's error is judged.
    regular : ndarray of bool, shape (groups,)
        All but those that are only watched.
    met : ndarray, shape (judged normals, MET's bins)
        What is left of MET's own bins, log2, as `MetRests` has it; NaN where a normal has none.
    """

    rest: Floats
    plain: Floats
    variance: Floats
    label: NDArray[np.intp]
    judged: NDArray[np.bool_]
    regular: NDArray[np.bool_]
    met: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    def at(self, groups: NDArray[np.bool_]) -> LeftOut:
        """The same of some of the groups."""
        if groups.all():
            return self
        return LeftOut(
            self.rest[:, groups],
            self.plain[:, groups],
            self.variance[groups],
            self.label[groups],
            self.judged[groups],
            self.regular[groups],
            self.met,
        )


@dataclass(frozen=True, eq=False)
class Rests:
    """What fits without each normal leave over of its groups on chromosome 7, for one kind of bins.

    Attributes
    ----------
    rest : ndarray, shape (normals, groups)
        Log2; NaN where a normal has no bin of a group.
    variance : ndarray, shape (groups,)
        What bin noise gives such a rest in the typical normal; NaN where that is not known.
    label : ndarray of int, shape (groups,)
        Numbers of the groups, ascending.
    excess : ndarray, shape (normals,)
        What groups of each normal stray from the level around them, over the whole genome, beyond bin noise, log2: by
        this a noisy normal, or sample, is told from a quiet one.
    """

    rest: Floats
    variance: Floats
    label: NDArray[np.intp]
    excess: Floats


@dataclass(frozen=True, eq=False)
class MetRests:
    """What fits without each normal leave over of MET's own bins: how its exons stray, and stray together.

    Attributes
    ----------
    rest : ndarray, shape (normals, MET's usable bins)
        Log2, of at most some tens of normals; NaN where a normal has no depth. That of a normal whose bins are noisier
        than the typical one's is divided by how much noisier they are.
    bin : ndarray of int, shape (MET's usable bins,)
        Number of each among the panel's bins.
    """

    rest: Floats
    bin: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Panel:
    """A panel of normals over all bins of an assay.

    Attributes
    ----------
    centre, spread : ndarray of float, shape (bins,)
        Typical log2 depth of the scaled normals, and the SD expected of a bin after correction; NaN where unknown.
    mask : ndarray of str, shape (bins,)
        "" where a bin is usable, else why it is not.
    basis : ndarray of float, shape (bins, components)
        Components, log2 per unit score; the columns beyond those of a bin's own kind are 0.
    null : dict of str to KindNull
        Per kind of bins; empty with fewer than three normals.
    normals : int
        How many normals it was made of.
    scores : dict of str to ndarray, shape (normals, components)
        Per kind, the normals' own scores of its components.
    male : ndarray of bool, shape (normals,), or None
        Sex of each normal where two sexes could be told apart: then the centre of chromosome X is that of two copies.
    rests : dict of str to Rests
        Per kind, what is left of each normal of the panel on chromosome 7.
    met_rests : MetRests or None
        What is left of MET's own bins; None where no normal tells, or in a panel of an earlier version.
    left_out : dict of str to LeftOut
        Per kind, what is left of each normal; not stored with a panel.
    """

    centre: Floats
    spread: Floats
    mask: NDArray[np.str_]
    basis: Floats
    null: dict[str, KindNull] = field(default_factory=dict)
    normals: int = 0
    scores: dict[str, Floats] = field(default_factory=dict)
    male: NDArray[np.bool_] | None = None
    rests: dict[str, Rests] = field(default_factory=dict)
    met_rests: MetRests | None = None
    left_out: dict[str, LeftOut] = field(default_factory=dict)


def share_of(averaged: Mapping[int, float], groups: float) -> float:
    """Excess of a mean over so many neighbouring groups, over that of one, from what was measured of some numbers.

    Neighbours share part of what is left, so this falls more slowly than ``1 / sqrt(groups)``; beyond the longest
    stretch that normals were measured on it is taken to fall that fast again, and so from one where nothing was.
    """
    known = {1: 1.0} | {length: fraction for length, fraction in averaged.items() if np.isfinite(fraction)}
    lengths = sorted(known)
    inside = min(max(groups, 1), lengths[-1])
    fraction = np.interp(np.log(inside), np.log(lengths), [known[length] for length in lengths])
    return float(fraction * np.sqrt(inside / max(groups, 1)))


def weighted_share(averaged: Mapping[int, float], weight: ArrayLike) -> float:
    """Excess of a weighted mean over groups of one kind, in genome order, over that of one group.

    What two groups share falls with the groups between them; ``averaged`` (means over so many neighbours, equally
    weighted) tells how fast, and beyond the longest stretch that normals were measured on nothing is shared. So a few
    heavy groups among many average out better than as many neighbours would.

    >>> weights = [3.0], [1.0, 1.0], [1.0, 0.0, 0.0, 1.0]
    >>> [round(weighted_share({2: 0.9, 4: 0.8}, weight), 3) for weight in weights]
    [1.0, 0.9, 0.843]
    """
    each = np.asarray(weight, dtype=float)
    shared = _shared(averaged)[: len(each)]
    products = [float(each[apart:] @ each[: len(each) - apart]) for apart in range(len(shared))]
    twice = np.where(np.arange(len(shared)) > 0, 2.0, 1.0)
    return float(np.sqrt(np.sum(twice * shared * products)) / each.sum())


def _shared(averaged: Mapping[int, float]) -> NDArray[np.float64]:
    """Covariance of two groups by the steps between them over the variance of one, never rising; 0 beyond the end.

    Between the lengths that were measured it is taken to be the same.
    """
    lengths = sorted(length for length, fraction in averaged.items() if length > 1 and np.isfinite(fraction))
    shared, reach = np.zeros(max([1, *lengths])), 1
    shared[0] = 1.0
    for length in lengths:
        apart = np.arange(1, length)
        pairs = 2.0 * (length - apart)  # of the sum over all pairs of such a stretch
        missing = (length * averaged[length]) ** 2 - length - float(pairs @ shared[1:length])
        shared[reach:length] = np.clip(missing / pairs[reach - 1 :].sum(), 0.0, shared[reach - 1])
        reach = length
    return shared


def region_error(region: float, span_bp: float) -> float:
    """Error, log2, that is left in a mean over windows of a span, in bp, if it is ``region`` within 5 Mb.

    Continuous in the span; never above ``region``, which anything within 5 Mb has.

    >>> [round(region_error(0.04, megabases * 1e6), 3) for megabases in (0.1, 5, 10, 40, 160)]
    [0.04, 0.04, 0.034, 0.022, 0.011]
    """
    return region * share_of(REGION_AVERAGED, span_bp / REGION_BP)


def sides_error(region: float) -> float:
    """Error, log2, that the mean of two neighbouring regions has beyond that of two which share nothing.

    >>> round(sides_error(0.035), 4)
    0.0165
    """
    together = region_error(region, 2 * REGION_BP)
    return float(np.sqrt(max(together**2 - region**2 / 2, 0.0)))


def flat(mask: NDArray[np.str_]) -> Panel:
    """A panel that says nothing: every centre 0, every spread 1 (the sample's own noise then gives the scale).

    ``mask`` holds the reason why a bin is not used, shape (bins,).
    """
    count = len(mask)
    return Panel(centre=np.zeros(count), spread=np.ones(count), mask=mask, basis=np.zeros((count, 0)))
