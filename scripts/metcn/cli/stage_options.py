"""Command-line arguments of each stage: files and facts listed here, settings made from the schema."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from metcn.run import config, sheet
from metcn.run.keywords import Keyword, accepts, expected
from metcn.run.samples import NAME, TIMEPOINTS
from metcn.run.stages import STAGES
from metcn.vocabulary import ASSAYS, SPECIMENS


class Argument(NamedTuple):
    """One argument of a stage that is not a setting."""

    name: str
    help: str
    kind: str = "read"  # read (a file), write (a file) or text
    required: bool = True
    many: bool = False
    choices: tuple[str, ...] = ()


SAMPLE = Argument("sample", "Name of the sample.", "text")
SPECIMEN = Argument("specimen", "Kind of specimen.", "text", choices=SPECIMENS)
OUTPUT = Argument("output", "File to write.", "write")
GENOME = Argument("genome", "Genome build.", "text", choices=("GRCh37", "GRCh38"))
ASSAY = Argument("assay", "Kind of assay.", "text", choices=ASSAYS)
FASTA = Argument("fasta", "Genome FASTA with its .fai beside it.", required=False)
BINS = Argument("bins", "Table of bins (bins.tsv).")
RATIOS = Argument("ratios", "Bin ratios of the sample (.cnr).")
SEGMENTS = Argument("segments", "Segments of the sample (.cns).")
MEASUREMENT = Argument("measurement", "MET and CEP7-like levels of the sample (ratios/SAMPLE.json).")
TALLIES = Argument("counts_summary", "What was counted (counts/SAMPLE.json).", required=False)
PURITY = Argument("purity", "Purity and ploidy of the sample (purity/SAMPLE.json).")
PATIENT = Argument(
    "patient", "Patient, to join serial samples; @SHEET for the one that a sample sheet names.", "text", required=False
)

# Files and facts of each stage, in the order of its function's parameters.
STAGE_ARGUMENTS: dict[str, list[Argument]] = {
    "bins": [
        ASSAY,
        GENOME,
        Argument("targets", "BED of targets or inserts.", required=False),
        FASTA,
        Argument("coverage", "Coverage tables of one sample, to take their bins.", required=False, many=True),
        Argument("reference", "Ready panel of normals, to take its bins.", required=False),
        Argument("gc", "GC content along the genome (wig, bedGraph, BED), where there is no FASTA.", required=False),
        Argument("mappability", "Mappability along the genome (wig, bedGraph, BED).", required=False),
        OUTPUT,
    ],
    "counts": [
        SAMPLE,
        BINS,
        Argument("alignment", "BAM or CRAM.", required=False),
        Argument("coverage", "Coverage tables of the sample.", required=False, many=True),
        FASTA,
        Argument("snps", "Common SNPs (VCF, BCF or BED) whose alleles are counted.", required=False),
        GENOME,
        OUTPUT,
        Argument("summary", "JSON to write the tallies into.", "write"),
        Argument("speed", "JSON to write the speed of reading into.", "write", required=False),
        Argument("alleles", "Reads of either allele at the SNPs (.tsv) to write.", "write", required=False),
    ],
    "reference": [
        BINS,
        Argument("counts", "Counts of the normals (.cnn).", many=True),
        TALLIES._replace(help="What was counted of the normals (counts/SAMPLE.json).", many=True),
        GENOME,
        ASSAY,
        OUTPUT,
    ],
    "ratios": [
        SAMPLE,
        Argument("counts", "Counts of the sample (.cnn).", required=False),
        TALLIES,
        BINS._replace(required=False),
        Argument("reference", "Panel of normals (.h5).", required=False),
        Argument("imported", "Bin ratios normalised elsewhere, instead of counts.", required=False),
        Argument("matched_normal", "Counts of the matched normal (.cnn).", required=False),
        GENOME,
        ASSAY,
        OUTPUT,
        Argument("summary", "JSON to write the MET and CEP7-like levels into.", "write"),
    ],
    "segments": [SAMPLE, RATIOS, GENOME, OUTPUT, Argument("seg", "The same segments for IGV (.seg).", "write")],
    "purity": [
        SAMPLE,
        SPECIMEN,
        Argument("purity", "Purity: a number or a range such as 0.3-0.5.", "text", required=False),
        Argument("ploidy", "Ploidy: a number or a range such as 2.6-3.2.", "text", required=False),
        GENOME,
        SEGMENTS,
        Argument("variants", "VCF with driver mutations or heterozygous SNPs.", required=False),
        Argument("alleles", "Reads of the sample at common SNPs (counts/SAMPLE.alleles.tsv).", required=False),
        Argument("normal_alleles", "The same of the matched normal.", required=False),
        OUTPUT,
    ],
    "copies": [
        MEASUREMENT,
        PURITY,
        RATIOS,
        SEGMENTS,
        GENOME,
        OUTPUT,
        Argument("draws", "Posterior draws (.npz) to write.", "write"),
    ],
    "calls": [
        SAMPLE,
        SPECIMEN,
        PATIENT,
        Argument("timepoint", "Time of sampling.", "text", required=False, choices=tuple(filter(None, TIMEPOINTS))),
        Argument("configuration", "Digest of the run's settings, for the provenance.", "text", required=False),
        MEASUREMENT,
        TALLIES,
        PURITY,
        Argument("copies", "Copies of the sample (copies/SAMPLE.json)."),
        Argument("draws", "Posterior draws of the sample (.npz)."),
        OUTPUT,
        Argument("vcf", "The same as VCF (.vcf.gz) to write.", "write", required=False),
        Argument("index", "Its index (.vcf.gz.tbi) to write.", "write", required=False),
        Argument("bed", "The amplicon as BED to write; no row where there is none.", "write", required=False),
    ],
    "compare": [
        Argument("baseline", "Call of the sample at baseline (calls/SAMPLE.json)."),
        Argument("progression", "Call of the later sample of the same patient (calls/SAMPLE.json)."),
        OUTPUT,
    ],
    "report": [
        Argument("call", "Call of the sample (calls/SAMPLE.json)."),
        Argument("comparison", "The sample against its baseline (compare/SAMPLE.json).", required=False),
        RATIOS,
        SEGMENTS,
        GENOME,
        OUTPUT,
    ],
    "cohort": [
        Argument("calls", "Calls of the tumours (calls/SAMPLE.json).", many=True),
        Argument("comparisons", "Later samples against baselines (compare/SAMPLE.json).", required=False, many=True),
        Argument("seg", "Segments of the tumours (segments/SAMPLE.seg), drawn as a map.", required=False, many=True),
        OUTPUT,
        Argument("page", "HTML page over all samples to write.", "write"),
        Argument(
            "complete", "Marker of a run in which every sample has its result, to write.", "write", required=False
        ),
        Argument("mqc", "Calls for MultiQC (.tsv) to write.", "write", required=False),
        Argument("mqc_general", "Columns of MultiQC's general statistics (.tsv) to write.", "write", required=False),
        Argument("mqc_quality", "QC numbers for MultiQC (.tsv) to write.", "write", required=False),
        Argument("mqc_versions", "Versions for MultiQC (_mqc_versions.yml) to write.", "write", required=False),
    ],
}


def existing_file(text: str) -> Path:
    """The path, if there is a file."""
    path = Path(text)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise argparse.ArgumentTypeError(f"expected a file, {text} {found}")
    return path


def sample_name(text: str) -> str:
    """The name, if it can be part of file names."""
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected letters, digits, dots, dashes and underscores, received {text!r}")
    return text


def add_stage(parser: argparse.ArgumentParser, stage: str) -> None:
    """Add a stage's files, facts and settings to its parser."""
    types: dict[str, Callable[[str], Any]] = {"read": existing_file, "write": Path, "text": str}
    for argument in STAGE_ARGUMENTS[stage]:
        parser.add_argument(
            _option(argument.name),
            type=sample_name if argument is SAMPLE else types[argument.kind],
            required=argument.required,
            nargs="+" if argument.many else None,
            choices=argument.choices or None,
            metavar=None if argument.choices else {"text": "TEXT"}.get(argument.kind, "FILE"),
            help=_escaped(argument.help),
            default=None,
        )
    add_settings(parser, stage)


def add_settings(parser: argparse.ArgumentParser, section: str) -> None:
    """Add an option per key of a configuration section."""
    settings = config.settings_keys(section)
    group = parser.add_argument_group("settings") if settings else parser
    for name, keyword in settings.items():
        unit = f" [{keyword['x-unit']}]" if "x-unit" in keyword else ""
        help_text = _escaped(f"{keyword['description']}{unit} (default: {keyword['default']})")
        if "boolean" in keyword.get("type", ()):
            action = argparse.BooleanOptionalAction
            group.add_argument(_option(name), action=action, default=keyword["default"], help=help_text)
        else:
            convert = _converter(keyword)
            metavar = "|".join(keyword["enum"]) if "enum" in keyword else "VALUE"
            group.add_argument(_option(name), type=convert, default=keyword["default"], metavar=metavar, help=help_text)


def run_stage(stage: str, options: Mapping[str, Any]) -> None:
    """Run a stage with parsed options: its settings as a mapping, everything else by name."""
    settings = {name: options[name] for name in config.settings_keys(stage)}
    config.check_settings(stage, settings, f"metcn {stage}")
    files_and_facts = {argument.name: options[argument.name] for argument in STAGE_ARGUMENTS[stage]}
    patient = files_and_facts.get("patient") or ""
    if patient.startswith(sheet.FROM_SHEET):
        files_and_facts["patient"] = sheet.patient_of(patient.removeprefix(sheet.FROM_SHEET), options["sample"])
    call_stage(stage, files_and_facts, settings)


def call_stage(stage: str, arguments: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Call a stage's function; the scientific libraries are imported here and not before.

    A fact that is not known is an empty text, as in the sheet; a file that is not there is None.
    """
    function = getattr(importlib.import_module(f"metcn.stages.{STAGES[stage]}"), stage)
    known = {}
    for argument in STAGE_ARGUMENTS[stage]:
        value = arguments.get(argument.name)
        known[argument.name] = "" if value is None and argument.kind == "text" else value
    function(**known, settings=dict(settings))


def _converter(keyword: Keyword) -> Any:
    """Function that makes a setting of an option's text, refusing what the schema does not accept."""

    def convert(text: str) -> Any:
        """The value that the text stands for."""
        for kind in (int, float, str):
            try:
                value: Any = kind(text)
            except ValueError:
                continue
            if accepts(keyword, value):
                return value
        raise argparse.ArgumentTypeError(f"expected {expected(keyword)}, received {text!r}")

    return convert


def _option(name: str) -> str:
    """Option of a parameter's name."""
    return "--" + name.replace("_", "-")


def _escaped(text: str) -> str:
    """Help text that argparse does not take for a format."""
    return text.replace("%", "%%")
