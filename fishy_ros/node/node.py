"""The detector: a lifecycle node that turns each camera image into an anomaly heatmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from fishy_ros.errors import FishyError, describe_error
from fishy_ros.node.dds import shared_memory_problem
from fishy_ros.node.diagnostics import ACTIVE, DiagnosticsPublisher
from fishy_ros.node.engine_pool import EnginePool
from fishy_ros.node.logs import LogBridge
from fishy_ros.node.parameter_server import ParameterServer
from fishy_ros.node.publishers import Publishers
from fishy_ros.node.state import DetectorState
from fishy_ros.node.supervisor import Supervisor


class DetectorNode(LifecycleNode):
    """Configure loads the model, activate starts work, deactivate stops it and frees the device.

    A transition that fails leaves the node alive, in the state it was in, with the reason on
    `/diagnostics`.

    Raises:
        ConfigError: a parameter given at start is not allowed.
    """

    def __init__(
        self,
        namespace: str | None = None,
        cli_args: Sequence[str] = (),
        pool: EnginePool | None = None,
        bridges_log: bool = True,
    ) -> None:
        """Make a node of a process.

        Args:
            namespace: of the node, where several cameras have one each.
            cli_args: ROS arguments for this node alone, such as its remappings.
            pool: engines that it shares with the other nodes.
            bridges_log: whether what the library logs goes to the log of this node.
        """
        super().__init__("detector", namespace=namespace, cli_args=list(cli_args))
        self._log_bridge = LogBridge(self.get_logger()) if bridges_log else None
        settings = ParameterServer(self, is_configured=lambda: self._shared.outputs is not None)
        self._shared = DetectorState(self, settings, pool)
        reporter = DiagnosticsPublisher(self._shared)
        self._supervisor = Supervisor(self._shared, reporter.publish)
        _refuse_impossible_transitions(self)

    @property
    def starts_by_itself(self) -> bool:
        """Whether the node is meant to configure and activate without a lifecycle manager."""
        return self._shared.parameters.autostart

    @property
    def has_hung(self) -> bool:
        """Whether a thread may still be inside a runtime that was abandoned."""
        return self._supervisor.has_hung

    def start(self) -> None:
        """Configure and activate; what fails is logged, and the node stays as it is."""
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def note_callback_failure(self, error: Exception) -> None:
        """Log an exception that no callback expected, and name it in the next diagnostics."""
        self._shared.callback_failure = f"a callback failed: {describe_error(error)}"
        self.get_logger().error(self._shared.callback_failure, throttle_duration_sec=1.0)

    def note_shared_memory(self) -> None:
        """Log at start where large images will be lost for want of shared memory."""
        problem = shared_memory_problem()
        if problem:
            self.get_logger().warning(problem)

    def close(self) -> None:
        """Stop work and leave the bus."""
        self._release()
        if self._log_bridge is not None:
            self._log_bridge.close()
        self.destroy_node()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and create the publishers."""
        return self._attempt("configure", self._configure, "inactive")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take the device, subscribe to the camera and start to work."""
        return self._attempt("activate", lambda: self._activate(state), ACTIVE)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, let the frame in work finish, and free the device."""
        if self._shared.failure:
            return TransitionCallbackReturn.ERROR
        self._supervisor.stop()
        super().on_deactivate(state)
        return self._succeed("inactive")

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the model and take the topics off the bus."""
        self._release()
        return self._succeed("unconfigured")

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop from any state."""
        self._release()
        return self._succeed("finalized")

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give everything back after a transition that raised; the node can be configured again."""
        self._release()
        self._shared.label = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        self._supervisor.load()
        self._shared.outputs = Publishers(self)

    def _activate(self, state: LifecycleState) -> None:
        self._supervisor.load()
        super().on_activate(state)
        self._supervisor.start()

    def _release(self) -> None:
        self._supervisor.stop()
        if self._shared.outputs is not None:
            self._shared.outputs.destroy()
        self._shared.outputs = None

    def _attempt(self, transition: str, change: Callable[[], None], label: str) -> TransitionCallbackReturn:
        try:
            change()
        except FishyError as error:
            self._shared.note_failure(transition, error)
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # rclpy would treat it as an error, too, but say nothing of it
            self._shared.note_failure(transition, error)
            return TransitionCallbackReturn.ERROR
        return self._succeed(label)

    def _succeed(self, label: str) -> TransitionCallbackReturn:
        self._shared.label, self._shared.failure = label, ""
        self.get_logger().info(f"now {label}")
        return TransitionCallbackReturn.SUCCESS


def _refuse_impossible_transitions(node: LifecycleNode) -> None:
    """Let the service that changes the state refuse a transition which the state does not have.

    rclpy raises out of the service's callback instead, and the caller never gets an answer.
    """
    service = node._service_change_state
    change_state = service.callback

    def change_or_refuse(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except Exception as error:
            node.get_logger().warning(f"transition refused: {error}")
            response.success = False
            return response

    service.callback = change_or_refuse
