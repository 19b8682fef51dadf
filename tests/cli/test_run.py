"""What Snakemake is started with: who runs it, and which folder a dry run is shown."""

import getpass
import os
from pathlib import Path

import pytest

from metcn.cli import run
from metcn.run.failures import Failure


class TestIdentity:
    def test_of_a_known_user_is_left_alone(self, monkeypatch, tmp_path):
        monkeypatch.setattr(getpass, "getuser", lambda: "somebody")
        monkeypatch.setenv("HOME", "/home/somebody")
        assert run._identity(tmp_path) == {}

    @pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("No username set")])
    def test_of_a_user_whom_the_system_does_not_know(self, monkeypatch, tmp_path, error):
        def unknown():
            raise error

        monkeypatch.setattr(getpass, "getuser", unknown)
        monkeypatch.setenv("HOME", "/")
        found = run._identity(tmp_path)
        assert found["USER"] == found["LOGNAME"] == f"user{os.getuid()}"
        assert found["XDG_CONFIG_HOME"] == found["XDG_DATA_HOME"] == str(tmp_path)
        assert "HOME" not in found

    def test_without_a_home(self, monkeypatch, tmp_path):
        monkeypatch.setattr(getpass, "getuser", lambda: "somebody")
        monkeypatch.delenv("HOME")
        assert run._identity(tmp_path) == {"HOME": str(tmp_path)}


def test_a_dry_run_sees_what_is_there_and_leaves_no_trace(monkeypatch, tmp_path):
    out = tmp_path / "out"
    for name in (
        "results/bins/bins.tsv",
        ".snakemake/metadata/x",
        ".snakemake/locks/0.output.lock",
        "logs/config.yaml",
    ):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(name)
    seen = {}

    def snakemake(folder, settings, words, keep):
        paths = [Path(top) / name for top, _, names in os.walk(folder, followlinks=True) for name in names]
        seen.update({str(path.relative_to(folder)): path.read_text() for path in paths})
        (folder / "written").write_text("")
        return 0

    monkeypatch.setattr(run, "_snakemake", snakemake)
    before = sorted(out.rglob("*"))
    assert run._show(out, {}, [], []) == run.DONE
    assert sorted(out.rglob("*")) == before
    assert seen == {name: name for name in ("results/bins/bins.tsv", ".snakemake/metadata/x")}
    assert run._show(tmp_path / "absent", {}, [], []) == run.DONE
    assert not (tmp_path / "absent").exists()


def test_a_defect_among_the_failures_is_no_bad_input(capsys):
    bad, killed = Failure("A", "counts", "input_error", ("a",)), Failure("B", "purity", "not_finished", ("b",))
    with pytest.raises(run.InputError, match=r"^sample A: a$"):
        run._told([bad])
    assert run._told([bad, killed]) == run.FAILED
    assert capsys.readouterr().err.splitlines() == ["metcn: error: sample A: a", "metcn: error: sample B: b"]
