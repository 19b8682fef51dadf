"""A donor's BAM as a tumour's: fragments left out or repeated, both reads of a pair alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pysam

from metcn.files import write_text, writing
from metcn.genome import build as genomes
from metcn.reads import alignments
from metcn.titration.tumours import Tumour

STEP_BP = 1000
"""Copies are looked up once per step of the genome; breakpoints are not known better in a tumour either."""

Factor = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def write_bam(path: Path, donor: Path, fasta: Path | None, factor: Factor, *, seed: int) -> None:
    """Write a coordinate-sorted, indexed BAM whose fragments occur ``factor`` times as often as the donor's.

    A fragment whose factor is 2.3 is kept, repeated once, and once more with probability 0.3; one whose factor is 0.4
    is kept with probability 0.4. The draw is a hash of seed and read name, so both reads of a pair share it and the
    same input gives the same file. Repeats have names of their own (``NAME.2``) and the chance of those they repeat:
    log2 of some thirty fragments a bin reads 0.03 lower than that of a sample in which all are new. Secondary and
    supplementary alignments and unplaced reads, which nobody counts, are left out.

    Parameters
    ----------
    factor : function of chromosome (bare names), start and end, arrays of shape (n,)
        Depth of each interval over the donor's.

    Raises
    ------
    InputError
        If the donor is not a complete, sorted and indexed BAM or CRAM.
    """
    with alignments.open_alignment(donor, fasta) as opened, writing(path) as bam:
        steps = _factors(opened.contigs, factor)
        key = seed.to_bytes(8, "little", signed=True)
        with pysam.AlignmentFile(str(bam), "wb", header=opened.handle.header) as out:
            for read in opened.handle.fetch(until_eof=True):
                if read.is_secondary or read.is_supplementary or read.reference_id < 0:
                    continue
                contig, position = _place(read)
                times = steps[contig][min(position // STEP_BP, len(steps[contig]) - 1)]
                name = str(read.query_name)
                for number in range(_repeats(float(times), name, key)):
                    read.query_name = name if number == 0 else f"{name}.{number + 1}"
                    out.write(read)
        with writing(path.with_name(path.name + ".bai")) as index:
            pysam.index("-o", str(index), str(bam))


def write_tumour(path: Path, tumour: Tumour, donor: Path, fasta: Path | None, *, seed: int) -> None:
    """Write a tumour's BAM, unless the one that is there was made of the same donor in the same way.

    Raises
    ------
    InputError
        If the donor is not a complete, sorted and indexed BAM or CRAM.
    """
    state = donor.stat() if donor.is_file() else None
    recipe = [seed, str(donor), state and (state.st_size, state.st_mtime_ns), tumour.depth, tumour.made.purity]
    told = hashlib.sha256(repr([*recipe, tumour.made.karyotype]).encode()).hexdigest()
    beside = path.with_name(path.name + ".recipe")
    if path.is_file() and beside.is_file() and beside.read_text(encoding="utf-8") == told:
        return
    write_bam(path, donor, fasta, tumour.factor, seed=seed)
    write_text(beside, told)


def _factors(contigs: Mapping[str, int], factor: Factor) -> list[np.ndarray]:
    """Factor per step of each contig, in the header's order."""
    found = []
    for name, length in contigs.items():
        start = np.arange(0, length + STEP_BP, STEP_BP)
        found.append(factor(np.full(len(start), genomes.bare(name)), start, start + STEP_BP))
    return found


def _place(read: pysam.AlignedSegment) -> tuple[int, int]:
    """Contig and position that stand for the fragment, the same for both of its reads.

    They are the fragment's middle, or where read 1 lies if the reads do not frame a fragment of one contig.
    """
    if not read.is_paired or read.is_unmapped or read.mate_is_unmapped:
        return read.reference_id, read.reference_start  # an unmapped read is filed where its mate is
    if read.template_length and read.next_reference_id == read.reference_id:
        first = min(read.reference_start, read.next_reference_start)
        return read.reference_id, first + abs(read.template_length) // 2
    if read.is_read2:
        return read.next_reference_id, read.next_reference_start
    return read.reference_id, read.reference_start


def _repeats(times: float, name: str, key: bytes) -> int:
    """How often a fragment is written: ``times`` rounded up or down by a draw of the fragment's own."""
    digest = hashlib.blake2b(name.encode(), digest_size=8, key=key).digest()
    return int(times + int.from_bytes(digest, "little") / 2**64)
