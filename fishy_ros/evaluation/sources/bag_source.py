"""Replay a bag: every frame goes onto the bus as it was recorded, only with a new stamp."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fishy_ros.bags import BagReader
from fishy_ros.bags.messages import decode_intrinsics
from fishy_ros.errors import ImageError
from fishy_ros.evaluation.environment import hash_files
from fishy_ros.evaluation.result import SourceDescription
from fishy_ros.evaluation.sources.source import PlayFrame, UnreadableFrame
from fishy_ros.types import Sample


class BagSource:
    """The frames of one camera of a bag as a `FrameSource`.

    The bag is opened anew for every iteration, because its files belong to the thread that opened them.
    """

    has_own_rate = True

    def __init__(self, path: Path, image_topic: str | None = None) -> None:
        """Look for the bag and the camera.

        Raises:
            BagError: there is no bag, it is damaged, or the choice of the camera is not clear.
        """
        self._path = path
        self.name = path.name
        with BagReader(path, image_topic) as reader:
            self._count = len(reader)
            self._topic = reader.image_topic
            self.warnings = reader.warnings
            self.message_type = self._topic.type
            first = next(iter(reader), None)
        if first is not None and first.is_depth:
            self.warnings += (
                f"{path}: {self._topic.name} is recorded as depth cameras publish distances (REP 118), "
                "expected the images of a color or grey camera",
            )

    def __len__(self) -> int:
        return self._count

    def play_frames(self) -> Iterator[PlayFrame]:
        """Yield every frame in the order of recording."""
        with BagReader(self._path, self._topic.name) as reader:
            for frame in reader:
                if frame.problem:
                    continue
                yield PlayFrame(
                    index=frame.index,
                    id=frame.id,
                    message=frame.message,
                    due_s=frame.log_time_ns / 1e9,
                    stamp_ns=frame.stamp_ns if frame.stamped else 0,
                    message_type=frame.message_type,
                    camera_info=frame.camera_info_message,
                )

    def samples(self, start: int = 0, stop: int | None = None) -> Iterator[Sample | UnreadableFrame]:
        """Yield frames `start` to `stop` (exclusive) with their ground truth where there is any."""
        with BagReader(self._path, self._topic.name) as reader:
            for frame in itertools.islice(reader, start, stop):
                try:
                    yield Sample(frame.id, frame.image, frame.labels)
                except ImageError as error:
                    yield UnreadableFrame(frame.id, f"{self._path}, {self._topic.name}: {error}")

    def intrinsics(self) -> NDArray[np.float64] | None:
        """Return the matrix K of the camera, float64 `[3, 3]` in px; None where the bag has no calibration."""
        with BagReader(self._path, self._topic.name) as reader:
            frame = next(iter(reader), None)
        if frame is None or frame.camera_info_message is None:
            return None
        matrix = decode_intrinsics(frame.camera_info_message)
        return matrix if matrix[0, 0] > 0 else None

    def describe(self) -> SourceDescription:
        """Describe the bag; hashes its files."""
        files = [path for path in self._path.rglob("*") if path.is_file()] if self._path.is_dir() else [self._path]
        return SourceDescription("bag", str(self._path), hash_files(files))
