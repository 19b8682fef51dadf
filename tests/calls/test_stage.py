"""Stage ``calls`` as a whole: what a reader has to know before the call comes first."""

import json

import pytest

from copies import test_posterior as of_copies
from metcn.calls import stage
from support import made_depth

FILES = {"measurement": "ratios.json", "purity": "purity.json", "copies": "copies.json", "draws": "copies.npz"}
ABSENT = ("patient", "timepoint", "configuration", "counts_summary", "vcf", "index", "bed")


def called(folder, level, *, share, contradiction=""):
    """The calls JSON of a tumour of known levels, its purity told exactly."""
    of_copies.run(folder, level, share=share, se=0.03, genome="GRCh37", reference=None)
    told = json.loads((folder / "purity.json").read_text()) | {"contradiction": contradiction}
    (folder / "purity.json").write_text(json.dumps(told))
    files = {name: folder / file for name, file in FILES.items()} | dict.fromkeys(ABSENT)
    made_depth.run("calls", {}, sample="s", specimen="tissue", output=folder / "calls.json", **files)
    return json.loads((folder / "calls.json").read_text())


@pytest.mark.parametrize(("copies", "warned"), [(142, True), (71, True), (69, False), (16, False)])
def test_more_copies_than_any_tumour_has_are_told_first(tmp_path, copies, warned):
    """0.06 typed for 0.6: 16 copies of MET read as 142, which no headline may give without a word."""
    found = called(tmp_path, of_copies.measured(met=copies, share=0.06), share="0.06")
    assert ("copies_implausible" in found["reasons"]) == warned
    assert found["headline"].startswith("MET has more copies than any tumour is known to have") == warned
    assert found["qc"] == ("warn" if warned else "pass")
    assert found["call"] == "high_level_amplification"


def test_a_contradiction_of_the_sheet_is_told_first(tmp_path):
    told = "Purity is given as 0.06, while the profile fits 0.55-0.65: check the sample sheet and the sample."
    found = called(tmp_path, of_copies.measured(met=12, share=0.4), share="0.4", contradiction=told)
    assert found["headline"].startswith(f"{told} MET is amplified at a high level: about 12.0 copies")


def test_a_gain_in_half_of_the_cells_is_told(tmp_path):
    found = called(tmp_path, of_copies.measured(met=10.2, share=0.5), share="0.5")
    assert found["notes"][0].endswith(" in all of them would be 18 in half.")
    assert [point["fraction"] for point in found["copies"]["carriers"]][:2] == [1.0, 0.9]
    assert found["copies"]["carriers"][5]["copies"]["value"] == pytest.approx(18.4, abs=0.5)
    assert not stage._in_half({})
