"""Cohorts with known truth, as the files a laboratory would hand over: BAMs or coverage tables, sheet, config, truth.

``demo`` writes the cohort of ``make demo``; ``cohort`` is its general form, which end-to-end tests use with coverage
tables. Everything follows from one seed, each sample from its own stream of random numbers.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metcn.errors import InputError
from metcn.files import write_text, writing
from metcn.genome.build import load
from metcn.io.coverage_formats import NULL_LOG2
from metcn.run.samples import SHEET_COLUMNS
from metcn.simulate.assays import TYPICAL, Design, Noise, design, draw_fragments, stream
from metcn.simulate.reads import PLASMA, TISSUE, Library, write_bam
from metcn.simulate.tumours import Karyotype, Sample, normal, preset, truth, with_background

FORMATS = ("bam", "cnn", "mosdepth")
DEMO_DEPTH = 60.0
DEMO_OFF_TARGET_BP = 1_000_000  # some 15 fragments per window at the demo's depth


def tumour(
    genome: Any,
    name: str,
    profile: str = "focal",
    *,
    purity: float,
    copies: float | None = None,
    size_bp: int = 3_000_000,
    background: bool = False,
    **fields: Any,
) -> Sample:
    """A tumour of a preset profile at a purity; ``fields`` are further fields of `Sample` (sex, specimen, ...).

    Raises
    ------
    InputError
        If the profile is unknown, the purity is not between 0 and 1, or the copies are negative.
    """
    if not 0 <= purity <= 1:
        raise InputError(f"expected a purity from 0 to 1, found {purity:g} for tumour {name}; give it as a share")
    if copies is not None and not copies >= 0:
        raise InputError(
            f"expected copies of 0 or more, found {copies:g} for tumour {name}; give the tumour cells' copies"
        )
    karyotype: Karyotype = preset(genome, profile, copies=copies, size_bp=size_bp)
    if background:
        karyotype = with_background(karyotype, genome)
    return Sample(name, karyotype, purity, profile, **fields)


def demo(output: str | Path, seed: int = 1) -> None:
    """Write the demonstration cohort: BAMs of 6 normals, 6 tissue tumours and a plasma sample, and their truth."""
    genome = load("GRCh37")
    tumours = [
        tumour(genome, "T1_focal", "focal", purity=0.6, copies=16, background=True, stated_purity="0.5-0.7"),
        tumour(genome, "T2_low_purity", "focal", purity=0.2, copies=14, background=True, sex="male"),
        tumour(genome, "T3_polysomy", "polysomy", purity=0.5, copies=7),
        tumour(genome, "T4_gain_7q", "gain_7q", purity=0.7, copies=4, background=True, sex="male"),
        tumour(genome, "T5_baseline", "diploid", purity=0.5, background=True, patient="P5", timepoint="baseline"),
        tumour(genome, "T6_unknown_purity", "focal", purity=0.4, copies=12, stated_purity="", stated_ploidy=""),
        tumour(
            genome, "T7_plasma", "focal", purity=0.15, copies=20, background=True, specimen="plasma",
            stated_purity="0.1-0.2", patient="P5", timepoint="progression",
        ),
    ]  # fmt: skip
    settings = {"bins": {"off_target_bp": DEMO_OFF_TARGET_BP}}
    cohort(output, genome=genome, normals=6, tumours=tumours, depth=DEMO_DEPTH, seed=seed, settings=settings)


def cohort(
    output: str | Path,
    *,
    genome: Any = "GRCh37",
    assay: str = "panel",
    normals: int = 6,
    tumours: Sequence[Sample] = (),
    depth: float = 200.0,
    seed: int = 1,
    as_: str = "bam",
    window_bp: int | None = None,
    noise: Noise = TYPICAL,
    settings: dict[str, dict[str, Any]] | None = None,
) -> None:
    """Write a cohort's inputs, ``samples.tsv``, ``config.yaml`` and ``truth.tsv`` into ``output``.

    Parameters
    ----------
    genome : str or Genome
        Build by name or as `metcn.genome.build.load` gives it. Contigs carry "chr" in GRCh38 and not in GRCh37.
    assay : panel, amplicon or swgs
    normals : int
        Normals N1, N2, ... for the panel of normals; every other one is male.
    tumours : sequence of Sample
        See `tumour`.
    depth : float
        Mean fold coverage of the targets (of the genome where there are none) in a sample without copy changes.
    as_ : bam, cnn or mosdepth
        BAMs; pairs of CNVkit coverage tables; or mosdepth ``regions.bed.gz``.
    window_bp : int, optional
        Width of off-target or genome windows: of the coverage tables' bins, and of a BAM's breakpoints.
    settings : dict, optional
        Further sections of ``config.yaml``.

    Raises
    ------
    InputError
        If the assay or the format is not one of these, the depth is not above 0, or two samples share a name.
    """
    output = Path(output)
    genome = load(genome) if isinstance(genome, str) else genome
    if as_ not in FORMATS:
        raise InputError(f"expected a format out of {', '.join(FORMATS)}, found '{as_}'; choose one of them")
    sexes = ("female", "male")
    samples = [normal(genome, f"N{place + 1}", sex=sexes[place % 2]) for place in range(normals)] + list(tumours)
    if not depth > 0:
        raise InputError(f"expected a depth above 0, found {depth:g}; give the mean fold coverage of a normal sample")
    names = [sample.name for sample in samples]
    if len(set(names)) < len(names):
        raise InputError(f"expected every simulated sample's name once, found {', '.join(names)}; rename one")
    if window_bp is None and as_ != "bam":
        window_bp = {"panel": 3_000_000, "swgs": 1_000_000}.get(assay)
    plan = design(genome, assay, seed=seed, window_bp=window_bp)
    rows = []
    for sample in samples:
        rng = stream(seed, "sample", assay, sample.name)
        library = PLASMA if sample.specimen == "plasma" else TISSUE
        fragments = plan.fragments(depth, library.fragment_bp)
        counts = draw_fragments(plan, sample, fragments=fragments, rng=rng, noise=noise)
        paths = _write_sample(output, genome, plan, sample, counts, library=library, rng=rng, as_=as_)
        rows.append(_sheet_row(sample, paths, as_))
    _write_table(pd.DataFrame(rows, columns=list(SHEET_COLUMNS)), output / "samples.tsv")
    _write_table(truth(genome, samples), output / "truth.tsv")
    config: dict[str, Any] = {"samples": "samples.tsv", "genome": genome.name, "assay": assay}
    if assay != "swgs":
        config["targets"] = f"{assay}.bed"
        targets = plan.bins[plan.bins.kind != "off_target"][["chromosome", "start", "end", "gene"]]
        targets = targets.assign(chromosome=_named(targets.chromosome, genome))
        _write_table(targets, output / config["targets"], header=False)
    _write_config(output / "config.yaml", config | (settings or {}))


def contig_names(genome: Any) -> dict[str, int]:
    """Contigs of the build and their lengths, named as its usual FASTA names them (GRCh37 ``7``, GRCh38 ``chr7``)."""
    names = _named(pd.Series(list(genome.contigs)), genome)
    return dict(zip(names, (int(length) for length in genome.contigs.values()), strict=True))


def _named(bare: pd.Series, genome: Any) -> pd.Series:
    """Bare chromosome names in the build's usual style."""
    return bare if genome.name == "GRCh37" else "chr" + bare.replace("MT", "M")


def _write_sample(
    output: Path, genome: Any, plan: Design, sample: Sample, counts: np.ndarray, *,
    library: Library, rng: np.random.Generator, as_: str,
) -> list[str]:  # fmt: skip
    """Write one sample in the chosen format; its files' paths relative to ``output``."""
    bins = plan.bins.assign(chromosome=_named(plan.bins.chromosome, genome))
    if as_ == "bam":
        paths = [f"bam/{sample.name}.bam"]
        if (bins.kind == "amplicon").any():
            # Amplicons start at primers: no fragment has its own ends, so duplicates cannot be told and are not marked.
            library = replace(library, duplicates=0.0)
        write_bam(
            output / paths[0],
            sample=sample.name,
            contigs=contig_names(genome),
            bins=bins,
            fragments=counts,
            library=library,
            rng=rng,
        )
        return paths
    depth = counts * library.fragment_bp / (bins.end - bins.start).to_numpy()
    if as_ == "mosdepth":
        paths = [f"coverage/{sample.name}.regions.bed.gz"]
        table = bins[["chromosome", "start", "end", "gene"]].assign(depth=depth.round(2))
        _write_table(table, output / paths[0], header=False)
        return paths
    log2 = np.log2(depth, out=np.full(len(depth), NULL_LOG2), where=depth > 0)
    table = bins[["chromosome", "start", "end", "gene"]].assign(depth=depth.round(4), log2=log2.round(5))
    off_target = bins.kind == "off_target"
    paths = []
    for part, chosen in (("target", ~off_target), ("antitarget", off_target)):
        if chosen.any():
            paths.append(f"coverage/{sample.name}.{part}coverage.cnn")
            _write_table(table[chosen], output / paths[-1])
    return paths


def _sheet_row(sample: Sample, paths: Sequence[str], as_: str) -> tuple[str, ...]:
    """The sample's row of the sample sheet, in the order of `SHEET_COLUMNS`."""
    alignments, coverage = (paths[0], "") if as_ == "bam" else ("", ";".join(paths))
    cells = {
        "sample": sample.name,
        "role": sample.role,
        "alignments": alignments,
        "coverage": coverage,
        "specimen": sample.specimen,
        "purity": sample.sheet_purity(),
        "ploidy": sample.sheet_ploidy(),
        "patient": sample.patient,
        "timepoint": sample.timepoint,
    }
    return tuple(cells.get(column, "") for column in SHEET_COLUMNS)


def _write_table(table: pd.DataFrame, path: Path, *, header: bool = True) -> None:
    """Write a tab-separated table, compressed (without a time stamp) where the name ends in .gz."""
    content = table.to_csv(sep="\t", index=False, header=header, lineterminator="\n").encode()
    with writing(path) as temporary:
        temporary.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _write_config(path: Path, config: dict[str, Any]) -> None:
    """Write the configuration as YAML: scalars first-level, sections one deeper."""
    lines = []
    for key, value in config.items():
        if isinstance(value, dict):
            lines += [f"{key}:", *(f"  {name}: {setting}" for name, setting in value.items())]
        else:
            lines.append(f"{key}: {value}")
    write_text(path, "\n".join(lines) + "\n")
