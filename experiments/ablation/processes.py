"""Run several variants at a time, each in a process of one thread."""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing.managers import SyncManager
from pathlib import Path

import torch

from experiments.ablation.plan import Variant
from experiments.ablation.variant import Advance, VariantScores, run_variant
from fishy_ros.training.parallel import end_with_parent

POLL_S = 0.5


def run_variants(
    variants: Sequence[Variant],
    runs: Path,
    device: str,
    jobs: int,
    environment: Mapping[str, object],
    advance: Advance,
) -> Iterator[tuple[Variant, VariantScores]]:
    """Yield each variant with its scores as soon as it is done; each has the folder of its name below `runs`.

    With one job they run in this process, one after the other. After an error no further variant is begun.
    """
    if jobs == 1:
        for variant in variants:
            yield variant, run_variant(variant, runs / variant.name, device, environment, advance)
        return
    # Not forked: OpenCV's and torch's threads do not survive that.
    context = multiprocessing.get_context("spawn")
    manager = SyncManager(ctx=context)
    manager.start(end_with_parent)
    with manager, ProcessPoolExecutor(jobs, context, initializer=_enter) as pool:
        work: queue.Queue[str] = manager.Queue()
        running = {
            pool.submit(run_variant, variant, runs / variant.name, device, environment, work.put): variant
            for variant in variants
        }
        try:
            while running:
                done, _ = wait(running, POLL_S, FIRST_COMPLETED)
                for _ in range(work.qsize()):
                    advance(work.get())
                for future in done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _enter() -> None:
    end_with_parent()
    torch.set_num_threads(1)
