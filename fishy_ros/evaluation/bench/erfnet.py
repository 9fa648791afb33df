"""ERFNet (Romera et al., ERFNet: Efficient Residual Factorized ConvNet, T-ITS 2018), to compare with.

The baseline of many anomaly detectors on roads: segmentation, and one minus the largest softmax as the score
(Hendrycks and Gimpel, 2017). Its weights are random here; `trainable_erfnet` lets it be trained.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_ENCODER_DILATIONS = (2, 4, 8, 16, 2, 4, 8, 16)
OPSET = 18


class Downsampler(nn.Module):
    """A strided convolution beside a maximum over 2x2, joined (section III.B)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs - inputs, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, inputs, H, W]` to `[B, outputs, H/2, W/2]`."""
        return F.relu(self.norm(torch.cat([self.convolution(x), F.max_pool2d(x, 2)], dim=1)))


class FactorizedBlock(nn.Module):
    """Two 3x3 convolutions, each as 3x1 and 1x3, around a shortcut; the second one dilated (figure 2c)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, (3, 1), padding=(1, 0)),
            nn.ReLU(),
            nn.Conv2d(channels, channels, (1, 3), padding=(0, 1)),
            nn.BatchNorm2d(channels, eps=1e-3),
            nn.ReLU(),
            nn.Conv2d(channels, channels, (3, 1), padding=(dilation, 0), dilation=(dilation, 1)),
            nn.ReLU(),
            nn.Conv2d(channels, channels, (1, 3), padding=(0, dilation), dilation=(1, dilation)),
            nn.BatchNorm2d(channels, eps=1e-3),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, channels, H, W]` to the same shape."""
        return F.relu(x + self.layers(x))


class Upsampler(nn.Sequential):
    """A transposed convolution that doubles the size (section III.B)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(outputs, eps=1e-3),
            nn.ReLU(),
        )


class ErfNet(nn.Sequential):
    """The layers of table I, from float `[B, 3, H, W]` to logits `[B, classes, H, W]`."""

    def __init__(self, classes: int = 19) -> None:
        super().__init__(
            Downsampler(3, 16),
            Downsampler(16, 64),
            *(FactorizedBlock(64, 1) for _ in range(5)),
            Downsampler(64, 128),
            *(FactorizedBlock(128, dilation) for dilation in _ENCODER_DILATIONS),
            Upsampler(128, 64),
            *(FactorizedBlock(64, 1) for _ in range(2)),
            Upsampler(64, 16),
            *(FactorizedBlock(16, 1) for _ in range(2)),
            nn.ConvTranspose2d(16, classes, 2, stride=2),
        )


class ErfNetDetector(nn.Module):
    """ERFNet between an image and a heatmap, with the inputs and outputs of every model package."""

    def __init__(self) -> None:
        super().__init__()
        self.net = ErfNet()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map uint8 `[1, H, W, 3]` to `score` float32 and `labels` uint8, both `[1, H, W]`."""
        logits = self.net(image.float().permute(0, 3, 1, 2) / 255)
        score = 1 - logits.softmax(dim=1).amax(dim=1)
        return score, logits.argmax(dim=1).float().to(torch.uint8)


def export_random_erfnet(height: int, width: int, path: Path) -> None:
    """Write the ONNX graph with random weights for images of one size, multiples of 8."""
    torch.manual_seed(0)
    example = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ErfNetDetector().eval(),
            (example,),
            str(path),
            input_names=["image"],
            output_names=["score", "labels"],
            opset_version=OPSET,
            dynamo=False,
        )
