"""A site's own cut-offs: curves of its numbers against its FISH, and what FISH's cut-offs are on its own scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from metcn.stats import passing_bablok, roc
from metcn.stats.estimate import Estimate
from metcn.stats.proportions import Share

LEAST = 20  # of positives, and of negatives, below which a cut-off would be one of chance
RESAMPLES = 1000
MEASURES = {"met_copies": "MET copies", "met_cep7": "MET/CEP7-like", "met_ratio": "depth ratio of MET"}
FISH = {"met_copies": (5.0, 10.0), "met_cep7": (2.0,)}  # cut-offs of FISH, whose like on the site's scale is wanted
RULES = {"youden": "best accuracy (Youden)", "full_specificity": "full specificity"}
CUTOFF_COLUMNS = (
    "standard measure rule positives negatives area area_low area_high cutoff cutoff_low cutoff_high sensitivity "
    "sensitivity_low sensitivity_high specificity specificity_low specificity_high refused"
).split()
EQUIVALENCE_COLUMNS = (
    "measure fish ours ours_low ours_high pairs positives slope slope_low slope_high intercept intercept_low "
    "intercept_high refused"
).split()
HIGHEST_IS_NEGATIVE = "a negative has the highest value of all: no cut-off spares it"
OUTSIDE = "no FISH value lies below it, or no line can be drawn through them"

Row: TypeAlias = dict[str, float | str]


class Question(NamedTuple):
    """Something both methods answer: a column, and for numbers the bound from which it counts as positive."""

    name: str
    column: str
    bound: float | None = None

    def known(self, both: pd.DataFrame) -> np.ndarray:
        """Known answers, 1 (positive), 0 (negative) or NaN (none)."""
        known = both[self.column].to_numpy(float)
        return known if self.bound is None else np.where(np.isnan(known), np.nan, known >= self.bound)


# Agreement with FISH that others report, to compare with; abstracts read, papers not.
PUBLISHED: tuple[dict[str, str], ...] = (
    {
        "method": "MSK-IMPACT, depth and focality together",
        "n": "",
        "agreement": "91 %",
        "sensitivity": "97 %",
        "specificity": "89 %",
        "source": "Solomon 2022, doi:10.1158/1078-0432.CCR-22-1321",
        "status": "abstract read",
    },
    {
        "method": "copies of MET, BRAF, CDK6 and CYP3A4; sensitivity and specificity leave polysomy out",
        "n": "96",
        "agreement": "74.0 %",
        "sensitivity": "85.7 %",
        "specificity": "93.9 %",
        "source": "Front Oncol 2024, doi:10.3389/fonc.2024.1470827",
        "status": "abstract read",
    },
    {
        "method": "copies of at least 5",
        "n": "40",
        "agreement": "62.5 %",
        "sensitivity": "40 %",
        "specificity": "100 %",
        "source": "Peng 2021, doi:10.1186/s40164-021-00245-y",
        "status": "abstract read",
    },
)


@dataclass(frozen=True)
class Curve:
    """One number of the cohort against one known answer; without a curve it is ``refused`` with a reason.

    ``measure`` is a key of ``MEASURES``, ``standard`` the name of the question that the known answer is to.
    """

    standard: str
    measure: str
    positives: int
    negatives: int
    curve: roc.Curve | None = None
    refused: str = ""

    def rows(self) -> list[Row]:
        """Rows of ``cutoffs.tsv``: one per rule, or one that says why there is none."""
        head: Row = {
            "standard": self.standard,
            "measure": self.measure,
            "rule": "",
            "positives": self.positives,
            "negatives": self.negatives,
            "refused": self.refused,
        }
        if self.curve is None:
            return [head]
        found: list[Row] = []
        for rule, cut in (("youden", self.curve.youden), ("full_specificity", self.curve.specific)):
            refused = "" if np.isfinite(cut.value.value) else HIGHEST_IS_NEGATIVE
            row = head | {"rule": rule, "refused": refused} | _ends("area", self.curve.area)
            row |= _ends("cutoff", cut.value) | _ends("sensitivity", cut.sensitivity)
            found.append(row | _ends("specificity", cut.specificity))
        return found


@dataclass(frozen=True)
class Equivalent:
    """What a cut-off of FISH is on the scale of one number; missing where it is ``refused`` with a reason."""

    measure: str
    fish: float
    positives: int
    line: passing_bablok.Regression
    ours: Estimate
    refused: str = ""

    def row(self) -> Row:
        """Row of ``equivalence.tsv``."""
        row: Row = {"measure": self.measure, "fish": self.fish, **_ends("ours", self.ours)}
        row |= {"pairs": self.line.n, "positives": self.positives, "refused": self.refused}
        return row | _ends("slope", self.line.slope) | _ends("intercept", self.line.intercept)

    def sentence(self) -> str:
        """The equivalent in words."""
        opening = f"FISH {MEASURES[self.measure].removesuffix('-like')} {self.fish:g} is here"
        if self.refused:
            return f"{opening} not told: {self.refused}."
        return f"{opening} {self.ours.value:.2f} ({self.ours.low:.2f}-{self.ours.high:.2f})."


@dataclass(frozen=True)
class SiteCutOffs:
    """Curves of a site's numbers against its known answers, and equivalents of FISH's cut-offs."""

    curves: tuple[Curve, ...]
    equivalents: tuple[Equivalent, ...]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Both tables by the name of their file."""
        return {
            "cutoffs": pd.DataFrame([row for each in self.curves for row in each.rows()], columns=CUTOFF_COLUMNS),
            "equivalence": pd.DataFrame([each.row() for each in self.equivalents], columns=EQUIVALENCE_COLUMNS),
        }


def of_site(both: pd.DataFrame, questions: Iterable[Question], *, resamples: int = RESAMPLES) -> SiteCutOffs:
    """Cut-offs of a site, of the numbers of its cohort against its known answers.

    Parameters
    ----------
    both : pandas.DataFrame
        Known answers beside the cohort's numbers, prefixed ``our_``; a number that the cohort lacks has no curve.
    questions : iterable of Question
        What counts as positive.
    resamples : int
        Of each bootstrap.
    """
    measures = [measure for measure in MEASURES if f"our_{measure}" in both.columns]
    return SiteCutOffs(
        tuple(_curve(both, question, measure, resamples) for question in questions for measure in measures),
        tuple(_equivalents(both, resamples)),
    )


def refusal(positives: int, negatives: int = LEAST) -> str:
    """Why no cut-off is given; empty where there are enough of both.

    >>> refusal(20), refusal(19)
    ('', '19 positives, of which 20 are needed: from fewer a cut-off is one of chance')
    """
    for count, name in ((positives, "positives"), (negatives, "negatives")):
        if count < LEAST:
            return f"{count} {name}, of which {LEAST} are needed: from fewer a cut-off is one of chance"
    return ""


def _curve(both: pd.DataFrame, question: Question, measure: str, resamples: int) -> Curve:
    """Curve of one number against one known answer."""
    values, known = both[f"our_{measure}"].to_numpy(float), question.known(both)
    counted = known[np.isfinite(values)]
    positives, negatives = int((counted == 1).sum()), int((counted == 0).sum())
    if refused := refusal(positives, negatives):
        return Curve(question.name, measure, positives, negatives, refused=refused)
    return Curve(question.name, measure, positives, negatives, roc.curve(values, known, resamples=resamples))


def _ends(name: str, estimate: Estimate | Share) -> Row:
    """A value with its ends as columns."""
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _equivalents(both: pd.DataFrame, resamples: int) -> Iterator[Equivalent]:
    """What each cut-off of FISH is on our scale, by the line through all pairs."""
    for measure, cut_offs in FISH.items():
        if measure not in both.columns:
            continue
        known, ours = (both[name].to_numpy(float) for name in (measure, f"our_{measure}"))
        line = passing_bablok.passing_bablok(known, ours)
        told = passing_bablok.equivalents(known, ours, cut_offs, resamples=resamples)
        for cut_off, equivalent in zip(cut_offs, told, strict=True):
            positives = int((known[np.isfinite(ours)] >= cut_off).sum())
            refused = refusal(positives) or ("" if np.isfinite(equivalent.value) else OUTSIDE)
            yield Equivalent(measure, cut_off, positives, line, Estimate() if refused else equivalent, refused)
