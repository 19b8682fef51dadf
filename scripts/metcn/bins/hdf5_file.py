"""Bins inside a panel of normals (HDF5), so that no other bins can be mistaken for those it was made for."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from metcn.errors import InputError
from metcn.io import decompress
from metcn.io.delimited import check_intervals
from metcn.io.tables import SPECIFICATIONS
from metcn.vocabulary import BIN_COLUMNS


def fingerprint(frame: pd.DataFrame) -> str:
    """Digest of the bins' coordinates and kinds: equal for the same design, whatever file it came from."""
    whole = hashlib.sha256()
    for name in ("chromosome", "kind"):
        whole.update("\n".join(frame[name].tolist()).encode() + b"\0")
    for name in ("start", "end"):
        whole.update(frame[name].to_numpy(np.int64).tobytes())
    return whole.hexdigest()[:16]


def write_bins(handle: h5py.File, frame: pd.DataFrame) -> None:
    """Store bins in an open file, a dataset per column; of text the place of each value in a list of names."""
    bins, names = handle.create_group("bins"), handle.create_group("names")
    for name in BIN_COLUMNS:
        values = frame[name].to_numpy()
        if SPECIFICATIONS[name].type == "text":
            values, known = pd.factorize(frame[name].astype(object))
            text = np.asarray(known, dtype=object)
            names.create_dataset(name, data=text, dtype=h5py.string_dtype(), track_times=False)
        bins.create_dataset(name, data=values, compression="gzip", shuffle=True, track_times=False)


def read_bins(path: str | Path) -> pd.DataFrame:
    """Bins stored in a panel of normals, columns ``BIN_COLUMNS``.

    Raises
    ------
    InputError
        If the file is not a panel of normals, or lacks a column.
    """
    try:
        with h5py.File(path, "r") as handle:
            decompress.check_hdf5(handle)
            frame = pd.DataFrame({name: _column(handle, name) for name in BIN_COLUMNS})
    except (OSError, KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(refused(path, str(error).strip("'\""))) from error
    frame.index += 1
    check_intervals(frame, f"{path} (group bins)")
    return frame.reset_index(drop=True)


def _column(handle: h5py.File, name: str) -> Any:
    """One column of the bins."""
    values = handle["bins"][name][:]
    if SPECIFICATIONS[name].type != "text":
        return values
    return pd.array(handle["names"][name].asstr()[:].tolist(), dtype="str").take(values)


def refused(path: str | Path, why: str) -> str:
    """Message about a file that is no panel of normals."""
    return f"expected a panel of normals made by `metcn reference`, {path} is not one ({why}); make it again"
