"""Remake the tables of docs/accuracy.md: simulation always, the real data where the shared folder is there.

Each table stands between two marks that name the benchmark behind it; the text around them is written by hand. What a
missing folder leaves out stays as it is in the page.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "accuracy.md"


class Section(NamedTuple):
    """One benchmark of the page: its name in the marks, its script and options, and whether it needs shared data."""

    name: str
    words: tuple[str, ...]
    shared: bool = True


SECTIONS = (
    Section("simulation", ("simulated.py",), shared=False),
    Section("titration", ("titration.py", "--replicates=3"), shared=False),
    Section("normals", ("normals.py", "--cnvkit")),
    Section("windows", ("windows.py", "--seeds", "1", "2", "3")),
    Section("events", ("events.py", "--seeds", "1", "2", "3")),
    Section("negatives", ("negatives.py", "--seeds", "1")),
    Section("semisynthetic", ("semisynthetic.py", "--cnvkit")),
    Section(
        "stated",
        (
            *("semisynthetic.py", "--stated-error=0.2", "--segments=hmm", "--purities=0.2,0.4,0.6"),
            *("--seeds", "1", "2", "3"),
        ),
    ),
    Section(
        "unknown",
        ("semisynthetic.py", "--unknown", "--segments=hmm", "--purities=0.3,0.5,0.8", "--seeds", "1", "2", "3"),
    ),
    Section("fits", ("fits.py", "--seeds", "1", "--profiles", "24")),
    Section("panel-titration", ("titration.py", "--input=panel", "--replicates=10")),
    Section("plasma", ("plasma.py", "--cnvkit")),
    Section("acgh", ("acgh.py", "--cnvkit")),
)


def main() -> int:
    """Remake the page, or with ``--check`` say whether it is up to date: 1 where it is not, or a benchmark failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--shared", type=Path, default=HERE.parents[1] / "shared", metavar="DIR",
                        help="folder with data/ and tools/ (default: ../shared beside the checkout)")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default: 2)")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="MD", help="(default: docs/accuracy.md)")
    parser.add_argument("--only", nargs="+", choices=[section.name for section in SECTIONS], help="sections to remake")
    parser.add_argument("--check", action="store_true", help="change nothing, say whether the page is up to date")
    args = parser.parse_args()
    before = text = args.page.read_text(encoding="utf-8")
    has_shared, failed = (args.shared / "data" / "README.md").is_file(), False
    for section in SECTIONS:
        if (args.only and section.name not in args.only) or (section.shared and not has_shared):
            print(f"{section.name}: left as it is", file=sys.stderr)
            continue
        options = [f"--workers={args.workers}", *([f"--shared={args.shared.resolve()}"] if section.shared else [])]
        before_cpu = cpu_seconds()
        done = subprocess.run(
            [sys.executable, str(HERE / section.words[0]), *section.words[1:], *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        used = cpu_seconds() - before_cpu
        print(f"{section.name}: ended with {done.returncode} after {used:.0f} s of processor time", file=sys.stderr)
        failed |= done.returncode != 0
        if done.stdout.strip():
            text = replaced(text, section, done.stdout)
    if args.check:
        print("up to date" if text == before else "not up to date; run make accuracy", file=sys.stderr)
        return int(failed or text != before)
    args.page.write_text(text, encoding="utf-8")
    return int(failed)


def cpu_seconds() -> float:
    """Processor time of the benchmarks that have ended, with their own children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def replaced(text: str, section: Section, output: str) -> str:
    """The page with a section's table.

    Raises
    ------
    ValueError
        If the page lacks the section's marks.
    """
    begin, end = f"<!-- begin {section.name} -->\n", f"<!-- end {section.name} -->\n"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"the page needs the marks {begin.strip()} and {end.strip()}, once each")
    body = "\n".join(line.rstrip() for line in output.strip("\n").splitlines())
    block = f"{begin}`python benchmarks/{' '.join(section.words)}`\n\n```text\n{body}\n```\n{end}"
    return re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: block, text, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
