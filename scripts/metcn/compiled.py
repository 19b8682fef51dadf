"""Functions in machine code. Importing this module needs numba; who cannot, takes the slower way beside each."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numba

_BLAS = "scipy.linalg.cython_blas"


def _without_blas() -> None:
    """Load numba's table of array functions without SciPy's linear algebra, which takes longer than all of numba.

    Numba imports it to see whether it is there. It is: the answer is put right, for others who use numba here.
    """
    if _BLAS in sys.modules:
        return
    sys.modules[_BLAS] = None  # type: ignore[assignment]  # Python's way to say that a module is not to be imported
    try:
        from numba.np import arraymath
    finally:
        del sys.modules[_BLAS]
    arraymath._HAVE_BLAS = importlib.util.find_spec("scipy") is not None


_without_blas()


def compiled(function: Callable) -> Any:
    """The function in machine code, kept on disk for the next process where there is a place to keep it.

    What is kept is made again when the function's own module changes. So call no compiled function of another module.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written: compiled every time
        return numba.njit(nogil=True)(function)
