"""Panels of normals on disk: HDF5 with the bins they were made for, so that no other bins can be mistaken for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from metcn import tables
from metcn.errors import InputError
from metcn.files import writing
from metcn.panel import KindNull, Panel

FORMAT = "metcn-reference"
FORMAT_VERSION = 1
ARRAYS = ("centre", "spread", "basis")  # with one entry per bin


def fingerprint(frame: pd.DataFrame) -> str:
    """Digest of the bins' coordinates and kinds: equal for the same design, whatever file it came from."""
    whole = hashlib.sha256()
    for name in ("chromosome", "kind"):
        whole.update("\n".join(frame[name].astype(str)).encode() + b"\0")
    for name in ("start", "end"):
        whole.update(frame[name].to_numpy(np.int64).tobytes())
    return whole.hexdigest()[:16]


def write(path: str | Path, frame: pd.DataFrame, panel: Panel, facts: Mapping[str, Any]) -> None:
    """Write a panel, its bins and ``facts`` about it (genome, assay, unit, names of the normals, provenance).

    The file holds no time stamp: the same panel gives the same bytes.
    """
    with writing(path) as temporary, h5py.File(temporary, "w", track_order=True) as handle:
        handle.attrs["format"] = FORMAT
        handle.attrs["format_version"] = FORMAT_VERSION
        handle.attrs["fingerprint"] = fingerprint(frame)
        handle.attrs["facts"] = json.dumps(dict(facts), sort_keys=True)
        handle.attrs["genome"], handle.attrs["assay"] = facts["genome"], facts["assay"]
        if facts.get("unit"):  # not known of coverage tables
            handle.attrs["unit"] = facts["unit"]
        handle.attrs["normals"] = panel.normals
        handle.attrs["null"] = json.dumps({kind: null.__dict__ for kind, null in panel.null.items()}, sort_keys=True)
        tables.write_reference_bins(handle.create_group("bins"), frame.assign(mask=panel.mask))
        for name in ARRAYS:
            values = np.asarray(getattr(panel, name), dtype=np.float32)
            checked = values.size > 0  # HDF5 keeps checksums of chunks, and nothing has none
            handle.create_dataset(name, data=values, track_times=False, fletcher32=checked)
        shares = handle.create_group("shares")
        for kind, values in panel.shares.items():
            shares.create_dataset(kind, data=np.asarray(values, dtype=np.float32), track_times=False)
        if panel.male is not None:
            handle.create_dataset("male", data=panel.male, track_times=False)


def check_facts(path: str | Path, facts: Mapping[str, Any], *, genome: str, assay: str) -> None:
    """Pass if a panel was made for this genome build and kind of assay.

    Raises
    ------
    InputError
        If it was made for another.
    """
    for word, wanted in (("genome", genome), ("assay", assay)):
        if facts[word] != wanted:
            raise InputError(
                f"{path} was made for {word} {facts[word]}, the configuration says {wanted}; use a panel made for it"
            )


def _check_own(handle: h5py.File) -> None:
    """Pass if everything in an open file is stored in it: HDF5 can point to other files.

    Raises
    ------
    ValueError
        If something is elsewhere.
    """
    elsewhere: list[str] = []

    def look(name: str, link: object) -> None:
        """Note a link to another file, or to another name."""
        if not isinstance(link, h5py.HardLink):
            elsewhere.append(name)

    handle.visititems_links(look)
    handle.visititems(lambda name, item: elsewhere.append(name) if getattr(item, "external", None) else None)
    if elsewhere or any(getattr(handle[name], "is_virtual", False) for name in ARRAYS):
        raise ValueError(f"{', '.join(elsewhere) or 'an array'} is stored elsewhere")


def _sound(arrays: Mapping[str, np.ndarray], usable: np.ndarray) -> bool:
    """Whether centre, spread and basis are numbers that normals have, in usable bins and, where given, in others."""
    given = all(not np.isinf(values).any() for values in arrays.values()) and not (arrays["spread"] < 0).any()
    return given and all(np.isfinite(values[usable]).all() for values in arrays.values())


def _numbered(values: Mapping[str, float]) -> dict[int, float]:
    """The same with its keys as numbers, which JSON does not have."""
    return {int(key): value for key, value in values.items()}


def read(path: str | Path) -> tuple[pd.DataFrame, Panel, dict[str, Any]]:
    """Bins, panel and facts (with ``fingerprint``) of a panel of normals.

    Raises
    ------
    InputError
        If the file is not a panel of normals, is damaged, or was written by a newer version.
    """
    frame = tables.read_reference_bins(path)
    try:
        with h5py.File(path, "r") as handle:
            if handle.attrs["format"] != FORMAT or int(handle.attrs["format_version"]) > FORMAT_VERSION:
                raise ValueError(f"format {handle.attrs['format']} version {handle.attrs['format_version']}")
            _check_own(handle)
            arrays = {name: np.asarray(handle[name][:], dtype=np.float32) for name in ARRAYS}
            facts = json.loads(handle.attrs["facts"]) | {"fingerprint": str(handle.attrs["fingerprint"])}
            null = {
                kind: KindNull(
                    **part
                    | {name: _numbered(part[name]) for name in ("errors", "averaged")}
                    | {"scatter": tuple(part["scatter"])}
                )
                for kind, part in json.loads(handle.attrs["null"]).items()
            }
            normals = int(handle.attrs["normals"])
            shares = {kind: values[:] for kind, values in handle["shares"].items()}
            male = handle["male"][:] if "male" in handle else None
    except (AttributeError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"expected a panel of normals made by `metcn reference`, {path} is not one ({error}); make it again"
        ) from error
    if fingerprint(frame) != facts["fingerprint"] or any(len(values) != len(frame) for values in arrays.values()):
        raise InputError(f"{path}: its bins are not those it was made for; the file is damaged, make it again")
    mask = frame["mask"].to_numpy(dtype=np.str_)
    if not _sound(arrays, mask == "") or len(facts["normals"]) != normals:
        raise InputError(
            f"{path}: a centre or spread is no number that normals have; the file is damaged, make it again"
        )
    return frame, Panel(mask=mask, null=null, normals=normals, shares=shares, male=male, **arrays), facts
