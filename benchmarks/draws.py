"""Random panels of real normals, and the normals left out of them: what benchmarks on small panels have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cohorts
import numpy as np
from cohorts import Cohort

from metcn.files import read_json
from metcn.run.samples import Sample


@dataclass(frozen=True)
class PanelDraw:
    """A panel of normals drawn at random, and the normals that are measured against it.

    ``number`` tells draws apart in paths.
    """

    number: int
    panel: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def size(self) -> int:
        """Normals of the panel."""
        return len(self.panel)

    def name(self, normal: str) -> str:
        """Name of a left-out normal as it is measured against this panel."""
        return f"P{self.number}_{normal}"


def panel_draws(
    names: Sequence[str], sizes: Iterable[int], seeds: Iterable[int], *, repeats: int, left_out: int
) -> list[PanelDraw]:
    """Draws of each size, ``repeats`` times ``left_out`` normals per seed; a pair of normal and panel occurs once.

    Normals are left out in turn, in a random order, so that each is left out equally often. Where too few are left over
    beside the panel, several panels serve one repeat.

    >>> [(draw.size, len(draw.left_out)) for draw in panel_draws("abcdef", [2, 4], [1], repeats=1, left_out=3)]
    [(2, 3), (4, 2), (4, 1)]

    Raises
    ------
    ValueError
        If a size leaves no normal out.
    """
    drawn: dict[tuple[frozenset[str], str], PanelDraw] = {}
    for size in sizes:
        if not 0 < size < len(names):
            raise ValueError(f"a panel of {size} leaves none of {len(names)} normals out")
        for seed in seeds:
            rng = np.random.default_rng((seed, size))
            order = rng.permutation(len(names))
            turns = [
                [order[(left_out * repeat + at) % len(names)] for at in range(left_out)] for repeat in range(repeats)
            ]
            for turn in turns:
                for first in range(0, left_out, len(names) - size):
                    out = sorted({*turn[first : first + len(names) - size]})
                    rest = np.setdiff1d(np.arange(len(names)), out)
                    panel = tuple(names[at] for at in sorted(rng.choice(rest, size, replace=False)))
                    fresh = tuple(names[at] for at in out if (frozenset(panel), names[at]) not in drawn)
                    if fresh:
                        one = PanelDraw(len(set(drawn.values())), panel, fresh)
                        drawn |= {(frozenset(panel), name): one for name in fresh}
    return list(dict.fromkeys(drawn.values()))


def counted(folder: Path, normals: Path, *, workers: int, tumours: Iterable[Sample] = (), **keys: Any) -> Cohort:
    """Cohort of all pairs of coverage tables of a folder, as normals that have been counted, and of ``tumours``."""
    pairs = cohorts.cnvkit_pairs(normals)
    rows = [Sample(name, "normal", coverage=paths, patient=name) for name, paths in pairs.items()]
    cohort = Cohort.of(folder, [*rows, *tumours], workers=workers, segments={"method": "none"}, **keys)
    cohort.count([row.name for row in rows])
    return cohort


def make_panel(cohort: Cohort, draw: PanelDraw) -> Path:
    """Panel of a draw."""
    path = cohort.at("reference").with_name(f"P{draw.number}.h5")
    cohort.run(
        "reference", bins=cohort.at("bins"), counts=[cohort.at("counts", name) for name in draw.panel], output=path
    )
    return path


def measurement(cohort: Cohort, sample: str, panel: Path, *, counts: str) -> dict[str, Any]:
    """Content of ``ratios/SAMPLE.json``: the counts of the sample named ``counts`` against a panel."""
    told = {"counts": cohort.at("counts", counts), "counts_summary": cohort.at("counts", counts, "summary")}
    cohort.run("ratios", sample, bins=cohort.at("bins"), reference=panel, **told)
    found: dict[str, Any] = read_json(cohort.at("ratios", sample, "summary"))
    return found
