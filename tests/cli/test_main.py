"""The command line: exit statuses, one-line messages, options made from the schema, and a quick start."""

import argparse
import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from metcn import files, provenance
from metcn.cli import main, stage_options
from metcn.errors import InputError
from metcn.run import config, runner, stages
from metcn.run.stages import STAGES

ROOT = Path(__file__).resolve().parents[2]


def metcn(*words, **environment):
    """A finished process of the command."""
    command = [sys.executable, "-m", "metcn", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts"), **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def refused(capsys, *words):
    """Lines on stderr of a command line that ends with status 2 and prints nothing else."""
    try:
        status = main.main(list(map(str, words)))
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert all(line.startswith("metcn: error: ") for line in err.splitlines())
    return err.removesuffix("\n")


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_answers_without_the_scientific_stack(option):
    heavy = "numpy pandas scipy pysam cnvlib h5py jinja2 snakemake numba jsonschema".split()
    code = (
        "import sys\nfrom metcn.cli.main import main\n"
        "try:\n    main(sys.argv[1:2])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print(sorted(set(sys.argv[2:]) & set(sys.modules)), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run([sys.executable, "-c", code, option, *heavy], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main.main(["--version"])
    assert capsys.readouterr().out == f"metcn {provenance.VERSION}\n"


def test_help_lists_every_stage_in_order():
    listed = re.findall(r"^    (\w+)", metcn("--help", COLUMNS="120").stdout, re.MULTILINE)
    assert [word for word in listed if word in STAGES] == list(STAGES)
    assert {"run", "call", "simulate"} <= set(listed)


@pytest.mark.parametrize("stage", STAGES)
class TestStage:
    def test_help_names_every_setting_with_its_default(self, stage, capsys):
        with pytest.raises(SystemExit, match="0"):
            main.main([stage, "--help"])
        text = re.sub(r"\s+", " ", capsys.readouterr().out)
        for key, keyword in config.settings_keys(stage).items():
            assert f"--{key.replace('_', '-')}" in text
            assert f"(default: {keyword['default']})" in text

    def test_no_argument_is_both_file_and_setting(self, stage):
        named = [argument.name for argument in stages.STAGES[stage].arguments]
        assert len(named) == len(set(named))
        assert not set(named) & set(config.settings_keys(stage))

    def test_arguments_are_the_function_s(self, stage):
        tree = ast.parse((files.PACKAGE / stage / "stage.py").read_text())
        (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == stage]
        expected = [argument.name for argument in stages.STAGES[stage].arguments] + ["settings"]
        assert sorted(argument.arg for argument in function.args.kwonlyargs) == sorted(expected)

    def test_outputs_are_those_of_the_layout(self, stage):
        written = [argument.name for argument in stages.STAGES[stage].arguments if argument.kind == "write"]
        assert written == list(stages.STAGES[stage].outputs)

    def test_missing_arguments(self, stage, capsys):
        assert "the following arguments are required: --" in refused(capsys, stage)


def test_choices_are_those_of_the_schema():
    assert stages.GENOME.choices == tuple(config.keys()["genome"]["enum"])
    assert stages.ASSAY.choices == tuple(config.keys()["assay"]["enum"])


def test_output_paths_are_all_different():
    paths = [path for stage in stages.TABLE for path in stage.outputs.values()]
    assert len(paths) == 26
    assert len(set(paths)) == len(paths)


REFUSED = {
    "nothing": ([], "the following arguments are required: COMMAND"),
    "unknown command": (["cal"], "invalid choice: 'cal'"),
    "abbreviated option": (["run", "--sampl", "x"], "the following arguments are required"),
    "setting of another kind": (
        ["counts", "--min-mapq", "x"],
        "--min-mapq: expected whole number >= 0 and <= 255, received 'x'",
    ),
    "setting out of bounds": (["copies", "--alpha", "0.6"], "--alpha: expected number > 0 and < 0.5, received '0.6'"),
    "setting that is not a number": (["copies", "--alpha", "nan"], "received 'nan'"),
    "unknown word": (["segments", "--method", "x"], "expected one of 'hmm', 'cbs', 'haar', 'none', received 'x'"),
    "file that does not exist": (
        ["segments", "--ratios", "no.cnr"],
        "--ratios: expected a file, no.cnr does not exist",
    ),
    "folder for a file": (["segments", "--ratios", "/"], "expected a file, / is a folder"),
    "name that cannot be a file's": (["segments", "--sample", "a/b"], "--sample: expected letters, .*received 'a/b'"),
    "no cores": (["run", "--cores", "0"], "--cores: expected a whole number above 0, received '0'"),
    "cores in words": (["run", "--cores", "two"], "received 'two'"),
    "no configuration": (
        ["run", "--configfile", "no.yaml", "--directory", "x"],
        "no.yaml: cannot be read .*give the path of a configuration file",
    ),
    "call without input": (["call", "-o", "x"], "expected exactly one of alignments, coverage, ratios, received none"),
    "call of a missing file": (
        ["call", "a.bam", "-o", "x"],
        "metcn call: sample a, column alignments: .*does not exist",
    ),
    "purity of call": (["call", "a.bam", "--purity", "40", "-o", "x"], "write 0.4 for 40 %"),
    "simulated tumour": (["simulate", "cohort", "--tumour", "focal"], "such as focal:0.6:12, received 'focal'"),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert re.search(message, refused(capsys, *words))


def test_settings_in_the_wrong_order(capsys, tmp_path):
    (tmp_path / "s.cns").touch()
    words = ["purity", "--sample", "T1", "--specimen", "tissue", "--genome", "GRCh37"]
    words += ["--segments", tmp_path / "s.cns", "--output", "o"]
    message = refused(capsys, *words, "--tissue-low", "0.5", "--tissue-high", "0.4")
    assert message == (
        "metcn: error: metcn purity: key tissue_low: expected at most tissue_high (0.4), received 0.5; "
        "change one of the two"
    )


def stand_in(monkeypatch, action):
    """Let every stage do something else."""
    monkeypatch.setattr(stage_options, "run_stage", lambda stage, options: action())


WORDS = ["cohort", "--calls", __file__, "--output", "o", "--page", "p"]


def test_every_line_of_an_input_error(monkeypatch, capsys):
    def fail():
        raise InputError("one\ntwo")

    stand_in(monkeypatch, fail)
    assert refused(capsys, *WORDS) == "metcn: error: one\nmetcn: error: two"


def test_defect(monkeypatch, capsys):
    stand_in(monkeypatch, lambda: 1 / 0)
    assert main.main(WORDS) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback ") and "ZeroDivisionError" in err and "defect of metcn" in err


def test_interrupt(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    stand_in(monkeypatch, interrupt)
    assert main.main(WORDS) == 130


def test_reader_that_went_away():
    command = f"{sys.executable} -m metcn counts --help | true"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_stage_gets_files_facts_and_settings(monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(runner, "call_stage", lambda stage, known, settings: seen.update(known, settings=settings))
    (tmp_path / "s.cns").touch()
    words = ["purity", "--sample", "T1", "--specimen", "tissue", "--genome", "GRCh37"]
    words += ["--segments", tmp_path / "s.cns", "--output", "o.json"]
    assert main.main([*map(str, words), "--floor", "0.02"]) == 0
    assert seen.pop("settings") == {**config.defaults("purity"), "floor": 0.02}
    assert seen == {
        "sample": "T1",
        "specimen": "tissue",
        "purity": None,
        "purity_error": None,
        "ploidy": None,
        "genome": "GRCh37",
        "segments": tmp_path / "s.cns",
        "variants": None,
        "alleles": None,
        "normal_alleles": None,
        "counts_summary": None,
        "normal_summaries": None,
        "output": Path("o.json"),
    }


@pytest.mark.parametrize(("given", "expected"), [("P1", "P1"), ("@{}/samples.tsv", "P 2")], ids=["named", "by sheet"])
def test_patient(monkeypatch, tmp_path, given, expected):
    seen = {}
    monkeypatch.setattr(runner, "call_stage", lambda stage, known, settings: seen.update(known))
    (tmp_path / "samples.tsv").write_text("sample\trole\tratios\tpatient\nT1\ttumour\tx.cnr\tP 2\n")
    (tmp_path / "a.json").touch()
    words = ["calls", "--sample=T1", "--specimen=tissue", f"--patient={given.format(tmp_path)}"]
    for name in ("measurement", "purity", "copies", "draws"):
        words += [f"--{name}", str(tmp_path / "a.json")]
    assert main.main([*words, "--output", "o.json"]) == 0
    assert seen["patient"] == expected


@pytest.mark.parametrize("stage", STAGES)
def test_settings_survive_the_shell(stage):
    given = {"genome": "GRCh37", "assay": "wgs", "bins": {"window_bp": 2000}, "report": {"title": "a 'b' \"c\" $d"}}
    whole = config.complete({**given, "counts": {"keep_duplicates": True}}, Path("/"))
    parser = argparse.ArgumentParser()
    stage_options.add_settings(parser, stage)
    parsed = vars(parser.parse_args(shlex.split(config.section_options(whole, stage))))
    assert parsed == {key: whole[stage][key] for key in config.settings_keys(stage)}
