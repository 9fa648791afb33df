"""What the processor can do at best: measured arithmetic and memory bandwidth."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fishy_ros.runtimes.processors import default_threads
from fishy_ros.runtimes.registry import why_not_installed

_MATRIX = 2048
_COPY_BYTES = 256 * 2**20
_TRIES = 5

Product: TypeAlias = Callable[[], NDArray[np.float32]]
"""Multiplies two square matrices of `_MATRIX` rows and returns the product."""


@dataclass(frozen=True)
class MachineLimits:
    """The two roofs of the roofline model."""

    flops_per_s: float
    """Float32 operations a second, a multiplication and an addition being two."""
    bytes_per_s: float
    """Bytes read plus bytes written a second."""
    source: str
    """How they were found."""


def measure_limits() -> MachineLimits:
    """Measure matrix products and a copy on all processors of this process; the best of a few tries counts.

    The product is computed by numpy, ONNX Runtime and OpenVINO where they are installed, since their libraries know
    processors unequally well, and the fastest of them comes nearest to what the processor can do.
    """
    seconds = {library: _best(product) for library, product in products().items()}
    fastest = min(seconds, key=seconds.__getitem__)
    return MachineLimits(
        flops_per_s=2.0 * _MATRIX**3 / seconds[fastest],
        bytes_per_s=2.0 * _COPY_BYTES / _best(_copy(default_threads())),
        source=f"float32 product of {_MATRIX} x {_MATRIX} matrices ({fastest}), copy of {_COPY_BYTES >> 20} MiB",
    )


def products() -> dict[str, Product]:
    """Return the same matrix product in every library that is installed."""
    found = {"numpy": _numpy_product(), "ONNX Runtime": _onnxruntime_product()}
    if why_not_installed("openvino") is None:
        found["OpenVINO"] = _openvino_product()
    return found


def _numpy_product() -> Product:
    left, right = _matrices()
    result = np.empty_like(left)
    return lambda: np.matmul(left, right, out=result)


def _onnxruntime_product() -> Product:
    left, right = _matrices()
    options = ort.SessionOptions()
    options.intra_op_num_threads = default_threads()
    session = ort.InferenceSession(_product_graph(right), options, providers=["CPUExecutionProvider"])

    def run() -> NDArray[np.float32]:
        (product,) = session.run(None, {"left": left})
        return product  # type: ignore[no-any-return]

    return run


def _openvino_product() -> Product:
    import openvino as ov

    left, right = _matrices()
    core = ov.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": default_threads()}
    request = core.compile_model(core.read_model(_product_graph(right)), "CPU", settings).create_infer_request()
    request.set_input_tensor(ov.Tensor(left))

    def run() -> NDArray[np.float32]:
        request.start_async()
        request.wait()
        return request.get_output_tensor().data  # type: ignore[no-any-return]

    return run


def _matrices() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    generator = np.random.default_rng(0)
    return generator.random((_MATRIX, _MATRIX), np.float32), generator.random((_MATRIX, _MATRIX), np.float32)


def _product_graph(right: NDArray[np.float32]) -> bytes:
    """Build `product = left @ right` with a constant factor, as the weights of a network are."""
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, right.shape) for name in ("left", "product")]
    node = helper.make_node("MatMul", ["left", "right"], ["product"])
    graph = helper.make_graph([node], "product", sides[:1], sides[1:], [numpy_helper.from_array(right, "right")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _copy(threads: int) -> Callable[[], object]:
    source = np.ones(_COPY_BYTES, np.uint8)
    target = np.zeros_like(source)
    pairs = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda pair: np.copyto(*pair), pairs))


def _best(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(_TRIES):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
