"""Validation: a cohort's calls against a laboratory's known answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metcn.cli import cutoffs
from metcn.cli.cutoffs import Question
from metcn.errors import InputError
from metcn.files import write_text
from metcn.io import delimited
from metcn.io.delimited import Column
from metcn.report import accuracy_plots, study_pages
from metcn.stats import agreement
from metcn.vocabulary import CALLS, REASONS

REMEDY = "correct the table; leave a cell empty where there is no answer"
NAMED = 5  # samples that a message names
YES_NO = {"yes": 1.0, "no": 0.0, "": np.nan}
NUMBERS = {"met_copies": "MET copies", "met_cep7": "MET/CEP7"}
OPTIONAL = ("met_ratio",)  # of which there is a curve too
STANDARDS = ("amplified", "MET copies >= 5", "MET copies >= 10", "MET/CEP7 >= 2")  # questions that a curve is made for
NEEDED = ("sample call reasons met_copies met_copies_low met_copies_high met_cep7 met_cep7_low met_cep7_high").split()
DISAGREEMENT = ["sample", "question", "known", "ours", "interval", "bound_in_interval", "call", "reasons"]
COMPARED = ("difference", "difference_low", "difference_high", "ratio", "ratio_low", "ratio_high")
COVERED = ("covered", "intervals", "coverage", "coverage_low", "coverage_high")
# What other tables call the columns, in small letters and figures alone. Such a column is refused and not passed over.
MEANT = dict.fromkeys(("sample", "sampleid", "samplename", "id", "name"), "sample")
MEANT |= {"metcopies": "met_copies", "metcep7": "met_cep7", "metcep7ratio": "met_cep7", "amplified": "amplified"}
AMPLIFIED, UNDECIDED = CALLS[:2], CALLS[-2:]


# The bounds that trials and guidelines put to FISH: see resources/criteria.
QUESTIONS = (
    Question("amplified", "amplified"),
    Question("MET copies >= 5", "met_copies", 5),
    Question("MET copies >= 6", "met_copies", 6),
    Question("MET copies >= 10", "met_copies", 10),
    Question("MET/CEP7 >= 1.8", "met_cep7", 1.8),
    Question("MET/CEP7 >= 2", "met_cep7", 2),
)


def validate(*, truth: Path, cohort: Path, output: Path) -> None:
    """Write a validation into a folder: tables of agreement, disagreements and the site's own cut-offs, and a page.

    The tables are ``validation.tsv``, ``disagreements.tsv``, ``cutoffs.tsv`` and ``equivalence.tsv``.

    Numbers are compared by their point values, as published comparisons with FISH do. A sample without one, as of
    unknown purity, is judged by its interval where that lies on one side of the bound; otherwise it has no result,
    which is listed and never counted as a negative. Columns of the truth that are no answers are passed over.

    Raises
    ------
    InputError
        If a table is malformed, holds no answer, a sample stands twice, or one of the truth is not in the cohort.
    """
    both = _merged(read_truth(truth), read_cohort(cohort), truth, cohort)
    asked = [
        question for question in QUESTIONS if question.column in both.columns and both[question.column].notna().any()
    ]
    if not asked:
        raise InputError(f"{truth}: expected an answer for at least one sample, found only empty cells; fill them in")
    rows = pd.DataFrame([_row(question, both) for question in asked])
    listed = [item for question in asked for item in _disagreements(question, both)]
    listed.sort(key=lambda item: list(both["sample"]).index(item["sample"]))
    site = cutoffs.of_site(both, [question for question in asked if question.name in STANDARDS])
    page = study_pages.validation_page(
        rows,
        list(_figures(both)),
        listed,
        site=_shown(site),
        title="MET copy number",
        notes=[
            f"{len(both)} samples with a known answer; {_outside(cohort, both)} further ones of the cohort have none.",
            *_coverages(both),
        ],
    )
    tables = {
        "validation": rows,
        "disagreements": pd.DataFrame(listed, columns=DISAGREEMENT),
        **site.tables(),
    }
    for name, table in tables.items():
        write_text(output / f"{name}.tsv", delimited.tab_separated(table))
    write_text(output / "validation.html", page)


def _shown(site: cutoffs.SiteCutOffs) -> study_pages.SiteSection:
    """The site's own cut-offs as the page has them."""
    drawn: dict[str, dict[str, tuple[tuple[float, float], ...]]] = {}
    for each in site.curves:
        if each.curve is not None:
            drawn.setdefault(each.standard, {})[cutoffs.MEASURES[each.measure]] = each.curve.points
    return study_pages.SiteSection(
        rows=[row | _words(row) for each in site.curves for row in each.rows()],
        sentences=[each.sentence() for each in site.equivalents],
        figures=[(name, accuracy_plots.roc(lines, label=f"Curves against {name}")) for name, lines in drawn.items()],
        published=cutoffs.PUBLISHED,
    )


def _words(row: cutoffs.Row) -> cutoffs.Row:
    """Names of number and rule in words."""
    return {"measure": cutoffs.MEASURES[str(row["measure"])], "rule": cutoffs.RULES.get(str(row["rule"]), "")}


def read_truth(path: Path) -> pd.DataFrame:
    """Known answers: sample and any of met_copies, met_cep7 (NaN: unknown) and amplified (1, 0 or NaN); no more.

    Raises
    ------
    InputError
        If it is not tab-separated, a column is missing or nearly has the name of another, a cell is not what its column
        holds, or a sample stands twice.
    """
    raw = delimited.text_frame(delimited.without_comments(delimited.read_text(path)), path)
    _check_header(list(raw.columns), path)
    found = pd.DataFrame({"sample": delimited.parse_column(raw["sample"], "sample", Column("text"), path, REMEDY)})
    for name in NUMBERS:
        if name in raw.columns:
            found[name] = delimited.parse_column(
                raw[name], name, Column(optional=True, low=0, words=delimited.NO_VALUE), path, REMEDY
            )
    if "amplified" in raw.columns:
        cells = raw["amplified"].str.strip().str.lower().replace({"true": "yes", "false": "no"})  # as Excel writes them
        cells = cells.where(~cells.isin(delimited.NO_VALUE), "")
        delimited.refuse_rows(~cells.isin(list(YES_NO)), path, "amplified", cells, "yes, no or nothing", REMEDY)
        found["amplified"] = cells.map(YES_NO).astype(float)
    if found.empty:
        raise InputError(f"{path}: expected a row per sample, found only the header; add the samples")
    _once(found["sample"], path)
    return found.reset_index(drop=True)


def _check_header(names: list[str], path: Path) -> None:
    """Raise InputError unless a header of the truth has ``sample`` and an answer, and none that was meant as one."""
    if len(names) == 1 and (found := [mark for mark in ",;" if mark in names[0]]):
        word = {",": "commas", ";": "semicolons"}[found[0]]
        raise InputError(
            f"{path}: expected columns separated by tabs, found {word}; save the table as tab-separated text"
        )
    answers = [*NUMBERS, "amplified"]
    for name in names:
        meant = MEANT.get("".join(filter(str.isalnum, name.lower())))
        if meant not in (None, name) and meant not in names:
            raise InputError(f"{path}: expected a column {meant}, found {name!r}; rename it {meant}")
    if "sample" not in names or not set(answers) & set(names):
        raise InputError(
            f"{path}: expected column sample and at least one of {', '.join(answers)}, found {', '.join(names)}; "
            "name the columns so"
        )


def read_cohort(path: Path) -> pd.DataFrame:
    """The columns of a cohort table that a validation needs.

    Raises
    ------
    InputError
        If it is not a cohort table, or a sample stands twice.
    """
    raw = delimited.text_frame(delimited.read_text(path), path)
    absent = [name for name in NEEDED if name not in raw.columns]
    if absent:
        raise InputError(f"{path} lacks column {absent[0]}; expected the cohort.tsv of a run: give results/cohort.tsv")
    found = {}
    for name in [*NEEDED, *(name for name in OPTIONAL if name in raw.columns)]:
        kind = (
            Column("text", optional=name == "reasons")
            if name in ("sample", "call", "reasons")
            else Column(optional=True)
        )
        kind = Column("text", choices=CALLS) if name == "call" else kind
        found[name] = delimited.parse_column(raw[name], name, kind, path, REMEDY)
    frame = pd.DataFrame(found)
    _once(frame["sample"], path)
    return frame.reset_index(drop=True)


def _once(names: pd.Series, path: Path) -> None:
    delimited.refuse_rows(names.duplicated(), path, "sample", names, "each sample once", REMEDY)


def _merged(truth: pd.DataFrame, cohort: pd.DataFrame, truth_path: Path, cohort_path: Path) -> pd.DataFrame:
    """Answers beside the cohort's (prefixed ``our_``), in the order of the truth."""
    absent = truth.loc[~truth["sample"].isin(cohort["sample"]), "sample"]
    if len(absent):
        told = ", ".join(absent[:NAMED]) + (", ..." if len(absent) > NAMED else "")
        raise InputError(
            f"{truth_path}: expected samples of {cohort_path}, found {len(absent)} that it lacks ({told}); "
            "write names as in the sample sheet, or take the rows out"
        )
    ours = cohort.rename(columns={name: f"our_{name}" for name in cohort.columns if name != "sample"})
    return truth.merge(ours, on="sample", how="left", validate="one_to_one")


def _answers(question: Question, both: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Known answer and ours, 1 (positive), 0 (negative) or NaN (none)."""
    known = question.known(both)
    if question.bound is None:
        ours = np.where(both["our_call"].isin(AMPLIFIED), 1.0, 0.0)
        return known, np.where(both["our_call"].isin(UNDECIDED), np.nan, ours)
    value, low, high = (both[f"our_{question.column}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
    by_interval = np.where(low >= question.bound, 1.0, np.where(high < question.bound, 0.0, np.nan))
    ours = np.where(np.isnan(value), by_interval, value >= question.bound)
    return known, ours


def _row(question: Question, both: pd.DataFrame) -> dict[str, Any]:
    """One question's row of ``validation.tsv``."""
    table = agreement.fourfold(*_answers(question, both))
    row: dict[str, Any] = {"question": question.name, **table._asdict()}
    for name in ("sensitivity", "sensitivity_of_all", "specificity", "agreement"):
        share = getattr(table, name)
        row |= {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}
    found = agreement.kappa(table)
    row |= {"kappa": found.value, "kappa_low": found.low, "kappa_high": found.high}
    row |= dict.fromkeys((*COMPARED, *COVERED), np.nan)
    if question.bound is None:
        return row
    ours, known = both[f"our_{question.column}"], both[question.column]
    gaps, ratios = agreement.differences(ours, known), agreement.ratios(ours, known)
    return row | dict(zip(COMPARED, (*gaps[1:], *ratios[2:]), strict=True)) | _coverage(question.column, both)


def _coverage(column: str, both: pd.DataFrame) -> dict[str, float]:
    """How often the 95 % interval of a number holds the known answer, as it stands in ``validation.tsv``."""
    share = agreement.coverage(both[f"our_{column}_low"], both[f"our_{column}_high"], both[column])
    return dict(zip(COVERED, share, strict=True))


def _coverages(both: pd.DataFrame) -> Iterator[str]:
    """A sentence per number: how often its interval holds the known answer, and how many were too large or small."""
    for column, word in NUMBERS.items():
        if column not in both.columns:
            continue
        covered, intervals, value, low, high = _coverage(column, both).values()
        if intervals:
            held = f"{covered:.0f} of {intervals:.0f} ({100 * value:.0f} %, {100 * low:.0f} to {100 * high:.0f} %)"
            yield f"{word}: our 95 % interval holds the known answer in {held}."


def _disagreements(question: Question, both: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
    """Samples whose answers differ, or that have none of ours, with what may explain it."""
    known, ours = _answers(question, both)
    for place in np.flatnonzero(~np.isnan(known) & (known != ours)):
        row = both.iloc[int(place)]
        found = {
            "known": "yes" if known[place] else "no",
            "ours": row["our_call"],
            "interval": "",
            "bound_in_interval": "",
        }
        if question.bound is not None:
            value, low, high = (row[f"our_{question.column}{end}"] for end in ("", "_low", "_high"))
            by_interval = "missing" if np.isnan(ours[place]) else "at least" if ours[place] else "below"
            told = f"{by_interval} {question.bound:g}" if by_interval != "missing" else by_interval
            found |= {"known": _number(row[question.column]), "ours": told if np.isnan(value) else f"{value:.2f}"}
            if np.isfinite(low) and np.isfinite(high):
                found["interval"] = f"{_number(low)} to {_number(high)}"
                found["bound_in_interval"] = "yes" if low <= question.bound <= high else "no"
        yield {
            "sample": row["sample"],
            "question": question.name,
            **found,
            "call": row["our_call"],
            "reasons": ";".join(code for code in row["our_reasons"].split(";") if code in REASONS),
        }


def _number(value: float) -> str:
    return "missing" if np.isnan(value) else f"{value:.2f}"


def _figures(both: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """A Bland-Altman plot per number that both have."""
    for column, word in NUMBERS.items():
        if column not in both.columns:
            continue
        pairs = both[["sample", f"our_{column}", column]].dropna()
        found = agreement.ratios(pairs[f"our_{column}"], pairs[column])
        drawn = accuracy_plots.ratios(
            list(pairs.itertuples(index=False, name=None)), *found[2:], unit=word, label=f"Ratios of {word}"
        )
        if drawn:
            without = f", {found.left_out} with a 0 left out" if found.left_out else ""
            yield f"{word}: ours over the known answer, {found.n} samples{without}", drawn


def _outside(cohort: Path, both: pd.DataFrame) -> int:
    """Samples of the cohort without a known answer."""
    return len(read_cohort(cohort)) - len(both)
