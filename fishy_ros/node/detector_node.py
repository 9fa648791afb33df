"""The detector: a lifecycle node that turns each camera image into an anomaly heatmap."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rclpy
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions, install_signal_handlers
from rclpy.utilities import get_default_context, try_shutdown

from fishy_ros.drift.monitor import Drift
from fishy_ros.errors import ConfigError, FishyError, describe_error
from fishy_ros.node.active_run import ActiveRun
from fishy_ros.node.allocator import give_back_free_blocks
from fishy_ros.node.dds_profile import dds_environment
from fishy_ros.node.diagnostics import ACTIVE, Deadlines, Observation
from fishy_ros.node.diagnostics_publisher import DiagnosticsPublisher
from fishy_ros.node.distributions import steady_clock
from fishy_ros.node.fallback_levels import FallbackLevels
from fishy_ros.node.frame_counters import FrameCounters
from fishy_ros.node.log_bridge import LogBridge
from fishy_ros.node.log_folder import log_arguments
from fishy_ros.node.parameter_server import ParameterServer
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.publishers import Publishers
from fishy_ros.node.sequence_gaps import SequenceGaps
from fishy_ros.node.spinning import refuse_impossible_transitions, spin_until_shutdown
from fishy_ros.node.stamp_order import StampOrder
from fishy_ros.node.watchdog import Action, Watchdog

WATCH_PERIOD_S: float = 0.2


class DetectorNode(LifecycleNode):
    """Configure loads the model, activate starts work, deactivate stops it and frees the device.

    A transition that fails leaves the node alive, in the state it was in, with the reason on
    `/diagnostics`.

    Raises:
        ConfigError: a parameter given at start is not allowed.
    """

    def __init__(self) -> None:
        super().__init__("detector")
        self._log_bridge = LogBridge(self.get_logger())
        self._state = "unconfigured"
        self._failure = ""
        self._callback_failure = ""
        self._troubles: frozenset[str] = frozenset()
        self._abandoned = 0
        self._levels: FallbackLevels | None = None
        self._outputs: Publishers | None = None
        self._run: ActiveRun | None = None
        self._counters = FrameCounters()
        self._order = StampOrder()
        self._gaps = SequenceGaps()
        self._watchdog = Watchdog()
        self._settings = ParameterServer(self, is_configured=lambda: self._outputs is not None)
        self._reporter = DiagnosticsPublisher(self, self._observe, lambda: self._settings.current)
        self.create_timer(WATCH_PERIOD_S, self._watch, clock=steady_clock())
        refuse_impossible_transitions(self)

    @property
    def starts_by_itself(self) -> bool:
        """Whether the node is meant to configure and activate without a lifecycle manager."""
        return self._settings.current.autostart

    @property
    def has_hung(self) -> bool:
        """Whether a thread may still be inside a runtime that was abandoned."""
        return self._abandoned > 0

    def start(self) -> None:
        """Configure and activate; what fails is logged, and the node stays as it is."""
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def note_callback_failure(self, error: Exception) -> None:
        """Log an exception that no callback expected, and name it in the next diagnostics."""
        self._callback_failure = f"a callback failed: {describe_error(error)}"
        self.get_logger().error(self._callback_failure, throttle_duration_sec=1.0)

    def close(self) -> None:
        """Stop work and leave the bus."""
        self._release()
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
        if self._failure:
            return TransitionCallbackReturn.ERROR
        self._stop()
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
        self._state = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        self._open_levels()
        self._outputs = Publishers(self)

    def _activate(self, state: LifecycleState) -> None:
        levels = self._open_levels()
        super().on_activate(state)
        self._counters, self._order, self._gaps, self._watchdog = (
            FrameCounters(),
            StampOrder(),
            SequenceGaps(),
            Watchdog(),
        )
        self._run = self._new_run(levels)
        # What exists now lives as long as the run: the collector need not walk through it again and again.
        gc.collect()
        gc.freeze()

    def _attempt(self, transition: str, change: Callable[[], None], state: str) -> TransitionCallbackReturn:
        try:
            change()
        except FishyError as error:
            self._fail(transition, error)
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # rclpy would treat it as an error, too, but say nothing of it
            self._fail(transition, error)
            return TransitionCallbackReturn.ERROR
        return self._succeed(state)

    def _open_levels(self) -> FallbackLevels:
        if self._levels is not None:
            self._levels.reload()
            return self._levels
        wanted = self._settings.current
        self.get_logger().info(f"loading model {wanted.model}: runtime {wanted.runtime}, {wanted.precision}")
        levels = self._levels = FallbackLevels(wanted)
        info = levels.current.runtime_info
        self.get_logger().info(f"{levels.current.package.name} runs on {info.name} {info.version}: {info.detail}")
        if wanted.frame_deadline_ms > 0.0:
            loaded = ", ".join((*levels.configurations[1:], *levels.left_out)) or "the model has none"
            self.get_logger().info(f"cheaper configurations for a missed deadline: {loaded}")
        return levels

    def _watch(self) -> None:
        run, settings = self._run, self._settings.current
        if run is None:
            return
        self._report_new_trouble(run, settings)
        published = self._counters.totals().published
        action = self._watchdog.check(time.monotonic(), run.busy_s, published, settings)
        if action is Action.RESTART:
            self._restart(run)
        elif action is Action.GIVE_UP:
            self._failure = f"the runtime hangs, even after {self._watchdog.restarts} restarts"
            self.get_logger().error(self._failure)
            self._abandon(run)
            self.trigger_deactivate()

    def _restart(self, run: ActiveRun) -> None:
        self.get_logger().error(f"no answer from the runtime for {run.busy_s:.1f} s: restarting it")
        self._abandon(run)
        try:
            self._run = self._new_run(self._open_levels())
        except Exception as error:  # whatever it is, the node is not to look active without a run
            self._fail("restart", error)
            self.trigger_deactivate()

    def _new_run(self, levels: FallbackLevels) -> ActiveRun:
        assert self._outputs is not None, "a node that is not configured has no outputs"
        return ActiveRun(
            self, levels, self._outputs, lambda: self._settings.current, self._counters, self._order, self._gaps
        )

    def _report_new_trouble(self, run: ActiveRun, settings: DetectorParameters) -> None:
        """Publish diagnostics ahead of their time when the engine gets stuck, fails, is too slow or is misled."""
        states = {
            "late": run.busy_s > settings.inference_deadline_s,
            "failing": self._counters.totals().is_failing,
            "degraded": self._levels is not None and self._levels.degradation.level > 0,
            "drifting": bool(run.drift().reasons),
        }
        troubles = frozenset(name for name, holds in states.items() if holds)
        if troubles - self._troubles:
            self._reporter.publish()
        self._troubles = troubles

    def _abandon(self, run: ActiveRun) -> None:
        run.abandon(f"no answer from the runtime for {run.busy_s:.1f} s")
        if self._levels is not None:
            self._levels.abandon_current()
        self._run = None
        self._abandoned += 1

    def _stop(self) -> None:
        if self._run is not None and not self._run.stop():
            self.get_logger().error("a frame is still in work after 5 s")
            self._abandon(self._run)
        if self._levels is not None:
            self._levels.close()
        self._run = self._levels = None
        gc.unfreeze()
        give_back_free_blocks()

    def _release(self) -> None:
        self._stop()
        if self._outputs is not None:
            self._outputs.destroy()
        self._outputs = None

    def _succeed(self, state: str) -> TransitionCallbackReturn:
        self._state, self._failure = state, ""
        self.get_logger().info(f"now {state}")
        return TransitionCallbackReturn.SUCCESS

    def _fail(self, transition: str, error: Exception) -> None:
        if not self.context.ok():
            return  # interrupted, whatever else it looks like
        self._failure = f"{transition} failed: {describe_error(error)}"
        self.get_logger().error(self._failure)

    def _observe(self) -> Observation:
        run, levels = self._run, self._levels
        fallbacks = levels.warnings if levels is not None else ()
        failures = tuple(filter(None, (self._failure, self._callback_failure)))
        self._callback_failure = ""
        mismatches = tuple(problem for part in (run, self._outputs) if part is not None for problem in part.problems)
        return Observation(
            at=time.monotonic(),
            state=self._state,
            active_since=run.started_at if run is not None else None,
            totals=self._counters.totals(),
            busy_s=run.busy_s if run is not None else 0.0,
            engine=_describe_engine(levels) if levels is not None else {},
            failures=failures,
            warnings=fallbacks + mismatches,
            deadlines=_describe_deadlines(levels) if levels is not None else Deadlines(),
            drift=run.drift() if run is not None else Drift(),
            latencies_ms=run.latencies.percentiles() if run is not None else {},
        )


def run_node() -> None:
    """Run the node until it is interrupted; exit status 2 if a parameter given at start is not allowed."""
    os.environ.update(dds_environment())
    rclpy.init(args=[*sys.argv, *log_arguments(os.environ)], signal_handler_options=SignalHandlerOptions.NO)
    # The handlers of rclpy end its context. KeyboardInterrupt as well would come at any point, within libraries that
    # are being loaded, too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    install_signal_handlers(SignalHandlerOptions.ALL)
    node = None
    try:
        with _until_shutdown():
            node = DetectorNode()
            if node.starts_by_itself:
                node.start()
            spin_until_shutdown(node, node.note_callback_failure)
    except ConfigError as error:
        print(f"detector: {error}", file=sys.stderr)
        sys.exit(2)
    finally:
        if node is not None:
            node.close()
        try_shutdown()
    if node is not None and node.has_hung:
        # To tear the interpreter down under a thread that is inside a runtime would abort the process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


@contextmanager
def _until_shutdown() -> Iterator[None]:
    """Forgive what goes wrong because SIGINT or SIGTERM ended the context of ROS in the midst of it."""
    try:
        yield
    except Exception:
        if get_default_context().ok():
            raise


def _describe_engine(levels: FallbackLevels) -> dict[str, str]:
    if levels.in_use is None:
        return {}
    info, package = levels.in_use.runtime_info, levels.in_use.package
    return {
        "model": package.name,
        "model_version": package.version,
        "runtime": f"{info.name} {info.version}",
        "device": info.device,
        "runtime_detail": info.detail,
    }


def _describe_deadlines(levels: FallbackLevels) -> Deadlines:
    degradation = levels.degradation
    return Deadlines(levels.configuration, degradation.missed, degradation.degraded_since)
