"""Where the project's own files are, and how results are written: whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metcn.errors import InputError

PACKAGE = Path(__file__).resolve().parent


def _root(name: str) -> Path:
    """Folder ``name`` of a wheel (inside the package) or of a checkout (beside ``scripts/``)."""
    for folder in (PACKAGE / name, PACKAGE.parents[1] / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the installation lacks its folder {name}/; install metcn again")


def resource_root() -> Path:
    """Folder of genome facts and criteria sets."""
    return _root("resources")


def common_snps(genome: str) -> Path:
    """List of common SNPs of a build, read by `metcn.genome.common_snps`."""
    return resource_root() / genome / "snps.tsv.gz"


def workflow_root() -> Path:
    """Folder of the Snakemake workflow."""
    return _root("workflow")


def existing(path: str | Path) -> Path:
    """The nearest folder above ``path``, or itself, that exists."""
    path = Path(path).absolute()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


@contextmanager
def alone(folder: Path, *, wait: bool = False) -> Iterator[int]:
    """Descriptor of a lock that no other process has while the block runs; a child may be handed it to keep it longer.

    Where another process has it, this one waits for it if it is told to ``wait``. The system drops the lock when the
    last process that holds it has ended, however it ended: nothing is left behind.

    Raises
    ------
    InputError
        If another process has it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}; choose another --directory") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield handle
    except BlockingIOError as error:
        raise InputError(
            f"{folder}: expected a folder of this command's own, found another at work in it; wait for it, or choose "
            "another --directory"
        ) from error
    finally:
        os.close(handle)


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Temporary path that becomes ``path`` when the block ends well and vanishes when it does not.

    The temporary file lies in the same folder, so the final rename is atomic: a reader sees the old file or the whole
    new one, never a part. The suffix is kept, since several writers choose their format by it.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix="-" + path.name)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose a folder that can be written") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's file mode mask, which ``mkstemp`` ignores."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _jsonable(value: Any) -> Any:
    """``value`` in JSON's own types; NaN and infinities become null, since JSON has neither."""
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy here
        return _jsonable(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as JSON (missing numbers as null), whole or not at all."""
    with writing(path) as temporary:
        temporary.write_text(json.dumps(_jsonable(value), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_text(path: str | Path, content: str) -> None:
    """Write ``content`` as UTF-8 with unix line ends, whole or not at all."""
    with writing(path) as temporary:
        temporary.write_text(content, encoding="utf-8", newline="\n")


def read_json(path: str | Path, *, with_key: str = "") -> Any:
    """The parsed content of a JSON file; one that is read ``with_key`` is a mapping that has it.

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or lacks the key.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; run the stage that makes it first") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON ({error}); delete it and run the stage that makes it again") from error
    if with_key and not (isinstance(content, dict) and with_key in content):
        found = ", ".join(list(content)[:5]) if isinstance(content, dict) else type(content).__name__
        raise InputError(
            f"expected JSON with the key {with_key}, found {found or 'nothing'} in {path}; "
            "give another file, or run the stage that makes it again"
        )
    return content


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
