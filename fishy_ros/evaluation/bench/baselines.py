"""What a user would have otherwise: ONNX Runtime left alone, and ERFNet in the same runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from fishy_ros.errors import RuntimeUnavailableError
from fishy_ros.evaluation.bench.detect import run_detect
from fishy_ros.evaluation.bench.methods import Method
from fishy_ros.evaluation.bench.plain_onnxruntime import PLAIN_ONNXRUNTIME
from fishy_ros.evaluation.bench.result import BenchResult
from fishy_ros.evaluation.bench.sampling import Plan
from fishy_ros.model_package import Calibration, ModelPackage, load_model_package, write_model_package

ERFNET = "erfnet"
METHOD_COUNT = 4
"""How many configurations there are."""


def run_baselines(method: Method, plan: Plan, progress: Callable[[], None]) -> BenchResult:
    """Measure `method` first, then the baselines at the network size of its model.

    Raises:
        RuntimeUnavailableError: torch, which writes the graph of ERFNet, is not installed.
    """
    package = load_model_package(method.model)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / ERFNET
        erfnet = str(write_erfnet_package(folder, package).folder)
        methods = [
            method,
            replace(method, runtime=PLAIN_ONNXRUNTIME),
            replace(method, runtime="onnxruntime"),
            replace(method, model=erfnet, precision="fp32"),
        ]
        return replace(run_detect(list(dict.fromkeys(methods)), plan, progress), kind="baselines")


def write_erfnet_package(folder: Path, like: ModelPackage) -> ModelPackage:
    """Write ERFNet with random weights as a package, with the input size and classes of another one.

    Raises:
        RuntimeUnavailableError: torch is not installed.
    """
    try:
        from fishy_ros.evaluation.bench.erfnet import export_random_erfnet
    except ImportError as error:
        raise RuntimeUnavailableError(f"the graph of ERFNet is written by torch: {error}; pip install torch") from error
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / "model.onnx"
    export_random_erfnet(like.input_height, like.input_width, graph)
    return write_model_package(
        folder,
        graph,
        name=ERFNET,
        version="0",
        description="ERFNet with random weights, to compare speeds with.",
        input_height=like.input_height,
        input_width=like.input_width,
        classes=like.classes,
        calibration=Calibration("one minus the largest softmax of random weights", 0.5),
        license="Apache-2.0",
    )
