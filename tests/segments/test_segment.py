"""Segments: CNVkit's breakpoints, levels of our own, never across a centromere."""

import numpy as np
import pandas as pd
import pytest

from metcn.errors import InputError
from metcn.io import tables
from metcn.segments import segment
from metcn.stats import fragments
from support import made_depth

STEP = 100


def profile(levels, *, noise=0.1, bins=STEP, seed=1):
    """Ratios on stretches ``(chromosome, arm, log2)`` of ``bins`` each, and the arms."""
    random = np.random.default_rng(seed)
    rows, arms = [], []
    for number, (chromosome, arm, log2) in enumerate(levels):
        first = sum(row[0] == chromosome for row in rows)
        for place in range(first, first + bins):
            start = place * 1_000_000
            rows.append(
                (chromosome, start, start + 500_000, f"G{number}", log2 + noise * random.normal(), 9.0, 1.0, noise)
            )
            arms.append(chromosome + arm)
    names = ["chromosome", "start", "end", "gene", "log2", "depth", "weight", "spread"]
    return pd.DataFrame(rows, columns=names).assign(kind="window", expected=np.nan), np.array(arms)


FLAT = [("1", "p", 0.0), ("1", "q", 0.0), ("7", "p", 0.0), ("7", "q", 0.0)]
GAIN = [("1", "p", 0.0), ("1", "q", 0.0), ("7", "p", 0.0), ("7", "q", 0.0), ("7", "q", 1.5), ("7", "q", 0.0)]


@pytest.mark.parametrize("method", ["none", "haar", "hmm"])
def test_every_bin_lies_in_one_segment_of_its_arm(method):
    frame, arms = profile(GAIN)
    found = segment.find(frame, method=method, arm=arms)
    assert list(found.columns) == list(segment.COLUMNS)
    assert found["probes"].sum() == len(frame)
    covered = 0
    for row in found.itertuples():
        inside = (frame["chromosome"] == row.chromosome) & (frame["start"] >= row.start) & (frame["end"] <= row.end)
        assert inside.sum() == row.probes
        assert len(set(arms[inside])) == 1
        covered += row.probes
    assert covered == len(frame)


@pytest.mark.parametrize("method", ["haar", "hmm"])
def test_a_gain_is_found_where_it_is(method):
    """CNVkit's hmm cuts two bins off at each step, so the gain may come in pieces, but nothing else is gained."""
    frame, arms = profile(GAIN)
    found = segment.find(frame, method=method, arm=arms)
    gained = found[found["log2"] > 1]
    assert set(gained["chromosome"]) == {"7"}
    assert set(gained["gene"]) == {"G4"}
    assert gained["probes"].sum() == STEP
    assert gained["start"].min() == frame["start"][4 * STEP]
    assert gained["end"].max() == frame["end"][5 * STEP - 1]
    longest = gained.loc[gained["probes"].idxmax()]
    assert longest["probes"] > 0.9 * STEP
    assert longest["log2"] == pytest.approx(1.5, abs=0.05)


def test_without_a_method_there_is_one_segment_per_arm():
    frame, arms = profile(FLAT)
    found = segment.find(frame, method="none", arm=arms)
    assert found["chromosome"].tolist() == ["1", "1", "7", "7"]
    assert found["probes"].tolist() == [STEP] * 4
    assert found["gene"].tolist() == ["G0", "G1", "G2", "G3"]


def test_the_level_is_the_weighted_median_and_its_error_the_scatter_of_medians():
    levels, errors = [], []
    for seed in range(80):
        frame, arms = profile([("1", "p", 0.3)], seed=seed)
        frame.loc[::10, "log2"] += 20.0  # a tenth of the bins are wild
        row = segment.find(frame, method="none", arm=arms).iloc[0]
        levels.append(row["log2"])
        errors.append(row["se"])
    assert np.mean(levels) == pytest.approx(0.3, abs=0.03)
    assert np.mean(errors) == pytest.approx(np.std(levels), rel=0.25)


def test_weights_count():
    frame, arms = profile([("1", "p", 0.0)])
    heavy = np.arange(STEP) < 30
    frame = frame.assign(log2=np.where(heavy, 1.0, 0.0), weight=np.where(heavy, 1.0, 0.1))
    assert segment.find(frame, method="none", arm=arms)["log2"].tolist() == [1.0]


@pytest.mark.parametrize("method", ["none", "haar", "hmm"])
def test_masked_bins_are_left_out(method):
    frame, arms = profile(GAIN)
    masked = np.arange(len(frame)) % 4 == 1
    holes = frame.assign(
        log2=frame["log2"].where(~masked), weight=np.where(masked, 0.0, 1.0), depth=np.where(masked, np.nan, 9.0)
    )
    first = segment.find(holes, method=method, arm=arms)
    second = segment.find(frame[~masked].reset_index(drop=True), method=method, arm=arms[~masked])
    pd.testing.assert_frame_equal(first, second)
    assert first["log2"].notna().all()


@pytest.mark.parametrize("method", ["none", "hmm"])
def test_no_usable_bin_gives_no_segment(method):
    frame, arms = profile(FLAT)
    found = segment.find(frame.assign(log2=np.nan, weight=0.0), method=method, arm=arms)
    assert list(found.columns) == list(segment.COLUMNS)
    assert len(found) == 0


def test_unnamed_bins_name_no_gene():
    frame, arms = profile([("1", "p", 0.0)])
    frame["gene"] = np.resize(["-", "Antitarget", "A", "B", "A"], STEP)
    assert segment.find(frame, method="none", arm=arms)["gene"].tolist() == ["A,B"]
    assert segment.find(frame.assign(gene="Antitarget"), method="none", arm=arms)["gene"].tolist() == ["-"]


def test_depth_that_no_table_gives_stays_missing():
    frame, arms = profile([("1", "p", 0.0)])
    assert segment.find(frame.assign(depth=np.nan), method="none", arm=arms)["depth"].isna().all()


@pytest.mark.parametrize("bins", [1, 2, 3])
def test_few_bins_have_an_error_too(bins):
    frame, arms = profile([("1", "p", 0.0)], bins=bins)
    error = segment.find(frame, method="none", arm=arms)["se"].tolist()
    assert len(error) == 1
    assert error[0] > 0


def failing(*_, **__):
    raise RuntimeError("Rscript: not found")


def test_cbs_without_r_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("metcn.segments.cnvkit.starts", failing)
    frame, arms = profile(FLAT)
    with pytest.raises(
        InputError, match="cbs needs R with the package DNAcopy, which did not run; install it or choose hmm"
    ):
        segment.find(frame, method="cbs", arm=arms)
    with pytest.raises(RuntimeError):
        segment.find(frame, method="hmm", arm=arms)


# The stage


def test_stage_writes_segments_for_cnvkit_and_igv(tmp_path):
    frame = made_depth.panel_bins(genes=10, tiles=6, off_target_bp=8_000_000)
    fold = np.where((frame["chromosome"] == "7") & (frame["start"] > 61e6), 3.0, 1.0)
    log2 = np.log2(fold) + np.random.default_rng(1).normal(0, 0.1, len(frame))
    log2[::11] = np.nan
    table = frame.assign(
        log2=log2, depth=1.0, weight=np.where(np.isfinite(log2), 1.0, 0.0), spread=0.1, expected=np.nan,
        mask=np.where(np.isfinite(log2), "", "no_reads"),
    )  # fmt: skip
    tables.write_ratios(tmp_path / "s.cnr", table)
    paths = {"ratios": tmp_path / "s.cnr", "output": tmp_path / "s.cns", "seg": tmp_path / "s.seg"}
    made_depth.run("segments", {"method": "none"}, sample="s", genome="GRCh37", **paths)
    found = tables.read_segments(tmp_path / "s.cns")
    assert found["probes"].sum() == np.isfinite(log2).sum()
    seven = found[found["chromosome"] == "7"].reset_index(drop=True)
    middle = made_depth.GRCH37.centromere["7"]
    assert len(seven) == 2
    assert seven["end"][0] <= middle[0] < middle[1] <= seven["start"][1]
    np.testing.assert_allclose(seven["log2"], [0, np.log2(3)], atol=0.05)
    assert len((tmp_path / "s.seg").read_text().splitlines()) == len(found) + 1


# Rows by hand, one segment per arm


def bins(log2, *, expected, spread=0.2, weight=1.0, kind="window", gene="A"):
    """Bins of 500 kb at every megabase of chromosome 7."""
    count = len(log2)
    start = np.arange(count) * 1_000_000
    columns = {"chromosome": "7", "start": start, "end": start + 500_000, "gene": gene, "kind": kind, "log2": log2}
    columns |= {"depth": np.arange(count) + 1.0, "weight": weight, "spread": spread, "expected": expected}
    return pd.DataFrame(columns)


def whole_arm(frame):
    """The one segment of bins on one arm."""
    (row,) = segment.find(frame, method="none", arm=np.full(len(frame), "7q")).to_dict("records")
    return row


def test_a_segment_of_bins_of_many_fragments():
    genes = ["B", "-", "A", "Antitarget", "B"]
    row = whole_arm(bins([0.0, 0.1, 0.2, 0.6, 0.4], expected=1e4, weight=[1.0, 1, 1, 4, 0.5], gene=genes))
    assert row["log2"] == 0.6  # where half of the weight of 7.5 is reached
    assert row["se"] == pytest.approx(1.25 * 1.4826 * 0.2 / np.sqrt(5))
    assert (row["start"], row["end"], row["gene"], row["probes"]) == (0, 4_500_000, "B,A", 5)
    assert (row["depth"], row["weight"]) == (3, 7.5)


@pytest.mark.parametrize(("log2", "noise"), [([0.0, 0.3], 0.2), ([0.0, 0.3, 0.5], 1.4826 * 0.2)])
def test_two_bins_have_the_noise_expected_of_them(log2, noise):
    row = whole_arm(bins(log2, expected=np.nan))
    assert row["se"] == pytest.approx(1.25 * noise / np.sqrt(len(log2)))


def test_a_segment_errs_by_no_less_than_its_fragments():
    row = whole_arm(bins([0.0, 0.0, 0.0, 1.0], expected=40.0))
    assert row["se"] == pytest.approx(fragments.sd(40 + 40 + 40 + 80))
    assert row["log2"] == 0


def test_bins_of_few_fragments_are_joined_until_they_expect_thirty():
    """Twelve bins of ten are four of thirty; their level is that of all fragments, their error that of all scatter."""
    number = np.array([8, 12, 10, 15, 4, 9, 10, 11, 0, 20, 13, 7])
    frame = bins(np.log2((number + 0.5) / 10), expected=10.0, spread=np.repeat([0.5, 0.7], 6))
    row = whole_arm(frame)
    assert row["probes"] == 12
    assert row["log2"] == pytest.approx(np.log2((number.sum() + 0.5) / 120))
    beyond = np.array([0.5, 0.7]) ** 2 - fragments.sd(10) ** 2
    spread = np.sqrt(fragments.sd(30) ** 2 + 3 * beyond * 10**2 / 30**2)
    assert row["se"] == pytest.approx((2 * np.sum(spread**-2.0)) ** -0.5)
    middle = np.mean(spread)
    assert row["weight"] == pytest.approx(2 * np.sum(np.minimum((middle / spread) ** 2, 1)))
    assert (row["start"], row["end"], row["depth"]) == (0, 11_500_000, 6.5)


def test_only_kinds_of_few_fragments_are_joined():
    """The mean of a kind decides, here 29 and 30 fragments, and bins of one kind are not joined across another."""
    kind = np.array(["few"] * 4 + ["many"] * 3 + ["few"] * 2)
    expected = np.where(kind == "few", 29.0, 30.0)
    frame = bins(np.log2((expected + 0.5) / expected), expected=expected, spread=0.3, kind=kind, weight=0.8)
    joined = cnvkit_rows(frame)
    assert joined["bins"].tolist() == [1, 1, 2, 1, 1, 1, 2]
    assert joined["end"].tolist() == [500_000, 1_500_000, 3_500_000, 4_500_000, 5_500_000, 6_500_000, 8_500_000]
    assert joined["expected"].tolist() == [29, 29, 58, 30, 30, 30, 58]
    np.testing.assert_allclose(joined["log2"][:3], np.log2([29.5 / 29, 29.5 / 29, 58.5 / 58]))
    np.testing.assert_allclose(joined["weight"][3:6], 0.8)


def cnvkit_rows(frame):
    """What CNVkit is given of bins on one arm."""
    return segment._joined(frame.assign(bins=1), np.full(len(frame), "7q"))[0]
