"""Alignments whose reads show chosen bases at chosen places, and lists of those places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pysam

READ_BP = 50
CONTIGS = {"chr1": 249_250_621, "chr7": 159_138_663}  # GRCh37


class Read(NamedTuple):
    """One read of 50 bp, all C but for ``bases`` (place to base); ``contig`` is its number in the header."""

    name: str
    start: int
    bases: Mapping[int, str]
    flag: int = 0
    mapq: int = 60
    quality: int = 37
    low: tuple[int, ...] = ()  # places whose base has quality 10
    mate: int = -1
    contig: int = 0


def pair(name: str, start: int, mate: int, first: Mapping[int, str], second: Mapping[int, str], **fields: Any) -> list:
    """Two reads of a fragment that face each other."""
    return [Read(name, start, first, 0x63, mate=mate, **fields), Read(name, mate, second, 0x93, mate=start, **fields)]


def at(place: int, ref: int, alt: int, *, base: str = "A", other: str = "G", contig: int = 0) -> list[Read]:
    """Single reads around a place, ``ref`` of them with one base and ``alt`` with the other."""
    rows = [(f"{place}_{number}", base if number < ref else other) for number in range(ref + alt)]
    return [Read(f"{contig}_{name}", place - 20, {place: letter}, contig=contig) for name, letter in rows]


def write(path: Path, reads: Iterable[Read], *, contigs: Mapping[str, int] = CONTIGS, **options: Any) -> Path:
    """An indexed BAM (or, by ``options``, CRAM) of the reads."""
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": name, "LN": bp} for name, bp in contigs.items()]}
    with pysam.AlignmentFile(str(path), **{"mode": "wb", "header": header} | options) as out:
        for each in sorted(reads, key=lambda read: (read.contig, read.start)):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.flag, read.mapping_quality = each.name, each.flag, each.mapq
            read.reference_id, read.reference_start, read.cigarstring = each.contig, each.start, f"{READ_BP}M"
            if each.mate >= 0:
                read.next_reference_id, read.next_reference_start = each.contig, each.mate
                read.template_length = (abs(each.mate - each.start) + READ_BP) * (1 if each.mate >= each.start else -1)
            places = range(each.start, each.start + READ_BP)
            read.query_sequence = "".join(each.bases.get(place, "C") for place in places)
            read.query_qualities = [10 if place in each.low else each.quality for place in places]
            out.write(read)
    pysam.index(str(path))
    return path


def bed(path: Path, rows: Iterable[tuple[str, int, str, str]]) -> Path:
    """A list of (chromosome, 0-based place, reference base, alternative base)."""
    path.write_text("".join(f"{name}\t{at}\t{at + 1}\t{ref}\t{alt}\n" for name, at, ref, alt in rows))
    return path


def vcf(path: Path, rows: Iterable[tuple[str, int, str, str]], *, chr1: int | None = None) -> Path:
    """The same as VCF; ``chr1`` is the length that its header gives."""
    rows = list(rows)
    length = "" if chr1 is None else f",length={chr1}"
    names = dict.fromkeys(row[0] for row in rows)
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name}{length}>" for name in names)]
    lines += ["\t".join("#CHROM POS ID REF ALT QUAL FILTER INFO".split())]
    lines += [f"{name}\t{at + 1}\trs1\t{ref}\t{alt}\t.\t.\t." for name, at, ref, alt in rows]
    path.write_text("\n".join(lines) + "\n")
    return path
