"""The layers of a compiled engine as TensorRT lists them, and those that cost time for nothing.

The list is what the engine inspector gives. The builder logs it too, in words, so that it can be had without a GPU,
where an engine cannot be loaded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LIST = r"\[(?: \{[^}]*\},?)*\]"
_LINE = re.compile(
    rf"Name: (?P<name>.*?), LayerType: (?P<kind>\w+), Inputs: (?P<inputs>{_LIST}),(?: Constants: {_LIST},)? "
    rf"Outputs: (?P<outputs>{_LIST}),.*? TacticName: (?P<tactic>.*?), StreamId: "
)
_TENSOR = re.compile(r"Name: (?P<name>.*?), Dimensions: \[(?P<shape>[\d,]*)\].*?Datatype: (?P<dtype>\w+)")
_TACTIC = re.compile(r"__myl_(?P<operations>[A-Za-z]+)_0x")
_OPERATION = re.compile(r"[A-Z][a-z]*")
_SYNCHRONISATION = frozenset({"signal", "wait"})
"""Layers that only order the streams."""
_CONVOLUTIONS = frozenset({"correlation", "convolution", "CaskConvolution", "runtime_fusion"})
_MOVES = frozenset({"Tran", "Move", "Copy", "Cast", "Resh", "Conc"})
"""Operations, as names of compiled kernels abbreviate them, that compute nothing."""


@dataclass(frozen=True)
class LayerTensor:
    """An input or output of a layer; `dtype` in TensorRT's words: `Float`, `Half`, `Int8`, ..."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Layer:
    """One step of an engine; `operations` are those that were compiled into one kernel, empty where not known."""

    name: str
    kind: str
    inputs: tuple[LayerTensor, ...]
    outputs: tuple[LayerTensor, ...]
    operations: tuple[str, ...]

    @property
    def is_convolution(self) -> bool:
        """Whether it multiplies matrices."""
        return self.kind in _CONVOLUTIONS

    @property
    def only_moves(self) -> bool:
        """Whether it copies, transposes or casts and computes nothing."""
        if self.operations:
            return _MOVES.issuperset(self.operations)
        return self.kind.lower().startswith("reformat")


def read_layers(text: str) -> tuple[Layer, ...]:
    """Read the list of layers that TensorRT logs, without those that only order streams.

    Raises:
        ValueError: there is no layer in it, or a line has a form that is not known.
    """
    layers = []
    for line in text.splitlines():
        if not line.startswith("Name: "):
            break  # after the layers come inputs and outputs, indented, and other things
        found = _LINE.match(line)
        if found is None:
            raise ValueError(f"not a layer as TensorRT describes them: {line[:200]}")
        if found["kind"] not in _SYNCHRONISATION:
            tactic = _TACTIC.match(found["tactic"])
            operations = tuple(_OPERATION.findall(tactic["operations"])) if tactic else ()
            inputs, outputs = _tensors(found["inputs"]), _tensors(found["outputs"])
            layers.append(Layer(found["name"], found["kind"], inputs, outputs, operations))
    if not layers:
        raise ValueError(f"not a list of layers: {text[:200]!r}")
    return tuple(layers)


def count_kinds(layers: Iterable[Layer]) -> dict[str, int]:
    """Count layers by the type of numbers that they compute in, convolutions apart from the rest."""
    counts = Counter(f"{'convolution' if layer.is_convolution else 'other'} {_type_of(layer)}" for layer in layers)
    return dict(sorted(counts.items()))


def unwanted_layers(layers: Sequence[Layer]) -> list[str]:
    """Name the layers that an engine would be faster without.

    They are kernels that only copy, cast or transpose a tensor, and tensors of 32 bits between two layers of 8: the
    second rounds what the first has computed, which one kernel could do.
    """
    readers: dict[str, list[Layer]] = {}
    for layer in layers:
        for tensor in layer.inputs:
            readers.setdefault(tensor.name, []).append(layer)
    found = []
    for layer in layers:
        inputs, outputs = _types(layer.inputs), _types(layer.outputs)
        if layer.only_moves:
            found.append(f"{layer.name}: only moves data, {' '.join(inputs)} to {' '.join(outputs)}")
        elif layer.is_convolution and inputs[:1] == ("Int8",) and "Float" in outputs:
            following = [reader for tensor in layer.outputs for reader in readers.get(tensor.name, ())]
            if any("Int8" in _types(reader.outputs) for reader in following):
                found.append(f"{layer.name}: writes Float between Int8 and Int8")
    return found


def _type_of(layer: Layer) -> str:
    return next(iter(_types(layer.inputs)), "none")


def _types(tensors: Iterable[LayerTensor]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tensor.dtype for tensor in tensors))


def _tensors(text: str) -> tuple[LayerTensor, ...]:
    return tuple(
        LayerTensor(found["name"], tuple(int(side) for side in found["shape"].split(",") if side), found["dtype"])
        for found in _TENSOR.finditer(text)
    )
