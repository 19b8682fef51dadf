"""The simulator's truth is the method's equation, and its files say what its truth says."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metcn import simulate
from metcn.errors import InputError
from metcn.genome.build import load
from metcn.reads import sam
from metcn.simulate import assays as simulate_assays
from metcn.simulate import reads as simulate_reads
from metcn.simulate import tumours as simulate_tumours
from metcn.simulate.tumours import Segment

GENOME = load("GRCh37")
SHARES = st.floats(0.0, 1.0)
COPIES = st.floats(0.0, 100.0)
BINS = pd.DataFrame(
    [
        ("7", 116_339_100, 116_339_300, "MET", "target"),
        ("7", 116_340_000, 116_340_240, "MET", "target"),
        ("7", 130_000_000, 130_100_000, "Antitarget", "off_target"),
        ("12", 58_141_800, 58_141_950, "CDK4", "target"),
        ("X", 66_764_900, 66_765_100, "AR", "target"),
    ],
    columns=["chromosome", "start", "end", "gene", "kind"],
)
FRAGMENTS = np.array([3000, 0, 500, 1500, 700])


@pytest.fixture(scope="module")
def bam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bam") / "S1.bam"
    write(path)
    return path


def write(path: Path, *, seed: int = 1, library: simulate.Library = simulate_reads.TISSUE) -> None:
    simulate_reads.write_bam(
        path,
        sample="S1",
        contigs=simulate.contig_names(GENOME),
        bins=BINS,
        fragments=FRAGMENTS,
        library=library,
        rng=simulate_assays.stream(seed, "S1"),
    )


def reads_of(path: Path) -> list[pysam.AlignedSegment]:
    with pysam.AlignmentFile(str(path)) as handle:
        return list(handle.fetch(until_eof=True))


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# Truth ---------------------------------------------------------------------------------------------------------------


@given(purity=SHARES, copies=COPIES, size_bp=st.integers(200_000, 20_000_000))
def test_ratio_at_met_is_the_methods_equation(purity: float, copies: float, size_bp: int) -> None:
    tumour = simulate.tumour(GENOME, "T", "focal", purity=purity, copies=copies, size_bp=size_bp)
    autosomes = sum(GENOME.contigs[name] for name in simulate_tumours.AUTOSOMES)
    ploidy = (2 * (autosomes - size_bp) + copies * size_bp) / autosomes
    expected = (purity * copies + 2 * (1 - purity)) / (purity * ploidy + 2 * (1 - purity))
    found = simulate_tumours.ratio_over(tumour, np.array(["7"]), *np.array(GENOME.met)[:, None])
    assert found == pytest.approx(expected, rel=1e-9)


@given(purity=SHARES, profile=st.sampled_from(simulate_tumours.PROFILES), background=st.booleans())
def test_ratio_is_one_on_average_over_the_autosomes(purity: float, profile: str, background: bool) -> None:
    tumour = simulate.tumour(GENOME, "T", profile, purity=purity, background=background)
    names = np.array(simulate_tumours.AUTOSOMES)
    lengths = np.array([GENOME.contigs[name] for name in names])
    ratio = simulate_tumours.ratio_over(tumour, names, np.zeros(len(names), int), lengths)
    assert np.average(ratio, weights=lengths) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(
    ("profile", "met", "cep7", "egfr", "ploidy"),
    [
        ("diploid", 2, 2, 2, 2.0),
        ("focal", 12, 2, 2, 2.010),
        ("gain_7q", 5, 3.5, 2, 2.102),
        ("polysomy", 6, 6, 6, 2.221),
        ("met_egfr", 12, 2, 12, 2.017),
        ("doubled", 12, 4, 4, 4.008),
    ],
)
def test_truth_of_each_profile(profile: str, met: float, cep7: float, egfr: float, ploidy: float) -> None:
    samples = [simulate.tumour(GENOME, "T", profile, purity=0.5), simulate_tumours.normal(GENOME, "N")]
    table = simulate_tumours.truth(GENOME, samples)
    assert list(table.columns) == list(simulate_tumours.TRUTH_COLUMNS)
    assert len(table) == 1
    row = table.iloc[0]
    assert (row.met_copies, row.cep7_copies, row.egfr_copies) == (met, cep7, egfr)
    assert row.met_cep7 == pytest.approx(met / cep7, abs=1e-4)
    assert row.ploidy == pytest.approx(ploidy, abs=1e-3)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 50), st.floats(0, 20)), max_size=6), st.data())
def test_copies_over_matches_a_count_base_by_base(changes: list[tuple[int, int, float]], data: st.DataObject) -> None:
    karyotype, bases = [Segment("7", 0, 150, 2.0)], np.full(150, 2.0)
    for start, width, copies in changes:
        karyotype = simulate_tumours.with_copies(karyotype, "7", start, start + width, copies)
        bases[start : start + width] = copies
    start = data.draw(st.integers(0, 148))
    end = data.draw(st.integers(start + 1, 150))
    found = simulate_tumours.mean_copies_over(karyotype, "7", start, end)
    assert found == pytest.approx(bases[start:end].mean(), abs=1e-9)
    assert np.isnan(simulate_tumours.mean_copies_over(karyotype, "8", start, end))


def test_copies_over_ignores_gaps_of_a_karyotype() -> None:
    karyotype = [Segment("7", 0, 10, 2.0), Segment("7", 20, 30, 5.0)]
    found = simulate_tumours.copies_over(karyotype, np.array(["7"] * 3), np.array([5, 12, 25]), np.array([25, 18, 28]))
    np.testing.assert_allclose(found, [3.5, np.nan, 5.0])


def test_male_x_reads_half() -> None:
    sample = simulate_tumours.normal(GENOME, "N", sex="male")
    ratio = simulate_tumours.ratio_over(sample, np.array(["X", "7"]), np.array([0, 0]), np.array([10, 10]))
    assert ratio.tolist() == [0.5, 1.0]


# Assays --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", ["GRCh37", "GRCh38"])
@pytest.mark.parametrize(("assay", "least_targets"), [("panel", 600), ("amplicon", 600), ("swgs", 0)])
def test_designs_are_sorted_apart_and_complete(build: str, assay: str, least_targets: int) -> None:
    genome = load(build)
    plan = simulate_assays.design(genome, assay, window_bp=1_000_000)
    bins = plan.bins
    assert plan.share.sum() == pytest.approx(1.0)
    assert (plan.share > 0).all()
    assert (bins.end > bins.start).all()
    for name, own in bins.groupby("chromosome"):
        assert (own.start.to_numpy()[1:] >= own.end.to_numpy()[:-1]).all(), name
        assert own.end.max() <= genome.contigs[name]
    targets = bins[bins.kind.isin(["target", "amplicon"])]
    assert len(targets) >= least_targets
    if least_targets:
        assert set(targets.chromosome) == set(simulate_tumours.CHROMOSOMES)
        assert (targets.gene == "MET").sum() == simulate_assays.MET_TILES
        assert (targets.end - targets.start).between(100, 250).all()
        met = targets[targets.gene == "MET"]
        assert met.start.min() > genome.met[0] - 100
        assert met.end.max() < genome.met[1] + 100


def test_fragments_follow_expectation_within_poisson() -> None:
    plan = simulate_assays.design(GENOME, "panel", window_bp=1_000_000)
    tumour = simulate.tumour(GENOME, "T", "focal", purity=0.6, copies=15)
    expected = simulate_assays.expected_fragments(plan, tumour, fragments=1e6)
    counts = simulate_assays.draw_fragments(
        plan, tumour, fragments=1e6, rng=np.random.default_rng(3), noise=simulate_assays.SILENT
    )
    z = (counts - expected) / np.sqrt(expected)
    assert len(z) > 3000
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert z.std() == pytest.approx(1.0, abs=0.05)
    assert np.abs(z).max() < 6
    diploid = simulate_assays.expected_fragments(plan, simulate_tumours.normal(GENOME, "N"), fragments=1e6)
    met = (plan.bins.gene == "MET").to_numpy()
    truth = simulate_tumours.truth(GENOME, [tumour]).met_ratio[0]
    np.testing.assert_allclose(expected[met] / diploid[met], truth, rtol=1e-4)


def test_noise_widens_counts_beyond_poisson() -> None:
    plan = simulate_assays.design(GENOME, "amplicon")
    sample = simulate_tumours.normal(GENOME, "N")
    expected = simulate_assays.expected_fragments(plan, sample, fragments=1e6)
    counts = simulate_assays.draw_fragments(plan, sample, fragments=1e6, rng=np.random.default_rng(3))
    assert ((counts - expected) / np.sqrt(expected)).std() > 3


# Reads ---------------------------------------------------------------------------------------------------------------


def test_countable_fragments_are_those_asked_for(bam: Path) -> None:
    with pysam.AlignmentFile(str(bam)) as handle:
        assert handle.has_index()
        skipped = sam.SECONDARY | sam.QC_FAILED | sam.DUPLICATE | sam.SUPPLEMENTARY
        for row, expected in zip(BINS.itertuples(), FRAGMENTS, strict=True):
            found = 0
            for read in handle.fetch(row.chromosome, max(row.start - 1000, 0), row.end + 1000):
                usable = read.is_proper_pair and not read.flag & skipped and read.mapping_quality >= 20
                if usable and read.template_length > 0:
                    found += row.start <= read.reference_start + read.template_length // 2 < row.end
            assert found == expected, row


def test_everything_a_counter_must_leave_out_is_there(bam: Path) -> None:
    reads = reads_of(bam)
    countable = FRAGMENTS.sum()
    library = simulate_reads.TISSUE
    per_fragment = {
        "duplicates": sum(read.is_duplicate and read.is_read1 for read in reads),
        "ambiguous": sum(read.is_proper_pair and read.is_read1 and read.mapping_quality == 0 for read in reads),
        "qc_fail": sum(read.is_qcfail and read.is_read1 for read in reads),
        "supplementary": sum(read.is_supplementary for read in reads),
        "secondary": sum(read.is_secondary for read in reads),
        "lone": sum(read.mate_is_unmapped and not read.is_unmapped for read in reads),
    }
    for field, found in per_fragment.items():
        expected = countable * getattr(library, field)
        assert found > 0, field
        assert abs(found - expected) < 5 * np.sqrt(expected), field
    assert sum(read.is_unmapped and read.mate_is_unmapped for read in reads) == 2 * library.unmapped_pairs
    assert any(read.cigarstring and read.cigarstring.endswith("S") for read in reads)
    overlapping = sum(0 < read.template_length < 2 * library.read_bp and read.is_proper_pair for read in reads)
    assert overlapping > 0.05 * countable


def test_mates_agree(bam: Path) -> None:
    firsts, seconds = {}, {}
    for read in reads_of(bam):
        if not read.is_secondary and not read.is_supplementary:
            (firsts if read.is_read1 else seconds)[read.query_name] = read
    assert firsts.keys() == seconds.keys()
    assert len(firsts) > FRAGMENTS.sum()
    for name, read in firsts.items():
        mate = seconds[name]
        assert (read.next_reference_id, read.next_reference_start) == (mate.reference_id, mate.reference_start)
        assert (mate.next_reference_id, mate.next_reference_start) == (read.reference_id, read.reference_start)
        assert read.template_length == -mate.template_length
        assert (read.is_unmapped, mate.is_unmapped) == (mate.mate_is_unmapped, read.mate_is_unmapped)
        if read.is_proper_pair:
            left, right = sorted((read, mate), key=lambda each: each.is_reverse)
            assert (left.is_reverse, right.is_reverse) == (False, True) == (right.mate_is_reverse, left.mate_is_reverse)
            assert left.template_length == right.reference_end - left.reference_start
            assert read.is_duplicate == mate.is_duplicate


def test_file_is_valid_sorted_and_of_the_build(bam: Path) -> None:
    pysam.quickcheck(str(bam))
    with pysam.AlignmentFile(str(bam)) as handle:
        assert dict(zip(handle.references, handle.lengths, strict=True)) == GENOME.contigs
        assert handle.header.to_dict()["RG"] == [{"ID": "S1", "SM": "S1", "LB": "S1", "PL": "ILLUMINA"}]
        assert handle.header.to_dict()["HD"]["SO"] == "coordinate"
    reads = reads_of(bam)
    places = [(read.reference_id % 2**32, read.reference_start) for read in reads]
    assert places == sorted(places)
    for read in reads:
        assert read.get_tag("RG") == "S1"
        assert len(read.query_sequence) == len(read.query_qualities) == simulate_reads.TISSUE.read_bp
        if not read.is_unmapped:
            assert read.infer_query_length() == simulate_reads.TISSUE.read_bp


@given(start=st.integers(0, 250_000_000), span_bp=st.sampled_from([1, 75, 2**14, 2**17 + 1, 2**20, 2**26]))
def test_index_bin_is_the_smallest_that_holds_the_read(start: int, span_bp: int) -> None:
    first_of_level, expected = 1, 0
    for level in range(1, 6):  # the SAM specification's tree: each bin has eight of an eighth of its width
        width_bp = 2 ** (29 - 3 * level)
        if start // width_bp == (start + span_bp - 1) // width_bp:
            expected = first_of_level + start // width_bp
        first_of_level += 8**level
    assert simulate_reads._index_bin(np.array([start]), np.array([span_bp])).tolist() == [expected]


def test_file_holds_the_index_bins(bam: Path) -> None:
    # htslib computes bins anew while it reads, so only the bytes themselves can tell.
    content = gzip.decompress(bam.read_bytes())
    at = 8 + int.from_bytes(content[4:8], "little")
    contigs, at = int.from_bytes(content[at : at + 4], "little"), at + 4
    for _ in range(contigs):
        at += 8 + int.from_bytes(content[at : at + 4], "little")
    for read in reads_of(bam):
        assert int.from_bytes(content[at + 14 : at + 16], "little") == read.bin
        at += 4 + int.from_bytes(content[at : at + 4], "little")
    assert at == len(content)


def test_plasma_fragments_are_short(tmp_path: Path) -> None:
    write(tmp_path / "S1.bam", library=simulate_reads.PLASMA)
    lengths = [read.template_length for read in reads_of(tmp_path / "S1.bam") if read.template_length > 0]
    assert np.median(lengths) == pytest.approx(167, abs=2)
    assert np.std(lengths) == pytest.approx(18, abs=1.5)


def test_fragments_shorter_than_reads_are_clipped_to_their_length(tmp_path: Path) -> None:
    library = replace(simulate_reads.TISSUE, fragment_bp=60, fragment_sd_bp=0)
    write(tmp_path / "S1.bam", library=library)
    proper = [read for read in reads_of(tmp_path / "S1.bam") if read.is_proper_pair]
    assert {abs(read.template_length) for read in proper} == {60}
    assert max(read.reference_length for read in proper) == 60


# Files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_", ["bam", "cnn", "mosdepth"])
def test_same_seed_same_bytes_and_samples_are_independent(tmp_path: Path, as_: str) -> None:
    tumours = [simulate.tumour(GENOME, "A", purity=0.5), simulate.tumour(GENOME, "B", "polysomy", purity=0.5)]
    options = {"genome": GENOME, "normals": 1, "depth": 2.0, "as_": as_}
    simulate.cohort(tmp_path / "one", tumours=tumours, **options)
    simulate.cohort(tmp_path / "two", tumours=tumours, **options)
    simulate.cohort(tmp_path / "fewer", tumours=tumours[1:], **options)
    simulate.cohort(tmp_path / "seed", tumours=tumours, seed=2, **options)
    one, two, fewer, seed = (digests(tmp_path / name) for name in ("one", "two", "fewer", "seed"))
    assert one == two
    of_b = [name for name in one if Path(name).name.startswith("B.")]
    assert len(of_b) == {"bam": 2, "cnn": 2, "mosdepth": 1}[as_]
    assert all(one[name] == fewer[name] != seed[name] for name in of_b)


def test_cohort_writes_sheet_config_and_truth(tmp_path: Path) -> None:
    tumours = [
        simulate.tumour(GENOME, "A", purity=0.5),
        simulate.tumour(GENOME, "P", purity=0.1, specimen="plasma", stated_purity="0.05-0.2", stated_ploidy=""),
    ]
    settings = {"bins": {"off_target_bp": 500000}}
    simulate.cohort(tmp_path, genome=GENOME, normals=2, tumours=tumours, as_="cnn", settings=settings)
    sheet = pd.read_csv(tmp_path / "samples.tsv", sep="\t", dtype=str, keep_default_na=False).set_index("sample")
    assert list(sheet.index) == ["N1", "N2", "A", "P"]
    assert list(sheet.role) == ["normal", "normal", "tumour", "tumour"]
    assert sheet.loc["P", ["specimen", "purity", "ploidy"]].tolist() == ["plasma", "0.05-0.2", ""]
    assert sheet.loc["A", ["purity", "ploidy"]].tolist() == ["0.5", "2.010"]
    for cell in sheet.coverage:
        target, antitarget = cell.split(";")
        assert (tmp_path / target).is_file()
        assert (tmp_path / antitarget).is_file()
    text = (tmp_path / "config.yaml").read_text()
    assert text == (
        "samples: samples.tsv\ngenome: GRCh37\nassay: panel\ntargets: panel.bed\nbins:\n  off_target_bp: 500000\n"
    )
    truth = pd.read_csv(tmp_path / "truth.tsv", sep="\t")
    assert list(truth["sample"]) == ["A", "P"]
    assert len(pd.read_csv(tmp_path / "panel.bed", sep="\t", header=None)) >= 600


def test_tables_hold_the_depth_of_their_fragments(tmp_path: Path) -> None:
    options = {"genome": "GRCh38", "normals": 1, "depth": 100.0}
    simulate.cohort(tmp_path / "cnn", as_="cnn", noise=simulate_assays.SILENT, **options)
    simulate.cohort(tmp_path / "mosdepth", as_="mosdepth", noise=simulate_assays.SILENT, **options)
    target = pd.read_csv(tmp_path / "cnn/coverage/N1.targetcoverage.cnn", sep="\t")
    assert list(target.columns) == ["chromosome", "start", "end", "gene", "depth", "log2"]
    assert target.chromosome.str.startswith("chr").all()
    np.testing.assert_allclose(np.exp2(target.log2), target.depth, rtol=1e-4)
    assert np.average(target.depth, weights=target.end - target.start) == pytest.approx(100, rel=0.03)
    with gzip.open(tmp_path / "mosdepth/coverage/N1.regions.bed.gz", "rt") as handle:
        regions = pd.read_csv(handle, sep="\t", header=None)
    antitarget = pd.read_csv(tmp_path / "cnn/coverage/N1.antitargetcoverage.cnn", sep="\t")
    assert len(regions) == len(target) + len(antitarget)
    np.testing.assert_allclose(regions[regions[3] != "Antitarget"][4], target.depth, atol=0.005)


def test_amplicon_reads_span_their_insert(tmp_path: Path) -> None:
    simulate.cohort(tmp_path, genome=GENOME, assay="amplicon", normals=1, depth=3.0)
    inserts = pd.read_csv(tmp_path / "amplicon.bed", sep="\t", header=None, dtype={0: str})
    edges = set(zip(inserts[0], inserts[1], inserts[2], strict=True))
    spans = {
        (read.reference_name, read.reference_start, read.reference_start + read.template_length)
        for read in reads_of(tmp_path / "bam/N1.bam")
        if read.is_proper_pair and read.template_length > 0 and not read.is_supplementary
    }
    assert len(spans) > 400
    assert spans <= edges
    assert not any(read.is_duplicate for read in reads_of(tmp_path / "bam/N1.bam"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"as_": "cram"}, "expected a format out of bam, cnn, mosdepth, found 'cram'"),
        ({"assay": "wes"}, "expected an assay out of panel, amplicon, swgs, found 'wes'"),
        ({"depth": 0.0}, "expected a depth above 0, found 0"),
        ({"tumours": [simulate_tumours.normal(GENOME, "N1")]}, "name once, found N1, N1"),
    ],
    ids=["format", "assay", "depth", "names"],
)
def test_cohort_refuses(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate.cohort(tmp_path, **({"genome": GENOME, "normals": 1} | options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "chaos"}, r"expected a tumour profile out of diploid, focal, .* found 'chaos'"),
        ({"purity": 60}, "expected a purity from 0 to 1, found 60 for tumour T"),
        ({"copies": -1}, "expected copies of 0 or more, found -1 for tumour T"),
    ],
    ids=["profile", "purity", "copies"],
)
def test_tumour_refuses(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate.tumour(GENOME, "T", **({"purity": 0.5} | options))
