"""One key of a schema: which values it accepts, and how to say so to the person who wrote another one."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

Keyword = Mapping[str, Any]  # one key's part of a JSON schema


def accepts(keyword: Keyword, value: Any) -> bool:
    """Whether a single value is of the schema's type and within its bounds.

    A JSON schema validator says the same (a test compares), but importing one takes longer than most stages.
    """
    if "enum" in keyword:
        return value in keyword["enum"]
    types = _types(keyword)
    if value is None or isinstance(value, bool):
        return ("null" if value is None else "boolean") in types
    if isinstance(value, str):
        return "string" in types and len(value) >= keyword.get("minLength", 0)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    return (
        ("number" in types or ("integer" in types and float(value).is_integer()))
        and keyword.get("minimum", value) <= value <= keyword.get("maximum", value)
        and keyword.get("exclusiveMinimum", -math.inf) < value < keyword.get("exclusiveMaximum", math.inf)
    )


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The hint ``did you mean X?`` for a word close to a known one, else the known words."""
    known = list(known)
    close = difflib.get_close_matches(str(word).lower(), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def expected(keyword: Keyword) -> str:
    """What the schema accepts for a key, in words: ``number > 0 and <= 1 or null``."""
    if "enum" in keyword:
        return "one of " + ", ".join(shown(value) for value in keyword["enum"])
    types = _types(keyword)
    words = {"integer": "whole number", "boolean": "true or false", "string": "text", "object": "a section of keys"}
    bounds = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    limits = " and ".join(f"{sign} {keyword[name]}" for name, sign in bounds.items() if name in keyword)
    main = f"{words.get(types[0], types[0])} {limits}".rstrip()
    return main + (" or null" if "null" in types else "")


def shown(value: object) -> str:
    """A value as the user would have to write it in YAML, shortened."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def fix(keyword: Keyword, value: object) -> str:
    """What to do about a value that the schema does not accept."""
    if isinstance(value, str) and "enum" in keyword:
        return did_you_mean(value, [str(item) for item in keyword["enum"]])
    if isinstance(value, str) and keyword.get("type") in ("number", "integer"):
        try:
            return f"write {float(value):.10g} (YAML takes {value!r} for text)"
        except ValueError:
            pass
    if keyword.get("type") == "object":
        return "indent the section's keys below it"
    return f"the default is {shown(keyword['default'])}" if "default" in keyword else "choose one"


def _types(keyword: Keyword) -> list[str]:
    """JSON types a key accepts, the main one first."""
    return keyword["type"] if isinstance(keyword["type"], list) else [keyword["type"]]
