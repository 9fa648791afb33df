"""What a process holds of the machine, from Linux's /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fishy_ros.errors import ReplayError


@dataclass(frozen=True)
class ProcessStats:
    """Resources of a process at one moment."""

    rss_bytes: int
    """Memory that is present."""
    descriptors: int
    """Open file descriptors."""
    threads: int


def process_stats(pid: int) -> ProcessStats:
    """Read what process `pid` holds now.

    Raises:
        ReplayError: there is no such process, or no /proc.
    """
    root = Path("/proc", str(pid))
    try:
        pages = int((root / "statm").read_text().split()[1])
        return ProcessStats(
            rss_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
            descriptors=len(os.listdir(root / "fd")),
            threads=len(os.listdir(root / "task")),
        )
    except OSError as error:
        raise ReplayError(f"{root}: the process cannot be observed: {error.strerror}") from error
