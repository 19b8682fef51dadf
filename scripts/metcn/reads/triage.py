"""Whether MET stands out, from nothing but how many bytes of an alignment lie where."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW_BP = 8 << 14
"""Width of MET's window and of those it is compared with: eight of an index's tiles, just above the gene's 126 kb."""

AMPLIFIED_RATIO, NEUTRAL_RATIO = 1.5, 1.25
MIN_SIGMAS = 5.0
NEUTRAL_NOISE, MAX_NOISE = 0.15, 0.3
MIN_WINDOWS = 200
MIN_MARKS = 2
CAPTURED = 1.3
FEWEST_READS = 25
"""Per window. Of fewer, chance alone makes the windows of a genome scatter by `MAX_NOISE`."""
FEW_PLACES = 0.5
"""Of the tiles that so many reads would take at random: those of a genome take most of them, those of a panel few."""
TILES = WINDOW_BP >> 14  # per window


class Spread(NamedTuple):
    """Aligned reads that an index counts, and how many of the genome's tiles hold any; None where it does not tell."""

    reads: int | None = None
    held: int = 0
    tiles: int = 1

    @property
    def is_crowded(self) -> bool:
        """Whether the reads take far fewer tiles than so many would at random."""
        return bool(self.reads) and self.held < FEW_PLACES * self.tiles * -np.expm1(-(self.reads or 0) / self.tiles)

    @property
    def is_thin(self) -> bool:
        """Whether there are too few reads to compare windows."""
        return self.reads is not None and self.reads * TILES < FEWEST_READS * self.tiles


UNKNOWN = Spread()
CROWDED = "reads crowd in few places, as in a panel, exome or amplicon assay"
COARSE = "the index is too coarse to see MET"
THIN = "too few reads to tell"


class Triage(NamedTuple):
    """MET's bytes over the median window of chromosome 7 and of the other autosomes, their noise (log2), and a flag."""

    met_over_chr7: float
    met_over_autosomes: float
    noise: float
    flag: str
    why: str


def window_bytes(position: NDArray[np.int64], byte: NDArray[np.floating], edges: NDArray) -> NDArray[np.float64]:
    """Bytes between edges, shape (edges - 1,), by straight lines between an index's marks; none beyond them."""
    if len(position) < 2:
        return np.zeros(len(edges) - 1)
    return np.diff(np.interp(edges, position, byte))


def judge(
    met: float, chr7: NDArray[np.floating], autosomes: NDArray[np.floating], *, marks: int, spread: Spread = UNKNOWN
) -> Triage:
    """The flag and what it rests on.

    ``looks_amplified`` if MET's window holds at least 1.5 times the bytes of the median window of both chromosome 7
    and the other autosomes, and stands 5 robust SDs of the windows above the latter. ``looks_neutral`` if both ratios
    are between 0.8 and 1.25 and the windows' SD is at most 0.15 (log2): that excludes high gains in pure tumours,
    and nothing else. ``cannot_tell`` otherwise.

    Parameters
    ----------
    met
        Bytes in the window around MET.
    chr7, autosomes
        Bytes in windows of the same width on chromosome 7 away from MET, and on the other autosomes. Windows without
        any (gaps of the assembly) are left out.
    marks
        Index marks within MET's window.
    spread
        Reads, and the tiles that they take: few reads do not fill the windows of a genome evenly.
    """
    chr7, autosomes = chr7[chr7 > 0], autosomes[autosomes > 0]
    if len(autosomes) < MIN_WINDOWS or len(chr7) < MIN_WINDOWS // 10:
        why = CROWDED if spread.is_crowded else THIN if spread.is_thin else "too little of the genome has reads"
        return Triage(np.nan, np.nan, np.nan, "cannot_tell", why)
    middle = np.median(autosomes)
    over_chr7, over_autosomes = met / np.median(chr7), met / middle
    noise = 1.4826 * float(np.median(np.abs(np.log2(autosomes / middle))))
    flag, why = "cannot_tell", "MET is neither clearly up nor clearly level"
    if spread.is_crowded:
        why = CROWDED
    elif spread.is_thin:
        why = THIN
    elif spread.reads is None and marks < MIN_MARKS:  # a slice of a CRAM holds many reads, and may span windows
        why = COARSE
    elif autosomes.mean() > CAPTURED * middle:
        why = CROWDED
    elif marks < MIN_MARKS:
        why = COARSE
    elif noise > MAX_NOISE:
        why = "windows scatter too much"
    elif min(over_chr7, over_autosomes) >= AMPLIFIED_RATIO and np.log2(over_autosomes) >= MIN_SIGMAS * noise:
        flag, why = "looks_amplified", f"MET is at least {AMPLIFIED_RATIO:g} times its surroundings"
    elif over_autosomes >= AMPLIFIED_RATIO > over_chr7:
        why = "chromosome 7 is up with MET"
    elif 1 / NEUTRAL_RATIO <= min(over_chr7, over_autosomes) <= max(over_chr7, over_autosomes) <= NEUTRAL_RATIO:
        if noise <= NEUTRAL_NOISE:
            flag, why = "looks_neutral", "no high gain, unless few cells carry it"
        else:
            why = "MET looks level, but windows scatter"
    return Triage(float(over_chr7), float(over_autosomes), noise, flag, why)
