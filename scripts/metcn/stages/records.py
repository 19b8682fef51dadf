"""Results of earlier stages as they lie on disk: calls, and the draws behind them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from metcn.errors import InputError
from metcn.files import read_json

SCHEMA = 1


def read_draws(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a draws file by name."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; run `metcn copies` first") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a draws file ({error}); delete it and run `metcn copies` again") from error


def read_call(path: Path) -> dict[str, Any]:
    """A calls JSON of the version this code writes."""
    record = read_json(path)
    found = record.get("schema") if isinstance(record, dict) else None
    if found != SCHEMA:
        raise InputError(f"{path}: expected a calls JSON of schema {SCHEMA}, found {found!r}; run `metcn calls` again")
    return record
