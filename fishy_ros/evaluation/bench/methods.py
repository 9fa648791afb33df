"""Configurations of the detector to measure, written as `key=value,key=value`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.bench.plain_onnxruntime import PLAIN_ONNXRUNTIME, PlainOnnxRuntime
from fishy_ros.imaging import decode_compressed, to_bgr
from fishy_ros.model_package import load_model_package
from fishy_ros.types import Detection, ImageArray

TRANSPORTS = ("raw", "jpeg", "jpeg-whole")


@dataclass(frozen=True)
class Method:
    """One configuration of the detector and of the images that it is given."""

    model: str
    runtime: str = "auto"
    device: str = "auto"
    precision: str = "fp32"
    threads: int = 0
    transport: str = "raw"
    """`raw` (bgr8), `jpeg` (decoded no larger than the network needs, as the node does it) or `jpeg-whole`."""
    height: int = 1024
    width: int = 2048

    def __post_init__(self) -> None:
        """Check what nothing else checks."""
        if self.transport not in TRANSPORTS:
            raise ConfigError(f"transport {self.transport!r}: expected {', '.join(TRANSPORTS)}")
        if min(self.height, self.width) < 1:
            raise ConfigError(f"image size {self.height} x {self.width}: expected at least 1 x 1")

    def changed(self, text: str) -> Method:
        """Return the method with the values of `key=value,key=value` in place of its own.

        Raises:
            ConfigError: a key is not known or its value has another type.
        """
        values: dict[str, str | int] = {}
        known = {item.name: type(getattr(self, item.name)) for item in fields(self)}
        for pair in filter(None, text.split(",")):
            key, _, value = pair.partition("=")
            if key not in known:
                raise ConfigError(f"{pair!r}: expected key=value with a key of {', '.join(known)}")
            try:
                values[key] = known[key](value)
            except ValueError as error:
                raise ConfigError(f"{pair!r}: expected {known[key].__name__}") from error
        return replace(self, **values)  # type: ignore[arg-type]

    def label(self, among: Sequence[Method]) -> str:
        """Name the method by its runtime and by whatever distinguishes it from the others."""
        mine = asdict(self)
        differing = [key for key in mine if any(asdict(other)[key] != mine[key] for other in among)]
        words = [Path(self.model).name] if "model" in differing else []
        words.append(self.runtime)
        words += [f"{key}={mine[key]}" for key in differing if key not in ("model", "runtime")]
        return " ".join(words)


def grid(
    models: Sequence[str],
    runtimes: Sequence[str],
    precisions: Sequence[str],
    threads: Sequence[int],
    sizes: Sequence[tuple[int, int]],
    base: Method,
) -> list[Method]:
    """Return every combination of the given values; a size is height and width of the image in px."""
    return [
        replace(base, model=model, runtime=runtime, precision=precision, threads=count, height=height, width=width)
        for model, runtime, precision, count, (height, width) in itertools.product(
            models, runtimes, precisions, threads, sizes
        )
    ]


class MethodRunner:
    """A detector that is ready, and frames of the method's size and transport to give to it one after the other."""

    def __init__(self, method: Method, pictures: Sequence[ImageArray]) -> None:
        self.detector = _open(method)
        self._method = method
        self._frames = itertools.cycle([_encode(picture, method) for picture in pictures])
        network = self.detector.package.input_shape[1:3]
        self._decode: Callable[[NDArray[np.uint8]], ImageArray] = {
            "raw": self._view,
            "jpeg": lambda data: decode_compressed(data, network),
            "jpeg-whole": decode_compressed,
        }[method.transport]

    def run(self) -> dict[str, float]:
        """Decode and detect one frame and return its stages in ms."""
        frame = next(self._frames)
        start = time.perf_counter()
        image = self._decode(frame)
        decode_ms = (time.perf_counter() - start) * 1e3
        return {"decode": decode_ms, **self.detector.detect(image).timings_ms}

    def detect(self) -> Detection:
        """Decode and detect one frame."""
        return self.detector.detect(self._decode(next(self._frames)))

    def configuration(self) -> dict[str, object]:
        """Describe the method and what it resolved to."""
        return {**asdict(self._method), "resolved": asdict(self.detector.runtime_info)}

    def _view(self, data: NDArray[np.uint8]) -> ImageArray:
        method = self._method
        return to_bgr(data, "bgr8", method.height, method.width, method.width * 3, False)


def _open(method: Method) -> AnomalyDetector:
    if method.runtime != PLAIN_ONNXRUNTIME:
        return AnomalyDetector(method.model, method.runtime, method.device, method.precision, method.threads)
    package = load_model_package(method.model)
    return AnomalyDetector.over(package, PlainOnnxRuntime(package, method.precision))


def _encode(picture: ImageArray, method: Method) -> NDArray[np.uint8]:
    resized = np.asarray(cv2.resize(picture, (method.width, method.height)), np.uint8)
    if method.transport == "raw":
        return resized.reshape(-1)
    _, data = cv2.imencode(".jpg", resized, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return np.asarray(data, np.uint8).reshape(-1)
