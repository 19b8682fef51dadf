"""A genome read in windows without any normal: unbiased where windows are poorly mappable, and honest errors."""

import numpy as np
import pandas as pd
import pytest

from metcn.bins import design
from metcn.bins.layout import layout_of
from metcn.genome import build, windows
from metcn.ratios.measured import measured
from metcn.reference import panel as panels
from metcn.run.settings import RatiosSettings
from metcn.stats import fragments

GRCH37 = build.load("GRCh37")
WIDTH_BP = 50_000
ROWS = windows.load(GRCH37)


def grid(*, track):
    """Windows of 50 kb along 1-22 and X, annotated with or without the build's track."""
    frames = []
    for name in (*build.AUTOSOMES, "X"):
        start = np.arange(0, GRCH37.contigs[name] - WIDTH_BP, WIDTH_BP)
        frames.append(pd.DataFrame({"chromosome": f"chr{name}", "start": start, "end": start + WIDTH_BP}))
    frame = pd.concat(frames, ignore_index=True).assign(gene="-", kind="window")
    bins = design.bins_of_coverage(frame, GRCH37, assay="swgs", where="made")
    return design.annotated(bins, GRCH37, of_build=windows.COLUMNS if track else ())


KNOWN, UNKNOWN = grid(track=True), grid(track=False)


def levels(frame, *, depth=0.3, seed=1, alone=True, effect=1.0):
    """Levels of a diploid genome whose depth follows mappability and a curve of GC content."""
    random = np.random.default_rng(seed)
    gc, mappable = KNOWN["gc"].fillna(0.4).to_numpy(), KNOWN["mappability"].to_numpy()
    expected = depth * WIDTH_BP / 100 * mappable * np.exp(-20 * (gc - 0.42) ** 2) * effect
    number = random.poisson(expected * random.gamma(50**2, 50**-2, len(expected))).astype(float)
    number[KNOWN["chromosome"] == "chrX"] /= 2
    per_depth = np.full(len(frame), WIDTH_BP / 100)
    with np.errstate(divide="ignore"):
        log2 = np.where(number > 0, np.log2(number / per_depth), np.nan)
    mask = frame["mask"].to_numpy(dtype=np.str_)
    return measured(
        log2, fragments.Counts(number, per_depth), layout_of(frame), panels.flat(mask), GRCH37, RatiosSettings(),
        alone=alone,
    ).levels  # fmt: skip


@pytest.mark.parametrize("depth", [0.03, 0.3, 1.0])  # sums of counts, and logarithms
def test_cep7_is_inside_its_interval(depth):
    """Without the track the side on 7q, where a fifth of the sequence is not mappable, is off by a quarter."""
    found = levels(KNOWN, depth=depth)
    for level in (found.cep7, found.cep7.p, found.cep7.q, *found.arms.values(), found.met):
        assert abs(level.log2) < 1.96 * level.se
    assert abs(found.cep7.q.log2) < 0.08
    assert found.cep7.se < 0.1
    assert levels(UNKNOWN, depth=depth).cep7.q.log2 < -0.15


def test_what_a_region_shares_is_in_every_error():
    """However deep a genome and however quiet its windows, no level is surer than its region lets it be."""
    found, before = levels(KNOWN, depth=30.0), levels(KNOWN, depth=30.0, alone=False)
    for name, level, least in (
        ("p", found.cep7.p, panels.REGION_WITHOUT_NORMALS),
        ("q", found.cep7.q, panels.BESIDE_CENTROMERE),
        ("MET", found.met, panels.REGION_WITHOUT_NORMALS),
        ("7p", found.arms["7p"], panels.region_error(panels.REGION_WITHOUT_NORMALS, 60e6)),
        ("7q", found.arms["7q"], panels.region_error(panels.REGION_WITHOUT_NORMALS, 100e6)),
        ("cep7", found.cep7, 0.03),
    ):
        assert least <= level.se < least + 0.02, name
    assert before.cep7.p.se < 0.01 and before.arms["7q"].se < 0.005  # with normals nothing is added
    assert (before.cep7.log2, before.met.log2) == (found.cep7.log2, found.met.log2)


@pytest.mark.parametrize(
    ("span_mb", "fraction"), [(0, 1), (0.1, 1), (5, 1), (10, 0.85), (20, 0.7), (40, 0.55), (160, 0.275)]
)
def test_error_of_a_region_by_its_span(span_mb, fraction):
    assert panels.region_error(0.035, span_mb * 1e6) == pytest.approx(0.035 * fraction)


def test_error_of_a_region_falls_without_steps():
    spans = np.arange(1e6, 300e6, 1e5)
    errors = np.array([panels.region_error(1.0, span) for span in spans])
    assert (np.diff(errors) <= 1e-12).all() and np.abs(np.diff(errors)).max() < 0.01


def test_two_sides_share_a_part():
    """Together they err as a region of twice the span does, not as two that share nothing."""
    each = panels.REGION_WITHOUT_NORMALS
    whole = np.hypot(each / np.sqrt(2), panels.sides_error(each))
    assert whole == pytest.approx(panels.region_error(each, 2 * panels.REGION_BP))
    assert panels.sides_error(0.0) == 0.0
