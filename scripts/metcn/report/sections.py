"""What each section of a sample's page says, taken from the calls JSON; what is not in there is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from metcn.calls.record import pick
from metcn.mixture import tumour_copies
from metcn.ratios.measurement import Part
from metcn.report import estimate_plots, wording
from metcn.report.wording import copies, ratio

PURITY_STEP = 0.1  # how far a pathologist's estimate of tumour cells is easily off
NORMAL_TAIL = 1.96
NOT_TOLD = {"source", "purity", "ploidy", "modes", "identified", "log_likelihood_range"}
MARKS = {"met": "●", "not_met": "○", "indeterminate": "◐"}


def mixture(call: Mapping[str, Any]) -> tuple[float, float] | None:
    """Purity and ploidy where both are point values."""
    purity, ploidy = (pick(call, f"purity.{name}.value") for name in ("purity", "ploidy"))
    return (purity, ploidy) if purity and ploidy else None


def amplicon(call: Mapping[str, Any]) -> tuple[float, float] | None:
    """Start and end of the amplicon, if there is one."""
    start, end = (pick(call, f"copies.amplicon.{side}") for side in ("start", "end"))
    return None if start is None or end is None else (start, end)


def rulers(call: Mapping[str, Any]) -> dict[str, str]:
    """Interval figures of the four estimates; the bounds marked are those of the default and plasma criteria."""
    wanted = {
        "met_copies": ((5, 10), 16, "MET copies"),
        "met_cep7": ((2,), 5, "MET/CEP7-like"),
        "cep7_copies": ((), 8, "CEP7-like copies"),
        "plasma_copies": ((2.1, 2.5), 5, "Plasma copies, uncorrected"),
    }
    return {
        name: estimate_plots.ruler(
            pick(call, f"copies.{name}") or {},
            bounds=bounds,
            top=top,
            label=f"{label} {wording.span(pick(call, f'copies.{name}'), 'ratio')}, 95 % interval",
        )
        for name, (bounds, top, label) in wanted.items()
    }


def criteria(call: Mapping[str, Any]) -> list[tuple[str, list[list[Mapping[str, Any]]]]]:
    """Criteria by specimen and set, the sample's own specimen first; tissue and plasma cut-offs are never compared.

    Sets that hold for both specimens stand with the sample's own.
    """
    own = str(call.get("specimen") or "tissue")
    groups: dict[str, list[Mapping[str, Any]]] = {own: [], "tissue": [], "plasma": []}
    for item in call.get("criteria") or ():
        groups[item["specimen"] if item.get("specimen") in groups else own].append(item)
    by_set = {
        name: [_said_once(list(items)) for _, items in groupby(found, itemgetter("id"))]
        for name, found in groups.items()
    }
    return [(name, sets) for name, sets in by_set.items() if sets]


def glance(call: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry per set that applies: its title, and its highest category that is met, else whether any is open."""
    applicable = [item for item in call.get("criteria") or () if item.get("verdict") != "not_applicable"]
    found = []
    for _, group in groupby(applicable, itemgetter("id")):
        items = list(group)
        positive = [item for item in items if not str(item.get("bound") or "").startswith("copies <")]
        met = next((item for item in positive if item["verdict"] == "met"), None)
        still_open = any(item["verdict"] == "indeterminate" for item in positive)
        verdict = "met" if met else "indeterminate" if still_open or not positive else "not_met"
        found.append(
            {
                "title": _short(str(items[0].get("title") or items[0]["id"])),
                "verdict": verdict,
                "mark": MARKS[verdict],
                "category": _named(met) if met and (len(positive) > 1 or met.get("only_if")) else "",
                "more": verdict != "met" and bool(items[0].get("other_limbs")),
            }
        )
    return sorted(found, key=lambda entry: ("met", "indeterminate", "not_met").index(entry["verdict"]))


def _named(item: Mapping[str, Any]) -> str:
    """A category's name, and that it hangs on what is not known here."""
    return ("only " if item.get("only_if") else "") + str(item["category"]).replace("_", " ")


def _short(title: str) -> str:
    """A title without what stands in brackets, for a list that has to fit beside others."""
    return re.sub(r"\s*\([^)]*\)", "", title) or title


def limits(call: Mapping[str, Any]) -> list[str]:
    """What the numbers rest on and how far that carries: purity, noise, limit of detection. One sentence each."""
    told = [_of_purity(call), _of_noise(call), *_of_detection(call)]
    return [sentence for sentence in told if sentence]


def _of_purity(call: Mapping[str, Any]) -> str:
    """Where purity and ploidy come from, and what the copies would be if purity were otherwise."""
    name = "Tumour fraction" if call.get("specimen") == "plasma" else "Purity"
    purity, ploidy = (pick(call, f"purity.{part}") or {} for part in ("purity", "ploidy"))
    value, low, high = (purity.get(part) for part in ("value", "low", "high"))
    source = wording.SOURCE_WORDS.get(str(purity.get("source")), str(purity.get("source") or "unknown"))
    if value is None:
        if low is None or high is None:
            return ""
        every = "Every solution with a" if purity.get("source") == "several_fits" else "Any"
        return f"{every} {name.lower()} from {ratio(low)} to {ratio(high)} was allowed for."
    fold, mean = pick(call, "copies.met_ratio.value"), ploidy.get("value")
    sentence = f"{name} {ratio(value)}" + (f" ({ratio(low)} to {ratio(high)})" if low != high else "") + f", {source}"
    if fold is None or mean is None or not value:
        return sentence + "."
    if low == high:
        low, high = max(value - PURITY_STEP, value / 2), min(value + PURITY_STEP, 1.0)
    at = [copies(max(tumour_copies(fold, end, mean), 0)) for end in (low, high)]
    return f"{sentence}: were it {ratio(low)}, MET would have {at[0]} copies; were it {ratio(high)}, {at[1]}."


def _of_noise(call: Mapping[str, Any]) -> str:
    """How well MET's ratio is known and what spoils it most."""
    error, bins = pick(call, "measurement.met.se"), pick(call, "measurement.met.bins")
    if error is None:
        return ""
    parts = {name: part for name, part in (pick(call, "measurement.met.se_parts") or {}).items() if part is not None}
    most = max(parts, key=lambda name: parts[name]) if parts else None
    said = f"; the largest part is the {wording.ERROR_WORDS.get(most, most)}" if most else ""
    per_cent = 100 * (2 ** (NORMAL_TAIL * error) - 1)
    rests = "1 bin" if bins == 1 else f"{bins} bins"
    return f"MET's depth ratio ({rests}) is known to within {per_cent:.0f}\N{NO-BREAK SPACE}%{said}."


def _of_detection(call: Mapping[str, Any]) -> list[str]:
    """What could have been seen."""
    least = pick(call, "copies.lod.copies")
    needed = {bound: pick(call, f"copies.lod.purity_for.{bound}") for bound in ("5", "10")}
    known = pick(call, "purity.purity.value") is not None
    where = "in this sample" if known else "at the lowest purity allowed for"
    told = [] if least is None else [f"{copies(least)} or more copies would have been seen {where}."]
    what = "Tumour fraction" if call.get("specimen") == "plasma" else "Tumour cells"
    shares = [
        f"{100 * value:.0f}\N{NO-BREAK SPACE}% for {bound} copies"
        for bound, value in needed.items()
        if value is not None
    ]
    return told + ([f"{what} needed at this noise: {', '.join(shares)}."] if shares else [])


def evidence(call: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Sources of purity and ploidy and their solutions, one row each: source, purity, ploidy, what else it tells."""
    rows = []
    for item in pick(call, "purity.evidence") or ():
        if not isinstance(item, Mapping):
            continue
        solutions = [mode for mode in item.get("modes") or () if isinstance(mode, Mapping)]
        source = wording.EVIDENCE_WORDS.get(str(item.get("source")), str(item.get("source")))
        names = [source, *(f"\N{EN DASH} solution {place}" for place in range(1, len(solutions) + 1))]
        rows += [
            {
                "source": name,
                "purity": _estimate(told.get("purity")),
                "ploidy": _estimate(told.get("ploidy")),
                "told": _told(told),
            }
            for name, told in zip(names, [item, *solutions], strict=True)
        ]
    return rows


def _told(item: Mapping[str, Any]) -> str:
    """What a source of purity tells besides its figures: whether it was used, and how sure it is."""
    rest = {name: value for name, value in item.items() if name not in NOT_TOLD}
    used, weight, unresolved = (rest.pop(name, None) for name in ("used", "weight", "unresolved"))
    said = [] if used is None else ["used" if used else "not used"]
    said += ["does not single out one solution"] if item.get("identified") is False else []
    said += [] if weight is None else [f"{wording.probability(weight)} of its probability"]
    said += [f"{wording.probability(unresolved)} where whole copies cannot be told apart"] if unresolved else []
    return "; ".join(said + [f"{name.replace('_', ' ')} {wording.plain(value)}" for name, value in wording.flat(rest)])


def genes(call: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Copies of other genes that the assay covers: those of resistance, and MET's neighbours not among them."""
    found: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    seen = set()
    for rows, part in zip(found, ("genes", "neighbours"), strict=True):
        for item in pick(call, f"copies.{part}") or ():
            if item.get("gene") not in seen and _estimate(item.get("ratio")) != wording.MISSING:
                seen.add(item.get("gene"))
                shown = {"gene": item.get("gene"), "bins": item.get("bins"), "focality": item.get("focality")}
                estimates = {"copies": _estimate(item.get("copies"), copies), "ratio": _estimate(item.get("ratio"))}
                rows.append(shown | estimates)
    return found


def losses(call: Mapping[str, Any]) -> list[dict[str, str]]:
    """Genes whose loss is told as context and that the assay covers: bins, copies, ratio and status in words."""
    return [
        {
            "gene": wording.plain(item["gene"]),
            "bins": wording.plain(item["bins"]),
            "copies": _estimate(item["copies"], copies),
            "ratio": _estimate(item["ratio"]),
            "status": wording.LOSS_WORDS[item["status"]],
        }
        for item in pick(call, "copies.losses") or ()
        if item["bins"]
    ]


def _estimate(value: Any, form: Any = ratio) -> str:
    """A number, a text, or an interval with or without a value, in words."""
    if isinstance(value, Mapping):
        middle, low, high = (value.get(name) for name in ("value", "low", "high"))
        ends = f"{form(low)} to {form(high)}" if low is not None and high is not None and low != high else ""
        if middle is None:
            return ends or wording.MISSING
        return form(middle) + (f" ({ends})" if ends else "")
    return form(value) if isinstance(value, (int, float)) else wording.plain(value or None)


def _said_once(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Categories of one set, each note without the sentences that a category above it has said already.

    What else could qualify stands once, with the first verdict that is not a positive.
    """
    said: set[str] = set()
    shown: list[Mapping[str, Any]] = []
    for item in items:
        sentences = [part for part in re.split(r"(?<=\.)\s+", item.get("note") or "") if part not in said]
        said.update(sentences)
        limbs = item.get("other_limbs") if item.get("verdict") in ("not_met", "indeterminate") else None
        if limbs in said:
            limbs = None
        said.update([limbs] if limbs else [])
        shown.append({**item, "note": " ".join(sentences), "other_limbs": limbs})
    return shown


def boundaries(call: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The amplicon in facts: extent with intervals, where the assay sees no further, size, copies."""
    extent = pick(call, "copies.amplicon")
    if not isinstance(extent, Mapping) or amplicon(call) is None:
        return []
    facts = [("Amplicon", f"chr7:{wording.whole(extent['start'])}–{wording.whole(extent['end'])}")]  # noqa: RUF001
    for side, beyond in (("start", "or further left"), ("end", "or further right")):
        low, high = (extent.get(f"{side}_{end}") for end in ("low", "high"))
        censored = f", {beyond}: the assay sees no further" if extent.get(f"{side}_censored") else ""
        if low is not None and high is not None:
            facts.append((f"95 % interval of its {side}", f"{wording.whole(low)} to {wording.whole(high)}{censored}"))
        elif censored:
            facts.append((f"Its {side}", f"{wording.whole(extent[side])}{censored}"))
    if extent.get("size_bp"):
        share = extent.get("share_of_arm")
        of_arm = f", {100 * share:.0f} % of 7q" if share is not None else ""
        facts.append(("Size", f"{extent['size_bp'] / 1e6:.2f} Mb{of_arm}"))
    if pick(extent, "copies.low") is not None:
        facts.append(("Copies of the amplicon", _estimate(extent["copies"], copies)))
    if extent.get("p_value") is not None:
        facts.append(("P value of the scan", wording.plain(extent["p_value"])))
    return facts


def surroundings(call: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Copies of what focality was decided on, where they are given."""
    names = {"met": "MET", "cep7": "CEP7-like", "arm_q": "rest of 7q", "arm_p": "7p"}
    levels = {title: pick(call, f"copies.focality.levels.{name}") for name, title in names.items()}
    return [(f"Copies, {title}", _estimate(level, copies)) for title, level in levels.items() if level]


def exons(call: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """Whether exons of MET differ, in a sentence, and where some do each exon with its copies; else no exon.

    Where purity or ploidy is no point value the copies are depth ratios, as the sentence says.
    """
    known, part = pick(call, "measurement.met.exons") or [], pick(call, "measurement.met.part")
    if not known:
        return "", []
    if not part:
        return "All exons of MET that have bins are alike within their error.", []
    solution = mixture(call)
    rows = []
    for exon in known:
        fold = 2 ** exon["log2"]
        value = copies(max(tumour_copies(fold, *solution), 0.0)) if solution else ratio(fold)
        rows.append((wording.plain(exon["exon"]), value))
    unit = "Copies per tumour cell" if solution else "Depth ratio"
    return f"{Part.from_json(part).text} {unit} of each exon:", rows


COURSES = {
    "acquired": "acquired since the baseline",
    "present_at_both": "present at both times",
    "lost": "lost since the baseline",
    "absent_at_both": "absent at both times",
    "indeterminate": "undecided",
}


def comparison(call: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The change from the patient's baseline in facts; empty where there is none."""
    found = call.get("comparison")
    if not isinstance(found, Mapping):
        return []
    facts = [("Amplification", COURSES.get(str(found.get("course")), wording.plain(found.get("course"))))]
    for time in ("baseline", "progression"):
        name, called = found.get(time), pick(found, f"calls.{time}")
        least = pick(found, f"lod_copies.{time}")
        said = f"{wording.plain(name)}: {_estimate(pick(found, f'copies.{time}'), copies)} copies"
        said += f", {wording.CALL_WORDS.get(called, called)}" if called else ""
        said += f"; {copies(least)} would have been seen" if least is not None else ""
        facts.append((time.capitalize(), said))
    facts.append(("Change of MET copies", _estimate(found.get("change"), copies)))
    low, high = (pick(found, f"p_acquired.{end}") for end in ("low", "high"))
    known = pick(found, "p_acquired.value")
    spread = f"{wording.probability(low)} to {wording.probability(high)}" if known is None and low is not None else None
    facts.append(("Probability that it was acquired", spread or wording.probability(known)))
    if found.get("baseline_below_limit"):
        blind = "the baseline could not have shown an amplification; it does not prove that there was none"
        facts.append(("Mind", blind))
    return facts
