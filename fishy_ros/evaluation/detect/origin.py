"""What an image was read from: by this a resumed run recognises that it is still the same image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fishy_ros.bags.storage_files import is_storage


@dataclass(frozen=True)
class Origin:
    """A file, or a bag's folder, in the state in which it was found; another state counts as another image."""

    path: str
    """Absolute, with links resolved."""
    size_bytes: int
    """Of all storage files together for a bag's folder."""
    mtime_ns: int
    """Last modification in ns since the epoch; of a bag's folder, that of its newest storage file."""
    topic: str | None = None
    """Image topic that was read from a bag."""


def find_origin(path: Path, topic: str | None = None) -> Origin | None:
    """Describe a picture, a video or a bag as it is now; None where it cannot be accessed, as a link to nothing."""
    try:
        files = list(filter(is_storage, path.iterdir())) if path.is_dir() else [path]
        states = [file.stat() for file in files]
    except OSError:
        return None
    size_bytes = sum(state.st_size for state in states)
    return Origin(str(path.resolve()), size_bytes, max((state.st_mtime_ns for state in states), default=0), topic)
