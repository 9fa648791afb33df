"""Settings of OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OpenVinoSettings:
    """What changes OpenVINO's speed or its numbers; the values here are those in use (`fishy bench settings`)."""

    hint: str = "LATENCY"
    """`LATENCY` computes one frame with all threads, `THROUGHPUT` several frames at once."""
    precision: str = "f32"
    """Of arithmetic: left alone, OpenVINO takes `bf16` or `f16` on hardware that has it, which changes the scores."""
    cpu_pinning: bool = False
    """Tie every thread to a processor, also where another program is busy on it."""

    def properties(self, device: str, threads: int) -> dict[str, Any]:
        """Return the properties to compile with; `device` in OpenVINO's words, such as `CPU`."""
        properties: dict[str, Any] = {"PERFORMANCE_HINT": self.hint, "INFERENCE_PRECISION_HINT": self.precision}
        if device == "CPU":
            properties |= {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": self.cpu_pinning}
        return properties


OPENVINO_SETTINGS = OpenVinoSettings()
"""The settings in use."""
