"""The bag of the demo: a drive through the synthetic street."""

from __future__ import annotations

import shutil
from pathlib import Path

from fishy_ros.bags import BagWriter
from fishy_ros.datasets.synthetic import FRAME_RATE, SyntheticStreet
from fishy_ros.errors import BagError
from fishy_ros.evaluation.replay.play import Progress
from fishy_ros.evaluation.sources.prefetch import Prefetch

START_NS = 1_700_000_000_000_000_000
"""Stamp of the first frame, fixed so that the bag depends only on its seed."""


def write_demo_bag(path: Path, frames: int, seed: int, progress: Progress) -> None:
    """Render `frames` frames of the street with `seed` into a new MCAP bag at `path`, replacing an older one.

    Raises:
        BagError: something that is not a bag is in the way, or the bag cannot be written.
    """
    if path.exists():
        if not (path / "metadata.yaml").is_file():
            raise BagError(f"{path}: exists and is not a bag; move it or choose another --out")
        shutil.rmtree(path)
    street = SyntheticStreet(frames, seed=seed)
    period_ns = round(1e9 / FRAME_RATE)
    with BagWriter(path, intrinsics=street.intrinsics) as writer:
        for index, sample in enumerate(Prefetch(street, depth=4)):
            writer.write(sample, START_NS + index * period_ns)
            progress(index + 1)
