"""Panel of normals whose normals are checked for tumours among them, and what is said of those that look like one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metcn.bins.layout import WIDE_KINDS, BinLayout
from metcn.genome import build as genomes
from metcn.genome import names
from metcn.reference import on_seven, suspects
from metcn.reference.panel import FEWEST_NORMALS, Panel
from metcn.reference.suspects import Deviation, Residual, Suspect, Testable
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


def build(
    make: Callable[[Mask], Panel], count: int, layout: BinLayout, genome: genomes.Genome, *, keep: bool
) -> Checked:
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
    trusted, accused = every, suspects.find(residuals(panel, layout, genome))
    for _ in range(ROUNDS):
        fresh = [one for one in accused if trusted[one.row]]
        if not fresh:
            break
        trusted = trusted & (np.arange(count) != max(fresh, key=lambda one: one.deviations[0].excess).row)
        if not _enough(trusted):
            return _undecided(first, suspects.find(residuals(first, layout, genome), most=_believed(count)))
        panel = make(trusted)
        accused = suspects.find(residuals(panel, layout, genome), trusted)
    accused = suspects.find(residuals(panel, layout, genome), trusted, most=np.inf)
    clear = _without(accused, count)
    if (clear != trusted).any():  # accused for what a tumour did to them
        trusted, panel = clear, first if clear.all() else make(clear)
    shift = _met_of(panel, layout) - _met_of(first, layout)
    shift[~trusted] = np.nan
    return Checked(first if keep else panel, every if keep else trusted, accused, shift)


def _undecided(panel: Panel, accused: Sequence[Suspect]) -> Checked:
    """The panel of all normals, where too few would be left without the suspects."""
    count = len(next(iter(panel.left_out.values())).rest)
    return Checked(panel, np.ones(count, dtype=bool), accused, np.full(count, np.nan), undecided=bool(accused))


def _believed(count: int) -> float:
    """How much more MET may err than the typical gene, where half the normals err so: as much as they do if many."""
    return np.inf if count >= MANY else suspects.MOST_FACTOR


def _without(accused: Sequence[Suspect], count: int) -> Mask:
    """Normals that are not suspicious."""
    return ~np.isin(np.arange(count), [suspect.row for suspect in accused])


def _enough(trusted: Mask) -> bool:
    return bool(trusted.sum() >= max(FEWEST_NORMALS, len(trusted) // 2 + 1))


def residuals(panel: Panel, layout: BinLayout, genome: genomes.Genome) -> list[Residual]:
    """What fits without each normal left of it, with the genes and arms it lies in."""
    kinds = []
    for kind, left in panel.left_out.items():
        first = on_seven.first_bins(kind, left.label, layout)
        name, middle = layout.chromosome[first], layout.midpoint[first]
        centromere = np.array([genome.centromere.get(chromosome, (0, 0))[0] for chromosome in name])
        arm = np.char.add(name.astype(np.str_), np.where(middle < centromere, "p", "q"))
        gene = layout.gene[first].astype(np.str_)
        position = np.array([f"{one}:{at / 1e6:.1f} Mb" for one, at in zip(name, middle, strict=True)], dtype=np.str_)
        wide = kind in WIDE_KINDS
        kinds.append(
            Residual(
                rest=left.rest,
                plain=left.plain,
                variance=left.variance,
                judged=left.judged,
                arm=np.where(layout.autosomal[first], arm, ""),
                met=np.isin(left.label, layout.group[layout.met & (layout.kind == kind)]),
                gene=np.where(wide | (gene == names.UNNAMED), position, gene),
                wide=wide,
                named=kind != "off_target",
            )
        )
    return kinds


def _met_of(panel: Panel, layout: BinLayout) -> NDArray[np.float64]:
    """What is left of MET in each normal, log2, shape (normals,)."""
    for kind, left in panel.left_out.items():
        own = np.isin(left.label, layout.group[layout.met & (layout.kind == kind)])
        if own.any():
            return np.asarray(left.rest[:, own].mean(axis=1), dtype=float)
    return np.full(len(next(iter(panel.left_out.values())).rest), np.nan)


@dataclass(frozen=True)
class NamedSuspect:
    """A normal that looks like a tumour, and its deviations, the worst first."""

    name: str
    deviations: tuple[Deviation, ...]

    @property
    def places(self) -> str:
        """Where it deviates, such as ``MET +0.82 log2, 1p +0.14``."""
        words = [f"{one.place} {one.log2:+.2f}" for one in self.deviations[:NAMED]]
        more = f" and {len(self.deviations) - NAMED} more" if len(self.deviations) > NAMED else ""
        return ", ".join([f"{words[0]} log2", *words[1:]]) + more


@dataclass(frozen=True)
class Others:
    """By how much MET of the other normals lies lower beside the suspects, log2; the largest with its name."""

    median_log2: float
    largest_log2: float
    largest_in: str


@dataclass(frozen=True)
class NormalsCheck:
    """What a panel's file, and every sample that uses it, says of the check of its normals.

    Attributes
    ----------
    tested : Testable
    suspects : tuple of NamedSuspect
    left_out : tuple of str
        Names of the suspects that the panel is made without.
    undecided : bool
        Whether a tumour may have made others suspicious.
    others : Others or None
        None without suspects, or where it is not known.
    summary : str
        All this in words, such as ``25 used, 1 suspicious: T1 (MET +0.82 log2)``.
    """

    tested: Testable
    suspects: tuple[NamedSuspect, ...]
    left_out: tuple[str, ...]
    undecided: bool
    others: Others | None
    summary: str

    def to_json(self) -> dict[str, Any]:
        """The block ``check`` of the JSON, its keys in alphabetical order, as the panel's file has them."""
        return {
            "left_out": list(self.left_out),
            "others": self.others and dict(sorted(asdict(self.others).items())),
            "summary": self.summary,
            "suspects": [
                {"deviations": [dict(sorted(asdict(each).items())) for each in one.deviations], "name": one.name}
                for one in self.suspects
            ],
            "tested": {"arms": self.tested.arms, "met": self.tested.met},
            "undecided": self.undecided,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> NormalsCheck:
        """Check of which `to_json` gives ``record``."""
        return cls(
            tested=Testable(**record["tested"]),
            suspects=tuple(
                NamedSuspect(one["name"], tuple(Deviation(**each) for each in one["deviations"]))
                for one in record["suspects"]
            ),
            left_out=tuple(record["left_out"]),
            undecided=record["undecided"],
            others=Others(**record["others"]) if record["others"] else None,
            summary=record["summary"],
        )

    @property
    def remarks(self) -> list[str]:
        """Sentences for the log: on each suspect what to check, and what the suspects do to the others."""
        remarks = []
        for one in self.suspects:
            where = "left out of the panel" if one.name in self.left_out else "still in the panel"
            deviates = f"{one.name} deviates from the other normals as a tumour does ({one.places})"
            remarks.append(f"{deviates} and is {where}: {ROLE_DOUBT}")
        if self.others:
            lower = f"{self.others.median_log2:+.3f} log2 lower, at most {self.others.largest_log2:+.3f}"
            remarks.append(
                f"with suspicious normals in the panel MET of the others lies {lower} ({self.others.largest_in})"
            )
        return remarks


def check_of(names: Sequence[str], checked: Checked, kinds: Sequence[Residual]) -> NormalsCheck:
    """Check of the normals of these ``names``, whose residuals are ``kinds`` (see `residuals`)."""
    check = NormalsCheck(
        tested=suspects.testable(kinds),
        suspects=tuple(NamedSuspect(names[one.row], one.deviations) for one in checked.suspects),
        left_out=tuple(name for name, used in zip(names, checked.used, strict=True) if not used),
        undecided=checked.undecided,
        others=_others(names, checked),
        summary="",
    )
    return replace(check, summary=_summary(int(checked.used.sum()), check))


def _others(names: Sequence[str], checked: Checked) -> Others | None:
    known = np.isfinite(checked.shift)
    if not checked.suspects or not known.any():
        return None
    worst = int(np.nanargmax(np.abs(checked.shift)))
    return Others(robust.median(checked.shift), float(checked.shift[worst]), names[worst])


def _summary(used: int, check: NormalsCheck) -> str:
    """One line, such as ``25 used, 1 suspicious: T1 (MET +0.82 log2)``."""
    tested = check.tested
    missing = [word for there, word in ((tested.met, "MET"), (tested.arms, "chromosome arms")) if not there]
    if not any(tested):
        return f"{used} used, not checked for tumours among them (too few normals or genes)"
    limits = f"; {missing[0]} not compared (too few normals or bins)" if missing else ""
    if not check.suspects:
        return f"{used} used, 0 suspicious{limits}"
    named = "; ".join(f"{one.name} ({one.places})" for one in check.suspects)
    state = ", left out" if check.left_out else ", still in use"
    doubt = "; too few others to say which of them is the tumour" if check.undecided else ""
    return f"{used} used, {len(check.suspects)} suspicious{state}: {named}{doubt}{limits}"
