"""How long each stage of a frame takes: one message a frame, and percentiles over the last frames."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from fishy_ros.node.image_messages import FrameHeader
from fishy_ros.node.stamp_order import UNSTAMPED_NS

PERCENTILES: tuple[int, ...] = (50, 95, 99)


@dataclass(frozen=True)
class Age:
    """Time from the stamp of a frame to the publication of its heatmap."""

    ms: float
    """NaN if it is not known."""
    problem: str = ""
    """Why it is not known."""


def age_of(stamp_ns: int, now_ns: int) -> Age:
    """Measure the age of a stamp, both in ns of the same clock; a stamp of 0 or in the future has none."""
    if stamp_ns == UNSTAMPED_NS:
        return Age(float("nan"), "the stamp is 0")
    if stamp_ns > now_ns:
        return Age(float("nan"), f"the stamp is {(stamp_ns - now_ns) * 1e-6:.3f} ms in the future")
    return Age((now_ns - stamp_ns) * 1e-6)


def time_in_middleware_ms(info: Mapping[str, int]) -> float:
    """Say how long ago the middleware received a message, in ms; 0 where rclpy does not tell (Humble)."""
    received_ns = info.get("received_timestamp")
    return max(0.0, (time.time_ns() - received_ns) * 1e-6) if received_ns is not None else 0.0


def latency_message(header: FrameHeader, source: str, stages_ms: Mapping[str, float], age: Age) -> DiagnosticArray:
    """Build the message that says what each stage of one frame took, in ms, under `<stage>_ms`.

    An unknown age is `nan`; the status is then a warning that says why.
    """
    values = [KeyValue(key=f"{stage}_ms", value=f"{ms:.4f}") for stage, ms in stages_ms.items()]
    values.append(KeyValue(key="age_ms", value=f"{age.ms:.4f}"))
    status = DiagnosticStatus(
        level=DiagnosticStatus.WARN if age.problem else DiagnosticStatus.OK,
        name=f"{source}: latency",
        message=f"age is invalid: {age.problem}" if age.problem else "ok",
        values=values,
    )
    return DiagnosticArray(header=header.message(), status=[status])


class LatencyWindow:
    """Latencies of the last frames. Any thread may use it."""

    def __init__(self, frames: int = 300) -> None:
        """Remember the last `frames` values of every stage."""
        self._lock = threading.Lock()
        self._frames = frames
        self._stages: dict[str, deque[float]] = {}

    def add(self, stages_ms: Mapping[str, float]) -> None:
        """Remember one frame; values that are not finite are left out."""
        with self._lock:
            for stage, ms in stages_ms.items():
                if np.isfinite(ms):
                    self._stages.setdefault(stage, deque(maxlen=self._frames)).append(ms)

    def percentiles(self) -> dict[str, tuple[float, ...]]:
        """Return `PERCENTILES` of every stage in ms, in the order in which the stages first came."""
        with self._lock:
            copies = {stage: list(values) for stage, values in self._stages.items()}
        return {
            stage: tuple(float(value) for value in np.percentile(values, PERCENTILES))
            for stage, values in copies.items()
        }
