"""What a sample could have shown: limits of detection, of MET's own bins and of an amplicon; power per criterion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.copies import detection_limit
from metcn.copies.amplicon_scan import Detectable
from metcn.copies.estimates import AmpliconLimit, DetectionLimit
from metcn.mixture import NORMAL_COPIES, expected_ratio
from metcn.purity.grid import PurityGrid
from metcn.stats.estimate import Level

COPY_BOUNDS = (5, 6, 10)
PLOIDY_OF_TABLE = 2.0  # ploidy at which the purity needed for a number of copies is tabulated when ploidy is unknown


def of_sample(
    met: Level,
    ploidy: float,
    grid: PurityGrid,
    of_size: Mapping[int, Detectable],
    *,
    found: bool,
    settings: Mapping[str, Any],
) -> DetectionLimit:
    """Limits of detection as ratio, copies and purity, and whether MET was detected or at least surely not neutral.

    Parameters
    ----------
    met : Level
        MET over the baseline with its whole error; NaN where missing.
    ploidy : float
        The tumour's, NaN where unknown.
    grid : PurityGrid
        Plausible purity and ploidy.
    of_size : mapping of int to Detectable
        Smallest amplicon of so many bp that would have been found.
    found : bool
        Whether the scan found an amplicon.
    settings : mapping
        ``alpha`` and ``power``.
    """
    alpha, power = settings["alpha"], settings["power"]
    limit = detection_limit.detectable_ratio(met.se, alpha=alpha, power=power)
    by_group = detection_limit.copies_by_group(limit, met.se, grid, power=power)
    surely = 1 - detection_limit.SURELY_GAINED
    return DetectionLimit(
        alpha=alpha,
        power=power,
        ratio=limit,
        copies=float(np.max(by_group)),
        purity_for=detection_limit.purity_for(limit, COPY_BOUNDS, ploidy if np.isfinite(ploidy) else PLOIDY_OF_TABLE),
        detected=found or detection_limit.detected(met.log2, met.se, alpha=alpha),
        above_neutral=found or detection_limit.detected(met.log2, met.se, alpha=surely),
        copies_by_group=tuple(by_group.tolist()),
        told_ratio=detection_limit.told_ratio(met.se, power=power),
        told_by_group=tuple(detection_limit.told_from_two(met.se, grid, power=power).tolist()),
        ploidy_by_group=tuple(grid.mean_by_group(grid.ploidy).tolist()),
        amplicon=tuple(
            AmpliconLimit(
                size, least.ratio, detection_limit.detectable_copies(least.ratio, least.se, grid, power=power)
            )
            for size, least in of_size.items()
        ),
    )


def of_verdicts(lod: DetectionLimit) -> dict[str, NDArray[np.float64]]:
    """Smallest value told from two copies per quantity and group of draws; NaN: none is.

    Empty where MET surely lies above neutral: what is left to tell is how far, and for that the draws are enough. Each
    plausible purity has a limit of its own. It is not the limit of detection: that asks for hardly any false positive
    and hardly any miss at once, where a negative only has to be the likelier by far (`detection_limit.told_from_two`).
    """
    copies, ploidy = (np.array(values or [np.nan]) for values in (lod.told_by_group, lod.ploidy_by_group))
    return _by_quantity(copies, ploidy, lod.told_ratio, above_neutral=lod.above_neutral)


def of_verdicts_at(grid: PurityGrid, se: float, *, power: float, above_neutral: bool) -> dict[str, NDArray[np.float64]]:
    """What `of_verdicts` gives, at other purities and ploidies than those of the sample's result."""
    copies = detection_limit.told_from_two(se, grid, power=power)
    ratio = detection_limit.told_ratio(se, power=power)
    return _by_quantity(copies, grid.mean_by_group(grid.ploidy), ratio, above_neutral=above_neutral)


def _by_quantity(
    copies: NDArray[np.float64], ploidy: NDArray[np.float64], ratio: float, *, above_neutral: bool
) -> dict[str, NDArray[np.float64]]:
    """Limits in copies and as a depth ratio as those of each quantity; an unknown ratio limits nothing."""
    if above_neutral:
        return {}
    corrected = {"gcn": copies, "gcn_minus_ploidy": copies - ploidy, "gcn_over_ploidy": copies / ploidy}
    return corrected if np.isnan(ratio) else {**corrected, "pcn": np.full(len(copies), NORMAL_COPIES * ratio)}


def power_of(category: Any, se: float | None, grid: PurityGrid, cep7: float | None, *, alpha: float) -> float:
    """Probability that the sample would have shown a tumour at the category's bound; the lowest over the groups.

    Of several clauses joined by ``or`` the best counts, by ``and`` the worst. NaN for a category without a lower bound,
    and where MET has no error or the CEP7-like level no value.
    """
    powers = [
        _power(clause.quantity, clause.lower, float("nan") if se is None else se, grid, cep7, alpha=alpha)
        for clause in category.clauses
        if clause.lower is not None and not clause.if_purity_open
    ]
    known = [value for value in powers if np.isfinite(value)]
    if not known or (category.combine == "and" and len(known) < len(powers)):
        return float("nan")
    return max(known) if category.combine == "or" else min(known)


def _power(quantity: str, bound: float, se: float, grid: PurityGrid, cep7: float | None, *, alpha: float) -> float:
    """Probability that the sample would have shown a tumour at the bound of one clause."""
    if quantity in ("fold", "pcn"):
        return float(detection_limit.power_at(bound if quantity == "fold" else bound / 2, se, alpha=alpha))
    other = np.nan if cep7 is None else cep7
    copies = {
        "gcn": bound,
        "gcn_minus_ploidy": bound + grid.ploidy,
        "gcn_over_ploidy": bound * grid.ploidy,
        "ratio": bound * other,
    }[quantity]
    ratio = expected_ratio(copies, grid.purity, grid.ploidy)
    return float(np.min(grid.mean_by_group(detection_limit.power_at(ratio, se, alpha=alpha))))
