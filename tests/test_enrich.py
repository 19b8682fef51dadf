"""A donor's BAM made into a tumour's: what happens to fragments, and that the pipeline cannot tell it from another."""

import numpy as np
import pysam
import pytest

from metcn import genome, simulate, single
from metcn.files import read_json
from metcn.stages import enrich
from metcn.stages import titrate as stage

GRCH37 = genome.load("GRCh37")
MET = GRCH37.met


def read_names(path):
    """Names of the reads of a BAM, by contig."""
    found = {}
    with pysam.AlignmentFile(str(path)) as handle:
        for read in handle:
            found.setdefault(read.reference_name, []).append(read.query_name)
    return found


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """BAMs of a small shallow cohort: five normals and a tumour."""
    folder = tmp_path_factory.mktemp("bams")
    tumours = [simulate.tumour(GRCH37, "T", "focal", purity=0.6, copies=20)]
    settings = {"segments": {"method": "none"}, "copies": {"draw_count": 512}, "bins": {"off_target_bp": 3_000_000}}
    simulate.cohort(folder, normals=5, tumours=tumours, depth=20, settings=settings)
    return folder


@pytest.mark.parametrize("times", [0.0, 0.4, 1.0, 2.3])
def test_fragments_are_kept_or_repeated_with_both_reads(cohort, tmp_path, times):
    donor, made = cohort / "bam/N1.bam", tmp_path / "made.bam"

    def factor(chromosome, start, end):
        return np.where(chromosome == "7", times, 1.0)

    enrich.write_bam(made, donor, None, factor, seed=1)
    with pysam.AlignmentFile(str(donor)) as handle:
        primary = [read for read in handle if not (read.is_secondary or read.is_supplementary)]
    before = {"7": [read.query_name for read in primary if read.reference_name == "7"]}
    before["1"] = [read.query_name for read in primary if read.reference_name == "1"]
    after = read_names(made)
    pairs = np.unique(after.get("7", []), return_counts=True)
    assert after["1"] == before["1"]
    assert len(after.get("7", [])) == pytest.approx(times * len(before["7"]), rel=0.03)
    assert set(pairs[1].tolist()) <= {2}
    assert {name.split(".")[0] for name in pairs[0]} <= set(before["7"])
    assert (tmp_path / "made.bam.bai").is_file()


def test_the_same_seed_gives_the_same_file_and_is_not_made_again(cohort, tmp_path):
    grid = stage.Grid([8.0], [0.5], ["gene"], [0.5], 1, 3)
    tumour = stage.plan(grid, ["N1"], GRCH37, stage.read_karyotypes(None, GRCH37), 1)[-1]
    one, other = tmp_path / "one.bam", tmp_path / "other.bam"
    for path in (one, other):
        enrich.write_tumour(path, tumour, cohort / "bam/N1.bam", None, seed=3)
    assert one.read_bytes() == other.read_bytes()
    made = one.stat().st_mtime_ns
    enrich.write_tumour(one, tumour, cohort / "bam/N1.bam", None, seed=3)
    assert one.stat().st_mtime_ns == made
    enrich.write_tumour(one, tumour, cohort / "bam/N1.bam", None, seed=4)
    assert one.read_bytes() != other.read_bytes()


def test_an_enriched_bam_gives_what_a_simulated_bam_of_the_same_truth_gives(cohort, tmp_path):
    """Both within their intervals of the truth, and no farther apart than their errors allow."""
    grid = stage.Grid([20.0], [0.6], ["3000000"], [1.0], 1, 1)
    tumour = stage.plan(grid, ["N5"], GRCH37, stage.read_karyotypes(None, GRCH37), 1)[-1]
    enrich.write_tumour(tmp_path / "E.bam", tumour, cohort / "bam/N5.bam", None, seed=1)
    lines = (cohort / "samples.tsv").read_text().replace("bam/", f"{cohort}/bam/").splitlines()
    kept = [line for line in lines if not line.startswith("N5")]
    simulated = next(line for line in lines if line.startswith("T\t"))
    kept.append(simulated.replace("T\t", "E\t", 1).replace(f"{cohort}/bam/T.bam", "E.bam"))
    (tmp_path / "samples.tsv").write_text("\n".join(kept) + "\n")
    config = (cohort / "config.yaml").read_text().replace("panel.bed", f"{cohort}/panel.bed")
    (tmp_path / "config.yaml").write_text(config)
    single.cohort(tmp_path, "cohort")
    calls = {name: read_json(tmp_path / f"results/calls/{name}.json") for name in "TE"}
    truth = stage.truth([tumour], GRCH37, 1).iloc[0]
    for call in calls.values():
        assert call["call"] == "high_level_amplification"
        for name in ("met_ratio", "met_copies"):
            interval = call["copies"][name]
            assert interval["low"] < truth[name] < interval["high"], (name, interval, truth[name])
    met = {name: call["measurement"]["met"] for name, call in calls.items()}
    gap = met["E"]["log2"] - met["T"]["log2"]
    assert abs(gap) < 2.5 * np.hypot(met["E"]["se"], met["T"]["se"])
