"""A VCF or BCF of called variants as text: its header, and its records one after the other."""

from __future__ import annotations

import gzip
import itertools
import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pysam

from metcn.errors import InputError
from metcn.io.fasta import htslib_quiet

REMEDY = "give a VCF or BCF with allele depths, or leave the column variants empty"
FIXED = 9  # columns before those of samples
NO_ALLELE = frozenset(("<NON_REF>", "<*>", "<X>", "."))  # of GVCF and of older callers: any allele that was not seen
DESCRIBED = re.compile(r'##INFO=<ID=([^,>]+),.*Description="(.*)"')
CONTIG = re.compile(r"##contig=<(?:[^>]*,)?ID=([^,>]+)(?:,[^>]*)?>")
LENGTH = re.compile(r"[<,]length=(\d{1,10})[,>]")


@dataclass(frozen=True)
class Header:
    """What the lines before the records tell.

    Parameters
    ----------
    contigs : dict of str to int or None
        Lengths in bp, None where none is given.
    samples : tuple of str
        Names of the columns.
    tumours, normals : frozenset of str
        Names in lines ``##tumor_sample`` and ``##normal_sample``, as Mutect2 writes them.
    described : dict of str to str
        Description of each INFO key.
    """

    contigs: dict[str, int | None]
    samples: tuple[str, ...]
    tumours: frozenset[str]
    normals: frozenset[str]
    described: dict[str, str]


@dataclass(frozen=True)
class Record:
    """One variant, and one sample's cell of it. Alleles are in capitals; ``alts`` lacks those of ``NO_ALLELE``."""

    chromosome: str
    position: int  # 0-based
    names: tuple[str, ...]
    ref: str
    alts: tuple[str, ...]
    first: int  # number of the first of ``alts`` among all alleles, the reference being 0
    filtered: bool
    raw: tuple[str, str, str]  # INFO, FORMAT, the sample's cell

    @cached_property
    def info(self) -> dict[str, str]:
        """INFO by key, empty text for flags; keys with a missing value are left out."""
        pairs = (item.partition("=") for item in self.raw[0].split(";") if item not in ("", "."))
        return {key: value for key, _, value in pairs if value != "."}

    @cached_property
    def cell(self) -> dict[str, str]:
        """The sample's values by FORMAT key; missing ones are left out."""
        pairs = zip(self.raw[1].split(":"), self.raw[2].split(":"), strict=False)
        return {key: value for key, value in pairs if value.strip(".,")}


@contextmanager
def lines_of(path: Path) -> Iterator[Iterator[str]]:
    """Lines of a VCF, plain or compressed by bgzip or gzip, or of a BCF put into words; htslib prints nothing.

    Raises
    ------
    InputError
        If the file is neither, or damaged, also while it is read.
    """
    with ExitStack() as stack:
        with _named(path):
            with open(path, "rb") as handle:
                packed = handle.read(2) == b"\x1f\x8b"
            content = stack.enter_context(gzip.open(path) if packed else path.open("rb"))  # noqa: SIM115
            if content.read(3) == b"BCF":
                stack.enter_context(htslib_quiet())
                file = stack.enter_context(pysam.VariantFile(str(path)))
                lines: Iterator[str] = itertools.chain(str(file.header).splitlines(), map(str, file))
            else:
                content.seek(0)
                lines = (line.decode("utf-8", errors="replace") for line in content)
        yield _guarded(path, lines)


def _guarded(path: Path, lines: Iterator[str]) -> Iterator[str]:
    """The lines; what fails while they are read names the file."""
    with _named(path):
        yield from lines


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Nothing; what fails in reading a file is raised with its name.

    Raises
    ------
    InputError
        If anything fails.
    """
    try:
        yield
    except (OSError, EOFError, zlib.error, ValueError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: expected a VCF, it cannot be read ({reason}); {REMEDY}") from error


def header(path: Path, lines: Iterator[str]) -> Header:
    """The header of a VCF, whose lines are read up to the one that names the columns.

    Raises
    ------
    InputError
        If the lines are not those of a VCF.
    """
    contigs: dict[str, int | None] = {}
    described: dict[str, str] = {}
    named: dict[str, set[str]] = {"tumor": set(), "normal": set()}
    for number, raw in enumerate(lines):
        line = raw.removeprefix("\N{BYTE ORDER MARK}").rstrip("\r\n")
        if number == 0 and not line.startswith(("##fileformat=VCF", "#CHROM\t")):
            found = line.encode(errors="replace")[:16]
            raise InputError(f"{path}: expected a VCF, it cannot be read (it begins with {found!r}); {REMEDY}")
        if line.startswith("#CHROM\t"):
            cells = line.rstrip("\t").split("\t")
            return Header(
                contigs, tuple(cells[FIXED:]), frozenset(named["tumor"]), frozenset(named["normal"]), described
            )
        if not line.startswith("#"):
            break
        if contig := CONTIG.match(line):
            length = LENGTH.search(line)
            contigs[contig[1]] = int(length[1]) if length else None
        elif info := DESCRIBED.match(line):
            described[info[1]] = info[2]
        elif role := re.match(r"##(tumor|normal)_sample=(.+)", line):
            named[role[1]].add(role[2].strip())
    raise InputError(f"{path}: expected a VCF, it cannot be read (no line begins with #CHROM); {REMEDY}")


def records(path: Path, lines: Iterator[str], place: int) -> Iterator[Record]:
    """The records of a VCF behind its header, with the cell of the sample at a ``place`` among the samples.

    Raises
    ------
    InputError
        If a line lacks columns or a position; what else stands in it is not repeated.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = line.rstrip("\r\n").split("\t")
        if len(cells) <= FIXED + place or not cells[1].isdecimal():
            raise InputError(
                f"{path}: expected a VCF, it cannot be read (record {number} has {len(cells)} columns, "
                f"or no position in its second); {REMEDY}"
            )
        alleles = [allele.strip().upper() for allele in cells[4].split(",")]
        seen = [at for at, allele in enumerate(alleles, 1) if allele not in NO_ALLELE]
        yield Record(
            chromosome=cells[0],
            position=int(cells[1]) - 1,
            names=tuple(cells[2].split(";")),
            ref=cells[3].upper(),
            alts=tuple(alleles[at - 1] for at in seen),
            first=seen[0] if seen else 0,
            filtered=bool(set(cells[6].split(";")) - {"PASS", ".", ""}),
            raw=(cells[7], cells[8], cells[FIXED + place]),
        )
