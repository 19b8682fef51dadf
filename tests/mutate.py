"""Which small changes of the core the tests would not notice: ``make mutate``.

A mutant is a module with one change: a comparison moved over its bound or turned round, a sign changed, a term or
factor dropped, a constant changed, ``min`` for ``max``, ``and`` for ``or``. Which of all that are possible are tried is
drawn by a seed. The tests of a module (its own, then those that import it) run against each mutant in a copy of the
tree, in a process of their own that is given a time. A mutant that they pass shows a test that is missing; one that
cannot change a result is entered in ``tests/mutants_equivalent.txt`` with the reason.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "scripts/metcn"
NOT_COPIED = ("demo", "build", "dist")  # made by others of make's targets; nor is what is hidden
EQUIVALENT = "tests/mutants_equivalent.txt"
CORE = (
    "mixture copies/posterior calls/verdicts calls/overall calls/by_purity copies/detection_limit copies/focality "
    "copies/germline ratios/correct ratios/exons ratios/window_errors reference/build reference/on_seven "
    "reference/tangent purity/grid purity/segment_likelihood purity/posterior compare/course"
)
OF_THE_CODE = ("project",)  # tests that look at the code's shape
LIBRARIES = "numpy pandas scipy.stats scipy.special h5py pysam yaml hypothesis pytest"
KILLED, SURVIVED, SLOW = "killed", "survived", "timed out"
POLL_S = 0.01
LEAST_S = 20.0  # for the tests of one mutant, and
TIMES_BASELINE = 6.0  # of the time that they take on the original, since others use the machine too

# Each comparison over its bound and turned round.
COMPARISONS = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
}
OPERATORS = {
    ast.Add: ("+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("/",)),
    ast.Div: ("/", ("*",)),
    ast.BitAnd: ("&", ("|",)),
    ast.BitOr: ("|", ("&",)),
}
DROPPED = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.BitAnd, ast.BitOr)  # whose second operand may go
PAIRS = "min max, minimum maximum, nanmin nanmax, fmin fmax, argmin argmax, any all, ceil floor, left right".split(", ")
OPPOSITE = {a: b for pair in PAIRS for a, b in (pair.split(), pair.split()[::-1])}
CONSTANT_BY = 1.3  # what a constant that is no whole number is multiplied by


@dataclass(frozen=True)
class Edit:
    """A stretch of a module's source, in bytes, and what stands there instead."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Mutant:
    """One change of a module: its source, and how the changed lines read before and after."""

    module: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}.py:{self.line}\n    {self.before}\n -> {self.after}"


# Mutants of a module


def mutants(module: str, source: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its source."""
    text = source.encode()
    places = _Places(text)
    edits = {edit for node in _nodes(ast.parse(source)) for edit in _edits(node, places)}
    return [_mutant(module, text, edit) for edit in sorted(edits, key=lambda edit: (edit.start, edit.end, edit.text))]


def _mutant(module: str, text: bytes, edit: Edit) -> Mutant:
    """The module with one edit made."""
    first = text.rfind(b"\n", 0, edit.start) + 1
    last = text.find(b"\n", edit.end)
    head, tail = text[first : edit.start], text[edit.end : last]
    before, after = (
        b"".join([head, part, tail]).decode() for part in (text[edit.start : edit.end], edit.text.encode())
    )
    whole = b"".join([text[: edit.start], edit.text.encode(), text[edit.end :]]).decode()
    line = text.count(b"\n", 0, edit.start) + 1
    return Mutant(module, line, _plain(before), _plain(after), whole)


def _plain(lines: str) -> str:
    """Code without comments, in one line."""
    return " ".join(re.sub(r"(^|\s)# .*$", "", lines, flags=re.MULTILINE).split())


class _Places:
    """Byte offsets of the nodes of a source."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.lines = [0]
        for line in text.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))

    def start(self, node: ast.expr) -> int:
        """Where a node starts."""
        return self.lines[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr) -> int:
        """Where a node ends."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.lines[node.end_lineno - 1] + node.end_col_offset

    def of(self, node: ast.expr) -> str:
        """Source of a node."""
        return self.text[self.start(node) : self.end(node)].decode()

    def between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> Iterator[Edit]:
        """The operator that stands between two operands, changed."""
        start = self.end(left)
        word = rb"(?<![<>=!*/&|+\w-])" + re.escape(old.encode()) + rb"(?![<>=*/\w])"
        place = re.search(word, self.text[start : self.start(right)])
        if place:
            yield Edit(start + place.start(), start + place.end(), new)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that decide what a module gives: no types, decorators, checks of lengths, or texts of messages."""
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr | ast.Raise | ast.Assert):
                yield from _nodes(child)


def _edits(node: ast.AST, places: _Places) -> Iterator[Edit]:
    """Changes that a node allows."""
    if isinstance(node, ast.Compare):
        for left, kind, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            old, others = COMPARISONS.get(type(kind), ("", ()))
            for new in others:
                yield from places.between(left, right, old, new)
    elif isinstance(node, ast.BinOp):
        yield from _operation_edits(node, places)
    elif isinstance(node, ast.AugAssign):
        old, others = OPERATORS.get(type(node.op), ("", ()))
        for new in others:
            yield from places.between(node.target, node.value, f"{old}=", f"{new}=")
    elif isinstance(node, ast.BoolOp):
        word = "or" if isinstance(node.op, ast.And) else "and"
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from places.between(left, right, "and" if word == "or" else "or", word)
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.UAdd):
        yield Edit(places.start(node), places.end(node), f"({places.of(node.operand)})")
    elif isinstance(node, ast.Constant):
        yield from (Edit(places.start(node), places.end(node), text) for text in _other_constants(node.value))
    elif isinstance(node, ast.Attribute) and node.attr in OPPOSITE:
        yield Edit(places.end(node) - len(node.attr), places.end(node), OPPOSITE[node.attr])
    elif isinstance(node, ast.Name) and node.id in OPPOSITE and isinstance(node.ctx, ast.Load):
        yield Edit(places.start(node), places.end(node), OPPOSITE[node.id])


def _operation_edits(node: ast.BinOp, places: _Places) -> Iterator[Edit]:
    """Another operator, and the second operand dropped."""
    old, others = OPERATORS.get(type(node.op), ("", ()))
    for new in others:
        yield from places.between(node.left, node.right, old, new)
    if isinstance(node.op, DROPPED):
        yield Edit(places.start(node), places.end(node), f"({places.of(node.left)})")


def _other_constants(value: object) -> list[str]:
    """What a constant is changed to."""
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(value + 1), *([str(value - 1)] if value > 0 else [])]
    if isinstance(value, float):
        return [repr(value * CONSTANT_BY if value else 1.0)]
    if isinstance(value, str) and value in ("left", "right"):
        return [repr(OPPOSITE[value])]
    return []


def drawn(module: str, source: str, *, seed: int, count: int) -> list[Mutant]:
    """At most ``count`` mutants of a module, the same for the same seed, in the order of the source."""
    every = mutants(module, source)
    picked = random.Random(f"{seed} {module}").sample(range(len(every)), min(count, len(every)))
    return [every[index] for index in sorted(picked)]


# Modules and their tests


def modules_of(words: Sequence[str], root: Path) -> list[str]:
    """Modules, as ``folder/module``, that folders or modules of the package stand for."""
    names: list[str] = []
    for word in words:
        place = root / PACKAGE / word
        paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        if not paths or not paths[0].is_file():
            raise SystemExit(f"error: no module or folder {word} in {PACKAGE}; name them as in copies/posterior")
        names += [path.relative_to(root / PACKAGE).with_suffix("").as_posix() for path in paths]
    return [name for name in dict.fromkeys(names) if Path(name).name != "__init__"]


def tests_of(module: str, root: Path) -> list[str]:
    """Files of tests that notice a module: its own, all others that import it, else those of its folder."""
    dotted = ".".join(("metcn", *module.split("/")))
    own = root / "tests" / Path(module).parent / f"test_{Path(module).name}.py"
    folder = own.parent
    files = [path for path in sorted((root / "tests").rglob("test_*.py")) if path.parent.name not in OF_THE_CODE]
    others = [path for path in files if dotted in _imported(path)]
    others.sort(key=lambda path: path.parent != folder)
    found = [path for path in dict.fromkeys([own, *others]) if path.is_file()]
    if own not in found and folder != root / "tests":
        found = list(dict.fromkeys([*found, *sorted(folder.glob("test_*.py"))]))
    return [path.relative_to(root).as_posix() for path in found]


def _imported(path: Path) -> set[str]:
    """Dotted names that a file imports, of modules and of what they hold."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def equivalents(path: Path) -> dict[tuple[str, str, str], str]:
    """Reasons by module, line before and line after, of the mutants that cannot change a result.

    An entry is three lines: ``module: reason``, ``- line before`` and ``+ line after``. Lines with ``#`` are comments.
    """
    if not path.is_file():
        return {}
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    found = {}
    for head, before, after in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        module, _, reason = head.partition(": ")
        if not reason or before[:2] != "- " or after[:2] != "+ ":
            raise SystemExit(f"error: {path.name} has an entry of another form at: {head}")
        found[module, before[2:], after[2:]] = reason
    return found


# Running


def copies_of(root: Path, place: Path, count: int) -> list[Path]:
    """Copies of the tree below a folder, one per worker."""
    trees = [place / f"tree{number}" for number in range(count)]
    for tree in trees:
        tree.mkdir()
        for path in root.iterdir():
            if path.is_dir() and path.name[0] != "." and path.name not in NOT_COPIED:
                shutil.copytree(path, tree / path.name)
            elif path.is_file():
                shutil.copy2(path, tree / path.name)
    return trees


def put(tree: Path, module: str, source: str) -> None:
    """Write a module into a copy, of a time that no bytecode or machine code lying there was made at."""
    path = tree / PACKAGE / f"{module}.py"
    path.write_text(source, encoding="utf-8")
    changed = 1 + zlib.crc32(source.encode())
    os.utime(path, (changed, changed))


def start(tree: Path, tests: Sequence[str], *, bytecode: bool = False) -> int:
    """Process number of a child that runs tests in a copy of the tree, its output in a file beside that."""
    child = os.fork()
    if child:
        return child
    status = 3
    try:
        os.setsid()
        null, output = os.open(os.devnull, os.O_RDONLY), os.open(log_of(tree), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for old, new in ((null, 0), (output, 1), (output, 2)):
            os.dup2(old, new)
        os.chdir(tree)
        os.environ.update(PYTHONPATH=str(tree / "scripts"), PYTHONDONTWRITEBYTECODE="1")
        sys.dont_write_bytecode = not bytecode
        here = {str(ROOT / name) for name in ("scripts", "tests")}
        sys.path[:] = [str(tree / "scripts"), *(path for path in sys.path if path not in here)]
        base = str(tree.with_suffix(".temporary"))
        plain = ["-x", "-q", "--rootdir", str(tree), "--basetemp", base, "-p", "no:cacheprovider"]
        plain += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of Hypothesis, which is imported already
        status = int(importlib.import_module("pytest").main([*plain, *tests]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def log_of(tree: Path) -> Path:
    """What the tests in a copy of the tree say."""
    return tree.with_suffix(".log")


def ended(child: int, deadline: float) -> str | None:
    """How a child's tests ended, None while they run; those that are out of time are ended."""
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        return SURVIVED if os.waitstatus_to_exitcode(status) == 0 else KILLED
    if time.monotonic() < deadline:
        return None
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return SLOW


def baseline(tree: Path, tests: Sequence[str]) -> float:
    """Seconds that the tests of a module take on the original; ends everything where they fail on it."""
    begin, outcome = time.monotonic(), None
    child = start(tree, tests, bytecode=True)
    while outcome is None:
        time.sleep(POLL_S)
        outcome = ended(child, float("inf"))
    if outcome != SURVIVED:
        tail = "\n".join(log_of(tree).read_text(encoding="utf-8").splitlines()[-30:])
        raise SystemExit(f"{tail}\nerror: the tests fail without any change, so they judge none: {' '.join(tests)}")
    return time.monotonic() - begin


def judge(trees: Sequence[Path], chosen: Sequence[Mutant], tests: Sequence[str], *, limit_s: float) -> list[str]:
    """Outcome of each mutant of one module, as many at a time as there are copies of the tree."""
    outcomes = [""] * len(chosen)
    waiting, free = list(enumerate(chosen))[::-1], list(trees)
    running: dict[int, tuple[int, Path, float]] = {}
    try:
        while waiting or running:
            while waiting and free:
                (index, mutant), tree = waiting.pop(), free.pop()
                put(tree, mutant.module, mutant.source)
                running[start(tree, tests)] = (index, tree, time.monotonic() + limit_s)
            time.sleep(POLL_S)
            for child, (index, tree, deadline) in list(running.items()):
                outcome = ended(child, deadline)
                if outcome:
                    outcomes[index] = outcome
                    del running[child]
                    free.append(tree)
    finally:  # whoever interrupts it wants no tests left behind
        for child in running:
            with contextlib.suppress(ProcessLookupError):  # not yet a group of its own
                os.killpg(child, signal.SIGKILL)
    return outcomes


def outcomes_of(
    module: str, chosen: Sequence[Mutant], trees: Sequence[Path], original: str, least_s: float
) -> list[str]:
    """Outcome of each mutant of one module; the copies of the tree hold the original before and after."""
    tests = tests_of(module, trees[0])
    if not tests:
        return [SURVIVED] * len(chosen)
    taken_s = baseline(trees[0], tests)
    try:
        return judge(trees, chosen, tests, limit_s=max(least_s, TIMES_BASELINE * taken_s))
    finally:
        for tree in trees:
            put(tree, module, original)


# What is said of them


def listed(chosen: Sequence[Mutant], outcomes: Sequence[str], reasons: Mapping[tuple[str, str, str], str]) -> str:
    """A module's survivors, those that are known to change nothing apart, and how many its tests killed."""
    lines = []
    counts = dict.fromkeys((KILLED, SURVIVED, SLOW, "equivalent"), 0)
    for mutant, outcome in zip(chosen, outcomes, strict=True):
        equivalent = (mutant.module, mutant.before, mutant.after) in reasons
        counts["equivalent" if equivalent else outcome] += 1
        if outcome == SURVIVED and not equivalent:
            lines.append(f"survived: {mutant}")
    rest = len(chosen) - counts["equivalent"]
    killed = rest - counts[SURVIVED]
    rate = f"{killed / rest:4.0%}" if rest else "  - "
    name = chosen[0].module if chosen else ""
    lines.append(
        f"{name:30s} {len(chosen):3d} mutants {counts['equivalent']:3d} equivalent {killed:3d} killed"
        f" ({counts[SLOW]} by time) {counts[SURVIVED]:3d} survived {rate}"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """0, after each module's survivors and how many were killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=CORE.split(), help="modules or folders, such as copies/posterior")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30, help="mutants per module (default: 30)")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--least-seconds", type=float, default=LEAST_S, help="that a mutant's tests are given")
    parser.add_argument("--list", action="store_true", help="show the mutants and their tests, and run none")
    args = parser.parse_args(arguments)
    reasons = equivalents(root / EQUIVALENT)
    for name in LIBRARIES.split():  # once, and not in every child
        importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="metcn-mutate-") as folder:
        trees = copies_of(root, Path(folder).resolve(), max(args.workers, 1))
        for module in modules_of(args.modules, trees[0]):
            source = (trees[0] / PACKAGE / f"{module}.py").read_text(encoding="utf-8")
            chosen = drawn(module, source, seed=args.seed, count=args.count)
            if args.list:
                print(module, *tests_of(module, trees[0]), *chosen, sep="\n")
                continue
            if chosen:
                print(
                    listed(chosen, outcomes_of(module, chosen, trees, source, args.least_seconds), reasons), flush=True
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
