"""Packages without what they bring along: their modules are imported when they are first asked for.

A job is a process that lives for seconds, and much of what libraries import for all their users it never calls.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any


def lighten(name: str, **known: str) -> None:
    """Let a package be imported without executing it, unless it is there already or cannot be found.

    It is whole for whoever uses it later in this process. ``known`` names, for attributes that are wanted, the modules
    of the package that have them.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None:
        return
    package = importlib.util.module_from_spec(spec)
    package.__getattr__ = _fetch(package)  # type: ignore[method-assign]
    sys.modules[name] = package
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, package)
    for attribute, module in known.items():
        setattr(package, attribute, getattr(importlib.import_module(f"{name}.{module}"), attribute))


def _fetch(package: ModuleType) -> Any:
    """What the package does with an attribute that it lacks: import the module of that name, or all of itself."""

    def fetch(name: str) -> Any:
        """The attribute."""
        if name.startswith("__"):
            raise AttributeError(name)
        if importlib.util.find_spec(f"{package.__name__}.{name}"):
            return importlib.import_module(f"{package.__name__}.{name}")
        del package.__getattr__
        assert package.__spec__ is not None and package.__spec__.loader is not None
        package.__spec__.loader.exec_module(package)
        return getattr(package, name)

    return fetch
