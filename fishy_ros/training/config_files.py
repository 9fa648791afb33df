"""Files of training configurations, which may name another one that they change: `base: ../fishy-s.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fishy_ros.documents import parse_yaml, read_limited
from fishy_ros.errors import ConfigError

BASE: str = "base"
MAX_CONFIG_BYTES: int = 256 * 1024
MAX_DEPTH: int = 4
"""Bases of bases that are read: more are taken for files that name each other."""


def read_config_file(path: Path, depth: int = 0) -> dict[str, Any]:
    """Read a YAML mapping and lay it over its `base`, a path relative to the file.

    Raises:
        ConfigError: a file is missing or no YAML mapping, or names itself as its base.
    """
    content = read_mapping(path)
    base = content.pop(BASE, None)
    if base is None:
        return content
    if not isinstance(base, str):
        raise ConfigError(f"{path}: {BASE}: expected a path, found {base!r}")
    if depth == MAX_DEPTH:
        raise ConfigError(f"{path}: {BASE}: {MAX_DEPTH} bases of bases were read; do they name each other?")
    return merge(read_config_file(path.parent / base, depth + 1), content, str(path))


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ConfigError: the file is missing or something else.
    """
    content = parse_yaml(read_limited(path, MAX_CONFIG_BYTES, ConfigError), path, ConfigError)
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: expected a mapping, found {type(content).__name__}")
    return dict(content)


def merge(base: Mapping[str, Any], change: object, where: str) -> dict[str, Any]:
    """Return `base` with the values of `change`, mappings within mappings merged likewise.

    Raises:
        ConfigError: `change` is not a mapping.

    >>> merge({"a": 1, "b": {"c": [2], "d": 3}}, {"b": {"c": []}}, "here")
    {'a': 1, 'b': {'c': [], 'd': 3}}
    """
    if not isinstance(change, Mapping):
        raise ConfigError(f"{where}: expected a mapping, found {change!r}")
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        inner = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value, f"{where}: {key}") if inner else value  # type: ignore[arg-type]
    return merged
