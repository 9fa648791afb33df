"""Settings of the ROS middleware for large images, and the shared memory that killed processes leave behind.

Every Fast DDS participant has a segment `fastrtps_<16 hexadecimal digits>`, as large as the profile asks for, and holds
an exclusive lock on the empty file of the same name with `_el` behind it for as long as it lives. The segment of a
process that got SIGKILL is removed by a peer that was reading from it, if there is one, and by `fastdds shm clean`,
where that is installed; a participant that starts later leaves it where it is.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
MIN_AGE_S: float = 60.0
"""A younger lock may belong to a process that is just about to take it."""

_SEGMENT = re.compile(r"fastrtps_[0-9a-f]{16}")

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


def shared_memory_problem(environment: Mapping[str, str] | None = None) -> str:
    """Say that shared memory is too small for the profile of Fast DDS; empty if it suffices or is not used.

    Images above half a megabyte then go through sockets, where best-effort ones are lost for the most part.
    """
    environment = os.environ if environment is None else environment
    uses_other = "fastrtps" not in environment.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    if uses_other or any(name in environment for name in _FAST_DDS) or _shared_memory_suffices():
        return ""
    try:
        free = f"{shutil.disk_usage(SHARED_MEMORY).free / 2**20:.0f} MiB free"
    except OSError as error:
        free = error.strerror or str(error)
    return (
        f"{SHARED_MEMORY}: {free}, expected {2 * SEGMENT_BYTES >> 20} MiB: images above 0.5 MB may be lost. Start the "
        "container with --shm-size=1g or --ipc=host, set the parameter reliability to reliable, or use image/compressed"
    )


def _shared_memory_suffices() -> bool:
    try:
        return shutil.disk_usage(SHARED_MEMORY).free >= 2 * SEGMENT_BYTES
    except OSError:
        return False


@dataclass(frozen=True)
class Removed:
    """What was given back."""

    segments: int = 0
    size: int = 0
    """In bytes."""


def segments_in(folder: Path = SHARED_MEMORY) -> list[Path]:
    """List the segments of all processes, dead or alive; empty where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _SEGMENT.fullmatch(path.name))


def segments_of(pid: int) -> list[Path]:
    """List the segments that a process has mapped, its own and its peers'; empty where that cannot be seen."""
    return sorted({Path(name) for name in _mapped_files(pid) if _SEGMENT.fullmatch(Path(name).name)})


def remove_abandoned(segments: Iterable[Path], min_age_s: float = MIN_AGE_S) -> Removed:
    """Remove those segments whose owner is dead, and their locks.

    A segment goes only if its lock exists, is at least `min_age_s` seconds old and can be taken, and if no process has
    the segment mapped. What cannot be looked at, or removed, stays.
    """
    free = [path for path in segments if _is_old(path, min_age_s) and _is_abandoned(path)]
    in_use = set(_mapped_by_anybody()) if free else set()
    count = size = 0
    for path in free:
        if str(path) in in_use:
            continue
        try:
            length = path.stat().st_size
            path.unlink()
            _lock_of(path).unlink(missing_ok=True)
        except OSError:
            continue
        count, size = count + 1, size + length
    return Removed(count, size)


def _lock_of(segment: Path) -> Path:
    return segment.with_name(f"{segment.name}_el")


def _is_old(segment: Path, min_age_s: float) -> bool:
    try:
        return time.time() - _lock_of(segment).stat().st_mtime >= min_age_s
    except OSError:
        return False


def _is_abandoned(segment: Path) -> bool:
    try:
        import fcntl

        with _lock_of(segment).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):  # no POSIX, no such lock, no permission, or held
        return False
    return True


def _mapped_by_anybody() -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            yield from _mapped_files(int(entry.name))


def _mapped_files(pid: int) -> Iterator[str]:
    try:
        maps = Path(f"/proc/{pid}/maps").read_text(errors="replace")
    except OSError:
        return
    for line in maps.splitlines():
        parts = line.split(maxsplit=5)
        if len(parts) == 6:
            yield parts[5]
