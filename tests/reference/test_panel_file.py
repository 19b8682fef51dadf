"""Panels of normals on disk: what is written is read, twice the same bytes, and nothing damaged or foreign is taken."""

import json
import zlib

import h5py
import numpy as np
import pandas as pd
import pytest

from metcn.bins import hdf5_file
from metcn.errors import InputError
from metcn.reference import panel_file
from metcn.reference.panel import KindNull, MetRests, Panel
from support import made_depth

FRAME = made_depth.panel_bins(genes=6, tiles=4, off_target_bp=30_000_000)
FACTS = {
    "genome": "GRCh37",
    "assay": "panel",
    "normals": [f"N{number}" for number in range(12)],
    "provenance": {"metcn": "0"},
}
NULL = {
    "target": KindNull(
        components=2, errors={0: 0.2, 1: 0.1, 2: 0.05}, noise=0.8, excess=0.03, averaged={2: 0.7}, scatter=(0.1, 0.2)
    ),
    "off_target": KindNull(components=0, errors={0: 0.1}, noise=1.0, excess=float("nan")),
}


def some_panel(**changes):
    random, count = np.random.default_rng(1), len(FRAME)
    arrays = {
        "centre": random.normal(size=count).astype(np.float32),
        "spread": random.random(count).astype(np.float32),
        "mask": np.where(np.arange(count) % 9 == 0, "noisy_in_normals", ""),
        "basis": random.normal(size=(count, 2)).astype(np.float32),
        "scores": {kind: random.normal(size=(12, null.components)).astype(np.float32) for kind, null in NULL.items()},
        "male": np.arange(12) % 2 == 0,
    }
    arrays["centre"][3] = arrays["spread"][3] = np.nan
    arrays["mask"][3] = "no_reads_in_normals"
    return Panel(**{**arrays, "null": NULL, "normals": 12, **changes})


@pytest.fixture
def path(tmp_path):
    panel_file.write(tmp_path / "reference.h5", FRAME, some_panel(), FACTS)
    return tmp_path / "reference.h5"


def test_round_trip(path):
    frame, panel, facts = panel_file.read(path)
    expected = some_panel()
    for name in ("centre", "spread", "basis", "mask"):
        np.testing.assert_array_equal(getattr(panel, name), getattr(expected, name))
    assert panel.normals == 12
    np.testing.assert_array_equal(panel.male, expected.male)
    assert sorted(panel.scores) == sorted(NULL)
    for kind, values in panel.scores.items():
        np.testing.assert_array_equal(values, expected.scores[kind])
    assert sorted(map(repr, panel.null.items())) == sorted(map(repr, NULL.items()))  # as text, NaN equals NaN
    assert facts == {**FACTS, "fingerprint": hdf5_file.fingerprint(FRAME)}
    assert frame.drop(columns="mask").equals(FRAME.drop(columns="mask"))
    assert frame["mask"].tolist() == expected.mask.tolist()


def test_what_is_left_of_met_is_stored(tmp_path):
    given = MetRests(np.arange(6, dtype=np.float32).reshape(2, 3), np.array([4, 5, 7]))
    panel_file.write(tmp_path / "r.h5", FRAME, some_panel(met_rests=given), FACTS)
    found = panel_file.read(tmp_path / "r.h5").panel.met_rests
    np.testing.assert_array_equal(found.rest, given.rest)
    np.testing.assert_array_equal(found.bin, given.bin)


def test_a_file_of_an_earlier_version_tells_nothing_of_met(path):
    assert panel_file.read(path).panel.met_rests is None


@pytest.mark.parametrize(
    ("rest", "bins"),
    [
        pytest.param(np.zeros((2, 1)), [len(FRAME)], id="a bin beyond the last"),
        pytest.param(np.zeros((2, 1)), [-1], id="a bin before the first"),
        pytest.param(np.zeros((2, 3)), [1, 2], id="more columns than bins"),
    ],
)
def test_what_is_left_of_other_bins_is_refused(tmp_path, rest, bins):
    panel_file.write(tmp_path / "r.h5", FRAME, some_panel(met_rests=MetRests(rest, np.array(bins))), FACTS)
    with pytest.raises(InputError, match="MET's bins"):
        panel_file.read(tmp_path / "r.h5")


@pytest.mark.parametrize("columns", [0, 1, 7])
def test_any_number_of_components(tmp_path, columns):
    basis = np.ones((len(FRAME), columns), dtype=np.float32)
    panel_file.write(tmp_path / "r.h5", FRAME, some_panel(basis=basis, null={}), FACTS)
    _, panel, _ = panel_file.read(tmp_path / "r.h5")
    np.testing.assert_array_equal(panel.basis, basis)
    assert panel.null == {}


def test_arrays_are_mapped_and_cannot_be_changed(path):
    _, panel, _ = panel_file.read(path)
    for name in panel_file.ARRAYS:
        values = getattr(panel, name)
        assert isinstance(values.base, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1


def test_a_mapped_panel_outlives_its_replacement(path):
    _, panel, _ = panel_file.read(path)
    panel_file.write(path, FRAME, some_panel(centre=np.zeros(len(FRAME))), FACTS)
    np.testing.assert_array_equal(panel.centre, some_panel().centre)
    assert not panel_file.read(path)[1].centre.any()


@pytest.mark.parametrize("bytes_at_a_time", [1, 100, 1 << 24])
def test_arrays_are_checked_in_blocks(path, bytes_at_a_time, monkeypatch):
    monkeypatch.setattr(panel_file, "BLOCK_BYTES", bytes_at_a_time)
    np.testing.assert_array_equal(panel_file.read(path)[1].basis, some_panel().basis)


def test_bins_are_read_as_they_were(path):
    pd.testing.assert_frame_equal(hdf5_file.read_bins(path).drop(columns="mask"), FRAME.drop(columns="mask"))


@pytest.mark.parametrize("name", ["other.h5", "text.h5", "none.h5"])
def test_bins_of_another_file_are_refused(tmp_path, name):
    with h5py.File(tmp_path / "other.h5", "w") as handle:
        handle.create_group("bins")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="expected a panel of normals"):
        hdf5_file.read_bins(tmp_path / name)


def test_two_writes_give_the_same_bytes(path):
    other = path.with_name("other.h5")
    panel_file.write(other, FRAME, some_panel(), dict(reversed(FACTS.items())))
    assert other.read_bytes() == path.read_bytes()


def test_thousands_of_normals_fit(tmp_path):
    facts = {**FACTS, "normals": [f"a_rather_long_name_of_a_normal_sample_{number}" for number in range(3000)]}
    panel_file.write(tmp_path / "r.h5", FRAME, some_panel(normals=3000), facts)
    assert panel_file.read(tmp_path / "r.h5")[2]["normals"] == facts["normals"]


def test_a_failed_write_leaves_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(KeyError):
        panel_file.write(path, FRAME, some_panel(), {"assay": "panel"})
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


# Fingerprints


def changed(column, value):
    values = FRAME[column].copy()
    values.iloc[5] = value
    return FRAME.assign(**{column: values})


@pytest.mark.parametrize(
    ("column", "value", "same"),
    [
        pytest.param("start", 12345, False, id="start"),
        pytest.param("end", 12345, False, id="end"),
        pytest.param("chromosome", "9", False, id="chromosome"),
        pytest.param("kind", "amplicon", False, id="kind"),
        pytest.param("gene", "KRAS", True, id="gene"),
        pytest.param("mask", "blacklisted", True, id="mask"),
        pytest.param("gc", 0.5, True, id="gc"),
    ],
)
def test_fingerprint_is_that_of_places_and_kinds(column, value, same):
    assert (hdf5_file.fingerprint(changed(column, value)) == hdf5_file.fingerprint(FRAME)) == same


def test_fingerprint_knows_order_and_number_of_bins():
    prints = {hdf5_file.fingerprint(frame) for frame in (FRAME, FRAME.iloc[::-1], FRAME.iloc[:-1], FRAME.iloc[1:])}
    assert len(prints) == 4


# Damage


def without(name):
    def edit(handle):
        del handle[name]

    return edit


def attribute(name, value):
    def edit(handle):
        handle.attrs[name] = value

    return edit


def no_attribute(name):
    def edit(handle):
        del handle.attrs[name]

    return edit


def resized(name, keep):
    def edit(handle):
        values = handle[name][:keep]
        del handle[name]
        handle[name] = values

    return edit


def stored(name, change, **how):
    """An array replaced together with its checksum."""

    def edit(handle):
        values = np.ascontiguousarray(change(handle[name][:]))
        del handle[name]
        handle.create_dataset(name, data=values, **how).attrs["crc32"] = zlib.crc32(values)

    return edit


def moved(handle):
    handle["bins/start"][0] -= 1


EXPECTED, DAMAGED = "expected a panel of normals made by `metcn reference`", "the file is damaged, make it again"
DAMAGES = [
    pytest.param(without("bins"), EXPECTED, id="no bins"),
    pytest.param(without("bins/kind"), EXPECTED, id="no kinds"),
    pytest.param(without("basis"), EXPECTED, id="no components"),
    pytest.param(no_attribute("format"), EXPECTED, id="no format"),
    pytest.param(no_attribute("facts"), EXPECTED, id="no facts"),
    pytest.param(attribute("format", "gatk-pon"), EXPECTED, id="another format"),
    pytest.param(attribute("format_version", panel_file.FORMAT_VERSION + 1), EXPECTED, id="newer version"),
    pytest.param(attribute("format_version", panel_file.FORMAT_VERSION - 1), EXPECTED, id="older version"),
    pytest.param(attribute("format_version", "one"), EXPECTED, id="version is no number"),
    pytest.param(attribute("facts", "{"), EXPECTED, id="facts cut short"),
    pytest.param(attribute("null", json.dumps({"target": {}})), EXPECTED, id="null incomplete"),
    pytest.param(attribute("null", "[]"), EXPECTED, id="null is a list"),
    pytest.param(attribute("fingerprint", "0" * 16), DAMAGED, id="another fingerprint"),
    pytest.param(moved, DAMAGED, id="a bin moved"),
    pytest.param(without("names/gene"), EXPECTED, id="no names of genes"),
    pytest.param(resized("names/gene", 2), EXPECTED, id="fewer names than genes"),
    pytest.param(stored("centre", lambda values: values[:5]), DAMAGED, id="fewer centres than bins"),
    pytest.param(stored("spread", lambda values: values[:5]), DAMAGED, id="fewer spreads than bins"),
    pytest.param(stored("basis", lambda values: values[:5]), DAMAGED, id="fewer components than bins"),
    pytest.param(stored("centre", lambda values: values * 0 + np.inf), DAMAGED, id="infinite centre"),
    pytest.param(stored("spread", lambda values: -values), DAMAGED, id="negative spread"),
    pytest.param(stored("basis", np.float64), EXPECTED, id="other numbers"),
    pytest.param(stored("basis", np.float32, chunks=True), EXPECTED, id="in chunks"),
    pytest.param(resized("basis", None), EXPECTED, id="no checksum"),
]


@pytest.mark.parametrize(("edit", "message"), DAMAGES)
def test_damage_is_refused(path, edit, message):
    with h5py.File(path, "r+") as handle:
        edit(handle)
    with pytest.raises(InputError) as raised:
        panel_file.read(path)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["centre", "spread", "basis"])
def test_a_flipped_bit_is_refused(path, name):
    """Numbers that are merely a little wrong would otherwise pass for normals."""
    content = bytearray(path.read_bytes())
    place = content.find(getattr(some_panel(), name)[10:20].tobytes())
    assert place > 0
    content[place + 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="expected a panel of normals"):
        panel_file.read(path)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.99])
def test_a_file_cut_short_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="expected a panel of normals"):
        panel_file.read(path)


@pytest.mark.parametrize("content", [b"text\n", b"\x1f\x8b\x08\x00", b"\x89HDF\r\n\x1a\n" + b"\0" * 500])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "reference.h5").write_bytes(content)
    with pytest.raises(InputError, match="expected a panel of normals"):
        panel_file.read(tmp_path / "reference.h5")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a panel of normals"):
        panel_file.read(tmp_path / "none.h5")
