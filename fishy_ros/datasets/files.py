"""A dataset made of image files and, for most of them, label files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fishy_ros.datasets.images import read_image
from fishy_ros.datasets.label_files import read_label_ids
from fishy_ros.datasets.label_mapping import LabelMapping
from fishy_ros.errors import DatasetError
from fishy_ros.types import ImageArray, LabelMap, Sample


@dataclass(frozen=True)
class FrameFiles:
    """Where the files of one frame lie; `labels` is None for a frame without ground truth."""

    id: str
    image: Path
    labels: Path | None


class FileDataset:
    """Read frames lazily from the files found when the dataset was opened."""

    def __init__(
        self,
        name: str,
        frames: Sequence[FrameFiles],
        mapping: LabelMapping,
        classes: LabelMap | None = None,
        read_frame_image: Callable[[FrameFiles], ImageArray] | None = None,
        unused_labels: Sequence[Path] = (),
    ) -> None:
        """Keep the list of frames.

        Args:
            name: the name under which the registry knows the dataset.
            frames: their files.
            mapping: what the label ids in the files mean.
            classes: the train id of each label id, see `class_table`; None where the labels tell no classes.
            read_frame_image: replaces the plain reading of `FrameFiles.image`, for datasets that store their images
                in another form.
            unused_labels: label files that belong to no image.
        """
        self.name = name
        self.frames = tuple(frames)
        """The files of every frame, in the order of the dataset."""
        self.unused_labels = tuple(unused_labels)
        """Label files that belong to no image."""
        self._mapping = mapping
        self._classes = classes
        self._read_frame_image = read_frame_image

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        """Read one frame.

        Raises:
            DatasetError: a file cannot be read, its labels lie outside the mapping or have another
                size than the image.
        """
        files = self.frames[index]
        image = read_image(files.image) if self._read_frame_image is None else self._read_frame_image(files)
        if files.labels is None:
            return Sample(files.id, image)
        ids = read_label_ids(files.labels)
        if ids.shape != image.shape[:2]:
            raise DatasetError(
                f"{self.name} frame {files.id}: labels are {ids.shape[1]}x{ids.shape[0]} ({files.labels}), "
                f"the image is {image.shape[1]}x{image.shape[0]} ({files.image})"
            )
        labels = self._mapping.apply(ids, f"{self.name} frame {files.id} ({files.labels})")
        return Sample(files.id, image, labels, None if self._classes is None else self._classes[ids])

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))


def require_root(name: str, root: Path | None) -> Path:
    """Return the root folder of a dataset.

    Raises:
        DatasetError: no root was given, or it is not a folder.
    """
    if root is None:
        raise DatasetError(f"dataset {name} needs its folder: --root DIR")
    if not root.is_dir():
        raise DatasetError(f"dataset {name}: {root} {'is not a folder' if root.exists() else 'does not exist'}")
    return root


def nothing_found(name: str, root: Path, looked_for: str) -> DatasetError:
    """Build the error for a folder without frames: what was looked for, and what is there."""
    return DatasetError(f"dataset {name}: looked for {looked_for} under {root}; found {describe_folder(root)}")


def describe_folder(folder: Path, limit: int = 8) -> str:
    """Describe the contents of a folder in a few words, for error messages."""
    names = sorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir())
    if not names:
        return "an empty folder"
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")
