"""BAM files of simulated fragments: real flags, mates, duplicates, clips and an index, without an aligner.

Records are laid out as columns and turned into BAM's binary form by NumPy (SAM specification, section 4.2), some fifty
times faster than one object per read. Bases and qualities are the same constant in every read: nothing downstream of
the aligner that counts fragments looks at them. The same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pysam

from metcn.files import writing
from metcn.reads.sam import DUPLICATE, FIRST, MATE_UNMAPPED, PAIRED, QC_FAILED, SECONDARY, SUPPLEMENTARY, UNMAPPED

PROPER, REVERSE, MATE_REVERSE, SECOND = 0x2, 0x10, 0x20, 0x80  # flags that counting has no use for
MATCH, SOFT_CLIP = 0, 4
CHUNK_RECORDS = 50_000  # bounds the memory of the byte matrix
NAME_DIGITS = 8
COMPRESSION = "w1"  # the fastest level: constant bases compress to nothing at any

FRAGMENT = np.dtype(
    [("contig", "<i4"), ("start", "<i4"), ("length", "<i4"), ("name", "<i4"), ("flag", "<u2"), ("mapq", "u1")]
)
RECORD = np.dtype(
    [("contig", "<i4"), ("start", "<i4"), ("mapq", "u1"), ("flag", "<u2"), ("aligned_bp", "<i4"), ("name", "<i4"),
     ("mate_contig", "<i4"), ("mate_start", "<i4"), ("template_bp", "<i4")]
)  # fmt: skip


@dataclass(frozen=True)
class Library:
    """How a library was made. Shares are of the fragments that a counter with usual filters keeps, and come on top.

    ``duplicates`` are copies flagged 0x400; ``ambiguous`` have MAPQ 0; ``qc_fail`` are flagged 0x200; ``lone`` have an
    unmapped mate; ``supplementary`` and ``secondary`` are further alignments of a read 1. ``clipped`` is the share of
    reads with a soft clip at the inner end, which leaves the fragment's ends as they are.
    """

    read_bp: int = 75
    fragment_bp: float = 200.0
    fragment_sd_bp: float = 50.0
    duplicates: float = 0.10
    ambiguous: float = 0.03
    qc_fail: float = 0.002
    lone: float = 0.002
    supplementary: float = 0.004
    secondary: float = 0.002
    clipped: float = 0.04
    unmapped_pairs: int = 50


TISSUE = Library()
PLASMA = Library(fragment_bp=167.0, fragment_sd_bp=18.0)


def write_bam(
    path: str | Path,
    *,
    sample: str,
    contigs: Mapping[str, int],
    bins: pd.DataFrame,
    fragments: np.ndarray,
    library: Library,
    rng: np.random.Generator,
) -> None:
    """Write a coordinate-sorted, indexed BAM whose countable fragments have their midpoints in ``bins``.

    Parameters
    ----------
    contigs : mapping
        Every contig of the build, in the header's order, by the names to be used; ``bins.chromosome`` uses the same.
    bins : DataFrame
        chromosome, start, end, kind; fragments of kind ``amplicon`` span their bin exactly.
    fragments : int array (bins,)
        Countable fragments per bin: mapped, MAPQ 60, neither duplicate nor secondary nor supplementary.
    """
    countable = _fragments(bins, fragments, contigs, library, rng)
    records = _records(countable, library, rng)
    records = records[np.lexsort((records["start"], records["contig"]))]
    path = Path(path)
    with writing(path) as bam, writing(path.with_name(path.name + ".bai")) as index:
        with pysam.BGZFile(str(bam), COMPRESSION, None) as handle:  # type: ignore[arg-type]  # its stub knows no level
            handle.write(_header(sample, contigs))
            for first in range(0, len(records), CHUNK_RECORDS):
                handle.write(_encode(records[first : first + CHUNK_RECORDS], sample, library.read_bp))
            handle.write(_encode(_unmapped_pairs(library.unmapped_pairs, len(records)), sample, library.read_bp))
        pysam.index("-o", str(index), str(bam))


def _fragments(
    bins: pd.DataFrame, count: np.ndarray, contigs: Mapping[str, int], library: Library, rng: np.random.Generator
) -> np.ndarray:
    """``count`` fragments per bin: midpoints even over the bin, lengths normal; ends kept inside the contig."""
    place = {name: number for number, name in enumerate(contigs)}
    at = np.repeat(np.arange(len(bins)), count)
    start, end = bins.start.to_numpy()[at], bins.end.to_numpy()[at]
    drawn = np.zeros(len(at), FRAGMENT)
    drawn["contig"] = bins.chromosome.map(place).to_numpy()[at]
    shortest = library.read_bp // 2
    length = rng.normal(library.fragment_bp, library.fragment_sd_bp, len(at)).round().astype(int).clip(shortest)
    middle = start + (rng.random(len(at)) * (end - start)).astype(int)
    amplicon = (bins.kind == "amplicon").to_numpy()[at]
    length = np.where(amplicon, end - start, length)
    limit = np.array(list(contigs.values()))[drawn["contig"]]
    drawn["start"] = np.where(amplicon, start, middle - length // 2).clip(0, limit - length)
    drawn["length"], drawn["mapq"] = length, 60
    return drawn


def _records(countable: np.ndarray, library: Library, rng: np.random.Generator) -> np.ndarray:
    """Every mapped record: the countable fragments' and all that a counter has to leave out."""

    def some(share: float) -> np.ndarray:
        """A random share of the countable reads."""
        return countable[rng.random(len(countable)) < share].copy()

    copies, ambiguous, failed, lone = (
        some(share) for share in (library.duplicates, library.ambiguous, library.qc_fail, library.lone)
    )
    copies["flag"] |= DUPLICATE
    failed["flag"] |= QC_FAILED
    ambiguous["mapq"] = 0
    pairs = np.concatenate([countable, copies, ambiguous, failed])
    # Named along the genome: neighbours in the file then share most of their names, which halves what they compress to.
    pairs["name"][np.lexsort((pairs["start"], pairs["contig"]))] = np.arange(len(pairs))
    lone["name"] = len(pairs) + np.arange(len(lone))
    parts = [_pairs(pairs, library, rng), _lone(lone, library)]
    firsts = parts[0][(parts[0]["flag"] & FIRST) > 0][: len(countable)]
    for share, flag in ((library.supplementary, SUPPLEMENTARY), (library.secondary, SECONDARY)):
        further = firsts[rng.random(len(firsts)) < share].copy()
        elsewhere = firsts[rng.integers(0, max(len(firsts), 1), len(further))]
        for field in ("contig", "start"):
            further[field] = elsewhere[field]
        further["aligned_bp"] = library.read_bp // 2
        further["template_bp"] = 0
        further["flag"] = (further["flag"] & ~np.uint16(PROPER)) | flag
        parts.append(further)
    return np.concatenate(parts)


def _pairs(fragments: np.ndarray, library: Library, rng: np.random.Generator) -> np.ndarray:
    """Both reads of each fragment, facing each other; which of them is read 1 is a coin's toss."""
    left, right = np.zeros((2, len(fragments)), RECORD)
    forward_is_first = rng.random(len(fragments)) < 0.5
    is_clipped = rng.random((2, len(fragments))) < library.clipped
    clip = is_clipped * rng.integers(5, library.read_bp // 2, (2, len(fragments)))
    for side, clipped_bp in zip((left, right), clip, strict=True):
        for field in ("contig", "name", "mapq"):
            side[field] = fragments[field]
        side["aligned_bp"] = np.minimum(library.read_bp - clipped_bp, fragments["length"])
        side["mate_contig"] = fragments["contig"]
    left["start"] = fragments["start"]
    right["start"] = fragments["start"] + fragments["length"] - right["aligned_bp"]
    left["mate_start"], right["mate_start"] = right["start"], left["start"]
    left["template_bp"], right["template_bp"] = fragments["length"], -fragments["length"]
    shared = fragments["flag"] | (PAIRED | PROPER)
    left["flag"] = shared | MATE_REVERSE | np.where(forward_is_first, FIRST, SECOND)
    right["flag"] = shared | REVERSE | np.where(forward_is_first, SECOND, FIRST)
    return np.concatenate([left, right])


def _lone(fragments: np.ndarray, library: Library) -> np.ndarray:
    """A mapped read 1 and its unmapped mate, which is filed at the same place."""
    mapped, lost = np.zeros((2, len(fragments)), RECORD)
    for side in (mapped, lost):
        for field in ("contig", "start", "name"):
            side[field] = fragments[field]
        side["mate_contig"], side["mate_start"] = fragments["contig"], fragments["start"]
    mapped["aligned_bp"] = np.minimum(library.read_bp, fragments["length"])
    mapped["mapq"] = fragments["mapq"]
    mapped["flag"] = PAIRED | MATE_UNMAPPED | FIRST
    lost["flag"] = PAIRED | UNMAPPED | SECOND
    return np.concatenate([mapped, lost])


def _unmapped_pairs(pairs: int, first_name: int) -> np.ndarray:
    """Pairs of which neither read is mapped: they close the file."""
    reads = np.zeros(2 * pairs, RECORD)
    for field in ("contig", "start", "mate_contig", "mate_start"):
        reads[field] = -1
    reads["name"] = first_name + np.arange(2 * pairs) // 2
    reads["flag"] = (PAIRED | UNMAPPED | MATE_UNMAPPED) | np.where(np.arange(2 * pairs) % 2, SECOND, FIRST)
    return reads


def _header(sample: str, contigs: Mapping[str, int]) -> bytes:
    """BAM header: sort order, every contig of the build, one read group."""
    lines = ["@HD\tVN:1.6\tSO:coordinate"]
    lines += [f"@SQ\tSN:{name}\tLN:{length}" for name, length in contigs.items()]
    lines.append(f"@RG\tID:{sample}\tSM:{sample}\tLB:{sample}\tPL:ILLUMINA")
    text = ("\n".join(lines) + "\n").encode()
    parts = [b"BAM\1", _int32(len(text)), text, _int32(len(contigs))]
    for name, length in contigs.items():
        parts += [_int32(len(name) + 1), name.encode() + b"\0", _int32(length)]
    return b"".join(parts)


def _int32(number: int) -> bytes:
    return int(number).to_bytes(4, "little", signed=True)


def _encode(records: np.ndarray, sample: str, read_bp: int) -> bytes:
    """BAM bytes of the records in their order.

    A record's size depends only on its number of CIGAR operations (0 unmapped, 1 whole, 2 clipped), so each class is
    one structured array; the classes are then woven together as rows of a byte matrix with their tails cut off.
    """
    operations = np.where(records["flag"] & UNMAPPED, 0, np.where(records["aligned_bp"] < read_bp, 2, 1))
    layouts = [_layout(number, sample, read_bp) for number in range(3)]
    sizes = np.array([layout.itemsize for layout in layouts])[operations]
    rows = np.zeros((len(records), layouts[-1].itemsize), np.uint8)
    for number, layout in enumerate(layouts):
        chosen = np.flatnonzero(operations == number)
        packed = _pack(records[chosen], layout, sample, read_bp)
        rows[chosen, : layout.itemsize] = packed.view(np.uint8).reshape(len(chosen), layout.itemsize)
    return rows[np.arange(rows.shape[1]) < sizes[:, None]].tobytes()


def _layout(operations: int, sample: str, read_bp: int) -> np.dtype:
    """Binary layout of a BAM record with that many CIGAR operations."""
    return np.dtype(
        [("size", "<i4"), ("contig", "<i4"), ("start", "<i4"), ("name_bytes", "u1"), ("mapq", "u1"), ("bin", "<u2"),
         ("operations", "<u2"), ("flag", "<u2"), ("bases", "<i4"), ("mate_contig", "<i4"), ("mate_start", "<i4"),
         ("template_bp", "<i4"), ("name", "u1", (NAME_DIGITS + 1,)), ("cigar", "<u4", (operations,)),
         ("sequence", "u1", ((read_bp + 1) // 2,)), ("quality", "u1", (read_bp,)), ("group", f"S{len(sample) + 4}")]
    )  # fmt: skip


def _pack(records: np.ndarray, layout: np.dtype, sample: str, read_bp: int) -> np.ndarray:
    """The records in BAM's own layout."""
    packed = np.zeros(len(records), layout)
    for field in ("contig", "start", "mapq", "flag", "mate_contig", "mate_start", "template_bp"):
        packed[field] = records[field]
    packed["size"] = layout.itemsize - 4
    packed["name_bytes"], packed["bases"] = NAME_DIGITS + 1, read_bp
    packed["name"][:, :-1] = records["name"][:, None] // 10 ** np.arange(NAME_DIGITS)[::-1] % 10 + ord("0")
    packed["operations"] = operations = packed["cigar"].shape[1]
    aligned_bp = records["aligned_bp"].astype("<u4")
    matched = aligned_bp << 4 | MATCH
    if operations == 1:
        packed["cigar"][:, 0] = matched
    elif operations == 2:
        clipped = (read_bp - aligned_bp) << 4 | SOFT_CLIP
        reverse = (records["flag"] & REVERSE) > 0
        packed["cigar"][:, 0] = np.where(reverse, clipped, matched)
        packed["cigar"][:, 1] = np.where(reverse, matched, clipped)
    packed["bin"] = _index_bin(records["start"], np.maximum(records["aligned_bp"], 1))
    packed["sequence"] = np.resize(np.array([0x12, 0x48, 0x21, 0x84], np.uint8), (read_bp + 1) // 2)  # ACGTCATG...
    packed["quality"] = 37
    packed["group"] = b"RGZ" + sample.encode()
    return packed


def _index_bin(start: np.ndarray, span_bp: np.ndarray) -> np.ndarray:
    """BAI bin of each interval: the smallest of the nested bins that holds all of it (SAM specification, 5.3)."""
    last = start + span_bp - 1
    levels = ((14, 4681), (17, 585), (20, 73), (23, 9), (26, 1))
    inside = [start >> shift == last >> shift for shift, _ in levels]
    return np.select(inside, [(offset + (start >> shift)) for shift, offset in levels], 0).astype(np.uint16)
