"""Settings of a run: read strictly, checked against the closed schema, completed with its defaults.

The schema is the only place where a default is written; command-line options and rule parameters are made from it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from metcn import files
from metcn.errors import InputError
from metcn.run.keywords import Keyword, accepts, did_you_mean, expected, fix, shown


class _StrictLoader(yaml.SafeLoader):
    """Plain YAML only: a key given twice, an anchor or an alias is a mistake here, not a feature."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node without anchors or aliases, which could make a small file huge."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not allowed", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        """A mapping in which no key stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(problem="merged mappings are not allowed", problem_mark=key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a word", problem_mark=key.start_mark)
            if key.value in seen:
                problem = f"key {key.value} is given twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read(path: str | Path) -> dict[str, Any]:
    """The content of a YAML file whose top level is a mapping (an empty file is an empty mapping).

    Raises
    ------
    InputError
        If the file is missing, is not UTF-8, is not plain YAML, or repeats a key.
    """
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_StrictLoader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the path of a configuration file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8 text, found other bytes at {error.start}; save it as such") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise InputError(f"{path}: {line}not plain YAML ({error.problem}); correct this line") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not plain YAML ({reason}); compare it with config/config.yaml") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected 'key: value' lines, received {shown(content)}; see config/config.yaml")
    return content


@cache
def schema() -> dict[str, Any]:
    """The schema of config.yaml; ``reference`` is given in its object form."""
    path = files.workflow_root() / "schemas" / "config.schema.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    whole = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    properties = whole["properties"]
    for name, keyword in properties.items():
        for form in keyword.get("oneOf", ()):
            if form.get("type") == "object":
                properties[name] = {"description": keyword["description"], **form}
    return whole


def keys(section: str | None = None) -> dict[str, Keyword]:
    """Schema of each key of a section, or of each top-level key that is not a section."""
    properties = schema()["properties"]
    if section is not None:
        return properties[section]["properties"]
    return {name: keyword for name, keyword in properties.items() if keyword.get("type") != "object"}


def sections() -> list[str]:
    """Names of the sections, which are the stage words in the order of the data."""
    return [name for name, keyword in schema()["properties"].items() if keyword.get("type") == "object"]


def settings_keys(section: str) -> dict[str, Keyword]:
    """Keys of a section that are settings of its stage; a path is an input of the stage instead."""
    return {name: keyword for name, keyword in keys(section).items() if not keyword.get("x-path")}


def result_keys(section: str) -> dict[str, Keyword]:
    """Settings of a stage that its result depends on; the others only make it faster."""
    return {name: keyword for name, keyword in settings_keys(section).items() if not keyword.get("x-speed")}


def defaults(section: str) -> dict[str, Any]:
    """Default of every setting of a stage."""
    return {name: keyword["default"] for name, keyword in settings_keys(section).items()}


def complete(mapping: Mapping[str, Any], base: Path, source: str = "config.yaml") -> dict[str, Any]:
    """The configuration with every key present, ``reference`` as an object, and paths absolute.

    Parameters
    ----------
    mapping
        What the user wrote, with any key that has a default left out.
    base
        Folder that relative paths start from: the configuration file's.
    source
        Name of the file for messages.

    Raises
    ------
    InputError
        One line per problem: unknown keys, missing keys, values of the wrong kind or out of range.
    """
    given = dict(mapping)
    for name in sections():
        if name in given and given[name] is None:  # a section whose keys are all commented out
            given[name] = {}
    if "reference" not in given or isinstance(given["reference"], str):
        given["reference"] = {"file": given.get("reference")}
    if isinstance(given.get("calls"), Mapping):
        given["calls"] = _by_specimen(given["calls"])
    problems = list(_problems(given, schema()))
    if problems:
        raise InputError("\n".join(f"{source}: {problem}" for problem in problems))
    whole = {name: _value(given, name, keyword, base) for name, keyword in keys().items()}
    for section in sections():
        inner = given.get(section, {})
        whole[section] = {name: _value(inner, name, keyword, base) for name, keyword in keys(section).items()}
    return whole


def _by_specimen(given: Mapping[str, Any]) -> dict[str, Any]:
    """The section ``calls`` with ``criteria: {tissue: ..., plasma: ..., folder: ...}`` as the keys it stands for."""
    criteria, rest = given.get("criteria"), {name: value for name, value in given.items() if name != "criteria"}
    if not isinstance(criteria, Mapping):
        return dict(given)
    return rest | {"criteria_folder" if key == "folder" else f"{key}_criteria": each for key, each in criteria.items()}


def check_settings(section: str, settings: Mapping[str, Any], source: str) -> None:
    """Pass if the settings of one stage are as the schema says.

    Raises
    ------
    InputError
        One line per problem.
    """
    problems = list(_problems(settings, {**schema()["properties"][section], "required": []}))
    if problems:
        raise InputError("\n".join(f"{source}: {problem}" for problem in problems))


def section_options(config: Mapping[str, Any], section: str) -> str:
    """Shell-quoted command-line options that hand a section's settings to its stage; null ones are left out.

    So are those that no result depends on: the options are a parameter of the rule, and a change of one reruns it.
    """
    options = []
    for name in result_keys(section):
        value, option = config[section][name], name.replace("_", "-")
        if isinstance(value, bool):
            options.append(f"--{option}" if value else f"--no-{option}")
        elif value is not None:
            options.append(f"--{option}={shlex.quote(str(value))}")
    return " ".join(options)


def _problems(given: Mapping[str, Any], whole: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every problem of a mapping and of the sections in it, as sentences without the file's name."""
    properties = whole["properties"]
    for name in given:
        if name not in properties:
            home = next((s for s in sections() if name in keys(s)), None) if not prefix else None
            hint = f"move it into the section {home}" if home else did_you_mean(name, properties)
            yield f"key {prefix}{name}: expected a known key, received {shown(name)}; {hint}"
    for name in whole.get("required", ()):
        if given.get(name) is None:
            yield f"key {prefix}{name}: expected {expected(properties[name])}, received nothing; add '{name}: ...'"
    for name, keyword in properties.items():
        if name not in given or (given[name] is None and name in whole.get("required", ())):
            continue
        value = given[name]
        if keyword.get("type") == "object" and isinstance(value, Mapping):
            yield from _problems(value, keyword, f"{prefix}{name}.")
        elif isinstance(value, str) and not value.isprintable():
            yield f"key {prefix}{name}: expected text without control characters, received {shown(value)}; correct it"
        elif not accepts(keyword, value):
            yield f"key {prefix}{name}: expected {expected(keyword)}, received {shown(value)}; {fix(keyword, value)}"
        else:
            yield from _order_problem(given, properties, name, prefix)


def _order_problem(given: Mapping, properties: Mapping[str, Keyword], name: str, prefix: str) -> Iterator[str]:
    """The problem of a pair of bounds in the wrong order, if there is one."""
    upper = properties[name].get("x-at-most")
    if upper is None:
        return
    limit = given.get(upper, properties[upper]["default"])
    if accepts(properties[upper], limit) and given[name] > limit:
        yield f"key {prefix}{name}: expected at most {upper} ({limit}), received {given[name]}; change one of the two"


def _value(given: Mapping[str, Any], name: str, keyword: Keyword, base: Path) -> Any:
    """The value of a key that passed the checks: default if absent, whole numbers as int, paths absolute."""
    value = given.get(name, keyword.get("default"))
    if isinstance(value, float) and "integer" in keyword.get("type", ""):
        return int(value)
    if keyword.get("x-path") and value is not None and value not in keyword.get("x-words", ()):
        return str((Path(base) / Path(value).expanduser()).absolute())
    return value
