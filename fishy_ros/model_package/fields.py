"""Typed access to the fields of a parsed YAML document; every error names the file, the key and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from fishy_ros.errors import ModelPackageError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST = 1e300
"""Beyond this nothing counts as a number, infinity and NaN included."""


@dataclass(frozen=True)
class Fields:
    """A mapping inside a document, the file it is from and the key that leads to it."""

    values: Mapping[str, object]
    file: Path
    key: str = ""

    def error(self, key: str, expected: str) -> ModelPackageError:
        """Build the error that says what `key` holds and what was expected of it."""
        found = repr(self.values[key])[:80] if key in self.values else "missing"
        return ModelPackageError(f"{self.file}: `{self.key}{key}` is {found}, expected {expected}")

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string; `default` where the key is missing."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise self.error(key, "a text")
        return value

    def sha256(self, key: str) -> str:
        """Return a SHA-256 as 64 lower-case hexadecimal digits."""
        value = self.values.get(key)
        if not isinstance(value, str) or not _SHA256.fullmatch(value.lower()):
            raise self.error(key, "64 hexadecimal digits")
        return value.lower()

    def integer(self, key: str, low: int, high: int) -> int:
        """Return an integer in [low, high]."""
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, f"an integer from {low} to {high}")
        return value

    def fraction(self, key: str) -> float:
        """Return a number in [0, 1]."""
        value = as_fraction(self.values.get(key))
        if value is None:
            raise self.error(key, "a number from 0 to 1")
        return value

    def numbers(self, key: str, count: int | None = None) -> tuple[float, ...]:
        """Return a list of finite numbers, `count` of them if that is given."""
        value = self.values.get(key)
        if (
            not isinstance(value, list)
            or not all(_is_number(item) for item in value)
            or len(value) != (count or len(value))
        ):
            raise self.error(key, f"a list of {'' if count is None else f'{count} '}finite numbers")
        return tuple(float(item) for item in value)

    def items(self, key: str) -> Sequence[object]:
        """Return a list; an empty one where the key is missing."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise self.error(key, "a list")
        return value

    def mapping(self, key: str, *, optional: bool = False) -> Fields:
        """Return the mapping under `key`; an empty one where it is missing and `optional`."""
        value = self.values.get(key, {} if optional else None)
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise self.error(key, "a mapping")
        return Fields(value, self.file, f"{self.key}{key}.")


def as_fraction(value: object) -> float | None:
    """Return `value` as a float if it is a number in [0, 1], else None."""
    return float(value) if _is_number(value) and 0 <= value <= 1 else None


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST
