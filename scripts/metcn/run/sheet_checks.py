"""What can be wrong with a sample sheet, one sentence per problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from metcn.run.keywords import did_you_mean, shown
from metcn.run.samples import INPUTS, NAME, PRIOR_TKI, SAMPLE_ROLES, TIMEPOINTS, Sample, parse_error, parse_range
from metcn.vocabulary import SPECIMENS

RESERVED = ("cohort",)  # report/cohort.html is the page over all samples
MAX_NAME = 200  # file systems allow 255 bytes, and names get suffixes
BOUNDS = {"purity": (0.0, 1.0), "ploidy": (1.0, 8.0)}


@dataclass(frozen=True)
class Row:
    """Cells of one line with the sheet's name and the number (0 without a sheet), to word problems with."""

    source: str
    number: int
    cells: dict[str, str]

    @property
    def where(self) -> str:
        """The words a problem of this row begins with."""
        line = f"row {self.number}, " if self.number else ""
        return f"{self.source}: {line}sample {self.cells['sample'] or 'without name'}"

    def problem(self, column: str, expectation: str, remedy: str) -> str:
        """The sentence about one cell."""
        return f"{self.where}, column {column}: expected {expectation}, received {shown(self.cells[column])}; {remedy}"


def paths(cells: dict[str, str], column: str, base: Path) -> list[Path]:
    """Absolute paths in a cell; several tables of one sample's coverage are separated by semicolons."""
    parts = cells[column].split(";") if column == "coverage" else [cells[column]]
    return [(base / Path(part.strip()).expanduser()).absolute() for part in parts if part.strip()]


def row_problems(row: Row, base: Path) -> Iterator[str]:
    """Problems of one row on its own."""
    cells = row.cells
    name = cells["sample"]
    if not NAME.fullmatch(name) or len(name) > MAX_NAME:
        allowed = f"a name of at most {MAX_NAME} letters, digits, dots, dashes and underscores"
        yield row.problem("sample", allowed, "rename the sample (it becomes part of file names)")
    elif name.lower() in RESERVED:
        yield row.problem("sample", "a name other than cohort", "rename the sample (report/cohort.html is the summary)")
    yield from _word_problems(row)
    yield from _text_problems(row)
    given = [column for column in INPUTS if cells[column]]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        yield f"{row.where}: expected exactly one of {', '.join(INPUTS)}, received {found}; fill one of them"
    yield from _file_problems(row, base)
    yield from _number_problems(row)
    yield from _error_problems(row)
    if cells["timepoint"] and not cells["patient"]:
        yield row.problem("timepoint", "a patient beside the timepoint", "fill the column patient")
    if cells["ratios"] and cells["role"] == "normal":
        yield row.problem("ratios", "alignments or coverage for a normal", "a panel of normals is made from depth")
    if cells["ratios"] and cells["matched_normal"]:
        yield row.problem("matched_normal", "nothing for ratios normalised elsewhere", "empty the cell")


def _word_problems(row: Row) -> Iterator[str]:
    """Problems of cells that hold one of a few words."""
    allowed = {"role": SAMPLE_ROLES, "specimen": ("", *SPECIMENS), "timepoint": TIMEPOINTS, "prior_tki": PRIOR_TKI}
    for column, words in allowed.items():
        if row.cells[column] not in words:
            known = [word for word in words if word]
            choice = " or ".join(known) + (", or nothing" if "" in words else "")
            yield row.problem(column, choice, did_you_mean(row.cells[column], known))


def _text_problems(row: Row) -> Iterator[str]:
    """Problems of free text that no file, shell or spreadsheet could take."""
    for column in (*INPUTS, "variants", "patient"):
        if not row.cells[column].isprintable():
            yield row.problem(column, "text without control characters", "type the cell again")
    patient = row.cells["patient"]
    if len(patient) > MAX_NAME:
        yield row.problem("patient", f"at most {MAX_NAME} characters", "shorten it")
    elif patient and not patient[0].isalnum():
        yield row.problem("patient", "a letter or digit at the beginning", "spreadsheets take other signs for formulas")


def _file_problems(row: Row, base: Path) -> Iterator[str]:
    """Problems of cells that name files."""
    for column in (*INPUTS, "variants"):
        for path in paths(row.cells, column, base):
            if not path.is_file():
                found = "is a folder" if path.is_dir() else "does not exist"
                yield row.problem(column, "files that exist", f"{path} {found}; paths are relative to the sheet")
    alignments = row.cells["alignments"]
    if alignments and not alignments.lower().endswith((".bam", ".cram")):
        yield row.problem("alignments", "a BAM or CRAM file", "align and sort reads first, or use another column")


def _number_problems(row: Row) -> Iterator[str]:
    """Problems of purity and ploidy."""
    for column, (low, high) in BOUNDS.items():
        text = row.cells[column]
        if not text:
            continue
        limits = f"above {low:g} and at most {high:g}" if column == "purity" else f"from {low:g} to {high:g}"
        try:
            first, last = parse_range(text)
        except ValueError as error:
            remedy = "leave the cell empty if it is unknown"
            yield row.problem(column, f"{error}, {limits}", _rewritten(text) or remedy)
            continue
        if row.cells["role"] == "normal":
            yield row.problem(column, "nothing for a normal", "empty the cell")
        elif first < low or last > high or (column == "purity" and first <= 0):
            remedy = f"write {first / 100:g} for {first:g} %" if column == "purity" and last > 1 else "correct the cell"
            yield row.problem(column, f"numbers {limits}", remedy)


def _error_problems(row: Row) -> Iterator[str]:
    """Problems of the error of a purity."""
    text = row.cells["purity_error"]
    if not text:
        return
    try:
        parse_error(text)
    except ValueError as error:
        yield row.problem("purity_error", str(error), "leave the cell empty for the configured one")
        return
    if not row.cells["purity"] or set(row.cells["purity"]) & set("!-"):
        yield row.problem("purity_error", "an error only beside one number of purity", "empty the cell")


def _rewritten(text: str) -> str:
    """How to write a percentage, a decimal comma or a typographic dash; empty if the text is none of them."""
    plain = text.replace(",", ".").replace("\N{EN DASH}", "-").replace("%", "")
    try:
        low, high = (value / (100 if "%" in text else 1) for value in parse_range(plain))
    except ValueError:
        return ""
    return f"write {low:g}" + (f"-{high:g}" if high != low else "")


def sheet_problems(rows: Sequence[Row], samples: Sequence[Sample], *, calling: bool = True) -> Iterator[str]:
    """Problems that only show when rows are compared."""
    first: dict[str, int] = {}
    for row, sample in zip(rows, samples, strict=True):
        earlier = first.setdefault(sample.name.lower(), row.number)
        if sample.name and earlier != row.number:
            yield row.problem("sample", f"unique names (upper and lower case alike), as in row {earlier}", "rename one")
    owner: dict[Path, int] = {}
    for row, sample in zip(rows, samples, strict=True):
        for path in sample.files:
            earlier = owner.setdefault(path.resolve(), row.number)
            if earlier != row.number or sample.files.count(path) > 1:
                column = next(column for column in INPUTS if row.cells[column])
                yield row.problem(column, "each file once", f"{path.name} is also in row {earlier}; remove one")
                break
    normals = {sample.name for sample in samples if sample.role == "normal"}
    for row, sample in zip(rows, samples, strict=True):
        if sample.matched_normal and (sample.matched_normal not in normals or sample.role == "normal"):
            yield row.problem("matched_normal", "for a tumour, the name of a normal", did_you_mean("", sorted(normals)))
    if calling and not any(sample.role == "tumour" for sample in samples):
        yield f"{rows[0].source}: expected at least one sample of role tumour, found none; only tumours are called"
    yield from _cohort_problems(rows[0].source, samples)


def _cohort_problems(source: str, samples: Sequence[Sample]) -> Iterator[str]:
    """Problems of the sheet as a whole."""
    with_alignments = [sample.name for sample in samples if sample.alignments]
    with_coverage = [sample.name for sample in samples if sample.coverage]
    if with_alignments and with_coverage:
        found = f"{with_alignments[0]} has alignments and {with_coverage[0]} has coverage"
        yield f"{source}: expected alignments for all samples or coverage for all, {found}; count all in the same way"
    baselines = Counter((s.patient, s.specimen) for s in samples if s.timepoint == "baseline" and s.role == "tumour")
    for (patient, specimen), times in baselines.items():
        if times > 1:
            found = f"expected one {specimen} sample at baseline of patient {patient}, received {times}"
            yield f"{source}: {found}; keep the one that later samples are compared with"
