"""Which filters took more reads than a result can bear, over the whole input or in MET alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.reads.sam import FILTERED, TALLIES
from metcn.run.settings import CountsSettings

WARNED, REFUSED = "reads_filtered", "most_reads_filtered"
EVERYWHERE, MET = "input", "MET"

FEW_READS = 100  # a share of fewer is chance
FEW_LOST = 10  # reads that must be there before their filter, and no lack of cover, explains that none counts
FEW_BINS = 5  # others to compare MET's with
BIN_FRAGMENTS = 10  # that one of these must have
SIGMAS = 3.0  # by which an effect must exceed its limit
COMPARED = FILTERED[:-1]
"""Filters whose effect on MET's ratio is a fault. A window of fragment lengths is chosen to have one."""
HARMLESS = ("unmapped", "secondary", "supplementary")
"""What takes no read away from one place rather than another, so that what is left is right however little it is."""

WORDS = {
    "unmapped": ("are unmapped", "look for a wrong reference or another organism"),
    "secondary": ("are secondary alignments", "give the primary alignments"),
    "supplementary": ("are supplementary alignments", "give the primary alignments"),
    "qc_failed": ("carry the flag of a failed quality control (0x200)", "clear the flag if the reads are sound"),
    "duplicate": (
        "are marked as duplicates",
        "count them (counts.keep_duplicates: true) unless copies were told apart by molecular barcodes",
    ),
    "low_mapping_quality": (
        "have a mapping quality below {min_mapq}",
        "lower counts.min_mapq if the aligner gives no higher ones, else align again",
    ),
    "second_mate": (
        "are mates of reads that the input lacks",
        "give both mates, or count every read by itself (counts.unit: bases)",
    ),
    "fragment_size": (
        "lie outside {min_fragment_bp} to {max_fragment_bp} bp",
        "change counts.min_fragment_bp and counts.max_fragment_bp",
    ),
}
"""What is said of each filter, and what to do."""
SETTINGS = {
    "duplicate": "counts.keep_duplicates",
    "low_mapping_quality": "counts.min_mapq",
    "second_mate": "counts.unit",
    "fragment_size": "counts.min_fragment_bp",
}


@dataclass(frozen=True)
class Limits:
    """Shares of reads lost to one filter, and factors by which a filter moves MET's ratio, from which on they matter.

    ``max_filtered`` and ``max_filter_effect`` warn, ``fail_filtered`` and ``fail_filter_effect`` forbid a call; copies
    of the same molecules are many in sound libraries, so duplicates have ``max_duplicates`` of their own.
    """

    max_filtered: float = 0.5
    fail_filtered: float = 0.9
    max_duplicates: float = 0.8
    max_filter_effect: float = 1.25
    fail_filter_effect: float = 2.0

    @classmethod
    def of(cls, settings: CountsSettings) -> Limits:
        """Those of the settings."""
        return cls(**{item.name: getattr(settings, item.name) for item in fields(cls)})


@dataclass(frozen=True)
class Rules:
    """How reads were filtered, and what that means for some filters.

    ``by_position`` says that fragments begin at primers, so that duplicates cannot be told from others. ``each_read``
    says that reads count by themselves, with or without their mates.
    """

    min_mapq: int = 20
    min_fragment_bp: int = 0
    max_fragment_bp: int = 1000
    by_position: bool = False
    each_read: bool = False


@dataclass(frozen=True)
class Loss:
    """Reads that one filter took.

    Attributes
    ----------
    filter
        Its name in :data:`metcn.reads.sam.TALLIES`.
    where
        :data:`EVERYWHERE` (reads) or :data:`MET` (fragments).
    lost, of
        How many it took, of how many that came to it.
    effect
        MET's ratio without the filter over that with it; None if it was not compared.
    reason
        Code of the reason that it gives.
    setting
        Key of the configuration to change; None if there is none.
    text
        All this in a sentence, and what to do.
    """

    filter: str
    where: str
    lost: int
    of: int
    effect: float | None
    reason: str
    setting: str | None
    text: str

    @property
    def row(self) -> dict[str, Any]:
        """What the JSON says of it."""
        return {**asdict(self), "share": self.lost / self.of}


@dataclass(frozen=True, eq=False)
class Bins:
    """Fragments per bin: counted, and left out by filter; which bins are MET's, and which others to compare them with.

    All arrays have shape (bins,).
    """

    counted: NDArray[np.integer]
    left_out: Mapping[str, NDArray[np.integer]]
    met: NDArray[np.bool_]
    others: NDArray[np.bool_]


def losses(tallies: Mapping[str, int], bins: Bins, rules: Rules, limits: Limits) -> list[Loss]:
    """What cannot be trusted of the filters' work, worst first in each place; empty if nothing is amiss.

    Parameters
    ----------
    tallies
        Records by :data:`metcn.reads.sam.TALLIES`.
    bins
        Where fragments were counted and left out.
    """
    found = list(_overall(tallies, rules, limits))
    known = {loss.filter for loss in found if loss.reason == REFUSED}
    found += [loss for loss in _in_met(bins, rules, limits) if loss.filter not in known]
    return sorted(found, key=lambda loss: (loss.where, loss.reason != REFUSED, -loss.lost / loss.of))


def _overall(tallies: Mapping[str, int], rules: Rules, limits: Limits) -> Iterator[Loss]:
    """Losses over all records: those beyond their limits; if nothing is left, the largest."""
    left = tallies["records"]
    came: dict[str, int] = {}
    for fate in TALLIES[1:-1]:
        came[fate] = left
        left -= tallies[fate]
    kept = tallies["fragments"] + (tallies["second_mate"] if rules.each_read else 0)
    if tallies["records"] >= FEW_LOST and not kept:
        worst = max(came, key=lambda fate: tallies[fate])
        yield _loss(worst, EVERYWHERE, (tallies[worst], came[worst]), None, REFUSED, rules)
        return
    for fate, of in came.items():
        if of >= FEW_READS and (reason := _by_share(fate, tallies[fate] / of, rules, limits)):
            yield _loss(fate, EVERYWHERE, (tallies[fate], of), None, reason, rules)


def _by_share(fate: str, share: float, rules: Rules, limits: Limits) -> str | None:
    """Code of the reason that a filter's share gives; None if it gives none."""
    low, high = limits.max_filtered, limits.fail_filtered
    if fate in HARMLESS:
        high = np.inf
    elif fate == "duplicate":  # a library of few molecules has many copies and right ratios, amplicons have not
        low, high = (low, low) if rules.by_position else (limits.max_duplicates, np.inf)
    elif fate == "second_mate":  # half of the reads of pairs are
        low, high = (np.inf, np.inf) if rules.each_read else ((1 + low) / 2, (1 + high) / 2)
    elif fate == "fragment_size" and rules.min_fragment_bp > 0:  # a window is chosen to leave many out
        low, high = high, np.inf
    return REFUSED if share > high else WARNED if share > low else None


def _in_met(bins: Bins, rules: Rules, limits: Limits) -> Iterator[Loss]:
    """Losses in MET's bins: what is left out there and not elsewhere; if nothing is left, the largest."""
    kept = int(bins.counted[bins.met].sum())
    lost = {fate: int(bins.left_out[fate][bins.met].sum()) for fate in FILTERED}
    if not kept and sum(lost.values()) >= FEW_LOST:
        worst = max(lost, key=lambda fate: lost[fate])
        yield _loss(worst, MET, (lost[worst], sum(lost.values())), None, REFUSED, rules)
        return
    for place, fate in enumerate(COMPARED):
        passed = FILTERED[place + 1 :]
        of = kept + lost[fate] + sum(lost[name] for name in passed)
        if of < FEW_READS:
            continue
        effect, beyond = _effect(bins, fate, passed, of)
        by_share = None if fate == "duplicate" else _by_share(fate, lost[fate] / of, rules, limits)
        reason = by_share or (WARNED if beyond > np.log2(limits.max_filter_effect) else None)
        if reason:
            graver = REFUSED if beyond > np.log2(limits.fail_filter_effect) else reason
            yield _loss(fate, MET, (lost[fate], of), effect, graver, rules)


def _effect(bins: Bins, fate: str, later: Sequence[str], of: int) -> tuple[float | None, float]:
    """MET's ratio without a filter over that with it, and by how much its log2 is beyond 0 for certain.

    A filter that takes the same share everywhere leaves the ratio as it is. Copies that are marked by their position
    alone are not such: where molecules are many, some begin and end alike, and the more so the more there are. Of what
    passes this filter, the ``later`` ones may take what they like: ``of`` fragments of MET came to it.
    """
    passed = bins.counted + sum(bins.left_out[name] for name in later)
    own, left_out = passed[bins.others], bins.left_out[fate][bins.others]
    kept, lost = int(passed[bins.met].sum()), int(bins.left_out[fate][bins.met].sum())
    enough = own + left_out >= BIN_FRAGMENTS
    if not kept or np.count_nonzero(enough) < FEW_BINS:
        return None, 0.0
    elsewhere = float(np.median(np.log2((own + left_out)[enough] / np.maximum(own[enough], 0.5))))
    log2 = float(np.log2(of / kept)) - elsewhere
    error = np.sqrt(max(lost, 1) / (kept * (kept + lost))) / np.log(2)
    return 2.0**log2, max(abs(log2) - SIGMAS * error, 0.0)


def _loss(fate: str, where: str, numbers: tuple[int, int], effect: float | None, reason: str, rules: Rules) -> Loss:
    """The loss with its sentence."""
    lost, of = numbers
    does, remedy = WORDS[fate]
    what = does.format(**asdict(rules))
    place, unit = ("in MET, ", "fragments") if where == MET else ("", "reads")
    moved = "" if effect is None else f", and without them MET's ratio is {1 / effect:.2g} times what it is with them"
    text = f"{place}{lost:,} of {of:,} {unit} ({lost / of:.0%}) {what}{moved}; {remedy}"
    return Loss(fate, where, lost, of, effect, reason, SETTINGS.get(fate), text[0].upper() + text[1:] + ".")
