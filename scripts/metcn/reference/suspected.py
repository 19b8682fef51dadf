"""Panel of normals whose normals are checked for tumours among them, and what is said of those that look like one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import WIDE_KINDS, BinLayout
from metcn.genome import build as genomes
from metcn.genome import names
from metcn.reference import suspects
from metcn.reference.panel import FEWEST_NORMALS, Panel
from metcn.reference.suspects import Residual, Suspect
from metcn.stats import robust

ROUNDS = 8  # the worst suspect is taken out, and the others judged again without it, at the most so many times
MANY = 6  # normals of which half can tell that it is not they who differ
NAMED = 4  # places that are named of a suspect
ROLE_DOUBT = "is its role in the sample sheet right, or was it swapped with its tumour?"

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Checked:
    """A panel, the normals it is made of, those that look like tumours, and what they do to the others.

    Attributes
    ----------
    panel : Panel
    used : ndarray of bool, shape (normals,)
        Normals that the panel is made of.
    suspects : sequence of Suspect
    shift : ndarray, shape (normals,)
        By how much each normal's own MET lies lower, log2, when it is compared with normals that include the suspects;
        NaN where that is not known, and for suspects.
    undecided : bool
        Whether too few normals are free of suspicion to say which of the suspects are the tumours.
    """

    panel: Panel
    used: Mask
    suspects: Sequence[Suspect]
    shift: NDArray[np.float64]
    undecided: bool = False


def build(make: Callable[[Mask], Panel], count: int, parts: BinLayout, facts: genomes.Genome, *, keep: bool) -> Checked:
    """Panel of the normals, checked; without the suspicious ones unless ``keep``.

    Parameters
    ----------
    make : callable
        From the normals to trust, shape (count,), to the panel made of them.
    keep : bool
        Whether suspects stay in. They do in any case where fewer than three normals would be left, or where half of
        them or more are suspicious: then nobody can say which are the normals.
    """
    every = np.ones(count, dtype=bool)
    first = panel = make(every)
    if not panel.left_out:
        return Checked(panel, every, [], np.full(count, np.nan))
    trusted, found = every, suspects.find(residuals(panel, parts, facts))
    for _ in range(ROUNDS):
        fresh = [one for one in found if trusted[one.row]]
        if not fresh:
            break
        trusted = trusted & (np.arange(count) != max(fresh, key=lambda one: one.deviations[0].excess).row)
        if not _enough(trusted):
            return _undecided(first, suspects.find(residuals(first, parts, facts), most=_believed(count)))
        panel = make(trusted)
        found = suspects.find(residuals(panel, parts, facts), trusted)
    found = suspects.find(residuals(panel, parts, facts), trusted, most=np.inf)
    clear = _without(found, count)
    if (clear != trusted).any():  # accused for what a tumour did to them
        trusted, panel = clear, first if clear.all() else make(clear)
    shift = _met_of(panel, parts) - _met_of(first, parts)
    shift[~trusted] = np.nan
    return Checked(first if keep else panel, every if keep else trusted, found, shift)


def _undecided(panel: Panel, found: Sequence[Suspect]) -> Checked:
    """The panel of all normals, where too few would be left without the suspects."""
    count = len(next(iter(panel.left_out.values())).rest)
    return Checked(panel, np.ones(count, dtype=bool), found, np.full(count, np.nan), undecided=bool(found))


def _believed(count: int) -> float:
    """How much more MET may err than the typical gene, where half the normals err so: as much as they do if many."""
    return np.inf if count >= MANY else suspects.MOST_FACTOR


def _without(found: Sequence[Suspect], count: int) -> Mask:
    """Normals that are not suspicious."""
    return ~np.isin(np.arange(count), [suspect.row for suspect in found])


def _enough(trusted: Mask) -> bool:
    return bool(trusted.sum() >= max(FEWEST_NORMALS, len(trusted) // 2 + 1))


def residuals(panel: Panel, parts: BinLayout, facts: genomes.Genome) -> list[Residual]:
    """What fits without each normal left of it, with the places it lies in."""
    found = []
    for kind, left in panel.left_out.items():
        rows = np.flatnonzero(parts.kind == kind)
        first = rows[np.searchsorted(parts.group[rows], left.label)]
        name, middle = parts.chromosome[first], parts.midpoint[first]
        centromere = np.array([facts.centromere.get(chromosome, (0, 0))[0] for chromosome in name])
        arm = np.char.add(name.astype(np.str_), np.where(middle < centromere, "p", "q"))
        gene = parts.frame["gene"].to_numpy(dtype=np.str_)[first]
        place = np.array([f"{one}:{at / 1e6:.1f} Mb" for one, at in zip(name, middle, strict=True)], dtype=np.str_)
        wide = kind in WIDE_KINDS
        found.append(
            Residual(
                rest=left.rest,
                plain=left.plain,
                variance=left.variance,
                judged=left.judged,
                arm=np.where((parts.fit | parts.on_seven)[first], arm, ""),
                met=np.isin(left.label, parts.group[parts.met & (parts.kind == kind)]),
                gene=np.where(wide | (gene == names.UNNAMED), place, gene),
                wide=wide,
                named=kind != "off_target",
            )
        )
    return found


def _met_of(panel: Panel, parts: BinLayout) -> NDArray[np.float64]:
    """What is left of MET in each normal, log2, shape (normals,)."""
    for kind, left in panel.left_out.items():
        own = np.isin(left.label, parts.group[parts.met & (parts.kind == kind)])
        if own.any():
            return np.asarray(left.rest[:, own].mean(axis=1), dtype=float)
    return np.full(len(next(iter(panel.left_out.values())).rest), np.nan)


def facts_of(names: Sequence[str], checked: Checked, kinds: Sequence[Residual]) -> dict[str, Any]:
    """What a panel's file, and every sample that uses it, says of the check of ``kinds`` (see `residuals`).

    Returns
    -------
    dict
        ``tested`` (whether MET, and whether arms could be compared), ``suspects`` (name and deviations of each),
        ``left_out`` (names), ``undecided`` (whether a tumour may have made others suspicious), ``others`` (by how much
        MET of the other normals lies lower beside the suspects: median, and the largest with its name) and ``summary``
        in words.
    """
    met, arms = suspects.testable(kinds)
    found = {
        "tested": {"met": met, "arms": arms},
        "suspects": [
            {"name": names[one.row], "deviations": [deviation.__dict__ for deviation in one.deviations]}
            for one in checked.suspects
        ],
        "left_out": [name for name, used in zip(names, checked.used, strict=True) if not used],
        "undecided": checked.undecided,
        "others": _others(names, checked),
    }
    return found | {"summary": _summary(int(checked.used.sum()), found)}


def _others(names: Sequence[str], checked: Checked) -> dict[str, Any] | None:
    known = np.isfinite(checked.shift)
    if not checked.suspects or not known.any():
        return None
    worst = int(np.nanargmax(np.abs(checked.shift)))
    return {
        "median_log2": robust.median(checked.shift),
        "largest_log2": float(checked.shift[worst]),
        "largest_in": names[worst],
    }


def _summary(used: int, found: dict[str, Any]) -> str:
    """One line, such as ``25 used, 1 suspicious: T1 (MET +0.82 log2)``."""
    tested = found["tested"]
    missing = [word for name, word in (("met", "MET"), ("arms", "chromosome arms")) if not tested[name]]
    if not any(tested.values()):
        return f"{used} used, not checked for tumours among them (too few normals or genes)"
    limits = f"; {missing[0]} not compared (too few normals or bins)" if missing else ""
    if not found["suspects"]:
        return f"{used} used, 0 suspicious{limits}"
    named = "; ".join(f"{one['name']} ({places(one['deviations'])})" for one in found["suspects"])
    state = ", left out" if found["left_out"] else ", still in use"
    doubt = "; too few others to say which of them is the tumour" if found["undecided"] else ""
    return f"{used} used, {len(found['suspects'])} suspicious{state}: {named}{doubt}{limits}"


def places(deviations: Sequence[dict[str, Any]]) -> str:
    """Where a suspect deviates, such as ``MET +0.82 log2, 1p +0.14``."""
    words = [f"{one['place']} {one['log2']:+.2f}" for one in deviations[:NAMED]]
    more = f" and {len(deviations) - NAMED} more" if len(deviations) > NAMED else ""
    return ", ".join([f"{words[0]} log2", *words[1:]]) + more


def say(found: dict[str, Any]) -> None:
    """Say the summary in the log, and of each suspect what to check."""
    print(f"metcn: normals: {found['summary']}", file=sys.stderr)
    for one in found["suspects"]:
        where = "left out of the panel" if one["name"] in found["left_out"] else "still in the panel"
        print(
            f"metcn: note: {one['name']} deviates from the other normals as a tumour does "
            f"({places(one['deviations'])}) and is {where}: {ROLE_DOUBT}",
            file=sys.stderr,
        )
    if found["others"]:
        other = found["others"]
        print(
            f"metcn: note: with suspicious normals in the panel MET of the others lies {other['median_log2']:+.3f} "
            f"log2 lower, at most {other['largest_log2']:+.3f} ({other['largest_in']})",
            file=sys.stderr,
        )
