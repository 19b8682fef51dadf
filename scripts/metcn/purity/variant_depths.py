"""Reads of a variant and depth at its place, from whatever its caller writes them into.

Each way takes the reads of the reference and of the alternative allele alone, so a fraction never mixes two rules.
"""

from __future__ import annotations

from collections.abc import Iterable

from metcn.purity.variant_file import Record

# FORMAT keys of each way to write depths, in the order of preference, and who does.
WAYS = {
    "AU, CU, GU and TU": ("AU", "CU", "GU", "TU"),  # Strelka2: tiers of each base
    "AD": ("AD",),  # of all alleles (GATK, DRAGEN, Sentieon, VarDict), or beside RD of the alternative (VarScan2)
    "FAO and FRO": ("FAO", "FRO"),  # Ion Torrent, flow-corrected
    "FAO and FDP": ("FAO", "FDP"),
    "AO and RO": ("AO", "RO"),  # FreeBayes
    "NV and NR": ("NV", "NR"),  # Platypus
    "DP4": ("DP4",),  # samtools, SomaticSniper: both alleles on either strand
    "AF and DP": ("AF", "DP"),
    "VAF and DP": ("VAF", "DP"),
    "FREQ and DP": ("FREQ", "DP"),  # VarScan2, in per cent
}


def told(keys: Iterable[str]) -> bool:
    """Whether there is a way to read depths from these FORMAT keys."""
    there = set(keys)
    return any(there.issuperset(needed) for needed in WAYS.values())


def reads(record: Record, *, alone: bool) -> tuple[int, int] | None:
    """Reads of the alternative allele and depth, of a record with one; None where they are missing.

    ``alone``: the file has one sample, so INFO/DP4 is this sample's.
    """
    cell = record.cell
    place = record.first - 1  # among the alternative alleles
    for needed in WAYS.values():
        if not cell.keys() >= set(needed):
            continue
        found = _by(needed, record, place)
        if found is not None:
            return found
    return _of_strands(record.info.get("DP4", "")) if alone else None


def _by(needed: tuple[str, ...], record: Record, place: int) -> tuple[int, int] | None:
    """Reads and depth by one way."""
    cell = record.cell
    if needed[0] == "AU":
        tiers = [_whole(cell.get(f"{base}U", "")) for base in (record.ref, record.alts[0])]
        return _pair(*(tier[0] if tier else None for tier in tiers))
    if needed == ("AD",):
        return _of_depths(record)
    if needed == ("DP4",):
        return _of_strands(cell["DP4"])
    if needed[1] == "DP":
        return _of_fraction(cell[needed[0]], cell["DP"], place)
    of_alt, other = _at(_whole(cell[needed[0]]), place), _whole(cell[needed[1]])
    if needed[1] in ("FDP", "NR"):
        depth = _at(other, place) if len(other) > 1 else _at(other, 0)
        return (of_alt, depth) if of_alt is not None and depth is not None and of_alt <= depth else None
    return _pair(_at(other, 0), of_alt)


def _of_depths(record: Record) -> tuple[int, int] | None:
    """Of AD: one number for each allele, or the alternative's alone with the reference's in RD."""
    depths = _whole(record.cell["AD"])
    if len(depths) == 1:
        other = _whole(record.cell.get("RD", ""))
        return _pair(other[0], depths[0]) if len(other) == 1 else None
    return _pair(_at(depths, 0), _at(depths, record.first))


def _of_strands(text: str) -> tuple[int, int] | None:
    """Of DP4: reference forward and reverse, alternative forward and reverse."""
    strands = _whole(text)
    return _pair(strands[0] + strands[1], strands[2] + strands[3]) if len(strands) == 4 else None


def _of_fraction(text: str, depth: str, place: int) -> tuple[int, int] | None:
    """Of a fraction, or per cent, of the depth."""
    percent = text.endswith("%")
    parts = [text.replace(",", ".")] if percent else text.split(",")  # per cent are written with a comma in some places
    total = _whole(depth)
    try:
        fraction = float(parts[place].removesuffix("%")) / (100 if percent else 1)
    except (ValueError, IndexError):
        return None
    return (round(fraction * total[0]), total[0]) if len(total) == 1 and 0 <= fraction <= 1 else None


def _whole(text: str) -> list[int]:
    """The numbers of a list, none if any is missing."""
    parts = text.split(",")
    return [int(part) for part in parts] if all(part.isascii() and part.isdigit() for part in parts) else []


def _at(values: list[int], place: int) -> int | None:
    return values[place] if place < len(values) else None


def _pair(ref: int | None, alt: int | None) -> tuple[int, int] | None:
    return None if ref is None or alt is None else (alt, ref + alt)
