"""The tool behind ``make mutate``: which changes it makes, which tests it runs, and what it finds in a toy package."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mutate

ROOT = Path(__file__).resolve().parents[2]
CHANGES = {
    # one line, what it may become
    "y = a < b": {"y = a <= b", "y = a >= b"},
    "y = a == b": {"y = a != b"},
    "y = a is not b": {"y = a is b"},
    "y = a - b": {"y = a + b", "y = (a)"},
    "y = a * (b + c)": {"y = a / (b + c)", "y = (a)", "y = a * (b - c)", "y = a * ((b))"},
    "y = a and b and c": {"y = a or b and c", "y = a and b or c"},
    "y = not a": {"y = (a)"},
    "y = a & ~b": {"y = a | ~b", "y = (a)", "y = a & (b)"},
    "y += a": {"y -= a"},
    "y = 2": {"y = 3", "y = 1"},
    "y = 0": {"y = 1"},
    "y = 2.0": {"y = 2.6"},
    "y = 0.0": {"y = 1.0"},
    "y = True": {"y = False"},
    "y = min(a.max(), b)": {"y = max(a.max(), b)", "y = min(a.min(), b)"},
    "y = find(a, side='left')": {"y = find(a, side='right')"},
    "y = 'text'": set(),
    "y = f'{a + 1}'": set(),
    "raise ValueError(a + b)": set(),
    "assert a > b": set(),
    "def f(a: Tuple[int, 3]) -> A | B: ...": set(),
    "y = zip(a, b, strict=True)": set(),
}


@pytest.mark.parametrize(("line", "expected"), CHANGES.items(), ids=list(CHANGES))
def test_changes_of_a_line(line, expected):
    made = mutate.mutants("toy", f"import a\n{line}\nz = None\n")
    assert {mutant.after for mutant in made} == expected
    assert {(mutant.line, mutant.before) for mutant in made} <= {(2, line)}
    assert all(mutant.source == f"import a\n{mutant.after}\nz = None\n" for mutant in made)


def test_a_line_is_shown_without_its_comment_and_a_long_one_whole():
    source = "y = (  # sum & more\n    ä\n    + 1  # of ü\n)\n"
    assert {(mutant.before, mutant.after) for mutant in mutate.mutants("toy", source)} == {
        ("+ 1", "- 1"),
        ("+ 1", "+ 2"),
        ("+ 1", "+ 0"),
        ("ä + 1", "(ä)"),
    }


@pytest.mark.parametrize("module", ["copies/focality", "calls/overall", "copies/detection_limit"])
def test_every_mutant_of_a_real_module_is_another_program(module):
    source = (ROOT / mutate.PACKAGE / f"{module}.py").read_text(encoding="utf-8")
    original = ast.dump(ast.parse(source))
    assert all(ast.dump(ast.parse(mutant.source)) != original for mutant in mutate.mutants(module, source))


def test_the_seed_draws_them():
    source = "\n".join(f"x{number} = {number}" for number in range(40))
    first, again, other = (mutate.drawn("toy", source, seed=seed, count=12) for seed in (1, 1, 2))
    assert first == again != other
    assert [mutant.line for mutant in first] == sorted(mutant.line for mutant in first)
    assert len(mutate.drawn("toy", source, seed=1, count=1000)) == 79  # 0 has one neighbour


def test_tests_of_a_module_are_its_own_then_those_that_import_it():
    first, *others = mutate.tests_of("copies/detection_limit", ROOT)
    assert first == "tests/copies/test_detection_limit.py"
    assert "tests/whole/test_properties.py" in others
    assert not [name for name in others if name.startswith("tests/project/")]


def test_a_module_that_is_not_there_is_told():
    with pytest.raises(SystemExit, match="no module or folder nonesuch"):
        mutate.modules_of(["nonesuch"], ROOT)


TOY = {
    "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['scripts']\n",
    "scripts/metcn/__init__.py": "",
    "scripts/metcn/toy/__init__.py": "",
    "scripts/metcn/toy/bounds.py": (
        "LEAST = 5\n\n\ndef enough(values):\n    return values[0] >= LEAST\n\n\n"
        "def counted(stop):\n    number = 0\n    while number < stop:\n        number += 1\n    return number\n"
    ),
    "tests/toy/test_bounds.py": (
        "from metcn.toy import bounds\n\n\ndef test_enough():\n    assert bounds.enough([9])\n"
        "    assert not bounds.enough([3])\n    assert [bounds.counted(stop) for stop in (0, 3)] == [0, 3]\n"
    ),
    "tests/mutants_equivalent.txt": (
        "# known\ntoy/bounds: only for the test\n- return values[0] >= LEAST\n+ return values[0] > LEAST\n"
    ),
}


@pytest.fixture
def toy(tmp_path):
    """A package of one module, whose test does not try the bound itself, and the tool beside it."""
    for name, text in TOY.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copy(mutate.__file__, tmp_path / "tests")
    return tmp_path


def run(toy, *options):
    command = [sys.executable, str(toy / "tests/mutate.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_toy_package_shows_what_its_test_misses(toy):
    done = run(toy, "toy", "--count", "100", "--workers", "2", "--least-seconds", "1")
    assert done.returncode == 0, done.stderr
    blocks = done.stdout.split("survived: ")[1:]
    missed = [line[4:] for block in blocks for line in block.splitlines() if line.startswith(" -> ")]
    assert missed == ["LEAST = 4", "LEAST = 6"]
    assert "toy/bounds.py:1\n    LEAST = 5\n -> LEAST = 6\n" in done.stdout
    row = done.stdout.splitlines()[-1]
    assert row.split()[:5] == ["toy/bounds", "11", "mutants", "1", "equivalent"]
    assert " 8 killed (" in row
    assert row.endswith("2 survived  80%")
    assert (toy / "scripts/metcn/toy/bounds.py").read_text() == TOY["scripts/metcn/toy/bounds.py"]


def test_tests_that_fail_anyway_judge_nothing(toy):
    path = toy / "tests/toy/test_bounds.py"
    path.write_text(path.read_text().replace("[0, 3]\n", "[0, 4]\n"))
    done = run(toy, "toy/bounds", "--count", "1")
    assert done.returncode == 1
    assert "the tests fail without any change" in done.stderr
    assert "assert [0, 3] == [0, 4]" in done.stderr


def test_an_entry_of_another_form_is_told(toy):
    (toy / "tests/mutants_equivalent.txt").write_text("toy/bounds: reason\n- a\n b\n")
    done = run(toy, "toy/bounds", "--count", "1")
    assert "has an entry of another form at: toy/bounds: reason" in done.stderr


def test_entries_are_those_of_mutants_that_there_are():
    """An entry whose line has changed since excuses nothing; look whether it is needed still, and remove it."""
    known = mutate.equivalents(ROOT / mutate.EQUIVALENT)
    for module in {entry[0] for entry in known}:
        source = (ROOT / mutate.PACKAGE / f"{module}.py").read_text(encoding="utf-8")
        possible = {(module, mutant.before, mutant.after) for mutant in mutate.mutants(module, source)}
        assert {entry for entry in known if entry[0] == module} <= possible
