"""Start and stop the work of the node, notice an inference that hangs, and restart or abandon it."""

from __future__ import annotations

import enum
import gc
import time
from collections.abc import Callable

from fishy_ros.node.compat import steady_clock
from fishy_ros.node.engine_opening import Opener
from fishy_ros.node.fallback import FallbackLevels
from fishy_ros.node.heap import give_back_free_blocks
from fishy_ros.node.inference_loop import InferenceLoop
from fishy_ros.node.obstacle_finder import ObstacleFinder
from fishy_ros.node.obstacle_inputs import ObstacleInputs
from fishy_ros.node.obstacle_messages import class_names
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.state import DetectorState

WATCH_PERIOD_S: float = 0.2

STANDSTILL_S: float = 1.0
"""A watchdog that was not asked for longer than this was held up with all of its process."""


class Action(enum.Enum):
    """What a watchdog asks for."""

    NOTHING = enum.auto()
    RESTART = enum.auto()
    """Abandon the hanging runtime and start another."""
    GIVE_UP = enum.auto()
    """The runtime hangs again and again: stop, with an error."""


class Watchdog:
    """Count restarts in a row; a frame that gets through ends the row.

    Where the watchdog itself was not asked for a while, the whole process stood still (it was frozen, or starved), and
    that says nothing about the runtime.
    """

    def __init__(self) -> None:
        self._restarts = 0
        self._published = 0
        self._asked_at: float | None = None
        self._busy_s = 0.0
        self._excused_s = 0.0

    @property
    def restarts(self) -> int:
        """Restarts since the last frame that got through."""
        return self._restarts

    def check(self, now: float, busy_s: float, published: int, parameters: DetectorParameters) -> Action:
        """Judge a frame that has been in work for `busy_s` seconds at a monotonic time `now` in s.

        `published` counts the frames that got through.
        """
        if published > self._published:
            self._published, self._restarts = published, 0
        self._excuse_standstill(now, busy_s)
        if busy_s - self._excused_s <= parameters.hang_timeout_s:
            return Action.NOTHING
        if self._restarts >= parameters.max_restarts:
            return Action.GIVE_UP
        self._restarts += 1
        return Action.RESTART

    def _excuse_standstill(self, now: float, busy_s: float) -> None:
        silent_s = now - self._asked_at if self._asked_at is not None else 0.0
        if busy_s < self._busy_s:
            self._busy_s = self._excused_s = 0.0
        if silent_s > STANDSTILL_S:
            self._excused_s += min(silent_s, busy_s - self._busy_s)
        self._asked_at, self._busy_s = now, busy_s


class Supervisor:
    """The engines and the inference loop of a node, from `load` to `release`; watched every `WATCH_PERIOD_S`."""

    def __init__(self, state: DetectorState, report: Callable[[], None]) -> None:
        """Start to watch; `report` publishes diagnostics ahead of their time."""
        self._state = state
        self._report = report
        self._logger = state.node.get_logger()
        self._watchdog = Watchdog()
        self._troubles: frozenset[str] = frozenset()
        self._abandoned = 0
        # The timer keeps going where the simulated clock stands still.
        state.node.create_timer(WATCH_PERIOD_S, self._watch, clock=steady_clock())

    @property
    def has_hung(self) -> bool:
        """Whether a thread may still be inside a runtime that was abandoned."""
        pool = self._state.pool
        return self._abandoned > 0 or (pool is not None and pool.has_hung)

    def load(self) -> FallbackLevels:
        """Load the engines, or those of them that were abandoned.

        Raises:
            FishyError: the configuration that the parameters ask for cannot be loaded.
        """
        state = self._state
        if state.levels is not None:
            state.levels.reload()
            return state.levels
        wanted = state.parameters
        self._logger.info(f"loading model {wanted.model}: runtime {wanted.runtime}, {wanted.precision}")
        opener = Opener(state.node.get_fully_qualified_name(), lambda: not state.node.context.ok())
        levels = state.levels = FallbackLevels(wanted, state.pool, opener)
        info = levels.current.runtime_info
        self._logger.info(f"{levels.current.package.name} runs on {info.name} {info.version}: {info.detail}")
        if wanted.frame_deadline_ms > 0.0:
            loaded = ", ".join((*levels.configurations[1:], *levels.left_out)) or "the model has none"
            self._logger.info(f"cheaper configurations for a missed deadline: {loaded}")
        return levels

    def start(self) -> None:
        """Count anew and start the inference loop; the engines are loaded."""
        self._state.count_anew()
        self._open_finder()
        self._watchdog = Watchdog()
        self._state.loop = InferenceLoop(self._state)
        # What exists now lives as long as the loop: the collector need not walk through it again and again.
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """Let the frame in work finish, and free the device."""
        state = self._state
        if state.loop is not None and not state.loop.stop():
            self._logger.error("a frame is still in work after 5 s")
            self._abandon(state.loop)
        if state.levels is not None:
            state.levels.close()
        if state.finder is not None:
            state.finder.close()
        state.loop = state.levels = state.finder = None
        gc.unfreeze()
        give_back_free_blocks()

    def _open_finder(self) -> None:
        """Make what finds, follows and places regions.

        Raises:
            ConfigError: tf is asked for and not installed, or the model lacks a drivable class.
        """
        state, parameters = self._state, self._state.parameters
        assert state.levels is not None, "engines are loaded before the work starts"
        package = state.levels.current.package
        package.class_ids(parameters.drivable_classes)
        state.finder = ObstacleFinder(class_names(package.classes), ObstacleInputs(state.node, parameters))

    def _watch(self) -> None:
        loop, parameters = self._state.loop, self._state.parameters
        if loop is None:
            return
        self._report_new_trouble(loop, parameters)
        published = self._state.counters.totals().published
        action = self._watchdog.check(time.monotonic(), loop.busy_s, published, parameters)
        if action is Action.RESTART:
            self._restart(loop)
        elif action is Action.GIVE_UP:
            hang = f"the runtime hangs, even after {self._watchdog.restarts} restarts"
            self._state.failure = f"{hang}: {_what_hangs(loop, self._state.levels)}"
            self._logger.error(self._state.failure)
            self._abandon(loop)
            self._state.node.trigger_deactivate()

    def _restart(self, loop: InferenceLoop) -> None:
        self._logger.error(f"{_what_hangs(loop, self._state.levels)}: restarting it")
        self._abandon(loop)
        try:
            self.load()
            self._state.loop = InferenceLoop(self._state)
        except Exception as error:  # whatever it is, the node is not to look active without a loop
            self._state.note_failure("restart", error)
            self._state.node.trigger_deactivate()

    def _abandon(self, loop: InferenceLoop) -> None:
        loop.abandon(_what_hangs(loop, self._state.levels))
        if self._state.levels is not None:
            self._state.levels.abandon_current()
        # Not earlier: the next camera would enter the hanging engine.
        loop.give_up_turn()
        self._state.loop = None
        self._abandoned += 1

    def _report_new_trouble(self, loop: InferenceLoop, parameters: DetectorParameters) -> None:
        """Report at once when the engine gets stuck, fails, is too slow or is misled."""
        levels = self._state.levels
        states = {
            "late": loop.busy_s > parameters.inference_deadline_s,
            "failing": self._state.counters.totals().is_failing,
            "opening": levels is not None and bool(levels.opening),
            "degraded": levels is not None and levels.degradation.level > 0,
            "drifting": bool(loop.drift().reasons),
        }
        troubles = frozenset(name for name, holds in states.items() if holds)
        if troubles - self._troubles:
            self._report()
        self._troubles = troubles


def _what_hangs(loop: InferenceLoop, levels: FallbackLevels | None) -> str:
    """Say what a frame waits for: that an engine is opened, or that it answers."""
    opening = levels.opening if levels is not None else ""
    return opening or f"no answer from the runtime for {loop.busy_s:.1f} s"
