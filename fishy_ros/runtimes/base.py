"""The protocol that every inference runtime implements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from fishy_ros.model_package import ModelPackage
from fishy_ros.types import ImageArray, LabelMap, ScoreMap


class RawOutput(NamedTuple):
    """Outputs of one run; views into the runtime's buffers, valid until its next `run` or `close`."""

    score: ScoreMap
    """float32 `[h, w]` in [0, 1]."""
    labels: LabelMap
    """uint8 `[h, w]`."""


@dataclass(frozen=True)
class RuntimeInfo:
    """Which engine runs where, as reports and diagnostics print it."""

    name: str
    """`onnxruntime`, `tensorrt` or `openvino`."""
    device: str
    """`cpu`, `cuda:0`, ..."""
    version: str
    """Version of the engine's library."""
    detail: str = ""
    """Anything else that changes speed or numbers: execution provider, threads, precision."""

    def __str__(self) -> str:
        """Name engine, version and device, as in `onnxruntime 1.32.0 on cpu`."""
        return f"{self.name} {self.version} on {self.device}"


class Runtime(Protocol):
    """One loaded graph on one device. Not thread-safe: one thread runs it at a time."""

    @property
    def info(self) -> RuntimeInfo:
        """Which engine runs the graph, where and how."""
        ...

    @property
    def input_buffer(self) -> ImageArray:
        """The uint8 `[H, W, 3]` BGR buffer at the network's input size; write the next frame into it."""
        ...

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the outputs, in px."""
        ...

    def run(self) -> RawOutput:
        """Run the graph on what `input_buffer` holds.

        Raises:
            InferenceError: the engine failed or its output is not finite.
        """
        ...

    def close(self) -> None:
        """Free the engine and its memory; calling it again does nothing."""
        ...


class HostBuffers:
    """The part of a runtime that is the same wherever input and outputs lie in host memory."""

    info: RuntimeInfo
    """Which engine runs the graph, where and how."""

    def __init__(self, package: ModelPackage, height: int, width: int) -> None:
        """Allocate the input of a package and outputs of `height` x `width` px."""
        self._input = np.zeros(package.input_shape, np.uint8)
        self._score = np.zeros((1, height, width), np.float32)
        self._labels = np.zeros((1, height, width), np.uint8)

    @property
    def input_buffer(self) -> ImageArray:
        """The uint8 `[H, W, 3]` BGR buffer that the next run reads."""
        image: ImageArray = self._input[0]
        return image

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the outputs, in px."""
        return self._score.shape[1], self._score.shape[2]
