"""What every dataset offers: a length, and labelled frames read lazily, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fishy_ros.types import Sample


class Dataset(Protocol):
    """A finite, ordered set of frames; iterating twice gives the same frames.

    Nothing but file names is read before a frame is asked for.
    """

    @property
    def name(self) -> str:
        """The name under which the registry knows the dataset."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def __iter__(self) -> Iterator[Sample]: ...
