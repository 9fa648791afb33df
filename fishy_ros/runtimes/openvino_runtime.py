"""OpenVINO on Intel processors and their integrated GPUs."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov

from fishy_ros.errors import InferenceError, ModelPackageError, RuntimeUnavailableError
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.base import HostBuffers, RawOutput, RuntimeInfo
from fishy_ros.runtimes.openvino_settings import OPENVINO_SETTINGS, OpenVinoSettings
from fishy_ros.runtimes.options import RuntimeOptions, one_line
from fishy_ros.runtimes.processors import default_threads
from fishy_ros.runtimes.signature import Tensor, check_signature


class OpenVinoRuntime(HostBuffers):
    """A graph compiled by OpenVINO; it reads the input buffer and writes the outputs in place.

    Raises:
        RuntimeUnavailableError: OpenVINO does not see the device.
        ModelPackageError: the graph cannot be parsed or compiled, or has another signature.
    """

    def __init__(
        self, package: ModelPackage, options: RuntimeOptions, settings: OpenVinoSettings = OPENVINO_SETTINGS
    ) -> None:
        device = _device(options)
        core = ov.Core()
        if device.partition(".")[0] not in {name.partition(".")[0] for name in core.available_devices}:
            raise RuntimeUnavailableError(
                f"openvino: device {device} not found; OpenVINO sees {', '.join(core.available_devices) or 'none'}"
            )
        graph = package.graph(options.precision)
        content = graph.read()
        threads = options.threads or default_threads()
        try:
            model = core.read_model(content)
            compiled = core.compile_model(model, device, settings.properties(device, threads))
        except RuntimeError as error:
            raise ModelPackageError(f"{graph.path}: OpenVINO cannot compile the graph: {one_line(error)}") from error
        names = {package.input_name, *package.score_outputs, package.labels_name}
        height, width = check_signature(
            package, graph.path, _tensors(compiled.inputs, names), _tensors(compiled.outputs, names)
        )
        super().__init__(package, height, width)
        self._request: Any = compiled.create_infer_request()
        for name, array in (
            (package.input_name, self._input),
            (package.score_name, self._score),
            (package.labels_name, self._labels),
        ):
            self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        detail = f"{device}, {options.precision}" + (f", {threads} threads" if device == "CPU" else "")
        self.info = RuntimeInfo("openvino", device.lower().replace(".", ":"), ov.__version__.split("-")[0], detail)

    def run(self) -> RawOutput:
        """Run the graph on what `input_buffer` holds.

        Raises:
            InferenceError: the engine failed, or the runtime is closed.
        """
        if self._request is None:
            raise InferenceError("openvino: the runtime is closed")
        try:
            # `infer` would build a dictionary of copied outputs on every call.
            self._request.start_async()
            self._request.wait()
        except RuntimeError as error:
            raise InferenceError(f"openvino: {one_line(error)}") from error
        return RawOutput(self._score[0], self._labels[0])

    def close(self) -> None:
        """Free the compiled graph."""
        self._request = None


def _device(options: RuntimeOptions) -> str:
    if options.wants_cuda:
        raise RuntimeUnavailableError(f"openvino: device {options.device} is not an Intel device; expected cpu or gpu")
    kind, _, index = options.device.partition(":")
    return "CPU" if kind != "gpu" else "GPU" + (f".{index}" if index else "")


def _tensors(ports: Any, known: set[str]) -> list[Tensor]:
    """Describe ports; a port has several names when the graph only passes a value on, the known one counts."""
    tensors = []
    for port in ports:
        name = next(iter(known & port.get_names()), None) or port.get_any_name()
        sizes = tuple(None if size.is_dynamic else size.get_length() for size in port.get_partial_shape())
        tensors.append(Tensor(name, np.dtype(port.get_element_type().to_dtype()).name, sizes))
    return tensors
