"""What the processor can do at best: measured arithmetic and memory bandwidth."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from fishy_ros.runtimes.options import default_threads

_MATRIX = 2048
_COPY_BYTES = 256 * 2**20
_TRIES = 5


@dataclass(frozen=True)
class MachineLimits:
    """The two roofs of the roofline model."""

    flops_per_s: float
    """Float32 operations a second, a multiplication and an addition being two."""
    bytes_per_s: float
    """Bytes read plus bytes written a second."""
    source: str
    """How they were found."""


def measure_limits() -> MachineLimits:
    """Measure a matrix product and a copy on all processors of this process; the best of a few tries counts."""
    return MachineLimits(
        flops_per_s=2.0 * _MATRIX**3 / _best(_product()),
        bytes_per_s=2.0 * _COPY_BYTES / _best(_copy(default_threads())),
        source=f"float32 product of {_MATRIX} x {_MATRIX} matrices (numpy), copy of {_COPY_BYTES >> 20} MiB",
    )


def _product() -> Callable[[], object]:
    generator = np.random.default_rng(0)
    left, right = (generator.random((_MATRIX, _MATRIX), np.float32) for _ in range(2))
    result = np.empty_like(left)
    return lambda: np.matmul(left, right, out=result)


def _copy(threads: int) -> Callable[[], object]:
    source = np.ones(_COPY_BYTES, np.uint8)
    target = np.zeros_like(source)
    pairs = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda pair: np.copyto(*pair), pairs))


def _best(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(_TRIES):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
