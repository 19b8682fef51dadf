"""What a record's flags mean (SAM specification, section 1.4), which fates a record can have, and what passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from metcn.errors import InputError
from metcn.run.settings import CountsSettings

PAIRED, UNMAPPED, MATE_UNMAPPED, FIRST = 0x1, 0x4, 0x8, 0x40
SECONDARY, QC_FAILED, DUPLICATE, SUPPLEMENTARY = 0x100, 0x200, 0x400, 0x800

TALLIES = (
    "records",
    "unmapped",
    "secondary",
    "supplementary",
    "qc_failed",
    "duplicate",
    "low_mapping_quality",
    "second_mate",
    "fragment_size",
    "fragments",
)
"""``records``, then each record's single fate, by the first rule that it meets; ``fragments`` are those counted."""


class Filters(NamedTuple):
    """Which fragments count; :func:`metcn.reads.fragments.fragments` says what each bound means."""

    min_mapq: int = 20
    keep_duplicates: bool = False
    min_fragment_bp: int = 0
    max_fragment_bp: int = 1000

    @classmethod
    def of(cls, settings: CountsSettings) -> Filters:
        """Those that the settings ask for; duplicates are left out where that is open."""
        return cls(
            settings.min_mapq, bool(settings.keep_duplicates), settings.min_fragment_bp, settings.max_fragment_bp
        )


Blocks = Callable[[Any, Any, Any], None]
"""Takes aligned blocks: contig, start and end, shape (blocks,), good until it returns.

A block whose end lies before its start is to be taken off again: two mates have covered the same bases.
"""


class Further(Protocol):
    """Whoever else wants the records of a BAM than who counts fragments."""

    def add(self, data: Any, begin: int, end: int) -> None:
        """Take the sound, whole records of ``data`` (uint8) from byte ``begin`` to ``end``."""


FILTERED = ("qc_failed", "duplicate", "low_mapping_quality", "fragment_size")
"""Fates of fragments that were left out by a filter, though they have a place: those of :class:`Filtered`."""


class Filtered(NamedTuple):
    """Fragments that a filter left out.

    Attributes
    ----------
    contig, midpoint : ndarray
        Place, shape (fragments,).
    fate : ndarray
        Index into :data:`TALLIES` of the first filter that the fragment did not pass, one of :data:`FILTERED`.
    """

    contig: Any
    midpoint: Any
    fate: Any


class Chunk(NamedTuple):
    """Some fragments of an alignment, and the fates of the records they come from.

    Attributes
    ----------
    contig, midpoint, length : ndarray
        Place, and template length in bp (0 where it is unknown), shape (fragments,).
    tally : dict of str to int
        Records by :data:`TALLIES`.
    filtered : Filtered
        Fragments that were left out.
    """

    contig: Any
    midpoint: Any
    length: Any
    tally: dict[str, int]
    filtered: Filtered


class Disorder(InputError):
    """A record at ``found`` comes after one at ``before`` (1-based, such as ``chr7:1,200``)."""

    def __init__(self, source: str, found: str, before: str) -> None:
        super().__init__(
            f"expected records in order of their coordinates, found {found} after {before} in {source}; "
            "run `samtools sort` and `samtools index`"
        )
