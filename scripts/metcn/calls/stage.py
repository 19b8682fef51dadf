"""Stage ``calls``: from estimates to verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metcn import provenance
from metcn.calls import bed as extents
from metcn.calls import by_purity as solving
from metcn.calls import counsel as counselling
from metcn.calls import criteria, plasma_adjusted
from metcn.calls import overall as calling
from metcn.calls import record as overview
from metcn.calls import vcf as variants
from metcn.calls import verdicts as judging
from metcn.copies import detection_limit, draws_file, limits
from metcn.copies.estimates import CopyEstimates, DetectionLimit
from metcn.copies.posterior import Draws
from metcn.copies.records import SCHEMA, is_broad, levels_of_copies, number
from metcn.files import read_json, write_json, write_text
from metcn.genome import build as genomes
from metcn.purity.result import PurityResult
from metcn.ratios.measurement import Part
from metcn.vocabulary import QC, REASONS

CHROMOSOME_7 = {"GRCh37": "7", "GRCh38": "chr7"}  # as each build's own release writes it, where the input does not tell
SUBCLONAL = (
    "Copies are the mean over all tumour cells: an amplification that only some of them have counts for less here than "
    "it is in those."
)
SHARED = (
    "Copies lean on the amplicon around MET, since MET's own bins are few; met_ratio is that of MET's own bins alone."
)
UNCOUNTED = (
    "How many fragments the depths rest on is not known, so the error of counting them is no floor under the errors; "
    "these are what the sample and the normals show."
)
HALF = 0.5  # of the tumour cells
SEVERITIES = ("info", "warn", "fail")  # each beside its word of QC: pass, warn, fail


def calls(
    *,
    sample: str,
    specimen: str,
    patient: str | None,
    timepoint: str | None,
    prior_tki: str | None,
    configuration: str | None,
    measurement: Path,
    counts_summary: Path | None,
    purity: Path,
    copies: Path,
    draws: Path,
    own_criteria: Sequence[Path] | None,
    output: Path,
    vcf: Path | None,
    index: Path | None,
    bed: Path | None,
    settings: Mapping[str, Any],
) -> None:
    """Write ``calls/{sample}.json``, everything known of one sample, and what is asked for of VCF and BED.

    A sample of which MET could not be measured gets the same document with missing numbers and the call ``no_call``.

    Raises
    ------
    InputError
        If an input is missing or damaged, or the default criteria set is unknown.
    """
    asked = {"specimen": specimen, "patient": patient or "", "timepoint": timepoint or ""}
    asked |= {"prior_tki": prior_tki or ""}
    keys = {"measurement": (measurement, "met"), "purity": (purity, "purity"), "copies": (copies, "lod")}
    found = {name: read_json(path, with_key=key) for name, (path, key) in keys.items()}
    counted = read_json(counts_summary) if counts_summary else None
    rules = Rules.of(settings, specimen, prior_tki or "", own_criteria or ())
    document = record({"schema": SCHEMA, "sample": sample, **asked}, {**found, "counts": counted}, draws, rules)
    document["provenance"]["inputs"] += provenance.contents(own_criteria=own_criteria)
    document["provenance"] |= {"configuration": configuration, "reference": _panel(document)}
    write_json(output, document)
    facts = genomes.load(document["genome"])
    chromosome = overview.pick(document, "measurement.met.chromosome") or CHROMOSOME_7[facts.name]
    if vcf is not None:
        text = variants.text(
            document, chromosome=chromosome, length_bp=facts.contigs["7"], met=facts.met, build=facts.name
        )
        variants.write(vcf, vcf.with_name(vcf.name + ".tbi") if index is None else index, text)
    if bed is not None:
        write_text(bed, extents.text(document, chromosome=chromosome))


@dataclass(frozen=True)
class Rules:
    """What a sample is judged by.

    Attributes
    ----------
    sets : every criteria set, the project's and the laboratory's.
    chosen : the set that the call follows, as far as it is for this patient.
    prior_tki : generation of the EGFR inhibitor before; empty if unknown.
    settings : section ``calls`` of the configuration.
    """

    sets: tuple[criteria.Criterion, ...]
    chosen: criteria.Criterion
    prior_tki: str
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Mapping[str, Any], specimen: str, prior_tki: str, own: Sequence[Path]) -> Rules:
        """Those of a sample.

        Raises
        ------
        InputError
            If a file of the laboratory's is refused, or there is no set of the configured name.
        """
        chosen = criteria.narrowed(criteria.default(settings, specimen, own), prior_tki)
        return cls(tuple(criteria.load(own).values()), chosen, prior_tki, settings)


def _inputs(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name, size and digest of every file of the user, of the bins and of the panel that earlier stages read."""
    return [item for part in ("counts", "measurement", "purity") for item in (found[part] or {}).get("inputs", ())]


def _panel(record: Mapping[str, Any]) -> Any:
    """Digest of the panel of normals; None without one."""
    return overview.pick(record, "measurement.reference.fingerprint")


def record(asked: Mapping[str, Any], found: Mapping[str, Any], draws: Path, rules: Rules) -> dict[str, Any]:
    """The calls JSON: what was asked, the call, and the findings of the earlier stages that it rests on."""
    told, specimen = _told(found), asked["specimen"]
    judged, call, why = _judge(
        found, draws, specimen=specimen, rules=rules, blocking=_blocking(told, found["measurement"])
    )
    reasons = _ordered([*told, *why])
    details = _details(found["counts"], found["measurement"])
    solved = solving.ByPurity() if call == "no_call" else _by_purity(found, specimen, rules)
    headline = _headline(call, found, why, details, _certain(solved, found, specimen), specimen)
    return {
        **asked,
        "assay": found["measurement"]["assay"],
        "genome": found["measurement"]["genome"],
        "call": call,
        "headline": " ".join(filter(None, [*_cautions(found), headline])),
        "counsel": counselling.counsel(_facts(call, reasons, found, specimen, rules)).to_json(),
        "by_purity": solved.to_json(),
        "reasons": reasons,
        "details": details,
        "qc": _quality(reasons),
        "measurement": found["measurement"],
        "purity": {name: part for name, part in found["purity"].items() if name != "grid"},
        "copies": found["copies"] | _adjusted(found, specimen),
        "genes": found["copies"].get("genes", []),
        "notes": _notes(found),
        "criteria": [
            verdict.row() | {"power": power} for verdict, power in zip(judged, _powers(judged, found), strict=True)
        ],
        "default_criteria": rules.chosen.id,
        "decide": rules.settings["decide"],
        "counts": found["counts"],
        "provenance": provenance.stamp(rules.settings) | {"inputs": _inputs(found)},
    }


def _adjusted(found: Mapping[str, Any], specimen: str) -> dict[str, Any]:
    """Adjusted plasma copies, of plasma alone; null without a driver mutation."""
    if specimen != "plasma":
        return {}
    return {"plasma_adjusted": plasma_adjusted.of_call(found["copies"], found["purity"])}


def _told(found: Mapping[str, Any]) -> list[str]:
    """Reasons of all stages, without those that only follow from a filter that took all reads."""
    counted = found["counts"] or {}
    told = [code for part in found.values() if part for code in part.get("reasons", ())]
    follows = set()
    if "most_reads_filtered" in counted.get("reasons", ()):
        follows |= {"met_not_covered"} - set(counted["reasons"])
        follows |= {"few_backbone_bins"} if counted["fragments"] == 0 else set()
    return [code for code in told if code not in follows]


def _details(counted: Mapping[str, Any] | None, measured: Mapping[str, Any]) -> dict[str, list[str]]:
    """Sentences with the numbers behind reasons, by code: which filter left out how many reads, which exons differ."""
    details: dict[str, list[str]] = {}
    for loss in (counted or {}).get("filtered", ()):
        details.setdefault(loss["reason"], []).append(loss["text"])
    part = overview.pick(measured, "met.part")
    return details | ({"met_part_differs": [Part.from_json(part).text]} if part else {})


def _judge(
    found: Mapping[str, Any], draws: Path, *, specimen: str, rules: Rules, blocking: Sequence[str]
) -> tuple[list[judging.Verdict], str, tuple[str, ...]]:
    """Verdicts of every set, the overall call, and the reasons of the latter; blocked, every quantity is missing."""
    judged = judging.verdicts(
        rules.sets,
        Draws.of({"weight": [1.0]}) if blocking else draws_file.read(draws),
        specimen=specimen,
        decide=rules.settings["decide"],
        lod={} if blocking else limits.of_verdicts(DetectionLimit.from_json(found["copies"]["lod"])),
        range_reason=PurityResult.from_json(found["purity"]).range_reason,
        prior_tki=rules.prior_tki,
    )
    deciding = [verdict for verdict in judged if verdict.criterion.id == rules.chosen.id]
    return judged, *calling.overall(deciding, blocking=blocking)


def _by_purity(found: Mapping[str, Any], specimen: str, rules: Rules) -> solving.ByPurity:
    """Purities at which the call changes; empty where the documents do not tell what it was decided with."""
    measured, estimates, result = found["measurement"], found["copies"], PurityResult.from_json(found["purity"])
    needed = (overview.pick(measured, "met.se"), overview.pick(measured, "baseline.se"))
    power = overview.pick(estimates, "lod.power")
    if result.grid is None or power is None or None in needed:
        return solving.ByPurity()
    sample = solving.Sample(
        level=levels_of_copies(measured, estimates),
        met_se=number(measured, "met", "se"),
        above_neutral=bool(overview.pick(estimates, "lod.above_neutral")),
        broad=is_broad(estimates),
        specimen=specimen,
        criterion=rules.chosen,
        decide=rules.settings["decide"],
        power=power,
    )
    return solving.by_purity(sample, solving.Plausible.of(result, specimen))


def _certain(solved: solving.ByPurity, found: Mapping[str, Any], specimen: str) -> str:
    """What is certain although purity or ploidy is open; empty where neither is."""
    result = PurityResult.from_json(found["purity"])
    if not set(result.reasons) & set(solving.OPEN):
        return ""
    name = None if result.purity.source.startswith("given") else solving.NAMES[specimen]
    return solving.sentence(
        solved, ratio=overview.pick(found["copies"], "met_ratio") or {}, focality=_focality(found["copies"]), name=name
    )


def _facts(
    call: str, reasons: Sequence[str], found: Mapping[str, Any], specimen: str, rules: Rules
) -> counselling.Facts:
    """What the next step is considered by."""
    estimates, result = CopyEstimates.from_json(found["copies"]), PurityResult.from_json(found["purity"])
    asked = [
        clause.lower
        for category in rules.chosen.categories
        for clause in category.clauses
        if category.call in solving.AMPLIFIED and clause.quantity == "gcn" and clause.lower is not None
    ]
    copies = min([*asked, counselling.COPIES])
    ploidy = result.ploidy.value if result.ploidy.known else limits.PLOIDY_OF_TABLE
    needed = detection_limit.purity_for(estimates.lod.ratio, [copies], ploidy)
    return counselling.Facts(
        specimen=specimen,
        call=call,
        reasons=tuple(reasons),
        purity=result.purity,
        lod_copies=estimates.lod.copies,
        purity_needed=needed[f"{copies:g}"],
        met_cep7=estimates.met_cep7,
        focality=_focality(found["copies"]),
        gained=estimates.lod.above_neutral,
        copies=copies,
    )


def _cautions(found: Mapping[str, Any]) -> list[str]:
    """Sentences that a reader must know before the call: what the purity rests on may be wrong."""
    implausible = "copies_implausible" in found["copies"].get("reasons", ())
    contradiction = PurityResult.from_json(found["purity"]).contradiction
    return [contradiction, REASONS["copies_implausible"].text if implausible else ""]


def _blocking(told: Sequence[str], measured: Mapping[str, Any]) -> list[str]:
    """Reasons for which no verdict is given: those of severity ``fail``; MET without a ratio is one in any case."""
    found = [code for code in told if REASONS[code].severity == "fail"]
    return found if found or overview.pick(measured, "met.ratio") is not None else ["met_not_covered"]


def _notes(found: Mapping[str, Any]) -> list[str]:
    """Sentences on how the numbers are to be read."""
    notes = []
    if overview.pick(found["copies"], "met_copies.high") is not None:
        notes.append(SUBCLONAL + _in_half(found["copies"]))
    if overview.pick(found["copies"], "basis") == "gene_and_amplicon":
        notes.append(SHARED)
    measured = found["measurement"]["met"]
    if measured.get("bins") and measured.get("expected_fragments") is None:
        notes.append(UNCOUNTED)
    return notes


def _in_half(estimates: Mapping[str, Any]) -> str:
    """How many copies half of the tumour cells would have if they alone carried the gain; empty without a sure one."""
    points = CopyEstimates.from_json(estimates).carriers
    half = next((point.copies for point in points if point.fraction == HALF), None)
    if half is None:
        return ""
    in_all, in_half = (calling.short(estimate.value, digits=2) for estimate in (points[0].copies, half))
    return f" {in_all} in all of them would be {in_half} in half."


def _powers(judged: Sequence[judging.Verdict], found: Mapping[str, Any]) -> list[float]:
    """Probability that the sample would have shown a tumour at each category's bound; NaN where that does not apply."""
    se, cep7 = overview.pick(found["measurement"], "met.se"), overview.pick(found["copies"], "cep7_copies.value")
    alpha = overview.pick(found["copies"], "lod.alpha")
    grid = PurityResult.from_json(found["purity"]).grid
    if alpha is None or grid is None:
        return [float("nan")] * len(judged)
    return [
        float("nan")
        if verdict.verdict == "not_applicable"
        else limits.power_of(verdict.category, se, grid, cep7, alpha=alpha)
        for verdict in judged
    ]


def _focality(estimates: Mapping[str, Any]) -> str:
    """Class of focality; one that is missing is one that cannot be told."""
    return str(overview.pick(estimates, "focality.class") or "indeterminate")


def _ordered(codes: Iterable[str]) -> list[str]:
    """Each reason once, in the order of the closed list; a code outside it is a defect of ours."""
    return sorted(set(codes), key=list(REASONS).index)


def _quality(reasons: Iterable[str]) -> str:
    """QC word of the worst reason."""
    worst = max((SEVERITIES.index(REASONS[code].severity) for code in reasons), default=0)
    return QC[worst]


def _headline(
    call: str,
    found: Mapping[str, Any],
    why: Sequence[str],
    details: Mapping[str, Sequence[str]],
    certain: str,
    specimen: str,
) -> str:
    """The call in one sentence; of a reason that has details, these."""
    estimates, purity = found["copies"], PurityResult.from_json(found["purity"]).purity
    return calling.headline(
        call,
        numbers=calling.Numbers(
            copies=overview.pick(estimates, "met_copies"),
            ratio=overview.pick(estimates, "met_cep7"),
            plasma=overview.pick(estimates, "plasma_copies") if specimen == "plasma" else None,
        ),
        focality=_focality(estimates),
        lod_copies=overview.pick(estimates, "lod.copies"),
        why=why,
        explanations=[text for code in why for text in details.get(code, [REASONS[code].text])],
        certain=certain,
        fraction_open=specimen == "plasma" and not purity.known,
    )
