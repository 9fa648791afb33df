"""The frames of a replay: images as messages for the bus, images and labels for scoring."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from fishy_ros.bags.messages import decode_image
from fishy_ros.bags.topics import IMAGE_TYPE
from fishy_ros.errors import FishyError, ReplayError
from fishy_ros.evaluation.result import SourceDescription
from fishy_ros.types import Sample


@dataclass(frozen=True)
class PlayFrame:
    """One frame, ready for the bus."""

    index: int
    """Place in the source."""
    id: str
    message: bytes = field(repr=False)
    """The serialised image message, CDR."""
    due_s: float = 0.0
    """When the source recorded the frame, in seconds; only differences matter."""
    stamp_ns: int | None = None
    """The stamp in the recording, 0 where it was missing; None where nothing was recorded."""
    message_type: str = IMAGE_TYPE
    """The type of `message`."""
    camera_info: bytes | None = field(default=None, repr=False)
    """The serialised calibration that belongs to the image, CDR; None where the source has none."""

    def problem(self) -> str:
        """Decode the image, and say why that is impossible; empty if it can be decoded."""
        try:
            decode_image(self.message, self.message_type)
        except FishyError as error:
            return str(error)
        return ""


@dataclass(frozen=True)
class UnreadableFrame:
    """A frame whose image or labels cannot be read; it counts as without heatmap."""

    id: str
    reason: str
    """What is wrong, and with which file or message of which bag."""


class FrameSource(Protocol):
    """A finite, ordered set of frames, read lazily; every iteration gives the same frames."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    @property
    def message_type(self) -> str:
        """The type of every image message: `sensor_msgs/msg/Image` or `sensor_msgs/msg/CompressedImage`."""
        ...

    @property
    def has_own_rate(self) -> bool:
        """Whether `PlayFrame.due_s` comes from a recording."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the numbers has to know about the input."""
        ...

    def __len__(self) -> int: ...

    def play_frames(self) -> Iterator[PlayFrame]:
        """Yield every frame as it goes onto the bus; one that cannot become a message is left out."""
        ...

    def samples(self, start: int = 0, stop: int | None = None) -> Iterator[Sample | UnreadableFrame]:
        """Yield frames `start` to `stop` (exclusive) decoded, with their ground truth where there is any."""
        ...

    def describe(self) -> SourceDescription:
        """Describe the source for a report; reads the whole input to hash it."""
        ...


def readable_frames(source: FrameSource) -> Iterator[PlayFrame]:
    """Yield the frames of a source whose images can be decoded.

    Raises:
        ReplayError: there are none; the message says what is wrong with the first one.
    """
    first = ""
    is_any = False
    for frame in source.play_frames():
        problem = frame.problem()
        if problem:
            first = first or f"frame {frame.id}: {problem}"
            continue
        is_any = True
        yield frame
    if not is_any:
        raise nothing_to_play(source, first)


def nothing_to_play(source: FrameSource, first: str = "") -> ReplayError:
    """Build the error for a source of which nothing can be played; `first` is what is wrong with the first frame."""
    if not first:
        return ReplayError(f"{source.name} has no frames to play")
    return ReplayError(f"none of the {len(source)} frames of {source.name} can be read; the first: {first}")


def repeat(frames: Sequence[PlayFrame], count: int) -> Iterator[PlayFrame]:
    """Yield `count` frames, going round `frames` as often as needed; no frame carries a recorded stamp."""
    for index, frame in zip(range(count), itertools.cycle(frames), strict=False):
        yield replace(frame, index=index, stamp_ns=None)
