"""What `/diagnostics` says about the detector node, once a second and in every lifecycle state."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from fishy_ros.drift.monitor import Drift
from fishy_ros.node.compat import steady_clock
from fishy_ros.node.counters import PERCENTILES, FrameTotals
from fishy_ros.node.fallback import FallbackLevels
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.state import DetectorState

PERIOD_S: float = 1.0
SILENCE_LOGGED_EVERY_S: float = 10.0

ACTIVE = "active"
_REASONS_SHOWN = 3


@dataclass(frozen=True)
class Deadlines:
    """How the deadline of frames is kept, and what that has led to."""

    configuration: str = ""
    """Name of the configuration of the model in use."""
    missed: int = 0
    """Frames that missed the deadline since the model was loaded."""
    degraded_since: float | None = None
    """Monotonic time in s since when the configuration is a cheaper one than was asked for; None if it is not."""


@dataclass(frozen=True)
class Observation:
    """The state of the node at one moment."""

    at: float
    """Monotonic time in s."""
    state: str
    """Label of the lifecycle state."""
    active_since: float | None
    """Monotonic time of the activation in s; None while the node is not active."""
    totals: FrameTotals
    busy_s: float
    """For how long the frame in work has been in work."""
    engine: Mapping[str, str] = field(default_factory=dict)
    """Model and runtime, as they are shown."""
    failures: tuple[str, ...] = ()
    """Why the last transition failed, what callbacks raised since the last observation, which engine is not open."""
    warnings: tuple[str, ...] = ()
    """What stays wrong: a runtime that fell back, subscriptions or parameters that do not match."""
    deadlines: Deadlines = field(default_factory=Deadlines)
    drift: Drift = field(default_factory=Drift)
    """What the frames of the last moments are like."""
    silence: str = ""
    """Why no image comes, where none does."""
    unknown_parameters: tuple[str, ...] = ()
    """Parameters given at start that the node does not have."""
    threshold: Mapping[str, str] = field(default_factory=dict)
    """The threshold in force and what it means, as they are shown."""
    latencies_ms: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rates:
    """What happened between two observations."""

    seconds: float
    received: int
    published: int
    dropped: int
    bad: int
    failed: int
    stale: int
    unstamped: int
    without_age: int
    missed: int

    @classmethod
    def between(cls, before: Observation | None, now: Observation) -> Rates:
        """Compare with an earlier observation; counts that started anew since then are taken whole."""
        start = before.totals if before is not None and before.totals.run == now.totals.run else FrameTotals()
        return cls(
            seconds=now.at - before.at if before is not None else 1.0,
            received=now.totals.received - start.received,
            published=now.totals.published - start.published,
            dropped=now.totals.dropped - start.dropped,
            bad=now.totals.bad - start.bad,
            failed=now.totals.failed - start.failed,
            stale=now.totals.stale - start.stale,
            unstamped=now.totals.unstamped - start.unstamped,
            without_age=now.totals.without_age - start.without_age,
            missed=max(0, now.deadlines.missed - (before.deadlines.missed if before is not None else 0)),
        )

    def per_second(self, count: int) -> float:
        """Convert a count to Hz."""
        return count / self.seconds if self.seconds > 0.0 else 0.0


def assess(now: Observation, rates: Rates, parameters: DetectorParameters) -> tuple[bytes, str]:
    """Judge an observation.

    Returns:
        The level of a `DiagnosticStatus`, and all its reasons.
    """
    errors, warnings = list(_errors(now, rates, parameters)), list(_warnings(now, rates, parameters))
    if errors:
        return DiagnosticStatus.ERROR, "; ".join(errors + warnings)
    if warnings:
        return DiagnosticStatus.WARN, "; ".join(warnings)
    return DiagnosticStatus.OK, "ok" if now.state == ACTIVE else now.state


def diagnostics_message(
    source: str, stamp: Time, now: Observation, rates: Rates, parameters: DetectorParameters
) -> DiagnosticArray:
    """Build the message for `/diagnostics`; rates are in Hz, latencies in ms."""
    level, message = assess(now, rates, parameters)
    values = {
        "state": now.state,
        **now.engine,
        "mode": "full" if now.deadlines.degraded_since is None else "degraded",
        "configuration": now.deadlines.configuration or "none",
        "degraded_s": f"{_degraded_s(now):.1f}",
        "drift": f"{now.drift.distance:.2f} {now.drift.statistic}".rstrip(),
        "input_rate_hz": f"{rates.per_second(rates.received):.2f}",
        "output_rate_hz": f"{rates.per_second(rates.published):.2f}",
        **now.threshold,
        "frames_received": now.totals.received,
        "frames_published": now.totals.published,
        "frames_dropped": now.totals.dropped,
        "frames_overtaken": now.totals.overtaken,
        "frames_bad": now.totals.bad,
        "frames_failed": now.totals.failed,
        "frames_unknown": now.totals.unknown,
        "frames_late": now.deadlines.missed,
        "frames_stale": now.totals.stale,
        "frames_unstamped": now.totals.unstamped,
        "frames_without_age": now.totals.without_age,
        "frames_lost": now.totals.lost,
        "stamp_restarts": now.totals.stamp_restarts,
        "last_bad_image": now.totals.last_bad or "none",
        "last_error": now.totals.last_error or "; ".join(now.failures) or "none",
    }
    for stage, percentiles in now.latencies_ms.items():
        for percent, value in zip(PERCENTILES, percentiles, strict=True):
            values[f"{stage}_ms_p{percent}"] = f"{value:.3f}"
    status = DiagnosticStatus(
        level=level,
        name=f"{source}: detector",
        message=message,
        hardware_id=platform.node() or "unknown",
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
    return DiagnosticArray(header=Header(stamp=stamp), status=[status])


def _errors(now: Observation, rates: Rates, parameters: DetectorParameters) -> list[str]:
    errors = list(now.failures)
    if rates.failed or now.totals.is_failing:
        errors.append(f"inference failed on {now.totals.failed} frames, last: {now.totals.last_error}")
    if now.busy_s > parameters.inference_deadline_s:
        errors.append(f"one frame has been in work for {now.busy_s:.1f} s")
    return errors


def _warnings(now: Observation, rates: Rates, parameters: DetectorParameters) -> list[str]:
    warnings = [*now.warnings, *now.unknown_parameters]
    if now.state != ACTIVE or now.active_since is None:
        return warnings
    if now.deadlines.degraded_since is not None:
        warnings.append(f"degraded to {now.deadlines.configuration} for {_degraded_s(now):.1f} s: too slow")
    if rates.missed:
        warnings.append(f"{rates.missed} frames took longer than {parameters.frame_deadline_ms:g} ms")
    if now.drift.reasons:
        warnings.append(f"input is not like the training data: {_drift_reasons(now.drift, parameters)}")
    quiet_s = now.at - max(now.active_since, now.totals.last_image_at or 0.0)
    if quiet_s >= parameters.no_image_timeout_s:
        reason = f": {now.silence}" if now.silence else ""
        warnings.append(f"no image for {quiet_s:.1f} s{reason}")
    if rates.bad:
        warnings.append(f"{rates.bad} bad images, last: {now.totals.last_bad}")
    if rates.stale:
        warnings.append(f"{rates.stale} stale images, last: {now.totals.last_stale}")
    if rates.without_age:
        warnings.append(
            f"ages of {rates.without_age} frames are not known, last: {now.totals.last_without_age}; do camera and "
            "node have the same clock (use_sim_time, chrony)?"
        )
    if rates.unstamped:
        warnings.append(f"camera stamps are zero on {rates.unstamped} images: ages and stale detection are off")
    offered = max(rates.received, rates.dropped)
    if rates.dropped > parameters.max_drop_share * offered:
        warnings.append(f"{rates.dropped} of {offered} images dropped")
    return warnings


def _drift_reasons(drift: Drift, parameters: DetectorParameters) -> str:
    reasons = ", ".join(drift.reasons[:_REASONS_SHOWN])
    if parameters.image_transport == "compressed" and "red and blue" in reasons:
        return f"{reasons}; see the parameter compressed_channel_order"
    return reasons


def _degraded_s(now: Observation) -> float:
    since = now.deadlines.degraded_since
    return now.at - since if since is not None else 0.0


class DiagnosticsPublisher:
    """Observe a node every `PERIOD_S` and publish what is seen."""

    def __init__(self, state: DetectorState) -> None:
        """Start; the timer keeps going where the simulated clock stands still."""
        self._state = state
        self._before: Observation | None = None
        self._publisher = state.node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        state.node.create_timer(PERIOD_S, self.publish, clock=steady_clock())

    def publish(self) -> None:
        """Observe and publish now."""
        now, node = observe(self._state), self._state.node
        rates = Rates.between(self._before, now)
        self._before = now
        source, stamp = node.get_fully_qualified_name(), node.get_clock().now().to_msg()
        if now.silence:
            node.get_logger().warning(f"no image: {now.silence}", throttle_duration_sec=SILENCE_LOGGED_EVERY_S)
        self._publisher.publish(diagnostics_message(source, stamp, now, rates, self._state.parameters))


def observe(state: DetectorState) -> Observation:
    """Look at the node now; what callbacks raised is told once."""
    loop, levels = state.loop, state.levels
    opening = levels.opening if levels is not None else ""
    failures = tuple(filter(None, (state.failure, state.callback_failure, opening)))
    state.callback_failure = ""
    mismatches = tuple(problem for part in (loop, state.outputs) if part is not None for problem in part.problems)
    totals, at = state.counters.totals(), time.monotonic()
    return Observation(
        at=at,
        state=state.label,
        active_since=loop.started_at if loop is not None else None,
        totals=totals,
        busy_s=loop.busy_s if loop is not None else 0.0,
        engine=_describe_engine(levels) if levels is not None else {},
        failures=failures,
        warnings=(
            *(levels.warnings if levels is not None else ()),
            *mismatches,
            *state.discovery.problems(state.node),
            *_contradictions(state.parameters, levels),
        ),
        deadlines=_describe_deadlines(levels) if levels is not None else Deadlines(),
        drift=loop.drift() if loop is not None else Drift(),
        silence=_silence(state, at, totals),
        unknown_parameters=state.settings.unknown,
        threshold=loop.threshold_values if loop is not None else {},
        latencies_ms=loop.latencies.percentiles() if loop is not None else {},
    )


def _silence(state: DetectorState, at: float, totals: FrameTotals) -> str:
    """Ask the graph why no image comes, once it is time to."""
    loop = state.loop
    if loop is None or at - max(loop.started_at, totals.last_image_at or 0.0) < state.parameters.no_image_timeout_s:
        return ""
    return loop.silence()


def _contradictions(parameters: DetectorParameters, levels: FallbackLevels | None) -> tuple[str, ...]:
    model = levels.in_use if levels is not None else None
    return tuple(parameters.contradictions(model.package.calibration.default_threshold if model is not None else None))


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
        "input_fit": levels.in_use.fit_of_last or "no image yet",
    }


def _describe_deadlines(levels: FallbackLevels) -> Deadlines:
    degradation = levels.degradation
    return Deadlines(levels.configuration, degradation.missed, degradation.degraded_since)
