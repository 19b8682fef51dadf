"""Titration: a fold's inputs, which are half of the normals and tumours made of the other half."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from metcn import mixture
from metcn.counts import counters as counting
from metcn.errors import InputError
from metcn.files import writing
from metcn.genome import build as genomes
from metcn.io import tables
from metcn.io.delimited import tab_separated
from metcn.run.samples import Sample
from metcn.simulate import tumours
from metcn.simulate.assays import stream
from metcn.titration import limit

NEGATIVE = "none"  # the extent of a donor that is left as it is
WORDS = {"gene": "focal", "arm": "gain_7q", "chromosome": "polysomy"}
FOCALITY = {"arm": "arm", "chromosome": "polysomy", NEGATIVE: "none"}
SHEET = ("sample", "role", "alignments", "coverage", "purity", "ploidy")
TRUTH = ("sample", "fold", "donor", "copies", "extent", "depth", "background", *tumours.TRUTH_COLUMNS[2:8])


@dataclass(frozen=True)
class Grid:
    """What is made: every combination of copies, purity, extent and depth, each on ``replicates`` donors."""

    copies: Sequence[float]
    purities: Sequence[float]
    sizes: Sequence[str]
    depths: Sequence[float]
    replicates: int
    seed: int
    known: bool = True  # whether the sheet states purity and ploidy


@dataclass(frozen=True)
class Tumour:
    """One tumour to make: a donor with the depth that these copies would give it."""

    name: str
    donor: str
    copies: float
    extent: str
    depth: float
    background: str
    made: tumours.Sample

    def factor(self, chromosome: Any, start: Any, end: Any) -> np.ndarray:
        """Depth of intervals (bare chromosome names) over the donor's own; what the karyotype leaves out is diploid."""
        two = mixture.expected_ratio(mixture.NORMAL_COPIES, self.made.purity, tumours.ploidy(self.made.karyotype))
        ratio = tumours.ratio_over(self.made, chromosome, start, end)
        return self.depth * np.where(np.isfinite(ratio), ratio, two)


def read_karyotypes(path: Path | None, facts: genomes.Genome) -> dict[str, tumours.Karyotype]:
    """Karyotypes by profile from a table of absolute copies; without a path, the diploid one.

    Raises
    ------
    InputError
        If the table lacks a column or a number is missing.
    """
    if path is None:
        return {"diploid": tumours.diploid(facts)}
    columns = ["profile", "chromosome", "start", "end", "copies"]
    try:
        table = pd.read_csv(path, sep="\t", dtype={"profile": str, "chromosome": str})
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read karyotypes {path}: {error}; give a tab-separated table") from error
    absent = [name for name in columns if name not in table.columns]
    if absent or table.empty or table[columns].isna().any(axis=None):
        raise InputError(f"expected columns {', '.join(columns)} without empty cells in {path}; correct the table")
    table["chromosome"] = genomes.bare_names(table["chromosome"])
    return {
        str(name): [tumours.Segment(*row) for row in part[columns[1:]].itertuples(index=False)]
        for name, part in table.groupby("profile")
    }


def plan(
    grid: Grid, donors: Sequence[str], facts: genomes.Genome, backgrounds: Mapping[str, tumours.Karyotype], fold: int
) -> list[Tumour]:
    """Tumours of one fold: unchanged donors at every depth and stated purity, then every stratum.

    Donors and karyotypes come in a random order of the stratum's own, so that strata do not share them all.
    """
    made = []
    stated = grid.purities if grid.known else grid.purities[:1]
    for depth, purity, donor in product(grid.depths, stated, donors):
        made.append(_tumour(grid, fold, donor, (2.0, purity, NEGATIVE, depth), "diploid", tumours.diploid(facts)))
    for copies, purity, size, depth in product(grid.copies, grid.purities, grid.sizes, grid.depths):
        random = stream(grid.seed, "stratum", str(fold), f"{copies:g}", f"{purity:g}", size, f"{depth:g}")
        order, names = random.permutation(list(donors)), sorted(backgrounds)
        for number in range(grid.replicates):
            name = names[int(random.integers(len(names)))]
            karyotype = _amplified(backgrounds[name], facts, copies, size)
            turn = number // len(order)
            donor = str(order[number % len(order)])
            made.append(_tumour(grid, fold, donor, (copies, purity, size, depth), name, karyotype, turn))
    return made


def _amplified(karyotype: tumours.Karyotype, facts: genomes.Genome, copies: float, size: str) -> tumours.Karyotype:
    """The karyotype with MET's copies over an extent."""
    start, end = facts.met
    if size == "arm":
        start, end = facts.centromere["7"][1], facts.contigs["7"]
    elif size == "chromosome":
        start, end = 0, facts.contigs["7"]
    elif size != "gene":
        middle = sum(facts.met) // 2
        start, end = max(middle - int(size) // 2, 0), min(middle + int(size) // 2, facts.contigs["7"])
    return tumours.with_copies(karyotype, "7", int(start), int(end), copies)


def _tumour(
    grid: Grid,
    fold: int,
    donor: str,
    stratum: tuple[float, float, str, float],
    background: str,
    karyotype: tumours.Karyotype,
    turn: int = 0,
) -> Tumour:
    """A tumour of a stratum (copies, purity, extent, depth), whose name says all of it; ``turn`` repeats a donor."""
    copies, purity, extent, depth = stratum
    name = f"f{fold}_{donor}_c{copies:g}_p{purity:g}_{extent}_d{depth:g}" + (f"_{turn + 1}" if turn else "")
    told: dict[str, Any] = (
        {"stated_purity": f"{purity:g}!"} if grid.known else {"stated_purity": "", "stated_ploidy": ""}
    )
    made = tumours.Sample(name, karyotype, purity, extent, **told)
    return Tumour(name, donor, copies, extent, depth, background, made)


def truth(made: Sequence[Tumour], facts: genomes.Genome, fold: int) -> pd.DataFrame:
    """A row per tumour: how it was made, and what a perfect pipeline would say (columns `TRUTH`)."""
    table = tumours.truth(facts, [tumour.made for tumour in made])
    table["fold"] = fold
    for name in ("donor", "copies", "extent", "depth", "background"):
        table[name] = [getattr(tumour, name) for tumour in made]
    return table[list(TRUTH)]


def usable_rows(paths: Sequence[Path]) -> tuple[np.ndarray, bool]:
    """Which bins every sample has a depth for, and whether fragments were counted in all of them.

    Raises
    ------
    InputError
        If no bin is left.
    """
    usable, counted = np.array(True), True
    for path in paths:
        frame = tables.read_counts(path)
        known = frame["depth"].notna().to_numpy()
        usable = usable & known
        counted = counted and bool(frame["count"].notna().to_numpy()[known].all())
    if not usable.any():
        raise InputError(f"expected bins that all {len(paths)} normals have a depth for, found none; check the normals")
    return usable, counted


def check_tables(grid: Grid, donors: int) -> None:
    """Nothing, if depth tables without fragment counts can give what is asked for.

    Raises
    ------
    InputError
        If a lower depth or more replicates than donors are asked for.
    """
    remedy = "give BAM or CRAM files of the normals, or leave the option out"
    if any(depth != 1 for depth in grid.depths):
        raise InputError(f"--depths: expected 1 for coverage tables, whose chance scatter is unknown; {remedy}")
    if grid.replicates > donors:
        raise InputError(
            f"--replicates: expected at most {donors}, one for each donor, received {grid.replicates}: coverage tables "
            f"would give the same tumour again; {remedy}"
        )


def write_normal(path: Path, counts: Path, usable: np.ndarray) -> None:
    """Write a normal's depth as a coverage table of the bins that all samples have."""
    _write_depth(path, tables.read_counts(counts)[usable])


def write_tumour(path: Path, tumour: Tumour, counts: Path, usable: np.ndarray, *, counted: bool, seed: int) -> None:
    """Write a tumour's depth as a coverage table: fragments thinned and added where counted, else depth multiplied."""
    frame = tables.read_counts(counts)[usable]
    bare = genomes.bare_names(frame["chromosome"])
    factor = tumour.factor(bare.to_numpy(), frame["start"].to_numpy(), frame["end"].to_numpy())
    if counted:
        count = limit.reweighted(frame["count"].to_numpy(float), factor, stream(seed, "tumour", tumour.name))
        depth = counting.depth_per_kb(count, (frame["end"] - frame["start"]).to_numpy())
        frame = frame.assign(count=pd.array(np.rint(count), dtype="Int64"))
    else:
        depth = frame["depth"].to_numpy() * factor
    _write_depth(path, frame.assign(depth=depth))


def _write_depth(path: Path, frame: pd.DataFrame) -> None:
    """Write a coverage table as CNVkit lays it out, with the fragments where they are known.

    A file that already says the same is left as it is.
    """
    log2 = counting.log2_depth(frame["depth"].to_numpy())
    columns = ["chromosome", "start", "end", "gene", "depth", *(["count"] if frame["count"].notna().any() else [])]
    table = frame[columns].assign(log2=log2)
    write_if_new(path, gzip.compress(tab_separated(table).encode(), compresslevel=3, mtime=0))


def write_fold(
    folder: Path, rows: Sequence[Mapping[str, str]], known: pd.DataFrame, settings: Mapping[str, Any]
) -> None:
    """Write a fold's ``samples.tsv``, ``truth.tsv`` and ``config.yaml``."""
    write_if_new(folder / "samples.tsv", _sheet(rows))
    write_if_new(folder / "truth.tsv", tab_separated(known).encode())
    write_config(folder, settings)


def write_config(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write a folder's ``config.yaml``, which names the sheet beside it."""
    content = yaml.safe_dump({**settings, "samples": "samples.tsv"}, sort_keys=False, allow_unicode=True)
    write_if_new(folder / "config.yaml", content.encode())


def sheet_rows(
    normals: Mapping[str, Mapping[str, str]], made: Sequence[Tumour], files: Mapping[str, Mapping[str, str]]
) -> Iterator[dict[str, str]]:
    """Rows of a fold's sample sheet; ``normals`` and ``files`` hold the cell with each sample's input."""
    for name, cell in normals.items():
        yield {"sample": name, "role": "normal", **cell}
    for tumour in made:
        stated = {"purity": tumour.made.sheet_purity(), "ploidy": tumour.made.sheet_ploidy()}
        yield {"sample": tumour.name, "role": "tumour", **stated, **files[tumour.name]}


def counting_sheet(path: Path, normals: Sequence[Sample]) -> None:
    """Write a sheet with which the workflow counts the normals; what a sample is for does not matter to counting."""
    rows = [
        {
            "sample": sample.name,
            "role": "tumour",
            "alignments": str(sample.alignments or ""),
            "coverage": ";".join(map(str, sample.coverage)),
        }
        for sample in normals
    ]
    write_if_new(path, _sheet(rows))


def write_if_new(path: Path, content: bytes) -> None:
    """Write bytes, unless the file holds them already: then its age, which the workflow goes by, stays as it is."""
    if path.is_file() and path.read_bytes() == content:
        return
    with writing(path) as temporary:
        temporary.write_bytes(content)


def _sheet(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Text of a sample sheet; cells that a row lacks are empty."""
    return tab_separated(pd.DataFrame([dict.fromkeys(SHEET, "") | dict(row) for row in rows])).encode()
