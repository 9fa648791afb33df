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
    shared_bytes: int
    """Of it, memory shared with other processes: the segments of the middleware."""
    descriptors: int
    """Open file descriptors."""
    threads: int


def process_stats(pid: int) -> ProcessStats:
    """Read what process `pid` holds now.

    Raises:
        ReplayError: there is no such process, it has ended, or there is no /proc.
    """
    root = Path("/proc", str(pid))
    try:
        fields = dict(line.split(":", 1) for line in (root / "status").read_text().splitlines())
        rss_kib, shared_kib = (int(fields[name].split()[0]) for name in ("VmRSS", "RssShmem"))
        return ProcessStats(
            rss_bytes=1024 * rss_kib,
            shared_bytes=1024 * shared_kib,
            descriptors=len(os.listdir(root / "fd")),
            threads=len(os.listdir(root / "task")),
        )
    except OSError as error:
        raise ReplayError(f"{root}: the process cannot be observed: {error.strerror}") from error
    except KeyError as error:
        raise ReplayError(f"{root}/status: no {error} in it: the process has ended, or is one of the kernel") from error
