"""Environment variables that select the shipped settings for large images, for every ROS middleware."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from fishy_ros.node.shared_memory import SHARED_MEMORY

SEGMENT_BYTES: int = 128 * 1024 * 1024
"""Size of the shared memory segment that the Fast DDS profile asks for in each process; Fast DDS takes 5 % more."""

_FAST_DDS = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""The name up to Jazzy, and from Kilted on."""
_CYCLONE_DDS = "CYCLONEDDS_URI"
_ZENOH = ("ZENOH_CONFIG_OVERRIDE", "ZENOH_SESSION_CONFIG_URI")
_ZENOH_SHARED_MEMORY = "transport/shared_memory/enabled=true"


def dds_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables to set before a ROS process starts, so that raw camera images arrive.

    A middleware that `environment` (by default this process's) configures already is left alone. Fast DDS
    is left at its defaults where shared memory is too small for the profile, as in some containers.
    """
    environment = os.environ if environment is None else environment
    folder = config_folder()
    if folder is None:
        return {}
    chosen: dict[str, str] = {}
    if not any(name in environment for name in _FAST_DDS) and _shared_memory_suffices():
        chosen |= dict.fromkeys(_FAST_DDS, str(folder / "fastdds_large_images.xml"))
    if _CYCLONE_DDS not in environment:
        chosen[_CYCLONE_DDS] = (folder / "cyclonedds_large_images.xml").as_uri()
    if not any(name in environment for name in _ZENOH):
        chosen[_ZENOH[0]] = _ZENOH_SHARED_MEMORY
    return chosen


def config_folder() -> Path | None:
    """Return the folder of the shipped configuration files; None in an installation without them."""
    return next((folder for folder in _candidates() if folder.is_dir()), None)


def _candidates() -> Iterator[Path]:
    yield Path(__file__).resolve().parents[2] / "config"
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    yield from (Path(prefix, "share", "fishy_ros", "config") for prefix in prefixes if prefix)


def _shared_memory_suffices() -> bool:
    try:
        return shutil.disk_usage(SHARED_MEMORY).free >= 2 * SEGMENT_BYTES
    except OSError:
        return False
