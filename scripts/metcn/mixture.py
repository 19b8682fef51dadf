"""The one equation between a depth ratio and tumour copies; everything else imports it.

A sample is a mixture of tumour cells (fraction ``purity``, mean autosomal copies ``ploidy``) and normal cells with two
copies. Its depth ratio at a locus, scaled so that the length-weighted autosomal mean is 1, is therefore::

    ratio = (purity * copies + 2 * (1 - purity)) / (purity * ploidy + 2 * (1 - purity))

It holds for loci with two germline copies. Van Loo et al. 2010, doi:10.1073/pnas.1009843107, eq. S1 in linear form.
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


def expected_ratio(copies: Any, purity: Any, ploidy: Any) -> Any:
    """Depth ratio that tumour ``copies`` give at ``purity`` and ``ploidy`` (broadcast; NaN in, NaN out).

    >>> expected_ratio(10, 0.25, 2.0)
    2.0
    """
    return (purity * copies + NORMAL_COPIES * (1 - purity)) / mean_copies(purity, ploidy)


def tumour_copies(ratio: Any, purity: Any, ploidy: Any) -> Any:
    """Tumour copies behind a depth ``ratio`` at ``purity`` and ``ploidy`` (broadcast; NaN in, NaN out).

    The result is not clipped: noise around a loss may give a negative number, and clipping it here would bias means.
    ``purity`` must be above 0; at 0 the question has no answer and the caller has to say so.

    >>> tumour_copies(2.0, 0.25, 2.0)
    10.0
    """
    return (ratio * mean_copies(purity, ploidy) - NORMAL_COPIES * (1 - purity)) / purity
