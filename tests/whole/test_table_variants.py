"""Tables as they come from the field: every reader, every oddity, and the numbers of the clean file or a refusal.

A reader is a clean small file and what is read of it. An oddity is a function from text to what a file holds. Each new
reader gets all oddities by one entry in `READERS`; where one means something else for a reader, `OTHERWISE` says what.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pysam
import pytest

from metcn.cli import validate
from metcn.counts import snps
from metcn.errors import InputError
from metcn.genome import build
from metcn.io import coverage_formats, scales, tracks
from metcn.run import sheet

GRCH37 = build.load("GRCh37")
RANDOM = np.random.default_rng(11)
PLACES = [("chr1", 10_000 * row, 10_000 * row + 100 + 37 * (row % 7)) for row in range(1, 31)]
PLACES += [("chr7", 116_339_000 + 1000 * row, 116_339_200 + 1000 * row) for row in range(4)]
PLACES += [("chrX", 5_000_000, 5_000_300)]
DEPTH = np.round(RANDOM.lognormal(5, 0.4, len(PLACES)), 2)
LOG2 = np.round(RANDOM.normal(0, 0.2, len(PLACES)), 3)
BASE = ["ACGT"[row % 4] for row in range(len(PLACES))]
OTHER = ["CGTA"[row % 4] for row in range(len(PLACES))]


class Reader(NamedTuple):
    """A clean file, its name, what is read of it, the column of values, and whether its first line names columns."""

    text: str
    file: str
    read: Callable[[Path], pd.DataFrame]
    value: int
    header: int = 0  # lines before the first row
    missing: bool = True  # a value may be missing


def rows_of(row: str, *head: str) -> str:
    """Head, and a line for each place."""
    body = [
        row.format(
            name=name, start=start, first=start + 1, end=end, depth=DEPTH[i], log2=LOG2[i], count=int(DEPTH[i]),
            bases=int(DEPTH[i] * (end - start)), share=round(0.3 + i / 100, 2), ref=BASE[i], alt=OTHER[i],
            one=start + 1, gene="MET" if name == "chr7" else f"GENE{i}",
        )
        for i, (name, start, end) in enumerate(PLACES)
    ]  # fmt: skip
    return "\n".join([*head, *body]) + "\n"


def depth(path: Path) -> pd.DataFrame:
    return coverage_formats.read_coverage([path], GRCH37)[["chromosome", "start", "end", "gene", "depth"]]


def ratio(path: Path) -> pd.DataFrame:
    return coverage_formats.genome_order(coverage_formats.read_ratios(path), GRCH37)[
        ["chromosome", "start", "end", "gene", "log2"]
    ]


def share(path: Path) -> pd.DataFrame:
    return coverage_formats.genome_order(tracks.read(path), GRCH37)


def sites(path: Path) -> pd.DataFrame:
    return snps.read(path, GRCH37)


def truth(path: Path) -> pd.DataFrame:
    return validate.read_truth(path).sort_values("sample", ignore_index=True)


SAM = "@SQ\tSN:chr7\tLN:159138663"
VCF = "##fileformat=VCFv4.2\n##contig=<ID=chr7,length=159138663>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
CNN = "chromosome\tstart\tend\tgene\tdepth\tlog2"
READERS = {
    "cnn": Reader(rows_of("{name}\t{start}\t{end}\t{gene}\t{depth}\t4", CNN), "s.cnn", depth, 4, 1),
    "cnn of log2": Reader(
        rows_of("{name}\t{start}\t{end}\t{gene}\t{log2}", "chromosome\tstart\tend\tgene\tlog2"), "s.cnn", depth, 4, 1
    ),
    "mosdepth": Reader(rows_of("{name}\t{start}\t{end}\t{gene}\t{depth}"), "s.regions.bed", depth, 4),
    "mosdepth without names": Reader(rows_of("{name}\t{start}\t{end}\t{depth}"), "s.regions.bed", depth, 3),
    "bedcov": Reader(rows_of("{name}\t{start}\t{end}\t{bases}"), "s.bedcov", depth, 3),
    "BED with a header": Reader(
        rows_of("{name}\t{start}\t{end}\t{depth}", "chrom\tstart\tend\tdepth"), "s.tsv", depth, 3, 1
    ),
    "GATK counts": Reader(
        rows_of("{name}\t{first}\t{end}\t{count}", SAM, "CONTIG\tSTART\tEND\tCOUNT"), "s.tsv", depth, 3, 2
    ),
    "DRAGEN": Reader(
        rows_of("{name}\t{start}\t{end}\t{gene}\t{count}\t0", "contig\tstart\tstop\tname\tS\timproper_pairs"),
        "s.target.counts", depth, 4, 1,
    ),
    "cnr": Reader(
        rows_of("{name}\t{start}\t{end}\t{gene}\t{log2}\t9\t1", "chromosome\tstart\tend\tgene\tlog2\tdepth\tweight"),
        "s.cnr", ratio, 4, 1,
    ),
    "denoisedCR": Reader(
        rows_of("{name}\t{first}\t{end}\t{log2}", SAM, "CONTIG\tSTART\tEND\tLOG2_COPY_RATIO"), "s.tsv", ratio, 3, 2
    ),
    "bedGraph": Reader(rows_of("{name}\t{start}\t{end}\t{share}"), "s.bg", share, 3),
    "SNPs as BED": Reader(rows_of("{name}\t{start}\t{one}\t{ref}\t{alt}"), "s.bed", sites, 4, missing=False),
    "SNPs as VCF": Reader(rows_of("{name}\t{one}\t.\t{ref}\t{alt}\t.\t.\t.", VCF), "s.vcf", sites, 4, 3, missing=False),
    "truth": Reader(rows_of("{gene}.{start}\t{depth}\tyes", "sample\tmet_copies\tamplified"), "truth.tsv", truth, 1, 1),
}  # fmt: skip


def edited(text: str, reader: Reader, change: Callable[[list[str]], list[str]]) -> str:
    """The text with its rows (not its head) changed."""
    lines = text.splitlines()
    return "\n".join([*lines[: reader.header], *change(lines[reader.header :])]) + "\n"


def cell(text: str, reader: Reader, word: str, row: int = 3) -> str:
    """The text with the value of one row changed."""
    return edited(
        text, reader, lambda rows: [put(line, reader.value, word) if i == row else line for i, line in enumerate(rows)]
    )


def put(line: str, column: int, word: str) -> str:
    cells = line.split("\t")
    return "\t".join([*cells[:column], word, *cells[column + 1 :]])


def quoted(text: str, reader: Reader) -> str:
    """Words and numbers in quotation marks, as R and spreadsheets write them."""
    return re.sub(r"(?m)^(?![@#]).*$", lambda line: "\t".join(f'"{word}"' for word in line[0].split("\t")), text)


def bgzipped(text: str, reader: Reader) -> bytes:
    """As bgzip packs: several gzip members, the last one empty."""
    half = len(text) // 2
    return b"".join(gzip.compress(part.encode(), mtime=0) for part in (text[:half], text[half:], ""))


SAME: dict[str, Callable[[str, Reader], str | bytes]] = {
    "byte order mark": lambda text, reader: b"\xef\xbb\xbf" + text.encode(),
    "Windows line ends": lambda text, reader: text.replace("\n", "\r\n"),
    "old Macintosh line ends": lambda text, reader: text.replace("\n", "\r"),
    "plain gzip": lambda text, reader: gzip.compress(text.encode()),
    "bgzip": bgzipped,
    "no last line end": lambda text, reader: text.rstrip("\n"),
    "blank lines": lambda text, reader: edited(text, reader, lambda rows: [*rows[:2], "", "  ", *rows[2:], "", ""]),
    "comment among rows": lambda text, reader: edited(text, reader, lambda rows: [*rows[:2], "# a comment", *rows[2:]]),
    "unsorted": lambda text, reader: edited(text, reader, lambda rows: rows[::-1]),
}
SAME_TEXT: dict[str, Callable[[str, Reader], str | bytes]] = {
    "comment first": lambda text, reader: "# a comment of\ttwo cells\n" + text,
    "blank line first": lambda text, reader: "\n" + text,
    "UTF-16": lambda text, reader: text.encode("utf-16"),
    "Latin-1 comment": lambda text, reader: b"# Universit\xe4t\n" + text.encode(),
    "quoted": quoted,
    "trailing tab": lambda text, reader: edited(text, reader, lambda rows: [*rows[:2], rows[2] + "\t", *rows[3:]]),
    "trailing tabs everywhere": lambda text, reader: re.sub(r"(?m)^(?!@)(.+)$", "\\1\t\t", text),
    "trailing blanks": lambda text, reader: edited(text, reader, lambda rows: [line + "  " for line in rows]),
}
SAME_PLACES: dict[str, Callable[[str, Reader], str | bytes]] = {
    "track line": lambda text, reader: text if reader.header else "track name=x\n" + text,
    "browser line": lambda text, reader: text if reader.header else "browser position chr1\ntrack name=x\n" + text,
    "whole numbers with decimals": lambda text, reader: edited(
        text, reader, lambda rows: [put(line, 1, line.split("\t")[1] + ".0") for line in rows]
    ),
    "scientific notation": lambda text, reader: edited(
        text, reader, lambda rows: [put(line, 1, f"{int(line.split(chr(9))[1]):.9e}") for line in rows]
    ),
    "a row without a base": lambda text, reader: edited(
        text, reader, lambda rows: [*rows, put(put(rows[0], 1, str(77 + (reader.text.count("CONTIG")))), 2, "77")]
    ),
}  # fmt: skip
TABLES = [name for name, reader in READERS.items() if reader.read in (depth, ratio)]
PLAIN = [*TABLES, "bedGraph", "SNPs as BED"]
SAME_CASES = [
    *((name, oddity, change) for name in READERS for oddity, change in SAME.items()),
    *((name, oddity, change) for name in READERS if name != "SNPs as VCF" for oddity, change in SAME_TEXT.items()),
    *((name, oddity, change) for name in PLAIN for oddity, change in SAME_PLACES.items()
      if (name, oddity) not in [("SNPs as BED", "a row without a base"), ("GATK counts", "a row without a base"),
                                ("denoisedCR", "a row without a base")]),
    *((name, "a row twice", lambda text, reader: edited(text, reader, lambda rows: [*rows, rows[4]]))
      for name in [*TABLES, "SNPs as BED", "SNPs as VCF"]),
    *((name, "lower-case chromosomes", lambda text, reader: edited(
        text, reader, lambda rows: [line.replace("chrX", "chrx") for line in rows])) for name in READERS),
    *((name, "two styles of names", lambda text, reader: edited(
        text, reader, lambda rows: [*rows[:5], *(line.removeprefix("chr") for line in rows[5:])])) for name in PLAIN),
    *((name, "header behind a comment sign", lambda text, reader: re.sub(r"(?m)^(chrom|contig)", r"#\1", text))
      for name in ("cnn", "cnn of log2", "BED with a header", "DRAGEN", "cnr")),
    *((name, "quoted header alone", lambda text, reader: re.sub(
        r"(?m)^(chrom|contig|CONTIG).*$", lambda line: "\t".join(f'"{word}"' for word in line[0].split("\t")), text))
      for name in TABLES if READERS[name].header),
    *((name, "a column more", lambda text, reader: "\n".join(
        line + (chr(9) + ("extra" if number == reader.header - 1 else "7") if number >= reader.header - 1 else "")
        for number, line in enumerate(text.splitlines())) + "\n")
      for name in ("cnn", "cnn of log2", "BED with a header", "cnr")),
    *((name, "lower case", lambda text, reader: edited(text, reader, lambda rows: [
        re.sub(r"\t([ACGT])(?=\t|$)", lambda base: base[0].lower(), line) for line in rows]))
      for name in ("SNPs as BED", "SNPs as VCF")),
    ("SNPs as BED", "a row of two bases", lambda text, reader: text + "chr2\t700\t702\tA\tC\n"),
    ("SNPs as BED", "header", lambda text, reader: "chrom\tstart\tend\tref\talt\n" + text),
    ("SNPs as BED", "behind a name", lambda text, reader: re.sub(r"(?m)\t(\w)\t(\w)$", r"\trs1\t\1\t\2", text)),
    ("SNPs as VCF", "no contigs", lambda text, reader: re.sub(r"##contig.*\n", "", text)),
    ("SNPs as VCF", "no header but the columns", lambda text, reader: text[text.index("#CHROM"):]),
    ("bedGraph", "header", lambda text, reader: "chrom\tstart\tend\tvalue\n" + text),
    ("truth", "TRUE as Excel writes it", lambda text, reader: text.replace("yes", "TRUE")),
]  # fmt: skip
MISSING_WORDS = ("NA", "N/A", "nan", "NaN", ".", "null", "NULL", "#N/A", "-")
MISSING_CASES = [
    *((name, word) for name, reader in READERS.items() if reader.missing for word in MISSING_WORDS),
    *((name, word) for name in ("cnr", "denoisedCR", "bedGraph") for word in ("inf", "-inf", "Inf")),
    *((name, "") for name in ("cnn", "cnn of log2", "GATK counts", "cnr", "denoisedCR", "truth")),
]  # fmt: skip
WRONG_WORDS = ("x", "1,234", "1 234", "1_234", "$(true)", "12.5.1", "0x10", "1e999")
REFUSED_CASES = [
    *((name, f"value {word}", lambda text, reader, word=word: cell(text, reader, word),
       r"line \d+, column \S+: expected a (finite )?number")
      for name, reader in READERS.items() if reader.missing for word in WRONG_WORDS),
    *((name, f"start {word}", lambda text, reader, word=word: edited(text, reader, lambda rows: [
        *rows[:3], put(rows[3], 1, word), *rows[4:]]), r"line \d+, column start: expected a (finite )?number")
      for name in PLAIN for word in ("x", "1,234", "-5")),
    *((name, "end before start", lambda text, reader: edited(text, reader, lambda rows: [
        *rows[:3], put(rows[3], 2, "5"), *rows[4:]]), r"line \d+, column end: expected")
      for name in PLAIN),
    *((name, "two values of a bin", lambda text, reader: edited(text, reader, lambda rows: [
        *rows, put(rows[4], reader.value, "1" + rows[4].split("\t")[reader.value].lstrip("-"))]), "each interval once")
      for name in TABLES),
    *((name, "a row of more cells", lambda text, reader: edited(text, reader, lambda rows: [
        *rows[:3], rows[3] + "\t7\t8\t9", *rows[4:]]), r"line \d+ has \d+ fields") for name in TABLES),
    *((name, "depth without a finite value", lambda text, reader: cell(text, reader, "inf"), "expected a finite number")
      for name in TABLES if READERS[name].read is depth),
    *((name, "negative", lambda text, reader: cell(text, reader, "-3"), "at least 0.*no ratios or logarithms")
      for name in TABLES if READERS[name].read is depth and name != "cnn of log2"),
    *((name, "cut row", lambda text, reader: edited(text, reader, lambda rows: [*rows, "chr1\t5"]), r"line \d+, column")
      for name in TABLES),
    *((name, "cut gzip", lambda text, reader: gzip.compress(text.encode())[:-9],
       "truncated gzip|cannot be read") for name in READERS),
    *((name, "zero byte", lambda text, reader: text.replace("chr1\t", "chr1\0\t", 1), "binary data")
      for name in TABLES),
    *((name, "another sample's column", lambda text, reader: edited(text, reader, lambda rows: [
        f"{line}\t{7 + i % 5}" for i, line in enumerate(rows)]), "a number in every row|found [23] columns")
      for name in ("mosdepth", "mosdepth without names", "bedcov")),
    ("BED with a header", "two samples", lambda text, reader: "chrom\tstart\tend\tS1\tS2\n" + edited(
        text, reader, lambda rows: [line + "\t7" for line in rows]).split("\n", 1)[1],
     r"in S1 of .*a number in every row|found 2 columns \(S1, S2\)"),
    ("BED with a header", "mosdepth's thresholds", lambda text, reader: "#chrom\tstart\tend\tregion\t1X\t10X\n"
     + edited(text, reader, lambda rows: [put(line, 3, "r\t80\t70") for line in rows]).split("\n", 1)[1],
     r"bases above a depth \(1X, 10X\).*regions\.bed\.gz"),
    ("GATK counts", "half a read", lambda text, reader: cell(text, reader, "10.5"), "COUNT: expected a whole number"),
    ("GATK counts", "0-based", lambda text, reader: edited(text, reader, lambda rows: [put(rows[0], 1, "0")]),
     "1-based start"),
    ("SNPs as BED", "1-based", lambda text, reader: edited(text, reader, lambda rows: [
        put(line, 1, line.split("\t")[2]) for line in rows]), "the start plus 1"),
    ("SNPs as VCF", "text for a place", lambda text, reader: edited(text, reader, lambda rows: [put(rows[0], 1, "x")]),
     "line 4: expected chromosome, position"),
]  # fmt: skip


def ids(cases: list) -> list[str]:
    return [f"{case[0]}: {case[1]}" for case in cases]


def written(folder: Path, reader: Reader, content: str | bytes) -> Path:
    path = folder / reader.file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


CLEAN: dict[str, pd.DataFrame] = {}


@pytest.fixture
def clean(tmp_path):
    """What is read of each clean file."""

    def of(name: str) -> pd.DataFrame:
        if name not in CLEAN:
            folder = tmp_path / "clean"
            folder.mkdir(exist_ok=True)
            CLEAN[name] = READERS[name].read(written(folder, READERS[name], READERS[name].text))
        return CLEAN[name]

    return of


def as_named(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with bare names of chromosomes and a fresh index."""
    known = frame.assign(chromosome=build.bare_names(frame["chromosome"])) if "chromosome" in frame else frame
    return known.reset_index(drop=True)


@pytest.mark.parametrize(("name", "oddity", "change"), SAME_CASES, ids=ids(SAME_CASES))
def test_harmless(name, oddity, change, clean, tmp_path, capfd):
    reader = READERS[name]
    found = reader.read(written(tmp_path, reader, change(reader.text, reader)))
    pd.testing.assert_frame_equal(as_named(found), as_named(clean(name)))
    assert capfd.readouterr().err == ""  # htslib has nothing to say either


@pytest.mark.parametrize(("name", "word"), MISSING_CASES, ids=ids(MISSING_CASES))
def test_missing(name, word, clean, tmp_path):
    reader = READERS[name]
    found, whole = reader.read(written(tmp_path, reader, cell(reader.text, reader, word))), clean(name)
    column = {depth: "depth", ratio: "log2", share: "value", truth: "met_copies"}[reader.read]
    gone = found[column].isna().to_numpy()
    assert gone.sum() == 1
    pd.testing.assert_frame_equal(as_named(found[~gone]), as_named(whole[~gone]))


@pytest.mark.parametrize(("name", "oddity", "change", "message"), REFUSED_CASES, ids=ids(REFUSED_CASES))
def test_refused(name, oddity, change, message, tmp_path):
    reader = READERS[name]
    path = written(tmp_path, reader, change(reader.text, reader))
    with pytest.raises(InputError, match=message) as raised:
        reader.read(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_every_clean_table_of_depth_says_the_same(clean):
    """So that a fault of all variants of one reader would be seen."""
    expected = dict(zip(((name, start) for name, start, _ in PLACES), DEPTH, strict=True))
    for name in ("cnn", "mosdepth", "mosdepth without names", "BED with a header"):
        assert {(row.chromosome, row.start): row.depth for row in clean(name).itertuples()} == expected
    sums = {(row.chromosome, row.start): row.depth for row in clean("bedcov").itertuples()}
    assert sums == pytest.approx(expected, abs=0.01)


# What a table's numbers are


WHOLE = np.round(RANDOM.lognormal(5, 0.3, 300))
WIDTH = RANDOM.integers(60, 900, 300)


@pytest.mark.parametrize(
    ("exponent", "expected"),
    [(1.0, True), (0.0, False), (-0.4, False), (0.4, None)],
    ids=["sums", "means", "fall", "between"],
)
def test_sums_grow_with_the_width_of_bins(exponent, expected):
    assert scales.are_sums(WHOLE * WIDTH**exponent, WIDTH) is expected


def test_few_rows_or_one_width_do_not_tell_sums():
    assert scales.are_sums(WHOLE[:19], WIDTH[:19]) is None
    assert scales.are_sums(WHOLE, np.full(300, 100)) is None


def whole_numbers(
    folder: Path, values: np.ndarray, name: str, widths: np.ndarray = WIDTH, head: str = ""
) -> pd.DataFrame:
    lines = [f"chr1\t{i * 1000}\t{i * 1000 + widths[i]}\t{int(values[i])}" for i in range(len(values))]
    path = folder / name
    path.write_text(head + "\n".join(lines) + "\n")
    return coverage_formats.read_coverage([path], GRCH37)


def test_whole_numbers_are_sums_or_means_by_name_header_or_growth(tmp_path):
    sums = WHOLE * WIDTH
    for values, name, head, expected in (
        (sums, "s.txt", "", WHOLE),
        (WHOLE, "s.txt", "", WHOLE),
        (sums[:5], "s.bedcov.tsv", "", WHOLE[:5]),
        (WHOLE[:5], "s.txt", "#chrom\tstart\tend\tdepth\n", WHOLE[:5]),
    ):
        found = whole_numbers(tmp_path, values, name, head=head)["depth"]
        np.testing.assert_allclose(found, expected)
    with pytest.raises(InputError, match=r"whole numbers that may be either; end the file's name in \.bedcov"):
        whole_numbers(tmp_path, WHOLE[:5], "s.txt")
    of_one_width = whole_numbers(tmp_path, WHOLE, "s.txt", np.full(300, 100))["depth"]
    np.testing.assert_allclose(of_one_width / WHOLE, 0.01)


@pytest.mark.parametrize(
    ("change", "is_depth"),
    [
        pytest.param(lambda depth: depth, True, id="depth"),
        pytest.param(lambda depth: depth / 40, True, id="shallow depth"),
        pytest.param(lambda depth: np.log(depth), False, id="natural logarithms"),
        pytest.param(lambda depth: np.log2(depth + 1), False, id="binary logarithms"),
        pytest.param(lambda depth: 1 + np.log10(depth), False, id="decimal logarithms"),
    ],
)
def test_logarithms_scatter_less_than_reads(change, is_depth):
    """Reads that vary by chance alone are depth; the logarithm of capture's uneven depth is none."""
    random = np.random.default_rng(3)
    width = random.integers(100, 400, 500)
    reads = random.poisson(random.lognormal(5.5, 0.4, 500) * (width + 100) / 100)
    assert scales.is_depth(change(np.maximum(reads, 2) * 100 / (width + 100)), width) is is_depth


def test_chance_alone_is_depth_at_any_depth_and_width():
    """The bound is far below what the most even assay can have, also where reads are short."""
    random = np.random.default_rng(4)
    for mean in (0.1, 1.0, 30.0):
        for width in (200, 1000, 50_000):
            for read in (50, 100, 10_000):
                number = random.poisson(mean * (width / read + 1), 2000)
                assert scales.is_depth(number / (width / read + 1), np.full(2000, width)), (mean, width, read)


def test_few_bins_are_not_judged():
    assert scales.is_depth(np.linspace(5, 5.1, 19), np.full(19, 200))
    assert not scales.is_depth(np.linspace(5, 5.1, 20), np.full(20, 200))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda log2: log2, True, id="log2"),
        pytest.param(lambda log2: log2 + 0.5, True, id="log2 of another centre"),
        pytest.param(lambda log2: log2 - 3, True, id="log2 far below"),
        pytest.param(lambda log2: 2**log2, False, id="linear ratios"),
        pytest.param(lambda log2: 2 * 2**log2, False, id="copies"),
        pytest.param(lambda log2: 2 + (2 * 2**log2 - 2) / 0.3, False, id="copies corrected for purity"),
    ],
)
def test_ratios_lie_on_both_sides_of_zero(change, expected):
    assert scales.is_log_ratio(change(np.random.default_rng(5).normal(0, 0.2, 1000))) is expected


def cnr(folder: Path, log2: list, depths: list | None) -> coverage_formats.Reading:
    names = "chromosome\tstart\tend\tgene\tlog2" + ("\tdepth" if depths else "") + "\n"
    lines = [f"chr1\t{i * 100}\t{i * 100 + 50}\tG\t{value}" for i, value in enumerate(log2)]
    lines = [f"{line}\t{depths[i]}" for i, line in enumerate(lines)] if depths else lines
    path = folder / "s.cnr"
    path.write_text(names + "\n".join(lines) + "\n")
    return coverage_formats.ratios(path)


@pytest.mark.parametrize(
    ("log2", "depth", "expected", "note"),
    [
        pytest.param(-17.4, 0, False, "1 of 2 rows are of bins without reads", id="fix of an empty bin"),
        pytest.param(-0.3, 0, False, "1 of 2 rows are of bins without reads", id="any ratio at depth 0"),
        pytest.param(-3.0, 0.5, True, "", id="a loss"),
        pytest.param(-15.0, 0.001, True, "", id="at the bound"),
        pytest.param(-15.01, 0.001, False, "1 of 2 rows are of bins without reads", id="below the bound"),
        pytest.param(-15.0, None, True, "", id="at the bound, without depth"),
        pytest.param(-15.01, None, False, "1 of 2 rows are of bins without reads", id="below the bound, without depth"),
    ],
)
def test_bins_without_reads_are_missing(tmp_path, log2, depth, expected, note):
    rows, notes = cnr(tmp_path, [0.1, log2], None if depth is None else [9, depth])
    assert np.isfinite(rows["log2"]).tolist() == [True, expected]
    assert len(notes) == bool(note) and all(note in each for each in notes)


def test_depth_that_is_nowhere_is_no_depth(tmp_path):
    with pytest.raises(InputError, match="found 0 in every row; leave the column out"):
        cnr(tmp_path, [0.1, -0.1], [0, 0])


def test_a_header_alone_adds_no_bins(tmp_path):
    """CNVkit's antitargets of amplicons: the pair is the targets alone, and two of them are no copies."""
    targets = written(tmp_path, READERS["cnn"], READERS["cnn"].text)
    for number, head in enumerate((CNN + "\n", "#" + CNN + "\n", "# made by x\n" + CNN)):
        empty = tmp_path / f"{number}.antitargetcoverage.cnn"
        empty.write_text(head)
        pd.testing.assert_frame_equal(
            coverage_formats.read_coverage([targets, empty], GRCH37), coverage_formats.read_coverage([targets], GRCH37)
        )
        assert not coverage_formats.has_rows(empty)
        with pytest.raises(InputError, match="has a header but no rows"):
            coverage_formats.read_coverage([empty], GRCH37)
    assert coverage_formats.has_rows(targets)


def test_notes_say_what_was_passed_over(tmp_path):
    text = READERS["mosdepth"].text + "chr1\t5\t5\tX\t1.5\n" + READERS["mosdepth"].text.splitlines()[0] + "\n"
    path = written(tmp_path, READERS["mosdepth"], text.replace(f"\t{DEPTH[3]}\n", "\tNA\n"))
    notes = coverage_formats.coverage([path], GRCH37).notes
    number = len(PLACES)
    assert [note.removeprefix(f"{path}: ") for note in notes] == [
        f"1 of {number + 2} rows without a base and is passed over (first: line {number + 1})",
        f"1 of {number + 2} rows equal to an earlier one and is passed over (first: line {number + 2})",
        f"1 of {number} rows have no depth; their bins are missing, not empty",
    ]


def test_bcf_without_a_word_of_htslib(tmp_path, clean, capfd):
    path = tmp_path / "s.vcf"
    contigs = "".join(f"##contig=<ID=chr{name},length={length}>\n" for name, length in GRCH37.contigs.items())
    path.write_text(READERS["SNPs as VCF"].text.replace("##contig=<ID=chr7,length=159138663>\n", contigs))
    with (
        pysam.VariantFile(str(path)) as given,
        pysam.VariantFile(str(tmp_path / "s.bcf"), "wb", header=given.header) as out,
    ):
        for record in given:
            out.write(record)
    capfd.readouterr()
    pd.testing.assert_frame_equal(snps.read(tmp_path / "s.bcf", GRCH37), clean("SNPs as VCF"))
    assert capfd.readouterr().err == ""


HEAD = "sample\trole\tcoverage\tpurity"
SHEETS = {
    "clean": f"{HEAD}\nT\ttumour\ta.cnn\t0.4\n",
    "blank columns at the end": f"{HEAD}\t\t\nT\ttumour\ta.cnn\t0.4\t\t\n",
    "quoted": '"sample"\t"role"\t"coverage"\t"purity"\n"T"\t"tumour"\t"a.cnn"\t"0.4"\n',
    "Windows": f"\ufeff{HEAD}\r\nT\ttumour\ta.cnn\t0.4\r\n\r\n",
    "old Macintosh": f"{HEAD}\rT\ttumour\ta.cnn\t0.4\r",
    "comment and blanks": f"# x\n\n{HEAD}\nT \t tumour\ta.cnn\t0.4\n",
}


@pytest.mark.parametrize("text", SHEETS.values(), ids=SHEETS)
def test_sheets(tmp_path, text):
    (tmp_path / "a.cnn").touch()
    path = tmp_path / "samples.tsv"
    path.write_bytes(text.encode())
    (sample,) = sheet.read(path)
    assert (sample.name, sample.role, sample.coverage, sample.purity) == ("T", "tumour", (tmp_path / "a.cnn",), "0.4")
