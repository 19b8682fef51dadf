"""What a sample could have shown: limits of detection, of MET's own bins and of an amplicon; power per criterion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.copies import detection_limit
from metcn.mixture import expected_ratio
from metcn.purity.grid import PurityGrid

COPY_BOUNDS = (5, 6, 10)
PLOIDY_OF_TABLE = 2.0  # ploidy at which the purity needed for a number of copies is tabulated when ploidy is unknown


def of_sample(
    met: Mapping[str, float],
    ploidy: float | None,
    grid: PurityGrid,
    of_size: Mapping[int, tuple[float, float]],
    *,
    found: bool,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Limits of detection as ratio, copies and purity, and whether MET was detected or at least surely not neutral.

    Parameters
    ----------
    met : mapping
        ``log2`` of MET over the baseline and its whole error ``se``; NaN where missing.
    ploidy : float or None
        The tumour's, None where unknown.
    grid : PurityGrid
        Plausible purity and ploidy.
    of_size : mapping of int to (float, float)
        Smallest ratio at which an amplicon of so many bp would have been found, and the error of its log2.
    found : bool
        Whether the scan found an amplicon.
    settings : mapping
        ``alpha`` and ``power``.
    """
    alpha, power = settings["alpha"], settings["power"]
    limit = detection_limit.detectable_ratio(met["se"], alpha=alpha, power=power)
    by_group = detection_limit.copies_by_group(limit, met["se"], grid, power=power)
    return {
        "alpha": alpha,
        "power": power,
        "ratio": limit,
        "copies": float(np.max(by_group)),
        "purity_for": detection_limit.purity_for(limit, COPY_BOUNDS, PLOIDY_OF_TABLE if ploidy is None else ploidy),
        "detected": found or detection_limit.detected(met["log2"], met["se"], alpha=alpha),
        "above_neutral": found
        or detection_limit.detected(met["log2"], met["se"], alpha=1 - detection_limit.SURELY_GAINED),
        "copies_by_group": by_group,
        "ploidy_by_group": grid.mean_by_group(grid.ploidy),
        "amplicon": [
            {"size_bp": size, "ratio": ratio, "copies": detection_limit.detectable_copies(ratio, se, grid, power=power)}
            for size, (ratio, se) in of_size.items()
        ],
    }


def of_verdicts(lod: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """Smallest detectable value per purity-corrected quantity and group of draws; NaN: none is detectable.

    Empty where MET surely lies above neutral: what is left to tell is how far, and for that the draws are enough. Each
    plausible purity has a limit of its own.
    """
    if lod.get("above_neutral"):
        return {}
    copies, ploidy = (
        np.array([np.nan if value is None else value for value in lod.get(name) or [None]], dtype=float)
        for name in ("copies_by_group", "ploidy_by_group")
    )
    return {"gcn": copies, "gcn_minus_ploidy": copies - ploidy}


def power_of(category: Any, se: float | None, grid: PurityGrid, cep7: float | None, *, alpha: float) -> float:
    """Probability that the sample would have shown a tumour at the category's bound; the lowest over the groups.

    Of several clauses joined by ``or`` the best counts, by ``and`` the worst. NaN for a category without a lower bound,
    and where MET has no error or the CEP7-like level no value.
    """
    powers = [
        _power(clause.quantity, clause.lower, float("nan") if se is None else se, grid, cep7, alpha=alpha)
        for clause in category.clauses
        if clause.lower is not None
    ]
    known = [value for value in powers if np.isfinite(value)]
    if not known or (category.combine == "and" and len(known) < len(powers)):
        return float("nan")
    return max(known) if category.combine == "or" else min(known)


def _power(quantity: str, bound: float, se: float, grid: PurityGrid, cep7: float | None, *, alpha: float) -> float:
    """The same for one clause."""
    if quantity in ("fold", "pcn"):
        return float(detection_limit.power_at(bound if quantity == "fold" else bound / 2, se, alpha=alpha))
    other = np.nan if cep7 is None else cep7
    copies = {"gcn": bound, "gcn_minus_ploidy": bound + grid.ploidy, "ratio": bound * other}[quantity]
    ratio = expected_ratio(copies, grid.purity, grid.ploidy)
    return float(np.min(grid.mean_by_group(detection_limit.power_at(ratio, se, alpha=alpha))))
