"""Posterior draws on disk: ``copies/{sample}.draws.npz``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from metcn.copies.posterior import Draws
from metcn.errors import InputError
from metcn.files import writing

# Field of `Draws` -> name of its array in the file, in the file's order.
NAMES = {
    "copies": "gcn",
    "cep7": "cep7",
    "cep7_p": "cep7_p",
    "cep7_q": "cep7_q",
    "cep7_from_arm": "cep7_from_arm",
    "arm_q": "arm_q",
    "arm_p": "arm_p",
    "met_cep7": "ratio",
    "depth_ratio": "fold",
    "plasma_copies": "pcn",
    "purity": "purity",
    "ploidy": "ploidy",
    "weight": "weight",
    "group": "group",
    "extent": "extent",
}


def write(path: Path, draws: Draws) -> None:
    """Write draws as ``.npz``: single precision is finer than any error they describe."""
    arrays = {stored: getattr(draws, name) for name, stored in NAMES.items()}
    small = {name: array.astype(np.float32 if array.dtype.kind == "f" else np.int16) for name, array in arrays.items()}
    with writing(path) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, allow_pickle=False, **small)


def read(path: Path) -> Draws:
    """Draws of a file; an array that it does not have is missing.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Draws.of({name: stored[own] for name, own in NAMES.items() if own in stored.files})
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; run `metcn copies` first") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a draws file ({error}); delete it and run `metcn copies` again") from error
