"""What GC content or mappability alone explains of a profile: a smooth curve through the bins outside chromosome 7."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.bins import groups

METHODS = ("medians", "lowess")
CLASSES = 20  # classes of equally many bins whose medians make the curve
SMALLEST_CLASS = 10  # bins a class needs; with fewer in all nothing is corrected
SKEWED = ("mappability",)  # covariates of which few bins lie far below the others
SMALLEST_PART = 20  # bins of the smallest part of the lowest class, where that is cut
LOWESS_BINS = 20_000  # bins that lowess is fitted to, evenly taken along the covariate: the curve needs no more
LOWESS_SPAN = 0.3  # fraction of the bins that each local fit sees

Floats = NDArray[np.floating]


class Curve(NamedTuple):
    """Points of a curve: covariate, ascending, and log2 ratio; shape (points,)."""

    covariate: Floats
    log2: Floats


def halvings(size: float, smallest: float) -> Floats:
    """Where a class of some size is cut into ever smaller parts, as fractions of it, ascending: ..., 1/4, 1/2.

    Most bins are about as mappable as can be, and what the few others lack grows fast as mappability falls: of equally
    many bins each, one class would hold all of these. No part is smaller than ``smallest``.

    >>> halvings(170, 20).tolist()
    [0.125, 0.25, 0.5]
    """
    return 0.5 ** np.arange(int(np.log2(max(size / smallest, 1.0))), 0, -1.0)


def explained(
    ratio: Floats, *, covariate: Floats, rows: NDArray[np.bool_], method: str = "medians", skewed: bool = False
) -> Floats:
    """Log2 ratio that a covariate alone explains, per bin; 0 where it is unknown and where too few bins have it.

    Parameters
    ----------
    ratio, covariate : ndarray, shape (bins,)
        Log2 ratios, and GC content or mappability; NaN allowed.
    rows : ndarray of bool, shape (bins,)
        Bins that the curve may rest on.
    method : str
        ``medians``: medians of 20 equally filled classes, interpolated. ``lowess``: locally weighted regression
        (Cleveland 1979, doi:10.1080/01621459.1979.10481038) on at most 20,000 bins, interpolated.
    skewed : bool
        Whether few bins lie far below the others, as with mappability; medians then follow them, see `halvings`.
    """
    keep = rows & np.isfinite(ratio) & np.isfinite(covariate)
    if keep.sum() < CLASSES * SMALLEST_CLASS or np.ptp(covariate[keep]) == 0:
        return np.zeros(len(ratio))
    known = covariate[keep], ratio[keep]
    curve = _lowess(*known) if method == "lowess" else _medians(*known, skewed=skewed)
    return np.nan_to_num(np.interp(covariate, curve.covariate, curve.log2), nan=0.0)


def _medians(covariate: Floats, ratio: Floats, *, skewed: bool) -> Curve:
    """Medians of both over classes of equally many bins, the lowest in parts if bins are ``skewed``."""
    at = np.linspace(0, 1, CLASSES + 1)[1:-1]
    if skewed:
        at = np.r_[halvings(len(covariate) / CLASSES, SMALLEST_PART) / CLASSES, at]
    edges = np.quantile(covariate, at)
    label = np.searchsorted(edges, covariate, side="right")
    place, height = (groups.medians(values, label, len(at) + 1) for values in (covariate, ratio))
    filled = np.isfinite(height)
    return Curve(place[filled], height[filled])


def _lowess(covariate: Floats, ratio: Floats) -> Curve:
    """Locally weighted regression at the bins it was fitted to, one point per value of the covariate."""
    from statsmodels.nonparametric.smoothers_lowess import lowess

    order = np.argsort(covariate, kind="stable")
    order = order[:: max(1, len(order) // LOWESS_BINS)]
    x, y = covariate[order], ratio[order]
    fitted = lowess(y, x, frac=LOWESS_SPAN, it=3, delta=0.005 * float(np.ptp(x)), is_sorted=True, return_sorted=False)
    place, first = np.unique(x, return_index=True)
    return Curve(place, np.asarray(fitted)[first])
