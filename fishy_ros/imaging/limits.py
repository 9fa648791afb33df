"""Bounds that an image must keep before anything is allocated for it."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fishy_ros.errors import ImageError

MAX_PIXELS: int = 64 * 1024 * 1024
"""Largest accepted image, in pixels: 8192x8192, or 192 MiB once it is BGR."""


def check_size(height: int, width: int) -> None:
    """Refuse an image without pixels, or with more than `MAX_PIXELS`.

    Raises:
        ImageError: `height` x `width` (px) is out of bounds.
    """
    if height < 1 or width < 1:
        raise ImageError(f"the image is {width}x{height}: it has no pixels")
    if height * width > MAX_PIXELS:
        raise ImageError(f"the image is {width}x{height}: more than the {MAX_PIXELS} pixels allowed")


def check_decoded(image: NDArray[Any], height: int, width: int) -> None:
    """Refuse what a decoder found where it is not of the size `height` x `width` (px) that the bounds were kept for.

    Turned by 90 degrees, as EXIF may ask for, it is.

    Raises:
        ImageError: the file says one size in its header and holds another.
    """
    if sorted(image.shape[:2]) != sorted((height, width)):
        found = f"{image.shape[1]}x{image.shape[0]}"
        raise ImageError(f"the image is {width}x{height} by its header, and {found} once decoded")
