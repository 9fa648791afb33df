"""What a network looks at: an image as it is, or all of it at half its size and the road ahead at full size."""

from __future__ import annotations

from collections.abc import Callable

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

    def logits(self, logits: Tensor) -> Tensor:
        """Make logits `[1, C, H/4, W/4]` of those of what the network has read."""
        return logits


class Fovea(WholeImage):
    """Look at the whole image at half its size, and at the road ahead at full size, with the same weights.

    Where both see the road, the larger score counts: far things are seen in the second view only, and a network that
    sees a thing well once must not be talked out of it. Of the logits the mean counts.
    """

    def look(self, image: Tensor) -> Tensor:
        """Give both views, `[2, 3, H/2, W/2]`.

        Raises:
            ConfigError: height or width does not divide by 64.
        """
        height, width = (int(side) for side in image.shape[2:])
        if height % MULTIPLE or width % MULTIPLE:
            raise ConfigError(f"a fovea: an image of {height}x{width}; expected multiples of {MULTIPLE}")
        top, left = int(TOP * height), int(LEFT * width)
        ahead = image[:, :, top : top + height // 2, left : left + width // 2]
        return torch.cat([F.avg_pool2d(image, 2), ahead])

    def score(self, scores: Tensor) -> Tensor:
        """Join the scores `[2, h, w]` of both views."""
        return _joined(scores[:, None], F.relu).squeeze(1)

    def logits(self, logits: Tensor) -> Tensor:
        """Join the logits `[2, C, h, w]` of both views."""
        return _joined(logits, lambda more: more / 2)


def view(fovea: bool) -> WholeImage:
    """Choose what a network looks at."""
    return Fovea() if fovea else WholeImage()


def _joined(maps: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
    """Enlarge the map of the whole image, and add on the road ahead what the other map has more, after `gain`."""
    whole, ahead = upsample(maps[:1], 2), maps[1:]
    height, width = (int(side) for side in ahead.shape[2:])
    top, left = int(TOP * 2 * height), int(LEFT * 2 * width)
    band = whole[:, :, top : top + height]
    known = band[..., left : left + width]
    both = known + _fading(height, width) * gain(ahead - known)
    band = torch.cat([band[..., :left], both, band[..., left + width :]], dim=3)
    return torch.cat([whole[:, :, :top], band, whole[:, :, top + height :]], dim=2)


def _fading(height: int, width: int) -> Tensor:
    """Rise from 0 at the borders to 1 inside: `[height, width]`."""
    seam = SEAM * height
    rows, columns = (
        torch.tensor([min(1.0, (min(i, size - 1 - i) + 0.5) / seam) for i in range(size)]) for size in (height, width)
    )
    return rows[:, None] * columns
