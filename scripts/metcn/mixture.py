"""The one equation between a depth ratio and tumour copies; everything else imports it.

A sample is a mixture of tumour cells (fraction ``purity``, mean autosomal copies ``ploidy``) and normal cells with two
copies. Its depth ratio at a locus, scaled so that the length-weighted autosomal mean is 1, is therefore::

    ratio = (purity * copies + 2 * (1 - purity)) / (purity * ploidy + 2 * (1 - purity))

It holds for loci with two germline copies; where normal cells have another number, that takes the place of the 2 above
the line (below it stands the genome, which has two). Van Loo et al. 2010, doi:10.1073/pnas.1009843107, eq. S1 in linear
form.
"""

from __future__ import annotations

from typing import Any

NORMAL_COPIES = 2.0


def mean_copies(purity: Any, ploidy: Any) -> Any:
    """Mean copies per cell over tumour and normal cells: the quantity that a depth ratio of 1 stands for.

    >>> mean_copies(0.5, 3.0)
    2.5
    """
    return purity * ploidy + NORMAL_COPIES * (1 - purity)


def expected_ratio(copies: Any, purity: Any, ploidy: Any, germline: Any = NORMAL_COPIES) -> Any:
    """Depth ratio that tumour ``copies`` give at ``purity`` and ``ploidy`` (broadcast; NaN in, NaN out).

    ``germline`` is the number of copies in normal cells.

    >>> expected_ratio(10, 0.25, 2.0)
    2.0
    >>> expected_ratio(3, 0.25, 2.0, germline=3)
    1.5
    """
    return (purity * copies + germline * (1 - purity)) / mean_copies(purity, ploidy)


def tumour_copies(ratio: Any, purity: Any, ploidy: Any, germline: Any = NORMAL_COPIES) -> Any:
    """Tumour copies behind a depth ``ratio`` at ``purity`` and ``ploidy`` (broadcast; NaN in, NaN out).

    ``germline`` is the number of copies in normal cells.

    The result is not clipped: noise around a loss may give a negative number, and clipping it here would bias means.
    ``purity`` must be above 0; at 0 the question has no answer and the caller has to say so.

    >>> tumour_copies(2.0, 0.25, 2.0)
    10.0
    """
    return (ratio * mean_copies(purity, ploidy) - germline * (1 - purity)) / purity
