"""Fixtures of the fault tests: one healthy node for a family of faults, each in a DDS domain of its own."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from fishy_ros.evaluation.replay.domain import private_domain
from fishy_ros.model_package import ModelPackage
from fishy_ros.node.dds import dds_environment

if TYPE_CHECKING:
    from support.faults.case import FaultCase, Outcome
    from support.faults.rig import FaultRig

collect_ignore_glob = [] if importlib.util.find_spec("rclpy") else ["test_*.py"]


@pytest.fixture(scope="module")
def start_rig(
    tmp_path_factory: pytest.TempPathFactory, tiny_package: ModelPackage
) -> Iterator[Callable[..., FaultRig]]:
    """Start detectors with given parameters, each with a camera at work; the model is the tiny one unless given."""
    from support.detector_bench import DetectorBench, node_command
    from support.faults.audit import CAMERA_HEIGHT_M, CAMERA_PITCH_DEG, THRESHOLD
    from support.faults.rig import FaultRig

    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        for name, value in dds_environment().items():
            patch.setenv(name, value)

        def start(package: ModelPackage = tiny_package, camera=None, bench_options=None, **parameters) -> FaultRig:
            # The noise that the cameras show is like no training data, of which the node would say nothing else.
            # Everything about regions is computed, too; what is only remembered of them could not be checked.
            mounting = {"camera_height_m": CAMERA_HEIGHT_M, "camera_pitch_deg": CAMERA_PITCH_DEG}
            quiet = {"drift_window_s": 0.0, "threshold": THRESHOLD, "max_gap_s": 0.0, **mounting}
            given = {"model": package.folder, "runtime": "onnxruntime", "threads": 1, **quiet, **parameters}
            log = tmp_path_factory.mktemp("detector") / "detector.log"
            domain = stack.enter_context(private_domain())
            bench = DetectorBench(log, domain, node_command(**given), **(bench_options or {}))
            rig = FaultRig(bench, package, camera)
            stack.callback(rig.close)
            bench.wait_until_connected(rig.publisher)
            return rig

        yield start


@pytest.fixture(scope="module")
def rig(start_rig: Callable[..., FaultRig]) -> FaultRig:
    """A healthy node with the tiny model."""
    return start_rig()


@pytest.fixture
def hold(record_property: Callable[[str, object], None]) -> Callable[[FaultRig, FaultCase], Outcome]:
    """Run a case, record its outcome for the table, and hold that nothing wrong was published."""
    from support.faults.case import run_case

    def run(rig: FaultRig, case: FaultCase) -> Outcome:
        outcome = run_case(rig, case)
        record_property("fault", json.dumps(asdict(outcome)))
        assert not outcome.wrong
        return outcome

    return run
