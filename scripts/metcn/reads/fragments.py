"""Which records are fragments: one per pair, after the filters, and how many records met which fate."""

from __future__ import annotations

import numpy as np

from metcn.reads.sam import (
    DUPLICATE,
    FILTERED,
    FIRST,
    MATE_UNMAPPED,
    PAIRED,
    QC_FAILED,
    SECONDARY,
    SUPPLEMENTARY,
    TALLIES,
    UNMAPPED,
    Chunk,
    Filtered,
)


def fragments(
    records: np.ndarray,
    *,
    min_mapq: int = 20,
    keep_duplicates: bool = False,
    min_fragment_bp: int = 0,
    max_fragment_bp: int = 1000,
) -> Chunk:
    """Contig, midpoint and length of each fragment that passes the filters, and how many records met which fate.

    :mod:`metcn.reads.scan` does the same for the bytes of a BAM; this is for records from anywhere, and its oracle.

    A pair on one contig is one fragment, represented by the mate with a positive template length. A pair without a
    template length (on two contigs, or not set by the aligner) is represented by its first read. A read without a
    mapped mate is its own fragment. So no fragment is counted twice, whatever the aligner.

    Parameters
    ----------
    records
        Structured array, shape (n,), with ``reference_id``, ``start``, ``end`` (used where ``template_length`` is 0),
        ``template_length``, ``flag`` and ``mapping_quality``.
    min_mapq
        Lowest mapping quality of the representing read.
    keep_duplicates
        Count reads marked as duplicates too.
    min_fragment_bp, max_fragment_bp
        Inclusive window of template lengths. A fragment of unknown length passes unless ``min_fragment_bp`` is above 0:
        a lower bound is set to choose short or long fragments, which an unknown length cannot be.

    Returns
    -------
    contig, midpoint, length
        Shape (fragments,). The length is 0 where there is no template length.
    tally
        Counts by :data:`TALLIES`; the fates add up to ``records``.
    filtered
        Fragments that a filter left out, each represented by the same read as one that is counted.
    """
    flag, length = records["flag"], records["template_length"]
    has_mate = (flag & PAIRED > 0) & (flag & MATE_UNMAPPED == 0)
    second = has_mate & ((length < 0) | ((length == 0) & (flag & FIRST == 0)))
    known = has_mate & (length != 0)
    misfit = np.where(known, (length < min_fragment_bp) | (length > max_fragment_bp), min_fragment_bp > 0)
    fates = {
        "unmapped": (flag & UNMAPPED > 0) | (records["reference_id"] < 0),
        "secondary": flag & SECONDARY > 0,
        "supplementary": flag & SUPPLEMENTARY > 0,
        "qc_failed": flag & QC_FAILED > 0,
        "duplicate": (flag & DUPLICATE > 0) & (not keep_duplicates),
        "low_mapping_quality": records["mapping_quality"] < min_mapq,
        "second_mate": second,
        "fragment_size": misfit,
    }
    tally = {"records": len(records)}
    left = np.ones(len(records), dtype=bool)
    fate_of = np.full(len(records), TALLIES.index("fragments"), dtype=np.int8)
    for fate, applies in fates.items():
        tally[fate] = int(np.count_nonzero(left & applies))
        fate_of[left & applies] = TALLIES.index(fate)
        left &= ~applies
    tally["fragments"] = int(np.count_nonzero(left))
    end = np.where(known, records["start"] + length, records["end"])
    middle = (records["start"] + np.maximum(end, records["start"])) // 2
    out = np.isin(fate_of, [TALLIES.index(fate) for fate in FILTERED]) & ~second
    return Chunk(
        records["reference_id"][left],
        middle[left],
        np.where(known, length, 0)[left],
        tally,
        Filtered(records["reference_id"][out], middle[out], fate_of[out]),
    )
