"""Names of targets are for people: which can be genes', what a bin is called, and that no number rests on them."""

import json

import numpy as np
import pandas as pd
import pytest

from metcn import simulate
from metcn.bins import design
from metcn.errors import InputError
from metcn.files import read_json
from metcn.genome import build as genomes
from metcn.genome import names
from metcn.run import stages
from metcn.run.settings import BinsSettings
from support import made_depth

GRCH37 = genomes.load("GRCh37")

USABLE = [
    # symbol, chromosome and start of bins of 200 bp
    pytest.param([("KIT", "4", 0), ("KIT", "4", 900)], [True, True], id="several targets in one place"),
    pytest.param([("Panel", "4", 0), ("Panel", "5", 0)], [False, False], id="one word for all"),
    pytest.param([("AM1", "4", 0), ("AM2", "4", 900)], [False, False], id="a name for each"),
    pytest.param([("AM1", "4", 0), ("AM1", "4", 200)], [False, False], id="two tiles of one target"),
    pytest.param([("MET", "7", 0), ("AM2", "7", 900)], [True, False], id="a known gene of one target"),
    pytest.param([("P", "4", 0), ("P", "4", 3_000_001)], [False, False], id="longer than any gene"),
    pytest.param([("P", "4", 0), ("P", "4", 2_999_800)], [True, True], id="as long as a gene"),
    pytest.param([("SHOX", "X", 0), ("SHOX", "Y", 0)], [True, True], id="on X and on Y"),
    pytest.param([("-", "4", 0), ("-", "4", 900)], [False, False], id="no name"),
    pytest.param([("MET", "1", 0), ("MET", "7", 900)], [False, False], id="a known gene's name in two places"),
    pytest.param([("A", "4", 0), ("B", "4", 300), ("A", "4", 900), ("B", "4", 1200)], [True] * 4, id="interleaved"),
]


@pytest.mark.parametrize(("rows", "expected"), USABLE)
def test_names_that_can_be_genes(rows, expected):
    symbol, chromosome, start = (np.array(column) for column in zip(*rows, strict=True))
    found = names.usable(symbol, chromosome=chromosome, start=start, end=start + 200, known={"MET"})
    assert found.tolist() == expected


def test_no_bin_has_no_name():
    none = np.array([], dtype=object)
    assert names.usable(none, chromosome=none, start=np.zeros(0), end=np.zeros(0), known=()).shape == (0,)
    assert names.widespread(none, none).shape == (0,)


def test_a_word_on_several_chromosomes_is_widespread():
    symbol, chromosome = np.array(["A", "A", "B", "B", "C"]), np.array(["1", "2", "X", "Y", "3"])
    assert names.widespread(symbol, chromosome).tolist() == [True, True, False, False, False]


PLACES = [("7", 55_210_000, "EGFR"), ("7", 116_411_600, "MET"), ("17", 37_880_000, "ERBB2"), ("4", 55_590_000, "KIT")]
LABELS = [
    pytest.param("given", ["EGFR", "MET", "ERBB2", "KIT"], id="as given"),
    pytest.param("word", ["EGFR", "MET", "ERBB2", "-"], id="one word"),
    pytest.param("unique", ["EGFR", "MET", "ERBB2", "AM6"], id="a name for each"),
    pytest.param("empty", ["EGFR", "MET", "ERBB2", "-"], id="none"),
]


def renamed(gene, way, seed=1):
    """Names of targets in another way."""
    count = len(gene)
    ways = {
        "given": gene,
        "word": ["CancerPanel"] * count,
        "unique": [f"AM{number}" for number in range(count)],
        "empty": ["-"] * count,
        "shuffled": np.random.default_rng(seed).permutation(gene),
    }
    return np.array(ways[way], dtype=object)


@pytest.mark.parametrize(("way", "expected"), LABELS)
def test_known_genes_are_named_by_their_place(way, expected):
    rows = [(place, start + 1000 * number, gene) for place, start, gene in PLACES for number in range(2)]
    frame = pd.DataFrame(rows, columns=["chromosome", "start", "gene"]).assign(kind="target")
    frame = frame.assign(end=frame["start"] + 150, gene=renamed(frame["gene"].to_numpy(), way))
    found = design.annotated(frame[["chromosome", "start", "end", "gene", "kind"]], GRCH37)
    assert found["gene"].tolist()[::2] == expected


def listed(rows):
    frame = pd.DataFrame(rows, columns=["chromosome", "start", "gene"])
    return frame.assign(end=frame["start"] + 150)


def test_names_prove_a_build_only_where_they_tell_where_genes_are():
    met = GRCH37.met[0]
    assert design.check_place(listed([("7", met + 10, "MET"), ("7", met + 900, "MET")]), GRCH37, "x")
    assert design.check_place(listed([("7", met + 10, "MET"), ("7", met + 900, "MET"), ("4", 900, "MET")]), GRCH37, "x")
    assert not design.check_place(listed([("7", met + 10, "MET"), ("4", 900, "MET")]), GRCH37, "x")
    assert not design.check_place(listed([("7", 55_210_000, "MET")]), GRCH37, "x")
    with pytest.raises(InputError, match="is named MET"):
        design.check_place(
            listed([("7", met + 360_000, "MET"), ("7", met + 361_000, "MET"), ("4", 9, "MET")]), GRCH37, "x"
        )


# No number rests on names


def _numbers(value):
    """What a result says, without names of genes and what is made of files' bytes."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in ("provenance", "inputs")}
        return {key: _numbers(item) for key, item in kept.items()}
    return [_numbers(item) for item in value] if isinstance(value, list) else value


def called(folder, tables, way):
    """Measurement, copies and call of a tumour and its bins' ratios, with targets named in a way."""
    folder.mkdir()
    facts = {"genome": "GRCh37", "assay": "panel", "sample": "T"}
    inputs = {}
    for name, paths in tables.items():
        target = pd.read_csv(paths[0], sep="\t")
        target.assign(gene=renamed(target["gene"].to_numpy(), way)).to_csv(
            folder / paths[0].name, sep="\t", index=False
        )
        inputs[name] = [folder / paths[0].name, paths[1]]

    def at(stage, argument="output", sample="T"):
        path = folder / stages.path(stage, argument, sample)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def run(stage, sample="T", **files):
        written = {argument: at(stage, argument, sample) for argument in stages.STAGES[stage].outputs}
        made_depth.run(stage, **facts | {"sample": sample, **written, **files})

    run("bins", coverage=inputs["T"])
    for name, paths in inputs.items():
        run("counts", name, bins=at("bins"), coverage=paths)
    normals = [name for name in inputs if name != "T"]
    run("reference", bins=at("bins"), counts=[at("counts", sample=name) for name in normals])
    run("ratios", counts=at("counts"), bins=at("bins"), reference=at("reference"))
    run("segments", ratios=at("ratios"))
    run("purity", segments=at("segments"), specimen="tissue", purity="0.5", ploidy="2")
    measured = at("ratios", "summary")
    run("copies", measurement=measured, purity=at("purity"), ratios=at("ratios"), segments=at("segments"))
    ratios = pd.read_csv(at("ratios"), sep="\t").drop(columns="gene")
    return ratios, _numbers(read_json(measured)), _numbers(read_json(at("copies")))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Coverage tables of four normals and a tumour, and what is called with targets named as they should be."""
    folder = tmp_path_factory.mktemp("names")
    tumour = simulate.tumour(GRCH37, "T", "focal", purity=0.5, copies=8, background=True)
    simulate.cohort(folder, normals=4, tumours=[tumour], as_="cnn")
    tables = {}
    for name in ("T", "N1", "N2", "N3", "N4"):
        tables[name] = [folder / "coverage" / f"{name}.{kind}coverage.cnn" for kind in ("target", "antitarget")]
    return tables, called(folder / "given", tables, "given")


SLOW = [pytest.param(way, marks=pytest.mark.slow) for way in ("unique", "empty")]


@pytest.mark.parametrize("way", ["word", "shuffled", *SLOW])
def test_no_number_rests_on_names(cohort, tmp_path, way):
    tables, (ratios, measured, copies) = cohort
    found = called(tmp_path / way, tables, way)
    pd.testing.assert_frame_equal(found[0], ratios, check_exact=True)
    assert json.dumps(found[1]) == json.dumps(measured)
    assert json.dumps(found[2]) == json.dumps(copies)
    assert {"EGFR", "ERBB2"} <= {row["gene"] for row in found[2]["genes"]}


@pytest.mark.parametrize("way", ["word", "unique", "empty", "shuffled"])
def test_bins_of_a_bed_rest_on_its_coordinates(tmp_path, way):
    frame = made_depth.panel_bins()
    frame = frame[frame["kind"] == "target"]
    touching = frame.iloc[[5]].assign(start=frame["end"].iloc[5], end=frame["end"].iloc[5] + 90, gene="OTHER")
    frame = pd.concat([frame, touching])
    made = []
    for each in ("given", way):
        bed = tmp_path / f"{each}.bed"
        names_of = renamed(frame["gene"].to_numpy(), each)
        frame.assign(gene=names_of)[["chromosome", "start", "end", "gene"]].to_csv(
            bed, sep="\t", index=False, header=False
        )
        bins = design.bins_of_design(GRCH37, assay="panel", targets=bed, fasta=None, settings=BinsSettings())
        made.append(design.annotated(bins, GRCH37).drop(columns="gene"))
    pd.testing.assert_frame_equal(*made)
