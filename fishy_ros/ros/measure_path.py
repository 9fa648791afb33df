"""One run of `fishy bench node`, in a process of its own, since a process keeps the DDS profile that it began with.

Reads a `PathRequest` as JSON from the standard input and writes the stages of every frame in ms as JSON to the
standard output.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from fishy_ros.bags.topics import IMAGE_TOPIC, IMAGE_TYPE
from fishy_ros.datasets.registry import open_dataset
from fishy_ros.errors import FishyError, ReplayError
from fishy_ros.replay.bus_path import (
    AGE,
    AROUND,
    ARRIVE,
    HANDLING,
    NAIVE_NODE,
    NODE_STAGES,
    PATH,
    THIS_NODE,
    PathRequest,
)
from fishy_ros.replay.dataset_source import DatasetSource
from fishy_ros.replay.detector_process import DetectorCommand, DetectorProcess
from fishy_ros.replay.domain import private_domain
from fishy_ros.replay.live import watched
from fishy_ros.replay.match import ROUND_TRIP, Playback, Recorder
from fishy_ros.replay.play import Lockstep, play, warm_up
from fishy_ros.replay.source import repeat
from fishy_ros.replay.spool import HeatmapSpool
from fishy_ros.ros.dds_profile import dds_environment
from fishy_ros.ros.replay_player import NodeAddress, ReplayPlayer
from fishy_ros.ros.replay_session import isolated_environment

_PICTURES = 4
_WARM_UP_FRAMES = 5
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class NaiveCommand:
    """The command line of the naive node."""

    request: PathRequest

    def arguments(self) -> list[str]:
        """Build the command line."""
        choice = {name: getattr(self.request, name) for name in ("model", "runtime", "device", "precision")}
        return [
            *(sys.executable, "-u", "-m", "fishy_ros.ros.naive_node"),
            *(word for key, value in choice.items() for word in (f"--{key}", value)),
            *("--ros-args", "-r", f"image:={IMAGE_TOPIC}"),
        ]


def measure(request: PathRequest) -> dict[str, object]:
    """Play frames one after the other through the contestant and return the stages of each, and how many were lost.

    Raises:
        FishyError: the node cannot be started, or does not answer.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fishy-bench-")))
        domain = stack.enter_context(private_domain())
        os.environ.update(_environment(request.contestant, domain))
        is_this = request.contestant == THIS_NODE
        command = (
            DetectorCommand(request.model, request.runtime, request.device, request.precision)
            if is_this
            else NaiveCommand(request)
        )
        detector = stack.enter_context(DetectorProcess(command, {}, folder / "detector.log"))
        player = stack.enter_context(ReplayPlayer(NodeAddress(), IMAGE_TYPE))
        if is_this:
            player.start_node(detector.check)
        player.connect(detector.check)
        street = open_dataset("synthetic", frames=_PICTURES, height=request.height, width=request.width)
        pictures = list(DatasetSource(street).play_frames())
        recorder = Recorder(stack.enter_context(HeatmapSpool(folder)))
        with watched(detector, recorder):
            warm_up(pictures[0], player, Recorder(stack.enter_context(HeatmapSpool(folder))))
            frames = repeat(pictures, request.frames + _WARM_UP_FRAMES)
            play(frames, player, recorder, Lockstep(_PATIENCE_S), lambda done: None)
        return _result(recorder.playback())


def _environment(contestant: str, domain: int) -> Mapping[str, str]:
    variables = isolated_environment(domain)
    if contestant == NAIVE_NODE:
        for name in dds_environment({}):
            variables.pop(name, None)
            os.environ.pop(name, None)
    return variables


def _result(playback: Playback) -> dict[str, object]:
    counted = playback.frames[_WARM_UP_FRAMES:]
    answered = [_stages(frame.stages_ms) for frame in counted if frame.slot is not None and AGE in frame.stages_ms]
    if not answered:
        raise ReplayError("no frame came back with its latency")
    return {"stages_ms": answered, "lost": sum(frame.slot is None for frame in counted)}


def _stages(reported: Mapping[str, float]) -> dict[str, float]:
    """Break the age of a heatmap down so that it adds up, whatever the node says of the time before it decodes."""
    own = {stage: reported[stage] for stage in NODE_STAGES if stage in reported}
    return {
        ARRIVE: reported[AGE] - sum(own.values()),
        **own,
        HANDLING: sum(own.values()) - own["inference"],
        AGE: reported[AGE],
        AROUND: reported[AGE] - own["inference"],
        ROUND_TRIP: reported[ROUND_TRIP],
        PATH: reported[ROUND_TRIP] - own["inference"],
    }


def main() -> None:
    """Measure what the standard input asks for; an expected error ends the process with one line and status 2."""
    try:
        result = measure(PathRequest(**json.load(sys.stdin)))
    except FishyError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
