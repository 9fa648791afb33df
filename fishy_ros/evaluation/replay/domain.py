"""Choose a DDS domain that no other replay on this machine uses."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fishy_ros.errors import ReplayError

DOMAINS = range(60, 102)
"""Candidates; above 101 the ports of a domain reach into those that Linux hands out to anybody."""

FIRST_PORT: int = 7410
PORTS_PER_DOMAIN: int = 250
"""The first participant of domain d listens to UDP port 7410 + 250 d (DDS Interoperability Wire Protocol, 9.6.1.1)."""


@contextmanager
def private_domain() -> Iterator[int]:
    """Hold a domain id that no other replay of this machine holds at the same time, and in which nobody is.

    A node whose harness was killed may still be there: it would answer for the one that is to be measured.

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
            if not _is_empty(domain):
                continue
            yield domain
            return
    raise ReplayError(f"all DDS domains from {DOMAINS[0]} to {DOMAINS[-1]} are in use")


def _is_empty(domain: int) -> bool:
    """Tell whether no participant of this machine listens where the first one of a domain does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", FIRST_PORT + PORTS_PER_DOMAIN * domain))
        except OSError:
            return False
    return True
