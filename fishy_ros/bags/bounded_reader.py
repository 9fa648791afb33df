"""The library's reader of storage files, with chunks of MCAP files that unpack to no more than they state."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

from rosbags.rosbag2 import Reader
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

from fishy_ros.bags.unpacking import MAX_UNPACKED_BYTES, unpack_lz4, unpack_zstd
from fishy_ros.errors import BagError


def _bounded_storage() -> ModuleType:
    """Load a second copy of the library's module, whose table of decompressors is ours to change.

    The library compares the size of a chunk with what it states only when it has unpacked everything, and a few
    kilobytes hold gigabytes. Its own copy stays as it is for everybody else in the process.
    """
    import rosbags.rosbag2.storage_mcap as shared

    spec = importlib.util.spec_from_file_location(shared.__name__, shared.__file__)
    assert spec is not None
    assert spec.loader is not None
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    own.DECOMPRESSORS = {  # type: ignore[attr-defined]
        **shared.DECOMPRESSORS,
        "zstd": lambda data, size: unpack_zstd(data, _stated(size)),
        "lz4": lambda data, size: unpack_lz4(data, _stated(size)),
    }
    return own


def _stated(size: int) -> int:
    if size > MAX_UNPACKED_BYTES:
        raise BagError(f"a chunk states a size of {size} bytes, expected at most {MAX_UNPACKED_BYTES}")
    return size


_STORAGE: Any = _bounded_storage()


class BoundedReader(Reader):
    """Read one `.mcap` or `.db3` file."""

    STORAGE_PLUGINS = {".mcap": _STORAGE.McapReader, ".db3": Sqlite3Reader}  # noqa: RUF012
