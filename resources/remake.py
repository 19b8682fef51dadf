#!/usr/bin/env python3
"""Remake the derived tables of one genome build from files downloaded by hand.

    python resources/remake.py GRCh37 --cytobands cytoBand.txt.gz --blacklist hg19-blacklist.v2.bed.gz --genes chr7.tsv

README.md says where the three inputs come from. landmarks.tsv and ../genes.tsv are written by hand, not remade here.
"""

from __future__ import annotations

import argparse
import gzip
import re
from pathlib import Path

CHROMOSOMES = [*(str(number) for number in range(1, 23)), "X", "Y"]
MITOCHONDRION = ("MT", 16569)  # revised Cambridge sequence, NC_012920.1; UCSC's hg19 chrM is an older one of 16,571
MET_EXONS = 21
CLONE = re.compile(r"^(A[CLPF]\d{6}|GS\d+-|RP\d+-|CT[ABCD]-)|\.\d+$")
RECEPTOR_SEGMENT = re.compile(r"^TR[BG][VDJC]")  # pieces of T-cell receptors, rearranged in lymphocytes
READ_THROUGH = re.compile(r"^[A-Z0-9orf]+-[A-Z][A-Za-z0-9]{2,}$")  # URGCP-MRPS24: the two genes have their own rows


def rows(path: Path) -> list[list[str]]:
    """Fields of every line that is not a comment or a heading."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as handle:
        lines = [line.rstrip("\n").split("\t") for line in handle if line.strip() and not line.startswith("#")]
    return [fields for fields in lines if fields[0] != "chrom"]


def write(path: Path, heading: str, table: list[tuple]) -> None:
    """Write a tab-separated table under its heading."""
    body = "".join("\t".join(map(str, fields)) + "\n" for fields in table)
    path.write_text("\t".join(heading.split()) + "\n" + body, encoding="utf-8")


def genome_order(fields: tuple) -> tuple[int, int, int]:
    """Sorting key of a row that begins with chromosome, start, end."""
    return CHROMOSOMES.index(fields[0]), fields[1], fields[2]


def cytobands(path: Path, folder: Path) -> None:
    """Write cytobands.tsv, and contigs.tsv from where the last band of each chromosome ends."""
    table = [
        (chromosome.removeprefix("chr"), int(start), int(end), band, stain)
        for chromosome, start, end, band, stain in rows(path)
        if chromosome.removeprefix("chr") in CHROMOSOMES
    ]
    table.sort(key=genome_order)
    write(folder / "cytobands.tsv", "chromosome start end band stain", table)
    lengths = {name: max(row[2] for row in table if row[0] == name) for name in CHROMOSOMES}
    write(folder / "contigs.tsv", "chromosome length", [*lengths.items(), MITOCHONDRION])


def blacklist(path: Path, folder: Path) -> None:
    """Write blacklist.tsv with one word per reason."""
    words = {"High Signal Region": "high_signal", "Low Mappability": "low_mappability"}
    table = [
        (chromosome.removeprefix("chr"), int(start), int(end), words[reason])
        for chromosome, start, end, reason in rows(path)
    ]
    write(folder / "blacklist.tsv", "chromosome start end reason", sorted(table, key=genome_order))


def genes(path: Path, folder: Path) -> None:
    """Write chr7_genes.tsv (transcripts of a gene merged) and met_exons.tsv."""
    merged: dict[str, tuple[int, int, str]] = {}
    for name, _, strand, start, end, exon_starts, exon_ends in rows(path):
        if CLONE.search(name) or RECEPTOR_SEGMENT.match(name) or READ_THROUGH.match(name):
            continue
        known = merged.get(name, (int(start), int(end), strand))
        merged[name] = (min(known[0], int(start)), max(known[1], int(end)), strand)
        starts, ends = (list(map(int, text.strip(",").split(","))) for text in (exon_starts, exon_ends))
        if name == "MET" and len(starts) == MET_EXONS:
            numbered = list(zip(range(1, MET_EXONS + 1), starts, ends, strict=True))
            write(folder / "met_exons.tsv", "exon start end", numbered)
    table = sorted(((name, *extent) for name, extent in merged.items()), key=lambda row: (row[1], row[2]))
    write(folder / "chr7_genes.tsv", "gene start end strand", table)


def main() -> None:
    """Remake what the given inputs allow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", choices=("GRCh37", "GRCh38"))
    for name in ("cytobands", "blacklist", "genes"):
        parser.add_argument(f"--{name}", type=Path)
    arguments = parser.parse_args()
    folder = Path(__file__).resolve().parent / arguments.build
    for task in (cytobands, blacklist, genes):
        path = getattr(arguments, task.__name__)
        if path is not None:
            task(path, folder)


if __name__ == "__main__":
    main()
