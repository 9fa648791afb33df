"""Decode picture files: images, label maps and score maps as they lie on a disk."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ImageError
from fishy_ros.imaging.file_headers import picture_size
from fishy_ros.imaging.limits import check_decoded

MAX_PICTURE_BYTES: int = 1 << 30
"""Largest picture file that is read."""


def decode_picture(content: bytes, flags: int) -> NDArray[Any]:
    """Decode a PNG, JPEG, WebP, BMP or TIFF file as `cv2.imdecode` does with `flags`.

    Raises:
        ImageError: it is none of these, damaged, or its size is out of bounds.
    """
    data = np.frombuffer(content, np.uint8)
    height, width = picture_size(data)
    try:
        picture = cv2.imdecode(data, flags)
    except cv2.error as error:
        raise ImageError(f"a picture of {width}x{height} cannot be decoded: {error.err}") from error
    if picture is None:
        raise ImageError(
            f"a picture of {width}x{height} ({len(content)} bytes) is damaged, or holds samples that no camera has"
        )
    check_decoded(picture, height, width)
    return picture
