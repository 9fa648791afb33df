"""The nodes of one process: one camera as usual, or several that share one engine."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fishy_ros.errors import ConfigError
from fishy_ros.node.engine_pool import EnginePool
from fishy_ros.topics import base_topic, camera_info_topic

if TYPE_CHECKING:
    from fishy_ros.node.node import DetectorNode

_PATTERNS: dict[str, str] = {
    "--image-topic": "{camera}/image_raw",
    "--camera-info-topic": "",
    "--depth-topic": "{camera}/aligned_depth_to_color/image_raw",
    "--odometry-topic": "odom",
}
"""Options that name topics, and their defaults."""

_CAMERA_NAME = re.compile(r"[A-Za-z_]\w*(/[A-Za-z_]\w*)*", re.ASCII)
"""A camera may have a namespace of its own, such as left/front."""


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line; its `cameras` are the names of cameras, each once, none for a node without a name.

    With `--cameras front rear` there is a node in the namespace of each camera, below `--namespace`. Topics are
    patterns in which `{camera}` is its name; relative ones are below `--namespace` too.

    Args:
        arguments: the command line without the name of the program, ROS arguments included.

    Raises:
        ConfigError: a camera is named twice, or its name cannot be a namespace of ROS.
    """
    from rclpy.utilities import remove_ros_args

    parser = argparse.ArgumentParser(prog="detector", description="Turns each camera image into an anomaly heatmap.")
    parser.add_argument("--cameras", nargs="+", default=[], help="names of cameras, served in turn by one engine")
    parser.add_argument("--namespace", default="/", help="namespace of all cameras; default: %(default)s")
    for option, default in _PATTERNS.items():
        parser.add_argument(
            option, default=default, help=f"pattern; default: {default or 'camera_info beside the images'}"
        )
    given = parser.parse_args(remove_ros_args([sys.argv[0], *arguments])[1:])
    cameras = [name.strip("/") for name in given.cameras]
    for name in cameras:
        if not _CAMERA_NAME.fullmatch(name):
            raise ConfigError(
                f"--cameras: {name!r} is not a valid camera name; expected letters, digits and _, the first no digit, "
                "and spaces between several"
            )
    if len(set(cameras)) < len(cameras):
        raise ConfigError(f"--cameras {' '.join(given.cameras)}: expected a different name for each camera")
    given.cameras = cameras
    return given


def make_nodes(given: argparse.Namespace) -> list[DetectorNode]:
    """Make the nodes that arguments ask for: one for each camera, or one.

    Raises:
        ConfigError: a parameter given at start is not allowed.
    """
    from fishy_ros.node.node import DetectorNode

    if not given.cameras:
        return [DetectorNode()]
    pool = EnginePool()
    nodes: list[DetectorNode] = []
    try:
        for camera in given.cameras:
            namespace = f"{_prefix(given.namespace)}/{camera}"
            # A launch file gives the whole process one namespace; only a rule of the node itself goes before that.
            remaps = {"__ns": namespace, **_topics(camera, given)}
            rules = [part for name, target in remaps.items() for part in ("-r", f"{name}:={target}")]
            nodes.append(DetectorNode(namespace, ["--ros-args", *rules], pool, bridges_log=not nodes))
    except BaseException:
        for node in nodes:
            node.close()
        raise
    return nodes


def _topics(camera: str, given: argparse.Namespace) -> dict[str, str]:
    """Return the topics of a camera by the names under which its node asks for them."""

    def resolve(pattern: str) -> str:
        topic = pattern.replace("{camera}", camera)
        return topic if topic.startswith(("/", "~")) else f"{_prefix(given.namespace)}/{topic}"

    image = base_topic(resolve(given.image_topic))
    return {
        "image": image,
        "image/compressed": f"{image}/compressed",
        "camera_info": resolve(given.camera_info_topic) if given.camera_info_topic else camera_info_topic(image),
        "depth": resolve(given.depth_topic),
        "odom": resolve(given.odometry_topic),
    }


def _prefix(namespace: str) -> str:
    """Return what names below a namespace begin with: `/robot`, or nothing for `/`."""
    return f"/{namespace.strip('/')}".rstrip("/")
