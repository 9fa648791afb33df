"""One camera frame of a bag."""

from __future__ import annotations

from dataclasses import dataclass, field

from fishy_ros.bags.messages import decode_image, decode_labels
from fishy_ros.types import ImageArray, LabelMap


@dataclass(frozen=True)
class BagFrame:
    """A frame in serialized form, decoded only when asked.

    `message` is the image as CDR bytes of type `message_type`, ready to be published; its header carries
    `stamp_ns`. `stamped` is False where the bag had no stamp (0): `stamp_ns` is then the time of
    recording, `log_time_ns`. `labels_message` and `camera_info_message` are None where the bag has none.
    Times are in ns.
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
        return decode_image(self.message, self.message_type)

    @property
    def labels(self) -> LabelMap | None:
        """Decode the ground truth, uint8 `[H, W]`, or None where the bag has none for this frame.

        Raises:
            ImageError: it cannot be decoded.
        """
        return None if self.labels_message is None else decode_labels(self.labels_message)
