"""Processes that stand beside a rig: other nodes, and programs that take the processor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from support.faults.rig import FaultRig
from support.sources import python_path


def start_beside(rig: FaultRig, module: str) -> subprocess.Popen[bytes]:
    """Start a module of `support.faults` in the domain of a rig."""
    environment = {**os.environ, "ROS_DOMAIN_ID": str(rig.bench.domain), "PYTHONPATH": python_path()}
    return subprocess.Popen([sys.executable, "-m", f"support.faults.{module}"], env=environment)


@contextmanager
def busy_processes(count: int) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """Let `count` processes take all the processor time they get."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
