"""Fragments of a CRAM, decoded by the samtools that comes with pysam, and scanned as the bytes of a BAM.

A process beside this one hands over plain BAM through a pipe, so that the compiled loop of :mod:`metcn.reads.scan` does
the rest and no object is made per read. Only the fields that counting needs are decoded: neither bases, nor qualities,
nor tags, nor, unless mates are to be paired, names.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from metcn.errors import InputError
from metcn.reads import bgzf, sam
from metcn.reads.alignments import Alignment, Stretch

DECODER = "import sys, pysam; pysam.view(*sys.argv[1:], catch_stdout=False)"


def fragments(
    alignment: Alignment,
    filters: sam.Filters,
    *,
    stretches: Sequence[Stretch] | None = None,
    further: sam.Further | None = None,
) -> Iterator[sam.Chunk]:
    """Fragments as of :func:`metcn.reads.scan.fragments`, of all records, or of those that overlap ``stretches``.

    ``further`` gets the same records.

    Raises
    ------
    InputError
        If the file cannot be decoded, or its records are not in order of their coordinates.
    """
    from metcn.reads import scan  # needs numba; who cannot, reads records one by one

    name, contigs = str(alignment.path), list(alignment.contigs)
    broken = False
    with _decoded(alignment, stretches) as (source, failure):
        try:
            yield from scan.fragments(bgzf.blocks(source), name, contigs, filters, further=further)
        except sam.Disorder:
            raise
        except InputError:
            broken = True
    if failure or broken:
        raise _damage(alignment, failure)


@contextmanager
def _decoded(alignment: Alignment, stretches: Sequence[Stretch] | None) -> Iterator[tuple[str, list[str]]]:
    """Where the plain BAM can be read, and, once it has been left, what went wrong (empty if nothing did).

    One thread decodes: with several, htslib takes some damage between containers for the end of the file, silently.
    """
    names, failure = list(alignment.contigs), list[str]()
    words = ["-u", "--no-PG", "-o", "/dev/stdout"]
    words += [] if alignment.fasta is None else ["-T", str(alignment.fasta)]
    words += ["--input-fmt-option", alignment.fields.decode()]
    with tempfile.NamedTemporaryFile("w", suffix=".bed") as bed, tempfile.TemporaryFile() as errors:
        if stretches is not None:
            bed.writelines(f"{names[contig]}\t{start}\t{end}\n" for contig, start, end in stretches)
            bed.flush()
            words += ["-M", "-L", bed.name]
        command = [sys.executable, "-c", DECODER, *words, str(alignment.path)]
        # A process of its own: pysam keeps the interpreter's lock, so in a thread the pipe would have no reader.
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL) as decoder:
            assert decoder.stdout is not None
            try:
                yield f"/dev/fd/{decoder.stdout.fileno()}", failure
            finally:
                decoder.stdout.close()  # a decoder that still writes then ends
                if decoder.wait():
                    errors.seek(0)
                    failure.append(errors.read().decode(errors="replace").strip().rpartition("\n")[2])


def _damage(alignment: Alignment, failure: Sequence[str]) -> InputError:
    """The error for a file that could not be decoded."""
    why = " ".join(" ".join(failure).split()) or "its records do not make sense"
    return InputError(f"{alignment.path} is damaged ({why}); check it with `samtools quickcheck` and make it again")
