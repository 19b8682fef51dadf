"""Digests of every result of a fixed set of cohorts: a change of code that is to change no number leaves them equal.

``--write FILE`` keeps them, ``--against FILE`` compares. Digests of the code are left out, and containers (gzip, HDF5,
NPZ) are opened, so that only what stands in a result counts.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from metcn import files, provenance

SIMULATED = {
    "panel": "--assay panel --format cnn --normals 6 --seed 11 --tumour focal:0.6:12 --tumour polysomy:0.5",
    "shallow": "--assay swgs --format mosdepth --normals 4 --seed 12 --tumour focal:0.3:20 --tumour diploid:0.5",
    "amplicon": "--assay amplicon --format bam --depth 60 --normals 4 --seed 13 --tumour focal:0.5:8",
}
REAL_NORMALS, REAL_TUMOURS = 8, 4


def main() -> int:
    """0 if all digests are as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--write", type=Path, metavar="FILE")
    parser.add_argument("--against", type=Path, metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the results here")
    parser.add_argument("--cores", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        found = dict(digests(asked.keep or Path(made), asked.shared, asked.cores))
    if asked.write:
        asked.write.write_text(json.dumps(found, indent=1) + "\n")
    if not asked.against:
        return 0
    expected = json.loads(asked.against.read_text())
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    print(f"{len(expected)} results, {len(wrong)} differ", *wrong, sep="\n  ")
    return int(bool(wrong))


def digests(folder: Path, shared: Path, cores: int) -> Iterator[tuple[str, str]]:
    """Name and digest of every result of every cohort."""
    for name, sheet, config in cohorts(folder, shared):
        out = folder / name / "out"
        command = ["run", "--samples", sheet, "--configfile", config, "--directory", out, "--cores", cores]
        metcn(command)
        panel = out / "results/reference/reference.h5"  # holds the digest of the code, and results hold its own
        known = [provenance.code_digest(), *([files.sha256(panel)[:16]] if panel.is_file() else [])]
        for path in sorted((out / "results").rglob("*")):
            if path.is_file() and not path.name.endswith(".tbi"):
                yield f"{name}/{path.relative_to(out)}", digest(path, known)


def cohorts(folder: Path, shared: Path) -> Iterator[tuple[str, Path, Path]]:
    """Name, sheet and configuration of every cohort, its files being made."""
    metcn(["simulate", "demo", "--output", folder / "demo"])
    yield "demo", folder / "demo/samples.tsv", folder / "demo/config.yaml"
    for name, options in SIMULATED.items():
        metcn(["simulate", "cohort", "--output", folder / name, *options.split()])
        yield name, folder / name / "samples.tsv", folder / name / "config.yaml"
    data = (shared / "data").resolve()
    if data.is_dir():
        yield "real_panel", *real_panel(folder / "real_panel", data / "panel_hg19")
        yield "real_plasma", *real_plasma(folder / "real_plasma", data / "ctdna_hg19")


def real_panel(folder: Path, data: Path) -> tuple[Path, Path]:
    """Sheet and configuration of some normals and tumours of the shared panel; purity is given for every other one."""
    rows = []
    for role, count in (("normal", REAL_NORMALS), ("tumour", REAL_TUMOURS)):
        for place, path in enumerate(sorted((data / f"{role}s").glob("*.targetcoverage.cnn.gz"))[:count]):
            name = path.name.split(".")[0]
            anti = path.with_name(f"{name}.antitargetcoverage.cnn.gz")
            rows.append([name, role, f"{path};{anti}", "tissue", "0.5" if role == "tumour" and place % 2 else ""])
    return written(folder, rows, "panel")


def real_plasma(folder: Path, data: Path) -> tuple[Path, Path]:
    """Sheet and configuration of the real plasma titration."""
    rows = []
    for path in sorted(data.glob("*.regions.bed.gz")):
        name = path.name.split(".")[0]
        tumour = int(name[1:]) <= 6
        rows.append([name, "tumour" if tumour else "normal", str(path), "plasma", ""])
    return written(folder, rows, "panel")


def written(folder: Path, rows: list[list[str]], assay: str) -> tuple[Path, Path]:
    """Paths of a sheet and a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    sheet, config = folder / "samples.tsv", folder / "config.yaml"
    header = ["sample", "role", "coverage", "specimen", "purity"]
    sheet.write_text("".join("\t".join(row) + "\n" for row in [header, *rows]))
    config.write_text(f"genome: GRCh37\nassay: {assay}\n")
    return sheet, config


def metcn(arguments: list[object]) -> None:
    """Run the command in this very Python."""
    command = [sys.executable, "-m", "metcn", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def digest(path: Path, known: list[str]) -> str:
    """Digest of what stands in a file, but for the digests ``known`` of code and panel."""
    whole = hashlib.sha256()
    if path.suffix == ".h5":
        with h5py.File(path) as handle:
            handle.visititems(lambda name, item: whole.update(described(name, item)))
            whole.update(described("", handle))
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            for name in sorted(arrays):
                whole.update(name.encode() + arrays[name].tobytes())
    else:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read()
        for text in known:
            content = content.replace(text.encode(), b"KNOWN")
        whole.update(content)
    return whole.hexdigest()[:16]


def described(name: str, item: h5py.Group | h5py.Dataset) -> bytes:
    """Name, attributes and values of an HDF5 object."""
    attributes = {key: str(value) for key, value in item.attrs.items()}
    text = json.dumps([name, attributes], sort_keys=True).replace(provenance.code_digest(), "CODE")
    if not isinstance(item, h5py.Dataset):
        return text.encode()
    values = np.asarray(item[()])  # of text the array holds addresses alone
    return text.encode() + (repr(values.tolist()).encode() if values.dtype == object else values.tobytes())


if __name__ == "__main__":
    sys.exit(main())
