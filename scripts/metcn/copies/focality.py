"""Focal, arm or whole chromosome: which of them a gain of MET is, decided on the joint draws of its surroundings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metcn.copies.posterior import Draws

GAINED = 2.5  # copies per tumour cell from which MET is up, between the states 2 and 3: FISH counts copies, not ploidy
STANDS_OUT = 1.5  # MET over the rest of 7q from which a gain is focal
FOCAL_FRACTION = 0.5  # fraction of the arm beyond which a gain is no longer focal, however high
ARM_OVER_CENTROMERE = 1.3  # level over CEP7-like from which a broad gain is one of the arm, not of the chromosome
CLASSES = ("none", "focal", "arm", "polysomy")

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Around:
    """Copies around MET at each draw, each of shape (draws,), NaN where missing: both sides of CEP7, and both arms."""

    cep7_p: Floats
    cep7_q: Floats
    arm_q: Floats
    arm_p: Floats

    @classmethod
    def of(cls, draws: Draws) -> Around:
        """That of some draws."""
        return cls(draws.cep7_p, draws.cep7_q, draws.arm_q, draws.arm_p)

    @property
    def beside(self) -> Floats:
        """What a focal gain stands out of: the rest of 7q, failing that the centromere's q side, then its p side."""
        beside = np.where(np.isfinite(self.cep7_q), self.cep7_q, self.cep7_p)
        return np.where(np.isfinite(self.arm_q), self.arm_q, beside)

    @property
    def centromere(self) -> Floats:
        """What a gain of the arm lies above: the lower side of the centromere, and the rest of 7p.

        7p is measured far better than the few bins beside the centromere, and where it is up with MET the whole
        chromosome is.
        """
        return np.fmax(np.fmin(self.cep7_p, self.cep7_q), self.arm_p)


def classify(met: Floats, around: Around, *, broad: bool = False) -> NDArray[np.int8]:
    """Class of each draw as an index into ``CLASSES``, -1 where it cannot be told.

    none
        MET below 2.5 copies.
    focal
        MET at least 1.5 times the rest of 7q, unless the region around MET is ``broad``: more than half of the arm.
    arm
        Not focal, and MET at least 1.3 times the rest of 7p and one side of the centromere: a gain that ends there.
    polysomy
        MET up together with 7p or both sides of the centromere.

    A missing arm (an assay without other bins on 7q) leaves focality to MET over the centromere; where 7p and the
    centromere are missing, arm and polysomy cannot be told apart.

    >>> met, two, six = np.array([2.0, 12.0, 6.0, 6.0]), np.full(4, 2.0), np.array([2.0, 2.0, 6.0, 6.0])
    >>> around = Around(cep7_p=np.array([2.0, 2.0, 2.0, 6.0]), cep7_q=six, arm_q=six, arm_p=two)
    >>> [CLASSES[index] for index in classify(met, around)]
    ['none', 'focal', 'arm', 'polysomy']
    """
    out = np.full(len(met), -1, dtype=np.int8)
    beside, centromere = around.beside, around.centromere
    gained = met >= GAINED
    out[met < GAINED] = CLASSES.index("none")
    stands_out = np.zeros(len(met), dtype=bool) if broad else met >= STANDS_OUT * beside
    wide = gained & (np.isfinite(met) if broad else met < STANDS_OUT * beside)
    out[gained & stands_out] = CLASSES.index("focal")
    out[wide & (met >= ARM_OVER_CENTROMERE * centromere)] = CLASSES.index("arm")
    out[wide & (met < ARM_OVER_CENTROMERE * centromere)] = CLASSES.index("polysomy")
    return out


def classified(draws: Draws, *, broad: bool = False) -> Draws:
    """The draws with the class of each; ``broad`` as in `classify`."""
    return replace(draws, extent=classify(draws.copies, Around.of(draws), broad=broad))


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


def focality(draws: Draws, *, decide: float) -> Focality:
    """The class whose probability reaches ``decide`` in every group of draws, else ``indeterminate``; and all of them.

    >>> amplified = Draws.of({"copies": [12.0], "cep7_p": [2.0], "arm_q": [2.1], "weight": [1.0]})
    >>> focality(classified(amplified), decide=0.8).name
    'focal'
    """
    classes = draws.extent
    lowest = np.array([draws.by_group(classes == index, _mean).min() for index in range(len(CLASSES))])
    best = int(np.argmax(lowest))
    name = CLASSES[best] if lowest[best] >= decide else "indeterminate"
    undecided = _open(draws, classes < 0)
    nan = float("nan")
    evidence = {each: nan if each in undecided else float(lowest[index]) for index, each in enumerate(CLASSES)}
    return Focality(name, evidence)


def _mean(rows: NDArray) -> Floats:
    """Mean of each row."""
    mean: Floats = np.mean(rows, axis=1)
    return mean


def _open(draws: Draws, untold: NDArray[np.bool_]) -> list[str]:
    """Classes that draws which cannot be told might belong to: all without MET, else those of a gain."""
    if not untold.any():
        return []
    if np.isnan(draws.copies[untold]).any():
        return list(CLASSES)
    return ["arm", "polysomy", *([] if np.isfinite(Around.of(draws).beside[untold]).all() else ["focal"])]
