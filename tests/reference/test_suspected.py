"""Panels with a tumour among their normals: named, left out, judged again, and what they say of it."""

import numpy as np
import pytest

from metcn.bins.layout import layout_of
from metcn.genome import build as genomes
from metcn.reference import panel_file, suspected, suspects
from metcn.reference.panel import LeftOut, Panel
from metcn.reference.suspects import Deviation, Suspect
from support import made_depth

FRAME = made_depth.panel_bins(genes=40, tiles=9)
ASSAY = made_depth.assay(FRAME)
WINDOWS = made_depth.genome_windows()
SHALLOW = made_depth.assay(WINDOWS, noise=0.05)
PARTS = layout_of(FRAME)


def depths(count, *, fold, assay=ASSAY, seed=4):
    """Normals, the last of which is a tumour with ``fold`` times the depth in each bin."""
    random = np.random.default_rng(seed)
    tumour = assay.sample(random, fold)
    return np.vstack([assay.normals(random, count - 1), tumour[None]]).astype(np.float32)


def check_of(tmp_path, depth, frame=FRAME, **settings):
    bench = made_depth.Bench(tmp_path, frame)
    path = bench.reference(depth, **settings)
    return panel_file.read(path)[2], path, bench


def fold_of(frame, rows, value):
    return np.where(rows, value, 1.0)


AUTOSOMES = genomes.AUTOSOMES
MET = (FRAME["role"] == "met").to_numpy()


@pytest.mark.parametrize("count", [5, 10])
@pytest.mark.parametrize(("fold", "there"), [(1.0, False), (4.0, True)])
def test_a_normal_with_met_is_left_out_and_named(tmp_path, capsys, count, fold, there):
    facts, _, _ = check_of(tmp_path, depths(count, fold=fold_of(FRAME, MET, fold)))
    check = facts["check"]
    assert suspected.NormalsCheck.from_json(check).to_json() == check
    suspicious = [one["name"] for one in check["suspects"]]
    assert facts["deviant"] == check["left_out"] == suspicious
    assert len(facts["normals"]) == count - there
    assert check["tested"] == {"met": True, "arms": True}
    if there:
        assert len(suspicious) == 1 and suspicious[0] not in facts["normals"]
        assert check["suspects"][0]["deviations"][0]["place"] == "MET"
        assert check["summary"].startswith(f"{count - 1} used, 1 suspicious, left out: {suspicious[0]} (MET +")
        said = capsys.readouterr().err
        assert "is its role in the sample sheet right, or was it swapped with its tumour?" in said
        assert "MET of the others lies +" in said
        assert check["others"]["largest_in"] != suspicious[0]
    else:
        assert check["summary"] == f"{count} used, 0 suspicious"


def test_a_panel_without_the_tumour_is_the_panel_of_the_normals(tmp_path):
    """Left out is left out: centre and spread are those of a panel that never had it."""
    depth = depths(8, fold=fold_of(FRAME, MET, 3.0))
    _, path, bench = check_of(tmp_path, depth)
    panel, alone = panel_file.read(path)[1], bench.panel(depth[:-1])
    np.testing.assert_allclose(panel.centre, alone.centre, atol=1e-6)
    np.testing.assert_allclose(panel.spread, alone.spread, rtol=1e-4)
    assert panel.normals == 7 and panel.scores["target"].shape[0] == 7


def test_kept_it_moves_what_normals_read_at_met(tmp_path):
    """The same sample against both panels: beside the tumour MET reads too low."""
    depth = depths(5, fold=fold_of(FRAME, MET, 4.0))
    sample = ASSAY.sample(np.random.default_rng(9))
    met = {}
    for choice in ("keep", "leave_out"):
        (folder := tmp_path / choice).mkdir()
        facts, path, bench = check_of(folder, depth, on_suspicious=choice)
        measured = bench.ratios(sample, path).summary
        met[choice] = measured["met"]["log2"]
        assert "normal_deviates" in measured["reasons"]
        assert (", still in use: " in facts["check"]["summary"]) == (choice == "keep")
    assert abs(met["leave_out"]) < abs(met["keep"])


@pytest.mark.parametrize(
    ("chromosomes", "value", "places"),
    [(AUTOSOMES[1::3], 1.2, {*AUTOSOMES[1::3]}), ((), 1.0, set())],
    ids=["aneuploid at low purity", "normal"],
)
def test_a_shallow_tumour_is_known_by_its_arms(tmp_path, chromosomes, value, places):
    rows = WINDOWS["chromosome"].isin(chromosomes).to_numpy()
    depth = depths(10, fold=fold_of(WINDOWS, rows, value), assay=SHALLOW)
    facts, _, _ = check_of(tmp_path, depth, WINDOWS)
    found = facts["check"]["suspects"]
    assert len(found) == bool(places)
    assert {d["place"].rstrip("pq") for one in found for d in one["deviations"][:3]} <= places


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (2, "2 used, not checked for tumours among them (too few normals or genes)"),
        (3, "3 used, 0 suspicious; chromosome arms not compared (too few normals or bins)"),
    ],
)
def test_few_normals_are_said_to_be_unchecked(tmp_path, count, words):
    facts, _, _ = check_of(tmp_path, depths(count, fold=1.0))
    assert facts["check"]["summary"] == words


def test_of_three_normals_a_suspect_stays_in_use(tmp_path):
    """Two are too few for a panel that knows its noise."""
    facts, _, _ = check_of(tmp_path, depths(3, fold=fold_of(FRAME, MET, 6.0)))
    check = facts["check"]
    assert len(check["suspects"]) >= 1
    assert check["left_out"] == [] and len(facts["normals"]) == 3
    assert ", still in use: " in check["summary"]


def panel_of(rows):
    nothing = np.zeros(1)
    left = LeftOut(*[np.zeros((rows, 1))] * 2, nothing, nothing.astype(int), nothing > 0, nothing == 0)
    return Panel(nothing, nothing, np.array([""]), np.zeros((1, 0)), left_out={"target": left})


CASES = [
    # whom each round accuses among eight normals, the worst first; normals of each panel made; left out in the end
    pytest.param([[], []], [8], [], id="none"),
    pytest.param([[2], [2], [2]], [8, 7], [2], id="one, and again"),
    pytest.param([[2, 4], [2], [2]], [8, 7], [2], id="one accused for another's sake"),
    pytest.param([[4, 2], [2, 4], [2], [2]], [8, 7, 6, 7], [2], id="one taken out for another's sake is cleared"),
    pytest.param([[2], [2, 3], [2, 3], [2, 3]], [8, 7, 6], [2, 3], id="one hidden behind another"),
    pytest.param([[2], [2], []], [8, 7], [], id="MET errs in all of them"),
    pytest.param([[1], [1, 2], [1, 2, 3], [1, 2, 3, 4], []], [8, 7, 6, 5], [], id="half of them"),
]


@pytest.mark.parametrize(("rounds", "trusted", "left_out"), CASES)
def test_the_worst_is_taken_out_and_the_others_are_judged_again(monkeypatch, rounds, trusted, left_out):
    answers, made = iter(rounds), []

    def find(*_, **__):
        rows = next(answers)
        return [Suspect(row, (Deviation("MET", 1.0, 2.0 - place / 10),)) for place, row in enumerate(rows)]

    def make(rows):
        made.append(int(rows.sum()))
        return panel_of(8)

    monkeypatch.setattr(suspects, "find", find)
    monkeypatch.setattr(suspected, "residuals", lambda *_: [])
    monkeypatch.setattr(suspected, "_met_of", lambda *_: np.zeros(8))
    checked = suspected.build(make, 8, PARTS, made_depth.GRCH37, keep=False)
    assert made == trusted
    assert np.flatnonzero(~checked.used).tolist() == left_out
    assert [one.row for one in checked.suspects] == left_out
    assert list(answers) == []


def test_places_named_are_few():
    deviations = tuple(Deviation(f"{number}p", 0.1 * number, 2.0) for number in range(1, 7))
    assert suspected.NamedSuspect("N", deviations).places == "1p +0.10 log2, 2p +0.20, 3p +0.30, 4p +0.40 and 2 more"
