"""Which code stands behind a stage, so that a change of it, and only of it, makes the stage run again.

Snakemake compares rule parameters between runs but does not look into the modules behind a command. The digest given
here is such a parameter. It is found by reading the sources, without importing them: the stage function, the names in
its module that it uses, and every module of the package that is reached from there.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from metcn import files, provenance
from metcn.run.stages import STAGES

CRITERIA_STAGES = ("calls", "report")  # the stages whose result changes with resources/criteria
PAGE_STAGES = ("report", "cohort")  # the stages whose result changes with the templates


@cache
def stage_digest(stage: str, genome: str) -> str:
    """Digest of the code and the project's own data that a stage's result depends on."""
    module = f"stages/{STAGES[stage]}.py"
    pieces, reached = _stage_code(module, stage)
    whole = hashlib.sha256("\n".join(sorted(pieces)).encode())
    for other in sorted(reached - {module}):
        whole.update(provenance.code_digest(other).encode())
    folders = [files.resource_root() / genome]
    folders += [files.resource_root() / "criteria"] if stage in CRITERIA_STAGES else []
    folders += [files.PACKAGE / "pages" / "templates"] if stage in PAGE_STAGES else []
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            whole.update(path.name.encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()[:16]


def modules(stage: str) -> set[str]:
    """Paths, relative to the package, of every module that a stage reaches."""
    return _stage_code(f"stages/{STAGES[stage]}.py", stage)[1]


def _stage_code(module: str, stage: str) -> tuple[set[str], set[str]]:
    """Sources of the stage's function and its helpers in the same module, and all modules reached from them."""
    source = (files.PACKAGE / module).read_text(encoding="utf-8")
    tree = ast.parse(source)
    local = {name: node for node in tree.body for name in _defined(node)}
    imported = dict(_imports(tree, whole=False))
    pending, seen, reached = [stage], set(), {module}
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in imported:
            _follow(imported[name], reached)
        elif name in local:
            pending += [item.id for item in ast.walk(local[name]) if isinstance(item, ast.Name)]
            for _, target in _imports(local[name], whole=True):
                _follow(target, reached)
    return {ast.get_source_segment(source, local[name]) or "" for name in seen & local.keys()}, reached


def _defined(node: ast.stmt) -> list[str]:
    """Names that a top-level statement defines, imports aside."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [item.id for target in targets if target for item in ast.walk(target) if isinstance(item, ast.Name)]


def _imports(tree: ast.AST, *, whole: bool) -> Iterator[tuple[str, str]]:
    """Local name and module file of each import from the package, at the top level or in the whole tree."""
    for node in ast.walk(tree) if whole else ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "metcn":
            parent = "/".join((node.module or "").split(".")[1:])
            for alias in node.names:
                found = _file(f"{parent}/{alias.name}".strip("/")) or _file(parent)
                if found:
                    yield alias.asname or alias.name, found
        elif isinstance(node, ast.Import):
            for alias in node.names:
                found = _file("/".join(alias.name.split(".")[1:])) if alias.name.startswith("metcn.") else None
                if found:
                    yield alias.asname or "metcn", found


def _file(module: str) -> str | None:
    """Path of a module relative to the package, if there is such a module."""
    for candidate in (f"{module}.py", f"{module}/__init__.py"):
        if module and (files.PACKAGE / candidate).is_file():
            return candidate
    return None


def _follow(module: str, reached: set[str]) -> None:
    """Add a module, and all that it imports from the package, to the modules reached."""
    if module in reached:
        return
    reached.add(module)
    path: Path = files.PACKAGE / module
    for _, target in _imports(ast.parse(path.read_text(encoding="utf-8")), whole=True):
        _follow(target, reached)
