"""Shared memory of Fast DDS that stays behind when a process is killed.

Every participant has a segment `fastrtps_<16 hexadecimal digits>`, as large as the profile asks for, and holds an
exclusive lock on the empty file of the same name with `_el` behind it for as long as it lives. The segment of a
process that got SIGKILL is removed by a peer that was reading from it, if there is one, and by `fastdds shm clean`,
where that is installed; a participant that starts later leaves it where it is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
MIN_AGE_S: float = 60.0
"""A younger lock may belong to a process that is just about to take it."""

_SEGMENT = re.compile(r"fastrtps_[0-9a-f]{16}")


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
