"""What a titration found: each tumour against its truth, strata and limits of detection, as tables and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metcn.calls import criteria
from metcn.calls import overall as calling
from metcn.calls import record as cohort
from metcn.calls import verdicts as judging
from metcn.copies.focality import CLASSES
from metcn.copies.posterior import Draws
from metcn.files import read_json, write_text
from metcn.io.delimited import tab_separated
from metcn.report import study_pages
from metcn.stats import proportions
from metcn.titration import limit
from metcn.titration.tumours import FOCALITY, NEGATIVE
from metcn.vocabulary import CALLS

CALL = "call"  # the overall call, beside the criteria
AMPLIFIED = CALLS[:2]
STRATUM = ["copies", "extent", "depth", "purity"]
CURVE = ["copies", "extent", "depth"]
ESTIMATES = ("met_copies", "met_copies_low", "met_copies_high", "call", "reasons", "qc")


def collect(folders: Sequence[Path], calls: str, decide: float, own_criteria: Sequence[str] = ()) -> pd.DataFrame:
    """A row per tumour and criterion: its truth and estimates, whether it should meet the criterion, and the verdict.

    Parameters
    ----------
    folders : folders of the folds, each with ``truth.tsv`` and the workflow's results.
    calls : path pattern of a sample's calls JSON below a folder.
    own_criteria : paths of the laboratory's own criteria sets.
    """
    sets = criteria.load(own_criteria)
    rows: list[dict[str, Any]] = []
    for folder in folders:
        table = pd.read_csv(folder / "truth.tsv", sep="\t", dtype={"sample": str, "donor": str, "extent": str})
        for raw in table.to_dict("records"):
            known = {str(name): value for name, value in raw.items()}
            record = read_json(folder / calls.format(sample=known["sample"]))
            found = cohort.row(record)
            base = {**known, **{f"found_{name}": found[name] for name in ESTIMATES}}
            base["found_reasons"] = ";".join(found["reasons"] or ())
            expected = _expected(known, sets, record["default_criteria"], record["specimen"], decide)
            verdicts = {f"{item['id']}:{item['category']}": item["verdict"] for item in record["criteria"]}
            verdicts[CALL] = _call_verdict(found["call"], found["reasons"] or ())
            rows += [
                {**base, "criterion": name, "expected": expected[name] == "met", "verdict": verdicts[name]}
                for name in expected
                if expected[name] in ("met", "not_met") and verdicts.get(name) not in (None, "not_applicable")
            ]
    return pd.DataFrame(rows)


def _call_verdict(call: str, reasons: Sequence[str]) -> str:
    """The overall call as the verdict on amplification, on which a gain may say nothing."""
    if call in ("indeterminate", "no_call"):
        return call
    if "amplification_open" in reasons:
        return "indeterminate"
    return "met" if call in AMPLIFIED else "not_met"


def _expected(
    known: Mapping[str, Any], sets: Mapping[str, Any], default: str, specimen: str, decide: float
) -> dict[str, str]:
    """Verdict of every criterion if everything were known exactly."""
    exact = {"copies": "met_copies", "cep7": "cep7_copies", "met_cep7": "met_cep7", "depth_ratio": "met_ratio"}
    draws = {name: [known[column]] for name, column in {**exact, "ploidy": "ploidy"}.items()}
    extent = CLASSES.index(FOCALITY.get(known["extent"], "focal"))
    draws |= {"plasma_copies": [2 * known["met_ratio"]], "weight": [1.0], "extent": [extent]}
    judged = judging.verdicts(
        sets.values(),
        Draws.of(draws),
        specimen=specimen,
        decide=decide,
    )
    found = {f"{row.criterion.id}:{row.category.name}": row.verdict for row in judged}
    call, why = calling.overall([row for row in judged if row.criterion.id == default])
    return {CALL: _call_verdict(call, why), **found}


def strata(outcomes: pd.DataFrame) -> pd.DataFrame:
    """A row per stratum and criterion, over both halves: shares with exact intervals, errors of copies, open cases."""
    rows = []
    for keys, part in outcomes.groupby([*STRATUM, "criterion"], sort=False):
        met = (part["verdict"] == "met").to_numpy()
        expected = part["expected"].to_numpy(bool)
        seen, spared = proportions.of(met[expected]), proportions.of(~met[~expected])
        found = limit.errors(
            part["met_copies"],
            *(part[f"found_met_copies{end}"].astype(float) for end in ("", "_low", "_high")),
        )
        rows.append(
            {
                **dict(zip([*STRATUM, "criterion"], keys, strict=True)),
                "n": len(part),
                "positives": seen.n,
                "sensitivity": seen.value,
                "sensitivity_low": seen.low,
                "sensitivity_high": seen.high,
                "negatives": spared.n,
                "specificity": spared.value,
                "specificity_low": spared.low,
                "specificity_high": spared.high,
                "indeterminate": int((part["verdict"] == "indeterminate").sum()),
                "no_call": int((part["found_call"] == "no_call").sum()),
                "copies_known": found.known,
                "copies_bias": found.bias,
                "copies_rmse": found.rmse,
                "interval_coverage": found.inside,
            }
        )
    return pd.DataFrame(rows)


def limits(outcomes: pd.DataFrame, sensitivity: float = 0.95) -> pd.DataFrame:
    """Limit of detection per copies, extent, depth and criterion: over both halves, of each, and whether it holds.

    ``alike`` is the limit without the donors that are `unlike` the other half: one of them can decide a limit alone.
    It holds if the halves' intervals overlap, and neither half's tumours at or above the other half's upper bound are
    seen too rarely: the exact interval of their share reaches ``sensitivity``. Empty where no purity tested lies there.
    """
    rows, apart = [], unlike(outcomes)
    positives = outcomes[outcomes["expected"] & (outcomes["extent"] != NEGATIVE)]
    for keys, part in positives.groupby([*CURVE, "criterion"], sort=False):
        row: dict[str, Any] = {**dict(zip([*CURVE, "criterion"], keys, strict=True)), "n": len(part)}
        found = {}
        chosen_of = {"lod": part, "alike": part[~part["donor"].isin(apart)]}
        chosen_of |= {f"half{fold}": part[part["fold"] == fold] for fold in (1, 2)}
        for name, chosen in chosen_of.items():
            found[name] = _limit(chosen, sensitivity)
            row |= {name: found[name].value, f"{name}_low": found[name].low, f"{name}_high": found[name].high}
        seen = [_beyond(part[part["fold"] != fold], found[f"half{fold}"].high) for fold in (1, 2)]
        for fold, share in zip((1, 2), seen, strict=True):
            row |= {f"half{fold}_predicts_n": share.n, f"half{fold}_predicts_seen": share.hits}
        told = [share.high >= sensitivity for share in seen if share.n]
        overlap = found["half1"].low <= found["half2"].high and found["half2"].low <= found["half1"].high
        row["holds"] = "" if not told else "yes" if overlap and all(told) else "no"
        rows.append(row)
    return pd.DataFrame(rows)


def unlike(outcomes: pd.DataFrame) -> list[str]:
    """Donors that, unchanged, lie outside the range of the normals they are measured against."""
    as_they_are = outcomes[(outcomes["criterion"] == CALL) & (outcomes["extent"] == NEGATIVE)]
    told = as_they_are["found_reasons"].str.split(";").map(lambda codes: "unlike_normals" in codes).astype(bool)
    return sorted(set(as_they_are["donor"][told]))


def _limit(part: pd.DataFrame, sensitivity: float) -> limit.Limit:
    """Limit of detection of some tumours; those of one donor share its noise, so donors are what counts."""
    by_purity = (part["verdict"] == "met").groupby(part["purity"]).agg(["sum", "size"])
    return limit.detection_limit(
        by_purity.index,
        by_purity["sum"],
        by_purity["size"],
        weight=min(part[["fold", "donor"]].drop_duplicates().shape[0] / max(len(part), 1), 1.0),
        sensitivity=sensitivity,
    )


def _beyond(part: pd.DataFrame, purity: float) -> proportions.Share:
    """Share seen of the tumours at or above a purity; of none if the purity is not known."""
    return proportions.of((part["verdict"] == "met")[part["purity"] >= purity - 1e-9])


def false_positives(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Share of unchanged donors, each measured against the half it is not in, that meet a criterion they should not."""
    rows = []
    unchanged = outcomes[(outcomes["extent"] == NEGATIVE) & ~outcomes["expected"]]
    for keys, part in unchanged.groupby(["depth", "purity", "criterion"], sort=False):
        rate = proportions.of(part["verdict"] == "met")
        rows.append(
            {
                **dict(zip(["depth", "purity", "criterion"], keys, strict=True)),
                "normals": rate.n,
                "false_positives": rate.hits,
                "rate": rate.value,
                "rate_low": rate.low,
                "rate_high": rate.high,
            }
        )
    return pd.DataFrame(rows)


def donors(outcomes: pd.DataFrame) -> pd.DataFrame:
    """How often each donor's amplified tumours were called so, those missed most first.

    A donor that stands apart from the rest decides a limit of detection that rests on few: ``unlike`` says yes of those
    left out of the second limit. ``missed_up_to`` is the highest purity of a tumour that was missed, ``copies_error``
    the median error of MET copies as a share of the truth, ``reasons`` what more than half of the donor's tumours
    carry.
    """
    rows, apart = [], unlike(outcomes)
    positives = outcomes[(outcomes["criterion"] == CALL) & outcomes["expected"] & (outcomes["extent"] != NEGATIVE)]
    for (donor, fold), part in positives.groupby(["donor", "fold"]):
        seen = part["verdict"] == "met"
        error = (part["found_met_copies"].astype(float) - part["met_copies"]) / part["met_copies"]
        codes = part["found_reasons"].str.split(";").explode().value_counts()
        often = codes.index[codes > len(part) / 2]
        rows.append(
            {
                "donor": donor,
                "half": fold,
                "n": len(part),
                "seen": int(seen.sum()),
                "missed_up_to": part["purity"][~seen].max(),
                "copies_error": error.median(),
                "unlike": "yes" if donor in apart else "no",
                "reasons": ";".join(sorted(code for code in often if code)),
            }
        )
    columns = ["donor", "half", "n", "seen", "missed_up_to", "copies_error", "unlike", "reasons"]
    table = pd.DataFrame(rows, columns=columns)
    return table.iloc[(table["seen"] / table["n"]).argsort(kind="stable")]


def write(folder: Path, outcomes: pd.DataFrame, title: str, notes: Sequence[str]) -> None:
    """Write ``titration``, ``limits``, ``false_positives``, ``donors``, ``tumours`` (TSV) and ``titration.html``."""
    found = {
        "titration": strata(outcomes),
        "limits": limits(outcomes),
        "false_positives": false_positives(outcomes),
        "donors": donors(outcomes),
    }
    tumours = outcomes[outcomes["criterion"] == CALL].drop(columns=["criterion"])
    for name, table in {**found, "limits": _worded(found["limits"]), "tumours": tumours}.items():
        write_text(folder / f"{name}.tsv", tab_separated(table))
    shown = list(dict.fromkeys(outcomes["criterion"]))
    page = study_pages.titration_page(found, title=title, notes=notes, shown=shown, unlike=unlike(outcomes))
    write_text(folder / "titration.html", page)


def _worded(table: pd.DataFrame) -> pd.DataFrame:
    """The limits with words for those that lie outside the tested purities."""
    words = {np.inf: "above_tested", 0.0: "below_tested"}
    ends = [f"{name}{end}" for name in ("lod", "alike", "half1", "half2") for end in ("", "_low", "_high")]
    return table.assign(
        **{name: [words.get(value, f"{value:.3g}" if value == value else "") for value in table[name]] for name in ends}
    )
