"""Measure exact streaming metrics against the straightforward way: pool all pixels, sort, accumulate.

Both see the same synthetic frames, each in a process of its own; making the frames is not timed.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ScoreError
from fishy_ros.metrics.pixel import PixelAccumulator
from fishy_ros.types import ANOMALY, IGNORED, NORMAL, LabelMap, ScoreMap


@dataclass(frozen=True)
class FrameSet:
    """Which synthetic frames to score."""

    frames: int = 100
    height: int = 1024
    width: int = 2048
    seed: int = 0


@dataclass(frozen=True)
class Measurement:
    """One way, measured in its own process."""

    seconds: float
    """Spent on metrics."""
    peak_mb: float
    """Largest resident memory of the process, interpreter and libraries included, in MB (10^6 bytes)."""
    ap: float
    fpr95: float
    auroc: float


@dataclass(frozen=True)
class MetricsBenchmark:
    """Streaming against sorting on the same frames."""

    frames: FrameSet
    streaming: Measurement
    sorting: Measurement

    @property
    def speedup(self) -> float:
        """How many times faster streaming is."""
        return self.sorting.seconds / self.streaming.seconds

    @property
    def memory_ratio(self) -> float:
        """How many times less memory streaming takes."""
        return self.sorting.peak_mb / self.streaming.peak_mb

    @property
    def largest_difference(self) -> float:
        """Largest difference between the two ways over AP, FPR95 and AUROC."""
        ours, theirs = self.streaming, self.sorting
        return max(abs(ours.ap - theirs.ap), abs(ours.fpr95 - theirs.fpr95), abs(ours.auroc - theirs.auroc))


def run(frames: FrameSet | None = None) -> MetricsBenchmark:
    """Measure both ways one after the other. Sorting takes about 40 bytes a pixel.

    Raises:
        ScoreError: a way ended without a result, for example for want of memory.
    """
    frames = frames or FrameSet()
    return MetricsBenchmark(frames, _run_process("streaming", frames), _run_process("sorting", frames))


def benchmark_table(benchmark: MetricsBenchmark) -> str:
    """Lay the result out as text."""
    ways = (("streaming", benchmark.streaming), ("sorting", benchmark.sorting))
    lines = [f"{'':<10} {'seconds':>8} {'peak MB':>9} {'AP':>10} {'FPR95':>10} {'AUROC':>10}"]
    lines += [
        f"{name:<10} {way.seconds:>8.2f} {way.peak_mb:>9.0f} {way.ap:>10.6f} {way.fpr95:>10.6f} {way.auroc:>10.6f}"
        for name, way in ways
    ]
    lines.append(
        f"{benchmark.speedup:.1f} times faster, {benchmark.memory_ratio:.1f} times less memory, "
        f"largest difference {benchmark.largest_difference:.1e}"
    )
    return "\n".join(lines)


def synthetic_frames(frames: FrameSet) -> Iterator[tuple[ScoreMap, LabelMap]]:
    """Yield score maps in [0, 1] at half resolution, resized, and labels with small anomalies and ignored borders."""
    rng = np.random.default_rng(frames.seed)
    size = (frames.width, frames.height)
    for _ in range(frames.frames):
        labels = np.full((frames.height, frames.width), NORMAL, np.uint8)
        labels[: frames.height // 10] = IGNORED
        for _ in range(2):
            row = int(rng.integers(frames.height // 3, frames.height - frames.height // 12))
            column = int(rng.integers(0, frames.width - frames.width // 24))
            labels[row : row + frames.height // 24, column : column + frames.width // 32] = ANOMALY
        noise = rng.standard_normal((frames.height // 2, frames.width // 2), dtype=np.float32)
        objects = (labels[::2, ::2] == ANOMALY).astype(np.float32)
        logits = cv2.GaussianBlur(noise, (0, 0), 2) * 8 + 3 * objects[: noise.shape[0], : noise.shape[1]] - 4
        score = 1 / (1 + np.exp(-logits))
        yield np.asarray(cv2.resize(score, size, interpolation=cv2.INTER_LINEAR), np.float32), labels


def measure_streaming(frames: FrameSet) -> Measurement:
    """Measure `PixelAccumulator` in this process."""
    accumulator = PixelAccumulator()
    seconds = 0.0
    for index, (score, labels) in enumerate(synthetic_frames(frames)):
        started = time.perf_counter()
        accumulator.update(score, labels, str(index))
        seconds += time.perf_counter() - started
    started = time.perf_counter()
    metrics = accumulator.compute()
    seconds += time.perf_counter() - started
    return Measurement(seconds, _peak_mb(), metrics.ap, metrics.fpr95, metrics.auroc)


def measure_sorting(frames: FrameSet) -> Measurement:
    """Measure pooling and sorting all pixels in this process."""
    scores: list[NDArray[np.float32]] = []
    truths: list[NDArray[np.bool_]] = []
    seconds = 0.0
    for score, labels in synthetic_frames(frames):
        started = time.perf_counter()
        counted = labels != IGNORED
        scores.append(score[counted])
        truths.append(labels[counted] == ANOMALY)
        seconds += time.perf_counter() - started
    started = time.perf_counter()
    ap, fpr95, auroc = metrics_by_sorting(np.concatenate(scores), np.concatenate(truths))
    seconds += time.perf_counter() - started
    return Measurement(seconds, _peak_mb(), ap, fpr95, auroc)


def metrics_by_sorting(scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Compute AP, FPR95 and AUROC of pooled pixels `[N]` by sorting them all."""
    order = np.argsort(scores, kind="stable")[::-1]
    scores, truth = scores[order], truth[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), scores.size - 1)
    tp = np.cumsum(truth, dtype=np.int64)[ends]
    fp = ends + 1 - tp
    recall = tp / tp[-1]
    fpr = fp / fp[-1]
    ap = float(np.sum(np.diff(recall, prepend=0.0) * tp / (tp + fp)))
    fpr95 = float(fpr[np.argmax(recall >= 0.95)])
    corners_x, corners_y = np.append(0.0, fpr), np.append(0.0, recall)
    return ap, fpr95, float(np.sum(np.diff(corners_x) * (corners_y[1:] + corners_y[:-1]) / 2))


def _run_process(way: str, frames: FrameSet) -> Measurement:
    command = [sys.executable, "-m", "fishy_ros.evaluation.bench.metrics", way, json.dumps(asdict(frames))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message; killed because memory ran out?"]
        raise ScoreError(f"measuring {way} ended with status {done.returncode}: {last[0]}")
    return Measurement(**json.loads(done.stdout))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _main() -> None:
    """Measure the way that the command line names, on the frames that it describes, and print the result as JSON."""
    measure = {"streaming": measure_streaming, "sorting": measure_sorting}[sys.argv[1]]
    print(json.dumps(asdict(measure(FrameSet(**json.loads(sys.argv[2]))))))


if __name__ == "__main__":
    _main()
