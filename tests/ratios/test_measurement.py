"""The measurement as an object and as JSON: one is the other, key by key."""

import json

import numpy as np
import pytest

from metcn.files import read_json, write_json
from metcn.ratios.measurement import Measurement
from support import made_depth

FRAME = made_depth.panel_bins(genes=24, tiles=8, off_target_bp=4_000_000)
ASSAY = made_depth.assay(FRAME)
KEYS = {
    "": "sample assay genome mode met cep7 arms egfr baseline correlation qc reference matched_normal notes reasons "
    "inputs",
    "met": "chromosome log2 se ratio bins bins_masked fragments expected_fragments scatter se_parts exons part",
    "met.se_parts": "bin_noise gene_excess baseline part",
    "cep7": "tier log2 se ratio bins fragments p q sides sides_disagree",
    "cep7.p": "log2 se bins fragments",
    "arms": "7p 7q",
    "arms.7q": "log2 se bins fragments",
    "egfr": "log2 se bins fragments",
    "baseline": "log2 se from tie tie_se bins",
    "qc": "left_by_normals noise noise_over_normals gene_excess gene_excess_averaged gene_excess_over_normals shares "
    "waviness autocorrelation summed_kinds empty_bins bins bins_used",
    "reference": "normals components fingerprint names belonging check resembles",
    "reference.belonging": "males batches strays deviant",
    "reference.check": "left_out others summary suspects tested undecided",
    "matched_normal": "met cep7 deviates",
    "matched_normal.met": "log2 se bins",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return made_depth.Bench(tmp_path_factory.mktemp("bench"), FRAME)


@pytest.fixture(scope="module")
def panel(bench):
    """Of six normals and a tumour, so that there is something to say of the check."""
    random = np.random.default_rng(1)
    met = (FRAME["role"] == "met").to_numpy()
    tumour = ASSAY.sample(random, np.where(met, 4.0, 1.0))[None].astype(np.float32)
    return bench.reference(np.vstack([ASSAY.normals(random, 6), tumour]))


CASES = {
    "against a panel and with a matched normal": (True, True, False),
    "against a panel": (True, False, False),
    "against a matched normal": (False, True, False),
    "against nothing, MET without reads": (False, False, True),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def written(request, bench, panel):
    """JSON of a sample."""
    against, matched, gone = request.param
    random = np.random.default_rng(2)
    depth = ASSAY.sample(random)
    depth[(FRAME["chromosome"] == "7").to_numpy() & gone] = np.nan
    normal = ASSAY.sample(random) if matched else None
    bench.ratios(depth, panel if against else None, matched=normal)
    return bench.folder / "sample.json"


def test_json_of_the_object_is_the_file(written, tmp_path):
    write_json(tmp_path / "again.json", Measurement.from_json(read_json(written)).to_json())
    assert (tmp_path / "again.json").read_bytes() == written.read_bytes()


def test_the_object_of_the_json_is_the_object(written):
    first = Measurement.from_json(read_json(written))
    assert repr(Measurement.from_json(json.loads(json.dumps(first.to_json())))) == repr(first)


@pytest.mark.parametrize("written", [CASES["against a panel and with a matched normal"]], indirect=True)
def test_keys(written):
    record = read_json(written)
    for place, names in KEYS.items():
        block = record
        for name in filter(None, place.split(".")):
            block = block[name]
        assert list(block) == names.split(), place
