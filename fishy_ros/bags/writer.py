"""Write labelled frames as a rosbag2 bag that every distribution from Humble on can play."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Connection
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer, WriterError

from fishy_ros.bags.messages import (
    NANOSECONDS,
    camera_info_message,
    compressed_image_message,
    image_message,
    typestore,
)
from fishy_ros.bags.sqlite_tables import is_plain_name
from fishy_ros.bags.topics import (
    CAMERA_INFO_TOPIC,
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TOPIC,
    COMPRESSED_IMAGE_TYPE,
    IMAGE_TOPIC,
    IMAGE_TYPE,
    LABELS_TOPIC,
)
from fishy_ros.errors import BagError, ConfigError
from fishy_ros.types import Sample

METADATA_VERSION: Literal[8] = 8
"""The newest metadata that Humble still reads: from version 9 on the QoS profiles are no longer a string."""


class BagWriter:
    """Write samples to a new bag folder; use as a context manager.

    The bag appears at `path` when the writer is closed, complete; until then, and after an error, nothing
    is there.
    """

    def __init__(
        self,
        path: Path | str,
        storage: str = "mcap",
        image_format: str = "raw",
        compression: str | None = None,
        intrinsics: NDArray[np.float64] | None = None,
        frame_id: str = "camera",
        jpeg_quality: int = 95,
    ) -> None:
        """Prepare a bag.

        `storage` is `mcap` or `sqlite3`, `image_format` is `raw`, `png` or `jpeg`. `compression` is `zstd`
        for the chunks of an MCAP file or the messages of an SQLite file.
        `intrinsics` is the camera matrix K, 3x3 in pixels, where it is known. `jpeg_quality` is 1 to 100.

        Raises:
            ConfigError: an option has no meaning.
            BagError: `path` exists, its parent cannot be written to, or the storage cannot have such a path.
        """
        for name, value, choices in (
            ("storage", storage, ("mcap", "sqlite3")),
            ("image format", image_format, ("raw", "png", "jpeg")),
            ("compression", compression or "none", ("none", "zstd")),
        ):
            if value not in choices:
                raise ConfigError(f"{name} is {value!r}, expected one of {', '.join(choices)}")
        if not 1 <= jpeg_quality <= 100:
            raise ConfigError(f"jpeg_quality is {jpeg_quality}, expected 1 to 100")
        self._path = Path(path)
        if storage == "sqlite3" and not is_plain_name(self._path):
            raise BagError(f"{self._path}: a path with %, ? or # cannot hold an SQLite bag; choose another, or mcap")
        self._image_format = image_format
        self._intrinsics = intrinsics
        self._frame_id = frame_id
        self._jpeg_quality = jpeg_quality
        self._connections: dict[str, Connection] = {}
        self._frames = 0
        self._last_stamp_ns = -1
        self._work = self._make_work_folder()
        try:
            self._writer = self._open_writer(storage, compression)
        except (OSError, WriterError, sqlite3.Error) as error:
            shutil.rmtree(self._work, ignore_errors=True)
            raise BagError(f"{self._path}: cannot be written: {error}") from error

    def write(self, sample: Sample, stamp_ns: int) -> None:
        """Write the image, its camera info and, where there are labels, the ground truth, with one stamp in ns.

        Raises:
            BagError: the stamp does not rise or does not fit, or the bag cannot be written (such as a full
                disk): the unfinished bag is removed.
        """
        if not self._last_stamp_ns < stamp_ns < 2**31 * NANOSECONDS:
            raise BagError(
                f"{self._path}: frame {sample.id} has the stamp {stamp_ns} ns, expected more than "
                f"{self._last_stamp_ns} and less than 2^31 s"
            )
        self._last_stamp_ns = stamp_ns
        height, width = sample.image.shape[:2]
        try:
            self._write_image(sample, stamp_ns)
            info = camera_info_message(height, width, self._intrinsics, stamp_ns, self._frame_id)
            self._put(CAMERA_INFO_TOPIC, CAMERA_INFO_TYPE, stamp_ns, info)
            if sample.labels is not None:
                labels = image_message(sample.labels, "mono8", stamp_ns, self._frame_id)
                self._put(LABELS_TOPIC, IMAGE_TYPE, stamp_ns, labels)
        except (OSError, sqlite3.Error) as error:
            self.abort()
            raise self._failure(error) from error
        self._frames += 1

    def close(self) -> None:
        """Finish the bag and move it to its place.

        Raises:
            BagError: no frame was written, or the bag cannot be finished; nothing is left on the disk.
        """
        if not self._frames:
            self.abort()
            raise BagError(f"{self._path}: no bag was written, because there was no frame")
        try:
            self._writer.close()
            (self._work / self._path.name).rename(self._path)
        except (OSError, sqlite3.Error) as error:
            self.abort()
            raise self._failure(error) from error
        shutil.rmtree(self._work, ignore_errors=True)

    def abort(self) -> None:
        """Stop writing and remove what was written."""
        with contextlib.suppress(OSError, sqlite3.Error):
            self._writer.abort()
        shutil.rmtree(self._work, ignore_errors=True)

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _make_work_folder(self) -> Path:
        if self._path.exists():
            raise BagError(f"{self._path}: already exists and is not overwritten")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=f".{self._path.name}.", suffix=".partial", dir=self._path.parent))
        except OSError as error:
            raise BagError(f"{self._path}: cannot be written: {error.strerror or error}") from error

    def _open_writer(self, storage: str, compression: str | None) -> Writer:
        plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
        writer = Writer(self._work / self._path.name, version=METADATA_VERSION, storage_plugin=plugin)
        if compression == "zstd":
            mode = CompressionMode.STORAGE if storage == "mcap" else CompressionMode.MESSAGE
            writer.set_compression(mode, CompressionFormat.ZSTD)
        writer.open()
        return writer

    def _write_image(self, sample: Sample, stamp_ns: int) -> None:
        if self._image_format == "raw":
            self._put(IMAGE_TOPIC, IMAGE_TYPE, stamp_ns, image_message(sample.image, "bgr8", stamp_ns, self._frame_id))
            return
        message = compressed_image_message(
            sample.image, self._image_format, self._jpeg_quality, stamp_ns, self._frame_id
        )
        self._put(COMPRESSED_IMAGE_TOPIC, COMPRESSED_IMAGE_TYPE, stamp_ns, message)

    def _put(self, topic: str, message_type: str, stamp_ns: int, message: bytes) -> None:
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(topic, message_type, typestore=typestore())
        self._writer.write(self._connections[topic], stamp_ns, message)

    def _failure(self, error: Exception) -> BagError:
        reason = getattr(error, "strerror", None) or error
        return BagError(f"{self._path}: cannot be written after {self._frames} frames: {reason}; nothing is left of it")
