"""What a result rests on: version, code, configuration and inputs, each as a digest that can be compared."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from metcn.files import PACKAGE, sha256

VERSION = "0.1.0"
CORE_LIBRARIES = ("numpy", "scipy", "pandas", "pysam", "cnvkit", "snakemake")

WHOLE_BYTES, PART_BYTES = 1 << 24, 1 << 16  # of a file that is digested as a whole; of each part of a larger one


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


def contents(**read: Path | Iterable[Path] | None) -> list[dict[str, Any]]:
    """Name, size and digest of each file that was read, by the argument it was read as; None is no file.

    The digest is of the whole file up to 16 MiB, as the beginning of what ``sha256sum`` gives, and of the size with the
    first, the middle and the last 64 KiB of a larger one: an alignment's header, some reads, and its end. It holds no
    time and no folder, so that copies of the same inputs give the same results to the byte.
    """
    given = [(name, [paths] if isinstance(paths, Path) else list(paths or ())) for name, paths in read.items()]
    return [{"argument": name, **_content(path)} for name, paths in given for path in paths]


def _content(path: Path) -> dict[str, Any]:
    """Name, size and digest of a file."""
    size = path.stat().st_size
    if size <= WHOLE_BYTES:
        return {"name": path.name, "bytes": size, "digest": sha256(path)[:16], "of": "whole"}
    whole = hashlib.sha256(str(size).encode())
    with open(path, "rb") as handle:
        for place in (0, size // 2, size - PART_BYTES):
            handle.seek(place)
            whole.update(handle.read(PART_BYTES))
    return {"name": path.name, "bytes": size, "digest": whole.hexdigest()[:16], "of": "parts"}


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
