"""Stages without the workflow: one sample (``metcn call``) or a small cohort, in the same files as the workflow's."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from metcn import files
from metcn.errors import InputError
from metcn.run import config, plan, runner, sheet
from metcn.run import stages as layout
from metcn.run.jobs import MEASURED
from metcn.run.samples import NAME

ENDINGS = re.compile(
    r"(\.(bam|cram|cnn|cnr|tsv|hdf5|bed|gz|regions|targetcoverage|target|counts|denoisedCR))+$", re.IGNORECASE
)
COUNTED = {"unit": str, "keep_duplicates": bool}  # settings of counts that a panel of normals keeps


def call(
    *,
    alignments: Path | None,
    coverage: Sequence[Path],
    ratios: Path | None,
    sample: str | None,
    specimen: str,
    purity: str,
    purity_error: str,
    ploidy: str,
    prior_tki: str,
    configfile: Path | None,
    output: Path,
    **named: Any,
) -> None:
    """Write ``results/`` of one sample below ``output``.

    ``named`` holds what may replace a key of the configuration: reference, genome, assay, targets, fasta, snps
    and unit.

    Raises
    ------
    InputError
        If an input is missing, ambiguous or wrong.
    """
    inputs = [path for path in (alignments, *coverage, ratios) if path]
    cells = {
        "sample": sample or _name(inputs),
        "role": "tumour",
        "alignments": str(alignments or ""),
        "coverage": ";".join(map(str, coverage)),
        "ratios": str(ratios or ""),
        "specimen": specimen,
        "purity": purity,
        "purity_error": purity_error,
        "ploidy": ploidy,
        "prior_tki": prior_tki,
    }
    row = sheet.one(cells, Path(), "metcn call")
    source = str(configfile or "metcn call")
    base = configfile.parent.resolve() if configfile else Path()
    steps = plan.make(config.complete(_given(configfile, named), base, source), [row], source)
    for stage in layout.STAGES:
        if stage in ("reference", "compare", "cohort") or (row.ratios and stage in ("bins", "counts")):
            continue
        runner.run_alone(steps, stage, row.name, output)
    _overview(steps, output)
    print(f"metcn: results are in {output / layout.path('cohort')}", file=sys.stderr)


def _overview(steps: plan.Plan, output: Path) -> None:
    """Write table and page of every sample that was called into a folder, one process at a time.

    The table is made anew of all calls that lie there, so no row depends on which of several processes came last.
    """

    def there(stage: str, argument: str = "output") -> list[str]:
        """Paths of a stage's results below the folder, by sample."""
        whole = layout.path(stage, argument, "*")
        return sorted(str(path.relative_to(output)) for path in output.glob(whole))

    with files.alone(output, wait=True):
        found = {"calls": there("calls"), "comparisons": there("compare"), "seg": there("segments", "seg")}
        runner.run_alone(
            steps,
            "cohort",
            "",
            output,
            inputs={name: paths for name, paths in found.items() if paths},
            omit=("complete",),
        )


def cohort(folder: Path, last: str, cores: int = 1) -> None:
    """Run the stages up to ``last`` on the sheet and configuration of a folder, pages and comparisons left out.

    Several samples run side by side in ``cores`` processes. Nothing of an earlier run is used again.

    Raises
    ------
    InputError
        If an input is wrong.
    """
    source = folder / "config.yaml"
    steps = plan.load(config.read(source), folder.resolve(), str(source))
    stages = list(layout.STAGES)
    done = stages[: stages.index(last) + 1]
    runner.run_alone(steps, "bins", "", folder)
    _each(steps, ["counts"], [*steps.normals, *steps.tumours], folder, cores)
    if "reference" in done:
        runner.run_alone(steps, "reference", "", folder)
    chain = [stage for stage in MEASURED if stage in done]
    _each(steps, chain, steps.tumours if chain else [], folder, cores)
    if last == "cohort":
        runner.run_alone(steps, "cohort", "", folder)


def _each(steps: plan.Plan, stages: Sequence[str], names: Sequence[str], folder: Path, cores: int) -> None:
    """Run the stages for every sample, in this process or in several of one thread each."""
    if cores == 1:
        for name in names:
            _chain(steps, stages, folder, name)
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read by the new processes when they load NumPy
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(partial(_chain, steps, stages, folder), names))


def _chain(steps: plan.Plan, stages: Sequence[str], folder: Path, name: str) -> None:
    """Run the stages for one sample, one after the other."""
    for stage in stages:
        runner.run_alone(steps, stage, name, folder)


def _given(configfile: Path | None, named: dict[str, Any]) -> dict[str, Any]:
    """The configuration as written, with what the command line names instead.

    The panel tells build, assay, and how depth is counted.
    """
    given = config.read(configfile) if configfile else {}
    reference, unit = named.pop("reference"), named.pop("unit")
    if reference is not None:
        given["reference"] = {**_section(given, "reference"), "file": str(reference.absolute())}
        facts = _facts_of(reference)
        counted = {name: facts.pop(name) for name in COUNTED if name in facts}
        given = {**facts, **given}
        if counted:
            own = {name: value for name, value in _section(given, "counts").items() if value is not None}
            given["counts"] = {**counted, **own}
    if unit is not None:
        given["counts"] = {**_section(given, "counts"), "unit": unit}
    for key, value in named.items():
        if value is not None:
            given[key] = str(value.absolute()) if isinstance(value, Path) else value
    return given


def _section(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A section of the configuration; empty if it is not there or no section."""
    section = given.get(name)
    return section if isinstance(section, dict) else {}


def _facts_of(reference: Path) -> dict[str, Any]:
    """Genome build and assay that a panel of normals was made for, and how its depth was counted."""
    if not reference.is_file():
        raise InputError(
            f"metcn call: option --reference: expected a file, {reference} does not exist; correct the path"
        )
    import h5py

    try:
        with h5py.File(reference, "r") as panel:
            facts: dict[str, Any] = {key: str(panel.attrs[key]) for key in ("genome", "assay") if key in panel.attrs}
            for name, kind in COUNTED.items():
                if name in panel.attrs:
                    facts[name] = kind(panel.attrs[name])
            return facts
    except OSError as error:
        message = f"metcn call: option --reference: expected a panel of normals, {reference} is not HDF5"
        raise InputError(f"{message}; give reference/reference.h5") from error


def _name(inputs: Sequence[Path]) -> str:
    """Name of a sample after its first file."""
    stem = ENDINGS.sub("", inputs[0].name) if inputs else ""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", stem).lstrip("._-")
    return name if NAME.fullmatch(name) else "sample"
