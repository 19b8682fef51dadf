"""Normalisation: time and memory by size, and whole commands beside CNVkit's on the same files, in turns.

    python benchmarks/bench_normalise.py [--sizes 100000x50 1000000x200] [--files 100000x20] [--repeats 3]

``--sizes`` (bins x normals) measures the core on arrays: building a panel of normals, writing it, and one tumour
against it, mapped from its file; and by how much CPU and memory grow when bins or normals double.
``--files`` gives the same coverage tables, with GC content, to both tools: ``metcn reference`` and ``metcn ratios``
beside CNVkit's ``reference`` (with its GC correction) and ``fix``. Each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from metcn.bins.layout import layout_of

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "benchmarks")]

import options  # noqa: E402

WINDOW_BP = 1000
FACTORS = 6
GROWING = ("panel_cpu_s", "tumour_cpu_s", "peak_mib")
TURNS = ("metcn_reference", "cnvkit_reference", "metcn_ratios", "cnvkit_fix")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    sizes = [f"{bins}x{normals}" for bins in (100_000, 1_000_000, 3_000_000) for normals in (50, 200)]
    files = ["100000x20", "100000x50"]
    parser.add_argument("--sizes", nargs="*", default=sizes, metavar="BxN", help=f"default: {' '.join(sizes)}")
    parser.add_argument("--files", nargs="*", default=files, metavar="BxN", help=f"default: {' '.join(files)}")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="turns with files (default: 3)")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        return globals()[f"child_{args.child[0]}"](*args.child[1:])
    rows = {size: measured("core", *size.split("x")) for size in args.sizes}
    if rows:
        table = pd.DataFrame(rows).T
        options.show("core on arrays, CPU s, one thread", table, index=True)
        if not (factors := growth(table)).empty:
            options.show("factor per doubling", factors)
    for size in args.files:
        with tempfile.TemporaryDirectory(prefix="metcn-bench-") as name:
            beside_cnvkit(size, Path(name), args.repeats)


def measured(*child: str) -> dict[str, float]:
    """What a measurement in a process of its own printed, as JSON."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--child", *child]
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(child)} failed")
    whole = {"process_cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": time.perf_counter() - begin}
    return {**(json.loads(out) if out.strip() else {}), **whole, "peak_mib": usage.ru_maxrss / 1024}


def growth(table: pd.DataFrame) -> pd.DataFrame:
    """By what each figure grows when bins or normals double, between the sizes that differ in one of them alone."""
    sizes = [tuple(map(int, name.split("x"))) for name in table.index]
    rows = {}
    for one, other in itertools.combinations(sorted(sizes), 2):
        for axis, word in enumerate(("bins", "normals")):
            if one[1 - axis] == other[1 - axis]:
                first, second = (table.loc["x".join(map(str, size))] for size in (one, other))
                power = np.log2(second / first) / np.log2(other[axis] / one[axis])
                rows[f"{word} {one[axis]}-{other[axis]} at {one[1 - axis]}"] = 2**power
    return pd.DataFrame(rows).T[list(GROWING)] if rows else pd.DataFrame(columns=list(GROWING))


def design(bins: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Windows over 22 chromosomes and their GC content; MET where it is."""
    from metcn.genome import build as genomes

    facts = genomes.load("GRCh37")
    lengths = np.array([facts.contigs[name] for name in genomes.AUTOSOMES], dtype=float)
    share = np.maximum((lengths / lengths.sum() * bins).astype(int), 10)
    share[0] += bins - share.sum()
    chromosome = np.repeat(list(genomes.AUTOSOMES), share)
    start = np.concatenate(
        [np.linspace(0, length - WINDOW_BP, count).astype(int) for length, count in zip(lengths, share, strict=True)]
    )
    end = start + WINDOW_BP
    role = genomes.role_of(facts, chromosome, start, end)
    gc = np.clip(np.random.default_rng(1).normal(0.42, 0.06, bins), 0.25, 0.7)
    frame = pd.DataFrame({"chromosome": chromosome, "start": start, "end": end, "gene": "-", "kind": "window"})
    return frame.assign(role=role, gc=gc, mappability=np.nan, mask=""), gc


def depths(gc: np.ndarray, normals: int) -> np.ndarray:
    """Log2 depths of normals: factors that samples share, GC, and noise; float32, shape (normals, bins)."""
    random = np.random.default_rng(2)
    loading = random.normal(0, 0.1, (FACTORS, len(gc))).astype(np.float32)
    out = np.empty((normals, len(gc)), dtype=np.float32)
    for row in out:
        row[:] = 0.25 * random.standard_normal(len(gc), dtype=np.float32) + 5 + random.normal() * (gc - 0.42) * 3
        row += random.normal(size=FACTORS).astype(np.float32) @ loading
    return out


def child_core(bins: str, normals: str) -> None:
    """Build a panel of arrays and take one tumour's ratios."""
    from metcn.ratios import correct
    from metcn.reference import build, panel_file
    from metcn.run.settings import ReferenceSettings

    frame, gc = design(int(bins))
    layout, depth = layout_of(frame), depths(gc, int(normals) + 1)
    tumour, matrix = depth[-1].astype(float), np.array(depth[:-1])
    del depth
    begin = time.process_time()
    panel = build.build(matrix, layout, ReferenceSettings())
    built = time.process_time()
    facts = {"genome": "GRCh37", "assay": "wgs", "normals": [f"n{number}" for number in range(int(normals))]}
    with tempfile.TemporaryDirectory(prefix="metcn-bench-") as folder:
        path = Path(folder) / "reference.h5"
        panel_file.write(path, frame, panel, facts)
        written = time.process_time()
        _, panel, _ = panel_file.read(path)
        mapped = time.process_time()
        correct.correct(tumour, layout, panel)
        done, file_mib = time.process_time(), path.stat().st_size / 2**20
    per_cell = (built - begin) / matrix.size * 1e9
    times = {"panel_cpu_s": built - begin, "ns_per_bin_normal": per_cell, "write_cpu_s": written - built}
    times |= {"open_cpu_s": mapped - written, "tumour_cpu_s": done - mapped}
    print(json.dumps({**times, "matrix_mib": matrix.nbytes / 2**20, "file_mib": file_mib}))


def beside_cnvkit(size: str, folder: Path, repeats: int) -> None:
    """The same files through both tools, in turns; medians and ratios."""
    bins, normals = (int(part) for part in size.split("x"))
    write_files(folder, bins, normals)
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in TURNS}
    for _ in range(repeats):
        for name in TURNS:
            rows[name].append(measured(name, str(folder), str(normals)))
    table = pd.DataFrame({name: {key: statistics.median(row[key] for row in runs) for key in runs[0]}
                          for name, runs in rows.items()}).T  # fmt: skip
    options.show(f"{bins} bins, {normals} normals, from files, whole processes, medians of {repeats}", table)
    cpu = table["process_cpu_s"]
    print(f"CNVkit's CPU over metcn's: panel {cpu['cnvkit_reference'] / cpu['metcn_reference']:.1f}, "
          f"one tumour {cpu['cnvkit_fix'] / cpu['metcn_ratios']:.1f}")  # fmt: skip


def write_files(folder: Path, bins: int, normals: int) -> None:
    """Coverage of the normals and of a tumour, once for each tool; CNVkit's has the GC content it corrects for."""
    from metcn.io import tables

    frame, gc = design(bins)
    tables.write_bins(folder / "bins.tsv", frame)
    for number, log2 in enumerate(depths(gc, normals + 1)):
        table = frame[["chromosome", "start", "end", "gene"]].assign(log2=log2.astype(float))
        table = table.assign(depth=2.0 ** table["log2"])
        tables.write_counts(folder / f"s{number}.cnn", table.assign(count=pd.array([None] * bins, dtype="Int64")))
        table.assign(gc=gc).to_csv(folder / f"s{number}.targetcoverage.cnn", sep="\t", index=False)


def child_metcn_reference(folder: str, normals: str) -> None:
    """``metcn reference``."""
    from metcn.cli.main import main as command

    counts = [f"{folder}/s{number}.cnn" for number in range(int(normals))]
    where = ["--genome", "GRCh37", "--assay", "wgs", "--output", f"{folder}/reference.h5"]
    sys.exit(command(["reference", "--bins", f"{folder}/bins.tsv", "--counts", *counts, *where]))


def child_metcn_ratios(folder: str, normals: str) -> None:
    """``metcn ratios`` of the tumour."""
    from metcn.cli.main import main as command

    told = ["--sample", "s", "--counts", f"{folder}/s{normals}.cnn", "--bins", f"{folder}/bins.tsv"]
    told += ["--reference", f"{folder}/reference.h5", "--genome", "GRCh37", "--assay", "wgs"]
    sys.exit(command(["ratios", *told, "--output", f"{folder}/s.cnr", "--summary", f"{folder}/s.json"]))


def child_cnvkit_reference(folder: str, normals: str) -> None:
    """CNVkit's ``reference``."""
    from cnvlib import reference
    from skgenome import tabio

    paths = [f"{folder}/s{number}.targetcoverage.cnn" for number in range(int(normals))]
    tabio.write(reference.do_reference(paths, do_rmask=False, do_edge=False), f"{folder}/reference.cnn")


def child_cnvkit_fix(folder: str, normals: str) -> None:
    """CNVkit's ``fix`` of the tumour."""
    from cnvlib import cmdutil, fix
    from cnvlib.cnary import CopyNumArray
    from skgenome import tabio

    target = cmdutil.read_cna(f"{folder}/s{normals}.targetcoverage.cnn")
    nothing = CopyNumArray(target.data.iloc[:0], {"sample_id": "s"})
    made = fix.do_fix(target, nothing, cmdutil.read_cna(f"{folder}/reference.cnn"), do_rmask=False, do_edge=False)
    tabio.write(made, f"{folder}/s.cnvkit.cnr")


if __name__ == "__main__":
    main()
