"""Bags and stages that the tests of replays share."""

from pathlib import Path

import pytest

from fishy_ros.bags import BagWriter
from fishy_ros.datasets.synthetic import SyntheticStreet

FRAMES = 6
PERIOD_NS = 200_000_000


@pytest.fixture(scope="session")
def street() -> SyntheticStreet:
    """A short drive in small pictures."""
    return SyntheticStreet(FRAMES, height=96, width=192, seed=3)


@pytest.fixture(scope="session")
def street_bag(street, tmp_path_factory) -> Path:
    """The drive as a bag of raw images with ground truth."""
    path = tmp_path_factory.mktemp("bags") / "street"
    with BagWriter(path) as writer:
        for index, sample in enumerate(street):
            writer.write(sample, 10_000_000_000 + index * PERIOD_NS)
    return path


@pytest.fixture
def no_stages():
    """A `StartStage` that shows nothing."""
    return lambda stage, total: lambda done: None
