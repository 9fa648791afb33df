"""Replay a bag: every frame goes onto the bus as it was recorded, only with a new stamp."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from fishy_ros.bags import BagReader
from fishy_ros.evaluation.environment import hash_files
from fishy_ros.evaluation.result import SourceDescription
from fishy_ros.evaluation.sources.source import PlayFrame
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
        with BagReader(path, image_topic) as reader:
            self._count = len(reader)
            self._topic = reader.image_topic

    @property
    def name(self) -> str:
        """The name of the bag."""
        return self._path.name

    @property
    def message_type(self) -> str:
        """The type of the camera's messages."""
        return self._topic.type

    def __len__(self) -> int:
        return self._count

    def play_frames(self) -> Iterator[PlayFrame]:
        """Yield every frame in the order of recording."""
        with BagReader(self._path, self._topic.name) as reader:
            for frame in reader:
                yield PlayFrame(
                    index=frame.index,
                    id=frame.id,
                    message=frame.message,
                    due_s=frame.log_time_ns / 1e9,
                    stamp_ns=frame.stamp_ns if frame.stamped else 0,
                )

    def samples(self, start: int = 0, stop: int | None = None) -> Iterator[Sample]:
        """Yield frames `start` to `stop` (exclusive) with their ground truth where there is any."""
        with BagReader(self._path, self._topic.name) as reader:
            for frame in itertools.islice(reader, start, stop):
                yield Sample(frame.id, frame.image, frame.labels)

    def describe(self) -> SourceDescription:
        """Describe the bag; hashes its files."""
        files = [path for path in self._path.rglob("*") if path.is_file()] if self._path.is_dir() else [self._path]
        return SourceDescription("bag", str(self._path), hash_files(files))
