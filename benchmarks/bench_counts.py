"""Counting against its peers: CPU, wall and memory of whole commands, in turns, medians, with a check of the counts.

    python benchmarks/bench_counts.py [BAM] [--targets BED] [--kind panel|swgs|slice] [--reads 8000000] [--repeats 3]

Without a BAM one is built (see make_bam.py): a panel of 5,000 targets, a shallow genome in bins of 100 kb, or all reads
of one chromosome of a genome, in bins of 1 kb. ``bgzip -dc`` is the yardstick: no tool reads the file with less work.
A tool that is not installed is left out by name. Commands run in turns, so that a busy moment hits all of them alike.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pysam

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "benchmarks")]

import make_bam  # noqa: E402

from metcn.genome import build as genomes  # noqa: E402

YARDSTICK = "bgzip -dc"
SLICE = "chr22"
KINDS = ("panel", "swgs", "slice")
LEFT_OUT = "0xF04"  # unmapped, secondary, QC-failed, duplicate, supplementary


class Cost(NamedTuple):
    """What one run took, children included."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def run(command: list[str]) -> Cost:
    """Cost of a command, whose output goes nowhere."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a first run may keep what it compiled, as it would anywhere
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begin
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{shlex.join(command)} failed:\n{errors.read().decode(errors='replace')[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def apart(function: Callable[..., None], *given: Any, **named: Any) -> None:
    """Call a function in a process of its own: commands inherit the peak memory of the process they come from."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=given, kwargs=named)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(process.exitcode)


def ours(threads: int, bam: Path, bins: Path, folder: Path, genome: str) -> list[str]:
    """Our own command."""
    words = f"-m metcn counts --sample s --genome {genome} --threads {threads}".split()
    paths = {"bins": bins, "alignment": bam, "output": folder / f"{threads}.cnn", "summary": folder / f"{threads}.json"}
    return [sys.executable, *words, *(f"--{name}={path}" for name, path in paths.items())]


def contestants(
    bam: Path, bed: Path, bins: Path, folder: Path, genome: str, without: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    """Name and command of everything that is timed and installed."""
    cnvkit = shutil.which("cnvkit.py") or str(Path(sys.executable).with_name("cnvkit.py"))
    named = {
        YARDSTICK: f"bgzip -dc {bam}",
        "samtools view -c": f"samtools view -c -F {LEFT_OUT} -q 20 {bam}",
        "metcn counts, 1 thread": shlex.join(ours(1, bam, bins, folder, genome)),
        "metcn counts, 2 threads": shlex.join(ours(2, bam, bins, folder, genome)),
        "samtools bedcov": f"samtools bedcov -Q 20 {bed} {bam}",
        "mosdepth -n -x": f"mosdepth -n -x -F 3844 -Q 20 --by {bed} {folder / 'mosdepth'} {bam}",
        "CNVkit coverage": f"{sys.executable} {cnvkit} coverage -q 20 -p 1 -o {folder / 'cnvkit.cnn'} {bam} {bed}",
    }
    for name, line in named.items():
        if any(word in name for word in without):
            continue
        command = shlex.split(line)
        if starts([sys.executable, cnvkit] if "CNVkit" in name else command[:1]):
            yield name, command
        else:
            print(f"left out, not installed or broken: {name}")


def starts(command: list[str]) -> bool:
    """Whether a tool is there and can tell its version or its usage."""
    try:
        done = subprocess.run([*command, "--help"], capture_output=True, timeout=60)
    except OSError:
        return False
    return done.returncode == 0


def plain_counts(bam: Path, bins: pd.DataFrame) -> np.ndarray:
    """Fragments per bin by the plainest loop there is: one read, one decision."""
    middles: dict[str, list[int]] = {}
    with pysam.AlignmentFile(str(bam), "rb") as handle:
        for read in handle.fetch(until_eof=True):
            if read.flag & 0xF04 or read.mapping_quality < 20:
                continue
            length = read.template_length
            if read.is_paired and not read.mate_is_unmapped:
                if length < 0 or length > 1000 or (length == 0 and not read.is_read1):
                    continue
                end = read.reference_start + length if length else read.reference_end
            else:
                end = read.reference_end
            middles.setdefault(read.reference_name, []).append((read.reference_start + end) // 2)
    counts = np.zeros(len(bins), dtype=np.int64)
    for name, rows in bins.groupby("chromosome").indices.items():
        ordered = np.sort(np.array(middles.get(str(name), []), dtype=np.int64))
        start, end = (bins[side].to_numpy()[rows] for side in ("start", "end"))
        counts[rows] = np.searchsorted(ordered, end) - np.searchsorted(ordered, start)
    return counts


def table(costs: dict[str, list[Cost]], reads: int) -> None:
    """Print medians, and ratios to the yardstick and to our own command."""
    middle = {
        name: Cost(*(statistics.median(side) for side in zip(*runs, strict=True))) for name, runs in costs.items()
    }
    own = middle["metcn counts, 1 thread"]
    limit = middle.get(YARDSTICK)
    print(f"\n{'':24}{'CPU s':>8}{'wall s':>8}{'peak MiB':>10}{'M reads/CPU s':>15}{'x bgzip':>9}{'x metcn':>9}")
    for name, cost in middle.items():
        over = f"{cost.cpu_s / limit.cpu_s:9.2f}" if limit else f"{'':9}"
        print(
            f"{name:24}{cost.cpu_s:8.2f}{cost.wall_s:8.2f}{cost.peak_mib:10.0f}{reads / cost.cpu_s / 1e6:15.2f}"
            f"{over}{cost.cpu_s / own.cpu_s:9.2f}"
        )
    faster = own.wall_s / middle["metcn counts, 2 threads"].wall_s
    print(f"\n2 threads: {faster:.2f} times as fast by the clock")


def main() -> None:
    """Build or take a BAM, time everything on it, check the counts."""
    parser = argparse.ArgumentParser(description="Cost of counting against samtools, mosdepth and CNVkit.")
    parser.add_argument("bam", nargs="?", type=Path, help="BAM of a panel to read (default: one is built)")
    parser.add_argument("--targets", type=Path, help="BED of its targets, if a BAM is given")
    parser.add_argument("--genome", choices=("GRCh37", "GRCh38"), default="GRCh38", help="its build")
    parser.add_argument("--kind", choices=KINDS, default="panel", help="what is built")
    parser.add_argument("--reads", type=int, default=8_000_000, help="reads of the BAM that is built")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each command (default: 3)")
    parser.add_argument("--without", nargs="+", default=[], metavar="NAME", help="tools left out, such as CNVkit")
    parser.add_argument("--folder", type=Path, help="folder to work in and to keep (default: a temporary one)")
    options = parser.parse_args()
    if options.bam and not options.targets:
        parser.error("give --targets with the BAM")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bam, bed = options.bam or folder / f"{options.kind}.bam", options.targets or folder / f"{options.kind}.bed"
        if not bam.exists():
            print(f"building {bam} with {options.reads:,} reads", flush=True)
            apart(build, options.kind, bam, bed, options.reads)
        bins = write_bins("panel" if options.bam else options.kind, bed, folder, options.genome)
        measure(bam, bed, bins, folder, options.genome, options.repeats, options.without)


def build(kind: str, bam: Path, bed: Path, reads: int) -> None:
    """Write a BAM of a kind, and the BED of its targets if it has any."""
    if kind == "panel":
        make_bam.write(bam, bed, reads=reads)
        return
    contigs = genomes.load("GRCh38").contigs
    only = [SLICE] if kind == "slice" else []
    bases = contigs[genomes.bare(SLICE)] if only else sum(contigs[name] for name in genomes.AUTOSOMES)
    depth, fragment_bp = reads * make_bam.READ_BP / bases, 350 if only else 170
    make_bam.write_genome(bam, depth=depth, fold=1.0, fragment_bp=fragment_bp, only=only)


def write_bins(kind: str, bed: Path, folder: Path, genome: str) -> Path:
    """Write our bins and, where no targets are given, the BED of the same bins for the others; path of the bins."""
    bins = folder / f"{kind}.bins.tsv"
    words = f"-m metcn bins --genome {genome} --output={bins}".split()
    if kind == "swgs":
        run([sys.executable, *words, "--assay=swgs", "--window-bp=100000"])
        made = pd.read_csv(bins, sep="\t", dtype={"chromosome": str})
    else:
        if kind == "slice":
            length = genomes.load(genome).contigs[genomes.bare(SLICE)]
            rows = (f"{SLICE}\t{start}\t{min(start + 1000, length)}\t.\n" for start in range(0, length, 1000))
            bed.write_text("".join(rows), encoding="ascii")
        run([sys.executable, *words, "--assay=panel", f"--targets={bed}", "--target-bp=1000"])
        if kind == "panel":
            return bins
        made = pd.read_csv(bins, sep="\t", dtype={"chromosome": str}).query("kind != 'off_target'")
        made.to_csv(bins, sep="\t", index=False)
    made[["chromosome", "start", "end"]].assign(name=".").to_csv(bed, sep="\t", index=False, header=False)
    return bins


def measure(bam: Path, bed: Path, bins: Path, folder: Path, genome: str, repeats: int, without: Sequence[str]) -> None:
    """Time everything on one BAM and check our counts."""
    commands = dict(contestants(bam, bed, bins, folder, genome, without))
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    run(ours(1, bam, bins, folder, genome))  # fills the caches of files and compiled code
    for _ in range(repeats):
        for name, command in commands.items():
            costs[name].append(run(command))
            print(f"{name}: {costs[name][-1].cpu_s:.2f} CPU s, {costs[name][-1].wall_s:.2f} s", flush=True)
    with pysam.AlignmentFile(str(bam), "rb") as handle:
        reads = handle.mapped + handle.unmapped
    print(f"{bam}: {reads:,} reads, {bam.stat().st_size / 1e6:,.0f} MB, medians of {repeats}")
    table(costs, reads)
    expected = plain_counts(bam, pd.read_csv(bins, sep="\t", dtype={"chromosome": str}))
    for threads in (1, 2):
        found = pd.read_csv(folder / f"{threads}.cnn", sep="\t")["count"].to_numpy()
        if not np.array_equal(found, expected):
            sys.exit(f"counts with {threads} threads differ from a plain loop in {np.sum(found != expected)} bins")
    print(f"counts of {len(expected):,} bins equal a plain loop over the reads: {expected.sum():,} fragments in bins")


if __name__ == "__main__":
    main()
