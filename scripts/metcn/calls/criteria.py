"""Criteria sets: published cut-offs as data, read from YAML, checked against a closed schema, frozen."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from metcn.errors import InputError
from metcn.files import resource_root
from metcn.vocabulary import FOCALITY

DEFAULT = "metcn_default"
CORRECTED = ("gcn", "ratio")  # quantities that no longer depend on the specimen

WORDS = {
    "gcn": "copies",
    "ratio": "MET/CEP7",
    "fold": "depth ratio",
    "pcn": "plasma copies",
    "gcn_minus_ploidy": "copies above ploidy",
    "gcn_over_ploidy": "copies / ploidy",
}


@dataclass(frozen=True)
class Clause:
    """One quantity within one interval; None is an open end.

    ``least_copies`` are MET copies below which the clause does not hold, whatever its quantity. ``focality`` names the
    classes with which the clause holds (None: all); ``undecided`` says whether a focality that cannot be told withholds
    the clause or is accepted. A clause with ``if_purity_open`` is asked where copies per tumour cell are missing or a
    range of possibilities (`metcn.calls.verdicts`), and else not at all.
    """

    quantity: str
    lower: float | None = None
    lower_inclusive: bool = True
    upper: float | None = None
    upper_inclusive: bool = False
    least_copies: float | None = None
    focality: tuple[str, ...] | None = None
    undecided: str = "withhold"
    if_purity_open: bool = False

    @property
    def bound(self) -> str:
        """The interval in words: ``4 <= copies < 5``."""
        word = WORDS[self.quantity]
        floor = f" with copies >= {self.least_copies:g}" if self.least_copies is not None else ""
        floor += " if tumour fraction is open" if self.if_purity_open else ""
        below = f" {'<=' if self.upper_inclusive else '<'} {self.upper:g}" if self.upper is not None else ""
        if self.lower is None:
            return word + below + floor
        if self.upper is None:
            return f"{word} {'>=' if self.lower_inclusive else '>'} {self.lower:g}{floor}"
        return f"{self.lower:g} {'<=' if self.lower_inclusive else '<'} {word}{below}{floor}"


def _focality_words(classes: tuple[str, ...]) -> str:
    """The shorter of what is allowed and what is not."""
    rest = [name for name in FOCALITY if name not in (*classes, "indeterminate")]
    return "not " + rest[0] if len(rest) == 1 else " or ".join(classes)


@dataclass(frozen=True)
class Category:
    """One class of a set: clauses joined by ``or`` or ``and``, and the sample's call where it is the highest met.

    ``prior_tki`` names the generations of EGFR inhibitor after which it applies (None: any). ``only_if`` says on what
    it hangs that is not measured here, None where nothing is open.
    """

    name: str
    clauses: tuple[Clause, ...]
    combine: str = "or"
    call: str | None = None
    verified: bool | str | None = None
    note: str | None = None
    prior_tki: tuple[str, ...] | None = None
    only_if: str | None = None

    @property
    def bound(self) -> str:
        """All clauses in words, with the focality they ask for."""
        text = f" {self.combine} ".join(clause.bound for clause in self.clauses)
        asked = dict.fromkeys(clause.focality for clause in self.clauses if clause.focality is not None)
        return text + "".join(f"; focality {_focality_words(classes)}" for classes in asked)

    @property
    def quantity(self) -> str:
        """The quantities asked for, joined as the clauses are."""
        return f" {self.combine} ".join(dict.fromkeys(clause.quantity for clause in self.clauses))


@dataclass(frozen=True)
class Criterion:
    """One published set: categories from highest to lowest, and where they come from."""

    id: str
    title: str
    specimen: str
    assay: str
    citation: str
    doi: str | None
    n: int | None
    verified: bool | str
    categories: tuple[Category, ...]
    verified_note: str | None = None
    note: str | None = None
    other_limbs: str | None = None


def asked(category: Category, prior_tki: str) -> Category | None:
    """The category for a patient with this EGFR inhibitor before (empty: unknown), None if it is for others.

    >>> after_third = Category("after_third", (Clause("gcn", lower=10),), prior_tki=("third",))
    >>> asked(after_third, "").only_if
    'the EGFR inhibitor before was of the third generation'
    >>> asked(after_third, "third").only_if is None, asked(after_third, "first") is None
    (True, True)
    """
    if category.prior_tki is None:
        return category
    if not prior_tki:
        condition = f"the EGFR inhibitor before was of the {' or '.join(category.prior_tki)} generation"
        return replace(category, prior_tki=None, only_if=" and ".join(filter(None, (condition, category.only_if))))
    return replace(category, prior_tki=None) if prior_tki in category.prior_tki else None


def narrowed(criterion: Criterion, prior_tki: str) -> Criterion:
    """The set with those categories alone that are for such a patient (`asked`)."""
    categories = (asked(category, prior_tki) for category in criterion.categories)
    return replace(criterion, categories=tuple(category for category in categories if category is not None))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C parser where it was built
    """YAML without repeated keys, which the standard loader lets the last one win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping of a node, refused if a key stands twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = [key for key in keys if keys.count(key) > 1]
        if repeated:
            raise yaml.YAMLError(f"the key {repeated[0]!r} stands twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep=deep)


@cache
def _schema() -> dict[str, Any]:
    """The schema of one set."""
    return yaml.safe_load((resource_root() / "criteria.schema.yaml").read_text(encoding="utf-8"))


def read(path: str | Path) -> Criterion:
    """The criteria set of one YAML file.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, breaks the schema, repeats a key or a category, names an empty interval,
        mixes scales of specimen, or has an id other than its name.
    """
    import jsonschema  # takes as long as a stage does, and the pages only need this module's words

    path = Path(path)
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise InputError(f"cannot read criteria set {path}: {error.strerror}; correct its path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"criteria set {path} is not YAML: {' '.join(str(error).split())}; correct it") from error
    breach = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(_schema()).iter_errors(raw))
    if breach is not None:
        place = "/".join(map(str, breach.absolute_path)) or "top level"
        message = " ".join(breach.message.split())
        raise InputError(f"criteria set {path}, {place}: {message}; see resources/criteria.schema.yaml for its form")
    criterion = _build(raw)
    problem = _problem(criterion, path)
    if problem:
        raise InputError(f"criteria set {path}: {problem}")
    return criterion


def _build(raw: dict[str, Any]) -> Criterion:
    """Frozen form of a set that keeps to the schema."""
    categories = []
    for category in raw["categories"]:
        clauses = []
        for clause in category["clauses"]:
            focality = tuple(clause["focality"]) if "focality" in clause else None
            clauses.append(Clause(**{**clause, "focality": focality}))
        prior_tki = tuple(category["prior_tki"]) if "prior_tki" in category else None
        categories.append(Category(**{**category, "clauses": tuple(clauses), "prior_tki": prior_tki}))
    return Criterion(**{**raw, "categories": tuple(categories)})


def _problem(criterion: Criterion, path: Path) -> str | None:
    """What the schema cannot say is wrong, and what to do; None if nothing is."""
    if criterion.id != path.stem:
        return f"expected id {path.stem}, as the file is named, found {criterion.id}; rename one of them"
    names = [category.name for category in criterion.categories]
    for name in names:
        if names.count(name) > 1:
            return f"category {name} stands twice; rename one of them"
    for category in criterion.categories:
        for clause in category.clauses:
            if clause.lower is not None and clause.upper is not None and clause.lower >= clause.upper:
                return f"category {category.name} asks for {clause.bound}, an empty interval; correct its bounds"
            in_plasma = criterion.specimen == "plasma"
            if (clause.quantity == "pcn") != in_plasma and not (in_plasma and clause.quantity in CORRECTED):
                return (
                    f"category {category.name} asks for {WORDS[clause.quantity]} in specimen {criterion.specimen}, but "
                    "plasma copies (pcn) belong to plasma, uncorrected and relative ones (fold, gcn_minus_ploidy, "
                    "gcn_over_ploidy) to tissue or both; correct one of them"
                )
    asked = {clause.quantity for category in criterion.categories for clause in category.clauses}
    if criterion.specimen == "plasma" and "pcn" not in asked:
        return "no category of this set for plasma asks for plasma copies (pcn); add one, or correct its specimen"
    return None


@cache
def _shipped(path: Path) -> Criterion:
    """A set of the project, read once per process: it does not change, and a process may judge many samples."""
    return read(path)


def load(extra: Iterable[str | Path] = ()) -> dict[str, Criterion]:
    """All sets of the project by id, the default one first, then the user's own files.

    Raises
    ------
    InputError
        If a file is refused by `read`, or an id stands twice.
    """
    shipped = sorted((resource_root() / "criteria").glob("*.yaml"), key=lambda path: (path.stem != DEFAULT, path.stem))
    sets: dict[str, Criterion] = {}
    for criterion, path in [*((_shipped(path), path) for path in shipped), *((read(path), path) for path in extra)]:
        if criterion.id in sets:
            raise InputError(
                f"criteria set {path}: the id {criterion.id} is taken by another set; rename the file and id"
            )
        sets[criterion.id] = criterion
    return sets


def chosen(settings: Mapping[str, Any], specimen: str) -> str:
    """Name of the set that a sample's call follows: ``default_criteria`` for any specimen, else that of its own.

    >>> chosen({"default_criteria": None, "tissue_criteria": "lai2019", "plasma_criteria": "metcn_plasma"}, "plasma")
    'metcn_plasma'
    >>> chosen({"default_criteria": "insight", "plasma_criteria": "metcn_plasma"}, "plasma")
    'insight'
    """
    name: str = settings.get("default_criteria") or settings[f"{specimen}_criteria"]
    return name


def default(settings: Mapping[str, Any], specimen: str, extra: Iterable[str | Path] = ()) -> Criterion:
    """The set that a sample's call follows, of the project's and those of the ``extra`` files.

    Raises
    ------
    InputError
        If there is no set of the configured name, or a file is refused by `load`.
    """
    sets, name = load(extra), chosen(settings, specimen)
    if name not in sets:
        key = "default_criteria" if settings.get("default_criteria") else f"{specimen}_criteria"
        raise InputError(f"calls.{key}: expected one of {', '.join(sets)}; found {name!r}; correct the configuration")
    return sets[name]
