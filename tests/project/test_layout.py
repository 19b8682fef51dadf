"""The shape of the code: which way imports point, how long things get, and that one word finds all of a stage."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from metcn.vocabulary import CALLS, COHORT_COLUMNS, REASONS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "scripts" / "metcn"

STAGES = "bins counts reference ratios segments purity copies calls compare report cohort".split()

# Folders and single modules, lowest floor first: each may import what lies below it and its own folder, nothing else.
# The stages come in the order of the data. A new folder is entered here.
FLOORS = [
    "errors vocabulary mixture light_imports",
    "stats",
    "files",
    "provenance",
    "metcn",
    "genome",
    "io",
    "run",
    "reads",
    *STAGES,
    "simulate",
    "titration",
    "cli",
    "__main__",
]
FLOOR_OF = {place: floor for floor, places in enumerate(FLOORS) for place in places.split()}

# Modules of a stage that open files; all others take values and arrays, and give them.
OPENS = ("stage", "_file", "_files", "_formats")
NOT_IN_CORE = {"cnvlib", "h5py", "logging", "os", "pysam", "skgenome", "snakemake", "yaml"}

MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 55
MAX_PARAMETERS = 8
# Functions that take more, beside those of the stages, whose parameters are the table of stages' arguments. The list
# may only get shorter.
MANY_PARAMETERS = {"cli.call.call", "cli.run.run", "cli.titrate.titrate", "simulate.cohort"}


def module_name(path: Path) -> str:
    """Dotted name of a module below ``metcn``; ``metcn`` for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts) or "metcn"


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def floor_of(module: str) -> int:
    """Floor of a module: its own, or that of the folder it lies in."""
    return FLOOR_OF[module.split(".")[0]]


@cache
def tree_of(module: str) -> ast.Module:
    """Syntax tree of a module."""
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> set[str]:
    """Full dotted names a module imports, wherever in it; ``from a import b`` is ``a.b`` where that is a module."""
    names = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} import relative to the package; write it out"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole.removeprefix("metcn.") in MODULES else str(node.module))
    return names


def functions(module: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a module."""
    return [node for node in ast.walk(tree_of(module)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from ``def`` to its end, without its docstring."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    return function.end_lineno - function.lineno + 1 - (docstring.end_lineno - docstring.lineno + 1 if docstring else 0)


def readme_row(code: str) -> str:
    """Row of README's table of reasons for one code."""
    return f"| `{code}` | {REASONS[code].severity} | {REASONS[code].text} |"


def test_the_walk_finds_the_package():
    assert {"metcn", "vocabulary", "mixture", "cli", "ratios.stage"} <= set(MODULES)
    assert "metcn.files" in imports("provenance")


def test_floors_name_every_folder_and_none_that_is_gone():
    assert sorted(FLOOR_OF) == sorted({module.split(".")[0] for module in MODULES})


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module):
    ours = {name.removeprefix("metcn.") for name in imports(module) if name.split(".")[0] == "metcn"} - {module}
    folder = module.split(".")[0]
    wrong = [name for name in ours if floor_of(name) >= floor_of(module) and name.split(".")[0] != folder]
    assert sorted(wrong) == []


@pytest.mark.parametrize("module", MODULES)
def test_module_is_short(module):
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short(module):
    assert [(item.name, code_lines(item)) for item in functions(module) if code_lines(item) > MAX_FUNCTION_LINES] == []


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Number of parameters of a function."""
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return len([*named, *filter(None, (given.vararg, given.kwarg))])


def test_functions_take_few_parameters():
    """A list that is complete and holds none that has been mended."""
    stages = {f"{stage}.stage.{stage}" for stage in STAGES}
    many = {
        f"{module}.{item.name}" for module in MODULES for item in functions(module) if parameters(item) > MAX_PARAMETERS
    }
    assert many - stages == MANY_PARAMETERS


@pytest.mark.parametrize("module", MODULES)
def test_public_names_are_documented(module):
    assert ast.get_docstring(tree_of(module)), f"{module} has no docstring"
    public = [item for item in functions(module) if not item.name.startswith("_")]
    assert [item.name for item in public if not ast.get_docstring(item)] == []


@pytest.mark.parametrize("stage", STAGES)
class TestStageWord:
    """The same word is in a rule's outputs, and the function, subcommand, configuration section and folder of tests."""

    def test_rule(self, stage):
        rules = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
        assert f'"results/{stage}' in rules or f"results/{stage}/" in rules

    def test_function(self, stage):
        assert stage in {node.name for node in tree_of(f"{stage}.stage").body if hasattr(node, "name")}

    def test_subcommand(self, stage):
        assert re.search(rf"\b{stage}\b", command_help())

    def test_configuration_section(self, stage):
        schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
        assert stage in schema["properties"]

    def test_test_file(self, stage):
        assert list((ROOT / "tests" / stage).glob("test_*.py"))

    def test_readme_row(self, stage):
        assert f"\n| `{stage}` |" in readme()


@cache
def command_help() -> str:
    """What ``metcn --help`` prints."""
    command = [sys.executable, "-m", "metcn", "--help"]
    environment = {"PYTHONPATH": str(ROOT / "scripts"), "COLUMNS": "120"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@cache
def readme() -> str:
    """The README's text."""
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_lists_every_reason_and_no_other():
    section = readme().split("### Reasons")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [readme_row(code) for code in REASONS]


@pytest.mark.parametrize("name", [*COHORT_COLUMNS, *CALLS])
def test_readme_explains_every_column_and_call(name):
    rows = [line.split("|")[1] for line in readme().splitlines() if line.startswith("| `")]
    assert any(f"`{name}`" in cell for cell in rows)


def test_changelog_knows_the_version():
    version = re.search(r'^VERSION = "(.+)"$', MODULES["provenance"].read_text(), re.MULTILINE)[1]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
