"""Whatever a user names as a source, as a stream of named images."""

from __future__ import annotations

import glob
import itertools
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.bags import BagReader
from fishy_ros.bags.foreign import is_ros1_bag
from fishy_ros.bags.storage_files import STORAGE_SUFFIXES, is_storage
from fishy_ros.datasets.images import IMAGE_SUFFIXES, is_image_file, natural_key, read_image
from fishy_ros.errors import ConfigError, DatasetError
from fishy_ros.evaluation.detect.naming import ResultNames
from fishy_ros.evaluation.detect.origin import Origin, find_origin
from fishy_ros.types import ImageArray

VIDEO_SUFFIXES: frozenset[str] = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"})
CAMERA_RATE_HZ: float = 30.0
"""Rate of the video of a camera that does not state its own."""
MAX_CAMERA_INDEX: int = 255
"""Linux has no more video devices of a kind."""

MISCOUNTED: float = 0.01
"""Some containers only state how long a video is, so the number of its frames may be off by this share."""


@dataclass(frozen=True)
class NamedImage:
    """One image of a source."""

    name: str
    """Relative path under which results are stored, see `ResultNames`; unique within a run."""
    load: Callable[[], ImageArray]
    """Decode it, uint8 `[H, W, 3]` BGR; raises `FishyError` where that cannot be done."""
    stamp_s: float | None = None
    """When it was taken, in s since the epoch (bags) or since the beginning (videos), where that is known."""
    origin: Origin | None = None
    """The file that it comes from; None for a camera, and where the file cannot be accessed."""


@dataclass(frozen=True)
class Source:
    """One thing that was named on the command line."""

    name: str
    count: int | None
    """Number of images; None where that shows only at the end."""
    images: Callable[[], Iterator[NamedImage]]
    rate_hz: float | None = None
    """Images a second of a moving source; None for pictures."""
    key: str = ""
    """The first part of the names of a moving source's images."""
    origin: Origin | None = None
    """The origin of all images of a moving source."""

    @property
    def moves(self) -> bool:
        """Whether the images follow each other in time."""
        return self.rate_hz is not None


def open_sources(
    texts: Iterable[str], image_topic: str | None = None, root: Path = Path(), out: Path | None = None
) -> list[Source]:
    """Find out what each text is: a picture, a folder, a glob pattern, a video, a camera's index or a bag.

    Args:
        texts: as the user wrote them.
        image_topic: camera of a bag that holds several.
        root: what relative paths and patterns start from.
        out: output folder; folders and patterns leave out what lies below it.

    Raises:
        ConfigError: a text is none of these, or all its pictures lie below `out`.
        BagError: a bag is damaged, or holds several cameras and `image_topic` names none.
    """
    names = ResultNames()
    sources = [_open(text, image_topic, root, out, names) for text in texts]
    if not sources:
        raise ConfigError("no input: expected pictures, folders, patterns, videos, bags or a camera's index")
    return sources


def _open(text: str, image_topic: str | None, root: Path, out: Path | None, names: ResultNames) -> Source:
    if not text:
        raise ConfigError("an input is empty; expected a picture, folder, pattern, video, bag or camera index")
    path = root / text
    if path.is_dir() and not _is_bag(path):
        files = _find_pictures(text, path.rglob("*"), out)
        if not files and any(map(is_ros1_bag, path.iterdir())):
            return _bag(text, path, image_topic, names)  # which says how to convert it
        if not files:
            raise ConfigError(f"{text}: no pictures in this folder ({', '.join(sorted(IMAGE_SUFFIXES))}), and no bag")
        return _pictures(text, files, path, names)
    if path.exists():
        return _open_file(text, path, image_topic, names)
    if text.isdecimal() and int(text) <= MAX_CAMERA_INDEX:
        return _camera(int(text), names)
    if glob.has_magic(text):
        files = _find_pictures(text, map(Path, glob.iglob(str(path), recursive=True)), out)
        if not files:
            raise ConfigError(f"{text}: no picture fits this pattern")
        return _pictures(text, files, _fixed_part(path), names)
    raise ConfigError(
        f"{text}: no such file or folder; expected a picture, folder, pattern, video, bag or camera index"
    )


def _find_pictures(text: str, candidates: Iterable[Path], out: Path | None) -> list[Path]:
    """List the pictures among `candidates`, in natural order, without those below `out`.

    Raises:
        ConfigError: there are pictures, but only below `out`.
    """
    found = sorted(filter(is_image_file, candidates), key=lambda file: natural_key(str(file)))
    if out is None:
        return found
    folder = out.resolve()
    # realpath, as resolve fails on a link to itself
    files = [file for file in found if not Path(os.path.realpath(file)).is_relative_to(folder)]
    if found and not files:
        raise ConfigError(f"{text}: all pictures lie below the output folder {out}; choose another one with --out")
    return files


def _open_file(text: str, path: Path, image_topic: str | None, names: ResultNames) -> Source:
    suffix = path.suffix.lower()
    if _is_bag(path):
        return _bag(text, path, image_topic, names)
    if suffix in IMAGE_SUFFIXES:
        return _pictures(text, [path], path.parent, names)
    if suffix in VIDEO_SUFFIXES:
        return _video(text, path, names)
    known = ", ".join(sorted({*IMAGE_SUFFIXES, *VIDEO_SUFFIXES, *STORAGE_SUFFIXES}))
    raise ConfigError(f"{text}: expected a picture, a video or a bag ({known})")


def _is_bag(path: Path) -> bool:
    if path.is_dir():
        return (path / "metadata.yaml").is_file() or any(map(is_storage, path.iterdir()))
    return path.suffix.lower() in STORAGE_SUFFIXES or is_storage(path) or is_ros1_bag(path)


def _fixed_part(pattern: Path) -> Path:
    """Return the folders of a pattern before its first wildcard."""
    return Path(*itertools.takewhile(lambda part: not glob.has_magic(part), pattern.parts))


def _pictures(text: str, files: list[Path], folder: Path, names: ResultNames) -> Source:
    images = []
    for file in files:
        relative = file.relative_to(folder) if file.is_relative_to(folder) else Path(file.name)
        images.append(NamedImage(names.of_picture(relative), partial(read_image, file), origin=find_origin(file)))
    return Source(text, len(images), lambda: iter(images))


def _bag(text: str, path: Path, image_topic: str | None, names: ResultNames) -> Source:
    key = names.key(path)
    with BagReader(path, image_topic) as reader:
        count, origin = len(reader), find_origin(path, reader.image_topic.name)
        stamps = [frame.stamp_ns for frame in itertools.islice(reader, 20)]
    steps = np.diff(np.array(stamps, np.int64))
    rate = 1e9 / float(np.median(steps)) if steps.size and np.median(steps) > 0 else 10.0

    def images() -> Iterator[NamedImage]:
        with BagReader(path, image_topic) as reader:
            for frame in reader:
                yield NamedImage(f"{key}/{frame.id}", partial(getattr, frame, "image"), frame.stamp_ns / 1e9, origin)

    return Source(text, count, images, min(max(rate, 1.0), 240.0), key, origin)


def _video(text: str, path: Path, names: ResultNames) -> Source:
    key, origin = names.key(path), find_origin(path)
    with _plain_name(path) as plain:
        capture = _capture(plain, text)
        rate, count = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
    rate = rate if 0 < rate <= 1000 else CAMERA_RATE_HZ

    def frames() -> Iterator[NamedImage]:
        with _plain_name(path) as plain:
            yield from _frames(plain, text, key, rate, origin, count)

    return Source(text, count if count > 0 else None, frames, rate, key, origin)


@contextmanager
def _plain_name(path: Path) -> Iterator[str]:
    """Give a file a plain name while the context is open: OpenCV ends the process over one that is not UTF-8."""
    with tempfile.TemporaryDirectory(prefix="fishy-video-") as folder:
        link = Path(folder, f"video{path.suffix if path.suffix.isascii() else ''}")
        link.symlink_to(path.resolve())
        yield str(link)


def _camera(index: int, names: ResultNames) -> Source:
    text, key = f"camera {index}", names.key(Path(f"camera{index}"))
    _capture(index, text).release()
    return Source(text, None, lambda: _frames(index, text, key, CAMERA_RATE_HZ, None), CAMERA_RATE_HZ, key)


def _capture(what: str | int, text: str) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(what)
    if not capture.isOpened():
        reason = "there is no such camera" if isinstance(what, int) else "it is damaged, or this OpenCV lacks its codec"
        raise ConfigError(f"{text}: cannot be opened: {reason}")
    return capture


def _frames(
    what: str | int, text: str, key: str, rate_hz: float, origin: Origin | None, expected: int = 0
) -> Iterator[NamedImage]:
    """Yield what can be decoded, and one image that cannot be loaded where many of the expected ones are missing."""
    capture = _capture(what, text)
    try:
        for index in itertools.count():
            done, image = capture.read()
            if not done:
                break
            yield NamedImage(f"{key}/{index:06d}", partial(_checked, image, text), index / rate_hz, origin)
        if index == 0:
            raise DatasetError(f"{text}: not one frame can be decoded")
        if expected - index > max(1, MISCOUNTED * expected):
            missing = DatasetError(f"{text}: states {expected} frames, of which {index} can be decoded")
            yield NamedImage(f"{key}/{index:06d}", partial(_fail, missing), index / rate_hz, origin)
    finally:
        capture.release()


def _fail(error: DatasetError) -> ImageArray:
    raise error


def _checked(image: NDArray[Any], text: str) -> ImageArray:
    if image.ndim != 3 or image.dtype != np.uint8:
        raise DatasetError(f"{text}: a frame is {image.dtype} {image.shape}, expected uint8 [H, W, 3]")
    return image
