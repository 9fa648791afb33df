"""What is written of every image: overlays, masks and raw maps as files, videos of moving sources."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ConfigError, ScoreError
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame
from fishy_ros.evaluation.replay.run_files import VIDEO_ENDINGS
from fishy_ros.evaluation.replay.video import OverlayVideo
from fishy_ros.imaging import render_overlay, resize_classes, resize_score
from fishy_ros.obstacles import AnomalyRegions
from fishy_ros.types import Detection, ImageArray, Sample

KINDS: dict[str, str] = {
    "overlay": "the image with the heatmap over it, JPEG",
    "mask": "255 in anomalous regions and 0 elsewhere, PNG of the image's size",
    "npy": "the heatmap as float32 .npy, of the network's size",
    "png16": "the heatmap as 16-bit PNG (65535 is 1), of the network's size",
    "hdf5": "the heatmap as SegmentMeIfYouCan takes it: float16 `value` of the image's size (needs h5py)",
    "video": "a video of the overlays of every moving source",
}
"""What can be written of an image, beside its regions."""

SUFFIXES: dict[str, str] = {"overlay": ".jpg", "mask": ".png", "npy": ".npy", "png16": ".png", "hdf5": ".hdf5"}
"""Endings of the files of an image, by kind."""

JPEG_QUALITY: int = 90


@dataclass(frozen=True)
class Finding:
    """What was found in one image."""

    name: str
    image: ImageArray
    detection: Detection
    found: AnomalyRegions


def choose_kinds(wanted: Collection[str], moves: bool) -> frozenset[str]:
    """Return what to write: what is wanted, or what is nicest to look at.

    Raises:
        ConfigError: a kind is not known, or its library is not installed.
    """
    for kind in wanted:
        if kind not in KINDS:
            raise ConfigError(f"cannot write {kind!r}; expected any of {', '.join(KINDS)}")
    if "hdf5" in wanted:
        _import_h5py()
    return frozenset(wanted) or frozenset({"video"} if moves else {"overlay"})


class FileWriter:
    """Write the files of one image into `out/KIND/NAME.*`; safe to call from several threads."""

    def __init__(self, out: Path, kinds: Collection[str], threshold: float) -> None:
        """Write `kinds`; overlays are outlined at `threshold`."""
        self._out = out
        self._kinds = kinds
        self._threshold = threshold

    def write(self, finding: Finding) -> None:
        """Write everything but videos.

        Raises:
            ScoreError: a file cannot be written.
        """
        writers: dict[str, Callable[[Path, Finding], None]] = {
            "overlay": self._write_overlay,
            "mask": _write_mask,
            "npy": _write_npy,
            "png16": _write_png16,
            "hdf5": _write_hdf5,
        }
        for kind, write in writers.items():
            if kind in self._kinds:
                path = self._out / kind / f"{finding.name}{SUFFIXES[kind]}"
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write(path, finding)
                except OSError as error:
                    raise ScoreError(f"{path}: cannot be written: {error.strerror or error}") from error

    def _write_overlay(self, path: Path, finding: Finding) -> None:
        picture = render_overlay(finding.image, finding.detection.score, self._threshold)
        _encode(path, picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


class SourceVideo:
    """The overlays of one moving source as `video/NAME.mp4`; appears when it is complete."""

    def __init__(self, out: Path, name: str, rate_hz: float, threshold: float) -> None:
        """Begin a video; that of an earlier run is removed, as it would be taken for complete."""
        self._folder = out / "video"
        self._name = name
        self._folder.mkdir(parents=True, exist_ok=True)
        while (earlier := find_video(out, name)) is not None:
            earlier.unlink()
        self._video = OverlayVideo(self._folder, threshold, rate_hz, f".{name}.partial")

    def add(self, finding: Finding) -> None:
        """Append an image."""
        self._video.add(DetectedFrame(Sample(finding.name, finding.image), finding.detection.score))

    def __enter__(self) -> SourceVideo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.close()
        path = self._video.path
        # An interrupted video is kept under its partial name: it can be looked at, and is not taken for complete.
        if kind is None and path is not None and path.exists():
            path.replace(self._folder / f"{self._name}{path.suffix}")


def remove_results(out: Path, names: Iterable[str]) -> None:
    """Remove the files of images, and the videos of those named `KEY/NUMBER`, which an earlier run has written."""
    for name in names:
        for kind, suffix in SUFFIXES.items():
            (out / kind / f"{name}{suffix}").unlink(missing_ok=True)
        key, _, number = name.rpartition("/")
        if number.isdecimal() and (video := find_video(out, key)) is not None:
            video.unlink()


def find_video(out: Path, name: str) -> Path | None:
    """Return the complete video of a source, if there is one."""
    paths = (out / "video" / f"{name}{suffix}" for suffix in VIDEO_ENDINGS)
    return next(filter(Path.exists, paths), None)


def _write_mask(path: Path, finding: Finding) -> None:
    _encode(path, resize_classes(finding.found.mask, *finding.image.shape[:2]), [])


def _write_npy(path: Path, finding: Finding) -> None:
    with path.open("wb") as file:
        np.save(file, finding.detection.score, allow_pickle=False)


def _write_png16(path: Path, finding: Finding) -> None:
    _encode(path, np.round(finding.detection.score * 65535.0).astype(np.uint16), [])


def _write_hdf5(path: Path, finding: Finding) -> None:
    score = resize_score(finding.detection.score, *finding.image.shape[:2])
    with _import_h5py().File(path, "w") as file:
        file["value"] = score.astype(np.float16)


def _encode(path: Path, picture: NDArray[Any], options: list[int]) -> None:
    done, data = cv2.imencode(path.suffix, picture, options)
    if not done:
        raise ScoreError(f"{path}: a picture of shape {picture.shape} cannot be encoded")
    path.write_bytes(data.tobytes())


def _import_h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise ConfigError("writing HDF5 needs h5py: python -m pip install h5py") from None
    return h5py
