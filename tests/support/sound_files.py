"""One sound input of every kind, small and of one design, for tests that damage them."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from metcn import simulate
from metcn.bins import stage as bins_stage
from metcn.counts import stage as depth
from metcn.genome import build
from metcn.io import tables
from metcn.reference import stage as reference_stage
from metcn.run import config
from support.small_files import write_bam, write_fasta

GRCH37 = build.load("GRCh37")
MET = GRCH37.met[0]
ROWS = [("chr1", start, start + 100, "-", 10 + start // 1000) for start in range(1000, 41_000, 1000)]
ROWS += [("chr7", MET + 5, MET + 205, "MET", 50), ("chr7", MET + 1005, MET + 1205, "MET", 52)]
BED = "".join(f"{name}\t{start}\t{end}\t{gene}\n" for name, start, end, gene, _ in ROWS)
CONTIGS = {"chr" + name: length for name, length in GRCH37.contigs.items() if name != "MT"}


class Table(NamedTuple):
    """A table of `ROWS` as text: the words of one row's start and value, and the column by which it is given."""

    text: str
    start: str
    value: str
    column: str = "coverage"
    file: str = "table"


def _lines(*head: str, row: str) -> str:
    """Head and one line per row; ``row`` is a format of name, start, end, gene, value and first (1-based start)."""
    body = [
        row.format(name=name, start=start, end=end, gene=gene, value=value, first=start + 1)
        for name, start, end, gene, value in ROWS
    ]
    return "\n".join([*head, *body, ""])


SAM_HEAD = ("@HD\tVN:1.6", f"@SQ\tSN:chr7\tLN:{GRCH37.contigs['7']}")
TABLES = {
    "cnn": Table(
        _lines("chromosome\tstart\tend\tgene\tdepth\tlog2", row="{name}\t{start}\t{end}\t{gene}\t{value}.25\t4"),
        "\t13000\t", "\t23.25\t",
    ),
    "mosdepth": Table(_lines(row="{name}\t{start}\t{end}\t{gene}\t{value}.25"), "\t13000\t", "\t23.25\n"),
    "bedcov": Table(_lines(row="{name}\t{start}\t{end}\t{gene}\t{value}25"), "\t13000\t", "\t2325\n", "coverage",
                    "s.bedcov"),
    "GATK counts": Table(
        _lines(*SAM_HEAD, "CONTIG\tSTART\tEND\tCOUNT", row="{name}\t{first}\t{end}\t{value}25"), "\t13001\t", "\t2325\n"
    ),
    "DRAGEN": Table(
        _lines("contig\tstart\tstop\tname\tS1\timproper_pairs", row="{name}\t{start}\t{end}\t{gene}\t{value}25\t0"),
        "\t13000\t", "\t2325\t",
    ),
    "cnr": Table(
        _lines("chromosome\tstart\tend\tgene\tlog2\tdepth\tweight",
               row="{name}\t{start}\t{end}\t{gene}\t0.{value}\t9\t1"),
        "\t13000\t", "\t0.23\t", "ratios",
    ),
    "denoisedCR": Table(
        _lines(*SAM_HEAD, "CONTIG\tSTART\tEND\tLOG2_COPY_RATIO", row="{name}\t{first}\t{end}\t0.{value}"),
        "\t13001\t", "\t0.23\n", "ratios",
    ),
}  # fmt: skip


def write_hdf5(path: Path) -> Path:
    """Read counts as GATK lays them out in HDF5."""
    places = np.array([[name == "chr7", start + 1, end] for name, start, end, _, _ in ROWS], dtype=float).T
    with h5py.File(path, "w") as handle:
        handle["counts/values"] = np.array([[float(row[4]) for row in ROWS]])
        names = np.array(["chr1", "chr7"], dtype=object)
        handle.create_dataset("intervals/indexed_contig_names", data=names, dtype=h5py.string_dtype())
        handle["intervals/transposed_index_start_end"] = places
    return path


def write_bins(path: Path) -> Path:
    """The bins of `ROWS`."""
    coverage = path.with_name("design.bed")
    coverage.write_text(TABLES["mosdepth"].text)
    bins_stage.bins(
        assay="panel", genome="GRCh37", targets=None, fasta=None, coverage=[coverage], reference=None, gc=None,
        mappability=None, output=path, settings={},
    )  # fmt: skip
    assert len(tables.read_bins(path)) == len(ROWS)
    return path


def reads(fragments: int = 30) -> list[tuple]:
    """Fragments in every row of `ROWS`, one record each."""
    order = list(CONTIGS)
    return [(order.index(name), start + 10, 0, 60, 0, "50M") for name, start, *_ in ROWS for _ in range(fragments)]


def write_sound_bam(path: Path, fragments: int = 30) -> Path:
    """An indexed BAM of `reads`."""
    return write_bam(path, reads(fragments), contigs=CONTIGS)


def write_sound_cram(path: Path) -> Path:
    """An indexed CRAM beside its reference ``genome.fa``."""
    fasta = write_fasta(path.parent, chr1="ACGT" * 250, chr7="GGCA" * 500)
    return write_bam(path, [(-1, -1, 4, 0, 0, None)], contigs=CONTIGS, mode="wc", reference_filename=str(fasta))


@cache
def bomb(size: int = 300_000_000) -> bytes:
    """A gzip file of less than a megabyte that inflates to ``size`` bytes."""
    piece = gzip.compress(b"0" * 10_000_000, compresslevel=9, mtime=0)
    return piece * (size // 10_000_000)


def write_panel(folder: Path, normals: dict[str, list[Path]], name: str) -> Path:
    """``name``.h5 of the coverage tables of these normals, with their counts beside it."""
    for sample, paths in normals.items():
        depth.counts(
            sample=sample, bins=folder / f"{name}.tsv", alignment=None, coverage=paths, fasta=None, genome="GRCh37",
            output=folder / f"{sample}.cnn", summary=folder / f"{sample}.json", settings={},
        )  # fmt: skip
    reference_stage.reference(
        bins=folder / f"{name}.tsv", counts=[folder / f"{sample}.cnn" for sample in normals], genome="GRCh37",
        assay="panel", counts_summary=[], output=folder / f"{name}.h5", settings=config.defaults("reference"),
    )  # fmt: skip
    return folder / f"{name}.h5"


def write_all(folder: Path) -> None:
    """Bins, counts, a panel of normals, alignments and tables of `ROWS`, and a simulated cohort with its panel."""
    write_bins(folder / "bins.tsv")
    random = np.random.default_rng(5)
    for number in range(1, 5):
        lines = [f"{row[0]}\t{row[1]}\t{row[2]}\t{row[3]}\t{row[4] * random.lognormal(0, 0.1):.2f}\n" for row in ROWS]
        (folder / f"N{number}.bed").write_text("".join(lines))
    made = write_panel(folder, {f"N{number}": [folder / f"N{number}.bed"] for number in range(1, 5)}, "bins")
    made.rename(folder / "reference.h5")
    (folder / "T.cnn").write_text(TABLES["cnn"].text)
    write_hdf5(folder / "s.hdf5")
    write_sound_bam(folder / "s.bam")
    write_sound_cram(folder / "s.cram")
    tumours = [simulate.tumour(GRCH37, "T1", "focal", purity=0.6, copies=14)]
    where = folder / "cohort"
    simulate.cohort(where, genome=GRCH37, normals=5, tumours=tumours, depth=300, as_="cnn", seed=3)
    tables_of = {f"C{number}": sorted((where / "coverage").glob(f"N{number}.*")) for number in range(1, 6)}
    bins_stage.bins(
        assay="panel", genome="GRCh37", targets=None, fasta=None, coverage=tables_of["C1"], reference=None,
        gc=None, mappability=None, output=folder / "cohort.tsv", settings={},
    )  # fmt: skip
    write_panel(folder, tables_of, "cohort")
