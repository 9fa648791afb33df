"""The detector: a model package and a runtime turn an image into a heatmap."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fishy_ros.closing import Closing
from fishy_ros.errors import ImageError, InferenceError
from fishy_ros.imaging import Fit, Placement, as_fit, place
from fishy_ros.model_package import ModelPackage, load_model_package
from fishy_ros.runtimes import RawOutput, Runtime, RuntimeInfo, SelectionNote, select_runtime
from fishy_ros.runtimes.options import never
from fishy_ros.types import Detection, ImageArray

UNSEEN_SCORE: float = 0.0
"""Score of what `fit: crop` cuts off: nothing is found where nobody looks."""
UNSEEN_CLASS: int = 255
"""Class of the same: none."""


class AnomalyDetector(Closing):
    """Score every pixel of an image by how little it looks like what the network was trained on.

    Not thread-safe: one thread calls `detect` at a time. Usable as a context manager.

    Examples:
        >>> detector = AnomalyDetector("fishy-s", runtime="onnxruntime", device="cpu")
        >>> found = detector.detect(np.zeros((720, 1280, 3), np.uint8))
        >>> found.score.shape, found.score.dtype, found.labels.dtype
        ((256, 512), dtype('float32'), dtype('uint8'))
        >>> detector.close()

    Args:
        package: a loaded package, its folder, or a name that `find_model` knows.
        runtime: `auto` or one of `fishy_ros.runtimes.RUNTIMES`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: one of the package's `precisions`.
        threads: processor threads of a CPU runtime; 0 for all processors of this process.
        fit: how an image of another aspect ratio than the network's comes into its input, see `imaging.fit`.
        is_cancelled: asked, from any thread, while the engine is chosen, built or waited for; yes ends that.

    Raises:
        ModelPackageError: the package or its graph is damaged.
        RuntimeUnavailableError: the runtime, its device or a library is missing.
        ConfigError: a value is not allowed.
        CancelledError: `is_cancelled` said yes.
    """

    def __init__(
        self,
        package: ModelPackage | str | Path,
        runtime: str = "auto",
        device: str = "auto",
        precision: str = "fp32",
        threads: int = 0,
        fit: Fit = "stretch",
        is_cancelled: Callable[[], bool] = never,
    ) -> None:
        self._fit = as_fit(fit)
        self._placement: Placement | None = None
        self._seen: Detection | None = None
        self._package = package if isinstance(package, ModelPackage) else load_model_package(package)
        self._runtime, self._notes = select_runtime(runtime, self._package, device, precision, threads, is_cancelled)

    @classmethod
    def over(cls, package: ModelPackage, runtime: Runtime) -> AnomalyDetector:
        """Return a detector over a runtime that has loaded a graph of `package` already; `close` closes it."""
        detector = cls.__new__(cls)
        detector._package, detector._runtime, detector._notes = package, runtime, ()
        detector._fit, detector._placement, detector._seen = "stretch", None, None
        return detector

    @property
    def package(self) -> ModelPackage:
        """The model that is loaded."""
        return self._package

    @property
    def runtime_info(self) -> RuntimeInfo:
        """Which engine runs the graph, and where."""
        return self._runtime.info

    @property
    def selection_notes(self) -> tuple[SelectionNote, ...]:
        """Why this runtime was chosen; a `warning` where a better one failed to start."""
        return self._notes

    @property
    def score_size(self) -> tuple[int, int]:
        """Height and width, in px, of the score map of an image that fills the network's input."""
        return self._runtime.output_size

    def score_size_of(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width, in px, of the score map of an image of `height` x `width` px."""
        return self._place(height, width).size_over_image(self._runtime.output_size)

    @property
    def fit_of_last(self) -> str:
        """Say how the last image was brought into the input; empty before the first."""
        if self._placement is None:
            return ""
        sizes = [f"{size[1]}x{size[0]}" for size in (self._placement.image, self._placement.network)]
        words = f"{self._fit}: {sizes[0]} into {sizes[1]}"
        return words if abs(self._placement.squeeze - 1) < 0.01 else f"{words}, {self._placement.squeeze:.2f} x as wide"

    @property
    def network_image(self) -> ImageArray:
        """The last image as the network read it, uint8 `[H, W, 3]` BGR; a view, valid until the next `detect`."""
        return self._runtime.input_buffer

    @property
    def network_detection(self) -> Detection:
        """What the network said of `network_image`, at its own size.

        Raises:
            InferenceError: there was no image yet.
        """
        if self._seen is None:
            raise InferenceError("no image was scored yet")
        return self._seen

    def detect(self, image: ImageArray) -> Detection:
        """Score an image of any size, uint8 `[H, W, 3]` BGR; timings are `resize`, `inference` and `output` in ms.

        Raises:
            ImageError: `image` is not such an array.
            InferenceError: the engine failed, or a score is not a number in [0, 1].
        """
        _check_image(image)
        start = time.perf_counter()
        placement = self._place(image.shape[0], image.shape[1])
        placement.fill(image, self._runtime.input_buffer)
        resized = time.perf_counter()
        output = self._runtime.run()
        inferred = time.perf_counter()
        _check_score(output, self._runtime.info.name)
        score, labels = output.score.copy(), output.labels.copy()
        done = time.perf_counter()
        timings = {
            "resize": (resized - start) * 1e3,
            "inference": (inferred - resized) * 1e3,
            "output": (done - inferred) * 1e3,
        }
        self._placement, self._seen = placement, Detection(score, labels, timings)
        if placement.is_whole:
            return self._seen
        return Detection(
            np.asarray(placement.spread(score, UNSEEN_SCORE), np.float32),
            np.asarray(placement.spread(labels, UNSEEN_CLASS), np.uint8),
            timings,
        )

    def _place(self, height: int, width: int) -> Placement:
        rows, columns = self._runtime.input_buffer.shape[:2]
        return place(self._fit, (height, width), (rows, columns))

    def close(self) -> None:
        """Free the engine; the detector cannot be used afterwards."""
        self._runtime.close()


def _check_image(image: ImageArray) -> None:
    if not isinstance(image, np.ndarray):
        hint = "; cv2.imread returns None for a file that it cannot read" if image is None else ""
        raise ImageError(f"the image is a {type(image).__name__}, expected a NumPy array, uint8 [H, W, 3] BGR{hint}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ImageError(f"the image is {image.dtype} {list(image.shape)}, expected uint8 [H, W, 3] BGR, H and W >= 1")


def _check_score(output: RawOutput, runtime: str) -> None:
    """Check the range of the scores; a comparison with NaN is false, so NaN fails too."""
    low, high = float(output.score.min()), float(output.score.max())
    if not (low >= 0.0 and high <= 1.0):
        raise InferenceError(f"{runtime}: scores are in [{low}, {high}], expected numbers in [0, 1]")
