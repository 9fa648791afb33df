"""Read small YAML and JSON documents that may come from anywhere.

Sizes are bounded before anything is read, nothing in a document is executed, and whatever a parser raises leaves
here as one kind of error.
"""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import accumulate
from pathlib import Path

import yaml

MAX_INTEGER_DIGITS = 40
"""Longest accepted integer of a document; Python itself refuses to print integers of some thousand digits."""

MAX_NESTING = 64
"""Deepest accepted nesting; parsers recurse, and at Python's limit even finalisers of other objects would fail."""

_JSON_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_TOO_DEEP = f"nested deeper than {MAX_NESTING} levels"
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_DEPTH_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def read_limited(path: Path, limit: int, error: type[Exception]) -> bytes:
    """Read a whole file of at most `limit` bytes.

    Raises:
        error: the file cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else None
        raise error(f"{path}: cannot be read: {reason or failure}") from failure
    if len(content) > limit:
        raise error(f"{path}: {path.stat().st_size} bytes, expected at most {limit}")
    return content


def parse_yaml(content: bytes, where: Path | str, error: type[Exception]) -> object:
    """Parse a YAML document of plain values: mappings, lists, texts, numbers, dates.

    Refused are aliases (a few lines of them describe an enormous document), tags of Python objects, integers of more
    than `MAX_INTEGER_DIGITS` digits, nesting beyond `MAX_NESTING` levels, and texts that terminals or other programs
    would trip over (control characters, halves of surrogate pairs).

    Raises:
        error: `content` is not such a document.

    >>> parse_yaml(b"{a: 1}", "here", ValueError)
    {'a': 1}
    """
    try:
        return yaml.load(content.decode("utf-8"), Loader=_PlainLoader)
    except Exception as failure:  # the constructors of wrongly tagged values raise half a dozen unrelated kinds
        raise error(f"{where}: not a YAML document: {_brief(failure)}") from failure


def parse_json(content: bytes, where: Path | str, error: type[Exception]) -> object:
    """Parse a JSON document; integers and nesting as in `parse_yaml`, and no NaN or Infinity, which JSON does not have.

    Raises:
        error: `content` is not such a document.
    """
    try:
        _check_json_nesting(content)
        value: object = json.loads(content.decode("utf-8"), parse_int=_short_integer, parse_constant=_no_constant)
    except ValueError as failure:
        raise error(f"{where}: not a JSON document: {_brief(failure)}") from failure
    return value


class _PlainLoader(yaml.SafeLoader):
    """A safe loader that refuses what a description of plain values does not need."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        if self._depth == MAX_NESTING and self.check_event(yaml.CollectionStartEvent):
            raise yaml.YAMLError(_TOO_DEEP)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _construct_integer(loader: _PlainLoader, node: yaml.ScalarNode) -> int:
    if len(node.value) > MAX_INTEGER_DIGITS:
        raise ValueError(f"an integer of {len(node.value)} digits, expected at most {MAX_INTEGER_DIGITS}")
    value: int = loader.construct_yaml_int(node)
    return value


def _construct_text(loader: _PlainLoader, node: yaml.ScalarNode) -> str:
    text: str = loader.construct_yaml_str(node)
    text.encode("utf-8")
    if any(unicodedata.category(character) == "Cc" and character not in "\t\n\r" for character in text):
        raise ValueError("a text holds control characters")
    return text


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _construct_integer)
_PlainLoader.add_constructor("tag:yaml.org,2002:str", _construct_text)


def _check_json_nesting(content: bytes) -> None:
    brackets = _JSON_TEXT.sub(b"", content).translate(None, delete=_NOT_BRACKETS)
    if max(accumulate(map(_DEPTH_STEP.__getitem__, brackets)), default=0) > MAX_NESTING:
        raise ValueError(_TOO_DEEP)


def _short_integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits, expected at most {MAX_INTEGER_DIGITS}")
    return int(digits)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _brief(failure: Exception) -> str:
    return " ".join(str(failure).split())[:200] or type(failure).__name__
