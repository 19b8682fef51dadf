"""Panels of normals on disk: HDF5 with the bins they were made for, so that no other bins can be mistaken for them.

The large arrays lie in one piece each, neither chunked nor compressed: a sample maps them into memory instead of
loading them, and samples side by side share the pages. HDF5 has checksums of chunks only, so each array has its own.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metcn.bins import hdf5_file
from metcn.errors import InputError
from metcn.files import writing
from metcn.reference.panel import KindNull, MetRests, Panel, Rests

FORMAT = "metcn-reference"
FORMAT_VERSION = 2
ARRAYS = ("centre", "spread", "basis")  # with one entry per bin
RESTS = ("rest", "variance", "label", "excess")  # per kind of bins
MET_RESTS = ("rest", "bin")
STORED = np.dtype("<f4")
BLOCK_BYTES = 1 << 24  # of an array that is checked at a time


def write(path: str | Path, frame: pd.DataFrame, panel: Panel, facts: Mapping[str, Any]) -> None:
    """Write a panel, its bins and ``facts`` about it.

    Those are genome, assay, unit, keep_duplicates, the names of the normals and the provenance. The file
    holds no time stamp: the same panel gives the same bytes.
    """
    with writing(path) as temporary, h5py.File(temporary, "w", track_order=True) as handle:
        handle.attrs["format"] = FORMAT
        handle.attrs["format_version"] = FORMAT_VERSION
        handle.attrs["fingerprint"] = hdf5_file.fingerprint(frame)
        handle.attrs["facts"] = json.dumps(dict(facts), sort_keys=True)
        handle.attrs["genome"], handle.attrs["assay"] = facts["genome"], facts["assay"]
        for name in ("unit", "keep_duplicates"):  # not known of coverage tables
            if facts.get(name) is not None:
                handle.attrs[name] = facts[name]
        handle.attrs["normals"] = panel.normals
        handle.attrs["null"] = json.dumps({kind: null.__dict__ for kind, null in panel.null.items()}, sort_keys=True)
        hdf5_file.write_bins(handle, frame.assign(mask=panel.mask))
        for name in ARRAYS:
            values = np.ascontiguousarray(getattr(panel, name), dtype=STORED)
            handle.create_dataset(name, data=values, track_times=False).attrs["crc32"] = zlib.crc32(values.data)
        shares = handle.create_group("shares")
        for kind, values in panel.scores.items():
            shares.create_dataset(kind, data=np.asarray(values, dtype=np.float32), track_times=False)
        rests = handle.create_group("rests")
        for kind, left in panel.rests.items():
            for name in RESTS:
                rests.create_dataset(f"{kind}/{name}", data=getattr(left, name), track_times=False)
        if panel.met_rests is not None:
            for name in MET_RESTS:
                handle.create_dataset(f"met_rests/{name}", data=getattr(panel.met_rests, name), track_times=False)
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


def _numbered(values: Mapping[str, float]) -> dict[int, float]:
    """The same with its keys as numbers, which JSON does not have."""
    return {int(key): value for key, value in values.items()}


def _mapped(handle: h5py.File, name: str) -> NDArray[np.float32]:
    """An array of an open file, mapped into memory, read-only.

    Raises
    ------
    InputError
        If it has numbers that no normals give.
    ValueError
        If it is not what was stored.
    """
    data = handle[name]
    if data.dtype != STORED or data.chunks:
        raise ValueError(f"{name} is not stored as numbers in one piece")
    if data.size == 0:
        return np.zeros(data.shape, dtype=STORED)
    values = np.memmap(handle.filename, STORED, "r", data.id.get_offset(), data.shape)
    found, rows = 0, max(BLOCK_BYTES // values[:1].nbytes, 1)
    for begin in range(0, len(values), rows):
        block = np.ascontiguousarray(values[begin : begin + rows])
        found = zlib.crc32(block.data, found)
        if np.isinf(block).any() or (name == "spread" and (block < 0).any()):
            raise InputError(
                f"{handle.filename}: {name} has a number that normals do not have; the file is damaged, make it again"
            )
    if found != int(data.attrs["crc32"]):
        raise ValueError(f"{name} has changed since it was written")
    return np.asarray(values)


def _fits(of_met: MetRests, bins: int) -> bool:
    """Whether what is left of MET's bins belongs to a panel of so many bins."""
    inside = bool(((of_met.bin >= 0) & (of_met.bin < bins)).all())
    return inside and of_met.rest.ndim == 2 and of_met.rest.shape[1] == len(of_met.bin)


class StoredPanel(NamedTuple):
    """What a panel's file holds: its bins, the panel, and facts about it."""

    frame: pd.DataFrame
    panel: Panel
    facts: dict[str, Any]


def read(path: str | Path) -> StoredPanel:
    """Bins, panel and facts (with ``fingerprint``) of a panel of normals.

    Raises
    ------
    InputError
        If the file is not a panel of normals, is damaged, or is in the format of another version.
    """
    frame = hdf5_file.read_bins(path)
    try:
        with h5py.File(path, "r") as handle:
            if handle.attrs["format"] != FORMAT or int(handle.attrs["format_version"]) != FORMAT_VERSION:
                raise ValueError(f"format {handle.attrs['format']} version {handle.attrs['format_version']}")
            _check_own(handle)
            arrays: dict[str, Any] = {name: _mapped(handle, name) for name in ARRAYS}
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
            scores = {kind: values[:] for kind, values in handle["shares"].items()}
            male = handle["male"][:] if "male" in handle else None
            left = handle.get("rests", {})  # earlier versions have none
            rests = {kind: Rests(*(part[name][:] for name in RESTS)) for kind, part in left.items()}
            of_met = MetRests(*(handle["met_rests"][name][:] for name in MET_RESTS)) if "met_rests" in handle else None
    except (AttributeError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(hdf5_file.refused(path, str(error).strip("'\""))) from error
    if hdf5_file.fingerprint(frame) != facts["fingerprint"] or any(
        len(values) != len(frame) for values in arrays.values()
    ):
        raise InputError(f"{path}: its bins are not those it was made for; the file is damaged, make it again")
    mask = frame["mask"].to_numpy(dtype=np.str_)
    if len(facts["normals"]) != normals or not all(np.isfinite(values[mask == ""]).all() for values in arrays.values()):
        raise InputError(
            f"{path}: a centre or spread is no number that normals have; the file is damaged, make it again"
        )
    if of_met is not None and not _fits(of_met, len(frame)):
        raise InputError(f"{path}: what is left of MET's bins is not of its bins; the file is damaged, make it again")
    panel = Panel(
        mask=mask, null=null, normals=normals, scores=scores, male=male, rests=rests, met_rests=of_met, **arrays
    )
    return StoredPanel(frame, panel, facts)
