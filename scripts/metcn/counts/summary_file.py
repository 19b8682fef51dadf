"""What later stages ask of the JSON of one sample's counts (``counts/SAMPLE.json``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metcn.files import read_json


@dataclass(frozen=True)
class CountsSummary:
    """How one sample was counted.

    Attributes
    ----------
    path : Path
        File it was read from.
    unit, keep_duplicates : str, bool or None
        What depth counts, and whether duplicates count; None where it is not known, as of a coverage table.
    bases_per_fragment : float or None
        Bases that a fragment adds to the mean depth of a coverage table; None where that is not known or not needed.
    filtered : tuple of str
        Sentences on what filters took that they should not.
    """

    path: Path
    unit: str | None = None
    keep_duplicates: bool | None = None
    bases_per_fragment: float | None = None
    filtered: tuple[str, ...] = ()

    @property
    def sample(self) -> str:
        """Name of the sample."""
        return self.path.stem


def read(path: Path) -> CountsSummary:
    """Summary of one sample's counts.

    Raises
    ------
    InputError
        If the file is missing or is not JSON.
    """
    record = read_json(path)
    bases = record.get("bases_per_fragment")
    return CountsSummary(
        path=path,
        unit=record.get("unit"),
        keep_duplicates=record.get("keep_duplicates"),
        bases_per_fragment=None if bases is None else float(bases),
        filtered=tuple(str(loss["text"]) for loss in record.get("filtered") or ()),
    )
