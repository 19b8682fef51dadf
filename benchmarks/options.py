"""What every benchmark takes and prints.

The shared data are third-party files beside the checkout, not part of it; nothing of them is kept here. Results go to a
temporary folder unless ``--work`` names one.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def parser(description: str | None, *, needs_shared: bool = True) -> argparse.ArgumentParser:
    """Parser with the options every benchmark has: ``--shared``, ``--work`` and ``--workers``.

    A benchmark that can do without the shared folder checks it only if it is named.
    """
    made = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    made.add_argument("--shared", type=shared_folder, metavar="DIR",
                      default=str(SHARED) if needs_shared else SHARED,
                      help="folder with data/ and tools/ (default: ../shared beside the checkout)")  # fmt: skip
    made.add_argument("--work", type=Path, metavar="DIR", help="keep the results here (default: a temporary folder)")
    made.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default: 2)")
    return made


def shared_folder(text: str) -> Path:
    """The folder of shared data, if it is one."""
    path = Path(text).expanduser().resolve()
    if not (path / "data" / "README.md").is_file():
        wanted = "expected the folder of shared data with data/README.md in it"
        raise argparse.ArgumentTypeError(f"{wanted}, {path} is not one; give it with --shared")
    return path


@contextmanager
def workplace(path: Path | None) -> Iterator[Path]:
    """The folder to work in: ``path``, or a temporary one that is removed at the end."""
    if path is not None:
        path.mkdir(parents=True, exist_ok=True)
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="metcn-bench-") as name:
        yield Path(name)


def show(title: str, table: pd.DataFrame, digits: int = 3, **options: Any) -> None:
    """Print a table under a title."""
    print(f"\n{title}\n{table.round(digits).to_string(**options)}", flush=True)
