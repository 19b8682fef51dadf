"""A BAM that is as hard to read as a real one: bases of a genome, binned qualities, an aligner's tags.

``metcn simulate`` writes the same constant bases into every read, which compress to nothing; time measured on its files
says little. Here every byte that a counter has to inflate costs what it costs in a capture panel: 150 bp pairs, 70 % on
5,000 targets, a fifth of them duplicates.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pysam

from metcn.genome import build as genomes

READ_BP = 150
TILE_BP = 1 << 24
TARGETS, TARGET_BP, MET_TARGETS = 5000, 200, 60
ON_TARGET, DUPLICATES, AMBIGUOUS = 0.7, 0.2, 0.05
CHUNK_PAIRS = 100_000
NAME = "A00001:1:HXXXXXXXX:0000:00000000"
TAGS = b"NMC\0MDZ150\0MCZ150M\0ASC\x96XSC\x13RGZsample\0"

LAYOUT = np.dtype(
    [("size", "<i4"), ("contig", "<i4"), ("start", "<i4"), ("name_bytes", "u1"), ("mapq", "u1"), ("bin", "<u2"),
     ("operations", "<u2"), ("flag", "<u2"), ("bases", "<i4"), ("mate_contig", "<i4"), ("mate_start", "<i4"),
     ("template_bp", "<i4"), ("name", "u1", (len(NAME) + 1,)), ("cigar", "<u4"), ("sequence", "u1", (READ_BP // 2,)),
     ("quality", "u1", (READ_BP,)), ("tags", "u1", (len(TAGS),))]
)  # fmt: skip


def panel(genome: genomes.Genome, rng: np.random.Generator) -> np.ndarray:
    """Targets: rank of the contig, start; 60 of them in MET."""
    lengths = np.array([genome.contigs[name] for name in genomes.AUTOSOMES])
    contig = rng.choice(len(lengths), TARGETS - MET_TARGETS, p=lengths / lengths.sum())
    start = (rng.random(len(contig)) * (lengths[contig] - 20_000_000)).astype(np.int64) // 2000 * 2000 + 10_000_000
    met = np.linspace(genome.met[0], genome.met[1] - TARGET_BP, MET_TARGETS).astype(np.int64)
    rows = np.concatenate([np.column_stack([contig, start]), np.column_stack([np.full(len(met), 6), met])])
    return np.unique(rows, axis=0)


def write(path: Path, bed: Path, *, reads: int, seed: int = 1) -> None:
    """Write a sorted, indexed BAM of about ``reads`` records and the BED of its targets; the same for the same seed."""
    genome, rng = genomes.load("GRCh38"), np.random.default_rng(seed)
    names = ["chr" + name for name in (*genomes.AUTOSOMES, *genomes.SEX_CHROMOSOMES)]
    lengths = [genome.contigs[genomes.bare(name)] for name in names]
    targets = panel(genome, rng)
    with open(bed, "w", encoding="ascii") as handle:
        handle.writelines(f"{names[contig]}\t{start}\t{start + TARGET_BP}\t.\n" for contig, start in targets)
    pairs = _pairs(targets, lengths, reads // 2, rng)
    plain = path.with_suffix(".plain.bam")
    tile = rng.integers(0, 4, TILE_BP + READ_BP + 2, dtype=np.uint8)
    with pysam.BGZFile(str(plain), "wu", None) as handle:
        handle.write(_header(names, lengths))
        for first in range(0, len(pairs), CHUNK_PAIRS):
            handle.write(_encode(pairs[first : first + CHUNK_PAIRS], first, tile, rng).tobytes())
    pysam.view("-b", "-@", "2", "--no-PG", "-o", str(path), str(plain), catch_stdout=False)
    plain.unlink()
    pysam.index(str(path))


def write_genome(
    path: Path, *, depth: float, fold: float = 3.0, fragment_bp: float = 350, only: Collection[str] = (), seed: int = 1
) -> None:
    """Write a sorted, indexed BAM of a genome at an even ``depth``, with ``fold`` times as much 1.5 Mb around MET.

    With ``only``, the reads of some contigs, under the header of all.
    """
    genome, rng = genomes.load("GRCh38"), np.random.default_rng(seed)
    names = ["chr" + name for name in (*genomes.AUTOSOMES, *genomes.SEX_CHROMOSOMES)]
    lengths = [genome.contigs[genomes.bare(name)] for name in names]
    tile = rng.integers(0, 4, TILE_BP + READ_BP + 2, dtype=np.uint8)
    written = 0
    with pysam.BGZFile(str(path), "w1", None) as handle:
        handle.write(_header(names, lengths))
        for contig, length in enumerate(lengths):
            if only and names[contig] not in only:
                continue
            start = rng.integers(10_000, length - 10_000, int(depth * length / (2 * READ_BP)))
            if names[contig] == "chr" + genomes.MET_CHROMOSOME:
                near = start[(start > genome.met[0] - 1_500_000) & (start < genome.met[1] + 1_500_000)]
                start = np.concatenate([start, rng.choice(near, int((fold - 1) * len(near))) + rng.integers(1, 200)])
            rows = _placed(np.full(len(start), contig), start, _usual_lengths(len(start), fragment_bp, rng), rng)
            rows[:, 6] += written
            written += len(start)
            for first in range(0, len(rows), CHUNK_PAIRS):
                handle.write(_encode(rows[first : first + CHUNK_PAIRS], first, tile, rng).tobytes())
    pysam.index(str(path))


def _usual_lengths(count: int, mean: float, rng: np.random.Generator) -> np.ndarray:
    """Lengths of fragments, no shorter than a read."""
    return np.clip(rng.normal(mean, 50, count).astype(np.int64), READ_BP, 600)


def _header(names: list[str], lengths: list[int]) -> bytes:
    text = "@HD\tVN:1.6\tSO:coordinate\n" + "".join(
        f"@SQ\tSN:{name}\tLN:{length}\n" for name, length in zip(names, lengths, strict=True)
    )
    parts = [b"BAM\1", len(text).to_bytes(4, "little"), text.encode(), len(names).to_bytes(4, "little")]
    for name, length in zip(names, lengths, strict=True):
        parts += [(len(name) + 1).to_bytes(4, "little"), name.encode() + b"\0", length.to_bytes(4, "little")]
    return b"".join(parts)


def _pairs(targets: np.ndarray, lengths: list[int], count: int, rng: np.random.Generator) -> np.ndarray:
    """One row per read, sorted by place: contig, start, mate's start, template length, flag, mapq, name."""
    near = rng.random(count) < ON_TARGET
    target = targets[rng.integers(0, len(targets), count)]
    size = np.array(lengths)
    anywhere = rng.choice(len(size), count, p=size / size.sum())
    contig = np.where(near, target[:, 0], anywhere)
    length = _usual_lengths(count, 220, rng)
    start = target[:, 1] + rng.integers(-150, TARGET_BP, count) - length // 4
    start = np.where(near, start, 10_000 + (rng.random(count) * (size[anywhere] - 30_000)).astype(np.int64))
    copied = np.flatnonzero(rng.random(count) < DUPLICATES)
    source = (copied + 1) % count
    duplicate = np.zeros(count, dtype=bool)
    duplicate[copied] = True
    contig[copied], start[copied], length[copied] = contig[source], start[source], length[source]
    return _placed(contig, start, length, rng, duplicate)


def _placed(
    contig: np.ndarray, start: np.ndarray, length: np.ndarray, rng: np.random.Generator, duplicate: np.ndarray | int = 0
) -> np.ndarray:
    """Both reads of each fragment, sorted by place."""
    count = len(start)
    mapq = np.where(rng.random(count) < AMBIGUOUS, 0, 60)
    flag = np.broadcast_to(duplicate, count) * 0x400
    right = start + length - READ_BP
    name = np.arange(count)
    columns = [
        np.concatenate(side)
        for side in ((contig, contig), (start, right), (right, start), (length, -length),
                     (99 | flag, 147 | flag), (mapq, mapq), (name, name))
    ]  # fmt: skip
    return np.column_stack(columns)[np.lexsort((columns[1], columns[0]))]


def _encode(rows: np.ndarray, first: int, tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """BAM's own layout of the rows."""
    out = np.zeros(len(rows), LAYOUT)
    for place, field in enumerate(("contig", "start", "mate_start", "template_bp", "flag", "mapq")):
        out[field] = rows[:, place]
    out["size"], out["name_bytes"], out["bases"], out["operations"] = LAYOUT.itemsize - 4, len(NAME) + 1, READ_BP, 1
    out["mate_contig"], out["cigar"] = out["contig"], READ_BP << 4
    name = np.frombuffer(NAME.encode() + b"\0", np.uint8)
    out["name"] = name
    shuffled = rows[:, 6] * 7919 % 100_000_000  # a sequencer's coordinates have nothing to do with the genome's
    out["name"][:, -9:-1] = shuffled[:, None] // 10 ** np.arange(8)[::-1] % 10 + ord("0")
    bases = np.array([1, 2, 4, 8], np.uint8)[tile[(rows[:, 1] % TILE_BP)[:, None] + np.arange(READ_BP)]]
    errors = rng.random(bases.shape) < 0.003
    bases[errors] = 1 << rng.integers(0, 4, errors.sum())
    out["sequence"] = bases[:, ::2] << 4 | bases[:, 1::2]
    out["quality"] = np.array([37, 23, 12, 2], np.uint8)[
        np.searchsorted([0.92, 0.97, 0.99], rng.random(bases.shape, dtype=np.float32))
    ]
    out["tags"] = np.frombuffer(TAGS, np.uint8)
    return out
