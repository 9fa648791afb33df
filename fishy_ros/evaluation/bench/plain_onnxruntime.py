"""ONNX Runtime as one writes it first: a session with its default settings, a call that returns new arrays."""

from __future__ import annotations

import onnxruntime as ort

from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.base import HostBuffers, RawOutput, RuntimeInfo

PLAIN_ONNXRUNTIME = "plain-onnxruntime"
"""The name by which `fishy bench` knows it; it is a baseline and no runtime of the detector."""


class PlainOnnxRuntime(HostBuffers):
    """A graph on the CPU with nothing chosen; what `runtimes.onnxruntime_runtime` is measured against."""

    def __init__(self, package: ModelPackage, precision: str) -> None:
        self._session = ort.InferenceSession(package.graph(precision).read(), providers=["CPUExecutionProvider"])
        _, height, width = self._session.get_outputs()[0].shape
        super().__init__(package, height, width)
        self.info = RuntimeInfo(PLAIN_ONNXRUNTIME, "cpu", ort.__version__, f"{precision}, default settings")
        self._names = (package.input_name, [package.score_name, package.labels_name])

    def run(self) -> RawOutput:
        """Run the graph on what `input_buffer` holds."""
        image, outputs = self._names
        score, labels = self._session.run(outputs, {image: self._input})
        return RawOutput(score[0], labels[0])

    def close(self) -> None:
        """Do nothing: the session goes with the object."""
