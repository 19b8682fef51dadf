"""One set of dependencies in three places: ranges for pip and conda, and a lock that satisfies them."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.11", "3.12", "3.13")

# The few packages that conda calls otherwise.
CONDA_NAMES = {"deflate": "python-isal", "snakemake": "snakemake-minimal"}


# What conda lacks, and what it has instead; the tests use both.
STAND_INS = {"deflate": "isal"}


def parse(lines: list[str]) -> dict[str, SpecifierSet]:
    """Range of each requirement by its canonical name."""
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(item.name): item.specifier for item in requirements}


def conda_ranges(path: str = "environment.yml") -> dict[str, SpecifierSet]:
    """Range of each package in a conda environment."""
    environment = yaml.safe_load((ROOT / path).read_text())
    return parse(environment["dependencies"])


def locked() -> dict[str, list[tuple[Requirement, int]]]:
    """Entries of requirements.txt by canonical name, each with its number of hashes."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    found: dict[str, list[tuple[Requirement, int]]] = {}
    for entry in text.replace("\\\n", " ").splitlines():
        requirement = Requirement(entry.split("--hash")[0].strip())
        found.setdefault(canonicalize_name(requirement.name), []).append((requirement, entry.count("--hash=sha256:")))
    return found


RUNTIME = parse(PROJECT["dependencies"])
EXTRAS = {name: parse(lines) for name, lines in PROJECT["optional-dependencies"].items()}
DIRECT = {**RUNTIME, **{name: bounds for extra in EXTRAS.values() for name, bounds in extra.items()}}
LOCK = locked()


def test_there_is_something_to_compare():
    assert len(RUNTIME) >= 10
    assert set(EXTRAS) == {"slurm", "cluster", "dev"}
    assert len(LOCK) > len(DIRECT)


@pytest.mark.parametrize("name", DIRECT)
def test_range_has_a_lower_and_an_upper_bound(name):
    operators = {bound.operator for bound in DIRECT[name]}
    assert operators == {">=", "<"}, f"{name}{DIRECT[name]}"


@pytest.mark.parametrize("name", RUNTIME)
def test_conda_has_the_same_range(name):
    assert conda_ranges()[CONDA_NAMES.get(name, name)] == DIRECT[STAND_INS.get(name, name)]


def test_the_workflows_own_environment_is_the_same_without_what_runs_it():
    own = conda_ranges("workflow/envs/metcn.yaml")
    assert own
    expected = {name: versions for name, versions in conda_ranges().items() if name not in ("pip", "snakemake-minimal")}
    assert own == expected


def test_conda_has_nothing_else_but_python_and_pip():
    extra = set(conda_ranges()) - {CONDA_NAMES.get(name, name) for name in RUNTIME}
    assert extra == {"python", "pip"}
    assert conda_ranges()["python"] == SpecifierSet(PROJECT["requires-python"])


@pytest.mark.parametrize("name", DIRECT)
def test_locked_version_lies_in_the_range(name):
    (requirement, _), *others = LOCK[name]
    assert not others, "more than one version: the numbers would depend on the Python"
    (pin,) = requirement.specifier
    assert pin.operator == "=="
    assert DIRECT[name].contains(Version(pin.version))


@pytest.mark.parametrize("name", DIRECT)
@pytest.mark.parametrize("python", PYTHONS)
def test_lock_applies_to_every_python(name, python):
    (requirement, _), *_ = LOCK[name]
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.0")
    assert requirement.marker is None or requirement.marker.evaluate(environment)


def test_every_locked_package_has_hashes():
    assert not [name for name, entries in LOCK.items() if any(hashes == 0 for _, hashes in entries)]


def test_lock_names_no_host_and_no_path():
    text = (ROOT / "requirements.txt").read_text()
    assert not re.search(r"https?://|file:|--index-url|--extra-index-url|--find-links|^\s*#.*\s/\w", text, re.MULTILINE)


@pytest.mark.parametrize("python", PYTHONS)
def test_continuous_integration_runs_every_python(python):
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert python in workflow["jobs"]["check"]["strategy"]["matrix"]["python"]
