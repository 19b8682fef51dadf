"""The command ``metcn``: a subcommand per stage, and the commands that chain them.

Exit status 0 is done (a no-call is a result), 2 is bad input or configuration with one line per problem on stderr, 1 is
a defect of metcn. Nothing scientific is imported before a stage runs, so ``--help`` and ``--version`` answer at once.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from metcn import provenance
from metcn.cli import call, run, stage_options, titrate
from metcn.errors import InputError
from metcn.run import stages
from metcn.run.plan import NO_SNPS
from metcn.run.samples import PRIOR_TKI
from metcn.vocabulary import ASSAYS, SPECIMENS

DONE, DEFECT, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line, like every other bad input."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and leave with the status of bad input."""
        self.exit(BAD_INPUT, f"metcn: error: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = _Parser(
        prog="metcn",
        description="MET copies, MET/CEP7-like ratio and a verdict from sequencing depth.",
        epilog="Stages, in the order of the data: " + " ".join(stages.STAGES),
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"metcn {provenance.VERSION}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_run(commands)
    _add_call(commands)
    for stage in stages.TABLE:
        command = commands.add_parser(
            stage.name, help=f"stage: {stage.help}", description=_sentence(stage.help), allow_abbrev=False
        )
        stage_options.add_stage(command, stage.name)
    _add_job(commands)
    _add_triage(commands)
    _add_titrate(commands)
    _add_validate(commands)
    _add_simulate(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of one command line."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        options = vars(parser().parse_args(words))
        return _dispatch(options.pop("command"), options)
    except InputError as error:
        for line in str(error).splitlines():
            print(f"metcn: error: {line}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DEFECT
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:
        traceback.print_exc()
        print("metcn: this is a defect of metcn, not of the input; report it with the lines above", file=sys.stderr)
        return DEFECT


def _dispatch(command: str, options: dict) -> int:
    """Run a parsed command."""
    if command in stages.STAGES:
        stage_options.run_stage(command, options)
    elif command == "run":
        return run.run(**options)
    elif command == "call":
        call.call(**options)
    elif command == "job":
        _job(**options)
    elif command == "triage":
        _triage(**options)
    elif command == "titrate":
        return titrate.titrate(**options)
    elif command == "validate":
        _validate(**options)
    else:
        _simulate(**options)
    return DONE


def _command(commands: argparse._SubParsersAction, name: str, text: str) -> argparse.ArgumentParser:
    """The parser of a command that is no stage."""
    return commands.add_parser(name, help=text, description=_sentence(text), allow_abbrev=False)


def _add_workflow(command: argparse.ArgumentParser) -> None:
    """Add what Snakemake is told of the machine."""
    command.add_argument("--cores", type=_positive, metavar="N", help="processor cores to use (default: the profile's)")
    command.add_argument("--profile", help="profile of the workflow (default, slurm) or path of a Snakemake profile")


def _add_run(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "run", "call every tumour of a sample sheet with the Snakemake workflow")
    command.add_argument("--samples", type=Path, metavar="TSV", help="sample sheet (default: the configuration's)")
    command.add_argument("--configfile", type=Path, required=True, metavar="YAML", help="configuration")
    command.add_argument("--directory", type=Path, required=True, metavar="OUT", help="folder for results and logs")
    _add_workflow(command)
    command.add_argument("-n", "--dry-run", action="store_true", help="check the input and show what would be done")
    command.add_argument("--unlock", action="store_true", help="unlock the folder of a run that was killed; do no more")
    command.add_argument("snakemake", nargs="*", metavar="ARGS", help="after --: further arguments of Snakemake")


def _add_call(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "call", "call one sample in one process, against a ready panel of normals")
    command.add_argument("alignments", nargs="?", type=Path, metavar="BAM", help="BAM or CRAM of the sample")
    command.add_argument(
        "--coverage", nargs="+", type=Path, default=[], metavar="TABLE", help="coverage tables instead"
    )
    command.add_argument("--ratios", type=Path, metavar="TABLE", help="bin ratios normalised elsewhere instead")
    command.add_argument("--reference", type=Path, metavar="H5", help="panel of normals")
    command.add_argument(
        "--purity", default="", help="purity: 0.4 (an estimate), 0.4-0.4 (exact), 0.3-0.5 (default: unknown)"
    )
    command.add_argument("--purity-error", default="", metavar="SE", help="standard error of a purity of one number")
    command.add_argument("--ploidy", default="", help="ploidy, such as 2.8 or 2.5-3.1 (default: unknown)")
    command.add_argument("--specimen", choices=SPECIMENS, default="tissue", help="kind of specimen (default: tissue)")
    command.add_argument(
        "--prior-tki", choices=PRIOR_TKI[1:], default="", help="generation of the EGFR inhibitor before"
    )
    command.add_argument("--sample", type=stage_options.sample_name, metavar="NAME", help="name (default: the file's)")
    command.add_argument("--genome", choices=stages.GENOME.choices, help="genome build (default: the panel's)")
    command.add_argument("--assay", choices=ASSAYS, help="kind of assay (default: the panel's)")
    command.add_argument("--targets", type=Path, metavar="BED", help="targets, if there is no panel of normals")
    command.add_argument("--fasta", type=Path, metavar="FASTA", help="genome, for CRAM")
    command.add_argument(
        "--snps", type=_list_of_snps, metavar="VCF", help="common SNPs (default: those of the build); none counts none"
    )
    command.add_argument("--unit", choices=("fragments", "bases"), help="what depth counts (default: the panel's)")
    command.add_argument("--configfile", type=Path, metavar="YAML", help="configuration, for other settings")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder for results")


def _list_of_snps(text: str) -> Path | str:
    """Path of a list of SNPs, or the word for none."""
    return text if text == NO_SNPS else Path(text)


def _add_job(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "job", "what the workflow calls: the stages of one of its jobs, in one process")
    command.add_argument("rule", help="rule of the workflow")
    command.add_argument("sample", nargs="?", default="", help="sample, for a rule that has one job for each")
    command.add_argument("--plan", type=Path, required=True, metavar="JSON", help="plan of the run")
    command.add_argument("--output", type=Path, default=Path(), metavar="OUT", help="folder of results (default: here)")
    command.add_argument("--threads", type=_positive, default=1, metavar="N", help="threads to count with (default: 1)")


def _job(rule: str, sample: str, plan: Path, output: Path, threads: int) -> None:
    """Run the stages of a job, with the results below the output folder."""
    from metcn.run import plan_file, runner

    whole = plan_file.read(plan)
    if (rule, sample) not in whole.by_rule:
        raise InputError(f"metcn job: {plan} has no job {rule} {sample}; start the run again")
    runner.run_steps(whole, whole.job(rule, sample).steps, output, threads=threads)


def _add_triage(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "triage", "look for suspicious samples from alignment indices alone")
    command.add_argument("files", nargs="+", type=Path, metavar="BAM", help="indexed BAM or CRAM files")


def _triage(files: Sequence[Path]) -> None:
    """Print a line per file as soon as it is known.

    Raises
    ------
    InputError
        One line per file that could not be read, when all others have been judged.
    """
    from metcn.cli import triage

    problems = []
    for line in triage.triage(files):
        print(line, flush=True)
        problems += [why for why in [triage.problem(line)] if why]
    if problems:
        raise InputError("\n".join(problems))


def _add_titrate(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "titrate", "sensitivity and limit of detection of your own assay, from its normals")
    command.add_argument("--samples", type=Path, required=True, metavar="TSV", help="sample sheet with the normals")
    command.add_argument("--configfile", type=Path, required=True, metavar="YAML", help="configuration")
    command.add_argument("--directory", type=Path, required=True, metavar="OUT", help="folder for results and logs")
    grid: tuple[tuple[str, Any, list[Any], str], ...] = (
        ("copies", float, [4.0, 6.0, 10.0], "MET copies per tumour cell (default: 4 6 10)"),
        ("purities", float, [0.1, 0.2, 0.3, 0.5, 0.8], "tumour purities (default: 0.1 0.2 0.3 0.5 0.8)"),
        ("sizes", _extent, ["3000000"], "what is gained: gene, bases such as 3e6, arm (7q), chr7 (default: 3e6)"),
        ("depths", float, [1.0], "depths as shares of the normals' own (default: 1)"),
    )
    for name, kind, default, help_text in grid:
        command.add_argument(f"--{name}", type=kind, nargs="+", default=default, metavar="X", help=help_text)
    command.add_argument("--replicates", type=_positive, default=5, metavar="N", help="tumours per half (default: 5)")
    command.add_argument(
        "--karyotypes", type=Path, metavar="TSV", help="backgrounds: profile chromosome start end copies"
    )
    command.add_argument("--unknown-purity", action="store_true", help="withhold purity and ploidy from the pipeline")
    command.add_argument("--bam", action="store_true", help="make tumours as BAM files, not as counts")
    command.add_argument("--in-process", action="store_true", help="without the workflow: faster, but not resumable")
    command.add_argument("--seed", type=int, default=1, help="seed of all random numbers (default: 1)")
    _add_workflow(command)


def _extent(text: str) -> str:
    """A word, or a number of bases written out; what it may be is checked with the other options."""
    text = {"chr7": "chromosome", "7q": "arm"}.get(text, text)
    try:
        return str(int(float(text)))
    except (ValueError, OverflowError):
        return text


def _add_validate(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "validate", "compare calls with known answers, such as FISH")
    truth = "known answers: sample, and met_copies, met_cep7 or amplified (yes, no)"
    command.add_argument("--truth", type=Path, required=True, metavar="TSV", help=truth)
    command.add_argument("--cohort", type=Path, required=True, metavar="TSV", help="cohort.tsv of a run")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder for results")


def _validate(**options: Any) -> None:
    """Write tables and page, and say where they are."""
    from metcn.cli import validate

    validate.validate(**options)
    print(f"metcn: the validation is in {options['output'] / 'validation.html'}", file=sys.stderr)


def _add_simulate(commands: argparse._SubParsersAction) -> None:
    command = _command(commands, "simulate", "write a made-up cohort with known truth")
    kinds = command.add_subparsers(dest="kind", metavar="KIND", required=True, parser_class=_Parser)
    demo = kinds.add_parser("demo", help="the small cohort of the demonstration", allow_abbrev=False)
    cohort = kinds.add_parser("cohort", help="a cohort of your own design", allow_abbrev=False)
    for kind in (demo, cohort):
        kind.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write into")
        kind.add_argument("--seed", type=int, default=1, help="seed of all random numbers (default: 1)")
    cohort.add_argument("--genome", choices=stages.GENOME.choices, default="GRCh37", help="default: GRCh37")
    cohort.add_argument("--assay", choices=("panel", "amplicon", "swgs"), default="panel", help="default: panel")
    cohort.add_argument("--format", choices=("bam", "cnn", "mosdepth"), default="bam", help="default: bam")
    cohort.add_argument("--normals", type=_positive, default=6, metavar="N", help="number of normals (default: 6)")
    cohort.add_argument("--depth", type=float, default=200.0, metavar="X", help="mean depth of targets (default: 200)")
    tumour_help = "a tumour, such as focal:0.6:12 (12 copies at purity 0.6); may be repeated"
    cohort.add_argument("--tumour", action="append", type=_tumour, metavar="PROFILE:PURITY[:COPIES]", help=tumour_help)


def _simulate(kind: str, output: Path, seed: int, **design: Any) -> None:
    """Write a simulated cohort."""
    from metcn import simulate

    if kind == "demo":
        simulate.demo(output, seed)
        return
    chosen = design.pop("tumour") or [_tumour("focal:0.6:12"), _tumour("diploid:0.6")]
    tumours = [
        simulate.tumour(simulate.load(design["genome"]), f"T{number}_{profile}", profile, purity=purity, copies=copies)
        for number, (profile, purity, copies) in enumerate(chosen, start=1)
    ]
    simulate.cohort(output, seed=seed, tumours=tumours, as_=design.pop("format"), **design)


def _tumour(text: str) -> tuple[str, float, float | None]:
    """Profile, purity and copies of a simulated tumour."""
    try:
        profile, purity, *copies = text.split(":")
        return profile, float(purity), float(*copies) if copies else None
    except (TypeError, ValueError):
        message = f"expected PROFILE:PURITY or PROFILE:PURITY:COPIES such as focal:0.6:12, received {text!r}"
        raise argparse.ArgumentTypeError(message) from None


def _positive(text: str) -> int:
    """The whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, received {text!r}")
    return int(text)


def _sentence(text: str) -> str:
    """The text with a capital letter and a full stop."""
    return text[0].upper() + text[1:] + "."
