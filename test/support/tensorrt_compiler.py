"""TensorRT for RTX as tests use it: compile a graph for GPUs that are elsewhere."""

from pathlib import Path

from fishy_ros.runtimes.tensorrt_build import network_tensors
from fishy_ros.runtimes.tensorrt_library import open_library

TARGETS = ("8.6", "12.0")


def compile_for_all(path: Path) -> list[str]:
    """Compile an ONNX file for all targets and return its inputs and outputs in words."""
    library = open_library("tensorrt_rtx")
    parsed = library.parse(path.read_bytes(), path)
    config = library.configure(parsed.builder, TARGETS, None)
    assert parsed.builder.build_serialized_network(parsed.network, config) is not None, library.messages.reason()
    inputs, outputs = network_tensors(library, parsed.network)
    return [str(tensor) for tensor in (*inputs, *outputs)]
