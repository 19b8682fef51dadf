"""Settings as objects: fields, types and defaults are exactly those of the schema."""

import dataclasses
import typing

import pytest

from metcn.run import config
from metcn.run.settings import SETTINGS

TYPES = {"integer": int, "number": float, "boolean": bool, "string": str, "null": type(None)}


def described(keyword):
    """Types that the schema allows; a list of words is text."""
    named = keyword.get("type", "string")
    return {TYPES[name] for name in ([named] if isinstance(named, str) else named)}


def test_every_section_has_its_object_and_no_other():
    assert list(SETTINGS) == config.sections()


@pytest.mark.parametrize("section", SETTINGS)
class TestSection:
    def test_fields(self, section):
        assert [item.name for item in dataclasses.fields(SETTINGS[section])] == list(config.settings_keys(section))

    def test_defaults(self, section):
        assert dataclasses.asdict(SETTINGS[section]()) == config.defaults(section)

    def test_types(self, section):
        hints = typing.get_type_hints(SETTINGS[section])
        ours = {name: set(typing.get_args(hint) or [hint]) for name, hint in hints.items()}
        assert ours == {name: described(keyword) for name, keyword in config.settings_keys(section).items()}

    def test_frozen(self, section):
        assert SETTINGS[section].__dataclass_params__.frozen
