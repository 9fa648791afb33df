"""A node that is measured: started in a domain of its own, connected to a player, with pictures to play."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fishy_ros.bags.topics import IMAGE_TOPIC, IMAGE_TYPE
from fishy_ros.datasets.registry import open_dataset
from fishy_ros.evaluation.bench.bus_path import BASELINE_NODE, THIS_NODE, PathRequest
from fishy_ros.evaluation.live.replay_player import NodeAddress, ReplayPlayer
from fishy_ros.evaluation.live.replay_session import isolated_environment
from fishy_ros.evaluation.replay.detector_process import DetectorProcess, detector_command
from fishy_ros.evaluation.replay.domain import private_domain
from fishy_ros.evaluation.replay.request import DetectorChoice
from fishy_ros.evaluation.sources.dataset_source import DatasetSource
from fishy_ros.evaluation.sources.source import PlayFrame
from fishy_ros.node.dds import dds_environment

_PICTURES = 4


@dataclass(frozen=True)
class MeasuredNode:
    """A node that works; times are those of `time.perf_counter`."""

    detector: DetectorProcess
    player: ReplayPlayer
    pictures: tuple[PlayFrame, ...]
    """Rendered streets of the size that is asked for."""
    folder: Path
    """For files that go with the node."""
    started_at: float
    """When its process was started."""
    active_at: float
    """When it was configured and activated."""
    connected_at: float
    """When every topic was matched."""


@contextmanager
def measured_node(request: PathRequest) -> Iterator[MeasuredNode]:
    """Start the method of a request and connect to it; changes the environment of this process for good.

    Raises:
        FishyError: the node cannot be started, or does not answer.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fishy-bench-")))
        domain = stack.enter_context(private_domain())
        os.environ.update(_environment(request.method, domain))
        is_this = request.method == THIS_NODE
        choice = DetectorChoice(request.model, request.runtime, request.device, request.precision)
        command = detector_command(choice) if is_this else _baseline_command(choice)
        street = open_dataset("synthetic", frames=_PICTURES, height=request.height, width=request.width)
        pictures = tuple(DatasetSource(street).play_frames())
        player = stack.enter_context(ReplayPlayer(NodeAddress(), IMAGE_TYPE))
        started_at = time.perf_counter()
        detector = stack.enter_context(DetectorProcess(command, {}, folder / "detector.log"))
        if is_this:
            player.start_node(detector.check)
        active_at = time.perf_counter()
        player.connect(detector.check)
        yield MeasuredNode(detector, player, pictures, folder, started_at, active_at, time.perf_counter())


def _baseline_command(choice: DetectorChoice) -> list[str]:
    values = {"model": choice.model, "runtime": choice.runtime, "device": choice.device, "precision": choice.precision}
    return [
        *(sys.executable, "-u", "-m", "fishy_ros.evaluation.bench.probes.baseline_node"),
        *(word for key, value in values.items() for word in (f"--{key}", value)),
        *("--ros-args", "-r", f"image:={IMAGE_TOPIC}"),
    ]


def _environment(method: str, domain: int) -> Mapping[str, str]:
    variables = isolated_environment(domain)
    if method == BASELINE_NODE:
        for name in dds_environment({}):
            variables.pop(name, None)
            os.environ.pop(name, None)
    return variables
