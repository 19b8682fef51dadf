"""Verdicts: how probable it is that the tumour meets each category of each criteria set.

Truth here has three values. A draw is *certain* to meet a clause, certain not to, or unknown, because its quantity is
missing (NaN) or its focality is undecided. ``or`` and ``and`` follow Kleene: a missing ratio does not harm a criterion
that copies alone meet, and never turns into a negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metcn.copies import detection_limit
from metcn.copies.posterior import Draws

MISSING = {
    "gcn": "purity_below_floor",
    "ratio": "cep7_unavailable",
    "fold": "met_not_covered",
    "pcn": "met_not_covered",
    "gcn_minus_ploidy": "ploidy_unknown",
}
TWO = 2.0  # copies of a cell that has lost and gained nothing
ROUNDING = 1e-9  # weights sum to 1 only up to rounding; a share this near to a bound has reached it

# Quantity of a criteria set -> drawn quantity.
DRAWN = {"gcn": "copies", "ratio": "met_cep7", "fold": "depth_ratio", "pcn": "plasma_copies"}

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """What one category of one set says of the sample: met, not_met, indeterminate or not_applicable, and why.

    ``probability`` is NaN unless it is one number, whatever is unknown; ``probability_low`` and ``_high`` are its
    ends over every possibility, NaN where nothing was measured. ``reasons`` is empty unless it is indeterminate.
    """

    criterion: Any
    category: Any
    verdict: str
    probability: float
    reasons: tuple[str, ...] = ()
    probability_low: float = float("nan")
    probability_high: float = float("nan")

    def row(self) -> dict[str, Any]:
        """The verdict with its source, as it stands in calls/{sample}.json."""
        criterion, category = self.criterion, self.category
        return {
            "id": criterion.id,
            "title": criterion.title,
            "category": category.name,
            "quantity": category.quantity,
            "bound": category.bound,
            "specimen": criterion.specimen,
            "verdict": self.verdict,
            "probability": self.probability,
            "probability_low": self.probability_low,
            "probability_high": self.probability_high,
            "reasons": list(self.reasons),
            "citation": criterion.citation,
            "doi": criterion.doi,
            "verified": criterion.verified if category.verified is None else category.verified,
            "verified_note": criterion.verified_note,
            "note": " ".join(text for text in (category.note, criterion.note) if text) or None,
        }


def verdicts(
    criteria: Iterable[Any],
    draws: Draws,
    *,
    specimen: str,
    decide: float = 0.95,
    focality: str = "indeterminate",
    lod: Mapping[str, ArrayLike] | None = None,
    range_reason: str = "purity_unknown",
    missing: Mapping[str, str] = MISSING,
) -> list[Verdict]:
    """Verdict of every category of every set, in the order given.

    A category is ``met`` if its probability is at least ``decide``, ``not_met`` if it is at most ``1 - decide``, else
    ``indeterminate``. With several groups of draws it must be so in each. The probability has two ends where the
    groups differ, a quantity is missing or focality is open. A negative is ``indeterminate`` with
    ``below_limit_of_detection`` where a tumour at the bound would not have been seen; so is a positive there, unless
    more than two copies are sure: at a low purity noise alone is many copies. Sets for the other specimen are
    ``not_applicable``.

    Parameters
    ----------
    criteria : iterable of metcn.calls.criteria.Criterion
        Sets to judge by.
    draws : Draws
        The posterior.
    specimen : str
        ``tissue`` or ``plasma``.
    decide : float
        Probability at which a verdict is given, above 0.5.
    focality : str
        ``focal``, ``arm``, ``polysomy``, ``none`` or ``indeterminate``.
    lod : mapping of str to float or array of shape (groups,), optional
        Smallest detectable value per quantity. A quantity left out is not checked; NaN counts as never detectable.
    range_reason : str
        Reason given where the groups disagree.
    missing : mapping of str to str
        Reason given where a quantity is missing.

    Raises
    ------
    ValueError
        If ``decide`` is not in (0.5, 1].

    Examples
    --------
    >>> from metcn.calls import criteria
    >>> draws = Draws.of({"copies": [7.9, 8.0, 8.1], "weight": [1.0, 1.0, 1.0]})
    >>> sets = [criteria.load()["geometry_mono1"]]
    >>> [(each.category.name, each.verdict) for each in verdicts(sets, draws, specimen="tissue")][:2]
    [('ten_or_more', 'not_met'), ('six_to_nine', 'met')]
    """
    if not 0.5 < decide <= 1:
        raise ValueError(f"decide must lie in (0.5, 1]; got {decide}")
    judged = []
    for criterion in criteria:
        for category in criterion.categories:
            if criterion.specimen not in (specimen, "both"):
                judged.append(Verdict(criterion, category, "not_applicable", float("nan")))
                continue
            evidence = _Evidence(category, draws, focality, lod or {}, decide)
            verdict = evidence.verdict()
            reasons = evidence.reasons(range_reason, missing) if verdict == "indeterminate" else ()
            judged.append(Verdict(criterion, category, verdict, evidence.probability(), reasons, *evidence.ends()))
    return judged


def quantity(draws: Draws, name: str) -> Floats:
    """Draws of what a clause of a criteria set asks for."""
    if name == "gcn_minus_ploidy":
        return draws.copies - draws.ploidy
    values: Floats = getattr(draws, DRAWN[name])
    return values


class _Evidence:
    """What the draws say of one category, per group: share certain to meet it, share that may, and blindness."""

    def __init__(self, category: Any, draws: Draws, focality: str, lod: Mapping[str, ArrayLike], decide: float):
        self.category, self.decide = category, decide
        self.values = {clause.quantity: quantity(draws, clause.quantity) for clause in category.clauses}
        self.permits = [_permit(clause, focality) for clause in category.clauses]
        pairs = [self._clause(clause, permit) for clause, permit in zip(category.clauses, self.permits, strict=True)]
        join = np.logical_or.reduce if category.combine == "or" else np.logical_and.reduce
        self.low = draws.fraction(join([certain for certain, _ in pairs]))
        self.high = draws.fraction(join([possible for _, possible in pairs]))
        self.met = self.low >= decide - ROUNDING
        self.not_met = self.high <= 1 - decide + ROUNDING
        self.blind = self._blind(draws, lod)

    def _clause(self, clause: Any, permit: str) -> tuple[Bools, Bools]:
        """Draws certain to meet a clause, and draws that may."""
        values = self.values[clause.quantity]
        known = ~np.isnan(values)
        certain = known & _reaches(values, clause) & _stays_below(values, clause)
        possible = certain | ~known
        if permit != "yes":
            certain = np.zeros_like(certain)
        return certain, possible if permit != "no" else certain

    def _blind(self, draws: Draws, lod: Mapping[str, ArrayLike]) -> Bools:
        """Groups whose answer is a negative that the sample was not able to contradict, or a positive that noise makes.

        A clause is blind if the draws fall short of it and its bound lies below the limit of detection. One such blinds
        an ``or``; an ``and`` too, unless another clause rules the category out in plain sight. A positive is noise's
        where a lower bound is below the limit of detection and two copies are not ruled out.
        """
        blind, in_sight, unsure = (np.zeros(self.low.shape, dtype=bool) for _ in range(3))
        for clause, permit in zip(self.category.clauses, self.permits, strict=True):
            bound = clause.upper if clause.lower is None else clause.lower
            hidden = ~(np.asarray(lod.get(clause.quantity, -np.inf), dtype=float) <= bound)
            values = self.values[clause.quantity]
            short = draws.fraction(np.isnan(values) | ~_reaches(values, clause)) >= self.decide - ROUNDING
            # a clause without a lower bound is itself the negative, whatever the draws are
            unsure |= hidden & (clause.lower is not None)
            here = hidden & (short | (clause.lower is None)) & (permit != "no")
            blind |= here
            in_sight |= ~here & (draws.fraction(self._clause(clause, permit)[1]) <= 1 - self.decide + ROUNDING)
        if self.category.combine == "and":
            blind &= ~in_sight
        asks_for_little = all(clause.lower is None for clause in self.category.clauses)
        unsure &= draws.fraction(draws.copies > TWO) < detection_limit.SURELY_GAINED - ROUNDING
        return (blind & (self.met if asks_for_little else self.not_met)) | (unsure & self.met)

    def verdict(self) -> str:
        """One word for all groups together."""
        if (self.met & ~self.blind).all():
            return "met"
        return "not_met" if (self.not_met & ~self.blind).all() else "indeterminate"

    def ends(self) -> tuple[float, float]:
        """Lowest and highest probability over groups and ways to settle the unknown; NaN if nothing was measured."""
        if all(np.isnan(values).all() for values in self.values.values()):
            return float("nan"), float("nan")
        return float(np.clip(self.low.min(), 0, 1)), float(np.clip(self.high.max(), 0, 1))

    def probability(self) -> float:
        """The probability where both ends are one; NaN elsewhere, for a single number would be an arbitrary one."""
        low, high = self.ends()
        return low if high - low <= ROUNDING else float("nan")

    def _missing(self) -> list[str]:
        """Quantities missing in some draw."""
        return [quantity for quantity, values in self.values.items() if np.isnan(values).any()]

    def reasons(self, range_reason: str, missing: Mapping[str, str]) -> tuple[str, ...]:
        """Why there is no verdict."""
        found: list[str] = []
        unclear = ~self.met & ~self.not_met
        if (unclear & (self.high - self.low > ROUNDING)).any():
            found += [missing[quantity] for quantity in self._missing()]
            found += ["focality_undecided"] * ("undecided" in self.permits)
        if (unclear.any() or self.met.any()) and not (unclear.all() or self.met.all()):
            found.append(range_reason)
        elif (unclear & ((self.low > 1 - self.decide) | (self.high < self.decide))).any():
            found.append("interval_spans_bound")
        if self.blind.any():
            found.append("below_limit_of_detection")
        return tuple(dict.fromkeys(found))


def _permit(clause: Any, focality: str) -> str:
    """Whether focality lets a clause hold: yes, no, or undecided."""
    if clause.focality is None or focality in clause.focality:
        return "yes"
    if focality != "indeterminate":
        return "no"
    return "yes" if clause.undecided == "accept" else "undecided"


def _reaches(values: Floats, clause: Any) -> Bools:
    """Draws on the inner side of the lower bound."""
    if clause.lower is None:
        return np.ones(values.shape, dtype=bool)
    return values >= clause.lower if clause.lower_inclusive else values > clause.lower


def _stays_below(values: Floats, clause: Any) -> Bools:
    """Draws on the inner side of the upper bound."""
    if clause.upper is None:
        return np.ones(values.shape, dtype=bool)
    return values <= clause.upper if clause.upper_inclusive else values < clause.upper
