"""What the headers of a run's alignments say about each other, about the sheet and about the targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from metcn.errors import InputError
from metcn.genome import build as genomes

SHOWN = 3
"""Contigs that a message names; the others are counted."""


@dataclass(frozen=True)
class Header:
    """Contigs (name to length) of one sample's alignment, and the samples that its read groups name."""

    sample: str
    path: Path
    contigs: dict[str, int]
    named: frozenset[str]


def by_reference(headers: Iterable[Header]) -> list[list[Header]]:
    """The headers in groups of equal contigs, in the order of the first of each."""
    groups: dict[frozenset[tuple[str, int]], list[Header]] = {}
    for header in headers:
        groups.setdefault(frozenset(header.contigs.items()), []).append(header)
    return list(groups.values())


def mixed_references(groups: Sequence[Sequence[Header]]) -> Iterator[str]:
    """The note that samples were aligned to different references, if so."""
    if len(groups) > 1:
        first, other = groups[0][0].path, groups[1][0].path
        yield (
            f"alignments have {len(groups)} different lists of contigs, as in {first} and {other}; "
            "align all samples to one reference, or expect bins to differ"
        )


def against_targets(group: Sequence[Header], targets: pd.DataFrame, where: Path | str) -> Iterator[str]:
    """Notes about targets that lie outside the contigs of a group of equal headers, and so stay unmeasured.

    Raises
    ------
    InputError
        If all of them do.
    """
    lengths = {genomes.bare(name): length for name, length in group[0].contigs.items()}
    length = targets["chromosome"].map(
        {name: lengths.get(genomes.bare(name), -1) for name in targets["chromosome"].unique()}
    )
    absent = length < 0
    beyond = ~absent & (targets["end"] > length)
    alike = f" and {len(group) - 1} more" if len(group) > 1 else ""
    if absent.all():
        expected, found = (_some(names) for names in (targets["chromosome"], list(group[0].contigs)))
        raise InputError(
            f"expected contigs such as {expected} of {where}, found {found} in {group[0].path}{alike}; "
            "give data aligned to the configured genome"
        )
    for rows, what in ((absent, "lie on contigs that are lacking"), (beyond, "end beyond their contigs")):
        if rows.any():
            names = _some(targets["chromosome"][rows])
            yield (
                f"{int(rows.sum())} of {len(targets)} targets of {where} {what} in {group[0].path}{alike} ({names}); "
                "they stay unmeasured"
            )


def _some(names: Iterable[object]) -> str:
    """The first few of the names, each once, and how many more there are."""
    unique = list(dict.fromkeys(map(str, names)))
    more = f" and {len(unique) - SHOWN} more" if len(unique) > SHOWN else ""
    return ", ".join(unique[:SHOWN]) + more


def mistaken(headers: Sequence[Header], names: Iterable[str]) -> Iterator[str]:
    """Problems of files whose read groups name another row of the sheet and not their own: files exchanged."""
    known = set(names)
    for header in headers:
        others = sorted(header.named & known)
        if others and header.sample not in header.named:
            yield (
                f"sample {header.sample}: expected its own alignment, the read groups of {header.path} name sample "
                f"{others[0]}, which is another row; exchange the files or correct the names"
            )


def shared_names(headers: Sequence[Header]) -> Iterator[str]:
    """The note that several files name one sample in their read groups; that name is not repeated."""
    first: dict[str, Header] = {}
    pairs = [
        (first[name], header) for header in headers for name in header.named if first.setdefault(name, header) != header
    ]
    if pairs:
        (one, other), more = pairs[0], f" ({len(pairs) - 1} more such)" if len(pairs) > 1 else ""
        yield (
            f"the read groups of {one.path} and {other.path} name the same sample{more}; "
            "make sure that no specimen is given twice"
        )
