"""Focal, arm or whole chromosome: which of them a gain of MET is, decided on the joint draws of its surroundings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

GAINED = 3.0  # copies per tumour cell from which MET is up: FISH counts copies, whatever the tumour's ploidy
STANDS_OUT = 1.5  # MET over the rest of 7q from which a gain is focal
ARM_OVER_CENTROMERE = 1.3  # level over CEP7-like from which a broad gain is one of the arm, not of the chromosome
CLASSES = ("none", "focal", "arm", "polysomy")

Floats = NDArray[np.float64]


def classify(met: Floats, cep7: Floats, arm_q: Floats) -> NDArray[np.int8]:
    """Class of each draw as an index into ``CLASSES``, -1 where it cannot be told.

    none
        MET below 3 copies.
    focal
        MET at least 1.5 times the rest of 7q.
    arm
        Not focal, and MET at least 1.3 times the CEP7-like level: the gain includes 7q but not the centromere.
    polysomy
        MET and CEP7-like up together.

    A missing arm (an assay without other bins on 7q) leaves focality to MET over CEP7-like; a missing CEP7-like level
    leaves arm and polysomy undecided.
    """
    beside = np.where(np.isfinite(arm_q), arm_q, cep7)
    out = np.full(len(met), -1, dtype=np.int8)
    gained = met >= GAINED
    out[met < GAINED] = CLASSES.index("none")
    focal = gained & (met >= STANDS_OUT * beside)
    broad = gained & (met < STANDS_OUT * beside)
    out[focal] = CLASSES.index("focal")
    out[broad & (met >= ARM_OVER_CENTROMERE * cep7)] = CLASSES.index("arm")
    out[broad & (met < ARM_OVER_CENTROMERE * cep7)] = CLASSES.index("polysomy")
    return out


def boundary(inside: Floats, outside: Floats) -> int:
    """How many bins, counted outward from MET, belong to its amplicon.

    The number that makes the profile most likely when bins up to it lie at MET's level and those beyond at the arm's:
    the maximum of a cumulative sum.

    Parameters
    ----------
    inside, outside : ndarray, shape (bins,)
        Squared standardised distances of the bins from MET's level and from the arm's, in order outward from MET; NaN
        for a masked bin, which belongs to whatever its neighbours belong to.
    """
    gain = np.nan_to_num(outside - inside, nan=0.0)
    reached = np.concatenate([[0.0], np.cumsum(gain)])
    return int(np.argmax(reached))


def focality(draws: Mapping[str, NDArray], *, decide: float) -> tuple[str, dict[str, float]]:
    """The class whose probability reaches ``decide`` in every group of draws, else ``indeterminate``; and all of them.

    With several groups (purity unknown) the probabilities given are the lowest over the groups.
    """
    classes = classify(draws["gcn"], draws["cep7"], draws["arm_q"])
    group = draws["group"]
    shares = np.array(
        [[np.mean(classes[group == number] == place) for place in range(len(CLASSES))] for number in np.unique(group)]
    )
    lowest = shares.min(axis=0)
    best = int(np.argmax(lowest))
    chosen = CLASSES[best] if lowest[best] >= decide else "indeterminate"
    return chosen, {name: float(share) for name, share in zip(CLASSES, lowest, strict=True)}
