"""``metcn titrate``: tumours made of a cohort's own normals, run through the stages, compared with their truth."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from metcn import files, simulate
from metcn.cli import main, titrate
from metcn.errors import InputError
from metcn.genome import build
from metcn.io import tables
from metcn.simulate import tumours as simulate_tumours
from metcn.titration import outcomes
from metcn.titration import tumours as stage

GRCH37 = build.load("GRCh37")
QUICK = {"segments": {"method": "none"}, "copies": {"draw_count": 512}}
GRID = {"copies": [12.0], "purities": [0.1, 0.6], "sizes": ["3000000"], "depths": [1.0], "replicates": 1, "seed": 1}


def words(folder, out, **options):
    """Command line of a titration in this process."""
    asked = {"samples": folder / "samples.tsv", "configfile": folder / "config.yaml", "directory": out, **options}
    return ["titrate", "--in-process", *(f"--{name.replace('_', '-')}={value}" for name, value in asked.items())]


def rows(path):
    """Rows of a table."""
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


@pytest.fixture(scope="module")
def normals(tmp_path_factory):
    """Coverage tables of six normals and nothing else."""
    folder = tmp_path_factory.mktemp("normals")
    simulate.cohort(folder, normals=6, as_="cnn", depth=150, window_bp=5_000_000, settings=QUICK)
    return folder


@pytest.fixture(scope="module")
def titration(normals, tmp_path_factory):
    """Folder of a finished small titration."""
    out = tmp_path_factory.mktemp("titration")
    command = words(normals, out, copies=12, replicates=1)
    assert main.main([*command, "--purities", "0.1", "0.6"]) == 0
    return out


class TestTitration:
    def test_each_half_is_the_other_s_panel(self, titration):
        sheets = [rows(titration / f"fold_{fold}" / "samples.tsv") for fold in (1, 2)]
        panels = [{row["sample"] for row in sheet if row["role"] == "normal"} for sheet in sheets]
        truths = [rows(titration / f"fold_{fold}" / "truth.tsv") for fold in (1, 2)]
        donors = [{row["donor"] for row in truth} for truth in truths]
        assert panels[0] | panels[1] == {f"N{number}" for number in range(1, 7)}
        assert donors == panels[::-1]

    def test_every_stratum_is_there(self, titration):
        found = {(row["copies"], row["extent"], row["purity"]): row for row in rows(titration / "titration.tsv")
                 if row["criterion"] == "call"}  # fmt: skip
        assert {keys: int(row["n"]) for keys, row in found.items()} == {
            ("2", "none", "0.1"): 6, ("2", "none", "0.6"): 6, ("12", "3000000", "0.1"): 2, ("12", "3000000", "0.6"): 2,
        }  # fmt: skip
        assert float(found["12", "3000000", "0.6"]["sensitivity"]) == 1
        assert abs(float(found["12", "3000000", "0.6"]["copies_bias"])) < 1.5
        assert float(found["2", "none", "0.6"]["specificity"]) == 1

    def test_unchanged_donors_are_not_called(self, titration):
        found = [row for row in rows(titration / "false_positives.tsv") if row["criterion"] == "call"]
        assert [(int(row["normals"]), int(row["false_positives"])) for row in found] == [(6, 0), (6, 0)]

    def test_limits_of_both_halves(self, titration):
        found = {row["criterion"]: row for row in rows(titration / "limits.tsv")}
        assert found["call"]["n"] == "4"
        assert found["call"]["holds"] in ("yes", "")
        assert {"cappuzzo2009:positive", "metcn_default:high_level_amplification"} <= set(found)

    def test_criteria_that_the_truth_does_not_meet_have_no_sensitivity(self, titration):
        found = {
            (row["criterion"], row["purity"]): row for row in rows(titration / "titration.tsv") if row["copies"] == "12"
        }
        # A depth ratio of 2 takes a purity of 0.2 at 12 copies: at 0.1 a fold criterion is rightly not met.
        assert (
            found["cologne_fold:amplified", "0.1"]["positives"],
            found["cologne_fold:amplified", "0.1"]["negatives"],
        ) == ("0", "2")
        assert found["cologne_fold:amplified", "0.6"]["positives"] == "2"

    def test_donors_are_named_with_what_was_missed(self, titration):
        found = rows(titration / "donors.tsv")
        tumours = [row for row in rows(titration / "tumours.tsv") if row["extent"] != "none"]
        assert sum(int(row["n"]) for row in found) == len(tumours) == 4
        assert sum(int(row["seen"]) for row in found) == sum(row["verdict"] == "met" for row in tumours)
        assert {row["donor"] for row in found} == {row["donor"] for row in tumours}

    def test_page_stands_alone(self, titration):
        page = (titration / "titration.html").read_text()
        assert "6 normals in two halves (seed 1)" in page
        assert page.count("<svg") == 1
        assert "http" not in page.replace("http-equiv", "")

    def test_made_again_the_inputs_are_left_as_they_are(self, titration, normals):
        before = {path: path.stat().st_mtime_ns for path in titration.glob("fold_*/coverage/*")}
        assert len(before) == 6 + 4 + 12
        settings = titrate.config.complete(titrate.config.read(normals / "config.yaml"), normals)
        work = titrate._Work(titration, settings, titrate._normals(normals / "samples.tsv"))
        work.make(GRID, None, known=True, bam=False)
        assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
def test_the_limit_from_one_half_holds_on_the_other(tmp_path):
    simulate.cohort(tmp_path / "in", normals=20, as_="cnn", depth=150, window_bp=5_000_000, settings=QUICK)
    command = words(tmp_path / "in", tmp_path / "out", copies=10, replicates=10, cores=2)
    assert main.main([*command, "--purities", "0.03", "0.06", "0.12", "0.3", "0.8"]) == 0
    found = {row["criterion"]: row for row in rows(tmp_path / "out" / "limits.tsv")}
    for name in ("call", "cappuzzo2009:positive", "fang2018:amplified"):
        assert found[name]["holds"] == "yes", found[name]
        assert int(found[name]["half1_predicts_n"]) + int(found[name]["half2_predicts_n"]) >= 10


def test_a_donor_that_stands_apart_comes_first():
    made = [
        ("A", 1, 0.1, "not_met", 6.0, "noisy;purity_unknown"), ("A", 1, 0.4, "indeterminate", 5.0, "noisy"),
        ("B", 2, 0.1, "not_met", 11.0, "noisy"), ("B", 2, 0.4, "met", 9.0, ""), ("C", 1, 0.4, "met", np.nan, ""),
    ]  # fmt: skip
    names = ["donor", "fold", "purity", "verdict", "found_met_copies", "found_reasons"]
    table = pd.DataFrame(made, columns=names).assign(criterion="call", expected=True, extent="gene", met_copies=10.0)
    unchanged = table.assign(extent="none", expected=False)
    other = table.assign(criterion="cappuzzo2009:positive")
    found = outcomes.donors(pd.concat([table, unchanged, other])).set_index("donor")
    assert found[["n", "seen"]].to_numpy().tolist() == [[2, 0], [2, 1], [1, 1]]
    assert found["missed_up_to"].tolist()[:2] == [0.4, 0.1]
    assert np.isnan(found.at["C", "missed_up_to"])
    assert found["copies_error"].tolist()[:2] == pytest.approx([-0.45, 0.0])
    assert found["reasons"].tolist() == ["noisy", "", ""]


@pytest.mark.parametrize(("codes", "apart"), [("noisy;unlike_normals", ["D"]), ("noisy", [])])
def test_a_donor_unlike_the_normals_is_left_out_of_a_second_limit(codes, apart):
    """One donor of three in a half is never seen: with it there is no limit, without it there is one."""
    made = [
        (donor, fold, purity, "met" if donor != "D" and purity > 0.15 else "not_met", "gene", True, "")
        for donor, fold in zip("ABCDEF", (1, 1, 1, 2, 2, 2), strict=True)
        for purity in (0.1, 0.2, 0.3, 0.5, 0.8)
    ]
    made += [(donor, 1, 0.1, "not_met", "none", False, codes if donor == "D" else "") for donor in "ABCDEF"]
    columns = ["donor", "fold", "purity", "verdict", "extent", "expected", "found_reasons"]
    table = pd.DataFrame(made, columns=columns).assign(criterion="call", copies=6.0, depth=1.0)
    assert outcomes.unlike(table) == apart
    (row,) = outcomes.limits(table).to_dict("records")
    assert row["lod"] > 0.5
    assert row["alike"] == (pytest.approx(0.17, abs=0.05) if apart else row["lod"])
    assert (row["alike"] < row["lod"]) == bool(apart)


def test_without_an_amplified_tumour_no_donor_is_listed():
    columns = ["donor", "fold", "criterion", "expected", "extent", "found_reasons", "verdict", "purity"]
    assert outcomes.donors(pd.DataFrame(columns=columns)).empty


class TestLock:
    def test_two_titrations_do_not_share_a_folder(self, normals, tmp_path, capsys):
        with files.alone(tmp_path):
            assert main.main(words(normals, tmp_path, replicates=1)) == 2
        assert "found another at work in it" in capsys.readouterr().err
        assert not (tmp_path / "normals").exists()

    def test_the_workflow_goes_by_our_lock_which_a_killed_run_does_not_leave_behind(
        self, normals, tmp_path, monkeypatch
    ):
        asked = []
        monkeypatch.setattr(titrate.launch, "run", lambda **options: asked.append(options) or 3)
        command = [word for word in words(normals, tmp_path, replicates=1) if word != "--in-process"]
        assert main.main(command) == 3
        (only,) = asked
        assert "--nolock" in only["snakemake"]
        assert len(only["keep"]) == 1
        with files.alone(tmp_path):
            pass


@pytest.mark.slow
def test_killed_it_goes_on_where_it_stopped_and_says_what_the_one_in_process_says(normals, tmp_path):
    asked = {"copies": 12, "purities": 0.6, "replicates": 1, "cores": 2}
    inside = words(normals, tmp_path / "inside", **asked)
    command = [word for word in words(normals, tmp_path / "out", **asked) if word != "--in-process"]
    command = [sys.executable, "-m", "metcn", *command]
    calls = tmp_path / "out" / "fold_1" / "results" / "calls"
    with subprocess.Popen(command, start_new_session=True) as process:
        while not list(calls.glob("f1*.json")):
            assert process.poll() is None
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
    # What was at work when it was killed is made again, what had ended is not.
    ended = [calls.parent / "reference/reference.h5", *tmp_path.glob("out/normals/results/counts/N*.cnn")]
    first = {path: path.stat().st_mtime_ns for path in ended}
    assert len(first) == 7
    assert not (tmp_path / "out" / "titration.tsv").exists()
    subprocess.run(command, check=True)
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert main.main(inside) == 0
    for name in ("titration", "limits", "false_positives", "donors", "tumours"):
        assert (tmp_path / "out" / f"{name}.tsv").read_bytes() == (tmp_path / "inside" / f"{name}.tsv").read_bytes()


class TestPlan:
    @pytest.mark.parametrize(
        ("word", "extent"), [("3e6", "3000000"), ("chr7", "chromosome"), ("7q", "arm"), ("gene", "gene")]
    )
    def test_words_of_extents(self, word, extent):
        found = main.parser().parse_args(["titrate", "--samples=a", "--configfile=b", "--directory=c", "--sizes", word])
        assert found.sizes == [extent]

    @pytest.mark.parametrize(
        ("size", "met", "cep7"), [("gene", 8, 2), ("3000000", 8, 2), ("arm", 8, 5), ("chromosome", 8, 8)]
    )
    def test_truth_by_extent(self, size, met, cep7):
        grid = stage.Grid(**{**GRID, "copies": [8.0], "purities": [0.5], "sizes": [size]})
        made = stage.plan(grid, ["N1"], GRCH37, stage.read_karyotypes(None, GRCH37), 1)
        truth = stage.truth(made, GRCH37, 1)
        assert truth["extent"].tolist() == ["none", size]
        assert truth["met_copies"].tolist() == [2, met]
        assert truth["cep7_copies"].tolist() == [2, cep7]

    def test_factor_is_the_expected_ratio_times_depth(self):
        grid = stage.Grid(**{**GRID, "copies": [8.0], "purities": [0.5], "depths": [0.25], "sizes": ["chromosome"]})
        made = stage.plan(grid, ["N1"], GRCH37, stage.read_karyotypes(None, GRCH37), 1)[-1]
        ploidy = simulate_tumours.ploidy(made.made.karyotype)
        mean = 0.5 * ploidy + 1
        # MET, another autosome, and Y, of which the karyotype says nothing.
        found = made.factor(np.array(["7", "1", "Y"]), np.array([116_350_000] * 3), np.array([116_360_000] * 3))
        assert found == pytest.approx(0.25 * np.array([5, 2, 2]) / mean)

    def test_names_are_unique_and_donors_are_shared_out(self):
        grid = stage.Grid(**{**GRID, "replicates": 5})
        made = stage.plan(grid, ["A", "B", "C"], GRCH37, stage.read_karyotypes(None, GRCH37), 2)
        assert len({tumour.name for tumour in made}) == len(made) == 2 * 3 + 2 * 5
        used = [tumour.donor for tumour in made if tumour.copies == 12 and tumour.made.purity == 0.1]
        assert sorted(used[:3]) == ["A", "B", "C"]

    def test_withheld_purity_needs_unchanged_donors_once(self):
        grid = stage.Grid(**GRID, known=False)
        made = stage.plan(grid, ["A", "B"], GRCH37, stage.read_karyotypes(None, GRCH37), 1)
        assert [tumour.extent for tumour in made].count("none") == 2
        assert {(tumour.made.sheet_purity(), tumour.made.sheet_ploidy()) for tumour in made} == {("", "")}

    def test_karyotypes_are_the_background(self, tmp_path):
        (tmp_path / "k.tsv").write_text(
            "profile\tchromosome\tstart\tend\tcopies\n" + "".join(f"X1\tchr{n}\t0\t1000000\t4\n" for n in range(1, 23))
        )
        grid = stage.Grid(**{**GRID, "purities": [1.0], "sizes": ["gene"]})
        made = stage.plan(grid, ["A"], GRCH37, stage.read_karyotypes(tmp_path / "k.tsv", GRCH37), 1)[-1]
        assert made.background == "X1"
        assert made.factor(np.array(["1"]), np.array([0]), np.array([1000])) == pytest.approx([1.0])


@pytest.fixture
def counted(tmp_path):
    """Counts of fragments in 4,000 windows, half of them on chromosome 7."""
    start = np.tile(np.arange(2000) * 70_000, 2)
    frame = pd.DataFrame(
        {"chromosome": np.repeat(["1", "7"], 2000), "start": start, "end": start + 70_000, "gene": "-"}
    )
    count = np.random.default_rng(4).poisson(100, 4000)
    tables.write_counts(
        tmp_path / "N.cnn", frame.assign(depth=count / 70, log2=0.0, count=pd.array(count, dtype="Int64"))
    )
    return tmp_path / "N.cnn"


class TestTables:
    def test_counted_fragments_are_thinned_and_added(self, counted, tmp_path):
        usable, is_counted = stage.usable_rows([counted])
        assert is_counted
        grid = stage.Grid(**{**GRID, "copies": [6.0], "purities": [0.5], "sizes": ["chromosome"], "depths": [0.5]})
        made = stage.plan(grid, ["N"], GRCH37, stage.read_karyotypes(None, GRCH37), 1)[-1]
        stage.write_tumour(tmp_path / "T.cnn.gz", made, counted, usable, counted=True, seed=1)
        found = pd.read_csv(tmp_path / "T.cnn.gz", sep="\t")
        count = found["depth"] * 70
        assert np.allclose(count, count.round(), atol=1e-3)
        ratio = found["depth"][2000:].mean() / found["depth"][:2000].mean()
        assert ratio == pytest.approx(2, rel=0.03)

    def test_depth_is_multiplied(self, counted, tmp_path):
        usable, _ = stage.usable_rows([counted])
        made = stage.plan(stage.Grid(**GRID), ["N"], GRCH37, stage.read_karyotypes(None, GRCH37), 1)[0]
        stage.write_tumour(tmp_path / "T.cnn.gz", made, counted, usable, counted=False, seed=1)
        found = pd.read_csv(tmp_path / "T.cnn.gz", sep="\t")
        assert np.allclose(found["depth"], tables.read_counts(counted)["depth"], rtol=1e-5)

    def test_a_bin_that_one_normal_lacks_is_left_out_of_all(self, counted, tmp_path):
        frame = tables.read_counts(counted)
        frame.loc[5, ["depth", "log2"]] = np.nan
        frame.loc[5, "count"] = pd.NA
        tables.write_counts(tmp_path / "M.cnn", frame)
        usable, is_counted = stage.usable_rows([counted, tmp_path / "M.cnn"])
        assert is_counted
        assert np.flatnonzero(~usable).tolist() == [5]

    def test_no_bin_left(self, counted, tmp_path):
        frame = tables.read_counts(counted).assign(depth=np.nan)
        tables.write_counts(tmp_path / "M.cnn", frame)
        with pytest.raises(InputError, match="expected bins that all 2 normals have a depth for, found none"):
            stage.usable_rows([counted, tmp_path / "M.cnn"])


class TestRefuses:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--copies", "2"], "--copies: expected numbers above 2, received 2; correct the option"),
            (["--purities", "40"], "--purities: expected numbers above 0 and at most 1, received 40"),
            (["--purities", "0"], "--purities: expected numbers above 0 and at most 1, received 0"),
            (["--depths", "1.5"], "--depths: expected numbers above 0 and at most 1, shares of the donors' depth"),
            (["--sizes", "focal"], "--sizes: expected gene, arm, chromosome or a whole number of bases"),
            (["--sizes", "50"], "received '50'; correct the option"),
            (["--depths", "1", "0.5"], "--depths: expected 1 for coverage tables, whose chance scatter is unknown"),
            (["--replicates", "4"], "--replicates: expected at most 3, one for each donor, received 4"),
            (["--bam"], "--bam: expected normals with alignments, found coverage tables; leave --bam out"),
        ],
    )
    def test_options(self, normals, tmp_path, options, message, capsys):
        assert main.main([*words(normals, tmp_path), "--replicates=1", *options]) == 2
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 1
        assert message in told[0]

    def test_too_few_normals(self, normals, tmp_path, capsys):
        shutil.copytree(normals, tmp_path / "in")
        sheet = tmp_path / "in" / "samples.tsv"
        sheet.write_text("".join(sheet.read_text().splitlines(keepends=True)[:6]))
        assert main.main(words(tmp_path / "in", tmp_path)) == 2
        assert "expected at least 6 samples of role normal, three to compare with" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("profile\tchromosome\n", "expected columns profile, chromosome, start, end, copies"),
            ("profile\tchromosome\tstart\tend\tcopies\nA\t7\t0\t9\t\n", "without empty cells"),
            ("", "cannot read karyotypes"),
        ],
    )
    def test_karyotypes(self, tmp_path, text, message):
        (tmp_path / "k.tsv").write_text(text)
        with pytest.raises(InputError, match=message):
            stage.read_karyotypes(tmp_path / "k.tsv", GRCH37)
