"""The executable `replay`: play a bag through a running detector and score it, configured by ROS parameters."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.utilities import try_shutdown

from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.live.run_replay import run_replay
from fishy_ros.evaluation.replay.request import LiveOptions, ReplayRequest
from fishy_ros.evaluation.report.table import result_table
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.failures import describe_failure
from fishy_ros.node.dds import dds_environment
from fishy_ros.node.ros_start import init_ros

PARAMETERS: tuple[tuple[str, Any, str], ...] = (
    ("bag", "", "Bag to play: a folder, or an .mcap or .db3 file."),
    ("bag_image_topic", "", "Camera of the bag; needed where it has several."),
    ("rate", 0.0, "Frames a second; 0 plays at the rate of the bag."),
    ("lockstep", False, "Play each frame only after the heatmap of the previous one."),
    ("timeout_s", 30.0, "In lockstep, seconds to wait for a heatmap."),
    ("image_topic", "/camera/image_raw", "Topic on which the images are played."),
    ("detector", "detector", "Name of the detector node; without a leading slash in the namespace of this node."),
    ("scorer", True, "Write a report into `out`; otherwise only print the table."),
    ("out", "fishy_replay", "Folder of the report."),
    ("video", False, "Write the overlays as a video."),
)
"""Name, default and meaning of every parameter."""


def read_request(node: Node) -> ReplayRequest:
    """Declare the parameters on `node` and read what is to be replayed.

    Raises:
        ConfigError: a value is outside its range, or no bag is named.
    """
    values = {
        name: node.declare_parameter(name, default, ParameterDescriptor(description=meaning, read_only=True)).value
        for name, default, meaning in PARAMETERS
    }
    return ReplayRequest(
        source=SourceChoice(
            bag=Path(values["bag"]) if values["bag"] else None, image_topic=values["bag_image_topic"] or None
        ),
        live=LiveOptions(
            rate_hz=values["rate"] or None,
            lockstep=values["lockstep"],
            timeout_s=values["timeout_s"],
            attach=node.resolve_topic_name(values["detector"]),
            image_topic=values["image_topic"],
        ),
        out=Path(values["out"]) if values["scorer"] else None,
        video=values["video"],
    )


def main() -> None:
    """Play, score, print the table, and end; exit status 2 after an expected error, 130 when interrupted."""
    os.environ.update(dds_environment())
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        init_ros(sys.argv)
    except ConfigError as error:
        print(f"replay: {error}", file=sys.stderr)
        sys.exit(2)
    node = rclpy.create_node("replay")
    logger = node.get_logger()

    def start_stage(stage: str, total: int) -> Any:
        logger.info(f"{stage} ({total} frames)" if total else stage)
        return lambda done: None

    status = 0
    try:
        print(result_table(run_replay(read_request(node), start_stage)), flush=True)
    except KeyboardInterrupt:
        logger.warning("interrupted; no report was written")
        status = 130
    except Exception as error:
        reason = describe_failure(error)
        if reason is None:
            raise
        logger.error(reason)
        status = 2
    finally:
        node.destroy_node()
        try_shutdown()
    sys.exit(status)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
