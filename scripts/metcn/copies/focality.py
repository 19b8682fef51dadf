"""Focal, arm or whole chromosome: which of them a gain of MET is, decided on the joint draws of its surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metcn.copies.posterior import Draws

GAINED = 2.5  # copies per tumour cell from which MET is up, between the states 2 and 3: FISH counts copies, not ploidy
STANDS_OUT = 1.5  # MET over the rest of 7q from which a gain is focal
FOCAL_FRACTION = 0.5  # fraction of the arm beyond which a gain is no longer focal, however high
ARM_OVER_CENTROMERE = 1.3  # level over CEP7-like from which a broad gain is one of the arm, not of the chromosome
CLASSES = ("none", "focal", "arm", "polysomy")

Floats = NDArray[np.float64]


def classify(met: Floats, cep7: Floats, arm_q: Floats, *, broad: bool = False) -> NDArray[np.int8]:
    """Class of each draw as an index into ``CLASSES``, -1 where it cannot be told.

    none
        MET below 2.5 copies.
    focal
        MET at least 1.5 times the rest of 7q, unless the region around MET is ``broad``: more than half of the arm.
    arm
        Not focal, and MET at least 1.3 times the CEP7-like level: the gain includes 7q but not the centromere.
    polysomy
        MET and CEP7-like up together.

    A missing arm (an assay without other bins on 7q) leaves focality to MET over CEP7-like; a missing CEP7-like level
    leaves arm and polysomy undecided.

    >>> copies = np.array([2.0, 12.0, 6.0, 6.0])
    >>> [CLASSES[index] for index in classify(copies, np.array([2.0, 2.0, 2.0, 6.0]), np.array([2.0, 2.0, 6.0, 6.0]))]
    ['none', 'focal', 'arm', 'polysomy']
    """
    beside = np.where(np.isfinite(arm_q), arm_q, cep7)
    out = np.full(len(met), -1, dtype=np.int8)
    gained = met >= GAINED
    out[met < GAINED] = CLASSES.index("none")
    stands_out = np.zeros(len(met), dtype=bool) if broad else met >= STANDS_OUT * beside
    wide = gained & (np.isfinite(met) if broad else met < STANDS_OUT * beside)
    out[gained & stands_out] = CLASSES.index("focal")
    out[wide & (met >= ARM_OVER_CENTROMERE * cep7)] = CLASSES.index("arm")
    out[wide & (met < ARM_OVER_CENTROMERE * cep7)] = CLASSES.index("polysomy")
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


@dataclass(frozen=True)
class Focality:
    """The class of a gain, and the probability of every class.

    Attributes
    ----------
    name : str
        One of ``CLASSES``, or ``indeterminate``.
    evidence : dict of str to float
        Class -> its probability, the lowest over the groups of draws; NaN for classes that draws which cannot be told
        might belong to.
    """

    name: str
    evidence: dict[str, float]


def focality(draws: Draws, *, decide: float, broad: bool = False) -> Focality:
    """The class whose probability reaches ``decide`` in every group of draws, else ``indeterminate``; and all of them.

    >>> amplified = Draws.of({"copies": [12.0], "cep7": [2.0], "arm_q": [2.1], "weight": [1.0]})
    >>> focality(amplified, decide=0.8).name
    'focal'
    """
    classes = classify(draws.copies, draws.cep7, draws.arm_q, broad=broad)
    lowest = np.array([draws.by_group(classes == index, _mean).min() for index in range(len(CLASSES))])
    best = int(np.argmax(lowest))
    name = CLASSES[best] if lowest[best] >= decide else "indeterminate"
    undecided = _open(draws, classes < 0, broad=broad)
    nan = float("nan")
    evidence = {each: nan if each in undecided else float(lowest[index]) for index, each in enumerate(CLASSES)}
    return Focality(name, evidence)


def _mean(rows: NDArray) -> Floats:
    """Mean of each row."""
    mean: Floats = np.mean(rows, axis=1)
    return mean


def _open(draws: Draws, untold: NDArray[np.bool_], *, broad: bool) -> list[str]:
    """Classes that draws which cannot be told might belong to: all without MET, else those of a gain."""
    if not untold.any():
        return []
    if np.isnan(draws.copies[untold]).any():
        return list(CLASSES)
    beside = np.isfinite(draws.cep7) | np.isfinite(draws.arm_q)
    return ["arm", "polysomy", *([] if broad or beside[untold].all() else ["focal"])]
