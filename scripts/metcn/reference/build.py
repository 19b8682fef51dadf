"""Panel of normals: each bin's centre, noise and usability, and the components that normals vary along."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metcn.reference import sample_groups, tangent
from metcn.reference.centre import centre_and_spread, scale
from metcn.reference.cross_validation import Places, judge
from metcn.reference.panel import FEWEST_NORMALS, KindNull, LeftOut, Panel
from metcn.stats import robust

SAMPLE_BINS = 20_000  # bins of a kind on which the number of components is chosen: enough, and independent of size
STRETCH = 64  # neighbouring groups that are taken together, so that what neighbours share can be seen
MISSING_SHARE = 0.25  # a bin without reads in more of the normals than this is masked

Floats = NDArray[np.floating]


def mask_reasons(
    *,
    given: NDArray,
    kind: NDArray,
    centre: Floats,
    spread: Floats,
    missing: Floats,
    min_relative_depth: float,
    max_spread: float,
) -> NDArray[np.str_]:
    """Reason per bin why it is not used, "" where it is: what was ``given``, else what the normals show.

    ``min_relative_depth`` is relative to the kind's median bin (linear), ``max_spread`` in log2.
    """
    mask = given.astype("U32")
    low = np.zeros(len(mask), dtype=bool)
    for name in np.unique(kind):
        members = kind == name
        low |= members & (2 ** (centre - robust.median(centre[members])) < min_relative_depth)
    for bad, reason in (
        (missing > MISSING_SHARE, "no_reads_in_normals"),
        (low, "low_depth_in_normals"),
        (spread > max_spread, "noisy_in_normals"),
        (~np.isfinite(centre) | ~np.isfinite(spread), "no_reads_in_normals"),
    ):
        mask[(mask == "") & bad] = reason
    return mask


def build(
    log2_depth: Floats,
    *,
    kind: NDArray,
    chromosome: NDArray,
    group: NDArray[np.intp],
    fit: NDArray[np.bool_],
    learn: NDArray[np.bool_],
    met: NDArray[np.bool_],
    x: NDArray[np.bool_],
    mask: NDArray,
    max_components: int,
    min_relative_depth: float,
    max_spread: float,
    trusted: NDArray[np.bool_] | None = None,
) -> Panel:
    """Panel of normals from log2 depths, which are consumed: the array is changed in place.

    Parameters
    ----------
    log2_depth : ndarray of float32, shape (normals, bins)
        NaN where a bin has no reads.
    kind, chromosome, group, mask : ndarray, shape (bins,)
        Kind, chromosome and gene group (ascending within a kind) of each bin, and why it may not be used ("" where it
        may).
    fit : ndarray of bool, shape (bins,)
        Autosomal bins outside chromosome 7: the only ones that scale and coefficients rest on.
    learn : ndarray of bool, shape (bins,)
        Bins that components are learned on: all autosomes, since normals have no amplicon to protect.
    met : ndarray of bool, shape (bins,)
        MET's own bins: genes with at least half as many decide how many components are used.
    x : ndarray of bool, shape (bins,)
        Bins of chromosome X outside its pseudoautosomal ends.
    trusted : ndarray of bool, shape (normals,)
        Normals that the panel is made of, three or more; the others are only compared with it (``left_out``). Default
        all.
    """
    scale(log2_depth, kind, fit & (mask == ""))
    male = _on_two_copies(log2_depth, x & (mask == ""))
    every, trusted = log2_depth, np.ones(len(log2_depth), dtype=bool) if trusted is None else trusted
    if not trusted.all():
        log2_depth, male = every[trusted], None if male is None else male[trusted]
    normals = len(log2_depth)
    centre, spread, missing = centre_and_spread(log2_depth)
    reasons = mask_reasons(
        given=mask,
        kind=kind,
        centre=centre,
        spread=spread,
        missing=missing,
        min_relative_depth=min_relative_depth,
        max_spread=max_spread,
    )
    usable = reasons == ""
    if normals < FEWEST_NORMALS:
        spread[:] = 1.0  # too few to learn it: the sample's own noise gives the scale
    null: dict[str, KindNull] = {}
    left: dict[str, LeftOut] = {}
    part = np.unique(chromosome, return_inverse=True)[1]
    for name in np.unique(kind) if normals >= FEWEST_NORMALS else ():
        members = np.flatnonzero((kind == name) & usable)
        if fit[members].any():
            rows = _sample(members, group, met)
            places = Places(group=group[rows], part=part[rows], fit=fit[rows], learn=learn[rows], met=met[rows])
            null[str(name)], rest = judge(every[:, rows], places, most=max_components, trusted=trusted)
            left |= {str(name): rest} if rest else {}
            spread[kind == name] *= null[str(name)].noise
    log2_depth -= centre
    basis, shares = _basis(log2_depth, spread, kind=kind, group=group, learn=usable & learn, null=null)
    return Panel(centre, spread, reasons, basis, null, normals, shares, male, left)


def _on_two_copies(log2_depth: Floats, x: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Which normals are male; their chromosome X is raised in place to what two copies would have given."""
    if not x.any():
        return None
    rows = np.flatnonzero(x)
    level = np.array([robust.median(row) for row in log2_depth[:, rows] - centre_and_spread(log2_depth[:, rows])[0]])
    male = sample_groups.males(level)
    for row in np.flatnonzero(male) if male is not None else ():
        log2_depth[row, rows] += 1.0
    return male


def _basis(
    residual: Floats,
    spread: Floats,
    *,
    kind: NDArray,
    group: NDArray[np.intp],
    learn: NDArray[np.bool_],
    null: dict[str, KindNull],
) -> tuple[Floats, dict[str, Floats]]:
    """Components of every kind in one array, shape (bins, components), and the normals' shares of them by kind.

    Each bin has the components of its own kind.
    """
    basis = np.zeros((residual.shape[1], max((part.components for part in null.values()), default=0)), dtype=np.float32)
    shares: dict[str, Floats] = {}
    for name, found in null.items():
        members = np.flatnonzero(kind == name)
        weight = np.where(learn[members], tangent.bin_weights(spread[members]), 0.0)
        rows = [tangent.grouped(tangent.winsorise(row[members], weight), weight, group[members]) for row in residual]
        known = rows[0]
        inner = tangent.gram(np.stack([row.means for row in rows]), known.variance, known.present())
        mix = tangent.mixing(inner, found.components)
        shares[name] = mix * len(mix)  # the columns of `mix` have a squared length of one normal in all
        part = residual if len(members) == residual.shape[1] else residual[:, members]
        basis[members, : mix.shape[1]] = tangent.components(part, tangent.bin_weights(spread[members]), mix)
    return basis, shares


def _sample(members: NDArray[np.intp], group: NDArray[np.intp], met: NDArray[np.bool_]) -> NDArray[np.intp]:
    """At most about ``SAMPLE_BINS`` of ``members``: stretches of whole groups at an even stride, and MET."""
    step = max(1, int(np.ceil(len(members) / SAMPLE_BINS)))
    return members if step == 1 else members[(group[members] // STRETCH % step == 0) | met[members]]
