"""Name the endpoints whose quality of service does not fit the node's, for as long as they are there."""

from __future__ import annotations

from itertools import product

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSPolicyKind, qos_check_compatible
from rclpy.topic_endpoint_info import TopicEndpointInfo

from fishy_ros.node.compat import (
    PublisherEventCallbacks,
    QoSOfferedIncompatibleQoSInfo,
    QoSRequestedIncompatibleQoSInfo,
    SubscriptionEventCallbacks,
)


class QosMismatches:
    """What does not fit the topics of a node.

    The middleware tells once of an endpoint that does not fit, and with which policy, but never that it has gone. So
    what it told is remembered, and named while the graph has such an endpoint.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._told: dict[str, str] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps endpoints from hearing each other, one line a topic."""
        counted = [(self._count_unfit(topic), words) for topic, words in self._told.items()]
        return tuple(f"{count} {words}" for count, words in counted if count)

    def of_subscription(self, topic: str) -> SubscriptionEventCallbacks:
        """Return what takes note of publishers that do not fit a subscription of the node."""

        def note(info: QoSRequestedIncompatibleQoSInfo) -> None:
            self._told[topic] = f"publishers of {topic} offer an incompatible {_policy(info.last_policy_kind)}"

        return SubscriptionEventCallbacks(incompatible_qos=note)

    def of_publisher(self, topic: str) -> PublisherEventCallbacks:
        """Return what takes note of subscribers that do not fit a publisher of the node."""

        def note(info: QoSOfferedIncompatibleQoSInfo) -> None:
            self._told[topic] = f"subscribers of {topic} ask for an incompatible {_policy(info.last_policy_kind)}"

        return PublisherEventCallbacks(incompatible_qos=note)

    def _count_unfit(self, topic: str) -> int:
        name = self._node.resolve_topic_name(topic)
        offers, asks = self._node.get_publishers_info_by_topic(name), self._node.get_subscriptions_info_by_topic(name)
        unfit = [(offer, ask) for offer, ask in product(offers, asks) if not _fit(offer, ask)]
        of_others = [ask for offer, ask in unfit if self._is_ours(offer)]
        of_others += [offer for offer, ask in unfit if self._is_ours(ask)]
        return len({tuple(endpoint.endpoint_gid) for endpoint in of_others})

    def _is_ours(self, endpoint: TopicEndpointInfo) -> bool:
        ours = (self._node.get_name(), self._node.get_namespace())
        return (endpoint.node_name, endpoint.node_namespace) == ours


def _policy(kind: int) -> str:
    return QoSPolicyKind(kind).name.lower()


def _fit(offer: TopicEndpointInfo, ask: TopicEndpointInfo) -> bool:
    compatibility, _ = qos_check_compatible(offer.qos_profile, ask.qos_profile)
    return bool(compatibility != QoSCompatibility.ERROR)
