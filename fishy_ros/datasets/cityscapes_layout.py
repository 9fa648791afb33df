"""The folder layout of Cityscapes, which Lost and Found shares."""

from __future__ import annotations

from pathlib import Path

from fishy_ros.datasets.files import FrameFiles, nothing_found
from fishy_ros.datasets.images import IMAGE_SUFFIXES
from fishy_ros.errors import ConfigError, DatasetError

IMAGE_END = "_leftImg8bit"


def find_cityscapes_frames(name: str, root: Path, split: str, truth: str) -> list[FrameFiles]:
    """Find `leftImg8bit/SPLIT/PLACE/ID_leftImg8bit.*` with `TRUTH/SPLIT/PLACE/ID_TRUTH_labelIds.png`, sorted by id.

    Raises:
        DatasetError: no images, or images but no label file at all.
    """
    images = root / "leftImg8bit" / split
    found = sorted(path for path in images.glob(f"*/*{IMAGE_END}.*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise nothing_found(name, root, f"leftImg8bit/{split}/PLACE/ID{IMAGE_END}.png")
    frames = []
    for path in found:
        frame = path.stem.removesuffix(IMAGE_END)
        labels = root / truth / split / path.parent.name / f"{frame}_{truth}_labelIds.png"
        frames.append(FrameFiles(frame, path, labels if labels.exists() else None))
    if not any(frame.labels for frame in frames):
        raise DatasetError(
            f"dataset {name}: {len(frames)} images under {images}, but no label file such as "
            f"{truth}/{split}/{found[0].parent.name}/{frames[0].id}_{truth}_labelIds.png under {root}"
        )
    return frames


def check_split(name: str, split: str, known: tuple[str, ...]) -> str:
    """Return the split.

    Raises:
        ConfigError: the dataset has no such split.
    """
    if split not in known:
        raise ConfigError(f"dataset {name}: split is {split!r}, expected one of {', '.join(known)}")
    return split
