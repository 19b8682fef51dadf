"""Other tools open what is written: CNVkit our bins and segments, IGV our SEG, MultiQC our tables."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from metcn.calls import record
from metcn.cohort import multiqc
from metcn.errors import InputError
from metcn.genome import build as builds
from metcn.io import tables
from metcn.vocabulary import CALLS, QC
from support.made_up import amplified, no_call, plasma, profile

ROOT = Path(__file__).resolve().parents[2]
MULTIQC = shutil.which("multiqc") or shutil.which("multiqc", path=str(ROOT / ".venv-multiqc" / "bin"))
CNVKIT = """
import sys, matplotlib
matplotlib.use("agg")
from cnvlib import commands
for line in sys.argv[1:]:
    arguments = commands.parse_args(line.split())
    arguments.func(arguments)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Bins and segments of a tumour with a focal amplification, as the pipeline writes them."""
    folder = tmp_path_factory.mktemp("exchange")
    bins, segments = profile(builds.load("GRCh37"), spacing_bp=800_000)
    order = bins["chromosome"].map({name: rank for rank, name in enumerate(dict.fromkeys(bins["chromosome"]))})
    bins = bins.iloc[np.lexsort((bins["start"], order))].drop_duplicates(["chromosome", "start", "end"])
    bins = bins.assign(gene=np.where(bins["role"] == "met", "MET", "Antitarget"))
    tables.write_ratios(folder / "s.cnr", bins)
    tables.write_segments(folder / "s.cns", segments.assign(gene=["-", "MET", "-"]))
    tables.write_seg(folder / "s.seg", "s", segments)
    return folder


def cnvkit(*lines: str) -> None:
    """Run CNVkit's commands one after the other in one process, of which importing it is the most part."""
    done = subprocess.run([sys.executable, "-c", CNVKIT, *lines], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_cnvkit_draws_calls_and_lists_genes(written):
    cnvkit(
        f"diagram {written}/s.cnr -s {written}/s.cns -o {written}/s.pdf",
        f"call {written}/s.cns --purity 0.35 -o {written}/s.call.cns",
        f"genemetrics {written}/s.cnr -s {written}/s.cns -o {written}/s.genes.tsv",
    )
    assert (written / "s.pdf").read_bytes().startswith(b"%PDF")
    called = [line.split("\t") for line in (written / "s.call.cns").read_text().splitlines()]
    assert int(called[2][called[0].index("cn")]) > 9
    assert "MET\tchr7" in (written / "s.genes.tsv").read_text()


@pytest.mark.slow
def test_cnvkit_does_all_else_that_takes_ratios_or_segments(written):
    kinds = {"seg": "cns", "bed": "cns", "vcf": "cns", "cdt": "cnr", "jtv": "cnr", "nexus-basic": "cnr"}
    cnvkit(
        f"scatter {written}/s.cnr -s {written}/s.cns -c chr7 -o {written}/s.png",
        f"heatmap {written}/s.cns -o {written}/s.heat.png",
        f"segmetrics {written}/s.cnr -s {written}/s.cns --ci -o {written}/s.ci.cns",
        f"breaks {written}/s.cnr {written}/s.cns -o {written}/s.breaks.tsv",
        f"metrics {written}/s.cnr -s {written}/s.cns -o {written}/s.metrics.tsv",
        *(f"export {kind} {written}/s.{table} -o {written}/e.{kind}" for kind, table in kinds.items()),
    )
    for name in ("s.png", "s.heat.png"):
        assert (written / name).read_bytes().startswith(b"\x89PNG")
    assert all((written / f"e.{kind}").stat().st_size for kind in kinds)


def test_ratios_hold_only_numbers_beyond_cnvkit_s_columns_and_read_back(written):
    header, *lines = [line.split("\t") for line in (written / "s.cnr").read_text().splitlines()]
    assert header[:7] == ["chromosome", "start", "end", "gene", "log2", "depth", "weight"]
    assert {len(line) for line in lines} == {12} and all(float(cell or 0) >= 0 for line in lines for cell in line[7:])
    found = tables.read_ratios(written / "s.cnr")
    assert set(found["role"]) == {"backbone", "chr7", "cep7", "met"}
    assert set(found["mask"]) == {"", "low_mappability"} and (found["log2"].isna() == (found["mask"] != "")).all()


def test_documentation_has_the_words_behind_the_codes():
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for name, words in tables.CODED.items():
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{name}_code` ")]
        assert re.findall(r"(\d+) `(\w+)`", row) == [(str(place), word) for place, word in enumerate(words) if word]


def test_a_mask_of_a_laboratory_s_own_stays_a_mask(tmp_path):
    bins = profile(builds.load("GRCh37"), spacing_bp=20_000_000)[0].drop_duplicates(["chromosome", "start", "end"])
    masks = np.where(np.arange(len(bins)) % 2, "our_blacklist", "")
    tables.write_ratios(tmp_path / "s.cnr", bins.assign(mask=masks))
    assert (tables.read_ratios(tmp_path / "s.cnr")["mask"] == np.where(masks == "", "", "other")).all()


def test_seg_reads_back_as_it_was(written):
    frame = tables.read_seg(written / "s.seg")
    assert list(frame["ID"].unique()) == ["s"] and frame["loc.start"].tolist() == [1, 115_400_001, 117_300_001]
    assert (written / "s.seg").read_text().splitlines()[0].split("\t") == [
        *("ID", "chrom", "loc.start", "loc.end", "num.mark", "seg.mean"),
    ]


def test_seg_without_a_column_is_refused(tmp_path):
    (tmp_path / "s.seg").write_text("ID\tchrom\tloc.start\tloc.end\ns\t7\t1\t2\n")
    with pytest.raises(InputError, match=r"s\.seg lacks column seg\.mean; found ID, chrom"):
        tables.read_seg(tmp_path / "s.seg")


def body(text: str) -> list[list[str]]:
    """Rows of MultiQC content below its comments."""
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def head(text: str) -> dict:
    """Header comments of MultiQC content."""
    pairs = [line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("# ")]
    return {key: json.loads(value) for key, value in pairs}


def test_multiqc_tables_have_header_comments_and_one_line_per_sample():
    calls = [amplified(), plasma(), no_call()]
    rows = [record.row(call) for call in calls]
    for text, kind in (
        (multiqc.calls(rows), "table"),
        (multiqc.general(rows), "generalstats"),
        (multiqc.quality(calls), "table"),
    ):
        assert head(text)["plot_type"] == kind
        assert [row[0] for row in body(text)] == ["sample", "LC-0417", "PL-22", "empty.1"]
        assert len({len(row) for row in body(text)}) == 1


def test_quality_leaves_out_what_no_sample_has():
    found = multiqc.numbers([amplified(), no_call()])
    assert found["met_se"] == [0.041, None] and found["fragments"] == [18_204_113, None]
    assert "noise_window" not in found


def test_text_that_would_break_the_table_stays_in_its_cell():
    row = record.row(amplified(sample="a\tb\n# plot_type: html"))
    assert body(multiqc.calls([row]))[1][0] == "a b # plot_type: html"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("purity", 0.15, "0.15"),
        ("met_ratio", 1.049, "1.05"),
        ("met_copies", 14.14, "14.1"),
        ("met_cep7", 4.944, "4.94"),
        ("plasma_copies", 2.31, "2.31"),
        ("lod_copies", 3.44, "3.4"),
    ],
)
def test_numbers_are_shown_to_the_digits_that_matter(name, value, shown):
    assert multiqc.HEADERS[name]["format"].format(value) == shown


def test_every_column_of_multiqc_has_a_header_and_every_class_a_colour():
    assert set(multiqc.HEADERS) == {*multiqc.CALL_COLUMNS, *multiqc.GENERAL_COLUMNS}
    assert list(multiqc.CALL_COLOURS) == list(dict.fromkeys((*CALLS[:2], "gain", "polysomy", *CALLS[4:])))
    assert set(multiqc.QC_COLOURS) == set(QC)
    calls = [amplified(), no_call()]
    assert head(multiqc.calls([record.row(call) for call in calls]))["headers"]["purity"]["format"] == "{:,.2f}"
    shown = head(multiqc.quality(calls))["headers"]
    assert (shown["fragments"]["format"], shown["met_bins"]["format"]) == ("{:,.0f}", "{:,.0f}")
    assert (shown["met_se"]["format"], shown["lod_copies"]["format"]) == ("{:,.3f}", "{:,.1f}")


@pytest.mark.parametrize(("calls", "hidden"), [([amplified()], True), ([amplified(), plasma()], False)])
def test_plasma_copies_lead_where_there_is_plasma(calls, hidden):
    columns = head(multiqc.general([record.row(call) for call in calls]))["headers"]
    assert next(column["plasma_copies"] for column in columns if "plasma_copies" in column)["hidden"] == hidden


def test_versions_are_those_of_the_calls_each_once():
    older = amplified(provenance={"metcn": "0.0.9", "libraries": {"numpy": "2.4.6"}})
    found = yaml.safe_load(multiqc.versions([amplified(), older, amplified(), no_call()]))
    assert found == {"metcn": {"metcn": ["0.0.9", "0.1.0"], "numpy": ["2.4.6"]}}
    assert yaml.safe_load(multiqc.versions([no_call()])) == {}


@pytest.mark.skipif(MULTIQC is None, reason="MultiQC is not installed")
def test_multiqc_takes_them(tmp_path):
    calls = [amplified(), plasma(), no_call()]
    calls[0]["purity"]["purity"]["value"] = 0.15
    rows = [record.row(call) for call in calls]
    (tmp_path / "metcn_mqc_versions.yml").write_text(multiqc.versions(calls))
    (tmp_path / "metcn_mqc.tsv").write_text(multiqc.calls(rows))
    (tmp_path / "metcn_general_mqc.tsv").write_text(multiqc.general(rows))
    (tmp_path / "metcn_quality_mqc.tsv").write_text(multiqc.quality(calls))
    command = [MULTIQC, "--no-version-check", "--quiet", "-o", str(tmp_path / "out"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    found = json.loads((tmp_path / "out" / "multiqc_data" / "multiqc_data.json").read_text())
    assert "LC-0417" in json.dumps(found["report_general_stats_data"])
    assert {path.name for path in (tmp_path / "out" / "multiqc_data").glob("*table.txt")} == {
        "multiqc_metcn_table.txt",
        "multiqc_metcn_qc_table.txt",
    }
    page = (tmp_path / "out" / "multiqc_report.html").read_text(encoding="utf-8")
    cells = [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL)]
    assert {"0.15", "14.1", "4.90", "6.10", "2.01", "3.4", "18204113", "0.041"} <= {cell.strip() for cell in cells}
    for name in ("high_level_amplification", "indeterminate", "no_call"):
        colour = multiqc.CALL_COLOURS[name]
        assert re.search(rf'style="background-color:{colour} !important;"[^>]*>\s*{name}', page), name
    assert re.search(r"metcn.{0,200}0\.1\.0", page, re.DOTALL) and re.search(r"numpy.{0,200}2\.4\.6", page, re.DOTALL)
