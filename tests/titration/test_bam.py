"""A donor's BAM made into a tumour's: what happens to fragments, and that the pipeline cannot tell it from another."""

import numpy as np
import pysam
import pytest
from scipy import stats

from metcn import simulate
from metcn.cli import call
from metcn.files import read_json
from metcn.genome import build
from metcn.simulate.assays import SILENT
from metcn.titration import bam
from metcn.titration import tumours as stage

GRCH37 = build.load("GRCh37")
TOLERANCE = 0.12  # log2; thinned to some 15 fragments per bin, enriched files lie 0.054 (error 0.025) above


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

    bam.write_bam(made, donor, None, factor, seed=1)
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
        bam.write_tumour(path, tumour, cohort / "bam/N1.bam", None, seed=3)
    assert one.read_bytes() == other.read_bytes()
    made = one.stat().st_mtime_ns
    bam.write_tumour(one, tumour, cohort / "bam/N1.bam", None, seed=3)
    assert one.stat().st_mtime_ns == made
    bam.write_tumour(one, tumour, cohort / "bam/N1.bam", None, seed=4)
    assert one.read_bytes() != other.read_bytes()


PAIRS = 8
DEPTHS = (1.0, 0.5)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Measured MET (log2, se) of enriched and simulated BAMs of one truth, by depth, kind and pair; and that truth.

    Pair ``i`` is a donor of its own, enriched with seed ``i``, and a simulated tumour of its own. Four further normals
    are the panel of all of them. Samples differ by the chance of their fragments alone, which the ways may not share.
    """
    folder = tmp_path_factory.mktemp("pairs")
    settings = {"bins": {"off_target_bp": 3_000_000}}
    tumours = [simulate.tumour(GRCH37, f"T{i}", "focal", purity=0.6, copies=12) for i in range(PAIRS)]
    lines = ["sample\trole\talignments\tpurity\tploidy"]
    for depth in DEPTHS:
        made = folder / f"depth_{depth:g}"
        simulate.cohort(made, normals=4 + PAIRS, tumours=tumours, depth=30 * depth, settings=settings, noise=SILENT)
        lines += [f"T{i}_{depth:g}\ttumour\t{made}/bam/T{i}.bam\t\t" for i in range(PAIRS)]
    whole = folder / "depth_1"
    lines += [f"N{i}\tnormal\t{whole}/bam/N{i}.bam\t\t" for i in range(1, 5)]
    grid = stage.Grid([12.0], [0.6], ["3000000"], DEPTHS, 1, 1)
    for i in range(PAIRS):
        donor = f"N{5 + i}"
        for tumour in stage.plan(grid, [donor], GRCH37, stage.read_karyotypes(None, GRCH37), 1)[-len(DEPTHS) :]:
            path = folder / f"E{i}_{tumour.depth:g}.bam"
            bam.write_tumour(path, tumour, whole / "bam" / f"{donor}.bam", None, seed=i)
            lines.append(f"{path.stem}\ttumour\t{path}\t\t")
    (folder / "samples.tsv").write_text("\n".join(lines) + "\n")
    (folder / "config.yaml").write_text((whole / "config.yaml").read_text().replace("panel.bed", f"{whole}/panel.bed"))
    call.cohort(folder, "ratios")
    found = {}
    for depth in DEPTHS:
        for kind in "ET":
            met = [read_json(folder / f"results/ratios/{kind}{i}_{depth:g}.json")["met"] for i in range(PAIRS)]
            found[depth, kind] = np.array([(level["log2"], level["se"]) for level in met])
    return found, float(np.log2(stage.truth([tumour], GRCH37, 1)["met_ratio"].iloc[0]))


@pytest.mark.parametrize("depth", DEPTHS, ids=["enriched", "enriched and thinned to half"])
def test_an_enriched_bam_gives_what_a_simulated_bam_of_the_same_truth_gives(pairs, depth):
    """The paired difference is below TOLERANCE with 95 % confidence (two one-sided t-tests).

    It is not nil: repeats carry no chance of their own, and the logarithm of few fragments reads low. With some thirty
    per bin the enriched ones lie 0.035 (error 0.007) below; with more it vanishes.
    """
    found, truth = pairs
    enriched, simulated = (found[depth, kind] for kind in "ET")
    gap = enriched[:, 0] - simulated[:, 0]
    error = gap.std(ddof=1) / np.sqrt(PAIRS)
    told = f"difference {gap.mean():+.3f}, error {error:.3f}, each {np.round(gap, 3)}"
    assert abs(gap.mean()) + stats.t.ppf(0.95, PAIRS - 1) * error < TOLERANCE, told
    # What the pipeline says of its error is what the pairs show: the sum of squared z is within 99 % of chi-squared's.
    z = gap / np.hypot(enriched[:, 1], simulated[:, 1])
    assert (z**2).sum() < stats.chi2.ppf(0.995, PAIRS), told
    for log2, se in (*enriched, *simulated):
        assert abs(log2 - truth) < 3.3 * se, (told, log2, se, truth)
