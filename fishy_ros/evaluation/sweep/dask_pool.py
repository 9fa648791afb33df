"""Futures of the standard library for calls on a Dask cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, TypeVar

from distributed import Client, KilledWorker

Result = TypeVar("Result")


class DaskPool(Executor):
    """Runs calls on the workers of a Dask cluster; every future ends, whatever becomes of the cluster.

    A call that ends because a worker or the scheduler is gone raises BrokenExecutor, as in any pool of the standard
    library. Dask's own executor leaves a future open for ever if the scheduler goes away between the end of a call and
    the transfer of its result (seen with distributed 2026.8).
    """

    def __init__(self, client: Client, retries: int) -> None:
        """Use `client`, which stays the caller's to close; a call whose worker died is tried `retries` times again."""
        self._client: Any = client
        self._retries = retries

    def submit(self, function: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Hand out a call."""
        future: Future[Result] = Future()
        task = self._client.submit(function, *args, retries=self._retries, pure=False, **kwargs)
        self._client.loop.add_callback(_settle, self._client, task, future)
        return future


async def _settle(client: Any, task: Any, future: Future[Any]) -> None:
    try:
        (result,) = await client.gather([task], asynchronous=True)
    except asyncio.CancelledError:
        future.set_exception(BrokenExecutor("the connection to the Dask cluster was closed"))
        raise
    except Exception as error:
        failed_itself = task.status == "error" and not isinstance(error, KilledWorker)
        future.set_exception(error if failed_itself else BrokenExecutor(f"the Dask cluster lost a call: {error}"))
    else:
        future.set_result(result)
