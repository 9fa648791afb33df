"""ONNX Runtime as one writes it first: a session with its default settings, a call that returns new arrays."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes import RawOutput, RuntimeInfo
from fishy_ros.types import ImageArray

PLAIN_ONNXRUNTIME = "plain-onnxruntime"
"""The name by which `fishy bench` knows it; it is a baseline and no runtime of the detector."""


class PlainOnnxRuntime:
    """A graph on the CPU with nothing chosen; what `runtimes.onnxruntime_runtime` is measured against."""

    def __init__(self, package: ModelPackage, precision: str) -> None:
        self._package = package
        self._session = ort.InferenceSession(package.graph(precision).read(), providers=["CPUExecutionProvider"])
        self._image: ImageArray = np.zeros(package.input_shape[1:], np.uint8)
        _, height, width = self._session.get_outputs()[0].shape
        self._output_size = (height, width)
        self._info = RuntimeInfo(PLAIN_ONNXRUNTIME, "cpu", ort.__version__, f"{precision}, default settings")

    @property
    def info(self) -> RuntimeInfo:
        """Which engine runs the graph."""
        return self._info

    @property
    def input_buffer(self) -> ImageArray:
        """The uint8 `[H, W, 3]` BGR image that the next run reads."""
        return self._image

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of both outputs, in px."""
        return self._output_size

    def run(self) -> RawOutput:
        """Run the graph on what `input_buffer` holds."""
        names = [self._package.score_name, self._package.labels_name]
        score, labels = self._session.run(names, {self._package.input_name: self._image[None]})
        return RawOutput(score[0], labels[0])

    def close(self) -> None:
        """Do nothing: the session goes with the object."""
