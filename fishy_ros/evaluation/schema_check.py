"""Check a document against a JSON Schema, as far as `report.schema.json` uses that language.

A report may come from anywhere, and what reads it relies on what the schema says. Fields that the schema does not know
are accepted, since later versions add some.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Json = Any

_TYPES: dict[str, Callable[[Json], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
}


def find_contradiction(value: Json, schema: dict[str, Json], where: str = "") -> str | None:
    """Say where and how a parsed document contradicts a schema; None where it does not.

    >>> find_contradiction({"a": [1, "x"]}, {"properties": {"a": {"items": {"type": "number"}}}})
    "`a[1]` is 'x', expected number"
    """
    expected = _own_contradiction(value, schema)
    if expected is not None:
        return f"`{where or 'the document'}` is {repr(value)[:60]}, expected {expected}"
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name, item in value.items():
            inner = known.get(name, others)
            found = find_contradiction(item, inner if isinstance(inner, dict) else {}, f"{where}.{name}".lstrip("."))
            if found is not None:
                return found
    if isinstance(value, list):
        for index, item in enumerate(value):
            found = find_contradiction(item, schema.get("items", {}), f"{where}[{index}]")
            if found is not None:
                return found
    return None


def _own_contradiction(value: Json, schema: dict[str, Json]) -> str | None:
    """Say what was expected of a value itself, whatever it contains."""
    wanted = schema.get("type", [])
    names = [wanted] if isinstance(wanted, str) else wanted
    if names and not any(_TYPES[name](value) for name in names):
        return " or ".join(names)
    if "const" in schema and (value != schema["const"] or isinstance(value, bool)):
        return repr(schema["const"])
    if isinstance(value, dict):
        missing = [name for name in schema.get("required", ()) if name not in value]
        return f"the field {missing[0]!r} too" if missing else None
    if isinstance(value, list):
        low, high = schema.get("minItems", 0), schema.get("maxItems", len(value))
        return None if low <= len(value) <= high else f"{low} to {high} items"
    if isinstance(value, str):
        pattern = schema.get("pattern")
        return None if pattern is None or re.search(pattern, value) else f"a text like {pattern}"
    if _TYPES["number"](value):
        if "minimum" in schema and not value >= schema["minimum"]:
            return f"at least {schema['minimum']}"
        if "maximum" in schema and not value <= schema["maximum"]:
            return f"at most {schema['maximum']}"
    return None
