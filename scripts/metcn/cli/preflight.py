"""What can be known to be wrong with a run before any work: every problem at once, a line each."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from metcn import files
from metcn.bins import base_content, design, hdf5_file, sampled
from metcn.bins.targets import read_targets
from metcn.calls import criteria
from metcn.cli import headers
from metcn.errors import InputError
from metcn.genome import build as genomes
from metcn.io import coverage_formats
from metcn.io import fasta as sequences
from metcn.purity import allele_fractions, offered
from metcn.reads import alignments
from metcn.reference import panel_file
from metcn.run.plan import NO_SNPS, Plan
from metcn.run.samples import Sample
from metcn.vocabulary import SPECIMENS

FEW_TARGETS = 10
PROBE_BYTES = 1 << 16
# Size of results: pages and JSON of a sample, pages of a run, and what a bin takes in the tables of each.
SAMPLE_BYTES, RUN_BYTES = 2_000_000, 20_000_000
SAMPLE_ROW_BYTES, RUN_ROW_BYTES = 150, 200
TABLE_ROW_BYTES, GZIP_FACTOR = 30, 4  # of the coverage and ratio tables that come in
CONTIG_LINE = re.compile(rb"^##contig=<ID=([^,>]+),(?:[^>\n]*,)?length=(\d{1,10})[,>]", re.MULTILINE)
MOST_ROWS_READ = 100_000  # of a sample's tables, which takes about a second
READ_SHARE = 0.08  # of a deep genome's bins; the rest stand as few rows


class Checked(NamedTuple):
    """What is odd but harmless about the inputs of a run, and what costs single tumours their result: sentences."""

    notes: list[str]
    faults: list[str]


def check(plan: Plan, directory: Path) -> Checked:
    """What is to be said of a run that can begin.

    Headers, indices, targets, short tables and the panel of normals are read, alignments and long tables are not. What
    is wrong with the data of one tumour is a fault, which its own stages will meet again, as long as another tumour is
    sound; so is what is wrong with a normal as long as there are tumours that need none. What is wrong with the sheet
    or the configuration concerns every sample.

    Raises
    ------
    InputError
        One line per problem, of all inputs.
    """
    problems: list[str] = []
    notes: list[str] = []
    faults: dict[str, list[str]] = {}

    def tried(work: Callable[[], Iterable[str]], sample: Sample | None = None) -> None:
        """Add what ``work`` has to say, or why it failed, for a ``sample`` whose data it looked at."""
        try:
            notes.extend(work())
        except InputError as error:
            alone = sample is not None and not _lacks_fasta(sample, plan)
            told = faults.setdefault(sample.name, []) if sample is not None and alone else problems
            told.extend(str(error).splitlines())

    facts = genomes.load(plan.settings["genome"])
    opened: list[headers.Header] = []
    offers: dict[str, allele_fractions.Offer] = {}
    tried(lambda: _fasta(plan, facts))
    tried(lambda: _targets(plan, facts))
    tried(lambda: _tracks(plan, facts))
    tried(lambda: _panel(plan))
    tried(lambda: _snps(plan))
    tried(lambda: _criteria(plan))
    for sample in plan.samples.values():
        tried(lambda sample=sample: _files(sample, facts, offers), sample)  # type: ignore[misc]
        if sample.alignments:
            tried(lambda sample=sample: _alignment(sample, plan, facts, opened), sample)  # type: ignore[misc]
    if faults and _all_concerned(faults, plan):
        problems += _named(faults)
    problems += headers.mistaken(opened, plan.samples)
    problems += offered.mistaken(offers, plan.samples)
    groups = headers.by_reference(opened)
    notes += [*headers.mixed_references(groups), *headers.shared_names(opened)]
    if not problems and plan.settings["targets"]:
        targets = read_targets(plan.settings["targets"], facts)[0]
        for group in groups:
            tried(lambda group=group: headers.against_targets(group, targets, plan.settings["targets"]))  # type: ignore[misc]
    problems += _copies(plan.samples.values())
    problems += _mixed(plan.samples.values())
    if not problems:
        problems += _space(directory, len(plan.samples), _rows(plan, facts))
    if problems:
        raise InputError("\n".join(dict.fromkeys([*problems, *_named(faults)])))
    return Checked(notes, _named(faults))


def _all_concerned(faults: Mapping[str, Iterable[str]], plan: Plan) -> bool:
    """Whether the faults, of normals among them, leave no tumour that can have a result."""
    normals_fail = any(plan.samples[name].role == "normal" for name in faults)
    return all(name in faults or (normals_fail and not plan.samples[name].ratios) for name in plan.tumours)


def _named(faults: Mapping[str, Iterable[str]]) -> list[str]:
    """The faults with the sample that each concerns."""
    return [
        f"sample {name}: {line.removeprefix(f'sample {name}: ')}" for name, lines in faults.items() for line in lines
    ]


def _lacks_fasta(sample: Sample, plan: Plan) -> bool:
    """Whether a CRAM may be unreadable for want of the genome's sequence, which the configuration names."""
    return str(sample.alignments).lower().endswith(".cram") and not plan.settings["fasta"]


def _criteria(plan: Plan) -> Iterator[str]:
    """Nothing, if the laboratory's criteria sets are sound and those that a call is to follow are for its specimen."""
    settings = plan.settings["calls"]
    refused = list(_refused(plan.own_criteria))
    if refused:
        raise InputError("\n".join(refused))
    for specimen in SPECIMENS:
        chosen = criteria.default(settings, specimen, plan.own_criteria)
        if not settings["default_criteria"] and chosen.specimen not in (specimen, "both"):
            raise InputError(
                f"calls.{specimen}_criteria: expected a set for {specimen}; found {chosen.id!r}, which is for "
                f"{chosen.specimen}; correct the configuration"
            )
    yield from ()


def _refused(paths: Iterable[str]) -> Iterator[str]:
    """The problem of each criteria set of the laboratory that has one."""
    for path in paths:
        try:
            criteria.load([path])
        except InputError as error:
            yield str(error)


def _fasta(plan: Plan, facts: genomes.Genome) -> Iterator[str]:
    """What is odd about the genome sequence's index, if it has one and is of the configured build."""
    fasta = plan.settings["fasta"]
    if fasta:
        with sequences.open_fasta(fasta) as handle:
            lengths = dict(zip(handle.references, handle.lengths, strict=True))
        genomes.check_build(lengths, facts, where=str(fasta))
        if Path(f"{fasta}.fai").stat().st_mtime < Path(fasta).stat().st_mtime:
            yield f"the index of {fasta} is older than the file; run `samtools faidx {fasta}` unless both were copied"


def _tracks(plan: Plan, facts: genomes.Genome) -> Iterator[str]:
    """Nothing, if the files of GC content and mappability are sound and of the configured build."""
    for name in ("gc", "mappability"):
        if plan.settings["bins"][name]:
            base_content.track(Path(plan.settings["bins"][name]), facts)
    yield from ()


def _targets(plan: Plan, facts: genomes.Genome) -> Iterator[str]:
    """Notes about targets that are few or leave MET out."""
    path = plan.settings["targets"]
    if not path:
        return
    targets, notes = read_targets(path, facts)
    yield from notes
    proven = design.check_place(targets, facts, str(path))
    if len(targets) < FEW_TARGETS:
        yield f"{path} has only {len(targets)} targets; results will be no calls unless reads lie between them"
    if not proven and not _covers_met(targets, facts):
        yield f"{path} does not cover MET of {facts.name}; every sample will be a no call"


def _covers_met(targets: pd.DataFrame, facts: genomes.Genome) -> bool:
    """Whether any target lies in MET."""
    seven = targets[genomes.bare_names(targets["chromosome"]) == genomes.MET_CHROMOSOME]
    return bool(((seven["start"] < facts.met[1]) & (seven["end"] > facts.met[0])).any())


def _panel(plan: Plan) -> Iterator[str]:
    """Nothing, if a ready panel of normals is sound and of this build and assay."""
    path = plan.settings["reference"]["file"]
    if path:
        _, _, facts = panel_file.read(path)
        panel_file.check_facts(path, facts, genome=plan.settings["genome"], assay=plan.settings["assay"])
    yield from ()


def _snps(plan: Plan) -> Iterator[str]:
    """A note, if a list of SNPs is named and no sample's reads are counted there."""
    path, aligned = plan.settings["snps"], any(sample.alignments for sample in plan.samples.values())
    if path and path != NO_SNPS and not (aligned and plan.snps):
        yield f"{path} is not used: SNPs are counted in BAM and CRAM, of any assay but swgs"


def _files(sample: Sample, facts: genomes.Genome, offers: dict[str, allele_fractions.Offer]) -> Iterator[str]:
    """What a tumour's VCF offers, added to ``offers``; an error if it or a sample's tables cannot be read.

    Long tables are left to their stage, since they take as much time here.
    """
    tables_of = [*sample.coverage, *([sample.ratios] if sample.ratios else [])]
    for path in tables_of:
        if path.stat().st_size == 0:
            raise InputError(f"sample {sample.name}: {path} is empty; copy or make it again")
    if tables_of and sum(map(_table_rows, tables_of)) <= MOST_ROWS_READ:
        if sample.ratios:
            coverage_formats.ratios(sample.ratios)
        else:
            coverage_formats.coverage(sample.coverage, facts)
    if sample.variants:
        _vcf(sample.variants, facts)
        if sample.role == "tumour":
            yield from offered.read(sample, facts, offers)


def _vcf(path: Path, facts: genomes.Genome) -> None:
    """Nothing, if a file begins as a VCF of this build or a BCF, compressed or not, and is no damaged gzip file."""
    try:
        with open(path, "rb") as handle:
            compressed = handle.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if compressed else open(path, "rb") as handle:
            start = handle.read(PROBE_BYTES)
        if start.startswith(b"BCF\2\2"):
            return  # put into words later
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is a damaged or truncated gzip file ({error}); copy or make it again") from error
    if not start.removeprefix(b"\xef\xbb\xbf").startswith(b"##fileformat=VCF"):
        raise InputError(f"expected a VCF, {path} begins with {start[:16]!r}; correct the column variants")
    if b"\n#CHROM\t" not in start and len(start) < PROBE_BYTES:
        raise InputError(f"{path} lacks the line of a VCF that begins with #CHROM; copy or make it again")
    lengths = {name.decode(errors="replace"): int(length) for name, length in CONTIG_LINE.findall(start)}
    genomes.check_build(lengths, facts, where=str(path))


def _alignment(sample: Sample, plan: Plan, facts: genomes.Genome, opened_before: list[headers.Header]) -> Iterator[str]:
    """What is odd about a file's index or header; an error if it is unusable, of another build, or without its index.

    What its header says is added to ``opened_before``.
    """
    with alignments.open_alignment(Path(str(sample.alignments)), plan.settings["fasta"]) as opened:
        genomes.check_build(opened.contigs, facts, where=str(opened.path))
        opened_before.append(headers.Header(sample.name, opened.path, opened.contigs, opened.named))
        yield from opened.warnings


def _copies(samples: Iterable[Sample]) -> Iterator[str]:
    """Problems of samples whose files have the same content, as far as their size, beginning and end tell."""
    by_size: dict[int, list[tuple[str, Path]]] = {}
    for sample in samples:
        for path in sample.files:
            by_size.setdefault(path.stat().st_size, []).append((sample.name, path))
    for size, alike in by_size.items():
        alike = [each for each in alike if len(alike) == 1 or not _is_header(each[1], size)]
        first: dict[bytes, tuple[str, Path]] = {}
        for name, path in alike if len(alike) > 1 and size else ():
            other = first.setdefault(_probe(path, size), (name, path))
            if other[1] != path:
                yield f"sample {name}: {path} has the same content as {other[1]} of sample {other[0]}; remove one"


def _is_header(path: Path, size: int) -> bool:
    """Whether a table holds its header alone, as CNVkit's antitargets of amplicons do: all of these are alike."""
    return path.suffix not in (".bam", ".cram") and size < PROBE_BYTES and not coverage_formats.has_rows(path)


def _probe(path: Path, size: int) -> bytes:
    """Digest of a file's beginning, middle and end."""
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        for place in (0, size // 2, max(size - PROBE_BYTES, 0)):
            handle.seek(place)
            digest.update(handle.read(PROBE_BYTES))
    return digest.digest()


def _mixed(samples: Iterable[Sample]) -> Iterator[str]:
    """The problem of samples with different numbers of coverage tables: one lacks its antitargets."""
    number: dict[int, str] = {}
    for sample in samples:
        if sample.coverage:
            number.setdefault(len(sample.coverage), sample.name)
    if len(number) > 1:
        found = " and ".join(f"{name} has {count}" for count, name in sorted(number.items()))
        yield f"expected as many coverage tables for each sample, {found}; give all samples the same tables"


def _rows(plan: Plan, facts: genomes.Genome) -> int:
    """About how many bins the run has."""
    settings = plan.settings["bins"]
    tables_of = [[*row.coverage, *([row.ratios] if row.ratios else [])] for row in plan.samples.values()]
    in_tables = max((sum(map(_table_rows, paths)) for paths in tables_of), default=0)
    if plan.settings["reference"]["file"]:
        return max(in_tables, len(hdf5_file.read_bins(plan.settings["reference"]["file"])))
    if in_tables:
        return in_tables
    genome_bp = sum(facts.contigs.values())
    assay = plan.settings["assay"]
    if assay in design.WINDOW_BP:
        width = settings["window_bp"] or design.WINDOW_BP[assay]
        part = sampled.is_wanted(settings["reading"], assay=assay, window_bp=width)
        return int(genome_bp / width * (READ_SHARE if part else 1))
    targets = read_targets(plan.settings["targets"], facts)[0]
    covered = (targets["end"] - targets["start"]).clip(lower=settings["target_bp"]).sum()
    return int(covered / settings["target_bp"] + genome_bp / settings["off_target_bp"])


def _table_rows(path: Path) -> int:
    """About how many rows a table has."""
    with open(path, "rb") as handle:
        compressed = handle.read(2) == b"\x1f\x8b"
    return path.stat().st_size * (GZIP_FACTOR if compressed else 1) // TABLE_ROW_BYTES


def _space(directory: Path, samples: int, rows: int) -> Iterator[str]:
    """The problem of a disk that is too full for the results."""
    needed = (RUN_BYTES + RUN_ROW_BYTES * rows + samples * (SAMPLE_BYTES + SAMPLE_ROW_BYTES * rows)) // 1_000_000
    free = shutil.disk_usage(files.existing(directory)).free // 1_000_000
    if free < needed:
        yield f"expected about {needed} MB free for {directory}, found {free}; free space or choose another folder"
