"""Fragments of an alignment, by the fastest way there is for it, and proof that none was left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from metcn import alignments
from metcn import counts as counting
from metcn.errors import InputError
from metcn.sam import Filters

Chunk = tuple[np.ndarray, np.ndarray, dict[str, int]]


def fragments(opened: alignments.Alignment, filters: Filters, *, threads: int = 1) -> Iterator[Chunk]:
    """Contig, midpoint and tally of each chunk of a whole BAM or CRAM; the tallies of all chunks add up to the file's.

    Raises
    ------
    InputError
        If the file is damaged, or has fewer records than its index says.
    """
    expected = alignments.indexed_records(opened)
    found = 0
    for contig, midpoint, tally in _chunks(opened, filters, threads):
        found += tally["records"]
        yield contig, midpoint, tally
    if found < expected:
        raise InputError(_too_few(opened, found, expected))


def _chunks(opened: alignments.Alignment, filters: Filters, threads: int) -> Iterator[Chunk]:
    """Chunks of a BAM by the compiled scan, or of anything record by record."""
    if opened.handle.is_bam:
        with suppress(ImportError):  # no compiler for this Python: the same numbers, slower
            from metcn import scan

            return scan.fragments(opened, filters, threads=threads)
    return (counting.fragments(records, **filters._asdict()) for records in alignments.read_records(opened))


def _too_few(opened: alignments.Alignment, found: int, expected: int) -> str:
    """What to say of a file that ends early although it looks complete."""
    if opened.handle.is_bam:
        return (
            f"expected the {expected:,} records that its index counts, found {found:,} in {opened.path}; copy or make "
            "both again, or run `samtools index` if the records were taken out on purpose"
        )
    return (
        f"expected records, found none in {opened.path}, though its index has {expected:,} slices; its reference "
        "sequence may be another: set fasta to the one it was made with"
    )
