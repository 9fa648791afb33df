"""A Dask scheduler and workers as a user starts them: processes of their own, that can be killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

START_S = 60.0


@dataclass(frozen=True)
class DaskProcesses:
    """A running cluster."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: Sequence[subprocess.Popen[bytes]]


@contextmanager
def dask_processes(folder: Path, workers: int) -> Iterator[DaskProcesses]:
    """Run a scheduler and `workers` workers of one thread; their logs and files go to `folder`."""
    folder.mkdir()
    contact = folder / "scheduler.json"
    with ExitStack() as running:

        def start(role: str, log: str, *options: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "dask", role, "--no-dashboard", "--host", "127.0.0.1", *options]
            output = running.enter_context((folder / log).open("wb"))
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
            running.callback(process.wait)
            running.callback(process.kill)
            return process

        scheduler = start("scheduler", "scheduler.log", "--port", "0", "--scheduler-file", str(contact))
        address = _address(contact, time.monotonic() + START_S)
        options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder / "scratch"))
        crew = [start("worker", f"worker-{index}.log", address, *options) for index in range(workers)]
        yield DaskProcesses(address, scheduler, crew)


def _address(contact: Path, deadline: float) -> str:
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError, json.JSONDecodeError):  # it may be half written
            return str(json.loads(contact.read_text())["address"])
        time.sleep(0.05)
    raise AssertionError(f"the Dask scheduler wrote no {contact}")
