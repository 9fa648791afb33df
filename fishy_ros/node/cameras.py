"""The nodes of one process: one camera as usual, or several that share one engine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fishy_ros.errors import ConfigError
from fishy_ros.node.engine_pool import EnginePool

if TYPE_CHECKING:
    from fishy_ros.node.node import DetectorNode


def make_nodes(arguments: Sequence[str]) -> list[DetectorNode]:
    """Make the nodes that a command line asks for.

    Without `--cameras` that is one node. With `--cameras front rear` there is a node in the namespace of each camera,
    and topics are patterns in which `{camera}` is its name.

    Args:
        arguments: the command line without the name of the program, ROS arguments included.

    Raises:
        ConfigError: a camera is named twice, or a parameter given at start is not allowed.
    """
    from rclpy.utilities import remove_ros_args

    from fishy_ros.node.node import DetectorNode

    parser = argparse.ArgumentParser(prog="detector", description="Turns each camera image into an anomaly heatmap.")
    parser.add_argument("--cameras", nargs="+", default=[], help="names of cameras, served in turn by one engine")
    parser.add_argument("--image-topic", default="/{camera}/image_raw", help="pattern; default: %(default)s")
    parser.add_argument("--camera-info-topic", default="/{camera}/camera_info", help="pattern; default: %(default)s")
    given = parser.parse_args(remove_ros_args([sys.argv[0], *arguments])[1:])
    if not given.cameras:
        return [DetectorNode()]
    if len(set(given.cameras)) < len(given.cameras):
        raise ConfigError(f"--cameras {' '.join(given.cameras)}: expected a different name for each camera")
    pool = EnginePool()
    nodes: list[DetectorNode] = []
    try:
        for camera in (name.strip("/") for name in given.cameras):
            image, info = (text.replace("{camera}", camera) for text in (given.image_topic, given.camera_info_topic))
            remaps = {"image": image, "image/compressed": f"{image}/compressed", "camera_info": info}
            rules = [part for topic, target in remaps.items() for part in ("-r", f"{topic}:={target}")]
            nodes.append(DetectorNode(f"/{camera}", ["--ros-args", *rules], pool, bridges_log=not nodes))
    except BaseException:
        for node in nodes:
            node.close()
        raise
    return nodes
