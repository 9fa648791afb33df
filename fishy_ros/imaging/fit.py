"""Bring an image of another aspect ratio into a network's input, and what the network says back over the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ConfigError
from fishy_ros.types import ImageArray

Fit = Literal["stretch", "crop", "pad"]
FITS: tuple[Fit, ...] = ("stretch", "crop", "pad")
"""`stretch` squeezes the whole image into the input, `crop` takes the largest middle part of its aspect ratio, `pad`
shrinks the whole image and repeats its outermost pixels beside it."""


def as_fit(name: str) -> Fit:
    """Return the fit with this name.

    Raises:
        ConfigError: there is none.
    """
    for fit in FITS:
        if fit == name:
            return fit
    raise ConfigError(f"fit is {name!r}; expected one of {', '.join(FITS)}")


Box = tuple[int, int, int, int]
"""Top, left, height and width, in px."""


@dataclass(frozen=True)
class Placement:
    """Which part of an image the network sees, and where in its input that part lies."""

    image: tuple[int, int]
    """Height and width of the image, in px."""
    network: tuple[int, int]
    """Height and width of the network's input, in px."""
    taken: Box
    """The part of the image."""
    placed: Box
    """The part of the input."""

    @property
    def is_whole(self) -> bool:
        """Whether all of the image fills all of the input."""
        return self.taken == (0, 0, *self.image) and self.placed == (0, 0, *self.network)

    @property
    def squeeze(self) -> float:
        """How much wider than high a square of the image becomes; 1 keeps shapes."""
        return (self.placed[3] / self.taken[3]) / (self.placed[2] / self.taken[2])

    def fill(self, image: ImageArray, target: ImageArray) -> None:
        """Write the part of `image` into the input `target`, both uint8 `[H, W, 3]`."""
        top, left, height, width = self.taken
        row, column, rows, columns = self.placed
        inner = target[row : row + rows, column : column + columns]
        if inner.flags.c_contiguous:
            resize_into(image[top : top + height, left : left + width], inner)
        else:
            resized = np.empty((rows, columns, 3), np.uint8)
            resize_into(image[top : top + height, left : left + width], resized)
            inner[:] = resized
        target[:row], target[row + rows :] = target[row], target[row + rows - 1]
        target[:, :column] = target[:, column : column + 1]
        target[:, column + columns :] = target[:, column + columns - 1 : column + columns]

    def size_over_image(self, output: tuple[int, int]) -> tuple[int, int]:
        """Return the size that `spread` gives to a map of the size `output`."""
        (_, _, rows, columns), (_, _, height, width) = self._inner(output), self.taken
        return max(1, round(rows * self.image[0] / height)), max(1, round(columns * self.image[1] / width))

    def spread(self, output: NDArray[Any], outside: float) -> NDArray[Any]:
        """Bring a map of the input `[h, w]` over the whole image; where the network saw nothing it is `outside`."""
        row, column, rows, columns = self._inner((output.shape[0], output.shape[1]))
        seen = output[row : row + rows, column : column + columns]
        size = self.size_over_image((output.shape[0], output.shape[1]))
        if size == (rows, columns):
            return np.ascontiguousarray(seen)
        whole = np.full(size, outside, output.dtype)
        top = min(round(self.taken[0] * size[0] / self.image[0]), size[0] - rows)
        left = min(round(self.taken[1] * size[1] / self.image[1]), size[1] - columns)
        whole[top : top + rows, left : left + columns] = seen
        return whole

    def _inner(self, output: tuple[int, int]) -> Box:
        """Return the part of a map of the input that shows the image."""
        row, column, rows, columns = self.placed
        down, across = output[0] / self.network[0], output[1] / self.network[1]
        top, left = round(row * down), round(column * across)
        bottom, right = round((row + rows) * down), round((column + columns) * across)
        return top, left, max(1, bottom - top), max(1, right - left)


def place(fit: Fit, image: tuple[int, int], network: tuple[int, int]) -> Placement:
    """Place an image of a size into an input of a size, both height and width in px.

    >>> place("crop", (720, 1280), (512, 1024)).taken
    (40, 0, 640, 1280)
    >>> place("pad", (720, 1280), (512, 1024)).placed
    (0, 57, 512, 910)
    """
    whole, filled = (0, 0, *image), (0, 0, *network)
    if fit == "crop":
        return Placement(image, network, _middle(image, network), filled)
    if fit == "pad":
        return Placement(image, network, whole, _middle(network, image))
    return Placement(image, network, whole, filled)


def resize_into(image: ImageArray, target: ImageArray) -> None:
    """Write `image` into `target` at its size, both uint8 `[H, W, 3]`; without a copy in between.

    Shrinking averages areas, so that thin objects do not fall between samples; enlarging is bilinear.
    """
    height, width = target.shape[:2]
    if image.shape == target.shape:
        np.copyto(target, image)
        return
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    cv2.resize(image, (width, height), dst=target, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _middle(outer: tuple[int, int], ratio: tuple[int, int]) -> Box:
    """Return the largest part in the middle of `outer` that has the aspect ratio of `ratio`."""
    height = min(outer[0], max(1, round(outer[1] * ratio[0] / ratio[1])))
    width = min(outer[1], max(1, round(outer[0] * ratio[1] / ratio[0])))
    return (outer[0] - height) // 2, (outer[1] - width) // 2, height, width
