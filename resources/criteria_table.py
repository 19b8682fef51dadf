"""Tables of the criteria sets in docs/calls.md, from resources/criteria: ``python resources/criteria_table.py``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from metcn.calls import criteria

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "calls.md"
OWN = ("metcn_default", "metcn_plasma")
STATUS: dict[bool | str, str] = {
    True: "read in the source",
    "secondary": "read in a secondary source",
    "mixed": "read in part",
    False: "not yet checked against the original publication",
}


def sets() -> str:
    """The sets by status, a row each: name, cut-offs as they are judged, source, and what else could qualify."""
    head = ["| set | cut-offs | n | source | could also qualify |", "|---|---|---|---|---|"]
    listed = [one for one in criteria.load().values() if one.id not in OWN]
    rows = []
    for status, words in STATUS.items():
        chosen = [one for one in listed if one.verified == status]
        rows += [f"| **{words}: {len(chosen)}** | | | | |", *map(_row, chosen)]
    return "\n".join([*head, *rows])


def _row(one: criteria.Criterion) -> str:
    """The row of one set."""
    source = one.citation + (f", [doi](https://doi.org/{_escaped(one.doi)})" if one.doi else "")
    name = f"`{one.id}`" + (" (plasma)" if one.specimen == "plasma" else "")
    return _cells(name, "; ".join(map(_category, one.categories)), str(one.n or ""), source, one.other_limbs or "")


def _escaped(doi: str) -> str:
    """A DOI as part of a link."""
    return doi.replace("(", "%28").replace(")", "%29")


def _category(category: criteria.Category) -> str:
    """Name, cut-off and condition of a category."""
    asked = criteria.asked(category, "")
    condition = f" (only if {asked.only_if})" if asked is not None and asked.only_if else ""
    return f"{category.name.replace('_', ' ')}: {category.bound}{condition}"


def _cells(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def without_copies() -> str:
    """Trials and approvals that have no cut-off in copies."""
    path = ROOT / "resources" / "criteria_without_copies.yaml"
    rows: Iterable[dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    listed = [_cells(row["title"], row["selects_by"]) for row in rows]
    return "\n".join(["| which | selects by |", "|---|---|", *listed])


def page(text: str) -> str:
    """The page with its tables made anew."""
    for name, table in (("sets", sets()), ("without copies", without_copies())):
        between = f"<!-- begin {name} -->\n{table}\n<!-- end {name} -->"
        text = re.sub(f"<!-- begin {name} -->.*<!-- end {name} -->", lambda _, new=between: new, text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
