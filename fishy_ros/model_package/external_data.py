"""Find weights that an ONNX graph keeps in other files.

A package's hash covers the graph's file alone, and an engine would read such a file from wherever the graph says,
so a graph must hold all its weights itself. The few levels of the message are walked here, without the library that
defines it: the node does without that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fishy_ros.errors import ModelPackageError

_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Numbers of the fields through which tensors are reached, by kind of message (`onnx.proto`)."""
_EXTERNAL_DATA = 13
_DATA_LOCATION = 14
_MAX_DEPTH = 100
"""Deepest nesting that protobuf itself accepts."""
_MAX_KEY = 2**32 - 1
"""Parsers cut longer tags to 32 bits, so a field could pass for another one."""
_VARINT, _FIXED64, _BYTES, _START_GROUP, _END_GROUP, _FIXED32 = range(6)


def has_external_data(content: bytes, path: Path) -> bool:
    """Tell whether a serialized ONNX model, read from `path`, names other files for any of its tensors.

    Raises:
        ModelPackageError: `content` is not a protobuf message; `path` is named.
    """
    try:
        return _refers_outside(memoryview(content), "model", 0)
    except ModelPackageError as error:
        raise ModelPackageError(f"{path}: {error}") from error


def _refers_outside(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise ModelPackageError(f"not an ONNX graph: messages nested more than {_MAX_DEPTH} deep")
    children = _CHILDREN[kind]
    for number, value in _fields(message):
        if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value == 1)):
            return True
        if isinstance(value, int) or number not in children:
            continue
        if _refers_outside(value, children[number], depth + 1):
            return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of every field: integers of varints, the bytes of everything else."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        if key > _MAX_KEY:
            raise ModelPackageError(f"not an ONNX graph: a tag of more than 32 bits before byte {position}")
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire_type in (_START_GROUP, _END_GROUP):
            continue
        sizes = {_FIXED64: 8, _FIXED32: 4}
        if wire_type == _BYTES:
            size, position = _varint(message, position)
        elif wire_type in sizes:
            size = sizes[wire_type]
        else:
            raise ModelPackageError(f"not an ONNX graph: wire type {wire_type} at byte {position}")
        if position + size > len(message):
            raise ModelPackageError(f"not an ONNX graph: truncated inside field {number} at byte {position}")
        yield number, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
    raise ModelPackageError(f"not an ONNX graph: truncated number at byte {position}")
