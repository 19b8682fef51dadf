"""Whole runs in which one input is bad, of every kind there is: the others lose nothing, and what is mended is made."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest

from metcn import simulate
from metcn.files import workflow_root
from metcn.genome.build import load
from metcn.run import stages
from support import sound_files

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((workflow_root() / "schemas" / "calls.schema.json").read_text(encoding="utf-8"))
pytestmark = pytest.mark.nightly


def metcn(*words: object) -> subprocess.CompletedProcess:
    known = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, "-m", "metcn", *map(str, words)]
    return subprocess.run(command, env=known, capture_output=True, text=True, check=False)


def run(folder: Path, *more: object) -> subprocess.CompletedProcess:
    words = ["--samples", folder / "samples.tsv", "--configfile", folder / "config.yaml", "--directory", folder / "out"]
    return metcn("run", *words, "--cores", "2", *more)


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with open(folder / stages.path("cohort"), newline="") as handle:
        return {row["sample"]: row for row in csv.DictReader(handle, delimiter="\t")}


def results(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in (folder / "results").rglob("*") if path.is_file()
    }


def edit(folder: Path, **cells: dict[str, str]) -> None:
    """Change cells of samples in the sheet."""
    path = folder / "samples.tsv"
    with open(path, newline="") as handle:
        found = list(csv.DictReader(handle, delimiter="\t"))
    with open(path, "w", newline="") as handle:
        writer = csv.DictWriter(handle, found[0], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | cells.get(row["sample"], {}) for row in found)


def spoil(path: Path) -> None:
    """Put a word where a number should be."""
    lines = path.read_text().splitlines(keepends=True)
    lines[40] = lines[40].replace("\t", "\tx", 1)
    path.write_text("".join(lines))


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """A cohort of coverage tables, called: T1 and T2 are of one patient, T3 has a VCF, T4 is ratios."""
    folder = tmp_path_factory.mktemp("cohort")
    genome = load("GRCh37")
    tumours = [
        simulate.tumour(genome, "T1", "diploid", purity=0.6, patient="P", timepoint="baseline"),
        simulate.tumour(genome, "T2", "focal", purity=0.5, copies=12, patient="P", timepoint="progression"),
        simulate.tumour(genome, "T3", "polysomy", purity=0.5, copies=6),
        simulate.tumour(genome, "T4", "focal", purity=0.6, copies=9),
    ]
    simulate.cohort(folder, genome=genome, normals=3, tumours=tumours, depth=300, as_="cnn", seed=3)
    (folder / "v.vcf").write_text(
        '##fileformat=VCFv4.2\n##contig=<ID=chr1,length=249250621>\n##FORMAT=<ID=AD,Number=R,Type=Integer,Description="d">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tT3\nchr1\t99\trs1\tA\tG\t.\tPASS\t.\tAD\t50,50\n"
    )
    edit(folder, T3={"variants": "v.vcf"})
    done = run(folder)
    assert done.returncode == 0, done.stderr
    shutil.copy(folder / "out" / stages.path("ratios", sample="T4"), folder / "T4.cnr")
    edit(folder, T4={"ratios": "T4.cnr", "coverage": ""})
    done = run(folder)
    assert done.returncode == 0, done.stderr
    return folder


def target_table(name: str) -> str:
    return f"coverage/{name}.targetcoverage.cnn"


KINDS = [
    pytest.param(target_table("T1"), spoil, "T1", "column start: expected a finite number", id="coverage table"),
    pytest.param("v.vcf", lambda path: path.write_bytes(b"\x1f\x8b\x08 no gzip"), "T3", "v.vcf", id="variants"),
    pytest.param("T4.cnr", spoil, "T4", "T4.cnr line 41", id="ratios"),
]


@pytest.mark.parametrize(("name", "damage", "sample", "message"), KINDS)
def test_one_bad_input(called, tmp_path, name, damage, sample, message):
    """With the result of an earlier run there, and mended by a file that is older than any result."""
    folder = called
    whole = results(folder / "out")
    sound = tmp_path / "sound"
    shutil.copy(folder / name, sound)
    damage(folder / name)
    done = run(folder)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"metcn: error: sample {sample}: ")
    assert message in done.stderr.splitlines()[-1]
    found = rows(folder / "out")
    assert list(found) == ["T1", "T2", "T3", "T4"]
    assert (found[sample]["call"], found[sample]["reasons"]) == ("no_call", "input_error")
    record = json.loads((folder / "out" / stages.path("calls", sample=sample)).read_text())
    jsonschema.validate(record, SCHEMA)
    assert message in record["headline"]
    after = results(folder / "out")
    others = {path for path in whole if sample not in path and Path(path).name[0] in "TN" and "T2" not in path}
    assert [path for path in others if after.get(path) != whole[path]] == []
    assert not (folder / "out" / stages.path("calls", "vcf", sample)).exists()
    assert found["T2"]["course"] == ("indeterminate" if sample == "T1" else "acquired")
    assert (folder / "out" / stages.path("report", sample="T2")).exists()
    os.utime(sound, (10**9, 10**9))
    shutil.copy2(sound, folder / name)
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert results(folder / "out") == whole


def test_a_bad_normal_is_named_and_no_smaller_panel_is_made(called):
    folder = called
    whole = results(folder / "out")
    name = target_table("N2")
    sound = (folder / name).read_bytes()
    spoil(folder / name)
    done = run(folder)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("metcn: error: samples T1, T2, T3: normal N2 of the sheet: ")
    found = rows(folder / "out")
    lost = {row["sample"]: row["call"] for row in found.values() if row["reasons"] == "input_error"}
    assert lost == dict.fromkeys(("T1", "T2", "T3"), "no_call")
    assert found["T4"]["call"] != "no_call"  # ratios need no panel
    assert not (folder / "out" / stages.path("reference")).exists()
    (folder / name).write_bytes(sound)
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert results(folder / "out") == whole


def test_plain_snakemake(called, tmp_path):
    folder = called
    sound = (folder / target_table("T1")).read_bytes()
    spoil(folder / target_table("T1"))
    words = ["--snakefile", ROOT / "workflow/Snakefile", "--configfile", folder / "config.yaml"]
    words += ["--directory", folder / "out", "--cores", "2"]
    command = [sys.executable, "-m", "snakemake", *map(str, words)]
    known = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(command, env=known, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert [row["call"] == "no_call" for row in rows(folder / "out").values()] == [True, False, False, False]
    assert (folder / "out/results/failed.tsv").read_text().splitlines()[1].startswith("T1\tcounts\tinput_error\t")
    assert not (folder / "out" / stages.path("cohort", "complete")).exists()
    assert (folder / "out/.snakemake/metcn.lock").read_text() == ""
    (folder / target_table("T1")).write_bytes(sound)
    assert run(folder).returncode == 0


def test_a_truncated_alignment(tmp_path):
    for number, name in enumerate(("T1", "T2", "N1", "N2"), start=1):
        sound_files.write_sound_bam(tmp_path / f"{name}.bam", number)
    content = (tmp_path / "T2.bam").read_bytes()
    (tmp_path / "T2.bam").write_bytes(content[: len(content) - 200])
    (tmp_path / "targets.bed").write_text(sound_files.BED)
    roles = {"T1": "tumour", "T2": "tumour", "N1": "normal", "N2": "normal"}
    lines = [f"{name}\t{role}\t{name}.bam\n" for name, role in roles.items()]
    (tmp_path / "samples.tsv").write_text("sample\trole\talignments\n" + "".join(lines))
    (tmp_path / "config.yaml").write_text("genome: GRCh37\nassay: panel\ntargets: targets.bed\n")
    done = run(tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("metcn: error: sample T2: ")
    found = rows(tmp_path / "out")
    assert found["T2"]["reasons"] == "input_error"
    assert found["T1"]["reasons"] != "input_error"


def test_calls_into_one_folder_at_the_same_time(called, tmp_path):
    panel = called / "out" / stages.path("reference")
    out = tmp_path / "out"

    def call(name: str, *more: str) -> subprocess.CompletedProcess:
        tables = [called / f"coverage/{name}.{kind}coverage.cnn" for kind in ("target", "antitarget")]
        words = ["--coverage", *tables, "--reference", panel, "--sample", name, "-o", out, *more]
        return metcn("call", *words)

    with ThreadPoolExecutor(3) as pool:
        assert [done.returncode for done in pool.map(call, ("T1", "T2", "T3"))] == [0, 0, 0]
    assert list(rows(out)) == ["T1", "T2", "T3"]
    assert not rows(out)["T1"]["purity_source"].startswith("given")
    assert call("T1", "--purity", "0.6").returncode == 0
    assert list(rows(out)) == ["T1", "T2", "T3"]
    assert rows(out)["T1"]["purity_source"].startswith("given")


ODD = {"word": "{a}", "number": "a{b}c {3f2a}", "twice": "{n} {n}", "doubled": "{{d}}", "open": "{e", "other": "$f%g"}


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_odd_names_of_folders_and_files(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    for number, sample in enumerate(("T", "U", "N"), start=1):
        sound_files.write_sound_bam(folder / f"{sample}{name}.bam", number)
    (folder / f"{name}.bed").write_text(sound_files.BED)
    rest = "".join(f"{sample}\t{role}\t{sample}{name}.bam\n" for sample, role in (("T", "tumour"), ("N", "normal")))
    (folder / "samples.tsv").write_text("sample\trole\talignments\n" + rest)
    (folder / "config.yaml").write_text(f"genome: GRCh37\nassay: panel\ntargets: '{name}.bed'\n")
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert list(rows(folder / "out")) == ["T"]
    done = run(folder)
    assert "Nothing to be done" in done.stderr + done.stdout
    sound_files.write_sound_bam(folder / f"T{name}.bam", 9)
    done = run(folder, "-n")
    assert "counts" in (done.stderr + done.stdout).split("Job stats:")[1]
