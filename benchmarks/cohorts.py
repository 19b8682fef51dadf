"""Samples through the stages in this process and a few more: normals, panels, measurements and calls of a cohort."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from metcn.files import read_json
from metcn.run import config, stages
from metcn.run.runner import call_stage
from metcn.run.samples import Sample


def cnvkit_pairs(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Target and antitarget coverage of each sample of a folder, by the sample's name."""
    found = sorted(folder.glob("*.targetcoverage.cnn*"))
    return {path.name.split(".")[0]: (path, *folder.glob(f"{path.name.split('.')[0]}.anti*.cnn*")) for path in found}


def patient(sample: str) -> str:
    """Patient behind a sample of the panel: ``TR_01`` for ``TR_01_T`` and ``TR_01_N``."""
    return sample.removesuffix("_T").removesuffix("_N")


@dataclass(frozen=True)
class Cohort:
    """Samples by name, whose results lie below ``folder`` as those of a run do.

    The panel of normals of a sample is made of all normals of *other* patients. So normals are left out one by one,
    and a tumour never meets its own normal.
    """

    folder: Path
    samples: Mapping[str, Sample]
    settings: Mapping[str, Any]
    workers: int = 2

    @classmethod
    def of(cls, folder: Path, samples: Iterable[Sample], *, workers: int, **keys: Any) -> Cohort:
        """A cohort with the keys of a configuration; build GRCh37 and assay panel unless they say otherwise."""
        settings = config.complete({"genome": "GRCh37", "assay": "panel", **keys}, folder, "benchmark")
        return cls(folder, {sample.name: sample for sample in samples}, settings, workers)

    def joined(self, samples: Iterable[Sample]) -> Cohort:
        """The cohort with more samples."""
        return replace(self, samples={**self.samples, **{sample.name: sample for sample in samples}})

    def at(self, stage: str, sample: str = "", argument: str = "output") -> Path:
        """Path of a stage's result."""
        return self.folder / stages.path(stage, argument, sample)

    def run(self, stage: str, sample: str = "", **files: Any) -> None:
        """Run one stage on ``files``; its results lie where a run has them unless ``files`` names them too."""
        facts = {"genome": self.settings["genome"], "assay": self.settings["assay"], "sample": sample}
        if sample:
            row = self.samples[sample]
            facts |= {"specimen": row.specimen, "purity": row.purity, "ploidy": row.ploidy}
        written = {argument: self.at(stage, sample, argument) for argument in stages.STAGES[stage].outputs}
        settings = {key: self.settings[stage][key] for key in config.settings_keys(stage)}
        call_stage(stage, {**facts, **written, **files}, settings)

    def normals_of(self, sample: str) -> tuple[str, ...]:
        """Normals that a sample is compared with."""
        own = self.samples[sample].patient
        return tuple(s.name for s in self.samples.values() if s.role == "normal" and s.patient != own)

    def panel_of(self, normals: Sequence[str]) -> Path:
        """Path of the panel made of these normals, named after those it leaves out."""
        every = [sample.name for sample in self.samples.values() if sample.role == "normal"]
        absent = "_".join(sorted(set(every) - set(normals))) or "none"
        return self.at("reference").with_name(f"without_{absent}.h5")

    def measure(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Measurement of each named sample (``ratios/SAMPLE.json``), counts and panels being made on the way."""
        panels = {self.normals_of(name) for name in names}
        self.count(sorted({*names}.union(*panels)), bins_of=names[0])
        each(self.make_panel, sorted(panels), self.workers, "reference")
        each(self._ratios, names, self.workers, "ratios")
        return {name: read_json(self.at("ratios", name, "summary")) for name in names}

    def count(self, names: Sequence[str], *, bins_of: str = "") -> None:
        """Bins, those of the tables of sample ``bins_of`` (default: the first), and counts of each named sample."""
        self.run("bins", coverage=list(self.samples[bins_of or names[0]].coverage))
        each(self._count, names, self.workers, "counts")

    def measured(self, sample: str) -> dict[str, Any]:
        """Measurement of one sample whose counts and panel are there."""
        self._ratios(sample)
        return read_json(self.at("ratios", sample, "summary"))

    def call(self, names: Sequence[str]) -> pd.DataFrame:
        """Table over the cohort of the named samples, which have been measured."""
        each(self._call, names, self.workers, "calls")
        self.run("cohort", calls=[self.at("calls", name) for name in names])
        return pd.read_csv(self.at("cohort"), sep="\t").set_index("sample", drop=False)

    def _count(self, sample: str) -> None:
        self.run("counts", sample, bins=self.at("bins"), coverage=list(self.samples[sample].coverage))

    def make_panel(self, normals: Sequence[str]) -> None:
        """Make the panel of these normals, which have been counted."""
        counts = [self.at("counts", name) for name in normals]
        self.run("reference", bins=self.at("bins"), counts=counts, output=self.panel_of(normals))

    def _ratios(self, sample: str) -> None:
        told = {"counts": self.at("counts", sample), "counts_summary": self.at("counts", sample, "summary")}
        self.run("ratios", sample, bins=self.at("bins"), reference=self.panel_of(self.normals_of(sample)), **told)

    def call_one(self, sample: str, *, measured_as: str = "", counted_as: str = "", **facts: str) -> dict[str, Any]:
        """Call of one sample, as ``calls/SAMPLE.json`` has it.

        Its ratios and counts are those of the samples ``measured_as`` and ``counted_as``, by default its own; ``facts``
        are further ones that the stage ``calls`` takes.
        """
        ratios, measurement = (self.at("ratios", measured_as or sample, name) for name in ("output", "summary"))
        segments, purity = self.at("segments", sample), self.at("purity", sample)
        self.run("segments", sample, ratios=ratios)
        self.run("purity", sample, segments=segments)
        self.run("copies", sample, measurement=measurement, purity=purity, ratios=ratios)
        told = {"counts_summary": self.at("counts", counted_as or sample, "summary"), **facts}
        told["draws"] = self.at("copies", sample, "draws")
        self.run("calls", sample, measurement=measurement, purity=purity, copies=self.at("copies", sample), **told)
        return read_json(self.at("calls", sample))

    def _call(self, sample: str) -> None:
        self.call_one(sample)


def each(function: Callable[[Any], Any], items: Sequence[Any], workers: int, what: str) -> list[Any]:
    """Results of a function on every item, in their order, computed in ``workers`` processes of one thread each."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read by the new processes when they load NumPy
    start = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(function, items))
    print(f"{what}: {len(items)} in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return results
