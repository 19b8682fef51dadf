#!/usr/bin/env python3
"""Remake the derived tables of one genome build from files downloaded by hand.

    python resources/remake.py GRCh37 --cytobands cytoBand.txt.gz --blacklist hg19-blacklist.v2.bed.gz \
        --genes chr7.tsv --gc gc_hg19_10kb.wig.gz --mappability map_hg19_10kb.wig.gz --snps FOLDER

README.md says where the inputs come from. landmarks.tsv and ../genes.tsv are written by hand, not remade here.
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
WINDOW_BP = 10_000
LEVELS, UNKNOWN = 200, 255  # a share is written as a whole number of two-hundredths in one byte
COMPLEMENT = str.maketrans("ACGT", "TGCA")
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


def shares(path: Path, lengths: dict[str, int]) -> bytes:
    """A byte per window of 10 kb along 1-22, X and Y, from a wig of ``fixedStep`` blocks that cover them whole."""
    values: dict[str, list[float]] = {}
    for (line,) in rows(path):
        if line.startswith("fixedStep"):
            facts = dict(word.split("=") for word in line.split()[1:])
            if (facts["start"], facts["step"], facts["span"]) != ("1", str(WINDOW_BP), str(WINDOW_BP)):
                raise SystemExit(f"{path}: expected start=1 step={WINDOW_BP} span={WINDOW_BP}, found {line}")
            current = values.setdefault(facts["chrom"].removeprefix("chr"), [])
        else:
            current.append(float(line))
    for name in CHROMOSOMES:
        expected = -(-lengths[name] // WINDOW_BP)
        if len(values.get(name, [])) != expected:
            raise SystemExit(
                f"{path}: expected {expected} windows of chromosome {name}, found {len(values.get(name, []))}"
            )
    every = [value for name in CHROMOSOMES for value in values[name]]
    return bytes(UNKNOWN if value < 0 else round(value * LEVELS) for value in every)


def windows(gc: Path, mappability: Path, folder: Path) -> None:
    """Write windows_10kb.u8.gz: a byte of GC content per window, then one of mappability, gzipped without a time."""
    lengths = {name: int(length) for name, length in rows(folder / "contigs.tsv")[1:]}
    codes = shares(gc, lengths) + shares(mappability, lengths)
    (folder / "windows_10kb.u8.gz").write_bytes(gzip.compress(codes, 9, mtime=0))


def snps(source: Path, folder: Path) -> None:
    """Write snps.tsv.gz from exome_snps.BUILD.bed.gz and genome_snps.BUILD.bed.gz of a folder, gzipped without a time.

    A place on both lists has the bases of the genome's, which are those of the forward strand, and the exome's word
    for which of them is the reference.
    """
    sites: dict[tuple[str, int], tuple[str, str, str, str]] = {}
    for name, start, ref, alt, frequency in _single_bases(source / f"genome_snps.{folder.name}.bed.gz", 3):
        share = float(frequency)
        sites.setdefault((name, start), (ref, alt, f"{min(share, 1 - share):.2f}"[1:], "genome"))
    exome = set()
    for name, start, ref, alt, _ in _single_bases(source / f"exome_snps.{folder.name}.bed.gz", 4):
        if (name, start) in exome:
            continue
        exome.add((name, start))
        first, second, frequency, _ = sites.get((name, start), (ref, alt, "", ""))
        forward = [pair for pair in ((ref, alt), _complement(ref, alt)) if set(pair) == {first, second}]
        if len(forward) == 1:
            sites[name, start] = (*forward[0], frequency, "both" if frequency else "exome")
        elif not frequency:
            sites[name, start] = (ref, alt, "", "exome")
    table = sorted((name, start, start + 1, *told) for (name, start), told in sites.items())
    lines = ["\t".join((row[0], str(row[1]), *row[3:])) for row in sorted(table, key=genome_order)]
    text = "\n".join((f"#common SNPs of {folder.name}", "chromosome\tstart\tref\talt\tmaf\tlist", *lines, ""))
    (folder / "snps.tsv.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _complement(*bases: str) -> tuple[str, ...]:
    """The bases of the other strand."""
    return tuple(base.translate(COMPLEMENT) for base in bases)


def _single_bases(path: Path, column: int) -> list[tuple[str, int, str, str, str]]:
    """Autosomal rows of one base with two alleles: chromosome, start, the two from ``column`` on, the last cell."""
    autosomes = CHROMOSOMES[:22]
    return [
        (fields[0].removeprefix("chr"), int(fields[1]), fields[column], fields[column + 1], fields[-1])
        for fields in rows(path)
        if fields[0].removeprefix("chr") in autosomes
        and int(fields[2]) == int(fields[1]) + 1
        and fields[column] != fields[column + 1]
        and all(base in ("A", "C", "G", "T") for base in fields[column : column + 2])
    ]


def main() -> None:
    """Remake what the given inputs allow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", choices=("GRCh37", "GRCh38"))
    for name in ("cytobands", "blacklist", "genes", "gc", "mappability", "snps"):
        parser.add_argument(f"--{name}", type=Path)
    arguments = parser.parse_args()
    folder = Path(__file__).resolve().parent / arguments.build
    for task in (cytobands, blacklist, genes, snps):
        path = getattr(arguments, task.__name__)
        if path is not None:
            task(path, folder)
    if (arguments.gc is None) != (arguments.mappability is None):
        parser.error("give --gc and --mappability together: they are two columns of one file")
    if arguments.gc is not None:
        windows(arguments.gc, arguments.mappability, folder)


if __name__ == "__main__":
    main()
