"""Measure whether the memory of a node stays where it is while frames go through it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fishy_ros.evaluation.bench.bus_path import PathRequest
from fishy_ros.evaluation.bench.node import run_measurement
from fishy_ros.evaluation.bench.result import machine_line
from fishy_ros.evaluation.environment import Environment, describe_environment
from fishy_ros.evaluation.report.plots import COLORS
from fishy_ros.files import write_json

_MIB = 2**20


@dataclass(frozen=True)
class MemoryResult:
    """Resident memory of one node over a run."""

    environment: Environment
    request: PathRequest
    frames: tuple[int, ...]
    """How many frames had been played at each reading."""
    resident_mib: tuple[float, ...]
    missing: int
    """Frames without a heatmap."""
    settled_mib: float
    """Median of the second half."""
    growth_kib_per_1000_frames: float
    """Slope of a line through the second half, where buffers and caches have their size."""

    def write(self, path: Path) -> None:
        """Write the result as JSON."""
        write_json(path, {"memory": asdict(self)})

    def summary(self) -> str:
        """Say the result in one line."""
        return (
            f"{self.frames[-1]} frames, {self.missing} missing: {self.resident_mib[0]:.1f} MiB at the start, "
            f"{self.settled_mib:.1f} MiB in the second half, where it grows by "
            f"{self.growth_kib_per_1000_frames:.1f} KiB per thousand frames"
        )


def run_memory(request: PathRequest) -> MemoryResult:
    """Play `request.frames` frames one after the other through a node of its own.

    Raises:
        ReplayError: the node does not start, or stops to answer.
    """
    result = run_measurement("memory", request, timeout_s=3600.0)
    frames, resident = (np.array(column) for column in zip(*result["readings"], strict=True))
    half = len(frames) // 2
    late_frames, late_mib = frames[half:], resident[half:] / _MIB
    slope = float(np.polyfit(late_frames, late_mib, 1)[0]) if len(late_frames) > 1 else 0.0
    return MemoryResult(
        environment=describe_environment(),
        request=request,
        frames=tuple(int(count) for count in frames),
        resident_mib=tuple(round(float(size) / _MIB, 3) for size in resident),
        missing=result["missing"],
        settled_mib=float(np.median(late_mib)),
        growth_kib_per_1000_frames=slope * 1024 * 1000,
    )


def write_memory_picture(result: MemoryResult, path: Path) -> None:
    """Draw the readings over the number of frames, from zero on."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(result.frames, result.resident_mib, color=COLORS[0])
    axes.set_ylim(0, 1.15 * max(result.resident_mib))
    axes.set_xlabel("frames")
    axes.set_ylabel("resident memory, MiB")
    axes.set_title(machine_line(result.environment), fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
