"""The configurations of a model that are loaded, from the best to the cheapest, and when the level changes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace

import numpy as np

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import FishyError
from fishy_ros.model_package import ModelPackage
from fishy_ros.model_package.description import FULL_PRECISION
from fishy_ros.node.engine_opening import Opener
from fishy_ros.node.engine_pool import (
    ANYBODY,
    TURN_TIMEOUT_S,
    EnginePool,
    SharedDetector,
    Ticket,
    open_configuration,
    open_detector,
)
from fishy_ros.node.parameters import DeadlineRules, DetectorParameters

MAX_PATIENCE: int = 16
"""How many times `recovery_s` the wait before a return may become."""

PRECISIONS: tuple[str, ...] = (FULL_PRECISION, "fp16", "int8")
"""Precisions from the dearest to the cheapest."""
TRIALS: int = 3
WORTHWHILE: float = 0.9
"""A configuration is cheaper if it takes at most this fraction of the time of the one before it."""


@dataclass(frozen=True)
class Configuration:
    """One way to run a model, and its name on `/diagnostics`."""

    name: str
    package: ModelPackage
    precision: str


@dataclass
class _Level:
    name: str
    open: Callable[[], AnomalyDetector]
    detector: AnomalyDetector | None


class FallbackLevels:
    """Detectors that take turns, chosen between two frames by how long frames take.

    With a `frame_deadline_ms` the cheaper configurations of the package are loaded too, so that a change takes no time;
    one that is not faster on this machine is left out. One thread runs frames, another opens and closes.

    Raises:
        FishyError: the configuration that the parameters ask for cannot be loaded.
    """

    def __init__(
        self, parameters: DetectorParameters, pool: EnginePool | None = None, opener: Opener = ANYBODY
    ) -> None:
        """Load what the parameters ask for.

        Args:
            parameters: of the node.
            pool: engines that are shared with the other nodes of the process.
            opener: the node; it is named where opening an engine takes too long, and stops that when it ends.
        """
        self._pool, self._opener = pool, opener
        best = _Level(parameters.precision, lambda: open_detector(parameters, pool, opener), None)
        first = best.detector = best.open()
        self._warnings = tuple(note.text for note in first.selection_notes if note.level == "warning")
        self._left_out: tuple[str, ...] = ()
        self._levels = [best]
        if parameters.frame_deadline_ms > 0.0:
            for configuration in cheaper_configurations(first.package, parameters.precision, first.runtime_info.device):
                self._add(configuration, first.runtime_info.name, parameters)
        self._degradation = Degradation(len(self._levels))

    @property
    def current(self) -> AnomalyDetector:
        """The detector for the next frame."""
        detector = self._levels[self._degradation.level].detector
        assert detector is not None, "an abandoned level has to be reloaded first"
        return detector

    @property
    def in_use(self) -> AnomalyDetector | None:
        """The detector in use; None while it is abandoned."""
        return self._levels[self._degradation.level].detector

    @property
    def opening(self) -> str:
        """What frames wait for where the shared engine is being opened again; empty where it is open."""
        detector = self.in_use
        return detector.opening if isinstance(detector, SharedDetector) else ""

    @property
    def ready_s(self) -> float:
        """For how many seconds a frame could have been in work; see `Opening.ready_s`."""
        detector = self.in_use
        return detector.ready_s if isinstance(detector, SharedDetector) else math.inf

    @property
    def degradation(self) -> Degradation:
        """How deadlines are kept, and since when the best configuration is not in use."""
        return self._degradation

    @property
    def configuration(self) -> str:
        """Name of the configuration in use."""
        return self._levels[self._degradation.level].name

    @property
    def configurations(self) -> tuple[str, ...]:
        """Names of all configurations that are loaded."""
        return tuple(level.name for level in self._levels)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the runtime is not the one that it should be, and which configurations cannot be used."""
        return self._warnings

    @property
    def left_out(self) -> tuple[str, ...]:
        """Which configurations are not cheaper here."""
        return self._left_out

    def note_frame(self, took_ms: float, rules: DeadlineRules) -> bool:
        """Take in what a frame took; returns whether the next one has another configuration."""
        return self._degradation.note_frame(took_ms, time.monotonic(), rules)

    def abandon_current(self) -> None:
        """Forget the detector in use, in which a thread hangs: to close it under that thread would not be safe.

        A shared engine is opened again by the next frame of any camera, on the thread of that frame.
        """
        level = self._levels[self._degradation.level]
        level.detector = level.detector.abandon() if isinstance(level.detector, SharedDetector) else None

    def reload(self) -> None:
        """Load again what was abandoned.

        Raises:
            FishyError: it cannot be loaded.
        """
        for level in self._levels:
            level.detector = level.detector or level.open()

    def close(self) -> None:
        """Free all engines but those that were abandoned."""
        for level in self._levels:
            if level.detector is not None:
                level.detector.close()

    def _add(self, configuration: Configuration, runtime: str, parameters: DetectorParameters) -> None:
        def open_it() -> AnomalyDetector:
            return open_configuration(
                configuration.package,
                replace(parameters, runtime=runtime),
                configuration.precision,
                self._pool,
                self._opener,
            )

        with ExitStack() as unused:
            try:
                detector = unused.enter_context(open_it())
                with self._pool.turns.turn(Ticket(), TURN_TIMEOUT_S) if self._pool is not None else nullcontext():
                    before, now = (_fastest_ms(part) for part in (self._levels[-1].detector, detector))
            except FishyError as error:
                self._warnings += (f"configuration {configuration.name} cannot be used: {error}",)
                return
            if now > WORTHWHILE * before:
                self._left_out += (
                    f"configuration {configuration.name} is not cheaper here: {now:.1f} ms per frame, "
                    f"{before:.1f} ms before",
                )
                return
            unused.pop_all()
        self._levels.append(_Level(configuration.name, open_it, detector))


def cheaper_configurations(package: ModelPackage, precision: str, device: str) -> list[Configuration]:
    """List what a package has that is cheaper than a precision: lower ones, then smaller inputs, named after them.

    FP16 is not cheaper on a processor (`docs/decisions`).
    """
    lower = PRECISIONS[PRECISIONS.index(precision) + 1 :]
    return [
        *(
            Configuration(name, package, name)
            for name in lower
            if name in package.precisions and not (name == "fp16" and device == "cpu")
        ),
        *(
            Configuration(f"{graph.height}x{graph.width}", package.at_reduced_size(index), FULL_PRECISION)
            for index, graph in enumerate(package.reduced)
        ),
    ]


def _fastest_ms(detector: AnomalyDetector | None) -> float:
    """Run a grey image a few times; returns the time of the fastest, in ms."""
    assert detector is not None
    height, width = detector.package.input_shape[1:3]
    grey = np.full((height, width, 3), 96, np.uint8)
    return min(detector.detect(grey).timings_ms["inference"] for _ in range(TRIALS))


class Degradation:
    """Step down after `max_missed` missed deadlines in a row, step up after a time without any.

    That time is `recovery_s` at first. If the better configuration then lasts no longer than was waited for it, the
    next wait is twice as long, up to `MAX_PATIENCE` times; once it lasts, the wait is `recovery_s` again. So where the
    machine is too slow for good, the better configuration is tried ever more rarely, for `max_missed` frames a time.
    One thread calls `note_frame`, any thread may read.
    """

    def __init__(self, levels: int) -> None:
        """Start with the best of `levels` configurations."""
        self._lowest = levels - 1
        self._level = 0
        self._missed = 0
        self._in_a_row = 0
        self._degraded_since: float | None = None
        self._calm_since = 0.0
        self._returned_at: float | None = None
        self._patience = 1

    @property
    def level(self) -> int:
        """The configuration to use for the next frame."""
        return self._level

    @property
    def missed(self) -> int:
        """Frames that missed the deadline so far."""
        return self._missed

    @property
    def degraded_since(self) -> float | None:
        """Monotonic time in s at which level 0 was left; None while it is in use."""
        return self._degraded_since

    def wait_s(self, rules: DeadlineRules) -> float:
        """For how many seconds no deadline may be missed before the next step up."""
        return self._patience * rules.recovery_s

    def note_frame(self, took_ms: float, now_s: float, rules: DeadlineRules) -> bool:
        """Take in what a frame took, at a monotonic time in s; returns whether the level changed."""
        if rules.deadline_ms <= 0.0:
            return False
        if took_ms > rules.deadline_ms:
            self._missed += 1
            self._in_a_row += 1
            self._calm_since = now_s
            return self._in_a_row >= rules.max_missed and self._step_down(now_s, rules)
        self._in_a_row = 0
        if self._returned_at is not None and now_s - self._returned_at > self.wait_s(rules):
            self._returned_at, self._patience = None, 1
        return self._level > 0 and now_s - self._calm_since >= self.wait_s(rules) and self._step_up(now_s)

    def _step_down(self, now_s: float, rules: DeadlineRules) -> bool:
        if self._level == self._lowest:
            return False
        if self._returned_at is not None:
            lasted = now_s - self._returned_at > self.wait_s(rules)
            self._patience = 1 if lasted else min(2 * self._patience, MAX_PATIENCE)
        self._returned_at = None
        self._degraded_since = now_s if self._level == 0 else self._degraded_since
        self._level += 1
        self._in_a_row, self._calm_since = 0, now_s
        return True

    def _step_up(self, now_s: float) -> bool:
        self._level -= 1
        self._degraded_since = None if self._level == 0 else self._degraded_since
        self._returned_at = self._calm_since = now_s
        return True
