"""``metcn titrate``: normals counted, tumours made of one half of them, called against the other half, and judged."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from metcn import files, provenance
from metcn.cli import call
from metcn.cli import run as launch
from metcn.errors import InputError
from metcn.run import config, sheet, stages
from metcn.run.plan import criteria_files
from metcn.run.samples import Sample

FEWEST_NORMALS = 6
EXTENTS = ("gene", "arm", "chromosome")
FOLDS = (1, 2)

Run = Callable[[Path, str, Sequence[str]], int]  # folder, last stage, targets -> exit status


def titrate(
    *,
    samples: Path,
    configfile: Path,
    directory: Path,
    karyotypes: Path | None,
    bam: bool,
    unknown_purity: bool,
    in_process: bool,
    cores: int | None,
    profile: str | None,
    **grid: Any,
) -> int:
    """Exit status of a titration, whose results lie in ``directory``.

    ``grid`` holds copies, purities, sizes, depths, replicates and seed.

    Raises
    ------
    InputError
        If an option, the sheet or the configuration is wrong, there are too few normals, or another titration is at
        work in the folder.
    """
    _check(grid)
    given = config.read(configfile)
    settings = config.complete(given, configfile.parent.resolve(), str(configfile))
    normals = _normals(samples)
    from metcn.titration import outcomes  # the scientific stack, which `metcn --help` does without

    work = _Work(directory, settings, normals)
    with files.alone(directory) as lock:
        run = _in_process(cores) if in_process else _by_workflow(cores, profile, lock)
        status = 0 if bam else run(work.counting(), "counts", work.counts())
        if status:
            return status
        folds = work.make(grid, karyotypes, known=not unknown_purity, bam=bam)
        for folder in folds:
            status = run(folder, "cohort", [stages.path("cohort")])
            if status:
                return status
    table = outcomes.collect(
        folds,
        stages.STAGES["calls"].outputs["output"],
        settings["calls"]["decide"],
        criteria_files(settings["calls"]["criteria_folder"]),
    )
    title = f"{settings['report']['title']}, {settings['assay']}"
    outcomes.write(directory, table, title, _notes(grid, settings, len(normals), bam, not unknown_purity))
    print(f"metcn: the titration is in {directory / 'titration.html'} and the tables beside it", file=sys.stderr)
    return 0


def _by_workflow(cores: int | None, profile: str | None, lock: int) -> Run:
    """The workflow for some targets of a folder with a sheet and a configuration.

    ``lock`` stands for Snakemake's own lock, which a killed run leaves behind, and lives as long as Snakemake does.
    """

    def run(folder: Path, last: str, targets: Sequence[str]) -> int:
        """Exit status of the workflow."""
        return launch.run(
            samples=folder / "samples.tsv",
            configfile=folder / "config.yaml",
            directory=folder,
            cores=cores,
            profile=profile,
            dry_run=False,
            unlock=False,
            snakemake=[*targets, "--nolock"],
            keep=[lock],
        )

    return run


def _in_process(cores: int | None) -> Run:
    """The same stages without the workflow."""

    def run(folder: Path, last: str, targets: Sequence[str]) -> int:
        """Exit status of a run that raised nothing."""
        call.cohort(folder, last, cores or 1)
        return 0

    return run


class _Work:
    """A titration's folder and what it is made of."""

    def __init__(self, directory: Path, settings: Mapping[str, Any], normals: Sequence[Sample]) -> None:
        self.directory, self.settings = directory, settings
        self.normals = {sample.name: sample for sample in normals}

    def counting(self) -> Path:
        """Folder with what it takes to count every normal."""
        from metcn.titration import tumours as titrate

        folder = self.directory / "normals"
        titrate.counting_sheet(folder / "samples.tsv", list(self.normals.values()))
        titrate.write_config(folder, self.settings)
        return folder

    def counts(self) -> list[str]:
        """Paths of the normals' counts below their folder."""
        return [stages.path("counts", sample=name) for name in self.normals]

    def make(self, grid: Mapping[str, Any], karyotypes: Path | None, *, known: bool, bam: bool) -> list[Path]:
        """Folders of the folds, with their inputs written."""
        from metcn.genome import build
        from metcn.simulate.assays import stream
        from metcn.titration import limit
        from metcn.titration import tumours as titrate

        asked = titrate.Grid(**grid, known=known)
        facts = build.load(self.settings["genome"])
        backgrounds = titrate.read_karyotypes(karyotypes, facts)
        names = sorted(self.normals)
        parts = [
            [names[place] for place in half] for half in limit.halves(len(names), stream(asked.seed, "halves", *names))
        ]
        write = self._bams if bam else self._tables(asked)
        folders = []
        for fold, panel, donors in zip(FOLDS, parts, reversed(parts), strict=True):
            folder = self.directory / f"fold_{fold}"
            made = titrate.plan(asked, donors, facts, backgrounds, fold)
            rows = titrate.sheet_rows(*write(folder, panel, made, asked))
            settings = self._fold_settings(bam)
            titrate.write_fold(folder, list(rows), titrate.truth(made, facts, fold), settings)
            folders.append(folder)
        return folders

    def _fold_settings(self, bam: bool) -> dict[str, Any]:
        """The configuration of a fold: its panel is made of its own normals, its bins are those of its tables."""
        own = {**self.settings, "reference": {**self.settings["reference"], "file": None}}
        return own if bam else {**own, "targets": None}

    def _tables(self, asked: Any) -> Callable[..., Any]:
        """A writer of coverage tables, after the counts were found to allow what is asked for."""
        from metcn.titration import tumours as titrate

        folder = self.directory / "normals"
        counts = {name: folder / stages.path("counts", sample=name) for name in self.normals}
        usable, counted = titrate.usable_rows(list(counts.values()))
        if not counted:
            titrate.check_tables(asked, len(self.normals) // 2)

        def write(fold: Path, panel: Sequence[str], made: Sequence[Any], asked: Any) -> tuple[Any, ...]:
            """Cells of the normals, the tumours, and the tumours' cells, the tables being written."""
            cells = {name: {"coverage": f"coverage/{name}.cnn.gz"} for name in panel}
            files = {tumour.name: {"coverage": f"coverage/{tumour.name}.cnn.gz"} for tumour in made}
            for name, cell in cells.items():
                titrate.write_normal(fold / cell["coverage"], counts[name], usable)
            for tumour in made:
                path = fold / files[tumour.name]["coverage"]
                titrate.write_tumour(path, tumour, counts[tumour.donor], usable, counted=counted, seed=asked.seed)
            return cells, made, files

        return write

    def _bams(self, fold: Path, panel: Sequence[str], made: Sequence[Any], asked: Any) -> tuple[Any, ...]:
        """Cells of the normals, the tumours, and the tumours' cells, the BAM files being written."""
        from metcn.titration import bam as enrich

        given = {name: sample.alignments for name, sample in self.normals.items() if sample.alignments}
        if len(given) < len(self.normals):
            raise InputError("--bam: expected normals with alignments, found coverage tables; leave --bam out")
        cells = {name: {"alignments": str(given[name])} for name in panel}
        files = {tumour.name: {"alignments": f"bam/{tumour.name}.bam"} for tumour in made}
        fasta = self.settings["fasta"]
        for tumour in made:
            path, donor = fold / files[tumour.name]["alignments"], given[tumour.donor]
            enrich.write_tumour(path, tumour, donor, Path(fasta) if fasta else None, seed=asked.seed)
        return cells, made, files


def _normals(path: Path) -> list[Sample]:
    """The sheet's normals.

    Raises
    ------
    InputError
        If they are too few, or hold ratios instead of depth.
    """
    normals = [sample for sample in sheet.read(path, calling=False) if sample.role == "normal"]
    if len(normals) < FEWEST_NORMALS:
        raise InputError(
            f"{path}: expected at least {FEWEST_NORMALS} samples of role normal, three to compare with and three to "
            f"make tumours of, found {len(normals)}; add normals of the same assay"
        )
    ratios = [sample.name for sample in normals if sample.ratios]
    if ratios:
        raise InputError(f"{path}: expected depth of normal {ratios[0]}, found ratios; give its BAM or coverage table")
    return normals


def _check(grid: Mapping[str, Any]) -> None:
    """Nothing, if the options describe tumours that can be.

    Raises
    ------
    InputError
        Naming the first option that does not.
    """
    bounds = {
        "copies": (lambda value: value > 2, "numbers above 2"),
        "purities": (lambda value: 0 < value <= 1, "numbers above 0 and at most 1"),
        "depths": (lambda value: 0 < value <= 1, "numbers above 0 and at most 1, shares of the donors' depth"),
    }
    for name, (allowed, wanted) in bounds.items():
        for value in grid[name]:
            if not allowed(value):
                raise InputError(f"--{name}: expected {wanted}, received {value:g}; correct the option")
    for size in grid["sizes"]:
        if size not in EXTENTS and not re.fullmatch(r"[1-9]\d{2,8}", size):
            raise InputError(
                f"--sizes: expected {', '.join(EXTENTS)} or a whole number of bases from 100 on, received {size!r}; "
                "correct the option"
            )


def _notes(grid: Mapping[str, Any], settings: Mapping[str, Any], normals: int, bam: bool, known: bool) -> list[str]:
    """With what and how the tumours were made, for the page."""
    code, configuration = provenance.code_digest(), provenance.digest(settings)
    way = "Fragments of the donors' BAM files were left out or repeated" if bam else "The donors' depth was changed"
    told = "stated to the pipeline" if known else "withheld from the pipeline"
    return [
        f"metcn {provenance.VERSION}, code {code}, configuration {configuration}, {settings['genome']}.",
        f"{normals} normals in two halves (seed {grid['seed']}): each half is the panel of normals of tumours made of "
        f"the other. Purity and ploidy were {told}.",
        f"{way} by what each stratum's copies, purity and extent would give; all else is the donors' own noise. "
        "Tumours of one donor share its noise: limits of detection count donors, not tumours; intervals of single "
        "shares count tumours and are too narrow where donors are repeated.",
        "A criterion whose bound is the stratum's own number of copies is met by half of all perfect measurements and "
        "decided by few: its limit lies above any purity.",
    ]
