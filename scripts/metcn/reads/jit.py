"""Functions in machine code. Importing this module needs numba; who cannot, takes the slower way beside each."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
from numba.core.caching import FunctionCache

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


def _for_every_processor() -> None:
    """Make code that runs on every node of a cluster, unless the user has asked for another kind.

    Nodes that differ share a home, and numba's entries for two kinds of processor can take each other's place when
    both are first made at once. What is compiled here is integers byte by byte: it is no slower.
    """
    settings: Any = numba.config
    if settings.CPU_NAME is None and settings.CPU_FEATURES is None:
        settings.CPU_NAME, settings.CPU_FEATURES = "generic", ""


_without_blas()
_for_every_processor()


class _Kept(FunctionCache):
    """Machine code on disk, for which a full disk or a damaged entry is no obstacle: then it is made once more."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What is kept; None if nothing is, or nothing that can be read, which is then thrown away."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever comes of reading a damaged file
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep it, if there is room."""
        with suppress(OSError):
            super().save_overload(sig, data)


def compiled(function: Callable) -> Any:
    """The function in machine code, kept on disk for the next process where there is a place to keep it.

    What is kept is made again when the function's own module changes. So call no compiled function of another module.
    """
    try:
        made: Any = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written: compiled every time
        return numba.njit(nogil=True)(function)
    made._cache = _Kept(function)
    return made
