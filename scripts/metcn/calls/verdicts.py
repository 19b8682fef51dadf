"""Verdicts: how probable it is that the tumour meets each category of each criteria set.

Truth here has three values. A draw is *certain* to meet a clause, certain not to, or unknown, because its quantity is
missing (NaN) or its class of focality cannot be told. ``or`` and ``and`` follow Kleene: a missing ratio does not harm a
criterion that copies alone meet, and never turns into a negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metcn.calls.criteria import asked
from metcn.copies import detection_limit, focality
from metcn.copies.focality import CLASSES
from metcn.copies.posterior import Draws

MISSING = {
    "gcn": "purity_below_floor",
    "ratio": "cep7_unavailable",
    "fold": "met_not_covered",
    "pcn": "met_not_covered",
    "gcn_minus_ploidy": "ploidy_unknown",
    "gcn_over_ploidy": "ploidy_unknown",
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
    ``so_far`` is the verdict of this and every higher category of its set together: that one of them is met, or none.
    """

    criterion: Any
    category: Any
    verdict: str
    probability: float
    reasons: tuple[str, ...] = ()
    probability_low: float = float("nan")
    probability_high: float = float("nan")
    so_far: str = "indeterminate"
    remark: str | None = None

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
            "only_if": category.only_if,
            "other_limbs": criterion.other_limbs,
            "note": " ".join(text for text in (self.remark, category.note, criterion.note) if text) or None,
        }


def verdicts(
    criteria: Iterable[Any],
    draws: Draws,
    *,
    specimen: str,
    decide: float = 0.95,
    lod: Mapping[str, ArrayLike] | None = None,
    range_reason: str = "purity_unknown",
    missing: Mapping[str, str] = MISSING,
    prior_tki: str = "",
) -> list[Verdict]:
    """Verdict of every category of every set, in the order given.

    A category is ``met`` if its probability is at least ``decide``, ``not_met`` if it is at most ``1 - decide``, else
    ``indeterminate``. With several groups of draws it must be so in each. The probability has two ends where the
    groups differ, a quantity is missing or focality cannot be told. A negative is ``indeterminate`` with
    ``below_limit_of_detection`` where the sample does not tell a tumour at the bound from a neutral one; so is a
    positive there, unless more than two copies are sure: at a low purity noise alone is many copies. Sets for the other
    specimen are ``not_applicable``, and so are categories for patients with another EGFR inhibitor before.

    A clause with ``if_purity_open`` counts as it is where copies are missing. Where the groups are alternatives of
    purity it leaves some of them out of account: if it holds surely, those in which the other clauses would not, were
    it not for focality. So plasma copies above a cut-off are an amplification where at each tumour fraction that makes
    them one it is not polysomy; if no plausible tumour fraction does, the clause has no say.

    Parameters
    ----------
    criteria : iterable of metcn.calls.criteria.Criterion
        Sets to judge by.
    draws : Draws
        The posterior, with the class of each draw (`metcn.copies.focality.classified`).
    specimen : str
        ``tissue`` or ``plasma``.
    decide : float
        Probability at which a verdict is given, above 0.5.
    lod : mapping of str to float or array of shape (groups,), optional
        Smallest value per quantity that is told from neutral (`metcn.copies.limits.of_verdicts`). A quantity left out
        is not checked; NaN counts as never told.
    range_reason : str
        Reason given where the groups disagree.
    missing : mapping of str to str
        Reason given where a quantity is missing.
    prior_tki : str
        Generation of the EGFR inhibitor that the patient had before; empty where it is unknown, and a category that
        hangs on it says so (``only_if``).

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
        above: list[_Evidence] = []
        for listed in criterion.categories:
            category = asked(listed, prior_tki)
            if criterion.specimen not in (specimen, "both") or category is None:
                judged.append(Verdict(criterion, listed, "not_applicable", float("nan")))
                continue
            evidence = _Evidence(category, draws, lod or {}, decide)
            above += [evidence] if category.call is not None else []
            verdict = evidence.verdict()
            reasons = evidence.reasons(range_reason, missing) if verdict == "indeterminate" else ()
            judged.append(
                Verdict(
                    criterion, category, verdict, evidence.probability(), reasons, *evidence.ends(),
                    so_far=_together(above, draws, decide), remark=evidence.remark() if verdict == "met" else None,
                )
            )  # fmt: skip
    return judged


def _together(categories: Sequence[_Evidence], draws: Draws, decide: float) -> str:
    """Verdict of several categories as one: met where it is certain that some of them is, not_met where none is.

    A category whose answer the sample could not show does not take part in a positive, and stands against a negative.
    """
    if not categories:
        return "indeterminate"
    with_cut_off = [one for one in categories if one.cut_offs] or categories
    counted = np.logical_or.reduce([one.counted for one in with_cut_off])
    seen = [one for one in categories if not (one.blind | one.unsure)[counted].any()]
    if seen and (draws.fraction(_certain(seen, draws)) >= decide - ROUNDING)[counted].all():
        return "met"
    possible = draws.fraction(np.logical_or.reduce([one.possible for one in categories]))
    in_sight = not any(one.blind.any() for one in categories)
    return "not_met" if in_sight and (possible <= 1 - decide + ROUNDING).all() else "indeterminate"


def _certain(categories: Sequence[_Evidence], draws: Draws) -> Bools:
    """Draws that are sure to meet one of the categories, whatever the class of those whose class cannot be told."""
    certain: Bools = np.logical_or.reduce([one.certain for one in categories])
    untold = draws.extent < 0
    if not untold.any():
        return certain
    of_class = [
        np.logical_or.reduce([one.joined(np.where(untold, number, draws.extent))[0] for one in categories])
        for number in range(len(CLASSES))
    ]
    return certain | np.logical_and.reduce(of_class)


def _purity_is_open(draws: Draws) -> bool:
    """Whether the groups are alternatives of purity, rather than of ploidy alone."""
    purity = draws.by_group(draws.purity, lambda rows: rows.mean(axis=1))
    return bool(np.isfinite(purity).all() and np.ptp(purity) > ROUNDING)


def quantity(draws: Draws, name: str) -> Floats:
    """Draws of what a clause of a criteria set asks for."""
    if name == "gcn_minus_ploidy":
        return draws.copies - draws.ploidy
    if name == "gcn_over_ploidy":
        return draws.copies / draws.ploidy
    values: Floats = getattr(draws, DRAWN[name])
    return values


class _Evidence:
    """What the draws say of one category, per group: share certain to meet it, share that may, and blindness."""

    def __init__(self, category: Any, draws: Draws, lod: Mapping[str, ArrayLike], decide: float):
        self.category, self.decide, self.draws = category, decide, draws
        self.cut_offs = [clause for clause in category.clauses if clause.if_purity_open]
        self.values = {clause.quantity: quantity(draws, clause.quantity) for clause in category.clauses}
        self.certain, self.possible = self.joined(draws.extent)
        self.low, self.high = draws.fraction(self.certain), draws.fraction(self.possible)
        self.counted = self._counted()
        self.met = self.low >= decide - ROUNDING
        self.not_met = self.high <= 1 - decide + ROUNDING
        self.unsure = self._unsure(lod)
        self.blind = self._blind(lod) | (self.unsure & self.met)

    def joined(self, extent: NDArray[np.integer] | None) -> tuple[Bools, Bools]:
        """Draws certain to meet the category, and draws that may, if these are their classes (None: whatever)."""
        pairs = [self._clause(clause, extent) for clause in self.category.clauses]
        join = np.logical_or.reduce if self.category.combine == "or" else np.logical_and.reduce
        return join([certain for certain, _ in pairs]), join([possible for _, possible in pairs])

    def _clause(self, clause: Any, extent: NDArray[np.integer] | None) -> tuple[Bools, Bools]:
        """Draws certain to meet a clause, and draws that may."""
        values, copies = self.values[clause.quantity], self.draws.copies
        known = ~np.isnan(values)
        certain = known & _reaches(values, clause) & _stays_below(values, clause)
        possible = certain | ~known
        if clause.if_purity_open:
            certain, possible = certain & np.isnan(copies), possible & np.isnan(copies)
        if clause.least_copies is not None:
            certain = certain & (copies >= clause.least_copies)
            possible = possible & ~(copies < clause.least_copies)
        if clause.focality is not None and extent is not None:
            allowed = np.isin(extent, [CLASSES.index(name) for name in clause.focality])
            certain = certain & (allowed | ((extent < 0) & (clause.undecided == "accept")))
            possible = possible & (allowed | (extent < 0))
        return certain, possible

    def _counted(self) -> Bools:
        """Groups that count: all, but where a clause on what needs no purity leaves out those of too high a purity."""
        everywhere = np.ones(self.low.shape, dtype=bool)
        if not self.cut_offs or not _purity_is_open(self.draws):
            return everywhere
        reached = self._surely(np.logical_or.reduce([
            _reaches(self.values[clause.quantity], clause) & _stays_below(self.values[clause.quantity], clause)
            for clause in self.cut_offs
        ]))  # fmt: skip
        counted = ~reached | self._surely(self.joined(None)[0])
        return counted if counted.any() else everywhere

    def _surely(self, mask: Bools) -> Bools:
        """Groups in which draws are as good as all in ``mask``."""
        return np.asarray(self.draws.fraction(mask) >= self.decide - ROUNDING)

    def _allowed(self, clause: Any) -> Bools:
        """Groups in which the class of focality alone does not deny a clause."""
        if clause.focality is None:
            return np.ones(self.low.shape, dtype=bool)
        extent = self.draws.extent
        allowed = (extent < 0) | np.isin(extent, [CLASSES.index(name) for name in clause.focality])
        return np.asarray(self.draws.fraction(allowed) > 1 - self.decide + ROUNDING)

    def _hidden(self, clause: Any, lod: Mapping[str, ArrayLike]) -> Bools:
        """Groups in which a clause's bound lies below the limit."""
        bound = clause.upper if clause.lower is None else clause.lower
        return ~(np.asarray(lod.get(clause.quantity, -np.inf), dtype=float) <= bound)

    def _unsure(self, lod: Mapping[str, ArrayLike]) -> Bools:
        """Groups in which a positive would be noise's: a lower bound is hidden, and two copies are not ruled out."""
        unsure = np.zeros(self.low.shape, dtype=bool)
        for clause in self._asked():
            copies = self.draws.plasma_copies if clause.quantity == "pcn" else self.draws.copies
            few = self.draws.fraction(copies > TWO) < detection_limit.SURELY_GAINED - ROUNDING
            unsure |= self._hidden(clause, lod) & few & (clause.lower is not None)
        return unsure

    def _asked(self) -> list[Any]:
        """Clauses that are asked for: those for an open purity only where copies are missing."""
        missing = bool(np.isnan(self.draws.copies).all())
        return [clause for clause in self.category.clauses if missing or not clause.if_purity_open]

    def _blind(self, lod: Mapping[str, ArrayLike]) -> Bools:
        """Groups whose answer is a negative that the sample was not able to contradict.

        A clause is blind if the draws fall short of it and its bound is hidden. One such blinds an ``or``; an ``and``
        too, unless another clause rules the category out in plain sight.
        """
        blind, in_sight = (np.zeros(self.low.shape, dtype=bool) for _ in range(2))
        for clause in self._asked():
            values = self.values[clause.quantity]
            short = self.draws.fraction(np.isnan(values) | ~_reaches(values, clause)) >= self.decide - ROUNDING
            # a clause without a lower bound is itself the negative, whatever the draws are
            here = self._hidden(clause, lod) & (short | (clause.lower is None)) & self._allowed(clause)
            blind |= here
            possible = self._clause(clause, self.draws.extent)[1]
            in_sight |= ~here & (self.draws.fraction(possible) <= 1 - self.decide + ROUNDING)
        if self.category.combine == "and":
            blind &= ~in_sight
        asks_for_little = all(clause.lower is None for clause in self.category.clauses)
        return blind & (self.met if asks_for_little else self.not_met)

    def remark(self) -> str | None:
        """Why a category that is met may mislead: by a ratio whose CEP7-like is low while MET itself is not gained."""
        asks_for_ratio = any(
            clause.quantity == "ratio" and clause.lower is not None for clause in self.category.clauses
        )
        copies = np.median(self.draws.copies)
        if not asks_for_ratio or not copies < focality.GAINED:
            return None
        cep7 = np.median(self.draws.cep7)
        return (
            f"Fulfilled by the ratio alone, at about {copies:.1f} copies of MET over {cep7:.1f} of CEP7-like: "
            "CEP7-like is low, MET is not gained."
        )

    def verdict(self) -> str:
        """One word for all groups together."""
        if (self.met & ~self.blind)[self.counted].all():
            return "met"
        return "not_met" if (self.not_met & ~self.blind)[self.counted].all() else "indeterminate"

    def ends(self) -> tuple[float, float]:
        """Lowest and highest probability over groups and ways to settle the unknown; NaN if nothing was measured."""
        if all(np.isnan(values).all() for values in self.values.values()):
            return float("nan"), float("nan")
        low, high = self.low[self.counted].min(), self.high[self.counted].max()
        return float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))

    def probability(self) -> float:
        """The probability where both ends are one; NaN elsewhere, for a single number would be an arbitrary one."""
        low, high = self.ends()
        return low if high - low <= ROUNDING else float("nan")

    def _missing(self) -> list[str]:
        """Quantities missing in some draw."""
        return [quantity for quantity, values in self.values.items() if np.isnan(values).any()]

    def _class_is_open(self, unclear: Bools) -> bool:
        """Whether the class of focality alone keeps groups that are ``unclear`` from an answer."""
        if all(clause.focality is None for clause in self.category.clauses):
            return False
        certain, _ = self.joined(None)
        return bool((unclear & (self.draws.fraction(certain) >= self.decide - ROUNDING)).any())

    def reasons(self, range_reason: str, missing: Mapping[str, str]) -> tuple[str, ...]:
        """Why there is no verdict."""
        found: list[str] = []
        unclear, met = ~self.met & ~self.not_met & self.counted, self.met[self.counted]
        if (unclear & (self.high - self.low > ROUNDING)).any():
            found += [missing[quantity] for quantity in self._missing()]
        if (unclear.any() or met.any()) and not (unclear[self.counted].all() or met.all()):
            found.append(range_reason)
        elif self._class_is_open(unclear):
            found.append("focality_undecided")
        elif (unclear & ((self.low > 1 - self.decide) | (self.high < self.decide))).any():
            found.append("interval_spans_bound")
        if self.blind.any():
            found.append("below_limit_of_detection")
        return tuple(dict.fromkeys(found))


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
