"""What a network looks at: an image as it is, or all of it at half its size and the road ahead at full size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fishy_ros.errors import ConfigError
from fishy_ros.training.nets.blocks import upsample

TOP: float = 3 / 8
"""Where the road ahead begins, as a share of the image's height: a little above the horizon of a dashboard camera."""

LEFT: float = 1 / 4
"""Where it begins as a share of the width; the road ahead is half as high and half as wide as the image."""

SEAM: float = 1 / 8
"""Share of the height of the road ahead over which what is seen there fades in from each border."""

MULTIPLE: int = 64
"""Height and width of an image that is looked at twice divide by this: half of them are a network's input."""


class WholeImage:
    """Look at the image as it is."""

    def look(self, image: Tensor) -> Tensor:
        """Give what the network reads of an image `[1, 3, H, W]`, along the batch."""
        return image

    def score(self, scores: Tensor) -> Tensor:
        """Make one map `[1, H/4, W/4]` of the scores of what the network has read."""
        return scores

    def labels(self, labels: Tensor) -> Tensor:
        """Make one map `[1, H/4, W/4]` of the classes, as floats, of what the network has read."""
        return labels


class Fovea(WholeImage):
    """Look at the whole image at half its size, and at the road ahead at full size, with the same weights.

    Where both see the road, the larger score counts: far things are seen in the second view only, and a network that
    sees a thing well once must not be talked out of it. The classes there are those of the second view.
    """

    def look(self, image: Tensor) -> Tensor:
        """Give both views, `[2, 3, H/2, W/2]`.

        Raises:
            ConfigError: height or width does not divide by 64.
        """
        height, width = (int(side) for side in image.shape[2:])
        if height % MULTIPLE or width % MULTIPLE:
            raise ConfigError(f"a fovea: an image of {height}x{width}; expected multiples of {MULTIPLE}")
        rows, columns = _ahead(height // 2, width // 2)
        # Bilinear by half is the mean of 2x2 pixels, too, and faster in OpenVINO, which pads a pool to 16 planes.
        whole = F.interpolate(image, scale_factor=0.5, mode="bilinear", align_corners=False)
        return torch.cat([whole, image[:, :, rows, columns]])

    def score(self, scores: Tensor) -> Tensor:
        """Join the scores `[2, h, w]` of both views."""
        whole, ahead = upsample(scores[:1, None], 2).squeeze(1), scores[1:]
        height, width = (int(side) for side in ahead.shape[1:])
        known = whole[(..., *_ahead(height, width))]
        return _replaced(whole, known + _fading(height, width) * F.relu(ahead - known))

    def labels(self, labels: Tensor) -> Tensor:
        """Join the classes `[2, h, w]` of both views."""
        whole = F.interpolate(labels[:1, None], scale_factor=2.0, mode="nearest").squeeze(1)
        return _replaced(whole, labels[1:])


def view(fovea: bool) -> WholeImage:
    """Choose what a network looks at."""
    return Fovea() if fovea else WholeImage()


def _ahead(height: int, width: int) -> tuple[slice, slice]:
    """Return rows and columns of a road ahead of `height` x `width` in an image or map that is twice as large."""
    top, left = int(TOP * 2 * height), int(LEFT * 2 * width)
    return slice(top, top + height), slice(left, left + width)


def _replaced(whole: Tensor, ahead: Tensor) -> Tensor:
    """Put a map `[1, h, w]` of the road ahead into the one `[1, 2h, 2w]` of the whole image."""
    rows, columns = _ahead(*(int(side) for side in ahead.shape[1:]))
    band = whole[:, rows]
    band = torch.cat([band[..., : columns.start], ahead, band[..., columns.stop :]], dim=2)
    return torch.cat([whole[:, : rows.start], band, whole[:, rows.stop :]], dim=1)


def _fading(height: int, width: int) -> Tensor:
    """Rise from 0 at the borders to 1 inside: `[height, width]`."""
    seam = SEAM * height
    rows, columns = (
        torch.tensor([min(1.0, (min(i, size - 1 - i) + 0.5) / seam) for i in range(size)]) for size in (height, width)
    )
    return rows[:, None] * columns
