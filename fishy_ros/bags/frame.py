"""One camera frame of a bag."""

from __future__ import annotations

from dataclasses import dataclass, field

from fishy_ros.bags.messages import decode_image, decode_labels, is_depth_message
from fishy_ros.errors import ImageError
from fishy_ros.types import ImageArray, LabelMap


@dataclass(frozen=True)
class BagFrame:
    """A frame in serialized form, decoded only when asked.

    `message` is the image as CDR bytes of type `message_type`, ready to be published; its header carries
    `stamp_ns`. `stamped` is False where the bag had no stamp (0): `stamp_ns` is then the time of
    recording, `log_time_ns`. `labels_message` and `camera_info_message` are None where the bag has none.
    Times are in ns. A message that is none has the time of recording as its stamp.
    """

    index: int
    stamp_ns: int
    log_time_ns: int
    frame_id: str
    message_type: str
    message: bytes = field(repr=False)
    labels_message: bytes | None = field(default=None, repr=False)
    camera_info_message: bytes | None = field(default=None, repr=False)
    stamped: bool = True
    problem: str = ""
    """Why the message is none of its type, such as one of no bytes; empty if its header can be read."""

    @property
    def is_depth(self) -> bool:
        """Whether its encoding is one of those in which depth cameras publish distances (REP 118)."""
        return not self.problem and is_depth_message(self.message, self.message_type)

    @property
    def id(self) -> str:
        """Name the frame by its number in the bag, such as `000012`."""
        return f"{self.index:06d}"

    @property
    def image(self) -> ImageArray:
        """Decode the image, uint8 `[H, W, 3]`, BGR.

        Raises:
            ImageError: it cannot be decoded.
        """
        if self.problem:
            raise ImageError(self.problem)
        return decode_image(self.message, self.message_type)

    @property
    def labels(self) -> LabelMap | None:
        """Decode the ground truth, uint8 `[H, W]`, or None where the bag has none for this frame.

        Raises:
            ImageError: it cannot be decoded.
        """
        return None if self.labels_message is None else decode_labels(self.labels_message)
