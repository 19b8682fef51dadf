"""Which normals belong together: both sides of each bound, and panels of known make-up through the stage."""

import numpy as np
import pytest

from metcn.bins.layout import layout_of
from metcn.reference import panel_file, sample_groups
from support import made_depth

NAN = float("nan")
SEXES = [
    # level on X, who is male
    pytest.param([0.0, -1.0, 0.1, -0.9], [False, True, False, True], id="both sexes"),
    pytest.param([0.5, -0.5], [False, True], id="one of each"),
    pytest.param([0.0, 0.49], None, id="too near to each other"),
    pytest.param([0.0, 0.5], [True, False], id="just far enough"),
    pytest.param([0.0, 0.1, 0.2], None, id="one sex"),
    pytest.param([0.0, NAN, -1.0], [False, False, True], id="one without reads on X"),
    pytest.param([0.3], None, id="a single normal"),
]


@pytest.mark.parametrize(("level", "expected"), SEXES)
def test_males(level, expected):
    found = sample_groups.males(np.array(level))
    assert (found if found is None else found.tolist()) == expected


@pytest.mark.parametrize(("last", "stray"), [(0.125, False), (0.126, True), (NAN, False)])
def test_strays(last, stray):
    assert sample_groups.strays(np.array([0.05, 0.05, 0.05, 0.04, last])).tolist() == [False] * 4 + [stray]


@pytest.mark.parametrize(("apart", "sizes", "found"), [
    pytest.param(0.0, (10, 10), False, id="one cloud"),
    pytest.param(6.0, (10, 10), True, id="two"),
    pytest.param(8.0, (3, 17), True, id="a small one"),
    pytest.param(40.0, (2, 18), False, id="too small to be a batch"),
])  # fmt: skip
def test_batches(apart, sizes, found):
    random = np.random.default_rng(1)
    member = np.repeat([0, 1], sizes)
    scores = np.column_stack([random.normal(size=20), random.normal(size=20) + apart * member])
    label = sample_groups.batches(scores)
    assert label.any() == found
    if found:
        assert (label == member).all() or (label == 1 - member).all()


def test_nearest():
    scores = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0], [1.0, 5.0]])
    order, distance = sample_groups.nearest(np.array([0.0, 4.0]), scores)
    assert order.tolist() == [2, 3, 0]
    assert distance == pytest.approx(1.0)
    assert sample_groups.nearest(np.array([0.0, -9.0]), scores)[1] == pytest.approx(9.0)
    assert np.isnan(sample_groups.nearest(np.zeros(0), np.zeros((4, 0)))[1])


FRAME = made_depth.panel_bins(genes=40, tiles=9)
X = layout_of(FRAME).x


def depths(count=12):
    return made_depth.assay(FRAME).normals(np.random.default_rng(3), count)


def test_x_is_that_of_two_copies_whoever_the_normals_are(tmp_path):
    """Males among the normals move neither the centre nor the spread of chromosome X."""
    bench, depth = made_depth.Bench(tmp_path, FRAME), depths()
    expected = bench.panel(depth)
    assert expected.male is None
    mixed = depth.copy()
    mixed[::3, X] -= 1.0
    found = bench.panel(mixed)
    assert found.male.tolist() == [number % 3 == 0 for number in range(12)]
    np.testing.assert_allclose(found.centre, expected.centre, atol=0.02)
    np.testing.assert_allclose(found.spread, expected.spread, rtol=0.05)


def test_who_belongs_together_is_told_by_name(tmp_path):
    bench, depth = made_depth.Bench(tmp_path, FRAME), depths(14)
    gene = np.unique(FRAME["gene"], return_inverse=True)[1]
    on_target = (FRAME["kind"] == "target").to_numpy()
    lot = np.where(on_target, np.random.default_rng(4).normal(0, 0.8, gene.max() + 1)[gene], 0.0)
    depth[:5] += lot
    path = bench.reference(depth)
    facts = panel_file.read(path)[2]
    first, second = ({f"N{number}" for number in numbers} for numbers in (range(5), range(5, 14)))
    assert sorted(map(sorted, facts["batches"]["target"])) == sorted([sorted(first), sorted(second)])
    assert facts["males"] is None
    sample = made_depth.assay(FRAME).sample(np.random.default_rng(5))
    resembled = [bench.ratios(sample + shift, path).summary["reference"]["resembles"]["target"] for shift in (0, lot)]
    alike = [len({*each["nearest"]} & first) for each in resembled]
    assert alike[0] <= 1
    assert alike[1] == 3
    far = bench.ratios(sample + 6 * lot, path).summary["reference"]["resembles"]["target"]
    assert far["distance"] > 3 * max(each["distance"] for each in resembled)
