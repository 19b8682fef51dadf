"""No estimate jumps: every input of a call is swept, and refined where it moves most, until steps vanish."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metcn.calls import criteria, verdicts
from metcn.copies import detection_limit, focality, germline, posterior
from metcn.mixture import expected_ratio
from metcn.purity.grid import PurityGrid

STEPS, REFINED = 12, 3  # points of a sweep, and how often its steepest part is swept again
PURITY, PLOIDY = 0.4, 2.2
TUMOURS = {  # copies of MET, of the centromere's sides p and q, of the rest of 7q and of 7p
    "focal": (6, 2, 2, 2, 2),
    "arm": (6, 2, 6, 6, 2),
    "polysomy": (6, 6, 6, 6, 6),
    "EGFR over the centromere": (2, 12, 12, 2, 2),
    "flat": (2, 2, 2, 2, 2),
}
DEFAULT = [criteria.load()["metcn_default"]]


def measured(copies):
    log2 = {
        name: float(np.log2(expected_ratio(value, PURITY, PLOIDY)))
        for name, value in zip(posterior.SIDES, copies, strict=True)
    }
    return posterior.Measured(log2, dict.fromkeys(posterior.SIDES, 0.06), 0.02)


def sweep_level(name):
    def vary(level, at):
        return replace(level, log2={**level.log2, name: level.log2[name] + 1.6 * (at - 0.5)}), PURITY, PLOIDY

    return vary


def sweep_error(name):
    def vary(level, at):
        return replace(level, se={**level.se, name: 0.02 + 0.3 * at}), PURITY, PLOIDY

    return vary


def sweep_correlation(level, at):
    matrix = np.eye(5)
    matrix[0, 1] = matrix[1, 0] = 1.8 * (at - 0.5)
    return replace(level, correlation=tuple(map(tuple, matrix.tolist()))), PURITY, PLOIDY


SWEEPS = {
    **{f"level of {name}": sweep_level(name) for name in posterior.SIDES},
    **{f"error of {name}": sweep_error(name) for name in posterior.SIDES},
    "error of the baseline": lambda level, at: (replace(level, baseline_se=0.2 * at), PURITY, PLOIDY),
    "purity": lambda level, at: (level, 0.1 + 0.9 * at, PLOIDY),
    "ploidy": lambda level, at: (level, PURITY, 1.6 + 3 * at),
    "matched normal": lambda level, at: (
        replace(level, germline=germline.probabilities(0.7 * at, 0.08)), PURITY, PLOIDY
    ),
    "correlation": sweep_correlation,
}  # fmt: skip


def numbers(level, purity, ploidy):
    """Ends of intervals on the scale of levels, and probabilities of classes and of the default set's categories."""
    grid = PurityGrid.point(purity, ploidy)
    draws = focality.classified(posterior.posterior(level, grid, draw_count=4096))
    copies, cep7 = draws.interval("copies"), draws.interval("cep7")
    ends = [purity / 2 * end for found in (copies, cep7) for end in (found.low, found.value, found.high)]
    evidence = list(focality.focality(draws, decide=0.8).evidence.values())
    told = detection_limit.told_from_two(0.06, grid, power=0.95)
    judged = verdicts.verdicts(DEFAULT, draws, specimen="tissue", lod={"gcn": told})
    return np.array(ends), np.array([*evidence, *(row.probability for row in judged)])


def steepest(vary, level, part):
    """Largest step of any number, in the end, of a sweep that is taken again and again where it is steepest."""
    low, high = 0.0, 1.0
    for _ in range(1 + REFINED):
        at = np.linspace(low, high, STEPS)
        found = np.array([numbers(*vary(level, one))[part] for one in at])
        step = np.abs(np.diff(found, axis=0)).max(axis=1)
        low, high = at[np.argmax(step)], at[np.argmax(step) + 1]
    return step.max()


@pytest.mark.parametrize("tumour", TUMOURS.values(), ids=list(TUMOURS))
@pytest.mark.parametrize("vary", SWEEPS.values(), ids=list(SWEEPS))
def test_no_probability_jumps(tumour, vary):
    assert steepest(vary, measured(tumour), 1) < 0.02


SMOOTH = [name for name in SWEEPS if not name.startswith(("level of cep7", "level of arm", "matched"))]


@pytest.mark.parametrize("tumour", [TUMOURS["focal"], TUMOURS["polysomy"]], ids=["focal", "polysomy"])
@pytest.mark.parametrize("vary", [SWEEPS[name] for name in SMOOTH], ids=SMOOTH)
def test_no_interval_jumps(tumour, vary):
    """Where a side may lie in an amplicon, or the germline is open, there are two peaks, and an end crosses between."""
    assert steepest(vary, measured(tumour), 0) < 0.01


def test_a_jump_would_be_seen():
    def broken(level, at):
        return replace(level, se={**level.se, "met": 0.06 if at < 0.4217 else 0.2}), PURITY, PLOIDY

    assert steepest(broken, measured(TUMOURS["focal"]), 0) > 0.1
