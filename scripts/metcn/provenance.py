"""What a result rests on: version, code, configuration and inputs, each as a digest that can be compared."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from typing import Any

from metcn.files import PACKAGE

VERSION = "0.1.0"
CORE_LIBRARIES = ("numpy", "scipy", "pandas", "pysam", "cnvkit", "snakemake")


def digest(value: Any) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a JSON-like value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_digest(*names: str) -> str:
    """Digest of the named modules' sources (paths under the package, e.g. ``"ratios.py"``), or of the whole package.

    Snakemake does not see when a module behind a command changes; as a rule parameter this digest makes it rerun.
    """
    paths = [PACKAGE / name for name in names] or list(PACKAGE.rglob("*.py"))
    whole = hashlib.sha256()
    for path in sorted(paths):
        whole.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()[:16]


def libraries() -> dict[str, str]:
    """Installed version of each library the numbers depend on; absent ones are left out."""
    from importlib import metadata  # takes as long as the rest of the command line, and few stages ask

    found = {}
    for name in CORE_LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def stamp(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Version, code and configuration digests, Python and libraries: the provenance block of an output.

    It holds no time and no path, so that two runs on the same input give the same bytes.
    """
    return {
        "metcn": VERSION,
        "code": code_digest(),
        "settings": digest(dict(settings)),
        "python": platform.python_version(),
        "libraries": libraries(),
    }
