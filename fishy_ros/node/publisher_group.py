"""Publishers that are made and taken away together."""

from __future__ import annotations

from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import QoSProfile

from fishy_ros.node.qos import QosMismatches


class PublisherGroup:
    """Publishers of a node; subscribers whose quality of service does not fit are noted in `mismatches`."""

    def __init__(self, node: LifecycleNode, mismatches: QosMismatches) -> None:
        """Start without publishers."""
        self._node, self._mismatches = node, mismatches
        self._all: list[LifecyclePublisher] = []

    def create(self, message_type: type, topic: str, qos: QoSProfile) -> LifecyclePublisher:
        """Create a publisher, which lives until `destroy`."""
        publisher: LifecyclePublisher = self._node.create_lifecycle_publisher(
            message_type, topic, qos, event_callbacks=self._mismatches.of_publisher(topic)
        )
        self._all.append(publisher)
        return publisher

    def destroy(self) -> None:
        """Take every topic off the bus."""
        for publisher in self._all:
            self._node.destroy_lifecycle_publisher(publisher)


def is_wanted(publisher: LifecyclePublisher | None) -> bool:
    """Say whether there is a publisher, and anybody subscribes to it."""
    return publisher is not None and publisher.get_subscription_count() > 0
