"""Plasma copies adjusted for tumour fraction as others publish them, to compare with; nothing rests on them.

Siravegna et al. 2019, doi:10.1158/1078-0432.CCR-18-3389, adjust plasma copies "based on tumor DNA shedding using the
maximum mutant allele fraction as a surrogate for tumor content" and propose a cut-off of 25.82 for *ERBB2* (abstract
read, the formula was not). Here: ``(plasma copies - 2 (1 - f)) / f`` with f twice the highest allele fraction: the
mixture equation at a ploidy of two.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from metcn.calls.record import pick
from metcn.mixture import NORMAL_COPIES, tumour_copies
from metcn.purity import vaf_surrogate
from metcn.stats.estimate import Estimate

PLOIDY = 2.0  # that the adjustment assumes
HOW = "(plasma_copies - 2 (1 - f)) / f, f = 2 x highest driver VAF; ploidy 2"


def adjusted(plasma_copies: Estimate, fraction: Estimate) -> Estimate:
    """Copies per tumour cell behind plasma copies at a tumour fraction, with the ends that both intervals allow.

    No less than 0; NaN where one of the two is missing.

    >>> adjusted(Estimate(2.75, 2.6, 2.9), Estimate(0.1, 0.08, 0.12)).value
    9.5
    """
    value = _copies(plasma_copies.value, fraction.value)
    ends = [
        _copies(copies, at)
        for copies, at in itertools.product((plasma_copies.low, plasma_copies.high), (fraction.low, fraction.high))
    ]
    return Estimate(value, min(ends), max(ends))


def _copies(plasma_copies: float, fraction: float) -> float:
    """Copies at one tumour fraction, rounded where the equation leaves crumbs."""
    return round(max(float(tumour_copies(plasma_copies / NORMAL_COPIES, fraction, PLOIDY)), 0.0), 6)


def of_call(copies: Mapping[str, Any], purity: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the calls JSON says of adjusted plasma copies; None without a driver mutation or a ratio of MET.

    Parameters
    ----------
    copies, purity : mapping
        JSONs of these stages.
    """
    evidence = [one for one in purity.get("evidence") or () if one.get("source") == vaf_surrogate.SOURCE]
    if not evidence or pick(copies, "plasma_copies.value") is None:
        return None
    surrogate = vaf_surrogate.VafEvidence.from_json(evidence[0])
    if not surrogate.purity.low > 0:
        return None
    estimate = adjusted(Estimate.from_json(copies["plasma_copies"]), surrogate.purity)
    return estimate.to_json() | {"tumour_fraction": surrogate.purity.to_json(), "how": HOW}
