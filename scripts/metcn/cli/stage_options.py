"""Command-line arguments of each stage: files and facts listed here, settings made from the schema."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from metcn.run import config, runner, sheet
from metcn.run.keywords import Keyword, accepts, expected
from metcn.run.samples import NAME
from metcn.run.stages import SAMPLE, STAGES


def existing_file(text: str) -> Path:
    """The path, if there is a file."""
    path = Path(text)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise argparse.ArgumentTypeError(f"expected a file, {text} {found}")
    return path


def sample_name(text: str) -> str:
    """The name, if it can be part of file names."""
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected letters, digits, dots, dashes and underscores, received {text!r}")
    return text


def add_stage(parser: argparse.ArgumentParser, stage: str) -> None:
    """Add a stage's files, facts and settings to its parser."""
    types: dict[str, Callable[[str], Any]] = {"read": existing_file, "write": Path, "text": str}
    for argument in STAGES[stage].arguments:
        parser.add_argument(
            _option(argument.name),
            type=sample_name if argument == SAMPLE else types[argument.kind],
            required=argument.required,
            nargs="+" if argument.many else None,
            choices=argument.choices or None,
            metavar=None if argument.choices else {"text": "TEXT"}.get(argument.kind, "FILE"),
            help=_escaped(argument.help),
            default=None,
        )
    add_settings(parser, stage)


def add_settings(parser: argparse.ArgumentParser, section: str) -> None:
    """Add an option per key of a configuration section."""
    settings = config.settings_keys(section)
    group = parser.add_argument_group("settings") if settings else parser
    for name, keyword in settings.items():
        unit = f" [{keyword['x-unit']}]" if "x-unit" in keyword else ""
        help_text = _escaped(f"{keyword['description']}{unit} (default: {keyword['default']})")
        if "boolean" in keyword.get("type", ()):
            action = argparse.BooleanOptionalAction
            group.add_argument(_option(name), action=action, default=keyword["default"], help=help_text)
        else:
            convert = _converter(keyword)
            metavar = "|".join(keyword["enum"]) if "enum" in keyword else "VALUE"
            group.add_argument(_option(name), type=convert, default=keyword["default"], metavar=metavar, help=help_text)


def run_stage(stage: str, options: Mapping[str, Any]) -> None:
    """Run a stage with parsed options: its settings as a mapping, everything else by name."""
    settings = {name: options[name] for name in config.settings_keys(stage)}
    config.check_settings(stage, settings, f"metcn {stage}")
    files_and_facts = {argument.name: options[argument.name] for argument in STAGES[stage].arguments}
    patient = files_and_facts.get("patient") or ""
    if patient.startswith(sheet.FROM_SHEET):
        files_and_facts["patient"] = sheet.patient_of(patient.removeprefix(sheet.FROM_SHEET), options["sample"])
    runner.call_stage(stage, files_and_facts, settings)


def _converter(keyword: Keyword) -> Any:
    """Function that makes a setting of an option's text, refusing what the schema does not accept."""

    def convert(text: str) -> Any:
        """The value that the text stands for."""
        for kind in (int, float, str):
            try:
                value: Any = kind(text)
            except ValueError:
                continue
            if accepts(keyword, value):
                return value
        raise argparse.ArgumentTypeError(f"expected {expected(keyword)}, received {text!r}")

    return convert


def _option(name: str) -> str:
    """Option of a parameter's name."""
    return "--" + name.replace("_", "-")


def _escaped(text: str) -> str:
    """Help text that argparse does not take for a format."""
    return text.replace("%", "%%")
