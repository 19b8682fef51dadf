"""What GC content or mappability alone explains of a profile: a smooth curve through the bins outside chromosome 7."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metcn.bins import groups

METHODS = ("medians", "lowess")
CLASSES = 20  # classes of equally many bins whose medians make the curve
SMALLEST_CLASS = 10  # bins a class needs; with fewer in all nothing is corrected
LOWESS_BINS = 20_000  # bins that lowess is fitted to, evenly taken along the covariate: the curve needs no more
LOWESS_SPAN = 0.3  # fraction of the bins that each local fit sees

Floats = NDArray[np.floating]


class Curve(NamedTuple):
    """Points of a curve: covariate, ascending, and log2 ratio; shape (points,)."""

    covariate: Floats
    log2: Floats


def explained(ratio: Floats, *, covariate: Floats, rows: NDArray[np.bool_], method: str = "medians") -> Floats:
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
    """
    keep = rows & np.isfinite(ratio) & np.isfinite(covariate)
    if keep.sum() < CLASSES * SMALLEST_CLASS or np.ptp(covariate[keep]) == 0:
        return np.zeros(len(ratio))
    curve = (_lowess if method == "lowess" else _medians)(covariate[keep], ratio[keep])
    return np.nan_to_num(np.interp(covariate, curve.covariate, curve.log2), nan=0.0)


def _medians(covariate: Floats, ratio: Floats) -> Curve:
    """Medians of both over classes of equally many bins."""
    edges = np.quantile(covariate, np.linspace(0, 1, CLASSES + 1)[1:-1])
    label = np.searchsorted(edges, covariate, side="right")
    place, height = (groups.medians(values, label, CLASSES) for values in (covariate, ratio))
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
