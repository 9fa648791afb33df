"""torch as the reference: the package's own graph, node by node, on the CPU or captured as one CUDA graph."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from torch import Tensor

from fishy_ros.errors import InferenceError, ModelPackageError, RuntimeUnavailableError
from fishy_ros.model_package import GraphFile, ModelPackage
from fishy_ros.runtimes.base import RawOutput, RuntimeInfo
from fishy_ros.runtimes.options import RuntimeOptions, one_line
from fishy_ros.runtimes.signature import Tensor as TensorDescription
from fishy_ros.runtimes.signature import check_signature
from fishy_ros.runtimes.torch_graph import TorchGraph
from fishy_ros.runtimes.torch_operators import UnsupportedError
from fishy_ros.types import ImageArray

_WARM_UP_RUNS = 3


class TorchRuntime:
    """A graph in torch: eager on the CPU, one captured CUDA graph with page-locked buffers on a GPU.

    The number of threads is torch's own, of the whole process, and is set only where `options` name one.

    Raises:
        RuntimeUnavailableError: CUDA is asked for and torch does not have it.
        ModelPackageError: the graph cannot be parsed, has an operator that is not known, or another signature.
    """

    def __init__(self, package: ModelPackage, options: RuntimeOptions) -> None:
        if options.wants_cuda and not torch.cuda.is_available():
            raise RuntimeUnavailableError(f"torch: the installed build {torch.__version__} has no working CUDA")
        self._device = torch.device("cuda", options.cuda_index) if options.wants_cuda else torch.device("cpu")
        if options.threads and not options.wants_cuda:
            torch.set_num_threads(options.threads)
        graph = package.graph(options.precision)
        model = _parse(graph)
        try:
            self._graph: TorchGraph | None = TorchGraph(model).to(self._device)
        except (UnsupportedError, RuntimeError, ValueError, TypeError) as error:
            raise _refusal(graph, error) from error
        inputs, outputs = _describe(model.graph.input), _describe(model.graph.output)
        height, width = check_signature(package, graph.path, inputs, outputs)
        self._order = [tensor.name for tensor in outputs]
        self._names = (package.score_name, package.labels_name)
        pinned = options.wants_cuda
        self._host_input = torch.zeros(package.input_shape, dtype=torch.uint8, pin_memory=pinned)
        self._host_score = torch.zeros((1, height, width), dtype=torch.float32, pin_memory=pinned)
        self._host_labels = torch.zeros((1, height, width), dtype=torch.uint8, pin_memory=pinned)
        self._image: ImageArray = self._host_input.numpy()[0]
        self._captured: torch.cuda.CUDAGraph | None = None
        try:
            if options.wants_cuda:
                self._captured = self._capture()
            else:
                self._compute()
        except (UnsupportedError, RuntimeError) as error:
            raise _refusal(graph, error) from error
        threads = f", {torch.get_num_threads()} threads" if not options.wants_cuda else ", CUDA graph"
        self._info = RuntimeInfo("torch", str(self._device), torch.__version__, f"{options.precision}{threads}")

    @property
    def info(self) -> RuntimeInfo:
        """Which device runs the graph."""
        return self._info

    @property
    def input_buffer(self) -> ImageArray:
        """The uint8 `[H, W, 3]` BGR buffer that the next run reads."""
        return self._image

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the outputs, in px."""
        return self._host_score.shape[1], self._host_score.shape[2]

    def run(self) -> RawOutput:
        """Run the graph on what `input_buffer` holds.

        Raises:
            InferenceError: the engine failed, or the runtime is closed.
        """
        if self._graph is None:
            raise InferenceError("torch: the runtime is closed")
        try:
            if self._captured is not None:
                self._captured.replay()
                torch.cuda.current_stream(self._device).synchronize()
            else:
                self._compute()
        except RuntimeError as error:
            raise InferenceError(f"torch: {one_line(error)}") from error
        return RawOutput(self._host_score.numpy()[0], self._host_labels.numpy()[0])

    def close(self) -> None:
        """Free the graph and its buffers."""
        self._graph = self._captured = None

    @torch.inference_mode()
    def _compute(self) -> None:
        """Copy the input to the device, run the graph and copy its outputs back."""
        assert self._graph is not None
        outputs: dict[str, Tensor] = dict(
            zip(self._order, self._graph(self._host_input.to(self._device, non_blocking=True)), strict=True)
        )
        score, labels = (outputs[name] for name in self._names)
        self._host_score.copy_(score, non_blocking=True)
        self._host_labels.copy_(labels, non_blocking=True)

    def _capture(self) -> torch.cuda.CUDAGraph:
        """Record one run, copies included, as a graph that the driver replays in one call."""
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_RUNS):
                self._compute()
            stream.synchronize()
            captured = torch.cuda.CUDAGraph()
            with torch.cuda.graph(captured, stream=stream):
                self._compute()
        return captured


def _parse(graph: GraphFile) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(graph.read())
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, ValueError) as error:
        raise _refusal(graph, error) from error
    return model


def _refusal(graph: GraphFile, error: Exception) -> ModelPackageError | RuntimeUnavailableError:
    if isinstance(error, torch.OutOfMemoryError):
        return RuntimeUnavailableError(f"torch: {graph.path} does not fit on the device: {one_line(error)}")
    return ModelPackageError(f"{graph.path}: torch cannot run the graph: {one_line(error)}")


def _describe(values: list[onnx.ValueInfoProto]) -> list[TensorDescription]:
    described = []
    for value in values:
        tensor = value.type.tensor_type
        shape = tuple(side.dim_value if side.HasField("dim_value") else None for side in tensor.shape.dim)
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
        described.append(TensorDescription(value.name, dtype, shape))
    return described
