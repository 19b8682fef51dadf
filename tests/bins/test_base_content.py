"""GC content and mappability from the build's own windows: averaging, names of chromosomes, who comes first, bytes."""

import gzip
import importlib.util

import numpy as np
import pandas as pd
import pytest

from metcn.bins import base_content, design
from metcn.bins import stage as bins_stage
from metcn.files import resource_root
from metcn.genome import build, windows
from metcn.io import tables

BUILDS = [pytest.param(build.load(name), id=name) for name in build.BUILDS]
GRCH37 = build.load("GRCh37")
MET = GRCH37.met[0]


def by_loop(rows, chromosome, start, end, name):
    """Mean over the known bases of a bin, one window after the other; NaN if less than half of them is known."""
    own = rows[rows["chromosome"] == chromosome]
    total, known = 0.0, 0
    for row in own.itertuples():
        shared = min(end, row.end) - max(start, row.start)
        value = getattr(row, name)
        if shared > 0 and np.isfinite(value):
            total, known = total + shared * value, known + shared
    return total / known if known and 2 * known >= end - start else np.nan


PLACES = [
    pytest.param("7", 116_310_000, 116_320_000, id="one window"),
    pytest.param("7", 116_312_000, 116_313_000, id="narrower than a window"),
    pytest.param("7", 116_319_800, 116_320_200, id="across an edge"),
    pytest.param("7", 62_450_000, 62_500_000, id="50 kb"),
    pytest.param("7", 61_234_567, 62_345_678, id="odd ends"),
    pytest.param("1", 0, 50_000, id="begins unknown"),
    pytest.param("1", 0, 10_000, id="unknown"),
    pytest.param("21", 9_400_000, 9_500_000, id="beside unknown"),
    pytest.param("Y", 59_000_000, 59_373_566, id="end of Y"),
]


@pytest.mark.parametrize("facts", BUILDS)
@pytest.mark.parametrize(("chromosome", "start", "end"), PLACES)
@pytest.mark.parametrize("name", windows.COLUMNS)
def test_a_bin_has_the_mean_over_its_bases(facts, chromosome, start, end, name):
    end = min(end, facts.contigs[chromosome])
    expected = by_loop(windows.load(facts), chromosome, start, end, name)
    for written in (chromosome, f"chr{chromosome}"):
        frame = pd.DataFrame({"chromosome": [written], "start": [start], "end": [end]})
        np.testing.assert_allclose(base_content.of_build(frame, facts, name), [expected], rtol=0, atol=1e-8)


@pytest.mark.parametrize("facts", BUILDS)
def test_windows_cover_the_build_and_are_what_genomes_are(facts):
    rows = windows.load(facts)
    for name, own in rows.groupby("chromosome"):
        assert own["start"].iloc[0] == 0 and own["end"].iloc[-1] == facts.contigs[name]
        assert (own["start"].to_numpy()[1:] == own["end"].to_numpy()[:-1]).all()
    assert set(rows["chromosome"]) == {*build.AUTOSOMES, *build.SEX_CHROMOSOMES}
    assert rows["gc"].median() == pytest.approx(0.40, abs=0.01)
    assert rows["mappability"].median() > 0.95
    middle = rows[(rows["chromosome"] == "7") & rows["start"].between(59_000_000, 60_500_000)]
    assert middle["mappability"].mean() < 0.2  # the centromere of chromosome 7
    assert rows[(rows["chromosome"] == "7") & rows["start"].between(*facts.met)]["mappability"].mean() > 0.9


def test_contigs_beside_the_chromosomes_are_unknown():
    frame = pd.DataFrame({"chromosome": ["chrM", "chrUn_gl1"], "start": [0, 0], "end": [500, 500]})
    assert np.isnan(base_content.of_build(frame, GRCH37, "gc")).all()


FILES = [
    pytest.param({}, ["gc", "mappability"], id="nothing"),
    pytest.param({"gc"}, ["mappability"], id="gc"),
    pytest.param({"fasta"}, ["mappability"], id="sequence"),
    pytest.param({"mappability"}, ["gc"], id="mappability"),
    pytest.param({"fasta", "mappability"}, [], id="all"),
]


@pytest.mark.parametrize(("given", "left"), FILES)
def test_what_the_user_gives_comes_first(tmp_path, given, left):
    paths = {name: tmp_path / name if name in given else None for name in ("gc", "mappability", "fasta")}
    tracks = {name: paths[name] for name in ("gc", "mappability")}
    for assay, expected in (("swgs", left), ("wgs", left), ("panel", []), ("wes", []), ("amplicon", [])):
        assert design.content_of_build(assay, fasta=paths["fasta"], tracks=tracks) == expected


def made(folder, *, assay="swgs", coverage=None, gc=None, settings=None):
    paths = {"coverage": coverage, "gc": gc}
    for name, text in paths.items():
        if text is not None:
            paths[name] = folder / name
            paths[name].write_text(text)
    targets = folder / "targets.bed"
    targets.write_text(f"chr7\t{MET}\t{MET + 500}\tMET\n")
    bins_stage.bins(
        assay=assay, genome="GRCh37", targets=targets if assay == "panel" else None, fasta=None,
        coverage=[paths["coverage"]] if coverage else None, reference=None, gc=paths["gc"], mappability=None,
        output=folder / "bins.tsv", settings=settings or {},
    )  # fmt: skip
    return tables.read_bins(folder / "bins.tsv")


GRID = "".join(f"chr7\t{start}\t{start + 50_000}\t9\n" for start in range(62_000_000, 63_000_000, 50_000))


@pytest.mark.parametrize("coverage", [None, GRID], ids=["design", "table"])
def test_genomes_know_their_windows(tmp_path, coverage):
    frame = made(tmp_path, coverage=coverage)
    near = frame[(frame["chromosome"] == "chr7") & frame["start"].between(62_000_000, 62_999_999)]
    rows = windows.load(GRCH37)
    expected = [by_loop(rows, "7", row.start, row.end, "mappability") for row in near.itertuples()]
    np.testing.assert_allclose(near["mappability"], expected, atol=1e-6)
    assert near["gc"].notna().all() and near["mappability"].min() < 0.9


def test_a_file_of_gc_wins_and_mappability_stays(tmp_path):
    own = "".join(f"chr7\t{at}\t{at + 10_000}\t0.123\n" for at in range(62_000_000, 63_000_000, 10_000))
    frame = made(tmp_path, coverage=GRID, gc=own)
    assert set(frame["gc"]) == {0.123}
    assert frame["mappability"].notna().all()


def test_little_mappable_windows_are_masked_as_with_a_file(tmp_path):
    frame = made(tmp_path, coverage=GRID, settings={"min_mappability": 0.8})
    low = (frame["mappability"] < 0.8).to_numpy()
    assert low.any() and not low.all()
    assert ((frame["mask"] == "low_mappability").to_numpy() == low).all()


def test_panels_have_what_their_user_gives(tmp_path):
    frame = made(tmp_path, assay="panel")
    assert frame["gc"].isna().all() and frame["mappability"].isna().all()


def remake():
    specification = importlib.util.spec_from_file_location("remake", resource_root() / "remake.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def wig(folder, name, values):
    path = folder / f"{name}.wig.gz"
    lines = []
    for chromosome, length in GRCH37.contigs.items():
        if chromosome != "MT":
            lines.append(f"fixedStep chrom=chr{chromosome} start=1 step=10000 span=10000")
            lines += [str(next(values)) for _ in range(-(-length // 10_000))]
    with gzip.open(path, "wt") as handle:
        handle.write("\n".join(lines) + "\n")
    return path


def test_the_resource_is_remade_to_the_byte(tmp_path):
    """What is stored, written as wig and remade, is what is stored; a gzip without time or name."""
    rows, module = windows.load(GRCH37), remake()
    paths = [wig(tmp_path, name, iter(rows[name].fillna(-1).round(4).tolist())) for name in windows.COLUMNS]
    stored = resource_root() / "GRCh37" / windows.FILE
    (tmp_path / "contigs.tsv").write_bytes((stored.parent / "contigs.tsv").read_bytes())
    module.windows(*paths, tmp_path)
    again, bytes_of = (tmp_path / windows.FILE).read_bytes(), stored.read_bytes()
    assert gzip.decompress(again) == gzip.decompress(bytes_of)  # compressors differ, what is in them does not
    assert again[4:8] == bytes_of[4:8] == bytes(4) and not bytes_of[3]
    assert len(bytes_of) < 400_000
    module.windows(*paths, tmp_path)
    assert (tmp_path / windows.FILE).read_bytes() == again


def test_a_wig_of_other_windows_is_refused(tmp_path):
    module, path = remake(), tmp_path / "x.wig"
    path.write_text("fixedStep chrom=1 start=1 step=1000 span=1000\n0.5\n")
    with pytest.raises(SystemExit, match="expected start=1 step=10000"):
        module.shares(path, GRCH37.contigs)
    path.write_text("fixedStep chrom=1 start=1 step=10000 span=10000\n0.5\n")
    with pytest.raises(SystemExit, match="expected 24926 windows of chromosome 1, found 1"):
        module.shares(path, GRCH37.contigs)
