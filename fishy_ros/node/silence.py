"""Why no image comes: what the graph knows of the topic, of its publishers, and of topics that were meant instead."""

from __future__ import annotations

from collections.abc import Iterable

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
SUFFIX = "/compressed"
LATENCY = "/latency_ms"
NAME_UNKNOWN = "_NODE_NAME_UNKNOWN_"
"""What the middleware calls a node of which it has heard only the endpoints so far."""
_SHOWN = 3
"""So many publishers or topics are named."""


def describe_silence(node: Node, topic: str, transport: str, lost: int) -> str:
    """Say what keeps images from a node that listens to `topic`.

    Args:
        node: whose view of the graph counts.
        topic: resolved name.
        transport: `raw` or `compressed`.
        lost: messages that the middleware lost since the activation.
    """
    publishers = node.get_publishers_info_by_topic(topic)
    wanted = RAW if transport == "raw" else COMPRESSED
    if not publishers:
        parts = [f"nobody publishes {topic}", *_meant_instead(node, topic, transport, wanted)]
    else:
        named = ", ".join(_describe(one) for one in publishers[:_SHOWN])
        parts = [f"{topic} has {len(publishers)} publishers: {named}"]
        if any(one.topic_type != wanted for one in publishers):
            other = "compressed" if transport == "raw" else "raw"
            parts.append(f"expected the type {wanted}; image_transport {other} may be meant")
        else:
            parts.append(_why_messages_vanish(lost))
    return "; ".join(parts)


def describe_topics(node: Node, topics: list[str]) -> str:
    """Return names and numbers of publishers of topics, for the log."""
    return ", ".join(f"{topic} ({node.count_publishers(topic)} publishers)" for topic in topics)


def _meant_instead(node: Node, topic: str, transport: str, wanted: str) -> list[str]:
    """Name topics with a publisher that may have been meant."""
    parts = []
    plain = topic
    while plain.endswith(SUFFIX):
        plain = plain[: -len(SUFFIX)]
    if topic.endswith(SUFFIX * 2):
        parts.append(f"the topic ends in {SUFFIX} twice: name it without, image_transport compressed adds it")
    elif topic.endswith(SUFFIX) and transport == "raw":
        parts.append(f"for a compressed topic set image_transport to compressed, and the topic to {plain}")
    types = dict(node.get_topic_names_and_types())
    sibling = f"{plain}{SUFFIX}" if transport == "raw" else plain
    if sibling != topic and node.count_publishers(sibling):
        other = "compressed" if transport == "raw" else "raw"
        parts.append(f"{sibling} has a publisher: image_transport {other} may be meant")
    detectors = tuple(f"{name}/" for name in _detectors(types))
    others = sorted(
        name
        for name, kinds in types.items()
        if wanted in kinds
        and name not in (topic, sibling)
        and not name.startswith(detectors)
        and node.count_publishers(name)
    )
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        parts.append(f"images are published on {', '.join(others[:_SHOWN])}{more}")
    if not parts:
        parts.append("is the camera's driver running, and in the same ROS_DOMAIN_ID?")
    return parts


def _detectors(topics: Iterable[str]) -> set[str]:
    """Return the names of the detectors whose topics are there, of which this node is one: none of them is a camera."""
    names = set(topics)
    parents = {name.removesuffix(LATENCY) for name in names if name.endswith(LATENCY)}
    return {parent for parent in parents if f"{parent}/heatmap" in names}


def _describe(endpoint: TopicEndpointInfo) -> str:
    name = f"{endpoint.node_namespace.rstrip('/')}/{endpoint.node_name}"
    if endpoint.node_name == NAME_UNKNOWN:
        name = "a node whose name is not known yet"
    return f"{name} ({endpoint.topic_type}, {describe_qos(endpoint.qos_profile)})"


def describe_qos(qos: QoSProfile) -> str:
    """Return reliability and durability in words.

    >>> describe_qos(QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE))
    'reliable, volatile'
    """
    durability = DurabilityPolicy.VOLATILE
    if qos.durability == DurabilityPolicy.TRANSIENT_LOCAL:
        durability = DurabilityPolicy.TRANSIENT_LOCAL
    return f"{ReliabilityPolicy(qos.reliability).name.lower()}, {durability.name.lower()}"


def _why_messages_vanish(lost: int) -> str:
    profile = "config/fastdds_large_images.xml (FASTRTPS_DEFAULT_PROFILES_FILE, from Kilted on FASTDDS_...)"
    if lost:
        return f"{lost} messages were lost: give the publisher the profile {profile}, as this node has it"
    return f"if it does publish, its images may be too large for its middleware's defaults: give it {profile}"
