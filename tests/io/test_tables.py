"""Our own tables: what is written is read back, the same bytes come out again, every fault is named with its line."""

import gzip

import numpy as np
import pandas as pd
import pytest

from metcn.errors import InputError
from metcn.io import delimited, tables
from metcn.vocabulary import BIN_COLUMNS, COUNT_COLUMNS, RATIO_COLUMNS


def some_bins() -> pd.DataFrame:
    rows = [
        ("chr1", 100, 350, "GENE1", "target", "backbone", 0.41, 0.9, ""),
        ("chr1", 349, 700, "-", "target", "backbone", np.nan, np.nan, "blacklisted"),
        ("chr7", 116339036, 116339270, "MET", "target", "met", 1 / 3, 1.0, ""),
    ]
    return pd.DataFrame(rows, columns=list(BIN_COLUMNS))


def some_counts() -> pd.DataFrame:
    frame = some_bins()[["chromosome", "start", "end", "gene"]]
    log2, depth, count = [1.5, -20.0, np.nan], [2**1.5, 0.0, np.nan], [1234567, 0, np.nan]
    return frame.assign(log2=log2, depth=depth, count=pd.array(count, dtype="Float64").astype("Int64"))


def some_ratios() -> pd.DataFrame:
    return some_bins().assign(
        log2=[0.1, np.nan, 2.0],
        depth=[1.0, 0.0, 9.0],
        weight=[1.0, 0.0, 0.5],
        spread=[0.2, 0.2, 0.1],
        expected=[40.0, np.nan, 7.5],
    )[list(RATIO_COLUMNS)]


def some_segments() -> pd.DataFrame:
    frame = some_bins()[["chromosome", "start", "end", "gene"]].drop(index=1).reset_index(drop=True)
    return frame.assign(
        log2=[0.0, np.nan], depth=[1.0, 2.0], probes=pd.array([2, 1], dtype="Int64"), weight=1.0, se=[0.1, np.nan]
    )


ROUND_TRIPS = [
    pytest.param(some_bins, tables.write_bins, tables.read_bins, id="bins"),
    pytest.param(some_counts, tables.write_counts, tables.read_counts, id="counts"),
    pytest.param(some_ratios, tables.write_ratios, tables.read_ratios, id="ratios"),
    pytest.param(some_segments, tables.write_segments, tables.read_segments, id="segments"),
]


@pytest.mark.parametrize(("make", "write", "read"), ROUND_TRIPS)
def test_round_trip(tmp_path, make, write, read):
    frame, first, second = make(), tmp_path / "first", tmp_path / "second"
    write(first, frame)
    found = read(first)
    pd.testing.assert_frame_equal(found, frame, rtol=1e-5)
    write(second, found)
    assert first.read_bytes() == second.read_bytes()


def disguised(text: bytes, how: str) -> bytes:
    return {
        "plain": text,
        "crlf": text.replace(b"\n", b"\r\n"),
        "bom": b"\xef\xbb\xbf" + text,
        "gzip": gzip.compress(text),
        "bgzip": gzip.compress(text[:50]) + gzip.compress(text[50:]),
        "blank line at the end": text + b"\n",
        "further column": b"".join(line + b"\tx\n" for line in text.splitlines()),
        "padded cell": text.replace(b"GENE1", b" GENE1"),  # only the careful reader accepts it
    }[how]


@pytest.mark.parametrize(
    "how", ["plain", "crlf", "bom", "gzip", "bgzip", "blank line at the end", "further column", "padded cell"]
)
def test_harmless_differences_are_tolerated(tmp_path, how):
    tables.write_bins(tmp_path / "bins.tsv", some_bins())
    path = tmp_path / "other.tsv"
    path.write_bytes(disguised((tmp_path / "bins.tsv").read_bytes(), how))
    pd.testing.assert_frame_equal(tables.read_bins(path), some_bins(), rtol=1e-5)


FAULTS = [
    pytest.param("\tgene\t", "\tname\t", "lacks column gene; found chromosome, start", id="column absent"),
    pytest.param("\tgc\t", "\tgene\t", "line 1 repeats a column name", id="column repeated"),
    pytest.param("\t100\t", "\tx\t", "line 2, column start: expected a finite number, found 'x'", id="not a number"),
    pytest.param(
        "\t100\t",
        "\t-1\t",
        "line 2, column start: expected a number of at least 0 and at most 2147483647, found '-1'",
        id="negative",
    ),
    pytest.param("\t100\t", "\t1.5\t", "line 2, column start: expected a whole number", id="fraction"),
    pytest.param("\t100\t", "\t\t", "line 2, column start: expected a value, found ''", id="missing"),
    pytest.param("\t100\t", "\tinf\t", "line 2, column start: expected a finite number, found 'inf'", id="infinite"),
    pytest.param(
        "\t100\t", "\t350\t", "line 2, column end: expected an end above the start, found 350", id="empty bin"
    ),
    pytest.param(
        "0.41", "1.41", "line 2, column gc: expected a number of at least 0 and at most 1", id="out of bounds"
    ),
    pytest.param("0.41", "nan", "line 2, column gc: expected a finite number, found 'nan'", id="nan spelled out"),
    pytest.param("0.41", "inf", "line 2, column gc: expected a finite number, found 'inf'", id="infinite share"),
    pytest.param("\tmet\t", "\tMET\t", "line 4, column role: expected one of met, cep7", id="unknown role"),
    pytest.param("GENE1", "", "line 2, column gene: expected a value", id="gene missing"),
    pytest.param(
        "349\t700", "100\t350", "line 3, column start: expected each interval once, found 'chr1:100", id="repeat"
    ),
    pytest.param("349\t700", "99\t700", "line 3, column start: expected rows sorted by start, found 99", id="unsorted"),
    pytest.param(
        "chr1\t100", "chr7\t100", "line 4, column chromosome: expected each chromosome's rows in one block", id="blocks"
    ),
    pytest.param("0.9\t", "0.9\tx\ty", "not a regular tab-separated table", id="a field too many"),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS)
def test_faults_are_named(tmp_path, old, new, message):
    path = tmp_path / "bins.tsv"
    tables.write_bins(path, some_bins())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as raised:
        tables.read_bins(path)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


BROKEN = [
    pytest.param(b"", "is empty", id="empty"),
    pytest.param(b"\n\n", "is empty", id="blank"),
    pytest.param("\t".join(BIN_COLUMNS).encode() + b"\n", "has a header but no rows", id="header only"),
    pytest.param(b"\x1f\x8b\x08\x00broken", "damaged or truncated gzip", id="bad gzip"),
    pytest.param(gzip.compress(b"x" * 5000)[:-12], "damaged or truncated gzip", id="cut gzip"),
    pytest.param(b"\x80\x00\x01", "found binary data", id="binary"),
    pytest.param(b"a\tb\0\n", "found binary data", id="zero byte"),
]


@pytest.mark.parametrize(("content", "message"), BROKEN)
def test_broken_files_are_refused(tmp_path, content, message):
    path = tmp_path / "bins.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        tables.read_bins(path)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*none\.tsv: No such file"):
        tables.read_bins(tmp_path / "none.tsv")


def test_counts_stay_whole_and_missing_stays_empty(tmp_path):
    tables.write_counts(tmp_path / "s.cnn", some_counts())
    lines = (tmp_path / "s.cnn").read_text().splitlines()
    assert lines[0].split("\t") == list(COUNT_COLUMNS)
    assert lines[1].endswith("\t1.5\t2.82843\t1234567")
    assert lines[2].endswith("\t-20\t0\t0")
    assert lines[3].endswith("\t\t\t")


def test_seg_is_one_based_and_leaves_out_missing_levels(tmp_path):
    tables.write_seg(tmp_path / "s.seg", "s", some_segments())
    expected = "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\ns\tchr1\t101\t350\t2\t0\n"
    assert (tmp_path / "s.seg").read_text() == expected


NUMBERS = [0.0, -0.0, 1 / 3, 1e-7, 123456.5, 1234567.0, 1e22, -2.5, np.nan, np.inf]


@pytest.mark.parametrize("rows", [1, 3, 1 << 16])
def test_what_is_written_is_what_to_csv_writes(tmp_path, rows, monkeypatch):
    """Our own formatting is there for its speed alone."""
    monkeypatch.setattr(tables, "WRITTEN_ROWS", rows)
    count = len(NUMBERS)
    frame = pd.DataFrame({"chromosome": ["chr1"] * count, "start": range(count), "end": range(1, count + 1)})
    whole = pd.array([None, 0, *range(1 << 53, (1 << 53) - count + 2, -1)], dtype="Int64")
    frame = frame.assign(gene=["-", "\u00e4", *"abcdefgh"], log2=NUMBERS, depth=NUMBERS[::-1], count=whole)
    tables.write_counts(tmp_path / "s.cnn", frame)
    frame.to_csv(tmp_path / "expected", sep="\t", index=False, float_format=tables.FLOAT_FORMAT, lineterminator="\n")
    assert (tmp_path / "s.cnn").read_bytes() == (tmp_path / "expected").read_bytes()


@pytest.mark.parametrize("prefix", ["chr", ""])
def test_depth_alone_is_that_of_the_counts(tmp_path, prefix, monkeypatch):
    path, bins, counts = tmp_path / "s.cnn", some_bins(), some_counts()
    for frame in (bins, counts):
        frame["chromosome"] = frame["chromosome"].str.replace("chr", prefix)
    tables.write_counts(path, counts)
    expected = tables.read_counts(path)
    monkeypatch.delattr(tables, "read_counts")  # a sound table needs no second look
    depth, count = tables.read_depth(path, bins)
    np.testing.assert_array_equal(depth, expected["depth"])
    np.testing.assert_array_equal(count, expected["count"].to_numpy(float, na_value=np.nan))


@pytest.mark.parametrize("how", ["crlf", "bom", "gzip", "blank line at the end", "further column", "padded cell"])
def test_depth_alone_tolerates_what_the_counts_do(tmp_path, how):
    path = tmp_path / "s.cnn"
    tables.write_counts(path, some_counts())
    path.write_bytes(disguised(path.read_bytes(), how))
    depth, count = tables.read_depth(path, some_bins())
    np.testing.assert_allclose(depth, some_counts()["depth"], rtol=1e-5)
    np.testing.assert_array_equal(count, some_counts()["count"].to_numpy(float, na_value=np.nan))


DEPTHS = [
    pytest.param("100\t", "101\t", "its rows are not those of the bins", id="a start moved"),
    pytest.param("chr7", "chrX", "its rows are not those of the bins", id="another chromosome"),
    pytest.param("2.82843", "x", "line 2, column depth: expected a finite number, found 'x'", id="no number"),
    pytest.param("2.82843", "-1", "line 2, column depth: expected a number of at least 0", id="negative"),
    pytest.param("2.82843", "inf", "line 2, column depth: expected a finite number", id="infinite"),
    pytest.param("\tdepth", "\tdeep", "lacks column depth", id="no depth"),
    pytest.param("\tlog2", "\tdepth", "line 1 repeats a column name", id="two depths"),
    pytest.param("GENE1\t", "GENE1\t\t", "not a regular tab-separated table", id="a field too many"),
]


@pytest.mark.parametrize(("old", "new", "message"), DEPTHS)
def test_faults_of_depth_are_named(tmp_path, old, new, message):
    path = tmp_path / "s.cnn"
    tables.write_counts(path, some_counts())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        tables.read_depth(path, some_bins())


@pytest.mark.parametrize("rows", [slice(0, 2), slice(1, 3)])
def test_depth_of_fewer_rows_is_refused(tmp_path, rows):
    tables.write_counts(tmp_path / "s.cnn", some_counts()[rows])
    with pytest.raises(InputError, match=r"s\.cnn: its rows are not those of the bins in use; count this sample"):
        tables.read_depth(tmp_path / "s.cnn", some_bins())


def test_drawn_columns_are_those_of_the_ratios(tmp_path):
    path = tmp_path / "s.cnr"
    tables.write_ratios(path, some_ratios())
    whole, drawn = tables.read_ratios(path), tables.read_drawn(path)
    assert tuple(drawn.columns) == tables.DRAWN_COLUMNS and drawn["chromosome"].dtype == "category"
    for name in tables.DRAWN_COLUMNS:
        assert drawn[name].tolist() == pytest.approx(whole[name].tolist(), nan_ok=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("chr1\t100\t", "chr1\tx\t", "start"),
        ("\trole_code\t", "\trolle\t", "lacks column role_code"),
        ("chr1\t100\t", "\t100\t", "chromosome"),
    ],
    ids=["no number", "no column", "no chromosome"],
)
def test_faults_of_drawn_columns_are_those_of_the_ratios(old, new, message, tmp_path):
    path = tmp_path / "s.cnr"
    tables.write_ratios(path, some_ratios())
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        tables.read_drawn(path)


def rows_of(numbers):
    """Lines of a made-up table: (contig, rows) in order, each row telling its number."""
    names = [name for name, count in numbers for _ in range(count)]
    return [f"{name}\t{place}\t{'x' * (place % 7)}\n" for place, name in enumerate(names)]


@pytest.mark.parametrize("prefix", ["", "chr"])
@pytest.mark.parametrize("end", ["", "\n"], ids=["no last line feed", "last line feed"])
@pytest.mark.parametrize(
    "numbers",
    [
        [("1", 900), ("7", 300), ("8", 900)],
        [("7", 300), ("8", 900)],
        [("1", 900), ("7", 300)],
        [("1", 900), ("17", 300)],
    ],
    ids=["between", "first", "last", "without"],
)
def test_sample_of_a_long_table_has_all_rows_of_one_contig_and_some_of_the_others(numbers, end, prefix, tmp_path):
    rows = rows_of([(prefix + name, count) for name, count in numbers])
    (tmp_path / "t").write_text("contig\tstart\tother\n" + "".join(rows).rstrip("\n") + end)
    head, *found = delimited.sampled(tmp_path / "t", ("chr7", "7"), most=100).read().decode().splitlines(keepends=True)
    found = [row.rstrip("\n") + "\n" for row in found]
    own = [row for row in rows if row.startswith(f"{prefix}7\t")]
    assert head == "contig\tstart\tother\n" and [row for row in found if row.startswith(f"{prefix}7\t")] == own
    places = [int(row.split("\t")[1]) for row in found]
    assert places == sorted(set(places)) and [rows[place] for place in places] == found  # whole rows, in order, once
    others = sorted(set(places) - {int(row.split("\t")[1]) for row in own})
    assert 60 <= len(others) <= 100
    assert max(np.diff(others)) <= len(own) + 2 * len(rows) / 100


def test_sample_of_a_short_table_is_the_table(tmp_path):
    (tmp_path / "t").write_text(text := "contig\tstart\n" + "".join(rows_of([("1", 90), ("7", 50)])))
    assert delimited.sampled(tmp_path / "t", ("7",), most=100).read().decode() == text


def test_drawn_columns_of_no_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        tables.read_drawn(tmp_path / "none.cnr")
