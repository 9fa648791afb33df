"""Data-parallel training in several processes of one machine.

On a CPU that other programs use too, N processes of one thread each beat one process of N threads by far: threads meet
at a barrier in every layer, processes only once a step.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

_PR_SET_PDEATHSIG = 1

Job = Callable[[int], None]
"""What every process runs, given its rank; it must be picklable."""


def run_in_processes(job: Job, processes: int) -> None:
    """Run `job` in `processes` processes of one thread each that can average gradients; return when all are done."""
    with tempfile.TemporaryDirectory() as folder:
        spawn(_enter, (job, processes, str(Path(folder) / "rendezvous")), nprocs=processes)


def distributed(model: nn.Module) -> nn.Module:
    """Wrap a model so that all processes average their gradients; alone in one process, return it as it is."""
    return DistributedDataParallel(model) if dist.is_initialized() else model


def processes() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process among those that train together; 0 where there is only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def agree(number: float) -> int:
    """Return the number that process 0 has, rounded, in every process."""
    if not dist.is_initialized():
        return round(number)
    value = torch.tensor(round(number))
    dist.broadcast(value, src=0)
    return int(value)


def end_with_parent() -> None:
    """Have Linux end this process when its parent dies, which otherwise leaves it training for nobody."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _enter(number: int, job: Job, processes: int, rendezvous: str) -> None:
    end_with_parent()
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=number, world_size=processes)
    try:
        job(number)
    finally:
        dist.destroy_process_group()
