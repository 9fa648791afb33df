"""Choose a DDS domain that no other replay on this machine uses."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fishy_ros.errors import ReplayError

DOMAINS = range(60, 102)
"""Candidates; above 101 the ports of a domain reach into those that Linux hands out to anybody."""


@contextmanager
def private_domain() -> Iterator[int]:
    """Hold a domain id that no other replay of this machine holds at the same time.

    Raises:
        ReplayError: all are taken.
    """
    start = os.getpid() % len(DOMAINS)
    for domain in (*DOMAINS[start:], *DOMAINS[:start]):
        try:
            lock = (Path(tempfile.gettempdir()) / f"fishy_ros_domain_{domain}.lock").open("a")
        except OSError:
            continue
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            yield domain
            return
    raise ReplayError(f"all DDS domains from {DOMAINS[0]} to {DOMAINS[-1]} are used by other replays")
