"""What the parts of the detector node share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rclpy.lifecycle import LifecycleNode

from fishy_ros.errors import describe_error
from fishy_ros.node.counters import FrameCounters
from fishy_ros.node.discovery import DiscoveryWatch
from fishy_ros.node.engine_pool import EnginePool
from fishy_ros.node.fallback import FallbackLevels
from fishy_ros.node.obstacle_finder import ObstacleFinder
from fishy_ros.node.parameter_server import ParameterServer
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.publishers import Publishers
from fishy_ros.node.stamps import SequenceGaps, StampOrder

if TYPE_CHECKING:
    from fishy_ros.node.inference_loop import InferenceLoop


@dataclass
class DetectorState:
    """The one object that the node makes and hands once to each of its parts.

    Only the executor's thread changes the fields. The objects in them guard themselves where other threads use them.
    A part that outlives a restart keeps what it was started with, and does not look here again.
    """

    node: LifecycleNode
    settings: ParameterServer
    pool: EnginePool | None = None
    """Engines that the nodes of this process share; None where the node has its own."""
    label: str = "unconfigured"
    """Label of the lifecycle state."""
    failure: str = ""
    """Why the last transition failed."""
    callback_failure: str = ""
    """What a callback raised since the last diagnostics."""
    outputs: Publishers | None = None
    """There while the node is configured."""
    levels: FallbackLevels | None = None
    """There while engines are loaded."""
    loop: InferenceLoop | None = None
    """There while the node is active and its runtime is not being restarted."""
    finder: ObstacleFinder | None = None
    """There while the node is active; it follows regions through restarts of the runtime."""
    counters: FrameCounters = field(default_factory=FrameCounters)
    order: StampOrder = field(default_factory=StampOrder)
    gaps: SequenceGaps = field(default_factory=SequenceGaps)
    discovery: DiscoveryWatch = field(default_factory=DiscoveryWatch)

    @property
    def parameters(self) -> DetectorParameters:
        """The values that hold now."""
        return self.settings.current

    def count_anew(self) -> None:
        """Begin new counts and a new order of stamps, as at an activation."""
        self.counters, self.order, self.gaps = FrameCounters(), StampOrder(), SequenceGaps()

    def note_failure(self, what: str, error: Exception) -> None:
        """Log what failed, for good until a transition succeeds; nothing while the process is being interrupted."""
        if not self.node.context.ok():
            return
        self.failure = f"{what} failed: {describe_error(error)}"
        self.node.get_logger().error(self.failure)
