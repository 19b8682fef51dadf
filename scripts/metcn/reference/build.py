"""Panel of normals: each bin's centre, noise and usability, and the components that normals vary along."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import WIDE_KINDS, BinLayout
from metcn.reference import on_seven, sample_groups, tangent
from metcn.reference.centre import BinStatistics, centre_and_spread, scale
from metcn.reference.cross_validation import judge
from metcn.reference.panel import FEWEST_NORMALS, KindNull, LeftOut, MetRests, Panel
from metcn.run.settings import ReferenceSettings
from metcn.stats import robust

SAMPLE_BINS = 20_000  # bins of a kind on which the number of components is chosen: enough, and independent of size
STRETCH = 64  # neighbouring groups that are taken together, so that what neighbours share can be seen
MISSING_FRACTION = 0.25  # a bin without reads in more of the normals than this is masked

Floats = NDArray[np.floating]


def mask_reasons(layout: BinLayout, statistics: BinStatistics, settings: ReferenceSettings) -> NDArray[np.str_]:
    """Reason per bin why it is not used, "" where it is: the layout's own, else what the normals show.

    ``min_relative_depth`` is relative to the kind's median bin (linear), ``max_spread`` in log2.
    """
    centre, spread = statistics.centre, statistics.spread
    mask = layout.mask.astype("U32")
    low = np.zeros(len(mask), dtype=bool)
    for name in layout.kinds:
        members = layout.kind == name
        low |= members & (2 ** (centre - robust.median(centre[members])) < settings.min_relative_depth)
    for bad, reason in (
        (statistics.missing > MISSING_FRACTION, "no_reads_in_normals"),
        (low, "low_depth_in_normals"),
        (spread > settings.max_spread, "noisy_in_normals"),
        (~np.isfinite(centre) | ~np.isfinite(spread), "no_reads_in_normals"),
    ):
        mask[(mask == "") & bad] = reason
    return mask


def build(
    log2_depth: Floats, layout: BinLayout, settings: ReferenceSettings, *, trusted: NDArray[np.bool_] | None = None
) -> Panel:
    """Panel of normals from their log2 depths.

    Parameters
    ----------
    log2_depth : ndarray of float32, shape (normals, bins)
        NaN where a bin has no reads.
    layout : BinLayout
        Genes with at least half as many bins as MET decide how many components are used.
    settings : ReferenceSettings
    trusted : ndarray of bool, shape (normals,)
        Normals that the panel is made of, three or more; the others are only compared with it (``left_out``). Default
        all.
    """
    every = scale(log2_depth, layout.kind, layout.fit & layout.usable)
    male = _males(every, layout.x & layout.usable)
    if male is not None:  # what two copies would have given
        every[np.ix_(male, layout.x & layout.usable)] += 1.0
    trusted = np.ones(len(every), dtype=bool) if trusted is None else trusted
    kept = every if trusted.all() else every[trusted]
    statistics = centre_and_spread(kept)
    centre, spread = statistics.centre, statistics.spread.copy()
    reasons = mask_reasons(layout, statistics, settings)
    usable = reasons == ""
    if len(kept) < FEWEST_NORMALS:
        spread[:] = 1.0  # too few to learn it: the sample's own noise gives the scale
    null: dict[str, KindNull] = {}
    left: dict[str, LeftOut] = {}
    of_met: MetRests | None = None
    for name in layout.kinds if len(kept) >= FEWEST_NORMALS else ():
        members = np.flatnonzero((layout.kind == name) & usable)
        if layout.fit[members].any():
            sampled = _sample(members, layout)
            judged = judge(
                every[:, sampled.rows],
                layout.at(sampled.rows),
                most=settings.max_components,
                trusted=trusted,
                watched=sampled.watched,
            )
            null[name] = judged.null
            if judged.left_out:
                left[name] = judged.left_out
                met = sampled.rows[layout.met[sampled.rows]]
                if len(met) and name not in WIDE_KINDS:  # all of MET's are of one kind; windows tell of no exon
                    of_met = MetRests(judged.left_out.met.astype(np.float32), met)
            spread[layout.kind == name] *= judged.null.noise
    kept -= centre
    components = _components(kept, spread, layout, usable & layout.autosomal, null)
    male = male if male is None or trusted.all() else male[trusted]
    rests = on_seven.rests(left, layout, trusted)
    left = {name: one.at(one.regular) for name, one in left.items()}
    return Panel(
        centre, spread, reasons, components.basis, null, len(kept), components.scores, male, rests, of_met, left
    )


def _males(log2_depth: Floats, x: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Which normals are male, by their chromosome X; None where that cannot be told."""
    if not x.any():
        return None
    rows = log2_depth[:, x]
    level = np.array([robust.median(row) for row in rows - centre_and_spread(rows).centre])
    return sample_groups.males(level)


class Components(NamedTuple):
    """Components of every kind in one array, shape (bins, components), and the normals' scores of them by kind."""

    basis: Floats
    scores: dict[str, Floats]


def _components(
    residual: Floats, spread: Floats, layout: BinLayout, learn: NDArray[np.bool_], null: dict[str, KindNull]
) -> Components:
    """Components of ``residual``, shape (normals, bins), learned on the bins of ``learn``; a bin has its own kind's."""
    basis = np.zeros((residual.shape[1], max((part.components for part in null.values()), default=0)), dtype=np.float32)
    scores: dict[str, Floats] = {}
    for name, kind_null in null.items():
        members = np.flatnonzero(layout.kind == name)
        group = layout.group[members]
        weight = np.where(learn[members], tangent.bin_weights(spread[members]), 0.0)
        rows = [tangent.grouped(tangent.winsorise(row[members], weight), weight, group) for row in residual]
        known = rows[0]
        inner = tangent.gram(np.stack([row.means for row in rows]), known.variance, known.present())
        mix = tangent.mixing(inner, kind_null.components)
        scores[name] = mix * len(mix)  # the columns of `mix` have a squared length of one normal in all
        part = residual if len(members) == residual.shape[1] else residual[:, members]
        basis[members, : mix.shape[1]] = tangent.components(part, tangent.bin_weights(spread[members]), mix)
    return Components(basis, scores)


class _Sample(NamedTuple):
    """Bins that normals are judged on, and which of them are only watched: each has a rest, and nothing rests on it."""

    rows: NDArray[np.intp]
    watched: NDArray[np.bool_]


def _sample(members: NDArray[np.intp], layout: BinLayout) -> _Sample:
    """At most about ``SAMPLE_BINS`` of ``members``: runs of whole groups at an even stride, and MET.

    Of chromosome 7 as many groups again are watched, by themselves and not in runs, so that all its windows have some.
    """
    step = max(1, int(np.ceil(len(members) / SAMPLE_BINS)))
    if step == 1:
        return _Sample(members, np.zeros(len(members), dtype=bool))
    group = layout.group[members]
    regular = (group // STRETCH % step == 0) | layout.met[members]
    seven = layout.on_seven[members]
    watched = seven & ~regular & (group % max(1, int(np.ceil(seven.sum() / SAMPLE_BINS))) == 0)
    kept = regular | watched
    return _Sample(members[kept], watched[kept])
