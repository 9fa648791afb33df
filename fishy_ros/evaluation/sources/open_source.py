"""Open what a replay plays: a bag, or a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fishy_ros.datasets.registry import open_dataset
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.sources.bag_source import BagSource
from fishy_ros.evaluation.sources.dataset_source import DatasetSource
from fishy_ros.evaluation.sources.source import FrameSource


@dataclass(frozen=True)
class SourceChoice:
    """A bag, or a dataset by name.

    Raises:
        ConfigError: neither or both are given, or an option of the other kind.
    """

    bag: Path | None = None
    image_topic: str | None = None
    """Camera of the bag; needed where it has several."""
    dataset: str | None = None
    root: Path | None = None
    """Folder of the dataset."""
    options: tuple[tuple[str, str | int], ...] = ()
    """Options of the dataset, name and value."""

    def __post_init__(self) -> None:
        if (self.bag is None) == (self.dataset is None):
            raise ConfigError("expected either a bag (--bag PATH) or a dataset (--dataset NAME --root DIR)")
        if self.bag is not None and (self.root is not None or self.options):
            raise ConfigError("--root and --option belong to --dataset; a bag needs neither")
        if self.bag is None and self.image_topic is not None:
            raise ConfigError("--image-topic chooses a camera of a bag; a dataset has none")

    def open(self) -> FrameSource:
        """Open it.

        Raises:
            BagError: the bag is missing, damaged or has no such camera.
            DatasetError: the dataset is unknown or not there.
        """
        if self.bag is not None:
            return BagSource(self.bag, self.image_topic)
        assert self.dataset is not None
        return DatasetSource(open_dataset(self.dataset, self.root, **dict(self.options)))


def parse_options(pairs: Sequence[str]) -> tuple[tuple[str, str | int], ...]:
    """Take `KEY=VALUE` apart; a value of digits is a number.

    Raises:
        ConfigError: there is no `=`.

    >>> parse_options(["frames=12", "labels=0=normal,*=ignored"])
    (('frames', 12), ('labels', '0=normal,*=ignored'))
    """
    return tuple(map(_parse_option, pairs))


def _parse_option(pair: str) -> tuple[str, str | int]:
    key, equals, value = pair.partition("=")
    if not (key and equals):
        raise ConfigError(f"option {pair!r}: expected KEY=VALUE")
    return key, int(value) if value.isdecimal() else value
