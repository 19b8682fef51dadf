"""The documentation: a page per stage, links that lead somewhere, and figures that the code still gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from metcn.mixture import expected_ratio, tumour_copies
from metcn.run.stages import STAGES
from test_mixture import cnvkit_copies

ROOT = Path(__file__).resolve().parents[2]
PAGES = {path.name: path for path in sorted((ROOT / "docs").glob("*.md"))}
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_page_that_the_index_names(stage):
    assert PAGES[f"{stage}.md"].read_text(encoding="utf-8").startswith(f"# {stage}\n")
    assert f"[{stage}]({stage}.md)" in PAGES["README.md"].read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """Anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(PAGES[page].read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path = (PAGES[page].parent / target).resolve() if target else PAGES[page]
        assert path.exists(), f"{page} links to {target}"
        assert not anchor or anchor in anchors(path), f"{page} links to {target}#{anchor}"


def test_readme_and_index_say_research_use_only():
    for path in (ROOT / "README.md", PAGES["README.md"]):
        assert "Research use only" in path.read_text(encoding="utf-8")


def test_table_of_formulas_is_what_they_give():
    page = PAGES["formula.md"].read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d.]+(?: \| -?[\d.]+){8}) \|$", page, re.MULTILINE)
    assert len(rows) == 8
    for row in rows:
        purity, ploidy, copies, *shown = map(float, row.split(" | "))
        ratio = expected_ratio(copies, purity, ploidy)
        found = [
            ratio,
            tumour_copies(ratio, purity, ploidy),
            cnvkit_copies(ratio, purity, ploidy),
            cnvkit_copies(ratio, purity, 2),
            2 + (2 * ratio - 2) / purity,
            2 * ratio,
        ]
        assert shown == [pytest.approx(value, abs=0.0501) for value in found]
