"""What a panel of normals is: arrays with one entry per bin, and what leaving normals out showed of their noise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class KindNull:
    """What leaving normals out shows of one kind of bins: errors by number of components, and what remains."""

    components: int
    errors: dict[int, float]  # number of components -> RMS of the left-out normals' gene means, log2
    noise: float  # robust SD of a left-out bin after correction, over what its raw spread said
    excess: float  # SD that bins of a gene share beyond their own noise, log2
    met_factor: float = 1.0  # MET's error in left-out normals over that of their typical gene


@dataclass(frozen=True, eq=False)
class Panel:
    """A panel of normals over all bins of an assay.

    Attributes
    ----------
    centre, spread : ndarray of float, shape (bins,)
        Median log2 depth of the scaled normals, and the SD expected of a bin after correction; NaN where unknown.
    mask : ndarray of str, shape (bins,)
        "" where a bin is usable, else why it is not.
    basis : ndarray of float, shape (bins, components)
        Standardised components; the columns beyond those of a bin's own kind are 0.
    null : dict of str to KindNull
        Per kind of bins; empty with fewer than three normals.
    normals : int
        How many normals it was made of.
    """

    centre: Floats
    spread: Floats
    mask: NDArray[np.str_]
    basis: Floats
    null: dict[str, KindNull] = field(default_factory=dict)
    normals: int = 0
