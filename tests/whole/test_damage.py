"""Damaged, mismatched and hostile inputs of every kind: what is done to a sound input, and what it must give.

An input is refused (status 2, one line on standard error that names the cause, nothing written), or it makes no
difference (the bytes of the sound one's result), or one bin is missing and a note says so, or there is no call and the
reasons say why. There is no fifth outcome.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from metcn import simulate
from metcn.cli import main
from metcn.cli import run as launch
from metcn.files import read_json
from metcn.reference import panel_file
from support import raw_bam, sound_files
from support.small_files import write_bam, write_fasta
from support.sound_files import BED, CONTIGS, GRCH37, ROWS, TABLES

REFUSED, SAME, MISSING, NO_CALL = "refused", "same", "missing", "no call"
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Case:
    """A damage: to which kind of input, which it is, the command line it makes, and what that must give."""

    kind: str
    name: str
    command: Callable[[Bench], list]
    outcome: str
    says: str = ""  # pattern in the message, or reasons of the no-call

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


@dataclass(frozen=True)
class Bench:
    """A folder of one case, with the sound inputs."""

    folder: Path
    sound: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def file(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def copy(self, name: str) -> Path:
        for path in self.sound.glob(name + "*"):
            shutil.copy2(path, self.folder)
        return self.folder / name


# Command lines


def counts(bench: Bench, *given: object) -> list:
    written = ["--output", bench.out / "s.cnn", "--summary", bench.out / "s.json"]
    return ["counts", "--sample=s", "--genome=GRCh37", "--bins", bench.sound / "bins.tsv", *given, *written]


def ratios(bench: Bench, *given: object, genome: str = "GRCh37", assay: str = "panel") -> list:
    written = ["--output", bench.out / "s.cnr", "--summary", bench.out / "s.json"]
    return ["ratios", "--sample=s", f"--genome={genome}", f"--assay={assay}", *given, *written]


def table(kind: str, content: bytes | str) -> Callable[[Bench], list]:
    """A coverage or ratio table of this content."""

    def command(bench: Bench) -> list:
        path = bench.file(TABLES[kind].file, content)
        return (
            ratios(bench, "--imported", path) if TABLES[kind].column == "ratios" else counts(bench, "--coverage", path)
        )

    return command


def alignment(damage: Callable[[Bench], object], *options: str) -> Callable[[Bench], list]:
    """A BAM or CRAM made by ``damage``."""
    return lambda bench: counts(bench, "--alignment", damage(bench), *options)


def panel(damage: Callable[[h5py.File], object] | None, **facts: str) -> Callable[[Bench], list]:
    """A panel of normals edited by ``damage``."""

    def command(bench: Bench) -> list:
        path = bench.copy("reference.h5")
        if damage:
            with h5py.File(path, "r+") as handle:
                damage(handle)
        known = ["--counts", bench.sound / "N1.cnn", "--bins", bench.sound / "bins.tsv", "--reference", path]
        return ratios(bench, *known, **facts)

    return command


def bed(content: bytes | str, assay: str = "amplicon") -> Callable[[Bench], list]:
    """Targets of this content."""
    return lambda bench: [
        "bins", f"--assay={assay}", "--genome=GRCh37", "--targets", bench.file("targets.bed", content),
        "--output", bench.out / "bins.tsv",
    ]  # fmt: skip


def run(bench: Bench, rows: list[dict], config: bytes | str = "", **files: bytes) -> list:
    """A whole run of these rows; cells that begin with ``@`` are files of the sound ones."""
    for name, content in files.items():
        bench.file(name.replace("__", "."), content)
    for number, row in enumerate(rows):
        for column, cell in row.items():
            if cell.startswith("@"):
                path = bench.folder / f"{number}{Path(cell[1:]).suffix}"
                shutil.copy2(bench.sound / cell[1:], path)
                index = bench.sound / (cell[1:] + ".bai")
                if index.exists():
                    shutil.copy2(index, f"{path}.bai")
                row = {**row, column: str(path)}
        rows[number] = row
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = ["\t".join(columns), *("\t".join(row.get(column, "") for column in columns) for row in rows), ""]
    sheet = bench.file("samples.tsv", "\n".join(lines))
    given = bench.file("config.yaml", config or SOUND_CONFIG)
    bench.file("targets.bed", BED)
    return ["run", "--samples", sheet, "--configfile", given, "--directory", bench.out, "--cores", "1"]


SOUND_CONFIG = "genome: GRCh37\nassay: panel\ntargets: targets.bed\n"


def config(content: bytes | str) -> Callable[[Bench], list]:
    """A configuration of this content."""
    return lambda bench: run(bench, [{"sample": "T", "role": "tumour", "coverage": "@T.cnn"}], content)


def sheet(*rows: dict, **files: bytes) -> Callable[[Bench], list]:
    """A sheet of these rows."""
    return lambda bench: run(bench, [{"role": "tumour", **row} for row in rows], **files)


def sheet_text(content: bytes | str) -> Callable[[Bench], list]:
    """A sheet of this content."""

    def command(bench: Bench) -> list:
        words = run(bench, [{"sample": "T", "role": "tumour", "coverage": "@T.cnn"}])
        bench.file("samples.tsv", content)
        return words

    return command


def call(change: Callable[[pd.DataFrame], pd.DataFrame] | None, *, imported: bool = False) -> Callable[[Bench], list]:
    """The whole chain for the simulated tumour after ``change`` of its depths."""

    def command(bench: Bench) -> list:
        paths = sorted((bench.sound / "cohort/coverage").glob("T1.*"))
        frame = pd.concat([pd.read_csv(path, sep="\t", dtype={"chromosome": str}) for path in paths])
        frame = change(frame.reset_index(drop=True))
        path = bench.folder / "T1.cnn"
        frame.to_csv(path, sep="\t", index=False)
        bench.file("c.yaml", "genome: GRCh37\nassay: panel\nsegments: {method: none}\n")
        given = ["--ratios", path] if imported else ["--coverage", path, "--reference", bench.sound / "cohort.h5"]
        return ["call", *given, "--configfile", bench.folder / "c.yaml", "--purity=0.6", "--ploidy=2", "-o", bench.out]

    return command


# Damages of tables


def edited(kind: str, what: str) -> bytes | str:
    """A table with one value, start or its packaging changed."""
    text, start, value, *_ = TABLES[kind]
    assert text.count(value) == 1 and text.count(start) == 1
    other = {
        "no number": lambda: text.replace(value, value.replace(value.strip(), "nan")),
        "infinity": lambda: text.replace(value, value.replace(value.strip(), "-inf")),
        "beyond any number": lambda: text.replace(value, value.replace(value.strip(), "1e400")),
        "huge": lambda: text.replace(value, value.replace(value.strip(), "1e200")),
        "negative": lambda: text.replace(value, value.replace(value.strip(), "-7")),
        "decimal comma": lambda: text.replace(value, value.replace(value.strip(), "23,25")),
        "a word": lambda: text.replace(value, value.replace(value.strip(), "$(true)")),
        "no value": lambda: text.replace(value, value.replace(value.strip(), "")),
        "negative start": lambda: text.replace(start, "\t-13000\t"),
        "start beyond any chromosome": lambda: text.replace(start, "\t1e30\t"),
        "end before start": lambda: text.replace(start, "\t14000\t"),
        "a row twice": lambda: text + text.splitlines()[-1] + "\n",
        "a row twice otherwise": lambda: (
            text
            + next(line for line in text.splitlines(True) if value in line).replace(value, value.replace("23", "24"))
        ),
        "a row gone": lambda: "\n".join(line for line in text.splitlines() if start not in line) + "\n",
        "commas for tabs": lambda: text.replace("\t", ","),
        "blanks for tabs": lambda: text.replace("\t", " "),
        "UTF-16": lambda: text.encode("utf-16"),
        "NUL bytes": lambda: text.replace(start, "\t1\0\t"),
        "nothing": lambda: b"",
        "line breaks only": lambda: b"\n\n\n",
        "cut gzip": lambda: gzip.compress(text.encode())[:-9],
        "gzip with a flipped bit": lambda: _flipped(gzip.compress(text.encode())),
        "decompression bomb": sound_files.bomb,
        "random bytes": lambda: np.random.default_rng(1).bytes(2000),
        "HTML of a login page": lambda: "<!DOCTYPE html>\n<html><body>Log in</body></html>\n",
        "Windows line ends": lambda: text.replace("\n", "\r\n"),
        "byte order mark": lambda: BOM + text.encode(),
        "gzip": lambda: gzip.compress(text.encode()),
        "no last line end": lambda: text.rstrip("\n"),
    }
    return other[what]()


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


NUMBER, UNKNOWN = "expected a (finite )?number", "expected one of CNVkit|regular tab-separated|not a table|lacks column"
OF_TABLES = {
    "beyond any number": NUMBER, "huge": NUMBER, "decimal comma": NUMBER, "a word": NUMBER,
    "negative start": "expected a number of at least 0|1-based start", "start beyond any chromosome": "at most 2",
    "end before start": "an end above the start", "a row twice otherwise": "each interval once",
    "commas for tabs": UNKNOWN,
    "blanks for tabs": UNKNOWN, "NUL bytes": "binary data", "nothing": "is empty",
    "line breaks only": "is empty",
    "cut gzip": "truncated gzip", "gzip with a flipped bit": "damaged or truncated gzip",
    "decompression bomb": "inflate to more than 200 times", "random bytes": "binary data",
    "HTML of a login page": "begins with '<!DOCTYPE",
}  # fmt: skip
OF_DEPTHS = OF_TABLES | {
    "infinity": NUMBER, "negative": "at least 0", "a row gone": "one design"
}  # fmt: skip
SEGMENTS = TABLES["cnr"].text.replace("weight\n", "weight\tprobes\n").replace("\t9\t1\n", "\t9\t1\t20\n")
HARMLESS = ("Windows line ends", "byte order mark", "gzip", "no last line end", "UTF-16", "a row twice")


# Damages of alignments


def bam(bench: Bench) -> Path:
    bench.copy("s.bam")
    return bench.folder / "s.bam"


def rewritten(change: Callable[[bytes], bytes], name: str = "s.bam") -> Callable[[Bench], Path]:
    """The sound file with its bytes changed, its index as it was."""

    def damage(bench: Bench) -> Path:
        path = bench.copy(name)
        stat = path.stat()
        path.write_bytes(change(path.read_bytes()))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        return path

    return damage


def reindexed(content: bytes | None, name: str = "s.bam.bai") -> Callable[[Bench], Path]:
    """The sound file with another index, or none."""

    def damage(bench: Bench) -> Path:
        path = bench.copy(Path(name).stem)
        (bench.folder / name).unlink() if content is None else (bench.folder / name).write_bytes(content)
        return path

    return damage


def other_index(bench: Bench) -> Path:
    path = bam(bench)
    other = write_bam(bench.folder / "other.bam", sound_files.reads(90), contigs=CONTIGS)
    shutil.copy(f"{other}.bai", f"{path}.bai")
    return path


def crai_for_bai(bench: Bench) -> Path:
    shutil.copy(f"{bench.copy('s.cram')}.crai", f"{bam(bench)}.bai")
    return bench.folder / "s.bam"


def index_folder(bench: Bench) -> Path:
    path = reindexed(None)(bench)
    Path(f"{path}.bai").mkdir()
    return path


def index_nowhere(bench: Bench) -> Path:
    path = reindexed(None)(bench)
    Path(f"{path}.bai").symlink_to("nowhere")
    return path


def made(records: list | None = None, **header: object) -> Callable[[Bench], Path]:
    """A BAM of its own."""
    return lambda bench: write_bam(bench.folder / "s.bam", records or [], **{"contigs": CONTIGS, **header})


def raw(*records: bytes) -> Callable[[Bench], Path]:
    """A BAM of raw records with the sound one's index."""

    def damage(bench: Bench) -> Path:
        bench.copy("s.bam")
        return raw_bam.write(bench.folder / "s.bam", records, contigs=CONTIGS, index=False)

    return damage


def huge_header(content: bytes) -> bytes:
    """A header that claims two gigabytes of text."""
    return raw_bam.block(b"BAM\1\xff\xff\xff\x7f" + b"@HD\tVN:1.6\n") + raw_bam.END


def no_fasta(bench: Bench) -> Path:
    sequence = write_fasta(bench.folder, chr7="ACGT" * 500)
    made = {"contigs": {"chr7": 2000}, "mode": "wc", "reference_filename": str(sequence)}
    return write_bam(bench.folder / "s.cram", [(0, 5, 0, 60, 0, "50M")], **made)


def fasta(damage: Callable[[Path], object]) -> Callable[[Bench], list]:
    def command(bench: Bench) -> list:
        path = bench.copy("s.cram")
        sequence = bench.copy("genome.fa")
        damage(sequence)
        return counts(bench, "--alignment", path, "--fasta", sequence)

    return command


def sequence(damage: Callable[[Path], object]) -> Callable[[Bench], list]:
    """Bins with the base content of a sequence edited by ``damage``, which returns its path."""

    def command(bench: Bench) -> list:
        return [*bed(BED, "panel")(bench), "--fasta", damage(bench.copy("genome.fa"))]

    return command


def lying_index(path: Path) -> Path:
    Path(f"{path}.fai").write_text(f"chr7\t{GRCH37.contigs['7']}\t999999999999\t60\t61\n")
    return path


def foreign_sequence(path: Path) -> Path:
    Path(f"{path}.fai").write_text(f"chr7\t{simulate.load('GRCh38').contigs['7']}\t6\t60\t61\n")
    return path


def plain_gzip(path: Path) -> Path:
    packed = path.with_suffix(".fa.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    shutil.copy(f"{path}.fai", f"{packed}.fai")
    return packed


OF_SEQUENCES = [
    ("index of another file", sequence(lying_index), "is not as its index says"),
    ("of another build", sequence(foreign_sequence), "is GRCh38"),
    ("gzip, not BGZF", sequence(plain_gzip), "not a readable FASTA"),
]
OF_ALIGNMENTS = [
    ("BAM", "empty", rewritten(lambda content: b""), "is empty"),
    ("BAM", "SAM text", rewritten(lambda content: b"@HD\tVN:1.6\n"), "expected BAM or CRAM"),
    ("BAM", "cut in the middle", rewritten(lambda content: content[: len(content) // 2]), "is truncated"),
    ("BAM", "cut before its last block", rewritten(lambda content: content[:-28]), "is truncated"),
    ("BAM", "a block gone", rewritten(lambda content: content[: len(content) // 2] + content[-28:]), "damaged"),
    ("BAM", "a flipped bit", rewritten(_flipped), "damaged"),
    ("BAM", "header of two gigabytes", rewritten(huge_header), "not a readable BAM|damaged"),
    ("BAM", "gzip, not BGZF", rewritten(gzip.compress), "expected BAM or CRAM|damaged"),
    ("BAM", "random bytes", rewritten(lambda content: np.random.default_rng(1).bytes(5000)), "expected BAM or CRAM"),
    ("BAM", "a table renamed", rewritten(lambda content: TABLES["cnn"].text.encode()), "expected BAM or CRAM"),
    ("BAM", "no index", reindexed(None), "has no index"),
    ("BAM", "empty index", reindexed(b""), "index .* is damaged"),
    ("BAM", "cut index", reindexed(b"BAI\1\xff\xff\xff\x7f"), "index .* is damaged"),
    ("BAM", "index that is a bomb", reindexed(sound_files.bomb()), "index .* is damaged .*inflate"),
    ("BAM", "index of a deeper BAM", other_index, "index|records"),
    ("BAM", "sorted by name", made(order="queryname", index=False), "its header says queryname"),
    ("BAM", "unsorted", made(order="unsorted", index=False), "its header says unsorted"),
    ("BAM", "unsorted, with an index", raw(*map(raw_bam.record, (0, 0), (9, 5))), "found chr1:6 after chr1:10"),
    ("BAM", "unaligned", made(contigs={}), "names no contigs"),
    ("BAM", "another build", made(contigs={"chr7": 159_345_973}), "is GRCh38"),
    ("BAM", "no known build", made(contigs={"chr7": 1_000_000}), "no build known here"),
    ("BAM", "another species' names", made(contigs={"NC_000073.7": 145_441_459}), "none holds a bin"),
    ("BAM", "a chromosome under two names", made(contigs={"7": GRCH37.contigs["7"], **CONTIGS}), "both 7 and chr7"),
    ("BAM", "index of a CRAM", crai_for_bai, "none of its name's kind"),
    ("BAM", "index that is a folder", index_folder, "index .* is damaged"),
    ("BAM", "index that leads nowhere", index_nowhere, "has no index"),
    ("BAM", "a record of negative size", raw(b"\xff\xff\xff\xff"), "damaged|unsound"),
    ("BAM", "a record on no contig", raw(raw_bam.record(contig=9999)), "damaged|unsound|contig"),
    ("CRAM", "no reference sequence", no_fasta, "needs its reference sequence"),
    ("CRAM", "no index", reindexed(None, "s.cram.crai"), "has no index"),
    ("CRAM", "cut", rewritten(lambda content: content[:-30], "s.cram"), "is truncated"),
]


# Damages of panels of normals


def attribute(name: str, value: object) -> Callable[[h5py.File], None]:
    return lambda handle: handle.attrs.__setitem__(name, value)


def nothing(handle: h5py.File) -> None:
    pass


def missing_centres(handle: h5py.File) -> None:
    handle["centre"][:] = np.nan


def infinite_centre(handle: h5py.File) -> None:
    handle["centre"][5] = np.inf


def negative_spread(handle: h5py.File) -> None:
    handle["spread"][5] = -1.0


def moved_bin(handle: h5py.File) -> None:
    handle["bins/start"][0] -= 1


def hollow(handle: h5py.File) -> None:
    """Arrays that claim a terabyte and store nothing."""
    del handle["basis"]
    handle.create_dataset("basis", shape=(len(ROWS), 5_000_000_000), dtype="f4", chunks=(1, 1000))


def infinite_spread(handle: h5py.File) -> None:
    handle["spread"][5] = np.inf


def words_for_numbers(handle: h5py.File) -> None:
    del handle["centre"]
    handle["centre"] = np.array(["x"] * len(ROWS), dtype=object)


def link_elsewhere(handle: h5py.File) -> None:
    del handle["centre"]
    handle["centre"] = h5py.ExternalLink("/etc/passwd", "centre")


def bytes_elsewhere(handle: h5py.File) -> None:
    """An array whose bytes are those of another file."""
    del handle["centre"]
    handle.create_dataset("centre", shape=(len(ROWS),), dtype="f4", external=[("/etc/passwd", 0, 4 * len(ROWS))])


def pieced_together(handle: h5py.File) -> None:
    """An array that is a view of another file's."""
    del handle["centre"]
    layout = h5py.VirtualLayout(shape=(len(ROWS),), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "centre", shape=(len(ROWS),))
    handle.create_virtual_dataset("centre", layout)


def nameless(handle: h5py.File) -> None:
    """Facts without the normals' names."""
    handle.attrs["facts"] = json.dumps({**json.loads(handle.attrs["facts"]), "normals": []})


def raw_panel(change: Callable[[bytes], bytes]) -> Callable[[Bench], list]:
    def command(bench: Bench) -> list:
        words = panel(None)(bench)
        path = bench.folder / "reference.h5"
        path.write_bytes(change(path.read_bytes()))
        return words

    return command


A_PANEL = "expected a panel of normals"
OF_PANELS = [
    ("cut", raw_panel(lambda content: content[: len(content) // 2]), A_PANEL),
    ("a table", raw_panel(lambda content: TABLES["cnn"].text.encode()), A_PANEL),
    ("nothing", raw_panel(lambda content: b""), A_PANEL),
    ("another program's", panel(attribute("format", "gatk-pon")), A_PANEL),
    ("a newer version's", panel(attribute("format_version", 99)), A_PANEL),
    ("facts cut short", panel(attribute("facts", "{")), A_PANEL),
    ("a bin moved", panel(moved_bin), "the file is damaged"),
    ("a fingerprint of other bins", panel(attribute("fingerprint", "0" * 16)), "the file is damaged"),
    ("an infinite centre", panel(infinite_centre), "the file is damaged"),
    ("a negative spread", panel(negative_spread), "the file is damaged"),
    ("an infinite spread", panel(infinite_spread), "the file is damaged"),
    ("words for numbers", panel(words_for_numbers), A_PANEL),
    ("a link to another file", panel(link_elsewhere), "stored elsewhere"),
    ("the bytes of another file", panel(bytes_elsewhere), "stored elsewhere"),
    ("a view of another file", panel(pieced_together), "stored elsewhere"),
    ("normals without names", panel(nameless), "the file is damaged"),
    ("arrays of a terabyte", panel(hollow), "inflate to more than 200 times"),
    ("of another build", panel(nothing, genome="GRCh38"), "was made for genome GRCh37"),
    ("of another assay", panel(nothing, assay="wes"), "was made for assay panel"),
]


def hdf5(damage: Callable[[h5py.File], object]) -> Callable[[Bench], list]:
    """GATK's read counts in HDF5, edited by ``damage``."""

    def command(bench: Bench) -> list:
        path = bench.copy("s.hdf5")
        with h5py.File(path, "r+") as handle:
            damage(handle)
        return counts(bench, "--coverage", path)

    return command


def value(number: float) -> Callable[[h5py.File], None]:
    return lambda handle: handle["counts/values"].__setitem__((0, 3), number)


def place(number: float) -> Callable[[h5py.File], None]:
    return lambda handle: handle["intervals/transposed_index_start_end"].__setitem__((1, 3), number)


def hollow_counts(handle: h5py.File) -> None:
    del handle["counts/values"]
    handle.create_dataset("counts/values", shape=(1, 500_000_000_000), dtype="f8", chunks=(1, 1000))


OF_HDF5 = [
    ("half a read", value(0.5), "whole number"),
    ("infinity", value(np.inf), NUMBER),
    ("negative", value(-1), "at least 0"),
    ("huge", value(1e200), NUMBER),
    ("start below 1", place(0), "1-based start"),
    ("start of no number", place(np.nan), "beyond any chromosome"),
    ("without counts", lambda handle: handle.__delitem__("counts/values"), "expected GATK read counts"),
    ("arrays of a terabyte", hollow_counts, "inflate to more than 200 times"),
    ("contigs gone", lambda handle: handle.__delitem__("intervals/indexed_contig_names"), "expected GATK read counts"),
]

OF_TARGETS = [
    ("commas for tabs", bed(BED.replace("\t", ",")), "separated by tabs"),
    ("blanks for tabs", bed(BED.replace("\t", " ")), "separated by tabs"),
    ("nothing", bed(""), "is empty"),
    ("comments only", bed("# nothing\ntrack name=x\n"), "expected BED"),
    ("end before start", bed(BED.replace("\t13100\t", "\t12900\t")), "an end above the start"),
    ("negative start", bed(BED.replace("\t13000\t", "\t-1\t")), "at least 0"),
    ("start of no number", bed(BED.replace("\t13000\t", "\tnan\t")), "finite number"),
    ("end beyond any number", bed(BED.replace("\t13100\t", "\t1e300\t")), "at most 2"),
    ("end beyond the chromosome", bed(BED.replace("\t13100\t", "\t250000000\t")), "ends beyond the chromosome"),
    ("two names of a chromosome", bed(BED + "1\t5\t9\tX\n"), "found both"),
    ("MET of another build", bed("chr7\t116672000\t116672200\tMET_2\n"), "MET of GRCh37 is at"),
    ("a spreadsheet", bed(b"PK\3\4" + bytes(range(128, 200))), "binary data"),
    ("names of an archive", bed(BED.replace("chr", "NC_00000")), "expected chromosomes such as chr7 or 7, found NC_"),
    ("Picard intervals", bed("@HD\tVN:1.6\tSO:coordinate\n" + BED), "not a regular tab-separated|finite number"),
    ("grouped digits", bed(BED.replace("\t13000\t", "\t13_000\t")), "finite number"),
    ("digits of another script", bed(BED.replace("\t13000\t", "\t\u0661\u0663000\t")), "finite number"),
    ("a ragged last row", bed(BED + "chr1\t5\n"), "expected a value"),
    ("decompression bomb", bed(sound_files.bomb()), "inflate to more than 200 times"),
    ("cut gzip", bed(gzip.compress(BED.encode())[:-9]), "truncated gzip"),
]
OF_TARGETS_HARMLESS = [
    ("Windows line ends", bed(BED.replace("\n", "\r\n"))),
    ("byte order mark", bed(BOM + BED.encode())),
    ("gzip", bed(gzip.compress(BED.encode()))),
    ("rows in reverse", bed("".join(f"{line}\n" for line in reversed(BED.splitlines())))),
    ("a row twice", bed(BED + BED.splitlines()[0] + "\n")),
]


def copies(measurement: str, purity: str) -> Callable[[Bench], list]:
    """Results of earlier stages of this content."""

    def command(bench: Bench) -> list:
        given = ["--measurement", bench.file("m.json", measurement), "--purity", bench.file("p.json", purity)]
        given += ["--ratios", bench.sound / "T.cnn"]
        return ["copies", "--genome=GRCh37", *given, "--output", bench.out / "c.json", "--draws", bench.out / "c.npz"]

    return command


MEASURED, GRID = '{"baseline": {"se": 0.1}}', '{"grid": {"purity": [0.5]}}'
OF_RESULTS = [
    ("measurement without content", copies("{}", GRID), "expected JSON with the key baseline"),
    ("purity for measurement", copies(GRID, GRID), "expected JSON with the key baseline"),
    ("measurement cut", copies(MEASURED[:-3], GRID), "is not JSON"),
    ("purity that is a list", copies(MEASURED, "[1]"), "expected JSON with the key grid"),
    ("purity that is no number", copies(MEASURED, "NaN"), "expected JSON with the key grid"),
    ("measurement for purity", copies(MEASURED, MEASURED), "expected JSON with the key grid"),
]

# Damages of sheet and configuration

T = {"sample": "T", "coverage": "@T.cnn"}
N = {"sample": "N", "role": "normal", "coverage": "@N1.bed"}
HEAD = "sample\trole\tcoverage\n"
OF_SHEETS = [
    *(
        (f"name {name!r}", sheet({**T, "sample": name}), "expected a name of at most")
        for name in ("../../etc/cron.d/x", "/abs", "..", "a;rm -rf x", "$(touch x)", "`id`", "a b", "-rf", "a'b",
                     "{sample}", "*", "T\u202e1", "n" * 300)
    ),
    ("name of the summary", sheet({**T, "sample": "COHORT"}), "other than cohort"),
    ("names alike but for case", sheet(T, {**T, "sample": "t"}), "unique names"),
    ("one file for two samples", sheet({**T, "coverage": "targets.bed"}, {**N, "coverage": "targets.bed"}), "once"),
    ("a copy for two samples", sheet(T, {**N, "coverage": "@T.cnn"}), "the same content as"),
    ("no tumour", sheet(N), "at least one sample of role tumour"),
    ("roles swapped", sheet({**T, "role": "normal", "purity": "0.4"}, {**N, "role": "tumour"}), "nothing for a normal"),
    ("percent", sheet({**T, "purity": "40"}), "write 0.4"),
    ("purity of no number", sheet({**T, "purity": "nan"}), "a number or a range"),
    ("infinite ploidy", sheet({**T, "ploidy": "inf"}), "a number or a range"),
    ("huge ploidy", sheet({**T, "ploidy": "1" + "0" * 400}), "from 1 to 8"),
    ("negative purity", sheet({**T, "purity": "-0.4"}), "a number or a range"),
    ("tables and alignments mixed", sheet(T, {"sample": "B", "role": "normal", "alignments": "@s.bam"}), "same way"),
    ("commas for tabs", sheet_text("sample,role,coverage\nT,tumour,0.cnn\n"), "found commas"),
    ("a spreadsheet", sheet_text(b"PK\3\4"), "found a spreadsheet"),
    ("a column twice", sheet_text("sample\trole\tcoverage\trole\nT\ttumour\t0.cnn\tnormal\n"), "each column once"),
    ("a cell too many", sheet_text(HEAD + "T\ttumour\t0.cnn\tx\n"), "remove the extra tabs"),
    ("a cell of a megabyte", sheet_text(HEAD + "T\ttumour\t" + "x" * (1 << 20) + "\n"), "not tab-separated text"),
    ("an open quotation mark", sheet_text(HEAD + 'T\t"tumour\t0.cnn\n'), "expected|not tab-separated"),
    ("a path of metacharacters", sheet({**T, "coverage": "$(touch x).cnn"}), "does not exist"),
    ("an address", sheet({"sample": "T", "alignments": "https://x.org/a.bam"}), "does not exist"),
    ("its own matched normal", sheet({**T, "matched_normal": "T"}), "the name of a normal"),
    ("a patient of control characters", sheet({**T, "patient": "a\x1b[31m"}), "without control characters"),
    ("a patient that is a formula", sheet({**T, "patient": "=HYPERLINK(1)"}), "a letter or digit at the beginning"),
    ("a patient of markup", sheet({**T, "patient": "<script>x</script>"}), "a letter or digit at the beginning"),
    ("a patient of 100,000 letters", sheet({**T, "patient": "p" * 100_000}), "at most 200 characters"),
    ("a line break in a path", sheet_text(HEAD + 'T\ttumour\t"a\nb.cnn"\n'), "without control characters|not tab-sep"),
    ("a device", sheet({**T, "coverage": "/dev/zero"}), "does not exist"),
]  # fmt: skip


def variants(content: bytes) -> Callable[[Bench], list]:
    """A VCF of this content beside sound depth."""
    return sheet({**T, "variants": "v.vcf"}, v__vcf=content)


VCF_HEAD = b"##fileformat=VCFv4.2\n##contig=<ID=chr7,length=159138663>\n#CHROM\tPOS\n"
OF_VARIANTS = [
    ("nothing", variants(b""), "expected a VCF"),
    ("a table", variants(TABLES["cnn"].text.encode()), "expected a VCF"),
    ("BCF", variants(b"BCF\2\2" + bytes(50)), "expected a VCF"),
    ("no line of columns", variants(b"##fileformat=VCFv4.2\n"), "#CHROM"),
    ("cut gzip", variants(gzip.compress(b"##fileformat=VCFv4.2\n#CHROM\tPOS\n" * 9)[:-12]), "truncated gzip"),
    ("another build", variants(VCF_HEAD.replace(b"159138663", b"159345973")), "is GRCh38"),
    ("UTF-16", variants("##fileformat=VCFv4.2\n".encode("utf-16")), "expected a VCF"),
]
LAUGHS = "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\n"
OF_CONFIGS = [
    ("anchors that multiply", config(LAUGHS), "anchors and aliases"),
    ("a Python object", config("genome: !!python/object/apply:os.system ['touch x']\n"), "not plain YAML"),
    ("a Python name", config("genome: !!python/name:os.system\n"), "not plain YAML"),
    ("a key twice", config(SOUND_CONFIG + "assay: wes\n"), "given twice"),
    ("a merged mapping", config(SOUND_CONFIG + "bins: {<<: {target_bp: 100}}\n"), "merged mappings"),
    ("nested without end", config("[" * 9000), "not plain YAML"),
    ("a list", config("- genome\n"), "'key: value' lines"),
    ("a list for a key", config(SOUND_CONFIG + "? [a, b]\n: 1\n"), "a key must be a word"),
    ("null for a key", config(SOUND_CONFIG + "null: 1\n"), "expected a known key"),
    ("a date", config("genome: GRCh37\nassay: 2020-01-01\n"), "key assay"),
    ("bytes for a word", config("genome: !!binary R1JDaDM3\nassay: panel\n"), "key genome"),
    ("yes for a number", config(SOUND_CONFIG + "counts: {threads: yes}\n"), "counts.threads"),
    ("a number of 5,000 digits", config(SOUND_CONFIG + f"counts: {{threads: {'9' * 5000}}}\n"), "not plain YAML"),
    ("a billion threads", config(SOUND_CONFIG + "counts: {threads: 1000000000}\n"), "counts.threads"),
    ("tabs for blanks", config(SOUND_CONFIG + "bins:\n\ttarget_bp: 100\n"), "not plain YAML"),
    ("a line break in a path", config('genome: GRCh37\nassay: panel\ntargets: "a\\nb.bed"\n'), "control characters"),
    ("an address", config(SOUND_CONFIG + "fasta: https://x.org/y.fa\n"), "that exists"),
    ("two documents", config(SOUND_CONFIG + "---\nassay: wes\n"), "not plain YAML"),
    ("other bytes", config(b"genome: \xff\xfe\n"), "expected UTF-8"),
    ("another build's name", config("genome: hg19\nassay: wgs\n"), "key genome"),
    ("an unknown key", config(SOUND_CONFIG + "purities: 1\n"), "expected a known key"),
    ("not a number", config(SOUND_CONFIG + "copies: {alpha: .nan}\n"), "copies.alpha"),
    ("infinity", config(SOUND_CONFIG + "ratios: {max_noise: .inf}\n"), "ratios.max_noise"),
    ("a negative width", config(SOUND_CONFIG + "bins: {target_bp: -5}\n"), "bins.target_bp"),
    ("a width beyond any genome", config(SOUND_CONFIG + "bins: {target_bp: 1e300}\n"), "bins.target_bp"),
    ("shell in a value", config(SOUND_CONFIG + "segments: {method: 'hmm; touch x'}\n"), "segments.method"),
    ("targets that do not exist", config("genome: GRCh37\nassay: panel\ntargets: '$(touch x).bed'\n"), "that exists"),
]  # fmt: skip


# Damages that leave a readable input, of which nothing can be said


def depths(change: Callable[[pd.DataFrame, pd.Series], object]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A change of the depths; it is told which rows lie in MET."""

    def changed(frame: pd.DataFrame) -> pd.DataFrame:
        met = (frame["chromosome"] == "7") & frame["start"].between(*simulate.load("GRCh37").met)
        frame = frame.assign(depth=change(frame["depth"], met))
        with np.errstate(divide="ignore"):
            return frame.assign(log2=np.where(frame["depth"] > 0, np.log2(frame["depth"]), -20.0))

    return changed


def noisy(depth: pd.Series, met: pd.Series) -> pd.Series:
    return depth * np.random.default_rng(1).lognormal(0, 1.5, len(depth))


def without_met(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["chromosome"] != "7"]


NO_CALLS = [
    ("no reads at all", call(depths(lambda depth, met: 0 * depth)), "no_reads"),
    ("no reads in MET", call(depths(lambda depth, met: depth.where(~met, 0))), "met_not_covered"),
    ("noise for signal", call(depths(noisy)), "very_noisy"),
    ("one depth for all", call(depths(lambda depth, met: 0 * depth + 100)), "not_this_assay"),
    ("depths as high or low", call(depths(lambda depth, met: 1.0 * (depth > depth.median()))), "not_this_assay"),
    ("ratios without MET", call(without_met, imported=True), "met_not_covered"),
    ("ratios all missing", call(lambda frame: frame.assign(log2=-20.0), imported=True), "met_not_covered"),
]


NO_DEPTHS = [
    ("natural logarithms of depths", call(depths(lambda depth, met: np.log(depth + 1))), "vary less from bin to bin"),
    ("binary logarithms of depths", call(depths(lambda depth, met: np.log2(depth + 1))), "vary less from bin to bin"),
    (
        "rows mixed up",
        call(depths(lambda depth, met: depth.sample(frac=1, random_state=1).to_numpy())),
        "vary less from bin to bin",
    ),
    ("linear ratios for log2", call(lambda frame: frame.assign(log2=linear(frame)), imported=True), "around 0"),
    ("copies for log2", call(lambda frame: frame.assign(log2=2 * linear(frame)), imported=True), "around 0"),
]


def linear(frame: pd.DataFrame) -> pd.Series:
    """Ratios of about 1."""
    return frame["depth"] / frame.groupby("gene")["depth"].transform("median")


def cases() -> list[Case]:
    """The whole table."""
    table_cases = [
        Case(kind, what, table(kind, edited(kind, what)), REFUSED, says)
        for kind, (_, _, _, column, _) in TABLES.items()
        for what, says in (OF_DEPTHS if column == "coverage" else OF_TABLES).items()
        if (kind, what) != ("bedcov", "decimal comma")
    ]
    table_cases += [
        Case(kind, what, table(kind, edited(kind, what)), MISSING)
        for kind, (_, _, _, column, _) in TABLES.items()
        for what in ("no number", "no value", *(["infinity"] if column == "ratios" else []))
        if (kind, what) not in [("mosdepth", "no value"), ("bedcov", "no value")]
    ]
    table_cases += [
        Case(kind, "no value", table(kind, edited(kind, "no value")), REFUSED, "expected a value")
        for kind in ("mosdepth", "bedcov")
    ]
    return [
        *table_cases,
        *(Case(kind, what, table(kind, edited(kind, what)), SAME) for kind in TABLES for what in HARMLESS),
        *(Case(kind, what, alignment(damage), REFUSED, says) for kind, what, damage, says in OF_ALIGNMENTS),
        *(Case("sequence", what, command, REFUSED, says) for what, command, says in OF_SEQUENCES),
        Case("cnr", "segments", table("cnr", SEGMENTS), REFUSED, "holds segments"),
        *(Case("GATK HDF5", what, hdf5(damage), REFUSED, says) for what, damage, says in OF_HDF5),
        *(Case("VCF", what, command, REFUSED, says) for what, command, says in OF_VARIANTS),
        Case(
            "CRAM", "sequence without index", fasta(lambda path: Path(f"{path}.fai").unlink()), REFUSED, "has no index"
        ),
        Case(
            "CRAM",
            "damaged index",
            fasta(lambda path: path.with_name("s.cram.crai").write_bytes(b"junk")),
            REFUSED,
            "is damaged",
        ),
        Case("CRAM", "no sequence", fasta(Path.unlink), REFUSED, "expected a file"),
        *(Case("panel of normals", what, command, REFUSED, says) for what, command, says in OF_PANELS),
        *(Case("BED", what, command, REFUSED, says) for what, command, says in OF_TARGETS),
        *(Case("BED", what, command, SAME) for what, command in OF_TARGETS_HARMLESS),
        *(Case("result of a stage", what, command, REFUSED, says) for what, command, says in OF_RESULTS),
        *(Case("sheet", what, command, REFUSED, says) for what, command, says in OF_SHEETS),
        *(Case("configuration", what, command, REFUSED, says) for what, command, says in OF_CONFIGS),
        *(Case("scale", what, command, REFUSED, says) for what, command, says in NO_DEPTHS),
        *(Case("depth", what, command, NO_CALL, says) for what, command, says in NO_CALLS),
    ]


CASES = cases()


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound inputs of every kind."""
    folder = tmp_path_factory.mktemp("sound")
    sound_files.write_all(folder)
    return folder


@pytest.fixture
def bench(tmp_path: Path, sound: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    def no_workflow(*_: object) -> int:
        raise AssertionError("the workflow was started")

    monkeypatch.setattr(launch, "_wait", no_workflow)
    monkeypatch.chdir(tmp_path)
    return Bench(tmp_path, sound)


def ended(words: list, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Status and standard error of a command line."""
    try:
        status = main.main([str(word) for word in words])
    except SystemExit as end:
        status = int(end.code or 0)
    return status, capsys.readouterr().err


def without_notes(path: Path) -> bytes | dict:
    """A result without what is said of the reading, and of the bytes that were read."""
    if path.suffix != ".json":
        return path.read_bytes()
    return {key: value for key, value in read_json(path).items() if key not in ("notes", "warnings", "inputs")}


def test_the_table_is_whole():
    kinds = Counter(case.kind for case in CASES)
    assert set(kinds) >= {
        *TABLES,
        "GATK HDF5",
        "BAM",
        "CRAM",
        "panel of normals",
        "BED",
        "sheet",
        "configuration",
        "VCF",
        "sequence",
        "depth",
    }
    assert len(CASES) >= 60
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_damage(case: Case, bench: Bench, capsys: pytest.CaptureFixture[str]):
    words = case.command(bench)
    before = {path: path.lstat().st_size for path in bench.folder.rglob("*") if bench.out not in path.parents}
    status, err = ended(words, capsys)
    assert {
        path: path.lstat().st_size for path in bench.folder.rglob("*") if path not in [bench.out, *bench.out.rglob("*")]
    } == before
    if case.outcome == REFUSED:
        assert status == 2, err
        assert re.fullmatch(r"(metcn: error: [^\n]+\n)" + ("{1,3}" if case.kind == "sheet" else ""), err)
        assert re.search(case.says, err), err
        written = [path.name for path in bench.out.rglob("*") if path.is_file()]
        assert written == (["bins.tsv"] if case.kind == "scale" and "--coverage" in words else [])
    elif case.outcome == MISSING:
        assert status == 0, err
        assert len(re.findall(r"^metcn: note: .*: 1 of 42 rows have no (depth|ratio)", err, re.MULTILINE)) == 1
        (written,) = (path for path in bench.out.iterdir() if path.suffix in (".cnn", ".cnr"))
        rows = pd.read_csv(written, sep="\t")
        assert rows.loc[rows["log2"].isna(), "start"].tolist() == [13000]
    elif case.outcome == SAME:
        assert status == 0, err
        written = {path.name: without_notes(path) for path in bench.out.iterdir()}
        shutil.rmtree(bench.out)
        sound = {"BED": bed(BED)}.get(case.kind) or table(case.kind, TABLES[case.kind].text)
        assert ended(sound(bench), capsys)[0] == 0
        assert written == {path.name: without_notes(path) for path in bench.out.iterdir()}
    else:
        assert status == 0, err
        with open(bench.out / "results/cohort.tsv", newline="") as handle:
            (row,) = csv.DictReader(handle, delimiter="\t")
        assert row["call"] == "no_call"
        assert case.says in row["reasons"].split(";")
        assert row["qc"] == "fail"


@pytest.mark.parametrize("keep", [False, True], ids=["left out", "kept"])
@pytest.mark.parametrize(("tumours", "deviant"), [(1, ["T1"]), (0, [])], ids=["a tumour", "normals only"])
def test_a_tumour_among_the_normals_is_named(sound, tmp_path, capsys, tumours, deviant, keep):
    """In the log, in the panel, and in what every sample that uses the panel is told."""
    paths = {f"C{row}": sorted((sound / "cohort/coverage").glob(f"N{row}.*")) for row in range(1, 6)}
    paths |= {"T1": sorted((sound / "cohort/coverage").glob("T1.*"))} if tumours else {}
    shutil.copy(sound / "cohort.tsv", tmp_path)
    made = sound_files.write_panel(tmp_path, paths, "cohort")
    first = capsys.readouterr().err
    if keep:
        counts = [tmp_path / f"{name}.cnn" for name in paths]
        words = ["--bins", tmp_path / "cohort.tsv", "--counts", *counts, "--output", made, "--on-suspicious=keep"]
        assert ended(["reference", "--genome=GRCh37", "--assay=panel", *words], capsys)[0] == 0
    facts = panel_file.read(made)[2]
    assert facts["deviant"] == deviant
    assert facts["check"]["left_out"] == ([] if keep else deviant)
    assert len(facts["normals"]) == 5 + (tumours if keep else 0)
    assert first.count("metcn: note: T1 deviates from the other normals as a tumour does (MET +") == tumours
    assert f"metcn: normals: 5 used, {tumours} suspicious" in first
    common = ["--sample=C1", "--genome=GRCh37", "--assay=panel", "--counts", tmp_path / "C1.cnn"]
    common += ["--bins", tmp_path / "cohort.tsv", "--reference", made]
    written = ["--output", tmp_path / "o.cnr", "--summary", tmp_path / "s"]
    assert ended(["ratios", *common, *written], capsys)[0] == 0
    measured = read_json(tmp_path / "s")
    assert ("normal_deviates" in measured["reasons"]) == bool(tumours)
    assert measured["reference"]["check"] == facts["check"]


@pytest.mark.parametrize(("source", "notes"), [("N1", 1), ("N3", 0)], ids=["a copy", "its own"])
def test_a_copy_among_the_normals_is_named(sound, tmp_path, capsys, source, notes):
    """Whatever the file looks like: before the run only equal files are found."""
    shutil.copy(sound / f"{source}.cnn", tmp_path / "N9.cnn")
    given = ["--bins", sound / "bins.tsv", "--counts", sound / "N1.cnn", sound / "N2.cnn", tmp_path / "N9.cnn"]
    status, err = ended(
        ["reference", "--genome=GRCh37", "--assay=panel", *given, "--output", tmp_path / "r.h5"], capsys
    )
    assert status == 0
    assert err.count("metcn: note: normals N1 and N9 have the same depth in every bin") == notes
