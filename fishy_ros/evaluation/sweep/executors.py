"""Where the chunks of a sweep run: processes of this machine, or a Dask cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from fishy_ros.errors import ConfigError, ReplayError
from fishy_ros.evaluation.sweep.file_pool import FilePool

RETRIES = 3
"""So often a chunk is tried again after its worker died."""
CONNECT_S = 10.0
"""So long a Dask scheduler is asked to answer, in s."""


@contextmanager
def process_pool(workers: int) -> Iterator[Executor]:
    """Run in `workers` fresh processes of this machine; what still waits at an error is cancelled."""
    with tempfile.TemporaryDirectory(prefix="fishy-sweep-") as folder:
        pool = FilePool(workers, Path(folder))
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def dask_cluster(address: str) -> Iterator[Executor]:
    """Run on the workers of the Dask scheduler at `address`, such as `tcp://host:8786`.

    Raises:
        ConfigError: Dask is not installed.
        ReplayError: there is no scheduler.
    """
    try:
        from distributed import Client

        from fishy_ros.evaluation.sweep.dask_pool import DaskPool
    except ImportError as error:
        raise ConfigError("--scheduler needs Dask: install fishy_ros[sweep]") from error
    try:
        client = Client(address, timeout=CONNECT_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ReplayError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        yield DaskPool(client, RETRIES)
