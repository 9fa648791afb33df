"""Fixtures of the node tests: every test has a node of its own, in a DDS domain of its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fishy_ros.evaluation.replay.domain import private_domain
from fishy_ros.model_package import ModelPackage
from fishy_ros.node.dds import dds_environment

if TYPE_CHECKING:
    from support.detector_bench import DetectorBench

collect_ignore_glob = [] if importlib.util.find_spec("rclpy") else ["test_*.py"]


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A domain that nobody else uses, heard on this machine only, with the profile for large images."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    for name, value in dds_environment().items():
        monkeypatch.setenv(name, value)
    with private_domain() as number:
        yield number


@pytest.fixture
def start_detector(domain: int, tmp_path: Path, tiny_package: ModelPackage) -> Iterator[Callable[..., DetectorBench]]:
    """Start detector nodes with given parameters; the model is the tiny one unless another is given."""
    from support.detector_bench import DetectorBench, node_command

    with ExitStack() as stack:

        def start(
            *arguments: str,
            image_topic: str = "image",
            environment: Mapping[str, str] | None = None,
            **parameters: object,
        ) -> DetectorBench:
            # No image of these tests is like the training data of a model that was not trained.
            quiet = {"drift_window_s": 0.0}
            given = {"model": tiny_package.folder, "runtime": "onnxruntime", "threads": 1, **quiet, **parameters}
            command = [*node_command(**given), *arguments]
            log = tmp_path / "detector.log"
            bench = DetectorBench(log, domain, command, image_topic=image_topic, environment=environment)
            stack.callback(bench.close)
            return bench

        yield start


@pytest.fixture
def street() -> np.ndarray:
    """An image whose halves and centre differ, so that heatmap and segmentation are not flat."""
    image = np.full((96, 160, 3), 40, np.uint8)
    image[:48] = 200
    image[60:70, 70:90] = (0, 0, 255)
    return image
