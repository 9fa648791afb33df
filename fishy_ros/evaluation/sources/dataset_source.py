"""Replay a dataset: every frame goes onto the bus as a raw bgr8 image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from fishy_ros.bags.messages import image_message
from fishy_ros.bags.topics import IMAGE_TYPE
from fishy_ros.datasets.base import Dataset
from fishy_ros.datasets.files import FileDataset
from fishy_ros.errors import UnreadableFileError
from fishy_ros.evaluation.environment import hash_files
from fishy_ros.evaluation.result import SourceDescription
from fishy_ros.evaluation.sources.source import PlayFrame, UnreadableFrame
from fishy_ros.types import Sample

FRAME_ID = "camera"


class DatasetSource:
    """The frames of a dataset as a `FrameSource`."""

    message_type = IMAGE_TYPE
    has_own_rate = False

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.name = dataset.name

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the numbers has to know: frames without labels among others, labels without an image."""
        if not isinstance(self.dataset, FileDataset):
            return ()
        warnings = []
        frames, unused = self.dataset.frames, self.dataset.unused_labels
        bare = [frame.id for frame in frames if frame.labels is None]
        if 0 < len(bare) < len(frames):
            warnings.append(
                f"{len(bare)} of {len(frames)} frames have no labels and are not scored; the first is {bare[0]}"
            )
        if unused:
            warnings.append(f"{len(unused)} label files have no image; the first is {unused[0].name}")
        return tuple(warnings)

    def __len__(self) -> int:
        return len(self.dataset)

    def play_frames(self) -> Iterator[PlayFrame]:
        """Yield every frame as it goes onto the bus; one whose files cannot be read is left out."""
        for index, sample in enumerate(self.samples()):
            if isinstance(sample, Sample):
                yield PlayFrame(index, sample.id, image_message(sample.image, "bgr8", 0, FRAME_ID))

    def samples(self, start: int = 0, stop: int | None = None) -> Iterator[Sample | UnreadableFrame]:
        """Yield frames `start` to `stop` (exclusive) with their ground truth where there is any."""
        return (self._sample(index) for index in range(len(self))[start:stop])

    def describe(self) -> SourceDescription:
        """Describe the dataset; hashes its image and label files, or the frames of one that has no files."""
        return SourceDescription("dataset", self.name, self._hash())

    def _sample(self, index: int) -> Sample | UnreadableFrame:
        try:
            return self.dataset[index]
        except UnreadableFileError as error:
            name = self.dataset.frames[index].id if isinstance(self.dataset, FileDataset) else f"{index:06d}"
            return UnreadableFrame(name, str(error))

    def _hash(self) -> str:
        if isinstance(self.dataset, FileDataset):
            frames = self.dataset.frames
            return hash_files(path for frame in frames for path in (frame.image, frame.labels) if path is not None)
        digest = hashlib.sha256()
        for sample in self.samples():
            digest.update(sample.id.encode("utf-8", "surrogateescape"))
            if isinstance(sample, UnreadableFrame):
                continue
            digest.update(sample.image.tobytes())
            if sample.labels is not None:
                digest.update(sample.labels.tobytes())
        return digest.hexdigest()
